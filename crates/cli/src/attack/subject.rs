use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tempfile::TempDir;
use threeworlds_attack::{AttackError, Options, Plan, Played, Player, Program, Unusable, Workload, run};

/// A program that is attacked.
pub(crate) struct Subject {
    /// What it is called in results.
    pub(crate) label: String,
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// What is asked of it.
    pub(crate) workload: Workload,
}

/// How its runs go.
pub(crate) struct Settings {
    pub(crate) latency: Duration,
    pub(crate) deadline: Duration,
    /// When everything ends.
    pub(crate) until: Option<Instant>,
}

/// The word by which this program becomes the guardian of a node.
pub(crate) const GUARDIAN: &str = "guard-a-node";
/// The word by which this program becomes the keeper of a lab.
#[cfg(target_os = "linux")]
pub(crate) const KEEPER: &str = "keep-a-lab";

/// One operation of a request may take this part of the request's deadline before the client tries another
/// server: enough for an election and for a node to give up by itself, whose definite error has to be true,
/// and short enough for a few servers in turn.
const OPERATION_PART: u32 = 4;

/// Plays plans against copies of the program.
pub(crate) struct Copies {
    program: Program,
    options: Options,
    settings: Settings,
    /// What nodes write on standard error is kept here, and goes when the attack is over.
    folder: TempDir,
    runs: AtomicUsize,
    stop: Arc<AtomicBool>,
}

impl Subject {
    pub(crate) fn runner(&self, settings: Settings, stop: Arc<AtomicBool>) -> Result<Copies> {
        let itself = std::env::current_exe().context("this program does not find itself")?;
        let folder = tempfile::Builder::new()
            .prefix("threeworlds-attack-")
            .tempdir()
            .context("no folder can be made for what the nodes write on standard error")?;
        let mut options = Options::new(vec![itself.into(), GUARDIAN.into()], folder.path().to_owned());
        options.latency = settings.latency;
        options.operation_timeout = Some(settings.deadline / OPERATION_PART);
        Ok(Copies {
            program: Program { command: self.command.clone() },
            options,
            settings,
            folder,
            runs: AtomicUsize::new(0),
            stop,
        })
    }
}

impl Copies {
    /// Why nothing more is to be played.
    pub(crate) fn why_stop(&self) -> Option<String> {
        if self.stop.load(Ordering::SeqCst) {
            return Some("it was interrupted".to_owned());
        }
        let over = self.settings.until.is_some_and(|until| Instant::now() >= until);
        over.then(|| "the bound on time was reached (--max-time)".to_owned())
    }
}

impl Player for Copies {
    fn play(&self, plan: &Plan) -> Result<Played, String> {
        let number = self.runs.fetch_add(1, Ordering::SeqCst);
        let mut options = self.options.clone();
        options.folder = self.folder.path().join(number.to_string());
        if let Some(until) = self.settings.until {
            options.run_deadline = options.run_deadline.min(until.saturating_duration_since(Instant::now()));
        }
        let done = run(plan, &self.program, &options, &self.stop).map_err(|error| match error {
            AttackError::Stopped => self.why_stop().unwrap_or_else(|| error.to_string()),
            error => error.to_string(),
        })?;
        let is_probe = |why: &&Unusable| matches!(why, Unusable::NotCut { .. } | Unusable::NotHealed { .. });
        if let Some(why) = done.unusable.iter().find(|why| !is_probe(why)) {
            return Err(self.why_stop().unwrap_or_else(|| why.to_string()));
        }
        let doubt = done.unusable.iter().find(is_probe).map(Unusable::to_string);
        Ok(Played { doubt, ..Played::new(done.journal, done.roles) })
    }
}
