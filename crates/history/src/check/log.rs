//! A log whose entries are all different, in O(n log n) and the length of all lists shown. Exact under that
//! condition, which [`Log::new`] checks.
//!
//! Every list that was shown has to be a prefix of the longest one, which so gives each entry its position.
//! That puts all operations into an order, up to appends that nobody saw, which come last: the k-th append,
//! then the reads of k entries, then the next append. It has to keep real time.

use rustc_hash::FxHashMap;

use crate::check::blame::{self, Trial};
use crate::check::part::Part;
use crate::history::{Answer, Call, History, Operation, OperationId, Outcome};
use crate::values::ValueId;
use crate::verdict::Blame;

/// The history of a log with different entries.
pub(crate) struct Log<'h> {
    history: &'h History,
    part: &'h Part,
    start: &'h [u32],
    /// Where each value is appended.
    appended: FxHashMap<u32, u32>,
}

impl<'h> Log<'h> {
    /// Nothing if a value is appended twice, or was there at the start.
    pub(crate) fn new(history: &'h History, part: &'h Part, start: &'h [u32]) -> Option<Self> {
        let mut appended = FxHashMap::default();
        for (place, &id) in part.operations.iter().enumerate() {
            if let Call::Append(value) = history.operations[id as usize].call
                && (appended.insert(value.0, place as u32).is_some() || start.contains(&value.0))
            {
                return None;
            }
        }
        Some(Log { history, part, start, appended })
    }

    /// What is to blame, if the history is not linearizable.
    pub(crate) fn blame(&self) -> Option<Blame> {
        let all: Vec<u32> = (0..self.part.operations.len() as u32).collect();
        let first = self.conflict(&all)?;
        let (set, minimal) =
            blame::minimal(
                first,
                |set| {
                    if self.conflict(set).is_some() { Trial::Contradict } else { Trial::Fine }
                },
            );
        let mut operations: Vec<OperationId> =
            set.iter().map(|&place| self.part.operations[place as usize] as usize).collect();
        operations.sort_unstable();
        let listed: Vec<String> = operations.iter().map(|&id| self.history.describe(id)).collect();
        let why = match &listed[..] {
            [one] => format!("{one}, which no order of the appends gives"),
            _ => format!("no order of the appends gives all of: {}", listed.join("; ")),
        };
        Some(Blame { operations, key: None, minimal, why })
    }

    fn operation(&self, place: u32) -> &Operation {
        &self.history.operations[self.part.operations[place as usize] as usize]
    }

    fn shown(&self, place: u32) -> Option<&[ValueId]> {
        match self.operation(place).outcome {
            Outcome::Ok(Answer::List(id)) => Some(self.history.list(id)),
            _ => None,
        }
    }

    /// Operations among these that contradict each other when all others are relaxed.
    fn conflict(&self, strict: &[u32]) -> Option<Vec<u32>> {
        let lists = || strict.iter().filter_map(|&place| Some((place, self.shown(place)?)));
        let longest = lists().max_by_key(|(place, list)| (list.len(), std::cmp::Reverse(*place)));
        if let Some((longest_of, longest)) = longest {
            for (place, list) in lists() {
                if list != &longest[..list.len()] {
                    return Some(vec![place, longest_of]);
                }
                let starts = list.len() >= self.start.len()
                    && self.start.iter().zip(list).all(|(initial, value)| *initial == value.0);
                let own_last = match self.operation(place).call {
                    Call::Append(own) => list.len() > self.start.len() && list.last() == Some(&own),
                    _ => true,
                };
                if !starts || !own_last {
                    return Some(vec![place]);
                }
            }
        }
        let mut positions: FxHashMap<u32, usize> = FxHashMap::default();
        let mut length = self.start.len();
        if let Some((longest_of, longest)) = longest {
            for value in &longest[self.start.len()..] {
                length += 1;
                let Some(&append) = self.appended.get(&value.0) else { return Some(vec![longest_of]) };
                if positions.insert(append, length).is_some() {
                    return Some(vec![longest_of]);
                }
            }
        }
        let mut phases: Vec<(usize, u32)> = Vec::with_capacity(strict.len());
        for &place in strict {
            let operation = self.operation(place);
            let is_append = matches!(operation.call, Call::Append(_));
            match (positions.get(&place), operation.outcome) {
                (Some(_), Outcome::Refused) => {
                    let (longest_of, _) = longest?;
                    return Some(vec![place, longest_of]);
                }
                (Some(position), _) if is_append => phases.push((2 * position - 1, place)),
                (None, Outcome::Ok(_)) if is_append => phases.push((2 * length + 1, place)),
                _ => phases.extend(self.shown(place).map(|list| (2 * list.len(), place))),
            }
        }
        phases.sort_unstable();
        // Later in the order, and over first.
        let mut over_first: Option<(usize, u32)> = None;
        let mut over_first_later: Option<u32> = None;
        for &(phase, place) in phases.iter().rev() {
            if over_first.is_some_and(|(known, _)| known > phase) {
                over_first_later = over_first.map(|(_, place)| place);
            }
            let completed = self.operation(place).completed;
            if let Some(other) = over_first_later
                && self.operation(other).completed < self.operation(place).invoked
            {
                let mut set = vec![place, other];
                set.extend(longest.map(|(longest_of, _)| longest_of));
                set.sort_unstable();
                set.dedup();
                return Some(set);
            }
            if over_first.is_none_or(|(_, known)| completed < self.operation(known).completed) {
                over_first = Some((phase, place));
            } else {
                over_first = over_first.map(|(_, known)| (phase, known));
            }
        }
        None
    }
}
