//! Does a protocol survive every adversary of a question?
//!
//! `safe` and `live` are judged separately, each [`Judgement::Holds`], [`Judgement::Fails`] or
//! [`Judgement::Unknown`]. It holds only if every reachable state was explored (`closed`), and then for
//! executions of any length; what a limit cut short is unknown, unless a violation was found. It fails only
//! with an execution that [`threeworlds_model::verify`] has confirmed from the protocol alone. All this
//! rests on the protocol being deterministic, which is not proved.

mod static_cuts;
mod termination;
mod three_worlds;
mod waiting;
mod walks;
mod witness;

use std::collections::BTreeMap;

use threeworlds_model::{
    Adversary, AnyProtocol, Execution, Process, Property, Protocol, Question, Rejection, ReplayError,
    StepError, Steps, Timing, TooManyAssignments, verify,
};

use crate::explore::{
    ExploreError, Explored, Graph, Observer, Progress, Quiet, Resources, Rows, Stop, StopReason, Symmetric,
};
use termination::{Lasso, NotJudged};
pub use three_worlds::{Fall, ThreeWorlds};
use walks::Walks;

/// What a check found.
#[derive(Debug, Clone)]
pub struct Report {
    /// The protocol's name.
    pub protocol: String,
    /// What was asked.
    pub question: Question,
    /// Agreement, Validity and Correctness, or linearizability.
    pub safe: Judgement,
    /// Termination.
    pub live: Judgement,
    /// The violated property: of the three worlds when they ran, else of the shortest violation.
    pub property: Option<Property>,
    /// What was explored.
    pub coverage: Coverage,
    /// For each kind of request the most rounds from the request (or GST, if that is later) to the answer,
    /// over all executions in which its client is not faulty. Empty unless Termination holds.
    pub worst_case_rounds: BTreeMap<&'static str, u32>,
    /// The three worlds, or why the question does not admit them.
    pub three_worlds: Result<ThreeWorlds, &'static str>,
    /// A shortest execution that is not safe: the fewest rounds, then the fewest removed messages, then
    /// the fewest faulty processes. Where a limit cut the search short in the same round, the least one
    /// that was met, and its name does not say `shortest`.
    pub safety_counterexample: Option<Execution>,
    /// A shortest lasso on which a non-faulty client waits for ever, by the same measures.
    pub liveness_counterexample: Option<Execution>,
}

/// A judgement of one property, or of all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// In every admissible execution.
    Holds,
    /// An execution shows it.
    Fails,
    /// Not decided within the limits.
    Unknown,
}

/// How much was explored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// Distinct global states; with symmetry those that stand for the others.
    pub states: usize,
    /// Distinct local states, all processes together.
    pub local_states: usize,
    /// Distinct successors of states, counted for each choice of who crashes and of the timing.
    pub transitions: u64,
    /// Rounds explored to their end.
    pub rounds: u32,
    /// Whether nothing was left, and if not, why.
    pub stop: Stop,
    /// Under [`threeworlds_model::Adversary::StaticCuts`] the number of runs; `states` are then those that they
    /// pass through, and `rounds` those of the longest run.
    pub runs: Option<u64>,
    /// Whether states that differ in the names of servers alone were explored as one.
    pub symmetry: Symmetric,
    /// The limit that was reached while what was explored was searched for loops and for the worst case.
    pub judging_cut: Option<StopReason>,
}

impl Report {
    /// What is known when nothing was explored, for this reason: nothing.
    pub fn unexplored(question: &Question, protocol: &str, reason: StopReason) -> Report {
        Report {
            protocol: protocol.to_owned(),
            question: question.clone(),
            safe: Judgement::Unknown,
            live: Judgement::Unknown,
            property: None,
            coverage: Coverage {
                states: 0,
                local_states: 0,
                transitions: 0,
                rounds: 0,
                stop: Stop::Cut(reason),
                runs: None,
                symmetry: Symmetric::None,
                judging_cut: None,
            },
            worst_case_rounds: BTreeMap::new(),
            three_worlds: Err("they were cut short"),
            safety_counterexample: None,
            liveness_counterexample: None,
        }
    }

    /// Safe and live together.
    pub fn verdict(&self) -> Judgement {
        match (self.safe, self.live) {
            (Judgement::Fails, _) | (_, Judgement::Fails) => Judgement::Fails,
            (Judgement::Holds, Judgement::Holds) => Judgement::Holds,
            _ => Judgement::Unknown,
        }
    }

    /// The executions that show what was found: the three worlds first, then the shortest violations.
    pub fn evidence(&self) -> Vec<&Execution> {
        let worlds = self.three_worlds.iter().flat_map(|three| &three.worlds);
        worlds.chain(&self.safety_counterexample).chain(&self.liveness_counterexample).collect()
    }
}

impl Judgement {
    /// `holds`, `fails` or `unknown`.
    pub fn name(self) -> &'static str {
        match self {
            Judgement::Holds => "holds",
            Judgement::Fails => "fails",
            Judgement::Unknown => "unknown",
        }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The protocol broke the rules of its interface or failed.
    #[error(transparent)]
    Protocol(#[from] ExploreError),
    /// The protocol failed in a single run.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A question that is not defined.
    #[error("the adversary static-cuts is for lock-step only: before GST any message may be lost anyway")]
    StaticCutsBeforeGst,
    /// A process saw different things in worlds that are the same to it: the protocol is not
    /// deterministic, or this is a defect of the checker.
    #[error(
        "internal error: {process} should see the same in worlds {} and {}, but its views differ in round {round}. \
         Either the protocol is not deterministic, or this is a defect of threeworlds: please report it",
        worlds[0], worlds[1]
    )]
    ViewsDiffer {
        /// Whose views.
        process: Process,
        /// Which worlds.
        worlds: [&'static str; 2],
        /// The first round in which they differ.
        round: usize,
    },
    /// A protocol that survives worlds that no protocol can survive.
    #[error(
        "internal error: the protocol survives worlds A, B and C, which no deterministic protocol can. \
         This is a defect of threeworlds: please report it"
    )]
    NoFall,
    /// A counterexample that does not stand up on its own.
    #[error(
        "internal error: an execution that was found ({name}) is not confirmed by running it again: {rejection}. \
         Either the protocol is not deterministic, or this is a defect of threeworlds: please report it"
    )]
    NotConfirmed {
        /// The execution's name.
        name: String,
        /// Why not.
        rejection: Box<Rejection>,
    },
    /// The three worlds and the exploration contradict each other.
    #[error(
        "internal error: the worlds violate {0}, but exploring everything finds no violation. \
         Either the protocol is not deterministic, or this is a defect of threeworlds: please report it"
    )]
    Contradiction(Property),
}

/// Checks a protocol against every adversary of the question, without limits other than the question's own.
///
/// ```
/// # use threeworlds_engine::{check, Judgement};
/// # use threeworlds_model::{FaultClass, Question};
/// # use threeworlds_protocols::PrimaryBackup;
/// let question = Question::usual(2, 1, 2, FaultClass::Crash, FaultClass::Omission)?;
/// let report = check(&question, &PrimaryBackup::new(&question.system)?)?;
/// assert_eq!(report.verdict(), Judgement::Holds);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Finding the evidence for a violation takes about as long as exploring up to it did, and is not subject
/// to limits.
///
/// Cost: time and memory grow with the number of reachable global states, which is exponential in the
/// number of processes. [`check_with`] takes limits.
pub fn check<P: Protocol>(question: &Question, protocol: &P) -> Result<Report, CheckError> {
    check_any(question, "protocol", &AnyProtocol::new(protocol), &mut Quiet)
}

/// Like [`check_with`], for a protocol whose type is forgotten, and compiled once for all of them: in a
/// program that checks many protocols that is most of what there is to compile.
pub fn check_any(
    question: &Question,
    protocol: &str,
    steps: &AnyProtocol<'_>,
    observer: &mut dyn Observer,
) -> Result<Report, CheckError> {
    check_with(question, protocol, steps, observer)
}

/// Like [`check`], with a name for the protocol in what is reported, and with an observer that is told how
/// it goes and can end it; the report then says what was explored.
pub fn check_with<S: Steps>(
    question: &Question,
    protocol: &str,
    steps: S,
    observer: &mut dyn Observer,
) -> Result<Report, CheckError> {
    check_within(question, protocol, steps, Resources::default(), observer)
}

/// Like [`check_with`], with more than one thread, or with a place for states outside memory.
pub fn check_within<S: Steps>(
    question: &Question,
    protocol: &str,
    mut steps: S,
    resources: Resources<'_>,
    observer: &mut dyn Observer,
) -> Result<Report, CheckError> {
    if question.adversary == Adversary::StaticCuts {
        if question.timing != Timing::LockStep {
            return Err(CheckError::StaticCutsBeforeGst);
        }
        return static_cuts::check(question, protocol, &mut steps, observer);
    }
    let nothing = Progress { round: 0, states: 0, frontier: 0, expanded: 0, bytes: 0 };
    let mut cut = None;
    let mut interrupted = || {
        cut = cut.or_else(|| observer.observe(&nothing));
        cut.is_some()
    };
    let three_worlds = three_worlds::run(question, protocol, &mut steps, &mut interrupted)
        .and_then(|three| confirm_worlds(three, &mut steps, &mut interrupted));
    let three_worlds = match three_worlds {
        Err(CheckError::Replay(ReplayError::Step(StepError::Interrupted))) => {
            cut = cut.or(Some(StopReason::Interrupted));
            Err("they were cut short")
        }
        other => other?,
    };
    let mut report = Report::unexplored(question, protocol, StopReason::FaultySets);
    report.three_worlds = three_worlds;
    if let Some(reason) = cut {
        report.coverage.stop = Stop::Cut(reason);
        return Ok(report);
    }
    if let Ok(assignments) = assignments(question) {
        match Explored::new(question, assignments, true, &mut steps, resources, observer) {
            Ok(mut explored) => {
                report.coverage = coverage(&explored);
                match judge(&mut report, &mut explored, observer) {
                    // A step program that was asked to stop: what was judged until then stands.
                    Err(CheckError::Replay(ReplayError::Step(StepError::Interrupted))) => {
                        report.coverage.judging_cut = Some(StopReason::Interrupted);
                    }
                    outcome => outcome?,
                }
            }
            Err(ExploreError::Step(StepError::Interrupted)) => {
                report.coverage.stop = Stop::Cut(StopReason::Interrupted);
            }
            Err(error) => return Err(error.into()),
        }
    }
    conclude(&mut report)?;
    Ok(report)
}

/// The assignments of faults that have to be explored: the maximal ones for safety, and for the
/// Termination of each client the maximal ones that spare it.
fn assignments(question: &Question) -> Result<Vec<threeworlds_model::Assignment>, TooManyAssignments> {
    let (rules, system) = (&question.fault_model, &question.system);
    let mut all = rules.maximal_assignments(system, None)?;
    for client in system.client_ids() {
        all.extend(rules.maximal_assignments(system, Some(client))?);
        all.sort_unstable();
        all.dedup();
        if all.len() > TooManyAssignments::LIMIT {
            return Err(TooManyAssignments);
        }
    }
    Ok(all)
}

fn coverage<S: Steps>(explored: &Explored<'_, S>) -> Coverage {
    Coverage {
        states: usize::try_from(explored.spaces.states()).unwrap_or(usize::MAX),
        local_states: explored.graph.locals.distinct_states(),
        transitions: explored.spaces.transitions(),
        rounds: explored.rounds,
        stop: explored.stop,
        runs: None,
        symmetry: explored.symmetric,
        judging_cut: None,
    }
}

/// Judges what was explored. A judgement is written down only when its evidence is confirmed.
fn judge<S: Steps>(
    report: &mut Report,
    explored: &mut Explored<'_, &mut S>,
    observer: &mut dyn Observer,
) -> Result<(), CheckError> {
    let closed = explored.stop == Stop::Closed;
    if let Some(rounds) = explored.violated {
        let execution = shortest_violation(&mut explored.graph, report, rounds)?;
        report.safety_counterexample = Some(claimed(execution, &mut explored.graph)?);
        report.safe = Judgement::Fails;
    } else if closed {
        report.safe = Judgement::Holds;
    }
    match termination::judge(explored, observer) {
        Ok(found) => {
            if !found.lassos.is_empty() {
                let execution = best_lasso(explored, report, &found.lassos)?;
                report.liveness_counterexample = Some(claimed(execution, &mut explored.graph)?);
                report.live = Judgement::Fails;
            } else if closed {
                report.live = Judgement::Holds;
            }
            report.worst_case_rounds = found.worst_case_rounds;
        }
        Err(NotJudged::Limit(reason)) => report.coverage.judging_cut = Some(reason),
        Err(NotJudged::Step(error)) => return Err(ReplayError::from(error).into()),
        Err(NotJudged::Storage(error)) => return Err(ExploreError::from(error).into()),
    }
    Ok(())
}

/// The execution of so many rounds (there is none of fewer) that is not safe, with the fewest removed messages
/// and then the fewest faulty processes.
fn shortest_violation<S: Steps>(
    graph: &mut Graph<S>,
    report: &Report,
    rounds: usize,
) -> Result<Execution, ReplayError> {
    let starts = graph.starts();
    let mut rows = Rows::new(graph.width());
    let mut targets = Vec::new();
    let mut walks = Walks::new(graph, &mut rows, &starts, rounds);
    walks.settle(&|_, _| true, u32::MAX, &mut |graph, rows, state, cost| {
        if graph.facts(rows.row(state)).violation.is_none() {
            return u32::MAX;
        }
        targets.push(state);
        cost
    })?;
    if targets.is_empty() {
        return Err(StepError::NotFoundWithoutSymmetry.into());
    }
    let trellis = walks.trellis(&targets)?;
    let (question, protocol) = (&report.question, &report.protocol);
    witness::execution(graph, &rows, question, protocol, "shortest safety violation", &trellis, None)
}

/// Of lassos that are equally short the one with the fewest faulty processes.
fn best_lasso<S: Steps>(
    explored: &mut Explored<'_, S>,
    report: &Report,
    lassos: &[Lasso],
) -> Result<Execution, ReplayError> {
    let mut best: Option<Execution> = None;
    for lasso in lassos {
        debug_assert_eq!(lasso.rounds(), lassos[0].rounds());
        let shortest = explored.stop == Stop::Closed || lasso.rounds() <= explored.rounds as usize;
        let name = if shortest { "shortest liveness violation" } else { "liveness violation" };
        let graph = &mut explored.graph;
        let mut rows = Rows::new(graph.width());
        let trellis = lasso.trellis(graph, &mut rows)?;
        let (question, protocol) = (&report.question, &report.protocol);
        let execution =
            witness::execution(graph, &rows, question, protocol, name, &trellis, Some(lasso.stem))?;
        if best.as_ref().is_none_or(|best| execution.faulty.len() < best.faulty.len()) {
            best = Some(execution);
        }
    }
    Ok(best.expect("there is a lasso"))
}

/// Adds to an execution what it violates, and confirms it from the protocol alone.
fn claimed<S: Steps>(mut execution: Execution, graph: &mut Graph<&mut S>) -> Result<Execution, CheckError> {
    let steps = graph.locals.steps();
    let property = match execution.loop_from_round {
        Some(_) => Property::Termination,
        None => threeworlds_model::violation(&execution).unwrap_or(Property::Agreement),
    };
    execution.claim = Some(threeworlds_model::claim(&execution, property));
    confirm(&execution, steps)?;
    Ok(execution)
}

fn confirm_worlds<S: Steps>(
    three_worlds: Result<ThreeWorlds, &'static str>,
    steps: &mut S,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<Result<ThreeWorlds, &'static str>, CheckError> {
    for world in three_worlds.iter().flat_map(|three| &three.worlds) {
        if interrupted() {
            return Err(ReplayError::Step(StepError::Interrupted).into());
        }
        confirm(world, steps)?;
    }
    Ok(three_worlds)
}

fn confirm<S: Steps>(execution: &Execution, steps: &mut S) -> Result<(), CheckError> {
    match verify(execution, steps) {
        Err(Rejection::Replay(error @ ReplayError::Step(StepError::Interrupted))) => Err(error.into()),
        outcome => outcome.map_err(|rejection| CheckError::NotConfirmed {
            name: execution.name.clone(),
            rejection: Box::new(rejection),
        }),
    }
}

/// Brings together what the three worlds and the exploration found.
fn conclude(report: &mut Report) -> Result<(), CheckError> {
    let of_worlds = match &report.three_worlds {
        Ok(ThreeWorlds { fall: Fall::Horn(property), .. }) => Some(*property),
        _ => None,
    };
    if let Some(property) = of_worlds {
        let judged = if property == Property::Termination { &mut report.live } else { &mut report.safe };
        if *judged == Judgement::Holds {
            return Err(CheckError::Contradiction(property));
        }
        *judged = Judgement::Fails;
    }
    let found = report.safety_counterexample.iter().chain(&report.liveness_counterexample);
    let shortest = found.filter_map(|one| Some((one.rounds.len(), one.claim.as_ref()?.property))).min();
    report.property = of_worlds.or(shortest.map(|(_, property)| property));
    Ok(())
}
