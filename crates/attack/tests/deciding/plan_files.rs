use proptest::prelude::*;
use serde_json::json;
use threeworlds_attack::{
    Ask, KvRequest, Link, Loss, PLAN_FORMAT, Plan, PlanError, Roles, ServerEvent, Step, Workload,
};
use threeworlds_model::Process;

use crate::support::{links, process};

const BY_HAND: &str = r#"{
  "format": "threeworlds/plan/1",
  "name": "split brain",
  "servers": 2,
  "clients": 2,
  "workload": "write-once-kv",
  "steps": [
    {"ask": {"client": "c1", "request": {"op": "write", "key": 1, "value": 0}, "servers": ["s1"], "deadline_milliseconds": 10000}},
    {"await": ["c1"]},
    {"cut": ["s1,c1<->s2,c2"]},
    {"lose": [{"type": "beat", "on": ["s1->s2"]}]},
    {"server": ["s2", "pause"]},
    {"wait": {"milliseconds": 100}}
  ]
}"#;

#[test]
fn a_plan_by_hand_says_only_what_it_has_to() {
    let plan = Plan::parse(BY_HAND).unwrap();
    assert_eq!((plan.roles, plan.faulty.len(), plan.within_budget), (Roles::Fixed, 0, false));
    let expected = links("s1<->s2").into_iter().chain(links("s1<->c2")).chain(links("s2<->c1"));
    let mut expected: Vec<Link> = expected.collect();
    expected.sort();
    assert_eq!(plan.steps[2], Step::Cut(expected));
}

#[test]
fn a_cut_between_two_groups_is_written_as_one() {
    let plan = Plan::parse(BY_HAND).unwrap();
    assert!(plan.text().contains(r#"{"cut":["s1,c1<->s2,c2"]}"#), "{}", plan.text());
}

/// What is said about the text with one place changed.
fn complaint(from: &str, to: &str) -> String {
    assert!(BY_HAND.contains(from), "{from}");
    Plan::parse(&BY_HAND.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let cases = [
        (r#""name""#, r#""title""#, "unknown field `title`"),
        (r#""name""#, r#""title""#, "line 3 column"),
        ("plan/1", "plan/9", "`threeworlds/plan/9`"),
        ("write-once-kv", "bank", "`bank` is not a workload: use write-once-kv, lin-kv, write-once"),
        ("s1,c1<->s2,c2", "s1=s2", "`s1=s2` is not a link"),
        ("s1,c1<->s2,c2", "c1->c2", "names no link"),
        ("s1,c1<->s2,c2", "s1->x2", "`x2` is not a process"),
        ("s1,c1<->s2,c2", "s1->s3", "step 3 of the plan: there is no s3"),
        (
            r#""s2", "pause""#,
            r#""s2", "resume""#,
            "step 5 of the plan: s2 is running, so it cannot be resumed",
        ),
        (r#""s2", "pause""#, r#""s2", "sleep""#, "unknown variant `sleep`"),
        (r#""op": "write""#, r#""op": "append""#, "unknown variant `append`"),
        (r#""value": 0"#, r#""value": 0, "if": 1"#, "unknown field `if`"),
        (r#""servers": ["s1"]"#, r#""servers": []"#, "c1 asks nobody"),
        (r#""servers": ["s1"]"#, r#""servers": ["c2"]"#, "c1 asks c2: servers are asked"),
        (r#"{"await": ["c1"]}"#, r#"{"await": ["s1"]}"#, "s1 is a server"),
        ("10000}", "0}", "deadline greater than 0"),
        (r#""milliseconds": 100"#, r#""milliseconds": 99999999"#, "an hour"),
        (r#""servers": 2"#, r#""servers": 0"#, "at least one server"),
        (r#""servers": 2"#, r#""servers": 100"#, "at most 64"),
        ("\"steps\": [", "\"steps\": [,", "line 7 column"),
    ];
    for (from, to, expected) in cases {
        let said = complaint(from, to);
        assert!(said.contains(expected), "{from} -> {to}: {said}");
    }
}

#[test]
fn a_client_asks_one_thing_at_a_time() {
    let ask = r#"{"ask": {"client": "c1", "request": {"op": "read", "key": 1}, "servers": ["s1"], "deadline_milliseconds": 1}}"#;
    let said = complaint(r#"{"await": ["c1"]}"#, ask);
    assert!(said.starts_with("step 2 of the plan: c1 asks again"), "{said}");
}

fn a_process() -> impl Strategy<Value = Process> {
    prop_oneof![(1..4u16).prop_map(Process::Server), (1..3u16).prop_map(Process::Client)]
}

fn a_link() -> impl Strategy<Value = Link> {
    let linked = |&(from, to): &(Process, Process)| from != to && !(from.is_client() && to.is_client());
    (a_process(), a_process()).prop_filter("linked", linked).prop_map(|(from, to)| Link { from, to })
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items.dedup();
    items
}

fn a_step() -> impl Strategy<Value = Step> {
    let a_loss = ("[a-z_]{1,8}", a_link()).prop_map(|(message_type, link)| Loss { message_type, link });
    let a_value =
        prop_oneof![Just(json!(null)), (0..9).prop_map(|n| json!(n)), "[a-z]{0,3}".prop_map(|t| json!(t))];
    let a_request = (0..4, a_value.clone(), a_value).prop_map(|(which, key, value)| match which {
        0 => KvRequest::Read { key },
        1 => KvRequest::Write { key, value },
        2 => KvRequest::Cas { key, from: value.clone(), to: value },
        _ => KvRequest::Read { key },
    });
    let a_server = (1..4u16).prop_map(Process::Server);
    prop_oneof![
        prop::collection::vec(a_link(), 0..14).prop_map(|links| Step::Cut(sorted(links))),
        prop::collection::vec(a_loss, 0..6).prop_map(|losses| Step::Lose(sorted(losses))),
        (1..3u16, a_request, prop::collection::vec(a_server.clone(), 1..4), 1..10_000u64).prop_map(
            |(client, request, servers, deadline_milliseconds)| {
                Step::Ask(Ask { client: Process::Client(client), request, servers, deadline_milliseconds })
            }
        ),
        (0..10_000u64).prop_map(|milliseconds| Step::Wait { milliseconds }),
        a_server.prop_map(|server| Step::Server(server, ServerEvent::Kill)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_again(
        name in ".{0,20}",
        steps in prop::collection::vec(a_step(), 0..12),
        faulty in prop::collection::vec(a_process(), 0..4),
        within_budget: bool,
    ) {
        // A client is awaited before it asks again, a server is killed once.
        let mut playable = Vec::new();
        let mut killed = Vec::new();
        for step in steps {
            match &step {
                Step::Server(server, _) if killed.contains(server) => continue,
                Step::Server(server, _) => killed.push(*server),
                Step::Ask(_) => playable.push(Step::Await(vec![process("c1"), process("c2")])),
                _ => {}
            }
            playable.push(step);
        }
        let plan = Plan {
            name,
            servers: 3,
            clients: 2,
            workload: Workload::LinKv,
            roles: Roles::LeaderFirst,
            faulty: sorted(faulty),
            within_budget,
            steps: playable,
        };
        let text = plan.text();
        prop_assert!(text.contains(PLAN_FORMAT));
        let read: Result<Plan, PlanError> = Plan::parse(&text);
        prop_assert_eq!(read, Ok(plan), "{}", text);
    }
}
