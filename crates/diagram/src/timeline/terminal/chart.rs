//! Lanes, bars and strokes on the columns of a terminal.

use std::collections::BTreeSet;

use super::grid::Grid;
use super::{Sign, short};
use crate::terminal::paint::{Line, Paint};
use crate::timeline::lines::{State, stretches};
use crate::timeline::scale::{Scale, written};
use crate::timeline::scene::{Scene, ends, name, outcome};
use crate::timeline::{Fate, Happening, Kind, Loss, Message, Near, Operation, Outcome, Weight};
use crate::words;

/// Rows of labels below a client's line, of bars on top of each other, and of cuts above the lanes.
const LABEL_ROWS: usize = 3;
const STACK: usize = 3;
const HEAD_ROWS: usize = 4;

/// What stands on the columns.
pub(super) struct Chart<'a> {
    scene: &'a Scene<'a>,
    scale: Scale,
    columns: usize,
    /// The row of each lane's line.
    rows: Vec<usize>,
    /// Bars: the operation, its columns, its row.
    bars: Vec<(usize, usize, usize, usize)>,
    /// Messages: which, and its column.
    pub(super) strokes: Vec<(usize, usize)>,
    /// Texts: row, column, paint.
    labels: Vec<(usize, usize, Paint, String)>,
    height: usize,
    /// How many texts found no place.
    pub(super) left_out: usize,
    /// How many bars lie on others.
    pub(super) on_others: usize,
}

impl<'a> Chart<'a> {
    pub(super) fn new(scene: &'a Scene<'a>, scale: Scale, columns: usize) -> Chart<'a> {
        let mut chart = Chart {
            scene,
            scale,
            columns,
            rows: Vec::new(),
            bars: Vec::new(),
            strokes: Vec::new(),
            labels: Vec::new(),
            height: 0,
            left_out: 0,
            on_others: 0,
        };
        chart.place_lanes();
        chart.place_messages();
        chart
    }

    fn column(&self, time: u64) -> usize {
        (self.scale.place(time).round() as usize).min(self.columns - 1)
    }

    /// Where lanes, bars and their labels go.
    fn place_lanes(&mut self) {
        let timeline = self.scene.timeline;
        let mut row = 0;
        for &lane in &self.scene.lanes {
            self.rows.push(row);
            let mut stack: Vec<Option<usize>> = Vec::new();
            let mut own: Vec<(usize, usize)> = Vec::new();
            for &number in &self.scene.operations {
                let operation = &timeline.operations[number];
                if operation.lane != lane {
                    continue;
                }
                let (from, to) = self.scene.lasts(operation);
                let (from, to) = (self.column(from), self.column(to));
                let free = stack.iter().position(|end| end.is_none_or(|end| end < from));
                let level = free.unwrap_or_else(|| {
                    if stack.len() < STACK {
                        stack.push(None);
                    } else {
                        self.on_others += 1;
                    }
                    stack.len() - 1
                });
                stack[level] = stack[level].max(Some(to));
                self.bars.push((number, from, to, row + level));
                own.push((number, from));
            }
            let below = row + stack.len().max(1);
            let rows = self.place_labels(&mut own, below);
            row = below + rows;
            if timeline.lanes[lane].kind == Kind::Server || rows == 0 {
                row += 1;
            }
        }
        self.height = row;
    }

    /// Labels of bars in the rows from `below`. Returns how many rows they take.
    fn place_labels(&mut self, own: &mut [(usize, usize)], below: usize) -> usize {
        let timeline = self.scene.timeline;
        let weight = |number: usize| match timeline.operations[number].weight {
            Weight::Blamed => 0,
            Weight::Normal => 1,
            Weight::Context => 2,
        };
        own.sort_by_key(|&(number, from)| (weight(number), from, number));
        let mut rows: Vec<Vec<(usize, usize)>> = Vec::new();
        for &(number, from) in own.iter() {
            let operation = &timeline.operations[number];
            let text = label(operation, self.columns);
            let wide = words::columns(&text);
            let start = from.min(self.columns.saturating_sub(wide));
            let free =
                |row: &Vec<(usize, usize)>| row.iter().all(|&(from, to)| start + wide < from || start > to);
            let row = rows.iter().position(free).or_else(|| {
                (rows.len() < LABEL_ROWS).then(|| {
                    rows.push(Vec::new());
                    rows.len() - 1
                })
            });
            let Some(row) = row else {
                self.left_out += 1;
                continue;
            };
            rows[row].push((start, start + wide));
            let paint = match operation.weight {
                Weight::Blamed => Paint::Bold,
                Weight::Normal => Paint::Plain,
                Weight::Context => Paint::Dim,
            };
            self.labels.push((below + row, start, paint, text));
        }
        rows.len()
    }

    /// Each message gets a column in which it meets no other one, near its time.
    fn place_messages(&mut self) {
        let timeline = self.scene.timeline;
        let mut order = self.scene.messages.clone();
        order.sort_by_key(|&number| (ends(&timeline.messages[number]), number));
        let mut taken: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.columns];
        for &(_, from, to, row) in &self.bars {
            taken[from].push((row, row));
            taken[to].push((row, row));
        }
        for number in order {
            let message = &timeline.messages[number];
            let (Some(from), Some(to)) = (self.scene.row(message.from), self.scene.row(message.to)) else {
                continue;
            };
            let (from, to) = (self.rows[from], self.rows[to]);
            let (upper, lower) = (from.min(to), from.max(to));
            let wanted = self.column(ends(message));
            let free = |column: &usize| {
                let taken = taken.get(*column);
                taken.is_some_and(|taken| taken.iter().all(|&(top, end)| lower < top || end < upper))
            };
            let near = [0, 1, 2, 3].map(|step| wanted + step).into_iter();
            let near = near.chain([1, 2].into_iter().filter_map(|step| wanted.checked_sub(step)));
            if let Some(column) = near.into_iter().find(free) {
                taken[column].push((upper, lower));
                self.strokes.push((number, column));
            }
        }
    }

    pub(super) fn draw(&mut self, gutter: usize, signs: &mut BTreeSet<Sign>) -> Vec<Line> {
        let mut lines = self.head(gutter, signs);
        let mut grid = Grid::new(self.columns, self.height);
        self.draw_lines(&mut grid, signs);
        self.draw_bars(&mut grid, signs);
        for (row, column, paint, text) in &self.labels {
            grid.text(*row, *column, *paint, text);
        }
        for (number, column) in &self.strokes {
            self.stroke(&self.scene.timeline.messages[*number], *column, &mut grid, signs);
        }
        self.draw_marks(&mut grid, signs);
        for one in &self.scale.breaks {
            signs.insert(Sign::Break);
            let middle = ((one.places.0 + one.places.1) / 2.0).floor() as usize;
            for &row in &self.rows {
                grid.text(row, middle, Paint::Dim, "//");
            }
        }
        for row in 0..self.height {
            let mut line = Line::default();
            if let Some(lane) = self.rows.iter().position(|&own| own == row) {
                let lane = self.scene.lane(lane);
                line.push(Paint::Bold, short(&name(lane)));
                if lane.fault.is_some() {
                    line.push(Paint::Removed, "*");
                }
            }
            line.pad_to(gutter);
            grid.append(row, &mut line);
            lines.push(line);
        }
        lines.extend(self.axis(gutter));
        lines
    }

    /// The bands of cuts above the lanes.
    fn head(&mut self, gutter: usize, signs: &mut BTreeSet<Sign>) -> Vec<Line> {
        let timeline = self.scene.timeline;
        let mut unlabelled = 0;
        let mut rows: Vec<(usize, Grid)> = Vec::new();
        let mut cuts: Vec<usize> = self.scene.cuts.clone();
        cuts.sort_by_key(|&number| (timeline.cuts[number].from, number));
        for number in cuts {
            let cut = &timeline.cuts[number];
            signs.insert(Sign::Cut);
            let (from, to) = self.scene.cut_lasts(cut);
            let (from, to) = (self.column(from), self.column(to));
            let text = format!(" cut {} ", self.scene.cut_label(cut));
            let text = words::shorten(&text, self.columns.min(60));
            let wide = words::columns(&text);
            let inside = to - from >= wide + 4;
            let start = if inside { from + 2 } else { (to + 1).min(self.columns.saturating_sub(wide)) };
            let first = from.min(start);
            let row = rows.iter().position(|(free, _)| *free <= first).or_else(|| {
                (rows.len() < HEAD_ROWS).then(|| {
                    rows.push((0, Grid::new(self.columns, 1)));
                    rows.len() - 1
                })
            });
            let Some(row) = row else {
                if let Some((_, grid)) = rows.last_mut() {
                    for column in from..=to {
                        grid.under(0, column, Paint::Removed, 'x');
                    }
                }
                unlabelled += 1;
                continue;
            };
            let (free, grid) = &mut rows[row];
            for column in from..=to {
                grid.put(0, column, Paint::Removed, 'x');
            }
            grid.text(0, start, Paint::Removed, &text);
            *free = (to + 1).max(start + wide) + 1;
        }
        self.left_out += unlabelled;
        let line = |(_, grid): (usize, Grid)| {
            let mut line = Line::default();
            line.pad_to(gutter);
            grid.append(0, &mut line);
            line
        };
        rows.into_iter().map(line).collect()
    }

    fn draw_lines(&self, grid: &mut Grid, signs: &mut BTreeSet<Sign>) {
        for (place, &lane) in self.scene.lanes.iter().enumerate() {
            let faulty = self.scene.timeline.lanes[lane].fault.is_some();
            if faulty {
                signs.insert(Sign::Faulty);
            }
            for (from, to, state) in stretches(&self.scene.timeline.marks, lane, self.scene.span) {
                let sign = match state {
                    State::Up if faulty => '╌',
                    State::Up => '─',
                    State::Paused => '·',
                    State::Down => ' ',
                };
                for column in self.column(from)..=self.column(to) {
                    grid.put(self.rows[place], column, Paint::Plain, sign);
                }
            }
        }
    }

    fn draw_bars(&self, grid: &mut Grid, signs: &mut BTreeSet<Sign>) {
        for &(number, from, to, row) in &self.bars {
            let operation = &self.scene.timeline.operations[number];
            let (fill, paint, sign) = match operation.weight {
                Weight::Blamed => ('#', Paint::Bold, Sign::Blamed),
                Weight::Normal => ('=', Paint::Plain, Sign::Operation),
                Weight::Context => ('-', Paint::Dim, Sign::Context),
            };
            signs.insert(sign);
            let unanswered = operation.outcome == Outcome::Unanswered;
            if unanswered {
                signs.insert(Sign::Unanswered);
            }
            for column in from..=to {
                grid.put(row, column, paint, fill);
            }
            if to > from {
                grid.put(row, from, paint, '[');
                grid.put(row, to, paint, if unanswered { '?' } else { ']' });
            }
        }
    }

    fn stroke(&self, message: &Message, column: usize, grid: &mut Grid, signs: &mut BTreeSet<Sign>) {
        let (Some(from), Some(to)) = (self.scene.row(message.from), self.scene.row(message.to)) else {
            return;
        };
        let (from, to) = (self.rows[from], self.rows[to]);
        let (arrives, sign) = match message.fate {
            Fate::Arrived { .. } => (true, Sign::Message),
            Fate::Lost { by: Loss::Down, .. } => (true, Sign::Down),
            Fate::Lost { .. } => (false, Sign::Lost),
            Fate::Open => (false, Sign::Open),
        };
        signs.insert(sign);
        let read = sign == Sign::Message;
        for row in from.min(to) + 1..from.max(to) {
            let head = if from < to { row + 1 == to } else { row == to + 1 };
            let (stroke, paint) = match () {
                () if arrives && head => (if from < to { '↓' } else { '↑' }, Paint::Plain),
                () if read => ('│', Paint::Plain),
                () => ('┊', Paint::Removed),
            };
            if self.rows.contains(&row) {
                grid.cross(row, column);
            } else {
                grid.under(row, column, paint, stroke);
            }
        }
        let (at_sender, at_receiver) = match message.fate {
            Fate::Arrived { .. } => (('●', Paint::Plain), Some(('●', Paint::Plain))),
            Fate::Lost { by: Loss::Down, .. } => (('●', Paint::Plain), None),
            Fate::Lost { near: Near::Sender, .. } => (('x', Paint::Removed), None),
            Fate::Lost { near: Near::Receiver, .. } => (('●', Paint::Plain), Some(('x', Paint::Removed))),
            Fate::Open => (('●', Paint::Plain), Some(('o', Paint::Dim))),
        };
        grid.put(from, column, at_sender.1, at_sender.0);
        if let Some((sign, paint)) = at_receiver {
            grid.put(to, column, paint, sign);
        }
    }

    fn draw_marks(&self, grid: &mut Grid, signs: &mut BTreeSet<Sign>) {
        for &number in &self.scene.marks {
            let mark = &self.scene.timeline.marks[number];
            let Some(place) = self.scene.row(mark.lane) else { continue };
            let (text, sign) = match mark.happening {
                Happening::Killed | Happening::Exited => ('╳', Sign::Stops),
                Happening::Restarted => ('○', Sign::Starts),
                Happening::Paused => ('p', Sign::Paused),
                Happening::Resumed => ('r', Sign::Paused),
                Happening::Odd => ('!', Sign::Odd),
            };
            signs.insert(sign);
            grid.put(self.rows[place], self.column(mark.at), Paint::Removed, text);
        }
    }

    /// The times below the lanes.
    fn axis(&self, gutter: usize) -> Vec<Line> {
        let micros = self.scene.micros();
        let mut grid = Grid::new(self.columns, 1);
        let mut free = 0;
        for (time, decimals) in self.scale.ticks(9.0, micros) {
            let unit = if micros { "s" } else { "" };
            let text = format!("{}{unit}", written(time, self.scene.span.0, decimals, micros));
            let column = self.column(time);
            if column < free || column + text.len() > self.columns {
                continue;
            }
            grid.text(0, column, Paint::Dim, &text);
            free = column + text.len() + 1;
        }
        let mut line = Line::of(Paint::Dim, if micros || gutter < 5 { "" } else { "step" });
        line.pad_to(gutter);
        grid.append(0, &mut line);
        vec![line]
    }
}

/// What stands below an operation's bar.
fn label(operation: &Operation, columns: usize) -> String {
    let blamed = if operation.weight == Weight::Blamed { "# " } else { "" };
    let most = columns.min(34);
    let call = words::shorten(&words::one_line(&operation.call), most / 2);
    let end = match &operation.outcome {
        Outcome::Unanswered => "?".to_owned(),
        _ => words::shorten(&outcome(operation), most.saturating_sub(words::columns(&call) + 6).max(6)),
    };
    format!("{blamed}{call} → {end}")
}
