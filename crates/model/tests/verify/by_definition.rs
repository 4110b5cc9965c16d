//! Whether an execution is correct, straight from the words of the model: no part of the crate's own
//! replay, monitor or fault rules is used.

use std::collections::{BTreeMap, BTreeSet};

use threeworlds_model::{
    Capability, Charge, CrashDelivery, Execution, Process, Property, Protocol, Request, Task, Timing,
};

use crate::faults;
use crate::judge::{self, Record};
use crate::worlds::{Islands, Message, State};

type Local = (State, Vec<(Process, Message)>);

/// What matters for the future at the end of a round.
#[derive(Debug, Clone, PartialEq)]
struct Situation {
    alive: BTreeMap<Process, Local>,
    issued: BTreeMap<Process, usize>,
    waiting: BTreeMap<Process, Request>,
}

/// Why an execution is not correct, in a word.
pub(crate) fn check(execution: &Execution) -> Result<(), &'static str> {
    let question = &execution.question;
    let system = &question.system;
    let protocol = Islands::new(question);
    let capability = |process: &Process| execution.faulty.get(process).map(|fault| fault.0);
    let gst = execution.gst.map_or(usize::MAX, |gst| gst as usize);
    ensure(question.timing == Timing::PartialSynchrony || execution.gst.is_none(), "GST in lock-step")?;

    // What a process turns out to do is something that its class may do.
    let fits = |class, capability| {
        faults::ALL
            .iter()
            .flatten()
            .any(|&side| faults::is_side(class, side) && faults::is_within(Some(capability), Some(side)))
    };
    let faulty: Vec<_> = execution.faulty.iter().map(|(&process, fault)| (process, fault.0)).collect();
    ensure(faults::allowed(&question.fault_model, &faulty, &fits), "faulty set")?;

    let mut now = Situation {
        alive: system
            .processes()
            .map(|process| {
                let step = protocol.start(process, system);
                (process, (step.state, step.send))
            })
            .collect(),
        issued: system.client_ids().map(|client| (client, 0)).collect(),
        waiting: BTreeMap::new(),
    };
    let mut before: Vec<Situation> = Vec::new();
    let mut history: Vec<Record> = Vec::new();
    for (number, round) in (1..).zip(&execution.rounds) {
        before.push(now.clone());
        // (1) Requests reach their clients.
        for (client, request) in &round.requests {
            ensure(now.alive.contains_key(client), "request to a client that has stopped")?;
            ensure(!now.waiting.contains_key(client), "request while one is outstanding")?;
            let next = question.workload.of(*client).get(now.issued[client]);
            ensure(next == Some(request), "request that is not the next one")?;
            *now.issued.get_mut(client).unwrap() += 1;
            now.waiting.insert(*client, request.clone());
            history.push(Record {
                client: *client,
                request: request.clone(),
                issued: number,
                answered: None,
            });
        }
        // (2) Every live process sends.
        let sent: Vec<(Process, Process, String)> = now
            .alive
            .iter()
            .flat_map(|(&from, (_, send))| {
                send.iter().map(move |(to, words)| (from, *to, format!("{words:?}")))
            })
            .collect();
        let recorded: Vec<(Process, Process, String)> = round
            .messages
            .iter()
            .map(|one| (one.from, one.to, one.message.as_str().unwrap_or("not a text").to_owned()))
            .collect();
        ensure(sent == recorded, "messages")?;
        // (3) The adversary.
        let crashing: BTreeSet<Process> = round.crashes.iter().copied().collect();
        for process in &crashing {
            ensure(now.alive.contains_key(process), "crash of a process that has stopped")?;
            ensure(capability(process) == Some(Capability::Crash), "crash of a process of another class")?;
        }
        for one in &round.messages {
            let may = match one.removed {
                None => true,
                Some(Charge::Timing) => question.timing == Timing::PartialSynchrony && number < gst,
                Some(Charge::Process(process)) => match capability(&process) {
                    None => false,
                    Some(Capability::Crash) => process == one.from && crashing.contains(&process),
                    Some(Capability::OmitSends) => process == one.from,
                    Some(Capability::OmitReceives) => process == one.to,
                    Some(Capability::OmitBoth) => process == one.from || process == one.to,
                },
            };
            ensure(may, "removal")?;
        }
        if question.crash_delivery == CrashDelivery::Prefix {
            for &process in &crashing {
                let reads = |to: &Process| now.alive.contains_key(to) && !crashing.contains(to);
                let own: Vec<Option<Charge>> = round
                    .messages
                    .iter()
                    .filter(|one| one.from == process && reads(&one.to))
                    .map(|one| one.removed)
                    .collect();
                let is_prefix = |length: usize| {
                    own[..length].iter().all(|removed| *removed != Some(Charge::Process(process)))
                        && own[length..].iter().all(Option::is_some)
                };
                ensure((0..=own.len()).any(is_prefix), "prefix")?;
            }
        }
        // (4) Every live process takes a step.
        let mut responses = BTreeMap::new();
        let mut alive = BTreeMap::new();
        for (&process, (state, _)) in now.alive.iter().filter(|(process, _)| !crashing.contains(process)) {
            let arrives = |from: Process| {
                let mut messages = round.messages.iter();
                messages.any(|one| (one.from, one.to) == (from, process) && one.removed.is_none())
            };
            let mut received = Vec::new();
            for (&from, (_, send)) in &now.alive {
                let own = send.iter().filter(|(to, _)| *to == process && arrives(from));
                received.extend(own.map(|(_, message)| (from, message.clone())));
            }
            let step = protocol.step(process, state, round.requests.get(&process), &received);
            responses.extend(step.response.map(|response| (process, response)));
            alive.insert(process, (step.state, step.send));
        }
        now.alive = alive;
        ensure(responses == round.responses, "responses")?;
        for (client, response) in responses {
            ensure(now.waiting.remove(&client).is_some(), "response without a request")?;
            let form = match question.task {
                Task::WriteOnceRegister | Task::Register => {
                    matches!(response, threeworlds_model::Response::Value(_))
                }
                Task::KeyValueStore | Task::Bank => {
                    matches!(response, threeworlds_model::Response::Output(_))
                }
                Task::Log => matches!(response, threeworlds_model::Response::Log(_)),
            };
            ensure(form, "form of a response")?;
            let open = history.iter_mut().find(|one| one.client == client && one.answered.is_none());
            open.unwrap().answered = Some((number, response));
        }
    }

    // The rounds of a loop repeat for ever, so what they start from is what they lead to.
    let mut looped: &[Situation] = &[];
    if let Some(first) = execution.loop_from_round {
        let first = first as usize;
        ensure((1..=execution.rounds.len()).contains(&first), "rounds of the loop")?;
        looped = &before[first - 1..];
        ensure(looped[0] == now, "loop")?;
        ensure(question.timing == Timing::LockStep || gst <= first, "loop before GST")?;
    }
    let Some(claim) = &execution.claim else { return Ok(()) };
    if claim.property == Property::Termination {
        let waits = |client: &Process| looped.iter().all(|situation| situation.waiting.contains_key(client));
        let mut clients = system.client_ids();
        let starves = clients.any(|client| !execution.faulty.contains_key(&client) && waits(&client));
        return ensure(!looped.is_empty() && starves, "claim of Termination");
    }
    let rounds = execution.rounds.len();
    let violated = judge::first_violation(&history, question.task, question.consistency, rounds);
    ensure(violated.is_some_and(|(_, property)| property == claim.property), "claim of safety")
}

fn ensure(holds: bool, what: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(what) }
}
