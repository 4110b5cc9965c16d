use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::history::OperationId;

/// What a history is judged against: an object, and what it holds at the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The object.
    pub object: Object,
    /// A register's value (of a key-value store: of every key), or the list of what a log, set or queue
    /// holds. `None`: no value, or empty.
    pub initial: Option<Value>,
}

/// An object that clients share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// Read and write.
    Register,
    /// The first write wins; a write is told the value that the register has after it.
    WriteOnceRegister,
    /// Read, write, and compare-and-set, which tells whether the value was the expected one.
    CasRegister,
    /// A compare-and-set register for each key.
    KeyValue,
    /// Append; read the whole log.
    AppendLog,
    /// Add, remove, contains; read the whole set.
    Set,
    /// Enqueue and dequeue, first in first out.
    Queue,
}

impl Object {
    /// All objects, in the order in which they are listed for users.
    pub const ALL: [Object; 7] = [
        Object::Register,
        Object::WriteOnceRegister,
        Object::CasRegister,
        Object::KeyValue,
        Object::AppendLog,
        Object::Set,
        Object::Queue,
    ];

    /// The name, as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Object::Register => "register",
            Object::WriteOnceRegister => "write-once-register",
            Object::CasRegister => "cas-register",
            Object::KeyValue => "key-value",
            Object::AppendLog => "append-log",
            Object::Set => "set",
            Object::Queue => "queue",
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Object {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Object::ALL.into_iter().find(|object| object.name() == text).ok_or_else(|| {
            let names: Vec<_> = Object::ALL.iter().map(|object| object.name()).collect();
            format!("there is no model {text:?}; choose one of {}", names.join(", "))
        })
    }
}

impl Model {
    /// The object, without a value or empty at the start.
    pub fn new(object: Object) -> Self {
        Model { object, initial: None }
    }

    /// With this at the start.
    pub fn with_initial(mut self, initial: Value) -> Self {
        self.initial = Some(initial);
        self
    }
}

/// A history that a model says nothing about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A call that the object does not have, or an answer that it never gives to this call.
    #[error("{object}: {what}")]
    Operation {
        /// The model's object.
        object: Object,
        /// The operation.
        operation: OperationId,
        /// What does not fit, and what to do.
        what: String,
    },
    /// The initial value is not one of this object.
    #[error("the initial value of {object} is a list such as [1,2]")]
    Initial {
        /// The model's object.
        object: Object,
    },
}
