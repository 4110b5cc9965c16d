use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::fault::{FaultClass, FaultModel, FaultRule};
use crate::grammar::GrammarError;
use crate::named_enum;
use crate::process::System;
use crate::task::{Consistency, Task};
use crate::workload::Workload;

named_enum! {
    /// When messages arrive.
    Timing, "timing" {
        /// Every message that is not removed by a fault arrives in its round.
        LockStep = "lock-step",
        /// The basic round model of Dwork, Lynch and Stockmeyer (J. ACM 35(2), 1988): before an unknown
        /// round GST any message may be lost without anyone being charged; from GST on it is lock-step.
        PartialSynchrony = "partial-synchrony",
    }
}

named_enum! {
    /// Which messages of the round in which its sender crashes arrive.
    CrashDelivery, "crash delivery" {
        /// Any subset.
        AnySubset = "any-subset",
        /// A prefix of the sender's own sending order.
        Prefix = "prefix",
    }
}

named_enum! {
    /// How the adversary goes about what it may do.
    Adversary, "adversary" {
        /// Anew in every round.
        Omission = "omission",
        /// It chooses once: a set of links, each of them at a process that is faulty in the right way, and a
        /// round from which on all that is sent on them is lost, for ever; processes that crash do so in that
        /// round. Every client issues each request as soon as it can. In lock-step only.
        StaticCuts = "static-cuts",
    }
}

/// Everything that can change a verdict, except the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Processes and links. `faults` is what the fault model says: see [`Question::with_fault_model`].
    pub system: System,
    /// What the adversary may do.
    pub fault_model: FaultModel,
    /// How the adversary goes about it.
    pub adversary: Adversary,
    /// When messages arrive.
    pub timing: Timing,
    /// What arrives of a process that crashes.
    pub crash_delivery: CrashDelivery,
    /// What the system is for.
    pub task: Task,
    /// Which safety properties are judged.
    pub consistency: Consistency,
    /// What the clients ask for.
    pub workload: Workload,
    /// The round after which exploration stops; `None` goes on to the fixpoint.
    pub rounds: Option<u32>,
}

/// A question that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// No servers.
    #[error("a system needs at least one server")]
    NoServers,
    /// Too many processes.
    #[error("{servers} servers and {clients} clients are {} processes: at most {} can be asked about",
            servers.saturating_add(*clients), System::MAX_PROCESSES)]
    TooManyProcesses {
        /// Servers asked for.
        servers: usize,
        /// Clients asked for.
        clients: usize,
    },
    /// More faulty servers than servers.
    #[error("{faults} faulty servers among {servers}: there are not so many")]
    TooManyFaults {
        /// Faults asked for.
        faults: usize,
        /// Servers in the system.
        servers: usize,
    },
    /// A fault rule or a workload that does not follow its grammar.
    #[error("{0}")]
    Grammar(#[from] GrammarError),
}

impl Question {
    /// The theorem's question with these numbers and classes: at most `faults` servers in one class, any
    /// clients in one class, lock-step, write-once register, the usual workload.
    pub fn usual(
        servers: usize,
        faults: usize,
        clients: usize,
        server_faults: FaultClass,
        client_faults: FaultClass,
    ) -> Result<Question, QuestionError> {
        let mut system = Question::system(servers, clients, false)?;
        if faults > servers {
            return Err(QuestionError::TooManyFaults { faults, servers });
        }
        let fault_model = FaultModel::usual(&system, faults, server_faults, client_faults);
        system.faults = count(fault_model.max_faulty_servers(&system));
        Ok(Question {
            workload: Workload::usual(Task::WriteOnceRegister, &system),
            system,
            fault_model,
            adversary: Adversary::Omission,
            timing: Timing::LockStep,
            crash_delivery: CrashDelivery::AnySubset,
            task: Task::WriteOnceRegister,
            consistency: Consistency::Properties,
            rounds: None,
        })
    }

    /// A system of this size, with no faults yet.
    pub fn system(servers: usize, clients: usize, client_links: bool) -> Result<System, QuestionError> {
        if servers == 0 {
            return Err(QuestionError::NoServers);
        }
        if servers.saturating_add(clients) > System::MAX_PROCESSES {
            return Err(QuestionError::TooManyProcesses { servers, clients });
        }
        Ok(System { servers: count(servers), clients: count(clients), faults: 0, client_links })
    }

    /// The same question about another task, with that task's usual workload.
    pub fn with_task(mut self, task: Task) -> Question {
        self.task = task;
        self.workload = Workload::usual(task, &self.system);
        self
    }

    /// The same question under another fault model; the system's `faults` follows.
    pub fn with_fault_model(mut self, fault_model: FaultModel) -> Question {
        self.system.faults = count(fault_model.max_faulty_servers(&self.system));
        self.fault_model = fault_model;
        self
    }

    /// Who issues requests, and the monitor.
    pub fn environment(&self) -> Environment {
        Environment::new(self.system, self.task, self.consistency, self.workload.clone())
    }
}

fn count(number: usize) -> u16 {
    u16::try_from(number).expect("a system has at most 64 processes")
}

/// The question as it stands in results and files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuestionText {
    servers: usize,
    clients: usize,
    fault_rules: Vec<String>,
    /// Left out where it is the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adversary: Option<Adversary>,
    timing: Timing,
    task: Task,
    links: Links,
    workload: String,
    crash_delivery: CrashDelivery,
    consistency: Consistency,
    rounds: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Links {
    client_client: bool,
}

impl Serialize for Question {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let system = &self.system;
        QuestionText {
            servers: usize::from(system.servers),
            clients: usize::from(system.clients),
            fault_rules: self.fault_model.rules.iter().map(|rule| rule.text(system)).collect(),
            adversary: Some(self.adversary).filter(|adversary| *adversary != Adversary::Omission),
            timing: self.timing,
            task: self.task,
            links: Links { client_client: system.client_links },
            workload: self.workload.text(),
            crash_delivery: self.crash_delivery,
            consistency: self.consistency,
            rounds: self.rounds,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Question {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = QuestionText::deserialize(deserializer)?;
        if text.adversary == Some(Adversary::StaticCuts) && text.timing != Timing::LockStep {
            return Err(Error::custom("the adversary static-cuts is for the timing lock-step only"));
        }
        let system =
            Question::system(text.servers, text.clients, text.links.client_client).map_err(Error::custom)?;
        let rules = text.fault_rules.iter().map(|rule| FaultRule::parse(rule, &system));
        let fault_model = FaultModel { rules: rules.collect::<Result<_, _>>().map_err(Error::custom)? };
        let workload = Workload::parse(&text.workload, text.task, &system).map_err(Error::custom)?;
        Ok(Question {
            system,
            fault_model: FaultModel::default(),
            adversary: text.adversary.unwrap_or(Adversary::Omission),
            timing: text.timing,
            crash_delivery: text.crash_delivery,
            task: text.task,
            consistency: text.consistency,
            workload,
            rounds: text.rounds,
        }
        .with_fault_model(fault_model))
    }
}
