//! Connections that others open: the other servers, which say `hello` first, and clients, which ask at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use super::Event;
use super::cluster::{Cluster, name};
use super::connection::{Ended, Lines, SERVER_LINE_BYTES_MAX, Writing, halves};
use super::link::SILENCE_MAX;
use super::log::Log;
use super::outbox::Outbox;
use crate::wire::{Envelope, MALFORMED_REQUEST, Refusal, TEMPORARILY_UNAVAILABLE, shown};

/// What all connections share.
pub(super) struct Shared {
    pub(super) cluster: Cluster,
    /// What this server says of itself; another one has to say the same.
    pub(super) hello: Json,
    pub(super) log: Arc<Log>,
    pub(super) events: mpsc::Sender<Event>,
    /// Clients, by the number of their connection.
    clients: Mutex<BTreeMap<u64, Arc<Outbox>>>,
    /// The number of the connection on which each other server is heard: its latest.
    heard: Mutex<BTreeMap<u16, u64>>,
    connections: AtomicU64,
    room: Arc<Semaphore>,
    room_for_clients: Arc<Semaphore>,
}

/// How many connections there may be. Usual systems allow a process 1,024 files.
const CONNECTIONS_MAX: usize = 800;
/// How many of them may be clients.
const CLIENTS_MAX: usize = 600;
/// How long a connection may be silent before it says what it is.
const FIRST_LINE_MAX: Duration = Duration::from_secs(10);
/// How long a client may be silent.
const CLIENT_SILENCE_MAX: Duration = Duration::from_secs(600);

impl Shared {
    pub(super) fn new(cluster: Cluster, hello: Json, log: Arc<Log>, events: mpsc::Sender<Event>) -> Shared {
        Shared {
            cluster,
            hello,
            log,
            events,
            clients: Mutex::default(),
            heard: Mutex::default(),
            connections: AtomicU64::new(0),
            room: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            room_for_clients: Arc::new(Semaphore::new(CLIENTS_MAX)),
        }
    }

    /// Sends an answer to the client that has this name inside of this process. Whoever is gone gets none.
    pub(super) fn answer(&self, mut envelope: Envelope) {
        let Some((connection, client)) = envelope.dest.split_once(INSIDE) else { return };
        let Ok(connection) = connection.parse::<u64>() else { return };
        let outbox = lock(&self.clients).get(&connection).cloned();
        envelope.dest = client.to_owned();
        if let Some(outbox) = outbox {
            outbox.push(envelope.line());
        }
    }
}

/// What stands between the number of a client's connection and the name that the client gave itself: no client
/// can pass for another, nor for a server.
const INSIDE: char = '/';

/// Accepts connections for as long as it is polled.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many files, mostly: some will be closed.
                shared.log.say("a connection", "it cannot be accepted: ", &error.to_string());
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&shared.room).try_acquire_owned() else {
            shared.log.say(&from.ip().to_string(), "dropped: ", "there are too many connections");
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _permit = permit;
            incoming(stream, from, &shared).await;
        });
    }
}

/// One connection, from its beginning to its end. Whoever is dropped is told why, if it listens.
async fn incoming(stream: TcpStream, from: SocketAddr, shared: &Shared) {
    let number = shared.connections.fetch_add(1, Ordering::Relaxed);
    let (mut lines, write) = halves(stream);
    let outbox = Arc::new(Outbox::default());
    outbox.set_open(true);
    let writing = Writing::start(write, &outbox, SILENCE_MAX, None);
    let mut about = from.ip().to_string();
    let ended = match lines.next(FIRST_LINE_MAX).await {
        Ok(hello) if hello.kind() == "hello" => {
            about = format!("{} from {about}", named(&hello.src));
            server(number, &hello, &mut lines, &outbox, shared).await
        }
        Ok(first) => client(number, first, &mut lines, &outbox, shared).await,
        Err(ended) => ended,
    };
    // A server that loses a connection opens another, and says so itself; clients come and go.
    if !matches!(ended, Ended::Closed | Ended::Silent(_) | Ended::Network(_)) {
        shared.log.say(&about, "dropped: ", &ended.to_string());
        let text = match ended {
            Ended::Refused(text) => text,
            ended => ended.to_string(),
        };
        let body = json!({"type": "error", "code": MALFORMED_REQUEST, "text": text});
        outbox.push(Envelope { src: shared.cluster.name(), dest: String::new(), body }.line());
    }
    writing.finish(&outbox).await;
}

/// Another server, until it is heard no more.
async fn server(number: u64, hello: &Envelope, lines: &mut Lines, outbox: &Outbox, shared: &Shared) -> Ended {
    let peer = match agrees(shared, hello) {
        Ok(peer) => peer,
        Err(why) => return Ended::Refused(why),
    };
    let says = |kind: &str| {
        let (src, dest) = (shared.cluster.name(), name(peer));
        outbox.push(Envelope { src, dest, body: json!({"type": kind}) }.line());
    };
    says("hello_ok");
    lock(&shared.heard).insert(peer, number);
    lines.bytes_max = SERVER_LINE_BYTES_MAX;
    loop {
        let envelope = match lines.next(2 * SILENCE_MAX).await {
            Ok(envelope) => envelope,
            Err(ended) => return ended,
        };
        // It has opened another connection since; what this one still brings is from earlier.
        if lock(&shared.heard).get(&peer) != Some(&number) {
            return Ended::Closed;
        }
        if envelope.kind() == "ping" {
            says("pong");
        } else if envelope.src != hello.src {
            return Ended::OutOfPlace(format!("a message of {}", named(&envelope.src)));
        } else if shared.events.send(Event::Received(envelope)).await.is_err() {
            return Ended::Closed;
        }
    }
}

/// Which server says hello; why it does not belong here.
fn agrees(shared: &Shared, hello: &Envelope) -> Result<u16, String> {
    let me = shared.cluster.name();
    if hello.dest != me {
        return Err(format!("this is {me} and not {}: its address is another's", named(&hello.dest)));
    }
    let Some(peer) = shared.cluster.peer(&hello.src) else {
        let servers = shared.cluster.servers();
        return Err(format!("{me} knows {servers} servers, and {} is none of the others", named(&hello.src)));
    };
    let says = |hello: &Json| {
        let Json::Object(said) = hello else { return String::new() };
        let said = said.iter().filter(|(key, _)| *key != "type");
        said.map(|(key, value)| format!("{key} {}", named(&value.to_string()))).collect::<Vec<_>>().join(", ")
    };
    if hello.body != shared.hello {
        return Err(format!(
            "it runs something else ({}) than {me} ({})",
            says(&hello.body),
            says(&shared.hello)
        ));
    }
    Ok(peer)
}

/// A client, until it goes.
async fn client(
    number: u64,
    first: Envelope,
    lines: &mut Lines,
    outbox: &Arc<Outbox>,
    shared: &Shared,
) -> Ended {
    let Ok(_permit) = shared.room_for_clients.try_acquire() else {
        let refusal = Refusal::new(TEMPORARILY_UNAVAILABLE, "there are too many clients");
        outbox.push(first.refuse(&refusal).map(|refused| refused.line()).unwrap_or_default());
        return Ended::TooManyClients;
    };
    lock(&shared.clients).insert(number, Arc::clone(outbox));
    let mut next = Ok(first);
    let ended = loop {
        match next {
            Ok(mut envelope) => {
                envelope.src = format!("{number}{INSIDE}{}", envelope.src);
                if shared.events.send(Event::Received(envelope)).await.is_err() {
                    break Ended::Closed;
                }
            }
            Err(ended) => break ended,
        }
        next = lines.next(CLIENT_SILENCE_MAX).await;
    };
    lock(&shared.clients).remove(&number);
    ended
}

/// A name that somebody else chose.
fn named(name: &str) -> String {
    shown(name, 60)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
