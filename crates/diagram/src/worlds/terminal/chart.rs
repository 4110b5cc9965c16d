//! One world of epochs in characters. Blocks are boxes, servers above clients. A link between the rows
//! leaves its server's box at a column of its own, turns into a line of its own and enters its client's box
//! at a column of its own; so links cross, but never run over each other.

mod canvas;

use super::plain;
use crate::terminal::paint::{Line, Paint};
use crate::words;
use crate::worlds::layout::on_bracket;
use crate::worlds::scene::{Link, Panel, Scene, Way};
use canvas::Canvas;

/// Where everything stands, the same in all worlds.
pub(crate) struct Chart<'a> {
    scene: &'a Scene,
    /// Of a world.
    pub(crate) width: usize,
    servers: usize,
    /// Of a box, with its border; odd.
    box_width: usize,
    /// From one box to the next in a row.
    pitch: usize,
    /// Lines in a box: the name, and what is the same elsewhere.
    inside: usize,
    /// For each pair of blocks that needs one, its line between, above or below the rows.
    tracks: Vec<Track>,
    heights: Heights,
}

struct Track {
    one: usize,
    other: usize,
    row: usize,
    /// The columns at which it leaves and enters.
    columns: (usize, usize),
}

/// How many lines there are above the servers, between the rows, and below the clients.
#[derive(Default)]
struct Heights {
    above: usize,
    between: usize,
    below: usize,
}

impl<'a> Chart<'a> {
    /// `None` if it is wider than this.
    pub(crate) fn new(scene: &'a Scene, most: usize) -> Option<Chart<'a>> {
        let servers = scene.servers();
        let clients = scene.nodes.len() - servers;
        let labels = |node: usize| {
            let of = move |panel: &Panel| {
                (0..panel.phases.len()).map(|phase| labels(panel, node, phase)).collect::<Vec<_>>()
            };
            scene.worlds.iter().flat_map(of)
        };
        let mut inner = 5;
        let mut inside = 1;
        for (number, node) in scene.nodes.iter().enumerate() {
            inner = inner.max(words::columns(&node.name) + 3);
            for labels in labels(number) {
                inside = inside.max(1 + labels.len());
                let widest = labels.iter().map(|(label, _)| words::columns(label) + 2).max();
                inner = inner.max(widest.unwrap_or(0));
            }
        }
        // A column for each link of a box, on the side to which it goes.
        inner = inner.max(4 * servers.max(clients).saturating_sub(1) + 3);
        let box_width = inner + 2 + (inner + 1) % 2;
        let mut pitch = box_width + 3;
        if servers % 2 != clients % 2 {
            // So that columns of the upper row are not those of the lower one.
            pitch = pitch.next_multiple_of(4);
        }
        let row = servers.max(clients).max(1);
        let width = row * pitch - (pitch - box_width);
        let mut chart = Chart {
            scene,
            width,
            servers,
            box_width,
            pitch,
            inside,
            tracks: Vec::new(),
            heights: Heights::default(),
        };
        if width > most {
            return None;
        }
        chart.route();
        Some(chart)
    }

    fn left(&self, node: usize) -> usize {
        let (position, count) = if node < self.servers {
            (node, self.servers)
        } else {
            (node - self.servers, self.scene.nodes.len() - self.servers)
        };
        let row = count * self.pitch - (self.pitch - self.box_width);
        (self.width - row) / 2 + position * self.pitch
    }

    fn middle(&self, node: usize) -> usize {
        self.left(node) + self.box_width / 2
    }

    /// Gives every pair its columns and its line.
    fn route(&mut self) {
        let count = self.scene.nodes.len();
        let moments = self.scene.worlds.iter().flat_map(|world| &world.phases);
        let mut pairs: Vec<(usize, usize)> =
            moments.flat_map(|moment| moment.links.iter().map(|link| (link.one, link.other))).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let far = |&(one, other): &(usize, usize)| self.middle(one).abs_diff(self.middle(other));
        pairs.sort_by_key(|pair| (std::cmp::Reverse(far(pair)), *pair));
        let place = |node: usize| usize::from(node >= self.servers);
        let kind = |&(one, other): &(usize, usize)| place(one) + place(other);
        // The farther a pair, the farther out its column and the higher its line.
        let port = |node: usize, to: usize, kind_wanted: usize| {
            let right = self.middle(to) > self.middle(node);
            let rank = pairs
                .iter()
                .filter(|pair| kind(pair) == kind_wanted && (pair.0 == node || pair.1 == node))
                .map(|pair| if pair.0 == node { pair.1 } else { pair.0 })
                .filter(|&one| {
                    (self.middle(one) > self.middle(node)) == right && self.middle(one) != self.middle(node)
                })
                .filter(|&one| {
                    self.middle(one).abs_diff(self.middle(node)) < self.middle(to).abs_diff(self.middle(node))
                })
                .count();
            let away = match kind_wanted {
                1 => 2 * rank + if node < self.servers { 2 } else { 3 },
                _ => rank + 1,
            };
            if right { self.middle(node) + away } else { self.middle(node) - away.min(self.middle(node)) }
        };
        let mut tracks: Vec<Track> = Vec::new();
        let mut used: [Vec<Vec<(usize, usize)>>; 3] = Default::default();
        for pair @ &(one, other) in &pairs {
            let kind = kind(pair);
            let straight = kind == 1 && self.middle(one) == self.middle(other);
            let adjacent = kind != 1 && one.abs_diff(other) == 1;
            if straight || adjacent {
                continue;
            }
            let columns = (port(one, other, kind), port(other, one, kind));
            let span = (columns.0.min(columns.1), columns.0.max(columns.1));
            let rows = &mut used[kind];
            let free = |row: &Vec<(usize, usize)>| {
                row.iter().all(|&(from, to)| span.0 > to + 1 || span.1 + 1 < from)
            };
            let row = rows.iter().position(free).unwrap_or_else(|| {
                rows.push(Vec::new());
                rows.len() - 1
            });
            rows[row].push(span);
            tracks.push(Track { one, other, row, columns });
        }
        debug_assert!(tracks.iter().all(|track| track.one < count && track.other < count));
        let lines = |row: &Vec<Vec<(usize, usize)>>| if row.is_empty() { 0 } else { row.len() + 1 };
        self.heights = Heights {
            above: lines(&used[0]),
            between: if self.servers == 0 || self.servers == count { 0 } else { used[1].len().max(1) + 2 },
            below: lines(&used[2]),
        };
        self.tracks = tracks;
    }

    /// The upper border of a box.
    fn top(&self, node: usize) -> usize {
        let servers = self.heights.above;
        if node < self.servers || self.servers == 0 {
            servers
        } else {
            servers + self.inside + 2 + self.heights.between
        }
    }

    /// The lower border.
    fn bottom(&self, node: usize) -> usize {
        self.top(node) + self.inside + 1
    }

    /// The cells of a link, from the one's box to the other's, neither included.
    fn path(&self, link: &Link) -> Vec<(usize, usize)> {
        let (one, other) = (link.one, link.other);
        let track = self.tracks.iter().find(|track| (track.one, track.other) == (one, other));
        let down = |from: usize, to: usize, column: usize| (from..to).map(move |row| (row, column));
        let Some(track) = track else {
            if self.middle(one) == self.middle(other) {
                return down(self.bottom(one) + 1, self.top(other), self.middle(one)).collect();
            }
            let row = self.top(one) + 1;
            return (self.left(one) + self.box_width..self.left(other)).map(|column| (row, column)).collect();
        };
        let (from, to) = track.columns;
        let across = |row: usize| -> Vec<(usize, usize)> {
            let between = from.min(to)..=from.max(to);
            if from < to {
                between.map(|column| (row, column)).collect()
            } else {
                between.rev().map(|column| (row, column)).collect()
            }
        };
        let mut cells = Vec::new();
        if one < self.servers && other < self.servers {
            let row = track.row;
            cells.extend(down(row + 1, self.top(one), from).rev());
            cells.extend(across(row));
            cells.extend(down(row + 1, self.top(other), to));
        } else if one >= self.servers {
            let row = self.bottom(one) + 2 + track.row;
            cells.extend(down(self.bottom(one) + 1, row, from));
            cells.extend(across(row));
            cells.extend(down(self.bottom(other) + 1, row, to).rev());
        } else {
            let row = self.bottom(one) + 2 + track.row;
            cells.extend(down(self.bottom(one) + 1, row, from));
            cells.extend(across(row));
            cells.extend(down(row + 1, self.top(other), to));
        }
        cells
    }

    /// The epochs of a world.
    pub(crate) fn world(&self, panel: &Panel, ascii: bool) -> Vec<Vec<Line>> {
        let epoch = |phase: usize| {
            let mut lines = Vec::new();
            if panel.phases.len() > 1 {
                lines.extend((phase > 0).then(Line::default));
                lines.push(Line::of(Paint::Dim, format!("{} {}", self.scene.unit(), phase + 1)));
            }
            lines.extend(self.epoch(panel, phase).lines());
            lines.extend(self.told(panel, phase, ascii));
            lines
        };
        (0..panel.phases.len()).map(epoch).collect()
    }

    fn epoch(&self, panel: &Panel, phase: usize) -> Canvas {
        let height = match self.scene.nodes.len() {
            0 => 0,
            count => self.bottom(count - 1) + 1 + self.heights.below,
        };
        let mut canvas = Canvas::new(self.width, height);
        for node in 0..self.scene.nodes.len() {
            self.frame(panel, phase, node, &mut canvas);
        }
        let is_open = |link: &Link| link.open() != (false, false);
        let links = &panel.phases[phase].links;
        for link in links.iter().filter(|link| !is_open(link)) {
            self.closed(link, &mut canvas);
        }
        for link in links.iter().filter(|link| is_open(link)) {
            let inside = panel
                .halos
                .iter()
                .find(|halo| halo.reach.get(phase).is_some_and(|reach| reach[link.one] && reach[link.other]));
            let paint = inside.map_or(Paint::Plain, |halo| Paint::Likeness(halo.likeness));
            self.open(link, paint, &mut canvas);
        }
        for link in links {
            self.marks(link, &mut canvas);
        }
        canvas
    }

    fn frame(&self, panel: &Panel, phase: usize, node: usize, canvas: &mut Canvas) {
        let labels = labels(panel, node, phase);
        let faulty = panel.faulty[node].is_some();
        let [a, across, b, down, c, d] = match (labels.is_empty(), faulty) {
            (false, _) => ['╔', '═', '╗', '║', '╚', '╝'],
            (true, false) => ['┌', '─', '┐', '│', '└', '┘'],
            (true, true) => ['┌', '╌', '┐', '┊', '└', '┘'],
        };
        let paint = match labels.first() {
            Some((_, likeness)) => Paint::Likeness(*likeness),
            None if faulty => Paint::Dim,
            None => Paint::Plain,
        };
        let (left, top, bottom) = (self.left(node), self.top(node), self.bottom(node));
        let right = left + self.box_width - 1;
        for column in left + 1..right {
            canvas.put(top, column, across, paint);
            canvas.put(bottom, column, across, paint);
        }
        for row in top + 1..bottom {
            canvas.put(row, left, down, paint);
            canvas.put(row, right, down, paint);
        }
        for (row, column, corner) in [(top, left, a), (top, right, b), (bottom, left, c), (bottom, right, d)]
        {
            canvas.put(row, column, corner, paint);
        }
        let room = self.box_width - 2;
        let star = if faulty { "*" } else { "" };
        let name = format!("{}{star}", words::shorten(&self.scene.nodes[node].name, room - 1));
        canvas.text(top + 1, self.middle(node), &name, Paint::Bold);
        for (number, (label, likeness)) in labels.iter().enumerate() {
            let label = words::shorten(label, room);
            canvas.text(top + 2 + number, self.middle(node), &label, Paint::Likeness(*likeness));
        }
    }

    fn closed(&self, link: &Link, canvas: &mut Canvas) {
        canvas.route(&self.path(link), self.start(link), true, Paint::Dim);
    }

    fn open(&self, link: &Link, paint: Paint, canvas: &mut Canvas) {
        let path = self.path(link);
        canvas.route(&path, self.start(link), false, paint);
        let (Some(&first), Some(&last)) = (path.first(), path.last()) else { return };
        for ((row, column), node) in [(first, link.one), (last, link.other)] {
            // The border of the box next to the end.
            let (at, single, double) = if row > self.bottom(node) {
                ((row - 1, column), '┬', '╤')
            } else if row < self.top(node) {
                ((row + 1, column), '┴', '╧')
            } else if column < self.left(node) {
                ((row, column + 1), '┤', '╢')
            } else {
                ((row, column - 1), '├', '╟')
            };
            canvas.join(at, single, double);
        }
    }

    /// Whether a link starts downwards, upwards or to the right: the step into its first cell.
    fn start(&self, link: &Link) -> (isize, isize) {
        match self.path(link).first() {
            Some(&(row, _)) if row > self.bottom(link.one) => (1, 0),
            Some(&(row, _)) if row < self.top(link.one) => (-1, 0),
            _ => (0, 1),
        }
    }

    /// Heads, crosses and what is late.
    fn marks(&self, link: &Link, canvas: &mut Canvas) {
        let path = self.path(link);
        if path.is_empty() {
            return;
        }
        let last = path.len() - 1;
        // From an end inwards, the first place that is neither the end nor a corner.
        let straight = |at: &usize| {
            let (before, after) = (path[at - 1], path[at + 1]);
            before.0 == after.0 || before.1 == after.1
        };
        let after_start = (1..last).find(straight).unwrap_or(1.min(last));
        let before_end = (1..last).rev().find(straight).unwrap_or(last.saturating_sub(1));
        let mut mark = |at: usize, sign: char, paint: Paint| canvas.put(path[at].0, path[at].1, sign, paint);
        match link.open() {
            (true, true) => {}
            (false, false) => {
                let (mut one, mut other) = link.cut_ends();
                if !one && !other && !link.is_late() {
                    (one, other) = (link.back == Way::Unread, link.there == Way::Unread);
                }
                if link.is_late() {
                    mark(path.len() / 2, 't', Paint::Bold);
                }
                if one {
                    mark(0, 'x', Paint::Removed);
                }
                if other {
                    mark(last, 'x', Paint::Removed);
                }
            }
            (there, _) => {
                let closed = if there { link.back } else { link.there };
                let (cut_at_receiver, cut_at_sender) = match closed {
                    Way::Cut { sender, receiver } => (receiver && !sender, sender),
                    _ => (false, false),
                };
                // The closed direction comes from where the open one goes.
                let (receiver, sender) = if there { (last, 0) } else { (0, last) };
                let beside = if receiver == 0 { after_start } else { before_end };
                if cut_at_sender {
                    mark(beside, 'x', Paint::Removed);
                }
                if cut_at_receiver {
                    mark(sender, 'x', Paint::Removed);
                }
                if closed == Way::Late {
                    mark(path.len() / 2, 't', Paint::Bold);
                }
                let (row, column) = path[receiver];
                let node = if there { link.other } else { link.one };
                let head = if row > self.bottom(node) {
                    '↑'
                } else if row < self.top(node) {
                    '↓'
                } else if column < self.left(node) {
                    '→'
                } else {
                    '←'
                };
                mark(receiver, head, Paint::Bold);
            }
        }
    }

    /// What stands below the boxes: requests and responses below their clients, and what is compared.
    fn told(&self, panel: &Panel, phase: usize, ascii: bool) -> Vec<Line> {
        let moment = &panel.phases[phase];
        let mut columns: Vec<Vec<(Paint, String)>> = vec![Vec::new(); self.scene.nodes.len()];
        for told in panel.told_before(phase) {
            columns[told.client].push((Paint::Dim, format!("→ {}", told.value)));
        }
        let lead = columns.iter().map(Vec::len).max().unwrap_or(0);
        for column in &mut columns {
            column.resize(lead, (Paint::Plain, String::new()));
        }
        for (client, request) in &moment.requests {
            columns[*client].push((Paint::Plain, request.clone()));
        }
        for told in &moment.told {
            if columns[told.client].len() == lead {
                columns[told.client].push((Paint::Plain, String::new()));
            }
            columns[told.client].push((Paint::Bold, format!("→ {}", told.value)));
            columns[told.client].extend(told.wrong.iter().map(|wrong| (Paint::Removed, wrong.clone())));
        }
        let height = columns.iter().map(Vec::len).max().unwrap_or(0);
        let mut canvas = Canvas::new(self.width, height);
        for (node, column) in columns.iter().enumerate() {
            for (row, (paint, text)) in column.iter().enumerate() {
                let text = words::shorten(&plain(text, ascii), self.box_width + 2);
                canvas.text(row, self.middle(node), &text, *paint);
            }
        }
        let mut lines = canvas.lines();
        for one in panel.brackets.iter().filter(|one| one.ends(phase)) {
            let text = plain(&on_bracket(panel, one), ascii);
            let paint = if one.clash { Paint::Removed } else { Paint::Dim };
            let (a, b) = (self.middle(one.one.0), self.middle(one.other.0));
            let (from, to) = (a.min(b), a.max(b));
            let room = (to - from).saturating_sub(1);
            let needed = words::columns(&text) + 2;
            let mut line = Line::default();
            if needed <= room {
                line.pad_to(from);
                let before = (room - needed) / 2;
                let after = room - needed - before;
                line.push(paint, format!("└{} {text} {}┘", "─".repeat(before), "─".repeat(after)));
            } else {
                line.push(paint, words::shorten(&text, self.width));
            }
            lines.push(line);
        }
        for note in &moment.notes {
            let note = plain(&words::shorten(note, 4 * self.width), ascii);
            lines.extend(super::paragraph(Paint::Dim, &note, self.width));
        }
        lines
    }
}

/// What is the same elsewhere for some client that this block reaches, each once, with its likeness.
fn labels(panel: &Panel, node: usize, phase: usize) -> Vec<(String, usize)> {
    let mut labels: Vec<(String, usize)> = Vec::new();
    for halo in &panel.halos {
        let label = words::shorten(halo.label.strip_prefix("same ").unwrap_or(&halo.label), 24);
        let reaches = halo.reach.get(phase).is_some_and(|reach| reach[node]);
        if reaches && labels.iter().all(|(other, _)| *other != label) {
            labels.push((label, halo.likeness));
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::worlds::scene::{Moment, Node};

    /// So many servers and clients, all linked with all.
    fn scene(servers: usize, clients: usize) -> Scene {
        let node =
            |number: usize| Node { name: format!("p{number}"), members: None, client: number >= servers };
        let count = servers + clients;
        let links = (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other)));
        let link = |(one, other)| Link { one, other, there: Way::Open, back: Way::Late };
        let moment = Moment { links: links.map(link).collect(), ..Moment::default() };
        let panel = Panel {
            name: "A".to_owned(),
            faulty: vec![None; count],
            phases: vec![moment],
            left_out: 0,
            halos: Vec::new(),
            brackets: Vec::new(),
        };
        Scene {
            nodes: (0..count).map(node).collect(),
            rounds: false,
            worlds: vec![panel],
            left_out: 0,
            likenesses: Vec::new(),
            contradictions: Vec::new(),
        }
    }

    #[test]
    fn links_join_their_boxes_and_cross_but_never_run_over_each_other() {
        for (servers, clients) in (0..8).flat_map(|servers| (0..8).map(move |clients| (servers, clients))) {
            let scene = scene(servers, clients);
            let chart = Chart::new(&scene, usize::MAX).expect("there is no limit");
            let what = format!("{servers} servers and {clients} clients");
            let inside = |node: usize, (row, column): (usize, usize)| {
                let columns = chart.left(node)..chart.left(node) + chart.box_width;
                (chart.top(node)..=chart.bottom(node)).contains(&row) && columns.contains(&column)
            };
            let near = |node: usize, (row, column): (usize, usize)| {
                let around = [
                    (row + 1, column),
                    (row.wrapping_sub(1), column),
                    (row, column + 1),
                    (row, column.wrapping_sub(1)),
                ];
                around.into_iter().any(|cell| inside(node, cell))
            };
            // For each cell, whether something goes through it from left to right, and from top to bottom.
            let mut taken: BTreeMap<(usize, usize), [bool; 2]> = BTreeMap::new();
            for link in &scene.worlds[0].phases[0].links {
                let path = chart.path(link);
                let (first, last) = (path[0], path[path.len() - 1]);
                assert!(near(link.one, first) && near(link.other, last), "{what}: {path:?} joins nothing");
                for pair in path.windows(2) {
                    let step = pair[0].0.abs_diff(pair[1].0) + pair[0].1.abs_diff(pair[1].1);
                    assert_eq!(step, 1, "{what}: {path:?} has a gap");
                }
                for (number, &cell) in path.iter().enumerate() {
                    assert!(!(0..servers + clients).any(|node| inside(node, cell)), "{what}: through a box");
                    let mut used = [false; 2];
                    for other in [number.checked_sub(1), Some(number + 1)].into_iter().flatten() {
                        let Some(other) = path.get(other) else { continue };
                        used[usize::from(other.1 == cell.1)] = true;
                    }
                    let before = taken.entry(cell).or_default();
                    for way in 0..2 {
                        assert!(!(before[way] && used[way]), "{what}: two links share {cell:?}");
                        before[way] |= used[way];
                    }
                }
            }
        }
    }
}
