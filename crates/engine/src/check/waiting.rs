//! In which states can a client wait for ever, and how long can it wait?
//!
//! The states in which a non-faulty client waits, after GST; from these again and again those are taken away
//! from which every step leads out of them. Whoever is taken away in round i has at most i rounds to wait; from
//! what is left at the end a walk can go on for ever without an answer. All this is done with sorted sets, head
//! by head, so that no graph is kept: time grows with the number of states times the worst case in rounds.
//!
//! Where processes are alike the sets hold of all states that are one the least. If a client waits in a state, then in
//! the renamed one the client does that has its name there, and walks from the one are walks from the other, renamed: it
//! can wait as long. So all clients that have each other's names under some renaming are looked at together, each with
//! the least states in which it waits. What follows from a state is then not in the sets as it is, but under some
//! renaming, and under it the client has another name (Emerson and Sistla, "Symmetry and model checking", Formal
//! Methods in System Design 9, 1996, follow the name along the walk in the same way). So it is looked up among all
//! renamings of the states with one head at a time, of the client that has the name of the one in question then;
//! that takes that much more time, and memory for one head.
//!
//! Where there are ages the sets hold the states in which they are least, and what follows from a state is made so one
//! by one. That takes time for each combination of choices, and memory for the states that are left.

use std::collections::BTreeSet;
use std::ops::Range;

use hashbrown::HashMap;
use rustc_hash::{FxBuildHasher, FxHashMap};
use threeworlds_model::{Assignment, CrashDelivery};

use crate::explore::{
    Batch, Builder, Group, Key, Layout, NO_REQUEST, Regime, Room, Scanner, Set, Space, Storage, StorageError,
    View, each_bit, each_row, join,
};

/// What is known of clients under one assignment that spares them.
pub(crate) struct Waited<const N: usize> {
    /// For each of the clients and each level the states from which it can wait for ever, as far as was explored.
    pub(crate) forever: Vec<Vec<Set<N>>>,
    /// For each request of the clients, as a position in their workloads, the most rounds that one of them waits; of
    /// those that wait for ever nothing.
    pub(crate) longest: Vec<(u16, u32)>,
}

/// The clients whose waiting is looked at, and under which faults.
#[derive(Clone, Copy)]
pub(crate) struct Who<'a> {
    pub(crate) assignment: usize,
    pub(crate) capabilities: &'a Assignment,
    pub(crate) crash_delivery: CrashDelivery,
    /// Those that have each other's names under some renaming, counted from 0.
    pub(crate) clients: &'a [usize],
    /// How states can be renamed, of which the least are there.
    pub(crate) group: Option<&'a Group>,
}

/// Why it is not known.
pub(crate) enum Ended {
    Interrupted,
    Storage(StorageError),
}

impl From<StorageError> for Ended {
    fn from(error: StorageError) -> Self {
        Ended::Storage(error)
    }
}

/// Looks at the levels whose successors are all known. Sets of more bytes than these go to the storage, if there is one.
pub(crate) fn waits<const N: usize>(
    space: &Space<N>,
    view: View<'_>,
    who: Who<'_>,
    expanded: usize,
    (storage, most): (Option<&dyn Storage>, usize),
    interrupted: &dyn Fn() -> bool,
) -> Result<Waited<N>, Ended> {
    let room = Room::new(storage, most, 0);
    let after_gst = &space.parts()[2 * who.assignment + 1];
    let request = |client: usize, head: u32| {
        let facts = view.environments.facts(view.heads.row(head)[0]);
        facts.outstanding[client]
    };
    let mut waiting: Vec<Vec<Set<N>>> = Vec::with_capacity(who.clients.len());
    for &client in who.clients {
        let mut levels = Vec::new();
        for set in &after_gst[..expanded.min(after_gst.len())] {
            if interrupted() {
                return Err(Ended::Interrupted);
            }
            let mut builder = Builder::within(&room);
            let mut cursor = set.cursor(storage);
            let mut last: Option<(u32, bool)> = None;
            while let Some((key, word)) = cursor.next()? {
                let head = space.layout.number(&key, 0);
                let waits = match last {
                    Some((same, waits)) if same == head => waits,
                    _ => request(client, head) != NO_REQUEST,
                };
                last = Some((head, waits));
                if waits {
                    builder.push((key, word));
                }
            }
            levels.push(builder.finish_within()?);
        }
        waiting.push(levels);
    }
    let states = |waiting: &[Vec<Set<N>>]| waiting.iter().flatten().map(Set::states).sum::<u64>();
    let mut scanner = Scanner::new(view.tables, &space.layout);
    let mut longest: FxHashMap<u16, u32> = FxHashMap::default();
    let mut rounds = 0;
    loop {
        rounds += 1;
        for (&client, levels) in who.clients.iter().zip(&waiting) {
            for head in heads(levels, &space.layout, storage)? {
                longest.insert(request(client, head), rounds);
            }
        }
        let before = states(&waiting);
        if before == 0 {
            break;
        }
        let room = Room::new(storage, most, waiting.iter().flatten().map(Set::bytes).sum());
        let sweep = Sweep { layout: &space.layout, view, who, room: &room, interrupted };
        let each = 0..waiting.len();
        let after = each.map(|client| sweep.stays(&waiting, client, &mut scanner));
        waiting = after.collect::<Result<Vec<_>, _>>()?;
        if states(&waiting) == before {
            for (&client, levels) in who.clients.iter().zip(&waiting) {
                for head in heads(levels, &space.layout, storage)? {
                    longest.remove(&request(client, head));
                }
            }
            break;
        }
    }
    let mut longest: Vec<(u16, u32)> = longest.into_iter().collect();
    longest.sort_unstable();
    Ok(Waited { forever: waiting, longest })
}

fn heads<const N: usize>(
    levels: &[Set<N>],
    layout: &Layout,
    storage: Option<&dyn Storage>,
) -> Result<BTreeSet<u32>, StorageError> {
    let mut heads = BTreeSet::new();
    for set in levels {
        let mut cursor = set.cursor(storage);
        let mut last = None;
        while let Some((key, _)) = cursor.next()? {
            let head = layout.number(&key, 0);
            if last != Some(head) {
                heads.insert(head);
                last = Some(head);
            }
        }
    }
    Ok(heads)
}

/// One round of taking away.
struct Sweep<'a> {
    layout: &'a Layout,
    view: View<'a>,
    who: Who<'a>,
    room: &'a Room<'a>,
    interrupted: &'a dyn Fn() -> bool,
}

/// Blocks of a set that are looked at at a time, and how much of what follows from states is kept at a time.
const BLOCKS: usize = 64;
const PAIRS_MAX: usize = 1 << 19;
const WAYS_MIN: usize = 1 << 20;
const WAYS_MAX: usize = 1 << 23;

/// Some of the states, and what follows from them.
struct Part {
    /// Their levels and blocks.
    blocks: Vec<(usize, Range<usize>)>,
    batch: Batch,
    /// For each block group, regime and state the number of each way to go on in the batch; how many ways comes
    /// before where there can be several.
    ways: Vec<u32>,
}

impl Part {
    fn new(view: View<'_>) -> Self {
        Part { blocks: Vec::new(), batch: Batch::new(view.tables.servers), ways: Vec::new() }
    }
}

/// No way at all: a process that would have to crash has stopped before.
const NO_WAY: u32 = u32::MAX;

impl Sweep<'_> {
    /// The states of one of the clients, by its position, from which a step leads to one in which it waits, too. They
    /// are looked at a part at a time, so that what follows from them never takes much memory.
    fn stays<const N: usize>(
        &self,
        waiting: &[Vec<Set<N>>],
        client: usize,
        scanner: &mut Scanner,
    ) -> Result<Vec<Set<N>>, Ended> {
        let levels = &waiting[client];
        let within = |_: &Set<N>| Builder::within(self.room);
        let mut builders: Vec<Builder<'_, N>> = levels.iter().map(within).collect();
        let ways_max = (self.room.most() / 8).clamp(WAYS_MIN, WAYS_MAX);
        let mut part = Part::new(self.view);
        for (level, set) in levels.iter().enumerate() {
            for start in (0..set.blocks()).step_by(BLOCKS) {
                if (self.interrupted)() {
                    return Err(Ended::Interrupted);
                }
                let blocks = start..set.blocks().min(start + BLOCKS);
                self.look(set, blocks.clone(), scanner, &mut part)?;
                part.blocks.push((level, blocks));
                if part.batch.pairs().len() > PAIRS_MAX || part.ways.len() > ways_max {
                    self.keep(waiting, client, &part, &mut builders)?;
                    part = Part::new(self.view);
                }
            }
        }
        self.keep(waiting, client, &part, &mut builders)?;
        let sets = builders.into_iter().map(Builder::finish_within);
        Ok(sets.collect::<Result<_, _>>()?)
    }

    /// Notes for each state of these blocks the ways to go on.
    fn look<const N: usize>(
        &self,
        set: &Set<N>,
        blocks: Range<usize>,
        scanner: &mut Scanner,
        part: &mut Part,
    ) -> Result<(), StorageError> {
        let width = self.view.tables.servers + 1;
        for regime in Regime::all(self.who.capabilities, self.who.crash_delivery, false) {
            let many = regime.has_several_ways();
            scanner.arrange(self.layout);
            let Part { batch, ways, .. } = &mut *part;
            let mut cursor = set.cursor_of_blocks(self.room.storage, blocks.start, blocks.end);
            each_row(&mut cursor, self.layout, width, &mut |row| {
                let start = ways.len();
                ways.push(if many { 0 } else { NO_WAY });
                let known = scanner.scan(self.view, &regime, row, batch, &mut |number, _| match many {
                    true => ways.push(number),
                    false => ways[start] = number,
                });
                assert!(known, "what follows from a state in a complete level is known");
                if many {
                    ways[start] = u32::try_from(ways.len() - start - 1).expect("fewer ways than 2^32");
                }
            })?;
        }
        Ok(())
    }

    /// Keeps the states of a part from which a step leads to one of the client's states.
    fn keep<const N: usize>(
        &self,
        waiting: &[Vec<Set<N>>],
        client: usize,
        part: &Part,
        builders: &mut [Builder<'_, N>],
    ) -> Result<(), Ended> {
        let levels = &waiting[client];
        let leads = self.leads(waiting, client, &part.batch)?;
        let mut ways = part.ways.iter();
        let mut entries: Vec<(Key<N>, u64, u64)> = Vec::new();
        for (level, blocks) in &part.blocks {
            entries.clear();
            let mut cursor = levels[*level].cursor_of_blocks(self.room.storage, blocks.start, blocks.end);
            while let Some((key, word)) = cursor.next()? {
                entries.push((key, word, 0));
            }
            for regime in Regime::all(self.who.capabilities, self.who.crash_delivery, false) {
                for (_, word, left) in &mut entries {
                    each_bit(*word, |bit| {
                        let mut next = || *ways.next().expect("each state has its ways");
                        let count = if regime.has_several_ways() { next() } else { 1 };
                        for _ in 0..count {
                            let number = next();
                            let stays = number != NO_WAY && leads[number as usize];
                            *left |= u64::from(stays) << bit;
                        }
                    });
                }
            }
            let kept = entries.iter().filter(|(_, _, left)| *left != 0);
            kept.for_each(|&(key, _, left)| builders[*level].push((key, left)));
        }
        Ok(())
    }

    /// For each pair of the batch whether one of its combinations is one of the client's states, by some renaming.
    fn leads<const N: usize>(
        &self,
        waiting: &[Vec<Set<N>>],
        client: usize,
        batch: &Batch,
    ) -> Result<Vec<bool>, Ended> {
        if self.view.tables.ages.any {
            return self.leads_by_ages(&waiting[client], batch);
        }
        let (view, layout) = (self.view, self.layout);
        let mut leads = vec![false; batch.pairs().len()];
        let mut of_list: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        for (number, &(list, _)) in (0u32..).zip(batch.pairs()) {
            of_list.entry(list).or_default().push(number);
        }
        let mut under: Vec<(u32, u32)> = Vec::new();
        let mut lists: Vec<u32> = of_list.keys().copied().collect();
        lists.sort_unstable();
        for &list in &lists {
            under.extend(view.heads.list(list).iter().map(|&head| (head, list)));
        }
        under.sort_unstable();
        let mut products = Products { view, layout, members: FxHashMap::default() };
        let mut cursors: Vec<Vec<_>> = Vec::with_capacity(waiting.len());
        for levels in waiting {
            cursors.push(levels.iter().map(|set| set.cursor(self.room.storage)).collect());
        }
        let mut states: Vec<(Key<N>, u64)> = Vec::new();
        let mut table: HashMap<Key<N>, u64, FxBuildHasher> = HashMap::default();
        // Each with the head under which the states are that it could be.
        let held = |head: u32| self.who.group.map_or(head, |group| group.least_head(head));
        let mut by_head: Vec<(u32, &[(u32, u32)])> =
            under.chunk_by(|one, other| one.0 == other.0).map(|lists| (held(lists[0].0), lists)).collect();
        by_head.sort_by_key(|&(held, _)| held);
        // By client.
        let mut found: Vec<Vec<(Key<N>, u64)>> = vec![Vec::new(); waiting.len()];
        let mut last = None;
        for (held, group) in by_head {
            if (self.interrupted)() {
                return Err(Ended::Interrupted);
            }
            if last != Some(held) {
                last = Some(held);
                let head = layout.part::<N>(0, held);
                for (cursors, found) in cursors.iter_mut().zip(&mut found) {
                    found.clear();
                    for cursor in cursors {
                        cursor.seek(&head)?;
                        while let Some((key, word)) = cursor.peek()? {
                            if layout.number(&key, 0) != held {
                                break;
                            }
                            found.push((layout.without_head(&key), word));
                            cursor.advance();
                        }
                    }
                }
            }
            table.clear();
            let mut add = |(key, word)| *table.entry(key).or_insert(0) |= word;
            match self.who.group {
                None => found[client].iter().copied().for_each(&mut add),
                Some(renamings) => {
                    let heads = (held, group[0].0);
                    for renaming in
                        (0..renamings.len()).filter(|&one| renamings.head(one, heads.0) == heads.1)
                    {
                        // Whoever has the client's name afterwards.
                        let name = self.who.clients[client];
                        let mut before = self.who.clients.iter();
                        let before = before.position(|&before| renamings.client(renaming, before) == name);
                        let states = &found[before.expect("one of those that are alike")];
                        renamed(renamings, renaming, layout, states, &mut add);
                    }
                }
            }
            if table.is_empty() {
                continue;
            }
            states.clear();
            states.extend(table.iter().map(|(&key, &word)| (key, word)));
            states.sort_unstable();
            for (_, list) in group {
                for &number in &of_list[list] {
                    if !leads[number as usize] {
                        let row = batch.choices(batch.pairs()[number as usize].1);
                        leads[number as usize] = products.meets(row, &table, &states);
                    }
                }
            }
        }
        Ok(leads)
    }
}

/// Where there are ages.
impl Sweep<'_> {
    /// The same as [`Sweep::leads`].
    fn leads_by_ages<const N: usize>(&self, levels: &[Set<N>], batch: &Batch) -> Result<Vec<bool>, Ended> {
        let mut table: HashMap<Key<N>, u64, FxBuildHasher> = HashMap::default();
        for set in levels {
            let mut cursor = set.cursor(self.room.storage);
            while let Some((key, word)) = cursor.next()? {
                *table.entry(key).or_insert(0) |= word;
            }
        }
        let mut leads = Vec::with_capacity(batch.pairs().len());
        for (number, &(list, choices)) in batch.pairs().iter().enumerate() {
            if number.is_multiple_of(1024) && (self.interrupted)() {
                return Err(Ended::Interrupted);
            }
            let choices = batch.choices(choices);
            let heads = self.view.heads.list(list).iter();
            leads.push(heads.copied().any(|head| self.meets_by_ages(head, choices, &table)));
        }
        Ok(leads)
    }

    /// Whether a combination of choices, with this head, is one of these states when its ages are least.
    fn meets_by_ages<const N: usize>(
        &self,
        head: u32,
        choices: &[u32],
        table: &HashMap<Key<N>, u64, FxBuildHasher>,
    ) -> bool {
        let (tables, heads) = (self.view.tables, self.view.heads);
        let lists: Vec<_> = choices.iter().map(|&choices| tables.choices(choices)).collect();
        let mut at = vec![0; lists.len()];
        let mut row = vec![0; lists.len() + 1];
        loop {
            let mut new_head = heads.row(head).to_vec();
            let mut locals: Vec<u32> = lists.iter().zip(&at).map(|(list, &at)| list[at].next).collect();
            locals.extend_from_slice(&new_head[1..]);
            tables.ages.make_least_again(&mut locals);
            row[1..].copy_from_slice(&locals[..lists.len()]);
            new_head[1..].copy_from_slice(&locals[lists.len()..]);
            row[0] = heads.find(&new_head).expect("its level was made of it");
            let (key, bit) = self.layout.pack::<N>(&row);
            if table.get(&key).is_some_and(|word| word & bit != 0) {
                return true;
            }
            let Some(server) = (0..lists.len()).find(|&server| at[server] + 1 < lists[server].len()) else {
                return false;
            };
            at[server] += 1;
            at[..server].fill(0);
        }
    }
}

/// Calls `add` with what each of these states becomes, without its head.
fn renamed<const N: usize>(
    group: &Group,
    renaming: usize,
    layout: &Layout,
    states: &[(Key<N>, u64)],
    add: &mut dyn FnMut((Key<N>, u64)),
) {
    let mut row = vec![0; layout.coordinates()];
    let mut renamed = vec![0; layout.coordinates()];
    for (key, word) in states {
        layout.unpack(key, &mut row);
        let first = row[layout.last()];
        each_bit(*word, |bit| {
            row[layout.last()] = first + bit;
            group.rename_servers(renaming, &row, &mut renamed);
            add(layout.pack(&renamed));
        });
    }
}

/// Whether products of choices have a state in common with a set.
struct Products<'a, const N: usize> {
    view: View<'a>,
    layout: &'a Layout,
    /// For each server and set of choices the parts of a key, of the last one with the bits of the word.
    members: FxHashMap<(usize, u32), Vec<(Key<N>, u64)>>,
}

impl<const N: usize> Products<'_, N> {
    fn meets(
        &mut self,
        row: &[u32],
        table: &HashMap<Key<N>, u64, FxBuildHasher>,
        states: &[(Key<N>, u64)],
    ) -> bool {
        let order: Vec<usize> = self.layout.prefix().chain([self.layout.last()]).collect();
        let mut combinations = 1usize;
        for &server in &order {
            let choices = row[server - 1];
            let (view, layout) = (self.view, self.layout);
            let members = self.members.entry((server, choices)).or_insert_with(|| {
                let mut members: Vec<(Key<N>, u64)> = Vec::new();
                for choice in view.tables.choices(choices) {
                    let part = layout.part(server, choice.next);
                    let bit = if server == layout.last() { 1 << (choice.next % 64) } else { 1 };
                    match members.last_mut() {
                        Some((same, bits)) if server == layout.last() && *same == part => *bits |= bit,
                        _ => members.push((part, bit)),
                    }
                }
                members
            });
            combinations = combinations.saturating_mul(members.len());
        }
        let lists: Vec<&[(Key<N>, u64)]> =
            order.iter().map(|&server| self.members[&(server, row[server - 1])].as_slice()).collect();
        if states.len() < combinations {
            let layout = self.layout;
            let among = |server: usize, list: &[(Key<N>, u64)], key: &Key<N>| {
                let part = match server == layout.last() {
                    true => layout.chunk(layout.number(key, server)),
                    false => layout.part(server, layout.number(key, server)),
                };
                list.binary_search_by(|member| member.0.cmp(&part)).ok().map(|at| list[at].1)
            };
            return states.iter().any(|(key, word)| {
                order.iter().zip(&lists).all(|(&server, list)| {
                    among(server, list, key).is_some_and(|bits| server != layout.last() || bits & word != 0)
                })
            });
        }
        meets_below(&lists, [0; N], table)
    }
}

fn meets_below<const N: usize>(
    lists: &[&[(Key<N>, u64)]],
    key: Key<N>,
    table: &HashMap<Key<N>, u64, FxBuildHasher>,
) -> bool {
    let (first, rest) = lists.split_first().expect("there is a server");
    first.iter().any(|(part, bits)| {
        let mut key = key;
        join(&mut key, part);
        match rest {
            [] => table.get(&key).is_some_and(|word| word & bits != 0),
            rest => meets_below(rest, key, table),
        }
    })
}
