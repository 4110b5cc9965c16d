//! The axis of time, and where it is torn.

use super::layout::Panel;
use super::scale::written;
use super::story;
use crate::figure::{Anchor, Point, Shape, fit};
use crate::layout::{GREY, GRID, LIGHT, ink, text};

/// The axis of time below the lanes.
pub(crate) fn ticks(panel: &Panel<'_>, left: f64, top: f64, bottom: f64, shapes: &mut Vec<Shape>) {
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

/// White strips with torn edges where time is cut out, and how much of it.
pub(crate) fn breaks(panel: &Panel<'_>, top: f64, bottom: f64, shapes: &mut Vec<Shape>) {
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
