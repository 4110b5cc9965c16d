//! Two servers, a primary and its backup, hold the write-once register. In lock-step it tolerates the crash
//! of one server, whichever of the messages of its last round arrive, and any number of clients that omit
//! to send or to receive. It stops being right when a server can omit messages without having crashed: the
//! backup takes silence for a crash, both servers lead, and two clients are told different values. Sources:
//! Alsberg and Day, "A principle for resilient sharing of distributed resources", ICSE 1976; Budhiraja,
//! Marzullo, Schneider and Toueg, "The primary-backup approach", in Mullender (ed.), Distributed Systems,
//! 1993.
//!
//! # How it goes
//! - Clients send the pending request to both servers in every round until one answers.
//! - Each server sends the other a *beat* with its register in every round: silence is evidence of a crash.
//! - `s1` leads. `s2` leads from the first round on in which it hears nothing from `s1`; that is the view
//!   change, and it is final.
//! - A leader whose register is empty takes the first write that arrives; the backup copies the leader's
//!   beat.
//! - A leader answers with what is *committed*: what it beat in a round which it survived. Had it crashed in
//!   that round, some of its beats might not have arrived. To answer in the very round of the beat would be
//!   wrong for that reason, even though the beat is sent before the reply: a crash picks any subset.
//!
//! # Why it is right with one crash
//! If `s1` answered with `v`, it sent `v` to `s2` in an earlier round, which it survived, so `s2` had `v`
//! before it could come to lead. And `s2` leads only when `s1` has crashed, so nobody else answers then.

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, Protocol, Request, Step, Symmetry, System, Value};

use crate::UnsuitableSystem;
use crate::client::{self, Accepts, ClientMessage, ClientState};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrimaryBackup {
    replies: Replies,
    accepts: Accepts,
}

/// When a leader tells its register to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replies {
    /// When it has survived the round in which it told the backup.
    Replicated,
    /// In the round in which it tells the backup: broken on purpose.
    WithTheBeat,
    /// In the round before: broken on purpose.
    BeforeTheBeat,
}

impl PrimaryBackup {
    /// The protocol for this system, which needs exactly two servers.
    pub fn new(system: &System) -> Result<Self, UnsuitableSystem> {
        PrimaryBackup::with(system, Replies::Replicated, Accepts::ItsOwn)
    }

    /// The same with another choice of when to reply, or of which replies clients accept.
    pub(crate) fn with(
        system: &System,
        replies: Replies,
        accepts: Accepts,
    ) -> Result<Self, UnsuitableSystem> {
        if system.servers == 2 {
            Ok(PrimaryBackup { replies, accepts })
        } else {
            Err(UnsuitableSystem::PrimaryBackup { servers: system.servers })
        }
    }
}

/// What a process remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PrimaryBackupState {
    /// A server.
    Server(Replica),
    /// A client.
    Client(ClientState),
}

/// What a server remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Replica {
    /// Whether it leads.
    pub leads: bool,
    /// The register.
    pub register: Option<Value>,
    /// What of it may be told to clients: the register as it was in the last beat but this one.
    pub committed: Option<Value>,
}

/// What processes send.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PrimaryBackupMessage {
    /// From a server to the other: I am alive, and this is my register.
    Beat(Option<Value>),
    /// Between a client and a server.
    Client(ClientMessage),
}

impl Protocol for PrimaryBackup {
    type State = PrimaryBackupState;
    type Message = PrimaryBackupMessage;

    fn start(&self, me: Process, _: &System) -> Step<PrimaryBackupState, PrimaryBackupMessage> {
        match me {
            Process::Server(number) => {
                Replica { leads: number == 1, register: None, committed: None }.beat_and_reply(me, None, &[])
            }
            Process::Client(_) => Step::quiet(PrimaryBackupState::Client(ClientState::default())),
        }
    }

    fn step(
        &self,
        me: Process,
        state: &PrimaryBackupState,
        request: Option<&Request>,
        received: &[(Process, PrimaryBackupMessage)],
    ) -> Step<PrimaryBackupState, PrimaryBackupMessage> {
        match state {
            PrimaryBackupState::Server(replica) => {
                let next = replica.next(self.replies, received);
                let told = match self.replies {
                    Replies::BeforeTheBeat => &replica.register,
                    Replies::WithTheBeat | Replies::Replicated => &next.register,
                };
                let told = told.clone();
                next.beat_and_reply(me, told, received)
            }
            PrimaryBackupState::Client(client) => {
                let servers = [Process::Server(1), Process::Server(2)].into_iter();
                let replies = received.iter().filter_map(|(_, message)| client_message(message));
                let step = client::step_that_accepts(self.accepts, client, servers, request, replies);
                Step {
                    state: PrimaryBackupState::Client(step.state),
                    send: step
                        .send
                        .into_iter()
                        .map(|(to, message)| (to, PrimaryBackupMessage::Client(message)))
                        .collect(),
                    response: step.response,
                }
            }
        }
    }

    fn describe(&self, message: &PrimaryBackupMessage) -> String {
        match message {
            PrimaryBackupMessage::Beat(Some(value)) => format!("beat {value}"),
            PrimaryBackupMessage::Beat(None) => "beat".to_owned(),
            PrimaryBackupMessage::Client(message) => message.words(),
        }
    }

    /// No state and no message names a client, and who only reads changes nothing for anybody.
    fn symmetry(&self) -> Symmetry {
        Symmetry::READERS
    }
}

impl Replica {
    /// Its state after a round in which it received this.
    fn next(&self, replies: Replies, received: &[(Process, PrimaryBackupMessage)]) -> Replica {
        let beat = received.iter().find_map(|(_, message)| match message {
            PrimaryBackupMessage::Beat(register) => Some(register),
            PrimaryBackupMessage::Client(_) => None,
        });
        let leads = self.leads || beat.is_none();
        let register = self.register.clone().or_else(|| {
            if leads {
                requests(received).find_map(|(_, _, request)| request.value().cloned())
            } else {
                beat.cloned().flatten()
            }
        });
        // Its last beat left in a round that it has just survived.
        let committed = match replies {
            Replies::Replicated => self.register.clone(),
            Replies::WithTheBeat | Replies::BeforeTheBeat => register.clone(),
        };
        Replica { leads, register, committed }
    }

    /// The step to this state after a round in which it received this; its beat says `told`.
    fn beat_and_reply(
        self,
        me: Process,
        told: Option<Value>,
        received: &[(Process, PrimaryBackupMessage)],
    ) -> Step<PrimaryBackupState, PrimaryBackupMessage> {
        let other = Process::Server(3 - me.number());
        let mut send = vec![(other, PrimaryBackupMessage::Beat(told))];
        if self.leads {
            for (client, number, request) in requests(received) {
                // A read may be told that nothing is committed, a write has to wait.
                if self.committed.is_some() || *request == (Request::Read {}) {
                    let reply = ClientMessage::Reply { number, value: self.committed.clone() };
                    send.push((client, PrimaryBackupMessage::Client(reply)));
                }
            }
        }
        Step { state: PrimaryBackupState::Server(self), send, response: None }
    }
}

/// The requests among the messages: from which client, with which number, and what.
fn requests(received: &[(Process, PrimaryBackupMessage)]) -> impl Iterator<Item = (Process, u16, &Request)> {
    received.iter().filter_map(|(client, message)| match client_message(message)? {
        ClientMessage::Request { number, request } => Some((*client, *number, request)),
        ClientMessage::Reply { .. } => None,
    })
}

fn client_message(message: &PrimaryBackupMessage) -> Option<&ClientMessage> {
    match message {
        PrimaryBackupMessage::Client(message) => Some(message),
        PrimaryBackupMessage::Beat(_) => None,
    }
}
