//! Golden files: every back end on every sample. `UPDATE_GOLDEN=1 cargo test` writes them anew; read the
//! difference before you keep it.

#![allow(missing_docs)]

mod samples;
mod support;

use support::check;
use threeworlds_diagram::{Group, Report, TerminalOptions, Tone, html, mermaid, shiviz, svg, terminal, tikz};
use threeworlds_model::Execution;

fn sample(name: &str) -> Vec<Execution> {
    let all = samples::all();
    all.into_iter().find(|(sample, _)| *sample == name).expect("there is such a sample").1
}

#[test]
fn terminals() {
    for (name, executions) in samples::all() {
        check(&format!("{name}.txt"), &terminal(&executions, &TerminalOptions::default()));
    }
    let three = sample("three-worlds");
    let options = TerminalOptions::default();
    check("three-worlds.ascii.txt", &terminal(&three, &TerminalOptions { ascii: true, ..options }));
    check("three-worlds.colour.txt", &terminal(&three, &TerminalOptions { colour: true, ..options }));
    check("three-worlds.narrow.txt", &terminal(&three, &TerminalOptions { width: 50, ..options }));
    check("three-worlds.wide.txt", &terminal(&three, &TerminalOptions { width: 140, ..options }));
}

#[test]
fn pictures() {
    for name in ["three-worlds", "crash", "lasso", "partial-synchrony", "odd", "empty", "none"] {
        check(&format!("{name}.svg"), &svg(&sample(name)));
    }
}

#[test]
fn exports() {
    for name in ["crash", "lasso", "partial-synchrony", "nasty", "odd", "empty"] {
        let execution = &sample(name)[0];
        check(&format!("{name}.tex"), &tikz(execution));
        check(&format!("{name}.shiviz.log"), &shiviz(execution));
        check(&format!("{name}.mmd"), &mermaid(execution));
    }
}

#[test]
fn report() {
    let report = Report {
        title: "Primary-backup <2 servers>".into(),
        verdict: "fails: live & not safe".into(),
        tone: Tone::Bad,
        rows: vec![("Faults".into(), "1 of servers: omission".into())],
        paragraphs: vec!["c1 must be answered in world A.".into()],
        groups: vec![Group {
            heading: "The three worlds".into(),
            text: "Side by side.".into(),
            executions: sample("three-worlds"),
            ..Group::default()
        }],
        json: "{\"verdict\":\"fails\"}".into(),
    };
    check("report.html", &html(&report));
}
