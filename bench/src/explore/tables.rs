//! A system as tables of the local steps that are reachable in it: what a protocol in values becomes before
//! the peers explore it, so that a local step costs them a look-up and nothing is measured but exploring.

use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use threeworlds_model::{
    Assignment, ClientEvent, Environment, EnvironmentState, Process, Protocol, Question, Response, Step,
};

use super::peers::successors;
use super::rounds::{Inbox, PROCESSES_MAX, Rounds, starts};

/// Local states, by process and number, in the order in which a breadth-first search meets them.
pub struct Tables {
    pub size: (usize, usize),
    pub faulty_sets: Vec<u16>,
    pub rounds: Option<u8>,
    /// By process and local state what is sent to each process.
    pub messages: Vec<Vec<Inbox>>,
    pub steps: FxHashMap<StepKey, (u32, u8)>,
    /// By monitor the requests that may be given.
    pub requests: Vec<Inbox>,
    pub observed: FxHashMap<ObserveKey, u16>,
    /// Distinct states.
    pub states: usize,
}

/// Process, local state, request, what arrives.
pub type StepKey = (u8, u32, u8, Inbox);

/// Monitor, clients that are given their request, events.
pub type ObserveKey = (u16, u16, Inbox);

impl Tables {
    /// Explores the system, which has `N` processes.
    pub fn of<R: Rounds, const N: usize>(rounds: R) -> Tables {
        let recording = Recording { rounds, recorded: Mutex::default() };
        let mut seen: FxHashSet<_> = starts::<_, N>(&recording).into_iter().collect();
        let mut level = starts::<_, N>(&recording);
        let mut found = Vec::new();
        let known = Mutex::default();
        while !level.is_empty() {
            let mut next_level = Vec::new();
            for state in &level {
                found.clear();
                successors(&recording, &known, state, &mut found);
                next_level.extend(found.iter().filter(|&&next| seen.insert(next)));
            }
            level = next_level;
        }
        recording.tables::<N>(seen.len())
    }
}

impl Rounds for Tables {
    type Local = u16;

    fn size(&self) -> (usize, usize) {
        self.size
    }

    fn faulty_sets(&self) -> &[u16] {
        &self.faulty_sets
    }

    fn rounds(&self) -> Option<u8> {
        self.rounds
    }

    fn start(&self, _: usize) -> u16 {
        0
    }

    fn message(&self, process: usize, local: u16, to: usize) -> u8 {
        self.messages[process][usize::from(local)][to]
    }

    fn step(&self, process: usize, local: u16, request: u8, inbox: &Inbox) -> (u16, u8) {
        let (next, event) = self.steps[&(process as u8, local.into(), request, *inbox)];
        (next as u16, event)
    }

    fn requests(&self, monitor: u16) -> Inbox {
        self.requests[usize::from(monitor)]
    }

    fn observe(&self, monitor: u16, asked: u16, events: &[u8]) -> u16 {
        self.observed[&(monitor, asked, inbox_of(events))]
    }
}

fn inbox_of(events: &[u8]) -> Inbox {
    let mut all = [0; PROCESSES_MAX];
    all[..events.len()].copy_from_slice(events);
    all
}

/// Writes down what is asked of a system.
struct Recording<R: Rounds> {
    rounds: R,
    recorded: Mutex<Recorded<R::Local>>,
}

#[derive(Default)]
struct Recorded<L> {
    steps: FxHashMap<(u8, L, u8, Inbox), (L, u8)>,
    observed: FxHashMap<ObserveKey, u16>,
}

impl<R: Rounds> Recording<R> {
    fn recorded(&self) -> MutexGuard<'_, Recorded<R::Local>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tables<const N: usize>(self, states: usize) -> Tables {
        let Recording { rounds, recorded } = self;
        let Recorded { steps, observed } = recorded.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut locals: Vec<Vec<R::Local>> = (0..N).map(|process| vec![rounds.start(process)]).collect();
        let mut numbers: FxHashMap<(u8, R::Local), u32> =
            (0..N).map(|process| ((process as u8, rounds.start(process)), 0)).collect();
        let mut in_order: Vec<_> = steps.into_iter().collect();
        in_order.sort_unstable();
        for &((process, local, ..), (next, _)) in &in_order {
            for local in [local, next] {
                if let Entry::Vacant(entry) = numbers.entry((process, local)) {
                    entry.insert(locals[usize::from(process)].len() as u32);
                    locals[usize::from(process)].push(local);
                }
            }
        }
        let number = |process: u8, local| numbers[&(process, local)];
        let steps = in_order.into_iter().map(|((process, local, request, inbox), (next, event))| {
            ((process, number(process, local), request, inbox), (number(process, next), event))
        });
        let messages = locals.iter().enumerate().map(|(process, locals)| {
            let sends = |&local: &R::Local| {
                let message =
                    |to| if to >= N || to == process { 0 } else { rounds.message(process, local, to) };
                std::array::from_fn(message)
            };
            locals.iter().map(sends).collect()
        });
        let monitors = observed.values().copied().max().unwrap_or(0);
        Tables {
            size: rounds.size(),
            faulty_sets: rounds.faulty_sets().to_vec(),
            rounds: rounds.rounds(),
            steps: steps.collect(),
            messages: messages.collect(),
            requests: (0..=monitors).map(|monitor| rounds.requests(monitor)).collect(),
            observed,
            states,
        }
    }
}

impl<R: Rounds> Rounds for Recording<R> {
    type Local = R::Local;

    fn size(&self) -> (usize, usize) {
        self.rounds.size()
    }

    fn faulty_sets(&self) -> &[u16] {
        self.rounds.faulty_sets()
    }

    fn rounds(&self) -> Option<u8> {
        self.rounds.rounds()
    }

    fn start(&self, process: usize) -> R::Local {
        self.rounds.start(process)
    }

    fn message(&self, process: usize, local: R::Local, to: usize) -> u8 {
        self.rounds.message(process, local, to)
    }

    fn step(&self, process: usize, local: R::Local, request: u8, inbox: &Inbox) -> (R::Local, u8) {
        let step = self.rounds.step(process, local, request, inbox);
        self.recorded().steps.insert((process as u8, local, request, *inbox), step);
        step
    }

    fn monitor(&self) -> u16 {
        self.rounds.monitor()
    }

    fn requests(&self, monitor: u16) -> Inbox {
        self.rounds.requests(monitor)
    }

    fn observe(&self, monitor: u16, asked: u16, events: &[u8]) -> u16 {
        let next = self.rounds.observe(monitor, asked, events);
        self.recorded().observed.insert((monitor, asked, inbox_of(events)), next);
        next
    }
}

/// A protocol with the monitor of its question, in numbers: what is met first has the least.
pub struct Interned<P: Protocol> {
    protocol: P,
    question: Question,
    environment: Environment,
    faulty_sets: Vec<u16>,
    values: Mutex<Values<P>>,
}

type Local<P> = (<P as Protocol>::State, Vec<(Process, <P as Protocol>::Message)>);

struct Values<P: Protocol> {
    locals: Vec<Numbered<Local<P>>>,
    messages: Numbered<P::Message>,
    responses: Numbered<Response>,
    environments: Numbered<EnvironmentState>,
    observed: FxHashMap<ObserveKey, u16>,
}

struct Numbered<T> {
    values: Vec<T>,
    numbers: FxHashMap<T, u16>,
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    fn new() -> Self {
        Numbered { values: Vec::new(), numbers: FxHashMap::default() }
    }

    fn number(&mut self, value: T) -> u16 {
        let next = u16::try_from(self.values.len()).expect("a measured system has few local states");
        *self.numbers.entry(value).or_insert_with_key(|value| {
            self.values.push(value.clone());
            next
        })
    }

    /// One more, so that 0 is none.
    fn byte(&mut self, value: T) -> u8 {
        u8::try_from(self.number(value) + 1).expect("a measured system has few messages")
    }

    fn of_byte(&self, byte: u8) -> Option<&T> {
        byte.checked_sub(1).map(|number| &self.values[usize::from(number)])
    }
}

impl<P: Protocol> Interned<P> {
    /// With these faulty sets, to the fixpoint.
    pub fn new(protocol: P, question: &Question, assignments: &[Assignment]) -> Self {
        let faulty = |assignment: &Assignment| {
            let capabilities = assignment.capabilities.iter().enumerate();
            let faulty = capabilities.filter(|(_, capability)| capability.is_some());
            faulty.fold(0, |bits, (process, _)| bits | 1 << process)
        };
        let locals = question.system.processes().map(|_| Numbered::new()).collect();
        let mut values = Values {
            locals,
            messages: Numbered::new(),
            responses: Numbered::new(),
            environments: Numbered::new(),
            observed: FxHashMap::default(),
        };
        let environment = question.environment();
        values.environments.number(environment.start());
        for process in question.system.processes() {
            values.take(question, process, protocol.start(process, &question.system));
        }
        Interned {
            protocol,
            question: question.clone(),
            environment,
            faulty_sets: assignments.iter().map(faulty).collect(),
            values: Mutex::new(values),
        }
    }

    fn values(&self) -> MutexGuard<'_, Values<P>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Protocol> Values<P> {
    fn take(&mut self, question: &Question, process: Process, step: Step<P::State, P::Message>) -> (u16, u8) {
        for (_, message) in &step.send {
            self.messages.byte(message.clone());
        }
        let event = step.response.map_or(0, |response| self.responses.byte(response));
        (self.locals[question.system.index(process)].number((step.state, step.send)), event)
    }
}

impl<P: Protocol + Send + Sync + 'static> Rounds for Interned<P> {
    type Local = u16;

    fn size(&self) -> (usize, usize) {
        (self.question.system.servers.into(), self.question.system.clients.into())
    }

    fn faulty_sets(&self) -> &[u16] {
        &self.faulty_sets
    }

    fn rounds(&self) -> Option<u8> {
        None
    }

    fn start(&self, _: usize) -> u16 {
        0
    }

    fn message(&self, process: usize, local: u16, to: usize) -> u8 {
        let mut values = self.values();
        let to = self.question.system.process(to);
        let (_, send) = &values.locals[process].values[usize::from(local)];
        let message = send.iter().find(|(receiver, _)| *receiver == to).map(|(_, message)| message.clone());
        message.map_or(0, |message| values.messages.byte(message))
    }

    fn step(&self, process: usize, local: u16, request: u8, inbox: &Inbox) -> (u16, u8) {
        let mut values = self.values();
        let system = &self.question.system;
        let me = system.process(process);
        let given =
            request.checked_sub(1).map(|position| &self.question.workload.of(me)[usize::from(position)]);
        let arrived = |(from, &message): (usize, &u8)| {
            values.messages.of_byte(message).map(|message| (system.process(from), message.clone()))
        };
        let received: Vec<_> = inbox.iter().enumerate().filter_map(arrived).collect();
        let (state, _) = &values.locals[process].values[usize::from(local)];
        let step = self.protocol.step(me, state, given, &received);
        values.take(&self.question, me, step)
    }

    fn requests(&self, monitor: u16) -> Inbox {
        let values = self.values();
        let state = &values.environments.values[usize::from(monitor)];
        let system = &self.question.system;
        let mut requests = [0; PROCESSES_MAX];
        for client in system.client_ids() {
            if self.environment.next_request(state, client).is_some() {
                requests[system.index(client)] = state.issued(client) as u8 + 1;
            }
        }
        requests
    }

    fn observe(&self, monitor: u16, asked: u16, events: &[u8]) -> u16 {
        let mut values = self.values();
        let key = (monitor, asked, inbox_of(events));
        if let Some(&next) = values.observed.get(&key) {
            return next;
        }
        let event = |(position, client): (usize, Process)| ClientEvent {
            client,
            issues: asked >> position & 1 == 1,
            response: values.responses.of_byte(events[position]),
        };
        let client_events: Vec<_> = self.question.system.client_ids().enumerate().map(event).collect();
        let state = &values.environments.values[usize::from(monitor)];
        let next =
            self.environment.advance(state, &client_events).expect("a built-in protocol keeps the rules");
        let next = values.environments.number(next);
        values.observed.insert(key, next);
        next
    }
}
