use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::network::{Meter, Network, members};
use super::scenarios::{NONE, Scenarios};
use super::symmetry::Symmetry;
use super::views::Views;
use crate::explore::StopReason;

/// How many views there are in which a client has to be answered, all clients together; as many as fit in
/// the number.
///
/// They are not enumerated. Views of some processes that fit together are determined by whom each of them
/// heard in the last round, and by such views, a round earlier, of those that were heard and of themselves.
/// So they are counted round by round from the last to the first, by the processes whose views are still
/// open and by the scenarios that allow what was chosen so far. Cost: that of these pairs, of which there
/// are few.
pub(super) fn obliged(
    views: &mut Views,
    symmetry: &Symmetry,
    meter: &mut Meter<'_>,
) -> Result<u128, StopReason> {
    let mut total = 0u128;
    let mut known: BTreeMap<usize, u128> = BTreeMap::new();
    for client in 0..views.network.clients {
        let least = symmetry.all().map(|renaming| symmetry.client(renaming, client)).min();
        let least = least.expect("a group is not empty");
        let of_client = match known.get(&least) {
            Some(&many) => many,
            None => of_client(views, least, meter)?,
        };
        known.insert(least, of_client);
        total = total.saturating_add(of_client);
    }
    Ok(total)
}

/// By the processes whose views are open, and the scenarios: how many ways there are.
type Ways = BTreeMap<(u64, u32), u128>;

fn of_client(views: &mut Views, client: usize, meter: &mut Meter<'_>) -> Result<u128, StopReason> {
    let Views { network, scenarios, .. } = views;
    let me = network.servers + client;
    let alive = scenarios.sends(me, network.rounds);
    let start = scenarios.both(scenarios.spared[client], alive);
    let mut ways: Ways = [((1u64 << me, start), 1)].into();
    for round in (0..network.rounds).rev() {
        let mut before = Ways::new();
        let mut steps: FxHashMap<u64, Ways> = FxHashMap::default();
        for ((open, shown), many) in ways {
            let step = match steps.entry(open) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(step(network, scenarios, (open, start), round, meter)?),
            };
            for (&(open, by_step), &choices) in &*step {
                let both = scenarios.both(shown, by_step);
                add(&mut before, open, both, many.saturating_mul(choices));
            }
            meter.tick(step.len() as u32, round, || bytes(scenarios, before.len()))?;
        }
        ways = before;
    }
    // Whoever else was heard was asked or was not.
    let others = |open: u64| (open & !(1 << me)) >> network.servers;
    let ways = ways.into_iter().map(|((open, _), many)| many.saturating_mul(1 << others(open).count_ones()));
    Ok(ways.fold(0, u128::saturating_add))
}

/// In how many ways processes whose views are open can have heard others in a round, by whose views are open
/// then.
fn step(
    network: &Network,
    scenarios: &mut Scenarios,
    start: (u64, u32),
    round: u32,
    meter: &mut Meter<'_>,
) -> Result<Ways, StopReason> {
    let mut step: Ways = [(start, 1)].into();
    for to in members(start.0) {
        for from in members(network.senders[to]) {
            let (lost, sends) = (scenarios.lost(from, to, round), scenarios.sends(from, round));
            let mut next = Ways::new();
            for ((open, shown), many) in step {
                add(&mut next, open, scenarios.both(shown, lost), many);
                add(&mut next, open | 1 << from, scenarios.both(shown, sends), many);
            }
            meter.tick(next.len() as u32, round, || bytes(scenarios, next.len()))?;
            step = next;
        }
    }
    Ok(step)
}

fn add(ways: &mut Ways, open: u64, shown: u32, many: u128) {
    if shown != NONE {
        let of = ways.entry((open, shown)).or_insert(0);
        *of = of.saturating_add(many);
    }
}

fn bytes(scenarios: &Scenarios, ways: usize) -> usize {
    scenarios.bytes() + ways * 48
}
