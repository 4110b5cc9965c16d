//! Whoever plays a plan ends without warning: no process is left.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use threeworlds_attack::{Options, Program, Step, run};

use crate::support::{Script, ask, guardian, plan, read};

/// The name of the variable that makes [`driver`] play a plan against the program of that path.
const NODE: &str = "THREEWORLDS_TEST_NODE";

/// A node that has two children, one of them in a session of its own, and ignores SIGTERM.
const NODE_WITH_CHILDREN: &str = r#"
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for message, body, kind in messages():
    for session in [False, True]:
        if os.fork() == 0:
            if session:
                os.setsid()
                if os.fork() != 0:
                    os._exit(0)
            note_pid()
            mark("forked" + str(os.getpid()))
            while True:
                time.sleep(1000)
while True:
    time.sleep(1000)
"#;

#[test]
fn nothing_is_left_when_it_is_killed_without_warning() {
    ends_by(Signal::SIGKILL);
}

#[test]
fn nothing_is_left_when_it_is_terminated_or_interrupted_without_a_handler() {
    ends_by(Signal::SIGTERM);
    ends_by(Signal::SIGINT);
}

#[test]
fn nothing_is_left_when_it_exits_without_unwinding() {
    let script = Script::new(NODE_WITH_CHILDREN);
    let mut driver = start(&script);
    std::fs::write(script.path("exit"), "").unwrap();
    assert!(!driver.wait().unwrap().success());
    script.is_gone();
}

#[track_caller]
fn ends_by(signal: Signal) {
    let script = Script::new(NODE_WITH_CHILDREN);
    let mut driver = start(&script);
    kill(Pid::from_raw(i32::try_from(driver.id()).unwrap()), signal).unwrap();
    driver.wait().unwrap();
    script.is_gone();
}

/// Starts a process that plays a plan, and waits until the nodes have children.
#[track_caller]
fn start(script: &Script) -> Child {
    let mut driver = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ends::driver", "--ignored", "--nocapture", "--test-threads=1"])
        .env(NODE, script.path("node.py"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let forked = |script: &Script| {
        let names = std::fs::read_dir(script.path("")).unwrap().flatten().map(|entry| entry.file_name());
        names.filter(|name| name.to_string_lossy().starts_with("forked")).count()
    };
    while forked(script) < 2 {
        assert!(start.elapsed() < Duration::from_secs(60), "the nodes do not start");
        assert_eq!(driver.try_wait().unwrap(), None, "the driver has ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    driver
}

/// No test: the process that [`start`] starts.
#[test]
#[ignore = "it is started by other tests"]
fn driver() {
    let Some(node) = std::env::var_os(NODE) else { return };
    let folder = Path::new(&node).parent().unwrap();
    let program = Program { command: vec!["python3".into(), "-S".into(), "-E".into(), node.clone()] };
    let options =
        Options { settle_deadline: Duration::ZERO, ..Options::new(guardian(), folder.join("stderr")) };
    let plan = plan(vec![ask("c1", "s1", read()), Step::Wait { milliseconds: 3_600_000 }]);
    let exit = folder.join("exit");
    std::thread::scope(|scope| {
        scope.spawn(|| run(&plan, &program, &options, &AtomicBool::new(false)));
        while !exit.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::process::exit(101);
    });
}
