use threeworlds_model::{Assignment, FaultModel, FaultRule, System};

use super::space::Part;
use super::views::{NO_VIEW, Views};

/// The renamings of servers among themselves, and of clients (with their values) among themselves, under
/// which the question stays the same: what is true of an execution is true of the renamed one.
pub(super) struct Symmetry {
    /// By renaming: the new position of each process. The first changes nothing.
    pub(super) renamings: Vec<Vec<usize>>,
    /// By renaming: the renamed views, as far as they were asked for.
    views: Vec<Vec<u32>>,
    servers: usize,
}

/// More renamings than this cost more than they save.
const MOST_RENAMINGS: usize = 2_000;

impl Symmetry {
    pub(super) fn new(system: &System, fault_model: &FaultModel) -> Self {
        let (servers, clients) = (usize::from(system.servers), usize::from(system.clients));
        let identity: Vec<usize> = (0..servers + clients).collect();
        let count = |many: usize| (1..=many).try_fold(1usize, |product, factor| product.checked_mul(factor));
        let many = count(servers).zip(count(clients)).and_then(|(one, other)| one.checked_mul(other));
        let mut renamings = vec![identity];
        if many.is_some_and(|many| many <= MOST_RENAMINGS) {
            renamings.clear();
            for of_clients in permutations(clients) {
                for of_servers in permutations(servers) {
                    let clients = of_clients.iter().map(|&client| servers + client);
                    renamings.push(of_servers.iter().copied().chain(clients).collect());
                }
            }
            renamings.retain(|renaming| keeps(renaming, system, fault_model));
        }
        Symmetry { views: vec![Vec::new(); renamings.len()], renamings, servers }
    }

    /// The position of a renamed client among the clients.
    pub(super) fn client(&self, renaming: usize, client: usize) -> usize {
        self.renamings[renaming][self.servers + client] - self.servers
    }

    pub(super) fn part(&self, renaming: usize, part: &Part) -> Part {
        let mut capabilities = vec![None; part.assignment.capabilities.len()];
        for (process, &capability) in part.assignment.capabilities.iter().enumerate() {
            capabilities[self.renamings[renaming][process]] = capability;
        }
        Part { assignment: Assignment { capabilities }, asked: self.clients(renaming, part.asked) }
    }

    pub(super) fn clients(&self, renaming: usize, clients: u64) -> u64 {
        let clients = (0..64 - self.servers).filter(|client| clients >> client & 1 == 1);
        clients.fold(0, |set, client| set | 1 << self.client(renaming, client))
    }

    /// The renamed content of a view after at least one round.
    pub(super) fn content(&mut self, renaming: usize, views: &mut Views, content: &[u32]) -> Vec<u32> {
        let mut renamed: Vec<u32> = content.iter().map(|&view| self.view(renaming, views, view)).collect();
        renamed[1..].sort_unstable_by_key(|&view| views.owner(view));
        renamed
    }

    fn view(&mut self, renaming: usize, views: &mut Views, view: u32) -> u32 {
        if renaming == 0 {
            return view;
        }
        if let Some(&known) = self.views[renaming].get(view as usize).filter(|&&known| known != NO_VIEW) {
            return known;
        }
        let owner = self.renamings[renaming][views.owner(view)];
        let renamed = match views.after_a_round(view) {
            None => {
                let is_asked = views.content(view)[2] == 1;
                views.root(owner, is_asked)
            }
            Some(content) => {
                let content = content.to_vec();
                let content = self.content(renaming, views, &content);
                views.intern(owner, &content)
            }
        };
        let known = &mut self.views[renaming];
        if known.len() <= view as usize {
            known.resize(view as usize + 1, NO_VIEW);
        }
        known[view as usize] = renamed;
        renamed
    }

    pub(super) fn bytes(&self) -> usize {
        self.views.iter().map(|views| views.capacity() * 4).sum()
    }
}

/// Whether the renamed fault rules are the same rules.
fn keeps(renaming: &[usize], system: &System, fault_model: &FaultModel) -> bool {
    let key = |rule: &FaultRule, renamed: bool| {
        let name = |process| {
            let index = system.index(process);
            if renamed { renaming[index] } else { index }
        };
        let mut processes: Vec<usize> = rule.processes.iter().map(|&process| name(process)).collect();
        processes.sort_unstable();
        (processes, rule.class, rule.at_most)
    };
    let rules = |renamed| {
        let mut rules: Vec<_> = fault_model.rules.iter().map(|rule| key(rule, renamed)).collect();
        rules.sort_unstable();
        rules
    };
    rules(false) == rules(true)
}

/// All permutations of so many positions, the identity first.
fn permutations(many: usize) -> Vec<Vec<usize>> {
    fn extend(current: &mut Vec<usize>, many: usize, all: &mut Vec<Vec<usize>>) {
        if current.len() == many {
            all.push(current.clone());
        }
        for next in 0..many {
            if !current.contains(&next) {
                current.push(next);
                extend(current, many, all);
                current.pop();
            }
        }
    }
    let mut all = Vec::new();
    extend(&mut Vec::new(), many, &mut all);
    all
}
