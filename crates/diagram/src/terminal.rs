//! A scene as text. Each round is a few columns, each process a line; a vertical stroke joins two processes
//! that exchange messages in the round, with a head at the receiver. Worlds stand side by side where they
//! fit, with less detail if need be; else below each other. Rounds that do not fit into a line go on in the
//! next block.

mod block;
mod lists;
pub(crate) mod paint;

use std::collections::BTreeSet;

use threeworlds_model::Execution;

use crate::scene::{Fate, Scene, World};
use crate::words;

use block::{Block, Detail};
use paint::{Line, Paint};

/// How a drawing fits its terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalOptions {
    /// How many columns a line may take; fewer than 40 are taken as 40.
    pub width: usize,
    /// Whether styles are embedded as ANSI escape sequences.
    pub colour: bool,
    /// Whether only ASCII characters are printed.
    pub ascii: bool,
}

impl Default for TerminalOptions {
    fn default() -> Self {
        TerminalOptions { width: 80, colour: false, ascii: false }
    }
}

/// The executions as text, side by side where that fits. Every line ends in a newline and none is wider
/// than asked for.
pub fn terminal(executions: &[Execution], options: &TerminalOptions) -> String {
    let scene = Scene::new(executions);
    let width = options.width.max(40);
    let (mut lines, details) = side_by_side(&scene, width).unwrap_or_else(|| stacked(&scene, width));
    lines.extend(lists::sentences(&scene, width));
    let legend = lists::legend(&scene, &details, width);
    if !legend.is_empty() {
        lines.push(Line::default());
        lines.extend(legend);
    }
    lines.iter().map(|line| line.render(options.colour, options.ascii)).collect()
}

/// Between two worlds side by side.
pub(crate) const BETWEEN: usize = 2;
/// The room between two rounds, the most first.
const GAPS: [usize; 3] = [3, 2, 1];
/// The least a world must have for the text below it.
const NARROWEST: usize = 22;
/// A round wider than this is hard to read: it is drawn with less detail.
const WIDEST_ROUND: usize = 26;

/// All worlds in one row, with as much detail as fits for all of them, if they fit at all.
fn side_by_side(scene: &Scene, width: usize) -> Option<(Vec<Line>, BTreeSet<Detail>)> {
    let count = scene.worlds.len();
    if count < 2 {
        return None;
    }
    let room = width.checked_sub(BETWEEN * (count - 1))?;
    let ways = [Detail::Links, Detail::Marks].into_iter().flat_map(|detail| GAPS.map(|gap| (detail, gap)));
    ways.into_iter().find_map(|(detail, gap)| {
        let block = |number| Block::new(scene, number, detail).spaced(gap);
        let blocks: Vec<Block<'_>> = (0..count).map(block).collect();
        if blocks.iter().any(|block| block.widest_round() > WIDEST_ROUND) {
            return None;
        }
        let least: Vec<usize> = blocks.iter().map(|block| block.width().max(NARROWEST)).collect();
        let spare = room.checked_sub(least.iter().sum())? / count;
        let panels = blocks.iter().zip(&least).map(|(block, &least)| {
            let width = least + spare.min(12);
            let mut lines = lists::heading(block.world(), width);
            lines.extend(block.draw(1, block.world().rounds));
            (width, lines, lists::facts(block.world(), width))
        });
        let panels: Vec<(usize, Vec<Line>, Vec<Line>)> = panels.collect();
        let mut lines = beside(panels.iter().map(|(width, drawing, _)| (*width, &drawing[..])));
        lines.push(Line::default());
        lines.extend(beside(panels.iter().map(|(width, _, facts)| (*width, &facts[..]))));
        Some((lines, BTreeSet::from([detail])))
    })
}

/// Columns of lines next to each other.
pub(crate) fn beside<'a>(panels: impl Iterator<Item = (usize, &'a [Line])> + Clone) -> Vec<Line> {
    let height = panels.clone().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    let row = |number: usize| {
        let mut row = Line::default();
        let mut start = 0;
        for (width, lines) in panels.clone() {
            row.pad_to(start);
            if let Some(line) = lines.get(number) {
                row.append(line);
            }
            start += width + BETWEEN;
        }
        row
    };
    (0..height).map(row).collect()
}

/// The worlds below each other, each with as much detail as fits and in as many blocks as its rounds need.
fn stacked(scene: &Scene, width: usize) -> (Vec<Line>, BTreeSet<Detail>) {
    let mut lines = Vec::new();
    let mut details = BTreeSet::new();
    for (number, world) in scene.worlds.iter().enumerate() {
        if number > 0 {
            lines.push(Line::default());
        }
        lines.extend(lists::heading(world, width));
        let narrow = |block: &Block<'_>| block.widest_round() <= WIDEST_ROUND && block.fits(width);
        let mut block = [Detail::Links, Detail::Marks]
            .into_iter()
            .map(|detail| Block::new(scene, number, detail))
            .find(narrow)
            .unwrap_or_else(|| Block::new(scene, number, Detail::Counts));
        details.insert(block.detail());
        for gap in GAPS {
            block = block.spaced(gap);
            if block.width() <= width {
                break;
            }
        }
        for (position, (first, last)) in block.cuts(width).into_iter().enumerate() {
            if position > 0 {
                lines.push(Line::default());
            }
            lines.extend(block.draw(first, last));
        }
        lines.push(Line::default());
        if scene.worlds.len() == 1 {
            lines.extend(lists::story(world, width));
        } else {
            lines.extend(lists::facts(world, width));
        }
    }
    if scene.worlds.is_empty() {
        lines.push(Line::of(Paint::Plain, "no executions"));
    }
    (lines, details)
}

/// Which signs a drawing uses.
fn uses(world: &World, fate: impl Fn(Fate) -> bool) -> bool {
    world.arrows.iter().any(|arrow| fate(arrow.fate))
}

/// The text cut to some columns, as a line.
fn cut(paint: Paint, text: &str, width: usize) -> Line {
    Line::of(paint, words::shorten(text, width))
}
