//! Limits and signals: exit status 3, `unknown`, and what was explored; and the step program is gone.

mod support;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::processes::{StepProgram, send};
use support::{Outcome, start, threeworlds};

/// Its states never end: a counter in each process.
const COUNTS: &str = "
answered = 0
for line in lines():
    say(line, state=it(line).get('state', 0) + 1)
    answered += 1
    if answered == 300:
        mark()
";

/// Without worlds A, B and C, so that the time goes into exploring.
const ENDLESS: [&str; 4] = ["--rounds", "1000000", "--server-faults", "none"];

#[track_caller]
fn is_unknown(outcome: Outcome, stopped_by: &str) -> Outcome {
    let outcome = outcome.exits(3).complains_of_nothing();
    let document = outcome.json();
    assert_eq!(document["verdict"], "unknown");
    assert_eq!(document["safe"], "unknown");
    assert_eq!(document["live"], "unknown");
    assert_eq!(document["explored"]["closed"], false);
    assert_eq!(document["explored"]["stopped_by"], stopped_by);
    assert!(document["explored"]["states"].as_u64() > Some(10), "{}", outcome.report());
    outcome
}

#[test]
fn endless_states_are_unknown_beyond_the_bound_on_rounds() {
    let program = StepProgram::new(COUNTS);
    let document = is_unknown(program.checked(&["--json", "--rounds", "5"]), "rounds").json();
    assert_eq!(document["explored"]["rounds"], 5);
    program
        .checked(&["--rounds", "5"])
        .exits(3)
        .says("UNKNOWN")
        .says("5 rounds; not closed: the bound on rounds was reached (--rounds)")
        .says("No violation of Agreement, Validity and Correctness in what was explored");
}

#[test]
fn endless_states_are_unknown_beyond_the_bound_on_time() {
    let program = StepProgram::new(COUNTS);
    let flags = [&ENDLESS[..], &["--json", "--max-time", "1"]].concat();
    let began = Instant::now();
    is_unknown(program.checked(&flags), "time");
    assert!(began.elapsed() < Duration::from_secs(30), "one second took {:?}", began.elapsed());
}

#[test]
fn endless_states_are_unknown_beyond_the_bound_on_memory() {
    let program = StepProgram::new(
        "for line in lines():
    say(line, state=[it(line).get('state', [0])[0] + 1, 'x' * 50000])",
    );
    let flags = [&ENDLESS[..], &["--json", "--max-memory", "24M"]].concat();
    is_unknown(program.checked(&flags), "memory");
}

#[test]
fn a_large_question_is_unknown_beyond_the_bound_on_memory() {
    let flags = ["--servers", "1", "--faults", "0", "--clients", "6", "--max-memory", "30M"];
    let call = ["check", "unreplicated"].iter().chain(&flags);
    threeworlds(call)
        .exits(3)
        .says("UNKNOWN")
        .says("not closed: the bound on memory was reached (--max-memory)");
}

#[test]
fn a_limit_that_is_passed_from_the_start_is_no_verdict() {
    threeworlds(["check", "majority", "--servers", "4", "--max-memory", "1K"])
        .exits(3)
        .says("UNKNOWN")
        .does_not_say("HOLDS");
}

/// Sends the signal in the middle of the work.
#[track_caller]
fn interrupted(signal: Signal) {
    let program = StepProgram::new(COUNTS);
    let mut arguments = program.call(&["check", "--json", "--rounds", "1000000", "--server-faults", "none"]);
    arguments.insert(1, "--deadline=100".to_owned());
    let running = start(arguments, "").until("the work began", |_| program.has_marked());
    send(signal, &running);
    is_unknown(running.ends(), "interrupted");
    program.is_gone();
}

#[test]
fn control_c_ends_with_what_is_known() {
    interrupted(Signal::SIGINT);
}

#[test]
fn sigterm_ends_with_what_is_known() {
    interrupted(Signal::SIGTERM);
}

/// The program has not answered once: nothing was explored, and that is said.
#[test]
fn control_c_while_the_step_program_hangs() {
    for command in ["check", "run"] {
        let program = StepProgram::new("mark()\ntime.sleep(1000)");
        let call = program.call(&[command, "--deadline", "1000"]);
        let running = start(call, "").until("the program hangs", |_| program.has_marked());
        send(Signal::SIGINT, &running);
        let outcome = running.ends().exits(3);
        if command == "check" {
            outcome.says("UNKNOWN").says("0 states").says("it was interrupted");
        } else {
            outcome.complains("interrupted");
        }
        program.is_gone();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn control_c_while_a_built_in_protocol_is_explored() {
    let catches_sigint = |running: &support::Running| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
        u64::from_str_radix(caught.trim(), 16).is_ok_and(|mask| mask >> (Signal::SIGINT as u64 - 1) & 1 == 1)
    };
    let running = start(["check", "majority", "--servers", "5"], "").until("it listens", catches_sigint);
    send(Signal::SIGINT, &running);
    running.ends().exits(3).says("UNKNOWN").says("not closed: it was interrupted");
}
