//! Each system takes the horn that it is known to take, and nothing is left of it afterwards.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use threeworlds_attack::cluster::{ClusterLimits, ClusterPlayer};
use threeworlds_attack::namespaces::{LabOptions, Privileges};
use threeworlds_attack::subject::find;
use threeworlds_attack::{Brief, Campaign, Medium, Report, Roles, Tried, Verdict, What, Workload};
use threeworlds_model::{FaultClass, Question};

use crate::worlds::keeper;

/// What a campaign against a system comes to, with one faulty server.
pub(crate) struct Row<'a> {
    pub(crate) system: &'a str,
    pub(crate) servers: u16,
    pub(crate) comes_to: &'a str,
    /// In a user namespace, whoever runs the test; else as root, if it is run by root.
    pub(crate) rootless: bool,
    /// The deadline of requests in seconds, if another one than the file's is enough here.
    pub(crate) request: Option<u64>,
}

const fn row<'a>(system: &'a str, servers: u16, comes_to: &'a str) -> Row<'a> {
    Row { system, servers, comes_to, rootless: false, request: None }
}

const fn rootless(row: Row<'_>) -> Row<'_> {
    Row { rootless: true, ..row }
}

const fn request(seconds: u64, row: Row<'_>) -> Row<'_> {
    Row { request: Some(seconds), ..row }
}

/// What CI plays: those that last longest first.
const USUAL: &[Row<'_>] = &[
    // The standby is promoted after 10 s, and nobody is answered all the same.
    request(20, row("postgresql:synchronous", 2, "liveness")),
    row("nats", 2, "liveness"),
    // The documented set-up, although n > 2f.
    row("redis:three-sentinels", 3, "safety"),
    row("postgresql:asynchronous", 2, "safety"),
    rootless(row("postgresql:asynchronous", 2, "safety")),
    row("redis:one-sentinel", 2, "safety"),
    row("etcd", 2, "liveness"),
    rootless(row("etcd", 2, "liveness")),
    row("etcd", 3, "survived"),
    rootless(row("redis:three-sentinels", 3, "safety")),
    rootless(row(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/clusters/store.toml"), 2, "safety")),
];

/// What else there is, for whoever has the time and the packages.
const MORE: &[Row<'_>] = &[
    row("rabbitmq:mirrored-ignore", 2, "safety"),
    row("rabbitmq:mirrored-autoheal", 2, "safety"),
    row("rabbitmq:quorum", 2, "liveness"),
    row("galera:ignore-split-brain", 2, "safety"),
    row("galera:default", 2, "liveness"),
    row("postgresql:repmgr", 2, "safety"),
    row("patroni:asynchronous", 3, "safety"),
    // After healing, Patroni 3.0 on the old leader takes the lock back by its old view of etcd, although synchronous
    // replication acknowledged another write meanwhile.
    row("patroni:synchronous", 3, "safety"),
    row("redis:two-sentinels", 2, "liveness"),
    row("redis:min-replicas", 3, "safety"),
    row("nats", 3, "survived"),
    row("zookeeper", 2, "liveness"),
    row("zookeeper", 3, "survived"),
    rootless(row("zookeeper", 2, "liveness")),
    rootless(row("etcd", 3, "survived")),
    rootless(request(20, row("postgresql:synchronous", 2, "liveness"))),
    rootless(row("redis:one-sentinel", 2, "safety")),
    rootless(row("nats", 2, "liveness")),
];

/// Needs etcd, Redis, PostgreSQL and NATS; `./test` installs them.
#[test]
fn systems_take_the_horn_that_they_are_known_to_take() {
    all_of(USUAL, 5);
}

/// Needs RabbitMQ, Galera, ZooKeeper and repmgr too; `./test --all` installs and runs it.
#[test]
#[ignore = "takes twenty minutes: ./test --all"]
fn so_do_those_that_take_longer() {
    all_of(MORE, 1);
}

/// Plays all rows, several at a time, and says what is wrong with any of them.
fn all_of(rows: &[Row<'_>], at_a_time: usize) {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = plays_as_known(row);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Plays one row. What is wrong, if anything.
pub(crate) fn plays_as_known(row: &Row<'_>) -> Option<String> {
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let name = format!(
        "{} x{}{}",
        row.system.rsplit('/').next().unwrap(),
        row.servers,
        if row.rootless { " rootless" } else { "" }
    );
    let during = Mutex::new(Seen::default());
    let over = AtomicBool::new(false);
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                during.lock().unwrap().look(folder.path());
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let report = campaign(row, folder.path());
        over.store(true, Ordering::Relaxed);
        report
    });
    let seconds = began.elapsed().as_secs_f64();
    let report = match report {
        Ok(report) => report,
        Err(error) => return Some(format!("{name}: {error}")),
    };
    let comes_to = match &report.verdict {
        Verdict::Survived => "survived",
        Verdict::Fails { by } => report.tried[*by].horn().unwrap_or("no horn"),
        Verdict::Unknown(why) => why,
    };
    println!("{name}: {comes_to}, {} plans in {seconds:.0} s", report.tried.len());
    if comes_to != row.comes_to {
        let plans: String = report.tried.iter().map(told).collect();
        return Some(format!("{name} comes to {comes_to}, not to {}{plans}", row.comes_to));
    }
    // There were hosts (clients may come and go unseen), and nothing of them is left: no process, no mount, no folder.
    let during = during.into_inner().unwrap();
    if during.namespaces.len() < usize::from(row.servers) {
        return Some(format!("{name}: only {} network namespaces were seen", during.namespaces.len()));
    }
    let mut after = Seen::default();
    after.look(folder.path());
    let left: Vec<_> = processes().filter(|one| during.processes.contains(&one.identity)).collect();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mounted = mounts.contains(folder.path().to_str().unwrap());
    let folders = std::fs::read_dir(folder.path()).unwrap().count();
    match after.processes.is_empty() && left.is_empty() && !mounted && folders == 0 {
        true => None,
        false => Some(format!("{name} leaves {after:?}, {left:?}, {folders} folders, a mount: {mounted}")),
    }
}

/// What a plan shows, and if it shows a violation, all that clients did and were told.
fn told(tried: &Tried) -> String {
    let mut text = format!(
        "\n  {}: safe {:?}, live {:?}",
        tried.derived.plan.name, tried.judged.safe, tried.judged.live
    );
    if tried.judged.violation().is_some() {
        text += &format!("\n    roles {:?}", tried.played.roles);
        let events =
            tried.played.journal.events.iter().filter(|event| !matches!(event.what, What::Probed { .. }));
        for event in events {
            text += &format!("\n    {:>7.3} s {:?}", event.at as f64 / 1e6, event.what);
        }
    }
    text
}

/// What was seen of labs with a scratch folder.
#[derive(Debug, Default)]
struct Seen {
    /// Network namespaces. Their numbers are used again, so they say nothing later.
    namespaces: BTreeSet<String>,
    /// Processes, by their numbers and when they began.
    processes: BTreeSet<(i32, String)>,
}

impl Seen {
    /// Whatever has the folder in its environment or command belongs to a lab, and so does whatever is in one
    /// network namespace with it: some servers write over their environment.
    fn look(&mut self, folder: &Path) {
        let mark = folder.to_str().unwrap().as_bytes();
        let has_mark = |one: &OneProcess| {
            ["environ", "cmdline"].iter().any(|file| {
                let text = std::fs::read(one.path.join(file)).unwrap_or_default();
                text.windows(mark.len()).any(|part| part == mark)
            })
        };
        let own = std::fs::read_link("/proc/self/ns/net").unwrap().to_string_lossy().into_owned();
        let all: Vec<OneProcess> = processes().collect();
        let marked = all.iter().filter(|one| has_mark(one));
        let namespaces: BTreeSet<String> =
            marked.clone().map(|one| one.namespace.clone()).filter(|namespace| *namespace != own).collect();
        self.processes.extend(marked.map(|one| one.identity.clone()));
        let there = all.iter().filter(|one| namespaces.contains(&one.namespace));
        self.processes.extend(there.map(|one| one.identity.clone()));
        self.namespaces.extend(namespaces);
    }
}

#[derive(Debug)]
struct OneProcess {
    /// Its number and when it began, which nobody else has.
    identity: (i32, String),
    namespace: String,
    path: PathBuf,
}

/// All processes of the machine whose namespaces may be seen.
fn processes() -> impl Iterator<Item = OneProcess> {
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let (pid, path) = (entry.file_name().to_str()?.parse().ok()?, entry.path());
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        // After the name, which may have spaces, the beginning is the twentieth field.
        let began = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.to_owned();
        let namespace = std::fs::read_link(path.join("ns/net")).ok()?.to_string_lossy().into_owned();
        Some(OneProcess { identity: (pid, began), namespace, path })
    })
}

fn campaign(row: &Row<'_>, base: &Path) -> Result<Report, String> {
    let mut subject = find(row.system)?;
    if let Some(seconds) = row.request {
        subject.times.request = Duration::from_secs(seconds);
    }
    let times = subject.times;
    let privileges = if row.rootless { Privileges::UserNamespace } else { Privileges::Auto };
    let lab = LabOptions { base: base.to_owned(), privileges, ..LabOptions::new(keeper()) };
    let until = Instant::now() + Duration::from_secs(600);
    let limits = ClusterLimits { stop: Arc::default(), until: Some(until), keep_failed: None };
    let player = ClusterPlayer::new(subject, lab, limits);
    let class = FaultClass::Omission;
    let question =
        Question::usual(usize::from(row.servers), 1, 2, class, class).map_err(|error| error.to_string())?;
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap();
    let brief = Brief {
        question: &question,
        workload: Workload::WriteOnce,
        roles: Roles::LeaderFirst,
        deadline_milliseconds: milliseconds(times.request),
        settle_milliseconds: milliseconds(times.settle),
        beyond: false,
        medium: Medium::Hosts { heal_milliseconds: milliseconds(times.heal), partial: false },
    };
    let stop = || player.why_stop();
    let campaign =
        Campaign { brief: &brief, jobs: 3, all: false, random: 0, seed: 0, stop: &stop, observe: &|_| {} };
    campaign.run(&player)
}
