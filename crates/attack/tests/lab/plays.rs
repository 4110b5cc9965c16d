//! Plans played on a small system of our own, which needs nothing but Python: see `register.py`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use threeworlds_attack::cluster::{ClusterLimits, ClusterPlayer};
use threeworlds_attack::namespaces::Privileges;
use threeworlds_attack::subject::SubjectFile;
use threeworlds_attack::{
    Brief, Campaign, KvRequest, Medium, Outcome, Part, Plan, Played, Player, Report, Roles, ServerEvent,
    Step, Verdict, What, Workload, World, baseline, told,
};
use threeworlds_model::{FaultClass, Property, Question};

use crate::support::*;

fn player(base: &Base, variant: &str, stop: &Arc<AtomicBool>) -> ClusterPlayer {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/register.toml");
    let subject = SubjectFile::load(file.as_ref()).unwrap().variant(Some(variant)).unwrap().clone();
    let limits = ClusterLimits { stop: Arc::clone(stop), until: None, keep_failed: None };
    ClusterPlayer::new(subject, base.options.clone(), limits)
}

fn question() -> Question {
    Question::usual(2, 1, 2, FaultClass::Omission, FaultClass::Omission).unwrap()
}

/// Whoever has to be answered is, on a busy machine too.
const PLENTY_MILLISECONDS: u64 = 20_000;
/// Nobody is answered, however long he waits.
const LITTLE_MILLISECONDS: u64 = 8_000;

fn brief(question: &Question) -> Brief<'_> {
    Brief {
        question,
        workload: Workload::WriteOnce,
        roles: Roles::LeaderFirst,
        deadline_milliseconds: PLENTY_MILLISECONDS,
        settle_milliseconds: 100,
        beyond: false,
        medium: Medium::Hosts { heal_milliseconds: 200, partial: false },
    }
}

fn campaign(variant: &str, privileges: Privileges) -> Report {
    let base = Base::new(privileges);
    let question = question();
    let deadline_milliseconds = if variant == "wait" { LITTLE_MILLISECONDS } else { PLENTY_MILLISECONDS };
    let brief = Brief { deadline_milliseconds, ..brief(&question) };
    let campaign =
        Campaign { brief: &brief, jobs: 2, all: false, random: 0, seed: 1, stop: &|| None, observe: &|_| {} };
    let report = campaign.run(&player(&base, variant, &Arc::default())).unwrap();
    assert_eq!(base.left(), Vec::<std::path::PathBuf>::new());
    report
}

fn world(report: &Report, world: World) -> &threeworlds_attack::Tried {
    let is_it = |tried: &&threeworlds_attack::Tried| match tried.derived.part {
        Part::World { world: one, .. } => one == world,
        _ => false,
    };
    report.tried.iter().find(is_it).unwrap()
}

/// What each server had stored under a key when all was over, in the order of the plan's servers.
fn stored(played: &Played) -> Vec<String> {
    let shown = |event: &threeworlds_attack::Event| match &event.what {
        What::Stored { outcome: Outcome::Ok(value), .. } => Some(format!("{value:?}")),
        _ => None,
    };
    played.journal.events.iter().filter_map(shown).collect()
}

/// Primary and backup that go on alone: the theorem's safety horn, as root and as nobody.
#[test]
fn who_goes_on_alone_loses_safety() {
    for privileges in ways() {
        let report = campaign("alone", privileges);
        let Verdict::Fails { by } = report.verdict else { panic!("{:?}", report.verdict) };
        let violation = report.tried[by].judged.violation().unwrap();
        assert_eq!(violation.property, Property::Agreement, "{}", violation.explanation);
        let c = world(&report, World::C);
        let answers: Vec<_> = c.judged.told.iter().take(2).map(|told| told.answer.clone()).collect();
        assert_eq!(answers, [Some(1.into()), Some(2.into())]);
        assert_eq!(stored(&c.played), ["Some(Number(1))", "Some(Number(2))"]);
        // Both worlds in which one side is silent are survived: nobody can tell them from the third.
        for side in [World::A, World::B] {
            assert!(world(&report, side).judged.live.violation().is_none(), "{privileges:?} {side:?}");
        }
    }
}

/// Primary and backup that wait for each other: the liveness horn, seen twice.
#[test]
fn who_waits_for_the_other_loses_liveness() {
    let report = campaign("wait", Privileges::Auto);
    let Verdict::Fails { by } = report.verdict else { panic!("{:?}", report.verdict) };
    let tried = &report.tried[by];
    assert_eq!(tried.judged.violation().unwrap().property, Property::Termination);
    assert_eq!(tried.runs, 2);
    assert!(tried.judged.safe.violation().is_none());
}

fn plan(steps: Vec<Step>) -> Plan {
    let question = question();
    Plan { steps, name: "a plan of the test".to_owned(), ..baseline(&brief(&question)).plan }
}

fn ask(client: u16, request: KvRequest, server: u16) -> Step {
    Step::Ask(threeworlds_attack::Ask {
        client: c(client),
        request,
        servers: vec![s(server)],
        deadline_milliseconds: LITTLE_MILLISECONDS,
    })
}

fn write(value: u64) -> KvRequest {
    KvRequest::WriteOnce { key: 1.into(), value: value.into() }
}

/// Killed, started again with nothing, paused, resumed: each is what the journal says and clients see.
#[test]
fn servers_are_killed_restarted_and_paused() {
    let base = Base::new(Privileges::Auto);
    let read = || KvRequest::Read { key: 1.into() };
    let steps = vec![
        ask(1, write(1), 1),
        Step::Await(vec![c(1)]),
        Step::Server(s(1), ServerEvent::Pause),
        ask(1, read(), 1),
        Step::Await(vec![c(1)]),
        Step::Server(s(1), ServerEvent::Resume),
        ask(1, read(), 1),
        Step::Await(vec![c(1)]),
        Step::Server(s(1), ServerEvent::Kill),
        ask(1, read(), 2),
        Step::Await(vec![c(1)]),
        Step::Server(s(1), ServerEvent::Restart),
        // It is asked until it is up.
        ask(1, read(), 1),
    ];
    let played = player(&base, "alone", &Arc::default()).play(&plan(steps)).unwrap();
    let answers: Vec<_> = told(&played.journal).into_iter().map(|told| told.answer).collect();
    let one = Some(serde_json::Value::from(1));
    let nothing = Some(serde_json::Value::Null);
    assert_eq!(answers, [one.clone(), None, one.clone(), one, nothing]);
    let exits = played.journal.events.iter().filter(|event| matches!(event.what, What::Exited { .. }));
    assert_eq!(exits.count(), 0, "nobody ended by itself");
}

/// A server that fails by itself is noted once, with its exit status; that is never taken for a verdict.
#[test]
fn a_server_that_ends_by_itself_is_noted() {
    let base = Base::new(Privileges::Auto);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/register.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let python = include_str!("register.py");
    let dies = python.replace(
        "if operation == \"copy\":",
        "if key == \"13\": import os; os._exit(3)\n            if operation == \"copy\":",
    );
    assert_ne!(dies, python);
    let subject = SubjectFile::parse(file, &text, &|_| Ok(dies.clone().into_bytes())).unwrap();
    let limits = ClusterLimits { stop: Arc::default(), until: None, keep_failed: None };
    let player = ClusterPlayer::new(subject.variants[0].clone(), base.options.clone(), limits);
    let fatal = KvRequest::Read { key: 13.into() };
    let steps = vec![ask(1, fatal, 1), Step::Await(vec![c(1)]), Step::Wait { milliseconds: 50 }];
    let played = player.play(&plan(steps)).unwrap();
    let exits: Vec<_> = played
        .journal
        .events
        .iter()
        .filter_map(|event| match &event.what {
            What::Exited { server, status } => Some((*server, status.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(exits, [(s(1), "register: exit status 3".to_owned())]);
    let judged = played.judge(&plan(Vec::new()), &question().fault_model);
    assert!(judged.live.violation().is_none() && judged.unknown().unwrap().contains("ended by itself"));
}

/// Cut from backup to primary: the copy arrives, and the backup knows what it cannot confirm. Cut from primary to
/// backup: it does not arrive. Cut both ways, the two could not be told apart.
#[test]
fn a_one_way_cut_lets_the_other_way_through() {
    let base = Base::new(Privileges::Auto);
    for (cut, knows) in [(link(s(2), s(1)), true), (link(s(1), s(2)), false)] {
        let steps = vec![
            Step::Cut(vec![cut]),
            ask(1, write(1), 1),
            Step::Await(vec![c(1)]),
            ask(2, KvRequest::Read { key: 1.into() }, 2),
            Step::Await(vec![c(2)]),
        ];
        let played = player(&base, "alone", &Arc::default()).play(&plan(steps)).unwrap();
        let answers: Vec<_> = told(&played.journal).into_iter().map(|told| told.answer.unwrap()).collect();
        let shown = if knows { 1.into() } else { serde_json::Value::Null };
        assert_eq!(answers, [serde_json::Value::from(1), shown], "{cut}");
        assert_eq!(played.doubt, None);
    }
}

#[test]
fn lost_types_of_messages_are_refused() {
    let base = Base::new(Privileges::Auto);
    let player = player(&base, "alone", &Arc::default());
    let losses = vec![threeworlds_attack::Loss { message_type: "beat".to_owned(), link: link(s(1), s(2)) }];
    let error = player.play(&plan(vec![Step::Wait { milliseconds: 1 }, Step::Lose(losses)])).unwrap_err();
    assert_eq!(
        error,
        "the plan `a plan of the test` cannot be played on a cluster: step 2: it loses messages of one type, and \
         between hosts nobody sees types\n  hint: cut whole links instead"
    );
    assert_eq!(base.left(), Vec::<std::path::PathBuf>::new(), "nothing was begun");
}

/// A stop ends a run within a moment, wherever it is, and leaves nothing.
#[test]
fn a_stop_ends_a_run_at_once() {
    let base = Base::new(Privileges::Auto);
    for after in [0, 200, 1_500] {
        let stop = Arc::new(AtomicBool::new(false));
        let player = player(&base, "wait", &stop);
        let waits = plan(vec![Step::Wait { milliseconds: 60_000 }]);
        let begun = Instant::now();
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(after));
                stop.store(true, Ordering::SeqCst);
            });
            player.play(&waits).unwrap_err()
        });
        assert_eq!(error, "it was interrupted");
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert_eq!(base.left(), Vec::<std::path::PathBuf>::new());
    }
}
