//! The store as a cluster in network namespaces, which takes `ip` and `nft`, and either root or user namespaces:
//! without them these tests fail and say what is missing.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{folder, threeworlds};

/// The table of these systems, with short waits.
fn table(servers: &str, systems: &str, more: &[&str]) -> Value {
    let call = [
        "attack",
        "--all",
        "--servers",
        servers,
        "--systems",
        systems,
        "--deadline",
        "4",
        "--heal",
        "2",
        "--json",
    ];
    threeworlds([&call, more].concat()).exits(0).json()
}

/// What a system's clients were told in a world.
fn acknowledged(system: &Value, world: usize) -> Vec<&Value> {
    let asked = system["worlds"][world]["asked"].as_array().expect("somebody asked");
    asked.iter().map(|one| &one["acknowledged"]).collect()
}

#[test]
fn two_servers_take_a_horn_each_in_its_own_way() {
    let folder = folder();
    let page = folder.path().join("horns.html");
    let saved = folder.path().join("saved");
    let (page_name, saved_name) = (page.to_str().unwrap(), saved.to_str().unwrap());
    let table = table("2", "threeworlds", &["--report", page_name, "--save", saved_name]);
    assert_eq!((&table["theorem"], &table["complete"]), (&json!("impossible"), &json!(true)));
    let [kv, primary_backup] = table["systems"].as_array().unwrap().as_slice() else { panic!("{table}") };

    assert_eq!((&kv["name"], &kv["horn"]), (&json!("threeworlds:kv"), &json!("liveness")), "{kv}");
    assert_eq!(acknowledged(kv, 0), [&Value::Null]);
    assert_eq!(acknowledged(kv, 1), [&Value::Null]);
    assert_eq!(acknowledged(kv, 2), [&Value::Null, &Value::Null]);
    // Who waits in A waited twice.
    assert_eq!(kv["worlds"][0]["runs"], json!(2));

    assert_eq!(primary_backup["horn"], json!("safety"), "{primary_backup}");
    assert_eq!(acknowledged(primary_backup, 0), [&json!(1)]);
    assert_eq!(acknowledged(primary_backup, 1), [&json!(2)]);
    assert_eq!(acknowledged(primary_backup, 2), [&json!(1), &json!(2)]);

    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("<svg").count(), 6, "a drawing for each world");
    for file in ["threeworlds-kv/world-a.svg", "threeworlds-primary-backup/world-c.journal.jsonl"] {
        assert!(saved.join(file).is_file(), "{file}");
    }
}

#[test]
fn three_servers_take_none() {
    let table = table("3", "threeworlds:kv", &[]);
    assert_eq!(table["theorem"], json!("possible"));
    let kv = &table["systems"][0];
    assert_eq!(kv["horn"], json!("neither"), "{kv}");
    assert_eq!(acknowledged(kv, 0), [&json!(1)]);
    assert_eq!(acknowledged(kv, 1), [&json!(2)]);
    assert_eq!(acknowledged(kv, 2), [&Value::Null, &json!(2)]);
    assert_eq!(kv["worlds"][2]["asked"][0]["must_answer"], json!(false));
}

#[test]
fn three_servers_survive_whoever_is_isolated() {
    let result =
        threeworlds(["attack", "threeworlds", "--servers", "3", "--heal", "2", "--jobs", "4", "--json"]);
    let result = result.exits(0).json();
    assert_eq!(result["verdict"], json!("survived"));
    let plans: Vec<&str> =
        result["tried"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(plans, ["no fault", "s1 c1 | the others", "s2 c1 | the others", "s3 c1 | the others"]);
}

/// By somebody who is not root, whoever runs the tests.
#[test]
fn nobody_special_finds_the_same_horns() {
    let folder = folder();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("threeworlds");
    std::fs::copy(env!("CARGO_BIN_EXE_threeworlds"), &program).unwrap();
    let horns = |servers: &str, systems: &str| {
        let mut command = std::process::Command::new("setpriv");
        if nix::unistd::geteuid().is_root() {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        }
        let call =
            ["attack", "--all", "--servers", servers, "--systems", systems, "--deadline", "4", "--heal", "2"];
        let output = command.arg(&program).args(call).arg("--json").current_dir("/").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let table: Value = serde_json::from_slice(&output.stdout).unwrap();
        let horn = |system: &Value| system["horn"].as_str().unwrap_or("none").to_owned();
        table["systems"].as_array().unwrap().iter().map(horn).collect::<Vec<_>>()
    };
    assert_eq!(horns("2", "threeworlds"), ["liveness", "safety"]);
    assert_eq!(horns("3", "threeworlds:kv"), ["neither"]);
}

#[test]
fn wrong_tables_are_refused() {
    let all = |flags: &[&str]| threeworlds(["attack", "--all"].iter().chain(flags));
    all(&["--expect", "fails"]).refuses(["--expect", "about one program"]);
    all(&["--servers", "1"]).refuses(["two servers and two clients"]);
    all(&["--systems", "etdc"]).refuses(["etdc", "etcd"]);
    all(&["--systems", "threeworlds:primary-backup", "--servers", "3"])
        .refuses(["runs with 2 servers, not with 3"]);
    threeworlds(["attack", "etcd", "--all", "--systems", "etcd"]).refuses(["--systems"]);
    threeworlds(["attack", "--systems", "etcd"]).refuses(["--all"]);
}

#[test]
fn a_program_that_others_may_not_read_runs_on_the_hosts_all_the_same() {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_threeworlds"));
    // Beside the program, for it is linked there and not copied.
    let closed = tempfile::Builder::new().tempdir_in(program.parent().unwrap()).unwrap();
    std::fs::set_permissions(closed.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let there = closed.path().join("threeworlds");
    std::fs::hard_link(program, &there).unwrap();
    let call = ["attack", "--all", "--systems", "threeworlds:primary-backup", "--heal", "1", "--json"];
    let output = std::process::Command::new(there).args(call).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(table["systems"][0]["horn"], json!("safety"), "{table}");
}
