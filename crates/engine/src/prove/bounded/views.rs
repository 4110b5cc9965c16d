use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use super::network::{Network, members};
use super::scenarios::Scenarios;

/// Stands for no view: of a process that has stopped, and before the first round.
pub(super) const NO_VIEW: u32 = u32::MAX;

/// Distinct rows of numbers, each with its number in the order of insertion. Exact: rows are told apart by
/// their content.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    content: Vec<u32>,
    ends: Vec<usize>,
    numbers: HashTable<u32>,
}

impl Rows {
    /// The number of a row, and whether it is new.
    pub(super) fn insert(&mut self, row: &[u32]) -> (u32, bool) {
        let hash = FxBuildHasher.hash_one(row);
        if let Some(number) = self.find_hashed(hash, row) {
            return (number, false);
        }
        let number = self.ends.len() as u32;
        assert!(number < NO_VIEW, "fewer than 2^32 - 1 rows fit in memory");
        self.content.extend_from_slice(row);
        self.ends.push(self.content.len());
        let (content, ends) = (&self.content, &self.ends);
        let rehash = |&number: &u32| FxBuildHasher.hash_one(row_of(content, ends, number));
        self.numbers.insert_unique(hash, number, rehash);
        (number, true)
    }

    pub(super) fn find(&self, row: &[u32]) -> Option<u32> {
        self.find_hashed(FxBuildHasher.hash_one(row), row)
    }

    pub(super) fn row(&self, number: u32) -> &[u32] {
        row_of(&self.content, &self.ends, number)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.content.capacity() * 4 + self.ends.capacity() * 8 + self.numbers.capacity() * 5
    }

    fn find_hashed(&self, hash: u64, row: &[u32]) -> Option<u32> {
        let (content, ends) = (&self.content, &self.ends);
        self.numbers.find(hash, |&number| row_of(content, ends, number) == row).copied()
    }
}

fn row_of<'a>(content: &'a [u32], ends: &[usize], number: u32) -> &'a [u32] {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] };
    &content[start..ends[number]]
}

/// Views, each with a number that stands for all of it: the process, what it was asked, and everything that
/// it received, round by round.
///
/// The content of a view is the view that the process had a round earlier and then the views, as they were
/// then, of those from which it received, in the order of processes. A view belongs to one process and one
/// round, so its number says who sent it, too. Before the first round the content is [`NO_VIEW`], the
/// process, and whether it was asked.
pub(super) struct Views {
    pub(super) network: Network,
    pub(super) scenarios: Scenarios,
    rows: Rows,
    facts: Vec<Facts>,
}

/// What is known of a view.
#[derive(Debug, Clone, Copy)]
struct Facts {
    /// The scenarios in which a process can have it.
    shown: u32,
    owner: u8,
    /// How many rounds it has seen.
    rounds: u8,
    /// The clients that it says were asked.
    asked: u64,
}

impl Views {
    pub(super) fn new(network: Network, scenarios: Scenarios) -> Self {
        Views { network, scenarios, rows: Rows::default(), facts: Vec::new() }
    }

    /// The view of a process before the first round.
    pub(super) fn root(&mut self, process: usize, is_asked: bool) -> u32 {
        let (number, new) = self.rows.insert(&[NO_VIEW, process as u32, u32::from(is_asked)]);
        if new {
            let asked = if is_asked { 1u64 << (process - self.network.servers) } else { 0 };
            let owner = u8::try_from(process).expect("a system has at most 64 processes");
            self.facts.push(Facts { shown: self.scenarios.everything(), owner, rounds: 0, asked });
        }
        number
    }

    /// The number of a view after at least one round.
    pub(super) fn intern(&mut self, content: &[u32]) -> u32 {
        let (number, new) = self.rows.insert(content);
        if new {
            let shown = self.shown_by(content);
            let Facts { owner, rounds, .. } = self.facts[content[0] as usize];
            self.facts.push(Facts { shown, owner, rounds: rounds + 1, asked: self.asked_by(content) });
        }
        number
    }

    /// The scenarios in which a process can have a view of this content, after at least one round.
    pub(super) fn shown_by(&mut self, content: &[u32]) -> u32 {
        let Facts { shown, owner, rounds, .. } = self.facts[content[0] as usize];
        let (to, round) = (usize::from(owner), u32::from(rounds));
        let mut shown = self.scenarios.both(shown, self.scenarios.sends(to, round + 1));
        let mut missing = self.network.senders[to];
        for &view in &content[1..] {
            let Facts { shown: by_sender, owner: from, .. } = self.facts[view as usize];
            missing &= !(1 << from);
            shown = self.scenarios.both(shown, by_sender);
            shown = self.scenarios.both(shown, self.scenarios.sends(usize::from(from), round));
        }
        for from in members(missing) {
            shown = self.scenarios.both(shown, self.scenarios.lost(from, to, round));
        }
        shown
    }

    /// The clients that a view of this content, after at least one round, says were asked.
    pub(super) fn asked_by(&self, content: &[u32]) -> u64 {
        content.iter().fold(0, |asked, &view| asked | self.facts[view as usize].asked)
    }

    pub(super) fn find(&self, content: &[u32]) -> Option<u32> {
        self.rows.find(content)
    }

    pub(super) fn content(&self, view: u32) -> &[u32] {
        self.rows.row(view)
    }

    /// The content of a view that is not one from before the first round.
    pub(super) fn after_a_round(&self, view: u32) -> Option<&[u32]> {
        let content = self.content(view);
        (content[0] != NO_VIEW).then_some(content)
    }

    /// Whose view it is, by position.
    pub(super) fn owner(&self, view: u32) -> usize {
        usize::from(self.facts[view as usize].owner)
    }

    /// The scenarios in which a process can have this view.
    pub(super) fn shown(&self, view: u32) -> u32 {
        self.facts[view as usize].shown
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows.bytes() + self.facts.capacity() * size_of::<Facts>() + self.scenarios.bytes()
    }
}
