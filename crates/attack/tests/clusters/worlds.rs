//! Worlds A, B and C on real servers, by hand: the slow and obvious twin of the player of plans.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use threeworlds_attack::namespaces::{Lab, LabOptions, Privileges};
use threeworlds_attack::subject::{Cluster, Subject};
use threeworlds_attack::{KvRequest, Link, Outcome};
use threeworlds_model::Process;

/// The command that becomes a keeper.
pub(crate) fn keeper() -> Vec<String> {
    vec![env!("CARGO_BIN_EXE_threeworlds-guardian").to_owned(), "keep-a-lab".to_owned()]
}

/// Which clients write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum World {
    A,
    B,
    C,
}

/// What came of a world.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) world: World,
    pub(crate) version: String,
    pub(crate) up: Duration,
    /// What each client was told, and after how long; `None` if it did not write.
    pub(crate) told: [Option<(Option<Json>, Duration)>; 2],
    /// What each server had after healing; `None` if it did not say.
    pub(crate) stored: Vec<Option<Json>>,
    /// Daemons that ended by themselves.
    pub(crate) ended: Vec<String>,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?} (up {:.1} s):", self.world, self.up.as_secs_f64())?;
        for (client, told) in (1..).zip(&self.told) {
            if let Some((told, took)) = told {
                let told = told.as_ref().map_or("-".to_owned(), Json::to_string);
                write!(out, " c{client} {told} after {:.1} s;", took.as_secs_f64())?;
            }
        }
        let stored = self.stored.iter().map(|stored| stored.as_ref().map_or("?".to_owned(), Json::to_string));
        write!(out, " stored after healing: {}", stored.collect::<Vec<_>>().join(", "))?;
        if !self.ended.is_empty() {
            write!(out, "; ended: {}", self.ended.join(", "))?;
        }
        Ok(())
    }
}

/// What client `client` writes.
pub(crate) fn value(client: usize) -> Json {
    (100 + client).into()
}

/// Plays a world on fresh servers: {leader, c1} and {the others, c2} exchange nothing.
pub(crate) fn play(subject: &Subject, servers: u16, world: World, privileges: Privileges) -> Seen {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = LabOptions { base: folder.path().to_owned(), privileges, ..LabOptions::new(keeper()) };
    let lab = Lab::new(servers, 2, &options).unwrap_or_else(|error| panic!("{error}"));
    let cluster =
        Cluster::bring_up(subject, &lab, &AtomicBool::new(false)).unwrap_or_else(|error| panic!("{error}"));
    let times = subject.times;
    std::thread::sleep(times.settle);

    let leader = cluster.leaders().unwrap().first().copied().unwrap_or(Process::Server(1));
    let others: Vec<Process> =
        (1..=servers).map(Process::Server).filter(|&server| server != leader).collect();
    let sides = [vec![leader, Process::Client(1)], [&others[..], &[Process::Client(2)]].concat()];
    let mut cut = BTreeSet::new();
    for &from in &sides[0] {
        for &to in &sides[1] {
            cut.extend([Link { from, to }, Link { from: to, to: from }]);
        }
    }
    lab.cut(&cut).unwrap();
    let since = Instant::now();
    assert_eq!(lab.probe(&cut, Duration::from_millis(100)).unwrap(), BTreeSet::new(), "the cut leaks");

    let ask = |client: u16, servers: &[Process]| {
        let request = KvRequest::WriteOnce { key: 1.into(), value: value(usize::from(client)) };
        request_until(&cluster, Process::Client(client), servers, &request, times.request)
    };
    let told = std::thread::scope(|scope| {
        let one = (world != World::B).then(|| scope.spawn(|| ask(1, &[leader])));
        let two = (world != World::A).then(|| scope.spawn(|| ask(2, &others)));
        [one, two].map(|thread| thread.map(|thread| thread.join().unwrap()))
    });
    std::thread::sleep(times.dwell.saturating_sub(since.elapsed()));
    lab.cut(&BTreeSet::new()).unwrap();
    assert_eq!(lab.probe(&cut, Duration::from_secs(2)).unwrap(), cut, "the cut stays");
    std::thread::sleep(times.heal);
    let stored = cluster.stored(Process::Client(1), &1.into()).unwrap();
    let stored = stored.into_iter().map(|(_, outcome)| match outcome {
        Outcome::Ok(value) => value,
        other => {
            eprintln!("stored: {other:?}");
            None
        }
    });
    if let Ok(there) = std::env::var("LOGS") {
        for host in lab.hosts() {
            for entry in std::fs::read_dir(lab.dir(host)).unwrap().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.ends_with(".log") {
                    std::fs::copy(entry.path(), format!("{there}/{host}-{name}")).unwrap();
                }
            }
        }
    }
    Seen {
        world,
        version: cluster.version.clone(),
        up: cluster.took,
        told,
        stored: stored.collect(),
        ended: cluster.ended().iter().map(|(host, name, how)| format!("{name} on {host}: {how}")).collect(),
    }
}

/// Tries the servers in turn until one answers definitely.
fn request_until(
    cluster: &Cluster<'_>,
    client: Process,
    servers: &[Process],
    request: &KvRequest,
    within: Duration,
) -> (Option<Json>, Duration) {
    let began = Instant::now();
    let mut last = None;
    while began.elapsed() < within {
        for &server in servers {
            match cluster.ask(client, server, request).unwrap_or_else(|error| panic!("{error}")) {
                Outcome::Ok(Some(value)) => return (Some(value), began.elapsed()),
                other => last = Some(other),
            }
        }
        std::thread::sleep(cluster.subject().times.rest);
    }
    eprintln!("{client}, the last try: {last:?}");
    (None, began.elapsed())
}
