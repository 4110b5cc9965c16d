//! The three worlds as `check` runs them: when the question admits them, how they come out, and who cannot
//! tell which apart.

use threeworlds_engine::{Fall, Observer, Progress, Report, StopReason, ThreeWorlds, check, check_any};
use threeworlds_model::{
    AnyProtocol, FaultClass, FaultModel, FaultRule, Process, Property, Question, Task, Timing, Workload,
    verify,
};
use threeworlds_protocols::{Majority, PrimaryBackup, Unreplicated};

use Process::{Client, Server};

fn question(servers: usize, faults: usize, server_faults: FaultClass, client_faults: FaultClass) -> Question {
    let mut question = Question::usual(servers, faults, 2, server_faults, client_faults).unwrap();
    question.rounds = Some(6);
    question
}

fn under_rules(mut question: Question, rules: &[&str]) -> Question {
    let rules = rules.iter().map(|rule| FaultRule::parse(rule, &question.system).unwrap()).collect();
    question.rounds = Some(6);
    question.with_fault_model(FaultModel { rules })
}

fn worlds(report: &Report) -> &ThreeWorlds {
    report.three_worlds.as_ref().expect("the question admits them")
}

#[test]
fn the_theorem_two_servers_and_one_omission_failure() {
    let question = question(2, 1, FaultClass::Omission, FaultClass::Omission);
    let report = check(&question, &PrimaryBackup::new(&question.system).unwrap()).unwrap();
    let three = worlds(&report);
    assert_eq!(three.groups, [vec![Server(1)], vec![Server(2)]]);
    assert_eq!(three.fall, Fall::Horn(Property::Agreement));
    let seen =
        [(Server(1), ["A", "C"]), (Client(1), ["A", "C"]), (Server(2), ["B", "C"]), (Client(2), ["B", "C"])];
    assert_eq!(three.indistinguishable, seen);
    // In C one faulty server and one faulty client are enough.
    let faulty: Vec<Process> = three.worlds[2].faulty.keys().copied().collect();
    assert_eq!(faulty, [Server(2), Client(2)]);
    assert!(!three.worlds[0].faulty.contains_key(&Client(1)), "c1 is owed an answer in A");
    assert!(!three.worlds[1].faulty.contains_key(&Client(2)), "c2 is owed an answer in B");
}

#[test]
fn half_of_four_servers_is_the_same_as_one_of_two() {
    let mut question = question(4, 2, FaultClass::Omission, FaultClass::Omission);
    question.rounds = Some(30);
    let protocol = Majority::new(&question.system);
    let report = check_any(&question, "majority", &AnyProtocol::new(protocol), &mut Stop).unwrap();
    let three = worlds(&report);
    assert_eq!(three.groups, [vec![Server(1), Server(2)], vec![Server(3), Server(4)]]);
    assert_eq!(three.fall, Fall::Horn(Property::Termination));
    assert!(three.worlds[0].loop_from_round.is_some());
    for world in &three.worlds {
        verify(world, &protocol).unwrap();
    }
}

/// Stops an exploration once it has begun: what matters here came before it.
struct Stop;

impl Observer for Stop {
    fn observe(&mut self, progress: &Progress) -> Option<StopReason> {
        (progress.states > 0).then_some(StopReason::Interrupted)
    }
}

#[test]
fn partial_synchrony_and_crashes_brewers_conjecture() {
    // Dwork, Lynch and Stockmeyer 1988, Theorem 4.3; Gilbert and Lynch 2002: f < n/2 is needed.
    let mut question = question(2, 1, FaultClass::Crash, FaultClass::Crash);
    question.timing = Timing::PartialSynchrony;
    let report = check(&question, &PrimaryBackup::new(&question.system).unwrap()).unwrap();
    let three = worlds(&report);
    assert_eq!(three.fall, Fall::Horn(Property::Agreement));
    assert!(three.worlds[2].faulty.is_empty(), "in C messages are only late");
    assert_eq!(three.worlds[2].gst, None);
}

#[test]
fn what_the_rules_do_not_admit() {
    let omission = FaultClass::Omission;
    let admitted = |question: &Question| check(question, &Unreplicated).unwrap().three_worlds.is_ok();
    assert!(admitted(&question(2, 1, omission, omission)));
    // The possible rows of the map: each of them has to be refused.
    assert!(!admitted(&question(2, 1, FaultClass::Crash, omission)));
    assert!(!admitted(&question(2, 1, FaultClass::SendOmission, omission)));
    assert!(!admitted(&question(2, 1, FaultClass::ReceiveOmission, omission)));
    assert!(!admitted(&question(2, 1, omission, FaultClass::Crash)));
    assert!(!admitted(&question(2, 1, omission, FaultClass::None)));
    assert!(!admitted(&question(3, 1, omission, omission)));
    // One faulty client at a time is enough; a witness that never fails is in the way, unless it is
    // counted among those that may fail.
    let theorem = question(2, 1, omission, omission);
    assert!(admitted(&under_rules(theorem.clone(), &["1 of servers: omission", "1 of clients: omission"])));
    let three = question(3, 1, omission, omission);
    let witness = ["1 of s1,s2: omission", "w: none", "any of clients: omission"];
    assert!(!admitted(&under_rules(three.clone(), &witness)));
    let mixed = ["1 of servers: omission", "1 of s3: omission", "any of clients: omission"];
    assert!(admitted(&under_rules(three, &mixed)));
    // A client that never fails cannot be the one that is cut off in B.
    assert!(!admitted(&under_rules(theorem, &["1 of servers: omission", "any of c2: omission"])));
}

#[test]
fn what_the_workload_does_not_admit() {
    let question = question(2, 1, FaultClass::Omission, FaultClass::Omission);
    for workload in ["read", "c1: write; c2: none", "write(A)", "c1: write; c2: read, write"] {
        let workload = Workload::parse(workload, Task::WriteOnceRegister, &question.system).unwrap();
        let question = Question { workload, ..question.clone() };
        assert!(check(&question, &Unreplicated).unwrap().three_worlds.is_err());
    }
}

#[test]
fn clients_that_talk_to_each_other_do_not_help_when_they_can_be_cut_off() {
    let mut question = question(2, 1, FaultClass::Omission, FaultClass::Omission);
    question.system.client_links = true;
    let report = check(&question, &PrimaryBackup::new(&question.system).unwrap()).unwrap();
    assert_eq!(worlds(&report).fall, Fall::Horn(Property::Agreement));
}
