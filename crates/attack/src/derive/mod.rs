//! Plans derived from a question: what its adversary can do to a running program, deterministically.
//!
//! The adversary of `check` may remove any messages; a campaign of plans tries few of those ways, the ones
//! that are known to find most (Alquraan et al., OSDI 2018: isolating one node finds most; Nifty, OSDI
//! 2020: partial partitions; and, where n <= 2f, the three worlds that decide). That nothing was found says
//! nothing about what was not tried.

mod cuts;
mod random;
mod script;
mod worlds;

use std::collections::BTreeSet;

use threeworlds_model::{Process, Question};

#[cfg(target_os = "linux")]
pub(crate) use random::Dice;
pub use random::random;
pub use script::INITIAL;
pub use worlds::horn_worlds;

use crate::plan::{Link, Plan, Roles, Workload};
use script::Script;

/// What plans are made for.
#[derive(Debug, Clone, PartialEq)]
pub struct Brief<'a> {
    /// Servers, clients and fault rules; the rest of the question plays no part.
    pub question: &'a Question,
    /// What the clients ask for.
    pub workload: Workload,
    /// Which node plays which server.
    pub roles: Roles,
    /// When a request that has to be answered is given up.
    pub deadline_milliseconds: u64,
    /// How long the program is left alone before the network changes, and after it has healed.
    pub settle_milliseconds: u64,
    /// Whether plans that the fault rules do not allow are made too.
    pub beyond: bool,
    /// What the network can remove.
    pub medium: Medium,
}

/// What a network of plans can remove, and how slow everything in it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// Single messages, by type and in one direction too: the router between programs.
    Messages,
    /// Everything between two hosts, whatever its type; as a rule in both directions, since what is lost one way
    /// is not acknowledged the other. What takes a program a moment takes a cluster many seconds, so plans are
    /// few, unless all are asked for ([`Brief::beyond`]), and after healing everything is read, since what was
    /// acknowledged may be lost then.
    Hosts {
        /// How long the cluster is left alone after the network has healed.
        heal_milliseconds: u64,
        /// Whether partial partitions are all that is tried, within the rules or not: the bridge, the chain, and
        /// the star with a stale hub (Alfatafta, Alkhatib, Alquraan and Al-Kiswany, OSDI 2020).
        partial: bool,
    },
}

/// A plan, and what it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// Its part in a campaign.
    pub part: Part,
    /// The plan.
    pub plan: Plan,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Nothing is lost. Who does not survive this says nothing about anything else.
    Baseline,
    /// One of the three worlds.
    World {
        /// The position of its split among all of them: the plans of one split decide together.
        split: usize,
        /// Which.
        world: World,
    },
    /// Another way to lose messages.
    Other,
}

/// The three worlds of the theorem, in general form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum World {
    /// The first client alone asks, beside the first group.
    A,
    /// The second client alone asks, beside the second group.
    B,
    /// Both ask.
    C,
}

impl World {
    /// `A`, `B` or `C`.
    pub fn name(self) -> &'static str {
        match self {
            World::A => "A",
            World::B => "B",
            World::C => "C",
        }
    }
}

/// The plan without any fault.
pub fn baseline(brief: &Brief) -> Derived {
    let mut plan = Script::new(brief).around("no fault", &[], &[], &[]);
    // Nobody is looked for: a program that has no leader yet is given its time by the first request.
    plan.roles = Roles::Fixed;
    Derived { part: Part::Baseline, plan }
}

/// Every plan of the question, in the order in which a campaign plays them: the three worlds of each split,
/// then the others. `message_types` are those that servers were seen to send each other or clients.
///
/// Plans that the rules do not allow are left out unless the brief asks for them; the others name the least
/// faulty set that explains them. The same brief gives the same plans.
pub fn derive(brief: &Brief, message_types: &[String]) -> Vec<Derived> {
    let partial = matches!(brief.medium, Medium::Hosts { partial: true, .. });
    let mut plans = if partial { Vec::new() } else { worlds::worlds(brief) };
    plans.extend(
        cuts::plans(brief, message_types).into_iter().map(|plan| Derived { part: Part::Other, plan }),
    );
    // What an earlier plan does already is not done again: a bridge over three servers is a link that is cut.
    let mut seen: Vec<(Roles, Vec<crate::Step>)> = Vec::new();
    plans.retain(|derived| {
        let does = (derived.plan.roles, derived.plan.steps.clone());
        let new = !seen.contains(&does);
        seen.push(does);
        new && (derived.plan.within_budget || ((brief.beyond || partial) && derived.part == Part::Other))
    });
    plans
}

/// The most that is enumerated where a number grows exponentially; what is left out is of the same kinds.
const MOST_GROUPS: usize = 64;

/// Every group of servers of 1 to `most`, by size, then by number; at most [`MOST_GROUPS`].
fn groups(servers: &[Process], most: usize) -> Vec<Vec<Process>> {
    fn choose(servers: &[Process], size: usize, chosen: &mut Vec<Process>, out: &mut Vec<Vec<Process>>) {
        if out.len() == MOST_GROUPS {
            return;
        }
        if size == 0 {
            out.push(chosen.clone());
            return;
        }
        for (position, &server) in servers.iter().enumerate() {
            chosen.push(server);
            choose(&servers[position + 1..], size - 1, chosen, out);
            chosen.pop();
        }
    }
    let mut out = Vec::new();
    for size in 1..=most.min(servers.len()) {
        choose(servers, size, &mut Vec::new(), &mut out);
    }
    out
}

/// Processes by name, as in `s1 s2`.
fn names(processes: &[Process]) -> String {
    let names: Vec<String> = processes.iter().map(Process::to_string).collect();
    names.join(" ")
}

/// Those that are not in the group.
fn others(all: &[Process], group: &[Process]) -> Vec<Process> {
    all.iter().copied().filter(|one| !group.contains(one)).collect()
}

/// Sorted, each once: as plans hold links.
fn sorted(links: impl IntoIterator<Item = Link>) -> Vec<Link> {
    links.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}
