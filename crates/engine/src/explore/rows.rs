use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// Rows of numbers, numbered in the order of insertion: global states, heads, choices. All rows have the same width,
/// and lie one behind the other.
///
/// Two rows are the same only if all their numbers are.
pub(crate) struct Rows {
    width: usize,
    flat: Vec<u32>,
    numbers: HashTable<u32>,
}

impl Rows {
    pub(crate) fn new(width: usize) -> Self {
        Rows { width, flat: Vec::new(), numbers: HashTable::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Number of the row, and whether it is new.
    pub(crate) fn insert(&mut self, row: &[u32]) -> (usize, bool) {
        debug_assert_eq!(row.len(), self.width);
        let hash = FxBuildHasher.hash_one(row);
        if let Some(number) = self.number(hash, row) {
            return (number, false);
        }
        let number = self.len();
        assert!(number < u32::MAX as usize, "fewer than 2^32 rows fit in memory");
        self.flat.extend_from_slice(row);
        let (flat, width) = (&self.flat, self.width);
        let rehash = |&number: &u32| FxBuildHasher.hash_one(row_in(flat, width, number as usize));
        self.numbers.insert_unique(hash, number as u32, rehash);
        (number, true)
    }

    /// The number of a row that was inserted before.
    pub(crate) fn find(&self, row: &[u32]) -> Option<usize> {
        self.number(FxBuildHasher.hash_one(row), row)
    }

    pub(crate) fn row(&self, number: usize) -> &[u32] {
        row_in(&self.flat, self.width, number)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.flat.capacity() * size_of::<u32>() + self.numbers.capacity() * 6
    }

    fn number(&self, hash: u64, row: &[u32]) -> Option<usize> {
        let (flat, width) = (&self.flat, self.width);
        let same = |&number: &u32| row_in(flat, width, number as usize) == row;
        self.numbers.find(hash, same).map(|&number| number as usize)
    }
}

fn row_in(flat: &[u32], width: usize, number: usize) -> &[u32] {
    &flat[number * width..(number + 1) * width]
}
