use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fault::Capability;
use crate::process::Process;
use crate::question::{Question, Timing};
use crate::request::{Request, Response};
use crate::task::Property;
use crate::text::pretty_object;

/// What happened in one run, also called a world: the faulty set, the requests with their rounds, and for
/// every round the messages sent, which of them were removed, and the responses. It is data: whether it is
/// admissible and what the protocol does is for [`crate::verify`] to say.
///
/// As JSON it is the format `threeworlds/execution/1`, described in `docs/formats/execution.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    format: Format,
    /// What to call it: `A`, `B` or `C`, or what it shows.
    pub name: String,
    /// The protocol that ran, as it was given on the command line.
    pub protocol: String,
    /// The question in which it is admissible.
    pub question: Question,
    /// The faulty processes, each with what the adversary does to it.
    pub faulty: BTreeMap<Process, Fault>,
    /// Under partial synchrony, the first round in which only faults lose messages; `None` if it comes
    /// after the last round, and in lock-step.
    pub gst: Option<u32>,
    /// The rounds, the first of which is round 1.
    pub rounds: Vec<Round>,
    /// Where a lasso closes: the rounds from this one to the last repeat for ever.
    pub loop_from_round: Option<u32>,
    /// The property that this execution violates.
    pub claim: Option<Claim>,
}

/// What the adversary does to a faulty process: [`Capability`] by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault(pub Capability);

/// A violated property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Which one.
    pub property: Property,
    /// How, in a sentence for people.
    pub explanation: String,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// The requests that the environment issues at its start, sorted by client.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<Process, Request>,
    /// The messages that are sent in it, sorted by sender, each sender's in its sending order.
    #[serde(default)]
    pub messages: Vec<SentMessage>,
    /// The processes that stop in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crashes: Vec<Process>,
    /// The responses that clients give at its end.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub responses: BTreeMap<Process, Response>,
}

/// A message that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentMessage {
    /// The sender.
    pub from: Process,
    /// The process it was sent to.
    pub to: Process,
    /// What it says.
    pub message: serde_json::Value,
    /// Who is charged if it was removed; `None` if it arrived (at a process that has stopped it arrives
    /// too, and nobody reads it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Charge>,
}

/// Who is charged with a removed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Charge {
    /// A faulty process, its sender or its receiver.
    Process(Process),
    /// The timing: the round is before GST.
    Timing,
}

/// What a process has seen: its requests and everything that it received, round by round.
///
/// A deterministic process that has the same view in two executions is in the same state and has given the
/// same responses in both.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Whose view it is.
    pub process: Process,
    /// One entry for each round in which it took a step.
    pub rounds: Vec<ViewRound>,
}

/// What a process saw in one round.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ViewRound {
    /// The request that was issued to it.
    pub request: Option<Request>,
    /// What it received, sorted by sender.
    pub received: Vec<(Process, serde_json::Value)>,
}

impl Execution {
    /// An execution of no rounds and without faults.
    pub fn new(name: impl Into<String>, protocol: impl Into<String>, question: Question) -> Self {
        Execution {
            format: Format,
            name: name.into(),
            protocol: protocol.into(),
            question,
            faulty: BTreeMap::new(),
            gst: None,
            rounds: Vec::new(),
            loop_from_round: None,
            claim: None,
        }
    }

    /// Reads an execution from its JSON text.
    pub fn parse(text: &str) -> Result<Execution, FormatError> {
        let execution: Execution =
            serde_json::from_str(text).map_err(|error| FormatError(error.to_string()))?;
        let system = &execution.question.system;
        let unknown = |process: &&Process| !system.contains(**process);
        let error = |message: String| Err(FormatError(message));
        if let Some(process) = execution.faulty.keys().find(unknown) {
            return error(format!("`faulty` names {process}, which the question's system does not have"));
        }
        let last = execution.rounds.len();
        if let Some(first) = execution.loop_from_round
            && !(1..=last).contains(&usize::try_from(first).unwrap_or(usize::MAX))
        {
            return error(format!("`loop_from_round` is {first}, but the rounds are 1 to {last}"));
        }
        if execution.gst == Some(0) {
            return error("`gst` is 0, but the first round is 1".to_owned());
        }
        if execution.gst.is_some() && execution.question.timing == Timing::LockStep {
            return error("`gst` is given, but the timing is lock-step: it has to be null".to_owned());
        }
        for (number, round) in (1..).zip(&execution.rounds) {
            let ends = round.messages.iter().flat_map(|message| [&message.from, &message.to]);
            let clients = round.requests.keys().chain(round.responses.keys());
            let charged = round.messages.iter().filter_map(|message| match &message.removed {
                Some(Charge::Process(process)) => Some(process),
                _ => None,
            });
            let mut all = ends.chain(clients).chain(charged).chain(&round.crashes);
            if let Some(process) = all.find(unknown) {
                return error(format!(
                    "round {number} names {process}, which the question's system does not have"
                ));
            }
            let mut clients = round.requests.keys().chain(round.responses.keys());
            if let Some(server) = clients.find(|process| !process.is_client()) {
                return error(format!(
                    "round {number}: {server} is a server, and only clients have requests"
                ));
            }
        }
        Ok(execution)
    }

    /// The execution as JSON text; whatever fits on a line, such as a message, is on one.
    pub fn text(&self) -> String {
        let value = serde_json::to_value(self).expect("an execution has no keys that JSON lacks");
        // What an execution is about comes before the long list of what happened.
        const KEYS: [&str; 9] =
            ["format", "name", "protocol", "question", "faulty", "gst", "loop_from_round", "claim", "rounds"];
        pretty_object(&KEYS.map(|key| (key, &value[key])))
    }

    /// The round in which the process stops, from 1.
    pub fn crash_round(&self, process: Process) -> Option<usize> {
        self.rounds.iter().position(|round| round.crashes.contains(&process)).map(|index| index + 1)
    }

    /// The messages that were removed, over all rounds.
    pub fn removed(&self) -> usize {
        self.rounds.iter().flat_map(|round| &round.messages).filter(|m| m.removed.is_some()).count()
    }

    /// The view of a process at the end of the last round, or at the end of the round before it stopped.
    pub fn view(&self, process: Process) -> View {
        let steps = self.crash_round(process).map_or(self.rounds.len(), |round| round - 1);
        let seen = |round: &Round| {
            let arrived = round.messages.iter().filter(|m| m.to == process && m.removed.is_none());
            let mut received: Vec<_> = arrived.map(|m| (m.from, m.message.clone())).collect();
            received.sort_by_key(|&(from, _)| from);
            ViewRound { request: round.requests.get(&process).cloned(), received }
        };
        View { process, rounds: self.rounds[..steps].iter().map(seen).collect() }
    }

    /// What the client was told last, and in which round.
    pub fn last_response(&self, client: Process) -> Option<(usize, &Response)> {
        let numbered = (1..).zip(&self.rounds);
        numbered.filter_map(|(number, round)| Some((number, round.responses.get(&client)?))).last()
    }
}

impl View {
    /// The first round, from 1, in which the two views differ; `None` if one is a beginning of the other.
    pub fn differs_from(&self, other: &View) -> Option<usize> {
        self.rounds.iter().zip(&other.rounds).position(|(one, two)| one != two).map(|index| index + 1)
    }
}

/// A file that is not an execution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FormatError(pub String);

/// The version that this program reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Format;

impl Format {
    const NAME: &'static str = "threeworlds/execution/1";
}

impl Serialize for Format {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Format::NAME)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == Format::NAME {
            return Ok(Format);
        }
        let message = format!("the format is `{name}`, but this program reads `{}`", Format::NAME);
        Err(serde::de::Error::custom(message))
    }
}

impl Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let all = [Capability::Crash, Capability::OmitSends, Capability::OmitReceives, Capability::OmitBoth];
        let found = all.into_iter().find(|capability| capability.name() == name);
        found.map(Fault).ok_or_else(|| {
            let names = all.map(Capability::name).join(", ");
            serde::de::Error::custom(format!(
                "`{name}` is not what can happen to a faulty process: use {names}"
            ))
        })
    }
}

impl fmt::Display for Charge {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Charge::Process(process) => write!(out, "{process}"),
            Charge::Timing => out.write_str("timing"),
        }
    }
}

impl Serialize for Charge {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Charge {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "timing" => Ok(Charge::Timing),
            name => name.parse().map(Charge::Process).map_err(|_| {
                serde::de::Error::custom(format!("`{name}` cannot be charged: name a process, or `timing`"))
            }),
        }
    }
}
