use threeworlds_model::{FaultClass, FaultModel, FaultRule, System, named_enum};

named_enum! {
    /// When messages arrive.
    Timing, "timing" {
        /// Every message that is not removed by a fault arrives in its round.
        LockStep = "lock-step",
        /// Before an unknown round messages may also be lost without anyone being charged (Dwork, Lynch and
        /// Stockmeyer, J. ACM 35(2), 1988, the basic round model).
        PartialSynchrony = "partial-synchrony",
        /// Messages take any finite time.
        Asynchrony = "asynchrony",
    }
}

named_enum! {
    /// What the system is for.
    Task, "task" {
        /// A register that keeps the first value written: Termination, Agreement, Validity, Correctness.
        WriteOnceRegister = "write-once-register",
        /// A read/write register: linearizability and Termination.
        Register = "register",
        /// A log: Termination, Agreement (prefixes), Validity, Correctness.
        Log = "log",
        /// Any deterministic state machine: linearizability and Termination.
        StateMachine = "state-machine",
    }
}

impl Task {
    /// The task that a certificate for this one argues about, and why that is enough.
    ///
    /// A log makes a write-once register: `write(v)` appends `v`, and every request answers the first entry
    /// of the log that comes back. Agreement on prefixes makes first entries equal, Validity makes them
    /// written values, Correctness makes the log that answers a write hold an entry. A write-once register
    /// is a state machine. So where no protocol makes a write-once register, none makes these.
    pub fn argued_as(self) -> (Task, Option<&'static str>) {
        match self {
            Task::WriteOnceRegister | Task::Register => (self, None),
            Task::Log => (
                Task::WriteOnceRegister,
                Some(
                    "a log makes a write-once register: write(v) appends v, and the answer is the log's first entry",
                ),
            ),
            Task::StateMachine => (
                Task::WriteOnceRegister,
                Some(
                    "a write-once register is a state machine: SM(write(v), empty) = (v, v), SM(write(v), u) = (u, u)",
                ),
            ),
        }
    }
}

/// How many servers a claim speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Servers {
    /// As many as its system has.
    Exactly,
    /// Any number n with n <= `times` * f (and no fewer than there are groups), where f bounds the faulty
    /// servers. The claim's system then has one server for each group, which stands for all of the group.
    UpToTimesFaults(u16),
}

/// The question that has no protocol: everything that can change the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Processes and links. Under [`Servers::UpToTimesFaults`] its servers stand for groups.
    pub system: System,
    /// For how many servers the claim is made.
    pub servers: Servers,
    /// What the adversary may do. Under [`Servers::UpToTimesFaults`] exactly one rule names servers, all of
    /// them, and f stands for its number.
    pub fault_model: FaultModel,
    /// When messages arrive.
    pub timing: Timing,
    /// What the system is for.
    pub task: Task,
    /// `Some(rounds)`: every client that writes issues its write at the same time, and all have to be
    /// answered after this many rounds of messages. `None`: they have to be answered some day.
    pub rounds: Option<u32>,
}

impl Claim {
    /// The rule about servers of a claim for any number of them.
    pub(crate) fn general_rule(&self) -> Option<&FaultRule> {
        let mut of_servers = self.fault_model.rules.iter().filter(|rule| {
            rule.class != FaultClass::None && rule.processes.iter().any(|process| !process.is_client())
        });
        let rule = of_servers.next()?;
        let all: Vec<_> = self.system.server_ids().collect();
        let exempt = self.fault_model.rules.iter().any(|rule| {
            rule.class == FaultClass::None && rule.processes.iter().any(|process| !process.is_client())
        });
        (rule.processes == all && of_servers.next().is_none() && !exempt).then_some(rule)
    }
}
