//! The words of Threeworlds: processes, links, rounds, fault rules, timing, tasks and their properties,
//! protocols and executions. Nothing here performs I/O, searches or draws, and nothing here depends on a
//! particular protocol.
//!
//! Where to start: [`Protocol`] is what a protocol implements; [`Question`] is everything that can change
//! a verdict; [`Execution`] is what is drawn, saved and replayed; [`Replay`] runs one execution.

mod ages;
mod any_protocol;
mod charge;
mod environment;
mod execution;
mod explain;
mod fault;
mod grammar;
mod json;
mod machine;
mod names;
mod process;
mod protocol;
mod question;
mod recurrence;
mod renaming;
mod replay;
mod request;
mod symmetry;
mod task;
mod text;
mod verify;
mod workload;

pub use ages::{least_age, least_ages};
pub use any_protocol::{AnyMessage, AnyProtocol, AnyState};
pub use charge::charge_fewest;
pub use environment::{ClientEvent, Environment, EnvironmentState, EventError};
pub use execution::{Charge, Claim, Execution, Fault, FormatError, Round, SentMessage, View, ViewRound};
pub use explain::claim;
pub use fault::{Assignment, Capability, FaultClass, FaultModel, FaultRule, Happened, TooManyAssignments};
pub use grammar::{GrammarError, name_processes, parse_processes};
pub use json::Json;
pub use machine::{Bank, KeyValueStore, Machine, MachineState, StateMachine};
pub use process::{ParseProcessError, Process, System};
pub use protocol::{Call, Protocol, Step, StepError, Steps, check_step};
pub use question::{Adversary, CrashDelivery, Question, QuestionError, Timing};
pub use recurrence::{recurs, without_terms};
pub use renaming::{Renaming, Renamings};
pub use replay::{Local, Moves, Replay, ReplayError, Snapshot, replay_moves};
pub use request::{Request, Response, Value};
pub use symmetry::{
    AlikeClients, Asymmetry, Symmetry, asymmetry, asymmetry_of_start, renamed_call, renamed_step,
};
pub use task::{Consistency, Property, Task};
pub use text::pretty_object;
pub use verify::{Rejection, verify, violation};
pub use workload::Workload;
