//! What is the same for everything that is printed: colour, width, wrapped paragraphs, errors.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use clap::{Args, ValueEnum};
use threeworlds_diagram::TerminalOptions;

/// How things are printed.
#[derive(Args)]
pub(crate) struct TerminalArguments {
    /// When to use colour: auto (on a terminal), always, never
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Colour::Auto,
          hide_possible_values = true, hide_short_help = true, help_heading = "Output")]
    pub(crate) color: Colour,
    /// Draw with ASCII characters only
    #[arg(long, global = true, hide_short_help = true, help_heading = "Output")]
    ascii: bool,
    /// Columns to print in, at least 40 [default: the terminal's, and 80 in a pipe]
    #[arg(long, global = true, value_name = "COLUMNS", hide_short_help = true, help_heading = "Output",
          value_parser = clap::value_parser!(u16).range(40..=1000))]
    width: Option<u16>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Colour {
    Auto,
    Always,
    Never,
}

impl TerminalArguments {
    /// Makes the choice of colour hold for the whole program.
    pub(crate) fn apply(&self) {
        match self.color {
            Colour::Auto => {}
            Colour::Always => anstream::ColorChoice::Always.write_global(),
            Colour::Never => anstream::ColorChoice::Never.write_global(),
        }
    }

    pub(crate) fn options(&self) -> TerminalOptions {
        let width = match self.width {
            Some(width) => usize::from(width),
            None => self.terminal_width().unwrap_or(80).max(40),
        };
        // The stream removes the styles where they are not wanted.
        TerminalOptions { width, colour: true, ascii: self.ascii }
    }

    fn terminal_width(&self) -> Option<usize> {
        terminal_size::terminal_size_of(std::io::stdout()).map(|(columns, _)| usize::from(columns.0))
    }
}

/// Good news, bad news, neither, and what is less important.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const UNKNOWN: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const HEADING: Style = Style::new().bold();

/// Prints to standard output. A reader that has gone away wanted no more; the exit status is for others.
pub(crate) fn print(text: &str) -> Result<()> {
    print_to(anstream::stdout().lock(), text)
}

/// Prints what is not ours to standard output, as it is.
pub(crate) fn print_exactly(text: &str) -> Result<()> {
    print_to(std::io::stdout().lock(), text)
}

fn print_to(mut out: impl std::io::Write, text: &str) -> Result<()> {
    use std::io::ErrorKind;
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(anyhow::anyhow!("standard output cannot be written: {error}"))
        }
        _ => Ok(()),
    }
}

/// Prints a remark to standard error.
pub(crate) fn note(text: &str) {
    use std::io::Write;
    let _ = write!(anstream::stderr(), "{}", paragraph(&format!("note: {text}"), 80));
}

/// Prints an error with its causes to standard error.
pub(crate) fn error(error: &anyhow::Error) {
    use std::io::Write;
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // Some errors repeat what their source says.
        if !text.ends_with(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    let _ = writeln!(anstream::stderr(), "{BAD}error:{BAD:#} {text}");
}

/// A paragraph in lines of at most so many columns, the first after a label, the others indented under it.
pub(crate) fn labelled(label: &str, text: &str, width: usize) -> String {
    const LABEL: usize = 11;
    wrapped(&format!("  {label:<LABEL$}"), &" ".repeat(LABEL + 2), text, width)
}

/// A paragraph after one word in a style, in lines of at most so many columns, the others indented.
pub(crate) fn judged(style: Style, word: &str, text: &str, width: usize) -> String {
    const WORD: usize = 10;
    let plain = wrapped(&format!("{word:<WORD$}"), &" ".repeat(WORD), text, width);
    format!("{style}{word}{style:#}{}", &plain[word.len()..])
}

/// A paragraph that begins with a heading in a style, in lines of at most so many columns.
pub(crate) fn headed(style: Style, heading: &str, text: &str, width: usize) -> String {
    let plain = wrapped(&format!("{heading} "), "", text, width);
    let styled = heading.trim_end();
    format!("{style}{styled}{style:#}{}", &plain[styled.len()..])
}

/// A paragraph in lines of at most so many columns.
pub(crate) fn paragraph(text: &str, width: usize) -> String {
    wrapped("", "", text, width)
}

fn wrapped(first: &str, indent: &str, text: &str, width: usize) -> String {
    let mut out = first.to_owned();
    let mut column = first.chars().count();
    let mut empty = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !empty && column + 1 + length > width {
            let _ = write!(out, "\n{indent}");
            column = indent.chars().count();
            empty = true;
        }
        if !empty {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        empty = false;
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}
