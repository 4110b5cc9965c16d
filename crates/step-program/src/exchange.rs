use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use threeworlds_model::Step;

use crate::answer;
use crate::error::{ProgramError, shorten, shorten_to_difference};
use crate::json::JsonText;
use crate::process::{Output, RunningProgram};
use crate::program::Options;
use crate::question::{self, Question};
use crate::sample::{Sample, Sampler};

/// The answer to one question.
pub(crate) type Answer = Step<JsonText, JsonText>;

/// A list of questions on its way through a program: many lines are in flight, and lines that are asked a
/// second time come in between.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    running: &'a mut RunningProgram,
    options: &'a Options,
    sampler: &'a mut Sampler,
    progress: &'a mut Progress,
    questions: &'a [Question<'a>],
    /// Whether all that waits to be asked again is asked before the end.
    drain: bool,
    /// How many of the questions were sent.
    sent: usize,
    in_flight: VecDeque<InFlight>,
    bytes_in_flight: usize,
    answers: Vec<Answer>,
}

/// What goes on from one exchange to the next.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    next_id: u64,
    /// The last line that was answered, shortened.
    last_line: String,
    /// How many times the program was run before.
    runs: u32,
}

/// A line that waits for its answer.
#[derive(Debug)]
struct InFlight {
    id: u64,
    bytes: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// The question at this place of the list, for the first time.
    First { place: usize, sampled: bool },
    /// A question that was answered before.
    Again(Sample),
}

/// How much of the lines may wait for answers, in bytes; one line always may.
const BYTES_IN_FLIGHT_MAX: usize = 1 << 20;
/// How long to wait before the stop flag is looked at again.
const STOP_CHECK: Duration = Duration::from_millis(100);

impl<'a> Exchange<'a> {
    pub(crate) fn new(
        running: &'a mut RunningProgram,
        options: &'a Options,
        sampler: &'a mut Sampler,
        progress: &'a mut Progress,
        questions: &'a [Question<'a>],
        drain: bool,
    ) -> Self {
        Exchange {
            running,
            options,
            sampler,
            progress,
            questions,
            drain,
            sent: 0,
            in_flight: VecDeque::new(),
            bytes_in_flight: 0,
            answers: Vec::with_capacity(questions.len()),
        }
    }

    /// Asks everything; the answers, in the order of the questions.
    pub(crate) fn run(mut self) -> Result<Vec<Answer>, ProgramError> {
        if let Some(Output::Lines(lines) | Output::TooLong(lines)) = self.running.receive_now() {
            return Err(self.progress.extra(&lines));
        }
        let mut last_answer = Instant::now();
        loop {
            self.send();
            if self.in_flight.is_empty() {
                break;
            }
            let lines = self.receive(last_answer)?;
            last_answer = Instant::now();
            for line in lines.split_inclusive(|&byte| byte == b'\n') {
                self.take(line)?;
            }
        }
        assert_eq!(self.answers.len(), self.questions.len(), "every question has its answer");
        Ok(self.answers)
    }

    /// Sends lines until enough are in flight, but only when half of them are answered, so that many go out
    /// at a time.
    fn send(&mut self) {
        let lines_max = self.options.lines_in_flight_max.max(1);
        if self.in_flight.len() > lines_max / 2 || self.bytes_in_flight > BYTES_IN_FLIGHT_MAX / 2 {
            return;
        }
        let mut lines = Vec::new();
        while self.in_flight.len() < lines_max
            && (self.bytes_in_flight < BYTES_IN_FLIGHT_MAX || self.in_flight.is_empty())
        {
            let Some(content) = self.next() else { break };
            let id = self.progress.next_id;
            self.progress.next_id += 1;
            let line = question::line(id, &self.body(&content));
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
            self.bytes_in_flight += line.len();
            self.in_flight.push_back(InFlight { id, bytes: line.len(), content });
        }
        if !lines.is_empty() {
            self.running.send(lines);
        }
    }

    fn next(&mut self) -> Option<Content> {
        if let Some(sample) = self.sampler.due() {
            return Some(Content::Again(sample));
        }
        if self.sent < self.questions.len() {
            let place = self.sent;
            self.sent += 1;
            return Some(Content::First { place, sampled: self.sampler.choose() });
        }
        if self.drain { self.sampler.take_last().map(Content::Again) } else { None }
    }

    /// Whole lines from the program, at least one.
    fn receive(&mut self, last_answer: Instant) -> Result<Vec<u8>, ProgramError> {
        loop {
            if self.options.stop.load(Ordering::Relaxed) {
                return Err(ProgramError::Interrupted);
            }
            let left = self.options.deadline.saturating_sub(last_answer.elapsed());
            match self.running.receive(left.min(STOP_CHECK)) {
                Some(Output::Lines(lines)) => return Ok(lines),
                Some(Output::TooLong(beginning)) => return Err(self.too_long(&beginning)),
                Some(Output::End) => return Err(self.ended()),
                None if left.is_zero() => return Err(self.silent()),
                None => {}
            }
        }
    }

    /// Takes one line, which must be the answer to the line whose turn it is.
    fn take(&mut self, line: &[u8]) -> Result<(), ProgramError> {
        let Some(due) = self.in_flight.front() else {
            return Err(self.progress.extra(line));
        };
        if line.len() > self.options.line_bytes_max {
            return Err(self.too_long(line));
        }
        let answer = answer::parse(line, due.id, || self.shown_line())?;
        if self.in_flight.len() == 1 {
            self.progress.last_line = self.shown_line();
        }
        let due = self.in_flight.pop_front().expect("looked at above");
        self.bytes_in_flight -= due.bytes;
        match due.content {
            Content::First { place, sampled } => {
                assert_eq!(place, self.answers.len(), "questions are answered in order");
                if sampled {
                    let body = self.questions[place].body();
                    self.sampler.answered(Sample { body, answer: answer.clone() });
                }
                self.answers.push(answer);
            }
            Content::Again(sample) if sample.answer == answer => self.sampler.confirmed(sample),
            Content::Again(sample) => {
                let (first, second) =
                    shorten_to_difference(&answer::text(&sample.answer), &answer::text(&answer));
                let when = if self.progress.runs == 0 { "" } else { " when it is run a second time" };
                let line = shorten(&question::line(due.id, &sample.body));
                return Err(ProgramError::NotDeterministic { when, line, first, second });
            }
        }
        Ok(())
    }

    fn body<'b>(&self, content: &'b Content) -> Cow<'b, str> {
        match content {
            Content::First { place, .. } => Cow::Owned(self.questions[*place].body()),
            Content::Again(sample) => Cow::Borrowed(&sample.body),
        }
    }

    /// The first line without an answer, for an error.
    fn shown_line(&self) -> String {
        let due = self.in_flight.front().expect("an answer is due");
        shorten(&question::line(due.id, &self.body(&due.content)))
    }

    fn too_long(&self, beginning: &[u8]) -> ProgramError {
        let answer = shorten(&String::from_utf8_lossy(beginning));
        let bytes_max = self.options.line_bytes_max;
        ProgramError::TooLong { bytes_max, line: self.shown_line(), answer }
    }

    fn silent(&self) -> ProgramError {
        let output = self.running.last_output();
        let hint = if output.unfinished.is_empty() {
            "flush stdout after each line, in Python with print(..., flush=True), and read stdin line by line; \
             if one step takes that long, raise the deadline"
        } else {
            "end each answer with a newline and flush stdout after it"
        };
        let (deadline, line) = (self.options.deadline, self.shown_line());
        ProgramError::Silent { deadline, line, output, hint }
    }

    fn ended(&mut self) -> ProgramError {
        let how = self.running.how_it_ended();
        let output = self.running.last_output();
        let hint = if how == "exit status: 0" || how == "exit code: 0" {
            "read lines until the end of stdin, answer each, and end only then"
        } else {
            "run the command by hand and type the line to see it fail"
        };
        ProgramError::Ended { how, line: self.shown_line(), output, hint }
    }
}

impl Progress {
    /// That of another run of the same program.
    pub(crate) fn next_run(&self) -> Progress {
        Progress { runs: self.runs + 1, ..Progress::default() }
    }

    /// For a line, or the beginning of one, that comes when no answer is due.
    pub(crate) fn extra(&self, lines: &[u8]) -> ProgramError {
        let first = lines.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = if self.next_id == 0 { "(none yet)".to_owned() } else { self.last_line.clone() };
        ProgramError::Extra { line, answer: shorten(&String::from_utf8_lossy(first)) }
    }
}
