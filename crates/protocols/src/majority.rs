//! Any number of servers hold the write-once register, and every step needs a majority of them. In
//! lock-step it tolerates `f < n/2` servers and any clients that omit to send or to receive (so also
//! crashes). With `f >= n/2` it stops being live and stays safe, and so it does before GST under partial
//! synchrony. After GST it is live again unless the loss went on for so long that two locks on different
//! values both reached the oldest [age](#the-age-of-a-lock) that is told apart: that is the price of finite
//! states, and [`Majority::with_oldest_age`] moves it. Sources: Dwork, Lynch and Stockmeyer, "Consensus in
//! the presence of partial synchrony", J. ACM 35(2), 1988 (locks, rotating leader); Lamport, "The part-time
//! parliament", ACM TOCS 16(2), 1998 (the vote with the highest ballot); omission failures with `n > 2f`
//! go back to Perry and Toueg, IEEE TSE 12(3), 1986.
//!
//! # How it goes
//! A *view* has two rounds, and `s1`, `s2`, ... lead one view each in turn.
//! - *Report*: every server sends every other its lock. The leader of the view, if it has the reports of a
//!   majority (its own counts), takes the value of the youngest lock among them, or if there is none the
//!   first write that reached it in this round; it locks that value with age 0.
//! - *Propose*: the leader sends the value to all, and who receives it locks it with age 0.
//! - In the report round of the next view, whoever sees age-0 locks on a value at a majority *decides* it,
//!   and from then on tells everybody in every round.
//!
//! Clients send the pending request to every server in every round. A server that has decided tells them
//! the value. A reader that hears from a majority in one round that they have no lock is told bottom. Both
//! are facts about the server, whichever request they came for, so that requests need no ids.
//!
//! # Why it is safe, whatever is lost
//! Say `v` was decided: a majority `Q` locked it in one view `b`. No server locks another value later:
//! every later leader hears from a server of `Q`, which has a lock on `v` from `b` or later, while locks on
//! other values are from before `b`, hence older. (In one view there is one proposal.) So every decision is
//! `v`, and as a majority has a lock on it, no reader finds a majority without.
//!
//! # The age of a lock
//! Ballots that grow for ever would make infinitely many states. All that is asked of two locks is which is
//! younger, so a lock has an age instead: the views since it was made. It stops at an oldest age, and there
//! two locks on different values may look alike. Then the leader counts: a lock whose holders, together
//! with the servers it did not hear from, are no majority was never decided, and is left out. What is left
//! contains `v` if `v` was decided, since `Q` is among holders and unheard. If two values are left it
//! proposes nothing; if none is, nothing was decided and it takes the least of the values. So the argument
//! above still holds.
//!
//! # Why it is live in lock-step with f < n/2 faulty servers
//! A non-faulty leader hears from all `n - f` non-faulty servers, a majority, and they all lock what it
//! proposes and hear of each other's locks: all decide. So what remains is that it proposes when there is
//! a write or a lock at a non-faulty server. At most `f` views in a row are led by faulty servers, so a
//! lock at an undecided non-faulty server is younger than `f`: with `f` as the oldest age (1 if `f` is 0)
//! the youngest lock is of one value. Else all locks are at faulty servers, at most `f` with those that it
//! did not hear from, and counting leaves all of them out.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::num::NonZeroU8;

use threeworlds_model::{Process, Protocol, Request, Response, Step, Symmetry, System, Value};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Majority {
    servers: u16,
    oldest_age: u8,
    /// How many servers every step needs: a majority, unless it is broken on purpose.
    quorum: u16,
}

/// What a process remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MajorityState {
    /// A server that has not decided.
    Undecided {
        /// The next round, counted from 0 through the views of all leaders and round again: report of the
        /// view of `s1`, propose of it, report of the view of `s2`, and so on.
        clock: u16,
        /// The lock, if it has one.
        lock: Option<Lock>,
    },
    /// A server that has decided.
    Decided(Value),
    /// A client, with the request that is not answered.
    Client(Option<Request>),
}

/// A value that a server accepted from a leader.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lock {
    /// How many views ago; the oldest age stands for all beyond.
    pub age: u8,
    /// The value.
    pub value: Value,
}

/// What processes send.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MajorityMessage {
    /// From a client: a write or a read.
    Request(Request),
    /// From a server to the others: its lock.
    Report(Option<Lock>),
    /// From the leader to the other servers.
    Propose(Value),
    /// From a server to everybody who is interested.
    Decided(Value),
    /// From a server to a reader: it has no lock.
    Unlocked,
}

impl Majority {
    /// The protocol for this system, with the least oldest age with which it is live in lock-step.
    pub fn new(system: &System) -> Self {
        Majority::with_oldest_age(
            system,
            NonZeroU8::new(u8::try_from(system.faults).unwrap_or(u8::MAX)).unwrap_or(NonZeroU8::MIN),
        )
    }

    /// The protocol for this system with another oldest age. The higher it is, the longer messages may be
    /// lost before GST without harm to Termination after it, and the more states there are.
    pub fn with_oldest_age(system: &System, oldest_age: NonZeroU8) -> Self {
        Majority { servers: system.servers, oldest_age: oldest_age.get(), quorum: system.servers / 2 + 1 }
    }

    /// The same with half of the servers where a majority is needed.
    pub(crate) fn with_half_quorum(system: &System) -> Self {
        Majority { quorum: system.servers / 2, ..Majority::new(system) }
    }
}

impl Protocol for Majority {
    type State = MajorityState;
    type Message = MajorityMessage;

    fn start(&self, me: Process, _: &System) -> Step<MajorityState, MajorityMessage> {
        match me {
            Process::Server(_) => {
                let send = self.for_others(me, &MajorityMessage::Report(None));
                Step { state: MajorityState::Undecided { clock: 0, lock: None }, send, response: None }
            }
            Process::Client(_) => Step::quiet(MajorityState::Client(None)),
        }
    }

    fn step(
        &self,
        me: Process,
        state: &MajorityState,
        request: Option<&Request>,
        received: &[(Process, MajorityMessage)],
    ) -> Step<MajorityState, MajorityMessage> {
        match state {
            MajorityState::Client(pending) => self.client(request.or(pending.as_ref()), received),
            MajorityState::Undecided { clock, lock } => {
                match self.decision(*clock, lock.as_ref(), received) {
                    Some(value) => self.decided(me, value, received),
                    None => self.undecided(me, *clock, lock.as_ref(), received),
                }
            }
            MajorityState::Decided(value) => self.decided(me, value, received),
        }
    }

    fn describe(&self, message: &MajorityMessage) -> String {
        match message {
            MajorityMessage::Request(request) => match request.value() {
                Some(value) => format!("{} {value}", request.kind()),
                None => request.kind().to_owned(),
            },
            MajorityMessage::Report(None) => "report".to_owned(),
            MajorityMessage::Report(Some(Lock { age, value })) => format!("report {value} age {age}"),
            MajorityMessage::Propose(value) => format!("propose {value}"),
            MajorityMessage::Decided(value) => format!("decided {value}"),
            MajorityMessage::Unlocked => "unlocked".to_owned(),
        }
    }

    /// No state and no message names a client, and who only reads changes nothing for anybody.
    fn symmetry(&self) -> Symmetry {
        Symmetry::READERS
    }
}

/// Servers.
impl Majority {
    /// What is decided after a round in which this arrived: what another server says, or what a majority
    /// has just locked.
    fn decision<'a>(
        &self,
        clock: u16,
        lock: Option<&'a Lock>,
        received: &'a [(Process, MajorityMessage)],
    ) -> Option<&'a Value> {
        let told = received.iter().find_map(|(_, message)| match message {
            MajorityMessage::Decided(value) => Some(value),
            _ => None,
        });
        told.or_else(|| {
            if !is_report(clock) {
                return None;
            }
            // The locks of age 0 are all from the last view, so of one value.
            let mut fresh = reports(lock, received).flatten().filter(|lock| lock.age == 0).peekable();
            let value = &fresh.peek()?.value;
            self.is_majority(fresh.count()).then_some(value)
        })
    }

    /// What the leader proposes after a report round in which this arrived.
    fn proposal(&self, own: Option<&Lock>, received: &[(Process, MajorityMessage)]) -> Option<Value> {
        let heard = reports(own, received).count();
        if !self.is_majority(heard) {
            return None;
        }
        let locks = || reports(own, received).flatten();
        let Some(youngest) = locks().map(|lock| lock.age).min() else {
            return received.iter().find_map(|(_, message)| match message {
                MajorityMessage::Request(request) => request.value().cloned(),
                _ => None,
            });
        };
        let values: BTreeSet<&Value> =
            locks().filter(|lock| lock.age == youngest).map(|lock| &lock.value).collect();
        if values.len() == 1 {
            return values.first().copied().cloned();
        }
        debug_assert_eq!(youngest, self.oldest_age, "one view, two proposals: {values:?}");
        let unheard = usize::from(self.servers) - heard;
        let holders = |value: &Value| locks().filter(|lock| lock.value == *value).count();
        let perhaps_decided: Vec<&Value> =
            values.iter().copied().filter(|value| self.is_majority(holders(value) + unheard)).collect();
        match perhaps_decided[..] {
            [] => values.first().copied().cloned(),
            [value] => Some(value.clone()),
            _ => None,
        }
    }

    /// A round that leaves the server undecided.
    fn undecided(
        &self,
        me: Process,
        clock: u16,
        lock: Option<&Lock>,
        received: &[(Process, MajorityMessage)],
    ) -> Step<MajorityState, MajorityMessage> {
        let mut send = Vec::new();
        let lock = if is_report(clock) {
            let leads = me.number() == clock / 2 + 1;
            match leads.then(|| self.proposal(lock, received)).flatten() {
                Some(value) => {
                    send = self.for_others(me, &MajorityMessage::Propose(value.clone()));
                    Some(Lock { age: 0, value })
                }
                None => lock
                    .map(|lock| Lock { age: self.oldest_age.min(lock.age + 1), value: lock.value.clone() }),
            }
        } else {
            let accepted = received.iter().find_map(|(_, message)| match message {
                MajorityMessage::Propose(value) => Some(Lock { age: 0, value: value.clone() }),
                _ => None,
            });
            let lock = accepted.or_else(|| lock.cloned());
            send = self.for_others(me, &MajorityMessage::Report(lock.clone()));
            lock
        };
        if lock.is_none() {
            let reads = |message: &MajorityMessage| *message == MajorityMessage::Request(Request::Read {});
            let readers = received.iter().filter(|(_, message)| reads(message));
            send.extend(readers.map(|(client, _)| (*client, MajorityMessage::Unlocked)));
        }
        let clock = (clock + 1) % (2 * self.servers);
        Step { state: MajorityState::Undecided { clock, lock }, send, response: None }
    }

    /// Every round from the decision on.
    fn decided(
        &self,
        me: Process,
        value: &Value,
        received: &[(Process, MajorityMessage)],
    ) -> Step<MajorityState, MajorityMessage> {
        let decided = MajorityMessage::Decided(value.clone());
        let mut send = self.for_others(me, &decided);
        let clients = received.iter().map(|(from, _)| *from).filter(|from| from.is_client());
        send.extend(clients.map(|client| (client, decided.clone())));
        Step { state: MajorityState::Decided(value.clone()), send, response: None }
    }

    fn is_majority(&self, servers: usize) -> bool {
        servers >= usize::from(self.quorum)
    }

    fn for_others(&self, me: Process, message: &MajorityMessage) -> Vec<(Process, MajorityMessage)> {
        let all = (1..=self.servers).map(Process::Server);
        all.filter(|&server| server != me).map(|server| (server, message.clone())).collect()
    }
}

/// Clients.
impl Majority {
    fn client(
        &self,
        pending: Option<&Request>,
        received: &[(Process, MajorityMessage)],
    ) -> Step<MajorityState, MajorityMessage> {
        let Some(request) = pending else { return Step::quiet(MajorityState::Client(None)) };
        let unlocked = received.iter().filter(|(_, message)| *message == MajorityMessage::Unlocked).count();
        let decided = received.iter().find_map(|(_, message)| match message {
            MajorityMessage::Decided(value) => Some(value.clone()),
            _ => None,
        });
        if decided.is_some() || (*request == Request::Read {} && self.is_majority(unlocked)) {
            let response = Some(Response::Value(decided));
            return Step { state: MajorityState::Client(None), send: Vec::new(), response };
        }
        let servers = (1..=self.servers).map(Process::Server);
        let send = servers.map(|server| (server, MajorityMessage::Request(request.clone()))).collect();
        Step { state: MajorityState::Client(Some(request.clone())), send, response: None }
    }
}

/// Whether this round of the views is a report round; the others are propose rounds.
fn is_report(clock: u16) -> bool {
    clock.is_multiple_of(2)
}

/// The reports that a server has after a round, its own among them.
fn reports<'a>(
    own: Option<&'a Lock>,
    received: &'a [(Process, MajorityMessage)],
) -> impl Iterator<Item = Option<&'a Lock>> {
    let others = received.iter().filter_map(|(_, message)| match message {
        MajorityMessage::Report(lock) => Some(lock.as_ref()),
        _ => None,
    });
    std::iter::once(own).chain(others)
}
