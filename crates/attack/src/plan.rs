use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use threeworlds_model::{Process, named_enum};

use crate::links;

/// A reproducible schedule: what the network does to whom, and what the clients ask meanwhile.
///
/// A plan speaks of roles: `s1` is the first server of the plan, and [`Roles`] says which node that is. It
/// is pure data; [`crate::run`] plays it. [`Plan::text`] and [`Plan::parse`] are its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What it does, in a few words, such as `world C, s1 | s2`.
    pub name: String,
    /// Servers, `s1..sn`.
    pub servers: u16,
    /// Clients, `c1..cm`.
    pub clients: u16,
    /// What the requests are about, and what is judged.
    pub workload: Workload,
    /// Which node plays which server of the plan.
    pub roles: Roles,
    /// The least set of faulty processes that explains everything that is removed.
    pub faulty: Vec<Process>,
    /// Whether the question's fault rules allow that set. Beyond them only a loss of safety is a failure.
    pub within_budget: bool,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

named_enum! {
    /// What the clients ask for and what is judged.
    Workload, "workload" {
        /// A write-once register on top of `lin-kv`: a key is initialised before the cuts, and a client's
        /// `write` is a `cas` from that initial value; what it is told is the value that the register then
        /// has.
        WriteOnceKv = "write-once-kv",
        /// `read`, `write` and `cas` on keys of `lin-kv`.
        LinKv = "lin-kv",
        /// The message pair `write-once` of our own nodes.
        WriteOnce = "write-once",
    }
}

named_enum! {
    /// Which node plays which server of the plan.
    Roles, "way to give out roles" {
        /// `s1` is the first node, and so on.
        Fixed = "fixed",
        /// `s1` is whoever answers writes when the plan starts, the others follow in order.
        LeaderFirst = "leader-first",
    }
}

/// One thing that happens. Steps follow each other; requests run on in the background.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// From now on exactly these links lose every message (an empty list heals the network).
    Cut(#[serde(with = "links::cut")] Vec<Link>),
    /// From now on exactly these messages are lost, in addition to what is cut.
    Lose(#[serde(with = "links::losses")] Vec<Loss>),
    /// A client starts to ask, without waiting for the answer.
    Ask(Ask),
    /// Waits until the clients have no request under way, at most until their deadlines.
    Await(Vec<Process>),
    /// Waits.
    Wait {
        /// How long.
        milliseconds: u64,
    },
    /// Something happens to a server itself.
    Server(Process, ServerEvent),
}

/// A directed link, written `s1->s2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// The sender.
    pub from: Process,
    /// The receiver.
    pub to: Process,
}

/// Messages of one type on one link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// The `type` of the message's body.
    #[serde(rename = "type")]
    pub message_type: String,
    /// Where it is lost.
    #[serde(rename = "on")]
    pub link: Link,
}

/// What a client asks for, and of whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Who asks.
    pub client: Process,
    /// What.
    pub request: KvRequest,
    /// The servers that it tries, in this order, until one answers definitely.
    pub servers: Vec<Process>,
    /// When it gives up: the request has then no answer, which is never the same as not applied.
    pub deadline_milliseconds: u64,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum KvRequest {
    /// Read a key.
    Read {
        /// The key.
        key: Json,
    },
    /// Write a key.
    Write {
        /// The key.
        key: Json,
        /// The new value.
        value: Json,
    },
    /// Compare and set.
    Cas {
        /// The key.
        key: Json,
        /// The value that it must have.
        from: Json,
        /// The new value.
        to: Json,
    },
    /// Write once: `cas` from the initial value, then a read if another was first.
    WriteOnce {
        /// The key.
        key: Json,
        /// The proposed value.
        value: Json,
    },
}

impl KvRequest {
    /// The key that is asked about.
    pub fn key(&self) -> &Json {
        match self {
            KvRequest::Read { key }
            | KvRequest::Write { key, .. }
            | KvRequest::Cas { key, .. }
            | KvRequest::WriteOnce { key, .. } => key,
        }
    }

    /// What it is called: `read`, `write`, `cas`, `write-once`.
    pub fn name(&self) -> &'static str {
        match self {
            KvRequest::Read { .. } => "read",
            KvRequest::Write { .. } => "write",
            KvRequest::Cas { .. } => "cas",
            KvRequest::WriteOnce { .. } => "write-once",
        }
    }

    /// Whether a workload has such a request; if not, why.
    pub fn suits(&self, workload: Workload) -> Result<(), String> {
        let suits = match self {
            KvRequest::Read { .. } => true,
            KvRequest::Write { .. } => workload != Workload::WriteOnce,
            KvRequest::Cas { .. } => workload == Workload::LinKv,
            KvRequest::WriteOnce { .. } => workload != Workload::LinKv,
        };
        match suits {
            true => Ok(()),
            false => Err(format!("the workload {workload} has no `{}`", self.name())),
        }
    }
}

/// What can happen to a server's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerEvent {
    /// Stopped without warning (SIGKILL), with all that it started.
    Kill,
    /// Started again, after a kill.
    Restart,
    /// Suspended (SIGSTOP).
    Pause,
    /// Resumed (SIGCONT).
    Resume,
}
