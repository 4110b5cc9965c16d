//! Plans as files: `threeworlds/plan/1`. Whatever is wrong with one is named with its place; a plan that was
//! read can be played.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, pretty_object};

use crate::links::linked;
use crate::plan::{Ask, Plan, Roles, ServerEvent, Step, Workload};

/// The version of the files that this crate reads and writes.
pub const PLAN_FORMAT: &str = "threeworlds/plan/1";

/// A text that is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It is not JSON, or a key or a value is wrong; the message ends with the line and the column.
    #[error("not a plan ({PLAN_FORMAT}): {0}")]
    Text(String),
    /// Another version.
    #[error("the plan's format is `{0}`: this program reads `{PLAN_FORMAT}`")]
    Format(String),
    /// The plan as a whole does not fit together.
    #[error("the plan: {0}")]
    Plan(String),
    /// A step does not fit.
    #[error("step {number} of the plan: {why}")]
    Step {
        /// Which, from 1.
        number: usize,
        /// What is wrong and what to do.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanText {
    format: String,
    name: String,
    servers: u16,
    clients: u16,
    workload: Workload,
    #[serde(default = "fixed")]
    roles: Roles,
    #[serde(default)]
    faulty: Vec<Process>,
    #[serde(default)]
    within_budget: bool,
    steps: Vec<Step>,
}

fn fixed() -> Roles {
    Roles::Fixed
}

impl Plan {
    /// The most steps a plan can have.
    pub const MOST_STEPS: usize = 10_000;
    /// The most servers and clients together.
    pub const MOST_PROCESSES: u16 = 64;
    /// The longest wait and the latest deadline: an hour.
    pub const LONGEST_MILLISECONDS: u64 = 3_600_000;

    /// The plan as a file.
    pub fn text(&self) -> String {
        const KEYS: [&str; 9] =
            ["format", "name", "servers", "clients", "workload", "roles", "faulty", "within_budget", "steps"];
        let text = PlanText {
            format: PLAN_FORMAT.to_owned(),
            name: self.name.clone(),
            servers: self.servers,
            clients: self.clients,
            workload: self.workload,
            roles: self.roles,
            faulty: self.faulty.clone(),
            within_budget: self.within_budget,
            steps: self.steps.clone(),
        };
        let json = serde_json::to_value(text).expect("all keys of a plan are texts");
        pretty_object(&KEYS.map(|key| (key, &json[key])))
    }

    /// Reads a file. Who is faulty may be left out: [`Plan::explain`] finds out.
    pub fn parse(text: &str) -> Result<Plan, PlanError> {
        // The version first: what is unknown in another version is no mistake.
        #[derive(Deserialize)]
        struct Version {
            format: String,
        }
        if let Ok(Version { format }) = serde_json::from_str::<Version>(text)
            && format != PLAN_FORMAT
        {
            return Err(PlanError::Format(format));
        }
        let read: PlanText =
            serde_json::from_str(text).map_err(|error| PlanError::Text(error.to_string()))?;
        let mut faulty = read.faulty;
        faulty.sort_unstable();
        faulty.dedup();
        let plan = Plan {
            name: read.name,
            servers: read.servers,
            clients: read.clients,
            workload: read.workload,
            roles: read.roles,
            faulty,
            within_budget: read.within_budget,
            steps: read.steps,
        };
        plan.validate()?;
        Ok(plan)
    }

    /// Whether the plan can be played.
    pub fn validate(&self) -> Result<(), PlanError> {
        let whole = |why: String| Err(PlanError::Plan(why));
        let processes = self.servers.saturating_add(self.clients);
        if self.servers == 0 || self.clients == 0 {
            return whole("it needs at least one server and one client".to_owned());
        }
        if processes > Self::MOST_PROCESSES {
            return whole(format!("{processes} processes: at most {} can take part", Self::MOST_PROCESSES));
        }
        if self.steps.len() > Self::MOST_STEPS {
            return whole(format!("{} steps: at most {} are played", self.steps.len(), Self::MOST_STEPS));
        }
        if let Some(process) = self.faulty.iter().find(|process| !self.has(**process)) {
            return whole(format!("`faulty` names {process}, which it does not have"));
        }
        let mut asking = BTreeSet::new();
        let mut state = vec![ServerState::Running; usize::from(self.servers)];
        for (number, step) in (1..).zip(&self.steps) {
            self.check_step(step, &mut asking, &mut state).map_err(|why| PlanError::Step { number, why })?;
        }
        Ok(())
    }

    fn has(&self, process: Process) -> bool {
        let most = if process.is_client() { self.clients } else { self.servers };
        (1..=most).contains(&process.number())
    }

    fn check_step(
        &self,
        step: &Step,
        asking: &mut BTreeSet<Process>,
        servers: &mut [ServerState],
    ) -> Result<(), String> {
        let exists = |process: Process| match self.has(process) {
            true => Ok(()),
            false => Err(format!(
                "there is no {process} among {} servers and {} clients",
                self.servers, self.clients
            )),
        };
        let in_time = |milliseconds: u64, what: &str| match milliseconds <= Self::LONGEST_MILLISECONDS {
            true => Ok(()),
            false => {
                Err(format!("{what} of {milliseconds} ms: at most {} (an hour)", Self::LONGEST_MILLISECONDS))
            }
        };
        match step {
            Step::Cut(links) => {
                for link in links {
                    exists(link.from).and(exists(link.to))?;
                    if !linked(link.from, link.to) {
                        return Err(format!("{link} is no link"));
                    }
                }
            }
            Step::Lose(losses) => {
                for loss in losses {
                    exists(loss.link.from).and(exists(loss.link.to))?;
                    if loss.message_type.is_empty() {
                        return Err("a lost message needs a `type`".to_owned());
                    }
                    if !linked(loss.link.from, loss.link.to) {
                        return Err(format!("{} is no link", loss.link));
                    }
                }
            }
            Step::Ask(Ask { client, request, servers: tried, deadline_milliseconds }) => {
                exists(*client)?;
                if !client.is_client() {
                    return Err(format!("{client} is a server: clients ask"));
                }
                if tried.is_empty() {
                    return Err(format!("{client} asks nobody: `servers` is empty"));
                }
                for &server in tried {
                    exists(server)?;
                    if server.is_client() {
                        return Err(format!("{client} asks {server}: servers are asked"));
                    }
                }
                if *deadline_milliseconds == 0 {
                    return Err("a request needs a deadline greater than 0".to_owned());
                }
                in_time(*deadline_milliseconds, "a deadline")?;
                if !asking.insert(*client) {
                    return Err(format!(
                        "{client} asks again before its last request is over: put {{\"await\":[\"{client}\"]}} \
                         between them"
                    ));
                }
                request.suits(self.workload)?;
            }
            Step::Await(clients) => {
                for &client in clients {
                    exists(client)?;
                    if !client.is_client() {
                        return Err(format!("{client} is a server: clients are awaited"));
                    }
                    asking.remove(&client);
                }
            }
            Step::Wait { milliseconds } => in_time(*milliseconds, "a wait")?,
            Step::Server(server, event) => {
                exists(*server)?;
                if server.is_client() {
                    return Err(format!("{server} is a client: only servers are killed or paused"));
                }
                let state = &mut servers[usize::from(server.number()) - 1];
                *state = state.after(*event).ok_or_else(|| {
                    format!("{server} is {}, so it cannot be {}", state.name(), event.participle())
                })?;
            }
        }
        Ok(())
    }
}

/// What a server is doing as a plan goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ServerState {
    Running,
    Down,
    Paused,
}

impl ServerState {
    fn after(self, event: ServerEvent) -> Option<ServerState> {
        match (self, event) {
            (ServerState::Running | ServerState::Paused, ServerEvent::Kill) => Some(ServerState::Down),
            (ServerState::Down, ServerEvent::Restart) => Some(ServerState::Running),
            (ServerState::Running, ServerEvent::Pause) => Some(ServerState::Paused),
            (ServerState::Paused, ServerEvent::Resume) => Some(ServerState::Running),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            ServerState::Running => "running",
            ServerState::Down => "not running",
            ServerState::Paused => "paused",
        }
    }
}

impl ServerEvent {
    /// `killed` and so on.
    pub fn participle(self) -> &'static str {
        match self {
            ServerEvent::Kill => "killed",
            ServerEvent::Restart => "started again",
            ServerEvent::Pause => "paused",
            ServerEvent::Resume => "resumed",
        }
    }
}
