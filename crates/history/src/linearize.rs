use std::collections::{BTreeMap, BTreeSet};

use crate::specification::Specification;

/// All the ways in which a history so far can be linearized, kept up to date event by event.
///
/// A configuration is a state of the object together with what became of each pending operation: not yet
/// applied, or applied with an output that its caller has yet to see. The set is closed under applying
/// pending operations, so two histories with the same future have equal sets, whatever order their events
/// came in. A history is linearizable as long as the set is not empty.
///
/// Cost of an event: proportional to the number of configurations, at most (states reachable by orders of
/// the pending operations) and so exponential in how many are pending at the same time.
#[derive(Debug, Clone)]
pub struct Linearizations<S: Specification> {
    configurations: BTreeSet<Configuration<S>>,
}

/// There are more ways to linearize a history than can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyConfigurations;

#[derive(Debug)]
struct Configuration<S: Specification> {
    state: S::State,
    pending: BTreeMap<u32, Pending<S>>,
}

#[derive(Debug)]
enum Pending<S: Specification> {
    Waiting(S::Operation),
    Applied(S::Output),
}

impl<S: Specification> Linearizations<S> {
    /// The empty history of an object.
    pub fn new(specification: &S) -> Self {
        let start = Configuration { state: specification.start(), pending: BTreeMap::new() };
        Linearizations { configurations: BTreeSet::from([start]) }
    }

    /// The most configurations that are kept. With more than about 7 operations pending on a log, or 11 on
    /// a register, there can be more.
    pub const MOST: usize = 20_000;

    /// A caller without a pending operation invokes one. An error if there would be more configurations
    /// than [`Linearizations::MOST`]; what is left then is of no use.
    pub fn invoke(
        &mut self,
        specification: &S,
        caller: u32,
        operation: S::Operation,
    ) -> Result<(), TooManyConfigurations> {
        let mut unseen: Vec<Configuration<S>> = Vec::new();
        for mut configuration in std::mem::take(&mut self.configurations) {
            let before = configuration.pending.insert(caller, Pending::Waiting(operation.clone()));
            assert!(before.is_none(), "caller {caller} invokes an operation while another is pending");
            unseen.push(configuration);
        }
        while let Some(configuration) = unseen.pop() {
            if self.configurations.contains(&configuration) {
                continue;
            }
            for (&caller, pending) in &configuration.pending {
                if let Pending::Waiting(operation) = pending {
                    let (state, output) = specification.apply(&configuration.state, operation);
                    let mut pending = configuration.pending.clone();
                    pending.insert(caller, Pending::Applied(output));
                    unseen.push(Configuration { state, pending });
                }
            }
            self.configurations.insert(configuration);
            if self.configurations.len() > Self::MOST {
                return Err(TooManyConfigurations);
            }
        }
        Ok(())
    }

    /// A caller receives the output of its pending operation. Whether the history is still linearizable;
    /// once it is not, it stays so.
    pub fn respond(&mut self, caller: u32, output: &S::Output) -> bool {
        let configurations = std::mem::take(&mut self.configurations);
        self.configurations = configurations
            .into_iter()
            .filter_map(|mut configuration| match configuration.pending.remove(&caller) {
                Some(Pending::Applied(promised)) if promised == *output => Some(configuration),
                _ => None,
            })
            .collect();
        !self.configurations.is_empty()
    }

    /// The same history with other names for its callers, and for what states, operations and outputs speak of. No
    /// function may give two things one name. Cost: proportional to the number of configurations.
    #[must_use]
    pub fn renamed(
        &self,
        caller: impl Fn(u32) -> u32,
        state: impl Fn(&S::State) -> S::State,
        operation: impl Fn(&S::Operation) -> S::Operation,
        output: impl Fn(&S::Output) -> S::Output,
    ) -> Self {
        let pending = |(&number, pending): (&u32, &Pending<S>)| {
            let renamed = match pending {
                Pending::Waiting(waiting) => Pending::Waiting(operation(waiting)),
                Pending::Applied(promised) => Pending::Applied(output(promised)),
            };
            (caller(number), renamed)
        };
        let configuration = |configuration: &Configuration<S>| Configuration {
            state: state(&configuration.state),
            pending: configuration.pending.iter().map(pending).collect(),
        };
        Linearizations { configurations: self.configurations.iter().map(configuration).collect() }
    }
}

// Written out, for derived ones would ask for the traits on the specification itself.
mod comparisons {
    use std::cmp::Ordering;
    use std::hash::{Hash, Hasher};

    use super::{Configuration, Linearizations, Pending};
    use crate::specification::Specification;

    impl<S: Specification> Pending<S> {
        fn key(&self) -> (Option<&S::Operation>, Option<&S::Output>) {
            match self {
                Pending::Waiting(operation) => (Some(operation), None),
                Pending::Applied(output) => (None, Some(output)),
            }
        }
    }

    impl<S: Specification> Clone for Pending<S> {
        fn clone(&self) -> Self {
            match self {
                Pending::Waiting(operation) => Pending::Waiting(operation.clone()),
                Pending::Applied(output) => Pending::Applied(output.clone()),
            }
        }
    }

    impl<S: Specification> Clone for Configuration<S> {
        fn clone(&self) -> Self {
            Configuration { state: self.state.clone(), pending: self.pending.clone() }
        }
    }

    impl<S: Specification> Ord for Pending<S> {
        fn cmp(&self, other: &Self) -> Ordering {
            self.key().cmp(&other.key())
        }
    }

    impl<S: Specification> Ord for Configuration<S> {
        fn cmp(&self, other: &Self) -> Ordering {
            self.state.cmp(&other.state).then_with(|| self.pending.cmp(&other.pending))
        }
    }

    macro_rules! by_order {
        ($kind:ident) => {
            impl<S: Specification> PartialOrd for $kind<S> {
                fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                    Some(self.cmp(other))
                }
            }

            impl<S: Specification> PartialEq for $kind<S> {
                fn eq(&self, other: &Self) -> bool {
                    self.cmp(other) == Ordering::Equal
                }
            }

            impl<S: Specification> Eq for $kind<S> {}
        };
    }
    by_order!(Pending);
    by_order!(Configuration);

    impl<S: Specification> PartialEq for Linearizations<S> {
        fn eq(&self, other: &Self) -> bool {
            self.configurations == other.configurations
        }
    }

    impl<S: Specification> Eq for Linearizations<S> {}

    impl<S: Specification> Hash for Linearizations<S>
    where
        S::State: Hash,
    {
        fn hash<H: Hasher>(&self, hasher: &mut H) {
            self.configurations.len().hash(hasher);
            for configuration in &self.configurations {
                configuration.state.hash(hasher);
                configuration.pending.len().hash(hasher);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Linearizations;
    use crate::specification::{AppendLog, LogOperation, RegisterOperation, WriteOnceRegister};

    use RegisterOperation::{Read, Write};

    #[test]
    fn a_pending_write_may_take_effect_or_not() {
        for seen in [None, Some(1)] {
            let register = WriteOnceRegister::new();
            let mut history = Linearizations::new(&register);
            history.invoke(&register, 1, Write(1)).unwrap();
            history.invoke(&register, 2, Read).unwrap();
            assert!(history.respond(2, &seen));
        }
    }

    #[test]
    fn what_one_read_showed_a_later_read_may_not_miss() {
        let register = WriteOnceRegister::new();
        let mut history = Linearizations::new(&register);
        history.invoke(&register, 1, Write(1)).unwrap();
        history.invoke(&register, 2, Read).unwrap();
        assert!(history.respond(2, &Some(1)));
        history.invoke(&register, 3, Read).unwrap();
        assert!(!history.respond(3, &None));
    }

    #[test]
    fn two_writes_cannot_both_win() {
        let register = WriteOnceRegister::new();
        let mut history = Linearizations::new(&register);
        history.invoke(&register, 1, Write(1)).unwrap();
        history.invoke(&register, 2, Write(2)).unwrap();
        assert!(history.respond(1, &Some(1)));
        assert!(!history.respond(2, &Some(2)));
    }

    #[test]
    fn the_answer_to_an_append_ends_in_its_own_entry() {
        let log = AppendLog::new();
        let mut history = Linearizations::new(&log);
        history.invoke(&log, 1, LogOperation::Append(1)).unwrap();
        history.invoke(&log, 2, LogOperation::Append(2)).unwrap();
        let both = history.clone();
        assert!(history.respond(1, &vec![2, 1]));
        assert!(history.respond(2, &vec![2]));
        let mut history = both;
        assert!(!history.respond(1, &vec![1, 2]));
    }

    #[test]
    fn too_many_ways_are_an_error() {
        let log = AppendLog::new();
        let mut history = Linearizations::new(&log);
        let outcomes: Vec<bool> =
            (0..9).map(|caller| history.invoke(&log, caller, LogOperation::Append(caller)).is_ok()).collect();
        assert!(outcomes[..7].iter().all(|&kept| kept) && !outcomes[8], "{outcomes:?}");
    }

    #[test]
    fn the_order_of_simultaneous_invocations_leaves_no_trace() {
        let register = WriteOnceRegister::new();
        let mut first = Linearizations::new(&register);
        first.invoke(&register, 1, Write(1)).unwrap();
        first.invoke(&register, 2, Write(2)).unwrap();
        let mut second = Linearizations::new(&register);
        second.invoke(&register, 2, Write(2)).unwrap();
        second.invoke(&register, 1, Write(1)).unwrap();
        assert_eq!(first, second);
    }
}
