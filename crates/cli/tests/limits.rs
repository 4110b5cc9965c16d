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

/// A check of some seconds, in many rounds.
const LONG: [&str; 5] = ["check", "majority", "--servers", "3", "--json"];

#[test]
fn killed_at_any_round_it_goes_on_and_says_the_same() {
    let plain = threeworlds(LONG).exits(0).json();
    for round in [1, 4, 9, 15] {
        let folder = support::folder();
        let folder = folder.path().to_str().expect("its name is text");
        let kept = std::path::Path::new(folder).join(format!("round-{round:04}"));
        let running = start(LONG.iter().chain(&["--checkpoint", folder]), "")
            .until("the round is kept", |_| kept.exists());
        send(Signal::SIGKILL, &running);
        running.ends();
        threeworlds(LONG.iter().chain(&["--checkpoint", folder]))
            .exits(2)
            .complains("there are rounds of an exploration already: add --resume");
        let mut resumed =
            threeworlds(LONG.iter().chain(&["--checkpoint", folder, "--resume"])).exits(0).json();
        resumed["seconds"] = plain["seconds"].clone();
        assert_eq!(resumed, plain, "killed after round {round}");
    }
}

#[test]
fn what_was_kept_for_another_question_is_refused() {
    let folder = support::folder();
    let keep = ["--checkpoint", folder.path().to_str().expect("its name is text")];
    threeworlds(["check", "majority"].iter().chain(&keep)).exits(1);
    let resume = keep.iter().chain(&["--resume"]);
    threeworlds(["check", "majority", "--faults", "0"].iter().chain(resume.clone()))
        .exits(2)
        .complains("round-0001: it is of another question, protocol or version of threeworlds");
    std::fs::remove_file(folder.path().join("round-0002")).expect("it is there");
    threeworlds(["check", "majority"].iter().chain(resume))
        .exits(2)
        .complains("round-0002: it is gone, and later rounds are there");
    threeworlds(["check", "majority", "--resume"]).exits(2).complains("--checkpoint");
}

#[test]
fn any_number_of_threads_and_next_to_no_memory_say_the_same() {
    let plain = threeworlds(LONG.iter().chain(&["--threads", "1"])).exits(0).json();
    for more in [&["--threads", "2"][..], &["--threads", "5"], &["--max-memory", "40M"]] {
        let mut document = threeworlds(LONG.iter().chain(more)).exits(0).json();
        document["seconds"] = plain["seconds"].clone();
        assert_eq!(document, plain, "{more:?}");
    }
}

/// Three servers that are alike, and two clients that only read.
const ALIKE: [&str; 12] = [
    "check",
    "receive-omission",
    "--servers",
    "3",
    "--faults",
    "2",
    "--clients",
    "3",
    "--server-faults",
    "receive-omission",
    "--workload",
    "c1: write; c2,c3: read",
];

/// What a document says, but for what symmetry changes.
fn whatever_is_renamed(mut document: serde_json::Value) -> serde_json::Value {
    for key in ["states", "transitions", "local_states", "symmetry"] {
        document["explored"][key] = serde_json::Value::Null;
    }
    document["seconds"] = serde_json::Value::Null;
    // Which of equal executions is shown may differ.
    for world in document["worlds"].as_array_mut().expect("a list") {
        let rounds = world["rounds"].as_array().expect("a list").len();
        *world = serde_json::json!([rounds, world["faulty"].as_object().expect("by process").len()]);
    }
    document
}

#[test]
fn with_symmetry_fewer_states_say_the_same() {
    let none = [&ALIKE[..], &["--no-symmetry"]].concat();
    threeworlds(ALIKE)
        .exits(0)
        .says("each state stands for up to 4 that differ in the names of servers and clients alone")
        .says("3 of 12 faulty sets for the others");
    threeworlds(&none).exits(0).says("symmetry is off: it was not wanted").does_not_say("stands for");
    let [with, without] = [ALIKE.to_vec(), none].map(|call| {
        let call = [&call[..], &["--json"]].concat();
        threeworlds(call).exits(0).complains_of_nothing().json()
    });
    let symmetry = serde_json::json!({
        "used": true, "names": "servers and clients", "renamings": 4, "faulty_sets": 3, "of_faulty_sets": 12,
    });
    assert_eq!(with["explored"]["symmetry"], symmetry);
    let off = serde_json::json!({"used": false, "why_not": "it was not wanted"});
    assert_eq!(without["explored"]["symmetry"], off);
    let states = |document: &serde_json::Value| document["explored"]["states"].as_u64().expect("a number");
    assert!(8 * states(&with) < states(&without), "{} and {}", states(&with), states(&without));
    assert_eq!(with["worst_case_rounds"], serde_json::json!({"read": 2, "write": 3}));
    assert_eq!(whatever_is_renamed(with), whatever_is_renamed(without));
}

#[test]
fn with_symmetry_the_same_violation_is_found() {
    // One of the two that is asked may crash.
    let call = ["check", "receive-omission", "--clients", "3", "--server-faults", "crash"];
    let call = [&call[..], &["--workload", "c1: write; c2,c3: read", "--json"]].concat();
    let with = threeworlds(&call).exits(1).complains_of_nothing().json();
    let without = [&call[..], &["--no-symmetry"]].concat();
    let without = threeworlds(without).exits(1).complains_of_nothing().json();
    assert_eq!(with["explored"]["symmetry"]["names"], "servers and clients");
    assert_eq!((&with["safe"], &with["live"]), (&"holds".into(), &"fails".into()));
    assert_eq!(whatever_is_renamed(with), whatever_is_renamed(without));
}

#[test]
fn where_there_is_no_symmetry_nothing_is_said_of_it() {
    // The two clients write different values, so that nothing can be renamed.
    let call = ["check", "primary-backup", "--server-faults", "crash"];
    threeworlds(call).exits(0).does_not_say("symmetry").does_not_say("stands for");
    let call = [&call[..], &["--no-symmetry", "--json"]].concat();
    assert_eq!(threeworlds(call).exits(0).json()["explored"].get("symmetry"), None);
    let prefix = ["check", "ordered-backup", "--server-faults", "crash", "--crash-delivery", "prefix"];
    threeworlds([&prefix[..], &["--workload", "read"]].concat())
        .exits(0)
        .says("symmetry is off: with prefix delivery the order counts");
}
