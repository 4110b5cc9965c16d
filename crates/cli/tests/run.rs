//! `threeworlds run`: one execution, with what the flags or a file let happen.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{Outcome, folder, threeworlds};

fn run(arguments: &[&str]) -> Outcome {
    threeworlds(["run"].iter().chain(arguments))
}

/// The execution of `run --json`, which `verify` accepts unless it was said that it does not.
#[track_caller]
fn executed(arguments: &[&str]) -> Value {
    let outcome = run(&[arguments, &["--json"]].concat()).exits(0);
    let verified = support::threeworlds_reading(&outcome.stdout, ["verify", "-", arguments[0]]);
    let allowed = !outcome.stderr.contains("would reject");
    verified.exits(i32::from(!allowed)).says(if allowed { "valid" } else { "rejected" });
    outcome.json()
}

#[track_caller]
fn removed(execution: &Value) -> Vec<(usize, String)> {
    let rounds = execution["rounds"].as_array().expect("rounds are a list");
    let messages = (1..).zip(rounds).flat_map(|(number, round)| {
        round["messages"].as_array().expect("messages are a list").iter().map(move |sent| (number, sent))
    });
    let lost = messages.filter(|(_, sent)| sent.get("removed").is_some());
    lost.map(|(number, sent)| {
        let word = |key: &str| sent[key].as_str().unwrap_or_default().to_owned();
        (number, format!("{}>{} by {}", word("from"), word("to"), word("removed")))
    })
    .collect()
}

#[test]
fn without_flags_nothing_fails_and_all_is_answered() {
    let execution = executed(&["primary-backup"]);
    assert_eq!(execution["faulty"], serde_json::json!({}));
    assert!(removed(&execution).is_empty());
    run(&["primary-backup"])
        .exits(0)
        .complains_of_nothing()
        .says("nobody faulty")
        .says("c1 asks write(C1)")
        .says("c1 is told C1")
        .says("c2 asks read");
}

#[test]
fn a_process_is_stopped() {
    let execution = executed(&["primary-backup", "--crash", "s1@2", "--server-faults", "crash"]);
    assert_eq!(execution["faulty"]["s1"], "crash");
    assert_eq!(execution["rounds"][1]["crashes"], serde_json::json!(["s1"]));
    assert_eq!(removed(&execution), [(2, "s1>s2 by s1".to_owned())]);
    let partly = executed(&["primary-backup", "--crash", "s1@2:s2", "--server-faults", "crash"]);
    assert!(removed(&partly).is_empty());
}

#[test]
fn a_crash_after_the_last_answer_comes_too() {
    let execution = executed(&["primary-backup", "--crash", "s1@11", "--server-faults", "crash"]);
    assert_eq!(execution["rounds"][10]["crashes"], serde_json::json!(["s1"]));
}

#[test]
fn links_are_cut() {
    let execution = executed(&["primary-backup", "--cut", "s1>s2@2"]);
    assert_eq!(removed(&execution), [(2, "s1>s2 by s1".to_owned())]);
    let execution = executed(&["primary-backup", "--cut", "s1<>s2@2-3"]);
    let pairs: Vec<usize> = removed(&execution).into_iter().map(|(round, _)| round).collect();
    assert_eq!(pairs, [2, 2, 3, 3]);
    let execution = executed(&["primary-backup", "--cut", "s1>s2@3-", "--rounds", "5"]);
    let rounds: Vec<usize> = removed(&execution).into_iter().map(|(round, _)| round).collect();
    assert_eq!(rounds, [3, 4, 5]);
}

#[test]
fn requests_come_when_they_are_asked_for() {
    let execution = executed(&["primary-backup", "--request", "c2@3", "--request", "c1@never"]);
    assert!(execution["rounds"][2]["requests"]["c2"].is_object(), "{execution:#}");
    assert!(
        execution["rounds"].as_array().into_iter().flatten().all(|round| round["requests"]["c1"].is_null())
    );
}

#[test]
fn before_gst_the_timing_is_charged() {
    let flags = ["--servers", "3", "--timing", "partial-synchrony", "--gst", "3", "--cut", "s1<>s2,s3@2-4"];
    let execution = executed(&[&["majority"], &flags[..]].concat());
    assert_eq!(execution["gst"], 3);
    for (round, message) in removed(&execution) {
        assert_eq!(message.ends_with("by timing"), round < 3, "round {round}: {message}");
    }
}

#[test]
fn faults_beyond_the_question_are_noted() {
    run(&["primary-backup", "--crash", "s1@2"])
        .exits(0)
        .complains("note: `threeworlds verify` would reject this execution")
        .complains(
            "(1 of servers: omission; any of clients: omission) do not allow this faulty set: s1 crash",
        );
    executed(&["primary-backup", "--crash", "s1@2"]);
    run(&[
        "majority",
        "--servers",
        "3",
        "--cut",
        "s1>s3",
        "--cut",
        "s2>s3",
        "--server-faults",
        "send-omission",
    ])
    .exits(0)
    .complains("would reject");
}

/// A prefix of the sending order may not have a hole, and the faulty set alone does not show that.
#[test]
fn a_crash_that_leaves_no_prefix_is_noted() {
    let flags = ["--server-faults", "crash", "--crash-delivery", "prefix", "--crash", "s1@4:c2"];
    run(&[&["primary-backup"], &flags[..]].concat()).exits(0).complains("would reject").complains("prefix");
}

#[test]
fn what_a_file_records_happens_again() {
    let results = folder();
    let saved = results.path().to_str().expect("the path is UTF-8");
    threeworlds(["check", "primary-backup", "--save", saved]).exits(1);
    for name in ["A", "C", "shortest-safety-violation"] {
        let file = results.path().join(format!("{name}.json"));
        let recorded: Value = serde_json::from_str(&read(&file)).expect("it is JSON");
        let file = file.to_str().expect("the path is UTF-8");
        let again = executed(&["primary-backup", "--like", file]);
        for key in ["question", "faulty", "rounds"] {
            assert_eq!(again[key], recorded[key], "{key} of {name}");
        }
        // The file says which protocol it was.
        assert_eq!(run(&["--like", file, "--json"]).exits(0).json(), again);
    }
    let file = results.path().join("C.json");
    let file = file.to_str().expect("the path is UTF-8");
    run(&["primary-backup", "--like", file, "--servers", "3"]).refuses(["--like", "--servers"]);
    run(&["primary-backup", "--like", file, "--rounds", "3"]).refuses(["--like", "--rounds"]);
    run(&["primary-backup", "--like", file, "--crash", "s1@1"]).refuses(["--like", "--crash"]);
    // The same adversary against another protocol.
    run(&["unreplicated", "--like", file]).exits(0).complains_of_nothing();
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("it was saved")
}

#[test]
fn wrong_flags_are_named_with_their_text() {
    let run = |flags: [&str; 2]| run(&["primary-backup", flags[0], flags[1]]);
    run(["--cut", "s1-s2"]).refuses(["--cut s1-s2: write `s1>s2` for one way"]);
    run(["--cut", "s1>s9"]).refuses(["--cut s1>s9: there is no s9"]);
    run(["--cut", "s1>"]).refuses(["--cut s1>: a process is missing here"]);
    run(["--cut", "s1>s2@5-3"]).refuses(["--cut s1>s2@5-3: the later round comes first"]);
    run(["--cut", "s1>s2@0"]).refuses(["--cut s1>s2@0: `0` is not a round: the first is 1"]);
    run(["--crash", "s1"]).refuses(["--crash s1: `@` and a round are missing, as in `s1@2`"]);
    run(["--crash", "s7@1"]).refuses(["--crash s7@1: there is no s7"]);
    run(["--crash", "you@1"]).refuses(["--crash you@1: `you` is not a process"]);
    run(["--crash", "s1@2:x"]).refuses(["--crash s1@2:x: `x` names no process"]);
    run(["--crash", "s1@20"]).refuses(["--crash s1@20: the run ends after round 12", "--rounds 20"]);
    run(["--request", "s1@3"]).refuses(["--request s1@3: s1 is a server"]);
    run(["--request", "c1@x"]).refuses(["--request c1@x: `x` is not a round"]);
    run(["--gst", "3"]).refuses(["--gst", "--timing partial-synchrony"]);
    run(["--like", "no-such-file.json"]).refuses(["no-such-file.json cannot be read"]);
}
