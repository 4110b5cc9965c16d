use std::io::{ErrorKind, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{LastOutput, ProgramError, shorten, visible};
use threeworlds_launch as launch;

/// A running program with a thread for each of its three pipes, so that no pipe that is full can stop the
/// work. It runs in a process group of its own (on Unix): Ctrl-C on the terminal does not reach it, and what
/// it started itself ends with it. When this is dropped, the group and the threads are gone.
#[derive(Debug)]
pub(crate) struct RunningProgram {
    child: Child,
    /// Whether the child was waited for, so that its id may belong to somebody else by now.
    reaped: bool,
    /// Lines for stdin; dropped to close it.
    input: Option<Sender<Vec<u8>>>,
    output: Receiver<Output>,
    /// Raised to write nothing more of what waits for stdin.
    discard_input: Arc<AtomicBool>,
    unfinished: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    stderr_thread: JoinHandle<()>,
    threads: Vec<JoinHandle<()>>,
}

/// What comes from stdout.
#[derive(Debug)]
pub(crate) enum Output {
    /// Whole lines, each with its end.
    Lines(Vec<u8>),
    /// The beginning of a line that is longer than allowed. Nothing is read after it.
    TooLong(Vec<u8>),
    /// The end of stdout.
    End,
}

/// How long a program may take to end by itself when its stdin is closed, and again when it is asked to.
const GRACE: Duration = Duration::from_millis(200);
/// How long to wait for an exit status when stdout has ended.
const STATUS_WAIT: Duration = Duration::from_secs(1);
/// How much of stderr is kept.
const STDERR_BYTES_MAX: usize = 4096;
/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;
/// How many reads may wait to be parsed.
const READS_WAITING_MAX: usize = 4;

impl RunningProgram {
    /// `bell` is rung whenever there is something to receive.
    pub(crate) fn start(
        command: &[String],
        line_bytes_max: usize,
        bell: SyncSender<()>,
    ) -> Result<Self, ProgramError> {
        let (program, arguments) = command.split_first().ok_or(ProgramError::NoCommand)?;
        if program.is_empty() {
            return Err(ProgramError::NoCommand);
        }
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| launch::diagnose(program, error))?;
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr_pipe = child.stderr.take().expect("stderr is piped");

        let (input, lines) = channel();
        let (answers, output) = sync_channel(READS_WAITING_MAX);
        let discard_input = Arc::new(AtomicBool::new(false));
        let unfinished = Arc::new(Mutex::new(Vec::new()));
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let writer = {
            let discard = Arc::clone(&discard_input);
            std::thread::spawn(move || write_lines(stdin, &lines, &discard))
        };
        let reader = {
            let unfinished = Arc::clone(&unfinished);
            std::thread::spawn(move || {
                read_lines(stdout, line_bytes_max, &answers, &bell, &unfinished);
                // Nobody receives any more, or what was sent last is the end.
                drop(answers);
                let _ = bell.try_send(());
            })
        };
        let stderr_thread = {
            let stderr = Arc::clone(&stderr);
            std::thread::spawn(move || keep_last(stderr_pipe, &stderr))
        };
        Ok(RunningProgram {
            child,
            reaped: false,
            input: Some(input),
            output,
            discard_input,
            unfinished,
            stderr,
            stderr_thread,
            threads: vec![writer, reader],
        })
    }

    /// Sends lines to stdin, without waiting. A program that ended is found when its answers are received.
    pub(crate) fn send(&self, lines: Vec<u8>) {
        let input = self.input.as_ref().expect("nothing is sent after stdin was closed");
        let _ = input.send(lines);
    }

    /// The next from stdout, or nothing within this time.
    pub(crate) fn receive(&self, wait: Duration) -> Option<Output> {
        match self.output.recv_timeout(wait) {
            Ok(output) => Some(output),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Output::End),
        }
    }

    /// What has come from stdout by now.
    pub(crate) fn receive_now(&self) -> Option<Output> {
        match self.output.try_recv() {
            Ok(output) => Some(output),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Output::End),
        }
    }

    /// Closes stdin: the program is to end.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// How the program ended, when its stdout has: its exit status or its signal.
    pub(crate) fn how_it_ended(&mut self) -> String {
        let end = Instant::now() + STATUS_WAIT;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    // At once: as long as one of the group lives, the group's id cannot be anybody else's.
                    signal_group(&mut self.child, Severity::Kill);
                    self.reaped = true;
                    return status.to_string();
                }
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(2)),
                Ok(None) => return "it closed its stdout and still runs".to_owned(),
                Err(error) => return format!("its exit status is unknown: {error}"),
            }
        }
    }

    /// What it wrote last. After its end, everything it wrote on stderr is in.
    pub(crate) fn last_output(&self) -> LastOutput {
        if self.reaped {
            wait_until(GRACE, || self.stderr_thread.is_finished());
        }
        let unfinished = {
            let bytes = locked(&self.unfinished);
            if bytes.is_empty() { String::new() } else { shorten(&String::from_utf8_lossy(&bytes)) }
        };
        LastOutput { unfinished, stderr: self.stderr() }
    }

    /// The last that it wrote on stderr, without a line that is cut at its beginning.
    pub(crate) fn stderr(&self) -> String {
        let bytes = locked(&self.stderr);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end();
        let cut = bytes.len() >= STDERR_BYTES_MAX;
        let whole = text.find('\n').filter(|_| cut).map_or(text, |end| &text[end + 1..]);
        whole.lines().map(|line| line.chars().map(visible).collect::<String>() + "\n").collect()
    }

    /// Takes what still comes from stdout; whether its end came within the time.
    fn drain(&self, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        loop {
            match self.receive(end.saturating_duration_since(Instant::now())) {
                Some(Output::End | Output::TooLong(_)) => return true,
                Some(Output::Lines(_)) if Instant::now() < end => {}
                Some(Output::Lines(_)) | None => return false,
            }
        }
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        self.discard_input.store(true, Ordering::Relaxed);
        self.close_input();
        if !self.reaped {
            // The end of stdout stands for the end of the program, which can be waited for only once: the
            // group must be signalled before, while its id is surely its own.
            if !self.drain(GRACE) {
                signal_group(&mut self.child, Severity::Ask);
                self.drain(GRACE);
            }
            signal_group(&mut self.child, Severity::Kill);
            let _ = self.child.wait();
            self.reaped = true;
        }
        // A reader that has more than the channel holds must get rid of it before it can end.
        wait_until(STATUS_WAIT, || {
            while let Ok(Output::Lines(_) | Output::TooLong(_)) = self.output.try_recv() {}
            self.threads.iter().all(JoinHandle::is_finished) && self.stderr_thread.is_finished()
        });
        // A thread that still waits does so for a pipe that a process outside of the group holds open; it
        // ends with that process, and nothing else waits for it.
        for thread in self.threads.drain(..).filter(JoinHandle::is_finished) {
            let _ = thread.join();
        }
    }
}

enum Severity {
    Ask,
    Kill,
}

#[cfg(unix)]
fn signal_group(child: &mut Child, severity: Severity) {
    use nix::sys::signal::{Signal, killpg};
    use nix::unistd::Pid;

    let signal = match severity {
        Severity::Ask => Signal::SIGTERM,
        Severity::Kill => Signal::SIGKILL,
    };
    let group = i32::try_from(child.id()).expect("a process id is a positive i32");
    assert!(group > 1, "0 and 1 would not be the group of one program");
    // It fails when nobody of the group is left, which is what is wanted.
    let _ = killpg(Pid::from_raw(group), signal);
    if matches!(severity, Severity::Kill) {
        // Whatever became of the group, the wait for the program itself must come to an end.
        let _ = child.kill();
    }
}

#[cfg(not(unix))]
fn signal_group(child: &mut Child, severity: Severity) {
    match severity {
        Severity::Ask => {}
        Severity::Kill => {
            let _ = child.kill();
        }
    }
}

fn wait_until(wait: Duration, condition: impl Fn() -> bool) {
    let end = Instant::now() + wait;
    while !condition() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes to stdin until there is nothing more to come or the program reads no more.
fn write_lines(mut stdin: ChildStdin, lines: &Receiver<Vec<u8>>, discard: &AtomicBool) {
    for chunk in lines {
        if discard.load(Ordering::Relaxed) || stdin.write_all(&chunk).is_err() {
            return;
        }
    }
}

/// Cuts stdout into whole lines until its end, or until a line is too long or nobody receives.
fn read_lines(
    mut stdout: ChildStdout,
    line_bytes_max: usize,
    output: &SyncSender<Output>,
    bell: &SyncSender<()>,
    unfinished: &Mutex<Vec<u8>>,
) {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = match stdout.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => &buffer[..length],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let mut pending = locked(unfinished);
        let first_end = read.iter().position(|&byte| byte == b'\n').unwrap_or(read.len());
        if pending.len() + first_end > line_bytes_max {
            pending.extend_from_slice(&read[..first_end]);
            pending.truncate(READ_BYTES);
            let beginning = std::mem::take(&mut *pending);
            drop(pending);
            let _ = output.send(Output::TooLong(beginning));
            return;
        }
        let whole = read.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        if whole == 0 {
            pending.extend_from_slice(read);
            continue;
        }
        let mut lines = std::mem::take(&mut *pending);
        lines.extend_from_slice(&read[..whole]);
        pending.extend_from_slice(&read[whole..]);
        drop(pending);
        if output.send(Output::Lines(lines)).is_err() {
            return;
        }
        // One ring that waits is as good as many.
        let _ = bell.try_send(());
    }
    let _ = output.send(Output::End);
}

/// Reads stderr to its end and keeps the last of it.
fn keep_last(mut stderr: ChildStderr, kept: &Mutex<Vec<u8>>) {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match stderr.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => {
                let mut kept = locked(kept);
                kept.extend_from_slice(&buffer[length.saturating_sub(STDERR_BYTES_MAX)..length]);
                let surplus = kept.len().saturating_sub(STDERR_BYTES_MAX);
                kept.drain(..surplus);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
