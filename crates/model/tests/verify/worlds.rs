//! A small protocol that is wrong in many ways, and executions of it that show them.

use std::collections::{BTreeMap, BTreeSet};

use threeworlds_model::{
    Capability, Charge, Claim, Consistency, CrashDelivery, Execution, Fault, FaultClass, Moves, Process,
    Property, Protocol, Question, Replay, Request, Response, Step, System, Task, Timing, Value, Workload,
};

pub(crate) use Process::{Client, Server};

/// Every server keeps a log of its own, in the order in which it hears of updates, and answers at once.
/// Servers beat and count the beats, and nothing else of what they hear of each other counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Islands {
    system: System,
    task: Task,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum State {
    Server { entries: Vec<Value>, seen: BTreeSet<(Process, u16)>, beats: usize },
    Client { number: u16, pending: Option<Request> },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    Beat,
    Ask(u16, Request),
    Tell(u16, Vec<Value>),
}

impl Islands {
    pub(crate) fn new(question: &Question) -> Islands {
        Islands { system: question.system, task: question.task }
    }

    fn beats(&self, me: Process) -> Vec<(Process, Message)> {
        self.system.server_ids().filter(|&server| server != me).map(|to| (to, Message::Beat)).collect()
    }
}

impl Protocol for Islands {
    type State = State;
    type Message = Message;

    fn start(&self, me: Process, _: &System) -> Step<State, Message> {
        match me {
            Server(_) => {
                let state = State::Server { entries: Vec::new(), seen: BTreeSet::new(), beats: 0 };
                Step { state, send: self.beats(me), response: None }
            }
            Client(_) => Step::quiet(State::Client { number: 0, pending: None }),
        }
    }

    fn step(
        &self,
        me: Process,
        state: &State,
        request: Option<&Request>,
        received: &[(Process, Message)],
    ) -> Step<State, Message> {
        match state.clone() {
            State::Server { mut entries, mut seen, .. } => {
                let mut send = self.beats(me);
                for (from, message) in received {
                    let Message::Ask(number, request) = message else { continue };
                    if seen.insert((*from, *number)) {
                        entries.extend(request.value().cloned());
                    }
                    send.push((*from, Message::Tell(*number, entries.clone())));
                }
                let beats = received.iter().filter(|(_, message)| *message == Message::Beat).count();
                Step { state: State::Server { entries, seen, beats }, send, response: None }
            }
            State::Client { mut number, mut pending } => {
                if let Some(request) = request {
                    number += 1;
                    pending = Some(request.clone());
                }
                let Some(request) = pending else { return Step::quiet(State::Client { number, pending }) };
                let told = received.iter().find_map(|(_, message)| match message {
                    Message::Tell(of, entries) if *of == number => Some(entries.clone()),
                    _ => None,
                });
                if let Some(entries) = told {
                    let response = Some(match self.task {
                        Task::WriteOnceRegister => Response::Value(entries.first().cloned()),
                        Task::Register => Response::Value(entries.last().cloned()),
                        Task::Log => Response::Log(entries),
                        task => unreachable!("no execution of these tests is about {task}"),
                    });
                    return Step {
                        state: State::Client { number, pending: None },
                        send: Vec::new(),
                        response,
                    };
                }
                let ask = Message::Ask(number, request.clone());
                let send = self.system.server_ids().map(|server| (server, ask.clone())).collect();
                Step { state: State::Client { number, pending: Some(request) }, send, response: None }
            }
        }
    }
}

/// What is to happen: requests and crashes by round, and who is charged with each message that is lost.
struct Plan<'a> {
    faulty: &'a [(Process, Capability)],
    requests: &'a [(usize, Process)],
    crashes: &'a [(usize, Process)],
    lost: &'a dyn Fn(usize, Process, Process) -> Option<Charge>,
    rounds: usize,
}

fn run(name: &str, question: Question, plan: &Plan<'_>) -> Execution {
    let protocol = Islands::new(&question);
    let mut replay = Replay::new(&question, &protocol).unwrap();
    for round in 1..=plan.rounds {
        let of = |all: &[(usize, Process)]| {
            all.iter().filter(|(number, _)| *number == round).map(|&(_, process)| process).collect()
        };
        let lost = |(from, to)| Some(((from, to), (plan.lost)(round, from, to)?));
        let removed: BTreeMap<_, _> = replay.sending().filter_map(lost).collect();
        replay.round(&Moves { requests: of(plan.requests), crashes: of(plan.crashes), removed }).unwrap();
    }
    let mut execution = Execution::new(name, "islands", question);
    execution.faulty =
        plan.faulty.iter().map(|&(process, capability)| (process, Fault(capability))).collect();
    execution.rounds = replay.into_rounds();
    execution
}

fn claim(mut execution: Execution, property: Property) -> Execution {
    execution.claim = Some(Claim { property, explanation: "as it is".into() });
    execution
}

fn usual(servers: usize, of_servers: FaultClass, of_clients: FaultClass) -> Question {
    Question::usual(servers, 1, 2, of_servers, of_clients).unwrap()
}

/// The link between {s1, c1} and {s2, c2}.
fn across(from: Process, to: Process) -> bool {
    from.number() != to.number()
}

/// World C: both sides ask, and each hears of itself only.
fn two_sides(name: &str, task: Task, consistency: Consistency, property: Property) -> Execution {
    let mut question = usual(2, FaultClass::Omission, FaultClass::Omission).with_task(task);
    question.consistency = consistency;
    let plan = Plan {
        faulty: &[(Server(2), Capability::OmitBoth), (Client(2), Capability::OmitBoth)],
        requests: &[(1, Client(1)), (1, Client(2))],
        crashes: &[],
        lost: &|_, from, to| {
            let faulty = if from.number() == 2 { from } else { to };
            across(from, to).then_some(Charge::Process(faulty))
        },
        rounds: 3,
    };
    claim(run(name, question, &plan), property)
}

/// c1 stops while it asks, so that s1 alone hears of it; s1 tells c2 of it and stops. `lost_of_s1` is what
/// does not arrive of its last messages.
fn crashes(name: &str, delivery: CrashDelivery, lost_of_s1: Process) -> Execution {
    let mut question = usual(2, FaultClass::Crash, FaultClass::Crash);
    question.crash_delivery = delivery;
    let plan = Plan {
        faulty: &[(Server(1), Capability::Crash), (Client(1), Capability::Crash)],
        requests: &[(1, Client(1)), (2, Client(2)), (5, Client(2))],
        crashes: &[(2, Client(1)), (5, Server(1))],
        lost: &|round, from, to| {
            let lost = [(2, Client(1), Server(2)), (5, Server(1), lost_of_s1)].contains(&(round, from, to));
            lost.then_some(Charge::Process(from))
        },
        rounds: 7,
    };
    claim(run(name, question, &plan), Property::Agreement)
}

/// Nobody fails; the two sides hear nothing of each other before GST.
fn before_gst() -> Execution {
    let mut question = usual(2, FaultClass::Crash, FaultClass::None);
    question.timing = Timing::PartialSynchrony;
    let plan = Plan {
        faulty: &[],
        requests: &[(1, Client(1)), (1, Client(2))],
        crashes: &[],
        lost: &|round, from, to| (round < 4 && across(from, to)).then_some(Charge::Timing),
        rounds: 5,
    };
    let mut execution = claim(run("before GST", question, &plan), Property::Agreement);
    execution.gst = Some(4);
    execution
}

/// The only server hears nothing, for ever.
fn lasso() -> Execution {
    let question = usual(1, FaultClass::SendOrReceiveOmission, FaultClass::Omission);
    let plan = Plan {
        faulty: &[(Server(1), Capability::OmitReceives)],
        requests: &[(1, Client(1))],
        crashes: &[],
        lost: &|_, _, to| (to == Server(1)).then_some(Charge::Process(to)),
        rounds: 4,
    };
    let mut execution = claim(run("lasso", question, &plan), Property::Termination);
    execution.loop_from_round = Some(2);
    execution
}

/// The same under partial synchrony: nobody is charged before GST.
fn lasso_after_gst() -> Execution {
    let mut question = usual(1, FaultClass::Omission, FaultClass::Crash);
    question.timing = Timing::PartialSynchrony;
    let plan = Plan {
        faulty: &[(Server(1), Capability::OmitBoth), (Client(2), Capability::Crash)],
        requests: &[(1, Client(1)), (2, Client(2))],
        crashes: &[(3, Client(2))],
        lost: &|round, from, to| match (round, to) {
            (..=2, _) => Some(Charge::Timing),
            (_, Server(1)) if from == Client(1) => Some(Charge::Process(Server(1))),
            (_, Client(2)) | (3, Server(1)) => {
                Some(Charge::Process(if round == 3 { from } else { Server(1) }))
            }
            _ => None,
        },
        rounds: 6,
    };
    let mut execution = claim(run("lasso after GST", question, &plan), Property::Termination);
    execution.gst = Some(3);
    execution.loop_from_round = Some(6);
    execution
}

/// A write was answered, and a read that started after it is told that there is none.
fn forgotten() -> Execution {
    let mut question = usual(2, FaultClass::ReceiveOmission, FaultClass::ReceiveOmission);
    question.workload =
        Workload::parse("c1: write; c2: read, read", question.task, &question.system).unwrap();
    let plan = Plan {
        faulty: &[(Server(2), Capability::OmitReceives), (Client(2), Capability::OmitReceives)],
        requests: &[(1, Client(1)), (4, Client(2))],
        crashes: &[],
        lost: &|_, from, to| {
            let lost = (from, to) == (Client(1), Server(2)) || (from, to) == (Server(1), Client(2));
            lost.then_some(Charge::Process(to))
        },
        rounds: 6,
    };
    claim(run("forgotten", question, &plan), Property::Correctness)
}

/// All is well.
fn quiet() -> Execution {
    let question = Question::usual(1, 0, 2, FaultClass::None, FaultClass::None).unwrap().with_task(Task::Log);
    let plan = Plan {
        faulty: &[],
        requests: &[(1, Client(1)), (2, Client(2)), (4, Client(1))],
        crashes: &[],
        lost: &|_, _, _| None,
        rounds: 7,
    };
    run("quiet", question, &plan)
}

/// Executions of [`Islands`] that are correct as they stand.
pub(crate) fn all() -> Vec<Execution> {
    vec![
        two_sides("register", Task::WriteOnceRegister, Consistency::Properties, Property::Agreement),
        two_sides("log", Task::Log, Consistency::Properties, Property::Agreement),
        two_sides("linearizable", Task::Log, Consistency::Linearizable, Property::Linearizability),
        crashes("crash, any subset", CrashDelivery::AnySubset, Server(2)),
        crashes("crash, prefix", CrashDelivery::Prefix, Client(2)),
        before_gst(),
        lasso(),
        lasso_after_gst(),
        forgotten(),
        quiet(),
    ]
}
