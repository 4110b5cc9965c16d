use std::collections::{BTreeMap, BTreeSet};

use threeworlds_certificate::{
    Block, Certificate, Claim, Fault, Given, Phase, Servers, Step, Task, Timing, World,
};
use threeworlds_model::{Capability, FaultModel, Happened, Request};

use super::BoundedQuestion;
use super::chain::{Scenes, Use, shortest};
use super::classes::Named;
use super::decide::Decision;
use super::network::{Meter, Part, members};
use super::scenarios::NONE;
use super::symmetry::{IDENTITY, Symmetry};
use super::views::{Rows, Views};
use super::walk::{Meeting, Walk};
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
    let mut known = Known::new(decision);
    let complete = explore && known.record(decision, observer).is_ok();
    if !complete {
        known.recall(decision);
    }
    let client: Vec<u8> = known.clients.clone();
    let all_clients = decision.views.network.all_clients();
    let (uses, is_shortest) =
        shortest(&known.scenes, &client, all_clients).expect("what leaves no value is a proof");
    let argued = Argued::new(decision, &mut known, uses);
    (argued.certificate(question, decision, &known), is_shortest && complete)
}

/// What a proof is made of: the obliged views for which no value is left, under all their names, and the
/// executions in which they occur.
struct Known {
    contents: Rows,
    /// By view: whose it is, by position among the clients.
    clients: Vec<u8>,
    scenes: Scenes,
    parts: Vec<Part>,
    numbers: BTreeMap<Part, u32>,
}

impl Known {
    fn new(decision: &mut Decision) -> Self {
        let mut known = Known {
            contents: Rows::default(),
            clients: Vec::new(),
            scenes: Scenes::new(),
            parts: Vec::new(),
            numbers: BTreeMap::new(),
        };
        let Decision { views, symmetry, classes, .. } = decision;
        let mut content = Vec::new();
        for view in 0..classes.len() as u32 {
            if classes.allowed(symmetry, Named { view, by: IDENTITY }) != 0 {
                continue;
            }
            for renaming in symmetry.all() {
                symmetry.content(renaming, views, classes.content(view), &mut content);
                if known.contents.insert(&content).1 {
                    known.clients.push((views.owner(content[0]) - views.network.servers) as u8);
                }
            }
        }
        for view in 0..known.contents.len() as u32 {
            let part = known.origin(views, view);
            let non_faulty = 1 << known.clients[view as usize];
            known.scenes.insert(known.parts[part as usize].asked, non_faulty, part, &[view]);
        }
        known
    }

    fn part(&mut self, part: Part) -> u32 {
        let new = self.parts.len() as u32;
        let number = *self.numbers.entry(part.clone()).or_insert(new);
        if number == new {
            self.parts.push(part);
        }
        number
    }

    /// A part with an execution in which a view's client is non-faulty.
    fn origin(&mut self, views: &mut Views, view: u32) -> u32 {
        let content = self.contents.row(view);
        let shown = views.shown_by(content);
        let spared = views.scenarios.spared[usize::from(self.clients[view as usize])];
        let shown = views.scenarios.both(shown, spared);
        let assignment = views.scenarios.assignment(shown).expect("an obliged view occurs").clone();
        let asked = views.asked_by(content);
        self.part(Part { assignment, asked })
    }

    /// Goes through all executions once more, for those of the proof.
    fn record(&mut self, decision: &mut Decision, observer: &mut dyn Observer) -> Result<(), StopReason> {
        let mut meter = Meter::new(observer);
        let visit = |views: &mut Views, symmetry: &mut Symmetry, meeting: &Meeting<'_>| {
            let [ones, others] = meeting.sights;
            for one in (0..ones.len()).map(|one| ones.content(one)) {
                if self.contents.find(one).is_none() {
                    continue;
                }
                for other in (0..others.len()).map(|other| others.content(other)) {
                    if self.contents.find(other).is_some() {
                        self.meet(views, symmetry, one, other);
                    }
                }
            }
            self.scenes.bytes() + self.contents.bytes()
        };
        Walk::run(&mut decision.views, &mut decision.symmetry, &mut meter, visit)
    }

    /// Takes what made the classes.
    fn recall(&mut self, decision: &mut Decision) {
        let Decision { views, symmetry, classes, .. } = decision;
        let mut other = Vec::new();
        for link in classes.links() {
            let one = classes.content(link.one);
            symmetry.content(link.other.by, views, classes.content(link.other.view), &mut other);
            if self.contents.find(one).is_some() {
                self.meet(views, symmetry, one, &other);
            }
        }
    }

    /// Takes notice of two contradictory views that fit together, under all names.
    fn meet(&mut self, views: &mut Views, symmetry: &mut Symmetry, one: &[u32], other: &[u32]) {
        let (of_one, of_other) = (views.shown_by(one), views.shown_by(other));
        let shown = views.scenarios.both(of_one, of_other);
        if shown == NONE {
            return;
        }
        let asked = views.asked_by(one) | views.asked_by(other);
        let clients = [one, other].map(|content| views.owner(content[0]) - views.network.servers);
        let spares = clients.map(|client| views.scenarios.spared[client]);
        let spares_both = views.scenarios.both(spares[0], spares[1]);
        let both_clients = 1u64 << clients[0] | 1 << clients[1];
        let choices = [
            (spares_both, both_clients),
            (spares[0], 1 << clients[0]),
            (spares[1], 1 << clients[1]),
            (views.scenarios.everything(), 0),
        ];
        let mut content = Vec::new();
        // Where more clients are non-faulty, an execution is of more use.
        let mut found = 0;
        for (spared, non_faulty) in choices {
            if non_faulty & !found == 0 && found != 0 {
                break;
            }
            let shown = views.scenarios.both(shown, spared);
            let Some(assignment) = views.scenarios.assignment(shown).cloned() else { continue };
            let part = Part { assignment, asked };
            for renaming in symmetry.all() {
                let pair = [one, other].map(|of| {
                    symmetry.content(renaming, views, of, &mut content);
                    self.contents.find(&content).expect("renaming keeps contradictions")
                });
                let number = self.part(symmetry.part(renaming, &part));
                let (asked, non_faulty) =
                    (symmetry.clients(renaming, asked), symmetry.clients(renaming, non_faulty));
                self.scenes.insert(asked, non_faulty, number, &pair);
            }
            found |= non_faulty;
        }
    }
}

/// The clients that are certainly non-faulty in those executions of a part in which they do not crash.
fn non_faulty(servers: usize, part: &Part) -> u64 {
    let clients = part.assignment.capabilities[servers..].iter().enumerate();
    let certain = clients.filter(|(_, able)| able.is_none_or(|able| able == Capability::Crash));
    certain.fold(0, |set, (client, _)| set | 1 << client)
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
    fn new(decision: &mut Decision, known: &mut Known, uses: Vec<Use>) -> Self {
        let servers = decision.views.network.servers;
        let mut parts_and_uses: Vec<(u32, Use)> =
            uses.into_iter().map(|one| (known.scenes.part(one.scene), one)).collect();
        // A view that no world of the proof obliges its client to answer gets one that does.
        let is_obliged = |known: &Known, view: u32, part: u32| {
            non_faulty(servers, &known.parts[part as usize]) >> known.clients[view as usize] & 1 == 1
        };
        let mut position = 0;
        while position < parts_and_uses.len() {
            for view in parts_and_uses[position].1.views.clone() {
                let mut with = parts_and_uses.iter().filter(|(_, one)| one.views.contains(&view));
                if !with.any(|&(part, _)| is_obliged(known, view, part)) {
                    let part = known.origin(&mut decision.views, view);
                    let one = Use { scene: u32::MAX, views: vec![view], narrows: false };
                    parts_and_uses.insert(position + 1, (part, one));
                }
            }
            position += 1;
        }
        let mut argued =
            Argued { worlds: Vec::new(), views: Vec::new(), narrows: Vec::new(), asked: Vec::new() };
        for (part, Use { views, narrows, .. }) in parts_and_uses {
            let part = &known.parts[part as usize];
            let of_clients: Vec<(usize, &[u32])> = views
                .iter()
                .map(|&view| (usize::from(known.clients[view as usize]), known.contents.row(view)))
                .collect();
            let name = name(argued.worlds.len());
            argued.worlds.push(world(&decision.views, part, name, &of_clients));
            argued.views.push(views);
            argued.narrows.push(narrows);
            argued.asked.push(part.asked);
        }
        argued
    }

    fn certificate(mut self, question: &BoundedQuestion, decision: &Decision, known: &Known) -> Certificate {
        let network = &decision.views.network;
        let mut steps = Steps {
            client: known.clients.iter().map(|&client| network.servers + usize::from(client)).collect(),
            given: BTreeSet::new(),
            steps: Vec::new(),
            argued: &self,
        };
        let mut values_left = network.all_clients();
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
                let values = members(asked);
                let given = steps.of(world, views[0]);
                steps.steps.push(Step::Values(given, values.map(|client| Some(value_of(client))).collect()));
                values_left &= asked;
                last = Some(given);
            }
            if values_left == 0 {
                break;
            }
        }
        let mut steps = std::mem::take(&mut steps.steps);
        steps.push(Step::Contradiction(last.expect("a proof narrows the values down")));
        let system = question.system;
        name_a_faulty_server(&mut self.worlds, &mut steps, question);
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
/// knows anything, so the proof needs no faulty server; then one is named that loses nothing, in a world of
/// the proof or, where the rules allow none there, in one of its own.
fn name_a_faulty_server(worlds: &mut Vec<World>, steps: &mut Vec<Step>, question: &BoundedQuestion) {
    let system = &question.system;
    let forced = |step: &Step| if let Step::Forced(given) = step { Some(given.world) } else { None };
    let is_faulty = |world: &World| world.faulty[..usize::from(system.servers)].iter().any(Option::is_some);
    if steps.iter().filter_map(forced).any(|world| is_faulty(&worlds[world])) {
        return;
    }
    if steps.iter().filter_map(forced).any(|world| make_a_server_faulty(&mut worlds[world], question)) {
        return;
    }
    let nothing = || Phase { requests: Vec::new(), blocked: Vec::new() };
    let mut world = World {
        name: name(worlds.len()),
        faulty: vec![None; system.size()],
        phases: worlds[0].phases.iter().map(|_| nothing()).collect(),
    };
    let client = usize::from(system.servers);
    world.phases[0].requests.push((client, Request::Write { value: value_of(0) }));
    if make_a_server_faulty(&mut world, question) {
        steps.insert(0, Step::Forced(Given { world: worlds.len(), client, phase: 0 }));
        worlds.push(world);
    }
}

/// Makes a server faulty that loses nothing, if the rules allow that.
fn make_a_server_faulty(world: &mut World, question: &BoundedQuestion) -> bool {
    let capabilities =
        [Capability::OmitBoth, Capability::OmitSends, Capability::OmitReceives, Capability::Crash];
    for server in question.system.server_ids() {
        for capability in capabilities {
            let from = if capability == Capability::Crash { world.phases.len() - 1 } else { 0 };
            let faulty = question.system.index(server);
            world.faulty[faulty] = Some(Fault { capability, from });
            if allows(&question.fault_model, world, question) {
                return true;
            }
            world.faulty[faulty] = None;
        }
    }
    false
}

fn allows(fault_model: &FaultModel, world: &World, question: &BoundedQuestion) -> bool {
    let faulty = world.faulty.iter().enumerate().filter_map(|(process, fault)| Some((process, (*fault)?)));
    let happened: Vec<_> = faulty
        .map(|(process, fault)| (question.system.process(process), Happened::all_of(fault.capability)))
        .collect();
    fault_model.allow(&happened)
}
