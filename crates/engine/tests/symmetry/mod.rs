//! Random protocols that treat their servers alike, or clients, or both: with symmetry they are judged as without and
//! as by the naive twin, and what is explored are as many states as there are when those are counted once that
//! renamings make of each other. And protocols that say so and do not: they are found out.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use threeworlds_engine::{
    CheckError, ExploreError, Judgement, Names, Quiet, Report, Resources, Stop, Symmetric, check,
    check_within,
};
use threeworlds_model::{
    AlikeClients, AnyProtocol, Assignment, CrashDelivery, Process, Protocol, Question, Renaming, Request,
    Response, Step, StepError, Symmetry, System, Task, Timing, Value as Written,
};

use super::{Case, Measures, RandomTable, cases, cases_wanted, modes, naive};

/// A protocol drawn from a seed in which processes know each other and values, and no names matter but those that
/// its declaration leaves out.
#[derive(Debug, Clone)]
struct Equals {
    table: RandomTable,
    symmetry: Symmetry,
    /// For each client a number that is the same for those that are alike.
    kinds: Vec<u16>,
    lie: Option<Lie>,
}

/// What makes the declaration wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// This process starts elsewhere.
    Start(Process),
    /// It goes elsewhere when it hears something.
    Step(Process),
    /// It sends something else when it has a friend.
    Send(Process),
    /// It answers with another value.
    Answer(Process),
    /// States are renamed in part: friends are not, or values.
    RenameState,
    RenameValue,
    /// The same of messages.
    RenameMessage,
    RenameMessageValue,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    system: System,
    number: u64,
    pending: Option<&'static str>,
    /// A process that it remembers.
    friend: Option<Process>,
    /// A value that it remembers.
    value: Option<Written>,
}

/// A number, and perhaps the name of a process, and a value.
type Message = (u64, Option<Process>, Option<Written>);

/// What a process is to another one, whatever it is called, if that does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Relation {
    Nobody,
    Me,
    Friend,
    Sender,
    Client(u16),
    Server(u16),
}

/// What a value is to who remembers one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Worth {
    Nothing,
    Mine,
    Another,
    This(Written),
}

impl Equals {
    fn new(case: &Case, symmetry: Symmetry, lie: Option<Lie>) -> Equals {
        let workload = case.question().workload;
        let clients = u16::try_from(case.clients).unwrap();
        let of = |client: u16| workload.of(Process::Client(client));
        let reads = |client| of(client).iter().all(|request| *request == Request::Read {});
        let kind = |client: u16| match symmetry.clients {
            AlikeClients::None => client,
            AlikeClients::Readers => {
                if reads(client) {
                    0
                } else {
                    client
                }
            }
            AlikeClients::SameRequests => (1..=client).find(|&other| of(other) == of(client)).unwrap(),
            AlikeClients::All => 0,
        };
        Equals { table: case.protocol(), symmetry, kinds: (1..=clients).map(kind).collect(), lie }
    }

    /// Who somebody is, if there is nothing else to say of it.
    fn role(&self, who: Process) -> Relation {
        match who {
            Process::Server(_) if self.symmetry.servers => Relation::Server(0),
            Process::Server(number) => Relation::Server(number),
            Process::Client(number) => Relation::Client(self.kinds[usize::from(number) - 1]),
        }
    }

    fn relation(
        &self,
        me: Process,
        friend: Option<Process>,
        sender: Process,
        who: Option<Process>,
    ) -> Relation {
        match who {
            None => Relation::Nobody,
            Some(who) if who == me => Relation::Me,
            Some(who) if Some(who) == friend => Relation::Friend,
            Some(who) if who == sender => Relation::Sender,
            Some(who) => self.role(who),
        }
    }

    fn worth(&self, mine: Option<&Written>, value: Option<&Written>) -> Worth {
        match value {
            None => Worth::Nothing,
            Some(value) if self.symmetry.clients != AlikeClients::All => Worth::This(value.clone()),
            Some(_) if mine == value => Worth::Mine,
            Some(_) => Worth::Another,
        }
    }

    fn send(&self, me: Process, state: &State) -> Vec<(Process, Message)> {
        let State { system, number, pending, friend, value } = state;
        let (role, mine) = (self.role(me), self.worth(value.as_ref(), value.as_ref()));
        let drawn = |to: Process| {
            let whom = self.relation(me, *friend, me, Some(to));
            let mut draw = self.table.draw(("send", role, number, pending, friend.is_some(), &mine, whom));
            if self.lie == Some(Lie::Send(me)) && friend.is_some() {
                draw = draw.wrapping_add(1);
            }
            let name = match draw / 64 % 3 {
                0 => *friend,
                1 => Some(me),
                _ => None,
            };
            let value = value.clone().filter(|_| !(draw / 512).is_multiple_of(3));
            draw.is_multiple_of(self.table.sparse).then_some((to, (draw / 8 % 2, name, value)))
        };
        let linked = system.processes().filter(|&to| system.linked(me, to));
        let mut send: Vec<_> = linked.filter_map(drawn).collect();
        if self.table.draw(("order", role)).is_multiple_of(2) {
            send.reverse();
        }
        send
    }

    /// What a client answers that remembers this value.
    fn response(&self, me: Process, value: Option<&Written>, draw: u64) -> Response {
        let nobodys = Written::new("nobody's");
        let value = match (value, draw % 32) {
            (_, 0) => Some(nobodys),
            (_, 1) => None,
            _ if self.lie == Some(Lie::Answer(me)) => Some(nobodys),
            (value, _) => value.cloned(),
        };
        match self.table.task {
            Task::WriteOnceRegister | Task::Register => Response::Value(value),
            Task::Log => {
                let twice = if (draw / 32).is_multiple_of(8) { 2 } else { 1 };
                Response::Log(value.into_iter().flat_map(|value| vec![value; twice]).collect())
            }
            Task::KeyValueStore | Task::Bank => self.table.response(draw),
        }
    }
}

/// The only one there is.
fn only<T: Ord>(all: impl Iterator<Item = T>) -> Option<T> {
    let mut all = all.collect::<BTreeSet<T>>().into_iter();
    all.next().filter(|_| all.next().is_none())
}

impl Protocol for Equals {
    type State = State;
    type Message = Message;

    fn start(&self, me: Process, system: &System) -> Step<State, Message> {
        let number = u64::from(self.lie == Some(Lie::Start(me)));
        let state = State { system: *system, number, pending: None, friend: None, value: None };
        Step { send: self.send(me, &state), state, response: None }
    }

    fn step(
        &self,
        me: Process,
        state: &State,
        request: Option<&Request>,
        received: &[(Process, Message)],
    ) -> Step<State, Message> {
        let relation = |from, who| self.relation(me, state.friend, from, who);
        let mine = state.value.as_ref();
        let seen = |(from, (number, name, value)): &(Process, Message)| {
            (*number, relation(me, Some(*from)), relation(*from, *name), self.worth(mine, value.as_ref()))
        };
        let mut view: Vec<_> = received.iter().map(seen).collect();
        view.sort_unstable();
        let role = self.role(me);
        let known = (state.friend.is_some(), self.worth(mine, mine));
        let asked = request.map(|request| {
            let command = matches!(request, Request::Command { .. }).then_some(request);
            (request.kind(), self.worth(mine, request.value()), command)
        });
        let draw = self.table.draw(("step", role, state.number, state.pending, known, asked, &view));
        let mut pending = request.map(Request::kind).or(state.pending);
        // The process that said the most, or that was named with it, if it is one.
        let said = |most: u64| {
            let of = received.iter().filter(|(_, (number, ..))| *number == most);
            only(of.map(|(from, (_, name, _))| name.unwrap_or(*from)).filter(|&one| one != me))
        };
        let friend = match draw / 1024 % 4 {
            0 => None,
            1 => state.friend,
            _ => said(1).or_else(|| said(0)).or(state.friend),
        };
        let told = only(received.iter().filter_map(|(_, (.., value))| value.clone()));
        let asked = request.and_then(Request::value).cloned();
        let value = match draw / 4096 % 16 {
            0 => None,
            1..6 => asked.or(state.value.clone()).or(told),
            6..8 => told.or(state.value.clone()).or(asked),
            _ => state.value.clone().or(told).or(asked),
        };
        let mut response = None;
        // Two in three answer only when they have heard something, and a write only with a value: then it takes
        // losses to go wrong.
        let has_reason =
            !received.is_empty() && (value.is_some() || !matches!(pending, Some("write" | "append")));
        let may_answer = pending.is_some() && (has_reason || self.table.seed.is_multiple_of(3));
        if may_answer && (draw / self.table.states).is_multiple_of(self.table.patience) {
            pending = None;
            let draw = draw / self.table.states / self.table.patience;
            response = Some(self.response(me, value.as_ref(), draw));
        }
        let mut number = draw % self.table.states;
        if self.lie == Some(Lie::Step(me)) && !received.is_empty() {
            number += 1;
        }
        let next = State { system: state.system, number, pending, friend, value };
        Step { send: self.send(me, &next), state: next, response }
    }

    fn symmetry(&self) -> Symmetry {
        self.symmetry
    }

    fn rename_state(&self, state: &mut State, renaming: &Renaming) {
        if self.lie != Some(Lie::RenameState) {
            state.friend = state.friend.map(|friend| renaming.process(friend));
        }
        if self.lie != Some(Lie::RenameValue) {
            state.value = state.value.as_ref().map(|value| renaming.value(value));
        }
    }

    fn rename_message(&self, (_, name, value): &mut Message, renaming: &Renaming) {
        if self.lie != Some(Lie::RenameMessage) {
            *name = name.map(|name| renaming.process(name));
        }
        if self.lie != Some(Lie::RenameMessageValue) {
            *value = value.as_ref().map(|value| renaming.value(value));
        }
    }
}

/// Random cases in which more is alike: with more servers, or with clients that ask for the same.
fn symmetric_cases() -> impl Strategy<Value = (Case, Symmetry)> {
    let sizes =
        vec![(1, 2), (2, 1), (2, 2), (2, 2), (2, 2), (1, 3), (1, 3), (2, 3), (3, 1), (3, 1), (3, 2), (4, 1)];
    let clients = vec![
        AlikeClients::None,
        AlikeClients::Readers,
        AlikeClients::SameRequests,
        AlikeClients::All,
        AlikeClients::All,
    ];
    let same = prop::sample::select(vec![[0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 2]]);
    (
        cases(),
        prop::sample::select(sizes),
        2u64..5,
        prop::bool::weighted(0.7),
        prop::sample::select(clients),
        (prop::collection::vec(0usize..5, 3), same),
        0usize..4,
    )
        .prop_map(|(case, (servers, clients), sparse, servers_alike, alike, (requests, same), few)| {
            let (seed, states, _, patience) = case.table;
            let requests = same.map(|of| match (alike, few) {
                // Else there are few that only read.
                (AlikeClients::Readers, 1..) => [2, 2, requests[of]][of],
                _ => requests[of],
            });
            let rules = case.rules.iter().map(|rule| match few {
                0 => rule.replace("1 of clients", "any of clients"),
                _ => rule.clone(),
            });
            let sparse = if servers.min(clients) > 1 { sparse + 2 } else { sparse };
            let table = (seed, states, sparse, patience);
            let rules = rules.collect();
            let symmetry = Symmetry { servers: servers_alike, clients: alike };
            // With prefixes there is no symmetry; before GST the naive twin takes long with many messages.
            let crash_delivery =
                if seed.is_multiple_of(8) { case.crash_delivery } else { CrashDelivery::AnySubset };
            let timing = if servers == 4 { Timing::LockStep } else { case.timing };
            let requests = requests.to_vec();
            let case = Case { servers, clients, rules, table, requests, crash_delivery, timing, ..case };
            (case, symmetry)
        })
}

fn without(question: &Question, protocol: &Equals) -> Report {
    let resources = Resources { symmetry: false, ..Resources::default() };
    check_within(question, "protocol", protocol, resources, &mut Quiet).expect("a table keeps the rules")
}

fn measured(report: &Report) -> (Judgement, Judgement, Measures, Measures) {
    let measures = |execution: &threeworlds_model::Execution| {
        (execution.rounds.len(), execution.removed() as u32, execution.faulty.len())
    };
    let safety = report.safety_counterexample.as_ref().map(measures);
    (report.safe, report.live, safety, report.liveness_counterexample.as_ref().map(measures))
}

/// The faulty sets that are explored without symmetry, and of those that renaming makes of each other the first.
fn assignments(question: &Question, symmetry: Symmetry) -> (usize, Vec<Assignment>) {
    let system = &question.system;
    let spared = [None].into_iter().chain(system.client_ids().map(Some));
    let all: BTreeSet<Assignment> =
        spared.flat_map(|spared| question.fault_model.maximal_assignments(system, spared).unwrap()).collect();
    let renamings = naive::renamings(question, symmetry);
    let mut first: Vec<Assignment> = Vec::new();
    for assignment in &all {
        let is_new = |renaming: &Renaming| !first.contains(&naive::under(system, assignment, renaming));
        if renamings.iter().all(is_new) {
            first.push(assignment.clone());
        }
    }
    (all.len(), first)
}

/// What came of a case.
struct Outcome {
    /// States without and with symmetry.
    states: (usize, usize),
    symmetric: Symmetric,
    safety: Measures,
    lasso: Measures,
    /// Whether clients change places whose Termination is asked for.
    spared_change: bool,
}

/// Nothing if it is too large for the naive twin.
fn compare((case, symmetry): &(Case, Symmetry)) -> Result<Option<Outcome>, TestCaseError> {
    let question = case.question();
    let system = question.system;
    let protocol = Equals::new(case, *symmetry, None);
    let Some(slow) = naive::check(&question, &protocol, most_steps()) else { return Ok(None) };
    let plain = without(&question, &protocol);
    let report = check(&question, &protocol).expect("it does what it says");
    prop_assert_eq!(report.coverage.stop, Stop::Closed);
    prop_assert_eq!(measured(&report), measured(&plain));
    let (_, _, safety, lasso) = measured(&report);
    prop_assert_eq!(safety, slow.unsafe_after);
    prop_assert_eq!(lasso, slow.lasso);
    prop_assert_eq!(report.safe == Judgement::Fails, slow.unsafe_after.is_some());
    prop_assert_eq!(report.live == Judgement::Fails, slow.lasso.is_some());
    prop_assert_eq!(report.property, plain.property);
    prop_assert_eq!(&report.worst_case_rounds, &slow.worst_case_rounds);
    let symmetric = report.coverage.symmetry;
    let (all, first) = assignments(&question, *symmetry);
    let renamings = naive::renamings(&question, *symmetry);
    let keep = |assignment: &Assignment| {
        let keeps = |renaming: &&Renaming| naive::under(&system, assignment, renaming) == *assignment;
        renamings.iter().filter(keeps).collect::<Vec<_>>()
    };
    if let Symmetric::Used { faulty_sets, renamings, .. } = symmetric {
        prop_assert_eq!(faulty_sets, (first.len(), all));
        prop_assert_eq!(Some(renamings), first.iter().map(|assignment| keep(assignment).len()).max());
        let orbits = first.iter().map(|assignment| naive::orbits(&question, &protocol, assignment));
        prop_assert_eq!(report.coverage.states, orbits.sum::<usize>());
    } else {
        prop_assert_eq!(report.coverage.states, plain.coverage.states);
        let nothing_to_use = first.len() == all && first.iter().all(|assignment| keep(assignment).len() == 1);
        prop_assert!(nothing_to_use || question.crash_delivery == CrashDelivery::Prefix);
    }
    // However it goes about it, it says the same.
    let mode = modes::MODES[(case.table.0 % modes::MODES.len() as u64) as usize];
    let again = mode.check(&question, &AnyProtocol::new(protocol)).expect("it does what it says");
    prop_assert_eq!(modes::said(&again), modes::said(&report), "{:?}", mode);
    let spared_change = first.iter().any(|assignment| {
        let spared = |client: &Process| assignment.capabilities[system.index(*client)].is_none();
        let changes = |client: Process| keep(assignment).iter().any(|one| one.process(client) != client);
        system.client_ids().filter(spared).any(changes)
    });
    let used = matches!(symmetric, Symmetric::Used { .. });
    let states = (plain.coverage.states, report.coverage.states);
    Ok(Some(Outcome { states, symmetric, safety, lasso, spared_change: used && spared_change }))
}

/// Steps of the naive twin; `SYMMETRY_STEPS` allows more, for larger cases.
fn most_steps() -> usize {
    std::env::var("SYMMETRY_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(8_000)
}

#[test]
fn with_symmetry_the_same_is_found_among_fewer_states() {
    let config = ProptestConfig {
        max_global_rejects: 1_000_000,
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases_wanted() / 2)
    };
    let outcomes = RefCell::new(Vec::new());
    let run = proptest::test_runner::TestRunner::new(config).run(&symmetric_cases(), |case| {
        let outcome = compare(&case)?;
        prop_assume!(outcome.is_some(), "too large for the naive twin");
        outcomes.borrow_mut().extend(outcome);
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
    let outcomes = outcomes.into_inner();
    let count = |is: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    let often = |is: &dyn Fn(&Outcome) -> bool| count(is) * 10 > outcomes.len();
    let at_times = |is: &dyn Fn(&Outcome) -> bool| count(is) * 100 > outcomes.len();
    let renames = |outcome: &Outcome, of: &[Names], least: usize| match outcome.symmetric {
        Symmetric::Used { names, renamings, .. } => of.contains(&names) && renamings >= least,
        _ => false,
    };
    let any = [Names::Servers, Names::Clients, Names::ServersAndClients];
    assert!(often(&|one| renames(one, &any[..1], 2)), "too few in which servers change places");
    assert!(often(&|one| renames(one, &any[1..], 2)), "too few in which clients do");
    assert!(at_times(&|one| renames(one, &any[2..], 2)), "too few in which both do");
    assert!(at_times(&|one| renames(one, &any, 6)), "too few with six ways");
    assert!(often(&|one| one.states.0 > one.states.1 * 3 / 2), "too few with fewer states");
    assert!(often(&|one| one.safety.is_some()), "too few unsafe ones");
    assert!(often(&|one| one.safety.is_none()), "too few safe ones");
    assert!(often(&|one| one.lasso.is_some()), "too few that are not live");
    assert!(often(&|one| one.lasso.is_none()), "too few live ones");
    let losses = |measures: Measures| measures.is_some_and(|(_, removed, _)| removed > 0);
    assert!(at_times(&|one| losses(one.lasso)), "too few lassos with losses");
    // One in a hundred.
    let clients = |one: &Outcome| renames(one, &any[1..], 2);
    assert!(
        outcomes.len() < 500 || count(&|one| clients(one) && losses(one.safety)) > 0,
        "no unsafe ones with losses"
    );
    assert!(at_times(&|one| one.spared_change && one.lasso.is_some()), "too few with names to follow");
    assert!(
        at_times(&|one| one.spared_change && one.lasso.is_none()),
        "too few live ones with names to follow"
    );
}

/// A case in which processes tell each other much.
fn talkative(seed: u64, (servers, clients): (usize, usize)) -> Case {
    Case {
        servers,
        clients,
        client_links: false,
        rules: vec!["1 of servers: omission".to_owned(), "clients: none".to_owned()],
        timing: Timing::LockStep,
        crash_delivery: CrashDelivery::AnySubset,
        task: Task::WriteOnceRegister,
        consistency: threeworlds_model::Consistency::Properties,
        requests: vec![1, 1],
        table: (seed, 2, 1, 2),
    }
}

#[test]
fn who_does_not_treat_processes_alike_is_found_out() {
    let (server, client) = (Process::Server(2), Process::Client(2));
    let all = Symmetry { servers: false, clients: AlikeClients::All };
    let lies = [
        (Symmetry::SERVERS, (3, 1), Lie::Start(server)),
        (Symmetry::SERVERS, (3, 1), Lie::Step(server)),
        (Symmetry::SERVERS, (3, 1), Lie::Send(server)),
        (Symmetry::SERVERS, (3, 1), Lie::RenameState),
        (Symmetry::SERVERS, (3, 1), Lie::RenameMessage),
        (all, (2, 2), Lie::Start(client)),
        (all, (2, 2), Lie::Step(client)),
        (all, (2, 2), Lie::Send(client)),
        (all, (2, 2), Lie::Answer(client)),
        (all, (2, 2), Lie::RenameState),
        (all, (2, 2), Lie::RenameValue),
        (all, (2, 2), Lie::RenameMessage),
        (all, (2, 2), Lie::RenameMessageValue),
    ];
    for (symmetry, sizes, lie) in lies {
        let mut found = 0;
        for seed in 0..10 {
            let case = talkative(seed, sizes);
            let mut question = case.question();
            // Some of these protocols have very many states. A lie shows early.
            question.rounds = Some(3);
            let protocol = Equals::new(&case, symmetry, Some(lie));
            match check(&question, &protocol) {
                Err(CheckError::Protocol(ExploreError::Step(StepError::Asymmetric(asymmetry)))) => {
                    found += 1;
                    let words = asymmetry.to_string();
                    assert!(
                        words.contains(&asymmetry.process.to_string()) && words.contains("called"),
                        "{words}"
                    );
                    assert!(words.contains("State {"), "the state is named: {words}");
                    assert!(words.contains(&format!("treats {symmetry} alike")), "{words}");
                    if symmetry == all {
                        assert!(
                            words.contains("c1 called c2, c2 called c1, C1 called C2, C2 called C1"),
                            "{words}"
                        );
                    }
                }
                Err(other) => panic!("{lie:?}: {other}"),
                // Where nobody has a friend, nobody can be confused with it.
                Ok(report) => {
                    assert_eq!(measured(&report), measured(&without(&question, &protocol)), "{lie:?}")
                }
            }
        }
        assert!(found >= 7, "{lie:?} of {symmetry}: {found}");
    }
}

#[test]
fn an_honest_protocol_is_not_accused_and_prefixes_are_explored_as_they_are() {
    let servers = talkative(1, (3, 1));
    let clients = Case { requests: vec![2, 2], ..talkative(1, (2, 2)) };
    for (case, symmetry, names) in
        [(servers, Symmetry::SERVERS, Names::Servers), (clients, Symmetry::READERS, Names::Clients)]
    {
        let protocol = Equals::new(&case, symmetry, None);
        let case = Case { crash_delivery: CrashDelivery::Prefix, ..case };
        let case = Case { rules: vec!["1 of servers: crash".to_owned()], ..case };
        let report = check(&case.question(), &protocol).unwrap();
        assert!(matches!(report.coverage.symmetry, Symmetric::Off(_)), "{:?}", report.coverage.symmetry);
        assert_eq!(report.coverage.states, without(&case.question(), &protocol).coverage.states);
        let case = Case { crash_delivery: CrashDelivery::AnySubset, ..case };
        let report = check(&case.question(), &protocol).unwrap();
        match report.coverage.symmetry {
            Symmetric::Used { names: of, renamings: 2, .. } => assert_eq!(of, names),
            other => panic!("{other:?}"),
        }
    }
}
