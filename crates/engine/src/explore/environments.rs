use rustc_hash::FxHashMap;
use threeworlds_model::{
    ClientEvent, Environment, EnvironmentState, EventError, Process, Property, Renaming, System,
};

use super::intern::Interner;
use super::local::{Event, NO_EVENT, NO_REQUEST};

/// The environment's states, interned, and its transitions, each computed once.
pub(crate) struct Environments {
    system: System,
    environment: Environment,
    states: Interner<EnvironmentState>,
    facts: Vec<Facts>,
    next: FxHashMap<(u32, Box<[u32]>), u32>,
}

/// What the search asks of an environment state, over and over.
pub(crate) struct Facts {
    /// For each client the position in its workload of the request that may be issued now, or
    /// [`NO_REQUEST`].
    pub(crate) may_issue: Box<[u16]>,
    /// For each client its request that is not answered, as a position in its workload, or [`NO_REQUEST`].
    pub(crate) outstanding: Box<[u16]>,
    /// The property that was violated on the way.
    pub(crate) violation: Option<Property>,
}

impl Environments {
    /// The number of the start state.
    pub(crate) const START: u32 = 0;

    pub(crate) fn new(system: System, environment: Environment) -> Self {
        let start = environment.start();
        let mut environments = Environments {
            system,
            environment,
            states: Interner::new(),
            facts: Vec::new(),
            next: FxHashMap::default(),
        };
        assert_eq!(environments.intern(start), Self::START);
        environments
    }

    pub(crate) fn facts(&self, state: u32) -> &Facts {
        &self.facts[state as usize]
    }

    /// The state after a round with these events, one for each client.
    pub(crate) fn advance<'e>(
        &mut self,
        state: u32,
        events: &[u32],
        event: impl Fn(u32) -> &'e Event,
    ) -> Result<u32, EventError> {
        let nothing_happens = events.iter().all(|&event| event == NO_EVENT);
        if nothing_happens && self.environment.can_idle(self.states.get(state)) {
            return Ok(state);
        }
        if let Some(&next) = self.next.get(&(state, events.into()) as &(u32, Box<[u32]>)) {
            return Ok(next);
        }
        let of = |(client, &number): (Process, &u32)| {
            let event = event(number);
            ClientEvent { client, issues: event.issues, response: event.response.as_ref() }
        };
        let client_events: Vec<ClientEvent<'_>> = self.system.client_ids().zip(events).map(of).collect();
        let next = self.environment.advance(self.states.get(state), &client_events)?;
        let next = self.intern(next);
        self.next.insert((state, events.into()), next);
        Ok(next)
    }

    /// What a state becomes under other names.
    pub(crate) fn renamed(&mut self, state: u32, renaming: &Renaming) -> u32 {
        let renamed = self.states.get(state).renamed(renaming);
        self.intern(renamed)
    }

    /// How many states were met.
    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    /// The most requests that the client has issued in any state met.
    pub(crate) fn most_issued(&self, client: Process) -> u16 {
        (0..self.facts.len() as u32).map(|state| self.states.get(state).issued(client)).max().unwrap_or(0)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.states.len() * 256 + self.next.capacity() * 64
    }

    fn intern(&mut self, state: EnvironmentState) -> u32 {
        let number = self.states.intern(state);
        if number as usize == self.facts.len() {
            let state = self.states.get(number);
            let position = |client: Process, outstanding: bool| {
                let issued = state.issued(client);
                let request = if outstanding {
                    self.environment.outstanding(state, client).map(|_| issued - 1)
                } else {
                    self.environment.next_request(state, client).map(|_| issued)
                };
                request.unwrap_or(NO_REQUEST)
            };
            self.facts.push(Facts {
                may_issue: self.system.client_ids().map(|client| position(client, false)).collect(),
                outstanding: self.system.client_ids().map(|client| position(client, true)).collect(),
                violation: state.violation(),
            });
        }
        number
    }
}
