//! What single processes, environments and heads become under each of a group of renamings, as numbers: worked out once
//! for each, and then looked up.

use rustc_hash::FxHashMap;
use threeworlds_model::{Renaming, Steps, System};

use super::environments::Environments;
use super::heads::Heads;
use super::local::{Locals, STOPPED};

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
    /// The same for environments, and for heads.
    environments: Vec<u32>,
    heads: Vec<u32>,
    /// How many were worked out.
    known: usize,
    best: Vec<u32>,
    candidate: Vec<u32>,
}

const UNKNOWN: u32 = u32::MAX;

impl Group {
    /// All renamings that do one of the servers and one of the clients; each of the two lists is a group, with the
    /// identity first.
    pub(super) fn new(system: &System, of_servers: &[Renaming], of_clients: &[Renaming]) -> Group {
        let both =
            |client: &Renaming| of_servers.iter().map(|server| server.after(client)).collect::<Vec<_>>();
        let renamings: Vec<Renaming> = of_clients.iter().flat_map(both).collect();
        let positions = |renaming: &Renaming| -> Vec<usize> {
            system.processes().map(|process| system.index(renaming.process(process))).collect()
        };
        let numbers: FxHashMap<&Renaming, u16> = renamings.iter().zip(0..).collect();
        let after =
            renamings.iter().flat_map(|second| renamings.iter().map(move |first| second.after(first)));
        let after =
            after.map(|both| *numbers.get(&both).expect("one after the other is one of them, too")).collect();
        Group {
            names: renamings.iter().map(positions).collect(),
            after,
            servers: usize::from(system.servers),
            // Who has stopped has stopped by any name.
            locals: vec![vec![STOPPED; renamings.len()]; system.size()],
            environments: Vec::new(),
            heads: Vec::new(),
            known: 0,
            best: Vec::new(),
            candidate: Vec::new(),
            renamings,
        }
    }

    /// A number that grows with everything whose renamings were worked out.
    pub(super) fn known(&self) -> usize {
        self.known
    }

    /// A figure for what the tables take.
    pub(super) fn bytes(&self) -> usize {
        let locals: usize = self.locals.iter().map(Vec::capacity).sum();
        (locals + self.heads.capacity() + self.environments.capacity()) * size_of::<u32>()
    }

    /// How many renamings there are; 0 is the identity.
    pub(crate) fn len(&self) -> usize {
        self.renamings.len()
    }

    /// Which client has the name of this one afterwards, both counted from 0.
    pub(crate) fn client(&self, renaming: usize, client: usize) -> usize {
        self.names[renaming][self.servers + client] - self.servers
    }

    /// What an environment becomes. Known for what a level was made of.
    pub(crate) fn environment(&self, renaming: usize, environment: u32) -> u32 {
        self.environments[environment as usize * self.len() + renaming]
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

    /// Makes a state whose parts are known the least of those that are one with it.
    pub(super) fn make_least(&mut self, row: &mut [u32]) {
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
    pub(super) fn learn<S: Steps>(
        &mut self,
        row: &[u32],
        heads: &mut Heads,
        environments: &mut Environments,
        locals: &mut Locals<S>,
    ) {
        for server in 0..self.servers {
            self.learn_local(server, row[server + 1], locals);
        }
        let size = self.len();
        if is_known(&self.heads, row[0], size) {
            return;
        }
        let head = heads.row(row[0]).to_vec();
        for (client, &local) in head[1..].iter().enumerate() {
            self.learn_local(self.servers + client, local, locals);
        }
        if !is_known(&self.environments, head[0], size) {
            let becomes = self.renamings.iter().map(|renaming| environments.renamed(head[0], renaming));
            note(&mut self.environments, &becomes.collect::<Vec<_>>(), &self.after);
            self.known += 1;
        }
        let becomes: Vec<u32> = (0..size)
            .map(|renaming| {
                let mut renamed = vec![self.environment(renaming, head[0])];
                renamed.resize(head.len(), STOPPED);
                for (client, &local) in head[1..].iter().enumerate() {
                    let process = self.servers + client;
                    renamed[self.client(renaming, client) + 1] = self.local(renaming, process, local);
                }
                heads.intern(&renamed)
            })
            .collect();
        note(&mut self.heads, &becomes, &self.after);
        self.known += 1;
    }

    /// Works it out for a local state and for all that it becomes, which are the same renamed.
    fn learn_local<S: Steps>(&mut self, process: usize, local: u32, locals: &mut Locals<S>) {
        let size = self.len();
        if is_known(&self.locals[process], local, size) {
            return;
        }
        let becomes: Vec<u32> =
            self.renamings.iter().map(|renaming| locals.renamed(process, local, renaming)).collect();
        self.known += 1;
        for first in 0..size {
            let table = &mut self.locals[self.names[first][process]];
            note_one(table, &becomes, first, &self.after);
        }
    }
}

fn is_known(table: &[u32], number: u32, size: usize) -> bool {
    table.get(number as usize * size).is_some_and(|&known| known != UNKNOWN)
}

/// Notes what one thing and all that it becomes become. `after` has the number of one renaming after the other.
fn note(table: &mut Vec<u32>, becomes: &[u32], after: &[u16]) {
    (0..becomes.len()).for_each(|first| note_one(table, becomes, first, after));
}

/// The same for what it becomes under the first renaming.
fn note_one(table: &mut Vec<u32>, becomes: &[u32], first: usize, after: &[u16]) {
    let size = becomes.len();
    let start = becomes[first] as usize * size;
    if table.len() < start + size {
        table.resize(start + size, UNKNOWN);
    }
    for second in 0..size {
        table[start + second] = becomes[usize::from(after[second * size + first])];
    }
}

#[cfg(test)]
mod tests {
    use threeworlds_model::{AlikeClients, Renamings, Symmetry, Task, Workload};

    use super::*;

    #[test]
    fn one_renaming_after_another_is_the_one_with_both() {
        let system = System { servers: 3, clients: 3, faults: 0, client_links: false };
        let workload = Workload::parse("write", Task::WriteOnceRegister, &system).unwrap();
        let symmetry = Symmetry { servers: true, clients: AlikeClients::All };
        let renamings = Renamings::new(&system, &workload, symmetry);
        let of_servers: Vec<Renaming> = (0..6).map(|number| renamings.numbered(6 * number)).collect();
        let group = Group::new(&system, &of_servers, renamings.of_clients());
        assert_eq!(group.len(), 36);
        for second in 0..36 {
            for first in 0..36 {
                let both = usize::from(group.after[second * 36 + first]);
                for process in 0..6 {
                    assert_eq!(group.names[both][process], group.names[second][group.names[first][process]]);
                }
            }
        }
    }
}
