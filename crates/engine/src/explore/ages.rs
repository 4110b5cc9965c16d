use rustc_hash::FxHashMap;
use threeworlds_model::least_age;

use super::local::STOPPED;

/// The ages in local states, and local states with other ages.
pub(crate) struct Ages {
    /// For each process and local state, [`STOPPED`] left out, the ages in it, in order, 0 left out.
    of: Vec<Vec<Box<[u32]>>>,
    /// The same as bits, or [`MANY`].
    bits: Vec<Vec<u64>>,
    /// Whether there are any.
    pub(crate) any: bool,
    /// Computed once: by process, local state and its new ages.
    aged: FxHashMap<Aged, u32>,
    /// The same by process, local state and all ages that there are, as bits. What is not here can be found there.
    quick: FxHashMap<(u8, u32, u64), u32>,
}

/// A process, its local state, and which ages it is to have instead of its own.
type Aged = (usize, u32, Box<[u32]>);

/// An age does not fit into 64 bits. 0, which stays 0, has no bit of its own.
const MANY: u64 = 1;

/// All the ages in a state, if they are not the least in their order.
pub(crate) struct TooGreat {
    bits: u64,
    ages: Vec<u32>,
}

impl Ages {
    pub(crate) fn new(processes: usize) -> Self {
        Ages {
            of: vec![Vec::new(); processes],
            bits: vec![Vec::new(); processes],
            any: false,
            aged: FxHashMap::default(),
            quick: FxHashMap::default(),
        }
    }

    /// How many local states of a process are known.
    pub(crate) fn len(&self, process: usize) -> usize {
        self.of[process].len()
    }

    /// Adds a process's next local state with the ages in it.
    pub(crate) fn push(&mut self, process: usize, mut ages: Vec<u32>) {
        ages.sort_unstable();
        ages.dedup();
        ages.retain(|&age| age > 0);
        self.any |= !ages.is_empty();
        let bit = |&age: &u32| 1u64.checked_shl(age).unwrap_or(MANY);
        self.bits[process].push(ages.iter().map(bit).fold(0, |bits, bit| bits | bit));
        self.of[process].push(ages.into());
    }

    /// The ages in these local states, if they are not the least in their order.
    pub(crate) fn too_great(&self, locals: impl Iterator<Item = (usize, u32)> + Clone) -> Option<TooGreat> {
        if !self.any {
            return None;
        }
        let alive = locals.filter(|&(_, local)| local != STOPPED);
        let bits =
            alive.clone().fold(0, |bits, (process, local)| bits | self.bits[process][local as usize - 1]);
        if bits & MANY == 0 {
            let ages = bits >> 1;
            if ages & (ages + 1) == 0 {
                return None;
            }
            let ages = (1..u64::BITS).filter(|age| bits >> age & 1 == 1).collect();
            return Some(TooGreat { bits, ages });
        }
        let of = |(process, local): (usize, u32)| self.of[process][local as usize - 1].iter().copied();
        let mut ages: Vec<u32> = alive.flat_map(of).collect();
        ages.sort_unstable();
        ages.dedup();
        let least = ages.iter().zip(1..).all(|(&age, least)| age == least);
        (!least).then_some(TooGreat { bits, ages })
    }

    /// A local state with the least ages, if that is known: it was done before.
    pub(crate) fn find(&self, process: usize, local: u32, all: &TooGreat) -> Option<u32> {
        if local == STOPPED || self.bits[process][local as usize - 1] == 0 {
            return Some(local);
        }
        if all.bits & MANY == 0
            && let Some(&known) = self.quick.get(&(index(process), local, all.bits))
        {
            return Some(known);
        }
        match self.key(process, local, all) {
            None => Some(local),
            Some(key) => self.aged.get(&key).copied(),
        }
    }

    /// Notes what a local state becomes.
    pub(crate) fn learn(&mut self, process: usize, local: u32, all: &TooGreat, new: u32) {
        if all.bits & MANY == 0 {
            self.quick.insert((index(process), local, all.bits), new);
        }
        if let Some(key) = self.key(process, local, all) {
            self.aged.insert(key, new);
        }
    }

    /// How many local states with other ages are known.
    pub(crate) fn known(&self) -> usize {
        self.aged.len()
    }

    /// Makes ages least in local states in which that was done before.
    pub(crate) fn make_least_again(&self, locals: &mut [u32]) {
        let Some(all) = self.too_great(locals.iter().copied().enumerate()) else { return };
        for (process, local) in locals.iter_mut().enumerate() {
            *local = self.find(process, *local, &all).expect("it was done when the level was made");
        }
    }

    /// A local state with the ages that it is to have, if they are others.
    fn key(&self, process: usize, local: u32, all: &TooGreat) -> Option<Aged> {
        let own = &self.of[process][local as usize - 1];
        let least: Box<[u32]> = own.iter().map(|&age| least_age(&all.ages, age)).collect();
        (least != *own).then_some((process, local, least))
    }
}

impl TooGreat {
    /// The least age for this one.
    pub(crate) fn least(&self, age: u32) -> u32 {
        least_age(&self.ages, age)
    }
}

fn index(process: usize) -> u8 {
    u8::try_from(process).expect("at most 64 processes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_least_if_none_is_left_out() {
        let mut ages = Ages::new(2);
        for of in [vec![0, 2, 1, 1], vec![3], vec![70], vec![2, 4]] {
            ages.push(0, of);
        }
        ages.push(1, vec![1, 2]);
        let too_great = |first: u32, second: u32| {
            ages.too_great([(0, first), (1, second)].into_iter()).map(|all| all.ages)
        };
        assert_eq!(too_great(1, STOPPED), None);
        assert_eq!(too_great(2, STOPPED), Some(vec![3]));
        assert_eq!(too_great(2, 1), None);
        assert_eq!(too_great(3, 1), Some(vec![1, 2, 70]));
        assert_eq!(too_great(4, STOPPED), Some(vec![2, 4]));
        assert_eq!(too_great(4, 1), Some(vec![1, 2, 4]));
    }

    #[test]
    fn what_was_learnt_is_found_again() {
        let mut ages = Ages::new(1);
        ages.push(0, vec![70, 2]);
        ages.push(0, vec![4]);
        ages.push(0, Vec::new());
        let all = ages.too_great([(0, 2)].into_iter()).expect("4 is not least");
        assert_eq!(ages.find(0, 2, &all), None);
        assert_eq!(ages.find(0, 3, &all), Some(3));
        assert_eq!(ages.find(0, STOPPED, &all), Some(STOPPED));
        ages.learn(0, 2, &all, 7);
        assert_eq!(ages.find(0, 2, &all), Some(7));
        let great = ages.too_great([(0, 1)].into_iter()).expect("70 is not least");
        ages.learn(0, 1, &great, 8);
        assert_eq!(ages.find(0, 1, &great), Some(8));
        assert_eq!((great.least(2), great.least(70), ages.known()), (1, 2, 2));
    }
}
