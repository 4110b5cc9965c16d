//! A figure as a LaTeX document: the same shapes as in SVG, in points, with the vertical axis turned.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::figure::{Anchor, End, Figure, Ink, Point, Shape, head, shaft};

/// A document that `pdflatex` turns into a page of the figure's size.
pub(crate) fn document(figure: &Figure) -> String {
    let mut body = String::new();
    for shape in &figure.shapes {
        draw(shape, &mut body);
    }
    let mut out = String::from(
        "\\documentclass[tikz,border=4pt]{standalone}\n\
         \\usepackage[T1]{fontenc}\n\
         \\renewcommand{\\familydefault}{\\sfdefault}\n",
    );
    let _ = writeln!(out, "% {}", comment(&figure.title));
    for colour in colours(figure) {
        let _ = writeln!(out, "\\definecolor{{{}}}{{HTML}}{{{colour:06X}}}", name(colour));
    }
    out.push_str("\\begin{document}\n\\begin{tikzpicture}[x=0.75pt,y=-0.75pt,line cap=butt,inner sep=0pt]\n");
    out.push_str(&body);
    out.push_str("\\end{tikzpicture}\n\\end{document}\n");
    out
}

/// A point of the figure is 0.75 of a TeX point, so that its text at 10 is about a caption's.
const SCALE: f64 = 0.75;

fn colours(figure: &Figure) -> BTreeSet<u32> {
    let colours = |shape: &Shape| match shape {
        Shape::Line { ink, .. }
        | Shape::Arrow { ink, .. }
        | Shape::Cross { ink, .. }
        | Shape::Path { ink, .. }
        | Shape::Pill { ink, .. } => [Some(ink.colour), None],
        Shape::Frame { ink, fill, .. } => [Some(ink.colour), *fill],
        Shape::Text { colour, .. } => [Some(*colour), None],
    };
    figure.shapes.iter().flat_map(colours).flatten().collect()
}

fn name(colour: u32) -> String {
    format!("c{colour:06x}")
}

// Writing to a String cannot fail.
fn draw(shape: &Shape, out: &mut String) {
    match shape {
        Shape::Line { from, to, ink } => path(&stroke(ink), &[*from, *to], "", out),
        Shape::Arrow { from, to, end, ink, .. } => {
            path(&stroke(ink), &[*from, if *end == End::Head { shaft(*from, *to) } else { *to }], "", out);
            let solid = Ink { dash: None, ..*ink };
            match end {
                End::Head => {
                    let _ = write!(out, "\\fill[{}] ", name(ink.colour));
                    corners(&head(*from, *to, 8.0), " -- cycle", out);
                }
                End::OpenHead => path(&stroke(&solid), &head(*from, *to, 8.0), "", out),
                End::Cross => cross(*to, 4.0, &Ink { width: ink.width + 0.6, ..solid }, out),
                End::Ring => {
                    let _ = writeln!(
                        out,
                        "\\draw[{},fill=white] ({:.1},{:.1}) circle[radius={:.2}pt];",
                        stroke(&solid),
                        to.x,
                        to.y,
                        3.5 * SCALE
                    );
                }
            }
        }
        Shape::Cross { at, size, ink } => cross(*at, *size, ink, out),
        Shape::Pill { at, width, height, solid, ink } => {
            let fill = if *solid { name(ink.colour) } else { "white".to_owned() };
            let _ = writeln!(
                out,
                "\\draw[{},fill={fill},rounded corners={:.2}pt] ({:.1},{:.1}) rectangle ({:.1},{:.1});",
                stroke(ink),
                height * SCALE * 0.49,
                at.x,
                at.y,
                at.x + width,
                at.y + height
            );
        }
        Shape::Path { points, ink, .. } => path(&format!("{},line join=round", stroke(ink)), points, "", out),
        Shape::Frame { at, width, height, radius, fill, ink } => {
            let fill = fill.map(|fill| format!(",fill={}", name(fill))).unwrap_or_default();
            let border = if ink.width > 0.0 { stroke(ink) } else { "draw=none".to_owned() };
            let _ = writeln!(
                out,
                "\\draw[{border}{fill},rounded corners={:.2}pt] ({:.1},{:.1}) rectangle ({:.1},{:.1});",
                radius * SCALE,
                at.x,
                at.y,
                at.x + width,
                at.y + height
            );
        }
        Shape::Text { at, anchor, size, bold, colour, ground, text, .. } => {
            let anchor = match anchor {
                Anchor::Start => "base west",
                Anchor::Middle => "base",
                Anchor::End => "base east",
            };
            let ground = if *ground { ",fill=white,inner sep=1pt" } else { "" };
            let weight = if *bold { "\\bfseries " } else { "" };
            let points = size * SCALE;
            let _ = writeln!(
                out,
                "\\node[anchor={anchor},text={}{ground}] at ({:.1},{:.1}) \
                 {{\\fontsize{{{points:.1}}}{{{:.1}}}\\selectfont {weight}{}}};",
                name(*colour),
                at.x,
                at.y,
                points * 1.2,
                escape(text)
            );
        }
    }
}

fn path(options: &str, points: &[Point], close: &str, out: &mut String) {
    let _ = write!(out, "\\draw[{options}] ");
    corners(points, close, out);
}

fn corners(points: &[Point], close: &str, out: &mut String) {
    for (position, point) in points.iter().enumerate() {
        let line = if position == 0 { "" } else { " -- " };
        let _ = write!(out, "{line}({:.1},{:.1})", point.x, point.y);
    }
    let _ = writeln!(out, "{close};");
}

fn cross(at: Point, size: f64, ink: &Ink, out: &mut String) {
    let corner = |x: f64, y: f64| Point::new(at.x + x * size, at.y + y * size);
    path(&stroke(ink), &[corner(-1.0, -1.0), corner(1.0, 1.0)], "", out);
    path(&stroke(ink), &[corner(-1.0, 1.0), corner(1.0, -1.0)], "", out);
}

fn stroke(ink: &Ink) -> String {
    let dash =
        ink.dash.map(|(on, off)| format!(",dash pattern=on {:.2}pt off {:.2}pt", on * SCALE, off * SCALE));
    format!("{},line width={:.2}pt{}", name(ink.colour), ink.width * SCALE, dash.unwrap_or_default())
}

/// Text for TeX. What a plain `pdflatex` has no character for is named by its code point.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\textbackslash{}"),
            '{' | '}' | '$' | '&' | '#' | '_' | '%' => {
                out.push('\\');
                out.push(character);
            }
            '^' => out.push_str("\\textasciicircum{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            '"' => out.push_str("\\textquotedbl{}"),
            '\'' => out.push_str("\\textquotesingle{}"),
            '`' => out.push_str("\\textasciigrave{}"),
            // Braces keep `--` and `!`` from becoming one character.
            '-' | '!' | '?' | ',' => {
                let _ = write!(out, "{character}{{}}");
            }
            '…' => out.push_str("\\ldots{}"),
            '→' => out.push_str("\\(\\rightarrow\\)"),
            '≤' => out.push_str("\\(\\leq\\)"),
            '≠' => out.push_str("\\(\\neq\\)"),
            '·' => out.push_str("\\textperiodcentered{}"),
            ' ' => out.push(' '),
            '!'..='~' | 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ÿ' => out.push(character),
            _ => {
                let _ = write!(out, "[U+{:04X}]", u32::from(character));
            }
        }
    }
    out
}

/// Text for a comment, which ends with its line.
fn comment(text: &str) -> String {
    text.chars().map(|character| if character.is_ascii_graphic() { character } else { ' ' }).collect()
}
