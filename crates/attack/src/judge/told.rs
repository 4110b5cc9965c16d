use std::collections::BTreeMap;

use serde_json::Value as Json;
use threeworlds_model::Process;

use crate::journal::{Journal, Outcome, What};
use crate::plan::KvRequest;

/// A request of a client, which may have taken several operations, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Who asked.
    pub client: Process,
    /// What.
    pub request: KvRequest,
    /// What it was told, as [`What::Answered`] has it; `null` is a read that found nothing. `None` if it was
    /// not answered; it may have been applied all the same.
    pub answer: Option<Json>,
    /// When it began to ask, in microseconds since the run started.
    pub from: u64,
    /// When it was answered or gave up, likewise.
    pub until: u64,
    /// Its operations: whom it asked, and how that ended. `None` is still open.
    pub operations: Vec<(Process, Option<Outcome>)>,
}

impl Told {
    /// What was asked, as in `write-once 1`.
    pub fn words(&self) -> String {
        match &self.request {
            KvRequest::Read { .. } => "read".to_owned(),
            KvRequest::Write { value, .. } => format!("write {}", short(value)),
            KvRequest::Cas { from, to, .. } => format!("cas {} to {}", short(from), short(to)),
            KvRequest::WriteOnce { value, .. } => format!("write-once {}", short(value)),
        }
    }

    /// What it was told, as in `is told 1`.
    pub fn outcome(&self) -> String {
        match (&self.answer, &self.request) {
            (None, _) => "is not answered".to_owned(),
            (Some(answer), KvRequest::Cas { .. }) if answer.get("error").is_some() => {
                "is told that the value is another".to_owned()
            }
            (Some(_), KvRequest::Write { .. } | KvRequest::Cas { .. }) => {
                "is told that it is done".to_owned()
            }
            (Some(Json::Null), _) => "is told that there is no value".to_owned(),
            (Some(value), _) => format!("is told {}", short(value)),
        }
    }

    /// The answer alone, as in `1`; `-` if there is none.
    pub fn short_answer(&self) -> String {
        match (&self.answer, &self.request) {
            (None, _) => "-".to_owned(),
            (Some(answer), _) if answer.get("error").is_some() => "another".to_owned(),
            (Some(_), KvRequest::Write { .. } | KvRequest::Cas { .. }) => "ok".to_owned(),
            (Some(Json::Null), _) => "nothing".to_owned(),
            (Some(value), _) => short(value),
        }
    }

    /// How long it took.
    pub fn seconds(&self) -> String {
        let seconds = self.until.saturating_sub(self.from) as f64 / 1e6;
        if seconds < 1.0 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") }
    }

    /// The servers that it asked, each once, in order.
    pub fn servers(&self) -> Vec<Process> {
        let mut servers = Vec::new();
        for (server, _) in &self.operations {
            if !servers.contains(server) {
                servers.push(*server);
            }
        }
        servers
    }

    /// A server that says that it knows no such request, if that is all that anybody said.
    pub(super) fn not_supported(&self) -> Option<Process> {
        let refused = |(server, outcome): &(Process, Option<Outcome>)| match outcome {
            Some(Outcome::Refused { code: NOT_SUPPORTED, .. }) => Some(*server),
            _ => None,
        };
        self.operations.iter().find_map(refused).filter(|_| {
            let answered =
                |(_, outcome): &(Process, Option<Outcome>)| matches!(outcome, Some(Outcome::Ok(_)));
            !self.operations.iter().any(answered)
        })
    }

    /// What the last server that said anything said, for somebody who was not answered.
    pub(super) fn last_words(&self) -> String {
        let refused = self.operations.iter().rev().find_map(|(server, outcome)| match outcome {
            Some(Outcome::Refused { code, text }) => Some((server, code, text)),
            _ => None,
        });
        match refused {
            Some((server, code, text)) => {
                let text: String = text.chars().filter(|letter| !letter.is_control()).take(60).collect();
                format!("; {server} said error {code} ({text})")
            }
            None => String::new(),
        }
    }
}

fn short(value: &Json) -> String {
    let text = match value {
        Json::String(text) => text.clone(),
        value => value.to_string(),
    };
    if text.chars().count() <= 24 { text } else { text.chars().take(21).chain("...".chars()).collect() }
}

/// Maelstrom's error for requests that a node does not know.
const NOT_SUPPORTED: i64 = 10;

/// What each client asked and was told, in the order of asking.
pub fn told(journal: &Journal) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let mut open: BTreeMap<Process, usize> = BTreeMap::new();
    let mut of_operation: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for event in &journal.events {
        match &event.what {
            What::Called { operation, client, server, request } => {
                let position = *open.entry(*client).or_insert_with(|| {
                    told.push(Told {
                        client: *client,
                        request: request.clone(),
                        answer: None,
                        from: event.at,
                        until: event.at,
                        operations: Vec::new(),
                    });
                    told.len() - 1
                });
                told[position].operations.push((*server, None));
                of_operation.insert(*operation, (position, told[position].operations.len() - 1));
            }
            What::Ended { operation, outcome } => {
                if let Some(&(position, number)) = of_operation.get(operation) {
                    told[position].operations[number].1 = Some(outcome.clone());
                }
            }
            What::Answered { client, request, answer } => {
                let position = open.remove(client).unwrap_or_else(|| {
                    told.push(Told {
                        client: *client,
                        request: request.clone(),
                        answer: None,
                        from: event.at,
                        until: event.at,
                        operations: Vec::new(),
                    });
                    told.len() - 1
                });
                let one = &mut told[position];
                one.request = request.clone();
                one.answer = answer.clone();
                one.until = event.at;
            }
            _ => {}
        }
    }
    told
}
