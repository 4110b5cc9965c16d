//! The switch: a bridge in the keeper's own network namespace, with a port for each host and one rule.
//!
//! A cut is by ports and not by addresses, so that it is of every frame, whatever is in it. Nobody needs an
//! answer to find a neighbour: hosts know each other's hardware addresses from the start, or after three
//! seconds of a cut senders would be told that the host cannot be reached, and no message that is merely lost
//! tells anybody anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::Ipv4Addr;

use threeworlds_model::Process;

use super::host::Host;
use super::processes::Processes;
use super::{Problem, kernel};
use crate::namespaces::wire;
use crate::plan::Link;

pub(super) struct Network {
    /// What is cut, one way or both.
    cut: BTreeSet<Link>,
}

/// The table of the rule, and the set that it looks at.
const RULES: &str = "table bridge threeworlds {
  set cut { type ifname . ifname; }
  set one-way { type ifname . ifname; }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname . oifname @cut counter drop
    iifname . oifname @one-way ip protocol != tcp counter drop
  }
}
";

impl Network {
    /// Makes the switch, with no port yet.
    pub(super) fn begin(processes: &Processes) -> Result<Network, Problem> {
        let bridge = "link add name switch type bridge stp_state 0 forward_delay 0 mcast_snooping 0
link set dev switch up
link set dev lo up
";
        ip(processes, bridge).map_err(|problem| match problem {
            Problem::Network { why } => kernel(
                "a bridge cannot be made",
                why,
                "the kernel needs CONFIG_BRIDGE: as root, modprobe bridge veth",
            ),
            other => other,
        })?;
        processes.tool(&["nft", "-f", "-"], "nftables", RULES).map_err(|problem| match problem {
            Problem::Network { why } => kernel(
                "links cannot be cut",
                why,
                "the kernel needs CONFIG_NF_TABLES_BRIDGE: as root, modprobe nf_tables nft_counter; and nft 0.9 or \
                 later",
            ),
            other => other,
        })?;
        Ok(Network { cut: BTreeSet::new() })
    }

    /// Gives each host a port, called like the host.
    pub(super) fn connect(
        &mut self,
        processes: &Processes,
        all: &[wire::Host],
        hosts: &BTreeMap<Process, Host>,
    ) -> Result<(), Problem> {
        let mut batch = String::new();
        for host in all {
            let (name, thread) = (host.name, hosts[&host.name].thread());
            let hardware = hardware(host.ip);
            let _ = writeln!(
                batch,
                "link add name {name} type veth peer name eth0 address {hardware} netns {thread}"
            );
            let _ = writeln!(batch, "link set dev {name} master switch up");
        }
        ip(processes, &batch).map_err(|problem| match problem {
            Problem::Network { why } => kernel(
                "hosts cannot be connected",
                why,
                "the kernel needs CONFIG_VETH: as root, modprobe veth",
            ),
            other => other,
        })
    }

    /// From now on exactly these links are cut, those of the second kind only for what is not TCP: one
    /// transaction.
    pub(super) fn cut(
        &mut self,
        processes: &Processes,
        cut: BTreeSet<Link>,
        one_way: BTreeSet<Link>,
    ) -> Result<(), Problem> {
        let mut text = String::new();
        for (set, links) in [("cut", &cut), ("one-way", &one_way)] {
            let _ = writeln!(text, "flush set bridge threeworlds {set}");
            let pairs: Vec<String> =
                links.iter().map(|link| format!("\"{}\" . \"{}\"", link.from, link.to)).collect();
            if !pairs.is_empty() {
                let _ = writeln!(text, "add element bridge threeworlds {set} {{ {} }}", pairs.join(", "));
            }
        }
        processes.tool(&["nft", "-f", "-"], "nftables", &text)?;
        self.cut = &cut | &one_way;
        Ok(())
    }

    /// Whether a link is cut.
    pub(super) fn is_cut(&self, link: &Link) -> bool {
        self.cut.contains(link)
    }
}

/// What a host does to its own side, in its own namespaces.
pub(super) fn configure(processes: &Processes, me: &wire::Host, all: &[wire::Host]) -> Result<(), Problem> {
    let mut batch = "link set dev lo up\n".to_owned();
    let _ = writeln!(batch, "addr add {}/24 dev eth0", me.ip);
    batch += "link set dev eth0 up\n";
    for host in all.iter().filter(|host| host.name != me.name) {
        let _ =
            writeln!(batch, "neigh replace {} lladdr {} dev eth0 nud permanent", host.ip, hardware(host.ip));
    }
    ip(processes, &batch)
}

fn ip(processes: &Processes, batch: &str) -> Result<(), Problem> {
    processes.tool(&["ip", "-batch", "-"], "iproute2", batch)
}

/// A hardware address, made from the other.
fn hardware(ip: Ipv4Addr) -> String {
    let [a, b, c, d] = ip.octets();
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}
