use std::sync::atomic::{AtomicUsize, Ordering};

use threeworlds_attack::{Campaign, Part, Report, Verdict, Workload};

use crate::simulated::{Kind, Simulated};
use crate::support::{brief, question};

/// What comes of attacking a simulated program with the usual question.
fn attacked(kind: Kind, servers: usize, workload: Workload, all: bool) -> Report {
    let question = question(servers, 1, 2);
    let brief = brief(&question, workload);
    let campaign =
        Campaign { brief: &brief, jobs: 2, all, random: 3, seed: 7, stop: &|| None, observe: &|_| {} };
    campaign.run(&Simulated::new(kind)).unwrap()
}

/// The verdict in a few words.
fn verdict(report: &Report) -> String {
    match &report.verdict {
        Verdict::Survived => "survived".to_owned(),
        Verdict::Unknown(why) => format!("unknown: {why}"),
        Verdict::Fails { by } => {
            let tried = &report.tried[*by];
            let violation = tried.judged.violation().unwrap();
            format!("{}: {}, {}", tried.derived.plan.name, violation.property, violation.explanation)
        }
    }
}

#[test]
fn two_servers_that_go_on_alone_contradict_each_other_in_world_c() {
    let report = attacked(Kind::Splits, 2, Workload::WriteOnceKv, false);
    assert_eq!(
        verdict(&report),
        "world C, s1 c1 | s2 c2: agreement, c1 asks write-once 1 and is told 1, but c2 asks write-once 2 and is told 2"
    );
    // Nothing was played after the worlds had decided.
    assert!(report.tried.iter().all(|tried| tried.derived.part != Part::Other || tried.runs == 1));
    assert!(report.not_tried.len() > 5, "{:?}", report.not_tried);
}

#[test]
fn two_servers_that_wait_for_each_other_leave_somebody_waiting() {
    let report = attacked(Kind::Majority, 2, Workload::WriteOnceKv, false);
    assert_eq!(
        verdict(&report),
        "world A, s1 c1 | s2 c2: termination, c1, which need not be faulty, asks write-once 1 and is not answered \
         within 10.0 s"
    );
    assert!(report.tried.iter().all(|tried| tried.judged.live.violation().is_none() || tried.runs == 2));
}

#[test]
fn three_servers_with_majorities_survive_everything_within_the_rules() {
    for workload in [Workload::WriteOnceKv, Workload::LinKv] {
        let report = attacked(Kind::Majority, 3, workload, false);
        assert_eq!(verdict(&report), "survived");
        assert!(report.not_tried.is_empty());
        let plans = |name: &str| {
            report.tried.iter().filter(|tried| tried.derived.plan.name.starts_with(name)).count()
        };
        assert_eq!((plans("no fault"), plans("random")), (1, 3));
    }
}

#[test]
fn three_servers_that_go_on_alone_are_caught_without_worlds() {
    let report = attacked(Kind::Splits, 3, Workload::WriteOnceKv, false);
    assert!(verdict(&report).contains("agreement"), "{}", verdict(&report));
    let report = attacked(Kind::Splits, 3, Workload::LinKv, false);
    assert!(verdict(&report).contains("linearizability"), "{}", verdict(&report));
}

#[test]
fn who_does_what_no_program_can_has_a_leak() {
    let report = attacked(Kind::SharesAFile, 2, Workload::WriteOnceKv, true);
    assert!(verdict(&report).contains("something leaked"), "{}", verdict(&report));
}

#[test]
fn who_fails_without_faults_is_not_attacked() {
    let report = attacked(Kind::Silent, 3, Workload::WriteOnceKv, true);
    assert!(verdict(&report).starts_with("no fault: termination"), "{}", verdict(&report));
    assert_eq!(report.tried.len(), 1);
}

#[test]
fn an_answer_that_comes_only_sometimes_is_unknown() {
    let report = attacked(Kind::Moody, 3, Workload::WriteOnceKv, true);
    assert!(verdict(&report).contains("two runs differ"), "{}", verdict(&report));
}

#[test]
fn a_campaign_that_is_stopped_says_so() {
    let question = question(3, 1, 2);
    let brief = brief(&question, Workload::WriteOnceKv);
    let asked = AtomicUsize::new(0);
    let stop = || (asked.fetch_add(1, Ordering::SeqCst) >= 5).then(|| "it was interrupted".to_owned());
    let campaign =
        Campaign { brief: &brief, jobs: 1, all: false, random: 0, seed: 0, stop: &stop, observe: &|_| {} };
    let report = campaign.run(&Simulated::new(Kind::Majority)).unwrap();
    assert_eq!(verdict(&report), "unknown: it was interrupted");
    assert!(report.tried.len() < 10 && !report.not_tried.is_empty());
}
