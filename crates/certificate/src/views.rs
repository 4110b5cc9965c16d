use std::collections::HashMap;

use threeworlds_model::{Request, System};

use crate::world::{Block, World};

/// A view, by number: two are equal if and only if the views are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u32);

/// What a view says of one block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Seen {
    block: usize,
    request: Option<Request>,
    receives_from: Vec<usize>,
    before: Option<Key>,
}

/// Numbers the views of the worlds of one certificate. Views are compared by their content.
#[derive(Debug, Default)]
pub struct Views {
    /// What is said of a block, by number: a view of many blocks is a list of these.
    seen: HashMap<Seen, u32>,
    keys: HashMap<Vec<u32>, Key>,
}

impl Views {
    /// The view of every block at the end of every phase, by phase and block. Costs, for each phase, the
    /// square of the number of blocks for each block. With `rounds` a phase is one round: a message makes
    /// one hop in it. Otherwise it is an epoch, in which news goes wherever open links lead.
    pub fn of(&mut self, system: &System, blocks: &[Block], world: &World, rounds: bool) -> Vec<Vec<Key>> {
        let mut before: Vec<Option<Key>> = vec![None; blocks.len()];
        if rounds {
            for (block, key) in before.iter_mut().enumerate() {
                let request = world.request(0, block).cloned();
                let start = self.number(Seen { block, request, receives_from: Vec::new(), before: None });
                *key = Some(self.key(vec![start]));
            }
        }
        let mut all = Vec::new();
        for phase in 0..world.phases.len() {
            let receives_from: Vec<Vec<usize>> = (0..blocks.len())
                .map(|to| {
                    let open = |&from: &usize| {
                        linked(system, blocks, from, to) && !world.is_blocked(phase, (from, to))
                    };
                    (0..blocks.len()).filter(open).collect()
                })
                .collect();
            let seen = |block: usize| Seen {
                block,
                request: if rounds { None } else { world.request(phase, block).cloned() },
                receives_from: receives_from[block].clone(),
                before: before[block],
            };
            // What is said of a block is numbered once, however many see it.
            let own: Vec<u32> = (0..blocks.len()).map(|block| self.number(seen(block))).collect();
            let keys: Vec<Key> = if rounds {
                let sent: Vec<u32> = (0..blocks.len())
                    .map(|block| {
                        let before = before[block];
                        self.number(Seen { block, request: None, receives_from: Vec::new(), before })
                    })
                    .collect();
                let heard = |me: usize| receives_from[me].iter().map(|&from| sent[from]);
                (0..blocks.len())
                    .map(|me| self.key(std::iter::once(own[me]).chain(heard(me)).collect()))
                    .collect()
            } else {
                let reach = |me| reaching(me, &receives_from).into_iter().map(|block| own[block]).collect();
                (0..blocks.len()).map(|me| self.key(reach(me))).collect()
            };
            before = keys.iter().copied().map(Some).collect();
            all.push(keys);
        }
        all
    }

    fn number(&mut self, seen: Seen) -> u32 {
        let next = count(self.seen.len());
        *self.seen.entry(seen).or_insert(next)
    }

    fn key(&mut self, content: Vec<u32>) -> Key {
        let next = Key(count(self.keys.len()));
        *self.keys.entry(content).or_insert(next)
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("a certificate has fewer than 2^32 views")
}

/// Whether messages can go from the one block to the other at all.
pub(crate) fn linked(system: &System, blocks: &[Block], from: usize, to: usize) -> bool {
    from != to && system.linked(blocks[from].members[0], blocks[to].members[0])
}

/// The blocks from which a path of open links leads to this one, itself included, sorted.
fn reaching(me: usize, receives_from: &[Vec<usize>]) -> Vec<usize> {
    let mut found = vec![false; receives_from.len()];
    found[me] = true;
    let mut open = vec![me];
    while let Some(block) = open.pop() {
        for &from in &receives_from[block] {
            if !std::mem::replace(&mut found[from], true) {
                open.push(from);
            }
        }
    }
    (0..found.len()).filter(|&block| found[block]).collect()
}
