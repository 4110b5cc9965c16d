use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use threeworlds_engine::{Judgement, Report, Resources, StopReason, check_within};
use threeworlds_model::{Adversary, Question, Steps, Timing};

use crate::disk::DiskArguments;
use crate::exit::Exit;
use crate::files;
use crate::limits::{LimitArguments, Watch, interrupted, stop_on_signal};
use crate::protocol::{ProtocolArguments, WithProtocol};
use crate::question::QuestionArguments;
use crate::report;
use crate::terminal::{self, TerminalArguments};

/// Does a protocol survive every adversary of the question?
///
/// Explores every execution, and says whether the protocol is safe and live, separately. A failure comes
/// with the shortest execution that shows it, and, where the question admits them, with the three worlds.
/// The verdict rests on the protocol being deterministic. Where a limit or Ctrl-C stops the exploration
/// before it is decided, the verdict is `unknown`.
///
/// Exit status: 0 holds, 1 fails, 2 the input or the call is wrong, 3 unknown.
#[derive(Args)]
#[command(override_usage = "threeworlds check [OPTIONS] PROTOCOL\n       \
                            threeworlds check [OPTIONS] -- COMMAND...")]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    protocol: ProtocolArguments,
    #[command(flatten)]
    question: QuestionArguments,
    /// How the adversary goes about it: omission (anew in every round), static-cuts (once and for ever)
    ///
    /// static-cuts: it chooses a set of links at faulty processes and a round from which on all that is sent
    /// on them is lost. Each client issues each request as soon as it can. So there are no choices left to
    /// explore but these, and also protocols whose states grow can be judged. Raise --rounds for them.
    #[arg(long, value_name = "HOW", default_value_t = Adversary::Omission, help_heading = "Question")]
    adversary: Adversary,
    /// Explore so many rounds at most
    ///
    /// A protocol with few local states is done long before, and then the verdict is for executions of any
    /// length.
    #[arg(long, value_name = "R", default_value_t = 100, help_heading = "Limits",
          value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    disk: DiskArguments,
    /// Explore states that differ in names alone one by one, even if the protocol treats servers or clients alike
    #[arg(long, help_heading = "Limits", hide_short_help = true)]
    no_symmetry: bool,
    /// Print the result as one JSON document
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Also write an HTML report, one file that needs no network
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    report: Option<PathBuf>,
    /// Also write the worlds and the shortest violations into this folder, as JSON and as SVG
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    save: Option<PathBuf>,
    /// Exit with 0 if this is the verdict, and with 1 if it is another
    #[arg(long, value_name = "VERDICT", help_heading = "Output")]
    expect: Option<Verdict>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Verdict {
    Holds,
    Fails,
    Unknown,
}

struct Check<'a> {
    question: &'a Question,
    label: String,
    resources: Resources<'a>,
    watch: &'a mut Watch,
}

impl WithProtocol for Check<'_> {
    type Output = Report;

    fn with<S: Steps>(self, steps: S) -> Result<Report> {
        let report = check_within(self.question, &self.label, steps, self.resources, self.watch);
        self.watch.finish();
        match report {
            // Whatever the interrupted protocol said last, it says nothing about the question.
            Err(_) if interrupted() => {
                Ok(Report::unexplored(self.question, &self.label, StopReason::Interrupted))
            }
            report => Ok(report?),
        }
    }
}

impl CheckArguments {
    pub(crate) fn run(self, options: &TerminalArguments) -> Result<Exit> {
        let protocol = self.protocol.choose(None)?;
        let mut question = self.question.question(Some(self.rounds))?;
        question.adversary = self.adversary;
        ensure!(
            question.adversary == Adversary::Omission || question.timing == Timing::LockStep,
            "--adversary {} is for --timing lock-step only: before GST any message may be lost anyway",
            question.adversary
        );
        ensure!(
            question.adversary == Adversary::Omission || !self.disk.keeps(),
            "--checkpoint is for --adversary omission: under {} every run is short, and there is nothing to keep",
            question.adversary
        );
        if let Some(file) = &self.report {
            files::must_be_writable(file)?;
        }
        if let Some(folder) = &self.save {
            files::must_be_folder(folder)?;
        }
        let stop = stop_on_signal()?;
        let mut watch = self.limits.watch(stop.clone());
        let disk = self.disk.open(&self.limits, &question, &protocol.label())?;
        let resources = Resources { symmetry: !self.no_symmetry, ..disk.resources() };
        let check = Check { question: &question, label: protocol.label(), resources, watch: &mut watch };
        let found = protocol.run(&question, stop, check)?;

        let seconds = watch.seconds();
        let json = report::json::document(&found, seconds);
        if let Some(folder) = &self.save {
            save(&found, folder)?;
        }
        if let Some(file) = &self.report {
            files::write(file, &report::html::page(&found, seconds, &json))?;
        }
        if self.json {
            terminal::print(&report::json::text(&json))?;
        } else {
            terminal::print(&report::text::check(&found, seconds, &options.options()))?;
        }
        let expected = |verdict: Verdict| match verdict {
            Verdict::Holds => Judgement::Holds,
            Verdict::Fails => Judgement::Fails,
            Verdict::Unknown => Judgement::Unknown,
        };
        Ok(match self.expect {
            Some(verdict) if expected(verdict) == found.verdict() => Exit::Good,
            Some(_) => Exit::Bad,
            None => found.verdict().into(),
        })
    }
}

/// Writes the evidence into a folder. What an earlier check left there under the same names is no evidence
/// of this one, and goes.
fn save(report: &Report, folder: &Path) -> Result<()> {
    const NAMES: [&str; 8] = [
        "A",
        "B",
        "C",
        "worlds",
        "shortest-safety-violation",
        "shortest-liveness-violation",
        "safety-violation",
        "liveness-violation",
    ];
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for execution in report.evidence() {
        let name = execution.name.replace(' ', "-");
        debug_assert!(NAMES.contains(&name.as_str()), "{name} would be left behind by the next check");
        files.insert(format!("{name}.json"), execution.text());
        files.insert(format!("{name}.svg"), threeworlds_diagram::svg(std::slice::from_ref(execution)));
    }
    if let Ok(three) = &report.three_worlds {
        files.insert("worlds.svg".to_owned(), threeworlds_diagram::svg(&three.worlds));
    }
    for (name, text) in &files {
        files::write(&folder.join(name), text)?;
    }
    for stale in NAMES.iter().flat_map(|name| ["json", "svg"].map(|ending| format!("{name}.{ending}"))) {
        if !files.contains_key(&stale) {
            files::remove(&folder.join(stale))?;
        }
    }
    Ok(())
}
