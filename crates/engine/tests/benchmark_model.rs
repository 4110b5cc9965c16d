//! The benchmark model PB(n, m, f, R): a register with a primary, n servers, m clients, at most f servers
//! and any clients omission-faulty, R rounds. The counts are those that three other model checkers gave for
//! the same transition system.

use threeworlds_engine::{Count, Resources, count};
use threeworlds_model::{FaultClass, Process, Protocol, Question, Request, Step, System, Workload};

struct Register;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum State {
    Server { system: System, value: u16, view: u16, wrote: Vec<u16> },
    Client { servers: u16, decided: u16 },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Message {
    State(u16),
    Response(u16),
    Write(u16),
}

impl Register {
    fn send(me: Process, state: &State) -> Vec<(Process, Message)> {
        match state {
            State::Server { system, value, view, wrote } => {
                let others = system.server_ids().filter(|&other| other != me);
                let mut send: Vec<_> = others.map(|other| (other, Message::State(*value))).collect();
                if *view == me.number() && *value != 0 {
                    send.extend(
                        wrote.iter().map(|&client| (Process::Client(client), Message::Response(*value))),
                    );
                }
                send
            }
            State::Client { servers, decided: 0 } => {
                (1..=*servers).map(|server| (Process::Server(server), Message::Write(me.number()))).collect()
            }
            State::Client { .. } => Vec::new(),
        }
    }
}

impl Protocol for Register {
    type State = State;
    type Message = Message;

    fn start(&self, me: Process, system: &System) -> Step<State, Message> {
        let state = if me.is_client() {
            State::Client { servers: system.servers, decided: 0 }
        } else {
            State::Server { system: *system, value: 0, view: 1, wrote: Vec::new() }
        };
        Step { send: Register::send(me, &state), state, response: None }
    }

    fn step(
        &self,
        me: Process,
        state: &State,
        _: Option<&Request>,
        received: &[(Process, Message)],
    ) -> Step<State, Message> {
        let state = match state {
            State::Server { system, value, .. } => {
                let heard =
                    received.iter().filter(|(from, _)| !from.is_client()).map(|(from, _)| from.number());
                let view = heard.chain([me.number()]).min().expect("a server hears itself");
                let wrote: Vec<u16> = received
                    .iter()
                    .filter_map(
                        |(_, message)| {
                            if let Message::Write(client) = message { Some(*client) } else { None }
                        },
                    )
                    .collect();
                let copied = received.iter().find_map(|(_, message)| match message {
                    Message::State(value) if *value != 0 => Some(*value),
                    _ => None,
                });
                let value = match (*value, view == me.number()) {
                    (0, true) => wrote.iter().min().copied().unwrap_or(0),
                    (0, false) => copied.unwrap_or(0),
                    (value, _) => value,
                };
                State::Server { system: *system, value, view, wrote }
            }
            State::Client { servers, decided: 0 } => {
                let told = received.iter().find_map(|(_, message)| match message {
                    Message::Response(value) => Some(*value),
                    _ => None,
                });
                State::Client { servers: *servers, decided: told.unwrap_or(0) }
            }
            decided => decided.clone(),
        };
        Step { send: Register::send(me, &state), state, response: None }
    }
}

/// Clients that were told different values.
fn disagree(clients: &[&State]) -> bool {
    let decided = clients.iter().filter_map(|client| match client {
        State::Client { decided, .. } if *decided != 0 => Some(*decided),
        _ => None,
    });
    decided.collect::<std::collections::BTreeSet<u16>>().len() > 1
}

fn counted(servers: usize, clients: usize, faults: usize, rounds: u16) -> Count {
    let mut question =
        Question::usual(servers, faults, clients, FaultClass::Omission, FaultClass::Omission).unwrap();
    question.workload = Workload::empty(&question.system);
    count(&question, rounds, &Register, Resources::default(), Some(&disagree)).unwrap().unwrap()
}

#[test]
fn the_counts_of_other_checkers() {
    for ((servers, clients, faults, rounds), states, transitions, violating) in [
        ((2, 2, 1, 4), 8_634, 109_972, 1_070),
        ((3, 2, 1, 3), 57_159, 3_363_680, 6_796),
        ((3, 3, 1, 2), 659_371, 42_158_178, 143_360),
        ((3, 2, 2, 4), 553_505, 61_058_928, 87_105),
    ] {
        let found = counted(servers, clients, faults, rounds);
        assert_eq!(found, Count { states, transitions, violating }, "{servers},{clients},{faults},{rounds}");
    }
}
