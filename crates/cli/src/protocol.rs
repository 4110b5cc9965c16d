//! Which protocol a command runs: a built-in one by name, or a step program after `--`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, CommandFactory};
use threeworlds_model::{Question, Steps};
use threeworlds_protocols::{BuiltIn, all};
use threeworlds_step_program::{CacheOptions, Options, StepProgram};

use crate::cache::usual_folder;
use crate::terminal::note;

/// A protocol as it is named in a call.
#[derive(Args)]
#[command(next_help_heading = "Protocol")]
pub(crate) struct ProtocolArguments {
    /// A built-in protocol (see `threeworlds protocols`)
    #[arg(value_name = "PROTOCOL", display_order = 1)]
    name: Option<String>,
    /// A step program and its arguments, after `--`: any executable that speaks JSON lines
    #[arg(last = true, value_name = "COMMAND", display_order = 2)]
    command: Vec<String>,
    /// How long a step program may go without an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds, display_order = 3,
          hide_short_help = true)]
    deadline: f64,
    /// Run so many copies of a step program at a time [default: one for each core]
    ///
    /// The result is the same whatever the number.
    #[arg(long, value_name = "N", display_order = 4, hide_short_help = true,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    step_jobs: Option<u16>,
    /// Keep a step program's answers in this folder, for the next call [default: threeworlds/steps in the user's
    /// cache folder]
    ///
    /// They count as long as the command, the program, its interpreter and all files beside it and below are what
    /// they were. What the program reads elsewhere does not count, so a sample is asked again at the end.
    #[arg(long, value_name = "DIR", num_args = 0..=1, display_order = 5, hide_short_help = true)]
    step_cache: Option<Option<PathBuf>>,
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

/// A protocol that can be run.
pub(crate) struct Protocol {
    kind: Kind,
    /// How a step program is run.
    options: Options,
}

enum Kind {
    BuiltIn(BuiltIn),
    Program(Vec<String>),
}

impl ProtocolArguments {
    /// Fails if a protocol is given where none is asked for.
    pub(crate) fn must_be_absent(&self, why: &str) -> Result<()> {
        let given = self.name.as_deref().or(self.command.first().map(String::as_str));
        match given {
            Some(protocol) => bail!("{why}: leave out `{protocol}`"),
            None => Ok(()),
        }
    }

    /// The protocol of the call; where it names none, the built-in one that `recorded`, the label in a
    /// file, names. A command out of a file is never run.
    pub(crate) fn choose(&self, recorded: Option<&str>) -> Result<Protocol> {
        let kind = match (&self.name, self.command.as_slice(), recorded) {
            (Some(name), [], _) => {
                Kind::BuiltIn(BuiltIn::parse(name).map_err(|error| hint_at_command(name, error.into()))?)
            }
            (Some(name), [first, ..], _) => bail!(
                "there are two protocols, the built-in `{name}` and after `--` the command `{first}`: give one"
            ),
            (None, [], Some(label)) => match BuiltIn::parse(label) {
                Ok(built_in) => Kind::BuiltIn(built_in),
                Err(_) => bail!(
                    "no protocol is given, and the file was made with one that is not built in: to run that one \
                     again, add `-- {label}`"
                ),
            },
            (None, [], None) => {
                let names: Vec<&str> = all().iter().map(|description| description.name).collect();
                bail!(
                    "no protocol is given: name a built-in one ({}), or write the command of a step program \
                     after `--`, such as: -- python3 protocol.py",
                    names.join(", ")
                )
            }
            (None, command, _) => {
                note_misplaced_flags(command, "the step program");
                Kind::Program(command.to_vec())
            }
        };
        let mut options = Options { deadline: Duration::from_secs_f64(self.deadline), ..Options::default() };
        if let Some(copies) = self.step_jobs {
            options.copies_max = copies.into();
        }
        if let Some(folder) = &self.step_cache {
            ensure!(
                matches!(kind, Kind::Program(_)),
                "--step-cache keeps the answers of a step program, and a built-in protocol has none to keep: leave \
                 it out"
            );
            let usual = || usual_folder().map(|folder| folder.join("steps"));
            let folder = folder.clone().or_else(usual).context(
                "there is no folder for caches here (neither XDG_CACHE_HOME nor HOME is set): name one, as in \
                 --step-cache DIR",
            )?;
            options.cache = Some(CacheOptions::new(folder));
        }
        Ok(Protocol { kind, options })
    }
}

impl Protocol {
    /// A built-in protocol.
    pub(crate) fn built_in(built_in: BuiltIn) -> Protocol {
        Protocol { kind: Kind::BuiltIn(built_in), options: Options::default() }
    }

    /// What the protocol is called in results and files.
    pub(crate) fn label(&self) -> String {
        match &self.kind {
            Kind::BuiltIn(built_in) => built_in.description().name.to_owned(),
            Kind::Program(command) => command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        }
    }

    /// Runs something with the protocol. A step program ends when it returns.
    pub(crate) fn run<W: WithProtocol>(
        &self,
        question: &Question,
        stop: Arc<AtomicBool>,
        work: W,
    ) -> Result<W::Output> {
        let built_in = match &self.kind {
            Kind::BuiltIn(built_in) => built_in,
            Kind::Program(command) => {
                let options = Options { stop: stop.clone(), ..self.options.clone() };
                let mut program = StepProgram::start(command, options)?;
                let output = work.with(&mut program);
                // What was interrupted says so itself, and has nobody left to ask.
                let finished =
                    if output.is_ok() && !stop.load(Ordering::SeqCst) { program.finish() } else { Ok(()) };
                program.take_notes().iter().for_each(|text| note(text));
                let output = output?;
                finished?;
                return Ok(output);
            }
        };
        let built_in = built_in.for_task(question.task);
        ensure!(
            built_in.task() == question.task,
            "{} implements the task {}, not {}: add `--task {}`",
            built_in.name(),
            built_in.task(),
            question.task,
            built_in.task()
        );
        work.with(&built_in.protocol(&question.system)?)
    }
}

/// What stands after the command is for the program; somebody may have meant it for us.
pub(crate) fn note_misplaced_flags(command: &[String], whose: &str) {
    let call = crate::Arguments::command();
    let ours = |word: &str| {
        let name = word.strip_prefix("--").map(|rest| rest.split('=').next().unwrap_or(rest));
        let mut all = call.get_subcommands().flat_map(clap::Command::get_arguments);
        name.is_some_and(|name| all.any(|argument| argument.get_long() == Some(name)))
    };
    if let Some(flag) = command.iter().skip(1).find(|word| ours(word)) {
        note(&format!(
            "`{flag}` stands after the command, so it is given to {whose}. A flag for threeworlds comes \
             before `--`."
        ));
    }
}

/// Somebody who names a file or a program wants it run.
fn hint_at_command(name: &str, error: anyhow::Error) -> anyhow::Error {
    let on_the_path = || {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
    };
    if !name.is_empty() && (Path::new(name).exists() || name.contains('/') || on_the_path()) {
        return anyhow::anyhow!(
            "`{name}` is not a built-in protocol: to run a step program write its command after `--`, such as: \
             -- {name}"
        );
    }
    error
}

/// A word as a shell would need it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
