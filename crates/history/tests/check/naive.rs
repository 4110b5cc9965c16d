//! Herlihy and Wing's definition, order by order, and objects written apart from the crate's own.

use std::collections::HashSet;

use threeworlds_history::{Answer, Call, History, Model, Object, Operation, Outcome, ValueId};

/// What an object holds: a register at most one value, a set its elements sorted.
type Content = Vec<ValueId>;

/// Whether the history of one object is linearizable when only the operations marked are kept as they are,
/// and all others may take effect or not, at any time, with any answer.
pub(crate) fn linearizable(history: &History, model: &Model, initial: &[ValueId], strict: &[bool]) -> bool {
    let operations: Vec<Known> = history
        .operations()
        .iter()
        .zip(strict)
        .filter_map(|(operation, &strict)| Known::of(operation, strict))
        .collect();
    let mut search = Search { history, object: model.object, operations, met: HashSet::new() };
    let all = (1u64 << search.operations.len()) - 1;
    search.finds(all, initial.to_vec())
}

/// What counts of an operation.
struct Known {
    call: Call,
    answer: Option<Answer>,
    required: bool,
    invoked: u32,
    completed: u32,
}

impl Known {
    fn of(operation: &Operation, strict: bool) -> Option<Known> {
        let Operation { call, outcome, invoked, completed, .. } = *operation;
        match (outcome, strict) {
            (Outcome::Ok(answer), true) => {
                Some(Known { call, answer: Some(answer), required: true, invoked, completed })
            }
            (Outcome::Refused, true) => None,
            (Outcome::Pending, true) => {
                Some(Known { call, answer: None, required: false, invoked, completed: u32::MAX })
            }
            (_, false) => {
                Some(Known { call, answer: None, required: false, invoked: 0, completed: u32::MAX })
            }
        }
    }
}

struct Search<'h> {
    history: &'h History,
    object: Object,
    operations: Vec<Known>,
    met: HashSet<(u64, Content)>,
}

impl Search<'_> {
    fn finds(&mut self, left: u64, content: Content) -> bool {
        let is_left = |place: &usize| left >> place & 1 == 1;
        let places = || (0..self.operations.len()).filter(is_left);
        if !places().any(|place| self.operations[place].required) {
            return true;
        }
        if !self.met.insert((left, content.clone())) {
            return false;
        }
        let next: Vec<usize> = places()
            .filter(|&place| {
                let invoked = self.operations[place].invoked;
                !places().any(|other| {
                    self.operations[other].required && self.operations[other].completed < invoked
                })
            })
            .collect();
        next.into_iter().any(|place| {
            let Known { call, answer, .. } = self.operations[place];
            let mut after = content.clone();
            self.apply(&mut after, call, answer) && self.finds(left & !(1 << place), after)
        })
    }

    /// Changes the content; whether the object can give this answer.
    fn apply(&self, content: &mut Content, call: Call, answer: Option<Answer>) -> bool {
        let before = content.clone();
        let as_sorted = |list: &[ValueId]| {
            let mut list = list.to_vec();
            list.sort_unstable();
            list
        };
        let gives = |possible: &[Answer]| answer.is_none_or(|answer| possible.contains(&answer));
        match call {
            Call::Read => match answer {
                None => true,
                Some(Answer::Value(value)) => before == [value],
                Some(Answer::List(id)) if self.object == Object::Set => {
                    as_sorted(self.history.list(id)) == before
                }
                Some(Answer::List(id)) => self.history.list(id) == before,
                Some(_) => before.is_empty(),
            },
            Call::Write(value) if self.object == Object::WriteOnceRegister => {
                if before.is_empty() {
                    *content = vec![value];
                    gives(&[Answer::Done, Answer::Yes, Answer::Value(value)])
                } else {
                    gives(&[Answer::Done, Answer::No, Answer::Value(before[0])])
                }
            }
            Call::Write(value) => {
                *content = vec![value];
                gives(&[Answer::Done])
            }
            Call::CompareAndSet { from, to } => {
                if before == [from] {
                    *content = vec![to];
                    gives(&[Answer::Done, Answer::Yes])
                } else if before.is_empty() {
                    gives(&[Answer::No, Answer::Nothing])
                } else {
                    gives(&[Answer::No])
                }
            }
            Call::Append(value) | Call::Enqueue(value) => {
                content.push(value);
                match answer {
                    Some(Answer::List(id)) => self.history.list(id) == content,
                    _ => true,
                }
            }
            Call::Dequeue => {
                if before.is_empty() {
                    gives(&[Answer::Nothing])
                } else {
                    gives(&[Answer::Value(content.remove(0))])
                }
            }
            Call::Add(value) => {
                let is_new = !before.contains(&value);
                content.push(value);
                content.sort_unstable();
                content.dedup();
                gives(&[Answer::Done, if is_new { Answer::Yes } else { Answer::No }])
            }
            Call::Remove(value) => {
                content.retain(|&other| other != value);
                gives(&[Answer::Done, if before.contains(&value) { Answer::Yes } else { Answer::No }])
            }
            Call::Contains(value) => gives(&[if before.contains(&value) { Answer::Yes } else { Answer::No }]),
        }
    }
}
