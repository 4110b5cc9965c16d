//! A world of epochs: servers in the upper row, clients in the lower one, a line for each pair that has a
//! link, and behind them, for each client that cannot tell this world from another, all that reaches it.

mod strokes;

use super::layout::{bracket, pill, tint};
use super::scene::{Halo, Link, Panel, Scene, Way};
use crate::figure::{Anchor, Point, Shape, fit, text_width, wrap};
use crate::layout::{DARK, GREY, GRID, REMOVED, bold, colour, ink, text};
use strokes::{arrow, aside, dead, one_way};

/// Between two nodes of a row.
const GAP: f64 = 66.0;
/// How far a halo stands out from its nodes: the first, and those that share a node with others.
const PADS: [f64; 3] = [12.0, 8.0, 4.0];
/// How wide a halo is along a link.
const BANDS: [f64; 3] = [24.0, 16.0, 9.0];
/// One line of what a client asks and is told.
const ROW: f64 = 22.0;

/// What all maps of a certificate share, so that the same block stands at the same place in every world.
pub(crate) struct Plan {
    servers: usize,
    clients: usize,
    node: f64,
    heights: [f64; 2],
    /// Above each row, for links that pass over a node.
    arcs: [f64; 2],
    between: f64,
    rows: Vec<Rows>,
}

/// How many lines there are below the clients in a phase.
#[derive(Default, Clone)]
struct Rows {
    before: usize,
    request: usize,
    told: usize,
    wrong: usize,
    labels: usize,
    brackets: usize,
}

/// A part of the paper.
#[derive(Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

#[expect(clippy::cast_precision_loss, reason = "numbers of nodes and lines are small")]
fn float(number: usize) -> f64 {
    number as f64
}

impl Plan {
    pub(crate) fn new(scene: &Scene) -> Plan {
        let servers = scene.servers();
        let clients = scene.nodes.len() - servers;
        let mut node = 84.0_f64;
        let mut heights = [0.0_f64; 2];
        for (number, one) in scene.nodes.iter().enumerate() {
            let mut lines = usize::from(one.members.is_some());
            node = node.max(text_width(&one.name, 14.0) + 26.0);
            node = node.max(one.members.as_ref().map_or(0.0, |text| text_width(text, 10.5) + 18.0));
            let marks = scene.worlds.iter().flat_map(|world| {
                (0..world.phases.len()).filter_map(move |phase| world.mark(number, phase, scene.unit()))
            });
            let widest = marks.map(|mark| text_width(&mark, 10.5) + 18.0).fold(0.0, f64::max);
            lines += usize::from(widest > 0.0);
            node = node.max(widest);
            let row = &mut heights[usize::from(one.client)];
            *row = row.max(30.0 + 13.0 * float(lines));
        }
        for halo in scene.worlds.iter().flat_map(|world| &world.halos) {
            node = node.max(text_width(&halo.label, 11.5) * 1.08 - PADS[0]);
        }
        let phases = scene.worlds.iter().map(|world| world.phases.len()).max().unwrap_or(0);
        let mut rows = vec![Rows::default(); phases];
        for world in &scene.worlds {
            for (phase, here) in rows.iter_mut().enumerate().take(world.phases.len()) {
                here.take(scene, world, phase);
            }
        }
        let arc = |count: usize| if count > 2 { 20.0 + 22.5 * float(count - 2) } else { 0.0 };
        let among_clients = scene.any(|link| scene.nodes[link.one].client && scene.nodes[link.other].client);
        let arcs = [arc(servers), if among_clients { arc(clients) } else { 0.0 }];
        let between = if servers == 0 || clients == 0 {
            0.0
        } else {
            88.0 + 10.0 * float(servers.max(clients).saturating_sub(2)) + arcs[1]
        };
        Plan { servers, clients, node: node.min(190.0), heights, arcs, between, rows }
    }

    pub(crate) fn width(&self) -> f64 {
        let row = float(self.servers.max(self.clients).max(1));
        row * self.node + (row - 1.0) * GAP + 2.0 * (PADS[0] + 2.0)
    }

    fn height(&self, phase: usize) -> f64 {
        let lowest = PADS[0] + 8.0 + self.rows[phase].below();
        self.arcs[0] + PADS[0] + self.heights[0] + self.between + self.heights[1] + lowest
    }

    fn place(&self, node: usize, at: Point) -> Area {
        let client = node >= self.servers;
        let (position, count) =
            if client { (node - self.servers, self.clients) } else { (node, self.servers) };
        let row = float(count) * self.node + float(count.saturating_sub(1)) * GAP;
        let left = at.x + (self.width() - row) / 2.0 + float(position) * (self.node + GAP);
        let upper = at.y + self.arcs[0] + PADS[0];
        let (top, height) = if client {
            (upper + self.heights[0] + self.between, self.heights[1])
        } else {
            (upper, self.heights[0])
        };
        Area { left, top, right: left + self.node, bottom: top + height }
    }

    /// The line between two nodes, from the one's border to the other's.
    fn way(&self, one: usize, other: usize, at: Point) -> Vec<Point> {
        let (a, b) = (self.place(one, at), self.place(other, at));
        let (x, y) = (a.middle(), b.middle());
        if (one < self.servers) != (other < self.servers) {
            // Lines to different nodes leave at different places.
            let lean = |from: f64, to: f64| ((to - from) * 0.085).clamp(-self.node / 3.0, self.node / 3.0);
            return vec![Point::new(x + lean(x, y), a.bottom), Point::new(y + lean(y, x), b.top)];
        }
        if one.abs_diff(other) == 1 {
            let middle = (a.top + a.bottom) / 2.0;
            return vec![Point::new(a.right, middle), Point::new(b.left, middle)];
        }
        let high = a.top - 2.0 * (PADS[0] + 15.0 * float(one.abs_diff(other) - 1));
        // The farther it goes, the nearer to the middle it starts.
        let side = (44.0 - 13.0 * float(one.abs_diff(other))).clamp(4.0, self.node / 2.0 - 8.0);
        let (from, to) = (Point::new(x + side, a.top), Point::new(y - side, b.top));
        let (left, right) = (Point::new(x + side + 26.0, high), Point::new(y - side - 26.0, high));
        let step = |number: usize| {
            let part = float(number) / 16.0;
            let ends = from.towards(left, part).towards(left.towards(right, part), part);
            let rest = left.towards(right, part).towards(right.towards(to, part), part);
            ends.towards(rest, part)
        };
        (0..=16).map(step).collect()
    }
}

impl Rows {
    fn take(&mut self, scene: &Scene, world: &Panel, phase: usize) {
        let moment = &world.phases[phase];
        let most = |counts: &mut dyn Iterator<Item = usize>| {
            let clients: Vec<usize> = counts.collect();
            let of = |node: usize| clients.iter().filter(|&&client| client == node).count();
            (0..scene.nodes.len()).map(of).max().unwrap_or(0)
        };
        self.before = self.before.max(most(&mut world.told_before(phase).map(|told| told.client)));
        self.request = self.request.max(usize::from(!moment.requests.is_empty()));
        self.told = self.told.max(usize::from(!moment.told.is_empty()));
        self.wrong = self.wrong.max(usize::from(moment.told.iter().any(|told| told.wrong.is_some())));
        let labels = world.halos.iter().filter(|halo| halo.end >= phase).map(|halo| halo.client);
        self.labels = self.labels.max(most(&mut { labels }));
        self.brackets = self.brackets.max(world.brackets.iter().filter(|one| one.ends(phase)).count());
    }

    /// The lines that stand below a client.
    fn lines(&self) -> usize {
        self.before + self.request + self.told + self.wrong + self.labels
    }

    fn below(&self) -> f64 {
        let lines = self.lines();
        let lead = if lines == 0 { 0.0 } else { 8.0 };
        lead + float(lines) * ROW + float(self.brackets) * 24.0
    }
}

impl super::scene::Bracket {
    /// Whether it is drawn in this phase.
    pub(crate) fn ends(&self, phase: usize) -> bool {
        self.one.1.max(self.other.1) == phase
    }
}

impl Area {
    fn middle(&self) -> f64 {
        (self.left + self.right) / 2.0
    }

    fn wider(&self, by: f64) -> Area {
        Area { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }

    fn frame(&self, radius: f64, fill: Option<u32>, ink: crate::figure::Ink) -> Shape {
        let (width, height) = (self.right - self.left, self.bottom - self.top);
        Shape::Frame { at: Point::new(self.left, self.top), width, height, radius, fill, ink }
    }
}

/// One world. Returns the lower edge.
pub(crate) fn world(scene: &Scene, panel: &Panel, plan: &Plan, at: Point, shapes: &mut Vec<Shape>) -> f64 {
    let mut y = at.y;
    for phase in 0..panel.phases.len() {
        if panel.phases.len() > 1 {
            if phase > 0 {
                y += 10.0;
                let (from, to) = (Point::new(at.x, y), Point::new(at.x + plan.width(), y));
                shapes.push(Shape::Line { from, to, ink: ink(GRID, 1.2) });
            }
            y += 18.0;
            let label = format!("{} {}", scene.unit(), phase + 1);
            shapes.push(bold(Point::new(at.x, y), Anchor::Start, 11.0, GREY, label));
            y += 6.0;
        }
        let here = Point::new(at.x, y);
        let draw = Epoch { scene, panel, plan, at: here, phase };
        draw.halos(shapes);
        for link in &panel.phases[phase].links {
            draw.link(link, shapes);
        }
        for node in 0..scene.nodes.len() {
            draw.node(node, shapes);
        }
        draw.told(shapes);
        y += plan.height(phase);
        for note in &panel.phases[phase].notes {
            for line in wrap(note, 11.0, plan.width()) {
                y += 15.0;
                shapes.push(text(Point::new(at.x, y), Anchor::Start, 11.0, GREY, line));
            }
        }
    }
    y
}

struct Epoch<'a> {
    scene: &'a Scene,
    panel: &'a Panel,
    plan: &'a Plan,
    at: Point,
    phase: usize,
}

impl Epoch<'_> {
    fn place(&self, node: usize) -> Area {
        self.plan.place(node, self.at)
    }

    /// The halos of this phase, each with how deep it lies in those that share a node with it.
    fn levels(&self) -> Vec<(&Halo, usize)> {
        let mut levels: Vec<(&Halo, usize)> = Vec::new();
        for halo in self.panel.halos.iter().filter(|halo| halo.end >= self.phase) {
            let reach = &halo.reach[self.phase];
            let meets = |other: &Halo| reach.iter().zip(&other.reach[self.phase]).any(|(a, b)| *a && *b);
            let used: Vec<usize> =
                levels.iter().filter(|(other, _)| meets(other)).map(|(_, level)| *level).collect();
            let level = (0..).find(|level| !used.contains(level)).unwrap_or(0);
            levels.push((halo, level));
        }
        levels.sort_by_key(|(_, level)| *level);
        levels
    }

    /// Whether anything stands below a client.
    fn says(&self, node: usize) -> bool {
        let moment = &self.panel.phases[self.phase];
        let told = &moment.told;
        moment.requests.iter().any(|(client, _)| *client == node)
            || self.panel.told_before(self.phase).chain(told).any(|told| told.client == node)
            || self.panel.halos.iter().any(|halo| halo.client == node && halo.end >= self.phase)
    }

    /// First all borders, then all that is inside: so pieces that overlap become one.
    fn halos(&self, shapes: &mut Vec<Shape>) {
        for (halo, level) in self.levels() {
            let level = level.min(PADS.len() - 1);
            let (pad, band) = (PADS[level], BANDS[level]);
            let reach = &halo.reach[self.phase];
            let paint = colour(halo.likeness);
            let links = self.panel.phases[self.phase].links.iter().filter(|link| {
                let (there, back) = link.open();
                reach[link.one] && reach[link.other] && (there || back)
            });
            let ways: Vec<Vec<Point>> =
                links.map(|link| self.plan.way(link.one, link.other, self.at)).collect();
            let nodes = (0..reach.len()).filter(|&node| reach[node]);
            let areas: Vec<Area> = nodes
                .map(|node| {
                    let mut area = self.place(node).wider(pad);
                    if self.scene.nodes[node].client && self.says(node) {
                        let rows = &self.plan.rows[self.phase];
                        area.bottom += if rows.lines() > 0 { 2.0 + float(rows.lines()) * ROW } else { 0.0 };
                    }
                    area
                })
                .collect();
            for (more, fill) in [(1.4, paint), (0.0, tint(paint))] {
                for way in &ways {
                    let ink = ink(fill, band + 2.0 * more);
                    shapes.push(Shape::Path { points: way.clone(), ink, tip: String::new() });
                }
                for area in &areas {
                    let radius = 12.0 + more;
                    shapes.push(area.wider(more).frame(radius, Some(fill), ink(fill, 0.0)));
                }
            }
        }
    }

    fn link(&self, link: &Link, shapes: &mut Vec<Shape>) {
        let way = self.plan.way(link.one, link.other, self.at);
        let tip = link.words(&self.scene.nodes);
        match link.open() {
            (true, true) => {
                let inside = self.levels().iter().any(|(halo, _)| {
                    let reach = &halo.reach[self.phase];
                    reach[link.one] && reach[link.other]
                });
                let width = if inside { 2.2 } else { 1.5 };
                shapes.push(Shape::Path { points: way, ink: ink(DARK, width), tip });
            }
            (false, false) => dead(link, &way, tip, shapes),
            (there, _) => {
                let back: Vec<Point> = way.iter().rev().copied().collect();
                let (open, closed, fate) =
                    if there { (&way, &back, link.back) } else { (&back, &way, link.there) };
                let silent = matches!(fate, Way::Missing | Way::Unread);
                let open = if silent { open.clone() } else { aside(open, 6.0) };
                arrow(&open, tip.clone(), shapes);
                if !silent {
                    one_way(&aside(closed, 6.0), fate, tip, shapes);
                }
            }
        }
    }

    fn node(&self, node: usize, shapes: &mut Vec<Shape>) {
        let area = self.place(node);
        let one = &self.scene.nodes[node];
        let mark = self.panel.mark(node, self.phase, self.scene.unit());
        let mut border = ink(DARK, 1.7);
        if mark.is_some() {
            border = crate::figure::Ink { colour: GREY, width: 1.7, dash: Some((5.0, 3.5)) };
        }
        shapes.push(area.frame(8.0, Some(0xFF_FF_FF), border));
        let room = self.plan.node - 12.0;
        let lines: Vec<(&str, u32)> = [(one.members.as_deref(), GREY), (mark.as_deref(), REMOVED)]
            .into_iter()
            .filter_map(|(line, paint)| Some((line?, paint)))
            .collect();
        let middle = area.middle();
        let mut y = (area.top + area.bottom) / 2.0 + 5.0 - 6.5 * float(lines.len());
        shapes.push(bold(Point::new(middle, y), Anchor::Middle, 14.0, DARK, fit(&one.name, 14.0, room)));
        y += 1.0;
        for (line, paint) in lines {
            y += 13.0;
            shapes.push(text(Point::new(middle, y), Anchor::Middle, 10.5, paint, fit(line, 10.5, room)));
        }
    }

    /// What clients ask and are told, which view is meant, and which responses are compared.
    fn told(&self, shapes: &mut Vec<Shape>) {
        let rows = &self.plan.rows[self.phase];
        let moment = &self.panel.phases[self.phase];
        let mut lowest = self.at.y;
        let most = self.plan.node + 2.0 * PADS[0] - 4.0;
        for node in (0..self.scene.nodes.len()).filter(|&node| self.scene.nodes[node].client) {
            let area = self.place(node);
            let middle = area.middle();
            let mut y = area.bottom + 8.0;
            let earlier = self.panel.told_before(self.phase).filter(|told| told.client == node);
            for (number, told) in earlier.enumerate() {
                let at = Point::new(middle, y + float(number) * ROW);
                pill(at, Anchor::Middle, (false, GREY), &format!("→ {}", told.value), most, shapes);
            }
            y += float(rows.before) * ROW;
            if let Some((_, request)) = moment.requests.iter().find(|(client, _)| *client == node) {
                pill(Point::new(middle, y), Anchor::Middle, (false, DARK), request, most, shapes);
            }
            y += float(rows.request) * ROW;
            let told = moment.told.iter().find(|told| told.client == node);
            if let Some(told) = told {
                let label = format!("→ {}", told.value);
                pill(Point::new(middle, y), Anchor::Middle, (true, DARK), &label, most, shapes);
            }
            y += float(rows.told) * ROW;
            if let Some(wrong) = told.and_then(|told| told.wrong.as_ref()) {
                let at = Point::new(middle, y + 12.0);
                let wrong = fit(wrong, 11.5, most);
                shapes.push(bold(at, Anchor::Middle, 11.5, REMOVED, wrong));
            }
            y += float(rows.wrong) * ROW;
            let halos = self.panel.halos.iter().filter(|one| one.client == node && one.end >= self.phase);
            for (number, halo) in halos.enumerate() {
                let at = Point::new(middle, y + 12.0 + float(number) * ROW);
                let label = fit(&halo.label, 11.5, most);
                shapes.push(bold(at, Anchor::Middle, 11.5, colour(halo.likeness), label));
            }
            lowest = y + float(rows.labels) * ROW;
        }
        let brackets = self.panel.brackets.iter().filter(|bracket| bracket.ends(self.phase));
        for (number, one) in brackets.enumerate() {
            let y = lowest + PADS[0] + 3.0 + float(number) * 24.0;
            let end = |(client, _): (usize, usize)| Point::new(self.place(client).middle(), y);
            bracket(self.panel, one, end(one.one), end(one.other), shapes);
        }
    }
}
