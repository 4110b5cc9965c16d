use std::collections::{BTreeSet, HashMap};

use threeworlds_certificate::{Block, Certificate, Claim, Fault, Given, Servers, Step, Task, Timing, World};
use threeworlds_model::{Assignment, Capability, FaultModel, Happened, Process};

use super::BoundedQuestion;
use super::chain::{Scenes, Use, shortest};
use super::classes::{Classes, Link};
use super::decide::Decision;
use super::space::{Meter, Network, Part, Visit, Walk, subsets};
use super::views::{NO_VIEW, Views};
use super::world::{name, value_of, world};
use crate::explore::{Observer, StopReason};

/// The proof that a contradictory decision is one, and whether no chain of fewer worlds is. `explore` asks
/// for that; what was learnt on the way is enough for a proof, which can be a longer one.
pub(super) fn certificate(
    question: &BoundedQuestion,
    decision: &mut Decision,
    explore: bool,
    observer: &mut dyn Observer,
) -> (Certificate, bool) {
    let contradictory = Contradictory::new(decision);
    let mut scenes = Scenes::new();
    let complete = explore && record(decision, &contradictory, &mut scenes, observer).is_ok();
    if !complete {
        for &Link { one, other, part } in &decision.links {
            if let (Some(one), Some(other)) = (contradictory.number(one), contradictory.number(other)) {
                let views = if one == other { vec![one] } else { vec![one, other] };
                let of = &decision.parts[part as usize];
                scenes.insert(of.asked, non_faulty(&decision.network, of), part, &views);
            }
        }
    }
    let client: Vec<u8> =
        contradictory.views.iter().map(|&view| decision.obliged.owner(view) as u8).collect();
    let all_clients = decision.network.all_clients();
    let (mut uses, is_shortest) =
        shortest(&scenes, &client, all_clients).expect("what leaves no value is a proof");
    for view in uses.iter_mut().flat_map(|one| &mut one.views) {
        *view = contradictory.views[*view as usize];
    }
    let argued = Argued::new(decision, &scenes, uses);
    (argued.certificate(question, decision), is_shortest && complete)
}

/// The obliged views for which no value is left, with numbers of their own.
struct Contradictory {
    views: Vec<u32>,
    /// By obliged view.
    numbers: Vec<u32>,
}

impl Contradictory {
    fn new(decision: &mut Decision) -> Self {
        let (mut views, mut numbers) = (Vec::new(), Vec::new());
        for view in 0..decision.obliged.len() as u32 {
            let is_contradictory = decision.classes.allowed(view) == 0;
            numbers.push(if is_contradictory { views.len() as u32 } else { NO_VIEW });
            views.extend(is_contradictory.then_some(view));
        }
        Contradictory { views, numbers }
    }

    fn number(&self, view: u32) -> Option<u32> {
        Some(self.numbers[view as usize]).filter(|&number| number != NO_VIEW)
    }
}

/// The clients that are certainly non-faulty in those executions of a part in which they do not crash.
fn non_faulty(network: &Network, part: &Part) -> u64 {
    !(part.able(|capability| capability != Capability::Crash) >> network.servers) & network.all_clients()
}

/// Collects the scenes of all contradictory classes, those with more clients spared by the adversary first.
fn record(
    decision: &mut Decision,
    contradictory: &Contradictory,
    scenes: &mut Scenes,
    observer: &mut dyn Observer,
) -> Result<(), StopReason> {
    let mut meter = Meter::new(observer);
    let parts = decision.parts_of(&sparing(decision)?)?;
    let mut seen: BTreeSet<Part> = BTreeSet::new();
    for part in parts {
        if !seen.insert(part.clone()) {
            continue;
        }
        let before = scenes.len() as u32;
        let number = decision.parts.len() as u32;
        decision.parts.push(part.clone());
        let mut visit = Record {
            obliged: &decision.obliged,
            leads: &decision.leads,
            contradictory,
            all_clients: decision.network.all_clients(),
            asked: part.asked,
            non_faulty: non_faulty(&decision.network, &part),
            part: number,
            group: Vec::new(),
            clients: 0,
            scenes,
        };
        Walk::run(&decision.network, &part, &mut decision.views, &mut visit, &mut meter)?;
        let found = before..scenes.len() as u32;
        for renaming in 1..decision.symmetry.renamings.len() {
            let image = decision.symmetry.part(renaming, &part);
            if !seen.insert(image.clone()) {
                continue;
            }
            let number_of_image = decision.parts.len() as u32;
            decision.parts.push(image.clone());
            let mut known: HashMap<u32, u32> = HashMap::new();
            for scene in found.clone() {
                let views = scenes.views(scene).to_vec().into_iter().map(|number| {
                    *known.entry(number).or_insert_with(|| {
                        let renamed = decision.renamed(renaming, contradictory.views[number as usize]);
                        contradictory.number(renamed).expect("renaming keeps contradictions")
                    })
                });
                let views: Vec<u32> = views.collect();
                let non_faulty = non_faulty(&decision.network, &image);
                scenes.insert(image.asked, non_faulty, number_of_image, &views);
            }
        }
    }
    Ok(())
}

/// The assignments that have to be explored to know for every set of clients what can happen while these
/// are all non-faulty; those with the fewest faulty processes first.
fn sparing(decision: &Decision) -> Result<Vec<Assignment>, StopReason> {
    let (system, rules) = (&decision.network.system, decision.question.fault_model());
    let maximal =
        |excluding| rules.maximal_assignments(system, excluding).map_err(|_| StopReason::FaultySets);
    let mut all = maximal(None)?;
    for spared in subsets(decision.network.all_clients()).filter(|&spared| spared != 0) {
        let first = Process::Client(spared.trailing_zeros() as u16 + 1);
        for mut assignment in maximal(Some(first))? {
            for client in system.client_ids() {
                if spared >> (client.number() - 1) & 1 == 1 {
                    assignment.capabilities[system.index(client)] = None;
                }
            }
            all.push(assignment);
        }
    }
    let faulty = |assignment: &Assignment| assignment.capabilities.iter().flatten().count();
    all.sort_by(|one, other| faulty(one).cmp(&faulty(other)).then_with(|| one.cmp(other)));
    all.dedup();
    Ok(all)
}

/// Collects scenes.
struct Record<'a> {
    obliged: &'a Views,
    leads: &'a [bool],
    contradictory: &'a Contradictory,
    all_clients: u64,
    asked: u64,
    non_faulty: u64,
    part: u32,
    group: Vec<u32>,
    clients: u64,
    scenes: &'a mut Scenes,
}

impl Visit for Record<'_> {
    fn is_client_worth(&self, _: usize, view: u32) -> bool {
        self.leads.get(view as usize).is_some_and(|&leads| leads)
    }

    fn is_state_worth(&self, clients: u64) -> bool {
        clients != 0 && (self.asked != self.all_clients || !clients.is_power_of_two())
    }

    fn last_view(&mut self, client: usize, content: &[u32]) {
        let view = self.obliged.find(content).and_then(|view| self.contradictory.number(view));
        if let Some(view) = view {
            self.clients |= 1 << client;
            self.group.push(view);
        }
    }

    fn end_of_group(&mut self) {
        if self.is_state_worth(self.clients) {
            self.scenes.insert(self.asked, self.non_faulty, self.part, &self.group);
        }
        self.group.clear();
        self.clients = 0;
    }

    fn bytes(&self) -> usize {
        self.obliged.bytes() + self.scenes.bytes()
    }
}

/// The worlds of a proof, and what is used of each.
struct Argued {
    worlds: Vec<World>,
    /// By world: the views whose answers are spoken of.
    views: Vec<Vec<u32>>,
    narrows: Vec<bool>,
    /// By world: the clients that are asked.
    asked: Vec<u64>,
}

impl Argued {
    fn new(decision: &Decision, scenes: &Scenes, uses: Vec<Use>) -> Self {
        let mut parts_and_uses: Vec<(u32, Use)> =
            uses.into_iter().map(|one| (scenes.part(one.scene), one)).collect();
        // A view that no world of the proof obliges its client to answer gets one that does.
        let is_obliged = |view: u32, part: u32| {
            let part = &decision.parts[part as usize];
            non_faulty(&decision.network, part) >> decision.obliged.owner(view) & 1 == 1
        };
        let mut position = 0;
        while position < parts_and_uses.len() {
            for view in parts_and_uses[position].1.views.clone() {
                let mut with = parts_and_uses.iter().filter(|(_, one)| one.views.contains(&view));
                if !with.any(|&(part, _)| is_obliged(view, part)) {
                    let part = decision.origins[view as usize];
                    let one = Use { scene: u32::MAX, views: vec![view], narrows: false };
                    parts_and_uses.insert(position + 1, (part, one));
                }
            }
            position += 1;
        }
        let mut argued =
            Argued { worlds: Vec::new(), views: Vec::new(), narrows: Vec::new(), asked: Vec::new() };
        for (part, Use { views, narrows, .. }) in parts_and_uses {
            let part = &decision.parts[part as usize];
            let of_clients: Vec<(usize, &[u32])> = views
                .iter()
                .map(|&view| (decision.obliged.owner(view), decision.obliged.content(view)))
                .collect();
            let name = name(argued.worlds.len());
            argued.worlds.push(world(&decision.network, &decision.views, part, name, &of_clients));
            argued.views.push(views);
            argued.narrows.push(narrows);
            argued.asked.push(part.asked);
        }
        argued
    }

    fn certificate(mut self, question: &BoundedQuestion, decision: &Decision) -> Certificate {
        let network = &decision.network;
        let mut steps = Steps {
            client: (0..decision.obliged.len() as u32)
                .map(|view| network.servers + decision.obliged.owner(view))
                .collect(),
            given: BTreeSet::new(),
            steps: Vec::new(),
            argued: &self,
        };
        let mut values_left = Classes::new(1, network.all_clients());
        let mut last = None;
        for world in 0..self.worlds.len() {
            let views = self.views[world].clone();
            views.iter().for_each(|&view| steps.give(world, view));
            for other in &views[1..] {
                let (one, other) = (steps.of(world, views[0]), steps.of(world, *other));
                steps.steps.push(Step::Agreement(one, other));
            }
            if self.narrows[world] {
                let asked = self.asked[world];
                let values = (0..network.clients).filter(|client| asked >> client & 1 == 1);
                let given = steps.of(world, views[0]);
                steps.steps.push(Step::Values(given, values.map(|client| Some(value_of(client))).collect()));
                values_left.narrow(0, asked);
                last = Some(given);
            }
            if values_left.is_contradictory() {
                break;
            }
        }
        let mut steps = std::mem::take(&mut steps.steps);
        steps.push(Step::Contradiction(last.expect("a proof narrows the values down")));
        let system = question.system;
        name_a_faulty_server(&mut self.worlds, &steps, question);
        Certificate {
            claim: Claim {
                system,
                servers: Servers::Exactly,
                fault_model: question.fault_model.clone(),
                timing: Timing::LockStep,
                task: Task::WriteOnceRegister,
                rounds: Some(network.rounds),
            },
            blocks: system.processes().map(Block::of).collect(),
            worlds: self.worlds,
            argument: steps,
        }
    }
}

/// The steps so far, and which answers they say are given.
struct Steps<'a> {
    argued: &'a Argued,
    /// By view: the block of its client.
    client: Vec<usize>,
    given: BTreeSet<(u32, usize)>,
    steps: Vec<Step>,
}

impl Steps<'_> {
    fn of(&self, world: usize, view: u32) -> Given {
        Given { world, client: self.client[view as usize], phase: 0 }
    }

    /// Argues that the client is answered in this world, by the shortest way.
    fn give(&mut self, world: usize, view: u32) {
        if self.given.contains(&(view, world)) {
            return;
        }
        let worlds = 0..self.argued.worlds.len();
        let known = worlds.clone().rev().find(|&other| self.given.contains(&(view, other)));
        let obliges = |other: &usize| {
            let is_faulty = self.argued.worlds[*other].faulty[self.client[view as usize]].is_some();
            self.argued.views[*other].contains(&view) && !is_faulty
        };
        let known = match known {
            Some(known) => known,
            None => {
                let mut others = std::iter::once(world).chain(worlds);
                let forced = others.find(obliges).expect("some world obliges the client to answer");
                self.steps.push(Step::Forced(self.of(forced, view)));
                self.given.insert((view, forced));
                forced
            }
        };
        if known != world {
            self.steps.push(Step::Indistinguishable(self.of(known, view), self.of(world, view)));
            self.given.insert((view, world));
        }
    }
}

/// A certificate has to oblige a client to answer in spite of a faulty server. After one round nobody
/// knows anything, so the proof needs no faults; then a server is named that loses nothing.
fn name_a_faulty_server(worlds: &mut [World], steps: &[Step], question: &BoundedQuestion) {
    let system = &question.system;
    let forced = |step: &Step| if let Step::Forced(given) = step { Some(given.world) } else { None };
    let is_faulty = |world: &World| world.faulty[..usize::from(system.servers)].iter().any(Option::is_some);
    if steps.iter().filter_map(forced).any(|world| is_faulty(&worlds[world])) {
        return;
    }
    let capabilities =
        [Capability::OmitBoth, Capability::OmitSends, Capability::OmitReceives, Capability::Crash];
    for world in steps.iter().filter_map(forced) {
        for server in system.server_ids() {
            for capability in capabilities {
                let world = &mut worlds[world];
                let from = if capability == Capability::Crash { world.phases.len() - 1 } else { 0 };
                world.faulty[system.index(server)] = Some(Fault { capability, from });
                if allows(&question.fault_model, world, question) {
                    return;
                }
                world.faulty[system.index(server)] = None;
            }
        }
    }
}

fn allows(fault_model: &FaultModel, world: &World, question: &BoundedQuestion) -> bool {
    let faulty = world.faulty.iter().enumerate().filter_map(|(process, fault)| Some((process, (*fault)?)));
    let happened: Vec<_> = faulty
        .map(|(process, fault)| (question.system.process(process), Happened::all_of(fault.capability)))
        .collect();
    fault_model.allow(&happened)
}
