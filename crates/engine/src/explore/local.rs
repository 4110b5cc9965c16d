use std::fmt::{self, Write};
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};
use threeworlds_model::{
    Call, Process, Renaming, Request, Response, StepError, Steps, System, Workload, check_step,
};

use super::ages::{Ages, TooGreat};
use super::inboxes::Inboxes;
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
    /// Where servers are alike: then the order of sending says nothing, and is that of the receivers.
    alike: Option<Sample>,
    /// By exact situation where its outcome is.
    stepped: FxHashMap<Situation, u32>,
    outcomes: Vec<Choice>,
    pub(crate) tables: Tables,
    /// The options of situations in which it was asked what they cost.
    options: FxHashMap<Situation, Rc<[LocalOption]>>,
    /// Situations that were asked for and whose choices are not known yet.
    missing: FxHashSet<Situation>,
    missing_in_order: Vec<Situation>,
}

/// What is known of single processes as numbers alone, so that it can be used from several threads whatever
/// the protocol is.
pub(crate) struct Tables {
    /// Processes, and how many of them are servers.
    pub(crate) size: usize,
    pub(crate) servers: usize,
    /// For each process and local state, [`STOPPED`] included, the number of what it sends.
    sending: Vec<Vec<u32>>,
    /// By process and this number what is sent to each process: one more than the message's number, or 0.
    sends: Vec<Interner<Box<[u32]>>>,
    /// In which order, for whom that matters.
    receivers: Vec<Vec<Box<[u8]>>>,
    pub(super) inboxes: Inboxes,
    /// By situation the number of its choices.
    listed: FxHashMap<Situation, u32>,
    choices: Interner<Box<[Choice]>>,
    pub(crate) ages: Ages,
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
        let nothing = |size| {
            let mut sends = Interner::new();
            assert_eq!(sends.intern(vec![0; size].into()), 0, "who has stopped sends nothing");
            sends
        };
        Tables {
            size: system.size(),
            servers: usize::from(system.servers),
            sending: vec![vec![0]; system.size()],
            sends: (0..system.size()).map(|_| nothing(system.size())).collect(),
            receivers: vec![vec![Box::default()]; system.size()],
            inboxes: Inboxes::new(),
            listed: FxHashMap::default(),
            choices,
            ages: Ages::new(system.size()),
        }
    }

    /// For each process one more than the number of the message that is sent to it, or 0.
    pub(crate) fn sends(&self, process: usize, local: u32) -> &[u32] {
        self.sends[process].get(self.sending(process, local))
    }

    /// A number that local states of a process share if they send the same messages to the same processes.
    pub(crate) fn sending(&self, process: usize, local: u32) -> u32 {
        self.sending[process][local as usize]
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
    pub(super) fn known_choices(&self, situation: Situation) -> Option<u32> {
        self.listed.get(&situation).copied()
    }

    /// Distinct choices, in order.
    pub(crate) fn choices(&self, number: u32) -> &[Choice] {
        self.choices.get(number)
    }

    fn add_state(&mut self, process: usize, send: &[(u8, u32)]) {
        let mut sends = vec![0; self.size];
        for &(to, message) in send {
            sends[usize::from(to)] = message + 1;
        }
        let sends = self.sends[process].intern(sends.into());
        self.sending[process].push(sends);
        self.receivers[process].push(send.iter().map(|&(to, _)| to).collect());
    }

    fn bytes(&self) -> usize {
        let sends: usize = self.sends.iter().map(|sends| sends.len() * (24 + self.size * 4)).sum();
        let sends = sends + self.sending.iter().map(|sending| sending.capacity() * 4).sum::<usize>();
        sends + self.inboxes.bytes() + self.choices.len() * 64 + self.listed.capacity() * 20
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

/// One of the distinct things that a process can do in a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalOption {
    pub(crate) next: u32,
    pub(crate) event: u32,
    /// The fewest messages whose removal leads there.
    pub(crate) removed: u32,
}

impl<S: Steps> Locals<S> {
    /// With `alike` servers are treated alike by the protocol, which is tested.
    pub(crate) fn new(system: System, workload: Workload, steps: S, alike: bool) -> Self {
        let mut events = Interner::new();
        assert_eq!(events.intern(Event { issues: false, response: None }), NO_EVENT);
        Locals {
            system,
            workload,
            steps,
            messages: Interner::new(),
            states: system.processes().map(|_| Interner::new()).collect(),
            events,
            alike: alike.then(|| Sample::new(system.servers)),
            stepped: FxHashMap::default(),
            outcomes: Vec::new(),
            options: FxHashMap::default(),
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
        self.tables.inboxes.intern(inbox)
    }

    /// Whether a local state has an age, so that states that are not equal can be one.
    pub(crate) fn has_ages(&self) -> bool {
        self.tables.ages.any
    }

    pub(crate) fn workload(&self) -> &Workload {
        &self.workload
    }

    /// The messages of an inbox, by sender.
    pub(crate) fn inbox(&self, inbox: u32) -> impl Iterator<Item = Arrival> {
        self.tables.inboxes.arrivals(inbox)
    }

    /// The source of the steps, to run single executions with.
    pub(crate) fn steps(&mut self) -> &mut S {
        &mut self.steps
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
        states + self.stepped.capacity() * 20 + self.outcomes.capacity() * 8 + self.tables.bytes()
    }

    /// Asks for what can happen in a situation, to be computed by [`Locals::resolve`] if it is not known.
    pub(crate) fn ask(&mut self, situation: Situation) {
        if !self.tables.listed.contains_key(&situation) && self.missing.insert(situation) {
            self.missing_in_order.push(situation);
        }
    }

    /// The same with inboxes that may not have a number yet.
    pub(crate) fn ask_unknown(&mut self, situations: &[UnknownSituation]) {
        for UnknownSituation { process, request, local, inbox } in situations {
            let inbox = self.intern_inbox(inbox);
            self.ask(Situation { process: *process, request: *request, local: *local, inbox });
        }
    }

    /// The distinct things that can happen in a situation that was asked for and resolved, with what they cost.
    pub(crate) fn options(&mut self, situation: Situation) -> Rc<[LocalOption]> {
        if let Some(known) = self.options.get(&situation) {
            return known.clone();
        }
        let mut options = Vec::new();
        let all = self.for_each_choice(situation, &mut || false, &mut |locals, exact, subset| {
            let Choice { next, event } = locals.outcome(exact);
            options.push(LocalOption { next, event, removed: subset.count_ones() });
            Ok(())
        });
        all.expect("nobody interrupts, and all steps were taken");
        // Of equal ones the one with the fewest removed messages comes first.
        options.sort_unstable();
        options.dedup_by_key(|option| (option.next, option.event));
        let options: Rc<[LocalOption]> = options.into();
        self.options.insert(situation, options.clone());
        options
    }

    /// Computes all the options that were asked for and not known. `interrupted` is asked now and then.
    pub(crate) fn resolve(&mut self, interrupted: &mut dyn FnMut() -> bool) -> Result<(), StepError> {
        let missing = std::mem::take(&mut self.missing_in_order);
        self.missing.clear();
        let mut rest = missing.as_slice();
        while !rest.is_empty() {
            let mut choices = 0;
            let enough = |situation: &Situation| {
                let before = choices;
                choices += self.choices(*situation);
                before >= Self::CHOICES
            };
            let some = rest.iter().position(enough).unwrap_or(rest.len());
            let (now, later) = rest.split_at(some);
            if let Err(error) = self.resolve_some(now, interrupted) {
                // Steps that were not taken after all.
                let taken = self.outcomes.len();
                self.stepped.retain(|_, outcome| (*outcome as usize) < taken);
                return Err(error);
            }
            rest = later;
        }
        Ok(())
    }

    fn resolve_some(
        &mut self,
        missing: &[Situation],
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<(), StepError> {
        let mut unknown = Vec::new();
        // Where the outcomes are of the exact situations, of one after the other of what is missing.
        let mut all: Vec<u32> = Vec::new();
        let mut ends = Vec::with_capacity(missing.len());
        for &situation in missing {
            self.for_each_choice(situation, interrupted, &mut |locals, exact, _| {
                let new = locals.outcomes.len() + unknown.len();
                let new = u32::try_from(new).expect("fewer than 2^32 steps fit in memory");
                let outcome = *locals.stepped.entry(exact).or_insert(new);
                all.push(outcome);
                if outcome == new {
                    unknown.push(exact);
                    if unknown.len() >= Self::BATCH {
                        locals.take_steps(&unknown)?;
                        unknown.clear();
                    }
                }
                Ok(())
            })?;
            ends.push(all.len());
            if interrupted() {
                return Err(StepError::Interrupted);
            }
        }
        self.take_steps(&unknown)?;
        let mut start = 0;
        let mut choices: Vec<Choice> = Vec::new();
        for (&situation, end) in missing.iter().zip(ends) {
            choices.clear();
            choices.extend(all[start..end].iter().map(|&outcome| self.outcomes[outcome as usize]));
            start = end;
            choices.sort_unstable();
            choices.dedup();
            let number = self.tables.choices.intern(choices.as_slice().into());
            self.tables.listed.insert(situation, number);
        }
        Ok(())
    }

    /// How many exact situations there are in a situation.
    fn choices(&self, situation: Situation) -> u64 {
        let removable = self.inbox(situation.inbox).filter(|arrival| arrival.removable);
        let requests = if situation.request == NO_REQUEST { 0 } else { 1 };
        1u64.checked_shl(removable.count() as u32 + requests).unwrap_or(u64::MAX)
    }

    /// Exact situations that are looked at at a time, but for those of a single situation.
    const CHOICES: u64 = 1 << 18;

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
        let inbox: Vec<Arrival> = self.inbox(situation.inbox).collect();
        let removable: Vec<usize> = (0..inbox.len()).filter(|&position| inbox[position].removable).collect();
        let exact = |position: usize| Arrival { removable: false, ..inbox[position] };
        // For each position the inbox with what was not removed of the messages from there on.
        let mut from = vec![Inboxes::EMPTY; inbox.len() + 1];
        for position in (0..inbox.len()).rev() {
            from[position] = self.tables.inboxes.with(exact(position), from[position + 1]);
        }
        let mut subset = 0u64;
        loop {
            if subset % 4096 == 4095 && interrupted() {
                return Err(StepError::Interrupted);
            }
            let exact_situation = Situation { inbox: from[0], request: NO_REQUEST, ..situation };
            visit(self, exact_situation, subset)?;
            if situation.request != NO_REQUEST {
                visit(self, Situation { request: situation.request, ..exact_situation }, subset)?;
            }
            // The next subset has the first message that was left, and none of those before it.
            let Some(&removed) = removable.get(subset.trailing_ones() as usize) else { return Ok(()) };
            subset += 1;
            from[removed] = from[removed + 1];
            for position in (0..removed).rev() {
                from[position] = self.tables.inboxes.with(exact(position), from[position + 1]);
            }
        }
    }

    /// Where an exact situation leads, and the event. Its step must have been taken.
    pub(crate) fn outcome(&self, exact: Situation) -> Choice {
        self.outcomes[self.stepped[&exact] as usize]
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
            let issues = exact.request != NO_REQUEST;
            let event = self.events.intern(Event { issues, response: step.response });
            let next = self.intern_state(call.process, step.state, step.send);
            self.outcomes.push(Choice { next, event });
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
        let arrived = |arrival: Arrival| {
            (self.system.process(usize::from(arrival.from)), self.messages.get(arrival.message).clone())
        };
        Call {
            process,
            state: self.state(usize::from(exact.process), exact.local).state.clone(),
            request: self.request(process, exact.request).cloned(),
            received: self.inbox(exact.inbox).map(arrived).collect(),
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
        if number as usize == self.tables.ages.len(process) {
            let mut ages = Vec::new();
            let local = self.states[process].get(number);
            self.steps.ages_of_state(&mut local.state.clone(), &mut |age| ages.push(*age));
            for &(_, message) in &local.send {
                let mut message = self.messages.get(message).clone();
                self.steps.ages_of_message(&mut message, &mut |age| ages.push(*age));
            }
            self.tables.ages.push(process, ages);
            let send = &self.states[process].get(number).send;
            self.tables.add_state(process, send);
        }
        number + 1
    }

    /// What a local state becomes when servers are renamed, as a state of the process that has the name then.
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
        let Some(all) = self.tables.ages.too_great(locals.iter().copied().enumerate()) else { return };
        for (process, local) in locals.iter_mut().enumerate() {
            *local = self.with_least_ages(process, *local, &all);
        }
    }

    /// A local state with the least ages for these, which are all that there are.
    pub(crate) fn with_least_ages(&mut self, process: usize, local: u32, all: &TooGreat) -> u32 {
        if let Some(known) = self.tables.ages.find(process, local, all) {
            return known;
        }
        let LocalState { state, send } = self.state(process, local);
        let (mut state, send) = (state.clone(), send.clone());
        let mut lessen = |age: &mut u32| *age = all.least(*age);
        self.steps.ages_of_state(&mut state, &mut lessen);
        let message = |&(to, message): &(u8, u32)| {
            let mut message = self.messages.get(message).clone();
            self.steps.ages_of_message(&mut message, &mut lessen);
            (self.system.process(usize::from(to)), message)
        };
        let send = send.iter().map(message).collect();
        let new = self.intern_state(self.system.process(process), state, send);
        self.tables.ages.learn(process, local, all, new);
        new
    }
}
