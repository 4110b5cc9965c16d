//! What the signs of a drawing of worlds mean. It names only signs that the drawing uses.

use super::layout::{DOTTED, fate_ink, tint};
use super::scene::{Link, Scene, Way};
use crate::figure::{Anchor, End, Ink, Point, Shape, text_width};
use crate::layout::{DARK, GREY, GRID, LIGHT, REMOVED, colour, ink, text};

const SIZE: f64 = 11.0;
const LINE: f64 = 22.0;

/// The signs and their meaning. Returns the lower edge.
pub(crate) fn legend(scene: &Scene, listed: bool, at: Point, right: f64, shapes: &mut Vec<Shape>) -> f64 {
    let ways = |link: &Link| [link.there, link.back];
    let open = |link: &Link| link.open();
    let mut entries: Vec<(Vec<Shape>, &str)> = Vec::new();
    let to = Point::new(26.0, 0.0);
    let from = Point::new(0.0, 0.0);
    let arrow = |end: End, ink: Ink| Shape::Arrow { from, to, end, ink, tip: String::new() };
    let line = |ink: Ink| Shape::Line { from, to, ink };
    let cross = || Shape::Cross { at: Point::new(21.0, 0.0), size: 4.5, ink: ink(REMOVED, 2.2) };
    let cut = |way: &Way| matches!(way, Way::Cut { .. });
    if !listed {
        if scene.rounds {
            if scene.any(|link| ways(link).contains(&Way::Open)) {
                entries.push((vec![arrow(End::Head, ink(DARK, 1.2))], "message"));
            }
            if scene.any(|link| ways(link).contains(&Way::Unread)) {
                entries.push((vec![arrow(End::OpenHead, ink(LIGHT, 1.1))], "nobody is left to read it"));
            }
        } else {
            if scene.any(|link| open(link) == (true, true)) {
                entries.push((vec![line(ink(DARK, 1.8))], "all messages arrive"));
            }
            if scene.any(|link| open(link).0 != open(link).1) {
                entries.push((vec![arrow(End::Head, ink(DARK, 1.5))], "they arrive in this direction only"));
            }
        }
        if scene.any(|link| ways(link).iter().any(cut)) {
            let stub = Shape::Line { from, to: Point::new(21.0, 0.0), ink: fate_ink(CUT) };
            let meaning = if scene.rounds {
                "lost; the cross is at the faulty end"
            } else {
                "all are lost; the cross is at the faulty end"
            };
            entries.push((vec![stub, cross()], meaning));
        }
        if scene.any(|link| ways(link).contains(&Way::Late)) {
            let ring = Shape::Arrow {
                from,
                to: Point::new(13.0, 0.0),
                end: End::Ring,
                ink: DOTTED,
                tip: String::new(),
            };
            entries.push((vec![line(DOTTED), ring], "late: after all that is shown, and nobody is charged"));
        }
        if scene.worlds.iter().any(|world| world.faulty.iter().any(Option::is_some)) {
            let dashed = Ink { colour: GREY, width: 1.7, dash: Some((5.0, 3.5)) };
            let sign = if scene.rounds {
                line(Ink { dash: Some((7.0, 4.0)), ..dashed })
            } else {
                Shape::Frame {
                    at: Point::new(0.0, -6.5),
                    width: 26.0,
                    height: 13.0,
                    radius: 4.0,
                    fill: None,
                    ink: dashed,
                }
            };
            entries.push((vec![sign], "faulty"));
        }
        let stops = |world: &super::scene::Panel| {
            (0..scene.nodes.len())
                .any(|node| world.stops(node).is_some_and(|stops| stops < world.phases.len()))
        };
        if scene.rounds && scene.worlds.iter().any(stops) {
            let cross = Shape::Cross { at: Point::new(13.0, 0.0), size: 5.0, ink: ink(DARK, 2.4) };
            entries.push((vec![cross], "stops for good"));
        }
        let moments = || scene.worlds.iter().flat_map(|world| &world.phases);
        let pill = |solid| Shape::Pill {
            at: Point::new(0.0, -6.0),
            width: 26.0,
            height: 12.0,
            solid,
            ink: ink(DARK, 1.0),
        };
        if moments().any(|moment| !moment.requests.is_empty()) {
            entries.push((vec![pill(false)], "request"));
        }
        if moments().any(|moment| !moment.told.is_empty()) {
            entries.push((vec![pill(true)], "response that follows, whatever the protocol"));
        }
        if let Some(halo) = scene.worlds.iter().flat_map(|world| &world.halos).next() {
            let paint = colour(halo.likeness);
            let frame = Shape::Frame {
                at: Point::new(0.0, -6.5),
                width: 26.0,
                height: 13.0,
                radius: 5.0,
                fill: Some(tint(paint)),
                ink: ink(paint, 1.4),
            };
            entries.push((vec![frame], "all that reaches a client, the same in the worlds named"));
        }
    }
    if entries.is_empty() {
        return at.y;
    }
    shapes.push(Shape::Line { from: at, to: Point::new(right, at.y), ink: ink(GRID, 1.0) });
    let (mut x, mut y) = (at.x, at.y + 20.0);
    for (signs, meaning) in entries {
        let width = 34.0 + text_width(meaning, SIZE);
        if x > at.x && x + width > right {
            (x, y) = (at.x, y + LINE);
        }
        for sign in signs {
            shapes.push(moved(sign, x, y - 4.0));
        }
        shapes.push(text(Point::new(x + 34.0, y), Anchor::Start, SIZE, GREY, meaning));
        x += width + 22.0;
    }
    y
}

const CUT: Way = Way::Cut { sender: false, receiver: true };

fn moved(shape: Shape, x: f64, y: f64) -> Shape {
    let to = |at: Point| Point::new(at.x + x, at.y + y);
    match shape {
        Shape::Line { from, to: end, ink } => Shape::Line { from: to(from), to: to(end), ink },
        Shape::Arrow { from, to: tip_at, end, ink, tip } => {
            Shape::Arrow { from: to(from), to: to(tip_at), end, ink, tip }
        }
        Shape::Cross { at, size, ink } => Shape::Cross { at: to(at), size, ink },
        Shape::Pill { at, width, height, solid, ink } => {
            Shape::Pill { at: to(at), width, height, solid, ink }
        }
        Shape::Frame { at, width, height, radius, fill, ink } => {
            Shape::Frame { at: to(at), width, height, radius, fill, ink }
        }
        other => other,
    }
}
