//! The monitor of the environment, event by event, against the properties of the tasks as they are worded,
//! judged on whole histories after the fact; and under other names of clients and values, against itself.

#[path = "naive/judge.rs"]
mod judge;

use std::cell::RefCell;
use std::collections::BTreeMap;

use judge::Record;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use threeworlds_model::{
    AlikeClients, ClientEvent, Consistency, Environment, EnvironmentState, EventError, Execution, FaultClass,
    Json, Machine, MachineState, Process, Property, Question, Renamings, Request, Response, Round,
    StateMachine, Symmetry, System, Task, Value, Workload, claim, violation,
};

const CLIENTS: u16 = 3;
const ROUNDS: usize = 7;

/// What a client may do in a round, and what it is told if it is answered.
#[derive(Debug, Clone)]
struct Choice {
    issue: bool,
    answer: bool,
    /// How far the answer is from what one object would say: 0 is the truth, small numbers are near it.
    twist: u16,
    /// What to answer where the twist says to answer anything.
    lie: Vec<u16>,
}

/// Requests by client (0 is a read, others are values) and the choices by round and client.
#[derive(Debug, Clone)]
struct Script {
    requests: Vec<Vec<u16>>,
    rounds: Vec<Vec<Choice>>,
}

fn scripts(most_requests: usize) -> impl Strategy<Value = Script> {
    let clients = usize::from(CLIENTS);
    let choice = (any::<bool>(), any::<bool>(), 0..24u16, prop::collection::vec(1..4u16, 0..4))
        .prop_map(|(issue, answer, twist, lie)| Choice { issue, answer, twist, lie });
    (
        prop::collection::vec(prop::collection::vec(0..3u16, 1..=most_requests), clients),
        prop::collection::vec(prop::collection::vec(choice, clients), ROUNDS),
    )
        .prop_map(|(requests, rounds)| Script { requests, rounds })
}

/// Values 1 and 2 are asked for by many, 3 by nobody.
fn value(number: u16) -> Value {
    Value::new(["?", "A", "B", "Z"][usize::from(number)])
}

fn workload(requests: &[Vec<u16>], task: Task, system: &System) -> Workload {
    let word = |&number: &u16| match (task, number) {
        (Task::KeyValueStore, _) => ["read(x)", "write(x,A)", "cas(x,A,B)"][usize::from(number)].to_owned(),
        (Task::Bank, _) => {
            ["balance(a)", "transfer(a,b,7)", "transfer(b,a,11)"][usize::from(number)].to_owned()
        }
        (_, 0) => "read".to_owned(),
        _ => format!("{}({})", task.update(), value(number)),
    };
    let words = |of: &Vec<u16>| of.iter().map(word).collect::<Vec<_>>().join(", ");
    let parts: Vec<String> =
        (1..).zip(requests).map(|(client, of): (u16, _)| format!("c{client}: {}", words(of))).collect();
    Workload::parse(&parts.join("; "), task, system).unwrap()
}

/// One object that tells the truth, for answers that are often right.
#[derive(Debug)]
struct Object {
    entries: Vec<Value>,
    machine: Option<(Machine, MachineState)>,
}

impl Object {
    fn new(task: Task) -> Object {
        let machine = task.machine().map(|machine| (machine, StateMachine::start(&machine)));
        Object { entries: Vec::new(), machine }
    }

    fn output(&mut self, command: &Json, choice: &Choice) -> Response {
        let (machine, state) = self.machine.take().expect("a state machine");
        let (output, state) = StateMachine::apply(&machine, command, state);
        self.machine = Some((machine, state));
        let lies = ["null", "\"A\"", "\"B\"", "true", "false", "10", "3", "21"];
        Response::Output(match choice.twist {
            23 => {
                Json::parse(lies[choice.lie.iter().map(|&one| usize::from(one)).sum::<usize>() % 8]).unwrap()
            }
            _ => output,
        })
    }

    fn answer(&mut self, task: Task, request: &Request, choice: &Choice) -> Response {
        if let Request::Command { command } = request {
            return self.output(command, choice);
        }
        self.entries.extend(request.value().cloned());
        match task {
            Task::Register => Response::Value(match choice.twist {
                21 => self.entries.first().cloned(),
                22 => choice.lie.first().map(|&number| value(number)),
                23 => request.value().cloned(),
                _ => self.entries.last().cloned(),
            }),
            Task::KeyValueStore | Task::Bank => unreachable!("answered above"),
            Task::WriteOnceRegister => Response::Value(match choice.twist {
                20 => None,
                21 => self.entries.last().cloned(),
                22 => choice.lie.first().map(|&number| value(number)),
                23 => request.value().cloned(),
                _ => self.entries.first().cloned(),
            }),
            Task::Log => {
                let mut entries = self.entries.clone();
                match choice.twist {
                    18 | 19 => drop(entries.pop()),
                    20 => drop((!entries.is_empty()).then(|| entries.remove(0))),
                    21 => entries.extend(request.value().cloned()),
                    22 => entries = choice.lie.iter().map(|&number| value(number)).collect(),
                    23 => entries.reverse(),
                    _ => {}
                }
                Response::Log(entries)
            }
        }
    }
}

fn environment(task: Task, consistency: Consistency, requests: &[Vec<u16>]) -> Environment {
    let system = Question::system(1, usize::from(CLIENTS), false).unwrap();
    Environment::new(system, task, consistency, workload(requests, task, &system))
}

/// An execution that has nothing but requests and responses.
fn execution(task: Task, consistency: Consistency, workload: &Workload) -> Execution {
    let clients = usize::from(CLIENTS);
    let mut question = Question::usual(1, 0, clients, FaultClass::None, FaultClass::None).unwrap();
    question.task = task;
    question.consistency = consistency;
    question.workload = workload.clone();
    Execution::new("", "", question)
}

/// What an explanation says that has not found what it explains.
const UNKNOWING: [&str; 4] = [
    "two responses contradict each other",
    "a response shows what nobody asked for",
    "what was acknowledged is missing",
    "a request is never answered",
];

/// What came of a script.
struct Outcome {
    /// If there was a violation, the properties that were violated in that round.
    violated: Option<Vec<Property>>,
    /// In how many ways clients, and with them values, could be renamed.
    renamings: usize,
}

/// Runs a script through the monitor and through the naive judge.
fn compare(script: &Script, task: Task, consistency: Consistency) -> Result<Outcome, TestCaseError> {
    let environment = environment(task, consistency, &script.requests);
    let system = Question::system(1, usize::from(CLIENTS), false).unwrap();
    let alike = Symmetry { servers: false, clients: AlikeClients::All };
    let renamings = Renamings::new(&system, environment.workload(), alike);
    let mut state = environment.start();
    let mut history: Vec<Record> = Vec::new();
    let mut object = Object::new(task);
    let mut named = None;
    let mut execution = execution(task, consistency, environment.workload());
    for (round, choices) in (1..).zip(&script.rounds) {
        let mut issues = BTreeMap::new();
        for (client, choice) in (1..).map(Process::Client).zip(choices) {
            let next = environment.next_request(&state, client).cloned();
            prop_assert_eq!(
                next.is_none(),
                state.is_outstanding(client)
                    || usize::from(state.issued(client)) == environment.workload().of(client).len()
            );
            if let (true, Some(request)) = (choice.issue, next) {
                issues.insert(client, request.clone());
                history.push(Record { client, request, issued: round, answered: None });
            }
        }
        let mut responses = BTreeMap::new();
        for (client, choice) in (1..).map(Process::Client).zip(choices) {
            let waiting =
                history.iter_mut().find(|record| record.client == client && record.answered.is_none());
            if let (true, Some(record)) = (choice.answer, waiting) {
                let response = object.answer(task, &record.request, choice);
                record.answered = Some((round, response.clone()));
                responses.insert(client, response);
            }
        }
        let mut events: Vec<ClientEvent<'_>> = (1..=CLIENTS)
            .map(Process::Client)
            .map(|client| ClientEvent {
                client,
                issues: issues.contains_key(&client),
                response: responses.get(&client),
            })
            .collect();
        let next = environment.advance(&state, &events).unwrap();
        // Whoever stands first among the events of a round makes no difference.
        events.reverse();
        let reversed = environment.advance(&state, &events).unwrap();
        prop_assert_eq!(reversed.violation(), next.violation());
        if next.violation().is_none() {
            prop_assert_eq!(&reversed, &next);
        }
        // Under other names it is the same, under these names.
        for renaming in renamings.of_clients() {
            let responses: Vec<Option<Response>> = events
                .iter()
                .map(|event| event.response.map(|response| renaming.response(response)))
                .collect();
            let renamed: Vec<ClientEvent<'_>> = events
                .iter()
                .zip(&responses)
                .map(|(event, response)| ClientEvent {
                    client: renaming.process(event.client),
                    issues: event.issues,
                    response: response.as_ref(),
                })
                .collect();
            let before = state.renamed(renaming);
            prop_assert_eq!(&environment.advance(&before, &renamed).unwrap(), &next.renamed(renaming));
            for other in renamings.of_clients() {
                prop_assert_eq!(before.renamed(other), state.renamed(&other.after(renaming)));
            }
        }
        state = next;
        for client in (1..=CLIENTS).map(Process::Client) {
            let waits = history.iter().find(|record| record.client == client && record.answered.is_none());
            prop_assert_eq!(environment.outstanding(&state, client), waits.map(|record| &record.request));
            prop_assert_eq!(state.is_outstanding(client), waits.is_some());
        }
        execution.rounds.push(Round { requests: issues, responses, ..Round::default() });
        prop_assert_eq!(violation(&execution), state.violation());
        if named.is_none() {
            let all = judge::violated(&judge::until(&history, round), task, consistency);
            prop_assert_eq!(
                state.violation(),
                all.first().copied(),
                "round {} of {:?}, which violates {:?}",
                round,
                history,
                all
            );
            if let Some(&property) = all.first() {
                let explanation = claim(&execution, property).explanation;
                let knows = UNKNOWING.iter().all(|words| !explanation.contains(words));
                prop_assert!(knows, "{}, of {:?}", explanation, history);
                named = Some(all);
            }
        } else {
            // The first violation stays, whatever comes after it.
            prop_assert_eq!(state.violation(), named.as_ref().map(|all| all[0]));
        }
    }
    let whole = judge::first_violation(&history, task, consistency, ROUNDS);
    prop_assert_eq!(whole.map(|(_, property)| property), state.violation());
    Ok(Outcome { violated: named, renamings: renamings.of_clients().len() })
}

/// Runs many scripts; each outcome that can be has to come up in one of so many of them.
fn run(task: Task, consistency: Consistency, most_requests: usize, outcomes: &[&[Property]]) {
    const CASES: u32 = 6_000;
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let seen: RefCell<BTreeMap<Vec<Property>, u32>> = RefCell::default();
    let renamed: RefCell<BTreeMap<usize, u32>> = RefCell::default();
    let outcome = TestRunner::new(config).run(&scripts(most_requests), |script| {
        let Outcome { violated, renamings } = compare(&script, task, consistency)?;
        *seen.borrow_mut().entry(violated.unwrap_or_default()).or_default() += 1;
        *renamed.borrow_mut().entry(renamings).or_default() += 1;
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let (seen, renamed) = (seen.into_inner(), renamed.into_inner());
    for ways in [1, 2, 6] {
        let count = renamed.get(&ways).copied().unwrap_or(0);
        assert!(count >= CASES / 1_000, "{ways} ways to rename came up {count} times only: {renamed:?}");
    }
    for &outcome in outcomes {
        let count = seen.get(outcome).copied().unwrap_or(0);
        assert!(count >= CASES / 400, "{outcome:?} came up {count} times only: {seen:?}");
    }
}

use Property::{Agreement, Correctness, Linearizability, Validity};

#[test]
fn the_register_is_judged_as_its_properties_are_worded() {
    let outcomes: &[&[Property]] = &[&[], &[Agreement], &[Validity], &[Correctness], &[Agreement, Validity]];
    run(Task::WriteOnceRegister, Consistency::Properties, 3, outcomes);
}

#[test]
fn the_log_is_judged_as_its_properties_are_worded() {
    let outcomes: &[&[Property]] = &[
        &[],
        &[Agreement],
        &[Validity],
        &[Correctness],
        &[Agreement, Validity],
        &[Agreement, Correctness],
        &[Validity, Correctness],
        &[Agreement, Validity, Correctness],
    ];
    run(Task::Log, Consistency::Properties, 3, outcomes);
}

#[test]
fn the_linearizable_register_is_judged_by_all_orders() {
    run(Task::WriteOnceRegister, Consistency::Linearizable, 2, &[&[], &[Linearizability]]);
}

#[test]
fn the_linearizable_log_is_judged_by_all_orders() {
    run(Task::Log, Consistency::Linearizable, 2, &[&[], &[Linearizability]]);
}

#[test]
fn registers_that_can_be_overwritten_are_judged_by_all_orders() {
    for &consistency in Consistency::ALL {
        run(Task::Register, consistency, 2, &[&[], &[Linearizability]]);
    }
}

#[test]
fn state_machines_are_judged_by_all_orders() {
    for task in [Task::KeyValueStore, Task::Bank] {
        run(task, Consistency::Properties, 2, &[&[], &[Linearizability]]);
    }
}

/// A history as a test writes it: events of one round each, a client with its response, if any; `true`
/// where it issues its next request.
struct Told {
    environment: Environment,
    state: EnvironmentState,
}

impl Told {
    fn new(task: Task, consistency: Consistency, workload: &str) -> Told {
        let system = Question::system(1, usize::from(CLIENTS), false).unwrap();
        let workload = Workload::parse(workload, task, &system).unwrap();
        let environment = Environment::new(system, task, consistency, workload);
        let state = environment.start();
        Told { environment, state }
    }

    fn try_round(
        &mut self,
        events: &[(u16, bool, Option<Response>)],
    ) -> Result<Option<Property>, EventError> {
        let events: Vec<ClientEvent<'_>> = events
            .iter()
            .map(|(client, issues, response)| ClientEvent {
                client: Process::Client(*client),
                issues: *issues,
                response: response.as_ref(),
            })
            .collect();
        self.state = self.environment.advance(&self.state, &events)?;
        Ok(self.state.violation())
    }

    fn round(&mut self, events: &[(u16, bool, Option<Response>)]) -> Option<Property> {
        self.try_round(events).unwrap()
    }
}

fn told(value: &str) -> Option<Response> {
    Some(Response::Value(Some(Value::new(value))))
}

fn bottom() -> Option<Response> {
    Some(Response::Value(None))
}

fn shown(entries: &str) -> Option<Response> {
    Some(Response::Log(entries.split_whitespace().map(Value::new).collect()))
}

const REGISTER: (Task, Consistency) = (Task::WriteOnceRegister, Consistency::Properties);
const LOG: (Task, Consistency) = (Task::Log, Consistency::Properties);

#[test]
fn a_request_of_the_round_of_the_response_did_not_start_after_it() {
    let mut register = Told::new(REGISTER.0, REGISTER.1, "c1: write(A); c2: read, read");
    assert_eq!(register.round(&[(1, true, None)]), None);
    assert_eq!(register.round(&[(1, false, told("A")), (2, true, bottom())]), None);
    assert_eq!(register.round(&[(2, true, bottom())]), Some(Correctness));
    let mut log = Told::new(LOG.0, LOG.1, "c1: append(A); c2: read, read");
    assert_eq!(log.round(&[(1, true, None)]), None);
    assert_eq!(log.round(&[(1, false, shown("A")), (2, true, shown(""))]), None);
    assert_eq!(log.round(&[(2, true, shown(""))]), Some(Correctness));
}

#[test]
fn a_request_of_the_round_of_the_response_may_be_linearized_before_it() {
    for (task, workload, right, missed) in [
        (Task::WriteOnceRegister, "c1: write(A); c2: read, read", told("A"), bottom()),
        (Task::Log, "c1: append(A); c2: read, read", shown("A"), shown("")),
    ] {
        let mut history = Told::new(task, Consistency::Linearizable, workload);
        assert_eq!(history.round(&[(1, true, right), (2, true, missed.clone())]), None);
        assert_eq!(history.round(&[(2, true, missed)]), Some(Linearizability));
    }
}

#[test]
fn linearizability_is_stronger_where_a_request_is_pending() {
    // An earlier read showed the pending append, a later one misses it.
    for (consistency, verdict) in
        [(Consistency::Properties, None), (Consistency::Linearizable, Some(Linearizability))]
    {
        let mut log = Told::new(Task::Log, consistency, "c1: append(A); c2: read; c3: read");
        assert_eq!(log.round(&[(1, true, None), (2, true, shown("A"))]), None);
        assert_eq!(log.round(&[(3, true, shown(""))]), verdict);
        let mut register =
            Told::new(Task::WriteOnceRegister, consistency, "c1: write(A); c2: read; c3: read");
        assert_eq!(register.round(&[(1, true, None), (2, true, told("A"))]), None);
        assert_eq!(register.round(&[(3, true, bottom())]), verdict);
    }
}

#[test]
fn a_value_is_valid_from_the_round_in_which_it_is_asked_for() {
    let workload = "c1: write(A); c2: read";
    let mut early = Told::new(REGISTER.0, REGISTER.1, workload);
    assert_eq!(early.round(&[(2, true, told("A"))]), Some(Validity));
    let mut same_round = Told::new(REGISTER.0, REGISTER.1, workload);
    assert_eq!(same_round.round(&[(1, true, None), (2, true, told("A"))]), None);
}

#[test]
fn two_entries_need_two_appends() {
    let workload = "c1: append(A); c2: append(A)";
    let mut one = Told::new(LOG.0, LOG.1, workload);
    assert_eq!(one.round(&[(1, true, shown("A A"))]), Some(Validity));
    let mut two = Told::new(LOG.0, LOG.1, workload);
    assert_eq!(two.round(&[(1, true, shown("A A")), (2, true, shown("A"))]), None);
}

#[test]
fn of_properties_violated_in_one_round_the_first_in_order_is_named() {
    let workload = "c1: write(A); c2: write(B); c3: read";
    let mut register = Told::new(REGISTER.0, REGISTER.1, workload);
    let all = [(1, true, bottom()), (2, true, told("Z")), (3, true, told("B"))];
    assert_eq!(register.round(&all), Some(Agreement));
    let mut register = Told::new(REGISTER.0, REGISTER.1, workload);
    assert_eq!(register.round(&[(1, true, bottom()), (2, true, told("Z"))]), Some(Validity));
    let mut register = Told::new(REGISTER.0, REGISTER.1, workload);
    assert_eq!(register.round(&[(1, true, bottom()), (2, true, told("B"))]), Some(Correctness));
}

#[test]
fn the_earliest_round_is_named_and_nothing_is_judged_after_it() {
    let mut register = Told::new(REGISTER.0, REGISTER.1, "c1: write(A); c2: write(B); c3: read");
    assert_eq!(register.round(&[(1, true, bottom())]), Some(Correctness));
    assert_eq!(register.round(&[(2, true, told("Z")), (3, true, told("B"))]), Some(Correctness));
    // States that differ only in what was answered after a violation are one.
    let run = |after: [Option<Response>; 2]| {
        let mut register = Told::new(REGISTER.0, REGISTER.1, "c1: write(A); c2: write(B); c3: read");
        register.round(&[(1, true, bottom()), (2, true, None), (3, true, None)]);
        let [two, three] = after;
        register.round(&[(2, false, two), (3, false, three)]);
        register.state
    };
    assert_eq!(run([told("A"), bottom()]), run([told("B"), told("Z")]));
}

#[test]
fn requests_that_are_not_the_workloads_cannot_be() {
    let system = Question::system(1, usize::from(CLIENTS), false).unwrap();
    let workload = Workload::parse("c1: write(A)", REGISTER.0, &system).unwrap();
    let mut wrong = execution(REGISTER.0, REGISTER.1, &workload);
    let mut round = Round::default();
    round.requests.insert(Process::Client(1), Request::Write { value: Value::new("A") });
    round.responses.insert(Process::Client(1), Response::Value(None));
    wrong.rounds = vec![round];
    assert_eq!(violation(&wrong), Some(Correctness));
    wrong.rounds[0].requests.insert(Process::Client(1), Request::Read {});
    assert_eq!(violation(&wrong), None);
}

#[test]
fn a_response_needs_a_request() {
    let nothing = |client| EventError::NothingOutstanding {
        client: Process::Client(client),
        response: Response::Value(None),
    };
    let mut register = Told::new(REGISTER.0, REGISTER.1, "c1: read; c2: read");
    assert_eq!(register.try_round(&[(1, true, None), (2, false, bottom())]), Err(nothing(2)));
    // What could not be leaves no trace: the request of c1 can still be issued.
    assert_eq!(register.round(&[(1, true, bottom())]), None);
    assert_eq!(register.try_round(&[(1, false, bottom())]), Err(nothing(1)));
    let text = nothing(1).to_string();
    assert!(text.contains("c1") && text.contains("without an outstanding request"), "{text}");
}

#[test]
fn a_response_has_the_form_of_the_task() {
    for (task, consistency) in
        Task::ALL.iter().flat_map(|&task| Consistency::ALL.iter().map(move |&c| (task, c)))
    {
        let wrong = match task {
            Task::WriteOnceRegister | Task::Register => shown("A").unwrap(),
            Task::Log => Response::Output(Json::null()),
            Task::KeyValueStore | Task::Bank => bottom().unwrap(),
        };
        let workload = match task {
            Task::KeyValueStore => "c1: read(x)",
            Task::Bank => "c1: balance(a)",
            _ => "c1: read",
        };
        let mut history = Told::new(task, consistency, workload);
        let error = history.try_round(&[(1, true, Some(wrong.clone()))]).unwrap_err();
        assert_eq!(error, EventError::WrongResponse { client: Process::Client(1), response: wrong, task });
        assert!(error.to_string().contains(task.name()), "{error}");
    }
}

#[test]
fn a_client_issues_one_request_at_a_time_and_no_more_than_it_has() {
    let why = |result: Result<Option<Property>, EventError>| match result {
        Err(EventError::CannotIssue { client: Process::Client(1), why }) => why,
        other => panic!("{other:?}"),
    };
    let mut register = Told::new(REGISTER.0, REGISTER.1, "c1: write(A), read");
    assert_eq!(register.round(&[(1, true, None)]), None);
    assert_eq!(why(register.try_round(&[(1, true, told("A"))])), "one is outstanding");
    assert_eq!(register.round(&[(1, false, told("A"))]), None);
    assert_eq!(register.round(&[(1, true, told("A"))]), None);
    assert_eq!(why(register.try_round(&[(1, true, None)])), "its workload is at its end");
    // Errors are errors after a violation too.
    let mut register = Told::new(REGISTER.0, REGISTER.1, "c1: write(A)");
    assert_eq!(register.round(&[(1, true, bottom())]), Some(Correctness));
    assert_eq!(why(register.try_round(&[(1, true, None)])), "its workload is at its end");
    assert!(register.try_round(&[(1, false, bottom())]).is_err());
}
