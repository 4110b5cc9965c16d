use std::io::{BufRead, BufReader, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use threeworlds_model::{Protocol, StepError, System, Task};

use crate::clock::{Clock, start_number};
use crate::front::{Front, UnknownToClients};
use crate::node::{Node, Options};
use crate::rounds::Statistics;
use crate::wire::{Envelope, Init};

/// A node that knows its name, its colleagues, and who asked.
#[derive(Debug)]
pub struct Initialised {
    /// What `init` said.
    pub init: Init,
    lines: Receiver<String>,
}

/// Why a node cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Standard input ended before `init`.
    #[error(
        "standard input ended before `init` came: a node is started by something that speaks Maelstrom's \
         node protocol, such as `threeworlds attack -- threeworlds node PROTOCOL`"
    )]
    NoInit,
    /// An `init` that cannot be followed.
    #[error("this is no `init`: {why}\n  line: {line}")]
    BadInit {
        /// What is wrong.
        why: String,
        /// The line.
        line: String,
    },
    /// The protocol broke the rules of its interface.
    #[error(transparent)]
    Step(#[from] StepError),
    /// Nobody could ask anything of it.
    #[error(transparent)]
    Task(#[from] UnknownToClients),
    /// Standard output cannot be written, for a reason other than that nobody reads it.
    #[error("standard output cannot be written: {0}")]
    Output(std::io::Error),
    /// The operating system gives no sockets or no timers.
    #[error("the network cannot be used: {0}")]
    Network(std::io::Error),
}

/// How many lines may wait to be handled before the node stops reading.
const LINES_WAITING_MAX: usize = 10_000;

/// Reads standard input up to `init`.
pub fn await_init() -> Result<Initialised, NodeError> {
    let (sender, lines) = sync_channel(LINES_WAITING_MAX);
    // The thread ends with standard input, or with the process.
    std::thread::spawn(move || {
        for line in BufReader::new(std::io::stdin()).lines() {
            if line.map_or(true, |line| sender.send(line).is_err()) {
                break;
            }
        }
    });
    for line in &lines {
        let bad = |why: String| NodeError::BadInit { why, line: line.clone() };
        let envelope: Envelope = match serde_json::from_str(&line) {
            Ok(envelope) => envelope,
            Err(error) => return Err(bad(error.to_string())),
        };
        if envelope.kind() != "init" {
            continue;
        }
        let init: Init =
            serde_json::from_value(envelope.body.clone()).map_err(|error| bad(error.to_string()))?;
        if !init.node_ids.contains(&init.node_id) {
            return Err(bad(format!("`node_ids` does not name this node, `{}`", init.node_id)));
        }
        if let Some(twice) = init
            .node_ids
            .iter()
            .enumerate()
            .find_map(|(place, id)| init.node_ids[..place].contains(id).then_some(id))
        {
            return Err(bad(format!("`node_ids` names `{twice}` twice")));
        }
        write(envelope.reply(json!({"type": "init_ok"})).into_iter())?;
        return Ok(Initialised { init, lines });
    }
    Err(NodeError::NoInit)
}

/// Runs the protocol until standard input ends, with rounds of this length.
pub fn serve<P>(
    protocol: P,
    system: System,
    task: Task,
    initialised: Initialised,
    round_milliseconds: u64,
) -> Result<Statistics, NodeError>
where
    P: Protocol<Message: Serialize + DeserializeOwned>,
{
    let Initialised { init, lines } = initialised;
    let clock = Clock::start();
    let options = Options { round_milliseconds: round_milliseconds.max(1), start: start_number() };
    let front = Front::new(task, &init.node_id)?;
    let mut node = Node::new(protocol, system, init, front, options)?;
    loop {
        // Everything that has arrived counts before a round ends, even where this process itself is late.
        let mut out = Vec::new();
        while let Ok(line) = lines.try_recv() {
            out.extend(receive(&mut node, &line, clock.now()));
        }
        out.extend(node.tick(clock.now())?);
        if !write(out.into_iter())? {
            return Ok(node.statistics());
        }
        let wait = node.next_tick().map_or(Duration::from_secs(1), |at| clock.until(at));
        match lines.recv_timeout(wait) {
            Ok(line) => {
                let answers = receive(&mut node, &line, clock.now());
                if !write(answers.into_iter())? {
                    return Ok(node.statistics());
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(node.statistics()),
        }
    }
}

fn receive<P>(node: &mut Node<P>, line: &str, now: u64) -> Vec<Envelope>
where
    P: Protocol<Message: Serialize + DeserializeOwned>,
{
    match serde_json::from_str::<Envelope>(line) {
        Ok(envelope) => node.receive(&envelope, now),
        Err(error) => {
            eprintln!("a line is not a message and is left out: {error}: {line}");
            Vec::new()
        }
    }
}

/// Writes messages, and whether anybody still reads them.
fn write(envelopes: impl Iterator<Item = Envelope>) -> Result<bool, NodeError> {
    let mut text = String::new();
    for envelope in envelopes {
        text.push_str(&envelope.line());
        text.push('\n');
    }
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(NodeError::Output(error)),
    }
}
