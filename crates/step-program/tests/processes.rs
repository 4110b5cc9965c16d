//! Programs that do not start, die, stay silent or do not want to go. Whatever they do, it takes a bounded
//! time and nothing is left of them.
#![cfg(unix)]

mod common;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{Hostile, calls, command, contains_all, converse, error_of, patient, runs, script, wait_for};
use serde_json::json;
use threeworlds_model::{StepError, Steps};
use threeworlds_step_program::{Options, ProgramError, StepProgram};

/// For programs that stay silent: long enough for Python to start on a busy machine.
fn hasty() -> Options {
    Options { deadline: Duration::from_secs(3), ..patient() }
}

#[track_caller]
fn start_error(words: &[&str]) -> String {
    let error = StepProgram::start(&command(words), patient()).map(|_| ()).expect_err("it does not start");
    println!("{error}\n");
    error.to_string()
}

#[test]
fn not_found() {
    let error = start_error(&["threeworlds-no-such-program"]);
    contains_all(&error, &["`threeworlds-no-such-program` is not found", "is it installed and on the PATH?"]);
    contains_all(&start_error(&["./no/such.py"]), &["`./no/such.py` is not found", "is the path right?"]);
    contains_all(&start_error(&["python3 x.py"]), &["`python3 x.py` is not found", "-- python3 ..."]);
    contains_all(&start_error(&["Cargo.toml"]), &["is not found", "write ./Cargo.toml"]);
    contains_all(&start_error(&[]), &["no step program is given", "after --"]);
    contains_all(&start_error(&["", "x"]), &["no step program is given"]);
}

#[test]
fn not_executable() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("protocol.py");
    std::fs::write(&file, "#!/usr/bin/env python3\n").expect("the file is written");
    let path = file.to_str().expect("the path is text");
    let hint = format!("chmod +x {path}");
    contains_all(&start_error(&[path]), &[&format!("`{path}` is not executable"), &hint, "-- python3"]);
    contains_all(&start_error(&[folder.path().to_str().expect("text")]), &["it is a folder"]);
}

#[test]
fn no_interpreter() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("protocol.py");
    for (first_line, interpreter) in [
        ("#!/no/such/python3 -u\n", "`/no/such/python3`"),
        ("#! /usr/bin/no-such-python\r\n", "`/usr/bin/no-such-python\\r`"),
    ] {
        std::fs::write(&file, first_line).expect("the file is written");
        std::fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("permissions are set");
        let path = file.to_str().expect("the path is text");
        let parts = [&format!("`{path}` is there"), interpreter, "is it installed?"];
        contains_all(&start_error(&[path]), &parts.map(|part: &str| part));
    }
}

#[test]
fn crash_at_start() {
    let error = error_of("crash_at_start", patient());
    contains_all(&error, &["ended before it answered: exit status: 3", r#"line:   {"id":0,"start":"#]);
    contains_all(&error, &["stderr: the table is missing", "hint: run the command by hand"]);
}

#[test]
fn the_script_is_missing() {
    let mut program = StepProgram::start(&command(&["python3", "no-such.py"]), patient()).expect("it starts");
    let error = converse(&mut program).expect_err("there is no script").to_string();
    contains_all(&error, &["exit status: 2", "can't open file", "no-such.py"]);
}

#[test]
fn crash_later() {
    let error = error_of("crash_later", patient());
    contains_all(&error, &["exit status: 3", r#"line:   {"id":5,"step":"#, "stderr: last words", "hint: "]);
    assert!(error.len() < 6000, "only the last of stderr is shown: {} bytes", error.len());
}

#[test]
fn killed() {
    let error = error_of("killed", patient());
    contains_all(&error, &["signal: 9 (SIGKILL)", r#"line:   {"id":5,"step":"#, "hint: run the command"]);
}

#[test]
fn ends_too_early() {
    let error = error_of("ends", patient());
    contains_all(&error, &["exit status: 0", r#"line:   {"id":5,"step":"#, "hint: read lines until the end"]);
    let error = error_of("ends_within_a_line", patient());
    contains_all(&error, &["exit status: 0", "(no newline after it)", r#"stdout: {"id": 5, "state":"#]);
}

#[test]
fn closes_stdout() {
    let error = error_of("closes_stdout", patient());
    contains_all(&error, &["it closed its stdout and still runs", r#"line:   {"id":5,"step":"#, "hint: "]);
}

#[test]
fn silent() {
    let error = error_of("hang", hasty());
    contains_all(&error, &["no answer within 3 s", r#"line:   {"id":5,"step":"#, "hint: flush stdout after"]);
}

#[test]
fn does_not_flush() {
    let mut hostile = Hostile::start("does_not_flush", hasty());
    let error = hostile.program.steps(&calls(3)).expect_err("nothing comes").to_string();
    contains_all(&error, &["no answer within 3 s", r#"line:   {"id":0,"step":"#, "hint: flush stdout after"]);
    hostile.end();
}

#[test]
fn no_newline() {
    let error = error_of("no_newline", hasty());
    contains_all(&error, &["no answer within 3 s", "(no newline after it)", "hint: end each answer with a"]);
}

/// More than a pipe holds goes to a program that takes nothing.
#[test]
fn reads_nothing() {
    let mut hostile = Hostile::start("reads_nothing", hasty());
    let mut call = calls(1);
    call[0].state = common::text(json!("x".repeat(1_000_000)));
    let error = hostile.program.steps(&call).expect_err("nothing comes").to_string();
    contains_all(&error, &["no answer within 3 s", r#"line:   {"id":0,"step":"#, "... (1000"]);
    hostile.end();
}

#[test]
fn the_stop_flag_interrupts() {
    let options = patient();
    let mut hostile = Hostile::start("hang", options.clone());
    hostile.pid("pid");
    let stopper = std::thread::spawn(move || {
        options.stop.store(true, Ordering::Relaxed);
        Instant::now()
    });
    let error = converse(&mut hostile.program).expect_err("it is interrupted");
    let raised = stopper.join().expect("the flag is raised");
    assert!(matches!(error, StepError::Interrupted), "{error}");
    assert!(raised.elapsed() < Duration::from_secs(5), "{:?}", raised.elapsed());
    hostile.end();
    assert!(ProgramError::of(&StepError::ToItself(threeworlds_model::Process::Server(1))).is_none());
}

#[test]
fn a_program_that_does_not_want_to_go() {
    for behaviour in ["ignores_sigterm", "reads_nothing", "endless_stderr", "huge_line", "floods"] {
        let hostile = Hostile::start(behaviour, patient());
        hostile.pid("pid");
        hostile.end();
    }
    let mut hostile = Hostile::start("ignores_sigterm", patient());
    converse(&mut hostile.program).expect("its answers are good");
    hostile.end();
}

#[test]
fn a_good_program_ends_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ended");
    let shell = format!(r#"python3 "{}"; echo $? > {}"#, script("good.py"), file.display());
    let mut program = StepProgram::start(&command(&["sh", "-c", &shell]), patient()).expect("it starts");
    converse(&mut program).expect("its answers are good");
    program.finish().expect("and the same again");
    assert_eq!(std::fs::read_to_string(file).expect("the shell came to its end"), "0\n");
}

#[test]
fn what_a_program_started_goes_with_it() {
    for pipes in ["inherit", "closed"] {
        let mut hostile = Hostile::start_with("grandchild", &["{}/grandchild", pipes], patient());
        converse(&mut hostile.program).expect("its answers are good");
        let grandchild = hostile.pid("grandchild");
        assert!(runs(grandchild));
        hostile.end();
        wait_for("the grandchild is gone", || !runs(grandchild));
    }
}

#[test]
fn what_a_dead_program_started_goes_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sleeper");
    let shell = format!(
        "sleep 1000 >/dev/null 2>&1 & echo $! > {0}.new; mv {0}.new {0}; echo gone >&2; exit 7",
        file.display()
    );
    let mut program = StepProgram::start(&command(&["sh", "-c", &shell]), patient()).expect("it starts");
    let error = converse(&mut program).expect_err("it ends").to_string();
    contains_all(&error, &["exit status: 7", "stderr: gone"]);
    let sleeper = std::fs::read_to_string(file).expect("written").trim().parse().expect("a process id");
    wait_for("the sleeper is gone", || !runs(sleeper));
}

/// Such a process is out of reach, but it must not hold us up.
#[test]
fn a_runaway_that_holds_the_pipes_holds_nothing_up() {
    let mut hostile = Hostile::start_with("runaway", &["{}/runaway"], patient());
    converse(&mut hostile.program).expect("its answers are good");
    let runaway = hostile.pid("runaway");
    hostile.end();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(runaway), nix::sys::signal::Signal::SIGKILL)
        .expect("the runaway is still there, and this ends it");
}

/// The group of the program is its own, so Ctrl-C on the terminal does not reach it.
#[test]
fn the_program_has_a_process_group_of_its_own() {
    let shell = r#"read line; ps -o pgid= -p $$ >&2; echo "$$" >&2; exit 1"#;
    let mut program = StepProgram::start(&command(&["sh", "-c", shell]), patient()).expect("it starts");
    let error = program.steps(&calls(1)).expect_err("it ends");
    let Some(ProgramError::Ended { output, .. }) = ProgramError::of(&error) else { panic!("{error}") };
    let numbers: Vec<&str> = output.stderr.split_whitespace().collect();
    assert_eq!(numbers.len(), 2, "{output}");
    assert_eq!(numbers[0], numbers[1]);
}
