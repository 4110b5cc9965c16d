//! What real clients can ask of a node, put as requests of the protocol's task.
//!
//! A write-once register answers the message pairs `write-once` and `read-once`. A log carries `lin-kv`: an
//! entry holds the commands that waited when it was appended, and the answer to a command is what the
//! key-value map says that all entries up to it give. A command is in the log once, for a client library
//! asks for one append at a time and never twice for the same.

mod map;
mod register;

use threeworlds_model::{Request, Response, Task};

use crate::wire::{Envelope, Refusal, TEMPORARILY_UNAVAILABLE};
use map::MapOnLog;
use register::Register;

/// Requests that wait for the client library, and how its responses answer them.
#[derive(Debug)]
pub struct Front(Service);

#[derive(Debug)]
enum Service {
    Register(Register),
    Map(MapOnLog),
}

impl Front {
    /// For a protocol of this task, on this node.
    pub fn new(task: Task, node_id: &str) -> Front {
        Front(match task {
            Task::WriteOnceRegister => Service::Register(Register::default()),
            Task::Log => Service::Map(MapOnLog::new(node_id)),
        })
    }

    /// A client asks. What can be said at once; the rest is said when the protocol has responded.
    pub(crate) fn asked(&mut self, envelope: &Envelope) -> Option<Envelope> {
        let taken = match &mut self.0 {
            Service::Register(register) => register.asked(envelope),
            Service::Map(map) => map.asked(envelope),
        };
        taken.err().and_then(|refusal| envelope.refuse(&refusal))
    }

    /// The request to issue in this round: none while one is outstanding.
    pub(crate) fn next_request(&mut self) -> Option<Request> {
        match &mut self.0 {
            Service::Register(register) => register.next_request(),
            Service::Map(map) => map.next_request(),
        }
    }

    /// The outstanding request has this response; what clients are told.
    pub(crate) fn answered(&mut self, response: &Response) -> Vec<Envelope> {
        match &mut self.0 {
            Service::Register(register) => register.answered(response),
            Service::Map(map) => map.answered(response),
        }
    }
}

/// How many requests may wait. Who comes later is told to try again, so that a node that is cut off for long
/// does not grow.
const WAITING_MAX: usize = 10_000;

fn has_room(waiting: usize) -> Result<(), Refusal> {
    if waiting < WAITING_MAX {
        return Ok(());
    }
    Err(Refusal::new(TEMPORARILY_UNAVAILABLE, format!("{waiting} requests are waiting already")))
}
