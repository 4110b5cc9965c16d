//! Plays a plan: one thread that starts the nodes, moves the messages, runs the clients and takes the steps.

mod nodes;
mod pump;
mod settle;
mod stderr;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use threeworlds_model::Process;
use tokio::sync::mpsc;

use crate::client::{Client, Desk};
use crate::error::AttackError;
use crate::journal::What;
use crate::node::FromNode;
use crate::plan::{Link, Loss, Plan, Step};
use crate::router::Router;
use crate::run::{Leader, NodeReport, Options, Program, Run, Unusable};
use crate::services::Services;
use nodes::Slot;
use settle::Settling;

pub(crate) fn play(
    plan: &Plan,
    program: &Program,
    options: &Options,
    stop: &AtomicBool,
) -> Result<Run, AttackError> {
    if program.command.first().is_none_or(|program| program.is_empty()) {
        return Err(AttackError::NoCommand);
    }
    if options.guardian.is_empty() {
        let why = "no command for it is given".to_owned();
        return Err(AttackError::Guardian { node: Process::Server(1), why });
    }
    plan.validate().map_err(|error| AttackError::Plan { plan: plan.name.clone(), why: error.to_string() })?;
    std::fs::create_dir_all(&options.folder)
        .map_err(|source| AttackError::Folder { folder: options.folder.clone(), source })?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AttackError::System)?;
    runtime.block_on(async {
        let mut player = Player::new(plan, program, options, stop);
        player.start_nodes().await?;
        let leader = player.settle().await?;
        player.play_steps().await;
        player.end_nodes().await;
        Ok(player.into_run(leader))
    })
}

struct Player<'a> {
    plan: &'a Plan,
    program: &'a Program,
    options: &'a Options,
    stop: &'a AtomicBool,
    deadline: Instant,
    desk: Desk,
    clients: Vec<Client>,
    services: Services,
    slots: Vec<Slot>,
    signs: mpsc::Receiver<FromNode>,
    signs_in: mpsc::Sender<FromNode>,
    /// What is cut now, by node.
    cut: BTreeSet<Link>,
    losses: BTreeSet<Loss>,
    probes_arrived: BTreeSet<Link>,
    settling: Settling,
    ending: bool,
    unusable: Vec<Unusable>,
}

/// How long a probe may take beyond the latency.
const PROBE_WAIT: Duration = Duration::from_secs(5);

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waited {
    Done,
    TimeUp,
    Stopped,
}

/// How many signs of nodes may wait, each at most one read. Few, so that a node that floods holds up nobody
/// else for long: whoever has something to say waits in turn.
const SIGNS_WAITING_MAX: usize = 4;

impl<'a> Player<'a> {
    fn new(plan: &'a Plan, program: &'a Program, options: &'a Options, stop: &'a AtomicBool) -> Self {
        let now = Instant::now();
        let (signs_in, signs) = mpsc::channel(SIGNS_WAITING_MAX);
        let servers = || (1..=plan.servers).map(Process::Server);
        Player {
            plan,
            program,
            options,
            stop,
            deadline: now + options.run_deadline,
            desk: Desk {
                router: Router::new(
                    plan.servers,
                    plan.clients,
                    options.latency,
                    options.messages_kept_max,
                    now,
                ),
                roles: servers().collect(),
                workload: plan.workload,
                operations: 0,
                operation_timeout: options.operation_timeout,
            },
            clients: (1..=plan.clients).map(|number| Client::new(Process::Client(number))).collect(),
            services: Services::new(options.seed, now),
            slots: servers().map(|id| Slot::new(id, options)).collect(),
            signs,
            signs_in,
            cut: BTreeSet::new(),
            losses: BTreeSet::new(),
            probes_arrived: BTreeSet::new(),
            settling: Settling::default(),
            ending: false,
            unusable: Vec::new(),
        }
    }

    /// Takes the steps of the plan, waits for the clients, and heals the network.
    async fn play_steps(&mut self) {
        let plan = self.plan;
        for (index, step) in plan.steps.iter().enumerate() {
            self.play_step(step).await;
            if self.is_over(index + 1) {
                break;
            }
        }
        if !self.over() {
            self.pump(self.deadline, |player| player.clients.iter().all(Client::is_idle)).await;
            self.is_over(plan.steps.len() + 1);
        }
        let now = Instant::now();
        for client in &mut self.clients {
            if !client.is_idle() {
                client.give_up(now, "the run was ended", &mut self.desk);
            }
        }
        if !self.over() {
            if !self.losses.is_empty() {
                self.lose(BTreeSet::new()).await;
            }
            if !self.cut.is_empty() {
                self.cut(BTreeSet::new()).await;
            }
            self.is_over(plan.steps.len() + 1);
        }
    }

    async fn play_step(&mut self, step: &Step) {
        match step {
            Step::Cut(links) => {
                let links = links.iter().map(|&link| self.by_node(link)).collect();
                self.cut(links).await;
            }
            Step::Lose(losses) => {
                let losses = losses.iter().cloned();
                let losses = losses.map(|loss| Loss { link: self.by_node(loss.link), ..loss }).collect();
                self.lose(losses).await;
            }
            Step::Ask(ask) => {
                let client = &mut self.clients[usize::from(ask.client.number()) - 1];
                client.ask(ask.clone(), Instant::now(), &mut self.desk);
            }
            Step::Await(clients) => {
                let awaited: Vec<usize> =
                    clients.iter().map(|client| usize::from(client.number()) - 1).collect();
                self.pump(self.deadline, |player| {
                    awaited.iter().all(|&client| player.clients[client].is_idle())
                })
                .await;
            }
            Step::Wait { milliseconds } => {
                let end = Instant::now() + Duration::from_millis(*milliseconds);
                self.pump(end.min(self.deadline), |_| false).await;
            }
            Step::Server(server, event) => {
                let server = self.node_of(*server);
                self.server(usize::from(server.number()) - 1, *event).await;
            }
        }
    }

    /// Whether the run has to end here, whatever the plan says; notes why.
    fn is_over(&mut self, step: usize) -> bool {
        if self.over() {
            return true;
        }
        if self.stop.load(Ordering::Relaxed) {
            self.unusable.push(Unusable::Stopped { step });
        } else if Instant::now() >= self.deadline {
            self.unusable.push(Unusable::TooLong { deadline: self.options.run_deadline, step });
        }
        self.over()
    }

    fn over(&self) -> bool {
        self.unusable.iter().any(|why| matches!(why, Unusable::Stopped { .. } | Unusable::TooLong { .. }))
    }

    /// From now on these links are cut; returns when all that was sent before has arrived, and the probes too.
    async fn cut(&mut self, links: BTreeSet<Link>) {
        let before = std::mem::replace(&mut self.cut, links);
        let now = Instant::now();
        let all: Vec<Link> = self.cut.iter().copied().collect();
        self.desk.router.cut(now, &all);
        // What was cut before and is now, too: the whole state of the network is seen anew.
        let probed: Vec<Link> = before.union(&self.cut).copied().collect();
        let arrived = self.probe(&probed, Router::PROBE).await;
        let now = Instant::now();
        if !self.options.probe || self.has_to_end() {
            return;
        }
        for link in probed {
            let (arrived, cut) = (arrived.contains(&link), self.cut.contains(&link));
            self.desk.router.record(now, What::Probed { link, arrived });
            let Link { from, to } = link;
            match (cut, arrived) {
                (true, true) => self.unusable.push(Unusable::NotCut { from, to }),
                (false, false) => self.unusable.push(Unusable::NotHealed { from, to }),
                _ => {}
            }
        }
    }

    /// From now on these messages are lost; returns when all that was sent before has arrived.
    async fn lose(&mut self, losses: BTreeSet<Loss>) {
        let before = std::mem::replace(&mut self.losses, losses);
        let all: Vec<Loss> = self.losses.iter().cloned().collect();
        self.desk.router.lose(Instant::now(), &all);
        let changed: Vec<Loss> = before.symmetric_difference(&self.losses).cloned().collect();
        for Loss { link, message_type } in &changed {
            let arrived = self.probe(&[*link], message_type).await.contains(link);
            let lost = self.cut.contains(link)
                || self.losses.contains(&Loss { link: *link, message_type: message_type.clone() });
            let Link { from, to } = *link;
            match (lost, arrived) {
                _ if !self.options.probe || self.has_to_end() => return,
                (true, true) => self.unusable.push(Unusable::NotCut { from, to }),
                (false, false) => self.unusable.push(Unusable::NotHealed { from, to }),
                _ => {}
            }
        }
    }

    /// Sends a probe along each link, as a message of this type, and waits for those that left. Which arrived.
    async fn probe(&mut self, links: &[Link], probe_type: &str) -> BTreeSet<Link> {
        let now = Instant::now();
        self.probes_arrived.clear();
        let mut left = 0;
        if self.options.probe {
            left = links.iter().filter(|&&link| self.desk.router.probe(now, link, probe_type)).count();
        }
        // With or without probes: what left before is not under way any more.
        self.pump((now + self.options.latency).min(self.deadline), |_| false).await;
        let end = (Instant::now() + PROBE_WAIT).min(self.deadline);
        self.pump(end, |player| player.probes_arrived.len() >= left).await;
        std::mem::take(&mut self.probes_arrived)
    }

    fn into_run(self, leader: Leader) -> Run {
        let outputs = self.desk.router.outputs().to_vec();
        let nodes = self.slots.into_iter().zip(outputs).map(|(slot, output)| NodeReport {
            output,
            stderr: stderr::tail(&slot.stderr),
            stderr_file: slot.stderr,
        });
        Run {
            nodes: nodes.collect(),
            journal: self.desk.router.into_journal(),
            roles: self.desk.roles,
            leader,
            unusable: self.unusable,
        }
    }

    fn has_to_end(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    /// The node that plays a server of the plan, or the client itself.
    fn node_of(&self, process: Process) -> Process {
        match process {
            Process::Server(number) => self.desk.roles[usize::from(number) - 1],
            Process::Client(_) => process,
        }
    }

    fn by_node(&self, link: Link) -> Link {
        Link { from: self.node_of(link.from), to: self.node_of(link.to) }
    }
}
