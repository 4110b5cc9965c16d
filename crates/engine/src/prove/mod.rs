//! Proofs that no protocol can do it: static worlds that force contradictory responses. What is not found
//! here is not thereby possible.

mod assemble;
pub(crate) mod bounded;
mod diagrams;
mod layout;
mod search;
mod worlds;

use threeworlds_certificate::{Certificate, Claim, Rejected, Servers, Task, verify};

use self::layout::{Layout, Population};
use self::search::Outcome;
use self::worlds::Worlds;
use crate::explore::{Observer, StopReason};

/// How far to look for worlds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The most groups of servers that do different things.
    pub groups: usize,
    /// The most epochs.
    pub epochs: usize,
}

impl Scope {
    /// The most blocks of processes that are searched together.
    const MOST_GROUPS: usize = 12;
}

impl Default for Scope {
    fn default() -> Self {
        Scope { groups: 3, epochs: 3 }
    }
}

/// How far the search has looked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Searched {
    /// The most groups of servers that were searched to the end, at the most epochs.
    pub groups: usize,
    /// The most epochs that were searched to the end.
    pub epochs: usize,
    /// The admissible worlds among which there is no contradiction: of the last epochs and groups that were
    /// searched to the end, which contain all others.
    pub worlds: f64,
    /// Why the search ended early, if it did.
    pub stopped: Option<StopReason>,
}

/// What a search for a proof came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// A proof that no protocol can do it, verified; `None` proves nothing.
    pub certificate: Option<Certificate>,
    /// How far the search has looked.
    pub searched: Searched,
}

/// A certificate was found that its verifier rejects: an error of this program, and no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("internal error: the proof that was found does not verify: {0}; please report this")]
pub struct Unsound(#[from] Rejected);

/// Looks for a proof that no protocol can do what the claim denies, in few epochs and with few groups first;
/// among these the proof has the fewest worlds, then the fewest faulty processes. A claim with
/// [`Servers::UpToTimesFaults`] is taken as the question for which multiple of f there is one, and the
/// certificate's claim has the largest that was found.
///
/// Two clients ask, once each. Time and memory grow with the links between groups, for each epoch, and not
/// with the number of servers, beyond choosing the sizes of groups.
pub fn prove(claim: &Claim, scope: Scope, observer: &mut dyn Observer) -> Result<Proof, Unsound> {
    let most = scope.groups.min(Scope::MOST_GROUPS);
    let claim = &match claim.servers {
        Servers::Exactly => claim.clone(),
        Servers::UpToTimesFaults(_) => general(claim, most, 1),
    };
    let population = Population::new(claim);
    let mut searched = Searched { groups: 0, epochs: 0, worlds: 0.0, stopped: None };
    let mut best: Option<Certificate> = None;
    for epochs in 1..=scope.epochs {
        for groups in 1..=most {
            let layouts = match claim.servers {
                Servers::Exactly => population.layouts(groups, claim.task.argued_as().0 == Task::Register),
                Servers::UpToTimesFaults(_) => population.general_layouts(groups),
            };
            let mut all_worlds = 0.0;
            let mut empty = true;
            for layout in &layouts {
                if best.as_ref().is_some_and(|best| !is_better(layout, best)) {
                    continue;
                }
                empty = false;
                let claim = claim_of(claim, layout);
                let faulty = population.faulty(layout, epochs);
                let mut worlds = Worlds::new(&claim, layout, epochs, observer);
                match search::search(&claim, &mut worlds, &faulty) {
                    Outcome::Chain(chain) => {
                        let certificate = assemble::certificate(&claim, &worlds, &chain);
                        verify(&certificate)?;
                        if claim.servers == Servers::Exactly {
                            return Ok(Proof { certificate: Some(certificate), searched });
                        }
                        best = Some(certificate);
                    }
                    Outcome::Nothing { worlds } => all_worlds += worlds,
                    Outcome::Stopped(reason) => {
                        searched.stopped = Some(reason);
                        return Ok(Proof { certificate: best, searched });
                    }
                }
            }
            if !empty {
                searched = Searched { groups, epochs, worlds: all_worlds, stopped: None };
            }
        }
    }
    Ok(Proof { certificate: best, searched })
}

/// Whether a proof for this layout would say more than the one that there is.
fn is_better(layout: &Layout, best: &Certificate) -> bool {
    match best.claim.servers {
        Servers::Exactly => true,
        Servers::UpToTimesFaults(times) => layout.times.is_some_and(|more| more > times),
    }
}

/// The claim that a proof with this layout makes.
fn claim_of(claim: &Claim, layout: &Layout) -> Claim {
    layout.times.map_or_else(|| claim.clone(), |times| general(claim, layout.groups, times))
}

/// The claim for any number of servers up to `times` f, with so many groups.
fn general(claim: &Claim, groups: usize, times: u16) -> Claim {
    let mut general = claim.clone();
    general.servers = Servers::UpToTimesFaults(times);
    general.system.servers = u16::try_from(groups).expect("groups are few");
    let servers: Vec<_> = general.system.server_ids().collect();
    for rule in &mut general.fault_model.rules {
        if rule.processes.iter().any(|process| !process.is_client()) {
            rule.processes.clone_from(&servers);
            rule.at_most = servers.len();
        }
    }
    let faults = general.fault_model.max_faulty_servers(&general.system);
    general.system.faults = u16::try_from(faults).expect("no more than servers");
    general
}

/// The same proof for any number of servers, with the largest multiple of f up to which it holds; `None`
/// where it depends on more than how many servers there are and how many of them are faulty.
pub fn generalise(certificate: &Certificate) -> Option<Certificate> {
    if certificate.claim.rounds.is_some() || certificate.claim.servers != Servers::Exactly {
        return None;
    }
    let groups = certificate.blocks.iter().filter(|block| !block.is_client()).count();
    (1..=u16::try_from(groups).ok()?).rev().find_map(|times| {
        let mut more = certificate.clone();
        more.claim = general(&more.claim, groups, times);
        let stand_ins = more.claim.system.server_ids();
        for (number, (block, stand_in)) in (1..).zip(more.blocks.iter_mut().zip(stand_ins)) {
            *block = threeworlds_certificate::Block { name: format!("G{number}"), members: vec![stand_in] };
        }
        verify(&more).is_ok().then_some(more)
    })
}
