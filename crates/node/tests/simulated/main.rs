//! Nodes on a network and a clock that the test owns.

mod central;
mod fronts;
mod network;

use serde_json::{Value as Json, json};
use threeworlds_model::{System, Task};
use threeworlds_node::Envelope;
use threeworlds_protocols::{Majority, PrimaryBackup};

use network::{Network, ROUND};

fn register(servers: u16) -> Network<Majority> {
    Network::start(servers, Task::WriteOnceRegister, Majority::new)
}

fn write(value: &str) -> Json {
    json!({"type": "write-once", "value": value})
}

#[test]
fn what_one_node_was_told_another_reads() {
    let mut network = register(3);
    network.ask("c1", 1, write("C1"));
    network.pass(1_000);
    assert_eq!(network.told("c1"), Some(&json!("C1")));
    network.ask("c2", 3, json!({"type": "read-once"}));
    network.ask("c3", 2, write("C3"));
    network.pass(1_000);
    assert_eq!(network.told("c2"), Some(&json!("C1")));
    assert_eq!(network.told("c3"), Some(&json!("C1")));
}

#[test]
fn the_three_worlds() {
    let primary_backup = |system: &System| PrimaryBackup::new(system).unwrap();
    let world = |isolated: Option<usize>, clients: &[usize]| {
        let mut network = Network::start(2, Task::WriteOnceRegister, primary_backup);
        network.pass(500);
        match isolated {
            Some(number) => network.isolate(number),
            None => network.cut.extend([(1, 2), (2, 1)]),
        }
        for &client in clients {
            network.ask(&format!("c{client}"), client, write(&format!("C{client}")));
        }
        network.pass(500);
        [network.told("c1").cloned(), network.told("c2").cloned()]
    };
    assert_eq!(world(Some(2), &[1]), [Some(json!("C1")), None]);
    assert_eq!(world(Some(1), &[2]), [None, Some(json!("C2"))]);
    assert_eq!(world(None, &[1, 2]), [Some(json!("C1")), Some(json!("C2"))]);
}

#[test]
fn a_node_beside_a_majority_that_it_does_not_reach_waits_and_is_answered_when_it_does() {
    let mut network = register(3);
    network.pass(500);
    network.isolate(1);
    network.ask("c1", 1, write("C1"));
    network.ask("c2", 2, write("C2"));
    network.pass(1_000);
    assert_eq!(network.told("c1"), None);
    assert_eq!(network.told("c2"), Some(&json!("C2")));
    network.cut.clear();
    network.pass(1_000);
    assert_eq!(network.told("c1"), Some(&json!("C2")));
}

#[test]
fn rounds_begin_when_all_are_there_and_a_request_that_came_earlier_waits() {
    let mut network = register(3);
    network.isolate(2);
    network.ask("c1", 1, write("C1"));
    network.pass(2_000);
    assert_eq!(network.told("c1"), None);
    assert_eq!(network.nodes[0].statistics().rounds, 0);
    network.cut.clear();
    network.pass(2_000);
    assert_eq!(network.told("c1"), Some(&json!("C1")));
}

#[test]
fn a_node_that_forgot_takes_no_part() {
    let mut network = register(3);
    network.pass(1_000);
    network.nodes[2] = network.node(3, 77);
    network.pass(1_000);
    assert_eq!(network.nodes[2].statistics().rounds, 0);
    network.ask("c3", 3, write("C3"));
    let refused = &network.answers["c3"];
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!(11)));
    network.ask("c1", 1, write("C1"));
    network.pass(1_000);
    assert_eq!(network.told("c1"), Some(&json!("C1")));
}

#[test]
fn a_message_later_than_its_round_counts_as_lost() {
    let mut network = register(2);
    network.pass(1_000);
    let late = json!({
        "type": "server-to-server", "round": 1, "from": "s2", "to": "s1", "message": {}, "words": ""
    });
    let envelope = Envelope { src: "n2".to_owned(), dest: "n1".to_owned(), body: late };
    let before = network.nodes[0].statistics();
    network.nodes[0].receive(&envelope, network.now);
    assert_eq!(network.nodes[0].statistics().came_late, before.came_late + 1);
    assert_eq!(before.came_late, 0);
    // A node that sleeps through rounds has nothing to say in them that anybody could use.
    let slept = network.nodes[0].tick(network.now + 10 * ROUND).unwrap();
    assert!(network.nodes[0].statistics().not_sent > 0);
    assert!(slept.len() <= 4, "{slept:?}");
}

#[test]
fn what_makes_no_sense_is_refused_or_left_out() {
    let mut network = register(2);
    network.pass(1_000);
    for (body, code) in [
        (json!({"type": "cas", "key": 1, "from": 1, "to": 2}), 10),
        (json!({"type": "write-once"}), 12),
        (json!({}), 10),
        (json!("nothing"), 0),
    ] {
        network.answers.clear();
        if body.is_object() {
            network.ask("c1", 1, body);
            assert_eq!(network.answers["c1"]["code"], json!(code));
        } else {
            let envelope = Envelope { src: "c1".to_owned(), dest: "n1".to_owned(), body };
            assert!(network.nodes[0].receive(&envelope, network.now).is_empty());
        }
    }
    for body in [
        json!({"type": "server-to-server"}),
        json!({"type": "server-to-server", "round": u64::MAX, "from": "s2", "to": "s1", "message": {}}),
        json!({"type": "server-to-server", "round": 150, "from": "s9", "to": "s1", "message": {}}),
        json!({"type": "server-to-server", "round": 150, "from": "s2", "to": "s1", "message": {"no": 1}}),
        json!({"type": "begin", "at": "now"}),
        json!({"type": "join"}),
    ] {
        let envelope = Envelope { src: "n2".to_owned(), dest: "n1".to_owned(), body };
        assert!(network.nodes[0].receive(&envelope, network.now).is_empty());
    }
    network.ask("c2", 1, write("C2"));
    network.pass(1_000);
    assert_eq!(network.told("c2"), Some(&json!("C2")));
}

#[test]
fn the_register_belongs_to_one_key() {
    let mut network = register(3);
    network.ask("c1", 1, json!({"type": "write-once", "key": "x", "value": 1}));
    network.pass(1_000);
    network.ask("c2", 2, json!({"type": "read-once", "key": "y"}));
    network.ask("c3", 2, json!({"type": "read-once", "key": "x"}));
    network.pass(1_000);
    assert_eq!(network.told("c1"), Some(&json!(1)));
    assert_eq!(network.answers["c2"]["code"], json!(10));
    assert_eq!(network.told("c3"), Some(&json!(1)));
}
