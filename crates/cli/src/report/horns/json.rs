use serde_json::{Value, json};
use threeworlds_attack::{Horn, InWorld, Stored, Survival};

use super::words;
use crate::attack::horns::{HornTable, Outcome, Row};
use crate::report::json::FORMAT;

/// The table as one document; the format is in `docs/formats/result.md`.
pub(crate) fn json(table: &HornTable) -> Value {
    let system = &table.question.system;
    let rules: Vec<String> = table.question.fault_model.rules.iter().map(|rule| rule.text(system)).collect();
    json!({
        "format": FORMAT,
        "command": "attack",
        "protocol": null,
        "question": {
            "servers": system.servers,
            "clients": system.clients,
            "fault_rules": rules,
        },
        "verdict": null,
        "safe": null,
        "live": null,
        "property": null,
        "horn": null,
        "theorem": table.theorem.name(),
        "systems": table.rows.iter().map(|row| one(table, row)).collect::<Vec<_>>(),
        "complete": table.is_known(),
        "explored": null,
        "worst_case_rounds": null,
        "worlds": null,
        "certificate": null,
        "seconds": rounded(table.seconds),
    })
}

fn one(table: &HornTable, row: &Row) -> Value {
    let mut document = json!({
        "name": row.subject.name(),
        "description": row.subject.description,
        "deadline_seconds": row.deadline,
        "again": words::again(table, row),
        "packages": row.subject.packages,
        "missing": [],
        "reason": null,
        "version": null,
        "up_seconds": null,
        "notes": [],
        "horn": null,
        "world": null,
        "explanation": null,
        "worlds": [],
        "gaps": [],
        "seconds": rounded(row.seconds),
    });
    match &row.outcome {
        Outcome::Missing(programs) => document["missing"] = json!(programs),
        Outcome::NotPlayed(why) => document["reason"] = json!(why),
        Outcome::Played(played) => {
            document["gaps"] = json!(words::gaps(played));
            let horn = &played.horns.horn;
            document["horn"] = json!(horn.name());
            match horn {
                Horn::Safety { world, why } | Horn::Liveness { world, why } => {
                    document["world"] = json!(world.name());
                    document["explanation"] = json!(why);
                }
                Horn::Unknown(why) => document["reason"] = json!(why),
                Horn::Neither => {}
            }
            if let Some(cluster) = &played.cluster {
                document["version"] = json!(cluster.version);
                document["notes"] = json!(cluster.notes);
                document["up_seconds"] = cluster.up_seconds.iter().copied().map(rounded).collect();
            }
            let runs = |one: &InWorld| {
                played.tried().find(|(world, _)| *world == one.world).map(|(_, tried)| tried.runs)
            };
            document["worlds"] = played.horns.worlds.iter().map(|one| in_world(one, runs(one))).collect();
        }
    }
    document
}

fn in_world(one: &InWorld, runs: Option<usize>) -> Value {
    let under = one.under.iter().map(|under| {
        json!({
            "client": under.client,
            "must_answer": under.must_answer,
            "wrote": under.wanted,
            "answered": under.answer.is_some(),
            "answer": under.answer,
            "acknowledged": under.acknowledged,
            "seconds": rounded(under.seconds),
        })
    });
    let servers = one.healed.servers.iter().map(|(server, stored)| match stored {
        Stored::Value(value) => json!({"server": server, "value": value, "reason": null}),
        Stored::Unknown(why) => json!({"server": server, "value": null, "reason": why}),
    });
    json!({
        "world": one.world.name(),
        "asked": under.collect::<Vec<_>>(),
        "after_healing": {
            "servers": servers.collect::<Vec<_>>(),
            "survival": match one.healed.survival {
                Survival::NotSeen => "not-seen",
                Survival::One(_) => "one",
                Survival::Split => "split",
            },
            "lost": one.healed.lost,
            "never_acknowledged": one.healed.never_acknowledged,
        },
        "wrong": one.wrong,
        "reason": one.doubt,
        "runs": runs,
    })
}

fn rounded(seconds: f64) -> Value {
    json!((seconds * 1000.0).round() / 1000.0)
}
