//! Timelines in a page.

use std::fmt::Write;

use super::scene::{Room, Scene, name, outcome};
use super::{Sheet, Weight, html_figure, story};
use crate::svg::escape;
use crate::words;

/// A table of a timeline has so many rows.
const MOST_ROWS: usize = 200;

/// The drawing for a section of a page, and in a table what clients asked and were told.
pub(crate) fn section(sheet: &Sheet, out: &mut String) {
    out.push_str(&html_figure(sheet));
    for timeline in &sheet.timelines {
        let room = Room { lanes: usize::MAX, operations: MOST_ROWS, messages: 0, others: 0 };
        let scene = Scene::new(timeline, room);
        if scene.operations.is_empty() {
            continue;
        }
        let title = words::shorten(&words::one_line(&timeline.title), 160);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<details>\n<summary>What clients asked and were told{}{}</summary>\n<div class=\"wide\">\n<table>\n<thead>\
             <tr><th scope=\"col\">asked</th><th scope=\"col\">ended</th><th scope=\"col\">client</th>\
             <th scope=\"col\">asks</th><th scope=\"col\">is told</th><th scope=\"col\"></th></tr></thead>\n<tbody>\n",
            if title.is_empty() { "" } else { ": " },
            escape(&title)
        );
        for &number in &scene.operations {
            let operation = &timeline.operations[number];
            let text = |text: &str| escape(&words::shorten(&words::one_line(text), 300));
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                story::when(&scene, operation.from),
                operation.to.map(|to| story::when(&scene, to)).unwrap_or_default(),
                escape(&name(&timeline.lanes[operation.lane])),
                text(&operation.call),
                text(&outcome(operation)),
                if operation.weight == Weight::Blamed { "to blame" } else { "" }
            );
        }
        out.push_str("</tbody>\n</table>\n</div>\n");
        let left = timeline.operations.len() - scene.operations.len();
        if left > 0 {
            let _ =
                writeln!(out, "<p>{left} of {} operations are not listed.</p>", timeline.operations.len());
        }
        out.push_str("</details>\n");
    }
}
