use std::fmt::Write;

use anstyle::Style;
use threeworlds_certificate::Timing;
use threeworlds_diagram::TerminalOptions;
use threeworlds_engine::{Cell, Range, Verdict};
use threeworlds_model::FaultClass;

use super::{Made, gap, is_stated};
use crate::report::proof::count_of;
use crate::terminal::{BAD, GOOD, HEADING, UNKNOWN, headed, paragraph};

/// The first column and the others.
const LABEL: usize = 16;
const COLUMN: usize = 10;

/// The map for a terminal: for each timing a table of how many servers may fail.
pub(crate) fn text(made: &Made<'_>, detail: bool, options: &TerminalOptions) -> String {
    let width = options.width;
    let Range { servers, clients, task } = made.atlas.range;
    let mut text = headed(
        HEADING,
        "ATLAS ",
        &format!(
            "of a {task} for {}: n servers, of which f can fail, and any clients. Each cell says for which f it is \
             possible, for all n up to {}",
            count_of(clients.into(), "client"),
            servers,
        ),
        width,
    );
    let mut notes: Vec<String> = Vec::new();
    for &timing in Timing::ALL {
        text.push('\n');
        text += &table(made, timing, &mut notes);
    }
    if !notes.is_empty() || has_stated(made) {
        text.push('\n');
    }
    for (letter, note) in letters().zip(&notes) {
        text += &note_line(&letter.to_string(), note, width);
    }
    if has_stated(made) {
        text += &note_line(
            "*",
            "rests for some n on the bound that a protocol states and that was not checked there",
            width,
        );
    }
    if detail {
        text.push('\n');
        text += &paragraph(
            "A sign for each f: + possible, ~ possible by a stated bound, x impossible, ? unknown.",
            width,
        );
        for servers in 1..=servers {
            for &timing in Timing::ALL {
                text.push('\n');
                text += &sizes(made, timing, servers);
            }
        }
    }
    text.push('\n');
    text += &paragraph(&counts(made), width);
    text += &paragraph(
        "--report FILE.html makes a page on which every cell opens its evidence: the worlds of a proof, or a \
         protocol.",
        width,
    );
    text
}

/// How many cells have which verdict.
pub(crate) fn counts(made: &Made<'_>) -> String {
    let atlas = made.atlas;
    let count = |verdict| atlas.count(verdict);
    format!(
        "{} questions: {} possible, {} impossible, {} unknown. {:.2} s",
        atlas.entries.len(),
        count(Verdict::Possible),
        count(Verdict::Impossible),
        count(Verdict::Unknown),
        made.seconds
    )
}

/// A class in few letters.
pub(crate) fn short(class: FaultClass) -> &'static str {
    match class {
        FaultClass::None => "none",
        FaultClass::Crash => "crash",
        FaultClass::SendOmission => "send",
        FaultClass::ReceiveOmission => "receive",
        FaultClass::SendOrReceiveOmission => "send|recv",
        FaultClass::Omission => "omission",
    }
}

fn table(made: &Made<'_>, timing: Timing, notes: &mut Vec<String>) -> String {
    let mut text = heading(timing.name());
    for server_faults in Range::SERVER_FAULTS {
        let mut cells = String::new();
        for client_faults in Range::CLIENT_FAULTS {
            let bound = made.atlas.bound(timing, server_faults, client_faults);
            let (mut word, mut style) = (bound.possible.name().to_owned(), GOOD);
            if !bound.is_sharp() {
                if bound.possible == threeworlds_engine::Limit::Never {
                    word = "?".to_owned();
                }
                let known = bound.unknown().find_map(|entry| (made.notes)(&entry.cell));
                let note = match known {
                    Some(known) => format!("{}: {known}", gap(&bound)),
                    None => gap(&bound),
                };
                let place = notes.iter().position(|other| *other == note).unwrap_or_else(|| {
                    notes.push(note);
                    notes.len() - 1
                });
                let _ = write!(word, " {}", letters().nth(place).expect("letters do not end"));
                style = UNKNOWN;
            }
            if bound.entries.iter().any(|entry| is_stated(made.atlas, entry)) {
                word += "*";
            }
            cells += &padded(&word, style);
        }
        text += &row(short(server_faults), &cells);
    }
    text
}

/// One number of servers: a sign for each f.
fn sizes(made: &Made<'_>, timing: Timing, servers: u16) -> String {
    let faults: Vec<String> = (0..servers).map(|faults| faults.to_string()).collect();
    let mut text =
        heading(&format!("{timing}, {}: f = {}", count_of(servers.into(), "server"), faults.join(", ")));
    for server_faults in Range::SERVER_FAULTS {
        let mut cells = String::new();
        for client_faults in Range::CLIENT_FAULTS {
            let mut signs = String::new();
            let mut verdicts = Vec::new();
            for faults in 0..servers {
                let cell = Cell { timing, servers, faults, server_faults, client_faults };
                let entry = made.atlas.entry(&cell).expect("it is in the range");
                signs.push(match entry.verdict {
                    Verdict::Possible if is_stated(made.atlas, entry) => '~',
                    Verdict::Possible => '+',
                    Verdict::Impossible => 'x',
                    Verdict::Unknown => '?',
                });
                verdicts.push(entry.verdict);
            }
            let style = if verdicts.contains(&Verdict::Unknown) {
                UNKNOWN
            } else if verdicts.contains(&Verdict::Impossible) {
                BAD
            } else {
                GOOD
            };
            cells += &padded(&signs, style);
        }
        text += &row(short(server_faults), &cells);
    }
    text
}

fn heading(what: &str) -> String {
    let mut text = format!("{HEADING}{what}{HEADING:#}\n");
    let columns: String = Range::CLIENT_FAULTS.map(|class| format!("{:<COLUMN$}", short(class))).concat();
    let _ = writeln!(text, "  {:<width$}clients", "", width = LABEL - 2);
    text += &row("servers", &columns);
    text
}

fn row(label: &str, cells: &str) -> String {
    format!("{}\n", format!("  {label:<width$}{cells}", width = LABEL - 2).trim_end())
}

fn padded(word: &str, style: Style) -> String {
    let blanks = " ".repeat(COLUMN.saturating_sub(word.chars().count()));
    format!("{style}{word}{style:#}{blanks}")
}

fn note_line(mark: &str, note: &str, width: usize) -> String {
    let wrapped = paragraph(note, width - 5).replace('\n', "\n     ");
    format!("  {mark}  {}\n", wrapped.trim_end())
}

/// a, b, ..., z, aa, ab, ...
fn letters() -> impl Iterator<Item = String> {
    let alphabet = || ('a'..='z').map(String::from);
    let double = ('a'..='z').flat_map(move |first| ('a'..='z').map(move |second| format!("{first}{second}")));
    alphabet().chain(double)
}

fn has_stated(made: &Made<'_>) -> bool {
    made.atlas.entries.iter().any(|entry| is_stated(made.atlas, entry))
}
