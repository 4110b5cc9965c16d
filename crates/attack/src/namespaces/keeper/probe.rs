//! Datagrams along links, to see whether they arrive. They are sent and received by the keeper itself, from
//! sockets in the hosts' namespaces, so that nothing has to be started for it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use threeworlds_model::Process;

use super::host::Host;
use crate::plan::Link;

/// The port of the hosts' sockets: that of a service that throws everything away.
pub(super) const PORT: u16 = 9;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// How often a datagram that has not arrived is sent again.
const AGAIN: Duration = Duration::from_millis(100);

/// Along which of these links a datagram arrives, when those that do not are waited for so long. Each is sent
/// several times if there is time: one that is lost to a busy machine says nothing.
pub(super) fn probe(
    hosts: &BTreeMap<Process, Host>,
    links: &[Link],
    patience: Duration,
) -> Result<Vec<Link>, String> {
    // One at a time for each host: another probe would read what is meant for this one.
    let involved: BTreeSet<Process> = links.iter().flat_map(|link| [link.from, link.to]).collect();
    let sockets: BTreeMap<Process, _> =
        involved.iter().map(|host| (*host, hosts[host].probe_socket())).collect();
    let number = || NEXT.fetch_add(1, Ordering::Relaxed);
    let mut missing: BTreeMap<u64, Link> = links.iter().map(|&link| (number(), link)).collect();
    let mut arrived = Vec::new();
    let end = Instant::now() + patience;
    loop {
        for (number, link) in &missing {
            let to = (hosts[&link.to].ip(), PORT);
            sockets[&link.from]
                .send_to(&number.to_be_bytes(), to)
                .map_err(|error| format!("a probe along {link} cannot be sent: {error}"))?;
        }
        let round_end = end.min(Instant::now() + AGAIN);
        for (&host, socket) in &sockets {
            while missing.values().any(|link| link.to == host) {
                let Some(number) = receive(socket, round_end)
                    .map_err(|error| format!("probes to {host} cannot be read: {error}"))?
                else {
                    break;
                };
                arrived.extend(missing.remove(&number));
            }
        }
        if missing.is_empty() || Instant::now() >= end {
            arrived.sort_unstable();
            return Ok(arrived);
        }
    }
}

/// The number in the next datagram; none if the time is up and all that has arrived was read.
fn receive(socket: &UdpSocket, end: Instant) -> std::io::Result<Option<u64>> {
    use std::io::ErrorKind;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut buffer = [0; 16];
        match socket.recv(&mut buffer) {
            Ok(8) => return Ok(buffer.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(None);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
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
