//! What the end of a client's command says about its operation. Only what a rule of the subject's file calls
//! `refused` or `taken` is definite; a command that was killed, ran out of time or says something that no rule
//! knows leaves the operation *unknown*: no response does not mean not applied.

use std::time::Duration;

use serde_json::Value as Json;

use super::entry::{AnswerEntry, Means, ValueAt};
use super::template::Template;
use crate::journal::Outcome;
use crate::namespaces::{Command, Ended, Output};
use crate::plan::KvRequest;
use crate::wire::shorten;

/// An operation of a client on a server: what to run and how to read its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What to run on the client's host.
    pub command: Command,
    /// When it is killed, with all that it started.
    pub deadline: Duration,
    request: Asked,
    rules: Vec<Rule>,
}

/// What was asked, as far as reading the answer needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Read,
    Write,
    Cas,
    WriteOnce(Json),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    exit: Option<i32>,
    stdout: Option<String>,
    contains: Option<String>,
    stderr_contains: Option<String>,
    means: Means,
    value: Where,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Where {
    Nowhere,
    Stdout,
    After(String),
    Pointer(String),
}

impl Call {
    pub(super) fn new(
        command: Command,
        deadline: Duration,
        request: &KvRequest,
        answers: &[AnswerEntry],
        fill: &dyn Fn(&Template) -> String,
    ) -> Call {
        let fill_one = |template: &Option<Template>| template.as_ref().map(fill);
        let rule = |answer: &AnswerEntry| Rule {
            exit: answer.exit,
            stdout: fill_one(&answer.stdout),
            contains: fill_one(&answer.contains),
            stderr_contains: fill_one(&answer.stderr_contains),
            means: answer.means,
            value: match &answer.value {
                ValueAt::Nowhere => Where::Nowhere,
                ValueAt::Stdout => Where::Stdout,
                ValueAt::After(template) => Where::After(fill(template)),
                ValueAt::Pointer(pointer) => Where::Pointer(pointer.clone()),
            },
        };
        let asked = match request {
            KvRequest::Read { .. } => Asked::Read,
            KvRequest::Write { .. } => Asked::Write,
            KvRequest::Cas { .. } => Asked::Cas,
            KvRequest::WriteOnce { value, .. } => Asked::WriteOnce(value.clone()),
        };
        Call { command, deadline, request: asked, rules: answers.iter().map(rule).collect() }
    }

    /// How the operation ended: `Ok` with what a read or a write-once shows (`null` for a key that nobody has
    /// written), refused for certain, or unknown. A write-once that found another's value without showing it,
    /// and a failed comparison, are refused with code 22; a compare-and-set of a key that is not there with
    /// code 20; other refusals with code 11, which means: not here, not now.
    pub fn outcome(&self, output: &Output) -> Outcome {
        let unknown = |why: String| Outcome::Unknown { why };
        let status = match output.ended {
            Some(Ended::Exited(status)) => status,
            Some(Ended::Signaled(signal)) => {
                return unknown(format!("its command was ended by signal {signal}"));
            }
            None => return unknown(format!("no answer within {} s", self.deadline.as_secs_f64())),
        };
        if output.truncated {
            return unknown(format!("it wrote more than {} KiB", Output::BYTES_MAX / 1024));
        }
        let Some(rule) = self.rules.iter().find(|rule| rule.matches(status, output)) else {
            return unknown(format!("exit status {status}{}", said(output)));
        };
        let value = match rule.value.find(&output.stdout) {
            Ok(value) => value,
            Err(why) => return unknown(format!("{why}{}", said(output))),
        };
        let refused =
            |code| Outcome::Refused { code, text: said(output).trim_start_matches(": ").to_owned() };
        match (rule.means, &self.request) {
            (Means::Value | Means::Taken, Asked::Read | Asked::WriteOnce(_)) => match value {
                Some(value) => Outcome::Ok(Some(value)),
                None => refused(22),
            },
            (Means::Absent, Asked::Read) => Outcome::Ok(Some(Json::Null)),
            (Means::Absent, _) => refused(20),
            (Means::Done, Asked::WriteOnce(own)) => Outcome::Ok(Some(own.clone())),
            (Means::Done | Means::Value, _) => Outcome::Ok(None),
            (Means::Taken, _) => refused(22),
            (Means::Refused, _) => refused(11),
            (Means::Unknown, _) => unknown(format!("exit status {status}{}", said(output))),
        }
    }
}

impl Rule {
    fn matches(&self, status: i32, output: &Output) -> bool {
        self.exit.is_none_or(|exit| exit == status)
            && self.stdout.as_ref().is_none_or(|text| output.stdout.trim() == text.trim())
            && self.contains.as_ref().is_none_or(|text| output.stdout.contains(text.as_str()))
            && self.stderr_contains.as_ref().is_none_or(|text| output.stderr.contains(text.as_str()))
    }
}

impl Where {
    fn find(&self, stdout: &str) -> Result<Option<Json>, String> {
        let text = match self {
            Where::Nowhere => return Ok(None),
            Where::Stdout => stdout.trim(),
            Where::After(prefix) => {
                let start =
                    stdout.find(prefix.as_str()).ok_or_else(|| format!("its output has no `{prefix}`"))?;
                let rest = &stdout[start + prefix.len()..];
                rest.lines().next().unwrap_or("").trim()
            }
            Where::Pointer(pointer) => {
                let json: Json = serde_json::from_str(stdout)
                    .map_err(|error| format!("its output is no JSON ({error})"))?;
                return match json.pointer(pointer) {
                    Some(Json::String(text)) => Ok(Some(value_of(text))),
                    Some(value) if !value.is_null() => Ok(Some(value.clone())),
                    _ => Err(format!("its output has nothing at `{pointer}`")),
                };
            }
        };
        match text.is_empty() {
            true => Err("its output shows no value".to_owned()),
            false => Ok(Some(value_of(text))),
        }
    }
}

fn said(output: &Output) -> String {
    let text =
        [&output.stderr, &output.stdout].into_iter().map(|text| text.trim()).find(|text| !text.is_empty());
    text.map(|text| format!(": {}", shorten(&text.replace('\n', " "), 160))).unwrap_or_default()
}

/// A value as an argument. What is read back has to be the same value, and must mean nothing to a shell, SQL or a
/// program's options: whole numbers from 0, and words of letters, digits, `_`, `-` and `.` that begin with a letter.
pub(super) fn text_of(value: &Json) -> Result<String, String> {
    let word = |text: &&String| {
        text.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter))
    };
    let text = match value {
        Json::Number(number) if number.as_i64().is_some_and(|number| number >= 0) => Some(number.to_string()),
        Json::String(text) => Some(text).filter(word).cloned(),
        _ => None,
    };
    text.ok_or_else(|| {
        format!(
            "`{}` cannot be given to a client's command\n  hint: keys and values of a cluster are whole numbers \
             from 0, or words of letters, digits, `_`, `-` and `.`, a letter first",
            shorten(&value.to_string(), 60)
        )
    })
}

/// The value that a text is: a whole number if it is written as one, otherwise a word.
fn value_of(text: &str) -> Json {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => number.into(),
        _ => Json::String(text.to_owned()),
    }
}
