//! Whether a history is linearizable: which algorithm judges which object, and what is to blame.

mod blame;
mod budget;
mod compile;
mod log;
mod machine;
mod part;
mod search;
mod write_once;
mod zones;

use crate::check::blame::Trial;
use crate::check::budget::Budget;
use crate::check::compile::Program;
use crate::check::part::{Part, parts, split};
use crate::check::search::{Found, search};
use crate::history::{Answer, Call, History, OperationId, Outcome};
use crate::model::{Model, ModelError, Object};
use crate::verdict::{Blame, Limits, StopReason, Unknown, Verdict};

/// Whether a history is linearizable: whether there is an order of all operations that were answered and of
/// some of the pending ones, in which whatever was over before another began comes before it, and in which
/// the object gives every answer that was given.
///
/// Operations with different keys are on different objects, which are judged one by one. Cost for n
/// operations: n log n for registers whose written values are all different, for write-once registers and
/// for logs whose entries are all different. Everything else is searched, in time proportional to n times
/// the number of configurations, which can be exponential in how many operations are open at the same time.
///
/// An error if the model has no such operations.
pub fn check(history: &History, model: &Model, mut limits: Limits<'_>) -> Result<Verdict, ModelError> {
    model.admits(history)?;
    let mut budget = Budget::new(&mut limits, history.operations().len());
    let mut room = zones::Room::default();
    let mut verdict = Verdict::Legal;
    let mut judge = |part: &Part| match check_part(history, model, part, &mut room, &mut budget) {
        Ok(None) => true,
        Ok(Some(mut blame)) => {
            blame.key = part.operations.first().and_then(|&id| history.operations[id as usize].key);
            verdict = Verdict::Illegal(blame);
            false
        }
        Err(reason) => {
            let explored = budget.progress;
            verdict = Verdict::Unknown(Unknown { reason, explored });
            budget.stopped().is_none()
        }
    };
    for part in parts(history) {
        let by_element = model.object == Object::Set && !reads_whole(history, &part);
        let go_on = if by_element {
            let element = |id: OperationId| match history.operations[id].call {
                Call::Add(value) | Call::Remove(value) | Call::Contains(value) => Some(value),
                _ => None,
            };
            split(part.operations, element).iter().all(&mut judge)
        } else {
            judge(&part)
        };
        if !go_on {
            break;
        }
    }
    Ok(verdict)
}

/// Whether some answer shows more than one element of a set.
fn reads_whole(history: &History, part: &Part) -> bool {
    part.operations.iter().any(|&id| {
        let operation = &history.operations[id as usize];
        operation.call == Call::Read && matches!(operation.outcome, Outcome::Ok(_))
    })
}

/// What is to blame in the history of one object.
fn check_part(
    history: &History,
    model: &Model,
    part: &Part,
    room: &mut zones::Room,
    budget: &mut Budget<'_, '_>,
) -> Result<Option<Blame>, StopReason> {
    let mut program = match model.object {
        Object::Register | Object::CasRegister | Object::KeyValue => {
            let start = compile::register_start(history, model.initial.as_ref());
            if zones::apply(history, part, start, room) {
                return Ok(zones::conflict(history, part, start, room)
                    .map(|conflict| zones_blame(history, &conflict, start)));
            }
            Program::register(history, part, start)
        }
        Object::WriteOnceRegister => {
            let start = compile::register_start(history, model.initial.as_ref());
            return Ok(write_once::blame(history, part, start));
        }
        Object::AppendLog => {
            let start = compile::initial_content(history, model);
            if let Some(log) = log::Log::new(history, part, &start) {
                return Ok(log.blame());
            }
            Program::sequence(history, part, start)
        }
        Object::Set => {
            let start = compile::initial_content(history, model);
            if reads_whole(history, part) {
                Program::sequence(history, part, start)
            } else {
                let element = part.key.map(|value| value.0);
                Program::element(history, part, element.is_some_and(|value| start.contains(&value)))
            }
        }
        Object::Queue => Program::sequence(history, part, compile::initial_content(history, model)),
    };
    let items = program.items();
    match search(&mut *program.machine, &items, budget) {
        Found::Legal => Ok(None),
        Found::Illegal { last } => Ok(Some(search_blame(history, part, program, last, budget))),
        Found::Stopped(reason) => Err(reason),
    }
}

/// The configurations that the search for a smaller set of operations to blame may explore.
const BLAME_STEPS: u64 = 3_000_000;

/// A minimal set that contradicts itself. `last` is the place of the operation at which the search ended.
fn search_blame(
    history: &History,
    part: &Part,
    mut program: Program,
    last: u32,
    budget: &mut Budget<'_, '_>,
) -> Blame {
    budget.most_steps = budget.progress.steps + BLAME_STEPS;
    let mut trial = |set: &[u32]| {
        let mut sorted = set.to_vec();
        sorted.sort_unstable();
        let items = program.items_with(&sorted);
        match search(&mut *program.machine, &items, budget) {
            Found::Legal => Trial::Fine,
            Found::Illegal { .. } => Trial::Contradict,
            Found::Stopped(_) => Trial::Unknown,
        }
    };
    let operation = |place: u32| &history.operations[part.operations[place as usize] as usize];
    let all = 0..part.operations.len() as u32;
    let end = operation(last).completed;
    let before: Vec<u32> = all.clone().filter(|&place| operation(place).invoked < end).collect();
    let mut set = if trial(&before) == Trial::Contradict { before } else { all.collect() };
    // What does not speak of the values of the last operation can most likely go, so it is tried together.
    let values = values_of(history, operation(last).call, operation(last).outcome);
    let unrelated = |place: u32| {
        let operation = operation(place);
        !values_of(history, operation.call, operation.outcome).iter().any(|value| values.contains(value))
    };
    set.sort_by_key(|&place| (!unrelated(place), place));
    let (set, minimal) = blame::minimal(set, &mut trial);
    budget.most_steps = u64::MAX;
    let mut operations: Vec<OperationId> =
        set.iter().map(|&place| part.operations[place as usize] as usize).collect();
    operations.sort_unstable();
    let last = part.operations[last as usize] as usize;
    let why = if operations.len() == 1 {
        format!("{} is impossible, whatever else happened", history.describe(operations[0]))
    } else if operations.contains(&last) {
        format!(
            "there is no place for {} in any order of these {} operations that keeps real time",
            history.describe(last),
            operations.len()
        )
    } else {
        format!("these {} operations have no order that keeps real time", operations.len())
    };
    Blame { operations, key: None, minimal, why }
}

fn values_of(history: &History, call: Call, outcome: Outcome) -> Vec<u32> {
    let mut values = Vec::new();
    call.map(|value| values.push(value.0));
    match outcome {
        Outcome::Ok(Answer::Value(value)) => values.push(value.0),
        Outcome::Ok(Answer::List(id)) => values.extend(history.list(id).iter().map(|value| value.0)),
        _ => {}
    }
    values
}

fn zones_blame(history: &History, conflict: &zones::Conflict, start: u32) -> Blame {
    let set: Vec<u32> = conflict.operations().iter().map(|&id| id as u32).collect();
    let (operations, minimal) = match conflict {
        zones::Conflict::Overlap { .. } => blame::minimal(set, |set| {
            let operations: Vec<OperationId> = set.iter().map(|&id| id as usize).collect();
            if zones::contradict(history, &operations, start) { Trial::Contradict } else { Trial::Fine }
        }),
        _ => (set, true),
    };
    let mut operations: Vec<OperationId> = operations.iter().map(|&id| id as usize).collect();
    operations.sort_unstable();
    let why = match conflict {
        zones::Conflict::NeverWritten { read } => {
            format!("{}, which nobody wrote", history.describe(*read))
        }
        zones::Conflict::WriteRefused { read, write } => {
            format!("{}, although {}", history.describe(*read), history.describe(*write))
        }
        zones::Conflict::ReadTooEarly { read, write } => {
            format!("{}, and only after that began {}", history.describe(*read), history.describe(*write))
        }
        zones::Conflict::Overlap { .. } => zones::explain(history, &operations, start),
    };
    Blame { operations, key: None, minimal, why }
}
