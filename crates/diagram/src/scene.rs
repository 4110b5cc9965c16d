use std::collections::BTreeMap;

use threeworlds_model::{Charge, Execution, Process, SentMessage, View};

use crate::words;

/// One or more executions laid out side by side: lanes from top to bottom, rounds from left to right.
/// Texts are on one line and safe to print; how long they may be is for the back ends to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// The executions, in the order given.
    pub worlds: Vec<World>,
    /// The sets of worlds that some process cannot tell apart, in the order in which they are met. The
    /// position is the colour.
    pub likenesses: Vec<Likeness>,
    /// How many rounds all worlds have: over these the views are compared.
    pub common_rounds: usize,
}

/// One execution.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// A short name that no other world of the scene has, such as `A`.
    pub tag: String,
    /// The heading, such as `World A`.
    pub heading: String,
    /// The protocol that ran.
    pub protocol: String,
    /// A lane for each process, servers first.
    pub lanes: Vec<Lane>,
    /// How many of the lanes are servers.
    pub servers: usize,
    /// Number of rounds.
    pub rounds: usize,
    /// Every message that was sent, by round.
    pub arrows: Vec<Arrow>,
    /// Requests and responses, by round, the request before the response.
    pub events: Vec<Event>,
    /// The first round in which only faults lose messages, if it is one of the rounds or the next.
    pub gst: Option<usize>,
    /// The rounds from this one to the last repeat for ever.
    pub loop_from: Option<usize>,
    /// What the execution shows, in a sentence.
    pub claim: Option<String>,
}

/// The life of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Whose.
    pub process: Process,
    /// The word of its fault class, if it is faulty.
    pub fault: Option<&'static str>,
    /// The round in which it stops.
    pub stops: Option<usize>,
    /// The position of its likeness in [`Scene::likenesses`].
    pub likeness: Option<usize>,
}

/// Worlds that some processes cannot tell apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    /// Their positions in [`Scene::worlds`], two or more.
    pub worlds: Vec<usize>,
    /// The processes whose views are equal in all of them.
    pub processes: Vec<Process>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrow {
    /// The round, from 1.
    pub round: usize,
    /// The sender's lane.
    pub from: usize,
    /// The receiver's lane.
    pub to: usize,
    /// What it says in a few words.
    pub label: String,
    /// What it says as JSON.
    pub full: String,
    /// What became of it.
    pub fate: Fate,
    /// Whether the sender sent the receiver the same in the round before, with the same fate: such traffic
    /// is drawn lighter.
    pub repeats: bool,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It arrived.
    Delivered,
    /// It arrived at a process that has stopped.
    Unread,
    /// It was removed and its sender is charged.
    RemovedAtSender,
    /// It was removed and its receiver is charged.
    RemovedAtReceiver,
    /// It was removed and a process at neither end is charged, which no verdict rests on.
    RemovedBetween,
    /// It was removed and the timing is charged.
    LostToTiming,
}

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The round, from 1.
    pub round: usize,
    /// The client's lane.
    pub lane: usize,
    /// Which of the two.
    pub occurrence: Occurrence,
    /// Its text, such as `write(C1)` and `C1`.
    pub text: String,
}

/// Which way an event crosses the boundary of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Occurrence {
    /// The client is asked, at the start of the round.
    Request,
    /// The client answers, at the end of the round.
    Response,
}

impl Scene {
    /// Lays the executions out.
    pub fn new(executions: &[Execution]) -> Scene {
        let tags = tags(executions);
        let alone = executions.len() == 1;
        let worlds = executions.iter().zip(tags).map(|(execution, tag)| World::new(execution, tag, alone));
        let mut worlds: Vec<World> = worlds.collect();
        let common_rounds = executions.iter().map(|execution| execution.rounds.len()).min().unwrap_or(0);
        let likenesses = compare(executions, &mut worlds, common_rounds);
        Scene { worlds, likenesses, common_rounds }
    }

    /// For each likeness a sentence such as `s1 and c1 cannot tell A from C`.
    pub fn sentences(&self) -> Vec<String> {
        let sentence = |likeness: &Likeness| {
            let processes: Vec<String> = likeness.processes.iter().map(Process::to_string).collect();
            let tags: Vec<String> =
                likeness.worlds.iter().map(|&world| self.worlds[world].tag.clone()).collect();
            match &tags[..] {
                [one, two] => format!("{} cannot tell {one} from {two}", words::and(&processes)),
                _ => format!("{} cannot tell {} apart", words::and(&processes), words::and(&tags)),
            }
        };
        self.likenesses.iter().map(sentence).collect()
    }

    /// Over which rounds views were compared, in a sentence; none if no process sees the same in two worlds.
    pub fn compared(&self) -> Option<String> {
        let shortest = self.worlds.iter().all(|world| world.rounds == self.common_rounds);
        let rounds = match self.common_rounds {
            1 => "round 1".to_owned(),
            last => format!("rounds 1 to {last}"),
        };
        let all = if shortest { "" } else { ", which all worlds have" };
        let note = format!("The same requests and the same messages reach them in {rounds}{all}.");
        (!self.likenesses.is_empty()).then_some(note)
    }

    /// What stands at the end of a lane whose process cannot tell this world from others: `= A`.
    pub fn mark(&self, world: usize, lane: &Lane) -> Option<String> {
        let likeness = &self.likenesses[lane.likeness?];
        let others = likeness.worlds.iter().filter(|&&other| other != world);
        let tags: Vec<&str> = others.map(|&other| self.worlds[other].tag.as_str()).collect();
        Some(format!("= {}", tags.join(", ")))
    }
}

impl World {
    fn new(execution: &Execution, tag: String, alone: bool) -> World {
        let system = &execution.question.system;
        let processes: Vec<Process> = system.processes().collect();
        let lane = |process: Process| processes.iter().position(|&other| other == process);
        let lanes = processes.iter().map(|&process| Lane {
            process,
            fault: execution.faulty.get(&process).map(|fault| fault.0.name()),
            stops: execution.crash_round(process),
            likeness: None,
        });
        let lanes: Vec<Lane> = lanes.collect();
        let rounds = execution.rounds.len();
        let mut arrows = Vec::new();
        let mut events = Vec::new();
        let mut before: BTreeMap<(Process, Process), Vec<&SentMessage>> = BTreeMap::new();
        for (number, round) in (1..).zip(&execution.rounds) {
            for sent in &round.messages {
                let (Some(from), Some(to)) = (lane(sent.from), lane(sent.to)) else { continue };
                let stopped = lanes[to].stops.is_some_and(|stops| stops <= number);
                let fate = fate(sent, stopped);
                let repeats =
                    before.get(&(sent.from, sent.to)).is_some_and(|sent_before| sent_before.contains(&sent))
                        && lanes[to].stops != Some(number);
                arrows.push(Arrow {
                    round: number,
                    from,
                    to,
                    label: words::label(&sent.message),
                    full: words::full(&sent.message),
                    fate,
                    repeats,
                });
            }
            let requests = round
                .requests
                .iter()
                .map(|(&client, asked)| (client, Occurrence::Request, asked.to_string()));
            let responses = round
                .responses
                .iter()
                .map(|(&client, told)| (client, Occurrence::Response, told.to_string()));
            for (client, occurrence, text) in requests.chain(responses) {
                let Some(lane) = lane(client) else { continue };
                events.push(Event { round: number, lane, occurrence, text: words::one_line(&text) });
            }
            before.clear();
            for sent in &round.messages {
                before.entry((sent.from, sent.to)).or_default().push(sent);
            }
        }
        let number = |round: u32| usize::try_from(round).unwrap_or(usize::MAX);
        let name = words::one_line(&execution.name);
        let heading = match (tag == name, &name[..]) {
            (true, name) => format!("World {name}"),
            (false, "") => "Execution".to_owned(),
            (false, name) => name.to_owned(),
        };
        let heading = if tag == name || alone { heading } else { format!("{tag} {heading}") };
        let claim = execution.claim.as_ref().map(|claim| {
            let explanation = words::one_line(&claim.explanation);
            format!("Violates {}: {explanation}", claim.property)
        });
        World {
            tag,
            heading,
            protocol: words::one_line(&execution.protocol),
            servers: usize::from(system.servers).min(lanes.len()),
            lanes,
            rounds,
            arrows,
            events,
            gst: execution.gst.map(number).filter(|&gst| gst <= rounds + 1),
            loop_from: execution.loop_from_round.map(number).filter(|first| (1..=rounds).contains(first)),
            claim,
        }
    }

    /// The messages of a round.
    pub fn arrows_in(&self, round: usize) -> &[Arrow] {
        let start = self.arrows.partition_point(|arrow| arrow.round < round);
        let length = self.arrows[start..].partition_point(|arrow| arrow.round == round);
        &self.arrows[start..start + length]
    }

    /// The requests and responses of a round.
    pub fn events_in(&self, round: usize) -> &[Event] {
        let start = self.events.partition_point(|event| event.round < round);
        let length = self.events[start..].partition_point(|event| event.round == round);
        &self.events[start..start + length]
    }

    /// The faulty processes with their classes, such as `s2 and c2 (omission)`; `None` if there are none.
    pub fn faults(&self) -> Option<String> {
        let mut classes: Vec<(&str, Vec<String>)> = Vec::new();
        for lane in &self.lanes {
            let Some(fault) = lane.fault else { continue };
            match classes.iter_mut().find(|(class, _)| *class == fault) {
                Some((_, processes)) => processes.push(lane.process.to_string()),
                None => classes.push((fault, vec![lane.process.to_string()])),
            }
        }
        let of = |(class, processes): &(&str, Vec<String>)| format!("{} ({class})", words::and(processes));
        let parts: Vec<String> = classes.iter().map(of).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// The event as a clause: `c1 asks write(C1)`, `c1 is told C1`.
    pub fn clause(&self, event: &Event) -> String {
        let verb = match event.occurrence {
            Occurrence::Request => "asks",
            Occurrence::Response => "is told",
        };
        format!("{} {verb} {}", self.lanes[event.lane].process, event.text)
    }
}

impl Fate {
    /// Whether it was removed.
    pub fn is_removed(self) -> bool {
        !matches!(self, Fate::Delivered | Fate::Unread)
    }
}

/// Who is charged decides where the arrow is cut. A process at neither end cannot rightly be charged, but a
/// drawing does not judge.
fn fate(sent: &SentMessage, receiver_stopped: bool) -> Fate {
    match sent.removed {
        None if receiver_stopped => Fate::Unread,
        None => Fate::Delivered,
        Some(Charge::Process(process)) if process == sent.from => Fate::RemovedAtSender,
        Some(Charge::Process(process)) if process == sent.to => Fate::RemovedAtReceiver,
        Some(Charge::Process(_)) => Fate::RemovedBetween,
        Some(Charge::Timing) => Fate::LostToTiming,
    }
}

/// The names that are short and not taken, numbers such as `#2` for the others.
fn tags(executions: &[Execution]) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for (number, execution) in (1..).zip(executions) {
        let name = words::one_line(&execution.name);
        let short = (1..=4).contains(&words::columns(&name)) && !name.starts_with('#') && !name.contains(' ');
        tags.push(if short && !tags.contains(&name) { name } else { format!("#{number}") });
    }
    tags
}

/// For each process, the worlds in which its view over the common rounds is the same. Equal sets of worlds
/// share a likeness.
fn compare(executions: &[Execution], worlds: &mut [World], common_rounds: usize) -> Vec<Likeness> {
    let mut found: Vec<Likeness> = Vec::new();
    if common_rounds == 0 {
        return found;
    }
    let mut processes: Vec<Process> =
        worlds.iter().flat_map(|world| world.lanes.iter().map(|lane| lane.process)).collect();
    processes.sort_unstable();
    processes.dedup();
    for process in processes {
        let mut classes: Vec<(View, Vec<usize>)> = Vec::new();
        for (position, execution) in executions.iter().enumerate() {
            if !execution.question.system.contains(process) {
                continue;
            }
            let mut view = execution.view(process);
            view.rounds.truncate(common_rounds);
            match classes.iter_mut().find(|(other, _)| *other == view) {
                Some((_, members)) => members.push(position),
                None => classes.push((view, vec![position])),
            }
        }
        for (_, members) in classes.into_iter().filter(|(_, members)| members.len() > 1) {
            let number = found.iter().position(|likeness| likeness.worlds == members).unwrap_or_else(|| {
                found.push(Likeness { worlds: members.clone(), processes: Vec::new() });
                found.len() - 1
            });
            found[number].processes.push(process);
            for world in members {
                let mut lanes = worlds[world].lanes.iter_mut();
                if let Some(lane) = lanes.find(|lane| lane.process == process) {
                    lane.likeness = Some(number);
                }
            }
        }
    }
    found
}
