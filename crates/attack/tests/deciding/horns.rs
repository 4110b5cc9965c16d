use serde_json::{Value as Json, json};
use threeworlds_attack::{
    Brief, Derived, Horn, Horns, InWorld, Medium, Outcome, Part, Played, Step, Stored, Survival, Tried, What,
    Workload, World, horn_worlds, play_horns,
};
use threeworlds_model::Question;

use crate::simulated::{Kind, Simulated};
use crate::support::{Tale, ask, brief, links, names, once, plan, process, question, read, write};

fn of_hosts(question: &Question, workload: Workload) -> Brief<'_> {
    Brief { medium: Medium::Hosts { heal_milliseconds: 3_000, partial: false }, ..brief(question, workload) }
}

/// The row of a simulated system, and how often each world was played.
fn row(kind: Kind, servers: usize, impossible: bool) -> (Horns, Vec<usize>) {
    let question = question(servers, 1, 2);
    let brief = of_hosts(&question, Workload::WriteOnceKv);
    let played = play_horns(&brief, &Simulated::new(kind), 2, &|| None, &|_| {});
    let runs = played.iter().map(|(_, tried)| tried.as_ref().unwrap().runs).collect();
    (Horns::of(&played, &question.fault_model, impossible), runs)
}

/// Who was told what while links were cut; `-` without an answer, in brackets if nobody has to answer.
fn told(world: &InWorld) -> String {
    let one = |under: &threeworlds_attack::Under| {
        let answer = under.answer.as_ref().map_or("-".to_owned(), Json::to_string);
        let answer = if under.must_answer { answer } else { format!("[{answer}]") };
        format!("{} {answer}", under.client)
    };
    world.under.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn all_told(horns: &Horns) -> Vec<String> {
    horns.worlds.iter().map(|world| format!("{}: {}", world.world.name(), told(world))).collect()
}

#[test]
fn the_worlds_of_two_servers_are_the_theorem_s_and_those_of_three_the_nearest() {
    let list = |servers, faults, clients| {
        let question = question(servers, faults, clients);
        let worlds = horn_worlds(&of_hosts(&question, Workload::WriteOnce))?;
        Some(worlds.map(|(_, plan)| {
            assert!(plan.within_budget);
            format!("{}: {}", plan.name, names(&plan.faulty))
        }))
    };
    let two =
        ["world A, s1 c1 | s2 c2: s2 c2", "world B, s1 c1 | s2 c2: s1 c1", "world C, s1 c1 | s2 c2: s2 c2"];
    assert_eq!(list(2, 1, 2).unwrap(), two);
    let three = [
        "world A, s1 s3 c1 | s2 c2: s2 c2",
        "world B, s1 c1 | s2 s3 c2: s1 c1",
        "world C, s1 c1 | s2 s3 c2: s1 c1",
    ];
    assert_eq!(list(3, 1, 2).unwrap(), three);
    // With two of four faulty the first split has one server on one side.
    assert_eq!(list(4, 2, 2).unwrap()[0], "world A, s1 s2 c1 | s3 s4 c2: s3 s4 c2");
    assert_eq!(list(1, 1, 2), None);
    assert_eq!(list(3, 1, 1), None);
}

#[test]
fn two_servers_that_go_on_alone_take_the_safety_horn() {
    let (horns, runs) = row(Kind::Splits, 2, true);
    let Horn::Safety { world: World::C, why } = &horns.horn else { panic!("{:?}", horns.horn) };
    assert_eq!(why, "c1 asks write-once 1 and is told 1, but c2 asks write-once 2 and is told 2");
    assert_eq!(all_told(&horns), ["A: c1 1", "B: c2 2", "C: c1 1, c2 2"]);
    let healed = &horns.world(World::C).unwrap().healed;
    assert_eq!(healed.survival, Survival::Split);
    assert_eq!((&healed.lost, &healed.never_acknowledged), (&vec![], &vec![]));
    // Nobody waited, so nothing was played again.
    assert_eq!(runs, [1, 1, 1]);
}

#[test]
fn two_servers_that_wait_for_each_other_take_the_liveness_horn() {
    let (horns, runs) = row(Kind::Majority, 2, true);
    let Horn::Liveness { world: World::A, why } = &horns.horn else { panic!("{:?}", horns.horn) };
    assert!(why.contains("c1, which need not be faulty"), "{why}");
    assert_eq!(all_told(&horns), ["A: c1 -", "B: c2 -", "C: c1 -, c2 -"]);
    assert!(horns.worlds.iter().flat_map(|world| &world.under).all(|under| under.seconds >= 10.0));
    // The first world in which somebody waited was played again.
    assert_eq!(runs, [2, 1, 1]);
    assert_eq!(horns.world(World::C).unwrap().healed.survival, Survival::One(json!(null)));
}

#[test]
fn three_servers_with_majorities_take_neither() {
    let (horns, _) = row(Kind::Majority, 3, false);
    assert_eq!(horns.horn, Horn::Neither);
    // In C the first client is on the side of a minority, so it need not be answered.
    assert_eq!(all_told(&horns), ["A: c1 1", "B: c2 2", "C: c1 [-], c2 2"]);
    let healed = &horns.world(World::C).unwrap().healed;
    assert_eq!((&healed.survival, healed.lost.len()), (&Survival::One(json!(2)), 0));
}

#[test]
fn three_servers_may_fall_although_they_need_not() {
    let (horns, _) = row(Kind::Splits, 3, false);
    assert!(matches!(horns.horn, Horn::Safety { world: World::C, .. }), "{:?}", horns.horn);
}

#[test]
fn who_does_what_no_program_can_has_leaked() {
    let (horns, _) = row(Kind::SharesAFile, 2, true);
    assert!(
        matches!(&horns.horn, Horn::Unknown(why) if why.contains("something leaked")),
        "{:?}",
        horns.horn
    );
}

#[test]
fn an_answer_that_comes_only_sometimes_is_unknown() {
    let (horns, runs) = row(Kind::Moody, 3, false);
    assert!(matches!(&horns.horn, Horn::Unknown(why) if why.contains("two runs differ")), "{:?}", horns.horn);
    assert_eq!(runs, [2, 2, 2]);
}

#[test]
fn what_is_not_played_makes_no_horn() {
    let question = question(2, 1, 2);
    let brief = of_hosts(&question, Workload::WriteOnceKv);
    let stop = || Some("it was interrupted".to_owned());
    let played = play_horns(&brief, &Simulated::new(Kind::Splits), 1, &stop, &|_| {});
    let horns = Horns::of(&played, &question.fault_model, true);
    assert_eq!(horns.horn, Horn::Unknown("world A could not be played: it was interrupted".to_owned()));
    // What one world shows stands without the others.
    let mut played = play_horns(&brief, &Simulated::new(Kind::Splits), 1, &|| None, &|_| {});
    played[0].1 = Err("it does not come up".to_owned());
    assert_eq!(Horns::of(&played, &question.fault_model, true).horn.name(), "safety");
    let question = self::question(3, 1, 2);
    let brief = of_hosts(&question, Workload::WriteOnceKv);
    let mut played = play_horns(&brief, &Simulated::new(Kind::Majority), 1, &|| None, &|_| {});
    played[0].1 = Err("it does not come up".to_owned());
    let horns = Horns::of(&played, &question.fault_model, false);
    assert_eq!(horns.horn, Horn::Unknown("world A could not be played: it does not come up".to_owned()));
}

/// World C as somebody tells it: what both clients are told, and what the servers have after healing.
fn world_c(told: [Option<u8>; 2], stored: &[(&str, Outcome)]) -> InWorld {
    let apart = links("s1,c1<->s2,c2");
    let mut tale = Tale::default();
    tale.cut(&apart);
    for (client, server, value, answer) in [("c1", "s1", 1, told[0]), ("c2", "s2", 2, told[1])] {
        tale.asks(client, server, once(value), answer.map(|value| json!(value)));
    }
    tale.heal(&apart);
    for (server, outcome) in stored {
        let (server, outcome) = (process(server), outcome.clone());
        tale.event(What::Stored { server, key: json!(1), outcome });
        // Nobody wrote this one, so nobody misses it.
        tale.event(What::Stored { server, key: json!(2), outcome: has(json!(7)) });
    }
    let steps = vec![
        Step::Cut(apart),
        ask("c1", once(1)),
        ask("c2", once(2)),
        Step::Await(vec![process("c1"), process("c2")]),
        Step::Cut(Vec::new()),
    ];
    let horns = of_tale(plan(Workload::WriteOnce, steps), tale);
    horns.worlds.into_iter().next().unwrap()
}

fn of_tale(plan: threeworlds_attack::Plan, tale: Tale) -> Horns {
    let rules = question(2, 1, 2).fault_model;
    let played = Played::new(tale.journal, plan.system().server_ids().collect());
    let judged = played.judge(&plan, &rules);
    let tried = Tried { derived: Derived { part: Part::Other, plan }, played, judged, runs: 1 };
    Horns::of(&[(World::C, Ok(tried))], &rules, true)
}

fn has(value: Json) -> Outcome {
    Outcome::Ok(Some(value))
}

#[test]
fn what_was_acknowledged_and_is_nowhere_is_lost() {
    let world = world_c([Some(1), None], &[("s1", has(json!(2))), ("s2", has(json!(2)))]);
    assert_eq!(world.healed.survival, Survival::One(json!(2)));
    assert_eq!((world.healed.lost, world.healed.never_acknowledged), (vec![json!(1)], vec![json!(2)]));
    let world = world_c([Some(1), Some(2)], &[("s1", has(json!(2))), ("s2", has(json!(2)))]);
    assert_eq!((world.healed.lost, world.healed.never_acknowledged), (vec![json!(1)], vec![]));
    // Somewhere is not nowhere.
    let world = world_c([Some(1), Some(2)], &[("s1", has(json!(1))), ("s2", has(json!(2)))]);
    assert_eq!((world.healed.survival, world.healed.lost), (Survival::Split, vec![]));
    let world = world_c([Some(1), None], &[("s1", has(json!(null))), ("s2", has(json!(null)))]);
    assert_eq!((world.healed.survival, world.healed.lost), (Survival::One(json!(null)), vec![json!(1)]));
}

#[test]
fn nothing_is_lost_as_long_as_nobody_said_what_there_is() {
    let silent = || Outcome::Unknown { why: "no answer within 3 s".to_owned() };
    let world = world_c([Some(1), Some(2)], &[("s1", silent()), ("s2", silent())]);
    assert_eq!((world.healed.survival, world.healed.lost), (Survival::NotSeen, vec![]));
    assert_eq!(world.healed.servers[0].1, Stored::Unknown("no answer within 3 s".to_owned()));
    let world = world_c([Some(1), Some(2)], &[]);
    assert_eq!((world.healed.survival, world.healed.servers), (Survival::NotSeen, vec![]));
}

#[test]
fn where_no_server_is_asked_alone_it_counts_what_clients_read() {
    let apart = links("s1,c1<->s2,c2");
    let mut tale = Tale::default();
    tale.cut(&apart).asks("c1", "s1", write(1), Some(json!(1))).asks("c2", "s2", read(), Some(json!(0)));
    tale.heal(&apart).asks("c1", "s1", read(), Some(json!(0))).asks("c2", "s2", read(), Some(json!(0)));
    let steps = vec![Step::Cut(apart), ask("c1", write(1)), ask("c2", read()), Step::Cut(Vec::new())];
    let world = of_tale(plan(Workload::LinKv, steps), tale).worlds.remove(0);
    assert_eq!(world.healed.servers.len(), 2);
    assert_eq!((world.healed.survival, world.healed.lost), (Survival::One(json!(0)), vec![json!(1)]));
}
