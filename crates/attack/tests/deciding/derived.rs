use std::collections::BTreeSet;

use threeworlds_attack::{
    Brief, Derived, KvRequest, Medium, Part, Step, Workload, World, baseline, derive, random,
};
use threeworlds_model::{FaultClass, FaultModel, FaultRule, Question};

use crate::support::{ask, brief, links, names, once, plan, process, question};

fn plans(question: &Question, types: &[&str]) -> Vec<Derived> {
    let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
    derive(&brief(question, Workload::WriteOnceKv), &types)
}

/// Each plan with its faulty set.
fn list(plans: &[Derived]) -> Vec<String> {
    plans.iter().map(|derived| format!("{}: {}", derived.plan.name, names(&derived.plan.faulty))).collect()
}

fn worlds(plans: &[Derived]) -> Vec<String> {
    let is_world = |derived: &&Derived| matches!(derived.part, Part::World { .. });
    list(&plans.iter().filter(is_world).cloned().collect::<Vec<_>>())
}

#[test]
fn two_servers_have_the_three_worlds_and_little_else() {
    // One split. In A everybody but s1 and c1 is at fault, in B everybody but s2 and c2; in C either side can
    // be, and the higher numbers are named. Deafness of s2 and silence of s2 are the same cuts as silence
    // and deafness of s1, and so are the two directed links.
    let expected = [
        "world A, s1 c1 | s2 c2: s2 c2",
        "world B, s1 c1 | s2 c2: s1 c1",
        "world C, s1 c1 | s2 c2: s2 c2",
        "s1 c1 | the others: s2 c2",
        "s1 | s2, clients reach all: s2",
        "s2 c1 | the others: s2 c1",
        "s1 comes and goes three times: s2",
        "s1 flickers three times: s2",
        "every beat from s1 lost: s2",
        "every beat to s1 lost: s2",
        "s1 hears no server: s2",
        "no server hears s1: s2",
        "s1 killed: s1",
        "s2 killed: s2",
        "s1->c1 cut: s1",
        "c1->s1 cut: s1",
    ];
    assert_eq!(list(&plans(&question(2, 1, 2), &["beat"])), expected);
}

#[test]
fn three_servers_of_which_one_fails_have_no_three_worlds() {
    let plans = plans(&question(3, 1, 2), &["beat"]);
    assert_eq!(worlds(&plans), Vec::<String>::new());
    // 3 minorities, each with a client and without; flapping and flickering; 3 deaf, 3 mute; 3 killed; 3 bridges, of which the
    // second is the chain; 6 links between servers, 2 between c1 and s1; 4 losses of a type. A stale hub needs
    // two faulty servers.
    assert_eq!(plans.len(), 6 + 2 + 6 + 3 + 3 + 8 + 4);
    let of = |name: &str| list(&plans).into_iter().find(|one| one.starts_with(name)).unwrap();
    assert_eq!(of("s1 c1 | the others"), "s1 c1 | the others: s1 c1");
    // A bridge cuts two servers off each other, and one of them is enough to explain that.
    assert_eq!(of("bridge s2"), "bridge s2 between s1 and s3: s3");
    assert_eq!(of("every beat to s2"), "every beat to s2 lost: s2");
}

#[test]
fn four_servers_of_which_two_fail_have_three_splits() {
    let plans = plans(&question(4, 2, 2), &[]);
    let expected = [
        "world A, s1 s2 c1 | s3 s4 c2: s3 s4 c2",
        "world B, s1 s2 c1 | s3 s4 c2: s1 s2 c1",
        "world C, s1 s2 c1 | s3 s4 c2: s3 s4 c2",
        "world A, s1 s3 c1 | s2 s4 c2: s2 s4 c2",
        "world B, s1 s3 c1 | s2 s4 c2: s1 s3 c1",
        "world C, s1 s3 c1 | s2 s4 c2: s2 s4 c2",
        "world A, s1 s4 c1 | s2 s3 c2: s2 s3 c2",
        "world B, s1 s4 c1 | s2 s3 c2: s1 s4 c1",
        "world C, s1 s4 c1 | s2 s3 c2: s2 s3 c2",
    ];
    assert_eq!(worlds(&plans), expected);
}

#[test]
fn five_servers_of_which_two_fail_have_minorities_of_one_and_two() {
    let plans = plans(&question(5, 2, 2), &["a", "b"]);
    assert_eq!(worlds(&plans), Vec::<String>::new());
    // C(5,1) + C(5,2) = 15 minorities, each twice; flapping and flickering; 5 deaf and 5 mute; 5 killed and one pair; 5
    // bridges (each cuts two from two); 20 + 2 links; 2 types of 4 losses. The chain s1 to s5 leaves out six pairs,
    // which no two processes cover, and a stale hub needs four.
    assert_eq!(plans.len(), 30 + 2 + 10 + 6 + 5 + 22 + 8);
}

#[test]
fn a_question_without_faults_has_no_plans_but_the_baseline() {
    let question = question(3, 0, 2).with_fault_model(FaultModel::default());
    assert_eq!(list(&plans(&question, &["beat"])), Vec::<String>::new());
    let first = baseline(&brief(&question, Workload::WriteOnceKv));
    assert!(first.plan.within_budget && first.plan.faulty.is_empty());
}

#[test]
fn crashes_alone_are_kills_alone() {
    let question = Question::usual(3, 1, 2, FaultClass::Crash, FaultClass::Crash).unwrap();
    assert_eq!(list(&plans(&question, &["beat"])), ["s1 killed: s1", "s2 killed: s2", "s3 killed: s3"]);
}

#[test]
fn one_sided_classes_admit_one_sided_cuts() {
    let question = Question::usual(3, 1, 2, FaultClass::ReceiveOmission, FaultClass::None).unwrap();
    let plans = plans(&question, &[]);
    let has = |name: &str| list(&plans).contains(&name.to_owned());
    assert!(has("s1 hears no server: s1") && has("c1->s1 cut: s1"));
    // Nobody who only omits receives explains that s1 is not heard by two others, or that c1 does not hear.
    assert!(!has("no server hears s1: s1") && !has("s1->c1 cut: s1"));
    assert!(
        list(&plans).iter().all(|one| !one.contains("killed") && !one.contains(" | ")),
        "{:?}",
        list(&plans)
    );
}

#[test]
fn a_plain_register_has_its_worlds_both_ways() {
    let question = question(2, 1, 2);
    let plans = derive(&brief(&question, Workload::LinKv), &[]);
    let expected = [
        "world A, s1 c1 | s2 c2: s2 c2",
        "world B, s1 c1 | s2 c2: s1 c1",
        "world C, s1 c1 | s2 c2: s2 c2",
        "world A, s2 c1 | s1 c2: s1 c2",
        "world B, s2 c1 | s1 c2: s2 c1",
        "world C, s2 c1 | s1 c2: s2 c1",
    ];
    assert_eq!(worlds(&plans), expected);
    for derived in &plans {
        if let Part::World { world, .. } = derived.part {
            let asks = derived.plan.steps.iter().filter(|step| matches!(step, Step::Ask(_))).count();
            // Two keys are made; then a write, or a read, or both and after healing two reads.
            assert_eq!(asks, 2 + if world == World::C { 4 } else { 1 }, "{}", derived.plan.name);
        }
    }
}

#[test]
fn in_world_c_each_of_the_two_has_to_be_answered() {
    let question = question(2, 1, 2);
    let plans = plans(&question, &[]);
    let must = |number: usize| names(&plans[number].plan.explanation(&question.fault_model).must_answer);
    // c1 made the keys in B, before anything was lost; after that nobody who keeps the rules explains it
    // without c1 or s1, but with s2 and c2 one does.
    assert_eq!(must(2), "c1 c2");
    // With three servers, s1 with c1 apart: two servers would be too many, so c1 is on the faulty side.
    let question = crate::support::question(3, 1, 2);
    let isolated = &self::plans(&question, &[])[0].plan;
    assert_eq!(isolated.name, "s1 c1 | the others");
    assert_eq!(names(&isolated.explanation(&question.fault_model).must_answer), "c2");
}

#[test]
fn the_least_set_is_least_among_those_that_the_rules_allow() {
    let rules = |texts: &[&str], question: &Question| FaultModel {
        rules: texts.iter().map(|text| FaultRule::parse(text, &question.system).unwrap()).collect(),
    };
    let question = question(2, 1, 2);
    let steps = || vec![Step::Cut(links("s1<->s2,c1")), ask("c1", once(1)), Step::Await(vec![process("c1")])];
    let cut = plan(Workload::WriteOnceKv, steps());
    let explained = |texts: &[&str]| {
        let explanation = cut.explanation(&rules(texts, &question));
        (names(&explanation.faulty), explanation.within_budget)
    };
    assert_eq!(explained(&["1 of servers: omission"]), ("s1".to_owned(), true));
    // s2 and c1 omit instead, where s1 never fails.
    assert_eq!(explained(&["s2: omission", "c1: omission"]), ("s2 c1".to_owned(), true));
    // Either side of send-or-receive is not enough for both directions.
    assert_eq!(explained(&["1 of servers: send-or-receive-omission"]), ("s1".to_owned(), false));
    assert_eq!(
        explained(&["any of servers: send-or-receive-omission", "any of clients: send-or-receive-omission"]),
        ("s1 s2 c1".to_owned(), true)
    );
}

#[test]
fn servers_that_come_back_are_beyond_every_budget() {
    let question = question(3, 1, 2);
    let mut brief = brief(&question, Workload::LinKv);
    let within = derive(&brief, &[]);
    assert!(within.iter().all(|derived| derived.plan.within_budget));
    brief.beyond = true;
    let all = derive(&brief, &[]);
    let beyond: Vec<String> =
        list(&all.into_iter().filter(|derived| !derived.plan.within_budget).collect::<Vec<_>>());
    let expected = [
        "star with the stale hub s1: s2 s3",
        "star with the stale hub s2: s2 s3",
        "star with the stale hub s3: s2 s3",
        "s1 killed and started again: s1",
        "s1 paused for a while: s1",
        "s2 killed and started again: s2",
        "s2 paused for a while: s2",
        "s3 killed and started again: s3",
        "s3 paused for a while: s3",
    ];
    assert_eq!(beyond, expected);
}

#[test]
fn every_derived_plan_can_be_played_and_written_down() {
    for (servers, faults) in [(1, 1), (2, 1), (3, 1), (4, 2)] {
        for workload in Workload::ALL {
            let question = question(servers, faults, 3);
            let mut brief = brief(&question, *workload);
            brief.beyond = true;
            let mut plans = vec![baseline(&brief)];
            plans.extend(derive(&brief, &["beat".to_owned()]));
            plans.extend((0..20).map(|seed| random(&brief, seed)));
            for Derived { plan, .. } in plans {
                let read = threeworlds_attack::Plan::parse(&plan.text());
                assert_eq!(read.as_ref(), Ok(&plan), "{}", plan.text());
            }
        }
    }
}

#[test]
fn random_plans_keep_the_rules_and_their_seed() {
    let question = question(3, 1, 2);
    let brief = brief(&question, Workload::LinKv);
    let plans: Vec<Derived> = (0..100).map(|seed| random(&brief, seed)).collect();
    assert!(plans.iter().all(|derived| derived.plan.within_budget));
    assert_eq!(plans, (0..100).map(|seed| random(&brief, seed)).collect::<Vec<_>>());
    let faulty: BTreeSet<String> = plans.iter().map(|derived| names(&derived.plan.faulty)).collect();
    // Nobody, each server alone, and some with clients: they are drawn, not always the same.
    assert!(["s1", "s2", "s3"].iter().all(|server| faulty.contains(*server)), "{faulty:?}");
}

fn hosts(question: &Question, partial: bool, beyond: bool) -> Vec<Derived> {
    let medium = Medium::Hosts { heal_milliseconds: 5_000, partial };
    derive(&Brief { medium, beyond, ..brief(question, Workload::WriteOnce) }, &["beat".to_owned()])
}

/// Two servers: the three worlds and nothing else; and after healing everybody reads, for what was acknowledged
/// may be lost only then.
#[test]
fn a_cluster_of_two_has_its_three_worlds() {
    let question = question(2, 1, 2);
    let plans = hosts(&question, false, false);
    let expected =
        ["world A, s1 c1 | s2 c2: s2 c2", "world B, s1 c1 | s2 c2: s1 c1", "world C, s1 c1 | s2 c2: s2 c2"];
    assert_eq!(list(&plans), expected);
    for Derived { plan, .. } in &plans {
        let healed = plan.steps.iter().rposition(|step| *step == Step::Cut(Vec::new())).unwrap();
        assert_eq!(plan.steps[healed + 1], Step::Wait { milliseconds: 5_000 });
        let reads =
            |step: &&Step| matches!(step, Step::Ask(ask) if matches!(ask.request, KvRequest::Read { .. }));
        assert_eq!(plan.steps[healed..].iter().filter(reads).count(), 2, "{}", plan.name);
        plan.suits_hosts().unwrap();
        assert!(!plan.cuts_one_way());
    }
}

/// More servers than twice those that fail: each by itself, the one that leads first.
#[test]
fn a_cluster_of_three_has_each_server_apart() {
    let plans = hosts(&question(3, 1, 2), false, false);
    let expected = ["s1 c1 | the others: s1 c1", "s2 c1 | the others: s2 c1", "s3 c1 | the others: s3 c1"];
    assert_eq!(list(&plans), expected);
}

/// Every partial partition with the least number of servers that explains it. The bridges part two from two.
/// A chain of five leaves two neighbours without fault at most; the star cuts the hub from all first and then
/// all others from each other, so that all pairs are cut, and only one server can be without fault.
#[test]
fn partial_partitions_say_how_many_servers_explain_them() {
    let expected = [
        "bridge s1 between s2 s3 and s4 s5: s4 s5",
        "bridge s2 between s1 s3 and s4 s5: s4 s5",
        "chain s1 s2 s3 s4 s5: s3 s4 s5",
        "star with the stale hub s1: s2 s3 s4 s5",
        "star with the stale hub s2: s2 s3 s4 s5",
        "star with the stale hub s2, without s1: s2 s3 s4 s5",
    ];
    let plans = hosts(&question(5, 2, 2), true, false);
    assert_eq!(list(&plans), expected);
    let within: Vec<bool> = plans.iter().map(|derived| derived.plan.within_budget).collect();
    assert_eq!(within, [true, true, false, false, false, false]);
    // With three a chain is a bridge over its middle.
    let expected = [
        "bridge s1 between s2 and s3: s3",
        "bridge s2 between s1 and s3: s3",
        "star with the stale hub s1: s2 s3",
        "star with the stale hub s2: s2 s3",
    ];
    assert_eq!(list(&hosts(&question(3, 1, 2), true, false)), expected);
}

/// Whatever is tried on a cluster can be done between hosts: no types of messages are lost.
#[test]
fn all_plans_of_a_cluster_can_be_played_between_hosts() {
    for (servers, faults) in [(2, 1), (3, 1), (4, 2), (5, 2)] {
        for workload in [Workload::WriteOnce, Workload::WriteOnceKv, Workload::LinKv] {
            let question = question(servers, faults, 2);
            let medium = Medium::Hosts { heal_milliseconds: 1, partial: false };
            let brief = Brief { medium, beyond: true, ..brief(&question, workload) };
            let plans = derive(&brief, &["beat".to_owned()]);
            assert!(plans.len() > 5);
            for Derived { plan, .. } in plans {
                plan.suits_hosts().unwrap();
                plan.validate().unwrap();
            }
        }
    }
}
