use std::time::{Duration, Instant};

use serde_json::Value as Json;
use threeworlds_model::Process;

use super::playing::Desk;
use crate::journal::{Outcome, What};
use crate::namespaces::LabRun;
use crate::plan::{Ask, KvRequest};
use crate::subject::Call;
use crate::tries::Tries;

/// A client that plays the requests of a plan, one at a time, each operation as a command on its own host.
#[derive(Debug)]
pub(super) struct Client {
    id: Process,
    current: Option<Asking>,
}

#[derive(Debug)]
struct Asking {
    tries: Tries,
    deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The next server can be tried.
    Free,
    /// An operation is under way.
    Running { operation: usize, request: KvRequest, call: Box<Call>, run: LabRun },
    /// All servers were tried.
    Resting { until: Instant },
}

/// The least time in which an operation can be tried at all.
const OPERATION_MIN: Duration = Duration::from_millis(20);

impl Client {
    pub(super) fn new(id: Process) -> Client {
        Client { id, current: None }
    }

    /// Begins to ask. It must be idle.
    pub(super) fn ask(&mut self, ask: Ask, desk: &mut Desk) -> Result<(), String> {
        assert!(self.current.is_none(), "a plan lets a client ask one thing at a time");
        let deadline = Instant::now() + Duration::from_millis(ask.deadline_milliseconds);
        self.current = Some(Asking { tries: Tries::new(ask), deadline, state: State::Free });
        self.advance(desk)
    }

    /// Whether no request is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.current.is_none()
    }

    /// Does what is due. An error is one of the lab, or of a request that the subject has no operation for.
    pub(super) fn advance(&mut self, desk: &mut Desk) -> Result<(), String> {
        while let Some(asking) = &mut self.current {
            let now = Instant::now();
            match &mut asking.state {
                State::Running { operation, request, call, run } => {
                    // Whatever it says late, its deadline is the request's at most.
                    let Some(output) = run.try_wait().map_err(|error| error.to_string())? else {
                        return Ok(());
                    };
                    let outcome = call.outcome(&output);
                    let answer = asking.tries.take(request, &outcome, desk.workload);
                    desk.record(What::Ended { operation: *operation, outcome });
                    asking.state = State::Free;
                    if answer.is_some() {
                        self.answer(answer, desk);
                    }
                }
                _ if asking.deadline.saturating_duration_since(now) < OPERATION_MIN => {
                    if now < asking.deadline {
                        return Ok(());
                    }
                    self.answer(None, desk);
                }
                State::Resting { until } if now < *until => return Ok(()),
                State::Resting { .. } => {
                    asking.tries.again();
                    asking.state = State::Free;
                }
                State::Free => self.call(now, desk)?,
            }
        }
        Ok(())
    }

    /// Asks the next server.
    fn call(&mut self, now: Instant, desk: &mut Desk) -> Result<(), String> {
        let asking = self.current.as_mut().expect("a request is under way");
        let Some((role, request)) = asking.tries.next(desk.workload) else {
            asking.state = State::Resting { until: now + desk.cluster.subject().times.rest };
            return Ok(());
        };
        let server = desk.roles[usize::from(role.number()) - 1];
        let call = desk.cluster.subject().call(desk.cluster.site(), self.id, server, &request)?;
        let deadline = call.deadline.min(asking.deadline.saturating_duration_since(now));
        let operation = desk.next_operation();
        // Before it starts, so that nothing that it does is earlier than it was asked for.
        desk.record(What::Called { operation, client: self.id, server, request: request.clone() });
        let run = desk.lab.begin(self.id, &call.command, deadline).map_err(|error| error.to_string())?;
        asking.state = State::Running { operation, request, call: Box::new(call), run };
        Ok(())
    }

    /// Gives up, because the run ends. What is under way may still be done.
    pub(super) fn give_up(&mut self, desk: &mut Desk) {
        if let Some(Asking { state: State::Running { operation, .. }, .. }) = &self.current {
            let outcome = Outcome::Unknown { why: "the run was ended".to_owned() };
            desk.record(What::Ended { operation: *operation, outcome });
        }
        self.answer(None, desk);
    }

    fn answer(&mut self, answer: Option<Json>, desk: &mut Desk) {
        if let Some(asking) = self.current.take() {
            desk.record(What::Answered { client: self.id, request: asking.tries.ask.request, answer });
        }
    }
}
