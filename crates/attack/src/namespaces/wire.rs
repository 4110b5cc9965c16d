//! What a lab and its keeper say to each other: a JSON value a line.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use threeworlds_model::Process;

use super::command::{Command, Ended, LabSignal, Output};
use crate::plan::Link;

/// A link between any two hosts: also between clients, which no plan speaks of.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Pair(Process, Process);

impl From<&Link> for Pair {
    fn from(link: &Link) -> Pair {
        Pair(link.from, link.to)
    }
}

impl From<&Pair> for Link {
    fn from(&Pair(from, to): &Pair) -> Link {
        Link { from, to }
    }
}

/// What the keeper is asked for. Everything but [`Ask::Setup`], which comes first, may come at any time.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) ask: Ask,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ask {
    Setup(Setup),
    /// Starts a process that runs on.
    Spawn {
        host: Process,
        command: Command,
        log: PathBuf,
        log_bytes_max: u64,
    },
    /// Runs a command to its end.
    Run {
        host: Process,
        command: Command,
        deadline_milliseconds: u64,
    },
    /// A signal to a process that was spawned, and to its group.
    Signal {
        process: u64,
        signal: LabSignal,
    },
    /// A signal to everything that runs on a host.
    SignalHost {
        host: Process,
        signal: LabSignal,
    },
    /// From now on exactly these links are cut.
    Cut {
        links: Vec<Pair>,
    },
    /// A message along each of these links: which arrive?
    Probe {
        links: Vec<Pair>,
        patience_milliseconds: u64,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) hosts: Vec<Host>,
    /// The scratch folder; there is a folder for each host in it, and `etc`.
    pub(super) folder: PathBuf,
    /// The user and group of unprivileged commands.
    pub(super) user: u32,
    /// Whether that is a user of a namespace nested in the lab's, which knows root alone.
    pub(super) nested: bool,
    /// The command that became the keeper, to become other things.
    pub(super) keeper: Vec<String>,
    /// Whether links can be cut one way.
    pub(super) one_way: bool,
    /// Network settings: the file below `/proc/sys/net/ipv4`, and what is written to it.
    pub(super) tcp: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Host {
    pub(super) name: Process,
    pub(super) ip: Ipv4Addr,
}

/// What the keeper says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Say {
    /// The answer to a request.
    Answer { id: u64, answer: Answer },
    /// A process that was spawned has ended.
    Ended { process: u64, ended: Ended },
    /// The keeper could not begin, and ends.
    Failed(Problem),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    Done,
    /// The lab stands; settings that this kernel does not have.
    Ready {
        missing: Vec<String>,
    },
    /// A process runs; its number here.
    Spawned {
        process: u64,
    },
    Output(Output),
    Arrived {
        links: Vec<Pair>,
    },
    Failed(Problem),
}

/// What can go wrong over there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Problem {
    MissingTool { tool: String, package: String },
    Kernel { what: String, why: String, hint: String },
    Start { program: String, why: String },
    Network { why: String },
}
