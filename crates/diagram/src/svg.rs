//! A figure as SVG: plain shapes with their own attributes, no markers, identifiers, scripts or fonts, so
//! that it looks the same in every viewer and several can stand in one page.

use std::fmt::Write;

use crate::figure::{Anchor, End, Figure, Ink, Point, Shape, head, shaft};

/// A file of its own.
pub(crate) fn file(figure: &Figure) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", element(figure))
}

/// The `svg` element.
pub(crate) fn element(figure: &Figure) -> String {
    let Figure { width, height, .. } = figure;
    let (title, description) = (escape(&figure.title), escape(&figure.description));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\" \
         font-family=\"Helvetica, Arial, sans-serif\" fill=\"none\">\n\
         <title>{title}</title>\n<desc>{description}</desc>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for shape in &figure.shapes {
        draw(shape, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

/// Text that may stand in an element or in a quoted attribute of XML and HTML. Characters that XML forbids
/// become U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(character),
            '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            _ => out.push(character),
        }
    }
    out
}

// Writing to a String cannot fail.
fn draw(shape: &Shape, out: &mut String) {
    match shape {
        Shape::Line { from, to, ink } => {
            let _ = writeln!(out, "<path d=\"{}\"{}/>", line(*from, *to), stroke(ink));
        }
        Shape::Arrow { from, to, end, ink, tip } => arrow(*from, *to, *end, ink, tip, out),
        Shape::Cross { at, size, ink } => {
            let _ = writeln!(out, "<path d=\"{}\"{}/>", cross(*at, *size), stroke(ink));
        }
        Shape::Pill { at, width, height, solid, ink } => {
            let fill = if *solid { ink.colour } else { 0xFF_FF_FF };
            let _ = writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{:.1}\" \
                 fill=\"#{fill:06x}\"{}/>",
                at.x,
                at.y,
                height / 2.0,
                stroke(ink)
            );
        }
        Shape::Path { points, ink, tip } => {
            let path = points.iter().enumerate().fold(String::new(), |mut path, (number, point)| {
                let _ = write!(path, "{}{:.1} {:.1}", if number == 0 { 'M' } else { 'L' }, point.x, point.y);
                path
            });
            let join = if points.len() > 2 { " stroke-linejoin=\"round\"" } else { "" };
            let visible = format!("<path d=\"{path}\"{}{join}/>", stroke(ink));
            let _ = if tip.is_empty() {
                writeln!(out, "{visible}")
            } else {
                writeln!(
                    out,
                    "<g><title>{}</title><path d=\"{path}\" stroke=\"#fff\" stroke-opacity=\"0\" \
                     stroke-width=\"9\"/>{visible}</g>",
                    escape(tip)
                )
            };
        }
        Shape::Frame { at, width, height, radius, fill, ink } => {
            let fill = fill.map(|fill| format!(" fill=\"#{fill:06x}\"")).unwrap_or_default();
            let border = if ink.width > 0.0 { stroke(ink) } else { String::new() };
            let _ = writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
                 rx=\"{radius:.1}\"{fill}{border}/>",
                at.x, at.y
            );
        }
        Shape::Text { at, anchor, size, bold, colour, ground, text, tip } => {
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            let weight = if *bold { " font-weight=\"bold\"" } else { "" };
            let ground = if *ground {
                " stroke=\"#ffffff\" stroke-width=\"4\" stroke-linejoin=\"round\" paint-order=\"stroke\""
            } else {
                ""
            };
            let tip = tip.as_deref().map(|tip| format!("<title>{}</title>", escape(tip))).unwrap_or_default();
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size}\"{anchor}{weight} \
                 fill=\"#{colour:06x}\"{ground}>{tip}{}</text>",
                at.x,
                at.y,
                escape(text)
            );
        }
    }
}

/// An arrow is a group: its tip, a wide line that nobody sees so that it is easy to point at, the line and
/// what it ends in.
fn arrow(from: Point, to: Point, end: End, ink: &Ink, tip: &str, out: &mut String) {
    out.push_str("<g>");
    if !tip.is_empty() {
        let _ = write!(
            out,
            "<title>{}</title><path d=\"{}\" stroke=\"#fff\" stroke-opacity=\"0\" stroke-width=\"9\"/>",
            escape(tip),
            line(from, to)
        );
    }
    let [one, top, two] = head(from, to, 8.0);
    let stop = if end == End::Head { shaft(from, to) } else { to };
    let _ = write!(out, "<path d=\"{}\"{}/>", line(from, stop), stroke(ink));
    let colour = ink.colour;
    let solid = Ink { dash: None, ..*ink };
    let _ = match end {
        End::Head => writeln!(
            out,
            "<path d=\"M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z\" fill=\"#{colour:06x}\"/></g>",
            one.x, one.y, top.x, top.y, two.x, two.y
        ),
        End::OpenHead => writeln!(
            out,
            "<path d=\"M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}\"{}/></g>",
            one.x,
            one.y,
            top.x,
            top.y,
            two.x,
            two.y,
            stroke(&solid)
        ),
        End::Cross => {
            let bold = Ink { width: ink.width + 0.6, ..solid };
            writeln!(out, "<path d=\"{}\"{}/></g>", cross(to, 4.0), stroke(&bold))
        }
        End::Ring => writeln!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"#ffffff\"{}/></g>",
            to.x,
            to.y,
            stroke(&solid)
        ),
    };
}

fn line(from: Point, to: Point) -> String {
    format!("M{:.1} {:.1}L{:.1} {:.1}", from.x, from.y, to.x, to.y)
}

fn cross(at: Point, size: f64) -> String {
    let (left, right, top, bottom) = (at.x - size, at.x + size, at.y - size, at.y + size);
    format!("M{left:.1} {top:.1}L{right:.1} {bottom:.1}M{left:.1} {bottom:.1}L{right:.1} {top:.1}")
}

fn stroke(ink: &Ink) -> String {
    let dash = ink.dash.map(|(on, off)| format!(" stroke-dasharray=\"{on} {off}\"")).unwrap_or_default();
    format!(" stroke=\"#{:06x}\" stroke-width=\"{:.1}\"{dash}", ink.colour, ink.width)
}
