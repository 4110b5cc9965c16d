use std::ops::ControlFlow;

use threeworlds_model::{
    Assignment, Capability, CrashDelivery, EventError, Process, Question, Request, StepError, Steps, System,
    Timing,
};

use super::environments::{Environments, Facts};
use super::local::{Arrival, Event, LocalOption, Locals, NO_EVENT, NO_REQUEST, STOPPED, Situation};

/// The transition graph of a protocol under a question, given by its successor function.
///
/// A state is a row: first the assignment of faults (with the phase of the timing, and the round where
/// states of different rounds are to be kept apart), then the environment, then each process's local state.
pub(crate) struct Graph<S: Steps> {
    pub(crate) system: System,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) locals: Locals<S>,
    pub(crate) environments: Environments,
    timing: Timing,
    pub(crate) crash_delivery: CrashDelivery,
    mode: Mode,
}

/// What is told of each successor: its row, with the ages as small as they can be, the fewest messages removed
/// for it, and its row as the steps make it.
pub(crate) type Visit<'v, S> = dyn FnMut(&Graph<S>, &[u32], u32, &[u32]) -> ControlFlow<()> + 'v;

/// Whether equal states of different rounds are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They are, so that the search can come to its fixpoint.
    MergeRounds,
    /// They are not: states are counted round by round.
    KeepRounds,
}

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
    /// 0 where rounds are merged.
    pub(crate) round: u32,
}

impl Meta {
    pub(crate) fn of(row: &[u32]) -> Meta {
        Meta { assignment: row[0], after_gst: row[1] & 1 == 1, round: row[1] >> 1 }
    }

    fn words(self) -> [u32; 2] {
        assert!(self.round < 1 << 31, "a round is counted in 31 bits");
        [self.assignment, u32::from(self.after_gst) | self.round << 1]
    }
}

/// Words of a row before the local states.
pub(crate) const HEAD: usize = 3;

/// Where the environment's number is in a row.
pub(crate) const ENVIRONMENT: usize = 2;

impl<S: Steps> Graph<S> {
    pub(crate) fn new(question: &Question, assignments: Vec<Assignment>, mode: Mode, steps: S) -> Self {
        let system = question.system;
        Graph {
            system,
            assignments,
            locals: Locals::new(system, question.workload.clone(), steps),
            environments: Environments::new(system, question.environment()),
            timing: question.timing,
            crash_delivery: question.crash_delivery,
            mode,
        }
    }

    /// Words in a row.
    pub(crate) fn width(&self) -> usize {
        HEAD + self.system.size()
    }

    /// The states before round 1, one for each assignment.
    pub(crate) fn start(&mut self) -> Result<Vec<Vec<u32>>, StepError> {
        let locals = self.locals.start()?;
        let after_gst = self.timing == Timing::LockStep;
        let row = |assignment: usize| {
            let assignment = u32::try_from(assignment).expect("assignments are limited in number");
            let mut row = Meta { assignment, after_gst, round: 0 }.words().to_vec();
            row.push(Environments::START);
            row.extend_from_slice(&locals);
            row
        };
        Ok((0..self.assignments.len()).map(row).collect())
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

    /// Whether the options of every process are known; those that are not are noted, to be computed by
    /// [`Locals::resolve`].
    pub(crate) fn options_known(&mut self, way: &Way) -> bool {
        let mut known = true;
        for situation in way.situations.iter().flatten() {
            known &= self.locals.options(*situation).is_some();
        }
        known
    }

    /// Calls `visit` with each successor by this way and the fewest messages that have to be removed for
    /// it, until it has enough. The options must be known. Different choices can give the same successor.
    /// How many there were.
    pub(crate) fn successors(
        &mut self,
        row: &[u32],
        way: &Way,
        visit: &mut Visit<'_, S>,
    ) -> Result<u64, EventError> {
        let servers = usize::from(self.system.servers);
        let stopped = [LocalOption { next: STOPPED, event: NO_EVENT, removed: 0 }];
        let mut lists: Vec<Vec<LocalOption>> = Vec::with_capacity(self.system.size());
        for situation in &way.situations {
            lists.push(match situation {
                None => stopped.to_vec(),
                Some(situation) => {
                    let list = self.locals.options(*situation).expect("the options were resolved");
                    self.locals.list(list).to_vec()
                }
            });
        }
        let mut meta = Meta::of(row);
        meta.after_gst = !way.before_gst;
        meta.round += u32::from(self.mode == Mode::KeepRounds);
        let mut next = row.to_vec();
        next[..2].copy_from_slice(&meta.words());
        let mut least = next.clone();
        let mut events = vec![NO_EVENT; lists.len() - servers];
        let mut count = 0;
        let lost = u32::try_from(way.lost.len()).expect("fewer messages than pairs of processes");
        let (server_lists, client_lists) = lists.split_at(servers);
        let mut clients = Odometer::new(client_lists);
        loop {
            let mut client_removed = lost;
            for (client, option) in clients.options().enumerate() {
                next[HEAD + servers + client] = option.next;
                events[client] = option.event;
                client_removed += option.removed;
            }
            let locals = &self.locals;
            next[ENVIRONMENT] =
                self.environments.advance(row[ENVIRONMENT], &events, |number| locals.event(number))?;
            let mut odometer = Odometer::new(server_lists);
            loop {
                let mut removed = client_removed;
                for (server, option) in odometer.options().enumerate() {
                    next[HEAD + server] = option.next;
                    removed += option.removed;
                }
                count += 1;
                least.copy_from_slice(&next);
                self.locals.make_ages_least(&mut least[HEAD..]);
                if visit(self, &least, removed, &next).is_break() {
                    return Ok(count);
                }
                if !odometer.advance() {
                    break;
                }
            }
            if !clients.advance() {
                return Ok(count);
            }
        }
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

/// Runs through all combinations of one option from each list.
struct Odometer<'a> {
    lists: &'a [Vec<LocalOption>],
    at: Vec<usize>,
}

impl<'a> Odometer<'a> {
    fn new(lists: &'a [Vec<LocalOption>]) -> Self {
        debug_assert!(lists.iter().all(|list| !list.is_empty()), "every process can do something");
        Odometer { lists, at: vec![0; lists.len()] }
    }

    fn options(&self) -> impl Iterator<Item = LocalOption> {
        self.lists.iter().zip(&self.at).map(|(list, &at)| list[at])
    }

    fn advance(&mut self) -> bool {
        for (list, at) in self.lists.iter().zip(&mut self.at) {
            *at += 1;
            if *at < list.len() {
                return true;
            }
            *at = 0;
        }
        false
    }
}
