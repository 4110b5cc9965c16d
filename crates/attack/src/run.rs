//! One run of a plan against a program. What it reports is what happened on this machine under its load:
//! deadlines decide, and a request without an answer may have been applied.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use threeworlds_model::Process;

use crate::error::AttackError;
use crate::journal::Journal;
use crate::plan::Plan;
use crate::router::Output;

/// Plays a plan against copies of a program, and ends them all, however it returns.
///
/// `stop` is looked at about fifty times a second; when it is set, the run ends with what is known so far.
/// It blocks the calling thread, which must not be one of an asynchronous runtime. Several runs may go on at
/// the same time in several threads, each with a folder of its own.
///
/// # Errors
/// When there is no run that could be judged: the plan asks for what cannot be, the program cannot be
/// started, or a node does not come up.
#[cfg(unix)]
pub fn run(plan: &Plan, program: &Program, options: &Options, stop: &AtomicBool) -> Result<Run, AttackError> {
    crate::player::play(plan, program, options, stop)
}

/// Says that this needs Unix.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
pub fn run(_: &Plan, _: &Program, _: &Options, _: &AtomicBool) -> Result<Run, AttackError> {
    Err(AttackError::NeedsUnix)
}

/// A program that speaks Maelstrom's node protocol on stdin and stdout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The program, then its arguments.
    pub command: Vec<OsString>,
}

/// How a plan is played.
#[derive(Debug, Clone)]
pub struct Options {
    /// The command that becomes a guardian, by calling [`guard`](crate::guard) with the arguments that follow
    /// those given here. Each node is started through one, and ends with it.
    pub guardian: Vec<OsString>,
    /// Where a file `n1.stderr` for each node is written to. Made if it is not there.
    pub folder: PathBuf,
    /// How much of each node's stderr is kept.
    pub stderr_bytes_max: u64,
    /// How long each message is under way.
    pub latency: Duration,
    /// What the weak services do is drawn from it.
    pub seed: u64,
    /// How long a node may take to answer `init`.
    pub init_deadline: Duration,
    /// How long to wait for the first write to be answered before the plan begins; zero to begin at once.
    /// Nothing is written before plans of the workload `write-once`, where it would decide the register.
    pub settle_deadline: Duration,
    /// How long to do nothing between the first answered write and the plan, so that it is known everywhere.
    pub settle_pause: Duration,
    /// How long one operation may take before its client tries elsewhere; a quarter of the request's deadline
    /// if not given, and 100 ms at least.
    pub operation_timeout: Option<Duration>,
    /// Whether cuts, and their end, are probed.
    pub probe: bool,
    /// How long everything may take.
    pub run_deadline: Duration,
    /// How long a node may take to end when its stdin is closed, and again when it gets SIGTERM.
    pub end_grace: Duration,
    /// How many messages are kept in the journal.
    pub messages_kept_max: u64,
    /// How long a line of a node may be.
    pub line_bytes_max: usize,
}

impl Options {
    /// The default options: 1 ms latency, 10 s for `init`, 10 s to settle, 10 minutes in all.
    pub fn new(guardian: Vec<OsString>, folder: PathBuf) -> Self {
        Options {
            guardian,
            folder,
            stderr_bytes_max: 4 << 20,
            latency: Duration::from_millis(1),
            seed: 0,
            init_deadline: Duration::from_secs(10),
            settle_deadline: Duration::from_secs(10),
            settle_pause: Duration::from_millis(100),
            operation_timeout: None,
            probe: true,
            run_deadline: Duration::from_secs(600),
            end_grace: Duration::from_millis(200),
            messages_kept_max: 100_000,
            line_bytes_max: 1 << 20,
        }
    }
}

/// A plan that was played.
#[derive(Debug, Clone)]
pub struct Run {
    /// What happened.
    pub journal: Journal,
    /// The node that played each server of the plan: `roles[0]` played `s1`.
    pub roles: Vec<Process>,
    /// Who answered writes before the plan began.
    pub leader: Leader,
    /// How each node behaved, `n1` first.
    pub nodes: Vec<NodeReport>,
    /// Why nothing can be concluded from this run; empty if everything was as it had to be: the plan was played
    /// to its end, each cut was seen to cut and to heal, and none is left.
    pub unusable: Vec<Unusable>,
}

impl Run {
    /// Whether the journal may be judged.
    pub fn is_usable(&self) -> bool {
        self.unusable.is_empty()
    }
}

/// Why nothing can be concluded from a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It was stopped.
    #[error("it was stopped in step {step}")]
    Stopped {
        /// The step of the plan, from 1.
        step: usize,
    },
    /// It took too long.
    #[error("it took longer than {} s in all, and was ended in step {step}", .deadline.as_secs_f64())]
    TooLong {
        /// The deadline.
        deadline: Duration,
        /// The step of the plan, from 1.
        step: usize,
    },
    /// A probe arrived where it had to be lost.
    #[error("a probe from {from} to {to} arrived although the link was cut")]
    NotCut {
        /// The sender, as a node.
        from: Process,
        /// The receiver, as a node.
        to: Process,
    },
    /// A probe was lost where it had to arrive.
    #[error("a probe from {from} to {to} did not arrive although the link was healed")]
    NotHealed {
        /// The sender, as a node.
        from: Process,
        /// The receiver, as a node.
        to: Process,
    },
    /// A node's process was not under control any more.
    #[error("the guardian of {node} failed: {why}")]
    Guardian {
        /// The node.
        node: Process,
        /// What happened.
        why: String,
    },
    /// A node that the plan restarts could not be started.
    #[error("{node} could not be restarted: {why}")]
    Restart {
        /// The node.
        node: Process,
        /// Why.
        why: String,
    },
}

/// Who answered writes before the plan began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leader {
    /// Nobody was asked.
    NotAsked,
    /// One node did, and no other.
    One(Process),
    /// Several did, so any of them may be called first; the order is kept.
    Several(Vec<Process>),
    /// None did within the deadline to settle; the order is kept.
    None,
}

/// How a node behaved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeReport {
    /// How its output went.
    pub output: Output,
    /// The last that it wrote on stderr.
    pub stderr: String,
    /// The file that has all that was kept of it.
    pub stderr_file: PathBuf,
}
