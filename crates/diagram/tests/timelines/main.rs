//! Timelines: golden files, and what holds of every drawing, of input that no run can give too.

#![allow(missing_docs)]

#[allow(unreachable_pub)]
mod samples;
#[path = "../support/mod.rs"]
mod support;

use proptest::prelude::*;
use support::{check, columns, well_formed, without_styles};
use threeworlds_diagram::timeline::{
    self, Clock, Cut, Fate, Happening, Kind, Lane, Loss, Mark, Message, Near, Note, Operation, Order,
    Outcome, Sheet, Timeline, Weight,
};
use threeworlds_diagram::{Group, Report, Shape, TerminalOptions, html};

fn text(sheet: &Sheet, width: usize, ascii: bool) -> String {
    timeline::terminal(sheet, &TerminalOptions { width, ascii, colour: false })
}

#[test]
fn golden() {
    for (name, sheet) in samples::all() {
        check(&format!("timelines/{name}.txt"), &text(&sheet, 80, false));
        for width in [0, 80, 133] {
            fits(&sheet, width);
        }
    }
    for name in ["faults", "stale-read", "nasty", "odd", "empty", "none"] {
        check(&format!("timelines/{name}.svg"), &timeline::svg(&sample(name)));
    }
    check("timelines/nasty.tex", &timeline::tikz(&sample("nasty")));
    check("timelines/faults.ascii.txt", &text(&sample("faults"), 80, true));
    check("timelines/faults.narrow.txt", &text(&sample("faults"), 50, false));
    let options = TerminalOptions { colour: true, ..TerminalOptions::default() };
    check("timelines/stale-read.colour.txt", &timeline::terminal(&sample("stale-read"), &options));
}

fn sample(name: &str) -> Sheet {
    samples::all().into_iter().find(|(sample, _)| *sample == name).expect("there is such a sample").1
}

#[test]
fn the_picture_for_the_documentation() {
    let mut sheet = samples::worlds();
    sheet.timelines.drain(..2);
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/images/timeline.svg");
    check(picture, &timeline::svg(&sheet));
}

#[test]
fn the_documentation_shows_what_is_drawn() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reading-the-diagrams.md");
    let page = std::fs::read_to_string(page).expect("there is such a page").replace("\r\n", "\n");
    assert!(
        page.contains(&text(&sample("stale-read"), 80, false)),
        "copy golden/timelines/stale-read.txt there"
    );
}

#[test]
fn a_report_shows_a_timeline_and_runs_nothing() {
    let group = Group {
        heading: "A run".into(),
        timelines: Sheet { timelines: vec![samples::stale_read(), samples::odd()], ..sample("nasty") },
        ..Group::default()
    };
    let page = html(&Report { groups: vec![group], ..Report::default() });
    assert!(page.contains("write(x, 42)</td><td>ok</td><td>to blame</td>"));
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("href="));
    let body = &page[page.find("<main>").expect("there is a main")..page.find("</main>").expect("its end")];
    well_formed(&format!("{body}</main>")).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn many_of_everything_are_thinned_and_counted() {
    let sheet = Sheet::from(samples::large());
    let svg = timeline::svg(&sheet);
    well_formed(&svg).unwrap_or_else(|error| panic!("{error}"));
    accounted(&sheet);
    assert!(svg.contains("3400 of 4000 operations are not drawn"));
    assert!(svg.contains("write(k2, 2000)"), "the operation to blame is drawn");
    assert!(svg.len() < 1_000_000, "{}", svg.len());
    fits(&sheet, 80);
}

/// What matters keeps its room however long the run waited before and after.
#[test]
fn a_long_wait_leaves_the_rest_readable() {
    for wait in [0, 1_000_000, 10_000_000, 100_000_000_000] {
        let mut run = Timeline::new("wait");
        let client = run.client("c1");
        run.operation(client, "first", 0).answered(100_000, "1");
        run.operation(client, "second", 100_000 + wait).answered(200_000 + wait, "2");
        let figure = timeline::figure(&run.into());
        let bars: Vec<f64> = figure
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Frame { width, height: 16.0, .. } => Some(*width),
                _ => None,
            })
            .collect();
        assert_eq!(bars.len(), 2);
        assert!(bars.iter().all(|width| *width > 300.0), "{wait}: {bars:?}");
    }
}

/// A lost message ends in a cross, nearer to the end that is to blame.
#[test]
fn a_lost_message_is_cut_short_at_the_end_to_blame() {
    for (near, at_sender) in [(Near::Sender, true), (Near::Receiver, false)] {
        let mut run = Timeline::new("");
        let (one, two) = (run.server("s1"), run.server("s2"));
        run.message(one, two, "m", 10).lost(20, near, Loss::Cut);
        run.span = Some((0, 30));
        let figure = timeline::figure(&run.into());
        let arrow = figure.shapes.iter().find_map(|shape| match shape {
            Shape::Arrow { from, to, end: threeworlds_diagram::End::Cross, .. } => Some(to.y - from.y),
            _ => None,
        });
        let down = arrow.expect("there is a cross");
        assert!((down < 25.0) == at_sender && down > 5.0 && down < 45.0, "{near:?}: {down}");
    }
}

#[test]
fn every_operation_to_blame_says_so_without_colour() {
    let sheet = Sheet::from(samples::stale_read());
    let svg = timeline::svg(&sheet);
    assert_eq!(svg.matches("to blame</title><path").count(), 3);
    assert_eq!(svg.matches("stroke-width=\"2.4\"").count(), 3 + 1, "three bars and the legend");
    let text = text(&sheet, 80, false);
    for words in ["# write(x, 42) → ok", "# read(x) → 42", "# read(x) → 41"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

/// Every line fits, has no control characters, and in ASCII no others; colours change nothing else.
fn fits(sheet: &Sheet, width: usize) {
    let plain = text(sheet, width, false);
    for line in plain.lines() {
        assert!(columns(line) <= width.max(40), "{} columns in {line:?}\n{plain}", columns(line));
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    let options = TerminalOptions { width, colour: true, ascii: false };
    assert_eq!(without_styles(&timeline::terminal(sheet, &options)), plain);
    let ascii = text(sheet, width, true);
    assert!(ascii.is_ascii(), "{ascii}");
    assert_eq!(ascii.lines().count(), plain.lines().count());
}

/// Counted anew from the picture: what is in the timeline is drawn, or said to be missing.
fn accounted(sheet: &Sheet) {
    let figure = timeline::figure(sheet);
    let texts: Vec<&str> = figure
        .shapes
        .iter()
        .filter_map(|shape| match shape {
            Shape::Text { text, .. } => Some(&text[..]),
            _ => None,
        })
        .collect();
    // The sentences may be broken into lines.
    let said = texts.join(" ");
    let number_before = |end: &str| {
        let before = said.split(end).next().filter(|before| before.len() < said.len());
        let before = before.and_then(|before| before.split([' ', '.']).rev().find(|word| !word.is_empty()));
        before.and_then(|word| word.parse::<usize>().ok())
    };
    let tips: Vec<&str> = figure
        .shapes
        .iter()
        .filter_map(|shape| match shape {
            Shape::Arrow { tip, .. } | Shape::Path { tip, .. } => Some(&tip[..]),
            _ => None,
        })
        .collect();
    let timeline = &sheet.timelines[0];
    let lanes = timeline.lanes.len();
    let known = timeline.messages.iter().filter(|message| message.from < lanes && message.to < lanes).count();
    let drawn = tips.iter().filter(|tip| tip.contains("\nsent at ")).count();
    let missing = number_before(" messages are not drawn").or(number_before(" message is not drawn"));
    assert_eq!(known, drawn + missing.unwrap_or(0), "messages: {said}");
    let asked = timeline.operations.iter().filter(|operation| operation.lane < lanes).count();
    let drawn = tips.iter().filter(|tip| tip.contains("\nasked at ")).count();
    let missing = texts.iter().find_map(|text| {
        let (missing, total) = text.strip_suffix(" operations are not drawn.")?.split_once(" of ")?;
        assert_eq!(total.parse(), Ok(asked));
        missing.parse::<usize>().ok()
    });
    let missing = missing.unwrap_or(0);
    assert_eq!(asked, drawn + missing, "operations: {said}");
    let unknown = timeline.operations.len() - asked + timeline.messages.len() - known
        + timeline.marks.iter().filter(|mark| mark.lane >= lanes).count();
    let missing = number_before(" things name a process").or(number_before(" thing names a process"));
    assert_eq!(unknown, missing.unwrap_or(0), "{said}");
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{0,6}",
        2 => "\\PC{0,12}",
        1 => any::<String>(),
        1 => "[a-z<&\"']{250,320}",
    ]
}

fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..50u64, 4 => 0..2_000_000u64, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn any_happening() -> impl Strategy<Value = Happening> {
    prop::sample::select(vec![
        Happening::Killed,
        Happening::Exited,
        Happening::Restarted,
        Happening::Paused,
        Happening::Resumed,
        Happening::Odd,
    ])
}

fn any_fate() -> impl Strategy<Value = Fate> {
    let near = prop::sample::select(vec![Near::Sender, Near::Receiver]);
    let by = prop::sample::select(vec![Loss::Cut, Loss::Type, Loss::Down]);
    prop_oneof![
        3 => any_time().prop_map(|at| Fate::Arrived { at }),
        3 => (any_time(), near, by).prop_map(|(at, near, by)| Fate::Lost { at, near, by }),
        1 => Just(Fate::Open),
    ]
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        any_text().prop_map(Outcome::Answered),
        any_text().prop_map(Outcome::Refused),
        Just(Outcome::Unanswered)
    ]
}

prop_compose! {
    fn any_lane()(name in any_text(), client in any::<bool>(), fault in prop::option::of(any_text())) -> Lane {
        Lane { name, kind: if client { Kind::Client } else { Kind::Server }, fault }
    }
}

prop_compose! {
    fn any_operation()(
        lane in 0..9usize,
        call in any_text(),
        from in any_time(),
        to in prop::option::of(any_time()),
        outcome in any_outcome(),
        weight in prop::sample::select(vec![Weight::Normal, Weight::Blamed, Weight::Context]),
        detail in any_text(),
    ) -> Operation {
        Operation { lane, call, from, to, outcome, weight, detail }
    }
}

prop_compose! {
    fn any_message()(
        from in 0..9usize,
        to in 0..9usize,
        label in any_text(),
        detail in any_text(),
        sent in any_time(),
        fate in any_fate(),
    ) -> Message {
        Message { from, to, label, detail, sent, fate }
    }
}

prop_compose! {
    fn any_timeline()(
        texts in prop::collection::vec(any_text(), 4),
        steps in any::<bool>(),
        span in prop::option::of((any_time(), any_time())),
        lanes in prop::collection::vec(any_lane(), 0..9),
        operations in prop::collection::vec(any_operation(), 0..24),
        messages in prop::collection::vec(any_message(), 0..24),
        marks in prop::collection::vec(
            (0..9usize, any_time(), any_happening(), any_text())
                .prop_map(|(lane, at, happening, detail)| Mark { lane, at, happening, detail }),
            0..6,
        ),
        cuts in prop::collection::vec(
            (
                prop::collection::vec((0..9usize, 0..9usize), 0..4),
                any_time(),
                prop::option::of(any_time()),
                any_text(),
            )
                .prop_map(|(links, from, to, label)| Cut { links, from, to, label }),
            0..6,
        ),
        notes in prop::collection::vec(
            (any_time(), any_text()).prop_map(|(at, text)| Note { at, text }),
            0..4,
        ),
        orders in prop::collection::vec(
            (0..30usize, 0..30usize, any_text())
                .prop_map(|(before, after, label)| Order { before, after, label }),
            0..4,
        ),
        // One more than a list can hold is not needed: repeated, they are more than any drawing has room for.
        times in prop_oneof![4 => Just(1usize), 1 => Just(40)],
        not_kept in 0..3u64,
    ) -> Timeline {
        Timeline {
            title: texts[0].clone(),
            subtitle: texts[1].clone(),
            clock: if steps { Clock::Steps } else { Clock::Microseconds },
            span,
            lanes,
            operations: vec![operations; times].concat(),
            messages: vec![messages; times].concat(),
            marks,
            cuts,
            notes,
            orders,
            caption: texts[2..].to_vec(),
            not_kept,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything_is_drawn_and_nothing_is_lost_silently(timeline in any_timeline(), width in 0..130usize) {
        let sheet = Sheet { caption: timeline.caption.clone(), ..Sheet::from(timeline) };
        let figure = timeline::figure(&sheet);
        for shape in &figure.shapes {
            for point in points(shape) {
                let inside = |value: f64, most: f64| value > -40.0 && value < most + 40.0;
                prop_assert!(inside(point.0, figure.width) && inside(point.1, figure.height), "{shape:?}");
            }
        }
        let svg = timeline::svg(&sheet);
        prop_assert!(well_formed(&svg).is_ok(), "{:?}", well_formed(&svg));
        prop_assert_eq!(&svg, &timeline::svg(&sheet));
        let whole = timeline::tikz(&sheet).ends_with("\\end{document}\n");
        prop_assert!(whole);
        accounted(&sheet);
        let options = TerminalOptions { width, colour: false, ascii: false };
        let text = timeline::terminal(&sheet, &options);
        prop_assert!(!text.chars().any(|character| character.is_control() && character != '\n'));
        let ascii = timeline::terminal(&sheet, &TerminalOptions { ascii: true, ..options });
        prop_assert!(ascii.is_ascii());
        for line in ascii.lines() {
            prop_assert!(line.len() <= width.max(40), "{} columns: {line:?}", line.len());
        }
        for number in 0..sheet.timelines[0].not_kept {
            prop_assert!(text.contains("counted"), "{number}");
        }
    }
}

/// Few by default; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(60)
}

fn points(shape: &Shape) -> Vec<(f64, f64)> {
    match shape {
        Shape::Line { from, to, .. } | Shape::Arrow { from, to, .. } => vec![(from.x, from.y), (to.x, to.y)],
        Shape::Cross { at, .. } | Shape::Text { at, .. } => vec![(at.x, at.y)],
        Shape::Pill { at, width, height, .. } | Shape::Frame { at, width, height, .. } => {
            vec![(at.x, at.y), (at.x + width, at.y + height)]
        }
        Shape::Path { points, .. } => points.iter().map(|point| (point.x, point.y)).collect(),
    }
}
