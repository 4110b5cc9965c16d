use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::json::Json;

/// A value that a client writes or appends, such as `C1`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Value(Arc<str>);

impl Value {
    /// A value with this text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Value(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// What a client asks for. As JSON: `{"op":"write","value":"C1"}`, `{"op":"append","value":"C1"}`,
/// `{"op":"read"}`; for a state machine `{"op":"command","command":["write","x",1]}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// Write a value to the register.
    Write {
        /// The value to write.
        value: Value,
    },
    /// Append a value to the log.
    Append {
        /// The value to append.
        value: Value,
    },
    /// Read the register or the log.
    Read {},
    /// Have the state machine apply a command.
    Command {
        /// The command, any JSON that the machine understands.
        command: Json,
    },
}

impl Request {
    /// `write`, `append`, `read` or `command`.
    pub fn kind(&self) -> &'static str {
        match self {
            Request::Write { .. } => "write",
            Request::Append { .. } => "append",
            Request::Read {} => "read",
            Request::Command { .. } => "command",
        }
    }

    /// The value that is written or appended.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Request::Write { value } | Request::Append { value } => Some(value),
            Request::Read {} | Request::Command { .. } => None,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.value()) {
            (Request::Command { command }, _) => write!(out, "{command}"),
            (_, Some(value)) => write!(out, "{}({value})", self.kind()),
            (_, None) => out.write_str(self.kind()),
        }
    }
}

/// What a client is told. As JSON: `{"value":"C1"}`, `{"value":null}` for bottom, `{"log":["C1","C2"]}`;
/// of a state machine `{"output":1}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Response {
    /// The register's value; `None` is bottom, the answer to a read of a register that was not written.
    Value(Option<Value>),
    /// The log, first entry first.
    Log(Vec<Value>),
    /// What the state machine answers to the command.
    Output(Json),
}

impl fmt::Display for Response {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Response::Value(Some(value)) => write!(out, "{value}"),
            Response::Value(None) => out.write_str("bottom"),
            Response::Output(output) => write!(out, "{output}"),
            Response::Log(entries) => {
                out.write_str("[")?;
                for (position, entry) in entries.iter().enumerate() {
                    write!(out, "{}{entry}", if position == 0 { "" } else { " " })?;
                }
                out.write_str("]")
            }
        }
    }
}
