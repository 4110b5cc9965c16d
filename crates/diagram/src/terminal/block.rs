//! The lanes of one world over some rounds.

use std::collections::{BTreeMap, BTreeSet};

use super::paint::{Line, Paint};
use crate::scene::{Arrow, Fate, Occurrence, Scene, World};
use crate::words;

/// How much of a round is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// A stroke for each pair of processes, a dotted one where everything was removed.
    Links,
    /// A stroke where something arrived, and one cross for all that was removed at a process.
    Marks,
    /// How many messages a process received, and how many were removed at it.
    Counts,
}

/// A round with more strokes than this is not drawn with strokes, whatever columns they could share.
const MOST_LINKS: usize = 64;

/// A world, its rounds cut into columns.
pub(crate) struct Block<'a> {
    scene: &'a Scene,
    number: usize,
    detail: Detail,
    /// How many columns follow each round.
    gap: usize,
    rounds: Vec<Columns>,
}

/// What stands in the columns of a round, without the gap after it: by row and column.
#[derive(Default)]
struct Columns {
    width: usize,
    signs: BTreeMap<(usize, usize), (char, Paint)>,
}

/// The messages between two lanes in one round.
#[derive(Default)]
struct Link {
    /// Something arrives at the upper lane, at the lower.
    up: bool,
    down: bool,
    /// A dot: the lane sends something that gets away, or receives something.
    dots: BTreeSet<usize>,
    /// A cross: something is removed at the lane.
    crosses: BTreeSet<usize>,
    timing: bool,
}

impl<'a> Block<'a> {
    pub(crate) fn new(scene: &'a Scene, number: usize, detail: Detail) -> Block<'a> {
        let world = &scene.worlds[number];
        let rounds = (1..=world.rounds).map(|round| match detail {
            Detail::Counts => Columns::counts(world, round),
            _ => Columns::strokes(world, round, detail),
        });
        Block { scene, number, detail, gap: 1, rounds: rounds.collect() }
    }

    pub(crate) fn detail(&self) -> Detail {
        self.detail
    }

    /// The same with more room between the rounds.
    pub(crate) fn spaced(self, gap: usize) -> Block<'a> {
        Block { gap, ..self }
    }

    pub(crate) fn world(&self) -> &'a World {
        &self.scene.worlds[self.number]
    }

    pub(crate) fn widest_round(&self) -> usize {
        self.rounds.iter().map(|round| round.width + self.gap).max().unwrap_or(0)
    }

    /// Before the first round: the name, the mark of the faulty, and a piece of the lane.
    fn before(&self) -> usize {
        let names = self.world().lanes.iter().map(|lane| lane.process.to_string().len());
        names.max().unwrap_or(0) + 2
    }

    fn after(&self) -> usize {
        self.marks().into_iter().flatten().map(|mark| words::columns(&mark)).max().unwrap_or(0)
    }

    /// At the end of each lane, without a blank.
    fn marks(&self) -> Vec<Option<String>> {
        let mark = |lane| Some(self.scene.mark(self.number, lane)?.replace(' ', ""));
        self.world().lanes.iter().map(mark).collect()
    }

    /// The width of all rounds in one row.
    pub(crate) fn width(&self) -> usize {
        self.before() + self.rounds.iter().map(|round| round.width + self.gap).sum::<usize>() + self.after()
    }

    pub(crate) fn fits(&self, width: usize) -> bool {
        self.before() + self.widest_round() + self.after() <= width
    }

    /// The first and last rounds of the rows that the rounds fill.
    pub(crate) fn cuts(&self, width: usize) -> Vec<(usize, usize)> {
        let room = width.saturating_sub(self.before() + self.after());
        let mut cuts = Vec::new();
        let (mut first, mut used) = (1, 0);
        for (number, round) in (1..).zip(&self.rounds) {
            if number > first && used + round.width + self.gap > room {
                cuts.push((first, number - 1));
                (first, used) = (number, 0);
            }
            used += round.width + self.gap;
        }
        cuts.push((first, self.rounds.len()));
        cuts
    }

    /// A line of round numbers, then the lanes, with lines between them where there are strokes.
    pub(crate) fn draw(&self, first: usize, last: usize) -> Vec<Line> {
        let world = self.world();
        let rounds = || (first..=last).zip(&self.rounds[(first - 1).min(last)..last]);
        let before = self.before();
        let mut header = Line::default();
        let opens = |round: usize| world.loop_from == Some(round);
        header.pad_to(before - 1);
        header.push(Paint::Plain, if opens(first) { "[" } else { " " });
        for (number, round) in rounds() {
            let mut text = Line::of(Paint::Dim, number.to_string());
            text.pad_to(round.width);
            header.append(&text);
            let closes = number == world.rounds && world.loop_from.is_some();
            header.push(Paint::Plain, " ".repeat(self.gap - 1));
            let bracket = if closes {
                "]"
            } else if number < last && opens(number + 1) {
                "["
            } else {
                " "
            };
            header.push(Paint::Plain, bracket);
        }
        let mut lines = vec![header];
        let marks = self.marks();
        let rows = if self.detail == Detail::Counts {
            world.lanes.len()
        } else {
            (2 * world.lanes.len()).saturating_sub(1)
        };
        for row in 0..rows {
            let lane = match self.detail {
                Detail::Counts => Some(row),
                _ => (row % 2 == 0).then_some(row / 2),
            };
            let mut line = Line::default();
            // The lane between the signs; nothing after its process has stopped.
            let fill = |round: usize| match lane.map(|lane| &world.lanes[lane]) {
                None => (' ', Paint::Plain),
                Some(lane) if lane.stops.is_some_and(|stops| stops < round) => (' ', Paint::Plain),
                Some(lane) => {
                    let paint = lane.likeness.map_or(Paint::Dim, Paint::Likeness);
                    (if lane.fault.is_some() { '╌' } else { '─' }, paint)
                }
            };
            let gap = |line: &mut Line, round: usize, fill: (char, Paint)| {
                let (sign, paint) = if world.gst == Some(round) { ('║', Paint::Bold) } else { fill };
                line.push(paint, String::from(sign));
            };
            if let Some(lane) = lane.map(|lane| &world.lanes[lane]) {
                let paint = lane.likeness.map_or(Paint::Bold, Paint::Likeness);
                line.push(paint, lane.process.to_string());
                line.push(Paint::Bold, if lane.fault.is_some() { "*" } else { "" });
            }
            line.pad_to(before - 1);
            gap(&mut line, first, fill(first));
            for (number, round) in rounds() {
                // In the round in which it stops, a lane goes as far as its sign.
                let stops = lane.filter(|&lane| world.lanes[lane].stops == Some(number));
                let mut ended = false;
                for column in 0..round.width {
                    let (mut sign, mut paint) = if ended { (' ', Paint::Plain) } else { fill(number) };
                    if let Some(&there) = round.signs.get(&(row, column)) {
                        (sign, paint) = there;
                        ended |= stops.is_some() && sign == '╳';
                    }
                    line.push(paint, String::from(sign));
                }
                for _ in 1..self.gap {
                    let (sign, paint) = if ended { (' ', Paint::Plain) } else { fill(number) };
                    line.push(paint, String::from(sign));
                }
                gap(&mut line, number + 1, if ended { (' ', Paint::Plain) } else { fill(number) });
            }
            if last == world.rounds
                && let Some(lane) = lane
                && let Some(mark) = &marks[lane]
            {
                let paint = world.lanes[lane].likeness.map_or(Paint::Bold, Paint::Likeness);
                line.push(paint, mark.clone());
            }
            lines.push(line);
        }
        lines
    }
}

impl Columns {
    /// Strokes and signs. Each takes the first column in which it meets no other.
    fn strokes(world: &World, round: usize, detail: Detail) -> Columns {
        let mut links: BTreeMap<(usize, usize), Link> = BTreeMap::new();
        let mut crosses: BTreeMap<usize, (char, Paint)> = BTreeMap::new();
        for arrow in world.arrows_in(round) {
            let at = match arrow.fate {
                Fate::RemovedAtSender => arrow.from,
                _ => arrow.to,
            };
            if arrow.fate.is_removed() && (detail == Detail::Marks || arrow.from == arrow.to) {
                let timing = arrow.fate == Fate::LostToTiming;
                let sign = if timing { ('t', Paint::Bold) } else { ('x', Paint::Removed) };
                let there = crosses.entry(at).or_insert(sign);
                *there = if there.0 == 'x' { *there } else { sign };
            } else if arrow.from == arrow.to {
                crosses.entry(at).or_insert(('●', Paint::Plain));
            } else {
                let pair = (arrow.from.min(arrow.to), arrow.from.max(arrow.to));
                links.entry(pair).or_default().add(arrow);
            }
        }
        let mut columns = Columns::default();
        if links.len() > MOST_LINKS {
            return Columns { width: links.len(), ..columns };
        }
        let mut taken: Vec<BTreeSet<usize>> = Vec::new();
        let events = |wanted: Occurrence| {
            let these = world.events_in(round).iter().filter(move |event| event.occurrence == wanted);
            these.map(|event| event.lane)
        };
        for lane in events(Occurrence::Request) {
            let column = first_free(&mut taken, lane..=lane, 0);
            columns.signs.insert((2 * lane, column), ('?', Paint::Bold));
        }
        for (&(upper, lower), link) in &links {
            let column = first_free(&mut taken, upper..=lower, 0);
            columns.stroke(world, round, column, upper, lower, link);
        }
        for (&lane, &sign) in &crosses {
            let column = first_free(&mut taken, lane..=lane, 0);
            columns.signs.insert((2 * lane, column), sign);
        }
        for (lane, _) in world.lanes.iter().enumerate().filter(|(_, lane)| lane.stops == Some(round)) {
            let after =
                taken.iter().rposition(|column| column.contains(&lane)).map_or(0, |column| column + 1);
            let column = first_free(&mut taken, lane..=lane, after);
            columns.signs.insert((2 * lane, column), ('╳', Paint::Bold));
        }
        for lane in events(Occurrence::Response) {
            let last = taken.len().saturating_sub(1);
            let column = first_free(&mut taken, lane..=lane, last);
            columns.signs.insert((2 * lane, column), ('!', Paint::Bold));
        }
        columns.width = taken.len().max(round.to_string().len());
        columns
    }

    fn stroke(
        &mut self,
        world: &World,
        round: usize,
        column: usize,
        upper: usize,
        lower: usize,
        link: &Link,
    ) {
        let solid = link.up || link.down;
        for row in 2 * upper..=2 * lower {
            let lane = row / 2;
            let passes = row % 2 == 0 && row != 2 * upper && row != 2 * lower;
            let gone = world.lanes[lane].stops.is_some_and(|stops| stops < round);
            let sign = if row % 2 == 0 && !passes {
                if link.crosses.contains(&lane) {
                    ('x', Paint::Removed)
                } else if link.dots.contains(&lane) {
                    ('●', Paint::Plain)
                } else {
                    continue;
                }
            } else if link.timing && !solid && row == (upper + lower) | 1 {
                ('t', Paint::Bold)
            } else if !solid {
                if passes && !gone {
                    continue;
                }
                ('┊', Paint::Dim)
            } else {
                let (up, down) = (link.up && row == 2 * upper + 1, link.down && row + 1 == 2 * lower);
                let sign = match (up, down) {
                    (true, true) => '↕',
                    (true, false) => '↑',
                    (false, true) => '↓',
                    _ if passes && !gone => '┼',
                    _ => '│',
                };
                (sign, Paint::Plain)
            };
            self.signs.insert((row, column), sign);
        }
    }

    /// Numbers, where strokes would not fit.
    fn counts(world: &World, round: usize) -> Columns {
        let mut columns = Columns { width: round.to_string().len(), ..Columns::default() };
        let mut received = vec![0_usize; world.lanes.len()];
        let mut removed = vec![0_usize; world.lanes.len()];
        for arrow in world.arrows_in(round) {
            match arrow.fate {
                Fate::Delivered => received[arrow.to] += 1,
                Fate::Unread => {}
                Fate::RemovedAtSender => removed[arrow.from] += 1,
                _ => removed[arrow.to] += 1,
            }
        }
        for (lane, (received, removed)) in received.into_iter().zip(removed).enumerate() {
            let has = |wanted| {
                let mut events = world.events_in(round).iter().filter(|event| event.lane == lane);
                events.any(|event| event.occurrence == wanted)
            };
            let mut text = String::new();
            if has(Occurrence::Request) {
                text.push('?');
            }
            if received > 0 {
                text.push_str(&received.to_string());
            }
            if removed > 0 {
                text.push_str(&format!("x{removed}"));
            }
            if has(Occurrence::Response) {
                text.push('!');
            }
            if world.lanes[lane].stops == Some(round) {
                text.push('╳');
            }
            columns.width = columns.width.max(text.chars().count());
            let mut paint = Paint::Plain;
            for (column, sign) in text.chars().enumerate() {
                paint = if sign == 'x' { Paint::Removed } else { paint };
                columns.signs.insert((lane, column), (sign, paint));
            }
        }
        columns
    }
}

impl Link {
    fn add(&mut self, arrow: &Arrow) {
        let arrives = match arrow.fate {
            Fate::Delivered => {
                self.dots.extend([arrow.from, arrow.to]);
                true
            }
            Fate::Unread => {
                self.dots.insert(arrow.from);
                true
            }
            Fate::RemovedAtSender => {
                self.crosses.insert(arrow.from);
                false
            }
            Fate::RemovedAtReceiver | Fate::RemovedBetween => {
                self.dots.insert(arrow.from);
                self.crosses.insert(arrow.to);
                false
            }
            Fate::LostToTiming => {
                self.dots.insert(arrow.from);
                self.timing = true;
                false
            }
        };
        if arrow.to < arrow.from {
            self.up |= arrives;
        } else {
            self.down |= arrives;
        }
    }
}

/// The first column from `from` on that has none of the lanes; it has them from now on.
fn first_free(
    taken: &mut Vec<BTreeSet<usize>>,
    lanes: std::ops::RangeInclusive<usize>,
    from: usize,
) -> usize {
    let free = |column: &BTreeSet<usize>| column.range(lanes.clone()).next().is_none();
    let found = taken.iter().skip(from).position(free).map(|position| from + position);
    let column = found.unwrap_or(taken.len().max(from));
    while taken.len() <= column {
        taken.push(BTreeSet::new());
    }
    taken[column].extend(lanes);
    column
}
