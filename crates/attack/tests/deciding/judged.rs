use serde_json::json;
use threeworlds_attack::{
    Finding, Journal, Judged, KvRequest, Link, Outcome, Plan, ServerEvent, Step, What, Workload, judge, told,
};
use threeworlds_model::Property;

use crate::support::{Tale, ask, cas, links, once, plan, process, question, read, write};

fn apart() -> Vec<Link> {
    links("s1,c1<->s2,c2")
}

/// World C: both write, apart.
fn world_c(workload: Workload) -> Plan {
    plan(workload, vec![Step::Cut(apart()), ask("c1", once(1)), ask("c2", once(2)), await_both()])
}

fn await_both() -> Step {
    Step::Await(vec![process("c1"), process("c2")])
}

fn judged(plan: &Plan, journal: &Journal) -> Judged {
    judge(plan, &question(2, 1, 2).fault_model, journal)
}

/// What is violated, and how.
fn violated(finding: &Finding) -> (Property, &str) {
    match finding {
        Finding::Violated(violation) => (violation.property, violation.explanation.as_str()),
        other => panic!("nothing is violated: {other:?}"),
    }
}

fn unknown(finding: &Finding) -> &str {
    match finding {
        Finding::Unknown(why) => why,
        other => panic!("it is known: {other:?}"),
    }
}

#[test]
fn agreement_is_between_what_clients_were_told() {
    let mut tale = Tale::default();
    tale.cut(&apart()).asks("c1", "s1", once(1), Some(json!(1))).asks("c2", "s2", once(2), Some(json!(2)));
    let judged = judged(&world_c(Workload::WriteOnce), &tale.journal);
    let said = "c1 asks write-once 1 and is told 1, but c2 asks write-once 2 and is told 2";
    assert_eq!(violated(&judged.safe), (Property::Agreement, said));
    assert_eq!(judged.safe.violation().unwrap().requests, [0, 1]);
    assert_eq!(judged.live, Finding::Kept);
}

#[test]
fn a_read_can_contradict_a_write() {
    let mut tale = Tale::default();
    tale.cut(&apart()).asks("c1", "s1", once(1), Some(json!(1))).asks("c2", "s2", once(2), None);
    tale.asks("c2", "s2", read(), Some(json!(2)));
    let judged = judged(&world_c(Workload::WriteOnce), &tale.journal);
    let said = "c1 asks write-once 1 and is told 1, but c2 asks read and is told 2";
    assert_eq!(violated(&judged.safe), (Property::Agreement, said));
}

#[test]
fn validity_is_about_what_somebody_had_asked_for() {
    let mut tale = Tale::default();
    tale.cut(&apart()).asks("c1", "s1", once(1), Some(json!(7))).asks("c2", "s2", once(2), Some(json!(7)));
    let judged = judged(&world_c(Workload::WriteOnce), &tale.journal);
    let said = "c1 asks write-once 1 and is told 7, which nobody had asked to write";
    assert_eq!(violated(&judged.safe), (Property::Validity, said));
}

#[test]
fn correctness_is_that_what_was_acknowledged_is_there() {
    // The value that the key had before counts as none.
    for (workload, nothing) in [(Workload::WriteOnce, json!(null)), (Workload::WriteOnceKv, json!(null))] {
        let mut tale = Tale::default();
        tale.cut(&apart()).asks("c1", "s1", once(1), Some(json!(1))).asks("c2", "s2", read(), Some(nothing));
        let steps = vec![Step::Cut(apart()), ask("c1", once(1)), ask("c2", read()), await_both()];
        let judged = judged(&plan(workload, steps), &tale.journal);
        let said = "c1 asks write-once 1 and is told 1, and c2, which asks after that, asks read and is told that \
                    there is no value";
        assert_eq!(violated(&judged.safe), (Property::Correctness, said));
    }
}

#[test]
fn a_read_beside_a_pending_write_may_show_nothing() {
    let mut tale = Tale::default();
    tale.cut(&apart());
    let pending = tale.call("c1", "s1", once(1));
    tale.asks("c2", "s2", read(), Some(json!(null)));
    tale.end(pending, Outcome::Ok(Some(json!(1)))).answered("c1", once(1), Some(json!(1)));
    let steps = vec![Step::Cut(apart()), ask("c1", once(1)), ask("c2", read()), await_both()];
    assert_eq!(judged(&plan(Workload::WriteOnce, steps), &tale.journal).safe, Finding::Kept);
}

/// A plain register: c1 writes beside s1, then c2 reads beside s2.
fn write_then_read() -> Plan {
    let steps = vec![
        ask("c1", write(0)),
        Step::Await(vec![process("c1")]),
        Step::Cut(apart()),
        ask("c1", write(1)),
        Step::Await(vec![process("c1")]),
        ask("c2", read()),
        Step::Await(vec![process("c2")]),
    ];
    plan(Workload::LinKv, steps)
}

#[test]
fn a_stale_read_is_not_linearizable() {
    let mut tale = Tale::default();
    tale.asks("c1", "s1", write(0), Some(json!(0))).cut(&apart());
    tale.asks("c1", "s1", write(1), Some(json!(1))).asks("c2", "s2", read(), Some(json!(0)));
    let judged = judged(&write_then_read(), &tale.journal);
    let (property, said) = violated(&judged.safe);
    assert_eq!(property, Property::Linearizability);
    assert!(said.contains("c2 asks read and is told 0"), "{said}");
}

#[test]
fn an_unanswered_write_is_maybe_applied() {
    // The write was not answered: the read may show it or not, and both are seen one after the other.
    for seen in [0, 1] {
        let mut tale = Tale::default();
        tale.asks("c1", "s1", write(0), Some(json!(0))).cut(&apart());
        tale.asks("c1", "s1", write(1), None).asks("c2", "s2", read(), Some(json!(seen)));
        let judged = judged(&write_then_read(), &tale.journal);
        assert_eq!(judged.safe, Finding::Kept, "the read showed {seen}");
        assert_eq!(violated(&judged.live).0, Property::Termination);
    }
    // But not first the new value and then the old one.
    let mut tale = Tale::default();
    tale.asks("c1", "s1", write(0), Some(json!(0))).cut(&apart()).asks("c1", "s1", write(1), None);
    tale.asks("c2", "s2", read(), Some(json!(1))).asks("c2", "s2", read(), Some(json!(0)));
    let judged = judged(&write_then_read(), &tale.journal);
    assert_eq!(violated(&judged.safe).0, Property::Linearizability);
}

#[test]
fn a_refusal_is_no_answer_and_says_nothing_about_the_object() {
    let mut tale = Tale::default();
    tale.asks("c1", "s1", write(0), Some(json!(0))).cut(&apart());
    let operation = tale.call("c1", "s1", write(1));
    tale.end(operation, Outcome::Refused { code: 11, text: "no leader".to_owned() }).seconds(10);
    tale.answered("c1", write(1), None).asks("c2", "s2", read(), Some(json!(0)));
    let judged = judged(&write_then_read(), &tale.journal);
    assert_eq!(judged.safe, Finding::Kept);
    let said = "c1, which need not be faulty, asks write 1 and is not answered within 10.0 s; s1 said error 11 (no \
                leader)";
    assert_eq!(violated(&judged.live), (Property::Termination, said));
}

#[test]
fn a_refused_write_that_shows_up_is_a_lie() {
    let mut tale = Tale::default();
    tale.asks("c1", "s1", write(0), Some(json!(0))).cut(&apart());
    let operation = tale.call("c1", "s1", write(1));
    tale.end(operation, Outcome::Refused { code: 11, text: "no leader".to_owned() });
    tale.answered("c1", write(1), None).asks("c2", "s2", read(), Some(json!(1)));
    assert_eq!(violated(&judged(&write_then_read(), &tale.journal).safe).0, Property::Linearizability);
}

#[test]
fn a_failed_comparison_is_an_answer() {
    let request = cas(5, 6);
    let steps = vec![ask("c1", request.clone()), Step::Await(vec![process("c1")])];
    let mut tale = Tale::default();
    let operation = tale.call("c1", "s1", request.clone());
    tale.end(operation, Outcome::Refused { code: 22, text: "no".to_owned() });
    tale.answered("c1", request, Some(json!({"error": 22, "text": "no"})));
    let judged = judged(&plan(Workload::LinKv, steps), &tale.journal);
    assert_eq!((judged.safe, judged.live), (Finding::Kept, Finding::Kept));
    assert_eq!(judged.told[0].outcome(), "is told that the value is another");
}

#[test]
fn whoever_is_on_the_faulty_side_need_not_be_answered() {
    // Three servers: s1 and c1 apart. Only s1 with c1 can be faulty, so c1 waits in vain and nobody is to blame.
    let question = question(3, 1, 2);
    let cut = links("s1,c1<->s2,s3,c2");
    let mut plan = plan(
        Workload::WriteOnce,
        vec![Step::Cut(cut.clone()), ask("c1", once(1)), ask("c2", once(2)), await_both()],
    );
    plan.servers = 3;
    let mut tale = Tale::default();
    tale.cut(&cut).asks("c1", "s1", once(1), None).asks("c2", "s2", once(2), Some(json!(2)));
    assert_eq!(judge(&plan, &question.fault_model, &tale.journal).live, Finding::Kept);
    let mut tale = Tale::default();
    tale.cut(&cut).asks("c1", "s1", once(1), Some(json!(1))).asks("c2", "s2", once(2), None);
    let judged = judge(&plan, &question.fault_model, &tale.journal);
    assert!(violated(&judged.live).1.starts_with("c2, which need not be faulty"));
}

#[test]
fn before_the_first_fault_everybody_is_to_be_answered() {
    let question = question(3, 1, 2);
    let cut = links("s1,c1<->s2,s3,c2");
    let mut plan = plan(
        Workload::LinKv,
        vec![ask("c1", write(0)), Step::Await(vec![process("c1")]), Step::Cut(cut.clone())],
    );
    plan.servers = 3;
    let mut tale = Tale::default();
    tale.asks("c1", "s1", write(0), None).cut(&cut);
    assert_eq!(violated(&judge(&plan, &question.fault_model, &tale.journal).live).0, Property::Termination);
}

/// A run of world C in which everything is well, changed by `change`.
fn doubtful(change: impl Fn(&mut Tale)) -> Judged {
    let mut tale = Tale::default();
    tale.cut(&apart()).asks("c1", "s1", once(1), Some(json!(1))).asks("c2", "s2", once(2), Some(json!(1)));
    change(&mut tale);
    judged(&world_c(Workload::WriteOnce), &tale.journal)
}

#[test]
fn what_did_not_happen_as_planned_is_unknown() {
    assert_eq!(doubtful(|_| ()).safe, Finding::Kept);
    let without_a_probe = doubtful(|tale| {
        tale.journal.events.remove(1);
    });
    assert_eq!(unknown(&without_a_probe.safe), "s1->s2 was cut, and no probe saw that the cut works");
    let leaking = doubtful(|tale| {
        tale.event(What::Probed { link: apart()[0], arrived: true });
    });
    assert_eq!(unknown(&leaking.live), "s1->s2 was cut, but a probe went through");
    let unhealed = doubtful(|tale| {
        tale.heal(&apart()[1..]);
    });
    assert_eq!(unknown(&unhealed.safe), "s1->s2 was healed, and no probe saw it");
    let still_cut = doubtful(|tale| {
        tale.heal(&apart()).event(What::Probed { link: apart()[0], arrived: false });
    });
    assert_eq!(unknown(&still_cut.safe), "s1->s2 was not cut, but a probe was lost");
    let exited = doubtful(|tale| {
        tale.event(What::Exited { server: process("s2"), status: "exit status 1".to_owned() });
    });
    assert!(unknown(&exited.live).contains("s2 ended by itself"), "{exited:?}");
    let cut_short = doubtful(|tale| {
        tale.journal.events.truncate(tale.journal.events.len() - 1);
    });
    assert_eq!(unknown(&cut_short.live), "the run ended after 1 of 2 requests (2 were begun)");
}

#[test]
fn a_violation_of_safety_stands_whatever_the_network_did() {
    let mut tale = Tale::default();
    tale.event(What::Cut { links: apart() });
    tale.asks("c1", "s1", once(1), Some(json!(1))).asks("c2", "s2", once(2), Some(json!(2)));
    tale.event(What::Exited { server: process("s1"), status: "signal 11".to_owned() });
    let judged = judged(&world_c(Workload::WriteOnce), &tale.journal);
    assert_eq!(violated(&judged.safe).0, Property::Agreement);
}

#[test]
fn somebody_who_waits_for_a_server_that_ended_by_itself_says_nothing_about_the_network() {
    let mut tale = Tale::default();
    tale.cut(&apart());
    tale.event(What::Exited { server: process("s1"), status: "exit status 1".to_owned() });
    tale.asks("c1", "s1", once(1), None).asks("c2", "s2", once(2), Some(json!(2)));
    let judged = judged(&world_c(Workload::WriteOnce), &tale.journal);
    assert!(unknown(&judged.live).contains("exit status 1"));
}

#[test]
fn a_server_that_was_killed_did_not_end_by_itself() {
    let steps = vec![
        Step::Server(process("s1"), ServerEvent::Kill),
        ask("c1", once(1)),
        Step::Await(vec![process("c1")]),
    ];
    let mut tale = Tale::default();
    tale.event(What::Server { server: process("s1"), event: ServerEvent::Kill });
    tale.asks("c1", "s2", once(1), Some(json!(1)));
    let judged = judged(&plan(Workload::WriteOnce, steps), &tale.journal);
    assert_eq!((judged.safe, judged.live), (Finding::Kept, Finding::Kept));
}

#[test]
fn lines_that_are_no_messages_are_told_and_decide_nothing() {
    let judged = doubtful(|tale| {
        for line in 1..4 {
            let why = "no JSON".to_owned();
            tale.event(What::Malformed { server: process("s1"), line, why });
        }
    });
    assert_eq!(judged.safe, Finding::Kept);
    assert_eq!(judged.notes, ["s1 wrote a line on its standard output that is no message (line 1: no JSON)"]);
}

#[test]
fn a_request_of_several_operations_is_told_once() {
    let mut tale = Tale::default();
    let first = tale.call("c1", "s1", KvRequest::Cas { key: json!(1), from: json!(0), to: json!(1) });
    tale.seconds(2).end(first, Outcome::Unknown { why: "silence".to_owned() });
    let second = tale.call("c1", "s2", read());
    tale.end(second, Outcome::Ok(Some(json!(1)))).answered("c1", once(1), Some(json!(1)));
    let told = told(&tale.journal);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].words().as_str(), told[0].outcome().as_str()), ("write-once 1", "is told 1"));
    assert_eq!(told[0].servers(), [process("s1"), process("s2")]);
    assert_eq!(told[0].seconds(), "2.0 s");
}
