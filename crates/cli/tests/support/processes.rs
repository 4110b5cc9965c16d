//! Step programs that a test writes, and whether they are gone afterwards.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Outcome, Running, folder, interpreter};

/// What every program of the tests begins with. It writes down its process id.
const BEGINNING: &str = r#"
import json, os, sys, time

with open(os.path.join(os.path.dirname(__file__), "pids"), "a") as file:
    print(os.getpid(), file=file)

def lines():
    return (json.loads(text) for text in sys.stdin)

def mark():
    "Tells the test that it has come so far."
    open(os.path.join(os.path.dirname(__file__), "mark"), "w").close()

def it(line):
    return line.get("start") or line["step"]

def say(line, **other):
    state = line["step"]["state"] if "step" in line else "start"
    print(json.dumps({"id": line["id"], "state": state, "send": [], "response": None, **other}), flush=True)
"#;

/// A step program in Python.
pub(crate) struct StepProgram {
    folder: tempfile::TempDir,
}

impl StepProgram {
    /// A program with this text after the beginning that all have: `lines()`, `say(line, key=value)` for an
    /// answer in which nothing happens but what the keys say, `it(line)` and `mark()`.
    pub(crate) fn new(text: &str) -> StepProgram {
        let folder = folder();
        std::fs::write(folder.path().join("program.py"), format!("{BEGINNING}\n{text}\n"))
            .expect("a program can be written");
        StepProgram { folder }
    }

    /// A program that answers each line by `say` with these keys.
    pub(crate) fn that_says(keys: &str) -> StepProgram {
        StepProgram::new(&format!("for line in lines():\n    say(line, {keys})"))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("program.py")
    }

    /// The arguments, then `--` and the command of this program.
    pub(crate) fn call(&self, arguments: &[&str]) -> Vec<String> {
        let mut call: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        call.extend(["--".to_owned(), interpreter("python3").to_owned()]);
        call.push(self.path().to_str().expect("the path is UTF-8").to_owned());
        call
    }

    /// Runs `threeworlds check` on it, and sees to it that no process is left behind.
    #[track_caller]
    pub(crate) fn checked(&self, flags: &[&str]) -> Outcome {
        let outcome = super::threeworlds(self.call(&[&["check"], flags].concat()));
        self.is_gone();
        outcome
    }

    /// Whether it called `mark()`.
    pub(crate) fn has_marked(&self) -> bool {
        self.folder.path().join("mark").exists()
    }

    /// Every process that ran it has ended.
    #[track_caller]
    pub(crate) fn is_gone(&self) {
        let pids = std::fs::read_to_string(self.folder.path().join("pids")).expect("it was started");
        let start = Instant::now();
        for pid in pids.lines() {
            let pid = Pid::from_raw(pid.parse().expect("a process id"));
            while kill(pid, None) != Err(Errno::ESRCH) {
                assert!(start.elapsed() < Duration::from_secs(10), "the step program {pid} is left behind");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Sends a signal.
pub(crate) fn send(signal: Signal, running: &Running) {
    let pid = i32::try_from(running.id()).expect("a process id fits");
    kill(Pid::from_raw(pid), signal).expect("the process is there");
}
