//! Golden files: every back end on every sample. `UPDATE_GOLDEN=1 cargo test` writes them anew; read the
//! difference before you keep it.

#![allow(missing_docs)]

mod samples;

use std::path::Path;

use threeworlds_diagram::{Group, Report, TerminalOptions, Tone, html, mermaid, shiviz, svg, terminal, tikz};
use threeworlds_model::Execution;

fn check(file: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder can be made");
        std::fs::write(&path, actual).expect("the golden file can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{file}: {error}; UPDATE_GOLDEN=1 writes it"))
        .replace("\r\n", "\n");
    let differs = expected.lines().zip(actual.lines()).position(|(one, two)| one != two);
    let line = differs.unwrap_or_else(|| expected.lines().count().min(actual.lines().count()));
    assert!(
        expected == actual,
        "{file} differs in line {}\n  expected: {:?}\n  actual:   {:?}\nUPDATE_GOLDEN=1 writes it anew",
        line + 1,
        expected.lines().nth(line),
        actual.lines().nth(line)
    );
}

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
        }],
        json: "{\"verdict\":\"fails\"}".into(),
    };
    check("report.html", &html(&report));
}
