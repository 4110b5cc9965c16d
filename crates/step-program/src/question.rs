use std::fmt::Write;

use threeworlds_model::{Call, Process, System};

use crate::json::{JsonText, to_ascii};

/// One thing to ask a step program.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Question<'a> {
    /// How a process of the system starts.
    Start(Process, &'a System),
    /// What a process does in one round.
    Step(&'a Call<JsonText, JsonText>),
}

impl Question<'_> {
    /// The question as it stands in a line, after the id: `"step":{...}`. States and messages go in as the
    /// text they are.
    pub(crate) fn body(&self) -> String {
        match self {
            Question::Start(process, system) => start_body(*process, system),
            Question::Step(call) => step_body(call),
        }
    }
}

fn start_body(process: Process, system: &System) -> String {
    let servers: Vec<Process> = system.server_ids().collect();
    let clients: Vec<Process> = system.client_ids().collect();
    format!(
        r#""start":{{"process":"{process}","servers":{},"clients":{},"faults":{}}}"#,
        to_ascii(&servers),
        to_ascii(&clients),
        system.faults,
    )
}

fn step_body(call: &Call<JsonText, JsonText>) -> String {
    let messages: usize = call.received.iter().map(|(_, message)| message.as_str().len() + 32).sum();
    let mut body = String::with_capacity(call.state.as_str().len() + messages + 96);
    let request = call.request.as_ref().map_or_else(|| "null".to_owned(), to_ascii);
    let (process, state) = (call.process, &call.state);
    let written =
        write!(body, r#""step":{{"process":"{process}","state":{state},"request":{request},"received":["#);
    written.expect("writing into memory");
    for (position, (from, message)) in call.received.iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        write!(body, r#"{comma}{{"from":"{from}","message":{message}}}"#).expect("writing into memory");
    }
    body.push_str("]}");
    body
}

/// The whole line, without its end.
pub(crate) fn line(id: u64, body: &str) -> String {
    format!(r#"{{"id":{id},{body}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use threeworlds_model::{Request, Value};

    #[test]
    fn lines_are_those_of_the_format() {
        let system = System { servers: 2, clients: 2, faults: 1, client_links: false };
        let start = Question::Start(Process::Server(1), &system).body();
        assert_eq!(
            line(0, &start),
            r#"{"id":0,"start":{"process":"s1","servers":["s1","s2"],"clients":["c1","c2"],"faults":1}}"#
        );
        let text = |value| JsonText::new(&value);
        let step = Call {
            process: Process::Server(1),
            state: text(json!({"reg": null})),
            request: None,
            received: vec![
                (Process::Server(2), text(json!("beat"))),
                (Process::Client(1), text(json!({"write": "C1"}))),
            ],
        };
        let expected = concat!(
            r#"{"id":1,"step":{"process":"s1","state":{"reg":null},"request":null,"received":["#,
            r#"{"from":"s2","message":"beat"},{"from":"c1","message":{"write":"C1"}}]}}"#
        );
        assert_eq!(line(1, &Question::Step(&step).body()), expected);
        let request = Request::Write { value: Value::new("é") };
        let step = Call { process: Process::Client(1), request: Some(request), received: vec![], ..step };
        let expected = concat!(
            r#"{"id":2,"step":{"process":"c1","state":{"reg":null},"#,
            r#""request":{"op":"write","value":"\u00e9"},"received":[]}}"#
        );
        assert_eq!(line(2, &Question::Step(&step).body()), expected);
    }
}
