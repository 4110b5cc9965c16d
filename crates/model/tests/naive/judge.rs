//! The safety properties by the words of the model, judged on whole histories after the fact.

use serde_json::{Value as Json, json};
use threeworlds_model::{Consistency, Process, Property, Request, Response, Task, Value};

/// A request with its round, and the response with its round.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) client: Process,
    pub(crate) request: Request,
    pub(crate) issued: usize,
    pub(crate) answered: Option<(usize, Response)>,
}

/// The first round in which a property is violated, and the first of the properties that are, in the order
/// Agreement, Validity, Correctness.
pub(crate) fn first_violation(
    history: &[Record],
    task: Task,
    consistency: Consistency,
    rounds: usize,
) -> Option<(usize, Property)> {
    (1..=rounds).find_map(|round| {
        let so_far = until(history, round);
        violated(&so_far, task, consistency).first().map(|&property| (round, property))
    })
}

/// The history at the end of a round.
pub(crate) fn until(history: &[Record], round: usize) -> Vec<Record> {
    let mut so_far: Vec<Record> = history.iter().filter(|record| record.issued <= round).cloned().collect();
    for record in &mut so_far {
        record.answered = record.answered.take().filter(|(answered, _)| *answered <= round);
    }
    so_far
}

/// The properties that a history violates.
pub(crate) fn violated(history: &[Record], task: Task, consistency: Consistency) -> Vec<Property> {
    let mut found = Vec::new();
    let mut note = |property, holds: bool| found.extend((!holds).then_some(property));
    match (consistency, task) {
        (Consistency::Properties, Task::WriteOnceRegister) => {
            note(Property::Agreement, register_agreement(history));
            note(Property::Validity, register_validity(history));
            note(Property::Correctness, register_correctness(history));
        }
        (Consistency::Properties, Task::Log) => {
            note(Property::Agreement, log_agreement(history));
            note(Property::Validity, log_validity(history));
            note(Property::Correctness, log_correctness(history));
        }
        (Consistency::Linearizable, _) | (_, Task::Register | Task::KeyValueStore | Task::Bank) => {
            note(Property::Linearizability, linearizable(history, task));
        }
    }
    found
}

fn answers(history: &[Record]) -> impl Iterator<Item = (&Record, usize, &Response)> {
    history.iter().filter_map(|record| {
        let (answered, response) = record.answered.as_ref()?;
        Some((record, *answered, response))
    })
}

/// Any two responses other than bottom are equal.
fn register_agreement(history: &[Record]) -> bool {
    let bottom = Response::Value(None);
    answers(history)
        .all(|(_, _, one)| answers(history).all(|(_, _, two)| *one == bottom || *two == bottom || one == two))
}

/// A response other than bottom is the value of some write request issued so far.
fn register_validity(history: &[Record]) -> bool {
    answers(history).all(|(_, answered, response)| match response {
        Response::Value(Some(value)) => history.iter().any(|other| {
            other.issued <= answered && other.request == Request::Write { value: value.clone() }
        }),
        _ => true,
    })
}

/// A response to a write, and any response to a request that started after a response to a write arrived,
/// is not bottom.
fn register_correctness(history: &[Record]) -> bool {
    let is_write = |record: &Record| matches!(record.request, Request::Write { .. });
    answers(history).all(|(record, _, response)| {
        let after_write =
            answers(history).any(|(other, arrived, _)| is_write(other) && record.issued > arrived);
        !(is_write(record) || after_write) || *response != Response::Value(None)
    })
}

fn log(response: &Response) -> &[Value] {
    match response {
        Response::Log(entries) => entries,
        Response::Value(_) | Response::Output(_) => panic!("a response of the other task"),
    }
}

/// Of any two responses one is a prefix of the other.
fn log_agreement(history: &[Record]) -> bool {
    answers(history).all(|(_, _, one)| {
        answers(history).all(|(_, _, two)| {
            let shorter = log(one).len().min(log(two).len());
            log(one)[..shorter] == log(two)[..shorter]
        })
    })
}

/// The entries map one to one to requests issued so far.
fn log_validity(history: &[Record]) -> bool {
    answers(history).all(|(_, answered, response)| {
        let appends = |value: &Value| {
            let alike = Request::Append { value: value.clone() };
            history.iter().filter(|other| other.issued <= answered && other.request == alike).count()
        };
        let entries = |value: &Value| log(response).iter().filter(|entry| *entry == value).count();
        log(response).iter().all(|value| entries(value) <= appends(value))
    })
}

/// The response to `append(v)`, and to any request that started after that response, contains `v`.
fn log_correctness(history: &[Record]) -> bool {
    answers(history).all(|(appended, arrived, _)| match &appended.request {
        Request::Append { value } => answers(history).all(|(record, _, response)| {
            let same = record.client == appended.client && record.issued == appended.issued;
            !(same || record.issued > arrived) || log(response).contains(value)
        }),
        _ => true,
    })
}

/// Some order of all answered requests and of some of the others respects rounds (started after: in a
/// strictly later round than the response) and is what one object answers.
fn linearizable(history: &[Record], task: Task) -> bool {
    /// Whether the requests that are not in `order` can follow it; `order` explains all it contains.
    fn extend(history: &[Record], task: Task, order: &mut Vec<usize>) -> bool {
        if (0..history.len()).all(|at| history[at].answered.is_none() || order.contains(&at)) {
            return true;
        }
        for at in 0..history.len() {
            let ends_before = |&other: &usize| {
                let end = history[other].answered.as_ref().map(|(round, _)| *round);
                other != at && end.is_some_and(|end| end < history[at].issued)
            };
            if order.contains(&at)
                || !(0..history.len()).filter(ends_before).all(|other| order.contains(&other))
            {
                continue;
            }
            order.push(at);
            if explained(history, task, order) && extend(history, task, order) {
                return true;
            }
            order.pop();
        }
        false
    }
    extend(history, task, &mut Vec::new())
}

/// Whether the last request of this order is answered what one object answers, if it is answered.
fn explained(history: &[Record], task: Task, order: &[usize]) -> bool {
    let mut register: Option<Value> = None;
    let mut entries: Vec<Value> = Vec::new();
    let mut commands: Vec<Json> = Vec::new();
    for &at in order {
        match &history[at].request {
            Request::Write { value } if task == Task::Register => register = Some(value.clone()),
            Request::Write { value } => register = register.or_else(|| Some(value.clone())),
            Request::Append { value } => entries.push(value.clone()),
            Request::Read {} => {}
            Request::Command { command } => commands.push(command.value()),
        }
    }
    let last = order.last().expect("the order is not empty");
    match &history[*last].answered {
        None => true,
        Some((_, Response::Value(value))) => *value == register,
        Some((_, Response::Log(log))) => *log == entries,
        Some((_, Response::Output(output))) => match task {
            Task::KeyValueStore => output.value() == last_output_of_key_value_store(&commands),
            _ => output.value() == last_output_of_bank(&commands),
        },
    }
}

/// What the last of these commands answers: looks back for whatever set the key last.
fn last_output_of_key_value_store(commands: &[Json]) -> Json {
    /// The value of a key after these commands.
    fn value(commands: &[Json], key: &Json) -> Json {
        let Some((last, before)) = commands.split_last() else { return Json::Null };
        match last.as_array().unwrap().as_slice() {
            [name, other, new] if name == "write" && other == key => new.clone(),
            [name, other, from, to] if name == "cas" && other == key && value(before, key) == *from => {
                to.clone()
            }
            _ => value(before, key),
        }
    }
    let (last, before) = commands.split_last().unwrap();
    if last[0] == "write" { Json::Null } else { value(before, &last[1]) }
}

/// What the last of these commands answers: adds up all transfers that were done.
fn last_output_of_bank(commands: &[Json]) -> Json {
    /// The balance of an account after these commands.
    fn balance(commands: &[Json], account: &Json) -> i64 {
        let mut balance = 10;
        for (at, command) in commands.iter().enumerate() {
            if done(&commands[..at], command) {
                let amount = command[3].as_i64().unwrap();
                balance += if command[2] == *account { amount } else { 0 };
                balance -= if command[1] == *account { amount } else { 0 };
            }
        }
        balance
    }
    fn done(before: &[Json], command: &Json) -> bool {
        command[0] == "transfer" && balance(before, &command[1]) >= command[3].as_i64().unwrap()
    }
    let (last, before) = commands.split_last().unwrap();
    if last[0] == "balance" { json!(balance(before, &last[1])) } else { json!(done(before, last)) }
}
