//! `threeworlds/history/1`, as docs/formats/history.md describes it.

use serde_json::{Map, Value, json};

use crate::builder::HistoryBuilder;
use crate::format::{Malformed, ParseError, Parsed};
use crate::history::{Answer, Call, History, Operation, OperationId, Outcome};
use crate::model::{Model, Object};

const FORMAT: &str = "threeworlds/history/1";

/// A history as JSON lines. Times are written if all operations have them, else the order of events.
pub fn write(history: &History, model: &Model) -> String {
    let timed = !history.times.is_empty()
        && history.operations().iter().enumerate().all(|(id, operation)| {
            let [invoked, completed] = history.times_ns(id);
            invoked.is_some() && (operation.completed == Operation::NEVER || completed.is_some())
        });
    let mut header = json!({ "format": FORMAT, "model": model.object.name() });
    if let Some(initial) = &model.initial {
        header["initial"] = initial.clone();
    }
    if timed {
        header["moments"] = json!("ns");
    }
    let mut text = header.to_string() + "\n";
    for id in 0..history.operations().len() {
        text += &line(history, id, timed).to_string();
        text.push('\n');
    }
    text
}

/// An operation as a line of the format, with the positions of its events.
pub fn operation_json(history: &History, operation: OperationId) -> Value {
    line(history, operation, false)
}

fn line(history: &History, id: OperationId, timed: bool) -> Value {
    let operation = &history.operations()[id];
    let value = |id| history.values().get(id).clone();
    let mut line = Map::new();
    let mut put = |key: &str, value: Value| line.insert(key.to_owned(), value);
    put("process", json!(history.process(operation.process)));
    if let Some(key) = operation.key {
        put("key", value(key));
    }
    let (name, argument) = match operation.call {
        Call::Read => ("read", None),
        Call::Write(written) => ("write", Some(value(written))),
        Call::CompareAndSet { from, to } => ("cas", Some(json!([value(from), value(to)]))),
        Call::Append(entry) => ("append", Some(value(entry))),
        Call::Add(element) => ("add", Some(value(element))),
        Call::Remove(element) => ("remove", Some(value(element))),
        Call::Contains(element) => ("contains", Some(value(element))),
        Call::Enqueue(entry) => ("enqueue", Some(value(entry))),
        Call::Dequeue => ("dequeue", None),
    };
    put("op", json!(name));
    if let Some(argument) = argument {
        put("value", argument);
    }
    put(
        "outcome",
        json!(match operation.outcome {
            Outcome::Ok(_) => "ok",
            Outcome::Refused => "refused",
            Outcome::Pending => "pending",
        }),
    );
    if let Outcome::Ok(answer) = operation.outcome {
        let answer = match answer {
            Answer::Done => None,
            Answer::Nothing => Some(json!("nothing")),
            Answer::Yes => Some(json!("yes")),
            Answer::No => Some(json!("no")),
            Answer::Value(told) => Some(json!({ "value": value(told) })),
            Answer::List(id) => {
                let list: Vec<Value> = history.list(id).iter().map(|&item| value(item)).collect();
                Some(json!({ "list": list }))
            }
        };
        if let Some(answer) = answer {
            put("answer", answer);
        }
    }
    let [invoked_ns, completed_ns] = history.times_ns(id);
    put("invoked", if timed { json!(invoked_ns) } else { json!(operation.invoked) });
    if operation.completed != Operation::NEVER {
        put("completed", if timed { json!(completed_ns) } else { json!(operation.completed) });
    }
    Value::Object(line)
}

/// What the first line says.
#[derive(Default)]
struct Header {
    object: Option<Object>,
    initial: Option<Value>,
    times: bool,
}

pub(super) fn parse(text: &str) -> Result<Parsed, ParseError> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let Some((first, head)) = lines.next() else { return Err(ParseError::one(1, "the file is empty")) };
    let mut reader = Reader::default();
    let mut malformed = Malformed::default();
    match serde_json::from_str::<Value>(head) {
        Ok(mut value) => {
            let operations = value.as_object_mut().and_then(|entries| entries.remove("operations"));
            let header = header(&value).map_err(|what| ParseError::one(first + 1, what))?;
            if let Some(operations) = operations {
                if let Some((line, _)) = lines.next() {
                    return Err(ParseError::one(line + 1, "something follows the document"));
                }
                return document(header, operations);
            }
            reader.times = header.times;
            for (number, line) in lines {
                let said = serde_json::from_str::<Value>(line)
                    .map_err(|error| format!("no JSON: {error}"))
                    .and_then(|value| reader.operation(value, number + 1));
                if let Err(what) = said {
                    malformed.add(number + 1, what);
                }
            }
            malformed.none()?;
            Ok(reader.finish(header))
        }
        // One document over several lines.
        Err(_) => {
            let mut value: Value = serde_json::from_str(text)
                .map_err(|error| ParseError::one(error.line(), format!("no JSON: {error}")))?;
            let operations = value.as_object_mut().and_then(|entries| entries.remove("operations"));
            let header = header(&value).map_err(|what| ParseError::one(1, what))?;
            let operations =
                operations.ok_or_else(|| ParseError::one(1, "the key \"operations\" is missing"))?;
            document(header, operations)
        }
    }
}

fn document(header: Header, operations: Value) -> Result<Parsed, ParseError> {
    let Value::Array(operations) = operations else {
        return Err(ParseError::one(1, "\"operations\" is not a list"));
    };
    let mut reader = Reader { times: header.times, ..Reader::default() };
    let mut malformed = Malformed::default();
    for (place, value) in operations.into_iter().enumerate() {
        if let Err(what) = reader.operation(value, 0) {
            malformed.add(1, format!("operation {}: {what}", place + 1));
        }
    }
    malformed.none()?;
    Ok(reader.finish(header))
}

fn header(value: &Value) -> Result<Header, String> {
    let mut header = Header::default();
    for (key, value) in value.as_object().ok_or("the first line is not an object")? {
        match (key.as_str(), value) {
            ("format", Value::String(format)) if format == FORMAT => {}
            ("format", other) => return Err(format!("the format is {other}; this program reads {FORMAT:?}")),
            ("model", Value::String(name)) => header.object = Some(name.parse()?),
            ("initial", initial) => header.initial = Some(initial.clone()),
            ("moments", Value::String(moments)) if moments == "ns" => header.times = true,
            ("moments", Value::String(moments)) if moments == "order" => {}
            ("model" | "moments", other) => {
                return Err(format!("{key} is {other}; moments are \"order\" or \"ns\", a model is a name"));
            }
            _ => {
                return Err(format!(
                    "unknown key {key:?}; known are format, model, initial, moments, operations"
                ));
            }
        }
    }
    if value.get("format").is_none() {
        return Err(format!("the key \"format\" is missing; write \"format\":{FORMAT:?}"));
    }
    Ok(header)
}

#[derive(Default)]
struct Reader {
    builder: HistoryBuilder,
    times: bool,
}

impl Reader {
    fn operation(&mut self, value: Value, line: usize) -> Result<(), String> {
        let Value::Object(mut entries) = value else { return Err("an operation is an object".to_owned()) };
        let mut take = |key: &str| entries.remove(key);
        let process = match take("process") {
            Some(Value::String(name)) => name,
            Some(Value::Number(number)) => number.to_string(),
            _ => return Err("the key \"process\" is missing, or neither a name nor a number".to_owned()),
        };
        let key = take("key");
        let (op, argument, outcome, answer) = (take("op"), take("value"), take("outcome"), take("answer"));
        let (invoked, completed) = (take("invoked"), take("completed"));
        if let Some((key, _)) = entries.iter().next() {
            return Err(format!(
                "unknown key {key:?}; known are process, key, op, value, outcome, answer, invoked, completed"
            ));
        }
        let op =
            op.as_ref().and_then(Value::as_str).ok_or("the key \"op\" is missing, or no name")?.to_owned();
        let moment = |key: &str, value: Option<Value>| match value {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                value.as_i64().map(Some).ok_or_else(|| format!("{key} is {value}, not an integer"))
            }
        };
        let completed = moment("completed", completed)?;
        let invoked = moment("invoked", invoked)?.ok_or("the key \"invoked\" is missing")?;
        let call = call(&op, argument)?;
        let outcome = match outcome.as_ref().and_then(Value::as_str) {
            Some("ok") => Outcome::Ok(read_answer(answer)?),
            Some(name @ ("refused" | "pending")) => {
                if answer.is_some() {
                    return Err(format!("an operation that is {name} has no answer"));
                }
                if name == "refused" { Outcome::Refused } else { Outcome::Pending }
            }
            _ => return Err("the key \"outcome\" is missing, or not one of ok, refused, pending".to_owned()),
        };
        let number = self
            .builder
            .record(&process, key.as_ref(), call, outcome, invoked, completed)
            .map_err(|error| error.to_string())?;
        if self.times {
            self.builder.set_times(number, [Some(invoked), completed]);
        }
        if line > 0 {
            self.builder.set_line(number, line);
        }
        Ok(())
    }

    fn finish(self, header: Header) -> Parsed {
        Parsed { history: self.builder.finish(), object: header.object, initial: header.initial }
    }
}

/// The call with this name.
pub(super) fn call(op: &str, argument: Option<Value>) -> Result<Call<Value>, String> {
    let needed = |argument: Option<Value>| argument.ok_or_else(|| format!("{op} needs a value"));
    Ok(match op {
        "read" | "dequeue" => {
            if argument.is_some_and(|argument| !argument.is_null()) {
                return Err(format!("{op} takes no value; what was read is its answer"));
            }
            if op == "read" { Call::Read } else { Call::Dequeue }
        }
        "write" => Call::Write(needed(argument)?),
        "append" => Call::Append(needed(argument)?),
        "add" => Call::Add(needed(argument)?),
        "remove" => Call::Remove(needed(argument)?),
        "contains" => Call::Contains(needed(argument)?),
        "enqueue" => Call::Enqueue(needed(argument)?),
        "cas" => match needed(argument)? {
            Value::Array(mut pair) if pair.len() == 2 => {
                let to = pair.pop().unwrap_or_default();
                Call::CompareAndSet { from: pair.pop().unwrap_or_default(), to }
            }
            other => return Err(format!("cas needs the old and the new value as a pair, not {other}")),
        },
        _ => {
            return Err(format!(
                "unknown operation {op:?}; known are read, write, cas, append, add, remove, contains, enqueue, dequeue"
            ));
        }
    })
}

fn read_answer(answer: Option<Value>) -> Result<Answer<Value, Vec<Value>>, String> {
    let error = |answer: &Value| {
        Err(format!(
            "the answer is {answer}; write \"nothing\", \"yes\", \"no\", {{\"value\":V}} or {{\"list\":[...]}}"
        ))
    };
    match answer {
        None => Ok(Answer::Done),
        Some(Value::String(word)) if word == "nothing" => Ok(Answer::Nothing),
        Some(Value::String(word)) if word == "yes" => Ok(Answer::Yes),
        Some(Value::String(word)) if word == "no" => Ok(Answer::No),
        Some(Value::Object(mut entries)) if entries.len() == 1 => {
            match (entries.remove("value"), entries.remove("list")) {
                (Some(value), _) => Ok(Answer::Value(value)),
                (_, Some(Value::Array(list))) => Ok(Answer::List(list)),
                _ => error(&Value::Object(entries)),
            }
        }
        Some(other) => error(&other),
    }
}
