//! What servers do with locks, whatever it is that they lock: the part of single-shot Paxos that
//! `lock_commit` and `replicated_state_machine` share. It takes any number of servers and any loss: of two
//! values at most one is ever committed. Sources: Dwork, Lynch and Stockmeyer, "Consensus in the presence of
//! partial synchrony", J. ACM 35(2), 1988 (locks, rotating leader); Lamport, "The part-time parliament", ACM
//! TOCS 16(2), 1998 (the vote with the highest ballot).
//!
//! # Views
//! A view has two rounds, and `s1`, `s2`, ... lead one each in turn. In the *report* round every server sends
//! every other its lock. At its end the leader, if it has the reports of a majority (its own counts),
//! proposes the value of the youngest lock among them, or any value if there is none, and locks it. In the
//! *propose* round the proposal is on its way, and who receives it locks it. At the end of the next report
//! round whoever sees locks of this view at a majority knows that their value is **committed**.
//!
//! # Why two values are never committed
//! Say a majority `Q` locked `v` in view `b`. By induction no later view proposes anything else: its leader
//! hears from a server of `Q`, whose lock is `v` from `b` or from a view in between, where `v` was proposed
//! too; and locks on other values are older, for in one view there is one proposal. All that is used of the
//! two majorities is that they share a server, so that `n - f` to propose and `f + 1` to commit do as well
//! (Howard, Malkhi and Spiegelman, "Flexible Paxos", OPODIS 2016).
//!
//! # Ages instead of ballots
//! All that is asked of two locks is which is younger, so a lock has an age, the views since it was made,
//! where Paxos has a ballot. Ages grow while nothing is committed, and only their order matters: all grow
//! together, at the end of a report round ([`threeworlds_model::Protocol::ages_of_state`]).

use serde::{Deserialize, Serialize};
use threeworlds_model::Process;

/// A value that a server has locked, and how many views ago; 0 in the view itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Locked<V> {
    /// Views since it was locked.
    pub age: u32,
    /// What is locked.
    pub value: V,
}

impl<V> Locked<V> {
    pub(crate) fn now(value: V) -> Self {
        Locked { age: 0, value }
    }

    /// The lock one view later.
    pub(crate) fn older(self) -> Self {
        Locked { age: self.age.saturating_add(1), ..self }
    }
}

/// What a leader may propose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proposal<V> {
    /// Nothing: it has not heard from a majority.
    Nothing,
    /// Whatever it likes.
    Anything,
    /// This, for it may be committed.
    Only(V),
}

/// The servers, and where in their views they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Views {
    pub(crate) servers: u16,
    /// From how many servers a leader has to hear.
    to_propose: u16,
    /// How many servers have to lock a value.
    to_commit: u16,
}

impl Views {
    /// Majorities for everything.
    pub(crate) fn by_majority(servers: u16) -> Self {
        let majority = servers / 2 + 1;
        Views { servers, to_propose: majority, to_commit: majority }
    }

    /// `n - f` to propose and `f + 1` to commit: any two of these share a server too.
    pub(crate) fn by_faults(servers: u16, faults: u16) -> Self {
        Views { servers, to_propose: servers - faults.min(servers), to_commit: faults + 1 }
    }

    /// Whether this round, counted from 0 through the views of all leaders and round again, is a report
    /// round.
    pub(crate) fn is_report(self, clock: u16) -> bool {
        clock.is_multiple_of(2)
    }

    /// Whether the process leads the view of this round.
    pub(crate) fn leads(self, me: Process, clock: u16) -> bool {
        me.number() == clock / 2 + 1
    }

    pub(crate) fn next(self, clock: u16) -> u16 {
        (clock + 1) % (2 * self.servers)
    }

    /// Whether so many reports are enough to propose. They are enough to say that nothing is committed, if
    /// all of them say that nothing is locked.
    pub(crate) fn may_propose(self, reports: usize) -> bool {
        reports >= usize::from(self.to_propose)
    }

    /// Whether a value that so many servers locked in one view is committed.
    pub(crate) fn is_committed(self, locks: usize) -> bool {
        locks >= usize::from(self.to_commit)
    }

    pub(crate) fn others(self, me: Process) -> impl Iterator<Item = Process> {
        (1..=self.servers).map(Process::Server).filter(move |&server| server != me)
    }

    /// The value that these locks, of a report round, show to be committed.
    pub(crate) fn committed<'a, V>(
        self,
        locks: impl Iterator<Item = Option<&'a Locked<V>>>,
    ) -> Option<&'a V> {
        // Those of age 0 are all of one view, so of one value.
        let fresh: Vec<&V> = locks.flatten().filter(|lock| lock.age == 0).map(|lock| &lock.value).collect();
        self.is_committed(fresh.len()).then(|| fresh[0])
    }

    /// What the leader may propose that has these reports, its own among them.
    pub(crate) fn proposal<'a, V: Clone + 'a>(
        self,
        reports: impl Iterator<Item = Option<&'a Locked<V>>>,
    ) -> Proposal<V> {
        let reports: Vec<Option<&Locked<V>>> = reports.collect();
        if !self.may_propose(reports.len()) {
            return Proposal::Nothing;
        }
        match reports.into_iter().flatten().min_by_key(|lock| lock.age) {
            None => Proposal::Anything,
            Some(youngest) => Proposal::Only(youngest.value.clone()),
        }
    }
}
