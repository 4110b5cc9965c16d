//! The services that a node may call by name, with the semantics of Maelstrom's documentation: `lin-kv`,
//! `seq-kv`, `lww-kv` and `lin-tso`. What the weak ones do is drawn from a seed, one draw for each call: two
//! runs agree as far as the calls come in the same order. No service is ever cut off or loses a message.

mod last_write_wins;
mod sequential;
mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use threeworlds_model::Process;

use crate::wire::{self, Service};
use last_write_wins::LastWriteWins;
use sequential::Sequential;
use value::{Value, canonical};

/// All services of a run.
#[derive(Debug)]
pub struct Services {
    linearizable: BTreeMap<String, Value>,
    sequential: Sequential,
    last_write_wins: LastWriteWins,
    timestamp: u64,
    /// Roughly how much the stores hold.
    bytes: usize,
    start: Instant,
}

/// How much the stores may hold.
const BYTES_MAX: usize = 256 << 20;

/// What a call asks for.
#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default, deserialize_with = "wire::present")]
    key: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "wire::present")]
    value: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "wire::present")]
    from: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "wire::present")]
    to: Option<&'a RawValue>,
    #[serde(default)]
    create_if_not_exists: bool,
}

/// An operation on one key of a store.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Read,
    Write(Value),
    Cas { from: Value, to: Value, create_if_not_exists: bool },
}

/// What an operation did to the value of its key: what is answered, and the new value if there is one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    Shown(Value),
    Written(Value),
    NoSuchKey,
    Different(Value),
}

impl Operation {
    /// Applies it to the present value of its key. Sequential: this is the specification.
    pub(crate) fn apply(&self, present: Option<&Value>) -> Effect {
        match (self, present) {
            (Operation::Read, Some(value)) => Effect::Shown(value.clone()),
            (Operation::Write(value), _) => Effect::Written(value.clone()),
            (Operation::Cas { to, create_if_not_exists: true, .. }, None) => Effect::Written(to.clone()),
            (Operation::Read | Operation::Cas { .. }, None) => Effect::NoSuchKey,
            (Operation::Cas { from, to, .. }, Some(value)) if value == from => Effect::Written(to.clone()),
            (Operation::Cas { .. }, Some(value)) => Effect::Different(value.clone()),
        }
    }
}

impl Services {
    /// Empty stores.
    pub fn new(seed: u64, now: Instant) -> Self {
        Services {
            linearizable: BTreeMap::new(),
            sequential: Sequential::new(seed),
            last_write_wins: LastWriteWins::new(seed),
            timestamp: 0,
            bytes: 0,
            start: now,
        }
    }

    /// Answers a call, unless it is no request: a message without `msg_id` wants no answer.
    pub fn call(
        &mut self,
        service: Service,
        caller: Process,
        body: &RawValue,
        now: Instant,
    ) -> Option<Box<RawValue>> {
        let head: wire::Head<'_> = serde_json::from_str(body.get()).ok()?;
        let reply = self.reply(service, caller, &head, body, now);
        head.msg_id.map(|id| with_reply_to(&reply, id))
    }

    fn reply(
        &mut self,
        service: Service,
        caller: Process,
        head: &wire::Head<'_>,
        body: &RawValue,
        now: Instant,
    ) -> String {
        if service == Service::LinTso {
            return match &*head.message_type {
                "ts" => {
                    self.timestamp += 1;
                    json!({ "type": "ts_ok", "ts": self.timestamp - 1 }).to_string()
                }
                other => not_supported(service, other),
            };
        }
        let call: Call<'_> = match serde_json::from_str(body.get()) {
            Ok(call) => call,
            Err(why) => return error(12, &format!("the call is malformed: {why}")),
        };
        let (key, operation) = match operation(&head.message_type, &call) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return not_supported(service, &head.message_type),
            Err(why) => return error(12, &why),
        };
        if !matches!(operation, Operation::Read) {
            if self.bytes + body.get().len() > BYTES_MAX {
                return error(11, "the store is full");
            }
            self.bytes += body.get().len();
        }
        let effect = match service {
            Service::LinKv => {
                let effect = operation.apply(self.linearizable.get(&key));
                if let Effect::Written(value) = &effect {
                    self.linearizable.insert(key.clone(), value.clone());
                }
                effect
            }
            Service::SeqKv => self.sequential.call(caller, &key, &operation),
            Service::LwwKv => {
                let micros = now.saturating_duration_since(self.start).as_micros();
                self.last_write_wins.call(i64::try_from(micros).unwrap_or(i64::MAX), &key, &operation)
            }
            Service::LinTso => unreachable!("it was answered above"),
        };
        match (effect, operation) {
            (Effect::Shown(value), _) => format!("{{\"type\":\"read_ok\",\"value\":{}}}", value.text()),
            (Effect::Written(_), Operation::Write(_)) => "{\"type\":\"write_ok\"}".to_owned(),
            (Effect::Written(_), _) => "{\"type\":\"cas_ok\"}".to_owned(),
            (Effect::NoSuchKey, _) => error(20, "key does not exist"),
            (Effect::Different(present), Operation::Cas { from, .. }) => {
                let words = |value: &Value| wire::shorten(value.text(), 60);
                error(22, &format!("the value is {}, not {}", words(&present), words(&from)))
            }
            (Effect::Different(_), _) => unreachable!("only a comparison finds a difference"),
        }
    }
}

/// What a call asks of which key; `None` if there is no such operation.
fn operation(message_type: &str, call: &Call<'_>) -> Result<Option<(String, Operation)>, String> {
    let needed = |raw: Option<&RawValue>, name: &str| {
        raw.map(ToOwned::to_owned).ok_or_else(|| format!("`{message_type}` needs a `{name}`"))
    };
    let value = |raw: Option<&RawValue>, name: &str| Value::new(needed(raw, name)?);
    let operation = match message_type {
        "read" => Operation::Read,
        "write" => Operation::Write(value(call.value, "value")?),
        "cas" => Operation::Cas {
            from: value(call.from, "from")?,
            to: value(call.to, "to")?,
            create_if_not_exists: call.create_if_not_exists,
        },
        _ => return Ok(None),
    };
    Ok(Some((canonical(&needed(call.key, "key")?)?, operation)))
}

fn not_supported(service: Service, message_type: &str) -> String {
    let message_type = wire::shorten(message_type, 40);
    error(10, &format!("{} does not know `{message_type}`", service.name()))
}

fn error(code: u64, text: &str) -> String {
    json!({ "type": "error", "code": code, "text": text }).to_string()
}

/// The body with `in_reply_to`, which is given back as it came.
fn with_reply_to(body: &str, id: &RawValue) -> Box<RawValue> {
    let fields = body.strip_suffix('}').expect("a body is an object");
    let body: Cow<'_, str> = format!("{fields},\"in_reply_to\":{}}}", id.get()).into();
    RawValue::from_string(body.into_owned()).unwrap_or_else(|_| {
        to_raw_value(&json!({ "type": "error", "code": 12 })).expect("a JSON value can be written")
    })
}

/// Draws: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
#[derive(Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Draws(seed)
    }

    /// A number below this one, which is small.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }
}
