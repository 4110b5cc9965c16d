use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use threeworlds_attack::Link;
use threeworlds_attack::namespaces::{Command, Lab, LabOptions, Privileges};
use threeworlds_model::Process;

/// The command that becomes a keeper.
pub(crate) fn keeper() -> Vec<String> {
    vec![env!("CARGO_BIN_EXE_threeworlds-guardian").to_owned(), "keep-a-lab".to_owned()]
}

/// Options with a scratch folder of the test's own.
pub(crate) struct Base {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) options: LabOptions,
}

impl Base {
    pub(crate) fn new(privileges: Privileges) -> Base {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        // Unprivileged processes of the lab have to pass through.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let options = LabOptions { base: folder.path().to_owned(), privileges, ..LabOptions::new(keeper()) };
        Base { folder, options }
    }

    pub(crate) fn lab(&self, servers: u16, clients: u16) -> Lab {
        Lab::new(servers, clients, &self.options).expect("a lab can be made here")
    }

    /// What is left in the scratch folder.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

/// As whom labs can be made here: in a user namespace always, and as root if this is root.
pub(crate) fn ways() -> Vec<Privileges> {
    match nix::unistd::geteuid().is_root() {
        true => vec![Privileges::Root, Privileges::UserNamespace],
        false => vec![Privileges::UserNamespace],
    }
}

pub(crate) fn s(number: u16) -> Process {
    Process::Server(number)
}

pub(crate) fn c(number: u16) -> Process {
    Process::Client(number)
}

pub(crate) fn link(from: Process, to: Process) -> Link {
    Link { from, to }
}

pub(crate) fn shell(script: &str) -> Command {
    Command::new(["sh", "-c", script])
}

/// Every link between different hosts.
pub(crate) fn all_links(lab: &Lab) -> BTreeSet<Link> {
    let hosts: Vec<Process> = lab.hosts().collect();
    let links = hosts.iter().flat_map(|&from| hosts.iter().map(move |&to| Link { from, to }));
    links.filter(|link| link.from != link.to).collect()
}

pub(crate) const PATIENCE: Duration = Duration::from_millis(100);
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until something is true, and fails when it is not within a long time.
pub(crate) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_true() {
        assert!(Instant::now() < end, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a count comes to when it grows no more: what was under way has been written down by then, on a busy
/// machine too.
pub(crate) fn at_rest(count: impl Fn() -> usize) -> usize {
    let mut before = count();
    until("it comes to rest", || {
        std::thread::sleep(Duration::from_millis(300));
        let now = count();
        std::mem::replace(&mut before, now) == now
    });
    before
}

/// What there is on the machine of what a lab is made of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) mounts: String,
    pub(crate) links: BTreeSet<String>,
    pub(crate) named: BTreeSet<String>,
}

pub(crate) fn machine() -> Machine {
    let names = |folder: &str| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    Machine {
        mounts: std::fs::read_to_string("/proc/self/mounts").unwrap(),
        links: names("/sys/class/net"),
        named: names("/run/netns"),
    }
}

/// The processes whose environment names this, with the network namespace of each.
pub(crate) fn processes_with(mark: &str) -> BTreeMap<i32, String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let marked = |entry: std::fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let environment = std::fs::read(entry.path().join("environ")).ok()?;
        let marked = environment.windows(mark.len()).any(|window| window == mark.as_bytes());
        let namespace = std::fs::read_link(entry.path().join("ns/net")).ok()?;
        marked.then(|| (pid, namespace.to_string_lossy().into_owned()))
    };
    entries.filter_map(marked).collect()
}
