//! Draws the samples of the tests in every way into a folder: `cargo run --example gallery -- FOLDER`.

#[path = "../tests/samples/mod.rs"]
mod samples;

use std::path::Path;

use threeworlds_diagram::{Group, Report, TerminalOptions, Tone, html, mermaid, shiviz, svg, terminal, tikz};

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "gallery".to_owned());
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let mut groups = Vec::new();
    let mut all = samples::all();
    all.push(("64-processes", vec![samples::all_to_all("64 processes", 40, 24, 2)]));
    all.push((
        "five-worlds",
        samples::three_worlds().into_iter().chain([samples::crash(), samples::long(18)]).collect(),
    ));
    for (name, executions) in all {
        let save =
            |extension: &str, text: String| std::fs::write(folder.join(format!("{name}.{extension}")), text);
        save("svg", svg(&executions))?;
        let options = TerminalOptions::default();
        save("txt", terminal(&executions, &options))?;
        save("colour.txt", terminal(&executions, &TerminalOptions { colour: true, ..options }))?;
        save("ascii.txt", terminal(&executions, &TerminalOptions { ascii: true, ..options }))?;
        if let Some(first) = executions.last() {
            save("tex", tikz(first))?;
            save("log", shiviz(first))?;
            save("mmd", mermaid(first))?;
        }
        groups.push(Group { heading: name.to_owned(), text: String::new(), executions, ..Group::default() });
    }
    let report = Report {
        title: "Primary-backup under omission".into(),
        verdict: "fails: the protocol is live and not safe. In world C it breaks Agreement.".into(),
        tone: Tone::Bad,
        rows: vec![
            ("Question".into(), "2 servers, 2 clients, lock-step, write-once register".into()),
            ("Fault rules".into(), "1 of servers: omission; any of clients: omission".into()),
            ("Safe".into(), "fails".into()),
            ("Live".into(), "holds".into()),
            ("Explored".into(), "8,634 states, 109,972 transitions, 4 rounds, closed".into()),
        ],
        paragraphs: vec![
            "Nobody knows who is faulty. c1 must be answered in world A, in which everybody else is cut off, and c2 in world B. In world C both see exactly what they saw there, so both are answered, and the answers contradict each other.".into(),
        ],
        groups,
        json: samples::three_worlds()[0].text(),
    };
    std::fs::write(folder.join("report.html"), html(&report))
}
