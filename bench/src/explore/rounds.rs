//! A transition system in lock-step rounds, in small numbers: what every side of the comparison explores.

use std::fmt::Debug;
use std::hash::Hash;

/// The most processes of a measured system.
pub const PROCESSES_MAX: usize = 8;

/// What a process hears in a round: by sender a message, 0 for none.
pub type Inbox = [u8; PROCESSES_MAX];

/// A system of processes under omission faults. Nothing of it depends on who explores it, so that all sides
/// call the same local functions.
pub trait Rounds: Send + Sync + 'static {
    /// A local state. It determines what its process sends next.
    type Local: Copy + Eq + Ord + Hash + Debug + Default + Send + Sync + 'static;

    /// Servers and clients; servers come first.
    fn size(&self) -> (usize, usize);

    /// The processes that may be faulty together, as bits. Every message from or to one of them may be lost.
    fn faulty_sets(&self) -> &[u16];

    /// How many rounds there are; `None`: states of different rounds are one, and the system goes on until
    /// there are no new ones.
    fn rounds(&self) -> Option<u8>;

    /// How a process starts.
    fn start(&self, process: usize) -> Self::Local;

    /// The message that a process in this state sends to another; 0 for none.
    fn message(&self, process: usize, local: Self::Local, to: usize) -> u8;

    /// The next state, and what the monitor is to know of it; `request` is given in this round, 0 is none.
    fn step(&self, process: usize, local: Self::Local, request: u8, inbox: &Inbox) -> (Self::Local, u8);

    /// The monitor before the first round. A system without one has one state of it.
    fn monitor(&self) -> u16 {
        0
    }

    /// For each process the request that may be given to it now; 0 for none.
    fn requests(&self, _monitor: u16) -> Inbox {
        [0; PROCESSES_MAX]
    }

    /// The monitor after a round in which these clients were given their requests (as bits, the first client's
    /// the lowest) and the clients' events were these.
    fn observe(&self, monitor: u16, _asked: u16, _events: &[u8]) -> u16 {
        monitor
    }
}

/// A global state of `N` processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Global<L, const N: usize> {
    pub faulty: u16,
    pub monitor: u16,
    pub round: u8,
    pub locals: [L; N],
}

/// The states before the first round.
pub fn starts<R: Rounds, const N: usize>(rounds: &R) -> Vec<Global<R::Local, N>> {
    let start = |&faulty: &u16| Global {
        faulty,
        monitor: rounds.monitor(),
        round: 0,
        locals: std::array::from_fn(|process| rounds.start(process)),
    };
    rounds.faulty_sets().iter().map(start).collect()
}

/// Whether there is another round.
pub fn goes_on<R: Rounds>(rounds: &R, round: u8) -> bool {
    rounds.rounds().is_none_or(|last| round < last)
}

/// The number of the round after this one.
pub fn next_round<R: Rounds>(rounds: &R, round: u8) -> u8 {
    if rounds.rounds().is_some() { round + 1 } else { 0 }
}

/// What is sent in a round: for each receiver its inbox if nothing is lost, and which of it may be, as bits
/// by sender.
pub fn sent<R: Rounds, const N: usize>(
    rounds: &R,
    state: &Global<R::Local, N>,
) -> ([Inbox; N], [u8; N], u32) {
    let mut inboxes = [[0; PROCESSES_MAX]; N];
    let mut removable = [0u8; N];
    let mut count = 0;
    for (from, &local) in state.locals.iter().enumerate() {
        for to in (0..N).filter(|&to| to != from) {
            let message = rounds.message(from, local, to);
            inboxes[to][from] = message;
            if message != 0 && (state.faulty >> from | state.faulty >> to) & 1 == 1 {
                removable[to] |= 1 << from;
                count += 1;
            }
        }
    }
    (inboxes, removable, count)
}
