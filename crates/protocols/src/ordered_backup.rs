//! Any number of servers, of which the lowest that is alive leads and answers in the very round in which it
//! tells the others, after it has told them. In lock-step it tolerates the crash of any `f < n` servers as
//! long as a process sends its messages in order, so that of the last ones of a process that crashes a
//! prefix arrives (`--crash-delivery prefix`), and any number of clients that omit to send or to receive. It
//! stops being right when any subset of the last messages may arrive, as in a network that reorders: the
//! leader's answer arrives, what it told the others does not, and they tell another client another value.
//! So it does when a server can omit messages without having crashed. Sources: Alsberg and Day, "A
//! principle for resilient sharing of distributed resources", ICSE 1976; Budhiraja, Marzullo, Schneider and
//! Toueg, "The primary-backup approach", in Mullender (ed.), Distributed Systems, 1993.
//!
//! # How it goes
//! - Clients send the pending request to every server in every round until one answers.
//! - Each server sends all higher ones a beat in every round, to the lowest of them first. A server that
//!   hears no lower one *leads*, from then on for ever. A leader beats its register, and the others copy it.
//! - A leader whose register is empty takes the first write that arrives.
//! - A leader answers with its register, after its beats. A backup whose register is empty answers a read
//!   with bottom.
//!
//! # Why it is right
//! If an answer arrives, all the beats that left before it arrive too. So when a client is told `v` all live
//! servers have `v`, of which the lowest leads next. If nothing fails a write takes 2 rounds, where
//! `ranked-backup` needs 3: it waits until the beats have arrived instead of relying on the order. With `f`
//! crashes each of the two takes up to `2 + 2f` (and at least 3 if it is `ranked-backup`).

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, Protocol, Request, Step, Symmetry, System, Value};

use crate::service::{self, Known, ServiceMessage, ServiceState};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderedBackup {
    servers: u16,
    /// Whether a leader goes on telling its register to the others. Not to is broken on purpose.
    resends: bool,
}

/// What a process remembers.
pub type OrderedBackupState = ServiceState<OrderedReplica>;

/// What processes send.
pub type OrderedBackupMessage = ServiceMessage<OrderedBeat>;

/// What a server remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderedReplica {
    /// Whether it leads.
    pub leads: bool,
    /// The register.
    pub register: Option<Value>,
}

/// What a server tells the higher ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OrderedBeat {
    /// It is alive.
    Backup,
    /// It leads, and this is the register.
    Leader(Option<Value>),
}

impl OrderedBackup {
    /// The protocol for this system.
    pub fn new(system: &System) -> Self {
        OrderedBackup { servers: system.servers, resends: true }
    }

    /// The same, except that a leader tells the others a value only once, when a client has written it.
    pub(crate) fn without_resending(system: &System) -> Self {
        OrderedBackup { servers: system.servers, resends: false }
    }

    fn server_step(
        &self,
        me: Process,
        replica: OrderedReplica,
        written: bool,
        received: &[(Process, OrderedBackupMessage)],
    ) -> Step<OrderedBackupState, OrderedBackupMessage> {
        let beat = match &replica.register {
            register if replica.leads && (self.resends || written) => OrderedBeat::Leader(register.clone()),
            _ => OrderedBeat::Backup,
        };
        let known = match &replica.register {
            Some(value) if replica.leads => Known::Value(value),
            Some(_) => Known::Unsure,
            None => Known::Nothing,
        };
        let higher = (me.number() + 1..=self.servers).map(Process::Server);
        // The order matters: the beats first, to the lowest server first.
        let mut send = service::beats_for(higher, &beat);
        send.extend(service::answers(known, received));
        Step { state: ServiceState::Server(replica), send, response: None }
    }
}

impl Protocol for OrderedBackup {
    type State = OrderedBackupState;
    type Message = OrderedBackupMessage;

    fn start(&self, me: Process, _: &System) -> Step<OrderedBackupState, OrderedBackupMessage> {
        match me {
            Process::Server(number) => {
                self.server_step(me, OrderedReplica { leads: number == 1, register: None }, false, &[])
            }
            Process::Client(_) => service::new_client(),
        }
    }

    fn step(
        &self,
        me: Process,
        state: &OrderedBackupState,
        request: Option<&Request>,
        received: &[(Process, OrderedBackupMessage)],
    ) -> Step<OrderedBackupState, OrderedBackupMessage> {
        match state {
            ServiceState::Server(replica) => {
                let next = replica.next(received);
                let written = next.leads && next.register != replica.register;
                self.server_step(me, next, written, received)
            }
            ServiceState::Client(client) => service::client_step(self.servers, client, request, received),
        }
    }

    fn describe(&self, message: &OrderedBackupMessage) -> String {
        match message {
            ServiceMessage::Beat(OrderedBeat::Backup) => "beat".to_owned(),
            ServiceMessage::Beat(OrderedBeat::Leader(None)) => "lead".to_owned(),
            ServiceMessage::Beat(OrderedBeat::Leader(Some(value))) => format!("lead {value}"),
            ServiceMessage::Client(message) => message.words(),
        }
    }

    /// No state and no message names a client, and who only reads changes nothing for anybody.
    fn symmetry(&self) -> Symmetry {
        Symmetry::READERS
    }
}

impl OrderedReplica {
    /// Its state after a round in which it received this.
    fn next(&self, received: &[(Process, OrderedBackupMessage)]) -> OrderedReplica {
        // Only lower servers send it beats.
        let leads = service::beats(received).next().is_none();
        let copied = service::beats(received).find_map(|(_, beat)| match beat {
            OrderedBeat::Leader(register) => Some(register.clone()),
            OrderedBeat::Backup => None,
        });
        let write = if leads { service::first_write(received) } else { None };
        let register = copied.unwrap_or_else(|| self.register.clone().or_else(|| write.cloned()));
        OrderedReplica { leads, register }
    }
}
