//! The sets of states of a search, by assignment, timing and level, and how a level follows from the one
//! before.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use threeworlds_model::{Assignment, CrashDelivery};

use super::batch::Batch;
use super::checkpoint::{Reading, Writing};
use super::fresh::fresh;
use super::key::{Layout, each_bit};
use super::scan::{Missing, Regime, Scanner, View};
use super::search::{ExploreError, StopReason};
use super::set::{Builder, Entry, Set, Storage, StorageError};
use super::unite::{Factored, unite};

/// What a search knows of the protocol: as numbers, and where these come from.
pub(crate) trait World {
    fn view(&self) -> View<'_>;

    /// Works out what is missing; a reason if it had to end before.
    fn resolve(&mut self, missing: Missing) -> Result<Option<StopReason>, ExploreError>;

    /// Whether states that are not equal can be one, so that [`World::normal`] has to be asked.
    fn merges(&self, assignment: usize) -> bool;

    /// Makes a state, given as coordinates, the one that stands for all that are one with it.
    fn normal(&mut self, assignment: usize, row: &mut [u32]);

    /// Tells how far it is; a reason ends the search.
    fn observe(&mut self, done: Done) -> Option<StopReason>;
}

/// How far a level is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    pub(crate) states: u64,
    pub(crate) frontier: u64,
    pub(crate) expanded: u64,
    pub(crate) bytes: usize,
}

/// What a level is made with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) assignments: &'a [Assignment],
    pub(crate) crash_delivery: CrashDelivery,
    /// Whether equal states of different rounds are one.
    pub(crate) merge_rounds: bool,
    pub(crate) threads: usize,
    pub(crate) storage: Option<&'a dyn Storage>,
    /// How many bytes the sets and tables of a level may take before they are put aside.
    pub(crate) memory: Option<usize>,
}

/// What came of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// It is complete.
    Level,
    /// It was cut short, and nothing of it is kept.
    Cut(StopReason),
    /// Keys have to be wider. Nothing of it is kept.
    TooNarrow,
}

/// The states of a search.
pub(crate) struct Space<const N: usize> {
    pub(crate) layout: Layout,
    /// For each assignment twice: before GST and after. Level by level.
    parts: Vec<Vec<Set<N>>>,
    /// Of the level that is being made: what follows from the states of one assignment, by timing, and the sets
    /// that are complete, by part.
    following: [Vec<Factored<N>>; 2],
    next: Vec<Set<N>>,
    scanners: Vec<Scanner>,
    /// Combinations of choices, over all states that were looked at.
    pub(crate) transitions: u64,
    /// Whether a violation was seen among what follows from the states looked at in the last level.
    pub(crate) violated: bool,
    /// Whether it was tried which coordinate is best put last.
    arranged: bool,
}

/// Blocks of a set that one thread works on at a time.
const BLOCKS: usize = 16;

/// Pieces for each thread before what is missing is worked out.
const PIECES: usize = 8;

/// Pairs in a batch before it is united, at least.
const PAIRS_MIN: usize = 1 << 15;

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
            following: Default::default(),
            next: Vec::new(),
            scanners: Vec::new(),
            transitions: 0,
            violated: false,
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
            following: Default::default(),
            next: Vec::new(),
            scanners: Vec::new(),
            transitions: self.transitions,
            violated: self.violated,
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
        sets + self.scanners.iter().map(Scanner::bytes).sum::<usize>()
    }

    /// Takes away the last level, which was found to be empty.
    pub(crate) fn drop_last_level(&mut self) {
        for levels in &mut self.parts {
            levels.pop();
        }
    }

    /// Adds the level that follows from the last one.
    pub(crate) fn level(&mut self, means: Means<'_>, world: &mut dyn World) -> Result<Came, ExploreError> {
        let before = self.transitions;
        self.violated = false;
        let came = self.make_level(means, world)?;
        self.following = Default::default();
        if came != Came::Level {
            self.next.clear();
            self.transitions = before;
            return Ok(came);
        }
        for (levels, set) in self.parts.iter_mut().zip(std::mem::take(&mut self.next)) {
            levels.push(set);
        }
        self.put_aside(means)?;
        if !self.arranged && self.frontier() >= ARRANGE_AT {
            self.arranged = true;
            self.arrange(world.view(), means.storage)?;
        }
        Ok(Came::Level)
    }

    fn make_level(&mut self, means: Means<'_>, world: &mut dyn World) -> Result<Came, ExploreError> {
        let mut progress = Done { states: self.states(), frontier: self.frontier(), expanded: 0, bytes: 0 };
        for assignment in 0..means.assignments.len() {
            match self.follow(assignment, means, world, &mut progress)? {
                Came::Level => {}
                other => return Ok(other),
            }
            for timing in 0..2 {
                let set = match world.merges(assignment) {
                    true => match self.normal(assignment, timing, means, world, progress)? {
                        Ok(set) => set,
                        Err(came) => return Ok(came),
                    },
                    false => {
                        let visited = self.visited(assignment, timing, means);
                        let following = &self.following[timing];
                        let full = self.full(means).is_some();
                        fresh(following, visited, means.storage, full, &self.layout, means.threads)?
                    }
                };
                self.following[timing].clear();
                progress.states += set.states();
                self.next.push(set);
            }
        }
        Ok(Came::Level)
    }

    /// The sets in which a state of this part is not new.
    fn visited(&self, assignment: usize, timing: usize, means: Means<'_>) -> &[Set<N>] {
        if means.merge_rounds { &self.parts[2 * assignment + timing] } else { &[] }
    }

    /// What follows from the states of an assignment, by timing.
    fn follow(
        &mut self,
        assignment: usize,
        means: Means<'_>,
        world: &mut dyn World,
        progress: &mut Done,
    ) -> Result<Came, ExploreError> {
        for timing in 0..2 {
            let part = 2 * assignment + timing;
            let Some(last) = self.parts[part].len().checked_sub(1) else { continue };
            if self.parts[part][last].is_empty() {
                continue;
            }
            // Out of the way, for keys may have to change their layout meanwhile.
            let set = std::mem::take(&mut self.parts[part][last]);
            let layout = self.layout.clone();
            let came = self.follow_set(&set, &layout, timing, assignment, means, world, progress);
            let set = if layout == self.layout {
                set
            } else {
                recoded::<N, N>(&set, &layout, &self.layout, means.storage)?
            };
            progress.expanded += set.states();
            self.parts[part][last] = set;
            match came? {
                Came::Level => {}
                other => return Ok(other),
            }
        }
        Ok(Came::Level)
    }

    #[allow(clippy::too_many_arguments)]
    fn follow_set(
        &mut self,
        set: &Set<N>,
        layout: &Layout,
        timing: usize,
        assignment: usize,
        means: Means<'_>,
        world: &mut dyn World,
        progress: &mut Done,
    ) -> Result<Came, ExploreError> {
        let timings: &[bool] = if timing == 0 { &[true, false] } else { &[false] };
        for &before_gst in timings {
            let mut batches: Vec<Batch> = Vec::new();
            for regime in Regime::all(&means.assignments[assignment], means.crash_delivery, before_gst) {
                let pieces = set.blocks().div_ceil(BLOCKS);
                let mut piece = 0;
                while piece < pieces {
                    let until = pieces.min(piece + PIECES * means.threads);
                    progress.bytes = self.bytes()
                        + batches.iter().map(Batch::bytes).sum::<usize>()
                        + self.following.iter().flatten().map(Factored::bytes).sum::<usize>();
                    if let Some(reason) = world.observe(*progress) {
                        self.see_violations(world.view(), &batches);
                        return Ok(Came::Cut(reason));
                    }
                    let cut = self.scan(set, layout, piece..until, &regime, means, world, &mut batches)?;
                    if let Some(reason) = cut {
                        self.see_violations(world.view(), &batches);
                        return Ok(Came::Cut(reason));
                    }
                    piece = until;
                    let pairs: usize = batches.iter().map(|batch| batch.pairs().len()).sum();
                    if pairs > PAIRS_MIN.max(self.pairs_max(means))
                        && !self.unite(&mut batches, before_gst, means, world)?
                    {
                        return Ok(Came::TooNarrow);
                    }
                }
            }
            if !self.unite(&mut batches, before_gst, means, world)? {
                return Ok(Came::TooNarrow);
            }
        }
        Ok(Came::Level)
    }

    /// How many pairs a batch may have: they may take a small part of what the states take.
    fn pairs_max(&self, means: Means<'_>) -> usize {
        let part = usize::try_from(self.states() / 32).unwrap_or(usize::MAX);
        means.memory.map_or(part, |memory| part.min(memory / 512))
    }

    /// Looks up what follows from the states of some pieces.
    #[allow(clippy::too_many_arguments)]
    fn scan(
        &mut self,
        set: &Set<N>,
        layout: &Layout,
        pieces: std::ops::Range<usize>,
        regime: &Regime,
        means: Means<'_>,
        world: &mut dyn World,
        batches: &mut Vec<Batch>,
    ) -> Result<Option<StopReason>, ExploreError> {
        let view = world.view();
        let threads = means.threads.min(pieces.len()).max(1);
        while self.scanners.len() < threads {
            self.scanners.push(Scanner::new(view.tables, &self.layout));
        }
        while batches.len() < threads {
            batches.push(Batch::new(view.tables.servers));
        }
        let next = AtomicUsize::new(pieces.start);
        let found = Mutex::new(Vec::new());
        let work = |scanner: &mut Scanner, batch: &mut Batch| {
            scanner.arrange(layout);
            loop {
                let piece = next.fetch_add(1, Ordering::Relaxed);
                if piece >= pieces.end {
                    break;
                }
                let start = piece * BLOCKS;
                let mut cursor = set.cursor_of_blocks(means.storage, start, set.blocks().min(start + BLOCKS));
                let mut again = Vec::new();
                let mut transitions = 0u64;
                let outcome = each_row(&mut cursor, layout, view.tables.servers + 1, &mut |row| {
                    let mut own = 0u64;
                    if scanner.scan(view, regime, row, batch, &mut |_, count| own = own.saturating_add(count))
                    {
                        transitions = transitions.saturating_add(own);
                    } else {
                        again.extend_from_slice(row);
                    }
                });
                let missing = scanner.take_missing();
                let outcome = outcome.map(|()| (again, missing, transitions));
                found.lock().expect("nobody panics while holding it").push((piece, outcome));
            }
        };
        std::thread::scope(|scope| {
            let mut workers = self.scanners.iter_mut().zip(batches.iter_mut()).take(threads);
            let first = workers.next().expect("there is a thread");
            for (scanner, batch) in workers {
                scope.spawn(|| work(scanner, batch));
            }
            work(first.0, first.1);
        });
        let mut found = found.into_inner().expect("nobody panics while holding it");
        found.sort_unstable_by_key(|&(piece, _)| piece);
        let (mut again, mut missing) = (Vec::new(), Missing::default());
        for (_, outcome) in found {
            let (rows, lacking, transitions) = outcome?;
            again.extend(rows);
            missing.absorb(lacking);
            self.transitions = self.transitions.saturating_add(transitions);
        }
        while !again.is_empty() {
            if let Some(reason) = world.resolve(missing)? {
                return Ok(Some(reason));
            }
            let view = world.view();
            let (scanner, batch) = (&mut self.scanners[0], &mut batches[0]);
            scanner.arrange(layout);
            let mut left = Vec::new();
            for row in again.chunks_exact(view.tables.servers + 1) {
                let mut own = 0u64;
                if scanner.scan(view, regime, row, batch, &mut |_, count| own = own.saturating_add(count)) {
                    self.transitions = self.transitions.saturating_add(own);
                } else {
                    left.extend_from_slice(row);
                }
            }
            missing = scanner.take_missing();
            again = left;
        }
        Ok(None)
    }

    /// Makes states of the batches. False if they do not fit into keys.
    fn unite(
        &mut self,
        batches: &mut Vec<Batch>,
        before_gst: bool,
        means: Means<'_>,
        world: &mut dyn World,
    ) -> Result<bool, ExploreError> {
        let view = world.view();
        let mut all = std::mem::take(batches).into_iter();
        let Some(mut batch) = all.next() else { return Ok(true) };
        for other in all {
            batch.absorb(view.tables, &other);
        }
        self.see_violations(view, std::slice::from_ref(&batch));
        if !self.make_room(view, means.storage)? {
            return Ok(false);
        }
        let mut factored = unite(&batch, view.tables, view.heads, &self.layout, means.threads);
        if let Some(storage) = self.full(means) {
            factored.classes.iter_mut().try_for_each(|set| set.store(storage))?;
        }
        self.following[usize::from(!before_gst)].push(factored);
        Ok(true)
    }

    fn see_violations(&mut self, view: View<'_>, batches: &[Batch]) {
        if self.violated {
            return;
        }
        let mut lists: Vec<u32> =
            batches.iter().flat_map(|batch| batch.pairs()).map(|&(list, _)| list).collect();
        lists.sort_unstable();
        lists.dedup();
        let violates = |&head: &u32| view.environments.facts(view.heads.row(head)[0]).violation.is_some();
        self.violated = lists.iter().any(|&list| view.heads.list(list).iter().any(violates));
    }

    /// Sees to it that every number fits into a key. False if keys are too narrow for that.
    fn make_room(&mut self, view: View<'_>, storage: Option<&dyn Storage>) -> Result<bool, StorageError> {
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
        let following = self.following.iter_mut().flatten().flat_map(|factored| &mut factored.classes);
        for set in self.parts.iter_mut().flatten().chain(&mut self.next).chain(following) {
            *set = recoded::<N, N>(set, &self.layout, &layout, storage)?;
        }
        self.layout = layout;
        Ok(())
    }

    /// Chooses as the last coordinate the server for which the fewest keys are needed.
    fn arrange(&mut self, view: View<'_>, storage: Option<&dyn Storage>) -> Result<(), StorageError> {
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

    /// What follows from a level, where states that are not equal can be one; or why there is no such level.
    fn normal(
        &mut self,
        assignment: usize,
        timing: usize,
        means: Means<'_>,
        world: &mut dyn World,
        progress: Done,
    ) -> Result<Result<Set<N>, Came>, ExploreError> {
        let servers = world.view().tables.servers;
        loop {
            let layout = self.layout.clone();
            // What was visited stands for itself, and is not looked at again.
            let visited = self.visited(assignment, timing, means);
            let all = fresh(&self.following[timing], visited, means.storage, false, &layout, means.threads)?;
            let mut runs: Vec<Set<N>> = Vec::new();
            let mut entries: Vec<Entry<N>> = Vec::new();
            let mut fits = true;
            let mut normal = vec![0; servers + 1];
            let mut looked_at = 0u64;
            for block in 0..all.blocks() {
                let mut cursor = all.cursor_of_blocks(means.storage, block, block + 1);
                each_row(&mut cursor, &layout, servers + 1, &mut |row| {
                    normal.copy_from_slice(row);
                    world.normal(assignment, &mut normal);
                    fits &= normal
                        .iter()
                        .enumerate()
                        .all(|(coordinate, &number)| layout.fits(coordinate, number));
                    if fits {
                        entries.push(layout.pack(&normal));
                    }
                    if entries.len() >= NORMAL_MAX {
                        runs.push(sorted(&mut entries));
                    }
                    looked_at += 1;
                })?;
                if looked_at >= NORMAL_BETWEEN_LOOKS {
                    looked_at = 0;
                    let making = runs.iter().map(Set::bytes).sum::<usize>() + size_of_val(&entries[..]);
                    let bytes = self.bytes() + all.bytes() + making;
                    if let Some(reason) = world.observe(Done { bytes, ..progress }) {
                        return Ok(Err(Came::Cut(reason)));
                    }
                }
            }
            if fits {
                runs.push(sorted(&mut entries));
                let runs = runs.into_iter().map(|set| Factored::of(set, &layout));
                let runs = runs.collect::<Result<Vec<_>, _>>()?;
                let visited = self.visited(assignment, timing, means);
                let full = self.full(means).is_some();
                return Ok(Ok(fresh(&runs, visited, means.storage, full, &layout, means.threads)?));
            }
            if !self.make_room(world.view(), means.storage)? {
                return Ok(Err(Came::TooNarrow));
            }
        }
    }

    /// Where sets have to go at once, if memory is short.
    fn full<'m>(&self, means: Means<'m>) -> Option<&'m dyn Storage> {
        let making = self.next.iter().chain(self.following.iter().flatten().flat_map(|one| &one.classes));
        let bytes: usize = self.parts.iter().flatten().chain(making).map(Set::bytes).sum();
        means.storage.filter(|_| means.memory.is_some_and(|memory| bytes > memory / 2))
    }

    /// Moves sets out of memory until the rest fits, the oldest first.
    fn put_aside(&mut self, means: Means<'_>) -> Result<(), StorageError> {
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

/// Normal states that are kept before they are sorted.
const NORMAL_MAX: usize = 1 << 22;

/// States that are made normal before it is told how far it is.
const NORMAL_BETWEEN_LOOKS: u64 = 1 << 14;

fn sorted<const N: usize>(entries: &mut Vec<Entry<N>>) -> Set<N> {
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
    cursor: &mut super::set::Cursor<'_, N>,
    layout: &Layout,
    width: usize,
    visit: &mut dyn FnMut(&[u32]),
) -> Result<(), StorageError> {
    let mut row = vec![0; width];
    while let Some((key, word)) = cursor.next()? {
        layout.unpack(&key, &mut row);
        let first = row[layout.last()];
        each_bit(word, |bit| {
            row[layout.last()] = first + bit;
            visit(&row);
        });
    }
    Ok(())
}

/// The same states with keys of another layout.
fn recoded<const N: usize, const M: usize>(
    set: &Set<N>,
    from: &Layout,
    to: &Layout,
    storage: Option<&dyn Storage>,
) -> Result<Set<M>, StorageError> {
    let mut cursor = set.cursor(storage);
    let width = from.coordinates();
    let mut row = vec![0; width];
    let stays_in_order = from.last() == to.last();
    let mut builder = Builder::new();
    let mut entries: Vec<Entry<M>> = Vec::new();
    while let Some((key, word)) = cursor.next()? {
        from.unpack(&key, &mut row);
        if stays_in_order {
            builder.push((to.pack::<M>(&row).0, word));
        } else {
            let first = row[from.last()];
            each_bit(word, |bit| {
                row[from.last()] = first + bit;
                entries.push(to.pack(&row));
            });
        }
    }
    Ok(if stays_in_order { builder.finish() } else { sorted(&mut entries) })
}

impl<const N: usize> Factored<N> {
    /// The same set, head by head.
    fn of(set: Set<N>, layout: &Layout) -> Result<Self, StorageError> {
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
