use std::io;
use std::path::PathBuf;
use std::time::Duration;

use threeworlds_launch::LaunchError;
use threeworlds_model::Process;

/// Why a run could not be made. It is never a verdict about the program.
#[derive(Debug, thiserror::Error)]
pub enum AttackError {
    /// Process groups and the guardians are made for Unix.
    #[error("attack needs Unix: it starts, pauses and kills process groups")]
    NeedsUnix,
    /// No program was given.
    #[error("no program is given\n  hint: write its command after --, such as: -- python3 node.py")]
    NoCommand,
    /// The plan asks for something that cannot be.
    #[error("the plan `{plan}` cannot be played: {why}")]
    Plan {
        /// The plan's name.
        plan: String,
        /// What is wrong, and in which step.
        why: String,
    },
    /// The program could not be started.
    #[error("cannot start the program: {0}")]
    Launch(#[from] LaunchError),
    /// A node ended before it answered `init`.
    #[error(
        "{node} ended before it answered `init`: {status}\n{stderr}  hint: does it speak Maelstrom's protocol on stdin and stdout?"
    )]
    EndedEarly {
        /// The node.
        node: Process,
        /// Its exit status.
        status: String,
        /// The last that it wrote on stderr, indented, with a heading; empty if nothing.
        stderr: String,
    },
    /// A node did not answer `init`.
    #[error("{node} did not answer `init` within {} s{said}\n{stderr}  hint: does it speak Maelstrom's protocol on stdin and stdout, and flush its output?", .deadline.as_secs_f64())]
    NoInit {
        /// The node.
        node: Process,
        /// How long it had.
        deadline: Duration,
        /// What it said instead, if anything.
        said: String,
        /// The last that it wrote on stderr, indented, with a heading; empty if nothing.
        stderr: String,
    },
    /// The guardian of a node could not be started, or did not do its work.
    #[error("the guardian of {node} does not work: {why}")]
    Guardian {
        /// The node.
        node: Process,
        /// Why.
        why: String,
    },
    /// The folder for what the nodes write on stderr cannot be used.
    #[error("cannot use the folder {} for what the nodes write on stderr: {source}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system refused something that a run needs.
    #[error("the system refused what a run needs: {0}")]
    System(#[source] io::Error),
    /// It was stopped before the plan began.
    #[error("stopped before the plan began")]
    Stopped,
}
