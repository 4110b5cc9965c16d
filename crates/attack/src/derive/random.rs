//! Plans drawn at random, by seed, within what the rules allow: whoever is faulty is drawn first, then what
//! it loses and when.

use threeworlds_model::{Assignment, Capability, Process};

use super::script::{Script, own, read};
use super::{Brief, Derived, Part, sorted};
use crate::plan::{KvRequest, Link, Plan, Step, Workload};

/// The plan with this seed. The same brief and seed give the same plan, on every machine.
pub fn random(brief: &Brief, seed: u64) -> Derived {
    let mut dice = Dice(seed);
    let script = Script::new(brief);
    let system = &brief.question.system;
    // Drawn among the maximal ones, whose parts are drawn below.
    let assignments = brief.question.fault_model.maximal_assignments(system, None).unwrap_or_default();
    let assignment = match assignments.is_empty() {
        true => Assignment { capabilities: vec![None; system.size()] },
        false => assignments[dice.below(assignments.len())].clone(),
    };
    let mut steps = script.beginning();
    let turns = 2 + dice.below(3) as u64;
    for turn in 0..turns {
        let cut = cut(&script, &assignment, &mut dice);
        steps.push(Step::Cut(cut.clone()));
        for _ in 0..1 + dice.below(2) {
            let key = 1 + dice.below(2) as u64;
            steps.extend(asks(&script, &cut, key, turn, &mut dice));
        }
        if dice.below(3) == 0 {
            steps.push(script.settle());
        }
    }
    steps.push(Step::Cut(Vec::new()));
    steps.push(script.settle());
    for key in [1, 2] {
        if key == 1 || brief.workload != Workload::WriteOnce {
            steps.extend(script.all(&[], |_| read(key)));
        }
    }
    let mut plan: Plan = script.plan(&format!("random, seed {seed}"), brief.roles, steps);
    number_values(&mut plan);
    Derived { part: Part::Other, plan }
}

/// What the faulty processes lose for a while: each either everything or some of it.
fn cut(script: &Script, assignment: &Assignment, dice: &mut Dice) -> Vec<Link> {
    let system = &script.brief.question.system;
    let capability = |process: Process| assignment.capabilities[system.index(process)];
    let mut cut = Vec::new();
    for faulty in system.processes() {
        let Some(capability) = capability(faulty) else { continue };
        // Servers mostly: a client that is cut off tells little.
        let how = if faulty.is_client() { dice.below(8) } else { dice.below(4) };
        if capability == Capability::Crash || how > 2 {
            continue;
        }
        for other in system.processes().filter(|&other| system.linked(faulty, other)) {
            let both_clients_and_servers = dice.below(3) > 0 || other.is_client() == faulty.is_client();
            let hit = |dice: &mut Dice| how == 0 || dice.below(2) == 0;
            if capability.omits_sends() && both_clients_and_servers && hit(dice) {
                cut.push(Link { from: faulty, to: other });
            }
            if capability.omits_receives() && both_clients_and_servers && hit(dice) {
                cut.push(Link { from: other, to: faulty });
            }
        }
    }
    sorted(cut)
}

/// All clients ask something at the same time.
fn asks(script: &Script, cut: &[Link], key: u64, turn: u64, dice: &mut Dice) -> Vec<Step> {
    let mut steps = Vec::new();
    let key = if script.brief.workload == Workload::WriteOnce { 1 } else { key };
    for &client in &script.clients {
        let request = match (script.brief.workload, dice.below(5)) {
            (_, 0 | 1) => read(key),
            (Workload::LinKv, 2 | 3) => KvRequest::Write { key: key.into(), value: own(client, turn) },
            (Workload::LinKv, _) => {
                let from = own(script.clients[dice.below(script.clients.len())], dice.below(3) as u64);
                KvRequest::Cas { key: key.into(), from, to: own(client, turn) }
            }
            (Workload::WriteOnceKv | Workload::WriteOnce, _) => {
                KvRequest::WriteOnce { key: key.into(), value: own(client, turn) }
            }
        };
        steps.push(script.ask(client, request, cut));
    }
    steps.push(Step::Await(script.clients.clone()));
    steps
}

/// No value is written twice: a history with unique values says most.
fn number_values(plan: &mut Plan) {
    let mut stage = 0;
    for step in &mut plan.steps {
        if let Step::Ask(ask) = step
            && let KvRequest::Write { value, .. }
            | KvRequest::Cas { to: value, .. }
            | KvRequest::WriteOnce { value, .. } = &mut ask.request
            && *value != super::INITIAL
        {
            *value = own(ask.client, stage);
            stage += 1;
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a few lines that never change, unlike a crate's generator.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // The bounds are far below 2^32: what is uneven is far below what anybody could notice.
        usize::try_from(mixed % bound as u64).expect("smaller than the bound")
    }
}
