//! What a run shows, from its plan and its journal alone.
//!
//! A run can show that a program is not safe or not live; that it was both in this run says little. A request
//! without an answer may have been applied, or may be at any later time: it is never taken for one that
//! failed. A refusal (a definite error) is no answer and says nothing about the object, as in Jepsen. A read
//! that is told that there is no such key was answered, with nothing.

mod history;
mod network;
mod register;
mod told;

use threeworlds_model::{FaultModel, Process, Property};

pub use history::history;
pub use told::{Told, told};

use crate::journal::Journal;
use crate::plan::{Plan, Workload};

/// What a run shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What each client asked and was told, in the order of asking.
    pub told: Vec<Told>,
    /// Linearizability, and for a write-once register Agreement, Validity and Correctness.
    pub safe: Finding,
    /// Whether every client that has to be answered was.
    pub live: Finding,
    /// What is remarkable and decides nothing, such as lines that are no messages.
    pub notes: Vec<String>,
}

/// How one of the two came out in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// Nothing wrong was seen.
    Kept,
    /// This was seen.
    Violated(Violation),
    /// The run does not say, and why.
    Unknown(String),
}

impl Finding {
    /// What was seen to be wrong.
    pub fn violation(&self) -> Option<&Violation> {
        match self {
            Finding::Violated(violation) => Some(violation),
            Finding::Kept | Finding::Unknown(_) => None,
        }
    }
}

/// Something that no safe, or no live, program does.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Which property.
    pub property: Property,
    /// How, in a sentence without a full stop.
    pub explanation: String,
    /// The requests that show it, by their positions in [`Judged::told`].
    pub requests: Vec<usize>,
}

impl Judged {
    /// The violation that counts, that of safety first.
    pub fn violation(&self) -> Option<&Violation> {
        self.safe.violation().or(self.live.violation())
    }

    /// The run was not as planned: only a violation of safety is left of what it shows.
    pub(crate) fn doubt(&mut self, why: &str) {
        let unknown = || Finding::Unknown(why.to_owned());
        if self.safe == Finding::Kept {
            self.safe = unknown();
        }
        if !matches!(self.live, Finding::Unknown(_)) {
            self.live = unknown();
        }
    }

    /// Why the run says nothing, if it does not.
    pub fn unknown(&self) -> Option<&str> {
        [&self.safe, &self.live].into_iter().find_map(|finding| match finding {
            Finding::Unknown(why) => Some(why.as_str()),
            _ => None,
        })
    }
}

/// Judges a run of a plan under these fault rules.
///
/// A violation of safety is one whatever the network did. Liveness is violated only if everything in the run
/// happened as planned: each cut was seen to work, each heal too, no server ended by itself.
pub fn judge(plan: &Plan, rules: &FaultModel, journal: &Journal) -> Judged {
    let (told, safe) = only_safety(plan.workload, journal);
    let explanation = plan.explanation(rules);
    let mut judged = Judged {
        safe,
        live: liveness(&told, &explanation.must_answer, network::first_fault(journal)),
        notes: network::notes(journal),
        told,
    };
    if let Some(why) = network::doubt(plan, journal, &judged.told) {
        judged.doubt(&why);
    }
    judged
}

/// What the requests of a journal show of safety, whatever the network did.
pub(crate) fn only_safety(workload: Workload, journal: &Journal) -> (Vec<Told>, Finding) {
    let told = told(journal);
    let register = match workload {
        Workload::LinKv => None,
        Workload::WriteOnceKv | Workload::WriteOnce => register::violation(workload, &told),
    };
    let finding = match register {
        Some(violation) => Finding::Violated(violation),
        None => history::linearizable(workload, journal, &told),
    };
    (told, finding)
}

/// Who has to be answered and was not: whoever some faulty set spares that explains the plan, and everybody
/// before anything was lost.
fn liveness(told: &[Told], must_answer: &[Process], first_fault: u64) -> Finding {
    let waits = |one: &&(usize, &Told)| {
        let (_, told) = one;
        told.answer.is_none() && (must_answer.contains(&told.client) || told.until < first_fault)
    };
    let all: Vec<(usize, &Told)> = told.iter().enumerate().collect();
    let Some(&(position, one)) = all.iter().find(waits) else { return Finding::Kept };
    if let Some(server) = one.not_supported() {
        return Finding::Unknown(format!(
            "{server} does not know `{}` (error 10), so the workload does not fit the program",
            one.request.name()
        ));
    }
    Finding::Violated(Violation {
        property: Property::Termination,
        explanation: format!(
            "{}, which need not be faulty, asks {} and is not answered within {}{}",
            one.client,
            one.words(),
            one.seconds(),
            one.last_words()
        ),
        requests: vec![position],
    })
}
