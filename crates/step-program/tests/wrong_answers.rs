//! Programs that run but say the wrong thing. Every error has the line, the answer and a hint.
#![cfg(unix)]

mod common;

use common::{Hostile, contains_all, error_of, patient};
use threeworlds_model::Steps;
use threeworlds_step_program::Options;

/// The line at which most of the programs go wrong, as far as it is always the same.
const FIFTH: &str = r#"line:   {"id":5,"step":{"process":"s1","state":{"me":"s1","n":4},"request":null,"#;

#[track_caller]
fn goes_wrong_at_the_fifth_line(behaviour: &str, parts: &[&str]) {
    let error = error_of(behaviour, patient());
    contains_all(&error, parts);
    contains_all(&error, &[FIFTH, "\n  hint: "]);
}

#[test]
fn rubbish() {
    let error = error_of("rubbish", patient());
    let line = r#"line:   {"id":0,"start":{"process":"s1","servers":["s1","s2"],"#;
    let answer = "answer: debug: it works \u{fffd}[31m";
    contains_all(&error, &[line, answer, "print debug output to stderr", "flush stdout after each line"]);
}

#[test]
fn rubbish_after_good_answers() {
    goes_wrong_at_the_fifth_line("rubbish_later", &["answer: Traceback: 5", "print debug output to stderr"]);
}

#[test]
fn json_that_is_no_object() {
    goes_wrong_at_the_fifth_line("number", &["a number instead of an object", "answer: 42"]);
}

#[test]
fn an_empty_line() {
    goes_wrong_at_the_fifth_line("empty_line", &["answer: (an empty line)", "print debug output to stderr"]);
}

#[test]
fn not_utf8() {
    goes_wrong_at_the_fifth_line("not_utf8", &["byte 18 is not UTF-8"]);
}

#[test]
fn not_a_number() {
    goes_wrong_at_the_fifth_line("nan", &["JSON has no NaN"]);
}

#[test]
fn nested_too_deeply() {
    goes_wrong_at_the_fifth_line("deep", &["recursion limit", "answer: {\"id\":5,\"state\":[[[", "bytes)"]);
}

#[test]
fn a_large_integer_is_not_rounded() {
    goes_wrong_at_the_fifth_line("large_integer", &["18446744073709551616 does not fit", "as a string"]);
}

#[test]
fn out_of_order() {
    let mut hostile = Hostile::start("out_of_order", patient());
    let error = hostile.program.steps(&common::calls(300)).expect_err("the second first").to_string();
    hostile.end();
    let what = "with id 1 where the answer with id 0 is due: the answers are not in order";
    contains_all(&error, &[what, r#"line:   {"id":0,"#, "answer: {\"id\": 1", "hint: answer each line"]);
}

#[test]
fn an_id_that_was_never_asked() {
    goes_wrong_at_the_fifth_line("wrong_id", &["with id 999999 where the answer with id 5 is due"]);
}

#[test]
fn the_same_answer_twice() {
    let error = error_of("twice", patient());
    let what = "with id 5 where the answer with id 6 is due: that line was answered before";
    contains_all(&error, &[what, r#"line:   {"id":6,"#, "\n  hint: answer each line with one line"]);
}

#[test]
fn an_unknown_key() {
    goes_wrong_at_the_fifth_line("unknown_key", &["an answer has no key `process`", "leave it out"]);
}

#[test]
fn no_state() {
    goes_wrong_at_the_fifth_line("no_state", &["the key `state` is missing", "answer: {\"id\": 5}"]);
}

#[test]
fn not_a_process() {
    goes_wrong_at_the_fifth_line("not_a_process", &["in `send`, `server2` is not a process: write `s1`"]);
}

/// It never ends a line and never stops, so without a bound there would be no error but the deadline's.
#[test]
fn a_line_without_end() {
    let error = error_of("huge_line", patient());
    let what = "a line of more than 16777216 bytes";
    contains_all(&error, &[what, r#"line:   {"id":0,"start""#, "answer: xxxx", "hint: end each answer"]);
}

#[test]
fn the_longest_line_is_an_option() {
    let error = error_of("rubbish", Options { line_bytes_max: 10, ..patient() });
    contains_all(&error, &["a line of more than 10 bytes", "answer: debug: it"]);
}

#[test]
fn output_that_nothing_asked_for() {
    let mut hostile = Hostile::start("floods", patient());
    let error = common::converse(&mut hostile.program).expect_err("too many lines").to_string();
    contains_all(&error, &["line", "hint: answer each line with one line"]);
    hostile.end();
}

#[test]
fn output_after_the_last_answer() {
    let mut hostile = Hostile::start("farewell", patient());
    common::converse(&mut hostile.program).expect("the answers are good");
    let error = hostile.program.finish().expect_err("it says goodbye").to_string();
    contains_all(&error, &["nothing asked for", r#"line:   {"id":3"#, "answer: goodbye", "\n  hint: answer"]);
    hostile.end();
}

#[test]
fn random_answers() {
    let error = error_of("random_state", patient());
    contains_all(&error, &["two different answers to the same line\n", r#"line:   {"id":"#]);
    contains_all(
        &error,
        &["first:  {\"state\":0.", "second: {\"state\":0.", "hint: an answer may depend on"],
    );
}

#[test]
fn answers_that_count() {
    let error = error_of("counts", patient());
    contains_all(&error, &["two different answers to the same line\n", "first:  {\"state\":", "\n  hint: "]);
}

/// Questions that come again soon are answered alike; it takes one that comes again late.
#[test]
fn answers_that_change_late() {
    let mut hostile = Hostile::start("forgets", patient());
    let error = hostile.program.steps(&common::calls(20_000)).expect_err("a change").to_string();
    contains_all(&error, &["two different answers to the same line\n", "first:  {\"state\":\"known\""]);
    contains_all(&error, &["second: {\"state\":\"forgotten\"", "\n  hint: "]);
    hostile.end();
}

#[test]
fn answers_that_differ_in_another_run() {
    let mut hostile = Hostile::start("by_run", patient());
    common::converse(&mut hostile.program).expect("one run always gives the same answers");
    let first = hostile.pid("pid").to_string();
    let error = hostile.program.finish().expect_err("another run gives others").to_string();
    let second = hostile.pid("pid").to_string();
    contains_all(&error, &["to the same line when it is run a second time", r#"line:   {"id":0,"#]);
    contains_all(&error, &[&format!("x\",{first},\"y"), &format!("x\",{second},\"y"), "\n  hint: "]);
    hostile.end();
}
