//! The map of questions on the command line: its tables, CSV and JSON, its page, and the cache, which may be
//! damaged, of another version, or in use twice.

mod support;

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Outcome, folder, start, threeworlds, threeworlds_reading};

/// `atlas` for two servers, with the cache in this folder.
fn atlas(cache: &Path, flags: &[&str]) -> Outcome {
    let cache = cache.to_str().unwrap();
    threeworlds(["atlas", "--servers", "2", "--cache", cache].iter().chain(flags))
}

/// The files of a cache, by name.
fn files(cache: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What an entry has to say to be whole.
fn checksum(entry: &Value) -> String {
    let parts = [&*entry["question"].to_string(), &*entry["result"].to_string()];
    let mut hasher = std::hash::DefaultHasher::new();
    parts[..].hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn without_seconds(text: &str) -> String {
    let end = |line: &str| line.find("unknown. ").map_or(line.len(), |at| at + 8);
    text.lines().map(|line| format!("{}\n", &line[..end(line)])).collect()
}

#[test]
fn tables_fit_and_csv_and_json_say_the_same() {
    let cache = folder();
    let csv = atlas(cache.path(), &["--csv"]).exits(0).complains_of_nothing().stdout;
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/atlas.csv");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &csv).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        csv == expected,
        "tests/golden/atlas.csv is not what is printed now; UPDATE_GOLDEN=1 rewrites it"
    );

    let document = atlas(cache.path(), &["--json"]).exits(0).complains_of_nothing().json();
    let cells = document["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 270);
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    for (line, cell) in lines.zip(cells) {
        for (key, field) in header.iter().zip(line.split(',')).take(7) {
            let text = match &cell[key] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(text, field, "{key} of {line}");
        }
    }
    for verdict in ["possible", "impossible", "unknown"] {
        let count = cells.iter().filter(|cell| cell["verdict"] == verdict).count();
        assert_eq!(document["counts"][verdict], count);
    }
    assert_eq!(document["complete"], true);
    // Every certificate stands for itself.
    let proofs: Vec<&Value> = cells.iter().filter(|cell| cell["basis"] == "proof").collect();
    assert!(proofs.len() > 3);
    for proof in [proofs[0], proofs[proofs.len() - 1]] {
        threeworlds_reading(&proof["certificate"].to_string(), ["verify", "-"]).exits(0).says("valid");
    }

    let table = atlas(cache.path(), &["--detail"]).exits(0).complains_of_nothing();
    assert!(table.stdout.lines().all(|line| line.chars().count() <= 80), "{}", table.report());
    let table = table.says("lock-step, 2 servers: f = 0, 1").says("270 questions: ");
    let unknown = document["counts"]["unknown"].as_u64().unwrap();
    assert!(table.stdout.contains(&format!("{unknown} unknown.")), "{}", table.report());
}

#[test]
fn on_the_page_every_cell_opens_its_evidence() {
    let cache = folder();
    let page = cache.path().join("page.html");
    let kept = cache.path().join("cache");
    atlas(&kept, &["--report", page.to_str().unwrap()]).exits(0);
    let html = std::fs::read_to_string(page).unwrap();
    let targets: Vec<&str> =
        html.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(targets.len() > 90);
    for target in targets {
        assert!(html.contains(&format!("id=\"{target}\"")), "nothing is called {target}");
    }
    let theorem = html.split("id=\"lock-step-omission-servers-omission-clients\"").nth(1).unwrap();
    let theorem = theorem.split("</section>").next().unwrap();
    assert!(theorem.contains("<svg") && theorem.contains("by Termination"), "the theorem is drawn");
    for foreign in ["http://", "https://", "<script", "url("] {
        let stripped = html.replace("http://www.w3.org/2000/svg", "");
        assert!(!stripped.contains(foreign), "the page needs {foreign}");
    }
}

#[test]
fn what_is_kept_is_used_and_believed_only_if_it_is_whole_and_of_this_build() {
    let cache = folder();
    let first = without_seconds(&atlas(cache.path(), &[]).exits(0).complains_of_nothing().stdout);
    let all = files(cache.path());
    assert!(all.len() > 50, "{} files", all.len());
    let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    let parsed = |path: &PathBuf| serde_json::from_str::<Value>(&read(path)).unwrap();
    let kept: Vec<String> = all.iter().map(read).collect();

    // The same again, from the files.
    let again = without_seconds(&atlas(cache.path(), &[]).exits(0).complains_of_nothing().stdout);
    assert_eq!(first, again);

    // A lie with this build's name and the right checksum is what a result would be: it is used.
    let check = all.iter().find(|path| parsed(path)["question"]["check"] == "send-omission").unwrap();
    let kept_of = |path: &PathBuf| &kept[all.iter().position(|one| one == path).unwrap()];
    let mut lie = parsed(check);
    lie["result"]["states"] = json!(1);
    lie["check"] = json!(checksum(&lie));
    std::fs::write(check, lie.to_string()).unwrap();
    let is_told = |csv: &str| csv.lines().any(|line| line.contains(",send-omission,1,"));
    let csv = atlas(cache.path(), &["--csv"]).exits(0).complains_of_nothing().stdout;
    assert!(is_told(&csv), "{csv}");
    // The same by another build is not.
    lie["build"] = json!("0.0.1-7-0000000000000000");
    std::fs::write(check, lie.to_string()).unwrap();
    let csv = atlas(cache.path(), &["--csv"]).exits(0).complains_of_nothing().stdout;
    assert!(!is_told(&csv), "{csv}");
    assert_eq!(read(check), *kept_of(check));
    // A certificate is verified whatever stands beside it, and has to be for this question.
    let proofs: Vec<&PathBuf> =
        all.iter().filter(|path| !parsed(path)["result"]["certificate"].is_null()).collect();
    let mut wrong = parsed(proofs[0]);
    wrong["result"]["certificate"]["argument"].as_array_mut().unwrap().remove(0);
    let mut foreign = parsed(proofs[0]);
    foreign["result"] = parsed(proofs[1])["result"].clone();
    for mut forged in [wrong, foreign] {
        forged["check"] = json!(checksum(&forged));
        std::fs::write(proofs[0], forged.to_string()).unwrap();
        let again = atlas(cache.path(), &[]).exits(0).complains("is damaged");
        assert_eq!(without_seconds(&again.stdout), first);
        assert_eq!(read(proofs[0]), *kept_of(proofs[0]));
    }

    // Damage: half a file, other content, a certificate that proves nothing, no text at all.
    let proof = proofs[0];
    let half = &kept[0][..kept[0].len() / 2];
    let changed = read(proof).replacen("\"forced\"", "\"values\"", 1);
    for (path, damage) in [
        (&all[0], half.as_bytes()),
        (proof, changed.as_bytes()),
        (check, &[0xff, 0xfe][..]),
        (&all[1], b"{}"),
    ] {
        std::fs::write(path, damage).unwrap();
        let repaired = atlas(cache.path(), &[]).exits(0);
        if damage != b"{}" {
            let repaired = repaired.complains("is damaged, so its question is decided anew");
            assert_eq!(without_seconds(&repaired.stdout), first);
        }
        assert_eq!(read(path), *kept_of(path), "it is written again");
    }
    assert_eq!(files(cache.path()), all, "nothing else is left behind");
}

#[test]
fn two_at_once_use_the_same_folder() {
    let cache = folder();
    let path = cache.path().to_str().unwrap();
    let call = ["atlas", "--servers", "1", "--csv", "--cache", path];
    let running: Vec<_> = (0..3).map(|_| start(call, "")).collect();
    let outcomes: Vec<_> =
        running.into_iter().map(|one| one.ends().exits(0).complains_of_nothing()).collect();
    assert!(outcomes.iter().all(|outcome| outcome.stdout == outcomes[0].stdout));
    for file in files(cache.path()) {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", file.display());
    }
}

#[test]
fn without_a_cache_nothing_is_kept() {
    let home = folder();
    let none = threeworlds(["atlas", "--servers", "1", "--no-cache"]).exits(0).complains_of_nothing();
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    none.says("90 questions");
}

#[test]
fn a_limit_leaves_the_rest_unknown() {
    let ended = threeworlds(["atlas", "--no-cache", "--json", "--max-time", "0.01"]).exits(0);
    let ended = ended.complains("a limit ended it early");
    let document = ended.json();
    assert_eq!(document["complete"], false);
    assert!(document["counts"]["unknown"].as_u64() > Some(400), "{}", document["counts"]);
}

#[cfg(target_os = "linux")]
#[test]
fn control_c_ends_with_what_is_known() {
    use nix::sys::signal::Signal;
    let catches_sigint = |running: &support::Running| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
        u64::from_str_radix(caught.trim(), 16).is_ok_and(|mask| mask >> (Signal::SIGINT as u64 - 1) & 1 == 1)
    };
    let running = start(["atlas", "--no-cache", "--servers", "5"], "").until("it listens", catches_sigint);
    support::processes::send(Signal::SIGINT, &running);
    running.ends().exits(0).says("1350 questions").complains("a limit ended it early");
}

#[test]
fn calls_that_make_no_map() {
    for (flags, reason) in [
        (&["--servers", "0"][..], "--servers"),
        (&["--servers", "10"], "1..=9"),
        (&["--clients", "none"], "--clients"),
        (&["--task", "queue"], "`queue` is not a task"),
        (&["--groups", "0"], "1 to 12"),
        (&["--json", "--csv"], "--csv"),
        (&["--no-cache", "--cache", "x"], "--cache"),
        (&["--cache", "Cargo.toml"], "Cargo.toml is a file: name a folder"),
        (&["--report", "/nowhere/at/all.html"], "/nowhere/at"),
        (&["majority"], "majority"),
    ] {
        let refused = threeworlds(["atlas"].iter().chain(flags)).exits(2).complains(reason);
        assert_eq!(refused.stdout, "");
    }
}

#[test]
fn a_protocol_is_described_with_what_it_was_checked_for() {
    let cache = folder();
    let cache = cache.path().to_str().unwrap();
    let call = ["protocols", "primary-backup", "--servers", "2", "--cache", cache];
    threeworlds(call)
        .exits(0)
        .complains_of_nothing()
        .says("falls to one omission-faulty server: Agreement")
        .says("n=2 f=1 servers by crash, clients by omission: holds, read 4, write 5 rounds; 2,072 states");
    let document = threeworlds(call.iter().chain(&["--json"])).exits(0).json();
    assert_eq!(document["protocol"], "primary-backup");
    assert_eq!(document["checks"][0]["verdict"], "holds");
    assert_eq!(document["checks"][0]["worst_case_rounds"], json!({"read": 4, "write": 5}));
    let list = threeworlds(["protocols", "--json"]).exits(0).json();
    assert!(list["protocols"].as_array().unwrap().iter().any(|one| one["protocol"] == "majority"));
    // What no limit allows is not called checked.
    threeworlds(["protocols", "majority", "--protocol-time", "0.001", "--no-cache"])
        .exits(0)
        .says("n=3 f=1 servers by omission, clients by omission: not checked to the end");
}
