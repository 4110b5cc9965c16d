//! Who is who in the worlds that are searched: servers in groups, two clients that ask, and the rest; and
//! which of them can be faulty at once. Only this decides how large a question is: how many servers a group
//! has matters to the budget and to nothing else.

use std::collections::BTreeSet;

use threeworlds_certificate::{Block, Claim, Fault};
use threeworlds_model::{Capability, Process};

/// Processes that the same fault rules name: no argument needs to tell them apart beforehand.
#[derive(Debug)]
struct Kind {
    members: Vec<Process>,
    rules: Vec<usize>,
    /// What can be the matter with one of them, with the rules that allow it as bits.
    faults: Vec<(Capability, u128)>,
}

/// The processes of a claim by kind: those of servers first.
#[derive(Debug)]
pub(super) struct Population<'a> {
    claim: &'a Claim,
    kinds: Vec<Kind>,
    server_kinds: usize,
}

/// Some processes of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    kind: usize,
    size: usize,
}

/// The blocks of the worlds that are searched together: servers, then the two clients that ask, then the
/// rest of the clients by kind.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    parts: Vec<Part>,
    budget: Budget,
    pub(super) blocks: Vec<Block>,
    /// The blocks of the two clients that ask.
    pub(super) asking: [usize; 2],
    /// How many of the blocks, the first ones, are servers.
    pub(super) groups: usize,
    /// In a layout for any number of servers, for how many times f groups exist that can be faulty as here.
    pub(super) times: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Budget {
    /// The claim's rules, with the sizes of the blocks.
    Rules,
    /// Of the servers at most the groups of one of these sets are faulty at once, whatever their sizes.
    Sets(Vec<BTreeSet<usize>>),
}

/// Who is faulty in a world, by block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Faulty {
    pub(super) faults: Vec<Option<Fault>>,
    /// How many processes that are; a group of open size counts as one.
    pub(super) processes: usize,
}

impl<'a> Population<'a> {
    pub(super) fn new(claim: &'a Claim) -> Self {
        let rules = &claim.fault_model.rules;
        let mut kinds: Vec<Kind> = Vec::new();
        let mut server_kinds = 0;
        for process in claim.system.processes() {
            let of: Vec<usize> = claim.fault_model.rules_of(process).collect();
            let same =
                |kind: &&mut Kind| kind.rules == of && kind.members[0].is_client() == process.is_client();
            if let Some(kind) = kinds.iter_mut().find(same) {
                kind.members.push(process);
                continue;
            }
            let all: BTreeSet<Capability> =
                of.iter().flat_map(|&rule| rules[rule].class.capabilities()).copied().collect();
            let allowing = |capability: Capability| {
                let allows = |&&rule: &&usize| {
                    rules[rule].class.capabilities().iter().any(|&can| capability.within(can))
                };
                of.iter().filter(allows).fold(0, |mask, &rule| mask | 1u128 << rule)
            };
            let faults = all.into_iter().map(|capability| (capability, allowing(capability))).collect();
            server_kinds += usize::from(!process.is_client());
            kinds.push(Kind { members: vec![process], rules: of, faults });
        }
        Population { claim, kinds, server_kinds }
    }

    /// Every layout with this number of server groups that has to be searched. Where groups of some sizes
    /// allow every faulty set that others allow, the others are left out.
    pub(super) fn layouts(&self, groups: usize, ordered: bool) -> Vec<Layout> {
        // Which groups can be faulty does not depend on the clients unless they share a rule.
        let shared = (0..self.claim.fault_model.rules.len()).any(|rule| {
            let of = |kinds: &[Kind]| kinds.iter().any(|kind| kind.rules.contains(&rule));
            of(&self.kinds[..self.server_kinds]) && of(&self.kinds[self.server_kinds..])
        });
        let counts: Vec<usize> =
            self.kinds[..self.server_kinds].iter().map(|kind| kind.members.len()).collect();
        let mut found = Vec::new();
        for (asking, rest) in self.clients(ordered) {
            let clients = asking.iter().map(|&kind| Part { kind, size: 1 }).chain(rest);
            let clients: Vec<Part> = clients.collect();
            let mut best: Vec<(Vec<bool>, Vec<Part>)> = Vec::new();
            for sizes in sizes(&counts, groups) {
                let of_kind = |(kind, sizes): (usize, Vec<usize>)| {
                    sizes.into_iter().map(move |size| Part { kind, size })
                };
                let mut parts: Vec<Part> = sizes.into_iter().enumerate().flat_map(of_kind).collect();
                parts.extend(&clients);
                let looked_at = if shared { parts.len() } else { groups };
                let mut allowed = Vec::new();
                product(&self.options(&parts[..looked_at]), |choice| allowed.push(self.fits(&parts, choice)));
                let comparable = |other: &[Part]| {
                    parts.iter().map(|part| part.kind).eq(other.iter().map(|part| part.kind))
                };
                let within =
                    |one: &[bool], other: &[bool]| one.iter().zip(other).all(|(one, other)| !one || *other);
                if best.iter().any(|(other, of)| comparable(of) && within(&allowed, other)) {
                    continue;
                }
                best.retain(|(other, of)| !(comparable(of) && within(other, &allowed)));
                best.push((allowed, parts));
            }
            found.extend(best.into_iter().map(|(_, parts)| self.layout(parts, groups, Budget::Rules, None)));
        }
        found
    }

    /// The layouts for any number of servers, whose groups stand for however many: which of them can be
    /// faulty at once, in disjoint sets.
    pub(super) fn general_layouts(&self, groups: usize) -> Vec<Layout> {
        let all: Vec<usize> = (0..groups).collect();
        let mut found = Vec::new();
        for sets in partitions_of_a_set(&all) {
            let times = Some(u16::try_from(sets.len()).expect("groups are few"));
            for (asking, rest) in self.clients(false) {
                let servers = (0..groups).map(|_| Part { kind: 0, size: 1 });
                let clients = asking.iter().map(|&kind| Part { kind, size: 1 });
                let parts = servers.chain(clients).chain(rest).collect();
                found.push(self.layout(parts, groups, Budget::Sets(sets.clone()), times));
            }
        }
        found
    }

    /// Which two kinds of clients ask, and the others. Clients of one kind are alike, so any two stand for
    /// all; where the two have different parts to play (`ordered`) both orders count.
    fn clients(&self, ordered: bool) -> Vec<([usize; 2], Vec<Part>)> {
        let mut found = Vec::new();
        for first in self.server_kinds..self.kinds.len() {
            for second in if ordered { self.server_kinds } else { first }..self.kinds.len() {
                let asking = [first, second];
                let left = |kind: usize| {
                    let taken = asking.iter().filter(|&&of| of == kind).count();
                    Some(Part { kind, size: self.kinds[kind].members.len().checked_sub(taken)? })
                };
                let rest: Option<Vec<Part>> = (self.server_kinds..self.kinds.len()).map(left).collect();
                let Some(mut rest) = rest else { continue };
                rest.retain(|part| part.size > 0);
                found.push((asking, rest));
            }
        }
        found
    }

    fn layout(&self, parts: Vec<Part>, groups: usize, budget: Budget, times: Option<u16>) -> Layout {
        let open = budget != Budget::Rules;
        let mut taken = vec![0; self.kinds.len()];
        let mut parts: Vec<(Vec<Process>, bool, Part)> = (0..)
            .zip(parts)
            .map(|(position, part)| {
                let from = taken[part.kind];
                taken[part.kind] += part.size;
                let members = self.kinds[part.kind].members[from..from + part.size].to_vec();
                (members, (groups..groups + 2).contains(&position), part)
            })
            .collect();
        parts.sort_by_key(|(members, ..)| members[0]);
        let grouped = open || parts[..groups].iter().any(|(members, ..)| members.len() > 1);
        let asking: Vec<usize> = (0..parts.len()).filter(|&position| parts[position].1).collect();
        let mut others = (1..).map(|number| {
            if parts.len() == groups + 3 { "others".to_owned() } else { format!("others{number}") }
        });
        let blocks = (1..).zip(&parts).map(|(number, (members, ..))| {
            if number <= groups && grouped {
                Block { name: format!("G{number}"), members: members.clone() }
            } else if members.len() > 1 {
                Block { name: others.next().expect("numbers do not end"), members: members.clone() }
            } else {
                Block::of(members[0])
            }
        });
        let blocks = blocks.collect();
        Layout {
            parts: parts.into_iter().map(|(.., part)| part).collect(),
            budget,
            blocks,
            asking: [asking[0], asking[1]],
            times,
            groups,
        }
    }

    /// What may be the matter with each part: nothing first.
    fn options(&self, parts: &[Part]) -> Vec<Vec<Option<(Capability, u128)>>> {
        let of =
            |part: &Part| std::iter::once(None).chain(self.kinds[part.kind].faults.iter().copied().map(Some));
        parts.iter().map(|part| of(part).collect()).collect()
    }

    /// Whether the rules allow these parts to be faulty at once. The members of a part can be charged to
    /// several rules; by Hall's theorem that works out if all that is faulty in any few of them fits into
    /// the rules that these can be charged to.
    fn fits(&self, parts: &[Part], choice: &[Option<(Capability, u128)>]) -> bool {
        let rules = &self.claim.fault_model.rules;
        let demands = |(part, fault): (&Part, &Option<(Capability, u128)>)| Some((part.size, (*fault)?.1));
        let faulty: Vec<(usize, u128)> = parts.iter().zip(choice).filter_map(demands).collect();
        (1u32..1 << faulty.len()).all(|some| {
            let chosen = faulty.iter().enumerate().filter(|(position, _)| some >> position & 1 == 1);
            let (size, mask) = chosen.fold((0, 0), |(size, mask), (_, part)| (size + part.0, mask | part.1));
            let room: usize =
                (0..rules.len()).filter(|&rule| mask >> rule & 1 == 1).map(|rule| rules[rule].at_most).sum();
            size <= room
        })
    }

    /// All the ways in which processes can be faulty together, those that crash in every epoch.
    pub(super) fn faulty(&self, layout: &Layout, epochs: usize) -> Vec<Faulty> {
        let mut found = Vec::new();
        product(&self.options(&layout.parts), |choice| {
            let allowed = match &layout.budget {
                Budget::Rules => self.fits(&layout.parts, choice),
                Budget::Sets(sets) => {
                    let groups = layout.groups;
                    let is_faulty = |&group: &usize| choice[group].is_some();
                    let faulty: BTreeSet<usize> = (0..groups).filter(is_faulty).collect();
                    let within = faulty.is_empty() || sets.iter().any(|set| faulty.is_subset(set));
                    within && self.fits(&layout.parts[groups..], &choice[groups..])
                }
            };
            if !allowed {
                return;
            }
            let when: Vec<Vec<Option<Fault>>> = choice
                .iter()
                .map(|fault| match fault {
                    None => vec![None],
                    Some((capability @ Capability::Crash, _)) => {
                        (0..epochs).map(|from| Some(Fault { capability: *capability, from })).collect()
                    }
                    Some((capability, _)) => vec![Some(Fault { capability: *capability, from: 0 })],
                })
                .collect();
            let sizes = layout.parts.iter().zip(choice).filter(|(_, fault)| fault.is_some());
            let processes = sizes.map(|(part, _)| part.size).sum();
            product(&when, |faults| found.push(Faulty { faults: faults.to_vec(), processes }));
        });
        found
    }
}

/// Every way to split kinds of so many members into `groups` groups in all, at least one for each kind, as
/// even as possible first.
fn sizes(kinds: &[usize], groups: usize) -> Vec<Vec<Vec<usize>>> {
    let Some((&count, others)) = kinds.split_first() else {
        return if groups == 0 { vec![Vec::new()] } else { Vec::new() };
    };
    let mut found = Vec::new();
    for own in 1..=groups.saturating_sub(others.len()).min(count) {
        let rest = sizes(others, groups - own);
        let mut split = Vec::new();
        partitions(count, own, count, &mut Vec::new(), &mut split);
        for sizes in split {
            found.extend(
                rest.iter().map(|rest| std::iter::once(sizes.clone()).chain(rest.iter().cloned()).collect()),
            );
        }
    }
    found
}

/// The ways to write a number as so many positive parts, none above `most`, in descending order; those with
/// the smallest largest part first.
fn partitions(
    number: usize,
    parts: usize,
    most: usize,
    so_far: &mut Vec<usize>,
    found: &mut Vec<Vec<usize>>,
) {
    if parts == 0 {
        if number == 0 {
            found.push(so_far.clone());
        }
        return;
    }
    if number < parts {
        return;
    }
    for part in number.div_ceil(parts)..=most.min(number + 1 - parts) {
        so_far.push(part);
        partitions(number - part, parts - 1, part, so_far, found);
        so_far.pop();
    }
}

/// The ways to put these groups into non-empty sets, up to the names of the groups, the most sets first:
/// those in which the sets differ by one group at most, for then each has room wherever all of them have.
fn partitions_of_a_set(groups: &[usize]) -> Vec<Vec<BTreeSet<usize>>> {
    let mut found = Vec::new();
    for parts in (1..=groups.len()).rev() {
        let mut split = Vec::new();
        partitions(groups.len(), parts, groups.len(), &mut Vec::new(), &mut split);
        for sizes in split {
            if sizes.iter().any(|&size| size > groups.len().div_ceil(parts)) {
                continue;
            }
            let mut next = groups.iter().copied();
            found.push(sizes.iter().map(|&size| next.by_ref().take(size).collect()).collect());
        }
    }
    found
}

/// Calls `with` for every choice of one option from each list.
fn product<T: Copy>(options: &[Vec<T>], mut with: impl FnMut(&[T])) {
    fn go<T: Copy>(options: &[Vec<T>], so_far: &mut Vec<T>, with: &mut impl FnMut(&[T])) {
        let Some(own) = options.get(so_far.len()) else { return with(so_far) };
        for &option in own {
            so_far.push(option);
            go(options, so_far, with);
            so_far.pop();
        }
    }
    go(options, &mut Vec::new(), &mut with);
}
