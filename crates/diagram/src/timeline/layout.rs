//! Timelines on paper: where panels, headings, lanes, captions and the legend go. What stands on the lanes is
//! drawn in `lanes`, `bars` and `arrows`, what is above and below in `cuts` and `axis`.

use super::scale::{Limits, Scale};
use super::scene::{Room, Scene, name};
use super::{Sheet, Timeline};
use super::{arrows, axis, bars, cuts, lanes, legend, story};
use crate::figure::{Anchor, Figure, Point, Shape, text_width, wrap};
use crate::layout::{DARK, GREY, bold, text};
use crate::words;

const MARGIN: f64 = 24.0;
const BETWEEN: f64 = 36.0;
/// The width of the lanes, alone and side by side.
const ALONE: f64 = 1_000.0;
const BESIDE: f64 = 540.0;

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
    pub(crate) notes_out: usize,
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
    let scale = Scale::new(scene.instants(), scene.focus(), limits);
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
    y = cuts::head(&mut panel, y + 6.0, shapes);
    let top = y;
    // No text stands where time is torn.
    let strips: Vec<f64> = panel.strips().collect();
    panel.taken.extend(strips.iter().map(|x| [x - 9.0, top, x + 9.0, f64::INFINITY]));
    let labels = bars::plan(&mut panel, y + 24.0);
    let bottom = labels.bottom;
    let mut over = Vec::new();
    cuts::shade(&panel, top, shapes);
    axis::ticks(&panel, at.x, top, bottom, shapes);
    lanes::lanes(&mut panel, at.x, shapes, &mut over);
    bars::reserve(&mut panel, &labels);
    arrows::draw(&mut panel, shapes);
    bars::draw(&panel, &labels, shapes);
    shapes.append(&mut over);
    bars::orders(&mut panel, shapes);
    axis::breaks(&panel, top, bottom, shapes);
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
