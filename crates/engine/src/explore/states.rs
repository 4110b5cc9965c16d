use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// The global states met so far: rows of the same width, numbered in the order of insertion.
///
/// Two states are the same only if their rows are equal. Rows lie in segments that are never moved, so
/// that growing does not need twice the memory for a while.
pub(crate) struct StateTable {
    width: usize,
    segments: Vec<Vec<u32>>,
    numbers: HashTable<u32>,
}

impl StateTable {
    /// Rows in one segment.
    const SEGMENT: usize = 1 << 16;

    pub(crate) fn new(width: usize) -> Self {
        StateTable { width, segments: Vec::new(), numbers: HashTable::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Number of the row, and whether it is new.
    pub(crate) fn insert(&mut self, row: &[u32]) -> (usize, bool) {
        debug_assert_eq!(row.len(), self.width);
        let hash = FxBuildHasher.hash_one(row);
        if let Some(number) = self.find(hash, row) {
            return (number, false);
        }
        let number = self.len();
        assert!(number < u32::MAX as usize, "fewer than 2^32 states fit in the table");
        if number.is_multiple_of(Self::SEGMENT) {
            self.segments.push(Vec::with_capacity(Self::SEGMENT * self.width));
        }
        self.segments[number / Self::SEGMENT].extend_from_slice(row);
        let (segments, width) = (&self.segments, self.width);
        let rehash = |&number: &u32| FxBuildHasher.hash_one(row_in(segments, width, number as usize));
        self.numbers.insert_unique(hash, number as u32, rehash);
        (number, true)
    }

    pub(crate) fn row(&self, number: usize) -> &[u32] {
        row_in(&self.segments, self.width, number)
    }

    fn find(&self, hash: u64, row: &[u32]) -> Option<usize> {
        let (segments, width) = (&self.segments, self.width);
        let same = |&number: &u32| row_in(segments, width, number as usize) == row;
        self.numbers.find(hash, same).map(|&number| number as usize)
    }
}

fn row_in(segments: &[Vec<u32>], width: usize, number: usize) -> &[u32] {
    let start = number % StateTable::SEGMENT * width;
    &segments[number / StateTable::SEGMENT][start..start + width]
}
