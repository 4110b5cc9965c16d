//! Random histories: of an object that works, of one that works with one answer changed, and of none.

use serde_json::{Value, json};
use threeworlds_history::{Answer, Call, History, HistoryBuilder, Object, Outcome};

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as usize % most
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// How a history is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) object: Object,
    pub(crate) operations: usize,
    pub(crate) processes: usize,
    /// Values are drawn from so many; 0: each value is written once.
    pub(crate) values: usize,
    /// One in so many operations is left pending; 0: none.
    pub(crate) pending: usize,
    pub(crate) initial: bool,
    /// How many answers are changed.
    pub(crate) changes: usize,
}

type Reply = Answer<Value, Vec<Value>>;

/// An operation that is under way.
struct Running {
    number: usize,
    call: Call<Value>,
    applied: Option<Reply>,
}

/// The history, and the values that the object holds at the start.
pub(crate) fn history(shape: &Shape, random: &mut Random) -> (History, Vec<Value>) {
    let mut builder = HistoryBuilder::new();
    let mut running: Vec<Option<Running>> = (0..shape.processes).map(|_| None).collect();
    let start: Vec<Value> = if shape.initial { vec![json!(0)] } else { Vec::new() };
    let mut content = start.clone();
    let (mut begun, mut fresh, mut left) = (0, 0, shape.operations);
    let change_at: Vec<usize> = (0..shape.changes).map(|_| random.below(shape.operations)).collect();
    while left > 0 {
        let process = random.below(shape.processes);
        match running[process].take() {
            None if begun < shape.operations => {
                begun += 1;
                let call = call(shape, random, &mut fresh);
                let number = builder.invoke(&format!("c{process}"), None, call.clone(), None);
                running[process] = Some(Running { number, call, applied: None });
            }
            None => {}
            Some(mut one) if one.applied.is_none() && !random.one_in(3) => {
                one.applied = Some(apply(shape.object, &mut content, &one.call, random));
                running[process] = Some(one);
            }
            Some(one) => {
                left -= 1;
                if shape.pending > 0 && random.one_in(shape.pending) {
                    builder.complete(one.number, Outcome::Pending, None);
                    continue;
                }
                let change = change_at.contains(&one.number);
                let outcome = match one.applied {
                    Some(_) if change && random.one_in(4) => Outcome::Refused,
                    None if random.one_in(3) && !change => Outcome::Refused,
                    applied => {
                        let mut answer =
                            applied.unwrap_or_else(|| apply(shape.object, &mut content, &one.call, random));
                        if change {
                            answer = other_answer(shape, &one.call, answer, random);
                        }
                        Outcome::Ok(answer)
                    }
                };
                builder.complete(one.number, outcome, None);
            }
        }
    }
    (builder.finish(), start)
}

fn value(shape: &Shape, random: &mut Random, fresh: &mut i64) -> Value {
    if shape.values > 0 {
        return json!(random.below(shape.values));
    }
    *fresh += 1;
    json!(*fresh)
}

fn call(shape: &Shape, random: &mut Random, fresh: &mut i64) -> Call<Value> {
    let some = json!(random.below(if shape.values > 0 { shape.values } else { shape.operations } + 1));
    match (shape.object, random.below(4)) {
        (Object::Register | Object::WriteOnceRegister | Object::AppendLog, 0 | 1) => Call::Read,
        (Object::Register | Object::WriteOnceRegister, _) => Call::Write(value(shape, random, fresh)),
        (Object::CasRegister | Object::KeyValue, 0) => Call::Read,
        (Object::CasRegister | Object::KeyValue, 1) => Call::Write(value(shape, random, fresh)),
        (Object::CasRegister | Object::KeyValue, _) => {
            Call::CompareAndSet { from: some, to: value(shape, random, fresh) }
        }
        (Object::AppendLog, _) => Call::Append(value(shape, random, fresh)),
        (Object::Set, 0) => Call::Read,
        (Object::Set, 1) => Call::Remove(some),
        (Object::Set, 2) if shape.values > 0 => Call::Contains(some),
        (Object::Set, _) => Call::Add(value(shape, random, fresh)),
        (Object::Queue, 0 | 1) => Call::Dequeue,
        (Object::Queue, _) => Call::Enqueue(value(shape, random, fresh)),
    }
}

fn apply(object: Object, content: &mut Vec<Value>, call: &Call<Value>, random: &mut Random) -> Reply {
    let plain = random.one_in(2);
    let yes = |yes: bool| {
        if plain {
            Answer::Done
        } else if yes {
            Answer::Yes
        } else {
            Answer::No
        }
    };
    match call {
        Call::Read if matches!(object, Object::AppendLog | Object::Set) => Answer::List(content.clone()),
        Call::Read => content.first().cloned().map_or(Answer::Nothing, Answer::Value),
        Call::Write(value) if object == Object::WriteOnceRegister => {
            let won = content.is_empty();
            if won {
                content.push(value.clone());
            }
            match random.below(3) {
                0 => Answer::Value(content[0].clone()),
                _ => yes(won),
            }
        }
        Call::Write(value) => {
            *content = vec![value.clone()];
            Answer::Done
        }
        Call::CompareAndSet { from, to } => match content.first() {
            None => {
                if plain {
                    Answer::Nothing
                } else {
                    Answer::No
                }
            }
            Some(now) if now != from => Answer::No,
            Some(_) => {
                *content = vec![to.clone()];
                if plain { Answer::Done } else { Answer::Yes }
            }
        },
        Call::Append(value) => {
            content.push(value.clone());
            if plain { Answer::Done } else { Answer::List(content.clone()) }
        }
        Call::Enqueue(value) => {
            content.push(value.clone());
            Answer::Done
        }
        Call::Dequeue if content.is_empty() => Answer::Nothing,
        Call::Dequeue => Answer::Value(content.remove(0)),
        Call::Add(value) => {
            let is_new = !content.contains(value);
            if is_new {
                content.push(value.clone());
            }
            yes(is_new)
        }
        Call::Remove(value) => {
            let was_there = content.contains(value);
            content.retain(|other| other != value);
            yes(was_there)
        }
        Call::Contains(value) => {
            if content.contains(value) {
                Answer::Yes
            } else {
                Answer::No
            }
        }
    }
}

/// An answer that the object can give to such a call, though perhaps not now.
fn other_answer(shape: &Shape, call: &Call<Value>, answer: Reply, random: &mut Random) -> Reply {
    let some = json!(random.below(if shape.values > 0 { shape.values } else { shape.operations } + 1));
    match (call, answer) {
        (_, Answer::List(mut list)) => {
            match random.below(3) {
                0 if !list.is_empty() => {
                    let place = random.below(list.len());
                    list.remove(place);
                }
                1 if list.len() > 1 => {
                    let place = random.below(list.len() - 1);
                    list.swap(place, place + 1);
                }
                _ => {
                    if shape.object != Object::Set || !list.contains(&some) {
                        list.push(some);
                    }
                }
            }
            Answer::List(list)
        }
        (Call::Read | Call::Dequeue, _) => {
            if random.one_in(4) {
                Answer::Nothing
            } else {
                Answer::Value(some)
            }
        }
        (Call::Write(_), _) if shape.object == Object::WriteOnceRegister => match random.below(3) {
            0 => Answer::Yes,
            1 => Answer::No,
            _ => Answer::Value(some),
        },
        (Call::Add(_) | Call::Remove(_) | Call::Contains(_) | Call::CompareAndSet { .. }, answer) => {
            if answer == Answer::Yes || answer == Answer::Done && random.one_in(2) {
                Answer::No
            } else {
                Answer::Yes
            }
        }
        (_, answer) => answer,
    }
}
