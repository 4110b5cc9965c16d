//! Any number of servers hold the write-once register, and every step needs a majority of them: single-shot
//! Paxos in rounds. It tolerates `f < n/2` servers and any clients that omit to send or to receive (so also
//! crashes), in lock-step and under partial synchrony: it is always safe, and live from GST on. With
//! `f >= n/2` it stops being live and stays safe. It is `majority` without its flaw: locks are told apart by
//! their age however old they are, so that the loss before GST may last as long as it likes; the price is a
//! number that grows while nothing is decided. Sources: see [`crate::locks`]; omission failures with
//! `n > 2f` go back to Perry and Toueg, IEEE TSE 12(3), 1986.
//!
//! # How it goes
//! The servers lock in views ([`crate::locks`]). The leader that may propose anything proposes the first
//! write that reached it in this round. Who knows a value to be committed *decides* it, and tells everybody
//! in every round from then on.
//!
//! Clients send the pending request to every server in every round. A server that has decided tells them
//! the value. A reader that hears from a majority in one round that they have no lock is told bottom: nothing
//! was committed then, for each majority shares a server with that one. Both are facts about the server,
//! whichever request they came for, so that requests need no ids.
//!
//! # Why it is live with f < n/2 faulty servers
//! From GST on the `n - f` non-faulty servers, a majority, hear each other. So a non-faulty leader can
//! propose: the value of the youngest lock, or a write that a non-faulty client sends it in every round. All
//! non-faulty servers lock it, report that, and decide.

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, Protocol, Request, Response, Step, System, Value};

use crate::locks::{Locked, Proposal, Views};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockCommit {
    views: Views,
    /// Whether servers tell clients of their locks.
    notifies: bool,
}

/// What a process remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LockCommitState {
    /// A server that has not decided.
    Undecided {
        /// The next round, counted from 0 through the views of all leaders and round again.
        clock: u16,
        /// The lock, if it has one.
        lock: Option<Locked<Value>>,
    },
    /// A server that has decided.
    Decided(Value),
    /// A client, with the request that is not answered.
    Client(Option<Request>),
}

/// What processes send.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LockCommitMessage {
    /// From a client.
    Request(Request),
    /// In a report round: the sender's lock.
    Report(Option<Locked<Value>>),
    /// In a propose round, from the leader.
    Propose(Value),
    /// The value is decided.
    Decided(Value),
    /// To a client that reads: the sender has no lock.
    Unlocked,
    /// To a client, in a report round, by [`crate::CommitNotify`]: the sender has locked this in the view.
    JustLocked(Value),
}

use LockCommitMessage::{Decided, JustLocked, Propose, Report, Unlocked};

impl LockCommit {
    /// The protocol for this system.
    pub fn new(system: &System) -> Self {
        LockCommit { views: Views::by_majority(system.servers), notifies: false }
    }

    /// The one in which servers also tell clients what they have just locked: [`crate::CommitNotify`].
    pub(crate) fn notifying(system: &System) -> Self {
        LockCommit { views: Views::by_faults(system.servers, system.faults), notifies: true }
    }
}

impl Protocol for LockCommit {
    type State = LockCommitState;
    type Message = LockCommitMessage;

    fn start(&self, me: Process, _: &System) -> Step<LockCommitState, LockCommitMessage> {
        match me {
            Process::Server(_) => {
                let send = self.for_others(me, &Report(None));
                Step { state: LockCommitState::Undecided { clock: 0, lock: None }, send, response: None }
            }
            Process::Client(_) => Step::quiet(LockCommitState::Client(None)),
        }
    }

    fn step(
        &self,
        me: Process,
        state: &LockCommitState,
        request: Option<&Request>,
        received: &[(Process, LockCommitMessage)],
    ) -> Step<LockCommitState, LockCommitMessage> {
        match state {
            LockCommitState::Client(pending) => self.client(request.or(pending.as_ref()), received),
            LockCommitState::Decided(value) => self.decided(me, value, received),
            LockCommitState::Undecided { clock, lock } => {
                let told = received.iter().find_map(|(_, message)| match message {
                    Decided(value) => Some(value),
                    _ => None,
                });
                let seen = || self.views.committed(reports(lock.as_ref(), received));
                match told.or_else(|| self.views.is_report(*clock).then(seen).flatten()) {
                    Some(value) => self.decided(me, value, received),
                    None => self.undecided(me, *clock, lock.as_ref(), received),
                }
            }
        }
    }

    fn describe(&self, message: &LockCommitMessage) -> String {
        match message {
            LockCommitMessage::Request(request) => match request.value() {
                Some(value) => format!("{} {value}", request.kind()),
                None => request.kind().to_owned(),
            },
            Report(None) => "report".to_owned(),
            Report(Some(Locked { age, value })) => format!("report {value} age {age}"),
            Propose(value) => format!("propose {value}"),
            Decided(value) => format!("decided {value}"),
            Unlocked => "unlocked".to_owned(),
            JustLocked(value) => format!("locked {value}"),
        }
    }

    fn ages_of_state(&self, state: &mut LockCommitState, visit: &mut dyn FnMut(&mut u32)) {
        if let LockCommitState::Undecided { lock: Some(lock), .. } = state {
            visit(&mut lock.age);
        }
    }

    fn ages_of_message(&self, message: &mut LockCommitMessage, visit: &mut dyn FnMut(&mut u32)) {
        if let Report(Some(lock)) = message {
            visit(&mut lock.age);
        }
    }
}

/// Servers.
impl LockCommit {
    /// A round that leaves the server undecided.
    fn undecided(
        &self,
        me: Process,
        clock: u16,
        lock: Option<&Locked<Value>>,
        received: &[(Process, LockCommitMessage)],
    ) -> Step<LockCommitState, LockCommitMessage> {
        let mut send = Vec::new();
        let lock = if self.views.is_report(clock) {
            let proposal = match self.views.leads(me, clock) {
                true => self.views.proposal(reports(lock, received)),
                false => Proposal::Nothing,
            };
            let value = match proposal {
                Proposal::Nothing => None,
                Proposal::Only(value) => Some(value),
                Proposal::Anything => received.iter().find_map(|(_, message)| match message {
                    LockCommitMessage::Request(request) => request.value().cloned(),
                    _ => None,
                }),
            };
            match value {
                Some(value) => {
                    send = self.for_others(me, &Propose(value.clone()));
                    Some(Locked::now(value))
                }
                None => lock.cloned().map(Locked::older),
            }
        } else {
            let accepted = received.iter().find_map(|(_, message)| match message {
                Propose(value) => Some(Locked::now(value.clone())),
                _ => None,
            });
            let lock = accepted.or_else(|| lock.cloned());
            send = self.for_others(me, &Report(lock.clone()));
            if let (true, Some(Locked { age: 0, value })) = (self.notifies, &lock) {
                let clients = received.iter().map(|(from, _)| *from).filter(|from| from.is_client());
                send.extend(clients.map(|client| (client, JustLocked(value.clone()))));
            }
            lock
        };
        if lock.is_none() {
            let reads =
                |message: &LockCommitMessage| *message == LockCommitMessage::Request(Request::Read {});
            let readers = received.iter().filter(|(_, message)| reads(message));
            send.extend(readers.map(|(client, _)| (*client, Unlocked)));
        }
        let clock = self.views.next(clock);
        Step { state: LockCommitState::Undecided { clock, lock }, send, response: None }
    }

    /// Every round from the decision on.
    fn decided(
        &self,
        me: Process,
        value: &Value,
        received: &[(Process, LockCommitMessage)],
    ) -> Step<LockCommitState, LockCommitMessage> {
        let decided = Decided(value.clone());
        let mut send = self.for_others(me, &decided);
        let clients = received.iter().map(|(from, _)| *from).filter(|from| from.is_client());
        send.extend(clients.map(|client| (client, decided.clone())));
        Step { state: LockCommitState::Decided(value.clone()), send, response: None }
    }

    fn for_others(&self, me: Process, message: &LockCommitMessage) -> Vec<(Process, LockCommitMessage)> {
        self.views.others(me).map(|server| (server, message.clone())).collect()
    }
}

/// Clients.
impl LockCommit {
    fn client(
        &self,
        pending: Option<&Request>,
        received: &[(Process, LockCommitMessage)],
    ) -> Step<LockCommitState, LockCommitMessage> {
        let Some(request) = pending else { return Step::quiet(LockCommitState::Client(None)) };
        let unlocked = received.iter().filter(|(_, message)| *message == Unlocked).count();
        let just_locked = received.iter().filter(|(_, message)| matches!(message, JustLocked(_))).count();
        let decided = received.iter().find_map(|(_, message)| match message {
            Decided(value) => Some(value.clone()),
            // All that are told in one round are of one view.
            JustLocked(value) if self.views.is_committed(just_locked) => Some(value.clone()),
            _ => None,
        });
        if decided.is_some() || (*request == Request::Read {} && self.views.may_propose(unlocked)) {
            let response = Some(Response::Value(decided));
            return Step { state: LockCommitState::Client(None), send: Vec::new(), response };
        }
        let servers = (1..=self.views.servers).map(Process::Server);
        let send = servers.map(|server| (server, LockCommitMessage::Request(request.clone()))).collect();
        Step { state: LockCommitState::Client(Some(request.clone())), send, response: None }
    }
}

/// The reports that a server has after a round, its own among them.
fn reports<'a>(
    own: Option<&'a Locked<Value>>,
    received: &'a [(Process, LockCommitMessage)],
) -> impl Iterator<Item = Option<&'a Locked<Value>>> {
    let others = received.iter().filter_map(|(_, message)| match message {
        Report(lock) => Some(lock.as_ref()),
        _ => None,
    });
    std::iter::once(own).chain(others)
}
