//! Links that are cut one way, for TCP. A packet that is lost one way stops TCP both ways, as nothing is
//! acknowledged any more. So on each host a proxy ends the connections that begin there, and makes others in
//! their place; what is sent along a link that is cut is held by the proxy, and what comes back is not.
//!
//! It is a delay, as any cut of TCP is: what was held arrives after healing, in order. Who opens a connection
//! during a cut is told that it is open, since the proxy is; who is refused one sees it closed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use threeworlds_model::Process;

use super::processes::Processes;
use super::{Problem, kernel};
use crate::namespaces::wire;
use crate::plan::Link;

/// The port of the proxy on the loopback address of its host.
const PORT: u16 = 9;
/// Connections with this mark are the proxy's own, and go out as they are.
const MARK: u32 = 0x7477;
/// How much is read at once, and so how much is held for a direction of a connection.
const BYTES: usize = 16 * 1024;
/// There are two threads for each connection, with little to remember.
const STACK_BYTES: usize = 128 * 1024;

/// Which links are held.
#[derive(Default)]
pub(super) struct Valves {
    held: Mutex<BTreeSet<Link>>,
    changed: Condvar,
}

impl Valves {
    /// From now on exactly these links are held.
    pub(super) fn hold(&self, links: BTreeSet<Link>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = links;
        self.changed.notify_all();
    }

    /// Returns when a link is not held.
    fn pass(&self, link: Link) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(held, |held| held.contains(&link)));
    }
}

/// What a proxy knows.
#[derive(Clone)]
struct Proxy {
    me: Process,
    ip: Ipv4Addr,
    hosts: Arc<BTreeMap<Ipv4Addr, Process>>,
    valves: Arc<Valves>,
}

/// Begins a proxy in the namespaces of the calling thread.
pub(super) fn begin(
    me: &wire::Host,
    all: &[wire::Host],
    valves: Arc<Valves>,
    processes: &Processes,
) -> Result<(), Problem> {
    let why = |error: io::Error| kernel("no proxy for links that are cut one way", error, "is port 9 free?");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).map_err(why)?;
    let rules = format!(
        "table ip threeworlds {{
  chain output {{
    type nat hook output priority -100; policy accept;
    meta mark {MARK} accept
    ip daddr 10.9.0.0/24 ip daddr != {} tcp dport 1-65535 redirect to :{PORT}
  }}
}}
",
        me.ip
    );
    processes.tool(&["nft", "-f", "-"], "nftables", &rules).map_err(|problem| match problem {
        Problem::Network { why } => kernel(
            "connections cannot be led through a proxy, so that links cannot be cut one way",
            why,
            "the kernel needs CONFIG_NFT_NAT and CONFIG_NFT_REDIR: as root, modprobe nft_nat nft_redir; or cut both \
             ways",
        ),
        other => other,
    })?;
    let hosts = Arc::new(all.iter().map(|host| (host.ip, host.name)).collect());
    let proxy = Proxy { me: me.name, ip: me.ip, hosts, valves };
    // Threads are born into the namespaces of whoever starts them.
    thread(move || {
        for connection in listener.incoming() {
            match connection {
                Ok(near) => {
                    let proxy = proxy.clone();
                    thread(move || proxy.serve(near));
                }
                // Too many at once, for example: later again.
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    });
    Ok(())
}

/// Starts a thread; without one the connection is closed, as on a machine that has no more of them.
fn thread(what: impl FnOnce() + Send + 'static) {
    let _ = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(what);
}

impl Proxy {
    /// One connection, from its beginning to the end of both directions.
    fn serve(self, near: TcpStream) {
        let Some((to, far)) = self.connect(&near) else {
            // It is reset, as a connection is that is refused.
            let _ = SockRef::from(&near).set_linger(Some(Duration::ZERO));
            return;
        };
        let _ = near.set_nodelay(true).and_then(|()| far.set_nodelay(true));
        let (Ok(near_read), Ok(far_read)) = (near.try_clone(), far.try_clone()) else { return };
        let there = Link { from: self.me, to };
        let back = Link { from: to, to: self.me };
        let valves = Arc::clone(&self.valves);
        thread(move || carry(&valves, back, far_read, near));
        carry(&self.valves, there, near_read, far);
    }

    /// The connection that the other one was meant to be, once its first packet can pass.
    fn connect(&self, near: &TcpStream) -> Option<(Process, TcpStream)> {
        let meant = SockRef::from(near).original_dst_v4().ok()?.as_socket_ipv4()?;
        let to = *self.hosts.get(meant.ip())?;
        self.valves.pass(Link { from: self.me, to });
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).ok()?;
        socket.set_mark(MARK).ok()?;
        socket.bind(&SockAddr::from(SocketAddr::from((self.ip, 0)))).ok()?;
        socket.connect(&SockAddr::from(SocketAddr::from(meant))).ok()?;
        Some((to, socket.into()))
    }
}

/// Carries what comes from the one to the other, as long as the link is not held.
fn carry(valves: &Valves, link: Link, mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; BYTES];
    loop {
        let read = from.read(&mut buffer);
        // The end of a connection is sent like anything else.
        valves.pass(link);
        match read {
            Ok(0) => {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            Ok(length) if to.write_all(&buffer[..length]).is_ok() => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => {
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                return;
            }
        }
    }
}
