//! What real clients can ask of a node, put as requests of the protocol's task, and its responses put as
//! answers to them.
//!
//! | task | what clients ask |
//! |---|---|
//! | write-once register | `write-once`, `read-once` |
//! | register | `read`, `write`, of one key |
//! | log, state machine (key-value store) | `read`, `write`, `cas`: Maelstrom's `lin-kv` |

mod command;
mod map;
mod register;
mod store;

use std::fmt::Debug;

use threeworlds_model::{Request, Response, Task};

use crate::wire::{Envelope, NOT_SUPPORTED, Refusal, TEMPORARILY_UNAVAILABLE};
use map::MapOnLog;
use register::{Kind, Register};
use store::Store;

/// Requests that wait for the client library, and how its responses answer them.
#[derive(Debug)]
pub struct Front(Box<dyn Service>);

/// One kind of object that clients know.
trait Service: Debug + Send {
    /// A client asks; why this is refused at once.
    fn asked(&mut self, envelope: &Envelope) -> Result<(), Refusal>;

    /// The request to issue in this round: none while one is outstanding.
    fn next_request(&mut self) -> Option<Request>;

    /// The outstanding request has this response; what clients are told.
    fn answered(&mut self, response: &Response) -> Vec<Envelope>;
}

impl Front {
    /// For a protocol of this task, on this node. An error says that nothing is known to ask of it.
    pub fn new(task: Task, node_id: &str) -> Result<Front, UnknownToClients> {
        Ok(Front(match task {
            Task::WriteOnceRegister => Box::new(Register::new(Kind::WriteOnce)),
            Task::Register => Box::new(Register::new(Kind::ReadWrite)),
            Task::Log => Box::new(MapOnLog::new(node_id)),
            Task::KeyValueStore => Box::new(Store::default()),
            Task::Bank => return Err(UnknownToClients(task)),
        }))
    }

    pub(crate) fn asked(&mut self, envelope: &Envelope) -> Option<Envelope> {
        self.0.asked(envelope).err().and_then(|refusal| envelope.refuse(&refusal))
    }

    pub(crate) fn next_request(&mut self) -> Option<Request> {
        self.0.next_request()
    }

    pub(crate) fn answered(&mut self, response: &Response) -> Vec<Envelope> {
        self.0.answered(response)
    }
}

/// Clients have no messages for the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a node cannot serve the task {0}: clients have no messages for it")]
pub struct UnknownToClients(pub Task);

/// How many requests may wait. Who comes later is told to try again, so that a node that is cut off for long
/// does not grow.
const WAITING_MAX: usize = 10_000;

fn has_room(waiting: usize) -> Result<(), Refusal> {
    if waiting < WAITING_MAX {
        return Ok(());
    }
    Err(Refusal::new(TEMPORARILY_UNAVAILABLE, format!("{waiting} requests are waiting already")))
}

fn not_supported(what: &str, known: &str, asked: &str) -> Refusal {
    Refusal::new(NOT_SUPPORTED, format!("this node keeps a {what} and knows {known}, not `{asked}`"))
}
