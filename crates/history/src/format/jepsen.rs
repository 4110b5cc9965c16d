//! Jepsen's events, from `history.edn` or from log lines.

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::builder::HistoryBuilder;
use crate::format::edn::Reader;
use crate::format::own::call;
use crate::format::{Malformed, ParseError};
use crate::history::{Answer, History, Outcome};
use crate::model::Object;

/// What an event says of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Invoke,
    Ok,
    Fail,
    Info,
}

impl Type {
    fn of(word: &str) -> Option<Type> {
        Some(match word {
            ":invoke" => Type::Invoke,
            ":ok" => Type::Ok,
            ":fail" => Type::Fail,
            ":info" => Type::Info,
            _ => return None,
        })
    }
}

struct Event {
    line: usize,
    process: i64,
    kind: Type,
    /// Without its colon.
    f: String,
    value: Value,
    time_ns: Option<i64>,
}

/// Where in a log line the type of an event stands, and what stands there.
pub(super) fn event_type(line: &str) -> Option<(usize, Type)> {
    let mut at = 0;
    for word in line.split_ascii_whitespace() {
        let start = at + line[at..].find(word)?;
        if let Some(kind) = Type::of(word) {
            return Some((start, kind));
        }
        at = start + word.len();
    }
    None
}

pub(super) fn from_log(text: &str, object: Object) -> Result<History, ParseError> {
    let mut events = Vec::new();
    let mut malformed = Malformed::default();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let Some((at, kind)) = event_type(line) else {
            // A log has other lines too; but what claims to be an event has to be one.
            if line.contains("jepsen.util") {
                malformed
                    .add(number, "no event: PROCESS :invoke|:ok|:fail|:info :OPERATION VALUE is expected");
            }
            continue;
        };
        match log_event(line, at, kind, number) {
            Ok(event) => events.extend(event),
            Err(what) => malformed.add(number, what),
        }
    }
    history(events, malformed, object)
}

/// The event of a line, or nothing if it is the nemesis's.
fn log_event(line: &str, at: usize, kind: Type, number: usize) -> Result<Option<Event>, String> {
    let process =
        line[..at].split_ascii_whitespace().next_back().ok_or("a process is missing before the type")?;
    let Ok(process) = process.parse::<i64>() else {
        return if process.starts_with(':') || process == "nemesis" {
            Ok(None)
        } else {
            Err(format!("{process:?} is no number of a process"))
        };
    };
    let rest = &line[at..];
    let after_kind = rest.find(|c: char| c.is_ascii_whitespace()).map_or("", |end| &rest[end..]);
    let mut reader = Reader::new(after_kind);
    let f = match reader.peek() {
        Some(_) => reader.form()?,
        None => return Err("the operation is missing after the type".to_owned()),
    };
    let f = f.as_str().map(|f| f.trim_start_matches(':').to_owned()).ok_or("the operation is no name")?;
    let value = if reader.peek().is_some() { reader.form()? } else { Value::Null };
    Ok(Some(Event { line: number, process, kind, f, value, time_ns: None }))
}

pub(super) fn from_edn(text: &str, object: Object) -> Result<History, ParseError> {
    let mut events = Vec::new();
    let mut malformed = Malformed::default();
    let mut reader = Reader::new(text);
    let in_vector = reader.peek() == Some(b'[');
    if in_vector {
        reader.advance();
    }
    let mut last_time = i64::MIN;
    loop {
        let line = reader.line();
        match reader.peek() {
            None if in_vector => {
                malformed.add(line, "the closing bracket of the history is missing: it is not complete");
                break;
            }
            None => break,
            Some(b']') if in_vector => {
                reader.advance();
                if reader.peek().is_some() {
                    malformed.add(reader.line(), "something follows the history");
                }
                break;
            }
            Some(_) => {}
        }
        let event = match reader.form() {
            Ok(form) => edn_event(form, line),
            Err(what) => {
                reader.skip_line();
                Err(what)
            }
        };
        match event {
            Ok(Some(event)) => {
                let time = event.time_ns.unwrap_or(last_time);
                if time < last_time {
                    malformed.add(
                        line,
                        format!("its time {time} is before {last_time}, that of an earlier event: events have to be in the order in which they happened"),
                    );
                }
                last_time = last_time.max(time);
                events.push(event);
            }
            Ok(None) => {}
            Err(what) => malformed.add(line, what),
        }
    }
    history(events, malformed, object)
}

fn edn_event(form: Value, line: usize) -> Result<Option<Event>, String> {
    let Value::Object(mut entries) = form else { return Err("an event is a map".to_owned()) };
    let process = match entries.get(":process") {
        Some(Value::String(_)) => return Ok(None),
        Some(Value::Number(number)) => number.as_i64().ok_or("the process is no whole number")?,
        _ => return Err("the key :process is missing".to_owned()),
    };
    let kind = match entries.get(":type") {
        Some(Value::String(word)) => {
            Type::of(word).ok_or_else(|| format!("the type {word} is none of :invoke, :ok, :fail, :info"))?
        }
        _ => return Err("the key :type is missing".to_owned()),
    };
    let f = match entries.get(":f") {
        Some(Value::String(f)) => f.trim_start_matches(':').to_owned(),
        _ => return Err("the key :f is missing".to_owned()),
    };
    let time_ns = entries.get(":time").and_then(Value::as_i64);
    let value = entries.remove(":value").unwrap_or_default();
    Ok(Some(Event { line, process, kind, f, value, time_ns }))
}

/// Whether values are pairs of a key and a value (`jepsen.independent`): what a call other than cas asks is
/// then always a pair, also that of a read, whose value would be nil otherwise.
fn has_keys(events: &[Event]) -> bool {
    let calls = || events.iter().filter(|event| event.kind == Type::Invoke);
    let is_pair = |value: &Value| value.as_array().is_some_and(|items| items.len() == 2);
    let mut others = calls().filter(|event| event.f != "cas").peekable();
    if others.peek().is_some() {
        return others.all(|event| is_pair(&event.value));
    }
    let nested =
        |event: &Event| event.value.as_array().is_some_and(|items| items.len() == 2 && is_pair(&items[1]));
    calls().next().is_some() && calls().all(nested)
}

fn history(events: Vec<Event>, mut malformed: Malformed, object: Object) -> Result<History, ParseError> {
    let keys = has_keys(&events);
    let mut builder = HistoryBuilder::new();
    let mut open: FxHashMap<i64, (usize, usize)> = FxHashMap::default();
    if events.is_empty() && malformed.lines.is_empty() {
        malformed.add(1, "there is no event of a client in it");
    }
    for event in events {
        if let Err((line, what)) = take(event, &mut builder, &mut open, keys, object) {
            malformed.add(line, what);
        }
    }
    malformed.none()?;
    Ok(builder.finish())
}

fn take(
    event: Event,
    builder: &mut HistoryBuilder,
    open: &mut FxHashMap<i64, (usize, usize)>,
    keys: bool,
    object: Object,
) -> Result<(), (usize, String)> {
    let Event { line, process, kind, f, value, time_ns } = event;
    let mut key = None;
    let mut value = value;
    if keys {
        match value {
            Value::Array(mut pair) if pair.len() == 2 => {
                value = pair.pop().unwrap_or_default();
                key = pair.pop();
            }
            // What is not known of an operation may be anything: `:timed-out`, for example.
            _ if kind != Type::Ok => value = Value::Null,
            other => return Err((line, format!("{other} is not a pair of a key and a value"))),
        }
    }
    if kind == Type::Invoke {
        if let Some((_, earlier)) = open.get(&process) {
            let what = format!("process {process} invokes an operation while that of line {earlier} is open");
            return Err((line, what));
        }
        let argument = (f != "read" && f != "dequeue").then_some(value);
        let call = call(&f, argument).map_err(|what| (line, what))?;
        let number = builder.invoke(&process.to_string(), key.as_ref(), call, time_ns);
        builder.set_line(number, line);
        open.insert(process, (number, line));
        return Ok(());
    }
    let Some((number, _)) = open.remove(&process) else {
        return Err((line, format!("process {process} completes an operation that it did not invoke")));
    };
    let outcome = match kind {
        Type::Ok => Outcome::Ok(match f.as_str() {
            "read" if matches!(object, Object::AppendLog | Object::Set) => match value {
                Value::Array(list) => Answer::List(list),
                Value::Null => Answer::List(Vec::new()),
                other => return Err((line, format!("{other} is not the list of what a {object} holds"))),
            },
            "read" | "dequeue" if value.is_null() => Answer::Nothing,
            "read" | "dequeue" => Answer::Value(value),
            "contains" => {
                if value == Value::Bool(true) {
                    Answer::Yes
                } else {
                    Answer::No
                }
            }
            _ => Answer::Done,
        }),
        Type::Fail => Outcome::Refused,
        _ => Outcome::Pending,
    };
    builder.complete(number, outcome, time_ns);
    Ok(())
}
