//! Proofs that **no protocol** can do it: a few worlds that some process cannot tell apart, and an argument
//! over them that ends in a contradiction. A certificate is data; [`verify`] re-derives every step of it
//! from the worlds alone and knows nothing of the search that found it.
//!
//! A certificate speaks of deterministic protocols, and of all of them: the argument never looks at what a
//! message says. It is about the model's rounds (or, under asynchrony, about finite delays), about faults
//! that stay within the rules of its claim, and about a protocol that has to be right in every admissible
//! world; it says nothing about how probable these worlds are. See [`World`] for why equal views follow
//! from equal links, and [`Step`] for the rules of the argument.

mod argument;
mod claim;
mod format;
mod verify;
mod views;
mod world;

pub use argument::{Given, Step};
pub use claim::{Claim, Servers, Task, Timing};
pub use format::{Certificate, FormatError};
pub use verify::{Rejected, verify};
pub use views::{Key, Views};
pub use world::{Block, Fault, Phase, World};
