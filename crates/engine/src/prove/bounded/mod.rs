//! Can clients be answered within so many rounds? Decides it, for **all** deterministic protocols, in
//! lock-step, for a write-once register to which any clients write once, all at the same time.
//!
//! It explores the full-information protocol, in which everybody sends everything it knows to everybody:
//! whatever another protocol does, its processes know no more. A client's view is *obliged* if the client
//! is non-faulty in some execution in which it has that view: it has to be answered then. Obliged views of
//! one execution have to be answered alike (Agreement, which is uniform), and with a value that was asked
//! for in each of the executions (Validity). If that leaves no value somewhere, no protocol exists, and a
//! chain of executions proves it. Otherwise a table from views to values is a protocol. Both answers are
//! exact; what a limit cuts short is unknown.
//!
//! Executions are not enumerated. Whether a view is obliged is seen from the view alone ([`scenarios`]). A
//! view that occurs together with no obliged view of another client is answered with its own client's
//! value, so it can do no harm: such views are counted ([`count`]) and not made, though most are like that.
//! What is explored is what *two clients* can see together, both obliged ([`walk`]); processes that neither
//! hears of are left out, and what differs by renaming processes is one ([`symmetry`], [`classes`]).
//!
//! It speaks of requests that come together and of nothing after them. Impossible then is impossible
//! altogether; possible is not: what fails only when requests come one after the other is not seen here.
//!
//! To be answered *within* R rounds and *after* R rounds is the same question: a client can wait.

mod certify;
mod chain;
mod classes;
mod count;
mod decide;
mod network;
mod scenarios;
mod symmetry;
mod synthesised;
mod views;
mod walk;
mod world;

use threeworlds_certificate::{Certificate, Rejected};
use threeworlds_model::{FaultModel, System};

use crate::explore::{Observer, StopReason};
use decide::Decision;
pub use synthesised::{Known, Synthesised};

/// The question: a system, and what the adversary may do to it, in lock-step. Of the messages that a
/// process sends in the round in which it crashes any subset arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundedQuestion {
    system: System,
    fault_model: FaultModel,
}

impl BoundedQuestion {
    /// A question about this system; its `faults` follows from the fault model.
    pub fn new(system: System, fault_model: FaultModel) -> Result<Self, BoundedError> {
        let faults = fault_model.max_faulty_servers(&system);
        if faults == 0 {
            return Err(BoundedError::NoServerFails);
        }
        let faults = u16::try_from(faults).expect("a system has at most 64 processes");
        Ok(BoundedQuestion { system: System { faults, ..system }, fault_model })
    }

    /// Processes and links.
    pub fn system(&self) -> &System {
        &self.system
    }

    /// What the adversary may do.
    pub fn fault_model(&self) -> &FaultModel {
        &self.fault_model
    }
}

/// Why a question has no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum BoundedError {
    /// Then one server can serve everybody.
    #[error(
        "the fault rules let no server fail: one server then answers everybody after 2 rounds of messages"
    )]
    NoServerFails,
    /// Nobody can be answered in no time.
    #[error("nobody can be answered after 0 rounds of messages: ask for at least 1")]
    NoRounds,
    /// A certificate that is no proof.
    #[error(
        "internal error: the proof that was found is rejected: {0}. \
         This is a defect of threeworlds: please report it"
    )]
    Rejected(Box<Rejected>),
}

/// What was found about one number of rounds.
#[derive(Debug, Clone)]
pub struct BoundedReport {
    /// How many rounds of messages.
    pub rounds: u32,
    /// The answer.
    pub outcome: BoundedOutcome,
    /// What was explored for it.
    pub explored: BoundedCoverage,
}

/// Whether clients can be answered after so many rounds.
#[derive(Debug, Clone)]
pub enum BoundedOutcome {
    /// No protocol can do it.
    Impossible {
        /// The proof, which [`threeworlds_certificate::verify`] has confirmed.
        certificate: Box<Certificate>,
        /// Whether no chain of fewer worlds proves it. It is not known where a limit was reached, and where
        /// it takes more than two worlds to rule out every value.
        is_shortest: bool,
    },
    /// This protocol does it.
    Possible(Box<Synthesised>),
    /// Not decided within the limits.
    Unknown(StopReason),
}

/// How much was explored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BoundedCoverage {
    /// States met: what two clients can see together, after each round but the last. Of those that differ by
    /// renaming processes, and of the ways in which somebody sees what neither of the two hears of, one is
    /// met. They are far fewer than there are global states.
    pub states: usize,
    /// Distinct views in these states, all processes together.
    pub views: usize,
    /// Views of clients in which they have to be answered. Where a limit was reached: those of them that
    /// were seen to occur together with one of another client.
    pub obliged_views: usize,
    /// Classes of these that have to be answered alike.
    pub classes: usize,
}

/// Decides whether every non-faulty client that writes can be answered after this many rounds of messages,
/// whatever the protocol. A request that is issued in round r of an execution is then answered in round
/// r + `rounds`.
///
/// Cost: exponential in the number of processes, and in the number of rounds with a base that is itself
/// exponential in the number of processes. Memory grows with the number of views that have to be answered
/// like one of another client, those that differ by renaming taken as one. The observer is asked often and
/// can end it.
///
/// ```
/// # use threeworlds_engine::{decide_rounds, BoundedOutcome, BoundedQuestion, Quiet};
/// # use threeworlds_model::{FaultClass, FaultModel, System};
/// let system = System { servers: 2, clients: 2, faults: 1, client_links: false };
/// let faults = FaultModel::usual(&system, 1, FaultClass::Omission, FaultClass::Omission);
/// let question = BoundedQuestion::new(system, faults)?;
/// let report = decide_rounds(&question, 2, &mut Quiet)?;
/// assert!(matches!(report.outcome, BoundedOutcome::Impossible { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decide_rounds(
    question: &BoundedQuestion,
    rounds: u32,
    observer: &mut dyn Observer,
) -> Result<BoundedReport, BoundedError> {
    if rounds == 0 {
        return Err(BoundedError::NoRounds);
    }
    let Ok(mut decision) = Decision::new(question, rounds) else {
        let outcome = BoundedOutcome::Unknown(StopReason::FaultySets);
        return Ok(BoundedReport { rounds, outcome, explored: BoundedCoverage::default() });
    };
    let cut = decision.run(observer).err();
    let explored = decision.explored;
    let outcome = if decision.classes.is_contradictory() {
        let (certificate, is_shortest) =
            certify::certificate(question, &mut decision, cut.is_none(), observer);
        threeworlds_certificate::verify(&certificate)
            .map_err(|rejected| BoundedError::Rejected(Box::new(rejected)))?;
        BoundedOutcome::Impossible { certificate: Box::new(certificate), is_shortest }
    } else {
        match cut {
            Some(reason) => BoundedOutcome::Unknown(reason),
            None => BoundedOutcome::Possible(Box::new(Synthesised::new(decision))),
        }
    };
    Ok(BoundedReport { rounds, outcome, explored })
}

/// Asks for 1, 2, ... rounds until the answer is not that it is impossible, at most up to this many: what
/// was found for each. Where the last is possible, the proof for the one before it shows that it takes no
/// fewer rounds.
///
/// Cost: that of [`decide_rounds`] for the last.
pub fn least_rounds(
    question: &BoundedQuestion,
    at_most: u32,
    observer: &mut dyn Observer,
) -> Result<Vec<BoundedReport>, BoundedError> {
    let mut reports = Vec::new();
    for rounds in 1..=at_most {
        let report = decide_rounds(question, rounds, observer)?;
        let goes_on = matches!(report.outcome, BoundedOutcome::Impossible { .. });
        reports.push(report);
        if !goes_on {
            break;
        }
    }
    Ok(reports)
}
