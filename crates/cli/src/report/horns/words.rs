//! What the terminal and the page say alike.

use serde_json::Value;
use threeworlds_attack::{Horn, InWorld, Survival, Under, World};

use crate::attack::horns::{HornTable, Outcome, PlayedWorlds, Row};
use crate::attack::theorem::Word;

/// The question in a line.
pub(super) fn question(table: &HornTable) -> String {
    let system = &table.question.system;
    let rules: Vec<String> = table.question.fault_model.rules.iter().map(|rule| rule.text(system)).collect();
    format!("{} servers, {} clients; {}", system.servers, system.clients, rules.join("; "))
}

/// What the worlds are.
pub(super) fn worlds(table: &HornTable) -> String {
    let theorem = match table.theorem {
        Word::Impossible => {
            " No program can be safe and live here, so each system has to take a horn: it loses safety, or it leaves \
             a client waiting that need not be faulty."
        }
        Word::Possible(_) => {
            " A protocol can be safe and live here, so a horn that a system takes is its own."
        }
        Word::Unknown => "",
    };
    let worlds = match table.question.system.servers {
        2 => {
            "A: c1 and s1 are cut off from c2 and s2, and c1 writes C1. B: the same cut, and c2 writes C2. C: the same \
             cut, and both write."
        }
        _ if matches!(table.theorem, Word::Impossible) => {
            "The servers are cut into two halves, c1 with the first and c2 with the second. A: c1 writes C1. B: c2 \
             writes C2. C: both write."
        }
        _ => {
            "A: s2 and c2 are cut off, and c1 writes C1. B: s1 (which leads, if one does) and c1 are cut off, and c2 \
             writes C2. C: c1 with s1 alone, c2 with all others, and both write."
        }
    };
    format!("{worlds}{theorem}")
}

/// What the cells say.
pub(super) const LEGEND: &str = "Seconds until the client was told, in C with what it was told; - is nobody's answer \
    before the deadline, [-] one that nobody owes, for that client may be the faulty one. After healing, in C: what \
    all servers have, or that they are split; lost: a client was told that it is there, and it is shown nowhere; unacked: none was.";

/// A value as in the proof: what `c1` wants to write is `C1`.
pub(super) fn value(world: &InWorld, value: &Value) -> String {
    let writer = world.under.iter().find(|under| under.wanted.as_ref() == Some(value));
    match (writer, value) {
        (Some(writer), _) => format!("C{}", writer.client.number()),
        (None, Value::Null) => "none".to_owned(),
        // What is told of a comparison that failed is no value.
        (None, Value::Object(_)) => "another".to_owned(),
        (None, Value::String(text)) => text.chars().take(8).collect(),
        (None, value) => value.to_string().chars().take(8).collect(),
    }
}

/// Seconds, in few letters.
fn seconds(seconds: f64) -> String {
    match seconds {
        ..0.095 => format!("{seconds:.2}"),
        ..9.95 => format!("{seconds:.1}"),
        _ => format!("{seconds:.0}"),
    }
}

/// What one client was told, and after how long.
fn told(world: &InWorld, under: &Under) -> String {
    let missing = if under.must_answer { "-" } else { "[-]" };
    match (&under.answer, &under.acknowledged) {
        (None, _) => missing.to_owned(),
        (Some(_), Some(acknowledged)) if world.world == World::C => {
            format!("{} {}", value(world, acknowledged), seconds(under.seconds))
        }
        (Some(_), Some(acknowledged)) if under.wanted.as_ref() == Some(acknowledged) => {
            seconds(under.seconds)
        }
        (Some(_), Some(acknowledged)) => {
            format!("{} {}", value(world, acknowledged), seconds(under.seconds))
        }
        (Some(answer), None) => format!("{} {}", value(world, answer), seconds(under.seconds)),
    }
}

/// What clients were told in a world.
pub(super) fn cell(played: &PlayedWorlds, world: World) -> String {
    let Some(world) = played.horns.world(world) else { return "?".to_owned() };
    if world.under.is_empty() {
        return "?".to_owned();
    }
    world.under.iter().map(|under| told(world, under)).collect::<Vec<_>>().join(", ")
}

/// What there was after healing.
pub(super) fn healed(world: &InWorld) -> String {
    let healed = &world.healed;
    let names = |values: &[Value]| values.iter().map(|one| value(world, one)).collect::<Vec<_>>().join(" ");
    let lost = if healed.lost.is_empty() { String::new() } else { format!("{} lost", names(&healed.lost)) };
    let all = match &healed.survival {
        Survival::NotSeen => "not seen".to_owned(),
        Survival::Split => "split".to_owned(),
        Survival::One(one) if healed.never_acknowledged.contains(one) => {
            format!("{} unacked", value(world, one))
        }
        // Of two that were told something, what is left says less than what is lost.
        Survival::One(_) if !lost.is_empty() => return lost,
        Survival::One(one) => value(world, one),
    };
    if lost.is_empty() { all } else { format!("{all}, {lost}") }
}

pub(super) fn healed_in(played: &PlayedWorlds, world: World) -> String {
    played.horns.world(world).map_or("?".to_owned(), healed)
}

/// Why a system has its horn, in a sentence without a full stop.
pub(super) fn why(played: &PlayedWorlds) -> String {
    match &played.horns.horn {
        Horn::Safety { world, why } | Horn::Liveness { world, why } => {
            format!("world {}: {why}", world.name())
        }
        Horn::Neither => "nothing is wrong in these worlds, which proves nothing about others".to_owned(),
        Horn::Unknown(why) => why.clone(),
    }
}

/// What is said of a system that was not played, in a sentence without a full stop.
pub(super) fn not_played(row: &Row) -> Option<String> {
    match &row.outcome {
        Outcome::Missing(programs) => Some(format!(
            "not installed ({} {} missing): apt-get install {}",
            programs.join(", "),
            if programs.len() == 1 { "is" } else { "are" },
            row.subject.packages.join(" ")
        )),
        Outcome::NotPlayed(why) => Some(format!("not played: {why}")),
        Outcome::Played(_) => None,
    }
}

/// How to play a system again.
pub(super) fn again(table: &HornTable, row: &Row) -> String {
    format!("threeworlds attack {} --servers {}", row.subject.name(), table.question.system.servers)
}

/// Worlds that could not be played, and why, a sentence each without a full stop.
pub(super) fn gaps(played: &PlayedWorlds) -> Vec<String> {
    let gap = |(world, tried): &(World, Result<_, String>)| {
        Some(format!("world {} could not be played: {}", world.name(), tried.as_ref().err()?))
    };
    // The reason why a horn is unknown is told anyway.
    let why = why(played);
    played.worlds.iter().filter_map(gap).filter(|gap| *gap != why).collect()
}

/// Values that clients were told and that are nowhere, by world.
pub(super) fn lost(played: &PlayedWorlds) -> Vec<String> {
    let lost = |world: &InWorld| {
        let values: Vec<String> = world.healed.lost.iter().map(|one| value(world, one)).collect();
        (!values.is_empty()).then(|| {
            format!(
                "world {}: {} was acknowledged, and no server shows it after healing",
                world.world.name(),
                values.join(" and ")
            )
        })
    };
    played.horns.worlds.iter().filter_map(lost).collect()
}
