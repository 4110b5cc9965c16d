use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use threeworlds_model::Process;

use super::command::{Command, Ended, Output, Send};
use super::scratch::Scratch;
use super::wire::{Answer, Ask, Host, Pair, Problem, Request, Say, Setup};
use super::{CLIENTS_MAX, LabError, SERVERS_MAX};
use crate::plan::Link;

/// Hosts in namespaces of their own, on one switch. When it is dropped, all that ran in it has ended, and its
/// folder is removed.
///
/// It can be used from several threads at a time.
#[derive(Debug)]
pub struct Lab {
    shared: Arc<Shared>,
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
    /// The default options: in the folder for temporary files, within 20 s, logs of 4 MiB.
    pub fn new(keeper: Vec<String>) -> LabOptions {
        LabOptions {
            keeper,
            base: std::env::temp_dir(),
            privileges: Privileges::Auto,
            deadline: Duration::from_secs(20),
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
        let shared = Arc::new(Shared {
            stdin: Mutex::new(Some(stdin)),
            waiting: Mutex::new(Waiting { answers: BTreeMap::new(), gone: None }),
            running: Mutex::default(),
            changed: Condvar::new(),
            next: AtomicU64::new(1),
            owner: folder.join("owner"),
        });
        {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.listen(stdout, &first_said));
        }
        // From here on dropping this ends everything.
        let mut lab =
            Lab { shared, hosts, keeper, scratch, log_bytes_max: options.log_bytes_max, notes: Vec::new() };
        let setup = Setup {
            hosts: lab.hosts.clone(),
            folder,
            user,
            nested,
            keeper: options.keeper.clone(),
            one_way: options.one_way,
            tcp: tcp_settings(),
        };
        let answer = lab.shared.send(Ask::Setup(setup))?;
        let missing = loop {
            if let Ok(problem) = first.try_recv() {
                return Err(problem.into());
            }
            match answer.recv_timeout(Duration::from_millis(10)) {
                Ok(Answer::Ready { missing }) => break missing,
                Ok(Answer::Failed(problem)) => return Err(problem.into()),
                Ok(other) => return Err(unexpected(&other)),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) if Instant::now() < end => {}
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    let seconds = options.deadline.as_secs_f64();
                    return Err(LabError::Keeper(format!("it was not ready within {seconds} s")));
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                    // It may have said why before it ended.
                    return Err(match first.try_recv() {
                        Ok(problem) => problem.into(),
                        Err(_) => LabError::Keeper(lab.shared.why_gone()),
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
        match self.shared.ask(ask).map_err(|error| at(error, host))? {
            Answer::Spawned { process } => Ok(LabProcess { process, host, shared: Arc::clone(&self.shared) }),
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
        Ok(LabRun { host, answer: self.shared.send(ask)?, shared: Arc::clone(&self.shared) })
    }

    /// Sends a signal to everything that runs on a host, whoever started it and whatever group it is in.
    /// After [`Send::Kill`] nothing runs there.
    ///
    /// # Errors
    /// If there is no such host.
    pub fn signal_host(&self, host: Process, send: Send) -> Result<(), LabError> {
        self.must_have(host)?;
        self.shared.ask(Ask::SignalHost { host, send }).and_then(done)
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
        self.shared.ask(Ask::Cut { links: links.iter().map(Pair::from).collect() }).and_then(done)
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
        match self.shared.ask(Ask::Probe { links, patience_milliseconds })? {
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
        *locked(&self.shared.stdin) = None;
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

/// A process of a lab that runs on. It ends with the lab at the latest, not when this is dropped.
#[derive(Debug, Clone)]
pub struct LabProcess {
    process: u64,
    host: Process,
    shared: Arc<Shared>,
}

impl LabProcess {
    /// Where it runs.
    pub fn host(&self) -> Process {
        self.host
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        locked(&self.shared.running).get(&self.process).copied()
    }

    /// Sends a signal to it and its process group; nothing happens if it has ended.
    ///
    /// # Errors
    /// If the lab is gone.
    pub fn signal(&self, send: Send) -> Result<(), LabError> {
        self.shared.ask(Ask::Signal { process: self.process, send }).and_then(done)
    }

    /// Waits for its end, at most so long. How it ended, if it has.
    pub fn wait(&self, at_most: Duration) -> Option<Ended> {
        let running = locked(&self.shared.running);
        let (running, _) = self
            .shared
            .changed
            .wait_timeout_while(running, at_most, |ended| !ended.contains_key(&self.process))
            .unwrap_or_else(PoisonError::into_inner);
        running.get(&self.process).copied()
    }
}

/// A command that runs to its end.
#[derive(Debug)]
pub struct LabRun {
    host: Process,
    answer: Receiver<Answer>,
    shared: Arc<Shared>,
}

impl LabRun {
    /// Waits for its end.
    ///
    /// # Errors
    /// As [`Lab::run`].
    pub fn wait(self) -> Result<Output, LabError> {
        match self.answer.recv() {
            Ok(answer) => self.output(answer),
            Err(_) => Err(self.shared.gone()),
        }
    }

    /// What came of it, once it has ended; after that it must not be asked again.
    ///
    /// # Errors
    /// As [`Lab::run`].
    pub fn try_wait(&self) -> Result<Option<Output>, LabError> {
        match self.answer.try_recv() {
            Ok(answer) => self.output(answer).map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(self.shared.gone()),
        }
    }

    fn output(&self, answer: Answer) -> Result<Output, LabError> {
        match answer {
            Answer::Output(output) => Ok(output),
            Answer::Failed(problem) => Err(at(problem.into(), self.host)),
            other => Err(unexpected(&other)),
        }
    }
}

#[derive(Debug)]
struct Shared {
    stdin: Mutex<Option<ChildStdin>>,
    waiting: Mutex<Waiting>,
    /// How processes that have ended did.
    running: Mutex<BTreeMap<u64, Ended>>,
    changed: Condvar,
    next: AtomicU64,
    owner: PathBuf,
}

#[derive(Debug)]
struct Waiting {
    answers: BTreeMap<u64, Sender<Answer>>,
    /// Why nobody answers any more.
    gone: Option<String>,
}

impl Shared {
    fn ask(&self, ask: Ask) -> Result<Answer, LabError> {
        match self.send(ask)?.recv() {
            Ok(Answer::Failed(problem)) => Err(problem.into()),
            Ok(answer) => Ok(answer),
            Err(_) => Err(self.gone()),
        }
    }

    fn send(&self, ask: Ask) -> Result<Receiver<Answer>, LabError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answers) = channel();
        {
            let mut waiting = locked(&self.waiting);
            if waiting.gone.is_some() {
                drop(waiting);
                return Err(self.gone());
            }
            waiting.answers.insert(id, answer);
        }
        let mut line = serde_json::to_vec(&Request { id, ask }).expect("a request can be written");
        line.push(b'\n');
        let mut stdin = locked(&self.stdin);
        // A keeper that has ended says why on its other pipe.
        let written = stdin.as_mut().map(|stdin| stdin.write_all(&line));
        drop(stdin);
        if !matches!(written, Some(Ok(()))) {
            locked(&self.waiting).answers.remove(&id);
            return Err(self.gone());
        }
        Ok(answers)
    }

    fn listen(&self, stdout: ChildStdout, first: &Sender<Problem>) {
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { break };
            match serde_json::from_str(&line) {
                Ok(Say::Answer { id, answer }) => {
                    if let Some(sender) = locked(&self.waiting).answers.remove(&id) {
                        let _ = sender.send(answer);
                    }
                }
                Ok(Say::Ended { process, ended }) => {
                    locked(&self.running).insert(process, ended);
                    self.changed.notify_all();
                }
                Ok(Say::Failed(problem)) => {
                    let _ = first.send(problem);
                }
                Err(error) => {
                    locked(&self.waiting).gone = Some(format!("its keeper said what is no answer: {error}"));
                    break;
                }
            }
        }
        let mut waiting = locked(&self.waiting);
        waiting.gone.get_or_insert_with(String::new);
        // Whoever waits learns that nobody answers.
        waiting.answers.clear();
    }

    fn gone(&self) -> LabError {
        LabError::Gone { why: self.why_gone() }
    }

    fn why_gone(&self) -> String {
        let said = locked(&self.waiting).gone.clone().unwrap_or_default();
        let text = std::fs::read_to_string(&self.owner).unwrap_or_default();
        let words: Vec<&str> = text.lines().skip(2).filter(|line| !line.trim().is_empty()).collect();
        match (said.is_empty(), words.is_empty()) {
            (false, _) => said,
            (true, false) => words[words.len().saturating_sub(5)..].join("; "),
            (true, true) => "its keeper ended without a word".to_owned(),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn done(answer: Answer) -> Result<(), LabError> {
    match answer {
        Answer::Done => Ok(()),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(answer: &Answer) -> LabError {
    LabError::Gone { why: format!("its keeper gave an answer to another question: {answer:?}") }
}

fn at(error: LabError, at: Process) -> LabError {
    match error {
        LabError::Start { program, why, .. } => LabError::Start { program, why, host: at },
        other => other,
    }
}

impl From<Problem> for LabError {
    fn from(problem: Problem) -> LabError {
        match problem {
            Problem::MissingTool { tool, package } => LabError::MissingTool { tool, package },
            Problem::Kernel { what, why, hint } => LabError::Kernel { what, why, hint },
            // Whoever asked knows where.
            Problem::Start { program, why } => LabError::Start { program, why, host: Process::Server(1) },
            Problem::Network { why } => LabError::Network(why),
        }
    }
}

fn hosts(servers: u16, clients: u16) -> Vec<Host> {
    let last = |number: u16| u8::try_from(number).expect("the numbers were checked");
    let server = |number| Host { name: Process::Server(number), ip: Ipv4Addr::new(10, 9, 0, last(number)) };
    let client =
        |number| Host { name: Process::Client(number), ip: Ipv4Addr::new(10, 9, 0, 100 + last(number)) };
    (1..=servers).map(server).chain((1..=clients).map(client)).collect()
}

/// How long TCP waits before it tries again, at most a second: else a connection that a cut stopped goes on only
/// long after healing, and the verdict is about that. And it does not give up while a cut lasts.
fn tcp_settings() -> BTreeMap<String, String> {
    let settings = [
        ("tcp_rto_max_ms", "1000"),
        ("tcp_retries2", "200"),
        ("tcp_syn_retries", "127"),
        ("tcp_syn_linear_timeouts", "127"),
    ];
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// What a lab with one-way cuts is like.
const ONE_WAY: &str = "where links are cut one way, TCP connections end at a proxy on the host where they begin, which \
                       holds what is sent that way until it is healed; everything else is dropped";

/// What a missing setting means.
fn note(setting: &str) -> Option<String> {
    let means = match setting {
        "tcp_rto_max_ms" => {
            "after a cut, connections go on as late again as the cut was long (Linux 6.15 has tcp_rto_max_ms), so \
             heal for longer than you cut"
        }
        "tcp_syn_linear_timeouts" => {
            "a connection that is begun during a cut may come about long after healing (Linux 6.5 has \
             tcp_syn_linear_timeouts)"
        }
        _ => return None,
    };
    Some(format!("this kernel has no {setting}: {means}"))
}

/// Makes the folders of the hosts and the lab's own `/etc` files.
fn lay_out(folder: &Path, hosts: &[Host], user: u32, nested: bool) -> std::io::Result<()> {
    for host in hosts {
        let own = folder.join(host.name.to_string());
        for path in [own.clone(), own.join("tmp")] {
            fs::create_dir(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(0o700))?;
            if !nested {
                chown(&path, Some(user), Some(user))?;
            }
        }
    }
    // The keeper puts our own program in its place.
    fs::write(folder.join(super::OWN_PROGRAM), "")?;
    let etc = folder.join("etc");
    fs::create_dir(&etc)?;
    fs::set_permissions(&etc, Permissions::from_mode(0o755))?;
    for (name, text) in etc::files(hosts, folder, user) {
        fs::write(etc.join(name), text)?;
        fs::set_permissions(etc.join(name), Permissions::from_mode(0o644))?;
    }
    Ok(())
}

mod etc {
    //! The files below `/etc` that are others in a lab: hosts have names, the user has one too, and nobody
    //! asks a name server.

    use std::collections::BTreeSet;
    use std::path::Path;

    use super::Host;

    /// What the user of unprivileged commands is called.
    const NAME: &str = "threeworlds";
    /// Where numbers begin that neither people nor packages of the usual distributions have.
    const FIRST_USER: u32 = 58_001;

    /// A user and group number that nobody has.
    pub(super) fn free_user() -> u32 {
        let numbers = |file: &str| -> BTreeSet<u32> {
            let text = std::fs::read(file).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            text.lines().filter_map(|line| line.split(':').nth(2)?.parse().ok()).collect()
        };
        let taken = &numbers("/etc/passwd") | &numbers("/etc/group");
        (FIRST_USER..).find(|number| !taken.contains(number)).expect("there are more numbers than lines")
    }

    /// Each file and what is in it.
    pub(super) fn files(hosts: &[Host], folder: &Path, user: u32) -> Vec<(&'static str, Vec<u8>)> {
        let with = |file: &str, line: String| {
            let mut text = std::fs::read(file).unwrap_or_default();
            if text.last().is_some_and(|&byte| byte != b'\n') {
                text.push(b'\n');
            }
            text.extend(line.as_bytes());
            text
        };
        let mut names = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
        for host in hosts {
            names += &format!("{} {}\n", host.ip, host.name);
        }
        vec![
            (
                "passwd",
                with("/etc/passwd", format!("{NAME}:x:{user}:{user}::{}:/bin/sh\n", folder.display())),
            ),
            ("group", with("/etc/group", format!("{NAME}:x:{user}:\n"))),
            ("hosts", names.into_bytes()),
            ("resolv.conf", Vec::new()),
            ("nsswitch.conf", b"passwd: files\ngroup: files\nshadow: files\nhosts: files\n".to_vec()),
        ]
    }
}
