use std::path::Path;

use anyhow::Result;
use serde_json::json;
use threeworlds_attack::{Judged, Plan, Played, history};
use threeworlds_diagram::timeline::{Sheet, svg};

use super::timeline;
use crate::attack::Attack;
use crate::files;

/// Writes what was played into a folder: for each plan, numbered in the order of the campaign, the plan, the
/// journal, the history for `threeworlds verify`, and the diagram; and the smallest plan that fails as `shrunk`.
pub(crate) fn save(attack: &Attack, folder: &Path) -> Result<()> {
    for (number, tried) in attack.report.tried.iter().enumerate() {
        let words: String = tried
            .derived
            .plan
            .name
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
            .collect();
        let words = words.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        save_run(folder, &format!("{number:03}-{words}"), &tried.derived.plan, &tried.played, &tried.judged)?;
    }
    if let Some(smaller) = &attack.smaller {
        save_run(folder, "shrunk", &smaller.shrunk.plan, &smaller.played, &smaller.judged)?;
    }
    Ok(())
}

/// Writes one run into a folder, its files with this name.
pub(crate) fn save_run(
    folder: &Path,
    name: &str,
    plan: &Plan,
    played: &Played,
    judged: &Judged,
) -> Result<()> {
    files::write(&folder.join(format!("{name}.plan.json")), &plan.text())?;
    let mut journal = json!({
        "format": "threeworlds/journal/1",
        "nodes": played.roles.iter().map(|node| format!("n{}", node.number())).collect::<Vec<_>>(),
        "not_kept": played.journal.not_kept,
    })
    .to_string();
    // A line each: what happened, in order.
    for event in &played.journal.events {
        journal.push('\n');
        journal.push_str(&serde_json::to_string(event)?);
    }
    journal.push('\n');
    files::write(&folder.join(format!("{name}.journal.jsonl")), &journal)?;
    let (model, history, _) = history(plan.workload, &played.journal);
    let text = threeworlds_history::format::write(&history, &model);
    files::write(&folder.join(format!("{name}.history.jsonl")), &text)?;
    let drawn = timeline::of_run(plan, played, judged);
    files::write(&folder.join(format!("{name}.svg")), &svg(&Sheet::from(drawn)))
}
