use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use threeworlds_certificate::{Task, Timing};
use threeworlds_engine::{Cell, Range, Reduction};
use threeworlds_model::{CrashDelivery, Question, System};
use threeworlds_protocols::{BuiltIn, Description, all, broken, rafts};

use crate::atlas::{Archive, Checked};
use crate::cache::CacheArguments;
use crate::exit::Exit;
use crate::limits::{LimitArguments, stop_on_signal};
use crate::report::atlas::worst_case;
use crate::report::json::FORMAT;
use crate::terminal::{HEADING, TerminalArguments, labelled, note, paragraph, print};

/// List the built-in protocols, or describe one and check it
///
/// Of one it also says for which questions it was verified against every adversary, and how many rounds an
/// answer takes at most: of the questions that it promises to answer the hardest for each number of
/// servers. What was checked before comes from the cache.
#[derive(Args)]
pub(crate) struct ProtocolsArguments {
    /// The one to describe
    name: Option<String>,
    /// Check it for up to so many servers; 0 for no check
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(0..=9))]
    servers: u16,
    /// Check it for at most so many seconds on each question
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, help_heading = "Limits",
          value_parser = crate::protocol::seconds)]
    protocol_time: f64,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    cache: CacheArguments,
    /// Print one JSON document
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// A question that a protocol promises to answer, and what checking it came to.
struct Promise {
    cell: Cell,
    question: Question,
    /// `None` where a limit ended the check.
    checked: Option<Checked>,
}

impl ProtocolsArguments {
    pub(crate) fn run(self, terminal: &TerminalArguments) -> Result<Exit> {
        let width = terminal.options().width;
        let Some(name) = &self.name else {
            let descriptions: Vec<&Description> = all().iter().chain(rafts()).collect();
            let text = if self.json {
                let of_broken = broken().iter().map(|one| &one.description);
                let list: Vec<Value> =
                    descriptions.into_iter().chain(of_broken).map(description_json).collect();
                crate::report::json::text(
                    &json!({"format": FORMAT, "command": "protocols", "protocols": list}),
                )
            } else {
                listed(&descriptions, width)
            };
            print(&text)?;
            return Ok(Exit::Good);
        };
        let description = BuiltIn::parse(name)?.description();
        let (promises, over) = self.promises(description)?;
        let text = if self.json {
            let of = |promise: &Promise| {
                let mut of = promise.checked.as_ref().map_or_else(|| json!({}), Checked::json);
                of["question"] = json!(promise.question);
                of["verdict"] = json!(if promise.checked.is_some() { "holds" } else { "unknown" });
                of
            };
            let mut document = description_json(description);
            document["format"] = json!(FORMAT);
            document["command"] = json!("protocols");
            document["checks"] = json!(promises.iter().map(of).collect::<Vec<_>>());
            crate::report::json::text(&document)
        } else {
            let mut text = described(description, width);
            if !promises.is_empty() {
                let _ =
                    writeln!(text, "\n{HEADING}Checked against every adversary, for 2 clients{HEADING:#}\n");
            }
            for promise in &promises {
                let Cell { servers, faults, .. } = promise.cell;
                text += &labelled(&format!("n={servers} f={faults}"), &words(promise), width);
            }
            text
        };
        print(&text)?;
        if over {
            note("a limit ended it early: questions are missing.");
        }
        Ok(Exit::Good)
    }

    /// The hardest questions for each number of servers, checked; and whether a limit ended that.
    fn promises(&self, description: &Description) -> Result<(Vec<Promise>, bool)> {
        let watch = self.limits.watch(stop_on_signal()?);
        watch.finish();
        let task = task_of(description);
        let (Some(task), true) = (task, self.servers > 0) else { return Ok((Vec::new(), false)) };
        let range = Range { servers: self.servers, clients: 2, task };
        let cache = self.cache.open()?;
        let archive = Archive::new(range, &cache, &watch, Duration::from_secs_f64(self.protocol_time));
        let protocol = description.built_in;
        let promised = |cell: &Cell| {
            let question = archive.ask(cell).question()?;
            let prefix = Question { crash_delivery: CrashDelivery::Prefix, ..question.clone() };
            [question, prefix].into_iter().find(|question| protocol.covers(question))
        };
        // Under asynchrony there are no rounds, so nothing is checked there.
        let in_rounds = range.cells().into_iter().filter(|cell| cell.timing != Timing::Asynchrony);
        let cells: Vec<(Cell, Question)> =
            in_rounds.filter_map(|cell| Some((cell, promised(&cell)?))).collect();
        // For the same number of servers; of those that are as hard the last, which has the most faults.
        let is_hardest = |(position, (cell, question)): &(usize, &(Cell, Question))| {
            !cells.iter().enumerate().any(|(other, (harder, of))| {
                let same_size = harder.servers == cell.servers;
                let same_delivery = of.crash_delivery == question.crash_delivery;
                let as_hard = same_size && same_delivery && Reduction::new(cell, harder).is_some();
                as_hard && (Reduction::new(harder, cell).is_none() || other > *position)
            })
        };
        let mut hardest: Vec<&(Cell, Question)> =
            cells.iter().enumerate().filter(is_hardest).map(|(_, cell)| cell).collect();
        hardest.sort_by_key(|(cell, _)| (cell.servers, cell.faults));
        let mut promises = Vec::new();
        for (cell, question) in hardest {
            if watch.is_over() || question.system.size() > System::MAX_PROCESSES {
                break;
            }
            let checked = archive.checked(protocol, question)?;
            promises.push(Promise { cell: *cell, question: question.clone(), checked });
        }
        archive.finish();
        Ok((promises, watch.is_over()))
    }
}

/// The task as questions about all protocols name it; `None` if they do not.
fn task_of(description: &Description) -> Option<Task> {
    description.task.name().split(':').next()?.parse().ok()
}

/// The protocols, then those that are broken on purpose.
fn listed(descriptions: &[&Description], width: usize) -> String {
    let mut text = descriptions.iter().map(|one| described(one, width)).collect::<Vec<_>>().join("\n");
    let what = "Broken on purpose: each is one of the protocols above with one small change that looks harmless \
                and is not.";
    let _ = write!(text, "\n{}", paragraph(what, width));
    for one in broken() {
        text.push('\n');
        text += &described(&one.description, width);
    }
    text
}

fn words(promise: &Promise) -> String {
    let Promise { cell, question, checked } = promise;
    let Cell { timing, server_faults, client_faults, faults, .. } = cell;
    let timing = if *timing == Timing::LockStep { String::new() } else { format!("{timing}, ") };
    let servers = if *faults == 0 { String::new() } else { format!("servers by {server_faults}, ") };
    let delivery = match question.crash_delivery {
        CrashDelivery::Prefix => ", prefix delivery",
        CrashDelivery::AnySubset => "",
    };
    let outcome = match checked {
        None => "not checked to the end; it rests on the stated bound".to_owned(),
        Some(checked) => format!(
            "holds{}; {} states",
            worst_case(checked).map(|worst| format!(", {worst}")).unwrap_or_default(),
            indicatif::HumanCount(checked.states as u64)
        ),
    };
    format!("{timing}{servers}clients by {client_faults}{delivery}: {outcome}")
}

fn description_json(description: &Description) -> Value {
    let Description { built_in, name, summary, task, tolerates, falls_to, source } = description;
    let broken = match built_in {
        BuiltIn::Broken(broken) => Some(broken.description().reason),
        _ => None,
    };
    json!({
        "protocol": name,
        "broken": broken,
        "summary": summary,
        "task": task,
        "tolerates": tolerates,
        "falls_to": falls_to,
        "source": source,
    })
}

fn described(description: &Description, width: usize) -> String {
    let Description { built_in, name, summary, task, tolerates, falls_to, source } = description;
    let mut text = format!("{HEADING}{name}{HEADING:#}\n");
    text += &labelled("is", summary, width);
    text += &labelled("task", task.name(), width);
    text += &labelled("tolerates", tolerates, width);
    text += &labelled("falls to", falls_to, width);
    if let BuiltIn::Broken(broken) = built_in {
        text += &labelled("broken", broken.description().reason, width);
    }
    text += &labelled("source", source, width);
    text
}
