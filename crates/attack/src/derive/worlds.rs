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

/// The three worlds of a table of horns: how a system behaves when whoever a client needs is cut off, and when
/// both sides are asked.
///
/// Where the rules allow the theorem's worlds, they are those of the first split. Elsewhere (n > 2f) they are
/// the nearest that the rules allow, and a system can come out well in all of them: in A the second server is
/// cut off and the first client writes; in B the first server, which leads, and the second client; in C both
/// clients write, the first beside the first server alone. None if there are fewer than two servers or
/// clients.
pub fn horn_worlds(brief: &Brief) -> Option<[(World, Plan); 3]> {
    let question = brief.question;
    let servers: Vec<Process> = question.system.server_ids().collect();
    if servers.len() < 2 || question.system.clients < 2 {
        return None;
    }
    let every = [World::A, World::B, World::C];
    if let Some([one, two]) = splits(question).into_iter().next() {
        let three = every.map(|world| (world, plan(brief, &[one.clone(), two.clone()], world)));
        if three.iter().all(|(_, plan)| plan.within_budget) {
            return Some(three);
        }
    }
    let without = |server: usize| others(&servers, &servers[server..=server]);
    Some(every.map(|world| {
        let groups = match world {
            World::A => [without(1), vec![servers[1]]],
            World::B | World::C => [vec![servers[0]], without(0)],
        };
        (world, plan(brief, &groups, world))
    }))
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
