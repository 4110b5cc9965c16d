use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::sync::{Notify, mpsc};

use crate::guardian;

/// A running node behind its guardian. When this is dropped, the node and all that it started are gone.
#[derive(Debug)]
pub(crate) struct Node {
    guardian: Child,
    /// Commands to the guardian; `None` once it was told that nobody needs it any more.
    control: Option<std::os::unix::net::UnixStream>,
    /// The node's process id, as soon as it is known.
    pub(crate) pid: Option<i32>,
    outbox: Arc<Outbox>,
    reaped: bool,
}

/// What comes from a node and its guardian.
#[derive(Debug)]
pub(crate) struct FromNode {
    /// The node, from 1.
    pub(crate) node: u16,
    /// Which of its processes, from 1.
    pub(crate) incarnation: u32,
    pub(crate) what: Sign,
}

/// A sign of life or of death.
#[derive(Debug)]
pub(crate) enum Sign {
    /// Bytes from its stdout.
    Output(Vec<u8>),
    /// It runs.
    Started(i32),
    /// It could not be started, for this reason of the system.
    Failed(i32),
    /// It was paused, and does nothing any more.
    Paused,
    /// It goes on.
    Resumed,
    /// It has ended, and so has all that it started.
    Exited(String),
    /// The guardian has nothing more to say.
    Gone,
    /// The guardian could not do its work.
    Broken(String),
}

/// How much is read from a node at once.
const READ_BYTES: usize = 64 * 1024;
/// How much may wait for a node that does not read.
const OUTBOX_BYTES_MAX: usize = 8 << 20;
/// How long a guardian may take to end when everything has to go.
const GUARDIAN_WAIT: Duration = Duration::from_secs(10);

impl Node {
    /// Starts a node. Must be called within a runtime with input and output.
    pub(crate) fn start(
        node: u16,
        incarnation: u32,
        command: &[OsString],
        guardian: &[OsString],
        stderr: (&Path, u64),
        signs: &mpsc::Sender<FromNode>,
    ) -> io::Result<Node> {
        let (program, arguments) = guardian.split_first().expect("the options were checked");
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        let mut guardian = Command::new(program)
            .args(arguments)
            .args(guardian::arguments(stderr.0, stderr.1, command))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(OwnedFd::from(theirs))
            .process_group(0)
            .spawn()?;
        let stdin = guardian.stdin.take().expect("stdin is piped");
        let stdout = guardian.stdout.take().expect("stdout is piped");
        let outbox = Arc::new(Outbox::default());
        // From here on dropping this ends the guardian.
        let node_process = Node {
            guardian,
            control: Some(ours.try_clone()?),
            pid: None,
            outbox: Arc::clone(&outbox),
            reaped: false,
        };
        ours.set_nonblocking(true)?;
        let reports = tokio::net::UnixStream::from_std(ours)?;
        let stdin = pipe::Sender::from_owned_fd(stdin.into())?;
        let stdout = pipe::Receiver::from_owned_fd(stdout.into())?;
        let sign = {
            let signs = signs.clone();
            move |what| {
                let signs = signs.clone();
                async move { signs.send(FromNode { node, incarnation, what }).await.is_ok() }
            }
        };
        tokio::spawn(write_lines(stdin, outbox));
        {
            let sign = sign.clone();
            tokio::spawn(async move {
                let mut stdout = stdout;
                loop {
                    let mut buffer = Vec::with_capacity(READ_BYTES);
                    match stdout.read_buf(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(_) if sign(Sign::Output(buffer)).await => {}
                        Ok(_) => return,
                    }
                }
            });
        }
        tokio::spawn(async move {
            let mut lines = BufReader::new(reports).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
                let what = match word {
                    "started" => Sign::Started(rest.parse().unwrap_or(0)),
                    "failed" => Sign::Failed(rest.parse().unwrap_or(0)),
                    "paused" => Sign::Paused,
                    "resumed" => Sign::Resumed,
                    "exited" => Sign::Exited(rest.to_owned()),
                    _ => Sign::Broken(line),
                };
                if !sign(what).await {
                    return;
                }
            }
            sign(Sign::Gone).await;
        });
        Ok(node_process)
    }

    /// Hands a line to the node's stdin, or not if too much is waiting there.
    pub(crate) fn send(&self, line: &[u8]) -> bool {
        self.outbox.push(line)
    }

    /// Tells the guardian something: `pause`, `resume` or `kill`.
    pub(crate) fn tell(&mut self, command: &str) {
        if let Some(control) = &mut self.control {
            // It fails when the guardian has ended, which it does after the node.
            let _ = control.write_all(format!("{command}\n").as_bytes());
        }
    }

    /// The guardian said that the node has ended, so that its id may belong to somebody else by now.
    pub(crate) fn has_ended(&mut self) {
        self.pid = None;
    }

    /// Closes stdin, so that the node ends by itself within the grace; then it is asked to, then killed.
    pub(crate) fn end(&mut self, grace: Duration) {
        self.outbox.close();
        self.tell(&format!("end {}", grace.as_millis()));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.outbox.close();
        if self.reaped {
            return;
        }
        self.tell("kill");
        if let Some(control) = self.control.take() {
            // The runtime's half may live on in a task.
            let _ = control.shutdown(std::net::Shutdown::Both);
        }
        let end = Instant::now() + GUARDIAN_WAIT;
        loop {
            match self.guardian.try_wait() {
                Ok(Some(status)) => {
                    if !status.success()
                        && let Some(pid) = self.pid.filter(|&pid| pid > 1)
                    {
                        // The guardian was killed, so what it guarded may have survived.
                        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
                    }
                    break;
                }
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(1)),
                Ok(None) => {
                    if let Some(pid) = self.pid.filter(|&pid| pid > 1) {
                        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
                    }
                    let _ = self.guardian.kill();
                    let _ = self.guardian.wait();
                    break;
                }
                Err(_) => break,
            }
        }
        self.reaped = true;
    }
}

/// What waits for a node's stdin.
#[derive(Debug, Default)]
struct Outbox {
    state: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// How much was taken to be written and is not in the pipe yet.
    writing: usize,
    closed: bool,
}

impl Outbox {
    fn push(&self, line: &[u8]) -> bool {
        let mut waiting = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.closed || waiting.bytes.len() + waiting.writing + line.len() > OUTBOX_BYTES_MAX {
            return false;
        }
        waiting.bytes.extend_from_slice(line);
        self.changed.notify_one();
        true
    }

    fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_one();
    }

    /// What waits; `None` when there will be nothing more.
    fn take(&self) -> Option<Vec<u8>> {
        let mut waiting = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.closed {
            return None;
        }
        let bytes = std::mem::take(&mut waiting.bytes);
        waiting.writing = bytes.len();
        Some(bytes)
    }
}

async fn write_lines(mut stdin: pipe::Sender, outbox: Arc<Outbox>) {
    while let Some(bytes) = outbox.take() {
        if bytes.is_empty() {
            outbox.changed.notified().await;
            continue;
        }
        // A node that is closed while it does not read must not keep its pipe open.
        let mut written = 0;
        while written < bytes.len() {
            let ready = tokio::time::timeout(Duration::from_millis(50), stdin.write(&bytes[written..])).await;
            match ready {
                Ok(Ok(length)) => written += length,
                Ok(Err(_)) => return,
                Err(_) if outbox.state.lock().unwrap_or_else(PoisonError::into_inner).closed => return,
                Err(_) => {}
            }
        }
    }
}
