use std::collections::BTreeMap;

use threeworlds_model::{
    Capability, Charge, Execution, Fault, Happened, Moves, Process, Property, Question, Replay, ReplayError,
    StepError, Steps, System, Task, Timing, claim, least_ages,
};

use super::CheckError;

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

/// The rounds after which a world is given up, if the question does not bound them earlier.
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
fn divide(
    question: &Question,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<Result<Division, &'static str>, StepError> {
    let system = &question.system;
    // Two writes of a register that can be overwritten do not contradict each other, whatever they answer.
    if !matches!(question.task, Task::WriteOnceRegister | Task::Log) {
        return Ok(Err("they speak of the tasks write-once-register and log"));
    }
    let clients: Vec<Process> = system.client_ids().collect();
    if clients.len() < 2 {
        return Ok(Err("the argument needs two clients"));
    }
    let first_value =
        |client: Process| question.workload.of(client).first().and_then(|request| request.value());
    // In A all of G2 is faulty, in B all of G1.
    let most = question.fault_model.max_faulty_servers(system);
    let mut partitions = partitions(system);
    partitions.retain(|groups| groups.iter().all(|group| group.len() <= most));
    let mut differ = false;
    for &one in &clients {
        for &two in &clients {
            let values = (first_value(one), first_value(two));
            if one == two || values.0.is_none() || values.1.is_none() || values.0 == values.1 {
                continue;
            }
            differ = true;
            for groups in &partitions {
                if interrupted() {
                    return Err(StepError::Interrupted);
                }
                if let Some(division) = admit(question, groups.clone(), [one, two]) {
                    return Ok(Ok(division));
                }
            }
        }
    }
    Ok(Err(if differ {
        "the fault rules do not admit them: each half of the servers has to be able to fail, with what is lost charged to it"
    } else {
        "the workload does not begin with different values from two clients"
    }))
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
                servers.iter().enumerate().filter(of).map(|(_, &server)| server).collect::<Vec<_>>()
            };
            let groups = [side(true), side(false)];
            if !all[..=count].contains(&groups) {
                all.push(groups);
            }
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
    let division = match divide(question, interrupted).map_err(ReplayError::Step)? {
        Ok(division) => division,
        Err(why) => return Ok(Err(why)),
    };
    let mut stage = Stage { question, protocol, division: &division, steps, interrupted };
    let end = End::Answered { most: question.rounds.unwrap_or(MOST_ROUNDS).min(MOST_ROUNDS) };
    let mut a = stage.run(World::A, end)?;
    let mut b = stage.run(World::B, end)?;
    let longest = a.rounds.len().max(b.rounds.len());
    // A world that loops ends where its loop closes; the others go on, to be as long as the longest.
    for (execution, world) in [(&mut a, World::A), (&mut b, World::B)] {
        if execution.loop_from_round.is_none() && execution.rounds.len() < longest {
            *execution = stage.run(world, End::After(longest))?;
        }
    }
    let c = stage.run(World::C, End::After(longest))?;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum World {
    A,
    B,
    C,
}

/// When a world's run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// When all who ask are answered, or a loop closes, or after so many rounds.
    Answered { most: u32 },
    /// After so many rounds.
    After(usize),
}

/// What all three runs share.
struct Stage<'a, S: Steps> {
    question: &'a Question,
    protocol: &'a str,
    division: &'a Division,
    steps: &'a mut S,
    interrupted: &'a mut dyn FnMut() -> bool,
}

impl<S: Steps> Stage<'_, S> {
    fn run(&mut self, world: World, end: End) -> Result<Execution, CheckError> {
        let (question, division) = (self.question, self.division);
        let faulty = &division.faulty[world as usize];
        let timed = division.timed && world == World::C;
        let [one, two] = division.clients;
        let askers: &[Process] = match world {
            World::A => &[one],
            World::B => &[two],
            World::C => &[one, two],
        };
        let mut replay = Replay::new(question, &mut *self.steps).map_err(ReplayError::Step)?;
        let mut snapshots = vec![least_ages(replay.steps(), replay.snapshot())];
        let mut loop_from = None;
        for number in 1.. {
            let sending: Vec<_> = replay.sending().collect();
            let mut moves = division.moves(world, number == 1, &sending);
            if number == 1 {
                moves.requests.extend(askers);
            }
            if (self.interrupted)() {
                return Err(ReplayError::Step(StepError::Interrupted).into());
            }
            replay.round(&moves)?;
            let after = replay.snapshot().clone();
            match end {
                End::After(rounds) if number >= rounds => break,
                End::After(_) => {}
                End::Answered { most } => {
                    if !askers.iter().any(|client| after.environment.is_outstanding(*client)) {
                        break;
                    }
                    let least = least_ages(replay.steps(), &after);
                    if let Some(start) = snapshots.iter().position(|snapshot| *snapshot == least) {
                        loop_from = u32::try_from(start + 1).ok();
                        break;
                    }
                    if number >= most as usize {
                        break;
                    }
                    snapshots.push(least);
                }
            }
        }
        let violation = replay.snapshot().environment.violation();
        let mut execution = Execution::new(format!("{world:?}"), self.protocol, question.clone());
        execution.faulty =
            faulty.iter().map(|(&process, &capability)| (process, Fault(capability))).collect();
        execution.gst = (question.timing == Timing::PartialSynchrony && !timed).then_some(1);
        execution.rounds = replay.into_rounds();
        execution.loop_from_round = loop_from;
        let property = loop_from.map(|_| Property::Termination).or(violation);
        execution.claim = property.map(|property| claim(&execution, property));
        Ok(execution)
    }
}

impl Division {
    /// What the adversary does in a round of a world in which this is sent: it cuts the links, and in the
    /// first round stops who is to stop, of which nothing arrives.
    fn moves(&self, world: World, first: bool, sending: &[(Process, Process)]) -> Moves {
        let faulty = &self.faulty[world as usize];
        let crashes = |process: &Process| faulty.get(process) == Some(&Capability::Crash);
        let mut moves = Moves::default();
        if first {
            moves.crashes = faulty.keys().copied().filter(crashes).collect();
        }
        for &(from, to) in sending {
            if crashes(&to) || !(crashes(&from) || cut(&self.groups, self.clients, from, to)) {
                continue;
            }
            let sender =
                crashes(&from) || faulty.get(&from).is_some_and(|capability| capability.omits_sends());
            let charge = match (self.timed && world == World::C, sender) {
                (true, _) => Charge::Timing,
                (false, true) => Charge::Process(from),
                (false, false) => Charge::Process(to),
            };
            moves.removed.insert((from, to), charge);
        }
        moves
    }
}
