use threeworlds_model::{Capability, Process, Request};

/// Processes that do the same in all worlds of a certificate: a group of servers, a group of clients that
/// ask for nothing, or a single process.
///
/// Links inside a block are never blocked, and a link between two blocks stands for all links between
/// their members. So the members of a block see the same, up to their own names: what is shown for blocks
/// holds for their members, whatever their number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// `G1`, or the name of its only process.
    pub name: String,
    /// Its members, sorted; all servers or all clients.
    pub members: Vec<Process>,
}

impl Block {
    /// A process alone.
    pub fn of(process: Process) -> Block {
        Block { name: process.to_string(), members: vec![process] }
    }

    /// Whether its members are clients.
    pub fn is_client(&self) -> bool {
        self.members[0].is_client()
    }
}

/// What the adversary may do to the members of a block in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fault {
    /// Crash, or which messages it may remove.
    pub capability: Capability,
    /// The phase, from 0, in which the members stop, if they crash. Zero for omissions.
    pub from: usize,
}

/// An epoch (however long, of the same length in all worlds) or, in a claim about rounds, one round.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Phase {
    /// Requests that are issued at its start, with the client's block; sorted, none twice.
    pub requests: Vec<(usize, Request)>,
    /// Links on which every message is lost throughout: sender's and receiver's block; sorted, none twice.
    pub blocked: Vec<(usize, usize)>,
}

/// A static world: who is faulty, and for each phase who asks for what and which links carry nothing.
///
/// A process's **view** at the end of a phase is decided by who can reach it: over all blocks from which
/// open links lead to it in the phase, who they are, what they ask for, from whom they receive, and what
/// they knew at the end of the phase before. If all of that is the same in two worlds, then in any
/// deterministic protocol and in every round of the phase the process receives the same in both: by
/// induction over the rounds, so do all those that can reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    /// `A`, `B`, `C`, ...
    pub name: String,
    /// By block: what may happen to it; `None` for the non-faulty.
    pub faulty: Vec<Option<Fault>>,
    /// One after the other.
    pub phases: Vec<Phase>,
}

impl World {
    /// Whether the members of a block have stopped by the end of this phase.
    pub fn stopped(&self, block: usize, phase: usize) -> bool {
        self.faulty[block].is_some_and(|fault| fault.capability == Capability::Crash && fault.from <= phase)
    }

    /// What a client's block asks for in a phase.
    pub fn request(&self, phase: usize, client: usize) -> Option<&Request> {
        let mut requests = self.phases.get(phase)?.requests.iter();
        requests.find(|(block, _)| *block == client).map(|(_, request)| request)
    }

    /// Whether nothing gets through on a link in a phase.
    pub fn is_blocked(&self, phase: usize, link: (usize, usize)) -> bool {
        self.phases[phase].blocked.binary_search(&link).is_ok()
    }
}
