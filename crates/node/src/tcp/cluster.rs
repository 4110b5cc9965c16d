use std::collections::BTreeMap;
use std::net::SocketAddr;

use threeworlds_model::Process;

use crate::wire::Init;

/// The servers of a system, each with its address, and which of them this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    me: u16,
    /// The others, by number.
    peers: BTreeMap<u16, SocketAddr>,
}

/// Why servers with these names and addresses make no system.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// A client.
    #[error("{0} is no server: servers are s1, s2, ...")]
    NotAServer(Process),
    /// A server with two addresses.
    #[error("{0} has two addresses, {1} and {2}: a server has one")]
    TwoAddresses(Process, SocketAddr, SocketAddr),
    /// An address with two servers.
    #[error("{0} and {1} have the same address, {2}: each server needs its own")]
    OneAddress(Process, Process, SocketAddr),
    /// Nobody knows which of them this is.
    #[error(
        "none of the servers has the address that this one listens on, {0}: say which it is, for instance \
         with --name s1"
    )]
    WhoAmI(SocketAddr),
    /// A number without a server.
    #[error("there is no {missing}, but there is {largest}: servers are s1, s2, ... without a gap")]
    Gap {
        /// Who is missing.
        missing: Process,
        /// Who has the largest number.
        largest: Process,
    },
}

impl Cluster {
    /// The system of these servers. This one need not be among them if it is named; otherwise it is the one
    /// with the address on which it listens.
    pub fn new(
        listen: SocketAddr,
        name: Option<Process>,
        servers: &[(Process, SocketAddr)],
    ) -> Result<Cluster, ClusterError> {
        let mut peers: BTreeMap<u16, SocketAddr> = BTreeMap::new();
        for &(process, address) in servers {
            if process.is_client() {
                return Err(ClusterError::NotAServer(process));
            }
            if let Some((&other, _)) =
                peers.iter().find(|&(&number, &other)| number != process.number() && other == address)
            {
                return Err(ClusterError::OneAddress(Process::Server(other), process, address));
            }
            match peers.insert(process.number(), address) {
                Some(other) if other != address => {
                    return Err(ClusterError::TwoAddresses(process, other, address));
                }
                _ => {}
            }
        }
        let me = match name {
            Some(process) if process.is_client() => return Err(ClusterError::NotAServer(process)),
            Some(process) => process.number(),
            // Alone it can only be the first.
            None if peers.is_empty() => 1,
            None => {
                let mine = peers.iter().find(|&(_, &address)| address == listen);
                *mine.ok_or(ClusterError::WhoAmI(listen))?.0
            }
        };
        peers.remove(&me);
        let largest = peers.keys().copied().max().map_or(me, |largest| largest.max(me));
        if let Some(missing) = (1..largest).find(|number| *number != me && !peers.contains_key(number)) {
            let (missing, largest) = (Process::Server(missing), Process::Server(largest));
            return Err(ClusterError::Gap { missing, largest });
        }
        Ok(Cluster { me, peers })
    }

    /// How many servers there are.
    pub fn servers(&self) -> usize {
        self.peers.len() + 1
    }

    /// The name of this one.
    pub fn name(&self) -> String {
        name(self.me)
    }

    /// The others: number and address.
    pub(super) fn peers(&self) -> impl Iterator<Item = (u16, SocketAddr)> {
        self.peers.iter().map(|(&number, &address)| (number, address))
    }

    /// The other one of this name.
    pub(super) fn peer(&self, name: &str) -> Option<u16> {
        let process = name.parse::<Process>().ok().filter(|process| !process.is_client())?;
        self.peers.contains_key(&process.number()).then(|| process.number())
    }

    pub(super) fn init(&self) -> Init {
        let servers = u16::try_from(self.servers()).expect("numbers have 16 bits and no gap");
        Init { node_id: self.name(), node_ids: (1..=servers).map(name).collect() }
    }
}

pub(super) fn name(number: u16) -> String {
    Process::Server(number).to_string()
}
