use serde_json::{Value, json};
use threeworlds_attack::{Event, Finding, Part, Plan, Told, Tried, Verdict, What};

use super::words;
use crate::attack::Attack;
use crate::report::json::FORMAT;

/// The result as one document; the format is in `docs/formats/result.md`.
pub(crate) fn json(attack: &Attack) -> Value {
    let report = &attack.report;
    let decisive = words::decisive(attack);
    let judged = |of: &dyn Fn(&Tried) -> &Finding| {
        let some_within = report.tried.iter().any(|tried| tried.derived.plan.within_budget);
        let counts = |tried: &&Tried| {
            tried.derived.plan.within_budget
                || !some_within
                || decisive.is_some_and(|decisive| std::ptr::eq(decisive, *tried))
        };
        let all = || report.tried.iter().filter(counts).map(of);
        if all().any(|finding| finding.violation().is_some()) {
            "fails"
        } else if all().any(|finding| matches!(finding, Finding::Unknown(_))) || report.tried.is_empty() {
            "unknown"
        } else {
            "survived"
        }
    };
    let system = &attack.question.system;
    let rules: Vec<String> = attack.question.fault_model.rules.iter().map(|rule| rule.text(system)).collect();
    json!({
        "format": FORMAT,
        "command": "attack",
        "protocol": attack.program,
        "question": {
            "servers": system.servers,
            "clients": system.clients,
            "fault_rules": rules,
            "workload": attack.workload,
            "deadline_seconds": attack.deadline,
        },
        "verdict": match report.verdict {
            Verdict::Survived => "survived",
            Verdict::Fails { .. } => "fails",
            Verdict::Unknown(_) => "unknown",
        },
        "reason": match &report.verdict {
            Verdict::Unknown(why) => Some(why),
            _ => None,
        },
        "safe": judged(&|tried| &tried.judged.safe),
        "live": judged(&|tried| &tried.judged.live),
        "property": words::violation(attack).map(|violation| violation.property),
        "horn": decisive.and_then(Tried::horn),
        "explanation": words::violation(attack).map(|violation| &violation.explanation),
        "theorem": attack.theorem.name(),
        "plan": decisive.map(|tried| plan(&tried.derived.plan)),
        "shrunk": attack.smaller.as_ref().map(|smaller| json!({
            "plan": plan(&smaller.shrunk.plan),
            "runs": smaller.shrunk.runs,
            "minimal": smaller.shrunk.minimal,
        })),
        "cluster": attack.cluster.as_ref().map(|cluster| json!({
            "version": cluster.version,
            "up_seconds": cluster.up_seconds,
            "operation_seconds": cluster.times.operation.as_secs_f64(),
            "settle_seconds": cluster.times.settle.as_secs_f64(),
            "dwell_seconds": cluster.times.dwell.as_secs_f64(),
            "heal_seconds": cluster.times.heal.as_secs_f64(),
            "notes": cluster.notes,
        })),
        "long_run": long_run(attack),
        "tried": report.tried.iter().map(one).collect::<Vec<_>>(),
        "not_tried": report.not_tried,
        "explored": {
            "plans": report.tried.len(),
            "runs": report.tried.iter().map(|tried| tried.runs).sum::<usize>(),
            "left": report.not_tried.len(),
        },
        "worst_case_rounds": null,
        "worlds": null,
        "certificate": null,
        "seconds": (attack.seconds * 1000.0).round() / 1000.0,
    })
}

fn plan(plan: &Plan) -> Value {
    serde_json::from_str(&plan.text()).unwrap_or_default()
}

fn one(tried: &Tried) -> Value {
    let finding = |finding: &Finding| match finding {
        Finding::Kept => json!({"outcome": "survived"}),
        Finding::Violated(violation) => json!({
            "outcome": "fails",
            "property": violation.property,
            "explanation": violation.explanation,
        }),
        Finding::Unknown(why) => json!({"outcome": "unknown", "reason": why}),
    };
    let told = |told: &Told| {
        json!({
            "client": told.client,
            "servers": told.servers(),
            "request": told.request,
            "answer": told.answer,
            "answered": told.answer.is_some(),
            "from_seconds": told.from as f64 / 1e6,
            "until_seconds": told.until as f64 / 1e6,
        })
    };
    json!({
        "name": tried.derived.plan.name,
        "world": match tried.derived.part {
            Part::World { world, .. } => Some(world.name()),
            _ => None,
        },
        "faulty": tried.derived.plan.faulty,
        "within_budget": tried.derived.plan.within_budget,
        "safe": finding(&tried.judged.safe),
        "live": finding(&tried.judged.live),
        "runs": tried.runs,
        "nodes": tried.played.roles.iter().map(|node| format!("n{}", node.number())).collect::<Vec<_>>(),
        "told": tried.judged.told.iter().map(told).collect::<Vec<_>>(),
        "stored": tried.played.journal.events.iter().filter_map(stored).collect::<Vec<_>>(),
        "notes": tried.judged.notes,
    })
}

#[cfg(target_os = "linux")]
fn long_run(attack: &Attack) -> Option<Value> {
    attack.long_run.as_ref().map(|counts| {
        json!({
            "done": counts.done,
            "refused": counts.refused,
            "unknown": counts.unknown,
            "keys": counts.keys,
            "keys_undecided": counts.undecided,
            "cuts": counts.cuts,
            "longest_silence_seconds": {
                "cut": counts.longest_silence[0],
                "healed": counts.longest_silence[1],
            },
        })
    })
}

#[cfg(not(target_os = "linux"))]
fn long_run(_: &Attack) -> Option<Value> {
    None
}

fn stored(event: &Event) -> Option<Value> {
    match &event.what {
        What::Stored { server, key, outcome } => {
            Some(json!({"server": server, "key": key, "outcome": outcome}))
        }
        _ => None,
    }
}
