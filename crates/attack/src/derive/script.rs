//! What the clients ask for around a fault.
//!
//! Keys and values are small whole numbers, since many programs read nothing else: on key 1 client `ci`
//! writes its own number, plus a hundred for each earlier stage of the plan.

use serde_json::{Value as Json, json};
use threeworlds_model::{Process, Question};

use super::{Brief, Medium, sorted};
use crate::plan::{Ask, KvRequest, Link, Loss, Plan, Roles, ServerEvent, Step, Workload};

/// What a key holds before the network loses anything. No client proposes it.
pub const INITIAL: u64 = 0;

/// When a request that nobody has to answer is given up, at the latest: it costs time and decides little.
const PATIENCE_MILLISECONDS: u64 = 2_000;
/// The two deadlines of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// Of requests that have to be answered.
    pub(super) deadline: u64,
    /// Of the others.
    pub(super) patience: u64,
}

/// Something that happens while the clients ask.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// These links are cut.
    Cut(Vec<Link>),
    /// These messages are lost.
    Lose(Vec<Loss>),
    /// This happens to a server.
    Server(Process, ServerEvent),
}

impl Fault {
    fn step(&self) -> Step {
        match self {
            Fault::Cut(links) => Step::Cut(sorted(links.iter().copied())),
            Fault::Lose(losses) => Step::Lose(losses.clone()),
            Fault::Server(server, event) => Step::Server(*server, *event),
        }
    }
}

/// Makes plans of one brief.
pub(super) struct Script<'a> {
    pub(super) brief: &'a Brief<'a>,
    pub(super) servers: Vec<Process>,
    pub(super) clients: Vec<Process>,
}

impl<'a> Script<'a> {
    pub(super) fn new(brief: &'a Brief<'a>) -> Script<'a> {
        let Question { system, .. } = brief.question;
        Script { brief, servers: system.server_ids().collect(), clients: system.client_ids().collect() }
    }

    fn times(&self) -> Times {
        let deadline = self.brief.deadline_milliseconds;
        let patience = match self.brief.medium {
            Medium::Messages => PATIENCE_MILLISECONDS,
            // Where nobody has to be answered, in world C, somebody is only after another server took over.
            Medium::Hosts { .. } => deadline,
        };
        Times { deadline, patience: deadline.min(patience) }
    }

    /// A plan with these steps, explained; whoever need not be answered is not waited for long.
    pub(super) fn plan(&self, name: &str, roles: Roles, steps: Vec<Step>) -> Plan {
        let system = &self.brief.question.system;
        let mut plan = Plan {
            name: name.to_owned(),
            servers: system.servers,
            clients: system.clients,
            workload: self.brief.workload,
            roles,
            faulty: Vec::new(),
            within_budget: false,
            steps,
        };
        let explanation = plan.explanation(&self.brief.question.fault_model);
        let times = self.times();
        for step in &mut plan.steps {
            if let Step::Ask(ask) = step
                && !explanation.must_answer.contains(&ask.client)
            {
                ask.deadline_milliseconds = times.patience;
            }
        }
        plan.faulty = explanation.faulty;
        plan.within_budget = explanation.within_budget;
        plan
    }

    /// The usual plan: a key is there, the faults come, all clients write and read, the network heals, all
    /// clients read, then write and read what nobody wrote before.
    ///
    /// `cut` says whom the clients can still reach; each of `faults` is a step.
    pub(super) fn around(&self, name: &str, cut: &[Link], faults: &[Fault], healing: &[Fault]) -> Plan {
        let mut steps = self.beginning();
        steps.extend(faults.iter().map(Fault::step));
        steps.extend(self.stage(1, 0, cut));
        let needs_healing = !faults.is_empty();
        if needs_healing {
            steps.extend(healing.iter().map(Fault::step));
            steps.push(self.recover());
            steps.extend(self.all(&[], |_| read(1)));
            if self.brief.workload != Workload::WriteOnce {
                steps.extend(self.stage(2, 1, &[]));
            }
        }
        self.plan(name, self.brief.roles, steps)
    }

    /// The keys are written before anything is lost, and the program is left alone for a while.
    pub(super) fn beginning(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.brief.workload != Workload::WriteOnce {
            for key in [1, 2] {
                let request = KvRequest::Write { key: key.into(), value: INITIAL.into() };
                steps.push(self.ask(self.clients[0], request, &[]));
                steps.push(Step::Await(vec![self.clients[0]]));
            }
        }
        steps.push(self.settle());
        steps
    }

    pub(super) fn settle(&self) -> Step {
        Step::Wait { milliseconds: self.brief.settle_milliseconds }
    }

    /// The program is left alone after the network has healed.
    pub(super) fn recover(&self) -> Step {
        match self.brief.medium {
            Medium::Messages => self.settle(),
            Medium::Hosts { heal_milliseconds, .. } => Step::Wait { milliseconds: heal_milliseconds },
        }
    }

    /// Whether whole hosts are cut off, for long.
    pub(super) fn cuts_hosts(&self) -> bool {
        matches!(self.brief.medium, Medium::Hosts { .. })
    }

    /// All clients write at the same time, then all read. On a plain register, where two acknowledged writes
    /// are no contradiction, one client after the other writes first and the next one reads what is there.
    pub(super) fn stage(&self, key: u64, stage: u64, cut: &[Link]) -> Vec<Step> {
        let mut steps = Vec::new();
        match self.brief.workload {
            Workload::WriteOnceKv | Workload::WriteOnce => {
                let write = |client| KvRequest::WriteOnce { key: key.into(), value: own(client, stage) };
                steps.extend(self.all(cut, write));
            }
            Workload::LinKv => {
                for (position, &client) in self.clients.iter().enumerate() {
                    let next = self.clients[(position + 1) % self.clients.len()];
                    let write = KvRequest::Write { key: key.into(), value: own(client, stage) };
                    for (who, request) in [(client, write), (next, read(key))] {
                        steps.push(self.ask(who, request, cut));
                        steps.push(Step::Await(vec![who]));
                    }
                }
                let write = |client| KvRequest::Write { key: key.into(), value: own(client, stage + 5) };
                steps.extend(self.all(cut, write));
            }
        }
        steps.extend(self.all(cut, |_| read(key)));
        steps
    }

    /// All clients ask at the same time, and are awaited.
    pub(super) fn all(&self, cut: &[Link], request: impl Fn(Process) -> KvRequest) -> Vec<Step> {
        let mut steps: Vec<Step> =
            self.clients.iter().map(|&client| self.ask(client, request(client), cut)).collect();
        steps.push(Step::Await(self.clients.clone()));
        steps
    }

    /// A client asks the servers that it can still exchange messages with, each client beginning with
    /// another one; all of them if there are none left.
    pub(super) fn ask(&self, client: Process, request: KvRequest, cut: &[Link]) -> Step {
        let reaches = |server: &Process| {
            let is_cut = |from, to| cut.contains(&Link { from, to });
            !is_cut(client, *server) && !is_cut(*server, client)
        };
        let mut servers: Vec<Process> = self.servers.iter().copied().filter(reaches).collect();
        if servers.is_empty() {
            servers = self.servers.clone();
        }
        let first = (usize::from(client.number()) - 1) % servers.len();
        servers.rotate_left(first);
        Step::Ask(Ask { client, request, servers, deadline_milliseconds: self.times().deadline })
    }
}

/// A client's own value in a stage.
pub(super) fn own(client: Process, stage: u64) -> Json {
    json!(u64::from(client.number()) + 100 * stage)
}

pub(super) fn read(key: u64) -> KvRequest {
    KvRequest::Read { key: key.into() }
}
