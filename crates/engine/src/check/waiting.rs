//! In which states can a client wait for ever, and how long can it wait?
//!
//! The states in which a non-faulty client waits, after GST; from these again and again those are taken away
//! from which every step leads out of them. Whoever is taken away in round i has at most i rounds to wait; from
//! what is left at the end a walk can go on for ever without an answer. All this is done with sorted sets, head
//! by head, so that no graph is kept: time grows with the number of states times the worst case in rounds.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use rustc_hash::{FxBuildHasher, FxHashMap};
use threeworlds_model::{Assignment, CrashDelivery};

use crate::explore::{
    Batch, Builder, Key, Layout, NO_REQUEST, Regime, Scanner, Set, Space, Storage, StorageError, View,
    each_bit, each_row, join,
};

/// What is known of one client under one assignment that spares it.
pub(crate) struct Waited<const N: usize> {
    /// For each level the states from which it can wait for ever, as far as was explored.
    pub(crate) forever: Vec<Set<N>>,
    /// For each request of the client, as a position in its workload, the most rounds that it waits; of those
    /// that wait for ever nothing.
    pub(crate) longest: Vec<(u16, u32)>,
}

/// The client whose waiting is looked at, and under which faults.
#[derive(Clone, Copy)]
pub(crate) struct Who<'a> {
    pub(crate) assignment: usize,
    pub(crate) capabilities: &'a Assignment,
    pub(crate) crash_delivery: CrashDelivery,
    /// Counted from 0.
    pub(crate) client: usize,
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

/// Looks at the levels whose successors are all known.
pub(crate) fn waits<const N: usize>(
    space: &Space<N>,
    view: View<'_>,
    who: Who<'_>,
    expanded: usize,
    storage: Option<&dyn Storage>,
    interrupted: &dyn Fn() -> bool,
) -> Result<Waited<N>, Ended> {
    let after_gst = &space.parts()[2 * who.assignment + 1];
    let request = |head: u32| {
        let facts = view.environments.facts(view.heads.row(head)[0]);
        facts.outstanding[who.client]
    };
    let mut levels = Vec::new();
    for set in &after_gst[..expanded.min(after_gst.len())] {
        if interrupted() {
            return Err(Ended::Interrupted);
        }
        let mut builder = Builder::new();
        let mut cursor = set.cursor(storage);
        let mut last: Option<(u32, bool)> = None;
        while let Some((key, word)) = cursor.next()? {
            let head = space.layout.number(&key, 0);
            let waits = match last {
                Some((same, waits)) if same == head => waits,
                _ => request(head) != NO_REQUEST,
            };
            last = Some((head, waits));
            if waits {
                builder.push((key, word));
            }
        }
        levels.push(builder.finish());
    }
    let mut scanner = Scanner::new(view.tables, &space.layout);
    let mut longest: FxHashMap<u16, u32> = FxHashMap::default();
    let mut rounds = 0;
    loop {
        rounds += 1;
        for head in heads(&levels, &space.layout)? {
            longest.insert(request(head), rounds);
        }
        let before: u64 = levels.iter().map(Set::states).sum();
        if before == 0 {
            break;
        }
        let sweep = Sweep { layout: &space.layout, view, who, interrupted };
        let after = sweep.stays(&levels, &mut scanner)?;
        let left: u64 = after.iter().map(Set::states).sum();
        levels = after;
        if left == before {
            for head in heads(&levels, &space.layout)? {
                longest.remove(&request(head));
            }
            break;
        }
    }
    let mut longest: Vec<(u16, u32)> = longest.into_iter().collect();
    longest.sort_unstable();
    Ok(Waited { forever: levels, longest })
}

fn heads<const N: usize>(levels: &[Set<N>], layout: &Layout) -> Result<BTreeSet<u32>, StorageError> {
    let mut heads = BTreeSet::new();
    for set in levels {
        let mut cursor = set.cursor(None);
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
    interrupted: &'a dyn Fn() -> bool,
}

/// No way at all: a process that would have to crash has stopped before.
const NO_WAY: u32 = u32::MAX;

impl Sweep<'_> {
    /// The states from which a step leads to one of these states.
    fn stays<const N: usize>(
        &self,
        levels: &[Set<N>],
        scanner: &mut Scanner,
    ) -> Result<Vec<Set<N>>, Ended> {
        let (view, layout) = (self.view, self.layout);
        let width = view.tables.servers + 1;
        let mut batch = Batch::new(view.tables.servers);
        let mut ways: Vec<Vec<u32>> = Vec::new();
        for regime in Regime::all(self.who.capabilities, self.who.crash_delivery, false) {
            let mut own: Vec<u32> = Vec::new();
            let many = regime.has_several_ways();
            scanner.arrange(layout);
            for set in levels {
                let mut rows = 0u32;
                each_row(&mut set.cursor(None), layout, width, &mut |row| {
                    rows = rows.wrapping_add(1);
                    let start = own.len();
                    own.push(if many { 0 } else { NO_WAY });
                    let known = scanner.scan(view, &regime, row, &mut batch, &mut |number, _| match many {
                        true => own.push(number),
                        false => own[start] = number,
                    });
                    assert!(known, "what follows from a state in a complete level is known");
                    if many {
                        own[start] = u32::try_from(own.len() - start - 1).expect("fewer ways than 2^32");
                    }
                })?;
                if (self.interrupted)() {
                    return Err(Ended::Interrupted);
                }
            }
            ways.push(own);
        }
        let leads = self.leads(levels, &batch)?;
        let mut at = vec![0; ways.len()];
        let regimes: Vec<Regime> =
            Regime::all(self.who.capabilities, self.who.crash_delivery, false).collect();
        let mut after = Vec::with_capacity(levels.len());
        for set in levels {
            let mut builder = Builder::new();
            let mut cursor = set.cursor(None);
            while let Some((key, word)) = cursor.next()? {
                let mut left = 0u64;
                each_bit(word, |bit| {
                    let mut stays = false;
                    for ((regime, own), at) in regimes.iter().zip(&ways).zip(&mut at) {
                        let numbers = if regime.has_several_ways() {
                            let count = own[*at] as usize;
                            *at += 1 + count;
                            &own[*at - count..*at]
                        } else {
                            *at += 1;
                            &own[*at - 1..*at]
                        };
                        stays |= numbers.iter().any(|&number| number != NO_WAY && leads[number as usize]);
                    }
                    left |= u64::from(stays) << bit;
                });
                if left != 0 {
                    builder.push((key, left));
                }
            }
            after.push(builder.finish());
        }
        Ok(after)
    }

    /// For each pair of the batch whether one of its combinations is one of these states.
    fn leads<const N: usize>(&self, levels: &[Set<N>], batch: &Batch) -> Result<Vec<bool>, Ended> {
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
        let mut cursors: Vec<_> = levels.iter().map(|set| set.cursor(None)).collect();
        let mut states: Vec<(Key<N>, u64)> = Vec::new();
        let mut table: HashMap<Key<N>, u64, FxBuildHasher> = HashMap::default();
        for group in under.chunk_by(|one, other| one.0 == other.0) {
            if (self.interrupted)() {
                return Err(Ended::Interrupted);
            }
            let head = layout.part::<N>(0, group[0].0);
            table.clear();
            for cursor in &mut cursors {
                cursor.seek(&head)?;
                while let Some((key, word)) = cursor.peek()? {
                    if layout.number(&key, 0) != group[0].0 {
                        break;
                    }
                    *table.entry(layout.without_head(&key)).or_insert(0) |= word;
                    cursor.advance();
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
