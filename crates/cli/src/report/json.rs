use serde_json::{Value, json};
use threeworlds_engine::{Fall, Report, Stop, StopReason, Symmetric};

use super::words::horn;

/// The version of the documents that this program writes and reads.
pub(crate) const FORMAT: &str = "threeworlds/result/1";

/// A document as text, the keys that say most first.
pub(crate) fn text(document: &Value) -> String {
    const KEYS: [&str; 45] = [
        "format",
        "command",
        "protocol",
        "summary",
        "task",
        "tolerates",
        "falls_to",
        "source",
        "question",
        "verdict",
        "place",
        "reason",
        "safe",
        "live",
        "property",
        "horn",
        "explanation",
        "theorem",
        "plan",
        "shrunk",
        "cluster",
        "long_run",
        "tried",
        "not_tried",
        "systems",
        "explored",
        "checked",
        "not_checked",
        "known",
        "worst_case_rounds",
        "least_rounds",
        "by_rounds",
        "three_worlds",
        "worlds",
        "certificate",
        "executions",
        "complete",
        "counts",
        "cells",
        "checks",
        "protocols",
        "history",
        "blame",
        "nearest",
        "seconds",
    ];
    let entries = KEYS.iter().filter_map(|&key| Some((key, document.get(key)?)));
    threeworlds_model::pretty_object(&entries.collect::<Vec<_>>())
}

/// The word for a limit in results.
pub(crate) fn reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Rounds => "rounds",
        StopReason::Memory => "memory",
        StopReason::Time => "time",
        StopReason::Interrupted => "interrupted",
        StopReason::Linearizations => "linearizations",
        StopReason::FaultySets => "faulty-sets",
    }
}

/// The result of a check as one document; the format is in `docs/formats/result.md`.
pub(crate) fn document(report: &Report, seconds: f64) -> Value {
    let coverage = &report.coverage;
    let reason = match coverage.stop {
        Stop::Closed => coverage.judging_cut,
        Stop::Cut(reason) => Some(reason),
    };
    let stopped_by = reason.map(self::reason);
    let three_worlds = match &report.three_worlds {
        Ok(three) => json!({
            "groups": three.groups,
            "clients": three.clients,
            "indistinguishable": three
                .indistinguishable
                .iter()
                .map(|(process, worlds)| json!({"process": process, "worlds": worlds}))
                .collect::<Vec<_>>(),
            "horn": match three.fall {
                Fall::Horn(property) => Some(horn(property)),
                Fall::Undecided => None,
            },
            "not_admitted": null,
        }),
        Err(why) => json!({
            "groups": null, "clients": null, "indistinguishable": null, "horn": null, "not_admitted": why,
        }),
    };
    let mut document = json!({
        "format": FORMAT,
        "command": "check",
        "question": report.question,
        "verdict": report.verdict().name(),
        "safe": report.safe.name(),
        "live": report.live.name(),
        "property": report.property,
        "horn": report.property.map(horn),
        "explored": {
            "states": coverage.states,
            "local_states": coverage.local_states,
            "transitions": coverage.transitions,
            "rounds": coverage.rounds,
            "closed": coverage.stop == Stop::Closed,
            "stopped_by": stopped_by,
        },
        "worst_case_rounds": (!report.worst_case_rounds.is_empty()).then_some(&report.worst_case_rounds),
        "three_worlds": three_worlds,
        "worlds": report.evidence(),
        "certificate": null,
        "protocol": report.protocol,
        "seconds": (seconds * 1000.0).round() / 1000.0,
    });
    if let Some(runs) = coverage.runs {
        document["explored"]["runs"] = json!(runs);
    }
    match coverage.symmetry {
        Symmetric::None => {}
        Symmetric::Off(why) => document["explored"]["symmetry"] = json!({"used": false, "why_not": why}),
        Symmetric::Used { names, renamings, faulty_sets: (explored, all) } => {
            document["explored"]["symmetry"] = json!({
                "used": true, "names": names.name(), "renamings": renamings, "faulty_sets": explored, "of_faulty_sets": all,
            });
        }
    }
    document
}
