//! Datagrams along links, to see whether they arrive. They are sent and received by the keeper itself, from
//! sockets in the hosts' namespaces, so that nothing has to be started for it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
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

/// Probes by TCP: which of them have arrived.
#[derive(Default)]
pub(super) struct Arrivals {
    numbers: Mutex<BTreeSet<u64>>,
    changed: Condvar,
}

impl Arrivals {
    /// Takes connections at this address, which is that of the host in whose namespaces the caller is.
    pub(super) fn listen(self: &Arc<Self>, ip: Ipv4Addr) -> std::io::Result<()> {
        let listener = TcpListener::bind((ip, PORT))?;
        let arrivals = Arc::clone(self);
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let arrivals = Arc::clone(&arrivals);
                std::thread::spawn(move || {
                    let mut number = [0; 8];
                    if connection.read_exact(&mut number).is_ok() {
                        let mut numbers = arrivals.numbers.lock().unwrap_or_else(PoisonError::into_inner);
                        numbers.insert(u64::from_be_bytes(number));
                        arrivals.changed.notify_all();
                    }
                });
            }
        });
        Ok(())
    }

    /// Along which of these links the first bytes of a new connection arrive.
    pub(super) fn probe(
        &self,
        hosts: &BTreeMap<Process, Host>,
        links: &[Link],
        patience: Duration,
    ) -> Result<Vec<Link>, String> {
        let mut sent: BTreeMap<u64, Link> = BTreeMap::new();
        for &link in links {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            sent.insert(number, link);
            let to = hosts[&link.to].ip();
            let send = move || {
                // Another thread, for it may take as long as the link is cut; it is born where this one is.
                std::thread::spawn(move || {
                    let mut connection = TcpStream::connect((to, PORT))?;
                    connection.write_all(&number.to_be_bytes())
                });
            };
            hosts[&link.from].within(send).map_err(|problem| format!("{problem:?}"))?;
        }
        let numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let some_are_missing =
            |numbers: &mut BTreeSet<u64>| !sent.keys().all(|number| numbers.contains(number));
        let (mut numbers, _) = self
            .changed
            .wait_timeout_while(numbers, patience, some_are_missing)
            .unwrap_or_else(PoisonError::into_inner);
        let arrived = sent.iter().filter(|(number, _)| numbers.contains(number));
        let arrived: Vec<Link> = arrived.map(|(_, &link)| link).collect();
        // Those of earlier probes, which were held until now, too.
        let last = sent.keys().next_back().copied().unwrap_or(0);
        numbers.retain(|&number| number > last);
        Ok(arrived)
    }
}
