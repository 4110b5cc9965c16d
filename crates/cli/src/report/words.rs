//! Sentences that the terminal and the page share.

use threeworlds_engine::{Coverage, Fall, Judgement, Report, Stop, StopReason, Symmetric, ThreeWorlds};
use threeworlds_model::{
    Adversary, Consistency, CrashDelivery, Execution, FaultClass, Process, Property, Question, Response,
    Task, Workload,
};

/// The question, as (what, value).
pub(crate) fn question(question: &Question) -> Vec<(&'static str, String)> {
    let system = &question.system;
    let count = |number: u16, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let links = if system.client_links { ", clients linked" } else { "" };
    let consistency = match question.consistency {
        Consistency::Properties => "",
        Consistency::Linearizable => ", linearizable",
    };
    let rules: Vec<String> = question.fault_model.rules.iter().map(|rule| rule.text(system)).collect();
    let crashes =
        question.fault_model.rules.iter().any(|rule| rule.class == FaultClass::Crash && rule.at_most > 0);
    let delivery = match question.crash_delivery {
        CrashDelivery::Prefix if crashes => " (of the last messages of a crash a prefix arrives)",
        _ => "",
    };
    let faults = if rules.is_empty() { "none".to_owned() } else { rules.join("; ") };
    let adversary = match question.adversary {
        Adversary::Omission => "",
        Adversary::StaticCuts => "; links are cut once and for ever, clients ask as soon as they can",
    };
    vec![
        (
            "question",
            format!(
                "{}, {}{links}; {}{consistency}; {}{adversary}",
                count(system.servers, "server"),
                count(system.clients, "client"),
                question.task,
                question.timing
            ),
        ),
        ("faults", format!("{faults}{delivery}")),
        ("workload", workload(question)),
    ]
}

/// The usual workload is the same for every client, however many there are.
fn workload(question: &Question) -> String {
    let usual = Workload::usual(question.task, &question.system);
    if question.workload == usual && question.system.clients > 2 {
        return match question.task.machine() {
            None => format!("each client: {} of its own value, read", question.task.update()),
            Some(_) => question.workload.text(),
        };
    }
    question.workload.text()
}

/// A judgement and why, as two sentences.
pub(crate) fn judged(judgement: Judgement, why: &str) -> String {
    let mut letters = why.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    format!("{}. {first}{}", judgement.name(), letters.as_str())
}

const NOBODY_ASKS: &str = "no client asks for anything, so there is nothing that could go wrong";

/// Whether the question is empty: then everything holds and means nothing.
fn nobody_asks(question: &Question) -> bool {
    question.system.client_ids().all(|client| question.workload.of(client).is_empty())
}

/// What was judged of safety, and how it came out.
pub(crate) fn safe(report: &Report) -> String {
    let (judged, hold) = match report.question.consistency {
        Consistency::Properties if matches!(report.question.task, Task::WriteOnceRegister | Task::Log) => {
            ("Agreement, Validity and Correctness", "hold")
        }
        _ => ("linearizability", "holds"),
    };
    match report.safe {
        Judgement::Holds if nobody_asks(&report.question) => NOBODY_ASKS.to_owned(),
        Judgement::Holds => format!("{judged} {hold} in every execution"),
        Judgement::Unknown => format!("no violation of {judged} in what was explored"),
        Judgement::Fails => match violation(report, false) {
            Some((property, why)) => format!("{property}: {why}"),
            None => "violated".to_owned(),
        },
    }
}

/// How Termination came out.
pub(crate) fn live(report: &Report) -> String {
    match report.live {
        Judgement::Holds if nobody_asks(&report.question) => NOBODY_ASKS.to_owned(),
        Judgement::Holds => "every request of a non-faulty client is answered".to_owned(),
        Judgement::Unknown => "no request is left waiting for ever in what was explored".to_owned(),
        Judgement::Fails => match violation(report, true) {
            Some((property, why)) => format!("{property}: {why}"),
            None => "violated".to_owned(),
        },
    }
}

/// The worst case, by kind of request.
pub(crate) fn worst_case(report: &Report) -> Option<String> {
    let parts: Vec<String> = report
        .worst_case_rounds
        .iter()
        .map(|(kind, rounds)| format!("{kind} {rounds} round{}", if *rounds == 1 { "" } else { "s" }))
        .collect();
    let from = match report.question.timing {
        threeworlds_model::Timing::LockStep => "",
        threeworlds_model::Timing::PartialSynchrony => ", from the request or GST, whichever is later",
    };
    (!parts.is_empty()).then(|| format!("{}{from}", parts.join(", ")))
}

/// The worst case in a few words.
pub(crate) fn worst_case_short(report: &Report) -> Option<String> {
    let parts = report.worst_case_rounds.iter().map(|(kind, rounds)| format!("{kind} {rounds}"));
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| format!("{} rounds", parts.join(", ")))
}

/// What was explored, and whether that is all.
pub(crate) fn coverage(coverage: &Coverage) -> String {
    let Coverage { states, transitions, rounds, runs, .. } = coverage;
    let counted = match runs {
        Some(runs) => format!(
            "{} runs, one for each choice of links and round, of {rounds} rounds at most",
            indicatif::HumanCount(*runs)
        ),
        None => format!(
            "{} states, {} transitions, {rounds} rounds{}",
            indicatif::HumanCount(*states as u64),
            indicatif::HumanCount(*transitions),
            symmetry(coverage.symmetry)
        ),
    };
    match coverage.stop {
        Stop::Closed => {
            let cut = coverage
                .judging_cut
                .map(|reason| format!("; the judgement was cut short: {}", stopped(reason)));
            let all = if runs.is_some() {
                "all of them end or repeat"
            } else {
                "closed, so this is for executions of any length"
            };
            format!("{counted}; {all}{}", cut.unwrap_or_default())
        }
        Stop::Cut(reason) => format!("{counted}; not closed: {}", stopped(reason)),
    }
}

/// For what else the states stand.
fn symmetry(symmetric: Symmetric) -> String {
    match symmetric {
        Symmetric::None => String::new(),
        Symmetric::Off(why) => format!(" (symmetry is off: {why})"),
        Symmetric::Used { names, renamings, faulty_sets: (explored, all) } => {
            let names = names.name();
            let states = match renamings {
                1 => String::new(),
                _ => format!(
                    "each state stands for up to {renamings} that differ in the names of {names} alone"
                ),
            };
            let sets = match all - explored {
                0 => String::new(),
                _ => format!("{explored} of {all} faulty sets for the others"),
            };
            let both = [states, sets].into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>();
            format!(" ({})", both.join(", "))
        }
    }
}

fn stopped(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Rounds => "the bound on rounds was reached (--rounds)",
        StopReason::Memory => "the bound on memory was reached (--max-memory)",
        StopReason::Time => "the bound on time was reached (--max-time)",
        StopReason::Interrupted => "it was interrupted",
        StopReason::Linearizations => {
            "too many requests are pending at the same time to judge linearizability (fewer clients, or \
             --consistency properties)"
        }
        StopReason::FaultySets => "the fault rules allow too many faulty sets to explore them one by one",
    }
}

/// How the three worlds come out, in numbered sentences a student can follow.
pub(crate) fn argument(three: &ThreeWorlds) -> Vec<String> {
    let ThreeWorlds { groups, clients, worlds, indistinguishable, fall } = three;
    let [one, two] = clients;
    let side = |group: &[Process], client: &Process| {
        let mut names: Vec<String> = group.iter().map(Process::to_string).collect();
        names.push(client.to_string());
        names.join(", ")
    };
    let told = |world: &Execution, client: &Process| match first_response(world, *client) {
        Some((round, response)) => format!("is told {response} in round {round}"),
        None => match world.loop_from_round {
            Some(_) => "is never answered".to_owned(),
            None => match world.rounds.len() {
                1 => "is not answered within 1 round".to_owned(),
                rounds => format!("is not answered within {rounds} rounds"),
            },
        },
    };
    let cannot = |name: &str| {
        let who: Vec<String> = indistinguishable
            .iter()
            .filter(|(_, worlds)| worlds[0] == name)
            .map(|(process, _)| process.to_string())
            .collect();
        match who.len() {
            0 => String::new(),
            1 => format!("{} receives the same in {name} and C", who[0]),
            _ => format!("{} receive the same in {name} and C", who.join(" and ")),
        }
    };
    let mut sentences = vec![
        format!(
            "In no world does {{{}}} or {{{}}} exchange a message with anyone outside it.",
            side(&groups[0], one),
            side(&groups[1], two)
        ),
        format!("World A: only {one} asks, and {}. {one} {}.", are_faulty(&worlds[0]), told(&worlds[0], one)),
        format!("World B: only {two} asks, and {}. {two} {}.", are_faulty(&worlds[1]), told(&worlds[1], two)),
        format!(
            "{}; {}, message by message. So none of them can tell that it is in C.",
            cannot("A"),
            cannot("B")
        ),
        format!(
            "World C: both ask, and {}. {one} {}, {two} {}.",
            match worlds[2].faulty.len() {
                0 => "nobody is faulty, for all this comes before GST".to_owned(),
                _ => are_faulty(&worlds[2]),
            },
            told(&worlds[2], one),
            told(&worlds[2], two)
        ),
    ];
    sentences.push(match fall {
        Fall::Horn(property) => {
            format!("The protocol takes the {} horn: {property} is violated.", horn(*property))
        }
        Fall::Undecided => {
            "Whether it would ever be answered is not known: no loop was found within the bound on rounds."
                .to_owned()
        }
    });
    sentences
}

fn faulty(world: &Execution) -> String {
    let names: Vec<String> = world.faulty.keys().map(Process::to_string).collect();
    match names.split_last() {
        None => "nobody".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

fn are_faulty(world: &Execution) -> String {
    format!("{} {} faulty", faulty(world), if world.faulty.len() > 1 { "are" } else { "is" })
}

/// The horn that a property stands for.
pub(crate) fn horn(property: Property) -> &'static str {
    if property == Property::Termination { "liveness" } else { "safety" }
}

/// A counterexample's measures in a few words.
pub(crate) fn measures(execution: &Execution) -> String {
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!(
        "{}, {} removed, {} faulty",
        plural(execution.rounds.len(), "round"),
        plural(execution.removed(), "message"),
        faulty(execution),
    )
}

fn first_response(world: &Execution, client: Process) -> Option<(usize, &Response)> {
    (1..).zip(&world.rounds).find_map(|(number, round)| Some((number, round.responses.get(&client)?)))
}

/// The violated property and how, from the best evidence.
fn violation(report: &Report, liveness: bool) -> Option<(Property, &str)> {
    let shortest = if liveness { &report.liveness_counterexample } else { &report.safety_counterexample };
    let worlds = report.three_worlds.iter().flat_map(|three| &three.worlds);
    let mut claims = shortest.iter().chain(worlds).filter_map(|execution| execution.claim.as_ref());
    let claim = claims.find(|claim| (claim.property == Property::Termination) == liveness)?;
    Some((claim.property, &claim.explanation))
}
