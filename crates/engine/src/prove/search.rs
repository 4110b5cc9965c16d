//! The search for a chain of worlds. Its links are views that have to be answered: two of them in one world
//! are answered alike. A chain from a view that can only be answered with one client's value to a view that
//! can only be answered with the other's is a contradiction.
//!
//! First whole sets of views are followed, until nothing new is reached or a contradiction is: that decides
//! whether there is a chain. Only then is the cheapest one looked for, by Dijkstra's algorithm over sets.

use std::collections::BTreeMap;

use threeworlds_certificate::{Claim, Task};
use threeworlds_model::Capability;

use super::diagrams::Set;
use super::layout::Faulty;
use super::worlds::Worlds;
use crate::explore::StopReason;

/// A view that has to be answered: of one of the two clients, at the end of the epoch in which it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Viewer {
    /// Which of the two that ask.
    pub(super) asking: usize,
    pub(super) epoch: usize,
}

/// A world of a chain, as bits, and who is faulty in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) bits: Vec<bool>,
    pub(super) faulty: Faulty,
}

/// A view of a chain with the worlds that it occurs in, by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) viewer: Viewer,
    /// Where Termination forces the answer.
    pub(super) forced_in: usize,
    /// All worlds of the chain with this view, the one above included.
    pub(super) occurs_in: Vec<usize>,
}

/// Views from the one end to the other; two that follow each other share a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) worlds: Vec<Found>,
    pub(super) links: Vec<Link>,
    /// The worlds in which the first and in which the last link leave no choice.
    pub(super) ends: [usize; 2],
}

/// What a search came to.
pub(super) enum Outcome {
    Chain(Chain),
    /// There is none among so many worlds.
    Nothing {
        worlds: f64,
    },
    Stopped(StopReason),
}

struct Search<'w, 'a> {
    worlds: &'w mut Worlds<'a>,
    faulty: &'w [Faulty],
    task: Task,
    viewers: Vec<Viewer>,
    /// By viewer: the views in which Termination forces an answer somewhere.
    forced: Vec<Set>,
    /// By position in `faulty`: the worlds in which nothing is late.
    timely: Vec<Set>,
    /// Likewise: all worlds.
    any: Vec<Set>,
}

/// Looks for a chain. The first of the two clients writes; in the task `register` the second reads, and else
/// it writes as well.
pub(super) fn search(claim: &Claim, worlds: &mut Worlds<'_>, faulty: &[Faulty]) -> Outcome {
    let mut search = Search::new(claim, worlds, faulty);
    let found = search.is_there_a_chain();
    let chain = if found { search.cheapest_chain() } else { None };
    if let Some(reason) = search.worlds.diagrams.stopped() {
        return Outcome::Stopped(reason);
    }
    match chain {
        Some(chain) => Outcome::Chain(chain),
        None => {
            assert!(!found, "a chain was seen and cannot be found");
            let all = search
                .any
                .clone()
                .into_iter()
                .fold(Set::EMPTY, |all, set| search.worlds.diagrams.or(all, set));
            Outcome::Nothing { worlds: search.worlds.diagrams.count(all) }
        }
    }
}

/// How a state of the search was reached.
#[derive(Debug, Clone, Copy)]
enum Via {
    /// It needs no reason: any forced view of the writer, whose answer is still owed.
    Owed,
    /// A world in which the other client asks for nothing.
    Alone { faulty: usize, late: bool },
    /// A world in which a view of an earlier epoch is forced, and the other client asks later.
    Earlier { faulty: usize, before: Viewer },
    /// A world with the view of the parent and this one.
    Shared { parent: usize, faulty: usize, late: bool },
    /// A world of its own in which the parent's view is forced.
    Settled { parent: usize, faulty: usize },
}

/// Some views of a viewer, all reached in the same way and at the same cost.
#[derive(Debug, Clone, Copy)]
struct Reached {
    viewer: Viewer,
    set: Set,
    /// Whether a world that forces the answer has been counted.
    settled: bool,
    via: Via,
}

/// What is taken from the queue.
#[derive(Debug, Clone, Copy)]
enum Item {
    Reached(Reached),
    /// A world with the view in which the other client asks for nothing: it leaves no choice.
    EndAlone {
        parent: usize,
        faulty: usize,
        late: bool,
    },
    /// The world that led here leaves no choice already.
    EndHere {
        at: Reached,
    },
}

/// Worlds, then faulty processes.
type Cost = (usize, usize);

impl<'w, 'a> Search<'w, 'a> {
    fn new(claim: &Claim, worlds: &'w mut Worlds<'a>, faulty: &'w [Faulty]) -> Self {
        let timely: Vec<Set> = faulty.iter().map(|faulty| worlds.admissible(faulty, false)).collect();
        let any = if worlds.may_be_late() {
            faulty.iter().map(|faulty| worlds.admissible(faulty, true)).collect()
        } else {
            timely.clone()
        };
        let viewers: Vec<Viewer> =
            (0..worlds.epochs).flat_map(|epoch| (0..2).map(move |asking| Viewer { asking, epoch })).collect();
        let mut search = Search {
            worlds,
            faulty,
            task: claim.task.argued_as().0,
            viewers,
            forced: Vec::new(),
            timely,
            any,
        };
        search.forced =
            search.viewers.clone().into_iter().map(|viewer| search.forced_views(viewer)).collect();
        search
    }

    fn forced_views(&mut self, viewer: Viewer) -> Set {
        let mut all = Set::EMPTY;
        for position in 0..self.faulty.len() {
            let forcing = self.forcing(position, viewer);
            all = self.worlds.diagrams.or(all, forcing);
        }
        self.worlds.views(all, viewer.asking, viewer.epoch)
    }

    /// The worlds with these faulty processes in which the viewer asks in its epoch and has to be answered.
    fn forcing(&mut self, faulty: usize, viewer: Viewer) -> Set {
        if self.fault(faulty, viewer).is_some() {
            return Set::EMPTY;
        }
        let asks = self.worlds.asks(viewer.epoch, viewer.asking);
        self.worlds.diagrams.and(self.timely[faulty], asks)
    }

    fn fault(&self, faulty: usize, viewer: Viewer) -> Option<threeworlds_certificate::Fault> {
        self.faulty[faulty].faults[self.worlds.layout.asking[viewer.asking]]
    }

    /// Whether the viewer is there to be answered at the end of its epoch.
    fn lives(&self, faulty: usize, viewer: Viewer) -> bool {
        !self
            .fault(faulty, viewer)
            .is_some_and(|fault| fault.capability == Capability::Crash && fault.from <= viewer.epoch)
    }

    /// The worlds in which the viewer's response can only be what it alone asked for: the other client has
    /// asked for nothing by then.
    fn alone(&mut self, viewer: Viewer) -> Set {
        self.worlds.asks_never(0..viewer.epoch + 1, 1 - viewer.asking)
    }

    fn number(&self, viewer: Viewer) -> usize {
        self.viewers.iter().position(|other| *other == viewer).expect("all viewers are listed")
    }

    /// Whether two views, one after the other, can be a step of a chain.
    fn follows(&self, from: Viewer, to: Viewer) -> bool {
        let register = self.task == Task::Register;
        from.asking != to.asking && (!register || from.asking == 0 && from.epoch < to.epoch)
    }

    /// Follows whole sets of views from the one end until the other is met.
    fn is_there_a_chain(&mut self) -> bool {
        let viewers = self.viewers.clone();
        // Views of a client in which the other has not asked, as far as it can see.
        let mut alone = Vec::new();
        for (number, &viewer) in viewers.iter().enumerate() {
            let others = self.alone(viewer);
            let forced = self.worlds.diagrams.and(self.forced[number], others);
            alone.push(self.worlds.views(forced, viewer.asking, viewer.epoch));
        }
        // The worlds in which two clients live to be answered.
        let mut shared = BTreeMap::new();
        for &one in &viewers {
            for &other in &viewers {
                if !self.follows(one, other) {
                    continue;
                }
                let mut all = Set::EMPTY;
                for faulty in 0..self.faulty.len() {
                    if self.lives(faulty, one) && self.lives(faulty, other) {
                        all = self.worlds.diagrams.or(all, self.any[faulty]);
                    }
                }
                for viewer in [one, other] {
                    let asks = self.worlds.asks(viewer.epoch, viewer.asking);
                    all = self.worlds.diagrams.and(all, asks);
                }
                shared.insert((one, other), all);
            }
        }
        let register = self.task == Task::Register;
        let start = |(number, viewer): (usize, &Viewer)| match viewer.asking {
            0 if register => self.forced[number],
            0 => alone[number],
            _ => Set::EMPTY,
        };
        let mut new: Vec<Set> = viewers.iter().enumerate().map(start).collect();
        let mut reached: Vec<Set> = vec![Set::EMPTY; viewers.len()];
        while new.iter().any(|&set| set != Set::EMPTY) {
            for (all, new) in reached.iter_mut().zip(&new) {
                *all = self.worlds.diagrams.or(*all, *new);
            }
            let mut next = vec![Set::EMPTY; viewers.len()];
            for (to, &viewer) in viewers.iter().enumerate() {
                // Only worlds whose view is not reached yet: the others lead to nothing new.
                let missing = self.worlds.diagrams.minus(self.forced[to], reached[to]);
                let mut with = Set::EMPTY;
                for (from, &before) in viewers.iter().enumerate() {
                    let Some(&worlds) = shared.get(&(before, viewer)) else { continue };
                    let both = self.worlds.diagrams.and(new[from], missing);
                    let both = self.worlds.diagrams.and(both, worlds);
                    with = self.worlds.diagrams.or(with, both);
                }
                if with == Set::EMPTY {
                    continue;
                }
                next[to] = self.worlds.views(with, viewer.asking, viewer.epoch);
                let end = self.worlds.diagrams.and(next[to], alone[to]);
                if self.worlds.diagrams.stopped().is_some() {
                    return false;
                }
                if viewer.asking == 1 && end != Set::EMPTY {
                    return true;
                }
            }
            new = next;
        }
        false
    }

    /// The chain with the fewest worlds, and of these one with the fewest faulty processes.
    fn cheapest_chain(&mut self) -> Option<Chain> {
        let mut queue: BTreeMap<(Cost, usize), Item> = BTreeMap::new();
        let mut entered = 0;
        let mut enter = |queue: &mut BTreeMap<_, _>, cost: Cost, item| {
            queue.insert((cost, entered), item);
            entered += 1;
        };
        for item in self.starts() {
            enter(&mut queue, item.0, item.1);
        }
        let mut taken: Vec<(Reached, Cost)> = Vec::new();
        // By viewer and whether settled: what was taken at no greater cost.
        let mut done = vec![[Set::EMPTY; 2]; self.viewers.len()];
        while let Some(((cost, _), item)) = queue.pop_first() {
            if self.worlds.diagrams.stopped().is_some() {
                return None;
            }
            let mut reached = match item {
                Item::Reached(reached) => reached,
                Item::EndAlone { parent, faulty, late } => {
                    return self.end_alone(&taken, parent, faulty, late);
                }
                Item::EndHere { at } => return self.end_here(&taken, at),
            };
            let number = self.number(reached.viewer);
            let settled = usize::from(reached.settled);
            // What is settled is as good as owed.
            reached.set = self.worlds.diagrams.minus(reached.set, done[number][settled]);
            reached.set = self.worlds.diagrams.minus(reached.set, done[number][1]);
            if reached.set == Set::EMPTY {
                continue;
            }
            done[number][settled] = self.worlds.diagrams.or(done[number][settled], reached.set);
            taken.push((reached, cost));
            for (more, item) in self.next(reached, taken.len() - 1) {
                enter(&mut queue, (cost.0 + more.0, cost.1 + more.1), item);
            }
        }
        None
    }

    fn cost(&self, faulty: usize) -> Cost {
        (1, self.faulty[faulty].processes)
    }

    fn starts(&mut self) -> Vec<(Cost, Item)> {
        let mut starts = Vec::new();
        let writers: Vec<Viewer> = self.viewers.iter().copied().filter(|viewer| viewer.asking == 0).collect();
        for viewer in writers {
            if self.task == Task::Register {
                let set = self.forced[self.number(viewer)];
                let owed = Reached { viewer, set, settled: false, via: Via::Owed };
                starts.push(((0, 0), Item::Reached(owed)));
                continue;
            }
            for faulty in 0..self.faulty.len() {
                for &late in self.latenesses() {
                    let worlds = self.alone_in(faulty, viewer, late);
                    let forced = self.forced[self.number(viewer)];
                    let worlds = self.worlds.diagrams.and(worlds, forced);
                    let set = self.worlds.views(worlds, viewer.asking, viewer.epoch);
                    let settled = !late && self.fault(faulty, viewer).is_none();
                    let via = Via::Alone { faulty, late };
                    starts.push((self.cost(faulty), Item::Reached(Reached { viewer, set, settled, via })));
                }
                for other in self.viewers.clone() {
                    if other.asking == 1 && other.epoch > viewer.epoch && self.lives(faulty, other) {
                        let worlds = self.earlier(faulty, viewer, other);
                        let set = self.worlds.views(worlds, other.asking, other.epoch);
                        let settled = self.fault(faulty, other).is_none();
                        let via = Via::Earlier { faulty, before: viewer };
                        starts.push((
                            self.cost(faulty),
                            Item::Reached(Reached { viewer: other, set, settled, via }),
                        ));
                    }
                }
            }
        }
        starts
    }

    /// The worlds in which the viewer asks and lives to be answered, and the other asks for nothing.
    fn alone_in(&mut self, faulty: usize, viewer: Viewer, late: bool) -> Set {
        if !self.lives(faulty, viewer) {
            return Set::EMPTY;
        }
        let worlds = if late { self.any[faulty] } else { self.timely[faulty] };
        let asks = self.worlds.asks(viewer.epoch, viewer.asking);
        let worlds = self.worlds.diagrams.and(worlds, asks);
        let never = self.worlds.asks_never(0..self.worlds.epochs, 1 - viewer.asking);
        self.worlds.diagrams.and(worlds, never)
    }

    /// Worlds without late messages, and with them where there can be any.
    fn latenesses(&self) -> &'static [bool] {
        if self.worlds.may_be_late() { &[false, true] } else { &[false] }
    }

    /// The worlds in which the viewer has to be answered before the other asks, whose view is forced too.
    fn earlier(&mut self, faulty: usize, viewer: Viewer, other: Viewer) -> Set {
        let forcing = self.forcing(faulty, viewer);
        let asks = self.worlds.asks(other.epoch, other.asking);
        let both = self.worlds.diagrams.and(forcing, asks);
        self.worlds.diagrams.and(both, self.forced[self.number(other)])
    }

    /// The worlds in which both clients are answered, the first with a view of this set; it has to be
    /// answered here if no other world was counted that says so.
    fn shared(&mut self, from: Reached, to: Viewer, faulty: usize, late: bool) -> Set {
        let lives = self.lives(faulty, from.viewer) && self.lives(faulty, to);
        let forced_here = !late && self.fault(faulty, from.viewer).is_none();
        if !lives || !from.settled && !forced_here {
            return Set::EMPTY;
        }
        let worlds = if late { self.any[faulty] } else { self.timely[faulty] };
        let asks = self.worlds.asks(from.viewer.epoch, from.viewer.asking);
        let worlds = self.worlds.diagrams.and(worlds, asks);
        let asks = self.worlds.asks(to.epoch, to.asking);
        let worlds = self.worlds.diagrams.and(worlds, asks);
        let worlds = self.worlds.diagrams.and(worlds, from.set);
        self.worlds.diagrams.and(worlds, self.forced[self.number(to)])
    }

    fn next(&mut self, from: Reached, parent: usize) -> Vec<(Cost, Item)> {
        let mut next = Vec::new();
        let viewer = from.viewer;
        let latenesses = self.latenesses();
        for faulty in 0..self.faulty.len() {
            let cost = self.cost(faulty);
            for &late in latenesses.iter().filter(|_| viewer.asking == 1) {
                let forces = !late && self.fault(faulty, viewer).is_none();
                let ending = self.alone_in(faulty, viewer, late);
                let ends = self.worlds.diagrams.and(ending, from.set) != Set::EMPTY;
                if ends && (from.settled || forces) {
                    next.push((cost, Item::EndAlone { parent, faulty, late }));
                }
            }
            if !from.settled {
                let forcing = self.forcing(faulty, viewer);
                let with = self.worlds.diagrams.and(forcing, from.set);
                let set = self.worlds.views(with, viewer.asking, viewer.epoch);
                let via = Via::Settled { parent, faulty };
                next.push((cost, Item::Reached(Reached { viewer, set, settled: true, via })));
            }
            for to in self.viewers.clone() {
                if !self.follows(viewer, to) {
                    continue;
                }
                for &late in latenesses {
                    let worlds = self.shared(from, to, faulty, late);
                    if worlds == Set::EMPTY {
                        continue;
                    }
                    let set = self.worlds.views(worlds, to.asking, to.epoch);
                    let settled = !late && self.fault(faulty, to).is_none();
                    let via = Via::Shared { parent, faulty, late };
                    let reached = Reached { viewer: to, set, settled, via };
                    let ends = self.task != Task::Register && to.asking == 1 && to.epoch < viewer.epoch;
                    // Asked before the first client has: there is no other value in this world.
                    next.push((
                        cost,
                        if ends && settled { Item::EndHere { at: reached } } else { Item::Reached(reached) },
                    ));
                }
            }
        }
        next.retain(|(_, item)| !matches!(item, Item::Reached(Reached { set: Set::EMPTY, .. })));
        next
    }

    fn end_alone(
        &mut self,
        taken: &[(Reached, Cost)],
        parent: usize,
        faulty: usize,
        late: bool,
    ) -> Option<Chain> {
        let at = taken[parent].0;
        let ending = self.alone_in(faulty, at.viewer, late);
        let ending = self.worlds.diagrams.and(ending, at.set);
        let mut path = Path::default();
        let (world, view) = self.pick(&mut path, ending, faulty, at.viewer)?;
        let forces = !late && self.fault(faulty, at.viewer).is_none();
        let forced_in = if forces { world } else { usize::MAX };
        path.links.push(Link { viewer: at.viewer, forced_in, occurs_in: vec![world] });
        let first = self.walk_back(&mut path, taken, Reached { set: view, ..at })?;
        Some(path.chain([first, world]))
    }

    fn end_here(&mut self, taken: &[(Reached, Cost)], at: Reached) -> Option<Chain> {
        let mut path = Path::default();
        path.links.push(Link { viewer: at.viewer, forced_in: usize::MAX, occurs_in: Vec::new() });
        let first = self.walk_back(&mut path, taken, at)?;
        let last = path.links[0].occurs_in[0];
        Some(path.chain([first, last]))
    }

    /// Adds a world of the set to a path: its position, and its views of a viewer.
    fn pick(&mut self, path: &mut Path, set: Set, faulty: usize, viewer: Viewer) -> Option<(usize, Set)> {
        let bits = self.worlds.with_fewest_blocked(set)?;
        let only = self.worlds.only(&bits);
        let view = self.worlds.views(only, viewer.asking, viewer.epoch);
        let found = Found { bits, faulty: self.faulty[faulty].clone() };
        let position = path.worlds.iter().position(|other| *other == found).unwrap_or_else(|| {
            path.worlds.push(found);
            path.worlds.len() - 1
        });
        Some((position, view))
    }

    /// From the last link of the path, which `at` describes, to the first one: the world in which that one
    /// leaves no choice.
    fn walk_back(&mut self, path: &mut Path, taken: &[(Reached, Cost)], mut at: Reached) -> Option<usize> {
        loop {
            let current = path.links.len() - 1;
            match at.via {
                Via::Owed => return Some(path.links[current].forced_in),
                Via::Alone { faulty, late } => {
                    let worlds = self.alone_in(faulty, at.viewer, late);
                    let worlds = self.worlds.diagrams.and(worlds, at.set);
                    let (world, _) = self.pick(path, worlds, faulty, at.viewer)?;
                    path.links[current].occurs(world);
                    if at.settled {
                        path.links[current].force(world);
                    }
                    return Some(world);
                }
                Via::Earlier { faulty, before } => {
                    let worlds = self.earlier(faulty, before, at.viewer);
                    let worlds = self.worlds.diagrams.and(worlds, at.set);
                    let (world, _) = self.pick(path, worlds, faulty, before)?;
                    if at.settled {
                        path.links[current].force(world);
                    }
                    path.links[current].occurs(world);
                    path.links.push(Link { viewer: before, forced_in: world, occurs_in: vec![world] });
                    return Some(world);
                }
                Via::Settled { parent, faulty } => {
                    let forcing = self.forcing(faulty, at.viewer);
                    let forcing = self.worlds.diagrams.and(forcing, at.set);
                    let (world, _) = self.pick(path, forcing, faulty, at.viewer)?;
                    path.links[current].force(world);
                    at = Reached { set: at.set, ..taken[parent].0 };
                }
                Via::Shared { parent, faulty, late } => {
                    let from = taken[parent].0;
                    let worlds = self.shared(from, at.viewer, faulty, late);
                    let worlds = self.worlds.diagrams.and(worlds, at.set);
                    let (world, view) = self.pick(path, worlds, faulty, from.viewer)?;
                    if at.settled {
                        path.links[current].force(world);
                    }
                    path.links[current].occurs(world);
                    let forced_in = if from.settled { usize::MAX } else { world };
                    path.links.push(Link { viewer: from.viewer, forced_in, occurs_in: vec![world] });
                    at = Reached { set: view, ..from };
                }
            }
        }
    }
}

/// A chain as it is put together, from its end to its beginning.
#[derive(Default)]
struct Path {
    worlds: Vec<Found>,
    links: Vec<Link>,
}

impl Link {
    fn occurs(&mut self, world: usize) {
        if !self.occurs_in.contains(&world) {
            self.occurs_in.push(world);
        }
    }

    /// The first world that forces the answer is enough.
    fn force(&mut self, world: usize) {
        self.occurs(world);
        if self.forced_in == usize::MAX {
            self.forced_in = world;
        }
    }
}

impl Path {
    fn chain(mut self, ends: [usize; 2]) -> Chain {
        self.links.reverse();
        Chain { worlds: self.worlds, links: self.links, ends }
    }
}
