use crate::machine::Machine;
use crate::named_enum;
use crate::request::{Request, Response};

named_enum! {
    /// What the system is for.
    Task, "task" {
        /// Requests `write(v)` and `read`; every response other than bottom is the same value.
        WriteOnceRegister = "write-once-register",
        /// Requests `write(v)` and `read`; a read answers the value that was written last, a write its own
        /// value. A compare-and-set is not among them: with one it is a state machine, and harder to make.
        Register = "register",
        /// Requests `append(v)` and `read`; a response is a log.
        Log = "log",
        /// The state machine [`crate::KeyValueStore`]: requests are its commands, responses its outputs.
        KeyValueStore = "state-machine:kv",
        /// The state machine [`crate::Bank`].
        Bank = "state-machine:bank",
    }
}

named_enum! {
    /// Which safety properties are judged. For the tasks `register` and `state-machine` the property is
    /// linearizability, so that both are the same.
    Consistency, "consistency" {
        /// Agreement, Validity and Correctness of the task.
        Properties = "properties",
        /// Linearizability, which is a little stronger: while a request is pending, a later read may not
        /// miss what an earlier read showed. For the log, the response to an append ends in its own entry.
        Linearizable = "linearizable",
    }
}

named_enum! {
    /// A property that a verdict can name. The order breaks ties between violations of the same length.
    Property, "property" {
        /// No two responses contradict each other.
        Agreement = "agreement",
        /// A response shows only what was asked for.
        Validity = "validity",
        /// What was acknowledged is there.
        Correctness = "correctness",
        /// The responses are those of one sequential object.
        Linearizability = "linearizability",
        /// A non-faulty client that issues a request eventually receives a response.
        Termination = "termination",
    }
}

impl Task {
    /// Whether the task has this kind of request.
    pub fn allows(self, request: &Request) -> bool {
        matches!(
            (self, request),
            (Task::WriteOnceRegister | Task::Register, Request::Read {} | Request::Write { .. })
                | (Task::Log, Request::Read {} | Request::Append { .. })
                | (Task::KeyValueStore | Task::Bank, Request::Command { .. })
        )
    }

    /// Whether a response has the form that the task asks for.
    pub fn allows_response(self, response: &Response) -> bool {
        matches!(
            (self, response),
            (Task::WriteOnceRegister | Task::Register, Response::Value(_))
                | (Task::Log, Response::Log(_))
                | (Task::KeyValueStore | Task::Bank, Response::Output(_))
        )
    }

    /// The request that changes the object: `write` or `append`; `command` for a state machine, where only
    /// the machine knows whether it does.
    pub fn update(self) -> &'static str {
        match self {
            Task::WriteOnceRegister | Task::Register => "write",
            Task::Log => "append",
            Task::KeyValueStore | Task::Bank => "command",
        }
    }

    /// The state machine that is replicated.
    pub fn machine(self) -> Option<Machine> {
        match self {
            Task::WriteOnceRegister | Task::Register | Task::Log => None,
            Task::KeyValueStore => Some(Machine::KeyValueStore),
            Task::Bank => Some(Machine::Bank),
        }
    }
}
