use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use threeworlds_model::Step;

use crate::answer;
use crate::cache::StepCache;
use crate::copies::{Content, Copies, InFlight};
use crate::error::{ProgramError, shorten, shorten_to_difference};
use crate::json::JsonText;
use crate::process::Output;
use crate::program::Options;
use crate::question::{self, Question};
use crate::sample::{Origin, Sample, Sampler};

/// The answer to one question.
pub(crate) type Answer = Step<JsonText, JsonText>;

/// A list of questions on its way through the copies of a program: many lines are in flight, and lines that
/// are asked a second time, of another copy where there is one, come in between.
///
/// Which copy gets which question depends on how fast they are; what comes out does not. Of several errors
/// the one of the first question that has any is reported.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    copies: &'a mut Copies,
    options: &'a Options,
    sampler: &'a mut Sampler,
    cache: Option<&'a mut StepCache>,
    questions: &'a [Question<'a>],
    /// Whether all that waits to be asked again is asked before the end.
    drain: bool,
    /// Whether the answers that are repeated were given by an earlier run of the program.
    second_run: bool,
    /// How many lines may wait in one copy.
    lines_max: usize,
    /// How many of the questions were sent.
    sent: usize,
    answers: Vec<Option<Answer>>,
    /// What went wrong, and at which place.
    failure: Option<(usize, ProgramError)>,
}

/// How much of the lines may wait for answers in one copy, in bytes; one line always may.
const BYTES_IN_FLIGHT_MAX: usize = 1 << 20;
/// How long to wait before the stop flag is looked at again.
const STOP_CHECK: Duration = Duration::from_millis(100);
/// With several copies, how many lines a copy is given at least, if there are so many.
const SHARE_MIN: usize = 8;

impl<'a> Exchange<'a> {
    pub(crate) fn new(
        copies: &'a mut Copies,
        options: &'a Options,
        sampler: &'a mut Sampler,
        cache: Option<&'a mut StepCache>,
        questions: &'a [Question<'a>],
    ) -> Self {
        let most = options.lines_in_flight_max.max(1);
        // A share that is small enough for the copies to end at about the same time.
        let share = match copies.running.len() {
            1 => most,
            several => (questions.len() / (4 * several)).max(SHARE_MIN).min(most),
        };
        Exchange {
            copies,
            options,
            sampler,
            cache,
            questions,
            drain: false,
            second_run: false,
            lines_max: share,
            sent: 0,
            answers: vec![None; questions.len()],
            failure: None,
        }
    }

    /// All that waits to be asked again is asked before the end.
    pub(crate) fn draining(self) -> Self {
        Exchange { drain: true, ..self }
    }

    /// The answers that are repeated were given by an earlier run of the program.
    pub(crate) fn in_a_second_run(self) -> Self {
        Exchange { second_run: true, ..self }
    }

    /// Asks everything; the answers, in the order of the questions.
    pub(crate) fn run(mut self) -> Result<Vec<Answer>, ProgramError> {
        for copy in 0..self.copies.running.len() {
            if let Some(Output::Lines(lines) | Output::TooLong(lines)) =
                self.copies.running[copy].receive_now()
            {
                return Err(self.copies.running[copy].extra(&lines));
            }
        }
        loop {
            if self.failure.is_none() {
                (0..self.copies.running.len()).for_each(|copy| self.send(copy));
            }
            if !self.is_waiting() {
                break;
            }
            if self.options.stop.load(Ordering::Relaxed) {
                return Err(ProgramError::Interrupted);
            }
            if !self.receive() {
                self.wait();
            }
        }
        match self.failure {
            Some((_, error)) => Err(error),
            None => Ok(self.answers.into_iter().map(|answer| answer.expect("each has its answer")).collect()),
        }
    }

    /// Whether there is anything to wait for: after a failure only what comes before it matters.
    fn is_waiting(&self) -> bool {
        let mut in_flight = self.copies.running.iter().flat_map(|copy| &copy.in_flight);
        match &self.failure {
            None => in_flight.next().is_some(),
            Some((failed, _)) => {
                in_flight.any(|line| matches!(line.content, Content::First { place, .. } if place < *failed))
            }
        }
    }

    /// Sends lines to a copy until enough are in flight, but only when half of them are answered, so that
    /// many go out at a time.
    fn send(&mut self, copy: usize) {
        let full =
            |waiting: usize, bytes: usize| waiting > self.lines_max / 2 || bytes > BYTES_IN_FLIGHT_MAX / 2;
        if full(self.copies.running[copy].in_flight.len(), self.copies.running[copy].bytes_in_flight) {
            return;
        }
        let was_idle = self.copies.running[copy].in_flight.is_empty();
        let mut lines = Vec::new();
        loop {
            let it = &self.copies.running[copy];
            let room = it.in_flight.len() < self.lines_max && it.bytes_in_flight < BYTES_IN_FLIGHT_MAX;
            if !room && !it.in_flight.is_empty() {
                break;
            }
            let Some(content) = self.next(copy) else { break };
            let id = self.copies.running[copy].next_id();
            let line = question::line(id, &self.body(&content));
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
            let it = &mut self.copies.running[copy];
            it.bytes_in_flight += line.len();
            it.in_flight.push_back(InFlight { id, bytes: line.len(), content });
        }
        if !lines.is_empty() {
            let it = &mut self.copies.running[copy];
            if was_idle {
                it.busy_since = Instant::now();
            }
            it.program.send(lines);
        }
    }

    fn next(&mut self, copy: usize) -> Option<Content> {
        let others = self.copies.running.len() > 1;
        let asker = others.then(|| self.copies.running[copy].number);
        if let Some(sample) = self.sampler.due(asker) {
            return Some(Content::Again(sample));
        }
        if self.sent < self.questions.len() {
            let place = self.sent;
            self.sent += 1;
            return Some(Content::First { place, sampled: self.sampler.choose() });
        }
        if self.drain { self.sampler.take_last(asker).map(Content::Again) } else { None }
    }

    /// Takes what the copies have said by now; whether there was anything.
    fn receive(&mut self) -> bool {
        let mut any = false;
        let mut copy = 0;
        while copy < self.copies.running.len() {
            match self.receive_from(copy) {
                Ok(some) => {
                    any |= some;
                    copy += 1;
                }
                Err(error) => {
                    any = true;
                    let place = self.place_of_next(copy);
                    if self.failure.as_ref().is_none_or(|(first, _)| place < *first) {
                        self.failure = Some((place, error));
                    }
                    self.copies.running.remove(copy);
                }
            }
        }
        any
    }

    /// The place of the question that this copy has to answer next, for the first time.
    fn place_of_next(&self, copy: usize) -> usize {
        let mut due = self.copies.running[copy].in_flight.iter();
        let first = due.find_map(|line| match line.content {
            Content::First { place, .. } => Some(place),
            Content::Again(_) => None,
        });
        first.unwrap_or(self.questions.len())
    }

    fn receive_from(&mut self, copy: usize) -> Result<bool, ProgramError> {
        let mut any = false;
        loop {
            let it = &self.copies.running[copy];
            match it.receive_now() {
                Some(Output::Lines(lines)) => {
                    for line in lines.split_inclusive(|&byte| byte == b'\n') {
                        self.take(copy, line)?;
                    }
                    self.copies.running[copy].busy_since = Instant::now();
                    any = true;
                }
                Some(Output::TooLong(beginning)) if !it.in_flight.is_empty() => {
                    let line = self.shown_line(copy);
                    return Err(it.too_long(line, &beginning, self.options.line_bytes_max));
                }
                Some(Output::TooLong(beginning)) => return Err(it.extra(&beginning)),
                Some(Output::End) if !it.in_flight.is_empty() => {
                    let line = self.shown_line(copy);
                    return Err(self.copies.running[copy].ended(line));
                }
                None if !it.in_flight.is_empty() && it.busy_since.elapsed() >= self.options.deadline => {
                    return Err(it.silent(self.shown_line(copy), self.options.deadline));
                }
                Some(Output::End) | None => return Ok(any),
            }
        }
    }

    fn wait(&self) {
        let busy = self.copies.running.iter().filter(|copy| !copy.in_flight.is_empty());
        let left = busy.map(|copy| self.options.deadline.saturating_sub(copy.busy_since.elapsed())).min();
        self.copies.wait(left.unwrap_or(STOP_CHECK).min(STOP_CHECK));
    }

    /// Takes one line, which must be the answer to the line whose turn it is.
    fn take(&mut self, copy: usize, line: &[u8]) -> Result<(), ProgramError> {
        let it = &self.copies.running[copy];
        let Some(due) = it.in_flight.front() else {
            return Err(it.extra(line));
        };
        if line.len() > self.options.line_bytes_max {
            return Err(it.too_long(self.shown_line(copy), line, self.options.line_bytes_max));
        }
        let id = due.id;
        let answer = answer::parse(line, id, || self.shown_line(copy))?;
        if let Content::Again(sample) = &due.content
            && sample.answer != answer
        {
            return Err(self.differs(copy, id, sample, &answer));
        }
        let shown = if it.in_flight.len() == 1 { self.shown_line(copy) } else { String::new() };
        let it = &mut self.copies.running[copy];
        let number = it.number;
        match it.answered(|| shown) {
            Content::First { place, sampled } => {
                if sampled || self.cache.is_some() {
                    let body = self.questions[place].body();
                    if let Some(cache) = &mut self.cache {
                        cache.keep(&body, &answer);
                    }
                    if sampled {
                        let origin = Origin::Copy(number);
                        self.sampler.answered(Sample { body, answer: answer.clone(), origin });
                    }
                }
                self.answers[place] = Some(answer);
            }
            Content::Again(sample) => self.sampler.confirmed(sample),
        }
        Ok(())
    }

    fn differs(&self, copy: usize, id: u64, sample: &Sample, answer: &Answer) -> ProgramError {
        let (first, second) = shorten_to_difference(&answer::text(&sample.answer), &answer::text(answer));
        let line = shorten(&question::line(id, &sample.body));
        match (sample.origin, &self.cache) {
            (Origin::Cache, Some(cache)) => ProgramError::Outdated {
                folder: cache.folder().display().to_string(),
                line,
                kept: first,
                answer: second,
            },
            (origin, _) => {
                let another = origin != Origin::Copy(self.copies.running[copy].number);
                let when = if self.second_run || another { " when it is run a second time" } else { "" };
                ProgramError::NotDeterministic { when, line, first, second }
            }
        }
    }

    fn body<'b>(&self, content: &'b Content) -> Cow<'b, str> {
        match content {
            Content::First { place, .. } => Cow::Owned(self.questions[*place].body()),
            Content::Again(sample) => Cow::Borrowed(&sample.body),
        }
    }

    /// The first line without an answer, for an error.
    fn shown_line(&self, copy: usize) -> String {
        let due = self.copies.running[copy].in_flight.front().expect("an answer is due");
        shorten(&question::line(due.id, &self.body(&due.content)))
    }
}
