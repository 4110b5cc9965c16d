use threeworlds_model::TooManyAssignments;

use super::classes::{Classes, Named};
use super::count;
use super::network::{Meter, Network};
use super::scenarios::{NONE, Scenarios};
use super::symmetry::Symmetry;
use super::views::Views;
use super::walk::{Meeting, Walk};
use super::{BoundedCoverage, BoundedQuestion};
use crate::explore::{Observer, StopReason};

/// Everything that is found on the way to an answer.
pub(super) struct Decision {
    pub(super) symmetry: Symmetry,
    /// The views of all processes before the last round, of those that were met.
    pub(super) views: Views,
    /// The obliged views that occur together with one of another client.
    pub(super) classes: Classes,
    pub(super) explored: BoundedCoverage,
}

impl Decision {
    pub(super) fn new(question: &BoundedQuestion, rounds: u32) -> Result<Self, TooManyAssignments> {
        let network = Network::new(question.system, rounds);
        let choices = 1usize.checked_shl(network.clients as u32).unwrap_or(usize::MAX);
        let assignments = question.fault_model.maximal_assignments(&network.system, None)?.len();
        if choices.saturating_mul(assignments) > TooManyAssignments::LIMIT {
            return Err(TooManyAssignments);
        }
        let scenarios = Scenarios::new(question, &network)?;
        Ok(Decision {
            symmetry: Symmetry::new(&question.system, &question.fault_model),
            views: Views::new(network, scenarios),
            classes: Classes::default(),
            explored: BoundedCoverage::default(),
        })
    }

    /// Explores everything. What is known when a limit is reached is true, too.
    pub(super) fn run(&mut self, observer: &mut dyn Observer) -> Result<(), StopReason> {
        let mut meter = Meter::new(observer);
        let classes = &mut self.classes;
        let join = |views: &mut Views, symmetry: &mut Symmetry, meeting: &Meeting<'_>| {
            join(classes, views, symmetry, meeting);
            classes.bytes()
        };
        let outcome = Walk::run(&mut self.views, &mut self.symmetry, &mut meter, join);
        let (met, of_met) = (self.classes.views(), self.classes.count(&self.symmetry));
        self.explored = BoundedCoverage {
            states: meter.states,
            views: self.views.len(),
            obliged_views: met,
            classes: of_met,
        };
        if outcome.is_ok()
            && let Ok(obliged) = count::obliged(&mut self.views, &self.symmetry, &mut meter)
        {
            // Every other one is a class of its own.
            let obliged = usize::try_from(obliged).unwrap_or(usize::MAX);
            self.explored.obliged_views = obliged;
            self.explored.classes = obliged - met + of_met;
        }
        outcome
    }
}

/// Joins what two clients can see in one execution.
fn join(classes: &mut Classes, views: &mut Views, symmetry: &mut Symmetry, meeting: &Meeting<'_>) {
    let [ones, others] = meeting.sights;
    let mut known: Vec<Option<Named>> = vec![None; others.len()];
    // By sight of the other: which sights are joined with it here already.
    let mut part_of: Vec<usize> = (0..others.len()).collect();
    for one in 0..ones.len() {
        let mut joined: Option<(Named, usize)> = None;
        for position in 0..others.len() {
            if views.scenarios.both(ones.shown(one), others.shown(position)) == NONE {
                continue;
            }
            let mut insert = |content: &[u32]| classes.insert(symmetry, views, content);
            let named = *known[position].get_or_insert_with(|| insert(others.content(position)));
            match joined {
                None => {
                    let mine = insert(ones.content(one));
                    classes.join(symmetry, mine, named);
                    joined = Some((mine, part_of[position]));
                }
                Some((mine, part)) if part_of[position] != part => {
                    classes.join(symmetry, mine, named);
                    let merged = part_of[position];
                    part_of.iter_mut().filter(|of| **of == merged).for_each(|of| *of = part);
                }
                Some(_) => {}
            }
        }
    }
}
