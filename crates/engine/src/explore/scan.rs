//! From states to what can follow from each: which choices every process has.
//!
//! What a process can do depends on its local state and on its inbox alone, and who shares these has the same
//! choices. Messages of one sender after the other are added to the inboxes, in the order of the coordinates,
//! so that neighbouring states share most of this work; each step is a table look-up.

use rustc_hash::FxHashMap;
use threeworlds_model::{Assignment, Capability, CrashDelivery};

use super::batch::Batch;
use super::environments::Environments;
use super::heads::Heads;
use super::inboxes::Inboxes;
use super::key::Layout;
use super::local::{Arrival, NO_REQUEST, STOPPED, Situation, Tables, UnknownSituation};

/// What states are made of, as numbers alone.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) heads: &'a Heads,
    pub(crate) environments: &'a Environments,
}

/// Who crashes in a round, and what the adversary can remove in it.
#[derive(Debug, Clone)]
pub(crate) struct Regime {
    /// The processes that stop in this round, as bits.
    crashing: u64,
    /// Whether of what they send a prefix arrives and not any part.
    prefix: bool,
    /// For each receiver the senders whose messages to it can be removed, as bits.
    removable: Vec<u64>,
}

impl Regime {
    pub(crate) fn new(
        assignment: &Assignment,
        crash_delivery: CrashDelivery,
        crashing: u64,
        before_gst: bool,
    ) -> Regime {
        let capabilities = &assignment.capabilities;
        let prefix = crash_delivery == CrashDelivery::Prefix;
        let by_sender = capabilities.iter().enumerate().fold(0, |bits, (process, capability)| {
            let crashes = crashing >> process & 1 == 1 && !prefix;
            bits | u64::from(crashes || capability.is_some_and(Capability::omits_sends)) << process
        });
        let of = |receiver: &Option<Capability>| {
            let all = before_gst || receiver.is_some_and(Capability::omits_receives);
            if all { u64::MAX } else { by_sender }
        };
        Regime { crashing, prefix, removable: capabilities.iter().map(of).collect() }
    }

    /// Whether a state can have more than one way to go on.
    pub(crate) fn has_several_ways(&self) -> bool {
        self.prefix && self.crashing != 0
    }

    /// All choices of who crashes, of those who can; nobody first.
    pub(crate) fn all(
        assignment: &Assignment,
        crash_delivery: CrashDelivery,
        before_gst: bool,
    ) -> impl Iterator<Item = Regime> {
        let can = assignment.capabilities.iter().enumerate().fold(0, |bits, (process, &capability)| {
            bits | u64::from(capability == Some(Capability::Crash)) << process
        });
        let mut next = Some(0u64);
        std::iter::from_fn(move || {
            let crashing = next?;
            next = Some(crashing.wrapping_sub(can) & can).filter(|&subset| subset != 0);
            Some(Regime::new(assignment, crash_delivery, crashing, before_gst))
        })
    }
}

/// Looks up the choices of each process, state by state. It keeps what it has looked up, whatever the states
/// and the regime are.
pub(crate) struct Scanner {
    /// For each sender, twice: messages that stay and messages that can be removed. From an inbox and a message
    /// to the inbox with both.
    steps: Vec<FxHashMap<u64, u32>>,
    inboxes: Vec<Inbox>,
    /// The messages of an inbox.
    arrived: Vec<Arrival>,
    /// For each process, and for a client each request: from a local state and an inbox to the choices.
    choices: Vec<Vec<FxHashMap<u64, u32>>>,
    /// The environment and the choices of each client, of what is looked up.
    of_clients: Vec<u32>,
    missing: Missing,
    /// The choices that are missing: by process, request, local state and inbox.
    unknown: Vec<(u8, usize, u64)>,
    /// The state that is looked at, as a row of coordinates and of local states by process.
    row: Vec<u32>,
    locals: Vec<u32>,
    head: Option<u32>,
    requests: Vec<u16>,
    /// The coordinates in the order in which their messages are added.
    order: Vec<usize>,
    /// For each of them the inbox of every process with the messages so far.
    stack: Vec<u32>,
    /// How many levels of the stack belong to the row.
    valid: usize,
    /// For each sender the receivers that do not get its message, as bits.
    lost: Vec<u64>,
    /// What was looked up for states that differ from this one in the last coordinate alone.
    alike: Vec<Alike>,
    /// By what the last coordinate sends for which such states it was looked up, counted from 0, and where it is.
    place: Vec<(u64, u32)>,
    prefixes: u64,
    /// Rows of choices of servers.
    suffixes: Vec<u32>,
}

/// What states have in common that differ in the last coordinate alone, and that not in what it sends: everything
/// but what the last coordinate itself can do.
struct Alike {
    /// The inbox of the last coordinate.
    inbox: u32,
    /// The list of heads, or [`UNKNOWN`] if something has to be worked out first; then that was noted.
    list: u32,
    combinations: u64,
    /// Where the choices of the servers are; that of the last coordinate is not set.
    suffix: usize,
}

/// An inbox as the one before it and one more message.
struct Inbox {
    before: u32,
    arrival: Option<Arrival>,
    /// Its number in the tables, if it was looked up and found there.
    number: Option<u32>,
}

const UNKNOWN: u32 = u32::MAX;

/// What has to be worked out first, in the order in which it was met.
#[derive(Default)]
pub(crate) struct Missing {
    pub(crate) situations: Vec<UnknownSituation>,
    pub(crate) heads: Vec<Box<[u32]>>,
}

impl Missing {
    /// Adds what is missing elsewhere, too.
    pub(crate) fn absorb(&mut self, other: Missing) {
        self.situations.extend(other.situations);
        self.heads.extend(other.heads);
    }
}

impl Scanner {
    pub(crate) fn new(tables: &Tables, layout: &Layout) -> Self {
        let mut scanner = Scanner {
            steps: vec![FxHashMap::default(); 2 * tables.size],
            inboxes: vec![Inbox { before: 0, arrival: None, number: Some(Inboxes::EMPTY) }],
            arrived: Vec::new(),
            choices: vec![vec![FxHashMap::default()]; tables.size],
            of_clients: Vec::new(),
            missing: Missing::default(),
            unknown: Vec::new(),
            row: vec![0; tables.servers + 1],
            locals: vec![STOPPED; tables.size],
            head: None,
            requests: vec![NO_REQUEST; tables.size],
            order: Vec::new(),
            stack: vec![0; (tables.servers + 2) * tables.size],
            valid: 0,
            lost: vec![0; tables.size],
            alike: Vec::new(),
            place: Vec::new(),
            prefixes: 0,
            suffixes: Vec::new(),
        };
        scanner.arrange(layout);
        scanner
    }

    /// Takes coordinates in the order of this layout from now on.
    pub(crate) fn arrange(&mut self, layout: &Layout) {
        self.order = [0].into_iter().chain(layout.prefix()).chain([layout.last()]).collect();
        self.valid = 0;
        self.head = None;
    }

    /// What was missing since this was asked last.
    pub(crate) fn take_missing(&mut self) -> Missing {
        for (process, slot, key) in self.unknown.drain(..) {
            self.choices[usize::from(process)][slot].remove(&key);
        }
        std::mem::take(&mut self.missing)
    }

    /// Adds what can follow from a state to the batch; calls `told` with the number in the batch of each way
    /// (there are several only if what a crashing process sends arrives in part) and the number of ways to
    /// combine choices. False if something is missing, and then it has to be looked at again.
    pub(crate) fn scan(
        &mut self,
        view: View<'_>,
        regime: &Regime,
        row: &[u32],
        batch: &mut Batch,
        told: &mut dyn FnMut(u32, u64),
    ) -> bool {
        self.enter(view, row);
        if !regime.has_several_ways() {
            let crashing = |process: usize| regime.crashing >> process & 1 == 1;
            if regime.crashing != 0
                && (0..self.locals.len()).any(|process| crashing(process) && self.locals[process] == STOPPED)
            {
                return true;
            }
            return self.way(view, regime, batch, told);
        }
        self.prefixes(view, regime, batch, told)
    }

    /// Under prefix delivery: how many of each crashing process's messages arrive, of those that matter.
    fn prefixes(
        &mut self,
        view: View<'_>,
        regime: &Regime,
        batch: &mut Batch,
        told: &mut dyn FnMut(u32, u64),
    ) -> bool {
        let crashes = |process: usize| regime.crashing >> process & 1 == 1;
        let mut receivers: Vec<(usize, Vec<u8>)> = Vec::new();
        for process in (0..self.locals.len()).filter(|&process| crashes(process)) {
            if self.locals[process] == STOPPED {
                return true;
            }
            let reads = |&to: &u8| self.locals[usize::from(to)] != STOPPED && !crashes(usize::from(to));
            let all = view.tables.receivers(process, self.locals[process]).iter().copied();
            receivers.push((process, all.filter(reads).collect()));
        }
        let mut arriving = vec![0; receivers.len()];
        let mut known = true;
        loop {
            for ((process, receivers), &arriving) in receivers.iter().zip(&arriving) {
                self.lost[*process] = receivers[arriving..].iter().fold(0, |bits, &to| bits | 1 << to);
            }
            self.valid = 0;
            known &= self.way(view, regime, batch, told);
            let more = |at: &usize| arriving[*at] < receivers[*at].1.len();
            let Some(at) = (0..receivers.len()).find(more) else { break };
            arriving[at] += 1;
            arriving[..at].fill(0);
        }
        self.lost.fill(0);
        self.valid = 0;
        known
    }

    /// Takes a row, and keeps what is the same as in the one before.
    fn enter(&mut self, view: View<'_>, row: &[u32]) {
        let servers = view.tables.servers;
        if self.head != Some(row[0]) {
            self.head = Some(row[0]);
            self.valid = 0;
            let head = view.heads.row(row[0]);
            self.locals[servers..].copy_from_slice(&head[1..]);
            let facts = view.environments.facts(head[0]);
            self.requests[servers..].copy_from_slice(&facts.may_issue);
            self.row[0] = row[0];
        }
        let same =
            self.order.iter().take_while(|&&coordinate| self.row[coordinate] == row[coordinate]).count();
        self.valid = self.valid.min(same);
        self.row.copy_from_slice(row);
        self.locals[..servers].copy_from_slice(&row[1..]);
    }

    fn way(
        &mut self,
        view: View<'_>,
        regime: &Regime,
        batch: &mut Batch,
        told: &mut dyn FnMut(u32, u64),
    ) -> bool {
        let last = *self.order.last().expect("there is a server") - 1;
        if self.valid < self.order.len() - 1 {
            self.alike.clear();
            self.suffixes.clear();
            self.prefixes += 1;
            while self.valid < self.order.len() - 1 {
                self.add_messages(view, regime, self.valid);
                self.valid += 1;
            }
        }
        let sends = view.tables.sending(last, self.locals[last]) as usize;
        if sends >= self.place.len() {
            self.place.resize(sends + 1, (0, 0));
        }
        if self.place[sends].0 != self.prefixes {
            self.place[sends] = (self.prefixes, number_of(self.alike.len()));
            self.look_up(view, regime, last);
        }
        let at = self.place[sends].1 as usize;
        let Alike { inbox, list, combinations: of_clients, suffix, .. } = self.alike[at];
        let Some(choices) = self.choices_of(view, regime, last, inbox) else { return false };
        if list == UNKNOWN {
            return false;
        }
        let suffix = &mut self.suffixes[suffix..suffix + view.tables.servers];
        suffix[last] = choices;
        let (number, combinations) = batch.insert(view.tables, list, suffix);
        told(number, combinations.saturating_mul(of_clients));
        true
    }

    /// Looks up what does not depend on what the last coordinate does.
    fn look_up(&mut self, view: View<'_>, regime: &Regime, last: usize) {
        let servers = view.tables.servers;
        let (level, size) = (self.order.len() - 1, self.locals.len());
        self.add_messages(view, regime, level);
        let top = (level + 1) * size;
        let suffix = self.suffixes.len();
        let mut known = true;
        for server in 0..servers {
            let choices = match server == last {
                true => Some(UNKNOWN),
                false => self.choices_of(view, regime, server, self.stack[top + server]),
            };
            known &= choices.is_some();
            self.suffixes.push(choices.unwrap_or(UNKNOWN));
        }
        self.of_clients.clear();
        self.of_clients.push(view.heads.row(self.row[0])[0]);
        let mut combinations = 1u64;
        for client in servers..size {
            match self.choices_of(view, regime, client, self.stack[top + client]) {
                Some(choices) => {
                    combinations = combinations.saturating_mul(view.tables.choices(choices).len() as u64);
                    self.of_clients.push(choices);
                }
                None => known = false,
            }
        }
        let list = if known { self.list_of_heads(view) } else { UNKNOWN };
        self.alike.push(Alike { inbox: self.stack[top + last], list, combinations, suffix });
    }

    /// Adds to every inbox what the processes of one coordinate send.
    fn add_messages(&mut self, view: View<'_>, regime: &Regime, level: usize) {
        let size = self.locals.len();
        self.stack.copy_within(level * size..(level + 1) * size, (level + 1) * size);
        let coordinate = self.order[level];
        let senders = match coordinate {
            0 => view.tables.servers..size,
            server => server - 1..server,
        };
        for from in senders {
            let local = self.locals[from];
            if local == STOPPED {
                continue;
            }
            for (to, &sent) in view.tables.sends(from, local).iter().enumerate() {
                if sent == 0 || self.lost[from] >> to & 1 == 1 {
                    continue;
                }
                let removable = regime.removable[to] >> from & 1 == 1;
                let at = (level + 1) * size + to;
                self.stack[at] = self.with_message(self.stack[at], from, removable, sent - 1);
            }
        }
    }

    fn with_message(&mut self, inbox: u32, from: usize, removable: bool, message: u32) -> u32 {
        let key = u64::from(inbox) << 32 | u64::from(message);
        let inboxes = &mut self.inboxes;
        *self.steps[2 * from + usize::from(removable)].entry(key).or_insert_with(|| {
            let from = u8::try_from(from).expect("at most 64 processes");
            let arrival = Some(Arrival { from, removable, message });
            inboxes.push(Inbox { before: inbox, arrival, number: None });
            number_of(inboxes.len() - 1)
        })
    }

    fn choices_of(&mut self, view: View<'_>, regime: &Regime, process: usize, inbox: u32) -> Option<u32> {
        let local = self.locals[process];
        if local == STOPPED || regime.crashing >> process & 1 == 1 {
            return Some(Tables::STOPPED_CHOICES);
        }
        let request = self.requests[process];
        let slot = if request == NO_REQUEST { 0 } else { usize::from(request) + 1 };
        let known = &mut self.choices[process];
        if slot >= known.len() {
            known.resize(slot + 1, FxHashMap::default());
        }
        let key = u64::from(local) << 32 | u64::from(inbox);
        if let Some(&choices) = known[slot].get(&key) {
            return (choices != UNKNOWN).then_some(choices);
        }
        let index = u8::try_from(process).expect("at most 64 processes");
        if let Some(number) = self.number_of(view, inbox) {
            let situation = Situation { process: index, request, local, inbox: number };
            if let Some(choices) = view.tables.known_choices(situation) {
                self.choices[process][slot].insert(key, choices);
                return Some(choices);
            }
        }
        self.choices[process][slot].insert(key, UNKNOWN);
        self.unknown.push((index, slot, key));
        self.arrivals(inbox);
        let inbox = self.arrived.as_slice().into();
        self.missing.situations.push(UnknownSituation { process: index, request, local, inbox });
        None
    }

    /// The number of an inbox in the tables, if it has one.
    fn number_of(&mut self, view: View<'_>, inbox: u32) -> Option<u32> {
        let known = self.inboxes[inbox as usize].number;
        if known.is_some() {
            return known;
        }
        self.arrivals(inbox);
        let number = view.tables.inboxes.find(&self.arrived);
        self.inboxes[inbox as usize].number = number;
        number
    }

    /// Collects the messages of an inbox, by sender.
    fn arrivals(&mut self, inbox: u32) {
        self.arrived.clear();
        let mut at = &self.inboxes[inbox as usize];
        while let Some(arrival) = at.arrival {
            self.arrived.push(arrival);
            at = &self.inboxes[at.before as usize];
        }
        self.arrived.sort_unstable_by_key(|arrival| arrival.from);
    }

    /// The list of heads that follow from the choices of the clients, or [`UNKNOWN`].
    fn list_of_heads(&mut self, view: View<'_>) -> u32 {
        view.heads.following(&self.of_clients).unwrap_or_else(|| {
            self.missing.heads.push(self.of_clients.as_slice().into());
            UNKNOWN
        })
    }

    /// A rough figure for what it keeps.
    pub(crate) fn bytes(&self) -> usize {
        let maps = self.steps.iter().chain(self.choices.iter().flatten());
        maps.map(|map| map.capacity() * 18).sum::<usize>() + self.inboxes.len() * size_of::<Inbox>()
    }
}

fn number_of(length: usize) -> u32 {
    u32::try_from(length).expect("fewer than 2^32 entries fit in memory")
}
