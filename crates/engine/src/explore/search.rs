use std::ops::{ControlFlow, Range};

use threeworlds_model::{Assignment, EventError, Question, StepError, Steps};

use super::expand::{Graph, Mode};
use super::states::StateTable;

/// Everything that was reached: the graph, its states level by level, and whether that is all.
pub(crate) struct Explored<S: Steps> {
    pub(crate) graph: Graph<S>,
    pub(crate) states: StateTable,
    /// For each state the fewest messages removed on a shortest way to it.
    pub(crate) removed: Vec<u32>,
    /// The first state of each level; level 0 is before round 1.
    pub(crate) level_starts: Vec<usize>,
    /// Distinct successors, counted for each choice of crashes and timing.
    pub(crate) transitions: u64,
    /// How many rounds were explored to their end.
    pub(crate) rounds: u32,
    /// Why the search ended.
    pub(crate) stop: Stop,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// No new state was left: what was explored is all there is, for executions of any length.
    Closed,
    /// A limit cut it short.
    Cut(StopReason),
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The bound on the number of rounds.
    Rounds,
    /// The bound on memory.
    Memory,
    /// The bound on time.
    Time,
    /// Somebody asked it to stop.
    Interrupted,
    /// So many requests are pending at the same time that linearizability cannot be judged.
    Linearizations,
    /// The fault rules allow more faulty sets than can be explored one by one.
    FaultySets,
}

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The round that is being explored.
    pub round: u32,
    /// Global states met so far.
    pub states: usize,
    /// States of the last round, and how many of them are done.
    pub frontier: usize,
    /// States of the last round whose successors are known.
    pub expanded: usize,
    /// An estimate of the memory in use, in bytes; it leaves out what a protocol's own states point to.
    pub bytes: usize,
}

/// Is told how a search goes, and can end it.
pub trait Observer {
    /// Called often, at least once for every few thousand states. A reason ends the search, whose result
    /// then says so.
    fn observe(&mut self, progress: &Progress) -> Option<StopReason>;
}

/// Lets a search go on to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quiet;

impl Observer for Quiet {
    fn observe(&mut self, _: &Progress) -> Option<StopReason> {
        None
    }
}

/// Why a protocol cannot be explored: it broke the rules of its interface.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// A step that cannot be used.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A response that cannot be.
    #[error(transparent)]
    Event(#[from] EventError),
}

/// States whose successors are looked for at a time: enough to ask a step program many things at once.
const CHUNK: usize = 2_048;

/// New states after which the observer is asked again.
const OBSERVE_EVERY: u64 = 1 << 16;

impl<S: Steps> Explored<S> {
    /// Explores every state for these assignments, level by level, to the fixpoint or a limit.
    pub(crate) fn new(
        question: &Question,
        assignments: Vec<Assignment>,
        mode: Mode,
        steps: S,
        observer: &mut dyn Observer,
    ) -> Result<Explored<S>, ExploreError> {
        let mut graph = Graph::new(question, assignments, mode, steps);
        let states = StateTable::new(graph.width());
        let start = graph.start()?;
        let mut explored = Explored {
            graph,
            states,
            removed: Vec::new(),
            level_starts: vec![0],
            transitions: 0,
            rounds: 0,
            stop: Stop::Closed,
        };
        for row in start {
            explored.states.insert(&row);
            explored.removed.push(0);
        }
        explored.stop = loop {
            let level = explored.level_starts[explored.level_starts.len() - 1]..explored.states.len();
            if level.is_empty() {
                explored.level_starts.pop();
                break Stop::Closed;
            }
            if question.rounds.is_some_and(|most| explored.rounds >= most) {
                break Stop::Cut(StopReason::Rounds);
            }
            explored.level_starts.push(explored.states.len());
            if let Some(reason) = explored.level(level, observer)? {
                break Stop::Cut(reason);
            }
            explored.rounds += 1;
        };
        Ok(explored)
    }

    /// Number of the level that a state belongs to: the fewest rounds in which it is reached.
    pub(crate) fn depth(&self, state: usize) -> usize {
        self.level_starts.partition_point(|&start| start <= state) - 1
    }

    /// The states of a level.
    pub(crate) fn level_of(&self, depth: usize) -> Range<usize> {
        self.level_starts[depth]..self.level_starts.get(depth + 1).copied().unwrap_or(self.states.len())
    }

    /// How many levels there are; level 0 is before round 1.
    pub(crate) fn levels(&self) -> usize {
        self.level_starts.len()
    }

    /// Calls `visit` with each successor of a state, by which way, and the fewest messages removed for it.
    /// A successor can come more than once. Of a state in the last level of a search that was cut short
    /// only those successors come that were met.
    pub(crate) fn for_each_successor(&mut self, state: usize, visit: &mut dyn FnMut(&Graph<S>, usize, u32)) {
        let row = self.states.row(state).to_vec();
        let complete = self.depth(state) < self.rounds as usize;
        let states = &self.states;
        let mut ways = self.graph.ways(&row);
        while let Some(way) = ways.next(&mut self.graph, &row) {
            if !self.graph.options_known(&way) {
                assert!(!complete, "the options of a state in a complete level are known");
                continue;
            }
            let mut met = Vec::new();
            let outcome = self.graph.successors(&row, &way, &mut |_, next, removed, _| {
                match states.number(next) {
                    Some(number) => met.push((number, removed)),
                    None => assert!(!complete, "the successors of a state in a complete level are known"),
                }
                ControlFlow::Continue(())
            });
            if outcome.is_ok() {
                met.into_iter().for_each(|(number, removed)| visit(&self.graph, number, removed));
            }
            assert!(outcome.is_ok() || !complete, "what went well once goes well again");
        }
    }

    fn level(
        &mut self,
        level: Range<usize>,
        observer: &mut dyn Observer,
    ) -> Result<Option<StopReason>, ExploreError> {
        let mut start = level.start;
        while start < level.end {
            let chunk = start..level.end.min(start + CHUNK);
            if let Some(reason) = observer.observe(&self.progress(&level, start)) {
                return Ok(Some(reason));
            }
            let mut again = Vec::new();
            for state in chunk.clone() {
                match self.expand(state, &level, observer)? {
                    Expansion::Done => {}
                    Expansion::NeedsSteps => again.push(state),
                    Expansion::Stopped(reason) => return Ok(Some(reason)),
                }
            }
            let progress = self.progress(&level, start);
            let mut reason = None;
            let mut interrupted = || {
                reason = observer.observe(&progress);
                reason.is_some()
            };
            let resolved = self.graph.locals.resolve(&mut interrupted);
            match resolved {
                Err(StepError::Interrupted) => {
                    return Ok(Some(reason.unwrap_or(StopReason::Interrupted)));
                }
                other => other?,
            }
            for state in again {
                match self.expand(state, &level, observer)? {
                    Expansion::Done => {}
                    Expansion::NeedsSteps => unreachable!("all that was missing was resolved"),
                    Expansion::Stopped(reason) => return Ok(Some(reason)),
                }
            }
            start = chunk.end;
        }
        Ok(None)
    }

    fn expand(
        &mut self,
        state: usize,
        level: &Range<usize>,
        observer: &mut dyn Observer,
    ) -> Result<Expansion, ExploreError> {
        let row = self.states.row(state).to_vec();
        let mut visited = 0u64;
        let mut known = true;
        let mut ways = self.graph.ways(&row);
        while let Some(way) = ways.next(&mut self.graph, &row) {
            known &= self.graph.options_known(&way);
            visited += 1;
            if visited.is_multiple_of(OBSERVE_EVERY)
                && let Some(reason) = observer.observe(&self.progress(level, level.start))
            {
                return Ok(Expansion::Stopped(reason));
            }
        }
        if !known {
            return Ok(Expansion::NeedsSteps);
        }
        let next_level = level.end;
        let so_far = self.removed[state];
        let round = self.rounds + 1;
        let mut stopped = None;
        let mut environments = self.graph.environments.len();
        let mut ways = self.graph.ways(&row);
        while let Some(way) = ways.next(&mut self.graph, &row) {
            let (states, removed) = (&mut self.states, &mut self.removed);
            let outcome = self.graph.successors(&row, &way, &mut |graph, next, cost, _| {
                visited += 1;
                // An environment can be large: that of linearizability holds every way to explain a history.
                let more_environments = graph.environments.len() >= environments + 16;
                if more_environments || visited.is_multiple_of(OBSERVE_EVERY) {
                    environments = graph.environments.len();
                    let bytes = graph.bytes() + states.bytes() + removed.capacity() * 4;
                    let frontier = level.len();
                    let progress = Progress { round, states: states.len(), frontier, expanded: 0, bytes };
                    stopped = observer.observe(&progress);
                    if stopped.is_some() {
                        return ControlFlow::Break(());
                    }
                }
                let (number, new) = states.insert(next);
                if new {
                    removed.push(so_far + cost);
                } else if number >= next_level {
                    removed[number] = removed[number].min(so_far + cost);
                }
                ControlFlow::Continue(())
            });
            match outcome {
                Ok(transitions) => self.transitions += transitions,
                Err(EventError::TooManyLinearizations) => {
                    return Ok(Expansion::Stopped(StopReason::Linearizations));
                }
                Err(error) => return Err(error.into()),
            }
            if let Some(reason) = stopped {
                return Ok(Expansion::Stopped(reason));
            }
        }
        Ok(Expansion::Done)
    }

    fn progress(&self, level: &Range<usize>, expanded: usize) -> Progress {
        Progress {
            round: self.rounds + 1,
            states: self.states.len(),
            frontier: level.len(),
            expanded: expanded - level.start,
            bytes: self.graph.bytes() + self.states.bytes() + self.removed.capacity() * 4,
        }
    }
}

enum Expansion {
    Done,
    NeedsSteps,
    Stopped(StopReason),
}
