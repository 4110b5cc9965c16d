use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A server `s1..sn` or a client `c1..cm`; the number starts at 1, as in the literature.
///
/// The order is servers first, then clients, each by number: the order in which a step receives messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Process {
    /// A server, also called a replica.
    Server(u16),
    /// A client together with its client library.
    Client(u16),
}

impl Process {
    /// Whether this is a client.
    pub fn is_client(self) -> bool {
        matches!(self, Process::Client(_))
    }

    /// The number in the name: 1 for `s1` and for `c1`.
    pub fn number(self) -> u16 {
        match self {
            Process::Server(number) | Process::Client(number) => number,
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Process::Server(number) => write!(out, "s{number}"),
            Process::Client(number) => write!(out, "c{number}"),
        }
    }
}

/// A text that is not the name of a process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a process: write `s1`, `s2`, ... for a server and `c1`, `c2`, ... for a client")]
pub struct ParseProcessError(pub String);

impl FromStr for Process {
    type Err = ParseProcessError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseProcessError(text.to_owned());
        let number = |digits: &str| match digits.parse::<u16>() {
            Ok(number) if number > 0 && !digits.starts_with(['0', '+']) => Ok(number),
            _ => Err(error()),
        };
        match (text.strip_prefix('s'), text.strip_prefix('c')) {
            (Some(digits), _) => number(digits).map(Process::Server),
            (_, Some(digits)) => number(digits).map(Process::Client),
            _ => Err(error()),
        }
    }
}

impl Serialize for Process {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Process {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How many processes there are, who is linked with whom, and what the processes know of the fault model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct System {
    /// Number of servers, `s1..sn`.
    pub servers: u16,
    /// Number of clients, `c1..cm`.
    pub clients: u16,
    /// The most servers that can be faulty in one execution. A protocol may rely on it.
    pub faults: u16,
    /// Whether clients are linked with each other.
    pub client_links: bool,
}

impl System {
    /// The most processes a system can have; sets of processes are 64-bit words.
    pub const MAX_PROCESSES: usize = 64;

    /// Number of servers and clients together.
    pub fn size(&self) -> usize {
        usize::from(self.servers) + usize::from(self.clients)
    }

    /// `s1..sn`.
    pub fn server_ids(&self) -> impl DoubleEndedIterator<Item = Process> + use<> {
        (1..=self.servers).map(Process::Server)
    }

    /// `c1..cm`.
    pub fn client_ids(&self) -> impl DoubleEndedIterator<Item = Process> + use<> {
        (1..=self.clients).map(Process::Client)
    }

    /// All processes, servers first.
    pub fn processes(&self) -> impl DoubleEndedIterator<Item = Process> + use<> {
        self.server_ids().chain(self.client_ids())
    }

    /// Whether the process exists in this system.
    pub fn contains(&self, process: Process) -> bool {
        let most = if process.is_client() { self.clients } else { self.servers };
        (1..=most).contains(&process.number())
    }

    /// The position of a process of this system in [`System::processes`], from 0.
    pub fn index(&self, process: Process) -> usize {
        debug_assert!(self.contains(process), "{process} is not in the system");
        match process {
            Process::Server(number) => usize::from(number) - 1,
            Process::Client(number) => usize::from(self.servers) + usize::from(number) - 1,
        }
    }

    /// The process at a position of [`System::processes`]; the inverse of [`System::index`].
    pub fn process(&self, index: usize) -> Process {
        let servers = usize::from(self.servers);
        let number = |index: usize| u16::try_from(index + 1).expect("numbers of processes are 16-bit");
        if index < servers {
            Process::Server(number(index))
        } else {
            Process::Client(number(index - servers))
        }
    }

    /// Whether there is a link from the one to the other. No process is linked with itself.
    pub fn linked(&self, from: Process, to: Process) -> bool {
        from != to && (self.client_links || !(from.is_client() && to.is_client()))
    }
}
