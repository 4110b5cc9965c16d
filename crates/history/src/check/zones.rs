//! A register whose written values are all different, in O(n log n): Gibbons and Korach, Testing shared
//! memories, SIAM J. Comput. 26(4), 1997, Theorem 4.1. Exact under that condition, which the caller checks.
//!
//! All operations on one value, its write and its reads, stand together in every order. From the first
//! completion among them to the last invocation the value has to be there, if the completion comes first
//! (a forward zone); else the value is there at some moment between the last invocation and the first
//! completion (a backward zone). An order exists if and only if no read precedes its write, no two forward
//! zones overlap, and no backward zone lies within a forward one.
//!
//! A pending write that nobody read is left out: it may not have taken effect. One that was read took
//! effect, and completes after everything else.

use crate::check::part::Part;
use crate::history::{Answer, Call, History, Operation, OperationId, Outcome};

/// What contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// A value that nobody wrote.
    NeverWritten { read: OperationId },
    /// A value whose write was refused.
    WriteRefused { read: OperationId, write: OperationId },
    /// A read that was over before its write began.
    ReadTooEarly { read: OperationId, write: OperationId },
    /// Two values that would have to be there at the same time.
    Overlap { operations: Vec<OperationId> },
}

impl Conflict {
    pub(crate) fn operations(&self) -> Vec<OperationId> {
        match self {
            Conflict::NeverWritten { read } => vec![*read],
            Conflict::WriteRefused { read, write } | Conflict::ReadTooEarly { read, write } => {
                vec![*read, *write]
            }
            Conflict::Overlap { operations } => operations.clone(),
        }
    }
}

/// Whether zones decide: only reads and writes, no value written twice, none of them the initial one.
pub(crate) fn apply(history: &History, part: &Part, initial: u32, room: &mut Room) -> bool {
    room.start(history);
    let mut unique = true;
    for &id in &part.operations {
        match history.operations[id as usize].call {
            Call::Read => {}
            Call::Write(value) => {
                let place = room.place(value.0 + 1);
                unique &= room.zones[place].writer == NOBODY && value.0 + 1 != initial;
                room.zones[place].writer = id;
            }
            _ => unique = false,
        }
        if !unique {
            return false;
        }
    }
    true
}

/// The operation that does not exist.
const NOBODY: u32 = u32::MAX;

/// What is known of a value.
#[derive(Debug, Clone, Copy)]
struct Zone {
    writer: u32,
    /// The first completion, and whose it is.
    first: i64,
    first_of: u32,
    /// The last invocation, and whose it is.
    last: i64,
    last_of: u32,
    /// Whether the value was there for certain.
    used: bool,
}

impl Zone {
    const NEW: Zone =
        Zone { writer: NOBODY, first: i64::MAX, first_of: NOBODY, last: -2, last_of: NOBODY, used: false };

    fn add(&mut self, id: u32, operation: &Operation) {
        let completed =
            if operation.completed == Operation::NEVER { i64::MAX } else { i64::from(operation.completed) };
        if completed < self.first {
            (self.first, self.first_of) = (completed, id);
        }
        if i64::from(operation.invoked) > self.last {
            (self.last, self.last_of) = (i64::from(operation.invoked), id);
        }
    }
}

/// Room to work in, used again for each object.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// For each state of a register its place in `zones` in the current round.
    places: Vec<(u32, u32)>,
    round: u32,
    zones: Vec<Zone>,
    forward: Vec<(i64, u32)>,
}

impl Room {
    fn start(&mut self, history: &History) {
        self.places.resize(history.values.len() + 2, (0, 0));
        self.round += 1;
        self.zones.clear();
    }

    fn place(&mut self, state: u32) -> usize {
        let (round, place) = &mut self.places[state as usize];
        if *round != self.round {
            (*round, *place) = (self.round, self.zones.len() as u32);
            self.zones.push(Zone::NEW);
        }
        *place as usize
    }
}

/// The state that a read saw: 0 for nothing, else the value's number and one.
fn seen(operation: &Operation) -> Option<u32> {
    match (operation.call, operation.outcome) {
        (Call::Read, Outcome::Ok(Answer::Value(value))) => Some(value.0 + 1),
        (Call::Read, Outcome::Ok(_)) => Some(0),
        _ => None,
    }
}

/// A contradiction in a part to which zones [`apply`], if there is one. `initial` is the state at the start.
pub(crate) fn conflict(history: &History, part: &Part, initial: u32, room: &mut Room) -> Option<Conflict> {
    let operation = |id: u32| &history.operations[id as usize];
    let start = room.place(initial);
    room.zones[start].first = -1;
    room.zones[start].used = true;
    for &id in &part.operations {
        let one = operation(id);
        if let (Call::Write(value), Outcome::Ok(_) | Outcome::Pending) = (one.call, one.outcome) {
            let place = room.place(value.0 + 1);
            room.zones[place].add(id, one);
            room.zones[place].used |= one.outcome != Outcome::Pending;
        }
    }
    for &id in &part.operations {
        let one = operation(id);
        let Some(state) = seen(one) else { continue };
        let place = room.place(state);
        let zone = &mut room.zones[place];
        if state != initial {
            let read = id as usize;
            let write = zone.writer as usize;
            if zone.writer == NOBODY {
                return Some(Conflict::NeverWritten { read });
            }
            if operation(zone.writer).outcome == Outcome::Refused {
                return Some(Conflict::WriteRefused { read, write });
            }
            if one.completed < operation(zone.writer).invoked {
                return Some(Conflict::ReadTooEarly { read, write });
            }
        }
        zone.add(id, one);
        zone.used = true;
    }
    let Room { zones, forward, .. } = room;
    forward.clear();
    let is_forward = |zone: &Zone| zone.used && zone.first < zone.last;
    forward.extend(
        zones
            .iter()
            .enumerate()
            .filter(|(_, zone)| is_forward(zone))
            .map(|(place, zone)| (zone.first, place as u32)),
    );
    forward.sort_unstable();
    let overlap = |one: &Zone, other: &Zone| {
        let mut operations: Vec<OperationId> = [one.first_of, one.last_of, other.first_of, other.last_of]
            .into_iter()
            .filter(|&id| id != NOBODY)
            .map(|id| id as usize)
            .collect();
        operations.sort_unstable();
        operations.dedup();
        Some(Conflict::Overlap { operations })
    };
    let zone = |entry: &(i64, u32)| &zones[entry.1 as usize];
    for pair in forward.windows(2) {
        if pair[1].0 < zone(&pair[0]).last {
            return overlap(zone(&pair[0]), zone(&pair[1]));
        }
    }
    for one in zones.iter().filter(|zone| zone.used && !is_forward(zone)) {
        let before = forward.partition_point(|&(first, _)| first < one.last);
        if before > 0 && zone(&forward[before - 1]).last > one.first {
            return overlap(zone(&forward[before - 1]), one);
        }
    }
    None
}

/// A contradiction between the operations on two values, in words.
pub(crate) fn explain(history: &History, operations: &[OperationId], initial: u32) -> String {
    let state_of = |id: OperationId| match history.operations[id].call {
        Call::Write(value) => Some(value.0 + 1),
        _ => seen(&history.operations[id]),
    };
    let mut states: Vec<u32> = operations.iter().filter_map(|&id| state_of(id)).collect();
    states.sort_unstable();
    states.dedup();
    let mut always = Vec::new();
    let mut between = Vec::new();
    for state in states {
        let name = if state == 0 { "no value".to_owned() } else { history.show(crate::ValueId(state - 1)) };
        let of: Vec<OperationId> =
            operations.iter().copied().filter(|&id| state_of(id) == Some(state)).collect();
        let (Some(&first), Some(&last)) = (
            of.iter().min_by_key(|&&id| history.operations[id].completed),
            of.iter().max_by_key(|&&id| history.operations[id].invoked),
        ) else {
            continue;
        };
        let until = history.describe(last);
        if state == initial {
            always.push(format!("{name} was there from the start until {until}"));
        } else if history.operations[first].precedes(&history.operations[last]) {
            always.push(format!("{name} was there from when {} until {until}", history.describe(first)));
        } else {
            let listed: Vec<String> = of.iter().map(|&id| history.describe(id)).collect();
            between.push(format!("{name} in between: {}", listed.join("; ")));
        }
    }
    always.extend(between);
    format!(
        "each value is written at most once, so it is there without interruption: {}",
        always.join(", and ")
    )
}

/// Whether a few operations contradict each other when all others are relaxed. Cost: quadratic in how many
/// they are. Every value that they read has some writer, refused or not.
pub(crate) fn contradict(history: &History, operations: &[OperationId], initial: u32) -> bool {
    let mut zones: Vec<(u32, Zone)> = vec![(initial, Zone { first: -1, used: true, ..Zone::NEW })];
    let mut zone_of = |state: u32| match zones.iter().position(|entry| entry.0 == state) {
        Some(place) => place,
        None => {
            zones.push((state, Zone::NEW));
            zones.len() - 1
        }
    };
    let places: Vec<Option<usize>> = operations
        .iter()
        .map(|&id| {
            let one = &history.operations[id];
            match one.call {
                Call::Write(value) => Some(zone_of(value.0 + 1)),
                _ => seen(one).map(&mut zone_of),
            }
        })
        .collect();
    for (&id, place) in operations.iter().zip(&places) {
        let (one, Some(place)) = (&history.operations[id], *place) else { continue };
        let zone = &mut zones[place].1;
        let is_write = matches!(one.call, Call::Write(_));
        if is_write {
            zone.writer = id as u32;
        }
        if !is_write || one.outcome != Outcome::Refused {
            zone.add(id as u32, one);
            zone.used |= !is_write || one.outcome != Outcome::Pending;
        }
    }
    for (&id, place) in operations.iter().zip(&places) {
        let (one, Some(place)) = (&history.operations[id], *place) else { continue };
        let writer = zones[place].1.writer;
        if seen(one).is_some() && writer != NOBODY {
            let write = &history.operations[writer as usize];
            if write.outcome == Outcome::Refused || one.completed < write.invoked {
                return true;
            }
        }
    }
    let used: Vec<Zone> = zones.iter().map(|entry| entry.1).filter(|zone| zone.used).collect();
    used.iter().enumerate().any(|(number, one)| {
        one.first < one.last
            && used.iter().enumerate().any(|(other_number, other)| {
                number != other_number && one.first < other.last && other.first < one.last
            })
    })
}
