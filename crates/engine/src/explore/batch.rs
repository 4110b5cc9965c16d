use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use super::local::Tables;
use super::rows::Rows;

/// What can follow from some states: distinct pairs of a list of heads and, for each server, a set of choices.
/// The successors of a state are all combinations of a head of the list and one choice of each server.
pub(crate) struct Batch {
    /// Rows of choices, one for each server.
    suffixes: Rows,
    /// How many combinations each row has.
    combinations: Vec<u64>,
    /// A list of heads and the number of a row each, and where to find them.
    pairs: Vec<(u32, u32)>,
    known: HashTable<u32>,
    /// The pair that was met last: it often comes again.
    last: Option<((u32, u32), u32)>,
}

impl Batch {
    pub(crate) fn new(servers: usize) -> Self {
        Batch {
            suffixes: Rows::new(servers),
            combinations: Vec::new(),
            pairs: Vec::new(),
            known: HashTable::new(),
            last: None,
        }
    }

    /// The number of a pair, and how many combinations of server choices it has.
    pub(crate) fn insert(&mut self, tables: &Tables, heads: u32, choices: &[u32]) -> (u32, u64) {
        let suffix = self.suffix(tables, choices);
        let combinations = self.combinations[suffix as usize];
        if let Some((pair, number)) = self.last
            && pair == (heads, suffix)
        {
            return (number, combinations);
        }
        let pair = (heads, suffix);
        let hash = FxBuildHasher.hash_one(pair);
        let pairs = &self.pairs;
        let number = match self.known.find(hash, |&number| pairs[number as usize] == pair) {
            Some(&number) => number,
            None => {
                let number = u32::try_from(pairs.len()).expect("fewer than 2^32 pairs fit in memory");
                self.pairs.push(pair);
                let pairs = &self.pairs;
                self.known
                    .insert_unique(hash, number, |&number| FxBuildHasher.hash_one(pairs[number as usize]));
                number
            }
        };
        self.last = Some(((heads, suffix), number));
        (number, combinations)
    }

    /// Takes what another batch has.
    pub(crate) fn absorb(&mut self, tables: &Tables, other: &Batch) {
        for &(heads, suffix) in &other.pairs {
            self.insert(tables, heads, other.choices(suffix));
        }
    }

    /// The pairs, in the order in which they were met.
    pub(crate) fn pairs(&self) -> &[(u32, u32)] {
        &self.pairs
    }

    /// The choices of each server, by the number of the row.
    pub(crate) fn choices(&self, suffix: u32) -> &[u32] {
        self.suffixes.row(suffix as usize)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.suffixes.bytes()
            + self.combinations.capacity() * 8
            + self.known.capacity() * 5
            + self.pairs.capacity() * 8
    }

    fn suffix(&mut self, tables: &Tables, choices: &[u32]) -> u32 {
        let (number, new) = self.suffixes.insert(choices);
        if new {
            let count = |&choices: &u32| tables.choices(choices).len() as u64;
            self.combinations.push(choices.iter().map(count).fold(1, u64::saturating_mul));
        }
        u32::try_from(number).expect("fewer than 2^32 rows fit in memory")
    }
}
