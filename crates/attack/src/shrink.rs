//! A plan with fewer cuts and requests that still shows the same failure.
//!
//! Delta debugging (Zeller and Hildebrandt, IEEE TSE 28(2), 2002) over the steps, then over the links of the
//! cuts and the losses. Each candidate is played for real: what a run does not show again is kept, so the
//! result is a plan that failed, small but, on a real network, not surely the smallest.

use std::collections::BTreeSet;

use threeworlds_model::{FaultModel, Process};

use crate::plan::{Link, Plan, Step};

/// A smaller plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The smallest plan that was seen to fail.
    pub plan: Plan,
    /// How many candidates were played.
    pub runs: usize,
    /// Whether no single step and no single link can be left out of it; otherwise there was no more time.
    pub minimal: bool,
}

/// What is asked about a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// It fails in the same way.
    Yes,
    /// It does not.
    No,
    /// There is no more time: nothing further is played.
    Enough,
}

/// Makes a plan smaller as long as `shows` sees the same failure. `useful` is how many of its steps can
/// matter: those after the request that showed the failure cannot. At most `width` candidates are shown at
/// the same time, since a run is mostly waiting; the first of them that fails is taken, so that the result is
/// the one of a search that shows them one by one.
///
/// Cost: a run for each candidate, about the square of what is left in the worst case, usually far fewer.
pub fn shrink(
    plan: &Plan,
    useful: usize,
    rules: &FaultModel,
    width: usize,
    shows: &mut dyn FnMut(&[Plan]) -> Vec<Shows>,
) -> Shrunk {
    let refuted = BTreeSet::new();
    let best = tidy(plan.clone(), rules);
    let mut search = Search { best, refuted, runs: 0, enough: false, rules, width: width.max(1), shows };
    let cut_short = Plan { steps: plan.steps[..useful.min(plan.steps.len())].to_vec(), ..plan.clone() };
    search.offer(vec![cut_short]);
    loop {
        let before = search.best.clone();
        search.steps();
        search.links();
        if search.best == before || search.enough {
            break;
        }
    }
    Shrunk { plan: search.best, runs: search.runs, minimal: !search.enough }
}

struct Search<'a> {
    best: Plan,
    /// The candidates that did not fail: nothing is played twice.
    refuted: BTreeSet<String>,
    runs: usize,
    enough: bool,
    rules: &'a FaultModel,
    width: usize,
    shows: &'a mut dyn FnMut(&[Plan]) -> Vec<Shows>,
}

impl Search<'_> {
    /// Plays candidates, and takes the first that fails too; which that was.
    fn offer(&mut self, candidates: Vec<Plan>) -> Option<usize> {
        let candidates = candidates.into_iter().map(|candidate| tidy(candidate, self.rules));
        let worth: Vec<(usize, Plan)> =
            candidates.enumerate().filter(|(_, candidate)| self.is_worth_a_run(candidate)).collect();
        if self.enough || worth.is_empty() {
            return None;
        }
        let (numbers, plans): (Vec<usize>, Vec<Plan>) = worth.into_iter().unzip();
        let shown = (self.shows)(&plans);
        self.runs += shown.iter().filter(|&&shown| shown != Shows::Enough).count();
        for ((number, plan), shown) in numbers.into_iter().zip(plans).zip(shown) {
            match shown {
                Shows::Yes => {
                    self.best = plan;
                    return Some(number);
                }
                Shows::No => {
                    self.refuted.insert(plan.text());
                }
                Shows::Enough => self.enough = true,
            }
        }
        None
    }

    fn is_worth_a_run(&self, candidate: &Plan) -> bool {
        size(candidate) < size(&self.best)
            && (candidate.within_budget || !self.best.within_budget)
            && candidate.validate().is_ok()
            && !self.refuted.contains(&candidate.text())
    }

    /// Leaves out steps.
    fn steps(&mut self) {
        self.reduce(
            |plan| plan.steps.len(),
            |plan, out| {
                let kept = (0..).zip(&plan.steps).filter(|(number, _)| !out.contains(number));
                Plan { steps: kept.map(|(_, step)| step.clone()).collect(), ..plan.clone() }
            },
        );
    }

    /// Leaves out links, of cuts and of losses: first both ways between two processes, then one way.
    fn links(&mut self) {
        for both in [true, false] {
            self.reduce(
                |plan| places(plan, both).len(),
                |plan, out| {
                    let places = places(plan, both);
                    let gone: BTreeSet<Place> = out.iter().map(|&number| places[number]).collect();
                    without(plan, &gone, both)
                },
            );
        }
    }

    /// Leaves out parts, large ones first, then smaller ones, down to single ones.
    fn reduce(
        &mut self,
        parts: impl Fn(&Plan) -> usize,
        leave_out: impl Fn(&Plan, &BTreeSet<usize>) -> Plan,
    ) {
        let mut chunk = parts(&self.best).div_ceil(2).max(1);
        while !self.enough {
            let mut start = 0;
            let mut taken = false;
            while start < parts(&self.best) && !self.enough {
                let all = parts(&self.best);
                let starts: Vec<usize> = (start..all).step_by(chunk).take(self.width).collect();
                let without =
                    |&from: &usize| leave_out(&self.best, &(from..(from + chunk).min(all)).collect());
                let candidates = starts.iter().map(without).collect();
                match self.offer(candidates) {
                    Some(first) => {
                        taken = true;
                        start = starts[first];
                    }
                    None => start += starts.len() * chunk,
                }
            }
            if chunk == 1 {
                if !taken {
                    return;
                }
            } else {
                chunk = chunk.div_ceil(2);
            }
        }
    }
}

/// Where something is lost: the step, the type of the message if not all are lost, and the link, of which
/// the two directions are one if both go together.
type Place = (usize, usize, Process, Process);

fn place(step: usize, of_step: usize, link: &Link, both: bool) -> Place {
    match both {
        true => (step, 0, link.from.min(link.to), link.from.max(link.to)),
        false => (step, of_step, link.from, link.to),
    }
}

fn places(plan: &Plan, both: bool) -> Vec<Place> {
    let mut all = BTreeSet::new();
    for (number, step) in plan.steps.iter().enumerate() {
        match step {
            Step::Cut(links) => all.extend(links.iter().map(|link| place(number, 0, link, both))),
            Step::Lose(losses) => {
                all.extend(losses.iter().enumerate().map(|(of, loss)| place(number, of, &loss.link, both)));
            }
            _ => {}
        }
    }
    all.into_iter().collect()
}

fn without(plan: &Plan, gone: &BTreeSet<Place>, both: bool) -> Plan {
    let mut plan = plan.clone();
    for (number, step) in plan.steps.iter_mut().enumerate() {
        match step {
            Step::Cut(links) => links.retain(|link| !gone.contains(&place(number, 0, link, both))),
            Step::Lose(losses) => {
                let mut of = 0;
                losses.retain(|loss| {
                    let here = place(number, of, &loss.link, both);
                    of += 1;
                    !gone.contains(&here)
                });
            }
            _ => {}
        }
    }
    plan
}

/// What a plan costs to read: requests and faults, then what is lost, then waits.
fn size(plan: &Plan) -> (usize, usize) {
    let links = plan.steps.iter().map(|step| match step {
        Step::Cut(links) => links.len(),
        Step::Lose(losses) => losses.len(),
        _ => 0,
    });
    (plan.steps.len(), links.sum())
}

/// Takes out what has no effect any more, and finds out again who is faulty.
fn tidy(mut plan: Plan, rules: &FaultModel) -> Plan {
    let mut cut: Vec<Link> = Vec::new();
    let mut lost = Vec::new();
    let mut asking: BTreeSet<Process> = BTreeSet::new();
    let mut steps: Vec<Step> = Vec::new();
    for step in plan.steps {
        match step {
            Step::Cut(links) if links == cut => {}
            Step::Lose(losses) if losses == lost => {}
            Step::Await(clients) => {
                let clients: Vec<Process> =
                    clients.into_iter().filter(|client| asking.remove(client)).collect();
                if !clients.is_empty() {
                    steps.push(Step::Await(clients));
                }
            }
            // An await that was left out would let a client ask two things at once.
            Step::Ask(ask) => {
                if !asking.insert(ask.client) {
                    steps.push(Step::Await(vec![ask.client]));
                }
                steps.push(Step::Ask(ask));
            }
            step => {
                if let Step::Cut(links) = &step {
                    // Only the last of several cuts in a row is seen by anybody.
                    cut.clone_from(links);
                    if let Some(Step::Cut(_)) = steps.last() {
                        steps.pop();
                    }
                }
                if let Step::Lose(losses) = &step {
                    lost.clone_from(losses);
                }
                steps.push(step);
            }
        }
    }
    while matches!(steps.last(), Some(Step::Cut(_) | Step::Lose(_) | Step::Wait { .. } | Step::Server(..))) {
        steps.pop();
    }
    if !asking.is_empty() {
        steps.push(Step::Await(asking.into_iter().collect()));
    }
    plan.steps = steps;
    plan.explain(rules);
    plan
}
