//! A report: one HTML file that holds everything it shows.

use std::fmt::Write;

use threeworlds_model::Execution;

use crate::figure::Figure;
use crate::scene::{Occurrence, Scene};
use crate::svg::{element, escape};
use crate::timeline::{self, Sheet};

/// What a report says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Its title.
    pub title: String,
    /// The verdict in a line.
    pub verdict: String,
    /// Whether that is good or bad news.
    pub tone: Tone,
    /// The question and the results: what, and its value.
    pub rows: Vec<(String, String)>,
    /// Explanation, paragraph by paragraph.
    pub paragraphs: Vec<String>,
    /// The drawings.
    pub groups: Vec<Group>,
    /// The result as JSON text, shown on demand; none if it is empty.
    pub json: String,
}

/// Executions that are drawn side by side, or timelines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Group {
    /// What they show.
    pub heading: String,
    /// More about it; none if it is empty.
    pub text: String,
    /// The executions.
    pub executions: Vec<Execution>,
    /// What real processes did, below them.
    pub timelines: Sheet,
}

/// Whether a verdict is good or bad news. It colours the verdict; the words say it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// It holds, it is possible, it is valid, it survived.
    Good,
    /// It fails, it is impossible, it was rejected.
    Bad,
    /// It is unknown.
    #[default]
    Unknown,
}

/// The report as one HTML file that opens without a network and runs no script.
pub fn html(report: &Report) -> String {
    let mut out = start(&report.title, &report.verdict, report.tone);
    // Writing to a String cannot fail.
    for paragraph in &report.paragraphs {
        let _ = writeln!(out, "<p>{}</p>", escape(paragraph));
    }
    for group in &report.groups {
        draw(group, &mut out);
    }
    table(&report.rows, &mut out);
    on_demand("The result as JSON", &report.json, &mut out);
    out.push_str(END);
    out
}

/// A page up to its verdict.
pub(crate) fn start(title: &str, verdict: &str, tone: Tone) -> String {
    let title = escape(title);
    let (class, sign) = match tone {
        Tone::Good => ("good", "✓"),
        Tone::Bad => ("bad", "✗"),
        Tone::Unknown => ("unknown", "?"),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
         <p class=\"verdict {class}\"><span aria-hidden=\"true\">{sign}</span> {}</p>\n",
        escape(verdict)
    )
}

/// The end of a page.
pub(crate) const END: &str = "</main>\n</body>\n</html>\n";

/// The question and the results, if there are any.
pub(crate) fn table(rows: &[(String, String)], out: &mut String) {
    if rows.is_empty() {
        return;
    }
    out.push_str("<section>\n<h2>Question and result</h2>\n<table class=\"rows\">\n<tbody>\n");
    for (key, value) in rows {
        let (key, value) = (escape(key), escape(value));
        let _ = writeln!(out, "<tr><th scope=\"row\">{key}</th><td>{value}</td></tr>");
    }
    out.push_str("</tbody>\n</table>\n</section>\n");
}

/// A long text that is shown on demand; nothing if it is empty.
pub(crate) fn on_demand(summary: &str, text: &str, out: &mut String) {
    if !text.is_empty() {
        let _ = writeln!(
            out,
            "<details>\n<summary>{}</summary>\n<pre tabindex=\"0\">{}</pre>\n</details>",
            escape(summary),
            escape(text)
        );
    }
}

/// A drawing is scaled down to this part of its size where the screen is narrow; beyond it scrolls.
const SMALLEST: f64 = 0.8;

/// A figure that scrolls where the page is too narrow.
pub(crate) fn figure_element(figure: &Figure) -> String {
    format!(
        "<figure tabindex=\"0\" aria-label=\"{}\">\n<div style=\"min-width: {:.0}px\">\n{}</div>\n</figure>\n",
        escape(&figure.title),
        figure.width * SMALLEST,
        element(figure)
    )
}

/// A drawing, and in a table what clients asked and were told in it.
fn draw(group: &Group, out: &mut String) {
    let scene = Scene::new(&group.executions);
    let figure = Figure::new(&scene);
    // Timelines below each other may be longer than a printed page.
    let long = if group.timelines.timelines.len() > 1 { " class=\"long\"" } else { "" };
    let _ = writeln!(out, "<section{long}>");
    if !group.heading.is_empty() {
        let _ = writeln!(out, "<h2>{}</h2>", escape(&group.heading));
    }
    if !group.text.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", escape(&group.text));
    }
    if !group.timelines.timelines.is_empty() {
        timeline::section(&group.timelines, out);
    }
    if group.executions.is_empty() {
        out.push_str("</section>\n");
        return;
    }
    out.push_str(&figure_element(&figure));
    if scene.worlds.iter().any(|world| !world.events.is_empty()) {
        out.push_str(
            "<details>\n<summary>What clients asked and were told</summary>\n<div class=\"wide\">\n<table>\n<thead>\
             <tr><th scope=\"col\">world</th><th scope=\"col\">round</th><th scope=\"col\">client</th>\
             <th scope=\"col\">asks</th><th scope=\"col\">is told</th></tr></thead>\n<tbody>\n",
        );
        for world in &scene.worlds {
            for event in &world.events {
                let (asks, told) = match event.occurrence {
                    Occurrence::Request => (escape(&event.text), String::new()),
                    Occurrence::Response => (String::new(), escape(&event.text)),
                };
                let _ = writeln!(
                    out,
                    "<tr><td>{}</td><td>{}</td><td>{}</td><td>{asks}</td><td>{told}</td></tr>",
                    escape(&world.tag),
                    event.round,
                    world.lanes[event.lane].process
                );
            }
        }
        out.push_str("</tbody>\n</table>\n</div>\n</details>\n");
    }
    out.push_str("</section>\n");
}

const STYLE: &str = "\
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f4f5f7; color: #1f2933; font: 16px/1.55 Helvetica, Arial, sans-serif; }
main { max-width: 1680px; margin: 0 auto; padding: 40px 32px 64px; background: #fff; min-height: 100vh; }
h1 { font-size: 28px; line-height: 1.25; margin: 0 0 16px; overflow-wrap: anywhere; }
h2 { font-size: 19px; line-height: 1.3; margin: 40px 0 8px; overflow-wrap: anywhere; }
p { max-width: 46em; margin: 0 0 12px; overflow-wrap: anywhere; }
.verdict { display: table; max-width: 100%; padding: 10px 16px; margin: 0 0 20px; border-left: 6px solid; font-size: 18px; font-weight: bold; }
.good { border-color: #007a5a; background: #eaf6f2; color: #00533d; }
.bad { border-color: #a8102a; background: #fbeef0; color: #7d0c20; }
.unknown { border-color: #8a6a00; background: #faf5e4; color: #5c4700; }
figure { margin: 12px 0; padding: 0; overflow-x: auto; border: 1px solid #e4e7eb; border-radius: 6px; background: #fff; }
figure svg { display: block; max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 15px; }
th, td { text-align: left; vertical-align: top; padding: 7px 24px 7px 0; border-bottom: 1px solid #e4e7eb; overflow-wrap: anywhere; }
th { color: #5b6673; font-weight: normal; white-space: nowrap; }
td { font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
details { margin: 12px 0; }
summary { cursor: pointer; color: #005fa3; }
pre { overflow: auto; max-height: 70vh; padding: 14px; border: 1px solid #e4e7eb; border-radius: 6px; background: #f8f9fa; font: 13px/1.45 monospace; }
:focus-visible { outline: 2px solid #005fa3; outline-offset: 2px; }
@media (max-width: 700px) {
  main { padding: 24px 16px 48px; }
}
@media print {
  @page { size: landscape; margin: 12mm; }
  body { background: #fff; font-size: 11pt; }
  main { max-width: none; padding: 0; }
  section, figure { break-inside: avoid; }
  section.long { break-inside: auto; }
  figure { border: 0; overflow: visible; }
  figure div { min-width: 0 !important; }
  details:not([open]) { display: none; }
  .verdict, svg { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
";
