//! Operations on their clients' lines: a bar from the call to its end, with what was asked and what was
//! answered in it or, where it is too short for that, below it.

use super::layout::Panel;
use super::scene::{name, outcome};
use super::{Operation, Outcome, Weight, story};
use crate::figure::{Anchor, End, Ink, Point, Shape, text_width};
use crate::layout::{DARK, GREY, LIGHT, REMOVED, ink};
use crate::words;

pub(crate) const BAR: f64 = 16.0;
const LABEL_ROW: f64 = 18.0;
/// So many rows of labels below a line, and so many bars on top of each other.
const LABEL_ROWS: usize = 5;
const STACK: usize = 6;
const SIZE: f64 = 10.5;
const BLAMED: u32 = 0xFF_E3_A8;
const NORMAL: u32 = 0xE6_EF_F6;

/// Where bars and their labels go.
pub(crate) struct Plan {
    bars: Vec<Bar>,
    /// Below the lanes.
    pub(crate) bottom: f64,
}

/// Where one bar goes, relative to its lane.
struct Bar {
    operation: usize,
    from: f64,
    to: f64,
    /// How far below its lane's line its own middle is.
    down: f64,
    place: Place,
    call: String,
    answer: String,
}

enum Place {
    Inside,
    /// Its left edge, and how far below the lane's line its middle is.
    Below(f64, f64),
    None,
}

/// Decides where bars and labels go, and with that how high the lanes are, the first at `top`.
pub(crate) fn plan(panel: &mut Panel<'_>, top: f64) -> Plan {
    let count = panel.scene.lanes.len();
    let gap = match panel.scene.servers {
        0..=5 => 50.0,
        6..=12 => 36.0,
        _ => 24.0,
    };
    let mut own: Vec<Vec<usize>> = vec![Vec::new(); count];
    for &number in &panel.scene.operations {
        if let Some(row) = panel.scene.row(panel.scene.timeline.operations[number].lane) {
            own[row].push(number);
        }
    }
    let mut bars = Vec::new();
    let mut y = top;
    for (row, operations) in own.iter().enumerate() {
        if row > 0 && row == panel.scene.servers {
            y += 10.0;
        }
        panel.heights.push(y);
        let depth = lane(panel, operations, &mut bars);
        let least: f64 = if row < panel.scene.servers { gap } else { 38.0 };
        y += least.max(depth + 18.0);
    }
    Plan { bars, bottom: if count == 0 { top } else { y - 10.0 } }
}

/// The bars of one lane. Returns how far they and their labels reach below its line.
fn lane(panel: &mut Panel<'_>, operations: &[usize], bars: &mut Vec<Bar>) -> f64 {
    let first = bars.len();
    let mut stack: Vec<f64> = Vec::new();
    for &number in operations {
        let operation = &panel.scene.timeline.operations[number];
        let (from, to) = panel.scene.lasts(operation);
        let (from, to) = (panel.x(from), panel.x(to));
        let to = to.max(from + 3.0);
        let free = stack.iter().position(|&end| end <= from + 0.01);
        let level = free.unwrap_or_else(|| {
            if stack.len() < STACK {
                stack.push(0.0);
            } else {
                panel.on_others += 1;
            }
            stack.len() - 1
        });
        stack[level] = to.max(stack[level]);
        bars.push(Bar {
            operation: number,
            from,
            to,
            down: level as f64 * (BAR + 2.0),
            place: Place::None,
            call: words::shorten(&words::one_line(&operation.call), 34),
            answer: words::shorten(&outcome(operation), 26),
        });
    }
    let below = stack.len().saturating_sub(1) as f64 * (BAR + 2.0) + BAR / 2.0;
    // Those to blame choose first.
    let weight = |bar: &Bar| match panel.scene.timeline.operations[bar.operation].weight {
        Weight::Blamed => 0,
        Weight::Normal => 1,
        Weight::Context => 2,
    };
    let mut order: Vec<usize> = (first..bars.len()).collect();
    order.sort_by_key(|&number| (weight(&bars[number]), number));
    let mut rows: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut unlabelled = 0;
    for number in order {
        let bar = &mut bars[number];
        let width = call_width(&bar.call) + answer_width(&bar.answer) + 6.0;
        let (call, answer) = (call_width(&bar.call), answer_width(&bar.answer));
        let torn = panel.strips().any(|x| {
            (bar.from - 9.0..bar.from + call + 9.0).contains(&x)
                || (bar.to - answer - 9.0..bar.to + 9.0).contains(&x)
        });
        if width + 4.0 <= bar.to - bar.from && !torn {
            bar.place = Place::Inside;
            continue;
        }
        let left = bar.from.min(panel.right + 10.0 - width).max(panel.left - 4.0);
        let free =
            |row: &Vec<(f64, f64)>| row.iter().all(|&(from, to)| left + width + 8.0 <= from || left >= to);
        let row = rows.iter().position(free).or_else(|| {
            (rows.len() < LABEL_ROWS).then(|| {
                rows.push(Vec::new());
                rows.len() - 1
            })
        });
        match row {
            Some(row) => {
                rows[row].push((left, left + width + 8.0));
                bar.place = Place::Below(left, below + 12.0 + row as f64 * LABEL_ROW);
            }
            None => unlabelled += 1,
        }
    }
    panel.unlabelled += unlabelled;
    if operations.is_empty() { 0.0 } else { below + rows.len() as f64 * LABEL_ROW + 2.0 }
}

fn call_width(call: &str) -> f64 {
    text_width(call, SIZE) + 10.0
}

fn answer_width(answer: &str) -> f64 {
    text_width(answer, SIZE) * 1.08 + 14.0
}

/// Keeps other texts off bars and their labels.
pub(crate) fn reserve(panel: &mut Panel<'_>, plan: &Plan) {
    for bar in &plan.bars {
        let lane = panel.scene.timeline.operations[bar.operation].lane;
        let Some(at) = panel.at(0, lane) else { continue };
        let middle = at.y + bar.down;
        panel.taken.push([bar.from, middle - BAR / 2.0, bar.to, middle + BAR / 2.0]);
        if let Place::Below(left, down) = bar.place {
            let width = call_width(&bar.call) + answer_width(&bar.answer);
            panel.taken.push([left, at.y + down - 7.0, left + width, at.y + down + 7.0]);
        }
    }
}

pub(crate) fn draw(panel: &Panel<'_>, plan: &Plan, shapes: &mut Vec<Shape>) {
    let timeline = panel.scene.timeline;
    // Leaders first, so that no text is crossed out.
    for bar in &plan.bars {
        let Some(at) = panel.at(0, timeline.operations[bar.operation].lane) else { continue };
        if let Place::Below(left, down) = bar.place {
            let x = bar.from.max(left + 0.5) + 0.5;
            let from = Point::new(x, at.y + bar.down + BAR / 2.0);
            shapes.push(Shape::Line { from, to: Point::new(x, at.y + down - 7.0), ink: ink(LIGHT, 1.0) });
        }
    }
    for bar in &plan.bars {
        let operation = &timeline.operations[bar.operation];
        let Some(at) = panel.at(0, operation.lane) else { continue };
        let middle = at.y + bar.down;
        let tip = tip(panel, operation);
        let (fill, border) = match operation.weight {
            Weight::Blamed => (BLAMED, ink(DARK, 2.4)),
            Weight::Normal => (NORMAL, ink(DARK, 1.0)),
            Weight::Context => (0xFF_FF_FF, ink(LIGHT, 1.0)),
        };
        let open = operation.outcome == Outcome::Unanswered;
        let border = Ink { dash: open.then_some((3.0, 2.5)), ..border };
        shapes.push(Shape::Frame {
            at: Point::new(bar.from, middle - BAR / 2.0),
            width: bar.to - bar.from,
            height: BAR,
            radius: 3.0,
            fill: Some(fill),
            ink: border,
        });
        shapes.push(Shape::Path {
            points: vec![Point::new(bar.from + 1.5, middle), Point::new(bar.to - 1.0, middle)],
            ink: ink(fill, 1.0),
            tip: tip.clone(),
        });
        match bar.place {
            Place::Inside => {
                let answer = answer_width(&bar.answer);
                call(bar, operation, Point::new(bar.from, middle), &tip, shapes);
                told(bar, operation, Point::new(bar.to - answer, middle), &tip, shapes);
            }
            Place::Below(left, down) => {
                let start = Point::new(left, at.y + down);
                call(bar, operation, start, &tip, shapes);
                told(bar, operation, Point::new(left + call_width(&bar.call), start.y), &tip, shapes);
            }
            Place::None => {}
        }
    }
}

fn call(bar: &Bar, operation: &Operation, at: Point, tip: &str, shapes: &mut Vec<Shape>) {
    shapes.push(Shape::Text {
        at: Point::new(at.x + 5.0, at.y + 3.8),
        anchor: Anchor::Start,
        size: SIZE,
        bold: operation.weight == Weight::Blamed,
        colour: if operation.weight == Weight::Context { GREY } else { DARK },
        ground: false,
        text: bar.call.clone(),
        tip: Some(tip.to_owned()),
    });
}

/// What was answered: white on dark, pale if it is only there for context, without a box if there was none.
fn told(bar: &Bar, operation: &Operation, at: Point, tip: &str, shapes: &mut Vec<Shape>) {
    let answered = matches!(operation.outcome, Outcome::Answered(_));
    let solid = answered && operation.weight != Weight::Context;
    if answered {
        shapes.push(Shape::Pill {
            at: Point::new(at.x, at.y - 7.0),
            width: answer_width(&bar.answer) - 2.0,
            height: 14.0,
            solid,
            ink: ink(if solid { DARK } else { LIGHT }, 1.0),
        });
    }
    let colour = match operation.weight {
        _ if solid => 0xFF_FF_FF,
        Weight::Context => GREY,
        _ => REMOVED,
    };
    shapes.push(Shape::Text {
        at: Point::new(at.x + answer_width(&bar.answer) / 2.0 - 1.0, at.y + 3.8),
        anchor: Anchor::Middle,
        size: SIZE,
        bold: solid,
        colour,
        ground: false,
        text: bar.answer.clone(),
        tip: Some(tip.to_owned()),
    });
}

/// Everything about an operation, for those who point at it.
fn tip(panel: &Panel<'_>, operation: &Operation) -> String {
    let mut tip = format!(
        "{}: {}\nasked at {}",
        name(&panel.scene.timeline.lanes[operation.lane]),
        words::shorten(&words::one_line(&operation.call), 1_000),
        panel.when(operation.from)
    );
    let outcome = words::shorten(&outcome(operation), 1_000);
    match operation.to {
        Some(to) => tip += &format!("\n{outcome}, at {}", panel.when(to)),
        None => tip += &format!("\n{outcome}"),
    }
    if operation.weight == Weight::Blamed {
        tip += "\nto blame";
    }
    if !operation.detail.is_empty() {
        tip += &format!("\n{}", words::shorten(&words::one_line(&operation.detail), 1_000));
    }
    tip
}

/// That an operation ended before another one began.
pub(crate) fn orders(panel: &mut Panel<'_>, shapes: &mut Vec<Shape>) {
    let timeline = panel.scene.timeline;
    for index in 0..panel.scene.orders.len() {
        let order = &timeline.orders[panel.scene.orders[index]];
        let (one, two) = (&timeline.operations[order.before], &timeline.operations[order.after]);
        let (Some(from), Some(to)) =
            (panel.at(panel.scene.lasts(one).1, one.lane), panel.at(panel.scene.lasts(two).0, two.lane))
        else {
            continue;
        };
        // It leaves and arrives at the edges of the bars that face each other.
        let side = |from: f64, to: f64| {
            if to > from {
                BAR / 2.0
            } else if to < from {
                -BAR / 2.0
            } else {
                0.0
            }
        };
        let (start, end) =
            (Point::new(from.x, from.y + side(from.y, to.y)), Point::new(to.x, to.y + side(to.y, from.y)));
        let label = words::shorten(&words::one_line(&order.label), 30);
        let tip = format!(
            "{}: {} ended at {}, {} began at {}",
            story::or(&label, "before"),
            words::shorten(&words::one_line(&one.call), 200),
            panel.when(panel.scene.lasts(one).1),
            words::shorten(&words::one_line(&two.call), 200),
            panel.when(panel.scene.lasts(two).0)
        );
        shapes.push(Shape::Arrow {
            from: start,
            to: end,
            end: End::Head,
            ink: Ink { colour: DARK, width: 2.2, dash: Some((6.0, 3.0)) },
            tip,
        });
        if label.is_empty() {
            continue;
        }
        let width = text_width(&label, 10.5) * 1.1;
        let middle = start.towards(end, 0.5);
        let offsets = [(6.0, 4.0), (-6.0 - width, 4.0), (-width / 2.0, -8.0), (6.0, 16.0), (6.0, -10.0)];
        let place = offsets.into_iter().map(|(x, y)| Point::new(middle.x + x, middle.y + y));
        let found = place.into_iter().find(|at| panel.take([at.x, at.y - 9.0, at.x + width, at.y + 3.0]));
        match found {
            Some(at) => shapes.push(Shape::Text {
                at,
                anchor: Anchor::Start,
                size: 10.5,
                bold: true,
                colour: DARK,
                ground: true,
                text: label,
                tip: None,
            }),
            None => panel.unlabelled += 1,
        }
    }
}
