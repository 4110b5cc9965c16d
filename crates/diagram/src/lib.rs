//! Draws executions. An execution is laid out once, as a [`Scene`]: lanes, arrows, marks, and which lanes
//! of which worlds look the same. The back ends consume it. [`svg`], [`html`] and [`tikz`] go through
//! [`Figure`], the scene in points on paper; [`terminal`] puts it into columns of characters;
//! [`shiviz`] and [`mermaid`] write it for other programs. [`worlds`] draws the worlds of certificates, and
//! [`timeline`] what happened in real time, with the same back ends; [`overview`] makes a page of tables
//! whose cells open such drawings.
//!
//! Pure: nothing here reads, writes or asks for the time, and equal executions give equal text. Every
//! execution that `Execution::parse` accepts can be drawn; nothing is judged, and what a drawing has no
//! room for (a long message, a crowded round) it shortens, never leaves out without saying so.

#![forbid(unsafe_code)]

mod figure;
mod html;
mod layout;
mod mermaid;
pub mod overview;
mod scene;
mod shiviz;
mod svg;
mod terminal;
mod tikz;
pub mod timeline;
mod words;
pub mod worlds;

use threeworlds_model::Execution;

pub use figure::{Anchor, End, Figure, Ink, Point, Shape};
pub use html::{Group, Report, Tone, html};
pub use mermaid::mermaid;
pub use scene::{Arrow, Event, Fate, Lane, Likeness, Occurrence, Scene, World};
pub use shiviz::shiviz;
pub use terminal::{TerminalOptions, terminal};

/// The executions side by side as a standalone SVG file.
pub fn svg(executions: &[Execution]) -> String {
    svg::file(&Figure::new(&Scene::new(executions)))
}

/// The execution as a LaTeX document that needs nothing but TikZ. Characters that `pdflatex` does not know
/// are named by their code point.
pub fn tikz(execution: &Execution) -> String {
    tikz::document(&Figure::new(&Scene::new(std::slice::from_ref(execution))))
}
