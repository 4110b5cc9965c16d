//! The processes of the nodes: started, paused, killed, ended.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use threeworlds_launch::diagnose;
use threeworlds_model::Process;

use super::stderr::{quoted, tail};
use super::{Player, Waited};
use crate::error::AttackError;
use crate::journal::What;
use crate::lines::LineBuffer;
use crate::node::Node;
use crate::plan::ServerEvent;
use crate::router::SUPERVISOR;
use crate::run::{Options, Unusable};
use crate::wire;

/// A place for a node: its process comes and goes.
pub(super) struct Slot {
    pub(super) id: Process,
    pub(super) stderr: PathBuf,
    pub(super) node: Option<Node>,
    pub(super) incarnation: u32,
    pub(super) lines: LineBuffer,
    /// Whether it can receive.
    pub(super) up: bool,
    /// Whether it was killed on purpose, so that neither its last words nor its end mean anything.
    pub(super) killed: bool,
    pub(super) paused: bool,
    /// Whether this process ended by itself.
    pub(super) exited: bool,
    pub(super) init: Init,
}

/// How the start of a node goes.
pub(super) enum Init {
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

/// How long a node may take to stop, or to go on, at a signal.
const SIGNAL_WAIT: Duration = Duration::from_secs(10);
/// How long a killed node and its descendants may take to be gone.
const KILL_WAIT: Duration = Duration::from_secs(10);

impl Player<'_> {
    pub(super) async fn start_nodes(&mut self) -> Result<(), AttackError> {
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

    pub(super) async fn server(&mut self, index: usize, event: ServerEvent) {
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
                let mut result = self.start_node(index);
                if result.is_ok() {
                    let end = (Instant::now() + self.options.init_deadline).min(self.deadline);
                    self.pump(end, |player| !matches!(player.slots[index].init, Init::Waiting)).await;
                    result = self.is_initialised(&self.slots[index]);
                }
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
    pub(super) async fn end_nodes(&mut self) {
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
}

impl Slot {
    pub(super) fn new(id: Process, options: &Options) -> Self {
        Slot {
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
        }
    }

    pub(super) fn broken(&mut self, why: &str) {
        if !matches!(self.init, Init::Ok) {
            self.init = Init::Broken(why.to_owned());
        }
    }
}
