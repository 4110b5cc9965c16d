use std::collections::{BTreeMap, BTreeSet};

use crate::environment::{ClientEvent, Environment, EnvironmentState, EventError};
use crate::execution::{Charge, Execution, Round, SentMessage};
use crate::process::{Process, System};
use crate::protocol::{Call, StepError, Steps, check_step};
use crate::question::Question;
use crate::request::Request;

/// Runs one execution of a protocol, round by round, with the environment's and the adversary's moves given
/// from outside. It does what it is told and judges nothing: whether the moves are admissible is for
/// [`crate::verify`] to say.
pub struct Replay<S: Steps> {
    steps: S,
    system: System,
    environment: Environment,
    snapshot: Snapshot<S::State, S::Message>,
    rounds: Vec<Round>,
}

/// The global state at the end of a round: two equal ones have the same future.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot<S, M> {
    /// By process; `None` for one that has stopped.
    pub locals: Vec<Option<Local<S, M>>>,
    /// Requests and monitor.
    pub environment: EnvironmentState,
}

/// A process between two rounds: its state and what will leave in the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local<S, M> {
    /// The state.
    pub state: S,
    /// What leaves in the next round, in sending order.
    pub send: Vec<(Process, M)>,
}

/// What the environment and the adversary do in one round.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moves {
    /// The clients whose next request is issued.
    pub requests: BTreeSet<Process>,
    /// The processes that stop.
    pub crashes: BTreeSet<Process>,
    /// The messages that are removed, by sender and receiver, each with who is charged.
    pub removed: BTreeMap<(Process, Process), Charge>,
}

/// Why an execution cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The protocol broke the rules of its interface or failed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A request or a response that cannot be.
    #[error("round {round}: {error}")]
    Event {
        /// The round.
        round: usize,
        /// What is wrong.
        error: EventError,
    },
    /// The moves remove a message that was not sent.
    #[error("round {round}: a message from {from} to {to} is to be removed, but none is sent")]
    NotSent {
        /// The round.
        round: usize,
        /// Its sender.
        from: Process,
        /// Its receiver.
        to: Process,
    },
    /// The moves stop a process or issue a request to one that has stopped.
    #[error("round {round}: {process} has stopped before")]
    Stopped {
        /// The round.
        round: usize,
        /// The process.
        process: Process,
    },
}

impl<S: Steps> Replay<S> {
    /// The system before round 1.
    pub fn new(question: &Question, mut steps: S) -> Result<Self, StepError> {
        let system = question.system;
        let mut locals = Vec::with_capacity(system.size());
        for process in system.processes() {
            let step = steps.start(process, &system)?;
            check_step(&system, process, &step, false)?;
            locals.push(Some(Local { state: step.state, send: step.send }));
        }
        let environment = question.environment();
        let snapshot = Snapshot { locals, environment: environment.start() };
        Ok(Replay { steps, system, environment, snapshot, rounds: Vec::new() })
    }

    /// The state at the end of the last round.
    pub fn snapshot(&self) -> &Snapshot<S::State, S::Message> {
        &self.snapshot
    }

    /// Where the steps come from.
    pub fn steps(&self) -> &S {
        &self.steps
    }

    /// The rounds so far.
    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    /// The rounds, when nothing more is to happen.
    pub fn into_rounds(self) -> Vec<Round> {
        self.rounds
    }

    /// The request that may be issued to the client in the next round.
    pub fn next_request(&self, client: Process) -> Option<&Request> {
        self.local(client)?;
        self.environment.next_request(&self.snapshot.environment, client)
    }

    /// Who sends to whom in the next round, by sender and in sending order.
    pub fn sending(&self) -> impl Iterator<Item = (Process, Process)> {
        let of = |process| {
            self.local(process)
                .into_iter()
                .flat_map(move |local| local.send.iter().map(move |(to, _)| (process, *to)))
        };
        self.system.processes().flat_map(of)
    }

    /// One round.
    pub fn round(&mut self, moves: &Moves) -> Result<&Round, ReplayError> {
        let number = self.rounds.len() + 1;
        let sending: BTreeSet<_> = self.sending().collect();
        if let Some(&(from, to)) = moves.removed.keys().find(|link| !sending.contains(link)) {
            return Err(ReplayError::NotSent { round: number, from, to });
        }
        let mut acting = moves.crashes.iter().chain(&moves.requests);
        if let Some(&process) = acting.find(|&&process| self.local(process).is_none()) {
            return Err(ReplayError::Stopped { round: number, process });
        }
        let mut round = Round { crashes: moves.crashes.iter().copied().collect(), ..Round::default() };
        for &client in &moves.requests {
            let Some(request) = self.next_request(client) else {
                let error = EventError::CannotIssue {
                    client,
                    why: "one is outstanding or its workload is at its end",
                };
                return Err(ReplayError::Event { round: number, error });
            };
            round.requests.insert(client, request.clone());
        }

        let mut inboxes: Vec<Vec<(Process, S::Message)>> = vec![Vec::new(); self.system.size()];
        for from in self.system.processes() {
            for (to, message) in self.local(from).into_iter().flat_map(|local| &local.send) {
                let removed = moves.removed.get(&(from, *to)).copied();
                if removed.is_none() {
                    inboxes[self.system.index(*to)].push((from, message.clone()));
                }
                let message = self.steps.message_json(message);
                round.messages.push(SentMessage { from, to: *to, message, removed });
            }
        }
        let mut calls = Vec::new();
        for (process, received) in self.system.processes().zip(inboxes) {
            if let Some(local) = self.local(process)
                && !moves.crashes.contains(&process)
            {
                let request = round.requests.get(&process).cloned();
                calls.push(Call { process, state: local.state.clone(), request, received });
            }
        }
        let steps = self.steps.steps(&calls)?;
        assert_eq!(steps.len(), calls.len(), "each call has its step");
        let mut locals = vec![None; self.system.size()];
        for (call, step) in calls.iter().zip(steps) {
            check_step(&self.system, call.process, &step, true)?;
            round.responses.extend(step.response.map(|response| (call.process, response)));
            locals[self.system.index(call.process)] = Some(Local { state: step.state, send: step.send });
        }
        let event = |client: Process| ClientEvent {
            client,
            issues: round.requests.contains_key(&client),
            response: round.responses.get(&client),
        };
        let events: Vec<_> = self.system.client_ids().map(event).collect();
        let environment = self
            .environment
            .advance(&self.snapshot.environment, &events)
            .map_err(|error| ReplayError::Event { round: number, error })?;
        self.snapshot = Snapshot { locals, environment };
        self.rounds.push(round);
        Ok(&self.rounds[number - 1])
    }

    fn local(&self, process: Process) -> Option<&Local<S::State, S::Message>> {
        self.snapshot.locals[self.system.index(process)].as_ref()
    }
}

/// The moves that an execution records, round by round.
pub fn replay_moves(execution: &Execution) -> Vec<Moves> {
    let moves = |round: &Round| Moves {
        requests: round.requests.keys().copied().collect(),
        crashes: round.crashes.iter().copied().collect(),
        removed: round
            .messages
            .iter()
            .filter_map(|sent| Some(((sent.from, sent.to), sent.removed?)))
            .collect(),
    };
    execution.rounds.iter().map(moves).collect()
}
