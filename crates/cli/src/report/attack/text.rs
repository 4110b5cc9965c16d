use std::fmt::Write;
use std::path::Path;

use threeworlds_attack::{Part, Verdict};
use threeworlds_diagram::TerminalOptions;
use threeworlds_diagram::timeline::{Sheet, terminal};

use super::{timeline, words};
use crate::attack::Attack;
use crate::terminal::{BAD, GOOD, HEADING, UNKNOWN, headed, labelled, paragraph};

/// The result for a terminal: the verdict first, then how it came about.
pub(crate) fn text(attack: &Attack, saved: Option<&Path>, options: &TerminalOptions) -> String {
    let width = options.width;
    let style = match attack.report.verdict {
        Verdict::Survived => GOOD,
        Verdict::Fails { .. } => BAD,
        Verdict::Unknown(_) => UNKNOWN,
    };
    let verdict = words::verdict(attack);
    let (word, rest) = verdict
        .split_once(' ')
        .map_or((verdict.as_str(), String::new()), |(word, rest)| (word, format!(" {rest}")));
    let mut text = headed(style, &format!("{}{rest} ", word.to_uppercase()), &attack.program, width);
    text.push('\n');
    for (what, value) in words::rows(attack) {
        text += &labelled(what, &value, width);
    }
    let shown = words::shown(attack);
    if !shown.is_empty() {
        let worlds = matches!(shown[0].derived.part, Part::World { .. });
        let heading = match worlds {
            true => "Three worlds".to_owned(),
            false => format!("The plan that fails: {}", shown[0].derived.plan.name),
        };
        let _ = writeln!(text, "\n{HEADING}{heading}{HEADING:#}\n");
        // The one that decides is drawn; the others are told.
        let drawn = words::decisive(attack).or(shown.last().copied());
        if let Some(tried) = drawn {
            let sheet = Sheet::from(timeline::of_run(&tried.derived.plan, &tried.played, &tried.judged));
            text += &terminal(&sheet, options);
            text.push('\n');
        }
    }
    for (number, sentence) in (1..).zip(words::argument(attack)) {
        let indented = paragraph(&sentence, width - 4).replace('\n', "\n    ");
        let _ = writeln!(text, "{number:>2}. {}", indented.trim_end());
    }
    if let Some(smaller) = &attack.smaller {
        let shrunk = &smaller.shrunk;
        let least = match shrunk.minimal {
            true => "; leaving out any step or link of it, it did not fail",
            false => "; there was no time to make it smaller still",
        };
        let faulty = words::names(&shrunk.plan.faulty);
        let faulty = if faulty.is_empty() { String::new() } else { format!("; faulty {faulty}") };
        let about = format!("{} runs{least}{faulty}", shrunk.runs);
        text.push('\n');
        text += &headed(HEADING, "The smallest plan that was found to fail:", &about, width);
        text.push('\n');
        for step in words::steps(&shrunk.plan) {
            let indented = paragraph(&step, width - 4).replace('\n', "\n      ");
            let _ = writeln!(text, "  {}", indented.trim_end());
        }
        if let Some(violation) = smaller.judged.violation() {
            text += &paragraph(&format!("{}: {}.", violation.property, violation.explanation), width);
        }
    }
    let _ = writeln!(text, "\n{HEADING}Plans tried{HEADING:#}\n");
    for [name, outcome] in words::table(attack) {
        text += &row(&name, &outcome, width);
    }
    if !attack.report.not_tried.is_empty() {
        let left = attack.report.not_tried.len();
        text +=
            &paragraph(&format!("{left} more {} not tried.", if left == 1 { "was" } else { "were" }), width);
    }
    text.push('\n');
    text += &paragraph(
        match (&attack.report.verdict, saved) {
            (Verdict::Survived, _) => {
                "Survived is no proof: it is about these plans and these deadlines. `threeworlds check` explores every \
                 execution of a protocol."
            }
            (_, Some(_)) => "`threeworlds attack --plan FILE` plays a saved plan again.",
            (_, None) => {
                "--save DIR keeps the plans, to be played again with --plan FILE, their journals, histories and \
                 diagrams; --report FILE.html draws all of it as a page."
            }
        },
        width,
    );
    text
}

/// Two columns, the first as wide as a plan's name usually is.
fn row(name: &str, outcome: &str, width: usize) -> String {
    const NAME: usize = 38;
    let length = name.chars().count();
    let line = format!("  {name}{:pad$}  {outcome}", "", pad = NAME.saturating_sub(length));
    match line.chars().count() <= width {
        true => format!("{}\n", line.trim_end()),
        false => format!("  {}      {}", paragraph(name, width - 2), paragraph(outcome, width - 6)),
    }
}
