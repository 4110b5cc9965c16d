//! The answers are those of one copy, whatever the number.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use threeworlds_model::Steps;
use threeworlds_step_program::{Options, StepProgram};

use crate::common::{Hostile, calls, command, contains_all, patient, runs, script};

fn copies(copies_max: usize) -> Options {
    Options { copies_max, ..patient() }
}

/// A program that leaves its process id in the folder and then answers each line by `answer`, an expression
/// of `n`, the number in the state.
fn program(folder: &Path, answer: &str, options: Options) -> StepProgram {
    let text = format!(
        r#"
import json, os, sys, time
open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
for text in sys.stdin:
    line = json.loads(text)
    n = line["step"]["state"]["n"]
    print(json.dumps({{"id": line["id"], "state": {answer}}}), flush=True)
"#
    );
    let place = folder.to_str().expect("the path is text");
    StepProgram::start(&command(&["python3", "-c", &text, place]), options).expect("python3 starts")
}

fn pids(folder: &TempDir) -> Vec<i32> {
    let entries = std::fs::read_dir(folder.path()).expect("the folder is there");
    entries.map(|entry| entry.expect("an entry").file_name().to_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn any_number_gives_the_same_answers_in_the_same_order() {
    let calls = calls(3_000);
    let answers = |options: Options| {
        let mut program =
            StepProgram::start(&command(&["python3", &script("good.py")]), options).expect("python3 starts");
        let mut answers = program.steps(&calls[..7]).expect("answers");
        answers.extend(program.steps(&calls[7..]).expect("answers"));
        program.finish().expect("the program is deterministic");
        answers
    };
    let one = answers(copies(1));
    assert_eq!(one.len(), 3_000);
    for number in [2, 5] {
        assert!(answers(copies(number)) == one, "{number} copies");
    }
    assert!(answers(Options { lines_in_flight_max: 1, ..copies(3) }) == one);
}

#[test]
fn as_many_run_as_are_allowed_when_there_is_enough_to_ask() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = program(folder.path(), "n", copies(3));
    program.steps(&calls(20)).expect("answers");
    assert_eq!(pids(&folder).len(), 1, "for so few one is enough");
    // Each has its share, and none is done before all are started: every fourth line takes a while.
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = self::program(folder.path(), "(n % 4 or time.sleep(0.02)) and n or n", copies(3));
    program.steps(&calls(600)).expect("answers");
    let pids = pids(&folder);
    assert_eq!(pids.len(), 3);
    drop(program);
    assert!(!pids.into_iter().any(runs), "all of them are gone");
}

/// No line is asked twice of the same copy first, so a program that is another in each copy has no chance.
#[test]
fn a_copy_must_not_differ_from_another() {
    let mut hostile = Hostile::start("by_run", copies(2));
    let error = hostile.program.steps(&calls(1_000)).expect_err("the copies differ").to_string();
    contains_all(&error, &["to the same line when it is run a second time", "\n  hint: an answer may"]);
    hostile.end();
}

#[test]
fn what_is_kept_between_lines_is_noticed() {
    let mut hostile = Hostile::start("counts", copies(2));
    let error = hostile.program.steps(&calls(1_000)).expect_err("it counts").to_string();
    contains_all(&error, &["two different answers to the same line", "first:  {\"state\":"]);
    hostile.end();
}

/// Which copy is asked what differs from time to time; which error is reported does not.
#[test]
fn the_first_line_that_goes_wrong_is_reported() {
    for _ in 0..4 {
        let folder = tempfile::tempdir().expect("a folder");
        let mut program = program(folder.path(), "n if n < 300 else float('nan')", copies(4));
        let error = program.steps(&calls(2_000)).expect_err("there is no such number").to_string();
        contains_all(&error, &["JSON has no NaN", r#""n":300}"#]);
        let pids = pids(&folder);
        assert!(!pids.is_empty() && !pids.into_iter().any(runs), "all copies are ended");
    }
}

#[test]
fn a_copy_that_hangs_is_reported_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { deadline: Duration::from_secs(3), ..copies(2) };
    let mut program = program(folder.path(), "n if n != 500 else time.sleep(1000)", options);
    let error = program.steps(&calls(1_000)).expect_err("it sleeps").to_string();
    contains_all(&error, &["no answer within 3 s", r#""n":500}"#, "raise the deadline"]);
    assert!(!pids(&folder).into_iter().any(runs), "all copies are ended");
}

#[test]
fn a_copy_that_dies_is_reported_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = program(folder.path(), "n if n != 500 else sys.exit('lost')", copies(2));
    let error = program.steps(&calls(1_000)).expect_err("it ends").to_string();
    contains_all(&error, &["ended before it answered: exit status: 1", r#""n":500}"#, "stderr: lost"]);
}
