//! From a chain to a certificate: worlds in an order to read them in, and the steps.

use threeworlds_certificate::{Certificate, Claim, Given, Key, Phase, Step, Task, Views, World};
use threeworlds_model::{Process, Request, Value};

use super::search::{Chain, Found, Link};
use super::worlds::Worlds;

pub(super) fn certificate(claim: &Claim, worlds: &Worlds<'_>, chain: &Chain) -> Certificate {
    let task = claim.task.argued_as().0;
    let blocks = worlds.layout.blocks.clone();
    // Worlds that show one view come first: they are the ordinary ones.
    let links_of = |world: usize| chain.links.iter().filter(move |link| link.occurs_in.contains(&world));
    let first_link = |world: usize| chain.links.iter().position(|link| link.occurs_in.contains(&world));
    let mut order: Vec<usize> = (0..chain.worlds.len()).collect();
    order.sort_by_key(|&world| (links_of(world).count(), first_link(world)));
    let place =
        |world: usize| order.iter().position(|&other| other == world).expect("all worlds are ordered");

    let mut built: Vec<World> = (0..)
        .zip(&order)
        .map(|(position, &world)| {
            let found = &chain.worlds[world];
            let phases = (0..worlds.epochs).map(|epoch| phase(worlds, found, epoch, task)).collect();
            World { name: name(position), faulty: found.faulty.faults.clone(), phases }
        })
        .collect();
    for (position, world) in built.iter_mut().enumerate() {
        let shown: Vec<&Link> = links_of(order[position]).collect();
        cut_off_both_ways(claim, worlds, world, &shown);
    }
    let given = |link: &Link, world: usize| Given {
        world: place(world),
        client: worlds.layout.asking[link.viewer.asking],
        phase: link.viewer.epoch,
    };
    let value = |asking: usize| Some(written(&blocks[worlds.layout.asking[asking]].members));
    let mut argument = Vec::new();
    let last = chain.links.len() - 1;
    for (number, link) in chain.links.iter().enumerate() {
        let forced = given(link, link.forced_in);
        argument.push(Step::Forced(forced));
        let mut others: Vec<Given> = link.occurs_in.iter().map(|&world| given(link, world)).collect();
        others.retain(|other| *other != forced);
        others.sort();
        let alone = given(link, chain.ends[usize::from(number == last)]);
        let known = if task == Task::Register {
            (number == last).then_some(None)
        } else {
            (number == 0 || number == last).then(|| value(link.viewer.asking))
        };
        let values = known.map(|value| Step::Values(alone, vec![value]));
        if alone == forced {
            argument.extend(values.clone());
        }
        argument.extend(others.iter().map(|&other| Step::Indistinguishable(forced, other)));
        if alone != forced {
            argument.extend(values);
        }
        let Some(before) = number.checked_sub(1).map(|before| &chain.links[before]) else { continue };
        let shared = before.occurs_in.iter().copied().find(|world| link.occurs_in.contains(world));
        let shared = shared.expect("two links that follow each other share a world");
        if task == Task::Register {
            argument.push(Step::Values(given(link, shared), vec![value(before.viewer.asking)]));
        } else {
            argument.push(Step::Agreement(given(before, shared), given(link, shared)));
        }
        if number == last {
            argument.push(Step::Contradiction(given(link, shared)));
        }
    }
    Certificate { claim: claim.clone(), blocks, worlds: built, argument }
}

/// A, B, ..., Z, A1, B1, ...
pub(super) fn name(position: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(position % 26).expect("a letter"));
    if position < 26 { letter.to_string() } else { format!("{letter}{}", position / 26) }
}

/// What a client that asks writes: `C1`, if it is c1.
fn written(client: &[Process]) -> Value {
    Value::new(format!("C{}", client[0].number()))
}

fn phase(worlds: &Worlds<'_>, found: &Found, epoch: usize, task: Task) -> Phase {
    let asks = (0..2).filter(|&asking| found.bits[worlds.asks_bit(epoch, asking)]);
    let request = |asking: usize| {
        let block = worlds.layout.asking[asking];
        if task == Task::Register && asking == 1 {
            (block, Request::Read {})
        } else {
            (block, Request::Write { value: written(&worlds.layout.blocks[block].members) })
        }
    };
    let mut requests: Vec<_> = asks.map(request).collect();
    requests.sort();
    let blocked = worlds.links(epoch).filter(|&(.., bit)| found.bits[bit]);
    let mut blocked: Vec<(usize, usize)> = blocked.map(|(from, to, _)| (from, to)).collect();
    blocked.sort_unstable();
    Phase { requests, blocked }
}

/// Blocks the way back of what is blocked wherever the same processes can be charged with it and no view of
/// the argument changes: "cut off" is easier to follow than half of it.
fn cut_off_both_ways(claim: &Claim, worlds: &Worlds<'_>, world: &mut World, shown: &[&Link]) {
    let mut views = Views::default();
    let mut of_argument = |world: &World| -> Vec<Key> {
        let keys = views.of(&claim.system, &worlds.layout.blocks, world, false);
        shown.iter().map(|link| keys[link.viewer.epoch][worlds.layout.asking[link.viewer.asking]]).collect()
    };
    let before = of_argument(world);
    for epoch in 0..world.phases.len() {
        for (from, to) in world.phases[epoch].blocked.clone() {
            let back = (to, from);
            let charged = world.faulty[to].is_some_and(|fault| fault.capability.omits_sends())
                || world.faulty[from].is_some_and(|fault| fault.capability.omits_receives());
            if !charged
                || world.is_blocked(epoch, back)
                || !worlds.links(epoch).any(|(from, to, _)| (from, to) == back)
            {
                continue;
            }
            let mut with = world.clone();
            with.phases[epoch].blocked.push(back);
            with.phases[epoch].blocked.sort_unstable();
            if of_argument(&with) == before {
                *world = with;
            }
        }
    }
}
