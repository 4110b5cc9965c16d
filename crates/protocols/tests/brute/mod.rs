//! A slow and evidently right explorer, for the tests of the reference protocols only. It enumerates, for
//! every maximal faulty set, every state that can be reached, by every choice of who crashes, which requests
//! are issued and which of the removable messages are removed. Nothing is reduced but for one thing: as a
//! removed message touches its receiver only, the choices are made receiver by receiver and those with the
//! same effect on the receiver are made once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use threeworlds_model::{
    Assignment, Capability, ClientEvent, CrashDelivery, Environment, EnvironmentState, Process, Property,
    Protocol, Question, Request, Response, Step, Timing, check_step,
};

/// What exploring found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Distinct global states, added up over the maximal faulty sets, in the search for safety violations.
    pub(crate) states: usize,
    /// The first violation of safety and its round.
    pub(crate) violation: Option<(usize, Property)>,
    /// Whether Termination holds.
    pub(crate) terminates: bool,
    /// The most rounds that a non-faulty client waits, by kind of request; where Termination holds. Under
    /// partial synchrony it is counted from GST or from the request, whichever is later.
    pub(crate) worst: BTreeMap<&'static str, usize>,
}

/// Explores the question to the fixpoint.
pub(crate) fn explore<P: Protocol>(protocol: &P, question: &Question) -> Findings {
    let system = question.system;
    let mut findings = Findings { terminates: true, ..Findings::default() };
    for assignment in question.fault_model.maximal_assignments(&system, None).unwrap() {
        let graph = Explorer::new(protocol, question, assignment).explore();
        findings.states += graph.states.len();
        let first = graph.violation.into_iter().chain(findings.violation).min();
        findings.violation = first;
    }
    for client in system.client_ids() {
        for assignment in question.fault_model.maximal_assignments(&system, Some(client)).unwrap() {
            let graph = Explorer::new(protocol, question, assignment).explore();
            match graph.longest_wait(client) {
                Some(worst) => {
                    for (kind, rounds) in worst {
                        let most = findings.worst.entry(kind).or_default();
                        *most = rounds.max(*most);
                    }
                }
                None => findings.terminates = false,
            }
        }
    }
    findings
}

/// Numbers for things, in the order in which they are met.
struct Numbered<T> {
    numbers: HashMap<T, usize>,
    things: Vec<T>,
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    fn new() -> Self {
        Numbered { numbers: HashMap::new(), things: Vec::new() }
    }

    fn number(&mut self, thing: T) -> usize {
        let next = self.things.len();
        *self.numbers.entry(thing).or_insert_with_key(|thing| {
            self.things.push(thing.clone());
            next
        })
    }

    fn len(&self) -> usize {
        self.things.len()
    }
}

/// A state and what will be sent.
type Local<P> = (<P as Protocol>::State, Vec<(Process, <P as Protocol>::Message)>);

/// By process, `None` for those that crashed; then the environment; then whether GST has come.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Global {
    locals: Vec<Option<usize>>,
    environment: usize,
    stable: bool,
}

/// One way in which a process can come out of a round.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Outcome {
    local: Option<usize>,
    issues: bool,
    response: Option<Response>,
}

struct Explorer<'a, P: Protocol> {
    protocol: &'a P,
    question: &'a Question,
    assignment: Assignment,
    environment: Environment,
    locals: Numbered<(usize, Local<P>)>,
    environments: Numbered<EnvironmentState>,
    /// Local steps done before: process, local, whether a request comes and which, inbox.
    steps: HashMap<StepKey<P>, Outcome>,
}

/// Of a process in a round: `None` if it goes on, else it crashes and its messages to these still arrive.
type Crash = Option<Vec<Process>>;

/// Where a local step starts from.
type StepKey<P> = (usize, usize, Option<Request>, Vec<(Process, <P as Protocol>::Message)>);

/// The states that can be reached, from which to which.
struct Graph {
    environment: Environment,
    environments: Vec<EnvironmentState>,
    states: Vec<Global>,
    successors: Vec<Vec<usize>>,
    violation: Option<(usize, Property)>,
}

impl<'a, P: Protocol> Explorer<'a, P> {
    fn new(protocol: &'a P, question: &'a Question, assignment: Assignment) -> Self {
        Explorer {
            protocol,
            question,
            assignment,
            environment: question.environment(),
            locals: Numbered::new(),
            environments: Numbered::new(),
            steps: HashMap::new(),
        }
    }

    fn explore(mut self) -> Graph {
        let system = self.question.system;
        let locals = system.processes().map(|process| {
            let step = self.protocol.start(process, &system);
            check_step(&system, process, &step, false).unwrap();
            Some(self.locals.number((system.index(process), (step.state, step.send))))
        });
        let locals = locals.collect();
        let environment = self.environments.number(self.environment.start());
        let mut states = Numbered::new();
        states.number(Global { locals, environment, stable: self.question.timing == Timing::LockStep });
        let mut successors = Vec::new();
        let mut violation = None;
        let mut round = 0;
        while successors.len() < states.len() {
            round += 1;
            for number in successors.len()..states.len() {
                let state = states.things[number].clone();
                let next: BTreeSet<usize> =
                    self.successors(&state).into_iter().map(|next| states.number(next)).collect();
                for &next in &next {
                    let found = self.environments.things[states.things[next].environment].violation();
                    violation = violation.into_iter().chain(found.map(|property| (round, property))).min();
                }
                successors.push(next.into_iter().collect());
            }
        }
        Graph {
            environment: self.environment,
            environments: self.environments.things,
            states: states.things,
            successors,
            violation,
        }
    }

    /// All states at the end of a round that starts in this one.
    fn successors(&mut self, state: &Global) -> Vec<Global> {
        let size = self.question.system.size();
        let mut found = Vec::new();
        // GST may come before the round, and never goes.
        for stable in if state.stable { vec![true] } else { vec![false, true] } {
            let mut crashes: Vec<Vec<Crash>> = vec![Vec::new()];
            for index in 0..size {
                let choices = self.crashes(state, index);
                let with = |before: &Vec<Crash>| -> Vec<Vec<Crash>> {
                    let append = |choice: &Crash| [before.as_slice(), std::slice::from_ref(choice)].concat();
                    choices.iter().map(append).collect()
                };
                crashes = crashes.iter().flat_map(with).collect();
            }
            for crashes in &crashes {
                let outcomes: Vec<Vec<Outcome>> =
                    (0..size).map(|index| self.outcomes(state, index, crashes, stable)).collect();
                self.combine(state, stable, &outcomes, &mut Vec::new(), &mut found);
            }
        }
        found
    }

    /// Whether the process crashes in this round, and if so who receives something from it.
    fn crashes(&self, state: &Global, index: usize) -> Vec<Crash> {
        let mut choices = vec![None];
        let can_crash = self.assignment.capabilities[index] == Some(Capability::Crash);
        if let (true, Some(local)) = (can_crash, state.locals[index]) {
            let sent = &self.locals.things[local].1.1;
            let recipients: Vec<Process> = sent.iter().map(|(to, _)| *to).collect();
            match self.question.crash_delivery {
                CrashDelivery::AnySubset => {
                    for subset in 0..1usize << recipients.len() {
                        let chosen = recipients.iter().enumerate();
                        let chosen = chosen.filter(|(position, _)| subset >> position & 1 == 1);
                        choices.push(Some(chosen.map(|(_, to)| *to).collect()));
                    }
                }
                CrashDelivery::Prefix => {
                    let prefixes = (0..=recipients.len()).map(|length| Some(recipients[..length].to_vec()));
                    choices.extend(prefixes);
                }
            }
        }
        choices
    }

    /// The ways in which one process can come out of the round.
    fn outcomes(&mut self, state: &Global, me: usize, crashes: &[Crash], stable: bool) -> Vec<Outcome> {
        let system = self.question.system;
        let process = system.process(me);
        let Some(local) = state.locals[me] else {
            return vec![Outcome { local: None, issues: false, response: None }];
        };
        let environment = &self.environments.things[state.environment];
        let request =
            process.is_client().then(|| self.environment.next_request(environment, process).cloned());
        let request = request.flatten();
        if crashes[me].is_some() {
            let issued = [false, true].into_iter().take(1 + usize::from(request.is_some()));
            return issued.map(|issues| Outcome { local: None, issues, response: None }).collect();
        }
        // Who sends something to this process, and whether it can be removed.
        let mut arriving = Vec::new();
        for (index, sender) in state.locals.iter().enumerate() {
            let Some(sender) = *sender else { continue };
            let sent = &self.locals.things[sender].1.1;
            let Some(at) = sent.iter().position(|(to, _)| *to == process) else { continue };
            if crashes[index].as_ref().is_some_and(|delivered| !delivered.contains(&process)) {
                continue;
            }
            let omits_sends = self.assignment.capabilities[index].is_some_and(Capability::omits_sends);
            let omits_receives = self.assignment.capabilities[me].is_some_and(Capability::omits_receives);
            let removable = !stable || omits_sends || omits_receives;
            arriving.push((system.process(index), sent[at].1.clone(), removable));
        }
        let removable = arriving.iter().filter(|(.., removable)| *removable).count();
        let mut found = BTreeSet::new();
        for removed in 0..1usize << removable {
            let mut bit = 0;
            let mut received = Vec::new();
            for (from, message, removable) in &arriving {
                if *removable {
                    bit += 1;
                    if removed >> (bit - 1) & 1 == 1 {
                        continue;
                    }
                }
                received.push((*from, message.clone()));
            }
            for request in [None, request.clone()] {
                found.insert(self.step(me, local, request, received.clone()));
            }
        }
        found.into_iter().collect()
    }

    /// One local step.
    fn step(
        &mut self,
        me: usize,
        local: usize,
        request: Option<Request>,
        received: Vec<(Process, P::Message)>,
    ) -> Outcome {
        let key = (me, local, request, received);
        if let Some(outcome) = self.steps.get(&key) {
            return outcome.clone();
        }
        let system = self.question.system;
        let process = system.process(me);
        let (_, _, request, received) = &key;
        let state = &self.locals.things[local].1.0;
        let step = self.protocol.step(process, state, request.as_ref(), received);
        check_step(&system, process, &step, true).unwrap();
        let Step { state, send, response } = step;
        let local = Some(self.locals.number((me, (state, send))));
        let outcome = Outcome { local, issues: request.is_some(), response };
        self.steps.insert(key, outcome.clone());
        outcome
    }

    /// The product of the outcomes, process by process.
    fn combine(
        &mut self,
        state: &Global,
        stable: bool,
        outcomes: &[Vec<Outcome>],
        chosen: &mut Vec<Outcome>,
        found: &mut Vec<Global>,
    ) {
        if let Some(options) = outcomes.get(chosen.len()) {
            for outcome in options {
                chosen.push(outcome.clone());
                self.combine(state, stable, outcomes, chosen, found);
                chosen.pop();
            }
            return;
        }
        let system = self.question.system;
        let mut environment = state.environment;
        if chosen.iter().any(|outcome| outcome.issues || outcome.response.is_some()) {
            let events: Vec<ClientEvent<'_>> = system
                .client_ids()
                .map(|client| {
                    let outcome = &chosen[system.index(client)];
                    ClientEvent { client, issues: outcome.issues, response: outcome.response.as_ref() }
                })
                .collect();
            let next = self.environment.advance(&self.environments.things[environment], &events).unwrap();
            environment = self.environments.number(next);
        }
        let locals = chosen.iter().map(|outcome| outcome.local).collect();
        found.push(Global { locals, environment, stable });
    }
}

impl Graph {
    /// The most rounds that the client waits, by kind of request; `None` if it can wait for ever.
    fn longest_wait(&self, client: Process) -> Option<BTreeMap<&'static str, usize>> {
        let waits = |state: usize| {
            let environment = &self.environments[self.states[state].environment];
            self.states[state].stable && environment.is_outstanding(client)
        };
        // Depth first through the states in which it waits: how many rounds from each, at most.
        let mut rounds: Vec<Option<usize>> = vec![None; self.states.len()];
        let mut on_path = vec![false; self.states.len()];
        for start in (0..self.states.len()).filter(|&state| waits(state)) {
            let mut path = vec![(start, 0)];
            while let Some((state, position)) = path.pop() {
                if position == 0 {
                    if rounds[state].is_some() {
                        continue;
                    }
                    if on_path[state] {
                        return None;
                    }
                    on_path[state] = true;
                }
                match self.successors[state].get(position) {
                    Some(&next) => {
                        path.push((state, position + 1));
                        if waits(next) && rounds[next].is_none() {
                            path.push((next, 0));
                        }
                    }
                    None => {
                        let next = self.successors[state].iter().filter(|&&next| waits(next));
                        rounds[state] = Some(1 + next.filter_map(|&next| rounds[next]).max().unwrap_or(0));
                        on_path[state] = false;
                    }
                }
            }
        }
        let mut worst = BTreeMap::new();
        for (state, rounds) in rounds.iter().enumerate() {
            let Some(rounds) = *rounds else { continue };
            let environment = &self.environments[self.states[state].environment];
            let kind = self.environment.outstanding(environment, client).unwrap().kind();
            let most = worst.entry(kind).or_default();
            *most = rounds.max(*most);
        }
        Some(worst)
    }
}
