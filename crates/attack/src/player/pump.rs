//! The loop in which everything happens: messages arrive, clients act, nodes write and end.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use threeworlds_model::Process;

use super::nodes::Init;
use super::{Player, Waited};
use crate::client::Client;
use crate::journal::{Remover, What};
use crate::node::{FromNode, Sign};
use crate::router::{Payload, ToSupervisor};
use crate::run::Unusable;
use crate::wire::Address;

/// How often `stop` is looked at.
const STOP_INTERVAL: Duration = Duration::from_millis(20);
/// From how much on the loop was held up, by the machine and not by any node.
const STALL: Duration = Duration::from_millis(50);
/// How much is read before the time is looked at again.
const BYTES_AT_ONCE: usize = 128 * 1024;

impl Player<'_> {
    /// Moves messages and runs clients until something is true, the time is up, or the run has to end.
    pub(super) async fn pump(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> Waited {
        self.pump_while(end, true, done).await
    }

    /// The same, but a stop does not end it.
    pub(super) async fn pump_to_the_end(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> Waited {
        self.pump_while(end, false, done).await
    }

    async fn pump_while(&mut self, end: Instant, heed_stop: bool, done: impl Fn(&Self) -> bool) -> Waited {
        let mut planned = Instant::now();
        loop {
            let now = Instant::now();
            let late = now.saturating_duration_since(planned);
            if late > STALL {
                // Replies may have come meanwhile that nobody could read: that is not the program's fault.
                self.clients.iter_mut().for_each(|client| client.postpone(late));
            }
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
            planned = wake;
            match tokio::time::timeout_at(wake.into(), self.signs.recv()).await {
                Ok(Some(sign)) => {
                    planned = planned.min(Instant::now());
                    let mut bytes = self.take(sign);
                    while bytes < BYTES_AT_ONCE
                        && let Ok(sign) = self.signs.try_recv()
                    {
                        bytes += self.take(sign);
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
            if self.ending {
                // What is still on its way when the run ends was neither delivered nor lost.
                continue;
            }
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

    /// Takes a sign of a node. How many bytes it wrote.
    fn take(&mut self, sign: FromNode) -> usize {
        let now = Instant::now();
        let slot = &mut self.slots[usize::from(sign.node) - 1];
        if sign.incarnation != slot.incarnation {
            return 0;
        }
        match sign.what {
            Sign::Output(bytes) => {
                if slot.killed {
                    return bytes.len();
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
                return bytes.len();
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
        0
    }
}
