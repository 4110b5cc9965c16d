use std::fmt::{self, Write};

use rustc_hash::{FxHashMap, FxHashSet};
use threeworlds_model::{
    Call, Process, Renaming, Renamings, Request, Response, StepError, Steps, System, Workload, check_step,
    least_age,
};

use super::intern::Interner;
use super::sample::Sample;

/// What single processes do: interned local states, messages and inboxes, each local step taken once, and
/// for each local situation the distinct next local states that the adversary can choose from.
pub(crate) struct Locals<S: Steps> {
    system: System,
    workload: Workload,
    steps: S,
    messages: Interner<S::Message>,
    /// By process. Number 0 of a local state is [`STOPPED`]; the table's number 0 is local state 1.
    states: Vec<Interner<LocalState<S::State>>>,
    events: Interner<Event>,
    /// Where processes are alike: then the order of sending says nothing, and is that of the receivers.
    alike: Option<Sample>,
    stepped: FxHashMap<Situation, Outcome>,
    pub(crate) tables: Tables,
    /// Situations whose options were asked for and are not known yet.
    missing: FxHashSet<Situation>,
    missing_in_order: Vec<Situation>,
}

/// What is known of single processes as numbers alone, so that it can be used from several threads whatever
/// the protocol is.
pub(crate) struct Tables {
    /// Processes, and how many of them are servers.
    pub(crate) size: usize,
    pub(crate) servers: usize,
    /// For each process and local state, [`STOPPED`] included, what it sends to each process: one more than the
    /// message's number, or 0.
    sends: Vec<Vec<u32>>,
    /// In which order, for whom that matters.
    receivers: Vec<Vec<Box<[u8]>>>,
    inboxes: Interner<Box<[Arrival]>>,
    listed: FxHashMap<Situation, u32>,
    lists: Vec<Box<[LocalOption]>>,
    /// For each list the number of what is in it without what it costs; equal ones are one.
    merged: Vec<u32>,
    choices: Interner<Box<[Choice]>>,
    pub(crate) ages: Ages,
}

/// The ages in local states, and local states with other ages.
pub(crate) struct Ages {
    /// For each local state the ages in it, in order, 0 left out.
    of: Vec<Vec<Box<[u32]>>>,
    /// Whether there are any.
    pub(crate) any: bool,
    /// Computed once: by process, local state and its new ages.
    aged: FxHashMap<Aged, u32>,
}

/// A process, its local state, and which ages it is to have instead of its own.
type Aged = (usize, u32, Box<[u32]>);

impl Ages {
    /// All ages in these local states, one for each process, if they are not the least in their order.
    fn too_great(&self, locals: &[u32]) -> Option<Vec<u32>> {
        if !self.any {
            return None;
        }
        let of = |(process, &local): (usize, &u32)| match local {
            STOPPED => None,
            local => Some(&self.of[process][local as usize - 1]),
        };
        let mut all: Vec<u32> = locals.iter().enumerate().filter_map(of).flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        if all.iter().zip(1..).all(|(&age, least)| age == least) { None } else { Some(all) }
    }

    /// A local state with the ages that it is to have, if they are others.
    fn key(&self, process: usize, local: u32, all: &[u32]) -> Option<Aged> {
        if local == STOPPED {
            return None;
        }
        let own = &self.of[process][local as usize - 1];
        let least: Box<[u32]> = own.iter().map(|&age| least_age(all, age)).collect();
        (least != *own).then_some((process, local, least))
    }

    /// How many local states with other ages are known.
    pub(crate) fn known(&self) -> usize {
        self.aged.len()
    }

    /// Makes ages least in local states in which that was done before.
    pub(crate) fn make_least_again(&self, locals: &mut [u32]) {
        let Some(all) = self.too_great(locals) else { return };
        for (process, local) in locals.iter_mut().enumerate() {
            if let Some(key) = self.key(process, *local, &all) {
                *local = *self.aged.get(&key).expect("it was done when the level was made");
            }
        }
    }
}

/// A next local state and the event that comes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Choice {
    pub(crate) next: u32,
    pub(crate) event: u32,
}

impl Tables {
    /// The number of the choices of a process that has stopped.
    pub(crate) const STOPPED_CHOICES: u32 = 0;

    fn new(system: &System) -> Self {
        let mut choices = Interner::new();
        let stopped: Box<[Choice]> = [Choice { next: STOPPED, event: NO_EVENT }].into();
        assert_eq!(choices.intern(stopped), Self::STOPPED_CHOICES);
        Tables {
            size: system.size(),
            servers: usize::from(system.servers),
            sends: vec![vec![0; system.size()]; system.size()],
            receivers: vec![vec![Box::default()]; system.size()],
            inboxes: Interner::new(),
            listed: FxHashMap::default(),
            lists: Vec::new(),
            merged: Vec::new(),
            choices,
            ages: Ages { of: vec![Vec::new(); system.size()], any: false, aged: FxHashMap::default() },
        }
    }

    /// For each process one more than the number of the message that is sent to it, or 0.
    pub(crate) fn sends(&self, process: usize, local: u32) -> &[u32] {
        let start = local as usize * self.size;
        &self.sends[process][start..start + self.size]
    }

    /// Who is sent something, in sending order.
    pub(crate) fn receivers(&self, process: usize, local: u32) -> &[u8] {
        &self.receivers[process][local as usize]
    }

    /// How many local states a process has, [`STOPPED`] included.
    pub(crate) fn locals(&self, process: usize) -> usize {
        self.receivers[process].len()
    }

    /// What a process can come to in a situation, as a number for [`Tables::choices`], if that is known.
    pub(crate) fn known_choices(&self, situation: &UnknownSituation) -> Option<u32> {
        let &UnknownSituation { process, request, local, ref inbox } = situation;
        let inbox = self.inboxes.find(inbox)?;
        let list = self.listed.get(&Situation { process, request, local, inbox })?;
        Some(self.merged[*list as usize])
    }

    /// Distinct choices, in order.
    pub(crate) fn choices(&self, number: u32) -> &[Choice] {
        self.choices.get(number)
    }

    fn add_state(&mut self, process: usize, send: &[(u8, u32)]) {
        let start = self.sends[process].len();
        self.sends[process].resize(start + self.size, 0);
        for &(to, message) in send {
            self.sends[process][start + usize::from(to)] = message + 1;
        }
        self.receivers[process].push(send.iter().map(|&(to, _)| to).collect());
    }

    fn add_list(&mut self, situation: Situation, list: Vec<LocalOption>) {
        let number = u32::try_from(self.lists.len()).expect("fewer than 2^32 lists fit in memory");
        let choices = list.iter().map(|option| Choice { next: option.next, event: option.event });
        self.merged.push(self.choices.intern(choices.collect()));
        self.lists.push(list.into());
        self.listed.insert(situation, number);
    }

    fn bytes(&self) -> usize {
        let sends: usize = self.sends.iter().map(|sends| sends.capacity() * 4).sum();
        let options: usize = self.lists.len() * 64 + self.choices.len() * 64;
        sends + self.inboxes.len() * 96 + options + self.listed.capacity() * 40
    }
}

/// A situation with the inbox itself, which may not have a number yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct UnknownSituation {
    pub(crate) process: u8,
    pub(crate) request: u16,
    pub(crate) local: u32,
    /// By sender.
    pub(crate) inbox: Box<[Arrival]>,
}

/// The local state of a process that has stopped.
pub(crate) const STOPPED: u32 = 0;

/// No request is issued, or none can be.
pub(crate) const NO_REQUEST: u16 = u16::MAX;

/// The event of a process that issues nothing and answers nothing.
pub(crate) const NO_EVENT: u32 = 0;

/// Adds up what is printed; the order counts.
struct Sum(u64);

impl fmt::Write for Sum {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 =
            text.bytes().fold(self.0, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Ok(())
    }
}

/// A state and what leaves in the next round: who has the same of both has the same future.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct LocalState<S> {
    pub(crate) state: S,
    /// Index of the receiver and number of the message, in sending order.
    pub(crate) send: Box<[(u8, u32)]>,
}

/// A message on its way to one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Arrival {
    pub(crate) from: u8,
    /// Whether the adversary may remove it.
    pub(crate) removable: bool,
    pub(crate) message: u32,
}

/// What a client and the environment do in a round.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Event {
    pub(crate) issues: bool,
    pub(crate) response: Option<Response>,
}

/// Everything that a process's next step depends on. As a key of `stepped` nothing in the inbox is
/// removable and the request is issued; as a key of `listed` it may be issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Situation {
    pub(crate) process: u8,
    pub(crate) request: u16,
    pub(crate) local: u32,
    pub(crate) inbox: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outcome {
    next: u32,
    /// The event without the request.
    event: u32,
}

/// One of the distinct things that a process can do in a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalOption {
    pub(crate) next: u32,
    pub(crate) event: u32,
    /// The fewest messages whose removal leads there.
    pub(crate) removed: u32,
}

impl<S: Steps> Locals<S> {
    /// With `alike` these renamings change nothing, which is tested.
    pub(crate) fn new(system: System, workload: Workload, steps: S, alike: Option<Renamings>) -> Self {
        let mut events = Interner::new();
        assert_eq!(events.intern(Event { issues: false, response: None }), NO_EVENT);
        Locals {
            system,
            workload,
            steps,
            messages: Interner::new(),
            states: system.processes().map(|_| Interner::new()).collect(),
            events,
            alike: alike.map(Sample::new),
            stepped: FxHashMap::default(),
            tables: Tables::new(&system),
            missing: FxHashSet::default(),
            missing_in_order: Vec::new(),
        }
    }

    /// The local states before round 1, by process.
    pub(crate) fn start(&mut self) -> Result<Vec<u32>, StepError> {
        let mut locals = Vec::with_capacity(self.system.size());
        for process in self.system.processes() {
            let step = self.steps.start(process, &self.system)?;
            check_step(&self.system, process, &step, false)?;
            if let Some(sample) = &mut self.alike {
                sample.start(&mut self.steps, process, &self.system)?;
            }
            locals.push(self.intern_state(process, step.state, step.send));
        }
        Ok(locals)
    }

    pub(crate) fn state(&self, process: usize, local: u32) -> &LocalState<S::State> {
        debug_assert_ne!(local, STOPPED);
        self.states[process].get(local - 1)
    }

    pub(crate) fn event(&self, number: u32) -> &Event {
        self.events.get(number)
    }

    pub(crate) fn intern_inbox(&mut self, inbox: &[Arrival]) -> u32 {
        self.tables.inboxes.intern(inbox.into())
    }

    /// Whether a local state has an age, so that states that are not equal can be one.
    pub(crate) fn has_ages(&self) -> bool {
        self.tables.ages.any
    }

    pub(crate) fn workload(&self) -> &Workload {
        &self.workload
    }

    pub(crate) fn inbox(&self, inbox: u32) -> &[Arrival] {
        self.tables.inboxes.get(inbox)
    }

    /// The source of the steps, to run single executions with.
    pub(crate) fn steps(&mut self) -> &mut S {
        &mut self.steps
    }

    pub(crate) fn list(&self, list: u32) -> &[LocalOption] {
        &self.tables.lists[list as usize]
    }

    /// Number of distinct local states, all processes together.
    pub(crate) fn distinct_states(&self) -> usize {
        self.states.iter().map(Interner::len).sum()
    }

    /// How many numbers of each kind there are.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let lengths = self.states.iter().map(Interner::len).chain([self.messages.len(), self.events.len()]);
        lengths.map(|length| u32::try_from(length).expect("numbers have 32 bits")).collect()
    }

    /// A hash of how local states are printed, of those that are numbered from these numbers on.
    pub(crate) fn printed(&self, since: &[u32]) -> u64 {
        let mut sum = Sum(0);
        for (states, &since) in self.states.iter().zip(since) {
            for number in since as usize..states.len() {
                let LocalState { state, send } =
                    states.get(u32::try_from(number).expect("numbers have 32 bits"));
                write!(sum, "{state:?} {send:?} ").expect("a sum takes everything");
            }
        }
        sum.0
    }

    /// A rough figure for what the tables take, without what states and messages point to.
    pub(crate) fn bytes(&self) -> usize {
        let states = self.distinct_states() * (size_of::<LocalState<S::State>>() + 64);
        states + self.stepped.capacity() * 40 + self.tables.bytes()
    }

    /// The distinct things that can happen in a situation, as the number of a list; `None` if that has to
    /// be computed first by [`Locals::resolve`].
    pub(crate) fn options(&mut self, situation: Situation) -> Option<u32> {
        let known = self.tables.listed.get(&situation).copied();
        if known.is_none() && self.missing.insert(situation) {
            self.missing_in_order.push(situation);
        }
        known
    }

    /// Asks for the options of these situations, to be computed by [`Locals::resolve`].
    pub(crate) fn ask(&mut self, situations: &[UnknownSituation]) {
        for UnknownSituation { process, request, local, inbox } in situations {
            let inbox = self.intern_inbox(inbox);
            self.options(Situation { process: *process, request: *request, local: *local, inbox });
        }
    }

    /// Computes all the options that were asked for and not known. `interrupted` is asked now and then.
    pub(crate) fn resolve(&mut self, interrupted: &mut dyn FnMut() -> bool) -> Result<(), StepError> {
        let missing = std::mem::take(&mut self.missing_in_order);
        self.missing.clear();
        let mut asked = FxHashSet::default();
        let mut unknown = Vec::new();
        for &situation in &missing {
            self.for_each_choice(situation, interrupted, &mut |locals, exact, _| {
                if !locals.stepped.contains_key(&exact) && asked.insert(exact) {
                    unknown.push(exact);
                }
                if unknown.len() >= Self::BATCH {
                    locals.take_steps(&unknown)?;
                    unknown.clear();
                    asked.clear();
                }
                Ok(())
            })?;
            if interrupted() {
                return Err(StepError::Interrupted);
            }
        }
        self.take_steps(&unknown)?;
        for &situation in &missing {
            let mut fewest: FxHashMap<(u32, u32), u32> = FxHashMap::default();
            self.for_each_choice(situation, interrupted, &mut |locals, exact, subset| {
                let removed = subset.count_ones();
                let (next, event) = locals.outcome(exact);
                let entry = fewest.entry((next, event)).or_insert(removed);
                *entry = removed.min(*entry);
                Ok(())
            })?;
            let option = |((next, event), removed): ((u32, u32), u32)| LocalOption { next, event, removed };
            let mut list: Vec<LocalOption> = fewest.into_iter().map(option).collect();
            list.sort_unstable();
            self.tables.add_list(situation, list);
        }
        Ok(())
    }

    /// Steps that are asked for at a time: enough to keep a step program busy, few enough that the limits
    /// are looked at in between.
    const BATCH: usize = 1 << 12;

    /// Calls `visit` for every subset of the removable messages and every choice about the request, with
    /// the exact situation and the subset: bit i stands for the i-th removable message of the inbox.
    pub(crate) fn for_each_choice(
        &mut self,
        situation: Situation,
        interrupted: &mut dyn FnMut() -> bool,
        visit: &mut dyn FnMut(&mut Self, Situation, u64) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        let inbox = self.tables.inboxes.get(situation.inbox).clone();
        let removable: Vec<usize> = (0..inbox.len()).filter(|&position| inbox[position].removable).collect();
        let mut received = Vec::with_capacity(inbox.len());
        for subset in 0u64..1 << removable.len() {
            if subset % 4096 == 4095 && interrupted() {
                return Err(StepError::Interrupted);
            }
            received.clear();
            received.extend_from_slice(&inbox);
            for (bit, &position) in removable.iter().enumerate().rev() {
                if subset >> bit & 1 == 1 {
                    received.remove(position);
                }
            }
            received.iter_mut().for_each(|arrival| arrival.removable = false);
            let exact = Situation { inbox: self.intern_inbox(&received), request: NO_REQUEST, ..situation };
            visit(self, exact, subset)?;
            if situation.request != NO_REQUEST {
                visit(self, Situation { request: situation.request, ..exact }, subset)?;
            }
        }
        Ok(())
    }

    /// Where an exact situation leads, and the event. Its step must have been taken.
    pub(crate) fn outcome(&mut self, exact: Situation) -> (u32, u32) {
        let outcome = self.stepped[&exact];
        if exact.request == NO_REQUEST {
            return (outcome.next, outcome.event);
        }
        let response = self.events.get(outcome.event).response.clone();
        (outcome.next, self.events.intern(Event { issues: true, response }))
    }

    fn take_steps(&mut self, situations: &[Situation]) -> Result<(), StepError> {
        if situations.is_empty() {
            return Ok(());
        }
        let calls: Vec<Call<S::State, S::Message>> =
            situations.iter().map(|&exact| self.call(exact)).collect();
        let steps = self.steps.steps(&calls)?;
        assert_eq!(steps.len(), calls.len(), "each call has its step");
        for ((&exact, call), step) in situations.iter().zip(&calls).zip(steps) {
            check_step(&self.system, call.process, &step, true).map_err(|error| self.in_step(error, call))?;
            if let Some(sample) = &mut self.alike {
                sample.step(&mut self.steps, call, &step)?;
            }
            let event = self.events.intern(Event { issues: false, response: step.response });
            let next = self.intern_state(call.process, step.state, step.send);
            self.stepped.insert(exact, Outcome { next, event });
        }
        Ok(())
    }

    /// Says which step an error comes from.
    fn in_step(&self, error: StepError, call: &Call<S::State, S::Message>) -> StepError {
        let short = |mut text: String| {
            if let Some((end, _)) = text.char_indices().nth(200) {
                text.truncate(end);
                text.push_str("...");
            }
            text
        };
        let request = call.request.as_ref().map_or("none".to_owned(), ToString::to_string);
        let received: Vec<String> = call
            .received
            .iter()
            .map(|(from, message)| format!("{} from {from}", self.steps.message_json(message)))
            .collect();
        let received = if received.is_empty() { "nothing".to_owned() } else { received.join(", ") };
        let state = short(format!("{:?}", call.state));
        let step =
            format!("{} in state {state}, request {request}, received {}", call.process, short(received));
        StepError::InStep { error: Box::new(error), step }
    }

    fn call(&self, exact: Situation) -> Call<S::State, S::Message> {
        let process = self.system.process(usize::from(exact.process));
        let arrived = |arrival: &Arrival| {
            (self.system.process(usize::from(arrival.from)), self.messages.get(arrival.message).clone())
        };
        Call {
            process,
            state: self.state(usize::from(exact.process), exact.local).state.clone(),
            request: self.request(process, exact.request).cloned(),
            received: self.tables.inboxes.get(exact.inbox).iter().map(arrived).collect(),
        }
    }

    fn request(&self, process: Process, number: u16) -> Option<&Request> {
        (number != NO_REQUEST).then(|| &self.workload.of(process)[usize::from(number)])
    }

    fn intern_state(&mut self, process: Process, state: S::State, send: Vec<(Process, S::Message)>) -> u32 {
        let to = |process| u8::try_from(self.system.index(process)).expect("at most 64 processes");
        let send = send.into_iter().map(|(receiver, message)| (to(receiver), self.messages.intern(message)));
        let mut send: Box<[(u8, u32)]> = send.collect();
        if self.alike.is_some() {
            send.sort_unstable();
        }
        let local = LocalState { state, send };
        let process = self.system.index(process);
        let number = self.states[process].intern(local);
        if number as usize == self.tables.ages.of[process].len() {
            let mut ages = Vec::new();
            let local = self.states[process].get(number);
            self.steps.ages_of_state(&mut local.state.clone(), &mut |age| ages.push(*age));
            for &(_, message) in &local.send {
                let mut message = self.messages.get(message).clone();
                self.steps.ages_of_message(&mut message, &mut |age| ages.push(*age));
            }
            ages.sort_unstable();
            ages.dedup();
            ages.retain(|&age| age > 0);
            self.tables.ages.any |= !ages.is_empty();
            self.tables.ages.of[process].push(ages.into());
            let send = &self.states[process].get(number).send;
            self.tables.add_state(process, send);
        }
        number + 1
    }

    /// What a local state becomes under other names, as a state of the process that has the name then.
    pub(crate) fn renamed(&mut self, process: usize, local: u32, renaming: &Renaming) -> u32 {
        if local == STOPPED {
            return STOPPED;
        }
        let LocalState { state, send } = self.state(process, local);
        let mut state = state.clone();
        self.steps.rename_state(&mut state, renaming);
        let message = |&(to, message): &(u8, u32)| {
            let mut message = self.messages.get(message).clone();
            self.steps.rename_message(&mut message, renaming);
            (renaming.process(self.system.process(usize::from(to))), message)
        };
        let send = send.iter().map(message).collect();
        self.intern_state(renaming.process(self.system.process(process)), state, send)
    }

    /// Makes the ages in these local states, one for each process, as small as their order allows.
    pub(crate) fn make_ages_least(&mut self, locals: &mut [u32]) {
        let Some(all) = self.tables.ages.too_great(locals) else { return };
        for (process, local) in locals.iter_mut().enumerate() {
            let Some(key) = self.tables.ages.key(process, *local, &all) else { continue };
            *local = match self.tables.ages.aged.get(&key) {
                Some(&known) => known,
                None => {
                    let new = self.with_least_ages(process, *local, &all);
                    self.tables.ages.aged.insert(key, new);
                    new
                }
            };
        }
    }

    fn with_least_ages(&mut self, process: usize, local: u32, all: &[u32]) -> u32 {
        let local = self.state(process, local);
        let (mut state, send) = (local.state.clone(), local.send.clone());
        let mut lessen = |age: &mut u32| *age = least_age(all, *age);
        self.steps.ages_of_state(&mut state, &mut lessen);
        let message = |&(to, message): &(u8, u32)| {
            let mut message = self.messages.get(message).clone();
            self.steps.ages_of_message(&mut message, &mut lessen);
            (self.system.process(usize::from(to)), message)
        };
        let send = send.iter().map(message).collect();
        self.intern_state(self.system.process(process), state, send)
    }
}
