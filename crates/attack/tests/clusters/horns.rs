//! Each system takes the horn that it is known to take, and nothing is left of it afterwards.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use threeworlds_attack::cluster::{ClusterLimits, ClusterPlayer};
use threeworlds_attack::namespaces::{LabOptions, Privileges};
use threeworlds_attack::subject::find;
use threeworlds_attack::{Brief, Campaign, Medium, Report, Roles, Verdict, Workload};
use threeworlds_model::{FaultClass, Question};

use crate::worlds::keeper;

/// What a campaign against a system comes to, with one faulty server.
struct Row {
    system: &'static str,
    servers: u16,
    comes_to: &'static str,
    /// In a user namespace, whoever runs the test; else as root, if it is run by root.
    rootless: bool,
    /// The deadline of requests in seconds, if another one than the file's is enough here.
    request: Option<u64>,
}

const fn row(system: &'static str, servers: u16, comes_to: &'static str) -> Row {
    Row { system, servers, comes_to, rootless: false, request: None }
}

const fn rootless(row: Row) -> Row {
    Row { rootless: true, ..row }
}

const fn request(seconds: u64, row: Row) -> Row {
    Row { request: Some(seconds), ..row }
}

/// What CI plays: those that last longest first.
const USUAL: &[Row] = &[
    // The standby is promoted after 10 s, and nobody is answered all the same.
    request(20, row("postgresql:synchronous", 2, "liveness")),
    // The documented set-up, although n > 2f.
    row("redis:three-sentinels", 3, "safety"),
    row("postgresql:asynchronous", 2, "safety"),
    rootless(row("postgresql:asynchronous", 2, "safety")),
    row("redis:one-sentinel", 2, "safety"),
    row("nats", 2, "liveness"),
    row("etcd", 2, "liveness"),
    rootless(row("etcd", 2, "liveness")),
    row("etcd", 3, "survived"),
    rootless(row(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/clusters/store.toml"), 2, "safety")),
];

/// What else there is, for whoever has the time and the packages.
const MORE: &[Row] = &[
    row("rabbitmq:mirrored-ignore", 2, "safety"),
    row("rabbitmq:mirrored-autoheal", 2, "safety"),
    row("rabbitmq:quorum", 2, "liveness"),
    row("galera:ignore-split-brain", 2, "safety"),
    row("galera:default", 2, "liveness"),
    row("postgresql:repmgr", 2, "safety"),
    row("redis:two-sentinels", 2, "liveness"),
    row("redis:min-replicas", 3, "safety"),
    row("nats", 3, "survived"),
    row("zookeeper", 2, "liveness"),
    row("zookeeper", 3, "survived"),
    rootless(row("redis:one-sentinel", 2, "safety")),
    rootless(row("zookeeper", 2, "liveness")),
];

/// Needs etcd, Redis, PostgreSQL and NATS; `./test` installs them.
#[test]
fn systems_take_the_horn_that_they_are_known_to_take() {
    all_of(USUAL, 5);
}

/// Needs RabbitMQ, Galera, ZooKeeper and repmgr too; `./test --all` installs and runs it.
#[test]
#[ignore = "takes a quarter of an hour: ./test --all"]
fn so_do_those_that_take_longer() {
    all_of(MORE, 2);
}

/// Plays all rows, several at a time, and says what is wrong with any of them.
fn all_of(rows: &[Row], at_a_time: usize) {
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
fn plays_as_known(row: &Row) -> Option<String> {
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let name = format!(
        "{} x{}{}",
        row.system.rsplit('/').next().unwrap(),
        row.servers,
        if row.rootless { " rootless" } else { "" }
    );
    let during = Mutex::new(BTreeSet::new());
    let over = AtomicBool::new(false);
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                during
                    .lock()
                    .unwrap()
                    .extend(of_lab(folder.path()).into_iter().map(|(_, namespace)| namespace));
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
        let plans = report.tried.iter().map(|tried| {
            let live = &tried.judged.live;
            format!("\n  {}: safe {:?}, live {live:?}", tried.derived.plan.name, tried.judged.safe)
        });
        return Some(format!(
            "{name} comes to {comes_to}, not to {}{}",
            row.comes_to,
            plans.collect::<String>()
        ));
    }
    // There were hosts, and nothing of them is left: no process, no namespace, no folder.
    let mut namespaces = during.into_inner().unwrap();
    namespaces.remove(&namespace(Path::new("/proc/self")).unwrap());
    if namespaces.len() <= usize::from(row.servers) {
        return Some(format!("{name}: only {} network namespaces were seen", namespaces.len()));
    }
    let processes = of_lab(folder.path());
    let left: BTreeSet<String> = all_namespaces().intersection(&namespaces).cloned().collect();
    let folders = std::fs::read_dir(folder.path()).unwrap().count();
    match processes.is_empty() && left.is_empty() && folders == 0 {
        true => None,
        false => {
            Some(format!("{name} leaves processes {processes:?}, namespaces {left:?}, {folders} folders"))
        }
    }
}

fn campaign(row: &Row, base: &Path) -> Result<Report, String> {
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

/// The processes of labs with this scratch folder, which all have it in their environment or command, and the
/// network namespace of each.
fn of_lab(folder: &Path) -> Vec<(i32, String)> {
    let mark = folder.to_str().unwrap().as_bytes();
    let names = |path: &Path| {
        let read = |file| std::fs::read(path.join(file)).unwrap_or_default();
        [read("environ"), read("cmdline")]
            .iter()
            .any(|text| text.windows(mark.len()).any(|part| part == mark))
    };
    processes()
        .filter(|(_, path)| names(path))
        .filter_map(|(pid, path)| Some((pid, namespace(&path)?)))
        .collect()
}

fn all_namespaces() -> BTreeSet<String> {
    processes().filter_map(|(_, path)| namespace(&path)).collect()
}

fn processes() -> impl Iterator<Item = (i32, std::path::PathBuf)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
}

fn namespace(process: &Path) -> Option<String> {
    Some(std::fs::read_link(process.join("ns/net")).ok()?.to_string_lossy().into_owned())
}
