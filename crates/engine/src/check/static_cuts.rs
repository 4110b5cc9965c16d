//! The adversary that chooses once: for every set of links that the rules allow to be cut, and every round
//! from which on they are cut for ever, one run. What is found is about this adversary and about clients that
//! issue each request as soon as they can: `holds` says nothing about an adversary that changes its mind, nor
//! about requests that come later. A run that neither ends nor is seen to repeat within the bound on rounds
//! leaves the judgement `unknown`.
//!
//! A run ends when every request is answered, when it repeats ([`recurs`]: but for higher terms, if the
//! protocol has terms), or when a property is violated. Cutting later than the end of the run without cuts
//! changes nothing, so there are finitely many rounds to try. Of the links those are decided that a message
//! is sent on: the others make no difference.
//!
//! Cost: for each maximal faulty set and each round at most 2 to the number of links at its processes runs.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use threeworlds_model::{
    Assignment, Call, Capability, Charge, ClientEvent, Environment, EventError, Execution, Fault, Local,
    Moves, Process, Property, Question, Replay, ReplayError, Snapshot, StepError, Steps, System, check_step,
    recurs, without_terms,
};

use super::{CheckError, Judgement, Report, assignments, confirm};
use crate::explore::{Observer, Progress, Stop, StopReason};

type Link = (Process, Process);

/// Every run of this adversary.
pub(super) fn check<S: Steps>(
    question: &Question,
    protocol: &str,
    steps: &mut S,
    observer: &mut dyn Observer,
) -> Result<Report, CheckError> {
    let mut report = Report::unexplored(question, protocol, StopReason::FaultySets);
    report.three_worlds = Err("the adversary cuts links once, and clients ask as soon as they can");
    let Ok(assignments) = assignments(question) else { return Ok(report) };
    let most = question.rounds.unwrap_or(ROUNDS_MAX);
    let mut search = Search {
        runner: Runner { system: question.system, environment: question.environment(), steps, most },
        observer,
        runs: 0,
        states: 0,
        longest: 0,
        unclosed: false,
        worst: BTreeMap::new(),
        safety: None,
        liveness: None,
    };
    let searched = search.all(&assignments);
    let Search { runs, states, longest, unclosed, worst, safety, liveness, .. } = search;
    let stop = match searched {
        Ok(()) if unclosed => Stop::Cut(StopReason::Rounds),
        Ok(()) => Stop::Closed,
        Err(Ended::Limit(reason)) => Stop::Cut(reason),
        Err(Ended::Failed(error)) => return Err(error),
    };
    let coverage = &mut report.coverage;
    (coverage.runs, coverage.states, coverage.transitions) = (Some(runs), states as usize, states);
    (coverage.rounds, coverage.stop) = (longest, stop);
    let closed = stop == Stop::Closed;
    let judged = |found: bool| match (found, closed) {
        (true, _) => Judgement::Fails,
        (false, true) => Judgement::Holds,
        (false, false) => Judgement::Unknown,
    };
    report.safe = judged(safety.is_some());
    report.live = judged(liveness.is_some());
    for (found, name) in [(&safety, "safety violation"), (&liveness, "liveness violation")] {
        let Some(found) = found else { continue };
        let execution = execution(question, protocol, name, steps, found)?;
        confirm(&execution, steps)?;
        match found.looped {
            None => report.safety_counterexample = Some(execution),
            Some(_) => report.liveness_counterexample = Some(execution),
        }
    }
    if report.live == Judgement::Holds {
        report.worst_case_rounds = worst;
    }
    let shown = report.safety_counterexample.iter().chain(&report.liveness_counterexample);
    let least = shown.filter_map(|one| Some((one.rounds.len(), one.claim.as_ref()?.property))).min();
    report.property = least.map(|(_, property)| property);
    Ok(report)
}

/// The bound on the rounds of a run where the question has none.
const ROUNDS_MAX: u32 = 10_000;

enum Ended {
    Limit(StopReason),
    Failed(CheckError),
}

impl From<ReplayError> for Ended {
    fn from(error: ReplayError) -> Ended {
        match error {
            ReplayError::Step(StepError::Interrupted) => Ended::Limit(StopReason::Interrupted),
            ReplayError::Event { error: EventError::TooManyLinearizations, .. } => {
                Ended::Limit(StopReason::Linearizations)
            }
            error => Ended::Failed(error.into()),
        }
    }
}

/// The runs, and the best of what they violate.
struct Search<'a, S: Steps> {
    runner: Runner<'a, S>,
    observer: &'a mut dyn Observer,
    runs: u64,
    states: u64,
    longest: u32,
    /// Whether a run came to the bound on rounds.
    unclosed: bool,
    worst: BTreeMap<&'static str, u32>,
    safety: Option<Found>,
    liveness: Option<Found>,
}

/// What the adversary chooses.
#[derive(Debug, Clone)]
struct Cuts {
    /// From this round on, counted from 1.
    from_round: usize,
    links: BTreeSet<Link>,
    crashes: BTreeSet<Process>,
    /// Who is charged: a set of as few as possible.
    faulty: BTreeMap<Process, Capability>,
}

/// A run that violates something.
struct Found {
    cuts: Cuts,
    rounds: usize,
    property: Property,
    /// The first round of the loop.
    looped: Option<usize>,
}

impl Found {
    /// What makes a violation better: fewer faulty processes, fewer links, fewer rounds.
    fn measure(&self) -> (usize, usize, usize) {
        (self.cuts.faulty.len(), self.cuts.links.len() + self.cuts.crashes.len(), self.rounds)
    }
}

impl<S: Steps> Search<'_, S> {
    fn all(&mut self, assignments: &[Assignment]) -> Result<(), Ended> {
        let nobody = Assignment { capabilities: vec![None; self.runner.system.size()] };
        let mut none = Decisions::new(&nobody, BTreeSet::new(), 1);
        let without_cuts = self.runner.run(&mut none)?;
        for assignment in assignments {
            let can_crash = |process: &Process| {
                assignment.capabilities[self.runner.system.index(*process)] == Some(Capability::Crash)
            };
            let crashing: Vec<Process> = self.runner.system.processes().filter(can_crash).collect();
            for bits in 0u64..1 << crashing.len().min(63) {
                let of = |&(index, _): &(usize, &Process)| bits >> index & 1 == 1;
                let crashes: BTreeSet<Process> =
                    crashing.iter().enumerate().filter(of).map(|(_, &process)| process).collect();
                for from_round in 1..=without_cuts.rounds.max(1) {
                    let mut decisions = Decisions::new(assignment, crashes.clone(), from_round);
                    loop {
                        self.one(&mut decisions)?;
                        if !decisions.advance() {
                            break;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn one(&mut self, decisions: &mut Decisions<'_>) -> Result<(), Ended> {
        let progress = Progress {
            round: u32::try_from(decisions.from_round).unwrap_or(u32::MAX),
            states: usize::try_from(self.runs).unwrap_or(usize::MAX),
            frontier: 0,
            expanded: 0,
            bytes: 0,
        };
        if let Some(reason) = self.observer.observe(&progress) {
            return Err(Ended::Limit(reason));
        }
        let run = self.runner.run(decisions)?;
        self.runs += 1;
        self.states += run.rounds as u64;
        self.longest = self.longest.max(u32::try_from(run.rounds).unwrap_or(u32::MAX));
        let system = self.runner.system;
        let spared = |client: &Process| decisions.assignment.capabilities[system.index(*client)].is_none();
        for (client, kind, rounds) in &run.answers {
            if spared(client) {
                let worst = self.worst.entry(kind).or_default();
                *worst = (*worst).max(*rounds);
            }
        }
        let (property, looped) = match run.end {
            End::Answered => return Ok(()),
            End::Bound => {
                self.unclosed = true;
                return Ok(());
            }
            End::Violation(property) => (property, None),
            End::Loop { first } => {
                if !run.waiting.iter().any(spared) {
                    return Ok(());
                }
                (Property::Termination, Some(first))
            }
        };
        let found = Found { cuts: decisions.cuts(&system), rounds: run.rounds, property, looped };
        let best = if looped.is_some() { &mut self.liveness } else { &mut self.safety };
        if best.as_ref().is_none_or(|best| found.measure() < best.measure()) {
            *best = Some(found);
        }
        Ok(())
    }
}

/// Which links are cut, decided in the order in which messages are first sent on them; each combination in
/// turn, like the digits of a binary number of which the last ones change first.
struct Decisions<'a> {
    assignment: &'a Assignment,
    crashes: BTreeSet<Process>,
    from_round: usize,
    decided: Vec<(Link, bool)>,
    known: BTreeMap<Link, bool>,
}

impl<'a> Decisions<'a> {
    fn new(assignment: &'a Assignment, crashes: BTreeSet<Process>, from_round: usize) -> Self {
        Decisions { assignment, crashes, from_round, decided: Vec::new(), known: BTreeMap::new() }
    }

    /// Whether what is sent on the link is lost, from the round of the cuts on. What is decided here for the
    /// first time is decided not to be cut.
    fn is_cut(&mut self, system: &System, link: Link) -> bool {
        let capability = |process| self.assignment.capabilities[system.index(process)];
        let sends = capability(link.0).is_some_and(Capability::omits_sends);
        let receives = capability(link.1).is_some_and(Capability::omits_receives);
        if !sends && !receives {
            return false;
        }
        *self.known.entry(link).or_insert_with(|| {
            self.decided.push((link, false));
            false
        })
    }

    /// The next combination, if there is one.
    fn advance(&mut self) -> bool {
        while let Some((link, cut)) = self.decided.pop() {
            self.known.remove(&link);
            if !cut {
                self.decided.push((link, true));
                self.known.insert(link, true);
                return true;
            }
        }
        false
    }

    /// What was chosen, charged to as few of the processes that may be faulty as possible.
    fn cuts(&self, system: &System) -> Cuts {
        let links: BTreeSet<Link> =
            self.decided.iter().filter(|(_, cut)| *cut).map(|(link, _)| *link).collect();
        let of = |process: Process| self.assignment.capabilities[system.index(process)];
        let can: Vec<(Process, Capability)> =
            system.processes().filter_map(|process| Some((process, of(process)?))).collect();
        let explains = |faulty: &BTreeMap<Process, Capability>| {
            self.crashes.iter().all(|process| faulty.contains_key(process))
                && links.iter().all(|link| charged(faulty, *link).is_some())
        };
        let mut sets: Vec<u32> = (0..1u32 << can.len().min(CHARGED_MAX)).collect();
        sets.sort_by_key(|bits| bits.count_ones());
        let set = |bits: u32| {
            let of = |&(index, _): &(usize, &(Process, Capability))| {
                index >= CHARGED_MAX || bits >> index & 1 == 1
            };
            can.iter().enumerate().filter(of).map(|(_, one)| *one).collect::<BTreeMap<_, _>>()
        };
        let faulty =
            sets.into_iter().map(set).find(explains).unwrap_or_else(|| can.iter().copied().collect());
        Cuts { from_round: self.from_round, links, crashes: self.crashes.clone(), faulty }
    }
}

/// The most processes among which a smallest set to charge is looked for.
const CHARGED_MAX: usize = 12;

/// Who is charged with what is lost on a link.
fn charged(faulty: &BTreeMap<Process, Capability>, (from, to): Link) -> Option<Process> {
    let is =
        |process: &Process, omits: fn(Capability) -> bool| faulty.get(process).copied().is_some_and(omits);
    if is(&from, Capability::omits_sends) {
        return Some(from);
    }
    is(&to, Capability::omits_receives).then_some(to)
}

/// Runs the protocol, without writing down what is said.
struct Runner<'a, S: Steps> {
    system: System,
    environment: Environment,
    steps: &'a mut S,
    /// The bound on rounds.
    most: u32,
}

/// How a run went.
struct Run {
    rounds: usize,
    end: End,
    /// Each answer: to whom, to which kind of request, after how many rounds.
    answers: Vec<(Process, &'static str, u32)>,
    /// The clients that wait for an answer at its end.
    waiting: Vec<Process>,
}

enum End {
    Answered,
    /// The rounds from this one to the last repeat for ever.
    Loop {
        first: usize,
    },
    Violation(Property),
    Bound,
}

impl<S: Steps> Runner<'_, S> {
    fn run(&mut self, decisions: &mut Decisions<'_>) -> Result<Run, ReplayError> {
        let system = self.system;
        let mut locals = Vec::with_capacity(system.size());
        for process in system.processes() {
            let step = self.steps.start(process, &system)?;
            check_step(&system, process, &step, false)?;
            locals.push(Some(Local { state: step.state, send: step.send }));
        }
        let mut history = vec![Snapshot { locals, environment: self.environment.start() }];
        // What a state is without its terms, as a number that equal ones share.
        let mut prints = vec![self.print(&history[0])];
        let mut issued: BTreeMap<Process, u32> = BTreeMap::new();
        let mut answers = Vec::new();
        for number in 1..=self.most {
            let (next, told) =
                self.round(&history[history.len() - 1], number as usize, decisions, &mut issued)?;
            for (client, kind) in told {
                answers.push((client, kind, number - issued[&client]));
            }
            let rounds = number as usize;
            let live = |client: &Process| next.locals[system.index(*client)].is_some();
            let outstanding = |client: &Process| next.environment.is_outstanding(*client);
            let waiting: Vec<Process> = system.client_ids().filter(live).filter(outstanding).collect();
            let violation = next.environment.violation();
            let asks = system.client_ids().filter(live);
            let done = waiting.is_empty()
                && !asks
                    .into_iter()
                    .any(|client| self.environment.next_request(&next.environment, client).is_some());
            prints.push(self.print(&next));
            history.push(next);
            let end = match violation {
                Some(property) => Some(End::Violation(property)),
                None if done => Some(End::Answered),
                None => self.loop_at_end(&history, &prints, decisions.from_round),
            };
            match end {
                Some(End::Loop { first, .. }) => {
                    // Where terms grow the second period was needed too, and is not shown.
                    let last = history[first..].iter().position(|state| *state == history[first - 1]);
                    let rounds = match last {
                        Some(period) => first + period,
                        None => first - 1 + (rounds + 1 - first) / 2,
                    };
                    return Ok(Run { rounds, end: End::Loop { first }, answers, waiting });
                }
                Some(end) => return Ok(Run { rounds, end, answers, waiting }),
                None => {}
            }
        }
        Ok(Run { rounds: self.most as usize, end: End::Bound, answers, waiting: Vec::new() })
    }

    /// Whether the run repeats from some round of the cuts on, now that its last round is over.
    fn loop_at_end(
        &self,
        history: &[Snapshot<S::State, S::Message>],
        prints: &[u64],
        from_round: usize,
    ) -> Option<End> {
        let last = history.len() - 1;
        for earlier in (from_round - 1..last).rev() {
            if prints[earlier] != prints[last] {
                continue;
            }
            if history[earlier] == history[last] {
                return Some(End::Loop { first: earlier + 1 });
            }
            let period = last - earlier;
            let start = earlier.checked_sub(period).filter(|start| *start + 1 >= from_round);
            if let Some(start) = start
                && prints[start] == prints[earlier]
                && recurs(&*self.steps, &history[start..], period)
            {
                return Some(End::Loop { first: start + 1 });
            }
        }
        None
    }

    fn print(&self, snapshot: &Snapshot<S::State, S::Message>) -> u64 {
        let (erased, _) = without_terms(&*self.steps, snapshot);
        let mut hasher = DefaultHasher::new();
        for local in &erased.locals {
            match local {
                Some(local) => (&local.state, &local.send).hash(&mut hasher),
                None => 0u8.hash(&mut hasher),
            }
        }
        erased.environment.hash(&mut hasher);
        hasher.finish()
    }

    /// One round: the state at its end, and who was answered what kind of request.
    #[expect(clippy::type_complexity, reason = "an alias would hide that it is a state and answers")]
    fn round(
        &mut self,
        before: &Snapshot<S::State, S::Message>,
        number: usize,
        decisions: &mut Decisions<'_>,
        issued: &mut BTreeMap<Process, u32>,
    ) -> Result<(Snapshot<S::State, S::Message>, Vec<(Process, &'static str)>), ReplayError> {
        let system = self.system;
        let cutting = number >= decisions.from_round;
        let crash = number == decisions.from_round;
        let stops =
            |process: &Process, decisions: &Decisions<'_>| crash && decisions.crashes.contains(process);
        let mut inboxes: Vec<Vec<(Process, S::Message)>> = vec![Vec::new(); system.size()];
        for from in system.processes() {
            let Some(local) = &before.locals[system.index(from)] else { continue };
            if stops(&from, decisions) {
                continue;
            }
            for (to, message) in &local.send {
                if !(cutting && decisions.is_cut(&system, (from, *to))) {
                    inboxes[system.index(*to)].push((from, message.clone()));
                }
            }
        }
        let mut calls = Vec::new();
        for (process, received) in system.processes().zip(inboxes) {
            let Some(local) = &before.locals[system.index(process)] else { continue };
            if stops(&process, decisions) {
                continue;
            }
            let request = if process.is_client() {
                self.environment.next_request(&before.environment, process).cloned()
            } else {
                None
            };
            if request.is_some() {
                issued.insert(process, number as u32);
            }
            calls.push(Call { process, state: local.state.clone(), request, received });
        }
        let steps = self.steps.steps(&calls)?;
        let mut locals = vec![None; system.size()];
        let mut responses = BTreeMap::new();
        for (call, step) in calls.iter().zip(steps) {
            check_step(&system, call.process, &step, true)?;
            responses.extend(step.response.map(|response| (call.process, response)));
            locals[system.index(call.process)] = Some(Local { state: step.state, send: step.send });
        }
        let asked = |client| calls.iter().any(|call| call.process == client && call.request.is_some());
        let event = |client| ClientEvent { client, issues: asked(client), response: responses.get(&client) };
        let events: Vec<_> = system.client_ids().map(event).collect();
        let failed = |error| ReplayError::Event { round: number, error };
        let environment = self.environment.advance(&before.environment, &events).map_err(failed)?;
        let kind = |client: &Process| {
            let request = calls.iter().find(|call| call.process == *client)?.request.as_ref();
            let request = request.or_else(|| self.environment.outstanding(&before.environment, *client));
            Some((*client, request?.kind()))
        };
        let told = responses.keys().filter_map(kind).collect();
        Ok((Snapshot { locals, environment }, told))
    }
}

/// The run once more, written down.
fn execution<S: Steps>(
    question: &Question,
    protocol: &str,
    name: &str,
    steps: &mut S,
    found: &Found,
) -> Result<Execution, ReplayError> {
    let Found { cuts, rounds, property, looped } = found;
    let mut replay = Replay::new(question, &mut *steps)?;
    for number in 1..=*rounds {
        let mut moves = Moves::default();
        if number == cuts.from_round {
            moves.crashes.clone_from(&cuts.crashes);
        }
        let asks =
            |client: &Process| !moves.crashes.contains(client) && replay.next_request(*client).is_some();
        moves.requests = question.system.client_ids().filter(asks).collect();
        if number >= cuts.from_round {
            for link in replay.sending() {
                if moves.crashes.contains(&link.0) {
                    moves.removed.insert(link, Charge::Process(link.0));
                } else if cuts.links.contains(&link) {
                    let process = charged(&cuts.faulty, link).expect("every cut is charged to somebody");
                    moves.removed.insert(link, Charge::Process(process));
                }
            }
        }
        replay.round(&moves)?;
    }
    let mut execution = Execution::new(name, protocol, question.clone());
    execution.faulty =
        cuts.faulty.iter().map(|(&process, &capability)| (process, Fault(capability))).collect();
    execution.rounds = replay.into_rounds();
    execution.loop_from_round = looped.and_then(|first| u32::try_from(first).ok());
    execution.claim = Some(threeworlds_model::claim(&execution, *property));
    Ok(execution)
}
