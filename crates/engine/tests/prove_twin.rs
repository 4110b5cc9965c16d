//! A naive twin of the search for proofs: every static world of one or two servers, one by one, compared with
//! what `prove` finds.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};
use threeworlds_certificate::{Certificate, Claim, Servers, Task, Timing};
use threeworlds_engine::{Quiet, Scope, prove};
use threeworlds_model::{FaultClass, FaultModel, FaultRule, System};

/// The clients that ask.
const CLIENTS: usize = 2;

// ---------------------------------------------------------------------------------------------------------
// Worlds.

/// What may happen to a faulty process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Stops { from: usize },
    Omits { sends: bool, receives: bool },
}

/// The ways to be faulty in a class.
fn ways(class: FaultClass, epochs: usize) -> Vec<Fault> {
    let send = Fault::Omits { sends: true, receives: false };
    let receive = Fault::Omits { sends: false, receives: true };
    match class {
        FaultClass::None => vec![],
        FaultClass::Crash => (0..epochs).map(|from| Fault::Stops { from }).collect(),
        FaultClass::SendOmission => vec![send],
        FaultClass::ReceiveOmission => vec![receive],
        FaultClass::SendOrReceiveOmission => vec![send, receive],
        FaultClass::Omission => vec![Fault::Omits { sends: true, receives: true }],
    }
}

/// A question, ready to be taken apart: servers come first, then the two clients.
struct Twin {
    servers: usize,
    epochs: usize,
    may_be_late: bool,
    /// Sender and receiver.
    links: Vec<(usize, usize)>,
    /// Who may be faulty together, and how.
    faulty: BTreeSet<Vec<Option<Fault>>>,
}

/// What a link does in each epoch (a bit for each in which nothing gets through), and whether something is
/// lost for which nobody is to blame.
type Course = (u8, bool);

impl Twin {
    fn new(claim: &Claim, epochs: usize) -> Twin {
        let system = &claim.system;
        let servers = usize::from(system.servers);
        let all = servers + CLIENTS;
        let mut links = Vec::new();
        for from in 0..all {
            for to in 0..all {
                let both_clients = from >= servers && to >= servers;
                if from != to && (system.client_links || !both_clients) {
                    links.push((from, to));
                }
            }
        }
        let mut twin = Twin {
            servers,
            epochs,
            may_be_late: claim.timing != Timing::LockStep,
            links,
            faulty: BTreeSet::new(),
        };
        let names: Vec<_> = system.processes().collect();
        let rules: Vec<(Vec<usize>, FaultClass, usize)> = claim
            .fault_model
            .rules
            .iter()
            .map(|rule| {
                let position = |process| names.iter().position(|name| name == process).unwrap();
                (rule.processes.iter().map(position).collect(), rule.class, rule.at_most)
            })
            .collect();
        twin.choose_faulty(&rules, &mut Vec::new(), &mut vec![0; rules.len()]);
        twin
    }

    /// For each process: nothing, or a fault that is charged to a rule which has one left.
    fn choose_faulty(
        &mut self,
        rules: &[(Vec<usize>, FaultClass, usize)],
        so_far: &mut Vec<Option<Fault>>,
        charged: &mut Vec<usize>,
    ) {
        let process = so_far.len();
        if process == self.servers + CLIENTS {
            self.faulty.insert(so_far.clone());
            return;
        }
        so_far.push(None);
        self.choose_faulty(rules, so_far, charged);
        so_far.pop();
        let exempt = |(of, class, _): &(Vec<usize>, FaultClass, usize)| {
            *class == FaultClass::None && of.contains(&process)
        };
        if rules.iter().any(exempt) {
            return;
        }
        for (number, (of, class, at_most)) in rules.iter().enumerate() {
            if !of.contains(&process) || charged[number] == *at_most {
                continue;
            }
            charged[number] += 1;
            for way in ways(*class, self.epochs) {
                so_far.push(Some(way));
                self.choose_faulty(rules, so_far, charged);
                so_far.pop();
            }
            charged[number] -= 1;
        }
    }

    /// Everything that a link may do.
    fn courses(&self, (from, to): (usize, usize), faults: &[Option<Fault>]) -> Vec<Course> {
        let stopped = |epoch: usize| matches!(faults[from], Some(Fault::Stops { from }) if from <= epoch);
        let omitted = matches!(faults[from], Some(Fault::Omits { sends: true, .. }))
            || matches!(faults[to], Some(Fault::Omits { receives: true, .. }));
        let mut courses = Vec::new();
        'course: for blocked in 0u8..1 << self.epochs {
            let is_blocked = |epoch: usize| blocked >> epoch & 1 == 1;
            let mut late = false;
            for epoch in 0..self.epochs {
                if stopped(epoch) {
                    if !is_blocked(epoch) {
                        continue 'course;
                    }
                } else if is_blocked(epoch) && !omitted {
                    let to_the_end = (epoch..self.epochs).all(is_blocked);
                    if !self.may_be_late || !to_the_end {
                        continue 'course;
                    }
                    late = true;
                }
            }
            courses.push((blocked, late));
        }
        courses
    }

    /// How many worlds there are, when each client asks once or never.
    fn count(&self) -> usize {
        let asks = (self.epochs + 1).pow(2);
        let courses = |faults| self.links.iter().map(move |&link| self.courses(link, faults).len());
        self.faulty.iter().map(|faults| courses(faults).product::<usize>() * asks).sum()
    }

    fn observations(&self) -> Observations {
        let mut seen = Observations::default();
        for faults in &self.faulty {
            let courses: Vec<_> = self.links.iter().map(|&link| self.courses(link, faults)).collect();
            let mut hears = vec![[0u8; 4]; self.epochs];
            self.choose_links(faults, &courses, 0, false, &mut hears, &mut seen);
        }
        seen
    }

    fn choose_links(
        &self,
        faults: &[Option<Fault>],
        courses: &[Vec<Course>],
        link: usize,
        late: bool,
        hears: &mut Vec<[u8; 4]>,
        seen: &mut Observations,
    ) {
        let Some(&(from, to)) = self.links.get(link) else {
            self.observe(faults, late, hears, seen);
            return;
        };
        for &(blocked, this_late) in &courses[link] {
            for (epoch, hears) in hears.iter_mut().enumerate() {
                hears[to] &= !(1 << from);
                if blocked >> epoch & 1 == 0 {
                    hears[to] |= 1 << from;
                }
            }
            self.choose_links(faults, courses, link + 1, late || this_late, hears, seen);
        }
    }

    /// Notes what the clients see in a world, whatever they ask for and when.
    fn observe(&self, faults: &[Option<Fault>], late: bool, hears: &[[u8; 4]], seen: &mut Observations) {
        let all = self.servers + CLIENTS;
        let audience: Vec<[u8; 4]> = hears.iter().map(|hears| reaching(hears, all)).collect();
        let number = faults.iter().flatten().count();
        // An epoch, or `epochs` for never.
        for first in 0..=self.epochs {
            for second in 0..=self.epochs {
                let asks = [first, second];
                let stopped = |client: usize| {
                    matches!(faults[self.servers + client],
                        Some(Fault::Stops { from }) if asks[client] < self.epochs && from <= asks[client])
                };
                if (0..CLIENTS).any(stopped) {
                    continue;
                }
                let mut one = Observed { asks, views: [0; 2], forced: [false; 2] };
                let mut before = [0u128; 4];
                for (epoch, (audience, hears)) in audience.iter().zip(hears).enumerate() {
                    let mut now = [0u128; 4];
                    for (me, now) in now.iter_mut().enumerate().take(all) {
                        *now = self.view(me, epoch, audience, hears, asks, &before);
                    }
                    for client in (0..CLIENTS).filter(|&client| asks[client] == epoch) {
                        let me = self.servers + client;
                        one.views[client] = now[me] | ((1 + me as u128) << 120) | ((epoch as u128) << 123);
                        one.forced[client] = !late && faults[me].is_none();
                    }
                    before = now;
                }
                let least = seen.fewest_faulty.entry(one).or_insert(number);
                *least = number.min(*least);
            }
        }
    }

    /// What a process knows at the end of an epoch, packed: of each process from which news can have come,
    /// that it did, whether it asks, whom it hears, and what it knew before. Two epochs of four processes
    /// fit.
    fn view(
        &self,
        me: usize,
        epoch: usize,
        audience: &[u8; 4],
        hears: &[u8; 4],
        asks: [usize; 2],
        before: &[u128; 4],
    ) -> u128 {
        let width = if epoch == 0 { 6 } else { 30 };
        let mut view = 0;
        for of in (0..4).filter(|of| audience[me] >> of & 1 == 1) {
            let asking = of >= self.servers && asks[of - self.servers] == epoch;
            let news = 1 | (u128::from(asking) << 1) | (u128::from(hears[of]) << 2) | (before[of] << 6);
            view |= news << (width * of);
        }
        view
    }
}

/// For each process those from which a path leads to it, itself included.
fn reaching(hears: &[u8; 4], all: usize) -> [u8; 4] {
    let mut reach = [0; 4];
    for (me, reach) in reach.iter_mut().enumerate().take(all) {
        *reach = 1 << me;
        for _ in 0..all {
            for (of, heard) in hears.iter().enumerate() {
                if *reach >> of & 1 == 1 {
                    *reach |= heard;
                }
            }
        }
    }
    reach
}

// ---------------------------------------------------------------------------------------------------------
// What follows from them.

/// What matters of a world: when each client asks, what it has seen when that epoch ends (0 if it never
/// asks), and whether it has to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Observed {
    asks: [usize; 2],
    views: [u128; 2],
    forced: [bool; 2],
}

/// All worlds of a question, as far as they matter, with the fewest faulty processes of each.
#[derive(Default)]
struct Observations {
    fewest_faulty: FxHashMap<Observed, usize>,
}

/// The worlds of a proof and, in all of them together, the faulty processes.
type Cost = (usize, usize);

impl Observations {
    /// The worlds, and the views that have to be answered.
    fn worlds(&self) -> (Vec<(Observed, usize)>, FxHashSet<u128>) {
        let mut worlds: Vec<(Observed, usize)> =
            self.fewest_faulty.iter().map(|(&one, &faulty)| (one, faulty)).collect();
        worlds.sort_unstable();
        let forced = |(one, _): &(Observed, usize)| {
            let one = *one;
            (0..CLIENTS).filter(move |&client| one.forced[client]).map(move |client| one.views[client])
        };
        let answered = worlds.iter().flat_map(forced).collect();
        (worlds, answered)
    }

    /// Whether the responses of a write-once register contradict each other: equal views are answered alike,
    /// so are the clients of one world, each with something that was written by then.
    fn write_once_contradiction(&self) -> bool {
        let (worlds, answered) = self.worlds();
        let mut numbers: FxHashMap<u128, usize> = FxHashMap::default();
        let mut parent: Vec<usize> = Vec::new();
        let mut left: Vec<u8> = Vec::new();
        fn root(parent: &mut [usize], mut node: usize) -> usize {
            while parent[node] != node {
                parent[node] = parent[parent[node]];
                node = parent[node];
            }
            node
        }
        for (one, _) in &worlds {
            let mut together = Vec::new();
            for client in (0..CLIENTS).filter(|&client| answered.contains(&one.views[client])) {
                let next = parent.len();
                let node = *numbers.entry(one.views[client]).or_insert(next);
                if node == next {
                    parent.push(next);
                    left.push(0b11);
                }
                let written = (0..CLIENTS).filter(|&by| one.asks[by] <= one.asks[client]);
                let written = written.fold(0, |set, by| set | (1 << by));
                let node = root(&mut parent, node);
                left[node] &= written;
                together.push(node);
            }
            if let [first, second] = together[..] {
                let (first, second) = (root(&mut parent, first), root(&mut parent, second));
                parent[second] = first;
                left[first] &= left[second];
            }
        }
        (0..parent.len()).any(|node| parent[node] == node && left[node] == 0)
    }

    /// Whether the responses to reads of a register contradict each other, `writer` being the one who
    /// writes: whoever reads after the write was answered reads what was written, and whoever reads before
    /// anyone writes reads the initial value.
    fn register_contradiction(&self, writer: usize) -> bool {
        let (worlds, answered) = self.worlds();
        let reader = 1 - writer;
        let mut left: FxHashMap<u128, u8> = FxHashMap::default();
        let mut contradiction = false;
        for (one, _) in &worlds {
            if !answered.contains(&one.views[reader]) {
                continue;
            }
            let over = one.asks[writer] < one.asks[reader] && answered.contains(&one.views[writer]);
            let possible = match one.asks[writer] <= one.asks[reader] {
                false => 0b01,
                true if over => 0b10,
                true => 0b11,
            };
            let left = left.entry(one.views[reader]).or_insert(0b11);
            *left &= possible;
            contradiction |= *left == 0;
        }
        contradiction
    }

    /// The cheapest chain of worlds from one in which a response can only be what the first client wrote to
    /// one in which a response can only be what the second wrote: each shares a view with the one before it,
    /// and every such view is forced by one of them or by a world that is counted for that alone.
    ///
    /// No world is worth a second visit: a chain that comes back to it is shorter without what is between.
    fn cheapest(&self) -> Option<Cost> {
        let (worlds, answered) = self.worlds();
        let mut forcing: FxHashMap<u128, Cost> = FxHashMap::default();
        for (one, faulty) in &worlds {
            for client in (0..CLIENTS).filter(|&client| one.forced[client]) {
                let least = forcing.entry(one.views[client]).or_insert((1, *faulty));
                *least = (1, *faulty).min(*least);
            }
        }
        let plus = |one: Cost, other: Cost| (one.0 + other.0, one.1 + other.1);
        // What it costs to have a view answered, in a world that forces it or does not.
        let owed = |view: u128, settled: bool| if settled { (0, 0) } else { forcing[&view] };
        let least = |costs: &mut BTreeMap<(u128, bool), Cost>, key: (u128, bool), cost: Cost| {
            let entry = costs.entry(key).or_insert(cost);
            *entry = cost.min(*entry);
        };
        // By view, and whether it is forced there: what a world costs that begins, ends or continues a chain.
        let mut starts: BTreeMap<(u128, bool), Cost> = BTreeMap::new();
        let mut ends: BTreeMap<(u128, bool), Cost> = BTreeMap::new();
        let mut steps: BTreeMap<u128, BTreeMap<(bool, u128, bool), Cost>> = BTreeMap::new();
        for (one, faulty) in &worlds {
            let here = (1, *faulty);
            let given = |client: usize| answered.contains(&one.views[client]);
            for client in (0..CLIENTS).filter(|&client| given(client)) {
                let other = 1 - client;
                let (view, forced) = (one.views[client], one.forced[client]);
                let (next, next_forced) = (one.views[other], one.forced[other]);
                let alone = one.asks[client] < one.asks[other];
                let costs = if client == 0 { &mut starts } else { &mut ends };
                if alone {
                    least(costs, (view, forced), here);
                }
                if given(other) {
                    if alone {
                        // This world begins or ends the chain and belongs to its next step as well.
                        least(costs, (next, next_forced), plus(here, owed(view, forced)));
                    }
                    let steps = steps.entry(view).or_default();
                    let least = steps.entry((forced, next, next_forced)).or_insert(here);
                    *least = here.min(*least);
                }
            }
        }
        // A view, and whether a world that forces it is counted already.
        let mut queue: BTreeSet<(Cost, u128, bool)> =
            starts.iter().map(|(&(view, settled), &cost)| (cost, view, settled)).collect();
        let mut done = BTreeSet::new();
        let mut best: Option<Cost> = None;
        while let Some((cost, view, settled)) = queue.pop_first() {
            if best.is_some_and(|best| best <= cost) || !done.insert((view, settled)) {
                continue;
            }
            if !settled {
                queue.insert((plus(cost, forcing[&view]), view, true));
            }
            for forced in [false, true] {
                if let Some(&end) = ends.get(&(view, forced)) {
                    let all = plus(plus(cost, end), owed(view, settled || forced));
                    best = Some(best.map_or(all, |best| best.min(all)));
                }
            }
            for (&(forced, next, next_forced), &step) in steps.get(&view).into_iter().flatten() {
                if settled || forced {
                    queue.insert((plus(cost, step), next, next_forced));
                }
            }
        }
        best
    }
}

// ---------------------------------------------------------------------------------------------------------
// The two against each other.

fn claim(servers: u16, model: impl FnOnce(&System) -> FaultModel) -> Claim {
    let mut system = System { servers, clients: 2, faults: 0, client_links: false };
    let fault_model = model(&system);
    system.faults = u16::try_from(fault_model.max_faulty_servers(&system)).unwrap();
    Claim {
        system,
        servers: Servers::Exactly,
        fault_model,
        timing: Timing::LockStep,
        task: Task::WriteOnceRegister,
        rounds: None,
    }
}

fn ruled(servers: u16, rules: &[String]) -> Claim {
    claim(servers, |system| FaultModel {
        rules: rules.iter().map(|rule| FaultRule::parse(rule, system).unwrap()).collect(),
    })
}

/// All pairs of fault classes, all budgets, in lock-step and under partial synchrony.
fn usual(servers: u16) -> Vec<Claim> {
    let mut claims = Vec::new();
    for timing in [Timing::LockStep, Timing::PartialSynchrony] {
        for faults in 1..=servers.into() {
            for &of in FaultClass::ALL {
                for &clients in FaultClass::ALL {
                    let usual = |system: &System| FaultModel::usual(system, faults, of, clients);
                    claims.push(Claim { timing, ..claim(servers, usual) });
                }
            }
        }
    }
    claims
}

/// A rule for each process: every way, or every so many-th.
fn one_rule_each(servers: u16, step: usize) -> Vec<Claim> {
    let classes = FaultClass::ALL.len();
    let names: Vec<String> =
        (1..=servers).map(|number| format!("s{number}")).chain(["c1".to_owned(), "c2".to_owned()]).collect();
    let rule = |mut code: usize| {
        let mut rules = Vec::new();
        for name in &names {
            rules.push(format!("{name}: {}", FaultClass::ALL[code % classes]));
            code /= classes;
        }
        rules
    };
    let all = classes.pow(u32::try_from(names.len()).unwrap());
    (0..all).step_by(step).map(|code| ruled(servers, &rule(code))).collect()
}

/// Budgets that overlap, witnesses, one client who is worse than the other.
fn mixed() -> Vec<Claim> {
    let lists: [&[&str]; 16] = [
        &["1 of servers: omission", "1 of clients: omission"],
        &["1 of servers: omission", "1 of clients: crash"],
        &["1 of servers: omission", "1 of servers: crash", "clients: omission"],
        &["1 of servers: omission", "w: none", "clients: omission"],
        &["1 of servers: omission", "c1: omission", "c2: crash"],
        &["1 of servers: omission", "c1: omission", "c2: send-omission"],
        &["1 of servers: omission", "c1: omission", "c2: receive-omission"],
        &["1 of servers: omission", "c1: send-omission", "c2: receive-omission"],
        &["1 of servers: omission", "c1: send-or-receive-omission", "c2: omission"],
        &["1 of processes: omission"],
        &["2 of processes: omission"],
        &["2 of processes: send-or-receive-omission"],
        &["3 of processes: crash"],
        &["1 of servers: send-omission", "1 of servers: receive-omission", "clients: omission"],
        &["1 of servers: send-omission", "1 of servers: receive-omission", "clients: crash"],
        &["s1: crash", "1 of servers: receive-omission", "clients: send-or-receive-omission"],
    ];
    let read =
        |rules: &&[&str]| ruled(2, &rules.iter().map(|rule| (*rule).to_owned()).collect::<Vec<String>>());
    lists.iter().map(read).collect()
}

/// One server that omits, two clients with a class each: what is asked for may have to come one after the
/// other.
fn one_omits() -> Vec<Claim> {
    use FaultClass::{Crash, None, Omission, ReceiveOmission, SendOmission, SendOrReceiveOmission};
    let mut claims = Vec::new();
    for of in [SendOmission, ReceiveOmission, SendOrReceiveOmission, Omission] {
        for first in [None, Crash, SendOmission, ReceiveOmission, SendOrReceiveOmission] {
            for second in [None, Crash, SendOmission, ReceiveOmission, SendOrReceiveOmission] {
                let rules = [format!("1 of servers: {of}"), format!("c1: {first}"), format!("c2: {second}")];
                claims.push(ruled(2, &rules));
            }
        }
    }
    claims.push(ruled(2, &["servers", "clients"].map(|who| format!("1 of {who}: {SendOrReceiveOmission}"))));
    claims
}

/// The same, other than in one way.
fn also(claims: Vec<Claim>, change: impl Fn(&mut Claim)) -> Vec<Claim> {
    let changed = claims.iter().cloned().map(|mut claim| {
        change(&mut claim);
        claim
    });
    let changed: Vec<Claim> = changed.collect();
    claims.into_iter().chain(changed).collect()
}

fn late(claim: &mut Claim) {
    claim.timing = Timing::PartialSynchrony;
}

fn certificate(claim: &Claim, epochs: usize) -> Option<Certificate> {
    let scope = Scope { groups: claim.system.servers.into(), epochs };
    let proof = prove(claim, scope, &mut Quiet).unwrap();
    assert_eq!(proof.searched.stopped, None);
    proof.certificate
}

/// How many questions were compared, and in how many of them there is a proof.
#[derive(Debug, Default, PartialEq, Eq)]
struct Compared {
    questions: usize,
    proofs: usize,
    /// Proofs that take two epochs.
    two_epochs: usize,
    /// Proofs whose servers stand alone: those have the fewest faulty processes too.
    single: usize,
}

impl Compared {
    fn compare(&mut self, claim: &Claim, epochs: usize) {
        let seen = Twin::new(claim, epochs).observations();
        let expected = match claim.task {
            Task::Register => (0..CLIENTS).any(|writer| seen.register_contradiction(writer)),
            _ => seen.write_once_contradiction(),
        };
        let certificate = certificate(claim, epochs);
        assert_eq!(certificate.is_some(), expected, "{epochs} epochs, {claim:?}");
        self.questions += 1;
        self.proofs += usize::from(expected);
        let Some(certificate) = certificate else { return };
        let used = certificate.worlds[0].phases.len();
        self.two_epochs += usize::from(used == 2);
        if claim.task == Task::Register {
            return;
        }
        let seen = if used == epochs { seen } else { Twin::new(claim, used).observations() };
        let (worlds, _) = seen.cheapest().unwrap();
        let question = format!("{used} epochs, {claim:?} {}", certificate.text());
        assert_eq!(certificate.worlds.len(), worlds, "{question}");
        // Nor is there a chain of as many worlds with fewer faulty processes. (Servers in one group are faulty together: then
        // single ones might do with fewer.)
        if certificate.blocks.len() == usize::from(claim.system.servers) + CLIENTS {
            let faulty = certificate.worlds.iter().map(|world| world.faulty.iter().flatten().count()).sum();
            assert_eq!(Some((worlds, faulty)), seen.cheapest(), "{question}");
            self.single += 1;
        }
    }
}

/// Compares all of these: how many questions, proofs, and proofs that take two epochs that has to be.
#[track_caller]
fn compare(claims: &[Claim], epochs: usize, [questions, proofs, two_epochs]: [usize; 3]) -> Compared {
    let mut compared = Compared::default();
    claims.iter().for_each(|claim| compared.compare(claim, epochs));
    let Compared { single, .. } = compared;
    assert_eq!(compared, Compared { questions, proofs, two_epochs, single });
    compared
}

/// Those of them that have at most so many worlds.
fn small(claims: Vec<Claim>, epochs: usize, most: usize) -> Vec<Claim> {
    claims.into_iter().filter(|claim| Twin::new(claim, epochs).count() <= most).collect()
}

fn registers(claims: Vec<Claim>) -> Vec<Claim> {
    claims.into_iter().map(|claim| Claim { task: Task::Register, ..claim }).collect()
}

fn linked_clients(claim: &mut Claim) {
    claim.system.client_links = true;
}

#[test]
fn one_server_one_epoch() {
    let compared = compare(&also(usual(1), linked_clients), 1, [144, 95, 0]);
    assert_eq!(compared.single, compared.proofs);
    compare(&also(also(one_rule_each(1, 1), late), linked_clients), 1, [864, 495, 0]);
}

#[test]
fn one_server_two_epochs() {
    compare(&also(usual(1), linked_clients), 2, [144, 95, 0]);
    compare(&also(one_rule_each(1, 1), late), 2, [432, 360, 0]);
}

#[test]
fn two_servers_one_epoch() {
    let compared = compare(&usual(2), 1, [144, 77, 0]);
    assert_eq!(compared.single, 17);
    compare(&small(also(usual(2), linked_clients), 1, 50_000), 1, [198, 68, 0]);
}

#[test]
fn two_servers_one_epoch_and_mixed_rules() {
    compare(&also(mixed(), late), 1, [32, 23, 0]);
    compare(&also(one_rule_each(2, 7), late), 1, [372, 260, 0]);
}

#[test]
fn two_servers_two_epochs() {
    compare(&small(usual(2), 2, 1_100_000), 2, [53, 16, 1]);
}

#[test]
fn two_servers_two_epochs_and_mixed_rules() {
    compare(&small(mixed(), 2, 1_100_000), 2, [6, 4, 0]);
    compare(&small(one_rule_each(2, 7), 2, 300_000), 2, [90, 45, 0]);
}

#[test]
fn two_servers_of_which_one_omits_two_epochs() {
    compare(&small(one_omits(), 2, 500_000), 2, [77, 7, 7]);
}

#[test]
fn registers_with_one_server() {
    compare(&registers(usual(1)), 2, [72, 60, 60]);
    compare(&registers(also(one_rule_each(1, 1), late)), 2, [432, 360, 360]);
}

#[test]
fn registers_with_two_servers() {
    compare(&registers(usual(2)), 1, [144, 0, 0]);
    compare(&small(registers(usual(2)), 2, 600_000), 2, [48, 13, 13]);
    // What is late as long as one pleases: the shared register that needs a majority.
    let mut late_crashes =
        claim(2, |system| FaultModel::usual(system, 1, FaultClass::Crash, FaultClass::Crash));
    late(&mut late_crashes);
    compare(&registers(vec![late_crashes]), 2, [1, 1, 1]);
    compare(&small(registers(one_rule_each(2, 11)), 2, 300_000), 2, [54, 26, 26]);
}
