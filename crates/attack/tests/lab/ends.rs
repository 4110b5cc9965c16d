//! However a lab's owner ends, nothing is left but a folder that `clean` removes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use threeworlds_attack::namespaces::{Lab, LabOptions, Privileges, clean};

use crate::support::*;

/// Set for a process of this binary that is to own a lab, and be killed.
const OWNER: &str = "THREEWORLDS_TEST_OWNER";

/// Not a test: what the other tests start, to be killed. It makes labs for ever, one after the other.
#[test]
fn owner() {
    let Ok(base) = std::env::var(OWNER) else { return };
    let base = std::path::PathBuf::from(base);
    let privileges = match std::env::var("THREEWORLDS_TEST_ROOT").is_ok() {
        true => Privileges::Root,
        false => Privileges::UserNamespace,
    };
    let options = LabOptions { base, privileges, ..LabOptions::new(keeper()) };
    println!("\nbegun");
    loop {
        let lab = Lab::new(3, 2, &options).unwrap();
        let busy = shell("setsid sleep 1000 & while :; do echo x > f; done");
        for host in lab.hosts() {
            lab.spawn(host, &busy, "log").unwrap();
        }
        println!("\nup");
        lab.cut(&[link(s(1), s(2))].into()).unwrap();
        lab.run(c(1), &shell("sleep 0.2"), DEADLINE).unwrap();
    }
}

struct Owner {
    child: Child,
    mark: String,
    out: BufReader<std::process::ChildStdout>,
}

impl Owner {
    fn start(base: &Base, privileges: Privileges, serial: usize) -> Owner {
        let mark = format!("THREEWORLDS_MARK=of-{}-{serial}-{privileges:?}", std::process::id());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["ends::owner", "--exact", "--nocapture", "--test-threads=1"]);
        command.env(OWNER, base.folder.path());
        let (name, value) = mark.split_once('=').unwrap();
        command.env(name, value);
        if privileges == Privileges::Root {
            command.env("THREEWORLDS_TEST_ROOT", "1");
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Owner { child, mark, out }
    }

    fn wait_for(&mut self, word: &str) {
        let mut line = String::new();
        while self.out.read_line(&mut line).unwrap() > 0 {
            if line.trim() == word {
                return;
            }
            line.clear();
        }
        panic!("the owner ended before it said `{word}`");
    }

    fn kill(mut self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
        self.child.wait().unwrap();
        until("all processes are gone", || processes_with(&self.mark).is_empty());
    }
}

#[test]
fn a_lab_that_is_closed_leaves_nothing() {
    for privileges in ways() {
        let base = Base::new(privileges);
        let before = machine();
        let lab = base.lab(3, 2);
        let mut busy = shell("chmod 0 tmp; setsid sleep 1000 & sleep 1000");
        let mark = format!("MARK=closed-{}-{privileges:?}", std::process::id());
        let (name, value) = mark.split_once('=').unwrap();
        busy.env.insert(name.to_owned(), value.to_owned());
        for host in lab.hosts() {
            lab.spawn(host, &busy, "log").unwrap();
        }
        let namespaces = || processes_with(&mark).into_values().collect::<std::collections::BTreeSet<_>>();
        until("all run", || processes_with(&mark).len() >= 15);
        assert_eq!(namespaces().len(), 5, "each host has its own network");
        assert_eq!(machine(), before, "nothing is seen of it outside");
        drop(lab);
        assert_eq!(namespaces().len(), 0, "{privileges:?}");
        assert_eq!(base.left(), Vec::<std::path::PathBuf>::new());
        assert_eq!(machine(), before);
    }
}

#[test]
fn a_folder_can_be_kept_and_is_cleaned_later() {
    let base = Base::new(Privileges::Auto);
    let lab = base.lab(1, 1);
    let folder = lab.folder().to_owned();
    lab.run(s(1), &shell("echo kept > file"), DEADLINE).unwrap();
    let cleaned = clean(base.folder.path()).unwrap();
    assert_eq!((cleaned.removed.len(), cleaned.in_use), (0, vec![folder.clone()]));
    lab.close(true);
    assert_eq!(std::fs::read_to_string(folder.join("s1/file")).unwrap(), "kept\n");
    assert_eq!(clean(base.folder.path()).unwrap().removed, [folder]);
    assert_eq!(base.left(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn nothing_but_abandoned_labs_is_cleaned() {
    let base = Base::new(Privileges::Auto);
    let path = |name: &str| base.folder.path().join(name);
    let keep = ["threeworlds-lab-1-0", "threeworlds-lab-x-0", "threeworlds-lab-2-0", "other"];
    for name in keep {
        std::fs::create_dir(path(name)).unwrap();
        std::fs::write(path(name).join("mine"), "").unwrap();
    }
    std::fs::write(path("threeworlds-lab-2-0").join("owner"), "somebody else\n").unwrap();
    std::fs::write(path("threeworlds-lab-3-0"), "a file").unwrap();
    std::os::unix::fs::symlink(path("other"), path("threeworlds-lab-4-0")).unwrap();
    // As they are left by an owner that is killed at once.
    std::fs::create_dir(path("threeworlds-lab-5-0")).unwrap();
    std::fs::create_dir(path("threeworlds-lab-6-0")).unwrap();
    std::fs::write(path("threeworlds-lab-6-0").join("owner"), "").unwrap();
    let cleaned = clean(base.folder.path()).unwrap();
    assert_eq!(cleaned.removed, [path("threeworlds-lab-5-0"), path("threeworlds-lab-6-0")]);
    assert_eq!(cleaned.failed, []);
    assert_eq!(base.left().len(), 6);
    assert!(path("other").join("mine").exists());
}

/// At moments that have nothing to do with what it does; more of them with `THREEWORLDS_FULL=1`.
#[test]
fn an_owner_that_is_killed_leaves_nothing_but_a_folder_to_clean() {
    let times = if std::env::var("THREEWORLDS_FULL").is_ok() { 20 } else { 4 };
    let before = machine();
    for privileges in ways() {
        let base = Base::new(privileges);
        for serial in 0..times {
            let mut owner = Owner::start(&base, privileges, serial);
            owner.wait_for("begun");
            // From the first moment to the second lab.
            std::thread::sleep(std::time::Duration::from_millis((serial as u64 * 7919) % 700));
            owner.kill(Signal::SIGKILL);
            // Once is enough, however soon.
            assert_eq!(clean(base.folder.path()).unwrap().in_use, Vec::<std::path::PathBuf>::new());
            assert_eq!(base.left(), Vec::<std::path::PathBuf>::new());
        }
        // SIGINT is for the command line: where these tests run in the background, it is ignored from the start.
        let mut owner = Owner::start(&base, privileges, times);
        owner.wait_for("up");
        assert!(!processes_with(&owner.mark).is_empty());
        owner.kill(Signal::SIGTERM);
        clean(base.folder.path()).unwrap();
        assert_eq!(base.left(), Vec::<std::path::PathBuf>::new());
    }
    assert_eq!(machine(), before);
}
