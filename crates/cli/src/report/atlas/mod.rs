//! The map of questions, put into words: for a terminal, as JSON, as CSV, as a page.

pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod page;
pub(crate) mod text;

use threeworlds_certificate::Certificate;
use threeworlds_engine::{Basis, Bound, Cell, Reduction, Searched, Verdict, Verified};
use threeworlds_protocols::BuiltIn;

use super::proof::{count_of, searched_worlds};
use crate::atlas::{Atlas, Checked, Entry};

/// A map, and how it was made.
pub(crate) struct Made<'a> {
    pub(crate) atlas: &'a Atlas,
    /// What the literature says of a cell that is unknown.
    pub(crate) notes: &'a dyn Fn(&Cell) -> Option<&'static str>,
    /// Whether a limit ended it.
    pub(crate) over: bool,
    pub(crate) seconds: f64,
}

/// What a verdict rests on, with the entry that has it.
pub(crate) enum Evidence<'a> {
    Proof(&'a Certificate),
    Protocol(BuiltIn, &'a Verified<Checked>),
    Nothing(Option<Searched>),
}

/// The evidence of an entry, or of the one that its verdict comes from.
pub(crate) fn evidence<'a>(atlas: &'a Atlas, entry: &'a Entry) -> Evidence<'a> {
    match &atlas.source(entry).basis {
        Basis::Proof(certificate) => Evidence::Proof(certificate),
        Basis::Protocol { protocol, verified } => Evidence::Protocol(*protocol, verified),
        Basis::Nothing(searched) => Evidence::Nothing(*searched),
        Basis::From { .. } => unreachable!("a source has evidence of its own"),
    }
}

/// Where the verdict comes from, if it is another cell's, and by what.
pub(crate) fn origin<'a>(atlas: &'a Atlas, entry: &'a Entry) -> Option<(&'a Cell, &'a Reduction)> {
    match &entry.basis {
        Basis::From { entry, reduction } => Some((&atlas.entries[*entry].cell, reduction)),
        _ => None,
    }
}

/// How far a verdict was verified, in a word.
pub(crate) fn verified(atlas: &Atlas, entry: &Entry) -> Option<&'static str> {
    match evidence(atlas, entry) {
        Evidence::Proof(_) => Some("certificate"),
        Evidence::Protocol(_, Verified::Exactly(_)) => Some("exhaustively"),
        Evidence::Protocol(_, Verified::Smaller(_)) => Some("smaller"),
        Evidence::Protocol(_, Verified::Stated) => Some("stated"),
        Evidence::Nothing(_) => None,
    }
}

/// Whether it is possible by a bound that its protocol states and that was not checked for this size.
pub(crate) fn is_stated(atlas: &Atlas, entry: &Entry) -> bool {
    matches!(evidence(atlas, entry), Evidence::Protocol(_, Verified::Smaller(_) | Verified::Stated))
}

/// A cell's numbers, `(n, f)`.
pub(crate) fn numbers(cell: &Cell) -> String {
    format!("({}, {})", cell.servers, cell.faults)
}

/// Why a verdict carries over, as a clause about the cell that it comes from.
pub(crate) fn because(verdict: Verdict, cell: &Cell, from: &Cell, reduction: &Reduction) -> String {
    let mut parts: Vec<String> = Vec::new();
    let possible = verdict == Verdict::Possible;
    let word = |weaker: &'static str, stronger: &'static str| if possible { weaker } else { stronger };
    if reduction.timing {
        parts.push(format!("{} is {}", cell.timing, word("kinder", "harsher")));
    }
    if reduction.server_faults {
        parts.push(format!("{} of servers is {}", cell.server_faults, word("weaker", "stronger")));
    }
    if reduction.client_faults {
        let class = match cell.client_faults {
            threeworlds_model::FaultClass::None => "that clients never fail".to_owned(),
            class => format!("{class} of clients"),
        };
        parts.push(format!("{class} is {}", word("weaker", "stronger")));
    }
    let sizes = &reduction.servers;
    if sizes.ignored > 0 {
        let (some, of) = (sizes.ignored.into(), if possible { cell } else { from });
        parts.push(format!("{} of the {} can be left alone", count_of(some, "server"), of.servers));
    }
    if sizes.absent > 0 {
        parts.push(format!("{} can be down from the start", count_of(sizes.absent.into(), "faulty server")));
    }
    if sizes.largest_group > 1 {
        parts.push(format!("one server can do the work of {}", sizes.largest_group));
    }
    if parts.is_empty() {
        parts.push(if (cell.servers, cell.faults) == (from.servers, from.faults) {
            "without faulty servers their class makes no difference".to_owned()
        } else if possible {
            "fewer servers fail".to_owned()
        } else {
            "more servers fail".to_owned()
        });
    }
    parts.join("; ")
}

/// What a verdict rests on, in a sentence.
pub(crate) fn sentence(made: &Made<'_>, entry: &Entry) -> String {
    let atlas = made.atlas;
    let base = match evidence(atlas, entry) {
        Evidence::Proof(certificate) => format!(
            "a proof of {} and {}, verified",
            count_of(certificate.worlds.len(), "world"),
            count_of(certificate.worlds[0].phases.len(), "epoch")
        ),
        Evidence::Protocol(protocol, verified) => {
            format!("{protocol} ({}); {}", protocol.description().summary, how(atlas, verified))
        }
        Evidence::Nothing(None) => "not looked at".to_owned(),
        Evidence::Nothing(Some(searched)) => {
            let note = (made.notes)(&entry.cell).map(|note| format!(". But {note}")).unwrap_or_default();
            format!("no proof found: {}. No built-in protocol promises it{note}", searched_worlds(&searched))
        }
    };
    match origin(atlas, entry) {
        None => base,
        Some((from, reduction)) => format!(
            "as for {}, because {}: {base}",
            what_differs(&entry.cell, from),
            because(entry.verdict, &entry.cell, from, reduction)
        ),
    }
}

/// Another cell, by what is different there.
fn what_differs(cell: &Cell, from: &Cell) -> String {
    let mut parts = Vec::new();
    if cell.timing != from.timing {
        parts.push(from.timing.to_string());
    }
    if (cell.servers, cell.faults) != (from.servers, from.faults) {
        parts.push(format!("n={}, f={}", from.servers, from.faults));
    }
    if cell.server_faults != from.server_faults && from.faults > 0 {
        parts.push(format!("{} of servers", from.server_faults));
    }
    if cell.client_faults != from.client_faults {
        parts.push(match from.client_faults {
            threeworlds_model::FaultClass::None => "clients that never fail".to_owned(),
            class => format!("{class} of clients"),
        });
    }
    if parts.is_empty() {
        parts.push(format!("{} of servers", from.server_faults));
    }
    parts.join(", ")
}

/// How far a protocol was verified.
pub(crate) fn how(atlas: &Atlas, verified: &Verified<Checked>) -> String {
    match verified {
        Verified::Exactly(checked) => format!(
            "checked against every adversary: {} states, {} transitions, closed{}",
            indicatif::HumanCount(checked.states as u64),
            indicatif::HumanCount(checked.transitions),
            worst_case(checked).map(|worst| format!("; at most {worst}")).unwrap_or_default()
        ),
        Verified::Smaller(at) => {
            format!("by its stated bound; checked against every adversary for {}", atlas.entries[*at].cell)
        }
        Verified::Stated => "by its stated bound alone; not checked here".to_owned(),
    }
}

/// The worst case in a few words.
pub(crate) fn worst_case(checked: &Checked) -> Option<String> {
    let parts: Vec<String> =
        checked.worst_case_rounds.iter().map(|(kind, rounds)| format!("{kind} {rounds}")).collect();
    (!parts.is_empty()).then(|| format!("{} rounds", parts.join(", ")))
}

/// A bound that is not sharp, in words: where it is possible, where impossible, and which are unknown.
pub(crate) fn gap(bound: &Bound<'_, BuiltIn, Checked>) -> String {
    use threeworlds_engine::Limit;
    let list = |verdict: Verdict| {
        let cells = bound.entries.iter().filter(|entry| entry.verdict == verdict);
        cells.map(|entry| numbers(&entry.cell)).collect::<Vec<_>>().join(" ")
    };
    let mut parts = Vec::new();
    match bound.possible {
        Limit::Never => {}
        limit => parts.push(format!("possible for {}", limit.name())),
    }
    // Single cells between the two limits.
    let between = bound.entries.iter().filter(|entry| {
        let Cell { servers, faults, .. } = entry.cell;
        entry.verdict == Verdict::Possible && !bound.possible.holds(servers, faults)
    });
    let between: Vec<String> = between.map(|entry| numbers(&entry.cell)).collect();
    if !between.is_empty() {
        parts.push(format!("and for {}", between.join(" ")));
    }
    match bound.not_impossible {
        Limit::Never | Limit::One => {}
        limit => parts.push(format!("impossible unless {}", limit.name())),
    }
    let impossible = bound.entries.iter().filter(|entry| {
        let Cell { servers, faults, .. } = entry.cell;
        entry.verdict == Verdict::Impossible && bound.not_impossible.holds(servers, faults)
    });
    let impossible: Vec<String> = impossible.map(|entry| numbers(&entry.cell)).collect();
    if !impossible.is_empty() {
        parts.push(format!("impossible for {}", impossible.join(" ")));
    }
    let unknown = list(Verdict::Unknown);
    if !unknown.is_empty() {
        parts.push(format!("unknown for {unknown}"));
    }
    parts.join(", ")
}
