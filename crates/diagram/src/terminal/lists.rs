//! The words around a drawing.

use std::collections::BTreeSet;

use super::block::Detail;
use super::paint::{Line, Paint};
use super::{cut, uses};
use crate::scene::{Arrow, Event, Fate, Occurrence, Scene, World};
use crate::words;

/// A round with more lines of messages than this is cut short.
const MOST_MESSAGES: usize = 12;

/// The name, and who is faulty.
pub(crate) fn heading(world: &World, width: usize) -> Vec<Line> {
    let mut lines = vec![cut(Paint::Bold, &world.heading, width)];
    if width >= 40 && !world.protocol.is_empty() {
        let room = width.saturating_sub(lines[0].width() + 3);
        if room > 4 {
            let protocol = format!(" · {}", words::shorten(&world.protocol, room));
            lines[0].append(&Line::of(Paint::Plain, protocol));
        }
    }
    let mut faults = world.faults().map_or("nobody faulty".to_owned(), |faults| format!("faulty: {faults}"));
    if words::columns(&faults) > width {
        let faulty = world.lanes.iter().filter(|lane| lane.fault.is_some());
        let names: Vec<String> = faulty.map(|lane| lane.process.to_string()).collect();
        faults = format!("faulty: {}", names.join(" "));
    }
    lines.push(cut(Paint::Plain, &faults, width));
    lines
}

/// More receivers than this are counted, not named.
const MOST_NAMES: usize = 10;

/// What clients asked and were told, the lasso and the claim.
pub(crate) fn facts(world: &World, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for event in &world.events {
        let number =
            if width >= 36 { format!("round {:<3}", event.round) } else { format!("r{:<2}", event.round) };
        let clause = words::shorten(&world.clause(event), 4 * width);
        lines.extend(hanging(&number, Paint::Plain, &clause, width));
    }
    lines.extend(ending(world, width));
    lines
}

/// What happened, round by round.
pub(crate) fn story(world: &World, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut round = 1;
    while round <= world.rounds {
        let (events, arrows) = happenings(world, round);
        // Rounds in which nothing is new are told in one line.
        let dull = |round: usize| {
            let (events, arrows) = happenings(world, round);
            let (_, before) = happenings(world, round.saturating_sub(1));
            let stops = world.lanes.iter().any(|lane| lane.stops == Some(round));
            events.is_empty()
                && !stops
                && arrows.iter().all(|arrow| arrow.repeats)
                && arrows.len() == before.len()
        };
        if round > 1 && dull(round) {
            let last = (round..=world.rounds).take_while(|&round| dull(round)).last().unwrap_or(round);
            let number =
                if last == round { format!("round {round}") } else { format!("rounds {round} to {last}") };
            let text = if arrows.is_empty() { "nothing" } else { "the same messages again" };
            lines.extend(hanging(&format!("{number:<9}"), Paint::Dim, text, width));
            round = last + 1;
            continue;
        }
        let mut told: Vec<(Paint, String)> = Vec::new();
        // Requests come at the start of a round, responses at its end.
        let clauses = |occurrence: Occurrence| {
            let wanted = events.iter().filter(move |event| event.occurrence == occurrence);
            wanted.map(|event| (Paint::Bold, words::shorten(&world.clause(event), 3 * width)))
        };
        told.extend(clauses(Occurrence::Request));
        for lane in world.lanes.iter().filter(|lane| lane.stops == Some(round)) {
            told.push((Paint::Bold, format!("{} stops", lane.process)));
        }
        let news: Vec<&Arrow> = arrows.iter().filter(|arrow| !arrow.repeats).collect();
        let messages = grouped(world, &news);
        let more = messages.len().saturating_sub(MOST_MESSAGES);
        told.extend(messages.into_iter().take(MOST_MESSAGES));
        if more > 0 {
            told.push((Paint::Dim, format!("and {more} more like these")));
        }
        let again = arrows.len() - news.len();
        if again > 0 {
            told.push((Paint::Dim, format!("{again} as in the round before")));
        }
        told.extend(clauses(Occurrence::Response));
        if told.is_empty() {
            told.push((Paint::Dim, "nothing".to_owned()));
        }
        let mut number = format!("round {round:<3}");
        for (paint, text) in told {
            lines.extend(hanging(&number, paint, &text, width));
            number = " ".repeat(9);
        }
        round += 1;
    }
    lines.extend(ending(world, width));
    lines
}

fn happenings(world: &World, round: usize) -> (&[Event], &[Arrow]) {
    (world.events_in(round), world.arrows_in(round))
}

/// A line for each sender, text and fate: `s1→s2,s3 beat`.
fn grouped(world: &World, arrows: &[&Arrow]) -> Vec<(Paint, String)> {
    let mut groups: Vec<(&Arrow, Vec<usize>)> = Vec::new();
    for &arrow in arrows {
        let alike =
            |other: &Arrow| (other.from, &other.label, other.fate) == (arrow.from, &arrow.label, arrow.fate);
        match groups.iter_mut().rev().take(16).find(|(other, _)| alike(other)) {
            Some((_, receivers)) => receivers.push(arrow.to),
            None => groups.push((arrow, vec![arrow.to])),
        }
    }
    let text = |(arrow, receivers): &(&Arrow, Vec<usize>)| {
        let name = |lane: usize| world.lanes[lane].process.to_string();
        let to: Vec<String> = receivers.iter().map(|&lane| name(lane)).collect();
        let whom = if to.len() > MOST_NAMES { format!("{} processes", to.len()) } else { to.join(",") };
        let fate = match arrow.fate {
            Fate::Delivered => String::new(),
            Fate::Unread => "  (nobody is there to read it)".to_owned(),
            Fate::RemovedAtSender => format!("  removed at {}", name(arrow.from)),
            Fate::RemovedAtReceiver if to.len() > MOST_NAMES => "  removed at the receivers".to_owned(),
            Fate::RemovedAtReceiver => format!("  removed at {}", words::and(&to)),
            Fate::RemovedBetween => "  removed".to_owned(),
            Fate::LostToTiming => "  lost before GST".to_owned(),
        };
        let label = words::shorten(&arrow.label, 60);
        let paint = if arrow.fate.is_removed() { Paint::Removed } else { Paint::Plain };
        (paint, format!("{}→{whom}  {label}{fate}", name(arrow.from)))
    };
    groups.iter().map(text).collect()
}

fn ending(world: &World, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(first) = world.loop_from {
        let text = match world.rounds - first {
            0 => format!("[ ] round {first} repeats for ever"),
            _ => format!("[ ] rounds {first} to {} repeat for ever", world.rounds),
        };
        lines.extend(paragraph(Paint::Plain, &text, width));
    }
    if let Some(claim) = &world.claim {
        lines.extend(paragraph(Paint::Bold, &words::shorten(claim, 600), width));
    }
    lines
}

/// Who cannot tell which worlds apart.
pub(crate) fn sentences(scene: &Scene, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for (number, sentence) in scene.sentences().iter().enumerate() {
        if number == 0 {
            lines.push(Line::default());
        }
        let sentence = format!("{}.", words::shorten(sentence, 3 * width));
        lines.extend(paragraph(Paint::Likeness(number), &sentence, width));
    }
    if let Some(note) = scene.compared() {
        lines.extend(paragraph(Paint::Plain, &note, width));
    }
    lines
}

/// What the signs mean, as far as the drawing uses them.
pub(crate) fn legend(scene: &Scene, details: &BTreeSet<Detail>, width: usize) -> Vec<Line> {
    let worlds = &scene.worlds;
    let any = |fate: fn(Fate) -> bool| worlds.iter().any(|world| uses(world, fate));
    let lanes = || worlds.iter().flat_map(|world| &world.lanes);
    let mut parts = Vec::new();
    if worlds.iter().any(|world| world.rounds > 0) {
        parts.push("1 2 3 rounds");
    }
    let strokes = details.contains(&Detail::Links) || details.contains(&Detail::Marks);
    if strokes && any(|fate| !fate.is_removed()) {
        parts.push("●↑↓ message and receiver");
    }
    if details.contains(&Detail::Links) && any(Fate::is_removed) {
        parts.push("┊ nothing arrives");
    }
    if any(|fate| fate.is_removed() && fate != Fate::LostToTiming) {
        parts.push("x removed, at the process charged");
    }
    if details.contains(&Detail::Counts) {
        parts.push("7x2 receives 7, and 2 are removed there");
    }
    if any(|fate| fate == Fate::LostToTiming) {
        parts.push("t lost before GST");
    }
    if worlds.iter().any(|world| world.gst.is_some()) {
        parts.push("║ GST");
    }
    if lanes().any(|lane| lane.fault.is_some()) {
        parts.push("*╌ faulty");
    }
    if lanes().any(|lane| lane.stops.is_some()) {
        parts.push("╳ stops");
    }
    if worlds.iter().any(|world| !world.events.is_empty()) {
        parts.push("? asks");
        parts.push("! is told");
    }
    let same = format!("={0} sees what it sees in {0}", worlds.first().map_or("A", |world| &world.tag));
    if !scene.likenesses.is_empty() {
        parts.push(&same);
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    for part in parts {
        if !line.is_empty() && words::columns(&line) + 3 + words::columns(part) > width {
            lines.push(Line::of(Paint::Dim, std::mem::take(&mut line)));
        }
        if !line.is_empty() {
            line.push_str("   ");
        }
        line.push_str(part);
    }
    if !line.is_empty() {
        lines.push(cut(Paint::Dim, &line, width));
    }
    lines
}

fn paragraph(paint: Paint, text: &str, width: usize) -> Vec<Line> {
    words::wrap(text, width, 0).into_iter().map(|line| Line::of(paint, line)).collect()
}

/// A text with something in front of its first line.
fn hanging(before: &str, paint: Paint, text: &str, width: usize) -> Vec<Line> {
    let indent = words::columns(before) + 1;
    let wrapped = words::wrap(text, width.saturating_sub(indent).max(8), 0);
    let line = |(number, text): (usize, String)| {
        let mut line = Line::of(Paint::Dim, if number == 0 { before } else { "" });
        line.pad_to(indent);
        line.push(paint, text);
        line
    };
    wrapped.into_iter().enumerate().map(line).collect()
}
