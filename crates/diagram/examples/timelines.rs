//! Draws runs and histories: `cargo run --example timelines -- FOLDER` writes every kind of drawing of each
//! sample into the folder.

#[path = "../tests/timelines/samples.rs"]
#[allow(unreachable_pub)]
mod samples;

use std::path::Path;

use threeworlds_diagram::timeline;
use threeworlds_diagram::{Group, Report, TerminalOptions, html};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("the folder is missing")?;
    std::fs::create_dir_all(&folder)?;
    let mut all = samples::all();
    all.push(("large", samples::large().into()));
    let mut beside = samples::worlds();
    beside.side_by_side = true;
    all.push(("beside", beside));
    for (name, sheet) in all {
        let save =
            |end: &str, text: String| std::fs::write(Path::new(&folder).join(format!("{name}{end}")), text);
        save(".svg", timeline::svg(&sheet))?;
        let group = Group { heading: name.to_owned(), timelines: sheet.clone(), ..Group::default() };
        let report = Report {
            title: "A run of real processes".to_owned(),
            verdict: "drawn, not judged".to_owned(),
            groups: vec![group],
            ..Report::default()
        };
        save(".html", html(&report))?;
        save(".tex", timeline::tikz(&sheet))?;
        let options = TerminalOptions::default();
        save(".txt", timeline::terminal(&sheet, &options))?;
        save(".ascii.txt", timeline::terminal(&sheet, &TerminalOptions { ascii: true, ..options }))?;
        save(".colour.txt", timeline::terminal(&sheet, &TerminalOptions { colour: true, ..options }))?;
    }
    Ok(())
}
