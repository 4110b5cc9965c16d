//! Setup does not move the bound: `signed-primary-backup` has the worlds and the verdicts of
//! `primary-backup`, where it holds and where it falls.

use threeworlds_engine::{Fall, Report};
use threeworlds_model::{CrashDelivery, Execution, Process, Property, Question, Timing};
use threeworlds_protocols::BuiltIn;

use super::{judge, question, with_workload};

fn both(question: &Question) -> [Report; 2] {
    [BuiltIn::PrimaryBackup, BuiltIn::SignedPrimaryBackup].map(|protocol| judge(protocol, question))
}

/// Who is faulty and how, who asks and is told what when, and which links are cut in which round.
fn shape(world: &Execution) -> impl PartialEq + std::fmt::Debug + use<> {
    let rounds = world.rounds.iter().map(|round| {
        let links = round.messages.iter().map(|sent| (sent.from, sent.to, sent.removed));
        (round.requests.clone(), round.responses.clone(), links.collect::<Vec<_>>())
    });
    (world.faulty.clone(), rounds.collect::<Vec<_>>(), world.loop_from_round)
}

#[test]
fn the_three_worlds_are_the_same() {
    let theorem = question(2, &["1 of servers: omission", "clients: omission"]);
    let reports = both(&theorem);
    let [plain, signed] = reports.each_ref().map(|report| report.three_worlds.as_ref().unwrap());
    assert_eq!((&plain.groups, plain.clients), (&signed.groups, signed.clients));
    assert_eq!(plain.fall, Fall::Horn(Property::Agreement));
    assert_eq!(signed.fall, plain.fall);
    // The views were compared message by message, signatures included.
    let cannot_tell = |process, world| (process, [world, "C"]);
    let pairs = [
        cannot_tell(Process::Server(1), "A"),
        cannot_tell(Process::Client(1), "A"),
        cannot_tell(Process::Server(2), "B"),
        cannot_tell(Process::Client(2), "B"),
    ];
    assert_eq!(plain.indistinguishable, pairs);
    assert_eq!(signed.indistinguishable, pairs);
    for (plain, signed) in plain.worlds.iter().zip(&signed.worlds) {
        assert_eq!(shape(plain), shape(signed));
        let words = |world: &Execution| world.rounds[1].messages[0].message.clone();
        assert_ne!(words(plain), words(signed), "the signatures are there");
    }
}

#[test]
fn the_verdicts_and_the_numbers_of_states_are_the_same() {
    let rules = [
        ["1 of servers: omission", "clients: omission"],
        ["1 of servers: crash", "clients: omission"],
        ["1 of servers: send-omission", "clients: none"],
    ];
    for rules in rules {
        let mut question = with_workload(question(2, &rules), "c1: write, read; c2: write");
        for (timing, crash_delivery) in [
            (Timing::LockStep, CrashDelivery::AnySubset),
            (Timing::PartialSynchrony, CrashDelivery::AnySubset),
        ] {
            question.timing = timing;
            question.crash_delivery = crash_delivery;
            let [plain, signed] = both(&question);
            let found = |report: &Report| {
                let coverage = report.coverage;
                let shortest = report.safety_counterexample.as_ref().map(|one| one.rounds.len());
                let worst = report.worst_case_rounds.clone();
                let judged = (report.safe, report.live, report.property);
                (judged, shortest, worst, coverage.states, coverage.transitions, coverage.rounds)
            };
            assert_eq!(found(&plain), found(&signed), "{rules:?} {timing} {crash_delivery}");
        }
    }
}
