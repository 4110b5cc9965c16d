//! Maelstrom's node protocol as it is on the wire: one JSON object a line. What a program says in a body is
//! passed on as it was written; only its `type` is looked at,
//! and by services and clients what is theirs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use threeworlds_model::Process;

/// A service that nodes may call by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// `lin-kv`: a linearizable key-value store.
    LinKv,
    /// `seq-kv`: a sequentially consistent one.
    SeqKv,
    /// `lww-kv`: an eventually consistent one, in which the last write wins by clocks that differ.
    LwwKv,
    /// `lin-tso`: a linearizable source of timestamps.
    LinTso,
}

impl Service {
    /// All of them.
    pub const ALL: [Service; 4] = [Service::LinKv, Service::SeqKv, Service::LwwKv, Service::LinTso];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Service::LinKv => "lin-kv",
            Service::SeqKv => "seq-kv",
            Service::LwwKv => "lww-kv",
            Service::LinTso => "lin-tso",
        }
    }
}

/// Who sends or receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// A node (`n1` is the first server) or a client.
    Process(Process),
    /// A service.
    Service(Service),
}

impl Address {
    /// The address that a name on the wire stands for, whether or not there is such a process.
    pub fn parse(name: &str) -> Option<Address> {
        let number = |digits: &str| {
            digits.parse::<u16>().ok().filter(|&number| number > 0 && !digits.starts_with(['0', '+']))
        };
        if let Some(number) = name.strip_prefix('n').and_then(number) {
            return Some(Address::Process(Process::Server(number)));
        }
        if let Some(number) = name.strip_prefix('c').and_then(number) {
            return Some(Address::Process(Process::Client(number)));
        }
        Service::ALL.into_iter().find(|service| service.name() == name).map(Address::Service)
    }
}

/// What a process is called on the wire: `s1` is the node `n1`, a client keeps its name.
pub(crate) fn wire_name(process: Process) -> String {
    match process {
        Process::Server(number) => format!("n{number}"),
        Process::Client(number) => format!("c{number}"),
    }
}

/// A line: from whom, to whom, what.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow)]
    pub(crate) src: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) dest: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) body: &'a RawValue,
}

/// What the network and the services look at in a body.
#[derive(Deserialize)]
pub(crate) struct Head<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) message_type: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) msg_id: Option<&'a RawValue>,
}

/// What a client looks at in a reply.
#[derive(Deserialize)]
pub(crate) struct Reply {
    #[serde(rename = "type")]
    pub(crate) message_type: String,
    #[serde(default)]
    pub(crate) in_reply_to: Json,
    #[serde(default, deserialize_with = "present")]
    pub(crate) value: Option<Json>,
    #[serde(default)]
    pub(crate) code: Json,
    #[serde(default)]
    pub(crate) text: Json,
}

/// A key that is there has a value, even if that is `null`.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Parses a line and the head of its body, or says what is wrong.
pub(crate) fn parse(line: &[u8]) -> Result<(Envelope<'_>, Head<'_>), String> {
    let text = str::from_utf8(line).map_err(|error| {
        format!("it is not UTF-8 from byte {} on; only messages belong on stdout", error.valid_up_to() + 1)
    })?;
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| {
        format!(
            "it is no message ({error}): `{}`; only messages belong on stdout, logs on stderr",
            shorten(text, 80)
        )
    })?;
    let head: Head<'_> = serde_json::from_str(envelope.body.get())
        .map_err(|error| format!("its body is wrong ({error}): `{}`", shorten(envelope.body.get(), 80)))?;
    Ok((envelope, head))
}

/// The line of a message.
pub(crate) fn line(src: &str, dest: &str, body: &str) -> Vec<u8> {
    let mut line = Vec::with_capacity(body.len() + src.len() + dest.len() + 32);
    for part in ["{\"src\":\"", src, "\",\"dest\":\"", dest, "\",\"body\":", body, "}\n"] {
        line.extend_from_slice(part.as_bytes());
    }
    line
}

/// Whether an error with this code says that the operation certainly did not happen.
pub(crate) fn is_definite(code: i64) -> bool {
    matches!(code, 1 | 10 | 11 | 12 | 14 | 20 | 21 | 22 | 30)
}

/// Whether a definite error is the object's own answer (no such key, key exists, comparison failed), and
/// not a refusal of this server at this time.
pub(crate) fn is_answer(code: i64) -> bool {
    matches!(code, 20..=22)
}

/// A few words of a body, without its type and its message numbers.
pub(crate) fn words(body: &RawValue) -> String {
    let Ok(fields) = serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(body.get()) else {
        return String::new();
    };
    let mut words = String::new();
    for (key, value) in fields {
        if matches!(&*key, "type" | "msg_id" | "in_reply_to") || words.len() > WORDS_MAX {
            continue;
        }
        if !words.is_empty() {
            words.push_str(", ");
        }
        words.push_str(&shorten(&key, WORDS_MAX));
        words.push(' ');
        words.push_str(&shorten(value.get(), WORDS_MAX));
    }
    shorten(&words, WORDS_MAX)
}

/// How many characters of a body are worth showing.
const WORDS_MAX: usize = 60;

/// At most so many characters of a text, without control characters.
pub(crate) fn shorten(text: &str, characters_max: usize) -> String {
    let mut short: String = text
        .chars()
        .take(characters_max)
        .map(|character| if character.is_control() { '\u{fffd}' } else { character })
        .collect();
    if text.chars().nth(characters_max).is_some() {
        short.push_str("...");
    }
    short
}
