use std::collections::BTreeSet;

use threeworlds_model::{Assignment, TooManyAssignments};

use super::classes::{Classes, Joins, Link, Obligations};
use super::space::{Meter, Network, Part, Walk, subsets};
use super::symmetry::Symmetry;
use super::views::Views;
use super::{BoundedCoverage, BoundedQuestion};
use crate::explore::{Observer, StopReason};

/// Everything that is found on the way to an answer.
pub(super) struct Decision {
    pub(super) question: BoundedQuestion,
    pub(super) network: Network,
    pub(super) symmetry: Symmetry,
    /// The views of all processes before the last round.
    pub(super) views: Views,
    /// The obliged views of the clients at the end of the last round.
    pub(super) obliged: Views,
    /// By obliged view: a part with an execution in which its client is non-faulty.
    pub(super) origins: Vec<u32>,
    /// By view: whether an obliged view begins with it.
    pub(super) leads: Vec<bool>,
    /// The parts that were explored, or are renamed from one that was.
    pub(super) parts: Vec<Part>,
    pub(super) classes: Classes,
    /// What made the classes as they are.
    pub(super) links: Vec<Link>,
    pub(super) explored: BoundedCoverage,
}

impl Decision {
    pub(super) fn new(question: &BoundedQuestion, rounds: u32) -> Self {
        let network = Network::new(question.system, rounds);
        Decision {
            symmetry: Symmetry::new(&question.system, &question.fault_model),
            question: question.clone(),
            views: Views::default(),
            obliged: Views::default(),
            origins: Vec::new(),
            leads: Vec::new(),
            parts: Vec::new(),
            classes: Classes::new(0, network.all_clients()),
            links: Vec::new(),
            explored: BoundedCoverage::default(),
            network,
        }
    }

    /// Explores everything. What is known when a limit is reached is true, too.
    pub(super) fn run(&mut self, observer: &mut dyn Observer) -> Result<(), StopReason> {
        let mut meter = Meter::new(observer);
        let mut outcome = self.oblige(&mut meter);
        if outcome.is_ok() {
            self.classes = Classes::new(self.obliged.len(), self.network.all_clients());
            outcome = self.join(&mut meter);
        }
        self.explored = BoundedCoverage {
            states: meter.states,
            views: self.views.len(),
            obliged_views: self.obliged.len(),
            classes: self.classes.roots().count(),
        };
        outcome
    }

    /// Finds the obliged views.
    fn oblige(&mut self, meter: &mut Meter<'_>) -> Result<(), StopReason> {
        let mut seen: BTreeSet<(usize, Part)> = BTreeSet::new();
        for client in 0..self.network.clients {
            let spared = self.network.system.process(self.network.servers + client);
            let (rules, system) = (&self.question.fault_model, &self.network.system);
            let assignments = rules.maximal_assignments(system, Some(spared)).map_err(too_many)?;
            for part in self.parts_of(&assignments)? {
                if part.asked >> client & 1 == 0 || !seen.insert((client, part.clone())) {
                    continue;
                }
                let before = self.obliged.len() as u32;
                meter.other_bytes = self.symmetry.bytes() + self.origins.capacity() * 4;
                let mut visit = Obligations { client, obliged: &mut self.obliged };
                Walk::run(&self.network, &part, &mut self.views, &mut visit, meter)?;
                let found = before..self.obliged.len() as u32;
                self.origins.resize(self.obliged.len(), self.parts.len() as u32);
                self.parts.push(part.clone());
                for renaming in 1..self.symmetry.renamings.len() {
                    let image = self.symmetry.part(renaming, &part);
                    let client = self.symmetry.client(renaming, client);
                    if !seen.insert((client, image.clone())) {
                        continue;
                    }
                    for view in found.clone() {
                        meter.tick(1, self.network.rounds, || self.bytes())?;
                        let content = self.obliged.content(view);
                        let content = self.symmetry.content(renaming, &mut self.views, content);
                        self.obliged.intern(client, &content);
                    }
                    self.origins.resize(self.obliged.len(), self.parts.len() as u32);
                    self.parts.push(image);
                }
            }
        }
        self.leads = vec![false; self.views.len()];
        for view in 0..self.obliged.len() as u32 {
            let mut begin = self.obliged.content(view)[0];
            while !std::mem::replace(&mut self.leads[begin as usize], true) {
                match self.views.after_a_round(begin) {
                    Some(content) => begin = content[0],
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Joins the obliged views that occur in one execution.
    fn join(&mut self, meter: &mut Meter<'_>) -> Result<(), StopReason> {
        let (rules, system) = (&self.question.fault_model, &self.network.system);
        let assignments = rules.maximal_assignments(system, None).map_err(too_many)?;
        let mut seen: BTreeSet<Part> = BTreeSet::new();
        for part in self.parts_of(&assignments)? {
            if !seen.insert(part.clone()) {
                continue;
            }
            let before = self.links.len();
            meter.other_bytes = self.symmetry.bytes() + self.origins.capacity() * 4;
            let mut joins = Joins {
                obliged: &self.obliged,
                leads: &self.leads,
                all_clients: self.network.all_clients(),
                asked: part.asked,
                part: self.parts.len() as u32,
                classes: &mut self.classes,
                links: &mut self.links,
                group: Vec::new(),
            };
            // Before the walk, which can be cut short: what was learnt until then names the part, too.
            self.parts.push(part.clone());
            Walk::run(&self.network, &part, &mut self.views, &mut joins, meter)?;
            let found = before..self.links.len();
            for renaming in 1..self.symmetry.renamings.len() {
                let image = self.symmetry.part(renaming, &part);
                if !seen.insert(image.clone()) {
                    continue;
                }
                let number = self.parts.len() as u32;
                self.parts.push(image.clone());
                for link in found.clone() {
                    meter.tick(1, self.network.rounds, || self.bytes())?;
                    let Link { one, other, .. } = self.links[link];
                    let (one, other) = (self.renamed(renaming, one), self.renamed(renaming, other));
                    let mut joins = Joins {
                        obliged: &self.obliged,
                        leads: &self.leads,
                        all_clients: self.network.all_clients(),
                        asked: image.asked,
                        part: number,
                        classes: &mut self.classes,
                        links: &mut self.links,
                        group: Vec::new(),
                    };
                    joins.link(one, other);
                }
            }
        }
        Ok(())
    }

    /// What is in use beside [`Meter::other_bytes`].
    fn bytes(&self) -> usize {
        self.views.bytes() + self.obliged.bytes() + self.classes.bytes() + self.links.capacity() * 12
    }

    /// The number of a renamed obliged view.
    pub(super) fn renamed(&mut self, renaming: usize, view: u32) -> u32 {
        let content = self.symmetry.content(renaming, &mut self.views, self.obliged.content(view));
        self.obliged.find(&content).expect("a renamed obliged view is obliged")
    }

    /// These assignments with every choice of who is asked, of which somebody is.
    pub(super) fn parts_of(&self, assignments: &[Assignment]) -> Result<Vec<Part>, StopReason> {
        let choices = 1usize.checked_shl(self.network.clients as u32);
        let many = choices.and_then(|choices| choices.checked_mul(assignments.len()));
        if many.is_none_or(|many| many > TooManyAssignments::LIMIT) {
            return Err(StopReason::FaultySets);
        }
        let part = |assignment: &Assignment, asked| Part { assignment: assignment.clone(), asked };
        let asked = || subsets(self.network.all_clients()).filter(|&asked| asked != 0);
        let of = |assignment| asked().map(move |asked| part(assignment, asked));
        Ok(assignments.iter().flat_map(of).collect())
    }
}

fn too_many(_: TooManyAssignments) -> StopReason {
    StopReason::FaultySets
}
