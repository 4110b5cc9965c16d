use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A command for a host of a [`Lab`](super::Lab).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The program, then its arguments. A program without `/` is looked for in `PATH`.
    pub argv: Vec<String>,
    /// All variables that it has beside `PATH`, `HOME` and `TMPDIR` (the host's folder and a folder in it),
    /// `USER`, `LOGNAME` and `HOSTNAME`: what a user has set does not change what is seen.
    pub env: BTreeMap<String, String>,
    /// As whom it runs.
    pub user: User,
    /// Where it runs; the host's folder if not given.
    pub cwd: Option<PathBuf>,
    /// What it reads on standard input; nothing if not given.
    pub stdin: Option<String>,
}

impl Command {
    /// A command without more: unprivileged, in the host's folder, with nothing to read.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Command {
        Command {
            argv: argv.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            user: User::Unprivileged,
            cwd: None,
            stdin: None,
        }
    }
}

/// As whom a command runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum User {
    /// Somebody who owns nothing but the hosts' folders, with a name and an entry in the lab's
    /// `/etc/passwd`. Many servers refuse to run as anybody else.
    #[default]
    Unprivileged,
    /// The lab's own root: of the machine if the lab was made by root, else of the lab alone. Nothing hinders
    /// such a process from changing the host's network.
    Root,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// By itself, with this exit status.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
}

impl Ended {
    /// Whether it ended by itself with exit status 0.
    pub fn success(self) -> bool {
        self == Ended::Exited(0)
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Exited(status) => write!(out, "exit status {status}"),
            Ended::Signaled(signal) => write!(out, "signal {signal}"),
        }
    }
}

/// What came of a command that was run to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// How it ended; `None` if it had not by its deadline and was killed.
    pub ended: Option<Ended>,
    /// What it wrote on standard output, at most [`Output::BYTES_MAX`]; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// The same of standard error.
    pub stderr: String,
    /// Whether it wrote more than was kept.
    pub truncated: bool,
}

impl Output {
    /// How much is kept of each of the two, from the beginning.
    pub const BYTES_MAX: usize = 64 * 1024;

    /// Whether the deadline ended it. What it was asked to do may have been done.
    pub fn timed_out(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether it ended with exit status 0.
    pub fn success(&self) -> bool {
        self.ended.is_some_and(Ended::success)
    }
}

/// What is sent to processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabSignal {
    /// SIGKILL: it ends without warning.
    Kill,
    /// SIGTERM: it is asked to end.
    Terminate,
    /// SIGSTOP: it is suspended.
    Pause,
    /// SIGCONT: it goes on.
    Resume,
}
