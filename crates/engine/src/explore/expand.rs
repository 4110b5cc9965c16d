use std::rc::Rc;

use threeworlds_model::{
    Assignment, Capability, CrashDelivery, Process, Question, Request, StepError, Steps, System, Timing,
};

use super::environments::{Environments, Facts};
use super::local::{Arrival, Event, LocalOption, Locals, NO_EVENT, NO_REQUEST, STOPPED, Situation};

/// The transition graph of a protocol under a question, one state at a time.
///
/// The search makes levels as a whole and knows nothing of what each step costs; this is for whoever follows
/// single executions. A state is a row: first the assignment of faults, then the phase of the timing, then the
/// environment, then each process's local state.
pub(crate) struct Graph<S: Steps> {
    pub(crate) system: System,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) locals: Locals<S>,
    pub(crate) environments: Environments,
    /// The local states before round 1.
    start: Vec<u32>,
    timing: Timing,
    pub(crate) crash_delivery: CrashDelivery,
}

/// What is told of each successor: its row, with the ages as small as they can be, and its row as the steps make
/// it.
pub(crate) type Visit<'v> = dyn FnMut(&[u32], &[u32]) + 'v;

/// One choice of who crashes in a round (and how much of what it sends arrives), and of the timing. What
/// remains for the adversary is the product of the local choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    /// The processes that stop in this round, as bits.
    pub(crate) crashing: u64,
    /// Whether the round is before GST.
    pub(crate) before_gst: bool,
    /// Messages that are removed whatever else happens: receiver and sender.
    pub(crate) lost: Vec<(u8, u8)>,
    /// The situation of each process that takes a step; `None` for one that has stopped or stops now.
    pub(crate) situations: Vec<Option<Situation>>,
}

impl Way {
    /// Whether the process stops in this round.
    pub(crate) fn crashes(&self, system: &System, process: Process) -> bool {
        self.crashing >> system.index(process) & 1 == 1
    }
}

/// The first two words of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) assignment: u32,
    /// Whether GST has come: the round that led here was lock-step for good.
    pub(crate) after_gst: bool,
}

impl Meta {
    pub(crate) fn of(row: &[u32]) -> Meta {
        Meta { assignment: row[0], after_gst: row[1] == 1 }
    }

    fn words(self) -> [u32; 2] {
        [self.assignment, u32::from(self.after_gst)]
    }
}

/// Words of a row before the local states.
pub(crate) const HEAD: usize = 3;

/// Where the environment's number is in a row.
pub(crate) const ENVIRONMENT: usize = 2;

impl<S: Steps> Graph<S> {
    /// With `alike` the protocol treats servers alike, which is tested.
    pub(crate) fn new(question: &Question, assignments: Vec<Assignment>, steps: S, alike: bool) -> Self {
        let system = question.system;
        Graph {
            system,
            assignments,
            locals: Locals::new(system, question.workload.clone(), steps, alike),
            environments: Environments::new(system, question.environment()),
            start: Vec::new(),
            timing: question.timing,
            crash_delivery: question.crash_delivery,
        }
    }

    /// Words in a row.
    pub(crate) fn width(&self) -> usize {
        HEAD + self.system.size()
    }

    /// The local states before round 1.
    pub(crate) fn start(&mut self) -> Result<Vec<u32>, StepError> {
        self.start = self.locals.start()?;
        Ok(self.start.clone())
    }

    /// The states before round 1, one for each assignment.
    pub(crate) fn starts(&self) -> Vec<Vec<u32>> {
        let after_gst = self.timing == Timing::LockStep;
        (0..self.assignments.len())
            .map(|assignment| self.row(assignment, after_gst, Environments::START, &self.start))
            .collect()
    }

    /// A state as a row.
    pub(crate) fn row(
        &self,
        assignment: usize,
        after_gst: bool,
        environment: u32,
        locals: &[u32],
    ) -> Vec<u32> {
        let assignment = u32::try_from(assignment).expect("assignments are limited in number");
        let mut row = Meta { assignment, after_gst }.words().to_vec();
        row.push(environment);
        row.extend_from_slice(locals);
        row
    }

    /// What the search asks of the row's environment.
    pub(crate) fn facts(&self, row: &[u32]) -> &Facts {
        self.environments.facts(row[ENVIRONMENT])
    }

    pub(crate) fn assignment(&self, row: &[u32]) -> &Assignment {
        &self.assignments[Meta::of(row).assignment as usize]
    }

    /// Every way that a round can go from this row, in a fixed order: see [`Ways::next`].
    pub(crate) fn ways(&self, row: &[u32]) -> Ways {
        Ways {
            may_crash: self.may_crash(row),
            crashing: 0,
            receivers: Vec::new(),
            arriving: Vec::new(),
            before_gst: !Meta::of(row).after_gst,
            over: false,
        }
    }

    /// Calls `visit` with each successor by this way, or with those for which exactly so many messages have to be
    /// removed. Different choices can give the same successor.
    ///
    /// # Errors
    /// When a step fails that was not taken before.
    pub(crate) fn successors(
        &mut self,
        row: &[u32],
        way: &Way,
        removed: Option<u32>,
        visit: &mut Visit<'_>,
    ) -> Result<(), StepError> {
        let lost = u32::try_from(way.lost.len()).expect("fewer messages than pairs of processes");
        let removed = removed.map(|removed| removed.checked_sub(lost));
        if removed == Some(None) {
            return Ok(());
        }
        let removed = removed.flatten();
        way.situations.iter().flatten().for_each(|&situation| self.locals.ask(situation));
        self.locals.resolve(&mut || false)?;
        let servers = usize::from(self.system.servers);
        let stopped: Rc<[LocalOption]> = [LocalOption { next: STOPPED, event: NO_EVENT, removed: 0 }].into();
        // Clients first, for the environment follows from them alone.
        let processes: Vec<usize> = (servers..self.system.size()).chain(0..servers).collect();
        let mut lists: Vec<Rc<[LocalOption]>> = Vec::with_capacity(processes.len());
        for &process in &processes {
            lists.push(match way.situations[process] {
                None => stopped.clone(),
                Some(situation) => self.locals.options(situation),
            });
        }
        let mut most = vec![0; lists.len() + 1];
        for (position, list) in lists.iter().enumerate().rev() {
            let of_list = list.iter().map(|option| option.removed).max().unwrap_or(0);
            most[position] = most[position + 1] + of_list;
        }
        let mut next = row.to_vec();
        let meta = Meta { after_gst: !way.before_gst, ..Meta::of(row) };
        next[..2].copy_from_slice(&meta.words());
        let mut combinations = Combinations {
            processes,
            lists,
            most,
            clients: self.system.size() - servers,
            events: Vec::new(),
            next,
        };
        combinations.choose(self, row[ENVIRONMENT], 0, removed, visit);
        Ok(())
    }

    /// The requests of a client, in order.
    pub(crate) fn requests(&self, client: Process) -> &[Request] {
        self.locals.workload().of(client)
    }

    /// The event by its number.
    pub(crate) fn event(&self, number: u32) -> &Event {
        self.locals.event(number)
    }

    /// The environment's number after a round with these events, one for each client; `None` if they
    /// cannot be.
    pub(crate) fn environment_after(&mut self, row: &[u32], events: &[u32]) -> Option<u32> {
        let locals = &self.locals;
        self.environments.advance(row[ENVIRONMENT], events, |number| locals.event(number)).ok()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.locals.bytes() + self.environments.bytes()
    }

    fn may_crash(&self, row: &[u32]) -> u64 {
        let capabilities = self.assignment(row).capabilities.iter().enumerate();
        capabilities
            .filter(|&(process, &capability)| {
                capability == Some(Capability::Crash) && row[HEAD + process] != STOPPED
            })
            .fold(0, |bits, (process, _)| bits | 1 << process)
    }

    /// Under prefix delivery, the processes to which a crashing one's messages can still matter, for each
    /// of the crashing ones, in its sending order. Nothing under any-subset delivery.
    fn crash_receivers(&self, row: &[u32], crashing: u64) -> Vec<(u8, Vec<u8>)> {
        if self.crash_delivery == CrashDelivery::AnySubset {
            return Vec::new();
        }
        let crashes = |&process: &usize| crashing >> process & 1 == 1;
        let of = |process: usize| {
            let send = &self.locals.state(process, row[HEAD + process]).send;
            let reads = |to: u8| row[HEAD + usize::from(to)] != STOPPED && crashing >> to & 1 == 0;
            let receivers = send.iter().map(|&(to, _)| to).filter(|&to| reads(to)).collect();
            (u8::try_from(process).expect("at most 64 processes"), receivers)
        };
        (0..self.system.size()).filter(crashes).map(of).collect()
    }

    fn way(&mut self, row: &[u32], crashing: u64, before_gst: bool, lost: Vec<(u8, u8)>) -> Way {
        let size = self.system.size();
        let stops = |process: usize| row[HEAD + process] == STOPPED || crashing >> process & 1 == 1;
        let mut inboxes: Vec<Vec<Arrival>> = vec![Vec::new(); size];
        let capabilities = &self.assignments[Meta::of(row).assignment as usize].capabilities;
        for from in 0..size {
            let local = row[HEAD + from];
            if local == STOPPED {
                continue;
            }
            let sender = u8::try_from(from).expect("at most 64 processes");
            let crashes = crashing >> from & 1 == 1;
            let from_faulty = capabilities[from].is_some_and(Capability::omits_sends)
                || (crashes && self.crash_delivery == CrashDelivery::AnySubset);
            for &(to, message) in &self.locals.state(from, local).send {
                let receiver = usize::from(to);
                if stops(receiver) || (crashes && lost.contains(&(to, sender))) {
                    continue;
                }
                let removable = before_gst
                    || from_faulty
                    || capabilities[receiver].is_some_and(Capability::omits_receives);
                inboxes[receiver].push(Arrival { from: sender, removable, message });
            }
        }
        let servers = usize::from(self.system.servers);
        let mut situations = Vec::with_capacity(size);
        for (process, inbox) in inboxes.iter().enumerate() {
            situations.push((!stops(process)).then(|| Situation {
                process: u8::try_from(process).expect("at most 64 processes"),
                request: match process.checked_sub(servers) {
                    Some(client) => self.environments.facts(row[ENVIRONMENT]).may_issue[client],
                    None => NO_REQUEST,
                },
                local: row[HEAD + process],
                inbox: self.locals.intern_inbox(inbox),
            }));
        }
        Way { crashing, before_gst, lost, situations }
    }
}

/// Runs through the ways that a round can go, one at a time, for there can be very many.
pub(crate) struct Ways {
    may_crash: u64,
    /// The subset of `may_crash` that is next.
    crashing: u64,
    /// By [`Graph::crash_receivers`], and how many of each one's messages arrive.
    receivers: Vec<(u8, Vec<u8>)>,
    arriving: Vec<usize>,
    /// Whether the next way is one before GST.
    before_gst: bool,
    over: bool,
}

impl Ways {
    /// The next way. All subsets of the processes that may crash, the empty one first; under prefix
    /// delivery all prefixes of what they send; before GST both a lossy round and GST itself.
    pub(crate) fn next<S: Steps>(&mut self, graph: &mut Graph<S>, row: &[u32]) -> Option<Way> {
        if self.over {
            return None;
        }
        let mut lost = Vec::new();
        for ((from, receivers), &arriving) in self.receivers.iter().zip(&self.arriving) {
            lost.extend(receivers[arriving..].iter().map(|&to| (to, *from)));
        }
        let way = graph.way(row, self.crashing, self.before_gst, lost);
        if self.before_gst {
            self.before_gst = false;
            return Some(way);
        }
        self.before_gst = !Meta::of(row).after_gst;
        for ((_, receivers), arriving) in self.receivers.iter().zip(&mut self.arriving) {
            if *arriving < receivers.len() {
                *arriving += 1;
                return Some(way);
            }
            *arriving = 0;
        }
        self.crashing = self.crashing.wrapping_sub(self.may_crash) & self.may_crash;
        self.over = self.crashing == 0;
        self.receivers = graph.crash_receivers(row, self.crashing);
        self.arriving = vec![0; self.receivers.len()];
        Some(way)
    }
}

/// Runs through all combinations of one option from each list that remove so many messages.
struct Combinations {
    processes: Vec<usize>,
    lists: Vec<Rc<[LocalOption]>>,
    /// The most messages that the lists from a position on remove.
    most: Vec<u32>,
    clients: usize,
    events: Vec<u32>,
    next: Vec<u32>,
}

impl Combinations {
    fn choose<S: Steps>(
        &mut self,
        graph: &mut Graph<S>,
        environment: u32,
        position: usize,
        left: Option<u32>,
        visit: &mut Visit<'_>,
    ) {
        if left.is_some_and(|left| left > self.most[position]) {
            return;
        }
        if position == self.clients {
            let locals = &graph.locals;
            let advanced =
                graph.environments.advance(environment, &self.events, |number| locals.event(number));
            // What cannot be, or cannot be judged, is nobody's successor.
            let Ok(after) = advanced else { return };
            self.next[ENVIRONMENT] = after;
        }
        if position == self.lists.len() {
            let mut least = self.next.clone();
            graph.locals.make_ages_least(&mut least[HEAD..]);
            visit(&least, &self.next);
            return;
        }
        for at in 0..self.lists[position].len() {
            let option = self.lists[position][at];
            let left = match left.map(|left| left.checked_sub(option.removed)) {
                None => None,
                Some(None) => continue,
                Some(left) => left,
            };
            self.next[HEAD + self.processes[position]] = option.next;
            if position < self.clients {
                self.events.truncate(position);
                self.events.push(option.event);
            }
            self.choose(graph, environment, position + 1, left, visit);
        }
    }
}
