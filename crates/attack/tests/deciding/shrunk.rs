use threeworlds_attack::{Derived, Plan, Player, Shows, Step, Workload, derive, judge, shrink};
use threeworlds_model::{Property, Question};

use crate::simulated::{Kind, Simulated};
use crate::support::{brief, question};

/// Shrinks a plan under a simulated program, as long as the same property is violated.
fn shrunk(kind: Kind, question: &Question, plan: &Plan, most_runs: usize) -> (Plan, bool, usize) {
    let program = Simulated::new(kind);
    let violated = |plan: &Plan| -> Option<Property> {
        let played = program.play(plan).unwrap();
        Some(judge(plan, &question.fault_model, &played.journal).violation()?.property)
    };
    let property = violated(plan).expect("the plan fails");
    let by_so_many_at_a_time = |width| {
        let mut left = most_runs;
        let mut shows = |candidates: &[Plan]| {
            let mut show = |candidate: &Plan| {
                if left == 0 {
                    return Shows::Enough;
                }
                left -= 1;
                if violated(candidate) == Some(property) { Shows::Yes } else { Shows::No }
            };
            candidates.iter().map(&mut show).collect()
        };
        shrink(plan, plan.steps.len(), &question.fault_model, width, &mut shows)
    };
    let shrunk = by_so_many_at_a_time(1);
    let together = by_so_many_at_a_time(4);
    assert!(
        !(shrunk.minimal && together.minimal) || together.plan == shrunk.plan,
        "the same, whatever the width"
    );
    assert_eq!(violated(&shrunk.plan), Some(property));
    (shrunk.plan, shrunk.minimal, shrunk.runs)
}

fn named(question: &Question, workload: Workload, name: &str) -> Plan {
    let plans = derive(&brief(question, workload), &["beat".to_owned()]);
    let found = plans.into_iter().find(|derived| derived.plan.name.starts_with(name));
    found.map(|Derived { plan, .. }| plan).unwrap()
}

/// What is left, step by step.
fn steps(plan: &Plan) -> Vec<String> {
    let step = |step: &Step| serde_json::to_string(step).unwrap();
    plan.steps.iter().map(step).collect()
}

#[test]
fn a_split_brain_shrinks_to_one_cut_and_two_writes() {
    // c1 writes at s1, which cannot tell s2; then c2 writes at s2. c1 asks first, so one direction is enough.
    let question = question(2, 1, 2);
    let plan = named(&question, Workload::WriteOnceKv, "world C");
    let (least, minimal, runs) = shrunk(Kind::Splits, &question, &plan, 1_000);
    assert_eq!(
        steps(&least),
        [
            r#"{"cut":["s1->s2"]}"#,
            r#"{"ask":{"client":"c1","request":{"op":"write-once","key":1,"value":1},"servers":["s1"],"deadline_milliseconds":10000}}"#,
            r#"{"ask":{"client":"c2","request":{"op":"write-once","key":1,"value":2},"servers":["s2"],"deadline_milliseconds":10000}}"#,
            r#"{"await":["c1","c2"]}"#,
        ]
    );
    assert!(minimal && least.within_budget && runs < 60, "{runs} runs");
}

#[test]
fn somebody_who_waits_shrinks_to_one_cut_and_one_request() {
    // Two of three servers are a majority: each of them has to be unable to exchange messages with the two
    // others, or the client with them. s1 and c1 apart is one way; the least is one request that nobody
    // answers, and its cuts.
    let question = question(2, 1, 2);
    let plan = named(&question, Workload::WriteOnceKv, "world A");
    let (least, minimal, _) = shrunk(Kind::Majority, &question, &plan, 1_000);
    let asks = least.steps.iter().filter(|step| matches!(step, Step::Ask(_))).count();
    let cut = least.steps.iter().find_map(|step| match step {
        Step::Cut(links) => Some(links.len()),
        _ => None,
    });
    assert!(minimal);
    assert_eq!((asks, cut), (1, Some(1)), "{:?}", steps(&least));
}

#[test]
fn out_of_time_the_best_so_far_is_kept() {
    let question = question(2, 1, 2);
    let plan = named(&question, Workload::WriteOnceKv, "world C");
    let (least, minimal, runs) = shrunk(Kind::Splits, &question, &plan, 3);
    assert!(!minimal && runs == 3 && least.steps.len() <= plan.steps.len());
}

#[test]
fn every_plan_that_fails_shrinks_to_one_that_fails_and_can_be_played() {
    let question = question(3, 1, 2);
    for workload in [Workload::WriteOnceKv, Workload::LinKv] {
        for Derived { plan, .. } in derive(&brief(&question, workload), &["beat".to_owned()]) {
            let program = Simulated::new(Kind::Splits);
            let played = program.play(&plan).unwrap();
            if judge(&plan, &question.fault_model, &played.journal).violation().is_none() {
                continue;
            }
            let (least, minimal, _) = shrunk(Kind::Splits, &question, &plan, 10_000);
            assert!(minimal && least.validate().is_ok() && least.within_budget, "{}", least.text());
            assert!(least.steps.len() <= 9, "{}: {:#?}", plan.name, steps(&least));
        }
    }
}
