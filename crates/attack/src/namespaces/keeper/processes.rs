//! All processes of a lab have this one as their last parent: who ends is waited for here and nowhere else.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use super::Problem;
use crate::namespaces::command::Ended;

pub(super) struct Processes {
    state: Mutex<State>,
    /// Somebody was started.
    started: Condvar,
}

#[derive(Default)]
struct State {
    /// Who is told when a process ends.
    waiting: BTreeMap<Pid, Sender<Ended>>,
    /// Processes with numbers of their own, as long as they live.
    numbered: BTreeMap<u64, Pid>,
    numbers: u64,
    /// How many were started, ever.
    count: u64,
}

impl Processes {
    /// Begins to wait for processes.
    pub(super) fn begin() -> Arc<Processes> {
        let processes = Arc::new(Processes { state: Mutex::default(), started: Condvar::new() });
        let reaper = Arc::clone(&processes);
        std::thread::spawn(move || reaper.reap());
        processes
    }

    /// Starts a process in the namespaces of the calling thread, in a group of its own. It is sent how it
    /// ends.
    pub(super) fn spawn(&self, command: &mut Command) -> io::Result<(Child, Receiver<Ended>)> {
        // Nobody is waited for meanwhile: not a process that the caller does not know yet, nor one that the
        // standard library waits for itself because it could not become the program.
        let mut state = self.locked();
        let child = spawn(command)?;
        let (ended, end) = channel();
        state.waiting.insert(pid(&child), ended);
        state.count += 1;
        self.started.notify_all();
        Ok((child, end))
    }

    /// Gives a process a number, to be named by. It must not have been told yet that the process ended.
    pub(super) fn number(&self, child: &Child) -> u64 {
        let mut state = self.locked();
        state.numbers += 1;
        let number = state.numbers;
        if state.waiting.contains_key(&pid(child)) {
            state.numbered.insert(number, pid(child));
        }
        number
    }

    /// Sends a signal to a process that has a number, and to its group, unless it has ended.
    pub(super) fn signal_group(&self, number: u64, signal: Signal) {
        if let Some(&pid) = self.locked().numbered.get(&number) {
            let _ = killpg(pid, signal);
        }
    }

    /// Sends a signal to a process and its group. The process may have ended, but its group may not yet be
    /// another's: as long as somebody is left in it, nobody gets its number.
    pub(super) fn end_group(&self, child: &Child) {
        let _state = self.locked();
        let _ = killpg(pid(child), Signal::SIGKILL);
    }

    /// Runs a tool of the system in the namespaces of the calling thread, with this on its standard input.
    pub(super) fn tool(&self, argv: &[&str], package: &str, stdin: &str) -> Result<(), Problem> {
        let mut command = Command::new(argv[0]);
        command.args(&argv[1..]).env("PATH", path()).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let (mut child, end) = self.spawn(&mut command).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                Problem::MissingTool { tool: argv[0].to_owned(), package: package.to_owned() }
            }
            _ => Problem::Network { why: format!("`{}` cannot be started: {error}", argv[0]) },
        })?;
        let mut pipe = child.stdin.take().expect("stdin is piped");
        // A tool that ends early says why.
        let _ = pipe.write_all(stdin.as_bytes());
        drop(pipe);
        let said = io::read_to_string(child.stderr.take().expect("stderr is piped")).unwrap_or_default();
        match end.recv() {
            Ok(ended) if ended.success() => Ok(()),
            _ => Err(Problem::Network { why: format!("`{}` says: {}", argv.join(" "), said.trim()) }),
        }
    }

    fn reap(&self) {
        loop {
            let seen = self.locked().count;
            // Looked at only, so that its number is not another's before it is taken from the list.
            match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
                Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) => self.take(pid),
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(_) => {
                    let state = self.locked();
                    drop(self.started.wait_while(state, |state| state.count == seen));
                }
            }
        }
    }

    fn take(&self, pid: Pid) {
        let mut state = self.locked();
        let ended = match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, status)) => Ended::Exited(status),
            Ok(WaitStatus::Signaled(_, signal, _)) => Ended::Signaled(signal as i32),
            // The standard library has waited for it.
            _ => return,
        };
        state.numbered.retain(|_, &mut numbered| numbered != pid);
        if let Some(waiting) = state.waiting.remove(&pid) {
            let _ = waiting.send(ended);
        }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id is a positive i32"))
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    use std::os::unix::process::CommandExt;
    command.process_group(0).spawn()
}

/// Sends a signal to one process.
pub(super) fn signal_one(pid: i32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid), signal);
}

/// Where programs are looked for: users often have no folders of the system's tools there.
pub(super) fn path() -> String {
    let own = std::env::var("PATH").unwrap_or_default();
    let own = if own.is_empty() { "/usr/local/bin:/usr/bin:/bin".to_owned() } else { own };
    format!("{own}:/usr/local/sbin:/usr/sbin:/sbin")
}
