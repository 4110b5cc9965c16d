use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// Gives equal values the same number, from 0 in the order of first meeting. Exact: numbers are told apart
/// by the values themselves, never by a hash alone.
pub(crate) struct Interner<T> {
    values: Vec<T>,
    numbers: HashTable<u32>,
}

impl<T: Eq + Hash> Interner<T> {
    pub(crate) fn new() -> Self {
        Interner { values: Vec::new(), numbers: HashTable::new() }
    }

    /// The number of a value.
    pub(crate) fn intern(&mut self, value: T) -> u32 {
        let values = &self.values;
        let hash = FxBuildHasher.hash_one(&value);
        if let Some(&number) = self.numbers.find(hash, |&number| values[number as usize] == value) {
            return number;
        }
        let number = u32::try_from(self.values.len()).expect("fewer than 2^32 values fit in memory");
        self.values.push(value);
        let values = &self.values;
        self.numbers.insert_unique(hash, number, |&number| FxBuildHasher.hash_one(&values[number as usize]));
        number
    }

    pub(crate) fn get(&self, number: u32) -> &T {
        &self.values[number as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}
