//! `threeworlds attack` with real processes: few plans, and each ends as soon as it is decided.

#![cfg(unix)]

#[cfg(target_os = "linux")]
#[path = "attack/clusters.rs"]
mod clusters;
mod support;

use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{folder, interpreter, start, threeworlds};

/// A plan in which c1 and s1 are apart from everybody else while both clients write.
fn apart(folder: &Path, servers: usize) -> PathBuf {
    let others: Vec<String> = (2..=servers).map(|server| format!("s{server}")).collect();
    let all = |names: &[String]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
    let write = |client: usize, servers: &str, milliseconds: u64| {
        format!(
            r#"{{"ask": {{"client": "c{client}", "request": {{"op": "write-once", "key": 1, "value": {client}}},
                "servers": [{servers}], "deadline_milliseconds": {milliseconds}}}}}"#
        )
    };
    let text = format!(
        r#"{{"format": "threeworlds/plan/1", "name": "apart", "servers": {servers}, "clients": 2,
            "workload": "write-once-kv", "roles": "leader-first", "steps": [
            {{"ask": {{"client": "c2", "request": {{"op": "write", "key": 1, "value": 0}},
                "servers": ["s1", {others}], "deadline_milliseconds": 20000}}}},
            {{"await": ["c2"]}}, {{"wait": {{"milliseconds": 300}}}},
            {{"cut": ["s1,c1<->{},c2"]}}, {}, {}, {{"await": ["c1", "c2"]}}]}}"#,
        others.join(","),
        write(1, "\"s1\"", 3_000),
        write(2, &all(&others), 20_000),
        others = all(&others),
    );
    let file = folder.join("apart.plan.json");
    std::fs::write(&file, text).unwrap();
    file
}

fn node(program: &str) -> [String; 3] {
    interpreter("python3");
    ["--".to_owned(), "python3".to_owned(), format!("examples/nodes/python/{program}")]
}

/// The arguments, then the program.
fn attack(arguments: &[&str], program: &str) -> Vec<String> {
    let arguments = ["attack"].iter().chain(arguments).map(|argument| (*argument).to_owned());
    arguments.chain(node(program)).collect()
}

#[test]
fn two_servers_that_go_on_alone_are_told_what_they_said() {
    let folder = folder();
    let plan = apart(folder.path(), 2);
    let saved = folder.path().join("saved");
    let arguments = ["--plan", plan.to_str().unwrap(), "--no-shrink", "--save", saved.to_str().unwrap()];
    threeworlds(attack(&arguments, "primary_backup.py"))
        .exits(1)
        .says("FAILS (agreement)")
        .says("impossible: no program is safe and live here")
        .says("c1 asks write-once 1 and is told 1, but c2 asks write-once 2 and is told 2");
    for ending in ["plan.json", "journal.jsonl", "history.jsonl", "svg"] {
        assert!(saved.join(format!("000-apart.{ending}")).is_file(), "no {ending}");
    }
    // What was saved is played again, with the same outcome.
    let again = saved.join("000-apart.plan.json");
    let result = threeworlds(attack(
        &["--plan", again.to_str().unwrap(), "--no-shrink", "--json"],
        "primary_backup.py",
    ))
    .exits(1)
    .json();
    assert_eq!((&result["verdict"], &result["horn"]), (&"fails".into(), &"safety".into()));
    assert_eq!(result["tried"][0]["told"].as_array().map(Vec::len), Some(3));
}

#[test]
fn three_servers_with_quorums_survive_one_of_them_apart() {
    let folder = folder();
    let plan = apart(folder.path(), 3);
    let arguments = ["--plan", plan.to_str().unwrap(), "--servers", "3", "--expect", "survived"];
    threeworlds(attack(&arguments, "caspaxos.py"))
        .exits(0)
        .says("SURVIVED")
        .says("possible: ")
        .says("Survived is no proof");
}

#[test]
fn a_built_in_protocol_is_a_program_too() {
    // Worlds A and B come out well for a primary with a backup, and in C both answer.
    threeworlds(["attack", "--no-shrink", "--jobs", "3"])
        .exits(1)
        .says("FAILS (agreement)")
        .says("threeworlds node primary-backup")
        .says("World C (faulty s2 c2)")
        .says("The program takes the safety horn");
}

#[test]
fn a_program_that_is_no_node_is_named_as_such() {
    threeworlds(["attack", "--", "false"]).exits(2).complains("ended before it answered `init`");
    threeworlds(["attack", "--", "no-such-program-anywhere"]).exits(2).complains("no-such-program-anywhere");
}

#[test]
fn wrong_calls_are_refused() {
    threeworlds(["attack", "primary-backup", "--", "cat"]).exits(2).complains("there are two programs");
    threeworlds(["attack", "--workload", "bank", "--", "cat"]).exits(2).complains("bank");
    threeworlds(["attack", "--clients", "0", "--", "cat"]).exits(2).complains("at least one client");
    threeworlds(["attack", "--faults", "5", "--", "cat"]).exits(2).complains("there are not so many");
    threeworlds(["attack", "--deadline", "0", "--", "cat"]).exits(2).complains("greater than 0");
    threeworlds(["attack", "--workload", "lin-kv"]).exits(2).complains("write-once register");
}

#[test]
fn what_is_wrong_with_a_plan_is_named_with_its_place() {
    let folder = folder();
    let file = apart(folder.path(), 2);
    let text = std::fs::read_to_string(&file).unwrap();
    let plan = file.to_str().unwrap();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        threeworlds(["attack", "--plan", plan, "--", "cat"]).exits(2)
    };
    with("\"name\"", "\"title\"").complains("unknown field `title`").complains("line 1 column");
    with("plan/1", "plan/2").complains("threeworlds/plan/2");
    with("s1,c1<->s2,c2", "c1->c2").complains("names no link").complains("apart.plan.json");
    with("{\"await\": [\"c2\"]},", "").complains("step 5 of the plan: c2 asks again");
    with("\"s1\", \"s2\"", "\"s9\"").complains("step 1 of the plan: there is no s9");
    std::fs::write(&file, &text).unwrap();
    threeworlds(["attack", "--servers", "3", "--plan", plan, "--", "cat"])
        .exits(2)
        .complains("the plan has 2 servers");
    threeworlds(["attack", "--plan", "no-such-file", "--", "cat"])
        .exits(2)
        .complains("no-such-file cannot be read");
}

#[test]
fn ctrl_c_ends_everything_that_was_started() {
    let folder = folder();
    // A node that says who it is and never answers anything.
    let program = folder.path().join("node.py");
    let text = r#"
import json, os, sys
open(os.path.join(os.path.dirname(__file__), "pid-%d" % os.getpid()), "w").close()
for line in sys.stdin:
    message = json.loads(line)
    body = message["body"]
    if body["type"] == "init":
        reply = {"type": "init_ok", "in_reply_to": body["msg_id"]}
        print(json.dumps({"src": message["dest"], "dest": message["src"], "body": reply}), flush=True)
"#;
    std::fs::write(&program, text).unwrap();
    let pids = || -> Vec<i32> {
        let names = std::fs::read_dir(folder.path())
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter_map(|name| name.strip_prefix("pid-")?.parse().ok()).collect()
    };
    let call = ["attack", "--", interpreter("python3"), program.to_str().unwrap()];
    let running = start(call, "").until("both nodes run", |_| pids().len() == 2);
    kill(Pid::from_raw(running.id() as i32), Signal::SIGINT).unwrap();
    running.ends().exits(3).complains("interrupted");
    for pid in pids() {
        assert!(kill(Pid::from_raw(pid), None).is_err(), "process {pid} is still there");
    }
}

#[test]
fn a_node_says_what_is_wrong_with_its_init() {
    let init = |ids: &str| {
        let body = format!(r#"{{"type":"init","msg_id":1,"node_id":"n1","node_ids":[{ids}]}}"#);
        format!("{{\"src\":\"c0\",\"dest\":\"n1\",\"body\":{body}}}\n")
    };
    let node = ["node", "majority"];
    support::threeworlds_reading(&init(r#""n1","n2","n1""#), node).refuses(["`node_ids` names `n1` twice"]);
    support::threeworlds_reading(&init(r#""n2""#), node).refuses(["does not name this node, `n1`"]);
    support::threeworlds_reading("garbage\n", node).refuses(["this is no `init`", "garbage"]);
    support::threeworlds_reading("", node).refuses(["standard input ended before `init`"]);
}
