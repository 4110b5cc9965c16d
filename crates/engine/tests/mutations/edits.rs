//! Every change of a single thing in a certificate's JSON.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

/// One change of a document. A path is a JSON pointer; what it does not find is left alone.
#[derive(Debug, Clone)]
enum Edit {
    /// Puts a value there; in an object also under a new key.
    Set(String, Json),
    /// Takes it out of its list or object.
    Remove(String),
    /// Puts a value into the list, before this position.
    Insert(String, usize, Json),
    /// Exchanges two neighbours of the list.
    Swap(String, usize),
}

impl Edit {
    fn apply(&self, document: &mut Json) {
        match self {
            Edit::Set(path, value) => {
                let (parent, key) = path.rsplit_once('/').expect("a pointer");
                match document.pointer_mut(parent) {
                    Some(Json::Object(map)) => drop(map.insert(key.to_owned(), value.clone())),
                    Some(Json::Array(list)) => {
                        if let Some(place) = key.parse().ok().and_then(|at: usize| list.get_mut(at)) {
                            *place = value.clone();
                        }
                    }
                    _ => {}
                }
            }
            Edit::Remove(path) => {
                let (parent, key) = path.rsplit_once('/').expect("a pointer");
                match document.pointer_mut(parent) {
                    Some(Json::Object(map)) => drop(map.remove(key)),
                    Some(Json::Array(list)) => {
                        if let Some(at) = key.parse().ok().filter(|&at: &usize| at < list.len()) {
                            list.remove(at);
                        }
                    }
                    _ => {}
                }
            }
            Edit::Insert(path, at, value) => {
                if let Some(Json::Array(list)) = document.pointer_mut(path) {
                    list.insert((*at).min(list.len()), value.clone());
                }
            }
            Edit::Swap(path, at) => {
                if let Some(Json::Array(list)) =
                    document.pointer_mut(path).filter(|list| list.get(at + 1).is_some())
                {
                    list.swap(*at, at + 1);
                }
            }
        }
    }
}

/// A change of one thing, which may take a few edits.
#[derive(Debug, Clone)]
pub(crate) struct Mutation {
    /// What is changed: `blocked`, `class`, ...
    pub(crate) what: &'static str,
    edits: Vec<Edit>,
}

impl Mutation {
    /// The document with the change.
    pub(crate) fn of(&self, document: &Json) -> Json {
        let mut mutant = document.clone();
        self.edits.iter().for_each(|edit| edit.apply(&mut mutant));
        mutant
    }
}

const CLASSES: [&str; 6] =
    ["none", "crash", "send-omission", "receive-omission", "send-or-receive-omission", "omission"];

struct Mutations<'a> {
    document: &'a Json,
    /// Groups and ungrouped processes.
    names: Vec<String>,
    worlds: Vec<String>,
    phases: usize,
    /// `epochs` or `rounds`.
    unit: &'static str,
    all: Vec<Mutation>,
}

/// All of them.
pub(crate) fn mutations(document: &Json) -> Vec<Mutation> {
    let unit = if document["claim"]["rounds"].is_null() { "epochs" } else { "rounds" };
    let worlds = document["worlds"].as_array().unwrap();
    let mut mutations = Mutations {
        document,
        names: names(document),
        worlds: worlds.iter().map(|world| world["name"].as_str().unwrap().to_owned()).collect(),
        phases: worlds[0][unit].as_array().unwrap().len(),
        unit,
        all: Vec::new(),
    };
    mutations.of_claim();
    mutations.of_groups();
    for world in 0..worlds.len() {
        mutations.of_world(world);
        mutations.of_faulty(world);
        for phase in 0..mutations.phases {
            mutations.of_requests(world, phase);
            mutations.of_blocked(world, phase);
        }
    }
    mutations.of_argument();
    mutations.of_asking_twice();
    mutations.of_splitting();
    let mut all = mutations.all;
    all.retain(|mutation| mutation.of(document) != *document);
    all
}

/// Whoever the worlds speak of.
fn names(document: &Json) -> Vec<String> {
    let mut names: BTreeSet<String> = document["groups"].as_object().unwrap().keys().cloned().collect();
    for world in document["worlds"].as_array().unwrap() {
        for phase in world.get("epochs").or(world.get("rounds")).unwrap().as_array().unwrap() {
            names.extend(phase["requests"].as_object().unwrap().keys().cloned());
            for link in phase["blocked"].as_array().unwrap() {
                names.extend(link.as_str().unwrap().split(" -> ").map(str::to_owned));
            }
        }
        for fault in world["faulty"].as_array().unwrap() {
            names.insert(fault["who"].as_str().unwrap().to_owned());
        }
    }
    names.into_iter().collect()
}

impl Mutations<'_> {
    fn add(&mut self, what: &'static str, edits: Vec<Edit>) {
        self.all.push(Mutation { what, edits });
    }

    fn set(&mut self, what: &'static str, path: impl Into<String>, value: impl Into<Json>) {
        self.add(what, vec![Edit::Set(path.into(), value.into())]);
    }

    fn remove(&mut self, what: &'static str, path: impl Into<String>) {
        self.add(what, vec![Edit::Remove(path.into())]);
    }

    fn insert(&mut self, what: &'static str, path: &str, at: usize, value: Json) {
        self.add(what, vec![Edit::Insert(path.to_owned(), at, value)]);
    }

    fn at(&self, path: &str) -> &Json {
        self.document.pointer(path).unwrap_or(&Json::Null)
    }

    fn length(&self, path: &str) -> usize {
        self.at(path).as_array().map_or(0, Vec::len)
    }

    fn clients(&self) -> Vec<String> {
        let is_client = |name: &&String| name.starts_with('c');
        self.names.iter().filter(is_client).cloned().collect()
    }

    fn of_claim(&mut self) {
        let exact = self.at("/claim/servers").as_u64();
        for servers in 0..=exact.unwrap_or(2) + 3 {
            self.set("servers", "/claim/servers", servers);
            let exactly = Edit::Set("/claim/servers".to_owned(), servers.into());
            self.add("servers", vec![exactly, Edit::Remove("/claim/condition".to_owned())]);
        }
        for servers in ["any", "some"] {
            self.set("servers", "/claim/servers", servers);
        }
        self.remove("condition", "/claim/condition");
        for groups in 0..=4 {
            for times in ["", "1", "2", "3", "4"] {
                let condition = format!("{groups} <= n <= {times}f");
                self.set("condition", "/claim/condition", condition.clone());
                let any = Edit::Set("/claim/servers".to_owned(), "any".into());
                self.add("condition", vec![any, Edit::Set("/claim/condition".to_owned(), condition.into())]);
            }
        }
        for clients in 0..=4 {
            self.set("clients", "/claim/clients", clients);
        }
        for timing in ["lock-step", "partial-synchrony", "asynchrony", "never"] {
            self.set("timing", "/claim/timing", timing);
        }
        for task in ["write-once-register", "register", "log", "state-machine", "queue"] {
            self.set("task", "/claim/task", task);
            self.set("argued as", "/claim/argued_as", task);
            let edits =
                ["/claim/task", "/claim/argued_as"].map(|path| Edit::Set(path.to_owned(), task.into()));
            self.add("task", edits.to_vec());
        }
        for linked in [true, false] {
            self.set("links", "/claim/links/client_client", linked);
        }
        for rounds in [json!(null), json!(0), json!(1), json!(2), json!(3), json!(4)] {
            self.set("rounds", "/claim/rounds", rounds.clone());
            // The same worlds as rounds, or as epochs.
            let unit = if rounds.is_null() { "epochs" } else { "rounds" };
            let mut edits = vec![Edit::Set("/claim/rounds".to_owned(), rounds)];
            for world in 0..self.worlds.len() {
                let phases = self.at(&format!("/worlds/{world}/{}", self.unit)).clone();
                edits.push(Edit::Remove(format!("/worlds/{world}/{}", self.unit)));
                edits.push(Edit::Set(format!("/worlds/{world}/{unit}"), phases));
            }
            self.add("rounds", edits);
        }
        self.of_rules();
    }

    fn of_rules(&mut self) {
        let rules = self.length("/claim/fault_rules");
        for rule in 0..rules {
            let path = format!("/claim/fault_rules/{rule}");
            self.remove("fault rule", &path);
            let text = self.at(&path).as_str().unwrap().to_owned();
            self.insert("fault rule", "/claim/fault_rules", rule, text.clone().into());
            let (of, class) = text.split_once(": ").unwrap();
            let (_, who) = of.split_once(" of ").unwrap_or(("", of));
            for other in CLASSES {
                self.set("fault class", &path, format!("{of}: {other}"));
                self.set("fault class", &path, format!("{who}: {other}"));
                self.insert("fault rule", "/claim/fault_rules", rules, format!("1 of {who}: {other}").into());
            }
            for count in ["0", "1", "2", "3", "4", "5", "any", "f", "2f", "-1"] {
                self.set("faults", &path, format!("{count} of {who}: {class}"));
            }
            for other in ["servers", "clients", "processes", "s1", "s2", "s1-s2", "c1", "c2", "w"] {
                for count in ["any", "1", "2", "f"] {
                    self.set("fault rule", &path, format!("{count} of {other}: {class}"));
                }
            }
        }
        for rule in ["servers: none", "clients: none", "s1: none", "c2: none", "f of servers: crash"] {
            self.insert("fault rule", "/claim/fault_rules", rules, rule.into());
        }
    }

    fn of_groups(&mut self) {
        let members = [
            "servers",
            "clients",
            "processes",
            "s1",
            "s2",
            "s1-s2",
            "s3-s4",
            "s1,s3",
            "s2-s3",
            "s1-s3",
            "c1",
            "c2",
            "c1-c2",
            "s1,c1",
            "",
            "s9",
        ];
        let names: Vec<String> = self.at("/groups").as_object().unwrap().keys().cloned().collect();
        for name in &names {
            let path = format!("/groups/{name}");
            self.remove("groups", &path);
            for members in members {
                self.set("groups", &path, members);
            }
            let same = self.at(&path).clone();
            for other in ["H1", "s1", "A b"] {
                let edits =
                    vec![Edit::Remove(path.clone()), Edit::Set(format!("/groups/{other}"), same.clone())];
                self.add("groups", edits);
            }
        }
        for members in members {
            self.set("groups", "/groups/H2", members);
        }
    }

    fn of_world(&mut self, world: usize) {
        let path = format!("/worlds/{world}");
        let whole = self.at(&path).clone();
        self.remove("world", &path);
        self.insert("world", "/worlds", world, whole);
        self.add("world order", vec![Edit::Swap("/worlds".to_owned(), world)]);
        for name in self.worlds.clone().iter().map(String::as_str).chain(["Z", "", "A\u{7}"]) {
            self.set("world name", format!("{path}/name"), name);
        }
        self.set("world format", format!("{path}/format"), "threeworlds/world/2");
        for other in 0..self.worlds.len() {
            for key in ["faulty", self.unit] {
                let same = self.at(&format!("/worlds/{other}/{key}")).clone();
                self.set("worlds mixed", format!("{path}/{key}"), same);
            }
        }
        let phases = format!("{path}/{}", self.unit);
        for phase in 0..self.phases {
            let one = self.at(&format!("{phases}/{phase}")).clone();
            self.remove("phases", format!("{phases}/{phase}"));
            self.insert("phases", &phases, phase, one.clone());
            self.add("phases", vec![Edit::Swap(phases.clone(), phase)]);
            let empty = json!({ "requests": {}, "blocked": one["blocked"] });
            self.set("phases", format!("{phases}/{phase}"), empty.clone());
            self.insert("phases", &phases, phase, empty);
        }
        if world == 0 {
            // One more phase in every world, in which nothing changes.
            for at in [0, self.phases] {
                let extended = (0..self.worlds.len()).map(|world| {
                    let phases = format!("/worlds/{world}/{}", self.unit);
                    let like = self.at(&format!("{phases}/{}", at.saturating_sub(1)))["blocked"].clone();
                    Edit::Insert(phases, at, json!({ "requests": {}, "blocked": like }))
                });
                let extended = extended.collect();
                self.add("phases", extended);
            }
        }
    }

    fn of_faulty(&mut self, world: usize) {
        let list = format!("/worlds/{world}/faulty");
        let mut well = self.names.clone();
        for fault in 0..self.length(&list) {
            let path = format!("{list}/{fault}");
            let entry = self.at(&path).clone();
            let who = entry["who"].as_str().unwrap().to_owned();
            well.retain(|name| *name != who);
            self.remove("faulty", &path);
            self.insert("faulty", &list, fault, entry);
            for class in CLASSES {
                self.set("class", format!("{path}/class"), class);
                self.set("class", &path, json!({ "who": who, "class": class }));
            }
            for from in 0..=self.phases + 1 {
                self.set("crash", format!("{path}/from"), from);
                self.set("crash", &path, json!({ "who": who, "class": "crash", "from": from }));
            }
            for other in self.names.clone() {
                self.set("faulty", format!("{path}/who"), other);
            }
        }
        for who in well {
            for class in CLASSES {
                self.insert("faulty", &list, 0, json!({ "who": who, "class": class }));
            }
            for from in 1..=self.phases + 1 {
                self.insert("faulty", &list, 0, json!({ "who": who, "class": "crash", "from": from }));
            }
        }
    }

    fn of_requests(&mut self, world: usize, phase: usize) {
        let requests = |phase: usize| format!("/worlds/{world}/{}/{phase}/requests", self.unit);
        let others: Vec<String> = (0..self.phases).filter(|&other| other != phase).map(requests).collect();
        let requests = requests(phase);
        let kinds = [
            json!({ "op": "write", "value": "C1" }),
            json!({ "op": "write", "value": "C2" }),
            json!({ "op": "write", "value": "" }),
            json!({ "op": "append", "value": "C1" }),
            json!({ "op": "read" }),
            json!({ "op": "read", "value": "C1" }),
            json!({ "op": "cas" }),
        ];
        for client in self.names.clone() {
            let path = format!("{requests}/{client}");
            for kind in &kinds {
                self.set("request", &path, kind.clone());
            }
            let asked = self.at(&path).clone();
            if asked.is_null() {
                continue;
            }
            self.remove("request", &path);
            for other in &others {
                let moved = Edit::Set(format!("{other}/{client}"), asked.clone());
                self.add("request", vec![Edit::Remove(path.clone()), moved.clone()]);
                self.add("request", vec![moved]);
            }
            for other in self.clients().into_iter().filter(|other| *other != client) {
                let moved = Edit::Set(format!("{requests}/{other}"), asked.clone());
                self.add("request", vec![Edit::Remove(path.clone()), moved]);
            }
        }
    }

    fn of_blocked(&mut self, world: usize, phase: usize) {
        let list = format!("/worlds/{world}/{}/{phase}/blocked", self.unit);
        let links: Vec<String> = (0..self.length(&list))
            .map(|link| self.at(&format!("{list}/{link}")).as_str().unwrap().to_owned())
            .collect();
        for (position, link) in links.iter().enumerate() {
            self.remove("blocked", format!("{list}/{position}"));
            self.insert("blocked", &list, position, link.clone().into());
        }
        for from in self.names.clone() {
            for to in self.names.clone() {
                let link = format!("{from} -> {to}");
                if !links.contains(&link) {
                    self.insert("blocked", &list, 0, link.clone().into());
                    if !links.is_empty() {
                        self.set("blocked", format!("{list}/0"), link);
                    }
                }
            }
        }
    }

    fn of_argument(&mut self) {
        let epochs = 0..=self.phases + 1;
        for step in 0..self.length("/argument") {
            let path = format!("/argument/{step}");
            let whole = self.at(&path).clone();
            self.remove("step", &path);
            self.insert("step", "/argument", step, whole.clone());
            self.add("step", vec![Edit::Swap("/argument".to_owned(), step)]);
            for kind in ["forced", "indistinguishable", "values", "agreement", "contradiction"] {
                self.set("step", format!("{path}/step"), kind);
            }
            let positions: &[&str] = &["", "/0", "/1"];
            for position in positions {
                for (key, several) in [("world", "worlds"), ("client", "clients"), ("epoch", "epochs")] {
                    let path =
                        format!("{path}/{}{position}", if position.is_empty() { key } else { several });
                    if self.at(&path).is_null() {
                        continue;
                    }
                    match key {
                        "world" => {
                            self.worlds.clone().into_iter().for_each(|one| self.set("step", &path, one))
                        }
                        "client" => {
                            self.names.clone().into_iter().for_each(|one| self.set("step", &path, one))
                        }
                        _ => epochs.clone().for_each(|epoch| self.set("step", &path, epoch)),
                    }
                }
            }
            for key in ["worlds", "clients", "epochs"] {
                self.add("step", vec![Edit::Swap(format!("{path}/{key}"), 0)]);
            }
            if whole.get("values").is_some() {
                let sets = [
                    json!([]),
                    json!([null]),
                    json!(["C1"]),
                    json!(["C2"]),
                    json!(["C1", "C2"]),
                    json!([null, "C1"]),
                    json!([null, "C2"]),
                    json!([null, "C1", "C2"]),
                    json!(["C1", "C1"]),
                    json!(["C9"]),
                ];
                for values in sets {
                    self.set("values", format!("{path}/values"), values);
                }
            }
            for key in whole.as_object().unwrap().keys() {
                self.remove("step", format!("{path}/{key}"));
            }
        }
    }

    /// A client asks for the same in an epoch before.
    fn of_asking_twice(&mut self) {
        let clients = if self.unit == "epochs" { self.clients() } else { Vec::new() };
        for client in clients {
            let mut mutant = self.document.clone();
            for world in mutant["worlds"].as_array_mut().unwrap() {
                let epochs = world["epochs"].as_array_mut().unwrap();
                let asked = epochs.iter().find_map(|epoch| epoch["requests"].get(&client).cloned());
                let requests = asked.map_or(json!({}), |asked| json!({ &client: asked }));
                epochs.insert(0, json!({ "requests": requests, "blocked": epochs[0]["blocked"] }));
            }
            for step in mutant["argument"].as_array_mut().unwrap() {
                if let Some(epoch) = step.get("epoch").and_then(Json::as_u64) {
                    step["epoch"] = (epoch + 1).into();
                }
                for epoch in step.get_mut("epochs").and_then(Json::as_array_mut).into_iter().flatten() {
                    *epoch = (epoch.as_u64().unwrap() + 1).into();
                }
            }
            let edits = ["/worlds", "/argument"]
                .map(|path| Edit::Set(path.to_owned(), mutant.pointer(path).unwrap().clone()));
            self.add("asks twice", edits.to_vec());
        }
    }

    /// More groups of open size, which do the same as one that there is.
    fn of_splitting(&mut self) {
        let groups: Vec<String> = self.at("/groups").as_object().unwrap().keys().cloned().collect();
        for (like, more) in groups.iter().flat_map(|like| [(like, 1), (like, 2), (like, 3)]) {
            let mut mutant = self.document.clone();
            for number in 1..=more {
                let name = format!("H{number}");
                mutant["groups"][&name] = "servers".into();
                for world in mutant["worlds"].as_array_mut().unwrap() {
                    let faulty = world["faulty"].as_array_mut().unwrap();
                    if let Some(fault) = faulty.iter().find(|fault| fault["who"] == **like) {
                        let mut fault = fault.clone();
                        fault["who"] = name.as_str().into();
                        faulty.push(fault);
                    }
                    for epoch in world["epochs"].as_array_mut().into_iter().flatten() {
                        let blocked = epoch["blocked"].as_array_mut().unwrap();
                        let alike: Vec<Json> = blocked
                            .iter()
                            .map(|link| link.as_str().unwrap())
                            .filter(|link| link.contains(like.as_str()))
                            .filter(|link| !link.contains('H'))
                            .map(|link| link.replace(like.as_str(), &name).into())
                            .collect();
                        blocked.extend(alike);
                    }
                }
            }
            let mut edits = ["/groups", "/worlds"]
                .map(|path| Edit::Set(path.to_owned(), mutant.pointer(path).unwrap().clone()))
                .to_vec();
            let condition = format!("{} <= n <= 2f", groups.len() + more);
            edits.push(Edit::Set("/claim/condition".to_owned(), condition.into()));
            self.add("more groups", edits);
        }
    }
}
