//! Which protocol a command runs: a built-in one by name, or a step program after `--`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use threeworlds_model::{Question, Steps};
use threeworlds_protocols::{BuiltIn, Majority, PrimaryBackup, Unreplicated};
use threeworlds_step_program::{Options, StepProgram};

/// A protocol.
#[derive(Args)]
#[command(next_help_heading = "Protocol")]
pub(crate) struct ProtocolArguments {
    /// A built-in protocol (see `threeworlds protocols`)
    #[arg(value_name = "PROTOCOL", required_unless_present = "command", conflicts_with = "command")]
    name: Option<String>,
    /// A step program and its arguments, after `--`: any executable that speaks JSON lines
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// How long a step program may go without an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    deadline: f64,
}

pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(seconds),
        _ => Err("write a number of seconds that is greater than 0".to_owned()),
    }
}

/// What is to be done with the protocol, whichever it is.
pub(crate) trait WithProtocol {
    /// What comes out.
    type Output;
    /// Does it.
    fn with<S: Steps>(self, steps: S) -> Result<Self::Output>;
}

impl ProtocolArguments {
    /// What the protocol is called in results and files.
    pub(crate) fn label(&self) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => self.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        }
    }

    /// Runs something with the protocol. A step program ends when it returns.
    pub(crate) fn run<W: WithProtocol>(
        &self,
        question: &Question,
        stop: Arc<AtomicBool>,
        work: W,
    ) -> Result<W::Output> {
        let Some(name) = &self.name else {
            let options = Options {
                deadline: Duration::from_secs_f64(self.deadline),
                stop: stop.clone(),
                ..Options::default()
            };
            let mut program = StepProgram::start(&self.command, options)?;
            let output = work.with(&mut program)?;
            // What was interrupted says so itself, and has nobody left to ask.
            if !stop.load(Ordering::SeqCst) {
                program.finish()?;
            }
            return Ok(output);
        };
        let built_in = BuiltIn::parse(name).map_err(|error| hint_at_command(name, error.into()))?;
        let description = built_in.description();
        ensure!(
            description.task == question.task,
            "{name} implements the task {}, not {}",
            description.task,
            question.task
        );
        match built_in {
            BuiltIn::Unreplicated => work.with(&Unreplicated),
            BuiltIn::PrimaryBackup => work.with(&PrimaryBackup::new(&question.system)?),
            BuiltIn::Majority => work.with(&Majority::new(&question.system)),
        }
    }
}

/// Somebody who names a file wants it run.
fn hint_at_command(name: &str, error: anyhow::Error) -> anyhow::Error {
    if Path::new(name).exists() || name.contains('/') {
        return anyhow::anyhow!(
            "`{name}` is not a built-in protocol: to run a step program write `-- {name}`"
        );
    }
    error
}

/// A word as a shell would need it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
