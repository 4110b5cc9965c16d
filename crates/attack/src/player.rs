//! Plays a plan: one thread that starts the nodes, moves the messages, runs the clients and takes the steps.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use serde_json::value::RawValue;
use threeworlds_launch::diagnose;
use threeworlds_model::Process;
use tokio::sync::mpsc;

use crate::client::{self, Client, Desk};
use crate::error::AttackError;
use crate::journal::{Outcome, Remover, What};
use crate::lines::LineBuffer;
use crate::node::{FromNode, Node, Sign};
use crate::plan::{KvRequest, Link, Loss, Plan, Roles, ServerEvent, Step, Workload};
use crate::router::{Payload, Router, SUPERVISOR, ToSupervisor};
use crate::run::{Leader, NodeReport, Options, Program, Run, Unusable};
use crate::services::Services;
use crate::wire::{self, Address, Reply};

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
    crate::check::check(plan)?;
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

/// A place for a node: its process comes and goes.
struct Slot {
    id: Process,
    stderr: PathBuf,
    node: Option<Node>,
    incarnation: u32,
    lines: LineBuffer,
    /// Whether it can receive.
    up: bool,
    /// Whether it was killed on purpose, so that neither its last words nor its end mean anything.
    killed: bool,
    paused: bool,
    /// Whether this process ended by itself.
    exited: bool,
    init: Init,
}

/// How the start of a node goes.
enum Init {
    Waiting,
    Ok,
    /// It said something else.
    Other(String),
    /// It could not be started.
    NotStarted(i32),
    /// It ended first.
    Ended(String),
    /// Its guardian failed.
    Broken(String),
}

/// The search for whoever answers writes.
#[derive(Default)]
struct Settling {
    messages: u64,
    /// The number of the first message of this round.
    first: u64,
    answered: BTreeSet<Process>,
    replied: BTreeSet<Process>,
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waited {
    Done,
    TimeUp,
    Stopped,
}

/// How often `stop` is looked at.
const STOP_INTERVAL: Duration = Duration::from_millis(20);
/// How many signs of nodes may wait, each at most one read.
const SIGNS_WAITING_MAX: usize = 32;
/// How many signs are taken before the time is looked at again.
const SIGNS_AT_ONCE: usize = 32;
/// How long a probe may take beyond the latency.
const PROBE_WAIT: Duration = Duration::from_secs(5);
/// How long a node may take to stop, or to go on, at a signal.
const SIGNAL_WAIT: Duration = Duration::from_secs(10);
/// How long a killed node and its descendants may take to be gone.
const KILL_WAIT: Duration = Duration::from_secs(10);
/// The key that is written to find who answers writes.
const SETTLE_KEY: u64 = 999_999;
/// How long one round of the search may take, and how long it rests after one in vain.
const SETTLE_ROUND: Duration = Duration::from_millis(1000);
const SETTLE_REST: Duration = Duration::from_millis(50);
/// How much of stderr is quoted.
const STDERR_TAIL_BYTES: u64 = 4096;

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
            slots: servers()
                .map(|id| Slot {
                    id,
                    stderr: options.folder.join(format!("{}.stderr", wire::wire_name(id))),
                    node: None,
                    incarnation: 0,
                    lines: LineBuffer::new(options.line_bytes_max),
                    up: false,
                    killed: false,
                    paused: false,
                    exited: false,
                    init: Init::Waiting,
                })
                .collect(),
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

    async fn start_nodes(&mut self) -> Result<(), AttackError> {
        for index in 0..self.slots.len() {
            self.start_node(index)?;
        }
        let end = Instant::now() + self.options.init_deadline;
        let waited = self
            .pump(end, |player| {
                let mut inits = player.slots.iter().map(|slot| &slot.init);
                inits.clone().all(|init| matches!(init, Init::Ok))
                    || inits.any(|init| !matches!(init, Init::Ok | Init::Waiting))
            })
            .await;
        if waited == Waited::Stopped {
            return Err(AttackError::Stopped);
        }
        // Whoever failed is the reason, and not whoever had no time to answer because of that.
        let (waiting, over): (Vec<_>, Vec<_>) =
            self.slots.iter().partition(|slot| matches!(slot.init, Init::Waiting));
        over.into_iter().chain(waiting).try_for_each(|slot| self.is_initialised(slot))
    }

    fn start_node(&mut self, index: usize) -> Result<(), AttackError> {
        let slot = &mut self.slots[index];
        slot.incarnation += 1;
        slot.lines = LineBuffer::new(self.options.line_bytes_max);
        slot.init = Init::Waiting;
        slot.killed = false;
        slot.paused = false;
        slot.exited = false;
        let id = slot.id;
        let node = Node::start(
            id.number(),
            slot.incarnation,
            &self.program.command,
            &self.options.guardian,
            (&slot.stderr, self.options.stderr_bytes_max),
            &self.signs_in,
        )
        .map_err(|error| AttackError::Guardian { node: id, why: error.to_string() })?;
        let names: Vec<String> =
            (1..=self.plan.servers).map(|number| wire::wire_name(Process::Server(number))).collect();
        let name = wire::wire_name(id);
        let body = json!({ "type": "init", "msg_id": 1, "node_id": name, "node_ids": names });
        // It is the first in its pipe, so from here on others may send to it.
        node.send(&wire::line(SUPERVISOR, &name, &body.to_string()));
        slot.node = Some(node);
        slot.up = true;
        self.desk.router.node_started(id.number());
        Ok(())
    }

    fn is_initialised(&self, slot: &Slot) -> Result<(), AttackError> {
        let node = slot.id;
        let said = match &slot.init {
            Init::Ok => return Ok(()),
            Init::NotStarted(code) => {
                let program = self.program.command[0].to_string_lossy();
                return Err(diagnose(&program, io::Error::from_raw_os_error(*code)).into());
            }
            Init::Ended(status) => {
                let stderr = quoted(&tail(&slot.stderr));
                return Err(AttackError::EndedEarly { node, status: status.clone(), stderr });
            }
            Init::Broken(why) => return Err(AttackError::Guardian { node, why: why.clone() }),
            Init::Other(said) => format!(", but with {said}"),
            Init::Waiting => String::new(),
        };
        let deadline = self.options.init_deadline;
        Err(AttackError::NoInit { node, deadline, said, stderr: quoted(&tail(&slot.stderr)) })
    }

    /// Writes, until somebody answers; then the plan's roles are given out.
    async fn settle(&mut self) -> Result<Leader, AttackError> {
        let mut leader = Leader::NotAsked;
        if self.plan.workload != Workload::WriteOnce && !self.options.settle_deadline.is_zero() {
            leader = Leader::None;
            let end = Instant::now() + self.options.settle_deadline;
            while leader == Leader::None && Instant::now() < end {
                self.ask_all();
                let nodes = self.slots.len();
                let round_end = end.min(Instant::now() + SETTLE_ROUND);
                self.pump(round_end, |player| player.settling.replied.len() == nodes).await;
                let answered = std::mem::take(&mut self.settling.answered);
                let mut answered = answered.into_iter();
                leader = match (answered.next(), answered.next()) {
                    (None, _) => Leader::None,
                    (Some(one), None) => Leader::One(one),
                    (Some(one), Some(two)) => {
                        Leader::Several([one, two].into_iter().chain(answered).collect())
                    }
                };
                let pause = if leader == Leader::None { SETTLE_REST } else { self.options.settle_pause };
                if self.pump(Instant::now() + pause, |_| false).await == Waited::Stopped {
                    return Err(AttackError::Stopped);
                }
            }
        }
        if let (Roles::LeaderFirst, &Leader::One(first)) = (self.plan.roles, &leader) {
            self.desk.roles.retain(|&node| node != first);
            self.desk.roles.insert(0, first);
        }
        self.desk.router.start_journal(Instant::now());
        Ok(leader)
    }

    /// Sends a write to every node, from a client that the journal does not know.
    fn ask_all(&mut self) {
        let now = Instant::now();
        let settling = &mut self.settling;
        settling.first = settling.messages + 1;
        settling.replied.clear();
        let asker = Process::Client(self.plan.clients + 1);
        for slot in &self.slots {
            settling.messages += 1;
            let request = KvRequest::Write { key: SETTLE_KEY.into(), value: settling.messages.into() };
            let body = client::body(&request, settling.messages, self.plan.workload);
            self.desk.router.from_client(now, asker, slot.id, &body);
        }
    }

    fn take_settling_reply(&mut self, from: Process, body: &RawValue) {
        let Ok(reply) = serde_json::from_str::<Reply>(body.get()) else { return };
        let Some(to) = reply.in_reply_to.as_u64() else { return };
        if to != self.settling.first + u64::from(from.number()) - 1 {
            return;
        }
        let request = KvRequest::Write { key: SETTLE_KEY.into(), value: to.into() };
        self.settling.replied.insert(from);
        if matches!(client::outcome(&request, reply, self.plan.workload), Outcome::Ok(_)) {
            self.settling.answered.insert(from);
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

    async fn server(&mut self, index: usize, event: ServerEvent) {
        let server = self.slots[index].id;
        self.desk.router.record(Instant::now(), What::Server { server, event });
        let slot = &mut self.slots[index];
        match event {
            ServerEvent::Kill => self.kill(index).await,
            ServerEvent::Pause | ServerEvent::Resume => {
                let pause = event == ServerEvent::Pause;
                let Some(node) = slot.node.as_mut().filter(|_| slot.paused != pause) else { return };
                node.tell(if pause { "pause" } else { "resume" });
                let end = (Instant::now() + SIGNAL_WAIT).min(self.deadline);
                let is_done = |player: &Self| {
                    let slot = &player.slots[index];
                    slot.paused == pause || !slot.up
                };
                if self.pump(end, is_done).await == Waited::TimeUp && !self.has_to_end() {
                    let why = format!("the node did not {}", if pause { "stop" } else { "go on" });
                    self.unusable.push(Unusable::Guardian { node: server, why });
                }
            }
            ServerEvent::Restart => {
                if slot.node.is_some() {
                    self.kill(index).await;
                }
                let started = self.start_node(index);
                let end = (Instant::now() + self.options.init_deadline).min(self.deadline);
                self.pump(end, |player| !matches!(player.slots[index].init, Init::Waiting)).await;
                let result = started.and_then(|()| self.is_initialised(&self.slots[index]));
                if let Err(error) = result
                    && !self.has_to_end()
                {
                    self.unusable.push(Unusable::Restart { node: server, why: error.to_string() });
                }
            }
        }
    }

    async fn kill(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.killed = true;
        slot.up = false;
        if let Some(node) = &mut slot.node {
            node.tell("kill");
        }
        let end = Instant::now() + KILL_WAIT;
        self.pump_to_the_end(end, |player| player.slots[index].node.is_none()).await;
        // If the guardian is stuck, this ends it.
        self.slots[index].node = None;
    }

    /// Lets the nodes end by themselves, and ends them.
    async fn end_nodes(&mut self) {
        self.ending = true;
        for slot in &mut self.slots {
            slot.up = false;
            slot.killed = true;
            if let Some(node) = &mut slot.node {
                node.end(self.options.end_grace);
            }
        }
        let end = Instant::now() + 2 * self.options.end_grace + KILL_WAIT;
        self.pump_to_the_end(end, |player| player.slots.iter().all(|slot| slot.node.is_none())).await;
        for slot in &mut self.slots {
            slot.node = None;
        }
    }

    fn into_run(self, leader: Leader) -> Run {
        let outputs = self.desk.router.outputs().to_vec();
        let nodes = self.slots.into_iter().zip(outputs).map(|(slot, output)| NodeReport {
            output,
            stderr: tail(&slot.stderr),
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

    /// Moves messages and runs clients until something is true, the time is up, or the run has to end.
    async fn pump(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> Waited {
        self.pump_while(end, true, done).await
    }

    /// The same, but a stop does not end it.
    async fn pump_to_the_end(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> Waited {
        self.pump_while(end, false, done).await
    }

    async fn pump_while(&mut self, end: Instant, heed_stop: bool, done: impl Fn(&Self) -> bool) -> Waited {
        loop {
            let now = Instant::now();
            self.deliver(now);
            for client in &mut self.clients {
                client.advance(now, &mut self.desk);
            }
            if done(self) {
                return Waited::Done;
            }
            if heed_stop && self.stop.load(Ordering::Relaxed) {
                return Waited::Stopped;
            }
            if now >= end {
                return Waited::TimeUp;
            }
            let dues = self.clients.iter().filter_map(Client::next_due).chain(self.desk.router.next_due());
            let wake = dues.chain([end, now + STOP_INTERVAL]).min().expect("there are two at least");
            match tokio::time::timeout_at(wake.into(), self.signs.recv()).await {
                Ok(Some(sign)) => {
                    self.take(sign);
                    for _ in 1..SIGNS_AT_ONCE {
                        match self.signs.try_recv() {
                            Ok(sign) => self.take(sign),
                            Err(_) => break,
                        }
                    }
                    // The writers have to have their turn, however much there is to read.
                    tokio::task::yield_now().await;
                }
                Ok(None) => unreachable!("the player holds a sender"),
                Err(_) => {}
            }
        }
    }

    /// Hands over what has arrived.
    fn deliver(&mut self, now: Instant) {
        while let Some(message) = self.desk.router.next(now) {
            let kept = message.message;
            match (message.payload, message.from, message.to) {
                (Payload::Probe(link), ..) => {
                    self.probes_arrived.insert(link);
                }
                (Payload::Line(line), _, Address::Process(Process::Server(number))) => {
                    let slot = &self.slots[usize::from(number) - 1];
                    match slot.node.as_ref().filter(|_| slot.up) {
                        None => self.desk.router.removed(now, kept, Remover::Down),
                        Some(node) if node.send(&line) => self.desk.router.delivered(now, kept),
                        Some(_) => self.desk.router.removed(now, kept, Remover::Backlog),
                    }
                }
                (Payload::Body(body), Address::Process(from), Address::Process(Process::Client(number))) => {
                    self.desk.router.delivered(now, kept);
                    match self.clients.get_mut(usize::from(number) - 1) {
                        Some(client) => client.reply(now, from, &body, &mut self.desk),
                        None => self.take_settling_reply(from, &body),
                    }
                }
                (Payload::Body(body), Address::Process(from), Address::Service(service)) => {
                    if let Some(reply) = self.services.call(service, from, &body, now) {
                        self.desk.router.from_service(now, service, from, &reply);
                    }
                }
                (payload, from, to) => unreachable!("{payload:?} from {from:?} to {to:?}"),
            }
        }
    }

    fn take(&mut self, sign: FromNode) {
        let now = Instant::now();
        let slot = &mut self.slots[usize::from(sign.node) - 1];
        if sign.incarnation != slot.incarnation {
            return;
        }
        match sign.what {
            Sign::Output(bytes) => {
                if slot.killed {
                    return;
                }
                let router = &mut self.desk.router;
                let bytes_max = self.options.line_bytes_max;
                let init = &mut slot.init;
                slot.lines.feed(&bytes, |line| {
                    let Some(line) = line else { return router.long_line(now, sign.node, bytes_max) };
                    match router.line(now, sign.node, line) {
                        Some(ToSupervisor::InitOk) => *init = Init::Ok,
                        Some(ToSupervisor::Other(said)) if matches!(init, Init::Waiting) => {
                            *init = Init::Other(said);
                        }
                        _ => {}
                    }
                });
            }
            Sign::Started(pid) => {
                if let Some(node) = &mut slot.node {
                    node.pid = Some(pid);
                }
            }
            Sign::Failed(code) => {
                slot.up = false;
                slot.init = Init::NotStarted(code);
                slot.killed = true;
            }
            Sign::Paused => slot.paused = true,
            Sign::Resumed => slot.paused = false,
            Sign::Exited(status) => {
                slot.up = false;
                if let Some(node) = &mut slot.node {
                    node.has_ended();
                }
                if !slot.killed {
                    if !matches!(slot.init, Init::Ok) {
                        slot.init = Init::Ended(status.clone());
                    }
                    let server = slot.id;
                    slot.exited = true;
                    self.desk.router.record(now, What::Exited { server, status });
                }
            }
            Sign::Gone => {
                slot.up = false;
                slot.node = None;
                if !slot.killed && !slot.exited {
                    let why = "it ended, although its node had not".to_owned();
                    slot.broken(&why);
                    self.unusable.push(Unusable::Guardian { node: slot.id, why });
                }
            }
            Sign::Broken(why) => {
                slot.broken(&why);
                if !self.ending {
                    self.unusable.push(Unusable::Guardian { node: slot.id, why });
                }
            }
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

impl Slot {
    fn broken(&mut self, why: &str) {
        if !matches!(self.init, Init::Ok) {
            self.init = Init::Broken(why.to_owned());
        }
    }
}

/// The last lines of a file, or nothing.
fn tail(file: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(file)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(STDERR_TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(STDERR_TAIL_BYTES).read_to_end(&mut bytes)?;
        if length > STDERR_TAIL_BYTES
            && let Some(end) = bytes.iter().position(|&byte| byte == b'\n')
        {
            bytes.drain(..=end);
        }
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    text.lines().map(|line| wire::shorten(line, 400) + "\n").collect()
}

/// What a node wrote on stderr, as a part of an error message.
fn quoted(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().collect();
    let last = &lines[lines.len().saturating_sub(10)..];
    if last.is_empty() {
        return String::new();
    }
    let lines: String = last.iter().map(|line| format!("    {line}\n")).collect();
    format!("  its stderr:\n{lines}")
}
