//! A timeline as text: each process a line, each message a stroke between two of them, in a column of its
//! own; operations as bars on their clients' lines, with what was asked and answered below; then what
//! happened, in words.

use std::collections::BTreeSet;

use super::lines::{State, stretches};
use super::scale::{Limits, Scale, written};
use super::scene::{Room, Scene, ends, name, outcome};
use super::{Fate, Happening, Kind, Loss, Message, Near, Operation, Outcome, Sheet, Timeline, Weight, story};
use crate::terminal::TerminalOptions;
use crate::terminal::paint::{Line, Paint};
use crate::words;

/// What is told below a drawing: so many lines if it stands alone, and if there are others.
const TOLD_ALONE: usize = 60;
const TOLD: usize = 16;
/// Rows of labels below a client's line, of bars on top of each other, and of cuts above the lanes.
const LABEL_ROWS: usize = 3;
const STACK: usize = 3;
const HEAD_ROWS: usize = 4;
/// How many columns a stretch takes that is cut out.
const PAUSE: f64 = 4.0;

pub(crate) fn draw(sheet: &Sheet, options: &TerminalOptions) -> String {
    let width = options.width.max(40);
    let alone = sheet.timelines.len() == 1;
    let mut lines = Vec::new();
    let mut signs = BTreeSet::new();
    for (number, timeline) in sheet.timelines.iter().enumerate() {
        lines.extend((number > 0).then(Line::default));
        one(timeline, width, alone, &mut signs, &mut lines);
    }
    if sheet.timelines.is_empty() {
        lines.push(Line::of(Paint::Plain, "no timelines"));
    }
    if !sheet.caption.is_empty() {
        lines.push(Line::default());
        for sentence in &sheet.caption {
            lines.extend(paragraph(Paint::Bold, sentence, width));
        }
    }
    if !signs.is_empty() {
        lines.push(Line::default());
        let legend: Vec<&str> = signs.iter().map(|sign| meaning(*sign)).collect();
        let mut row = String::new();
        for part in legend {
            if !row.is_empty() && words::columns(&row) + 3 + words::columns(part) > width {
                lines.extend(words::wrap(&row, width, 0).into_iter().map(|row| Line::of(Paint::Dim, row)));
                row.clear();
            }
            if !row.is_empty() {
                row.push_str("   ");
            }
            row.push_str(part);
        }
        lines.extend(words::wrap(&row, width, 0).into_iter().map(|row| Line::of(Paint::Dim, row)));
    }
    lines.iter().map(|line| line.render(options.colour, options.ascii)).collect()
}

/// A sign that the legend explains, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Message,
    Lost,
    Down,
    Open,
    Faulty,
    Stops,
    Starts,
    Paused,
    Odd,
    Operation,
    Unanswered,
    Blamed,
    Context,
    Cut,
    Break,
}

fn meaning(sign: Sign) -> &'static str {
    match sign {
        Sign::Message => "●↑↓ message and receiver",
        Sign::Lost => "┊ lost, x at the end to blame",
        Sign::Down => "┊↑↓ nobody is there to read it",
        Sign::Open => "┊o neither arrived nor lost",
        Sign::Faulty => "*╌ faulty",
        Sign::Stops => "╳ stops",
        Sign::Starts => "○ starts again",
        Sign::Paused => "p paused, r goes on",
        Sign::Odd => "! something odd",
        Sign::Operation => "[==] operation, from call to answer",
        Sign::Unanswered => "[==? no answer: perhaps done",
        Sign::Blamed => "[##] to blame",
        Sign::Context => "[--] what was around",
        Sign::Cut => "xxx links are cut",
        Sign::Break => "// time left out",
    }
}

fn one(timeline: &Timeline, width: usize, alone: bool, signs: &mut BTreeSet<Sign>, lines: &mut Vec<Line>) {
    let names = timeline.lanes.iter().map(|lane| words::columns(&short(&name(lane))));
    let gutter = names.max().unwrap_or(0).max(2) + 2;
    let columns = width - gutter;
    let room = Room { lanes: 60, operations: 200, messages: columns * 2 / 5, others: 40 };
    let mut scene = Scene::new(timeline, room);
    let title = words::shorten(&words::one_line(&timeline.title), 3 * width);
    if !title.is_empty() {
        lines.extend(paragraph(Paint::Bold, &title, width));
    }
    lines.extend(paragraph(Paint::Plain, &story::subtitle(&scene), width));
    let scale =
        Scale::new(instants(&scene), Limits { width: (columns - 1) as f64, least: 1.0, pause: PAUSE });
    scene.fill(&scale, 7.0, room.messages);
    let mut chart = Chart::new(&scene, scale, columns);
    lines.extend(chart.draw(gutter, signs));
    let (texts, on_others) = (chart.left_out, chart.on_others);
    let placed = chart.strokes.iter().map(|(number, _)| *number).collect();
    scene.keep(placed);
    scene.missing.extend(story::on_others(on_others));
    if texts > 0 {
        let plural = if texts == 1 { "text finds" } else { "texts find" };
        scene.missing.push(format!("{texts} {plural} no place in the drawing"));
    }
    let told = told(&scene, if alone { TOLD_ALONE } else { TOLD }, alone);
    if !told.is_empty() {
        lines.push(Line::default());
        let wide = told.iter().map(|(time, ..)| words::columns(time)).max().unwrap_or(0);
        for (time, paint, text) in told {
            let text = words::wrap(&text, width.saturating_sub(wide + 2), 2);
            for (number, text) in text.into_iter().enumerate() {
                let time = if number == 0 { &time[..] } else { "" };
                let mut line = Line::of(Paint::Dim, format!("{time:>wide$}  "));
                line.push(paint, text);
                lines.push(line);
            }
        }
    }
    if !timeline.caption.is_empty() {
        lines.push(Line::default());
        for sentence in &timeline.caption {
            lines.extend(paragraph(Paint::Bold, sentence, width));
        }
    }
    for sentence in &scene.missing {
        lines.extend(paragraph(Paint::Dim, &format!("{sentence}."), width));
    }
}

fn short(name: &str) -> String {
    words::shorten(name, 10)
}

fn paragraph(paint: Paint, text: &str, width: usize) -> Vec<Line> {
    let text = words::shorten(&words::one_line(text), 40 * width);
    words::wrap(&text, width, 0).into_iter().map(|line| Line::of(paint, line)).collect()
}

/// What happened, by time.
fn told(scene: &Scene<'_>, most: usize, messages: bool) -> Vec<(String, Paint, String)> {
    let timeline = scene.timeline;
    let lane = |lane: usize| name(&timeline.lanes[lane]);
    let line = |text: &str| words::shorten(&words::one_line(text), 160);
    let mut told: Vec<(u64, u8, Paint, String)> = Vec::new();
    let mut around = 0;
    for &number in &scene.operations {
        let operation = &timeline.operations[number];
        if operation.weight == Weight::Context {
            around += 1;
            continue;
        }
        let blamed = if operation.weight == Weight::Blamed { "# " } else { "" };
        let (who, call) = (lane(operation.lane), line(&operation.call));
        told.push((operation.from, 2, Paint::Plain, format!("{blamed}{who} asks {call}")));
        let Some(to) = operation.to else { continue };
        let end = match &operation.outcome {
            Outcome::Answered(answer) => format!("{blamed}{who} is told {}", line(answer)),
            Outcome::Refused(_) => format!("{blamed}{who} is refused {call}: {}", line(&outcome(operation))),
            Outcome::Unanswered => format!("{blamed}{who} gives up {call}: perhaps it was done"),
        };
        told.push((to, 4, Paint::Bold, end));
    }
    for &number in &scene.orders {
        let order = &timeline.orders[number];
        let (one, two) = (&timeline.operations[order.before], &timeline.operations[order.after]);
        let label = line(story::or(&order.label, "ended before"));
        let text = format!(
            "{} {}  {label}  {} {}",
            lane(one.lane),
            line(&one.call),
            lane(two.lane),
            line(&two.call)
        );
        told.push((scene.lasts(two).0, 3, Paint::Plain, text));
    }
    for &number in &scene.marks {
        let mark = &timeline.marks[number];
        let detail = if mark.detail.is_empty() { String::new() } else { format!(": {}", line(&mark.detail)) };
        let text = format!("{} {}{detail}", lane(mark.lane), story::happening(mark.happening));
        told.push((mark.at, 1, Paint::Plain, text));
    }
    for &number in &scene.cuts {
        let cut = &timeline.cuts[number];
        let label = line(&scene.cut_label(cut));
        told.push((cut.from, 0, Paint::Removed, format!("cut {label}")));
        if let Some(to) = cut.to {
            told.push((to, 5, Paint::Plain, format!("healed {label}")));
        }
    }
    for &number in &scene.notes {
        told.push((timeline.notes[number].at, 1, Paint::Plain, line(&timeline.notes[number].text)));
    }
    for &number in if messages { &scene.messages[..] } else { &[] } {
        let message = &timeline.messages[number];
        let label = line(&message.label);
        let link = format!("{}→{}  {label}", lane(message.from), lane(message.to));
        let (paint, fate) = match message.fate {
            Fate::Arrived { .. } => (Paint::Plain, String::new()),
            Fate::Open => (Paint::Dim, "  neither arrived nor lost at the end".to_owned()),
            Fate::Lost { near, by, .. } => {
                let end = lane(if near == Near::Sender { message.from } else { message.to });
                let fate = match by {
                    Loss::Cut => format!("  lost at {end}: cut"),
                    Loss::Type => format!("  lost at {end}: such messages were being lost"),
                    Loss::Down => "  lost: nobody is there".to_owned(),
                };
                (Paint::Removed, fate)
            }
        };
        told.push((message.sent, 6, paint, format!("{link}{fate}")));
    }
    told.sort_by_key(|(time, kind, ..)| (*time, *kind));
    let rest = told.len().saturating_sub(most);
    if rest > 0 {
        // The asked and told come first: messages are in the drawing too.
        let mut kept: Vec<usize> = (0..told.len()).collect();
        kept.sort_by_key(|&number| (told[number].1 == 6, number));
        kept.truncate(most);
        kept.sort_unstable();
        told = kept.into_iter().map(|number| told[number].clone()).collect();
    }
    let mut lines: Vec<(String, Paint, String)> =
        told.into_iter().map(|(time, _, paint, text)| (story::when(scene, time), paint, text)).collect();
    if around > 0 {
        let plural = if around == 1 { "operation" } else { "operations" };
        lines.push((String::new(), Paint::Dim, format!("and {around} {plural} around them, drawn above")));
    }
    if rest > 0 {
        let (plural, are) = if rest == 1 { ("thing", "is") } else { ("things", "are") };
        lines.push((String::new(), Paint::Dim, format!("and {rest} more {plural} that {are} not listed")));
    }
    lines
}

/// The instants that a terminal keeps apart: a message has one column, that of its end.
fn instants(scene: &Scene<'_>) -> Vec<u64> {
    let timeline = scene.timeline;
    let mut instants = vec![scene.span.0, scene.span.1];
    for &number in &scene.operations {
        let (from, to) = scene.lasts(&timeline.operations[number]);
        instants.extend([from, to]);
    }
    instants.extend(scene.messages.iter().map(|&number| ends(&timeline.messages[number])));
    instants.extend(scene.marks.iter().map(|&number| timeline.marks[number].at));
    for &number in &scene.cuts {
        let (from, to) = scene.cut_lasts(&timeline.cuts[number]);
        instants.extend([from, to]);
    }
    instants
}

/// What stands on the columns.
struct Chart<'a> {
    scene: &'a Scene<'a>,
    scale: Scale,
    columns: usize,
    /// The row of each lane's line.
    rows: Vec<usize>,
    /// Bars: the operation, its columns, its row.
    bars: Vec<(usize, usize, usize, usize)>,
    /// Messages: which, and its column.
    strokes: Vec<(usize, usize)>,
    /// Texts: row, column, paint.
    labels: Vec<(usize, usize, Paint, String)>,
    height: usize,
    /// How many texts found no place.
    left_out: usize,
    /// How many bars lie on others.
    on_others: usize,
}

impl<'a> Chart<'a> {
    fn new(scene: &'a Scene<'a>, scale: Scale, columns: usize) -> Chart<'a> {
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

    fn draw(&mut self, gutter: usize, signs: &mut BTreeSet<Sign>) -> Vec<Line> {
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

/// Cells of a column each. The second cell of a wide character is `\0`.
struct Grid {
    width: usize,
    cells: Vec<Vec<(Paint, char)>>,
}

impl Grid {
    fn new(width: usize, height: usize) -> Grid {
        Grid { width, cells: vec![vec![(Paint::Plain, ' '); width]; height] }
    }

    fn put(&mut self, row: usize, column: usize, paint: Paint, sign: char) {
        if let Some(cell) = self.cells.get_mut(row).and_then(|row| row.get_mut(column)) {
            *cell = (paint, sign);
        }
    }

    /// Only where nothing is.
    fn under(&mut self, row: usize, column: usize, paint: Paint, sign: char) {
        if self.cells.get(row).and_then(|row| row.get(column)).is_some_and(|cell| cell.1 == ' ') {
            self.put(row, column, paint, sign);
        }
    }

    /// A stroke crosses a line.
    fn cross(&mut self, row: usize, column: usize) {
        match self.cells.get(row).and_then(|row| row.get(column)).map(|cell| cell.1) {
            Some(' ') => self.put(row, column, Paint::Plain, '│'),
            Some('─' | '╌' | '=' | '#' | '-' | '·') => self.put(row, column, Paint::Plain, '┼'),
            _ => {}
        }
    }

    fn text(&mut self, row: usize, column: usize, paint: Paint, text: &str) {
        let mut column = column;
        for character in text.chars() {
            let wide = words::width(character);
            if column + wide > self.width {
                return;
            }
            self.put(row, column, paint, character);
            if wide == 2 {
                self.put(row, column + 1, paint, '\0');
            }
            column += wide;
        }
    }

    fn append(&self, row: usize, line: &mut Line) {
        for (paint, character) in &self.cells[row] {
            if *character != '\0' {
                line.push(*paint, character.to_string());
            }
        }
    }
}
