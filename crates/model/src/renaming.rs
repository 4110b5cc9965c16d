use std::collections::BTreeMap;
use std::fmt;

use crate::process::{Process, System};
use crate::request::{Request, Response, Value};
use crate::symmetry::{AlikeClients, Symmetry};
use crate::workload::Workload;

/// Other names for the processes of a system, and for the values that its clients write: a permutation of the
/// servers, one of the clients, and one of the values. Whoever and whatever it does not speak of keeps the name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Renaming {
    /// The new number of `s1`, of `s2`, and so on, up to the last that changes.
    servers: Vec<u16>,
    /// The same for clients.
    clients: Vec<u16>,
    /// The values that change.
    values: BTreeMap<Value, Value>,
}

impl Renaming {
    /// With the new number of each server, of each client, and the new name of each value; `None` if one of
    /// these is no permutation.
    pub fn new(servers: &[u16], clients: &[u16], values: &BTreeMap<Value, Value>) -> Option<Renaming> {
        let mut renamed: Vec<&Value> = values.values().collect();
        renamed.sort_unstable();
        let changed = values.iter().filter(|(old, new)| old != new);
        if !values.keys().eq(renamed) {
            return None;
        }
        Some(Renaming {
            servers: permutation(servers)?,
            clients: permutation(clients)?,
            values: changed.map(|(old, new)| (old.clone(), new.clone())).collect(),
        })
    }

    /// The new name of a process.
    pub fn process(&self, process: Process) -> Process {
        match process {
            Process::Server(number) => Process::Server(renamed(&self.servers, number)),
            Process::Client(number) => Process::Client(renamed(&self.clients, number)),
        }
    }

    /// The new name of a value.
    pub fn value(&self, value: &Value) -> Value {
        self.values.get(value).unwrap_or(value).clone()
    }

    /// The request with the new name of its value. A command stays as it is.
    pub fn request(&self, request: &Request) -> Request {
        match request {
            Request::Write { value } => Request::Write { value: self.value(value) },
            Request::Append { value } => Request::Append { value: self.value(value) },
            Request::Read {} | Request::Command { .. } => request.clone(),
        }
    }

    /// The response with the new names of its values. The output of a command stays as it is.
    pub fn response(&self, response: &Response) -> Response {
        match response {
            Response::Value(value) => Response::Value(value.as_ref().map(|value| self.value(value))),
            Response::Log(log) => Response::Log(log.iter().map(|value| self.value(value)).collect()),
            Response::Output(_) => response.clone(),
        }
    }

    /// The renaming that does the other one first and then this one.
    #[must_use]
    pub fn after(&self, first: &Renaming) -> Renaming {
        let both = |own: &[u16], first: &[u16]| -> Vec<u16> {
            let length = own.len().max(first.len());
            trimmed((1u16..).take(length).map(|number| renamed(own, renamed(first, number))).collect())
        };
        let values = self.values.keys().chain(first.values.keys());
        let values = values.map(|value| (value.clone(), self.value(&first.value(value))));
        Renaming {
            servers: both(&self.servers, &first.servers),
            clients: both(&self.clients, &first.clients),
            values: values.filter(|(old, new)| old != new).collect(),
        }
    }
}

fn renamed(numbers: &[u16], number: u16) -> u16 {
    numbers.get(usize::from(number).wrapping_sub(1)).copied().unwrap_or(number)
}

/// The numbers without those at the end that do not change; `None` if they are not all numbers from 1.
fn permutation(numbers: &[u16]) -> Option<Vec<u16>> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let permutes = sorted.iter().zip(1u16..).all(|(&number, wanted)| number == wanted);
    permutes.then(|| trimmed(numbers.to_vec()))
}

fn trimmed(mut numbers: Vec<u16>) -> Vec<u16> {
    while numbers.last().is_some_and(|&last| usize::from(last) == numbers.len()) {
        numbers.pop();
    }
    numbers
}

impl fmt::Display for Renaming {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = |numbers: &[u16], process: fn(u16) -> Process| -> Vec<String> {
            let changed = (1u16..).zip(numbers.iter().copied()).filter(|(old, new)| old != new);
            changed.map(|(old, new)| format!("{} called {}", process(old), process(new))).collect()
        };
        let mut words = changed(&self.servers, Process::Server);
        words.extend(changed(&self.clients, Process::Client));
        words.extend(self.values.iter().map(|(old, new)| format!("{old} called {new}")));
        out.write_str(&if words.is_empty() {
            "everything called as before".to_owned()
        } else {
            words.join(", ")
        })
    }
}

/// The renamings that have to change nothing for a protocol that declares a symmetry, given what its clients ask
/// for: they can be done one after the other, and each can be undone.
///
/// Servers change places in every way, if they are alike. Clients do so that are alike, and only if everybody then
/// asks for the same as before, request by request, when the values have new names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamings {
    /// So many servers change places.
    servers: u16,
    /// Those of clients and values alone, the identity first.
    clients: Vec<Renaming>,
}

impl Renamings {
    /// The most ways in which clients change places. If there are more, the last clients keep their names.
    pub const CLIENTS_MAX: usize = 5_040;

    /// The renamings for this declaration. Where it takes too long to find those of clients, too, the last clients
    /// keep their names.
    pub fn new(system: &System, workload: &Workload, symmetry: Symmetry) -> Renamings {
        let mut changing = system.clients;
        let clients = loop {
            let mut search = Search {
                workload,
                alike: symmetry.clients,
                changing,
                clients: system.clients,
                images: Vec::new(),
                values: BTreeMap::new(),
                taken: BTreeMap::new(),
                named: Vec::new(),
                found: Vec::new(),
                looks: LOOKS_MAX,
            };
            if search.find() {
                break search.found;
            }
            changing -= 1;
        };
        Renamings { servers: if symmetry.servers { system.servers } else { 0 }, clients }
    }

    /// How many there are, as far as 64 bits can count.
    pub fn count(&self) -> u64 {
        self.of_servers().saturating_mul(self.of_clients().len() as u64)
    }

    /// The renaming with this number: 0 is the identity, and as many numbers as there are renamings give each of
    /// them once; then they come again.
    pub fn numbered(&self, number: u64) -> Renaming {
        let ways = self.clients.len() as u64;
        let position = usize::try_from(number % ways).expect("a position in a list");
        let servers = order(self.servers, number / ways % self.of_servers());
        Renaming { servers: trimmed(servers), ..self.clients[position].clone() }
    }

    /// How many there are that change the names of servers alone, as far as 64 bits can count.
    pub fn of_servers(&self) -> u64 {
        orders(self.servers)
    }

    /// Those that change the names of clients and values alone, the identity first.
    pub fn of_clients(&self) -> &[Renaming] {
        &self.clients
    }
}

/// In how many orders so many things can be put, as far as 64 bits can count.
fn orders(things: u16) -> u64 {
    (1..=u64::from(things)).fold(1, u64::saturating_mul)
}

/// The order with this number, in lexicographic order.
fn order(things: u16, number: u64) -> Vec<u16> {
    let mut left: Vec<u16> = (1..=things).collect();
    let mut rest = number;
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let behind = orders(u16::try_from(left.len() - 1).expect("there are at most as many"));
        let at = usize::try_from(rest / behind).expect("a position in a list");
        order.push(left.remove(at.min(left.len() - 1)));
        rest %= behind;
    }
    order
}

/// Tries whom each client can be called, one after the other.
struct Search<'a> {
    workload: &'a Workload,
    alike: AlikeClients,
    /// So many clients, from the first on, may change their names.
    changing: u16,
    clients: u16,
    /// The new numbers of the first clients.
    images: Vec<u16>,
    /// The new names of the values that these write, and the same the other way round.
    values: BTreeMap<Value, Value>,
    taken: BTreeMap<Value, Value>,
    /// The values in the order in which they were given new names.
    named: Vec<Value>,
    found: Vec<Renaming>,
    looks: usize,
}

/// Pairs of clients that are compared before some more keep their names.
const LOOKS_MAX: usize = 1 << 16;

impl Search<'_> {
    /// False if there are too many, or if it takes too long.
    fn find(&mut self) -> bool {
        let done = u16::try_from(self.images.len()).expect("there are at most as many clients");
        if done == self.clients {
            self.found.extend(Renaming::new(&[], &self.images, &self.values));
            return self.found.len() <= Renamings::CLIENTS_MAX;
        }
        let client = done + 1;
        let candidates = if client > self.changing { client..=client } else { 1..=self.changing };
        for image in candidates {
            if self.images.contains(&image) || !self.are_alike(client, image) {
                continue;
            }
            if self.looks == 0 && self.changing > 0 {
                return false;
            }
            self.looks = self.looks.saturating_sub(1);
            let named = self.named.len();
            if self.asks_for_the_same(client, image) {
                self.images.push(image);
                if !self.find() {
                    return false;
                }
                self.images.pop();
            }
            for value in self.named.drain(named..) {
                let new = self.values.remove(&value).expect("it was given a new name");
                self.taken.remove(&new);
            }
        }
        true
    }

    fn are_alike(&self, client: u16, image: u16) -> bool {
        let own = self.workload.of(Process::Client(client));
        let others = self.workload.of(Process::Client(image));
        let reads = |requests: &[Request]| requests.iter().all(|request| *request == Request::Read {});
        match self.alike {
            _ if own.len() != others.len() => false,
            _ if client == image => true,
            AlikeClients::None => false,
            AlikeClients::Readers => reads(own) && reads(others),
            AlikeClients::SameRequests => own == others,
            AlikeClients::All => true,
        }
    }

    /// Whether the one asks for what the other does, with other names for values; these are noted.
    fn asks_for_the_same(&mut self, client: u16, image: u16) -> bool {
        let workload = self.workload;
        let own = workload.of(Process::Client(client)).iter();
        own.zip(workload.of(Process::Client(image))).all(|(own, other)| self.becomes(own, other))
    }

    fn becomes(&mut self, request: &Request, other: &Request) -> bool {
        let (Some(old), Some(new)) = (request.value(), other.value()) else { return request == other };
        match (self.values.get(old), self.taken.get(new)) {
            _ if request.kind() != other.kind() => false,
            (Some(known), _) => known == new,
            (None, Some(_)) => false,
            (None, None) => {
                self.values.insert(old.clone(), new.clone());
                self.taken.insert(new.clone(), old.clone());
                self.named.push(old.clone());
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Question;
    use crate::task::Task;

    fn renamings(clients: usize, workload: &str, alike: AlikeClients) -> Vec<String> {
        let system = Question::system(2, clients, false).unwrap();
        let workload = Workload::parse(workload, Task::WriteOnceRegister, &system).unwrap();
        let symmetry = Symmetry { servers: false, clients: alike };
        let all = Renamings::new(&system, &workload, symmetry);
        all.of_clients().iter().map(Renaming::to_string).collect()
    }

    const IDENTITY: &str = "everything called as before";

    #[test]
    fn clients_change_places_who_then_ask_for_the_same() {
        use AlikeClients::{All, None, Readers, SameRequests};
        let usual = "write, read";
        let swapped = "c1 called c2, c2 called c1, C1 called C2, C2 called C1";
        assert_eq!(renamings(2, usual, All), [IDENTITY, swapped]);
        for alike in [None, Readers, SameRequests] {
            assert_eq!(renamings(2, usual, alike), [IDENTITY]);
        }
        let readers = "c1: write; c2,c3: read";
        let exchanged = "c2 called c3, c3 called c2";
        for alike in [Readers, SameRequests, All] {
            assert_eq!(renamings(3, readers, alike), [IDENTITY, exchanged]);
        }
        assert_eq!(renamings(3, readers, None), [IDENTITY]);
        let same = "c1,c2: write(A); c3: write(B)";
        assert_eq!(renamings(3, same, Readers), [IDENTITY]);
        for alike in [SameRequests, All] {
            assert_eq!(renamings(3, same, alike), [IDENTITY, "c1 called c2, c2 called c1"]);
        }
        // Who reads twice is not who reads once.
        assert_eq!(renamings(2, "c1: read; c2: read, read", All), [IDENTITY]);
        assert_eq!(renamings(4, "none", Readers).len(), 24);
    }

    #[test]
    fn values_have_one_new_name_each() {
        use AlikeClients::All;
        // Only if the other two change places, too.
        let together = "c1: write(A), write(B); c2: write(B), write(A); c3: write(A); c4: write(B)";
        let swapped = "c1 called c2, c2 called c1, c3 called c4, c4 called c3, A called B, B called A";
        assert_eq!(renamings(4, together, All), [IDENTITY, swapped]);
        let never = "c1: write(A), write(B); c2: write(B), write(A); c3: write(A); c4: read";
        assert_eq!(renamings(4, never, All), [IDENTITY]);
        assert_eq!(renamings(2, "c1: write(A), write(A); c2: write(A), write(B)", All), [IDENTITY]);
    }

    #[test]
    fn too_many_ways_leave_the_last_clients_their_names() {
        let all = renamings(12, "write", AlikeClients::All);
        assert_eq!(all.len(), Renamings::CLIENTS_MAX);
        assert!(all.iter().all(|words| !words.contains("c8 called") && !words.contains("C8 called")));
    }

    #[test]
    fn each_number_is_another_renaming_and_they_form_a_group() {
        let system = Question::system(3, 3, false).unwrap();
        let workload = Workload::parse("write", Task::Log, &system);
        assert!(workload.is_err(), "a log is appended to");
        let workload = Workload::parse("append, read", Task::Log, &system).unwrap();
        let symmetry = Symmetry { servers: true, clients: AlikeClients::All };
        let renamings = Renamings::new(&system, &workload, symmetry);
        assert_eq!((renamings.count(), renamings.of_servers(), renamings.of_clients().len()), (36, 6, 6));
        let all: Vec<Renaming> = (0..36).map(|number| renamings.numbered(number)).collect();
        assert_eq!(all[0], Renaming::default());
        let distinct: std::collections::HashSet<&Renaming> = all.iter().collect();
        assert_eq!(distinct.len(), 36);
        for second in &all {
            assert!(all.iter().any(|one| one.after(second) == all[0]));
            for first in &all {
                let both = second.after(first);
                assert!(distinct.contains(&both));
                for process in system.processes() {
                    assert_eq!(both.process(process), second.process(first.process(process)));
                }
                for value in ["C1", "C2", "C3", "another"].map(Value::new) {
                    assert_eq!(both.value(&value), second.value(&first.value(&value)));
                }
                for client in system.client_ids() {
                    let renamed = workload.of(client).iter().map(|request| both.request(request));
                    assert!(renamed.eq(workload.of(both.process(client)).iter().cloned()));
                }
            }
        }
    }

    #[test]
    fn what_is_no_permutation_is_no_renaming() {
        let values = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(old, new)| (Value::new(*old), Value::new(*new))).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(Renaming::new(&[1, 2], &[1], &values(&[("A", "A")])), Some(Renaming::default()));
        assert_eq!(Renaming::new(&[1, 1], &[], &values(&[])), None);
        assert_eq!(Renaming::new(&[], &[1, 3], &values(&[])), None);
        assert_eq!(Renaming::new(&[], &[], &values(&[("A", "B"), ("B", "B")])), None);
        assert_eq!(Renaming::new(&[], &[], &values(&[("A", "B")])), None);
    }
}
