//! The clients are equal replicas that hear the same from two servers, and blame a server that they miss. In
//! lock-step it tolerates one of two servers that fails in any way there is (it crashes, omits to send, to
//! receive, or both), and any number of clients that omit to send or crash; it needs no links between
//! clients. With a client that omits to receive Agreement falls, and if both servers may fail as well. So
//! clients that omit only to send do not make the bound `f < n/2` of clients that omit both; with three
//! servers, two of them faulty, no protocol serves such clients. It was made for this place on the map, from
//! what others do: a process that finds itself faulty halts (Perry and Toueg, "Distributed agreement in the
//! presence of processor and communication faults", IEEE TSE 12(3), 1986), and who misses a message says so
//! (Hadzilacos, "Issues of fault tolerance in concurrent computations", Harvard TR-11-84, 1984).
//!
//! # How it goes
//! - A client that is to write sends its value to both servers in every round until it is answered. A server
//!   tells all clients in every round, in the same words, what it received in the round before. It
//!   remembers nothing.
//! - The first write that a client hears of, from s1 rather than s2 and by the order of clients, is the
//!   *candidate*. Two rounds later, if no server has been blamed, it is the register.
//! - A client that misses a server in some round *blames* it, once, in its next message to both. If the
//!   other server does not pass on a blame of that server two rounds after the one that was missed, the
//!   client is itself faulty and halts.
//! - A server is blamed if the other one passes that on. From then on only the other one counts: the
//!   candidate stands if it was heard of before the round that was missed; else the register is the first
//!   write that the other one has told of since the beginning, or will.
//! - A client answers a read with bottom if it has no candidate and blames nobody.
//!
//! # Why it is right
//! A client receives whatever a server sends that is not faulty, so who misses a server knows that this one
//! is faulty and the other is not, and that its own blame, if it is not passed on, was lost by itself.
//! What the server that is not faulty says reaches all clients in the same round. So those that have not
//! halted hear of the first blame together, and know which round it speaks of: two rounds before. All of
//! them received both servers in every round before that one, and have the same candidate from there. A
//! candidate that is answered with has had its two rounds, so no blame speaks of the round in which it was
//! heard of, or of an earlier one: every client that has not halted has heard of it. A write that its
//! client did not lose reaches the server that is not faulty, so it takes at most 4 rounds, and no protocol
//! needs fewer.

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, Protocol, Renaming, Request, Response, Step, Symmetry, System, Value};

use crate::registry::UnsuitableSystem;

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientBlame {
    clients: u16,
}

/// What a client says to both servers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Word {
    /// What it is to write.
    pub write: Option<Value>,
    /// The server that it missed in the last round, by number.
    pub blame: Option<u16>,
}

/// What processes send.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ClientBlameMessage {
    /// From a client to a server.
    Word(Word),
    /// From a server to all clients: what it received in the round before.
    Heard(Vec<(Process, Word)>),
}

/// What a process remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientBlameState {
    /// A server, which remembers nothing.
    Relay,
    /// A client.
    Replica(Replica),
    /// A client that is faulty and knows it.
    Halted,
}

/// What a client remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Replica {
    following: Following,
    pending: Option<Request>,
    /// The candidate, and for how many rounds it has been one, up to [`STANDS`].
    candidate: Option<(Value, u8)>,
    /// The first write that each server told of, until the register is known.
    first: [Option<Value>; 2],
}

/// Whom a client listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Following {
    Both,
    /// It misses a server, and waits for so many rounds to be heard.
    Blaming {
        server: u16,
        rounds: u8,
    },
    /// The other one has been blamed.
    Only(u16),
}

/// Rounds after which a candidate is the register if nobody has been blamed.
const SETTLED: u8 = 2;
/// Rounds after which it is, whoever is blamed.
const STANDS: u8 = 3;

impl ClientBlame {
    /// The protocol for this system, which needs two servers.
    pub fn new(system: &System) -> Result<Self, UnsuitableSystem> {
        match system.servers {
            2 => Ok(ClientBlame { clients: system.clients }),
            servers => Err(UnsuitableSystem::ClientBlame { servers }),
        }
    }

    fn relay(&self, heard: &[(Process, Word)]) -> Step<ClientBlameState, ClientBlameMessage> {
        let to = (1..=self.clients).map(Process::Client);
        let send = to.map(|client| (client, ClientBlameMessage::Heard(heard.to_vec()))).collect();
        Step { state: ClientBlameState::Relay, send, response: None }
    }
}

impl Replica {
    /// After a round in which the servers told this, `None` if nothing arrived: the blame to send, or `None`
    /// in place of all of it if the client halts.
    fn hears(&mut self, told: [Option<&[(Process, Word)]>; 2]) -> Option<Option<u16>> {
        let of = |server: u16| told[usize::from(server) - 1];
        let is_blamed = |server: u16| {
            of(other(server)).is_some_and(|told| told.iter().any(|(_, word)| word.blame == Some(server)))
        };
        if let Some((_, rounds)) = &mut self.candidate {
            *rounds = (*rounds + 1).min(STANDS);
        }
        for (first, told) in self.first.iter_mut().zip(told) {
            if first.is_none() {
                *first = told.and_then(first_write).cloned();
            }
        }
        match self.following {
            Following::Both => {
                if let Some(server) = [1, 2].into_iter().find(|&server| is_blamed(server)) {
                    self.follow_only(other(server));
                } else if let Some(server) = [1, 2].into_iter().find(|&server| of(server).is_none()) {
                    self.following = Following::Blaming { server, rounds: 0 };
                    return Some(Some(server));
                } else if self.candidate.is_none() {
                    let first = told.into_iter().flatten().find_map(first_write);
                    self.candidate = first.map(|value| (value.clone(), 0));
                }
            }
            Following::Blaming { server, .. } if is_blamed(server) => self.follow_only(other(server)),
            Following::Blaming { rounds: 1, .. } => return None,
            Following::Blaming { server, rounds } => {
                self.following = Following::Blaming { server, rounds: rounds + 1 };
            }
            Following::Only(server) => {
                if self.candidate.is_none() {
                    self.candidate = of(server).and_then(first_write).map(|value| (value.clone(), STANDS));
                }
            }
        }
        // What does not matter any more is forgotten.
        let is_known = self.candidate.as_ref().is_some_and(|(_, rounds)| *rounds == STANDS);
        if is_known || matches!(self.following, Following::Only(_)) {
            self.first = [None, None];
        }
        Some(None)
    }

    fn follow_only(&mut self, server: u16) {
        self.following = Following::Only(server);
        if !matches!(self.candidate, Some((_, STANDS))) {
            self.candidate = self.first[usize::from(server) - 1].take().map(|value| (value, STANDS));
        }
    }

    /// The response to what is pending, if it can be given.
    fn response(&mut self) -> Option<Response> {
        let pending = self.pending.as_ref()?;
        let value = match &self.candidate {
            Some((value, rounds)) if *rounds >= SETTLED => Some(value.clone()),
            None if *pending == Request::Read {} && !matches!(self.following, Following::Blaming { .. }) => {
                None
            }
            _ => return None,
        };
        self.pending = None;
        Some(Response::Value(value))
    }
}

fn other(server: u16) -> u16 {
    3 - server
}

fn first_write(told: &[(Process, Word)]) -> Option<&Value> {
    told.iter().find_map(|(_, word)| word.write.as_ref())
}

fn words_for(word: &Word) -> Vec<(Process, ClientBlameMessage)> {
    [1, 2].map(|server| (Process::Server(server), ClientBlameMessage::Word(word.clone()))).to_vec()
}

impl Protocol for ClientBlame {
    type State = ClientBlameState;
    type Message = ClientBlameMessage;

    fn start(&self, me: Process, _: &System) -> Step<ClientBlameState, ClientBlameMessage> {
        match me {
            Process::Server(_) => self.relay(&[]),
            Process::Client(_) => {
                let replica = Replica {
                    following: Following::Both,
                    pending: None,
                    candidate: None,
                    first: [None, None],
                };
                Step::quiet(ClientBlameState::Replica(replica))
            }
        }
    }

    fn step(
        &self,
        _: Process,
        state: &ClientBlameState,
        request: Option<&Request>,
        received: &[(Process, ClientBlameMessage)],
    ) -> Step<ClientBlameState, ClientBlameMessage> {
        let mut replica = match state {
            ClientBlameState::Relay => {
                let heard = received.iter().filter_map(|(from, message)| match message {
                    ClientBlameMessage::Word(word) => Some((*from, word.clone())),
                    ClientBlameMessage::Heard(_) => None,
                });
                return self.relay(&heard.collect::<Vec<_>>());
            }
            ClientBlameState::Halted => return Step::quiet(ClientBlameState::Halted),
            ClientBlameState::Replica(replica) => replica.clone(),
        };
        if let Some(request) = request {
            replica.pending = Some(request.clone());
        }
        let told = [1, 2].map(|server| {
            received.iter().find_map(|(from, message)| match message {
                ClientBlameMessage::Heard(heard) if *from == Process::Server(server) => {
                    Some(heard.as_slice())
                }
                _ => None,
            })
        });
        let Some(blame) = replica.hears(told) else { return Step::quiet(ClientBlameState::Halted) };
        let response = replica.response();
        let write = replica.pending.as_ref().and_then(Request::value).cloned();
        // Only servers have to be heard all the time.
        let word = Word { write, blame };
        let has_to_speak = word.write.is_some() || word.blame.is_some();
        let send = if has_to_speak { words_for(&word) } else { Vec::new() };
        Step { state: ClientBlameState::Replica(replica), send, response }
    }

    fn describe(&self, message: &ClientBlameMessage) -> String {
        match message {
            ClientBlameMessage::Word(word) => word.words(),
            ClientBlameMessage::Heard(heard) if heard.is_empty() => "nothing".to_owned(),
            ClientBlameMessage::Heard(heard) => {
                let each = heard.iter().map(|(client, word)| format!("{client}: {}", word.words()));
                each.collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// Servers go by their order, and so do writes.
    fn symmetry(&self) -> Symmetry {
        Symmetry::READERS
    }

    fn rename_message(&self, message: &mut ClientBlameMessage, renaming: &Renaming) {
        if let ClientBlameMessage::Heard(heard) = message {
            heard.iter_mut().for_each(|(client, _)| *client = renaming.process(*client));
            heard.sort_by_key(|&(client, _)| client);
        }
    }
}

impl Word {
    fn words(&self) -> String {
        let write = self.write.iter().map(|value| format!("write {value}"));
        let blame = self.blame.iter().map(|server| format!("blame s{server}"));
        write.chain(blame).collect::<Vec<_>>().join(", ")
    }
}
