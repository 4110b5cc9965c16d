use rustc_hash::FxHashMap;

use crate::check::machine::Need;

/// States that some open operation waits for.
pub(super) struct Useful {
    pub(super) any: bool,
    /// Whether a write of what is there already excuses some open write.
    pub(super) same: bool,
    pub(super) states: Vec<u32>,
}

impl Useful {
    pub(super) fn add(&mut self, state: u32) {
        if !self.states.contains(&state) {
            self.states.push(state);
        }
    }

    pub(super) fn has(&self, target: u32, now: u32) -> bool {
        if target == now { self.same } else { self.any || self.states.contains(&target) }
    }
}

/// Operations that never complete, by what they do.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) numbers: FxHashMap<u32, u32>,
    pub(super) actions: Vec<u32>,
    pub(super) constant: Vec<bool>,
    /// The states that they lead to whatever the state is before.
    pub(super) targets: Vec<Option<u32>>,
    pub(super) available: Vec<u32>,
    /// Whether what some of them need or give has to be computed.
    pub(super) computed: bool,
    pub(super) always_to: FxHashMap<u32, u32>,
    pub(super) guarded_from: FxHashMap<u32, Vec<(u32, u32)>>,
    pub(super) guarded_to: FxHashMap<u32, Vec<(u32, u32)>>,
}

impl Pending {
    pub(super) fn add(&mut self, action: u32, need: Need, gives: Option<u32>) {
        if let Some(&class) = self.numbers.get(&action) {
            self.available[class as usize] += 1;
            return;
        }
        let class = self.actions.len() as u32;
        self.numbers.insert(action, class);
        self.actions.push(action);
        self.available.push(1);
        self.targets.push(gives.filter(|_| need == Need::Any));
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
    pub(super) fn candidates(&self, state: u32, useful: &Useful, counted: bool) -> Vec<u32> {
        let guarded = || self.guarded_from.get(&state).into_iter().flatten();
        if useful.any && (counted || self.computed) {
            return (0..self.actions.len() as u32).collect();
        }
        if useful.any {
            // What can be done again at any time need not be done before somebody waits for it, so one write
            // stands for all whose value nobody waits for.
            let is_other = |class: &u32| {
                let to = self.targets[*class as usize];
                to.is_some_and(|to| to != state && !useful.states.contains(&to))
            };
            let awaited = useful.states.iter().chain(useful.same.then_some(&state));
            let mut classes: Vec<u32> =
                awaited.filter_map(|target| self.always_to.get(target).copied()).collect();
            classes.extend((0..self.actions.len() as u32).find(is_other));
            classes.extend(guarded().map(|&(_, class)| class));
            return classes;
        }
        let targets = useful.states.iter().filter(|&&target| target != state);
        let targets = targets.chain(useful.same.then_some(&state));
        let mut classes: Vec<u32> =
            targets.filter_map(|target| self.always_to.get(target).copied()).collect();
        classes.extend(guarded().filter(|(to, _)| useful.has(*to, state)).map(|&(_, class)| class));
        classes
    }
}

/// How many of each class of pending operations a configuration has used, kept once and named by number.
pub(super) struct Usage {
    pub(super) counted: bool,
    pub(super) counts: Vec<Box<[(u32, u32)]>>,
    pub(super) totals: Vec<u32>,
    pub(super) numbers: FxHashMap<Box<[(u32, u32)]>, u32>,
    pub(super) next: FxHashMap<(u32, u32), u32>,
    pub(super) bytes: usize,
}

impl Usage {
    pub(super) const NONE: u32 = 0;
    /// Set where some operation was used more often than it is there, which an uncounted search does.
    pub(super) const TOO_MANY: u32 = 1 << 31;

    pub(super) fn new(counted: bool) -> Self {
        let none: Box<[(u32, u32)]> = Box::default();
        Usage {
            counted,
            counts: vec![none.clone()],
            totals: vec![0],
            numbers: FxHashMap::from_iter([(none, 0)]),
            next: FxHashMap::default(),
            bytes: 0,
        }
    }

    /// One more of a class.
    pub(super) fn and(&mut self, used: u32, class: u32) -> u32 {
        if used & Usage::TOO_MANY != 0 {
            return used;
        }
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

    pub(super) fn total(&self, used: u32) -> u32 {
        self.totals[(used & !Usage::TOO_MANY) as usize]
    }

    pub(super) fn count(&self, used: u32, class: u32) -> u32 {
        let counts = &self.counts[(used & !Usage::TOO_MANY) as usize];
        counts.binary_search_by_key(&class, |entry| entry.0).map_or(0, |place| counts[place].1)
    }

    /// Whether the one has used no more of anything than the other.
    pub(super) fn within(&self, one: u32, other: u32) -> bool {
        if one == other || one == Usage::NONE {
            return true;
        }
        if !self.counted {
            return one & Usage::TOO_MANY <= other & Usage::TOO_MANY;
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

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
