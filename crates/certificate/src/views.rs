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
                *key = Some(self.key(vec![Seen { block, request, receives_from: Vec::new(), before: None }]));
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
            let keys: Vec<Key> = (0..blocks.len())
                .map(|me| {
                    let content = if rounds {
                        let heard = receives_from[me].iter().map(|&block| Seen {
                            block,
                            request: None,
                            receives_from: Vec::new(),
                            before: before[block],
                        });
                        std::iter::once(seen(me)).chain(heard).collect()
                    } else {
                        reaching(me, &receives_from).into_iter().map(seen).collect()
                    };
                    self.key(content)
                })
                .collect();
            before = keys.iter().copied().map(Some).collect();
            all.push(keys);
        }
        all
    }

    fn key(&mut self, content: Vec<Seen>) -> Key {
        let number = |count: usize| u32::try_from(count).expect("a certificate has fewer than 2^32 views");
        let mut list = Vec::with_capacity(content.len());
        for seen in content {
            let next = number(self.seen.len());
            list.push(*self.seen.entry(seen).or_insert(next));
        }
        let next = Key(number(self.keys.len()));
        *self.keys.entry(list).or_insert(next)
    }
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
