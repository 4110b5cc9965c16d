//! A run as a space-time diagram, from its journal alone.

use std::collections::{BTreeMap, BTreeSet};

use threeworlds_attack::{
    Event, Judged, Link, Outcome, Plan, Played, Remover, ServerEvent, What, links_in_words,
};
use threeworlds_diagram::timeline::{Fate, Happening, Kind, Lane, Loss, Near, Timeline};
use threeworlds_model::Process;

/// The whole run.
pub(crate) fn of_run(plan: &Plan, played: &Played, judged: &Judged) -> Timeline {
    let mut drawn = Timeline::new(super::words::capital(&plan.name));
    let moved: Vec<String> = (1..)
        .zip(&played.roles)
        .filter(|&(number, node)| *node != Process::Server(number))
        .map(|(number, node)| format!("s{number} is node n{}", node.number()))
        .collect();
    drawn.subtitle = moved.join(", ");
    let mut lanes: BTreeMap<Process, usize> = BTreeMap::new();
    for process in plan.system().processes() {
        let kind = if process.is_client() { Kind::Client } else { Kind::Server };
        let fault = plan.faulty.contains(&process).then(|| "faulty".to_owned());
        let lane = drawn.lane(Lane { name: process.to_string(), kind, fault });
        lanes.insert(process, lane);
    }
    let events = &played.journal.events;
    messages(plan, events, &lanes, &mut drawn);
    operations(judged, &lanes, &mut drawn);
    happenings(events, &lanes, &mut drawn);
    if !events.iter().any(|event| matches!(event.what, What::Sent { .. })) {
        drawn.round(COMMANDS_MICROSECONDS);
    }
    drawn.not_kept = played.journal.not_kept;
    if let Some(violation) = judged.violation() {
        drawn.caption(format!("Violates {}: {}", violation.property, violation.explanation));
    }
    drawn
}

/// Without messages everything is a command of a client or what was done to the network, which takes many
/// milliseconds: what is closer together than this is drawn as one instant.
const COMMANDS_MICROSECONDS: u64 = 10_000;

fn messages(plan: &Plan, events: &[Event], lanes: &BTreeMap<Process, usize>, drawn: &mut Timeline) {
    let faulty: BTreeSet<Process> = plan.faulty.iter().copied().collect();
    let mut sent: BTreeMap<u64, (usize, Process, Process)> = BTreeMap::new();
    for Event { at, what } in events {
        match what {
            What::Sent { message, from, to, message_type, words } => {
                let (Some(&source), Some(&target)) = (lanes.get(from), lanes.get(to)) else { continue };
                drawn.message(source, target, message_type.clone(), *at).detail(words.clone());
                sent.insert(*message, (drawn.messages.len() - 1, *from, *to));
            }
            What::Delivered { message } => {
                if let Some((position, ..)) = sent.get(message) {
                    drawn.messages[*position].fate = Fate::Arrived { at: *at };
                }
            }
            What::Removed { message, by } => {
                let Some((position, from, to)) = sent.get(message) else { continue };
                let near =
                    if faulty.contains(from) && !faulty.contains(to) { Near::Sender } else { Near::Receiver };
                let by = match by {
                    Remover::Cut => Loss::Cut,
                    Remover::Loss => Loss::Type,
                    Remover::Down | Remover::Nobody | Remover::Backlog => Loss::Down,
                };
                drawn.messages[*position].fate = Fate::Lost { at: *at, near, by };
            }
            _ => {}
        }
    }
}

fn operations(judged: &Judged, lanes: &BTreeMap<Process, usize>, drawn: &mut Timeline) {
    let blamed = judged.violation().map(|violation| violation.requests.as_slice()).unwrap_or_default();
    for (position, told) in judged.told.iter().enumerate() {
        let Some(&lane) = lanes.get(&told.client) else { continue };
        let operation = drawn.operation(lane, told.words(), told.from);
        let detail: Vec<String> = told.servers().iter().map(|server| format!("asks {server}")).collect();
        operation.detail(detail.join(", "));
        match &told.answer {
            Some(_) => operation.answered(told.until, told.short_answer()),
            None => operation.given_up(told.until),
        };
        if blamed.contains(&position) {
            operation.blamed();
        }
    }
}

fn happenings(events: &[Event], lanes: &BTreeMap<Process, usize>, drawn: &mut Timeline) {
    let mut open: Option<(u64, Vec<Link>)> = None;
    let close = |open: &mut Option<(u64, Vec<Link>)>, at: Option<u64>, drawn: &mut Timeline| {
        if let Some((from, links)) = open.take() {
            let ends = |link: &Link| Some((*lanes.get(&link.from)?, *lanes.get(&link.to)?));
            let pairs: Vec<(usize, usize)> = links.iter().filter_map(ends).collect();
            drawn.cut(&pairs, from, at).label(links_in_words(&links).join(" "));
        }
    };
    for Event { at, what } in events {
        match what {
            What::Cut { links } => {
                close(&mut open, Some(*at), drawn);
                if !links.is_empty() {
                    open = Some((*at, links.clone()));
                }
            }
            What::Lose { losses } if losses.is_empty() => drawn.note(*at, "nothing is lost by type any more"),
            What::Lose { losses } => {
                let mut types: Vec<&str> = losses.iter().map(|loss| loss.message_type.as_str()).collect();
                types.dedup();
                let links: Vec<Link> = losses.iter().map(|loss| loss.link).collect();
                drawn
                    .note(*at, format!("lost: {} on {}", types.join(", "), links_in_words(&links).join(" ")));
            }
            What::Server { server, event } => {
                let happening = match event {
                    ServerEvent::Kill => Happening::Killed,
                    ServerEvent::Restart => Happening::Restarted,
                    ServerEvent::Pause => Happening::Paused,
                    ServerEvent::Resume => Happening::Resumed,
                };
                drawn.mark(lanes[server], happening, *at);
            }
            What::Exited { server, status } => {
                drawn.mark(lanes[server], Happening::Exited, *at).detail(status.clone());
            }
            What::Stored { server, outcome: Outcome::Ok(value), .. } => {
                let value = value.as_ref().filter(|value| !value.is_null());
                let value = value.map_or("nothing".to_owned(), ToString::to_string);
                drawn.note(*at, format!("{server} has stored {value}"));
            }
            What::Malformed { server, why, .. } => {
                drawn.mark(lanes[server], Happening::Odd, *at).detail(why.clone());
            }
            _ => {}
        }
    }
    close(&mut open, None, drawn);
}
