use threeworlds_model::{Question, Steps};

use crate::explore::{ExploreError, Explored, Quiet, Resources, STOPPED, Stop, StopReason};

/// States and transitions, round by round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Distinct states, where states of different rounds or different faulty sets are different.
    pub states: usize,
    /// Distinct successors of states, summed over the states.
    pub transitions: u64,
    /// States that violate what was asked about.
    pub violating: u64,
}

/// Tells of the states of all clients, in order, whether they violate something together.
pub type Violates<'f, S> = dyn Fn(&[&S]) -> bool + 'f;

/// Counts what [`crate::check`] explores the way that others publish such counts: every faulty set that the
/// rules allow and not only the maximal ones, every round for itself, up to this many rounds whatever
/// the question says. Of the states those are counted that violate something, if it is said when they do.
///
/// `None` if the rules allow more faulty sets than can be enumerated; an error if the protocol breaks the
/// rules of its interface.
pub fn count<S: Steps>(
    question: &Question,
    rounds: u16,
    steps: S,
    resources: Resources<'_>,
    violates: Option<&Violates<'_, S::State>>,
) -> Result<Option<Count>, ExploreError> {
    let question = Question { rounds: Some(u32::from(rounds)), ..question.clone() };
    let Ok(assignments) = question.fault_model.assignments(&question.system) else { return Ok(None) };
    // A count is one of states, and not of what stands for them.
    let resources = Resources { symmetry: false, ..resources };
    let explored = Explored::new(&question, assignments, false, steps, resources, &mut Quiet)?;
    debug_assert_ne!(explored.stop, Stop::Cut(StopReason::Interrupted), "nobody interrupts");
    let violating = match violates {
        None => 0,
        Some(violates) => {
            let servers = usize::from(question.system.servers);
            let of = |head: u32| {
                let locals = explored.heads.row(head)[1..].iter().enumerate();
                // Who has stopped says nothing any more.
                let alive = locals.filter(|&(_, &local)| local != STOPPED);
                let state = |(client, &local): (usize, &u32)| {
                    &explored.graph.locals.state(servers + client, local).state
                };
                violates(&alive.map(state).collect::<Vec<_>>())
            };
            explored.spaces.states_under(&of, resources.storage)?
        }
    };
    let states = usize::try_from(explored.spaces.states()).unwrap_or(usize::MAX);
    Ok(Some(Count { states, transitions: explored.spaces.transitions(), violating }))
}
