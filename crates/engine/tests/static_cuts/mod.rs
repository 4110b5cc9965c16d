//! The adversary that cuts links once, the slow way: every faulty set that the rules allow, every subset of
//! all links at faulty processes, messages on them or not, and every round up to some after the run without
//! cuts has ended. Compared on random protocols.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use threeworlds_engine::{Judgement, Stop, check};
use threeworlds_model::{
    Adversary, Assignment, Capability, Charge, Moves, Process, Protocol, Question, Replay, Timing,
};

use super::{Case, cases};

/// What the slow way finds: a violation of safety, a client that waits for ever, and the worst cases.
#[derive(Debug, Default)]
struct Findings {
    is_unsafe: bool,
    is_stuck: bool,
    worst: BTreeMap<&'static str, u32>,
}

/// The rounds after which a run is given up, and the longest run without cuts that is looked at.
const ROUNDS_MAX: usize = 200;
const WITHOUT_CUTS_MAX: usize = 9;

fn slowly<P: Protocol>(question: &Question, protocol: &P) -> Option<Findings> {
    let system = question.system;
    let mut findings = Findings::default();
    let nobody = Assignment { capabilities: vec![None; system.size()] };
    let nothing = (BTreeSet::new(), BTreeSet::new());
    let without_cuts = run(question, protocol, &nobody, &nothing, 1, &mut Findings::default())?;
    if without_cuts > WITHOUT_CUTS_MAX {
        return None;
    }
    for assignment in question.fault_model.assignments(&system).unwrap() {
        let of = |process: Process| assignment.capabilities[system.index(process)];
        let all = || system.processes().flat_map(|from| system.processes().map(move |to| (from, to)));
        let links: Vec<_> = all()
            .filter(|&(from, to)| {
                let sends = of(from).is_some_and(Capability::omits_sends);
                let receives = of(to).is_some_and(Capability::omits_receives);
                system.linked(from, to) && (sends || receives)
            })
            .collect();
        let crashing: Vec<_> = system.processes().filter(|&one| of(one) == Some(Capability::Crash)).collect();
        for bits in 0u32..1 << (links.len() + crashing.len()) {
            let chosen = |index: usize| bits >> index & 1 == 1;
            let cut = (0..links.len()).filter(|&index| chosen(index)).map(|index| links[index]).collect();
            let crashes = (0..crashing.len()).filter(|&index| chosen(links.len() + index));
            let choice = (cut, crashes.map(|index| crashing[index]).collect());
            for from_round in 1..=without_cuts + 2 {
                run(question, protocol, &assignment, &choice, from_round, &mut findings)?;
            }
        }
    }
    if findings.is_stuck {
        findings.worst.clear();
    }
    Some(findings)
}

/// One run: how long it is. What it shows goes into the findings.
fn run<P: Protocol>(
    question: &Question,
    protocol: &P,
    assignment: &Assignment,
    (cut, crashes): &(BTreeSet<(Process, Process)>, BTreeSet<Process>),
    from_round: usize,
    findings: &mut Findings,
) -> Option<usize> {
    let system = question.system;
    let spared = |client: Process| assignment.capabilities[system.index(client)].is_none();
    let mut replay = Replay::new(question, protocol).unwrap();
    let mut seen = vec![replay.snapshot().clone()];
    let mut asked = BTreeMap::new();
    for number in 1..=ROUNDS_MAX {
        let mut moves = Moves::default();
        if number == from_round {
            moves.crashes.clone_from(crashes);
        }
        if number >= from_round {
            let lost = replay.sending().filter(|link| cut.contains(link) || moves.crashes.contains(&link.0));
            moves.removed = lost.map(|link| (link, Charge::Process(link.0))).collect();
        }
        let asks =
            |client: &Process| !moves.crashes.contains(client) && replay.next_request(*client).is_some();
        moves.requests = system.client_ids().filter(asks).collect();
        let round = replay.round(&moves).unwrap().clone();
        asked.extend(round.requests.iter().map(|(client, request)| (*client, (number, request.kind()))));
        for client in round.responses.keys().filter(|client| spared(**client)) {
            let (issued, kind) = asked[client];
            let worst = findings.worst.entry(kind).or_insert(0);
            *worst = (*worst).max((number - issued) as u32);
        }
        let now = replay.snapshot().clone();
        if now.environment.violation().is_some() {
            findings.is_unsafe = true;
            return Some(number);
        }
        let alive = |client: &Process| now.locals[system.index(*client)].is_some();
        let waits = |client: Process| now.environment.is_outstanding(client);
        let done = |client: Process| !waits(client) && replay.next_request(client).is_none();
        if system.client_ids().filter(alive).all(done) {
            return Some(number);
        }
        let cut_from = from_round.saturating_sub(1);
        if seen.iter().skip(cut_from).any(|earlier| *earlier == now) {
            findings.is_stuck |= system.client_ids().filter(alive).any(|one| waits(one) && spared(one));
            return Some(number);
        }
        seen.push(now);
    }
    None
}

/// `None` if the case is too large for the slow way.
fn compare(case: &Case) -> Result<Option<Findings>, TestCaseError> {
    let question = Question { adversary: Adversary::StaticCuts, rounds: None, ..case.question() };
    let Some(slow) = slowly(&question, &case.protocol()) else { return Ok(None) };
    let report = check(&question, &case.protocol()).expect("a table keeps the rules");
    prop_assert_eq!(report.coverage.stop, Stop::Closed);
    prop_assert_eq!(report.safe == Judgement::Fails, slow.is_unsafe, "safe");
    prop_assert_eq!(report.live == Judgement::Fails, slow.is_stuck, "live");
    prop_assert_eq!(&report.worst_case_rounds, &slow.worst);
    Ok(Some(slow))
}

#[test]
fn every_set_of_links_gives_the_same() {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(60);
    let config = ProptestConfig {
        max_global_rejects: 100_000,
        failure_persistence: None,
        ..ProptestConfig::with_cases(wanted)
    };
    let counts = std::cell::RefCell::new([0; 3]);
    let small = cases().prop_filter("too many links", |case| {
        case.timing == Timing::LockStep && case.servers + case.clients <= 3
    });
    let result = proptest::test_runner::TestRunner::new(config).run(&small, |case| {
        let found = compare(&case)?;
        prop_assume!(found.is_some(), "too large for the slow way");
        let found = found.unwrap();
        let mut counts = counts.borrow_mut();
        counts[0] += u32::from(found.is_unsafe);
        counts[1] += u32::from(found.is_stuck);
        counts[2] += u32::from(!found.is_unsafe && !found.is_stuck);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let counts = counts.into_inner();
    assert!(counts.iter().all(|&count| count * 20 > wanted), "unsafe, stuck, neither: {counts:?}");
}
