//! Clusters: a small system of our own in namespaces. Needs Linux, `ip` and `nft`, and either root or user
//! namespaces.

use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Running, folder, start, threeworlds};

/// The subject file of a system that loses safety (`:alone`) or liveness (`:wait`).
fn register(variant: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../attack/tests/lab/register.toml");
    format!("{}:{variant}", file.canonicalize().unwrap().display())
}

/// Everything that runs in the labs of an attack: their folders have its process id in their names.
fn processes_of(attack: u32) -> Vec<i32> {
    let mark = format!("/threeworlds-lab-{attack}-");
    let ours = |entry: std::fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let call = std::fs::read(entry.path().join("cmdline")).ok()?;
        String::from_utf8_lossy(&call).contains(&mark).then_some(pid)
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(ours).collect()
}

fn folders_of(attack: u32) -> Vec<PathBuf> {
    let mark = format!("threeworlds-lab-{attack}-");
    let entries = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains(&mark)).collect()
}

fn begun(variant: &str) -> Running {
    let call = ["attack", &register(variant), "--settle", "60", "--jobs", "1"];
    // The client has asked for nothing yet, and both servers run.
    start(call, "").until("the servers run", |running| processes_of(running.id()).len() >= 2)
}

#[test]
fn a_system_of_ones_own_is_attacked() {
    let folder = folder();
    let (report, saved) = (folder.path().join("report.html"), folder.path().join("saved"));
    let files = ["--report", report.to_str().unwrap(), "--save", saved.to_str().unwrap()];
    let call = ["attack", &register("alone"), "--deadline", "20"];
    threeworlds(call.into_iter().chain(files))
        .exits(1)
        .says("FAILS (agreement)")
        .says("impossible: no program is safe and live here")
        .says("c1 asks write-once 1 and is told 1, but c2 asks write-once 2 and is told 2")
        .says("in the end stored: s1 1, s2 2")
        .says("an operation is killed after 6 s");
    assert!(std::fs::read_to_string(report).unwrap().contains("World C"));
    // The plan of world C by itself comes out the same.
    let plan = saved.join("003-world-C-s1-c1-s2-c2.plan.json");
    let plan = std::fs::read_dir(&saved)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().contains("003") && path.to_string_lossy().ends_with("plan.json"))
        .unwrap_or(plan);
    let json = threeworlds(["attack", &register("alone"), "--json", "--plan", plan.to_str().unwrap()])
        .exits(1)
        .json();
    assert_eq!((&json["horn"], &json["property"]), (&"safety".into(), &"agreement".into()));
    assert_eq!(json["cluster"]["heal_seconds"], 0.2);
    assert_eq!(json["tried"][0]["stored"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_long_run_says_what_it_did() {
    let call = ["attack", &register("wait"), "--duration", "8", "--json"];
    let json = threeworlds(call).exits(0).json();
    assert_eq!((&json["verdict"], &json["live"]), (&"survived".into(), &"unknown".into()));
    assert!(json["long_run"]["done"].as_u64().unwrap() > 0, "{}", json["long_run"]);
    assert!(json["long_run"]["cuts"].as_u64().unwrap() >= 1, "{}", json["long_run"]);
    assert_eq!(json["long_run"]["keys_undecided"], 0);
}

#[test]
fn signals_end_everything_and_leave_nothing() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let running = begun("wait");
        let id = running.id();
        kill(Pid::from_raw(id as i32), signal).unwrap();
        running.ends().exits(3).complains("interrupted");
        assert_eq!((processes_of(id), folders_of(id)), (Vec::new(), Vec::new()), "{signal}");
    }
}

#[test]
fn what_a_killed_attack_leaves_is_cleaned() {
    let running = begun("wait");
    let id = running.id();
    kill(Pid::from_raw(id as i32), Signal::SIGKILL).unwrap();
    let mut wait = 0;
    while !processes_of(id).is_empty() {
        assert!(wait < 1000, "{:?} are left", processes_of(id));
        wait += 1;
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // The next attack does it too, and may have been faster: other tests run at the same time.
    while !folders_of(id).is_empty() {
        threeworlds(["clean"]).exits(0);
    }
    let empty = folder();
    threeworlds(["clean", empty.path().to_str().unwrap()]).exits(0).says("nothing was left in");
    threeworlds(["clean", "/no-such-folder"]).refuses(["/no-such-folder cannot be read"]);
}

#[test]
fn what_cannot_be_attacked_is_named() {
    threeworlds(["attack", "no-such-system"]).refuses(["no-such-system", "etcd", "./no-such-system.toml"]);
    threeworlds(["attack", "./no-such-file.toml"]).refuses(["no-such-file.toml: cannot be read"]);
    threeworlds(["attack", "etcd:fast"]).refuses(["etcd has no variants"]);
    let wait = register("wait");
    threeworlds(["attack", &wait, "--servers", "3"]).refuses(["runs with 2 servers, not with 3"]);
    threeworlds(["attack", &wait, "--workload", "lin-kv"]).refuses(["--workload write-once"]);
    threeworlds(["attack", &wait, "--latency", "3"]).refuses(["--latency is for programs"]);
    threeworlds(["attack", &wait, "--random", "3"]).refuses(["--random is for programs"]);
    threeworlds(["attack", &wait, "--partial"]).refuses(["needs three servers"]);
    threeworlds(["attack", &wait, "--", "cat"]).refuses(["there are two programs"]);
    threeworlds(["attack", "--duration", "3"]).refuses(["--duration is for systems"]);
    threeworlds(["attack", "--partial", "--", "cat"]).refuses(["--partial is for systems"]);

    let folder = folder();
    let lossy = folder.path().join("lossy.plan.json");
    let text = r#"{"format": "threeworlds/plan/1", "name": "lossy", "servers": 2, "clients": 2,
        "workload": "write-once", "roles": "fixed", "steps": [{"lose": [{"type": "beat", "on": ["s1->s2"]}]}]}"#;
    std::fs::write(&lossy, text).unwrap();
    threeworlds(["attack", &wait, "--plan", lossy.to_str().unwrap()])
        .refuses(["step 1: it loses messages of one type", "cut whole links instead"]);

    let missing = folder.path().join("missing.toml");
    let text = std::fs::read_to_string(register("wait").trim_end_matches(":wait")).unwrap();
    let text = text.replace("programs = [\"python3\"]", "programs = [\"no-such-server\"]");
    std::fs::write(&missing, text).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../attack/tests/lab/register.py");
    std::fs::copy(script, folder.path().join("register.py")).unwrap();
    // It may also say that it removed what another test left.
    threeworlds(["attack", missing.to_str().unwrap()])
        .exits(2)
        .complains("`no-such-server`, which cannot be found here");
}
