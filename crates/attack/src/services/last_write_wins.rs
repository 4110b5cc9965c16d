use std::collections::BTreeMap;

use super::{Draws, Effect, Operation, Value};

/// An eventually consistent store of several replicas whose clocks differ: a call goes to one of them, drawn
/// anew for each call, and after each call two of them, drawn too, exchange what they have of its key; the value
/// with the latest timestamp wins. So an acknowledged write can be missing, come back, or be lost for
/// good to an earlier one by a fast clock.
#[derive(Debug)]
pub(crate) struct LastWriteWins {
    replicas: Vec<Replica>,
    draws: Draws,
}

#[derive(Debug)]
struct Replica {
    /// How far its clock is ahead, in microseconds.
    skew: i64,
    values: BTreeMap<String, (Timestamp, Value)>,
}

/// A clock's time in microseconds, then the replica: no two are equal for different writes of one key.
type Timestamp = (i64, usize);

/// How many replicas there are.
const REPLICAS: u64 = 5;
/// How much a clock can be ahead or behind, in microseconds.
const SKEW_MAX: u64 = 100_000;

impl LastWriteWins {
    pub(crate) fn new(seed: u64) -> Self {
        let mut draws = Draws::new(seed ^ 0x1ff);
        let mut skew = || i64::try_from(draws.below(2 * SKEW_MAX + 1)).expect("it is small") - 100_000;
        let replicas = (0..REPLICAS).map(|_| Replica { skew: skew(), values: BTreeMap::new() }).collect();
        LastWriteWins { replicas, draws }
    }

    /// A call at a time in microseconds.
    pub(crate) fn call(&mut self, micros: i64, key: &str, operation: &Operation) -> Effect {
        let index = self.draw();
        let replica = &mut self.replicas[index];
        let present = replica.values.get(key);
        let effect = operation.apply(present.map(|(_, value)| value));
        if let Effect::Written(value) = &effect {
            let timestamp = (micros + replica.skew, index);
            // The replica itself keeps the later one too, though it acknowledges both. At the same time on
            // the same clock the later call is the later write.
            if present.is_none_or(|(latest, _)| *latest <= timestamp) {
                replica.values.insert(key.to_owned(), (timestamp, value.clone()));
            }
        }
        let (one, other) = (self.draw(), self.draw());
        let latest = [one, other].into_iter().filter_map(|index| self.replicas[index].values.get(key));
        if let Some(latest) = latest.max_by_key(|(timestamp, _)| *timestamp).cloned() {
            for index in [one, other] {
                self.replicas[index].values.insert(key.to_owned(), latest.clone());
            }
        }
        effect
    }

    fn draw(&mut self) -> usize {
        usize::try_from(self.draws.below(REPLICAS)).expect("it is small")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::to_raw_value;

    fn value(number: i64) -> Value {
        Value::new(to_raw_value(&number).unwrap()).unwrap()
    }

    #[test]
    fn writes_are_lost_to_fast_clocks_and_reads_agree_in_the_end() {
        let mut overwritten_by_earlier = 0;
        for seed in 0..50 {
            let mut store = LastWriteWins::new(seed);
            for number in 0..20 {
                store.call(number * 1000, "k", &Operation::Write(value(number)));
            }
            let reads: Vec<_> = (0..200).map(|_| store.call(20_000, "k", &Operation::Read)).collect();
            let last = reads.last().unwrap();
            assert!(reads[150..].iter().all(|read| read == last), "the replicas have met");
            overwritten_by_earlier += usize::from(*last != Effect::Shown(value(19)));
        }
        assert!(overwritten_by_earlier > 10, "{overwritten_by_earlier}");
    }
}
