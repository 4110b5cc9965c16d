use std::collections::BTreeMap;

use threeworlds_model::{
    Capability, Charge, Execution, Fault, Moves, Process, Question, Replay, ReplayError, Steps,
};

use crate::explore::{Explored, Graph, Way};

/// States and the steps between them that lie on best walks, layer by layer: for each state of a layer the
/// states of the next layer that follow it, each with the fewest messages removed on the way.
pub(crate) type Trellis = Vec<BTreeMap<usize, BTreeMap<usize, u32>>>;

/// The shortest walks with the fewest removed messages from the start to any of these states, which are
/// all of one level and equally far in that sense.
pub(crate) fn stems<S: Steps>(explored: &mut Explored<S>, targets: &[usize]) -> Trellis {
    let depth = targets.first().map_or(0, |&target| explored.depth(target));
    let mut wanted: Vec<usize> = targets.to_vec();
    let mut trellis = vec![BTreeMap::new(); depth];
    for layer in (0..depth).rev() {
        wanted.sort_unstable();
        let most = wanted.iter().map(|&state| explored.removed[state]).max().unwrap_or(0);
        // Out of the way for a moment: following successors needs the rest of what was explored.
        let removed = std::mem::take(&mut explored.removed);
        let mut found: BTreeMap<usize, BTreeMap<usize, u32>> = BTreeMap::new();
        for state in explored.level_of(layer) {
            let so_far = removed[state];
            if so_far > most {
                continue;
            }
            explored.for_each_successor(state, &mut |_, next, cost| {
                if removed[next] == so_far + cost && wanted.binary_search(&next).is_ok() {
                    found.entry(state).or_default().insert(next, cost);
                }
            });
        }
        explored.removed = removed;
        wanted = found.keys().copied().collect();
        trellis[layer] = found;
    }
    trellis
}

/// Turns a trellis into one execution: the walk with the fewest faulty processes, every removed message
/// charged. `loop_from` is the layer at which a lasso's loop starts. Ties go to the walk found first, which
/// depends on nothing but the protocol and the question.
pub(crate) fn execution<S: Steps>(
    explored: &mut Explored<S>,
    question: &Question,
    protocol: &str,
    name: &str,
    trellis: &Trellis,
    loop_from: Option<usize>,
) -> Result<Execution, ReplayError> {
    let (start, choices) = fewest_faulty(explored, trellis);
    let mut execution = Execution::new(name, protocol, question.clone());
    execution.gst = match question.timing {
        threeworlds_model::Timing::LockStep => None,
        threeworlds_model::Timing::PartialSynchrony => {
            let first = choices.iter().position(|choice| !choice.before_gst);
            first.and_then(|index| u32::try_from(index + 1).ok())
        }
    };
    execution.loop_from_round = loop_from.and_then(|layer| u32::try_from(layer + 1).ok());
    let assignment = explored.graph.assignment(explored.states.row(start)).clone();
    let blamed = choices.iter().fold(0, |bits, choice| bits | choice.blamed);
    let system = question.system;
    for (process, capability) in system.processes().zip(&assignment.capabilities) {
        if let (Some(capability), true) = (*capability, blamed >> system.index(process) & 1 == 1) {
            execution.faulty.insert(process, Fault(capability));
        }
    }
    let mut replay = Replay::new(question, explored.graph.locals.steps())?;
    for choice in &choices {
        replay.round(&choice.moves)?;
    }
    execution.rounds = replay.into_rounds();
    Ok(execution)
}

/// One concrete round: what is removed, and who has to be faulty for it.
#[derive(Clone)]
struct Choice {
    moves: Moves,
    before_gst: bool,
    /// The processes that are charged or stop, as bits.
    blamed: u64,
}

/// Where a best walk to a state came from.
#[derive(Clone)]
struct Reached {
    blamed: u64,
    /// The state of the layer before, the position of its entry, and the round in between.
    from: Option<(usize, usize, Choice)>,
}

/// The walk through the trellis on which the fewest processes have to be faulty: its first state and its
/// rounds. Keeps for each state the sets of processes of which none contains another.
fn fewest_faulty<S: Steps>(explored: &mut Explored<S>, trellis: &Trellis) -> (usize, Vec<Choice>) {
    let starts = trellis[0].keys().map(|&state| (state, vec![Reached { blamed: 0, from: None }]));
    let mut layers: Vec<BTreeMap<usize, Vec<Reached>>> = vec![starts.collect()];
    for steps in trellis {
        let mut next: BTreeMap<usize, Vec<Reached>> = BTreeMap::new();
        for (&state, reached) in layers.last().expect("the first layer is there") {
            for (&successor, &removed) in steps.get(&state).into_iter().flatten() {
                let choices = choices(explored, state, successor, removed);
                assert!(!choices.is_empty(), "every step of the trellis can be made");
                let entry = next.entry(successor).or_default();
                for (position, before) in reached.iter().enumerate() {
                    for choice in &choices {
                        let blamed = before.blamed | choice.blamed;
                        let from = Some((state, position, choice.clone()));
                        keep_least(entry, Reached { blamed, from }, |reached| reached.blamed);
                    }
                }
            }
        }
        layers.push(next);
    }
    let last = layers.last().expect("the first layer is there");
    let ends =
        last.iter().flat_map(|(&state, all)| all.iter().enumerate().map(move |(at, one)| (one, state, at)));
    let (_, mut state, mut position) = ends
        .min_by_key(|&(reached, state, _)| {
            let property = explored.graph.facts(explored.states.row(state)).violation;
            (reached.blamed.count_ones(), property, reached.blamed, state)
        })
        .expect("the trellis leads somewhere");
    let mut rounds = Vec::new();
    for layer in layers.iter().rev() {
        if let Some((before, at, choice)) = &layer[&state][position].from {
            rounds.push(choice.clone());
            (state, position) = (*before, *at);
        }
    }
    rounds.reverse();
    (state, rounds)
}

/// All the ways to get from one state to another with so many removed messages and no needless blame.
fn choices<S: Steps>(explored: &mut Explored<S>, from: usize, to: usize, removed: u32) -> Vec<Choice> {
    let (row, target) = (explored.states.row(from).to_vec(), explored.states.row(to).to_vec());
    let graph = &mut explored.graph;
    let mut found = Vec::new();
    let mut ways = graph.ways(&row);
    while let Some(way) = ways.next(graph, &row) {
        if !graph.options_known(&way) {
            continue;
        }
        let mut leads = false;
        let outcome =
            graph.successors(&row, &way, &mut |_, next, cost| leads |= next == target && cost == removed);
        if outcome.is_ok() && leads {
            for choice in choices_by_way(graph, &row, &target, &way, removed) {
                keep_least(&mut found, choice, |choice| choice.blamed);
            }
        }
    }
    found
}

fn choices_by_way<S: Steps>(
    graph: &mut Graph<S>,
    row: &[u32],
    target: &[u32],
    way: &Way,
    removed: u32,
) -> Vec<Choice> {
    let system = graph.system;
    let mut start = Choice { moves: Moves::default(), before_gst: way.before_gst, blamed: way.crashing };
    for process in system.processes() {
        if way.crashing >> system.index(process) & 1 == 1 {
            start.moves.crashes.insert(process);
        }
    }
    for &(to, from) in &way.lost {
        let (from, to) = (system.process(usize::from(from)), system.process(usize::from(to)));
        start.moves.removed.insert((from, to), Charge::Process(from));
    }
    // Each entry: what was chosen for the processes so far, and their events.
    let mut partial: Vec<(Choice, Vec<u32>, u32)> =
        vec![(start, Vec::new(), u32::try_from(way.lost.len()).unwrap_or(u32::MAX))];
    for process in system.processes() {
        let index = system.index(process);
        let Some(situation) = way.situations[index] else {
            if process.is_client() {
                partial.iter_mut().for_each(|(_, events, _)| events.push(crate::explore::NO_EVENT));
            }
            continue;
        };
        let wanted = target[crate::explore::HEAD + index];
        let capabilities = graph.assignment(row).capabilities.clone();
        let mut next: Vec<(Choice, Vec<u32>, u32)> = Vec::new();
        let inbox: Vec<_> = graph.locals.inbox(situation.inbox).to_vec();
        let mut own: Vec<(u32, u32, Vec<(Process, Process)>)> = Vec::new();
        let never = &mut || false;
        let all = graph.locals.for_each_choice(situation, never, &mut |locals, exact, subset| {
            let (state, event) = locals.outcome(exact);
            if state == wanted {
                let gone = inbox.iter().zip(0..).filter(|(arrival, _)| arrival.removable).enumerate();
                let gone = gone.filter(|(bit, _)| subset >> bit & 1 == 1);
                let link = |(_, (arrival, _)): (usize, (&crate::explore::Arrival, i32))| {
                    (system.process(usize::from(arrival.from)), process)
                };
                own.push((event, subset.count_ones(), gone.map(link).collect()));
            }
        });
        all.expect("nobody interrupts");
        let least = |event: u32| own.iter().filter(|one| one.0 == event).map(|one| one.1).min();
        for (choice, events, so_far) in &partial {
            for (event, count, links) in &own {
                if least(*event) != Some(*count) || so_far + count > removed {
                    continue;
                }
                let mut events = events.clone();
                let mut requests = choice.moves.requests.clone();
                if process.is_client() {
                    events.push(*event);
                    if graph.event(*event).issues {
                        requests.insert(process);
                    }
                }
                let mut charged = vec![choice.clone()];
                charged[0].moves.requests = requests;
                for &(from, to) in links {
                    charged = charged
                        .into_iter()
                        .flat_map(|choice| {
                            let capability = |process| capabilities[system.index(process)];
                            let crashes = way.crashing >> system.index(from) & 1 == 1;
                            let sender = crashes || capability(from).is_some_and(Capability::omits_sends);
                            let receiver = capability(to).is_some_and(Capability::omits_receives);
                            let timing = way.before_gst.then_some(Charge::Timing);
                            let sender = sender.then_some(Charge::Process(from));
                            let receiver = receiver.then_some(Charge::Process(to));
                            let charges: Vec<Charge> = match timing {
                                Some(timing) => vec![timing],
                                None => sender.into_iter().chain(receiver).collect(),
                            };
                            charges.into_iter().map(move |charge| {
                                let mut choice = choice.clone();
                                if let Charge::Process(process) = charge {
                                    choice.blamed |= 1 << system.index(process);
                                }
                                choice.moves.removed.insert((from, to), charge);
                                choice
                            })
                        })
                        .collect();
                }
                for choice in charged {
                    let blamed = choice.blamed;
                    let alike = |one: &(Choice, Vec<u32>, u32)| {
                        one.1 == events && one.2 == so_far + count && one.0.blamed & !blamed == 0
                    };
                    if !next.iter().any(alike) {
                        next.push((choice, events.clone(), so_far + count));
                    }
                }
            }
        }
        partial = next;
    }
    let mut found = Vec::new();
    for (choice, events, count) in partial {
        let leads = graph.environment_after(row, &events) == Some(target[crate::explore::ENVIRONMENT]);
        if leads && count == removed {
            keep_least(&mut found, choice, |choice| choice.blamed);
        }
    }
    found
}

/// Adds an entry unless one with a subset of its processes is there; drops those that its own is a subset
/// of.
fn keep_least<T>(entries: &mut Vec<T>, new: T, blamed: impl Fn(&T) -> u64) {
    let bits = blamed(&new);
    if entries.iter().any(|entry| blamed(entry) & !bits == 0) {
        return;
    }
    entries.retain(|entry| bits & !blamed(entry) != 0);
    entries.push(new);
}
