//! Which question is no harder than which: a protocol for the harder one makes a protocol for the easier.
//!
//! Four constructions, and what is made by one after the other. Each is for any task, and none looks into
//! messages:
//! - *Weaker faults, kinder timing.* Every execution of the easier question is one of the harder, so the
//!   protocol is used as it stands. Partial synchrony needs one thing more of a protocol for asynchrony:
//!   everybody sends again in every round all that it has sent so far, for what is lost before GST; a
//!   message of which every copy is removed is one that is lost, and charged to the same process.
//! - *Fewer servers that matter.* With more servers than the protocol is for, the others are left alone:
//!   nobody speaks to them. At most f of those that are left are faulty.
//! - *Servers that do the work of several.* n servers run the protocol of N, each in the place of a group;
//!   messages inside a group always arrive, those from one to another travel together. Where f of the n are
//!   faulty, at most the members of the f largest groups are, each in the class and on the side of its
//!   stand-in.
//! - *Servers that are not there.* A server that sends nothing is one that crashed at the start or omits all
//!   its sends. One that only omits to receive, and receives nothing, sends what it would send alone: all
//!   the others know it without being told. So the protocol for one more server, and one more fault, runs
//!   without it.
//!
//! Complete it is not: what no chain of these constructions relates may be related all the same.

use threeworlds_certificate::Timing;
use threeworlds_model::FaultClass;

use super::Cell;

/// How a protocol for a harder question makes one for an easier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reduction {
    /// The timing is kinder.
    pub timing: bool,
    /// The servers' faults are weaker.
    pub server_faults: bool,
    /// The clients' faults are weaker.
    pub client_faults: bool,
    /// What becomes of the servers.
    pub servers: Sizes,
}

/// How `n` servers, `f` of them faulty, run a protocol that is for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Servers that are left alone.
    pub ignored: u16,
    /// Servers of the protocol that are not there, and count as faulty.
    pub absent: u16,
    /// The most servers whose work one does.
    pub largest_group: u16,
}

impl Reduction {
    /// How a protocol for `harder` makes one for `easier`; `None` where these constructions give none.
    /// A cell is no harder than itself.
    pub fn new(easier: &Cell, harder: &Cell) -> Option<Reduction> {
        let servers = Sizes::new((easier.servers, easier.faults), (harder.servers, harder.faults))?;
        // Without faulty servers their class says nothing.
        let same_servers = easier.faults == 0 || easier.server_faults == harder.server_faults;
        let fits = rank(easier.timing) <= rank(harder.timing)
            && (same_servers || within(easier.server_faults, harder.server_faults))
            && within(easier.client_faults, harder.client_faults);
        fits.then_some(Reduction {
            timing: easier.timing != harder.timing,
            server_faults: !same_servers,
            client_faults: easier.client_faults != harder.client_faults,
            servers,
        })
    }
}

impl Sizes {
    /// How easy.0 servers, at most easier.1 of them faulty, run a protocol for `harder`, with the least
    /// change.
    fn new(easier: (u16, u16), harder: (u16, u16)) -> Option<Sizes> {
        (0..=harder.1).find_map(|absent| {
            (1..=easier.0).rev().find_map(|used| {
                let there = harder.0.checked_sub(absent).filter(|&there| there >= used)?;
                // The groups differ by one at most, so that the largest are as small as they can be.
                let (each, larger) = (there / used, there % used);
                let faulty = easier.1.min(used);
                let most = faulty * each + faulty.min(larger);
                (most + absent <= harder.1).then_some(Sizes {
                    ignored: easier.0 - used,
                    absent,
                    largest_group: each + u16::from(larger > 0),
                })
            })
        })
    }

    /// Whether nothing changes.
    pub fn is_same(&self) -> bool {
        *self == Sizes { ignored: 0, absent: 0, largest_group: 1 }
    }
}

/// Whether whoever survives `other` survives `one`.
pub(super) fn within(one: FaultClass, other: FaultClass) -> bool {
    use FaultClass::{Crash, None, Omission, ReceiveOmission, SendOmission, SendOrReceiveOmission};
    match one {
        None => true,
        Crash => matches!(other, Crash | SendOmission | SendOrReceiveOmission | Omission),
        SendOmission => matches!(other, SendOmission | SendOrReceiveOmission | Omission),
        // A process that receives nothing still sends: a crash is no part of this.
        ReceiveOmission => matches!(other, ReceiveOmission | SendOrReceiveOmission | Omission),
        SendOrReceiveOmission => matches!(other, SendOrReceiveOmission | Omission),
        Omission => other == Omission,
    }
}

fn rank(timing: Timing) -> u8 {
    match timing {
        Timing::LockStep => 0,
        Timing::PartialSynchrony => 1,
        Timing::Asynchrony => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_run_each_others_protocols() {
        let leads = |harder, easier| Sizes::new(easier, harder).is_some();
        // Ignoring a server; doing the work of two; one that is absent.
        assert!(leads((2, 1), (3, 1)) && leads((3, 2), (4, 2)));
        assert!(leads((4, 2), (2, 1)) && leads((5, 2), (3, 1)) && leads((3, 2), (2, 1)));
        assert!(leads((2, 1), (1, 0)) && leads((1, 0), (5, 0)));
        // More faults, or fewer servers at the same number of them, are never gained.
        assert!(!leads((3, 1), (2, 1)) && !leads((3, 1), (3, 2)) && !leads((5, 2), (4, 2)));
        assert!(!leads((3, 1), (5, 2)), "a majority of three is no majority of five");
        assert!(!leads((2, 1), (3, 2)) && !leads((2, 1), (4, 2)));
    }

    /// By definition: some of the protocol's servers are absent, each other one is done by one of ours; the
    /// worst choice of faulty servers has to stay within the protocol's budget.
    #[test]
    fn sizes_are_those_of_trying_every_assignment() {
        for harder in (1..=5u16).flat_map(|n| (0..n).map(move |f| (n, f))) {
            for easier in (1..=4u16).flat_map(|n| (0..n).map(move |f| (n, f))) {
                let places = u32::from(easier.0) + 1;
                let found = (0..places.pow(harder.0.into())).any(|code| {
                    let place = |server: u16| code / places.pow(server.into()) % places;
                    let at = |which: u32| (0..harder.0).filter(|&server| place(server) == which).count();
                    let mut groups: Vec<usize> = (1..places).map(at).collect();
                    groups.sort_unstable_by(|one, other| other.cmp(one));
                    let faulty: usize = groups[..usize::from(easier.1)].iter().sum();
                    at(0) < usize::from(harder.0) && at(0) + faulty <= usize::from(harder.1)
                });
                assert_eq!(Sizes::new(easier, harder).is_some(), found, "{harder:?} for {easier:?}");
            }
        }
    }

    #[test]
    fn the_order_is_one() {
        use threeworlds_certificate::Task;
        let cells = super::super::Range { servers: 3, clients: 2, task: Task::WriteOnceRegister }.cells();
        let leads = |easier: usize, harder: usize| Reduction::new(&cells[easier], &cells[harder]).is_some();
        for one in (0..cells.len()).step_by(7) {
            assert!(leads(one, one));
            for two in (0..cells.len()).filter(|&two| leads(one, two)) {
                let beyond = (0..cells.len()).step_by(11).filter(|&three| leads(two, three));
                beyond.for_each(|three| {
                    assert!(leads(one, three), "{} / {} / {}", cells[one], cells[two], cells[three]);
                });
            }
        }
    }
}
