//! The verifier against a judge that was written apart from it, straight from the words of the model:
//! real executions, every change of one field of them, and random changes of several.

mod by_definition;
#[path = "../naive/faults.rs"]
mod faults;
#[path = "../naive/judge.rs"]
mod judge;
mod mutations;
mod worlds;

use std::cell::Cell;
use std::collections::BTreeMap;

use mutations::{Mutant, mutants};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use threeworlds_model::{
    Capability, Charge, CrashDelivery, Execution, Fault, FaultClass, FaultModel, FaultRule, Moves, Process,
    Property, Question, Rejection, Replay, ReplayError, Timing, claim, replay_moves, verify, violation,
};
use worlds::Islands;

/// What becomes of an execution that is written to a file and read again.
fn judged(execution: &Execution) -> Result<Execution, (&'static str, String)> {
    let read = Execution::parse(&execution.text()).map_err(|error| ("format", error.to_string()))?;
    assert_eq!(read, *execution, "a file says what was written to it");
    match verify(&read, &Islands::new(&read.question)) {
        Ok(()) => Ok(read),
        Err(rejection) => Err((kind(&rejection), rejection.to_string())),
    }
}

fn kind(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::Replay(ReplayError::Step(_)) => "step",
        Rejection::Replay(ReplayError::Event { .. }) => "event",
        Rejection::Replay(ReplayError::NotSent { .. }) => "not sent",
        Rejection::Replay(ReplayError::Stopped { .. }) => "stopped",
        Rejection::NotAdmissible { .. } => "not admissible",
        Rejection::FaultySet { .. } => "faulty set",
        Rejection::Differs { .. } => "differs",
        Rejection::NoLoop { .. } => "no loop",
        Rejection::LoopBeforeGst => "loop before GST",
        Rejection::ClaimFails { .. } => "claim fails",
    }
}

/// What may be said about an execution in which this was changed, and nothing else.
fn reasons(what: &str) -> &'static [&'static str] {
    match what {
        "message removed" => &["not admissible", "differs", "no loop", "claim fails"],
        "message not removed" => &["not admissible", "differs", "no loop", "claim fails"],
        "charge" => &["not admissible"],
        "words of a message" | "order of messages" => &["differs", "not admissible"],
        "sender" | "receiver" | "message left out" | "message added" => {
            &["differs", "not admissible", "not sent"]
        }
        "request" => &["differs"],
        "request added" | "request left out" | "request moved" => {
            &["differs", "not sent", "no loop", "claim fails"]
        }
        "response" | "response added" | "response left out" | "response moved" => &["differs"],
        "crash added" => &["not admissible", "stopped", "not sent", "differs"],
        "crash left out" | "crash moved" => &["not admissible", "not sent", "differs"],
        "round left out" | "round repeated" | "round emptied" | "end left out" | "round added" => &[
            "format",
            "differs",
            "not admissible",
            "not sent",
            "stopped",
            "no loop",
            "loop before GST",
            "claim fails",
        ],
        "capability" | "faulty process left out" => &["faulty set", "not admissible"],
        "faulty process added" => &["faulty set", "claim fails"],
        "GST" => &["format", "not admissible", "loop before GST"],
        "loop" => &["format", "no loop", "loop before GST", "claim fails"],
        "claim" => &["claim fails"],
        "claim left out" => &[],
        "fault rule left out"
        | "number of a fault rule"
        | "class of a fault rule"
        | "processes of a fault rule" => &["faulty set"],
        "timing" => &["format", "not admissible", "loop before GST"],
        "crash delivery" => &["not admissible"],
        "consistency" => &["claim fails"],
        // Two writes of a register that can be overwritten do not contradict each other.
        "task" => &["differs", "claim fails"],
        "workload" => &["differs"],
        _ => panic!("nothing is known about {what:?}"),
    }
}

#[test]
fn real_executions_are_confirmed() {
    for execution in worlds::all() {
        assert_eq!(by_definition::check(&execution), Ok(()), "{}", execution.name);
        assert_eq!(judged(&execution), Ok(execution.clone()), "{}", execution.name);
        let safety = execution.claim.as_ref().map(|claim| claim.property);
        assert_eq!(violation(&execution), safety.filter(|&property| property != Property::Termination));
    }
}

#[test]
fn a_wrong_claim_is_told_what_is_violated_instead() {
    let mut world = worlds::all().remove(0);
    let mut reason = |property| {
        world.claim.as_mut().unwrap().property = property;
        judged(&world).unwrap_err().1
    };
    let instead = "the claim is wrong: agreement is violated first, and";
    assert!(reason(Property::Correctness).starts_with(instead));
    assert_eq!(reason(Property::Termination), "the claim is wrong: termination is not violated");
    let mut quiet = worlds::all().pop().unwrap();
    quiet.claim = Some(claim(&quiet, Property::Validity));
    assert_eq!(judged(&quiet).unwrap_err().1, "the claim is wrong: validity is not violated");
}

#[test]
fn every_change_of_one_field_is_rejected_or_makes_another_correct_execution() {
    let mut rejected: BTreeMap<&str, usize> = BTreeMap::new();
    let mut correct: BTreeMap<&str, usize> = BTreeMap::new();
    for original in worlds::all() {
        for Mutant { what, round, execution } in mutants(&original) {
            let by_definition = by_definition::check(&execution);
            match judged(&execution) {
                Ok(_) => {
                    assert_eq!(by_definition, Ok(()), "{}, {what}: {}", original.name, execution.text());
                    *correct.entry(what).or_default() += 1;
                }
                Err((kind, reason)) => {
                    assert!(
                        by_definition.is_err(),
                        "{}, {what}: rejected though correct: {reason}\n{}",
                        original.name,
                        execution.text()
                    );
                    assert!(reasons(what).contains(&kind), "{}, {what}: {kind}: {reason}", original.name);
                    if let Some(rest) = reason.strip_prefix("round ") {
                        let named: usize = rest.split([':', ' ']).next().unwrap().parse().unwrap();
                        assert!(named >= round, "{}, {what} in round {round}: {reason}", original.name);
                    }
                    *rejected.entry(what).or_default() += 1;
                }
            }
        }
    }
    let (no, yes): (usize, usize) = (rejected.values().sum(), correct.values().sum());
    let report = format!("{no} rejected: {rejected:?}\n{yes} correct: {correct:?}");
    assert!(no > 4_000 && no > 20 * yes, "{report}");
    // Nothing is left unlooked at: each kind of change is rejected somewhere, unless it cannot be wrong.
    for what in correct.keys().filter(|what| **what != "claim left out") {
        assert!(rejected.contains_key(what), "{what} is never rejected\n{report}");
    }
    // What is told, sent and asked is never a matter of choice.
    for what in ["request", "response", "response added", "response left out", "words of a message", "sender"]
    {
        assert!(!correct.contains_key(what), "{what}\n{report}");
    }
}

#[test]
fn several_changes_at_once_are_judged_as_by_the_definition() {
    const CASES: u32 = 300;
    let worlds = worlds::all();
    let changes = (0..worlds.len(), prop::collection::vec(any::<prop::sample::Index>(), 2..5));
    let (correct, rejected) = (Cell::new(0), Cell::new(0));
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&changes, |(world, changes)| {
        let mut execution = worlds[world].clone();
        for change in changes {
            // Prefer changes after which the execution is still correct, so that later ones have a basis.
            let mut all = mutants(&execution);
            let start = change.index(all.len());
            all.rotate_left(start);
            let kept = all.iter().take(40).find(|one| by_definition::check(&one.execution).is_ok());
            execution = kept.unwrap_or(&all[0]).execution.clone();
            if Execution::parse(&execution.text()).is_err() {
                return Ok(());
            }
        }
        let by_definition = by_definition::check(&execution);
        let outcome = judged(&execution).map(|_| ());
        let count = if outcome.is_ok() { &correct } else { &rejected };
        count.set(count.get() + 1);
        prop_assert_eq!(outcome.is_ok(), by_definition.is_ok(), "{:?}, {:?}", outcome, by_definition);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let (correct, rejected) = (correct.get(), rejected.get());
    assert!(correct > CASES / 20 && rejected > CASES / 20, "{correct} correct, {rejected} rejected");
}

/// A question, a faulty set that it may allow, and the choices of one run.
#[derive(Debug, Clone)]
struct Script {
    /// Whether the rules are made for the faulty set; the classes of the usual rules where they are not.
    fitting: bool,
    classes: (FaultClass, FaultClass),
    timing: Timing,
    delivery: CrashDelivery,
    faulty: Vec<Option<Capability>>,
    gst: Option<u32>,
    /// For each round whether each process asks, whether it crashes, and what becomes of its messages: who
    /// is charged, by preference.
    rounds: Vec<Vec<(bool, u8, Vec<u8>)>>,
}

fn scripts() -> impl Strategy<Value = Script> {
    let process = (any::<bool>(), 0..80u8, prop::collection::vec(0..10u8, 4));
    (
        prop::bool::weighted(0.75),
        (prop::sample::select(FaultClass::ALL), prop::sample::select(FaultClass::ALL)),
        prop::sample::select(Timing::ALL),
        prop::sample::select(CrashDelivery::ALL),
        prop::collection::vec(prop::option::weighted(0.3, 0..4usize), 4),
        1..7u32,
        prop::collection::vec(prop::collection::vec(process, 4), 1..7),
    )
        .prop_map(|(fitting, classes, timing, delivery, faulty, gst, rounds)| {
            let capability = |at: usize| faults::ALL[at + 1].unwrap();
            let faulty = faulty.into_iter().map(|one| one.map(capability)).collect();
            let gst = (timing == Timing::PartialSynchrony).then_some(gst);
            Script { fitting, classes, timing, delivery, faulty, gst, rounds }
        })
}

/// Runs a script; the local states at the end of each round, in words.
fn run(script: &Script) -> (Execution, Vec<BTreeMap<Process, String>>) {
    let mut question = Question::usual(2, 1, 2, script.classes.0, script.classes.1).unwrap();
    (question.timing, question.crash_delivery) = (script.timing, script.delivery);
    if script.fitting {
        let faulty = question.system.processes().zip(&script.faulty);
        let rule = |(process, capability): (Process, &Option<Capability>)| {
            let class =
                FaultClass::ALL.iter().find(|class| capability.is_some_and(|one| one.name() == class.name()));
            Some(FaultRule { processes: vec![process], class: *class?, at_most: 1 })
        };
        question = question.clone().with_fault_model(FaultModel { rules: faulty.filter_map(rule).collect() });
    }
    let protocol = Islands::new(&question);
    let mut replay = Replay::new(&question, &protocol).unwrap();
    let system = question.system;
    let mut locals = Vec::new();
    for choices in &script.rounds {
        let mut moves = Moves::default();
        for (process, (asks, crash, _)) in system.processes().zip(choices) {
            let alive = replay.snapshot().locals[system.index(process)].is_some();
            let may = script.faulty[system.index(process)] == Some(Capability::Crash) || *crash == 79;
            if alive && may && *crash >= 60 {
                moves.crashes.insert(process);
            }
            if process.is_client() && *asks && replay.next_request(process).is_some() {
                moves.requests.insert(process);
            }
        }
        for (from, to) in replay.sending() {
            let charge = match choices[system.index(from)].2[system.index(to)] {
                0 => Charge::Timing,
                1 | 2 => Charge::Process(from),
                3 => Charge::Process(to),
                _ => continue,
            };
            // Mostly what may be, so that many executions are correct.
            let capability = |process| script.faulty[system.index(process)];
            let may = match charge {
                Charge::Timing => script.gst.is_some(),
                Charge::Process(process) if process == from => {
                    moves.crashes.contains(&from) || capability(from).is_some_and(Capability::omits_sends)
                }
                Charge::Process(process) => capability(process).is_some_and(Capability::omits_receives),
            };
            if may {
                moves.removed.insert((from, to), charge);
            }
        }
        replay.round(&moves).unwrap();
        let local = |process: Process| {
            let local = replay.snapshot().locals[system.index(process)].as_ref()?;
            Some((process, format!("{local:?}")))
        };
        locals.push(system.processes().filter_map(local).collect());
    }
    let mut execution = Execution::new("random", "islands", question);
    execution.rounds = replay.into_rounds();
    execution.gst = script.gst;
    let faulty = system.processes().zip(&script.faulty);
    execution.faulty = faulty.filter_map(|(process, one)| Some((process, Fault((*one)?)))).collect();
    (execution, locals)
}

#[test]
fn random_executions_are_judged_as_by_the_definition() {
    const CASES: u32 = 5_000;
    let seen = std::cell::RefCell::new(BTreeMap::<&str, u32>::new());
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&scripts(), |script| {
        let (execution, _) = run(&script);
        let by_definition = by_definition::check(&execution);
        let outcome = judged(&execution).map(|_| ());
        prop_assert_eq!(outcome.is_ok(), by_definition.is_ok(), "{:?}, {:?}", outcome, by_definition);
        *seen.borrow_mut().entry(by_definition.err().unwrap_or("correct")).or_default() += 1;
        let moves = replay_moves(&execution);
        prop_assert_eq!(moves.len(), execution.rounds.len());
        let removed: usize = moves.iter().map(|moves| moves.removed.len()).sum();
        prop_assert_eq!(removed, execution.removed());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let seen = seen.into_inner();
    for outcome in ["correct", "faulty set", "removal", "crash of a process of another class", "prefix"] {
        let count = seen.get(outcome).copied().unwrap_or(0);
        assert!(count >= 3, "{outcome} came up {count} times: {seen:?}");
    }
}

#[test]
fn who_has_seen_the_same_is_in_the_same_state() {
    // What was met so far: a view at the end of a round, and the state in which it left the process.
    let met = std::cell::RefCell::new(BTreeMap::<String, String>::new());
    let again = Cell::new(0);
    let config = Config { cases: 500, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&scripts(), |script| {
        let (mut execution, locals) = run(&script);
        for (before, locals) in locals.iter().enumerate().rev() {
            let round = before + 1;
            execution.rounds.truncate(round);
            for (&process, local) in locals {
                let view = execution.view(process);
                prop_assert_eq!(view.rounds.len(), round);
                let told: Vec<_> =
                    execution.rounds.iter().map(|round| round.responses.get(&process)).collect();
                let state = format!("{local}, told {told:?}");
                let before = met.borrow_mut().insert(format!("{view:?}"), state.clone());
                if let Some(before) = before {
                    again.set(again.get() + 1);
                    prop_assert_eq!(before, state);
                }
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(again.get() > 500, "too few views came up twice: {again:?}");
    assert!(met.into_inner().len() > 500);
}
