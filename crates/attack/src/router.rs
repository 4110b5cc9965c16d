//! The network between the processes: every message passes here, is written down, and is lost or delivered.
//! Pure: it does no input or output and reads no clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use threeworlds_model::Process;

use crate::journal::{Event, Journal, Remover, What};
use crate::plan::{Link, Loss};
use crate::wire::{self, Address, Service};

/// The network. A message that leaves is lost at once if its link is cut or its type is lost there, and is
/// otherwise due after the latency, the same for all: so every link delivers in the order of sending.
/// Messages that left before a cut arrive.
#[derive(Debug)]
pub struct Router {
    servers: u16,
    /// The clients of the plan.
    clients: u16,
    latency: Duration,
    /// Whether a link is cut, by [`Router::position`].
    cut: Vec<bool>,
    losses: BTreeMap<Link, Vec<String>>,
    in_flight: VecDeque<InFlight>,
    in_flight_bytes: usize,
    recorder: Recorder,
    next_message: u64,
    outputs: Vec<Output>,
}

/// A message on its way, with what the receiver needs of it.
#[derive(Debug)]
pub struct InFlight {
    /// When it arrives.
    pub due: Instant,
    /// From whom.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// Its number in the journal, if it is kept there.
    pub message: Option<u64>,
    /// What it carries.
    pub payload: Payload,
}

/// What is on its way.
#[derive(Debug)]
pub enum Payload {
    /// A whole line, for a node.
    Line(Vec<u8>),
    /// The body of a message, for a client or a service.
    Body(Box<RawValue>),
    /// A probe of the link.
    Probe(Link),
}

impl Payload {
    fn bytes(&self) -> usize {
        match self {
            Payload::Line(line) => line.len(),
            Payload::Body(body) => body.get().len(),
            Payload::Probe(_) => 0,
        }
    }
}

/// What a node said to its supervisor, who is called `c0` on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToSupervisor {
    /// The `init` was answered.
    InitOk,
    /// The `init` was refused, or answered with something else.
    Other(String),
}

/// How the output of a node went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Lines of the process that runs now.
    pub lines: u64,
    /// Messages, of all its processes.
    pub messages: u64,
    /// Lines that were no messages, of all its processes. The first [`MALFORMED_KEPT_MAX`] are in the journal.
    pub malformed: u64,
    /// Messages for somebody who does not exist, of all its processes.
    pub to_nobody: u64,
    /// Messages to clients that no client waited for, of all its processes. The first [`IGNORED_KEPT_MAX`] are
    /// in the journal.
    pub ignored: u64,
}

/// How many malformed lines of one node are written down one by one.
pub const MALFORMED_KEPT_MAX: u64 = 100;

/// How many messages of one node that clients ignored are written down one by one.
pub const IGNORED_KEPT_MAX: u64 = 100;

/// The name of the supervisor on the wire.
pub(crate) const SUPERVISOR: &str = "c0";

impl Router {
    /// A healthy network. At most `messages_kept_max` messages are kept in the journal.
    pub fn new(servers: u16, clients: u16, latency: Duration, messages_kept_max: u64, now: Instant) -> Self {
        // One client more than the plan has: who looks for the leader. Nothing about it is written down.
        let size = usize::from(servers) + usize::from(clients) + 1;
        Router {
            servers,
            clients,
            latency,
            cut: vec![false; size * size],
            losses: BTreeMap::new(),
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            recorder: Recorder {
                journal: Journal::default(),
                origin: now,
                messages_kept: 0,
                messages_kept_max,
                with_messages: false,
            },
            next_message: 0,
            outputs: vec![Output::default(); usize::from(servers)],
        }
    }

    /// From now on messages are written down; the time counts from here, and what is in the journal already
    /// happened before.
    pub fn start_journal(&mut self, now: Instant) {
        self.recorder.journal.events.iter_mut().for_each(|event| event.at = 0);
        self.recorder.origin = now;
        self.recorder.with_messages = true;
    }

    /// Takes a line that a node wrote, without its end.
    pub fn line(&mut self, now: Instant, node: u16, line: &[u8]) -> Option<ToSupervisor> {
        let from = Process::Server(node);
        self.output(node).lines += 1;
        let (envelope, head) = match wire::parse(line) {
            Ok(parsed) => parsed,
            Err(why) => {
                self.malformed_line(now, node, why);
                return None;
            }
        };
        if Address::parse(&envelope.src) != Some(Address::Process(from)) {
            let name = wire::wire_name(from);
            let src = wire::shorten(&envelope.src, 40);
            self.malformed_line(now, node, format!("its `src` is `{src}`, but it was written by {name}"));
            return None;
        }
        self.output(node).messages += 1;
        if envelope.dest == SUPERVISOR {
            return Some(match &*head.message_type {
                "init_ok" => ToSupervisor::InitOk,
                _ => ToSupervisor::Other(wire::shorten(envelope.body.get(), 200)),
            });
        }
        let Some(to) = Address::parse(&envelope.dest) else {
            self.output(node).to_nobody += 1;
            let dest = wire::shorten(&envelope.dest, 40);
            self.malformed_line(now, node, format!("its `dest` is `{dest}`, and nobody has that name"));
            return None;
        };
        let payload = match to {
            Address::Process(Process::Server(_)) => {
                let mut whole = Vec::with_capacity(line.len() + 1);
                whole.extend_from_slice(line);
                whole.push(b'\n');
                Payload::Line(whole)
            }
            _ => Payload::Body(envelope.body.to_owned()),
        };
        self.send(now, Address::Process(from), to, &head.message_type, envelope.body, payload);
        None
    }

    /// Takes a line that is no message.
    pub fn malformed_line(&mut self, now: Instant, node: u16, why: String) {
        let output = self.output(node);
        output.malformed += 1;
        if output.malformed <= MALFORMED_KEPT_MAX {
            let line = output.lines;
            self.record(now, What::Malformed { server: Process::Server(node), line, why });
        }
    }

    /// Takes a line that was too long to be read.
    pub fn long_line(&mut self, now: Instant, node: u16, bytes_max: usize) {
        self.output(node).lines += 1;
        self.malformed_line(now, node, format!("it is longer than {bytes_max} bytes, and was skipped"));
    }

    /// A node was started, so its lines are counted from 1.
    pub fn node_started(&mut self, node: u16) {
        self.output(node).lines = 0;
    }

    /// Takes a message from a client to a node.
    pub fn from_client(&mut self, now: Instant, client: Process, server: Process, body: &RawValue) {
        let line = wire::line(&wire::wire_name(client), &wire::wire_name(server), body.get());
        let message_type = message_type(body);
        let (from, to) = (Address::Process(client), Address::Process(server));
        self.send(now, from, to, &message_type, body, Payload::Line(line));
    }

    /// Takes a message from a service to whoever called it.
    pub fn from_service(&mut self, now: Instant, service: Service, caller: Process, body: &RawValue) {
        let line = wire::line(service.name(), &wire::wire_name(caller), body.get());
        let (from, to) = (Address::Service(service), Address::Process(caller));
        self.send(now, from, to, &message_type(body), body, Payload::Line(line));
    }

    /// Sends a probe along a link, as a message of this type. Whether it left: it then comes back from
    /// [`Router::next`] when it arrives.
    pub fn probe(&mut self, now: Instant, link: Link, probe_type: &str) -> bool {
        let (from, to) = (Address::Process(link.from), Address::Process(link.to));
        self.admit(now, from, to, probe_type, None, Payload::Probe(link)).is_ok()
    }

    /// The type of the probes of links; no program's messages have it.
    pub const PROBE: &'static str = "threeworlds-probe";

    /// From now on exactly these links are cut.
    ///
    /// # Panics
    /// If a link's end does not exist.
    pub fn cut(&mut self, now: Instant, links: &[Link]) {
        self.cut.fill(false);
        for &link in links {
            let position = self.position(link).expect("the links of a plan were checked");
            self.cut[position] = true;
        }
        self.record(now, What::Cut { links: links.to_vec() });
    }

    /// From now on exactly these messages are lost, in addition to what is cut.
    pub fn lose(&mut self, now: Instant, losses: &[Loss]) {
        self.losses.clear();
        for loss in losses {
            self.losses.entry(loss.link).or_default().push(loss.message_type.clone());
        }
        self.record(now, What::Lose { losses: losses.to_vec() });
    }

    /// When the next message arrives.
    pub fn next_due(&self) -> Option<Instant> {
        self.in_flight.front().map(|message| message.due)
    }

    /// The next message that has arrived by now. Its fate has to be told by [`Router::delivered`] or
    /// [`Router::removed`].
    pub fn next(&mut self, now: Instant) -> Option<InFlight> {
        if self.in_flight.front()?.due > now {
            return None;
        }
        let message = self.in_flight.pop_front()?;
        self.in_flight_bytes -= message.payload.bytes();
        Some(message)
    }

    /// How much is on its way.
    pub fn in_flight_bytes(&self) -> usize {
        self.in_flight_bytes
    }

    /// The message was handed to its receiver.
    pub fn delivered(&mut self, now: Instant, message: Option<u64>) {
        if let Some(message) = message {
            self.record(now, What::Delivered { message });
        }
    }

    /// The message was lost at its receiver.
    pub fn removed(&mut self, now: Instant, message: Option<u64>, by: Remover) {
        if let Some(message) = message {
            self.record(now, What::Removed { message, by });
        }
    }

    /// A client took no notice of a message.
    pub fn ignored(&mut self, now: Instant, client: Process, server: Process, why: String) {
        let output = self.output(server.number());
        output.ignored += 1;
        if output.ignored <= IGNORED_KEPT_MAX {
            self.record(now, What::Ignored { client, server, why });
        }
    }

    /// Writes something down.
    pub fn record(&mut self, now: Instant, what: What) {
        self.recorder.record(now, what);
    }

    /// How the output of each node went.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// The journal so far.
    pub fn journal(&self) -> &Journal {
        &self.recorder.journal
    }

    /// The journal.
    pub fn into_journal(self) -> Journal {
        self.recorder.journal
    }

    fn output(&mut self, node: u16) -> &mut Output {
        &mut self.outputs[usize::from(node) - 1]
    }

    /// Writes a message down, and sends it on its way or loses it.
    fn send(
        &mut self,
        now: Instant,
        from: Address,
        to: Address,
        message_type: &str,
        body: &RawValue,
        payload: Payload,
    ) {
        let mut kept = None;
        if let (Address::Process(from), Address::Process(to)) = (from, to)
            && !self.is_hidden(from)
            && !self.is_hidden(to)
        {
            let message = self.next_message;
            let sent = || What::Sent {
                message,
                from,
                to,
                message_type: wire::shorten(message_type, 60),
                words: wire::words(body),
            };
            if self.recorder.record_message(now, sent) {
                self.next_message += 1;
                kept = Some(message);
            }
        }
        if let Err(by) = self.admit(now, from, to, message_type, kept, payload) {
            if let (Remover::Nobody, Address::Process(Process::Server(node))) = (by, from) {
                self.output(node).to_nobody += 1;
            }
            self.removed(now, kept, by);
        }
    }

    /// The one place at which a message is lost in the network, or gets through.
    fn admit(
        &mut self,
        now: Instant,
        from: Address,
        to: Address,
        message_type: &str,
        message: Option<u64>,
        payload: Payload,
    ) -> Result<(), Remover> {
        if let (Address::Process(from), Address::Process(to)) = (from, to) {
            let link = Link { from, to };
            let position = self.position(link).ok_or(Remover::Nobody)?;
            if self.cut[position] {
                return Err(Remover::Cut);
            }
            if !self.losses.is_empty()
                && self.losses.get(&link).is_some_and(|types| types.iter().any(|lost| lost == message_type))
            {
                return Err(Remover::Loss);
            }
        }
        let bytes = payload.bytes();
        if self.in_flight_bytes + bytes > IN_FLIGHT_BYTES_MAX {
            return Err(Remover::Backlog);
        }
        self.in_flight_bytes += bytes;
        self.in_flight.push_back(InFlight { due: now + self.latency, from, to, message, payload });
        Ok(())
    }

    /// Where a link is in the table, if both its ends exist.
    fn position(&self, link: Link) -> Option<usize> {
        let size = usize::from(self.servers) + usize::from(self.clients) + 1;
        let index = |process| match process {
            Process::Server(number) if (1..=self.servers).contains(&number) => Some(usize::from(number) - 1),
            Process::Client(number) if (1..=self.clients + 1).contains(&number) => {
                Some(usize::from(self.servers) + usize::from(number) - 1)
            }
            _ => None,
        };
        Some(index(link.from)? * size + index(link.to)?)
    }

    /// Whether this is the client that looks for the leader.
    fn is_hidden(&self, process: Process) -> bool {
        process == Process::Client(self.clients + 1)
    }
}

/// How much may be on its way. It takes a flood to reach this, which is back-pressure for lack of any in the
/// protocol: what is beyond is lost, and the journal says so.
const IN_FLIGHT_BYTES_MAX: usize = 128 << 20;

fn message_type(body: &RawValue) -> String {
    serde_json::from_str::<wire::Head<'_>>(body.get())
        .map(|head| head.message_type.into_owned())
        .expect("our own bodies have a type")
}

/// Writes the journal. It keeps everything but the messages beyond a number, which it counts.
#[derive(Debug)]
struct Recorder {
    journal: Journal,
    origin: Instant,
    messages_kept: u64,
    messages_kept_max: u64,
    with_messages: bool,
}

impl Recorder {
    fn record(&mut self, now: Instant, what: What) {
        let at = now.saturating_duration_since(self.origin).as_micros();
        self.journal.events.push(Event { at: u64::try_from(at).unwrap_or(u64::MAX), what });
    }

    fn record_message(&mut self, now: Instant, what: impl FnOnce() -> What) -> bool {
        if !self.with_messages {
            return false;
        }
        if self.messages_kept >= self.messages_kept_max {
            self.journal.not_kept += 1;
            return false;
        }
        self.messages_kept += 1;
        self.record(now, what());
        true
    }
}
