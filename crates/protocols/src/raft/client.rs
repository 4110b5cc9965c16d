use threeworlds_model::{Process, Request, Response, Step};

use super::RaftMessage;

/// The client library finds the leader: it asks one server, in every round until it is answered. It follows
/// a server's word about who leads, and goes on to the next server when it has waited long enough.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct RaftClient {
    /// How many requests there were.
    number: u16,
    pending: Option<Request>,
    /// Which server it asks, counted from 0.
    asked: u16,
    /// For how many rounds it has asked that one in vain.
    waited: u16,
}

/// For how many rounds a client asks one server: as long as an answer takes where nothing is lost and the
/// leader is asked.
const CLIENT_PATIENCE: u16 = 4;

impl RaftClient {
    pub(super) fn next(
        &self,
        servers: u16,
        request: Option<&Request>,
        received: &[(Process, RaftMessage)],
    ) -> Step<RaftClient, RaftMessage> {
        let mut next = self.clone();
        if let Some(request) = request {
            next.number += 1;
            next.pending = Some(request.clone());
            next.waited = 0;
        }
        let Some(pending) = next.pending.clone() else { return Step::quiet(next) };
        if let Some(response) = received.iter().find_map(|(_, message)| next.answer(message)) {
            next.pending = None;
            return Step { state: next, send: Vec::new(), response: Some(response) };
        }
        let asked = Process::Server(next.asked + 1);
        let redirect = received.iter().find_map(|(from, message)| match message {
            RaftMessage::Redirect { leader } if *from == asked => *leader,
            _ => None,
        });
        next.waited += u16::from(request.is_none());
        if let Some(leader) = redirect {
            (next.asked, next.waited) = (leader - 1, 0);
        } else if next.waited > CLIENT_PATIENCE {
            (next.asked, next.waited) = ((next.asked + 1) % servers, 0);
        }
        let message = RaftMessage::Request { number: next.number, request: pending };
        let send = vec![(Process::Server(next.asked + 1), message)];
        Step { state: next, send, response: None }
    }

    fn answer(&self, message: &RaftMessage) -> Option<Response> {
        match message {
            RaftMessage::Reply { number, response } if *number == self.number => Some(response.clone()),
            _ => None,
        }
    }
}
