//! The protocols in which every step needs a majority, at their bound and beyond it, explored to the
//! fixpoint: a table of protocol by question by expected verdict and worst case in rounds.
//!
//! `THREEWORLDS_LARGE=1` adds the larger questions, which take minutes.

mod ages;

use std::collections::BTreeMap;

use threeworlds_engine::{Judgement, Report, Stop, check};
use threeworlds_model::{
    FaultClass, FaultModel, FaultRule, Json, KeyValueStore, Process, Property, Question, StateMachine, Task,
    Timing, Workload,
};
use threeworlds_protocols::{
    Applied, AtomicRegister, BuiltIn, CommitNotify, LockCommit, LogMachine, ReplicatedMessage,
    ReplicatedStateMachine,
};

/// Rules for one server and any client, by their classes.
const OMISSION: &[&str] = &["1 of servers: omission", "clients: omission"];
const CRASH: &[&str] = &["1 of servers: crash", "clients: crash"];

const IN_LOCK_STEP: &[Timing] = &[Timing::LockStep];
const FROM_GST_ON: &[Timing] = &[Timing::PartialSynchrony];

/// A question about a protocol's task.
fn question(protocol: &str, [servers, clients]: [usize; 2], rules: &[&str], workload: &str) -> Question {
    let none = FaultClass::None;
    let question = Question::usual(servers, 0, clients, none, none).unwrap();
    let rules = rules.iter().map(|text| FaultRule::parse(text, &question.system).unwrap()).collect();
    let task = BuiltIn::parse(protocol).unwrap().description().task;
    let mut question = question.with_fault_model(FaultModel { rules }).with_task(task);
    question.workload = Workload::parse(workload, task, &question.system).unwrap();
    question
}

/// Checks a protocol by its name. Not by visiting it: that would compile the engine for all the others too.
#[track_caller]
fn judge(protocol: &str, question: &Question) -> Report {
    let system = &question.system;
    let report = match BuiltIn::parse(protocol).unwrap() {
        BuiltIn::LockCommit => check(question, &LockCommit::new(system)),
        BuiltIn::CommitNotify => check(question, &CommitNotify::new(system)),
        BuiltIn::AtomicRegister => check(question, &AtomicRegister::new(system)),
        BuiltIn::ReplicatedLog => check(question, &ReplicatedStateMachine::new(LogMachine, system)),
        BuiltIn::ReplicatedKeyValueStore | BuiltIn::ReplicatedBank => {
            let machine = question.task.machine().unwrap();
            check(question, &ReplicatedStateMachine::new(machine, system))
        }
        other => panic!("{other} is left to other tests"),
    };
    let report = report.unwrap();
    assert_eq!(report.coverage.stop, Stop::Closed, "{protocol}");
    report
}

/// Asserts that the protocol covers the question, holds, and takes at most so many rounds.
#[track_caller]
fn holds(protocol: &str, question: Question, timings: &[Timing], worst: &[(&str, u32)]) {
    for &timing in timings {
        let question = Question { timing, ..question.clone() };
        assert!(BuiltIn::parse(protocol).unwrap().covers(&question), "{protocol}");
        let report = judge(protocol, &question);
        assert_eq!(report.verdict(), Judgement::Holds, "{protocol} {timing}");
        let expected: BTreeMap<&str, u32> = worst.iter().copied().collect();
        assert_eq!(report.worst_case_rounds, expected, "{protocol} {timing}");
    }
}

/// Asserts that the protocol does not cover the question, and is safe there, and not live.
#[track_caller]
fn is_safe_and_not_live(protocol: &str, question: Question, timings: &[Timing]) {
    for &timing in timings {
        let question = Question { timing, ..question.clone() };
        assert!(!BuiltIn::parse(protocol).unwrap().covers(&question), "{protocol}");
        let report = judge(protocol, &question);
        assert_eq!((report.safe, report.live), (Judgement::Holds, Judgement::Fails), "{protocol} {timing}");
        assert_eq!(report.property, Some(Property::Termination));
    }
}

fn is_large_run() -> bool {
    std::env::var_os("THREEWORLDS_LARGE").is_some()
}

/// A write that is issued in round 0 reaches the servers in round 1. If that is a propose round and the
/// leader of the next view is faulty, it is proposed at the end of round 4, locked in 5, the locks are seen
/// in 6, and the client is told in 7. Where nobody fails it takes 5. A reader is told in 2 that nothing is
/// locked, or waits with the write.
#[test]
fn lock_commit_holds() {
    holds(
        "lock-commit",
        question("lock-commit", [3, 2], &["clients: omission"], "c1: write"),
        IN_LOCK_STEP,
        &[("write", 5)],
    );
    let conflict = question("lock-commit", [3, 2], OMISSION, "c1: write; c2: write");
    holds("lock-commit", conflict, IN_LOCK_STEP, &[("write", 7)]);
    let reader = question("lock-commit", [3, 2], OMISSION, "c1: write; c2: read");
    holds("lock-commit", reader, FROM_GST_ON, &[("read", 6), ("write", 7)]);
}

/// One round less than `lock-commit`: the client sees the locks in round 6 itself. It may be the only one to
/// see them, if the round before GST loses what the servers tell each other: then its read waits for the next
/// view, 3 rounds longer than one of what the servers know.
#[test]
fn commit_notify_holds() {
    let alone = question("commit-notify", [3, 2], &["clients: omission"], "c1: write");
    holds("commit-notify", alone, IN_LOCK_STEP, &[("write", 4)]);
    let conflict = question("commit-notify", [3, 2], OMISSION, "c1: write; c2: write");
    holds("commit-notify", conflict, IN_LOCK_STEP, &[("write", 6)]);
    let one = question("commit-notify", [3, 1], OMISSION, "write, read");
    holds("commit-notify", one, FROM_GST_ON, &[("read", 5), ("write", 6)]);
    // `f + 1` of five is no majority; what shares a server with it are the `n - f` that a leader hears.
    let five = question("commit-notify", [5, 1], &["1 of servers: crash"], "write");
    holds("commit-notify", five, IN_LOCK_STEP, &[("write", 6)]);
}

/// Two exchanges, of two rounds each.
#[test]
fn atomic_register_holds() {
    let two = question("atomic-register", [3, 2], OMISSION, "c1: write; c2: read");
    holds("atomic-register", two, IN_LOCK_STEP, &[("read", 4), ("write", 4)]);
    let one = question("atomic-register", [3, 1], OMISSION, "write, read");
    holds("atomic-register", one, FROM_GST_ON, &[("read", 4), ("write", 4)]);
    let writers = question("atomic-register", [3, 2], &["clients: crash"], "write, read");
    holds("atomic-register", writers, IN_LOCK_STEP, &[("read", 4), ("write", 4)]);
}

/// Where nobody fails a command takes what a write takes with `lock-commit`, 5 rounds, and 7 if a leader
/// crashes. (A faulty server that omits can also make the others learn of one batch at different times, which
/// costs another turn of the leaders: 13.)
#[test]
fn replicated_state_machines_hold() {
    for (protocol, change, look, name) in [
        ("replicated-kv", "write(x,1)", "read(x)", "command"),
        ("replicated-kv", "cas(x,null,1)", "cas(x,null,2)", "command"),
        // Sent in every round and applied once: else the money would move twice.
        ("replicated-bank", "transfer(a,b,4)", "balance(a)", "command"),
    ] {
        let both = format!("c1: {change}; c2: {look}");
        let quiet = question(protocol, [3, 2], &["clients: omission"], &format!("c1: {change}"));
        holds(protocol, quiet, IN_LOCK_STEP, &[(name, 5)]);
        holds(protocol, question(protocol, [3, 2], CRASH, &both), IN_LOCK_STEP, &[(name, 7)]);
    }
    let log = question("replicated-log", [3, 2], CRASH, "c1: append; c2: append");
    holds("replicated-log", log, IN_LOCK_STEP, &[("append", 7)]);
    let one = question("replicated-kv", [3, 1], OMISSION, "write(x,1)");
    holds("replicated-kv", one, FROM_GST_ON, &[("command", 7)]);
    let one = question("replicated-log", [3, 1], CRASH, "append");
    holds("replicated-log", one, FROM_GST_ON, &[("append", 7)]);
}

/// With `n = 2f` worlds A, B and C leave one of the two horns: it is liveness.
#[test]
fn with_half_of_the_servers_faulty_they_are_safe_and_not_live() {
    for (protocol, workload) in [
        ("lock-commit", "write, read"),
        ("commit-notify", "write, read"),
        ("atomic-register", "c1: write; c2: read"),
        ("replicated-kv", "c1: write(x,1); c2: read(x)"),
        ("replicated-bank", "c1: transfer(a,b,4); c2: balance(a)"),
        ("replicated-log", "c1: append; c2: append"),
    ] {
        is_safe_and_not_live(protocol, question(protocol, [2, 2], OMISSION, workload), IN_LOCK_STEP);
        let before_gst = question(protocol, [2, 2], CRASH, workload);
        if ["lock-commit", "replicated-kv"].contains(&protocol) {
            is_safe_and_not_live(protocol, before_gst, FROM_GST_ON);
        }
    }
    let most =
        question("lock-commit", [3, 2], &["2 of servers: crash", "clients: crash"], "c1: write; c2: read");
    is_safe_and_not_live("lock-commit", most, IN_LOCK_STEP);
}

/// Where the three worlds show it they say so, under partial synchrony with growing ages too.
#[test]
fn the_three_worlds_find_the_loop_in_which_only_ages_grow() {
    for &timing in Timing::ALL {
        let question = question("lock-commit", [2, 2], OMISSION, "write, read");
        let report = judge("lock-commit", &Question { timing, ..question });
        let worlds = report.three_worlds.expect("half of the servers can fail").worlds;
        let loops: Vec<bool> = worlds.iter().map(|world| world.loop_from_round.is_some()).collect();
        assert_eq!(loops, [true, true, false], "{timing}");
    }
}

/// A register and a state machine have no first value for the three worlds to contradict.
#[test]
fn the_three_worlds_do_not_speak_of_registers_that_can_be_overwritten() {
    let question = question("atomic-register", [2, 2], CRASH, "c1: write; c2: read");
    let report = judge("atomic-register", &question);
    assert!(report.three_worlds.unwrap_err().contains("write-once-register and log"));
    assert_eq!(question.task, Task::Register);
}

/// The rows of the map, and what is too large for every run of the tests.
#[test]
fn they_hold_at_larger_sizes() {
    if !is_large_run() {
        return;
    }
    let large = |protocol: &str, workload: &str, timings: &[Timing], worst: &[(&str, u32)]| {
        let started = std::time::Instant::now();
        holds(protocol, question(protocol, [3, 2], OMISSION, workload), timings, worst);
        println!("{protocol} {workload} {timings:?}: {:?}", started.elapsed());
    };
    large("lock-commit", "c1: write; c2: write", FROM_GST_ON, &[("write", 7)]);
    large("lock-commit", "write, read", IN_LOCK_STEP, &[("read", 2), ("write", 7)]);
    large("commit-notify", "write, read", IN_LOCK_STEP, &[("read", 2), ("write", 6)]);
    large("commit-notify", "together; write", FROM_GST_ON, &[("write", 6)]);
    large("atomic-register", "together; c1: write; c2: read", FROM_GST_ON, &[("read", 4), ("write", 4)]);
    large("replicated-kv", "c1: write(x,1); c2: read(x)", IN_LOCK_STEP, &[("command", 13)]);
    large("replicated-log", "c1: append; c2: append", IN_LOCK_STEP, &[("append", 13)]);
    large("replicated-bank", "c1: transfer(a,b,4); c2: balance(a)", IN_LOCK_STEP, &[("command", 13)]);
}

/// Replicas that really run send each other the machine's whole state.
#[test]
fn the_state_of_a_machine_can_be_written_and_read() {
    let command = Json::parse(r#"["write",{"a":1},"b"]"#).unwrap();
    let (output, machine) = KeyValueStore.apply(&command, KeyValueStore.start());
    let answers = BTreeMap::from([(Process::Client(3), (7, output))]);
    let message = ReplicatedMessage::CatchUp { instance: 9, applied: Applied { machine, answers }.into() };
    let text = serde_json::to_string(&message).unwrap();
    let again: ReplicatedMessage<<KeyValueStore as StateMachine>::State> =
        serde_json::from_str(&text).unwrap();
    assert_eq!(again, message, "{text}");
}
