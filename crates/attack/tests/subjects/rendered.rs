use std::time::Duration;

use threeworlds_attack::namespaces::User;
use threeworlds_attack::subject::{Deed, SubjectFile, find, shipped, shipped_names};
use threeworlds_attack::{KvRequest, Workload};
use threeworlds_model::Process;

use crate::support::{WHOLE, read, site, variant};

fn argv(deed: &Deed) -> Vec<String> {
    match deed {
        Deed::Start(command) | Deed::Run(command) => command.argv.clone(),
        Deed::Until(probe, _) => probe.command.argv.clone(),
    }
}

/// Each step as `name: host argument argument; host ...`.
fn steps(file: &str, servers: u16) -> Vec<String> {
    let actions = variant(file).actions(&site(servers));
    let one = |(host, deed): &(Process, Deed)| format!("{host} {}", argv(deed).join(" "));
    actions
        .iter()
        .map(|action| {
            let hosts: Vec<String> = action.hosts.iter().map(one).collect();
            format!("{}: {}", action.name, hosts.join("; "))
        })
        .collect()
}

#[test]
fn every_host_gets_its_own_steps_in_order() {
    assert_eq!(
        steps("plain", 3),
        [
            "prepare: s1 store-init /lab/s1/data",
            "stored: s1 stored /lab/s1/conf/store.conf --others=10.9.0.2,10.9.0.3; \
             s2 stored /lab/s2/conf/store.conf --others=10.9.0.1,10.9.0.3; \
             s3 stored /lab/s3/conf/store.conf --others=10.9.0.1,10.9.0.2",
            "ready: s1 store ping 10.9.0.1:7000; s2 store ping 10.9.0.2:7000; s3 store ping 10.9.0.3:7000",
        ]
    );
    // Another port, and a step of that variant's own.
    assert_eq!(
        steps("watched", 2),
        [
            "prepare: s1 store-init /lab/s1/data",
            "stored: s1 stored /lab/s1/conf/store.conf --others=10.9.0.2; \
             s2 stored /lab/s2/conf/store.conf --others=10.9.0.1",
            "ready: s1 store ping 10.9.0.1:7001; s2 store ping 10.9.0.2:7001",
            "watcher: s2 watcher 10.9.0.1 10.9.0.2 2 2 2 10.9.0.1,10.9.0.2 10.9.0.1",
        ]
    );
}

#[test]
fn commands_have_their_user_environment_and_deadlines() {
    let actions = variant("watched").actions(&site(2));
    let Deed::Start(stored) = &actions[1].hosts[1].1 else { panic!("{actions:?}") };
    let environment: Vec<(&str, &str)> =
        stored.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(environment, [("LC_ALL", "C.UTF-8"), ("STORE_HOME", "/lab/s2"), ("STORE_HOST", "s2")]);
    assert_eq!(stored.user, User::Unprivileged);
    let Deed::Until(ready, pause) = &actions[2].hosts[0].1 else { panic!("{actions:?}") };
    assert_eq!((ready.deadline, *pause), (Duration::from_secs(1), Duration::from_millis(50)));
    assert_eq!(ready.wants(), "exit status 0, output with `pong from s1`, output without `starting`");
    assert_eq!(actions[2].within, Duration::from_secs(30));
    let Deed::Start(watcher) = &actions[3].hosts[0].1 else { panic!("{actions:?}") };
    assert_eq!(watcher.user, User::Root);
    let restarts = variant("watched").restarts(&site(2), Process::Server(2));
    let restarts: Vec<(&str, &str)> =
        restarts.iter().map(|(name, command)| (name.as_str(), command.argv[1].as_str())).collect();
    assert_eq!(restarts, [("stored", "--again"), ("watcher", "10.9.0.1")]);
}

#[test]
fn files_are_templates_or_copied_as_they_are() {
    let files = variant("watched").files(&site(2));
    let shown: Vec<(String, &str, u32, String)> = files
        .iter()
        .map(|file| {
            let content = String::from_utf8(file.content.clone()).unwrap();
            (file.host.to_string(), file.path.as_str(), file.mode, content)
        })
        .collect();
    let conf = |host: &str, last: u16| {
        let peers = "s1=10.9.0.1:7001;s2=10.9.0.2:7001";
        let text = format!("listen 10.9.0.{last}:7001\npeers {peers}\njson {{\"a\": {{}}}}\n");
        (host.to_owned(), "conf/store.conf", 0o644, text)
    };
    let script = |host: &str| (host.to_owned(), "client.sh", 0o755, "echo {not-a-placeholder}\n".to_owned());
    assert_eq!(shown, [conf("s1", 1), conf("s2", 2), script("c1"), script("c2")]);
}

#[test]
fn clients_ask_a_server_from_their_own_host() {
    let subject = variant("plain");
    let (client, server) = (Process::Client(2), Process::Server(3));
    let read = subject.call(&site(3), client, server, &KvRequest::Read { key: 7.into() }).unwrap();
    assert_eq!(read.command.argv, ["sh", "/lab/c2/client.sh", "10.9.0.3:7000", "get", "7", "c2"]);
    assert_eq!(read.command.env["MODE"], "strong");
    assert_eq!(read.deadline, Duration::from_secs(1));
    let write = KvRequest::WriteOnce { key: 7.into(), value: "blue".into() };
    let write = subject.call(&site(3), client, server, &write).unwrap();
    assert_eq!(write.command.stdin.as_deref(), Some("create 7 blue"));
    assert_eq!(write.deadline, Duration::from_secs(2));
    let cas = KvRequest::Cas { key: 7.into(), from: 1.into(), to: 2.into() };
    let cas = subject.call(&site(3), client, server, &cas).unwrap();
    assert_eq!(cas.command.argv[2..], ["cas", "7", "1", "2"]);
}

#[test]
fn keys_and_values_that_a_command_would_misread_are_refused() {
    let subject = variant("plain");
    for value in [
        serde_json::json!(-1),
        serde_json::json!(1.5),
        serde_json::json!("-v"),
        serde_json::json!("a b"),
        serde_json::json!("'"),
        serde_json::json!("7"),
        serde_json::json!(null),
        serde_json::json!([1]),
        serde_json::json!(""),
    ] {
        let request = KvRequest::Write { key: 1.into(), value: value.clone() };
        let error = subject.call(&site(2), Process::Client(1), Process::Server(1), &request).unwrap_err();
        assert_eq!(
            error,
            format!(
                "`{value}` cannot be given to a client's command\n  hint: keys and values of a cluster are whole \
                 numbers from 0, or words of letters, digits, `_`, `-` and `.`, a letter first"
            )
        );
    }
}

#[test]
fn variants_add_to_the_file_and_change_it() {
    let (plain, watched) = (variant("plain"), variant("watched"));
    assert_eq!((plain.name().as_str(), watched.name().as_str()), ("store:plain", "store:watched"));
    assert_eq!(
        (plain.description.as_str(), watched.description.as_str()),
        ("A store", "A store with a watcher")
    );
    assert_eq!(watched.packages, ["store", "watcher"]);
    assert_eq!(watched.programs, ["stored", "/bin/sh", "watcher"]);
    assert_eq!((plain.faults, watched.faults), (1, 0));
    assert_eq!((plain.times.heal, watched.times.heal), (Duration::from_secs(3), Duration::from_secs(9)));
    assert_eq!(plain.times.dwell, watched.times.dwell);
    assert_eq!(plain.workloads(), [Workload::WriteOnce, Workload::WriteOnceKv, Workload::LinKv]);
    let file = read(WHOLE).unwrap();
    assert_eq!(file.variant(None).unwrap().name(), "store:plain");
    assert_eq!(
        file.variant(Some("none")).unwrap_err(),
        "store has no variant `none`\n  hint: there are `plain`, `watched`"
    );
}

#[test]
fn how_many_servers_it_can_have_is_said() {
    assert_eq!(variant("plain").supports(3), Ok(()));
    assert_eq!(
        variant("plain").supports(6).unwrap_err(),
        "store:plain runs with 2 to 5 servers, not with 6\n  hint: --servers 5"
    );
    assert_eq!(
        variant("watched").supports(3).unwrap_err(),
        "store:watched runs with 2 servers, not with 3\n  hint: --servers 2"
    );
}

#[test]
fn programs_that_are_missing_are_found_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("watcher"), "").unwrap();
    let path = format!("/nowhere:{}", folder.path().display());
    assert_eq!(variant("watched").missing_programs(&path), ["stored"]);
}

/// What is shipped can be read, has what the three worlds need, and renders for all numbers of servers.
#[test]
fn shipped_subjects_are_right() {
    let names = shipped_names();
    assert!(names.contains(&"etcd"));
    for name in names {
        let file: SubjectFile = shipped(name).unwrap();
        assert_eq!(file.system, name);
        for subject in &file.variants {
            assert!(subject.workloads().contains(&Workload::WriteOnce), "{}", subject.name());
            assert_eq!(subject.faults, 1);
            // Our own store needs nothing that would have to be installed.
            let needs = !subject.packages.is_empty() && !subject.programs.is_empty();
            assert_eq!(needs, name != "threeworlds", "{}", subject.name());
            for servers in subject.servers.least..=subject.servers.most {
                let hosts = site(servers);
                let starts = |server| !subject.restarts(&hosts, server).is_empty();
                assert!((1..=servers).map(Process::Server).all(starts), "{} x{servers}", subject.name());
                assert!(!subject.actions(&hosts).is_empty());
                let key = 1.into();
                assert!(subject.stored(&hosts, Process::Client(1), Process::Server(servers), &key).is_ok());
            }
            assert_eq!(find(&subject.name()).unwrap().name(), subject.name());
        }
    }
}

#[test]
fn a_subject_is_found_by_name_or_by_path() {
    let error = find("etc").unwrap_err();
    assert!(
        error.starts_with("there is no subject `etc`\n  hint: did you mean `etcd`? Shipped are "),
        "{error}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.toml");
    std::fs::write(&path, WHOLE).unwrap();
    std::fs::write(folder.path().join("client.sh"), "").unwrap();
    assert_eq!(find(path.to_str().unwrap()).unwrap().name(), "store:plain");
    assert_eq!(find(&format!("{}:watched", path.display())).unwrap().name(), "store:watched");
    let missing = folder.path().join("other.toml");
    let error = find(missing.to_str().unwrap()).unwrap_err();
    assert!(error.starts_with(&format!("{}: cannot be read: ", missing.display())), "{error}");
}

/// The page that shows how to write one contains the file that is run.
#[test]
fn the_example_is_right_and_the_page_shows_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/clusters");
    let store = find(&format!("{folder}/store.toml")).unwrap();
    assert_eq!((store.name().as_str(), store.servers.default), ("store", 2));
    let file = std::fs::read_to_string(format!("{folder}/store.toml")).unwrap();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/attack-your-cluster.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains(&format!("```toml\n{file}```\n")), "the page shows another file");
}

/// The examples of the format's description are what it says.
#[test]
fn the_description_of_the_format_has_a_file_that_can_be_read() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/subject.md");
    let page = std::fs::read_to_string(page).unwrap();
    let file = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let file = read(file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(file.system, "store");
    // Every key that files can have is described.
    for key in WHOLE.lines().filter_map(|line| line.split_once(" = ").map(|(key, _)| key.trim())) {
        let own = ["STORE_HOME", "peers", "address", "port"].contains(&key) || key.starts_with('{');
        assert!(own || page.contains(key), "{key} is not described");
    }
    for name in shipped_names() {
        let subjects = shipped(name).unwrap();
        let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/attack-your-cluster.md");
        let guide = std::fs::read_to_string(guide).unwrap();
        assert!(guide.contains(&format!("| `{name}` |")), "{name} is not in the table");
        for variant in subjects.variants.iter().filter_map(|subject| subject.variant.as_deref()) {
            assert!(guide.contains(&format!("`{variant}`")), "{name}:{variant} is not in the table");
        }
    }
}
