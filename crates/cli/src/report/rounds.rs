//! What `solve --rounds` and `solve --least-rounds` found, put into words.

use std::fmt::Write;

use indicatif::HumanCount;
use serde_json::{Value as Json, json};
use threeworlds_certificate::{Certificate, Claim};
use threeworlds_diagram::{Report as Page, TerminalOptions, Tone, worlds};
use threeworlds_engine::{BoundedOutcome, BoundedReport};

use super::json::FORMAT;
use super::proof;
use crate::terminal::{BAD, GOOD, HEADING, UNKNOWN, headed, labelled, paragraph};

/// The verdict about the last number of rounds that was asked for.
pub(crate) fn verdict(reports: &[BoundedReport]) -> &'static str {
    match reports.last().map(|report| &report.outcome) {
        Some(BoundedOutcome::Impossible { .. }) => "impossible",
        Some(BoundedOutcome::Possible(_)) => "single-shot-possible",
        Some(BoundedOutcome::Unknown(_)) | None => "unknown",
    }
}

/// The proof for the most rounds for which there is one.
pub(crate) fn certificate(reports: &[BoundedReport]) -> Option<&Certificate> {
    reports.iter().rev().find_map(|report| match &report.outcome {
        BoundedOutcome::Impossible { certificate, .. } => Some(&**certificate),
        _ => None,
    })
}

/// The least number of rounds, if all smaller ones were tried.
fn least(reports: &[BoundedReport]) -> Option<u32> {
    let last = reports.last()?;
    let tried_all = reports.len() == last.rounds as usize;
    (tried_all && matches!(last.outcome, BoundedOutcome::Possible(_))).then_some(last.rounds)
}

fn rounds(number: u32) -> String {
    format!("{number} round{} of messages", if number == 1 { "" } else { "s" })
}

fn sentence(reports: &[BoundedReport]) -> String {
    let Some(last) = reports.last() else { return "nothing was asked".to_owned() };
    let number = rounds(last.rounds);
    match &last.outcome {
        BoundedOutcome::Impossible { certificate, .. } => proof::theorem_of(certificate),
        BoundedOutcome::Unknown(_) => format!("whether all can be answered within {number} was not decided"),
        BoundedOutcome::Possible(_) => match least(reports) {
            Some(1) => "all can be answered after one round of messages".to_owned(),
            Some(_) => format!(
                "{number} are enough, and fewer are not, if all clients that write do so at the same time"
            ),
            None => format!("{number} are enough if all clients that write do so at the same time"),
        },
    }
}

/// Worlds of a proof that are drawn and argued on a terminal; there is a file for more.
const WORLDS_MAX: usize = 9;

/// The result for a terminal.
pub(crate) fn text(
    claim: &Claim,
    reports: &[BoundedReport],
    seconds: f64,
    options: &TerminalOptions,
) -> String {
    let width = options.width;
    let verdict = verdict(reports);
    let style = match verdict {
        "impossible" => BAD,
        "unknown" => UNKNOWN,
        _ => GOOD,
    };
    let mut text = headed(style, &format!("{} ", verdict.to_uppercase()), &sentence(reports), width);
    text.push('\n');
    for (what, value) in rows(claim, reports, seconds) {
        text += &labelled(&what, &value, width);
    }
    if let Some(certificate) = certificate(reports) {
        let about = certificate.claim.rounds.map(rounds).unwrap_or_default();
        let _ = writeln!(
            text,
            "\n{HEADING}{}: why {about} {} not enough{HEADING:#}\n",
            proof::heading(certificate),
            if certificate.claim.rounds == Some(1) { "is" } else { "are" }
        );
        if certificate.worlds.len() <= WORLDS_MAX {
            text += &worlds::terminal(certificate, options);
            text.push('\n');
            for (number, sentence) in (1..).zip(proof::argument(certificate)) {
                let indented = paragraph(&sentence, width - 4).replace('\n', "\n    ");
                let _ = writeln!(text, "{number:>2}. {}", indented.trim_end());
            }
        } else {
            text += &paragraph(
                "The proof is long: --certificate FILE keeps it, `threeworlds show FILE` draws it, and `threeworlds \
                 verify FILE` checks it.",
                width,
            );
        }
    }
    text.push('\n');
    text += &paragraph(
        "Single-shot: every client that writes does so at the same time, once. A protocol that serves clients at \
         any time is no faster, so what is impossible here bounds the worst case of each protocol from below.",
        width,
    );
    text
}

fn rows(claim: &Claim, reports: &[BoundedReport], seconds: f64) -> Vec<(String, String)> {
    let mut rows = proof::question(claim);
    for report in reports {
        let explored = format!(
            "{} obliged views in {} classes; {} states and {} views of clients that meet",
            HumanCount(report.explored.obliged_views as u64),
            HumanCount(report.explored.classes as u64),
            HumanCount(report.explored.states as u64),
            HumanCount(report.explored.views as u64)
        );
        let found = match &report.outcome {
            BoundedOutcome::Impossible { certificate, is_shortest } => {
                let least = if *is_shortest { "" } else { ", perhaps not the shortest" };
                format!("impossible, a proof of {} worlds{least}, verified", certificate.worlds.len())
            }
            BoundedOutcome::Possible(protocol) => {
                format!(
                    "possible, with an answer to each of {} views",
                    HumanCount(protocol.answered_views() as u64)
                )
            }
            BoundedOutcome::Unknown(reason) => {
                format!("unknown, stopped by the limit on {}", super::json::reason(*reason))
            }
        };
        rows.push((format!("R = {}", report.rounds), format!("{found}; {explored}")));
    }
    rows.push(("time".to_owned(), format!("{seconds:.2} s")));
    rows
}

/// The result as one document; the format is in `docs/formats/result.md`.
pub(crate) fn json(claim: &Claim, reports: &[BoundedReport], seconds: f64) -> Json {
    let last = |report: &BoundedReport| {
        let (verdict, worlds) = match &report.outcome {
            BoundedOutcome::Impossible { certificate, .. } => ("impossible", Some(certificate.worlds.len())),
            BoundedOutcome::Possible(_) => ("single-shot-possible", None),
            BoundedOutcome::Unknown(_) => ("unknown", None),
        };
        let explored = &report.explored;
        let stopped_by = match &report.outcome {
            BoundedOutcome::Unknown(reason) => Some(super::json::reason(*reason)),
            _ => None,
        };
        json!({
            "rounds": report.rounds,
            "verdict": verdict,
            "worlds": worlds,
            "explored": {
                "states": explored.states,
                "views": explored.views,
                "obliged_views": explored.obliged_views,
                "classes": explored.classes,
                "stopped_by": stopped_by,
            },
        })
    };
    json!({
        "format": FORMAT,
        "command": "solve",
        "question": proof::question_json(claim),
        "verdict": verdict(reports),
        "safe": null,
        "live": null,
        "property": null,
        "horn": null,
        "explored": null,
        "worst_case_rounds": null,
        "least_rounds": least(reports),
        "by_rounds": reports.iter().map(last).collect::<Vec<_>>(),
        "worlds": null,
        "certificate": certificate(reports).map(Certificate::json),
        "protocol": null,
        "seconds": (seconds * 1000.0).round() / 1000.0,
    })
}

/// The result as one page that needs no network.
pub(crate) fn page(claim: &Claim, reports: &[BoundedReport], seconds: f64, json: &Json) -> String {
    let title = "How many rounds does it take?".to_owned();
    let tone = match verdict(reports) {
        "impossible" => Tone::Bad,
        "unknown" => Tone::Unknown,
        _ => Tone::Good,
    };
    let rows = rows(claim, reports, seconds);
    let verdict = format!("{}: {}", verdict(reports), sentence(reports));
    match certificate(reports) {
        Some(certificate) => proof::with_proof(title, verdict, tone, rows, certificate, json),
        None => {
            let json = super::json::text(json);
            threeworlds_diagram::html(&Page { title, verdict, tone, rows, json, ..Page::default() })
        }
    }
}
