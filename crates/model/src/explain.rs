use crate::execution::{Claim, Execution};
use crate::process::Process;
use crate::request::{Request, Response, Value};
use crate::task::{Property, Task};

/// The claim that an execution violates a property, in a sentence that names who was told what and when. It
/// does not judge: [`violation`](crate::violation) and [`verify`](crate::verify) do.
pub fn claim(execution: &Execution, property: Property) -> Claim {
    let explanation = match property {
        Property::Agreement => agreement(execution),
        Property::Validity => validity(execution),
        Property::Correctness => correctness(execution),
        Property::Linearizability => linearizability(execution),
        Property::Termination => termination(execution),
    };
    Claim { property, explanation }
}

/// A response with its request and their rounds.
struct Answered<'a> {
    client: Process,
    request: &'a Request,
    issued: usize,
    answered: usize,
    response: &'a Response,
}

fn answered(execution: &Execution) -> Vec<Answered<'_>> {
    let mut all = Vec::new();
    for client in execution.question.system.client_ids() {
        let mut outstanding = None;
        for (number, round) in (1..).zip(&execution.rounds) {
            if let Some(request) = round.requests.get(&client) {
                outstanding = Some((request, number));
            }
            if let (Some(response), Some((request, issued))) = (round.responses.get(&client), outstanding) {
                all.push(Answered { client, request, issued, answered: number, response });
            }
        }
    }
    all.sort_by_key(|one| (one.answered, one.client));
    all
}

fn agreement(execution: &Execution) -> String {
    let all = answered(execution);
    let contradict = |one: &Response, two: &Response| match (one, two) {
        (Response::Value(Some(one)), Response::Value(Some(two))) => one != two,
        (Response::Log(one), Response::Log(two)) => !one.starts_with(two) && !two.starts_with(one),
        _ => false,
    };
    for (position, later) in all.iter().enumerate() {
        for earlier in &all[..position] {
            if contradict(earlier.response, later.response) {
                let told = |one: &Answered<'_>| {
                    format!("{} is told {} in round {}", one.client, one.response, one.answered)
                };
                return format!("{}, but {}", told(earlier), told(later));
            }
        }
    }
    "two responses contradict each other".to_owned()
}

fn validity(execution: &Execution) -> String {
    let verb = execution.question.task.update();
    for one in answered(execution) {
        let mut asked: Vec<&Value> = execution.rounds[..one.answered]
            .iter()
            .flat_map(|round| round.requests.values())
            .filter_map(Request::value)
            .collect();
        let shown: Vec<&Value> = match one.response {
            Response::Value(value) => value.iter().collect(),
            Response::Log(log) => log.iter().collect(),
            Response::Output(_) => Vec::new(),
        };
        for value in shown {
            let Some(position) = asked.iter().position(|other| *other == value) else {
                let told = format!("{} is told {} in round {}", one.client, one.response, one.answered);
                let often = match execution.question.task {
                    Task::Log => " so often",
                    _ => "",
                };
                return format!("{told}, but nobody had asked to {verb} {value}{often}");
            };
            // A register's value may be shown any number of times, a log's entry once for each request.
            if execution.question.task == Task::Log {
                asked.swap_remove(position);
            }
        }
    }
    "a response shows what nobody asked for".to_owned()
}

fn correctness(execution: &Execution) -> String {
    let all = answered(execution);
    for one in &all {
        let told = format!("{}'s {} is told {}", one.client, one.request, one.response);
        let lacks = |value: &Value| match one.response {
            Response::Value(value) => value.is_none(),
            Response::Log(log) => !log.contains(value),
            Response::Output(_) => false,
        };
        if let Some(value) = one.request.value()
            && lacks(value)
        {
            return format!("{told} in round {}", one.answered);
        }
        for earlier in all.iter().filter(|earlier| earlier.answered < one.issued) {
            if let Some(value) = earlier.request.value()
                && lacks(value)
            {
                let (client, request, round) = (earlier.client, earlier.request, earlier.answered);
                return format!(
                    "{client}'s {request} was answered in round {round}, but {told}, though it started later, in round {}",
                    one.issued
                );
            }
        }
    }
    "what was acknowledged is missing".to_owned()
}

fn linearizability(execution: &Execution) -> String {
    let all = answered(execution);
    let words: Vec<String> = all
        .iter()
        .map(|one| {
            format!(
                "{} {} = {} (rounds {} to {})",
                one.client, one.request, one.response, one.issued, one.answered
            )
        })
        .collect();
    format!("no order of the requests explains {}", words.join(", "))
}

fn termination(execution: &Execution) -> String {
    let last = execution.rounds.len();
    let first = execution.loop_from_round.unwrap_or(1);
    let waiting = |client: &Process| {
        let mut asked = None;
        for (number, round) in (1..).zip(&execution.rounds) {
            if let Some(request) = round.requests.get(client) {
                asked = Some((number, request));
            }
            if round.responses.contains_key(client) {
                asked = None;
            }
        }
        asked
            .filter(|_| !execution.faulty.contains_key(client))
            .map(|(round, request)| (*client, round, request))
    };
    let found = execution.question.system.client_ids().find_map(|client| waiting(&client));
    let Some((client, round, request)) = found else { return "a request is never answered".to_owned() };
    let repeats = if first as usize == last {
        format!("round {first} repeats for ever")
    } else {
        format!("rounds {first} to {last} repeat for ever")
    };
    format!("{client}, which is not faulty, asks {request} in round {round} and is never answered: {repeats}")
}
