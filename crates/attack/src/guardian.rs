//! The guardian of a node: a small process of our own that starts the node, watches over it, and ends it and
//! all that it started when it is told to, or when whoever started the guardian is gone, however that
//! happened. On Linux that covers processes that left the node's group or were orphaned; elsewhere the
//! process group alone. Only a guardian that is itself killed without warning can leave orphans behind.
//!
//! Its stdin and stdout become those of the node. Its stderr is a socket to whoever started it: commands come
//! in, reports go out, a line each, and its end means that the other side is gone.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Runs as a guardian, with the arguments that [`arguments`] made, until the node and all that it started
/// have ended. The binary that is named in [`Options::guardian`](crate::Options) calls this.
pub fn guard(arguments: &[OsString]) -> ExitCode {
    match watch_over(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody but the other side of the socket reads this.
            eprintln!("broken {error}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments of a guardian: where the node's stderr goes, how much of it is kept, and the command.
pub(crate) fn arguments(stderr: &Path, stderr_bytes_max: u64, command: &[OsString]) -> Vec<OsString> {
    let mut arguments = vec![stderr.into(), stderr_bytes_max.to_string().into(), "--".into()];
    arguments.extend_from_slice(command);
    arguments
}

fn watch_over(arguments: &[OsString]) -> io::Result<()> {
    let wrong = || {
        io::Error::other(
            "this starts the nodes of an attack, and is of no use on its own: see `attack --help`",
        )
    };
    let [stderr, bytes_max, dashes, program, rest @ ..] = arguments else { return Err(wrong()) };
    let bytes_max: u64 = bytes_max.to_str().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    if dashes != OsStr::new("--") {
        return Err(wrong());
    }
    // Orphans of the node become children of this process, and not of the system's first.
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true)?;
    let control = UnixStream::from(io::stderr().as_fd().try_clone_to_owned()?);

    let mut command = Command::new(program);
    command.args(rest).stderr(Stdio::piped()).process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            say(&control, &format!("failed {}", error.raw_os_error().unwrap_or(0)));
            return Ok(());
        }
    };
    // After the node was started, which would inherit it, and before there are threads, so that `wait` below
    // gets these signals.
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block()?;
    // The node alone holds its pipes, so that the other side sees when it closes them.
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    let node = Pid::from_raw(i32::try_from(child.id()).expect("a process id is a positive i32"));
    assert!(node.as_raw() > 1, "0 and 1 would not be the group of one program");
    let log = Log::open(stderr.into(), bytes_max)?;
    let pipe = child.stderr.take().expect("stderr is piped");
    let stderr_thread = std::thread::spawn(move || log.keep(pipe));
    say(&control, &format!("started {node}"));

    let shared = Arc::new(Shared {
        node,
        control: control.try_clone()?,
        ended: Mutex::new(false),
        changed: Condvar::new(),
    });
    {
        let shared = Arc::clone(&shared);
        let commands = control.try_clone()?;
        std::thread::spawn(move || shared.obey(commands));
    }
    let status = loop {
        // First without a signal: the node may have ended before they were blocked.
        if let Some(status) = shared.reap() {
            break status;
        }
        if signals.wait()? != Signal::SIGCHLD {
            shared.signal(Signal::SIGKILL);
        }
    };
    sweep();
    // Every writer is gone, so this ends.
    let end = Instant::now() + SWEEP_WAIT;
    while !stderr_thread.is_finished() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    say(&control, &format!("exited {status}"));
    Ok(())
}

/// How long the last processes may take to end after they were killed.
const SWEEP_WAIT: Duration = Duration::from_secs(5);

fn say(mut control: &UnixStream, line: &str) {
    // If nobody listens any more, the end of the socket brings everything to its end.
    let _ = control.write_all(format!("{line}\n").as_bytes());
}

struct Shared {
    node: Pid,
    control: UnixStream,
    /// Whether the node was waited for, so that its id may belong to somebody else by now.
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Shared {
    fn obey(&self, commands: UnixStream) {
        for line in BufReader::new(commands).lines() {
            let Ok(line) = line else { break };
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("pause", _) => self.signal(Signal::SIGSTOP),
                ("resume", _) => {
                    self.signal(Signal::SIGCONT);
                    say(&self.control, "resumed");
                }
                ("kill", _) => self.signal(Signal::SIGKILL),
                ("end", milliseconds) => {
                    let grace = Duration::from_millis(milliseconds.parse().unwrap_or(0));
                    if !self.ended_within(grace) {
                        self.signal(Signal::SIGTERM);
                        self.signal(Signal::SIGCONT);
                    }
                    if !self.ended_within(grace) {
                        self.signal(Signal::SIGKILL);
                    }
                }
                _ => {}
            }
        }
        self.signal(Signal::SIGKILL);
    }

    /// Sends a signal to the node's group, if the node has not been waited for.
    fn signal(&self, signal: Signal) {
        let ended = self.locked();
        if !*ended {
            let _ = killpg(self.node, signal);
            if signal == Signal::SIGKILL {
                // Also if it left its group.
                let _ = kill(self.node, signal);
            }
        }
    }

    fn ended_within(&self, wait: Duration) -> bool {
        let (ended, _) = self
            .changed
            .wait_timeout_while(self.locked(), wait, |ended| !*ended)
            .unwrap_or_else(PoisonError::into_inner);
        *ended
    }

    /// Waits for all children that have ended. How the node ended, if it did.
    fn reap(&self) -> Option<String> {
        let mut ended = self.locked();
        let mut status = None;
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)) {
                Ok(WaitStatus::Stopped(pid, _)) if pid == self.node => say(&self.control, "paused"),
                Ok(WaitStatus::Exited(pid, code)) if pid == self.node => {
                    status = Some(format!("exit status: {code}"));
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == self.node => {
                    status = Some(format!("signal: {signal}"));
                }
                Ok(WaitStatus::StillAlive) | Err(_) => break,
                Ok(_) => {}
            }
        }
        if status.is_some() {
            // At once: as long as one of the group lives, the group's id cannot be anybody else's.
            let _ = killpg(self.node, Signal::SIGKILL);
            *ended = true;
            self.changed.notify_all();
        }
        status
    }

    fn locked(&self) -> MutexGuard<'_, bool> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kills what the node left behind, until nothing is left.
fn sweep() {
    let end = Instant::now() + SWEEP_WAIT;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            // Each orphan becomes a child of this process when its parent has ended: no child, no orphan.
            Err(nix::errno::Errno::ECHILD) => return,
            Ok(WaitStatus::StillAlive) if Instant::now() < end => {
                for child in children() {
                    let _ = kill(child, Signal::SIGKILL);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(WaitStatus::StillAlive) => return,
            _ => {}
        }
    }
}

/// The children of this process. None of their ids can be reused before they are waited for, and only the
/// caller does that.
fn children() -> Vec<Pid> {
    let me = std::process::id().to_string();
    let Ok(folder) = std::fs::read_dir("/proc") else { return Vec::new() };
    folder
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read(entry.path().join("stat")).ok()?;
            // The name in parentheses may contain anything; after it come the state and the parent.
            let after_name = stat.iter().rposition(|&byte| byte == b')')?;
            let rest = String::from_utf8_lossy(&stat[after_name + 1..]).into_owned();
            (rest.split_whitespace().nth(1)? == me).then(|| Pid::from_raw(pid))
        })
        .collect()
}

/// Where a node's stderr is kept: in a file, and when that has half of the allowed size, the file is put aside
/// as `.old` in place of the one before. So the last half at least is always there.
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    written: u64,
    bytes_max: u64,
}

impl Log {
    pub(crate) fn open(path: PathBuf, bytes_max: u64) -> io::Result<Log> {
        let file = OpenOptions::new().append(true).create(true).open(&path)?;
        let written = file.metadata()?.len();
        Ok(Log { path, file, written, bytes_max })
    }

    /// Reads to the end. What cannot be written is dropped: the node must never wait for its logs.
    pub(crate) fn keep(mut self, mut pipe: impl Read) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => {
                    if self.written + length as u64 > self.bytes_max / 2 && self.written > 0 {
                        let mut old = self.path.clone().into_os_string();
                        old.push(".old");
                        let _ = std::fs::rename(&self.path, &old);
                        if let Ok(file) = File::create(&self.path) {
                            self.file = file;
                            self.written = 0;
                        }
                    }
                    let _ = self.file.write_all(&buffer[..length]);
                    self.written += length as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}
