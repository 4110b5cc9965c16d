//! The clients are the replicas, and the servers pass messages on between them. In lock-step it tolerates
//! any `f < n` servers that fail in any way there is (they crash, omit to send, to receive, or both), and
//! the crash of any number of clients; it needs no links between clients. It stops being right when a
//! client can omit messages without having crashed, or when all servers may fail: a client that the others
//! do not hear is taken for crashed, and they and it go on with different values. (With clients that omit
//! both ways nothing is right from `f >= n/2` on, by the three worlds.) Sources: Dolev and Strong, "Authenticated algorithms for
//! Byzantine agreement", SIAM J. Comput. 12(4), 1983 (relaying); for what the clients run, Alsberg and Day,
//! "A principle for resilient sharing of distributed resources", ICSE 1976.
//!
//! # How it goes
//! - The clients form a line of succession (`succession`, as the servers do in `ranked-backup`): every
//!   client sends a beat to every server in every round, from the first on and for ever.
//! - Every server passes on to every client, in the next round, what it received from the other clients
//!   (`relay`). It remembers nothing.
//! - A client that does not lead puts into its beat what it was asked to write. A leader whose register is
//!   empty takes the write that it was asked for itself, or else the first of those.
//! - A client answers any request when it knows what is committed, and a read with bottom while its register
//!   is empty.
//!
//! # Why it is right
//! A beat takes two rounds, and if its sender survives the first of them it reaches all live clients in the
//! second, through a server that is not faulty: as `succession` requires. Of the last beat of a client that
//! crashes any server may pass on anything or nothing, which is the crash with any-subset delivery.
//!
//! A client that knows needs no message: it answers in the round of the request. A write takes 1 round at the
//! client that leads, 5 at another, and up to `3m - 1` with `m > 1` clients that crash one after the other.
//! But a client may never fall silent: who joins costs everybody a message in every round.

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, Protocol, Request, Response, Step, Symmetry, System, Value};

use crate::relay::{self, RelayMessage};
use crate::service::Known;
use crate::succession::{Beat, Member};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientRelay {
    servers: u16,
    clients: u16,
}

/// What a process remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientRelayState {
    /// A server, which remembers nothing.
    Relay,
    /// A client.
    Client {
        /// Its place in the line of succession.
        member: Member,
        /// The request that is not answered.
        pending: Option<Request>,
    },
}

/// What a client tells the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientBeat {
    /// Of the line of succession.
    pub beat: Beat,
    /// What a client that does not lead was asked to write.
    pub write: Option<Value>,
}

/// What processes send.
pub type ClientRelayMessage = RelayMessage<ClientBeat>;

impl ClientRelay {
    /// The protocol for this system.
    pub fn new(system: &System) -> Self {
        ClientRelay { servers: system.servers, clients: system.clients }
    }

    /// A client's step to this state.
    fn client_step(
        &self,
        member: Member,
        pending: Option<Request>,
    ) -> Step<ClientRelayState, ClientRelayMessage> {
        let response = match (member.known(), &pending) {
            (Known::Value(value), Some(_)) => Some(Response::Value(Some(value.clone()))),
            (Known::Nothing, Some(Request::Read {})) => Some(Response::Value(None)),
            _ => None,
        };
        let pending = if response.is_some() { None } else { pending };
        let write = if member.leads { None } else { pending.as_ref().and_then(Request::value).cloned() };
        let send = relay::beats_for(self.servers, &ClientBeat { beat: member.beat(), write });
        Step { state: ClientRelayState::Client { member, pending }, send, response }
    }
}

impl Protocol for ClientRelay {
    type State = ClientRelayState;
    type Message = ClientRelayMessage;

    fn start(&self, me: Process, _: &System) -> Step<ClientRelayState, ClientRelayMessage> {
        match me {
            Process::Server(_) => {
                let beat = |client| ClientBeat { beat: Member::new(client).beat(), write: None };
                let send = relay::pass_on_first(self.clients, beat);
                Step { state: ClientRelayState::Relay, send, response: None }
            }
            Process::Client(_) => self.client_step(Member::new(me), None),
        }
    }

    fn step(
        &self,
        me: Process,
        state: &ClientRelayState,
        request: Option<&Request>,
        received: &[(Process, ClientRelayMessage)],
    ) -> Step<ClientRelayState, ClientRelayMessage> {
        match state {
            ClientRelayState::Relay => {
                let send = relay::pass_on(self.clients, received);
                Step { state: ClientRelayState::Relay, send, response: None }
            }
            ClientRelayState::Client { member, pending } => {
                let pending = request.or(pending.as_ref());
                let heard = relay::heard(received);
                let own = pending.and_then(Request::value);
                let write = own.or_else(|| heard.values().find_map(|beat| beat.write.as_ref()));
                let beats = heard.iter().map(|(client, beat)| (*client, &beat.beat));
                let member = member.next(me, me.number() == self.clients, beats, write);
                self.client_step(member, pending.cloned())
            }
        }
    }

    fn describe(&self, message: &ClientRelayMessage) -> String {
        message.words(ClientBeat::words)
    }

    /// No state and no message names a server. Clients go by their order.
    fn symmetry(&self) -> Symmetry {
        Symmetry::SERVERS
    }
}

impl ClientBeat {
    /// A few words for diagrams.
    fn words(&self) -> String {
        let words = self.beat.words();
        match &self.write {
            Some(value) => format!("{words}, write {value}"),
            None => words,
        }
    }
}
