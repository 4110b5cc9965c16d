//! The same system for stateright: one action for each subset of the messages that may be lost, or one for each
//! element of the product of distinct next local states, which are computed once for each local situation
//! and kept. Breadth first, one thread, without symmetry. A local state of either is a number, so that it pays
//! for exploring alone. stateright keeps a 64-bit fingerprint of each state, and what two states share a
//! fingerprint it takes for one.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use stateright::{Checker, Model, Property};

use super::rounds::{Global, Inbox, PROCESSES_MAX, Rounds, goes_on, next_round, sent, starts};

/// Distinct states, and transitions that were generated.
pub type Counted = (usize, usize);

/// One action for each subset.
pub fn subsets<R: Rounds, const N: usize>(rounds: R) -> Counted {
    explore(Subsets::<R, N> { rounds, marker: PhantomData })
}

/// One action for each element of the product.
pub fn products<R: Rounds, const N: usize>(rounds: R) -> Counted {
    explore(Products::<R, N> { rounds, known: Mutex::default() })
}

fn explore<M: Model + Send + Sync + 'static>(model: M) -> Counted
where
    M::State: std::hash::Hash + Clone + PartialEq + Send + Sync,
    M::Action: Clone + PartialEq,
{
    let checker = model.checker().threads(1).spawn_bfs().join();
    (checker.unique_state_count(), checker.state_count())
}

struct Subsets<R: Rounds, const N: usize> {
    rounds: R,
    marker: PhantomData<R::Local>,
}

/// Which clients are given a request, and which messages are lost, as bits in the order of receivers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Choice {
    asked: u16,
    lost: u32,
}

impl<R: Rounds, const N: usize> Model for Subsets<R, N> {
    type State = Global<R::Local, N>;
    type Action = Choice;

    fn init_states(&self) -> Vec<Self::State> {
        starts(&self.rounds)
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Choice>) {
        if !goes_on(&self.rounds, state.round) {
            return;
        }
        let (_, _, removable) = sent(&self.rounds, state);
        let may_ask = may_ask(&self.rounds, state);
        let mut asked = 0u16;
        loop {
            actions.extend((0..1u32 << removable).map(|lost| Choice { asked, lost }));
            asked = asked.wrapping_sub(may_ask) & may_ask;
            if asked == 0 {
                return;
            }
        }
    }

    fn next_state(&self, state: &Self::State, choice: Choice) -> Option<Self::State> {
        let (mut inboxes, removable, _) = sent(&self.rounds, state);
        let mut lost = choice.lost;
        for (inbox, mut may) in inboxes.iter_mut().zip(removable) {
            while may != 0 {
                if lost & 1 == 1 {
                    inbox[may.trailing_zeros() as usize] = 0;
                }
                lost >>= 1;
                may &= may - 1;
            }
        }
        let (servers, _) = self.rounds.size();
        let requests = self.rounds.requests(state.monitor);
        let mut next = *state;
        let mut events = [0; PROCESSES_MAX];
        for (process, inbox) in inboxes.iter().enumerate() {
            let asked = process >= servers && choice.asked >> (process - servers) & 1 == 1;
            let request = if asked { requests[process] } else { 0 };
            (next.locals[process], events[process]) =
                self.rounds.step(process, state.locals[process], request, inbox);
        }
        next.monitor = self.rounds.observe(state.monitor, choice.asked, &events[servers..N]);
        next.round = next_round(&self.rounds, state.round);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        always()
    }
}

/// The clients that may be given a request, as bits.
fn may_ask<R: Rounds, const N: usize>(rounds: &R, state: &Global<R::Local, N>) -> u16 {
    let (servers, _) = rounds.size();
    let requests = rounds.requests(state.monitor);
    (servers..N).fold(0, |bits, client| bits | u16::from(requests[client] != 0) << (client - servers))
}

/// Without a property to look for stateright ends at once.
fn always<M: Model>() -> Vec<Property<M>> {
    vec![Property::always("every state is visited", |_, _| true)]
}

struct Products<R: Rounds, const N: usize> {
    rounds: R,
    known: Known<R::Local>,
}

/// The distinct things that can happen in each local situation that was met.
pub type Known<L> = Mutex<HashMap<Situation<L>, Options<L>, rustc_hash::FxBuildHasher>>;

/// What a process's next step depends on, with what the adversary chooses still open.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Situation<L> {
    local: L,
    process: u8,
    removable: u8,
    /// That may be given; 0 for none.
    request: u8,
    inbox: Inbox,
}

/// Whether the request was given, the next state, and the event.
type Options<L> = Arc<[(bool, L, u8)]>;

impl<R: Rounds, const N: usize> Model for Products<R, N> {
    type State = Global<R::Local, N>;
    type Action = Global<R::Local, N>;

    fn init_states(&self) -> Vec<Self::State> {
        starts(&self.rounds)
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        successors(&self.rounds, &self.known, state, actions);
    }

    fn next_state(&self, _: &Self::State, next: Self::Action) -> Option<Self::State> {
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        always()
    }
}

/// Appends the successors of a state: the product, over processes, of their distinct next local states.
pub fn successors<R: Rounds, const N: usize>(
    rounds: &R,
    known: &Known<R::Local>,
    state: &Global<R::Local, N>,
    found: &mut Vec<Global<R::Local, N>>,
) {
    if !goes_on(rounds, state.round) {
        return;
    }
    let (inboxes, removable, _) = sent(rounds, state);
    let (servers, _) = rounds.size();
    let requests = rounds.requests(state.monitor);
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let lists: [Options<R::Local>; N] = std::array::from_fn(|process| {
        let situation = Situation {
            local: state.locals[process],
            process: process as u8,
            removable: removable[process],
            request: requests[process],
            inbox: inboxes[process],
        };
        Arc::clone(known.entry(situation).or_insert_with(|| options(rounds, &situation)))
    });
    let mut next = *state;
    next.round = next_round(rounds, state.round);
    let mut at = [0; N];
    let mut events = [0; PROCESSES_MAX];
    let mut clients_moved = true;
    for (local, list) in next.locals.iter_mut().zip(&lists) {
        *local = list[0].1;
    }
    loop {
        if clients_moved {
            let mut asked = 0u16;
            for client in servers..N {
                let (is_asked, _, event) = lists[client][at[client]];
                asked |= u16::from(is_asked) << (client - servers);
                events[client] = event;
            }
            next.monitor = rounds.observe(state.monitor, asked, &events[servers..N]);
        }
        found.push(next);
        let mut process = 0;
        loop {
            if process == N {
                return;
            }
            at[process] += 1;
            let over = at[process] == lists[process].len();
            if over {
                at[process] = 0;
            }
            next.locals[process] = lists[process][at[process]].1;
            if !over {
                break;
            }
            process += 1;
        }
        clients_moved = process >= servers;
    }
}

fn options<R: Rounds>(rounds: &R, situation: &Situation<R::Local>) -> Options<R::Local> {
    let process = usize::from(situation.process);
    let mut options = Vec::new();
    let mut lost = 0u8;
    loop {
        let mut inbox = situation.inbox;
        for (from, message) in inbox.iter_mut().enumerate() {
            if lost >> from & 1 == 1 {
                *message = 0;
            }
        }
        for request in [0, situation.request].into_iter().take(1 + usize::from(situation.request > 0)) {
            let (next, event) = rounds.step(process, situation.local, request, &inbox);
            options.push((request > 0, next, event));
        }
        lost = lost.wrapping_sub(situation.removable) & situation.removable;
        if lost == 0 {
            break;
        }
    }
    options.sort_unstable();
    options.dedup();
    options.into()
}
