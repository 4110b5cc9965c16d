use threeworlds_model::Capability;

use super::network::{Meter, members, subsets};
use super::scenarios::NONE;
use super::symmetry::Symmetry;
use super::views::{NO_VIEW, Views};
use crate::explore::StopReason;

mod least;
mod sights;

pub(super) use sights::{Meeting, Sights};

/// Goes through everything that two clients can see together and that matters: both were asked, and each
/// has to be answered, for all that it sees. Of meetings that differ by renaming processes one is met.
///
/// A state holds the views, after so many rounds, of some processes: those that somebody hears later on. So
/// a process leaves the state when it is heard for the last time, and what nobody hears is not enumerated;
/// neither are faulty sets, for it is enough that some scenario allows all that the views show. Servers
/// that never crash stay: what they know can as well be heard.
///
/// A state is reached in one way only, because views tell what they came from. It is left out as soon as
/// one of the two clients would know itself to be faulty, whatever it ignores.
pub(super) struct Walk<'a, 'o, V> {
    views: &'a mut Views,
    symmetry: &'a mut Symmetry,
    meter: &'a mut Meter<'o>,
    visit: V,
    /// The two clients, by position among all processes.
    pair: [usize; 2],
    /// Servers that crash in no scenario.
    lasting: u64,
    /// Bytes in use that the visitor knew of when it was asked last.
    visitor_bytes: usize,
    sights: [Sights; 2],
}

/// Views that a process can have after the next round, that show the same and are of one kind.
#[derive(Debug)]
struct Choices {
    /// How many servers, clients of the two and other clients it hears: the same after renaming.
    kind: u32,
    /// The scenarios that allow what they show.
    shown: u32,
    /// The same for a client that can be faulty in not hearing the process: [`super::scenarios::Scenarios::unless_unheard`].
    known: u32,
    /// From whom it hears, and the view.
    views: Vec<(u64, u32)>,
}

/// Stands for what a process hears that is not in the state any more.
const GONE: u64 = u64::MAX;
/// More possible views of a process after one more round are not enumerated.
const MOST_CHOICES: usize = 1 << 24;

/// One round, from one state.
struct Level<'s> {
    done: u32,
    present: u64,
    /// The processes in the state, those first that narrow it down most.
    order: Vec<usize>,
    /// By process.
    choices: Vec<Vec<Choices>>,
    may_go: u64,
    stabiliser: &'s [u16],
    /// By process: those before it that it can change places with, all else staying as it is.
    swaps: Vec<u64>,
}

/// A state that is being put together.
struct Next {
    /// By process: which of its choices, [`LEAVES`] if none.
    chosen: Vec<usize>,
    kinds: Vec<u32>,
    views: Vec<u32>,
    heard: Vec<u64>,
}

const LEAVES: usize = usize::MAX;
const NO_KIND: u32 = u32::MAX;

/// What is known of it so far.
#[derive(Clone, Copy)]
struct Sofar {
    shown: u32,
    /// By client of the two: the scenarios without it that allow all that it cannot ignore.
    beliefs: [u32; 2],
}

impl<'a, 'o, V> Walk<'a, 'o, V>
where
    V: FnMut(&mut Views, &mut Symmetry, &Meeting<'_>) -> usize,
{
    /// Goes through all meetings of any two clients. The visitor says how many bytes it has in use.
    pub(super) fn run(
        views: &'a mut Views,
        symmetry: &'a mut Symmetry,
        meter: &'a mut Meter<'o>,
        visit: V,
    ) -> Result<(), StopReason> {
        let (servers, size) = (views.network.servers, views.network.size());
        let crashes = |server: usize| {
            let mut assignments = views.scenarios.assignments.iter();
            assignments.any(|assignment| assignment.capabilities[server] == Some(Capability::Crash))
        };
        let lasting =
            (0..servers).filter(|&server| !crashes(server)).fold(0, |set, server| set | 1 << server);
        let mut walk = Walk {
            views,
            symmetry,
            meter,
            visit,
            pair: [0; 2],
            lasting,
            visitor_bytes: 0,
            sights: Default::default(),
        };
        for one in servers..size {
            for other in one + 1..size {
                let pair = 1u64 << one | 1 << other;
                let images: Vec<u64> =
                    walk.symmetry.all().map(|renaming| walk.symmetry.processes(renaming, pair)).collect();
                if images.iter().all(|&image| pair <= image) {
                    walk.pair = [one, other];
                    let stabiliser: Vec<u16> = walk
                        .symmetry
                        .all()
                        .filter(|&renaming| images[usize::from(renaming)] == pair)
                        .collect();
                    walk.begin(&stabiliser)?;
                }
            }
        }
        Ok(())
    }

    /// Every choice of who will be heard at all, and which of the clients are asked.
    fn begin(&mut self, stabiliser: &[u16]) -> Result<(), StopReason> {
        let network = &self.views.network;
        let everybody = (1u64 << network.size()) - 1;
        let pair = 1u64 << self.pair[0] | 1 << self.pair[1];
        let clients = network.all_clients() << network.servers;
        let may_be_absent = everybody & !self.lasting & !pair;
        let mut may_be_present = everybody;
        for client in members(clients & !pair) {
            may_be_present &= !(u64::from(!self.may_stay(client, 0)) << client);
        }
        for absent in subsets(may_be_absent) {
            let present = everybody & !absent;
            if present & !may_be_present != 0 {
                continue;
            }
            for asked in subsets(present & clients & !pair) {
                self.tick(1, 0)?;
                let asked = asked | pair;
                let code = |process: usize| match present >> process & 1 {
                    0 => GONE,
                    _ => asked >> process & 1,
                };
                let size = self.views.network.size();
                let codes: Vec<u64> = (0..size).map(code).collect();
                let Some(stabiliser) = self.least(stabiliser, &[], &codes, |_, code| code) else { continue };
                let mut state = vec![NO_VIEW; size];
                for process in members(present) {
                    state[process] = self.views.root(process, asked >> process & 1 == 1);
                }
                self.after(&state, &stabiliser, 0)?;
            }
        }
        Ok(())
    }

    /// Whether anybody can hear a client that is not one of the two and that is in the state after so many
    /// rounds, so that one of the two learns of it.
    fn may_stay(&self, client: usize, done: u32) -> bool {
        let network = &self.views.network;
        let is_linked = network.senders[self.pair[0]] >> client & 1 == 1;
        done + 2 <= network.rounds || is_linked && done < network.rounds
    }

    /// Goes on from a state after so many rounds.
    fn after(&mut self, state: &[u32], stabiliser: &[u16], done: u32) -> Result<(), StopReason> {
        self.meter.states += 1;
        if done + 1 == self.views.network.rounds {
            return self.last(state);
        }
        let size = state.len();
        let present =
            (0..size).filter(|&process| state[process] != NO_VIEW).fold(0, |set, one| set | 1u64 << one);
        let mut choices: Vec<Vec<Choices>> = (0..size).map(|_| Vec::new()).collect();
        let mut may_go = 0;
        let mut must_go = 0;
        for process in members(present) {
            let is_one_of_the_two = self.pair.contains(&process);
            let is_client = process >= self.views.network.servers;
            if !is_one_of_the_two && self.lasting >> process & 1 == 0 {
                may_go |= 1 << process;
            }
            if is_client && !is_one_of_the_two && !self.may_stay(process, done + 1) {
                must_go |= 1u64 << process;
                continue;
            }
            choices[process] = self.choices(process, state, done)?;
            if choices[process].is_empty() && may_go >> process & 1 == 0 {
                return Ok(());
            }
        }
        let mut order: Vec<usize> = self.pair.to_vec();
        order.extend(members(present & !(1 << self.pair[0] | 1 << self.pair[1]) & !must_go));
        order.extend(members(must_go));
        let swaps = self.swaps(stabiliser);
        let level = Level { done, present, order, choices, may_go, stabiliser, swaps };
        let mut next = Next {
            chosen: vec![LEAVES; size],
            kinds: vec![NO_KIND; size],
            views: vec![NO_VIEW; size],
            heard: vec![GONE; size],
        };
        let scenarios = &self.views.scenarios;
        let spared = self.pair.map(|client| scenarios.spared[client - self.views.network.servers]);
        let sofar = Sofar { shown: scenarios.everything(), beliefs: spared };
        self.product(&level, 0, &mut next, sofar)
    }

    /// The views that a process can have after the next round.
    fn choices(&mut self, process: usize, state: &[u32], done: u32) -> Result<Vec<Choices>, StopReason> {
        let senders: Vec<usize> = members(self.views.network.senders[process]).collect();
        let scenarios = &mut self.views.scenarios;
        let mut shown = scenarios.sends(process, done + 1);
        if self.pair.contains(&process) {
            let spared = scenarios.spared[process - self.views.network.servers];
            shown = scenarios.both(shown, spared);
        }
        let own = self.views.shown(state[process]);
        let shown = self.views.scenarios.both(shown, own);
        let mut open = vec![(0u64, shown)];
        for &from in &senders {
            let mut longer = Vec::with_capacity(open.len() * 2);
            for (heard, shown) in open {
                let mut push = |heard, shown| {
                    if shown != NONE {
                        longer.push((heard, shown));
                    }
                };
                let scenarios = &mut self.views.scenarios;
                push(heard, scenarios.both(shown, scenarios.lost(from, process, done)));
                if state[from] != NO_VIEW {
                    let sends = self.views.scenarios.sends(from, done);
                    let by_sender = self.views.shown(state[from]);
                    let by_sender = self.views.scenarios.both(by_sender, sends);
                    push(heard | 1 << from, self.views.scenarios.both(shown, by_sender));
                }
            }
            self.tick(longer.len() as u32, done)?;
            if longer.len() > MOST_CHOICES {
                return Err(StopReason::Memory);
            }
            open = longer;
        }
        let mut choices: Vec<Choices> = Vec::new();
        let mut content = Vec::with_capacity(senders.len() + 1);
        for (heard, _) in open {
            self.tick(1, done)?;
            fill(&mut content, state[process], heard, state);
            let view = self.views.intern(&content);
            let shown = self.views.shown(view);
            let kind = self.kind(heard);
            match choices.iter_mut().find(|choices| choices.shown == shown && choices.kind == kind) {
                Some(known) => known.views.push((heard, view)),
                None => {
                    let known = self.views.scenarios.unless_unheard(shown, process);
                    choices.push(Choices { kind, shown, known, views: vec![(heard, view)] });
                }
            }
        }
        Ok(choices)
    }

    /// Every choice of what the processes from this position on show, and of their kinds. Of two that can
    /// change places the first has the smaller kind: the renamed state stands for the others.
    fn product(
        &mut self,
        level: &Level<'_>,
        position: usize,
        next: &mut Next,
        sofar: Sofar,
    ) -> Result<(), StopReason> {
        let Some(&process) = level.order.get(position) else { return self.expand(level, 0, next, 0) };
        if level.may_go >> process & 1 == 1 {
            next.chosen[process] = LEAVES;
            next.kinds[process] = NO_KIND;
            self.product(level, position + 1, next, sofar)?;
        }
        for (number, choices) in level.choices[process].iter().enumerate() {
            let smaller = |other: usize| next.kinds[other] <= choices.kind;
            if !members(level.swaps[process]).all(smaller) {
                continue;
            }
            self.tick(1, level.done)?;
            let mut sofar = sofar;
            sofar.shown = self.views.scenarios.both(sofar.shown, choices.shown);
            for (client, belief) in self.pair.into_iter().zip(&mut sofar.beliefs) {
                if client == process {
                    *belief = self.views.scenarios.both(*belief, choices.shown);
                } else if self.views.network.senders[client] >> process & 1 == 1 {
                    *belief = self.views.scenarios.both(*belief, choices.known);
                }
            }
            if sofar.shown != NONE && !sofar.beliefs.contains(&NONE) {
                next.chosen[process] = number;
                next.kinds[process] = choices.kind;
                self.product(level, position + 1, next, sofar)?;
            }
        }
        Ok(())
    }

    /// Every choice of a view for each of the processes from this position on, where it is chosen already
    /// what they show.
    fn expand(
        &mut self,
        level: &Level<'_>,
        position: usize,
        next: &mut Next,
        heard: u64,
    ) -> Result<(), StopReason> {
        let Some(&process) = level.order.get(position) else { return self.complete(level, next, heard) };
        if next.chosen[process] == LEAVES {
            (next.views[process], next.heard[process]) = (NO_VIEW, GONE);
            return self.expand(level, position + 1, next, heard);
        }
        for &(hears, view) in &level.choices[process][next.chosen[process]].views {
            (next.views[process], next.heard[process]) = (view, hears);
            self.expand(level, position + 1, next, heard | hears)?;
        }
        Ok(())
    }

    fn complete(&mut self, level: &Level<'_>, next: &mut Next, heard: u64) -> Result<(), StopReason> {
        self.tick(1, level.done)?;
        let stay = |&process: &usize| next.views[process] != NO_VIEW;
        let gone = level.order.iter().filter(|process| !stay(process));
        let gone = gone.fold(0, |set, &process| set | 1u64 << process);
        if gone & !heard != 0 {
            return Ok(());
        }
        debug_assert_eq!(gone & !level.present, 0);
        let renamed = |symmetry: &Symmetry, renaming, heard| symmetry.processes(renaming, heard);
        let symmetry = &*self.symmetry;
        let images = |renaming: u16, heard: u64| renamed(symmetry, renaming, heard);
        let Some(stabiliser) = self.least(level.stabiliser, &next.kinds, &next.heard, images) else {
            return Ok(());
        };
        let state = next.views.clone();
        self.after(&state, &stabiliser, level.done + 1)
    }

    fn tick(&mut self, work: u32, round: u32) -> Result<(), StopReason> {
        let (views, symmetry, visitor) = (&self.views, &self.symmetry, self.visitor_bytes);
        self.meter.tick(work, round, || views.bytes() + symmetry.bytes() + visitor)
    }
}

fn fill(content: &mut Vec<u32>, before: u32, heard: u64, state: &[u32]) {
    content.clear();
    content.push(before);
    content.extend(members(heard).map(|from| state[from]));
}
