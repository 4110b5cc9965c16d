//! What the end of a client's command says about its operation.

use serde_json::{Value as Json, json};
use threeworlds_attack::namespaces::{Ended, Output};
use threeworlds_attack::subject::Call;
use threeworlds_attack::{KvRequest, Outcome};
use threeworlds_model::Process;

use crate::support::{site, variant};

fn call(request: &KvRequest) -> Call {
    variant("plain").call(&site(2), Process::Client(1), Process::Server(2), request).unwrap()
}

fn read() -> Call {
    call(&KvRequest::Read { key: 7.into() })
}

fn write_once() -> Call {
    call(&KvRequest::WriteOnce { key: 7.into(), value: 101.into() })
}

fn cas() -> Call {
    call(&KvRequest::Cas { key: 7.into(), from: 1.into(), to: 2.into() })
}

fn exited(status: i32, stdout: &str, stderr: &str) -> Output {
    let ended = Some(Ended::Exited(status));
    Output { ended, stdout: stdout.to_owned(), stderr: stderr.to_owned(), truncated: false }
}

fn ok(value: Json) -> Outcome {
    Outcome::Ok(Some(value))
}

fn refused(code: i64, text: &str) -> Outcome {
    Outcome::Refused { code, text: text.to_owned() }
}

fn unknown(why: &str) -> Outcome {
    Outcome::Unknown { why: why.to_owned() }
}

#[test]
fn the_first_rule_that_matches_decides() {
    assert_eq!(read().outcome(&exited(0, " \n", "")), ok(Json::Null));
    assert_eq!(read().outcome(&exited(0, "noise\n7 = 102 \nmore", "")), ok(json!(102)));
    assert_eq!(read().outcome(&exited(0, "7 = blue", "")), ok(json!("blue")));
    // Not the same text, so not the same value.
    assert_eq!(read().outcome(&exited(0, "7 = 0102", "")), ok(json!("0102")));
    assert_eq!(read().outcome(&exited(1, "", "not ready\n")), refused(11, "not ready"));
    assert_eq!(write_once().outcome(&exited(0, "created", "")), ok(json!(101)));
    let taken = r#"{"exists": true, "now": {"value": "102"}}"#;
    assert_eq!(write_once().outcome(&exited(1, taken, "")), ok(json!(102)));
    let write = call(&KvRequest::Write { key: 7.into(), value: 1.into() });
    assert_eq!(write.outcome(&exited(0, "ok", "")), Outcome::Ok(None));
    assert_eq!(cas().outcome(&exited(0, "swapped", "")), Outcome::Ok(None));
    assert_eq!(cas().outcome(&exited(4, "", "it is 5")), refused(22, "it is 5"));
    assert_eq!(cas().outcome(&exited(6, "", "")), refused(20, ""));
}

/// No response does not mean not applied, and neither does one that nobody understands.
#[test]
fn what_no_rule_knows_is_unknown() {
    assert_eq!(read().outcome(&exited(9, "", "a\nb")), unknown("exit status 9: a b"));
    assert_eq!(read().outcome(&exited(1, "not ready", "")), unknown("exit status 1: not ready"));
    // Exit status 0 is what `done` needs, if nothing else is said.
    assert_eq!(write_once().outcome(&exited(7, "created", "")), unknown("exit status 7: created"));
    assert_eq!(write_once().outcome(&exited(2, "", "")), unknown("exit status 2"));
    // A rule that matches, and no value where it has to be.
    assert_eq!(read().outcome(&exited(0, "8 = 1", "")), unknown("its output has no `7 = `: 8 = 1"));
    assert_eq!(read().outcome(&exited(0, "7 =  \n", "")), unknown("its output shows no value: 7 ="));
    assert_eq!(
        write_once().outcome(&exited(1, r#"{"exists": {}}"#, "")),
        unknown(r#"its output has nothing at `/now/value`: {"exists": {}}"#)
    );
}

/// A command that was killed may have said something before, and that counts for nothing.
#[test]
fn a_command_that_did_not_end_by_itself_is_unknown() {
    let late = Output { ended: None, stdout: "created".to_owned(), ..Output::default() };
    assert_eq!(write_once().outcome(&late), unknown("no answer within 2 s"));
    let killed = Output { ended: Some(Ended::Signaled(9)), ..late };
    assert_eq!(write_once().outcome(&killed), unknown("its command was ended by signal 9"));
}

/// What was cut off may have said otherwise.
#[test]
fn an_answer_that_was_not_kept_whole_is_unknown() {
    let long = Output { truncated: true, ..exited(0, "created", "") };
    assert_eq!(write_once().outcome(&long), unknown("it wrote more than 64 KiB"));
}

#[test]
fn readiness_and_leadership_are_told_by_exit_status_and_output() {
    use threeworlds_attack::subject::Deed;
    let subject = variant("plain");
    let actions = subject.actions(&site(2));
    let Deed::Until(ready, _) = &actions[2].hosts[1].1 else { panic!("{actions:?}") };
    assert!(ready.says_yes(&exited(0, "pong from s2", "")));
    assert!(!ready.says_yes(&exited(0, "pong from s1", "")));
    assert!(!ready.says_yes(&exited(0, "pong from s2, starting", "")));
    assert!(!ready.says_yes(&exited(1, "pong from s2", "")));
    let killed = Output { ended: None, stdout: "pong from s2".to_owned(), ..Output::default() };
    assert!(!ready.says_yes(&killed));
    let leads = subject.leads(&site(2), Process::Server(1)).unwrap();
    assert!(leads.says_yes(&exited(0, "leader\n", "")) && !leads.says_yes(&exited(0, "follower\n", "")));
}
