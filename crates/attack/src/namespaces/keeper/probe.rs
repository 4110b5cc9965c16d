//! Datagrams along links, to see whether they arrive. They are sent and received by the keeper itself, from
//! sockets in the hosts' namespaces, so that nothing has to be started for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use threeworlds_model::Process;

use super::host::Host;
use crate::plan::Link;

/// The port of the hosts' sockets: that of a service that throws everything away.
pub(super) const PORT: u16 = 9;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Along which of these links a datagram arrives, when those that do not are waited for so long.
pub(super) fn probe(
    hosts: &BTreeMap<Process, Host>,
    links: &[Link],
    patience: Duration,
) -> Result<Vec<Link>, String> {
    let mut expected: BTreeMap<Process, BTreeMap<u64, Link>> = BTreeMap::new();
    // One at a time for each host: another probe would read what is meant for this one.
    let involved: BTreeSet<Process> = links.iter().flat_map(|link| [link.from, link.to]).collect();
    let sockets: BTreeMap<Process, _> =
        involved.iter().map(|host| (*host, hosts[host].probe_socket())).collect();
    for &link in links {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        expected.entry(link.to).or_default().insert(number, link);
        let to = (hosts[&link.to].ip(), PORT);
        sockets[&link.from]
            .send_to(&number.to_be_bytes(), to)
            .map_err(|error| format!("a probe along {link} cannot be sent: {error}"))?;
    }
    let end = Instant::now() + patience;
    let mut arrived = Vec::new();
    for (host, mut numbers) in expected {
        let socket = &sockets[&host];
        while !numbers.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            // What has arrived is read even when the time is up.
            socket
                .set_read_timeout(Some(left.max(Duration::from_millis(1))))
                .map_err(|error| error.to_string())?;
            let mut buffer = [0; 16];
            match socket.recv(&mut buffer) {
                Ok(8) => {
                    let number = buffer.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
                    arrived.extend(number.and_then(|number| numbers.remove(&number)));
                }
                Ok(_) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) =>
                {
                    break;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("probes to {host} cannot be read: {error}")),
            }
        }
    }
    arrived.sort_unstable();
    Ok(arrived)
}
