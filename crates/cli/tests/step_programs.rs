//! What a step program can do wrong: each time exit status 2, a message that shows where and says what to
//! do, no verdict, and no process that is left behind.

mod support;

use support::processes::StepProgram;
use support::{Outcome, folder, threeworlds};

/// A question that is small, and in which clients ask.
const SMALL: [&str; 4] = ["--rounds", "4", "--server-faults", "none"];

#[track_caller]
fn check(text: &str) -> Outcome {
    StepProgram::new(text).checked(&SMALL)
}

/// Every line is answered with these keys.
#[track_caller]
fn check_saying(keys: &str) -> Outcome {
    StepProgram::that_says(keys).checked(&SMALL)
}

/// The template of all these programs is good: what goes wrong below goes wrong for its own reason.
#[test]
fn a_program_that_does_nothing_is_no_error() {
    let program = StepProgram::that_says("");
    program.checked(&["--server-faults", "none"]).exits(1).says("FAILS (termination)");
}

#[test]
fn a_program_that_crashes_shows_its_last_words() {
    check("raise RuntimeError('the table is missing')").refuses([
        "the step program ended before it answered: exit status: 1",
        r#"{"id":0,"start":{"process":"s1""#,
        "RuntimeError: the table is missing",
        "hint: ",
    ]);
}

#[test]
fn a_program_that_crashes_later_shows_the_line() {
    check("for line in lines():\n    say(line) if 'start' in line else sys.exit('lost')").refuses([
        "ended before it answered",
        r#""step":{"process":"#,
        "stderr: lost",
    ]);
}

#[test]
fn a_program_that_hangs_is_ended_after_the_deadline() {
    let program = StepProgram::new("time.sleep(1000)");
    program.checked(&["--deadline", "1"]).refuses([
        "the step program gives no answer within 1 s",
        r#"{"id":0,"start""#,
        "deadline",
    ]);
}

#[test]
fn rubbish_is_shown() {
    check("for line in lines():\n    print('debug: it works', flush=True)").refuses([
        "other than a JSON object",
        "answer: debug: it works",
        "print debug output to stderr",
    ]);
}

#[test]
fn answers_out_of_order_are_noticed() {
    // Answers all lines that have arrived, the last one first.
    let program = StepProgram::new(
        "while chunk := os.read(0, 1 << 20):
    for text in reversed(chunk.decode().splitlines()):
        say(json.loads(text))",
    );
    program.checked(&SMALL).refuses(["answers with id", "in order"]);
    check_saying("id=77").refuses(["answers with id 77 where the answer with id 0 is due"]);
}

#[test]
fn an_answer_for_another_process_is_noticed() {
    check_saying("process='s2'").refuses(["an answer has no key `process`", "leave it out"]);
}

#[test]
fn messages_must_go_to_other_processes_of_the_system() {
    let send = |condition: &str, to: &str| {
        check_saying(&format!("send=[{to}] if it(line)['process'] == '{condition}' else []"))
    };
    send("s1", "{'to': 's9', 'message': 1}").refuses(["s1 sends to s9", "2 servers and 2 clients"]);
    send("s1", "{'to': 'you', 'message': 1}").refuses(["`you`", "hint: "]);
    send("s1", "{'to': 's1', 'message': 1}").refuses(["s1 sends to itself"]);
    send("s2", "{'to': 's1', 'message': 1}, {'to': 's1', 'message': 2}")
        .refuses(["s2 sends two messages to s1 in one round", "at most one"]);
    send("c1", "{'to': 'c2', 'message': 1}").refuses(["c1 sends to c2", "--client-links"]);
}

#[test]
fn clients_may_send_to_each_other_where_they_are_linked() {
    let to_the_other = "send=[{'to': 'c2', 'message': 1}] if it(line)['process'] == 'c1' else []";
    let program = StepProgram::that_says(to_the_other);
    program.checked(&["--client-links", "--server-faults", "none"]).exits(1).says("FAILS (termination)");
}

#[test]
fn a_program_that_is_not_deterministic_is_noticed() {
    check_saying("state=os.urandom(8).hex()").refuses([
        "not deterministic",
        "first: ",
        "second: ",
        "use no clock, no random numbers",
    ]);
}

#[test]
fn a_program_that_remembers_its_run_is_noticed() {
    check_saying("state=os.getpid()").refuses(["not deterministic", "when it is run a second time"]);
}

#[test]
fn only_clients_with_a_request_may_respond() {
    let respond =
        |condition: &str| check_saying(&format!("response={{'value': 'C1'}} if {condition} else None"));
    respond("it(line)['process'] == 's1' and 'step' in line")
        .refuses(["s1 gives a response", "only a client"]);
    respond("it(line)['process'] == 'c1' and 'start' in line")
        .refuses(["c1 gives a response", "only a client"]);
    respond("it(line)['process'] == 'c2' and not it(line).get('request')").refuses(["c2 gives a response"]);
}

#[test]
fn a_response_has_to_fit_the_task() {
    let respond = |response: &str| {
        let asked = "'step' in line and line['step']['request']";
        check_saying(&format!("response={response} if {asked} else None"))
    };
    respond("{'log': ['C1']}")
        .refuses(["not a response of the task write-once-register", r#"{"value":"C1"}"#]);
    respond("{'valu': 'C1'}").refuses([r#"`response` is {"valu":"C1"}"#, "hint: "]);
}

#[test]
fn a_missing_interpreter_or_program_is_named() {
    let check = |command: &[&str]| threeworlds(["check", "--"].iter().chain(command));
    check(&["no-such-interpreter", "protocol.py"])
        .refuses(["`no-such-interpreter` is not found", "is it installed"]);
    check(&["./no/such/program"]).refuses(["`./no/such/program` is not found", "is the path right?"]);
    check(&["/"]).refuses(["it is a folder"]);
    check(&[""]).refuses(["no step program is given", "-- python3 protocol.py"]);
    check(&["python3", "no-such-file.py"]).refuses(["ended before it answered", "no-such-file.py"]);
    let folder = folder();
    let path = folder.path().join("protocol.py");
    std::fs::write(&path, "#!/usr/bin/env python3\n").expect("a file can be written");
    check(&[path.to_str().expect("the path is UTF-8")]).refuses(["is not executable"]);
}

#[test]
fn nothing_is_written_when_a_program_fails() {
    let results = folder();
    let path = |name: &str| results.path().join(name).to_str().expect("the path is UTF-8").to_owned();
    let program = StepProgram::new("sys.exit(3)");
    program.checked(&["--json", "--save", &path("saved"), "--report", &path("report.html")]).refuses([]);
    assert!(!results.path().join("report.html").exists());
    let saved: Vec<_> = std::fs::read_dir(results.path().join("saved")).into_iter().flatten().collect();
    assert!(saved.is_empty(), "{saved:?}");
}

#[test]
fn run_and_verify_refuse_it_in_the_same_words() {
    let results = folder();
    let file = results.path().join("run.json");
    let run = threeworlds(["run", "primary-backup", "--json"]).exits(0);
    std::fs::write(&file, &run.stdout).expect("a file can be written");
    let program = StepProgram::new("print('hello', flush=True)\ntime.sleep(1000)");
    threeworlds(program.call(&["run"])).refuses(["answer: hello"]);
    threeworlds(program.call(&["verify", file.to_str().expect("the path is UTF-8")]))
        .refuses(["answer: hello"]);
    program.is_gone();
}

const MAJORITY: [&str; 2] = ["python3", "examples/python/majority.py"];

/// The document without what differs from call to call.
fn result(flags: &[&str]) -> serde_json::Value {
    let question =
        ["check", "--json", "--servers", "3", "--server-faults", "crash", "--client-faults", "none"];
    let call = question.iter().chain(flags).chain(&["--"]).chain(&MAJORITY);
    let mut document = threeworlds(call).exits(0).complains_of_nothing().json();
    document.as_object_mut().expect("an object").remove("seconds").expect("it has a duration");
    document
}

#[test]
fn the_result_is_the_same_with_any_number_of_copies_and_with_a_cache() {
    let cache = folder();
    let place = cache.path().to_str().expect("the path is UTF-8");
    let one = result(&["--step-jobs", "1"]);
    assert_eq!(one["verdict"], "holds");
    assert_eq!(result(&["--step-jobs", "4"]), one);
    assert_eq!(result(&["--step-cache", place]), one, "the first time");
    assert_eq!(result(&["--step-cache", place]), one, "the second time");
    assert_eq!(std::fs::read_dir(place).expect("the folder is there").count(), 1, "nothing new was asked");
    // The usual folder, and flags in any order.
    assert_eq!(result(&["--step-cache", "--step-jobs", "2"]), one);
    assert_eq!(result(&["--step-jobs", "2", "--step-cache"]), one);
}

#[test]
fn a_damaged_cache_is_said_and_changes_no_verdict() {
    let cache = folder();
    let place = cache.path().to_str().expect("the path is UTF-8");
    result(&["--step-cache", place]);
    let file = std::fs::read_dir(place).expect("it is there").next().expect("a file").expect("a file").path();
    let mut bytes = std::fs::read(&file).expect("it can be read");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).expect("it can be written");
    let flags = ["check", "--servers", "3", "--server-faults", "crash", "--client-faults", "none"];
    let call = [&flags[..], &["--step-cache", place, "--"], &MAJORITY].concat();
    threeworlds(call).exits(0).says("HOLDS").complains("is damaged from byte");
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let check = |call: &[&str]| threeworlds(["check"].iter().chain(call));
    check(&["majority", "--step-cache"]).refuses(["--step-cache", "a built-in protocol", "leave it out"]);
    check(&["--step-cache", "--", "python3", "-c", "pass"]).refuses([
        "answers cannot be kept",
        "names no file of the program",
        "leave out --step-cache",
    ]);
    check(&["--step-cache", "Cargo.toml", "--", "python3", "examples/python/majority.py"])
        .refuses(["answers cannot be kept in Cargo.toml", "name another folder"]);
    check(&["--step-cache", "--", "no-such-interpreter", "protocol.py"]).refuses(["is not found"]);
    check(&["--step-jobs", "0", "--", "python3", "x.py"]).exits(2).complains("--step-jobs");
}

#[test]
fn flags_after_the_command_are_for_the_program_and_that_is_said() {
    let program = StepProgram::that_says("");
    let mut call = program.call(&["check", "--rounds", "2"]);
    call.extend(["--json".to_owned(), "--own-flag".to_owned()]);
    threeworlds(call).exits(1).says("FAILS (termination)").complains("`--json` stands after the command");
}
