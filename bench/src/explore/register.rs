//! The benchmark model PB(n, m, f, R), a register with a primary: n servers, m clients, at most f servers and
//! any clients omission-faulty, R rounds. And a variant whose servers also remember what they heard in the
//! last two rounds, so that hardly any two of their histories end in the same local state.

use threeworlds_model::{FaultClass, Process, Protocol, Question, Request, Step, System, Workload};

use super::rounds::{Inbox, PROCESSES_MAX, Rounds};

/// PB, with the faulty sets of the question.
#[derive(Debug, Clone)]
pub struct Register {
    pub servers: usize,
    pub clients: usize,
    pub faults: usize,
    pub rounds: u8,
    /// Whether servers remember what they heard.
    pub remembers: bool,
    faulty_sets: Vec<u16>,
}

impl Register {
    pub fn new(servers: usize, clients: usize, faults: usize, rounds: u8, remembers: bool) -> Self {
        let sets = 0..1u16 << (servers + clients);
        let few = |set: &u16| (set & ((1 << servers) - 1)).count_ones() as usize <= faults;
        Register { servers, clients, faults, rounds, remembers, faulty_sets: sets.filter(few).collect() }
    }

    pub fn question(&self) -> Question {
        let omission = FaultClass::Omission;
        let mut question = Question::usual(self.servers, self.faults, self.clients, omission, omission)
            .expect("a system of the benchmark can be asked about");
        question.workload = Workload::empty(&question.system);
        question
    }

    fn message(&self, process: usize, local: u64, to: usize) -> u8 {
        let state = local as u16;
        if process >= self.servers {
            return u8::from(to < self.servers && state == 0);
        }
        let (value, view, wrote) = server(state);
        if to < self.servers {
            return 1 + value;
        }
        if view == process && wrote >> (to - self.servers) & 1 == 1 { value } else { 0 }
    }

    fn step(&self, process: usize, local: u64, inbox: &Inbox) -> u64 {
        let state = local as u16;
        if process >= self.servers {
            if state != 0 {
                return local;
            }
            return inbox[..self.servers].iter().find(|&&value| value > 0).map_or(0, |&value| value.into());
        }
        let (mut value, ..) = server(state);
        let view = inbox[..process].iter().position(|&message| message > 0).unwrap_or(process);
        let mut wrote = 0;
        for client in 0..self.clients {
            wrote |= u16::from(inbox[self.servers + client] > 0) << client;
        }
        if value == 0 && view == process {
            value = if wrote == 0 { 0 } else { wrote.trailing_zeros() as u8 + 1 };
        } else if value == 0 {
            value = inbox[..self.servers].iter().find(|&&message| message > 1).map_or(0, |&state| state - 1);
        }
        let next = u64::from(u16::from(value) | (view as u16) << 4 | wrote << 8);
        if !self.remembers {
            return next;
        }
        // 24 bits of what was heard in this round, above them those of the round before.
        let heard = inbox.iter().rev().fold(0, |heard, &message| heard << 3 | u64::from(message));
        next | heard << 16 | (local >> 16 & ((1 << 24) - 1)) << 40
    }
}

/// Value (0: none), view, and clients whose write arrived in the last round.
fn server(state: u16) -> (u8, usize, u16) {
    ((state & 15) as u8, usize::from(state >> 4 & 15), state >> 8)
}

/// PB itself: a local state is 16 bits.
pub struct Forgetful(pub Register);

/// The variant: 64 bits.
pub struct Remembering(pub Register);

macro_rules! rounds_of {
    ($type:ty, $local:ty) => {
        impl Rounds for $type {
            type Local = $local;

            fn size(&self) -> (usize, usize) {
                (self.0.servers, self.0.clients)
            }

            fn faulty_sets(&self) -> &[u16] {
                &self.0.faulty_sets
            }

            fn rounds(&self) -> Option<u8> {
                Some(self.0.rounds)
            }

            fn start(&self, _: usize) -> $local {
                0
            }

            fn message(&self, process: usize, local: $local, to: usize) -> u8 {
                self.0.message(process, local.into(), to)
            }

            fn step(&self, process: usize, local: $local, _: u8, inbox: &Inbox) -> ($local, u8) {
                (self.0.step(process, local.into(), inbox) as $local, 0)
            }
        }

        /// The same as the engine sees it.
        impl Protocol for $type {
            type State = $local;
            type Message = u8;

            fn start(&self, me: Process, system: &System) -> Step<$local, u8> {
                self.0.sends(me, system, 0)
            }

            fn step(
                &self,
                me: Process,
                state: &$local,
                _: Option<&Request>,
                received: &[(Process, u8)],
            ) -> Step<$local, u8> {
                let system =
                    System { servers: self.0.servers as u16, clients: self.0.clients as u16, ..EMPTY };
                let mut inbox = [0; PROCESSES_MAX];
                for &(from, message) in received {
                    inbox[system.index(from)] = message;
                }
                let next = self.0.step(system.index(me), (*state).into(), &inbox);
                self.0.sends(me, &system, next as $local)
            }
        }
    };
}

const EMPTY: System = System { servers: 0, clients: 0, faults: 0, client_links: false };

rounds_of!(Forgetful, u16);
rounds_of!(Remembering, u64);

impl Register {
    fn sends<L: Copy + Into<u64>>(&self, me: Process, system: &System, state: L) -> Step<L, u8> {
        let process = system.index(me);
        let to = (0..system.size()).filter(|&to| to != process);
        let send = to.map(|to| (system.process(to), self.message(process, state.into(), to)));
        Step { state, send: send.filter(|&(_, message)| message != 0).collect(), response: None }
    }
}
