//! The step programs in `examples/` are the built-in protocols in another language: in every local situation
//! of some thousand random rounds they send the same, answer the same, and their states and messages are in
//! one-to-one correspondence with the built-in's, so exploring one or the other finds as many states.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::hash::Hash;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};
use threeworlds_model::{Process, Protocol, Question, Request, Response, Step, System, Value};
use threeworlds_protocols::{BuiltIn, Majority, PrimaryBackup, Unreplicated};

/// A step program that runs.
struct Program {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    calls: u64,
}

impl Program {
    fn start(command: &str, file: &str) -> Program {
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../examples", file].iter().collect();
        let mut child = Command::new(command)
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("this test needs `{command}` on the PATH to run {file}: {error}"));
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Program { child, stdin, stdout, calls: 0 }
    }

    /// Sends these at once and waits for the answers, which come in the same order.
    fn ask(&mut self, calls: Vec<Json>) -> Vec<Json> {
        let count = calls.len();
        let mut lines = String::new();
        for (id, mut call) in (self.calls..).zip(calls) {
            call["id"] = json!(id);
            lines += &format!("{call}\n");
        }
        self.stdin.write_all(lines.as_bytes()).unwrap();
        self.stdin.flush().unwrap();
        let answers = (0..count as u64).map(|offset| {
            let mut line = String::new();
            self.stdout.read_line(&mut line).unwrap();
            let answer: Json =
                serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in `{line}`"));
            assert_eq!(answer["id"], json!(self.calls + offset), "answers come in order");
            answer
        });
        let answers = answers.collect();
        self.calls += count as u64;
        answers
    }

    /// It ends of itself when there is nothing more to read.
    fn end(self) {
        let Program { mut child, stdin, .. } = self;
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }
}

/// Pairs of which neither side ever occurs with another partner.
struct OneToOne<T> {
    forth: HashMap<T, Json>,
    back: BTreeMap<String, T>,
}

impl<T: Clone + Eq + Hash + Debug> OneToOne<T> {
    fn new() -> Self {
        OneToOne { forth: HashMap::new(), back: BTreeMap::new() }
    }

    fn pair(&mut self, ours: &T, theirs: &Json) {
        let partner = self.forth.entry(ours.clone()).or_insert_with(|| theirs.clone());
        assert_eq!(partner, theirs, "two for {ours:?}");
        // The keys of a JSON object print in their order, so equal values have equal texts.
        let partner = self.back.entry(theirs.to_string()).or_insert_with(|| ours.clone());
        assert_eq!(partner, ours, "two for {theirs}");
    }
}

/// Numbers that look random and are the same in every run (xorshift64).
struct Chance(u64);

impl Chance {
    fn one_in(&mut self, many: u64) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32).is_multiple_of(many)
    }
}

/// Both implementations side by side through random rounds.
struct Comparison<'a, P: Protocol> {
    protocol: &'a P,
    system: System,
    program: Program,
    states: OneToOne<(Process, P::State)>,
    messages: OneToOne<P::Message>,
}

impl<P: Protocol> Comparison<'_, P> {
    fn run(mut self, runs: usize, rounds: usize) {
        let mut chance = Chance(0x3_0415_9265);
        for _ in 0..runs {
            // From a network that loses nothing to one that loses every other message.
            for loss in [u64::MAX, 20, 5, 2] {
                self.one_run(&mut chance, loss, rounds);
            }
        }
        self.program.end();
    }

    fn one_run(&mut self, chance: &mut Chance, loss: u64, rounds: usize) {
        let system = self.system;
        let names = |processes: Vec<Process>| processes.iter().map(Process::to_string).collect::<Vec<_>>();
        let start = |process: Process| {
            json!({"start": {"process": process, "servers": names(system.server_ids().collect()),
                             "clients": names(system.client_ids().collect()), "faults": system.faults}})
        };
        let answers = self.program.ask(system.processes().map(start).collect());
        let mut locals = Vec::new();
        for (process, answer) in system.processes().zip(answers) {
            let step = self.protocol.start(process, &system);
            self.compare(process, &step, &answer);
            locals.push(step);
        }
        let mut issued = vec![0; system.size()];
        let mut outstanding = vec![false; system.size()];
        for _ in 0..rounds {
            let mut calls = Vec::new();
            let mut inputs = Vec::new();
            for me in system.processes() {
                let index = system.index(me);
                let mut received = Vec::new();
                for (from, local) in system.processes().zip(&locals) {
                    let sent = local.send.iter().find(|(to, _)| *to == me);
                    if let Some((_, message)) = sent.filter(|_| !chance.one_in(loss)) {
                        received.push((from, message.clone()));
                    }
                }
                let mut request = None;
                if me.is_client() && !outstanding[index] && chance.one_in(3) {
                    outstanding[index] = true;
                    issued[index] += 1;
                    let value = Value::new(format!("C{}.{}", me.number(), issued[index]));
                    let is_read = chance.one_in(2);
                    request = Some(if is_read { Request::Read {} } else { Request::Write { value } });
                }
                let state = &self.states.forth[&(me, locals[index].state.clone())][1];
                let message = |(from, message): &(Process, P::Message)| json!({"from": from, "message": self.messages.forth[message]});
                let inbox: Vec<Json> = received.iter().map(message).collect();
                calls.push(json!({"step": {"process": me, "state": state, "request": request,
                                           "received": inbox}}));
                inputs.push((me, request, received));
            }
            let answers = self.program.ask(calls);
            for ((me, request, received), answer) in inputs.into_iter().zip(answers) {
                let index = system.index(me);
                let step = self.protocol.step(me, &locals[index].state, request.as_ref(), &received);
                self.compare(me, &step, &answer);
                outstanding[index] &= step.response.is_none();
                locals[index] = step;
            }
        }
    }

    /// Panics unless the step and the answer are the same but for how states and messages are written.
    fn compare(&mut self, process: Process, step: &Step<P::State, P::Message>, answer: &Json) {
        self.states.pair(&(process, step.state.clone()), &json!([process, answer["state"]]));
        let send = answer["send"].as_array().unwrap();
        let recipients = |(to, _): &(Process, P::Message)| json!(to);
        assert_eq!(
            step.send.iter().map(recipients).collect::<Vec<_>>(),
            send.iter().map(|one| one["to"].clone()).collect::<Vec<_>>(),
            "{process} at {:?} sends to others than {answer}",
            step.state
        );
        for ((_, ours), theirs) in step.send.iter().zip(send) {
            self.messages.pair(ours, &theirs["message"]);
        }
        let response: Option<Response> = serde_json::from_value(answer["response"].clone()).unwrap();
        assert_eq!(step.response, response, "{process} at {:?} answers otherwise", step.state);
    }
}

fn compare<P: Protocol>(protocol: &P, system: System, command: &str, file: &str) {
    let program = Program::start(command, file);
    let (states, messages) = (OneToOne::new(), OneToOne::new());
    Comparison { protocol, system, program, states, messages }.run(25, 40);
}

fn system(servers: usize, faults: u16) -> System {
    System { faults, ..Question::system(servers, 2, false).unwrap() }
}

#[test]
fn primary_backup_in_python() {
    let system = system(2, 1);
    compare(&PrimaryBackup::new(&system).unwrap(), system, "python3", "python/primary_backup.py");
}

#[test]
fn primary_backup_in_javascript() {
    let system = system(2, 1);
    compare(&PrimaryBackup::new(&system).unwrap(), system, "node", "javascript/primary_backup.js");
}

#[test]
fn majority_in_python() {
    for (servers, faults) in [(2, 1), (3, 1), (4, 2)] {
        let system = system(servers, faults);
        compare(&Majority::new(&system), system, "python3", "python/majority.py");
    }
}

#[test]
fn template_in_python() {
    for servers in [1, 2] {
        compare(&Unreplicated, system(servers, 0), "python3", "python/template.py");
    }
}

#[test]
fn each_built_in_has_its_name() {
    for description in threeworlds_protocols::all() {
        assert_eq!(description.name.parse(), Ok(description.built_in));
        assert_eq!(description.built_in.to_string(), description.name);
    }
    let error = BuiltIn::parse("paxos").unwrap_err().to_string();
    for name in ["unreplicated", "primary-backup", "majority"] {
        assert!(error.contains(name), "{error}");
    }
    let three = system(3, 1);
    let error = BuiltIn::PrimaryBackup.suits(&three).unwrap_err().to_string();
    assert!(error.contains("exactly 2 servers"), "{error}");
}
