use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;
use threeworlds_model::Process;

use crate::plan::{KvRequest, Link, Loss, ServerEvent};

/// Everything that happened in one run of a plan, in order. It is judged and drawn from here alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// What happened.
    pub events: Vec<Event>,
    /// Messages that are only counted, because there were too many to keep.
    pub not_kept: u64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Microseconds since the run started.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What can happen. Servers are named as nodes here, not as roles of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// A message left. It gets a number.
    Sent {
        /// Its number in this run.
        message: u64,
        /// The sender.
        from: Process,
        /// The receiver.
        to: Process,
        /// The `type` of its body.
        #[serde(rename = "type")]
        message_type: String,
        /// A few words of its body.
        words: String,
    },
    /// It arrived.
    Delivered {
        /// Its number.
        message: u64,
    },
    /// It was lost.
    Removed {
        /// Its number.
        message: u64,
        /// What removed it.
        by: Remover,
    },
    /// A client called an operation of the object: one message to one server.
    Called {
        /// Its number in this run.
        operation: usize,
        /// Who asks.
        client: Process,
        /// Whom it asks.
        server: Process,
        /// What.
        request: KvRequest,
    },
    /// An operation ended.
    Ended {
        /// Its number.
        operation: usize,
        /// How.
        outcome: Outcome,
    },
    /// A client's request (which may take several operations) was answered, or given up.
    Answered {
        /// Who asked.
        client: Process,
        /// What.
        request: KvRequest,
        /// What it was told, if anything: to a read the value, to a write or a write-once the value that the
        /// key then has, to a cas the new value, or `{"error": 22, "text": ...}` if its comparison failed.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
        answer: Option<Json>,
    },
    /// From now on these links are cut, and no others.
    Cut {
        /// The links.
        links: Vec<Link>,
    },
    /// From now on these messages are lost, and no others.
    Lose {
        /// Which.
        losses: Vec<Loss>,
    },
    /// A probe was sent along a link, as any message is.
    Probed {
        /// The link.
        link: Link,
        /// Whether it arrived.
        arrived: bool,
    },
    /// Something was done to a server.
    Server {
        /// Which.
        server: Process,
        /// What.
        event: ServerEvent,
    },
    /// What a server had stored under a key after everything, by itself. Nothing is judged by it: it shows
    /// what survived.
    Stored {
        /// Which.
        server: Process,
        /// The key.
        key: Json,
        /// What it shows, or why nothing.
        outcome: Outcome,
    },
    /// A server's process ended by itself.
    Exited {
        /// Which.
        server: Process,
        /// Its exit status, in words.
        status: String,
    },
    /// A client got a reply that it did not wait for, or no longer, and took no notice.
    Ignored {
        /// Who got it.
        client: Process,
        /// From whom.
        server: Process,
        /// Why it was ignored.
        why: String,
    },
    /// A server wrote a line on its standard output that is no message.
    Malformed {
        /// Which.
        server: Process,
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// What removed a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remover {
    /// The link was cut.
    Cut,
    /// Messages of its type were being lost there.
    Loss,
    /// Its receiver was not running.
    Down,
    /// It was for somebody who does not exist.
    Nobody,
    /// Too much was waiting for its receiver, which reads too slowly.
    Backlog,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done, and a read showed this. As JSON: `{"ok": {}}` or `{"ok": {"value": ...}}`, so that a
    /// value that is `null` is not taken for none.
    Ok(#[serde(with = "shown")] Option<Json>),
    /// It certainly was not done.
    Refused {
        /// The error's code.
        code: i64,
        /// Its text.
        text: String,
    },
    /// Nobody knows whether it was done, or will be.
    Unknown {
        /// Why.
        why: String,
    },
}

/// A key that is there has a value, even if that is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// What a read showed, as an object that has a `value` or not.
mod shown {
    use super::*;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shown {
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
        value: Option<Json>,
    }

    pub(super) fn serialize<S: Serializer>(value: &Option<Json>, serializer: S) -> Result<S::Ok, S::Error> {
        Shown { value: value.clone() }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
        Shown::deserialize(deserializer).map(|shown| shown.value)
    }
}
