mod history;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use threeworlds_certificate::Certificate;
use threeworlds_history::format::Format;
use threeworlds_model::{Execution, Rejection, ReplayError, StepError, Steps, claim, verify};

use crate::commands::show::{Evidence, Input, file_name, parse_input};
use crate::commands::verify::history::HistoryArguments;
use crate::exit::Exit;
use crate::files;
use crate::limits::stop_on_signal;
use crate::protocol::{ProtocolArguments, WithProtocol};
use crate::report::{self, json::FORMAT};
use crate::terminal::{BAD, GOOD, TerminalArguments, judged, print};

/// Confirm or reject a proof, an execution, or a history of clients
///
/// A certificate, or a result of `solve --json`: is every world admissible, and does every step follow from
/// the worlds? Nothing of the search that found it is used.
///
/// An execution, which is replayed from the protocol alone: checks that the adversary did only what the question in the file allows, that the protocol sends and
/// answers what is recorded, and that the claimed property is violated. Takes an execution file, or a
/// result of `check --json`, of which every execution is replayed. Without a protocol the built-in one that
/// the file names is meant; a command in a file is not run, so a step program has to be given.
///
/// A history: is it linearizable, that is, did the clients see what one object would have shown that does one
/// operation at a time? Takes threeworlds/history/1, Jepsen's history.edn, and Jepsen's log; --model names
/// the object. A history that is rejected comes with a set of operations that contradict each other.
///
/// Exit status: 0 valid, 1 rejected, 2 the input or the call is wrong, 3 unknown: a limit was reached, or it
/// was interrupted.
#[derive(Args)]
#[command(override_usage = "threeworlds verify [OPTIONS] FILE [PROTOCOL]\n       \
                            threeworlds verify [OPTIONS] FILE -- COMMAND...")]
pub(crate) struct VerifyArguments {
    /// A certificate, an execution file, a result with --json, or a history; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    protocol: ProtocolArguments,
    #[command(flatten)]
    history: HistoryArguments,
    /// Print the result as one JSON document
    #[arg(long, help_heading = "Output")]
    json: bool,
}

struct Verify<'a>(&'a Execution);

impl WithProtocol for Verify<'_> {
    type Output = Result<(), Rejection>;

    fn with<S: Steps>(self, steps: S) -> Result<Self::Output> {
        match verify(self.0, steps) {
            // That the protocol failed says nothing about the execution.
            Err(Rejection::Replay(ReplayError::Step(
                error @ (StepError::Source(_) | StepError::Interrupted),
            ))) => Err(error.into()),
            outcome => Ok(outcome),
        }
    }
}

impl VerifyArguments {
    fn certificate(
        &self,
        certificate: &Certificate,
        started: Instant,
        terminal: &TerminalArguments,
    ) -> Result<Exit> {
        let width = terminal.options().width;
        let outcome = threeworlds_certificate::verify(certificate);
        let (verdict, style) = if outcome.is_ok() { ("valid", GOOD) } else { ("rejected", BAD) };
        let says = match &outcome {
            Ok(()) => report::proof::theorem_of(certificate),
            Err(rejected) => rejected.to_string(),
        };
        let text = if self.json {
            report::json::text(&json!({
                "format": FORMAT,
                "command": "verify",
                "question": report::proof::question_json(&certificate.claim),
                "verdict": verdict,
                "safe": null,
                "live": null,
                "property": null,
                "horn": null,
                "explored": null,
                "worst_case_rounds": null,
                "worlds": null,
                "certificate": certificate.json(),
                "reason": outcome.as_ref().err().map(|rejected| &rejected.reason),
                "place": outcome.as_ref().err().map(|rejected| &rejected.place),
                "protocol": null,
                "seconds": (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            }))
        } else {
            judged(style, verdict, &says, width)
        };
        print(&text)?;
        Ok(if outcome.is_ok() { Exit::Good } else { Exit::Bad })
    }

    pub(crate) fn run(self, terminal: &TerminalArguments) -> Result<Exit> {
        let started = Instant::now();
        let text = files::read(&self.file)?;
        let name = file_name(&self.file);
        if let Some(format) = Format::of(&text) {
            self.protocol.must_be_absent("a history is judged without a protocol")?;
            return self.history.run(&self.file, &text, format, self.json, terminal);
        }
        self.history.must_be_absent(&name, &text)?;
        let Evidence { executions, indistinguishable } = match parse_input(&name, &text)? {
            Input::Evidence(evidence) => evidence,
            Input::Certificate(certificate) => {
                self.protocol.must_be_absent("a certificate is about all protocols")?;
                return self.certificate(&certificate, started, terminal);
            }
        };
        let protocol = self.protocol.choose(Some(&executions[0].protocol))?;
        let width = terminal.options().width;
        let stop = stop_on_signal()?;
        let mut text = String::new();
        let mut results = Vec::new();
        let mut all_valid = true;
        for execution in &executions {
            let outcome = protocol.run(&execution.question, stop.clone(), Verify(execution))?;
            all_valid &= outcome.is_ok();
            let name = &execution.name;
            let reason = outcome.as_ref().err().map(ToString::to_string);
            text += &match &reason {
                None => {
                    // In our own words: those in the file were not checked.
                    let claim = execution.claim.as_ref().map(|theirs| claim(execution, theirs.property));
                    let shows = claim
                        .map(|claim| format!(", and violates {}: {}", claim.property, claim.explanation));
                    let says = format!("{name}: the protocol does this{}", shows.unwrap_or_default());
                    judged(GOOD, "valid", &says, width)
                }
                Some(reason) => judged(BAD, "rejected", &format!("{name}: {reason}"), width),
            };
            results.push(json!({
                "name": name,
                "verdict": if reason.is_none() { "valid" } else { "rejected" },
                "property": execution.claim.as_ref().map(|claim| claim.property),
                "reason": reason,
            }));
        }
        for (process, worlds) in &indistinguishable {
            let view = |name: &String| {
                let found = executions.iter().find(|execution| execution.name == *name);
                found.map(|execution| execution.view(*process))
            };
            let same = matches!((view(&worlds[0]), view(&worlds[1])), (Some(one), Some(two)) if one.differs_from(&two).is_none());
            if !same {
                all_valid = false;
                let says = format!(
                    "{process} does not see the same in {} and {}, as the result says",
                    worlds[0], worlds[1]
                );
                text += &judged(BAD, "rejected", &says, width);
                results.push(json!({
                    "name": worlds.join(" and "), "verdict": "rejected", "property": null, "reason": says,
                }));
            }
        }
        if self.json {
            let document = json!({
                "format": FORMAT,
                "command": "verify",
                "question": executions[0].question,
                "verdict": if all_valid { "valid" } else { "rejected" },
                "safe": null,
                "live": null,
                "property": executions[0].claim.as_ref().filter(|_| executions.len() == 1).map(|claim| claim.property),
                "horn": null,
                "explored": null,
                "worst_case_rounds": null,
                "worlds": null,
                "certificate": null,
                "executions": results,
                "protocol": protocol.label(),
                "seconds": (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            });
            text = report::json::text(&document);
        }
        print(&text)?;
        Ok(if all_valid { Exit::Good } else { Exit::Bad })
    }
}
