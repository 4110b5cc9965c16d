//! Servers on the loopback network, each a process, and the network between them.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::processes::send;
use crate::support::{Outcome, Running, start, threeworlds};

/// A busy machine may be slow, but not slower than this.
const DEADLINE: Duration = Duration::from_secs(60);

/// An address that nobody else has: each process of tests has loopback addresses of its own. (A port that was
/// free a moment ago is none: a process that is just being started may still hold it.)
pub(crate) fn address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let host = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(host < 250, "there are more servers than addresses");
    let ip = Ipv4Addr::new(127, (high.wrapping_mul(64) ^ middle) | 1, low, host);
    SocketAddr::new(IpAddr::V4(ip), 7411)
}

/// A server, which ends with the test.
pub(crate) struct Server {
    running: Option<Running>,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts one: `peers` are the servers as this one reaches them.
    pub(crate) fn start(protocol: &str, name: &str, address: SocketAddr, peers: &[String]) -> Server {
        let listen = address.to_string();
        let peers = peers.join(",");
        let call = ["node", protocol, "--listen", &listen, "--name", name, "--peer", &peers];
        Server { running: Some(start(call, "")), address }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    /// Waits until it has said this on standard error.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        self.says_times(text, 1);
    }

    /// Waits until it has said this so often.
    #[track_caller]
    pub(crate) fn says_times(&self, text: &str, times: usize) {
        let start = Instant::now();
        while self.said_times(text) < times {
            assert!(start.elapsed() < DEADLINE, "`{text}` is not said: {}", self.running().stderr());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How often it has said this.
    pub(crate) fn said_times(&self, text: &str) -> usize {
        self.running().stderr().matches(text).count()
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            send(Signal::SIGKILL, &running);
            running.ends();
        }
    }

    /// Asks it to end.
    pub(crate) fn terminate(mut self) -> Outcome {
        let running = self.running.take().expect("it runs");
        send(Signal::SIGTERM, &running);
        running.ends()
    }

    /// A connection of somebody who is no client of ours.
    pub(crate) fn stranger(&self) -> Stranger {
        Stranger(TcpStream::connect(self.address).expect("it accepts connections"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            send(Signal::SIGKILL, running);
        }
    }
}

/// All servers of a protocol, when the rounds have begun.
pub(crate) fn cluster<const N: usize>(protocol: &str) -> [Server; N] {
    let addresses: [SocketAddr; N] = std::array::from_fn(|_| address());
    let peers: Vec<String> =
        (1..).zip(addresses).map(|(number, address)| format!("s{number}={address}")).collect();
    let server = |place: usize| Server::start(protocol, &format!("s{}", place + 1), addresses[place], &peers);
    let servers: [Server; N] = std::array::from_fn(server);
    for server in &servers {
        server.says("the rounds begin");
    }
    servers
}

/// Asks these servers, in this order.
pub(crate) fn ask(servers: &[&Server], deadline: &str, question: &[&str]) -> Outcome {
    let servers: Vec<String> = servers.iter().map(|server| server.address.to_string()).collect();
    let mut call = vec!["ask", "--deadline", deadline];
    servers.iter().for_each(|server| call.extend(["--server", server]));
    call.extend(question);
    threeworlds(call)
}

/// Somebody who speaks what he likes.
pub(crate) struct Stranger(TcpStream);

impl Stranger {
    pub(crate) fn sends(mut self, bytes: &[u8]) -> Stranger {
        // Whoever is dropped in the middle has been heard.
        let _ = self.0.write_all(bytes);
        self
    }

    /// What it is told until the connection ends.
    #[track_caller]
    pub(crate) fn told_at_the_end(mut self) -> String {
        self.0.set_read_timeout(Some(DEADLINE)).expect("a time-out can be set");
        let mut told = Vec::new();
        match self.0.read_to_end(&mut told) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the connection does not end: {error}"),
        }
        String::from_utf8(told).expect("text")
    }

    /// Waits for this in what it is told.
    #[track_caller]
    pub(crate) fn hears(mut self, text: &str) -> Stranger {
        self.0.set_read_timeout(Some(DEADLINE)).expect("a time-out can be set");
        let mut told = Vec::new();
        while !String::from_utf8_lossy(&told).contains(text) {
            let mut byte = [0];
            let read = self.0.read(&mut byte).expect("something comes");
            assert!(read > 0, "the connection ended before `{text}`: {}", String::from_utf8_lossy(&told));
            told.push(byte[0]);
        }
        self
    }
}

/// A way to a server that can be cut in silence: connections stay as they are, and nothing comes through.
pub(crate) struct Way {
    pub(crate) address: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Way {
    pub(crate) fn to(target: SocketAddr) -> Way {
        let address = address();
        let listener = TcpListener::bind(address).expect("the address is free");
        let cut = Arc::new(AtomicBool::new(false));
        let is_cut = Arc::clone(&cut);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(here), Ok(there)) = (stream, TcpStream::connect(target)) else { continue };
                let copy = |stream: &TcpStream| stream.try_clone().expect("a connection can be shared");
                for (from, to) in [(copy(&here), copy(&there)), (there, here)] {
                    let is_cut = Arc::clone(&is_cut);
                    std::thread::spawn(move || pass(from, to, &is_cut));
                }
            }
        });
        Way { address, cut }
    }

    pub(crate) fn set_cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }
}

/// Passes bytes on, and holds them up while the way is cut, as TCP does.
fn pass(mut from: TcpStream, mut to: TcpStream, is_cut: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        while is_cut.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
