//! The sets of states of a search, by assignment, timing and level.

use std::io;

use super::checkpoint::{Reading, Writing};
use super::key::{Key, Layout, each_bit};
use super::level::{Making, Means, Worker};
use super::scan::View;
use super::set::{Builder, Cursor, Entry, Set, Storage, StorageError};
use super::unite::Factored;

/// The states of a search.
pub(crate) struct Space<const N: usize> {
    pub(crate) layout: Layout,
    /// For each assignment twice: before GST and after. Level by level.
    pub(super) parts: Vec<Vec<Set<N>>>,
    /// Of the level that is being made: what is not complete, and the sets that are, by part.
    pub(super) making: Vec<Making<N>>,
    pub(super) next: Vec<Set<N>>,
    pub(super) workers: Vec<Worker>,
    /// Combinations of choices, over all states that were looked at.
    pub(crate) transitions: u64,
    /// Whether a violation was seen among what follows from the states looked at in the last level.
    pub(crate) violated: bool,
    /// How many lists of heads there were before.
    pub(super) lists: u32,
    /// Whether it was tried which coordinate is best put last.
    arranged: bool,
}

impl<const N: usize> Space<N> {
    /// With a state before round 1 for each assignment, as coordinates; `after_gst` says in which part.
    pub(crate) fn new(view: View<'_>, start: &[u32], assignments: usize, after_gst: bool) -> Option<Self> {
        let servers = view.tables.servers;
        let layout = layout::<N>(view, servers)?;
        let (key, word) = layout.pack::<N>(start);
        let part = |number: usize| match (number % 2 == 1) == after_gst {
            true => vec![Set::of(&[(key, word)])],
            false => vec![Set::new()],
        };
        Some(Space {
            parts: (0..2 * assignments).map(part).collect(),
            layout,
            making: Vec::new(),
            next: Vec::new(),
            workers: Vec::new(),
            transitions: 0,
            violated: false,
            lists: 0,
            arranged: false,
        })
    }

    /// The same with keys of another width, wide enough for all numbers in use if they can be.
    pub(crate) fn widened<const M: usize>(
        &self,
        view: View<'_>,
        storage: Option<&dyn Storage>,
    ) -> Result<Option<Space<M>>, StorageError> {
        let layout = layout::<M>(view, self.layout.last());
        layout.map(|layout| self.with_layout(layout, storage)).transpose()
    }

    /// The same with keys of this layout.
    pub(crate) fn with_layout<const M: usize>(
        &self,
        layout: Layout,
        storage: Option<&dyn Storage>,
    ) -> Result<Space<M>, StorageError> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for levels in &self.parts {
            let again = |set| recoded::<N, M>(set, &self.layout, &layout, storage);
            parts.push(levels.iter().map(again).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(Space {
            layout,
            parts,
            making: Vec::new(),
            next: Vec::new(),
            workers: Vec::new(),
            transitions: self.transitions,
            violated: self.violated,
            lists: self.lists,
            arranged: self.arranged,
        })
    }

    /// Writes the sets of the last level.
    pub(crate) fn save(&self, to: &mut Writing<'_>, storage: Option<&dyn Storage>) -> io::Result<()> {
        to.number(u64::from(self.arranged))?;
        for levels in &self.parts {
            to.set(levels.last().expect("there is a level"), storage)?;
        }
        Ok(())
    }

    /// Adds a level that was saved.
    pub(crate) fn load(&mut self, from: &mut Reading<'_>, storage: Option<&dyn Storage>) -> io::Result<()> {
        self.arranged = from.number()? == 1;
        for levels in &mut self.parts {
            levels.push(from.set(storage)?);
        }
        Ok(())
    }

    /// Words in a key.
    pub(crate) fn words(&self) -> usize {
        N
    }

    pub(crate) fn parts(&self) -> &[Vec<Set<N>>] {
        &self.parts
    }

    /// States of all levels.
    pub(crate) fn states(&self) -> u64 {
        self.parts.iter().flatten().map(Set::states).sum()
    }

    /// States of all levels with such a head.
    pub(crate) fn states_under(
        &self,
        wanted: &dyn Fn(u32) -> bool,
        storage: Option<&dyn Storage>,
    ) -> Result<u64, StorageError> {
        let mut states = 0;
        for set in self.parts.iter().flatten() {
            let mut cursor = set.cursor(storage);
            let mut last: Option<(u32, bool)> = None;
            while let Some((key, word)) = cursor.next()? {
                let head = self.layout.number(&key, 0);
                let counts = match last {
                    Some((same, counts)) if same == head => counts,
                    _ => wanted(head),
                };
                last = Some((head, counts));
                states += if counts { u64::from(word.count_ones()) } else { 0 };
            }
        }
        Ok(states)
    }

    /// States of the last level.
    pub(crate) fn frontier(&self) -> u64 {
        self.parts.iter().filter_map(|levels| levels.last()).map(Set::states).sum()
    }

    pub(crate) fn bytes(&self) -> usize {
        let sets: usize = self.parts.iter().flatten().map(Set::bytes).sum();
        sets + self.workers.iter().map(Worker::bytes).sum::<usize>()
    }

    /// Adds a level, by part.
    pub(super) fn push(&mut self, level: Vec<Set<N>>) {
        for (levels, set) in self.parts.iter_mut().zip(level) {
            levels.push(set);
        }
    }

    /// Takes away the last level, which was found to be empty.
    pub(crate) fn drop_last_level(&mut self) {
        for levels in &mut self.parts {
            levels.pop();
        }
    }

    /// Sees to it that every number fits into a key. False if keys are too narrow for that.
    pub(super) fn make_room(
        &mut self,
        view: View<'_>,
        storage: Option<&dyn Storage>,
    ) -> Result<bool, StorageError> {
        let fits = (0..=view.tables.servers).all(|coordinate| {
            let numbers = numbers(view, coordinate);
            self.layout.fits(coordinate, u32::try_from(numbers - 1).expect("numbers have 32 bits"))
        });
        if fits {
            return Ok(true);
        }
        let Some(layout) = layout::<N>(view, self.layout.last()) else { return Ok(false) };
        self.change_layout(layout, storage)?;
        Ok(true)
    }

    fn change_layout(&mut self, layout: Layout, storage: Option<&dyn Storage>) -> Result<(), StorageError> {
        let following = self.making.iter_mut().flat_map(|making| making.following.iter_mut().flatten());
        let following = following.flat_map(|factored| &mut factored.classes);
        for set in self.parts.iter_mut().flatten().chain(&mut self.next).chain(following) {
            *set = recoded::<N, N>(set, &self.layout, &layout, storage)?;
        }
        self.layout = layout;
        Ok(())
    }

    /// Chooses as the last coordinate the server for which the fewest keys are needed, once there are some states.
    pub(super) fn arrange_once(
        &mut self,
        view: View<'_>,
        storage: Option<&dyn Storage>,
    ) -> Result<(), StorageError> {
        if self.arranged || self.frontier() < ARRANGE_AT {
            return Ok(());
        }
        self.arranged = true;
        let servers = view.tables.servers;
        let mut rows: Vec<Vec<u32>> = Vec::new();
        for levels in &self.parts {
            let Some(set) = levels.last() else { continue };
            let mut cursor = set.cursor_of_blocks(storage, 0, set.blocks().min(ARRANGE_BLOCKS));
            each_row(&mut cursor, &self.layout, servers + 1, &mut |row| rows.push(row.to_vec()))?;
        }
        let keys = |last: usize| {
            let key = |row: &Vec<u32>| {
                let mut row = row.clone();
                row[last] /= 64;
                row
            };
            let keys: std::collections::BTreeSet<Vec<u32>> = rows.iter().map(key).collect();
            keys.len()
        };
        let best = (1..=servers).rev().min_by_key(|&last| keys(last)).expect("there is a server");
        if best != self.layout.last()
            && let Some(layout) = layout::<N>(view, best)
        {
            self.change_layout(layout, storage)?;
        }
        Ok(())
    }

    /// Where sets have to go at once, if memory is short.
    pub(super) fn full<'m>(&self, means: Means<'m>) -> Option<&'m dyn Storage> {
        let following = self.making.iter().flat_map(|making| making.following.iter().flatten());
        let making = self.next.iter().chain(following.flat_map(|factored| &factored.classes));
        let bytes: usize = self.parts.iter().flatten().chain(making).map(Set::bytes).sum();
        means.storage.filter(|_| means.memory.is_some_and(|memory| bytes > memory / 2))
    }

    /// Moves sets out of memory until the rest fits, the oldest first.
    pub(super) fn put_aside(&mut self, means: Means<'_>) -> Result<(), StorageError> {
        let (Some(storage), Some(memory)) = (means.storage, means.memory) else { return Ok(()) };
        let levels = self.parts.iter().map(Vec::len).max().unwrap_or(0);
        for level in 0..levels {
            if self.parts.iter().flatten().map(Set::bytes).sum::<usize>() <= memory / 2 {
                break;
            }
            for levels in &mut self.parts {
                if let Some(set) = levels.get_mut(level) {
                    set.store(storage)?;
                }
            }
        }
        Ok(())
    }
}

/// States in a level before it is tried which coordinate is best put last, and blocks that are looked at.
const ARRANGE_AT: u64 = 2_000;
const ARRANGE_BLOCKS: usize = 2;

pub(super) fn sorted<const N: usize>(entries: &mut Vec<Entry<N>>) -> Set<N> {
    entries.sort_unstable_by_key(|&(key, _)| key);
    let mut builder = Builder::new();
    for group in entries.chunk_by(|one, other| one.0 == other.0) {
        builder.push((group[0].0, group.iter().fold(0, |word, entry| word | entry.1)));
    }
    entries.clear();
    builder.finish()
}

/// How many numbers a coordinate can have.
fn numbers(view: View<'_>, coordinate: usize) -> usize {
    match coordinate {
        0 => view.heads.len(),
        server => view.tables.locals(server - 1),
    }
}

/// A layout for all numbers in use, with a bit more for each where that fits.
fn layout<const N: usize>(view: View<'_>, last: usize) -> Option<Layout> {
    let most = N as u32 * u64::BITS;
    let layout = |more: u32| {
        let bits = |coordinate| {
            let greatest =
                u32::try_from(numbers(view, coordinate).saturating_sub(1)).expect("numbers have 32 bits");
            (u32::BITS - greatest.leading_zeros() + more).min(u32::BITS)
        };
        Layout::new(&(0..=view.tables.servers).map(bits).collect::<Vec<_>>(), last)
    };
    [2, 1, 0].into_iter().map(layout).find(|layout| layout.width() <= most)
}

/// Calls `visit` with each state as a row of coordinates, in order.
pub(crate) fn each_row<const N: usize>(
    cursor: &mut Cursor<'_, N>,
    layout: &Layout,
    width: usize,
    visit: &mut dyn FnMut(&[u32]),
) -> Result<(), StorageError> {
    let mut row = vec![0; width];
    while let Some((key, word)) = cursor.next()? {
        each_state(layout, &key, word, &mut row, visit);
    }
    Ok(())
}

/// The same for the states of one entry. The row is overwritten.
pub(super) fn each_state<const N: usize>(
    layout: &Layout,
    key: &Key<N>,
    word: u64,
    row: &mut [u32],
    visit: &mut dyn FnMut(&[u32]),
) {
    layout.unpack(key, row);
    let first = row[layout.last()];
    each_bit(word, |bit| {
        row[layout.last()] = first + bit;
        visit(row);
    });
}

/// The same states with keys of another layout; in the same blocks, if they stay in order.
fn recoded<const N: usize, const M: usize>(
    set: &Set<N>,
    from: &Layout,
    to: &Layout,
    storage: Option<&dyn Storage>,
) -> Result<Set<M>, StorageError> {
    let width = from.coordinates();
    let mut row = vec![0; width];
    if from.last() == to.last() {
        let mut builder = Builder::new();
        for block in 0..set.blocks() {
            let mut cursor = set.cursor_of_blocks(storage, block, block + 1);
            while let Some((key, word)) = cursor.next()? {
                from.unpack(&key, &mut row);
                builder.push((to.pack::<M>(&row).0, word));
            }
            builder.end_block();
        }
        return Ok(builder.finish());
    }
    let mut entries: Vec<Entry<M>> = Vec::new();
    each_row(&mut set.cursor(storage), from, width, &mut |row| entries.push(to.pack(row)))?;
    Ok(sorted(&mut entries))
}

impl<const N: usize> Factored<N> {
    /// The same set, head by head.
    pub(super) fn of(set: Set<N>, layout: &Layout) -> Result<Self, StorageError> {
        let mut factored = Factored { heads: Vec::new(), classes: Vec::new() };
        let mut builder = Builder::new();
        let mut cursor = set.cursor(None);
        while let Some((key, word)) = cursor.next()? {
            let head = layout.number(&key, 0);
            if factored.heads.last().is_none_or(|&(last, _)| last != head) {
                if !factored.heads.is_empty() {
                    factored.classes.push(std::mem::replace(&mut builder, Builder::new()).finish());
                }
                let class = u32::try_from(factored.heads.len()).expect("heads have 32 bits");
                factored.heads.push((head, class));
            }
            builder.push((layout.without_head(&key), word));
        }
        if !factored.heads.is_empty() {
            factored.classes.push(builder.finish());
        }
        Ok(factored)
    }
}
