use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use threeworlds_attack::namespaces::{Command, Ended, LabError, LabSignal, Output, Privileges, User};

use crate::support::*;

/// Commands run on their host: its name, its address, its folder, its own shared memory, and nobody's rights.
#[test]
fn commands_run_on_their_host_as_nobody() {
    for privileges in ways() {
        let base = Base::new(privileges);
        let lab = base.lab(2, 1);
        let run = |host, script: &str| lab.run(host, &shell(script), DEADLINE).unwrap();
        let output =
            run(s(2), "hostname; id -u; id -un; pwd; echo $HOME; echo x > own; echo y > $TMPDIR/own");
        let lines: Vec<&str> = output.stdout.lines().collect();
        let folder = lab.dir(s(2)).display().to_string();
        assert_eq!([lines[0], lines[2], lines[3], lines[4]], ["s2", "threeworlds", &folder, &folder]);
        assert_ne!(lines[1], "0", "{privileges:?}");
        assert_eq!(std::fs::read_to_string(lab.dir(s(2)).join("own")).unwrap(), "x\n");
        assert!(run(s(1), "getent hosts s2").stdout.starts_with(&lab.ip(s(2)).to_string()));

        run(s(1), "echo secret > /dev/shm/mine");
        assert_eq!(run(s(1), "cat /dev/shm/mine").stdout, "secret\n");
        assert!(!run(s(2), "cat /dev/shm/mine").success());
        assert!(!run(s(1), "echo x > /etc/hosts").success());
        let changed = run(s(1), "ip link set eth0 down 2>&1");
        assert!(!changed.success(), "{changed:?}");

        let mut root = shell("id -u; ip link set eth0 down");
        root.user = User::Root;
        let output = lab.run(c(1), &root, DEADLINE).unwrap();
        assert_eq!((output.stdout.as_str(), output.ended), ("0\n", Some(Ended::Exited(0))));
    }
}

#[test]
fn a_command_has_its_input_its_output_and_its_deadline() {
    let base = Base::new(Privileges::Auto);
    let lab = base.lab(1, 2);
    let mut command = shell("cat; echo oops >&2; exit 3");
    command.stdin = Some("hello".to_owned());
    let output = lab.run(c(1), &command, DEADLINE).unwrap();
    assert_eq!(
        output,
        Output {
            ended: Some(Ended::Exited(3)),
            stdout: "hello".to_owned(),
            stderr: "oops\n".to_owned(),
            truncated: false,
        }
    );

    // Killed with all that it started, and what it said so far is kept.
    let begun = Instant::now();
    let hangs = shell("echo before; sleep 1000 & sleep 1000");
    let output = lab.run(c(1), &hangs, Duration::from_millis(300)).unwrap();
    assert!(output.timed_out());
    assert_eq!(output.stdout, "before\n");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let left = lab.run(c(1), &shell("ps ax | grep -c '[s]leep 1000'"), DEADLINE).unwrap();
    assert_eq!(left.stdout, "0\n");

    let floods = lab.run(c(1), &shell("yes | head -c 1000000"), DEADLINE).unwrap();
    assert_eq!((floods.stdout.len(), floods.truncated, floods.success()), (Output::BYTES_MAX, true, true));

    // At the same time, on two hosts.
    let slow = shell("while ! test -e go; do sleep 0.01; done; echo gone");
    let waiting = lab.begin(c(1), &slow, DEADLINE).unwrap();
    assert_eq!(lab.run(c(2), &shell("echo quick"), DEADLINE).unwrap().stdout, "quick\n");
    assert_eq!(waiting.try_wait().unwrap(), None);
    std::fs::write(lab.dir(c(1)).join("go"), "").unwrap();
    assert_eq!(waiting.wait().unwrap().stdout, "gone\n");
}

#[test]
fn what_cannot_be_started_is_named() {
    let base = Base::new(Privileges::Auto);
    let lab = base.lab(1, 1);
    let start = |argv: &[&str]| lab.spawn(s(1), &Command::new(argv.iter().copied()), "log").map(drop);
    let error = start(&["no-such-server"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "`no-such-server` cannot be started on s1: it is not found: is it installed and on the PATH?"
    );
    std::fs::write(lab.dir(s(1)).join("plain"), "").unwrap();
    let error = start(&["./plain"]).unwrap_err().to_string();
    assert!(error.contains("it is not executable: chmod +x"), "{error}");
    assert!(matches!(start(&[]), Err(LabError::Start { .. })));
    if nix::unistd::geteuid().is_root() {
        // Root finds it, and the user of the lab may not run it.
        let file = base.folder.path().join("mine");
        std::fs::copy("/bin/true", &file).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
        let error = start(&[file.to_str().unwrap()]).unwrap_err().to_string();
        assert!(error.contains("the lab's unprivileged user may not run it"), "{error}");
    }
    assert!(matches!(lab.run(s(2), &shell("true"), DEADLINE), Err(LabError::NoHost(host)) if host == s(2)));
}

/// As root, servers run as somebody else, who has to come to the scratch folder.
#[test]
fn a_scratch_folder_that_others_cannot_reach_is_named() {
    if !nix::unistd::geteuid().is_root() {
        // In a user namespace everybody is its owner.
        return;
    }
    let mut base = Base::new(Privileges::Root);
    let closed = base.folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    base.options.base = closed.clone();
    let error = threeworlds_attack::namespaces::Lab::new(1, 1, &base.options).unwrap_err().to_string();
    assert!(error.contains(&format!("cannot pass through {}", closed.display())), "{error}");
    assert!(error.contains("TMPDIR"), "{error}");
    assert_eq!(std::fs::read_dir(closed).unwrap().count(), 0);
}

/// A server is its host: what it started goes with it, in whichever group.
#[test]
fn a_host_is_paused_and_killed_as_a_whole() {
    for privileges in ways() {
        let base = Base::new(privileges);
        let lab = base.lab(1, 1);
        // One that left its group and its parent.
        let script = "setsid sh -c 'while :; do date +%s%N > beat; sleep 0.01; done' & exit 0";
        let daemon = lab.spawn(s(1), &shell(script), "log").unwrap();
        assert_eq!(daemon.wait(DEADLINE), Some(Ended::Exited(0)));
        let beat = || std::fs::read_to_string(lab.dir(s(1)).join("beat")).unwrap_or_default();
        let beats = |what: &str| {
            let before = beat();
            until(what, || !beat().is_empty() && beat() != before);
        };
        beats("it runs");
        lab.signal_host(s(1), LabSignal::Pause).unwrap();
        let before = beat();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(beat(), before);
        lab.signal_host(s(1), LabSignal::Resume).unwrap();
        beats("it goes on");
        lab.signal_host(s(1), LabSignal::Kill).unwrap();
        let left = lab.run(c(1), &shell("ps axo args | grep -c '[b]eat'"), DEADLINE).unwrap();
        assert_eq!(left.stdout, "0\n");
        assert!(lab.run(s(1), &shell("true"), DEADLINE).unwrap().success(), "the host itself is still there");
    }
}
