use std::collections::BTreeSet;

use threeworlds_history::{
    AppendLog, Linearizations, LogOperation, ReadWriteRegister, RegisterOperation, TooManyConfigurations,
    WriteOnceRegister,
};

use crate::json::Json;
use crate::machine::{Machine, MachineState};
use crate::process::{Process, System};
use crate::renaming::Renaming;
use crate::request::{Request, Response, Value};
use crate::task::{Consistency, Property, Task};
use crate::workload::Workload;

/// The environment: who issues which requests, and the monitor that judges the responses.
///
/// It judges the safety properties of the task (Agreement, Validity, Correctness) or linearizability.
/// Responses of faulty clients count: whoever received a response may have acted on it. Termination is not
/// judged here, for no finite prefix of an execution violates it.
#[derive(Debug, Clone)]
pub struct Environment {
    system: System,
    task: Task,
    consistency: Consistency,
    workload: Workload,
}

/// Where each client is in its workload, and what the monitor has to remember.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EnvironmentState {
    clients: Vec<Progress>,
    monitor: Monitor,
    /// Whether first requests come too late. It stays `false` where they may come at any time, so that
    /// states of different rounds can be the same.
    first_requests_are_over: bool,
}

/// How many requests a client has issued, and whether the last of them is unanswered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Progress {
    issued: u16,
    outstanding: bool,
}

/// What one client and the environment do in a round.
#[derive(Debug, Clone, Copy)]
pub struct ClientEvent<'a> {
    /// The client.
    pub client: Process,
    /// Whether the environment issues the client's next request to it.
    pub issues: bool,
    /// What the client answers.
    pub response: Option<&'a Response>,
}

/// An event that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A response without a request.
    #[error("{client} gives a response ({response}) without an outstanding request")]
    NothingOutstanding {
        /// The client.
        client: Process,
        /// The response.
        response: Response,
    },
    /// A response of the wrong form for the task.
    #[error("{client} answers {response}, which is not a response of the task {task}: {}", wanted(*task))]
    WrongResponse {
        /// The client.
        client: Process,
        /// The response.
        response: Response,
        /// The task.
        task: Task,
    },
    /// So many requests are pending at the same time that linearizability cannot be judged.
    #[error("so many requests are pending at the same time that their linearizations cannot all be kept")]
    TooManyLinearizations,
    /// A request that is not the client's next one, or that comes while one is outstanding.
    #[error("{client} cannot issue a request now: {why}")]
    CannotIssue {
        /// The client.
        client: Process,
        /// Why not.
        why: &'static str,
    },
}

fn wanted(task: Task) -> &'static str {
    match task {
        Task::WriteOnceRegister | Task::Register => {
            "it has to be a value or bottom, `{\"value\":\"C1\"}` or `{\"value\":null}`"
        }
        Task::Log => "it has to be a log, `{\"log\":[\"C1\",\"C2\"]}`",
        Task::KeyValueStore | Task::Bank => "it has to be an output of the state machine, `{\"output\":1}`",
    }
}

/// What judges the responses. Once a property is violated nothing is judged any more, so that what follows
/// a violation does not multiply states.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Monitor {
    WriteOnce { decided: Option<Value>, write_answered: bool, after_write: Vec<bool> },
    Log { longest: Vec<Value>, answered: BTreeSet<Value>, must_contain: Vec<BTreeSet<Value>> },
    LinearizableWriteOnce(Linearizations<WriteOnceRegister<Value>>),
    LinearizableRegister(Linearizations<ReadWriteRegister<Value>>),
    LinearizableLog(Linearizations<AppendLog<Value>>),
    LinearizableMachine(Machine, Linearizations<Machine>),
    Violated(Property),
}

impl Environment {
    /// The environment of a question.
    pub fn new(system: System, task: Task, consistency: Consistency, workload: Workload) -> Self {
        Environment { system, task, consistency, workload }
    }

    /// The workload.
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// Nothing issued, nothing answered.
    pub fn start(&self) -> EnvironmentState {
        let clients = usize::from(self.system.clients);
        let machine = |machine| Monitor::LinearizableMachine(machine, Linearizations::new(&machine));
        let monitor = match (self.consistency, self.task) {
            (Consistency::Properties, Task::WriteOnceRegister) => {
                Monitor::WriteOnce { decided: None, write_answered: false, after_write: vec![false; clients] }
            }
            (Consistency::Properties, Task::Log) => Monitor::Log {
                longest: Vec::new(),
                answered: BTreeSet::new(),
                must_contain: vec![BTreeSet::new(); clients],
            },
            (Consistency::Linearizable, Task::WriteOnceRegister) => {
                Monitor::LinearizableWriteOnce(Linearizations::new(&WriteOnceRegister::new()))
            }
            (_, Task::Register) => {
                Monitor::LinearizableRegister(Linearizations::new(&ReadWriteRegister::new()))
            }
            (_, Task::KeyValueStore) => machine(Machine::KeyValueStore),
            (_, Task::Bank) => machine(Machine::Bank),
            (Consistency::Linearizable, Task::Log) => {
                Monitor::LinearizableLog(Linearizations::new(&AppendLog::new()))
            }
        };
        EnvironmentState {
            clients: vec![Progress { issued: 0, outstanding: false }; clients],
            monitor,
            first_requests_are_over: false,
        }
    }

    /// The request that may be issued to the client now; none while one is outstanding, none after the
    /// last, and after round 1 no first one if all first requests come together.
    pub fn next_request(&self, state: &EnvironmentState, client: Process) -> Option<&Request> {
        let progress = state.progress(client);
        if progress.outstanding || (progress.issued == 0 && state.first_requests_are_over) {
            return None;
        }
        self.workload.of(client).get(usize::from(progress.issued))
    }

    /// Whether a round in which nothing is issued and nothing answered leaves this state as it is.
    pub fn can_idle(&self, state: &EnvironmentState) -> bool {
        state.first_requests_are_over == self.workload.is_together()
    }

    /// The client's request that is not answered yet.
    pub fn outstanding(&self, state: &EnvironmentState, client: Process) -> Option<&Request> {
        let progress = state.progress(client);
        progress.outstanding.then(|| &self.workload.of(client)[usize::from(progress.issued) - 1])
    }

    /// The state at the end of a round in which these events happened, at most one for each client; see
    /// [`EnvironmentState::violation`] for the judgement.
    pub fn advance(
        &self,
        state: &EnvironmentState,
        events: &[ClientEvent<'_>],
    ) -> Result<EnvironmentState, EventError> {
        let mut next = state.clone();
        next.first_requests_are_over = self.workload.is_together();
        // Requests come at the start of a round and responses at its end.
        for event in events.iter().filter(|event| event.issues) {
            let client = event.client;
            if state.progress(client).outstanding {
                return Err(EventError::CannotIssue { client, why: "one is outstanding" });
            }
            let Some(request) = self.next_request(state, client) else {
                return Err(EventError::CannotIssue { client, why: "its workload is at its end" });
            };
            let progress = &mut next.clients[slot(client)];
            *progress = Progress { issued: progress.issued + 1, outstanding: true };
            next.monitor.issue(client, request).map_err(|_| EventError::TooManyLinearizations)?;
        }
        let mut answered = Vec::new();
        for event in events {
            let Some(response) = event.response else { continue };
            let client = event.client;
            let Some(request) = self.outstanding(&next, client) else {
                return Err(EventError::NothingOutstanding { client, response: response.clone() });
            };
            if !self.task.allows_response(response) {
                return Err(EventError::WrongResponse {
                    client,
                    response: response.clone(),
                    task: self.task,
                });
            }
            answered.push((client, request.clone(), response));
        }
        if let Some(property) = self.judge(&mut next, &answered) {
            next.monitor = Monitor::Violated(property);
        }
        for (client, ..) in answered {
            next.clients[slot(client)].outstanding = false;
        }
        Ok(next)
    }

    /// Judges the responses of one round together: which property they violate first, in the order of
    /// [`Property`].
    fn judge(
        &self,
        state: &mut EnvironmentState,
        answered: &[(Process, Request, &Response)],
    ) -> Option<Property> {
        if answered.is_empty() {
            return None;
        }
        let issued = self.issued_values(state);
        match &mut state.monitor {
            Monitor::Violated(_) => None,
            Monitor::WriteOnce { decided, write_answered, after_write } => {
                let mut violated = BTreeSet::new();
                for (client, request, response) in answered {
                    let Response::Value(value) = response else { continue };
                    match value {
                        Some(value) => {
                            if decided.get_or_insert_with(|| value.clone()) != value {
                                violated.insert(Property::Agreement);
                            }
                            if !issued.contains(value) {
                                violated.insert(Property::Validity);
                            }
                        }
                        None if *request != (Request::Read {}) || after_write[slot(*client)] => {
                            violated.insert(Property::Correctness);
                        }
                        None => {}
                    }
                    *write_answered |= *request != (Request::Read {});
                    after_write[slot(*client)] = false;
                }
                violated.into_iter().next()
            }
            Monitor::Log { longest, answered: done, must_contain } => {
                let mut violated = BTreeSet::new();
                for (client, request, response) in answered {
                    let Response::Log(log) = response else { continue };
                    if !(longest.starts_with(log) || log.starts_with(longest)) {
                        violated.insert(Property::Agreement);
                    }
                    if log.len() > longest.len() {
                        longest.clone_from(log);
                    }
                    let mut unclaimed = issued.clone();
                    for entry in log {
                        match unclaimed.iter().position(|value| value == entry) {
                            Some(position) => drop(unclaimed.swap_remove(position)),
                            None => drop(violated.insert(Property::Validity)),
                        }
                    }
                    let must = std::mem::take(&mut must_contain[slot(*client)]);
                    if must.iter().chain(request.value()).any(|value| !log.contains(value)) {
                        violated.insert(Property::Correctness);
                    }
                    done.extend(request.value().cloned());
                }
                violated.into_iter().next()
            }
            Monitor::LinearizableWriteOnce(history) => linearized(
                answered,
                |caller, response| matches!(response, Response::Value(value) if history.respond(caller, value)),
            ),
            Monitor::LinearizableRegister(history) => linearized(
                answered,
                |caller, response| matches!(response, Response::Value(value) if history.respond(caller, value)),
            ),
            Monitor::LinearizableLog(history) => linearized(
                answered,
                |caller, response| matches!(response, Response::Log(log) if history.respond(caller, log)),
            ),
            Monitor::LinearizableMachine(_, history) => linearized(
                answered,
                |caller, response| matches!(response, Response::Output(output) if history.respond(caller, output)),
            ),
        }
    }

    /// The values of all updates issued so far.
    fn issued_values(&self, state: &EnvironmentState) -> Vec<Value> {
        let of = |client: Process| {
            self.workload.of(client).iter().take(usize::from(state.progress(client).issued))
        };
        self.system.client_ids().flat_map(of).filter_map(|request| request.value().cloned()).collect()
    }
}

impl EnvironmentState {
    /// The property that was violated, if one was.
    pub fn violation(&self) -> Option<Property> {
        match self.monitor {
            Monitor::Violated(property) => Some(property),
            _ => None,
        }
    }

    /// Whether the client has a request that is not answered.
    pub fn is_outstanding(&self, client: Process) -> bool {
        self.progress(client).outstanding
    }

    /// How many requests the client has issued.
    pub fn issued(&self, client: Process) -> u16 {
        self.progress(client).issued
    }

    /// The state under other names for clients and values. If with these names everybody still asks for the same
    /// ([`crate::Renamings`]), then so it goes on: [`Environment::advance`] under these names leads to what it leads
    /// to, under these names.
    #[must_use]
    pub fn renamed(&self, renaming: &Renaming) -> EnvironmentState {
        EnvironmentState {
            clients: by_new_names(&self.clients, renaming),
            monitor: self.monitor.renamed(renaming),
            first_requests_are_over: self.first_requests_are_over,
        }
    }

    fn progress(&self, client: Process) -> Progress {
        self.clients[slot(client)]
    }
}

/// What there is of each client, in the order of their new names.
fn by_new_names<T: Clone>(of_clients: &[T], renaming: &Renaming) -> Vec<T> {
    let mut renamed = of_clients.to_vec();
    for (client, of_client) in (1..).map(Process::Client).zip(of_clients) {
        renamed[slot(renaming.process(client))] = of_client.clone();
    }
    renamed
}

impl Monitor {
    fn issue(&mut self, client: Process, request: &Request) -> Result<(), TooManyConfigurations> {
        match self {
            Monitor::WriteOnce { write_answered, after_write, .. } => {
                after_write[slot(client)] = *write_answered;
            }
            Monitor::Log { answered, must_contain, .. } => must_contain[slot(client)].clone_from(answered),
            Monitor::LinearizableWriteOnce(history) => {
                history.invoke(&WriteOnceRegister::new(), u32::from(client.number()), register(request))?;
            }
            Monitor::LinearizableRegister(history) => {
                history.invoke(&ReadWriteRegister::new(), u32::from(client.number()), register(request))?;
            }
            Monitor::LinearizableMachine(machine, history) => {
                let command = match request {
                    Request::Command { command } => command.clone(),
                    _ => Json::null(),
                };
                history.invoke(machine, u32::from(client.number()), command)?;
            }
            Monitor::LinearizableLog(history) => {
                let operation = match request.value() {
                    Some(value) => LogOperation::Append(value.clone()),
                    None => LogOperation::Read,
                };
                history.invoke(&AppendLog::new(), u32::from(client.number()), operation)?;
            }
            Monitor::Violated(_) => {}
        }
        Ok(())
    }

    fn renamed(&self, renaming: &Renaming) -> Monitor {
        let value = |value: &Value| renaming.value(value);
        let optional = |optional: &Option<Value>| optional.as_ref().map(value);
        let list = |values: &Vec<Value>| values.iter().map(value).collect::<Vec<_>>();
        let set = |values: &BTreeSet<Value>| values.iter().map(value).collect::<BTreeSet<_>>();
        let operation = |operation: &RegisterOperation<Value>| match operation {
            RegisterOperation::Write(written) => RegisterOperation::Write(value(written)),
            RegisterOperation::Read => RegisterOperation::Read,
        };
        let log_operation = |operation: &LogOperation<Value>| match operation {
            LogOperation::Append(appended) => LogOperation::Append(value(appended)),
            LogOperation::Read => LogOperation::Read,
        };
        let caller = |number: u32| match u16::try_from(number) {
            Ok(number) => u32::from(renaming.process(Process::Client(number)).number()),
            Err(_) => number,
        };
        match self {
            Monitor::WriteOnce { decided, write_answered, after_write } => Monitor::WriteOnce {
                decided: optional(decided),
                write_answered: *write_answered,
                after_write: by_new_names(after_write, renaming),
            },
            Monitor::Log { longest, answered, must_contain } => Monitor::Log {
                longest: list(longest),
                answered: set(answered),
                must_contain: by_new_names(must_contain, renaming).iter().map(set).collect(),
            },
            Monitor::LinearizableWriteOnce(history) => {
                Monitor::LinearizableWriteOnce(history.renamed(caller, optional, operation, optional))
            }
            Monitor::LinearizableRegister(history) => {
                Monitor::LinearizableRegister(history.renamed(caller, optional, operation, optional))
            }
            Monitor::LinearizableLog(history) => {
                Monitor::LinearizableLog(history.renamed(caller, list, log_operation, list))
            }
            // Commands and their outputs have no values that anybody renames.
            Monitor::LinearizableMachine(machine, history) => Monitor::LinearizableMachine(
                *machine,
                history.renamed(caller, MachineState::clone, Json::clone, Json::clone),
            ),
            Monitor::Violated(property) => Monitor::Violated(*property),
        }
    }
}

/// A request to a register, of whatever kind.
fn register(request: &Request) -> RegisterOperation<Value> {
    match request.value() {
        Some(value) => RegisterOperation::Write(value.clone()),
        None => RegisterOperation::Read,
    }
}

/// Whether all the responses fit, one after the other.
fn linearized(
    answered: &[(Process, Request, &Response)],
    mut fits: impl FnMut(u32, &Response) -> bool,
) -> Option<Property> {
    let all = answered.iter().all(|(client, _, response)| fits(u32::from(client.number()), response));
    (!all).then_some(Property::Linearizability)
}

fn slot(client: Process) -> usize {
    debug_assert!(client.is_client());
    usize::from(client.number()) - 1
}
