//! `lock_commit` that answers one round earlier: a server that has just locked a value tells the clients that
//! ask, beside telling the other servers, and a client that hears of `f + 1` such locks in one round knows
//! itself that the value is committed. It tolerates `f < n/2` servers and any clients that omit to send or
//! to receive (so also crashes), in lock-step and from GST on under partial synchrony; with `f >= n/2` it
//! stops being live and stays safe. The price is that the first to be answered waits for `f + 1` servers
//! where one is enough for a client of `lock_commit`, and that the protocol has to know `f`. Sources: those
//! of `lock_commit`; Lamport, "Fast Paxos", Distributed Computing 19(2), 2006 (learners beside the
//! acceptors); Howard, Malkhi and Spiegelman, "Flexible Paxos", OPODIS 2016 (`n - f` to propose, `f + 1` to
//! commit).

use threeworlds_model::{Process, Protocol, Request, Step, System};

use crate::{LockCommit, LockCommitMessage, LockCommitState};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitNotify(LockCommit);

impl CommitNotify {
    /// The protocol for this system.
    pub fn new(system: &System) -> Self {
        CommitNotify(LockCommit::notifying(system))
    }
}

impl Protocol for CommitNotify {
    type State = LockCommitState;
    type Message = LockCommitMessage;

    fn start(&self, me: Process, system: &System) -> Step<LockCommitState, LockCommitMessage> {
        self.0.start(me, system)
    }

    fn step(
        &self,
        me: Process,
        state: &LockCommitState,
        request: Option<&Request>,
        received: &[(Process, LockCommitMessage)],
    ) -> Step<LockCommitState, LockCommitMessage> {
        self.0.step(me, state, request, received)
    }

    fn describe(&self, message: &LockCommitMessage) -> String {
        self.0.describe(message)
    }

    fn ages_of_state(&self, state: &mut LockCommitState, visit: &mut dyn FnMut(&mut u32)) {
        self.0.ages_of_state(state, visit);
    }

    fn ages_of_message(&self, message: &mut LockCommitMessage, visit: &mut dyn FnMut(&mut u32)) {
        self.0.ages_of_message(message, visit);
    }
}
