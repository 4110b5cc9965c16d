use std::collections::BTreeSet;
use std::fmt::Write;

use anstyle::Style;
use threeworlds_attack::{Horn, World};

use super::words;
use crate::attack::horns::{HornTable, Outcome, Row};
use crate::terminal::{BAD, GOOD, HEADING, UNKNOWN, paragraph};

/// Columns of the table: a system's name, A, B, C, after healing. With the longest horn it is 80 wide.
const WIDTHS: [usize; 5] = [24, 5, 5, 16, 15];

/// The table for a terminal.
pub(crate) fn text(table: &HornTable, width: usize) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{HEADING}Which horn does each system take?{HEADING:#}\n");
    text += &paragraph(&words::question(table), width);
    text.push('\n');
    text += &paragraph(&words::worlds(table), width);
    text.push('\n');
    text += &paragraph(words::LEGEND, width);
    text.push('\n');
    let heading = ["system", "A", "B", "C", "after healing"].map(str::to_owned);
    text += &line(&heading, "horn", HEADING);
    for row in &table.rows {
        text += &row_text(row, width);
    }
    let _ = writeln!(text, "\n{HEADING}Why{HEADING:#}\n");
    for (row, played) in table.played() {
        text += &item(&row.subject.name(), &format!("{}.", words::why(played)), width);
        for lost in words::lost(played).into_iter().chain(words::gaps(played)) {
            text += &item("", &format!("{lost}."), width);
        }
    }
    let _ = writeln!(text, "\n{HEADING}Measured{HEADING:#}\n");
    for (row, played) in table.played() {
        if let Some(cluster) = &played.cluster {
            let up = cluster.up_seconds.iter().copied().fold(0.0, f64::max);
            let about = format!(
                "{}; up within {up:.1} s; a request is given up after {} s; {:.0} s in all.",
                if cluster.version.is_empty() { "version unknown" } else { &cluster.version },
                row.deadline,
                row.seconds
            );
            text += &item(&row.subject.name(), &about, width);
        }
    }
    let notes: BTreeSet<&String> =
        table.played().filter_map(|(_, played)| played.cluster.as_ref()).flat_map(|one| &one.notes).collect();
    for note in notes {
        text.push('\n');
        text += &paragraph(&format!("Note: {note}."), width);
    }
    text.push('\n');
    text += &paragraph(
        &format!(
            "Deadlines decide: with others the table may be another. {:.0} s in all; `threeworlds attack SYSTEM` plays \
             more against one, --report FILE.html draws the worlds, --save DIR keeps them.",
            table.seconds
        ),
        width,
    );
    text
}

fn row_text(row: &Row, width: usize) -> String {
    let name = row.subject.name();
    let Outcome::Played(played) = &row.outcome else {
        return item(&name, &words::not_played(row).unwrap_or_default(), width);
    };
    let [a, b, c] = [World::A, World::B, World::C].map(|world| words::cell(played, world));
    let horn = &played.horns.horn;
    let style = match horn {
        Horn::Safety { .. } | Horn::Liveness { .. } => BAD,
        Horn::Neither => GOOD,
        Horn::Unknown(_) => UNKNOWN,
    };
    line(&[name, a, b, c, words::healed_in(played, World::C)], horn.name(), style)
}

/// One line of the table; what is too long for its column moves the others, a name goes on a line of its own.
fn line(cells: &[String; 5], last: &str, style: Style) -> String {
    let mut text = String::new();
    let mut column = 0;
    let mut due = 0;
    for (cell, width) in cells.iter().zip(WIDTHS) {
        let length = cell.chars().count();
        if column == 0 && length > width {
            let _ = write!(text, "{cell}\n{:width$}", "");
            column = width;
        } else {
            let _ = write!(text, "{cell}");
            column += length;
        }
        due += width + 1;
        let gap = due.saturating_sub(column).max(1);
        let _ = write!(text, "{:gap$}", "");
        column += gap;
    }
    let _ = writeln!(text, "{style}{last}{style:#}");
    text
}

/// A text after a name, in lines of at most so many columns, indented under the table's second column.
fn item(name: &str, about: &str, width: usize) -> String {
    let indent = WIDTHS[0] + 1;
    let wrapped = paragraph(about, width.saturating_sub(indent).max(20));
    let mut lines = wrapped.lines();
    let first = lines.next().unwrap_or_default();
    let mut text = match name.chars().count() >= indent {
        true => format!("{name}\n{:indent$}{first}\n", ""),
        false => format!("{name:indent$}{first}\n"),
    };
    for line in lines {
        let _ = writeln!(text, "{:indent$}{line}", "");
    }
    text
}
