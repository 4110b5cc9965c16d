use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use super::local::Arrival;

/// Inboxes, numbered. Each is kept as its first message, by sender, and the inbox of the others, so that inboxes that
/// differ in few messages share the rest.
pub(crate) struct Inboxes {
    inboxes: Vec<Inbox>,
    numbers: HashTable<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Inbox {
    first: Arrival,
    others: u32,
}

impl Inboxes {
    /// The inbox without messages.
    pub(crate) const EMPTY: u32 = 0;

    pub(crate) fn new() -> Self {
        // Nobody looks at the first message of the empty one.
        let nothing = Inbox { first: Arrival { from: 0, removable: false, message: 0 }, others: Self::EMPTY };
        Inboxes { inboxes: vec![nothing], numbers: HashTable::new() }
    }

    /// The number of the inbox with these messages, which are in the order of their senders.
    pub(crate) fn intern(&mut self, arrivals: &[Arrival]) -> u32 {
        arrivals.iter().rev().fold(Self::EMPTY, |others, &first| self.with(first, others))
    }

    /// The same, of one that has a number.
    pub(crate) fn find(&self, arrivals: &[Arrival]) -> Option<u32> {
        arrivals.iter().rev().try_fold(Self::EMPTY, |others, &first| self.number(Inbox { first, others }))
    }

    /// The number of an inbox with one more message, which comes from a sender before the others.
    pub(crate) fn with(&mut self, first: Arrival, others: u32) -> u32 {
        let inbox = Inbox { first, others };
        if let Some(known) = self.number(inbox) {
            return known;
        }
        let number = u32::try_from(self.inboxes.len()).expect("fewer than 2^32 inboxes fit in memory");
        self.inboxes.push(inbox);
        let inboxes = &self.inboxes;
        let hash = |&number: &u32| FxBuildHasher.hash_one(inboxes[number as usize]);
        self.numbers.insert_unique(FxBuildHasher.hash_one(inbox), number, hash);
        number
    }

    /// The messages, in the order of their senders.
    pub(crate) fn arrivals(&self, mut inbox: u32) -> impl Iterator<Item = Arrival> + Clone {
        std::iter::from_fn(move || {
            let Inbox { first, others } = self.inboxes[inbox as usize];
            let some = inbox != Self::EMPTY;
            inbox = others;
            some.then_some(first)
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.inboxes.capacity() * size_of::<Inbox>() + self.numbers.capacity() * 6
    }

    fn number(&self, inbox: Inbox) -> Option<u32> {
        let same = |&number: &u32| self.inboxes[number as usize] == inbox;
        self.numbers.find(FxBuildHasher.hash_one(inbox), same).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbox_has_one_number_and_the_messages_that_it_was_made_of() {
        let arrival = |from: u8, message: u32| Arrival { from, removable: message % 2 == 0, message };
        let all = [arrival(0, 3), arrival(2, 4), arrival(5, 1)];
        let mut inboxes = Inboxes::new();
        let numbers: Vec<u32> = (0..8u32)
            .map(|subset| {
                let some: Vec<Arrival> =
                    (0..3).filter(|at| subset >> at & 1 == 1).map(|at| all[at as usize]).collect();
                let number = inboxes.intern(&some);
                assert_eq!(inboxes.arrivals(number).collect::<Vec<_>>(), some);
                assert_eq!((inboxes.find(&some), inboxes.intern(&some)), (Some(number), number));
                number
            })
            .collect();
        assert_eq!(numbers[0], Inboxes::EMPTY);
        assert_eq!(numbers.iter().collect::<std::collections::HashSet<_>>().len(), 8);
        assert_eq!(inboxes.find(&[arrival(1, 1)]), None);
    }
}
