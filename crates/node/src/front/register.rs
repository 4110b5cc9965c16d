use std::collections::VecDeque;

use serde_json::{Value as Json, json};
use threeworlds_model::{Request, Response, Value};

use super::{Service, has_room, not_supported};
use crate::wire::{CRASH, Envelope, KEY_DOES_NOT_EXIST, MALFORMED_REQUEST, NOT_SUPPORTED, Refusal};

/// The one register of a protocol for a register. A request may name a `key`: the register then belongs to
/// the key that its value was written under, and requests for any other are refused once that is known.
#[derive(Debug)]
pub(super) struct Register {
    kind: Kind,
    waiting: VecDeque<Asked>,
    outstanding: Option<Asked>,
}

/// What clients call its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `write-once` proposes a value and `read-once` does not; both are answered with the register's.
    WriteOnce,
    /// `read` and `write`.
    ReadWrite,
}

#[derive(Debug)]
struct Asked {
    envelope: Envelope,
    key: Json,
    value: Option<Json>,
}

impl Kind {
    fn names(self) -> [&'static str; 2] {
        match self {
            Kind::WriteOnce => ["read-once", "write-once"],
            Kind::ReadWrite => ["read", "write"],
        }
    }
}

impl Register {
    pub(super) fn new(kind: Kind) -> Register {
        Register { kind, waiting: VecDeque::new(), outstanding: None }
    }

    fn read(&self, asked: &Asked, value: Option<&Json>) -> Result<Json, Refusal> {
        match (self.kind, &asked.value) {
            (Kind::ReadWrite, Some(_)) => Ok(json!({"type": "write_ok"})),
            (Kind::ReadWrite, None) => {
                let missing = || Refusal::new(KEY_DOES_NOT_EXIST, format!("there is no key {}", asked.key));
                Ok(json!({"type": "read_ok", "value": value.ok_or_else(missing)?}))
            }
            (Kind::WriteOnce, Some(_)) => Ok(json!({"type": "write-once_ok", "value": value})),
            (Kind::WriteOnce, None) => Ok(json!({"type": "read-once_ok", "value": value})),
        }
    }
}

impl Service for Register {
    fn asked(&mut self, envelope: &Envelope) -> Result<(), Refusal> {
        let [read, write] = self.kind.names();
        let value = match envelope.kind() {
            kind if kind == read => None,
            kind if kind == write => Some(envelope.body.get("value").cloned().ok_or_else(|| {
                Refusal::new(MALFORMED_REQUEST, format!("`{write}` needs a `value`: the one to write"))
            })?),
            other => return Err(not_supported("register", &format!("`{read}` and `{write}`"), other)),
        };
        has_room(self.waiting.len())?;
        let key = envelope.body["key"].clone();
        self.waiting.push_back(Asked { envelope: envelope.clone(), key, value });
        Ok(())
    }

    fn next_request(&mut self) -> Option<Request> {
        if self.outstanding.is_some() {
            return None;
        }
        let asked = self.waiting.pop_front()?;
        let request = match &asked.value {
            Some(value) => Request::Write { value: Value::new(json!([asked.key, value]).to_string()) },
            None => Request::Read {},
        };
        self.outstanding = Some(asked);
        Some(request)
    }

    fn answered(&mut self, response: &Response) -> Vec<Envelope> {
        let Some(asked) = self.outstanding.take() else { return Vec::new() };
        let answer = match response {
            Response::Value(None) => self.read(&asked, None),
            Response::Value(Some(value)) => match serde_json::from_str::<(Json, Json)>(value.as_str()) {
                Ok((owner, value)) if owner == asked.key => self.read(&asked, Some(&value)),
                Ok((owner, _)) => {
                    let text = format!("this node keeps one register, and it belongs to key {owner}");
                    Err(Refusal::new(NOT_SUPPORTED, text))
                }
                Err(_) => {
                    Err(Refusal::new(CRASH, format!("the register holds `{value}`, which no node wrote")))
                }
            },
            _ => Err(Refusal::new(CRASH, format!("the protocol answered `{response}`, which is no value"))),
        };
        asked.envelope.answer(answer).into_iter().collect()
    }
}
