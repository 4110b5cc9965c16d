use threeworlds_model::{Assignment, System};

use crate::explore::{Observer, Progress, StopReason};

/// Who hears whom, for how many rounds.
pub(super) struct Network {
    pub(super) system: System,
    pub(super) servers: usize,
    pub(super) clients: usize,
    /// By receiver: the set of those that are linked to it.
    pub(super) senders: Vec<u64>,
    pub(super) rounds: u32,
}

impl Network {
    pub(super) fn new(system: System, rounds: u32) -> Self {
        let linked = |to| {
            let from = system.processes().filter(move |&from| system.linked(from, to));
            from.fold(0u64, |set, from| set | 1 << system.index(from))
        };
        Network {
            system,
            servers: usize::from(system.servers),
            clients: usize::from(system.clients),
            senders: system.processes().map(linked).collect(),
            rounds,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.servers + self.clients
    }

    /// The set of all clients, by their positions among the clients.
    pub(super) fn all_clients(&self) -> u64 {
        (1u64 << self.clients) - 1
    }
}

/// A part of the executions: what the adversary may do, and which clients are asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) assignment: Assignment,
    /// By position among the clients.
    pub(super) asked: u64,
}

/// Counts, and asks the observer now and then.
pub(super) struct Meter<'o> {
    pub(super) observer: &'o mut dyn Observer,
    /// States met.
    pub(super) states: usize,
    ticks: u32,
}

impl<'o> Meter<'o> {
    const OBSERVE_EVERY: u32 = 1 << 12;

    pub(super) fn new(observer: &'o mut dyn Observer) -> Self {
        Meter { observer, states: 0, ticks: Self::OBSERVE_EVERY - 1 }
    }

    /// Counts this much work.
    pub(super) fn tick(
        &mut self,
        work: u32,
        round: u32,
        bytes: impl FnOnce() -> usize,
    ) -> Result<(), StopReason> {
        self.ticks = self.ticks.saturating_add(work);
        if self.ticks < Self::OBSERVE_EVERY {
            return Ok(());
        }
        self.ticks = 0;
        let states = self.states;
        let bytes = bytes();
        let progress = Progress { round, states, frontier: states, expanded: states, bytes };
        self.observer.observe(&progress).map_or(Ok(()), Err)
    }
}

/// All subsets, the empty one first.
pub(super) fn subsets(set: u64) -> impl Iterator<Item = u64> {
    let mut next = Some(0u64);
    std::iter::from_fn(move || {
        let this = next?;
        let following = this.wrapping_sub(set) & set;
        next = (following != 0).then_some(following);
        Some(this)
    })
}

/// The members of a set, from the least.
pub(super) fn members(set: u64) -> impl Iterator<Item = usize> {
    let mut left = set;
    std::iter::from_fn(move || {
        let least = (left != 0).then(|| left.trailing_zeros() as usize)?;
        left &= left - 1;
        Some(least)
    })
}
