//! The fault rules: their grammar, and what they allow against an enumeration by the definition.

#[path = "naive/faults.rs"]
mod faults;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use threeworlds_model::{
    Assignment, Capability, FaultClass, FaultModel, FaultRule, Happened, Process, Question, System,
    TooManyAssignments, parse_processes,
};

use Process::{Client, Server};

fn system(servers: usize, clients: usize) -> System {
    Question::system(servers, clients, false).unwrap()
}

/// Any rule that can be written about this system.
fn rule(system: System) -> impl Strategy<Value = FaultRule> {
    let all: Vec<Process> = system.processes().collect();
    let count = all.len();
    (prop::sample::subsequence(all, 1..=count), prop::sample::select(FaultClass::ALL), 0..=count).prop_map(
        |(processes, class, number)| {
            let at_most = match class {
                FaultClass::None => processes.len(),
                _ => number.min(processes.len()),
            };
            FaultRule { processes, class, at_most }
        },
    )
}

fn small_models(most: usize) -> impl Strategy<Value = (System, FaultModel)> {
    (1..=3usize, 0..=2usize)
        .prop_filter("small", move |(servers, clients)| servers + clients <= most)
        .prop_flat_map(|(servers, clients)| {
            let system = system(servers, clients);
            let rules = prop::collection::vec(rule(system), 0..=4);
            rules.prop_map(move |rules| (system, FaultModel { rules }))
        })
}

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

fn check<T: Strategy>(cases: u32, strategy: T, test: impl Fn(T::Value) -> Result<(), TestCaseError>) {
    TestRunner::new(config(cases)).run(&strategy, test).unwrap_or_else(|error| panic!("{error}"));
}

// The grammar.

#[test]
fn a_rule_is_read_back_from_its_text() {
    let rules = (1..6usize, 0..4usize).prop_flat_map(|(servers, clients)| {
        let system = system(servers, clients);
        rule(system).prop_map(move |rule| (system, rule))
    });
    check(5_000, rules, |(system, rule)| {
        let text = rule.text(&system);
        prop_assert_eq!(FaultRule::parse(&text, &system), Ok(rule), "{}", text);
        Ok(())
    });
}

#[test]
fn the_usual_rules_are_read_back_from_their_text() {
    for clients in 0..=2 {
        let system = system(3, clients);
        for (&of_servers, &of_clients) in
            FaultClass::ALL.iter().flat_map(|one| FaultClass::ALL.iter().map(move |two| (one, two)))
        {
            for faults in 0..=3 {
                let model = FaultModel::usual(&system, faults, of_servers, of_clients);
                let parse = |rule: &FaultRule| FaultRule::parse(&rule.text(&system), &system);
                let again: Result<Vec<FaultRule>, _> = model.rules.iter().map(parse).collect();
                assert_eq!(again, Ok(model.rules.clone()));
                let faulty = if of_servers == FaultClass::None { 0 } else { faults };
                assert_eq!(model.max_faulty_servers(&system), faulty);
            }
        }
    }
}

#[test]
fn rules_as_people_write_them() {
    let system = system(3, 2);
    let servers = vec![Server(1), Server(2), Server(3)];
    let clients = vec![Client(1), Client(2)];
    let all = [servers.clone(), clients.clone()].concat();
    for (text, processes, class, at_most, normal) in [
        ("1 of servers: omission", servers.clone(), FaultClass::Omission, 1, "1 of servers: omission"),
        ("servers:crash", servers.clone(), FaultClass::Crash, 3, "any of servers: crash"),
        (
            "any of clients: send-omission",
            clients.clone(),
            FaultClass::SendOmission,
            2,
            "any of clients: send-omission",
        ),
        (
            "  2  of  s1 , s2-s3 : receive-omission ",
            servers.clone(),
            FaultClass::ReceiveOmission,
            2,
            "2 of servers: receive-omission",
        ),
        ("s2,s1,s2: crash", vec![Server(1), Server(2)], FaultClass::Crash, 2, "any of s1,s2: crash"),
        ("w: none", vec![Server(3)], FaultClass::None, 1, "s3: none"),
        ("w,clients: none", vec![Server(3), Client(1), Client(2)], FaultClass::None, 3, "s3,c1,c2: none"),
        (
            "0 of processes: send-or-receive-omission",
            all.clone(),
            FaultClass::SendOrReceiveOmission,
            0,
            "0 of processes: send-or-receive-omission",
        ),
        ("c1-c2,servers: omission", all, FaultClass::Omission, 5, "any of processes: omission"),
    ] {
        let rule = FaultRule::parse(text, &system).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(rule, FaultRule { processes, class, at_most }, "{text}");
        assert_eq!(rule.text(&system), normal);
    }
}

#[test]
fn a_rule_about_the_clients_of_a_system_without_any_is_read_back() {
    let system = system(2, 0);
    let rule = FaultRule::parse("clients: omission", &system).unwrap();
    assert_eq!(rule, FaultRule { processes: Vec::new(), class: FaultClass::Omission, at_most: 0 });
    assert_eq!(FaultRule::parse(&rule.text(&system), &system), Ok(rule));
}

#[test]
fn errors_point_at_the_place() {
    let system = system(3, 2);
    for (text, position, message) in [
        ("", 0, "a process is missing"),
        ("1", 1, "`of` is missing"),
        ("1 servers: omission", 2, "`of` is missing"),
        ("1x of servers: omission", 0, "`1x` is not a number"),
        ("99999999999999999999999 of servers: crash", 0, "is not a number"),
        ("any of : crash", 7, "a process is missing"),
        ("1 of server: omission", 5, "`server` names no process"),
        ("1 of s1,s9: omission", 8, "there is no s9: the system has 3 servers and 2 clients"),
        ("1 of s1, c3: omission", 9, "there is no c3"),
        ("1 of s0: omission", 5, "`s0` names no process"),
        ("1 of s01: omission", 5, "`s01` names no process"),
        ("s3-s1: crash", 0, "is not a range"),
        ("s1-c2: crash", 0, "is not a range"),
        ("s1-s9: crash", 0, "there is no s9"),
        ("s1,: crash", 3, "a process is missing"),
        ("1 of servers omission", 13, "`:` and a fault class are missing"),
        ("1 of servers", 12, "`:` and a fault class are missing"),
        ("1 of servers:", 13, "`` is not a fault class"),
        ("1 of servers: byzantine", 14, "`byzantine` is not a fault class: use none, crash,"),
        ("1 of servers: crash, 2 of clients: crash", 19, "nothing may follow"),
        ("  4 of servers: crash", 2, "4 faults among 3 processes"),
        ("1 of w: none", 0, "takes no number"),
        // Positions count characters, not bytes.
        ("1 of sérvers: crash", 5, "`sérvers` names no process"),
        ("\u{a0}é: crash", 1, "`é` names no process"),
        ("s1: crash é", 10, "nothing may follow"),
    ] {
        let error = FaultRule::parse(text, &system).expect_err(text);
        assert!(error.message.contains(message), "{text}: {}", error.message);
        assert_eq!(error.position, position, "{text}: {}", error.message);
        assert_eq!(error.text, text);
        let shown = error.to_string();
        let mark = shown.lines().last().unwrap();
        assert_eq!(mark.chars().count(), "  ".len() + position + 1, "{shown}");
        assert!(mark.ends_with('^'));
    }
}

#[test]
fn any_text_is_read_or_refused_at_a_place_within_it() {
    // A rule with a word too few, too many or out of place.
    let word = |words: &'static [&'static str]| prop::sample::select(words);
    let texts = (
        word(&["", "1 of", "any of", "1", "of", "2 of "]),
        word(&["servers", "s1", " s1-s2", "c1", "w", "s9", "é", ""]),
        word(&[":", " :\t", ",", "", "-"]),
        word(&["crash", "none", "omission ", "", "s1"]),
        prop_oneof![3 => Just(String::new()), 1 => ".{0,6}"],
    )
        .prop_map(|(count, who, mark, class, rest)| format!("{count} {who}{mark}{class}{rest}"));
    let (read, refused) = (Cell::new(0), Cell::new(0));
    check(5_000, texts, |text| {
        let system = system(2, 1);
        match FaultRule::parse(&text, &system) {
            Ok(rule) => {
                read.set(read.get() + 1);
                prop_assert_eq!(FaultRule::parse(&rule.text(&system), &system), Ok(rule));
            }
            Err(error) => {
                refused.set(refused.get() + 1);
                prop_assert!(error.position <= text.chars().count());
                prop_assert!(!error.to_string().is_empty());
            }
        }
        Ok(())
    });
    assert!(read.get() > 100 && refused.get() > 500, "{read:?} read, {refused:?} refused");
}

#[test]
fn processes_by_their_names() {
    let system = system(3, 2);
    assert_eq!(parse_processes("c2, s1-s2 ,c2", &system), Ok(vec![Server(1), Server(2), Client(2)]));
    assert_eq!(parse_processes("processes", &system), Ok(system.processes().collect()));
    let error = parse_processes("s1 s2", &system).unwrap_err();
    assert_eq!((error.position, error.message.contains("`,`")), (3, true));
}

// What the rules allow.

#[test]
fn the_assignments_are_those_of_the_definition() {
    let several = Cell::new(0);
    check(500, small_models(5), |(system, model)| {
        let found = model.assignments(&system).unwrap();
        let naive = faults::assignments(&model, &system);
        several.set(several.get() + u32::from(naive.len() > 5));
        let found: Vec<_> = found.into_iter().map(|assignment| assignment.capabilities).collect();
        prop_assert_eq!(found, naive);
        Ok(())
    });
    assert!(several.get() > 50, "too few rules allow anything: {several:?}");
}

#[test]
fn the_maximal_assignments_are_those_that_no_other_contains() {
    let redundant = Cell::new(0);
    let models = small_models(4)
        .prop_flat_map(|(system, model)| (Just(system), Just(model), prop::option::of(0..system.size())));
    check(500, models, |(system, model, excluded)| {
        let excluding = excluded.map(|index| system.process(index));
        let found = model.maximal_assignments(&system, excluding).unwrap();
        let mut naive = faults::assignments(&model, &system);
        naive.retain(|one| excluded.is_none_or(|index| one[index].is_none()));
        let within = |one: &[Option<Capability>], other: &[Option<Capability>]| {
            one.iter().zip(other).all(|(&one, &other)| faults::is_within(one, other))
        };
        for one in &naive {
            let covered = found.iter().any(|assignment| within(one, &assignment.capabilities));
            prop_assert!(covered, "{:?} is in none of {:?}", one, found);
        }
        for one in &found {
            prop_assert!(naive.contains(&one.capabilities), "{:?} is not allowed", one);
            let contained =
                found.iter().any(|other| other != one && within(&one.capabilities, &other.capabilities));
            prop_assert!(!contained, "{:?} is contained in another", one);
        }
        let sorted: BTreeSet<&Assignment> = found.iter().collect();
        prop_assert!(sorted.into_iter().eq(&found));
        redundant.set(redundant.get() + u32::from(naive.len() > found.len() + 3));
        Ok(())
    });
    assert!(redundant.get() > 50, "too little to leave out: {redundant:?}");
}

/// Whether all of this can happen to one process of this class, once a side is chosen.
fn can_happen(happened: Happened, capability: Capability) -> bool {
    let Happened { crashed, omitted_sends, omitted_receives } = happened;
    match capability {
        Capability::Crash => !omitted_sends && !omitted_receives,
        Capability::OmitSends => !crashed && !omitted_receives,
        Capability::OmitReceives => !crashed && !omitted_sends,
        Capability::OmitBoth => !crashed,
    }
}

#[test]
fn charging_finds_a_way_where_there_is_one() {
    let happened = any::<(bool, bool, bool)>().prop_map(|(crashed, omitted_sends, omitted_receives)| {
        // Crash together with omission is in no class.
        let crashed = crashed && !omitted_sends && !omitted_receives;
        Happened { crashed, omitted_sends, omitted_receives }
    });
    let alternatives = prop::collection::vec(happened, 1..3);
    let questions = small_models(5).prop_flat_map(move |(system, model)| {
        let all: Vec<Process> = system.processes().collect();
        let count = all.len();
        let some = prop::sample::subsequence(all, 0..=count).prop_shuffle();
        let some = some.prop_flat_map({
            let alternatives = alternatives.clone();
            move |processes| {
                let happened = prop::collection::vec(alternatives.clone(), processes.len());
                happened.prop_map(move |happened| processes.iter().copied().zip(happened).collect::<Vec<_>>())
            }
        });
        (Just(system), Just(model), some)
    });
    let (possible, impossible) = (Cell::new(0), Cell::new(0));
    check(6_000, questions, |(system, model, happened)| {
        let fits = |assignment: &Vec<Option<Capability>>| {
            system.processes().zip(assignment).all(|(process, capability)| {
                match (happened.iter().find(|(one, _)| *one == process), capability) {
                    (None, None) => true,
                    (Some((_, ways)), &Some(capability)) => {
                        ways.iter().any(|&happened| can_happen(happened, capability))
                    }
                    _ => false,
                }
            })
        };
        let naive: Vec<_> = faults::assignments(&model, &system).into_iter().filter(fits).collect();
        let charged = model.charge(&happened);
        prop_assert_eq!(charged.is_some(), !naive.is_empty(), "{:?}", happened);
        if let Some(capabilities) = charged {
            let mut assignment = vec![None; system.size()];
            for ((process, _), &capability) in happened.iter().zip(&capabilities) {
                assignment[system.index(*process)] = Some(capability);
            }
            prop_assert!(naive.contains(&assignment), "{:?}", assignment);
            possible.set(possible.get() + u32::from(happened.len() > 1));
        } else {
            impossible.set(impossible.get() + u32::from(happened.len() > 1));
        }
        let only: Vec<_> = happened.iter().map(|(process, ways)| (*process, ways[0])).collect();
        let each: Vec<_> = happened.iter().map(|(process, ways)| (*process, vec![ways[0]])).collect();
        prop_assert_eq!(model.allow(&only), model.charge(&each).is_some());
        Ok(())
    });
    let (possible, impossible) = (possible.get(), impossible.get());
    assert!(possible > 100 && impossible > 200, "{possible} possible, {impossible} impossible");
}

#[test]
fn the_most_faulty_servers_are_those_of_some_assignment() {
    let some = Cell::new(0);
    check(500, small_models(5), |(system, model)| {
        let servers = usize::from(system.servers);
        let faulty = |one: &Vec<Option<Capability>>| one[..servers].iter().flatten().count();
        let naive = faults::assignments(&model, &system).iter().map(faulty).max().unwrap();
        prop_assert_eq!(model.max_faulty_servers(&system), naive);
        some.set(some.get() + u32::from((1..servers).contains(&naive)));
        Ok(())
    });
    assert!(some.get() > 30, "too few are in between: {some:?}");
}

#[test]
fn a_rule_gives_way_where_another_can_take_over() {
    // s1 takes the first rule that fits unless it is moved to the second when s2 comes.
    let system = system(3, 0);
    let parse = |text| FaultRule::parse(text, &system).unwrap();
    let model = FaultModel { rules: vec![parse("1 of s1,s2: crash"), parse("1 of s1,s3: omission")] };
    let idle = Happened::default();
    let crashed = Happened { crashed: true, ..idle };
    let omitted = Happened { omitted_sends: true, ..idle };
    assert!(model.allow(&[(Server(1), idle), (Server(2), crashed)]));
    assert!(model.allow(&[(Server(1), omitted), (Server(2), crashed)]));
    assert!(!model.allow(&[(Server(1), crashed), (Server(2), crashed)]));
    assert!(!model.allow(&[(Server(1), idle), (Server(2), crashed), (Server(3), omitted)]));
    assert_eq!(model.max_faulty_servers(&system), 2);
}

// Large systems.

#[track_caller]
fn within_seconds<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    result
}

fn model(system: &System, rules: &[&str]) -> FaultModel {
    FaultModel { rules: rules.iter().map(|text| FaultRule::parse(text, system).unwrap()).collect() }
}

#[test]
fn rules_that_hit_everyone_cost_nothing_to_maximize() {
    let system = system(4, 60);
    for (rules, excluding, count) in [
        (&["1 of servers: omission", "any of clients: omission"] as &[&str], None, 4),
        (&["1 of servers: omission", "any of clients: omission"], Some(Client(7)), 4),
        (&["any of processes: crash"], None, 1),
        // Among the 63 others no limit is left.
        (&["63 of processes: crash"], Some(Client(7)), 1),
        (&["60 of clients: crash", "c1: none"], None, 1),
        // The weaker of two rules adds nothing.
        (&["any of clients: omission", "any of processes: send-omission"], None, 1),
        (&["any of clients: crash", "any of processes: crash"], None, 1),
        (&["any of clients: omission", "30 of clients: send-omission"], None, 1),
        // One client more than none in another class: each or nobody.
        (&["any of clients: omission", "1 of clients: crash"], None, 61),
        (&[], None, 1),
    ] {
        let model = model(&system, rules);
        let found = within_seconds(|| model.maximal_assignments(&system, excluding)).unwrap();
        assert_eq!(found.len(), count, "{rules:?}");
        if let Some(process) = excluding {
            assert!(found.iter().all(|one| one.capabilities[system.index(process)].is_none()));
        }
    }
}

#[test]
fn too_many_assignments_are_refused_at_once() {
    let system = system(32, 32);
    for rules in [
        &["any of processes: send-or-receive-omission"] as &[&str],
        &["32 of processes: omission"],
        &["16 of servers: crash", "any of clients: omission"],
        &["any of clients: crash", "any of clients: omission"],
    ] {
        let model = model(&system, rules);
        assert_eq!(within_seconds(|| model.maximal_assignments(&system, None)), Err(TooManyAssignments));
    }
    let model = model(&system, &["any of clients: omission"]);
    assert_eq!(within_seconds(|| model.assignments(&system)), Err(TooManyAssignments));
    let message = TooManyAssignments.to_string();
    assert!(message.contains("100000"), "{message}");
}
