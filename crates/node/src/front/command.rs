use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::not_supported;
use crate::wire::{Envelope, KEY_DOES_NOT_EXIST, MALFORMED_REQUEST, PRECONDITION_FAILED, Refusal};

/// What `lin-kv` can be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Command {
    Read {
        key: Json,
    },
    Write {
        key: Json,
        value: Json,
    },
    Cas {
        key: Json,
        from: Json,
        to: Json,
        #[serde(default)]
        create_if_not_exists: bool,
    },
}

impl Command {
    /// What a client asks for.
    pub(super) fn of(envelope: &Envelope) -> Result<Command, Refusal> {
        let kind = envelope.kind();
        if !matches!(kind, "read" | "write" | "cas") {
            return Err(not_supported("key-value store", "`read`, `write` and `cas`", kind));
        }
        serde_json::from_value(envelope.body.clone())
            .map_err(|error| Refusal::new(MALFORMED_REQUEST, format!("this is no `{kind}`: {error}")))
    }

    pub(super) fn key(&self) -> &Json {
        match self {
            Command::Read { key } | Command::Write { key, .. } | Command::Cas { key, .. } => key,
        }
    }

    pub(super) fn missing(&self) -> Refusal {
        Refusal::new(KEY_DOES_NOT_EXIST, format!("there is no key {}", self.key()))
    }
}

pub(super) fn read_ok(value: &Json) -> Json {
    json!({"type": "read_ok", "value": value})
}

pub(super) fn write_ok() -> Json {
    json!({"type": "write_ok"})
}

pub(super) fn cas_ok() -> Json {
    json!({"type": "cas_ok"})
}

pub(super) fn another_value(key: &Json, value: &Json, from: &Json) -> Refusal {
    Refusal::new(PRECONDITION_FAILED, format!("key {key} has the value {value}, not {from}"))
}
