//! States that differ in nothing but the names of processes, as one, and of the values that clients write.
//!
//! Sound if the protocol treats the processes alike that it says it does, which a [`super::sample::Sample`] tests. A
//! renaming may only exchange processes that fail alike, and clients only if everybody then asks for the same as
//! before ([`threeworlds_model::Renamings`]). So whether a property is violated is the same for all states that are
//! one, and if client c waits in a state, then in the renamed one the client waits that is called c before; the walks
//! from one are those from another, renamed (Emerson and Sistla, "Symmetry and model checking", Formal Methods in
//! System Design 9, 1996; Clarke, Enders, Filkorn and Jha, "Exploiting symmetry in temporal logic model checking", in
//! the same volume). Who asks how long a client waits has to follow its name through the renamings. Of faulty sets
//! that renaming makes of each other the first is explored.

use rustc_hash::{FxHashMap, FxHashSet};
use threeworlds_model::{Assignment, Capability, Renaming, Renamings, Steps, System};

use super::environments::Environments;
use super::group::Group;
use super::heads::Heads;
use super::local::Locals;

/// Which states are one, under each assignment of faults.
pub(crate) struct Symmetries {
    groups: Vec<Group>,
    /// By assignment the position of its group, if it has more than the identity.
    of: Vec<Option<usize>>,
    /// For each client, counted from 0, those that have its name after some renaming, as bits: whatever holds of it
    /// under some assignment holds of them under some assignment.
    same: Vec<u64>,
    /// Whether it is of servers, and of clients, that names do not count.
    pub(crate) servers: bool,
    pub(crate) clients: bool,
}

/// More renamings than this cost more than they save: then some processes keep their names.
const RENAMINGS_MAX: usize = 720;

impl Symmetries {
    /// No two states are one.
    pub(crate) fn none(system: &System, assignments: usize) -> Self {
        Symmetries {
            groups: Vec::new(),
            of: vec![None; assignments],
            same: (0..system.clients).map(|client| 1 << client).collect(),
            servers: false,
            clients: false,
        }
    }

    /// The assignments that have to be explored if nothing depends on which of these names processes have, and which
    /// states are then one.
    pub(crate) fn of(
        system: &System,
        assignments: &[Assignment],
        renamings: &Renamings,
    ) -> (Vec<Assignment>, Symmetries) {
        let nobody = std::slice::from_ref(&renamings.of_clients()[0]);
        let servers_change = renamings.of_servers() > 1;
        let kept = first(system, assignments, servers_change, renamings.of_clients());
        let mut symmetries = Symmetries::none(system, 0);
        symmetries.servers = first(system, assignments, servers_change, nobody).len() < assignments.len();
        symmetries.clients =
            first(system, assignments, false, renamings.of_clients()).len() < assignments.len();
        if !symmetries.servers && !symmetries.clients && kept.len() < assignments.len() {
            (symmetries.servers, symmetries.clients) = (true, true);
        }
        for renaming in renamings.of_clients() {
            for (client, same) in system.client_ids().zip(&mut symmetries.same) {
                *same |= 1 << (renaming.process(client).number() - 1);
            }
        }
        let mut known: FxHashMap<(Vec<Vec<usize>>, Vec<Renaming>), usize> = FxHashMap::default();
        for assignment in &kept {
            let servers = match servers_change {
                true => alike(&assignment.capabilities[..usize::from(system.servers)]),
                false => Vec::new(),
            };
            let of_servers = of_servers(&servers);
            let clients = exchanging(system, assignment, renamings, RENAMINGS_MAX / of_servers.len());
            symmetries.servers |= of_servers.len() > 1;
            symmetries.clients |= clients.len() > 1;
            let groups = &mut symmetries.groups;
            let group = *known.entry((servers, clients)).or_insert_with_key(|(_, clients)| {
                groups.push(Group::new(system, &of_servers, clients));
                groups.len() - 1
            });
            let more = groups[group].len() > 1;
            symmetries.of.push(more.then_some(group));
        }
        (kept, symmetries)
    }

    /// Whether one client has the name of the other after some renaming, both counted from 0.
    pub(crate) fn same(&self, client: usize, other: usize) -> bool {
        self.same[client] >> other & 1 == 1
    }

    /// The clients that have the name of this one after some renaming that this assignment allows, counted from 0
    /// and in order.
    pub(crate) fn alike(&self, assignment: usize, client: usize) -> Vec<usize> {
        match self.group(assignment) {
            None => vec![client],
            Some(group) => {
                let mut alike: Vec<usize> =
                    (0..group.len()).map(|renaming| group.client(renaming, client)).collect();
                alike.sort_unstable();
                alike.dedup();
                alike
            }
        }
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
        self.groups.iter().map(Group::len).max().unwrap_or(1)
    }

    /// A number that grows with every local state, environment and head whose renamings were worked out.
    pub(crate) fn known(&self) -> usize {
        self.groups.iter().map(Group::known).sum()
    }

    /// A figure for what the tables take.
    pub(crate) fn bytes(&self) -> usize {
        self.groups.iter().map(Group::bytes).sum()
    }

    /// Makes a state, given as coordinates, the least of those that are one with it.
    pub(crate) fn make_least<S: Steps>(
        &mut self,
        assignment: usize,
        row: &mut [u32],
        heads: &mut Heads,
        environments: &mut Environments,
        locals: &mut Locals<S>,
    ) {
        if let Some(group) = self.of[assignment] {
            let group = &mut self.groups[group];
            group.learn(row, heads, environments, locals);
            group.make_least(row);
        }
    }
}

/// Of assignments that renaming makes of each other the first.
fn first(
    system: &System,
    assignments: &[Assignment],
    servers_change: bool,
    of_clients: &[Renaming],
) -> Vec<Assignment> {
    let servers = usize::from(system.servers);
    let mut seen: FxHashSet<Vec<Option<Capability>>> = FxHashSet::default();
    let mut kept = Vec::new();
    for assignment in assignments {
        let mut kind = assignment.capabilities.clone();
        if servers_change {
            kind[..servers].sort_unstable();
        }
        if seen.contains(&kind) {
            continue;
        }
        for renaming in of_clients {
            let mut renamed = kind.clone();
            for client in system.client_ids() {
                renamed[system.index(renaming.process(client))] = kind[system.index(client)];
            }
            seen.insert(renamed);
        }
        kept.push(assignment.clone());
    }
    kept
}

/// The renamings of clients that exchange only such that fail alike. If there are more than so many, the last clients
/// keep their names.
fn exchanging(system: &System, assignment: &Assignment, renamings: &Renamings, most: usize) -> Vec<Renaming> {
    let capability = |process| assignment.capabilities[system.index(process)];
    let allowed = |renaming: &&Renaming| {
        system.client_ids().all(|client| capability(renaming.process(client)) == capability(client))
    };
    let mut all: Vec<Renaming> = renamings.of_clients().iter().filter(allowed).cloned().collect();
    for client in system.client_ids().rev() {
        if all.len() > most {
            all.retain(|renaming| renaming.process(client) == client);
        }
    }
    all
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

/// All renamings of servers that keep each of these sets of positions, the identity first.
fn of_servers(sets: &[Vec<usize>]) -> Vec<Renaming> {
    let servers = sets.iter().map(Vec::len).sum();
    let number = |position: usize| u16::try_from(position + 1).expect("numbers of processes are 16-bit");
    let mut all: Vec<Vec<u16>> = vec![(0..servers).map(number).collect()];
    for set in sets {
        let mut more = Vec::new();
        let mut order = set.clone();
        loop {
            for one in &all {
                let mut one = one.clone();
                set.iter().zip(&order).for_each(|(&server, &other)| one[server] = number(other));
                more.push(one);
            }
            if !next_order(&mut order) {
                break;
            }
        }
        all = more;
    }
    let renaming = |one: &Vec<u16>| Renaming::new(one, &[], &Default::default()).expect("a permutation");
    all.iter().map(renaming).collect()
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
    use threeworlds_model::{Symmetry, Task, Workload};

    use super::*;

    #[test]
    fn servers_that_fail_alike_change_places_in_every_way() {
        let crash = Some(Capability::Crash);
        assert_eq!(alike(&[None, crash, None, crash, None]), [vec![0, 2, 4], vec![1, 3]]);
        let group = of_servers(&alike(&[None, crash, None, crash, None]));
        assert_eq!(group.len(), 12);
        assert_eq!(group[0], Renaming::default());
        let distinct: std::collections::HashSet<&Renaming> = group.iter().collect();
        assert_eq!(distinct.len(), 12);
        // Ten servers could change places in millions of ways: six do.
        assert_eq!(of_servers(&alike(&[None; 10])).len(), 720);
    }

    #[test]
    fn clients_change_places_that_fail_alike_and_of_equal_faulty_sets_the_first_is_explored() {
        let system = System { servers: 2, clients: 3, faults: 1, client_links: false };
        let workload = Workload::parse("c1: write; c2,c3: read", Task::WriteOnceRegister, &system).unwrap();
        let (omission, crash) = (Some(Capability::OmitBoth), Some(Capability::Crash));
        let assignments: Vec<Assignment> = [
            vec![None, omission, omission, omission, omission],
            vec![omission, None, omission, omission, omission],
            vec![omission, None, None, omission, omission],
            vec![omission, None, omission, omission, None],
            vec![omission, None, omission, None, omission],
            vec![omission, None, omission, crash, crash],
        ]
        .map(|capabilities| Assignment { capabilities })
        .into();
        let look = |symmetry| {
            let renamings = Renamings::new(&system, &workload, symmetry);
            let (kept, symmetries) = Symmetries::of(&system, &assignments, &renamings);
            let kept: Vec<usize> =
                kept.iter().map(|one| assignments.iter().position(|other| other == one).unwrap()).collect();
            let ways: Vec<usize> =
                (0..kept.len()).map(|at| symmetries.group(at).map_or(1, Group::len)).collect();
            (kept, ways, symmetries)
        };
        let (kept, ways, symmetries) = look(Symmetry::SERVERS_AND_READERS);
        assert_eq!((kept, ways), (vec![0, 2, 3, 5], vec![2, 2, 1, 2]));
        assert!(symmetries.servers && symmetries.clients);
        assert!(symmetries.same(1, 2) && !symmetries.same(0, 1));
        assert_eq!((symmetries.alike(0, 2), symmetries.alike(2, 2)), (vec![1, 2], vec![2]));
        let (kept, ways, symmetries) = look(Symmetry::SERVERS);
        assert_eq!((kept, ways), (vec![0, 2, 3, 4, 5], vec![1, 1, 1, 1, 1]));
        assert!(symmetries.servers && !symmetries.clients);
        let (kept, ways, symmetries) = look(Symmetry::READERS);
        assert_eq!((kept, ways), (vec![0, 1, 2, 3, 5], vec![2, 2, 2, 1, 2]));
        assert!(!symmetries.servers && symmetries.clients);
    }

    #[test]
    fn too_many_ways_leave_the_last_clients_their_names() {
        let system = System { servers: 3, clients: 6, faults: 0, client_links: false };
        let workload = Workload::parse("read", Task::WriteOnceRegister, &system).unwrap();
        let renamings = Renamings::new(&system, &workload, Symmetry::SERVERS_AND_READERS);
        let nobody = Assignment { capabilities: vec![None; 9] };
        let (_, symmetries) = Symmetries::of(&system, &[nobody], &renamings);
        // 720 would be 6 times 120.
        assert_eq!(symmetries.most_renamings(), 720);
        assert_eq!(symmetries.alike(0, 0), [0, 1, 2, 3, 4]);
    }
}
