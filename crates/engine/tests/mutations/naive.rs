//! A second opinion on certificates, from their JSON alone and without the code that `verify` uses: groups
//! are expanded into processes, views come from running the full-information protocol round by round, and
//! what a register can answer from trying every order of its requests. Slow, and no stricter than the truth.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;

type Checked<T> = Result<T, String>;

macro_rules! demand {
    ($condition:expr, $($reason:tt)*) => { if !$condition { return Err(format!($($reason)*)); } };
}

/// For a claim about any number of servers: the largest f, and the most servers, that are tried.
const MOST_FAULTS: usize = 4;
const MOST_SERVERS: usize = 8;

/// Whether the certificate proves its claim.
pub(crate) fn proves(document: &Json) -> Checked<()> {
    let claim = &document["claim"];
    if claim["servers"] != "any" {
        demand!(claim.get("condition").is_none(), "a condition on a given number");
        return Instance::new(document, number(&claim["servers"])?, &[], 0)?.is_proved(document);
    }
    let condition: Vec<&str> = text(&claim["condition"])?.split(" <= ").collect();
    let [least, "n", most] = condition[..] else { return Err("no condition".to_owned()) };
    let least: usize = least.parse().map_err(|_| "no least number")?;
    let times: usize = match most.strip_suffix('f').ok_or("no f")? {
        "" => 1,
        digits => digits.parse().map_err(|_| "no multiple")?,
    };
    let groups = object(&document["groups"])?.values().filter(|members| *members == "servers").count();
    let mut instances = 0;
    for faults in 1..=MOST_FAULTS {
        for servers in least..=MOST_SERVERS.min(times * faults) {
            let proves =
                |sizes: &Vec<usize>| Instance::new(document, servers, sizes, faults)?.is_proved(document);
            let proofs: Vec<Checked<()>> = compositions(servers, groups).iter().map(proves).collect();
            demand!(
                proofs.iter().any(Result::is_ok),
                "nothing for n = {servers}, f = {faults}: {:?}",
                proofs.first()
            );
            instances += 1;
        }
    }
    demand!(instances > 0, "it speaks of no n and f that are tried");
    Ok(())
}

/// Every way to write a number as so many positive parts, in order.
fn compositions(number: usize, parts: usize) -> Vec<Vec<usize>> {
    if parts == 0 {
        return if number == 0 { vec![vec![]] } else { vec![] };
    }
    let mut all = Vec::new();
    for first in 1..=number {
        for mut rest in compositions(number - first, parts - 1) {
            rest.insert(0, first);
            all.push(rest);
        }
    }
    all
}

fn text(value: &Json) -> Checked<&str> {
    value.as_str().ok_or_else(|| format!("{value} is no text"))
}

fn number(value: &Json) -> Checked<usize> {
    value.as_u64().map(|number| number as usize).ok_or_else(|| format!("{value} is no number"))
}

fn list(value: &Json) -> Checked<&Vec<Json>> {
    value.as_array().ok_or_else(|| format!("{value} is no list"))
}

fn object(value: &Json) -> Checked<&serde_json::Map<String, Json>> {
    value.as_object().ok_or_else(|| format!("{value} is no object"))
}

/// The certificate for a given number of servers, with every group expanded.
struct Instance {
    servers: usize,
    processes: usize,
    client_links: bool,
    late: bool,
    register: bool,
    rounds: Option<usize>,
    /// Who, the class, and how many at most.
    rules: Vec<(BTreeSet<usize>, String, usize)>,
    names: BTreeMap<String, Vec<usize>>,
    worlds: Vec<World>,
}

struct World {
    name: String,
    /// By process: its class, and the phase from 0 in which it stops.
    faulty: Vec<Option<(String, usize)>>,
    phases: Vec<Phase>,
}

#[derive(Default)]
struct Phase {
    /// By client: what it writes, `None` for a read.
    requests: BTreeMap<usize, Option<String>>,
    blocked: BTreeSet<(usize, usize)>,
}

/// World, client, phase.
type Given = (usize, usize, usize);

/// What a process knows, by number.
type State = usize;

/// What it knew before, what it is asked for, and what it hears from whom.
type Contents = (State, Option<Option<String>>, Vec<(usize, State)>);

impl Instance {
    /// With the sizes of groups of open size, in the order of their names.
    fn new(document: &Json, servers: usize, sizes: &[usize], faults: usize) -> Checked<Instance> {
        let claim = &document["claim"];
        let processes = servers + number(&claim["clients"])?;
        let (task, timing) = (text(&claim["task"])?, text(&claim["timing"])?);
        let argued = if task == "register" { "register" } else { "write-once-register" };
        demand!(claim["argued_as"] == argued, "a {task} is argued as a {argued}");
        let mut instance = Instance {
            servers,
            processes,
            client_links: claim["links"]["client_client"].as_bool().ok_or("no links")?,
            late: timing != "lock-step",
            register: task == "register",
            rounds: if claim["rounds"].is_null() { None } else { Some(number(&claim["rounds"])?) },
            rules: Vec::new(),
            names: BTreeMap::new(),
            worlds: Vec::new(),
        };
        demand!(servers > 0, "no servers");
        demand!(
            instance.rounds.is_none() || !(instance.late || instance.register),
            "nothing is known of rounds under {timing} for a {task}"
        );
        let open = claim["servers"] == "any";
        for rule in list(&claim["fault_rules"])? {
            let (who, class) = text(rule)?.split_once(": ").ok_or("no rule")?;
            let (most, who) = who.split_once(" of ").unwrap_or(("any", who));
            let of = instance.members(who)?;
            let most = match most {
                "any" => of.len(),
                "f" if open && who == "servers" => faults,
                digits => digits.parse().map_err(|_| "no number of faults")?,
            };
            demand!(
                !open || rule.as_str() == Some(&format!("f of servers: {class}")) || !of.contains(&0),
                "a rule about a given number of servers"
            );
            demand!(open || most <= of.len(), "more faults than processes");
            instance.rules.push((of.into_iter().collect(), class.to_owned(), most));
        }
        instance.read_names(object(&document["groups"])?, open, sizes)?;
        for world in list(&document["worlds"])? {
            let world = instance.read_world(world)?;
            demand!(
                instance.worlds.iter().all(|other| other.name != world.name),
                "two worlds {}",
                world.name
            );
            instance.worlds.push(world);
        }
        Ok(instance)
    }

    /// The processes that a text names.
    fn members(&self, names: &str) -> Checked<Vec<usize>> {
        let one = |name: &str| -> Checked<usize> {
            (0..self.processes)
                .find(|&process| self.process(process) == name)
                .ok_or_else(|| format!("no {name}"))
        };
        let mut all = BTreeSet::new();
        for name in names.split(',') {
            match (name.trim(), name.split_once('-')) {
                ("servers", _) => all.extend(0..self.servers),
                ("clients", _) => all.extend(self.servers..self.processes),
                ("processes", _) => all.extend(0..self.processes),
                ("w", _) => drop(all.insert(self.servers.checked_sub(1).ok_or("no witness")?)),
                (_, Some((first, last))) => all.extend(one(first.trim())?..=one(last.trim())?),
                (name, None) => drop(all.insert(one(name)?)),
            }
        }
        Ok(all.into_iter().collect())
    }

    fn process(&self, process: usize) -> String {
        match process.checked_sub(self.servers) {
            None => format!("s{}", process + 1),
            Some(client) => format!("c{}", client + 1),
        }
    }

    fn is_client(&self, process: usize) -> bool {
        process >= self.servers
    }

    fn linked(&self, from: usize, to: usize) -> bool {
        from != to && (self.client_links || !self.is_client(from) || !self.is_client(to))
    }

    fn read_names(
        &mut self,
        groups: &serde_json::Map<String, Json>,
        open: bool,
        sizes: &[usize],
    ) -> Checked<()> {
        let (mut first, mut sizes) = (0, sizes.iter());
        let mut left: BTreeSet<usize> = (0..self.processes).collect();
        let mut names: Vec<(&String, &Json)> = groups.iter().collect();
        names.sort_by_key(|(name, _)| *name);
        for (name, members) in names {
            let members = if open && members == "servers" {
                let size = sizes.next().ok_or("no size")?;
                first += size;
                (first - size..first).collect()
            } else {
                self.members(text(members)?)?
            };
            let clients = members.iter().filter(|&&member| self.is_client(member)).count();
            demand!(clients == 0 || clients == members.len(), "{name} is mixed");
            demand!(members.iter().all(|member| left.remove(member)), "{name} overlaps with another group");
            self.names.insert(name.clone(), members);
        }
        for process in left {
            self.names.insert(self.process(process), vec![process]);
        }
        Ok(())
    }

    fn group(&self, name: &str) -> Checked<&[usize]> {
        self.names.get(name).map(Vec::as_slice).ok_or_else(|| format!("nobody is {name}"))
    }

    fn alone(&self, name: &str) -> Checked<usize> {
        let [process] = self.group(name)? else { return Err(format!("{name} is not alone")) };
        Ok(*process)
    }

    fn read_world(&self, world: &Json) -> Checked<World> {
        let mut faulty = vec![None; self.processes];
        for fault in list(&world["faulty"])? {
            let class = text(&fault["class"])?;
            let from = if class == "crash" { number(&fault["from"])? } else { 1 };
            let from = from.checked_sub(1).ok_or("a crash before the start")?;
            for &member in self.group(text(&fault["who"])?)? {
                demand!(faulty[member].is_none(), "faulty twice");
                faulty[member] = Some((class.to_owned(), from));
            }
        }
        let mut phases = Vec::new();
        let key = if self.rounds.is_some() { "rounds" } else { "epochs" };
        for phase in list(&world[key])? {
            let mut read = Phase::default();
            for (client, request) in object(&phase["requests"])? {
                let value = match (text(&request["op"])?, request.get("value")) {
                    ("write", Some(value)) => Some(text(value)?.to_owned()),
                    ("read", None) if self.register => None,
                    _ => return Err(format!("{client} asks for {request}")),
                };
                let client = self.alone(client)?;
                demand!(self.is_client(client), "a server asks");
                read.requests.insert(client, value);
            }
            for link in list(&phase["blocked"])? {
                let (from, to) = text(link)?.split_once(" -> ").ok_or("no link")?;
                for &from in self.group(from)? {
                    for &to in self.group(to)? {
                        demand!(self.linked(from, to), "{link} is no link");
                        read.blocked.insert((from, to));
                    }
                }
            }
            phases.push(read);
        }
        Ok(World { name: text(&world["name"])?.to_owned(), faulty, phases })
    }

    fn is_proved(&self, document: &Json) -> Checked<()> {
        for world in &self.worlds {
            self.admits(world).map_err(|reason| format!("{}: {reason}", world.name))?;
        }
        let mut contents = HashMap::new();
        let views: Vec<Vec<Vec<State>>> =
            self.worlds.iter().map(|world| self.run(world, &mut contents)).collect();
        let mut argument = Argument {
            instance: self,
            views,
            answered: BTreeSet::new(),
            equal: Vec::new(),
            values: Vec::new(),
            faults_matter: false,
        };
        let steps = list(&document["argument"])?;
        let (last, steps) = steps.split_last().ok_or("no argument")?;
        for step in steps {
            argument.take(step)?;
        }
        argument.ends(last)
    }

    /// Whether the process sends nothing in the phase: in the round of the crash some of it may arrive.
    fn is_silent(&self, world: &World, process: usize, phase: usize) -> bool {
        match self.rounds {
            Some(_) => phase > 0 && self.stopped(world, process, phase - 1),
            None => self.stopped(world, process, phase),
        }
    }

    /// Whether the process has crashed by the end of the phase.
    fn stopped(&self, world: &World, process: usize, phase: usize) -> bool {
        world.faulty[process].as_ref().is_some_and(|(class, from)| class == "crash" && *from <= phase)
    }

    fn is_charged(&self, world: &World, phase: usize, (from, to): (usize, usize)) -> bool {
        let class = |process: usize| world.faulty[process].as_ref().map_or("", |(class, _)| class);
        matches!(class(from), "send-omission" | "omission")
            || matches!(class(to), "receive-omission" | "omission")
            || self.stopped(world, from, phase)
    }

    fn is_late(&self, world: &World) -> bool {
        let mut phases = (0..).zip(&world.phases);
        phases.any(|(phase, at)| at.blocked.iter().any(|&link| !self.is_charged(world, phase, link)))
    }

    fn admits(&self, world: &World) -> Checked<()> {
        let phases = self.rounds.unwrap_or(self.worlds[0].phases.len());
        demand!(phases > 0 && world.phases.len() == phases, "not as long as it should be");
        for (phase, at) in world.phases.iter().enumerate() {
            for &link in &at.blocked {
                let to_the_end = world.phases[phase..].iter().all(|later| later.blocked.contains(&link));
                demand!(
                    self.is_charged(world, phase, link) || (self.late && to_the_end),
                    "{link:?} is lost in {phase}"
                );
            }
            for process in 0..self.processes {
                let silent = self.is_silent(world, process, phase);
                // Of what a crashed group sends to itself nothing is said: nobody is left to hear it.
                let own = self.names.values().find(|members| members.contains(&process));
                let heard = (0..self.processes).find(|to| {
                    let open = self.linked(process, *to) && !at.blocked.contains(&(process, *to));
                    open && !own.is_some_and(|own| own.contains(to))
                });
                demand!(!silent || heard.is_none(), "{} sends after its crash", self.process(process));
                if at.requests.contains_key(&process) {
                    demand!(!silent, "{} asks after its crash", self.process(process));
                    demand!(self.rounds.is_none() || phase == 0, "not all ask at once");
                }
            }
        }
        let faulty: Vec<usize> =
            (0..self.processes).filter(|&process| world.faulty[process].is_some()).collect();
        let mut left: Vec<usize> = self.rules.iter().map(|(_, _, most)| *most).collect();
        demand!(self.may_fail(world, &faulty, &mut left), "too much is faulty");
        Ok(())
    }

    /// Whether each of these can be faulty by one of the rules, each of which is good for so many more.
    fn may_fail(&self, world: &World, faulty: &[usize], left: &mut [usize]) -> bool {
        let Some((&process, others)) = faulty.split_first() else { return true };
        let (class, _) = world.faulty[process].as_ref().expect("a faulty one");
        if self.rules.iter().any(|(of, class, _)| class == "none" && of.contains(&process)) {
            return false;
        }
        for (rule, (of, allowed, _)) in self.rules.iter().enumerate() {
            let fits = match allowed.as_str() {
                "omission" => matches!(class.as_str(), "omission" | "send-omission" | "receive-omission"),
                "send-or-receive-omission" => matches!(class.as_str(), "send-omission" | "receive-omission"),
                other => other == class,
            };
            if fits && left[rule] > 0 && of.contains(&process) {
                left[rule] -= 1;
                if self.may_fail(world, others, left) {
                    return true;
                }
                left[rule] += 1;
            }
        }
        false
    }

    /// Everybody sends all it knows to everybody, round by round: what everyone knows in the end of each
    /// phase. An epoch lasts so long that everything gets everywhere it can.
    fn run(&self, world: &World, contents: &mut HashMap<Contents, State>) -> Vec<Vec<State>> {
        let mut state_of = |content: Contents| {
            let next = self.processes + contents.len();
            *contents.entry(content).or_insert(next)
        };
        let mut states: Vec<State> = (0..self.processes).collect();
        let mut ends = Vec::new();
        for (phase, at) in world.phases.iter().enumerate() {
            if self.rounds.is_some() && phase == 0 {
                let asked = |process| (states[process], at.requests.get(&process).cloned(), Vec::new());
                states = (0..self.processes).map(|process| state_of(asked(process))).collect();
            }
            let rounds = if self.rounds.is_some() { 1 } else { self.processes + 1 };
            for round in 0..rounds {
                let after = |process: usize| -> Contents {
                    let starts = round == 0 && self.rounds.is_none();
                    let asked = if starts { at.requests.get(&process).cloned() } else { None };
                    let arrives = |&from: &usize| {
                        let open = self.linked(from, process) && !at.blocked.contains(&(from, process));
                        open && !self.is_silent(world, from, phase)
                    };
                    let heard = (0..self.processes).filter(arrives).map(|from| (from, states[from]));
                    (states[process], asked, heard.collect())
                };
                states = (0..self.processes).map(|process| state_of(after(process))).collect();
            }
            ends.push(states.clone());
        }
        ends
    }
}

/// What the steps so far have shown.
struct Argument<'a> {
    instance: &'a Instance,
    /// By world, phase and process: what it knows at the end.
    views: Vec<Vec<Vec<State>>>,
    answered: BTreeSet<Given>,
    equal: Vec<(Given, Given)>,
    values: Vec<(Given, BTreeSet<Option<String>>)>,
    faults_matter: bool,
}

impl Argument<'_> {
    fn world(&self, name: &Json) -> Checked<usize> {
        let name = text(name)?;
        let position = self.instance.worlds.iter().position(|world| world.name == name);
        position.ok_or_else(|| format!("no world {name}"))
    }

    /// A request that there is, of somebody who lives to hear its answer.
    fn given(&self, world: &Json, client: &Json, epoch: &Json) -> Checked<Given> {
        let (position, client) = (self.world(world)?, self.instance.alone(text(client)?)?);
        let phase = number(epoch)?.checked_sub(1).ok_or("epoch 0")?;
        let world = &self.instance.worlds[position];
        demand!(
            world.phases.get(phase).is_some_and(|phase| phase.requests.contains_key(&client)),
            "no request"
        );
        demand!(!self.instance.stopped(world, client, self.end(phase)), "no answer to the dead");
        Ok((position, client, phase))
    }

    fn end(&self, phase: usize) -> usize {
        self.instance.rounds.map_or(phase, |rounds| rounds - 1)
    }

    fn known(&self, world: &Json, client: &Json, epoch: &Json) -> Checked<Given> {
        let given = self.given(world, client, epoch)?;
        demand!(self.answered.contains(&given), "{given:?} may never be answered");
        Ok(given)
    }

    fn take(&mut self, step: &Json) -> Checked<()> {
        let (client, epoch) = (&step["client"], &step["epoch"]);
        match text(&step["step"])? {
            "forced" => {
                let given @ (position, process, _) = self.given(&step["world"], client, epoch)?;
                let world = &self.instance.worlds[position];
                demand!(world.faulty[process].is_none(), "{given:?} is of a faulty client");
                demand!(!self.instance.is_late(world), "{given:?} may wait for what is late");
                self.faults_matter |= world.faulty[..self.instance.servers].iter().any(Option::is_some);
                self.answered.insert(given);
            }
            "indistinguishable" => {
                let known @ (one, process, phase) = self.known(&step["worlds"][0], client, epoch)?;
                let new @ (other, ..) = self.given(&step["worlds"][1], client, epoch)?;
                let view = |world: usize| self.views[world][self.end(phase)][process];
                demand!(view(one) == view(other), "{known:?} and {new:?} are told apart");
                self.answered.insert(new);
                self.equal.push((known, new));
            }
            "values" => {
                let given = self.known(&step["world"], client, epoch)?;
                let value = |value: &Json| match value {
                    Json::Null => Ok(None),
                    value => text(value).map(|value| Some(value.to_owned())),
                };
                let named = list(&step["values"])?.iter().map(value).collect::<Checked<BTreeSet<_>>>()?;
                let possible = self.possible(given)?;
                demand!(possible.is_subset(&named), "{given:?} can be another of {possible:?}");
                self.values.push((given, named));
            }
            "agreement" => {
                demand!(!self.instance.register, "no Agreement");
                let of =
                    |side: usize| self.known(&step["world"], &step["clients"][side], &step["epochs"][side]);
                let pair = (of(0)?, of(1)?);
                self.equal.push(pair);
            }
            other => return Err(format!("{other} before the end")),
        }
        Ok(())
    }

    fn possible(&self, (position, client, phase): Given) -> Checked<BTreeSet<Option<String>>> {
        let world = &self.instance.worlds[position];
        let mut requests = Vec::new();
        for (began, at) in world.phases[..=phase].iter().enumerate() {
            for (&who, value) in &at.requests {
                let ended = self.answered.contains(&(position, who, began));
                if (who, began) != (client, phase) {
                    requests.extend(value.as_ref().map(|value| (began, ended, Some(value.clone()))));
                } else if self.instance.register {
                    demand!(value.is_none(), "the answer to a write says nothing");
                    requests.push((began, false, None));
                } else {
                    requests.push((began, ended, value.clone()));
                }
            }
        }
        if !self.instance.register {
            return Ok(requests.into_iter().map(|(_, _, value)| value).collect());
        }
        let mut found = BTreeSet::new();
        orders(&requests, &mut vec![false; requests.len()], &None, &mut found);
        Ok(found)
    }

    /// The last step: a class of equal responses for which no value is left.
    fn ends(&self, step: &Json) -> Checked<()> {
        demand!(step["step"] == "contradiction", "no contradiction");
        let mut class = BTreeSet::from([self.known(&step["world"], &step["client"], &step["epoch"])?]);
        loop {
            let before = class.len();
            for &(one, other) in &self.equal {
                if class.contains(&one) || class.contains(&other) {
                    class.extend([one, other]);
                }
            }
            if class.len() == before {
                break;
            }
        }
        let mut sets = self.values.iter().filter(|(given, _)| class.contains(given)).map(|(_, set)| set);
        let first = sets.next().ok_or("no values at all")?.clone();
        let left = sets.fold(first, |left, set| left.intersection(set).cloned().collect());
        demand!(left.is_empty(), "{left:?} are left");
        demand!(self.faults_matter, "no server fails");
        for (position, world) in self.instance.worlds.iter().enumerate() {
            for phase in 1..world.phases.len() {
                for client in world.phases[phase].requests.keys() {
                    let again =
                        (0..phase).filter(|&before| world.phases[before].requests.contains_key(client));
                    for before in again {
                        let answered = self.answered.contains(&(position, *client, before));
                        demand!(answered, "{} asks twice in {}", self.instance.process(*client), world.name);
                    }
                }
            }
        }
        Ok(())
    }
}

/// What the read (the request without a value) returns over all orders of the requests in which whatever
/// was answered before another began comes before it. Each is: the phase in which it began, whether it is
/// answered in it, and what it writes.
fn orders(
    requests: &[(usize, bool, Option<String>)],
    taken: &mut [bool],
    current: &Option<String>,
    found: &mut BTreeSet<Option<String>>,
) {
    for (next, (began, _, value)) in requests.iter().enumerate() {
        let waits = (0..)
            .zip(requests)
            .any(|(other, (before, ended, _))| other != next && !taken[other] && *ended && before < began);
        if taken[next] || waits {
            continue;
        }
        if value.is_none() {
            found.insert(current.clone());
            continue;
        }
        taken[next] = true;
        orders(requests, taken, value, found);
        taken[next] = false;
    }
}
