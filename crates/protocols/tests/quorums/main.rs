//! probe
use threeworlds_engine::check;
use threeworlds_model::*;
use threeworlds_protocols::*;

fn ask(
    servers: usize,
    clients: usize,
    rules: &[&str],
    task: Task,
    timing: Timing,
    workload: &str,
) -> Question {
    let question = Question::usual(servers, 0, clients, FaultClass::None, FaultClass::None).unwrap();
    let rules = rules.iter().map(|text| FaultRule::parse(text, &question.system).unwrap()).collect();
    let mut question = question.with_fault_model(FaultModel { rules }).with_task(task);
    question.timing = timing;
    question.rounds = Some(60);
    if !workload.is_empty() {
        question.workload = Workload::parse(workload, task, &question.system).unwrap();
    }
    question
}

fn probe<P: Protocol>(name: &str, make: impl Fn(&System) -> P, question: Question) {
    let start = std::time::Instant::now();
    let report = check(&question, &make(&question.system)).unwrap();
    println!(
        "{name} {:?} {}: safe {:?} live {:?} {:?} {:?} {} states {} transitions {:?}",
        question.timing,
        question.workload.text(),
        report.safe,
        report.live,
        report.property,
        report.worst_case_rounds,
        report.coverage.states,
        report.coverage.transitions,
        start.elapsed()
    );
    println!("   {:?}", report.coverage.stop);
}

#[test]
fn probes() {
    let all = ["1 of servers: omission", "clients: omission"];
    let which = std::env::var("PROBE").unwrap();
    let (ls, ps) = (Timing::LockStep, Timing::PartialSynchrony);
    let wor = Task::WriteOnceRegister;
    for (timing, t) in [("ls", ls), ("ps", ps)] {
        match which.strip_suffix(timing) {
            Some("lc") => probe("lc", LockCommit::new, ask(3, 2, &all, wor, t, "")),
            Some("lcw") => probe("lc", LockCommit::new, ask(3, 2, &all, wor, t, "c1: write; c2: write")),
            Some("lcr") => probe("lc", LockCommit::new, ask(3, 2, &all, wor, t, "c1: write; c2: read")),
            Some("cn") => probe("cn", CommitNotify::new, ask(3, 2, &all, wor, t, "")),
            Some("cnw") => probe("cn", CommitNotify::new, ask(3, 2, &all, wor, t, "c1: write; c2: read")),
            Some("lc2") => probe("lc2", LockCommit::new, ask(2, 2, &all, wor, t, "")),
            Some("cn2") => probe("cn2", CommitNotify::new, ask(2, 2, &all, wor, t, "")),
            Some("ar") => probe("ar", AtomicRegister::new, ask(3, 2, &all, Task::Register, t, "")),
            Some("ar1") => {
                probe("ar", AtomicRegister::new, ask(3, 2, &all, Task::Register, t, "c1: write; c2: read"))
            }
            Some("ar2") => probe("ar2", AtomicRegister::new, ask(2, 2, &all, Task::Register, t, "")),
            Some("kv") => probe(
                "kv",
                |s: &System| ReplicatedStateMachine::new(KeyValueStore, s),
                ask(3, 2, &all, Task::KeyValueStore, t, ""),
            ),
            Some("kv1") => probe(
                "kv",
                |s: &System| ReplicatedStateMachine::new(KeyValueStore, s),
                ask(3, 2, &all, Task::KeyValueStore, t, "c1: write(x,1); c2: read(x)"),
            ),
            Some("kv2") => probe(
                "kv2",
                |s: &System| ReplicatedStateMachine::new(KeyValueStore, s),
                ask(2, 2, &all, Task::KeyValueStore, t, "c1: write(x,1); c2: read(x)"),
            ),
            Some("kvc") => probe(
                "kvc",
                |s: &System| ReplicatedStateMachine::new(KeyValueStore, s),
                ask(
                    3,
                    2,
                    &["1 of servers: crash", "clients: crash"],
                    Task::KeyValueStore,
                    t,
                    "c1: write(x,1); c2: read(x)",
                ),
            ),
            Some("log") => probe(
                "log",
                |s: &System| ReplicatedLog::new(LogMachine, s),
                ask(3, 2, &all, Task::Log, t, "c1: append; c2: append"),
            ),
            _ => {}
        }
    }
}
