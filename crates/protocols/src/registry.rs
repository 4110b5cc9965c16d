use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use threeworlds_model::{
    AnyProtocol, CrashDelivery, FaultClass, Machine, Process, Protocol, Question, System, Task, Timing,
};

use crate::broken::{Broken, broken};
use crate::raft::{RaftOptions, rafts};

/// The protocols of this crate, by name. Whoever runs one matches on it and constructs the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuiltIn {
    /// [`crate::Unreplicated`].
    Unreplicated,
    /// [`crate::UnreplicatedWitness`].
    UnreplicatedWitness,
    /// [`crate::PrimaryBackup`].
    PrimaryBackup,
    /// [`crate::RankedBackup`].
    RankedBackup,
    /// [`crate::OrderedBackup`].
    OrderedBackup,
    /// [`crate::ReceiveOmission`].
    ReceiveOmission,
    /// [`crate::SendOmission`].
    SendOmission,
    /// [`crate::ClientRelay`].
    ClientRelay,
    /// [`crate::ClientPeers`].
    ClientPeers,
    /// [`crate::ClientBlame`].
    ClientBlame,
    /// [`crate::Majority`].
    Majority,
    /// [`crate::LockCommit`].
    LockCommit,
    /// [`crate::CommitNotify`].
    CommitNotify,
    /// [`crate::AtomicRegister`].
    AtomicRegister,
    /// [`crate::ReplicatedLog`].
    ReplicatedLog,
    /// [`crate::ReplicatedStateMachine`] of [`Machine::KeyValueStore`].
    ReplicatedKeyValueStore,
    /// [`crate::ReplicatedStateMachine`] of [`Machine::Bank`].
    ReplicatedBank,
    /// [`crate::Raft`].
    Raft(RaftOptions),
    /// [`crate::Signed`] [`crate::PrimaryBackup`].
    SignedPrimaryBackup,
    /// A protocol that is broken on purpose.
    Broken(Broken),
}

/// What there is to say about a protocol on a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// Which one.
    pub built_in: BuiltIn,
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// The task that it implements.
    pub task: Task,
    /// The faults under which it is safe and live, and the timing.
    pub tolerates: &'static str,
    /// What goes wrong beyond that.
    pub falls_to: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

const ALL: &[Description] = &[
    Description {
        built_in: BuiltIn::Unreplicated,
        name: "unreplicated",
        summary: "one server, s1, and clients that retry",
        task: Task::WriteOnceRegister,
        tolerates: "no server fault; any clients by omission; any timing",
        falls_to: "one crash of s1: Termination",
        source: "Birrell and Nelson 1984 (retries and request ids)",
    },
    Description {
        built_in: BuiltIn::UnreplicatedWitness,
        name: "unreplicated-witness",
        summary: "one server, the last, which is a witness that never fails, and clients that retry",
        task: Task::WriteOnceRegister,
        tolerates: "any faults of servers other than the last; any clients by omission; any timing",
        falls_to: "one crash of the last server: Termination",
        source: "Birrell and Nelson 1984 (retries and request ids)",
    },
    Description {
        built_in: BuiltIn::PrimaryBackup,
        name: "primary-backup",
        summary: "two servers; the backup takes over when it no longer hears the primary",
        task: Task::WriteOnceRegister,
        tolerates: "one of two servers by crash; any clients by omission; lock-step",
        falls_to: "one omission-faulty server: Agreement",
        source: "Alsberg and Day 1976; Budhiraja, Marzullo, Schneider and Toueg 1993",
    },
    Description {
        built_in: BuiltIn::RankedBackup,
        name: "ranked-backup",
        summary: "the lowest live server leads, and answers when all that are higher have been told",
        task: Task::WriteOnceRegister,
        tolerates: "f < n servers by crash; any clients by omission; lock-step",
        falls_to: "one omission-faulty server: Agreement; f = n: Termination",
        source: "Alsberg and Day 1976; Budhiraja, Marzullo, Schneider and Toueg 1993",
    },
    Description {
        built_in: BuiltIn::OrderedBackup,
        name: "ordered-backup",
        summary: "the lowest live server leads, tells the others in order and then answers at once",
        task: Task::WriteOnceRegister,
        tolerates: "f < n servers by crash with prefix delivery; any clients by omission; lock-step",
        falls_to: "one crash with any-subset delivery, or one omission-faulty server: Agreement; \
                   f = n: Termination",
        source: "Alsberg and Day 1976; Budhiraja, Marzullo, Schneider and Toueg 1993",
    },
    Description {
        built_in: BuiltIn::ReceiveOmission,
        name: "receive-omission",
        summary: "equal servers; who misses a message of another knows itself faulty and halts",
        task: Task::WriteOnceRegister,
        tolerates: "f < n servers by receive-omission; any clients by omission; lock-step; \
                    safe whatever fails, and under partial synchrony",
        falls_to: "a server that crashes or omits to send, or f = n: Termination, never safety",
        source: "Perry and Toueg 1986; Budhiraja, Marzullo, Schneider and Toueg 1993",
    },
    Description {
        built_in: BuiltIn::SendOmission,
        name: "send-omission",
        summary: "servers that agree on who is faulty; the lowest that is not suspected leads",
        task: Task::WriteOnceRegister,
        tolerates: "f < n servers by send-omission or crash; any clients by omission; lock-step",
        falls_to: "one server that omits to receive, or f = n: Agreement",
        source: "Hadzilacos 1984; Perry and Toueg 1986; Budhiraja, Marzullo, Schneider and Toueg 1993",
    },
    Description {
        built_in: BuiltIn::ClientRelay,
        name: "client-relay",
        summary: "the clients are the replicas, and the servers pass messages on between them",
        task: Task::WriteOnceRegister,
        tolerates: "f < n servers by omission; any clients by crash; lock-step",
        falls_to: "one omission-faulty client, or f = n: Agreement",
        source: "Dolev and Strong 1983 (relays); Alsberg and Day 1976; \
                 Budhiraja, Marzullo, Schneider and Toueg 1993",
    },
    Description {
        built_in: BuiltIn::ClientPeers,
        name: "client-peers",
        summary: "the clients are equal replicas that halt when they miss a message; servers pass messages on",
        task: Task::WriteOnceRegister,
        tolerates: "f < n servers by omission; any clients by receive-omission; lock-step; safe whatever fails",
        falls_to: "a client that crashes or omits to send, or f = n: Termination, never safety",
        source: "Perry and Toueg 1986; Dolev and Strong 1983 (relays)",
    },
    Description {
        built_in: BuiltIn::ClientBlame,
        name: "client-blame",
        summary: "the clients are equal replicas that blame a server they miss; two servers pass messages on",
        task: Task::WriteOnceRegister,
        tolerates: "one of two servers by omission; any clients by send-omission or crash; lock-step",
        falls_to: "a client that omits to receive, or two faulty servers: Agreement and Termination",
        source: "made for this place on the map; after Hadzilacos 1984; Perry and Toueg 1986",
    },
    Description {
        built_in: BuiltIn::Majority,
        name: "majority",
        summary: "servers that lock, and decide what a majority of them has locked",
        task: Task::WriteOnceRegister,
        tolerates: "f < n/2 servers by omission; any clients by omission; lock-step; \
                    safe under partial synchrony, whatever f",
        falls_to: "f >= n/2: Termination, never safety",
        source: "Dwork, Lynch and Stockmeyer 1988; Lamport 1998; Perry and Toueg 1986",
    },
    Description {
        built_in: BuiltIn::SignedPrimaryBackup,
        name: "signed-primary-backup",
        summary: "primary-backup with signed messages, from a setup made in advance",
        task: Task::WriteOnceRegister,
        tolerates: "one of two servers by crash; any clients by omission; lock-step: what primary-backup does",
        falls_to: "one omission-faulty server: Agreement, for a lost message is lost with its signature",
        source: "Dolev and Strong 1983; Dolev and Yao 1983",
    },
    Description {
        built_in: BuiltIn::LockCommit,
        name: "lock-commit",
        summary: "single-shot Paxos in rounds: majority, with locks that never look equally old",
        task: Task::WriteOnceRegister,
        tolerates: BY_MAJORITY,
        falls_to: "f >= n/2: Termination, never safety",
        source: "Dwork, Lynch and Stockmeyer 1988; Lamport 1998",
    },
    Description {
        built_in: BuiltIn::CommitNotify,
        name: "commit-notify",
        summary: "lock-commit, a round earlier: clients count f + 1 locks themselves",
        task: Task::WriteOnceRegister,
        tolerates: BY_MAJORITY,
        falls_to: "f >= n/2: Termination, never safety",
        source: "Lamport 1998 and 2006; Howard, Malkhi and Spiegelman 2016",
    },
    Description {
        built_in: BuiltIn::AtomicRegister,
        name: "atomic-register",
        summary: "a read/write register: clients ask a majority for the latest stamp, then store at a majority",
        task: Task::Register,
        tolerates: "f < n/2 servers by omission; any clients by omission; lock-step or partial synchrony, and \
                    asynchrony too",
        falls_to: "f >= n/2: Termination, never safety",
        source: "Attiya, Bar-Noy and Dolev 1995; Lynch and Shvartsman 1997",
    },
    Description {
        built_in: BuiltIn::ReplicatedLog,
        name: "replicated-log",
        summary: "a log: state machine replication of a machine whose state is the log",
        task: Task::Log,
        tolerates: BY_MAJORITY,
        falls_to: "f >= n/2: Termination, never safety",
        source: "Lamport 1998; Schneider 1990; Oki and Liskov 1988",
    },
    Description {
        built_in: BuiltIn::ReplicatedKeyValueStore,
        name: "replicated-kv",
        summary: "a key-value store: state machine replication, each command in the log once",
        task: Task::KeyValueStore,
        tolerates: BY_MAJORITY,
        falls_to: "f >= n/2: Termination, never safety",
        source: "Lamport 1998; Schneider 1990; Oki and Liskov 1988",
    },
    Description {
        built_in: BuiltIn::ReplicatedBank,
        name: "replicated-bank",
        summary: "a bank: state machine replication, each transfer in the log once",
        task: Task::Bank,
        tolerates: BY_MAJORITY,
        falls_to: "f >= n/2: Termination, never safety",
        source: "Lamport 1998; Schneider 1990; Oki and Liskov 1988",
    },
];

const BY_MAJORITY: &str =
    "f < n/2 servers by omission; any clients by omission; lock-step or partial synchrony";

/// The protocols, from the simplest on, without [Raft](rafts), for which nothing is
/// promised, and without those that are [broken on purpose](broken).
pub fn all() -> &'static [Description] {
    ALL
}

impl BuiltIn {
    /// What there is to say about it.
    pub fn description(self) -> &'static Description {
        match self {
            BuiltIn::Raft(options) => return options.description(),
            BuiltIn::Broken(broken) => return &broken.description().description,
            _ => {}
        }
        ALL.iter().find(|description| description.built_in == self).expect("every protocol is described")
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        self.description().name
    }

    /// The protocol with this name.
    pub fn parse(name: &str) -> Result<BuiltIn, UnknownProtocol> {
        let all = ALL.iter().chain(rafts()).chain(broken().iter().map(|broken| &broken.description));
        let found = all.into_iter().find(|description| description.name == name);
        found.map(|description| description.built_in).ok_or_else(|| UnknownProtocol(name.to_owned()))
    }

    /// The same protocol for this task, if it is made for that one too; itself if not.
    pub fn for_task(self, task: Task) -> BuiltIn {
        match self {
            BuiltIn::Raft(options) if matches!(task, Task::WriteOnceRegister | Task::Log) => {
                BuiltIn::Raft(RaftOptions { task, ..options })
            }
            other => other,
        }
    }

    /// Which task it is made for.
    pub fn task(self) -> Task {
        match self {
            BuiltIn::Raft(options) => options.task,
            other => other.description().task,
        }
    }

    /// Whether it can run on this system at all; whether it is right there is another question.
    pub fn suits(self, system: &System) -> Result<(), UnsuitableSystem> {
        match self {
            BuiltIn::Broken(broken) => BuiltIn::suits(broken.description().sibling, system),
            BuiltIn::PrimaryBackup | BuiltIn::SignedPrimaryBackup => {
                crate::PrimaryBackup::new(system).map(drop)
            }
            BuiltIn::ClientBlame => crate::ClientBlame::new(system).map(drop),
            BuiltIn::Unreplicated
            | BuiltIn::UnreplicatedWitness
            | BuiltIn::RankedBackup
            | BuiltIn::OrderedBackup
            | BuiltIn::ReceiveOmission
            | BuiltIn::SendOmission
            | BuiltIn::ClientRelay
            | BuiltIn::ClientPeers
            | BuiltIn::Raft(_)
            | BuiltIn::Majority
            | BuiltIn::LockCommit
            | BuiltIn::CommitNotify
            | BuiltIn::AtomicRegister
            | BuiltIn::ReplicatedLog
            | BuiltIn::ReplicatedKeyValueStore
            | BuiltIn::ReplicatedBank => Ok(()),
        }
    }

    /// Whether the protocol's documentation promises that it is safe (linearizable even) and live here: for
    /// any size, workload, and number of rounds. Where it does not the protocol may be right all the same.
    pub fn covers(self, question: &Question) -> bool {
        use FaultClass::{Crash, ReceiveOmission, SendOmission};
        let system = &question.system;
        let (servers, faulty) = (system.servers, question.fault_model.max_faulty_servers(system));
        let one_never_fails = faulty < usize::from(servers);
        let servers_fail_by =
            |allowed: &[FaultClass]| system.server_ids().all(|server| fails_by(question, server, allowed));
        let clients_fail_by =
            |allowed: &[FaultClass]| system.client_ids().all(|client| fails_by(question, client, allowed));
        let never_fails = |server| fails_by(question, Process::Server(server), &[]);
        if question.task != self.description().task || self.suits(system).is_err() {
            return false;
        }
        let a_majority_never_fails = 2 * faulty < usize::from(servers);
        let whatever_the_timing = match self {
            BuiltIn::LockCommit
            | BuiltIn::CommitNotify
            | BuiltIn::AtomicRegister
            | BuiltIn::ReplicatedLog
            | BuiltIn::ReplicatedKeyValueStore
            | BuiltIn::ReplicatedBank => a_majority_never_fails,
            BuiltIn::Unreplicated => never_fails(1),
            BuiltIn::UnreplicatedWitness => never_fails(servers),
            _ => false,
        };
        let in_lock_step = match self {
            BuiltIn::PrimaryBackup | BuiltIn::RankedBackup => one_never_fails && servers_fail_by(&[Crash]),
            BuiltIn::OrderedBackup => {
                let prefix = question.crash_delivery == CrashDelivery::Prefix;
                one_never_fails && servers_fail_by(&[Crash]) && prefix
            }
            BuiltIn::ReceiveOmission => one_never_fails && servers_fail_by(&[ReceiveOmission]),
            BuiltIn::SendOmission => one_never_fails && servers_fail_by(&[Crash, SendOmission]),
            BuiltIn::ClientRelay => one_never_fails && clients_fail_by(&[Crash]),
            BuiltIn::ClientPeers => one_never_fails && clients_fail_by(&[ReceiveOmission]),
            BuiltIn::ClientBlame => one_never_fails && clients_fail_by(&[Crash, SendOmission]),
            BuiltIn::Majority => a_majority_never_fails,
            // `signed-primary-backup` is there to be compared with the protocol inside, the broken ones to be found
            // wrong; that Raft is safe can be explored up to a bound only.
            _ => false,
        };
        whatever_the_timing || (in_lock_step && question.timing == Timing::LockStep)
    }
}

impl BuiltIn {
    /// Whether its documentation promises the same where messages take any finite time, whatever timing the
    /// question has. Nothing here explores that.
    pub fn covers_under_asynchrony(self, question: &Question) -> bool {
        let in_rounds = Question { timing: Timing::PartialSynchrony, ..question.clone() };
        match self {
            // One server that never fails is a sequential object; replies carry their request's number, so
            // that a late one is not taken for another.
            // The register asks a majority and counts no rounds, as Attiya, Bar-Noy and Dolev have it.
            BuiltIn::Unreplicated | BuiltIn::UnreplicatedWitness | BuiltIn::AtomicRegister => {
                self.covers(&in_rounds)
            }
            _ => false,
        }
    }
}

/// Whether nothing but these classes can happen to the process.
fn fails_by(question: &Question, process: Process, allowed: &[FaultClass]) -> bool {
    let rules = || question.fault_model.rules.iter().filter(|rule| rule.processes.contains(&process));
    let exempt = rules().any(|rule| rule.class == FaultClass::None);
    exempt || rules().all(|rule| rule.at_most == 0 || allowed.contains(&rule.class))
}

/// Something to do with a protocol, whichever type it has.
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// Does it. The messages can be written and read again, for processes that really run.
    fn visit<P>(self, protocol: P) -> Self::Output
    where
        P: Protocol<Message: Serialize + DeserializeOwned> + 'static;
}

/// Forgets which type it has.
struct Forget;

impl Visitor for Forget {
    type Output = AnyProtocol<'static>;

    fn visit<P: Protocol + 'static>(self, protocol: P) -> AnyProtocol<'static> {
        AnyProtocol::new(protocol)
    }
}

impl BuiltIn {
    /// Makes the protocol for this system.
    pub fn protocol(self, system: &System) -> Result<AnyProtocol<'static>, UnsuitableSystem> {
        self.visit(system, Forget)
    }

    /// Makes the protocol for this system and does something with it, for which its type is needed.
    pub fn visit<V: Visitor>(self, system: &System, visitor: V) -> Result<V::Output, UnsuitableSystem> {
        Ok(match self {
            BuiltIn::Unreplicated => visitor.visit(crate::Unreplicated),
            BuiltIn::UnreplicatedWitness => visitor.visit(crate::UnreplicatedWitness::new(system)),
            BuiltIn::PrimaryBackup => visitor.visit(crate::PrimaryBackup::new(system)?),
            BuiltIn::RankedBackup => visitor.visit(crate::RankedBackup::new(system)),
            BuiltIn::OrderedBackup => visitor.visit(crate::OrderedBackup::new(system)),
            BuiltIn::ReceiveOmission => visitor.visit(crate::ReceiveOmission::new(system)),
            BuiltIn::SendOmission => visitor.visit(crate::SendOmission::new(system)),
            BuiltIn::ClientRelay => visitor.visit(crate::ClientRelay::new(system)),
            BuiltIn::ClientPeers => visitor.visit(crate::ClientPeers::new(system)),
            BuiltIn::ClientBlame => visitor.visit(crate::ClientBlame::new(system)?),
            BuiltIn::Majority => visitor.visit(crate::Majority::new(system)),
            BuiltIn::Raft(options) => visitor.visit(crate::Raft::new(system, options)),
            BuiltIn::SignedPrimaryBackup => {
                visitor.visit(crate::Signed::new(crate::PrimaryBackup::new(system)?, system))
            }
            BuiltIn::Broken(broken) => broken.visit(system, visitor)?,
            BuiltIn::LockCommit => visitor.visit(crate::LockCommit::new(system)),
            BuiltIn::CommitNotify => visitor.visit(crate::CommitNotify::new(system)),
            BuiltIn::AtomicRegister => visitor.visit(crate::AtomicRegister::new(system)),
            BuiltIn::ReplicatedLog => {
                visitor.visit(crate::ReplicatedStateMachine::new(crate::LogMachine, system))
            }
            BuiltIn::ReplicatedKeyValueStore => replicated(Machine::KeyValueStore, system, visitor),
            BuiltIn::ReplicatedBank => replicated(Machine::Bank, system, visitor),
        })
    }
}

/// One type for all machines of the model, so that whatever visits protocols is compiled once for them.
fn replicated<V: Visitor>(machine: Machine, system: &System, visitor: V) -> V::Output {
    visitor.visit(crate::ReplicatedStateMachine::new(machine, system))
}

impl fmt::Display for BuiltIn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl FromStr for BuiltIn {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        BuiltIn::parse(text)
    }
}

/// No built-in protocol has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no built-in protocol `{0}`: it is one of {names}, or a command after `--`",
    names = ALL.iter().map(|description| description.name).collect::<Vec<_>>().join(", ")
)]
pub struct UnknownProtocol(pub String);

/// A system on which a protocol cannot run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsuitableSystem {
    /// `primary-backup` is made for two servers.
    #[error(
        "primary-backup is a protocol for exactly 2 servers, a primary and its backup, not for {servers}"
    )]
    PrimaryBackup {
        /// Servers in the system.
        servers: u16,
    },
    /// So is `client-blame`.
    #[error("client-blame is a protocol for exactly 2 servers, not for {servers}")]
    ClientBlame {
        /// Servers in the system.
        servers: u16,
    },
}
