//! A node as a server of its own: it talks to its peers and to clients over TCP, a JSON line a message, the
//! lines of Maelstrom's node protocol.
//!
//! The transport only ever loses messages, which the fault model calls omission: it never delays one beyond its
//! round, never doubles one, and never waits for a peer. Peers trust each other to be who they say they are, so
//! this belongs on a network of one's own; a stranger can at worst be a client. All clocks have to show the same
//! time to within a fraction of a round.

mod accept;
mod cluster;
mod connection;
mod link;
mod log;
mod outbox;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use threeworlds_model::{Process, Protocol, System, Task};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::clock::{Clock, start_number};
use crate::front::Front;
use crate::node::{Node, Options, Standing};
use crate::rounds::Statistics;
use crate::stdio::NodeError;
use crate::wire::Envelope;
use accept::{Shared, accept};
pub use cluster::{Cluster, ClusterError};
pub(crate) use connection::LINE_BYTES_MAX;
use connection::SERVER_LINE_BYTES_MAX;
use link::Link;
use log::Log;
use outbox::Outbox;

/// What reaches a node from outside.
enum Event {
    Received(Envelope),
    Stop,
}

/// Ends a server, from a signal or another thread.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Notify>);

/// How many messages may wait to be handled before connections are no longer read.
const EVENTS_WAITING_MAX: usize = 10_000;
/// How long nothing is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Stop {
    /// Lets the server end cleanly.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// How a protocol is served.
#[derive(Debug)]
pub struct TcpServer {
    /// What the protocol is called; peers have to call theirs the same.
    pub protocol_name: String,
    /// All servers, and which one this is.
    pub cluster: Cluster,
    /// Where peers and clients connect.
    pub listener: TcpListener,
    /// How long a round lasts, in milliseconds.
    pub round_milliseconds: u64,
    /// Ends it.
    pub stop: Stop,
}

/// Runs the protocol as one server of a cluster until it is stopped. What happens on the network is told on
/// standard error.
///
/// # Errors
/// Nothing can be asked of the task, the protocol breaks the rules of its interface, or the operating system
/// gives no sockets. No peer and no client can bring about an error.
pub fn serve_tcp<P>(
    protocol: P,
    system: System,
    task: Task,
    server: TcpServer,
) -> Result<Statistics, NodeError>
where
    P: Protocol<Message: Serialize + DeserializeOwned>,
{
    let TcpServer { protocol_name, cluster, listener, round_milliseconds, stop } = server;
    let clock = Clock::start();
    let options = Options { round_milliseconds: round_milliseconds.max(1), start: start_number() };
    let front = Front::new(task, &cluster.name())?;
    let mut node = Node::new(protocol, system, cluster.init(), front, options)?;
    // Two servers that differ in one of these would not keep what the protocol promises.
    let hello = json!({
        "type": "hello",
        "format": "threeworlds/node/1",
        "protocol": protocol_name,
        "servers": cluster.servers(),
        "faults": system.faults,
    });
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(NodeError::Network)?;
    runtime.block_on(async {
        listener.set_nonblocking(true).map_err(NodeError::Network)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(NodeError::Network)?;
        let (sender, mut events) = mpsc::channel(EVENTS_WAITING_MAX);
        let log = Arc::new(Log::new(cluster.name()));
        let mut links: BTreeMap<String, Arc<Outbox>> = BTreeMap::new();
        for (peer, address) in cluster.peers() {
            let outbox = Arc::new(Outbox::default());
            links.insert(Process::Server(peer).to_string(), Arc::clone(&outbox));
            let (me, hello, log) = (cluster.name(), hello.clone(), Arc::clone(&log));
            tokio::spawn(Link { me, peer, address, hello, outbox, log }.keep());
        }
        let shared = Arc::new(Shared::new(cluster, hello, Arc::clone(&log), sender.clone()));
        tokio::spawn(accept(listener, Arc::clone(&shared)));
        let stopped = Arc::clone(&stop.0);
        tokio::spawn(async move {
            stopped.notified().await;
            let _ = sender.send(Event::Stop).await;
        });
        let send = |out: Vec<Envelope>| {
            for envelope in out {
                let Some(outbox) = links.get(&envelope.dest) else {
                    shared.answer(envelope);
                    continue;
                };
                let line = envelope.line();
                // The other would drop the connection, and every later one.
                match line.len() <= SERVER_LINE_BYTES_MAX {
                    true => outbox.push(line),
                    false => {
                        let bytes = format!("{} bytes", line.len());
                        log.say(&envelope.dest, "a message to it is too long and is lost: ", &bytes);
                    }
                }
            }
        };
        let mut standing = Standing::Joining;
        loop {
            // Everything that has arrived counts before a round ends, even where this process itself is late.
            tokio::task::yield_now().await;
            while let Ok(event) = events.try_recv() {
                let Event::Received(envelope) = event else { return Ok(node.statistics()) };
                send(node.receive(&envelope, clock.now()));
            }
            send(node.tick(clock.now())?);
            if node.standing() != standing {
                standing = node.standing();
                log.say("rounds", in_words(standing), "");
            }
            let wait = node.next_tick().map_or(LOOK_EVERY, |at| clock.until(at).min(LOOK_EVERY));
            match timeout(wait, events.recv()).await {
                Ok(Some(Event::Received(envelope))) => send(node.receive(&envelope, clock.now())),
                Ok(Some(Event::Stop) | None) => return Ok(node.statistics()),
                Err(_) => {}
            }
        }
    })
}

fn in_words(standing: Standing) -> &'static str {
    match standing {
        Standing::Joining => "waiting for the other servers",
        Standing::Running => "all servers are there, and the rounds begin",
        Standing::Gone => {
            "the others went on without this server, which was started anew and has forgotten what it knew: it \
             takes no part"
        }
    }
}
