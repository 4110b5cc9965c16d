use std::collections::{BTreeMap, BTreeSet};

use threeworlds_model::{Happened, Process, Request, Value};

use crate::argument::{Given, Step};
use crate::claim::{Servers, Task, Timing};
use crate::format::{Certificate, printable};
use crate::views::{Key, Views, linked};
use crate::world::World;

/// Why a certificate is no proof: where, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct Rejected {
    /// `claim`, `groups`, `world B`, `step 4 (agreement)`, ...
    pub place: String,
    /// What does not hold.
    pub reason: String,
}

/// Confirms that a certificate proves its claim: the worlds are admissible, every step follows, and the
/// steps end in a contradiction. Uses nothing but the certificate.
pub fn verify(certificate: &Certificate) -> Result<(), Rejected> {
    let reject = |place: &str| {
        let place = place.to_owned();
        move |reason: String| Rejected { place, reason: printable(&reason) }
    };
    certificate.claim_is_well_formed().map_err(reject("claim"))?;
    certificate.blocks_are_a_partition().map_err(reject("groups"))?;
    for world in &certificate.worlds {
        certificate.admits(world).map_err(reject(&format!("world {}", world.name)))?;
    }
    certificate.budgets_leave_room().map_err(reject("claim"))?;
    let mut argument = Argument::new(certificate);
    for (number, step) in (1..).zip(&certificate.argument) {
        let place = format!("step {number} ({})", step.name());
        argument.take(step).map_err(reject(&place))?;
    }
    argument.is_finished().map_err(reject("argument"))
}

/// `Err` with this reason unless the condition holds.
macro_rules! demand {
    ($condition:expr, $($reason:tt)*) => { if !$condition { return Err(format!($($reason)*)); } };
}

impl Certificate {
    fn claim_is_well_formed(&self) -> Result<(), String> {
        let claim = &self.claim;
        demand!(claim.system.servers > 0, "there are no servers");
        demand!(claim.rounds != Some(0), "nobody can be answered in 0 rounds: say `rounds` of at least 1");
        if claim.rounds.is_some() {
            demand!(claim.timing == Timing::LockStep, "rounds can be counted in lock-step only");
            demand!(
                claim.task.argued_as().0 == Task::WriteOnceRegister,
                "rounds are counted for writes only"
            );
            demand!(claim.servers == Servers::Exactly, "rounds are counted for a given number of servers");
        }
        if let Servers::UpToTimesFaults(_) = claim.servers {
            demand!(
                claim.general_rule().is_some(),
                "a claim for any number of servers has one rule about servers, `f of servers: CLASS`"
            );
        }
        Ok(())
    }

    /// Every process is in exactly one block, and a block is all servers or all clients.
    fn blocks_are_a_partition(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for block in &self.blocks {
            demand!(!block.members.is_empty(), "{} has no members", block.name);
            for &member in &block.members {
                demand!(self.claim.system.contains(member), "{}: there is no {member}", block.name);
                demand!(member.is_client() == block.is_client(), "{} mixes servers and clients", block.name);
                demand!(seen.insert(member), "{member} is in two groups");
            }
        }
        let missing = self.claim.system.processes().find(|process| !seen.contains(process));
        demand!(missing.is_none(), "{} is in no group", missing.expect("just looked at"));
        Ok(())
    }

    /// The claim's model allows this world.
    fn admits(&self, world: &World) -> Result<(), String> {
        let name = |block: usize| &self.blocks[block].name;
        demand!(world.faulty.len() == self.blocks.len(), "it does not speak of every group");
        demand!(!world.phases.is_empty(), "it has no epochs");
        let phases = self.claim.rounds.map_or(self.worlds[0].phases.len(), |rounds| rounds as usize);
        demand!(world.phases.len() == phases, "it has {} phases, not {phases}", world.phases.len());
        for (phase, number) in (0..phases).zip(1..) {
            let unit = self.unit();
            for &(from, to) in &world.phases[phase].blocked {
                let link = format!("{} -> {} in {unit} {number}", name(from), name(to));
                demand!(linked(&self.claim.system, &self.blocks, from, to), "{link}: there is no such link");
                if self.is_charged(world, phase, from, to) {
                    continue;
                }
                demand!(
                    self.claim.timing != Timing::LockStep,
                    "{link}: nobody is faulty so that this may be lost, and in lock-step nothing is late"
                );
                // If it is blocked in the next phase, that one says the same of the rest.
                let to_the_end = phase + 1 == phases || world.is_blocked(phase + 1, (from, to));
                demand!(to_the_end, "{link}: what is late stays so to the end, and here it does not");
            }
            for from in (0..self.blocks.len()).filter(|&from| world.stopped(from, phase)) {
                // In claims about rounds any part of what is sent in the round of the crash may arrive.
                let may_still_send = self.claim.rounds.is_some()
                    && !phase.checked_sub(1).is_some_and(|p| world.stopped(from, p));
                let sends = (0..self.blocks.len()).find(|&to| {
                    linked(&self.claim.system, &self.blocks, from, to) && !world.is_blocked(phase, (from, to))
                });
                if let (Some(to), false) = (sends, may_still_send) {
                    return Err(format!(
                        "{} has crashed and still sends to {} in {unit} {number}",
                        name(from),
                        name(to)
                    ));
                }
            }
            for (client, request) in &world.phases[phase].requests {
                let who = name(*client);
                demand!(self.blocks[*client].is_client(), "{who} is no client, so it asks for nothing");
                demand!(self.blocks[*client].members.len() == 1, "{who}: a client that asks stands alone");
                demand!(
                    !world.stopped(*client, phase) || self.claim.rounds.is_some(),
                    "{who} has crashed and asks in {unit} {number}"
                );
                demand!(
                    self.claim.rounds.is_none() || phase == 0,
                    "{who} asks in round {number}: all ask in round 1"
                );
                let fits = match (self.claim.task.argued_as().0, request) {
                    (_, Request::Write { .. }) | (Task::Register, Request::Read {}) => true,
                    (_, Request::Read {} | Request::Append { .. } | Request::Command { .. }) => false,
                };
                demand!(fits, "{who} asks for {request}, of which the argument knows nothing");
            }
        }
        let happened: Vec<(Process, Happened)> = self
            .faulty(world)
            .flat_map(|(block, fault)| {
                let happened = Happened::all_of(fault.capability);
                self.blocks[block].members.iter().map(move |&member| (member, happened))
            })
            .collect();
        demand!(
            self.claim.fault_model.allow(&happened),
            "the fault rules do not allow all of its faulty processes at once"
        );
        Ok(())
    }

    /// Whether the sender or the receiver is faulty so that the message is lost.
    fn is_charged(&self, world: &World, phase: usize, from: usize, to: usize) -> bool {
        let omits_sends = world.faulty[from].is_some_and(|fault| fault.capability.omits_sends());
        let omits_receives = world.faulty[to].is_some_and(|fault| fault.capability.omits_receives());
        omits_sends || omits_receives || world.stopped(from, phase)
    }

    fn faulty<'a>(&'a self, world: &'a World) -> impl Iterator<Item = (usize, crate::Fault)> + 'a {
        world.faulty.iter().enumerate().filter_map(|(block, fault)| Some((block, (*fault)?)))
    }

    /// For a claim about any n: groups of some sizes exist whenever groups <= n <= times * f. The largest
    /// faulty sets of groups must not overlap, every group must be in one, and each must fit into the least
    /// such f; then a set of k groups can have any number of members from k to f.
    fn budgets_leave_room(&self) -> Result<(), String> {
        let Servers::UpToTimesFaults(times) = self.claim.servers else { return Ok(()) };
        let servers = |world| -> BTreeSet<usize> {
            self.faulty(world)
                .map(|(block, _)| block)
                .filter(|&block| !self.blocks[block].is_client())
                .collect()
        };
        let sets: BTreeSet<BTreeSet<usize>> = self.worlds.iter().map(servers).collect();
        let is_largest =
            |set: &&BTreeSet<usize>| !sets.iter().any(|other| *set != other && set.is_subset(other));
        let largest: Vec<&BTreeSet<usize>> = sets.iter().filter(is_largest).collect();
        let members: usize = largest.iter().map(|set| set.len()).sum();
        let together: BTreeSet<usize> = largest.iter().copied().flatten().copied().collect();
        demand!(
            members == together.len(),
            "its faulty sets of servers overlap: n <= {times}f does not follow"
        );
        let groups = self.blocks.iter().filter(|block| !block.is_client()).count();
        demand!(
            members == groups,
            "a group of servers is never faulty: n <= {times}f says nothing of its size"
        );
        demand!(
            largest.len() == usize::from(times),
            "its servers are {} sets of at most f, so n <= {}f follows and not n <= {times}f",
            largest.len(),
            largest.len()
        );
        let least = groups.div_ceil(largest.len());
        demand!(
            largest.iter().all(|set| set.len() <= least),
            "for n = {groups} and f = {least} there are no such groups: more than {least} of them are faulty at once"
        );
        Ok(())
    }
}

/// The steps taken so far: which responses are given, which of them are equal, what they can be.
struct Argument<'a> {
    certificate: &'a Certificate,
    /// By world, phase and block.
    keys: Vec<Vec<Vec<Key>>>,
    /// Each given response with one that it is equal to; the last of a chain stands for all.
    equal_to: BTreeMap<Given, Given>,
    /// What is left for those that stand for others.
    left: BTreeMap<Given, BTreeSet<Option<Value>>>,
    forced_with_a_faulty_server: bool,
    contradiction: bool,
}

impl<'a> Argument<'a> {
    fn new(certificate: &'a Certificate) -> Self {
        let mut views = Views::default();
        let Certificate { claim, blocks, worlds, .. } = certificate;
        let of = |world| views.of(&claim.system, blocks, world, claim.rounds.is_some());
        Argument {
            certificate,
            keys: worlds.iter().map(of).collect(),
            equal_to: BTreeMap::new(),
            left: BTreeMap::new(),
            forced_with_a_faulty_server: false,
            contradiction: false,
        }
    }

    fn take(&mut self, step: &Step) -> Result<(), String> {
        demand!(!self.contradiction, "the contradiction is reached before: nothing follows it");
        match step {
            Step::Forced(given) => self.forced(*given),
            Step::Indistinguishable(known, new) => self.indistinguishable(*known, *new),
            Step::Values(given, values) => self.values(*given, values),
            Step::Agreement(one, other) => self.agreement(*one, *other),
            Step::Contradiction(given) => self.contradiction(*given),
        }
    }

    /// By Termination.
    fn forced(&mut self, given: Given) -> Result<(), String> {
        self.asks_and_lives(given)?;
        let (client, world) = (self.client(given), self.world(given));
        demand!(
            world.faulty[given.client].is_none(),
            "{client} is faulty in {}: Termination promises it nothing",
            world.name
        );
        let late = (0..world.phases.len()).find_map(|phase| {
            let mut blocked = world.phases[phase].blocked.iter();
            blocked.find(|link| !self.certificate.is_charged(world, phase, link.0, link.1))
        });
        demand!(late.is_none(), "messages are late in {}, so Termination cannot be used there", world.name);
        self.forced_with_a_faulty_server |=
            self.certificate.faulty(world).any(|(block, _)| !self.certificate.blocks[block].is_client());
        self.equal_to.entry(given).or_insert(given);
        Ok(())
    }

    /// Equal views, equal responses.
    fn indistinguishable(&mut self, known: Given, new: Given) -> Result<(), String> {
        self.is_given(known)?;
        self.asks_and_lives(new)?;
        let client = self.client(known);
        demand!(
            known.client == new.client && known.phase == new.phase,
            "it compares two clients, or two requests"
        );
        let end = self.end(known.phase);
        let same = self.keys[known.world][end][known.client] == self.keys[new.world][end][new.client];
        demand!(
            same,
            "{client} does not see the same in {} and {}",
            self.world(known).name,
            self.world(new).name
        );
        self.join(known, new);
        Ok(())
    }

    /// Validity and Correctness, or linearizability.
    fn values(&mut self, given: Given, claimed: &[Option<Value>]) -> Result<(), String> {
        self.is_given(given)?;
        let possible = self.possible(given)?;
        let claimed: BTreeSet<Option<Value>> = claimed.iter().cloned().collect();
        demand!(
            claimed == possible,
            "the response can be one of {}, not of {}",
            list(&possible),
            list(&claimed)
        );
        let root = self.root(given);
        match self.left.get_mut(&root) {
            Some(left) => left.retain(|value| possible.contains(value)),
            None => drop(self.left.insert(root, possible)),
        }
        Ok(())
    }

    fn agreement(&mut self, one: Given, other: Given) -> Result<(), String> {
        self.is_given(one)?;
        self.is_given(other)?;
        demand!(one.world == other.world, "Agreement compares responses of one world");
        let task = self.certificate.claim.task;
        demand!(task.argued_as().0 == Task::WriteOnceRegister, "a {task} promises no Agreement");
        self.join(one, other);
        Ok(())
    }

    fn contradiction(&mut self, given: Given) -> Result<(), String> {
        self.is_given(given)?;
        match self.left.get(&self.root(given)) {
            None => Err("nothing is known of the value of this response".to_owned()),
            Some(left) if !left.is_empty() => Err(format!("the response can still be {}", list(left))),
            Some(_) => {
                self.contradiction = true;
                Ok(())
            }
        }
    }

    /// Reached, not vacuous, and no client asked twice at a time.
    fn is_finished(&self) -> Result<(), String> {
        demand!(self.contradiction, "it does not end in a contradiction");
        // With no faulty server one server can serve all clients: a proof without faults proves too much.
        demand!(self.forced_with_a_faulty_server, "nobody has to be answered in spite of a faulty server");
        for (position, world) in self.certificate.worlds.iter().enumerate() {
            for client in 0..self.certificate.blocks.len() {
                let asks: Vec<usize> =
                    (0..world.phases.len()).filter(|&phase| world.request(phase, client).is_some()).collect();
                for &phase in asks.split_last().map_or(&[][..], |(_, earlier)| earlier) {
                    let given = Given { world: position, client, phase };
                    demand!(
                        self.equal_to.contains_key(&given),
                        "{} asks again in {} though its first request need not have been answered",
                        self.client(given),
                        world.name
                    );
                }
            }
        }
        Ok(())
    }

    /// What a response can be, in its world.
    fn possible(&self, given: Given) -> Result<BTreeSet<Option<Value>>, String> {
        let world = self.world(given);
        let mut writes = Vec::new();
        for phase in 0..=given.phase {
            for (client, request) in &world.phases[phase].requests {
                let write = Given { client: *client, phase, ..given };
                writes.extend(request.value().map(|value| (write, value)));
            }
        }
        if self.certificate.claim.task.argued_as().0 == Task::WriteOnceRegister {
            return Ok(writes.into_iter().map(|(_, value)| Some(value.clone())).collect());
        }
        let reads = matches!(world.request(given.phase, given.client), Some(Request::Read {}));
        demand!(reads, "the answer to a write of a register is no value");
        // A write that was answered before another began, which was answered before the read began, is gone.
        let ended = |write: &Given, before: usize| write.phase < before && self.equal_to.contains_key(write);
        let gone = |write: &Given| {
            writes.iter().any(|(later, _)| ended(write, later.phase) && ended(later, given.phase))
        };
        let left = writes.iter().filter(|(write, _)| !gone(write)).map(|(_, value)| Some((*value).clone()));
        let initial = (!writes.iter().any(|(write, _)| ended(write, given.phase))).then_some(None);
        Ok(left.chain(initial).collect())
    }

    fn asks_and_lives(&self, given: Given) -> Result<(), String> {
        let (world, client) = (self.world(given), self.client(given));
        let asks = world.request(given.phase, given.client).is_some();
        demand!(
            asks,
            "{client} asks for nothing in {} {} of {}",
            self.certificate.unit(),
            given.phase + 1,
            world.name
        );
        demand!(
            !world.stopped(given.client, self.end(given.phase)),
            "{client} has crashed in {}",
            world.name
        );
        Ok(())
    }

    fn is_given(&self, given: Given) -> Result<(), String> {
        let (client, world) = (self.client(given), &self.world(given).name);
        demand!(
            self.equal_to.contains_key(&given),
            "no step before this says that {client} is answered in {world}"
        );
        Ok(())
    }

    /// The phase by whose end a request is answered.
    fn end(&self, phase: usize) -> usize {
        self.certificate.claim.rounds.map_or(phase, |rounds| rounds as usize - 1)
    }

    fn world(&self, given: Given) -> &'a World {
        &self.certificate.worlds[given.world]
    }

    fn client(&self, given: Given) -> &'a str {
        &self.certificate.blocks[given.client].name
    }

    fn root(&self, given: Given) -> Given {
        let mut root = given;
        while self.equal_to[&root] != root {
            root = self.equal_to[&root];
        }
        root
    }

    fn join(&mut self, one: Given, other: Given) {
        self.equal_to.entry(other).or_insert(other);
        let (one, other) = (self.root(one), self.root(other));
        if one == other {
            return;
        }
        self.equal_to.insert(other, one);
        if let Some(others) = self.left.remove(&other) {
            match self.left.get_mut(&one) {
                Some(left) => left.retain(|value| others.contains(value)),
                None => drop(self.left.insert(one, others)),
            }
        }
    }
}

fn list(values: &BTreeSet<Option<Value>>) -> String {
    let name =
        |value: &Option<Value>| value.as_ref().map_or("the initial value".to_owned(), Value::to_string);
    let names: Vec<String> = values.iter().map(name).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(" or ") }
}
