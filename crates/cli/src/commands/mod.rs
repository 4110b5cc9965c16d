//! The commands, a file each.

pub(crate) mod ask;
pub(crate) mod atlas;
pub(crate) mod attack;
pub(crate) mod check;
pub(crate) mod clean;
pub(crate) mod completions;
pub(crate) mod node;
pub(crate) mod protocols;
pub(crate) mod run;
pub(crate) mod show;
pub(crate) mod solve;
pub(crate) mod verify;
