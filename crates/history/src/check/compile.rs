//! Operations of a history as actions of a machine.

use serde_json::Value;

use crate::check::machine::{Cell, Machine, Need, Sequence, SequenceAction};
use crate::check::part::Part;
use crate::check::search::Item;
use crate::history::{Answer, Call, History, Operation, Outcome};
use crate::model::{Model, Object};
use crate::values::ValueId;

/// An operation as what it is, and as what remains of it when it is relaxed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compiled {
    /// Nothing if it says nothing and does nothing.
    strict: Option<u32>,
    /// The effect that it may have when nothing of its outcome is known.
    relaxed: Option<u32>,
    invoked: u32,
    completed: u32,
    pub(crate) id: u32,
}

/// The state of a register that has no value.
pub(crate) const NO_VALUE: u32 = 0;

/// The state of a register with this value.
pub(crate) fn register_state(value: ValueId) -> u32 {
    value.0 + 1
}

/// The initial state of a register. A value that no operation names gets the next number.
pub(crate) fn register_start(history: &History, initial: Option<&Value>) -> u32 {
    initial.map_or(NO_VALUE, |value| initial_value(history, value) + 1)
}

fn initial_value(history: &History, value: &Value) -> u32 {
    history.values.find(value).map_or(history.values.len() as u32, |id| id.0)
}

/// The initial content of a log, set or queue; different values that no operation names get numbers of their
/// own.
pub(crate) fn initial_content(history: &History, model: &Model) -> Vec<u32> {
    let Some(Value::Array(items)) = &model.initial else { return Vec::new() };
    let mut unknown: Vec<&Value> = Vec::new();
    let number = |value| {
        history.values.find(value).map_or_else(
            || {
                let place = unknown.iter().position(|&other| other == value).unwrap_or_else(|| {
                    unknown.push(value);
                    unknown.len() - 1
                });
                (history.values.len() + place) as u32
            },
            |id| id.0,
        )
    };
    let mut content: Vec<u32> = items.iter().map(number).collect();
    if model.object == Object::Set {
        content.sort_unstable();
        content.dedup();
    }
    content
}

/// A part of a history as items of a machine.
pub(crate) struct Program {
    pub(crate) machine: Box<dyn Machine>,
    pub(crate) operations: Vec<Compiled>,
}

impl Program {
    /// All operations as they are.
    pub(crate) fn items(&self) -> Vec<Item> {
        self.operations.iter().filter_map(Compiled::strict).collect()
    }

    /// Those at the given places (sorted) as they are, all others relaxed.
    pub(crate) fn items_with(&self, strict: &[u32]) -> Vec<Item> {
        let mut strict = strict.iter().peekable();
        self.operations
            .iter()
            .enumerate()
            .filter_map(|(place, one)| {
                if strict.next_if(|&&next| next as usize == place).is_some() {
                    one.strict()
                } else {
                    one.relaxed()
                }
            })
            .collect()
    }

    /// A register of any kind: read, write, compare-and-set.
    pub(crate) fn register(history: &History, part: &Part, start: u32) -> Self {
        let mut cell = Cell::new(start);
        let operations = compiled(history, part, |operation| {
            let Operation { call, outcome, .. } = *operation;
            match call {
                Call::Write(value) => {
                    let write = cell.action(Need::Any, Some(register_state(value)));
                    (Some(write), Some(write))
                }
                Call::CompareAndSet { from, to } => {
                    let (from, to) = (register_state(from), register_state(to));
                    let done = cell.action(Need::Is(from), Some(to));
                    let strict = match outcome {
                        Outcome::Ok(Answer::No) => cell.action(Need::Not(from), None),
                        Outcome::Ok(Answer::Nothing) => cell.action(Need::Is(NO_VALUE), None),
                        _ => done,
                    };
                    (Some(strict), (from != to).then_some(done))
                }
                _ => {
                    let strict = match outcome {
                        Outcome::Ok(Answer::Value(value)) => Some(register_state(value)),
                        Outcome::Ok(_) => Some(NO_VALUE),
                        _ => None,
                    };
                    (strict.map(|state| cell.action(Need::Is(state), None)), None)
                }
            }
        });
        Program { machine: Box::new(cell), operations }
    }

    /// One element of a set.
    pub(crate) fn element(history: &History, part: &Part, present: bool) -> Self {
        let mut cell = Cell::new(u32::from(present));
        let operations = compiled(history, part, |operation| {
            let (absent, present) = (Need::Is(0), Need::Is(1));
            let said = match operation.outcome {
                Outcome::Ok(Answer::Yes) => Some(true),
                Outcome::Ok(Answer::No) => Some(false),
                _ => None,
            };
            match operation.call {
                Call::Add(_) | Call::Remove(_) => {
                    let is_add = matches!(operation.call, Call::Add(_));
                    let (before, after) = if is_add { (absent, present) } else { (present, absent) };
                    let effect = cell.action(Need::Any, Some(u32::from(is_add)));
                    let strict = match said {
                        Some(true) => cell.action(before, Some(u32::from(is_add))),
                        Some(false) => cell.action(after, None),
                        None => effect,
                    };
                    (Some(strict), Some(effect))
                }
                _ => (said.map(|said| cell.action(if said { present } else { absent }, None)), None),
            }
        });
        Program { machine: Box::new(cell), operations }
    }

    /// A log, a set that is read as a whole, or a queue.
    pub(crate) fn sequence(history: &History, part: &Part, start: Vec<u32>) -> Self {
        use SequenceAction::{Add, Contains, Empty, Pop, PopAny, Push, PushShown, Remove, Show};
        let mut sequence = Sequence::new(start);
        let operations = compiled(history, part, |operation| {
            let said = match operation.outcome {
                Outcome::Ok(Answer::Yes) => Some(true),
                Outcome::Ok(Answer::No) => Some(false),
                _ => None,
            };
            let list = |id| -> Box<[u32]> { history.list(id).iter().map(|value| value.0).collect() };
            let (strict, relaxed) = match (operation.call, operation.outcome) {
                (Call::Append(value), Outcome::Ok(Answer::List(id))) => {
                    (Some(PushShown(value.0, list(id))), Some(Push(value.0)))
                }
                (Call::Append(value) | Call::Enqueue(value), _) => (Some(Push(value.0)), Some(Push(value.0))),
                (Call::Dequeue, Outcome::Ok(Answer::Value(value))) => (Some(Pop(value.0)), Some(PopAny)),
                (Call::Dequeue, Outcome::Ok(_)) => (Some(Empty), Some(PopAny)),
                (Call::Dequeue, _) => (Some(PopAny), Some(PopAny)),
                (Call::Add(value), _) => (Some(Add(value.0, said)), Some(Add(value.0, None))),
                (Call::Remove(value), _) => (Some(Remove(value.0, said)), Some(Remove(value.0, None))),
                (Call::Contains(value), _) => (said.map(|said| Contains(value.0, said)), None),
                (Call::Read, Outcome::Ok(Answer::List(id))) => {
                    let mut shown = list(id);
                    if sequence_is_set(part, history) {
                        shown.sort_unstable();
                    }
                    (Some(Show(shown)), None)
                }
                _ => (None, None),
            };
            let mut number = |action: Option<SequenceAction>| action.map(|action| sequence.action(action));
            (number(strict), number(relaxed))
        });
        Program { machine: Box::new(sequence), operations }
    }
}

/// Whether the operations are those of a set, whose lists have no order.
fn sequence_is_set(part: &Part, history: &History) -> bool {
    part.operations.iter().any(|&id| {
        matches!(history.operations[id as usize].call, Call::Add(_) | Call::Remove(_) | Call::Contains(_))
    })
}

impl Compiled {
    fn strict(&self) -> Option<Item> {
        let Compiled { invoked, completed, id, .. } = *self;
        Some(Item { action: self.strict?, invoked, completed, id })
    }

    fn relaxed(&self) -> Option<Item> {
        Some(Item { action: self.relaxed?, invoked: 0, completed: Operation::NEVER, id: self.id })
    }
}

/// Compiles each operation; the function gives the action as it happened, if it has an answer, and the
/// effect that it has at most.
fn compiled(
    history: &History,
    part: &Part,
    mut actions: impl FnMut(&Operation) -> (Option<u32>, Option<u32>),
) -> Vec<Compiled> {
    let mut place = 0;
    part.operations
        .iter()
        .map(|&id| {
            let operation = &history.operations[id as usize];
            let (done, relaxed) = actions(operation);
            let strict = match operation.outcome {
                Outcome::Ok(_) => done,
                Outcome::Pending => relaxed,
                Outcome::Refused => None,
            };
            place += 1;
            Compiled {
                strict,
                relaxed,
                invoked: operation.invoked,
                completed: operation.completed,
                id: place - 1,
            }
        })
        .collect()
}
