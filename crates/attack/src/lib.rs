//! Real programs behind an adversarial network. A [`Plan`] says what the network loses and what clients
//! ask; a [`run`] of it gives a [`Journal`]; the journal is judged and drawn. A run can show that a program
//! fails, or that it survived what was tried; it never shows that it holds.

// Elsewhere nothing can be run, so what only a run needs is idle.
#![cfg_attr(not(unix), allow(dead_code))]

mod campaign;
mod charge;
mod client;
#[cfg(target_os = "linux")]
pub mod cluster;
mod derive;
mod error;
#[cfg(unix)]
mod guardian;
mod horns;
mod journal;
mod judge;
mod lines;
mod links;
pub mod namespaces;
#[cfg(unix)]
mod node;
mod plan;
mod plan_hosts;
mod plan_text;
#[cfg(unix)]
mod player;
pub mod router;
mod run;
pub mod services;
mod shrink;
pub mod subject;
mod tries;
mod wire;

pub use campaign::{Campaign, Played, Player, Progress, Report, Tried, Verdict, message_types};
pub use charge::Explanation;
pub use derive::{Brief, Derived, INITIAL, Medium, Part, World, baseline, derive, horn_worlds, random};
pub use error::AttackError;
#[cfg(unix)]
pub use guardian::guard;
pub use horns::{Healed, Horn, Horns, InWorld, Stored, Survival, Under, play_horns};
pub use journal::{Event, Journal, Outcome, Remover, What};
pub use judge::{Finding, Judged, Told, Violation, history, judge, told};
pub use links::write as links_in_words;
pub use plan::{Ask, KvRequest, Link, Loss, Plan, Roles, ServerEvent, Step, Workload};
pub use plan_text::{PLAN_FORMAT, PlanError};
pub use run::{Leader, NodeReport, Options, Program, Run, Unusable, run};
pub use shrink::{Shows, Shrunk, shrink};
pub use wire::{Address, Service};
