//! Executions and questions as JSON, what is refused, and views.

use threeworlds_model::{
    Capability, Charge, Claim, Consistency, CrashDelivery, Execution, Fault, FaultClass, FaultModel,
    FaultRule, Process, Property, Question, Request, Response, Round, SentMessage, Task, Timing, Value,
    Workload,
};

use Process::{Client, Server};

fn message(from: Process, to: Process, words: &str, removed: Option<Charge>) -> SentMessage {
    SentMessage { from, to, message: words.into(), removed }
}

/// An execution that has something in every field.
fn full() -> Execution {
    let mut question = Question::usual(2, 1, 2, FaultClass::Omission, FaultClass::Crash).unwrap();
    question.timing = Timing::PartialSynchrony;
    question.rounds = Some(9);
    let mut execution = Execution::new("C", "some-protocol --with=arguments", question);
    execution.faulty.insert(Server(2), Fault(Capability::OmitBoth));
    execution.faulty.insert(Client(1), Fault(Capability::Crash));
    execution.gst = Some(2);
    execution.loop_from_round = Some(3);
    execution.claim = Some(Claim { property: Property::Agreement, explanation: "\"so\" – and\nso".into() });
    let mut first = Round::default();
    first.requests.insert(Client(1), Request::Write { value: Value::new("C1") });
    first.requests.insert(Client(2), Request::Read {});
    first.messages.push(message(Server(1), Server(2), "beat", Some(Charge::Timing)));
    first
        .messages
        .push(SentMessage { message: serde_json::json!({ "any": [1, null] }), ..first.messages[0].clone() });
    let mut second = Round { crashes: vec![Client(1)], ..Round::default() };
    second.messages.push(message(Server(2), Client(1), "tell", Some(Charge::Process(Server(2)))));
    second.messages.push(message(Client(1), Server(2), "ask", Some(Charge::Process(Client(1)))));
    second.messages.push(message(Client(2), Server(1), "ask", None));
    let mut third = Round::default();
    third.responses.insert(Client(1), Response::Value(None));
    third.responses.insert(Client(2), Response::Log(vec![Value::new("A"), Value::new("")]));
    execution.rounds = vec![first, second, third];
    execution
}

#[test]
fn an_execution_is_read_back_from_its_text() {
    let execution = full();
    let text = execution.text();
    assert!(text.ends_with("}\n") && text.contains("\"format\": \"threeworlds/execution/1\""));
    let again = Execution::parse(&text).unwrap();
    assert_eq!(again, execution);
    assert_eq!(again.text(), text);
    let empty = Execution::new("", "", Question::usual(1, 0, 0, FaultClass::None, FaultClass::None).unwrap());
    assert_eq!(Execution::parse(&empty.text()).unwrap(), empty);
}

#[test]
fn what_the_format_looks_like() {
    let value: serde_json::Value = serde_json::from_str(&full().text()).unwrap();
    assert_eq!(value["faulty"], serde_json::json!({ "s2": "omission", "c1": "crash" }));
    assert_eq!(value["question"]["fault_rules"][0], "1 of servers: omission");
    assert_eq!(value["question"]["links"], serde_json::json!({ "client_client": false }));
    assert_eq!(value["rounds"][0]["requests"]["c1"], serde_json::json!({ "op": "write", "value": "C1" }));
    assert_eq!(value["rounds"][0]["messages"][0]["removed"], "timing");
    assert_eq!(value["rounds"][1]["crashes"], serde_json::json!(["c1"]));
    assert_eq!(value["rounds"][1]["messages"][2].get("removed"), None);
    assert_eq!(
        value["rounds"][2]["responses"],
        serde_json::json!({ "c1": { "value": null }, "c2": { "log": ["A", ""] } })
    );
}

/// The error that reading the full execution gives after one change in its JSON.
fn refused(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut value: serde_json::Value = serde_json::from_str(&full().text()).unwrap();
    let before = value.clone();
    change(&mut value);
    assert_ne!(value, before, "nothing was changed");
    match Execution::parse(&value.to_string()) {
        Ok(_) => panic!("accepted: {value}"),
        Err(error) => error.to_string(),
    }
}

/// Sets what stands at a JSON pointer, or adds it.
fn set(pointer: &'static str, new: serde_json::Value) -> impl FnOnce(&mut serde_json::Value) {
    move |value| {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = value.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {parent}"));
        match parent {
            serde_json::Value::Array(entries) => entries[key.parse::<usize>().unwrap()] = new,
            parent => drop(parent.as_object_mut().unwrap().insert(key.to_owned(), new)),
        }
    }
}

#[test]
fn what_is_not_an_execution_is_refused_by_name() {
    use serde_json::json;
    for (pointer, new, parts) in [
        (
            "/format",
            json!("threeworlds/execution/2"),
            &["threeworlds/execution/2", "threeworlds/execution/1"] as &[&str],
        ),
        ("/extra", json!(1), &["unknown field `extra`"]),
        ("/claim/why", json!("x"), &["unknown field `why`"]),
        ("/rounds/0/message", json!([]), &["unknown field `message`"]),
        ("/rounds/0/messages/0/remove", json!("s1"), &["unknown field `remove`"]),
        ("/rounds/0/requests/c1/when", json!(1), &["when"]),
        ("/rounds/0/requests/c2/value", json!("A"), &["value"]),
        ("/rounds/0/requests/c1/op", json!("delete"), &["delete"]),
        ("/question/extra", json!(1), &["unknown field `extra`"]),
        ("/question/links/server_server", json!(false), &["server_server"]),
        ("/faulty/s9", json!("crash"), &["`faulty` names s9"]),
        ("/faulty/s2", json!("none"), &["`none`", "crash, send-omission, receive-omission, omission"]),
        ("/faulty/s2", json!("send-or-receive-omission"), &["`send-or-receive-omission`"]),
        ("/faulty/x2", json!("crash"), &["`x2` is not a process"]),
        ("/rounds/0/messages/0/from", json!("s3"), &["round 1 names s3"]),
        ("/rounds/0/messages/0/to", json!("c3"), &["round 1 names c3"]),
        ("/rounds/0/messages/0/to", json!("s0"), &["`s0` is not a process"]),
        ("/rounds/1/messages/0/removed", json!("c9"), &["round 2 names c9"]),
        ("/rounds/1/messages/0/removed", json!("weather"), &["`weather` cannot be charged", "timing"]),
        ("/rounds/1/crashes/0", json!("s5"), &["round 2 names s5"]),
        ("/rounds/0/requests/c3", json!({ "op": "read" }), &["round 1 names c3"]),
        ("/rounds/0/requests/s1", json!({ "op": "read" }), &["round 1: s1 is a server"]),
        ("/rounds/2/responses/c7", json!({ "value": null }), &["round 3 names c7"]),
        ("/rounds/2/responses/s1", json!({ "value": null }), &["round 3: s1 is a server"]),
        ("/rounds/2/responses/c1", json!({ "result": null }), &["result"]),
        ("/loop_from_round", json!(0), &["`loop_from_round` is 0", "1 to 3"]),
        ("/loop_from_round", json!(4), &["`loop_from_round` is 4", "1 to 3"]),
        ("/gst", json!(0), &["`gst` is 0"]),
        ("/gst", json!(-1), &["-1"]),
        ("/question/timing", json!("lock-step"), &["`gst` is given", "lock-step"]),
        ("/question/servers", json!(0), &["at least one server"]),
        ("/question/clients", json!(63), &["65 processes", "64"]),
        ("/question/clients", json!(u64::MAX), &["at most 64"]),
        ("/question/fault_rules/0", json!("3 of servers: crash"), &["3 faults among 2 processes"]),
        ("/question/workload", json!("append"), &["write-once-register", "`append`"]),
        ("/question/timing", json!("asynchrony"), &["`asynchrony` is not a timing", "partial-synchrony"]),
        ("/question/task", json!("queue"), &["`queue` is not a task"]),
        ("/claim/property", json!("liveness"), &["`liveness` is not a property", "termination"]),
    ] {
        let error = refused(set(pointer, new));
        for part in parts {
            assert!(error.contains(part), "{pointer}: {error:?} does not say {part:?}");
        }
    }
    let without_format = refused(|value| drop(value.as_object_mut().unwrap().remove("format")));
    assert!(without_format.contains("missing field `format`"), "{without_format}");
    let error = Execution::parse("{\n  \"format\": 1").unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
}

#[test]
fn a_loop_needs_rounds() {
    let mut execution = full();
    execution.rounds.clear();
    execution.loop_from_round = Some(1);
    let error = Execution::parse(&execution.text()).unwrap_err().to_string();
    assert!(error.contains("`loop_from_round` is 1"), "{error}");
}

#[test]
fn a_question_is_read_back_whatever_it_asks() {
    let mut count = 0;
    for clients in [0, 2] {
        for (&servers_fail, &clients_fail) in
            FaultClass::ALL.iter().flat_map(|one| FaultClass::ALL.iter().map(move |two| (one, two)))
        {
            let usual = Question::usual(3, 1, clients, servers_fail, clients_fail).unwrap();
            for &timing in Timing::ALL {
                for &crash_delivery in CrashDelivery::ALL {
                    for &task in Task::ALL {
                        for &consistency in Consistency::ALL {
                            for rounds in [None, Some(0), Some(7)] {
                                let mut question = usual.clone().with_task(task);
                                question.timing = timing;
                                question.crash_delivery = crash_delivery;
                                question.consistency = consistency;
                                question.rounds = rounds;
                                question.system.client_links = rounds.is_some();
                                let text = serde_json::to_string(&question).unwrap();
                                let again: Question = serde_json::from_str(&text).unwrap();
                                assert_eq!(again, question, "{text}");
                                assert_eq!(serde_json::to_string(&again).unwrap(), text);
                                count += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    assert_eq!(count, 2 * 36 * 2 * 2 * Task::ALL.len() * 2 * 3);
}

#[test]
fn a_question_with_rules_and_requests_of_its_own_is_read_back() {
    let mut question = Question::usual(4, 1, 3, FaultClass::Omission, FaultClass::Crash).unwrap();
    let system = question.system;
    let rules =
        ["1 of s1-s3: crash", "2 of s2,s3: send-or-receive-omission", "w,c1: none", "any of clients: crash"];
    let parse = |text: &&str| FaultRule::parse(text, &system).unwrap();
    question = question.with_fault_model(FaultModel { rules: rules.iter().map(parse).collect() });
    question.workload =
        Workload::parse("c1: write(A), write, read; c3: none; c2: read", question.task, &system).unwrap();
    // One of s1 to s3 by the first rule and two of s2 and s3 by the second.
    assert_eq!(question.system.faults, 3);
    let text = serde_json::to_string(&question).unwrap();
    assert_eq!(serde_json::from_str::<Question>(&text).unwrap(), question);
}

#[test]
fn questions_that_cannot_be_asked() {
    let usual = |servers, faults, clients| {
        Question::usual(servers, faults, clients, FaultClass::Omission, FaultClass::Omission)
            .map(|question| question.system.faults)
            .map_err(|error| error.to_string())
    };
    assert_eq!(usual(3, 1, 61), Ok(1));
    assert!(usual(0, 0, 1).unwrap_err().contains("at least one server"));
    assert!(usual(3, 4, 1).unwrap_err().contains("4 faulty servers among 3"));
    assert!(usual(3, 1, 62).unwrap_err().contains("65 processes"));
    assert!(usual(usize::MAX - 1, 1, 1).unwrap_err().contains("at most 64"));
}

#[test]
fn names_are_read_back_and_others_are_refused_with_the_list() {
    fn check<T>(all: &[T])
    where
        T: Copy + PartialEq + std::fmt::Debug + std::fmt::Display + std::str::FromStr<Err = String>,
        T: serde::Serialize + for<'de> serde::Deserialize<'de>,
    {
        for &one in all {
            assert_eq!(one.to_string().parse(), Ok(one));
            let json = serde_json::to_string(&one).unwrap();
            assert_eq!(json, format!("\"{one}\""));
            assert_eq!(serde_json::from_str::<T>(&json).unwrap(), one);
        }
        let error = "what".parse::<T>().unwrap_err();
        assert!(all.iter().all(|one| error.contains(&one.to_string())), "{error}");
    }
    check(FaultClass::ALL);
    check(Timing::ALL);
    check(CrashDelivery::ALL);
    check(Task::ALL);
    check(Consistency::ALL);
    check(Property::ALL);
    for (text, process) in [("s1", Server(1)), ("c64", Client(64)), ("s65535", Server(65535))] {
        assert_eq!(text.parse(), Ok(process));
        assert_eq!(process.to_string(), text);
    }
    for text in ["", "s", "c0", "s01", "s+1", "s-1", "s65536", "S1", "x1", " s1", "s1 ", "1", "s1c1"] {
        let error = text.parse::<Process>().unwrap_err();
        assert!(error.to_string().contains(&format!("`{text}` is not a process")), "{error}");
    }
}

#[test]
fn the_positions_of_processes() {
    let system = Question::system(3, 2, false).unwrap();
    let all: Vec<Process> = system.processes().collect();
    assert_eq!(all, [Server(1), Server(2), Server(3), Client(1), Client(2)]);
    assert!(all.is_sorted());
    for (index, &process) in all.iter().enumerate() {
        assert_eq!((system.index(process), system.process(index)), (index, process));
        assert!(system.contains(process));
    }
    assert!(![Server(0), Server(4), Client(3), Client(0)].iter().any(|&process| system.contains(process)));
    // Servers with everyone both ways, clients not with each other unless asked for, nobody with itself.
    let linked = Question::system(3, 2, true).unwrap();
    for &from in &all {
        for &to in &all {
            assert_eq!(linked.linked(from, to), from != to);
            let both_clients = from.is_client() && to.is_client();
            assert_eq!(system.linked(from, to), from != to && !both_clients);
        }
    }
}

#[test]
fn a_view_is_the_requests_and_what_was_received() {
    let mut execution = full();
    // Two messages to c2, the one of the later sender first.
    execution.rounds[2].messages.push(message(Server(2), Client(2), "two", None));
    execution.rounds[2].messages.push(message(Server(1), Client(2), "one", None));
    let view = execution.view(Client(2));
    assert_eq!((view.process, view.rounds.len()), (Client(2), 3));
    assert_eq!(view.rounds[0].request, Some(Request::Read {}));
    assert!(view.rounds[0].received.is_empty() && view.rounds[1].received.is_empty());
    let words = |at: usize| view.rounds[2].received[at].clone();
    assert_eq!((words(0), words(1)), ((Server(1), "one".into()), (Server(2), "two".into())));
    // Removed messages are not seen, and c1 takes no step in round 2, in which it stops.
    assert_eq!(execution.view(Server(1)).rounds[1].received, [(Client(2), "ask".into())]);
    assert!(execution.view(Server(2)).rounds.iter().all(|round| round.received.is_empty()));
    assert_eq!(execution.view(Client(1)).rounds.len(), 1);
    assert_eq!(execution.crash_round(Client(1)), Some(2));
    assert_eq!(execution.crash_round(Client(2)), None);
    assert_eq!(execution.removed(), 4);
    assert_eq!(execution.last_response(Client(1)), Some((3, &Response::Value(None))));
    assert_eq!(execution.last_response(Server(1)), None);
}

#[test]
fn where_views_differ() {
    let one = full();
    let same = |other: &Execution| one.view(Server(1)).differs_from(&other.view(Server(1)));
    let mut other = one.clone();
    assert_eq!(same(&other), None);
    other.rounds[1].messages[2].message = "ask more".into();
    assert_eq!(same(&other), Some(2));
    let mut removed = one.clone();
    removed.rounds[1].messages[2].removed = Some(Charge::Timing);
    assert_eq!(same(&removed), Some(2));
    // Nor does it matter who is charged, or what others see.
    let mut charged = one.clone();
    charged.rounds[0].messages[0].removed = Some(Charge::Process(Server(2)));
    charged.rounds[1].messages[1].removed = None;
    assert_eq!(same(&charged), None);
    let mut shorter = one.clone();
    shorter.rounds.pop();
    assert_eq!(same(&shorter), None);
    let mut asked = one.clone();
    asked.rounds[1].requests.insert(Client(2), Request::Read {});
    assert_eq!(one.view(Client(2)).differs_from(&asked.view(Client(2))), Some(2));
}
