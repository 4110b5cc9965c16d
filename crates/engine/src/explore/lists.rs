use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// Lists of numbers of any length, numbered in the order of insertion. All lie one behind the other.
pub(crate) struct Lists {
    flat: Vec<u32>,
    ends: Vec<usize>,
    numbers: HashTable<u32>,
}

impl Lists {
    pub(crate) fn new() -> Self {
        Lists { flat: Vec::new(), ends: Vec::new(), numbers: HashTable::new() }
    }

    /// The number of a list.
    pub(crate) fn intern(&mut self, list: &[u32]) -> u32 {
        let hash = FxBuildHasher.hash_one(list);
        let (flat, ends) = (&self.flat, &self.ends);
        if let Some(&known) = self.numbers.find(hash, |&number| list_in(flat, ends, number) == list) {
            return known;
        }
        let number = u32::try_from(self.ends.len()).expect("fewer than 2^32 lists fit in memory");
        self.flat.extend_from_slice(list);
        self.ends.push(self.flat.len());
        let (flat, ends) = (&self.flat, &self.ends);
        let rehash = |&number: &u32| FxBuildHasher.hash_one(list_in(flat, ends, number));
        self.numbers.insert_unique(hash, number, rehash);
        number
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).expect("fewer than 2^32 lists fit in memory")
    }

    pub(crate) fn get(&self, list: u32) -> &[u32] {
        list_in(&self.flat, &self.ends, list)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.flat.capacity() * size_of::<u32>()
            + self.ends.capacity() * size_of::<usize>()
            + self.numbers.capacity() * 6
    }
}

fn list_in<'l>(flat: &'l [u32], ends: &[usize], list: u32) -> &'l [u32] {
    let start = (list as usize).checked_sub(1).map_or(0, |before| ends[before]);
    &flat[start..ends[list as usize]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lists_have_one_number() {
        let mut lists = Lists::new();
        let all: [&[u32]; 4] = [&[], &[1], &[1, 2], &[2]];
        let numbers: Vec<u32> = all.iter().map(|list| lists.intern(list)).collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
        for (number, list) in (0..).zip(all) {
            assert_eq!(lists.get(number), list);
            assert_eq!(lists.intern(list), number);
        }
        assert_eq!(lists.len(), 4);
    }
}
