use std::collections::{BTreeMap, VecDeque};

use threeworlds_model::Process;

use super::{Draws, Effect, Operation, Value};

/// A sequentially consistent store: every caller sees the states of one store in their order, but may be
/// behind. A call that changes nothing may be answered from any state that is not older than the last one
/// its caller has seen, and not older than [`STATES_BEHIND_MAX`] changes; one that changes something is
/// applied to the newest state, which its caller has then seen.
#[derive(Debug)]
pub(crate) struct Sequential {
    newest: BTreeMap<String, Value>,
    /// The last changes, oldest first: the key, and the value that it had before.
    changes: VecDeque<(String, Option<Value>)>,
    /// The number of the newest state.
    version: u64,
    /// The number of the last state that each caller has seen.
    seen: BTreeMap<Process, u64>,
    draws: Draws,
}

/// How many changes an answer may be behind.
const STATES_BEHIND_MAX: usize = 32;

impl Sequential {
    pub(crate) fn new(seed: u64) -> Self {
        Sequential {
            newest: BTreeMap::new(),
            changes: VecDeque::new(),
            version: 0,
            seen: BTreeMap::new(),
            draws: Draws::new(seed ^ 0x5e9),
        }
    }

    pub(crate) fn call(&mut self, caller: Process, key: &str, operation: &Operation) -> Effect {
        let seen = self.seen.get(&caller).copied().unwrap_or(0);
        let oldest = seen.max(self.version - self.changes.len() as u64);
        let version = oldest + self.draws.below(self.version - oldest + 1);
        let effect = operation.apply(self.value_at(version, key));
        if !matches!(effect, Effect::Written(_)) {
            self.seen.insert(caller, version);
            return effect;
        }
        // A change is never made to the past.
        let effect = operation.apply(self.newest.get(key));
        if let Effect::Written(value) = &effect {
            let before = self.newest.insert(key.to_owned(), value.clone());
            self.changes.push_back((key.to_owned(), before));
            if self.changes.len() > STATES_BEHIND_MAX {
                self.changes.pop_front();
            }
            self.version += 1;
        }
        self.seen.insert(caller, self.version);
        effect
    }

    /// The value that a key had in a state that is not too old.
    fn value_at(&self, version: u64, key: &str) -> Option<&Value> {
        let behind = usize::try_from(self.version - version).expect("few changes are kept");
        let later = self.changes.range(self.changes.len() - behind..);
        match later.into_iter().find(|(changed, _)| changed == key) {
            Some((_, before)) => before.as_ref(),
            None => self.newest.get(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::to_raw_value;

    fn value(number: u64) -> Value {
        Value::new(to_raw_value(&number).unwrap()).unwrap()
    }

    /// Every caller's answers are from states whose numbers never fall, its own writes are seen by itself, and
    /// somebody is behind at times; the states are kept whole here, as the naive twin.
    #[test]
    fn each_caller_moves_forward_through_the_states_and_some_are_behind() {
        let mut store = Sequential::new(1);
        let mut draws = Draws::new(2);
        let mut states: Vec<[Option<u64>; 2]> = vec![[None, None]];
        let mut floor = [0usize; 3];
        let mut behind = 0;
        for number in 0..20_000u64 {
            let caller = usize::try_from(draws.below(3)).unwrap();
            let key = usize::try_from(draws.below(2)).unwrap();
            let process = Process::Server(u16::try_from(caller).unwrap() + 1);
            let newest = states.len() - 1;
            if draws.below(3) == 0 {
                let effect = store.call(process, &key.to_string(), &Operation::Write(value(number)));
                assert_eq!(effect, Effect::Written(value(number)));
                let mut next = states[newest];
                next[key] = Some(number);
                states.push(next);
                floor[caller] = newest + 1;
            } else {
                let shown = match store.call(process, &key.to_string(), &Operation::Read) {
                    Effect::Shown(value) => Some(value.text().parse::<u64>().unwrap()),
                    Effect::NoSuchKey => None,
                    other => panic!("{other:?}"),
                };
                let version = (floor[caller]..=newest).find(|&version| states[version][key] == shown);
                floor[caller] = version.expect("the answer is from a state that the caller may see");
                behind += usize::from(states[newest][key] != shown);
            }
        }
        assert!(behind > 1000, "{behind} answers were behind");
    }
}
