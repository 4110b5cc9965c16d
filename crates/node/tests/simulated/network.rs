use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use threeworlds_model::{Protocol, System, Task};
use threeworlds_node::{Envelope, Front, Init, Node, Options};

pub(crate) const ROUND: u64 = 10;

/// Nodes `n1..`, the links that are cut, and what clients were told.
pub(crate) struct Network<P: Protocol> {
    pub(crate) nodes: Vec<Node<P>>,
    task: Task,
    make: Box<dyn Fn(&System) -> P>,
    pub(crate) system: System,
    pub(crate) now: u64,
    pub(crate) cut: BTreeSet<(usize, usize)>,
    pub(crate) answers: BTreeMap<String, Json>,
}

impl<P: Protocol<Message: Serialize + DeserializeOwned>> Network<P> {
    /// Nodes that serve this task, before any has heard of another.
    pub(crate) fn start(servers: u16, task: Task, make: impl Fn(&System) -> P + 'static) -> Self {
        let system = System { servers, clients: servers, faults: 1, client_links: false };
        let mut network = Network {
            nodes: Vec::new(),
            task,
            make: Box::new(make),
            system,
            now: 1_000,
            cut: BTreeSet::new(),
            answers: BTreeMap::new(),
        };
        network.nodes = (1..=servers).map(|number| network.node(number, u64::from(number))).collect();
        network
    }

    /// A start of a node.
    pub(crate) fn node(&self, number: u16, start: u64) -> Node<P> {
        let node_ids: Vec<String> = (1..=self.system.servers).map(|number| format!("n{number}")).collect();
        let init = Init { node_id: format!("n{number}"), node_ids };
        let front = Front::new(self.task, &init.node_id).unwrap();
        let options = Options { round_milliseconds: ROUND, start };
        Node::new((self.make)(&self.system), self.system, init, front, options).unwrap()
    }

    /// Cuts a node off.
    pub(crate) fn isolate(&mut self, number: usize) {
        for other in (1..=self.nodes.len()).filter(|&other| other != number) {
            self.cut.extend([(number, other), (other, number)]);
        }
    }

    /// A client that knows only this node asks.
    pub(crate) fn ask(&mut self, client: &str, node: usize, mut body: Json) {
        body["msg_id"] = json!(1);
        let envelope = Envelope { src: client.to_owned(), dest: format!("n{node}"), body };
        let out = self.nodes[node - 1].receive(&envelope, self.now);
        self.route(out);
    }

    /// Time passes, a millisecond at a time; messages take none.
    pub(crate) fn pass(&mut self, milliseconds: u64) {
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

    /// The value that a client was told.
    pub(crate) fn told(&self, client: &str) -> Option<&Json> {
        self.answers.get(client).map(|body| &body["value"])
    }
}
