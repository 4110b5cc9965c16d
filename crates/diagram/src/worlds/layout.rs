//! A certificate on paper: the worlds in rows, what nobody can tell apart, and the signs. A world of epochs
//! is drawn in `map`, one of rounds in `lanes`, one with more blocks than can be drawn as a list.

use super::scene::{Bracket, Panel, Scene, Told, Way};
use super::{lanes, legend, map};
use crate::figure::{Anchor, Figure, Ink, Point, Shape, fit, text_width, wrap};
use crate::layout::{DARK, GREY, GRID, REMOVED, bold, colour, ink, text};
use crate::words;

/// The paper is made no wider than this unless one world needs it.
const WIDEST: f64 = 1_500.0;
const MARGIN: f64 = 24.0;
const BETWEEN: f64 = 22.0;
/// The room between a world's frame and what is in it.
const INSIDE: f64 = 18.0;
/// A world with more blocks in a row than this is a list.
const MOST_IN_ROW: usize = 8;
const MOST_LANES: usize = 20;
/// A list names so many blocked links of a phase.
const MOST_LISTED: usize = 400;
const LIST_WIDTH: f64 = 420.0;
/// How much wider than plain letters bold ones are.
const BOLD: f64 = 1.1;

/// The colour on a white ground, much lighter.
pub(crate) fn tint(colour: u32) -> u32 {
    let part = |shift: u32| (0xFF - (0xFF - (colour >> shift & 0xFF)) * 15 / 100) << shift;
    part(16) | part(8) | part(0)
}

/// How messages are drawn that are late.
pub(crate) const DOTTED: Ink = Ink { colour: GREY, width: 1.3, dash: Some((2.0, 3.0)) };

/// The ways in which a world is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Map,
    Lanes,
    List,
}

pub(crate) fn figure(scene: &Scene) -> Figure {
    let servers = scene.servers();
    let manner = match scene.rounds {
        true if scene.nodes.len() <= MOST_LANES => Manner::Lanes,
        false if servers.max(scene.nodes.len() - servers) <= MOST_IN_ROW => Manner::Map,
        _ => Manner::List,
    };
    let plan = map::Plan::new(scene);
    let drawn = match manner {
        Manner::Map => plan.width(),
        Manner::Lanes => lanes::width(scene),
        Manner::List => LIST_WIDTH,
    };
    let inside = drawn.max(150.0);
    let width = inside + 2.0 * INSIDE;
    let columns = columns(scene.worlds.len(), width);
    let mut shapes = Vec::new();
    let (mut right, mut y) = (MARGIN + 430.0, MARGIN);
    for (row, panels) in scene.worlds.chunks(columns).enumerate() {
        let mut bodies = Vec::new();
        let mut bottom = y;
        let mut x = MARGIN;
        for (column, panel) in panels.iter().enumerate() {
            let at = Point::new(x + INSIDE, y + INSIDE);
            let mut below = head(scene, panel, at, inside, &mut bodies);
            let left = at.x + (inside - drawn) / 2.0;
            below = match manner {
                Manner::Map => map::world(scene, panel, &plan, Point::new(left, below), &mut bodies),
                Manner::Lanes => lanes::world(scene, panel, Point::new(left, below), &mut bodies),
                Manner::List => list(scene, panel, Point::new(left, below), &mut bodies),
            };
            if panel.left_out > 0 {
                below += 16.0;
                let note = format!("and {} more {}s", panel.left_out, scene.unit());
                bodies.push(text(Point::new(at.x, below), Anchor::Start, 11.0, GREY, note));
            }
            bottom = bottom.max(below + INSIDE);
            debug_assert!(row * columns + column < scene.worlds.len());
            x += width + BETWEEN;
        }
        for number in 0..panels.len() {
            #[expect(clippy::cast_precision_loss, reason = "a row has few worlds")]
            let left = MARGIN + number as f64 * (width + BETWEEN);
            let (at, height) = (Point::new(left, y), bottom - y);
            shapes.push(Shape::Frame { at, width, height, radius: 8.0, fill: None, ink: ink(GRID, 1.2) });
            right = right.max(left + width);
        }
        shapes.append(&mut bodies);
        y = bottom + BETWEEN;
    }
    if scene.worlds.is_empty() {
        y += 14.0;
        shapes.push(text(Point::new(MARGIN, y), Anchor::Start, 12.0, GREY, "no worlds"));
    }
    if scene.left_out > 0 {
        let note = format!("and {} more worlds", scene.left_out);
        shapes.push(text(Point::new(MARGIN, y), Anchor::Start, 12.0, GREY, note));
        y += 18.0;
    }
    y = sentences(scene, Point::new(MARGIN, y - 8.0), right - MARGIN, &mut shapes);
    y = legend::legend(scene, manner == Manner::List, Point::new(MARGIN, y + 14.0), right, &mut shapes);
    Figure {
        width: (right + MARGIN).ceil(),
        height: (y + MARGIN).ceil(),
        title: title(scene),
        description: description(scene),
        shapes,
    }
}

/// How many worlds stand in a row, so that the rows are about equally long.
fn columns(worlds: usize, width: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
    let most = ((WIDEST + BETWEEN - 2.0 * MARGIN) / (width + BETWEEN)).max(1.0) as usize;
    let rows = worlds.div_ceil(most).max(1);
    worlds.div_ceil(rows).max(1)
}

/// The name of a world, and who is faulty in it.
fn head(scene: &Scene, panel: &Panel, at: Point, width: f64, shapes: &mut Vec<Shape>) -> f64 {
    let mut y = at.y + 12.0;
    let heading = fit(&format!("World {}", panel.name), 16.0, width / BOLD);
    shapes.push(bold(Point::new(at.x, y), Anchor::Start, 16.0, DARK, heading));
    let faults = words::shorten(&panel.faults(&scene.nodes), 600);
    for line in wrap(&faults, 11.0, width) {
        y += 16.0;
        shapes.push(text(Point::new(at.x, y), Anchor::Start, 11.0, GREY, line));
    }
    y + 8.0
}

/// A world with many blocks, in words.
fn list(scene: &Scene, panel: &Panel, at: Point, shapes: &mut Vec<Shape>) -> f64 {
    let mut y = at.y + 4.0;
    let mut say = |line: &str, strong: bool| {
        for line in wrap(line, 11.0, LIST_WIDTH) {
            y += 15.0;
            let at = Point::new(at.x, y);
            shapes.push(if strong {
                bold(at, Anchor::Start, 11.0, DARK, line)
            } else {
                text(at, Anchor::Start, 11.0, DARK, line)
            });
        }
    };
    let names: Vec<&str> = scene.nodes.iter().map(|node| &node.name[..]).collect();
    say(&format!("blocks: {}", names.join(", ")), false);
    for (number, moment) in panel.phases.iter().enumerate() {
        say(&format!("{} {}", scene.unit(), number + 1), true);
        for line in asked(scene, panel, number) {
            say(&line, false);
        }
        for line in moment.blocked(&scene.nodes, MOST_LISTED) {
            say(&line, false);
        }
        for line in answered(scene, panel, number) {
            say(&line, true);
        }
    }
    for halo in &panel.halos {
        say(&format!("{} sees the {}", scene.nodes[halo.client].name, halo.label), true);
    }
    y
}

/// Requests and oddities of a phase, in words.
pub(crate) fn asked(scene: &Scene, panel: &Panel, phase: usize) -> Vec<String> {
    let moment = &panel.phases[phase];
    let asks =
        moment.requests.iter().map(|(client, asked)| format!("{} asks {asked}", scene.nodes[*client].name));
    asks.chain(moment.notes.iter().cloned()).collect()
}

/// The responses that stand at the end of a phase: of rounds, all at the end of the last.
pub(crate) fn answered(scene: &Scene, panel: &Panel, phase: usize) -> Vec<String> {
    let phases = match (scene.rounds, phase + 1 == panel.phases.len()) {
        (true, true) => &panel.phases[..],
        (true, false) => &[],
        (false, _) => &panel.phases[phase..=phase],
    };
    let say = |Told { client, value, wrong }: &Told| {
        let wrong = wrong.as_ref().map(|wrong| format!(": {wrong}")).unwrap_or_default();
        format!("{} is told {value}{wrong}", scene.nodes[*client].name)
    };
    phases.iter().flat_map(|moment| &moment.told).map(say).collect()
}

/// What stands on a bracket: the two values, or that they are equal.
pub(crate) fn on_bracket(panel: &Panel, bracket: &Bracket) -> String {
    let value = |(client, phase): (usize, usize)| {
        let told = &panel.phases.get(phase)?.told;
        told.iter().find(|told| told.client == client).map(|told| told.value.as_str())
    };
    match (bracket.clash, value(bracket.one), value(bracket.other)) {
        (true, Some(one), Some(other)) => {
            format!("{} ≠ {}", words::shorten(one, 16), words::shorten(other, 16))
        }
        (true, ..) => "≠".to_owned(),
        (false, ..) => "equal".to_owned(),
    }
}

/// A line below two clients, with what it says of their responses.
pub(crate) fn bracket(panel: &Panel, bracket: &Bracket, from: Point, to: Point, shapes: &mut Vec<Shape>) {
    let (paint, width) = if bracket.clash { (REMOVED, 2.0) } else { (GREY, 1.2) };
    let size = if bracket.clash { 14.0 } else { 10.5 };
    let label = on_bracket(panel, bracket);
    let low = from.y.max(to.y) + 10.0;
    let middle = (from.x + to.x) / 2.0;
    let half = text_width(&label, size) * 0.55 + 5.0;
    for end in [from, to] {
        let side = middle + half * (end.x - middle).signum();
        // The label may be wider than the line.
        if (end.x - middle).abs() > half {
            let points = vec![end, Point::new(end.x, low), Point::new(side, low)];
            shapes.push(Shape::Path { points, ink: ink(paint, width), tip: String::new() });
        }
    }
    shapes.push(Shape::Text {
        at: Point::new(middle, low + size * 0.36),
        anchor: Anchor::Middle,
        size,
        bold: bracket.clash,
        colour: paint,
        ground: false,
        text: label,
        tip: Some("Agreement makes these two responses equal".to_owned()),
    });
}

/// A request (white) or a response (solid) of at most this width, at a place. Returns its width.
pub(crate) fn pill(
    at: Point,
    anchor: Anchor,
    (solid, paint): (bool, u32),
    label: &str,
    most: f64,
    shapes: &mut Vec<Shape>,
) -> f64 {
    let label = fit(label, 10.5, most - 18.0);
    let width = text_width(&label, 10.5) + 18.0;
    let left = match anchor {
        Anchor::Start => at.x,
        Anchor::Middle => at.x - width / 2.0,
        Anchor::End => at.x - width,
    };
    let corner = Point::new(left, at.y);
    shapes.push(Shape::Pill { at: corner, width, height: 17.0, solid, ink: ink(paint, 1.0) });
    let place = Point::new(left + width / 2.0, at.y + 12.2);
    shapes.push(if solid {
        bold(place, Anchor::Middle, 10.5, 0xFF_FF_FF, label)
    } else {
        text(place, Anchor::Middle, 10.5, paint, label)
    });
    width
}

/// Who cannot tell what apart, and how that ends. Returns the lower edge.
fn sentences(scene: &Scene, at: Point, width: f64, shapes: &mut Vec<Shape>) -> f64 {
    let mut y = at.y;
    for (number, likeness) in scene.likenesses.iter().enumerate() {
        y += 21.0;
        shapes.push(Shape::Frame {
            at: Point::new(at.x, y - 11.5),
            width: 26.0,
            height: 15.0,
            radius: 5.0,
            fill: Some(tint(colour(number))),
            ink: ink(colour(number), 1.4),
        });
        let sentence = fit(&format!("{}.", likeness.sentence), 13.0, (width - 36.0) / BOLD);
        shapes.push(bold(Point::new(at.x + 36.0, y), Anchor::Start, 13.0, colour(number), sentence));
    }
    for sentence in &scene.contradictions {
        shapes.push(bold(Point::new(at.x + 13.0, y + 21.0), Anchor::Middle, 15.0, REMOVED, "≠"));
        for line in wrap(sentence, 13.0, (width - 36.0) / BOLD) {
            y += 21.0;
            shapes.push(bold(Point::new(at.x + 36.0, y), Anchor::Start, 13.0, REMOVED, line));
        }
    }
    y
}

fn title(scene: &Scene) -> String {
    let names: Vec<String> = scene.worlds.iter().map(|world| world.name.clone()).collect();
    match names.len() {
        0 => "Static worlds: none".to_owned(),
        1 => format!("Static world {}", names[0]),
        2..=8 => format!("Static worlds {}", words::and(&names)),
        count => format!("{} static worlds", count + scene.left_out),
    }
}

/// The drawing in words.
fn description(scene: &Scene) -> String {
    let mut parts = Vec::new();
    for panel in scene.worlds.iter().take(12) {
        let mut clauses = vec![panel.faults(&scene.nodes)];
        for (number, moment) in panel.phases.iter().enumerate() {
            let before = format!("{} {}: ", scene.unit(), number + 1);
            let lines = asked(scene, panel, number)
                .into_iter()
                .chain(moment.blocked(&scene.nodes, 24))
                .chain(answered(scene, panel, number));
            clauses.extend(lines.map(|line| format!("{before}{line}")));
        }
        parts.push(words::shorten(&format!("World {}: {}.", panel.name, clauses.join("; ")), 1_500));
    }
    parts.extend(scene.likenesses.iter().map(|likeness| format!("{}.", likeness.sentence)));
    parts.extend(scene.contradictions.iter().cloned());
    words::shorten(&parts.join(" "), 8_000)
}

/// How a link is drawn on which nothing arrives, and how a way of one that works one way only.
pub(crate) fn fate_ink(way: Way) -> Ink {
    match way {
        Way::Late => DOTTED,
        Way::Cut { .. } => ink(crate::layout::REMOVED_LIGHT, 1.5),
        Way::Open | Way::Unread | Way::Missing => ink(DARK, 1.5),
    }
}
