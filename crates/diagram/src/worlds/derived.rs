//! What an argument derives, put into the scene: responses, which of them are compared, and which worlds
//! look the same to whom. A step that does not hold is left out.

use std::collections::{BTreeMap, BTreeSet};

use threeworlds_certificate::{Certificate, Given, Step, Task, World};
use threeworlds_model::{Request, Value};

use super::scene::{Bracket, Halo, Likeness, Scene, Told, name, tidy};
use super::view::same_view;
use crate::words;

/// What the steps of an argument say of responses.
pub(crate) struct Derived<'a> {
    certificate: &'a Certificate,
    given: BTreeSet<Given>,
    /// Pairs that a client cannot tell apart, and that are so.
    same: Vec<(Given, Given)>,
    agree: Vec<(Given, Given)>,
    values: Vec<(Given, &'a [Option<Value>])>,
    contradictions: Vec<Given>,
    /// The class of each response: equal without Agreement.
    classes: BTreeMap<Given, usize>,
    /// For each class what its values can be, the first said first.
    said: Vec<Vec<&'a [Option<Value>]>>,
}

impl<'a> Derived<'a> {
    pub(crate) fn new(certificate: &'a Certificate) -> Self {
        let mut derived = Derived {
            certificate,
            given: BTreeSet::new(),
            same: Vec::new(),
            agree: Vec::new(),
            values: Vec::new(),
            contradictions: Vec::new(),
            classes: BTreeMap::new(),
            said: Vec::new(),
        };
        for step in &certificate.argument {
            match step {
                Step::Forced(given) => drop(derived.given.insert(*given)),
                Step::Indistinguishable(known, new) => {
                    let alike =
                        known.client == new.client && known.phase == new.phase && known.world != new.world;
                    if alike && derived.view(*known, *new).is_some() {
                        derived.given.insert(*new);
                        derived.same.push((*known, *new));
                    }
                }
                Step::Values(given, values) => derived.values.push((*given, values)),
                Step::Agreement(one, other) if one.world == other.world => derived.agree.push((*one, *other)),
                Step::Agreement(..) => {}
                Step::Contradiction(given) => derived.contradictions.push(*given),
            }
        }
        let ways = neighbours(&[&derived.same]);
        for given in derived.given.iter().chain(derived.values.iter().map(|(given, _)| given)) {
            if !derived.classes.contains_key(given) {
                let class = derived.said.len();
                derived.said.push(Vec::new());
                derived.classes.extend(reached(*given, &ways).into_iter().map(|given| (given, class)));
            }
        }
        for &(given, values) in &derived.values {
            derived.said[derived.classes[&given]].push(values);
        }
        derived
    }

    fn view(&self, known: Given, new: Given) -> Option<Vec<Vec<bool>>> {
        let world = |given: Given| &self.certificate.worlds[given.world];
        let end = self.end(known.phase, world(known));
        same_view(self.certificate, [world(known), world(new)], known.client, end)
    }

    /// The phase by whose end a request is answered.
    fn end(&self, phase: usize, world: &World) -> usize {
        match self.certificate.claim.rounds {
            Some(rounds) => (rounds as usize).min(world.phases.len()).max(1) - 1,
            None => phase,
        }
    }

    /// What the value of a response can be, by each step that speaks of it, without Agreement.
    fn said(&self, given: Given) -> &[&'a [Option<Value>]] {
        self.classes.get(&given).map_or(&[], |&class| &self.said[class])
    }

    /// The one value that a response has, as far as that follows without Agreement.
    fn told(&self, given: Given) -> Option<&'a Option<Value>> {
        self.said(given).iter().find_map(|values| match values {
            [one] => Some(one),
            _ => None,
        })
    }

    pub(crate) fn tell(&self, scene: &mut Scene) {
        self.likenesses(scene);
        for &given in &self.given {
            let told = self.told(given);
            let value_text = match (told, self.said(given).first()) {
                (Some(one), _) => value(one.as_ref()),
                (None, Some(several)) if !several.is_empty() => list(several),
                _ if self.is_write_of_register(given) => "done".to_owned(),
                _ => "?".to_owned(),
            };
            let here = self.values.iter().filter(|(other, _)| *other == given);
            let wrong = told.and_then(|told| {
                let demand = here.map(|(_, values)| *values).find(|values| !values.contains(told))?;
                Some(format!("≠ {}", list(demand)))
            });
            self.place(scene, given, Told { client: given.client, value: value_text, wrong });
        }
        for &(one, other) in &self.agree {
            let clash = matches!((self.told(one), self.told(other)), (Some(a), Some(b)) if a != b);
            self.bracket(scene, one, other, clash);
        }
        for &given in &self.contradictions {
            self.contradict(scene, given);
        }
    }

    /// The answer to a write of a register says nothing but that it is done.
    fn is_write_of_register(&self, given: Given) -> bool {
        let Certificate { claim, worlds, .. } = self.certificate;
        let world = &worlds[given.world];
        let request = (given.phase < world.phases.len()).then(|| world.request(given.phase, given.client));
        claim.task.argued_as().0 == Task::Register && matches!(request.flatten(), Some(Request::Write { .. }))
    }

    /// The responses of its world that Agreement makes equal to this one, itself included.
    fn agreeing(&self, given: Given) -> BTreeSet<Given> {
        reached(given, &neighbours(&[&self.agree]))
    }

    fn place(&self, scene: &mut Scene, given: Given, told: Told) {
        let Some(panel) = scene.worlds.get_mut(given.world) else { return };
        if scene.nodes[given.client].client
            && let Some(moment) = panel.phases.get_mut(given.phase)
        {
            moment.told.push(told);
        }
    }

    fn bracket(&self, scene: &mut Scene, one: Given, other: Given, clash: bool) {
        let clients = scene.nodes[one.client].client && scene.nodes[other.client].client;
        let Some(panel) = scene.worlds.get_mut(one.world) else { return };
        let (one, other) = ((one.client, one.phase), (other.client, other.phase));
        let drawn = one.1.max(other.1) < panel.phases.len() && clients && one != other;
        let known = panel.brackets.iter_mut().find(|bracket| (bracket.one, bracket.other) == (one, other));
        match known {
            Some(bracket) => bracket.clash |= clash,
            None if drawn => panel.brackets.push(Bracket { one, other, clash }),
            None => {}
        }
    }

    /// Two responses of one world that are different though they should agree; else one that has no value.
    fn contradict(&self, scene: &mut Scene, given: Given) {
        let Some(world) = self.certificate.worlds.get(given.world) else { return };
        let client = |given: Given| scene.nodes[given.client].name.clone();
        let world_name = name(world);
        let here: Vec<(Given, &Option<Value>)> =
            self.agreeing(given).into_iter().filter_map(|given| Some((given, self.told(given)?))).collect();
        let clash = here.iter().find_map(|&(one, told)| {
            let &(other, differs) = here.iter().find(|(_, other)| *other != told)?;
            Some((one, told, other, differs))
        });
        if let Some((one, told, other, differs)) = clash {
            scene.contradictions.push(format!(
                "In {world_name}, {} is told {} and {} is told {}: they do not agree.",
                client(one),
                in_sentence(&value(told.as_ref())),
                client(other),
                in_sentence(&value(differs.as_ref()))
            ));
            self.bracket(scene, one, other, true);
            return;
        }
        let wrong = scene.worlds.get_mut(given.world).and_then(|panel| {
            let told = &mut panel.phases.get_mut(given.phase)?.told;
            told.iter_mut().find(|told| told.client == given.client)
        });
        let sentence = match wrong {
            Some(Told { value, wrong: Some(must), .. }) => {
                let must = must.trim_start_matches("≠ ");
                let client = &scene.nodes[given.client].name;
                let (value, must) = (in_sentence(value), in_sentence(must));
                format!("In {world_name}, {client} is told {value}, and yet it must be told {must}.")
            }
            wrong => {
                if let Some(told) = wrong {
                    told.wrong = Some("no value is left".to_owned());
                }
                let all = reached(given, &neighbours(&[&self.same, &self.agree]));
                let about = self.values.iter().filter(|(given, _)| all.contains(given));
                let said: BTreeSet<String> = about.map(|(_, values)| list(values)).collect();
                let said: Vec<String> = said.into_iter().collect();
                let why = if said.is_empty() {
                    String::new()
                } else {
                    format!(": it would have to be {}", said.join(", and "))
                };
                let client = &scene.nodes[given.client].name;
                format!("In {world_name}, no value is left for the response to {client}{why}.")
            }
        };
        scene.contradictions.push(sentence);
    }

    fn likenesses(&self, scene: &mut Scene) {
        for &(known, new) in &self.same {
            let of = |given: Given, likeness: &Likeness| {
                likeness.client == given.client && likeness.phase == given.phase
            };
            let mut touched: Vec<usize> = (0..scene.likenesses.len())
                .filter(|&number| {
                    let likeness = &scene.likenesses[number];
                    let worlds = &likeness.worlds;
                    of(known, likeness) && (worlds.contains(&known.world) || worlds.contains(&new.world))
                })
                .collect();
            let mut worlds = BTreeSet::from([known.world, new.world]);
            for &number in &touched {
                worlds.append(&mut scene.likenesses[number].worlds);
            }
            if touched.is_empty() {
                touched.push(scene.likenesses.len());
                let (client, phase) = (known.client, known.phase);
                let sentence = String::new();
                scene.likenesses.push(Likeness { client, phase, worlds: BTreeSet::new(), sentence });
            }
            scene.likenesses[touched[0]].worlds = worlds;
            scene.likenesses.retain(|likeness| !likeness.worlds.is_empty());
        }
        let epochs = self.certificate.worlds.iter().any(|world| world.phases.len() > 1);
        for number in 0..scene.likenesses.len() {
            let Likeness { client, phase, worlds, .. } = &scene.likenesses[number];
            let names = |worlds: &mut dyn Iterator<Item = &usize>| -> Vec<String> {
                worlds.map(|&world| name(&self.certificate.worlds[world])).collect()
            };
            let all = names(&mut worlds.iter());
            let until = match (scene.rounds, epochs) {
                (false, true) => format!(", up to the end of epoch {}", phase + 1),
                _ => String::new(),
            };
            let client_name = &scene.nodes[*client].name;
            let sentence = match &all[..] {
                [one, two] => format!("{client_name} cannot tell {one} from {two}{until}"),
                _ => format!("{client_name} cannot tell {} apart{until}", words::and(&all)),
            };
            let mut halos = Vec::new();
            for &world in worlds.iter().filter(|&&world| world < scene.worlds.len()) {
                let here = &self.certificate.worlds[world];
                let end = self.end(*phase, here);
                let Some(reach) = same_view(self.certificate, [here, here], *client, end) else { continue };
                let others = names(&mut worlds.iter().filter(|&&other| other != world));
                let label = format!("same as in {}", few(&others));
                halos.push((world, Halo { likeness: number, client: *client, end, reach, label }));
            }
            for (world, halo) in halos {
                scene.worlds[world].halos.push(halo);
            }
            scene.likenesses[number].sentence = sentence;
        }
    }
}

/// Responses, each with those that it is paired with.
fn neighbours(pairs: &[&[(Given, Given)]]) -> BTreeMap<Given, Vec<Given>> {
    let mut ways: BTreeMap<Given, Vec<Given>> = BTreeMap::new();
    for &(one, other) in pairs.iter().copied().flatten() {
        ways.entry(one).or_default().push(other);
        ways.entry(other).or_default().push(one);
    }
    ways
}

/// All that these ways lead to from here, this one included.
fn reached(from: Given, ways: &BTreeMap<Given, Vec<Given>>) -> BTreeSet<Given> {
    let mut found = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(here) = open.pop() {
        open.extend(ways.get(&here).into_iter().flatten().filter(|&&next| found.insert(next)));
    }
    found
}

/// The names, some of them if they are many.
fn few(names: &[String]) -> String {
    match names {
        [one, two, three, rest @ ..] if rest.len() > 1 => {
            format!("{one}, {two}, {three} and {} more", rest.len())
        }
        _ => words::and(names),
    }
}

fn list(values: &[Option<Value>]) -> String {
    let names: Vec<String> = values.iter().map(|one| value(one.as_ref())).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(" or ") }
}

fn value(value: Option<&Value>) -> String {
    value.map_or("initial".to_owned(), |value| tidy(value.as_str()))
}

/// `the initial value` rather than `initial`.
fn in_sentence(values: &str) -> String {
    let one =
        |value: &str| if value == "initial" { "the initial value".to_owned() } else { value.to_owned() };
    values.split(" or ").map(one).collect::<Vec<_>>().join(" or ")
}
