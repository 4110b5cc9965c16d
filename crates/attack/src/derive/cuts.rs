//! Plans beside the three worlds: whom the network can cut off, halfway or wholly, and what else can be
//! lost.

use threeworlds_model::Process;

use super::script::{Fault, Script, own, read};
use super::{Brief, Medium, groups, names, others, sorted};
use crate::links::{both_ways, one_way};
use crate::plan::{KvRequest, Link, Loss, Plan, ServerEvent, Step, Workload};

/// All of them, those that find most first. The faulty set of each is filled in, whether or not the rules
/// allow it.
pub(super) fn plans(brief: &Brief, message_types: &[String]) -> Vec<Plan> {
    let script = Script::new(brief);
    let mut plans = Vec::new();
    if script.cuts_hosts() {
        of_hosts(&script, &mut plans);
        return plans;
    }
    isolated(&script, &mut plans);
    plans.extend(flapping(&script));
    plans.extend(flickering(&script));
    lost_types(&script, message_types, &mut plans);
    deaf_and_mute(&script, &mut plans);
    killed(&script, &mut plans);
    partial(&script, &mut plans);
    single_links(&script, &mut plans);
    if brief.beyond {
        disrupted(&script, &mut plans);
        for message_type in message_types {
            let links = both_ways(&script.servers, &script.servers);
            plans.push(script.losing(
                &format!("every {message_type} between servers lost"),
                message_type,
                &links,
            ));
        }
    }
    plans
}

/// What is tried on a cluster: each server by itself, with a client, unless the three worlds say all there is
/// to say; and much more if all is asked for.
fn of_hosts(script: &Script, plans: &mut Vec<Plan>) {
    let system = &script.brief.question.system;
    if matches!(script.brief.medium, Medium::Hosts { partial: true, .. }) {
        partial(script, plans);
    } else if script.brief.beyond {
        isolated(script, plans);
        partial(script, plans);
        deaf_and_mute(script, plans);
        killed(script, plans);
        plans.extend(flapping(script));
        disrupted(script, plans);
    } else if system.servers > 2 * system.faults {
        for group in script.minorities().into_iter().filter(|group| group.len() == 1) {
            plans.extend(with_a_client(script, &group));
        }
    }
}

impl Script<'_> {
    fn cutting(&self, name: &str, links: Vec<Link>) -> Plan {
        let cut = sorted(links);
        self.around(name, &cut, &[Fault::Cut(cut.clone())], &[Fault::Cut(Vec::new())])
    }

    fn losing(&self, name: &str, message_type: &str, links: &[Link]) -> Plan {
        let loss = |&link: &Link| Loss { message_type: message_type.to_owned(), link };
        let losses: Vec<Loss> = sorted(links.iter().copied()).iter().map(loss).collect();
        self.around(name, &[], &[Fault::Lose(losses)], &[Fault::Lose(Vec::new())])
    }

    fn everybody(&self) -> Vec<Process> {
        [&self.servers[..], &self.clients].concat()
    }

    /// At most f servers, and never all of them.
    fn minorities(&self) -> Vec<Vec<Process>> {
        let most = usize::from(self.brief.question.system.faults).min(self.servers.len().saturating_sub(1));
        groups(&self.servers, most)
    }
}

/// Each minority apart from the other servers: once with a client on its side, once with clients that reach
/// everybody.
fn isolated(script: &Script, plans: &mut Vec<Plan>) {
    for group in script.minorities() {
        let rest = others(&script.servers, &group);
        plans.extend(with_a_client(script, &group));
        let name = format!("{} | {}, clients reach all", names(&group), names(&rest));
        plans.push(script.cutting(&name, both_ways(&group, &rest)));
    }
}

/// A minority with a client on its side, apart from everybody else.
fn with_a_client(script: &Script, group: &[Process]) -> Option<Plan> {
    let [first, .., _] = script.clients[..] else { return None };
    let side = [group, &[first]].concat();
    let other = others(&script.everybody(), &side);
    Some(script.cutting(&format!("{} | the others", names(&side)), both_ways(&side, &other)))
}

/// The first server, which is the leader if there is one, comes and goes while clients write.
fn flapping(script: &Script) -> Option<Plan> {
    let first = script.servers[0];
    let rest = others(&script.servers, &[first]);
    if rest.is_empty() {
        return None;
    }
    let cut = sorted(both_ways(&[first], &rest));
    let mut steps = script.beginning();
    for turn in 0..3u64 {
        steps.push(Step::Cut(cut.clone()));
        steps.extend(script.all(&[], |client| match script.brief.workload {
            Workload::LinKv => KvRequest::Write { key: 1.into(), value: own(client, turn) },
            _ if turn == 0 => KvRequest::WriteOnce { key: 1.into(), value: own(client, 0) },
            _ => read(1),
        }));
        steps.push(Step::Cut(Vec::new()));
        steps.push(script.recover());
        steps.extend(script.all(&[], |_| read(1)));
    }
    Some(script.plan(&format!("{first} comes and goes three times"), script.brief.roles, steps))
}

/// The same, but it is back before anybody has been answered: what an old leader and a new one still have
/// under way meets. How long a program takes to replace a leader is not known, so each time is longer.
fn flickering(script: &Script) -> Option<Plan> {
    const AWAY_MILLISECONDS: [u64; 3] = [600, 900, 1_300];
    let first = script.servers[0];
    let rest = others(&script.servers, &[first]);
    if rest.is_empty() {
        return None;
    }
    let cut = sorted(both_ways(&[first], &rest));
    let mut steps = script.beginning();
    for (turn, milliseconds) in (0u64..).zip(AWAY_MILLISECONDS) {
        let key = if script.brief.workload == Workload::WriteOnceKv { 1 + turn.min(1) } else { 1 };
        steps.push(Step::Cut(cut.clone()));
        let mut asked = script.all(&[], |client| match script.brief.workload {
            Workload::LinKv => KvRequest::Write { key: key.into(), value: own(client, turn) },
            Workload::WriteOnce if turn > 0 => read(key),
            _ => KvRequest::WriteOnce { key: key.into(), value: own(client, turn) },
        });
        let awaited = asked.pop();
        steps.extend(asked);
        steps.push(Step::Wait { milliseconds });
        steps.push(Step::Cut(Vec::new()));
        steps.extend(awaited);
        steps.extend(script.all(&[], |_| read(key)));
    }
    Some(script.plan(&format!("{first} flickers three times"), script.brief.roles, steps))
}

/// Each server receives nothing from the others, and then sends nothing to them.
fn deaf_and_mute(script: &Script, plans: &mut Vec<Plan>) {
    for &server in &script.servers {
        let rest = others(&script.servers, &[server]);
        if rest.is_empty() {
            continue;
        }
        plans.push(script.cutting(&format!("{server} hears no server"), one_way(&rest, &[server])));
        plans.push(script.cutting(&format!("no server hears {server}"), one_way(&[server], &rest)));
    }
}

/// Each server stops for good, and then as many as can.
fn killed(script: &Script, plans: &mut Vec<Plan>) {
    let minorities = script.minorities();
    let most = minorities.iter().map(Vec::len).max().unwrap_or(0);
    let first_of_most = minorities.iter().position(|group| group.len() == most);
    for (position, group) in minorities.iter().enumerate() {
        if group.len() > 1 && Some(position) != first_of_most {
            continue;
        }
        let kills: Vec<Fault> =
            group.iter().map(|&server| Fault::Server(server, ServerEvent::Kill)).collect();
        plans.push(script.around(&format!("{} killed", names(group)), &[], &kills, &[]));
    }
}

/// Partitions in which some servers reach both sides.
fn partial(script: &Script, plans: &mut Vec<Plan>) {
    let servers = &script.servers;
    if servers.len() < 3 {
        return;
    }
    // In a cluster every server is like every other, but for the first, which led.
    let middles = if script.cuts_hosts() { &servers[..2] } else { &servers[..] };
    for &bridge in middles {
        let rest = others(servers, &[bridge]);
        let (one, other) = rest.split_at(rest.len() / 2);
        let name = format!("bridge {bridge} between {} and {}", names(one), names(other));
        plans.push(script.cutting(&name, both_ways(one, other)));
    }
    let neighbours = |one: usize, other: usize| one.abs_diff(other) == 1;
    let mut chain = Vec::new();
    for (position, &one) in servers.iter().enumerate() {
        for (place, &other) in servers.iter().enumerate() {
            if position != place && !neighbours(position, place) {
                chain.push(Link { from: one, to: other });
            }
        }
    }
    plans.push(script.cutting(&format!("chain {}", names(servers)), chain));
    for &hub in middles {
        stars(script, hub, plans);
    }
}

/// The hub missed what was written before it became the only one whom all others reach. With more than three
/// servers the first, which led, may be out of its reach: then nobody who knows everything reaches enough
/// others, and the one who does knows too little to be elected.
fn stars(script: &Script, hub: Process, plans: &mut Vec<Plan>) {
    let servers = &script.servers;
    let leaves = others(servers, &[hub]);
    let away = sorted(both_ways(&[hub], &leaves));
    let star = both_ways(&leaves, &leaves);
    let mut shapes = vec![(String::new(), star.clone())];
    if script.cuts_hosts() && servers.len() > 3 && hub != servers[0] {
        let without = [star, both_ways(&[hub], &servers[..1])].concat();
        shapes.push((format!(", without {}", servers[0]), without));
    }
    for (without, star) in shapes {
        let mut steps = script.beginning();
        steps.push(Step::Cut(away.clone()));
        steps.extend(script.stage(1, 0, &[]));
        steps.push(Step::Cut(sorted(star)));
        steps.push(script.settle());
        if script.cuts_hosts() {
            steps.extend(script.stage(2, 1, &[]));
        }
        steps.extend(script.all(&[], |_| read(1)));
        steps.push(Step::Cut(Vec::new()));
        steps.push(script.recover());
        steps.extend(script.all(&[], |_| read(1)));
        let name = format!("star with the stale hub {hub}{without}");
        plans.push(script.plan(&name, script.brief.roles, steps));
    }
}

/// Each single directed link between servers, and the two between the first client and the first server.
fn single_links(script: &Script, plans: &mut Vec<Plan>) {
    let mut links = both_ways(&script.servers, &script.servers);
    links.extend(both_ways(&script.servers[..1], &script.clients[..1]));
    for link in links {
        plans.push(script.cutting(&format!("{link} cut"), vec![link]));
    }
}

/// Every message of one type lost, to or from the leader if there is one, and to or from another server.
fn lost_types(script: &Script, message_types: &[String], plans: &mut Vec<Plan>) {
    for message_type in message_types {
        for &server in script.servers.iter().take(2) {
            let rest = others(&script.servers, &[server]);
            if rest.is_empty() {
                continue;
            }
            for (way, links) in [("from", one_way(&[server], &rest)), ("to", one_way(&rest, &[server]))] {
                let name = format!("every {message_type} {way} {server} lost");
                plans.push(script.losing(&name, message_type, &links));
            }
        }
    }
}

/// What no fault class stands for: servers that come back.
fn disrupted(script: &Script, plans: &mut Vec<Plan>) {
    for &server in &script.servers {
        for (name, event, back) in [
            ("killed and started again", ServerEvent::Kill, ServerEvent::Restart),
            ("paused for a while", ServerEvent::Pause, ServerEvent::Resume),
        ] {
            let healing = [Fault::Server(server, back)];
            let faults = [Fault::Server(server, event)];
            plans.push(script.around(&format!("{server} {name}"), &[], &faults, &healing));
        }
    }
}
