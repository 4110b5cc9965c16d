use std::fmt;
use std::str::FromStr;

use threeworlds_model::{System, Task};

/// The protocols of this crate, by name. Whoever runs one matches on it and constructs the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuiltIn {
    /// [`crate::Unreplicated`].
    Unreplicated,
    /// [`crate::PrimaryBackup`].
    PrimaryBackup,
    /// [`crate::Majority`].
    Majority,
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
        tolerates: "no server fault; any clients by omission; lock-step or partial synchrony",
        falls_to: "one crash of s1: Termination",
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
        built_in: BuiltIn::Majority,
        name: "majority",
        summary: "servers that lock, and decide what a majority of them has locked",
        task: Task::WriteOnceRegister,
        tolerates: "f < n/2 servers by omission; any clients by omission; lock-step; \
                    safe under partial synchrony, whatever f",
        falls_to: "f >= n/2: Termination, never safety",
        source: "Dwork, Lynch and Stockmeyer 1988; Lamport 1998; Perry and Toueg 1986",
    },
];

/// The protocols, from the simplest on.
pub fn all() -> &'static [Description] {
    ALL
}

impl BuiltIn {
    /// What there is to say about it.
    pub fn description(self) -> &'static Description {
        ALL.iter().find(|description| description.built_in == self).expect("every protocol is described")
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        self.description().name
    }

    /// The protocol with this name.
    pub fn parse(name: &str) -> Result<BuiltIn, UnknownProtocol> {
        let found = ALL.iter().find(|description| description.name == name);
        found.map(|description| description.built_in).ok_or_else(|| UnknownProtocol(name.to_owned()))
    }

    /// Whether it can run on this system at all; whether it is right there is another question.
    pub fn suits(self, system: &System) -> Result<(), UnsuitableSystem> {
        match self {
            BuiltIn::Unreplicated | BuiltIn::Majority => Ok(()),
            BuiltIn::PrimaryBackup => crate::PrimaryBackup::new(system).map(drop),
        }
    }
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
}
