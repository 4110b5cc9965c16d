//! The client library of all protocols but `majority` and `client_relay`, which have their own: it sends the
//! pending request to its servers in every round until one of them answers, and numbers its requests so
//! that a late reply to the last one is not taken for a reply to this one. It believes any server, so it is
//! right only where whatever a server says may be relied on.

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, Request, Response, Step, Value};

/// What a client remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ClientState {
    /// How many requests there were so far, which is also the number of the last one.
    pub number: u16,
    /// The last request, while it is unanswered.
    pub pending: Option<Request>,
}

/// Between a client and a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ClientMessage {
    /// From a client.
    Request {
        /// The client's number for the request.
        number: u16,
        /// The request.
        request: Request,
    },
    /// To a client.
    Reply {
        /// The number of the request.
        number: u16,
        /// The content of the register.
        value: Option<Value>,
    },
}

impl ClientMessage {
    /// A few words for diagrams. The number is left out of the first request, as there is often only one.
    pub(crate) fn words(&self) -> String {
        let numbered = |number: u16, words: String| match number {
            1 => words,
            _ => format!("{words} #{number}"),
        };
        match self {
            ClientMessage::Request { number, request } => {
                let words = match request.value() {
                    Some(value) => format!("{} {value}", request.kind()),
                    None => request.kind().to_owned(),
                };
                numbered(*number, words)
            }
            ClientMessage::Reply { number, value: Some(value) } => {
                numbered(*number, format!("reply {value}"))
            }
            ClientMessage::Reply { number, value: None } => numbered(*number, "reply (bottom)".to_owned()),
        }
    }
}

/// Which replies a client takes for one to its pending request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepts {
    /// Those that have its number.
    ItsOwn,
    /// Any: broken on purpose, for a late duplicate of the reply to an earlier request is one too.
    Any,
}

/// One round of the client library, which asks `servers`.
pub(crate) fn step<'a>(
    state: &ClientState,
    servers: impl Iterator<Item = Process>,
    request: Option<&Request>,
    received: impl Iterator<Item = &'a ClientMessage>,
) -> Step<ClientState, ClientMessage> {
    step_that_accepts(Accepts::ItsOwn, state, servers, request, received)
}

/// The same with a choice of which replies it accepts.
pub(crate) fn step_that_accepts<'a>(
    accepts: Accepts,
    state: &ClientState,
    servers: impl Iterator<Item = Process>,
    request: Option<&Request>,
    mut received: impl Iterator<Item = &'a ClientMessage>,
) -> Step<ClientState, ClientMessage> {
    let mut next = state.clone();
    if let Some(request) = request {
        next.number += 1;
        next.pending = Some(request.clone());
    }
    let Some(pending) = &next.pending else { return Step::quiet(next) };
    let reply = received.find_map(|message| match message {
        ClientMessage::Reply { number, value } if *number == next.number || accepts == Accepts::Any => {
            Some(value.clone())
        }
        _ => None,
    });
    if let Some(value) = reply {
        next.pending = None;
        return Step { state: next, send: Vec::new(), response: Some(Response::Value(value)) };
    }
    let message = ClientMessage::Request { number: next.number, request: pending.clone() };
    let send = servers.map(|server| (server, message.clone())).collect();
    Step { state: next, send, response: None }
}
