//! Real programs behind an adversarial network. A [`Plan`] says what the network loses and what clients
//! ask; a run of it gives a [`Journal`]; the journal is judged and drawn. A run can show that a program
//! fails, or that it survived what was tried; it never shows that it holds.

mod check;
mod client;
mod error;
#[cfg(unix)]
mod guardian;
mod journal;
mod lines;
#[cfg(unix)]
mod node;
mod plan;
#[cfg(unix)]
mod player;
pub mod router;
mod run;
pub mod services;
mod wire;

pub use client::INITIAL;
pub use error::AttackError;
#[cfg(unix)]
pub use guardian::guard;
pub use journal::{Event, Journal, Outcome, Remover, What};
pub use plan::{Ask, KvRequest, Link, Loss, Plan, Roles, ServerEvent, Step, Workload};
pub use run::{Leader, NodeReport, Options, Program, Run, Unusable, run};
pub use wire::{Address, Service};
