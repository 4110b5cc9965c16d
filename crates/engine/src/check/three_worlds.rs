use std::collections::BTreeMap;

use threeworlds_model::{
    Capability, Charge, Execution, Fault, Happened, Moves, Process, Property, Question, Replay, ReplayError,
    Steps, System, Timing,
};

use super::{CheckError, explain};

/// The three worlds of the argument, run on one protocol.
///
/// In all of them {G1, c1} and everything else exchange no message, and {G2, c2} and everything else
/// exchange no message. In A only c1 asks, in B only c2, in C both do. No process of {G1, c1} can tell A
/// from C, none of {G2, c2} can tell B from C.
#[derive(Debug, Clone)]
pub struct ThreeWorlds {
    /// G1 and G2.
    pub groups: [Vec<Process>; 2],
    /// c1 and c2 of the argument.
    pub clients: [Process; 2],
    /// A, B and C.
    pub worlds: [Execution; 3],
    /// Who cannot tell which two worlds apart, found by comparing views message by message.
    pub indistinguishable: Vec<(Process, [&'static str; 2])>,
    /// What the protocol gives up.
    pub fall: Fall,
}

/// How a protocol falls to the three worlds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fall {
    /// It violates this property.
    Horn(Property),
    /// A or B is still unanswered where the run was cut short, without a loop.
    Undecided,
}

/// The rounds after which a world is given up, unless the question bounds them.
const MOST_ROUNDS: u32 = 500;

/// How the servers and two of the clients are divided.
struct Division {
    groups: [Vec<Process>; 2],
    clients: [Process; 2],
    /// Who is faulty in A, B and C, and by which capability.
    faulty: [BTreeMap<Process, Capability>; 3],
    /// Whether C's losses happen before GST, so that nobody is charged.
    timed: bool,
}

/// Whether a division in the sense of [`ThreeWorlds`] exists under the question's rules, links and
/// workload; if not, why.
fn divide(question: &Question) -> Result<Division, &'static str> {
    let system = &question.system;
    let clients: Vec<Process> = system.client_ids().collect();
    if clients.len() < 2 {
        return Err("the argument needs two clients");
    }
    let first_value =
        |client: Process| question.workload.of(client).first().and_then(|request| request.value());
    let mut differ = false;
    for &one in &clients {
        for &two in &clients {
            let values = (first_value(one), first_value(two));
            if one == two || values.0.is_none() || values.1.is_none() || values.0 == values.1 {
                continue;
            }
            differ = true;
            for groups in partitions(system) {
                if let Some(division) = admit(question, groups, [one, two]) {
                    return Ok(division);
                }
            }
        }
    }
    Err(if differ {
        "the fault rules do not admit them: each half of the servers has to be able to fail, with what is lost charged to it"
    } else {
        "the workload does not begin with different values from two clients"
    })
}

/// Ways to divide the servers in two, balanced and in order first. All of them up to 12 servers, beyond
/// that only those in order.
fn partitions(system: &System) -> Vec<[Vec<Process>; 2]> {
    let servers: Vec<Process> = system.server_ids().collect();
    let count = servers.len();
    let mut sizes: Vec<usize> = (0..=count).collect();
    sizes.sort_by_key(|&size| (size.abs_diff(count - size), count - size));
    let mut all: Vec<[Vec<Process>; 2]> =
        sizes.iter().map(|&size| [servers[..size].to_vec(), servers[size..].to_vec()]).collect();
    if count <= 12 {
        for bits in 0u32..1 << count {
            let side = |wanted: bool| {
                let of = |&(index, _): &(usize, &Process)| (bits >> index & 1 == 1) == wanted;
                servers.iter().enumerate().filter(of).map(|(_, &server)| server).collect()
            };
            all.push([side(true), side(false)]);
        }
    }
    all
}

/// Which part of the division a process belongs to: 0 and 1 are the sides, everyone else is alone.
fn part(groups: &[Vec<Process>; 2], clients: [Process; 2], process: Process) -> usize {
    let side = |side: usize| groups[side].contains(&process) || clients[side] == process;
    match (side(0), side(1)) {
        (true, _) => 0,
        (_, true) => 1,
        _ => 1 + usize::from(process.number()),
    }
}

/// Whether the link is cut in all three worlds.
fn cut(groups: &[Vec<Process>; 2], clients: [Process; 2], from: Process, to: Process) -> bool {
    let (one, two) = (part(groups, clients, from), part(groups, clients, to));
    one != two && (one < 2 || two < 2)
}

fn admit(question: &Question, groups: [Vec<Process>; 2], clients: [Process; 2]) -> Option<Division> {
    let system = &question.system;
    // In A and B the side that is cut off and the other clients have nothing to do, so they may as well
    // have stopped before they sent or received anything.
    let charged = |healthy: usize, idle_side: bool| -> Option<BTreeMap<Process, Capability>> {
        let mut alternatives = Vec::new();
        for process in system.processes() {
            let of = part(&groups, clients, process);
            if of == healthy {
                continue;
            }
            let loses = |from, to| system.linked(from, to) && cut(&groups, clients, from, to);
            let happened = Happened {
                crashed: false,
                omitted_sends: system.processes().any(|other| loses(process, other)),
                omitted_receives: system.processes().any(|other| loses(other, process)),
            };
            if !happened.omitted_sends && !happened.omitted_receives {
                continue;
            }
            let mut ways = vec![happened];
            if idle_side || of > 1 {
                ways.push(Happened { crashed: true, ..Happened::default() });
            }
            alternatives.push((process, ways));
        }
        let capabilities = question.fault_model.charge(&alternatives)?;
        Some(alternatives.iter().map(|&(process, _)| process).zip(capabilities).collect())
    };
    let a = charged(0, true)?;
    let b = charged(1, true)?;
    let (c, timed) = match charged(0, false).or_else(|| charged(1, false)) {
        Some(faulty) => (faulty, false),
        None if question.timing == Timing::PartialSynchrony => (BTreeMap::new(), true),
        None => return None,
    };
    Some(Division { groups, clients, faulty: [a, b, c], timed })
}

/// Runs A, B and C on the protocol when the question admits them: three runs, not a search. If it does not
/// admit them, why not.
pub(crate) fn run<S: Steps>(
    question: &Question,
    protocol: &str,
    steps: &mut S,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<Result<ThreeWorlds, &'static str>, CheckError> {
    let division = match divide(question) {
        Ok(division) => division,
        Err(why) => return Ok(Err(why)),
    };
    let most = question.rounds.unwrap_or(MOST_ROUNDS);
    let mut run = |name, askers: &[Process], world, end: End| {
        run_world(
            question,
            protocol,
            steps,
            &division,
            World { name, askers, index: world, end },
            interrupted,
        )
    };
    let [one, two] = division.clients;
    let a = run("A", &[one], 0, End::Answered { most })?;
    let b = run("B", &[two], 1, End::Answered { most })?;
    let longest = u32::try_from(a.rounds.len().max(b.rounds.len())).unwrap_or(u32::MAX);
    // A world that loops ends where its loop closes; the others go on, to be as long as the longest.
    let to_the_end =
        |world: Execution,
         askers: &[Process],
         index,
         run: &mut dyn FnMut(&'static str, &[Process], usize, End) -> Result<Execution, CheckError>| {
            if world.loop_from_round.is_some() || world.rounds.len() == longest as usize {
                return Ok(world);
            }
            run(if index == 0 { "A" } else { "B" }, askers, index, End::After(longest))
        };
    let a = to_the_end(a, &[one], 0, &mut run)?;
    let b = to_the_end(b, &[two], 1, &mut run)?;
    let c = run("C", &[one, two], 2, End::After(longest))?;

    let mut indistinguishable = Vec::new();
    for (side, (world, name)) in [(&a, "A"), (&b, "B")].into_iter().enumerate() {
        for process in question.system.processes() {
            if part(&division.groups, division.clients, process) != side {
                continue;
            }
            if let Some(round) = world.view(process).differs_from(&c.view(process)) {
                return Err(CheckError::ViewsDiffer { process, worlds: [name, "C"], round });
            }
            indistinguishable.push((process, [name, "C"]));
        }
    }
    let fall = fall(&division, [&a, &b, &c])?;
    let Division { groups, clients, .. } = division;
    Ok(Ok(ThreeWorlds { groups, clients, worlds: [a, b, c], indistinguishable, fall }))
}

fn fall(division: &Division, worlds: [&Execution; 3]) -> Result<Fall, CheckError> {
    let claims = || worlds.iter().filter_map(|world| world.claim.as_ref());
    let unanswered = |side: usize| worlds[side].last_response(division.clients[side]).is_none();
    if let Some(claim) = claims().find(|claim| claim.property == Property::Termination) {
        return Ok(Fall::Horn(claim.property));
    }
    if let Some(property) = claims().map(|claim| claim.property).min() {
        return Ok(Fall::Horn(property));
    }
    if unanswered(0) || unanswered(1) {
        return Ok(Fall::Undecided);
    }
    Err(CheckError::NoFall)
}

/// When a world's run ends.
#[derive(Clone, Copy)]
enum End {
    /// When all who ask are answered, or a loop closes, or after so many rounds.
    Answered { most: u32 },
    /// After so many rounds.
    After(u32),
}

struct World<'a> {
    name: &'static str,
    askers: &'a [Process],
    index: usize,
    end: End,
}

fn run_world<S: Steps>(
    question: &Question,
    protocol: &str,
    steps: &mut S,
    division: &Division,
    world: World<'_>,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<Execution, CheckError> {
    let faulty = &division.faulty[world.index];
    let timed = division.timed && world.index == 2;
    let crashes = |process: &Process| faulty.get(process) == Some(&Capability::Crash);
    let crashing: Vec<Process> = question.system.processes().filter(crashes).collect();
    let cut = |from, to| cut(&division.groups, division.clients, from, to);
    let mut replay = Replay::new(question, steps).map_err(ReplayError::Step)?;
    let mut snapshots = vec![replay.snapshot().clone()];
    let mut loop_from = None;
    for number in 1u32.. {
        let mut moves = Moves::default();
        if number == 1 {
            moves.requests.extend(world.askers);
            moves.crashes.extend(&crashing);
        }
        let sending: Vec<_> = replay.sending().collect();
        for (from, to) in sending.into_iter().filter(|&(from, to)| cut(from, to)) {
            if crashes(&to) {
                continue;
            }
            let charge = if timed {
                Charge::Timing
            } else if crashes(&from) || faulty.get(&from).is_some_and(|capability| capability.omits_sends()) {
                Charge::Process(from)
            } else {
                Charge::Process(to)
            };
            moves.removed.insert((from, to), charge);
        }
        // Of a process that crashes nothing arrives, on links that are not cut either.
        for &from in &crashing {
            if number == 1 {
                let own: Vec<_> =
                    replay.sending().filter(|&(sender, to)| sender == from && !crashes(&to)).collect();
                moves.removed.extend(own.into_iter().map(|link| (link, Charge::Process(from))));
            }
        }
        replay.round(&moves)?;
        let end = replay.snapshot().clone();
        match world.end {
            End::After(rounds) if number >= rounds => break,
            End::After(_) => {}
            End::Answered { most } => {
                if !world.askers.iter().any(|client| end.environment.is_outstanding(*client)) {
                    break;
                }
                if let Some(start) = snapshots.iter().position(|snapshot| *snapshot == end) {
                    loop_from = u32::try_from(start + 1).ok();
                    break;
                }
                if number >= most || interrupted() {
                    break;
                }
                snapshots.push(end);
            }
        }
    }
    let violation = replay.snapshot().environment.violation();
    let mut execution = Execution::new(world.name, protocol, question.clone());
    execution.faulty = faulty.iter().map(|(&process, &capability)| (process, Fault(capability))).collect();
    execution.gst = (question.timing == Timing::PartialSynchrony && !timed).then_some(1);
    execution.rounds = replay.into_rounds();
    execution.loop_from_round = loop_from;
    let property = loop_from.map(|_| Property::Termination).or(violation);
    execution.claim = property.map(|property| explain::claim(&execution, property));
    Ok(execution)
}
