//! The three worlds, in general form, for every split of the servers into two groups of at most f.

use threeworlds_model::{Process, Question};

use super::script::{Script, own, read};
use super::{Brief, Derived, Part, World, groups, names, others};
use crate::links::both_ways;
use crate::plan::{KvRequest, Plan, Step, Workload};

/// Every split into two groups of at most f, the first server in the first group.
fn splits(question: &Question) -> Vec<[Vec<Process>; 2]> {
    let system = &question.system;
    let servers: Vec<Process> = system.server_ids().collect();
    let most = usize::from(system.faults);
    if system.clients < 2 || servers.len() > 2 * most {
        return Vec::new();
    }
    let split = |first: Vec<Process>| {
        let second = others(&servers, &first);
        let splits = first.contains(&servers[0]) && (1..=most).contains(&second.len());
        splits.then_some([first, second])
    };
    groups(&servers, most).into_iter().filter_map(split).collect()
}

/// The plans of every split whose three worlds the rules allow.
pub(super) fn worlds(brief: &Brief) -> Vec<Derived> {
    let mut plans = Vec::new();
    let mut number = 0;
    for split in splits(brief.question) {
        let orders: &[[usize; 2]] = match brief.workload {
            // Both clients do the same, so exchanging them changes nothing.
            Workload::WriteOnceKv | Workload::WriteOnce => &[[0, 1]],
            Workload::LinKv => &[[0, 1], [1, 0]],
        };
        for &[one, two] in orders {
            let groups = [split[one].clone(), split[two].clone()];
            let three = [World::A, World::B, World::C].map(|world| (world, plan(brief, &groups, world)));
            if three.iter().all(|(_, plan)| plan.within_budget) {
                let derived =
                    three.map(|(world, plan)| Derived { part: Part::World { split: number, world }, plan });
                plans.extend(derived);
                number += 1;
            }
        }
    }
    plans
}

/// One world: {G1, c1} and {G2, c2} exchange no message, and the other clients exchange none with anybody.
fn plan(brief: &Brief, groups: &[Vec<Process>; 2], world: World) -> Plan {
    let script = Script::new(brief);
    let [one, two] = [script.clients[0], script.clients[1]];
    let with = |group: &[Process], client: Process| [group, &[client]].concat();
    let sides = [with(&groups[0], one), with(&groups[1], two)];
    let idle = &script.clients[2..];
    let mut cut = both_ways(&sides[0], &sides[1]);
    cut.extend(both_ways(idle, &script.servers));
    cut.sort_unstable();

    let asks = |client: Process, request: KvRequest| script.ask(client, request, &cut);
    let mut steps = script.beginning();
    steps.push(Step::Cut(cut.clone()));
    let (key, first, second) = (1u64, world != World::B, world != World::A);
    if brief.workload == Workload::LinKv {
        // Two acknowledged writes are no contradiction for a plain register: here the one writes, and then
        // the other reads and cannot know of it.
        if first {
            steps.push(asks(one, KvRequest::Write { key: key.into(), value: own(one, 0) }));
            steps.push(Step::Await(vec![one]));
        }
        if second {
            steps.push(asks(two, read(key)));
            steps.push(Step::Await(vec![two]));
        }
    } else {
        let write = |client| asks(client, KvRequest::WriteOnce { key: key.into(), value: own(client, 0) });
        let asking: Vec<Process> = [(first, one), (second, two)]
            .iter()
            .filter(|(asks, _)| *asks)
            .map(|&(_, client)| client)
            .collect();
        steps.extend(asking.iter().map(|&client| write(client)));
        steps.push(Step::Await(asking));
    }
    steps.push(Step::Cut(Vec::new()));
    steps.push(script.recover());
    if world == World::C || script.cuts_hosts() {
        steps.extend(script.all(&[], |_| read(key)));
    }
    let name = format!("world {}, {} | {}", world.name(), names(&sides[0]), names(&sides[1]));
    script.plan(&name, brief.roles, steps)
}
