//! The lines of processes, their names, and what happened to them.

use super::layout::{Panel, short_fault};
use super::lines::{State, stretches};
use super::scene::name;
use super::{Happening, story};
use crate::figure::{Anchor, Ink, Point, Shape, text_width};
use crate::layout::{DARK, GREY, LIGHT, REMOVED, ink, text};
use crate::words;

/// Lines, names and what happened to processes.
pub(crate) fn lanes(panel: &mut Panel<'_>, left: f64, shapes: &mut Vec<Shape>, over: &mut Vec<Shape>) {
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
