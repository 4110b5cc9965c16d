use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use threeworlds_model::{Assignment, Capability, TooManyAssignments};

use super::BoundedQuestion;
use super::network::Network;
use crate::explore::Interner;

/// Sets of scenarios, by number. A scenario says who is faulty, in which class, and in which round who
/// crashes that can. What a view shows, a message that came or one that did not, is possible in some
/// scenarios and not in others; views can occur together if they fit together and some scenario allows
/// all that they show.
///
/// By fault assignment a set has a bit for the assignment and, for each process that can crash in it, a
/// bit for each round. It is the product of these: every fact is about one process that crashes at most.
pub(super) struct Scenarios {
    pub(super) assignments: Vec<Assignment>,
    /// By assignment: its first bit.
    starts: Vec<usize>,
    size: usize,
    rounds: u32,
    sets: Interner<Box<[u64]>>,
    /// Intersections that were asked for, of the first sets as a table.
    table: Vec<u32>,
    table_size: usize,
    others: HashMap<(u32, u32), u32, FxBuildHasher>,
    relaxed: HashMap<(u32, u32), u32, FxBuildHasher>,
    everything: u32,
    /// By client: where it is non-faulty.
    pub(super) spared: Vec<u32>,
    /// By receiver, sender and round: where the message can be lost.
    lost: Vec<u32>,
    /// By process and round: where it sends in that round.
    sends: Vec<u32>,
}

/// The set of no scenario.
pub(super) const NONE: u32 = 0;

const UNKNOWN: u32 = u32::MAX;
const TABLE_MAX: usize = 1 << 11;

impl Scenarios {
    /// All scenarios that matter for what two clients see: those of the largest assignments, and of the
    /// largest that spare one or two clients.
    pub(super) fn new(question: &BoundedQuestion, network: &Network) -> Result<Self, TooManyAssignments> {
        let (system, rules) = (&network.system, &question.fault_model);
        let mut assignments = rules.maximal_assignments(system, None)?;
        for one in system.client_ids() {
            let spare_one = rules.maximal_assignments(system, Some(one))?;
            for other in system.client_ids().filter(|&other| other > one) {
                assignments.extend(spare_one.iter().cloned().map(|mut assignment| {
                    assignment.capabilities[system.index(other)] = None;
                    assignment
                }));
            }
            assignments.extend(spare_one);
            if assignments.len() > TooManyAssignments::LIMIT {
                return Err(TooManyAssignments);
            }
        }
        let faulty = |assignment: &Assignment| assignment.capabilities.iter().flatten().count();
        assignments.sort_by(|one, other| faulty(one).cmp(&faulty(other)).then_with(|| one.cmp(other)));
        assignments.dedup();
        Ok(Self::of(assignments, network))
    }

    fn of(assignments: Vec<Assignment>, network: &Network) -> Self {
        let (size, rounds) = (network.size(), network.rounds);
        let mut bits = 0;
        let mut starts = Vec::with_capacity(assignments.len() + 1);
        for assignment in &assignments {
            starts.push(bits);
            bits += 1 + crashing(assignment).count() * (rounds as usize + 1);
        }
        starts.push(bits);
        let mut scenarios = Scenarios {
            assignments,
            starts,
            size,
            rounds,
            sets: Interner::new(),
            table: vec![UNKNOWN],
            table_size: 1,
            others: HashMap::default(),
            relaxed: HashMap::default(),
            everything: 0,
            spared: Vec::new(),
            lost: Vec::new(),
            sends: Vec::new(),
        };
        assert_eq!(scenarios.sets.intern(vec![0; bits.div_ceil(64)].into()), NONE);
        scenarios.everything = scenarios.set(|_| Some(None));
        for client in network.servers..size {
            let spares = |assignment: &Assignment| assignment.capabilities[client].is_none();
            let set = scenarios.set(|assignment| spares(assignment).then_some(None));
            scenarios.spared.push(set);
        }
        for to in 0..size {
            for from in 0..size {
                for round in 0..rounds {
                    let set = scenarios.set(|assignment| may_be_lost(assignment, from, to, round));
                    scenarios.lost.push(set);
                }
            }
        }
        for process in 0..size {
            for round in 0..=rounds {
                let set = scenarios.set(|assignment| {
                    let crashes = assignment.capabilities[process] == Some(Capability::Crash);
                    Some(crashes.then_some((process, round..=rounds)))
                });
                scenarios.sends.push(set);
            }
        }
        scenarios
    }

    /// All scenarios.
    pub(super) fn everything(&self) -> u32 {
        self.everything
    }

    /// Where a message of this round (from 0) can be lost.
    pub(super) fn lost(&self, from: usize, to: usize, round: u32) -> u32 {
        self.lost[(to * self.size + from) * self.rounds as usize + round as usize]
    }

    /// Where a process sends in this round (from 0), so has taken all steps before it.
    pub(super) fn sends(&self, process: usize, round: u32) -> u32 {
        self.sends[process * (self.rounds as usize + 1) + round as usize]
    }

    /// The scenarios in both sets.
    pub(super) fn both(&mut self, one: u32, other: u32) -> u32 {
        if one == other {
            return one;
        }
        let (low, high) = (one.min(other), one.max(other));
        if low == NONE {
            return NONE;
        }
        if (high as usize) < self.table_size {
            let known = self.table[low as usize * self.table_size + high as usize];
            if known != UNKNOWN {
                return known;
            }
        } else if let Some(&known) = self.others.get(&(low, high)) {
            return known;
        }
        let words = self.sets.get(low).iter().zip(self.sets.get(high).iter());
        let mut words: Vec<u64> = words.map(|(one, other)| one & other).collect();
        self.without_empty(&mut words);
        let both = self.sets.intern(words.into());
        self.grow();
        if (high as usize) < self.table_size {
            self.table[low as usize * self.table_size + high as usize] = both;
        } else {
            self.others.insert((low, high), both);
        }
        both
    }

    /// A client that does not hear this sender knows nothing of what it saw: these scenarios, and all in
    /// which it can omit to send, or stop. Those are too many rather than too few.
    pub(super) fn unless_unheard(&mut self, set: u32, from: usize) -> u32 {
        if let Some(&known) = self.relaxed.get(&(set, from as u32)) {
            return known;
        }
        let mut words = self.sets.get(set).to_vec();
        for (position, assignment) in self.assignments.iter().enumerate() {
            let capability = assignment.capabilities[from];
            if capability.is_some_and(|able| able.omits_sends() || able == Capability::Crash) {
                (self.starts[position]..self.starts[position + 1])
                    .for_each(|bit| words[bit / 64] |= 1 << (bit % 64));
            }
        }
        let relaxed = self.sets.intern(words.into());
        self.grow();
        self.relaxed.insert((set, from as u32), relaxed);
        relaxed
    }

    /// The first assignment of some scenario in the set.
    pub(super) fn assignment(&self, set: u32) -> Option<&Assignment> {
        let words = self.sets.get(set);
        let position = self
            .starts
            .iter()
            .position(|&bit| words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1))?;
        self.assignments.get(position)
    }

    /// The set as it is.
    pub(super) fn words(&self, set: u32) -> &[u64] {
        self.sets.get(set)
    }

    /// Makes this the scenarios that are in the other set, too.
    pub(super) fn restrict(&self, words: &mut [u64], to: &[u64]) {
        words.iter_mut().zip(to).for_each(|(word, to)| *word &= to);
        self.without_empty(words);
    }

    pub(super) fn bytes(&self) -> usize {
        self.sets.len() * (self.sets.get(NONE).len() * 8 + 24)
            + self.table.len() * 4
            + (self.others.capacity() + self.relaxed.capacity()) * 16
    }

    /// The set of what this says of each assignment: nothing if it is ruled out, else which process crashes
    /// in which of these rounds only, if that is said.
    fn set(
        &mut self,
        allowed: impl Fn(&Assignment) -> Option<Option<(usize, std::ops::RangeInclusive<u32>)>>,
    ) -> u32 {
        let mut words = vec![0u64; self.starts[self.assignments.len()].div_ceil(64)];
        for (position, assignment) in self.assignments.iter().enumerate() {
            let Some(crash) = allowed(assignment) else { continue };
            let mut bit = self.starts[position];
            words[bit / 64] |= 1 << (bit % 64);
            bit += 1;
            for process in crashing(assignment) {
                for round in 0..=self.rounds {
                    let of_another = |(crashes, rounds): &(usize, std::ops::RangeInclusive<u32>)| {
                        *crashes != process || rounds.contains(&round)
                    };
                    if crash.as_ref().is_none_or(of_another) {
                        words[bit / 64] |= 1 << (bit % 64);
                    }
                    bit += 1;
                }
            }
        }
        self.sets.intern(words.into())
    }

    /// Takes out the assignments in which some process can crash in no round.
    fn without_empty(&self, words: &mut [u64]) {
        let rounds = self.rounds as usize + 1;
        for ends in self.starts.windows(2) {
            let is_in = |bit: usize| words[bit / 64] >> (bit % 64) & 1 == 1;
            let mut crashes = (ends[0] + 1..ends[1]).step_by(rounds);
            if ends[1] - ends[0] > 1 && crashes.any(|first| !(first..first + rounds).any(is_in)) {
                (ends[0]..ends[1]).for_each(|bit| words[bit / 64] &= !(1 << (bit % 64)));
            }
        }
    }

    /// Makes the table as large as it has to be, and can be.
    fn grow(&mut self) {
        let mut size = self.table_size;
        while size < self.sets.len() && size < TABLE_MAX {
            size *= 2;
        }
        if size > self.table_size {
            let mut table = vec![UNKNOWN; size * size];
            for (row, known) in self.table.chunks(self.table_size).enumerate() {
                table[row * size..][..self.table_size].copy_from_slice(known);
            }
            // What was not in the table before and would be now is worked out anew.
            (self.table, self.table_size) = (table, size);
        }
    }
}

fn crashing(assignment: &Assignment) -> impl Iterator<Item = usize> {
    let capabilities = assignment.capabilities.iter().enumerate();
    capabilities.filter(|(_, able)| **able == Some(Capability::Crash)).map(|(process, _)| process)
}

/// In which scenarios of an assignment a message can be lost, as [`Scenarios::set`] takes it.
fn may_be_lost(
    assignment: &Assignment,
    from: usize,
    to: usize,
    round: u32,
) -> Option<Option<(usize, std::ops::RangeInclusive<u32>)>> {
    let able = |process: usize| assignment.capabilities[process];
    if able(from).is_some_and(Capability::omits_sends) || able(to).is_some_and(Capability::omits_receives) {
        return Some(None);
    }
    (able(from) == Some(Capability::Crash)).then_some(Some((from, 0..=round)))
}
