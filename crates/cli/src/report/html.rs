use serde_json::Value;
use threeworlds_diagram::{Group, Report as Page, Tone};
use threeworlds_engine::{Judgement, Report};
use threeworlds_model::Execution;

use super::words;
use crate::commands::show::groups;

/// The result of a check as one page that needs no network.
pub(crate) fn page(report: &Report, seconds: f64, json: &Value) -> String {
    let verdict = match report.property {
        Some(property) => format!("{} ({property})", report.verdict().name()),
        None => report.verdict().name().to_owned(),
    };
    let mut rows: Vec<(String, String)> =
        words::question(&report.question).into_iter().map(|(what, value)| (what.to_owned(), value)).collect();
    let mut row = |what: &str, value: String| rows.push((what.to_owned(), value));
    row("safe", words::judged(report.safe, &words::safe(report)));
    row("live", words::judged(report.live, &words::live(report)));
    if let Some(worst) = words::worst_case(report) {
        row("worst case", worst);
    }
    row("explored", format!("{}; {seconds:.2} s", words::coverage(&report.coverage)));

    let mut groups = Vec::new();
    let mut paragraphs = Vec::new();
    if let Ok(three) = &report.three_worlds {
        paragraphs = words::argument(three);
        groups.push(Group {
            heading: "Three worlds".to_owned(),
            text: "Lanes of equal colour saw the same in the worlds that their marks name.".to_owned(),
            executions: three.worlds.to_vec(),
            ..Group::default()
        });
    }
    for execution in report.safety_counterexample.iter().chain(&report.liveness_counterexample) {
        groups.push(Group {
            heading: format!("The {}", execution.name),
            text: words::measures(execution),
            executions: vec![execution.clone()],
            ..Group::default()
        });
    }
    threeworlds_diagram::html(&Page {
        title: report.protocol.clone(),
        verdict,
        tone: match report.verdict() {
            Judgement::Holds => Tone::Good,
            Judgement::Fails => Tone::Bad,
            Judgement::Unknown => Tone::Unknown,
        },
        rows,
        paragraphs,
        groups,
        json: super::json::text(json),
    })
}

/// Executions as one page.
pub(crate) fn executions(title: &str, executions: &[Execution]) -> String {
    let rows = executions
        .first()
        .map(|first| words::question(&first.question))
        .unwrap_or_default()
        .into_iter()
        .map(|(what, value)| (what.to_owned(), value))
        .collect();
    let group = |executions: &[Execution]| {
        let names: Vec<&str> = executions.iter().map(|execution| execution.name.as_str()).collect();
        Group {
            heading: names.join(", "),
            text: String::new(),
            executions: executions.to_vec(),
            ..Group::default()
        }
    };
    threeworlds_diagram::html(&Page {
        title: title.to_owned(),
        verdict: executions.first().map(|first| first.protocol.clone()).unwrap_or_default(),
        tone: Tone::Unknown,
        rows,
        paragraphs: Vec::new(),
        groups: groups(executions).map(group).collect(),
        json: String::new(),
    })
}
