//! Calls of the command line that read as prose:
//! `threeworlds(["check", "primary-backup"]).exits(1).says("agreement")`.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) mod processes;

/// No call may take longer than this, on a busy machine either.
const DEADLINE: Duration = Duration::from_secs(120);

/// Runs the program with these arguments in the root of the repository, with nothing to read.
pub(crate) fn threeworlds<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Outcome {
    start(arguments, "").ends()
}

/// Runs the program with this text on standard input.
pub(crate) fn threeworlds_reading<A: AsRef<OsStr>>(
    text: &str,
    arguments: impl IntoIterator<Item = A>,
) -> Outcome {
    start(arguments, text).ends()
}

/// Starts the program and goes on.
pub(crate) fn start<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, input: &str) -> Running {
    let arguments: Vec<_> = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
    let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let call = format!("threeworlds {}", words.join(" "));
    let (stdout, stderr) = (temporary_file(), temporary_file());
    let mut stdin = temporary_file();
    stdin.write_all(input.as_bytes()).expect("a temporary file can be written");
    stdin.rewind().expect("a temporary file can be read from its beginning");
    let child = Command::new(env!("CARGO_BIN_EXE_threeworlds"))
        .args(&arguments)
        .current_dir(repository())
        // What colours and wraps the output of the person who runs the tests.
        .env_remove("CLICOLOR_FORCE")
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        // Not the cache of that person.
        .env("XDG_CACHE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
        .stdin(stdin)
        .stdout(clone(&stdout))
        .stderr(clone(&stderr))
        .spawn()
        .expect("the program starts");
    Running { call, child, stdout, stderr }
}

fn clone(file: &File) -> Stdio {
    file.try_clone().expect("a file can be shared").into()
}

fn temporary_file() -> File {
    tempfile::tempfile().expect("a temporary file can be made")
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository is there")
}

/// A folder that goes away with the test.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// The interpreter, which has to be there: a test that is left out tests nothing.
pub(crate) fn interpreter(name: &str) -> &str {
    let there = Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(there, "these tests need `{name}` on the PATH: install it");
    name
}

/// A call that has not ended.
pub(crate) struct Running {
    call: String,
    child: Child,
    stdout: File,
    stderr: File,
}

impl Running {
    /// The operating system's number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        use std::os::unix::fs::FileExt;
        // The place in the file is shared with the program, so it may not be moved here.
        let mut bytes = vec![0; self.stderr.metadata().map_or(0, |metadata| metadata.len() as usize)];
        let read = self.stderr.read_at(&mut bytes, 0).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    /// Waits until the condition holds; the program must not end before.
    pub(crate) fn until(mut self, what: &str, mut condition: impl FnMut(&Running) -> bool) -> Running {
        let start = Instant::now();
        while !condition(&self) {
            if self.child.try_wait().expect("the child can be asked").is_some() {
                panic!("it ended before {what}: {}", self.ends().report());
            }
            assert!(start.elapsed() < DEADLINE, "{}: {what} never came", self.call);
            std::thread::sleep(Duration::from_millis(5));
        }
        self
    }

    /// Waits for the end.
    pub(crate) fn ends(mut self) -> Outcome {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                break status;
            }
            if start.elapsed() >= DEADLINE {
                let _ = self.child.kill();
                panic!("{} does not end within {DEADLINE:?}", self.call);
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let read = |mut file: File| {
            file.rewind().expect("a temporary file can be read from its beginning");
            std::io::read_to_string(file).expect("the output is UTF-8")
        };
        let (stdout, stderr) = (read(self.stdout), read(self.stderr));
        Outcome { call: self.call, status: status.code(), stdout, stderr }
    }
}

/// What came of a call.
pub(crate) struct Outcome {
    call: String,
    status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The exit status, and that it is no crash of the program itself.
    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{}", self.report());
        assert!(!self.stderr.contains("panicked"), "{}", self.report());
        assert!(!self.stderr.contains("internal error"), "{}", self.report());
        self
    }

    /// Standard output has this in it, however its lines are broken.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(in_one_line(&self.stdout).contains(text), "`{text}` is not said: {}", self.report());
        self
    }

    #[track_caller]
    pub(crate) fn does_not_say(self, text: &str) -> Self {
        assert!(!in_one_line(&self.stdout).contains(text), "`{text}` is said: {}", self.report());
        self
    }

    /// Standard error has this in it.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(in_one_line(&self.stderr).contains(&in_one_line(text)), "no `{text}`: {}", self.report());
        self
    }

    /// Standard error shows this text, and under it a caret that points at `place`.
    #[track_caller]
    pub(crate) fn points_at(self, text: &str, place: &str) -> Self {
        let lines: Vec<&str> = self.stderr.lines().collect();
        let line = lines.iter().position(|line| line.trim() == text);
        let line = line.unwrap_or_else(|| panic!("the text is not shown: {}", self.report()));
        let caret = lines.get(line + 1).and_then(|line| line.find('^'));
        let caret = caret.unwrap_or_else(|| panic!("no caret: {}", self.report()));
        let rest = lines[line].get(caret..).unwrap_or_default();
        let right = if place.is_empty() { rest.is_empty() } else { rest.starts_with(place) };
        assert!(right, "the caret points at `{rest}`: {}", self.report());
        self
    }

    /// The input or the call is wrong: a message on standard error with each of these texts, and nothing on
    /// standard output that could be taken for a verdict.
    #[track_caller]
    pub(crate) fn refuses<const N: usize>(self, texts: [&str; N]) -> Self {
        let mut outcome = self.exits(2);
        assert_eq!(outcome.stdout, "", "{}", outcome.report());
        assert!(outcome.stderr.starts_with("error: "), "{}", outcome.report());
        for text in texts {
            outcome = outcome.complains(text);
        }
        outcome
    }

    #[track_caller]
    pub(crate) fn complains_of_nothing(self) -> Self {
        assert_eq!(self.stderr, "", "{}", self.report());
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.report()))
    }

    /// The call and everything that came of it.
    pub(crate) fn report(&self) -> String {
        let Outcome { call, status, stdout, stderr } = self;
        format!("\n$ {call}\nexit status {status:?}\n--- stdout\n{stdout}--- stderr\n{stderr}---")
    }
}

/// The text with each run of white space as one blank.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
