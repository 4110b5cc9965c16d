//! Any number of servers, of which the lowest that is alive leads: primary-backup with a line of backups. In
//! lock-step it tolerates the crash of any `f < n` servers, whichever of the messages of their last rounds
//! arrive, and any number of clients that omit to send or to receive. It stops being right when a server
//! can omit messages without having crashed: silence is taken for a crash, two servers lead, and clients
//! are told different values. Sources: Alsberg and Day, "A principle for resilient sharing of distributed
//! resources", ICSE 1976; Budhiraja, Marzullo, Schneider and Toueg, "The primary-backup approach", in
//! Mullender (ed.), Distributed Systems, 1993.
//!
//! # How it goes
//! - Clients send the pending request to every server in every round until one answers.
//! - The servers form a line of succession (`succession`): each sends all higher ones a beat in every
//!   round, and leads when it hears no lower one.
//! - A leader whose register is empty takes the first write that arrives.
//! - A server answers with the value when it knows that it is committed, and a read with bottom while its
//!   register is empty. While it holds a value that is not committed it answers nobody.
//!
//! Why that is right is told in `succession`. A write takes 3 rounds if nothing fails, and each leader that
//! crashes at the worst moment costs 2 more, but the last server need not wait for anybody: at most
//! `2 + 2f` rounds with `f > 0`.
//!
//! Unlike in `primary-backup` a new leader has to survive a round as a leader before it answers. With two
//! servers it is the only one left; with more, others may hold what another leader told them in its last
//! round. In return a backup answers too, as soon as it knows what is committed.

use threeworlds_model::{Process, Protocol, Request, Step, Symmetry, System};

use crate::service::{self, Known, ServiceMessage, ServiceState};
use crate::succession::{Beat, Member, Register};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RankedBackup {
    servers: u16,
    /// Whether a backup answers reads with a value that is not committed: broken on purpose.
    backups_serve_reads: bool,
}

/// What a process remembers.
pub type RankedBackupState = ServiceState<Member>;

/// What processes send.
pub type RankedBackupMessage = ServiceMessage<Beat>;

impl RankedBackup {
    /// The protocol for this system.
    pub fn new(system: &System) -> Self {
        RankedBackup { servers: system.servers, backups_serve_reads: false }
    }

    /// The same, except that a backup answers reads with whatever value it holds.
    pub(crate) fn with_reads_from_backups(system: &System) -> Self {
        RankedBackup { servers: system.servers, backups_serve_reads: true }
    }

    fn server_step(
        &self,
        me: Process,
        member: Member,
        received: &[(Process, RankedBackupMessage)],
    ) -> Step<RankedBackupState, RankedBackupMessage> {
        let higher = (me.number() + 1..=self.servers).map(Process::Server);
        let mut send = service::beats_for(higher, &member.beat());
        let known = match &member.register {
            Register::Held(value) if self.backups_serve_reads && !member.leads => Known::Uncommitted(value),
            _ => member.known(),
        };
        send.extend(service::answers(known, received));
        Step { state: ServiceState::Server(member), send, response: None }
    }
}

impl Protocol for RankedBackup {
    type State = RankedBackupState;
    type Message = RankedBackupMessage;

    fn start(&self, me: Process, _: &System) -> Step<RankedBackupState, RankedBackupMessage> {
        match me {
            Process::Server(_) => self.server_step(me, Member::new(me), &[]),
            Process::Client(_) => service::new_client(),
        }
    }

    fn step(
        &self,
        me: Process,
        state: &RankedBackupState,
        request: Option<&Request>,
        received: &[(Process, RankedBackupMessage)],
    ) -> Step<RankedBackupState, RankedBackupMessage> {
        match state {
            ServiceState::Server(member) => {
                let last = me.number() == self.servers;
                let write = service::first_write(received);
                let member = member.next(me, last, service::beats(received), write);
                self.server_step(me, member, received)
            }
            ServiceState::Client(client) => service::client_step(self.servers, client, request, received),
        }
    }

    fn describe(&self, message: &RankedBackupMessage) -> String {
        match message {
            ServiceMessage::Beat(beat) => beat.words(),
            ServiceMessage::Client(message) => message.words(),
        }
    }

    /// No state and no message names a client, and who only reads changes nothing for anybody.
    fn symmetry(&self) -> Symmetry {
        Symmetry::READERS
    }
}
