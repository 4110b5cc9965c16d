//! The flags that make a question. They mean the same for every command.

use anyhow::{Context, Result, bail};
use clap::Args;
use threeworlds_model::{
    Adversary, Consistency, CrashDelivery, FaultClass, FaultModel, FaultRule, Question, QuestionError,
    System, Task, Timing, Workload,
};

/// Who can fail, and how. The defaults are the theorem's.
#[derive(Args, Debug, Clone, PartialEq, Eq)]
#[command(next_help_heading = "Question")]
pub(crate) struct FaultArguments {
    /// At most so many servers are faulty [default: 1]
    #[arg(long, value_name = "F", value_parser = number)]
    pub(crate) faults: Option<usize>,
    /// Number of clients, c1, c2, ...
    #[arg(long, value_name = "M", default_value_t = 2, value_parser = number)]
    pub(crate) clients: usize,
    /// What can happen to faulty servers: none, crash, ..., omission [default: omission]
    ///
    /// none: nothing. crash: it stops for good. send-omission: messages that it sends are lost.
    /// receive-omission: messages to it are lost. send-or-receive-omission: one of the two, for the whole
    /// execution. omission: both.
    #[arg(long, value_name = "CLASS")]
    pub(crate) server_faults: Option<FaultClass>,
    /// What can happen to clients, any number of them: the same classes [default: omission]
    #[arg(long, value_name = "CLASS")]
    pub(crate) client_faults: Option<FaultClass>,
    /// A fault rule, such as "1 of s1,s2: omission"; repeated for further rules
    ///
    /// The grammar is `[COUNT of] WHO: CLASS`. COUNT is a number or `any`. WHO names processes: s1, s1-s3,
    /// "s1,c2", servers, clients, processes, or w, the witness, which is the last server. CLASS is one of
    /// --server-faults. Together the rules replace --faults, --server-faults and --client-faults; only
    /// "WHO: none", which says who never fails, goes with them.
    #[arg(long = "fault", value_name = "RULE")]
    pub(crate) fault: Vec<String>,
}

impl FaultArguments {
    /// The fault model for a system of this size.
    pub(crate) fn fault_model(&self, system: &System) -> Result<FaultModel> {
        let rules: Vec<FaultRule> = self
            .fault
            .iter()
            .map(|rule| FaultRule::parse(rule, system))
            .collect::<Result<_, _>>()
            .context("--fault")?;
        let only_exempts = rules.iter().all(|rule| rule.class == FaultClass::None);
        let shorthand = self.faults.is_some() || self.server_faults.is_some() || self.client_faults.is_some();
        if only_exempts {
            let (faults, servers) = (self.faults.unwrap_or(1), usize::from(system.servers));
            if faults > servers {
                return Err(QuestionError::TooManyFaults { faults, servers }.into());
            }
            let mut usual = FaultModel::usual(system, faults, self.server_class(), self.client_class());
            usual.rules.extend(rules);
            Ok(usual)
        } else if shorthand {
            bail!(
                "--fault gives the whole fault model, so --faults, --server-faults and --client-faults cannot \
                 go with it: write them as rules, such as --fault \"1 of servers: omission\" --fault \"any of \
                 clients: crash\""
            );
        } else {
            Ok(FaultModel { rules })
        }
    }

    /// The class of the servers where no rules are given.
    pub(crate) fn server_class(&self) -> FaultClass {
        self.server_faults.unwrap_or(FaultClass::Omission)
    }

    /// The class of the clients where no rules are given.
    pub(crate) fn client_class(&self) -> FaultClass {
        self.client_faults.unwrap_or(FaultClass::Omission)
    }
}

/// The defaults are the theorem's question.
#[derive(Args)]
#[command(next_help_heading = "Question")]
pub(crate) struct QuestionArguments {
    /// Number of servers, s1, s2, ...
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = number)]
    servers: usize,
    #[command(flatten)]
    faults: FaultArguments,
    /// When messages arrive: lock-step, partial-synchrony
    #[arg(long, value_name = "TIMING", default_value_t = Timing::LockStep)]
    timing: Timing,
    /// What the system is for: write-once-register, register, log, state-machine:kv, state-machine:bank
    #[arg(long, value_name = "TASK", default_value_t = Task::WriteOnceRegister)]
    task: Task,
    /// What safe means: properties (of the task), linearizable
    #[arg(long, value_name = "WHICH", default_value_t = Consistency::Properties)]
    consistency: Consistency,
    /// What the clients ask for, such as "c1: write(A), read; c2: read" [default: a write, then a read]
    ///
    /// Each request comes in any round after the answer to the one before, or never. A part without names is
    /// for all clients, and a later part overrides an earlier one. Without a value, as in `write` or
    /// `append`, a client's own is meant: C1 of c1. `none` is no request. The commands of a state machine are
    /// written with all their arguments: read(x), write(x,1), cas(x,1,2); balance(a), transfer(a,b,10). By
    /// default each client writes (in the task log: appends) its own value and then reads.
    #[arg(long, value_name = "WORKLOAD")]
    workload: Option<String>,
    /// What arrives of what a process sends in the round in which it crashes: any-subset, prefix
    ///
    /// A prefix is one of the process's own sending order.
    #[arg(long, value_name = "WHICH", default_value_t = CrashDelivery::AnySubset, hide_short_help = true)]
    crash_delivery: CrashDelivery,
    /// Link clients with each other
    #[arg(long, hide_short_help = true)]
    client_links: bool,
}

pub(crate) fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "write a number, such as 3".to_owned())
}

impl QuestionArguments {
    /// The question, up to this round.
    pub(crate) fn question(&self, rounds: Option<u32>) -> Result<Question> {
        let system = Question::system(self.servers, self.faults.clients, self.client_links)?;
        let fault_model = self.faults.fault_model(&system)?;
        let workload = match &self.workload {
            Some(text) => Workload::parse(text, self.task, &system).context("--workload")?,
            None => Workload::usual(self.task, &system),
        };
        let question = Question {
            system,
            fault_model: FaultModel::default(),
            adversary: Adversary::Omission,
            timing: self.timing,
            crash_delivery: self.crash_delivery,
            task: self.task,
            consistency: self.consistency,
            workload,
            rounds,
        };
        Ok(question.with_fault_model(fault_model))
    }
}
