//! The network alone, with a clock of the test's own.

use std::time::{Duration, Instant};

use threeworlds_attack::router::{Payload, Router};
use threeworlds_attack::{Link, Loss, Remover, What};

use crate::support::process;

const LATENCY: Duration = Duration::from_millis(10);

fn line(from: u16, to: u16, number: u64) -> String {
    format!(r#"{{"src":"n{from}","dest":"n{to}","body":{{"type":"t{}","number": {number} }}}}"#, number % 3)
}

fn link(from: u16, to: u16) -> Link {
    Link { from: process(&format!("s{from}")), to: process(&format!("s{to}")) }
}

#[test]
fn a_message_arrives_after_the_latency_as_it_was_written() {
    let start = Instant::now();
    let mut router = Router::new(2, 1, LATENCY, 10, start);
    router.start_journal(start);
    let text = r#"{ "body": {"type":"x", "big": 123456789012345678901234567890.10, "a":"\u00e9"}, "src": "n1", "dest":"n2" , "id": 4}"#;
    router.line(start, 1, text.as_bytes());
    assert!(router.next(start + LATENCY - Duration::from_nanos(1)).is_none());
    assert_eq!(router.next_due(), Some(start + LATENCY));
    let message = router.next(start + LATENCY).unwrap();
    let Payload::Line(delivered) = message.payload else { panic!("a line for a node") };
    assert_eq!(String::from_utf8(delivered).unwrap(), format!("{text}\n"));
    assert!(router.next(start + 10 * LATENCY).is_none());
}

/// Random traffic through changing cuts and losses, against a list of everything that was sent.
#[test]
fn every_message_is_delivered_in_order_or_removed_for_a_reason() {
    let start = Instant::now();
    let mut now = start;
    let mut router = Router::new(3, 0, LATENCY, u64::MAX, start);
    router.start_journal(start);
    let mut state = 1u64;
    let mut below = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut cut: Vec<Link> = Vec::new();
    let mut losses: Vec<Loss> = Vec::new();
    let mut expected: Vec<(u64, Instant, Option<Remover>)> = Vec::new();
    let mut delivered = Vec::new();
    for number in 0..20_000 {
        now += Duration::from_micros(below(300));
        let all = || (1..=3).flat_map(|from| (1..=3).map(move |to| link(from, to)));
        match below(100) {
            0 => {
                cut = all().filter(|_| below(3) == 0).collect();
                router.cut(now, &cut);
            }
            1 => {
                let lost = all().filter(|_| below(3) == 0);
                losses = lost.map(|link| Loss { message_type: "t1".to_owned(), link }).collect();
                router.lose(now, &losses);
            }
            _ => {}
        }
        let (from, to) = (below(3) as u16 + 1, below(4) as u16 + 1);
        let on = link(from, to);
        let by = match () {
            () if to == 4 => Some(Remover::Nobody),
            () if cut.contains(&on) => Some(Remover::Cut),
            () if number % 3 == 1 && losses.iter().any(|loss| loss.link == on) => Some(Remover::Loss),
            () => None,
        };
        expected.push((number, now + LATENCY, by));
        router.line(now, from, line(from, to, number).as_bytes());
        while let Some(message) = router.next(now) {
            delivered.push((message.message.unwrap(), message.due));
        }
    }
    while let Some(message) = router.next(now + LATENCY) {
        delivered.push((message.message.unwrap(), message.due));
    }
    let arrives = expected.iter().filter(|(_, _, by)| by.is_none()).map(|&(number, due, _)| (number, due));
    assert!(delivered.iter().copied().eq(arrives));
    assert!(delivered.len() > 5_000);
    let removed = router.journal().events.iter().filter_map(|event| match event.what {
        What::Removed { message, by } => Some((message, by)),
        _ => None,
    });
    let lost: Vec<_> = expected.iter().filter_map(|&(number, _, by)| Some((number, by?))).collect();
    assert!(removed.eq(lost.iter().copied()));
    for by in [Remover::Cut, Remover::Loss, Remover::Nobody] {
        assert!(lost.iter().filter(|lost| lost.1 == by).count() > 100, "{by:?}");
    }
}

#[test]
fn messages_beyond_the_limit_are_counted_and_all_the_rest_is_kept() {
    let start = Instant::now();
    let mut router = Router::new(2, 0, Duration::ZERO, 10, start);
    router.start_journal(start);
    for number in 0..30 {
        router.line(start, 1, line(1, 2, number).as_bytes());
        let message = router.next(start).unwrap();
        router.delivered(start, message.message);
    }
    router.cut(start, &[link(1, 2)]);
    let journal = router.into_journal();
    assert_eq!(journal.not_kept, 20);
    assert_eq!(journal.events.len(), 2 * 10 + 1);
}
