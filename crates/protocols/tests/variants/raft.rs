//! Raft and its switches. Under links that are cut once and for ever, three servers of which one omits: who
//! is starved, by which cut, and that all three switches together leave nobody waiting. The timeouts are
//! fixed, so what holds here holds for them.

use std::collections::{BTreeMap, BTreeSet};

use threeworlds_engine::{Judgement, Report, Stop, check};
use threeworlds_model::{
    Adversary, Charge, Execution, FaultClass, Moves, Process, Property, Protocol, Question, Replay, Task,
    Timing, recurs, verify, without_terms,
};
use threeworlds_protocols::{BuiltIn, Raft, RaftOptions, rafts};

use super::{question, with_workload};

use Process::{Client, Server};

fn raft(name: &str) -> RaftOptions {
    let BuiltIn::Raft(options) = BuiltIn::parse(name).unwrap() else { panic!("{name} is no Raft") };
    options
}

fn cuts(servers: usize, rules: &[&str]) -> Question {
    let none = FaultClass::None;
    let mut asked = Question::usual(servers, 0, 1, none, none).unwrap();
    let rules = rules.iter().map(|rule| threeworlds_model::FaultRule::parse(rule, &asked.system).unwrap());
    let rules = rules.collect();
    asked = asked.with_fault_model(threeworlds_model::FaultModel { rules });
    Question { adversary: Adversary::StaticCuts, rounds: Some(60), ..asked }
}

fn judge(name: &str, question: &Question) -> Report {
    let options = RaftOptions { task: question.task, ..raft(name) };
    check(question, &Raft::new(&question.system, options)).unwrap()
}

/// Which links lose messages, in an execution.
fn lost(execution: &Execution) -> BTreeSet<(Process, Process)> {
    let sent = execution.rounds.iter().flat_map(|round| &round.messages);
    sent.filter(|sent| sent.removed.is_some()).map(|sent| (sent.from, sent.to)).collect()
}

/// The least cut set that leaves the client waiting for ever.
#[track_caller]
fn starves(name: &str, question: &Question, links: &[(Process, Process)]) {
    let report = judge(name, question);
    assert_eq!((report.live, report.property), (Judgement::Fails, Some(Property::Termination)), "{name}");
    assert_ne!(report.safe, Judgement::Fails, "{name}");
    let execution = report.liveness_counterexample.unwrap();
    assert!(execution.faulty.keys().eq(&[Server(1)]), "one server of three, so that a quorum is left");
    assert_eq!(lost(&execution), links.iter().copied().collect(), "{name}");
}

#[track_caller]
fn holds(name: &str, question: &Question, worst: &[(&str, u32)]) {
    let report = judge(name, question);
    assert_eq!(report.coverage.stop, Stop::Closed, "{name}");
    assert_eq!(report.verdict(), Judgement::Holds, "{name}");
    assert!(report.worst_case_rounds.iter().map(|(kind, rounds)| (*kind, *rounds)).eq(worst.iter().copied()));
}

const OMISSION: [&str; 1] = ["1 of servers: omission"];

/// The leader reaches everybody but does not hear the client, which the others send back to it.
#[test]
fn without_forwarding_a_client_waits_for_a_leader_that_does_not_hear_it() {
    for name in ["raft", "raft-pre-vote", "raft-check-quorum", "raft-pre-vote-check-quorum"] {
        starves(name, &cuts(3, &OMISSION), &[(Client(1), Server(1))]);
    }
}

/// The leader's beats arrive, so nobody campaigns; what the others say does not, so nothing is committed.
#[test]
fn without_check_quorum_a_leader_that_hears_nobody_stays() {
    for name in ["raft-forwarding", "raft-forwarding-pre-vote"] {
        let deaf = [(Server(2), Server(1)), (Server(3), Server(1))];
        starves(name, &cuts(3, &OMISSION), &deaf);
        let execution = judge(name, &cuts(3, &["s1: receive-omission"])).liveness_counterexample.unwrap();
        let last = execution.rounds.last().unwrap();
        let says = |from, to| {
            let sent = last.messages.iter().find(|sent| sent.from == from && sent.to == to);
            sent.and_then(|sent| sent.message.as_str()).unwrap_or_default().to_owned()
        };
        assert!(says(Server(1), Server(2)).starts_with("append t1 "), "it leads in the first term for ever");
    }
}

/// The same cut with check-quorum: s1 steps down, hears nobody, campaigns again and again, and whoever leads
/// meanwhile is deposed by its higher term.
#[test]
fn without_pre_vote_a_server_that_hears_nobody_deposes_every_leader() {
    let deaf = [(Server(2), Server(1)), (Server(3), Server(1))];
    let name = "raft-forwarding-check-quorum";
    starves(name, &cuts(3, &OMISSION), &deaf);
    let execution = judge(name, &cuts(3, &["s1: receive-omission"])).liveness_counterexample.unwrap();
    let words = |text: &str| {
        let sent = execution.rounds.iter().flat_map(|round| &round.messages);
        sent.filter(|sent| sent.message.as_str().unwrap().contains(text)).count()
    };
    assert!(words("vote? t2") > 0 && words("vote? t3") > 0, "terms grow");
}

/// With all three nobody waits, whichever links of one server are cut when.
#[test]
fn with_all_switches_three_servers_hold_under_static_cuts() {
    let name = "raft-forwarding-pre-vote-check-quorum";
    holds(name, &cuts(3, &OMISSION), &[("read", 32), ("write", 27)]);
    let log = cuts(3, &OMISSION).with_task(Task::Log);
    holds(name, &log, &[("append", 27), ("read", 32)]);
}

/// Crashes need none of the switches.
#[test]
fn without_switches_it_holds_under_crashes() {
    holds("raft", &cuts(3, &["1 of servers: crash"]), &[("read", 16), ("write", 15)]);
}

/// The usual adversary in a few rounds: no violation of safety, and no verdict either, as terms grow.
#[test]
fn what_is_explored_of_general_omission_is_safe_and_unknown() {
    for name in ["raft", "raft-forwarding-pre-vote-check-quorum"] {
        let question = with_workload(question(3, &OMISSION), "c1: write; c2: read");
        for timing in [Timing::LockStep, Timing::PartialSynchrony] {
            let rounds = Some(if timing == Timing::LockStep { 6 } else { 4 });
            let question = Question { rounds, timing, ..question.clone() };
            let report = judge(name, &question);
            assert_eq!(report.safe, Judgement::Unknown, "{name}");
            assert!(matches!(report.coverage.stop, Stop::Cut(_)));
        }
    }
}

/// An adversary that may change its mind starves a client in spite of all switches. s1 leads and loses, in each
/// round, what comes from the one process that brings it the request: the client while that asks s1, and of
/// the other two servers the one that passes it on; the acknowledgements of the third are a quorum. The client
/// asks each server for 5 rounds, so this repeats after 15; s1 leads at the end of round 4, and the first
/// request that it could hear of is lost in round 4 or later.
#[test]
fn with_all_switches_an_adversary_that_changes_its_mind_starves_a_client() {
    let asked = cuts(3, &["s1: receive-omission"]);
    let asked =
        Question { adversary: Adversary::Omission, rounds: Some(20), ..with_workload(asked, "write") };
    let name = "raft-forwarding-pre-vote-check-quorum";
    let report = judge(name, &asked);
    assert_eq!((report.safe, report.live), (Judgement::Unknown, Judgement::Fails));
    let execution = report.liveness_counterexample.unwrap();
    assert_eq!((execution.rounds.len(), execution.loop_from_round), (20, Some(6)));
    let all = [(Client(1), Server(1)), (Server(2), Server(1)), (Server(3), Server(1))];
    assert_eq!(lost(&execution), all.into());
    let once = Question { adversary: Adversary::StaticCuts, rounds: Some(60), ..asked };
    holds(name, &once, &[("write", 22)]);
}

/// A run with this in every round, of so many rounds.
fn snapshots<P: Protocol>(
    protocol: &P,
    question: &Question,
    cut: &[(Process, Process)],
    rounds: usize,
) -> Vec<threeworlds_model::Snapshot<P::State, P::Message>> {
    let mut run = Replay::new(question, protocol).unwrap();
    let mut all = vec![run.snapshot().clone()];
    for _ in 0..rounds {
        let mut moves = Moves::default();
        let sending: Vec<_> = run.sending().collect();
        let lost = sending.into_iter().filter(|link| cut.contains(link));
        moves.removed = lost.map(|link| (link, Charge::Process(Server(1)))).collect();
        run.round(&moves).unwrap();
        all.push(run.snapshot().clone());
    }
    all
}

/// A server that hears nobody and is heard by nobody campaigns every 3 rounds in a higher term, and the
/// others, once they have a leader, do the same in every round. So the run repeats with period 3 but for the
/// terms of s1, which is recognised; with period 2 it does not.
#[test]
fn a_run_that_repeats_but_for_terms_is_recognised() {
    let question = cuts(3, &OMISSION);
    let raft = Raft::new(&question.system, raft("raft"));
    let isolated = [(1, 2), (1, 3), (2, 1), (3, 1)].map(|(from, to)| (Server(from), Server(to)));
    let all = snapshots(&raft, &question, &isolated, 60);
    assert!(recurs(&&raft, &all[40..], 3));
    assert_ne!(all[40], all[43]);
    assert!(!recurs(&&raft, &all[40..], 2) && !recurs(&&raft, &all[..], 3));
    assert!(!recurs(&&raft, &all[40..46], 3), "two periods are needed");
    assert!(!recurs(&&raft, &all[40..], 0));
    // For every run of the rest, the same renumbering takes each state to the one three rounds later.
    for (now, later) in all[40..].iter().zip(&all[43..]) {
        let ((now, low), (later, high)) = (without_terms(&&raft, now), without_terms(&&raft, later));
        assert_eq!(now, later);
        let grown: BTreeSet<u32> = low.iter().zip(&high).map(|(low, high)| high - low).collect();
        assert!(grown.is_subset(&BTreeSet::from([0, 1])), "{grown:?}");
    }
}

/// The promise behind it, tried out on every step of many runs: if the terms of a step's arguments are further
/// apart, so are those of its outcome, and nothing else is different.
#[test]
fn steps_do_not_depend_on_how_far_terms_are_apart() {
    let question = cuts(3, &OMISSION);
    let system = question.system;
    let mut widened = 0;
    for description in rafts() {
        let BuiltIn::Raft(options) = description.built_in else { unreachable!() };
        let raft = Raft::new(&system, options);
        for cut in [vec![(1, 2), (3, 1)], vec![(2, 1), (3, 1)], vec![(1, 3), (3, 1), (1, 2)]] {
            let cut: Vec<_> = cut.into_iter().map(|(from, to)| (Server(from), Server(to))).collect();
            let all = snapshots(&raft, &question, &cut, 40);
            for (before, after) in all.iter().zip(&all[1..]) {
                for server in system.server_ids() {
                    let [mut start, mut end] =
                        [before, after].map(|one| one.locals[system.index(server)].clone().unwrap());
                    let of = |from: Process| &before.locals[system.index(from)].as_ref().unwrap().send;
                    let arrives = |from: Process| !cut.contains(&(from, server));
                    let to_server = |from: Process| {
                        let sent = of(from).iter().find(|(to, _)| *to == server && arrives(from));
                        Some((from, sent?.1.clone()))
                    };
                    let mut received: Vec<_> = system.server_ids().filter_map(to_server).collect();
                    let mut terms = BTreeSet::from([0]);
                    let mut collect = |term: &mut u32| {
                        terms.insert(*term);
                    };
                    raft.terms_of_state(&mut start.state, &mut collect);
                    raft.terms_of_state(&mut end.state, &mut collect);
                    received.iter_mut().for_each(|(_, one)| raft.terms_of_message(one, &mut collect));
                    end.send.iter_mut().for_each(|(_, one)| raft.terms_of_message(one, &mut collect));
                    // Successors stay successors, others go 100 further apart.
                    let mut up = BTreeMap::from([(0, 0)]);
                    for (low, high) in terms.iter().zip(terms.iter().skip(1)) {
                        let gap = if high - low == 1 { 1 } else { high - low + 100 };
                        up.insert(*high, up[low] + gap);
                    }
                    widened += usize::from(up.iter().any(|(term, up)| term != up));
                    let mut raise = |term: &mut u32| *term = up[term];
                    raft.terms_of_state(&mut start.state, &mut raise);
                    raft.terms_of_state(&mut end.state, &mut raise);
                    received.iter_mut().for_each(|(_, one)| raft.terms_of_message(one, &mut raise));
                    end.send.iter_mut().for_each(|(_, one)| raft.terms_of_message(one, &mut raise));
                    let step = raft.step(server, &start.state, None, &received);
                    assert_eq!((step.state, step.send), (end.state, end.send), "{}", description.name);
                }
            }
        }
    }
    assert!(widened > 500, "{widened}");
}

/// What is found is confirmed by replaying it, and rejected when a message on a cut link arrives, or when
/// the loop is cut short.
#[test]
fn the_evidence_is_replayed() {
    let question = cuts(3, &["s1: receive-omission"]);
    let name = "raft-forwarding-check-quorum";
    let protocol = Raft::new(&question.system, raft(name));
    let execution = judge(name, &question).liveness_counterexample.unwrap();
    verify(&execution, &protocol).unwrap();
    let cut: Vec<_> = lost(&execution).into_iter().collect();
    assert!(cut.iter().all(|(from, to)| from.number() != 1 && *to == Server(1)));
    let mut short = execution.clone();
    short.rounds.pop();
    let rejected = verify(&short, &protocol).unwrap_err().to_string();
    assert!(rejected.contains("do not repeat"), "{rejected}");
    let mut open = execution.clone();
    let sent = open.rounds.iter_mut().rev().flat_map(|round| &mut round.messages);
    sent.into_iter().find(|sent| sent.removed.is_some()).unwrap().removed = None;
    let rejected = verify(&open, &protocol).unwrap_err().to_string();
    assert!(rejected.contains("on a link that is cut for ever, and it arrives"), "{rejected}");
}
