use threeworlds_certificate::Timing;
use threeworlds_diagram::Tone;
use threeworlds_diagram::overview::{Cell as Shown, Line, Overview, Panel, PanelProof, Table};
use threeworlds_engine::{Basis, Cell, Limit, Range, Verdict};
use threeworlds_model::FaultClass;
use threeworlds_protocols::BuiltIn;

use super::{Made, gap, is_stated, numbers, origin, sentence};
use crate::atlas::Checked;
use crate::report::proof::{argument, count_of, theorem_of};

type Bound<'a> = threeworlds_engine::Bound<'a, BuiltIn, Checked>;

/// The map as one page that needs no network.
pub(crate) fn page(made: &Made<'_>) -> String {
    let Range { servers, clients, task } = made.atlas.range;
    let paragraphs = vec![
        format!(
            "Can {} make a {task} that is safe and live if f of n servers and any clients fail? Each cell says for \
             which f it is possible, for all n up to {servers}. Click on a cell for the evidence: the worlds that no \
             protocol survives, or the protocol that does it.",
            count_of(clients.into(), "client"),
        ),
        "Impossible rests on proofs that were verified, possible on protocols that were checked against every \
         adversary (or on what they promise, where it says so). Unknown says nothing: neither was found."
            .to_owned(),
    ];
    let mut panels = Vec::new();
    let mut tables = Vec::new();
    for &timing in Timing::ALL {
        let row = |server_faults: FaultClass| {
            let cell = |client_faults| shown(made, timing, server_faults, client_faults);
            (server_faults.name().to_owned(), Range::CLIENT_FAULTS.map(cell).to_vec())
        };
        tables.push(Table {
            heading: timing.name().to_owned(),
            text: String::new(),
            columns: Range::CLIENT_FAULTS.map(class_name).to_vec(),
            rows: Range::SERVER_FAULTS.map(row).to_vec(),
        });
        for server_faults in Range::SERVER_FAULTS {
            for client_faults in Range::CLIENT_FAULTS {
                panels.push(panel(made, timing, server_faults, client_faults));
            }
        }
    }
    // The theorem is what a visitor sees first.
    let theorem = name(Timing::LockStep, FaultClass::Omission, FaultClass::Omission);
    panels.sort_by_key(|panel| panel.name != theorem);
    threeworlds_diagram::overview::html(&Overview {
        title: format!("Where the line is: a {task}"),
        verdict: super::text::counts(made),
        paragraphs,
        axes: ["servers fail by".to_owned(), "clients fail by".to_owned()],
        legend: legend(made),
        tables,
        panels,
        json: crate::report::json::text(&super::json::document(made)),
    })
}

fn legend(made: &Made<'_>) -> Vec<String> {
    let mut legend = vec![
        "f < n: all but one server may fail. f < n/2: fewer than half. f = 0: none. Green: the line is known, \
         and there is a protocol up to it. Blue: it is known, and not all but one may fail. Yellow: something is \
         unknown."
            .to_owned(),
    ];
    if made.atlas.entries.iter().any(|entry| is_stated(made.atlas, entry)) {
        legend.push(
            "* Rests for some n on the bound that a protocol states and that was not checked there."
                .to_owned(),
        );
    }
    if made.atlas.entries.iter().any(|entry| is_known(made, entry)) {
        legend.push("† The literature decides it; there is no certificate or protocol here.".to_owned());
    }
    if made.over {
        legend.push("A limit ended this early: what was not decided by then is unknown.".to_owned());
    }
    legend
}

fn shown(made: &Made<'_>, timing: Timing, server_faults: FaultClass, client_faults: FaultClass) -> Shown {
    let bound = made.atlas.bound(timing, server_faults, client_faults);
    let star = if bound.entries.iter().any(|entry| is_stated(made.atlas, entry)) { "*" } else { "" };
    let text = match bound.possible {
        Limit::Never => "?".to_owned(),
        limit => formula(limit),
    };
    let detail = if bound.is_sharp() {
        String::new()
    } else {
        let unknown: Vec<String> = bound.unknown().map(|entry| numbers(&entry.cell)).collect();
        let dagger = if bound.unknown().all(|entry| is_known(made, entry)) { " †" } else { "" };
        match unknown.len() {
            0..=2 => format!("unknown: {}{dagger}", unknown.join(" ")),
            many => format!("{many} unknown{dagger}"),
        }
    };
    let tone = match (bound.is_sharp(), bound.possible) {
        (false, _) => Some(Tone::Unknown),
        (true, Limit::One) => Some(Tone::Good),
        (true, Limit::Never) => Some(Tone::Bad),
        (true, _) => None,
    };
    Shown { text: format!("{text}{star}"), detail, tone, opens: name(timing, server_faults, client_faults) }
}

fn class_name(class: FaultClass) -> String {
    match class {
        FaultClass::None => "nothing".to_owned(),
        class => class.name().to_owned(),
    }
}

/// Whether the literature decides what is unknown here.
fn is_known(made: &Made<'_>, entry: &crate::atlas::Entry) -> bool {
    entry.verdict == Verdict::Unknown && (made.notes)(&entry.cell).is_some()
}

/// The name of a panel.
fn name(timing: Timing, server_faults: FaultClass, client_faults: FaultClass) -> String {
    format!("{timing}-{server_faults}-servers-{client_faults}-clients")
}

fn name_of(cell: &Cell) -> String {
    name(cell.timing, cell.server_faults, cell.client_faults)
}

fn panel<'a>(
    made: &'a Made<'_>,
    timing: Timing,
    server_faults: FaultClass,
    client_faults: FaultClass,
) -> Panel<'a> {
    let bound = made.atlas.bound(timing, server_faults, client_faults);
    let clients = match client_faults {
        FaultClass::None => "clients that never fail".to_owned(),
        class => format!("{class} of clients"),
    };
    let own = name(timing, server_faults, client_faults);
    let line = |entry: &&crate::atlas::Entry| {
        let tone = match entry.verdict {
            Verdict::Possible => Tone::Good,
            Verdict::Impossible => Tone::Bad,
            Verdict::Unknown => Tone::Unknown,
        };
        let cell = &entry.cell;
        let why = sentence(made, entry);
        let link = origin(made.atlas, entry)
            .filter(|(from, _)| name_of(from) != own)
            .map(|(from, _)| (name_of(from), "Show it".to_owned()));
        let mark = if is_stated(made.atlas, entry) { " *" } else { "" };
        Line {
            tone,
            columns: vec![
                format!("{}{mark}", entry.verdict.name()),
                cell.servers.to_string(),
                cell.faults.to_string(),
                format!("{}.", capital(&why)),
            ],
            link,
        }
    };
    let proofs = bound.entries.iter().filter_map(|entry| match &entry.basis {
        Basis::Proof(certificate) => Some(PanelProof {
            heading: format!("Proof: {}", theorem_of(certificate)),
            sentences: argument(certificate),
            certificate,
        }),
        _ => None,
    });
    Panel {
        heading: format!("{timing}: {server_faults} of servers, {clients}"),
        summary: format!("{}, for all n up to {}.", summary(&bound), made.atlas.range.servers),
        columns: ["verdict", "n", "f", "why"].map(str::to_owned).to_vec(),
        rows: bound.entries.iter().map(line).collect(),
        proofs: proofs.collect(),
        name: own,
        ..Panel::default()
    }
}

fn formula(limit: Limit) -> String {
    limit.name().replace('<', " < ").replace('=', " = ")
}

fn summary(bound: &Bound<'_>) -> String {
    match (bound.is_sharp(), bound.possible) {
        (true, Limit::Never) => "Impossible".to_owned(),
        (true, limit) => format!("Possible if and only if {}", formula(limit)),
        (false, _) => capital(&gap(bound)),
    }
}

/// The sentence with a capital letter, unless it begins with the name of a protocol.
fn capital(sentence: &str) -> String {
    if threeworlds_protocols::all().iter().any(|protocol| sentence.starts_with(protocol.name)) {
        return sentence.to_owned();
    }
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
