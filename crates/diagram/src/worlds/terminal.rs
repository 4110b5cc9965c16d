//! Worlds as text: boxes for blocks, lines for links, in as many rows as the terminal needs. Worlds of
//! rounds, and those with more blocks than fit, are told in words.

mod chart;

use super::layout::{answered, asked, on_bracket};
use super::scene::{MOST_DRAWN, Panel, Scene, Way};
use crate::terminal::paint::{Line, Paint};
use crate::terminal::{BETWEEN, TerminalOptions, beside};
use crate::words;

use chart::Chart;

/// A world in words names so many blocked links of a phase.
const MOST_LISTED: usize = 60;
/// The narrowest column for a world.
const NARROWEST: usize = 22;

pub(crate) fn draw(scene: &Scene, options: &TerminalOptions) -> String {
    let width = options.width.max(40);
    let mut lines = blocks(scene, options.ascii, width);
    let chart =
        (!scene.rounds && scene.nodes.len() <= MOST_DRAWN).then(|| Chart::new(scene, width)).flatten();
    match &chart {
        Some(chart) => lines.extend(charts(scene, chart, options.ascii, width)),
        None => {
            for (number, panel) in scene.worlds.iter().enumerate() {
                lines.extend((number > 0).then(Line::default));
                lines.extend(told(scene, panel, options.ascii, width));
            }
        }
    }
    if scene.worlds.is_empty() {
        lines.push(Line::of(Paint::Plain, "no worlds"));
    }
    if scene.left_out > 0 {
        lines.push(Line::of(Paint::Plain, format!("and {} more worlds", scene.left_out)));
    }
    lines.extend(sentences(scene, options.ascii, width));
    let legend = legend(scene, chart.is_some(), width);
    if !legend.is_empty() {
        lines.push(Line::default());
        lines.extend(legend);
    }
    lines.iter().map(|line| line.render(options.colour, options.ascii)).collect()
}

/// The text in signs that the terminal has.
fn plain(text: &str, ascii: bool) -> String {
    if !ascii {
        return text.to_owned();
    }
    text.replace('≠', "!=").replace('≤', "<=").replace('→', "->")
}

/// Who belongs to which group.
fn blocks(scene: &Scene, ascii: bool, width: usize) -> Vec<Line> {
    let groups =
        scene.nodes.iter().filter_map(|node| Some(format!("{}: {}", node.name, node.members.as_ref()?)));
    let groups: Vec<String> = groups.collect();
    if groups.is_empty() {
        return Vec::new();
    }
    let mut lines = paragraph(Paint::Plain, &plain(&groups.join("   "), ascii), width);
    lines.push(Line::default());
    lines
}

fn charts(scene: &Scene, chart: &Chart<'_>, ascii: bool, width: usize) -> Vec<Line> {
    let column = chart.width.max(NARROWEST);
    let in_row = ((width + BETWEEN) / (column + BETWEEN)).max(1);
    let rows = scene.worlds.len().div_ceil(in_row).max(1);
    let in_row = scene.worlds.len().div_ceil(rows).max(1);
    let mut lines = Vec::new();
    for (number, panels) in scene.worlds.chunks(in_row).enumerate() {
        lines.extend((number > 0).then(Line::default));
        // The heading, then the epochs: each as high in one world as in the others.
        let mut parts: Vec<Vec<Vec<Line>>> = Vec::new();
        for panel in panels {
            let mut own = vec![heading(scene, panel, column)];
            own.extend(chart.world(panel, ascii));
            if panel.left_out > 0 {
                let note = format!("and {} more {}s", panel.left_out, scene.unit());
                own.push(paragraph(Paint::Plain, &note, column));
            }
            parts.push(own);
        }
        let most = parts.iter().map(Vec::len).max().unwrap_or(0);
        for part in 0..most {
            let height = parts.iter().filter_map(|own| Some(own.get(part)?.len())).max().unwrap_or(0);
            for own in &mut parts {
                if let Some(lines) = own.get_mut(part) {
                    lines.resize(height, Line::default());
                }
            }
        }
        let panels: Vec<Vec<Line>> =
            parts.into_iter().map(|own| own.into_iter().flatten().collect()).collect();
        lines.extend(beside(panels.iter().map(|panel| (column, &panel[..]))));
    }
    lines
}

fn heading(scene: &Scene, panel: &Panel, width: usize) -> Vec<Line> {
    let name = words::shorten(&format!("World {}", panel.name), width);
    let mut lines = vec![Line::of(Paint::Bold, name)];
    let faults = words::shorten(&panel.faults(&scene.nodes), 6 * width);
    lines.extend(paragraph(Paint::Plain, &faults, width));
    lines
}

/// A world in words.
fn told(scene: &Scene, panel: &Panel, ascii: bool, width: usize) -> Vec<Line> {
    let mut lines = heading(scene, panel, width);
    let mut say = |before: &str, paint: Paint, text: &str| {
        let text = plain(&words::shorten(text, 40 * width), ascii);
        for (number, text) in words::wrap(&text, width.saturating_sub(9), 2).into_iter().enumerate() {
            let mut line = Line::of(Paint::Dim, if number == 0 { before } else { "" });
            line.pad_to(9);
            line.push(paint, text);
            lines.push(line);
        }
    };
    if panel.phases.len() == 1 && !scene.rounds || panel.phases.is_empty() {
        let names: Vec<&str> = scene.nodes.iter().map(|node| &node.name[..]).collect();
        say("blocks", Paint::Plain, &names.join(" "));
    }
    for (number, moment) in panel.phases.iter().enumerate() {
        let mut before = format!("{} {}", scene.unit(), number + 1);
        let asked = asked(scene, panel, number).into_iter().map(|line| (Paint::Bold, line));
        let blocked =
            moment.blocked(&scene.nodes, MOST_LISTED).into_iter().map(|line| (Paint::Removed, line));
        let answered = answered(scene, panel, number).into_iter().map(|line| (Paint::Bold, line));
        let mut lines: Vec<(Paint, String)> = asked.chain(blocked).collect();
        if lines.iter().all(|(paint, _)| *paint == Paint::Bold) {
            lines.push((Paint::Plain, "all messages arrive".to_owned()));
        }
        for (paint, line) in lines.into_iter().chain(answered) {
            say(&std::mem::take(&mut before), paint, &line);
        }
    }
    if panel.left_out > 0 {
        say("", Paint::Plain, &format!("and {} more {}s", panel.left_out, scene.unit()));
    }
    for one in &panel.brackets {
        let [a, b] = [one.one.0, one.other.0].map(|client| &scene.nodes[client].name);
        if one.clash {
            say("", Paint::Removed, &format!("{a} and {b}: {}", on_bracket(panel, one)));
        } else {
            say("", Paint::Plain, &format!("{a} and {b} are told the same"));
        }
    }
    for halo in &panel.halos {
        let text = format!("{} sees the {}", scene.nodes[halo.client].name, halo.label);
        say("", Paint::Likeness(halo.likeness), &text);
    }
    lines
}

fn sentences(scene: &Scene, ascii: bool, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for (number, likeness) in scene.likenesses.iter().enumerate() {
        let text = plain(&words::shorten(&format!("{}.", likeness.sentence), 3 * width), ascii);
        lines.extend(paragraph(Paint::Likeness(number), &text, width));
    }
    for sentence in &scene.contradictions {
        let text = plain(&words::shorten(sentence, 4 * width), ascii);
        lines.extend(paragraph(Paint::Removed, &text, width));
    }
    if !lines.is_empty() {
        lines.insert(0, Line::default());
    }
    lines
}

/// What the signs mean, as far as the drawing uses them.
fn legend(scene: &Scene, drawn: bool, width: usize) -> Vec<Line> {
    let mut parts: Vec<String> = Vec::new();
    let halo = scene.worlds.iter().flat_map(|world| &world.halos).next();
    let same = halo.map(|halo| words::shorten(halo.label.trim_start_matches("same "), 24));
    if drawn {
        if scene.any(|link| link.open() == (true, true)) {
            parts.push("│ all messages arrive".to_owned());
        }
        if scene.any(|link| link.open().0 != link.open().1) {
            parts.push("↓ in this direction only".to_owned());
        }
        if scene.any(|link| matches!((link.there, link.back), (Way::Cut { .. }, _) | (_, Way::Cut { .. }))) {
            parts.push("┊ all are lost, x at the faulty end".to_owned());
        }
        if scene.any(|link| link.is_late()) {
            parts.push("t late, nobody is charged".to_owned());
        }
        if scene.worlds.iter().any(|world| world.faulty.iter().any(Option::is_some)) {
            parts.push("* faulty".to_owned());
        }
        if let Some(same) = same {
            parts.push(format!("═ {same}: all that reaches the client is the same there"));
        }
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    for part in parts {
        if !line.is_empty() && words::columns(&line) + 3 + words::columns(&part) > width {
            lines.push(Line::of(Paint::Dim, std::mem::take(&mut line)));
        }
        if !line.is_empty() {
            line.push_str("   ");
        }
        line.push_str(&part);
    }
    if !line.is_empty() {
        lines.extend(paragraph(Paint::Dim, &line, width));
    }
    lines
}

fn paragraph(paint: Paint, text: &str, width: usize) -> Vec<Line> {
    words::wrap(text, width, 0).into_iter().map(|line| Line::of(paint, line)).collect()
}
