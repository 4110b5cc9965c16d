use threeworlds_certificate::{Fault, Phase, World};
use threeworlds_model::{Capability, Request, Value};

use super::network::{Network, Part};
use super::views::Views;

/// The name of a world: A to Z, then A1 to Z1, and so on.
pub(super) fn name(position: usize) -> String {
    let letter = char::from(b'A' + (position % 26) as u8);
    if position < 26 { letter.to_string() } else { format!("{letter}{}", position / 26) }
}

/// The value that a client writes, by its position among the clients.
pub(super) fn value_of(client: usize) -> Value {
    Value::new(format!("C{}", client + 1))
}

/// An execution of the part in which clients have these views in the end, each given by its content: as a
/// world in which nothing is lost that these views do not miss, and in which as few processes are faulty
/// as explain that.
pub(super) fn world(views: &Views, part: &Part, name: String, of_clients: &[(usize, &[u32])]) -> World {
    let network = &views.network;
    let losses = Losses::of(network, views, of_clients);
    let faulty = losses.fewest_faulty(network, part);
    let mut blocked: Vec<Vec<(usize, usize)>> = vec![Vec::new(); network.rounds as usize];
    for loss in &losses.lost {
        blocked[loss.round].push((loss.from, loss.to));
    }
    for (from, fault) in faulty.iter().enumerate() {
        // Who has crashed sends nothing, not even to those of whom nothing is said.
        if let Some(Fault { capability: Capability::Crash, from: round }) = fault {
            for later in &mut blocked[round + 1..] {
                let to = (0..network.size()).filter(|&to| network.senders[to] >> from & 1 == 1);
                later.extend(to.map(|to| (from, to)));
            }
        }
    }
    let mut phases: Vec<Phase> = blocked
        .into_iter()
        .map(|mut blocked| {
            blocked.sort_unstable();
            blocked.dedup();
            Phase { requests: Vec::new(), blocked }
        })
        .collect();
    let asked = (0..network.clients).filter(|client| part.asked >> client & 1 == 1);
    phases[0].requests =
        asked.map(|client| (network.servers + client, Request::Write { value: value_of(client) })).collect();
    World { name, faulty, phases }
}

/// A message that has to be lost, with its round from 0.
#[derive(Debug, Clone, Copy)]
struct Loss {
    round: usize,
    from: usize,
    to: usize,
}

/// What some views say of an execution.
struct Losses {
    lost: Vec<Loss>,
    /// By process: the first round, from 0, in which it can have crashed; `None` if it cannot have.
    may_crash_from: Vec<Option<usize>>,
}

impl Losses {
    fn of(network: &Network, views: &Views, of_clients: &[(usize, &[u32])]) -> Losses {
        let rounds = network.rounds as usize;
        let mut lost = Vec::new();
        let mut may_crash_from = vec![Some(0); network.size()];
        // Who takes the last step has not crashed.
        of_clients.iter().for_each(|&(client, _)| may_crash_from[network.servers + client] = None);
        let mut matter: Vec<(usize, Vec<u32>)> = of_clients
            .iter()
            .map(|&(client, content)| (network.servers + client, content.to_vec()))
            .collect();
        for round in (0..rounds).rev() {
            let mut before: Vec<Option<u32>> = vec![None; network.size()];
            for (to, content) in &matter {
                let mut heard = 0u64;
                for &view in &content[1..] {
                    let from = views.owner(view);
                    heard |= 1 << from;
                    if let Some(first) = &mut may_crash_from[from] {
                        *first = (*first).max(round);
                    }
                }
                for &view in content {
                    let known = before[views.owner(view)].replace(view);
                    assert!(known.is_none_or(|known| known == view), "these views are of one execution");
                }
                let missing = network.senders[*to] & !heard;
                let missing = (0..network.size()).filter(|from| missing >> from & 1 == 1);
                lost.extend(missing.map(|from| Loss { round, from, to: *to }));
            }
            matter = before
                .into_iter()
                .enumerate()
                .filter_map(|(process, view)| Some((process, views.after_a_round(view?)?.to_vec())))
                .collect();
        }
        Losses { lost, may_crash_from }
    }

    /// Of all faulty sets that explain what is lost one of the smallest.
    fn fewest_faulty(&self, network: &Network, part: &Part) -> Vec<Option<Fault>> {
        let able = part.assignment.capabilities.iter().enumerate();
        let able: Vec<(usize, Capability)> =
            able.filter_map(|(process, capability)| Some((process, (*capability)?))).collect();
        let explains = |(process, capability): (usize, Capability), loss: &Loss| {
            let crashed = capability == Capability::Crash
                && self.may_crash_from[process].is_some_and(|first| first <= loss.round);
            loss.from == process && (crashed || capability.omits_sends())
                || loss.to == process && capability.omits_receives()
        };
        // Only those that explain something, and of these first who is needed.
        let useful: Vec<_> =
            able.into_iter().filter(|&one| self.lost.iter().any(|loss| explains(one, loss))).collect();
        let mut choices: Vec<u64> = match useful.len() {
            many if many <= 16 => (0..1u64 << many).collect(),
            many => vec![u64::MAX >> (64 - many)],
        };
        choices.sort_by_key(|choice| choice.count_ones());
        let chosen = |choice: u64| {
            let useful = useful.iter().enumerate();
            useful.filter(move |(position, _)| choice >> position & 1 == 1).map(|(_, &one)| one)
        };
        let all_explained =
            |choice: &u64| self.lost.iter().all(|loss| chosen(*choice).any(|one| explains(one, loss)));
        let choice = choices.into_iter().find(all_explained).expect("the part allows its executions");
        let mut faulty = vec![None; network.size()];
        for one in chosen(choice) {
            let (process, capability) = one;
            let mine = self.lost.iter().filter(|loss| loss.from == process && explains(one, loss));
            let from = match capability {
                Capability::Crash => mine.map(|loss| loss.round).min().expect("it explains something"),
                _ => 0,
            };
            faulty[process] = Some(Fault { capability, from });
        }
        faulty
    }
}
