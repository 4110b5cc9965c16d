use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use threeworlds_model::Process;

use super::command::{Command, LabSignal, Output};
use super::layout::{ONE_WAY, etc, hosts, lay_out, note, passable, tcp_settings};
use super::scratch::Scratch;
use super::session::{LabProcess, LabRun, Session, at, done, unexpected};
use super::wire::{Answer, Ask, Host, Pair, Setup};
use super::{CLIENTS_MAX, LabError, SERVERS_MAX};
use crate::plan::Link;

/// Hosts in namespaces of their own, on one switch. When it is dropped, all that ran in it has ended, and its
/// folder is removed.
///
/// It can be used from several threads at a time.
#[derive(Debug)]
pub struct Lab {
    session: Arc<Session>,
    hosts: Vec<Host>,
    keeper: Child,
    scratch: Scratch,
    log_bytes_max: u64,
    notes: Vec<String>,
}

/// How a lab is made.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// The command that becomes a lab's keeper, by calling [`keep`](super::keep) with the arguments that
    /// follow those given here.
    pub keeper: Vec<String>,
    /// Where the scratch folder is made.
    pub base: PathBuf,
    /// As whom it is made.
    pub privileges: Privileges,
    /// How long it may take.
    pub deadline: Duration,
    /// How much of each process' log is kept: the last half of it at least.
    pub log_bytes_max: u64,
    /// Whether links can be cut one way: then connections between hosts end at a proxy on the host where they
    /// begin, which holds what is sent along a link that is cut. Without it a cut has to be both ways.
    pub one_way: bool,
}

impl LabOptions {
    /// The default options: in the folder for temporary files, within a minute (namespaces come and go slowly where many
    /// do at the same time), logs of 4 MiB.
    pub fn new(keeper: Vec<String>) -> LabOptions {
        LabOptions {
            keeper,
            base: std::env::temp_dir(),
            privileges: Privileges::Auto,
            deadline: Duration::from_secs(60),
            log_bytes_max: 4 << 20,
            one_way: false,
        }
    }
}

/// As whom a lab is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Privileges {
    /// As root if this is root and the system allows it, else in a user namespace.
    #[default]
    Auto,
    /// As root. Unprivileged commands run as a user that nobody else is.
    Root,
    /// In a user namespace: nothing of the machine that needs privileges can be reached, by root neither.
    UserNamespace,
}

impl Lab {
    /// Makes a lab with servers `s1..` and clients `c1..`, all of which reach each other.
    ///
    /// Cost: about half a second for seven hosts.
    ///
    /// # Errors
    /// A missing tool, or something that the kernel does not have or does not allow, with what to do about it.
    pub fn new(servers: u16, clients: u16, options: &LabOptions) -> Result<Lab, LabError> {
        if servers > SERVERS_MAX || clients > CLIENTS_MAX {
            return Err(LabError::TooManyHosts { servers, clients });
        }
        let is_root = nix::unistd::geteuid().is_root();
        match options.privileges {
            Privileges::Auto if is_root => match Lab::start(servers, clients, options, false) {
                // Root in a container that may do less than root.
                Err(LabError::Kernel { .. }) => Lab::start(servers, clients, options, true),
                result => result,
            },
            Privileges::Root => Lab::start(servers, clients, options, false),
            Privileges::Auto | Privileges::UserNamespace => Lab::start(servers, clients, options, true),
        }
    }

    fn start(servers: u16, clients: u16, options: &LabOptions, nested: bool) -> Result<Lab, LabError> {
        let end = Instant::now() + options.deadline;
        let hosts = hosts(servers, clients);
        let scratch = Scratch::make(&options.base)?;
        let folder = scratch.folder.clone();
        if !nested {
            passable(&folder).map_err(|source| LabError::Scratch { folder: folder.clone(), source })?;
        }
        let user = etc::free_user();
        lay_out(&folder, &hosts, user, nested)
            .map_err(|source| LabError::Scratch { folder: folder.clone(), source })?;
        let (program, prefix) =
            options.keeper.split_first().ok_or_else(|| LabError::Keeper("no command for it".to_owned()))?;
        let mut keeper = std::process::Command::new(program)
            .args(prefix)
            .arg("outer")
            .arg(if nested { "user" } else { "root" })
            .args(&options.keeper)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(scratch.share().map_err(|error| LabError::Keeper(error.to_string()))?)
            .current_dir("/")
            .process_group(0)
            .spawn()
            .map_err(|error| LabError::Keeper(format!("`{program}`: {error}")))?;
        let (first_said, first) = channel();
        let stdin = keeper.stdin.take().expect("stdin is piped");
        let stdout = keeper.stdout.take().expect("stdout is piped");
        let session = Arc::new(Session::new(stdin, folder.join("owner")));
        {
            let session = Arc::clone(&session);
            std::thread::spawn(move || session.listen(stdout, &first_said));
        }
        // From here on dropping this ends everything.
        let mut lab =
            Lab { session, hosts, keeper, scratch, log_bytes_max: options.log_bytes_max, notes: Vec::new() };
        let setup = Setup {
            hosts: lab.hosts.clone(),
            folder,
            user,
            nested,
            keeper: options.keeper.clone(),
            one_way: options.one_way,
            tcp: tcp_settings(),
        };
        let answer = lab.session.send(Ask::Setup(setup))?;
        let missing = loop {
            if let Ok(problem) = first.try_recv() {
                return Err(problem.into());
            }
            match answer.recv_timeout(Duration::from_millis(10)) {
                Ok(Answer::Ready { missing }) => break missing,
                Ok(Answer::Failed(problem)) => return Err(problem.into()),
                Ok(other) => return Err(unexpected(&other)),
                Err(RecvTimeoutError::Timeout) if Instant::now() < end => {}
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = options.deadline.as_secs_f64();
                    return Err(LabError::Keeper(format!("it was not ready within {seconds} s")));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    // It may have said why before it ended.
                    return Err(match first.try_recv() {
                        Ok(problem) => problem.into(),
                        Err(_) => LabError::Keeper(lab.session.why_gone()),
                    });
                }
            }
        };
        lab.notes = missing.iter().filter_map(|name| note(name)).collect();
        if options.one_way {
            lab.notes.push(ONE_WAY.to_owned());
        }
        Ok(lab)
    }

    /// All hosts, servers first.
    pub fn hosts(&self) -> impl Iterator<Item = Process> {
        self.hosts.iter().map(|host| host.name)
    }

    /// A host's address.
    ///
    /// # Panics
    /// If there is no such host.
    pub fn ip(&self, host: Process) -> Ipv4Addr {
        self.hosts.iter().find(|known| known.name == host).expect("the host is one of the lab's").ip
    }

    /// A host's own folder, empty at first but for a folder `tmp`, writable for unprivileged commands. Its
    /// path is the same within the lab and outside. Nothing else of the scratch folder is theirs.
    pub fn dir(&self, host: Process) -> PathBuf {
        self.scratch.folder.join(host.to_string())
    }

    /// The scratch folder itself, in which are the hosts' folders.
    pub fn folder(&self) -> &Path {
        &self.scratch.folder
    }

    /// What this machine cannot do and what that means for verdicts, a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Starts a process that runs on, in a process group of its own. What it writes goes to this file in the
    /// host's folder: when that has half of the size that [`LabOptions`] allow, it is put aside as `.old`.
    ///
    /// # Errors
    /// If there is no such program or host.
    pub fn spawn(&self, host: Process, command: &Command, log: &str) -> Result<LabProcess, LabError> {
        self.must_have(host)?;
        let log = self.dir(host).join(log);
        let ask = Ask::Spawn { host, command: command.clone(), log, log_bytes_max: self.log_bytes_max };
        match self.session.ask(ask).map_err(|error| at(error, host))? {
            Answer::Spawned { process } => {
                Ok(LabProcess { process, host, session: Arc::clone(&self.session) })
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Runs a command until it ends or the deadline kills it, with its process group. Several commands may
    /// run at the same time, on one host too.
    ///
    /// # Errors
    /// If there is no such program or host. A command that fails, or is killed at its deadline, is no error.
    pub fn run(&self, host: Process, command: &Command, deadline: Duration) -> Result<Output, LabError> {
        self.begin(host, command, deadline)?.wait()
    }

    /// The same without waiting for it.
    ///
    /// # Errors
    /// If there is no such host. What else goes wrong is told at the end.
    pub fn begin(&self, host: Process, command: &Command, deadline: Duration) -> Result<LabRun, LabError> {
        self.must_have(host)?;
        let deadline_milliseconds = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        let ask = Ask::Run { host, command: command.clone(), deadline_milliseconds };
        Ok(LabRun { host, answer: self.session.send(ask)?, session: Arc::clone(&self.session) })
    }

    /// Sends a signal to everything that runs on a host, whoever started it and whatever group it is in.
    /// After [`LabSignal::Kill`] nothing runs there.
    ///
    /// # Errors
    /// If there is no such host.
    pub fn signal_host(&self, host: Process, signal: LabSignal) -> Result<(), LabError> {
        self.must_have(host)?;
        self.session.ask(Ask::SignalHost { host, signal }).and_then(done)
    }

    /// From now on exactly these links lose every frame, all at once; none if it is empty. What was sent
    /// before has arrived. Without [`LabOptions::one_way`] links that are cut one way stop TCP both ways.
    ///
    /// # Errors
    /// If there is no such host, or the system refuses.
    pub fn cut(&self, links: &BTreeSet<Link>) -> Result<(), LabError> {
        for link in links {
            self.must_have(link.from)?;
            self.must_have(link.to)?;
        }
        self.session.ask(Ask::Cut { links: links.iter().map(Pair::from).collect() }).and_then(done)
    }

    /// Sends a datagram along each of these links, and returns those along which it arrived. One that does
    /// not is waited for `patience` long; a tenth of a second is plenty, for nothing takes time here.
    ///
    /// # Errors
    /// If there is no such host.
    pub fn probe(&self, links: &BTreeSet<Link>, patience: Duration) -> Result<BTreeSet<Link>, LabError> {
        for link in links {
            self.must_have(link.from)?;
            self.must_have(link.to)?;
        }
        let patience_milliseconds = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        let links = links.iter().map(Pair::from).collect();
        match self.session.ask(Ask::Probe { links, patience_milliseconds })? {
            Answer::Arrived { links } => Ok(links.iter().map(Link::from).collect()),
            other => Err(unexpected(&other)),
        }
    }

    /// Ends everything that runs in the lab and removes its folder; what dropping it does, too. If `keep`, the
    /// folder stays until [`clean`](super::clean).
    pub fn close(mut self, keep: bool) {
        if keep {
            self.scratch.keep();
        }
    }

    fn must_have(&self, host: Process) -> Result<(), LabError> {
        match self.hosts.iter().any(|known| known.name == host) {
            true => Ok(()),
            false => Err(LabError::NoHost(host)),
        }
    }
}

/// How long a keeper may take to end when its pipe is closed.
const KEEPER_WAIT: Duration = Duration::from_secs(10);

impl Drop for Lab {
    fn drop(&mut self) {
        // The end of the pipe is the end of the keeper, and so of everything.
        self.session.close();
        let end = Instant::now() + KEEPER_WAIT;
        while let Ok(None) = self.keeper.try_wait() {
            if Instant::now() >= end {
                let _ = self.keeper.kill();
                let _ = self.keeper.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
