//! What happened, in words, by time.

use crate::terminal::paint::Paint;
use crate::timeline::scene::{Scene, name, outcome};
use crate::timeline::{Fate, Loss, Near, Outcome, Weight, story};
use crate::words;

/// At most so many lines: when, how it is painted, and what; with messages, or without.
pub(super) fn told(scene: &Scene<'_>, most: usize, messages: bool) -> Vec<(String, Paint, String)> {
    let timeline = scene.timeline;
    let lane = |lane: usize| name(&timeline.lanes[lane]);
    let line = |text: &str| words::shorten(&words::one_line(text), 160);
    let mut told: Vec<(u64, u8, Paint, String)> = Vec::new();
    let mut around = 0;
    for &number in &scene.operations {
        let operation = &timeline.operations[number];
        if operation.weight == Weight::Context {
            around += 1;
            continue;
        }
        let blamed = if operation.weight == Weight::Blamed { "# " } else { "" };
        let (who, call) = (lane(operation.lane), line(&operation.call));
        told.push((operation.from, 2, Paint::Plain, format!("{blamed}{who} asks {call}")));
        let Some(to) = operation.to else { continue };
        let end = match &operation.outcome {
            Outcome::Answered(answer) => format!("{blamed}{who} is told {}", line(answer)),
            Outcome::Refused(_) => format!("{blamed}{who} is refused {call}: {}", line(&outcome(operation))),
            Outcome::Unanswered => format!("{blamed}{who} gives up {call}: perhaps it was done"),
        };
        told.push((to, 4, Paint::Bold, end));
    }
    for &number in &scene.orders {
        let order = &timeline.orders[number];
        let (one, two) = (&timeline.operations[order.before], &timeline.operations[order.after]);
        let label = line(story::or(&order.label, "ended before"));
        let text = format!(
            "{} {}  {label}  {} {}",
            lane(one.lane),
            line(&one.call),
            lane(two.lane),
            line(&two.call)
        );
        told.push((scene.lasts(two).0, 3, Paint::Plain, text));
    }
    for &number in &scene.marks {
        let mark = &timeline.marks[number];
        let detail = if mark.detail.is_empty() { String::new() } else { format!(": {}", line(&mark.detail)) };
        let text = format!("{} {}{detail}", lane(mark.lane), story::happening(mark.happening));
        told.push((mark.at, 1, Paint::Plain, text));
    }
    for &number in &scene.cuts {
        let cut = &timeline.cuts[number];
        let label = line(&scene.cut_label(cut));
        told.push((cut.from, 0, Paint::Removed, format!("cut {label}")));
        if let Some(to) = cut.to {
            told.push((to, 5, Paint::Plain, format!("healed {label}")));
        }
    }
    for &number in &scene.notes {
        told.push((timeline.notes[number].at, 1, Paint::Plain, line(&timeline.notes[number].text)));
    }
    for &number in if messages { &scene.messages[..] } else { &[] } {
        let message = &timeline.messages[number];
        let label = line(&message.label);
        let link = format!("{}→{}  {label}", lane(message.from), lane(message.to));
        let (paint, fate) = match message.fate {
            Fate::Arrived { .. } => (Paint::Plain, String::new()),
            Fate::Open => (Paint::Dim, "  neither arrived nor lost at the end".to_owned()),
            Fate::Lost { near, by, .. } => {
                let end = lane(if near == Near::Sender { message.from } else { message.to });
                let fate = match by {
                    Loss::Cut => format!("  lost at {end}: cut"),
                    Loss::Type => format!("  lost at {end}: such messages were being lost"),
                    Loss::Down => "  lost: nobody is there".to_owned(),
                };
                (Paint::Removed, fate)
            }
        };
        told.push((message.sent, 6, paint, format!("{link}{fate}")));
    }
    told.sort_by_key(|(time, kind, ..)| (*time, *kind));
    let rest = told.len().saturating_sub(most);
    if rest > 0 {
        // The asked and told come first: messages are in the drawing too.
        let mut kept: Vec<usize> = (0..told.len()).collect();
        kept.sort_by_key(|&number| (told[number].1 == 6, number));
        kept.truncate(most);
        kept.sort_unstable();
        told = kept.into_iter().map(|number| told[number].clone()).collect();
    }
    let mut lines: Vec<(String, Paint, String)> =
        told.into_iter().map(|(time, _, paint, text)| (story::when(scene, time), paint, text)).collect();
    if around > 0 {
        let plural = if around == 1 { "operation" } else { "operations" };
        lines.push((String::new(), Paint::Dim, format!("and {around} {plural} around them, drawn above")));
    }
    if rest > 0 {
        let (plural, are) = if rest == 1 { ("thing", "is") } else { ("things", "are") };
        lines.push((String::new(), Paint::Dim, format!("and {rest} more {plural} that {are} not listed")));
    }
    lines
}
