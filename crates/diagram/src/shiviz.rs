use std::collections::BTreeMap;
use std::fmt::Write;

use threeworlds_model::{Execution, Process};

use crate::scene::{Arrow, Fate, Scene, World};
use crate::words;

/// The execution as a log for ShiViz. Its first line is the regular expression that reads it and its second
/// is empty (one execution), as ShiViz expects of a file:
///
/// ```text
/// (?<host>\S*) (?<clock>{.*})\n(?<event>.*)
///
/// c1 {"c1":1}
/// round 1 step: asks write(C1)
/// ```
///
/// In each round a process sends in one event and takes its step in another, so a message of round r never
/// depends on what arrives in round r. Events in which nothing happens are left out; a message that was
/// removed carries no clock.
pub fn shiviz(execution: &Execution) -> String {
    let scene = Scene::new(std::slice::from_ref(execution));
    let mut out = String::from("(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n\n");
    for world in &scene.worlds {
        log(world, &mut out);
    }
    out
}

type Clock = BTreeMap<Process, usize>;

fn log(world: &World, out: &mut String) {
    let mut clocks = vec![Clock::new(); world.lanes.len()];
    for round in 1..=world.rounds {
        let arrows = world.arrows_in(round);
        let process = |lane: usize| world.lanes[lane].process;
        for lane in 0..world.lanes.len() {
            let sent = arrows.iter().filter(|arrow| arrow.from == lane);
            let text = |arrow: &Arrow| {
                let fate = match arrow.fate {
                    Fate::Delivered => "",
                    Fate::Unread => " (it has stopped)",
                    Fate::LostToTiming => " (lost before GST)",
                    _ => " (removed)",
                };
                format!("{} to {}{fate}", words::shorten(&arrow.label, 80), process(arrow.to))
            };
            let texts: Vec<String> = sent.map(text).collect();
            if !texts.is_empty() {
                event(&mut clocks, world, lane, &format!("round {round} sends: {}", texts.join("; ")), out);
            }
        }
        let sent = clocks.clone();
        for (lane, own) in world.lanes.iter().enumerate() {
            if own.stops == Some(round) {
                event(&mut clocks, world, lane, &format!("round {round}: stops"), out);
            }
            let mut texts: Vec<String> = Vec::new();
            let events = || world.events_in(round).iter().filter(|event| event.lane == lane);
            let clauses = events().map(|event| match event.occurrence {
                crate::Occurrence::Request => format!("asks {}", event.text),
                crate::Occurrence::Response => format!("is told {}", event.text),
            });
            let clauses: Vec<String> = clauses.map(|clause| words::shorten(&clause, 80)).collect();
            let arrived = |arrow: &&Arrow| arrow.to == lane && arrow.fate == Fate::Delivered;
            for arrow in arrows.iter().filter(arrived) {
                texts.push(format!(
                    "receives {} from {}",
                    words::shorten(&arrow.label, 80),
                    process(arrow.from)
                ));
                for (&process, &time) in &sent[arrow.from] {
                    let known = clocks[lane].entry(process).or_insert(0);
                    *known = (*known).max(time);
                }
            }
            texts.extend(clauses);
            if !texts.is_empty() {
                event(&mut clocks, world, lane, &format!("round {round} step: {}", texts.join("; ")), out);
            }
        }
    }
}

/// One event: the process's own time passes, and it is written down.
fn event(clocks: &mut [Clock], world: &World, lane: usize, text: &str, out: &mut String) {
    let process = world.lanes[lane].process;
    let clock = &mut clocks[lane];
    *clock.entry(process).or_insert(0) += 1;
    let entries: Vec<String> = clock.iter().map(|(process, time)| format!("\"{process}\":{time}")).collect();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{process} {{{}}}\n{text}", entries.join(","));
}
