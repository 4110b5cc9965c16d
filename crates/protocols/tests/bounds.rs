//! Each protocol at its bound and one step beyond it, explored to the fixpoint by the engine, so that the
//! verdicts are for executions of any length. The worst cases in rounds are pinned, and so are the numbers
//! of states (where servers are alike, of those that stand for the others): a change of a protocol that means to
//! change nothing changes none of them.

use threeworlds_engine::{Judgement, Report, Stop, check};
use threeworlds_model::{
    Consistency, CrashDelivery, FaultClass, FaultModel, FaultRule, Property, Protocol, Question, System,
    Workload,
};
use threeworlds_protocols::{
    ClientBlame, ClientPeers, ClientRelay, OrderedBackup, RankedBackup, ReceiveOmission, SendOmission,
    Unreplicated, UnreplicatedWitness,
};

/// A question in lock-step with any-subset crash delivery and these fault rules.
fn question(servers: usize, clients: usize, rules: &[&str]) -> Question {
    let question =
        Question::usual(servers, 0, clients, FaultClass::None, FaultClass::None).expect("small enough");
    let rule =
        |text: &&str| FaultRule::parse(text, &question.system).unwrap_or_else(|error| panic!("{error}"));
    let rules = rules.iter().map(rule).collect();
    question.with_fault_model(FaultModel { rules })
}

fn with_workload(mut question: Question, workload: &str) -> Question {
    question.workload = Workload::parse(workload, question.task, &question.system).unwrap();
    question
}

/// One client writes and another reads at any time, before the write too.
fn one_writes(question: Question) -> Question {
    with_workload(question, "c1: write; c2: read")
}

fn prefix(question: Question) -> Question {
    Question { crash_delivery: CrashDelivery::Prefix, ..question }
}

fn judge<P: Protocol>(make: impl Fn(&System) -> P, question: &Question) -> Report {
    let report = check(question, &make(&question.system)).unwrap();
    assert_eq!(report.coverage.stop, Stop::Closed);
    report
}

/// Asserts that the protocol is safe and live, linearizable too, with this worst case for a write and for a
/// read, and this many states.
#[track_caller]
fn holds<P: Protocol>(
    make: impl Fn(&System) -> P,
    question: Question,
    [write, read]: [u32; 2],
    states: usize,
) {
    let linearizable = Question { consistency: Consistency::Linearizable, ..question.clone() };
    assert_eq!(judge(&make, &linearizable).verdict(), Judgement::Holds, "linearizable");
    let report = judge(&make, &question);
    assert_eq!(report.verdict(), Judgement::Holds);
    assert_eq!(report.worst_case_rounds.get("write"), Some(&write), "worst case of a write");
    assert_eq!(report.worst_case_rounds.get("read"), Some(&read), "worst case of a read");
    assert_eq!(report.coverage.states, states, "states");
}

/// Asserts that a shortest unsafe execution has so many rounds and violates Agreement.
#[track_caller]
fn loses_agreement<P: Protocol>(make: impl Fn(&System) -> P, question: Question, rounds: usize) {
    let report = judge(make, &question);
    let execution = report.safety_counterexample.expect("a violation of safety");
    assert_eq!(execution.claim.map(|claim| claim.property), Some(Property::Agreement));
    assert_eq!(execution.rounds.len(), rounds);
}

/// Asserts that the protocol is safe, and that some client may wait for ever.
#[track_caller]
fn is_safe_and_not_live<P: Protocol>(make: impl Fn(&System) -> P, question: Question) {
    let report = judge(make, &question);
    assert_eq!((report.safe, report.live), (Judgement::Holds, Judgement::Fails));
}

#[test]
fn unreplicated_witness_holds_whatever_happens_to_the_others() {
    let rules = ["w: none", "any of servers: omission", "clients: omission"];
    holds(UnreplicatedWitness::new, question(2, 2, &rules), [2, 2], 449);
    holds(UnreplicatedWitness::new, question(3, 2, &rules), [2, 2], 449);
    holds(|_| Unreplicated, question(2, 2, &["s1: none", "any of servers: omission"]), [2, 2], 110);
}

#[test]
fn unreplicated_witness_is_safe_and_not_live_when_the_last_server_can_fail() {
    is_safe_and_not_live(UnreplicatedWitness::new, question(2, 2, &["s1: none", "w: crash"]));
}

#[test]
fn ranked_backup_holds_with_all_servers_but_one_crashing() {
    holds(RankedBackup::new, question(2, 2, &["1 of servers: crash", "clients: omission"]), [4, 2], 3774);
    holds(RankedBackup::new, question(3, 2, &["2 of servers: crash", "clients: omission"]), [6, 2], 23036);
    let crashing_clients = question(3, 2, &["2 of servers: crash", "clients: crash"]);
    holds(RankedBackup::new, one_writes(crashing_clients.clone()), [6, 5], 5788);
    holds(RankedBackup::new, prefix(one_writes(crashing_clients)), [6, 5], 4574);
}

#[test]
fn ranked_backup_is_safe_and_not_live_when_all_servers_crash() {
    is_safe_and_not_live(RankedBackup::new, question(2, 2, &["2 of servers: crash"]));
}

#[test]
fn ranked_backup_loses_agreement_to_one_omission_fault() {
    for class in ["send-omission", "receive-omission", "omission"] {
        for servers in [2, 3] {
            let rules = [&format!("1 of servers: {class}"), "clients: omission"];
            loses_agreement(RankedBackup::new, question(servers, 2, &rules), 4);
        }
    }
}

#[test]
fn ordered_backup_holds_with_prefix_delivery() {
    let rules = ["1 of servers: crash", "clients: omission"];
    holds(OrderedBackup::new, prefix(question(2, 2, &rules)), [4, 4], 1963);
    let rules = ["2 of servers: crash", "clients: omission"];
    holds(OrderedBackup::new, prefix(question(3, 2, &rules)), [6, 6], 6137);
    let rules = ["2 of servers: crash", "clients: crash"];
    holds(OrderedBackup::new, prefix(one_writes(question(3, 2, &rules))), [6, 6], 3318);
}

/// The leader's answer arrives and its beat does not.
#[test]
fn ordered_backup_loses_agreement_to_any_subset_delivery() {
    for servers in [2, 3] {
        loses_agreement(OrderedBackup::new, question(servers, 2, &["1 of servers: crash"]), 4);
    }
}

#[test]
fn ordered_backup_is_safe_and_not_live_when_all_servers_crash() {
    is_safe_and_not_live(OrderedBackup::new, prefix(question(2, 2, &["2 of servers: crash"])));
}

#[test]
fn receive_omission_holds_with_all_servers_but_one_omitting_to_receive() {
    let rules = ["1 of servers: receive-omission", "clients: omission"];
    holds(ReceiveOmission::new, question(2, 2, &rules), [3, 2], 1905);
    let rules = ["2 of servers: receive-omission", "clients: omission"];
    holds(ReceiveOmission::new, question(3, 2, &rules), [3, 2], 5109);
    let rules = ["2 of servers: receive-omission", "clients: crash"];
    holds(ReceiveOmission::new, one_writes(question(3, 2, &rules)), [3, 2], 1788);
}

/// Crash is not below receive-omission.
#[test]
fn receive_omission_is_safe_and_not_live_beyond() {
    for rule in [
        "1 of servers: crash",
        "1 of servers: send-omission",
        "1 of servers: omission",
        "2 of servers: receive-omission",
    ] {
        is_safe_and_not_live(ReceiveOmission::new, question(2, 2, &[rule, "clients: omission"]));
    }
    is_safe_and_not_live(
        ReceiveOmission::new,
        one_writes(question(3, 2, &["3 of servers: omission", "clients: omission"])),
    );
}

#[test]
fn send_omission_holds_with_all_servers_but_one_omitting_to_send() {
    let rules = ["1 of servers: send-omission", "clients: omission"];
    holds(SendOmission::new, question(2, 2, &rules), [4, 2], 2554);
    let rules = ["2 of servers: send-omission", "clients: omission"];
    holds(SendOmission::new, question(3, 2, &rules), [7, 2], 18240);
    let rules = ["2 of servers: send-omission", "clients: crash"];
    holds(SendOmission::new, one_writes(question(3, 2, &rules)), [7, 6], 22308);
}

#[test]
fn send_omission_holds_with_crashes_too() {
    let rules = ["1 of servers: crash", "1 of servers: send-omission", "clients: omission"];
    holds(SendOmission::new, one_writes(question(3, 2, &rules)), [7, 6], 13209);
    let rules = ["2 of servers: crash", "clients: omission"];
    holds(SendOmission::new, one_writes(question(3, 2, &rules)), [7, 5], 4860);
}

#[test]
fn send_omission_is_safe_and_not_live_with_one_server_that_omits_to_receive() {
    for servers in [2, 3] {
        let rules = ["1 of servers: receive-omission", "clients: omission"];
        is_safe_and_not_live(SendOmission::new, one_writes(question(servers, 2, &rules)));
    }
}

#[test]
fn send_omission_loses_agreement_when_two_servers_believe_that_they_are_alone() {
    for rule in ["2 of servers: send-omission", "2 of servers: receive-omission", "1 of servers: omission"] {
        loses_agreement(SendOmission::new, question(2, 2, &[rule, "clients: omission"]), 3);
    }
}

#[test]
fn client_relay_holds_with_crashing_clients() {
    let rules = ["1 of servers: omission", "clients: crash"];
    holds(ClientRelay::new, question(2, 2, &rules), [5, 0], 2073);
    let rules = ["2 of servers: omission", "clients: crash"];
    holds(ClientRelay::new, question(3, 2, &rules), [5, 0], 5039);
    let rules = ["1 of servers: omission", "1 of servers: crash", "clients: crash"];
    holds(ClientRelay::new, with_workload(question(3, 2, &rules), "c1: read; c2: write"), [5, 1], 2992);
}

/// A third client can crash in between: it is what makes overwriting and waiting necessary.
#[test]
fn client_relay_holds_with_three_clients() {
    let two_write = "c1,c3: write; c2: read";
    holds(ClientRelay::new, with_workload(question(1, 3, &["clients: crash"]), two_write), [8, 2], 4090);
    let rules = ["1 of servers: omission", "clients: crash"];
    holds(ClientRelay::new, with_workload(question(2, 3, &rules), two_write), [8, 2], 28347);
}

#[test]
fn client_relay_loses_agreement_to_one_client_that_omits() {
    for class in ["send-omission", "receive-omission"] {
        loses_agreement(ClientRelay::new, question(1, 2, &[&format!("1 of clients: {class}")]), 2);
    }
}

#[test]
fn client_relay_loses_agreement_when_all_servers_can_fail() {
    for class in ["crash", "send-omission", "receive-omission"] {
        let rules = [&format!("2 of servers: {class}"), "clients: crash"];
        loses_agreement(ClientRelay::new, question(2, 2, &rules), 2);
    }
}

#[test]
fn client_peers_holds_with_clients_that_omit_to_receive() {
    let rules = ["1 of servers: omission", "clients: receive-omission"];
    holds(ClientPeers::new, question(2, 2, &rules), [2, 0], 2072);
    let rules = ["1 of servers: omission", "1 of servers: crash", "clients: receive-omission"];
    holds(ClientPeers::new, question(3, 2, &rules), [2, 0], 4144);
    let rules = ["1 of servers: omission", "clients: receive-omission"];
    holds(ClientPeers::new, with_workload(question(2, 3, &rules), "c1,c3: write; c2: read"), [2, 0], 21184);
}

#[test]
fn client_peers_is_safe_and_not_live_beyond() {
    for class in ["crash", "send-omission", "omission"] {
        let rules = ["1 of servers: omission", &format!("clients: {class}")];
        is_safe_and_not_live(ClientPeers::new, question(2, 2, &rules));
    }
    is_safe_and_not_live(ClientPeers::new, question(2, 2, &["2 of servers: omission"]));
}

fn client_blame(system: &threeworlds_model::System) -> ClientBlame {
    ClientBlame::new(system).unwrap()
}

/// A write reaches a server in the round after the request, the clients in the next, and is the register two
/// rounds later: `solve --least-rounds` shows that no protocol needs fewer than these four.
#[test]
fn client_blame_holds_with_clients_that_omit_to_send() {
    let rules = ["1 of servers: omission", "clients: send-omission"];
    holds(client_blame, question(2, 2, &rules), [4, 0], 53_604);
    let rules = ["1 of servers: omission", "clients: crash"];
    holds(client_blame, question(2, 2, &rules), [4, 0], 30_490);
}

#[test]
fn client_blame_loses_agreement_beyond() {
    let rules = ["1 of servers: omission", "clients: receive-omission"];
    loses_agreement(client_blame, question(2, 2, &rules), 3);
    let rules = ["2 of servers: send-omission", "clients: none"];
    loses_agreement(client_blame, question(2, 2, &rules), 4);
}
