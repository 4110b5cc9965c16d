//! Agreement, Validity and Correctness of what clients of a write-once register were told, by definition
//! (`model`). What a key held before the network lost anything stands for bottom.

use serde_json::Value as Json;
use threeworlds_model::Property;

use super::Violation;
use super::told::Told;
use crate::derive::INITIAL;
use crate::plan::{KvRequest, Workload};

/// The first violation, in the order of the properties.
pub(super) fn violation(workload: Workload, told: &[Told]) -> Option<Violation> {
    let register = Register { workload, told };
    register.agreement().or_else(|| register.validity()).or_else(|| register.correctness())
}

struct Register<'a> {
    workload: Workload,
    told: &'a [Told],
}

impl Register<'_> {
    /// The requests of the register: all but the write that makes the key.
    fn requests(&self) -> impl Iterator<Item = (usize, &Told)> {
        let asks = |told: &Told| matches!(told.request, KvRequest::Read { .. } | KvRequest::WriteOnce { .. });
        self.told.iter().enumerate().filter(move |(_, told)| asks(told))
    }

    /// What a client was told, if it was told anything; the inner `None` is bottom.
    fn response<'a>(&self, told: &'a Told) -> Option<Option<&'a Json>> {
        let answer = told.answer.as_ref()?;
        let initial = self.workload == Workload::WriteOnceKv && *answer == Json::from(INITIAL);
        Some((!answer.is_null() && !initial).then_some(answer))
    }

    fn agreement(&self) -> Option<Violation> {
        let told = |(position, one)| Some((position, one, self.response(one)??));
        let values: Vec<(usize, &Told, &Json)> = self.requests().filter_map(told).collect();
        // Two writes if there are such: they show best that both were let through.
        let writes = |one: &Told| matches!(one.request, KvRequest::WriteOnce { .. });
        let mut pairs: Vec<_> = Vec::new();
        for (number, &(position, one, value)) in values.iter().enumerate() {
            let differs = |other: &&(usize, &Told, &Json)| {
                other.1.request.key() == one.request.key() && *other.2 != *value
            };
            for &(place, other, _) in values[number + 1..].iter().filter(differs) {
                pairs.push((position, place, !(writes(one) && writes(other)), other.until.max(one.until)));
            }
        }
        let &(position, place, _, _) = pairs.iter().min_by_key(|&&(_, _, reads, until)| (reads, until))?;
        let (one, other) = (&self.told[position], &self.told[place]);
        Some(Violation {
            property: Property::Agreement,
            explanation: if one.client == other.client {
                format!("{} {}, and later {}", one.client, says(one), says(other))
            } else {
                format!("{} {}, but {} {}", one.client, says(one), other.client, says(other))
            },
            requests: vec![position, place],
        })
    }

    fn validity(&self) -> Option<Violation> {
        self.requests().find_map(|(position, one)| {
            let value = self.response(one)??;
            let proposed = |other: &Told| match &other.request {
                KvRequest::WriteOnce { key, value: proposal } => {
                    key == one.request.key() && proposal == value && other.from <= one.until
                }
                _ => false,
            };
            (!self.told.iter().any(proposed)).then(|| Violation {
                property: Property::Validity,
                explanation: format!("{} {}, which nobody had asked to write", one.client, says(one)),
                requests: vec![position],
            })
        })
    }

    fn correctness(&self) -> Option<Violation> {
        let is_write = |told: &Told| matches!(told.request, KvRequest::WriteOnce { .. });
        self.requests().find_map(|(position, one)| {
            if self.response(one)?.is_some() {
                return None;
            }
            if is_write(one) {
                return Some(Violation {
                    property: Property::Correctness,
                    explanation: format!("{} {}, although it wrote", one.client, says(one)),
                    requests: vec![position],
                });
            }
            let answered_before = |(_, other): &(usize, &Told)| {
                is_write(other)
                    && other.request.key() == one.request.key()
                    && other.answer.is_some()
                    && other.until < one.from
            };
            let (place, other) = self.requests().find(answered_before)?;
            Some(Violation {
                property: Property::Correctness,
                explanation: format!(
                    "{} {}, and {}, which asks after that, {}",
                    other.client,
                    says(other),
                    one.client,
                    says(one)
                ),
                requests: vec![place, position],
            })
        })
    }
}

/// As in `asks write-once 1 and is told 1`.
fn says(told: &Told) -> String {
    format!("asks {} and {}", told.words(), told.outcome())
}
