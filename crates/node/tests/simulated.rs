//! Nodes on a network and a clock that the test owns.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use threeworlds_model::{Protocol, System, Task};
use threeworlds_node::{Envelope, Front, Init, Node, Options};
use threeworlds_protocols::{Majority, PrimaryBackup};

const ROUND: u64 = 10;

/// Nodes `n1..`, the links that are cut, and what clients were told.
struct Network<P: Protocol> {
    nodes: Vec<Node<P>>,
    make: Box<dyn Fn(&System) -> P>,
    system: System,
    now: u64,
    cut: BTreeSet<(usize, usize)>,
    answers: BTreeMap<String, Json>,
}

impl<P: Protocol<Message: Serialize + DeserializeOwned>> Network<P> {
    fn start(servers: u16, make: impl Fn(&System) -> P + 'static) -> Self {
        let system = System { servers, clients: servers, faults: 1, client_links: false };
        let mut network = Network {
            nodes: Vec::new(),
            make: Box::new(make),
            system,
            now: 1_000,
            cut: BTreeSet::new(),
            answers: BTreeMap::new(),
        };
        network.nodes = (1..=servers).map(|number| network.node(number, u64::from(number))).collect();
        network
    }

    fn node(&self, number: u16, start: u64) -> Node<P> {
        let node_ids: Vec<String> = (1..=self.system.servers).map(|number| format!("n{number}")).collect();
        let init = Init { node_id: format!("n{number}"), node_ids };
        let front = Front::new(Task::WriteOnceRegister, &init.node_id);
        let options = Options { round_milliseconds: ROUND, start };
        Node::new((self.make)(&self.system), self.system, init, front, options).unwrap()
    }

    fn isolate(&mut self, number: usize) {
        for other in (1..=self.nodes.len()).filter(|&other| other != number) {
            self.cut.extend([(number, other), (other, number)]);
        }
    }

    /// A client that knows only this node asks.
    fn ask(&mut self, client: &str, node: usize, mut body: Json) {
        body["msg_id"] = json!(1);
        let envelope = Envelope { src: client.to_owned(), dest: format!("n{node}"), body };
        let out = self.nodes[node - 1].receive(&envelope, self.now);
        self.route(out);
    }

    /// Time passes, a millisecond at a time; messages take none.
    fn pass(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds {
            self.now += 1;
            for node in 0..self.nodes.len() {
                let out = self.nodes[node].tick(self.now).unwrap();
                self.route(out);
            }
        }
    }

    fn route(&mut self, messages: Vec<Envelope>) {
        let mut waiting = messages;
        while let Some(message) = waiting.pop() {
            let number = |name: &str| name.strip_prefix('n').and_then(|digits| digits.parse::<usize>().ok());
            match (number(&message.src), number(&message.dest)) {
                (Some(from), Some(to)) if !self.cut.contains(&(from, to)) => {
                    waiting.extend(self.nodes[to - 1].receive(&message, self.now));
                }
                (Some(_), None) => {
                    assert_eq!(message.body["in_reply_to"], json!(1));
                    let before = self.answers.insert(message.dest.clone(), message.body);
                    assert_eq!(before, None, "{} is answered twice", message.dest);
                }
                _ => {}
            }
        }
    }

    fn told(&self, client: &str) -> Option<&Json> {
        self.answers.get(client).map(|body| &body["value"])
    }
}

fn write(value: &str) -> Json {
    json!({"type": "write-once", "value": value})
}

#[test]
fn what_one_node_was_told_another_reads() {
    let mut network = Network::start(3, Majority::new);
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
        let mut network = Network::start(2, primary_backup);
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
    let mut network = Network::start(3, Majority::new);
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
    let mut network = Network::start(3, Majority::new);
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
    let mut network = Network::start(3, Majority::new);
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
    let mut network = Network::start(2, Majority::new);
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
    let mut network = Network::start(2, Majority::new);
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
    let mut network = Network::start(3, Majority::new);
    network.ask("c1", 1, json!({"type": "write-once", "key": "x", "value": 1}));
    network.pass(1_000);
    network.ask("c2", 2, json!({"type": "read-once", "key": "y"}));
    network.ask("c3", 2, json!({"type": "read-once", "key": "x"}));
    network.pass(1_000);
    assert_eq!(network.told("c1"), Some(&json!(1)));
    assert_eq!(network.answers["c2"]["code"], json!(10));
    assert_eq!(network.told("c3"), Some(&json!(1)));
}
