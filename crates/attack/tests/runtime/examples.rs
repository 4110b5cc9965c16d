//! The three worlds, played against example nodes: each takes the horn that it says it takes.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use threeworlds_attack::{
    Brief, Finding, Judged, Options, Part, Program, Roles, Workload, derive, judge, run,
};
use threeworlds_model::{FaultClass, Property, Question};

use crate::support::guardian;

/// What the worlds of the first split show, A, B and C.
fn worlds(file: &str, servers: usize, faults: usize, deadline_milliseconds: u64) -> Vec<Judged> {
    let question =
        Question::usual(servers, faults, 2, FaultClass::Omission, FaultClass::Omission).expect("a question");
    let brief = Brief {
        question: &question,
        workload: Workload::WriteOnceKv,
        roles: Roles::LeaderFirst,
        deadline_milliseconds,
        settle_milliseconds: 200,
        beyond: false,
    };
    let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/nodes/python").join(file);
    let program = Program { command: vec!["python3".into(), node.into()] };
    let plans = derive(&brief, &[]);
    let worlds = plans.iter().filter(|derived| matches!(derived.part, Part::World { split: 0, .. }));
    let play = |plan| {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options {
            init_deadline: Duration::from_secs(60),
            ..Options::new(guardian(), folder.path().to_owned())
        };
        let run =
            run(plan, &program, &options, &AtomicBool::new(false)).unwrap_or_else(|error| panic!("{error}"));
        assert!(run.is_usable(), "{:?}", run.unusable);
        judge(plan, &question.fault_model, &run.journal)
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = worlds.map(|derived| scope.spawn(|| play(&derived.plan))).collect();
        runs.into_iter().map(|run| run.join().expect("it was played")).collect()
    })
}

fn violated(finding: &Finding) -> Option<Property> {
    finding.violation().map(|violation| violation.property)
}

/// Both go on alone: A and B are answered, so C contradicts itself.
#[test]
fn a_primary_and_its_backup_lose_agreement() {
    let [a, b, c] = &worlds("primary_backup.py", 2, 1, 20_000)[..] else { panic!("three worlds") };
    for world in [a, b] {
        assert_eq!((violated(&world.safe), violated(&world.live)), (None, None), "{world:?}");
    }
    assert_eq!(violated(&c.safe), Some(Property::Agreement), "{c:?}");
}

/// Neither goes on without the other: nobody is told anything wrong, and somebody waits for ever.
#[test]
fn two_nodes_that_need_a_majority_leave_a_client_unanswered() {
    let worlds = worlds("caspaxos.py", 2, 1, 2_000);
    assert!(worlds.iter().all(|world| violated(&world.safe).is_none()), "{worlds:?}");
    assert_eq!(violated(&worlds[0].live), Some(Property::Termination));
    assert_eq!(violated(&worlds[1].live), Some(Property::Termination));
}
