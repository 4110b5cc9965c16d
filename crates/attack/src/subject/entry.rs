//! What a subject file says, with its placeholders still open.

use std::collections::BTreeMap;
use std::time::Duration;

use super::template::Template;
use crate::namespaces::User;

/// A name for a text, filled in on the spot.
#[derive(Debug, Clone)]
pub(super) enum Definition {
    Text(Template),
    /// The same for every server, or every other server, joined.
    Each {
        each: Template,
        join: String,
        others: bool,
    },
}

/// Which hosts something is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum On {
    All,
    First,
    Others,
    Last,
    Clients,
    Everywhere,
    Named(Vec<u16>),
}

#[derive(Debug, Clone)]
pub(super) struct FileEntry {
    pub(super) path: String,
    pub(super) on: On,
    pub(super) mode: u32,
    pub(super) content: Content,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Template(Template),
    Verbatim(Vec<u8>),
}

#[derive(Debug, Clone)]
pub(super) struct StepEntry {
    pub(super) name: String,
    pub(super) on: On,
    pub(super) user: User,
    pub(super) environment: BTreeMap<String, Template>,
    pub(super) within: Duration,
    pub(super) deed: DeedEntry,
}

#[derive(Debug, Clone)]
pub(super) enum DeedEntry {
    Start { start: Vec<Template>, restart: Vec<Template> },
    Run(Vec<Template>),
    Until { check: CheckEntry, attempt: Duration, pause: Duration },
}

/// A command on a server, and what shows that its answer is yes.
#[derive(Debug, Clone)]
pub(super) struct CheckEntry {
    pub(super) run: Vec<Template>,
    pub(super) exit: i32,
    pub(super) contains: Option<Template>,
    pub(super) lacks: Option<Template>,
    pub(super) user: User,
    pub(super) environment: BTreeMap<String, Template>,
}

/// An operation of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OperationName {
    Read,
    WriteOnce,
    Write,
    Cas,
    Stored,
}

impl OperationName {
    pub(super) const ALL: [OperationName; 5] = [
        OperationName::Read,
        OperationName::WriteOnce,
        OperationName::Write,
        OperationName::Cas,
        OperationName::Stored,
    ];

    pub(super) fn key(self) -> &'static str {
        match self {
            OperationName::Read => "read",
            OperationName::WriteOnce => "write-once",
            OperationName::Write => "write",
            OperationName::Cas => "cas",
            OperationName::Stored => "stored",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct OperationEntry {
    pub(super) run: Vec<Template>,
    pub(super) stdin: Option<Template>,
    pub(super) environment: BTreeMap<String, Template>,
    pub(super) deadline: Option<Duration>,
    pub(super) answers: Vec<AnswerEntry>,
}

/// A rule: under these conditions the answer means that.
#[derive(Debug, Clone)]
pub(super) struct AnswerEntry {
    pub(super) exit: Option<i32>,
    pub(super) stdout: Option<Template>,
    pub(super) contains: Option<Template>,
    pub(super) stderr_contains: Option<Template>,
    pub(super) means: Means,
    pub(super) value: ValueAt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    Value,
    Absent,
    Done,
    Taken,
    Refused,
    Unknown,
}

#[derive(Debug, Clone)]
pub(super) enum ValueAt {
    /// There is none to be read.
    Nowhere,
    /// All of stdout, trimmed.
    Stdout,
    /// After this text, up to the end of the line.
    After(Template),
    /// At this JSON pointer (RFC 6901).
    Pointer(String),
}
