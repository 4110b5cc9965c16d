use serde_json::{Value as Json, json};
use threeworlds_model::Task;
use threeworlds_node::{Envelope, Front};

use crate::central::Central;
use crate::network::Network;

/// What was told, without the words of an error.
fn answer(network: &Network<Central>, client: &str) -> Json {
    let body = &network.answers[client];
    match body["type"].as_str() {
        Some("error") => json!(body["code"]),
        Some("read_ok") => json!({"read": body["value"]}),
        Some(kind) => json!(kind),
        None => panic!("{body} has no type"),
    }
}

/// Asks these one after the other, of all nodes in turn.
fn one_by_one(task: Task, asked: &[(Json, Json)]) {
    let mut network = Network::start(2, task, |_| Central);
    network.pass(1_000);
    for (position, (body, expected)) in asked.iter().enumerate() {
        let client = format!("c{position}");
        network.ask(&client, position % 2 + 1, body.clone());
        network.pass(100);
        assert_eq!(answer(&network, &client), *expected, "{task}: {body}");
    }
}

#[test]
fn a_log_and_a_state_machine_carry_the_same_key_value_store() {
    let read = |key: Json| json!({"type": "read", "key": key});
    let write = |key: Json, value: Json| json!({"type": "write", "key": key, "value": value});
    let cas = |key: Json, from: Json, to: Json| json!({"type": "cas", "key": key, "from": from, "to": to});
    let mut create = cas(json!("new"), json!(1), json!(2));
    create["create_if_not_exists"] = json!(true);
    let asked = [
        (read(json!("x")), json!(20)),
        (cas(json!("x"), json!(0), json!(1)), json!(20)),
        (write(json!("x"), json!(1)), json!("write_ok")),
        (read(json!("x")), json!({"read": 1})),
        (read(json!(1)), json!(20)),
        (write(json!(1), json!({"a": [1.5]})), json!("write_ok")),
        (read(json!(1)), json!({"read": {"a": [1.5]}})),
        (read(json!("1")), json!(20)),
        (cas(json!("x"), json!(2), json!(3)), json!(22)),
        (cas(json!("x"), json!(1), json!(3)), json!("cas_ok")),
        (read(json!("x")), json!({"read": 3})),
        (create.clone(), json!("cas_ok")),
        (read(json!("new")), json!({"read": 2})),
        (create.clone(), json!(22)),
        (write(json!("new"), json!(1)), json!("write_ok")),
        (create, json!("cas_ok")),
        (json!({"type": "read"}), json!(12)),
        (json!({"type": "cas", "key": 1, "from": 2}), json!(12)),
        (json!({"type": "write-once", "value": 1}), json!(10)),
    ];
    one_by_one(Task::Log, &asked);
    one_by_one(Task::KeyValueStore, &asked);
}

#[test]
fn requests_that_come_together_are_all_answered() {
    for task in [Task::Log, Task::KeyValueStore] {
        let mut network = Network::start(2, task, |_| Central);
        for client in 0..50 {
            let body = json!({"type": "write", "key": client % 5, "value": client});
            network.ask(&format!("c{client}"), client % 2 + 1, body);
        }
        network.pass(3_000);
        assert!((0..50).all(|client| answer(&network, &format!("c{client}")) == json!("write_ok")), "{task}");
    }
}

#[test]
fn more_requests_than_may_wait_are_refused() {
    let mut network = Network::start(2, Task::KeyValueStore, |_| Central);
    network.isolate(1);
    for client in 0..=10_000 {
        network.ask(&format!("c{client}"), 1, json!({"type": "read", "key": 1}));
    }
    assert_eq!(network.answers.len(), 1);
    assert_eq!(answer(&network, "c10000"), json!(11));
}

#[test]
fn a_register_answers_reads_and_writes() {
    // The register's protocol answers values; a log is what this one has, and the node says that it is none.
    let mut network = Network::start(2, Task::Register, |_| Central);
    network.ask("c1", 1, json!({"type": "write", "key": 1, "value": 2}));
    network.pass(1_000);
    assert_eq!(answer(&network, "c1"), json!(13));
}

#[test]
fn a_bank_has_no_messages() {
    let error = Front::new(Task::Bank, "n1").unwrap_err().to_string();
    assert_eq!(error, "a node cannot serve the task state-machine:bank: clients have no messages for it");
    // A reply is wanted only where there is a `msg_id`.
    let mut network = Network::start(2, Task::Log, |_| Central);
    let envelope = Envelope { src: "c1".into(), dest: "n1".into(), body: json!({"type": "read", "key": 1}) };
    network.nodes[0].receive(&envelope, network.now);
    network.pass(1_000);
    assert!(network.answers.is_empty());
}
