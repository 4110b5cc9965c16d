//! The link to one other server: a connection that this server opens, on which its messages go. What the other
//! sends comes on the connection that the other opens.
//!
//! A cut that drops packets in silence leaves a connection that looks whole. So both ends speak up: this one at
//! least every 0.25 s, and the other answers; after 1.5 s without an answer the connection is given up. While
//! there is none, a new one is tried at least once a second, each try with a packet of its own, so that after
//! healing nobody waits for TCP's own pauses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::{sleep, timeout};

use super::cluster::name;
use super::connection::{Ended, Lines, Writing, halves, write_line};
use super::log::Log;
use super::outbox::Outbox;
use crate::wire::Envelope;

/// How often something is said at least.
pub(super) const HEARTBEAT: Duration = Duration::from_millis(250);
/// How long nothing is heard before a connection is given up.
pub(super) const SILENCE_MAX: Duration = Duration::from_millis(1_500);
/// How long a connection may take to be there.
const CONNECT_MAX: Duration = Duration::from_millis(500);
/// How long the first pause before another try is, and the longest.
const PAUSE: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(400)];

/// One other server.
pub(super) struct Link {
    pub(super) me: String,
    pub(super) peer: u16,
    pub(super) address: SocketAddr,
    /// What this server says of itself.
    pub(super) hello: Json,
    pub(super) outbox: Arc<Outbox>,
    pub(super) log: Arc<Log>,
}

impl Link {
    /// Keeps a connection open for as long as it is polled.
    pub(super) async fn keep(self) {
        let about = format!("{} ({})", name(self.peer), self.address);
        let mut pause = PAUSE[0];
        // A server that is not there yet is told of once, and so is one that is cut off for long.
        let mut told = false;
        loop {
            let mut connected = false;
            let ended = self.connection(&about, &mut connected).await;
            self.outbox.set_open(false);
            if connected {
                (pause, told) = (PAUSE[0], false);
            }
            if !told {
                let what = match connected {
                    true => "connection lost, trying again: ",
                    false => "no connection, trying again: ",
                };
                told = self.log.say(&about, what, &ended.to_string());
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE[1]);
        }
    }

    /// One connection, from its beginning to its end.
    async fn connection(&self, about: &str, connected: &mut bool) -> Ended {
        let (mut lines, write) = match self.open().await {
            Ok(halves) => halves,
            Err(ended) => return ended,
        };
        *connected = true;
        self.log.say(about, "connected", "");
        self.outbox.set_open(true);
        let _writing = Writing::start(write, &self.outbox, SILENCE_MAX, Some(HEARTBEAT));
        loop {
            match lines.next(SILENCE_MAX).await {
                Ok(envelope) if envelope.kind() == "pong" => {}
                Ok(envelope) => return Ended::OutOfPlace(format!("`{}`", envelope.kind())),
                Err(ended) => return ended,
            }
        }
    }

    /// A connection on which the other has agreed that it belongs to the same system.
    async fn open(&self) -> Result<(Lines, OwnedWriteHalf), Ended> {
        let stream = timeout(CONNECT_MAX, TcpStream::connect(self.address))
            .await
            .map_err(|_| Ended::NotReached(CONNECT_MAX))??;
        let (mut lines, mut write) = halves(stream);
        let (src, dest) = (self.me.clone(), name(self.peer));
        write_line(&mut write, &Envelope { src, dest, body: self.hello.clone() }, SILENCE_MAX).await?;
        let answer = lines.next(SILENCE_MAX).await?;
        match answer.kind() {
            "hello_ok" => Ok((lines, write)),
            "error" => Err(Ended::Refused(answer.body["text"].as_str().unwrap_or("").to_owned())),
            other => Err(Ended::OutOfPlace(format!("`{other}` where `hello_ok` belongs"))),
        }
    }
}
