//! A log on any number of servers: [`crate::ReplicatedStateMachine`] for the machine whose state is the whole
//! log, and with what it tolerates: `f < n/2` servers and any clients by omission, in lock-step and under
//! partial synchrony. An append answers the log that ends in its own entry. Unlike the machine's log of
//! commands, which is forgotten as it is applied, this log grows with every append, and every answer is all
//! of it.

use serde_json::{Value as JsonValue, json};
use threeworlds_model::{Json, Response, StateMachine, Value};

use crate::ReplicatedStateMachine;

/// The protocol.
pub type ReplicatedLog = ReplicatedStateMachine<LogMachine>;

/// A log as a state machine: the command `["append",V]` adds an entry, `["read"]` none; both output the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogMachine;

impl StateMachine for LogMachine {
    type State = Vec<Value>;

    fn start(&self) -> Vec<Value> {
        Vec::new()
    }

    fn apply(&self, command: &Json, mut state: Vec<Value>) -> (Json, Vec<Value>) {
        let term = command.as_term();
        match term.as_ref().map(|(name, arguments)| (name.as_str(), arguments.as_slice())) {
            Some(("append", [JsonValue::String(value)])) => state.push(Value::new(value.as_str())),
            Some(("read", [])) => {}
            _ => return (Json::term("error", [json!("use append(V) or read()")]), state),
        }
        (Json::new(&json!(state)), state)
    }

    fn response_of(&self, output: &Json) -> Response {
        match output.value() {
            JsonValue::Array(entries) => {
                let texts = entries.iter().filter_map(JsonValue::as_str);
                Response::Log(texts.map(Value::new).collect())
            }
            _ => Response::Output(output.clone()),
        }
    }
}
