use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use threeworlds_model::{Process, Protocol, Step, StepError, System, check_step};

use crate::front::Front;
use crate::rounds::{Rounds, Statistics};
use crate::wire::{Envelope, Init, Refusal, TEMPORARILY_UNAVAILABLE};

/// A server and a client library of a protocol, and what stands between them and the network.
///
/// The nodes first wait for each other, so that all take round 1 together: each sends `join` until it is
/// told, and the first node, once it has heard all others, tells all when round 1 begins. A node that was
/// started anew while the others went on has forgotten what it said; in the model it has crashed, so it takes
/// no further part and refuses every request.
pub struct Node<P: Protocol> {
    protocol: P,
    system: System,
    init: Init,
    options: Options,
    number: u16,
    phase: Phase,
    /// Which starts of the other nodes are known, by node number.
    starts: BTreeMap<u16, u64>,
    joined_at: Option<u64>,
    server: Local<P>,
    client: Local<P>,
    /// Messages for this node's processes, by round.
    inbox: BTreeMap<u64, Vec<Message<P>>>,
    front: Front,
    statistics: Statistics,
}

/// How a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long a round lasts, in milliseconds.
    pub round_milliseconds: u64,
    /// A number that no earlier start of this node had.
    pub start: u64,
}

/// Whether a node takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not yet: not all nodes have heard of each other.
    Joining,
    /// It takes its rounds.
    Running,
    /// No more: it was started anew while the others went on.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not all nodes have heard of each other.
    Joining,
    /// In the rounds; `next` is the one to be taken at its end, 0 before what is sent in round 1 has left.
    Running { rounds: Rounds, next: u64 },
    /// Others went on without it.
    Gone,
}

/// One process that this node hosts.
struct Local<P: Protocol> {
    me: Process,
    state: P::State,
    send: Vec<(Process, P::Message)>,
}

struct Message<P: Protocol> {
    from: Process,
    to: Process,
    content: P::Message,
}

/// How often a node says that it is there, in milliseconds.
const JOIN_EVERY: u64 = 50;
/// From when all are there to the begin of round 1, in milliseconds: enough for everyone to be told.
const BEGIN_AFTER: u64 = 300;
/// Messages of rounds further ahead than this cannot come from a node that keeps the same time.
const ROUNDS_AHEAD_MAX: u64 = 10_000;

impl<P> Node<P>
where
    P: Protocol<Message: Serialize + DeserializeOwned>,
{
    /// The node after `init`. The system has as many servers and as many clients as there are nodes.
    pub fn new(
        protocol: P,
        system: System,
        init: Init,
        front: Front,
        options: Options,
    ) -> Result<Self, StepError> {
        let place = init.node_ids.iter().position(|id| *id == init.node_id);
        let number = place.and_then(|place| u16::try_from(place + 1).ok()).unwrap_or(1);
        let server = Local::start(&protocol, Process::Server(number), &system)?;
        let client = Local::start(&protocol, Process::Client(number), &system)?;
        Ok(Node {
            protocol,
            system,
            init,
            options,
            number,
            phase: Phase::Joining,
            starts: BTreeMap::from([(number, options.start)]),
            joined_at: None,
            server,
            client,
            inbox: BTreeMap::new(),
            front,
            statistics: Statistics::default(),
        })
    }

    /// When [`Node::tick`] has something to do, at the latest.
    pub fn next_tick(&self) -> Option<u64> {
        match self.phase {
            Phase::Joining => Some(self.joined_at.map_or(0, |at| at + JOIN_EVERY)),
            Phase::Running { rounds, next } => Some(rounds.end(next)),
            Phase::Gone => None,
        }
    }

    /// Whether it takes part.
    pub fn standing(&self) -> Standing {
        match self.phase {
            Phase::Joining => Standing::Joining,
            Phase::Running { .. } => Standing::Running,
            Phase::Gone => Standing::Gone,
        }
    }

    /// How it went so far.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// It is now this late, in milliseconds since the Unix epoch; what leaves.
    pub fn tick(&mut self, now: u64) -> Result<Vec<Envelope>, StepError> {
        let mut out = Vec::new();
        match self.phase {
            Phase::Joining => {
                if self.joined_at.is_none_or(|at| now >= at + JOIN_EVERY) {
                    self.joined_at = Some(now);
                    let join = json!({"type": "join", "start": self.options.start});
                    out.extend(self.others().map(|to| self.envelope(to, join.clone())).collect::<Vec<_>>());
                    self.begin_if_all_are_there(now, &mut out);
                }
            }
            Phase::Running { rounds, mut next } => {
                while now >= rounds.end(next) {
                    let request_answers = if next == 0 { Vec::new() } else { self.round(next)? };
                    out.extend(request_answers);
                    next += 1;
                    self.send(next, rounds, now, &mut out);
                    self.phase = Phase::Running { rounds, next };
                }
            }
            Phase::Gone => {}
        }
        Ok(out)
    }

    /// A message for this node; what leaves.
    pub fn receive(&mut self, envelope: &Envelope, now: u64) -> Vec<Envelope> {
        let mut out = Vec::new();
        let from = self.init.node_ids.iter().position(|id| *id == envelope.src);
        let from = from.and_then(|place| u16::try_from(place + 1).ok());
        match (envelope.kind(), from) {
            ("join", Some(from)) => self.joined(from, envelope, now, &mut out),
            ("begin", Some(_)) => self.begins(envelope),
            ("gone", Some(_)) if self.phase == Phase::Joining => self.phase = Phase::Gone,
            ("server-to-server" | "client-to-server" | "server-to-client", Some(from)) => {
                self.protocol_message(from, &envelope.body);
            }
            ("join" | "begin" | "gone" | "init_ok" | "error", _) => {}
            _ if self.phase == Phase::Gone => {
                let text = "this node was started anew and has forgotten what it knew: it takes no part";
                out.extend(envelope.refuse(&Refusal::new(TEMPORARILY_UNAVAILABLE, text)));
            }
            _ => out.extend(self.front.asked(envelope)),
        }
        out
    }

    fn joined(&mut self, from: u16, envelope: &Envelope, now: u64, out: &mut Vec<Envelope>) {
        let Some(start) = envelope.body["start"].as_u64() else { return };
        match self.phase {
            Phase::Joining => {
                self.starts.insert(from, start);
                self.begin_if_all_are_there(now, out);
            }
            Phase::Running { rounds, .. } => {
                let body = match self.starts.get(&from) {
                    Some(&known) if known == start => self.begin_body(rounds),
                    _ => json!({"type": "gone"}),
                };
                out.push(self.envelope(from, body));
            }
            Phase::Gone => {}
        }
    }

    fn begin_if_all_are_there(&mut self, now: u64, out: &mut Vec<Envelope>) {
        if self.number != 1 || self.starts.len() < self.init.node_ids.len() {
            return;
        }
        let rounds = Rounds { begin: now + BEGIN_AFTER, length: self.options.round_milliseconds };
        out.extend(self.others().map(|to| self.envelope(to, self.begin_body(rounds))).collect::<Vec<_>>());
        self.phase = Phase::Running { rounds, next: 0 };
    }

    fn begin_body(&self, rounds: Rounds) -> Json {
        json!({"type": "begin", "at": rounds.begin, "round_milliseconds": rounds.length, "starts": self.starts})
    }

    /// The first node says when round 1 begins, and for which starts of the nodes it is.
    fn begins(&mut self, envelope: &Envelope) {
        let body = &envelope.body;
        let (Some(begin), Some(length)) = (body["at"].as_u64(), body["round_milliseconds"].as_u64()) else {
            return;
        };
        let starts = serde_json::from_value::<BTreeMap<u16, u64>>(body["starts"].clone());
        let Ok(starts) = starts else { return };
        if self.phase == Phase::Joining && starts.get(&self.number) == Some(&self.options.start) {
            self.starts = starts;
            self.phase = Phase::Running { rounds: Rounds { begin, length: length.max(1) }, next: 0 };
        }
    }

    fn protocol_message(&mut self, from_node: u16, body: &Json) {
        let Phase::Running { next, .. } = self.phase else { return };
        let process = |name: &str| body[name].as_str().and_then(|text| text.parse::<Process>().ok());
        let (Some(from), Some(to), Some(round)) = (process("from"), process("to"), body["round"].as_u64())
        else {
            return;
        };
        if from.number() != from_node || to.number() != self.number || !self.system.linked(from, to) {
            return;
        }
        if round < next.max(1) {
            self.statistics.came_late += 1;
            return;
        }
        if round > next + ROUNDS_AHEAD_MAX {
            return;
        }
        let Ok(content) = serde_json::from_value(body["message"].clone()) else { return };
        let messages = self.inbox.entry(round).or_default();
        // One message from each process to each other: a network that doubles one changes nothing.
        if messages.iter().all(|other| (other.from, other.to) != (from, to)) {
            messages.push(Message { from, to, content });
        }
    }

    /// The end of a round: both processes take their step. What clients are told.
    fn round(&mut self, round: u64) -> Result<Vec<Envelope>, StepError> {
        self.statistics.rounds += 1;
        let mut messages = self.inbox.remove(&round).unwrap_or_default();
        messages.sort_by_key(|message| message.from);
        let (for_client, for_server): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|message| message.to.is_client());
        self.server.step(&self.protocol, &self.system, None, for_server)?;
        let request = self.front.next_request();
        let response = self.client.step(&self.protocol, &self.system, request.as_ref(), for_client)?;
        Ok(response.map(|response| self.front.answered(&response)).unwrap_or_default())
    }

    /// What both processes send in this round, unless it is over already.
    fn send(&mut self, round: u64, rounds: Rounds, now: u64, out: &mut Vec<Envelope>) {
        let late = now >= rounds.end(round);
        for from in [self.server.me, self.client.me] {
            let local = if from.is_client() { &mut self.client } else { &mut self.server };
            for (to, content) in std::mem::take(&mut local.send) {
                if to.number() == self.number {
                    self.inbox.entry(round).or_default().push(Message { from, to, content });
                } else if late {
                    self.statistics.not_sent += 1;
                } else {
                    let kind = |process: Process| if process.is_client() { "client" } else { "server" };
                    let body = json!({
                        "type": format!("{}-to-{}", kind(from), kind(to)),
                        "round": round, "from": from, "to": to,
                        "words": self.protocol.describe(&content), "message": content,
                    });
                    out.push(self.envelope(to.number(), body));
                }
            }
        }
    }

    fn others(&self) -> impl Iterator<Item = u16> + use<P> {
        let me = self.number;
        (1..=self.system.servers).filter(move |&number| number != me)
    }

    fn envelope(&self, to: u16, body: Json) -> Envelope {
        let dest = self.init.node_ids[usize::from(to) - 1].clone();
        Envelope { src: self.init.node_id.clone(), dest, body }
    }
}

impl<P: Protocol> Local<P> {
    fn start(protocol: &P, me: Process, system: &System) -> Result<Self, StepError> {
        let step = protocol.start(me, system);
        check_step(system, me, &step, false)?;
        Ok(Local { me, state: step.state, send: step.send })
    }

    fn step(
        &mut self,
        protocol: &P,
        system: &System,
        request: Option<&threeworlds_model::Request>,
        received: Vec<Message<P>>,
    ) -> Result<Option<threeworlds_model::Response>, StepError> {
        let received: Vec<_> = received.into_iter().map(|message| (message.from, message.content)).collect();
        debug_assert!(received.iter().map(|(from, _)| from).collect::<BTreeSet<_>>().len() == received.len());
        let step = protocol.step(self.me, &self.state, request, &received);
        check_step(system, self.me, &step, true)?;
        let Step { state, send, response } = step;
        (self.state, self.send) = (state, send);
        Ok(response)
    }
}
