use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use threeworlds_model::Process;

use super::LabError;
use super::command::{Ended, LabSignal, Output};
use super::wire::{Answer, Ask, Problem, Request, Say};

/// A process of a lab that runs on. It ends with the lab at the latest, not when this is dropped.
#[derive(Debug, Clone)]
pub struct LabProcess {
    pub(super) process: u64,
    pub(super) host: Process,
    pub(super) session: Arc<Session>,
}

impl LabProcess {
    /// Where it runs.
    pub fn host(&self) -> Process {
        self.host
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        locked(&self.session.running).get(&self.process).copied()
    }

    /// Sends a signal to it and its process group; nothing happens if it has ended.
    ///
    /// # Errors
    /// If the lab is gone.
    pub fn signal(&self, signal: LabSignal) -> Result<(), LabError> {
        self.session.ask(Ask::Signal { process: self.process, signal }).and_then(done)
    }

    /// Waits for its end, at most so long. How it ended, if it has.
    pub fn wait(&self, at_most: Duration) -> Option<Ended> {
        let running = locked(&self.session.running);
        let (running, _) = self
            .session
            .changed
            .wait_timeout_while(running, at_most, |ended| !ended.contains_key(&self.process))
            .unwrap_or_else(PoisonError::into_inner);
        running.get(&self.process).copied()
    }
}

/// A command that runs to its end.
#[derive(Debug)]
pub struct LabRun {
    pub(super) host: Process,
    pub(super) answer: Receiver<Answer>,
    pub(super) session: Arc<Session>,
}

impl LabRun {
    /// Waits for its end.
    ///
    /// # Errors
    /// As [`Lab::run`](super::Lab::run).
    pub fn wait(self) -> Result<Output, LabError> {
        match self.answer.recv() {
            Ok(answer) => self.output(answer),
            Err(_) => Err(self.session.gone()),
        }
    }

    /// What came of it, once it has ended; after that it must not be asked again.
    ///
    /// # Errors
    /// As [`Lab::run`](super::Lab::run).
    pub fn try_wait(&self) -> Result<Option<Output>, LabError> {
        match self.answer.try_recv() {
            Ok(answer) => self.output(answer).map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(self.session.gone()),
        }
    }

    fn output(&self, answer: Answer) -> Result<Output, LabError> {
        match answer {
            Answer::Output(output) => Ok(output),
            Answer::Failed(problem) => Err(at(problem.into(), self.host)),
            other => Err(unexpected(&other)),
        }
    }
}

/// What is said between a lab and its keeper.
#[derive(Debug)]
pub(super) struct Session {
    stdin: Mutex<Option<ChildStdin>>,
    waiting: Mutex<Waiting>,
    /// How processes that have ended did.
    running: Mutex<BTreeMap<u64, Ended>>,
    changed: Condvar,
    next: AtomicU64,
    owner: PathBuf,
}

#[derive(Debug)]
struct Waiting {
    answers: BTreeMap<u64, Sender<Answer>>,
    /// Why nobody answers any more.
    gone: Option<String>,
}

impl Session {
    /// With a keeper that writes its last words into this file.
    pub(super) fn new(stdin: ChildStdin, owner: PathBuf) -> Session {
        Session {
            stdin: Mutex::new(Some(stdin)),
            waiting: Mutex::new(Waiting { answers: BTreeMap::new(), gone: None }),
            running: Mutex::default(),
            changed: Condvar::new(),
            next: AtomicU64::new(1),
            owner,
        }
    }

    /// Closes the pipe to the keeper, which is the end of everything.
    pub(super) fn close(&self) {
        *locked(&self.stdin) = None;
    }

    pub(super) fn ask(&self, ask: Ask) -> Result<Answer, LabError> {
        match self.send(ask)?.recv() {
            Ok(Answer::Failed(problem)) => Err(problem.into()),
            Ok(answer) => Ok(answer),
            Err(_) => Err(self.gone()),
        }
    }

    pub(super) fn send(&self, ask: Ask) -> Result<Receiver<Answer>, LabError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answers) = channel();
        {
            let mut waiting = locked(&self.waiting);
            if waiting.gone.is_some() {
                drop(waiting);
                return Err(self.gone());
            }
            waiting.answers.insert(id, answer);
        }
        let mut line = serde_json::to_vec(&Request { id, ask }).expect("a request can be written");
        line.push(b'\n');
        let mut stdin = locked(&self.stdin);
        // A keeper that has ended says why on its other pipe.
        let written = stdin.as_mut().map(|stdin| stdin.write_all(&line));
        drop(stdin);
        if !matches!(written, Some(Ok(()))) {
            locked(&self.waiting).answers.remove(&id);
            return Err(self.gone());
        }
        Ok(answers)
    }

    pub(super) fn listen(&self, stdout: ChildStdout, first: &Sender<Problem>) {
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { break };
            match serde_json::from_str(&line) {
                Ok(Say::Answer { id, answer }) => {
                    if let Some(sender) = locked(&self.waiting).answers.remove(&id) {
                        let _ = sender.send(answer);
                    }
                }
                Ok(Say::Ended { process, ended }) => {
                    locked(&self.running).insert(process, ended);
                    self.changed.notify_all();
                }
                Ok(Say::Failed(problem)) => {
                    let _ = first.send(problem);
                }
                Err(error) => {
                    locked(&self.waiting).gone = Some(format!("its keeper said what is no answer: {error}"));
                    break;
                }
            }
        }
        let mut waiting = locked(&self.waiting);
        waiting.gone.get_or_insert_with(String::new);
        // Whoever waits learns that nobody answers.
        waiting.answers.clear();
    }

    fn gone(&self) -> LabError {
        LabError::Gone { why: self.why_gone() }
    }

    pub(super) fn why_gone(&self) -> String {
        let said = locked(&self.waiting).gone.clone().unwrap_or_default();
        let text = std::fs::read_to_string(&self.owner).unwrap_or_default();
        let words: Vec<&str> = text.lines().skip(2).filter(|line| !line.trim().is_empty()).collect();
        match (said.is_empty(), words.is_empty()) {
            (false, _) => said,
            (true, false) => words[words.len().saturating_sub(5)..].join("; "),
            (true, true) => "its keeper ended without a word".to_owned(),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn done(answer: Answer) -> Result<(), LabError> {
    match answer {
        Answer::Done => Ok(()),
        other => Err(unexpected(&other)),
    }
}

pub(super) fn unexpected(answer: &Answer) -> LabError {
    LabError::Gone { why: format!("its keeper gave an answer to another question: {answer:?}") }
}

pub(super) fn at(error: LabError, at: Process) -> LabError {
    match error {
        LabError::Start { program, why, .. } => LabError::Start { program, why, host: at },
        other => other,
    }
}

impl From<Problem> for LabError {
    fn from(problem: Problem) -> LabError {
        match problem {
            Problem::MissingTool { tool, package } => LabError::MissingTool { tool, package },
            Problem::Kernel { what, why, hint } => LabError::Kernel { what, why, hint },
            // Whoever asked knows where.
            Problem::Start { program, why } => LabError::Start { program, why, host: Process::Server(1) },
            Problem::Network { why } => LabError::Network(why),
        }
    }
}
