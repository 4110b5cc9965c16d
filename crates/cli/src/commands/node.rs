use std::io::Write;
use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use threeworlds_model::{Process, Protocol, Question, System};
use threeworlds_node::{
    Cluster, Front, Initialised, NodeError, Statistics, Stop, TcpServer, await_init, serve, serve_tcp,
};
use threeworlds_protocols::{BuiltIn, Visitor};

use crate::exit::Exit;
use crate::question::number;
use crate::terminal;

/// Runs one server of a built-in protocol as a process.
///
/// Without --listen it is a node of Maelstrom's protocol: it reads JSON lines on standard input, writes them on
/// standard output, and ends when standard input ends. With --listen it is a server that talks to its peers
/// over TCP, until SIGTERM or Ctrl-C; `threeworlds ask` is its client.
///
/// It takes a round every --round-ms milliseconds of the clock. A message that comes later than its round
/// counts as lost, so choose rounds that are long for the network, the machine and its load; the clocks of
/// all servers have to agree to within a fraction of a round. The rounds begin when all servers are there, and
/// one that is started anew while the others go on has forgotten what it knew: it takes no part.
///
/// Protocols for the write-once register answer `write-once` and `read-once`; those for the log carry a
/// key-value store and answer `read`, `write` and `cas` (Maelstrom's lin-kv).
#[derive(Args)]
#[command(after_help = "Three servers of a key-value store, each started with the same list:\n  \
                        threeworlds node replicated-kv --listen 10.0.0.1:7000 \n  \
                        --peer s1=10.0.0.1:7000,s2=10.0.0.2:7000,s3=10.0.0.3:7000\n\n\
                        Nodes without --listen are made for `threeworlds attack -- threeworlds node PROTOCOL`, \
                        and for Maelstrom: `maelstrom test -w lin-kv --bin ...`.")]
pub(crate) struct NodeArguments {
    /// A built-in protocol: `threeworlds protocols` lists them
    #[arg(value_name = "PROTOCOL")]
    protocol: BuiltIn,
    /// Be a server over TCP, and accept peers and clients on this address
    #[arg(long, value_name = "IP:PORT", value_parser = address, help_heading = "TCP")]
    listen: Option<SocketAddr>,
    /// Servers and their addresses, with commas or one --peer each; the list may include this one, so that all
    /// can be started alike
    #[arg(long = "peer", value_name = "NAME=IP:PORT", value_parser = peer, requires = "listen",
          value_delimiter = ',', help_heading = "TCP")]
    peers: Vec<(Process, SocketAddr)>,
    /// Which server this is [default: the one with the address of --listen]
    #[arg(long, value_name = "NAME", value_parser = server, requires = "listen", help_heading = "TCP")]
    name: Option<Process>,
    /// How long a round lasts, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    round_ms: u64,
    /// How many servers can be faulty, for protocols that rely on it [default: 1]
    #[arg(long, value_name = "F", value_parser = number)]
    faults: Option<usize>,
}

/// An address of a server.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, such as 10.0.0.1:7000 or [::1]:7000".to_owned())
}

fn server(text: &str) -> Result<Process, String> {
    match text.parse::<Process>() {
        Ok(process) if !process.is_client() => Ok(process),
        _ => Err("servers are s1, s2, ...".to_owned()),
    }
}

fn peer(text: &str) -> Result<(Process, SocketAddr), String> {
    let (name, at) =
        text.split_once('=').ok_or("write a server and its address, such as s2=10.0.0.2:7000")?;
    Ok((server(name)?, address(at)?))
}

/// How its messages come and go.
enum Transport {
    Streams(Initialised),
    Tcp(Cluster, TcpListener),
}

struct Serve {
    system: System,
    protocol: BuiltIn,
    transport: Transport,
    round_milliseconds: u64,
    stop: Stop,
}

impl Visitor for Serve {
    type Output = Result<Statistics, NodeError>;

    fn visit<P>(self, protocol: P) -> Self::Output
    where
        P: Protocol<Message: Serialize + DeserializeOwned>,
    {
        let (name, task) = (self.protocol.description().name, self.protocol.description().task);
        let (system, round) = (self.system, self.round_milliseconds);
        match self.transport {
            Transport::Streams(initialised) => serve(protocol, system, task, initialised, round),
            Transport::Tcp(cluster, listener) => {
                let server = TcpServer {
                    protocol_name: name.to_owned(),
                    cluster,
                    listener,
                    round_milliseconds: round,
                    stop: self.stop,
                };
                serve_tcp(protocol, system, task, server)
            }
        }
    }
}

impl NodeArguments {
    pub(crate) fn run(self) -> Result<Exit> {
        let protocol = self.protocol;
        // What cannot be served at all is said before anybody is waited for.
        Front::new(protocol.description().task, "")?;
        let stop = Stop::default();
        let (transport, nodes, node) = match self.listen {
            None => {
                let initialised = await_init()?;
                let (nodes, node) = (initialised.init.node_ids.len(), initialised.init.node_id.clone());
                (Transport::Streams(initialised), nodes, node)
            }
            Some(listen) => {
                let cluster = Cluster::new(listen, self.name, &self.peers)?;
                let (nodes, node) = (cluster.servers(), cluster.name());
                let listener = listen_on(listen)?;
                let stop = stop.clone();
                ctrlc::set_handler(move || stop.now())?;
                (Transport::Tcp(cluster, listener), nodes, node)
            }
        };
        let system = self.system(nodes)?;
        if let Transport::Tcp(_, listener) = &transport {
            // For whoever chose port 0, and as a sign that clients can connect.
            terminal::print(&format!("{node} listens on {}\n", listener.local_addr()?))?;
            std::io::stdout().flush()?;
        }
        let serve = Serve { system, protocol, transport, round_milliseconds: self.round_ms, stop };
        let Statistics { rounds, came_late, not_sent } = protocol.visit(&system, serve)??;
        if came_late + not_sent > 0 {
            terminal::note(&format!(
                "{node}: of {rounds} rounds of {} ms, {came_late} messages came after their round and {not_sent} \
                 were not sent because the node was late: such messages count as lost",
                self.round_ms
            ));
        }
        Ok(Exit::Good)
    }

    fn system(&self, nodes: usize) -> Result<System> {
        let mut system = Question::system(nodes, nodes, false).context("there are too many nodes")?;
        let faults = self.faults.unwrap_or(1);
        ensure!(faults <= nodes, "--faults {faults}: there are only {nodes} nodes");
        system.faults = u16::try_from(faults)?;
        Ok(system)
    }
}

fn listen_on(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).or_else(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => bail!(
            "--listen {address}: another program listens there already; choose another port, or end that program"
        ),
        std::io::ErrorKind::AddrNotAvailable => {
            bail!("--listen {address}: this machine does not have the address {}", address.ip())
        }
        _ => bail!("--listen {address}: {error}"),
    })
}
