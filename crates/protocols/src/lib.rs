//! The reference protocols of Threeworlds, a file each: what a protocol looks like, and what the possible
//! rows of the map rest on. The first paragraph of each says what it tolerates, where it stops being right,
//! and where it comes from.
//!
//! All of them implement the write-once register. None performs I/O; `threeworlds_engine` explores them
//! through [`threeworlds_model::Protocol`] and knows none of them by name.

mod client;
mod majority;
mod primary_backup;
mod registry;
mod unreplicated;

pub use client::{ClientMessage, ClientState};
pub use majority::{Lock, Majority, MajorityMessage, MajorityState};
pub use primary_backup::{PrimaryBackup, PrimaryBackupMessage, PrimaryBackupState, Replica};
pub use registry::{BuiltIn, Description, UnknownProtocol, UnsuitableSystem, all};
pub use unreplicated::{Unreplicated, UnreplicatedState};
