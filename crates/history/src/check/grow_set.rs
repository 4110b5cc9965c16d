//! A set to which each element is added at most once and from which nothing is taken, read as a whole, in
//! O(n log n) and the length of all that was read. Exact under that condition, which [`GrowSet::new`] checks.
//!
//! What was read has to be ordered by inclusion. An element is added before the smallest set that has it,
//! and after the next smaller one; elements that nobody saw come last. That order has to keep real time.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::check::blame::{self, Trial};
use crate::check::part::Part;
use crate::history::{Answer, Call, History, Operation, OperationId, Outcome};
use crate::verdict::Blame;

/// The history of a set that only grows.
pub(crate) struct GrowSet<'h> {
    history: &'h History,
    part: &'h Part,
    start: &'h [u32],
    /// Where each element is added.
    added: FxHashMap<u32, u32>,
    /// What each read saw, sorted, by its place.
    seen: FxHashMap<u32, Vec<u32>>,
}

impl<'h> GrowSet<'h> {
    /// Nothing if the set does something else than grow by different elements.
    pub(crate) fn new(history: &'h History, part: &'h Part, start: &'h [u32]) -> Option<Self> {
        let (mut added, mut seen) = (FxHashMap::default(), FxHashMap::default());
        let start_elements: FxHashSet<u32> = start.iter().copied().collect();
        for (place, &id) in part.operations.iter().enumerate() {
            let place = place as u32;
            let Operation { call, outcome, .. } = history.operations[id as usize];
            match (call, outcome) {
                (Call::Add(_), Outcome::Ok(Answer::No)) => return None,
                (Call::Add(element), _) => {
                    if added.insert(element.0, place).is_some() || start_elements.contains(&element.0) {
                        return None;
                    }
                }
                (Call::Read, Outcome::Ok(Answer::List(list))) => {
                    let mut elements: Vec<u32> = history.list(list).iter().map(|element| element.0).collect();
                    elements.sort_unstable();
                    seen.insert(place, elements);
                }
                (Call::Read, _) => {}
                _ => return None,
            }
        }
        Some(GrowSet { history, part, start, added, seen })
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
            [one] => format!("{one}, which the set never held"),
            _ => format!("the set only grows, and no order gives all of: {}", listed.join("; ")),
        };
        Some(Blame { operations, key: None, minimal, why })
    }

    fn operation(&self, place: u32) -> &Operation {
        &self.history.operations[self.part.operations[place as usize] as usize]
    }

    /// Operations among these that contradict each other when all others are relaxed.
    fn conflict(&self, strict: &[u32]) -> Option<Vec<u32>> {
        let is_strict: FxHashSet<u32> = strict.iter().copied().collect();
        let mut reads: Vec<u32> =
            strict.iter().copied().filter(|place| self.seen.contains_key(place)).collect();
        reads.sort_by_key(|place| (self.seen[place].len(), *place));
        for place in &reads {
            let elements = &self.seen[place];
            let twice = elements.windows(2).any(|pair| pair[0] == pair[1]);
            if twice || self.start.iter().any(|element| elements.binary_search(element).is_err()) {
                return Some(vec![*place]);
            }
            for element in elements.iter().filter(|element| self.start.binary_search(element).is_err()) {
                let Some(&add) = self.added.get(element) else { return Some(vec![*place]) };
                if is_strict.contains(&add) && self.operation(add).outcome == Outcome::Refused {
                    return Some(vec![*place, add]);
                }
            }
        }
        // The phases: what is added to get from one set to the next, then the reads of that.
        let mut phases: Vec<(u32, u32)> = Vec::with_capacity(strict.len());
        let mut adds: FxHashMap<u32, u32> = FxHashMap::default();
        let mut group_reads: Vec<u32> = Vec::new();
        for (number, place) in reads.iter().enumerate() {
            let elements = &self.seen[place];
            let before = number.checked_sub(1).map(|number| reads[number]);
            if let Some(before) = before {
                let smaller = &self.seen[&before];
                let mut larger = elements.iter();
                if !smaller.iter().all(|element| larger.by_ref().any(|other| other == element)) {
                    return Some(vec![before, *place]);
                }
            }
            if before.is_none_or(|before| self.seen[&before].len() < elements.len()) {
                for element in elements {
                    if let Some(&add) = self.added.get(element) {
                        adds.entry(add).or_insert(2 * group_reads.len() as u32);
                    }
                }
                group_reads.push(*place);
            }
            phases.push((2 * group_reads.len() as u32 - 1, *place));
        }
        let last = 2 * group_reads.len() as u32;
        for &place in strict {
            if matches!(self.operation(place).call, Call::Add(_)) {
                match (adds.get(&place), self.operation(place).outcome) {
                    (Some(&phase), _) => phases.push((phase, place)),
                    (None, Outcome::Ok(_)) => phases.push((last, place)),
                    _ => {}
                }
            }
        }
        phases.sort_unstable();
        // Of the later phases, what was over first.
        let mut over_first: Option<u32> = None;
        for group in phases.chunk_by(|one, other| one.0 == other.0).rev() {
            for &(phase, place) in group {
                let Some(other) = over_first else { break };
                if self.operation(other).completed < self.operation(place).invoked {
                    let mut set = vec![place, other];
                    set.extend(group_reads.get(phase as usize / 2));
                    set.sort_unstable();
                    set.dedup();
                    return Some(set);
                }
            }
            let places = group.iter().map(|&(_, place)| place).chain(over_first);
            over_first = places.min_by_key(|&place| self.operation(place).completed);
        }
        None
    }
}
