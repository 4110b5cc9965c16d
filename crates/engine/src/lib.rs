//! Exploration of replication protocols under message omission, exhaustive and exact: a verdict is `holds`
//! only for what was explored to its end, `fails` only with an execution that was replayed, else `unknown`.
//!
//! [`check`] is the way in, [`prove`] the one for all protocols at once, [`atlas()`] the one for all questions. The engine depends on no protocol and performs no I/O; an [`Observer`] is told
//! how it goes.

mod atlas;
mod check;
mod count;
mod explore;
mod prove;

pub use atlas::{
    Atlas, AtlasError, AtlasOf, Basis, Bound, Cell, Entry, Limit, Method, Range, Reduction, Sizes, Sources,
    Verdict, Verified, atlas,
};
pub use check::{
    CheckError, Coverage, Fall, Judgement, Report, ThreeWorlds, check, check_any, check_with, check_within,
};
pub use count::{Count, Violates, count};
pub use explore::{
    Checkpoints, ExploreError, Keep, Names, Observer, Progress, Quiet, Resources, Stop, StopReason, Storage,
    StorageError, Symmetric,
};
pub use prove::bounded::{
    BoundedCoverage, BoundedError, BoundedOutcome, BoundedQuestion, BoundedReport, Known, Synthesised,
    decide_rounds, least_rounds,
};
pub use prove::{Proof, Scope, Searched, Unsound, generalise, prove};
