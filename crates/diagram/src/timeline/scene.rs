//! A timeline made fit to draw: lanes in order, what is drawn of the rest, and what is not, in words.

use std::collections::{BTreeMap, BTreeSet};

use super::scale::Scale;
use super::{Clock, Cut, Fate, Kind, Lane, Message, Operation, Outcome, Timeline, Weight, thin};
use crate::words;

/// How much of each there may be in a drawing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) lanes: usize,
    pub(crate) operations: usize,
    pub(crate) messages: usize,
    /// Marks, cuts, notes and orders, of each so many.
    pub(crate) others: usize,
}

/// What is drawn of a timeline. All numbers are places in the timeline's own lists.
pub(crate) struct Scene<'a> {
    pub(crate) timeline: &'a Timeline,
    /// The lanes, from the top: servers, then clients.
    pub(crate) lanes: Vec<usize>,
    /// How many of them are servers.
    pub(crate) servers: usize,
    rows: Vec<Option<usize>>,
    /// The first and the last instant.
    pub(crate) span: (u64, u64),
    /// By their beginning.
    pub(crate) operations: Vec<usize>,
    pub(crate) messages: Vec<usize>,
    /// Messages that go on all the time, such as heartbeats. They do not decide how time is scaled.
    regular: Vec<usize>,
    pub(crate) marks: Vec<usize>,
    pub(crate) cuts: Vec<usize>,
    pub(crate) notes: Vec<usize>,
    pub(crate) orders: Vec<usize>,
    /// What is not drawn, a sentence each.
    pub(crate) missing: Vec<String>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(timeline: &'a Timeline, room: Room) -> Scene<'a> {
        let of_kind = |kind: Kind| {
            let lanes = timeline.lanes.iter().enumerate();
            lanes.filter(move |(_, lane)| lane.kind == kind).map(|(number, _)| number)
        };
        let (mut servers, mut clients) =
            (of_kind(Kind::Server).collect::<Vec<_>>(), of_kind(Kind::Client).collect::<Vec<_>>());
        // Whichever band is longer gives way; a process that an emphasised operation has stays.
        let blamed: BTreeSet<usize> = timeline
            .operations
            .iter()
            .filter(|operation| operation.weight == Weight::Blamed)
            .map(|operation| operation.lane)
            .collect();
        clients.sort_by_key(|lane| !blamed.contains(lane));
        let half = room.lanes / 2;
        let keep_servers = servers.len().min(half.max(room.lanes.saturating_sub(clients.len())));
        servers.truncate(keep_servers);
        clients.truncate(room.lanes.saturating_sub(keep_servers));
        clients.sort_unstable();
        let keep_servers = servers.len();
        let lanes: Vec<usize> = servers.into_iter().chain(clients).collect();
        let mut rows = vec![None; timeline.lanes.len()];
        for (row, &lane) in lanes.iter().enumerate() {
            rows[lane] = Some(row);
        }
        let mut scene = Scene {
            timeline,
            lanes,
            servers: keep_servers,
            rows,
            span: span(timeline),
            operations: Vec::new(),
            messages: Vec::new(),
            regular: Vec::new(),
            marks: Vec::new(),
            cuts: Vec::new(),
            notes: Vec::new(),
            orders: Vec::new(),
            missing: Vec::new(),
        };
        scene.choose(room);
        scene
    }

    fn choose(&mut self, room: Room) {
        let timeline = self.timeline;
        self.operations = nearest(timeline, |operation| self.row(operation.lane).is_some(), room.operations);
        let seen: Vec<usize> = places(&timeline.messages, |message| {
            self.row(message.from).is_some() && self.row(message.to).is_some()
        });
        let (wanted, regular) = thin::regular(&timeline.messages, seen, self.span);
        self.regular = regular;
        let mut changes: Vec<u64> =
            timeline.cuts.iter().flat_map(|cut| [Some(cut.from), cut.to]).flatten().collect();
        changes.extend(timeline.marks.iter().map(|mark| mark.at));
        changes.sort_unstable();
        changes.dedup();
        let client = |lane: usize| timeline.lanes[lane].kind == Kind::Client;
        self.messages = thin::chosen(&timeline.messages, &wanted, room.messages, &changes, |message| {
            client(message.from) || client(message.to)
        });
        self.marks = places(&timeline.marks, |mark| self.row(mark.lane).is_some());
        self.marks.truncate(room.others);
        self.cuts = (0..timeline.cuts.len()).take(room.others).collect();
        self.notes = (0..timeline.notes.len()).take(room.others).collect();
        let drawn: BTreeSet<usize> = self.operations.iter().copied().collect();
        self.orders =
            places(&timeline.orders, |order| drawn.contains(&order.before) && drawn.contains(&order.after));
        self.orders.truncate(room.others);
    }

    /// Adds regular messages as far as there is room: those of a kind at least `apart` from each other, at
    /// most so many, and none in a stretch that is cut out. What is missing is known only then.
    pub(crate) fn fill(&mut self, scale: &Scale, apart: f64, most: usize) {
        let most = most.saturating_sub(self.messages.len());
        let chosen = thin::apart(&self.timeline.messages, &self.regular, scale, apart, most);
        self.regular = chosen.clone();
        self.messages.extend(chosen);
        self.messages.sort_unstable();
        self.missing = self.missing();
    }

    /// Only these of its messages found a place after all.
    pub(crate) fn keep(&mut self, mut placed: Vec<usize>) {
        placed.sort_unstable();
        self.messages = placed;
        self.missing = self.missing();
    }

    /// From when to when operations to blame last, if there are any.
    pub(crate) fn focus(&self) -> Option<(u64, u64)> {
        let operations = self.operations.iter().map(|&number| &self.timeline.operations[number]);
        let blamed = operations.filter(|operation| operation.weight == Weight::Blamed);
        blamed.map(|operation| self.lasts(operation)).reduce(|one, two| (one.0.min(two.0), one.1.max(two.1)))
    }

    /// Whether an operation is under way that is not only there for context.
    pub(crate) fn awaited(&self, time: u64) -> bool {
        self.operations.iter().map(|&number| &self.timeline.operations[number]).any(|operation| {
            let (from, to) = self.lasts(operation);
            operation.weight != Weight::Context && (from..=to).contains(&time)
        })
    }

    /// Whether a message that is drawn is one of those that go on all the time.
    pub(crate) fn is_regular(&self, number: usize) -> bool {
        self.regular.binary_search(&number).is_ok()
    }

    /// Where a lane is drawn, from the top.
    pub(crate) fn row(&self, lane: usize) -> Option<usize> {
        self.rows.get(lane).copied().flatten()
    }

    pub(crate) fn lane(&self, row: usize) -> &Lane {
        &self.timeline.lanes[self.lanes[row]]
    }

    pub(crate) fn micros(&self) -> bool {
        self.timeline.clock == Clock::Microseconds
    }

    /// From when to when an operation lasts, in order of time.
    pub(crate) fn lasts(&self, operation: &Operation) -> (u64, u64) {
        let to = operation.to.unwrap_or(self.span.1);
        (operation.from.min(to), operation.from.max(to))
    }

    /// From when to when a cut lasts, in order of time.
    pub(crate) fn cut_lasts(&self, cut: &Cut) -> (u64, u64) {
        let to = cut.to.unwrap_or(self.span.1);
        (cut.from.min(to), cut.from.max(to))
    }

    /// All instants at which something that is drawn happens.
    pub(crate) fn instants(&self) -> Vec<u64> {
        let timeline = self.timeline;
        let mut instants = vec![self.span.0, self.span.1];
        for &number in &self.operations {
            let (from, to) = self.lasts(&timeline.operations[number]);
            instants.extend([from, to]);
        }
        for &number in &self.messages {
            let message = &timeline.messages[number];
            instants.extend([message.sent, ends(message)]);
        }
        instants.extend(self.marks.iter().map(|&number| timeline.marks[number].at));
        for &number in &self.cuts {
            let (from, to) = self.cut_lasts(&timeline.cuts[number]);
            instants.extend([from, to]);
        }
        instants.extend(self.notes.iter().map(|&number| timeline.notes[number].at));
        instants
    }

    /// Faulty processes and how they are faulty: `s2 and c2 (omission)`.
    pub(crate) fn faults(&self) -> Option<String> {
        let mut ways: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for lane in &self.timeline.lanes {
            if let Some(fault) = &lane.fault {
                ways.entry(fault).or_default().push(name(lane));
            }
        }
        let several = ways.len() > 1;
        let parts = ways.into_iter().map(|(fault, names)| {
            let who = if several { names.join(", ") } else { words::and(&names) };
            match fault {
                "" | "faulty" => who,
                _ => format!("{who} ({})", words::shorten(&words::one_line(fault), 30)),
            }
        });
        let parts: Vec<String> = parts.collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Which links a cut cuts.
    pub(crate) fn cut_label(&self, cut: &Cut) -> String {
        if !cut.label.is_empty() {
            return words::one_line(&cut.label);
        }
        let name = |lane: usize| match self.timeline.lanes.get(lane) {
            Some(lane) => name(lane),
            None => "?".to_owned(),
        };
        let links: BTreeSet<(usize, usize)> = cut.links.iter().copied().collect();
        let mut parts = Vec::new();
        for &(from, to) in &links {
            let both = links.contains(&(to, from));
            if both && from < to {
                parts.push(format!("{}<>{}", name(from), name(to)));
            } else if !both {
                parts.push(format!("{}>{}", name(from), name(to)));
            }
        }
        parts.join(", ")
    }

    fn missing(&self) -> Vec<String> {
        let timeline = self.timeline;
        let mut sentences = Vec::new();
        let there = |lane: usize| lane < timeline.lanes.len();
        let mut say = |total: usize, drawn: usize, what: &str| {
            if drawn < total {
                sentences.push(format!("{} of {total} {what} are not drawn", total - drawn));
            }
        };
        say(timeline.lanes.len(), self.lanes.len(), "processes, and what they did,");
        let operations = timeline.operations.iter().filter(|operation| there(operation.lane)).count();
        say(operations, self.operations.len(), "operations");
        let marks = timeline.marks.iter().filter(|mark| there(mark.lane)).count();
        say(marks, self.marks.len(), "things that happened to processes");
        say(timeline.cuts.len(), self.cuts.len(), "cuts");
        say(timeline.notes.len(), self.notes.len(), "notes");
        say(timeline.orders.len(), self.orders.len(), "orders");
        sentences.extend(self.thinned());
        if timeline.not_kept > 0 {
            let plural = if timeline.not_kept == 1 { "message was" } else { "messages were" };
            sentences.push(format!("{} more {plural} counted and not kept", timeline.not_kept));
        }
        let unknown = timeline.operations.iter().filter(|operation| !there(operation.lane)).count()
            + timeline.messages.iter().filter(|one| !there(one.from) || !there(one.to)).count()
            + timeline.marks.iter().filter(|mark| !there(mark.lane)).count();
        if unknown > 0 {
            let name = if unknown == 1 { "thing names" } else { "things name" };
            sentences.push(format!("{unknown} {name} a process that is not there, and cannot be drawn"));
        }
        sentences
    }

    /// How many messages of which types are not drawn.
    fn thinned(&self) -> Option<String> {
        let timeline = self.timeline;
        let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        let lanes = timeline.lanes.len();
        for message in timeline.messages.iter().filter(|one| one.from < lanes && one.to < lanes) {
            counts.entry(&message.label).or_default().1 += 1;
        }
        for &number in &self.messages {
            counts.entry(&timeline.messages[number].label).or_default().0 += 1;
        }
        let mut left: Vec<(usize, usize, &str)> = counts
            .into_iter()
            .filter(|(_, (drawn, total))| drawn < total)
            .map(|(label, (drawn, total))| (total - drawn, total, label))
            .collect();
        left.sort_by(|one, two| two.0.cmp(&one.0).then(one.2.cmp(two.2)));
        if left.is_empty() {
            return None;
        }
        let all: usize = left.iter().map(|(missing, ..)| missing).sum();
        let mut parts: Vec<String> = left
            .iter()
            .take(6)
            .map(|(missing, total, label)| {
                let label = words::shorten(&words::one_line(label), 30);
                let label = if label.is_empty() { "without a type".to_owned() } else { label };
                format!("{missing} of {total} {label}")
            })
            .collect();
        if left.len() > 6 {
            let rest: usize = left.iter().skip(6).map(|(missing, ..)| missing).sum();
            parts.push(format!("{rest} of other types"));
        }
        let plural = if all == 1 { "message is" } else { "messages are" };
        Some(format!("{all} {plural} not drawn: {}", parts.join(", ")))
    }
}

/// The places of what is wanted.
fn places<T>(all: &[T], wanted: impl Fn(&T) -> bool) -> Vec<usize> {
    all.iter().enumerate().filter(|(_, one)| wanted(one)).map(|(number, _)| number).collect()
}

/// The operations that are drawn, by their beginning: those to blame, then those nearest to them.
fn nearest(timeline: &Timeline, wanted: impl Fn(&Operation) -> bool, most: usize) -> Vec<usize> {
    let mut chosen = places(&timeline.operations, wanted);
    if chosen.len() > most {
        let mut centres: Vec<u64> = timeline
            .operations
            .iter()
            .filter(|operation| operation.weight == Weight::Blamed)
            .map(|operation| operation.from)
            .collect();
        centres.sort_unstable();
        let distance = |operation: &Operation| {
            let next = centres.partition_point(|&centre| centre < operation.from);
            let around = [next.checked_sub(1), Some(next)].into_iter().flatten();
            around.filter_map(|place| Some(centres.get(place)?.abs_diff(operation.from))).min()
        };
        chosen.sort_by_key(|&number| {
            let operation = &timeline.operations[number];
            let weight = match operation.weight {
                Weight::Blamed => 0,
                Weight::Normal => 1,
                Weight::Context => 2,
            };
            (weight, distance(operation), operation.from, number)
        });
        chosen.truncate(most);
    }
    chosen.sort_by_key(|&number| (timeline.operations[number].from, number));
    chosen
}

fn span(timeline: &Timeline) -> (u64, u64) {
    let given = timeline.span.into_iter().flat_map(|(from, to)| [from, to]);
    let operations =
        timeline.operations.iter().flat_map(|operation| [Some(operation.from), operation.to]).flatten();
    let messages = timeline.messages.iter().flat_map(|message| [message.sent, ends(message)]);
    let marks = timeline.marks.iter().map(|mark| mark.at);
    let cuts = timeline.cuts.iter().flat_map(|cut| [Some(cut.from), cut.to]).flatten();
    let notes = timeline.notes.iter().map(|note| note.at);
    let all: Vec<u64> =
        given.chain(operations).chain(messages).chain(marks).chain(cuts).chain(notes).collect();
    let first = all.iter().copied().min().unwrap_or(0);
    (first, all.iter().copied().max().unwrap_or(0).max(first))
}

/// When a message arrived or was lost; when it was sent, if neither is known.
pub(crate) fn ends(message: &Message) -> u64 {
    match message.fate {
        Fate::Arrived { at } | Fate::Lost { at, .. } => at,
        Fate::Open => message.sent,
    }
}

/// A process's name as it is drawn.
pub(crate) fn name(lane: &Lane) -> String {
    words::shorten(&words::one_line(&lane.name), 12)
}

/// How an operation ended, in a few words.
pub(crate) fn outcome(operation: &Operation) -> String {
    match &operation.outcome {
        Outcome::Answered(answer) => words::one_line(answer),
        Outcome::Refused(why) if why.is_empty() => "refused".to_owned(),
        Outcome::Refused(why) => format!("refused: {}", words::one_line(why)),
        Outcome::Unanswered => "no answer".to_owned(),
    }
}
