//! An attack from the command line: the program as something that plays plans, the theorem's word on the
//! question, progress, and a smaller plan where one failed. What is found is judged by the library.

pub(crate) mod progress;
pub(crate) mod subject;
pub(crate) mod theorem;

use std::time::{Duration, Instant};

use threeworlds_attack::{
    Brief, Judged, Plan, Played, Player, Report, Shows, Shrunk, Step, Tried, Workload, shrink,
};
use threeworlds_model::{Property, Question};

use progress::Shown;
use subject::Runner;
use theorem::Word;

/// An attack and all that there is to say about it.
pub(crate) struct Attack {
    pub(crate) program: String,
    pub(crate) question: Question,
    pub(crate) workload: Workload,
    pub(crate) theorem: Word,
    /// When a request that has to be answered is given up, in seconds.
    pub(crate) deadline: f64,
    pub(crate) jobs: usize,
    pub(crate) report: Report,
    /// A smaller plan that fails in the same way.
    pub(crate) smaller: Option<Smaller>,
    pub(crate) seconds: f64,
}

/// A plan that was made smaller, and the run that shows that it fails.
pub(crate) struct Smaller {
    pub(crate) shrunk: Shrunk,
    pub(crate) played: Played,
    pub(crate) judged: Judged,
}

/// How long a smaller plan is looked for.
const SHRINK_TIME: Duration = Duration::from_secs(45);
/// While a smaller plan is looked for, whoever waits that long waits for ever; the result is played with the
/// deadlines of the plan.
const SHRINK_DEADLINE_MILLISECONDS: u64 = 3_000;

/// The smallest plan that is found in time and fails like the one that was tried.
pub(crate) fn shrunk(tried: &Tried, brief: &Brief, runner: &Runner, progress: &Shown) -> Option<Smaller> {
    let rules = &brief.question.fault_model;
    let violation = tried.judged.violation()?;
    let live = violation.property == Property::Termination;
    let fails = |plan: &Plan| -> Option<(Played, Judged)> {
        let played = runner.play(plan).ok()?;
        let judged = played.judge(plan, rules);
        let shown = if live { judged.live.violation() } else { judged.safe.violation() };
        shown.is_some().then_some((played, judged))
    };
    let until = Instant::now() + SHRINK_TIME;
    let mut best = None;
    let mut runs = 0;
    let mut shows = |candidate: &Plan| {
        if Instant::now() >= until || runner.why_stop().is_some() {
            return Shows::Enough;
        }
        runs += 1;
        progress.shrinking(runs, candidate.steps.len());
        let faster = with_deadlines(candidate, |milliseconds| milliseconds.min(SHRINK_DEADLINE_MILLISECONDS));
        match fails(if live { &faster } else { candidate }) {
            Some(shown) => {
                best = Some(shown);
                Shows::Yes
            }
            None => Shows::No,
        }
    };
    let plan = &tried.derived.plan;
    let shrunk = shrink(plan, useful(plan, violation.requests.iter().copied().max()?), rules, &mut shows);
    if shrunk.plan.steps.len() >= plan.steps.len() && best.is_none() {
        return None;
    }
    // The deadlines are a part of the claim that somebody is not answered.
    let (played, judged) = if live { fails(&shrunk.plan)? } else { best? };
    Some(Smaller { shrunk, played, judged })
}

fn with_deadlines(plan: &Plan, change: impl Fn(u64) -> u64) -> Plan {
    let mut plan = plan.clone();
    for step in &mut plan.steps {
        if let Step::Ask(ask) = step {
            ask.deadline_milliseconds = change(ask.deadline_milliseconds);
        }
    }
    plan
}

/// How many steps it takes until the request at this position was over.
fn useful(plan: &Plan, request: usize) -> usize {
    let asks = plan.steps.iter().enumerate().filter_map(|(position, step)| match step {
        Step::Ask(ask) => Some((position, ask.client)),
        _ => None,
    });
    let Some((asked, client)) = asks.clone().nth(request) else { return plan.steps.len() };
    let awaited = plan.steps.iter().skip(asked).position(|step| match step {
        Step::Await(clients) => clients.contains(&client),
        _ => false,
    });
    awaited.map_or(plan.steps.len(), |after| asked + after + 1)
}
