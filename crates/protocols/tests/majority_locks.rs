//! The case that only a long loss before GST brings about: two locks on different values, both of the oldest
//! age. What the leader makes of it decides over safety, and is what `majority` pays for finite states.

use threeworlds_model::{Process, Protocol, Question, Value};
use threeworlds_protocols::{Lock, Majority, MajorityMessage, MajorityState};

fn lock(age: u8, value: &str) -> Lock {
    Lock { age, value: Value::new(value) }
}

/// What `s1` proposes at the end of the report round that it leads, among three servers of which one may
/// fail (so the oldest age is 1), with its own lock and these reports of `s2` and `s3`; `None` for a report
/// that did not arrive.
fn proposal(own: Lock, reports: [Option<Option<Lock>>; 2]) -> Option<String> {
    let mut system = Question::system(3, 2, false).unwrap();
    system.faults = 1;
    let majority = Majority::new(&system);
    let state = MajorityState::Undecided { clock: 0, lock: Some(own) };
    let arrived = (2..).map(Process::Server).zip(reports);
    let received: Vec<_> =
        arrived.filter_map(|(server, lock)| Some((server, MajorityMessage::Report(lock?)))).collect();
    let step = majority.step(Process::Server(1), &state, None, &received);
    step.send.iter().find_map(|(_, message)| match message {
        MajorityMessage::Propose(value) => Some(value.to_string()),
        _ => None,
    })
}

#[test]
fn the_youngest_lock_is_taken() {
    assert_eq!(proposal(lock(1, "C1"), [Some(Some(lock(0, "C2"))), None]), Some("C2".to_owned()));
    assert_eq!(proposal(lock(1, "C1"), [None, Some(None)]), Some("C1".to_owned()));
}

#[test]
fn nothing_is_proposed_without_a_majority() {
    assert_eq!(proposal(lock(1, "C1"), [None, None]), None);
}

/// The server that is not heard may have locked either value, together with one of those that are: either
/// may have been decided.
#[test]
fn of_two_oldest_locks_neither_is_taken_while_either_may_have_been_decided() {
    assert_eq!(proposal(lock(1, "C1"), [None, Some(Some(lock(1, "C2")))]), None);
}

#[test]
fn of_two_oldest_locks_the_one_with_a_majority_is_taken() {
    let reports = [Some(Some(lock(1, "C2"))), Some(Some(lock(1, "C2")))];
    assert_eq!(proposal(lock(1, "C1"), reports), Some("C2".to_owned()));
}

#[test]
fn of_two_oldest_locks_that_were_not_decided_the_least_is_taken() {
    let reports = [Some(Some(lock(1, "C1"))), Some(None)];
    assert_eq!(proposal(lock(1, "C2"), reports), Some("C1".to_owned()));
}
