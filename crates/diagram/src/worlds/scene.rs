use std::collections::{BTreeMap, BTreeSet};

use threeworlds_certificate::{Certificate, Fault, Servers, World};
use threeworlds_model::{Capability, Request, name_processes};

use super::derived::Derived;
use super::view::linked;
use crate::words;

/// A certificate laid out: what stands in each world and phase, what the argument derives there, and which
/// worlds look the same to whom. Texts are on one line and safe to print.
pub(crate) struct Scene {
    /// The blocks, servers first.
    pub(crate) nodes: Vec<Node>,
    /// Whether phases are single rounds.
    pub(crate) rounds: bool,
    /// The worlds that are drawn.
    pub(crate) worlds: Vec<Panel>,
    /// How many worlds are not.
    pub(crate) left_out: usize,
    /// What some client cannot tell apart; the position is the colour.
    pub(crate) likenesses: Vec<Likeness>,
    /// How the argument ends, in sentences.
    pub(crate) contradictions: Vec<String>,
}

/// A block.
pub(crate) struct Node {
    pub(crate) name: String,
    /// Who belongs to it, unless that is its name.
    pub(crate) members: Option<String>,
    pub(crate) client: bool,
}

/// A world.
pub(crate) struct Panel {
    pub(crate) name: String,
    pub(crate) faulty: Vec<Option<Fault>>,
    pub(crate) phases: Vec<Moment>,
    /// How many phases are not drawn.
    pub(crate) left_out: usize,
    pub(crate) halos: Vec<Halo>,
    pub(crate) brackets: Vec<Bracket>,
}

/// A phase of a world.
#[derive(Default)]
pub(crate) struct Moment {
    /// Every pair of blocks with a link, in order; among many blocks only those with a blocked one.
    pub(crate) links: Vec<Link>,
    pub(crate) requests: Vec<(usize, String)>,
    /// The responses to requests of this phase.
    pub(crate) told: Vec<Told>,
    /// What has no place in the drawing.
    pub(crate) notes: Vec<String>,
}

/// Two blocks, and what becomes of the messages between them.
pub(crate) struct Link {
    pub(crate) one: usize,
    pub(crate) other: usize,
    pub(crate) there: Way,
    pub(crate) back: Way,
}

/// What becomes of all messages from one block to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// They arrive.
    Open,
    /// They arrive at a block that has stopped.
    Unread,
    /// They are lost, and the ends that may be charged.
    Cut { sender: bool, receiver: bool },
    /// They are late, and nobody is charged.
    Late,
    /// There is no such link.
    Missing,
}

/// A response that the argument derives.
pub(crate) struct Told {
    pub(crate) client: usize,
    /// The value, as far as it is known.
    pub(crate) value: String,
    /// What contradicts it here.
    pub(crate) wrong: Option<String>,
}

/// All that reaches a client until the end of a phase, in a world that it cannot tell from another.
pub(crate) struct Halo {
    pub(crate) likeness: usize,
    pub(crate) client: usize,
    /// The phase, from 0.
    pub(crate) end: usize,
    /// For each phase up to this one the blocks, by position.
    pub(crate) reach: Vec<Vec<bool>>,
    /// `same as in C`.
    pub(crate) label: String,
}

/// Two responses of a world that Agreement makes equal.
pub(crate) struct Bracket {
    /// Client and phase of the request.
    pub(crate) one: (usize, usize),
    pub(crate) other: (usize, usize),
    /// Whether they are different all the same.
    pub(crate) clash: bool,
}

/// Worlds that a client cannot tell apart.
pub(crate) struct Likeness {
    pub(crate) client: usize,
    pub(crate) phase: usize,
    pub(crate) worlds: BTreeSet<usize>,
    pub(crate) sentence: String,
}

/// More worlds are counted, not drawn.
pub(crate) const MOST_WORLDS: usize = 120;
/// More epochs or rounds of a world are counted, not drawn.
pub(crate) const MOST_PHASES: usize = 24;
/// More blocks are never drawn with lines.
pub(crate) const MOST_DRAWN: usize = 40;
/// A name from a file is cut to this many columns.
const LONGEST: usize = 40;

impl Scene {
    pub(crate) fn new(certificate: &Certificate) -> Scene {
        let Certificate { claim, blocks, worlds, .. } = certificate;
        let nodes = blocks.iter().map(|block| {
            let symbolic = claim.servers != Servers::Exactly && !block.is_client();
            let members =
                || words::shorten(&words::one_line(&name_processes(&block.members, &claim.system)), 60);
            let alone = block.members.len() == 1 && block.members[0].to_string() == block.name;
            Node {
                name: tidy(&block.name),
                members: if symbolic { Some("≤ f servers".to_owned()) } else { (!alone).then(members) },
                client: block.is_client(),
            }
        });
        let mut scene = Scene {
            nodes: nodes.collect(),
            rounds: claim.rounds.is_some(),
            worlds: Vec::new(),
            left_out: worlds.len().saturating_sub(MOST_WORLDS),
            likenesses: Vec::new(),
            contradictions: Vec::new(),
        };
        scene.worlds = worlds.iter().take(MOST_WORLDS).map(|world| scene.panel(certificate, world)).collect();
        Derived::new(certificate).tell(&mut scene);
        scene
    }

    /// What a phase is called.
    pub(crate) fn unit(&self) -> &'static str {
        if self.rounds { "round" } else { "epoch" }
    }

    /// How many of the nodes are servers.
    pub(crate) fn servers(&self) -> usize {
        self.nodes.iter().filter(|node| !node.client).count()
    }

    /// Whether any link of a drawn world is like this.
    pub(crate) fn any(&self, wanted: impl Fn(&Link) -> bool) -> bool {
        self.worlds.iter().flat_map(|world| &world.phases).flat_map(|phase| &phase.links).any(wanted)
    }

    fn panel(&self, certificate: &Certificate, world: &World) -> Panel {
        let phases = world.phases.len().min(MOST_PHASES);
        Panel {
            name: name(world),
            faulty: world.faulty.clone(),
            phases: (0..phases).map(|phase| self.moment(certificate, world, phase)).collect(),
            left_out: world.phases.len() - phases,
            halos: Vec::new(),
            brackets: Vec::new(),
        }
    }

    fn moment(&self, certificate: &Certificate, world: &World, phase: usize) -> Moment {
        let mut moment = Moment::default();
        let count = self.nodes.len();
        let pairs: BTreeSet<(usize, usize)> = if count > MOST_DRAWN {
            let blocked = world.phases[phase].blocked.iter();
            blocked
                .map(|&(from, to)| (from.min(to), from.max(to)))
                .filter(|(one, other)| one != other)
                .collect()
        } else {
            (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other))).collect()
        };
        for (one, other) in pairs {
            let way = |from, to| way(certificate, world, phase, from, to);
            let (there, back) = (way(one, other), way(other, one));
            if (there, back) != (Way::Missing, Way::Missing) {
                moment.links.push(Link { one, other, there, back });
            }
        }
        for (client, request) in &world.phases[phase].requests {
            let text = words::shorten(&said(request), LONGEST);
            if self.nodes[*client].client {
                moment.requests.push((*client, text));
            } else {
                moment.notes.push(format!("{} asks {text}", self.nodes[*client].name));
            }
        }
        for &(from, to) in &world.phases[phase].blocked {
            if from == to {
                let name = &self.nodes[from].name;
                moment.notes.push(format!("{name} → {name} is blocked"));
            }
        }
        moment
    }
}

impl Panel {
    /// `faulty: s2 and c2 (omission)`.
    pub(crate) fn faults(&self, nodes: &[Node]) -> String {
        let mut classes: Vec<(&str, Vec<String>)> = Vec::new();
        for (node, fault) in nodes.iter().zip(&self.faulty) {
            let Some(fault) = fault else { continue };
            let class = class(fault.capability);
            match classes.iter_mut().find(|(other, _)| *other == class) {
                Some((_, names)) => names.push(node.name.clone()),
                None => classes.push((class, vec![node.name.clone()])),
            }
        }
        if classes.is_empty() {
            return "nobody is faulty".to_owned();
        }
        let part = |(class, names): &(&str, Vec<String>)| format!("{} ({class})", words::and(names));
        let parts: Vec<String> = classes.iter().map(part).collect();
        format!("faulty: {}", parts.join(", "))
    }

    /// What a node is marked with in a phase, if it is faulty.
    pub(crate) fn mark(&self, node: usize, phase: usize, unit: &str) -> Option<String> {
        let fault = self.faulty[node]?;
        let later = fault.capability == Capability::Crash && fault.from > phase;
        let class = class(fault.capability);
        Some(if later { format!("{class} in {unit} {}", fault.from + 1) } else { class.to_owned() })
    }

    /// The phase in which a node stops for good.
    pub(crate) fn stops(&self, node: usize) -> Option<usize> {
        let fault = self.faulty[node]?;
        (fault.capability == Capability::Crash).then_some(fault.from)
    }

    /// Responses that are known before a phase, with their client.
    pub(crate) fn told_before(&self, phase: usize) -> impl Iterator<Item = &Told> {
        self.phases[..phase].iter().flat_map(|moment| &moment.told)
    }
}

impl Link {
    /// Whether messages arrive and are read, there and back.
    pub(crate) fn open(&self) -> (bool, bool) {
        (self.there == Way::Open, self.back == Way::Open)
    }

    /// The ends at which messages are lost, of a link on which nothing arrives in either direction: the
    /// faulty ones, `one` and `other`.
    pub(crate) fn cut_ends(&self) -> (bool, bool) {
        let mut ends = (false, false);
        if let Way::Cut { sender, receiver } = self.there {
            ends = (ends.0 | sender, ends.1 | receiver);
        }
        if let Way::Cut { sender, receiver } = self.back {
            ends = (ends.0 | receiver, ends.1 | sender);
        }
        // Where one end explains both directions, the other is not marked as well.
        match (self.there, self.back) {
            (Way::Cut { sender: a, receiver: b }, Way::Cut { sender: d, receiver: c }) => {
                let (all_one, all_other) = (a && c, b && d);
                if all_one || all_other { (all_one, all_other) } else { ends }
            }
            _ => ends,
        }
    }

    pub(crate) fn is_late(&self) -> bool {
        self.there == Way::Late || self.back == Way::Late
    }

    /// What becomes of its messages, in words.
    pub(crate) fn words(&self, nodes: &[Node]) -> String {
        let one_way = |from: usize, to: usize, way: Way| {
            let (from, to) = (&nodes[from].name, &nodes[to].name);
            let fate = match way {
                Way::Open => "arrives".to_owned(),
                Way::Unread => format!("nobody reads it, {to} has stopped"),
                Way::Cut { sender: true, receiver: true } => format!("lost, {from} or {to} is charged"),
                Way::Cut { sender: true, .. } => format!("lost, {from} is charged"),
                Way::Cut { .. } => format!("lost, {to} is charged"),
                Way::Late => "late, nobody is charged".to_owned(),
                Way::Missing => "no link".to_owned(),
            };
            format!("{from} → {to}: {fate}")
        };
        let there = one_way(self.one, self.other, self.there);
        format!("{there}; {}", one_way(self.other, self.one, self.back))
    }
}

impl Moment {
    /// What is blocked, in a line for each reason: `lost at s2: s1 → s2, s2 → s1`. At most `most` links.
    pub(crate) fn blocked(&self, nodes: &[Node], most: usize) -> Vec<String> {
        let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let ways = self
            .links
            .iter()
            .flat_map(|link| [(link.one, link.other, link.there), (link.other, link.one, link.back)]);
        let blocked: Vec<(usize, usize, Way)> =
            ways.filter(|(_, _, way)| matches!(way, Way::Cut { .. } | Way::Late)).collect();
        for &(from, to, way) in blocked.iter().take(most) {
            let reason = match way {
                Way::Cut { sender: true, .. } => format!("lost at {}", nodes[from].name),
                Way::Cut { .. } => format!("lost at {}", nodes[to].name),
                _ => "late".to_owned(),
            };
            reasons.entry(reason).or_default().push(format!("{} → {}", nodes[from].name, nodes[to].name));
        }
        let mut lines: Vec<String> =
            reasons.iter().map(|(reason, links)| format!("{reason}: {}", links.join(", "))).collect();
        if blocked.len() > most {
            lines.push(format!("and {} more blocked links", blocked.len() - most));
        }
        lines
    }
}

/// A name or a value from a file, short and on one line.
pub(crate) fn tidy(text: &str) -> String {
    words::shorten(&words::one_line(text), LONGEST)
}

/// What a world is called.
pub(crate) fn name(world: &World) -> String {
    if world.name.is_empty() { "(no name)".to_owned() } else { tidy(&world.name) }
}

fn said(request: &Request) -> String {
    match (request, request.value()) {
        (Request::Command { command }, _) => words::one_line(&command.to_string()),
        (_, Some(value)) => format!("{} {}", request.kind(), words::one_line(value.as_str())),
        (_, None) => request.kind().to_owned(),
    }
}

fn class(capability: Capability) -> &'static str {
    match capability {
        Capability::Crash => "crash",
        Capability::OmitSends => "send-omission",
        Capability::OmitReceives => "receive-omission",
        Capability::OmitBoth => "omission",
    }
}

fn way(certificate: &Certificate, world: &World, phase: usize, from: usize, to: usize) -> Way {
    let may = |block: usize, what: fn(Capability) -> bool| {
        world.faulty[block].is_some_and(|fault| what(fault.capability))
    };
    if world.is_blocked(phase, (from, to)) {
        let sender = may(from, Capability::omits_sends) || world.stopped(from, phase);
        let receiver = may(to, Capability::omits_receives);
        if sender || receiver { Way::Cut { sender, receiver } } else { Way::Late }
    } else if !linked(certificate, from, to) {
        Way::Missing
    } else if world.stopped(to, phase) {
        Way::Unread
    } else {
        Way::Open
    }
}
