//! What the signs of a drawing mean. Only those that it uses are named.

use super::lines::{State, stretches};
use super::scene::Scene;
use super::{Fate, Happening, Loss, Message, Operation, Outcome, Weight, lanes};
use crate::figure::{Anchor, End, Ink, Point, Shape, text_width, wrap};
use crate::layout::{DARK, GREY, GRID, LIGHT, REMOVED, ink, text};

const SIZE: f64 = 11.0;
const LINE: f64 = 22.0;
const SIGN: f64 = 26.0;

type Sign = Box<dyn Fn(Point) -> Vec<Shape>>;

/// Returns the lower edge.
pub(crate) fn legend(
    scenes: &[Scene<'_>],
    unlabelled: usize,
    at: Point,
    right: f64,
    shapes: &mut Vec<Shape>,
) -> f64 {
    let entries = entries(scenes);
    if entries.is_empty() && unlabelled == 0 {
        return at.y;
    }
    shapes.push(Shape::Line { from: at, to: Point::new(right, at.y), ink: ink(GRID, 1.0) });
    let (mut x, mut y) = (at.x, at.y + 20.0);
    for (sign, meaning) in entries {
        let width = SIGN + 8.0 + text_width(meaning, SIZE);
        if x > at.x && x + width > right {
            (x, y) = (at.x, y + LINE);
        }
        shapes.extend(sign(Point::new(x, y - 4.0)));
        shapes.push(text(Point::new(x + SIGN + 8.0, y), Anchor::Start, SIZE, GREY, meaning));
        x += width + 22.0;
    }
    if unlabelled > 0 {
        let texts = if unlabelled == 1 { "text has" } else { "texts have" };
        let note =
            format!("{unlabelled} {texts} no room here: point at a bar, an arrow or a sign to read it.");
        y += 4.0;
        for line in wrap(&note, SIZE, right - at.x) {
            y += 17.0;
            shapes.push(text(Point::new(at.x, y), Anchor::Start, SIZE, GREY, line));
        }
    }
    y
}

fn entries(scenes: &[Scene<'_>]) -> Vec<(Sign, &'static str)> {
    let messages = || {
        scenes.iter().flat_map(|scene| scene.messages.iter().map(|&number| &scene.timeline.messages[number]))
    };
    let operations = || {
        scenes
            .iter()
            .flat_map(|scene| scene.operations.iter().map(|&number| &scene.timeline.operations[number]))
    };
    let sent = |wanted: &dyn Fn(&Message) -> bool| messages().any(wanted);
    let asked = |wanted: &dyn Fn(&Operation) -> bool| operations().any(wanted);
    let lost = |wanted: Loss| sent(&|message| matches!(message.fate, Fate::Lost { by, .. } if by == wanted));
    let red = |dash| Ink { colour: REMOVED, width: 1.4, dash };
    let mut entries: Vec<(Sign, &'static str)> = Vec::new();
    if sent(&|message| matches!(message.fate, Fate::Arrived { .. })) {
        entries.push((arrow(End::Head, ink(DARK, 1.2)), "message"));
    }
    if scenes.iter().any(|scene| scene.messages.iter().any(|&number| scene.is_regular(number))) {
        entries.push((arrow(End::Head, ink(LIGHT, 1.1)), "one of many alike: only some of them are drawn"));
    }
    if lost(Loss::Cut) {
        entries.push((arrow(End::Cross, red(None)), "lost to a cut, the cross at the end that is to blame"));
    }
    if lost(Loss::Type) {
        entries.push((arrow(End::Cross, red(Some((4.0, 2.5)))), "lost because of its type"));
    }
    if lost(Loss::Down) {
        let grey = Ink { colour: GREY, width: 1.1, dash: Some((4.0, 2.5)) };
        entries.push((arrow(End::OpenHead, grey), "its receiver was not running"));
    }
    if sent(&|message| message.fate == Fate::Open) {
        let grey = Ink { colour: GREY, width: 1.2, dash: Some((2.0, 3.0)) };
        entries.push((arrow(End::Ring, grey), "neither arrived nor lost at the end"));
    }
    if scenes.iter().any(|scene| scene.lanes.iter().any(|&lane| scene.timeline.lanes[lane].fault.is_some())) {
        let dashed = Ink { colour: GREY, width: 1.6, dash: Some((7.0, 4.0)) };
        entries.push((line(dashed), "faulty process"));
    }
    let state = |wanted: State| {
        scenes.iter().any(|scene| {
            let marks = &scene.timeline.marks;
            let is = |lane: &usize| {
                stretches(marks, *lane, scene.span)
                    .iter()
                    .any(|(from, to, state)| from < to && *state == wanted)
            };
            !marks.is_empty() && scene.lanes.iter().any(is)
        })
    };
    if state(State::Paused) {
        entries.push((line(Ink { colour: LIGHT, width: 1.6, dash: Some((1.5, 4.0)) }), "paused"));
    }
    let happened = |wanted: &[Happening]| {
        scenes.iter().any(|scene| {
            scene.marks.iter().any(|&number| wanted.contains(&scene.timeline.marks[number].happening))
        })
    };
    if happened(&[Happening::Killed, Happening::Exited]) {
        let cross = |at: Point| {
            let mut shapes = Vec::new();
            lanes::sign(Happening::Killed, Point::new(at.x + 13.0, at.y), &mut shapes);
            shapes
        };
        entries.push((Box::new(cross), "stops: its line ends until it is started again"));
    }
    if asked(&|one| one.weight == Weight::Normal && one.outcome != Outcome::Unanswered) {
        entries.push((bar(0xE6_EF_F6, ink(DARK, 1.0)), "operation, from call to answer"));
    }
    if asked(&|one| one.outcome == Outcome::Unanswered) {
        let dashed = Ink { colour: DARK, width: 1.0, dash: Some((3.0, 2.5)) };
        entries.push((bar(0xE6_EF_F6, dashed), "no answer: nobody knows whether it was done"));
    }
    if asked(&|one| one.weight == Weight::Blamed) {
        entries.push((bar(0xFF_E3_A8, ink(DARK, 2.4)), "to blame"));
    }
    if asked(&|one| one.weight == Weight::Context) {
        entries.push((bar(0xFF_FF_FF, ink(LIGHT, 1.0)), "what was around"));
    }
    if scenes.iter().any(|scene| !scene.orders.is_empty()) {
        let dashed = Ink { colour: DARK, width: 2.2, dash: Some((6.0, 3.0)) };
        entries.push((arrow(End::Head, dashed), "ended before the other began"));
    }
    if scenes.iter().any(|scene| !scene.cuts.is_empty()) {
        entries.push((bar(0xF0_CD_D2, ink(REMOVED, 0.9)), "links are cut"));
    }
    entries
}

fn arrow(end: End, ink: Ink) -> Sign {
    Box::new(move |at: Point| {
        vec![Shape::Arrow { from: at, to: Point::new(at.x + SIGN, at.y), end, ink, tip: String::new() }]
    })
}

fn line(ink: Ink) -> Sign {
    Box::new(move |at: Point| vec![Shape::Line { from: at, to: Point::new(at.x + SIGN, at.y), ink }])
}

fn bar(fill: u32, ink: Ink) -> Sign {
    Box::new(move |at: Point| {
        let at = Point::new(at.x, at.y - 6.0);
        vec![Shape::Frame { at, width: SIGN, height: 12.0, radius: 3.0, fill: Some(fill), ink }]
    })
}
