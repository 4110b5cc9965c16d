//! Draws the static worlds of a certificate: who is cut off from whom in each, what clients ask, which
//! responses the argument derives, and what no client can tell apart. A certificate is laid out once, as a
//! `Scene`, which compares views anew and shows nothing as the same that is not; the back ends consume it.
//!
//! Every certificate that `Certificate::parse` accepts can be drawn, a wrong one too: nothing is verified
//! here. Worlds of more blocks than can be told apart in a drawing are listed in words; more than 120
//! worlds, or 24 epochs or rounds of one, are counted.

mod derived;
mod lanes;
mod layout;
mod legend;
mod map;
mod page;
mod scene;
mod terminal;
mod view;

use threeworlds_certificate::Certificate;

pub use page::{Proof, html};

use crate::terminal::TerminalOptions;
use scene::Scene;

/// The worlds side by side as a standalone SVG file.
pub fn svg(certificate: &Certificate) -> String {
    crate::svg::file(&figure(certificate))
}

/// The worlds as a LaTeX document that needs nothing but TikZ.
pub fn tikz(certificate: &Certificate) -> String {
    crate::tikz::document(&figure(certificate))
}

/// The worlds as text, side by side where that fits. Every line ends in a newline and none is wider than
/// asked for; fewer than 40 columns are taken as 40.
pub fn terminal(certificate: &Certificate, options: &TerminalOptions) -> String {
    terminal::draw(&Scene::new(certificate), options)
}

/// The worlds as a `figure` element of HTML, which scrolls where the page is too narrow.
pub fn html_figure(certificate: &Certificate) -> String {
    crate::html::figure_element(&figure(certificate))
}

/// The worlds on paper.
pub fn figure(certificate: &Certificate) -> crate::Figure {
    layout::figure(&Scene::new(certificate))
}
