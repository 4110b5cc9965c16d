use threeworlds_model::{Question, Steps};

use crate::explore::{ExploreError, Explored, Mode, Quiet, StopReason};

/// States and transitions, round by round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Distinct states, where states of different rounds or different faulty sets are different.
    pub states: usize,
    /// Distinct successors of states, summed over the states.
    pub transitions: u64,
}

/// Counts what [`crate::check`] explores the way that others publish such counts: every faulty set that the
/// rules allow and not only the maximal ones, every round for itself, up to the question's rounds.
///
/// An error if the protocol breaks the rules of its interface, or if the rules allow more faulty sets than
/// can be enumerated (`None`).
pub fn count<S: Steps>(question: &Question, steps: S) -> Result<Option<Count>, ExploreError> {
    let Ok(assignments) = question.fault_model.assignments(&question.system) else { return Ok(None) };
    debug_assert!(question.rounds.is_some(), "without a bound, counting round by round need not end");
    let explored = Explored::new(question, assignments, Mode::KeepRounds, steps, &mut Quiet)?;
    debug_assert_ne!(explored.stop, crate::Stop::Cut(StopReason::Interrupted));
    Ok(Some(Count { states: explored.states.len(), transitions: explored.transitions }))
}
