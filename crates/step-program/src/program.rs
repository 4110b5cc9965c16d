use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use threeworlds_model::{Call, Process, StepError, Steps, System};

use crate::cache::{CacheOptions, StepCache};
use crate::copies::Copies;
use crate::error::ProgramError;
use crate::exchange::{Answer, Exchange};
use crate::json::JsonText;
use crate::process::Output;
use crate::question::Question;
use crate::sample::{Origin, Sample, Sampler};

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
    copies: Copies,
    sampler: Sampler,
    cache: Option<StepCache>,
    is_over: bool,
}

/// How a step program is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long the program may go without an answer while one is due. The start of the program counts.
    pub deadline: Duration,
    /// The longest answer.
    pub line_bytes_max: usize,
    /// How many lines may wait for their answers in one copy; 1 asks them one by one.
    pub lines_in_flight_max: usize,
    /// How many copies of the program may run at the same time, as many as there are cores by default. The
    /// answers are the same whatever the number. The first runs from the start, the others when there are
    /// many questions.
    pub copies_max: usize,
    /// Where answers are kept from call to call; `None` keeps none.
    pub cache: Option<CacheOptions>,
    /// Raise it from elsewhere to interrupt the work, within about 0.1 s.
    pub stop: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            deadline: Duration::from_secs(10),
            line_bytes_max: 16 << 20,
            lines_in_flight_max: 1024,
            copies_max: std::thread::available_parallelism().map_or(1, usize::from),
            cache: None,
            stop: Arc::default(),
        }
    }
}

/// How long a program may take to say what nobody asked for, after its stdin was closed.
const FINISH_WAIT: Duration = Duration::from_secs(1);
/// From so many questions on more than one copy is asked: for fewer the start of another takes longer than all
/// the answers of one.
const QUESTIONS_FOR_COPIES: u64 = 128;

impl StepProgram {
    /// Starts the command, a program and its arguments. A program without a slash in it is looked for on
    /// the PATH.
    pub fn start(command: &[String], options: Options) -> Result<Self, ProgramError> {
        // The cache looks at the program's files before the program does, and again at the end.
        let cache = options.cache.as_ref().map(|cache| StepCache::open(command, cache)).transpose();
        let mut copies = Copies::new();
        copies.start(1, command, options.line_bytes_max)?;
        let cache = cache?;
        Ok(StepProgram {
            command: command.to_vec(),
            options,
            copies,
            sampler: Sampler::default(),
            cache,
            is_over: false,
        })
    }

    /// Ends the program and makes sure of its answers: it must not say anything more, and a second run of
    /// it must give the same answers to a sample of the lines, asked in another order; to lines that the
    /// cache answered too. Call it before a verdict is believed. It takes about as long as the start of the
    /// program.
    pub fn finish(&mut self) -> Result<(), ProgramError> {
        if std::mem::replace(&mut self.is_over, true) {
            return Err(ProgramError::Over);
        }
        // A copy that was asked nothing is as good as a second run.
        let (mut asked, unasked): (Vec<_>, Vec<_>) =
            self.copies.running.drain(..).partition(crate::copies::Copy::was_asked);
        asked.iter_mut().for_each(|copy| copy.program.close_input());
        let end = Instant::now() + FINISH_WAIT;
        for copy in &asked {
            let left = end.saturating_duration_since(Instant::now());
            if let Some(Output::Lines(lines) | Output::TooLong(lines)) = copy.program.receive(left) {
                return Err(copy.extra(&lines));
            }
        }
        drop(asked);
        self.copies.running = unasked;
        self.copies.running.truncate(1);
        if self.sampler.again() > 0 {
            self.copies.start(1, &self.command, self.options.line_bytes_max)?;
            self.exchange(&[], true, true)?;
        }
        self.copies.running.clear();
        if let Some(cache) = &mut self.cache {
            cache.finish();
        }
        Ok(())
    }

    /// The last lines (about 4 KiB) that the program wrote on stderr; empty when it was ended.
    pub fn stderr(&self) -> String {
        let copies = &self.copies.running;
        copies.iter().map(|copy| copy.program.stderr()).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// What a user should know of the cache: a file in it that is damaged, a disk that is full. Each comes
    /// once. None of it changes an answer.
    pub fn take_notes(&mut self) -> Vec<String> {
        self.cache.as_mut().map(StepCache::take_notes).unwrap_or_default()
    }

    /// Answers all questions, in their order, from the cache as far as it goes. After an error the program is
    /// ended.
    fn ask(&mut self, questions: &[Question<'_>], drain: bool) -> Result<Vec<Answer>, ProgramError> {
        if self.is_over {
            return Err(ProgramError::Over);
        }
        let Some(cache) = &self.cache else { return self.exchange(questions, drain, false) };
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(ProgramError::Interrupted);
        }
        let mut answers: Vec<Option<Answer>> = Vec::with_capacity(questions.len());
        let mut unknown = Vec::new();
        for question in questions {
            let body = question.body();
            let kept = cache.get(&body);
            match &kept {
                None => unknown.push(*question),
                Some(answer) if self.sampler.choose() => {
                    self.sampler.cached(Sample { body, answer: answer.clone(), origin: Origin::Cache });
                }
                Some(_) => {}
            }
            answers.push(kept);
        }
        let mut asked = Vec::new().into_iter();
        if !unknown.is_empty() {
            asked = self.exchange(&unknown, drain, false)?.into_iter();
        }
        let whole = |kept: Option<Answer>| kept.or_else(|| asked.next()).expect("the rest was asked");
        Ok(answers.into_iter().map(whole).collect())
    }

    /// Puts all questions to the program.
    fn exchange(
        &mut self,
        questions: &[Question<'_>],
        drain: bool,
        second_run: bool,
    ) -> Result<Vec<Answer>, ProgramError> {
        let many = self.sampler.asked() + questions.len() as u64 >= QUESTIONS_FOR_COPIES;
        if many && !second_run {
            self.copies.start(self.options.copies_max, &self.command, self.options.line_bytes_max)?;
        }
        let mut exchange =
            Exchange::new(&mut self.copies, &self.options, &mut self.sampler, self.cache.as_mut(), questions);
        if drain {
            exchange = exchange.draining();
        }
        if second_run {
            exchange = exchange.in_a_second_run();
        }
        let result = exchange.run();
        if let Err(error) = &result {
            self.is_over = true;
            self.copies.running.clear();
            if let (ProgramError::NotDeterministic { .. } | ProgramError::Outdated { .. }, Some(cache)) =
                (error, &mut self.cache)
            {
                cache.discard();
            }
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
