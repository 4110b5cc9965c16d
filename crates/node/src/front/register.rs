use std::collections::VecDeque;

use serde_json::{Value as Json, json};
use threeworlds_model::{Request, Response, Value};

use super::has_room;
use crate::wire::{CRASH, Envelope, MALFORMED_REQUEST, NOT_SUPPORTED, Refusal};

/// The one register of a write-once protocol. `write-once` proposes a value, `read-once` does not; both are
/// answered with the value that the register has. A request may name a `key`: the register then belongs to
/// the key that its value was written under, and requests for any other are refused once that is known.
#[derive(Debug, Default)]
pub(super) struct Register {
    waiting: VecDeque<Asked>,
    outstanding: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    envelope: Envelope,
    key: Json,
    proposal: Option<Json>,
}

impl Register {
    pub(super) fn asked(&mut self, envelope: &Envelope) -> Result<(), Refusal> {
        let proposal = match envelope.kind() {
            "read-once" => None,
            "write-once" => Some(envelope.body.get("value").cloned().ok_or_else(|| {
                Refusal::new(MALFORMED_REQUEST, "`write-once` needs a `value`: the one to write")
            })?),
            other => {
                let text = format!(
                    "this node keeps a write-once register and knows `write-once` and `read-once`, not `{other}`"
                );
                return Err(Refusal::new(NOT_SUPPORTED, text));
            }
        };
        has_room(self.waiting.len())?;
        let key = envelope.body["key"].clone();
        self.waiting.push_back(Asked { envelope: envelope.clone(), key, proposal });
        Ok(())
    }

    pub(super) fn next_request(&mut self) -> Option<Request> {
        if self.outstanding.is_some() {
            return None;
        }
        let asked = self.waiting.pop_front()?;
        let request = match &asked.proposal {
            Some(value) => Request::Write { value: Value::new(json!([asked.key, value]).to_string()) },
            None => Request::Read {},
        };
        self.outstanding = Some(asked);
        Some(request)
    }

    pub(super) fn answered(&mut self, response: &Response) -> Vec<Envelope> {
        let Some(Asked { envelope, key, proposal }) = self.outstanding.take() else { return Vec::new() };
        let kind = if proposal.is_some() { "write-once_ok" } else { "read-once_ok" };
        let told = |value: &Json| envelope.reply(json!({"type": kind, "value": value}));
        let refused = |code, text: String| envelope.refuse(&Refusal::new(code, text));
        let reply = match response {
            Response::Value(None) => told(&Json::Null),
            Response::Value(Some(value)) => match serde_json::from_str::<(Json, Json)>(value.as_str()) {
                Ok((owner, value)) if owner == key => told(&value),
                Ok((owner, _)) => {
                    refused(NOT_SUPPORTED, format!("this node keeps one register, and it belongs to key {owner}"))
                }
                Err(_) => refused(CRASH, format!("the register holds `{value}`, which no node wrote")),
            },
            _ => refused(CRASH, format!("the protocol answered `{response}`, which is no value")),
        };
        reply.into_iter().collect()
    }
}
