//! Random small protocols, judged by the engine and by the naive twin: verdicts, the counterexamples'
//! rounds, removed messages and faulty processes, and the worst case have to be the same.

mod ages;
mod modes;
mod naive;
mod static_cuts;
mod symmetry;

use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;
use threeworlds_engine::{Judgement, Resources, Stop, check, count};
use threeworlds_model::{
    AnyProtocol, Consistency, CrashDelivery, FaultModel, FaultRule, Json, Process, Protocol, Question,
    Request, Response, Step, System, Task, Timing, Value, Workload,
};

/// A protocol whose transition table is drawn from a seed, entry by entry as it is needed.
#[derive(Debug, Clone, Copy)]
struct RandomTable {
    seed: u64,
    task: Task,
    /// States that servers and clients have.
    states: u64,
    /// One in so many chances that a message is sent; and that a client answers at all.
    sparse: u64,
    patience: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    system: System,
    number: u64,
    /// The kind of the outstanding request.
    pending: Option<&'static str>,
}

impl RandomTable {
    fn draw(&self, what: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, what).hash(&mut hasher);
        hasher.finish()
    }

    fn send(&self, me: Process, state: &State) -> Vec<(Process, u64)> {
        let system = &state.system;
        let linked = system.processes().filter(|&to| system.linked(me, to));
        let drawn = |to: Process| {
            let draw = self.draw(("send", me, state.number, state.pending, to));
            draw.is_multiple_of(self.sparse).then_some((to, draw / self.sparse % 2))
        };
        let mut send: Vec<_> = linked.filter_map(drawn).collect();
        if self.draw(("order", me)).is_multiple_of(2) {
            send.reverse();
        }
        send
    }

    fn response(&self, draw: u64) -> Response {
        let value = |number: u64| Value::new(format!("C{}", number + 1));
        match self.task {
            Task::WriteOnceRegister => {
                Response::Value((!draw.is_multiple_of(4)).then(|| value(draw % 4 / 2)))
            }
            Task::Register => Response::Value((!draw.is_multiple_of(4)).then(|| value(draw % 4 / 2))),
            Task::KeyValueStore => {
                let outputs = ["null", "null", "\"C1\"", "\"C2\""];
                Response::Output(Json::parse(outputs[(draw % 4) as usize]).unwrap())
            }
            Task::Bank => {
                let outputs = ["true", "false", "10", "0"];
                Response::Output(Json::parse(outputs[(draw % 4) as usize]).unwrap())
            }
            Task::Log => Response::Log(match draw % 6 {
                0 => Vec::new(),
                1 => vec![value(0)],
                2 => vec![value(1)],
                3 => vec![value(0), value(1)],
                4 => vec![value(1), value(0)],
                _ => vec![value(0), value(0)],
            }),
        }
    }
}

impl Protocol for RandomTable {
    type State = State;
    type Message = u64;

    fn start(&self, me: Process, system: &System) -> Step<State, u64> {
        let state = State { system: *system, number: 0, pending: None };
        Step { send: self.send(me, &state), state, response: None }
    }

    fn step(
        &self,
        me: Process,
        state: &State,
        request: Option<&Request>,
        received: &[(Process, u64)],
    ) -> Step<State, u64> {
        let draw = self.draw(("step", me, state.number, state.pending, request, received));
        let mut pending = request.map(Request::kind).or(state.pending);
        let mut response = None;
        if pending.is_some() && (draw / self.states).is_multiple_of(self.patience) {
            pending = None;
            response = Some(self.response(draw / self.states / self.patience));
        }
        let next = State { system: state.system, number: draw % self.states, pending };
        Step { send: self.send(me, &next), state: next, response }
    }
}

/// One random case: the question as the command line would give it, and the table's parameters.
#[derive(Debug, Clone)]
struct Case {
    servers: usize,
    clients: usize,
    client_links: bool,
    rules: Vec<String>,
    timing: Timing,
    crash_delivery: CrashDelivery,
    task: Task,
    consistency: Consistency,
    requests: Vec<usize>,
    table: (u64, u64, u64, u64),
}

impl Case {
    fn question(&self) -> Question {
        let system = Question::system(self.servers, self.clients, self.client_links).unwrap();
        let update = self.task.update();
        let lists = match self.task {
            Task::KeyValueStore => {
                ["none", "write(x,C1)", "read(x)", "write(x,C2), read(x)", "cas(x,null,C1), read(x)"]
                    .map(str::to_owned)
            }
            Task::Bank => [
                "none",
                "transfer(a,b,10)",
                "balance(a)",
                "transfer(a,b,10), balance(a)",
                "transfer(b,a,10), balance(b)",
            ]
            .map(str::to_owned),
            _ => [
                "none".to_owned(),
                update.to_owned(),
                "read".to_owned(),
                format!("{update}, read"),
                format!("{update}(C1), read"),
            ],
        };
        let parts: Vec<String> = (1..=self.clients)
            .map(|client| format!("c{client}: {}", lists[self.requests[client - 1] % lists.len()]))
            .collect();
        let rules = self.rules.iter().map(|rule| FaultRule::parse(rule, &system).unwrap()).collect();
        let mut question = Question::usual(
            self.servers,
            0,
            self.clients,
            threeworlds_model::FaultClass::None,
            threeworlds_model::FaultClass::None,
        )
        .unwrap();
        question.system = system;
        question.task = self.task;
        question.timing = self.timing;
        question.crash_delivery = self.crash_delivery;
        question.consistency = self.consistency;
        question.workload = Workload::parse(&parts.join("; "), self.task, &system).unwrap();
        question.with_fault_model(FaultModel { rules })
    }

    fn protocol(&self) -> RandomTable {
        let (seed, states, sparse, patience) = self.table;
        RandomTable { seed, task: self.task, states, sparse, patience }
    }
}

fn class() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "none",
        "crash",
        "crash",
        "send-omission",
        "receive-omission",
        "send-or-receive-omission",
        "omission",
        "omission",
    ])
}

fn cases() -> impl Strategy<Value = Case> {
    let rules = (class(), class(), 0usize..4, class()).prop_map(|(servers, clients, extra, mixed)| {
        let count = |class: &str, who: &str| match class {
            "none" => format!("{who}: none"),
            _ => format!("1 of {who}: {class}"),
        };
        match extra {
            0 if mixed != "none" => vec![count(servers, "servers"), format!("1 of s1: {mixed}")],
            1 if mixed != "none" => vec![format!("any of c1: {mixed}"), count(servers, "servers")],
            _ => vec![count(servers, "servers"), count(clients, "clients")],
        }
    });
    let sizes = prop::sample::select(vec![(1usize, 1usize), (2, 1), (1, 2), (2, 2), (2, 2)]);
    (
        sizes,
        prop::bool::weighted(0.2),
        rules,
        prop::sample::select(vec![Timing::LockStep, Timing::LockStep, Timing::PartialSynchrony]),
        prop::sample::select(vec![CrashDelivery::AnySubset, CrashDelivery::Prefix]),
        prop::sample::select(vec![
            Task::WriteOnceRegister,
            Task::WriteOnceRegister,
            Task::Log,
            Task::Log,
            Task::Register,
            Task::KeyValueStore,
            Task::Bank,
        ]),
        prop::sample::select(vec![Consistency::Properties, Consistency::Linearizable]),
        prop::collection::vec(0usize..5, 2),
        (any::<u64>(), 1u64..4, 1u64..4, 1u64..4),
    )
        .prop_map(
            |(
                (servers, clients),
                client_links,
                rules,
                timing,
                crash_delivery,
                task,
                consistency,
                requests,
                table,
            )| {
                Case {
                    servers,
                    clients,
                    client_links,
                    rules,
                    timing,
                    crash_delivery,
                    task,
                    consistency,
                    requests,
                    table,
                }
            },
        )
}

/// How many cases; `PROPTEST_CASES` asks for more.
fn cases_wanted() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(250)
}

type Measures = Option<(usize, u32, usize)>;

/// Judges one case both ways; `None` if it is too large for the naive twin.
fn compare(case: &Case) -> Result<Option<(Measures, Measures)>, TestCaseError> {
    let question = case.question();
    let Some(slow) = naive::check(&question, &case.protocol(), 30_000) else { return Ok(None) };
    let report = check(&question, &case.protocol()).expect("a table keeps the rules");
    prop_assert_eq!(report.coverage.stop, Stop::Closed);
    let measures = |execution: &threeworlds_model::Execution| {
        (execution.rounds.len(), execution.removed() as u32, execution.faulty.len())
    };
    prop_assert_eq!(report.safety_counterexample.as_ref().map(measures), slow.unsafe_after);
    prop_assert_eq!(report.liveness_counterexample.as_ref().map(measures), slow.lasso);
    prop_assert_eq!(report.safe == Judgement::Fails, slow.unsafe_after.is_some());
    prop_assert_eq!(report.live == Judgement::Fails, slow.lasso.is_some());
    prop_assert_eq!(&report.worst_case_rounds, &slow.worst_case_rounds);
    prop_assert_eq!(report.coverage.states, slow.states);
    let counted =
        count(&question, naive::ROUNDS, &case.protocol(), Resources::default(), None).unwrap().unwrap();
    prop_assert_eq!(counted.states, slow.by_round);
    // However it goes about it, it says the same.
    let mode = modes::MODES[(case.table.0 % modes::MODES.len() as u64) as usize];
    let protocol = case.protocol();
    let again = mode.check(&question, &AnyProtocol::new(protocol)).expect("a table keeps the rules");
    prop_assert_eq!(modes::said(&again), modes::said(&report), "{:?}", mode);
    Ok(Some((slow.unsafe_after, slow.lasso)))
}

/// The comparison over many cases, and that they were worth comparing: no verdict is rare among them.
#[test]
fn engine_and_naive_twin_agree() {
    let config = ProptestConfig {
        max_global_rejects: 100_000,
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases_wanted())
    };
    let outcomes = std::cell::RefCell::new(Vec::new());
    let run = proptest::test_runner::TestRunner::new(config).run(&cases(), |case| {
        let outcome = compare(&case)?;
        prop_assume!(outcome.is_some(), "too large for the naive twin");
        outcomes.borrow_mut().extend(outcome);
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
    let outcomes = outcomes.into_inner();
    let often = |is: &dyn Fn(&(Measures, Measures)) -> bool| {
        outcomes.iter().filter(|outcome| is(outcome)).count() * 20 > outcomes.len()
    };
    assert!(often(&|(safety, _)| safety.is_some()), "too few unsafe ones among {}", outcomes.len());
    assert!(often(&|(safety, _)| safety.is_none()), "too few safe ones");
    assert!(often(&|(_, lasso)| lasso.is_some()), "too few that are not live");
    assert!(often(&|(_, lasso)| lasso.is_none()), "too few live ones");
    assert!(
        often(&|(safety, _)| safety.is_some_and(|(_, removed, _)| removed > 0)),
        "too few that need losses"
    );
    assert!(
        often(&|(_, lasso)| lasso.is_some_and(|(_, removed, _)| removed > 0)),
        "too few lassos with losses"
    );
}
