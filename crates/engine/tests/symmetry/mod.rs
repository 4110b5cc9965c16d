//! Random protocols that treat their servers alike: with symmetry they are judged as without and as by the naive
//! twin, and what is explored are as many states as there are when those are counted once that renamings make of
//! each other. And protocols that say so and do not: they are found out.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use threeworlds_engine::{
    CheckError, ExploreError, Judgement, Quiet, Report, Resources, Stop, Symmetric, check, check_within,
};
use threeworlds_model::{
    AnyProtocol, Assignment, CrashDelivery, Process, Protocol, Question, Renaming, Request, Step, StepError,
    Symmetry, System, Task,
};

use super::{Case, Measures, RandomTable, cases, cases_wanted, modes, naive};

/// A protocol drawn from a seed in which servers know each other, and no server's number matters.
#[derive(Debug, Clone, Copy)]
struct Equals {
    table: RandomTable,
    lie: Option<Lie>,
}

/// What makes the declaration wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// `s2` starts elsewhere.
    Start,
    /// `s2` goes elsewhere when it hears something.
    Step,
    /// `s2` sends something else when it has a friend.
    Send,
    /// States are renamed in part.
    RenameState,
    /// Messages are not renamed.
    RenameMessage,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    system: System,
    number: u64,
    pending: Option<&'static str>,
    /// A server that it remembers.
    friend: Option<Process>,
}

/// A number, and perhaps the name of a server.
type Message = (u64, Option<Process>);

/// What a process is to another one, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Relation {
    Nobody,
    Me,
    Friend,
    Sender,
    Client(u16),
    Another,
}

impl Equals {
    fn new(case: &Case, lie: Option<Lie>) -> Equals {
        Equals { table: case.protocol(), lie }
    }

    fn relation(me: Process, friend: Option<Process>, sender: Process, who: Option<Process>) -> Relation {
        match who {
            None => Relation::Nobody,
            Some(who) if who == me => Relation::Me,
            Some(who) if Some(who) == friend => Relation::Friend,
            Some(who) if who == sender => Relation::Sender,
            Some(Process::Client(number)) => Relation::Client(number),
            Some(Process::Server(_)) => Relation::Another,
        }
    }

    /// Clients are told apart, servers are not.
    fn role(me: Process) -> Relation {
        match me {
            Process::Server(_) => Relation::Another,
            Process::Client(number) => Relation::Client(number),
        }
    }

    fn send(&self, me: Process, state: &State) -> Vec<(Process, Message)> {
        let State { system, number, pending, friend } = state;
        let role = Self::role(me);
        let drawn = |to: Process| {
            let whom = Self::relation(me, *friend, me, Some(to));
            let mut draw = self.table.draw(("send", role, number, pending, friend.is_some(), whom));
            if self.lie == Some(Lie::Send) && me == Process::Server(2) && friend.is_some() {
                draw = draw.wrapping_add(1);
            }
            let name = match draw / 64 % 3 {
                0 => *friend,
                1 => Some(me).filter(|me| !me.is_client()),
                _ => None,
            };
            draw.is_multiple_of(self.table.sparse).then_some((to, (draw / 8 % 2, name)))
        };
        let linked = system.processes().filter(|&to| system.linked(me, to));
        let mut send: Vec<_> = linked.filter_map(drawn).collect();
        if self.table.draw(("order", role)).is_multiple_of(2) {
            send.reverse();
        }
        send
    }
}

impl Protocol for Equals {
    type State = State;
    type Message = Message;

    fn start(&self, me: Process, system: &System) -> Step<State, Message> {
        let lies = self.lie == Some(Lie::Start) && me == Process::Server(2);
        let state = State { system: *system, number: u64::from(lies), pending: None, friend: None };
        Step { send: self.send(me, &state), state, response: None }
    }

    fn step(
        &self,
        me: Process,
        state: &State,
        request: Option<&Request>,
        received: &[(Process, Message)],
    ) -> Step<State, Message> {
        let relation = |from, who| Self::relation(me, state.friend, from, who);
        let seen = |(from, (number, name)): &(Process, Message)| {
            let sender = Self::relation(me, state.friend, me, Some(*from));
            (*number, sender, relation(*from, *name))
        };
        let mut view: Vec<_> = received.iter().map(seen).collect();
        view.sort_unstable();
        let role = Self::role(me);
        let known = state.friend.is_some();
        let draw = self.table.draw(("step", role, state.number, state.pending, known, request, &view));
        let mut pending = request.map(Request::kind).or(state.pending);
        let mut response = None;
        if pending.is_some() && (draw / self.table.states).is_multiple_of(self.table.patience) {
            pending = None;
            response = Some(self.table.response(draw / self.table.states / self.table.patience));
        }
        // The server that said the most, or that was named with it, if it is one.
        let said = |most: u64| {
            let of = received.iter().filter(|(from, (number, _))| !from.is_client() && *number == most);
            let all: BTreeSet<Process> = of.map(|(from, (_, name))| name.unwrap_or(*from)).collect();
            let mut all = all.into_iter().filter(|&one| one != me);
            all.next().filter(|_| all.next().is_none())
        };
        let friend = match draw / 1024 % 4 {
            0 => None,
            1 => state.friend,
            _ => said(1).or_else(|| said(0)).or(state.friend),
        };
        let mut number = draw % self.table.states;
        if self.lie == Some(Lie::Step) && me == Process::Server(2) && !received.is_empty() {
            number += 1;
        }
        let next = State { system: state.system, number, pending, friend };
        Step { send: self.send(me, &next), state: next, response }
    }

    fn symmetry(&self) -> Symmetry {
        Symmetry::Servers
    }

    fn rename_state(&self, state: &mut State, renaming: &Renaming) {
        if self.lie != Some(Lie::RenameState) {
            state.friend = state.friend.map(|friend| renaming.process(friend));
        }
    }

    fn rename_message(&self, (_, name): &mut Message, renaming: &Renaming) {
        if self.lie != Some(Lie::RenameMessage) {
            *name = name.map(|name| renaming.process(name));
        }
    }
}

/// Random cases with more servers.
fn symmetric_cases() -> impl Strategy<Value = Case> {
    let sizes = prop::sample::select(vec![(2usize, 1usize), (2, 2), (3, 1), (3, 1), (4, 1)]);
    (cases(), sizes, 2u64..5).prop_map(|(case, (servers, clients), sparse)| {
        let (seed, states, _, patience) = case.table;
        let rules = case.rules.iter().map(|rule| match clients {
            1 => rule.replace("2 of clients", "1 of clients"),
            _ => rule.clone(),
        });
        Case { servers, clients, rules: rules.collect(), table: (seed, states, sparse, patience), ..case }
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
fn assignments(question: &Question) -> (usize, Vec<Assignment>) {
    let system = &question.system;
    let spared = [None].into_iter().chain(system.client_ids().map(Some));
    let all: BTreeSet<Assignment> =
        spared.flat_map(|spared| question.fault_model.maximal_assignments(system, spared).unwrap()).collect();
    let servers = usize::from(system.servers);
    let mut kinds = BTreeSet::new();
    let first = all.iter().filter(|assignment| {
        let mut kind = assignment.capabilities.clone();
        kind[..servers].sort_unstable();
        kinds.insert(kind)
    });
    let first: Vec<Assignment> = first.cloned().collect();
    (all.len(), first)
}

/// States without and with symmetry, and what was found; nothing if it is too large for the naive twin.
type Compared = Option<(usize, usize, Symmetric, Measures, Measures)>;

fn compare(case: &Case) -> Result<Compared, TestCaseError> {
    let question = case.question();
    let protocol = Equals::new(case, None);
    let Some(slow) = naive::check(&question, &protocol, 30_000) else { return Ok(None) };
    let plain = without(&question, &protocol);
    let report = check(&question, &protocol).expect("it treats servers alike");
    prop_assert_eq!(report.coverage.stop, Stop::Closed);
    prop_assert_eq!(measured(&report), measured(&plain));
    let (_, _, safety, liveness) = measured(&report);
    prop_assert_eq!(safety, slow.unsafe_after);
    prop_assert_eq!(liveness, slow.lasso);
    prop_assert_eq!(report.safe == Judgement::Fails, slow.unsafe_after.is_some());
    prop_assert_eq!(report.live == Judgement::Fails, slow.lasso.is_some());
    prop_assert_eq!(report.property, plain.property);
    prop_assert_eq!(&report.worst_case_rounds, &slow.worst_case_rounds);
    let symmetric = report.coverage.symmetry;
    let (all, first) = assignments(&question);
    if let Symmetric::Used { faulty_sets, .. } = symmetric {
        prop_assert_eq!(faulty_sets, (first.len(), all));
        let orbits = first.iter().map(|assignment| naive::orbits(&question, &protocol, assignment));
        prop_assert_eq!(report.coverage.states, orbits.sum::<usize>());
    } else {
        prop_assert_eq!(report.coverage.states, plain.coverage.states);
    }
    // However it goes about it, it says the same.
    let mode = modes::MODES[(case.table.0 % modes::MODES.len() as u64) as usize];
    let again = mode.check(&question, &AnyProtocol::new(protocol)).expect("it treats servers alike");
    prop_assert_eq!(modes::said(&again), modes::said(&report), "{:?}", mode);
    Ok(Some((plain.coverage.states, report.coverage.states, symmetric, safety, liveness)))
}

/// States without and with symmetry, how it was used, and the least violations.
type Outcome = (usize, usize, Symmetric, Measures, Measures);

#[test]
fn with_symmetry_the_same_is_found_among_fewer_states() {
    let config = ProptestConfig {
        max_global_rejects: 100_000,
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
    let often = |is: &dyn Fn(&Outcome) -> bool| {
        outcomes.iter().filter(|outcome| is(outcome)).count() * 10 > outcomes.len()
    };
    let renames = |symmetric: &Symmetric, least: usize| match symmetric {
        Symmetric::Used { renamings, .. } => *renamings >= least,
        _ => false,
    };
    assert!(often(&|(_, _, symmetric, ..)| renames(symmetric, 2)), "too few in which servers change places");
    assert!(outcomes.iter().any(|(_, _, symmetric, ..)| renames(symmetric, 6)), "never in six ways");
    assert!(often(&|(plain, with, ..)| *plain > *with * 3 / 2), "too few with fewer states");
    assert!(often(&|(.., safety, _)| safety.is_some()), "too few unsafe ones");
    assert!(often(&|(.., safety, _)| safety.is_none()), "too few safe ones");
    assert!(often(&|(.., lasso)| lasso.is_some()), "too few that are not live");
    assert!(
        outcomes.iter().any(|(.., lasso)| lasso.is_some_and(|(_, removed, _)| removed > 0)),
        "no lassos with losses"
    );
    assert!(often(&|(.., lasso)| lasso.is_none()), "too few live ones");
}

/// A case in which servers tell each other much.
fn talkative(seed: u64) -> Case {
    Case {
        servers: 3,
        clients: 1,
        client_links: false,
        rules: vec!["1 of servers: omission".to_owned(), "clients: none".to_owned()],
        timing: threeworlds_model::Timing::LockStep,
        crash_delivery: CrashDelivery::AnySubset,
        task: Task::WriteOnceRegister,
        consistency: threeworlds_model::Consistency::Properties,
        requests: vec![1, 0],
        table: (seed, 2, 1, 2),
    }
}

#[test]
fn who_does_not_treat_servers_alike_is_found_out() {
    for lie in [Lie::Start, Lie::Step, Lie::Send, Lie::RenameState, Lie::RenameMessage] {
        let mut found = 0;
        for seed in 0..10 {
            let case = talkative(seed);
            let (question, protocol) = (case.question(), Equals::new(&case, Some(lie)));
            match check(&question, &protocol) {
                Err(CheckError::Protocol(ExploreError::Step(StepError::Asymmetric(asymmetry)))) => {
                    found += 1;
                    let words = asymmetry.to_string();
                    assert!(
                        words.contains(&asymmetry.process.to_string()) && words.contains("called"),
                        "{words}"
                    );
                    assert!(words.contains("State {"), "the state is named: {words}");
                }
                Err(other) => panic!("{lie:?}: {other}"),
                // Where nobody has a friend, nobody can be confused with it.
                Ok(report) => {
                    assert_eq!(measured(&report), measured(&without(&question, &protocol)), "{lie:?}")
                }
            }
        }
        assert!(found >= 7, "{lie:?}: {found}");
    }
}

#[test]
fn an_honest_protocol_is_not_accused_and_prefixes_are_explored_as_they_are() {
    let case = Case { crash_delivery: CrashDelivery::Prefix, ..talkative(1) };
    let case = Case { rules: vec!["1 of servers: crash".to_owned()], ..case };
    let report = check(&case.question(), &Equals::new(&case, None)).unwrap();
    assert!(matches!(report.coverage.symmetry, Symmetric::Off(_)), "{:?}", report.coverage.symmetry);
    assert_eq!(report.coverage.states, without(&case.question(), &Equals::new(&case, None)).coverage.states);
    let case = Case { crash_delivery: CrashDelivery::AnySubset, ..case };
    let report = check(&case.question(), &Equals::new(&case, None)).unwrap();
    assert!(
        matches!(report.coverage.symmetry, Symmetric::Used { renamings: 2, .. }),
        "{:?}",
        report.coverage.symmetry
    );
}
