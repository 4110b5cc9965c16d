//! Client histories, sequential specifications and linearizability (Herlihy and Wing, ACM TOPLAS 12(3),
//! 1990). Depends on nothing else of Threeworlds, reads no file and no clock.
//!
//! [`check`] judges a whole [`History`] against a [`Model`]; an answer is `Legal` or `Illegal` only if it is
//! exact, and `Unknown` where a limit came first. [`Linearizations`] follows a history event by event, which
//! is what a monitor in a state space needs; its price grows exponentially with the number of operations
//! that are pending **at the same time**.

mod builder;
mod check;
mod history;
mod linearize;
mod model;
mod specification;
mod values;
mod verdict;

pub use builder::{BuildError, HistoryBuilder, Moment};
pub use check::check;
pub use history::{Answer, Call, History, ListId, Operation, OperationId, Outcome};
pub use linearize::{Linearizations, TooManyConfigurations};
pub use model::{Model, ModelError, Object};
pub use specification::{
    AppendLog, LogOperation, ReadWriteRegister, RegisterOperation, Specification, WriteOnceRegister,
};
pub use values::{ValueId, Values};
pub use verdict::{Blame, Limits, Observer, Progress, StopReason, Unknown, Verdict};
