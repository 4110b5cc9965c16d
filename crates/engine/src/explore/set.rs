//! Sets of states, sorted and compressed, in blocks that can lie in a [`Storage`] outside memory.
//!
//! A set is a sequence of keys in order, each with a word whose bits say which of 64 neighbouring states are
//! there. Keys are written as differences to the key before, words with few bits as the positions of these
//! bits: one to three bytes for each state are usual, less where states lie close together. Sets are read from
//! the front, or from any key on; everything that is done to sets (union, difference) reads them once in
//! order, which is what disks are good at (Stern and Dill, Using magnetic disk instead of main memory in the
//! Murphi verifier, CAV 1998).

use super::key::{Key, each_bit};

/// A key, and which of its 64 states are meant.
pub(crate) type Entry<const N: usize> = (Key<N>, u64);

/// A place for bytes outside memory.
pub trait Storage: Sync {
    /// Keeps these bytes; says where.
    ///
    /// # Errors
    /// When they cannot be kept, for example because a disk is full.
    fn write(&self, bytes: &[u8]) -> Result<u64, StorageError>;

    /// Fills the buffer with what was kept there.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), StorageError>;
}

/// Why bytes could not be kept or read: where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StorageError(pub String);

/// A sorted, compressed set of states. It does not change once it is built.
#[derive(Debug, Default)]
pub(crate) struct Set<const N: usize> {
    blocks: Vec<Block<N>>,
    states: u64,
    /// Bytes of compressed entries in memory.
    bytes: usize,
}

#[derive(Debug)]
struct Block<const N: usize> {
    first: Key<N>,
    data: Data,
}

/// Where the bytes of a block are.
#[derive(Debug)]
pub(crate) enum Data {
    Memory(Box<[u8]>),
    Stored { offset: u64, length: u32 },
}

/// Entries in one block: enough to compress well, few enough to find a key quickly.
const BLOCK: usize = 256;

impl<const N: usize> Set<N> {
    pub(crate) fn new() -> Self {
        Set { blocks: Vec::new(), states: 0, bytes: 0 }
    }

    /// How many states are in it.
    pub(crate) fn states(&self) -> u64 {
        self.states
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.states == 0
    }

    /// How many blocks it has: parts of about equal size.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Bytes of memory in use.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.blocks.capacity() * size_of::<Block<N>>()
    }

    /// Moves what lies in memory into the storage.
    pub(crate) fn store(&mut self, storage: &dyn Storage) -> Result<(), StorageError> {
        for block in &mut self.blocks {
            if let Data::Memory(bytes) = &block.data {
                let length = u32::try_from(bytes.len()).expect("a block is small");
                self.bytes -= bytes.len();
                block.data = Data::Stored { offset: storage.write(bytes)?, length };
            }
        }
        Ok(())
    }

    /// The blocks as bytes, to be kept elsewhere.
    pub(crate) fn each_block(
        &self,
        storage: Option<&dyn Storage>,
        visit: &mut dyn FnMut(&Key<N>, &[u8]),
    ) -> Result<(), StorageError> {
        let mut buffer = Vec::new();
        for block in &self.blocks {
            visit(&block.first, block.bytes(storage, &mut buffer)?);
        }
        Ok(())
    }

    /// Adds a block behind the others, as [`Set::each_block`] gave it.
    pub(super) fn push_block(&mut self, first: Key<N>, data: Data) {
        if let Data::Memory(bytes) = &data {
            self.bytes += bytes.len();
        }
        self.blocks.push(Block { first, data });
    }

    /// Says how many states are in the blocks that were added.
    pub(super) fn count(&mut self, states: u64) {
        self.states = states;
    }

    /// Reads the set from its first entry on.
    pub(crate) fn cursor<'a>(&'a self, storage: Option<&'a dyn Storage>) -> Cursor<'a, N> {
        self.cursor_of_blocks(storage, 0, self.blocks.len())
    }

    /// Reads some of the blocks.
    pub(crate) fn cursor_of_blocks<'a>(
        &'a self,
        storage: Option<&'a dyn Storage>,
        start: usize,
        end: usize,
    ) -> Cursor<'a, N> {
        Cursor { set: self, storage, next_block: start, end, entries: Vec::new(), at: 0, buffer: Vec::new() }
    }

    /// Puts another set behind this one, whose keys are all smaller.
    pub(crate) fn append(&mut self, other: Set<N>) {
        debug_assert!(
            self.blocks
                .last()
                .is_none_or(|last| other.blocks.first().is_none_or(|first| last.first < first.first))
        );
        self.states += other.states;
        self.bytes += other.bytes;
        self.blocks.extend(other.blocks);
    }

    /// The set of these entries, which are in order.
    pub(crate) fn of(entries: &[Entry<N>]) -> Self {
        let mut builder = Builder::new();
        entries.iter().for_each(|&entry| builder.push(entry));
        builder.finish()
    }
}

impl<const N: usize> Block<N> {
    fn bytes<'a>(
        &'a self,
        storage: Option<&dyn Storage>,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], StorageError> {
        match &self.data {
            Data::Memory(bytes) => Ok(bytes),
            Data::Stored { offset, length } => {
                let storage = storage.expect("what was stored was stored somewhere");
                buffer.resize(*length as usize, 0);
                storage.read(*offset, buffer)?;
                Ok(buffer)
            }
        }
    }
}

/// Builds a set of entries that come in order.
pub(crate) struct Builder<const N: usize> {
    set: Set<N>,
    pending: Vec<Entry<N>>,
    buffer: Vec<u8>,
}

impl<const N: usize> Builder<N> {
    pub(crate) fn new() -> Self {
        Builder { set: Set::new(), pending: Vec::with_capacity(BLOCK), buffer: Vec::new() }
    }

    /// Adds an entry; its key is greater than that of the one before.
    pub(crate) fn push(&mut self, entry: Entry<N>) {
        debug_assert!(entry.1 != 0, "an entry has states");
        debug_assert!(self.pending.last().is_none_or(|last| last.0 < entry.0), "entries come in order");
        if self.pending.len() == BLOCK {
            self.flush();
        }
        self.pending.push(entry);
    }

    /// What comes next begins a new block.
    pub(crate) fn end_block(&mut self) {
        if !self.pending.is_empty() {
            self.flush();
        }
    }

    pub(crate) fn finish(mut self) -> Set<N> {
        self.end_block();
        self.set.blocks.shrink_to_fit();
        self.set
    }

    fn flush(&mut self) {
        self.buffer.clear();
        let first = self.pending[0].0;
        let mut before = first;
        for &(key, word) in &self.pending {
            encode(&mut self.buffer, &difference(&key, &before), word);
            before = key;
            self.set.states += u64::from(word.count_ones());
        }
        self.pending.clear();
        self.set.bytes += self.buffer.len();
        self.set.blocks.push(Block { first, data: Data::Memory(self.buffer.as_slice().into()) });
    }
}

/// Words with up to so many bits are written as positions.
const POSITIONS_MAX: u32 = 3;

/// Differences of so many bytes or more have their length in a byte of its own.
const LONG: usize = 63;

/// One byte says how many bytes the difference has and how the word is written; then both.
fn encode<const N: usize>(to: &mut Vec<u8>, difference: &Key<N>, word: u64) {
    let bits = word.count_ones();
    let kind = if bits <= POSITIONS_MAX { bits as u8 - 1 } else { POSITIONS_MAX as u8 };
    let zeros = difference.iter().take_while(|&&word| word == 0).count();
    let length = match difference.get(zeros) {
        None => 0,
        Some(word) => (N - zeros) * 8 - word.leading_zeros() as usize / 8,
    };
    to.push(kind | (length.min(LONG) as u8) << 2);
    if length >= LONG {
        to.push((length - LONG) as u8);
    }
    for byte in 0..length {
        to.push((difference[N - 1 - byte / 8] >> (byte % 8 * 8)) as u8);
    }
    if bits <= POSITIONS_MAX {
        each_bit(word, |bit| to.push(bit as u8));
    } else {
        to.extend_from_slice(&word.to_le_bytes());
    }
}

fn decode<const N: usize>(bytes: &[u8], first: Key<N>, to: &mut Vec<Entry<N>>) {
    to.clear();
    to.reserve(BLOCK);
    let mut key = first;
    let mut at = 0;
    while at < bytes.len() {
        let (kind, mut length) = (bytes[at] & 3, usize::from(bytes[at] >> 2));
        at += 1;
        if length == LONG {
            length += usize::from(bytes[at]);
            at += 1;
        }
        let mut difference = [0; N];
        for byte in 0..length {
            difference[N - 1 - byte / 8] |= u64::from(bytes[at + byte]) << (byte % 8 * 8);
        }
        at += length;
        key = sum(&key, &difference);
        let word = if u32::from(kind) < POSITIONS_MAX {
            let positions = &bytes[at..=at + usize::from(kind)];
            at += positions.len();
            positions.iter().fold(0, |word, &bit| word | 1 << bit)
        } else {
            at += 8;
            u64::from_le_bytes(bytes[at - 8..at].try_into().expect("eight bytes"))
        };
        to.push((key, word));
    }
}

fn difference<const N: usize>(greater: &Key<N>, smaller: &Key<N>) -> Key<N> {
    let mut result = [0; N];
    let mut borrow = false;
    for word in (0..N).rev() {
        let (without, first) = greater[word].overflowing_sub(smaller[word]);
        let (without, second) = without.overflowing_sub(u64::from(borrow));
        result[word] = without;
        borrow = first || second;
    }
    result
}

fn sum<const N: usize>(one: &Key<N>, other: &Key<N>) -> Key<N> {
    let mut result = [0; N];
    let mut carry = false;
    for word in (0..N).rev() {
        let (with, first) = one[word].overflowing_add(other[word]);
        let (with, second) = with.overflowing_add(u64::from(carry));
        result[word] = with;
        carry = first || second;
    }
    result
}

/// Reads a set in order.
pub(crate) struct Cursor<'a, const N: usize> {
    set: &'a Set<N>,
    storage: Option<&'a dyn Storage>,
    /// The block that is read next, and where reading ends.
    next_block: usize,
    end: usize,
    entries: Vec<Entry<N>>,
    at: usize,
    buffer: Vec<u8>,
}

impl<const N: usize> Cursor<'_, N> {
    /// The entry that is next, if there is one.
    pub(crate) fn peek(&mut self) -> Result<Option<Entry<N>>, StorageError> {
        if self.at == self.entries.len() && !self.load()? {
            return Ok(None);
        }
        Ok(Some(self.entries[self.at]))
    }

    /// Goes past the entry that [`Cursor::peek`] gave.
    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// The next entry, and goes past it.
    pub(crate) fn next(&mut self) -> Result<Option<Entry<N>>, StorageError> {
        let entry = self.peek()?;
        self.at += usize::from(entry.is_some());
        Ok(entry)
    }

    /// The block that is read next, if the one before was read to its end.
    pub(crate) fn before_block(&self) -> Option<usize> {
        (self.at == self.entries.len() && self.next_block < self.end).then_some(self.next_block)
    }

    /// Goes forward to the first entry whose key is not smaller than this one.
    pub(crate) fn seek(&mut self, key: &Key<N>) -> Result<(), StorageError> {
        if self.at == self.entries.len() || self.entries[self.entries.len() - 1].0 < *key {
            let ahead = &self.set.blocks[self.next_block..self.end];
            // The last block that starts at the key or before it; the first ones are the likeliest.
            let near = ahead.iter().take(4).take_while(|block| block.first <= *key).count();
            let skip = if near < 4 { near } else { ahead.partition_point(|block| block.first <= *key) };
            self.at = self.entries.len();
            if skip == 0 {
                return Ok(());
            }
            self.next_block += skip - 1;
            self.load()?;
            self.at = self.entries.partition_point(|entry| entry.0 < *key);
            return Ok(());
        }
        while self.entries[self.at].0 < *key {
            self.at += 1;
        }
        Ok(())
    }

    fn load(&mut self) -> Result<bool, StorageError> {
        if self.next_block >= self.end {
            return Ok(false);
        }
        let block = &self.set.blocks[self.next_block];
        decode(block.bytes(self.storage, &mut self.buffer)?, block.first, &mut self.entries);
        self.at = 0;
        self.next_block += 1;
        Ok(true)
    }
}

/// The union of several sets, read in order.
pub(crate) struct Union<'a, const N: usize> {
    cursors: Vec<Cursor<'a, N>>,
}

impl<'a, const N: usize> Union<'a, N> {
    pub(crate) fn new(cursors: Vec<Cursor<'a, N>>) -> Self {
        Union { cursors }
    }

    /// The next entry.
    pub(crate) fn next(&mut self) -> Result<Option<Entry<N>>, StorageError> {
        if let [only] = self.cursors.as_mut_slice() {
            return only.next();
        }
        let mut least: Option<Entry<N>> = None;
        for cursor in &mut self.cursors {
            if let Some((key, word)) = cursor.peek()? {
                least = match least {
                    Some((smallest, words)) if smallest == key => Some((key, words | word)),
                    Some((smallest, words)) if smallest < key => Some((smallest, words)),
                    _ => Some((key, word)),
                };
            }
        }
        if let Some((key, _)) = least {
            for cursor in &mut self.cursors {
                if cursor.peek()?.is_some_and(|entry| entry.0 == key) {
                    cursor.advance();
                }
            }
        }
        Ok(least)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn entries<const N: usize>() -> impl Strategy<Value = BTreeMap<Key<N>, u64>> {
        let small = prop_oneof![0u64..1 << 12, any::<u64>()];
        let key = proptest::collection::vec(small, N).prop_map(|words| words.try_into().unwrap());
        let word = prop_oneof![(0u32..64).prop_map(|bit| 1 << bit), 1u64..=u64::MAX];
        proptest::collection::btree_map(key, word, 0..2000)
    }

    fn read<const N: usize>(set: &Set<N>) -> BTreeMap<Key<N>, u64> {
        let mut cursor = set.cursor(None);
        std::iter::from_fn(|| cursor.next().unwrap()).collect()
    }

    fn built<const N: usize>(entries: &BTreeMap<Key<N>, u64>) -> Set<N> {
        Set::of(&entries.iter().map(|(&key, &word)| (key, word)).collect::<Vec<_>>())
    }

    fn round_trip<const N: usize>(entries: &BTreeMap<Key<N>, u64>) -> Result<(), TestCaseError> {
        let set = built(entries);
        prop_assert_eq!(&read(&set), entries);
        prop_assert_eq!(set.states(), entries.values().map(|word| u64::from(word.count_ones())).sum::<u64>());
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn what_goes_in_comes_out(one in entries::<1>(), three in entries::<3>(), long in entries::<32>()) {
            round_trip(&one)?;
            round_trip(&three)?;
            round_trip(&long)?;
        }

        #[test]
        fn seeking_finds_the_first_that_is_not_smaller(all in entries::<2>(), mut keys in proptest::collection::vec(any::<(u64, u64)>(), 0..50)) {
            let set = built(&all);
            let mut cursor = set.cursor(None);
            keys.extend(all.keys().step_by(37).map(|key| (key[0], key[1])));
            keys.sort_unstable();
            for (high, low) in keys {
                cursor.seek(&[high, low]).unwrap();
                let expected = all.range([high, low]..).next().map(|(&key, &word)| (key, word));
                prop_assert_eq!(cursor.peek().unwrap(), expected);
            }
        }

        #[test]
        fn a_union_has_all_of_each(sets in proptest::collection::vec(entries::<1>(), 0..5)) {
            let built: Vec<Set<1>> = sets.iter().map(built).collect();
            let mut union = Union::new(built.iter().map(|set| set.cursor(None)).collect());
            let mut expected = BTreeMap::new();
            for (&key, &word) in sets.iter().flatten() {
                *expected.entry(key).or_insert(0) |= word;
            }
            let found: BTreeMap<Key<1>, u64> = std::iter::from_fn(|| union.next().unwrap()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
