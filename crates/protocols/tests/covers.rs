//! `BuiltIn::covers` promises nothing that exploring everything does not confirm: small questions with every
//! pair of classes for servers and clients, every number of faulty servers, both timings and deliveries,
//! witnesses and mixed rules. The promise is of linearizability, which is more than the properties.
//!
//! Not tried here, to keep it short: three servers with a workload in which both clients write (`bounds` has
//! that at the bounds themselves), and more than three servers or two clients.

use threeworlds_engine::{Judgement, Report, check};
use threeworlds_model::{
    Consistency, CrashDelivery, FaultClass, FaultModel, FaultRule, Question, Task, Timing, Workload,
};
use threeworlds_protocols::{BuiltIn, all};

/// A question with two clients in every timing and delivery that can make a difference.
fn questions(servers: usize, rules: &[String]) -> Vec<Question> {
    let mut question = Question::usual(servers, 0, 2, FaultClass::None, FaultClass::None).unwrap();
    let system = question.system;
    let workload = if servers < 3 { "write" } else { "c1: write; c2: read" };
    question.workload = Workload::parse(workload, question.task, &system).unwrap();
    question.consistency = Consistency::Linearizable;
    let rules = rules.iter().map(|rule| FaultRule::parse(rule, &system).unwrap());
    let question = question.with_fault_model(FaultModel { rules: rules.collect() });
    let crashes = question.fault_model.rules.iter().any(|rule| rule.class == FaultClass::Crash);
    let deliveries: &[CrashDelivery] = if crashes { CrashDelivery::ALL } else { &[CrashDelivery::AnySubset] };
    let mut all = Vec::new();
    for &timing in Timing::ALL {
        all.extend(deliveries.iter().map(|&crash_delivery| Question {
            timing,
            crash_delivery,
            ..question.clone()
        }));
    }
    all
}

fn judge(protocol: BuiltIn, question: &Question) -> Report {
    check(question, &protocol.protocol(&question.system).unwrap()).unwrap()
}

/// Large under partial synchrony, and the same whatever the classes: `quorums` has them at their bounds.
const BY_MAJORITY: [BuiltIn; 2] = [BuiltIn::LockCommit, BuiltIn::CommitNotify];

/// Asserts that every protocol that covers a question with these rules is right there; how many do, summed
/// up over the questions.
#[track_caller]
fn confirm(servers: usize, rules: &[String]) -> usize {
    let mut covering = 0;
    for question in questions(servers, rules) {
        for protocol in all().iter().map(|description| description.built_in) {
            if protocol.covers(&question) && !BY_MAJORITY.contains(&protocol) {
                covering += 1;
                assert_eq!(
                    judge(protocol, &question).verdict(),
                    Judgement::Holds,
                    "{protocol} {servers} {rules:?} {} {}",
                    question.timing,
                    question.crash_delivery
                );
            }
        }
    }
    covering
}

/// The rules of the usual question, every one for so many servers.
fn usual(servers: usize, server_classes: &[FaultClass]) -> Vec<Vec<String>> {
    let mut all = vec![];
    for clients in FaultClass::ALL {
        all.push(vec![format!("clients: {clients}")]);
        for class in server_classes {
            for faults in 1..=servers {
                all.push(vec![format!("{faults} of servers: {class}"), format!("clients: {clients}")]);
            }
        }
    }
    all
}

fn confirm_all(servers: usize, rules: Vec<Vec<String>>) -> usize {
    rules.iter().map(|rules| confirm(servers, rules)).sum()
}

const SERVER_CLASSES: &[FaultClass] = &[
    FaultClass::Crash,
    FaultClass::SendOmission,
    FaultClass::ReceiveOmission,
    FaultClass::SendOrReceiveOmission,
    FaultClass::Omission,
];

/// Without server faults six protocols hold in lock-step whatever the clients do, and two under partial
/// synchrony; `client-relay` if clients only crash, `client-peers` if they only omit to receive, both if they
/// do not fail; and `ordered-backup` with prefix delivery, which is asked about where clients crash. By the
/// classes of clients: none 10, crash 9 + 10, receive-omission 9, and 8 for each of the other three.
#[test]
fn one_server() {
    assert_eq!(confirm_all(1, usual(1, SERVER_CLASSES)), 62);
}

#[test]
fn two_servers() {
    assert_eq!(confirm_all(2, usual(2, SERVER_CLASSES)), 179);
}

#[test]
fn three_servers_that_crash_or_omit_to_send() {
    assert_eq!(confirm_all(3, usual(3, &[FaultClass::Crash, FaultClass::SendOmission])), 181);
}

#[test]
fn three_servers_that_omit_to_receive_or_more() {
    let classes = [FaultClass::ReceiveOmission, FaultClass::SendOrReceiveOmission, FaultClass::Omission];
    assert_eq!(confirm_all(3, usual(3, &classes)), 127);
}

/// A server that never fails, wherever it stands in the order; the clients by omission.
#[test]
fn witnesses() {
    let mut covering = 0;
    for class in SERVER_CLASSES {
        for witness in ["s1", "w"] {
            let rules = |servers: &str| {
                vec![
                    format!("{witness}: none"),
                    format!("{servers}: {class}"),
                    "clients: omission".to_owned(),
                ]
            };
            covering += confirm(2, &rules("servers"));
            covering += confirm(3, &rules("servers"));
        }
        covering +=
            confirm(3, &["s2: none".to_owned(), format!("servers: {class}"), "clients: crash".to_owned()]);
    }
    assert_eq!(covering, 99);
}

/// Different classes for different servers, or for different clients.
#[test]
fn mixed_rules() {
    let mut covering = 0;
    for one in SERVER_CLASSES {
        for other in SERVER_CLASSES.iter().filter(|&other| other > one) {
            let servers = [format!("1 of servers: {one}"), format!("1 of servers: {other}")];
            for clients in ["clients: omission", "clients: crash"] {
                let rules = [servers.as_slice(), &[clients.to_owned()]].concat();
                covering += confirm(2, &rules);
                covering += confirm(3, &rules);
            }
            let clients = [format!("c1: {one}"), format!("c2: {other}")];
            let rules = [&["1 of servers: crash".to_owned()], clients.as_slice()].concat();
            covering += confirm(2, &rules);
        }
    }
    assert_eq!(covering, 96);
}

/// Which protocols cover the question, by name.
fn covering(question: &Question) -> Vec<&'static str> {
    let covering = all().iter().filter(|description| description.built_in.covers(question));
    covering.map(|description| description.name).collect()
}

/// The rows of the map in which replication is possible, at sizes nobody explores.
#[test]
fn each_possible_row_has_a_protocol() {
    use FaultClass::{Crash, None, Omission, ReceiveOmission, SendOmission, SendOrReceiveOmission};
    let usual = |faults, servers, clients| Question::usual(9, faults, 5, servers, clients).unwrap();
    for clients in [None, Crash, SendOmission, ReceiveOmission, SendOrReceiveOmission, Omission] {
        assert!(covering(&usual(8, Crash, clients)).contains(&"ranked-backup"));
        assert!(covering(&usual(8, SendOmission, clients)).contains(&"send-omission"));
        assert!(covering(&usual(8, ReceiveOmission, clients)).contains(&"receive-omission"));
        assert!(covering(&usual(4, Omission, clients)).contains(&"majority"));
        assert!(covering(&usual(0, None, clients)).contains(&"unreplicated"));
    }
    for clients in [None, Crash, SendOmission, ReceiveOmission, SendOrReceiveOmission, Omission] {
        for (task, name) in [
            (Task::WriteOnceRegister, "lock-commit"),
            (Task::Register, "atomic-register"),
            (Task::Log, "replicated-log"),
            (Task::KeyValueStore, "replicated-kv"),
            (Task::Bank, "replicated-bank"),
        ] {
            for &timing in Timing::ALL {
                let question = Question { timing, ..usual(4, Omission, clients).with_task(task) };
                assert!(covering(&question).contains(&name), "{name}");
                let beyond = Question { timing, ..usual(5, Omission, clients).with_task(task) };
                assert!(!covering(&beyond).contains(&name), "{name}");
            }
        }
    }
    assert_eq!(covering(&usual(8, Omission, None)), ["client-relay", "client-peers"]);
    assert_eq!(covering(&usual(8, Omission, Crash)), ["client-relay"]);
    assert_eq!(covering(&usual(8, Omission, ReceiveOmission)), ["client-peers"]);
    let two = Question::usual(2, 1, 5, Omission, SendOmission).unwrap();
    assert_eq!(covering(&two), ["client-blame"]);
}

#[test]
fn nothing_covers_what_is_impossible_or_another_task() {
    use FaultClass::{Crash, Omission, SendOrReceiveOmission};
    let question = |faults, servers, clients| Question::usual(4, faults, 2, servers, clients).unwrap();
    let none: [&str; 0] = [];
    assert_eq!(covering(&question(2, Omission, Omission)), none);
    assert_eq!(covering(&question(2, SendOrReceiveOmission, SendOrReceiveOmission)), none);
    assert_eq!(covering(&question(4, Crash, Crash)), none);
    let lossy = Question { timing: Timing::PartialSynchrony, ..question(2, Crash, Crash) };
    assert_eq!(covering(&lossy), none);
    assert_eq!(covering(&question(2, Crash, Crash).with_task(Task::Log)), none);
}
