//! The frame of the protocols in which the servers send each other a *beat* in every round and the clients
//! ask all servers: `ranked_backup`, `ordered_backup`, `send_omission`, `receive_omission`. Each of them
//! adds what a beat says and what a server makes of the beats. As the client library believes any server,
//! a server may say only what is right whatever happens to it afterwards.

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, Request, Step, Value};

use crate::client::{self, ClientMessage, ClientState};

/// What a process remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServiceState<S> {
    /// A server.
    Server(S),
    /// A client.
    Client(ClientState),
}

/// What processes send.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ServiceMessage<B> {
    /// From a server to another, in every round.
    Beat(B),
    /// Between a client and a server.
    Client(ClientMessage),
}

/// What a server may tell clients about the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known<'a> {
    /// No value has been told to any client.
    Nothing,
    /// A value may have been told, and may not. Who asks has to wait.
    Unsure,
    /// No other value is ever told.
    Value(&'a Value),
    /// A value that may yet be replaced, which readers are told: broken on purpose.
    Uncommitted(&'a Value),
}

/// A client before its first request.
pub(crate) fn new_client<S, B>() -> Step<ServiceState<S>, ServiceMessage<B>> {
    Step::quiet(ServiceState::Client(ClientState::default()))
}

/// One round of a client that asks the servers `s1` to `sn`.
pub(crate) fn client_step<S, B>(
    servers: u16,
    state: &ClientState,
    request: Option<&Request>,
    received: &[(Process, ServiceMessage<B>)],
) -> Step<ServiceState<S>, ServiceMessage<B>> {
    let asked = (1..=servers).map(Process::Server);
    let step = client::step(state, asked, request, client_messages(received).map(|(_, message)| message));
    let wrapped = step.send.into_iter().map(|(to, message)| (to, ServiceMessage::Client(message)));
    Step { state: ServiceState::Client(step.state), send: wrapped.collect(), response: step.response }
}

/// The same beat to these servers, in this order.
pub(crate) fn beats_for<B: Clone>(
    servers: impl Iterator<Item = Process>,
    beat: &B,
) -> Vec<(Process, ServiceMessage<B>)> {
    servers.map(|server| (server, ServiceMessage::Beat(beat.clone()))).collect()
}

/// The answers to the requests that arrived.
pub(crate) fn answers<B>(
    known: Known<'_>,
    received: &[(Process, ServiceMessage<B>)],
) -> impl Iterator<Item = (Process, ServiceMessage<B>)> {
    client_messages(received).filter_map(move |(client, message)| {
        let ClientMessage::Request { number, request } = message else { return None };
        let value = match (known, request) {
            (Known::Value(value), _) | (Known::Uncommitted(value), Request::Read {}) => Some(value.clone()),
            (Known::Nothing, Request::Read {}) => None,
            // A write waits until it is known what the register holds.
            _ => return None,
        };
        Some((client, ServiceMessage::Client(ClientMessage::Reply { number: *number, value })))
    })
}

/// The beats that arrived, in the order of their senders.
pub(crate) fn beats<B>(received: &[(Process, ServiceMessage<B>)]) -> impl Iterator<Item = (Process, &B)> {
    received.iter().filter_map(|(from, message)| match message {
        ServiceMessage::Beat(beat) => Some((*from, beat)),
        ServiceMessage::Client(_) => None,
    })
}

/// The value of the first write that arrived.
pub(crate) fn first_write<B>(received: &[(Process, ServiceMessage<B>)]) -> Option<&Value> {
    client_messages(received).find_map(|(_, message)| match message {
        ClientMessage::Request { request, .. } => request.value(),
        ClientMessage::Reply { .. } => None,
    })
}

/// Every server of `s1` to `sn` but one.
pub(crate) fn others(servers: u16, me: Process) -> impl Iterator<Item = Process> {
    (1..=servers).map(Process::Server).filter(move |&server| server != me)
}

fn client_messages<B>(
    received: &[(Process, ServiceMessage<B>)],
) -> impl Iterator<Item = (Process, &ClientMessage)> {
    received.iter().filter_map(|(from, message)| match message {
        ServiceMessage::Client(message) => Some((*from, message)),
        ServiceMessage::Beat(_) => None,
    })
}
