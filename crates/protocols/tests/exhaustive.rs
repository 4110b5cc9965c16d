//! What each protocol claims in the first paragraph of its file, against every adversary: explored to the
//! fixpoint, so the verdicts are for executions of any length. For the protocols whose bounds the engine
//! explores (`bounds`), that the slow explorer finds the same at the smallest sizes.
//!
//! The state counts are pinned: a change of a protocol that means to change nothing changes none of them.

mod brute;

use std::collections::BTreeMap;

use brute::{Findings, explore};
use threeworlds_engine::{Judgement, Stop, check};
use threeworlds_model::{
    Consistency, CrashDelivery, FaultClass, Property, Protocol, Question, Timing, Workload,
};
use threeworlds_protocols::{
    ClientPeers, ClientRelay, Majority, OrderedBackup, PrimaryBackup, RankedBackup, ReceiveOmission,
    SendOmission, Unreplicated, UnreplicatedWitness,
};

fn question(servers: usize, faults: usize, server_faults: FaultClass) -> Question {
    Question::usual(servers, faults, 2, server_faults, FaultClass::Omission).unwrap()
}

fn with_workload(mut question: Question, workload: &str) -> Question {
    question.workload = Workload::parse(workload, question.task, &question.system).unwrap();
    question
}

fn primary_backup(question: &Question) -> Findings {
    explore(&PrimaryBackup::new(&question.system).unwrap(), question)
}

fn majority(question: &Question) -> Findings {
    explore(&Majority::new(&question.system), question)
}

/// Asserts that the protocol is safe and live, and with which worst case for a write and a read.
#[track_caller]
fn assert_holds(findings: &Findings, states: usize, write: usize, read: usize) {
    assert_eq!(findings.violation, None);
    assert!(findings.terminates);
    assert_eq!(findings.worst.get("write"), Some(&write), "worst case of a write");
    assert_eq!(findings.worst.get("read"), Some(&read), "worst case of a read");
    assert_eq!(findings.states, states, "states");
}

#[test]
fn unreplicated_holds_with_a_server_that_never_fails() {
    assert_holds(&explore(&Unreplicated, &question(1, 0, FaultClass::None)), 168, 2, 2);
    assert_holds(&explore(&Unreplicated, &question(3, 0, FaultClass::None)), 168, 2, 2);
    let lossy = Question { timing: Timing::PartialSynchrony, ..question(1, 0, FaultClass::None) };
    assert_holds(&explore(&Unreplicated, &lossy), 336, 2, 2);
}

#[test]
fn unreplicated_is_safe_and_not_live_when_the_server_can_fail() {
    for class in [FaultClass::Crash, FaultClass::Omission] {
        let findings = explore(&Unreplicated, &question(1, 1, class));
        assert_eq!(findings.violation, None, "{class}");
        assert!(!findings.terminates, "{class}");
    }
}

#[test]
fn primary_backup_holds_with_one_crash() {
    assert_holds(&primary_backup(&question(2, 1, FaultClass::Crash)), 766, 5, 4);
    let crashing_clients = Question::usual(2, 1, 2, FaultClass::Crash, FaultClass::Crash).unwrap();
    assert_holds(&primary_backup(&crashing_clients), 2010, 5, 4);
    let mut prefix = question(2, 1, FaultClass::Crash);
    prefix.crash_delivery = CrashDelivery::Prefix;
    assert_holds(&primary_backup(&prefix), 766, 5, 4);
}

#[test]
fn primary_backup_is_safe_and_not_live_with_two_crashes() {
    let findings = primary_backup(&question(2, 2, FaultClass::Crash));
    assert_eq!(findings.violation, None);
    assert!(!findings.terminates);
}

/// The backup, or the client, cut off from the primary from the start: both lead, and the first answers
/// that differ arrive in round 4.
#[test]
fn primary_backup_loses_agreement_to_one_omission_fault() {
    for class in [
        FaultClass::Omission,
        FaultClass::SendOmission,
        FaultClass::ReceiveOmission,
        FaultClass::SendOrReceiveOmission,
    ] {
        let findings = primary_backup(&question(2, 1, class));
        assert_eq!(findings.violation, Some((4, Property::Agreement)), "{class}");
        assert!(!findings.terminates, "{class}");
    }
}

#[test]
fn majority_holds_with_one_omission_fault_among_three() {
    let one_writes = with_workload(question(3, 1, FaultClass::Omission), "c1: write; c2: read");
    assert_holds(&majority(&one_writes), 7452, 7, 5);
    let findings = majority(&with_workload(question(3, 1, FaultClass::Omission), "write"));
    assert_eq!((findings.violation, findings.terminates), (None, true));
    assert_eq!(findings.worst["write"], 7);
    assert_eq!(findings.states, 12_324);
}

#[test]
fn majority_holds_with_one_crash_among_three() {
    let one_writes = with_workload(question(3, 1, FaultClass::Crash), "c1: write; c2: read");
    assert_holds(&majority(&one_writes), 2244, 7, 5);
}

#[test]
fn majority_is_safe_and_not_live_without_a_non_faulty_majority() {
    let findings = majority(&question(2, 1, FaultClass::Omission));
    assert_eq!(findings.violation, None);
    assert!(!findings.terminates);
    assert_eq!(findings.states, 4064);
}

#[test]
fn majority_is_safe_before_gst() {
    let one_writes = with_workload(question(2, 0, FaultClass::None), "c1: write; c2: read");
    let findings = majority(&Question { timing: Timing::PartialSynchrony, ..one_writes });
    assert_eq!((findings.violation, findings.terminates), (None, true));
}

#[test]
fn both_are_linearizable_too() {
    let linearizable = |question| Question { consistency: Consistency::Linearizable, ..question };
    let findings = primary_backup(&linearizable(question(2, 1, FaultClass::Crash)));
    assert_eq!((findings.violation, findings.terminates), (None, true));
    let reads = with_workload(question(3, 1, FaultClass::Crash), "c1: write; c2: read, read");
    let findings = majority(&linearizable(reads));
    assert_eq!((findings.violation, findings.terminates), (None, true));
}

/// Asserts that the slow explorer and the engine find the same: a violation of safety in the same round or
/// none, whether Termination holds, and if so the same worst cases.
#[track_caller]
fn assert_same<P: Protocol>(protocol: &P, question: &Question) {
    let findings = explore(protocol, question);
    let report = check(question, protocol).unwrap();
    assert_eq!(report.coverage.stop, Stop::Closed);
    let violation = report.safety_counterexample.map(|execution| execution.rounds.len());
    assert_eq!(findings.violation.map(|(round, _)| round), violation, "a violation of safety");
    assert_eq!(findings.terminates, report.live == Judgement::Holds, "Termination");
    if findings.terminates {
        let slow = findings.worst.iter().map(|(&kind, &rounds)| (kind, rounds));
        // The slow explorer sees no request that is answered in its own round.
        let waits = report.worst_case_rounds.iter().filter(|(_, rounds)| **rounds > 0);
        let fast = waits.map(|(&kind, &rounds)| (kind, rounds as usize));
        assert_eq!(slow.collect::<BTreeMap<_, _>>(), fast.collect());
    }
}

/// At the bound and beyond it, the clients by omission and by crash.
#[track_caller]
fn assert_same_around<P: Protocol>(make: impl Fn(&Question) -> P, server_classes: &[FaultClass]) {
    for &class in server_classes {
        for clients in [FaultClass::Omission, FaultClass::Crash] {
            for faults in [1, 2] {
                let question = Question::usual(2, faults, 2, class, clients).unwrap();
                let crashes = class == FaultClass::Crash || clients == FaultClass::Crash;
                let deliveries = if crashes { CrashDelivery::ALL } else { &[CrashDelivery::AnySubset] };
                for &crash_delivery in deliveries {
                    let question = Question { crash_delivery, ..with_workload(question.clone(), "write") };
                    assert_same(&make(&question), &question);
                }
            }
        }
    }
}

#[test]
fn the_explorers_agree_on_ranked_and_ordered_backup() {
    let classes = [FaultClass::Crash, FaultClass::SendOmission];
    assert_same_around(|question| RankedBackup::new(&question.system), &classes);
    assert_same_around(|question| OrderedBackup::new(&question.system), &classes);
}

#[test]
fn the_explorers_agree_on_receive_omission() {
    let classes = [FaultClass::ReceiveOmission, FaultClass::Crash];
    assert_same_around(|question| ReceiveOmission::new(&question.system), &classes);
}

#[test]
fn the_explorers_agree_on_send_omission() {
    let classes = [FaultClass::Crash, FaultClass::SendOmission, FaultClass::ReceiveOmission];
    assert_same_around(|question| SendOmission::new(&question.system), &classes);
}

#[test]
fn the_explorers_agree_on_client_relay() {
    let classes = [FaultClass::Crash, FaultClass::Omission];
    assert_same_around(|question| ClientRelay::new(&question.system), &classes);
}

#[test]
fn the_explorers_agree_on_unreplicated_witness() {
    assert_same_around(|question| UnreplicatedWitness::new(&question.system), &[FaultClass::Crash]);
}

#[test]
fn the_explorers_agree_on_writes_followed_by_reads() {
    let usual = |class, clients| Question::usual(2, 1, 2, class, clients).unwrap();
    let crash = usual(FaultClass::Crash, FaultClass::Omission);
    assert_same(&RankedBackup::new(&crash.system), &crash);
    let crash = Question { crash_delivery: CrashDelivery::Prefix, ..crash };
    assert_same(&OrderedBackup::new(&crash.system), &crash);
    let receive = usual(FaultClass::ReceiveOmission, FaultClass::Omission);
    assert_same(&ReceiveOmission::new(&receive.system), &receive);
    let send = usual(FaultClass::SendOmission, FaultClass::Omission);
    assert_same(&SendOmission::new(&send.system), &send);
    let relay = usual(FaultClass::Omission, FaultClass::Crash);
    assert_same(&ClientRelay::new(&relay.system), &relay);
    let peers = usual(FaultClass::Omission, FaultClass::ReceiveOmission);
    assert_same(&ClientPeers::new(&peers.system), &peers);
}
