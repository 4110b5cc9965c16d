//! What the tests of step programs share: programs, questions, and proof that processes are gone.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use threeworlds_model::{Call, Process, StepError, Steps, System};
use threeworlds_step_program::{JsonText, Options, ProgramError, StepProgram};

/// More than anything here may take, on a busy machine too.
pub const LONG: Duration = Duration::from_secs(20);

pub const SYSTEM: System = System { servers: 2, clients: 2, faults: 1, client_links: false };

/// A program of `tests/programs` in a folder of its own, where it writes its process id.
pub struct Hostile {
    pub program: StepProgram,
    folder: TempDir,
    started: Instant,
}

/// The options of most tests: a deadline that is never reached unless something is wrong, and one copy, so that
/// it is known which line is the fifth.
pub fn patient() -> Options {
    Options { deadline: LONG, copies_max: 1, ..Options::default() }
}

pub fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

pub fn script(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    folder.join(name).to_str().expect("the path is text").to_owned()
}

impl Hostile {
    pub fn start(behaviour: &str, options: Options) -> Self {
        Self::start_with(behaviour, &[], options)
    }

    /// `{}` in an argument stands for a folder.
    pub fn start_with(behaviour: &str, arguments: &[&str], options: Options) -> Self {
        let folder = TempDir::new().expect("a folder");
        let place = folder.path().to_str().expect("the path is text");
        let mut words = command(&["python3", &script("hostile.py"), behaviour, &format!("{place}/pid")]);
        words.extend(arguments.iter().map(|argument| argument.replace("{}", place)));
        let started = Instant::now();
        let program = StepProgram::start(&words, options).expect("python3 starts");
        Hostile { program, folder, started }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The process id in a file that a program writes, as soon as it does.
    pub fn pid(&self, name: &str) -> i32 {
        let file = self.file(name);
        wait_for(&format!("{name} is written"), || file.exists());
        std::fs::read_to_string(file).expect("the file is read").trim().parse().expect("a process id")
    }

    /// Ends the program and sees that it is gone, in time.
    pub fn end(self) {
        let pid = self.pid("pid");
        let Hostile { program, started, .. } = self;
        let before = Instant::now();
        drop(program);
        assert!(before.elapsed() < Duration::from_secs(5), "ended after {:?}", before.elapsed());
        assert!(!exists(pid), "process {pid} is left");
        assert!(started.elapsed() < LONG, "all of it took {:?}", started.elapsed());
    }
}

/// Runs a start and 300 steps; the error, which must come, when the program is gone.
pub fn error_of(behaviour: &str, options: Options) -> String {
    let mut hostile = Hostile::start(behaviour, options);
    let error = converse(&mut hostile.program).expect_err("the program goes wrong").to_string();
    let pid = hostile.pid("pid");
    assert!(!exists(pid), "the program is ended as soon as it goes wrong");
    let over = hostile.program.steps(&calls(1)).expect_err("the program is ended");
    assert!(matches!(ProgramError::of(&over), Some(ProgramError::Over)), "{over}");
    hostile.end();
    println!("{error}\n");
    error
}

/// A start and 300 steps.
pub fn converse(program: &mut StepProgram) -> Result<(), StepError> {
    Steps::start(program, Process::Server(1), &SYSTEM)?;
    program.steps(&calls(300)).map(|_| ())
}

pub fn text(value: Value) -> JsonText {
    JsonText::new(&value)
}

/// So many different calls.
pub fn calls(count: u64) -> Vec<Call<JsonText, JsonText>> {
    let call = |number| Call {
        process: Process::Server(1),
        state: text(json!({"me": "s1", "n": number})),
        request: None,
        received: vec![(Process::Client(1), text(json!({"write": "C1"})))],
    };
    (0..count).map(call).collect()
}

#[track_caller]
pub fn contains_all(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[track_caller]
pub fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < end, "not within {LONG:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether there is such a process, a zombie included.
pub fn exists(pid: i32) -> bool {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
}

/// Whether such a process runs. An orphan that ended is a zombie until somebody else waits for it.
pub fn runs(pid: i32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    let zombie = state.is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")));
    exists(pid) && !zombie
}
