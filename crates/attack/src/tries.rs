use serde_json::{Value as Json, json};
use threeworlds_model::Process;

use crate::derive::INITIAL;
use crate::journal::Outcome;
use crate::plan::{Ask, KvRequest, Workload};
use crate::wire;

/// A request as a sequence of operations: which server is asked for what, one after the other, until one
/// answers definitely. It knows nothing of time, nor of how a server is asked.
#[derive(Debug)]
pub(crate) struct Tries {
    pub(crate) ask: Ask,
    /// Which of the servers is next, from 0.
    server: usize,
    /// How many were tried since the last rest.
    tried: usize,
    /// Whether a read has to tell what the key holds: a comparison failed, or nobody knows about a write.
    reading: bool,
}

impl Tries {
    pub(crate) fn new(ask: Ask) -> Tries {
        Tries { ask, server: 0, tried: 0, reading: false }
    }

    /// Whom to ask next, as a server of the plan, and for what. Nobody, when all were asked: then it is time
    /// for a rest, and [`Tries::again`].
    pub(crate) fn next(&mut self, workload: Workload) -> Option<(Process, KvRequest)> {
        if self.tried >= self.ask.servers.len() {
            return None;
        }
        let server = self.ask.servers[self.server];
        self.server = (self.server + 1) % self.ask.servers.len();
        self.tried += 1;
        let request = match &self.ask.request {
            request if self.reading => KvRequest::Read { key: request.key().clone() },
            KvRequest::WriteOnce { key, value } if workload != Workload::WriteOnce => {
                KvRequest::Cas { key: key.clone(), from: INITIAL.into(), to: value.clone() }
            }
            request => request.clone(),
        };
        Some((server, request))
    }

    /// All servers can be asked once more.
    pub(crate) fn again(&mut self) {
        self.tried = 0;
    }

    /// The operation that [`Tries::next`] gave has ended: the answer to the request, if this is one.
    pub(crate) fn take(
        &mut self,
        operation: &KvRequest,
        outcome: &Outcome,
        workload: Workload,
    ) -> Option<Json> {
        match outcome {
            Outcome::Unknown { .. } => {
                self.after_unknown(workload);
                None
            }
            Outcome::Refused { code, text } if wire::is_answer(*code) => match self.ask.request {
                KvRequest::WriteOnce { .. } if *code == 22 => {
                    // Another was first, or this client itself, unheard. The same server knows.
                    self.reading = true;
                    let servers = self.ask.servers.len();
                    self.server = (self.server + servers - 1) % servers;
                    self.tried = self.tried.saturating_sub(1);
                    None
                }
                // The key is not there yet.
                KvRequest::WriteOnce { .. } => None,
                _ => Some(json!({ "error": code, "text": text })),
            },
            // Not here, not now: the next.
            Outcome::Refused { .. } => None,
            Outcome::Ok(shown) => self.done(operation, shown.clone(), workload),
        }
    }

    fn done(&mut self, operation: &KvRequest, shown: Option<Json>, workload: Workload) -> Option<Json> {
        match (&self.ask.request, operation) {
            (KvRequest::Read { .. }, _) => {
                let shown = shown.unwrap_or(Json::Null);
                let bottom = workload == Workload::WriteOnceKv && shown == INITIAL;
                Some(if bottom { Json::Null } else { shown })
            }
            // Only one such write was sent, so it is done for good, or nobody knows yet.
            (KvRequest::Write { value, .. }, KvRequest::Read { .. }) => shown.filter(|shown| shown == value),
            (KvRequest::Write { value, .. }, _) | (KvRequest::Cas { to: value, .. }, _) => {
                Some(value.clone())
            }
            (KvRequest::WriteOnce { .. }, KvRequest::Read { .. }) => match shown {
                Some(value) if value != INITIAL && !value.is_null() => Some(value),
                // A read that is behind: compare and set once more.
                _ => {
                    self.reading = false;
                    None
                }
            },
            (KvRequest::WriteOnce { value, .. }, _) => Some(shown.unwrap_or_else(|| value.clone())),
        }
    }

    /// Nobody knows whether an operation was done. A read changes nothing, and a write-once nothing the second
    /// time. On a register that may be written often, trying again is one more operation, and judged as one.
    /// But the write that initialises a write-once register must not arrive twice, lest it undo what came in
    /// between: whether it was done, a read has to show.
    fn after_unknown(&mut self, workload: Workload) {
        if workload == Workload::WriteOnceKv && matches!(self.ask.request, KvRequest::Write { .. }) {
            self.reading = true;
        }
    }
}
