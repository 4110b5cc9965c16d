//! Step programs: a replication protocol in any language, spoken to over JSON lines on its stdin and
//! stdout. [`StepProgram`] runs one and is a [`Steps`](threeworlds_model::Steps), so that the engine
//! explores it like a protocol written in Rust.
//!
//! The wire format is in `docs/formats/step-program.md`. What is checked of an answer here is its form: one
//! line, JSON, the right id, the right keys and types. Whether the messages go to processes of the system is
//! for [`check_step`](threeworlds_model::check_step). That a program is deterministic is checked on a
//! sample only: a program that answers differently once in a thousand lines can slip through, and its
//! verdicts are then worth nothing. The same holds of a program whose answers are kept from call to call
//! ([`CacheOptions`]) and that changes in something that lies neither in its command nor beside its files: a
//! sample of what was kept is asked again, and no more.

mod answer;
mod cache;
mod copies;
mod error;
mod exchange;
mod identity;
mod json;
mod process;
mod program;
mod question;
mod record;
mod sample;

pub use cache::CacheOptions;
pub use error::{LastOutput, ProgramError};
pub use json::JsonText;
pub use program::{Options, StepProgram};
