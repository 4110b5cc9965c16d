//! The state-space kernel: every global state that the adversary and the environment can bring about,
//! level by level, a level being a round.
//!
//! Exact: states are told apart by their whole content, and nothing is left out up to the round and the
//! limits at which a search stops, which it says ([`Stop`]). It explores the faulty sets that it is given:
//! the maximal ones are enough, for a smaller one has fewer executions.
//!
//! What makes it cheaper than removing messages one subset at a time:
//!
//! - A removed message touches its receiver only. So for a fixed choice of who crashes the successors of a state
//!   are the product, over processes, of their distinct next local states, which are computed once for each
//!   distinct local situation ([`local`]) and looked up for each state ([`scan`]).
//! - Many states have the same lists of next local states. Such tuples of lists are kept once ([`batch`]), and
//!   all products of a level are united at once, head by head ([`unite`]), in bitmaps where they lie densely.
//! - Where a protocol treats servers alike, states that differ in their names alone are one ([`symmetry`]).
//! - States are sorted and compressed ([`set`]), a byte or two each, so that what was visited before is found
//!   by reading along, in memory or on a disk ([`fresh`]).
//!
//! Nothing depends on the number of threads: whatever gets a number gets it in the order of the states.

mod ages;
mod batch;
mod checkpoint;
mod environments;
mod expand;
mod fresh;
mod group;
mod heads;
mod inboxes;
mod intern;
mod key;
mod level;
mod lists;
mod local;
mod parallel;
mod rows;
mod sample;
mod scan;
mod search;
mod set;
mod space;
mod symmetric;
mod symmetry;
mod unite;

pub(crate) use batch::Batch;
pub use checkpoint::Checkpoints;
pub(crate) use expand::{ENVIRONMENT, Graph, HEAD, Meta, Way};
pub(crate) use group::Group;
pub(crate) use intern::Interner;
pub(crate) use key::{Key, Layout, each_bit, join};
pub(crate) use local::{NO_EVENT, NO_REQUEST, STOPPED};
pub(crate) use parallel::in_order;
pub(crate) use rows::Rows;
pub(crate) use scan::{Regime, Scanner, View};
pub use search::{ExploreError, Keep, Observer, Progress, Quiet, Resources, Stop, StopReason};
pub(crate) use search::{Explored, Spaces, each_width, view};
pub(crate) use set::{Builder, Room, Set};
pub use set::{Storage, StorageError};
pub(crate) use space::{Space, each_row};
pub use symmetric::{Names, Symmetric};
pub(crate) use symmetry::Symmetries;
