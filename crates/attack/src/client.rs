//! A client that plays the requests of a plan, one at a time: it tries the servers in order, each try is one
//! operation of the journal, and a try without a definite end is *unknown*, never *not done*.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value as Json, json};
use threeworlds_model::Process;

use crate::journal::{Outcome, What};
use crate::plan::{Ask, KvRequest, Workload};
use crate::router::Router;
use crate::tries::Tries;
use crate::wire::{self, Reply};

/// What all clients of a run use.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) router: Router,
    /// Which node plays which server of the plan.
    pub(crate) roles: Vec<Process>,
    pub(crate) workload: Workload,
    pub(crate) operations: usize,
    pub(crate) operation_timeout: Option<Duration>,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    id: Process,
    waiting: VecDeque<Ask>,
    current: Option<Asking>,
    messages: u64,
}

#[derive(Debug)]
struct Asking {
    tries: Tries,
    deadline: Instant,
    rest: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The next server can be tried.
    Free,
    /// An operation is under way.
    Called { operation: usize, message: u64, server: Process, request: KvRequest, until: Instant },
    /// All servers refused.
    Resting { until: Instant },
}

/// How long a client rests when all servers refused, at first and at most.
const REST: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));
/// The least time that an operation gets, if the request's deadline allows it.
const OPERATION_TIMEOUT_MIN: Duration = Duration::from_millis(100);

impl Client {
    pub(crate) fn new(id: Process) -> Self {
        Client { id, waiting: VecDeque::new(), current: None, messages: 0 }
    }

    /// Asks, as soon as what was asked before has ended.
    pub(crate) fn ask(&mut self, ask: Ask, now: Instant, desk: &mut Desk) {
        self.waiting.push_back(ask);
        self.advance(now, desk);
    }

    /// Whether no request is under way or waiting.
    pub(crate) fn is_idle(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }

    /// When time alone changes something.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let asking = self.current.as_ref()?;
        Some(match asking.state {
            State::Free => asking.deadline,
            State::Called { until, .. } | State::Resting { until } => until.min(asking.deadline),
        })
    }

    /// Gives the request under way that much more time.
    pub(crate) fn postpone(&mut self, by: Duration) {
        let Some(asking) = &mut self.current else { return };
        asking.deadline += by;
        match &mut asking.state {
            State::Called { until, .. } | State::Resting { until } => *until += by,
            State::Free => {}
        }
    }

    /// Gives up all requests, because the run ends.
    pub(crate) fn give_up(&mut self, now: Instant, why: &str, desk: &mut Desk) {
        self.waiting.clear();
        self.end_operation(now, Outcome::Unknown { why: why.to_owned() }, desk);
        self.answer(now, None, desk);
    }

    /// Does what is due.
    pub(crate) fn advance(&mut self, now: Instant, desk: &mut Desk) {
        loop {
            let Some(asking) = &mut self.current else {
                let Some(ask) = self.waiting.pop_front() else { return };
                let deadline = now + Duration::from_millis(ask.deadline_milliseconds);
                self.current =
                    Some(Asking { tries: Tries::new(ask), deadline, rest: REST.0, state: State::Free });
                continue;
            };
            if now >= asking.deadline {
                let milliseconds = asking.tries.ask.deadline_milliseconds;
                let why = format!("no reply within the request's {milliseconds} ms");
                self.end_operation(now, Outcome::Unknown { why }, desk);
                self.answer(now, None, desk);
                continue;
            }
            match &asking.state {
                State::Called { until, .. } if now >= *until => {
                    let why = "no reply in time".to_owned();
                    self.take_outcome(now, Outcome::Unknown { why }, desk);
                }
                State::Resting { until } if now >= *until => {
                    asking.tries.again();
                    asking.state = State::Free;
                }
                State::Free => self.call(now, desk),
                State::Called { .. } | State::Resting { .. } => return,
            }
        }
    }

    /// Takes a reply.
    pub(crate) fn reply(&mut self, now: Instant, from: Process, body: &RawValue, desk: &mut Desk) {
        let ignored = |why: String, desk: &mut Desk| {
            desk.router.ignored(now, self.id, from, why);
        };
        let reply: Reply = match serde_json::from_str(body.get()) {
            Ok(reply) => reply,
            Err(error) => return ignored(format!("it is no reply: {error}"), desk),
        };
        let Some(to) = reply.in_reply_to.as_u64() else {
            return ignored("it has no `in_reply_to` that is a message number".to_owned(), desk);
        };
        let awaited = match &self.current {
            Some(Asking { state: State::Called { message, server, .. }, .. }) => Some((*message, *server)),
            _ => None,
        };
        match awaited {
            Some((message, server)) if message == to && server == from => {}
            Some((message, server)) if message == to => {
                return ignored(format!("message {to} was sent to {server}"), desk);
            }
            _ if to == 0 || to > self.messages => return ignored(format!("there is no message {to}"), desk),
            _ => return ignored(format!("message {to} is not waited for any more"), desk),
        }
        self.take_reply(now, reply, desk);
        self.advance(now, desk);
    }

    /// Asks the next server.
    fn call(&mut self, now: Instant, desk: &mut Desk) {
        let asking = self.current.as_mut().expect("a request is under way");
        let Some((role, request)) = asking.tries.next(desk.workload) else {
            asking.state = State::Resting { until: (now + asking.rest).min(asking.deadline) };
            asking.rest = (asking.rest * 2).min(REST.1);
            return;
        };
        let server = desk.roles[usize::from(role.number()) - 1];
        let left = asking.deadline - now;
        let deadline = Duration::from_millis(asking.tries.ask.deadline_milliseconds);
        let timeout = desk.operation_timeout.unwrap_or(deadline / 4).max(OPERATION_TIMEOUT_MIN).min(left);
        self.messages += 1;
        let message = self.messages;
        let operation = desk.operations;
        desk.operations += 1;
        let body = body(&request, message, desk.workload);
        asking.state =
            State::Called { operation, message, server, request: request.clone(), until: now + timeout };
        desk.router.record(now, What::Called { operation, client: self.id, server, request });
        desk.router.from_client(now, self.id, server, &body);
    }

    fn take_reply(&mut self, now: Instant, reply: Reply, desk: &mut Desk) {
        let Some(Asking { state: State::Called { request, .. }, .. }) = &self.current else { return };
        let outcome = outcome(request, reply, desk.workload);
        self.take_outcome(now, outcome, desk);
    }

    /// The operation under way has ended.
    fn take_outcome(&mut self, now: Instant, outcome: Outcome, desk: &mut Desk) {
        let Some(Asking { state: State::Called { request, .. }, tries, .. }) = &mut self.current else {
            return;
        };
        let answer = tries.take(request, &outcome, desk.workload);
        self.end_operation(now, outcome, desk);
        if answer.is_some() {
            self.answer(now, answer, desk);
        }
    }

    fn end_operation(&mut self, now: Instant, outcome: Outcome, desk: &mut Desk) {
        if let Some(asking) = &mut self.current
            && let State::Called { operation, .. } = std::mem::replace(&mut asking.state, State::Free)
        {
            desk.router.record(now, What::Ended { operation, outcome });
        }
    }

    fn answer(&mut self, now: Instant, answer: Option<Json>, desk: &mut Desk) {
        if let Some(asking) = self.current.take() {
            let request = asking.tries.ask.request;
            desk.router.record(now, What::Answered { client: self.id, request, answer });
        }
    }
}

/// The body of a request.
pub(crate) fn body(request: &KvRequest, message: u64, workload: Workload) -> Box<RawValue> {
    let body = match request {
        KvRequest::Read { key } if workload == Workload::WriteOnce => {
            json!({ "type": "read-once", "key": key, "msg_id": message })
        }
        KvRequest::Read { key } => json!({ "type": "read", "key": key, "msg_id": message }),
        KvRequest::Write { key, value } => {
            json!({ "type": "write", "key": key, "value": value, "msg_id": message })
        }
        KvRequest::Cas { key, from, to } => {
            json!({ "type": "cas", "key": key, "from": from, "to": to, "msg_id": message })
        }
        KvRequest::WriteOnce { key, value } => {
            json!({ "type": "write-once", "key": key, "value": value, "msg_id": message })
        }
    };
    to_raw_value(&body).expect("a JSON value can be written")
}

/// What a reply says about an operation.
pub(crate) fn outcome(request: &KvRequest, reply: Reply, workload: Workload) -> Outcome {
    let expected = match request {
        KvRequest::Read { .. } if workload == Workload::WriteOnce => "read-once_ok",
        KvRequest::Read { .. } => "read_ok",
        KvRequest::Write { .. } => "write_ok",
        KvRequest::Cas { .. } => "cas_ok",
        KvRequest::WriteOnce { .. } => "write-once_ok",
    };
    let shows = matches!(request, KvRequest::Read { .. } | KvRequest::WriteOnce { .. });
    if reply.message_type == expected {
        return match reply.value {
            Some(value) if shows => Outcome::Ok(Some(value)),
            None if shows => Outcome::Unknown { why: format!("its `{expected}` has no `value`") },
            _ => Outcome::Ok(None),
        };
    }
    if reply.message_type != "error" {
        let got = wire::shorten(&reply.message_type, 40);
        return Outcome::Unknown { why: format!("a reply of type `{got}` instead of `{expected}`") };
    }
    let text = match &reply.text {
        Json::String(text) => wire::shorten(text, 200),
        Json::Null => String::new(),
        other => wire::shorten(&other.to_string(), 200),
    };
    match reply.code.as_i64() {
        // A key that nobody has written is a thing that a read can show.
        Some(20) if matches!(request, KvRequest::Read { .. }) => Outcome::Ok(Some(Json::Null)),
        Some(code) if wire::is_definite(code) => Outcome::Refused { code, text },
        Some(code) => Outcome::Unknown { why: format!("error {code}: {text}") },
        None => Outcome::Unknown { why: format!("an error without a code: {text}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time for which nobody listened counts neither for the operation nor for the request.
    #[test]
    fn a_request_that_is_postponed_has_its_whole_time() {
        let start = Instant::now();
        let mut desk = Desk {
            router: Router::new(1, 1, Duration::ZERO, 100, start),
            roles: vec![Process::Server(1)],
            workload: Workload::LinKv,
            operations: 0,
            operation_timeout: Some(Duration::from_millis(400)),
        };
        let mut client = Client::new(Process::Client(1));
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let ask = Ask {
            client: Process::Client(1),
            request: KvRequest::Read { key: 1.into() },
            servers: vec![Process::Server(1)],
            deadline_milliseconds: 1000,
        };
        client.ask(ask, start, &mut desk);
        assert_eq!(client.next_due(), Some(after(400)));
        client.postpone(Duration::from_millis(5000));
        client.advance(after(5300), &mut desk);
        assert_eq!(client.next_due(), Some(after(5400)));
        client.advance(after(5999), &mut desk);
        assert!(!client.is_idle());
        client.advance(after(6000), &mut desk);
        assert!(client.is_idle());
        let last = desk.router.journal().events.last().map(|event| event.what.clone());
        assert!(matches!(last, Some(What::Answered { answer: None, .. })));
    }
}
