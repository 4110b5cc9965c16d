//! How a link is drawn that is not open both ways.

use crate::figure::{End, Point, Shape};
use crate::layout::{DARK, REMOVED, ink};
use crate::worlds::layout::{DOTTED, fate_ink};
use crate::worlds::scene::{Link, Way};

/// How far a cross stands from the node that it belongs to.
const CROSS: f64 = 34.0;

/// A link on which nothing arrives.
pub(crate) fn dead(link: &Link, way: &[Point], tip: String, shapes: &mut Vec<Shape>) {
    let (mut one, mut other) = link.cut_ends();
    // Nobody sends from a stopped block, and nobody there reads.
    if !one && !other && !link.is_late() {
        (one, other) = (link.back == Way::Unread, link.there == Way::Unread);
    }
    let level = way.len() == 2 && way[0].y == way[1].y;
    let distance = if level || (one && other) { CROSS * 0.65 } else { CROSS };
    let end = |cut: bool| if cut { distance } else { 0.0 };
    let points = trimmed(way, end(one), end(other));
    let late = link.is_late();
    let paint = if late { DOTTED } else { fate_ink(Way::Cut { sender: one, receiver: other }) };
    let (from, to) = (points[0], points[points.len() - 1]);
    let hidden = (from, along(&points, 0.36));
    shapes.push(Shape::Path { points, ink: paint, tip });
    for (cut, at) in [(one, from), (other, to)] {
        if cut {
            shapes.push(Shape::Cross { at, size: 4.5, ink: ink(REMOVED, 2.2) });
        }
    }
    if late {
        ring(hidden.0, hidden.1, shapes);
    }
}

/// The closed direction of a link that works in the other.
pub(crate) fn one_way(way: &[Point], fate: Way, tip: String, shapes: &mut Vec<Shape>) {
    let length = length(way);
    let points = match fate {
        Way::Cut { sender: true, .. } => trimmed(way, 0.0, (length - CROSS).max(length * 0.4)),
        Way::Cut { .. } => trimmed(way, 0.0, CROSS),
        _ => trimmed(way, 0.0, length * 0.5),
    };
    let (before, last) = (points[points.len() - 2], points[points.len() - 1]);
    shapes.push(Shape::Path { points, ink: fate_ink(fate), tip });
    if fate == Way::Late {
        ring(before, last, shapes);
    } else {
        shapes.push(Shape::Cross { at: last, size: 4.0, ink: ink(REMOVED, 2.0) });
    }
}

/// The mark of what is late.
fn ring(from: Point, at: Point, shapes: &mut Vec<Shape>) {
    let near = at.towards(from, 0.01);
    shapes.push(Shape::Arrow { from: near, to: at, end: End::Ring, ink: DOTTED, tip: String::new() });
}

/// A link, or its one direction, on which messages arrive.
pub(crate) fn arrow(points: &[Point], tip: String, shapes: &mut Vec<Shape>) {
    let [.., before, last] = points else { return };
    let shaft = ink(DARK, 1.5);
    if points.len() > 2 {
        let points = points[..points.len() - 1].to_vec();
        shapes.push(Shape::Path { points, ink: shaft, tip: tip.clone() });
    }
    shapes.push(Shape::Arrow { from: *before, to: *last, end: End::Head, ink: shaft, tip });
}

fn length(points: &[Point]) -> f64 {
    points.windows(2).map(|pair| distance(pair[0], pair[1])).sum()
}

fn distance(one: Point, other: Point) -> f64 {
    (one.x - other.x).hypot(one.y - other.y)
}

/// The place at this part of the way.
fn along(points: &[Point], part: f64) -> Point {
    let mut left = length(points) * part;
    for pair in points.windows(2) {
        let here = distance(pair[0], pair[1]);
        if left <= here {
            return pair[0].towards(pair[1], if here > 0.0 { left / here } else { 0.0 });
        }
        left -= here;
    }
    points[points.len() - 1]
}

/// The line without so much of its start and its end.
fn trimmed(points: &[Point], start: f64, end: f64) -> Vec<Point> {
    let all = length(points).max(1.0);
    let (first, last) = (start.min(all * 0.45), all - end.min(all * 0.6));
    let mut out = vec![along(points, first / all)];
    let mut so_far = 0.0;
    for pair in points.windows(2) {
        so_far += distance(pair[0], pair[1]);
        if so_far > first && so_far < last {
            out.push(pair[1]);
        }
    }
    out.push(along(points, last / all));
    out
}

/// The line moved to its right.
pub(crate) fn aside(points: &[Point], by: f64) -> Vec<Point> {
    let direction = points[0].direction(points[points.len() - 1]);
    points.iter().map(|point| Point::new(point.x - direction.y * by, point.y + direction.x * by)).collect()
}
