use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::outbox::Outbox;
use crate::wire::{Envelope, shown};

/// The half of a connection from which lines come.
pub(super) struct Lines {
    reader: BufReader<OwnedReadHalf>,
    line: Vec<u8>,
    /// How long a line may be, without its end.
    pub(super) bytes_max: usize,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("it closed the connection")]
    Closed,
    #[error("nothing was heard for {} s", .0.as_secs_f64())]
    Silent(Duration),
    #[error("it is not reached within {} s", .0.as_secs_f64())]
    NotReached(Duration),
    #[error("a line is longer than {0} bytes")]
    TooLong(usize),
    #[error("a line is no message ({why}): {line}")]
    NoMessage { why: String, line: String },
    #[error("it says what it may not say here: {0}")]
    OutOfPlace(String),
    #[error("it refuses this server: {0}")]
    Refused(String),
    #[error("there are too many clients")]
    TooManyClients,
    #[error("{0}")]
    Network(#[from] io::Error),
}

/// How long a line of a stranger or a client may be, without its end.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;
/// How long a line of another server may be: a server that was left behind is sent the whole state.
pub(super) const SERVER_LINE_BYTES_MAX: usize = 16 << 20;
/// How long the end of a connection may take.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How much of a line that is no message is shown.
const SHOWN: usize = 120;

/// Both halves of a connection.
pub(super) fn halves(stream: TcpStream) -> (Lines, OwnedWriteHalf) {
    // Rounds are short, and their messages small.
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    (Lines { reader: BufReader::new(read), line: Vec::new(), bytes_max: LINE_BYTES_MAX }, write)
}

/// Writes one message.
pub(super) async fn write_line(
    write: &mut OwnedWriteHalf,
    envelope: &Envelope,
    patience: Duration,
) -> Result<(), Ended> {
    let line = envelope.line() + "\n";
    Ok(timeout(patience, write.write_all(line.as_bytes())).await.map_err(|_| Ended::Silent(patience))??)
}

/// A task that writes what comes into an outbox. It ends when a line cannot be written for `patience`, and
/// when this is dropped; both close that half of the connection.
pub(super) struct Writing(JoinHandle<()>);

impl Writing {
    /// With `heartbeat` it asks for a sign of life that often.
    pub(super) fn start(
        write: OwnedWriteHalf,
        outbox: &Arc<Outbox>,
        patience: Duration,
        heartbeat: Option<Duration>,
    ) -> Writing {
        Writing(tokio::spawn(write_lines(write, Arc::clone(outbox), patience, heartbeat)))
    }
}

impl Writing {
    /// Writes what still waits, if that takes no time, and ends.
    pub(super) async fn finish(mut self, outbox: &Outbox) {
        outbox.finish();
        let _ = timeout(LAST_WORDS, &mut self.0).await;
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn write_lines(
    mut write: OwnedWriteHalf,
    outbox: Arc<Outbox>,
    patience: Duration,
    heartbeat: Option<Duration>,
) {
    let mut pinged = Instant::now();
    loop {
        let line = match heartbeat.map(|every| every.saturating_sub(pinged.elapsed())) {
            Some(Duration::ZERO) => {
                pinged = Instant::now();
                Some(ping())
            }
            Some(wait) => match timeout(wait, outbox.next()).await {
                Ok(line) => line,
                Err(_) => continue,
            },
            None => outbox.next().await,
        };
        let Some(mut line) = line else { return };
        line.push('\n');
        // Whoever reads notices that nothing comes any more.
        if !matches!(timeout(patience, write.write_all(line.as_bytes())).await, Ok(Ok(()))) {
            return;
        }
    }
}

fn ping() -> String {
    Envelope { src: String::new(), dest: String::new(), body: json!({"type": "ping"}) }.line()
}

impl Lines {
    /// The next message. An end of the connection is an error, and so is what is no message.
    pub(super) async fn next(&mut self, patience: Duration) -> Result<Envelope, Ended> {
        timeout(patience, self.line()).await.map_err(|_| Ended::Silent(patience))??;
        serde_json::from_slice(&self.line).map_err(|error| {
            let line = shown(&String::from_utf8_lossy(&self.line), SHOWN);
            Ended::NoMessage { why: error.to_string(), line }
        })
    }

    async fn line(&mut self) -> Result<(), Ended> {
        self.line.clear();
        // One long line is no reason to keep that much for ever.
        self.line.shrink_to(LINE_BYTES_MAX);
        loop {
            let bytes = self.reader.fill_buf().await?;
            if bytes.is_empty() {
                return Err(Ended::Closed);
            }
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + part.len() > self.bytes_max {
                return Err(Ended::TooLong(self.bytes_max));
            }
            self.line.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}
