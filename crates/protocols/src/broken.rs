//! Protocols that are **broken on purpose**: each is a reference protocol with one small change that looks
//! harmless and is not. They tolerate nothing that counts; they are here to be found, by `check` and by
//! whoever learns why the honest ones do what they do. What each changes is a switch in the honest one's own
//! code, so that the difference between the two is the change and nothing else. The changes are those that
//! engineers make, and the sources are those of the honest protocols.

use threeworlds_model::{System, Task};

use crate::client::Accepts;
use crate::primary_backup::Replies;
use crate::registry::{BuiltIn, Description, UnsuitableSystem, Visitor};
use crate::{Majority, OrderedBackup, PrimaryBackup, RankedBackup, SendOmission};

/// The protocols that are broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Broken {
    /// [`PrimaryBackup`] that answers before it tells the backup.
    ReplyBeforeReplicating,
    /// [`PrimaryBackup`] that answers in the round in which it tells the backup.
    ReplyWhileReplicating,
    /// [`OrderedBackup`] whose leaders tell a value once.
    NoResend,
    /// [`Majority`] with half of the servers for a quorum.
    HalfQuorum,
    /// [`RankedBackup`] whose backups answer reads.
    BackupReads,
    /// [`SendOmission`] whose backups lead as soon as they miss a beat.
    HastyBackup,
    /// [`PrimaryBackup`] with clients that take any reply for one to their pending request.
    LateDuplicate,
}

/// What there is to say about a protocol that is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenDescription {
    /// What there is to say about any protocol; `tolerates` says where the change does no harm.
    pub description: Description,
    /// The honest protocol that it is a change of.
    pub sibling: BuiltIn,
    /// Why the change is wrong, in a line.
    pub reason: &'static str,
}

const fn of(broken: Broken, name: &'static str) -> Description {
    Description {
        built_in: BuiltIn::Broken(broken),
        name,
        summary: "",
        task: Task::WriteOnceRegister,
        tolerates: "",
        falls_to: "",
        source: "Alsberg and Day 1976; Budhiraja, Marzullo, Schneider and Toueg 1993",
    }
}

const ALL: &[BrokenDescription] = &[
    BrokenDescription {
        description: Description {
            summary: "primary-backup in which the primary answers first and tells the backup in the next round",
            tolerates: "no server fault",
            falls_to: "one crash of a server, whatever the crash delivery: Agreement",
            ..of(Broken::ReplyBeforeReplicating, "reply-before-replicating")
        },
        sibling: BuiltIn::PrimaryBackup,
        reason: "a primary that crashes between the two takes what it promised with it",
    },
    BrokenDescription {
        description: Description {
            summary: "primary-backup in which the primary answers in the round in which it tells the backup",
            tolerates: "one of two servers by crash with prefix delivery; any clients by omission; lock-step",
            falls_to: "one crash of a server with any-subset delivery: Agreement",
            ..of(Broken::ReplyWhileReplicating, "reply-while-replicating")
        },
        sibling: BuiltIn::PrimaryBackup,
        reason: "a crash in that round can lose what the backup is told and spare the answer",
    },
    BrokenDescription {
        description: Description {
            summary: "ordered-backup in which a leader tells the others a value once, when a client has written it",
            tolerates: "one of two servers by crash with prefix delivery; any clients by omission; lock-step",
            falls_to: "one crash among three servers, with prefix delivery: Correctness",
            ..of(Broken::NoResend, "no-resend")
        },
        sibling: BuiltIn::OrderedBackup,
        reason: "the leader that crashed had told some servers only, and nobody tells the rest",
    },
    BrokenDescription {
        description: Description {
            summary: "majority with a quorum of n/2 servers instead of n/2 + 1",
            tolerates: "no server fault",
            falls_to: "one omission-faulty server: Agreement",
            source: "Dwork, Lynch and Stockmeyer 1988; Lamport 1998; Perry and Toueg 1986",
            ..of(Broken::HalfQuorum, "half-quorum")
        },
        sibling: BuiltIn::Majority,
        reason: "two halves need not have a server in common, so each decides what it likes",
    },
    BrokenDescription {
        description: Description {
            summary: "ranked-backup in which a backup answers reads with a value that is not committed",
            tolerates: "one of two servers by crash; any clients by omission; lock-step",
            falls_to: "one crash among three servers: Agreement",
            ..of(Broken::BackupReads, "backup-reads")
        },
        sibling: BuiltIn::RankedBackup,
        reason: "the next leader may never have heard of the value, and choose another",
    },
    BrokenDescription {
        description: Description {
            summary: "send-omission in which a backup promotes itself as soon as it misses one heartbeat",
            tolerates: "one of two servers by send-omission; any clients by omission; lock-step",
            falls_to: "two servers out of three that omit to send: Agreement",
            source: "Hadzilacos 1984; Perry and Toueg 1986; Budhiraja, Marzullo, Schneider and Toueg 1993",
            ..of(Broken::HastyBackup, "hasty-backup")
        },
        sibling: BuiltIn::SendOmission,
        reason: "the heartbeat that it missed may have brought others a value: who leads has to hear them first",
    },
    BrokenDescription {
        description: Description {
            summary: "primary-backup with clients that take any reply for one to their pending request",
            tolerates: "one of two servers by crash; any clients by omission; lock-step; if nobody reads before \
                        it writes",
            falls_to: "a client that reads and then writes, without any fault: Correctness",
            source: "Birrell and Nelson 1984 (retries and request ids)",
            ..of(Broken::LateDuplicate, "late-duplicate")
        },
        sibling: BuiltIn::PrimaryBackup,
        reason: "a retried request is answered twice, and the second answer comes when another is pending",
    },
];

/// The protocols that are broken on purpose, each with its reason.
pub fn broken() -> &'static [BrokenDescription] {
    ALL
}

impl Broken {
    /// What there is to say about it.
    pub fn description(self) -> &'static BrokenDescription {
        let is_it = |one: &&BrokenDescription| one.description.built_in == BuiltIn::Broken(self);
        ALL.iter().find(is_it).expect("every protocol is described")
    }

    /// See [`BuiltIn::visit`].
    pub(crate) fn visit<V: Visitor>(
        self,
        system: &System,
        visitor: V,
    ) -> Result<V::Output, UnsuitableSystem> {
        let primary_backup = |replies, accepts| PrimaryBackup::with(system, replies, accepts);
        Ok(match self {
            Broken::ReplyBeforeReplicating => {
                visitor.visit(primary_backup(Replies::BeforeTheBeat, Accepts::ItsOwn)?)
            }
            Broken::ReplyWhileReplicating => {
                visitor.visit(primary_backup(Replies::WithTheBeat, Accepts::ItsOwn)?)
            }
            Broken::NoResend => visitor.visit(OrderedBackup::without_resending(system)),
            Broken::HalfQuorum => visitor.visit(Majority::with_half_quorum(system)),
            Broken::BackupReads => visitor.visit(RankedBackup::with_reads_from_backups(system)),
            Broken::HastyBackup => visitor.visit(SendOmission::without_listening(system)),
            Broken::LateDuplicate => visitor.visit(primary_backup(Replies::Replicated, Accepts::Any)?),
        })
    }
}
