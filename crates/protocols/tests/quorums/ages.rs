//! The promise of `Protocol::ages_of_state`: how far apart ages are makes no difference but to the ages.

use threeworlds_engine::{Judgement, Stop, StopReason, check};
use threeworlds_model::{
    FaultClass, Local, Machine, Process, Protocol, Question, Request, Response, Snapshot, Step, System, Task,
    Workload, least_ages,
};
use threeworlds_protocols::{CommitNotify, LockCommit, ReplicatedStateMachine};

/// A generator of numbers, the same in every run (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

type Global<P> = Snapshot<<P as Protocol>::State, <P as Protocol>::Message>;

/// One round of every process, with these messages lost and these requests issued; and the responses.
fn round<P: Protocol>(
    protocol: &P,
    system: &System,
    now: &Global<P>,
    lost: &dyn Fn(Process, Process) -> bool,
    requests: &dyn Fn(Process) -> Option<Request>,
) -> (Global<P>, Vec<Option<Response>>) {
    let mut next = now.clone();
    let mut responses = Vec::new();
    for (index, me) in system.processes().enumerate() {
        let mut received = Vec::new();
        for (from, local) in system.processes().zip(&now.locals) {
            for (to, message) in local.iter().flat_map(|local| &local.send) {
                if *to == me && !lost(from, me) {
                    received.push((from, message.clone()));
                }
            }
        }
        let local = now.locals[index].as_ref().unwrap();
        let Step { state, send, response } =
            protocol.step(me, &local.state, requests(me).as_ref(), &received);
        next.locals[index] = Some(Local { state, send });
        responses.push(response);
    }
    (next, responses)
}

/// Runs in which most messages are lost, so that locks grow old, from each state and from the one with the
/// least ages: what comes of both has to have the same least ages. The largest age met.
fn compare<P: Protocol>(make: impl Fn(&System) -> P, task: Task, seeds: u64) -> u32 {
    let mut oldest = 0;
    for seed in 1..=seeds {
        let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let question = Question::usual(3, 1, 2, FaultClass::Omission, FaultClass::Omission).unwrap();
        let question = question.with_task(task);
        let system = question.system;
        let protocol = make(&system);
        let starts = system.processes().map(|process| {
            let step = protocol.start(process, &system);
            Some(Local { state: step.state, send: step.send })
        });
        let mut now: Global<P> =
            Snapshot { locals: starts.collect(), environment: question.environment().start() };
        for number in 0..60 {
            let kept = 1 + numbers.below(8);
            let table: Vec<bool> = (0..25).map(|_| numbers.below(8) >= kept).collect();
            let lost = |from: Process, to: Process| table[5 * system.index(from) + system.index(to)];
            let requests = |process: Process| {
                (number == 0 && process.is_client()).then(|| question.workload.of(process)[0].clone())
            };
            let least = least_ages(&&protocol, &now);
            let (after, told) = round(&protocol, &system, &now, &lost, &requests);
            let (after_least, told_least) = round(&protocol, &system, &least, &lost, &requests);
            assert_eq!(told, told_least, "seed {seed}, round {number}");
            assert_eq!(
                least_ages(&&protocol, &after),
                least_ages(&&protocol, &after_least),
                "seed {seed}, round {number}"
            );
            now = after;
            for local in now.locals.iter().flatten() {
                protocol.ages_of_state(&mut local.state.clone(), &mut |age| oldest = oldest.max(*age));
            }
        }
    }
    oldest
}

#[test]
fn how_far_apart_ages_are_makes_no_difference() {
    assert!(compare(LockCommit::new, Task::WriteOnceRegister, 400) > 5);
    assert!(compare(CommitNotify::new, Task::WriteOnceRegister, 400) > 5);
    let replicated = |system: &System| ReplicatedStateMachine::new(Machine::KeyValueStore, system);
    assert!(compare(replicated, Task::KeyValueStore, 400) > 5);
}

/// A protocol that does not say what its ages are.
struct Silent<P>(P);

impl<P: Protocol> Protocol for Silent<P> {
    type State = P::State;
    type Message = P::Message;

    fn start(&self, me: Process, system: &System) -> Step<P::State, P::Message> {
        self.0.start(me, system)
    }

    fn step(
        &self,
        me: Process,
        state: &P::State,
        request: Option<&Request>,
        received: &[(Process, P::Message)],
    ) -> Step<P::State, P::Message> {
        self.0.step(me, state, request, received)
    }
}

/// In lock-step ages come to an end by themselves, and the verdicts are the same with every age told apart.
/// With half of the servers crashed they do not: told apart, the states never come to an end.
#[test]
fn telling_all_ages_apart_changes_no_verdict() {
    let of = |servers, clients, workload| {
        let question = Question::usual(servers, 1, clients, FaultClass::Crash, FaultClass::Crash).unwrap();
        let workload = Workload::parse(workload, question.task, &question.system).unwrap();
        Question { workload, ..question }
    };
    let question = of(3, 2, "c1: write; c2: read");
    let merged = check(&question, &LockCommit::new(&question.system)).unwrap();
    let apart = check(&question, &Silent(LockCommit::new(&question.system))).unwrap();
    assert_eq!((merged.coverage.stop, apart.coverage.stop), (Stop::Closed, Stop::Closed));
    assert_eq!(merged.worst_case_rounds, apart.worst_case_rounds);
    assert_eq!((merged.safe, merged.live), (apart.safe, apart.live));
    assert!(merged.coverage.states <= apart.coverage.states);

    let bounded = Question { rounds: Some(20), ..of(2, 1, "write") };
    let merged = check(&bounded, &LockCommit::new(&bounded.system)).unwrap();
    let apart = check(&bounded, &Silent(LockCommit::new(&bounded.system))).unwrap();
    assert_eq!((merged.coverage.stop, apart.coverage.stop), (Stop::Closed, Stop::Cut(StopReason::Rounds)));
    assert_eq!((merged.live, apart.live), (Judgement::Fails, Judgement::Fails));
    assert_ne!(apart.safe, Judgement::Fails);
}
