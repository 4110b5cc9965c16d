//! Whether a history of clients is linearizable.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use threeworlds_engine as engine;
use threeworlds_history::format::{Format, operation_json};
use threeworlds_history::{
    Blame, History, Limits, Model, Object, Outcome, Progress, StopReason, Verdict, check,
};

use crate::exit::Exit;
use crate::files;
use crate::limits::{LimitArguments, Watch, stop_on_signal};
use crate::report::{self, json::FORMAT};
use crate::terminal::{BAD, GOOD, TerminalArguments, UNKNOWN, judged, print};

/// What only histories need.
#[derive(Args)]
#[command(next_help_heading = "Histories")]
pub(crate) struct HistoryArguments {
    /// The object that a history is judged against: register, write-once-register, cas-register, key-value,
    /// append-log, set, queue [default: what the file names]
    #[arg(long, value_name = "OBJECT")]
    model: Option<Object>,
    /// What the object holds at the start: JSON, or a text; a list for append-log, set and queue
    /// [default: what the file names, else nothing]
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    initial: Option<String>,
    /// Write a page (.html), or the drawing alone (.svg)
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArguments,
}

/// A history that was read, and what it is judged against.
struct Question {
    format: Format,
    history: History,
    model: Model,
}

impl HistoryArguments {
    /// Fails if something is asked for that only a history has.
    pub(crate) fn must_be_absent(&self, name: &str, text: &str) -> Result<()> {
        ensure!(
            !text.trim().is_empty() || self.model.is_none(),
            "{name} is empty: there is no history in it"
        );
        let given = [
            ("--model", self.model.is_some()),
            ("--initial", self.initial.is_some()),
            ("--report", self.report.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) => bail!(
                "{name} is no history, and {flag} is for histories\n  hint: histories are JSON lines that begin with \
                 {{\"format\":\"threeworlds/history/1\"}}, Jepsen's history.edn, or Jepsen's log lines such as \
                 `INFO jepsen.util - 3 :invoke :write 4`"
            ),
            None => Ok(()),
        }
    }

    pub(crate) fn run(
        &self,
        path: &Path,
        text: &str,
        format: Format,
        json: bool,
        terminal: &TerminalArguments,
    ) -> Result<Exit> {
        if let Some(report) = &self.report {
            files::must_be_writable(report)?;
            let ending = report.extension().and_then(|ending| ending.to_str());
            ensure!(
                matches!(ending, Some("html" | "svg")),
                "{}: a report is a page (.html) or a drawing (.svg)",
                report.display()
            );
        }
        let name = if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
        let question = self.read(&name, text, format)?;
        let mut watch = self.limits.watch(stop_on_signal()?);
        let outcome = {
            let mut observer = |progress: &Progress| observe(&mut watch, progress);
            let limits = Limits { observer: Some(&mut observer), ..Limits::default() };
            check(&question.history, &question.model, limits)
        };
        watch.finish();
        let verdict =
            outcome.with_context(|| format!("{name} cannot be judged as {}", question.model.object))?;
        let document = question.json(&verdict, watch.seconds());
        let sheet = match &verdict {
            Verdict::Illegal(blame) => report::history::sheet(&question.history, blame),
            _ => Default::default(),
        };
        if let Some(report) = &self.report {
            let page = if report.extension().is_some_and(|ending| ending == "svg") {
                threeworlds_diagram::timeline::svg(&sheet)
            } else {
                let tone = match &verdict {
                    Verdict::Legal => threeworlds_diagram::Tone::Good,
                    Verdict::Illegal(_) => threeworlds_diagram::Tone::Bad,
                    Verdict::Unknown(_) => threeworlds_diagram::Tone::Unknown,
                };
                let rows = question.rows();
                report::history::page(
                    &name,
                    (word(&verdict), tone),
                    rows,
                    question.says(&verdict),
                    sheet.clone(),
                    &document,
                )
            };
            files::write(report, &page)?;
        }
        if json {
            print(&report::json::text(&document))?;
        } else {
            let options = terminal.options();
            let style = match verdict {
                Verdict::Legal => GOOD,
                Verdict::Illegal(_) => BAD,
                Verdict::Unknown(_) => UNKNOWN,
            };
            let mut text = judged(style, word(&verdict), &question.says(&verdict), options.width);
            if !sheet.timelines.is_empty() {
                text += "\n";
                text += &threeworlds_diagram::timeline::terminal(&sheet, &options);
            }
            print(&text)?;
        }
        Ok(match verdict {
            Verdict::Legal => Exit::Good,
            Verdict::Illegal(_) => Exit::Bad,
            Verdict::Unknown(_) => Exit::Unknown,
        })
    }

    fn read(&self, name: &str, text: &str, format: Format) -> Result<Question> {
        // Only lists in Jepsen's formats depend on the object, and our own names it.
        let assumed = self.model.unwrap_or(Object::Register);
        let parsed = format
            .parse(text, assumed)
            .with_context(|| format!("{name} cannot be read as {}", says(format)))?;
        let object = self.model.or(parsed.object).with_context(|| {
            let names: Vec<&str> = Object::ALL.iter().map(|object| object.name()).collect();
            format!(
                "{name} does not say of which object it is the history: name one with --model\n  hint: {}",
                names.join(", ")
            )
        })?;
        let initial = match &self.initial {
            Some(text) => Some(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()))),
            None => parsed.initial,
        };
        // `nil` is how a register without a value is written.
        let initial = initial.filter(|initial| !initial.is_null());
        Ok(Question { format, history: parsed.history, model: Model { object, initial } })
    }
}

/// What the watch says.
fn observe(watch: &mut Watch, progress: &Progress) -> Option<StopReason> {
    let seen = engine::Progress {
        round: 0,
        states: usize::try_from(progress.steps).unwrap_or(usize::MAX),
        frontier: 0,
        expanded: 0,
        bytes: progress.bytes,
    };
    engine::Observer::observe(watch, &seen).map(|reason| match reason {
        engine::StopReason::Memory => StopReason::Memory,
        engine::StopReason::Interrupted => StopReason::Interrupted,
        _ => StopReason::Time,
    })
}

fn says(format: Format) -> &'static str {
    match format {
        Format::Own => "threeworlds/history/1",
        Format::JepsenEdn => "Jepsen's history.edn",
        Format::JepsenLog => "Jepsen's log",
    }
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Legal => "valid",
        Verdict::Illegal(_) => "rejected",
        Verdict::Unknown(_) => "unknown",
    }
}

fn stopped_by(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Steps => "steps",
        StopReason::Memory => "memory",
        StopReason::Time => "time",
        StopReason::Interrupted => "interrupted",
    }
}

impl Question {
    fn count(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        self.history.operations().iter().filter(|operation| is(&operation.outcome)).count()
    }

    fn keys(&self) -> usize {
        let keys: std::collections::BTreeSet<_> =
            self.history.operations().iter().filter_map(|operation| operation.key).collect();
        keys.len()
    }

    fn rows(&self) -> Vec<(String, String)> {
        let initial = self.model.initial.as_ref().map_or("nothing".to_owned(), ToString::to_string);
        let row = |what: &str, value: String| (what.to_owned(), value);
        vec![
            row("object", format!("{}, at the start {initial}", self.model.object)),
            row("operations", self.history.operations().len().to_string()),
            row("of them pending", self.count(|outcome| *outcome == Outcome::Pending).to_string()),
            row("of them refused", self.count(|outcome| *outcome == Outcome::Refused).to_string()),
            row("processes", self.history.processes().len().to_string()),
            row("read as", says(self.format).to_owned()),
        ]
    }

    /// The verdict in a sentence or two.
    fn says(&self, verdict: &Verdict) -> String {
        let operations = self.history.operations().len();
        let object = match &self.model.initial {
            Some(initial) => format!("{} that holds {initial} at the start", self.model.object),
            None => self.model.object.to_string(),
        };
        match verdict {
            Verdict::Legal => {
                format!(
                    "linearizable as {object}: {operations} operations of {} processes",
                    self.history.processes().len()
                )
            }
            Verdict::Illegal(blame) => {
                let size = blame.operations.len();
                let of = blame.key.map(|key| format!(", key {}", self.history.show(key))).unwrap_or_default();
                let are = if size == 1 {
                    "1 is to blame alone".to_owned()
                } else if blame.minimal {
                    format!(
                        "{size} contradict each other, whatever the others did, and none of them can be left out"
                    )
                } else {
                    format!("{size} contradict each other, whatever the others did; perhaps fewer of them do")
                };
                format!("not linearizable as {object}{of}: {}. Of {operations} operations {are}", blame.why)
            }
            Verdict::Unknown(unknown) => format!(
                "stopped by {} before there was a verdict; {} of {operations} operations were explained, {} configurations explored",
                stopped_by(unknown.reason),
                unknown.explored.explained,
                unknown.explored.steps
            ),
        }
    }

    fn json(&self, verdict: &Verdict, seconds: f64) -> Value {
        let explored = match verdict {
            Verdict::Unknown(unknown) => json!({
                "explained": unknown.explored.explained,
                "configurations": unknown.explored.steps,
                "stopped_by": stopped_by(unknown.reason),
            }),
            _ => Value::Null,
        };
        let blame = match verdict {
            Verdict::Illegal(blame) => self.blame_json(blame),
            _ => Value::Null,
        };
        json!({
            "format": FORMAT,
            "command": "verify",
            "question": { "model": self.model.object.name(), "initial": self.model.initial },
            "verdict": word(verdict),
            "safe": null,
            "live": null,
            "property": matches!(verdict, Verdict::Illegal(_)).then_some("linearizability"),
            "horn": null,
            "explored": explored,
            "worst_case_rounds": null,
            "worlds": null,
            "certificate": null,
            "protocol": null,
            "history": {
                "read_as": match self.format {
                    Format::Own => "threeworlds/history/1",
                    Format::JepsenEdn => "jepsen-edn",
                    Format::JepsenLog => "jepsen-log",
                },
                "operations": self.history.operations().len(),
                "pending": self.count(|outcome| *outcome == Outcome::Pending),
                "refused": self.count(|outcome| *outcome == Outcome::Refused),
                "processes": self.history.processes().len(),
                "keys": self.keys(),
            },
            "blame": blame,
            "reason": match verdict {
                Verdict::Illegal(blame) => Some(&blame.why),
                _ => None,
            },
            "seconds": (seconds * 1000.0).round() / 1000.0,
        })
    }

    fn blame_json(&self, blame: &Blame) -> Value {
        let operations: Vec<Value> = blame
            .operations
            .iter()
            .map(|&id| {
                let mut value = operation_json(&self.history, id);
                value["line"] = json!(self.history.line(id));
                value["says"] = json!(self.history.describe(id));
                value
            })
            .collect();
        json!({
            "operations": operations,
            "minimal": blame.minimal,
            "key": blame.key.map(|key| self.history.values().get(key)),
        })
    }
}
