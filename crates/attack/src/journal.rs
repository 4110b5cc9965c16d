use serde::{Deserialize, Serialize};
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
        /// What it was told, if anything.
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
    /// A server's process ended by itself.
    Exited {
        /// Which.
        server: Process,
        /// Its exit status, in words.
        status: String,
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
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done, and a read showed this.
    Ok(Option<Json>),
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
