use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

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
/// `{"op":"read"}`.
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
}

impl Request {
    /// `write`, `append` or `read`.
    pub fn kind(&self) -> &'static str {
        match self {
            Request::Write { .. } => "write",
            Request::Append { .. } => "append",
            Request::Read {} => "read",
        }
    }

    /// The value that is written or appended.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Request::Write { value } | Request::Append { value } => Some(value),
            Request::Read {} => None,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Some(value) => write!(out, "{}({value})", self.kind()),
            None => out.write_str(self.kind()),
        }
    }
}

/// What a client is told. As JSON: `{"value":"C1"}`, `{"value":null}` for bottom, `{"log":["C1","C2"]}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Response {
    /// The register's value; `None` is bottom, the answer to a read of a register that was not written.
    Value(Option<Value>),
    /// The log, first entry first.
    Log(Vec<Value>),
}

impl fmt::Display for Response {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Response::Value(Some(value)) => write!(out, "{value}"),
            Response::Value(None) => out.write_str("bottom"),
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
