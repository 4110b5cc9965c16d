use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::Value;
use threeworlds_model::{Call, Process, StepError, Steps, System};

use crate::error::ProgramError;
use crate::exchange::{Answer, Exchange, Progress};
use crate::json::JsonText;
use crate::process::{Output, RunningProgram};
use crate::question::Question;
use crate::sample::Sampler;

/// A protocol in any language: a running program that answers each JSON line on its stdin with one on its
/// stdout.
///
/// ```no_run
/// use threeworlds_model::{Process, Steps, System};
/// use threeworlds_step_program::{Options, StepProgram};
///
/// let command = ["python3", "protocol.py"].map(str::to_owned);
/// let mut program = StepProgram::start(&command, Options::default())?;
/// let system = System { servers: 2, clients: 2, faults: 1, client_links: false };
/// let step = Steps::start(&mut program, Process::Server(1), &system)?;
/// println!("s1 starts in state {}", step.state);
/// program.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// After an error the program is ended and every further use is [`ProgramError::Over`]. When this is
/// dropped, the program and what it started are ended: within about 0.4 s, at once if it ends by itself when
/// its stdin is closed.
#[derive(Debug)]
pub struct StepProgram {
    command: Vec<String>,
    options: Options,
    running: Option<RunningProgram>,
    progress: Progress,
    sampler: Sampler,
}

/// How a step program is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long the program may go without an answer while one is due. The start of the program counts.
    pub deadline: Duration,
    /// The longest answer.
    pub line_bytes_max: usize,
    /// How many lines may wait for their answers; 1 asks them one by one.
    pub lines_in_flight_max: usize,
    /// Raise it from elsewhere to interrupt the work, within about 0.1 s.
    pub stop: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            deadline: Duration::from_secs(10),
            line_bytes_max: 16 << 20,
            lines_in_flight_max: 1024,
            stop: Arc::default(),
        }
    }
}

/// How long a program may take to say what nobody asked for, after its stdin was closed.
const FINISH_WAIT: Duration = Duration::from_secs(1);

impl StepProgram {
    /// Starts the command, a program and its arguments. A program without a slash in it is looked for on
    /// the PATH.
    pub fn start(command: &[String], options: Options) -> Result<Self, ProgramError> {
        let running = RunningProgram::start(command, options.line_bytes_max)?;
        Ok(StepProgram {
            command: command.to_vec(),
            options,
            running: Some(running),
            progress: Progress::default(),
            sampler: Sampler::default(),
        })
    }

    /// Ends the program and makes sure of its answers: it must not say anything more, and a second run of
    /// it must give the same answers to a sample of the lines, asked in another order. Call it before a
    /// verdict is believed. It takes about as long as the start of the program.
    pub fn finish(&mut self) -> Result<(), ProgramError> {
        let mut running = self.running.take().ok_or(ProgramError::Over)?;
        running.close_input();
        if let Some(Output::Lines(lines) | Output::TooLong(lines)) = running.receive(FINISH_WAIT) {
            return Err(self.progress.extra(&lines));
        }
        drop(running);
        if self.sampler.again() == 0 {
            return Ok(());
        }
        self.running = Some(RunningProgram::start(&self.command, self.options.line_bytes_max)?);
        self.progress = self.progress.next_run();
        let result = self.ask(&[], true);
        self.running = None;
        result.map(|_| ())
    }

    /// The last lines (about 4 KiB) that the program wrote on stderr; empty when it was ended.
    pub fn stderr(&self) -> String {
        self.running.as_ref().map(RunningProgram::stderr).unwrap_or_default()
    }

    /// Asks all questions and gives the answers in their order. After an error the program is ended.
    fn ask(&mut self, questions: &[Question<'_>], drain: bool) -> Result<Vec<Answer>, ProgramError> {
        let running = self.running.as_mut().ok_or(ProgramError::Over)?;
        let exchange =
            Exchange::new(running, &self.options, &mut self.sampler, &mut self.progress, questions, drain);
        let result = exchange.run();
        if result.is_err() {
            self.running = None;
        }
        result
    }
}

impl Steps for StepProgram {
    type State = JsonText;
    type Message = JsonText;

    fn start(&mut self, me: Process, system: &System) -> Result<Answer, StepError> {
        // What is to be asked again waits for the steps, so that something else comes in between.
        let mut answers = self.ask(&[Question::Start(me, system)], false)?;
        Ok(answers.pop().expect("an answer to each question"))
    }

    fn steps(&mut self, calls: &[Call<JsonText, JsonText>]) -> Result<Vec<Answer>, StepError> {
        let questions: Vec<Question<'_>> = calls.iter().map(Question::Step).collect();
        Ok(self.ask(&questions, true)?)
    }

    fn message_json(&self, message: &JsonText) -> Value {
        message.value()
    }
}
