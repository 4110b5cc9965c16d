//! A checker that does everything the slow way: every allowed faulty set, every subset of the messages that
//! can be removed, every choice of crashes and requests, one at a time, over whole global states. It shares
//! with the engine the definition of the environment's monitor and nothing else.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;

use threeworlds_model::{
    AlikeClients, Assignment, Capability, ClientEvent, CrashDelivery, Environment, EnvironmentState, Process,
    Protocol, Question, Renaming, Request, Response, Symmetry, System, Timing,
};

/// What the naive checker finds; a counterexample is its rounds, removed messages and faulty processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Findings {
    pub(crate) unsafe_after: Option<(usize, u32, usize)>,
    pub(crate) lasso: Option<(usize, u32, usize)>,
    pub(crate) worst_case_rounds: BTreeMap<&'static str, u32>,
    /// States under the maximal faulty sets, and under those that are maximal among the ones that spare a client.
    pub(crate) states: usize,
    /// States after at most so many rounds, each round and each faulty set for itself.
    pub(crate) by_round: usize,
}

/// Rounds for [`Findings::by_round`].
pub(crate) const ROUNDS: u16 = 3;

/// A state and what leaves in the next round.
type Local<S, M> = (S, Vec<(Process, M)>);

/// A successor and how many messages were removed on the way to it.
type Successor<P> = (Global<<P as Protocol>::State, <P as Protocol>::Message>, u32);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Global<S, M> {
    after_gst: bool,
    locals: Vec<Option<Local<S, M>>>,
    environment: EnvironmentState,
}

/// The transition graph under one assignment.
struct Graph<S, M> {
    states: Vec<Global<S, M>>,
    depth: Vec<usize>,
    /// Successor and how many messages are removed.
    edges: Vec<Vec<(usize, u32)>>,
}

/// `None` if there are more steps than anyone wants to wait for.
pub(crate) fn check<P: Protocol>(question: &Question, protocol: &P, most_steps: usize) -> Option<Findings> {
    let environment = question.environment();
    let mut findings = Findings {
        unsafe_after: None,
        lasso: None,
        worst_case_rounds: BTreeMap::new(),
        states: 0,
        by_round: 0,
    };
    let spared = [None].into_iter().chain(question.system.client_ids().map(Some));
    let maximal: Vec<Assignment> = spared
        .flat_map(|spared| question.fault_model.maximal_assignments(&question.system, spared).unwrap())
        .collect();
    for assignment in question.fault_model.assignments(&question.system).unwrap() {
        let graph = explore(question, protocol, &environment, &assignment, most_steps)?;
        if maximal.contains(&assignment) {
            findings.states += graph.states.len();
        }
        findings.by_round += graph.states_by_round();
        let faulty = assignment.capabilities.iter().flatten().count();
        let violation = graph.first_violation().map(|(rounds, removed)| (rounds, removed, faulty));
        findings.unsafe_after = least(findings.unsafe_after, violation);
        for client in question.system.client_ids() {
            if assignment.capabilities[question.system.index(client)].is_some() {
                continue;
            }
            let lasso = graph.shortest_lasso(client).map(|(rounds, removed)| (rounds, removed, faulty));
            if lasso.is_none() {
                graph.worst_case(&environment, client, question, &mut findings.worst_case_rounds);
            }
            findings.lasso = least(findings.lasso, lasso);
        }
    }
    if findings.lasso.is_some() {
        findings.worst_case_rounds.clear();
    }
    Some(findings)
}

/// How many states there are under an assignment, where those are one that a renaming makes of each other that keeps
/// the assignment.
pub(crate) fn orbits<P: Protocol>(question: &Question, protocol: &P, assignment: &Assignment) -> usize {
    let (system, environment) = (question.system, question.environment());
    let graph = explore(question, protocol, &environment, assignment, usize::MAX).expect("there is no limit");
    let keeps = |renaming: &Renaming| under(&system, assignment, renaming) == *assignment;
    let renamings: Vec<Renaming> =
        renamings(question, protocol.symmetry()).into_iter().filter(keeps).collect();
    let renamed = |state: &Global<P::State, P::Message>, renaming: &Renaming| {
        let mut renamed = state.clone();
        renamed.environment = state.environment.renamed(renaming);
        for (process, local) in system.processes().zip(&state.locals) {
            let local = local.clone().map(|(mut state, mut send)| {
                protocol.rename_state(&mut state, renaming);
                for (to, message) in &mut send {
                    *to = renaming.process(*to);
                    protocol.rename_message(message, renaming);
                }
                send.sort();
                (state, send)
            });
            renamed.locals[system.index(renaming.process(process))] = local;
        }
        renamed
    };
    let mut seen = HashSet::new();
    let mut count = 0;
    for state in &graph.states {
        if !seen.contains(&renamed(state, &renamings[0])) {
            count += 1;
            seen.extend(renamings.iter().map(|renaming| renamed(state, renaming)));
        }
    }
    count
}

/// What becomes of an assignment.
pub(crate) fn under(system: &System, assignment: &Assignment, renaming: &Renaming) -> Assignment {
    let mut renamed = assignment.clone();
    for process in system.processes() {
        renamed.capabilities[system.index(renaming.process(process))] =
            assignment.capabilities[system.index(process)];
    }
    renamed
}

/// All renamings that a declaration admits, by definition: every permutation of processes is tried. The identity
/// comes first.
pub(crate) fn renamings(question: &Question, symmetry: Symmetry) -> Vec<Renaming> {
    let (system, workload) = (question.system, &question.workload);
    let of = |client: u16| workload.of(Process::Client(client));
    let mut found = Vec::new();
    for servers in permutations(system.servers) {
        if !symmetry.servers && !servers.is_sorted() {
            continue;
        }
        'clients: for clients in permutations(system.clients) {
            let mut values = BTreeMap::new();
            for (client, &new) in (1..).zip(&clients) {
                let (own, others) = (of(client), of(new));
                let alike = client == new
                    || match symmetry.clients {
                        AlikeClients::None => false,
                        AlikeClients::Readers => {
                            own.iter().chain(others).all(|request| *request == Request::Read {})
                        }
                        AlikeClients::SameRequests => own == others,
                        AlikeClients::All => true,
                    };
                if !alike || own.len() != others.len() {
                    continue 'clients;
                }
                for (own, other) in own.iter().zip(others) {
                    let same = match (own.value(), other.value()) {
                        (Some(old), Some(new)) => {
                            own.kind() == other.kind()
                                && values.entry(old.clone()).or_insert(new.clone()) == new
                        }
                        _ => own == other,
                    };
                    if !same {
                        continue 'clients;
                    }
                }
            }
            // Nothing if two values have one new name.
            found.extend(Renaming::new(&servers, &clients, &values));
        }
    }
    found
}

/// All orders of the numbers up to this one, the usual one first.
fn permutations(numbers: u16) -> Vec<Vec<u16>> {
    let mut all = vec![Vec::new()];
    for _ in 0..numbers {
        let longer = |one: &Vec<u16>| {
            let left = (1..=numbers).filter(|number| !one.contains(number));
            left.map(|number| [one.as_slice(), &[number]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

fn least<T: Ord>(one: Option<T>, two: Option<T>) -> Option<T> {
    one.into_iter().chain(two).min()
}

fn explore<P: Protocol>(
    question: &Question,
    protocol: &P,
    environment: &Environment,
    assignment: &Assignment,
    most_steps: usize,
) -> Option<Graph<P::State, P::Message>> {
    let system = &question.system;
    let local = |process| {
        let step = protocol.start(process, system);
        Some((step.state, step.send))
    };
    let start = Global {
        after_gst: question.timing == Timing::LockStep,
        locals: system.processes().map(local).collect(),
        environment: environment.start(),
    };
    let mut graph = Graph { states: vec![start.clone()], depth: vec![0], edges: Vec::new() };
    let mut numbers = HashMap::from([(start, 0usize)]);
    let (mut at, mut steps) = (0, 0);
    while at < graph.states.len() {
        let mut edges = HashSet::new();
        let all = successors(question, protocol, environment, assignment, &graph.states[at].clone());
        steps += all.len();
        if steps > most_steps {
            return None;
        }
        for (next, removed) in all {
            let number = *numbers.entry(next.clone()).or_insert_with(|| {
                graph.states.push(next);
                graph.depth.push(graph.depth[at] + 1);
                graph.states.len() - 1
            });
            edges.insert((number, removed));
        }
        let mut edges: Vec<_> = edges.into_iter().collect();
        edges.sort_unstable();
        graph.edges.push(edges);
        at += 1;
    }
    Some(graph)
}

/// All successors, each with the number of removed messages, by brute force.
fn successors<P: Protocol>(
    question: &Question,
    protocol: &P,
    environment: &Environment,
    assignment: &Assignment,
    state: &Global<P::State, P::Message>,
) -> Vec<Successor<P>> {
    let system = &question.system;
    let capability = |process: Process| assignment.capabilities[system.index(process)];
    let alive = |process: Process| state.locals[system.index(process)].is_some();
    let may_crash: Vec<Process> =
        system.processes().filter(|&p| alive(p) && capability(p) == Some(Capability::Crash)).collect();
    let may_issue: Vec<Process> = system
        .client_ids()
        .filter(|&client| alive(client) && environment.next_request(&state.environment, client).is_some())
        .collect();
    let mut found = Vec::new();
    let phases: &[bool] = if state.after_gst { &[true] } else { &[false, true] };
    for &after_gst in phases {
        for crashing in subsets(&may_crash) {
            for issuing in subsets(&may_issue) {
                if issuing.iter().any(|client| crashing.contains(client)) {
                    continue;
                }
                let stops = |process: Process| !alive(process) || crashing.contains(&process);
                // Messages to whoever takes a step; whether it may be removed; who crashes while sending it.
                let mut messages = Vec::new();
                for from in system.processes().filter(|&p| alive(p)) {
                    let (_, send) = state.locals[system.index(from)].as_ref().unwrap();
                    for (to, message) in send.iter().filter(|(to, _)| !stops(*to)) {
                        let faulty = capability(from).is_some_and(Capability::omits_sends)
                            || capability(*to).is_some_and(Capability::omits_receives);
                        let crashes = crashing.contains(&from);
                        messages.push((from, *to, message.clone(), faulty || !after_gst || crashes, crashes));
                    }
                }
                let removable: Vec<usize> = (0..messages.len()).filter(|&index| messages[index].3).collect();
                for removed in subsets(&removable) {
                    if question.crash_delivery == CrashDelivery::Prefix {
                        // What arrives of a process that crashes is a prefix, except for what its receivers
                        // or the timing lose.
                        let otherwise = |index: usize| {
                            let (from, to, ..) = messages[index];
                            !after_gst
                                || capability(to).is_some_and(Capability::omits_receives)
                                || capability(from).is_some_and(Capability::omits_sends)
                        };
                        let broken = removed.iter().any(|&lost| {
                            messages[lost].4
                                && !otherwise(lost)
                                && (lost + 1..messages.len()).any(|later| {
                                    messages[later].0 == messages[lost].0 && !removed.contains(&later)
                                })
                        });
                        if broken {
                            continue;
                        }
                    }
                    let mut locals = vec![None; system.size()];
                    let mut responses: Vec<(Process, Response)> = Vec::new();
                    for process in system.processes().filter(|&p| !stops(p)) {
                        let (local, _) = state.locals[system.index(process)].as_ref().unwrap();
                        let request: Option<&Request> = if issuing.contains(&process) {
                            environment.next_request(&state.environment, process)
                        } else {
                            None
                        };
                        let received: Vec<_> = messages
                            .iter()
                            .enumerate()
                            .filter(|(index, message)| message.1 == process && !removed.contains(index))
                            .map(|(_, (from, _, message, ..))| (*from, message.clone()))
                            .collect();
                        let step = protocol.step(process, local, request, &received);
                        responses.extend(step.response.map(|response| (process, response)));
                        locals[system.index(process)] = Some((step.state, step.send));
                    }
                    let events: Vec<ClientEvent<'_>> = system
                        .client_ids()
                        .map(|client| ClientEvent {
                            client,
                            issues: issuing.contains(&client),
                            response: responses
                                .iter()
                                .find(|(to, _)| *to == client)
                                .map(|(_, response)| response),
                        })
                        .collect();
                    let environment = environment.advance(&state.environment, &events).unwrap();
                    found.push((Global { after_gst, locals, environment }, removed.len() as u32));
                }
            }
        }
    }
    found
}

fn subsets<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let of = |bits: u32| {
        items
            .iter()
            .enumerate()
            .filter(|(index, _)| bits >> index & 1 == 1)
            .map(|(_, item)| item.clone())
            .collect()
    };
    (0..1u32 << items.len()).map(of).collect()
}

impl<S: Debug, M: Debug> Graph<S, M> {
    /// Fewest rounds, and fewest removed messages for them, to a violation.
    fn first_violation(&self) -> Option<(usize, u32)> {
        let removed = self.fewest_removed();
        let violated =
            (0..self.states.len()).filter(|&state| self.states[state].environment.violation().is_some());
        violated.map(|state| (self.depth[state], removed[state])).min()
    }

    /// For each state the fewest removed messages on a shortest walk to it.
    fn fewest_removed(&self) -> Vec<u32> {
        let mut removed = vec![u32::MAX; self.states.len()];
        removed[0] = 0;
        // States are in the order of their depths, so a state's own figure is final when it is looked at.
        for state in 0..self.states.len() {
            for &(next, cost) in &self.edges[state] {
                if self.depth[next] == self.depth[state] + 1 {
                    removed[next] = removed[next].min(removed[state] + cost);
                }
            }
        }
        removed
    }

    fn states_by_round(&self) -> usize {
        let mut layer = HashSet::from([0usize]);
        let mut sum = layer.len();
        for _ in 0..ROUNDS {
            layer = layer.iter().flat_map(|&state| self.edges[state].iter().map(|&(next, _)| next)).collect();
            sum += layer.len();
        }
        sum
    }

    fn waits(&self, state: usize, client: Process) -> bool {
        self.states[state].after_gst && self.states[state].environment.is_outstanding(client)
    }

    /// Fewest rounds in stem and loop, and fewest removed messages for them.
    fn shortest_lasso(&self, client: Process) -> Option<(usize, u32)> {
        let stems = self.fewest_removed();
        let mut best = None;
        for state in (0..self.states.len()).filter(|&state| self.waits(state, client)) {
            // Fewest removed messages by the length of the walk, until it comes back.
            let mut layer = BTreeMap::from([(state, 0u32)]);
            let most = match best {
                Some((rounds, _)) if rounds <= self.depth[state] => continue,
                Some((rounds, _)) => rounds - self.depth[state],
                None => self.states.len(),
            };
            for length in 1..=most {
                let mut next_layer: BTreeMap<usize, u32> = BTreeMap::new();
                for (&from, &so_far) in &layer {
                    for &(next, cost) in self.edges[from].iter().filter(|(next, _)| self.waits(*next, client))
                    {
                        let entry = next_layer.entry(next).or_insert(u32::MAX);
                        *entry = (*entry).min(so_far + cost);
                    }
                }
                if let Some(cost) = next_layer.get(&state) {
                    best = least(best, Some((self.depth[state] + length, stems[state] + cost)));
                    break;
                }
                if next_layer.is_empty() {
                    break;
                }
                layer = next_layer;
            }
        }
        best
    }

    /// The longest wait, by kind of request, where every wait ends.
    fn worst_case(
        &self,
        environment: &Environment,
        client: Process,
        question: &Question,
        worst: &mut BTreeMap<&'static str, u32>,
    ) {
        let mut longest: Vec<Option<u32>> = vec![None; self.states.len()];
        for state in 0..self.states.len() {
            if self.waits(state, client) {
                let rounds = self.longest_wait(state, client, &mut longest);
                let kind = environment.outstanding(&self.states[state].environment, client).unwrap().kind();
                let entry = worst.entry(kind).or_insert(0);
                *entry = rounds.max(*entry);
            }
            let issued = self.states[state].environment.issued(client);
            for request in question.workload.of(client).iter().take(usize::from(issued)) {
                worst.entry(request.kind()).or_insert(0);
            }
        }
    }

    fn longest_wait(&self, state: usize, client: Process, longest: &mut Vec<Option<u32>>) -> u32 {
        if let Some(rounds) = longest[state] {
            return rounds;
        }
        let mut rounds = 1;
        for &(next, _) in &self.edges[state] {
            if self.waits(next, client) {
                rounds = rounds.max(1 + self.longest_wait(next, client, longest));
            }
        }
        longest[state] = Some(rounds);
        rounds
    }
}
