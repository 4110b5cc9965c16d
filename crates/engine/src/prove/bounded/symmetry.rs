use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use threeworlds_model::{Assignment, FaultModel, FaultRule, System};

use super::network::{Part, members};
use super::views::{NO_VIEW, Views};

/// The renamings of servers among themselves, and of clients (with their values) among themselves, under
/// which the question stays the same: what is true of an execution is true of the renamed one. They are a
/// group.
pub(super) struct Symmetry {
    /// By renaming: the new position of each process. The first changes nothing.
    pub(super) renamings: Vec<Vec<usize>>,
    numbers: BTreeMap<Vec<usize>, u16>,
    inverses: Vec<u16>,
    /// The renaming that does the second and then the first, by both; as far as it was asked for.
    products: Vec<u16>,
    /// By renaming: the renamed views, as far as they were asked for.
    views: Vec<Vec<u32>>,
    /// By view: the renamings that give it its least number, as a list in `least`; as far as it was asked for.
    least_of: Vec<u32>,
    least: Vec<Vec<u16>>,
    least_numbers: BTreeMap<Vec<u16>, u32>,
    /// Sets of renamings that are groups, each sorted. The first has only the renaming that changes nothing.
    subgroups: Vec<Vec<u16>>,
    subgroup_numbers: BTreeMap<Vec<u16>, u32>,
    servers: usize,
}

/// The number of the renaming that changes nothing.
pub(super) const IDENTITY: u16 = 0;
/// The number of the group of nothing but the renaming that changes nothing.
pub(super) const TRIVIAL: u32 = 0;

/// More renamings than this cost more than they save.
const MOST_RENAMINGS: usize = 2_000;
const NOT_ASKED: u16 = u16::MAX;

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
        let numbers: BTreeMap<Vec<usize>, u16> = renamings.iter().cloned().zip(0..).collect();
        let inverse = |renaming: &Vec<usize>| {
            let mut inverse = vec![0; renaming.len()];
            renaming.iter().enumerate().for_each(|(from, &to)| inverse[to] = from);
            numbers[&inverse]
        };
        Symmetry {
            inverses: renamings.iter().map(inverse).collect(),
            products: vec![NOT_ASKED; renamings.len() * renamings.len()],
            views: vec![Vec::new(); renamings.len()],
            least_of: Vec::new(),
            least: Vec::new(),
            least_numbers: BTreeMap::new(),
            subgroups: vec![vec![IDENTITY]],
            subgroup_numbers: [(vec![IDENTITY], TRIVIAL)].into(),
            renamings,
            numbers,
            servers,
        }
    }

    /// The position of a renamed client among the clients.
    pub(super) fn client(&self, renaming: u16, client: usize) -> usize {
        self.renamings[usize::from(renaming)][self.servers + client] - self.servers
    }

    pub(super) fn part(&self, renaming: u16, part: &Part) -> Part {
        let mut capabilities = vec![None; part.assignment.capabilities.len()];
        for (process, &capability) in part.assignment.capabilities.iter().enumerate() {
            capabilities[self.renamings[usize::from(renaming)][process]] = capability;
        }
        Part { assignment: Assignment { capabilities }, asked: self.clients(renaming, part.asked) }
    }

    /// A set of clients, renamed.
    pub(super) fn clients(&self, renaming: u16, clients: u64) -> u64 {
        members(clients).fold(0, |set, client| set | 1 << self.client(renaming, client))
    }

    /// A set of processes, renamed.
    pub(super) fn processes(&self, renaming: u16, processes: u64) -> u64 {
        let to = &self.renamings[usize::from(renaming)];
        members(processes).fold(0, |set, process| set | 1 << to[process])
    }

    /// All renamings.
    pub(super) fn all(&self) -> std::ops::Range<u16> {
        0..self.renamings.len() as u16
    }

    pub(super) fn inverse(&self, renaming: u16) -> u16 {
        self.inverses[usize::from(renaming)]
    }

    /// The renaming that does the second, then the first.
    pub(super) fn product(&mut self, first: u16, second: u16) -> u16 {
        if first == IDENTITY || second == IDENTITY {
            return first.max(second);
        }
        let at = usize::from(first) * self.renamings.len() + usize::from(second);
        if self.products[at] == NOT_ASKED {
            let (one, other) = (&self.renamings[usize::from(first)], &self.renamings[usize::from(second)]);
            let product: Vec<usize> = other.iter().map(|&process| one[process]).collect();
            self.products[at] = self.numbers[&product];
        }
        self.products[at]
    }

    /// The renamings of a group.
    pub(super) fn subgroup(&self, number: u32) -> &[u16] {
        &self.subgroups[number as usize]
    }

    /// The number of the group that these renamings generate, together with a group.
    pub(super) fn generated(&mut self, by: u32, and: &[u16]) -> u32 {
        let known = self.subgroup(by);
        if and.iter().all(|renaming| known.binary_search(renaming).is_ok()) {
            return by;
        }
        let mut generators = known.to_vec();
        generators.extend_from_slice(and);
        let mut elements: BTreeSet<u16> = [IDENTITY].into();
        let mut open = vec![IDENTITY];
        while let Some(element) = open.pop() {
            for &generator in &generators {
                let product = self.product(element, generator);
                if elements.insert(product) {
                    open.push(product);
                }
            }
        }
        let elements: Vec<u16> = elements.into_iter().collect();
        if let Some(&number) = self.subgroup_numbers.get(&elements) {
            return number;
        }
        let number = self.subgroups.len() as u32;
        self.subgroup_numbers.insert(elements.clone(), number);
        self.subgroups.push(elements);
        number
    }

    /// What a row of views, that of a client after the last round, is when the processes are renamed.
    pub(super) fn content(
        &mut self,
        renaming: u16,
        views: &mut Views,
        content: &[u32],
        renamed: &mut Vec<u32>,
    ) {
        renamed.clear();
        renamed.extend(content.iter().map(|&view| self.view(renaming, views, view)));
        renamed[1..].sort_unstable_by_key(|&view| views.owner(view));
    }

    /// Of the contents that a client's view can be renamed to one that stands for all of them, and the
    /// renamings that give it.
    pub(super) fn least_content(
        &mut self,
        views: &mut Views,
        content: &[u32],
        least: &mut Vec<u32>,
        by: &mut Vec<u16>,
    ) {
        by.clear();
        let of_own = self.least(views, content[0]);
        let size = views.network.size();
        // By process: its view in the content, and the least that it is renamed to.
        let (mut received, mut best) = (vec![NO_VIEW; size], vec![NO_VIEW; size]);
        content[1..].iter().for_each(|&view| received[views.owner(view)] = view);
        for position in 0..self.least[of_own].len() {
            let renaming = self.least[of_own][position];
            let inverse = usize::from(self.inverse(renaming));
            // One of the first processes decides, mostly.
            let mut order = if by.is_empty() { Ordering::Less } else { Ordering::Equal };
            for process in 0..size {
                let renamed = match received[self.renamings[inverse][process]] {
                    NO_VIEW => NO_VIEW,
                    view => self.view(renaming, views, view),
                };
                order = order.then(renamed.cmp(&best[process]));
                match order {
                    Ordering::Less => best[process] = renamed,
                    Ordering::Equal => {}
                    Ordering::Greater => break,
                }
            }
            match order {
                Ordering::Less => {
                    by.clear();
                    by.push(renaming);
                }
                Ordering::Equal => by.push(renaming),
                Ordering::Greater => {}
            }
        }
        least.clear();
        least.push(self.view(by[0], views, content[0]));
        least.extend(best.into_iter().filter(|&view| view != NO_VIEW));
    }

    /// Which list of renamings gives a view its least number.
    fn least(&mut self, views: &mut Views, view: u32) -> usize {
        if let Some(&known) = self.least_of.get(view as usize).filter(|&&known| known != NO_VIEW) {
            return known as usize;
        }
        let images: Vec<u32> = self.all().map(|renaming| self.view(renaming, views, view)).collect();
        let least = images.iter().min();
        let by: Vec<u16> =
            self.all().filter(|&renaming| Some(&images[usize::from(renaming)]) == least).collect();
        let new = self.least.len() as u32;
        let number = *self.least_numbers.entry(by.clone()).or_insert(new);
        if number == new {
            self.least.push(by);
        }
        if self.least_of.len() <= view as usize {
            self.least_of.resize(view as usize + 1, NO_VIEW);
        }
        self.least_of[view as usize] = number;
        number as usize
    }

    /// The number of a renamed view.
    pub(super) fn view(&mut self, renaming: u16, views: &mut Views, view: u32) -> u32 {
        if renaming == IDENTITY {
            return view;
        }
        let of = usize::from(renaming);
        if let Some(&known) = self.views[of].get(view as usize).filter(|&&known| known != NO_VIEW) {
            return known;
        }
        let renamed = match views.after_a_round(view) {
            None => {
                let is_asked = views.content(view)[2] == 1;
                views.root(self.renamings[of][views.owner(view)], is_asked)
            }
            Some(content) => {
                let content = content.to_vec();
                let mut renamed = Vec::with_capacity(content.len());
                self.content(renaming, views, &content, &mut renamed);
                views.intern(&renamed)
            }
        };
        let known = &mut self.views[of];
        if known.len() <= view as usize {
            known.resize(view as usize + 1, NO_VIEW);
        }
        known[view as usize] = renamed;
        renamed
    }

    pub(super) fn bytes(&self) -> usize {
        let views: usize = self.views.iter().map(|views| views.capacity() * 4).sum();
        views + self.least_of.capacity() * 4 + self.products.len() * 2
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
