//! A client over TCP: one question, asked of one server after the other until the deadline.
//!
//! No answer does not mean not done. A question that may have been done is asked again only if asking twice
//! cannot change anything: a read, and a value for a register that is written once. All others end in
//! [`Answer::Unknown`] as soon as one server has got the question and not answered it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::tcp::LINE_BYTES_MAX;
use crate::wire::{
    Envelope, KEY_DOES_NOT_EXIST, MALFORMED_REQUEST, NOT_SUPPORTED, PRECONDITION_FAILED,
    TEMPORARILY_UNAVAILABLE, shown,
};

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// The value of a key.
    Read {
        /// The key.
        key: Json,
    },
    /// A new value for a key.
    Write {
        /// The key.
        key: Json,
        /// The value.
        value: Json,
    },
    /// A new value for a key, if it has this one.
    Cas {
        /// The key.
        key: Json,
        /// The value that it must have.
        from: Json,
        /// The new one.
        to: Json,
    },
    /// A value for a key that has none; what the key has is told.
    WriteOnce {
        /// The key.
        key: Json,
        /// The value.
        value: Json,
    },
}

/// Whom a client asks, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Asking {
    /// The servers, in the order in which they are asked; at least one.
    pub servers: Vec<SocketAddr>,
    /// When it gives up.
    pub deadline: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It was done; of a read the value, of a write-once the value that the key has now.
    Done(Option<Json>),
    /// There is no such key; nothing was changed.
    NotFound,
    /// The key has another value than the one that was asked for; nothing was changed.
    Another(String),
    /// It was certainly not done, and why.
    Refused(String),
    /// It may have been done, now or later, and why nobody knows.
    Unknown(String),
}

/// How long nobody is asked after every server has refused.
const REST: Duration = Duration::from_millis(100);
/// How long a server is waited for that does not accept connections, before the next one is asked.
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// Asks until there is an answer, or until the deadline. Takes no longer than that.
pub fn ask(question: &Question, asking: &Asking) -> Answer {
    let until = Instant::now() + asking.deadline;
    let part = asking.deadline / u32::try_from(asking.servers.len()).unwrap_or(u32::MAX).max(1);
    let mut refused = "there was no time to ask".to_owned();
    let mut maybe_done = None;
    loop {
        for server in &asking.servers {
            let now = Instant::now();
            if now >= until {
                return maybe_done.map_or(Answer::Refused(refused), Answer::Unknown);
            }
            // Only what is asked again elsewhere leaves time for that.
            let patience = if question.repeatable() { until.min(now + part) } else { until };
            match question.put_to(*server, patience) {
                // What an earlier server does with it is still open.
                Reply::Final(Answer::Refused(why)) if maybe_done.is_some() => {
                    return Answer::Unknown(maybe_done.unwrap_or(why));
                }
                Reply::Final(answer) => return answer,
                Reply::NotDone(why) => refused = format!("{server}: {why}"),
                Reply::MaybeDone(why) => {
                    let why = format!("{server}: {why}");
                    if !question.repeatable() {
                        return Answer::Unknown(why);
                    }
                    maybe_done = Some(why);
                }
            }
        }
        std::thread::sleep(REST.min(until.saturating_duration_since(Instant::now())));
    }
}

/// What one server says.
enum Reply {
    Final(Answer),
    NotDone(String),
    MaybeDone(String),
}

impl Question {
    /// Whether asking twice changes nothing more than asking once.
    fn repeatable(&self) -> bool {
        matches!(self, Question::Read { .. } | Question::WriteOnce { .. })
    }

    fn put_to(&self, server: SocketAddr, until: Instant) -> Reply {
        let mut talk = match Talk::start(server, until) {
            Ok(talk) => talk,
            Err(why) => return Reply::NotDone(why),
        };
        match self {
            // Registers that are written once, and stores, have different words for the same.
            Question::Read { key } => {
                let read = |kind: &str| json!({"type": kind, "key": key});
                let other = |talk: &mut Talk| talk.reply(read("read-once"));
                match talk.reply_or(read("read"), other) {
                    Reply::Final(Answer::Done(Some(Json::Null))) => Reply::Final(Answer::NotFound),
                    reply => reply,
                }
            }
            Question::Write { key, value } => {
                talk.reply(json!({"type": "write", "key": key, "value": value}))
            }
            Question::Cas { key, from, to } => {
                talk.reply(json!({"type": "cas", "key": key, "from": from, "to": to}))
            }
            Question::WriteOnce { key, value } => {
                let write = json!({"type": "write-once", "key": key, "value": value});
                talk.reply_or(write, |talk| talk.write_once_on_store(key, value))
            }
        }
    }
}

/// A connection to a server.
struct Talk {
    stream: BufReader<TcpStream>,
    server: SocketAddr,
    asked: u64,
    until: Instant,
}

impl Talk {
    fn start(server: SocketAddr, until: Instant) -> Result<Talk, String> {
        let patience = left(until).map_err(|error| error.to_string())?.min(CONNECT_MAX);
        let stream = TcpStream::connect_timeout(&server, patience).map_err(|error| match error.kind() {
            ErrorKind::TimedOut => "it is not reached".to_owned(),
            _ => error.to_string(),
        })?;
        let _ = stream.set_nodelay(true);
        Ok(Talk { stream: BufReader::new(stream), server, asked: 0, until })
    }

    /// The reply to a request; if the server does not know such requests, to another one.
    fn reply_or(&mut self, body: Json, other: impl FnOnce(&mut Talk) -> Reply) -> Reply {
        match self.request(body) {
            Ok(reply) if reply["code"] == NOT_SUPPORTED => other(self),
            result => meaning(result),
        }
    }

    fn reply(&mut self, body: Json) -> Reply {
        meaning(self.request(body))
    }

    /// A value for a key that has none: a `cas` from the value itself, which creates the key or changes
    /// nothing.
    fn write_once_on_store(&mut self, key: &Json, value: &Json) -> Reply {
        let cas =
            json!({"type": "cas", "key": key, "from": value, "to": value, "create_if_not_exists": true});
        match self.reply(cas) {
            Reply::Final(Answer::Done(_)) => Reply::Final(Answer::Done(Some(value.clone()))),
            Reply::Final(Answer::Another(_)) => match self.reply(json!({"type": "read", "key": key})) {
                Reply::Final(Answer::NotFound) => Reply::MaybeDone("the key came and went".to_owned()),
                reply => reply,
            },
            reply => reply,
        }
    }

    /// The body of the reply to a request with this body. An error leaves open whether it was done.
    fn request(&mut self, mut body: Json) -> std::io::Result<Json> {
        self.asked += 1;
        body["msg_id"] = json!(self.asked);
        let envelope = Envelope { src: "c1".to_owned(), dest: self.server.to_string(), body };
        self.stream.get_ref().set_write_timeout(Some(left(self.until)?))?;
        self.stream.get_mut().write_all(format!("{}\n", envelope.line()).as_bytes())?;
        loop {
            let reply: Envelope = serde_json::from_slice(&self.line()?)?;
            if reply.body["in_reply_to"] == self.asked {
                return Ok(reply.body);
            }
            if reply.kind() == "error" && reply.body.get("in_reply_to").is_none() {
                return Err(std::io::Error::other(text(&reply.body)));
            }
        }
    }

    fn line(&mut self) -> std::io::Result<Vec<u8>> {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            self.stream.get_ref().set_read_timeout(Some(left(self.until)?))?;
            // What has come is taken at once, so that a line that trickles does not pass the deadline.
            let here = self.stream.fill_buf()?.len();
            if here == 0 {
                return Err(std::io::Error::other("it closed the connection"));
            }
            (&mut self.stream).take(here as u64).read_until(b'\n', &mut line)?;
            if line.len() > LINE_BYTES_MAX + 1 {
                return Err(std::io::Error::other("its reply is too long"));
            }
        }
        Ok(line)
    }
}

/// How much time there is; an error if there is none.
fn left(until: Instant) -> std::io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left < Duration::from_millis(1) { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// What a reply, or none, says about the request.
fn meaning(result: std::io::Result<Json>) -> Reply {
    let body = match result {
        Ok(body) => body,
        Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
            return Reply::MaybeDone("it has not answered in time".to_owned());
        }
        Err(error) => return Reply::MaybeDone(error.to_string()),
    };
    if body["type"] != "error" {
        return Reply::Final(Answer::Done(body.get("value").cloned()));
    }
    let text = text(&body);
    let code = body["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    match code {
        Some(KEY_DOES_NOT_EXIST) => Reply::Final(Answer::NotFound),
        Some(KEY_EXISTS | PRECONDITION_FAILED) => Reply::Final(Answer::Another(text)),
        Some(NOT_SUPPORTED | MALFORMED_REQUEST) => Reply::Final(Answer::Refused(text)),
        Some(NODE_NOT_FOUND | TEMPORARILY_UNAVAILABLE | ABORT | TXN_CONFLICT) => Reply::NotDone(text),
        _ => Reply::MaybeDone(text),
    }
}

/// Maelstrom's definite errors that our own nodes do not use.
const NODE_NOT_FOUND: u16 = 1;
const ABORT: u16 = 14;
const KEY_EXISTS: u16 = 21;
const TXN_CONFLICT: u16 = 30;

fn text(body: &Json) -> String {
    shown(body["text"].as_str().unwrap_or("an error without a text"), 200)
}
