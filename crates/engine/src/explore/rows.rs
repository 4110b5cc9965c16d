use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// Rows of numbers, numbered in the order of insertion: global states, heads, choices. All rows have the same width.
///
/// Two rows are the same only if all their numbers are. They lie in segments that are never moved, so
/// that growing does not need twice the memory for a while.
pub(crate) struct Rows {
    width: usize,
    segments: Vec<Vec<u32>>,
    numbers: HashTable<u32>,
}

impl Rows {
    /// Rows in one segment.
    const SEGMENT: usize = 1 << 16;

    pub(crate) fn new(width: usize) -> Self {
        Rows { width, segments: Vec::new(), numbers: HashTable::new() }
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
        if number.is_multiple_of(Self::SEGMENT) {
            // The first one grows, for most tables are small.
            let rows = if number == 0 { 0 } else { Self::SEGMENT };
            self.segments.push(Vec::with_capacity(rows * self.width));
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

    /// The number of a row that was inserted before.
    pub(crate) fn find(&self, row: &[u32]) -> Option<usize> {
        self.number(FxBuildHasher.hash_one(row), row)
    }

    pub(crate) fn bytes(&self) -> usize {
        let rows: usize = self.segments.iter().map(Vec::capacity).sum();
        rows * size_of::<u32>() + self.numbers.capacity() * 6
    }

    fn number(&self, hash: u64, row: &[u32]) -> Option<usize> {
        let (segments, width) = (&self.segments, self.width);
        let same = |&number: &u32| row_in(segments, width, number as usize) == row;
        self.numbers.find(hash, same).map(|&number| number as usize)
    }
}

fn row_in(segments: &[Vec<u32>], width: usize, number: usize) -> &[u32] {
    let start = number % Rows::SEGMENT * width;
    &segments[number / Rows::SEGMENT][start..start + width]
}
