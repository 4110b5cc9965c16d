//! The bounded-round decision: against a twin that enumerates every execution, against what is known, and
//! by running the protocols that it finds.

use std::collections::{BTreeMap, BTreeSet};

use threeworlds_certificate::{Certificate, verify};
use threeworlds_engine::{
    BoundedError, BoundedOutcome, BoundedQuestion, BoundedReport, Judgement, Observer, Progress, Quiet,
    StopReason, Synthesised, check, decide_rounds, least_rounds,
};
use threeworlds_model::{
    Assignment, Capability, FaultClass, FaultModel, FaultRule, Question, System, Task, Workload,
};

const CLASSES: [FaultClass; 6] = [
    FaultClass::None,
    FaultClass::Crash,
    FaultClass::SendOmission,
    FaultClass::ReceiveOmission,
    FaultClass::SendOrReceiveOmission,
    FaultClass::Omission,
];

fn system(servers: u16, clients: u16, client_links: bool) -> System {
    System { servers, clients, faults: 0, client_links }
}

fn usual(servers: u16, clients: u16, of_servers: FaultClass, of_clients: FaultClass) -> BoundedQuestion {
    let system = system(servers, clients, false);
    BoundedQuestion::new(system, FaultModel::usual(&system, 1, of_servers, of_clients)).unwrap()
}

fn ruled(system: System, rules: &[&str]) -> BoundedQuestion {
    let rules = rules.iter().map(|rule| FaultRule::parse(rule, &system).unwrap()).collect();
    BoundedQuestion::new(system, FaultModel { rules }).unwrap()
}

fn decided(question: &BoundedQuestion, rounds: u32) -> BoundedReport {
    let report = decide_rounds(question, rounds, &mut Quiet).unwrap();
    if let BoundedOutcome::Impossible { certificate, .. } = &report.outcome {
        verify(certificate).unwrap();
        assert_eq!(certificate.claim.rounds, Some(rounds));
        assert_eq!(Certificate::parse(&certificate.text()).as_ref(), Ok(&**certificate));
    }
    report
}

fn is_possible(report: &BoundedReport) -> bool {
    match &report.outcome {
        BoundedOutcome::Possible(_) => true,
        BoundedOutcome::Impossible { .. } => false,
        BoundedOutcome::Unknown(reason) => panic!("cut short by {reason:?}"),
    }
}

/// The least number of rounds, if it is at most this.
fn least(question: &BoundedQuestion, at_most: u32) -> Option<u32> {
    let reports = least_rounds(question, at_most, &mut Quiet).unwrap();
    let last = reports.last().unwrap();
    is_possible(last).then_some(last.rounds)
}

/// Enumerates every execution with every fault assignment, and writes down what clients see as text.
struct Naive<'a> {
    system: System,
    assignment: &'a Assignment,
    rounds: u32,
    asked: &'a [bool],
    /// For each execution what the clients that were asked see in the end, `None` for the crashed.
    found: BTreeSet<Vec<Option<String>>>,
}

impl Naive<'_> {
    fn run(&mut self) {
        let start = self.system.processes().map(|process| {
            let asked = process.is_client() && self.asked[usize::from(process.number()) - 1];
            Some(format!("{process}{}", if asked { "!" } else { "" }))
        });
        self.round(start.collect(), 0);
    }

    fn round(&mut self, views: Vec<Option<String>>, done: u32) {
        if done == self.rounds {
            let clients = views[usize::from(self.system.servers)..].iter().zip(self.asked);
            let seen = clients.map(|(view, asked)| view.clone().filter(|_| *asked));
            self.found.insert(seen.collect());
            return;
        }
        let size = self.system.size();
        let able = |process: usize| self.assignment.capabilities[process];
        for crashing in 0u32..1 << size {
            let crashes = |process: usize| crashing >> process & 1 == 1;
            if (0..size).any(|process| {
                crashes(process) && (able(process) != Some(Capability::Crash) || views[process].is_none())
            }) {
                continue;
            }
            let mut certain = Vec::new();
            let mut open = Vec::new();
            for from in (0..size).filter(|&from| views[from].is_some()) {
                for to in (0..size).filter(|&to| views[to].is_some() && !crashes(to)) {
                    if self.system.linked(self.system.process(from), self.system.process(to)) {
                        let may_be_lost = crashes(from)
                            || able(from).is_some_and(Capability::omits_sends)
                            || able(to).is_some_and(Capability::omits_receives);
                        if may_be_lost { open.push((from, to)) } else { certain.push((from, to)) }
                    }
                }
            }
            for arriving in 0u32..1 << open.len() {
                let open = open.iter().enumerate().filter(|(bit, _)| arriving >> bit & 1 == 1);
                let arrived: BTreeSet<(usize, usize)> =
                    certain.iter().chain(open.map(|(_, link)| link)).copied().collect();
                let next = |to: usize| {
                    let own = views[to].as_ref().filter(|_| !crashes(to))?;
                    let heard = (0..size).filter(|&from| arrived.contains(&(from, to)));
                    let heard: Vec<&str> = heard.map(|from| views[from].as_deref().unwrap()).collect();
                    Some(format!("({own}:{})", heard.join(" ")))
                };
                self.round((0..size).map(next).collect(), done + 1);
            }
        }
    }
}

/// Whether it is possible, how many views are obliged, and how many classes they form.
fn naive(question: &BoundedQuestion, rounds: u32) -> (bool, usize, usize) {
    let system = *question.system();
    let clients = usize::from(system.clients);
    let mut obliged: BTreeSet<String> = BTreeSet::new();
    let mut executions: BTreeSet<(Vec<Option<String>>, Vec<bool>)> = BTreeSet::new();
    for assignment in question.fault_model().assignments(&system).unwrap() {
        for asked in 1u32..1 << clients {
            let asked: Vec<bool> = (0..clients).map(|client| asked >> client & 1 == 1).collect();
            let found = BTreeSet::new();
            let mut naive = Naive { system, assignment: &assignment, rounds, asked: &asked, found };
            naive.run();
            for views in naive.found {
                for (client, view) in views.iter().enumerate() {
                    if assignment.capabilities[usize::from(system.servers) + client].is_none() {
                        obliged.extend(view.clone());
                    }
                }
                executions.insert((views, asked.clone()));
            }
        }
    }
    let numbers: BTreeMap<&String, usize> = obliged.iter().zip(0..).collect();
    let mut class: Vec<usize> = (0..obliged.len()).collect();
    let mut values: Vec<BTreeSet<usize>> = vec![(0..clients).collect(); obliged.len()];
    for (views, asked) in &executions {
        let here: Vec<usize> = views.iter().flatten().filter_map(|view| numbers.get(view).copied()).collect();
        for &view in &here {
            values[view].retain(|&client| asked[client]);
            let (one, other) = (class[here[0]], class[view]);
            class.iter_mut().filter(|class| **class == other).for_each(|class| *class = one);
        }
    }
    let classes: BTreeSet<usize> = class.iter().copied().collect();
    let possible = classes.iter().all(|&one| {
        let of = (0..obliged.len()).filter(|&view| class[view] == one);
        let left = of.fold((0..clients).collect::<BTreeSet<_>>(), |left, view| &left & &values[view]);
        !left.is_empty()
    });
    (possible, obliged.len(), classes.len())
}

#[test]
fn it_agrees_with_enumerating_every_execution() {
    use FaultClass::{Crash, None, Omission, ReceiveOmission, SendOmission, SendOrReceiveOmission};
    let mut questions = Vec::new();
    for of_servers in &CLASSES[1..] {
        for of_clients in CLASSES {
            questions.push((usual(1, 2, *of_servers, of_clients), 3));
            questions.push((usual(2, 2, *of_servers, of_clients), 1));
        }
    }
    for (of_servers, of_clients) in [
        (Crash, None),
        (Crash, Crash),
        (SendOmission, None),
        (SendOmission, Crash),
        (SendOmission, SendOmission),
        (ReceiveOmission, ReceiveOmission),
        (SendOrReceiveOmission, None),
        (Omission, None),
    ] {
        questions.push((usual(2, 2, of_servers, of_clients), 2));
    }
    questions.push((usual(2, 1, Omission, SendOmission), 2));
    questions.push((usual(1, 3, Crash, Crash), 2));
    // Clients that are linked with each other, and rules that are not symmetric.
    for rules in [
        ["any of servers: crash", "any of clients: crash"],
        ["any of servers: omission", "any of clients: crash"],
        ["any of servers: crash", "1 of clients: omission"],
        ["any of servers: send-omission", "c1: crash"],
        ["any of servers: receive-omission", "c2: send-omission"],
        ["any of processes: crash", "clients: none"],
        ["1 of processes: omission", "1 of processes: crash"],
    ] {
        questions.push((ruled(system(1, 2, true), &rules), 2));
    }
    for rules in [
        ["s1: omission", "c2: crash"],
        ["s1: send-omission", "s2: crash"],
        ["1 of s1,s2,c1: omission", "c2: crash"],
        ["1 of processes: omission", "s1: none"],
    ] {
        questions.push((ruled(system(2, 2, false), &rules), 2));
    }
    // Three clients: what two of them see together, and a third that they hear of.
    for (of_servers, of_clients) in [(Omission, None), (Omission, ReceiveOmission), (Crash, SendOmission)] {
        questions.push((usual(1, 3, of_servers, of_clients), 2));
    }
    let rules = ["1 of processes: send-omission", "c3: none"];
    questions.push((ruled(system(1, 3, true), &rules), 2));
    let mut answers = BTreeSet::new();
    for (question, at_most) in questions {
        for rounds in 1..=at_most {
            answers.insert((rounds, agrees_with_enumerating(&question, rounds)));
        }
    }
    assert_eq!(answers.len(), 5, "nothing is possible in 1 round, else there are both: {answers:?}");
}

/// Compares with the twin, and says whether it is possible.
fn agrees_with_enumerating(question: &BoundedQuestion, rounds: u32) -> bool {
    let report = decided(question, rounds);
    let found = (is_possible(&report), report.explored.obliged_views, report.explored.classes);
    let rules: Vec<_> = question.fault_model().rules.iter().map(|r| r.text(question.system())).collect();
    assert_eq!(found, naive(question, rounds), "{:?} {rules:?} {rounds}", question.system());
    found.0
}

/// In no world of the proof can a server be faulty, too: a world of its own says that one may be.
#[test]
fn a_proof_that_needs_no_faulty_server_names_one() {
    let rules = ["s2: none", "1 of s1,s2,c1,c2: omission"];
    let report = decided(&ruled(system(2, 2, true), &rules), 1);
    assert!(!is_possible(&report));
}

/// `THREEWORLDS_ROUNDS_QUESTIONS=N` asks so many random questions, of rules that make processes of a kind
/// differ; without it a few.
#[test]
fn it_agrees_on_random_fault_rules() {
    let many = std::env::var("THREEWORLDS_ROUNDS_QUESTIONS").map_or(12, |many| many.parse().unwrap());
    let mut seed = 1u64;
    let mut random = |below: u64| {
        // Knuth's MMIX generator; its high bits are good.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut asked = 0;
    while asked < many {
        let (servers, clients) = [(1, 2), (2, 2), (1, 3)][random(3) as usize];
        let system = system(servers, clients, random(3) == 0);
        let rules: Vec<String> = (0..1 + random(3))
            .map(|_| {
                let class = CLASSES[random(6) as usize];
                let all: Vec<String> = system.processes().map(|process| process.to_string()).collect();
                let named: Vec<&str> = all.iter().filter(|_| random(2) == 0).map(String::as_str).collect();
                let named = if named.is_empty() { "servers".to_owned() } else { named.join(",") };
                match class {
                    FaultClass::None => format!("{named}: none"),
                    class => format!("{} of {named}: {class}", 1 + random(2)),
                }
            })
            .collect();
        let rules: Vec<FaultRule> =
            rules.iter().filter_map(|rule| FaultRule::parse(rule, &system).ok()).collect();
        let Ok(question) = BoundedQuestion::new(system, FaultModel { rules }) else { continue };
        let open = |assignment: &Assignment| {
            let faulty = assignment.capabilities.iter().enumerate().filter(|(_, able)| able.is_some());
            let links = faulty.map(|(process, able)| {
                let process = system.process(process);
                let linked = system.processes().filter(|&other| system.linked(process, other)).count();
                if *able == Some(Capability::OmitBoth) { 2 * linked } else { linked }
            });
            links.sum::<usize>()
        };
        let assignments = question.fault_model().assignments(&system).unwrap();
        // What the twin can enumerate in a moment.
        let most = assignments.iter().map(open).max().unwrap_or(0);
        for rounds in (1..=3).take_while(|&rounds| rounds * most <= 10 || rounds == 1 && most <= 12) {
            agrees_with_enumerating(&question, rounds as u32);
            asked += 1;
        }
    }
}

/// The theorem, and f = n: nothing helps, however many rounds there are.
#[test]
fn what_is_impossible_in_any_number_of_rounds_is_impossible_in_each() {
    use FaultClass::{Crash, Omission};
    for rounds in 1..=3 {
        assert!(!is_possible(&decided(&usual(2, 2, Omission, Omission), rounds)));
        assert!(!is_possible(&decided(&usual(1, 2, Crash, Crash), rounds)));
        assert!(!is_possible(&decided(&usual(1, 3, Crash, Crash), rounds)));
    }
}

/// Worlds A, B and C of the theorem, with the loss of messages round by round.
#[test]
fn the_theorem_takes_three_worlds_in_any_number_of_rounds() {
    for rounds in 1..=3 {
        let report = decided(&usual(2, 2, FaultClass::Omission, FaultClass::Omission), rounds);
        let BoundedOutcome::Impossible { certificate, is_shortest } = report.outcome else { panic!() };
        assert_eq!((certificate.worlds.len(), is_shortest), (3, true));
        let names: Vec<&str> = certificate.worlds.iter().map(|world| world.name.as_str()).collect();
        assert_eq!(names, ["A", "B", "C"]);
    }
}

/// Least rounds for two servers, of which one may be faulty, and two clients that may all be: by class of
/// the servers (rows) and of the clients (columns), in the order of `CLASSES`; 0 is more than 3.
#[test]
fn the_least_rounds_for_two_servers_and_two_clients() {
    use FaultClass::{Crash, ReceiveOmission, SendOmission};
    let expected = [
        (FaultClass::Crash, [2, 2, 2, 2, 3, 3]),
        (FaultClass::SendOmission, [2, 2, 2, 2, 3, 3]),
        (FaultClass::ReceiveOmission, [2, 2, 2, 2, 2, 2]),
        (FaultClass::SendOrReceiveOmission, [2, 2, 3, 2, 0, 0]),
        (FaultClass::Omission, [2, 2, 0, 2, 0, 0]),
    ];
    for (of_servers, row) in expected {
        let found = CLASSES.map(|of_clients| least(&usual(2, 2, of_servers, of_clients), 3).unwrap_or(0));
        assert_eq!(found, row, "{of_servers}");
    }
    // Whoever survives the stronger class survives the weaker one, as fast.
    let weaker = |one: FaultClass, other: FaultClass| {
        one <= other && !(other == ReceiveOmission && [Crash, SendOmission].contains(&one))
    };
    let within = |one: u32, other: u32| other == 0 || (one != 0 && one <= other);
    for (of_servers, row) in expected {
        for (other_of_servers, other_row) in expected {
            for (of_clients, one) in CLASSES.into_iter().zip(row) {
                for (other_of_clients, other) in CLASSES.into_iter().zip(other_row) {
                    let is_weaker =
                        weaker(of_servers, other_of_servers) && weaker(of_clients, other_of_clients);
                    assert!(!is_weaker || within(one, other));
                }
            }
        }
    }
}

/// One side of everybody can be cut off: impossible for two servers when requests come one after the other,
/// in any number of rounds, but not when all come at once.
#[test]
fn four_rounds_are_enough_for_requests_that_come_together() {
    let class = FaultClass::SendOrReceiveOmission;
    assert_eq!(least(&usual(2, 2, class, class), 4), Some(4));
}

#[test]
fn who_can_be_answered_after_r_rounds_can_be_after_one_more() {
    for of_servers in &CLASSES[1..] {
        for of_clients in CLASSES {
            for servers in 1..=2 {
                let question = usual(servers, 2, *of_servers, of_clients);
                let possible: Vec<bool> =
                    (1..=3).map(|rounds| is_possible(&decided(&question, rounds))).collect();
                assert!(possible.is_sorted(), "{servers} {of_servers} {of_clients}: {possible:?}");
            }
        }
    }
}

/// Runs a protocol that was found against every adversary.
fn checks(question: &BoundedQuestion, protocol: &Synthesised) {
    let system = *question.system();
    let workload = Workload::parse("together; write", Task::WriteOnceRegister, &system).unwrap();
    let of = Question::usual(
        usize::from(system.servers),
        0,
        usize::from(system.clients),
        FaultClass::None,
        FaultClass::None,
    );
    let of = Question { system, workload, ..of.unwrap() }.with_fault_model(question.fault_model().clone());
    let report = check(&of, protocol).unwrap();
    let rules = &question.fault_model().rules;
    assert_eq!((report.safe, report.live), (Judgement::Holds, Judgement::Holds), "{rules:?}");
    assert_eq!(report.worst_case_rounds, [("write", protocol.rounds())].into(), "{rules:?}");
}

#[test]
fn what_is_found_survives_every_adversary() {
    let mut found = 0;
    let mut run = |question: &BoundedQuestion| {
        let mut reports = least_rounds(question, 3, &mut Quiet).unwrap();
        if let BoundedOutcome::Possible(protocol) = reports.pop().unwrap().outcome {
            checks(question, &protocol);
            found += 1;
        }
    };
    for of_servers in &CLASSES[1..] {
        for of_clients in CLASSES {
            run(&usual(2, 2, *of_servers, of_clients));
        }
    }
    run(&ruled(system(1, 2, true), &["any of servers: crash", "clients: none"]));
    run(&ruled(system(2, 2, true), &["1 of servers: omission", "1 of clients: crash"]));
    run(&usual(2, 3, FaultClass::Crash, FaultClass::Crash));
    run(&usual(3, 2, FaultClass::Omission, FaultClass::None));
    assert!(found > 20, "{found}");
}

/// Stops after so many looks.
struct After(usize);

impl Observer for After {
    fn observe(&mut self, _: &Progress) -> Option<StopReason> {
        let over = self.0 == 0;
        self.0 = self.0.saturating_sub(1);
        over.then_some(StopReason::Time)
    }
}

/// Counts the looks.
#[derive(Default)]
struct Looks(usize);

impl Observer for Looks {
    fn observe(&mut self, _: &Progress) -> Option<StopReason> {
        self.0 += 1;
        None
    }
}

#[test]
fn stopped_at_any_look_it_is_the_same_or_unknown() {
    use FaultClass::{Omission, SendOmission};
    for (of_clients, of_servers) in [(Omission, Omission), (Omission, SendOmission)] {
        let question = usual(2, 2, of_servers, of_clients);
        let whole = is_possible(&decided(&question, 3));
        let mut all = Looks::default();
        decide_rounds(&question, 3, &mut all).unwrap();
        let (mut unknown, mut same, mut longer) = (0, 0, 0);
        for looks in (0..=all.0).step_by(all.0.div_ceil(40)).chain([all.0]) {
            let report = decide_rounds(&question, 3, &mut After(looks)).unwrap();
            match report.outcome {
                BoundedOutcome::Unknown(reason) => {
                    assert_eq!(reason, StopReason::Time);
                    unknown += 1;
                }
                BoundedOutcome::Possible(_) => {
                    assert!(whole);
                    same += 1;
                }
                BoundedOutcome::Impossible { certificate, is_shortest } => {
                    assert!(!whole);
                    verify(&certificate).unwrap();
                    longer += usize::from(!is_shortest);
                    same += 1;
                }
            }
        }
        assert!(unknown > 0 && same > 0, "{unknown} unknown, {same} the same");
        assert!(whole || longer > 0, "what was learnt before a limit is a proof, too");
    }
}

#[test]
fn what_is_too_large_is_unknown() {
    let question = usual(30, 2, FaultClass::Omission, FaultClass::Omission);
    let report = decide_rounds(&question, 3, &mut After(3)).unwrap();
    assert!(matches!(report.outcome, BoundedOutcome::Unknown(StopReason::Memory | StopReason::Time)));
    let question = usual(2, 40, FaultClass::Crash, FaultClass::Crash);
    let report = decide_rounds(&question, 2, &mut Quiet).unwrap();
    assert!(matches!(report.outcome, BoundedOutcome::Unknown(StopReason::FaultySets)));
}

#[test]
fn questions_without_an_answer_are_refused() {
    let system = system(2, 2, false);
    let none = FaultModel::usual(&system, 0, FaultClass::Omission, FaultClass::Omission);
    assert!(matches!(BoundedQuestion::new(system, none), Err(BoundedError::NoServerFails)));
    let question = usual(2, 2, FaultClass::Crash, FaultClass::Crash);
    assert!(matches!(decide_rounds(&question, 0, &mut Quiet), Err(BoundedError::NoRounds)));
}

/// One client agrees with itself, without a word.
#[test]
fn one_client_is_answered_at_once() {
    assert_eq!(least(&usual(1, 1, FaultClass::Omission, FaultClass::Omission), 1), Some(1));
}
