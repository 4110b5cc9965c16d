//! States that differ in nothing but the names of servers, as one.
//!
//! Sound if the protocol treats servers alike, which it says and a [`super::sample::Sample`] tests. A renaming
//! may only exchange servers that fail alike, and clients keep their names: so whatever is asked of a state,
//! the violation of a property or that a certain client waits, is the same for all states that are one, and
//! the walks from one are those from another, renamed (Emerson and Sistla, "Symmetry and model checking", Formal
//! Methods in System Design 9, 1996; Clarke, Enders, Filkorn and Jha, "Exploiting symmetry in temporal logic
//! model checking", in the same volume). Of faulty sets that differ only in the names of servers the first is
//! explored.

use threeworlds_model::{Assignment, Capability, Renaming, Steps, System};

use super::heads::Heads;
use super::local::{Locals, STOPPED};

/// Which states are one, under each assignment of faults.
pub(crate) struct Symmetries {
    groups: Vec<Group>,
    /// By assignment the position of its group, if it has more than the identity.
    of: Vec<Option<usize>>,
}

/// Renamings that can be done one after the other, and what becomes of local states and heads under each.
pub(crate) struct Group {
    /// The identity first.
    renamings: Vec<Renaming>,
    /// For each renaming and process the index of the process that has its name afterwards.
    names: Vec<Vec<usize>>,
    /// For each renaming, and one that is done before it, the number of both.
    after: Vec<u16>,
    servers: usize,
    /// For each process, local state and renaming the local state of the process that has the name afterwards,
    /// or [`UNKNOWN`]. If it is known under one renaming, it is under all, and for what it becomes, too.
    locals: Vec<Vec<u32>>,
    /// The same for heads.
    heads: Vec<u32>,
    /// How many were worked out.
    known: usize,
    best: Vec<u32>,
    candidate: Vec<u32>,
}

const UNKNOWN: u32 = u32::MAX;

/// More renamings than this cost more than they save: then some servers keep their names.
const RENAMINGS_MAX: usize = 720;

impl Symmetries {
    /// No two states are one.
    pub(crate) fn none(assignments: usize) -> Self {
        Symmetries { groups: Vec::new(), of: vec![None; assignments] }
    }

    /// The assignments that have to be explored if servers are alike, and which states are then one.
    pub(crate) fn of_servers(system: &System, assignments: &[Assignment]) -> (Vec<Assignment>, Symmetries) {
        let servers = usize::from(system.servers);
        let mut kinds: Vec<Vec<Option<Capability>>> = Vec::new();
        let mut kept: Vec<Assignment> = Vec::new();
        for assignment in assignments {
            let mut kind = assignment.capabilities.clone();
            kind[..servers].sort_unstable();
            if !kinds.contains(&kind) {
                kinds.push(kind);
                kept.push(assignment.clone());
            }
        }
        let mut symmetries = Symmetries::none(0);
        let mut partitions: Vec<Vec<Vec<usize>>> = Vec::new();
        for assignment in &kept {
            let partition = alike(&assignment.capabilities[..servers]);
            let group = match partitions.iter().position(|known| *known == partition) {
                Some(group) => group,
                None => {
                    symmetries.groups.push(Group::new(system, &partition));
                    partitions.push(partition);
                    partitions.len() - 1
                }
            };
            let more = symmetries.groups[group].renamings.len() > 1;
            symmetries.of.push(more.then_some(group));
        }
        (kept, symmetries)
    }

    /// Whether states that are not equal can be one.
    pub(crate) fn merges(&self, assignment: usize) -> bool {
        self.of[assignment].is_some()
    }

    /// How states can be renamed under this assignment, if they can.
    pub(crate) fn group(&self, assignment: usize) -> Option<&Group> {
        self.of[assignment].map(|group| &self.groups[group])
    }

    /// The most renamings under one assignment.
    pub(crate) fn most_renamings(&self) -> usize {
        self.groups.iter().map(|group| group.renamings.len()).max().unwrap_or(1)
    }

    /// A number that grows with every local state and head whose renamings were worked out.
    pub(crate) fn known(&self) -> usize {
        self.groups.iter().map(|group| group.known).sum()
    }

    /// A figure for what the tables take.
    pub(crate) fn bytes(&self) -> usize {
        let of = |group: &Group| {
            let locals: usize = group.locals.iter().map(Vec::capacity).sum();
            (locals + group.heads.capacity()) * size_of::<u32>()
        };
        self.groups.iter().map(of).sum()
    }

    /// Makes a state, given as coordinates, the least of those that are one with it.
    pub(crate) fn make_least<S: Steps>(
        &mut self,
        assignment: usize,
        row: &mut [u32],
        heads: &mut Heads,
        locals: &mut Locals<S>,
    ) {
        if let Some(group) = self.of[assignment] {
            let group = &mut self.groups[group];
            group.learn(row, heads, locals);
            group.make_least(row);
        }
    }
}

impl Group {
    fn new(system: &System, partition: &[Vec<usize>]) -> Group {
        let servers = usize::from(system.servers);
        let renamings = renamings(servers, partition);
        let positions = |renaming: &Renaming| -> Vec<usize> {
            system.processes().map(|process| system.index(renaming.process(process))).collect()
        };
        let number = |renaming: &Renaming| {
            let number = renamings.iter().position(|known| known == renaming);
            number
                .and_then(|number| u16::try_from(number).ok())
                .expect("one after the other is one of them, too")
        };
        let after =
            renamings.iter().flat_map(|second| renamings.iter().map(move |first| second.after(first)));
        let after = after.map(|both| number(&both)).collect();
        Group {
            names: renamings.iter().map(positions).collect(),
            after,
            servers,
            // Who has stopped has stopped by any name.
            locals: vec![vec![STOPPED; renamings.len()]; system.size()],
            heads: Vec::new(),
            known: 0,
            best: Vec::new(),
            candidate: Vec::new(),
            renamings,
        }
    }

    /// How many renamings there are; 0 is the identity.
    pub(crate) fn len(&self) -> usize {
        self.renamings.len()
    }

    /// What a head becomes. Known for what a level was made of.
    pub(crate) fn head(&self, renaming: usize, head: u32) -> u32 {
        self.heads[head as usize * self.len() + renaming]
    }

    /// The least of what a head becomes.
    pub(crate) fn least_head(&self, head: u32) -> u32 {
        let start = head as usize * self.len();
        *self.heads[start..start + self.len()].iter().min().expect("there is the identity")
    }

    /// What the servers of a state, given as coordinates, become. Leaves the head alone.
    pub(crate) fn rename_servers(&self, renaming: usize, row: &[u32], to: &mut [u32]) {
        for server in 0..self.servers {
            to[self.names[renaming][server] + 1] = self.local(renaming, server, row[server + 1]);
        }
    }

    /// What the local states of all processes become, in the order of the processes.
    pub(crate) fn renamed_locals(&self, renaming: usize, locals: &[u32]) -> Vec<u32> {
        let mut renamed = vec![STOPPED; locals.len()];
        for (process, &local) in locals.iter().enumerate() {
            renamed[self.names[renaming][process]] = self.local(renaming, process, local);
        }
        renamed
    }

    fn local(&self, renaming: usize, process: usize, local: u32) -> u32 {
        self.locals[process][local as usize * self.len() + renaming]
    }

    fn make_least(&mut self, row: &mut [u32]) {
        let (mut best, mut candidate) = (std::mem::take(&mut self.best), std::mem::take(&mut self.candidate));
        best.clear();
        best.extend_from_slice(row);
        candidate.resize(row.len(), 0);
        for renaming in 1..self.len() {
            candidate[0] = self.head(renaming, row[0]);
            if candidate[0] > best[0] {
                continue;
            }
            self.rename_servers(renaming, row, &mut candidate);
            if candidate < best {
                best.copy_from_slice(&candidate);
            }
        }
        row.copy_from_slice(&best);
        (self.best, self.candidate) = (best, candidate);
    }

    /// Works out what the parts of a state become, as far as it is not known.
    fn learn<S: Steps>(&mut self, row: &[u32], heads: &mut Heads, locals: &mut Locals<S>) {
        for server in 0..self.servers {
            self.learn_local(server, row[server + 1], locals);
        }
        let known = self.heads.get(row[0] as usize * self.len());
        if known.is_some_and(|&known| known != UNKNOWN) {
            return;
        }
        let head = heads.row(row[0]).to_vec();
        for (client, &local) in head[1..].iter().enumerate() {
            self.learn_local(self.servers + client, local, locals);
        }
        let becomes: Vec<u32> = (0..self.len())
            .map(|renaming| {
                let mut renamed = head.clone();
                for (client, local) in renamed[1..].iter_mut().enumerate() {
                    *local = self.local(renaming, self.servers + client, *local);
                }
                heads.intern(&renamed)
            })
            .collect();
        self.known += 1;
        let size = self.len();
        for first in 0..size {
            let start = becomes[first] as usize * size;
            if self.heads.len() < start + size {
                self.heads.resize(start + size, UNKNOWN);
            }
            for second in 0..size {
                self.heads[start + second] = becomes[usize::from(self.after[second * size + first])];
            }
        }
    }

    /// Works it out for a local state and for all that it becomes, which are the same renamed.
    fn learn_local<S: Steps>(&mut self, process: usize, local: u32, locals: &mut Locals<S>) {
        let size = self.len();
        let known = self.locals[process].get(local as usize * size);
        if known.is_some_and(|&known| known != UNKNOWN) {
            return;
        }
        let becomes: Vec<u32> =
            self.renamings.iter().map(|renaming| locals.renamed(process, local, renaming)).collect();
        self.known += 1;
        for first in 0..size {
            let table = &mut self.locals[self.names[first][process]];
            let start = becomes[first] as usize * size;
            if table.len() < start + size {
                table.resize(start + size, UNKNOWN);
            }
            for second in 0..size {
                table[start + second] = becomes[usize::from(self.after[second * size + first])];
            }
        }
    }
}

/// Positions of servers that fail alike, those with the lowest first. If there are too many ways to exchange
/// them, the last of the largest sets keep their places.
fn alike(capabilities: &[Option<Capability>]) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> = Vec::new();
    for (server, capability) in capabilities.iter().enumerate() {
        match sets.iter_mut().find(|set| capabilities[set[0]] == *capability) {
            Some(set) => set.push(server),
            None => sets.push(vec![server]),
        }
    }
    let count = |sets: &[Vec<usize>]| {
        sets.iter().fold(1usize, |count, set| (1..=set.len()).fold(count, usize::saturating_mul))
    };
    while count(&sets) > RENAMINGS_MAX {
        let largest = sets.iter_mut().max_by_key(|set| set.len()).expect("there are servers");
        let kept = largest.pop().expect("it is the largest");
        sets.push(vec![kept]);
    }
    sets
}

/// All renamings that keep each of these sets, the identity first.
fn renamings(servers: usize, sets: &[Vec<usize>]) -> Vec<Renaming> {
    let mut all = vec![(0..servers).collect::<Vec<usize>>()];
    for set in sets {
        let mut more = Vec::new();
        let mut order = set.clone();
        loop {
            for one in &all {
                let mut one = one.clone();
                set.iter().zip(&order).for_each(|(&server, &other)| one[server] = other);
                more.push(one);
            }
            if !next_order(&mut order) {
                break;
            }
        }
        all = more;
    }
    all.iter().map(|one| Renaming::of_positions(one).expect("a permutation")).collect()
}

/// The next order in lexicographic order; false after the last.
fn next_order(order: &mut [usize]) -> bool {
    let Some(at) = (1..order.len()).rev().find(|&at| order[at - 1] < order[at]) else { return false };
    let with =
        (at..order.len()).rev().find(|&with| order[with] > order[at - 1]).expect("the next is greater");
    order.swap(at - 1, with);
    order[at..].reverse();
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_fail_alike_change_places_in_every_way() {
        let crash = Some(Capability::Crash);
        assert_eq!(alike(&[None, crash, None, crash, None]), [vec![0, 2, 4], vec![1, 3]]);
        let group = renamings(5, &alike(&[None, crash, None, crash, None]));
        assert_eq!(group.len(), 12);
        assert_eq!(group[0], Renaming::identity(5));
        let distinct: std::collections::HashSet<&Renaming> = group.iter().collect();
        assert_eq!(distinct.len(), 12);
        // Ten servers could change places in millions of ways: six do.
        assert_eq!(renamings(10, &alike(&[None; 10])).len(), 720);
    }

    #[test]
    fn one_renaming_after_another_is_the_one_with_both() {
        let system = System { servers: 4, clients: 1, faults: 0, client_links: false };
        let group = Group::new(&system, &[vec![0, 1, 2, 3]]);
        assert_eq!(group.len(), 24);
        for second in 0..24 {
            for first in 0..24 {
                let both = usize::from(group.after[second * 24 + first]);
                for process in 0..5 {
                    assert_eq!(group.names[both][process], group.names[second][group.names[first][process]]);
                }
            }
        }
    }
}
