//! A timeline as text: each process a line, each message a stroke between two of them, in a column of its
//! own; operations as bars on their clients' lines, with what was asked and answered below; then what
//! happened, in words.

mod chart;
mod grid;
mod told;

use std::collections::BTreeSet;

use super::scale::{Limits, Scale};
use super::scene::{Room, Scene, ends, name};
use super::{Sheet, Timeline, story};
use crate::terminal::TerminalOptions;
use crate::terminal::paint::{Line, Paint};
use crate::words;

use chart::Chart;
use told::told;

/// What is told below a drawing: so many lines if it stands alone, and if there are others.
const TOLD_ALONE: usize = 60;
const TOLD: usize = 16;
/// How many columns a stretch takes that is cut out.
const PAUSE: f64 = 4.0;

pub(crate) fn draw(sheet: &Sheet, options: &TerminalOptions) -> String {
    let width = options.width.max(40);
    let alone = sheet.timelines.len() == 1;
    let mut lines = Vec::new();
    let mut signs = BTreeSet::new();
    for (number, timeline) in sheet.timelines.iter().enumerate() {
        lines.extend((number > 0).then(Line::default));
        one(timeline, width, alone, &mut signs, &mut lines);
    }
    if sheet.timelines.is_empty() {
        lines.push(Line::of(Paint::Plain, "no timelines"));
    }
    if !sheet.caption.is_empty() {
        lines.push(Line::default());
        for sentence in &sheet.caption {
            lines.extend(paragraph(Paint::Bold, sentence, width));
        }
    }
    if !signs.is_empty() {
        lines.push(Line::default());
        let legend: Vec<&str> = signs.iter().map(|sign| meaning(*sign)).collect();
        let mut row = String::new();
        for part in legend {
            if !row.is_empty() && words::columns(&row) + 3 + words::columns(part) > width {
                lines.extend(words::wrap(&row, width, 0).into_iter().map(|row| Line::of(Paint::Dim, row)));
                row.clear();
            }
            if !row.is_empty() {
                row.push_str("   ");
            }
            row.push_str(part);
        }
        lines.extend(words::wrap(&row, width, 0).into_iter().map(|row| Line::of(Paint::Dim, row)));
    }
    lines.iter().map(|line| line.render(options.colour, options.ascii)).collect()
}

/// A sign that the legend explains, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Message,
    Lost,
    Down,
    Open,
    Faulty,
    Stops,
    Starts,
    Paused,
    Odd,
    Operation,
    Unanswered,
    Blamed,
    Context,
    Cut,
    Break,
}

fn meaning(sign: Sign) -> &'static str {
    match sign {
        Sign::Message => "●↑↓ message and receiver",
        Sign::Lost => "┊ lost, x at the end to blame",
        Sign::Down => "┊↑↓ nobody is there to read it",
        Sign::Open => "┊o neither arrived nor lost",
        Sign::Faulty => "*╌ faulty",
        Sign::Stops => "╳ stops",
        Sign::Starts => "○ starts again",
        Sign::Paused => "p paused, r goes on",
        Sign::Odd => "! something odd",
        Sign::Operation => "[==] operation, from call to answer",
        Sign::Unanswered => "[==? no answer: perhaps done",
        Sign::Blamed => "[##] to blame",
        Sign::Context => "[--] what was around",
        Sign::Cut => "xxx links are cut",
        Sign::Break => "// time left out",
    }
}

fn one(timeline: &Timeline, width: usize, alone: bool, signs: &mut BTreeSet<Sign>, lines: &mut Vec<Line>) {
    let names = timeline.lanes.iter().map(|lane| words::columns(&short(&name(lane))));
    let gutter = names.max().unwrap_or(0).max(2) + 2;
    let columns = width - gutter;
    let room = Room { lanes: 60, operations: 200, messages: columns * 2 / 5, others: 40 };
    let mut scene = Scene::new(timeline, room);
    let title = words::shorten(&words::one_line(&timeline.title), 3 * width);
    if !title.is_empty() {
        lines.extend(paragraph(Paint::Bold, &title, width));
    }
    lines.extend(paragraph(Paint::Plain, &story::subtitle(&scene), width));
    let scale = Scale::new(
        instants(&scene),
        scene.focus(),
        Limits { width: (columns - 1) as f64, least: 1.0, pause: PAUSE },
    );
    scene.fill(&scale, 7.0, room.messages);
    let mut chart = Chart::new(&scene, scale, columns);
    lines.extend(chart.draw(gutter, signs));
    let (texts, on_others) = (chart.left_out, chart.on_others);
    let placed = chart.strokes.iter().map(|(number, _)| *number).collect();
    scene.keep(placed);
    scene.missing.extend(story::on_others(on_others));
    if texts > 0 {
        let plural = if texts == 1 { "text finds" } else { "texts find" };
        scene.missing.push(format!("{texts} {plural} no place in the drawing"));
    }
    let told = told(&scene, if alone { TOLD_ALONE } else { TOLD }, alone);
    if !told.is_empty() {
        lines.push(Line::default());
        let wide = told.iter().map(|(time, ..)| words::columns(time)).max().unwrap_or(0);
        for (time, paint, text) in told {
            let text = words::wrap(&text, width.saturating_sub(wide + 2), 2);
            for (number, text) in text.into_iter().enumerate() {
                let time = if number == 0 { &time[..] } else { "" };
                let mut line = Line::of(Paint::Dim, format!("{time:>wide$}  "));
                line.push(paint, text);
                lines.push(line);
            }
        }
    }
    if !timeline.caption.is_empty() {
        lines.push(Line::default());
        for sentence in &timeline.caption {
            lines.extend(paragraph(Paint::Bold, sentence, width));
        }
    }
    for sentence in &scene.missing {
        lines.extend(paragraph(Paint::Dim, &format!("{sentence}."), width));
    }
}

fn short(name: &str) -> String {
    words::shorten(name, 10)
}

fn paragraph(paint: Paint, text: &str, width: usize) -> Vec<Line> {
    let text = words::shorten(&words::one_line(text), 40 * width);
    words::wrap(&text, width, 0).into_iter().map(|line| Line::of(paint, line)).collect()
}

/// The instants that a terminal keeps apart: a message has one column, that of its end.
fn instants(scene: &Scene<'_>) -> Vec<u64> {
    let timeline = scene.timeline;
    let mut instants = vec![scene.span.0, scene.span.1];
    for &number in &scene.operations {
        let (from, to) = scene.lasts(&timeline.operations[number]);
        instants.extend([from, to]);
    }
    instants.extend(scene.messages.iter().map(|&number| ends(&timeline.messages[number])));
    instants.extend(scene.marks.iter().map(|&number| timeline.marks[number].at));
    for &number in &scene.cuts {
        let (from, to) = scene.cut_lasts(&timeline.cuts[number]);
        instants.extend([from, to]);
    }
    instants
}
