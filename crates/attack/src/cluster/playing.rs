use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use threeworlds_model::Process;

use super::ClusterLimits;
use super::client::Client;
use crate::campaign::Played;
use crate::journal::{Event, Journal, What};
use crate::namespaces::{Lab, LabSignal};
use crate::plan::{Ask, KvRequest, Link, Plan, Roles, ServerEvent, Step, Workload};
use crate::subject::{Cluster, Subject};

/// What all clients of a run use.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) lab: &'a Lab,
    pub(super) cluster: Cluster<'a>,
    pub(super) workload: Workload,
    /// Which server plays which server of the plan.
    pub(super) roles: Vec<Process>,
    began: Instant,
    journal: Journal,
    operations: usize,
}

impl Desk<'_> {
    /// Something happens now.
    pub(super) fn record(&mut self, what: What) {
        let at = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.journal.events.push(Event { at, what });
    }

    pub(super) fn next_operation(&mut self) -> usize {
        self.operations += 1;
        self.operations - 1
    }
}

/// A plan that is being played.
pub(super) struct Playing<'a> {
    plan: &'a Plan,
    limits: &'a ClusterLimits,
    desk: Desk<'a>,
    clients: Vec<Client>,
    /// What is cut now, by server, and since when.
    cut: BTreeSet<Link>,
    cut_since: Instant,
    /// Servers that the plan has killed.
    down: BTreeSet<Process>,
    /// Daemons that are known to have ended.
    ended: BTreeSet<(Process, String)>,
    /// What did not work as it has to.
    pub(super) doubt: Option<String>,
}

/// How often clients are looked after.
const TICK: Duration = Duration::from_millis(2);
/// How long a probe that must be lost is waited for.
const LOST_PATIENCE: Duration = Duration::from_millis(100);
/// How long one that must arrive is.
const ARRIVAL_PATIENCE: Duration = Duration::from_secs(5);
/// How long to look for a leader before a plan begins.
const LEADER_PATIENCE: Duration = Duration::from_secs(20);

impl<'a> Playing<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        lab: &'a Lab,
        cluster: Cluster<'a>,
        limits: &'a ClusterLimits,
    ) -> Playing<'a> {
        let now = Instant::now();
        let desk = Desk {
            lab,
            cluster,
            workload: plan.workload,
            roles: (1..=plan.servers).map(Process::Server).collect(),
            began: now,
            journal: Journal::default(),
            operations: 0,
        };
        Playing {
            plan,
            limits,
            desk,
            clients: (1..=plan.clients).map(|number| Client::new(Process::Client(number))).collect(),
            cut: BTreeSet::new(),
            cut_since: now,
            down: BTreeSet::new(),
            ended: BTreeSet::new(),
            doubt: None,
        }
    }

    pub(super) fn play(mut self) -> Result<Played, String> {
        self.give_out_roles()?;
        self.desk.began = Instant::now();
        let plan = self.plan;
        for step in &plan.steps {
            self.step(step)?;
        }
        self.wait_until(None, |clients| clients.iter().all(Client::is_idle))?;
        self.give_up();
        if !self.cut.is_empty() {
            self.cut(BTreeSet::new())?;
        }
        self.look_at_what_survived()?;
        Ok(Played { doubt: self.doubt, ..Played::new(self.desk.journal, self.desk.roles) })
    }

    /// What is attacked.
    pub(super) fn subject(&self) -> &Subject {
        self.desk.cluster.subject()
    }

    /// What clients ask for.
    pub(super) fn workload(&self) -> Workload {
        self.desk.workload
    }

    /// How many servers there are.
    pub(super) fn servers(&self) -> usize {
        self.desk.roles.len()
    }

    /// Whether links are cut.
    pub(super) fn is_cut(&self) -> bool {
        !self.cut.is_empty()
    }

    /// Why the run has to end.
    pub(super) fn why_stop(&self) -> Option<String> {
        self.limits.why_stop()
    }

    /// The clients that have nothing under way, from 0.
    pub(super) fn idle(&self) -> Vec<usize> {
        let idle = self.clients.iter().enumerate().filter(|(_, client)| client.is_idle());
        idle.map(|(number, _)| number).collect()
    }

    /// A client begins to ask. It must be idle.
    pub(super) fn ask(&mut self, ask: Ask) -> Result<(), String> {
        let client = &mut self.clients[usize::from(ask.client.number()) - 1];
        client.ask(ask, &mut self.desk)
    }

    /// Looks after clients and servers once, and waits a little.
    pub(super) fn tick(&mut self) -> Result<(), String> {
        for client in &mut self.clients {
            client.advance(&mut self.desk)?;
        }
        self.note_ends();
        std::thread::sleep(TICK);
        Ok(())
    }

    /// Everybody gives up what is under way.
    pub(super) fn give_up(&mut self) {
        for client in &mut self.clients {
            client.give_up(&mut self.desk);
        }
    }

    /// What happened since this was asked last.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.desk.journal.events)
    }

    /// The server that leads becomes the plan's first.
    fn give_out_roles(&mut self) -> Result<(), String> {
        let cluster = &self.desk.cluster;
        let can_tell = cluster.subject().leads(cluster.site(), Process::Server(1)).is_some();
        if self.plan.roles == Roles::Fixed || !can_tell {
            return Ok(());
        }
        let end = Instant::now() + LEADER_PATIENCE;
        while Instant::now() < end {
            if let Some(why) = self.limits.why_stop() {
                return Err(why);
            }
            // Two who both say so are none: one of them does not know yet.
            if let [leader] = self.desk.cluster.leaders().map_err(|error| error.to_string())?[..] {
                self.desk.roles.retain(|&server| server != leader);
                self.desk.roles.insert(0, leader);
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Cut(links) => {
                let links = links.iter().map(|&link| self.by_server(link)).collect();
                self.cut(links)
            }
            // There are none: the plan was looked at.
            Step::Lose(_) => Ok(()),
            Step::Ask(ask) => self.ask(ask.clone()),
            Step::Await(awaited) => {
                let awaited: Vec<usize> =
                    awaited.iter().map(|client| usize::from(client.number()) - 1).collect();
                self.wait_until(None, |clients| awaited.iter().all(|&client| clients[client].is_idle()))
            }
            Step::Wait { milliseconds } => {
                let end = Instant::now() + Duration::from_millis(*milliseconds);
                self.wait_until(Some(end), |_| false)
            }
            Step::Server(server, event) => self.server(self.server_of(*server), *event),
        }
    }

    /// Looks after the clients and the servers until something is true, or the time has come. An error is a
    /// reason for which the run ends here.
    fn wait_until(
        &mut self,
        end: Option<Instant>,
        is_true: impl Fn(&[Client]) -> bool,
    ) -> Result<(), String> {
        loop {
            if let Some(why) = self.limits.why_stop() {
                return Err(why);
            }
            for client in &mut self.clients {
                client.advance(&mut self.desk)?;
            }
            self.note_ends();
            if is_true(&self.clients) || end.is_some_and(|end| Instant::now() >= end) {
                return Ok(());
            }
            std::thread::sleep(TICK);
        }
    }

    /// Daemons that failed, each once. One that ends with success did what it was there for, such as to promote
    /// a standby.
    fn note_ends(&mut self) {
        for (server, daemon, how) in self.desk.cluster.ended() {
            let is_news = !how.success()
                && !self.down.contains(&server)
                && self.ended.insert((server, daemon.to_owned()));
            if is_news {
                let status = format!("{daemon}: {how}");
                let at = u64::try_from(self.desk.began.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.desk.journal.events.push(Event { at, what: What::Exited { server, status } });
            }
        }
    }

    /// From now on these links are cut, which is seen to be so, or healed.
    pub(super) fn cut(&mut self, links: BTreeSet<Link>) -> Result<(), String> {
        if !self.cut.is_empty() {
            let dwelt = self.cut_since + self.desk.cluster.subject().times.dwell;
            self.wait_until(Some(dwelt), |_| Instant::now() >= dwelt)?;
        }
        // The cut begins no earlier than it is told, and nothing is lost before.
        let all: Vec<Link> = links.iter().copied().collect();
        self.desk.record(What::Cut { links: all });
        self.desk.lab.cut(&links).map_err(|error| error.to_string())?;
        let before = std::mem::replace(&mut self.cut, links);
        self.cut_since = Instant::now();
        let healed: BTreeSet<Link> = before.difference(&self.cut).copied().collect();
        let lab = self.desk.lab;
        let mut arrived = lab.probe(&healed, ARRIVAL_PATIENCE).map_err(|error| error.to_string())?;
        if !self.cut.is_empty() {
            arrived.extend(lab.probe(&self.cut, LOST_PATIENCE).map_err(|error| error.to_string())?);
        }
        for link in before.union(&self.cut).copied().collect::<Vec<_>>() {
            let (arrived, cut) = (arrived.contains(&link), self.cut.contains(&link));
            self.desk.record(What::Probed { link, arrived });
            if arrived == cut {
                let what = if cut {
                    "was cut, but a probe went through"
                } else {
                    "was not cut, but a probe was lost"
                };
                self.doubt.get_or_insert(format!("{link} {what}"));
            }
        }
        Ok(())
    }

    fn server(&mut self, server: Process, event: ServerEvent) -> Result<(), String> {
        self.note_ends();
        if event == ServerEvent::Kill {
            self.down.insert(server);
        }
        self.desk.record(What::Server { server, event });
        let lab = self.desk.lab;
        let done = match event {
            ServerEvent::Kill => lab.signal_host(server, LabSignal::Kill),
            ServerEvent::Pause => lab.signal_host(server, LabSignal::Pause),
            ServerEvent::Resume => lab.signal_host(server, LabSignal::Resume),
            ServerEvent::Restart => {
                self.down.remove(&server);
                self.ended.retain(|(host, _)| *host != server);
                self.desk.cluster.restart(server)
            }
        };
        done.map_err(|error| error.to_string())
    }

    /// What each server that runs has stored under the plan's keys, for the reader.
    fn look_at_what_survived(&mut self) -> Result<(), String> {
        let mut keys: Vec<_> = Vec::new();
        for step in &self.plan.steps {
            if let Step::Ask(ask) = step
                && !matches!(ask.request, KvRequest::Read { .. })
                && !keys.contains(ask.request.key())
            {
                keys.push(ask.request.key().clone());
            }
        }
        // The first is the one that the worlds are about; the others are for initial values and later stages.
        for key in keys.into_iter().take(1) {
            if let Some(why) = self.limits.why_stop() {
                return Err(why);
            }
            let mut stored = self.desk.cluster.stored(Process::Client(1), &key)?;
            let roles = &self.desk.roles;
            stored.sort_by_key(|(server, _)| roles.iter().position(|role| role == server));
            for (server, outcome) in stored {
                if !self.down.contains(&server) {
                    self.desk.record(What::Stored { server, key: key.clone(), outcome });
                }
            }
        }
        Ok(())
    }

    /// The server that plays a server of the plan, or the client itself.
    fn server_of(&self, process: Process) -> Process {
        match process {
            Process::Server(number) => self.desk.roles[usize::from(number) - 1],
            Process::Client(_) => process,
        }
    }

    fn by_server(&self, link: Link) -> Link {
        Link { from: self.server_of(link.from), to: self.server_of(link.to) }
    }
}
