//! Nodes that a test writes, plans in a few words, and whether processes are gone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value as Json;
use threeworlds_attack::{
    Ask, AttackError, KvRequest, Link, Options, Outcome, Plan, Program, Roles, Run, Step, What, Workload, run,
};
use threeworlds_model::Process;

/// What every node of the tests begins with. It writes down the process id of itself and what it starts.
const BEGINNING: &str = r#"
import json, os, signal, sys, time

folder = os.path.dirname(os.path.abspath(__file__))
me, others, number = None, [], 0

def note_pid():
    with open(os.path.join(folder, "pids"), "a") as file:
        print(os.getpid(), file=file, flush=True)

def mark(name):
    "Tells the test that it has come so far."
    open(os.path.join(folder, name), "w").close()

def wait_for(name):
    while not os.path.exists(os.path.join(folder, name)):
        time.sleep(0.005)

def send(dest, body):
    print(json.dumps({"src": me, "dest": dest, "body": body}), flush=True)

def reply(message, **body):
    send(message["src"], {"in_reply_to": message["body"]["msg_id"], **body})

def messages():
    "Yields what comes, after it has answered the init."
    global me, others
    for line in sys.stdin:
        message = json.loads(line)
        body = message["body"]
        if body["type"] == "init":
            me = body["node_id"]
            others = [node for node in body["node_ids"] if node != me]
            reply(message, type="init_ok")
        else:
            yield message, body, body["type"]

def store(messages, data=None):
    "A store of one's own: nothing is replicated."
    data = {} if data is None else data
    for message, body, kind in messages:
        key = json.dumps(body.get("key"))
        if kind == "write":
            data[key] = body["value"]
            reply(message, type="write_ok")
        elif kind == "read" and key in data:
            reply(message, type="read_ok", value=data[key])
        elif kind == "read" or kind == "cas" and key not in data:
            reply(message, type="error", code=20, text="no such key")
        elif kind == "cas" and data[key] != body["from"]:
            reply(message, type="error", code=22, text="it is another")
        elif kind == "cas":
            data[key] = body["to"]
            reply(message, type="cas_ok")
        else:
            yield message, body, kind

note_pid()
"#;

/// A node in Python.
pub(crate) struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    /// A node with this text after the beginning that all have.
    pub(crate) fn new(text: &str) -> Script {
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::fs::write(folder.path().join("node.py"), format!("{BEGINNING}\n{text}\n"))
            .expect("it can be written");
        Script { folder }
    }

    /// A node that keeps what it is told and tells nobody, with this text for every other message.
    pub(crate) fn store(text: &str) -> Script {
        let body: String = text.lines().map(|line| format!("    {line}\n")).collect();
        Script::new(&format!("for message, body, kind in store(messages()):\n    pass\n{body}"))
    }

    pub(crate) fn program(&self) -> Program {
        let file = self.folder.path().join("node.py");
        Program { command: vec!["python3".into(), "-S".into(), "-E".into(), file.into()] }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            settle_deadline: Duration::ZERO,
            // On a machine that does much else at the same time. No test waits for these to pass.
            init_deadline: Duration::from_secs(60),
            run_deadline: Duration::from_secs(300),
            ..Options::new(guardian(), self.path("stderr"))
        }
    }

    pub(crate) fn try_run(&self, plan: &Plan, options: &Options) -> Result<Run, AttackError> {
        let result = run(plan, &self.program(), options, &AtomicBool::new(false));
        self.is_gone();
        result
    }

    /// Plays a plan, and sees to it that no process is left behind.
    #[track_caller]
    pub(crate) fn run(&self, plan: &Plan) -> Run {
        let run = self.try_run(plan, &self.options()).unwrap_or_else(|error| panic!("{error}"));
        assert!(run.is_usable(), "{:?}", run.unusable);
        run
    }

    /// Every process that noted its id has ended.
    #[track_caller]
    pub(crate) fn is_gone(&self) {
        is_gone(&self.path("pids"));
    }
}

#[track_caller]
pub(crate) fn is_gone(pids: &Path) {
    let text = std::fs::read_to_string(pids).expect("it was started");
    let start = Instant::now();
    for pid in text.lines() {
        let pid = Pid::from_raw(pid.parse().expect("a process id"));
        while kill(pid, None) != Err(Errno::ESRCH) {
            assert!(start.elapsed() < Duration::from_secs(10), "process {pid} is left behind");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(crate) fn guardian() -> Vec<OsString> {
    vec![env!("CARGO_BIN_EXE_threeworlds-guardian").into()]
}

pub(crate) fn process(name: &str) -> Process {
    name.parse().expect("a process")
}

/// A plan of two servers and two clients on `lin-kv`.
pub(crate) fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        name: "test".to_owned(),
        servers: 2,
        clients: 2,
        workload: Workload::LinKv,
        roles: Roles::Fixed,
        faulty: Vec::new(),
        within_budget: true,
        steps,
    }
}

/// `s1>s2 c1>s1`: these links.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let link = |link: &str| {
        let (from, to) = link.split_once('>').expect("a link");
        Link { from: process(from), to: process(to) }
    };
    text.split_whitespace().map(link).collect()
}

pub(crate) fn cut(text: &str) -> Step {
    Step::Cut(links(text))
}

/// A client asks these servers, and will be answered.
pub(crate) fn ask(client: &str, servers: &str, request: KvRequest) -> Step {
    ask_within(client, servers, request, 60_000)
}

pub(crate) fn ask_within(
    client: &str,
    servers: &str,
    request: KvRequest,
    deadline_milliseconds: u64,
) -> Step {
    let servers = servers.split_whitespace().map(process).collect();
    Step::Ask(Ask { client: process(client), request, servers, deadline_milliseconds })
}

pub(crate) fn wait_for(clients: &str) -> Step {
    Step::Await(clients.split_whitespace().map(process).collect())
}

pub(crate) fn read() -> KvRequest {
    KvRequest::Read { key: 1.into() }
}

pub(crate) fn write(value: u64) -> KvRequest {
    KvRequest::Write { key: 1.into(), value: value.into() }
}

pub(crate) fn write_once(value: u64) -> KvRequest {
    KvRequest::WriteOnce { key: 1.into(), value: value.into() }
}

/// What the clients were told, in the order of the answers.
pub(crate) fn answers(run: &Run) -> Vec<(String, Option<Json>)> {
    let answer = |what: &What| match what {
        What::Answered { client, answer, .. } => Some((client.to_string(), answer.clone())),
        _ => None,
    };
    whats(run).filter_map(answer).collect()
}

/// How the operations ended, in the order of their ends.
pub(crate) fn outcomes(run: &Run) -> Vec<Outcome> {
    let outcome = |what: &What| match what {
        What::Ended { outcome, .. } => Some(outcome.clone()),
        _ => None,
    };
    whats(run).filter_map(outcome).collect()
}

pub(crate) fn whats(run: &Run) -> impl Iterator<Item = &What> {
    run.journal.events.iter().map(|event| &event.what)
}
