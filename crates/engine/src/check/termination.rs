use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use threeworlds_model::{Process, Steps};

use super::witness::{Trellis, stems};
use crate::explore::{Explored, Meta, NO_REQUEST, Observer, Progress, Stop, StopReason};

/// What was found out about Termination on the explored graph.
pub(crate) struct Termination {
    /// The shortest lassos on which a non-faulty client waits for ever, the ones with the fewest removed
    /// messages among them.
    pub(crate) lassos: Vec<Lasso>,
    /// For each kind of request the most rounds that an answer takes, where every one is answered.
    pub(crate) worst_case_rounds: BTreeMap<&'static str, u32>,
}

/// A walk to a state and a cycle through it, along which a request stays unanswered.
pub(crate) struct Lasso {
    pub(crate) client: Process,
    /// The state at which the loop starts and ends.
    pub(crate) state: usize,
    /// Rounds to the state, and rounds in the loop.
    pub(crate) stem: usize,
    pub(crate) cycle: usize,
}

impl Lasso {
    pub(crate) fn rounds(&self) -> usize {
        self.stem + self.cycle
    }
}

/// Judges Termination: a violation is a reachable cycle, under faults that spare the client and after GST,
/// along which its request stays unanswered. Every round is a step, so no fairness is assumed. Without
/// such a cycle the worst case is the longest walk along which a request stays unanswered.
///
/// Tarjan's algorithm (SIAM J. Comput. 1(2), 1972) for each client, over the states in which it waits. An
/// error is the reason for which the observer ended it.
pub(crate) fn judge<S: Steps>(
    explored: &mut Explored<S>,
    observer: &mut dyn Observer,
) -> Result<Termination, StopReason> {
    let mut worst: BTreeMap<&'static str, u32> = BTreeMap::new();
    let mut candidates: Vec<(Process, Vec<usize>)> = Vec::new();
    let closed = explored.stop == Stop::Closed;
    for client in explored.graph.system.client_ids() {
        let waiting = Waiting::new(explored, client, observer)?;
        if closed && waiting.cyclic.is_empty() {
            for (kind, rounds) in waiting.worst_case_rounds(explored) {
                let entry = worst.entry(kind).or_default();
                *entry = rounds.max(*entry);
            }
        }
        candidates.push((client, waiting.cyclic));
    }
    let unbounded = candidates.iter().any(|(_, cyclic)| !cyclic.is_empty());
    let lassos = if unbounded { shortest_lassos(explored, candidates, observer)? } else { Vec::new() };
    let worst_case_rounds = if closed && !unbounded { worst } else { BTreeMap::new() };
    Ok(Termination { lassos, worst_case_rounds })
}

/// The trellis of a lasso: the best walks to its state, then the best cycles through it.
pub(crate) fn trellis<S: Steps>(explored: &mut Explored<S>, lasso: &Lasso) -> Trellis {
    let mut trellis = stems(explored, &[lasso.state]);
    let (layers, _) = cycle_layers(explored, lasso.client, lasso.state, lasso.cycle);
    let mut wanted = FxHashSet::from_iter([lasso.state]);
    let mut cycle: Trellis = Vec::new();
    for (position, layer) in layers.iter().enumerate().rev().skip(1) {
        let mut steps: BTreeMap<usize, BTreeMap<usize, u32>> = BTreeMap::new();
        let mut states: Vec<(usize, u32)> = layer.iter().map(|(&state, &cost)| (state, cost)).collect();
        states.sort_unstable();
        for (state, so_far) in states {
            explored.for_each_successor(state, &mut |_, next, cost| {
                if wanted.contains(&next) && layers[position + 1].get(&next) == Some(&(so_far + cost)) {
                    steps.entry(state).or_default().insert(next, cost);
                }
            });
        }
        wanted = steps.keys().copied().collect();
        cycle.push(steps);
    }
    trellis.extend(cycle.into_iter().rev());
    trellis
}

/// Whether the client is non-faulty and waits in this state, which counts for Termination.
fn waits<S: Steps>(explored: &Explored<S>, client: Process, state: usize) -> bool {
    let row = explored.states.row(state);
    let system = &explored.graph.system;
    Meta::of(row).after_gst
        && explored.graph.assignment(row).capabilities[system.index(client)].is_none()
        && explored.graph.facts(row).outstanding[usize::from(client.number()) - 1] != NO_REQUEST
}

/// The states in which a client waits, with what follows from them.
struct Waiting {
    client: Process,
    /// For each state one more than the rounds until the answer in the worst case; 0 where it does not
    /// wait or is not known.
    longest: Vec<u32>,
    /// The states that lie on a cycle, in the order of their numbers.
    cyclic: Vec<usize>,
}

const UNVISITED: u32 = u32::MAX;

struct Frame {
    state: usize,
    successors: Vec<usize>,
    at: usize,
}

impl Waiting {
    fn new<S: Steps>(
        explored: &mut Explored<S>,
        client: Process,
        observer: &mut dyn Observer,
    ) -> Result<Waiting, StopReason> {
        let states = explored.states.len();
        let mut order = vec![UNVISITED; states];
        let mut low = vec![0u32; states];
        let mut on_stack = vec![false; states];
        let mut stack = Vec::new();
        let mut waiting = Waiting { client, longest: vec![0; states], cyclic: Vec::new() };
        let mut counter = 0u32;
        for root in 0..states {
            if order[root] != UNVISITED || !waits(explored, client, root) {
                continue;
            }
            let mut frames = vec![waiting.open(explored, root)];
            (order[root], low[root]) = (counter, counter);
            counter += 1;
            stack.push(root);
            on_stack[root] = true;
            while let Some(frame) = frames.last_mut() {
                let state = frame.state;
                if let Some(&next) = frame.successors.get(frame.at) {
                    frame.at += 1;
                    if order[next] == UNVISITED {
                        (order[next], low[next]) = (counter, counter);
                        counter += 1;
                        if counter.is_multiple_of(4096)
                            && let Some(reason) = observer.observe(&looking(explored))
                        {
                            return Err(reason);
                        }
                        stack.push(next);
                        on_stack[next] = true;
                        let frame = waiting.open(explored, next);
                        frames.push(frame);
                    } else if on_stack[next] {
                        low[state] = low[state].min(order[next]);
                    } else {
                        waiting.longest[state] = waiting.longest[state].max(waiting.longest[next] + 1);
                    }
                    continue;
                }
                let frame = frames.pop().expect("it is the last one");
                if low[state] == order[state] {
                    let own = stack.iter().rposition(|&other| other == state).expect("it is on the stack");
                    let component = stack.split_off(own);
                    component.iter().for_each(|&state| on_stack[state] = false);
                    if component.len() > 1 || frame.successors.contains(&state) {
                        waiting.cyclic.extend(component);
                    }
                }
                if let Some(parent) = frames.last() {
                    let parent = parent.state;
                    low[parent] = low[parent].min(low[state]);
                    waiting.longest[parent] = waiting.longest[parent].max(waiting.longest[state] + 1);
                }
            }
        }
        waiting.cyclic.sort_unstable();
        Ok(waiting)
    }

    /// The successors in which the client still waits; notes the answers that come in the next round.
    fn open<S: Steps>(&mut self, explored: &mut Explored<S>, state: usize) -> Frame {
        let index = usize::from(self.client.number()) - 1;
        let mut successors = Vec::new();
        let mut answered = false;
        explored.for_each_successor(state, &mut |_, next, _| successors.push(next));
        successors.sort_unstable();
        successors.dedup();
        successors.retain(|&next| {
            let row = explored.states.row(next);
            let still = explored.graph.facts(row).outstanding[index] != NO_REQUEST;
            answered |= !still;
            still
        });
        self.longest[state] = if answered { 2 } else { 1 };
        Frame { state, successors, at: 0 }
    }

    fn worst_case_rounds<S: Steps>(&self, explored: &Explored<S>) -> BTreeMap<&'static str, u32> {
        let mut worst = BTreeMap::new();
        let index = usize::from(self.client.number()) - 1;
        let requests = explored.graph.requests(self.client);
        for (state, &longest) in self.longest.iter().enumerate() {
            if longest > 0 {
                let facts = explored.graph.facts(explored.states.row(state));
                let request = &requests[usize::from(facts.outstanding[index])];
                let entry = worst.entry(request.kind()).or_insert(0);
                *entry = (*entry).max(longest - 1);
            }
        }
        // What is always answered in the round in which it is issued is never seen outstanding.
        for position in 0..explored.graph.environments.most_issued(self.client) {
            worst.entry(requests[usize::from(position)].kind()).or_insert(0);
        }
        worst
    }
}

fn looking<S: Steps>(explored: &Explored<S>) -> Progress {
    let states = explored.states.len();
    // Order, low link, longest walk and a flag for each state.
    let bytes = explored.graph.bytes() + explored.states.bytes() + states * (4 + 4 + 4 + 4 + 1);
    Progress { round: explored.rounds, states, frontier: 0, expanded: 0, bytes }
}

/// Of all lassos the shortest, and of these the ones with the fewest removed messages.
fn shortest_lassos<S: Steps>(
    explored: &mut Explored<S>,
    candidates: Vec<(Process, Vec<usize>)>,
    observer: &mut dyn Observer,
) -> Result<Vec<Lasso>, StopReason> {
    let mut best = usize::MAX;
    let mut found: Vec<Lasso> = Vec::new();
    for (client, cyclic) in candidates {
        let within = FxHashSet::from_iter(cyclic.iter().copied());
        // States are numbered level by level, so their depths never decrease along the list.
        for state in cyclic {
            let stem = explored.depth(state);
            if stem + 1 > best {
                break;
            }
            if let Some(reason) = observer.observe(&looking(explored)) {
                return Err(reason);
            }
            let Some(cycle) = shortest_cycle(explored, &within, state, best - stem) else { continue };
            if stem + cycle < best {
                best = stem + cycle;
                found.clear();
            }
            found.push(Lasso { client, state, stem, cycle });
        }
    }
    let mut costs = Vec::with_capacity(found.len());
    for lasso in &found {
        let (_, cost) = cycle_layers(explored, lasso.client, lasso.state, lasso.cycle);
        costs.push(explored.removed[lasso.state] + cost);
    }
    let least = costs.iter().copied().min();
    let mut costs = costs.into_iter();
    found.retain(|_| costs.next() == least);
    Ok(found)
}

/// The length of the shortest cycle through a state that stays within these states, if it is at most so
/// long.
fn shortest_cycle<S: Steps>(
    explored: &mut Explored<S>,
    within: &FxHashSet<usize>,
    state: usize,
    most: usize,
) -> Option<usize> {
    let mut seen = FxHashSet::default();
    let mut layer = vec![state];
    for length in 1..=most {
        let mut next_layer = Vec::new();
        let mut closed = false;
        for &from in &layer {
            explored.for_each_successor(from, &mut |_, next, _| {
                closed |= next == state;
                if within.contains(&next) && seen.insert(next) {
                    next_layer.push(next);
                }
            });
            if closed {
                return Some(length);
            }
        }
        if next_layer.is_empty() {
            return None;
        }
        layer = next_layer;
    }
    None
}

/// The states that walks of this length from a state to itself can pass while the client waits, layer by
/// layer with the fewest messages removed so far; and the fewest for the whole cycle.
fn cycle_layers<S: Steps>(
    explored: &mut Explored<S>,
    client: Process,
    state: usize,
    length: usize,
) -> (Vec<FxHashMap<usize, u32>>, u32) {
    let mut layers = vec![FxHashMap::from_iter([(state, 0u32)])];
    for _ in 0..length {
        let layer = layers.last().expect("the first layer is there");
        let mut states: Vec<(usize, u32)> = layer.iter().map(|(&state, &cost)| (state, cost)).collect();
        states.sort_unstable();
        let mut next_layer: FxHashMap<usize, u32> = FxHashMap::default();
        for (from, so_far) in states {
            let mut reached = Vec::new();
            explored.for_each_successor(from, &mut |_, next, cost| reached.push((next, cost)));
            for (next, cost) in reached {
                if waits(explored, client, next) {
                    let entry = next_layer.entry(next).or_insert(u32::MAX);
                    *entry = (*entry).min(so_far + cost);
                }
            }
        }
        layers.push(next_layer);
    }
    let cost = layers[length].get(&state).copied().unwrap_or(u32::MAX);
    (layers, cost)
}
