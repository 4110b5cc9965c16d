//! The protocol against every adversary of a few questions: this is all that it takes.

use own_protocol::EagerPrimary;
use threeworlds_engine::{Judgement, Stop, check};
use threeworlds_model::{CrashDelivery, FaultClass, Property, Question};

/// Two servers, one of which may crash; two clients, which may lose messages.
fn one_crash(delivery: CrashDelivery) -> Question {
    let mut question = Question::usual(2, 1, 2, FaultClass::Crash, FaultClass::Omission).unwrap();
    question.crash_delivery = delivery;
    question
}

#[test]
fn telling_the_backup_first_is_enough_where_the_network_keeps_the_order() {
    let report = check(&one_crash(CrashDelivery::Prefix), &EagerPrimary).unwrap();
    assert_eq!((report.safe, report.live), (Judgement::Holds, Judgement::Holds));
    assert_eq!(report.coverage.stop, Stop::Closed, "so it holds for executions of any length");
    assert_eq!(report.worst_case_rounds["write"], 4);
}

#[test]
fn it_is_not_enough_where_any_of_the_last_messages_may_be_lost() {
    let report = check(&one_crash(CrashDelivery::AnySubset), &EagerPrimary).unwrap();
    assert_eq!(report.safe, Judgement::Fails);
    assert_eq!(report.property, Some(Property::Agreement));
    // The primary crashes while it tells a client, and its backup never hears of it.
    let execution = report.safety_counterexample.unwrap();
    assert!(execution.crash_round(threeworlds_model::Process::Server(1)).is_some());
    println!("{}", execution.text());
}
