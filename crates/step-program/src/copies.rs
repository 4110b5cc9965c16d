use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use crate::error::{ProgramError, shorten};
use crate::process::{Output, RunningProgram};
use crate::sample::Sample;

/// Copies of one program that run at the same time. Each is asked lines of its own, with ids of its own.
#[derive(Debug)]
pub(crate) struct Copies {
    pub(crate) running: Vec<Copy>,
    /// Rung by a copy that says something.
    bell: Receiver<()>,
    ringer: SyncSender<()>,
    started: usize,
}

/// One of them, and the lines that it has yet to answer.
#[derive(Debug)]
pub(crate) struct Copy {
    /// Tells it from every other copy that was ever started.
    pub(crate) number: usize,
    pub(crate) program: RunningProgram,
    pub(crate) in_flight: VecDeque<InFlight>,
    pub(crate) bytes_in_flight: usize,
    /// When it gave its last answer, or was asked with nothing else to answer.
    pub(crate) busy_since: Instant,
    next_id: u64,
    /// The last line that was answered, shortened.
    last_line: String,
}

/// A line that waits for its answer.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) id: u64,
    pub(crate) bytes: usize,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// The question at this place of the list, for the first time.
    First { place: usize, sampled: bool },
    /// A question that was answered before.
    Again(Sample),
}

impl Copies {
    pub(crate) fn new() -> Self {
        let (ringer, bell) = sync_channel(1);
        Copies { running: Vec::new(), bell, ringer, started: 0 }
    }

    /// Starts copies until so many run.
    pub(crate) fn start(
        &mut self,
        count: usize,
        command: &[String],
        line_bytes_max: usize,
    ) -> Result<(), ProgramError> {
        while self.running.len() < count {
            let program = RunningProgram::start(command, line_bytes_max, self.ringer.clone())?;
            self.running.push(Copy {
                number: self.started,
                program,
                in_flight: VecDeque::new(),
                bytes_in_flight: 0,
                busy_since: Instant::now(),
                next_id: 0,
                last_line: String::new(),
            });
            self.started += 1;
        }
        Ok(())
    }

    /// Waits until a copy says something, or for so long.
    pub(crate) fn wait(&self, wait: Duration) {
        match self.bell.recv_timeout(wait) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => unreachable!("this has a ringer itself"),
        }
    }
}

impl Copy {
    /// Whether it was ever asked anything.
    pub(crate) fn was_asked(&self) -> bool {
        self.next_id > 0
    }

    /// Notes that a line is sent, and gives its id.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Takes the line whose turn it is off the list; `shown` is that line, for errors to come.
    pub(crate) fn answered(&mut self, shown: impl FnOnce() -> String) -> Content {
        if self.in_flight.len() == 1 {
            self.last_line = shown();
        }
        let due = self.in_flight.pop_front().expect("an answer was due");
        self.bytes_in_flight -= due.bytes;
        due.content
    }

    /// For a line, or the beginning of one, that comes when no answer is due.
    pub(crate) fn extra(&self, lines: &[u8]) -> ProgramError {
        let first = lines.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = if self.next_id == 0 { "(none yet)".to_owned() } else { self.last_line.clone() };
        ProgramError::Extra { line, answer: shorten(&String::from_utf8_lossy(first)) }
    }

    /// What it has said by now.
    pub(crate) fn receive_now(&self) -> Option<Output> {
        self.program.receive_now()
    }

    pub(crate) fn too_long(&self, line: String, beginning: &[u8], bytes_max: usize) -> ProgramError {
        ProgramError::TooLong { bytes_max, line, answer: shorten(&String::from_utf8_lossy(beginning)) }
    }

    pub(crate) fn silent(&self, line: String, deadline: Duration) -> ProgramError {
        let output = self.program.last_output();
        let hint = if output.unfinished.is_empty() {
            "flush stdout after each line, in Python with print(..., flush=True), and read stdin line by line; \
             if one step takes that long, raise the deadline"
        } else {
            "end each answer with a newline and flush stdout after it"
        };
        ProgramError::Silent { deadline, line, output, hint }
    }

    pub(crate) fn ended(&mut self, line: String) -> ProgramError {
        let how = self.program.how_it_ended();
        let output = self.program.last_output();
        let hint = if how == "exit status: 0" || how == "exit code: 0" {
            "read lines until the end of stdin, answer each, and end only then"
        } else {
            "run the command by hand and type the line to see it fail"
        };
        ProgramError::Ended { how, line, output, hint }
    }
}
