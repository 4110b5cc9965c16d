use std::fmt::Write;

use threeworlds_model::Execution;

use crate::scene::{Arrow, Fate, Occurrence, Scene, World};
use crate::words;

/// A text is cut after so many columns.
const LONGEST: usize = 60;

/// The execution as a Mermaid sequence diagram. A removed message ends in a cross (`-x`), one that nobody
/// reads is dashed (`-->>`); requests, responses and stops are notes.
pub fn mermaid(execution: &Execution) -> String {
    let scene = Scene::new(std::slice::from_ref(execution));
    let mut out = String::from("sequenceDiagram\n");
    for world in &scene.worlds {
        draw(world, &mut out);
    }
    out
}

// Writing to a String cannot fail.
fn draw(world: &World, out: &mut String) {
    for lane in &world.lanes {
        let fault = lane.fault.map(|fault| format!(" ({fault})")).unwrap_or_default();
        let _ = writeln!(out, "    participant {0} as {0}{fault}", lane.process);
    }
    let (Some(first), Some(last)) = (world.lanes.first(), world.lanes.last()) else { return };
    let everybody = if world.lanes.len() == 1 {
        first.process.to_string()
    } else {
        format!("{},{}", first.process, last.process)
    };
    for round in 1..=world.rounds {
        if world.gst == Some(round) {
            let _ = writeln!(out, "    Note over {everybody}: GST");
        }
        if world.loop_from == Some(round) {
            let _ = writeln!(out, "    loop rounds {round} to {} repeat for ever", world.rounds);
        }
        let _ = writeln!(out, "    Note over {everybody}: round {round}");
        let events = |occurrence: Occurrence, out: &mut String| {
            let wanted = world.events_in(round).iter().filter(|event| event.occurrence == occurrence);
            for event in wanted {
                let process = world.lanes[event.lane].process;
                let clause = escape(&words::shorten(&world.clause(event), LONGEST));
                let _ = writeln!(out, "    Note over {process}: {clause}");
            }
        };
        events(Occurrence::Request, out);
        for arrow in world.arrows_in(round) {
            message(world, arrow, out);
        }
        for lane in world.lanes.iter().filter(|lane| lane.stops == Some(round)) {
            let _ = writeln!(out, "    Note over {0}: {0} stops", lane.process);
        }
        events(Occurrence::Response, out);
    }
    if world.loop_from.is_some() {
        out.push_str("    end\n");
    }
    if let Some(claim) = &world.claim {
        let _ = writeln!(out, "    Note over {everybody}: {}", escape(&words::shorten(claim, 200)));
    }
}

fn message(world: &World, arrow: &Arrow, out: &mut String) {
    let line = match arrow.fate {
        Fate::Delivered => "->>",
        Fate::Unread => "-->>",
        _ => "-x",
    };
    let fate = match arrow.fate {
        Fate::Delivered | Fate::Unread => String::new(),
        Fate::RemovedAtSender => format!(" (removed at {})", world.lanes[arrow.from].process),
        Fate::RemovedAtReceiver => format!(" (removed at {})", world.lanes[arrow.to].process),
        Fate::RemovedBetween => " (removed)".to_owned(),
        Fate::LostToTiming => " (lost before GST)".to_owned(),
    };
    let (from, to) = (world.lanes[arrow.from].process, world.lanes[arrow.to].process);
    let label = escape(&words::shorten(&arrow.label, LONGEST));
    let _ = writeln!(out, "    {from}{line}{to}: {label}{fate}");
}

/// Letters, digits and harmless signs stand for themselves; all others are written by their number, because
/// Mermaid gives many of them a meaning (`;` and `#` end a text, `%%` starts a comment, `<` opens HTML).
fn escape(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        let harmless = character.is_alphanumeric() || " .,()=!?…_".contains(character);
        if harmless {
            out.push(character);
        } else {
            let _ = write!(out, "#{};", u32::from(character));
        }
    }
    // An empty text would be no message at all.
    if out.trim().is_empty() { "#160;".to_owned() } else { out }
}
