//! Executions to draw. They need not be those of a protocol: a drawing judges nothing.

#![allow(dead_code, missing_docs, unreachable_pub)]

use serde_json::{Value as Json, json};
use threeworlds_model::{
    Capability, Charge, Claim, Execution, Fault, FaultClass, Process, Property, Question, Request, Response,
    Round, SentMessage, Timing, Value,
};

pub const S1: Process = Process::Server(1);
pub const S2: Process = Process::Server(2);
pub const S3: Process = Process::Server(3);
pub const C1: Process = Process::Client(1);
pub const C2: Process = Process::Client(2);

pub fn execution(name: &str, protocol: &str, servers: usize, clients: usize) -> Execution {
    let omission = FaultClass::Omission;
    let mut question = Question::usual(servers, 1.min(servers), clients, omission, omission).expect("few");
    question.fault_model.rules.retain(|rule| !rule.processes.is_empty());
    Execution::new(name, protocol, question)
}

pub fn sent(from: Process, to: Process, message: Json) -> SentMessage {
    SentMessage { from, to, message, removed: None }
}

pub fn removed(from: Process, to: Process, message: Json, charged: Process) -> SentMessage {
    SentMessage { from, to, message, removed: Some(Charge::Process(charged)) }
}

pub fn write(value: &str) -> Request {
    Request::Write { value: Value::new(value) }
}

pub fn told(value: &str) -> Response {
    Response::Value(Some(Value::new(value)))
}

/// One of the three worlds: each client that asks does so in round 1 and is told its own value in round 5.
/// Until then it sends its request to both servers, and the servers tell each other that they live.
pub fn world(name: &str, faulty: &[Process], asking: &[Process]) -> Execution {
    let mut world = execution(name, "primary-backup", 2, 2);
    world.faulty = faulty.iter().map(|&process| (process, Fault(Capability::OmitBoth))).collect();
    let side = |process: Process| process.number();
    let message = |from: Process, to: Process, message: Json| {
        let charged = if faulty.contains(&from) { from } else { to };
        let removed = (side(from) != side(to)).then_some(Charge::Process(charged));
        SentMessage { from, to, message, removed }
    };
    for number in 1..=5 {
        let messages = vec![message(S1, S2, json!("beat")), message(S2, S1, json!("beat"))];
        let mut round = Round { messages, ..Round::default() };
        for &client in asking {
            let value = format!("C{}", client.number());
            if number == 1 {
                round.requests.insert(client, write(&value));
            } else {
                for server in [S1, S2] {
                    round.messages.push(message(client, server, json!({ "write": value })));
                }
            }
            if number >= 4 {
                let server = Process::Server(client.number());
                round.messages.push(message(server, client, json!({ "written": value })));
            }
            if number == 5 {
                round.responses.insert(client, told(&value));
            }
        }
        round.messages.sort_by_key(|sent| sent.from);
        world.rounds.push(round);
    }
    world
}

pub fn three_worlds() -> Vec<Execution> {
    let mut c = world("C", &[S2, C2], &[C1, C2]);
    c.claim =
        Some(Claim { property: Property::Agreement, explanation: "c1 is told C1 and c2 is told C2".into() });
    vec![world("A", &[S2, C2], &[C1]), world("B", &[S1, C1], &[C2]), c]
}

/// A primary that stops while it tells its backups.
pub fn crash() -> Execution {
    let mut crash = execution("a primary that stops", "primary-backup", 3, 1);
    crash.faulty.insert(S1, Fault(Capability::Crash));
    let value = json!({ "store": { "view": 1, "value": "C1" } });
    let mut rounds = vec![Round::default(); 6];
    rounds[0].requests.insert(C1, write("C1"));
    rounds[1].messages = vec![sent(C1, S1, json!({ "write": "C1" }))];
    rounds[2].messages = vec![sent(S1, S2, value.clone()), removed(S1, S3, value, S1)];
    rounds[2].crashes = vec![S1];
    rounds[3].messages = vec![
        sent(S2, S1, json!({ "stored": 1 })),
        sent(S2, S3, json!({ "view": 2 })),
        sent(S3, S2, json!({ "view": 2 })),
        sent(C1, S1, json!({ "write": "C1" })),
    ];
    rounds[4].messages = vec![sent(S2, C1, json!({ "done": "C1" })), sent(S3, S2, json!("ok"))];
    rounds[4].responses.insert(C1, told("C1"));
    crash.rounds = rounds;
    crash
}

/// A client that waits for ever.
pub fn lasso() -> Execution {
    let mut lasso = execution("a client that waits for ever", "majority", 2, 1);
    lasso.faulty.insert(S2, Fault(Capability::OmitSends));
    lasso.rounds = vec![Round::default(); 4];
    lasso.rounds[0].requests.insert(C1, write("C1"));
    for round in &mut lasso.rounds[1..] {
        round.messages = vec![
            sent(S1, C1, json!({ "ack": 1 })),
            removed(S2, C1, json!({ "ack": 1 }), S2),
            sent(C1, S1, json!({ "write": "C1" })),
            sent(C1, S2, json!({ "write": "C1" })),
        ];
    }
    lasso.loop_from_round = Some(3);
    lasso.claim = Some(Claim {
        property: Property::Termination,
        explanation: "c1 is non-faulty, asks write(C1) in round 1 and is never told anything".into(),
    });
    lasso
}

/// Messages that are lost before GST.
pub fn partial_synchrony() -> Execution {
    let mut partial = execution("lost before GST", "quorum", 3, 2);
    partial.question.timing = Timing::PartialSynchrony;
    partial.gst = Some(4);
    partial.rounds = vec![Round::default(); 6];
    partial.rounds[0].requests.insert(C2, Request::Read {});
    for (number, round) in (1..).zip(&mut partial.rounds) {
        for server in [S1, S2, S3] {
            let mut message = sent(C2, server, json!({ "type": "read", "id": 1 }));
            if number < 4 && server != S1 {
                message.removed = Some(Charge::Timing);
            }
            if number > 1 {
                round.messages.push(message);
            }
        }
    }
    partial.rounds[4].messages.extend([S1, S2, S3].map(|server| sent(server, C2, json!({ "empty": null }))));
    partial.rounds[4].responses.insert(C2, Response::Value(None));
    partial
}

/// Everybody writes to everybody, and each message is news.
pub fn all_to_all(name: &str, servers: usize, clients: usize, rounds: usize) -> Execution {
    let mut all = execution(name, "gossip", servers, clients);
    let system = all.question.system;
    for number in 1..=rounds {
        let mut round = Round::default();
        for from in system.processes() {
            for to in system.processes().filter(|&to| system.linked(from, to)) {
                round.messages.push(sent(from, to, json!({ "echo": number })));
            }
        }
        for client in system.client_ids() {
            let value = format!("C{}", client.number());
            if number == 1 {
                round.requests.insert(client, write(&value));
            } else if number == rounds {
                round.responses.insert(client, told("C1"));
            }
        }
        all.rounds.push(round);
    }
    all
}

/// A client that asks again and again, for a long time, and a server that misses every third message.
pub fn long(rounds: usize) -> Execution {
    let mut long = execution("a long time", "echo", 2, 2);
    long.faulty.insert(S2, Fault(Capability::OmitReceives));
    for number in 1..=rounds {
        let messages = vec![sent(S1, S2, json!("beat")), sent(S2, S1, json!("beat"))];
        let mut round = Round { messages, ..Round::default() };
        if number % 3 == 0 {
            round.messages[0].removed = Some(Charge::Process(S2));
        }
        match number % 4 {
            1 => drop(round.requests.insert(C1, write(&format!("v{number}")))),
            2 => round.messages.push(sent(C1, S1, json!({ "write": format!("v{}", number - 1) }))),
            3 => {
                round.messages.push(sent(S1, C1, json!({ "ok": number - 2 })));
                round.responses.insert(C1, told(&format!("v{}", number - 2)));
            }
            _ => {}
        }
        long.rounds.push(round);
    }
    long
}

/// Texts that would break a drawing that forgot to escape them.
pub const NASTY: &[&str] = &[
    "<script>alert('1')</script>",
    "a & b \"quoted\" 'single' `back`",
    "C:\\dir %d _x_ #1; {$y^2} ~z~ |",
    "line one\nline two\r\n\ttab",
    "\u{1b}[31mred\u{1b}[0m \u{0} \u{7} \u{7f} \u{9b}31m \u{fffe} \u{ffff}",
    "right \u{202e}to left\u{202c} \u{200b}",
    "漢字 かな 한글 🙂 e\u{301} naïve",
    "end",
    "]]> --> -- %% {curly} (?<host>",
    "",
];

/// An execution in which everything that a user's program can name is nasty.
pub fn nasty() -> Execution {
    let mut nasty = execution(NASTY[0], NASTY[3], 2, 2);
    for text in NASTY {
        let messages = vec![
            sent(S1, S2, json!(text)),
            sent(S2, C1, json!({ *text: text })),
            removed(C1, S1, json!([text, { "long": text.repeat(300) }]), C1),
        ];
        let mut round = Round { messages, ..Round::default() };
        round.requests.insert(C1, Request::Append { value: Value::new(*text) });
        round.responses.insert(C2, Response::Log(vec![Value::new(*text), Value::new("x")]));
        nasty.rounds.push(round);
    }
    nasty.claim = Some(Claim { property: Property::Validity, explanation: NASTY.join(" ") });
    nasty
}

/// Things that `Execution::parse` lets pass and no replay would make: a message to oneself, two on one link,
/// a charge to a bystander, a stopped process that goes on, a GST after the end.
pub fn odd() -> Execution {
    let mut odd = execution("odd", "", 3, 1);
    odd.rounds = vec![Round::default(); 3];
    odd.rounds[0].crashes = vec![S2, S2];
    odd.rounds[1].crashes = vec![S2];
    odd.rounds[0].messages = vec![sent(S1, S1, json!(1)), sent(S1, S3, json!(2)), sent(S1, S3, json!(3))];
    odd.rounds[1].messages = vec![removed(S1, S3, json!(null), S2), sent(S2, S1, json!(true))];
    odd.rounds[1].messages.push(removed(S3, S3, json!([]), S3));
    odd.rounds[2].requests.insert(C1, write("a"));
    odd.rounds[2].responses.insert(C1, Response::Log(vec![]));
    odd.question.timing = threeworlds_model::Timing::PartialSynchrony;
    odd.gst = Some(u32::MAX);
    odd
}

/// Every sample, by name.
pub fn all() -> Vec<(&'static str, Vec<Execution>)> {
    vec![
        ("three-worlds", three_worlds()),
        ("crash", vec![crash()]),
        ("lasso", vec![lasso()]),
        ("partial-synchrony", vec![partial_synchrony()]),
        ("all-to-all", vec![all_to_all("everybody to everybody", 3, 3, 4)]),
        ("long", vec![long(30)]),
        ("nasty", vec![nasty()]),
        ("odd", vec![odd()]),
        ("empty", vec![execution("", "", 2, 1)]),
        ("none", vec![]),
    ]
}
