//! The clients are equal replicas, and the servers pass messages on between them. In lock-step it tolerates
//! any `f < n` servers that fail in any way there is (they crash, omit to send, to receive, or both), and any
//! number of clients that omit to receive; it needs no links between clients. It stops being live, and never
//! stops being safe, as soon as a client may crash or omit to send, or all servers may fail: a client that
//! does not hear another halts. So clients that only omit to receive do not make the bound `f < n/2` of
//! clients that omit both. It is `receive-omission`, with the clients as replicas; sources: Perry and Toueg,
//! "Distributed agreement in the presence of processor and communication faults", IEEE TSE 12(3), 1986 (a
//! process that finds itself faulty halts); Dolev and Strong, "Authenticated algorithms for Byzantine
//! agreement", SIAM J. Comput. 12(4), 1983 (relaying).
//!
//! # How it goes
//! - Every client sends a beat to every server in every round, halted or not, and every server passes it on
//!   to the other clients in the next round (`relay`). A server remembers nothing.
//! - A client whose register is empty puts into its beat what it was asked to write, its *candidate*. The
//!   register is the least of the candidates that left in the same round, its own among them.
//! - A client that misses a beat of another *halts*: it is itself faulty, and answers no more.
//! - A client that has not halted answers with its register; a write waits until that is not empty.
//!
//! # Why it is right
//! A server that is not faulty hears every client in every round and passes everything on, so a beat that
//! does not arrive was lost by its receiver. Whoever has not halted has received the same beats as all
//! others that have not, and has the same register at the end of every round. A write takes 2 rounds, and a
//! read none.

use threeworlds_model::{
    AlikeClients, Process, Protocol, Renaming, Request, Response, Step, Symmetry, System, Value,
};

use crate::receive_omission::PeerBeat;
use crate::relay::{self, RelayMessage};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientPeers {
    servers: u16,
    clients: u16,
}

/// What processes send.
pub type ClientPeersMessage = RelayMessage<PeerBeat>;

/// What a process remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientPeersState {
    /// A server, which remembers nothing.
    Relay,
    /// A client that has received every beat so far, and the register is empty.
    Empty {
        /// What it is asked to write, which is its candidate in the next round.
        candidate: Option<Value>,
        /// Its candidate in the last round, which the servers pass on in the next.
        on_the_way: Option<Value>,
    },
    /// A client that has received every beat so far, and this is the register.
    Written(Value),
    /// A client that is faulty and knows it.
    Halted,
}

impl ClientPeers {
    /// The protocol for this system.
    pub fn new(system: &System) -> Self {
        ClientPeers { servers: system.servers, clients: system.clients }
    }

    /// A client's state after a round in which it received this.
    fn next(
        &self,
        state: &ClientPeersState,
        request: Option<&Request>,
        received: &[(Process, ClientPeersMessage)],
    ) -> ClientPeersState {
        let heard = relay::heard(received);
        if heard.len() + 1 < usize::from(self.clients) {
            return ClientPeersState::Halted;
        }
        let ClientPeersState::Empty { candidate, on_the_way } = state else { return state.clone() };
        let candidates = heard.values().filter_map(|beat| match beat {
            PeerBeat::Candidate(candidate) => candidate.as_ref(),
            PeerBeat::Halted => None,
        });
        match candidates.chain(on_the_way).min() {
            Some(least) => ClientPeersState::Written(least.clone()),
            None => ClientPeersState::Empty {
                candidate: request.and_then(Request::value).or(candidate.as_ref()).cloned(),
                on_the_way: candidate.clone(),
            },
        }
    }

    /// A client's step to this state.
    fn client_step(
        &self,
        state: ClientPeersState,
        response: Option<Response>,
    ) -> Step<ClientPeersState, ClientPeersMessage> {
        let beat = match &state {
            ClientPeersState::Empty { candidate, .. } => PeerBeat::Candidate(candidate.clone()),
            ClientPeersState::Halted => PeerBeat::Halted,
            _ => PeerBeat::Candidate(None),
        };
        Step { state, send: relay::beats_for(self.servers, &beat), response }
    }
}

impl Protocol for ClientPeers {
    type State = ClientPeersState;
    type Message = ClientPeersMessage;

    fn start(&self, me: Process, _: &System) -> Step<ClientPeersState, ClientPeersMessage> {
        match me {
            Process::Server(_) => {
                let send = relay::pass_on_first(self.clients, |_| PeerBeat::Candidate(None));
                Step { state: ClientPeersState::Relay, send, response: None }
            }
            Process::Client(_) => {
                self.client_step(ClientPeersState::Empty { candidate: None, on_the_way: None }, None)
            }
        }
    }

    fn step(
        &self,
        _: Process,
        state: &ClientPeersState,
        request: Option<&Request>,
        received: &[(Process, ClientPeersMessage)],
    ) -> Step<ClientPeersState, ClientPeersMessage> {
        if *state == ClientPeersState::Relay {
            let send = relay::pass_on(self.clients, received);
            return Step { state: ClientPeersState::Relay, send, response: None };
        }
        let next = self.next(state, request, received);
        let waited = matches!(state, ClientPeersState::Empty { candidate: Some(_), .. });
        let response = match &next {
            ClientPeersState::Written(value) if waited || request.is_some() => {
                Some(Response::Value(Some(value.clone())))
            }
            ClientPeersState::Empty { .. } if request == Some(&Request::Read {}) => {
                Some(Response::Value(None))
            }
            _ => None,
        };
        self.client_step(next, response)
    }

    fn describe(&self, message: &ClientPeersMessage) -> String {
        message.words(PeerBeat::words)
    }

    /// No state names a process. Of two values that are written together the least counts, whoever writes it.
    fn symmetry(&self) -> Symmetry {
        Symmetry { clients: AlikeClients::SameRequests, ..Symmetry::SERVERS }
    }

    fn rename_message(&self, message: &mut ClientPeersMessage, renaming: &Renaming) {
        message.rename(renaming);
    }
}
