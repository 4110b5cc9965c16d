//! A protocol as a running process: a node that speaks Maelstrom's node protocol, JSON lines on its standard
//! streams or over TCP, and takes its rounds by the clock. **A message that comes after the end of its round counts as
//! lost**, so what a protocol promises here it promises as far as the machine keeps the time: where rounds
//! are too short for the load, processes omit more messages than the fault model allows.
//!
//! Node `i` hosts server `si` and a client library `ci` that is linked with all servers, as an application
//! has it that runs beside its replica. What is cut off from the network is then both of them. Requests
//! of real clients wait for the library in the order in which they came.
//!
//! [`serve`] and [`serve_tcp`] do the input and output; [`Node`] is pure and is told the time. [`ask`] is a
//! client over TCP.

mod ask;
mod clock;
mod front;
mod node;
mod rounds;
mod stdio;
mod tcp;
mod wire;

pub use ask::{Answer, Asking, Question, ask};
pub use front::{Front, UnknownToClients};
pub use node::{Node, Options, Standing};
pub use rounds::{Rounds, Statistics};
pub use stdio::{Initialised, NodeError, await_init, serve};
pub use tcp::{Cluster, ClusterError, Stop, TcpServer, serve_tcp};
pub use wire::{Envelope, Init};
