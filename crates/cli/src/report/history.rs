//! The operations of a history that are to blame, drawn with what was around.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use threeworlds_diagram::timeline::{Clock, Sheet, Timeline};
use threeworlds_diagram::{Group, Report as Page, Tone};
use threeworlds_history::{Answer, Blame, Call, History, Operation, OperationId, Outcome};

/// So many operations before and after each one to blame are drawn as context.
const AROUND: usize = 3;
/// More operations to blame than this are not drawn.
const MOST: usize = 60;

/// The drawing of a violation.
pub(crate) fn sheet(history: &History, blame: &Blame) -> Sheet {
    let operations = history.operations();
    let blamed: BTreeSet<OperationId> = blame.operations.iter().copied().take(MOST).collect();
    let mut shown = blamed.clone();
    let key = blame.key;
    for &id in &blamed {
        let same = |other: &usize| operations[*other].key == key;
        shown.extend((0..id).rev().filter(same).take(AROUND));
        shown.extend((id + 1..operations.len()).filter(same).take(AROUND));
    }
    let timed = shown.iter().all(|&id| {
        let [invoked, completed] = history.times_ns(id);
        invoked.is_some() && (operations[id].completed == Operation::NEVER || completed.is_some())
    });
    let start = shown.iter().filter_map(|&id| history.times_ns(id)[0]).min().unwrap_or_default();
    let moment = |position: u32, time: Option<i64>| match time {
        Some(time) if timed => u64::try_from((time - start) / 1000).unwrap_or_default(),
        _ => u64::from(position),
    };
    let of = key.map(|key| format!(": key {}", history.show(key))).unwrap_or_default();
    let mut drawing = Timeline::new(format!("Not linearizable{of}"));
    drawing.subtitle = if blamed.len() < blame.operations.len() {
        format!("the first {} of {} operations to blame", blamed.len(), blame.operations.len())
    } else {
        format!("{} of {} operations are to blame", blame.operations.len(), operations.len())
    };
    drawing.clock = if timed { Clock::Microseconds } else { Clock::Steps };
    let mut lanes: BTreeMap<u32, usize> = BTreeMap::new();
    for process in shown.iter().map(|&id| operations[id].process).collect::<BTreeSet<_>>() {
        lanes.insert(process, drawing.client(history.process(process)));
    }
    let mut places = BTreeMap::new();
    for &id in &shown {
        let operation = &operations[id];
        let [invoked, completed] = history.times_ns(id);
        places.insert(id, drawing.operations.len());
        let drawn = drawing.operation(
            lanes[&operation.process],
            call(history, operation),
            moment(operation.invoked, invoked),
        );
        let end = moment(operation.completed, completed);
        match operation.outcome {
            Outcome::Ok(told) => drawn.answered(end, answer(history, told)),
            Outcome::Refused if operation.completed != Operation::NEVER => drawn.refused(end, "refused"),
            _ => &mut *drawn,
        };
        drawn.detail(history.describe(id));
        if blamed.contains(&id) {
            drawn.blamed();
        } else {
            drawn.context();
        }
    }
    for (&one, &next) in blamed.iter().zip(blamed.iter().skip(1)) {
        if operations[one].precedes(&operations[next]) {
            drawing.order(places[&one], places[&next], "ended before");
        }
    }
    drawing.caption(blame.why.clone());
    Sheet { timelines: vec![drawing], ..Sheet::default() }
}

fn call(history: &History, operation: &Operation) -> String {
    let show = |value| history.show(value);
    match operation.call {
        Call::Read => "read".to_owned(),
        Call::Write(value) => format!("write({})", show(value)),
        Call::CompareAndSet { from, to } => format!("cas({}, {})", show(from), show(to)),
        Call::Append(value) => format!("append({})", show(value)),
        Call::Add(value) => format!("add({})", show(value)),
        Call::Remove(value) => format!("remove({})", show(value)),
        Call::Contains(value) => format!("contains({})", show(value)),
        Call::Enqueue(value) => format!("enqueue({})", show(value)),
        Call::Dequeue => "dequeue".to_owned(),
    }
}

fn answer(history: &History, answer: Answer) -> String {
    match answer {
        Answer::Done => "ok".to_owned(),
        Answer::Yes => "yes".to_owned(),
        Answer::No => "no".to_owned(),
        Answer::Nothing => "nothing".to_owned(),
        Answer::Value(value) => history.show(value),
        Answer::List(id) => history.show_list(id),
    }
}

/// A page about a verdict on a history.
pub(crate) fn page(
    name: &str,
    (verdict, tone): (&str, Tone),
    rows: Vec<(String, String)>,
    says: String,
    sheet: Sheet,
    json: &Value,
) -> String {
    let mut groups = Vec::new();
    if !sheet.timelines.is_empty() {
        groups.push(Group {
            heading: "The operations to blame".to_owned(),
            text: "They contradict each other whatever all others did; those around them are drawn faintly."
                .to_owned(),
            timelines: sheet,
            ..Group::default()
        });
    }
    threeworlds_diagram::html(&Page {
        title: name.to_owned(),
        verdict: verdict.to_owned(),
        tone,
        rows,
        paragraphs: vec![says],
        groups,
        json: super::json::text(json),
    })
}
