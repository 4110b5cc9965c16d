use crate::named_enum;
use crate::request::{Request, Response};

named_enum! {
    /// What the system is for.
    Task, "task" {
        /// Requests `write(v)` and `read`; every response other than bottom is the same value.
        WriteOnceRegister = "write-once-register",
        /// Requests `append(v)` and `read`; a response is a log.
        Log = "log",
    }
}

named_enum! {
    /// Which safety properties are judged.
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
            (_, Request::Read {})
                | (Task::WriteOnceRegister, Request::Write { .. })
                | (Task::Log, Request::Append { .. })
        )
    }

    /// Whether a response has the form that the task asks for.
    pub fn allows_response(self, response: &Response) -> bool {
        matches!(
            (self, response),
            (Task::WriteOnceRegister, Response::Value(_)) | (Task::Log, Response::Log(_))
        )
    }

    /// The request that changes the object: `write` or `append`.
    pub fn update(self) -> &'static str {
        match self {
            Task::WriteOnceRegister => "write",
            Task::Log => "append",
        }
    }
}
