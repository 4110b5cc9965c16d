//! What stands below the worlds: who cannot tell which worlds apart, and what the signs mean. The legend
//! names only signs that the drawing uses.

use super::{DARK, GREY, LIGHT, REMOVED, bold, colour, ink, text};
use crate::figure::{Anchor, End, Ink, Point, Shape, fit, text_width, wrap};
use crate::scene::{Arrow, Fate, Scene};

const SIZE: f64 = 11.0;
const LINE: f64 = 22.0;

/// A sentence for each likeness, after a piece of its lane. Returns the lower edge.
pub(crate) fn sentences(scene: &Scene, x: f64, mut y: f64, width: f64, shapes: &mut Vec<Shape>) -> f64 {
    let sentences = scene.sentences();
    for (number, sentence) in sentences.iter().enumerate() {
        y += 20.0;
        let line = Point::new(x, y - 4.0);
        shapes.push(Shape::Line {
            from: line,
            to: Point::new(x + 26.0, line.y),
            ink: ink(colour(number), 3.0),
        });
        let sentence = fit(sentence, 13.0, width - 34.0);
        shapes.push(bold(Point::new(x + 34.0, y), Anchor::Start, 13.0, colour(number), sentence));
    }
    if let Some(note) = scene.compared() {
        y += 18.0;
        shapes.push(text(Point::new(x, y), Anchor::Start, SIZE, GREY, fit(&note, SIZE, width)));
    }
    y
}

/// The signs and their meaning. Returns the lower edge.
pub(crate) fn legend(
    scene: &Scene,
    unlabelled: usize,
    at: Point,
    right: f64,
    shapes: &mut Vec<Shape>,
) -> f64 {
    let (left, top) = (at.x, at.y);
    let arrows = || scene.worlds.iter().flat_map(|world| &world.arrows);
    let any = |wanted: &dyn Fn(&Arrow) -> bool| arrows().any(wanted);
    let lanes = || scene.worlds.iter().flat_map(|world| &world.lanes);
    let sign = |end: End, ink: Ink| {
        move |at: Point| Shape::Arrow {
            from: at,
            to: Point::new(at.x + 26.0, at.y),
            end,
            ink,
            tip: String::new(),
        }
    };
    type Sign = Box<dyn Fn(Point) -> Shape>;
    let mut entries: Vec<(Sign, &str)> = Vec::new();
    if any(&|arrow| arrow.fate == Fate::Delivered) {
        entries.push((Box::new(sign(End::Head, ink(DARK, 1.4))), "message, sent and received in the round"));
    }
    if any(&|arrow| arrow.repeats && !arrow.fate.is_removed()) {
        entries.push((Box::new(sign(End::Head, ink(LIGHT, 1.1))), "the same as in the round before"));
    }
    if any(&|arrow| arrow.fate.is_removed() && arrow.fate != Fate::LostToTiming) {
        entries.push((
            Box::new(sign(End::Cross, ink(REMOVED, 1.4))),
            "removed; the cross is at the process that is charged",
        ));
    }
    if any(&|arrow| arrow.fate == Fate::LostToTiming) {
        let dotted = Ink { colour: GREY, width: 1.3, dash: Some((2.0, 3.0)) };
        entries.push((Box::new(sign(End::Ring, dotted)), "lost before GST, nobody is charged"));
    }
    if any(&|arrow| arrow.fate == Fate::Unread) {
        entries
            .push((Box::new(sign(End::OpenHead, ink(LIGHT, 1.1))), "arrives at a process that has stopped"));
    }
    if lanes().any(|lane| lane.fault.is_some()) {
        let dashed = Ink { colour: GREY, width: 1.8, dash: Some((7.0, 4.0)) };
        let line = move |at: Point| Shape::Line { from: at, to: Point::new(at.x + 26.0, at.y), ink: dashed };
        entries.push((Box::new(line), "faulty process"));
    }
    if lanes().any(|lane| lane.stops.is_some()) {
        let cross =
            |at: Point| Shape::Cross { at: Point::new(at.x + 13.0, at.y), size: 5.0, ink: ink(DARK, 2.4) };
        entries.push((Box::new(cross), "stops for good"));
    }
    if scene.worlds.iter().any(|world| !world.events.is_empty()) {
        let pill = |solid| {
            move |at: Point| Shape::Pill {
                at: Point::new(at.x, at.y - 6.0),
                width: 26.0,
                height: 12.0,
                solid,
                ink: ink(DARK, 1.0),
            }
        };
        entries.push((Box::new(pill(false)), "request"));
        entries.push((Box::new(pill(true)), "response"));
    }
    if entries.is_empty() {
        return top;
    }
    shapes.push(Shape::Line {
        from: Point::new(left, top),
        to: Point::new(right, top),
        ink: ink(super::GRID, 1.0),
    });
    let (mut x, mut y) = (left, top + 20.0);
    for (sign, meaning) in entries {
        let width = 34.0 + text_width(meaning, SIZE);
        if x > left && x + width > right {
            (x, y) = (left, y + LINE);
        }
        shapes.push(sign(Point::new(x, y - 4.0)));
        shapes.push(text(Point::new(x + 34.0, y), Anchor::Start, SIZE, GREY, meaning));
        x += width + 22.0;
    }
    if unlabelled > 0 {
        let messages = if unlabelled == 1 { "message has" } else { "messages have" };
        let note =
            format!("{unlabelled} {messages} no text here for want of room: point at an arrow to read it.");
        y += 4.0;
        for line in wrap(&note, SIZE, right - left) {
            y += 17.0;
            shapes.push(text(Point::new(left, y), Anchor::Start, SIZE, GREY, line));
        }
    }
    y
}
