//! All states that follow from a batch, without making any of them twice for the same reason.
//!
//! A batch is a set of pairs (a list of heads, a choice set for each server); what follows is the union of the
//! products. Heads are taken one at a time: under a head the states are the union, over the rows of choices
//! that come with it, of the products of these choices. Heads that come with the same rows have the same states
//! under them, so that union is worked out once for all of them. It is a bitmap where the states lie densely,
//! and a hash table where they do not.

use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::batch::Batch;
use super::heads::Heads;
use super::key::{Key, Layout, join};
use super::local::Tables;
use super::parallel::in_order;
use super::set::{Builder, Entry, Room, Set, StorageError};

/// States under heads, of which many have the same under them.
#[derive(Debug)]
pub(crate) struct Factored<const N: usize> {
    /// Heads in order, each with the position of what is under it.
    pub(crate) heads: Vec<(u32, u32)>,
    /// States without their heads.
    pub(crate) classes: Vec<Set<N>>,
}

impl<const N: usize> Factored<N> {
    pub(crate) fn bytes(&self) -> usize {
        self.heads.capacity() * 8 + self.classes.iter().map(Set::bytes).sum::<usize>()
    }
}

/// Works out what follows from each of these batches, with so many threads.
pub(crate) fn unite<const N: usize>(
    batches: &[&Batch],
    tables: &Tables,
    heads: &Heads,
    layout: &Layout,
    room: &Room<'_>,
    threads: usize,
) -> Result<Vec<Factored<N>>, StorageError> {
    let plans = in_order(threads, batches.len(), || (), |(), batch| Plan::new(batches[batch], heads));
    let unions: Vec<(usize, usize)> = (0..)
        .zip(&plans)
        .flat_map(|(plan, of)| (0..of.classes.len()).map(move |class| (plan, class)))
        .collect();
    let sets = in_order(
        threads,
        unions.len(),
        || Products::new(tables, layout, room, threads),
        |products, union| {
            let (plan, class) = unions[union];
            products.unite(plans[plan].batch, &plans[plan].rows(class))
        },
    );
    let mut sets = sets.into_iter();
    let factored = plans.into_iter().map(|plan| {
        let classes = sets.by_ref().take(plan.classes.len()).collect::<Result<_, StorageError>>()?;
        Ok(Factored { heads: plan.heads, classes })
    });
    factored.collect()
}

/// Which unions of products have to be worked out for a batch.
struct Plan<'a> {
    batch: &'a Batch,
    /// The pairs, sorted, and for each list where its own begin.
    pairs: Vec<(u32, u32)>,
    lists: Vec<(u32, usize)>,
    /// Heads in order, each with its class.
    heads: Vec<(u32, u32)>,
    /// For each class the lists, as positions, whose rows are united.
    classes: Vec<Vec<u32>>,
}

impl<'a> Plan<'a> {
    fn new(batch: &'a Batch, heads: &Heads) -> Self {
        let mut pairs = batch.pairs().to_vec();
        pairs.sort_unstable();
        let mut lists: Vec<(u32, usize)> = Vec::new();
        for (at, &(list, _)) in pairs.iter().enumerate() {
            if lists.last().is_none_or(|&(last, _)| last != list) {
                lists.push((list, at));
            }
        }
        let mut under: Vec<(u32, u32)> = Vec::new();
        for (position, &(list, _)) in lists.iter().enumerate() {
            let position = u32::try_from(position).expect("fewer than 2^32 lists fit in memory");
            under.extend(heads.list(list).iter().map(|&head| (head, position)));
        }
        under.sort_unstable();
        let mut with_classes = Vec::new();
        let mut classes: Vec<Vec<u32>> = Vec::new();
        let mut class_of: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
        for group in under.chunk_by(|one, other| one.0 == other.0) {
            let lists: Vec<u32> = group.iter().map(|&(_, list)| list).collect();
            let class = *class_of.entry(lists).or_insert_with_key(|lists| {
                classes.push(lists.clone());
                u32::try_from(classes.len() - 1).expect("fewer than 2^32 classes fit in memory")
            });
            with_classes.push((group[0].0, class));
        }
        Plan { batch, pairs, lists, heads: with_classes, classes }
    }

    /// The rows of choices whose products a class unites.
    fn rows(&self, class: usize) -> Vec<u32> {
        let of = |&list: &u32| {
            let start = self.lists[list as usize].1;
            let end = self.lists.get(list as usize + 1).map_or(self.pairs.len(), |&(_, start)| start);
            self.pairs[start..end].iter().map(|&(_, row)| row)
        };
        let mut rows: Vec<u32> = self.classes[class].iter().flat_map(of).collect();
        if self.classes[class].len() > 1 {
            rows.sort_unstable();
            rows.dedup();
        }
        rows
    }
}

/// Unites products of server choices. Keeps its tables from one union to the next.
struct Products<'a, const N: usize> {
    tables: &'a Tables,
    layout: &'a Layout,
    room: &'a Room<'a>,
    /// Words of a bitmap, or of a table, at most. What is more is united a slice at a time.
    words_max: u128,
    coordinates: Vec<Coordinate<N>>,
    bitmap: Vec<u64>,
    bases: Vec<usize>,
    keys: Vec<Key<N>>,
}

/// One server, within a union.
struct Coordinate<const N: usize> {
    server: usize,
    /// For each local state (of the last server: for each chunk of 64) its rank among those in use.
    ranks: Vec<u32>,
    /// The local states in use (or chunks), in order.
    used: Vec<u32>,
    /// Their parts of a key.
    parts: Vec<Key<N>>,
    /// For each set of choices in use where its ranks are.
    slots: FxHashMap<u32, (u32, u32)>,
    /// Ranks, each with the bits of the chunk that are meant.
    members: Vec<(u32, u64)>,
}

const UNUSED: u32 = u32::MAX;

/// 128 MiB.
const WORDS_MAX: usize = 1 << 24;

/// Of the room for sets, a word of a bitmap for each so many bytes: an eighth of it.
const BYTES_OF_ROOM: usize = 64;

/// Words for each entry of a table.
const WORDS_OF_ENTRY: u128 = 4;

impl<'a, const N: usize> Products<'a, N> {
    fn new(tables: &'a Tables, layout: &'a Layout, room: &'a Room<'a>, threads: usize) -> Self {
        let coordinate = |server: usize| Coordinate {
            server,
            ranks: Vec::new(),
            used: Vec::new(),
            parts: Vec::new(),
            slots: FxHashMap::default(),
            members: Vec::new(),
        };
        let coordinates = layout.prefix().chain([layout.last()]).map(coordinate).collect();
        Products {
            tables,
            layout,
            room,
            words_max: (room.most() / BYTES_OF_ROOM / threads).clamp(1 << 12, WORDS_MAX) as u128,
            coordinates,
            bitmap: Vec::new(),
            bases: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// The union of the products of these rows, as states without heads.
    fn unite(&mut self, batch: &Batch, rows: &[u32]) -> Result<Set<N>, StorageError> {
        let (tables, layout) = (self.tables, self.layout);
        for coordinate in &mut self.coordinates {
            coordinate.prepare(batch, rows, tables, layout);
        }
        let words = self.coordinates.iter().map(|coordinate| coordinate.used.len() as u128).product::<u128>();
        let mut steps = 0u128;
        for &row in rows {
            let choices = batch.choices(row);
            let size = |coordinate: &Coordinate<N>| coordinate.slots[&choices[coordinate.server - 1]].1;
            steps += self.coordinates.iter().map(|coordinate| u128::from(size(coordinate))).product::<u128>();
        }
        let dense = words <= steps.max(1 << 9) * 4;
        let size = if dense { words } else { steps.min(words) * WORDS_OF_ENTRY };
        let mut builder = Builder::within(self.room);
        // Keys begin with the first coordinate, so that slices of it come one behind the other.
        let first = self.coordinates[0].used.len() as u32;
        let prefix = self.coordinates.len() - 1;
        let slices =
            if prefix == 0 { 1 } else { size.div_ceil(self.words_max).clamp(1, u128::from(first)) as u32 };
        let mut start = 0;
        for left in (1..=slices).rev() {
            let end = start + (first - start) / left;
            if dense {
                let (last, prefix) = self.coordinates.split_last().expect("there is a server");
                let of_one = words as usize / first as usize;
                self.bitmap.clear();
                self.bitmap.resize(
                    if prefix.is_empty() { words as usize } else { of_one * (end - start) as usize },
                    0,
                );
                Self::mark(batch, rows, prefix, last, start..end, &mut self.bases, &mut self.bitmap);
                Self::of_bitmap(prefix, last, start, &self.bitmap, &mut builder);
            } else {
                let (last, prefix) = self.coordinates.split_last().expect("there is a server");
                let mut table = Words::new();
                Self::insert(batch, rows, prefix, last, start..end, &mut self.keys, &mut table);
                let mut entries = table.into_entries();
                entries.sort_unstable_by_key(|&(key, _)| key);
                entries.iter().for_each(|&entry| builder.push(entry));
            }
            start = end;
        }
        builder.finish_within()
    }

    fn mark(
        batch: &Batch,
        rows: &[u32],
        prefix: &[Coordinate<N>],
        last: &Coordinate<N>,
        slice: Range<u32>,
        bases: &mut Vec<usize>,
        bitmap: &mut [u64],
    ) {
        let mut stride = last.used.len();
        let mut strides = vec![0; prefix.len()];
        for (coordinate, own) in prefix.iter().zip(&mut strides).rev() {
            *own = stride;
            stride *= coordinate.used.len();
        }
        for &row in rows {
            let choices = batch.choices(row);
            bases.clear();
            bases.push(0);
            for (position, (coordinate, stride)) in prefix.iter().zip(&strides).enumerate() {
                let start = if position == 0 { slice.start } else { 0 };
                let members = coordinate.members(choices);
                let members = if position == 0 { in_slice(members, &slice) } else { members };
                let before = bases.len();
                let Some((first, others)) = members.split_first() else {
                    bases.clear();
                    break;
                };
                for &(rank, _) in others {
                    for at in 0..before {
                        bases.push(bases[at] + (rank - start) as usize * stride);
                    }
                }
                let first = (first.0 - start) as usize * stride;
                bases[..before].iter_mut().for_each(|base| *base += first);
            }
            match last.members(choices) {
                &[(rank, mask)] => {
                    for &base in bases.iter() {
                        bitmap[base + rank as usize] |= mask;
                    }
                }
                members => {
                    for &base in bases.iter() {
                        for &(rank, mask) in members {
                            bitmap[base + rank as usize] |= mask;
                        }
                    }
                }
            }
        }
    }

    fn of_bitmap(
        prefix: &[Coordinate<N>],
        last: &Coordinate<N>,
        start: u32,
        bitmap: &[u64],
        builder: &mut Builder<'_, N>,
    ) {
        let mut at = vec![0usize; prefix.len()];
        at.iter_mut().take(1).for_each(|first| *first = start as usize);
        for words in bitmap.chunks_exact(last.used.len()) {
            if words.iter().any(|&word| word != 0) {
                let mut base = [0; N];
                for (coordinate, &rank) in prefix.iter().zip(&at) {
                    join(&mut base, &coordinate.parts[rank]);
                }
                for (&word, part) in words.iter().zip(&last.parts) {
                    if word != 0 {
                        let mut key = base;
                        join(&mut key, part);
                        builder.push((key, word));
                    }
                }
            }
            for (coordinate, rank) in prefix.iter().zip(&mut at).rev() {
                *rank += 1;
                if *rank < coordinate.used.len() {
                    break;
                }
                *rank = 0;
            }
        }
    }

    fn insert(
        batch: &Batch,
        rows: &[u32],
        prefix: &[Coordinate<N>],
        last: &Coordinate<N>,
        slice: Range<u32>,
        keys: &mut Vec<Key<N>>,
        table: &mut Words<N>,
    ) {
        for &row in rows {
            let choices = batch.choices(row);
            keys.clear();
            keys.push([0; N]);
            for (position, coordinate) in prefix.iter().enumerate() {
                let members = coordinate.members(choices);
                let members = if position == 0 { in_slice(members, &slice) } else { members };
                let before = keys.len();
                let Some((first, others)) = members.split_first() else {
                    keys.clear();
                    break;
                };
                for &(rank, _) in others {
                    for at in 0..before {
                        let mut key = keys[at];
                        join(&mut key, &coordinate.parts[rank as usize]);
                        keys.push(key);
                    }
                }
                let first = &coordinate.parts[first.0 as usize];
                keys[..before].iter_mut().for_each(|key| join(key, first));
            }
            for base in keys.iter() {
                for &(rank, mask) in last.members(choices) {
                    let mut key = *base;
                    join(&mut key, &last.parts[rank as usize]);
                    table.insert(key, mask);
                }
            }
        }
    }
}

/// The members whose ranks are in a slice.
fn in_slice<'m>(members: &'m [(u32, u64)], slice: &Range<u32>) -> &'m [(u32, u64)] {
    let start = members.partition_point(|&(rank, _)| rank < slice.start);
    let end = members.partition_point(|&(rank, _)| rank < slice.end);
    &members[start..end]
}

impl<const N: usize> Coordinate<N> {
    /// Finds out which local states are in use, and writes the sets of choices as ranks among them.
    fn prepare(&mut self, batch: &Batch, rows: &[u32], tables: &Tables, layout: &Layout) {
        let is_last = self.server == layout.last();
        let chunk = |local: u32| if is_last { local / 64 } else { local };
        for &used in &self.used {
            self.ranks[used as usize] = UNUSED;
        }
        self.ranks.resize(tables.locals(self.server - 1), UNUSED);
        self.used.clear();
        self.slots.clear();
        self.members.clear();
        let mut sets = Vec::new();
        for &row in rows {
            let choices = batch.choices(row)[self.server - 1];
            self.slots.entry(choices).or_insert_with(|| {
                sets.push(choices);
                (0, 0)
            });
        }
        for &set in &sets {
            for choice in tables.choices(set) {
                let used = chunk(choice.next);
                if self.ranks[used as usize] == UNUSED {
                    self.ranks[used as usize] = 0;
                    self.used.push(used);
                }
            }
        }
        self.used.sort_unstable();
        for (rank, &used) in self.used.iter().enumerate() {
            self.ranks[used as usize] = rank as u32;
        }
        self.parts.clear();
        self.parts.extend(self.used.iter().map(|&used| match is_last {
            true => layout.chunk(used),
            false => layout.part(self.server, used),
        }));
        for set in sets {
            let start = self.members.len();
            for choice in tables.choices(set) {
                let rank = self.ranks[chunk(choice.next) as usize];
                let bit = if is_last { 1 << (choice.next % 64) } else { 1 };
                match self.members[start..].last_mut() {
                    Some((same, bits)) if *same == rank => *bits |= bit,
                    _ => self.members.push((rank, bit)),
                }
            }
            let place = |number: usize| u32::try_from(number).expect("fewer than 2^32 members fit in memory");
            self.slots.insert(set, (place(start), place(self.members.len() - start)));
        }
    }

    fn members(&self, choices: &[u32]) -> &[(u32, u64)] {
        let (start, length) = self.slots[&choices[self.server - 1]];
        &self.members[start as usize..(start + length) as usize]
    }
}

/// Words by key. It grows in parts, so that growing does not need twice the memory for a while.
struct Words<const N: usize> {
    parts: Vec<(HashTable<u32>, Vec<Entry<N>>)>,
}

const PARTS: usize = 64;

impl<const N: usize> Words<N> {
    fn new() -> Self {
        Words { parts: (0..PARTS).map(|_| Default::default()).collect() }
    }

    fn insert(&mut self, key: Key<N>, bits: u64) {
        let hash = FxBuildHasher.hash_one(key);
        let (numbers, entries) = &mut self.parts[(hash >> 20) as usize % PARTS];
        if let Some(&number) = numbers.find(hash, |&number| entries[number as usize].0 == key) {
            entries[number as usize].1 |= bits;
            return;
        }
        let number = u32::try_from(entries.len()).expect("fewer than 2^32 entries fit in memory");
        entries.push((key, bits));
        numbers.insert_unique(hash, number, |&number| FxBuildHasher.hash_one(entries[number as usize].0));
    }

    fn into_entries(self) -> Vec<Entry<N>> {
        let length = self.parts.iter().map(|(_, entries)| entries.len()).sum();
        let mut all = Vec::with_capacity(length);
        for (numbers, entries) in self.parts {
            drop(numbers);
            all.extend(entries);
        }
        all
    }
}
