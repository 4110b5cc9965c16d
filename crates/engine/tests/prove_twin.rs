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
        let courses = |faults| self.links.iter().map(|&link| self.courses(link, faults).len());
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
                hears[to] = hears[to] & !(1 << from) | u8::from(blocked >> epoch & 1 == 0) << from;
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
                for epoch in 0..self.epochs {
                    let mut now = [0u128; 4];
                    for me in 0..all {
                        now[me] = self.view(me, epoch, &audience[epoch], &hears[epoch], asks, &before);
                    }
                    for client in (0..CLIENTS).filter(|&client| asks[client] == epoch) {
                        let me = self.servers + client;
                        one.views[client] = now[me] | (1 + me as u128) << 120 | (epoch as u128) << 123;
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
            let news = 1 | u128::from(asking) << 1 | u128::from(hears[of]) << 2 | before[of] << 6;
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
                let written = written.fold(0, |set, by| set | 1 << by);
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

    /// In one epoch: the cheapest chain of worlds from one with the first client alone to one with the second
    /// alone, each with a view of the one before it, and every such view forced by one of them or by a world
    /// that is counted for that alone.
    fn cheapest_in_one_epoch(&self) -> Option<Cost> {
        let (worlds, answered) = self.worlds();
        let mut forcing: BTreeMap<u128, usize> = BTreeMap::new();
        let mut alone: [BTreeMap<(u128, bool), usize>; 2] = Default::default();
        let mut shared: BTreeMap<u128, BTreeMap<(bool, u128, bool), usize>> = BTreeMap::new();
        let least = |entry: &mut usize, faulty: usize| *entry = faulty.min(*entry);
        for &(one, faulty) in &worlds {
            for client in (0..CLIENTS).filter(|&client| answered.contains(&one.views[client])) {
                let (view, forced) = (one.views[client], one.forced[client]);
                if forced {
                    least(forcing.entry(view).or_insert(faulty), faulty);
                }
                let other = 1 - client;
                if one.views[other] == 0 {
                    least(alone[client].entry((view, forced)).or_insert(faulty), faulty);
                } else if answered.contains(&one.views[other]) {
                    let step = (forced, one.views[other], one.forced[other]);
                    let steps = shared.entry(view).or_default();
                    least(steps.entry(step).or_insert(faulty), faulty);
                }
            }
        }
        // A view, and whether a world that forces it is counted already.
        let mut queue: BTreeSet<(Cost, u128, bool)> =
            alone[0].iter().map(|(&(view, forced), &faulty)| ((1, faulty), view, forced)).collect();
        let mut done = BTreeSet::new();
        let mut best: Option<Cost> = None;
        while let Some((cost, view, settled)) = queue.pop_first() {
            if !done.insert((view, settled)) {
                continue;
            }
            let go = |faulty: usize| (cost.0 + 1, cost.1 + faulty);
            if !settled {
                queue.insert((go(forcing[&view]), view, true));
            }
            for forced in [false, true] {
                if let Some(&faulty) = alone[1].get(&(view, forced)).filter(|_| settled || forced) {
                    best = Some(best.map_or(go(faulty), |best| best.min(go(faulty))));
                }
            }
            for (&(forced, to, to_forced), &faulty) in shared.get(&view).into_iter().flatten() {
                if settled || forced {
                    queue.insert((go(faulty), to, to_forced));
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
#[derive(Debug, Default)]
struct Compared {
    questions: usize,
    proofs: usize,
    of_least_cost: usize,
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
        if epochs > 1 || claim.task == Task::Register {
            return;
        }
        let cost = seen.cheapest_in_one_epoch();
        assert_eq!(cost.is_some(), expected, "{claim:?}");
        let (Some(cost), Some(certificate)) = (cost, certificate) else { return };
        assert_eq!(certificate.worlds.len(), cost.0, "{claim:?} {}", certificate.text());
        // Servers in one group are faulty together: then single ones might do with fewer.
        let blocks = certificate.blocks.len();
        if blocks == usize::from(claim.system.servers) + CLIENTS {
            let faulty = certificate.worlds.iter().map(|world| world.faulty.iter().flatten().count());
            assert_eq!(faulty.sum::<usize>(), cost.1, "{claim:?} {}", certificate.text());
            self.of_least_cost += 1;
        }
    }

    fn all(claims: &[Claim], epochs: usize) -> Compared {
        let mut compared = Compared::default();
        claims.iter().for_each(|claim| compared.compare(claim, epochs));
        println!("{compared:?}");
        compared
    }
}

#[test]
fn one_server_one_epoch() {
    let compared = Compared::all(&usual(1), 1);
    println!("{compared:?}");
    let compared = Compared::all(&also(one_rule_each(1, 1), late), 1);
    println!("{compared:?}");
}

#[test]
fn one_server_two_epochs() {
    Compared::all(&usual(1), 2);
    Compared::all(&also(one_rule_each(1, 3), late), 2);
}

#[test]
fn two_servers_one_epoch() {
    Compared::all(&usual(2), 1);
}

#[test]
fn two_servers_one_epoch_and_mixed_rules() {
    Compared::all(&also(mixed(), late), 1);
    Compared::all(&also(one_rule_each(2, 13), late), 1);
}

#[test]
fn two_servers_two_epochs() {
    let mut claims = usual(2);
    claims.extend(mixed());
    let mut counts: Vec<(usize, &Claim)> =
        claims.iter().map(|claim| (Twin::new(claim, 2).count(), claim)).collect();
    counts.sort_by_key(|(count, _)| *count);
    for (count, claim) in &counts {
        println!(
            "{count} {} {:?}",
            claim.timing,
            claim.fault_model.rules.iter().map(|rule| rule.text(&claim.system)).collect::<Vec<_>>()
        );
    }
    let small: Vec<Claim> =
        counts.iter().filter(|(count, _)| *count < 300_000).map(|(_, claim)| (*claim).clone()).collect();
    Compared::all(&small, 2);
}

#[test]
fn registers() {
    let register = |claims: Vec<Claim>| -> Vec<Claim> {
        claims.into_iter().map(|claim| Claim { task: Task::Register, ..claim }).collect()
    };
    Compared::all(&register(usual(1)), 2);
    Compared::all(&register(one_rule_each(1, 5)), 2);
    Compared::all(&register(usual(2)), 1);
}
