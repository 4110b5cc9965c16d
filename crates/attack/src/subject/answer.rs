//! What the end of a client's command says about its operation. Only what a rule of the subject's file calls
//! `refused` or `taken` is definite; a command that was killed, ran out of time or says something that no rule
//! knows leaves the operation *unknown*: no response does not mean not applied.

use serde_json::Value as Json;

use super::template::Template;
use super::{AnswerEntry, Command, Means, ValueAt};
use crate::journal::Outcome;
use crate::plan::KvRequest;
use crate::wire::shorten;

/// An operation of a client on a server: what to run and how to read its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What to run on the client's host.
    pub command: Command,
    request: KvRequestAsked,
    rules: Vec<Rule>,
}

/// How a command ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it printed on stderr.
    pub stderr: String,
    /// Whether it was killed because it took too long.
    pub timed_out: bool,
}

/// What was asked, as far as reading the answer needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum KvRequestAsked {
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
        request: KvRequest,
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
            KvRequest::Read { .. } => KvRequestAsked::Read,
            KvRequest::Write { .. } => KvRequestAsked::Write,
            KvRequest::Cas { .. } => KvRequestAsked::Cas,
            KvRequest::WriteOnce { value, .. } => KvRequestAsked::WriteOnce(value),
        };
        Call { command, request: asked, rules: answers.iter().map(rule).collect() }
    }

    /// How the operation ended: `Ok` with what a read or a write-once shows (`null` for a key that nobody has
    /// written), refused for certain, or unknown. A write-once that found another's value without showing it,
    /// and a failed comparison, are refused with code 22; a compare-and-set of a key that is not there with
    /// code 20; other refusals with code 11, which means: not here, not now.
    pub fn outcome(&self, ended: &Ended) -> Outcome {
        let unknown = |why: String| Outcome::Unknown { why };
        if ended.timed_out {
            let seconds = self.command.deadline.as_secs_f64();
            return unknown(format!("no answer within {seconds} s"));
        }
        let Some(status) = ended.status else { return unknown("its command was killed".to_owned()) };
        let Some(rule) = self.rules.iter().find(|rule| rule.matches(status, ended)) else {
            return unknown(format!("exit status {status}{}", said(ended)));
        };
        let value = match rule.value.find(&ended.stdout) {
            Ok(value) => value,
            Err(why) => return unknown(format!("{why}{}", said(ended))),
        };
        let refused = |code| Outcome::Refused { code, text: said(ended).trim_start_matches(": ").to_owned() };
        match (rule.means, &self.request) {
            (Means::Value | Means::Taken, KvRequestAsked::Read | KvRequestAsked::WriteOnce(_)) => match value
            {
                Some(value) => Outcome::Ok(Some(value)),
                None => refused(22),
            },
            (Means::Absent, KvRequestAsked::Read) => Outcome::Ok(Some(Json::Null)),
            (Means::Absent, _) => refused(20),
            (Means::Done, KvRequestAsked::WriteOnce(own)) => Outcome::Ok(Some(own.clone())),
            (Means::Done | Means::Value, _) => Outcome::Ok(None),
            (Means::Taken, _) => refused(22),
            (Means::Refused, _) => refused(11),
            (Means::Unknown, _) => unknown(format!("exit status {status}{}", said(ended))),
        }
    }
}

impl Rule {
    fn matches(&self, status: i32, ended: &Ended) -> bool {
        self.exit.is_none_or(|exit| exit == status)
            && self.stdout.as_ref().is_none_or(|text| ended.stdout.trim() == text.trim())
            && self.contains.as_ref().is_none_or(|text| ended.stdout.contains(text.as_str()))
            && self.stderr_contains.as_ref().is_none_or(|text| ended.stderr.contains(text.as_str()))
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

fn said(ended: &Ended) -> String {
    let text =
        [&ended.stderr, &ended.stdout].into_iter().map(|text| text.trim()).find(|text| !text.is_empty());
    text.map(|text| format!(": {}", shorten(&text.replace('\n', " "), 160))).unwrap_or_default()
}

/// A value as an argument. What is read back has to be the same value, so only whole numbers, and words that
/// are no whole numbers, can be written.
pub(super) fn text_of(value: &Json) -> Result<String, String> {
    let text = match value {
        Json::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        Json::String(text) => text.clone(),
        other => {
            return Err(format!(
                "`{}` cannot be given to a client's command\n  hint: keys and values must be whole numbers or words",
                shorten(&other.to_string(), 60)
            ));
        }
    };
    match value_of(&text) == *value && !text.is_empty() && text.trim() == text && !text.contains(['\n', '\0'])
    {
        true => Ok(text),
        false => Err(format!(
            "the text {} would be read back as something else\n  hint: keys and values must be whole numbers or words",
            shorten(&value.to_string(), 60)
        )),
    }
}

/// The value that a text is: a whole number if it is written as one, otherwise a word.
fn value_of(text: &str) -> Json {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => number.into(),
        _ => Json::String(text.to_owned()),
    }
}
