//! Histories as text: our own format, and Jepsen's `history.edn` and log lines.
//!
//! What cannot be read is an error that names each line; nothing is guessed. In Jepsen's formats the order
//! of the lines is the order of events. A `:fail` certainly did not happen, an `:info` may have happened or
//! may happen later; both as Jepsen defines them.

mod edn;
mod jepsen;
mod own;

use std::fmt;

use serde_json::Value;

use crate::history::History;
use crate::model::Object;

pub use own::{operation_json, write};

/// How a history is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `threeworlds/history/1`: JSON lines, or one document.
    Own,
    /// Jepsen's `history.edn`: maps with `:type`, `:f`, `:value` and `:process`.
    JepsenEdn,
    /// Jepsen's log: `INFO jepsen.util - 3 :invoke :write 4`.
    JepsenLog,
}

/// A history that was read, with what the file says of its object.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The history.
    pub history: History,
    /// The object, if the file names it.
    pub object: Option<Object>,
    /// What the object holds at the start, if the file says so.
    pub initial: Option<Value>,
}

/// What cannot be read in a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ParseError {
    /// Lines, counted from 1, and what is wrong with them: the first [`ParseError::MOST`].
    pub lines: Vec<(usize, String)>,
    /// How many further lines cannot be read.
    pub more: usize,
}

impl ParseError {
    /// So many lines are listed.
    pub const MOST: usize = 10;

    fn one(line: usize, what: impl Into<String>) -> Self {
        ParseError { lines: vec![(line, what.into())], more: 0 }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (line, what)) in self.lines.iter().enumerate() {
            write!(f, "{}line {line}: {what}", if place > 0 { "\n" } else { "" })?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more lines", self.more)?;
        }
        Ok(())
    }
}

/// Lines that cannot be read, as they are met.
#[derive(Default)]
struct Malformed {
    lines: Vec<(usize, String)>,
    more: usize,
}

impl Malformed {
    fn add(&mut self, line: usize, what: impl Into<String>) {
        if self.lines.len() < ParseError::MOST {
            self.lines.push((line, what.into()));
        } else {
            self.more += 1;
        }
    }

    fn none(mut self) -> Result<(), ParseError> {
        self.lines.sort();
        if self.lines.is_empty() { Ok(()) } else { Err(ParseError { lines: self.lines, more: self.more }) }
    }
}

impl Format {
    /// In which format a text is a history, if it looks like one.
    pub fn of(text: &str) -> Option<Format> {
        let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let head: String = start.chars().take(4000).filter(|c| !c.is_whitespace()).collect();
        if head.starts_with("{:")
            || head.starts_with("[{:")
            || head.starts_with("#jepsen")
            || head.starts_with("[#jepsen")
        {
            return Some(Format::JepsenEdn);
        }
        if head.starts_with('{') {
            return head.contains("\"format\":\"threeworlds/history/").then_some(Format::Own);
        }
        let is_event = |line: &str| jepsen::event_type(line).is_some();
        text.lines().take(1000).any(is_event).then_some(Format::JepsenLog)
    }

    /// Reads a history. The object tells what a list is, which Jepsen's formats do not say: a value of a
    /// register, or the content of a log or a set.
    pub fn parse(self, text: &str, object: Object) -> Result<Parsed, ParseError> {
        let text = text.trim_start_matches('\u{feff}');
        let jepsen = |history| Parsed { history, object: None, initial: None };
        match self {
            Format::Own => own::parse(text),
            Format::JepsenEdn => jepsen::from_edn(text, object).map(jepsen),
            Format::JepsenLog => jepsen::from_log(text, object).map(jepsen),
        }
    }
}
