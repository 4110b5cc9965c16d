//! A protocol of one's own: two servers, and a primary that does not wait. It tells the backup and the
//! client in the same round, the backup first. Under which faults is that enough? The tests ask.

use threeworlds_model::{Process, Protocol, Request, Response, Step, System, Value};

/// The protocol. A protocol with settings keeps them here.
pub struct EagerPrimary;

/// What a process remembers from one round to the next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum State {
    /// A server: whether it leads, and the register.
    Server { leads: bool, register: Option<Value> },
    /// A client: the request that is not answered yet.
    Client { pending: Option<Request> },
}

/// What processes send.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Message {
    /// From a server to the other, in every round: I am alive, and this is my register.
    Copy(Option<Value>),
    /// From a client to both servers.
    Ask(Request),
    /// From the leader to a client: the register.
    Tell(Option<Value>),
}

impl Protocol for EagerPrimary {
    type State = State;
    type Message = Message;

    fn start(&self, me: Process, _: &System) -> Step<State, Message> {
        match me {
            Process::Server(number) => Step {
                state: State::Server { leads: number == 1, register: None },
                send: vec![(other(me), Message::Copy(None))],
                response: None,
            },
            Process::Client(_) => Step::quiet(State::Client { pending: None }),
        }
    }

    fn step(
        &self,
        me: Process,
        state: &State,
        request: Option<&Request>,
        received: &[(Process, Message)],
    ) -> Step<State, Message> {
        match state {
            State::Server { leads, register } => server(me, *leads, register.clone(), received),
            State::Client { pending } => client(request.or(pending.as_ref()), received),
        }
    }

    /// Words for the diagrams; without this they show the message as Rust prints it.
    fn describe(&self, message: &Message) -> String {
        let or_nothing = |value: &Option<Value>| value.as_ref().map_or("(nothing)".into(), Value::to_string);
        match message {
            Message::Copy(register) => format!("copy {}", or_nothing(register)),
            Message::Ask(request) => request.to_string(),
            Message::Tell(register) => format!("tell {}", or_nothing(register)),
        }
    }
}

fn other(me: Process) -> Process {
    Process::Server(3 - me.number())
}

/// One round of a server that led or not and had this register.
fn server(
    me: Process,
    led: bool,
    old: Option<Value>,
    received: &[(Process, Message)],
) -> Step<State, Message> {
    let copy = received.iter().find_map(|(_, message)| match message {
        Message::Copy(register) => Some(register.clone()),
        _ => None,
    });
    let asking = || {
        received.iter().filter_map(|(client, message)| match message {
            Message::Ask(request) => Some((*client, request)),
            _ => None,
        })
    };
    // Whoever hears nothing from the primary takes over.
    let leads = led || copy.is_none();
    let written = || asking().find_map(|(_, request)| request.value().cloned());
    let register = old.or_else(|| if leads { written() } else { copy.flatten() });

    let mut send = vec![(other(me), Message::Copy(register.clone()))];
    if leads {
        send.extend(asking().map(|(client, _)| (client, Message::Tell(register.clone()))));
    }
    Step { state: State::Server { leads, register }, send, response: None }
}

/// One round of a client with this request: ask both servers again until one tells.
fn client(pending: Option<&Request>, received: &[(Process, Message)]) -> Step<State, Message> {
    let Some(request) = pending else { return Step::quiet(State::Client { pending: None }) };
    let told = received.iter().find_map(|(_, message)| match message {
        // What was told to an earlier read is no answer to a write.
        Message::Tell(value) if value.is_some() || *request == Request::Read {} => Some(value.clone()),
        _ => None,
    });
    match told {
        Some(value) => Step {
            state: State::Client { pending: None },
            send: Vec::new(),
            response: Some(Response::Value(value)),
        },
        None => Step {
            state: State::Client { pending: Some(request.clone()) },
            send: [1, 2].map(|number| (Process::Server(number), Message::Ask(request.clone()))).into(),
            response: None,
        },
    }
}
