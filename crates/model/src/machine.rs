//! State machines: what the task `state-machine` replicates. A machine is total (a command that it does not
//! know has an output that says so and changes nothing) and deterministic.

mod bank;
mod key_value;

use std::fmt::Debug;
use std::hash::Hash;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use threeworlds_history::Specification;

use crate::json::Json;
use crate::named_enum;
use crate::request::{Request, Response};

pub use bank::Bank;
pub use key_value::KeyValueStore;

/// A deterministic state machine, `SM(command, state) = (output, state')` (Schneider, "Implementing
/// fault-tolerant services using the state machine approach", ACM Computing Surveys 22(4), 1990).
///
/// `apply` must depend on its arguments alone, and must give an output to any command whatever: a command
/// comes from outside, and every replica has to do the same with it.
pub trait StateMachine {
    /// What the machine remembers. It can be written and read again, for replicas that were left behind.
    type State: Clone + Ord + Hash + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The state before the first command.
    fn start(&self) -> Self::State;

    /// What a command answers, and the state after it.
    fn apply(&self, command: &Json, state: Self::State) -> (Json, Self::State);

    /// The command that a request asks for. Those of other tasks are commands too: `["append","C1"]`,
    /// `["read"]`.
    fn command_of(&self, request: &Request) -> Json {
        match request {
            Request::Command { command } => command.clone(),
            other => Json::term(other.kind(), other.value().map(|value| Value::from(value.as_str()))),
        }
    }

    /// The response that an output is.
    fn response_of(&self, output: &Json) -> Response {
        Response::Output(output.clone())
    }
}

named_enum! {
    /// The state machines that come with Threeworlds.
    Machine, "state machine" {
        /// [`KeyValueStore`].
        KeyValueStore = "kv",
        /// [`Bank`].
        Bank = "bank",
    }
}

/// The state of a [`Machine`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MachineState {
    /// Of [`KeyValueStore`].
    KeyValueStore(<KeyValueStore as StateMachine>::State),
    /// Of [`Bank`].
    Bank(<Bank as StateMachine>::State),
}

/// The form of a command: its name and what its arguments are called.
pub(crate) type CommandForm = (&'static str, &'static [&'static str]);

impl Machine {
    /// Whether the machine knows the command; if not, what is wrong with it.
    pub fn understands(self, command: &Json) -> Result<(), String> {
        match self {
            Machine::KeyValueStore => key_value::Command::of(command).map(drop),
            Machine::Bank => bank::Command::of(command).map(drop),
        }
    }

    /// What the client with this number asks for unless the workload says otherwise.
    pub(crate) fn usual(self, client: u16) -> Vec<Json> {
        match self {
            Machine::KeyValueStore => key_value::usual(client),
            Machine::Bank => bank::usual(),
        }
    }
}

impl StateMachine for Machine {
    type State = MachineState;

    fn start(&self) -> MachineState {
        match self {
            Machine::KeyValueStore => MachineState::KeyValueStore(KeyValueStore.start()),
            Machine::Bank => MachineState::Bank(Bank.start()),
        }
    }

    fn apply(&self, command: &Json, state: MachineState) -> (Json, MachineState) {
        match state {
            MachineState::KeyValueStore(state) => {
                let (output, state) = KeyValueStore.apply(command, state);
                (output, MachineState::KeyValueStore(state))
            }
            MachineState::Bank(state) => {
                let (output, state) = Bank.apply(command, state);
                (output, MachineState::Bank(state))
            }
        }
    }
}

/// A machine is the sequential specification of its own replication.
impl Specification for Machine {
    type State = MachineState;
    type Operation = Json;
    type Output = Json;

    fn start(&self) -> MachineState {
        StateMachine::start(self)
    }

    fn apply(&self, state: &MachineState, operation: &Json) -> (MachineState, Json) {
        let (output, state) = StateMachine::apply(self, operation, state.clone());
        (state, output)
    }
}

/// The output of a command that a machine does not know.
fn not_understood(why: String) -> Json {
    Json::term("error", [Value::from(why)])
}

/// Why a command is none of these.
fn unknown(command: &Json, commands: &[CommandForm]) -> String {
    let form = |(name, arguments): &CommandForm| format!("{name}({})", arguments.join(","));
    let forms: Vec<String> = commands.iter().map(form).collect();
    format!("`{command}` is no command: use {}", forms.join(", "))
}
