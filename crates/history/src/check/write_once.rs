//! A write-once register, in O(n): at some moment the register gets its value, once and for all. Before it
//! lies every operation that found none, after it every one that found some. Exact for every history.

use crate::check::blame::{self, Trial};
use crate::check::compile::{NO_VALUE, register_state};
use crate::check::part::Part;
use crate::history::{Answer, Call, History, Operation, OperationId, Outcome};
use crate::verdict::Blame;

/// What an operation says about the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// This value was there at the end.
    Value(u32),
    /// Some value was there at the end.
    Some,
    /// This operation gave it its value.
    Won,
    /// No value was there.
    None,
    /// Nothing.
    Unknown,
}

fn told(operation: &Operation) -> Told {
    match (operation.call, operation.outcome) {
        (_, Outcome::Ok(Answer::Value(value))) => Told::Value(register_state(value)),
        (Call::Write(_), Outcome::Ok(Answer::Yes)) => Told::Won,
        (Call::Write(_), Outcome::Ok(_)) => Told::Some,
        (_, Outcome::Ok(_)) => Told::None,
        _ => Told::Unknown,
    }
}

/// What is to blame, if the history of one register is not linearizable. `start` is its state at the start.
pub(crate) fn blame(history: &History, part: &Part, start: u32) -> Option<Blame> {
    let all = vec![true; part.operations.len()];
    let first = conflict(history, part, start, &all)?;
    let mut strict = vec![false; part.operations.len()];
    let (set, minimal) = blame::minimal(first, |set| {
        set.iter().for_each(|&place| strict[place as usize] = true);
        let outcome = conflict(history, part, start, &strict);
        set.iter().for_each(|&place| strict[place as usize] = false);
        if outcome.is_some() { Trial::Contradict } else { Trial::Fine }
    });
    let mut operations: Vec<OperationId> =
        set.iter().map(|&place| part.operations[place as usize] as usize).collect();
    operations.sort_unstable();
    let listed: Vec<String> = operations.iter().map(|&id| history.describe(id)).collect();
    let why = match &listed[..] {
        [one] => format!("{one}, which cannot be in a write-once register that nobody gave it"),
        _ => format!("a write-once register gets one value, once: {}", listed.join("; ")),
    };
    Some(Blame { operations, key: None, minimal, why })
}

/// Places of operations that contradict each other, where those that are not strict are relaxed.
fn conflict(history: &History, part: &Part, start: u32, strict: &[bool]) -> Option<Vec<u32>> {
    let operation = |place: usize| &history.operations[part.operations[place] as usize];
    let places = 0..part.operations.len();
    let said = |place: usize| if strict[place] { told(operation(place)) } else { Told::Unknown };

    // The value, and who was told it first in the history.
    let mut value: Option<(u32, usize)> = None;
    let mut winner: Option<usize> = None;
    for place in places.clone() {
        let is_value = match (said(place), operation(place).call) {
            (Told::Value(state), _) => state,
            (Told::Won, Call::Write(own)) => {
                if let Some(other) = winner.replace(place) {
                    return Some(vec![other as u32, place as u32]);
                }
                register_state(own)
            }
            _ => continue,
        };
        match value {
            None => value = Some((is_value, place)),
            Some((known, _)) if known == is_value => {}
            Some((_, other)) => return Some(vec![other as u32, place as u32]),
        }
    }
    if start != NO_VALUE {
        let wrong = places.clone().find(|&place| match said(place) {
            Told::Value(state) => state != start,
            Told::Won | Told::None => true,
            Told::Some | Told::Unknown => false,
        });
        return wrong.map(|place| vec![place as u32]);
    }

    // Which writes can have won, and the one of them that began first.
    let mut candidates = places.clone().filter(|&place| {
        let Call::Write(own) = operation(place).call else { return false };
        let is_value = value.is_none_or(|(state, _)| state == register_state(own));
        let relaxed = !strict[place];
        let refused = operation(place).outcome == Outcome::Refused;
        let lost = operation(place).outcome == Outcome::Ok(Answer::No);
        is_value && (relaxed || !refused && !lost) && winner.is_none_or(|winner| winner == place)
    });
    let first =
        candidates.clone().min_by_key(|&place| if strict[place] { operation(place).invoked } else { 0 });

    // It has to lie after every operation that found nothing began, and before any that found something ended.
    let mut latest: Option<usize> = None;
    let mut earliest: Option<usize> = None;
    for place in places.clone() {
        let one = operation(place);
        match said(place) {
            Told::None if latest.is_none_or(|known| operation(known).invoked < one.invoked) => {
                latest = Some(place)
            }
            Told::Value(_) | Told::Some | Told::Won
                if earliest.is_none_or(|known| one.completed < operation(known).completed) =>
            {
                earliest = Some(place);
            }
            _ => {}
        }
    }
    let earliest = earliest?;
    let mut evidence: Vec<usize> = vec![earliest];
    evidence.extend(value.map(|(_, place)| place));
    evidence.extend(winner);
    // Every write that could have won, were it relaxed.
    let possible = |place: usize| match operation(place).call {
        Call::Write(own) => value.is_none_or(|(state, _)| state == register_state(own)),
        _ => false,
    };
    let sorted = |mut evidence: Vec<usize>| {
        evidence.sort_unstable();
        evidence.dedup();
        Some(evidence.into_iter().map(|place| place as u32).collect())
    };
    let end = operation(earliest).completed;
    if let Some(latest) = latest.filter(|&latest| operation(latest).invoked > end) {
        evidence.push(latest);
        return sorted(evidence);
    }
    let began = first.map(|place| if strict[place] { operation(place).invoked } else { 0 });
    if began.is_none_or(|began| began > end) {
        candidates.by_ref().for_each(drop);
        evidence.extend(places.filter(|&place| possible(place) && strict[place]));
        return sorted(evidence);
    }
    None
}
