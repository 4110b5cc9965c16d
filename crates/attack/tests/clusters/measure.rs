use threeworlds_attack::namespaces::Privileges;
use threeworlds_attack::subject::find;

use crate::horns::{Row, plays_as_known};
use crate::worlds::{World, play};

/// Measures one subject: `SUBJECT=redis:one-sentinel SERVERS=2 WORLDS=ABC`, `ROOTLESS=1` in a user
/// namespace, `LOGS=FOLDER` to keep what the servers said. `WORLDS=campaign:safety` plays what the other tests play, and says whether it comes to that.
#[test]
#[ignore = "measures what the environment names"]
fn measure() {
    let variable = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let mut subject = find(&variable("SUBJECT", "etcd")).unwrap_or_else(|error| panic!("{error}"));
    let servers = variable("SERVERS", &subject.servers.default.to_string()).parse().unwrap();
    let privileges = match variable("ROOTLESS", "").is_empty() {
        true => Privileges::Auto,
        false => Privileges::UserNamespace,
    };
    if let Ok(seconds) = variable("DWELL", "").parse() {
        subject.times.dwell = std::time::Duration::from_secs(seconds);
    }
    let worlds = variable("WORLDS", "ABC");
    if let Some(comes_to) = worlds.strip_prefix("campaign:") {
        let rootless = privileges == Privileges::UserNamespace;
        let system = &variable("SUBJECT", "etcd");
        match plays_as_known(&Row { system, servers, comes_to, rootless, request: None }) {
            Some(wrong) => panic!("{wrong}"),
            None => return,
        }
    }
    for (letter, world) in [('A', World::A), ('B', World::B), ('C', World::C)] {
        if worlds.contains(letter) {
            let seen = play(&subject, servers, world, privileges);
            println!("{} x{servers} {privileges:?} ({}): {seen}", subject.name(), seen.version);
        }
    }
}
