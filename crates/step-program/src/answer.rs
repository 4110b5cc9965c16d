use serde_json::{Map, Value};
use threeworlds_model::{Process, Response, Step};

use crate::error::{ProgramError, shorten};
use crate::json::{JsonText, oversized_integer, to_ascii};

/// The step in one answer line, if the line has the right form and the id that is due. `asked` gives the
/// line that it answers, for the errors.
pub(crate) fn parse(
    bytes: &[u8],
    id: u64,
    asked: impl Fn() -> String,
) -> Result<Step<JsonText, JsonText>, ProgramError> {
    let answer = || shorten(String::from_utf8_lossy(bytes).trim_end_matches(['\r', '\n']));
    let not_json = |why: String| {
        let hint = hint_for_rubbish(bytes);
        ProgramError::NotJson { why, line: asked(), answer: answer(), hint }
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| not_json(format!("byte {} is not UTF-8", error.valid_up_to() + 1)))?;
    if text.trim().is_empty() {
        return Err(not_json("an empty line".to_owned()));
    }
    let value: Value = serde_json::from_str(text).map_err(|error| not_json(error.to_string()))?;
    let Value::Object(mut object) = value else {
        return Err(not_json(format!("{} instead of an object", kind(&value))));
    };
    match object.remove("id").map(|id| id.as_u64().ok_or(id)) {
        Some(Ok(found)) if found == id => {}
        Some(Ok(found)) => {
            let why = if found < id {
                "that line was answered before"
            } else {
                "the answers are not in order, or the line was never sent"
            };
            return Err(ProgramError::WrongId { expected: id, found, why, line: asked(), answer: answer() });
        }
        Some(Err(other)) => return Err(wrong(wrong_type("id", "a number", &other), asked(), answer())),
        None => return Err(wrong(missing("id"), asked(), answer())),
    }
    if let Some(number) = oversized_integer(text) {
        let hint = "write the number as a string; so large a number would be rounded on the way";
        let why = format!("the integer {} does not fit in 64 bits", shorten(number));
        return Err(wrong((why, hint), asked(), answer()));
    }
    step(object).map_err(|mistake| wrong(mistake, asked(), answer()))
}

/// A step as the canonical text of its answer, to show and to compare.
pub(crate) fn text(step: &Step<JsonText, JsonText>) -> String {
    let mut text = format!(r#"{{"state":{},"send":["#, step.state);
    for (position, (to, message)) in step.send.iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        text.push_str(&format!(r#"{comma}{{"to":"{to}","message":{message}}}"#));
    }
    text.push_str(&format!(r#"],"response":{}}}"#, to_ascii(&step.response)));
    text
}

/// What is wrong, and what to do.
type Mistake = (String, &'static str);

const FORM: &str =
    r#"an answer is {"id":...,"state":...,"send":[{"to":"s2","message":...}],"response":null}"#;

fn step(mut object: Map<String, Value>) -> Result<Step<JsonText, JsonText>, Mistake> {
    let state = object.remove("state").ok_or_else(|| missing("state"))?;
    let send = match object.remove("send") {
        None => Vec::new(),
        Some(Value::Array(messages)) => messages.into_iter().map(message).collect::<Result<_, _>>()?,
        Some(other) => return Err(wrong_type("send", "an array", &other)),
    };
    let response = match object.remove("response") {
        None | Some(Value::Null) => None,
        Some(other) => Some(response(other)?),
    };
    no_more_keys("an answer", &object)?;
    Ok(Step { state: JsonText::new(&state), send, response })
}

fn message(value: Value) -> Result<(Process, JsonText), Mistake> {
    let Value::Object(mut object) = value else {
        return Err(wrong_type("send", r#"an array of {"to":...,"message":...}"#, &value));
    };
    let to = match object.remove("to") {
        Some(Value::String(name)) => name.parse().map_err(|error| (format!("in `send`, {error}"), FORM))?,
        Some(other) => return Err(wrong_type("to", "the name of a process", &other)),
        None => return Err(missing("to")),
    };
    let message = object.remove("message").ok_or_else(|| missing("message"))?;
    no_more_keys("a message in `send`", &object)?;
    Ok((to, JsonText::new(&message)))
}

fn response(value: Value) -> Result<Response, Mistake> {
    serde_json::from_value(value.clone()).map_err(|_| {
        let why = format!("`response` is {}", shorten(&to_ascii(&value)));
        (why, r#"a response is {"value":"C1"}, {"value":null}, {"log":["C1","C2"]}, {"output":1}, or null for none"#)
    })
}

fn no_more_keys(place: &str, object: &Map<String, Value>) -> Result<(), Mistake> {
    let Some(key) = object.keys().next() else { return Ok(()) };
    let hint = match key.as_str() {
        "process" => "leave it out: an answer is for the process that its line names",
        "error" => "there are no error answers; write the error to stderr and exit",
        _ => FORM,
    };
    Err((format!("{place} has no key `{}`", shorten(key)), hint))
}

fn missing(key: &str) -> Mistake {
    (format!("the key `{key}` is missing"), FORM)
}

fn wrong_type(key: &str, expected: &str, found: &Value) -> Mistake {
    (format!("`{key}` is {} instead of {expected}", kind(found)), FORM)
}

fn wrong((why, hint): Mistake, line: String, answer: String) -> ProgramError {
    ProgramError::WrongAnswer { why, line, answer, hint }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(number) if number.is_u64() => "a number",
        Value::Number(_) => "a negative or fractional number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// What most likely went wrong when an answer is not a JSON object.
fn hint_for_rubbish(bytes: &[u8]) -> &'static str {
    let contains = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
    if is_object && (contains(b"NaN") || contains(b"Infinity")) {
        "JSON has no NaN and no Infinity; write null or a string"
    } else if is_object && contains(b"': ") {
        "write JSON with double quotes, in Python with json.dumps"
    } else {
        "print debug output to stderr, and write each answer as one line of JSON; also flush stdout after \
         each line"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(answer: &str) -> Result<Step<JsonText, JsonText>, String> {
        parse(answer.as_bytes(), 7, || "THE LINE".to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn absent_keys_are_empty_and_key_order_does_not_matter() {
        let short = parsed(r#"{"state":{"b":1,"a":[]},"id":7}"#).expect("a good answer");
        let long = parsed(r#" {"id":7, "response":null, "send":[], "state":{"a":[],"b":1}} "#);
        assert_eq!(Ok(short.clone()), long);
        assert_eq!(short.state.as_str(), r#"{"a":[],"b":1}"#);
        assert_eq!(parsed(r#"{"id":7,"state":null}"#).expect("a null state").state.as_str(), "null");
    }

    #[test]
    fn a_step_comes_back_from_its_text() {
        let answer = r#"{"id":7,"state":1.5,"send":[{"to":"s2","message":{"b":1,"a":"é"}},{"to":"c1","message":null}],"response":{"log":["C1"]}}"#;
        let step = parsed(answer).expect("a good answer");
        assert_eq!(step.send[0].0, Process::Server(2));
        assert_eq!(step.send[1].0, Process::Client(1));
        let again = text(&step).replacen('{', r#"{"id":7,"#, 1);
        assert_eq!(parsed(&again), Ok(step));
    }

    #[test]
    fn responses() {
        let response = |json: &str| {
            parsed(&format!(r#"{{"id":7,"state":0,"response":{json}}}"#)).map(|step| step.response)
        };
        let value = |text: &str| threeworlds_model::Value::new(text);
        assert_eq!(response(r#"{"value":"C1"}"#), Ok(Some(Response::Value(Some(value("C1"))))));
        assert_eq!(response(r#"{"value":null}"#), Ok(Some(Response::Value(None))));
        assert_eq!(response(r#"{"log":["C1"]}"#), Ok(Some(Response::Log(vec![value("C1")]))));
        for wrong in [r#""C1""#, "1", r#"{"value":1}"#, r#"{"value":"C1","log":[]}"#, "{}", r#"{"log":null}"#]
        {
            let error = response(wrong).expect_err(wrong);
            assert!(error.contains("`response` is") && error.contains("hint: a response is"), "{error}");
        }
    }

    #[test]
    fn every_mistake_is_named_with_the_line_and_a_hint() {
        let mistakes = [
            (r#"{"state":0}"#, "the key `id` is missing"),
            (r#"{"id":"7","state":0}"#, "`id` is a string instead of a number"),
            (r#"{"id":-7,"state":0}"#, "`id` is a negative or fractional number"),
            (r#"{"id":6,"state":0}"#, "that line was answered before"),
            (r#"{"id":8,"state":0}"#, "the answers are not in order"),
            (r#"{"id":7}"#, "the key `state` is missing"),
            (r#"{"id":7,"state":0,"send":{}}"#, "`send` is an object instead of an array"),
            (r#"{"id":7,"state":0,"send":[["s2",1]]}"#, "`send` is an array instead of an array of {"),
            (r#"{"id":7,"state":0,"send":[{"to":"s2"}]}"#, "the key `message` is missing"),
            (r#"{"id":7,"state":0,"send":[{"message":1}]}"#, "the key `to` is missing"),
            (r#"{"id":7,"state":0,"send":[{"to":2,"message":1}]}"#, "`to` is a number"),
            (r#"{"id":7,"state":0,"send":[{"to":"x2","message":1}]}"#, "`x2` is not a process"),
            (r#"{"id":7,"state":0,"send":[{"to":"s2","message":1,"x":1}]}"#, "has no key `x`"),
            (r#"{"id":7,"state":0,"stat":0}"#, "an answer has no key `stat`"),
            (r#"{"id":7,"state":0,"process":"s2"}"#, "leave it out"),
            (r#"{"id":7,"error":"x","state":0}"#, "no error answers"),
            (r#"{"id":7,"state":18446744073709551616}"#, "18446744073709551616 does not fit"),
            (r#"{"id":7,"state":NaN}"#, "JSON has no NaN"),
            (r#"{'id': 7, 'state': 0}"#, "double quotes"),
            ("", "an empty line"),
            ("42", "a number instead of an object"),
            ("[7,0,[],null]", "an array instead of an object"),
            (r#"{"id":7,"state":0} x"#, "trailing characters"),
        ];
        for (answer, expected) in mistakes {
            let error = parsed(answer).expect_err(answer);
            assert!(error.contains(expected), "{answer}: {error}");
            assert!(error.contains("THE LINE") && error.contains("hint: "), "{answer}: {error}");
        }
    }
}
