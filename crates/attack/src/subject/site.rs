//! A subject put on hosts: its files, commands and checks with every placeholder filled in.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use threeworlds_model::Process;

use super::Subject;
use super::answer::Call;
use super::entry::{CheckEntry, Content, DeedEntry, Definition, FileEntry, On, OperationName, StepEntry};
use super::template::Template;
use crate::namespaces::{Command, Ended, OWN_PROGRAM, Output, User};
use crate::plan::KvRequest;

/// The hosts of a laboratory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// `s1` first.
    pub servers: Vec<Host>,
    /// `c1` first.
    pub clients: Vec<Host>,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its address.
    pub ip: String,
    /// Its own folder, a whole path. Empty when the subject comes; the unprivileged user owns it.
    pub dir: String,
}

impl Site {
    /// A host by its name.
    ///
    /// # Panics
    /// If there is none.
    pub fn host(&self, process: Process) -> &Host {
        let hosts = if process.is_client() { &self.clients } else { &self.servers };
        &hosts[usize::from(process.number()) - 1]
    }

    fn server_ids(&self) -> impl Iterator<Item = Process> {
        (1..).zip(&self.servers).map(|(number, _)| Process::Server(number))
    }

    fn client_ids(&self) -> impl Iterator<Item = Process> {
        (1..).zip(&self.clients).map(|(number, _)| Process::Client(number))
    }

    fn on(&self, on: &On) -> Vec<Process> {
        let servers: Vec<Process> = self.server_ids().collect();
        match on {
            On::All => servers,
            On::First => servers[..1].to_vec(),
            On::Others => servers[1..].to_vec(),
            On::Last => servers[servers.len() - 1..].to_vec(),
            On::Clients => self.client_ids().collect(),
            On::Everywhere => servers.into_iter().chain(self.client_ids()).collect(),
            On::Named(numbers) => {
                servers.into_iter().filter(|server| numbers.contains(&server.number())).collect()
            }
        }
    }
}

/// A file to be written to a host before anything is started, owned by the unprivileged user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedFile {
    /// Where.
    pub host: Process,
    /// Within the host's folder; it may have folders of its own.
    pub path: String,
    /// Its permission bits.
    pub mode: u32,
    /// What it contains.
    pub content: Vec<u8>,
}

/// A step on the way up. Its hosts may do it at the same time; the next step waits for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What messages and log files call it.
    pub name: String,
    /// On each host the same deed, with its own placeholders.
    pub hosts: Vec<(Process, Deed)>,
    /// How long each host may take.
    pub within: Duration,
}

/// What a host does in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Starts a daemon that runs on. Its output belongs into `NAME.log` of the host's folder.
    Start(Command),
    /// Runs a command to its end, which must be a success (exit status 0).
    Run(Command),
    /// Asks again and again, with a pause in between, until the answer is yes.
    Until(Probe, Duration),
}

/// A command that answers yes or no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What to run.
    pub command: Command,
    /// When it is killed, which is no yes.
    pub deadline: Duration,
    exit: i32,
    contains: Option<String>,
    lacks: Option<String>,
}

impl Probe {
    /// Whether its end says yes.
    pub fn says_yes(&self, output: &Output) -> bool {
        output.ended == Some(Ended::Exited(self.exit))
            && self.contains.as_ref().is_none_or(|text| output.stdout.contains(text.as_str()))
            && self.lacks.as_ref().is_none_or(|text| !output.stdout.contains(text.as_str()))
    }

    /// What it waits for, in words.
    pub fn wants(&self) -> String {
        let mut wants = format!("exit status {}", self.exit);
        if let Some(text) = &self.contains {
            wants.push_str(&format!(", output with `{text}`"));
        }
        if let Some(text) = &self.lacks {
            wants.push_str(&format!(", output without `{text}`"));
        }
        wants
    }
}

impl Subject {
    /// The files that have to be there before the first step.
    pub fn files(&self, site: &Site) -> Vec<PlacedFile> {
        let placed = |file: &FileEntry| {
            let FileEntry { path, on, mode, content } = file;
            let place = |host| PlacedFile {
                host,
                path: path.clone(),
                mode: *mode,
                content: match content {
                    Content::Template(template) => self.scope(site, host).fill(template).into_bytes(),
                    Content::Verbatim(bytes) => bytes.clone(),
                },
            };
            site.on(on).into_iter().map(place).collect::<Vec<_>>()
        };
        self.files.iter().flat_map(placed).collect()
    }

    /// The way up, step by step.
    pub fn actions(&self, site: &Site) -> Vec<Action> {
        let action = |step: &StepEntry| Action {
            name: step.name.clone(),
            within: step.within,
            hosts: site.on(&step.on).into_iter().map(|host| (host, self.deed(site, host, step))).collect(),
        };
        self.steps.iter().map(action).filter(|action| !action.hosts.is_empty()).collect()
    }

    fn deed(&self, site: &Site, host: Process, step: &StepEntry) -> Deed {
        let command = |argv| self.command(site, host, argv, step.user, &step.environment);
        match &step.deed {
            DeedEntry::Start { start, .. } => Deed::Start(command(start)),
            DeedEntry::Run(run) => Deed::Run(command(run)),
            DeedEntry::Until { check, attempt, pause } => {
                Deed::Until(self.probe(site, host, check, *attempt), *pause)
            }
        }
    }

    /// The daemons of a server in the order in which they are started, as they are started after they were
    /// killed.
    pub fn restarts(&self, site: &Site, server: Process) -> Vec<(String, Command)> {
        let restart = |step: &StepEntry| match &step.deed {
            DeedEntry::Start { restart, .. } if site.on(&step.on).contains(&server) => {
                let command = self.command(site, server, restart, step.user, &step.environment);
                Some((step.name.clone(), command))
            }
            _ => None,
        };
        self.steps.iter().filter_map(restart).collect()
    }

    /// What to run on a server to learn whether it leads, if the subject can tell.
    pub fn leads(&self, site: &Site, server: Process) -> Option<Probe> {
        self.leader.as_ref().map(|check| self.probe(site, server, check, self.times.operation))
    }

    /// What prints the version on its first line, on the first server; `None` if the subject has none.
    pub fn version(&self, site: &Site) -> Option<Command> {
        let server = Process::Server(1);
        let command = || self.command(site, server, &self.version, self.user, &BTreeMap::new());
        (!self.version.is_empty()).then(command)
    }

    /// What a client runs to ask a server, and how to read what comes of it.
    ///
    /// # Errors
    /// The subject has no such operation, or the key or a value cannot be written as an argument: they must be
    /// whole numbers or words.
    pub fn call(
        &self,
        site: &Site,
        client: Process,
        server: Process,
        request: &KvRequest,
    ) -> Result<Call, String> {
        let name = match request {
            KvRequest::Read { .. } => OperationName::Read,
            KvRequest::Write { .. } => OperationName::Write,
            KvRequest::Cas { .. } => OperationName::Cas,
            KvRequest::WriteOnce { .. } => OperationName::WriteOnce,
        };
        self.operation(site, client, server, request, name)
    }

    /// What a client runs to see what one server has stored under a key, after healing.
    ///
    /// # Errors
    /// As [`Subject::call`].
    pub fn stored(
        &self,
        site: &Site,
        client: Process,
        server: Process,
        key: &serde_json::Value,
    ) -> Result<Call, String> {
        let request = KvRequest::Read { key: key.clone() };
        let name = match self.operations.contains_key(&OperationName::Stored) {
            true => OperationName::Stored,
            false => OperationName::Read,
        };
        self.operation(site, client, server, &request, name)
    }

    fn operation(
        &self,
        site: &Site,
        client: Process,
        server: Process,
        request: &KvRequest,
        name: OperationName,
    ) -> Result<Call, String> {
        let operation = self.operations.get(&name).ok_or_else(|| {
            format!("{} has no `{}`\n  hint: add [{}] to its file", self.name(), name.key(), name.key())
        })?;
        let (value, from) = match request {
            KvRequest::Read { .. } => (None, None),
            KvRequest::Write { value, .. } | KvRequest::WriteOnce { value, .. } => (Some(value), None),
            KvRequest::Cas { from, to, .. } => (Some(to), Some(from)),
        };
        let mut words = BTreeMap::from([("client", client.to_string())]);
        for (word, value) in [("key", Some(request.key())), ("value", value), ("from", from)] {
            if let Some(value) = value {
                words.insert(word, super::answer::text_of(value)?);
            }
        }
        let scope = Scope { subject: self, site, here: client, server, words };
        let fill_all = |templates: &[Template]| templates.iter().map(|one| scope.fill(one)).collect();
        let mut environment = standard_environment();
        for (name, value) in self.environment.iter().chain(&operation.environment) {
            environment.insert(name.clone(), scope.fill(value));
        }
        let command = Command {
            argv: fill_all(&operation.run),
            env: environment,
            user: User::Unprivileged,
            cwd: None,
            stdin: operation.stdin.as_ref().map(|stdin| scope.fill(stdin)),
        };
        let deadline = operation.deadline.unwrap_or(self.times.operation);
        Ok(Call::new(command, deadline, request, &operation.answers, &|template| scope.fill(template)))
    }

    fn probe(&self, site: &Site, host: Process, check: &CheckEntry, deadline: Duration) -> Probe {
        let scope = self.scope(site, host);
        let fill = |template: &Option<Template>| template.as_ref().map(|template| scope.fill(template));
        Probe {
            command: self.command(site, host, &check.run, check.user, &check.environment),
            deadline,
            exit: check.exit,
            contains: fill(&check.contains),
            lacks: fill(&check.lacks),
        }
    }

    fn command(
        &self,
        site: &Site,
        host: Process,
        argv: &[Template],
        user: User,
        environment: &BTreeMap<String, Template>,
    ) -> Command {
        let scope = self.scope(site, host);
        let mut all = standard_environment();
        for (name, value) in self.environment.iter().chain(environment) {
            all.insert(name.clone(), scope.fill(value));
        }
        let argv = argv.iter().map(|argument| scope.fill(argument)).collect();
        Command { argv, env: all, user, cwd: None, stdin: None }
    }

    fn scope<'s>(&'s self, site: &'s Site, host: Process) -> Scope<'s> {
        let server = if host.is_client() { Process::Server(1) } else { host };
        Scope { subject: self, site, here: host, server, words: BTreeMap::new() }
    }
}

/// What programs print is read, so it must not be translated.
fn standard_environment() -> BTreeMap<String, String> {
    BTreeMap::from([("LC_ALL".to_owned(), "C.UTF-8".to_owned())])
}

/// What placeholders stand for.
struct Scope<'s> {
    subject: &'s Subject,
    site: &'s Site,
    /// Where the command runs.
    here: Process,
    /// Which server is spoken of.
    server: Process,
    /// What only this command has: the key and the like.
    words: BTreeMap<&'static str, String>,
}

/// The placeholders that every text may use, besides `{s1}` and so on.
pub(super) const PLACEHOLDERS: [&str; 10] =
    ["count", "dir", "first", "host", "ip", "majority", "number", "others", "servers", "threeworlds"];

impl Scope<'_> {
    fn fill(&self, template: &Template) -> String {
        template.fill(&|name| self.value(name))
    }

    fn value(&self, name: &str) -> String {
        let site = self.site;
        let ips = |ids: &mut dyn Iterator<Item = Process>| {
            ids.map(|id| site.host(id).ip.as_str()).collect::<Vec<_>>().join(",")
        };
        match name {
            "ip" => site.host(self.server).ip.clone(),
            "host" => self.server.to_string(),
            "number" => self.server.number().to_string(),
            "dir" => site.host(self.here).dir.clone(),
            "first" => site.servers[0].ip.clone(),
            "count" => site.servers.len().to_string(),
            "threeworlds" => {
                let lab = Path::new(&site.host(self.here).dir).parent().unwrap_or(Path::new("/"));
                lab.join(OWN_PROGRAM).display().to_string()
            }
            "majority" => (site.servers.len() / 2 + 1).to_string(),
            "servers" => ips(&mut site.server_ids()),
            "others" => ips(&mut site.server_ids().filter(|&id| id != self.server)),
            _ => self.own(name),
        }
    }

    fn own(&self, name: &str) -> String {
        if let Some(word) = self.words.get(name) {
            return word.clone();
        }
        match self.subject.definitions.get(name) {
            Some(Definition::Text(template)) => self.fill(template),
            Some(Definition::Each { each, join, others }) => {
                let ids = self.site.server_ids().filter(|&id| !others || id != self.server);
                let one = |server| Scope { server, words: self.words.clone(), ..*self }.fill(each);
                ids.map(one).collect::<Vec<_>>().join(join)
            }
            // `{s2}`: that there is such a server was checked when the file was read.
            None => {
                let number: usize =
                    name.strip_prefix('s').and_then(|digits| digits.parse().ok()).unwrap_or(1);
                self.site.servers.get(number - 1).map(|host| host.ip.clone()).unwrap_or_default()
            }
        }
    }
}
