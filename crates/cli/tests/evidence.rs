//! What `check --save` and `check --json` write is confirmed by `verify`, which rejects every change of it; and
//! histories of clients, which `verify` judges.

mod support;

use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};
use support::{Outcome, folder, interpreter, threeworlds, threeworlds_reading};

/// The files that a check of this protocol saves, as they are.
fn saved(call: &[&str]) -> Vec<(String, String)> {
    let results = folder();
    let folder = results.path().to_str().expect("the path is UTF-8").to_owned();
    threeworlds(["check", "--save", &folder].iter().chain(call)).exits(1);
    let mut files: Vec<(String, String)> = std::fs::read_dir(results.path())
        .expect("the folder is there")
        .map(|entry| entry.expect("a file can be listed").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| (name(&path), std::fs::read_to_string(&path).expect("it is text")))
        .collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_stem().expect("it has a name").to_string_lossy().into_owned()
}

/// What a check of primary-backup saves.
static PRIMARY_BACKUP: LazyLock<Vec<(String, String)>> = LazyLock::new(|| saved(&["primary-backup"]));

/// The execution of that name among it.
fn execution(wanted: &str) -> Value {
    let (_, text) = PRIMARY_BACKUP.iter().find(|(name, _)| name == wanted).expect("it is saved");
    serde_json::from_str(text).expect("it is JSON")
}

#[track_caller]
fn verify(execution: &Value) -> Outcome {
    threeworlds_reading(&execution.to_string(), ["verify", "-", "primary-backup"])
}

#[track_caller]
fn is_rejected(execution: &Value, reason: &str) {
    verify(execution).exits(1).says("rejected").says(reason).complains_of_nothing();
}

#[test]
fn everything_that_is_saved_is_confirmed() {
    let files = &*PRIMARY_BACKUP;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["A", "B", "C", "shortest-liveness-violation", "shortest-safety-violation"]);
    for (name, text) in files {
        let claims = name.len() > 1 || name == "C";
        let outcome = threeworlds_reading(text, ["verify", "-", "primary-backup"]).exits(0).says("valid");
        let outcome = outcome.says("the protocol does this");
        if claims {
            outcome.says("and violates ");
        }
        // The file names a built-in protocol, so it need not be named again.
        threeworlds_reading(text, ["verify", "-"]).exits(0);
    }
}

#[test]
fn what_a_step_program_did_is_confirmed_by_it_alone() {
    let program = ["--", interpreter("python3"), "examples/python/primary_backup.py"];
    let files = saved(&program);
    let (_, world) = files.iter().find(|(name, _)| name == "C").expect("world C is saved");
    let with = |protocol: &[&str]| threeworlds_reading(world, ["verify", "-"].iter().chain(protocol));
    with(&program).exits(0).says("valid").says("violates agreement");
    // The built-in protocol does the same in other words.
    with(&["primary-backup"]).exits(1).says("rejected").says("the protocol sends");
    // A command that stands in a file is not run.
    with(&[]).refuses(["add `-- python3 examples/python/primary_backup.py`"]);
}

#[test]
fn a_result_is_verified_execution_by_execution() {
    let result = threeworlds(["check", "primary-backup", "--json"]).exits(1);
    let outcome = threeworlds_reading(&result.stdout, ["verify", "-", "primary-backup", "--json"]).exits(0);
    let document = outcome.json();
    assert_eq!(document["command"], "verify");
    assert_eq!(document["verdict"], "valid");
    assert_eq!(document["executions"].as_array().map(Vec::len), Some(5));
    let mut result = result.json();
    result["worlds"][1]["faulty"] = json!({});
    let outcome =
        threeworlds_reading(&result.to_string(), ["verify", "-", "primary-backup", "--json"]).exits(1);
    let document = outcome.json();
    assert_eq!(document["verdict"], "rejected");
    let verdicts: Vec<&Value> = (0..3).map(|index| &document["executions"][index]["verdict"]).collect();
    assert_eq!(verdicts, ["valid", "rejected", "valid"]);
    assert!(document["executions"][1]["reason"].is_string());
}

#[test]
fn another_protocol_does_something_else() {
    let world = execution("C").to_string();
    threeworlds_reading(&world, ["verify", "-", "majority"]).exits(1).says(
        "rejected C: round 1: the protocol sends s1 to s2: \"report\", the file says s1 to s2: \"beat\"",
    );
}

#[test]
fn a_removed_message_that_arrives_after_all_is_noticed() {
    let mut world = execution("C");
    let messages = world["rounds"][1]["messages"].as_array_mut().expect("messages are a list");
    let mut writes = messages.iter_mut().filter(|message| message["from"] == "c1" && message["to"] == "s2");
    let lost = writes.next().and_then(Value::as_object_mut).expect("c1 writes to s2");
    assert_eq!(lost.remove("removed"), Some(json!("s2")));
    is_rejected(&world, "round 3: the protocol sends");
}

#[test]
fn a_changed_response_is_noticed() {
    let mut world = execution("C");
    world["rounds"][3]["responses"]["c2"] = json!({"value": "C1"});
    is_rejected(&world, "round 4: by the protocol c1 is told C1, c2 is told C2, by the file");
}

#[test]
fn a_faulty_process_that_is_left_out_is_noticed() {
    let mut world = execution("C");
    world["faulty"].as_object_mut().expect("faulty is an object").remove("s2");
    is_rejected(&world, "charged to s2, which is not faulty in that way");
}

#[test]
fn one_more_faulty_process_than_allowed_is_noticed() {
    let mut world = execution("C");
    world["faulty"]["s1"] = json!("omission");
    is_rejected(&world, "do not allow this faulty set");
}

#[test]
fn a_changed_claim_is_noticed() {
    let mut world = execution("C");
    world["claim"]["property"] = json!("validity");
    is_rejected(&world, "the claim is wrong: ");
    let mut world = execution("C");
    world["claim"]["property"] = json!("termination");
    is_rejected(&world, "the claim is wrong: termination is not violated");
    let mut world = execution("A");
    world["claim"] = json!({"property": "agreement", "explanation": "it is so"});
    is_rejected(&world, "the claim is wrong: agreement is not violated");
}

#[test]
fn a_loop_that_does_not_close_is_noticed() {
    let mut lasso = execution("shortest-liveness-violation");
    assert_eq!(lasso["loop_from_round"], 2);
    lasso["loop_from_round"] = json!(1);
    is_rejected(&lasso, "the rounds from 1 on do not repeat");
    lasso["loop_from_round"] = Value::Null;
    is_rejected(&lasso, "the claim is wrong: termination is not violated");
    lasso["loop_from_round"] = json!(9);
    verify(&lasso).refuses(["`loop_from_round` is 9, but the rounds are 1 to 2"]);
}

#[test]
fn a_request_that_comes_at_another_time_is_noticed() {
    let mut world = execution("A");
    let request = world["rounds"][0]["requests"].take();
    world["rounds"][0].as_object_mut().expect("a round is an object").remove("requests");
    world["rounds"][1]["requests"] = request;
    is_rejected(&world, "round 2: a message from c1 to s2 is to be removed, but none is sent");
    let mut world = execution("A");
    world["rounds"][0]["requests"]["c1"] = json!({"op": "read"});
    is_rejected(&world, "round 1: c1 issues read, but the workload's next request is write(C1)");
}

#[test]
fn an_execution_that_is_too_long_or_too_short_is_noticed() {
    let mut world = execution("C");
    world["rounds"].as_array_mut().expect("rounds are a list").pop();
    is_rejected(&world, "the claim is wrong: agreement is not violated");
    let mut world = execution("C");
    world["rounds"][2]["messages"].as_array_mut().expect("messages are a list").pop();
    is_rejected(&world, "round 3: ");
}

#[test]
fn views_that_a_result_calls_equal_are_compared() {
    let mut result = threeworlds(["check", "primary-backup", "--json"]).exits(1).json();
    verify(&result).exits(0);
    // In A nobody cuts s1 off, so it does not see what it sees in B.
    result["three_worlds"]["indistinguishable"] = json!([{"process": "s1", "worlds": ["A", "B"]}]);
    is_rejected(&result, "s1 does not see the same in A and B");
    result["three_worlds"]["indistinguishable"] = json!([{"process": "s1", "worlds": ["A", "D"]}]);
    is_rejected(&result, "s1 does not see the same in A and D");
    result["three_worlds"]["indistinguishable"] = json!([{"process": "s1"}]);
    verify(&result).refuses(["an entry that is not a process and two worlds"]);
}

#[test]
fn what_an_earlier_check_left_behind_is_no_evidence_of_this_one() {
    let results = folder();
    let path = |name: &str| results.path().join(name);
    let save = results.path().to_str().expect("the path is UTF-8").to_owned();
    std::fs::write(path("notes.txt"), "mine").expect("a file can be written");
    threeworlds(["check", "primary-backup", "--save", &save]).exits(1);
    assert!(path("C.json").exists() && path("worlds.svg").exists());
    threeworlds(["check", "primary-backup", "--server-faults", "crash", "--save", &save]).exits(0);
    assert!(!path("C.json").exists() && !path("worlds.svg").exists());
    assert!(path("notes.txt").exists(), "what is not ours stays");
}

#[test]
fn the_picture_in_the_readme_is_the_one_that_is_drawn() {
    let results = folder();
    let save = results.path().to_str().expect("the path is UTF-8").to_owned();
    threeworlds(["check", "primary-backup", "--save", &save]).exits(1);
    let drawn = std::fs::read_to_string(results.path().join("worlds.svg")).expect("it is saved");
    let shown = support::repository().join("docs/images/three-worlds.svg");
    let shown = std::fs::read_to_string(shown).expect("the README shows it");
    assert!(
        drawn == shown,
        "docs/images/three-worlds.svg is not what `check primary-backup --save` draws now"
    );
}

const STALE: &str = "INFO  jepsen.util - 0\t:invoke\t:write\t1\nINFO  jepsen.util - 0\t:ok\t:write\t1\n\
                     INFO  jepsen.util - 1\t:invoke\t:write\t2\nINFO  jepsen.util - 1\t:ok\t:write\t2\n\
                     INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - 0\t:ok\t:read\t1\n";

#[test]
fn a_history_is_judged_and_the_operations_to_blame_are_named() {
    let call = ["verify", "-", "--model", "register"];
    threeworlds_reading(STALE, call)
        .exits(1)
        .says("1 was there from when process 0 wrote 1 (line 1) until process 0 read 1 (line 5), and 2 in between")
        .says("3 of 3 operations are to blame");
    threeworlds_reading(&STALE.replace(":read\t1", ":read\t2"), call).exits(0).says("valid");
    threeworlds_reading(
        &STALE.replace(":read\t1", ":read\t2"),
        ["verify", "-", "--model", "register", "--initial", "7"],
    )
    .exits(0)
    .says("holds 7 at the start");
    let result =
        threeworlds_reading(STALE, ["verify", "-", "--model", "cas-register", "--json"]).exits(1).json();
    assert_eq!(result["blame"]["operations"].as_array().map(Vec::len), Some(3));
    assert_eq!(result["blame"]["operations"][2]["line"], json!(5));
    assert_eq!((&result["verdict"], &result["property"]), (&json!("rejected"), &json!("linearizability")));
}

#[test]
fn a_history_comes_with_a_page_or_a_drawing() {
    let folder = folder();
    for (name, start) in [("page.html", "<!DOCTYPE html>"), ("drawing.svg", "<svg")] {
        let path = folder.path().join(name);
        let path = path.to_str().expect("the path is UTF-8");
        threeworlds_reading(STALE, ["verify", "-", "--model", "register", "--report", path]).exits(1);
        let text = std::fs::read_to_string(path).expect("it is written");
        assert!(text.to_lowercase().contains(&start.to_lowercase()) && text.contains("read"), "{text}");
    }
}

#[test]
fn what_is_no_history_is_refused() {
    let call = ["verify", "-", "--model", "register"];
    threeworlds_reading("", call).refuses(["is empty"]);
    threeworlds_reading("hello", call).refuses(["is no history"]);
    threeworlds_reading(STALE, ["verify", "-"]).refuses(["--model", "cas-register"]);
    threeworlds_reading(STALE, ["verify", "-", "--model", "queue"])
        .refuses(["has no such operation", "line 1"]);
    threeworlds_reading(STALE, ["verify", "-", "--model", "stack"]).exits(2).complains("no model");
    threeworlds_reading(&STALE.replace(":write\t2", ""), call).refuses([
        "line 3",
        "line 4",
        "the operation is missing",
    ]);
    threeworlds_reading(STALE, ["verify", "-", "--model", "register", "--report", "x.pdf"])
        .refuses([".html"]);
    threeworlds_reading("{\"format\":\"threeworlds/history/9\"}", call).refuses(["threeworlds/history/1"]);
}

#[test]
fn the_picture_of_the_sending_order_is_the_one_that_is_drawn() {
    let results = folder();
    let save = results.path().to_str().expect("the path is UTF-8").to_owned();
    let question = ["--servers", "3", "--server-faults", "crash", "--client-faults", "none"];
    threeworlds([&["check", "ordered-backup", "--save", &save], &question[..]].concat()).exits(1);
    let drawn = results.path().join("shortest-safety-violation.svg");
    let drawn = std::fs::read_to_string(drawn).expect("it is saved");
    let shown = support::repository().join("docs/images/sending-order.svg");
    let shown = std::fs::read_to_string(shown).expect("the page shows it");
    assert!(
        drawn == shown,
        "docs/images/sending-order.svg is not what `check ordered-backup --save` draws now"
    );
}
