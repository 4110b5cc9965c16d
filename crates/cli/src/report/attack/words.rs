//! Sentences that the terminal and the page share.

use threeworlds_attack::{
    Finding, Outcome, Part, Step, Told, Tried, Verdict, Violation, What, Workload, World, links_in_words,
};
use threeworlds_model::{FaultRule, Process};

use crate::attack::Attack;
use crate::attack::theorem::Word;

/// The verdict in a line, as in `fails (agreement)`.
pub(super) fn verdict(attack: &Attack) -> String {
    match &attack.report.verdict {
        Verdict::Survived => "survived".to_owned(),
        Verdict::Unknown(_) => "unknown".to_owned(),
        Verdict::Fails { .. } => match violation(attack) {
            Some(violation) => format!("fails ({})", violation.property),
            None => "fails".to_owned(),
        },
    }
}

/// The plan that decided, if one did.
pub(super) fn decisive(attack: &Attack) -> Option<&Tried> {
    match attack.report.verdict {
        Verdict::Fails { by } => attack.report.tried.get(by),
        _ => None,
    }
}

/// What it violates.
pub(super) fn violation(attack: &Attack) -> Option<&Violation> {
    decisive(attack)?.judged.violation()
}

/// The plans that are drawn: the worlds of the split that decided (or of the first one), or the one plan that
/// decided.
pub(super) fn shown(attack: &Attack) -> Vec<&Tried> {
    let tried = &attack.report.tried;
    let split_of = |one: &Tried| match one.derived.part {
        Part::World { split, .. } => Some(split),
        _ => None,
    };
    let split = match decisive(attack) {
        Some(one) => match split_of(one) {
            Some(split) => split,
            None => return vec![one],
        },
        None => 0,
    };
    tried.iter().filter(|one| split_of(one) == Some(split)).collect()
}

/// What was asked and what came out, as (what, value).
pub(super) fn rows(attack: &Attack) -> Vec<(&'static str, String)> {
    let system = &attack.question.system;
    let count = |number: u16, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let rules: Vec<String> =
        attack.question.fault_model.rules.iter().map(|rule: &FaultRule| rule.text(system)).collect();
    let mut rows = vec![
        (
            "question",
            format!(
                "{}, {}; {}",
                count(system.servers, "server"),
                count(system.clients, "client"),
                match attack.workload {
                    Workload::WriteOnce => "write-once register",
                    Workload::WriteOnceKv => "write-once register (cas on lin-kv)",
                    Workload::LinKv => "registers (lin-kv)",
                }
            ),
        ),
        ("faults", if rules.is_empty() { "none".to_owned() } else { rules.join("; ") }),
        ("theorem", theorem(attack)),
        ("safe", finding(attack, |tried| &tried.judged.safe)),
        ("live", finding(attack, |tried| &tried.judged.live)),
        ("tried", tried(attack)),
        (
            "limits",
            format!(
                "a request has to be answered within {} s; {} at the same time",
                attack.deadline,
                match attack.jobs {
                    1 => "1 plan".to_owned(),
                    jobs => format!("{jobs} plans"),
                }
            ),
        ),
    ];
    if let Some(cluster) = &attack.cluster {
        rows.push(("waits", cluster.waits()));
        let up = cluster.up_seconds.iter().copied().fold(0.0, f64::max);
        let version = if cluster.version.is_empty() { "not told" } else { cluster.version.as_str() };
        rows.push(("version", format!("{version}; up within {up:.1} s")));
        rows.extend(cluster.notes.iter().map(|note| ("machine", note.clone())));
    }
    if let Verdict::Unknown(why) = &attack.report.verdict {
        rows.insert(3, ("unknown", why.clone()));
    }
    rows
}

/// The theorem's word on the question.
fn theorem(attack: &Attack) -> String {
    match &attack.theorem {
        Word::Impossible => {
            "impossible: no program is safe and live here, so it has to fail in one way or the other (`threeworlds \
             solve` prints the proof)"
                .to_owned()
        }
        Word::Possible(protocol) => format!(
            "possible: {} does it in lock-step, so a failure is the program's own",
            protocol.description().name
        ),
        Word::Unknown => "not known: neither a proof nor a protocol is at hand".to_owned(),
    }
}

/// How safety, or liveness, came out in all plans within the rules.
fn finding(attack: &Attack, of: impl Fn(&Tried) -> &Finding) -> String {
    // Beyond the rules there is only information, unless there is nothing else.
    let some_within = attack.report.tried.iter().any(|tried| tried.derived.plan.within_budget);
    let counted =
        || attack.report.tried.iter().filter(|tried| tried.derived.plan.within_budget || !some_within);
    let name = |tried: &Tried| tried.derived.plan.name.clone();
    let decisive = decisive(attack).filter(|tried| of(tried).violation().is_some());
    let violated = decisive.or_else(|| counted().find(|tried| of(tried).violation().is_some()));
    if let Some((tried, violation)) = violated.and_then(|tried| Some((tried, of(tried).violation()?))) {
        let beyond = if tried.derived.plan.within_budget { "" } else { "; this is beyond the fault rules" };
        return format!(
            "fails. {}: {} ({}{beyond})",
            capital(violation.property.name()),
            violation.explanation,
            name(tried)
        );
    }
    let unknown = counted().find_map(|tried| match of(tried) {
        Finding::Unknown(why) => Some((tried, why)),
        _ => None,
    });
    match unknown {
        Some((tried, why)) => format!("unknown. {}: {why}", capital(&name(tried))),
        None => "nothing wrong was seen in what was tried".to_owned(),
    }
}

fn tried(attack: &Attack) -> String {
    let report = &attack.report;
    let runs: usize = report.tried.iter().map(|tried| tried.runs).sum();
    let plans = |number: usize| format!("{number} plan{}", if number == 1 { "" } else { "s" });
    let left = match report.not_tried.len() {
        0 => String::new(),
        left => format!(" of {}", plans(report.tried.len() + left)),
    };
    let number = if left.is_empty() { plans(report.tried.len()) } else { report.tried.len().to_string() };
    format!("{number}{left}, {runs} run{}; {:.1} s", if runs == 1 { "" } else { "s" }, attack.seconds)
}

/// Each plan with how it came out, in the order of the campaign.
pub(super) fn table(attack: &Attack) -> Vec<[String; 2]> {
    attack.report.tried.iter().map(|tried| [tried.derived.plan.name.clone(), outcome(tried)]).collect()
}

/// How a plan came out, in a few words.
pub(super) fn outcome(tried: &Tried) -> String {
    let beyond = if tried.derived.plan.within_budget { "" } else { ", beyond the rules" };
    let faulty = match names(&tried.derived.plan.faulty) {
        names if names.is_empty() => String::new(),
        names => format!("; faulty {names}"),
    };
    let word = match (tried.judged.violation(), tried.judged.unknown()) {
        (Some(violation), _) => format!("{} ({})", tried.horn().unwrap_or("fails"), violation.property),
        (None, Some(_)) => "unknown".to_owned(),
        (None, None) => "survived".to_owned(),
    };
    format!("{word}{beyond}{faulty}")
}

/// What happened in the three worlds, or in the plan that decided, in sentences.
pub(super) fn argument(attack: &Attack) -> Vec<String> {
    let shown = shown(attack);
    let mut sentences = Vec::new();
    for tried in &shown {
        let name = match tried.derived.part {
            Part::World { world, .. } => format!("World {}", world.name()),
            _ => capital(&tried.derived.plan.name),
        };
        let faulty = match names(&tried.derived.plan.faulty) {
            names if names.is_empty() => "nobody is faulty".to_owned(),
            names => format!("faulty {names}"),
        };
        sentences.push(format!("{name} ({faulty}): {}.", told_in_a_sentence(tried)));
    }
    let is_world =
        shown.iter().any(|tried| matches!(tried.derived.part, Part::World { world: World::C, .. }));
    let who = if attack.cluster.is_some() { "system" } else { "program" };
    match (violation(attack), decisive(attack)) {
        (Some(violation), Some(tried)) if tried.horn() == Some("liveness") => sentences.push(format!(
            "The {who} takes the liveness horn: {}. A second run came out the same.",
            violation.explanation
        )),
        (Some(violation), Some(_)) => sentences.push(format!(
            "The {who} takes the safety horn: {} is violated, since {}.",
            violation.property, violation.explanation
        )),
        _ if is_world => {
            if let Verdict::Unknown(why) = &attack.report.verdict {
                sentences.push(capital(why) + ".");
            }
        }
        _ => {}
    }
    for tried in &attack.report.tried {
        for note in &tried.judged.notes {
            if !sentences.contains(note) {
                sentences.push(note.clone());
            }
        }
    }
    sentences
}

/// What each client asked once something was lost and was told, and what servers had stored in the end, in one
/// sentence without a full stop.
pub(super) fn told_in_a_sentence(tried: &Tried) -> String {
    let told = under_faults(tried);
    if told.is_empty() {
        return "nobody asked anything once something was lost".to_owned();
    }
    let mut parts: Vec<String> = told.iter().map(|told| told_in_words(told)).collect();
    parts.extend(stored(tried));
    parts.join("; ")
}

/// What servers had stored in the end, if anybody looked.
fn stored(tried: &Tried) -> Option<String> {
    let of_server = |event: &threeworlds_attack::Event| match &event.what {
        What::Stored { server, outcome, .. } => Some(format!(
            "{server} {}",
            match outcome {
                Outcome::Ok(Some(serde_json::Value::Null)) | Outcome::Ok(None) => "nothing".to_owned(),
                Outcome::Ok(Some(serde_json::Value::String(text))) => text.clone(),
                Outcome::Ok(Some(value)) => value.to_string(),
                Outcome::Refused { .. } | Outcome::Unknown { .. } => "does not say".to_owned(),
            }
        )),
        _ => None,
    };
    let all: Vec<String> = tried.played.journal.events.iter().filter_map(of_server).collect();
    (!all.is_empty()).then(|| format!("in the end stored: {}", all.join(", ")))
}

/// What was asked from the first fault on; everything if there was none.
pub(super) fn under_faults(tried: &Tried) -> Vec<&Told> {
    let is_fault = |what: &What| match what {
        What::Cut { links } => !links.is_empty(),
        What::Lose { losses } => !losses.is_empty(),
        What::Server { .. } => true,
        _ => false,
    };
    let first =
        tried.played.journal.events.iter().find(|event| is_fault(&event.what)).map_or(0, |event| event.at);
    tried.judged.told.iter().filter(|told| told.from >= first).collect()
}

fn told_in_words(told: &Told) -> String {
    let servers = names(&told.servers());
    let after = if told.answer.is_some() { "after" } else { "within" };
    format!(
        "{} asks {servers} {} and {} {after} {}",
        told.client,
        told.words(),
        told.outcome(),
        told.seconds()
    )
}

/// The steps of a plan in words, one line each.
pub(super) fn steps(plan: &threeworlds_attack::Plan) -> Vec<String> {
    let step = |step: &Step| match step {
        Step::Cut(links) if links.is_empty() => "heal all links".to_owned(),
        Step::Cut(links) => format!("cut {}", links_in_words(links).join(" ")),
        Step::Lose(losses) if losses.is_empty() => "lose nothing any more".to_owned(),
        Step::Lose(losses) => {
            let mut types: Vec<&str> = losses.iter().map(|loss| loss.message_type.as_str()).collect();
            types.dedup();
            let links: Vec<_> = losses.iter().map(|loss| loss.link).collect();
            format!("lose every {} on {}", types.join(", "), links_in_words(&links).join(" "))
        }
        Step::Ask(ask) => {
            let asked = Told {
                client: ask.client,
                request: ask.request.clone(),
                answer: None,
                from: 0,
                until: 0,
                operations: Vec::new(),
            };
            format!("{} asks {}: {}", ask.client, names(&ask.servers), asked.words())
        }
        Step::Await(clients) => format!("wait for {}", names(clients)),
        Step::Wait { milliseconds } => format!("wait {} s", *milliseconds as f64 / 1000.0),
        Step::Server(server, event) => format!("{server} is {}", event.participle()),
    };
    plan.steps.iter().map(step).collect()
}

pub(super) fn names(processes: &[Process]) -> String {
    processes.iter().map(Process::to_string).collect::<Vec<_>>().join(" ")
}

/// With a capital letter at the start, unless that is a process.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !letters.clone().next().is_some_and(|second| second.is_ascii_digit()) => {
            first.to_uppercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}
