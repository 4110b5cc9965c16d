//! A scene on paper: where its worlds, strips of rounds, legend and sentences go. The strip itself is drawn
//! in `strip`.
//!
//! Worlds stand side by side as long as the paper is not wider than a large screen. An execution of many
//! rounds is cut into strips below each other.

mod labels;
mod legend;
mod strip;

use crate::figure::{Anchor, Figure, Ink, Point, Shape, text_width, wrap};
use crate::scene::{Scene, World};
use crate::words;

use strip::{Drawn, Strip};

/// The paper is made no wider than this unless one strip needs it.
const WIDEST: f64 = 1_960.0;
const MARGIN: f64 = 24.0;
const BETWEEN_WORLDS: f64 = 30.0;
/// An execution of more rounds than this is cut into strips of at most `STRIP_ROUNDS`.
const UNCUT_ROUNDS: usize = 16;
const STRIP_ROUNDS: usize = 12;

pub(crate) const DARK: u32 = 0x1F_29_33;
pub(crate) const GREY: u32 = 0x5B_66_73;
pub(crate) const LIGHT: u32 = 0xB4_BD_C7;
pub(crate) const GRID: u32 = 0xE4_E7_EB;
pub(crate) const REMOVED: u32 = 0xA8_10_2A;
pub(crate) const REMOVED_LIGHT: u32 = 0xDB_A9_B0;

/// One for each likeness, then from the start: told apart by colour-blind readers (they are darker shades
/// of Okabe and Ito's set) and dark enough on white and in grey.
const PALETTE: [u32; 6] = [0x00_5F_A3, 0xC2_56_00, 0x00_7A_5A, 0x9A_3F_7E, 0x8A_6A_00, 0x2E_7F_AE];

pub(crate) fn colour(likeness: usize) -> u32 {
    PALETTE[likeness % PALETTE.len()]
}

/// Lines of the same ink all the way.
pub(crate) fn ink(colour: u32, width: f64) -> Ink {
    Ink { colour, width, dash: None }
}

/// A plain text.
pub(crate) fn text(at: Point, anchor: Anchor, size: f64, colour: u32, text: impl Into<String>) -> Shape {
    Shape::Text { at, anchor, size, bold: false, colour, ground: false, text: text.into(), tip: None }
}

/// A bold text.
pub(crate) fn bold(at: Point, anchor: Anchor, size: f64, colour: u32, text: impl Into<String>) -> Shape {
    Shape::Text { at, anchor, size, bold: true, colour, ground: false, text: text.into(), tip: None }
}

/// What all strips of a scene share, so that the same process stands at the same height in every world.
pub(crate) struct Measures {
    pub(crate) gutter: f64,
    pub(crate) round: f64,
    pub(crate) server_gap: f64,
    pub(crate) client_gap: f64,
    pub(crate) after: f64,
}

impl Measures {
    fn new(scene: &Scene) -> Measures {
        let worlds = &scene.worlds;
        let lanes = || worlds.iter().flat_map(|world| &world.lanes);
        let most = |widths: &mut dyn Iterator<Item = f64>| widths.fold(0.0, f64::max);
        let names = most(&mut lanes().map(|lane| text_width(lane.fault.unwrap_or("round"), 9.0)));
        let news = worlds.iter().flat_map(|world| &world.arrows).filter(|arrow| !arrow.repeats);
        let label = most(&mut news.map(|arrow| text_width(&arrow.label, labels::SIZE)));
        let marks = worlds
            .iter()
            .enumerate()
            .flat_map(|(number, world)| world.lanes.iter().filter_map(move |lane| scene.mark(number, lane)));
        let mark = most(&mut marks.map(|mark| text_width(&mark, 12.0) + 14.0));
        let crowded = worlds.iter().map(|world| world.lanes.len()).max().unwrap_or(0) > 12;
        let roomy = worlds.len() == 1 || worlds.iter().any(|world| world.lanes.len() > 4);
        Measures {
            gutter: names.max(30.0) + 12.0,
            round: (label + 16.0).clamp(if roomy { 108.0 } else { 76.0 }, 124.0),
            server_gap: if crowded { 30.0 } else { 60.0 },
            client_gap: if crowded { 40.0 } else { 66.0 },
            after: mark + 12.0,
        }
    }

    /// From a world's left edge to its right edge.
    fn width(&self, world: &World) -> f64 {
        let rounds = if world.rounds > UNCUT_ROUNDS { STRIP_ROUNDS } else { world.rounds };
        #[expect(clippy::cast_precision_loss, reason = "a strip has few rounds")]
        let rounds = rounds.max(1) as f64;
        (self.gutter + rounds * self.round + self.after).max(170.0)
    }
}

pub(crate) fn figure(scene: &Scene) -> Figure {
    let measures = Measures::new(scene);
    let mut shapes = Vec::new();
    let (mut x, mut y) = (MARGIN, MARGIN);
    let (mut right, mut bottom, mut unlabelled) = (MARGIN + 420.0, y, 0);
    for (number, world) in scene.worlds.iter().enumerate() {
        let width = measures.width(world);
        if x > MARGIN && x + width + MARGIN > WIDEST {
            (x, y) = (MARGIN, bottom + 34.0);
        }
        let drawn = panel(scene, number, &measures, Point::new(x, y), width, &mut shapes);
        right = right.max(x + width);
        bottom = bottom.max(drawn.bottom);
        unlabelled += drawn.unlabelled;
        x += width + BETWEEN_WORLDS;
    }
    if scene.worlds.is_empty() {
        shapes.push(text(Point::new(MARGIN, y + 14.0), Anchor::Start, 12.0, GREY, "no executions"));
        bottom = y + 20.0;
    }
    let below = legend::sentences(scene, MARGIN, bottom + 20.0, right - MARGIN, &mut shapes);
    let below = legend::legend(scene, unlabelled, Point::new(MARGIN, below + 12.0), right, &mut shapes);
    Figure {
        width: (right + MARGIN).ceil(),
        height: (below + MARGIN).ceil(),
        title: title(scene),
        description: description(scene),
        shapes,
    }
}

/// One world: heading, strips, claim.
fn panel(
    scene: &Scene,
    number: usize,
    measures: &Measures,
    at: Point,
    width: f64,
    shapes: &mut Vec<Shape>,
) -> Drawn {
    let world = &scene.worlds[number];
    let heading = wrap(&words::shorten(&world.heading, 160), 16.0, width);
    let mut y = at.y;
    for line in heading {
        y += 18.0;
        shapes.push(bold(Point::new(at.x, y), Anchor::Start, 16.0, DARK, line));
    }
    for line in wrap(&subtitle(world), 11.0, width) {
        y += 16.0;
        shapes.push(text(Point::new(at.x, y), Anchor::Start, 11.0, GREY, line));
    }
    y += if world.loop_from.is_some() { 18.0 } else { 10.0 };
    let step = if world.rounds > UNCUT_ROUNDS { STRIP_ROUNDS } else { world.rounds.max(1) };
    let (mut first, mut unlabelled) = (1, 0);
    loop {
        let last = (first + step - 1).min(world.rounds);
        let strip = Strip { scene, number, measures, at: Point::new(at.x, y), first, last };
        let drawn = strip.draw(shapes);
        y = drawn.bottom;
        unlabelled += drawn.unlabelled;
        first += step;
        if first > world.rounds {
            break;
        }
        y += 14.0;
    }
    if let Some(claim) = &world.claim {
        y += 8.0;
        for line in wrap(&words::shorten(claim, 600), 12.5, width) {
            y += 16.0;
            shapes.push(bold(Point::new(at.x, y), Anchor::Start, 12.0, DARK, line));
        }
    }
    Drawn { bottom: y, unlabelled }
}

fn subtitle(world: &World) -> String {
    let removed = world.arrows.iter().filter(|arrow| arrow.fate.is_removed()).count();
    let messages = match world.arrows.len() {
        1 => "1 message".to_owned(),
        sent => format!("{sent} messages"),
    };
    let counts = if removed == 0 { messages } else { format!("{messages}, {removed} removed") };
    match words::shorten(&world.protocol, 60) {
        protocol if protocol.is_empty() => counts,
        protocol => format!("{protocol} · {counts}"),
    }
}

fn title(scene: &Scene) -> String {
    let headings: Vec<String> = scene.worlds.iter().map(|world| words::shorten(&world.heading, 80)).collect();
    format!(
        "Space-time diagram: {}",
        if headings.is_empty() { "empty".into() } else { words::and(&headings) }
    )
}

/// The drawing in words: who is faulty, what clients asked and were told, who cannot tell what apart.
fn description(scene: &Scene) -> String {
    let mut parts = Vec::new();
    for world in &scene.worlds {
        let mut clauses = Vec::new();
        clauses.extend(world.faults().map(|faults| format!("faulty: {faults}")));
        let most = 40;
        clauses.extend(
            world
                .events
                .iter()
                .take(most)
                .map(|event| format!("round {}: {}", event.round, words::shorten(&world.clause(event), 80))),
        );
        if world.events.len() > most {
            clauses.push("and so on".to_owned());
        }
        clauses.extend(world.claim.as_ref().map(|claim| words::shorten(claim, 300)));
        parts.push(format!("{}: {}.", words::shorten(&world.heading, 80), clauses.join("; ")));
    }
    parts.extend(scene.sentences().into_iter().map(|sentence| format!("{sentence}.")));
    parts.join(" ")
}
