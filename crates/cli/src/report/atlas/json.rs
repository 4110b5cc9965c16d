use serde_json::{Value, json};
use threeworlds_engine::{Basis, Cell, Range, Searched, Verdict, Verified};

use super::{Evidence, Made, because, evidence, origin, verified};
use crate::atlas::Entry;
use crate::report::json::{FORMAT, reason};

/// The map as one document; the format is in `docs/formats/result.md`.
pub(crate) fn document(made: &Made<'_>) -> Value {
    let Range { servers, clients, task } = made.atlas.range;
    let count = |verdict| made.atlas.count(verdict);
    json!({
        "format": FORMAT,
        "command": "atlas",
        "protocol": null,
        "question": {"servers": servers, "clients": clients, "task": task},
        "verdict": null,
        "safe": null,
        "live": null,
        "property": null,
        "horn": null,
        "explored": null,
        "worst_case_rounds": null,
        "worlds": null,
        "certificate": null,
        "complete": !made.over,
        "counts": {
            "possible": count(Verdict::Possible),
            "impossible": count(Verdict::Impossible),
            "unknown": count(Verdict::Unknown),
        },
        "cells": made.atlas.entries.iter().map(|entry| cell(made, entry)).collect::<Vec<_>>(),
        "seconds": (made.seconds * 1000.0).round() / 1000.0,
    })
}

fn cell(made: &Made<'_>, entry: &Entry) -> Value {
    let mut value = question(&entry.cell);
    let origin = origin(made.atlas, entry);
    value["verdict"] = json!(entry.verdict.name());
    value["basis"] = json!(basis(entry));
    value["from"] = json!(origin.map(|(from, _)| question(from)));
    value["because"] = json!(origin.map(|(from, how)| because(entry.verdict, &entry.cell, from, how)));
    value["verified"] = json!(verified(made.atlas, entry));
    for key in ["protocol", "checked", "certificate", "explored"] {
        value[key] = Value::Null;
    }
    value["known"] = json!((made.notes)(&entry.cell).filter(|_| is_unknown(entry)));
    match evidence(made.atlas, entry) {
        // Once, with the cell that it was made for.
        Evidence::Proof(certificate) if origin.is_none() => value["certificate"] = certificate.json(),
        Evidence::Proof(_) => {}
        Evidence::Protocol(protocol, verified) => {
            value["protocol"] = json!(protocol.name());
            value["checked"] = match verified {
                Verified::Exactly(checked) if origin.is_none() => {
                    let mut checked = checked.json();
                    checked["exactly"] = json!(true);
                    checked
                }
                Verified::Smaller(at) => {
                    let mut smaller = question(&made.atlas.entries[*at].cell);
                    smaller["exactly"] = json!(false);
                    smaller
                }
                _ => Value::Null,
            };
        }
        Evidence::Nothing(searched) => {
            value["explored"] = json!(searched.map(|Searched { groups, epochs, worlds, stopped }| json!({
                "groups": groups,
                "epochs": epochs,
                "worlds": worlds,
                "stopped_by": stopped.map(reason),
            })));
        }
    }
    value
}

fn question(cell: &Cell) -> Value {
    let Cell { timing, servers, faults, server_faults, client_faults } = cell;
    json!({
        "timing": timing,
        "servers": servers,
        "faults": faults,
        "server_faults": server_faults,
        "client_faults": client_faults,
    })
}

/// What the verdict rests on, in a word.
pub(crate) fn basis(entry: &Entry) -> &'static str {
    match entry.basis {
        Basis::Proof(_) => "proof",
        Basis::Protocol { .. } => "protocol",
        Basis::From { .. } => "propagated",
        Basis::Nothing(_) => "none",
    }
}

pub(crate) fn is_unknown(entry: &Entry) -> bool {
    entry.verdict == Verdict::Unknown
}
