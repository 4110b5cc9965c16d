//! One server, `s1`, holds the write-once register; further servers do nothing. It tolerates any number of
//! clients that omit to send or to receive, and no server fault: when `s1` crashes or is cut off its
//! clients wait for ever (Termination falls), though nobody is ever told anything wrong. It is what
//! replication is measured against: the single server of client-server computing, with the client's
//! retries and request ids of Birrell and Nelson, "Implementing Remote Procedure Calls", ACM TOCS 2(1), 1984.

use threeworlds_model::{Process, Protocol, Request, Step, System, Value};

use crate::client::{self, ClientMessage, ClientState};

/// The protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unreplicated;

/// What a process remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UnreplicatedState {
    /// A server: the register. The servers other than `s1` leave theirs empty.
    Server {
        /// The register.
        register: Option<Value>,
    },
    /// A client.
    Client(ClientState),
}

impl Protocol for Unreplicated {
    type State = UnreplicatedState;
    type Message = ClientMessage;

    fn start(&self, me: Process, _: &System) -> Step<UnreplicatedState, ClientMessage> {
        Step::quiet(match me {
            Process::Server(_) => UnreplicatedState::Server { register: None },
            Process::Client(_) => UnreplicatedState::Client(ClientState::default()),
        })
    }

    fn step(
        &self,
        _: Process,
        state: &UnreplicatedState,
        request: Option<&Request>,
        received: &[(Process, ClientMessage)],
    ) -> Step<UnreplicatedState, ClientMessage> {
        match state {
            UnreplicatedState::Server { register } => server_step(register.as_ref(), received),
            UnreplicatedState::Client(client) => {
                let server = std::iter::once(Process::Server(1));
                let step = client::step(client, server, request, received.iter().map(|(_, message)| message));
                Step {
                    state: UnreplicatedState::Client(step.state),
                    send: step.send,
                    response: step.response,
                }
            }
        }
    }

    fn describe(&self, message: &ClientMessage) -> String {
        message.words()
    }
}

/// The first write wins, in the order in which the requests arrived; every request is answered at once.
fn server_step(
    register: Option<&Value>,
    received: &[(Process, ClientMessage)],
) -> Step<UnreplicatedState, ClientMessage> {
    let mut register = register.cloned();
    let mut send = Vec::new();
    for (client, message) in received {
        if let ClientMessage::Request { number, request } = message {
            register = register.or_else(|| request.value().cloned());
            send.push((*client, ClientMessage::Reply { number: *number, value: register.clone() }));
        }
    }
    Step { state: UnreplicatedState::Server { register }, send, response: None }
}
