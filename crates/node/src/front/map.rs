use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use threeworlds_model::{Request, Response, Value};

use super::command::{Command, another_value, cas_ok, read_ok, write_ok};
use super::{Service, has_room};
use crate::wire::{CRASH, Envelope, Refusal};

/// A key-value map on a replicated log. An entry holds the commands that waited when it was appended, and
/// the answer to a command is what the map says that all entries up to it give. A command is in the log
/// once, for a client library asks for one append at a time and never twice for the same.
#[derive(Debug)]
pub(super) struct MapOnLog {
    node_id: String,
    /// How many entries this node has appended.
    appended: u64,
    waiting: VecDeque<(Envelope, Command)>,
    outstanding: Option<(u64, Vec<Envelope>)>,
    /// The log as this node was told it last, and the map that it gives.
    log: Vec<Value>,
    map: BTreeMap<String, Json>,
}

/// What an entry of the log says: the commands of a node that came together.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    node: String,
    number: u64,
    commands: Vec<Command>,
}

/// The most commands of one entry.
const COMMANDS_MAX: usize = 1_000;

impl MapOnLog {
    pub(super) fn new(node_id: &str) -> MapOnLog {
        MapOnLog {
            node_id: node_id.to_owned(),
            appended: 0,
            waiting: VecDeque::new(),
            outstanding: None,
            log: Vec::new(),
            map: BTreeMap::new(),
        }
    }

    /// Brings the map to the end of the log, and what the commands of this node's entry with this number
    /// gave on the way.
    fn outputs(&mut self, log: &[Value], number: u64) -> Result<Vec<Result<Json, Refusal>>, Refusal> {
        // Responses of a correct protocol extend each other. What is told otherwise is shown as it is told.
        if !log.starts_with(&self.log) {
            self.log.clear();
            self.map.clear();
        }
        let mut outputs = None;
        for value in &log[self.log.len()..] {
            let entry: Entry = serde_json::from_str(value.as_str()).map_err(|error| {
                Refusal::new(CRASH, format!("an entry of the log is not a node's: {error}"))
            })?;
            let given: Vec<_> = entry.commands.iter().map(|command| apply(&mut self.map, command)).collect();
            if entry.node == self.node_id && entry.number == number {
                outputs = Some(given);
            }
            self.log.push(value.clone());
        }
        outputs.ok_or_else(|| Refusal::new(CRASH, "the log that answers this command does not contain it"))
    }
}

impl Service for MapOnLog {
    fn asked(&mut self, envelope: &Envelope) -> Result<(), Refusal> {
        let command = Command::of(envelope)?;
        has_room(self.waiting.len())?;
        self.waiting.push_back((envelope.clone(), command));
        Ok(())
    }

    fn next_request(&mut self) -> Option<Request> {
        if self.outstanding.is_some() || self.waiting.is_empty() {
            return None;
        }
        let together = self.waiting.len().min(COMMANDS_MAX);
        let (envelopes, commands) = self.waiting.drain(..together).unzip();
        self.appended += 1;
        self.outstanding = Some((self.appended, envelopes));
        let entry = Entry { node: self.node_id.clone(), number: self.appended, commands };
        let text = serde_json::to_string(&entry).expect("an entry is JSON");
        Some(Request::Append { value: Value::new(text) })
    }

    fn answered(&mut self, response: &Response) -> Vec<Envelope> {
        let Some((number, envelopes)) = self.outstanding.take() else { return Vec::new() };
        let outputs = match response {
            Response::Log(log) => self.outputs(log, number),
            _ => Err(Refusal::new(CRASH, format!("the protocol answered `{response}`, which is no log"))),
        };
        match outputs {
            Ok(outputs) => envelopes
                .iter()
                .zip(outputs)
                .filter_map(|(envelope, output)| envelope.answer(output))
                .collect(),
            Err(refusal) => envelopes.iter().filter_map(|envelope| envelope.refuse(&refusal)).collect(),
        }
    }
}

fn apply(map: &mut BTreeMap<String, Json>, command: &Command) -> Result<Json, Refusal> {
    match command {
        Command::Read { key } => map.get(&key.to_string()).map(read_ok).ok_or_else(|| command.missing()),
        Command::Write { key, value } => {
            map.insert(key.to_string(), value.clone());
            Ok(write_ok())
        }
        Command::Cas { key, from, to, create_if_not_exists } => {
            match map.get(&key.to_string()) {
                None if !create_if_not_exists => return Err(command.missing()),
                Some(value) if value != from => return Err(another_value(key, value, from)),
                _ => map.insert(key.to_string(), to.clone()),
            };
            Ok(cas_ok())
        }
    }
}
