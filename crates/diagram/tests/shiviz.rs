//! Vector clocks, checked against happened-before as computed from the execution, not from the log.

#![allow(missing_docs)]

mod samples;

use std::collections::BTreeMap;

use threeworlds_diagram::shiviz;
use threeworlds_model::Execution;

struct Event {
    host: String,
    clock: BTreeMap<String, usize>,
    text: String,
}

fn parse(log: &str) -> Vec<Event> {
    let mut lines = log.lines();
    assert_eq!(lines.next(), Some(r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"));
    assert_eq!(lines.next(), Some(""));
    let mut events = Vec::new();
    while let Some(line) = lines.next() {
        let (host, clock) = line.split_once(' ').expect("a host and a clock");
        let clock = serde_json::from_str(clock).expect("the clock is JSON");
        let text = lines.next().expect("an event has a text").to_owned();
        events.push(Event { host: host.to_owned(), clock, text });
    }
    events
}

fn round(event: &Event) -> usize {
    let digits = event.text.strip_prefix("round ").expect("it names its round");
    digits.split([' ', ':']).next().and_then(|number| number.parse().ok()).expect("a number")
}

fn sends(event: &Event) -> bool {
    event.text.contains(" sends: ")
}

/// Happened-before by its definition: the order at each process, and each message that arrived.
fn before(execution: &Execution, events: &[Event]) -> Vec<Vec<bool>> {
    let stops =
        |host: &str| execution.crash_round(host.parse().expect("a host is a process")).unwrap_or(usize::MAX);
    let mut before = vec![vec![false; events.len()]; events.len()];
    for (one, first) in events.iter().enumerate() {
        for (two, second) in events.iter().enumerate() {
            let same = first.host == second.host && one < two;
            let arrives = sends(first)
                && second.text.contains(" step: ")
                && round(first) == round(second)
                && stops(&second.host) > round(second)
                && execution.rounds[round(first) - 1].messages.iter().any(|sent| {
                    sent.from.to_string() == first.host
                        && sent.to.to_string() == second.host
                        && sent.removed.is_none()
                });
            before[one][two] = same || arrives;
        }
    }
    for middle in 0..events.len() {
        for one in 0..events.len() {
            for two in 0..events.len() {
                before[one][two] |= before[one][middle] && before[middle][two];
            }
        }
    }
    before
}

#[test]
fn clocks_say_exactly_what_happened_before_what() {
    for (name, executions) in samples::all() {
        if name == "long" {
            continue;
        }
        for execution in &executions {
            let events = parse(&shiviz(execution));
            let before = before(execution, &events);
            for (one, first) in events.iter().enumerate() {
                for (two, second) in events.iter().enumerate() {
                    let at = |clock: &BTreeMap<String, usize>, host: &String| {
                        clock.get(host).copied().unwrap_or(0)
                    };
                    let less = first.clock.iter().all(|(host, &time)| time <= at(&second.clock, host))
                        && first.clock != second.clock;
                    assert_eq!(less, before[one][two], "{name}: {} and {}", first.text, second.text);
                }
            }
        }
    }
}

#[test]
fn each_process_counts_its_own_events_from_one() {
    for (name, executions) in samples::all() {
        for execution in &executions {
            let mut times: BTreeMap<String, usize> = BTreeMap::new();
            for event in parse(&shiviz(execution)) {
                let time = times.entry(event.host.clone()).or_insert(0);
                *time += 1;
                assert_eq!(event.clock.get(&event.host), Some(&*time), "{name}: {}", event.text);
            }
        }
    }
}

#[test]
fn a_removed_message_carries_no_clock() {
    let worlds = samples::three_worlds();
    for event in parse(&shiviz(&worlds[2])) {
        let side = event.host.chars().last();
        assert!(
            event.clock.keys().all(|host| host.chars().last() == side),
            "{}: {:?}",
            event.text,
            event.clock
        );
    }
}
