//! One server, `s1`, holds the write-once register; further servers do nothing. It tolerates any number of
//! clients that omit to send or to receive, and no fault of `s1`: when it crashes or is cut off its
//! clients wait for ever (Termination falls), though nobody is ever told anything wrong. It is what
//! replication is measured against: the single server of client-server computing, with the client's
//! retries and request ids of Birrell and Nelson, "Implementing Remote Procedure Calls", ACM TOCS 2(1), 1984.

use threeworlds_model::{Process, Protocol, Request, Step, System, Value};

use crate::client::{self, ClientMessage, ClientState};

/// The protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unreplicated;

/// The same with the last server instead of `s1`: the right one to ask where that is a *witness* that never
/// fails (`--fault "w: none"`), so that whatever happens to the others does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreplicatedWitness {
    witness: Process,
}

impl UnreplicatedWitness {
    /// The protocol for this system.
    pub fn new(system: &System) -> Self {
        UnreplicatedWitness { witness: Process::Server(system.servers) }
    }
}

/// What a process remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UnreplicatedState {
    /// A server: the register. The servers that are not asked leave theirs empty.
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
        start(me)
    }

    fn step(
        &self,
        _: Process,
        state: &UnreplicatedState,
        request: Option<&Request>,
        received: &[(Process, ClientMessage)],
    ) -> Step<UnreplicatedState, ClientMessage> {
        step(Process::Server(1), state, request, received)
    }

    fn describe(&self, message: &ClientMessage) -> String {
        message.words()
    }
}

impl Protocol for UnreplicatedWitness {
    type State = UnreplicatedState;
    type Message = ClientMessage;

    fn start(&self, me: Process, _: &System) -> Step<UnreplicatedState, ClientMessage> {
        start(me)
    }

    fn step(
        &self,
        _: Process,
        state: &UnreplicatedState,
        request: Option<&Request>,
        received: &[(Process, ClientMessage)],
    ) -> Step<UnreplicatedState, ClientMessage> {
        step(self.witness, state, request, received)
    }

    fn describe(&self, message: &ClientMessage) -> String {
        message.words()
    }
}

fn start(me: Process) -> Step<UnreplicatedState, ClientMessage> {
    Step::quiet(match me {
        Process::Server(_) => UnreplicatedState::Server { register: None },
        Process::Client(_) => UnreplicatedState::Client(ClientState::default()),
    })
}

/// One round where clients ask this server.
fn step(
    server: Process,
    state: &UnreplicatedState,
    request: Option<&Request>,
    received: &[(Process, ClientMessage)],
) -> Step<UnreplicatedState, ClientMessage> {
    match state {
        UnreplicatedState::Server { register } => server_step(register.as_ref(), received),
        UnreplicatedState::Client(client) => {
            let asked = std::iter::once(server);
            let step = client::step(client, asked, request, received.iter().map(|(_, message)| message));
            Step { state: UnreplicatedState::Client(step.state), send: step.send, response: step.response }
        }
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
