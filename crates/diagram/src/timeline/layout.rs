//! Timelines on paper: where panels, headings, lanes, captions and the legend go. What stands on the lanes is
//! drawn in `bars` and `arrows`.

use super::lines::{State, stretches};
use super::scale::{Limits, Scale, written};
use super::scene::{Room, Scene, name};
use super::{Happening, Sheet, Timeline};
use super::{arrows, bars, legend, story};
use crate::figure::{Anchor, Figure, Ink, Point, Shape, fit, text_width, wrap};
use crate::layout::{DARK, GREY, GRID, LIGHT, REMOVED, bold, ink, text};
use crate::words;

const MARGIN: f64 = 24.0;
const BETWEEN: f64 = 36.0;
/// The width of the lanes, alone and side by side.
const ALONE: f64 = 1_000.0;
const BESIDE: f64 = 540.0;
/// What is inside a cut, and the band that names it.
const SHADE: u32 = 0xF8_E9_EB;
const BAND: u32 = 0xF0_CD_D2;
const HEAD_ROW: f64 = 18.0;
const HEAD_ROWS: usize = 6;

/// A panel while it is drawn.
pub(crate) struct Panel<'a> {
    pub(crate) scene: Scene<'a>,
    pub(crate) scale: Scale,
    /// The place of the first instant, and of the last.
    pub(crate) left: f64,
    pub(crate) right: f64,
    /// The height of each lane.
    pub(crate) heights: Vec<f64>,
    /// What is taken by texts: left, top, right, bottom.
    pub(crate) taken: Vec<[f64; 4]>,
    /// How many texts found no room.
    pub(crate) unlabelled: usize,
    /// How many bars lie on others.
    pub(crate) on_others: usize,
    /// How many notes found no room.
    notes_out: usize,
}

impl Panel<'_> {
    pub(crate) fn x(&self, time: u64) -> f64 {
        self.left + self.scale.place(time)
    }

    pub(crate) fn at(&self, time: u64, lane: usize) -> Option<Point> {
        Some(Point::new(self.x(time), self.heights[self.scene.row(lane)?]))
    }

    /// Where time is cut out: the middle of each strip.
    pub(crate) fn strips(&self) -> impl Iterator<Item = f64> {
        self.scale.breaks.iter().map(|one| self.left + (one.places.0 + one.places.1) / 2.0)
    }

    /// Takes the place for a text, if it is free.
    pub(crate) fn take(&mut self, place: [f64; 4]) -> bool {
        let free = |other: &[f64; 4]| {
            place[2] <= other[0] || place[0] >= other[2] || place[3] <= other[1] || place[1] >= other[3]
        };
        let free = self.taken.iter().all(free);
        if free {
            self.taken.push(place);
        }
        free
    }

    /// An instant as a tip says it.
    pub(crate) fn when(&self, time: u64) -> String {
        story::when(&self.scene, time)
    }
}

/// The sheet in one.
pub(crate) fn figure(sheet: &Sheet) -> Figure {
    let mut paper = Paper::new(sheet);
    let beside = sheet.side_by_side && sheet.timelines.len() > 1;
    let (mut x, mut y) = (MARGIN, MARGIN);
    for (number, timeline) in sheet.timelines.iter().enumerate() {
        if number > 0 && (!beside || number.is_multiple_of(3)) {
            (x, y) = (MARGIN, paper.bottom + 30.0);
        }
        let right = paper.add(timeline, Point::new(x, y));
        if beside {
            x = right + BETWEEN;
        }
    }
    if sheet.timelines.is_empty() {
        let at = Point::new(MARGIN, y + 14.0);
        paper.shapes.push(text(at, Anchor::Start, 12.0, GREY, "no timelines"));
        paper.bottom = y + 20.0;
    }
    paper.end(sheet);
    let description = story::description(&paper.scenes, &sheet.caption);
    paper.take(story::title(&paper.scenes), description)
}

/// The sheet in parts of the same width that may stand on different pages: each timeline, and what stands
/// below all of them.
pub(crate) fn parts(sheet: &Sheet) -> Vec<Figure> {
    if sheet.side_by_side || sheet.timelines.len() < 2 {
        return vec![figure(sheet)];
    }
    let mut paper = Paper::new(sheet);
    let mut parts = Vec::new();
    for timeline in &sheet.timelines {
        paper.add(timeline, Point::new(MARGIN, MARGIN));
        let scene = &paper.scenes[paper.scenes.len() - 1..];
        let (title, description) = (story::title(scene), story::description(scene, &[]));
        parts.push(paper.take(title, description));
    }
    paper.bottom = 0.0;
    paper.end(sheet);
    if !paper.shapes.is_empty() {
        let description = story::description(&[], &sheet.caption);
        parts.push(paper.take("What the signs mean".to_owned(), description));
    }
    parts
}

/// A sheet while it is drawn.
struct Paper<'a> {
    gutter: f64,
    /// The width of a timeline's lanes.
    width: f64,
    shapes: Vec<Shape>,
    scenes: Vec<Scene<'a>>,
    unlabelled: usize,
    right: f64,
    bottom: f64,
}

impl<'a> Paper<'a> {
    fn new(sheet: &Sheet) -> Paper<'a> {
        let names = sheet.timelines.iter().flat_map(|timeline| &timeline.lanes);
        let widths = names.map(|lane| {
            let fault = lane.fault.as_ref().map_or(0.0, |fault| text_width(&short_fault(fault), 9.0));
            text_width(&name(lane), 13.0).max(fault)
        });
        Paper {
            gutter: widths.fold(44.0, f64::max) + 14.0,
            width: if sheet.side_by_side && sheet.timelines.len() > 1 { BESIDE } else { ALONE },
            shapes: Vec::new(),
            scenes: Vec::new(),
            unlabelled: 0,
            right: MARGIN + 420.0,
            bottom: MARGIN,
        }
    }

    /// Draws a timeline. Returns the right end of its lanes.
    fn add(&mut self, timeline: &'a Timeline, at: Point) -> f64 {
        let (panel, bottom) = draw(timeline, at, self.gutter, self.width, &mut self.shapes);
        self.right = self.right.max(panel.right + 14.0);
        self.bottom = self.bottom.max(bottom);
        self.unlabelled += panel.unlabelled;
        self.scenes.push(panel.scene);
        panel.right
    }

    /// Draws what stands below all timelines.
    fn end(&mut self, sheet: &Sheet) {
        for sentence in &sheet.caption {
            self.bottom += 6.0;
            for line in wrap(&words::shorten(&words::one_line(sentence), 600), 13.5, self.right - MARGIN) {
                self.bottom += 18.0;
                let at = Point::new(MARGIN, self.bottom);
                self.shapes.push(bold(at, Anchor::Start, 13.0, DARK, line));
            }
        }
        let at = Point::new(MARGIN, self.bottom + 18.0);
        self.bottom = legend::legend(&self.scenes, self.unlabelled, at, self.right, &mut self.shapes);
    }

    /// What is drawn so far.
    fn take(&mut self, title: String, description: String) -> Figure {
        Figure {
            width: (self.right + MARGIN).ceil(),
            height: (std::mem::replace(&mut self.bottom, MARGIN) + MARGIN).ceil(),
            title,
            description,
            shapes: std::mem::take(&mut self.shapes),
        }
    }
}

pub(crate) fn short_fault(fault: &str) -> String {
    words::shorten(&words::one_line(fault), 20)
}

/// One timeline, and its lower edge.
fn draw<'a>(
    timeline: &'a Timeline,
    at: Point,
    gutter: f64,
    width: f64,
    shapes: &mut Vec<Shape>,
) -> (Panel<'a>, f64) {
    let messages = if width < ALONE { 60 } else { 110 };
    let mut scene = Scene::new(timeline, Room { lanes: 80, operations: 600, messages, others: 120 });
    let limits = Limits { width, least: 7.0, pause: 34.0 };
    let scale = Scale::new(scene.instants(), limits);
    scene.fill(&scale, 70.0, messages);
    let (left, right) = (at.x + gutter, at.x + gutter + width);
    let mut panel = Panel {
        scene,
        scale,
        left,
        right,
        heights: Vec::new(),
        taken: Vec::new(),
        unlabelled: 0,
        on_others: 0,
        notes_out: 0,
    };
    let mut y = heading(&panel, at, right - at.x, shapes);
    y = head(&mut panel, y + 6.0, shapes);
    let top = y;
    // No text stands where time is torn.
    let strips: Vec<f64> = panel.strips().collect();
    panel.taken.extend(strips.iter().map(|x| [x - 9.0, top, x + 9.0, f64::INFINITY]));
    let labels = bars::plan(&mut panel, y + 24.0);
    let bottom = labels.bottom;
    let mut over = Vec::new();
    shade(&panel, top, shapes);
    ticks(&panel, at.x, top, bottom, shapes);
    lanes(&mut panel, at.x, shapes, &mut over);
    bars::reserve(&mut panel, &labels);
    arrows::draw(&mut panel, shapes);
    bars::draw(&panel, &labels, shapes);
    shapes.append(&mut over);
    bars::orders(&mut panel, shapes);
    breaks(&panel, top, bottom, shapes);
    y = bottom + 22.0;
    for sentence in &timeline.caption {
        y += 4.0;
        for line in wrap(&words::shorten(&words::one_line(sentence), 600), 13.5, right - at.x) {
            y += 17.0;
            shapes.push(bold(Point::new(at.x, y), Anchor::Start, 13.0, DARK, line));
        }
    }
    let mut missing = std::mem::take(&mut panel.scene.missing);
    missing.extend(story::on_others(panel.on_others));
    if panel.notes_out > 0 {
        let plural = if panel.notes_out == 1 { "note finds" } else { "notes find" };
        missing.push(format!("{} {plural} no room", panel.notes_out));
    }
    for sentence in &missing {
        for line in wrap(&format!("{sentence}."), 10.5, right - at.x) {
            y += 15.0;
            shapes.push(text(Point::new(at.x, y), Anchor::Start, 10.5, GREY, line));
        }
    }
    panel.scene.missing = missing;
    (panel, y)
}

/// Title, subtitle and who is faulty. Returns the lower edge.
fn heading(panel: &Panel<'_>, at: Point, width: f64, shapes: &mut Vec<Shape>) -> f64 {
    let mut y = at.y;
    let title = words::shorten(&words::one_line(&panel.scene.timeline.title), 160);
    let title = if title.is_empty() { Vec::new() } else { wrap(&title, 17.0, width) };
    for line in title {
        y += 18.0;
        shapes.push(bold(Point::new(at.x, y), Anchor::Start, 16.0, DARK, line));
    }
    for line in wrap(&story::subtitle(&panel.scene), 11.0, width) {
        y += 16.0;
        shapes.push(text(Point::new(at.x, y), Anchor::Start, 11.0, GREY, line));
    }
    y
}

/// What stands above the lanes: cuts and notes, in as few rows as their texts allow. Returns the lower edge.
fn head(panel: &mut Panel<'_>, top: f64, shapes: &mut Vec<Shape>) -> f64 {
    let timeline = panel.scene.timeline;
    // Where each row is free from.
    let mut rows: Vec<f64> = Vec::new();
    let mut items: Vec<(f64, f64, String, bool, bool, String)> = Vec::new();
    for &number in &panel.scene.cuts {
        let cut = &timeline.cuts[number];
        let (from, to) = panel.scene.cut_lasts(cut);
        let label = panel.scene.cut_label(cut);
        let end =
            if cut.to.is_some() { format!(", healed at {}", panel.when(to)) } else { ", not healed".into() };
        let tip = format!("cut at {}{end}: {label}", panel.when(from));
        let label = format!("cut {}", words::shorten(&label, 60));
        items.push((panel.x(from), panel.x(to), label, true, cut.to.is_some(), tip));
    }
    for &number in &panel.scene.notes {
        let note = &timeline.notes[number];
        let words = words::one_line(&note.text);
        let tip = format!("{}: {words}", panel.when(note.at));
        items.push((panel.x(note.at), panel.x(note.at), words::shorten(&words, 44), false, false, tip));
    }
    items.sort_by(|one, two| one.0.total_cmp(&two.0).then(two.3.cmp(&one.3)));
    for (from, to, label, is_cut, healed, tip) in items {
        let needed = text_width(&label, 10.5) + 10.0;
        // A text that does not fit into the rest of the paper ends where the lanes end.
        let fits_inside = is_cut && to - from >= needed;
        let after = if healed && fits_inside { text_width("healed", 9.0) + 8.0 } else { 0.0 };
        let start = match () {
            () if fits_inside || (!is_cut && from + needed <= panel.right + 10.0) => from,
            // Beside its band, where that is too short for it.
            () if is_cut => to.min(panel.right + 10.0 - needed).max(panel.left),
            () => (from - needed).max(panel.left),
        };
        let end = if fits_inside { to + after } else { (start + needed).max(to) };
        let row = rows.iter().position(|&free| free <= start.min(from));
        let row = row.or_else(|| {
            (rows.len() < HEAD_ROWS).then(|| {
                rows.push(0.0);
                rows.len() - 1
            })
        });
        let Some(row) = row else {
            // A cut is shaded without it, a note is not there.
            if is_cut {
                panel.unlabelled += 1;
            } else {
                panel.notes_out += 1;
            }
            continue;
        };
        rows[row] = end + 6.0;
        let y = top + row as f64 * HEAD_ROW;
        if is_cut {
            shapes.push(Shape::Frame {
                at: Point::new(from, y + 1.0),
                width: (to - from).max(2.0),
                height: 14.0,
                radius: 2.0,
                fill: Some(BAND),
                ink: ink(REMOVED, 0.9),
            });
        } else {
            let foot = Point::new(from, y + 15.0);
            shapes.push(Shape::Line { from: Point::new(from, y + 2.0), to: foot, ink: ink(DARK, 1.4) });
        }
        shapes.push(Shape::Text {
            at: Point::new(start + 5.0, y + 12.0),
            anchor: Anchor::Start,
            size: 10.5,
            bold: false,
            colour: if is_cut { DARK } else { GREY },
            ground: false,
            text: label,
            tip: Some(tip),
        });
        if after > 0.0 && to + after < panel.right + 12.0 {
            shapes.push(text(Point::new(to + 4.0, y + 12.0), Anchor::Start, 9.0, GREY, "healed"));
        }
    }
    top + rows.len() as f64 * HEAD_ROW
}

/// What is cut is shaded, between the first and the last lane that it concerns.
fn shade(panel: &Panel<'_>, top: f64, shapes: &mut Vec<Shape>) {
    let mut edges = Vec::new();
    for &number in &panel.scene.cuts {
        let cut = &panel.scene.timeline.cuts[number];
        let (from, to) = panel.scene.cut_lasts(cut);
        let rows = cut.links.iter().flat_map(|&(from, to)| [panel.scene.row(from), panel.scene.row(to)]);
        let rows: Vec<usize> = rows.flatten().collect();
        let (from, to) = (panel.x(from), panel.x(to));
        let (Some(&first), Some(&last)) = (rows.iter().min(), rows.iter().max()) else { continue };
        let upper = if first == 0 { top } else { panel.heights[first] - 10.0 };
        let lower = panel.heights[last] + 10.0;
        shapes.push(Shape::Frame {
            at: Point::new(from, upper),
            width: (to - from).max(1.0),
            height: lower - upper,
            radius: 0.0,
            fill: Some(SHADE),
            ink: ink(SHADE, 0.0),
        });
        for x in [from, to] {
            edges.push(Shape::Line {
                from: Point::new(x, top - 2.0),
                to: Point::new(x, lower),
                ink: Ink { colour: REMOVED, width: 0.8, dash: Some((5.0, 3.0)) },
            });
        }
    }
    shapes.append(&mut edges);
}

/// The axis of time below the lanes.
fn ticks(panel: &Panel<'_>, left: f64, top: f64, bottom: f64, shapes: &mut Vec<Shape>) {
    let micros = panel.scene.micros();
    for (time, decimals) in panel.scale.ticks(58.0, micros) {
        let x = panel.x(time);
        shapes.push(Shape::Line { from: Point::new(x, top), to: Point::new(x, bottom), ink: ink(GRID, 1.0) });
        let label = written(time, panel.scene.span.0, decimals, micros);
        let at = Point::new(x, bottom + 13.0);
        shapes.push(text(at, Anchor::Middle, 10.0, GREY, label));
    }
    let at = Point::new(left, bottom + 13.0);
    shapes.push(text(at, Anchor::Start, 10.0, GREY, if micros { "seconds" } else { "step" }));
}

/// Lines, names and what happened to processes.
fn lanes(panel: &mut Panel<'_>, left: f64, shapes: &mut Vec<Shape>, over: &mut Vec<Shape>) {
    let timeline = panel.scene.timeline;
    let servers = panel.scene.servers;
    if servers > 0 && servers < panel.heights.len() {
        // Between the two bands.
        let y = panel.heights[servers] - 22.0;
        let (from, to) = (Point::new(left, y), Point::new(panel.left - 8.0, y));
        shapes.push(Shape::Line { from, to, ink: ink(LIGHT, 1.0) });
    }
    for row in 0..panel.scene.lanes.len() {
        let (number, y) = (panel.scene.lanes[row], panel.heights[row]);
        let lane = &timeline.lanes[number];
        let dash = lane.fault.is_some().then_some((7.0, 4.0));
        for (from, to, state) in stretches(&timeline.marks, number, panel.scene.span) {
            let ink = match state {
                State::Up => Ink { colour: GREY, width: 1.6, dash },
                State::Paused => Ink { colour: LIGHT, width: 1.6, dash: Some((1.5, 4.0)) },
                State::Down => continue,
            };
            let (from, to) = (Point::new(panel.x(from), y), Point::new(panel.x(to), y));
            shapes.push(Shape::Line { from, to, ink });
        }
        let named = name(lane);
        let lowered = if lane.fault.is_some() { 0.0 } else { 4.5 };
        shapes.push(Shape::Text {
            at: Point::new(left, y + lowered),
            anchor: Anchor::Start,
            size: 13.0,
            bold: true,
            colour: DARK,
            ground: false,
            tip: (named != lane.name).then(|| words::shorten(&words::one_line(&lane.name), 300)),
            text: named,
        });
        if let Some(fault) = &lane.fault {
            let fault = short_fault(fault);
            let fault = if fault.is_empty() { "faulty".to_owned() } else { fault };
            shapes.push(text(Point::new(left, y + 11.0), Anchor::Start, 9.0, REMOVED, fault));
        }
    }
    for index in 0..panel.scene.marks.len() {
        let mark = &timeline.marks[panel.scene.marks[index]];
        let Some(at) = panel.at(mark.at, mark.lane) else { continue };
        let said = story::happening(mark.happening);
        let tip = format!("{}: {} {said}", panel.when(mark.at), name(&timeline.lanes[mark.lane]));
        let tip = if mark.detail.is_empty() {
            tip
        } else {
            format!("{tip}: {}", words::shorten(&words::one_line(&mark.detail), 600))
        };
        sign(mark.happening, at, over);
        over.push(Shape::Path { points: vec![at, Point::new(at.x + 0.1, at.y)], ink: ink(DARK, 0.1), tip });
        let width = text_width(said, 9.5);
        let start = (at.x + 5.0).min(panel.right - width);
        if panel.take([start, at.y - 17.0, start + width, at.y - 6.0]) {
            over.push(Shape::Text {
                at: Point::new(start, at.y - 8.0),
                anchor: Anchor::Start,
                size: 9.5,
                bold: true,
                colour: DARK,
                ground: true,
                text: said.to_owned(),
                tip: None,
            });
        } else {
            panel.unlabelled += 1;
        }
    }
}

/// The sign for something that happened to a process.
pub(crate) fn sign(happening: Happening, at: Point, shapes: &mut Vec<Shape>) {
    let pill = |half: f64, solid: bool| Shape::Pill {
        at: Point::new(at.x - half, at.y - half),
        width: 2.0 * half,
        height: 2.0 * half,
        solid,
        ink: ink(DARK, 1.6),
    };
    match happening {
        Happening::Killed | Happening::Exited => {
            shapes.push(Shape::Cross { at, size: 5.0, ink: ink(DARK, 2.6) });
        }
        Happening::Restarted => shapes.push(pill(4.5, false)),
        Happening::Resumed => shapes.push(pill(3.0, true)),
        Happening::Odd => shapes.push(pill(3.0, false)),
        Happening::Paused => {
            for x in [at.x - 2.5, at.x + 2.5] {
                shapes.push(Shape::Line {
                    from: Point::new(x, at.y - 6.0),
                    to: Point::new(x, at.y + 6.0),
                    ink: ink(DARK, 2.2),
                });
            }
        }
    }
}

/// White strips with torn edges where time is cut out, and how much of it.
fn breaks(panel: &Panel<'_>, top: f64, bottom: f64, shapes: &mut Vec<Shape>) {
    for one in &panel.scale.breaks {
        let middle = panel.left + (one.places.0 + one.places.1) / 2.0;
        shapes.push(Shape::Frame {
            at: Point::new(middle - 6.0, top),
            width: 12.0,
            height: bottom - top,
            radius: 0.0,
            fill: Some(0xFF_FF_FF),
            ink: ink(0xFF_FF_FF, 0.0),
        });
        let said = story::lasted(&panel.scene, one.times.1 - one.times.0);
        for side in [-6.0, 6.0] {
            let steps = ((bottom - top) / 9.0).floor().max(1.0) as usize;
            let corner = |step: usize| {
                let y = top + (bottom - top) * step as f64 / steps as f64;
                Point::new(middle + side + if step.is_multiple_of(2) { -2.0 } else { 2.0 }, y)
            };
            shapes.push(Shape::Path {
                points: (0..=steps).map(corner).collect(),
                ink: ink(LIGHT, 1.2),
                tip: format!("{said} in which nothing that is drawn happens"),
            });
        }
        let label = fit(&said, 9.0, 60.0);
        shapes.push(Shape::Text {
            at: Point::new(middle, top + 9.0),
            anchor: Anchor::Middle,
            size: 9.0,
            bold: true,
            colour: GREY,
            ground: true,
            text: label,
            tip: None,
        });
    }
}
