use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;
use threeworlds_model::{
    Capability, FaultClass, FaultModel, FaultRule, Process, Request, System, Value, name_processes,
    parse_processes, pretty_object,
};

use crate::argument::{Given, Step};
use crate::claim::{Claim, Servers, Task, Timing};
use crate::world::{Block, Fault, Phase, World};

/// A claim, the worlds, and the argument over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What no protocol can do.
    pub claim: Claim,
    /// The processes, in blocks that do the same in every world: servers first.
    pub blocks: Vec<Block>,
    /// The worlds, named `A`, `B`, ...
    pub worlds: Vec<World>,
    /// The steps; the last is a contradiction.
    pub argument: Vec<Step>,
}

/// A text that is no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FormatError(String);

impl FormatError {
    fn new(text: impl AsRef<str>) -> Self {
        FormatError(printable(text.as_ref()))
    }
}

/// What comes out of a file is shown, and must not act on a terminal.
pub(crate) fn printable(text: &str) -> String {
    let safe =
        |c: char| if c.is_control() && c != '\n' { c.escape_debug().to_string() } else { c.to_string() };
    text.chars().map(safe).collect()
}

impl Certificate {
    /// The version of the format that is written and read.
    pub const FORMAT: &'static str = "threeworlds/certificate/1";
    /// The most servers and the most clients of a claim.
    pub const MOST_PROCESSES: usize = 10_000;
    /// The most groups that a certificate may speak of.
    const MOST_BLOCKS: usize = 256;
    /// The most worlds, and the most epochs or rounds of each.
    const MOST_WORLDS: usize = 10_000;
    /// The most fault rules of a claim.
    pub const MOST_RULES: usize = 128;
    /// The most steps of an argument.
    const MOST_STEPS: usize = 100_000;
    /// The most work that the views of a certificate may be: worlds times epochs times the cube of blocks.
    const MOST_WORK: u128 = 5_000_000_000;

    /// What a phase of a world is called: `epoch` or `round`.
    pub fn unit(&self) -> &'static str {
        if self.claim.rounds.is_some() { "round" } else { "epoch" }
    }

    /// The certificate as JSON, for people and for [`Certificate::parse`].
    pub fn text(&self) -> String {
        let Json::Object(document) = self.json() else { unreachable!("a certificate is an object") };
        let keys = ["format", "claim", "groups", "worlds", "argument"];
        pretty_object(&keys.map(|key| (key, &document[key])))
    }

    /// The certificate as a JSON value.
    pub fn json(&self) -> Json {
        let groups = self.blocks.iter().filter(|block| self.is_group(block));
        let document = CertificateText {
            format: Self::FORMAT.to_owned(),
            claim: self.claim_text(),
            groups: groups.map(|block| (block.name.clone(), self.members_text(block))).collect(),
            worlds: self.worlds.iter().map(|world| self.world_text(world)).collect(),
            argument: self.argument.iter().map(|step| self.step_text(step)).collect(),
        };
        serde_json::to_value(document).expect("a certificate is JSON")
    }

    /// Reads a certificate. Whether it proves anything is for [`verify`](crate::verify) to say.
    pub fn parse(text: &str) -> Result<Certificate, FormatError> {
        let document: Json =
            serde_json::from_str(text).map_err(|error| FormatError::new(format!("not JSON: {error}")))?;
        match document.get("format").and_then(Json::as_str) {
            Some(Self::FORMAT) => {}
            Some(other) => {
                return Err(FormatError::new(format!(
                    "format `{other}` is not known: this reads {}",
                    Self::FORMAT
                )));
            }
            None => {
                return Err(FormatError::new(format!(
                    "`format` is missing: it should be \"{}\"",
                    Self::FORMAT
                )));
            }
        }
        // From the text, not from the value: then an error names its line.
        let document: CertificateText =
            serde_json::from_str(text).map_err(|error| FormatError::new(error.to_string()))?;
        document.read().map_err(FormatError::new)
    }

    /// A block that is not just a process under its own name.
    fn is_group(&self, block: &Block) -> bool {
        self.is_symbolic(block) || *block != Block::of(block.members[0])
    }

    /// A block whose number of members is open.
    fn is_symbolic(&self, block: &Block) -> bool {
        self.claim.servers != Servers::Exactly && !block.is_client()
    }

    fn members_text(&self, block: &Block) -> String {
        if self.is_symbolic(block) {
            SYMBOLIC.to_owned()
        } else {
            name_processes(&block.members, &self.claim.system)
        }
    }

    fn claim_text(&self) -> ClaimText {
        let Claim { system, fault_model, timing, task, rounds, servers } = &self.claim;
        let (count, condition) = match servers {
            Servers::Exactly => (ServersText::Count(system.servers.into()), None),
            Servers::UpToTimesFaults(times) => {
                (ServersText::Any("any".to_owned()), Some(condition(system.servers, *times)))
            }
        };
        let rule = |rule: &FaultRule| {
            let symbolic = *servers != Servers::Exactly && self.claim.general_rule() == Some(rule);
            if symbolic { format!("{SYMBOLIC_RULE}{}", rule.class) } else { rule.text(system) }
        };
        ClaimText {
            servers: count,
            condition,
            clients: system.clients.into(),
            fault_rules: fault_model.rules.iter().map(rule).collect(),
            timing: *timing,
            task: *task,
            argued_as: task.argued_as().0,
            links: Links { client_client: system.client_links },
            rounds: *rounds,
        }
    }

    /// A world of this certificate as JSON, as it stands in results.
    pub fn world_json(&self, world: &World) -> Json {
        serde_json::to_value(self.world_text(world)).expect("a world is JSON")
    }

    fn world_text(&self, world: &World) -> WorldText {
        let name = |block: usize| self.blocks[block].name.clone();
        let faulty = world.faulty.iter().enumerate().filter_map(|(block, fault)| {
            let Fault { capability, from } = (*fault)?;
            let from = (capability == Capability::Crash).then_some(from + 1);
            Some(FaultText { who: name(block), class: class_of(capability), from })
        });
        let phases = world.phases.iter().map(|phase| PhaseText {
            requests: phase
                .requests
                .iter()
                .map(|(client, request)| (name(*client), request.clone()))
                .collect(),
            blocked: phase
                .blocked
                .iter()
                .map(|&(from, to)| format!("{} -> {}", name(from), name(to)))
                .collect(),
        });
        let phases = Some(phases.collect());
        let (epochs, rounds) = if self.claim.rounds.is_some() { (None, phases) } else { (phases, None) };
        WorldText {
            format: WORLD_FORMAT.to_owned(),
            name: world.name.clone(),
            faulty: faulty.collect(),
            epochs,
            rounds,
        }
    }

    fn step_text(&self, step: &Step) -> StepText {
        let world = |given: &Given| self.worlds[given.world].name.clone();
        let client = |given: &Given| self.blocks[given.client].name.clone();
        let epoch = |given: &Given| given.phase + 1;
        match step {
            Step::Forced(given) => {
                StepText::Forced { world: world(given), client: client(given), epoch: epoch(given) }
            }
            Step::Indistinguishable(known, new) => StepText::Indistinguishable {
                worlds: [world(known), world(new)],
                client: client(known),
                epoch: epoch(known),
            },
            Step::Values(given, values) => StepText::Values {
                world: world(given),
                client: client(given),
                epoch: epoch(given),
                values: values.clone(),
            },
            Step::Agreement(one, other) => StepText::Agreement {
                world: world(one),
                clients: [client(one), client(other)],
                epochs: [epoch(one), epoch(other)],
            },
            Step::Contradiction(given) => {
                StepText::Contradiction { world: world(given), client: client(given), epoch: epoch(given) }
            }
        }
    }
}

/// What stands for the members of a group whose size is open.
const SYMBOLIC: &str = "servers";
const SYMBOLIC_RULE: &str = "f of servers: ";
const WORLD_FORMAT: &str = "threeworlds/world/1";

/// For which n a claim is made: there are no fewer servers than groups.
fn condition(groups: u16, times: u16) -> String {
    let times = if times == 1 { String::new() } else { times.to_string() };
    format!("{groups} <= n <= {times}f")
}

fn class_of(capability: Capability) -> FaultClass {
    match capability {
        Capability::Crash => FaultClass::Crash,
        Capability::OmitSends => FaultClass::SendOmission,
        Capability::OmitReceives => FaultClass::ReceiveOmission,
        Capability::OmitBoth => FaultClass::Omission,
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateText {
    format: String,
    claim: ClaimText,
    #[serde(deserialize_with = "each_key_once")]
    groups: BTreeMap<String, String>,
    worlds: Vec<WorldText>,
    argument: Vec<StepText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimText {
    servers: ServersText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    clients: usize,
    fault_rules: Vec<String>,
    timing: Timing,
    task: Task,
    argued_as: Task,
    links: Links,
    rounds: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "`servers` is a number, or \"any\"")]
enum ServersText {
    Count(usize),
    Any(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Links {
    client_client: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorldText {
    format: String,
    name: String,
    faulty: Vec<FaultText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epochs: Option<Vec<PhaseText>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rounds: Option<Vec<PhaseText>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultText {
    who: String,
    class: FaultClass,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<usize>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PhaseText {
    #[serde(deserialize_with = "each_key_once")]
    requests: BTreeMap<String, Request>,
    blocked: Vec<String>,
}

/// Reads a map in which no key comes twice: of two the reader would see one, and another program the other.
fn each_key_once<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    struct Entries<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = entries.next_entry::<String, T>()? {
                if map.contains_key(&key) {
                    return Err(A::Error::custom(format!("the key `{}` comes twice", key.escape_debug())));
                }
                map.insert(key, value);
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(Entries(PhantomData))
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase", deny_unknown_fields)]
enum StepText {
    Forced { world: String, client: String, epoch: usize },
    Indistinguishable { worlds: [String; 2], client: String, epoch: usize },
    Values { world: String, client: String, epoch: usize, values: Vec<Option<Value>> },
    Agreement { world: String, clients: [String; 2], epochs: [usize; 2] },
    Contradiction { world: String, client: String, epoch: usize },
}

/// Names of blocks and worlds, to their positions.
struct Names {
    blocks: BTreeMap<String, usize>,
    worlds: BTreeMap<String, usize>,
    phases: usize,
}

impl CertificateText {
    fn read(self) -> Result<Certificate, String> {
        let claim = self.claim.read(&self.groups)?;
        let blocks = blocks(&claim, &self.groups)?;
        if self.worlds.len() > Certificate::MOST_WORLDS {
            return Err(format!("more than {} worlds", Certificate::MOST_WORLDS));
        }
        let mut names = Names {
            blocks: (0..).zip(&blocks).map(|(position, block)| (block.name.clone(), position)).collect(),
            worlds: BTreeMap::new(),
            phases: 0,
        };
        let mut worlds = Vec::new();
        for world in self.worlds {
            let name = world.name.clone();
            if !is_word(&name) {
                return Err(format!(
                    "`{}` cannot be the name of a world: use letters and digits, such as A",
                    name.escape_debug()
                ));
            }
            let world = world
                .read(&names, claim.rounds.is_some())
                .map_err(|error| format!("world {name}: {error}"))?;
            let phases = if worlds.is_empty() { world.phases.len() } else { names.phases };
            if world.phases.len() != phases {
                return Err(format!(
                    "world {name} has {} epochs or rounds, and the first has {phases}",
                    world.phases.len()
                ));
            }
            names.phases = phases;
            if names.worlds.insert(name.clone(), worlds.len()).is_some() {
                return Err(format!("there are two worlds {name}"));
            }
            worlds.push(world);
        }
        if self.argument.len() > Certificate::MOST_STEPS {
            return Err(format!("argument: more than {} steps", Certificate::MOST_STEPS));
        }
        let all = worlds.len() as u128 * names.phases as u128;
        if all * (blocks.len() as u128).pow(3) > Certificate::MOST_WORK {
            return Err(format!(
                "{} worlds of {} epochs with {} groups and single processes are too many to verify",
                worlds.len(),
                names.phases,
                blocks.len()
            ));
        }
        let step = |(number, step): (usize, StepText)| {
            step.read(&names).map_err(|error| format!("step {number} of the argument: {error}"))
        };
        let argument = (1..).zip(self.argument).map(step).collect::<Result<_, _>>()?;
        Ok(Certificate { claim, blocks, worlds, argument })
    }
}

impl ClaimText {
    fn read(self, groups: &BTreeMap<String, String>) -> Result<Claim, String> {
        let number = |count: usize, what: &str| match u16::try_from(count) {
            Ok(number) if count <= Certificate::MOST_PROCESSES => Ok(number),
            _ => Err(format!("claim: {count} {what} are more than {}", Certificate::MOST_PROCESSES)),
        };
        let (count, servers) = match (&self.servers, &self.condition) {
            (ServersText::Count(count), None) => (*count, Servers::Exactly),
            (ServersText::Count(_), Some(_)) => {
                return Err("claim: a `condition` goes with \"servers\":\"any\" only".to_owned());
            }
            (ServersText::Any(any), Some(text)) if any == "any" => {
                let symbolic = groups.values().filter(|members| *members == SYMBOLIC).count();
                let groups = number(symbolic, "groups")?;
                let times = (1..=groups.max(1)).find(|&times| condition(groups, times) == *text);
                let times = times.ok_or_else(|| {
                    format!(
                        "claim: `{text}` is no condition for {groups} groups, such as \"{}\"",
                        condition(groups, 2)
                    )
                })?;
                (symbolic, Servers::UpToTimesFaults(times))
            }
            (ServersText::Any(any), None) if any == "any" => {
                return Err(
                    "claim: \"servers\":\"any\" needs a `condition`, such as \"2 <= n <= 2f\"".to_owned()
                );
            }
            (ServersText::Any(other), _) => {
                return Err(format!("claim: `servers` is a number or \"any\", not \"{other}\""));
            }
        };
        let mut system = System {
            servers: number(count, "servers")?,
            clients: number(self.clients, "clients")?,
            faults: 0,
            client_links: self.links.client_client,
        };
        if self.fault_rules.len() > Certificate::MOST_RULES {
            return Err(format!(
                "claim: {} fault rules are more than {}",
                self.fault_rules.len(),
                Certificate::MOST_RULES
            ));
        }
        if self.argued_as != self.task.argued_as().0 {
            return Err(format!(
                "claim: a {} is argued as a {}, not as a {}",
                self.task,
                self.task.argued_as().0,
                self.argued_as
            ));
        }
        let rules = self.fault_rules.iter().map(|text| {
            let symbolic = match servers {
                Servers::Exactly => None,
                Servers::UpToTimesFaults(_) => text.strip_prefix(SYMBOLIC_RULE),
            };
            let read = match symbolic {
                Some(class) => FaultRule::parse(&format!("any of servers: {class}"), &system),
                None => FaultRule::parse(text, &system),
            };
            let rule = read.map_err(|error| format!("claim: fault rule: {error}"))?;
            // Without the symbol a bound on servers would be read as one on the groups.
            let names_servers = rule.processes.iter().any(|process| !process.is_client());
            if servers != Servers::Exactly && names_servers && symbolic.is_none() {
                return Err(format!(
                    "claim: `{text}`: for any number of servers write \"{SYMBOLIC_RULE}CLASS\""
                ));
            }
            Ok(rule)
        });
        let fault_model = FaultModel { rules: rules.collect::<Result<_, _>>()? };
        system.faults = u16::try_from(fault_model.max_faulty_servers(&system)).expect("at most all servers");
        Ok(Claim { system, servers, fault_model, timing: self.timing, task: self.task, rounds: self.rounds })
    }
}

/// Whether a text can be a name: then it is safe to print.
fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// The groups, and every other process as a block of its own; servers first.
fn blocks(claim: &Claim, groups: &BTreeMap<String, String>) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut stand_ins = claim.system.server_ids();
    for (name, members) in groups {
        let like_a_process =
            name.starts_with(['s', 'c']) && name[1..].chars().all(|c| c.is_ascii_digit()) && name.len() > 1;
        if !is_word(name) || like_a_process {
            return Err(format!(
                "groups: `{name}` cannot be the name of a group: use letters and digits, such as G1"
            ));
        }
        let members = if claim.servers != Servers::Exactly && members == SYMBOLIC {
            vec![stand_ins.next().expect("counted before")]
        } else {
            parse_processes(members, &claim.system).map_err(|error| format!("groups: {name}: {error}"))?
        };
        if members.first().map(|first| first.is_client()) != members.last().map(|last| last.is_client()) {
            return Err(format!("groups: {name} mixes servers and clients"));
        }
        blocks.push(Block { name: name.clone(), members });
    }
    let grouped: BTreeSet<Process> = blocks.iter().flat_map(|block| block.members.iter().copied()).collect();
    blocks.extend(claim.system.processes().filter(|process| !grouped.contains(process)).map(Block::of));
    if blocks.len() > Certificate::MOST_BLOCKS {
        return Err(format!(
            "groups: {} groups and single processes are more than {}",
            blocks.len(),
            Certificate::MOST_BLOCKS
        ));
    }
    blocks.sort_by_key(|block| block.members[0]);
    Ok(blocks)
}

impl Names {
    fn block(&self, name: &str) -> Result<usize, String> {
        self.blocks
            .get(name)
            .copied()
            .ok_or_else(|| format!("there is no group and no ungrouped process `{name}`"))
    }

    fn given(&self, world: &str, client: &str, epoch: usize) -> Result<Given, String> {
        let world = *self.worlds.get(world).ok_or_else(|| format!("there is no world `{world}`"))?;
        if epoch == 0 || epoch > self.phases {
            return Err(format!("there is no epoch {epoch}"));
        }
        Ok(Given { world, client: self.block(client)?, phase: epoch - 1 })
    }
}

impl WorldText {
    fn read(self, names: &Names, rounds: bool) -> Result<World, String> {
        if self.format != WORLD_FORMAT {
            return Err(format!("format `{}` is not known: this reads {WORLD_FORMAT}", self.format));
        }
        let mut faulty = vec![None; names.blocks.len()];
        for FaultText { who, class, from } in self.faulty {
            let capability = match class {
                FaultClass::Crash => Capability::Crash,
                FaultClass::SendOmission => Capability::OmitSends,
                FaultClass::ReceiveOmission => Capability::OmitReceives,
                FaultClass::Omission => Capability::OmitBoth,
                FaultClass::None | FaultClass::SendOrReceiveOmission => {
                    return Err(format!("{who}: in one world nobody's class is {class}"));
                }
            };
            let from = match (capability, from) {
                (Capability::Crash, Some(from)) if from > 0 => from - 1,
                (Capability::Crash, _) => {
                    return Err(format!("{who}: `from` says, from 1 on, when it crashes"));
                }
                (_, None) => 0,
                (_, Some(_)) => return Err(format!("{who}: `from` is for crashes")),
            };
            if faulty[names.block(&who)?].replace(Fault { capability, from }).is_some() {
                return Err(format!("{who} is faulty twice"));
            }
        }
        let (unit, phases) = match (rounds, self.epochs, self.rounds) {
            (false, Some(epochs), None) => ("epoch", epochs),
            (true, None, Some(rounds)) => ("round", rounds),
            (false, ..) => return Err("a world of this claim has `epochs`, and no `rounds`".to_owned()),
            (true, ..) => {
                return Err("a world of a claim with `rounds` has `rounds`, and no `epochs`".to_owned());
            }
        };
        if phases.is_empty() || phases.len() > Certificate::MOST_WORLDS {
            return Err(format!(
                "{} {unit}s: there can be from 1 to {}",
                phases.len(),
                Certificate::MOST_WORLDS
            ));
        }
        let read = |(number, phase): (usize, PhaseText)| {
            phase.read(names).map_err(|error| format!("{unit} {number}: {error}"))
        };
        let phases = (1..).zip(phases).map(read).collect::<Result<_, _>>()?;
        Ok(World { name: self.name, faulty, phases })
    }
}

impl PhaseText {
    fn read(self, names: &Names) -> Result<Phase, String> {
        let mut requests = Vec::new();
        for (client, request) in self.requests {
            requests.push((names.block(&client)?, request));
        }
        requests.sort();
        let mut blocked = Vec::new();
        for link in &self.blocked {
            let (from, to) =
                link.split_once(" -> ").ok_or_else(|| format!("`{link}` is no link such as `s1 -> c1`"))?;
            blocked.push((names.block(from)?, names.block(to)?));
        }
        blocked.sort_unstable();
        if blocked.windows(2).any(|pair| pair[0] == pair[1]) {
            let twice = (1..self.blocked.len()).find(|&at| self.blocked[..at].contains(&self.blocked[at]));
            let twice = twice.map_or_else(String::new, |at| self.blocked[at].clone());
            return Err(format!("`{twice}` is blocked twice"));
        }
        Ok(Phase { requests, blocked })
    }
}

impl StepText {
    fn read(self, names: &Names) -> Result<Step, String> {
        Ok(match self {
            StepText::Forced { world, client, epoch } => Step::Forced(names.given(&world, &client, epoch)?),
            StepText::Indistinguishable { worlds: [known, new], client, epoch } => Step::Indistinguishable(
                names.given(&known, &client, epoch)?,
                names.given(&new, &client, epoch)?,
            ),
            StepText::Values { world, client, epoch, values } => {
                Step::Values(names.given(&world, &client, epoch)?, values)
            }
            StepText::Agreement { world, clients: [one, other], epochs } => Step::Agreement(
                names.given(&world, &one, epochs[0])?,
                names.given(&world, &other, epochs[1])?,
            ),
            StepText::Contradiction { world, client, epoch } => {
                Step::Contradiction(names.given(&world, &client, epoch)?)
            }
        })
    }
}
