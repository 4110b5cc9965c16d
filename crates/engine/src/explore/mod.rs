//! The state-space kernel: every global state that the adversary and the environment can bring about,
//! level by level, a level being a round.
//!
//! Exact: states are told apart by their whole content, and nothing is left out up to the round and the
//! limits at which a search stops, which it says ([`Stop`]). It explores the maximal faulty sets only
//! (a smaller one has fewer executions); whoever wants others passes them.
//!
//! What makes it cheaper than removing messages one subset at a time: a removed message touches its
//! receiver only, so for a fixed choice of who crashes the successors of a global state are the product,
//! over processes, of their distinct next local states, and these are computed once for each distinct
//! local situation.

mod environments;
mod expand;
mod intern;
mod local;
mod search;
mod states;

pub(crate) use expand::{ENVIRONMENT, Graph, HEAD, Meta, Mode, Way};
pub(crate) use local::{NO_EVENT, NO_REQUEST};
pub(crate) use search::Explored;
pub use search::{ExploreError, Observer, Progress, Quiet, Stop, StopReason};
