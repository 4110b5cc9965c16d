//! The exact search: all ways to linearize a history, kept up to date completion by completion, as in the
//! just-in-time linearization of Lowe (Testing for linearizability, Concurrency and Computation 29(4), 2017)
//! on the configurations of Wing and Gong (J. Parallel Distrib. Comput. 17, 1993). Exact for every object;
//! deciding is NP-hard (Gibbons and Korach 1997), so the number of configurations can grow exponentially
//! with the operations that are open at the same time, though not with the length of the history.
//!
//! What keeps it small:
//! - A configuration says only what became of operations that are open **now**, in slots that are used
//!   again. Memory is that of one front of configurations.
//! - Nothing is linearized before it has to be, except what changes nothing (reads), which is linearized as
//!   soon as it is possible.
//! - A write that is overwritten by another, unseen, can take effect just before that one. So when a write
//!   takes effect, all open writes are **excused**: they need not take effect any more, though they may.
//! - Operations that never complete are counted by what they do, not told apart.
//! - A configuration **covers** another in the same state if it can do all that the other can: it has used
//!   no more of the pending operations, and each open operation is in it as well off or better. Covered
//!   configurations are dropped.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::check::budget::Budget;
use crate::check::machine::{Machine, Need};
use crate::history::Operation;
use crate::verdict::StopReason;

/// An operation for the search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    /// The machine's number of its call and answer.
    pub(crate) action: u32,
    pub(crate) invoked: u32,
    /// [`Operation::NEVER`] if it is pending.
    pub(crate) completed: u32,
    /// The caller's number of it.
    pub(crate) id: u32,
}

/// What a search finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is an order.
    Legal,
    /// There is none: the operations that were invoked before the completion of this one, it included,
    /// cannot be put in an order.
    Illegal {
        /// The `id` of the item.
        last: u32,
    },
    /// A limit was reached.
    Stopped(StopReason),
}

/// Whether these operations have an order that keeps real time and that the machine can follow.
pub(crate) fn search(machine: &mut dyn Machine, items: &[Item], budget: &mut Budget<'_, '_>) -> Found {
    let (events, most_open) = events(items);
    Search::new(machine, items, most_open).run(&events, budget)
}

/// An event: the index of an item, and whether it is its completion.
type Event = (u32, bool);

/// All events in order, and how many operations that complete are open at the same time at most.
fn events(items: &[Item]) -> (Vec<Event>, usize) {
    let mut keyed: Vec<(u32, u32, bool)> = Vec::with_capacity(2 * items.len());
    for (index, item) in items.iter().enumerate() {
        keyed.push((item.invoked, index as u32, false));
        if item.completed != Operation::NEVER {
            keyed.push((item.completed, index as u32, true));
        }
    }
    keyed.sort_unstable();
    let mut open = 0usize;
    let mut most = 0;
    for &(_, index, completes) in &keyed {
        if completes {
            open -= 1;
        } else if items[index as usize].completed != Operation::NEVER {
            open += 1;
            most = most.max(open);
        }
    }
    (keyed.into_iter().map(|(_, index, completes)| (index, completes)).collect(), most)
}

struct Search<'m> {
    machine: &'m mut dyn Machine,
    items: &'m [Item],
    front: Front,
    next: Front,
    seen: Front,
    /// Numbers of the slots that no open operation has.
    free_slots: Vec<u32>,
    slot_of: FxHashMap<u32, u32>,
    /// The open operations that complete, in no order.
    open: Vec<Open>,
    /// The slots of operations that a write excuses.
    excusable: Vec<u64>,
    passive: Vec<u64>,
    pending: Pending,
    usage: Usage,
    /// For states met in this step: the open passive operations that are possible.
    possible: FxHashMap<u32, Box<[u64]>>,
}

/// An open operation that completes.
#[derive(Debug, Clone, Copy)]
struct Open {
    slot: u32,
    action: u32,
    completed: u32,
    passive: bool,
    /// Possible in every state, with the same state afterwards.
    constant: bool,
    need: Need,
}

impl<'m> Search<'m> {
    fn new(machine: &'m mut dyn Machine, items: &'m [Item], most_open: usize) -> Self {
        let words = most_open.div_ceil(64).max(1);
        let mut front = Front::new(words);
        let zero = vec![0; words];
        front.insert(machine.start(), Usage::NONE, &zero, &zero, &zero, &Usage::new());
        Search {
            machine,
            items,
            front,
            next: Front::new(words),
            seen: Front::new(words),
            free_slots: (0..most_open as u32).rev().collect(),
            slot_of: FxHashMap::default(),
            open: Vec::new(),
            excusable: zero.clone(),
            passive: zero,
            pending: Pending::default(),
            usage: Usage::new(),
            possible: FxHashMap::default(),
        }
    }

    fn run(mut self, events: &[Event], budget: &mut Budget<'_, '_>) -> Found {
        let mut explained = 0;
        for &(index, completes) in events {
            if !completes {
                self.invoke(index);
                continue;
            }
            if let Some(reason) = self.complete(index, budget) {
                return Found::Stopped(reason);
            }
            if self.front.len() == 0 {
                return Found::Illegal { last: self.items[index as usize].id };
            }
            explained += 1;
            budget.progress.explained = budget.progress.explained.max(explained);
        }
        Found::Legal
    }

    fn invoke(&mut self, index: u32) {
        let item = self.items[index as usize];
        let action = item.action;
        let (need, gives) = (self.machine.needs(action), self.machine.gives(action));
        let passive = self.machine.passive(action);
        if item.completed == Operation::NEVER {
            if !passive {
                self.pending.add(action, need, gives);
            }
            return;
        }
        let slot = self.free_slots.pop().expect("there are as many slots as are open at most");
        self.slot_of.insert(index, slot);
        let constant = need == Need::Any && gives.is_some() && !passive;
        set(&mut self.passive, slot, passive);
        set(&mut self.excusable, slot, constant);
        let completed = item.completed;
        self.open.push(Open { slot, action, completed, passive, constant, need });
        self.possible.clear();
    }

    /// An operation completes: only configurations in which it took effect, or is excused, go on.
    fn complete(&mut self, index: u32, budget: &mut Budget<'_, '_>) -> Option<StopReason> {
        let slot = self.slot_of.remove(&index).expect("an operation completes after it was invoked");
        let this = *self.open.iter().find(|open| open.slot == slot).expect("it is open");
        let words = self.front.words;
        self.next.clear();
        self.seen.clear();
        // Those that used the fewest pending operations first: they cover most others.
        let mut queue: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let (mut done, mut excused) = (vec![0; words], vec![0; words]);
        for number in 0..self.front.len() {
            if !self.front.alive[number] {
                continue;
            }
            let (state, used) = (self.front.states[number], self.front.used[number]);
            done.copy_from_slice(self.front.done(number));
            excused.copy_from_slice(self.front.excused(number));
            self.close(state, &mut done);
            let (is_done, is_excused) = (get(&done, slot), get(&excused, slot));
            set(&mut done, slot, false);
            set(&mut excused, slot, false);
            if is_done || is_excused {
                self.next.insert(state, used, &done, &excused, &self.passive, &self.usage);
            }
            if !is_done {
                self.explore(this, state, used, &done, &excused, &mut queue);
            }
        }
        while let Some(mut entry) = queue.first_entry() {
            let Some(number) = entry.get_mut().pop() else {
                entry.remove();
                continue;
            };
            let number = number as usize;
            if !self.seen.alive[number] {
                continue;
            }
            if let Some(reason) = budget.step(self.bytes()) {
                return Some(reason);
            }
            let (state, used) = (self.seen.states[number], self.seen.used[number]);
            let done = self.seen.done(number).to_vec();
            let excused = self.seen.excused(number).to_vec();
            self.expand(this, state, used, &done, &excused, &mut queue);
        }
        self.open.retain(|open| open.slot != slot);
        set(&mut self.passive, slot, false);
        set(&mut self.excusable, slot, false);
        self.free_slots.push(slot);
        self.possible.clear();
        std::mem::swap(&mut self.front, &mut self.next);
        None
    }

    /// Remembers a configuration in which the completing operation has not taken effect, to be expanded.
    fn explore(
        &mut self,
        this: Open,
        state: u32,
        used: u32,
        done: &[u64],
        excused: &[u64],
        queue: &mut BTreeMap<u32, Vec<u32>>,
    ) {
        // What is left to do for an operation that changes nothing is less than for one that was done.
        if this.passive && self.next.covers(state, used, done, excused, &self.passive, &self.usage) {
            return;
        }
        if let Some(number) = self.seen.insert(state, used, done, excused, &self.passive, &self.usage) {
            queue.entry(self.usage.total(used)).or_default().push(number);
        }
    }

    /// Linearizes one more operation, in all ways that can matter.
    fn expand(
        &mut self,
        this: Open,
        state: u32,
        used: u32,
        done: &[u64],
        excused: &[u64],
        queue: &mut BTreeMap<u32, Vec<u32>>,
    ) {
        let useful = self.useful(this, state, used, done, excused);
        for position in 0..self.open.len() {
            let one = self.open[position];
            if one.passive || get(done, one.slot) {
                continue;
            }
            let is_this = one.slot == this.slot;
            // A write that nobody sees is excused by the next one.
            let target = self.machine.gives(one.action);
            if !is_this && one.constant && target.is_some_and(|target| !useful.has(target, state)) {
                continue;
            }
            // Of operations that do the same, the one that ends first goes first.
            let later = !is_this
                && self.open.iter().any(|other| {
                    other.action == one.action
                        && other.slot != this.slot
                        && !get(done, other.slot)
                        && (other.completed, other.slot) < (one.completed, one.slot)
                        && (get(excused, one.slot) || !get(excused, other.slot))
                });
            if later {
                continue;
            }
            let Some(after) = self.machine.step(state, one.action) else { continue };
            let (mut done, mut excused) = (done.to_vec(), excused.to_vec());
            set(&mut done, one.slot, !is_this);
            set(&mut excused, one.slot, false);
            if one.constant {
                for word in 0..done.len() {
                    excused[word] |= self.excusable[word] & !done[word];
                }
                set(&mut excused, this.slot, false);
            }
            self.reached(this, is_this, after, used, done, excused, queue);
        }
        for class in self.pending.candidates(state, &useful) {
            let action = self.pending.actions[class as usize];
            let same_is_open = |one: &Open| one.action == action && !get(done, one.slot);
            if self.usage.count(used, class) >= self.pending.available[class as usize]
                || self.open.iter().any(same_is_open)
            {
                continue;
            }
            let Some(after) = self.machine.step(state, action) else { continue };
            let constant = self.pending.constant[class as usize];
            if after == state && !(constant && useful.same) {
                continue;
            }
            let (done, mut excused) = (done.to_vec(), excused.to_vec());
            if constant {
                for word in 0..done.len() {
                    excused[word] |= self.excusable[word] & !done[word];
                }
                set(&mut excused, this.slot, false);
            }
            let used = self.usage.and(used, class);
            self.reached(this, false, after, used, done, excused, queue);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a configuration, and where it goes")]
    fn reached(
        &mut self,
        this: Open,
        is_this: bool,
        state: u32,
        used: u32,
        mut done: Vec<u64>,
        excused: Vec<u64>,
        queue: &mut BTreeMap<u32, Vec<u32>>,
    ) {
        self.close(state, &mut done);
        if is_this || (this.passive && get(&done, this.slot)) {
            set(&mut done, this.slot, false);
            self.next.insert(state, used, &done, &excused, &self.passive, &self.usage);
        } else {
            self.explore(this, state, used, &done, &excused, queue);
        }
    }

    /// Linearizes what is open, possible, and changes nothing.
    fn close(&mut self, state: u32, done: &mut [u64]) {
        if !self.possible.contains_key(&state) {
            let mut mask = vec![0; done.len()];
            for one in self.open.iter().filter(|one| one.passive) {
                set(&mut mask, one.slot, self.machine.step(state, one.action).is_some());
            }
            self.possible.insert(state, mask.into());
        }
        for (word, possible) in done.iter_mut().zip(&self.possible[&state]) {
            *word |= possible;
        }
    }

    /// The states in which something is possible that is not in this one.
    fn useful(&self, this: Open, state: u32, used: u32, done: &[u64], excused: &[u64]) -> Useful {
        let obliged = |word: usize| self.excusable[word] & !done[word] & !excused[word] != 0;
        let mut useful = Useful { any: false, same: (0..done.len()).any(obliged), states: Vec::new() };
        for one in &self.open {
            if get(done, one.slot) && one.slot != this.slot {
                continue;
            }
            match one.need {
                Need::Any => {}
                Need::Is(needed) => useful.add(needed),
                Need::Not(other) => useful.any |= state == other,
                Need::Computed => useful.any = true,
            }
        }
        if useful.any || self.pending.computed {
            useful.any = true;
            return useful;
        }
        let mut looked = 0;
        while looked < useful.states.len() {
            let target = useful.states[looked];
            looked += 1;
            for &(from, class) in self.pending.guarded_to.get(&target).into_iter().flatten() {
                if self.usage.count(used, class) < self.pending.available[class as usize] {
                    useful.add(from);
                }
            }
        }
        useful
    }

    fn bytes(&self) -> usize {
        self.front.bytes() + self.next.bytes() + self.seen.bytes() + self.usage.bytes() + self.machine.bytes()
    }
}

/// States that some open operation waits for.
struct Useful {
    any: bool,
    /// Whether a write of what is there already excuses some open write.
    same: bool,
    states: Vec<u32>,
}

impl Useful {
    fn add(&mut self, state: u32) {
        if !self.states.contains(&state) {
            self.states.push(state);
        }
    }

    fn has(&self, target: u32, now: u32) -> bool {
        if target == now { self.same } else { self.any || self.states.contains(&target) }
    }
}

/// Operations that never complete, by what they do.
#[derive(Default)]
struct Pending {
    numbers: FxHashMap<u32, u32>,
    actions: Vec<u32>,
    constant: Vec<bool>,
    available: Vec<u32>,
    /// Whether what some of them need or give has to be computed.
    computed: bool,
    always_to: FxHashMap<u32, u32>,
    guarded_from: FxHashMap<u32, Vec<(u32, u32)>>,
    guarded_to: FxHashMap<u32, Vec<(u32, u32)>>,
}

impl Pending {
    fn add(&mut self, action: u32, need: Need, gives: Option<u32>) {
        if let Some(&class) = self.numbers.get(&action) {
            self.available[class as usize] += 1;
            return;
        }
        let class = self.actions.len() as u32;
        self.numbers.insert(action, class);
        self.actions.push(action);
        self.available.push(1);
        self.constant.push(need == Need::Any && gives.is_some());
        match (need, gives) {
            (Need::Any, Some(to)) => {
                self.always_to.insert(to, class);
            }
            (Need::Is(from), Some(to)) => {
                self.guarded_from.entry(from).or_default().push((to, class));
                self.guarded_to.entry(to).or_default().push((from, class));
            }
            _ => self.computed = true,
        }
    }

    /// The classes that can matter in a state.
    fn candidates(&self, state: u32, useful: &Useful) -> Vec<u32> {
        if useful.any {
            return (0..self.actions.len() as u32).collect();
        }
        let targets = useful.states.iter().filter(|&&target| target != state);
        let targets = targets.chain(useful.same.then_some(&state));
        let mut classes: Vec<u32> =
            targets.filter_map(|target| self.always_to.get(target).copied()).collect();
        let guarded = self.guarded_from.get(&state).into_iter().flatten();
        classes.extend(guarded.filter(|(to, _)| useful.has(*to, state)).map(|&(_, class)| class));
        classes
    }
}

/// How many of each class of pending operations a configuration has used, kept once and named by number.
struct Usage {
    counts: Vec<Box<[(u32, u32)]>>,
    totals: Vec<u32>,
    numbers: FxHashMap<Box<[(u32, u32)]>, u32>,
    next: FxHashMap<(u32, u32), u32>,
    bytes: usize,
}

impl Usage {
    const NONE: u32 = 0;

    fn new() -> Self {
        let none: Box<[(u32, u32)]> = Box::default();
        Usage {
            counts: vec![none.clone()],
            totals: vec![0],
            numbers: FxHashMap::from_iter([(none, 0)]),
            next: FxHashMap::default(),
            bytes: 0,
        }
    }

    /// One more of a class.
    fn and(&mut self, used: u32, class: u32) -> u32 {
        if let Some(&known) = self.next.get(&(used, class)) {
            return known;
        }
        let mut counts = self.counts[used as usize].to_vec();
        match counts.binary_search_by_key(&class, |entry| entry.0) {
            Ok(place) => counts[place].1 += 1,
            Err(place) => counts.insert(place, (class, 1)),
        }
        let counts = counts.into_boxed_slice();
        let number = match self.numbers.get(&counts) {
            Some(&known) => known,
            None => {
                let number = self.counts.len() as u32;
                self.bytes += 2 * size_of_val(&*counts) + 64;
                self.totals.push(self.totals[used as usize] + 1);
                self.counts.push(counts.clone());
                self.numbers.insert(counts, number);
                number
            }
        };
        self.bytes += 16;
        self.next.insert((used, class), number);
        number
    }

    fn total(&self, used: u32) -> u32 {
        self.totals[used as usize]
    }

    fn count(&self, used: u32, class: u32) -> u32 {
        let counts = &self.counts[used as usize];
        counts.binary_search_by_key(&class, |entry| entry.0).map_or(0, |place| counts[place].1)
    }

    /// Whether the one has used no more of anything than the other.
    fn within(&self, one: u32, other: u32) -> bool {
        if one == other || one == Usage::NONE {
            return true;
        }
        if self.total(one) >= self.total(other) {
            return false;
        }
        let mut others = self.counts[other as usize].iter();
        self.counts[one as usize].iter().all(|(class, count)| {
            others
                .by_ref()
                .find(|entry| entry.0 >= *class)
                .is_some_and(|entry| entry.0 == *class && entry.1 >= *count)
        })
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Configurations of which none covers another.
#[derive(Default)]
struct Front {
    words: usize,
    states: Vec<u32>,
    used: Vec<u32>,
    alive: Vec<bool>,
    /// For each configuration the slots whose operations took effect, then the slots of those excused.
    bits: Vec<u64>,
    by_state: FxHashMap<u32, Vec<u32>>,
    living: usize,
}

impl Front {
    fn new(words: usize) -> Self {
        Front { words, ..Front::default() }
    }

    /// How many there are, dropped ones included; 0 if there is none.
    fn len(&self) -> usize {
        self.states.len()
    }

    fn clear(&mut self) {
        self.states.clear();
        self.used.clear();
        self.alive.clear();
        self.bits.clear();
        self.by_state.clear();
        self.living = 0;
    }

    fn done(&self, number: usize) -> &[u64] {
        let start = 2 * self.words * number;
        &self.bits[start..start + self.words]
    }

    fn excused(&self, number: usize) -> &[u64] {
        let start = 2 * self.words * number + self.words;
        &self.bits[start..start + self.words]
    }

    /// Whether some configuration covers this one.
    fn covers(
        &self,
        state: u32,
        used: u32,
        done: &[u64],
        excused: &[u64],
        passive: &[u64],
        usage: &Usage,
    ) -> bool {
        self.by_state.get(&state).into_iter().flatten().any(|&number| {
            let number = number as usize;
            covers(self.done(number), self.excused(number), done, excused, passive)
                && usage.within(self.used[number], used)
        })
    }

    /// Puts a configuration in, unless it is covered, and drops those that it covers.
    fn insert(
        &mut self,
        state: u32,
        used: u32,
        done: &[u64],
        excused: &[u64],
        passive: &[u64],
        usage: &Usage,
    ) -> Option<u32> {
        if self.covers(state, used, done, excused, passive, usage) {
            return None;
        }
        let number = self.states.len() as u32;
        let mut bucket = self.by_state.remove(&state).unwrap_or_default();
        bucket.retain(|&other| {
            let other = other as usize;
            let covered = covers(done, excused, self.done(other), self.excused(other), passive)
                && usage.within(used, self.used[other]);
            if covered {
                self.alive[other] = false;
                self.living -= 1;
            }
            !covered
        });
        bucket.push(number);
        self.by_state.insert(state, bucket);
        self.states.push(state);
        self.used.push(used);
        self.alive.push(true);
        self.bits.extend_from_slice(done);
        self.bits.extend_from_slice(excused);
        self.living += 1;
        Some(number)
    }

    fn bytes(&self) -> usize {
        self.states.len() * (24 + 16 * self.words)
    }
}

/// Whether each open operation is as well off in the one as in the other: if passive, it is done or was not
/// done in the other either; else it is the same, or in the one it is excused and can still take effect.
fn covers(done: &[u64], excused: &[u64], other_done: &[u64], other_excused: &[u64], passive: &[u64]) -> bool {
    (0..done.len()).all(|word| {
        let differs = (done[word] ^ other_done[word]) | (excused[word] ^ other_excused[word]);
        let worse_passive = other_done[word] & !done[word] & passive[word];
        let worse_active = differs & !excused[word] & !passive[word];
        worse_passive == 0 && worse_active == 0
    })
}

fn get(bits: &[u64], slot: u32) -> bool {
    bits[slot as usize / 64] >> (slot % 64) & 1 == 1
}

fn set(bits: &mut [u64], slot: u32, value: bool) {
    let mask = 1 << (slot % 64);
    if value {
        bits[slot as usize / 64] |= mask;
    } else {
        bits[slot as usize / 64] &= !mask;
    }
}
