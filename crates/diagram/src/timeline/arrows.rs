//! Messages: an arrow from where it left to where it arrived; one that was lost is cut short at the end
//! that is to blame.

use std::collections::BTreeSet;

use super::bars::BAR;
use super::layout::Panel;
use super::scene::{ends, name};
use super::{Fate, Kind, Loss, Message, Near};
use crate::figure::{Anchor, End, Ink, Point, Shape, text_width};
use crate::layout::{DARK, GREY, LIGHT, REMOVED, REMOVED_LIGHT, ink};
use crate::words;

const SIZE: f64 = 9.5;
/// How near to the end that is to blame a lost message ends.
const SHORT: f64 = 17.0;
const CLEAR: f64 = 10.0;

pub(crate) fn draw(panel: &mut Panel<'_>, shapes: &mut Vec<Shape>) {
    let timeline = panel.scene.timeline;
    let mut labels = Vec::new();
    // Of what goes on all the time, one of each kind has a name.
    let mut named = BTreeSet::new();
    for index in 0..panel.scene.messages.len() {
        let message = &timeline.messages[panel.scene.messages[index]];
        let (Some(from), Some(to)) =
            (panel.at(message.sent, message.from), panel.at(ends(message), message.to))
        else {
            continue;
        };
        let (from, to) = (at_edge(panel, message.from, from, to), at_edge(panel, message.to, to, from));
        let tip = tip(panel, message);
        if message.from == message.to {
            itself(from, to, message, tip, shapes);
        } else {
            let (end, stop, ink) = manner(message, from, to);
            if end == End::Cross {
                panel.taken.push([stop.x - 5.0, stop.y - 5.0, stop.x + 5.0, stop.y + 5.0]);
            }
            // A loss matters as long as somebody waits.
            let lost = matches!(message.fate, Fate::Lost { .. });
            let matters = lost && panel.scene.awaited(message.sent);
            let regular = panel.scene.is_regular(panel.scene.messages[index]);
            let ink = if regular && !matters { pale(ink) } else { ink };
            shapes.push(Shape::Arrow { from, to: stop, end, ink, tip });
        }
        let regular = panel.scene.is_regular(panel.scene.messages[index]);
        let lost = matches!(message.fate, Fate::Lost { .. });
        let kind = (message.from, message.to, &message.label[..], lost && panel.scene.awaited(message.sent));
        if !regular || named.insert(kind) {
            labels.push((message, from, to));
        }
    }
    // Rare types first: what happens all the time needs a name least.
    let count = |label: &str| labels.iter().filter(|(message, ..)| message.label == label).count();
    let mut order: Vec<(usize, usize)> =
        labels.iter().enumerate().map(|(number, (message, ..))| (count(&message.label), number)).collect();
    order.sort_unstable();
    for (_, number) in order {
        let (message, from, to) = labels[number];
        let text = words::shorten(&words::one_line(&message.label), 24);
        if text.is_empty() {
            continue;
        }
        match place(panel, message, from, to, text_width(&text, SIZE)) {
            Some(at) => shapes.push(Shape::Text {
                at,
                anchor: Anchor::Start,
                size: SIZE,
                bold: false,
                colour: if matches!(message.fate, Fate::Lost { .. }) { REMOVED } else { DARK },
                ground: true,
                text,
                tip: None,
            }),
            None => panel.unlabelled += 1,
        }
    }
}

/// On the line of a client that asks something, a message ends at the edge of the bars.
fn at_edge(panel: &Panel<'_>, lane: usize, own: Point, other: Point) -> Point {
    let timeline = panel.scene.timeline;
    if timeline.lanes[lane].kind != Kind::Client || own.y == other.y {
        return own;
    }
    let covers = |number: &usize| {
        let operation = &timeline.operations[*number];
        let (from, to) = panel.scene.lasts(operation);
        operation.lane == lane && panel.x(from) - 1.0 <= own.x && own.x <= panel.x(to) + 1.0
    };
    let down = if other.y > own.y { BAR / 2.0 } else { -BAR / 2.0 };
    let bar = panel.scene.operations.iter().any(covers);
    Point::new(own.x, if bar { own.y + down } else { own.y })
}

/// As a message that goes on all the time is drawn.
fn pale(ink: Ink) -> Ink {
    let colour = if ink.colour == REMOVED { REMOVED_LIGHT } else { LIGHT };
    Ink { colour, width: 1.1, ..ink }
}

/// What an arrow ends in, where, and how it is drawn.
fn manner(message: &Message, from: Point, to: Point) -> (End, Point, Ink) {
    // Far enough for the cross to stand clear of the line.
    let (x, y) = (to.x - from.x, to.y - from.y);
    let part = (SHORT / x.hypot(y).max(1.0)).max(CLEAR / y.abs().max(1.0)).min(0.4);
    match message.fate {
        Fate::Arrived { .. } => (End::Head, to, ink(DARK, 1.2)),
        Fate::Lost { near, by, .. } => {
            let stop = from.towards(to, if near == Near::Sender { part } else { 1.0 - part });
            match by {
                Loss::Cut => (End::Cross, stop, ink(REMOVED, 1.4)),
                Loss::Type => (End::Cross, stop, Ink { colour: REMOVED, width: 1.4, dash: Some((4.0, 2.5)) }),
                Loss::Down => (End::OpenHead, to, Ink { colour: GREY, width: 1.1, dash: Some((4.0, 2.5)) }),
            }
        }
        Fate::Open => {
            (End::Ring, from.towards(to, 0.5), Ink { colour: GREY, width: 1.2, dash: Some((2.0, 3.0)) })
        }
    }
}

/// A message to oneself is a bow above the line.
fn itself(from: Point, to: Point, message: &Message, tip: String, shapes: &mut Vec<Shape>) {
    let lost = matches!(message.fate, Fate::Lost { .. });
    let colour = if lost { REMOVED } else { GREY };
    let end = Point::new(to.x.max(from.x + 8.0), to.y);
    let top = Point::new((from.x + end.x) / 2.0, from.y - 12.0);
    shapes.push(Shape::Path { points: vec![from, top, end], ink: ink(colour, 1.2), tip });
    if lost {
        shapes.push(Shape::Cross { at: top, size: 4.0, ink: ink(REMOVED, 2.0) });
    }
}

/// A free place beside the arrow for a text of this width: near the sender, or near the receiver, between
/// two lanes.
fn place(panel: &mut Panel<'_>, message: &Message, from: Point, to: Point, width: f64) -> Option<Point> {
    let (sender, receiver) = (panel.scene.row(message.from)?, panel.scene.row(message.to)?);
    if sender == receiver {
        let at = Point::new(from.x + 2.0, from.y - 15.0);
        return panel.take([at.x, at.y - 8.0, at.x + width, at.y + 2.0]).then_some(at);
    }
    let next = |row: usize, towards: usize| if towards > row { row + 1 } else { row - 1 };
    let between = |one: usize, two: usize| (panel.heights[one] + panel.heights[two]) / 2.0;
    let heights = [between(sender, next(sender, receiver)), between(receiver, next(receiver, sender))];
    let mut places = Vec::new();
    for height in heights {
        for down in [0.0, -9.0, 9.0] {
            let y = height + down;
            let along = ((y - from.y) / (to.y - from.y)).clamp(0.05, 0.95);
            let x = from.x + (to.x - from.x) * along;
            places.push(Point::new(x + 5.0, y + 3.0));
            places.push(Point::new(x - 5.0 - width, y + 3.0));
        }
    }
    let inside = |at: &Point| at.x >= panel.left - 8.0 && at.x + width <= panel.right + 12.0;
    let places: Vec<Point> = places.into_iter().filter(inside).collect();
    places.into_iter().find(|at| panel.take([at.x - 1.0, at.y - 8.0, at.x + width + 1.0, at.y + 2.0]))
}

/// Everything about a message, for those who point at it.
fn tip(panel: &Panel<'_>, message: &Message) -> String {
    let lanes = &panel.scene.timeline.lanes;
    let mut tip = format!(
        "{} to {}: {}\nsent at {}",
        name(&lanes[message.from]),
        name(&lanes[message.to]),
        words::shorten(&words::one_line(&message.label), 300),
        panel.when(message.sent)
    );
    match message.fate {
        Fate::Arrived { at } => tip += &format!("\narrived at {}", panel.when(at)),
        Fate::Open => tip += "\nneither arrived nor lost when the run ended",
        Fate::Lost { at, by, near } => {
            let end = match near {
                Near::Sender => "the sender's end",
                Near::Receiver => "the receiver's end",
            };
            tip += &match by {
                Loss::Cut => format!("\nlost at {}: the link was cut, at {end}", panel.when(at)),
                Loss::Type => {
                    format!("\nlost at {}: such messages were being lost, at {end}", panel.when(at))
                }
                Loss::Down => format!("\nlost at {}: the receiver was not running", panel.when(at)),
            };
        }
    }
    if !message.detail.is_empty() {
        tip += &format!("\n{}", words::shorten(&words::one_line(&message.detail), 1_000));
    }
    tip
}
