//! What an attack found, put into words: for a terminal, as JSON, as a page, as files.

mod json;
mod saved;
mod text;
pub(crate) mod timeline;
mod words;

use serde_json::Value;
use threeworlds_attack::Verdict;
use threeworlds_diagram::timeline::Sheet;
use threeworlds_diagram::{Group, Report as Page, Tone};

use crate::attack::Attack;

pub(crate) use json::json;
pub(crate) use saved::{save, save_run};
pub(crate) use text::text;

/// The result as one page that needs no network.
pub(crate) fn page(attack: &Attack, json: &Value) -> String {
    let mut groups: Vec<Group> = Vec::new();
    for tried in words::shown(attack) {
        groups.push(Group {
            heading: words::capital(&tried.derived.plan.name),
            text: words::told_in_a_sentence(tried),
            timelines: Sheet::from(timeline::of_run(&tried.derived.plan, &tried.played, &tried.judged)),
            ..Group::default()
        });
    }
    if let Some(smaller) = &attack.smaller {
        groups.push(Group {
            heading: "The smallest plan that was found to fail".to_owned(),
            text: words::steps(&smaller.shrunk.plan).join("; "),
            timelines: Sheet::from(timeline::of_run(&smaller.shrunk.plan, &smaller.played, &smaller.judged)),
            ..Group::default()
        });
    }
    let mut rows: Vec<(String, String)> =
        words::rows(attack).into_iter().map(|(what, value)| (what.to_owned(), value)).collect();
    rows.extend(words::table(attack).into_iter().map(|[name, outcome]| (name, outcome)));
    threeworlds_diagram::html(&Page {
        title: attack.program.clone(),
        verdict: words::verdict(attack),
        tone: match attack.report.verdict {
            Verdict::Survived => Tone::Good,
            Verdict::Fails { .. } => Tone::Bad,
            Verdict::Unknown(_) => Tone::Unknown,
        },
        rows,
        paragraphs: words::argument(attack),
        groups,
        json: super::json::text(json),
    })
}
