//! The least that the command line has to do: the theorem's question, its neighbours, and the same verdict
//! for the same protocol in another language.

mod support;

use serde_json::{Value, json};
use support::{Outcome, interpreter, threeworlds};

/// Runs `check` with `--json`.
fn check(flags: &[&str]) -> Outcome {
    threeworlds(["check", "--json"].iter().chain(flags))
}

#[track_caller]
fn fields<const N: usize>(document: &Value, expected: [(&str, Value); N]) {
    for (key, value) in expected {
        assert_eq!(document[key], value, "{key} of {document:#}");
    }
}

/// The document reduced to what the protocol alone decides: not its messages' spelling, not the time.
fn essence(document: &Value) -> Value {
    let keys = ["question", "verdict", "safe", "live", "property", "horn", "explored", "worst_case_rounds"];
    Value::Object(keys.into_iter().map(|key| (key.to_owned(), document[key].clone())).collect())
}

#[test]
fn primary_backup_loses_agreement_under_omission() {
    let outcome = check(&["primary-backup"]).exits(1).complains_of_nothing();
    let document = outcome.json();
    fields(
        &document,
        [
            ("command", json!("check")),
            ("verdict", json!("fails")),
            ("safe", json!("fails")),
            ("property", json!("agreement")),
            ("horn", json!("safety")),
            ("protocol", json!("primary-backup")),
        ],
    );
    let worlds = document["worlds"].as_array().expect("worlds are a list");
    let names: Vec<&Value> = worlds.iter().map(|world| &world["name"]).collect();
    assert_eq!(names[..3], ["A", "B", "C"]);
    assert_eq!(worlds[2]["claim"]["property"], "agreement");
    assert!(worlds.iter().all(|world| world["format"] == "threeworlds/execution/1"));
    assert_eq!(document["three_worlds"]["horn"], "safety");
}

#[test]
fn primary_backup_holds_under_crashes() {
    let document = check(&["primary-backup", "--server-faults", "crash"]).exits(0).json();
    fields(
        &document,
        [
            ("verdict", json!("holds")),
            ("safe", json!("holds")),
            ("live", json!("holds")),
            ("property", Value::Null),
            ("horn", Value::Null),
            ("worlds", json!([])),
            ("worst_case_rounds", json!({"write": 5, "read": 4})),
        ],
    );
    assert_eq!(document["explored"]["closed"], true);
    assert_eq!(document["explored"]["stopped_by"], Value::Null);
}

#[test]
fn majority_holds_with_three_servers_and_one_omission_failure() {
    let document = check(&["majority", "--servers", "3", "--faults", "1"]).exits(0).json();
    fields(&document, [("verdict", json!("holds"))]);
    assert_eq!(document["explored"]["closed"], true);
    assert_eq!(
        document["question"]["fault_rules"],
        json!(["1 of servers: omission", "any of clients: omission"])
    );
}

#[test]
fn majority_with_two_servers_stays_safe_and_loses_termination() {
    let document = check(&["majority", "--servers", "2", "--faults", "1"]).exits(1).json();
    fields(
        &document,
        [
            ("safe", json!("holds")),
            ("live", json!("fails")),
            ("property", json!("termination")),
            ("horn", json!("liveness")),
        ],
    );
    let worlds = document["worlds"].as_array().expect("worlds are a list");
    assert!(worlds[0]["loop_from_round"].is_u64(), "world A is a lasso: {:#}", worlds[0]);
}

#[test]
fn a_result_says_every_input_that_can_change_the_verdict() {
    let document = check(&["primary-backup", "--server-faults", "none"]).exits(0).json();
    let question = document["question"].as_object().expect("the question is an object");
    for key in [
        "servers",
        "clients",
        "fault_rules",
        "timing",
        "task",
        "links",
        "workload",
        "crash_delivery",
        "consistency",
        "rounds",
    ] {
        assert!(question.contains_key(key), "{key}: {question:?}");
    }
}

#[test]
fn the_expected_verdict_exits_with_0_and_another_with_1() {
    let expect = |verdict, flags: &[&str]| {
        threeworlds(["check", "primary-backup", "--expect", verdict].iter().chain(flags))
    };
    expect("fails", &[]).exits(0).says("FAILS (agreement)");
    expect("holds", &[]).exits(1).says("FAILS (agreement)");
    expect("unknown", &[]).exits(1);
    expect("holds", &["--server-faults", "crash"]).exits(0);
    expect("fails", &["--server-faults", "crash"]).exits(1);
    let bounded = ["--server-faults", "crash", "--rounds", "3"];
    expect("unknown", &bounded).exits(0).says("UNKNOWN");
    expect("holds", &bounded).exits(1);
    expect("possible", &[]).refuses(["'possible'", "[possible values: holds, fails, unknown]"]);
}

/// The built-in protocol and the same one as a step program.
#[track_caller]
fn agree(flags: &[&str], status: i32, built_in: &str, command: [&str; 2]) {
    let [language, path] = command;
    let built_in = check(&[flags, &[built_in]].concat()).exits(status).json();
    let program = check(&[flags, &["--", interpreter(language), path]].concat()).exits(status).json();
    assert_eq!(essence(&built_in), essence(&program));
    assert_eq!(program["protocol"], format!("{language} {path}"));
}

const PYTHON_PRIMARY_BACKUP: [&str; 2] = ["python3", "examples/python/primary_backup.py"];
const JAVASCRIPT_PRIMARY_BACKUP: [&str; 2] = ["node", "examples/javascript/primary_backup.js"];
const PYTHON_MAJORITY: [&str; 2] = ["python3", "examples/python/majority.py"];

#[test]
fn primary_backup_in_python_has_the_same_verdict() {
    agree(&[], 1, "primary-backup", PYTHON_PRIMARY_BACKUP);
    agree(&["--server-faults", "crash"], 0, "primary-backup", PYTHON_PRIMARY_BACKUP);
}

#[test]
fn primary_backup_in_javascript_has_the_same_verdict() {
    agree(&[], 1, "primary-backup", JAVASCRIPT_PRIMARY_BACKUP);
    agree(&["--server-faults", "crash"], 0, "primary-backup", JAVASCRIPT_PRIMARY_BACKUP);
}

#[test]
fn majority_in_python_has_the_same_verdict() {
    agree(&["--servers", "2"], 1, "majority", PYTHON_MAJORITY);
    agree(&["--servers", "3"], 0, "majority", PYTHON_MAJORITY);
}
