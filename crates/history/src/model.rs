use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::history::{Answer, Call, History, OperationId, Outcome};

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

impl Model {
    /// Whether the object has all operations of a history, and gives such answers.
    pub(crate) fn admits(&self, history: &History) -> Result<(), ModelError> {
        let object = self.object;
        let is_list = matches!(object, Object::AppendLog | Object::Set | Object::Queue);
        if is_list && self.initial.as_ref().is_some_and(|initial| !initial.is_array()) {
            return Err(ModelError::Initial { object });
        }
        for (id, operation) in history.operations.iter().enumerate() {
            let answer = match operation.outcome {
                Outcome::Ok(answer) => Some(answer),
                _ => None,
            };
            let (has, gives) = admits(object, &operation.call, answer);
            if !has || !gives {
                let what = if has {
                    format!("never gives such an answer: {}", history.describe(id))
                } else {
                    format!("has no such operation: {}; choose another model", history.describe(id))
                };
                return Err(ModelError::Operation { object, operation: id, what });
            }
        }
        Ok(())
    }
}

/// Whether an object has a call, and may give it this answer.
fn admits(object: Object, call: &Call, answer: Option<Answer>) -> (bool, bool) {
    use Answer::{Done, List, No, Nothing, Value, Yes};
    let registers = matches!(object, Object::Register | Object::CasRegister | Object::KeyValue);
    let write_once = object == Object::WriteOnceRegister;
    match call {
        Call::Read if registers || write_once => (true, matches!(answer, None | Some(Value(_) | Nothing))),
        Call::Read => {
            (matches!(object, Object::AppendLog | Object::Set), matches!(answer, None | Some(List(_))))
        }
        Call::Write(_) if write_once => (true, matches!(answer, None | Some(Done | Value(_) | Yes | No))),
        Call::Write(_) => (registers, matches!(answer, None | Some(Done))),
        Call::CompareAndSet { .. } => (
            registers && object != Object::Register,
            matches!(answer, None | Some(Done | Yes | No | Nothing)),
        ),
        Call::Append(_) => (object == Object::AppendLog, matches!(answer, None | Some(Done | List(_)))),
        Call::Add(_) | Call::Remove(_) => {
            (object == Object::Set, matches!(answer, None | Some(Done | Yes | No)))
        }
        Call::Contains(_) => (object == Object::Set, matches!(answer, None | Some(Yes | No))),
        Call::Enqueue(_) => (object == Object::Queue, matches!(answer, None | Some(Done))),
        Call::Dequeue => (object == Object::Queue, matches!(answer, None | Some(Value(_) | Nothing))),
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
