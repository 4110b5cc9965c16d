//! Sets of worlds as reduced ordered binary decision diagrams (Bryant, IEEE Transactions on Computers C-35(8),
//! 1986): a world is an assignment of bits, a set of worlds a diagram, and equal sets are the same diagram.

use rustc_hash::FxHashMap;

use crate::explore::{Observer, Progress, StopReason};

/// A set of worlds: the diagram's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Set(u32);

impl Set {
    pub(super) const EMPTY: Set = Set(0);
    pub(super) const ALL: Set = Set(1);
}

/// Some of the variables, for [`Diagrams::forget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variables(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Node {
    variable: u32,
    low: u32,
    high: u32,
}

const AND: u32 = 0;
const OR: u32 = 1;
const MINUS: u32 = 2;
/// Forgetting the variables of list `i` has the number `FORGET + i`.
const FORGET: u32 = 3;

/// All diagrams, in one table without copies. Once `observer` has asked for an end every result is
/// meaningless: whoever works with diagrams asks [`Diagrams::stopped`] before trusting one.
pub(super) struct Diagrams<'a> {
    nodes: Vec<Node>,
    unique: FxHashMap<Node, u32>,
    /// Results by operation and operands; a later one may take the place of an earlier one.
    cache: Vec<(u32, u32, u32, u32)>,
    /// By list: whether each variable is in it.
    lists: Vec<Vec<bool>>,
    variables: u32,
    observer: &'a mut dyn Observer,
    epochs: u32,
    stopped: Option<StopReason>,
}

const NO_RESULT: (u32, u32, u32, u32) = (u32::MAX, 0, 0, 0);
const OBSERVE_EVERY: usize = 1 << 14;
const MOST_NODES: usize = 1 << 28;

impl<'a> Diagrams<'a> {
    pub(super) fn new(variables: usize, epochs: usize, observer: &'a mut dyn Observer) -> Self {
        let variables = u32::try_from(variables).expect("a world has a few hundred bits");
        let leaf = Node { variable: variables, low: 0, high: 0 };
        Diagrams {
            nodes: vec![leaf, leaf],
            unique: FxHashMap::default(),
            cache: vec![NO_RESULT; 1 << 10],
            lists: Vec::new(),
            variables,
            observer,
            epochs: u32::try_from(epochs).unwrap_or(u32::MAX),
            stopped: None,
        }
    }

    /// Why everything since is meaningless, if it is.
    pub(super) fn stopped(&self) -> Option<StopReason> {
        self.stopped
    }

    /// The worlds in which this variable has this value.
    pub(super) fn literal(&mut self, variable: usize, value: bool) -> Set {
        let variable = u32::try_from(variable).expect("variables are few");
        let (low, high) = if value { (0, 1) } else { (1, 0) };
        Set(self.node(variable, low, high))
    }

    /// A list of variables to forget.
    pub(super) fn variables(&mut self, of: impl IntoIterator<Item = usize>) -> Variables {
        let mut list = vec![false; self.variables as usize];
        of.into_iter().for_each(|variable| list[variable] = true);
        let number = self.lists.iter().position(|other| *other == list).unwrap_or_else(|| {
            self.lists.push(list);
            self.lists.len() - 1
        });
        Variables(u32::try_from(number).expect("lists are few"))
    }

    pub(super) fn and(&mut self, one: Set, other: Set) -> Set {
        Set(self.apply(AND, one.0, other.0))
    }

    pub(super) fn or(&mut self, one: Set, other: Set) -> Set {
        Set(self.apply(OR, one.0, other.0))
    }

    pub(super) fn minus(&mut self, one: Set, other: Set) -> Set {
        Set(self.apply(MINUS, one.0, other.0))
    }

    /// The worlds that differ from one of both sets in nothing but these variables.
    pub(super) fn and_forget(&mut self, one: Set, other: Set, variables: Variables) -> Set {
        Set(self.apply(FORGET + variables.0, one.0, other.0))
    }

    pub(super) fn forget(&mut self, set: Set, variables: Variables) -> Set {
        self.and_forget(set, Set::ALL, variables)
    }

    fn apply(&mut self, operation: u32, one: u32, other: u32) -> u32 {
        match (operation, one, other) {
            (AND, 0, _) | (AND, _, 0) | (MINUS, 0, _) | (MINUS, _, 1) => return 0,
            (OR, 1, _) | (OR, _, 1) => return 1,
            (AND, 1, set) | (AND, set, 1) | (OR, 0, set) | (OR, set, 0) | (MINUS, set, 0) => return set,
            (FORGET.., 0, _) | (FORGET.., _, 0) => return 0,
            (FORGET.., 1, 1) => return 1,
            (MINUS, a, b) if a == b => return 0,
            (AND | OR, a, b) if a == b => return a,
            _ => {}
        }
        // All but the difference are symmetric.
        let (one, other) = if operation != MINUS && one > other { (other, one) } else { (one, other) };
        let slot = self.slot(operation, one, other);
        let cached = self.cache[slot];
        if (cached.0, cached.1, cached.2) == (operation, one, other) {
            return cached.3;
        }
        if self.stopped.is_some() {
            return 0;
        }
        let (a, b) = (self.nodes[one as usize], self.nodes[other as usize]);
        let variable = a.variable.min(b.variable);
        let (a_low, a_high) = if a.variable == variable { (a.low, a.high) } else { (one, one) };
        let (b_low, b_high) = if b.variable == variable { (b.low, b.high) } else { (other, other) };
        let low = self.apply(operation, a_low, b_low);
        let forgets = operation >= FORGET && self.lists[(operation - FORGET) as usize][variable as usize];
        let result = if forgets && low == 1 {
            1
        } else {
            let high = self.apply(operation, a_high, b_high);
            if forgets { self.apply(OR, low, high) } else { self.node(variable, low, high) }
        };
        let slot = self.slot(operation, one, other);
        self.cache[slot] = (operation, one, other, result);
        result
    }

    fn slot(&self, operation: u32, one: u32, other: u32) -> usize {
        let mixed = (u64::from(one) << 32 | u64::from(other)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ u64::from(operation).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & (self.cache.len() - 1)
    }

    fn node(&mut self, variable: u32, low: u32, high: u32) -> u32 {
        if low == high {
            return low;
        }
        let node = Node { variable, low, high };
        if let Some(&known) = self.unique.get(&node) {
            return known;
        }
        if self.nodes.len().is_multiple_of(OBSERVE_EVERY) {
            self.observe();
        }
        let number = u32::try_from(self.nodes.len()).expect("there are at most 2^28 nodes");
        self.nodes.push(node);
        self.unique.insert(node, number);
        if self.nodes.len() > self.cache.len() && self.cache.len() < 1 << 22 {
            self.cache = vec![NO_RESULT; self.cache.len() * 4];
        }
        number
    }

    fn observe(&mut self) {
        let nodes = self.nodes.len();
        // A node, its place in the table, and its share of the cache.
        let bytes = nodes * 40 + self.cache.len() * 16;
        let progress = Progress { round: self.epochs, states: nodes, frontier: 0, expanded: 0, bytes };
        let full = (nodes >= MOST_NODES).then_some(StopReason::Memory);
        self.stopped = self.stopped.or(self.observer.observe(&progress)).or(full);
    }

    /// A world of the set with the fewest of these variables true (ties: false before true), if there is
    /// one; variables that do not matter are false.
    pub(super) fn least(&self, set: Set, counted: &[bool]) -> Option<Vec<bool>> {
        if set == Set::EMPTY {
            return None;
        }
        let mut costs: FxHashMap<u32, u32> = FxHashMap::default();
        let mut world = vec![false; self.variables as usize];
        let mut at = set.0;
        while at > 1 {
            let node = self.nodes[at as usize];
            let low = self.cost(node.low, counted, &mut costs);
            let high = self.cost(node.high, counted, &mut costs);
            let weight = u32::from(counted[node.variable as usize]);
            let takes_high = high.is_some_and(|high| low.is_none_or(|low| high + weight < low));
            world[node.variable as usize] = takes_high;
            at = if takes_high { node.high } else { node.low };
        }
        Some(world)
    }

    fn cost(&self, at: u32, counted: &[bool], costs: &mut FxHashMap<u32, u32>) -> Option<u32> {
        match at {
            0 => return None,
            1 => return Some(0),
            _ => {}
        }
        if let Some(&cost) = costs.get(&at) {
            return Some(cost);
        }
        let node = self.nodes[at as usize];
        let low = self.cost(node.low, counted, costs);
        let high = self.cost(node.high, counted, costs);
        let weight = u32::from(counted[node.variable as usize]);
        let cost = match (low, high) {
            (Some(low), Some(high)) => low.min(high + weight),
            (Some(low), None) => low,
            (None, high) => high.expect("a node has a world") + weight,
        };
        costs.insert(at, cost);
        Some(cost)
    }

    /// How many worlds the set has; rounded, beyond 2^53.
    pub(super) fn count(&self, set: Set) -> f64 {
        fn share(diagrams: &Diagrams<'_>, at: u32, known: &mut FxHashMap<u32, f64>) -> f64 {
            if at <= 1 {
                return f64::from(at);
            }
            if let Some(&share) = known.get(&at) {
                return share;
            }
            let node = diagrams.nodes[at as usize];
            let result = (share(diagrams, node.low, known) + share(diagrams, node.high, known)) / 2.0;
            known.insert(at, result);
            result
        }
        share(self, set.0, &mut FxHashMap::default())
            * 2f64.powi(i32::try_from(self.variables).unwrap_or(i32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::Quiet;

    /// Sets over four variables next to bit sets of their sixteen worlds.
    #[test]
    fn operations_are_those_of_sets() {
        let mut quiet = Quiet;
        let mut diagrams = Diagrams::new(4, 1, &mut quiet);
        let literal = |bit: usize| {
            (0..16u32).filter(|world| world >> bit & 1 == 1).fold(0u32, |set, world| set | 1 << world)
        };
        let mut sets = vec![(Set::EMPTY, 0u32), (Set::ALL, 0xFFFF)];
        for bit in 0..4 {
            sets.push((diagrams.literal(bit, true), literal(bit)));
            sets.push((diagrams.literal(bit, false), !literal(bit) & 0xFFFF));
        }
        let mut seed = 1u64;
        for _ in 0..2_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pick = |shift: u32| (seed >> shift) as usize % sets.len();
            let ((one, a), (other, b)) = (sets[pick(20)], sets[pick(40)]);
            let new = match seed >> 60 & 3 {
                0 => (diagrams.and(one, other), a & b),
                1 => (diagrams.or(one, other), a | b),
                2 => (diagrams.minus(one, other), a & !b),
                _ => {
                    let bits: Vec<usize> = (0..4).filter(|bit| seed >> (50 + bit) & 1 == 1).collect();
                    let list = diagrams.variables(bits.iter().copied());
                    let mut set = a & b;
                    for bit in bits {
                        let high = set & literal(bit);
                        let low = set & !literal(bit);
                        set |= high >> (1 << bit) | low << (1 << bit);
                    }
                    (diagrams.and_forget(one, other, list), set & 0xFFFF)
                }
            };
            assert_eq!(diagrams.count(new.0), f64::from(new.1.count_ones()));
            let least = diagrams.least(new.0, &[true; 4]);
            let fewest = (0..16u32).filter(|world| new.1 >> world & 1 == 1).map(u32::count_ones).min();
            assert_eq!(least.map(|world| world.iter().filter(|&&bit| bit).count() as u32), fewest);
            if let Some(same) = sets.iter().find(|(set, _)| *set == new.0) {
                assert_eq!(same.1, new.1);
            } else {
                assert!(sets.iter().all(|(_, bits)| *bits != new.1), "equal sets are the same diagram");
                sets.push(new);
            }
        }
        assert!(sets.len() > 100, "{}", sets.len());
    }
}
