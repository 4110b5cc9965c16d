//! What `docs/formats/step-program.md` shows works.
#![cfg(unix)]

mod common;

use common::{SYSTEM, command, patient, text};
use serde_json::{Value, json};
use threeworlds_model::{Call, Process, Request, Response, Steps, check_step};
use threeworlds_step_program::StepProgram;

fn documentation() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/step-program.md");
    std::fs::read_to_string(file).expect("the documentation is there")
}

/// A register on one server: the value that arrives first stays.
#[test]
fn the_skeleton_is_a_protocol() {
    let text_of_all = documentation();
    let (_, after) = text_of_all.split_once("```python\n").expect("a skeleton in Python");
    let (skeleton, _) = after.split_once("```").expect("its end");
    let mut program =
        StepProgram::start(&command(&["python3", "-c", skeleton]), patient()).expect("python3 starts");

    let server = Steps::start(&mut program, Process::Server(1), &SYSTEM).expect("s1 starts");
    let client = Steps::start(&mut program, Process::Client(1), &SYSTEM).expect("c1 starts");
    check_step(&SYSTEM, Process::Server(1), &server, false).expect("a good step");
    let value = |name: &str| threeworlds_model::Value::new(name);

    let asks = Call {
        process: Process::Client(1),
        state: client.state,
        request: Some(Request::Write { value: value("C1") }),
        received: vec![],
    };
    let asked = program.steps(&[asks]).expect("c1 asks").remove(0);
    check_step(&SYSTEM, Process::Client(1), &asked, true).expect("a good step");
    assert_eq!(asked.send, [(Process::Server(1), text(json!({"op": "write", "value": "C1"})))]);

    let other = text(json!({"op": "write", "value": "C2"}));
    let serves = Call {
        process: Process::Server(1),
        state: server.state,
        request: None,
        received: vec![(Process::Client(1), asked.send[0].1.clone()), (Process::Client(2), other)],
    };
    let served = program.steps(&[serves]).expect("s1 serves").remove(0);
    let answer = text(json!({"value": "C1"}));
    assert_eq!(served.send, [(Process::Client(1), answer.clone()), (Process::Client(2), answer.clone())]);

    let hears = Call {
        process: Process::Client(1),
        state: asked.state,
        request: None,
        received: vec![(Process::Server(1), answer)],
    };
    let heard = program.steps(&[hears]).expect("c1 hears").remove(0);
    assert_eq!(heard.response, Some(Response::Value(Some(value("C1")))));
    program.finish().expect("it is deterministic");
}

/// A program that gives the documented answers, if the lines are the documented lines.
#[test]
fn the_lines_are_those_that_are_sent_and_accepted() {
    let documentation = documentation();
    let starting = |mark| documentation.lines().filter_map(move |line| line.strip_prefix(mark));
    let (lines, answers): (Vec<&str>, Vec<&str>) = (starting("> ").collect(), starting("< ").collect());
    assert_eq!((lines.len(), answers.len()), (2, 2));
    let folder = tempfile::tempdir().expect("a folder");
    let script = r#"
        cd "$1"
        id=0
        while read -r line; do
            test -e $id.json || echo "$line" > $id.json
            case $line in *'"start"'*) answer=$2 ;; *) answer=$3 ;; esac
            echo "{\"id\":$id,${answer#*,}"
            id=$((id + 1))
        done"#;
    let place = folder.path().to_str().expect("the path is text");
    let words = ["sh", "-c", script, "sh", place, answers[0], answers[1]];
    let mut program = StepProgram::start(&command(&words), patient()).expect("sh starts");
    let server = Steps::start(&mut program, Process::Server(1), &SYSTEM).expect("the first answer");
    assert_eq!(server.send, [(Process::Server(2), text(json!({"beat": 1})))]);
    let call = Call {
        process: Process::Server(1),
        state: server.state,
        request: None,
        received: vec![(Process::Client(1), text(json!({"write": "C1"})))],
    };
    let steps = program.steps(&[call]).expect("the second answer");
    assert_eq!(steps[0].state, text(json!({"reg": "C1"})));
    for (number, line) in lines.iter().enumerate() {
        let sent =
            std::fs::read_to_string(folder.path().join(format!("{number}.json"))).expect("a line was sent");
        assert_eq!(sent.trim_end(), *line);
        serde_json::from_str::<Value>(line).expect("the line is JSON");
    }
}
