use std::collections::{BTreeMap, BTreeSet};

use threeworlds_model::{
    Capability, Charge, CrashDelivery, Execution, Fault, Moves, Process, Question, Replay, ReplayError,
    Steps, Timing,
};

use super::walks::Trellis;
use crate::explore::{ENVIRONMENT, Graph, HEAD, NO_EVENT, Rows, Way};

/// Turns a trellis into one execution: the walk with the fewest faulty processes, every removed message
/// charged. `loop_from` is the layer at which a lasso's loop starts. Ties go to the walk found first, which
/// depends on nothing but the protocol and the question.
pub(crate) fn execution<S: Steps>(
    graph: &mut Graph<S>,
    rows: &Rows,
    question: &Question,
    protocol: &str,
    name: &str,
    trellis: &Trellis,
    loop_from: Option<usize>,
) -> Result<Execution, ReplayError> {
    let (start, choices) = fewest_faulty(graph, rows, trellis);
    let mut execution = Execution::new(name, protocol, question.clone());
    execution.gst = match question.timing {
        Timing::LockStep => None,
        Timing::PartialSynchrony => {
            let first = choices.iter().position(|choice| !choice.before_gst);
            first.and_then(|index| u32::try_from(index + 1).ok())
        }
    };
    execution.loop_from_round = loop_from.and_then(|layer| u32::try_from(layer + 1).ok());
    let assignment = graph.assignment(rows.row(start)).clone();
    let blamed = choices.iter().fold(0, |bits, choice| bits | choice.blamed);
    let system = question.system;
    for (process, capability) in system.processes().zip(&assignment.capabilities) {
        if let (Some(capability), true) = (*capability, blamed >> system.index(process) & 1 == 1) {
            execution.faulty.insert(process, Fault(capability));
        }
    }
    let mut replay = Replay::new(question, graph.locals.steps())?;
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
fn fewest_faulty<S: Steps>(graph: &mut Graph<S>, rows: &Rows, trellis: &Trellis) -> (usize, Vec<Choice>) {
    let starts = trellis[0].keys().map(|&state| (state, vec![Reached { blamed: 0, from: None }]));
    let mut layers: Vec<BTreeMap<usize, Vec<Reached>>> = vec![starts.collect()];
    for steps in trellis {
        let mut next: BTreeMap<usize, Vec<Reached>> = BTreeMap::new();
        for (&state, reached) in layers.last().expect("the first layer is there") {
            for (&successor, &removed) in steps.get(&state).into_iter().flatten() {
                let choices = choices(graph, rows.row(state), rows.row(successor), removed);
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
            let property = graph.facts(rows.row(state)).violation;
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
fn choices<S: Steps>(graph: &mut Graph<S>, row: &[u32], target: &[u32], removed: u32) -> Vec<Choice> {
    let mut found = Vec::new();
    let mut ways = graph.ways(row);
    while let Some(way) = ways.next(graph, row) {
        // Without ages there is one such row, the target itself.
        let mut leading: BTreeSet<Vec<u32>> = BTreeSet::new();
        let followed = graph.successors(row, &way, Some(removed), &mut |next, exact| {
            if next == target {
                leading.insert(exact.to_vec());
            }
        });
        followed.expect("every step of the trellis was taken before");
        for exact in &leading {
            for choice in choices_by_way(graph, row, exact, &way, removed) {
                keep_least(&mut found, choice, |choice| choice.blamed);
            }
        }
    }
    found
}

/// The choices for some of the processes.
#[derive(Clone)]
struct Partial {
    choice: Choice,
    /// Of the clients among them.
    events: Vec<u32>,
    removed: u32,
}

fn choices_by_way<S: Steps>(
    graph: &mut Graph<S>,
    row: &[u32],
    target: &[u32],
    way: &Way,
    removed: u32,
) -> Vec<Choice> {
    let system = graph.system;
    let mut choice = Choice { moves: Moves::default(), before_gst: way.before_gst, blamed: way.crashing };
    choice.moves.crashes = system.processes().filter(|&process| way.crashes(&system, process)).collect();
    for &(to, from) in &way.lost {
        let (from, to) = (system.process(usize::from(from)), system.process(usize::from(to)));
        choice.moves.removed.insert((from, to), Charge::Process(from));
    }
    let lost = u32::try_from(way.lost.len()).expect("fewer messages than pairs of processes");
    let mut partials = vec![Partial { choice, events: Vec::new(), removed: lost }];
    for process in system.processes() {
        let removals = removals(graph, way, process, target[HEAD + system.index(process)]);
        let mut next: Vec<Partial> = Vec::new();
        for (partial, removal) in
            partials.iter().flat_map(|partial| removals.iter().map(move |one| (partial, one)))
        {
            let mut partial = partial.clone();
            partial.removed += u32::try_from(removal.links.len()).expect("fewer messages than processes");
            if process.is_client() {
                partial.events.push(removal.event);
                if graph.event(removal.event).issues {
                    partial.choice.moves.requests.insert(process);
                }
            }
            for choice in charged(graph, row, way, partial.choice.clone(), &removal.links) {
                // One with the same events, as many removals and less blame serves as well.
                let serves = |other: &Partial| {
                    other.events == partial.events
                        && other.removed == partial.removed
                        && other.choice.blamed & !choice.blamed == 0
                };
                if !next.iter().any(serves) {
                    next.push(Partial { choice, ..partial.clone() });
                }
            }
        }
        partials = next;
    }
    let mut found = Vec::new();
    for Partial { choice, events, removed: count } in partials {
        if count == removed && graph.environment_after(row, &events) == Some(target[ENVIRONMENT]) {
            keep_least(&mut found, choice, |choice| choice.blamed);
        }
    }
    found
}

/// One set of messages to a process whose removal leads where it should, and the event that goes with it.
struct Removal {
    event: u32,
    links: Vec<(Process, Process)>,
}

/// The smallest sets of messages to a process that have to be removed for it to come to a local state, for
/// each event with which it can.
fn removals<S: Steps>(graph: &mut Graph<S>, way: &Way, process: Process, wanted: u32) -> Vec<Removal> {
    let system = graph.system;
    let Some(situation) = way.situations[system.index(process)] else {
        return vec![Removal { event: NO_EVENT, links: Vec::new() }];
    };
    let removable = graph.locals.inbox(situation.inbox).filter(|arrival| arrival.removable);
    let senders: Vec<Process> = removable.map(|arrival| system.process(usize::from(arrival.from))).collect();
    let mut found: Vec<Removal> = Vec::new();
    let all = graph.locals.for_each_choice(situation, &mut || false, &mut |locals, exact, subset| {
        let outcome = locals.outcome(exact);
        if outcome.next == wanted {
            let gone = senders.iter().enumerate().filter(|&(bit, _)| subset >> bit & 1 == 1);
            found.push(Removal {
                event: outcome.event,
                links: gone.map(|(_, &from)| (from, process)).collect(),
            });
        }
        Ok(())
    });
    all.expect("nobody interrupts");
    let mut fewest: BTreeMap<u32, usize> = BTreeMap::new();
    for removal in &found {
        let entry = fewest.entry(removal.event).or_insert(removal.links.len());
        *entry = removal.links.len().min(*entry);
    }
    found.retain(|removal| removal.links.len() == fewest[&removal.event]);
    found
}

/// The choice with these messages removed too, in every way in which they can be charged.
fn charged<S: Steps>(
    graph: &Graph<S>,
    row: &[u32],
    way: &Way,
    choice: Choice,
    links: &[(Process, Process)],
) -> Vec<Choice> {
    let system = &graph.system;
    let capability = |process: Process| graph.assignment(row).capabilities[system.index(process)];
    let mut choices = vec![choice];
    for &(from, to) in links {
        // What a crash costs under prefix delivery is in `way.lost` already.
        let by_crash = way.crashes(system, from) && graph.crash_delivery == CrashDelivery::AnySubset;
        let sender = by_crash || capability(from).is_some_and(Capability::omits_sends);
        let receiver = capability(to).is_some_and(Capability::omits_receives);
        let mut charges = Vec::new();
        if way.before_gst {
            charges.push(Charge::Timing);
        } else {
            charges.extend(sender.then_some(Charge::Process(from)));
            charges.extend(receiver.then_some(Charge::Process(to)));
        }
        let mut next = Vec::new();
        for (choice, charge) in
            choices.iter().flat_map(|choice| charges.iter().map(move |charge| (choice, *charge)))
        {
            let mut choice = choice.clone();
            if let Charge::Process(process) = charge {
                choice.blamed |= 1 << system.index(process);
            }
            choice.moves.removed.insert((from, to), charge);
            // Whatever is charged later, less blame stays less.
            keep_least(&mut next, choice, |choice| choice.blamed);
        }
        choices = next;
    }
    choices
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
