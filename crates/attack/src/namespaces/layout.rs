//! What a lab is made of, before there is one: addresses, folders, settings, and its own files below `/etc`.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use threeworlds_model::Process;

use super::wire::Host;

pub(super) fn hosts(servers: u16, clients: u16) -> Vec<Host> {
    let last = |number: u16| u8::try_from(number).expect("the numbers were checked");
    let server = |number| Host { name: Process::Server(number), ip: Ipv4Addr::new(10, 9, 0, last(number)) };
    let client =
        |number| Host { name: Process::Client(number), ip: Ipv4Addr::new(10, 9, 0, 100 + last(number)) };
    (1..=servers).map(server).chain((1..=clients).map(client)).collect()
}

/// How long TCP waits before it tries again, at most a second: else a connection that a cut stopped goes on only
/// long after healing, and the verdict is about that. And it does not give up while a cut lasts.
pub(super) fn tcp_settings() -> BTreeMap<String, String> {
    let settings = [
        ("tcp_rto_max_ms", "1000"),
        ("tcp_retries2", "200"),
        ("tcp_syn_retries", "127"),
        ("tcp_syn_linear_timeouts", "127"),
    ];
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// What a lab with one-way cuts is like.
pub(super) const ONE_WAY: &str = "where links are cut one way, TCP connections end at a proxy on the host where they begin, which \
                       holds what is sent that way until it is healed; everything else is dropped";

/// What a missing setting means.
pub(super) fn note(setting: &str) -> Option<String> {
    let means = match setting {
        "tcp_rto_max_ms" => {
            "after a cut, connections go on as late again as the cut was long (Linux 6.15 has tcp_rto_max_ms), so \
             heal for longer than you cut"
        }
        "tcp_syn_linear_timeouts" => {
            "a connection that is begun during a cut may come about long after healing (Linux 6.5 has \
             tcp_syn_linear_timeouts)"
        }
        _ => return None,
    };
    Some(format!("this kernel has no {setting}: {means}"))
}

/// Whether everybody can pass through all folders above this one.
pub(super) fn passable(folder: &Path) -> std::io::Result<()> {
    for above in folder.ancestors() {
        if fs::metadata(above)?.permissions().mode() & 0o001 == 0 {
            return Err(std::io::Error::other(format!(
                "the lab's unprivileged user cannot pass through {}",
                above.display()
            )));
        }
    }
    Ok(())
}

/// Makes the folders of the hosts and the lab's own `/etc` files.
pub(super) fn lay_out(folder: &Path, hosts: &[Host], user: u32, nested: bool) -> std::io::Result<()> {
    for host in hosts {
        let own = folder.join(host.name.to_string());
        for path in [own.clone(), own.join("tmp")] {
            fs::create_dir(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(0o700))?;
            if !nested {
                chown(&path, Some(user), Some(user))?;
            }
        }
    }
    // The keeper puts our own program in its place.
    fs::write(folder.join(super::OWN_PROGRAM), "")?;
    let etc = folder.join("etc");
    fs::create_dir(&etc)?;
    fs::set_permissions(&etc, Permissions::from_mode(0o755))?;
    for (name, text) in etc::files(hosts, folder, user) {
        fs::write(etc.join(name), text)?;
        fs::set_permissions(etc.join(name), Permissions::from_mode(0o644))?;
    }
    Ok(())
}

pub(super) mod etc {
    //! The files below `/etc` that are others in a lab: hosts have names, the user has one too, and nobody
    //! asks a name server.

    use std::collections::BTreeSet;
    use std::path::Path;

    use super::Host;

    /// What the user of unprivileged commands is called.
    const NAME: &str = "threeworlds";
    /// Where numbers begin that neither people nor packages of the usual distributions have.
    const FIRST_USER: u32 = 58_001;

    /// A user and group number that nobody has.
    pub(in crate::namespaces) fn free_user() -> u32 {
        let numbers = |file: &str| -> BTreeSet<u32> {
            let text = std::fs::read(file).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            text.lines().filter_map(|line| line.split(':').nth(2)?.parse().ok()).collect()
        };
        let taken = &numbers("/etc/passwd") | &numbers("/etc/group");
        (FIRST_USER..).find(|number| !taken.contains(number)).expect("there are more numbers than lines")
    }

    /// Each file and what is in it.
    pub(super) fn files(hosts: &[Host], folder: &Path, user: u32) -> Vec<(&'static str, Vec<u8>)> {
        let with = |file: &str, line: String| {
            let mut text = std::fs::read(file).unwrap_or_default();
            if text.last().is_some_and(|&byte| byte != b'\n') {
                text.push(b'\n');
            }
            text.extend(line.as_bytes());
            text
        };
        let mut names = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
        for host in hosts {
            names += &format!("{} {}\n", host.ip, host.name);
        }
        vec![
            (
                "passwd",
                with("/etc/passwd", format!("{NAME}:x:{user}:{user}::{}:/bin/sh\n", folder.display())),
            ),
            ("group", with("/etc/group", format!("{NAME}:x:{user}:\n"))),
            ("hosts", names.into_bytes()),
            ("resolv.conf", Vec::new()),
            ("nsswitch.conf", b"passwd: files\ngroup: files\nshadow: files\nhosts: files\n".to_vec()),
        ]
    }
}
