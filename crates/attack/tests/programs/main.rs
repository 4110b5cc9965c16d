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
#[track_caller]
fn splits_with_two(program: &str) {
    let attack = Attack::new(example(program), 2, FaultClass::Omission);
    assert_eq!(attack.campaign().verdict(), "fails: safety, world C, s1 c1 | s2 c2", "{program}");
}

#[test]
fn primary_and_backup_in_python_splits_with_two() {
    splits_with_two(PRIMARY_BACKUP[0]);
}

#[test]
fn primary_and_backup_in_javascript_splits_with_two() {
    splits_with_two(PRIMARY_BACKUP[1]);
}

#[test]
fn primary_and_backup_in_ruby_splits_with_two() {
    splits_with_two(PRIMARY_BACKUP[2]);
}

/// n <= 2f: whoever waits for the other loses liveness, and world A shows it.
#[track_caller]
fn stalls_with_two(program: &str) {
    let attack = Attack::new(example(program), 2, FaultClass::Omission);
    assert_eq!(attack.campaign().verdict(), "fails: liveness, world A, s1 c1 | s2 c2", "{program}");
}

#[test]
fn caspaxos_in_python_stalls_with_two() {
    stalls_with_two(MAJORITY[0]);
}

#[test]
fn raft_in_javascript_stalls_with_two() {
    stalls_with_two(MAJORITY[1]);
}

#[test]
fn raft_in_ruby_stalls_with_two() {
    stalls_with_two(MAJORITY[2]);
}

/// n > 2f: a majority is always there. By default some of the plans are played that break most programs.
#[track_caller]
fn holds_with_three(program: &str) {
    let attack = Attack::new(example(program), 3, FaultClass::Omission);
    if full() {
        for workload in [Workload::WriteOnceKv, Workload::LinKv] {
            let attack = Attack { workload, ..attack.clone() };
            assert_eq!(attack.campaign().verdict(), "survived", "{program}, {workload}");
        }
    } else {
        assert_eq!(attack.plan("s1 c1 | the others"), "survived", "{program}");
    }
}

#[test]
fn caspaxos_in_python_holds_with_three() {
    holds_with_three(MAJORITY[0]);
}

#[test]
fn raft_in_javascript_holds_with_three() {
    holds_with_three(MAJORITY[1]);
}

#[test]
fn raft_in_ruby_holds_with_three() {
    holds_with_three(MAJORITY[2]);
}

/// With three servers there are better ways, but these programs do not know them.
#[test]
fn primary_and_backup_splits_with_three_too() {
    let programs = if full() { &PRIMARY_BACKUP[..] } else { &PRIMARY_BACKUP[1..2] };
    for program in programs {
        let attack = Attack::new(example(program), 3, FaultClass::Omission);
        let verdict = match full() {
            true => attack.campaign().verdict(),
            false => attack.plan("s1 c1 | the others"),
        };
        assert!(verdict.starts_with("fails: safety"), "{program}: {verdict}");
    }
}

/// Where nothing but crashes happens, silence is a crash.
#[test]
fn primary_and_backup_survives_a_crash() {
    let programs = if full() { &PRIMARY_BACKUP[..] } else { &PRIMARY_BACKUP[..1] };
    for program in programs {
        let attack = Attack::new(example(program), 2, FaultClass::Crash);
        let verdict = match full() {
            true => attack.campaign().verdict(),
            false => attack.plan("s1 killed"),
        };
        assert_eq!(verdict, "survived", "{program}");
    }
}

#[test]
fn the_templates_are_right_on_one_server_and_wrong_on_two() {
    let programs = if full() { &TEMPLATES[..] } else { &TEMPLATES[2..] };
    for program in programs {
        let alone = Attack { faults: 0, ..Attack::new(example(program), 1, FaultClass::Omission) };
        assert_eq!(alone.plan("no fault"), "survived", "{program}");
        let two = Attack::new(example(program), 2, FaultClass::Omission);
        let verdict = two.plan("no fault");
        assert!(verdict.starts_with("fails: safety"), "{program}: {verdict}");
    }
}

#[test]
fn every_bug_can_be_planted() {
    let bugs = bugs();
    assert!(bugs.len() >= 10, "{}", bugs.len());
    for bug in &bugs {
        bug.plant();
    }
}

/// The plans that anybody gets find at least eight of ten, and none of the defects shows without faults.
#[test]
fn planted_bugs_are_found() {
    if !full() {
        let bug = bugs().into_iter().find(|bug| bug.what.contains("a follower answers reads")).unwrap();
        let planted = bug.plant();
        let attack = Attack::new(planted.file(), 3, FaultClass::Omission);
        let attack = Attack { workload: Workload::LinKv, ..attack };
        assert_eq!(attack.plan("no fault"), "survived");
        let verdict = attack.plan("s1 | s2 s3, clients reach all");
        assert!(verdict.starts_with("fails: safety"), "{verdict}");
        return;
    }
    let bugs = bugs();
    let mut found = 0;
    for bug in &bugs {
        let planted = bug.plant();
        let mut lines = Vec::new();
        let mut verdicts = Vec::new();
        for workload in [Workload::WriteOnceKv, Workload::LinKv] {
            let attack = Attack::new(planted.file(), 3, FaultClass::Omission);
            let campaign = Attack { workload, ..attack }.campaign();
            lines.push(format!("  {workload}: {}, {:.0} s", campaign.verdict(), campaign.seconds));
            verdicts.push(campaign.verdict());
        }
        println!("{}: {}\n{}", bug.program, bug.what, lines.join("\n"));
        assert!(verdicts.iter().all(|verdict| !verdict.ends_with("no fault")), "{verdicts:?}");
        found += usize::from(verdicts.iter().any(|verdict| verdict.starts_with("fails")));
    }
    println!("{found} of {} found", bugs.len());
    assert!(10 * found >= 8 * bugs.len(), "{found} of {}", bugs.len());
}

#[test]
fn twenty_attacks_in_a_row_have_the_same_verdict() {
    if !full() {
        return;
    }
    for turn in 1..=20 {
        for program in PRIMARY_BACKUP {
            splits_with_two(program);
        }
        for program in MAJORITY {
            stalls_with_two(program);
        }
        println!("{turn} of 20");
    }
}
