//! Any number of servers hold a register that can be overwritten, every step by a majority of them, and no
//! server ever waits for another. It tolerates `f < n/2` servers and any clients that omit to send or to
//! receive (so also crashes), in lock-step and under partial synchrony: it is always linearizable, and from
//! GST on every request is answered. With `f >= n/2` it stops being live and stays linearizable. As it needs
//! nothing but answers from a majority, however late, it does the same under asynchrony, where the
//! write-once register is impossible: nobody has to be the first. It has no compare-and-set, which would
//! decide that. Sources: Attiya, Bar-Noy and Dolev, "Sharing memory robustly in message-passing systems",
//! J. ACM 42(1), 1995; Lynch and Shvartsman, "Robust emulation of shared memory using dynamic
//! quorum-acknowledged broadcasts", FTCS 1997 (several writers).
//!
//! # How it goes
//! A server keeps the highest *stamp* that it was told, with its value, and answers every client's message
//! with both. Stamps are ordered by their number, then by who made them. A request is two exchanges, in each
//! of which the client sends to every server in every round until a majority has answered:
//! - *ask*: what is your stamp? A write then makes a higher one; a read takes the highest it heard of.
//! - *store*: keep this stamp and value, unless you have a higher one.
//!
//! Exchanges are numbered, so that what is late from one is not taken for an answer in the next.
//!
//! # Why it is linearizable
//! When a request is answered, a majority keeps its stamp or a higher one. Any later request asks a server
//! of that majority, so a read takes that stamp or a higher one, and a write makes a higher one. So the order
//! of stamps, reads after the write that they read, is one that the requests can have happened in.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use threeworlds_model::{Process, Protocol, Renaming, Request, Response, Step, Symmetry, System, Value};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtomicRegister {
    servers: u16,
}

/// What a process remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AtomicRegisterState {
    /// A server, with the highest stamp that it was told.
    Server(Option<Stamped>),
    /// A client.
    Client {
        /// The number of its last exchange.
        exchange: u32,
        /// That exchange, while it lasts.
        pending: Option<Exchange>,
    },
}

/// A value with its place in the order of writes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamped {
    /// How many writes it knew of, itself included.
    pub number: u32,
    /// Who wrote it.
    pub writer: Process,
    /// What was written.
    pub value: Value,
}

/// What a client is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Exchange {
    /// The value to write; `None` for a read.
    pub write: Option<Value>,
    /// What is to be stored; `None` while asking. A read of a register that was not written stores nothing.
    pub store: Option<Option<Stamped>>,
    /// The servers that have answered.
    pub answered: BTreeSet<Process>,
    /// The highest stamp that they answered with.
    pub highest: Option<Stamped>,
}

/// What processes send.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AtomicRegisterMessage {
    /// To a server: what is your stamp?
    Ask {
        /// The client's number for the exchange.
        exchange: u32,
    },
    /// To a server: keep this.
    Store {
        /// The client's number for the exchange.
        exchange: u32,
        /// What to keep.
        stamped: Option<Stamped>,
    },
    /// To a client: what the server keeps now.
    Kept {
        /// The client's number for the exchange.
        exchange: u32,
        /// What it keeps.
        stamped: Option<Stamped>,
    },
}

use AtomicRegisterMessage::{Ask, Kept, Store};

impl AtomicRegister {
    /// The protocol for this system.
    pub fn new(system: &System) -> Self {
        AtomicRegister { servers: system.servers }
    }
}

impl Protocol for AtomicRegister {
    type State = AtomicRegisterState;
    type Message = AtomicRegisterMessage;

    fn start(&self, me: Process, _: &System) -> Step<AtomicRegisterState, AtomicRegisterMessage> {
        Step::quiet(match me {
            Process::Server(_) => AtomicRegisterState::Server(None),
            Process::Client(_) => AtomicRegisterState::Client { exchange: 0, pending: None },
        })
    }

    fn step(
        &self,
        me: Process,
        state: &AtomicRegisterState,
        request: Option<&Request>,
        received: &[(Process, AtomicRegisterMessage)],
    ) -> Step<AtomicRegisterState, AtomicRegisterMessage> {
        match state {
            AtomicRegisterState::Server(kept) => server(kept.as_ref(), received),
            AtomicRegisterState::Client { exchange, pending } => match (request, pending) {
                (Some(request), _) => {
                    let write = request.value().cloned();
                    let asking = Exchange { write, store: None, answered: BTreeSet::new(), highest: None };
                    self.send(exchange + 1, asking)
                }
                (None, Some(pending)) => self.client(me, *exchange, pending.clone(), received),
                (None, None) => Step::quiet(state.clone()),
            },
        }
    }

    fn describe(&self, message: &AtomicRegisterMessage) -> String {
        let words = |stamped: &Option<Stamped>| match stamped {
            Some(Stamped { number, writer, value }) => format!("{value} ({number} {writer})"),
            None => "nothing".to_owned(),
        };
        match message {
            Ask { exchange } => format!("ask #{exchange}"),
            Store { exchange, stamped } => format!("store {} #{exchange}", words(stamped)),
            Kept { exchange, stamped } => format!("keeps {} #{exchange}", words(stamped)),
        }
    }

    /// Of stamps with one number the one of the highest writer is the highest.
    fn symmetry(&self) -> Symmetry {
        Symmetry::SERVERS_AND_READERS
    }

    /// Stamps name writers, and these are not renamed.
    fn rename_state(&self, state: &mut AtomicRegisterState, renaming: &Renaming) {
        if let AtomicRegisterState::Client { pending: Some(exchange), .. } = state {
            exchange.answered = exchange.answered.iter().map(|&server| renaming.process(server)).collect();
        }
    }
}

fn server(
    kept: Option<&Stamped>,
    received: &[(Process, AtomicRegisterMessage)],
) -> Step<AtomicRegisterState, AtomicRegisterMessage> {
    let told = received.iter().filter_map(|(_, message)| match message {
        Store { stamped, .. } => stamped.as_ref(),
        Ask { .. } | Kept { .. } => None,
    });
    let kept = told.chain(kept).max().cloned();
    let answer = |(client, message): &(Process, AtomicRegisterMessage)| match message {
        Ask { exchange } | Store { exchange, .. } => {
            Some((*client, Kept { exchange: *exchange, stamped: kept.clone() }))
        }
        Kept { .. } => None,
    };
    let send = received.iter().filter_map(answer).collect();
    Step { state: AtomicRegisterState::Server(kept), send, response: None }
}

/// Clients.
impl AtomicRegister {
    /// A round of an exchange.
    fn client(
        &self,
        me: Process,
        exchange: u32,
        mut pending: Exchange,
        received: &[(Process, AtomicRegisterMessage)],
    ) -> Step<AtomicRegisterState, AtomicRegisterMessage> {
        for (server, message) in received {
            if let Kept { exchange: of, stamped } = message
                && *of == exchange
            {
                pending.answered.insert(*server);
                if pending.store.is_none() && *stamped > pending.highest {
                    pending.highest.clone_from(stamped);
                }
            }
        }
        if 2 * pending.answered.len() <= usize::from(self.servers) {
            return self.send(exchange, pending);
        }
        if let Some(stored) = pending.store {
            let state = AtomicRegisterState::Client { exchange, pending: None };
            let response = Some(Response::Value(stored.map(|stamped| stamped.value)));
            return Step { state, send: Vec::new(), response };
        }
        let store = match &pending.write {
            None => pending.highest,
            Some(value) => {
                let number = pending.highest.map_or(0, |stamped| stamped.number) + 1;
                Some(Stamped { number, writer: me, value: value.clone() })
            }
        };
        let storing =
            Exchange { write: pending.write, store: Some(store), answered: BTreeSet::new(), highest: None };
        self.send(exchange + 1, storing)
    }

    fn send(&self, exchange: u32, pending: Exchange) -> Step<AtomicRegisterState, AtomicRegisterMessage> {
        let message = match &pending.store {
            None => Ask { exchange },
            Some(stamped) => Store { exchange, stamped: stamped.clone() },
        };
        let send = (1..=self.servers).map(|server| (Process::Server(server), message.clone())).collect();
        let state = AtomicRegisterState::Client { exchange, pending: Some(pending) };
        Step { state, send, response: None }
    }
}
