//! What an atlas is made of: proofs by the engine's search, protocols by what they promise and by checking
//! them; each kept on disk, and looked at anew when it is read.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use threeworlds_certificate::{Certificate, Timing, verify};
use threeworlds_engine::{
    AtlasError, Cell, Judgement, Method, Proof, Range, Report, Scope, Searched, Sources, Stop, prove,
};
use threeworlds_model::{Question, System};
use threeworlds_protocols::{BuiltIn, all};

use crate::cache::Cache;
use crate::limits::Watch;
use crate::question::FaultArguments;
use crate::report::proof::question_json;
use crate::solve::{Ask, check_within};

/// The map, with what is known of each protocol that was checked.
pub(crate) type Atlas = threeworlds_engine::Atlas<BuiltIn, Checked>;
/// What is known of a question.
pub(crate) type Entry = threeworlds_engine::Entry<BuiltIn, Checked>;

/// A check that went to its end and held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) states: usize,
    pub(crate) transitions: u64,
    pub(crate) rounds: u32,
    /// For each kind of request.
    pub(crate) worst_case_rounds: BTreeMap<String, u32>,
}

/// Makes the map.
pub(crate) fn make(range: Range, method: Method, archive: &Archive<'_>) -> Result<Atlas> {
    let made = threeworlds_engine::atlas(range, method, archive);
    archive.finish();
    made.map_err(|error| match error {
        AtlasError::Source(error) => error,
        contradiction => anyhow!("{contradiction}"),
    })
}

/// Proofs and checks, from the disk or made now.
pub(crate) struct Archive<'a> {
    range: Range,
    cache: &'a Cache,
    watch: &'a Watch,
    /// For each check.
    protocol_time: Duration,
    bar: Option<ProgressBar>,
}

impl<'a> Archive<'a> {
    pub(crate) fn new(range: Range, cache: &'a Cache, watch: &'a Watch, protocol_time: Duration) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{spinner} {pos} of {len} questions [{bar:24}] {wide_msg}");
            let bar = ProgressBar::new(range.cells().len() as u64);
            bar.enable_steady_tick(Duration::from_millis(100));
            bar.with_style(style.expect("the template is right").progress_chars("=> "))
        });
        Archive { range, cache, watch, protocol_time, bar }
    }

    /// Takes the progress off the terminal.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn says(&self, what: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_message(what());
        }
    }

    pub(crate) fn ask(&self, cell: &Cell) -> Ask {
        Ask {
            servers: Some(cell.servers.into()),
            faults: FaultArguments {
                faults: Some(cell.faults.into()),
                clients: self.range.clients.into(),
                server_faults: Some(cell.server_faults),
                client_faults: Some(cell.client_faults),
                fault: Vec::new(),
            },
            client_links: false,
            timing: cell.timing,
            task: self.range.task,
        }
    }

    /// Checks a protocol, or finds that done.
    pub(crate) fn checked(&self, protocol: BuiltIn, question: &Question) -> Result<Option<Checked>> {
        let key = json!({"check": protocol.name(), "question": question});
        if let Some(checked) = self.cache.get(&key, Checked::read) {
            return Ok(Some(checked));
        }
        let report = check_within(question, protocol, self.watch.part(Some(self.protocol_time)))?;
        ensure!(
            report.verdict() != Judgement::Fails,
            "internal error: {protocol} is said to cover a question and falls under `check`: {}; please report this",
            json!(question)
        );
        let checked = (report.verdict() == Judgement::Holds).then(|| Checked::new(&report));
        if let Some(checked) = &checked {
            self.cache.put(&key, &checked.json());
        }
        Ok(checked)
    }
}

impl Sources for Archive<'_> {
    type Protocol = BuiltIn;
    type Checked = Checked;
    type Error = anyhow::Error;

    fn promising(&self, cell: &Cell) -> Vec<BuiltIn> {
        let ask = self.ask(cell);
        let covers = |protocol: &BuiltIn, timing| {
            let question = Ask { timing, ..ask.clone() }.question();
            question.is_some_and(|question| match cell.timing {
                Timing::Asynchrony => protocol.covers_under_asynchrony(&question),
                _ => protocol.covers(&question),
            })
        };
        let timing = match cell.timing {
            // As near as a question about rounds comes to it.
            Timing::Asynchrony => Timing::PartialSynchrony,
            timing => timing,
        };
        let protocols = all().iter().map(|description| description.built_in);
        protocols.filter(|protocol| covers(protocol, timing)).collect()
    }

    fn check(&self, protocol: &BuiltIn, cell: &Cell) -> Result<Option<Checked>> {
        let Some(question) = self.ask(cell).question() else { return Ok(None) };
        // Under asynchrony there are no rounds, so there is nothing to explore.
        if cell.timing == Timing::Asynchrony || question.system.size() > System::MAX_PROCESSES {
            return Ok(None);
        }
        self.says(|| format!("{protocol}: {cell}"));
        self.checked(*protocol, &question)
    }

    fn prove(&self, cell: &Cell, scope: Scope) -> Result<Proof> {
        let claim = self.range.claim(cell);
        let key = json!({"prove": question_json(&claim), "groups": scope.groups, "epochs": scope.epochs});
        let is_of_this_claim = |proof: &Proof| {
            proof.certificate.as_ref().is_none_or(|certificate| {
                question_json(&certificate.claim) == question_json(&claim) && verify(certificate).is_ok()
            })
        };
        if let Some(proof) = self.cache.get(&key, |result| read_proof(result).filter(is_of_this_claim)) {
            return Ok(proof);
        }
        self.says(|| format!("a proof: {cell}"));
        let proof = prove(&claim, scope, &mut self.watch.part(None))?;
        if proof.searched.stopped.is_none() {
            self.cache.put(&key, &proof_json(&proof));
        }
        Ok(proof)
    }

    fn stopped(&self) -> bool {
        self.watch.is_over()
    }

    fn progress(&self, decided: usize, _: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(decided as u64);
        }
    }
}

impl Checked {
    fn new(report: &Report) -> Checked {
        assert_eq!(report.coverage.stop, Stop::Closed, "what holds was explored to its end");
        let worst = report.worst_case_rounds.iter();
        Checked {
            states: report.coverage.states,
            transitions: report.coverage.transitions,
            rounds: report.coverage.rounds,
            worst_case_rounds: worst.map(|(kind, rounds)| ((*kind).to_owned(), *rounds)).collect(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "states": self.states,
            "transitions": self.transitions,
            "rounds": self.rounds,
            "worst_case_rounds": self.worst_case_rounds,
        })
    }

    fn read(value: &Value) -> Option<Checked> {
        let rounds = |value: &Value| u32::try_from(value.as_u64()?).ok();
        let worst = value["worst_case_rounds"].as_object()?.iter();
        Some(Checked {
            states: usize::try_from(value["states"].as_u64()?).ok()?,
            transitions: value["transitions"].as_u64()?,
            rounds: rounds(&value["rounds"])?,
            worst_case_rounds: worst
                .map(|(kind, value)| Some((kind.clone(), rounds(value)?)))
                .collect::<Option<_>>()?,
        })
    }
}

fn proof_json(proof: &Proof) -> Value {
    let Searched { groups, epochs, worlds, .. } = proof.searched;
    // Its bits: as a decimal number it may come back as a neighbour.
    let worlds = worlds.to_bits();
    json!({
        "certificate": proof.certificate.as_ref().map(Certificate::json),
        "groups": groups, "epochs": epochs, "worlds": worlds,
    })
}

fn read_proof(value: &Value) -> Option<Proof> {
    let count = |key: &str| usize::try_from(value[key].as_u64()?).ok();
    let certificate = match &value["certificate"] {
        Value::Null => None,
        certificate => Some(Certificate::parse(&certificate.to_string()).ok()?),
    };
    let searched = Searched {
        groups: count("groups")?,
        epochs: count("epochs")?,
        worlds: f64::from_bits(value["worlds"].as_u64()?),
        stopped: None,
    };
    Some(Proof { certificate, searched })
}
