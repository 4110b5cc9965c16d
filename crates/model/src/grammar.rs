//! What the two small grammars of the command line share: a scanner that remembers where it is, an error
//! that points at the place, and the way processes are named.

use std::fmt;

use crate::process::{Process, System};

/// A text that does not follow a grammar, with the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrammarError {
    /// The whole text.
    pub text: String,
    /// The character, from 0, at which it goes wrong.
    pub position: usize,
    /// What is wrong there and what would be right.
    pub message: String,
}

impl fmt::Display for GrammarError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one_line = self.text.replace(char::is_control, " ");
        write!(out, "{}\n  {one_line}\n  {:indent$}^", self.message, "", indent = self.position)
    }
}

impl std::error::Error for GrammarError {}

/// Reads a text from left to right, skipping blanks.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Scanner { text, at: 0 }
    }

    /// The position of what comes next, for [`Scanner::error_at`].
    pub(crate) fn here(&mut self) -> usize {
        self.skip_blanks();
        self.at
    }

    /// Goes back to a place that [`Scanner::here`] gave.
    pub(crate) fn go_back(&mut self, at: usize) {
        self.at = at;
    }

    pub(crate) fn at_end(&mut self) -> bool {
        self.here() == self.text.len()
    }

    /// Takes the mark if it comes next.
    pub(crate) fn take(&mut self, mark: char) -> bool {
        self.skip_blanks();
        let comes = self.text[self.at..].starts_with(mark);
        if comes {
            self.at += mark.len_utf8();
        }
        comes
    }

    /// Takes a word of letters, digits, `-`, `_` and `.`; empty if none comes next.
    pub(crate) fn word(&mut self) -> &'a str {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    pub(crate) fn error(&mut self, message: impl Into<String>) -> GrammarError {
        let at = self.here();
        self.error_at(at, message)
    }

    pub(crate) fn error_at(&self, at: usize, message: impl Into<String>) -> GrammarError {
        GrammarError {
            text: self.text.to_owned(),
            position: self.text[..at].chars().count(),
            message: message.into(),
        }
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }
}

/// Reads the names of processes, such as `s1,s3`, `s1-s3`, `clients` or `w` (see
/// [`FaultRule`](crate::FaultRule)); the result is sorted and has no process twice.
pub fn parse_processes(text: &str, system: &System) -> Result<Vec<Process>, GrammarError> {
    let mut scanner = Scanner::new(text);
    let found = processes(&mut scanner, system)?;
    if scanner.at_end() {
        Ok(found)
    } else {
        Err(scanner.error("`,` and a process, or the end, is expected here"))
    }
}

/// Reads `servers`, `clients`, `processes`, `w` (the witness: the last server), names and ranges such as
/// `s1,s3` and `s1-s3`, separated by commas. The result is sorted and has no process twice.
pub(crate) fn processes(scanner: &mut Scanner<'_>, system: &System) -> Result<Vec<Process>, GrammarError> {
    let mut found = Vec::new();
    loop {
        let at = scanner.here();
        match scanner.word() {
            "" => {
                return Err(
                    scanner.error_at(at, "a process is missing here: name one, such as `s1` or `clients`")
                );
            }
            "servers" => found.extend(system.server_ids()),
            "clients" => found.extend(system.client_ids()),
            "processes" => found.extend(system.processes()),
            "w" => found.push(Process::Server(system.servers)),
            name => found.extend(range(name, system).map_err(|message| scanner.error_at(at, message))?),
        }
        // A name can be repeated as often as somebody likes.
        if found.len() > 2 * system.size() {
            found.sort_unstable();
            found.dedup();
        }
        if !scanner.take(',') {
            found.sort_unstable();
            found.dedup();
            return Ok(found);
        }
    }
}

fn range(name: &str, system: &System) -> Result<Vec<Process>, String> {
    let one = |text: &str| -> Result<Process, String> {
        let process: Process = text.parse().map_err(|_| {
            format!(
                "`{text}` names no process: use `s1`, `s1-s3`, `c1`, `servers`, `clients`, `processes` or `w`"
            )
        })?;
        if !system.contains(process) {
            let System { servers, clients, .. } = system;
            return Err(format!(
                "there is no {process}: the system has {servers} servers and {clients} clients"
            ));
        }
        Ok(process)
    };
    let Some((first, last)) = name.split_once('-') else { return Ok(vec![one(name)?]) };
    let (first, last) = (one(first)?, one(last)?);
    if first.is_client() != last.is_client() || first > last {
        return Err(format!("`{name}` is not a range: write the lower number first, as in `s1-s3`"));
    }
    Ok(system.processes().filter(|process| (first..=last).contains(process)).collect())
}

/// The shortest way to name these processes, sorted, which [`parse_processes`] reads back: a group's name
/// where it is the whole group, else names, and ranges of three and more.
pub fn name_processes(processes: &[Process], system: &System) -> String {
    for (name, group) in [
        ("servers", system.server_ids().collect::<Vec<_>>()),
        ("clients", system.client_ids().collect()),
        ("processes", system.processes().collect()),
    ] {
        if group == processes {
            return name.to_owned();
        }
    }
    let mut names: Vec<String> = Vec::new();
    for run in processes
        .chunk_by(|one, next| one.is_client() == next.is_client() && one.number() + 1 == next.number())
    {
        match run {
            [first, _, .., last] => names.push(format!("{first}-{last}")),
            few => names.extend(few.iter().map(Process::to_string)),
        }
    }
    names.join(",")
}
