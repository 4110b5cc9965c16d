use std::fmt::Write;

use threeworlds_diagram::TerminalOptions;
use threeworlds_engine::{Fall, Judgement, Report};

use super::words;
use crate::terminal::{BAD, GOOD, HEADING, UNKNOWN, headed, labelled, paragraph};

/// The result of a check for a terminal: the verdict first, then what it rests on.
pub(crate) fn check(report: &Report, seconds: f64, options: &TerminalOptions) -> String {
    let width = options.width;
    let mut text = String::new();
    let style = style(report.verdict());
    let verdict = report.verdict().name().to_uppercase();
    let property = match (report.verdict(), report.property) {
        (Judgement::Fails, Some(property)) => format!(" ({property})"),
        _ => String::new(),
    };
    text += &headed(style, &format!("{verdict}{property} "), &report.protocol, width);
    text.push('\n');
    for (what, value) in words::question(&report.question) {
        text += &labelled(what, &value, width);
    }
    text += &labelled("safe", &words::judged(report.safe, &words::safe(report)), width);
    text += &labelled("live", &words::judged(report.live, &words::live(report)), width);
    if let Some(worst) = words::worst_case(report) {
        text += &labelled("worst case", &worst, width);
    }
    text += &labelled("explored", &format!("{}; {seconds:.2} s", words::coverage(&report.coverage)), width);

    if let Ok(three) = &report.three_worlds {
        let _ = writeln!(text, "\n{HEADING}Three worlds{HEADING:#}\n");
        let rounds = three.worlds.iter().map(|world| world.rounds.len()).max().unwrap_or(0);
        if !matches!(three.fall, Fall::Undecided) || rounds <= UNDECIDED_ROUNDS_MAX {
            text += &threeworlds_diagram::terminal(&three.worlds, options);
            text.push('\n');
        }
        for (number, sentence) in (1..).zip(words::argument(three)) {
            text += &numbered(number, &sentence, width);
        }
    }
    for execution in report.safety_counterexample.iter().chain(&report.liveness_counterexample) {
        let heading = format!("The {}:", execution.name);
        text.push('\n');
        text += &headed(HEADING, &heading, &words::measures(execution), width);
        // The worlds say why it has to fail; the shortest execution is one of many ways.
        if report.three_worlds.is_err() {
            text.push('\n');
            text += &threeworlds_diagram::terminal(std::slice::from_ref(execution), options);
        } else if let Some(claim) = &execution.claim {
            text += &paragraph(&format!("{}: {}.", claim.property, claim.explanation), width);
        }
    }
    if !report.evidence().is_empty() {
        text.push('\n');
        text += &paragraph(
            "--report FILE.html draws all of it as a page, --save DIR keeps each execution for `threeworlds show` \
             and `threeworlds verify`.",
            width,
        );
    }
    if report.verdict() == Judgement::Unknown {
        text.push('\n');
        text +=
            &paragraph("Unknown is no pass: what lies beyond what was explored was not looked at.", width);
    }
    text
}

/// Worlds that decide nothing are drawn up to this length: many rounds in which nothing comes of it show
/// nothing.
const UNDECIDED_ROUNDS_MAX: usize = 12;

fn style(judgement: Judgement) -> anstyle::Style {
    match judgement {
        Judgement::Holds => GOOD,
        Judgement::Fails => BAD,
        Judgement::Unknown => UNKNOWN,
    }
}

fn numbered(number: usize, sentence: &str, width: usize) -> String {
    let indented = paragraph(sentence, width - 4).replace('\n', "\n    ");
    format!(" {number}. {}\n", indented.trim_end())
}
