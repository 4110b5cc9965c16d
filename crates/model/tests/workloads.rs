//! The workload grammar: what a text means, that a workload is read back from its own text, and that
//! errors point at the place.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use threeworlds_model::{
    ClientEvent, Consistency, Environment, EventError, Process, Question, Request, Response, System, Task,
    Value, Workload,
};

fn system(clients: usize) -> System {
    Question::system(2, clients, false).unwrap()
}

fn parse(text: &str, task: Task, clients: usize) -> Workload {
    Workload::parse(text, task, &system(clients)).unwrap_or_else(|error| panic!("{error}"))
}

/// The requests of each client in words.
fn requests(workload: &Workload, clients: usize) -> Vec<String> {
    let words = |client| workload.of(client).iter().map(Request::to_string).collect::<Vec<_>>().join(" ");
    system(clients).client_ids().map(words).collect()
}

#[test]
fn what_texts_mean() {
    for (text, expected) in [
        ("write, read", ["write(C1) read", "write(C2) read", "write(C3) read"]),
        ("clients: read", ["read", "read", "read"]),
        ("c1: write; c3: read", ["write(C1)", "", "read"]),
        ("c1-c2: write(A), write(A)", ["write(A) write(A)", "write(A) write(A)", ""]),
        // A later part overrides an earlier one, as a whole.
        ("write, read; c2: read", ["write(C1) read", "read", "write(C3) read"]),
        ("c2: read; write", ["write(C1)", "write(C2)", "write(C3)"]),
        ("read; c1,c3: none", ["", "read", ""]),
        ("none", ["", "", ""]),
        ("none; c2: write", ["", "write(C2)", ""]),
        ("c2,c2: read", ["", "read", ""]),
        // Own values count the client's updates, in its last part.
        (
            "write, read, write, write",
            [
                "write(C1) read write(C1.2) write(C1.3)",
                "write(C2) read write(C2.2) write(C2.3)",
                "write(C3) read write(C3.2) write(C3.3)",
            ],
        ),
        (
            "c1: write(A), write, write(B), write; c3: write, write; c3: write",
            ["write(A) write(C1.2) write(B) write(C1.4)", "", "write(C3)"],
        ),
        ("  c1 :\twrite ( x.y_Z-1 ) ,read ;", ["write(x.y_Z-1) read", "", ""]),
        ("c1: write(read), write(é)", ["write(read) write(é)", "", ""]),
        ("together; c2: write, read", ["", "write(C2) read", ""]),
    ] {
        assert_eq!(requests(&parse(text, Task::WriteOnceRegister, 3), 3), expected, "{text}");
        let log = text.replace("write", "append");
        let expected = expected.map(|words| words.replace("write", "append"));
        assert_eq!(requests(&parse(&log, Task::Log, 3), 3), expected, "{log}");
    }
}

#[test]
fn commands_of_state_machines_have_all_their_arguments() {
    let text = "write( x ,01), cas(x,1,null) ; c2: read(0)";
    let workload = parse(text, Task::KeyValueStore, 2);
    assert_eq!(workload.text(), "c1: write(x,01), cas(x,1,null); c2: read(0)");
    assert_eq!(parse(&workload.text(), Task::KeyValueStore, 2), workload);
    // A number is one only if it is written as JSON writes it.
    let json = serde_json::to_string(workload.of(Process::Client(1))).unwrap();
    assert_eq!(
        json,
        r#"[{"op":"command","command":["write","x","01"]},{"op":"command","command":["cas","x",1,null]}]"#
    );
    assert_eq!(serde_json::from_str::<Vec<Request>>(&json).unwrap(), workload.of(Process::Client(1)));
    let bank = parse("transfer(a,b,3), balance(a)", Task::Bank, 1);
    assert_eq!(bank.text(), "c1: transfer(a,b,3), balance(a)");
    for (task, text, position, says) in [
        (Task::KeyValueStore, "read", 0, "read(KEY), write(KEY,VALUE), cas(KEY,FROM,TO)"),
        (Task::KeyValueStore, "c1: read(x), write(x)", 13, "`write(x)` is no command"),
        (Task::KeyValueStore, "read(x", 6, "`,` or `)`"),
        (Task::KeyValueStore, "read(x,)", 7, "an argument is missing"),
        (Task::KeyValueStore, "balance(a)", 0, "`balance(a)` is no command"),
        (Task::Bank, "transfer(a,b,much)", 0, "an amount is a whole number"),
        (Task::Bank, "none, balance(a)", 4, "`;`"),
    ] {
        let error = Workload::parse(text, task, &system(2)).unwrap_err();
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.message.contains(says), "{text}: {error}");
    }
}

#[test]
fn first_requests_can_come_together() {
    let workload = parse(" together ;c2: read; c1: write", Task::WriteOnceRegister, 2);
    assert!(workload.is_together());
    assert_eq!(workload.text(), "together; c1: write(C1); c2: read");
    assert_eq!(parse(&workload.text(), Task::WriteOnceRegister, 2), workload);
    let at_any_time = parse("c2: read; c1: write", Task::WriteOnceRegister, 2);
    assert!(!at_any_time.is_together() && at_any_time != workload);
    assert_eq!(at_any_time.together(), workload);
}

/// In round 1 or never; what follows an answer comes when it comes.
#[test]
fn first_requests_that_come_together_come_in_round_1_or_never() {
    let system = system(2);
    let (one, other) = (Process::Client(1), Process::Client(2));
    let environment = |text| {
        let workload = parse(text, Task::WriteOnceRegister, 2);
        Environment::new(system, Task::WriteOnceRegister, Consistency::Properties, workload)
    };
    let together = environment("together; write, read");
    let start = together.start();
    assert!(!together.can_idle(&start) && together.next_request(&start, other).is_some());
    let asked = ClientEvent { client: one, issues: true, response: None };
    let answer = Response::Value(Some(Value::new("C1")));
    let answered = ClientEvent { client: one, issues: false, response: Some(&answer) };
    let first = together.advance(&start, &[asked]).unwrap();
    assert!(together.can_idle(&first) && together.next_request(&first, other).is_none());
    let late = ClientEvent { client: other, issues: true, response: None };
    assert!(matches!(together.advance(&first, &[late]), Err(EventError::CannotIssue { .. })));
    let second = together.advance(&first, &[answered]).unwrap();
    assert_eq!(together.next_request(&second, one), Some(&Request::Read {}));
    assert_eq!(together.next_request(&second, other), None);
    let nobody = together.advance(&start, &[]).unwrap();
    assert!(nobody != start && [one, other].iter().all(|one| together.next_request(&nobody, *one).is_none()));
    assert_eq!(together.advance(&nobody, &[]), Ok(nobody));

    let at_any_time = environment("write, read");
    let start = at_any_time.start();
    assert!(at_any_time.can_idle(&start));
    assert_eq!(at_any_time.advance(&start, &[]), Ok(start));
}

#[test]
fn the_usual_workload_writes_and_reads() {
    for (task, text) in [
        (Task::WriteOnceRegister, "write, read"),
        (Task::Register, "write, read"),
        (Task::Log, "append, read"),
        (Task::KeyValueStore, "c1: write(x,C1), read(x); c2: write(x,C2), read(x)"),
        (Task::Bank, "transfer(a,b,10), balance(a)"),
    ] {
        assert_eq!(Workload::usual(task, &system(2)), parse(text, task, 2));
    }
    assert_eq!(
        parse("write", Task::WriteOnceRegister, 1).of(Process::Client(1)),
        [Request::Write { value: Value::new("C1") }]
    );
}

#[test]
fn a_system_without_clients_has_the_empty_workload() {
    for text in ["none", "write", "clients: read"] {
        let workload = parse(text, Task::WriteOnceRegister, 0);
        assert_eq!(workload, Workload::empty(&system(0)));
        assert_eq!(parse(&workload.text(), Task::WriteOnceRegister, 0), workload);
    }
}

#[test]
fn clients_outside_the_workload_ask_for_nothing() {
    assert!(parse("read", Task::Log, 2).of(Process::Client(3)).is_empty());
}

#[test]
fn errors_point_at_the_place() {
    for (text, position, message) in [
        ("", 0, "the workload is empty"),
        ("   ", 3, "the workload is empty"),
        (
            "append",
            0,
            "the task write-once-register has the requests `read`, `write` and `write(VALUE)`, not `append`",
        ),
        ("write; c1: Read", 11, "not `Read`"),
        ("write,", 6, "not ``"),
        ("write;;read", 6, "not ``"),
        ("read, none", 6, "not `none`"),
        ("none, read", 4, "`;` and the next clients, are expected here"),
        ("read write", 5, "`,` and a request, or `;`"),
        ("c9: read", 0, "there is no c9: the system has 2 servers and 3 clients"),
        ("c1, c9: read", 4, "there is no c9"),
        ("read; s1: read", 6, "s1 is a server: only clients issue requests"),
        ("processes: read", 0, "s1 is a server"),
        ("w: read", 0, "s2 is a server"),
        ("c1 c2: read", 3, "`:` is expected here"),
        (": read", 0, "a process is missing"),
        ("c1: ", 4, "not ``"),
        ("c1: write()", 10, "a value is missing"),
        ("c1: write( )", 11, "a value is missing"),
        ("c1: write(A", 11, "`)` is missing"),
        ("together", 8, "`;` and the requests are expected here"),
        ("together: read", 8, "`;` and the requests are expected here"),
        ("together;", 9, "not ``"),
        ("together; together; read", 10, "not `together`"),
        ("read; together", 6, "not `together`"),
        ("c1: write(A B)", 12, "`)` is missing"),
        ("c1: write A", 10, "`,` and a request"),
        ("c1: read(A)", 8, "`,` and a request"),
        // Positions count characters, not bytes.
        ("write(é), wr", 10, "not `wr`"),
        ("c1: write(é); é: read", 14, "`é` names no process"),
    ] {
        let error = Workload::parse(text, Task::WriteOnceRegister, &system(3)).expect_err(text);
        assert!(error.message.contains(message), "{text}: {}", error.message);
        assert_eq!(error.position, position, "{text}: {}", error.message);
        assert_eq!(error.text, text);
    }
}

#[test]
fn a_client_has_so_many_requests_and_no_more() {
    let text = |count: usize| vec!["read"; count].join(",");
    assert_eq!(parse(&text(Workload::MAX_REQUESTS), Task::Log, 1).of(Process::Client(1)).len(), 1_000);
    let error = Workload::parse(&text(Workload::MAX_REQUESTS + 1), Task::Log, &system(1)).unwrap_err();
    assert_eq!(error.position, 5 * Workload::MAX_REQUESTS);
    assert!(error.message.contains("more than 1000 requests"), "{}", error.message);
}

/// A part of a workload: clients, or none where they are left out, and requests: a read, an update with
/// the client's own value, or one with this value.
type Part = (Vec<u16>, Vec<Option<Option<u8>>>);

fn part(clients: u16) -> impl Strategy<Value = Part> {
    let all: Vec<u16> = (1..=clients).collect();
    let count = all.len();
    (
        prop::sample::subsequence(all, 0..=count),
        prop::collection::vec(prop::option::weighted(0.7, prop::option::of(0..3u8)), 0..4),
    )
}

#[test]
fn a_workload_is_its_parts_one_over_the_other() {
    // A state machine's commands are another grammar, with a test of its own.
    let tasks: Vec<Task> = Task::ALL.iter().copied().filter(|task| task.machine().is_none()).collect();
    let workloads = (1..4u16, prop::sample::select(tasks)).prop_flat_map(|(clients, task)| {
        (Just(clients), Just(task), prop::collection::vec(part(clients), 1..4))
    });
    let overridden = Cell::new(0);
    let config = Config { cases: 3_000, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&workloads, |(clients, task, parts)| {
        let mut expected: Vec<Vec<String>> = vec![Vec::new(); usize::from(clients)];
        let mut texts = Vec::new();
        let mut named = 0;
        for (who, requests) in &parts {
            let words: Vec<String> = requests
                .iter()
                .map(|request| match request {
                    None => "read".to_owned(),
                    Some(None) => task.update().to_owned(),
                    Some(Some(value)) => format!("{}(V{value})", task.update()),
                })
                .collect();
            let words = if words.is_empty() { "none".to_owned() } else { words.join(", ") };
            let names: Vec<String> = who.iter().map(|client| format!("c{client}")).collect();
            texts.push(if names.is_empty() { words } else { format!("{}: {words}", names.join(",")) });
            for client in 1..=clients {
                if !who.is_empty() && !who.contains(&client) {
                    continue;
                }
                named += 1;
                let mut updates = 0;
                let mut of_client = Vec::new();
                for request in requests {
                    updates += usize::from(request.is_some());
                    of_client.push(match request {
                        None => "read".to_owned(),
                        Some(Some(value)) => format!("{}(V{value})", task.update()),
                        Some(None) if updates == 1 => format!("{}(C{client})", task.update()),
                        Some(None) => format!("{}(C{client}.{updates})", task.update()),
                    });
                }
                expected[usize::from(client) - 1] = of_client;
            }
        }
        overridden.set(overridden.get() + u32::from(named > usize::from(clients)));
        let text = texts.join("; ");
        let system = system(usize::from(clients));
        let workload =
            Workload::parse(&text, task, &system).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for client in system.client_ids() {
            let words: Vec<String> = workload.of(client).iter().map(Request::to_string).collect();
            prop_assert_eq!(&words, &expected[usize::from(client.number()) - 1], "{} in {}", client, text);
            prop_assert!(workload.of(client).iter().all(|request| task.allows(request)));
        }
        prop_assert_eq!(Workload::parse(&workload.text(), task, &system), Ok(workload));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(overridden.get() > 500, "too few parts override others: {overridden:?}");
}

#[test]
fn any_text_is_read_or_refused_at_a_place_within_it() {
    let words = prop::sample::select(vec![
        "c1", "c1-c2", "s1", ":", ";", ",", "read", "write", "(", ")", "A", "none", "é", "write(A)",
        "c1: read",
    ]);
    let texts = prop_oneof![prop::collection::vec(words, 0..8).prop_map(|words| words.join(" ")), ".{0,12}"];
    let read = Cell::new(0);
    let config = Config { cases: 5_000, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&texts, |text| {
        match Workload::parse(&text, Task::WriteOnceRegister, &system(2)) {
            Ok(workload) => {
                read.set(read.get() + 1);
                prop_assert_eq!(
                    Workload::parse(&workload.text(), Task::WriteOnceRegister, &system(2)),
                    Ok(workload)
                );
            }
            Err(error) => prop_assert!(error.position <= text.chars().count()),
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(read.get() > 50, "{read:?} of 5000 were workloads");
}
