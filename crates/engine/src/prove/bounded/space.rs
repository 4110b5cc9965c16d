use threeworlds_model::{Assignment, Capability, System};

use super::views::{NO_VIEW, Rows, Views};
use crate::explore::{Observer, Progress, StopReason};

/// Who hears whom, for how many rounds.
pub(super) struct Network {
    pub(super) system: System,
    pub(super) servers: usize,
    pub(super) clients: usize,
    /// By receiver: the set of those that are linked to it.
    pub(super) senders: Vec<u64>,
    pub(super) rounds: u32,
}

impl Network {
    pub(super) fn new(system: System, rounds: u32) -> Self {
        let linked = |to| {
            let from = system.processes().filter(move |&from| system.linked(from, to));
            from.fold(0u64, |set, from| set | 1 << system.index(from))
        };
        Network {
            system,
            servers: usize::from(system.servers),
            clients: usize::from(system.clients),
            senders: system.processes().map(linked).collect(),
            rounds,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.servers + self.clients
    }

    /// The set of all clients, by their positions among the clients.
    pub(super) fn all_clients(&self) -> u64 {
        (1u64 << self.clients) - 1
    }
}

/// A part of the executions: what the adversary may do, and which clients are asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) assignment: Assignment,
    /// By position among the clients.
    pub(super) asked: u64,
}

impl Part {
    /// The processes that have this capability.
    pub(super) fn able(&self, is_able: impl Fn(Capability) -> bool) -> u64 {
        let able = |(process, capability): (usize, &Option<Capability>)| {
            u64::from(capability.is_some_and(&is_able)) << process
        };
        self.assignment.capabilities.iter().enumerate().map(able).sum()
    }
}

/// Is told of every view that a client can have at the end of the last round.
pub(super) trait Visit {
    /// Whether anything can come of this client's view at the end of some round.
    fn is_client_worth(&self, client: usize, view: u32) -> bool;
    /// Whether anything can come of a state in which these clients have views that are worth it.
    fn is_state_worth(&self, clients: u64) -> bool;
    /// A client that was asked can have this view at the end of the last round.
    fn last_view(&mut self, client: usize, content: &[u32]);
    /// Any two views of different clients that came since the last call belong to one execution.
    fn end_of_group(&mut self);
    /// Bytes in use.
    fn bytes(&self) -> usize;
}

/// Counts, and asks the observer now and then.
pub(super) struct Meter<'o> {
    pub(super) observer: &'o mut dyn Observer,
    /// Global states met; those of the last round but one without the clients' views, where these are
    /// taken together.
    pub(super) states: usize,
    /// Bytes in use by those that do not walk.
    pub(super) other_bytes: usize,
    ticks: u32,
}

impl<'o> Meter<'o> {
    const OBSERVE_EVERY: u32 = 1 << 12;

    pub(super) fn new(observer: &'o mut dyn Observer) -> Self {
        Meter { observer, states: 0, other_bytes: 0, ticks: Self::OBSERVE_EVERY - 1 }
    }

    /// Counts this much work.
    pub(super) fn tick(
        &mut self,
        work: u32,
        round: u32,
        bytes: impl FnOnce() -> usize,
    ) -> Result<(), StopReason> {
        self.ticks = self.ticks.saturating_add(work);
        if self.ticks < Self::OBSERVE_EVERY {
            return Ok(());
        }
        self.ticks = 0;
        let states = self.states;
        let bytes = bytes() + self.other_bytes;
        let progress = Progress { round, states, frontier: states, expanded: states, bytes };
        self.observer.observe(&progress).map_or(Ok(()), Err)
    }
}

/// Goes through all executions of one part, and tells which views the clients have at their ends.
///
/// A message that is lost touches its receiver only. So for a fixed choice of who crashes the next views
/// are a product over the receivers, and in the last round not even that is enumerated: each client has a
/// list of views, of which any goes with any of another client. Where clients are not linked with each
/// other, a client's view after the last round but one touches nobody but itself, so that round is
/// enumerated for the servers only.
pub(super) struct Walk<'a, 'o, V> {
    network: &'a Network,
    asked: u64,
    crash: u64,
    omits_sends: u64,
    omits_receives: u64,
    views: &'a mut Views,
    visit: &'a mut V,
    meter: &'a mut Meter<'o>,
    /// By round: the states met. Only a crash makes a process forget how it came to be where it is, so
    /// without crashes there is nothing to meet twice.
    met: Option<Vec<Rows>>,
    content: Vec<u32>,
}

/// More messages of one round that may or may not arrive at one process cannot be enumerated.
const MOST_OPEN: u32 = 24;

impl<'a, 'o, V: Visit> Walk<'a, 'o, V> {
    pub(super) fn run(
        network: &'a Network,
        part: &Part,
        views: &'a mut Views,
        visit: &'a mut V,
        meter: &'a mut Meter<'o>,
    ) -> Result<(), StopReason> {
        let crash = part.able(|capability| capability == Capability::Crash);
        let mut walk = Walk {
            network,
            asked: part.asked,
            crash,
            omits_sends: part.able(Capability::omits_sends),
            omits_receives: part.able(Capability::omits_receives),
            views,
            visit,
            meter,
            met: (crash != 0).then(|| vec![Rows::default(); network.rounds as usize]),
            content: Vec::new(),
        };
        let is_asked =
            |process: usize| process >= network.servers && part.asked >> (process - network.servers) & 1 == 1;
        let start: Vec<u32> =
            (0..network.size()).map(|process| walk.views.root(process, is_asked(process))).collect();
        if walk.is_worth(&start) { walk.after(&start, 0) } else { Ok(()) }
    }

    /// Goes on from a state after so many rounds.
    fn after(&mut self, state: &[u32], done: u32) -> Result<(), StopReason> {
        self.meter.states += 1;
        let network = self.network;
        if done + 1 == network.rounds {
            let of_clients = state[network.servers..].iter().map(|&view| vec![view]).collect();
            return self.last(state, &self.worth_it(of_clients));
        }
        let servers_only = !network.system.client_links && done + 2 == network.rounds;
        for crashing in subsets(self.crash & alive(state)) {
            let mut options = Vec::with_capacity(state.len());
            for process in 0..state.len() {
                options.push(self.options(process, state, crashing)?);
            }
            if servers_only {
                let of_clients = self.worth_it(options.split_off(network.servers));
                let worth = (0..network.clients).filter(|&client| !of_clients[client].is_empty());
                let worth = worth.fold(0u64, |set, client| set | 1 << client);
                if !self.visit.is_state_worth(worth) {
                    continue;
                }
                let mut next = vec![NO_VIEW; state.len()];
                self.product(&options, &mut next, 0, &mut |walk, next| {
                    walk.meter.states += 1;
                    walk.last(next, &of_clients)
                })?;
            } else {
                let mut next = vec![NO_VIEW; state.len()];
                self.product(&options, &mut next, 0, &mut |walk, next| {
                    let new = walk.met.as_mut().is_none_or(|met| met[done as usize].insert(next).1);
                    if new && walk.is_worth(next) { walk.after(next, done + 1) } else { Ok(()) }
                })?;
            }
        }
        Ok(())
    }

    /// Every choice of one option for each of the first processes.
    fn product<F: FnMut(&mut Self, &[u32]) -> Result<(), StopReason>>(
        &mut self,
        options: &[Vec<u32>],
        next: &mut [u32],
        process: usize,
        each: &mut F,
    ) -> Result<(), StopReason> {
        let Some(own) = options.get(process) else { return each(self, next) };
        for &view in own {
            next[process] = view;
            self.product(options, next, process + 1, each)?;
        }
        Ok(())
    }

    fn is_client_worth(&self, client: usize, view: u32) -> bool {
        view != NO_VIEW && self.asked >> client & 1 == 1 && self.visit.is_client_worth(client, view)
    }

    /// Of these views of each client those of which anything can come.
    fn worth_it(&self, mut of_clients: Vec<Vec<u32>>) -> Vec<Vec<u32>> {
        for (client, views) in of_clients.iter_mut().enumerate() {
            views.retain(|&view| self.is_client_worth(client, view));
        }
        of_clients
    }

    fn is_worth(&self, state: &[u32]) -> bool {
        let of_clients = state[self.network.servers..].iter().enumerate();
        let worth = of_clients.filter(|&(client, &view)| self.is_client_worth(client, view));
        self.visit.is_state_worth(worth.fold(0u64, |set, (client, _)| set | 1 << client))
    }

    /// From whom a process certainly receives, and from whom it may.
    fn heard(&self, process: usize, alive: u64, crashing: u64) -> Result<(u64, u64), StopReason> {
        let senders = self.network.senders[process] & alive;
        let receiver = if self.omits_receives >> process & 1 == 1 { senders } else { 0 };
        let open = senders & (crashing | self.omits_sends | receiver);
        if open.count_ones() > MOST_OPEN { Err(StopReason::Memory) } else { Ok((senders & !open, open)) }
    }

    /// The views that a process can have after the next round.
    fn options(&mut self, process: usize, state: &[u32], crashing: u64) -> Result<Vec<u32>, StopReason> {
        if state[process] == NO_VIEW || crashing >> process & 1 == 1 {
            return Ok(vec![NO_VIEW]);
        }
        let (certain, open) = self.heard(process, alive(state), crashing)?;
        let mut options = Vec::with_capacity(1 << open.count_ones());
        for heard in subsets(open) {
            self.tick(1)?;
            fill(&mut self.content, state[process], certain | heard, state);
            options.push(self.views.intern(process, &self.content));
        }
        Ok(options)
    }

    /// The last round, from these views of those who send, and any of these views of each client, all of
    /// them worth it.
    fn last(&mut self, state: &[u32], of_clients: &[Vec<u32>]) -> Result<(), StopReason> {
        let (servers, clients) = (self.network.servers, self.network.clients);
        let alive = alive(state);
        let crashing_clients = self.crash >> servers;
        if !self.network.system.client_links || crashing_clients == 0 {
            return self.group(self.network.all_clients(), self.crash & alive, state, of_clients);
        }
        // Whether a client crashes touches what others can see: two at a time.
        for one in 0..clients {
            for other in 0..=one {
                let group = 1u64 << one | 1u64 << other;
                let crashing = self.crash & alive & !(group << servers);
                self.group(group, crashing, state, of_clients)?;
            }
        }
        Ok(())
    }

    fn group(
        &mut self,
        clients: u64,
        crashing: u64,
        state: &[u32],
        of_clients: &[Vec<u32>],
    ) -> Result<(), StopReason> {
        let alive = alive(state);
        for client in (0..self.network.clients).filter(|client| clients >> client & 1 == 1) {
            let (certain, open) = self.heard(self.network.servers + client, alive, crashing)?;
            for &view in &of_clients[client] {
                self.tick(1 << open.count_ones())?;
                for heard in subsets(open) {
                    fill(&mut self.content, view, certain | heard, state);
                    self.visit.last_view(client, &self.content);
                }
            }
        }
        self.visit.end_of_group();
        Ok(())
    }

    fn tick(&mut self, work: u32) -> Result<(), StopReason> {
        let (views, visit, met) = (&self.views, &self.visit, &self.met);
        let bytes =
            || views.bytes() + visit.bytes() + met.iter().flatten().map(|rows| rows.bytes()).sum::<usize>();
        self.meter.tick(work, self.network.rounds, bytes)
    }
}

fn fill(content: &mut Vec<u32>, before: u32, heard: u64, state: &[u32]) {
    content.clear();
    content.push(before);
    let mut left = heard;
    while left != 0 {
        content.push(state[left.trailing_zeros() as usize]);
        left &= left - 1;
    }
}

/// The processes that have not stopped.
fn alive(state: &[u32]) -> u64 {
    let alive = |(process, &view): (usize, &u32)| u64::from(view != NO_VIEW) << process;
    state.iter().enumerate().map(alive).sum()
}

/// All subsets, the empty one first.
pub(super) fn subsets(set: u64) -> impl Iterator<Item = u64> {
    let mut next = Some(0u64);
    std::iter::from_fn(move || {
        let this = next?;
        let following = this.wrapping_sub(set) & set;
        next = (following != 0).then_some(following);
        Some(this)
    })
}
