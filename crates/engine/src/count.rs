use threeworlds_model::{Question, Steps};

use crate::explore::{ExploreError, Explored, Quiet, Resources, Stop, StopReason};

/// States and transitions, round by round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Distinct states, where states of different rounds or different faulty sets are different.
    pub states: usize,
    /// Distinct successors of states, summed over the states.
    pub transitions: u64,
}

/// Counts what [`crate::check`] explores the way that others publish such counts: every faulty set that the
/// rules allow and not only the maximal ones, every round for itself, up to this many rounds whatever
/// the question says.
///
/// `None` if the rules allow more faulty sets than can be enumerated; an error if the protocol breaks the
/// rules of its interface.
pub fn count<S: Steps>(
    question: &Question,
    rounds: u16,
    steps: S,
    resources: Resources<'_>,
) -> Result<Option<Count>, ExploreError> {
    let question = Question { rounds: Some(u32::from(rounds)), ..question.clone() };
    let Ok(assignments) = question.fault_model.assignments(&question.system) else { return Ok(None) };
    // A count is one of states, and not of what stands for them.
    let resources = Resources { symmetry: false, ..resources };
    let explored = Explored::new(&question, assignments, false, steps, resources, &mut Quiet)?;
    debug_assert_ne!(explored.stop, Stop::Cut(StopReason::Interrupted), "nobody interrupts");
    let states = usize::try_from(explored.spaces.states()).unwrap_or(usize::MAX);
    Ok(Some(Count { states, transitions: explored.spaces.transitions() }))
}
