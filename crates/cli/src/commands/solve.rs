use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use threeworlds_certificate::{Task, Timing};
use threeworlds_engine::{BoundedQuestion, Proof, Scope, decide_rounds, least_rounds, prove};
use threeworlds_model::System;

use crate::exit::Exit;
use crate::files;
use crate::limits::{LimitArguments, interrupted, stop_on_signal};
use crate::question::{FaultArguments, number};
use crate::report::{proof, rounds};
use crate::solve::{Answer, Ask, Effort, Finding};
use crate::terminal::{self, TerminalArguments};

/// Is there any protocol that can do it?
///
/// Looks for worlds that no deterministic protocol can tell apart and that force contradictory answers. If
/// there are such worlds, no protocol can be safe and live, and they are printed as a proof that can be
/// checked by hand and by `threeworlds verify`. If none are found, that proves nothing: the answer is
/// `possible` only with a built-in protocol whose stated bound covers the question and that was checked
/// against every adversary (of a smaller question where this one is too large), and else `unknown`.
/// The proofs are about deterministic protocols in the round model; what messages say plays no part, so
/// signatures and randomness that was shared beforehand change nothing.
///
/// Exit status: 0 possible, 1 impossible, 2 the input or the call is wrong, 3 unknown.
#[derive(Args)]
pub(crate) struct SolveArguments {
    /// Number of servers, s1, s2, ...; `any` asks for which numbers n and f there is a proof
    #[arg(long, value_name = "N", default_value = "2", value_parser = servers, help_heading = "Question")]
    servers: ServerCount,
    #[command(flatten)]
    faults: FaultArguments,
    /// When messages arrive: lock-step, partial-synchrony, asynchrony
    #[arg(long, value_name = "TIMING", default_value_t = Timing::LockStep, help_heading = "Question")]
    timing: Timing,
    /// What the system is for: write-once-register, register, log, state-machine
    #[arg(long, value_name = "TASK", default_value_t = Task::WriteOnceRegister, help_heading = "Question")]
    task: Task,
    /// Link clients with each other
    #[arg(long, hide_short_help = true, help_heading = "Question")]
    client_links: bool,
    /// Search worlds with up to so many groups of servers, each group doing the same
    #[arg(long, value_name = "K", default_value_t = Scope::default().groups, help_heading = "Limits",
          value_parser = count)]
    groups: usize,
    /// Search worlds with up to so many epochs: times between which the lost links can change
    #[arg(long, value_name = "E", default_value_t = Scope::default().epochs, help_heading = "Limits",
          value_parser = count)]
    epochs: usize,
    /// Try each built-in protocol for at most so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0, help_heading = "Limits",
          value_parser = crate::protocol::seconds, hide_short_help = true)]
    protocol_time: f64,
    /// Decide whether all clients that write at the same time can be answered within so many rounds
    ///
    /// In lock-step, for the write-once register. Exact for all protocols: `impossible` with a certificate,
    /// or `single-shot-possible` with a table that is a protocol.
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=64),
          help_heading = "Rounds")]
    rounds: Option<u32>,
    /// Find the least number of rounds within which all clients that write at the same time can be answered
    ///
    /// Tries 1, 2, ... rounds, up to --rounds [default: 8]. The proof for one round less comes with it.
    #[arg(long, help_heading = "Rounds")]
    least_rounds: bool,
    #[command(flatten)]
    limits: LimitArguments,
    /// Leave out the questions near this one
    #[arg(long, help_heading = "Output")]
    no_nearest: bool,
    /// Print the result as one JSON document
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Also write the certificate, for `threeworlds verify` and `threeworlds show`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    certificate: Option<PathBuf>,
    /// Also write an HTML report, one file that needs no network
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    report: Option<PathBuf>,
    /// Exit with 0 if this is the verdict, and with 1 if it is another
    #[arg(long, value_name = "VERDICT", help_heading = "Output")]
    expect: Option<Verdict>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Verdict {
    Impossible,
    Possible,
    SingleShotPossible,
    Unknown,
}

#[derive(Clone, Copy)]
enum ServerCount {
    Any,
    Exactly(usize),
}

fn servers(text: &str) -> Result<ServerCount, String> {
    match text {
        "any" => Ok(ServerCount::Any),
        _ => number(text)
            .map(ServerCount::Exactly)
            .map_err(|_| "write a number, such as 3, or `any`".to_owned()),
    }
}

pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=12).contains(&count) => Ok(count),
        _ => Err("write a number from 1 to 12".to_owned()),
    }
}

/// For trying protocols on each question near the one that was asked, and on all of them together.
const NEAREST_TIME: Duration = Duration::from_secs(30);
const ALL_NEAREST_TIME: Duration = Duration::from_secs(60);

impl SolveArguments {
    pub(crate) fn run(self, terminal: &TerminalArguments) -> Result<Exit> {
        let ask = Ask {
            servers: match self.servers {
                ServerCount::Any => None,
                ServerCount::Exactly(servers) => Some(servers),
            },
            faults: self.faults.clone(),
            client_links: self.client_links,
            timing: self.timing,
            task: self.task,
        };
        ask.claim()?;
        for file in self.report.iter().chain(&self.certificate) {
            files::must_be_writable(file)?;
        }
        if self.rounds.is_some() || self.least_rounds {
            return self.in_rounds(&ask, terminal);
        }
        let scope = Scope { groups: self.groups, epochs: self.epochs };
        let mut watch = self.limits.watch(stop_on_signal()?);
        let effort = Effort { time: Duration::from_secs_f64(self.protocol_time) };
        let answer = ask.answer(scope, &self.limits, effort, &mut watch)?;
        let seconds = watch.seconds();
        let mut nearest: Vec<(String, Answer)> = Vec::new();
        if !self.no_nearest {
            let started = Instant::now();
            for (what, near) in ask.nearest() {
                let left = ALL_NEAREST_TIME.saturating_sub(started.elapsed());
                let effort = Effort { time: NEAREST_TIME.min(effort.time).min(left) };
                if interrupted() {
                    break;
                }
                nearest.push((
                    what,
                    near.answer(Scope { groups: 3, epochs: 2 }, &self.limits, effort, &mut watch)?,
                ));
            }
        }
        watch.finish();
        self.tell(&answer, &nearest, seconds, terminal)
    }

    /// Prints and writes what was asked for.
    fn tell(
        &self,
        answer: &Answer,
        nearest: &[(String, Answer)],
        seconds: f64,
        terminal: &TerminalArguments,
    ) -> Result<Exit> {
        let json = proof::json(answer, nearest, seconds);
        if let (Some(file), Finding::Impossible(certificate)) = (&self.certificate, &answer.finding) {
            files::write(file, &certificate.text())?;
        }
        if let Some(file) = &self.report {
            files::write(file, &proof::page(answer, nearest, seconds, &json))?;
        }
        if self.json {
            terminal::print(&crate::report::json::text(&json))?;
        } else {
            terminal::print(&proof::text(answer, nearest, seconds, &terminal.options()))?;
        }
        if self.certificate.is_some() && !matches!(answer.finding, Finding::Impossible(_)) {
            terminal::note("there is no proof, so no certificate was written.");
        }
        let (verdict, exit) = match answer.finding {
            Finding::Impossible(_) => (Verdict::Impossible, Exit::Bad),
            Finding::Possible(_) => (Verdict::Possible, Exit::Good),
            Finding::Unknown { .. } => (Verdict::Unknown, Exit::Unknown),
        };
        Ok(self.exit(verdict, exit))
    }

    fn exit(&self, verdict: Verdict, exit: Exit) -> Exit {
        match self.expect {
            Some(expected) if expected == verdict => Exit::Good,
            Some(_) => Exit::Bad,
            None => exit,
        }
    }

    /// Decides how many rounds it takes.
    fn in_rounds(&self, ask: &Ask, terminal: &TerminalArguments) -> Result<Exit> {
        const MOST: u32 = 8;
        ensure!(
            ask.servers.is_some(),
            "rounds are counted for a given number of servers, not for --servers any"
        );
        ensure!(
            ask.timing == Timing::LockStep,
            "rounds can be counted in lock-step only, not under {}",
            ask.timing
        );
        ensure!(
            ask.task == Task::WriteOnceRegister,
            "rounds are counted for the task write-once-register, not for {}",
            ask.task
        );
        let claim = ask.claim()?;
        let processes = claim.system.size();
        ensure!(
            processes <= System::MAX_PROCESSES,
            "{processes} processes: rounds can be counted for at most {}",
            System::MAX_PROCESSES
        );
        let question = BoundedQuestion::new(claim.system, claim.fault_model.clone())?;
        let mut watch = self.limits.watch(stop_on_signal()?);
        // Worlds of one epoch, in which all ask at its start, rule out every number of rounds.
        let never = prove(&claim, Scope { groups: self.groups, epochs: 1 }, &mut watch)?;
        if self.least_rounds && never.certificate.is_some() {
            watch.finish();
            let seconds = watch.seconds();
            let note = "the proof is for every number of rounds, so there is no least one.";
            terminal::note(note);
            let Proof { certificate, searched } = never;
            let finding = Finding::Impossible(Box::new(certificate.expect("just looked at")));
            return self.tell(&Answer { claim, searched, finding }, &[], seconds, terminal);
        }
        let mut reports = if self.least_rounds {
            least_rounds(&question, self.rounds.unwrap_or(MOST), &mut watch)?
        } else {
            vec![decide_rounds(&question, self.rounds.unwrap_or(MOST), &mut watch)?]
        };
        watch.finish();
        if let (Some(certificate), "unknown") = (never.certificate, rounds::verdict(&reports)) {
            reports.clear();
            let seconds = watch.seconds();
            terminal::note("the proof is for every number of rounds.");
            let finding = Finding::Impossible(Box::new(certificate));
            return self.tell(&Answer { claim, searched: never.searched, finding }, &[], seconds, terminal);
        }
        let seconds = watch.seconds();
        let json = rounds::json(&claim, &reports, seconds);
        if let Some(file) = &self.certificate {
            match rounds::certificate(&reports) {
                Some(certificate) => files::write(file, &certificate.text())?,
                None => terminal::note("there is no proof, so no certificate was written."),
            }
        }
        if let Some(file) = &self.report {
            files::write(file, &rounds::page(&claim, &reports, seconds, &json))?;
        }
        if self.json {
            terminal::print(&crate::report::json::text(&json))?;
        } else {
            terminal::print(&rounds::text(&claim, &reports, seconds, &terminal.options()))?;
        }
        let (verdict, exit) = match rounds::verdict(&reports) {
            "impossible" => (Verdict::Impossible, Exit::Bad),
            "unknown" => (Verdict::Unknown, Exit::Unknown),
            _ => (Verdict::SingleShotPossible, Exit::Good),
        };
        Ok(self.exit(verdict, exit))
    }
}
