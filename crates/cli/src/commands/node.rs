use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use threeworlds_model::{Protocol, Question, System};
use threeworlds_node::{Front, Initialised, NodeError, Statistics, await_init, serve};
use threeworlds_protocols::{BuiltIn, Visitor};

use crate::exit::Exit;
use crate::question::number;
use crate::terminal;

/// Runs one server of a built-in protocol as a process, a node of Maelstrom's protocol.
///
/// It reads JSON lines on standard input and writes them on standard output, and takes a round every
/// --round-ms milliseconds of the clock. A message that comes later than its round counts as lost, so
/// choose rounds that are long for the machine and its load. It ends when standard input ends.
///
/// Protocols for the write-once register answer `write-once` and `read-once`; those for the log carry a
/// key-value store and answer `read`, `write` and `cas` (Maelstrom's lin-kv).
#[derive(Args)]
#[command(after_help = "Such nodes are made for `threeworlds attack -- threeworlds node PROTOCOL`, and for \
                        Maelstrom: `maelstrom test -w lin-kv --bin ...`.")]
pub(crate) struct NodeArguments {
    /// A built-in protocol: `threeworlds protocols` lists them
    #[arg(value_name = "PROTOCOL")]
    protocol: BuiltIn,
    /// How long a round lasts, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    round_ms: u64,
    /// How many servers can be faulty, for protocols that rely on it [default: 1]
    #[arg(long, value_name = "F", value_parser = number)]
    faults: Option<usize>,
}

struct Serve {
    system: System,
    protocol: BuiltIn,
    initialised: Initialised,
    round_milliseconds: u64,
}

impl Visitor for Serve {
    type Output = Result<Statistics, NodeError>;

    fn visit<P>(self, protocol: P) -> Self::Output
    where
        P: Protocol<Message: Serialize + DeserializeOwned>,
    {
        let task = self.protocol.description().task;
        serve(protocol, self.system, task, self.initialised, self.round_milliseconds)
    }
}

impl NodeArguments {
    pub(crate) fn run(self) -> Result<Exit> {
        // What cannot be served at all is said before anybody is waited for.
        Front::new(self.protocol.description().task, "")?;
        let initialised = await_init()?;
        let nodes = initialised.init.node_ids.len();
        let mut system = Question::system(nodes, nodes, false).context("init names too many nodes")?;
        let faults = self.faults.unwrap_or(1);
        ensure!(faults <= nodes, "--faults {faults}: there are only {nodes} nodes");
        system.faults = u16::try_from(faults)?;
        let (protocol, node) = (self.protocol, initialised.init.node_id.clone());
        let serve = Serve { system, protocol, initialised, round_milliseconds: self.round_ms };
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
}
