//! What clients did in a long run, key by key. Linearizability is local (Herlihy and Wing 1990, theorem 1): a
//! history is linearizable if that of each key is. So a key that was asked about often enough is not asked
//! about any more, its history is judged and forgotten, and another takes its place: memory is bounded by the
//! keys in use, and so is the time that judging takes, which grows with requests that are never answered.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use threeworlds_model::Process;

use crate::journal::{Event, Journal, Outcome, What};
use crate::judge::{Finding, only_safety};
use crate::plan::Workload;

#[derive(Debug)]
pub(super) struct Books {
    workload: Workload,
    /// The keys in use, each with what was asked about it. Keys are numbered from 1.
    open: BTreeMap<u64, Book>,
    /// The key that each operation under way is about.
    under_way: BTreeMap<usize, u64>,
    /// The clients whose requests are not over. A request may take several operations.
    asking: BTreeSet<Process>,
    next_key: u64,
    /// What happened to the network and to servers, and is kept.
    network: Vec<Event>,
    pub(super) counts: Counts,
}

/// What happened in a long run, in numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// Operations that were done.
    pub done: u64,
    /// Operations that certainly were not.
    pub refused: u64,
    /// Operations of which nobody knows.
    pub unknown: u64,
    /// Keys that were judged to their end.
    pub keys: u64,
    /// How often links were cut.
    pub cuts: u64,
    /// The longest time without an operation that was done, in seconds, while links were cut and while not.
    pub longest_silence: [f64; 2],
    /// Keys whose histories could not be judged, and why the first could not.
    pub undecided: u64,
    /// Why.
    pub why_undecided: Option<String>,
}

#[derive(Debug, Default)]
struct Book {
    events: Vec<Event>,
    operations: u32,
    /// Requests that are not over.
    asked: u32,
    /// How many events there were when it was judged last.
    judged: usize,
}

/// A key is retired after so many operations: enough for any mistake to show, and few enough to be judged in
/// a moment.
const OPERATIONS_OF_A_KEY: u32 = 400;
/// Or of a register that takes one value: after the first few there is nothing more to learn.
const OPERATIONS_OF_A_REGISTER: u32 = 24;
/// How much of what happened to the network is kept at least.
const NETWORK_EVENTS: usize = 20_000;

impl Books {
    pub(super) fn new(workload: Workload, keys: u64) -> Books {
        Books {
            workload,
            open: (1..=keys).map(|key| (key, Book::default())).collect(),
            under_way: BTreeMap::new(),
            asking: BTreeSet::new(),
            next_key: keys + 1,
            network: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// The keys that may be asked about, in order. A key that has had its share is not among them.
    pub(super) fn keys(&self) -> impl Iterator<Item = u64> {
        let share = self.share();
        self.open.iter().filter(move |(_, book)| book.operations < share).map(|(&key, _)| key)
    }

    fn share(&self) -> u32 {
        match self.workload {
            Workload::LinKv => OPERATIONS_OF_A_KEY,
            Workload::WriteOnceKv | Workload::WriteOnce => OPERATIONS_OF_A_REGISTER,
        }
    }

    /// Takes down what happened.
    pub(super) fn take(&mut self, event: Event) {
        let key = match &event.what {
            What::Called { operation, request, client, .. } => {
                let key = number(request.key());
                self.under_way.insert(*operation, key);
                let is_first = self.asking.insert(*client);
                let Some(book) = self.open.get_mut(&key) else { return };
                book.operations += 1;
                book.asked += u32::from(is_first);
                key
            }
            What::Ended { operation, outcome } => {
                match outcome {
                    Outcome::Ok(_) => self.counts.done += 1,
                    Outcome::Refused { .. } => self.counts.refused += 1,
                    Outcome::Unknown { .. } => self.counts.unknown += 1,
                }
                let Some(key) = self.under_way.remove(operation) else { return };
                key
            }
            What::Answered { request, client, .. } => {
                let key = number(request.key());
                if self.asking.remove(client)
                    && let Some(book) = self.open.get_mut(&key)
                {
                    book.asked = book.asked.saturating_sub(1);
                }
                key
            }
            _ => {
                self.keep(event);
                return;
            }
        };
        // A key that is judged and forgotten is never begun again: without its history it would look wrong.
        if let Some(book) = self.open.get_mut(&key) {
            book.events.push(event);
        }
    }

    fn keep(&mut self, event: Event) {
        let begins_healed = |event: &Event| matches!(&event.what, What::Cut { links } if links.is_empty());
        self.counts.cuts += u64::from(matches!(&event.what, What::Cut { links } if !links.is_empty()));
        self.network.push(event);
        if self.network.len() > 2 * NETWORK_EVENTS {
            // From a moment at which nothing was cut, so that what is kept makes sense by itself.
            let from = (self.network.len() - NETWORK_EVENTS..self.network.len())
                .find(|&position| begins_healed(&self.network[position]));
            self.network.drain(..from.unwrap_or(0));
        }
    }

    /// Judges the keys that have had their share and rest, and forgets them; if `all`, judges the others too,
    /// as far as they are. The journal of a key whose history is a violation, with all that happened to the
    /// network.
    pub(super) fn judge(&mut self, all: bool) -> Option<Journal> {
        let share = self.share();
        let ready: Vec<(u64, bool)> = self
            .open
            .iter()
            .map(|(&key, book)| (key, book.operations >= share && book.asked == 0))
            .filter(|&(key, is_over)| {
                is_over || (all && self.open[&key].judged < self.open[&key].events.len())
            })
            .collect();
        for (key, is_over) in ready {
            let book = self.open.get_mut(&key).expect("it was just found");
            let journal = Journal { events: std::mem::take(&mut book.events), not_kept: 0 };
            let (_, finding) = only_safety(self.workload, &journal);
            if let Finding::Violated(_) = finding {
                return Some(self.with_network(journal));
            }
            book.judged = journal.events.len();
            book.events = journal.events;
            if is_over {
                self.counts.keys += 1;
                if let Finding::Unknown(why) = finding {
                    self.counts.undecided += 1;
                    self.counts.why_undecided.get_or_insert(why);
                }
                self.open.remove(&key);
                self.open.insert(self.next_key, Book::default());
                self.next_key += 1;
            }
        }
        None
    }

    /// The run is over: what is still open is judged to its end.
    pub(super) fn close(&mut self) -> Option<Journal> {
        for book in std::mem::take(&mut self.open).into_values().filter(|book| book.operations > 0) {
            let journal = Journal { events: book.events, not_kept: 0 };
            match only_safety(self.workload, &journal).1 {
                Finding::Violated(_) => return Some(self.with_network(journal)),
                Finding::Unknown(why) => {
                    self.counts.undecided += 1;
                    self.counts.why_undecided.get_or_insert(why);
                }
                Finding::Kept => {}
            }
            self.counts.keys += 1;
        }
        None
    }

    /// What happened to the network, and what is known of clients.
    pub(super) fn with_network(&self, journal: Journal) -> Journal {
        let mut events = [journal.events, self.network.clone()].concat();
        events.sort_by_key(|event| event.at);
        Journal { events, not_kept: 0 }
    }
}

fn number(key: &Json) -> u64 {
    key.as_u64().expect("keys of long runs are numbers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::KvRequest;

    /// A client writes in its even operations, and reads this value in the odd ones.
    fn say(books: &mut Books, operation: usize, key: u64, value: u64) {
        let (client, server) = (Process::Client(1), Process::Server(1));
        let (request, outcome) = match operation % 2 {
            0 => (KvRequest::Write { key: key.into(), value: value.into() }, Outcome::Ok(None)),
            _ => (KvRequest::Read { key: key.into() }, Outcome::Ok(Some(value.into()))),
        };
        let at = operation as u64 * 10;
        let called = What::Called { operation, client, server, request: request.clone() };
        books.take(Event { at, what: called });
        books.take(Event { at: at + 5, what: What::Ended { operation, outcome } });
        books.take(Event { at: at + 5, what: What::Answered { client, request, answer: Some(1.into()) } });
    }

    /// A client writes and reads in turn; from the `lost`-th operation on reads show the value before the last.
    fn tell(books: &mut Books, operations: usize, lost: usize) -> Option<Journal> {
        for operation in 0..operations {
            let key = books.keys().next().expect("there is always a key");
            let value = operation as u64 / 2;
            let stale = operation % 2 == 1 && operation >= lost;
            say(books, operation, key, if stale { value.wrapping_sub(1) } else { value });
            if let Some(violation) = books.judge(operation % 50 == 0) {
                return Some(violation);
            }
        }
        books.close()
    }

    #[test]
    fn keys_are_judged_and_forgotten() {
        let mut books = Books::new(Workload::LinKv, 2);
        let operations = 10 * OPERATIONS_OF_A_KEY as usize + 10;
        assert_eq!(tell(&mut books, operations, usize::MAX), None);
        assert_eq!((books.counts.done, books.counts.undecided), (operations as u64, 0));
        assert_eq!(books.counts.keys, 11);
        assert!(books.open.is_empty() && books.under_way.is_empty());
    }

    #[test]
    fn a_stale_read_is_found_soon_in_a_long_run() {
        let mut books = Books::new(Workload::LinKv, 2);
        let violation = tell(&mut books, 100_000, 5_001).expect("a read shows an old value");
        assert!(books.counts.done < 5_100, "{:?}", books.counts);
        assert!(violation.events.len() <= 3 * OPERATIONS_OF_A_KEY as usize);
        assert!(matches!(only_safety(Workload::LinKv, &violation).1, Finding::Violated(_)));
    }

    /// A key is not retired while somebody still asks about it, also between two tries; else the second try
    /// would be judged without the history before it.
    #[test]
    fn a_request_that_is_tried_again_keeps_its_key() {
        let mut books = Books::new(Workload::LinKv, 1);
        assert_eq!(tell_all_but(&mut books, 1), None);
        let (client, server) = (Process::Client(2), Process::Server(1));
        let request = KvRequest::Read { key: 1.into() };
        let call = |operation| What::Called { operation, client, server, request: request.clone() };
        let end = |operation, outcome| What::Ended { operation, outcome };
        let at = 1_000_000;
        books.take(Event { at, what: call(9_000) });
        books.take(Event { at, what: end(9_000, Outcome::Unknown { why: "no answer".to_owned() }) });
        assert_eq!((books.judge(true), books.counts.keys), (None, 0));
        assert_eq!(books.keys().next(), None, "it has had its share");
        books.take(Event { at: at + 9, what: call(9_001) });
        let last = u64::from(OPERATIONS_OF_A_KEY / 2 - 1);
        books.take(Event { at: at + 9, what: end(9_001, Outcome::Ok(Some(last.into()))) });
        let answered = What::Answered { client, request: request.clone(), answer: Some(last.into()) };
        books.take(Event { at: at + 9, what: answered });
        assert_eq!((books.judge(false), books.counts.keys), (None, 1));
        assert_eq!(books.keys().collect::<Vec<_>>(), [2]);
        // Whatever comes late is about a key that is forgotten.
        books.take(Event { at: at + 10, what: call(9_002) });
        books.take(Event { at: at + 10, what: end(9_002, Outcome::Ok(Some(77.into()))) });
        assert_eq!(books.close(), None);
    }

    /// One client writes and reads key 1 until this many operations of its share are left.
    fn tell_all_but(books: &mut Books, left: u32) -> Option<Journal> {
        for operation in 0..(OPERATIONS_OF_A_KEY - left) as usize {
            say(books, operation, 1, operation as u64 / 2);
        }
        books.judge(false)
    }

    /// However long a run is, only so much of it is kept.
    #[test]
    fn memory_is_bounded() {
        let mut books = Books::new(Workload::LinKv, 3);
        let link = crate::plan::Link { from: Process::Server(1), to: Process::Server(2) };
        for at in 0..100_000u64 {
            let links = if at % 2 == 0 { vec![link] } else { Vec::new() };
            books.take(Event { at, what: What::Cut { links } });
        }
        assert_eq!(books.counts.cuts, 50_000);
        assert!(books.network.len() <= 2 * NETWORK_EVENTS);
        assert!(matches!(&books.network[0].what, What::Cut { links } if links.is_empty()));
    }
}
