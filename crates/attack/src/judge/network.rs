//! Whether a run happened as it was planned: what was cut was cut, what was healed is healed, every server
//! ran on, every client came to an end.

use std::collections::BTreeSet;

use super::told::Told;
use crate::journal::{Journal, What};
use crate::plan::{Link, Plan, Step};

/// When the network first lost anything, or a server was touched.
pub(super) fn first_fault(journal: &Journal) -> u64 {
    let is_fault = |what: &What| match what {
        What::Cut { links } => !links.is_empty(),
        What::Lose { losses } => !losses.is_empty(),
        What::Server { .. } | What::Exited { .. } => true,
        _ => false,
    };
    journal.events.iter().find(|event| is_fault(&event.what)).map_or(u64::MAX, |event| event.at)
}

/// Why a run in which nothing wrong was seen says nothing, or one in which somebody waits.
pub(super) fn doubt(plan: &Plan, journal: &Journal, told: &[Told]) -> Option<String> {
    probes(journal).or_else(|| exits(journal)).or_else(|| {
        let asks = plan.steps.iter().filter(|step| matches!(step, Step::Ask(_))).count();
        let ended = journal.events.iter().filter(|event| matches!(event.what, What::Answered { .. })).count();
        (ended < asks)
            .then(|| format!("the run ended after {ended} of {asks} requests ({} were begun)", told.len()))
    })
}

/// Every cut has to be seen to work before the next step, and every heal.
fn probes(journal: &Journal) -> Option<String> {
    let mut cut: BTreeSet<Link> = BTreeSet::new();
    let mut unseen: BTreeSet<Link> = BTreeSet::new();
    for event in &journal.events {
        match &event.what {
            What::Cut { links } => {
                if let Some(link) = unseen.first() {
                    return Some(format!("{link} was cut, and no probe saw that the cut works"));
                }
                let now: BTreeSet<Link> = links.iter().copied().collect();
                // What has just been healed has to be seen too.
                unseen = now.union(&cut).copied().collect();
                cut = now;
            }
            What::Probed { link, arrived } => {
                unseen.remove(link);
                match (cut.contains(link), arrived) {
                    (true, true) => return Some(format!("{link} was cut, but a probe went through")),
                    (false, false) => return Some(format!("{link} was not cut, but a probe was lost")),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    unseen.first().map(|link| match cut.contains(link) {
        true => format!("{link} was cut, and no probe saw that the cut works"),
        false => format!("{link} was healed, and no probe saw it"),
    })
}

fn exits(journal: &Journal) -> Option<String> {
    journal.events.iter().find_map(|event| match &event.what {
        What::Exited { server, status } => {
            Some(format!("{server} ended by itself after {:.1} s ({status})", event.at as f64 / 1e6))
        }
        _ => None,
    })
}

/// What servers wrote that is no message, each server once.
pub(super) fn notes(journal: &Journal) -> Vec<String> {
    let mut named = BTreeSet::new();
    let lines = journal.events.iter().filter_map(|event| match &event.what {
        What::Malformed { server, line, why } => named.insert(*server).then(|| {
            format!("{server} wrote a line on its standard output that is no message (line {line}: {why})")
        }),
        _ => None,
    });
    lines.collect()
}
