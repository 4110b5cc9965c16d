use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// A message of Maelstrom's node protocol, one JSON object on a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Who sends it: a node, a client, or whoever runs the nodes.
    pub src: String,
    /// For whom it is.
    pub dest: String,
    /// `type`, `msg_id`, `in_reply_to` and what else belongs to the type.
    pub body: Json,
}

/// What `init` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Init {
    /// The name of this node.
    pub node_id: String,
    /// The names of all nodes; the place of a node in this list is its number.
    pub node_ids: Vec<String>,
}

/// An error whose code says whether the operation can have taken place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) text: String,
}

/// The node does not know this operation.
pub(crate) const NOT_SUPPORTED: u16 = 10;
/// The node cannot do it now, and did not.
pub(crate) const TEMPORARILY_UNAVAILABLE: u16 = 11;
/// The request makes no sense.
pub(crate) const MALFORMED_REQUEST: u16 = 12;
/// It is unknown whether it was done.
pub(crate) const CRASH: u16 = 13;
/// There is no such key.
pub(crate) const KEY_DOES_NOT_EXIST: u16 = 20;
/// The value is not the one that the request requires.
pub(crate) const PRECONDITION_FAILED: u16 = 22;

impl Envelope {
    /// The `type` of the body, or nothing where it has none.
    pub fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or("")
    }

    /// The line that says it, without its end.
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).expect("a message is JSON")
    }

    /// The answer to this message: the body with `in_reply_to`. A message without `msg_id` wants none.
    pub(crate) fn reply(&self, mut body: Json) -> Option<Envelope> {
        body["in_reply_to"] = self.body.get("msg_id")?.clone();
        Some(Envelope { src: self.dest.clone(), dest: self.src.clone(), body })
    }

    /// The answer to this message's request, if it wants one.
    pub(crate) fn answer(&self, answer: Result<Json, Refusal>) -> Option<Envelope> {
        answer.map_or_else(|refusal| self.refuse(&refusal), |body| self.reply(body))
    }

    /// The answer that this message's request is refused.
    pub(crate) fn refuse(&self, refusal: &Refusal) -> Option<Envelope> {
        self.reply(json!({"type": "error", "code": refusal.code, "text": refusal.text}))
    }
}

impl Refusal {
    pub(crate) fn new(code: u16, text: impl Into<String>) -> Refusal {
        Refusal { code, text: text.into() }
    }
}

/// The beginning of a text that somebody else wrote, without what a terminal would obey.
pub(crate) fn shown(text: &str, letters_max: usize) -> String {
    let mut letters = text.chars();
    let mut shown = String::new();
    for letter in letters.by_ref().take(letters_max) {
        match letter.is_control() {
            true => shown.extend(letter.escape_debug()),
            false => shown.push(letter),
        }
    }
    if letters.next().is_some() { shown + "..." } else { shown }
}
