//! A world of rounds: time runs to the right, a line for each block, a column for each round. Behind the
//! lines, for each client that cannot tell this world from another, all that reaches it.

use super::layout::{DOTTED, on_bracket, pill, tint};
use super::scene::{Link, Panel, Scene, Way};
use crate::figure::{Anchor, End, Ink, Point, Shape, fit, text_width, wrap};
use crate::layout::{DARK, GREY, GRID, LIGHT, REMOVED, REMOVED_LIGHT, bold, colour, ink, text};

const ROUND: f64 = 108.0;
const SERVER_GAP: f64 = 44.0;
const CLIENT_GAP: f64 = 66.0;
/// How wide a halo is around a lane, and along an arrow.
const BANDS: [f64; 2] = [20.0, 9.0];

#[expect(clippy::cast_precision_loss, reason = "numbers of lanes and rounds are small")]
fn float(number: usize) -> f64 {
    number as f64
}

/// Before the first round: the names.
fn gutter(scene: &Scene) -> f64 {
    let name = |one: &super::scene::Node| {
        let members = one.members.as_ref().map_or(0.0, |text| text_width(text, 9.0));
        text_width(&one.name, 13.0).max(members)
    };
    scene.nodes.iter().map(name).fold(text_width("receive-omission", 9.0), f64::max).min(160.0) + 14.0
}

/// After the last: what is the same elsewhere.
fn after(scene: &Scene) -> f64 {
    let halos = scene.worlds.iter().flat_map(|world| &world.halos);
    halos.map(|halo| text_width(&halo.label, 10.5) + 16.0).fold(20.0, f64::max).min(190.0)
}

fn rounds(scene: &Scene) -> usize {
    scene.worlds.iter().map(|world| world.phases.len()).max().unwrap_or(0)
}

pub(crate) fn width(scene: &Scene) -> f64 {
    gutter(scene) + float(rounds(scene)) * ROUND + after(scene)
}

fn lane(scene: &Scene, node: usize, top: f64) -> f64 {
    let servers = scene.servers();
    let upper = top + 20.0 + float(node.min(servers)) * SERVER_GAP;
    if node < servers { upper } else { upper + 8.0 + float(node - servers) * CLIENT_GAP }
}

/// One world. Returns the lower edge.
pub(crate) fn world(scene: &Scene, panel: &Panel, at: Point, shapes: &mut Vec<Shape>) -> f64 {
    let start = at.x + gutter(scene);
    let top = at.y + 20.0;
    let count = panel.phases.len();
    let column = |number: usize| start + float(number) * ROUND;
    let y = |node: usize| lane(scene, node, top);
    let last = scene.nodes.len().saturating_sub(1);
    let bottom = y(last) + if scene.nodes.last().is_some_and(|node| node.client) { 32.0 } else { 14.0 };
    shapes.push(text(Point::new(at.x, at.y + 12.0), Anchor::Start, 9.0, GREY, "round"));
    for number in 0..=count {
        let (from, to) = (Point::new(column(number), top), Point::new(column(number), bottom));
        shapes.push(Shape::Line { from, to, ink: ink(GRID, 1.0) });
        if number < count {
            let middle = Point::new(column(number) + ROUND / 2.0, at.y + 12.0);
            shapes.push(text(middle, Anchor::Middle, 11.0, GREY, (number + 1).to_string()));
        }
    }
    // In a column messages leave a little after its start and arrive a little before its end.
    let sent = |number: usize, from: usize| Point::new(column(number) + 10.0, y(from));
    let received = |number: usize, to: usize| Point::new(column(number + 1) - 10.0, y(to));
    for halo in &panel.halos {
        let paint = colour(halo.likeness);
        let mut pieces: Vec<(Point, Point, f64)> = Vec::new();
        let mut ends = vec![start - 6.0; scene.nodes.len()];
        for (number, reach) in halo.reach.iter().enumerate().take(count) {
            for node in (0..reach.len()).filter(|&node| reach[node]) {
                ends[node] = column(number + 1);
            }
            for (from, to, way) in panel.phases[number].links.iter().flat_map(both) {
                if way == Way::Open && reach[to] {
                    ends[from] = ends[from].max(column(number) + 14.0);
                    pieces.push((sent(number, from), received(number, to), BANDS[1]));
                }
            }
        }
        for (node, end) in ends.into_iter().enumerate().filter(|(_, end)| *end > start) {
            pieces.push((Point::new(start - 6.0, y(node)), Point::new(end, y(node)), BANDS[0]));
        }
        for (more, fill) in [(2.6, paint), (0.0, tint(paint))] {
            for &(from, to, width) in &pieces {
                let (from, to) = if from.y == to.y {
                    (Point::new(from.x - more / 2.0, from.y), Point::new(to.x + more / 2.0, to.y))
                } else {
                    (from, to)
                };
                shapes.push(Shape::Line { from, to, ink: ink(fill, width + more) });
            }
        }
    }
    for (number, moment) in panel.phases.iter().enumerate() {
        for (link, (from, to, way)) in moment.links.iter().flat_map(|link| both(link).map(|way| (link, way)))
        {
            // The line of a block that has stopped has ended: there is nothing to send and nobody to read.
            if panel.stops(from).is_some_and(|stops| stops < number)
                || panel.stops(to).is_some_and(|stops| stops < number)
            {
                continue;
            }
            let (foot, tip) = (sent(number, from), received(number, to));
            let needed = panel.halos.iter().any(|halo| halo.reach.get(number).is_some_and(|reach| reach[to]));
            let (at, end, paint) = match way {
                Way::Open => (tip, End::Head, ink(if needed { DARK } else { LIGHT }, 1.2)),
                Way::Unread => (tip, End::OpenHead, ink(LIGHT, 1.1)),
                Way::Cut { sender: true, .. } => (foot.towards(tip, 0.26), End::Cross, RED),
                Way::Cut { .. } => (foot.towards(tip, 0.9), End::Cross, RED),
                Way::Late => (foot.towards(tip, 0.5), End::Ring, DOTTED),
                Way::Missing => continue,
            };
            let tip = link.words(&scene.nodes);
            if end == End::Cross {
                shapes.push(Shape::Path { points: vec![foot, at], ink: paint, tip });
                shapes.push(Shape::Cross { at, size: 3.5, ink: ink(REMOVED, 1.7) });
            } else {
                shapes.push(Shape::Arrow { from: foot, to: at, end, ink: paint, tip });
            }
        }
    }
    for (node, one) in scene.nodes.iter().enumerate() {
        let here = y(node);
        let room = gutter(scene) - 12.0;
        let mark = panel.mark(node, 0, scene.unit());
        let mut below = here + if mark.is_some() || one.members.is_some() { -1.0 } else { 4.5 };
        shapes.push(bold(Point::new(at.x, below), Anchor::Start, 13.0, DARK, fit(&one.name, 13.0, room)));
        for (line, paint) in [(&one.members, GREY), (&mark, REMOVED)] {
            let Some(line) = line else { continue };
            below += 11.0;
            shapes.push(text(Point::new(at.x, below), Anchor::Start, 9.0, paint, fit(line, 9.0, room)));
        }
        let stops = panel.stops(node).filter(|&stops| stops < count);
        let end = stops.map_or(column(count) + 4.0, |number| column(number) + ROUND / 2.0);
        let dash = mark.is_some().then_some((7.0, 4.0));
        let line = Ink { colour: GREY, width: 1.6, dash };
        shapes.push(Shape::Line {
            from: Point::new(start - 6.0, here),
            to: Point::new(end, here),
            ink: line,
        });
        if stops.is_some() {
            shapes.push(Shape::Cross { at: Point::new(end, here), size: 5.0, ink: ink(DARK, 2.4) });
        }
        for (number, moment) in panel.phases.iter().enumerate() {
            if let Some((_, request)) = moment.requests.iter().find(|(client, _)| *client == node) {
                let at = Point::new(column(number) + 2.0, here + 12.0);
                pill(at, Anchor::Start, (false, DARK), request, ROUND * 1.5, shapes);
            }
            let Some(told) = moment.told.iter().find(|told| told.client == node) else { continue };
            // The answer to any request comes at the end.
            let at = Point::new(column(count) - 2.0, here + 12.0);
            let width =
                pill(at, Anchor::End, (true, DARK), &format!("→ {}", told.value), ROUND * 1.5, shapes);
            if let Some(wrong) = &told.wrong {
                let at = Point::new(at.x - width - 5.0, here + 24.5);
                let wrong = fit(wrong, 10.5, ROUND);
                shapes.push(bold(at, Anchor::End, 10.5, REMOVED, wrong));
            }
        }
        for (number, halo) in panel.halos.iter().filter(|halo| halo.client == node).enumerate() {
            let at = Point::new(column(count) + 8.0, here + 4.0 + 13.0 * float(number));
            let label = fit(&halo.label, 10.5, after(scene) - 8.0);
            shapes.push(bold(at, Anchor::Start, 10.5, colour(halo.likeness), label));
        }
    }
    let mut low = bottom;
    for one in &panel.brackets {
        let [one_name, other_name] = [one.one.0, one.other.0].map(|client| &scene.nodes[client].name);
        let at = Point::new(column(count), low + 14.0);
        shapes.push(if one.clash {
            let label = format!("{one_name} and {other_name}: {}", on_bracket(panel, one));
            bold(at, Anchor::End, 12.0, REMOVED, label)
        } else {
            let label = format!("{one_name} and {other_name} are told the same");
            text(at, Anchor::End, 10.5, GREY, label)
        });
        low += 18.0;
    }
    for note in panel.phases.iter().flat_map(|moment| &moment.notes) {
        for line in wrap(note, 11.0, width(scene)) {
            low += 15.0;
            shapes.push(text(Point::new(at.x, low), Anchor::Start, 11.0, GREY, line));
        }
    }
    low
}

const RED: Ink = Ink { colour: REMOVED_LIGHT, width: 1.2, dash: None };

/// Sender, receiver and fate, there and back.
fn both(link: &Link) -> [(usize, usize, Way); 2] {
    [(link.one, link.other, link.there), (link.other, link.one, link.back)]
}
