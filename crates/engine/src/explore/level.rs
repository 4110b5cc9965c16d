//! How a level follows from the one before.
//!
//! Work is done in waves. A wave takes some blocks of states, of as many assignments as it needs to be worth
//! sharing, looks up what follows from them, and works out what was missing for that. Assignments whose states
//! have all been looked at are then united and compared with what was visited, several at a time: sets are
//! often too small for several threads to share one, and threads that work on different assignments look up
//! different things. Nothing depends on how blocks are spread over waves and threads.

use std::collections::VecDeque;
use std::mem::take;
use std::ops::Range;

use threeworlds_model::{Assignment, CrashDelivery};

use super::batch::Batch;
use super::fresh::{Search, fresh};
use super::parallel::in_order_with;
use super::scan::{Missing, Regime, Scanner, View};
use super::search::{ExploreError, StopReason};
use super::set::{Entry, Set, Storage, StorageError};
use super::space::{Space, each_row, each_state, sorted};
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

/// What follows from the states of one assignment, as far as it was looked up; by timing where there are two.
pub(super) struct Making<const N: usize> {
    assignment: usize,
    /// What has to be looked at for it.
    strips: Range<usize>,
    batches: [Batch; 2],
    pub(super) following: [Vec<Factored<N>>; 2],
}

/// One way to go on from the states of an assignment and a timing.
struct Strip {
    assignment: usize,
    timing: usize,
    regime: Regime,
    /// The timing afterwards.
    to: usize,
    /// How many pieces have not been looked at to their end.
    pieces: usize,
}

/// States to look at: blocks of the strip's set, or rows that were looked at before and for which something was
/// missing.
struct Piece {
    strip: usize,
    states: States,
}

enum States {
    Blocks(Range<usize>),
    Rows(Vec<u32>),
}

impl Piece {
    fn blocks(&self) -> usize {
        match &self.states {
            States::Blocks(blocks) => blocks.len(),
            States::Rows(_) => 0,
        }
    }
}

/// What came of looking at some pieces.
struct Wave {
    /// How many states there was nothing missing for.
    states: u64,
    missing: Missing,
    /// What has to be looked at again.
    again: Vec<Piece>,
}

/// What a thread keeps for itself.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Worker {
    /// Made by the thread itself, for what is changed all the time should not lie next to what others change.
    scanner: Option<Scanner>,
    /// By assignment and timing.
    batches: Vec<((usize, usize), Batch)>,
}

/// What came of looking at a piece.
#[derive(Default)]
struct Looked {
    states: u64,
    transitions: u64,
    missing: Missing,
    /// The rows for which something is missing.
    again: Vec<u32>,
    /// The blocks that were not looked at, for much was missing.
    rest: Range<usize>,
}

/// Blocks that are looked at at a time: enough to be worth sharing, and few where much follows from them.
const BLOCKS_MIN: usize = 1 << 9;
const BLOCKS_MAX: usize = 1 << 12;

/// A thread takes so many blocks of a set at a time, if there are as many. Where sets are small, it takes a whole one,
/// for others would have to look up the same again.
const PIECE_MIN: usize = 1 << 4;
const PIECE_MAX: usize = 1 << 6;

/// So many assignments are looked at at a time, so that each thread has some to itself.
const ALTERNATING: usize = 4;

/// Into how many pieces a level is divided, if they do not become too small.
const PIECES: usize = 1 << 5;

/// States for which something is missing before the rest of a piece has to wait for that.
const AGAIN_MAX: usize = 1 << 10;

/// Fewer blocks than this are not worth a second thread.
const SHARED_MIN: usize = 4;

/// Pairs in a batch before it is united, at least.
const PAIRS_MIN: usize = 1 << 15;

/// Assignments for each thread that are united at a time.
const UNITED: usize = 4;

/// Normal states that are kept before they are sorted.
const NORMAL_MAX: usize = 1 << 22;

impl<const N: usize> Space<N> {
    /// Adds the level that follows from the last one.
    pub(crate) fn level(&mut self, means: Means<'_>, world: &mut dyn World) -> Result<Came, ExploreError> {
        let before = self.transitions;
        let came = self.make_level(means, world);
        self.making.clear();
        let next = take(&mut self.next);
        self.see_violations(world.view());
        let came = came?;
        if came != Came::Level {
            self.transitions = before;
            return Ok(came);
        }
        self.lists = world.view().heads.lists();
        self.push(next);
        self.put_aside(means)?;
        self.arrange_once(world.view(), means.storage)?;
        Ok(Came::Level)
    }

    fn make_level(&mut self, means: Means<'_>, world: &mut dyn World) -> Result<Came, ExploreError> {
        let (mut strips, mut pieces) = self.strips(means, world.view());
        let (frontier, to_look_at) = (self.frontier(), self.to_look_at(&strips));
        let mut progress = Done { states: self.states(), frontier, expanded: 0, bytes: 0 };
        let (mut looked, mut most) = (0, BLOCKS_MIN);
        loop {
            progress.bytes = self.bytes() + self.making_bytes();
            progress.expanded =
                (u128::from(frontier) * u128::from(looked) / u128::from(to_look_at.max(1))) as u64;
            if let Some(reason) = world.observe(progress) {
                return Ok(Came::Cut(reason));
            }
            let mut left = most;
            let enough = |piece: &Piece| {
                let before = left;
                left = left.saturating_sub(piece.blocks());
                before == 0
            };
            let length = pieces.iter().position(enough).unwrap_or(pieces.len());
            let wave: Vec<Piece> = pieces.drain(..length).collect();
            let before = self.pairs();
            let Wave { states, missing, again } = self.look(&strips, &wave, means, world.view())?;
            looked += states;
            for piece in &wave {
                strips[piece.strip].pieces -= 1;
            }
            for piece in again.into_iter().rev() {
                strips[piece.strip].pieces += 1;
                pieces.push_front(piece);
            }
            if let Some(reason) = world.resolve(missing)? {
                return Ok(Came::Cut(reason));
            }
            // Not how much memory there is, for on this it depends what gets which number.
            most = match self.pairs() - before {
                more if more > PAIRS_MIN => (most / 2).max(BLOCKS_MIN),
                more if more < PAIRS_MIN / 4 => (most * 2).min(BLOCKS_MAX),
                _ => most,
            };
            let much = self.pairs() > PAIRS_MIN.max(self.pairs_max(means));
            let came = self.finish(&strips, much, means, world, &mut progress)?;
            if came != Came::Level || pieces.is_empty() {
                return Ok(came);
            }
        }
    }

    /// What has to be looked at, in order, some assignments alternating; and begins with every assignment.
    fn strips(&mut self, means: Means<'_>, view: View<'_>) -> (Vec<Strip>, VecDeque<Piece>) {
        let mut strips = Vec::new();
        let mut by_assignment: Vec<VecDeque<Piece>> = Vec::new();
        let all: usize = self.parts.iter().filter_map(|levels| levels.last()).map(Set::blocks).sum();
        let most = (all / PIECES).clamp(PIECE_MIN, PIECE_MAX);
        for (assignment, capabilities) in means.assignments.iter().enumerate() {
            let before = strips.len();
            let mut pieces = VecDeque::new();
            for timing in 0..2 {
                let blocks = self.last_set(assignment, timing).map_or(0, Set::blocks);
                if blocks == 0 {
                    continue;
                }
                let length = blocks.div_ceil(blocks.div_ceil(most));
                let timings: &[bool] = if timing == 0 { &[true, false] } else { &[false] };
                for &before_gst in timings {
                    for regime in Regime::all(capabilities, means.crash_delivery, before_gst) {
                        let piece = |start| Piece {
                            strip: strips.len(),
                            states: States::Blocks(start..blocks.min(start + length)),
                        };
                        pieces.extend((0..blocks).step_by(length).map(piece));
                        let to = usize::from(!before_gst);
                        strips.push(Strip {
                            assignment,
                            timing,
                            regime,
                            to,
                            pieces: blocks.div_ceil(length),
                        });
                    }
                }
            }
            let batch = || Batch::new(view.tables.servers);
            self.making.push(Making {
                assignment,
                strips: before..strips.len(),
                batches: [batch(), batch()],
                following: Default::default(),
            });
            by_assignment.push(pieces);
        }
        let mut pieces = VecDeque::new();
        for some in by_assignment.chunks_mut(ALTERNATING) {
            while some.iter().any(|of| !of.is_empty()) {
                pieces.extend(some.iter_mut().filter_map(VecDeque::pop_front));
            }
        }
        (strips, pieces)
    }

    fn last_set(&self, assignment: usize, timing: usize) -> Option<&Set<N>> {
        self.parts[2 * assignment + timing].last()
    }

    fn to_look_at(&self, strips: &[Strip]) -> u64 {
        let states = |strip: &Strip| self.last_set(strip.assignment, strip.timing).map_or(0, Set::states);
        strips.iter().map(states).sum()
    }

    fn making_of(&mut self, assignment: usize) -> &mut Making<N> {
        self.making.iter_mut().find(|making| making.assignment == assignment).expect("it is being made")
    }

    /// Looks up what follows from the states of these pieces.
    fn look(
        &mut self,
        strips: &[Strip],
        pieces: &[Piece],
        means: Means<'_>,
        view: View<'_>,
    ) -> Result<Wave, StorageError> {
        let mut workers = take(&mut self.workers);
        workers.resize_with(workers.len().max(means.threads), Worker::default);
        let worth_sharing = pieces.iter().map(Piece::blocks).sum::<usize>() >= SHARED_MIN;
        let threads = if worth_sharing { means.threads } else { 1 };
        // What a thread has looked up for an assignment it need not look up again.
        let owner = |at: usize| strips[pieces[at].strip].assignment;
        let looked = in_order_with(&mut workers[..threads], pieces.len(), owner, |worker, at| {
            let piece = &pieces[at];
            worker.look(&strips[piece.strip], &piece.states, self, means, view)
        });
        let mut wave = Wave { states: 0, missing: Missing::default(), again: Vec::new() };
        for (piece, looked) in pieces.iter().zip(looked) {
            let Looked { states, transitions, missing, again, rest } = looked?;
            wave.states += states;
            self.transitions = self.transitions.saturating_add(transitions);
            wave.missing.absorb(missing);
            let strip = piece.strip;
            if !again.is_empty() {
                wave.again.push(Piece { strip, states: States::Rows(again) });
            }
            if !rest.is_empty() {
                wave.again.push(Piece { strip, states: States::Blocks(rest) });
            }
        }
        for ((assignment, to), batch) in workers.iter_mut().flat_map(|worker| take(&mut worker.batches)) {
            let own = &mut self.making_of(assignment).batches[to];
            if own.pairs().is_empty() {
                *own = batch;
            } else {
                own.absorb(view.tables, &batch);
            }
        }
        self.workers = workers;
        Ok(wave)
    }

    /// Unites what was looked up, of assignments that are complete, and of the others if that is `much`; takes away
    /// what was visited, and completes the sets of the next level.
    fn finish(
        &mut self,
        strips: &[Strip],
        much: bool,
        means: Means<'_>,
        world: &mut dyn World,
        progress: &mut Done,
    ) -> Result<Came, ExploreError> {
        let looked_at =
            |making: &&Making<N>| strips[making.strips.clone()].iter().all(|strip| strip.pieces == 0);
        let mut left = self.making.iter().take_while(looked_at).count();
        while left > 0 {
            let some = left.min(UNITED * means.threads);
            if !self.unite(some, means, world.view())? {
                return Ok(Came::TooNarrow);
            }
            if !self.take_new(some, means, world, progress)? {
                return Ok(Came::TooNarrow);
            }
            left -= some;
        }
        if much && !self.unite(self.making.len(), means, world.view())? {
            return Ok(Came::TooNarrow);
        }
        Ok(Came::Level)
    }

    /// Makes states of the batches of the first assignments. False if they do not fit into keys.
    fn unite(&mut self, assignments: usize, means: Means<'_>, view: View<'_>) -> Result<bool, StorageError> {
        if !self.make_room(view, means.storage)? {
            return Ok(false);
        }
        let storage = self.full(means);
        let mut making = take(&mut self.making);
        let to_unite = || (0..assignments).flat_map(|at| [(at, 0), (at, 1)]);
        let some = |&(at, to): &(usize, usize)| !making[at].batches[to].pairs().is_empty();
        let batches: Vec<(usize, usize)> = to_unite().filter(some).collect();
        let of = |&(at, to): &(usize, usize)| &making[at].batches[to];
        let all: Vec<&Batch> = batches.iter().map(of).collect();
        let factored = unite(&all, view.tables, view.heads, &self.layout, storage, means.threads);
        for ((at, to), factored) in batches.into_iter().zip(factored?) {
            making[at].batches[to] = Batch::new(view.tables.servers);
            making[at].following[to].push(factored);
        }
        self.making = making;
        Ok(true)
    }

    /// Completes the sets of the first assignments. False if states do not fit into keys.
    fn take_new(
        &mut self,
        assignments: usize,
        means: Means<'_>,
        world: &mut dyn World,
        progress: &mut Done,
    ) -> Result<bool, ExploreError> {
        let parts = |making: &Making<N>| [(making.assignment, 0), (making.assignment, 1)];
        let parts: Vec<(usize, usize)> = self.making[..assignments].iter().flat_map(parts).collect();
        let merges = |&(assignment, _): &(usize, usize)| world.merges(assignment);
        let mut sets: Vec<Set<N>> = Vec::new();
        if parts.iter().any(merges) {
            for (at, &(assignment, timing)) in parts.iter().enumerate() {
                let set = match world.merges(assignment) {
                    true => self.normal(at / 2, timing, means, world)?,
                    false => Some(self.new_in(&[(at / 2, timing)], means)?.remove(0)),
                };
                match set {
                    Some(set) => sets.push(set),
                    None => return Ok(false),
                }
                self.making[at / 2].following[timing].clear();
            }
        } else {
            let all: Vec<(usize, usize)> = (0..assignments).flat_map(|at| [(at, 0), (at, 1)]).collect();
            sets = self.new_in(&all, means)?;
        }
        progress.states += sets.iter().map(Set::states).sum::<u64>();
        self.next.append(&mut sets);
        self.making.drain(..assignments);
        Ok(true)
    }

    /// What follows and was not visited, by position of what is being made and timing.
    fn new_in(&self, parts: &[(usize, usize)], means: Means<'_>) -> Result<Vec<Set<N>>, StorageError> {
        let search = |&(at, timing): &(usize, usize)| Search {
            following: &self.making[at].following[timing],
            visited: self.visited(self.making[at].assignment, timing, means),
        };
        let searches: Vec<Search<'_, N>> = parts.iter().map(search).collect();
        fresh(&searches, means.storage, self.full(means).is_some(), &self.layout, means.threads)
    }

    /// The sets in which a state of this part is not new.
    fn visited(&self, assignment: usize, timing: usize, means: Means<'_>) -> &[Set<N>] {
        if means.merge_rounds { &self.parts[2 * assignment + timing] } else { &[] }
    }

    /// How many pairs batches may have: they may take a small part of what the states take.
    fn pairs_max(&self, means: Means<'_>) -> usize {
        let part = usize::try_from(self.states() / 32).unwrap_or(usize::MAX);
        means.memory.map_or(part, |memory| part.min(memory / 512))
    }

    /// Pairs that were not united yet.
    fn pairs(&self) -> usize {
        let of = |making: &Making<N>| making.batches.iter().map(|batch| batch.pairs().len()).sum::<usize>();
        self.making.iter().map(of).sum()
    }

    fn making_bytes(&self) -> usize {
        let of = |making: &Making<N>| {
            let batches: usize = making.batches.iter().map(Batch::bytes).sum();
            batches + making.following.iter().flatten().map(Factored::bytes).sum::<usize>()
        };
        self.making.iter().map(of).sum::<usize>() + self.next.iter().map(Set::bytes).sum::<usize>()
    }

    /// Looks for violations in what follows from states of the level. What followed from others before was looked
    /// at before.
    fn see_violations(&mut self, view: View<'_>) {
        let violates = |&head: &u32| view.environments.facts(view.heads.row(head)[0]).violation.is_some();
        let mut new = self.lists..view.heads.lists();
        self.violated = new.any(|list| view.heads.list(list).iter().any(violates));
    }

    /// What follows from a level, where states that are not equal can be one. Nothing if the result does not fit
    /// into keys.
    fn normal(
        &mut self,
        at: usize,
        timing: usize,
        means: Means<'_>,
        world: &mut dyn World,
    ) -> Result<Option<Set<N>>, ExploreError> {
        let servers = world.view().tables.servers;
        let assignment = self.making[at].assignment;
        loop {
            let layout = self.layout.clone();
            // What was visited stands for itself, and is not looked at again.
            let all = self.new_in(&[(at, timing)], means)?.remove(0);
            let mut runs: Vec<Set<N>> = Vec::new();
            let mut entries: Vec<Entry<N>> = Vec::new();
            let mut fits = true;
            let mut normal = vec![0; servers + 1];
            each_row(&mut all.cursor(means.storage), &layout, servers + 1, &mut |row| {
                normal.copy_from_slice(row);
                world.normal(assignment, &mut normal);
                fits &=
                    normal.iter().enumerate().all(|(coordinate, &number)| layout.fits(coordinate, number));
                if fits {
                    entries.push(layout.pack(&normal));
                }
                if entries.len() >= NORMAL_MAX {
                    runs.push(sorted(&mut entries));
                }
            })?;
            if fits {
                runs.push(sorted(&mut entries));
                let runs = runs.into_iter().map(|set| Factored::of(set, &layout));
                let following = runs.collect::<Result<Vec<_>, _>>()?;
                let visited = self.visited(assignment, timing, means);
                let search = Search { following: &following, visited };
                let full = self.full(means).is_some();
                return Ok(Some(fresh(&[search], means.storage, full, &layout, means.threads)?.remove(0)));
            }
            if !self.make_room(world.view(), means.storage)? {
                return Ok(None);
            }
        }
    }
}

impl Worker {
    /// A rough figure for what it keeps.
    pub(super) fn bytes(&self) -> usize {
        self.scanner.as_ref().map_or(0, Scanner::bytes)
    }

    /// Looks up what follows from the states of a piece.
    fn look<const N: usize>(
        &mut self,
        strip: &Strip,
        states: &States,
        space: &Space<N>,
        means: Means<'_>,
        view: View<'_>,
    ) -> Result<Looked, StorageError> {
        let target = (strip.assignment, strip.to);
        let at = match self.batches.iter().rposition(|(of, _)| *of == target) {
            Some(at) => at,
            None => {
                self.batches.push((target, Batch::new(view.tables.servers)));
                self.batches.len() - 1
            }
        };
        let scanner = self.scanner.get_or_insert_with(|| Scanner::new(view.tables, &space.layout));
        let batch = &mut self.batches[at].1;
        scanner.arrange(&space.layout);
        let mut looked = Looked::default();
        let mut look = |row: &[u32], looked: &mut Looked| {
            let mut own = 0u64;
            let mut add = |_, count| own = own.saturating_add(count);
            if scanner.scan(view, &strip.regime, row, batch, &mut add) {
                looked.states += 1;
                looked.transitions = looked.transitions.saturating_add(own);
            } else {
                looked.again.extend_from_slice(row);
            }
        };
        let width = view.tables.servers + 1;
        match states {
            States::Rows(rows) => rows.chunks_exact(width).for_each(|row| look(row, &mut looked)),
            States::Blocks(blocks) => {
                let set = space.last_set(strip.assignment, strip.timing).expect("it has blocks");
                let mut cursor = set.cursor_of_blocks(means.storage, blocks.start, blocks.end);
                let mut row = vec![0; width];
                loop {
                    if looked.again.len() > AGAIN_MAX * width
                        && let Some(block) = cursor.before_block()
                    {
                        looked.rest = block..blocks.end;
                        break;
                    }
                    let Some((key, word)) = cursor.next()? else { break };
                    each_state(&space.layout, &key, word, &mut row, &mut |row| look(row, &mut looked));
                }
            }
        }
        looked.missing = scanner.take_missing();
        Ok(looked)
    }
}
