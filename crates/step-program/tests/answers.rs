//! Programs that behave: right answers, in order, whatever the size, the speed and the order of keys.
#![cfg(unix)]

mod common;

use common::{Hostile, SYSTEM, calls, command, patient, script, text};
use serde_json::{Value, json};
use threeworlds_model::{Call, Process, Request, Response, Steps};
use threeworlds_step_program::{JsonText, Options, StepProgram};

fn good(options: Options) -> StepProgram {
    StepProgram::start(&command(&["python3", &script("good.py")]), options).expect("python3 starts")
}

#[test]
fn fifty_thousand_pipelined_steps_are_answered_in_order() {
    let mut program = good(patient());
    let started = Steps::start(&mut program, Process::Server(1), &SYSTEM).expect("an answer");
    assert_eq!(started.state, text(json!({"me": "s1", "n": 0})));
    assert!(started.send.is_empty() && started.response.is_none());
    let steps = program.steps(&calls(50_000)).expect("answers");
    assert_eq!(steps.len(), 50_000);
    for (number, step) in (1..).zip(steps) {
        assert_eq!(step.state, text(json!({"me": "s1", "n": number})));
        let message = text(json!({"got": {"write": "C1"}, "n": number}));
        assert_eq!(step.send, [(Process::Client(1), message)]);
    }
    program.finish().expect("the program is deterministic");
}

#[test]
fn requests_and_responses_travel() {
    let mut program = good(patient());
    let request = |request| Call {
        process: Process::Client(1),
        state: text(json!({"n": 0})),
        request: Some(request),
        received: vec![],
    };
    let value = threeworlds_model::Value::new("Zoë 𝄞");
    let calls = [request(Request::Write { value: value.clone() }), request(Request::Read {})];
    let steps = program.steps(&calls).expect("answers");
    assert_eq!(steps[0].response, Some(Response::Value(Some(value))));
    assert_eq!(steps[1].response, Some(Response::Value(None)));
}

#[test]
fn one_by_one_gives_the_same_answers() {
    let one_by_one = Options { lines_in_flight_max: 1, ..patient() };
    let calls = calls(500);
    assert_eq!(
        good(one_by_one).steps(&calls).expect("answers"),
        good(patient()).steps(&calls).expect("answers")
    );
}

/// Each line and each answer is larger than a pipe, so whoever waits for the other first waits for ever.
#[test]
fn full_pipes_are_no_deadlock() {
    let mut program = good(patient());
    let large = Value::String("x".repeat(300_000));
    let call = |number: u64| Call {
        state: text(json!({"n": number, "large": large})),
        ..calls(1).pop().expect("one call")
    };
    let calls: Vec<Call<JsonText, JsonText>> = (0..100).map(call).collect();
    let steps = program.steps(&calls).expect("answers");
    for (number, step) in (1..).zip(steps) {
        assert_eq!(step.state, text(json!({"n": number, "large": large})));
    }
}

#[test]
fn messages_are_json_again() {
    let program = good(patient());
    let message = json!({"b": [1, 1.5, null], "a": "é"});
    assert_eq!(program.message_json(&text(message.clone())), message);
}

#[test]
fn endless_noise_on_stderr_stops_nothing_and_is_not_kept() {
    let mut hostile = Hostile::start("endless_stderr", patient());
    common::converse(&mut hostile.program).expect("answers");
    let kept = hostile.program.stderr();
    assert!(kept.contains("noise") && kept.len() <= 5000, "{} bytes", kept.len());
    hostile.end();
}
