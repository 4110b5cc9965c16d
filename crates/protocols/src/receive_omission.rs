//! Any number of servers without a leader. In lock-step it tolerates any `f < n` servers that omit to
//! receive, and any number of clients that omit to send or to receive (so also crashes). It stops being
//! live, and never stops being safe, as soon as a server may crash or omit to send, or all servers may omit
//! to receive: every server may halt then. Crash is not below receive-omission: a server that omits to
//! receive never falls silent, and all rests on that. Sources: Perry and Toueg, "Distributed agreement in
//! the presence of processor and communication faults", IEEE TSE 12(3), 1986 (a process that finds itself
//! faulty halts); Budhiraja, Marzullo, Schneider and Toueg, "The primary-backup approach", in Mullender
//! (ed.), Distributed Systems, 1993 (receive-omission failures among others).
//!
//! # How it goes
//! - Clients send the pending request to every server in every round until one answers.
//! - Every server sends every other a beat in every round, and so do those that have halted. So whoever
//!   misses a beat knows that it is itself the faulty one: it *halts*, which means that it decides nothing
//!   and answers nobody any more.
//! - A server whose register is empty puts into its beat the first write that it received in the last
//!   round, its *candidate*. The register is the least of the candidates of a round, its own among them.
//! - A server that has not halted answers with its register, be it empty or not.
//!
//! # Why it is right
//! A beat is the same for all, and a server that has not halted received all of them, in every round. So
//! all servers that have not halted have the same register at the end of every round: together they are one
//! server that never fails. A server that never omits a message never halts, and answers. Safety rests on
//! nothing but halting, whatever the reason for which a beat did not arrive.
//!
//! A write takes 3 rounds and a read 2, faults or not: nobody is ever waited for.

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, Protocol, Request, Step, Symmetry, System, Value};

use crate::service::{self, Known, ServiceMessage, ServiceState};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveOmission {
    servers: u16,
}

/// What a process remembers.
pub type ReceiveOmissionState = ServiceState<Peer>;

/// What processes send.
pub type ReceiveOmissionMessage = ServiceMessage<PeerBeat>;

/// What a server remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Peer {
    /// It has received every beat so far, and the register is empty.
    Empty {
        /// The first write that it received in the last round.
        candidate: Option<Value>,
    },
    /// It has received every beat so far, and this is the register.
    Written(Value),
    /// It is faulty and knows it.
    Halted,
}

/// What a server tells the others (and in `client_peers` a client).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PeerBeat {
    /// Write this, if anything.
    Candidate(Option<Value>),
    /// I have halted.
    Halted,
}

impl ReceiveOmission {
    /// The protocol for this system.
    pub fn new(system: &System) -> Self {
        ReceiveOmission { servers: system.servers }
    }

    fn server_step(
        &self,
        me: Process,
        peer: Peer,
        received: &[(Process, ReceiveOmissionMessage)],
    ) -> Step<ReceiveOmissionState, ReceiveOmissionMessage> {
        let beat = match &peer {
            Peer::Empty { candidate } => PeerBeat::Candidate(candidate.clone()),
            Peer::Written(_) => PeerBeat::Candidate(None),
            Peer::Halted => PeerBeat::Halted,
        };
        let known = match &peer {
            Peer::Empty { .. } => Known::Nothing,
            Peer::Written(value) => Known::Value(value),
            Peer::Halted => Known::Unsure,
        };
        let mut send = service::beats_for(service::others(self.servers, me), &beat);
        send.extend(service::answers(known, received));
        Step { state: ServiceState::Server(peer), send, response: None }
    }
}

impl Protocol for ReceiveOmission {
    type State = ReceiveOmissionState;
    type Message = ReceiveOmissionMessage;

    fn start(&self, me: Process, _: &System) -> Step<ReceiveOmissionState, ReceiveOmissionMessage> {
        match me {
            Process::Server(_) => self.server_step(me, Peer::Empty { candidate: None }, &[]),
            Process::Client(_) => service::new_client(),
        }
    }

    fn step(
        &self,
        me: Process,
        state: &ReceiveOmissionState,
        request: Option<&Request>,
        received: &[(Process, ReceiveOmissionMessage)],
    ) -> Step<ReceiveOmissionState, ReceiveOmissionMessage> {
        match state {
            ServiceState::Server(peer) => self.server_step(me, peer.next(self.servers, received), received),
            ServiceState::Client(client) => service::client_step(self.servers, client, request, received),
        }
    }

    fn describe(&self, message: &ReceiveOmissionMessage) -> String {
        match message {
            ServiceMessage::Beat(beat) => beat.words(),
            ServiceMessage::Client(message) => message.words(),
        }
    }

    /// No state and no message names a process. Of writes that arrive together the one of the lowest client counts.
    fn symmetry(&self) -> Symmetry {
        Symmetry::SERVERS_AND_READERS
    }
}

impl Peer {
    /// Its state after a round in which it received this.
    fn next(&self, servers: u16, received: &[(Process, ReceiveOmissionMessage)]) -> Peer {
        if service::beats(received).count() + 1 < usize::from(servers) {
            return Peer::Halted;
        }
        let own = match self {
            Peer::Empty { candidate } => candidate,
            Peer::Written(_) | Peer::Halted => return self.clone(),
        };
        let candidates = service::beats(received).filter_map(|(_, beat)| match beat {
            PeerBeat::Candidate(candidate) => candidate.as_ref(),
            PeerBeat::Halted => None,
        });
        match candidates.chain(own).min() {
            Some(least) => Peer::Written(least.clone()),
            None => Peer::Empty { candidate: service::first_write(received).cloned() },
        }
    }
}

impl PeerBeat {
    /// A few words for diagrams.
    pub(crate) fn words(&self) -> String {
        match self {
            PeerBeat::Candidate(Some(value)) => format!("candidate {value}"),
            PeerBeat::Candidate(None) => "beat".to_owned(),
            PeerBeat::Halted => "halted".to_owned(),
        }
    }
}
