//! What is known about every program for the question of an attack.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use threeworlds_attack::Workload;
use threeworlds_engine::{Scope, prove};
use threeworlds_model::{Question, Task};
use threeworlds_protocols::{BuiltIn, all};

use crate::limits::LimitArguments;
use crate::solve::Ask;

/// The theorem's word.
pub(crate) enum Word {
    /// No program can be safe and live: a certificate says so.
    Impossible,
    /// A protocol says that it is.
    Possible(BuiltIn),
    /// Neither is known.
    Unknown,
}

impl Word {
    /// As in results.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Word::Impossible => "impossible",
            Word::Possible(_) => "possible",
            Word::Unknown => "unknown",
        }
    }
}

/// Asks the prover, then the protocols.
pub(crate) fn word(
    ask: &Ask,
    workload: Workload,
    question: &Question,
    limits: &LimitArguments,
    stop: &Arc<AtomicBool>,
) -> Result<Word> {
    let mut watch = limits.watch(Arc::clone(stop));
    let proof =
        ask.claim().ok().map(|claim| prove(&claim, Scope { groups: 3, epochs: 2 }, &mut watch)).transpose();
    watch.finish();
    if proof?.is_some_and(|proof| proof.certificate.is_some()) {
        return Ok(Word::Impossible);
    }
    // Reads, writes and compare-and-sets of a key-value store are more than a register's.
    let task = match workload {
        Workload::WriteOnce | Workload::WriteOnceKv => Task::WriteOnceRegister,
        Workload::LinKv => Task::KeyValueStore,
    };
    let question = question.clone().with_task(task);
    let does = |one: &BuiltIn| one.covers(&question);
    let protocol = all().iter().map(|description| description.built_in).find(does);
    Ok(protocol.map_or(Word::Unknown, Word::Possible))
}
