//! Programs as a few lines of arithmetic, played without processes: what the network cut is what they do not
//! hear.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value as Json, json};
use threeworlds_attack::{
    Ask, KvRequest, Link, Outcome, Plan, Played, Player, ServerEvent, Step, What, Workload,
};
use threeworlds_model::Process;

use crate::support::Tale;

/// What a program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whoever is asked answers, and tells those that it reaches.
    Splits,
    /// Whoever is asked answers if it exchanges messages with a majority.
    Majority,
    /// All share one file.
    SharesAFile,
    /// Nobody answers.
    Silent,
    /// Majority, but every second run in which anything is cut ends without an answer.
    Moody,
}

pub(crate) struct Simulated {
    pub(crate) kind: Kind,
    pub(crate) runs: AtomicUsize,
}

impl Simulated {
    pub(crate) fn new(kind: Kind) -> Simulated {
        Simulated { kind, runs: AtomicUsize::new(0) }
    }
}

impl Player for Simulated {
    fn play(&self, plan: &Plan) -> Result<Played, String> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        let mut world = World { kind: self.kind, plan, run, ..World::new(self.kind, plan) };
        let mut tale = Tale::default();
        for step in &plan.steps {
            world.step(step, &mut tale);
        }
        Ok(Played::new(tale.journal, plan.system().server_ids().collect()))
    }
}

struct World<'a> {
    kind: Kind,
    plan: &'a Plan,
    run: usize,
    cut: BTreeSet<Link>,
    down: BTreeSet<Process>,
    /// For each server and key the value and how recent it is.
    held: BTreeMap<(Process, String), (u64, Json)>,
    version: u64,
}

impl<'a> World<'a> {
    fn new(kind: Kind, plan: &'a Plan) -> Self {
        let (cut, down) = Default::default();
        World { kind, plan, run: 0, cut, down, held: BTreeMap::new(), version: 0 }
    }

    fn hears(&self, from: Process, to: Process) -> bool {
        !self.cut.contains(&Link { from, to }) && !self.down.contains(&from) && !self.down.contains(&to)
    }

    fn exchange(&self, one: Process, other: Process) -> bool {
        self.hears(one, other) && self.hears(other, one)
    }

    fn step(&mut self, step: &Step, tale: &mut Tale) {
        match step {
            Step::Cut(links) => {
                let healed: Vec<Link> =
                    self.cut.iter().filter(|link| !links.contains(link)).copied().collect();
                self.cut = links.iter().copied().collect();
                tale.cut(links);
                for link in healed {
                    tale.event(What::Probed { link, arrived: true });
                }
            }
            Step::Lose(losses) => {
                // There is only one type of message here.
                self.cut = losses.iter().map(|loss| loss.link).collect();
                tale.event(What::Lose { losses: losses.clone() });
            }
            Step::Server(server, event) => {
                match event {
                    ServerEvent::Kill | ServerEvent::Pause => self.down.insert(*server),
                    ServerEvent::Restart | ServerEvent::Resume => self.down.remove(server),
                };
                tale.event(What::Server { server: *server, event: *event });
            }
            Step::Ask(ask) => self.ask(ask, tale),
            Step::Await(_) | Step::Wait { .. } => {}
        }
    }

    /// Requests are answered when they are asked, before the next one is.
    fn ask(&mut self, ask: &Ask, tale: &mut Tale) {
        for &server in &ask.servers {
            let request = match &ask.request {
                KvRequest::WriteOnce { key, value } if self.plan.workload == Workload::WriteOnceKv => {
                    KvRequest::Cas { key: key.clone(), from: json!(0), to: value.clone() }
                }
                request => request.clone(),
            };
            let answer =
                self.exchange(ask.client, server).then(|| self.answer(server, &ask.request)).flatten();
            let operation = tale.call(&ask.client.to_string(), &server.to_string(), request.clone());
            let Some(value) = answer else {
                tale.end(operation, Outcome::Unknown { why: "silence".to_owned() });
                continue;
            };
            let outcome = match (&request, &ask.request) {
                (KvRequest::Read { .. }, _) => Outcome::Ok(Some(value.clone())),
                (KvRequest::Cas { to, .. }, _) if *to != value => {
                    Outcome::Refused { code: 22, text: "another value".to_owned() }
                }
                _ => Outcome::Ok(None),
            };
            tale.end(operation, outcome);
            tale.answered(&ask.client.to_string(), ask.request.clone(), Some(value));
            return;
        }
        tale.seconds(ask.deadline_milliseconds / 1_000);
        tale.answered(&ask.client.to_string(), ask.request.clone(), None);
    }

    /// What a server says, after telling others.
    fn answer(&mut self, server: Process, request: &KvRequest) -> Option<Json> {
        let servers: Vec<Process> = self.plan.system().server_ids().collect();
        let reached: Vec<Process> = servers
            .iter()
            .copied()
            .filter(|&other| other == server || self.exchange(server, other))
            .collect();
        let moody = self.kind == Kind::Moody && self.run % 2 == 1 && !self.cut.is_empty();
        let quorum = match self.kind {
            Kind::Majority | Kind::Moody => 2 * reached.len() > servers.len() && !moody,
            Kind::Splits | Kind::SharesAFile => true,
            Kind::Silent => false,
        };
        if !quorum {
            return None;
        }
        let tells = match self.kind {
            Kind::SharesAFile => servers,
            Kind::Splits => servers
                .iter()
                .copied()
                .filter(|&other| other == server || self.hears(server, other))
                .collect(),
            _ => reached.clone(),
        };
        let key = request.key().to_string();
        let asks: &[Process] = if self.kind == Kind::Splits { &[server] } else { &reached };
        let held = asks
            .iter()
            .filter_map(|&one| self.held.get(&(one, key.clone())))
            .max_by_key(|(version, _)| *version);
        let held = held.map_or(Json::Null, |(_, value)| value.clone());
        let new = match request {
            KvRequest::Read { .. } => return Some(held),
            KvRequest::Write { value, .. } => value.clone(),
            KvRequest::WriteOnce { value, .. } if held == json!(0) || held.is_null() => value.clone(),
            KvRequest::WriteOnce { .. } => held,
            KvRequest::Cas { from, to, .. } => {
                if held == *from {
                    to.clone()
                } else {
                    return Some(held);
                }
            }
        };
        self.version += 1;
        for one in tells {
            self.held.insert((one, key.clone()), (self.version, new.clone()));
        }
        Some(new)
    }
}
