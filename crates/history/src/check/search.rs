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

mod front;
mod pending;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::check::budget::Budget;
use crate::check::machine::{Machine, Need};
use crate::history::Operation;
use crate::verdict::StopReason;
use front::{Front, get, set};
use pending::{Pending, Usage, Useful};

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
///
/// Where operations are pending, first as if each could take effect any number of times: if there is no
/// order even so, there is none; and an order that needs none of them too often is one. Only if that does
/// not decide they are counted, at first along the configurations that use the fewest, then along all.
pub(crate) fn search(machine: &mut dyn Machine, items: &[Item], budget: &mut Budget<'_, '_>) -> Found {
    match quick_search(machine, items, budget) {
        Some(found) => found,
        None => {
            let (events, most_open) = events(items);
            let mode = Mode::Counted { width: usize::MAX };
            match Search::new(machine, items, most_open, mode).run(&events, budget) {
                Outcome::Found(found) => found,
                Outcome::Undecided => unreachable!("nothing was left out"),
            }
        }
    }
}

/// The same, but gives up where all configurations would have to be counted.
pub(crate) fn quick_search(
    machine: &mut dyn Machine,
    items: &[Item],
    budget: &mut Budget<'_, '_>,
) -> Option<Found> {
    let (events, most_open) = events(items);
    let some_pending = items.iter().any(|item| item.completed == Operation::NEVER);
    let modes = [Mode::Uncounted, Mode::Counted { width: 64 }, Mode::Counted { width: 1024 }];
    let bounded = machine.bounded();
    let modes = modes.into_iter().filter(|&mode| some_pending && (bounded || mode != Mode::Uncounted));
    for mode in modes.chain((!some_pending).then_some(Mode::Counted { width: usize::MAX })) {
        match Search::new(machine, items, most_open, mode).run(&events, budget) {
            Outcome::Found(found) => return Some(found),
            Outcome::Undecided => {}
        }
    }
    None
}

/// How pending operations are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// As if each could take effect any number of times.
    Uncounted,
    /// Exactly, but with at most so many configurations at a time.
    Counted {
        /// Those that used the fewest.
        width: usize,
    },
}

impl Mode {
    fn width(self) -> Option<usize> {
        match self {
            Mode::Counted { width } if width < usize::MAX => Some(width),
            _ => None,
        }
    }
}

/// What a search in one mode finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// An answer, which is right for the history.
    Found(Found),
    /// None.
    Undecided,
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
    mode: Mode,
    /// Whether configurations were left out.
    narrowed: bool,
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
    fn new(machine: &'m mut dyn Machine, items: &'m [Item], most_open: usize, mode: Mode) -> Self {
        let words = most_open.div_ceil(64).max(1);
        let mut front = Front::new(words);
        let zero = vec![0; words];
        front.insert(machine.start(), Usage::NONE, &zero, &zero, &zero, &Usage::new(true));
        Search {
            mode,
            narrowed: false,
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
            usage: Usage::new(mode != Mode::Uncounted),
            possible: FxHashMap::default(),
        }
    }

    fn run(mut self, events: &[Event], budget: &mut Budget<'_, '_>) -> Outcome {
        let mut explained = 0;
        for &(index, completes) in events {
            if !completes {
                self.invoke(index);
                continue;
            }
            if let Some(reason) = self.complete(index, budget) {
                return Outcome::Found(Found::Stopped(reason));
            }
            if self.front.len() == 0 {
                if self.narrowed {
                    return Outcome::Undecided;
                }
                return Outcome::Found(Found::Illegal { last: self.items[index as usize].id });
            }
            explained += 1;
            budget.progress.explained = budget.progress.explained.max(explained);
        }
        let in_earnest = (0..self.front.len())
            .any(|number| self.front.alive[number] && self.front.used[number] & Usage::TOO_MANY == 0);
        if in_earnest { Outcome::Found(Found::Legal) } else { Outcome::Undecided }
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
        let mut expanded = 0;
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
            expanded += 1;
            if self.mode.width().is_some_and(|most| expanded > 4 * most) {
                self.narrowed = true;
                break;
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
        if let Some(width) = self.mode.width()
            && self.front.narrow(width, &self.usage)
        {
            self.narrowed = true;
        }
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
        for class in self.pending.candidates(state, &useful, self.mode != Mode::Uncounted) {
            let action = self.pending.actions[class as usize];
            let same_is_open = |one: &Open| one.action == action && !get(done, one.slot);
            let too_many = self.usage.count(used, class) >= self.pending.available[class as usize];
            if too_many && self.mode != Mode::Uncounted || self.open.iter().any(same_is_open) {
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
            let used = if too_many { used | Usage::TOO_MANY } else { self.usage.and(used, class) };
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
        if self.pending.computed || useful.any && self.mode != Mode::Uncounted {
            useful.any = true;
            return useful;
        }
        let mut looked = 0;
        while looked < useful.states.len() {
            let target = useful.states[looked];
            looked += 1;
            for &(from, class) in self.pending.guarded_to.get(&target).into_iter().flatten() {
                if self.mode == Mode::Uncounted
                    || self.usage.count(used, class) < self.pending.available[class as usize]
                {
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
