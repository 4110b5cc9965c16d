use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, getegid, geteuid};

use super::{Problem, Say, kernel, say};

/// Makes the namespaces, starts the inner keeper in them, and ends after it and all that it kept.
pub(super) fn run(user_namespace: bool, keeper: &[&str]) -> ExitCode {
    match enter(user_namespace).and_then(|()| start(keeper)) {
        Ok(code) => code,
        Err(problem) => {
            say(&Say::Failed(problem));
            ExitCode::FAILURE
        }
    }
}

/// Each is a child of this process from here on, or this process itself.
fn enter(user_namespace: bool) -> Result<(), Problem> {
    let (user, group) = (geteuid(), getegid());
    let namespaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    if user_namespace {
        unshare(CloneFlags::CLONE_NEWUSER).map_err(no_user_namespace)?;
        map(user, group, 0).map_err(|error| {
            let hint = "on Ubuntu, allow it with: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0; or run \
                        this as root";
            kernel("a user namespace gets no user", error, hint)
        })?;
    }
    unshare(namespaces).map_err(|error| {
        let hint = match user_namespace {
            true => {
                "the kernel needs network, mount and process namespaces, and on Ubuntu: sysctl -w \
                     kernel.apparmor_restrict_unprivileged_userns=0"
            }
            false => "in a container, give it --cap-add SYS_ADMIN, NET_ADMIN; the kernel needs CONFIG_NET_NS",
        };
        kernel("the lab's namespaces cannot be made", error, hint)
    })
}

fn no_user_namespace(error: Errno) -> Problem {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let hint = if number("/proc/sys/user/max_user_namespaces") == Some(0) {
        "user namespaces are switched off: switch them on with: sysctl -w user.max_user_namespaces=10000; or run \
         this as root"
    } else if number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        "user namespaces are switched off for users: sysctl -w kernel.unprivileged_userns_clone=1; or run this as \
         root"
    } else {
        "user namespaces are not allowed here (a container's seccomp profile, or a kernel without CONFIG_USER_NS): \
         run this as root, or outside the container"
    };
    kernel("a user namespace cannot be made", error, hint)
}

/// Maps one user and group of the namespace, the only one that it knows, to those outside.
fn map(user: Uid, group: Gid, inside: u32) -> std::io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{inside} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{inside} {group} 1"))
}

fn start(keeper: &[&str]) -> Result<ExitCode, Problem> {
    let [program, prefix @ ..] = keeper else { unreachable!("the caller saw to it") };
    let mut inner = Command::new(program).args(prefix).arg("inner").spawn().map_err(|error| {
        kernel("the first process of the lab cannot be started", error, "are there too many processes?")
    })?;
    let status = inner.wait().map_err(|error| kernel("the inner keeper is lost", error, "report this"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Becomes a user that owns what root of the lab owns, and may do nothing but that, then the command.
pub(super) fn become_user(user: &str, command: &[&str]) -> ExitCode {
    let (uid, gid) = (geteuid(), getegid());
    let become_it = || -> Result<(), String> {
        let number: u32 = user.parse().map_err(|_| format!("`{user}` is no user number"))?;
        unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| format!("no user namespace: {error}"))?;
        map(uid, gid, number).map_err(|error| format!("a user namespace gets no user: {error}"))
    };
    if let Err(why) = become_it() {
        eprintln!("threeworlds: {why}");
        return ExitCode::from(126);
    }
    let error = Command::new(command[0]).args(&command[1..]).exec();
    eprintln!("threeworlds: {}: {error}", command[0]);
    ExitCode::from(127)
}
