//! When which links were cut: named above the lanes, shaded behind them. Notes stand above them too.

use super::layout::Panel;
use crate::figure::{Anchor, Ink, Point, Shape, text_width};
use crate::layout::{DARK, GREY, REMOVED, ink, text};
use crate::words;

/// What is inside a cut, and the band that names it.
const SHADE: u32 = 0xF8_E9_EB;
const BAND: u32 = 0xF0_CD_D2;
const HEAD_ROW: f64 = 18.0;
const HEAD_ROWS: usize = 6;

/// What stands above the lanes: cuts and notes, in as few rows as their texts allow. Returns the lower edge.
pub(crate) fn head(panel: &mut Panel<'_>, top: f64, shapes: &mut Vec<Shape>) -> f64 {
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
pub(crate) fn shade(panel: &Panel<'_>, top: f64, shapes: &mut Vec<Shape>) {
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
