//! Any number of servers that agree on who is faulty. In lock-step it tolerates any `f < n` servers that
//! omit to send (so also crashes), and any number of clients that omit to send or to receive. It stops being
//! right when a server can omit to receive, as that server takes its own fault for another's: clients wait
//! for ever for a server that everybody but itself distrusts. When all servers can omit to send, two can
//! omit to receive, or one does both, two servers can each believe that they are the only one left, and
//! clients are told different values. Sources: Hadzilacos, "Issues of fault tolerance in concurrent computations", PhD thesis, Harvard
//! University, 1984 (send-omission failures); Perry and Toueg, "Distributed agreement in the presence of
//! processor and communication faults", IEEE TSE 12(3), 1986; Budhiraja, Marzullo, Schneider and Toueg,
//! "The primary-backup approach", in Mullender (ed.), Distributed Systems, 1993.
//!
//! # How it goes
//! Nobody omits to receive, so a message that does not arrive proves that its sender is faulty.
//! - Clients send the pending request to every server in every round until one answers.
//! - Every server sends every other all that it knows in every round: the servers that it *suspects*, which
//!   are those whose silence it or somebody who told it has met, and the latest *proposal*.
//! - Who is the lowest server that it does not itself suspect, leads. Its first round as a leader it only
//!   listens. Then it proposes, under its own name: the latest proposal that it knows, or the first write
//!   that arrives if there is none.
//! - Everybody adopts the proposal of the highest leader that it hears of, from the leader itself or from
//!   another, but from the leader itself only while that is not suspected.
//! - A server *decides* a proposal when everybody that it heard in the round, and itself, had adopted it in
//!   the round before, and nobody of them suspected its leader. From then on it tells everybody the value.
//! - Who suspects all others is the only one that is not faulty, and decides at once.
//! - A server that has decided answers with the value, and a server that knows no proposal answers a read
//!   with bottom.
//!
//! # Why it is right
//! At least one server is not faulty, though nobody knows which. It is heard by all, and never suspected.
//! So who decides leader `p`'s proposal of `v` at the end of round `r + 1` knows that at the end of `r` all
//! non-faulty servers had adopted it and did not suspect `p`; and in `r + 1` all servers hear it from them.
//! What does a later leader `q` propose, one that came to suspect `p` at the end of a round `y`?
//! - If `y >= r`, it listened in round `y + 1 > r`, so it proposes `v`.
//! - If `y < r`, what it sent in round `y + 1` would have told the non-faulty servers to suspect `p` by the
//!   end of `r`. So it omitted to send it, and they suspect `q`, and say so in round `y + 2`, which is the
//!   first in which `q` can propose. Nobody adopts that.
//!
//! So only `v` is ever decided, and from the end of round `r + 1` on nobody is told bottom. Everybody
//! decides in the end, as a non-faulty leader is adopted by all who are heard: at the latest when all the
//! servers below the lowest non-faulty one are suspected, or have done as they should.

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, Protocol, Request, Step, Symmetry, System, Value};

use crate::service::{self, Known, ServiceMessage, ServiceState};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendOmission {
    servers: u16,
    /// Whether a new leader listens for a round before it proposes. Not to is broken on purpose.
    listens: bool,
}

/// What a process remembers.
pub type SendOmissionState = ServiceState<Knowledge>;

/// What processes send.
pub type SendOmissionMessage = ServiceMessage<Knowledge>;

/// What a server knows, which is also what it tells the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Knowledge {
    /// No value is decided yet.
    Undecided {
        /// Servers that are faulty.
        suspects: Servers,
        /// The latest proposal.
        proposal: Option<Proposal>,
    },
    /// No other value is ever decided.
    Decided(Value),
}

/// A value that a leader wants to be decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Proposal {
    /// The number of the leader.
    pub leader: u16,
    /// The value.
    pub value: Value,
}

/// A set of servers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Servers(u64);

impl Servers {
    /// Whether it contains the server with this number.
    pub fn contains(self, number: u16) -> bool {
        self.0 & (1 << (number - 1)) != 0
    }

    fn with(self, number: u16) -> Servers {
        Servers(self.0 | 1 << (number - 1))
    }

    fn and(self, others: Servers) -> Servers {
        Servers(self.0 | others.0)
    }

    /// The number of the lowest server that it does not contain.
    fn lowest_other(self) -> u16 {
        u16::try_from(self.0.trailing_ones()).expect("64 at most") + 1
    }
}

impl SendOmission {
    /// The protocol for this system.
    pub fn new(system: &System) -> Self {
        SendOmission { servers: system.servers, listens: true }
    }

    /// The same, except that a server leads from the first round on in which it misses the beat of the
    /// server before it.
    pub(crate) fn without_listening(system: &System) -> Self {
        SendOmission { servers: system.servers, listens: false }
    }

    fn server_step(
        &self,
        me: Process,
        knowledge: Knowledge,
        received: &[(Process, SendOmissionMessage)],
    ) -> Step<SendOmissionState, SendOmissionMessage> {
        let known = match &knowledge {
            Knowledge::Undecided { proposal: None, .. } => Known::Nothing,
            Knowledge::Undecided { proposal: Some(_), .. } => Known::Unsure,
            Knowledge::Decided(value) => Known::Value(value),
        };
        let mut send = service::beats_for(service::others(self.servers, me), &knowledge);
        send.extend(service::answers(known, received));
        Step { state: ServiceState::Server(knowledge), send, response: None }
    }

    /// What a server that has not decided knows after a round in which it received this.
    fn learn(
        &self,
        me: Process,
        suspects: Servers,
        proposal: Option<&Proposal>,
        received: &[(Process, SendOmissionMessage)],
    ) -> Knowledge {
        let mut heard = Vec::new();
        for (from, beat) in service::beats(received) {
            match beat {
                Knowledge::Undecided { suspects, proposal } => {
                    heard.push((from.number(), *suspects, proposal.as_ref()));
                }
                Knowledge::Decided(value) => return Knowledge::Decided(value.clone()),
            }
        }
        let led = suspects.lowest_other() == me.number();
        let suspects = heard.iter().fold(suspects, |all, (_, suspects, _)| all.and(*suspects));
        if let Some(own) = proposal
            && !suspects.contains(own.leader)
            && heard.iter().all(|(_, _, proposal)| *proposal == Some(own))
        {
            return Knowledge::Decided(own.value.clone());
        }
        let silent = service::others(self.servers, me)
            .map(Process::number)
            .filter(|number| heard.iter().all(|(from, ..)| from != number));
        let suspects = silent.fold(suspects, Servers::with);
        let believed = heard.iter().filter_map(|(from, _, proposal)| {
            proposal.filter(|proposal| proposal.leader != *from || !suspects.contains(*from))
        });
        let mut latest = believed.chain(proposal).max_by_key(|proposal| proposal.leader).cloned();
        let leads = suspects.lowest_other() == me.number();
        let alone = service::others(self.servers, me).all(|other| suspects.contains(other.number()));
        // Who did not lead at the end of the last round has not yet listened as a leader.
        if leads && (led || alone || !self.listens) {
            let value = latest.map(|proposal| proposal.value);
            let value = value.or_else(|| service::first_write(received).cloned());
            match value {
                Some(value) if alone => return Knowledge::Decided(value),
                value => latest = value.map(|value| Proposal { leader: me.number(), value }),
            }
        }
        Knowledge::Undecided { suspects, proposal: latest }
    }
}

impl Protocol for SendOmission {
    type State = SendOmissionState;
    type Message = SendOmissionMessage;

    fn start(&self, me: Process, _: &System) -> Step<SendOmissionState, SendOmissionMessage> {
        match me {
            Process::Server(_) => {
                let nothing = Knowledge::Undecided { suspects: Servers::default(), proposal: None };
                self.server_step(me, nothing, &[])
            }
            Process::Client(_) => service::new_client(),
        }
    }

    fn step(
        &self,
        me: Process,
        state: &SendOmissionState,
        request: Option<&Request>,
        received: &[(Process, SendOmissionMessage)],
    ) -> Step<SendOmissionState, SendOmissionMessage> {
        match state {
            ServiceState::Server(knowledge) => {
                let knowledge = match knowledge {
                    Knowledge::Undecided { suspects, proposal } => {
                        self.learn(me, *suspects, proposal.as_ref(), received)
                    }
                    Knowledge::Decided(_) => knowledge.clone(),
                };
                self.server_step(me, knowledge, received)
            }
            ServiceState::Client(client) => service::client_step(self.servers, client, request, received),
        }
    }

    fn describe(&self, message: &SendOmissionMessage) -> String {
        match message {
            ServiceMessage::Beat(Knowledge::Undecided { suspects, proposal }) => {
                let mut words = match proposal {
                    Some(Proposal { leader, value }) => format!("s{leader} proposes {value}"),
                    None => "beat".to_owned(),
                };
                let named = (1..=self.servers).filter(|&number| suspects.contains(number));
                for number in named {
                    words += &format!(", s{number} faulty");
                }
                words
            }
            ServiceMessage::Beat(Knowledge::Decided(value)) => format!("decided {value}"),
            ServiceMessage::Client(message) => message.words(),
        }
    }

    /// No state and no message names a client, and who only reads changes nothing for anybody.
    fn symmetry(&self) -> Symmetry {
        Symmetry::READERS
    }
}
