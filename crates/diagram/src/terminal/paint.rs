//! Lines of painted text.

use anstyle::{Ansi256Color, AnsiColor, Style};

use crate::words;

/// What a piece of text is, for the terminals that can show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Bold,
    Dim,
    Removed,
    /// A lane of this likeness.
    Likeness(usize),
}

/// One line of the output.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Vec<(Paint, String)>);

/// Colours of the 256 that stand out on black and on white, for colour-blind readers too.
const PALETTE: [u8; 6] = [33, 172, 36, 169, 136, 67];

impl Paint {
    fn style(self) -> Style {
        match self {
            Paint::Plain => Style::new(),
            Paint::Bold => Style::new().bold(),
            Paint::Dim => Style::new().dimmed(),
            Paint::Removed => Style::new().bold().fg_color(Some(AnsiColor::Red.into())),
            Paint::Likeness(number) => {
                Style::new().bold().fg_color(Some(Ansi256Color(PALETTE[number % PALETTE.len()]).into()))
            }
        }
    }
}

impl Line {
    pub(crate) fn of(paint: Paint, text: impl Into<String>) -> Line {
        let mut line = Line::default();
        line.push(paint, text);
        line
    }

    pub(crate) fn push(&mut self, paint: Paint, text: impl Into<String>) {
        let text = text.into();
        if text.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some((last, so_far)) if *last == paint => so_far.push_str(&text),
            _ => self.0.push((paint, text)),
        }
    }

    pub(crate) fn append(&mut self, other: &Line) {
        for (paint, text) in &other.0 {
            self.push(*paint, text.clone());
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| words::columns(text)).sum()
    }

    pub(crate) fn pad_to(&mut self, width: usize) {
        let missing = width.saturating_sub(self.width());
        if missing > 0 {
            self.push(Paint::Plain, " ".repeat(missing));
        }
    }

    /// The line as it is printed, with its newline and without blanks at its end.
    pub(crate) fn render(&self, colour: bool, ascii: bool) -> String {
        let mut out = String::new();
        let last = self.0.iter().rposition(|(_, text)| !text.trim_end().is_empty());
        for (position, (paint, text)) in self.0.iter().enumerate() {
            if last.is_none_or(|last| position > last) {
                break;
            }
            let text = if last == Some(position) { text.trim_end() } else { text };
            let text = if ascii { text.chars().map(in_ascii).collect() } else { text.to_owned() };
            let style = paint.style();
            if colour && *paint != Paint::Plain {
                out.push_str(&format!("{}{text}{}", style.render(), style.render_reset()));
            } else {
                out.push_str(&text);
            }
        }
        out.push('\n');
        out
    }
}

/// A character for one that ASCII lacks.
fn in_ascii(character: char) -> char {
    match character {
        '─' => '-',
        '╌' => '.',
        '│' => '|',
        '┊' => ':',
        '┼' => '+',
        '║' => '#',
        '●' => 'o',
        '○' => '0',
        '↑' => '^',
        '↓' => 'v',
        '↕' => 'I',
        '╳' => 'X',
        '→' => '>',
        '←' => '<',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' => '+',
        '╔' | '╗' | '╚' | '╝' | '╤' | '╧' | '╟' | '╢' => '#',
        '═' => '=',
        '…' => '~',
        '·' => ',',
        _ if character.is_ascii() => character,
        _ => '?',
    }
}
