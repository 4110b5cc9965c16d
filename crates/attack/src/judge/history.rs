use std::collections::BTreeMap;

use threeworlds_history::{
    Answer, Call, History, HistoryBuilder, Limits, Model, Object, Outcome as Became, Verdict, check,
};
use threeworlds_model::Property;

use super::told::Told;
use super::{Finding, Violation};
use crate::journal::{Journal, Outcome, What};
use crate::plan::{KvRequest, Workload};

/// The most configurations that are looked at before a history counts as undecided. Runs are short.
const MOST_STEPS: u64 = 20_000_000;

/// What clients did to the object, operation by operation, and what it is judged against. The second part
/// says for each operation of the history which operation of the journal it is.
pub fn history(workload: Workload, journal: &Journal) -> (Model, History, Vec<usize>) {
    let mut builder = HistoryBuilder::new();
    let mut handles: BTreeMap<usize, (usize, KvRequest)> = BTreeMap::new();
    let mut numbers = Vec::new();
    for event in &journal.events {
        let nanoseconds = i64::try_from(event.at.saturating_mul(1_000)).ok();
        match &event.what {
            What::Called { operation, client, request, .. } => {
                let call = match request {
                    KvRequest::Read { .. } => Call::Read,
                    KvRequest::Write { value, .. } | KvRequest::WriteOnce { value, .. } => {
                        Call::Write(value.clone())
                    }
                    KvRequest::Cas { from, to, .. } => {
                        Call::CompareAndSet { from: from.clone(), to: to.clone() }
                    }
                };
                let handle = builder.invoke(&client.to_string(), Some(request.key()), call, nanoseconds);
                handles.insert(*operation, (handle, request.clone()));
                numbers.push(*operation);
            }
            What::Ended { operation, outcome } => {
                if let Some((handle, request)) = handles.get(operation) {
                    builder.complete(*handle, became(request, outcome), nanoseconds);
                }
            }
            _ => {}
        }
    }
    let object = match workload {
        Workload::WriteOnceKv | Workload::LinKv => Object::KeyValue,
        Workload::WriteOnce => Object::WriteOnceRegister,
    };
    (Model::new(object), builder.finish(), numbers)
}

fn became(request: &KvRequest, outcome: &Outcome) -> Became<serde_json::Value, Vec<serde_json::Value>> {
    match (request, outcome) {
        (KvRequest::Read { .. } | KvRequest::WriteOnce { .. }, Outcome::Ok(Some(value))) => {
            Became::Ok(if value.is_null() { Answer::Nothing } else { Answer::Value(value.clone()) })
        }
        (KvRequest::Read { .. }, Outcome::Ok(None)) => Became::Ok(Answer::Nothing),
        (KvRequest::Cas { .. }, Outcome::Ok(_)) => Became::Ok(Answer::Yes),
        (_, Outcome::Ok(_)) => Became::Ok(Answer::Done),
        (_, Outcome::Refused { .. }) => Became::Refused,
        (_, Outcome::Unknown { .. }) => Became::Pending,
    }
}

/// Whether what clients were told is that of one sequential object.
pub(super) fn linearizable(workload: Workload, journal: &Journal, told: &[Told]) -> Finding {
    let (model, history, numbers) = history(workload, journal);
    let limits = Limits { steps: Some(MOST_STEPS), ..Limits::default() };
    let verdict = match check(&history, &model, limits) {
        Ok(verdict) => verdict,
        Err(error) => return Finding::Unknown(format!("the history cannot be judged: {error}")),
    };
    match verdict {
        Verdict::Legal => Finding::Kept,
        Verdict::Unknown(_) => {
            Finding::Unknown("the history has too many requests at the same time to be judged".to_owned())
        }
        Verdict::Illegal(blame) => {
            let of_request = requests_of(journal);
            let mut requests: Vec<usize> = blame
                .operations
                .iter()
                .filter_map(|&operation| of_request.get(&numbers[operation]).copied())
                .collect();
            requests.sort_unstable();
            requests.dedup();
            let says = |&position: &usize| {
                let one = &told[position];
                format!("{} asks {} and {}", one.client, one.words(), one.outcome())
            };
            let sentence: Vec<String> = requests.iter().map(says).collect();
            Finding::Violated(Violation {
                property: Property::Linearizability,
                explanation: format!(
                    "{}: no order of these explains what they were told",
                    sentence.join(", then ")
                ),
                requests,
            })
        }
    }
}

/// For each operation of the journal the position of its request in what was told.
fn requests_of(journal: &Journal) -> BTreeMap<usize, usize> {
    let mut open = BTreeMap::new();
    let mut requests = 0;
    let mut of = BTreeMap::new();
    for event in &journal.events {
        match &event.what {
            What::Called { operation, client, .. } => {
                let position = *open.entry(*client).or_insert_with(|| {
                    requests += 1;
                    requests - 1
                });
                of.insert(*operation, position);
            }
            What::Answered { client, .. } => {
                if open.remove(client).is_none() {
                    requests += 1;
                }
            }
            _ => {}
        }
    }
    of
}
