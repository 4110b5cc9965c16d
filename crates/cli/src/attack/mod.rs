//! An attack from the command line: the program as something that plays plans, the theorem's word on the
//! question, progress, and a smaller plan where one failed. What is found is judged by the library.

pub(crate) mod cluster;
pub(crate) mod horns;
pub(crate) mod progress;
pub(crate) mod subject;
pub(crate) mod theorem;

use std::time::{Duration, Instant};

use threeworlds_attack::{
    Ask, Brief, Judged, Plan, Played, Player, Report, Shows, Shrunk, Step, Tried, Workload, shrink, told,
};
use threeworlds_model::{Property, Question};

use cluster::ClusterFacts;
use progress::Shown;
use subject::Copies;
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
    /// What is known of the cluster, if it is one.
    pub(crate) cluster: Option<ClusterFacts>,
    /// What happened in a long run, if it was one.
    #[cfg(target_os = "linux")]
    pub(crate) long_run: Option<threeworlds_attack::cluster::Counts>,
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

/// What plays plans: copies of a program, or clusters.
pub(crate) enum Runner {
    Copies(Box<Copies>),
    #[cfg(target_os = "linux")]
    Cluster(Box<threeworlds_attack::cluster::ClusterPlayer>),
}

impl Runner {
    /// Why nothing more is to be played.
    pub(crate) fn why_stop(&self) -> Option<String> {
        match self {
            Runner::Copies(copies) => copies.why_stop(),
            #[cfg(target_os = "linux")]
            Runner::Cluster(cluster) => cluster.why_stop(),
        }
    }

    /// What is known of the cluster, if it is one.
    pub(crate) fn facts(&self) -> Option<ClusterFacts> {
        match self {
            Runner::Copies(_) => None,
            #[cfg(target_os = "linux")]
            Runner::Cluster(cluster) => {
                let facts = cluster.facts();
                Some(ClusterFacts {
                    version: facts.version,
                    times: cluster.subject().times,
                    up_seconds: facts.up_seconds,
                    notes: facts.notes,
                })
            }
        }
    }
}

impl Player for Runner {
    fn play(&self, plan: &Plan) -> Result<Played, String> {
        match self {
            Runner::Copies(copies) => copies.play(plan),
            #[cfg(target_os = "linux")]
            Runner::Cluster(cluster) => cluster.play(plan),
        }
    }
}

/// How long a smaller plan is looked for.
const SHRINK_TIME: Duration = Duration::from_secs(60);
/// So many runs go on at the same time meanwhile: they mostly wait.
const SHRINK_RUNS_TOGETHER: usize = 4;
/// While a smaller plan is looked for, whoever waits that long waits for ever.
const SHRINK_DEADLINE_MILLISECONDS: u64 = 3_000;
/// Or this many times as long as the slowest answer took in the run that failed, if that is shorter.
const SLOWEST_ANSWERS: u64 = 4;

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
    let mut shows = |candidates: &[Plan]| {
        if Instant::now() >= until || runner.why_stop().is_some() {
            return vec![Shows::Enough; candidates.len()];
        }
        runs += candidates.len();
        progress.shrinking(runs, candidates.iter().map(|candidate| candidate.steps.len()).max().unwrap_or(0));
        let shown = std::thread::scope(|scope| {
            let start = |candidate| scope.spawn(move || fails(candidate));
            let started: Vec<_> = candidates.iter().map(start).collect();
            started.into_iter().map(|run| run.join().unwrap_or(None)).collect::<Vec<_>>()
        });
        let kinds = shown.iter().map(|shown| if shown.is_some() { Shows::Yes } else { Shows::No }).collect();
        best = shown.into_iter().flatten().next().or(best.take());
        kinds
    };
    let plan = &tried.derived.plan;
    // Nearly all of a run's time is waiting for answers that do not come.
    let patience = patience(&tried.played);
    let hasty = with_deadlines(plan, |milliseconds| milliseconds.min(patience));
    let useful = useful(plan, violation.requests.iter().copied().max()?);
    let mut shrunk = shrink(&hasty, useful, rules, SHRINK_RUNS_TOGETHER, &mut shows);
    let best = best?;
    // The deadlines are a part of the claim that somebody is not answered; a contradiction stands without them.
    let (played, judged) = if live {
        let longest = asks(plan).map(|ask| ask.deadline_milliseconds).max()?;
        shrunk.plan = with_deadlines(&shrunk.plan, |_| longest);
        fails(&shrunk.plan)?
    } else {
        best
    };
    Some(Smaller { shrunk, played, judged })
}

/// How long a client waits while a smaller plan is looked for, in milliseconds.
fn patience(played: &Played) -> u64 {
    let told = told(&played.journal);
    let took = told.iter().filter(|told| told.answer.is_some()).map(|told| (told.until - told.from) / 1_000);
    let slowest = took.max().map_or(SHRINK_DEADLINE_MILLISECONDS, |slowest| SLOWEST_ANSWERS * slowest);
    slowest.clamp(SHRINK_DEADLINE_MILLISECONDS / 3, SHRINK_DEADLINE_MILLISECONDS)
}

fn asks(plan: &Plan) -> impl Iterator<Item = &Ask> {
    plan.steps.iter().filter_map(|step| match step {
        Step::Ask(ask) => Some(ask),
        _ => None,
    })
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
