//! A timeline in words.

use super::scene::{Scene, name, outcome};
use super::{Fate, Happening, Weight};
use crate::words;

/// A description names so many operations of a timeline, and so many sentences.
const MOST: usize = 40;

/// An instant, counted from the first one that is shown; in milliseconds, or microseconds if all is over
/// within a tenth of a second.
pub(crate) fn when(scene: &Scene<'_>, time: u64) -> String {
    let time = time.saturating_sub(scene.span.0);
    if !scene.micros() {
        return format!("step {time}");
    }
    if scene.span.1 - scene.span.0 >= 100_000 {
        return format!("{}.{:03} s", time / 1_000_000, time / 1_000 % 1_000);
    }
    format!("{}.{:06} s", time / 1_000_000, time % 1_000_000)
}

/// How long something lasted.
pub(crate) fn lasted(scene: &Scene<'_>, time: u64) -> String {
    if !scene.micros() {
        return format!("{time} steps");
    }
    match time {
        0..100_000 => format!("{}.{} ms", time / 1_000, time / 100 % 10),
        100_000..10_000_000 => format!("{}.{} s", time / 1_000_000, time / 100_000 % 10),
        _ => format!("{} s", time / 1_000_000),
    }
}

/// What happened to a process, in a word.
pub(crate) fn happening(happening: Happening) -> &'static str {
    match happening {
        Happening::Killed => "killed",
        Happening::Exited => "exited",
        Happening::Restarted => "started again",
        Happening::Paused => "paused",
        Happening::Resumed => "goes on",
        Happening::Odd => "odd",
    }
}

/// The text, or another one if it is empty.
pub(crate) fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

/// What stands below a timeline's title.
pub(crate) fn subtitle(scene: &Scene<'_>) -> String {
    let timeline = scene.timeline;
    let mut parts = Vec::new();
    if !timeline.subtitle.is_empty() {
        parts.push(words::shorten(&words::one_line(&timeline.subtitle), 200));
    }
    parts.extend(scene.faults().map(|faults| format!("faulty: {}", words::shorten(&faults, 200))));
    let lost = timeline.messages.iter().filter(|message| matches!(message.fate, Fate::Lost { .. })).count();
    let counted = |count: u64, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let messages = counted(timeline.messages.len() as u64 + timeline.not_kept, "message");
    match (timeline.messages.len(), lost) {
        (0, _) if timeline.not_kept == 0 => {}
        (_, 0) => parts.push(messages),
        _ => parts.push(format!("{messages}, {lost} lost")),
    }
    if !timeline.operations.is_empty() {
        parts.push(counted(timeline.operations.len() as u64, "operation"));
    }
    parts.join(" · ")
}

/// That some bars cover others.
pub(crate) fn on_others(count: usize) -> Option<String> {
    let plural = if count == 1 { "operation lies" } else { "operations lie" };
    (count > 0).then(|| format!("{count} {plural} on others of the same client, for want of room"))
}

/// What the drawing is called.
pub(crate) fn title(scenes: &[Scene<'_>]) -> String {
    let titles =
        scenes.iter().take(12).map(|scene| words::shorten(&words::one_line(&scene.timeline.title), 80));
    let titles: Vec<String> = titles.filter(|title| !title.is_empty()).collect();
    if titles.is_empty() { "Timeline".to_owned() } else { format!("Timeline: {}", words::and(&titles)) }
}

/// The drawing in words: who is faulty, what was cut, what clients asked and were told, what it shows.
pub(crate) fn description(scenes: &[Scene<'_>], caption: &[String]) -> String {
    let mut parts = Vec::new();
    for scene in scenes {
        let timeline = scene.timeline;
        let mut clauses = Vec::new();
        clauses.extend(scene.faults().map(|faults| format!("faulty: {}", words::shorten(&faults, 300))));
        for &number in scene.cuts.iter().take(MOST) {
            let cut = &timeline.cuts[number];
            let label = words::shorten(&scene.cut_label(cut), 120);
            let until = cut.to.map(|to| format!(" until {}", when(scene, to))).unwrap_or_default();
            clauses.push(format!("from {}{until} cut: {label}", when(scene, cut.from)));
        }
        let blamed = |number: &&usize| timeline.operations[**number].weight == Weight::Blamed;
        let others = |number: &&usize| !blamed(number);
        let operations = scene.operations.iter().filter(blamed).chain(scene.operations.iter().filter(others));
        for &number in operations.take(MOST) {
            let operation = &timeline.operations[number];
            clauses.push(format!(
                "{} at {} {}: {}{}",
                name(&timeline.lanes[operation.lane]),
                when(scene, operation.from),
                words::shorten(&words::one_line(&operation.call), 80),
                words::shorten(&outcome(operation), 80),
                if operation.weight == Weight::Blamed { " (to blame)" } else { "" }
            ));
        }
        if scene.operations.len() > MOST {
            clauses.push(format!("{} more operations", scene.operations.len() - MOST));
        }
        let caption = timeline.caption.iter().take(MOST);
        clauses.extend(caption.map(|sentence| words::shorten(&words::one_line(sentence), 300)));
        clauses.extend(scene.missing.iter().cloned());
        let title = words::shorten(&words::one_line(&timeline.title), 80);
        parts.push(format!("{}: {}.", or(&title, "timeline"), clauses.join("; ")));
    }
    let caption = caption.iter().take(MOST);
    parts.extend(caption.map(|sentence| words::shorten(&words::one_line(sentence), 300)));
    parts.join(" ")
}
