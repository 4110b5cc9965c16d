//! The admissible worlds of a layout as sets of bits, and the views in them.
//!
//! A bit says that a link is blocked in an epoch, or that a client asks in it. A set of views is the set of
//! all worlds, admissible or not, with one of these views: everything that the view does not show is free.

use threeworlds_certificate::{Claim, Timing};
use threeworlds_model::Capability;

use super::diagrams::{Diagrams, Set};
use super::layout::{Faulty, Layout};
use crate::explore::Observer;

/// Which bit is what.
pub(super) struct Worlds<'a> {
    pub(super) diagrams: Diagrams<'a>,
    pub(super) layout: &'a Layout,
    pub(super) epochs: usize,
    blocks: usize,
    /// By epoch, receiver and sender: the bit that says that the link is blocked, if there is a link.
    blocked: Vec<Vec<Vec<Option<usize>>>>,
    /// By epoch and position among those that ask: the bit that says that the client asks.
    asks: Vec<[usize; 2]>,
    may_be_late: bool,
    /// By epoch, who is listened to and who is heard: see [`Worlds::heard_exactly`].
    heard: std::collections::BTreeMap<(usize, u32, u32), Set>,
}

impl<'a> Worlds<'a> {
    pub(super) fn new(
        claim: &Claim,
        layout: &'a Layout,
        epochs: usize,
        observer: &'a mut dyn Observer,
    ) -> Self {
        let blocks = layout.blocks.len();
        let linked = |from: usize, to: usize| {
            from != to && claim.system.linked(layout.blocks[from].members[0], layout.blocks[to].members[0])
        };
        let mut bits = 0;
        let mut next = || {
            bits += 1;
            bits - 1
        };
        let mut blocked = vec![vec![vec![None; blocks]; blocks]; epochs];
        let mut asks = vec![[0; 2]; epochs];
        // Bits of one receiver stand together, the clients that ask at the top: a view is read off from there.
        let mut receivers: Vec<usize> = layout.asking.to_vec();
        receivers.extend((0..blocks).filter(|block| !layout.asking.contains(block)));
        let may_be_late = claim.timing != Timing::LockStep;
        // What is late stays late, which ties the epochs of a link together; else epochs have little to do
        // with each other.
        let outer = if may_be_late { 1 } else { epochs };
        for outer in (0..outer).rev() {
            for &to in &receivers {
                let inner = || if may_be_late { 0..epochs } else { outer..outer + 1 };
                if let Some(position) = layout.asking.iter().position(|&asking| asking == to) {
                    inner().for_each(|epoch| asks[epoch][position] = next());
                }
                for from in (0..blocks).filter(|&from| linked(from, to)) {
                    inner().rev().for_each(|epoch| blocked[epoch][to][from] = Some(next()));
                }
            }
        }
        Worlds {
            diagrams: Diagrams::new(bits, epochs, observer),
            layout,
            epochs,
            blocks,
            blocked,
            asks,
            may_be_late,
            heard: std::collections::BTreeMap::new(),
        }
    }

    /// The links, with the bit of each in an epoch: sender, receiver, bit.
    pub(super) fn links(&self, epoch: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        let of = move |to: usize| {
            (0..self.blocks).filter_map(move |from| Some((from, to, self.blocked[epoch][to][from]?)))
        };
        (0..self.blocks).flat_map(of)
    }

    /// The bit that says that one of the two clients asks in an epoch.
    pub(super) fn asks_bit(&self, epoch: usize, asking: usize) -> usize {
        self.asks[epoch][asking]
    }

    /// The worlds in which one of the two clients asks in this epoch.
    pub(super) fn asks(&mut self, epoch: usize, asking: usize) -> Set {
        let bit = self.asks[epoch][asking];
        self.diagrams.literal(bit, true)
    }

    /// The worlds in which one of the two clients asks in none of these epochs.
    pub(super) fn asks_never(&mut self, epochs: impl Iterator<Item = usize>, asking: usize) -> Set {
        epochs.fold(Set::ALL, |set, epoch| {
            let bit = self.asks[epoch][asking];
            let not = self.diagrams.literal(bit, false);
            self.diagrams.and(set, not)
        })
    }

    /// Whether worlds with late messages differ from those without.
    pub(super) fn may_be_late(&self) -> bool {
        self.may_be_late
    }

    /// The worlds that the model admits with these faulty processes: every blocked link is charged to one of
    /// them or, if `late`, to a delay that lasts to the end; who has crashed sends and asks for nothing; and
    /// nobody asks twice.
    pub(super) fn admissible(&mut self, faulty: &Faulty, late: bool) -> Set {
        let faults = &faulty.faults;
        let stopped = |block: usize, epoch: usize| {
            faults[block].is_some_and(|fault| fault.capability == Capability::Crash && fault.from <= epoch)
        };
        let mut set = Set::ALL;
        // From the last bit to the first: then every step adds a node at the top.
        for epoch in 0..self.epochs {
            let links: Vec<_> = self.links(epoch).collect();
            for (from, to, bit) in links.into_iter().rev() {
                let omits = faults[from].is_some_and(|fault| fault.capability.omits_sends())
                    || faults[to].is_some_and(|fault| fault.capability.omits_receives());
                let condition = if stopped(from, epoch) {
                    self.diagrams.literal(bit, true)
                } else if omits {
                    continue;
                } else if !late {
                    self.diagrams.literal(bit, false)
                } else if let Some(Some(next)) = self.blocked.get(epoch + 1).map(|links| links[to][from]) {
                    let open = self.diagrams.literal(bit, false);
                    let stays = self.diagrams.literal(next, true);
                    self.diagrams.or(open, stays)
                } else {
                    continue;
                };
                set = self.diagrams.and(condition, set);
            }
        }
        for asking in 0..2 {
            for epoch in 0..self.epochs {
                let silent: Vec<usize> = if stopped(self.layout.asking[asking], epoch) {
                    vec![self.asks[epoch][asking]]
                } else {
                    Vec::new()
                };
                for bit in silent {
                    let not = self.diagrams.literal(bit, false);
                    set = self.diagrams.and(set, not);
                }
                for later in epoch + 1..self.epochs {
                    let first = self.diagrams.literal(self.asks[epoch][asking], false);
                    let second = self.diagrams.literal(self.asks[later][asking], false);
                    let one = self.diagrams.or(first, second);
                    set = self.diagrams.and(set, one);
                }
            }
        }
        set
    }

    /// The worlds in which in this epoch open links lead to `listeners` from exactly `heard`, themselves
    /// included. Depends on links to `heard` only.
    fn heard_exactly(&mut self, epoch: usize, listeners: u32, heard: u32) -> Set {
        if let Some(&known) = self.heard.get(&(epoch, listeners, heard)) {
            return known;
        }
        let members: Vec<usize> = (0..self.blocks).filter(|block| heard >> block & 1 == 1).collect();
        let mut set = Set::ALL;
        // Nobody else is heard by anyone of them.
        for &to in &members {
            for from in (0..self.blocks).filter(|from| heard >> from & 1 == 0) {
                if let Some(bit) = self.blocked[epoch][to][from] {
                    let blocked = self.diagrams.literal(bit, true);
                    set = self.diagrams.and(set, blocked);
                }
            }
        }
        // Each of them reaches a listener, in at most as many hops as there are of them.
        let mut reaches: Vec<Set> = (0..self.blocks)
            .map(|block| if listeners >> block & 1 == 1 { Set::ALL } else { Set::EMPTY })
            .collect();
        for _ in 1..members.len() {
            let before = reaches.clone();
            for &from in &members {
                for &to in &members {
                    if let Some(bit) = self.blocked[epoch][to][from] {
                        let open = self.diagrams.literal(bit, false);
                        let through = self.diagrams.and(open, before[to]);
                        reaches[from] = self.diagrams.or(reaches[from], through);
                    }
                }
            }
        }
        for &from in &members {
            set = self.diagrams.and(set, reaches[from]);
        }
        self.heard.insert((epoch, listeners, heard), set);
        set
    }

    /// All worlds in which one of the two clients has, at the end of this epoch, the same view as in one of
    /// these.
    pub(super) fn views(&mut self, worlds: Set, asking: usize, epoch: usize) -> Set {
        let later: Vec<usize> = (epoch + 1..self.epochs)
            .flat_map(|epoch| {
                self.links(epoch).map(|(.., bit)| bit).chain(self.asks[epoch]).collect::<Vec<_>>()
            })
            .collect();
        let later = self.diagrams.variables(later);
        let worlds = self.diagrams.forget(worlds, later);
        self.free_all_else(worlds, 1 << self.layout.asking[asking], epoch)
    }

    /// Frees what `listeners` cannot know at the end of an epoch: they have heard from some in it, and know
    /// what these heard before.
    fn free_all_else(&mut self, worlds: Set, listeners: u32, epoch: usize) -> Set {
        let everyone = (1u32 << self.blocks) - 1;
        let others = everyone & !listeners;
        let mut all = Set::EMPTY;
        let mut more = others;
        // All subsets of the others.
        loop {
            let heard = listeners | more;
            let exactly = self.heard_exactly(epoch, listeners, heard);
            let unseen = self.not_about(epoch, heard);
            let unseen = self.diagrams.variables(unseen);
            let here = self.diagrams.and_forget(worlds, exactly, unseen);
            if here != Set::EMPTY {
                let here = if epoch == 0 { here } else { self.free_all_else(here, heard, epoch - 1) };
                all = self.diagrams.or(all, here);
            }
            if more == 0 {
                return all;
            }
            more = (more - 1) & others;
        }
    }

    /// The bits of an epoch that say nothing of what these blocks receive and ask for.
    fn not_about(&self, epoch: usize, heard: u32) -> Vec<usize> {
        let links = self.links(epoch).filter(|(_, to, _)| heard >> to & 1 == 0).map(|(.., bit)| bit);
        let asks = (0..2).filter(|&asking| heard >> self.layout.asking[asking] & 1 == 0);
        links.chain(asks.map(|asking| self.asks[epoch][asking])).collect()
    }

    /// The set that holds this world alone.
    pub(super) fn only(&mut self, world: &[bool]) -> Set {
        (0..world.len()).rev().fold(Set::ALL, |set, bit| {
            let literal = self.diagrams.literal(bit, world[bit]);
            self.diagrams.and(literal, set)
        })
    }

    /// A world of the set in which as few links as possible are blocked.
    pub(super) fn with_fewest_blocked(&self, set: Set) -> Option<Vec<bool>> {
        let mut counted = vec![true; (0..self.epochs).map(|epoch| self.links(epoch).count() + 2).sum()];
        for asks in &self.asks {
            asks.iter().for_each(|&bit| counted[bit] = false);
        }
        self.diagrams.least(set, &counted)
    }
}
