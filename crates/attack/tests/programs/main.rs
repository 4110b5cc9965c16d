//! The programs of `examples/nodes`, attacked as anybody would attack them: each gets the verdict that theory
//! predicts, and defects planted in them are found.
//!
//! Whole campaigns take minutes, so by default only the plans that decide are played. With
//! `THREEWORLDS_FULL=1` everything is, and what was seen is printed:
//!
//!     THREEWORLDS_FULL=1 cargo test -p threeworlds-attack --test programs -- --nocapture --test-threads 1
#![cfg(unix)]

mod attack;
mod bugs;

use threeworlds_attack::Workload;
use threeworlds_model::FaultClass;

use attack::{Attack, example, full};
use bugs::bugs;

const PRIMARY_BACKUP: [&str; 3] =
    ["python/primary_backup.py", "javascript/primary_backup.js", "ruby/primary_backup.rb"];
const MAJORITY: [&str; 3] = ["python/caspaxos.py", "javascript/raft.js", "ruby/raft.rb"];
const TEMPLATES: [&str; 3] = ["python/template.py", "javascript/template.js", "ruby/template.rb"];

/// n <= 2f: whoever goes on alone loses safety, and world C shows it.
fn splits_with_two(whole: bool) {
    each(whole, &PRIMARY_BACKUP, |program| {
        let attack = Attack::new(example(program), 2, FaultClass::Omission);
        let verdict = attack.verdict(whole, "world C, s1 c1 | s2 c2");
        assert_eq!(verdict, "fails: safety, world C, s1 c1 | s2 c2", "{program}");
    });
}

/// n <= 2f: whoever waits for the other loses liveness, and world A shows it.
fn stalls_with_two(whole: bool) {
    each(whole, &MAJORITY, |program| {
        let attack = Attack::new(example(program), 2, FaultClass::Omission);
        let verdict = attack.verdict(whole, "world A, s1 c1 | s2 c2");
        assert_eq!(verdict, "fails: liveness, world A, s1 c1 | s2 c2", "{program}");
    });
}

#[test]
fn primary_and_backup_splits_with_two() {
    splits_with_two(full());
}

#[test]
fn a_majority_store_stalls_with_two() {
    stalls_with_two(full());
}

#[test]
fn twenty_attacks_in_a_row_have_the_same_verdict() {
    if full() {
        for turn in 1..=20 {
            splits_with_two(false);
            stalls_with_two(false);
            println!("{turn} of 20");
        }
    }
}

/// A whole campaign, as short as one gets: the worlds decide.
#[test]
fn a_campaign_ends_with_the_worlds() {
    let outcome = Attack::new(example(PRIMARY_BACKUP[0]), 2, FaultClass::Omission).campaign();
    assert_eq!(outcome.verdict(), "fails: safety, world C, s1 c1 | s2 c2");
    assert!(!outcome.report.not_tried.is_empty());
}

/// n > 2f: a majority is always there.
#[test]
fn a_majority_store_holds_with_three() {
    each(full(), &MAJORITY, |program| {
        let workloads: &[Workload] = match full() {
            true => &[Workload::WriteOnceKv, Workload::LinKv],
            false => &[Workload::WriteOnceKv],
        };
        for &workload in workloads {
            let attack = Attack::new(example(program), 3, FaultClass::Omission);
            let verdict = Attack { workload, ..attack }.verdict(full(), "s1 c1 | the others");
            assert_eq!(verdict, "survived", "{program}, {workload}");
        }
    });
}

/// With three servers there are better ways, but these programs do not know them.
#[test]
fn primary_and_backup_splits_with_three_too() {
    each(full(), &PRIMARY_BACKUP, |program| {
        let attack = Attack::new(example(program), 3, FaultClass::Omission);
        let verdict = attack.verdict(full(), "s1 c1 | the others");
        assert!(verdict.starts_with("fails: safety"), "{program}: {verdict}");
    });
}

/// Where nothing but crashes happens, silence is a crash.
#[test]
fn primary_and_backup_survives_a_crash() {
    each(full(), &PRIMARY_BACKUP, |program| {
        let attack = Attack::new(example(program), 2, FaultClass::Crash);
        assert_eq!(attack.verdict(full(), "s1 killed"), "survived", "{program}");
    });
}

#[test]
fn the_templates_are_right_on_one_server_and_wrong_on_two() {
    each(full(), &TEMPLATES, |program| {
        let alone = Attack { faults: 0, ..Attack::new(example(program), 1, FaultClass::Omission) };
        assert_eq!(alone.verdict(full(), "no fault"), "survived", "{program}");
        let verdict = Attack::new(example(program), 2, FaultClass::Omission).verdict(full(), "no fault");
        assert!(verdict.starts_with("fails: safety"), "{program}: {verdict}");
    });
}

/// One program after the other, or side by side: most of the time they wait for a time-out.
fn each(in_turn: bool, programs: &[&str], check: impl Fn(&str) + Sync) {
    std::thread::scope(|scope| {
        for program in programs {
            let running = scope.spawn(|| check(program));
            if in_turn && let Err(panic) = running.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

#[test]
fn every_bug_can_be_planted() {
    let bugs = bugs();
    let found = bugs.iter().filter(|bug| !bug.missed).count();
    assert!(found >= 10 && 10 * found >= 8 * bugs.len(), "{found} of {}", bugs.len());
    for bug in &bugs {
        bug.plant();
    }
}

/// The plans that everybody gets find them, but for the few of which `bugs.txt` says why not.
#[test]
fn planted_bugs_are_found() {
    if !full() {
        let bug = bugs().into_iter().find(|bug| bug.what.contains("own state, without a majority")).unwrap();
        let planted = bug.plant();
        let attack = Attack::new(planted.file(), 3, FaultClass::Omission);
        assert_eq!(attack.plan("no fault"), "survived");
        let verdict = attack.plan("s1 c1 | the others");
        assert!(verdict.starts_with("fails: safety"), "{verdict}");
        return;
    }
    let bugs = bugs();
    let mut found = 0;
    let mut overlooked = Vec::new();
    'bugs: for bug in &bugs {
        let planted = bug.plant();
        println!("{}: {}", bug.program, bug.what);
        for workload in [Workload::WriteOnceKv, Workload::LinKv] {
            let attack = Attack::new(planted.file(), 3, FaultClass::Omission);
            let campaign = Attack { workload, ..attack }.campaign();
            let unanswered = campaign.report.tried[0].judged.live.violation();
            assert!(unanswered.is_none(), "{}: {unanswered:?}", bug.what);
            if campaign.verdict().starts_with("fails") {
                found += 1;
                continue 'bugs;
            }
        }
        if !bug.missed {
            overlooked.push(&bug.what);
        }
    }
    println!("{found} of {} found", bugs.len());
    assert!(overlooked.is_empty(), "{overlooked:?}");
}
