//! The two-server primary-backup protocol at its bound and one step beyond it.

use threeworlds_engine::{Judgement, Stop, check};
use threeworlds_model::{FaultClass, Property, Question};
use threeworlds_protocols::PrimaryBackup;

#[test]
fn survives_one_crash_and_any_omission_faulty_clients() {
    let question = Question::usual(2, 1, 2, FaultClass::Crash, FaultClass::Omission).unwrap();
    let report = check(&question, &PrimaryBackup::new(&question.system).unwrap()).unwrap();
    assert_eq!((report.safe, report.live), (Judgement::Holds, Judgement::Holds));
    assert_eq!(report.coverage.stop, Stop::Closed);
    println!("{:?} {:?}", report.coverage, report.worst_case_rounds);
}

#[test]
fn falls_to_one_omission_failure() {
    let question = Question::usual(2, 1, 2, FaultClass::Omission, FaultClass::Omission).unwrap();
    let report = check(&question, &PrimaryBackup::new(&question.system).unwrap()).unwrap();
    println!("{:?} {:?} {:?}", report.coverage, report.safe, report.live);
    println!(
        "{:#?}",
        report.three_worlds.as_ref().map(|t| (t.fall, &t.indistinguishable, &t.worlds[2].claim))
    );
    println!(
        "{:#?}",
        report.safety_counterexample.as_ref().map(|e| (e.rounds.len(), e.removed(), &e.faulty, &e.claim))
    );
    assert_eq!(report.safe, Judgement::Fails);
    assert_eq!(report.property, Some(Property::Agreement));
}
