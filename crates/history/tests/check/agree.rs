//! The verdict is the naive one, and what is blamed is to blame by the definition.
//!
//! `HISTORY_CASES=N` draws N histories of each object instead of a few hundred.

use serde_json::{Value, json};
use threeworlds_history::{History, Limits, Model, Object, ValueId, Verdict, check};

use crate::naive::linearizable;
use crate::random::{Random, Shape, history};

fn cases() -> usize {
    std::env::var("HISTORY_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(1500)
}

fn compare(history: &History, start: &[Value], object: Object, about: &str) -> bool {
    let initial = match object {
        Object::AppendLog | Object::Set | Object::Queue => Some(json!(start)),
        _ => start.first().cloned(),
    };
    let model = Model { object, initial };
    // A value that no operation names is none that the definition has to know.
    let unknown = || ValueId::clone(&UNNAMED);
    let start: Vec<ValueId> =
        start.iter().map(|value| history.values().find(value).unwrap_or_else(unknown)).collect();
    let all = vec![true; history.operations().len()];
    let expected = linearizable(history, &model, &start, &all);
    let verdict = check(history, &model, Limits::default()).unwrap();
    let text = || {
        let listed: Vec<String> = (0..all.len())
            .map(|id| {
                let one = &history.operations()[id];
                format!("{}..{} {}", one.invoked, one.completed as i32, history.describe(id))
            })
            .collect();
        format!("{about} {start:?}\n{}\n{verdict:?}", listed.join("\n"))
    };
    assert_eq!(verdict == Verdict::Legal, expected, "{}", text());
    let blame = match &verdict {
        Verdict::Legal => return true,
        Verdict::Unknown(_) => panic!("{}", text()),
        Verdict::Illegal(blame) => blame,
    };
    assert!(blame.minimal, "{}", text());
    let blamed = |but: Option<usize>| -> Vec<bool> {
        (0..all.len()).map(|id| blame.operations.contains(&id) && Some(id) != but).collect()
    };
    assert!(!linearizable(history, &model, &start, &blamed(None)), "still legal: {}", text());
    for &id in &blame.operations {
        assert!(linearizable(history, &model, &start, &blamed(Some(id))), "not needed {id}: {}", text());
    }
    false
}

static UNNAMED: std::sync::LazyLock<ValueId> = std::sync::LazyLock::new(|| {
    let mut values = threeworlds_history::Values::default();
    (0..1000).map(|integer| values.intern_integer(integer)).last().expect("there are some")
});

fn agree(object: Object) {
    let mut random = Random(0x7357 + object as u64);
    let (mut legal, mut illegal) = (0, 0);
    for case in 0..cases() {
        let shape = Shape {
            object,
            operations: 2 + random.below(7),
            processes: 2 + random.below(3),
            values: [0, 2, 3][random.below(3)],
            pending: [0, 3, 6][random.below(3)],
            initial: random.below(2) == 0,
            changes: [0, 1, 1, 2, 5][random.below(5)],
        };
        let (history, start) = history(&shape, &mut random);
        let is_legal = compare(&history, &start, object, &format!("case {case} {shape:?}"));
        *(if is_legal { &mut legal } else { &mut illegal }) += 1;
    }
    assert!(legal > cases() / 5 && illegal > cases() / 10, "{legal} legal, {illegal} illegal");
}

#[test]
fn registers() {
    agree(Object::Register);
}

#[test]
fn write_once_registers() {
    agree(Object::WriteOnceRegister);
}

#[test]
fn cas_registers() {
    agree(Object::CasRegister);
}

#[test]
fn logs() {
    agree(Object::AppendLog);
}

#[test]
fn sets() {
    agree(Object::Set);
}

#[test]
fn queues() {
    agree(Object::Queue);
}
