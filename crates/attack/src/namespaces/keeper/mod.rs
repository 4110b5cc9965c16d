//! The keeper: the process that holds a lab's namespaces, in three guises of our own binary.
//!
//! *outer* makes the namespaces and starts *inner*, the first process of the process namespace, which makes
//! the hosts and does what it is asked on standard input until that ends; with it everything in the lab ends.
//! *become* takes on another user where the lab's user namespace knows root alone.

mod host;
mod kept;
mod network;
mod outer;
mod probe;
mod processes;
mod proxy;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;
use nix::sys::statvfs::{FsFlags, statvfs};
use threeworlds_model::Process;

use super::command::LabSignal;
use super::wire::{Answer, Ask, Pair, Problem, Request, Say, Setup};
use crate::plan::Link;
use host::Host;
use network::Network;
use probe::Arrivals;
use processes::Processes;
use proxy::Valves;

/// Runs as the keeper of a lab, with the arguments that follow those of
/// [`LabOptions::keeper`](super::LabOptions). The binary that is named there calls this.
pub fn keep(arguments: &[OsString]) -> ExitCode {
    let words: Option<Vec<&str>> = arguments.iter().map(|word| word.to_str()).collect();
    match words.as_deref() {
        Some(["outer", mode @ ("user" | "root"), keeper @ ..]) if !keeper.is_empty() => {
            outer::run(*mode == "user", keeper)
        }
        Some(["inner"]) => inner(),
        Some(["become", user, "--", command @ ..]) if !command.is_empty() => {
            outer::become_user(user, command)
        }
        _ => {
            eprintln!(
                "this holds the network of an attack, and is of no use on its own: see `attack --help`"
            );
            ExitCode::from(2)
        }
    }
}

/// Says something to whoever made the lab. If nobody listens any more, the end of the other pipe ends this.
fn say(what: &Say) {
    let mut line = serde_json::to_vec(what).expect("it can be written");
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
}

fn answer(id: u64, answer: Answer) {
    say(&Say::Answer { id, answer });
}

fn kernel(what: &str, error: impl std::fmt::Display, hint: &str) -> Problem {
    Problem::Kernel { what: what.to_owned(), why: error.to_string(), hint: hint.to_owned() }
}

fn inner() -> ExitCode {
    // Whoever ends the outer keeper ends this one, and so everything.
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    let mut lines = std::io::stdin().lock().lines();
    let Some(Ok(line)) = lines.next() else { return ExitCode::FAILURE };
    let (id, setup) = match serde_json::from_str(&line) {
        Ok(Request { id, ask: Ask::Setup(setup) }) => (id, setup),
        _ => return ExitCode::FAILURE,
    };
    let keeper = match Keeper::begin(setup) {
        Ok(keeper) => keeper,
        Err(problem) => {
            answer(id, Answer::Failed(problem));
            return ExitCode::FAILURE;
        }
    };
    answer(id, Answer::Ready { missing: keeper.missing.clone() });
    let keeper = Arc::new(keeper);
    for line in lines {
        let Ok(line) = line else { break };
        let Ok(Request { id, ask }) = serde_json::from_str(&line) else {
            eprintln!("the keeper was asked what it does not understand");
            return ExitCode::FAILURE;
        };
        keeper.obey(id, ask);
    }
    // The end of this process is the end of all others in its namespace.
    ExitCode::SUCCESS
}

struct Keeper {
    hosts: BTreeMap<Process, Host>,
    processes: Arc<Processes>,
    network: Mutex<Network>,
    /// What holds links that are cut one way, if that is possible.
    valves: Option<Arc<Valves>>,
    /// What arrives of probes by TCP.
    arrivals: Arc<Arrivals>,
    /// Settings that this kernel does not have.
    missing: Vec<String>,
}

impl Keeper {
    fn begin(setup: Setup) -> Result<Keeper, Problem> {
        mounts(&setup.folder)?;
        let processes = Processes::begin();
        let mut network = Network::begin(&processes)?;
        let mut hosts = BTreeMap::new();
        for host in &setup.hosts {
            hosts.insert(host.name, Host::begin(host, &setup, &processes)?);
        }
        network.connect(&processes, &setup.hosts, &hosts)?;
        let valves = setup.one_way.then(Arc::<Valves>::default);
        let arrivals = Arc::<Arrivals>::default();
        let mut missing = Vec::new();
        for host in hosts.values() {
            missing = host.configure(&setup, &processes)?;
            if let Some(valves) = &valves {
                host.begin_proxy(&setup, &processes, valves, &arrivals)?;
            }
        }
        must_reach(&hosts)?;
        Ok(Keeper { hosts, processes, network: Mutex::new(network), valves, arrivals, missing })
    }

    fn obey(self: &Arc<Self>, id: u64, ask: Ask) {
        match ask {
            Ask::Setup(_) => answer(id, Answer::Failed(Problem::Network { why: "it stands".to_owned() })),
            Ask::Spawn { host, command, log, log_bytes_max } => {
                let spawned = self.hosts[&host].spawn(&self.processes, command, &log, log_bytes_max);
                answer(id, spawned.map_or_else(Answer::Failed, |process| Answer::Spawned { process }));
            }
            Ask::Run { host, command, deadline_milliseconds } => {
                let keeper = Arc::clone(self);
                std::thread::spawn(move || {
                    let deadline = Duration::from_millis(deadline_milliseconds);
                    let output = keeper.hosts[&host].run(&keeper.processes, command, deadline);
                    answer(id, output.map_or_else(Answer::Failed, Answer::Output));
                });
            }
            Ask::Signal { process, signal } => {
                self.processes.signal_group(process, number(signal));
                answer(id, Answer::Done);
            }
            Ask::SignalHost { host, signal } => {
                let keeper = Arc::clone(self);
                std::thread::spawn(move || {
                    keeper.hosts[&host].signal_all(number(signal));
                    answer(id, Answer::Done);
                });
            }
            Ask::Cut { links } => {
                let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
                let links: Vec<Link> = links.iter().map(Link::from).collect();
                let links: BTreeSet<Link> = links.into_iter().collect();
                let back = |link: &Link| links.contains(&Link { from: link.to, to: link.from });
                let (both, one_way): (BTreeSet<Link>, BTreeSet<Link>) = match &self.valves {
                    Some(_) => links.iter().partition(|link| back(link)),
                    None => (links, BTreeSet::new()),
                };
                if let Some(valves) = &self.valves {
                    valves.hold(one_way.clone());
                }
                let done = network.cut(&self.processes, both, one_way);
                answer(id, done.map_or_else(Answer::Failed, |()| Answer::Done));
            }
            Ask::Probe { links, patience_milliseconds } => {
                let keeper = Arc::clone(self);
                std::thread::spawn(move || {
                    let patience = Duration::from_millis(patience_milliseconds);
                    let links: Vec<Link> = links.iter().map(Link::from).collect();
                    let arrived = keeper.probe(&links, patience);
                    let failed = |why| Answer::Failed(Problem::Network { why });
                    answer(
                        id,
                        arrived.map_or_else(failed, |links| Answer::Arrived {
                            links: links.iter().map(Pair::from).collect(),
                        }),
                    );
                });
            }
        }
    }
}

/// How long the ports of the switch may take to come up: the kernel does that when it has the time.
const PORTS_WAIT: Duration = Duration::from_secs(15);

/// Waits until every port of the switch works in both directions: each host sends to the next one, and the last
/// to the first.
fn must_reach(hosts: &BTreeMap<Process, Host>) -> Result<(), Problem> {
    let names: Vec<Process> = hosts.keys().copied().collect();
    let next = |(position, &from): (usize, &Process)| Link { from, to: names[(position + 1) % names.len()] };
    let ring: Vec<Link> = names.iter().enumerate().map(next).filter(|link| link.from != link.to).collect();
    let arrived = probe::probe(hosts, &ring, PORTS_WAIT).map_err(|why| Problem::Network { why })?;
    match ring.iter().find(|link| !arrived.contains(link)) {
        None => Ok(()),
        Some(link) => Err(kernel(
            "hosts do not reach each other",
            format!("nothing arrives along {link}"),
            "does a filter of this machine look into bridges? See: sysctl net.bridge.bridge-nf-call-iptables",
        )),
    }
}

impl Keeper {
    /// Along which links probes arrive. Where links can be cut one way there are two ways to go, by datagram and
    /// by TCP through the proxy: a link that is cut has to stop both, any other neither.
    fn probe(&self, links: &[Link], patience: Duration) -> Result<Vec<Link>, String> {
        let datagrams = probe::probe(&self.hosts, links, patience)?;
        if self.valves.is_none() {
            return Ok(datagrams);
        }
        let streams = self.arrivals.probe(&self.hosts, links, patience)?;
        let network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        let arrived = |link: &&Link| match network.is_cut(link) {
            true => datagrams.contains(link) || streams.contains(link),
            false => datagrams.contains(link) && streams.contains(link),
        };
        Ok(links.iter().filter(arrived).copied().collect())
    }
}

fn number(signal: LabSignal) -> Signal {
    match signal {
        LabSignal::Kill => Signal::SIGKILL,
        LabSignal::Terminate => Signal::SIGTERM,
        LabSignal::Pause => Signal::SIGSTOP,
        LabSignal::Resume => Signal::SIGCONT,
    }
}

/// What is mounted otherwise in a lab: nothing of it reaches the machine.
fn mounts(folder: &Path) -> Result<(), Problem> {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).map_err(|error| {
        kernel("mounts cannot be made private", error, "run it where mount namespaces are allowed")
    })?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, none).map_err(|error| {
        let hint = "in a container, /proc has to be whole: start it with --security-opt systempaths=unconfined, or \
                    run it outside";
        kernel("the lab's own /proc cannot be mounted", error, hint)
    })?;
    for name in ["passwd", "group", "hosts", "resolv.conf", "nsswitch.conf"] {
        let there = Path::new("/etc").join(name);
        if let Ok(there) = there.canonicalize() {
            let ours = folder.join("etc").join(name);
            replace(&ours, &there).map_err(|error| {
                let what = format!("{} cannot be another one in the lab", there.display());
                kernel(&what, error, "run it where mount namespaces are allowed")
            })?;
        }
    }
    // Only what runs it needs it, and says then that it is not there.
    if let Ok(program) = std::env::current_exe() {
        let _ = replace(&program, &folder.join(super::OWN_PROGRAM));
    }
    Ok(())
}

/// Puts a file in the place of another, to be read only.
fn replace(ours: &Path, there: &Path) -> nix::Result<()> {
    let none: Option<&str> = None;
    mount(Some(ours), there, none, MsFlags::MS_BIND, none)?;
    // What the file system does not allow outside, a user namespace may not allow again.
    let mut flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    let outside = statvfs(there)?.flags();
    for (is_set, flag) in [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        flags.set(flag, outside.contains(is_set));
    }
    mount(none, there, none, flags, none)
}
