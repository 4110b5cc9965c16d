use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as StdCommand, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, gettid, sethostname};
use threeworlds_model::Process;

use super::kept::Kept;
use super::probe::Arrivals;
use super::processes::{Processes, path, signal_one};
use super::proxy::Valves;
use super::{Problem, Say, Setup, kernel, network, probe, proxy, say};
use crate::guardian::Log;
use crate::namespaces::command::{Command, Ended, Output, User};
use crate::namespaces::wire;

/// A host: a thread that is in the host's namespaces, and starts in them all that runs there.
pub(super) struct Host {
    name: Process,
    ip: Ipv4Addr,
    thread: Pid,
    work: Sender<Work>,
    /// How `/proc` calls its network namespace.
    namespace: PathBuf,
    probes: Mutex<Option<UdpSocket>>,
    folder: PathBuf,
    become_user: BecomeUser,
}

type Work = Box<dyn FnOnce() + Send>;

/// How a command comes to run as somebody who is not root.
#[derive(Clone)]
enum BecomeUser {
    /// By setting the user.
    Set(u32),
    /// By a command that does it in a user namespace.
    Command(Vec<String>),
}

/// What the thread knows of its namespaces.
type Entered = Result<(Pid, PathBuf), Problem>;

impl Host {
    /// Makes the namespaces.
    pub(super) fn begin(
        host: &wire::Host,
        setup: &Setup,
        _processes: &Arc<Processes>,
    ) -> Result<Host, Problem> {
        let (work, tasks) = channel::<Work>();
        let (entered, enters) = channel();
        let name = host.name;
        std::thread::spawn(move || {
            let entry = enter(name);
            let failed = entry.is_err();
            if entered.send(entry).is_err() || failed {
                return;
            }
            for task in tasks {
                task();
            }
        });
        let lost = || kernel("a host's thread cannot be started", "it ended", "are there too many threads?");
        let (thread, namespace) = enters.recv().map_err(|_| lost())??;
        let become_user = match setup.nested {
            false => BecomeUser::Set(setup.user),
            true => {
                let words = ["become".to_owned(), setup.user.to_string(), "--".to_owned()];
                BecomeUser::Command(setup.keeper.iter().cloned().chain(words).collect())
            }
        };
        Ok(Host {
            name,
            ip: host.ip,
            thread,
            work,
            namespace,
            probes: Mutex::new(None),
            folder: setup.folder.join(name.to_string()),
            become_user,
        })
    }

    /// Gives it its address, its neighbours and its settings; which of these settings this kernel does not
    /// have.
    pub(super) fn configure(
        &self,
        setup: &Setup,
        processes: &Arc<Processes>,
    ) -> Result<Vec<String>, Problem> {
        let me = wire::Host { name: self.name, ip: self.ip };
        let (all, tcp) = (setup.hosts.clone(), setup.tcp.clone());
        let processes = Arc::clone(processes);
        let (socket, missing) = self.within(move || {
            // Nothing that hosts say by themselves, and no second way to a host.
            let _ = fs::write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1");
            network::configure(&processes, &me, &all)?;
            let missing = settings(&tcp)?;
            let socket = UdpSocket::bind((me.ip, probe::PORT))
                .map_err(|error| Problem::Network { why: format!("no socket for probes: {error}") })?;
            Ok((socket, missing))
        })??;
        *self.probes.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
        Ok(missing)
    }

    /// Begins its proxy, and what receives probes by TCP.
    pub(super) fn begin_proxy(
        &self,
        setup: &Setup,
        processes: &Arc<Processes>,
        valves: &Arc<Valves>,
        arrivals: &Arc<Arrivals>,
    ) -> Result<(), Problem> {
        let me = wire::Host { name: self.name, ip: self.ip };
        let all = setup.hosts.clone();
        let (processes, valves) = (Arc::clone(processes), Arc::clone(valves));
        let arrivals = Arc::clone(arrivals);
        self.within(move || {
            arrivals
                .listen(me.ip)
                .map_err(|error| Problem::Network { why: format!("no socket for probes: {error}") })?;
            proxy::begin(&me, &all, valves, &processes)
        })?
    }

    pub(super) fn thread(&self) -> Pid {
        self.thread
    }

    pub(super) fn ip(&self) -> Ipv4Addr {
        self.ip
    }

    /// The socket for probes, for as long as it is held.
    pub(super) fn probe_socket(&self) -> ProbeSocket<'_> {
        ProbeSocket(self.probes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts a process that runs on, and says when it ends. Its number.
    pub(super) fn spawn(
        &self,
        processes: &Arc<Processes>,
        command: Command,
        log: &Path,
        log_bytes_max: u64,
    ) -> Result<u64, Problem> {
        let program = command.argv.first().cloned().unwrap_or_default();
        let failed = |why: std::io::Error| Problem::Start {
            program: program.clone(),
            why: format!("its log {}: {why}", log.display()),
        };
        let log = Log::open(log.to_owned(), log_bytes_max).map_err(failed)?;
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let second = writer.try_clone().map_err(failed)?;
        let started = self.start(processes, command, writer.into(), second.into())?;
        std::thread::spawn(move || log.keep(reader));
        let number = processes.number(&started.child);
        std::thread::spawn(move || {
            if let Ok(ended) = started.end.recv() {
                say(&Say::Ended { process: number, ended });
            }
        });
        Ok(number)
    }

    /// Runs a command until it ends, or until the deadline kills it and its group.
    pub(super) fn run(
        &self,
        processes: &Arc<Processes>,
        command: Command,
        deadline: Duration,
    ) -> Result<Output, Problem> {
        let until = Instant::now() + deadline;
        let program = command.argv.first().cloned().unwrap_or_default();
        let failed = |why: std::io::Error| Problem::Start { program: program.clone(), why: why.to_string() };
        let (stdout, stdout_writer) = std::io::pipe().map_err(failed)?;
        let (stderr, stderr_writer) = std::io::pipe().map_err(failed)?;
        let started = self.start(processes, command, stdout_writer.into(), stderr_writer.into())?;
        let (stdout, stderr) = (Kept::begin(stdout), Kept::begin(stderr));
        let left = until.saturating_duration_since(Instant::now());
        let ended = started.end.recv_timeout(left).ok();
        // What it started ends with it.
        processes.end_group(&started.child);
        let end = Instant::now() + LAST_WORDS;
        let (stdout, stderr) = (stdout.finish(end), stderr.finish(end));
        Ok(Output {
            ended,
            truncated: stdout.truncated || stderr.truncated,
            stdout: String::from_utf8_lossy(&stdout.bytes).into_owned(),
            stderr: String::from_utf8_lossy(&stderr.bytes).into_owned(),
        })
    }

    /// Sends a signal to every process of the host, until there is none that has not got it.
    pub(super) fn signal_all(&self, signal: Signal) {
        let end = Instant::now() + SIGNAL_WAIT;
        let mut told: BTreeMap<i32, u64> = BTreeMap::new();
        loop {
            let mut new = false;
            for (pid, started) in self.processes() {
                let again = signal == Signal::SIGKILL || told.get(&pid) != Some(&started);
                if again {
                    signal_one(pid, signal);
                    told.insert(pid, started);
                    new = true;
                }
            }
            // One more look after the last, for who was started meanwhile.
            if !new || Instant::now() >= end {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The processes of the host that live, each with when it was started.
    fn processes(&self) -> Vec<(i32, u64)> {
        let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
        let alive = |entry: fs::DirEntry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            // Threads of this process are in other namespaces than its first, and are no processes.
            let namespace = fs::read_link(entry.path().join("ns/net")).ok()?;
            let stat = fs::read(entry.path().join("stat")).ok()?;
            let after_name = stat.iter().rposition(|&byte| byte == b')')?;
            let rest = String::from_utf8_lossy(&stat[after_name + 1..]).into_owned();
            let words: Vec<&str> = rest.split_whitespace().collect();
            let lives = !matches!(*words.first()?, "Z" | "X");
            let started = words.get(19)?.parse().ok()?;
            (pid > 1 && lives && namespace == self.namespace).then_some((pid, started))
        };
        folder.flatten().filter_map(alive).collect()
    }

    fn start(
        &self,
        processes: &Arc<Processes>,
        command: Command,
        stdout: Stdio,
        stderr: Stdio,
    ) -> Result<Started, Problem> {
        let program = command.argv.first().cloned().unwrap_or_default();
        let failed = |why: String| Problem::Start { program: program.clone(), why };
        let mut to_start = self.prepare(&command).map_err(failed)?;
        to_start.stdout(stdout).stderr(stderr);
        to_start.stdin(if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let processes = Arc::clone(processes);
        let (mut child, end) = self
            .within(move || {
                let started = processes.spawn(&mut to_start);
                // The pipes' other ends must not stay open here.
                drop(to_start);
                started
            })?
            .map_err(|error| {
                let unprivileged = command.user == User::Unprivileged;
                if unprivileged && error.kind() == std::io::ErrorKind::PermissionDenied {
                    return failed(NOT_REACHED.to_owned());
                }
                failed(threeworlds_launch::diagnose(&program, error).to_string())
            })?;
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), command.stdin) {
            std::thread::spawn(move || pipe.write_all(text.as_bytes()));
        }
        Ok(Started { child, end })
    }

    fn prepare(&self, command: &Command) -> Result<StdCommand, String> {
        let [program, arguments @ ..] = command.argv.as_slice() else {
            return Err("there is no program".to_owned());
        };
        let search = command.env.get("PATH").cloned().unwrap_or_else(path);
        let cwd = command.cwd.clone().unwrap_or_else(|| self.folder.clone());
        let found = find(program, &search, &cwd)?;
        // By its name: of several on the path it is the first that this user may run.
        let program = if program.contains('/') { found } else { PathBuf::from(program) };
        let mut start = match (&self.become_user, command.user) {
            (BecomeUser::Command(become_user), User::Unprivileged) => {
                let mut start = StdCommand::new(&become_user[0]);
                start.args(&become_user[1..]).arg(&program);
                start
            }
            (BecomeUser::Set(user), User::Unprivileged) => {
                let mut start = StdCommand::new(&program);
                start.uid(*user).gid(*user);
                start
            }
            (_, User::Root) => StdCommand::new(&program),
        };
        start.args(arguments).current_dir(cwd);
        start
            .env_clear()
            .env("PATH", search)
            .env("HOME", &self.folder)
            .env("TMPDIR", self.folder.join("tmp"));
        start.env("USER", "threeworlds").env("LOGNAME", "threeworlds").env("HOSTNAME", self.name.to_string());
        start.envs(&command.env);
        Ok(start)
    }

    /// Does something in the host's namespaces.
    pub(super) fn within<T: Send + 'static>(
        &self,
        what: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (result, results) = channel();
        let work: Work = Box::new(move || {
            let _ = result.send(what());
        });
        let lost = || Problem::Network { why: format!("the thread of {} has ended", self.name) };
        self.work.send(work).map_err(|_| lost())?;
        results.recv().map_err(|_| lost())
    }
}

/// Why a program that root finds cannot be run by somebody else.
const NOT_REACHED: &str = "the lab's unprivileged user may not run it\n  hint: it, and every folder on the way to it, \
                           has to be open to everybody: chmod a+rx; or let root run it: user = \"root\"";
/// How long what a command wrote last may take to be read.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long the last processes of a host may take to end.
const SIGNAL_WAIT: Duration = Duration::from_secs(5);
/// Takes the calling thread into new namespaces of a host.
fn enter(name: Process) -> Entered {
    let namespaces = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWIPC;
    unshare(namespaces).map_err(|error| {
        kernel(
            "a host's namespaces cannot be made",
            error,
            "is there a limit? See: sysctl user.max_net_namespaces user.max_mnt_namespaces",
        )
    })?;
    sethostname(name.to_string())
        .map_err(|error| kernel("a host cannot be named", error, "the kernel needs CONFIG_UTS_NS"))?;
    if Path::new("/dev/shm").is_dir() {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("shm"), "/dev/shm", Some("tmpfs"), flags, Some("mode=1777")).map_err(|error| {
            kernel("a host gets no /dev/shm of its own", error, "the kernel needs CONFIG_TMPFS")
        })?;
    }
    let thread = gettid();
    let namespace = fs::read_link(format!("/proc/self/task/{thread}/ns/net"))
        .map_err(|error| kernel("a host's namespace has no name", error, "is /proc mounted?"))?;
    Ok((thread, namespace))
}

/// Writes the settings; which of them this kernel does not have.
fn settings(tcp: &BTreeMap<String, String>) -> Result<Vec<String>, Problem> {
    let mut missing = Vec::new();
    for (name, value) in tcp {
        let file = Path::new("/proc/sys/net/ipv4").join(name);
        if !file.exists() {
            missing.push(name.clone());
        } else if let Err(error) = fs::write(&file, value) {
            let hint = "in a container, /proc/sys has to be writable: start it with --security-opt \
                        systempaths=unconfined, or run it outside";
            return Err(kernel(&format!("{} cannot be set", file.display()), error, hint));
        }
    }
    Ok(missing)
}

/// A process that was started.
struct Started {
    child: Child,
    end: Receiver<Ended>,
}

/// A socket for probes that nobody else uses meanwhile.
pub(super) struct ProbeSocket<'a>(MutexGuard<'a, Option<UdpSocket>>);

impl std::ops::Deref for ProbeSocket<'_> {
    type Target = UdpSocket;

    fn deref(&self) -> &UdpSocket {
        self.0.as_ref().expect("hosts are configured before they are probed")
    }
}

/// Where a program is, if anywhere.
fn find(program: &str, path: &str, cwd: &Path) -> Result<PathBuf, String> {
    let executable = |file: &Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(file).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        let file = cwd.join(program);
        return match (executable(&file), file.exists()) {
            (true, _) => Ok(file),
            (false, true) => Err(format!("it is not executable: chmod +x {}", file.display())),
            (false, false) => Err(format!("there is no {}", file.display())),
        };
    }
    let places = path.split(':').filter(|folder| !folder.is_empty());
    let found = places.map(|folder| Path::new(folder).join(program)).find(|file| executable(file));
    found.ok_or_else(|| "it is not found: is it installed and on the PATH?".to_owned())
}
