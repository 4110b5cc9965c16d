//! What a plan does to well-behaved programs.

use std::time::Duration;

use serde_json::json;
use threeworlds_attack::{
    Leader, Link, Loss, Options, Outcome, Remover, Roles, Run, ServerEvent, Step, What, Workload,
};

use crate::support::{
    Script, answers, ask, ask_within, cut, links, outcomes, plan, process, read, wait_for, whats, write,
    write_once,
};

/// A node that passes on what it is asked to `say` and answers when the other has answered.
const ECHO: &str = r#"
asked = {}
for message, body, kind in messages():
    if kind == "read":
        asked[number] = message
        for other in others:
            send(other, {"type": "ping", "number": number})
        number += 1
    elif kind == "ping":
        send(message["src"], {"type": "pong", "number": body["number"]})
    elif kind == "pong" and body["number"] in asked:
        reply(asked.pop(body["number"]), type="read_ok", value=body["number"])
"#;

#[test]
fn a_plan_is_played_against_a_program() {
    let script = Script::store("");
    let run = script.run(&plan(vec![
        ask("c1", "s1", write(7)),
        wait_for("c1"),
        ask("c2", "s1", read()),
        wait_for("c2"),
        ask("c2", "s2", read()),
    ]));
    let told = |client: &str, value| (client.to_owned(), Some(value));
    assert_eq!(answers(&run), [told("c1", json!(7)), told("c2", json!(7)), told("c2", json!(null))]);
    assert_eq!(outcomes(&run)[0], Outcome::Ok(None));
    let of_replies = whats(&run)
        .filter(|what| matches!(what, What::Sent { message_type, .. } if message_type.ends_with("_ok")));
    assert_eq!(of_replies.count(), 2, "two were answered with ok, one with an error");
    assert_eq!(run.leader, Leader::NotAsked);
}

/// Nothing crosses a cut link, in its direction alone; after healing everything does.
#[test]
fn cuts_cut_and_heals_heal() {
    let script = Script::new(ECHO);
    let run = script.run(&plan(vec![
        ask("c1", "s1", read()),
        wait_for("c1"),
        cut("s1>s2"),
        ask_within("c1", "s1", read(), 300),
        // The other way the ping arrives, and the pong is lost.
        ask_within("c2", "s2", read(), 300),
        wait_for("c1 c2"),
        cut("s1>s2 s2>s1 c1>s1"),
        ask_within("c1", "s1", read(), 300),
        wait_for("c1"),
        cut(""),
        ask("c1", "s1", read()),
        ask("c2", "s2", read()),
    ]));
    let answered: Vec<bool> = answers(&run).iter().map(|(_, answer)| answer.is_some()).collect();
    assert_eq!(answered, [true, false, false, false, true, true]);
    assert_nothing_crosses(&run);
    let probes: Vec<(String, bool)> = whats(&run)
        .filter_map(|what| match what {
            What::Probed { link: Link { from, to }, arrived } => Some((format!("{from}>{to}"), *arrived)),
            _ => None,
        })
        .collect();
    let expected = [("s1>s2", false), ("s1>s2", false), ("s2>s1", false), ("c1>s1", false)];
    let healed = [("s1>s2", true), ("s2>s1", true), ("c1>s1", true)];
    let expected: Vec<_> =
        expected.iter().chain(&healed).map(|&(link, arrived)| (link.to_owned(), arrived)).collect();
    assert_eq!(probes, expected);
}

/// Replays the journal: each message that was sent on a cut link was removed by the cut, every other one was
/// delivered or is under way at the end, and each link delivers in the order of sending.
#[track_caller]
fn assert_nothing_crosses(run: &Run) {
    use std::collections::{BTreeMap, BTreeSet};
    let mut cut = BTreeSet::new();
    let mut sent: BTreeMap<u64, (Link, bool)> = BTreeMap::new();
    let mut last: BTreeMap<Link, u64> = BTreeMap::new();
    let mut removed = 0;
    for what in whats(run) {
        match what {
            What::Cut { links } => cut = links.iter().copied().collect(),
            What::Sent { message, from, to, .. } => {
                let link = Link { from: *from, to: *to };
                sent.insert(*message, (link, cut.contains(&link)));
            }
            What::Delivered { message } => {
                let (link, was_cut) = sent[message];
                assert!(!was_cut, "message {message} crossed a cut");
                assert!(last.insert(link, *message).is_none_or(|last| last < *message), "out of order");
            }
            What::Removed { message, by } => {
                assert_eq!(*by, Remover::Cut);
                assert!(sent[message].1, "message {message} was lost on a healthy link");
                removed += 1;
            }
            _ => {}
        }
    }
    assert!(removed >= 3, "{removed}");
}

#[test]
fn messages_of_one_type_are_lost_on_one_link() {
    let script = Script::new(ECHO);
    let loss = |link| Loss { message_type: "pong".to_owned(), link: links(link)[0] };
    let run = script.run(&plan(vec![
        Step::Lose(vec![loss("s2>s1")]),
        ask_within("c1", "s1", read(), 300),
        ask("c2", "s2", read()),
        wait_for("c1 c2"),
        Step::Lose(vec![]),
        ask("c1", "s1", read()),
    ]));
    let answered: Vec<_> =
        answers(&run).into_iter().map(|(client, answer)| (client, answer.is_some())).collect();
    assert_eq!(answered, [("c2".to_owned(), true), ("c1".to_owned(), false), ("c1".to_owned(), true)]);
    assert!(whats(&run).any(|what| matches!(what, What::Removed { by: Remover::Loss, .. })));
}

#[test]
fn a_plan_that_leaves_its_cuts_is_healed_at_its_end() {
    let script = Script::new(ECHO);
    let run = script.run(&plan(vec![cut("s1>s2")]));
    let last = whats(&run).filter(|what| matches!(what, What::Cut { .. } | What::Probed { .. })).last();
    assert_eq!(last, Some(&What::Probed { link: links("s1>s2")[0], arrived: true }));
}

#[test]
fn a_paused_server_answers_when_it_is_resumed() {
    let script = Script::store("");
    let server = |event| Step::Server(process("s1"), event);
    let run = script.run(&plan(vec![
        server(ServerEvent::Pause),
        ask_within("c1", "s1", write(1), 300),
        wait_for("c1"),
        server(ServerEvent::Resume),
        ask("c2", "s1", read()),
    ]));
    // The write waited in the pipe, and was done long after it was given up: it was never *not applied*.
    let told = |client: &str, answer| (client.to_owned(), answer);
    assert_eq!(answers(&run), [told("c1", None), told("c2", Some(json!(1)))]);
    assert!(outcomes(&run)[..2].iter().all(|outcome| matches!(outcome, Outcome::Unknown { .. })));
    assert!(
        whats(&run).any(|what| matches!(what, What::Ignored { why, .. } if why.contains("not waited for")))
    );
}

#[test]
fn a_server_that_was_killed_is_down_until_it_is_restarted() {
    let script = Script::store("");
    let server = |event| Step::Server(process("s1"), event);
    let run = script.run(&plan(vec![
        ask("c1", "s1", write(1)),
        wait_for("c1"),
        server(ServerEvent::Kill),
        ask_within("c1", "s1", read(), 200),
        wait_for("c1"),
        server(ServerEvent::Restart),
        ask("c1", "s1", read()),
    ]));
    let told = |answer| ("c1".to_owned(), answer);
    // It kept everything in memory.
    assert_eq!(answers(&run), [told(Some(json!(1))), told(None), told(Some(json!(null)))]);
    assert!(whats(&run).any(|what| matches!(what, What::Removed { by: Remover::Down, .. })));
    assert!(!whats(&run).any(|what| matches!(what, What::Exited { .. })), "it did not end by itself");
}

/// The first server refuses, the second does not answer, the third does.
#[test]
fn a_client_tries_the_servers_in_turn() {
    let script = Script::new(
        r#"
for message, body, kind in messages():
    if me == "n1":
        reply(message, type="error", code=11, text="not now")
    if me == "n3":
        reply(message, type="read_ok", value=3)
"#,
    );
    let mut plan = plan(vec![ask_within("c1", "s1 s2 s3", read(), 8_000)]);
    plan.servers = 3;
    let run = script.run(&plan);
    assert_eq!(answers(&run), [("c1".to_owned(), Some(json!(3)))]);
    let outcomes = outcomes(&run);
    assert_eq!(outcomes[0], Outcome::Refused { code: 11, text: "not now".to_owned() });
    assert!(matches!(outcomes[1], Outcome::Unknown { .. }));
    assert_eq!(outcomes[2..], [Outcome::Ok(Some(json!(3)))]);
}

/// An operation that everybody refuses is tried again until the deadline, and is then unanswered.
#[test]
fn a_client_that_is_refused_everywhere_goes_round_until_its_deadline() {
    let script = Script::new(
        "for message, body, kind in messages():\n    reply(message, type='error', code=11, text='no leader')",
    );
    let run = script.run(&plan(vec![ask_within("c1", "s1 s2", write(1), 1_500)]));
    assert_eq!(answers(&run), [("c1".to_owned(), None)]);
    let outcomes = outcomes(&run);
    assert!((4..100).contains(&outcomes.len()), "{}", outcomes.len());
    let refused =
        outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Refused { code: 11, .. })).count();
    assert!(refused + 1 >= outcomes.len());
}

#[test]
fn a_write_once_is_a_cas_and_whoever_is_second_is_told_the_first() {
    let script = Script::store("");
    let mut plan = plan(vec![
        ask("c1", "s1", write(0)),
        wait_for("c1"),
        ask("c2", "s1", read()),
        wait_for("c2"),
        ask("c1", "s1", write_once(1)),
        wait_for("c1"),
        ask("c2", "s1", write_once(2)),
        wait_for("c2"),
        ask("c1", "s1", read()),
    ]);
    plan.workload = Workload::WriteOnceKv;
    let run = script.run(&plan);
    let told: Vec<_> = answers(&run).into_iter().map(|(_, answer)| answer.unwrap()).collect();
    assert_eq!(told, [json!(0), json!(null), json!(1), json!(1), json!(1)]);
}

/// A write-once whose cas was done and answered to nobody is told its own value by the second cas' read.
#[test]
fn a_write_once_that_was_done_unheard_is_told_so() {
    let script = Script::new(
        r#"
value, deaf = 0, True
for message, body, kind in messages():
    if kind == "cas" and value == 0:
        value = body["to"]
        if deaf:
            deaf = False
            continue
        reply(message, type="cas_ok")
    elif kind == "cas":
        reply(message, type="error", code=22, text="it is another")
    else:
        reply(message, type="read_ok", value=value)
"#,
    );
    let mut plan = plan(vec![ask_within("c1", "s1", write_once(1), 8_000)]);
    plan.workload = Workload::WriteOnceKv;
    let run = script.run(&plan);
    assert_eq!(answers(&run), [("c1".to_owned(), Some(json!(1)))]);
    let outcomes = outcomes(&run);
    assert!(matches!(
        outcomes[..],
        [Outcome::Unknown { .. }, Outcome::Refused { code: 22, .. }, Outcome::Ok(Some(_))]
    ));
}

/// The write that initialises a write-once register is sent once; that it was done, a read shows.
#[test]
fn an_initial_write_that_was_done_unheard_is_not_sent_twice() {
    let script = Script::new(
        r#"
data = {}
def unheard():
    for message, body, kind in messages():
        if kind == "write":
            data[json.dumps(body["key"])] = body["value"]
        else:
            yield message, body, kind
for message, body, kind in store(unheard(), data):
    pass
"#,
    );
    let mut plan = plan(vec![ask_within("c1", "s1", write(0), 8_000)]);
    plan.workload = Workload::WriteOnceKv;
    let run = script.run(&plan);
    assert_eq!(answers(&run), [("c1".to_owned(), Some(json!(0)))]);
    let writes =
        whats(&run).filter(|what| matches!(what, What::Sent { message_type, .. } if message_type == "write"));
    assert_eq!(writes.count(), 1);
}

/// Only `n2` takes writes, and says so to nobody: it becomes `s1` of the plan.
#[test]
fn the_leader_is_whoever_answers_writes() {
    let script = Script::new(
        r#"
for message, body, kind in messages():
    if kind == "write" and me != "n2":
        reply(message, type="error", code=11, text="not the leader")
    elif kind == "write":
        reply(message, type="write_ok")
    else:
        reply(message, type="read_ok", value=me)
"#,
    );
    let mut plan = plan(vec![ask("c1", "s1", read()), cut("s1>s2")]);
    plan.roles = Roles::LeaderFirst;
    let options = Options { settle_deadline: Duration::from_secs(20), ..script.options() };
    let run = script.try_run(&plan, &options).unwrap();
    assert!(run.is_usable(), "{:?}", run.unusable);
    assert_eq!(run.leader, Leader::One(process("s2")));
    assert_eq!(run.roles, [process("s2"), process("s1")]);
    assert_eq!(answers(&run), [("c1".to_owned(), Some(json!("n2")))]);
    assert!(whats(&run).any(|what| *what == What::Cut { links: links("s2>s1") }));
    assert!(
        !whats(&run)
            .any(|what| matches!(what, What::Sent { message_type, .. } if message_type.starts_with("write")))
    );
}

/// The journal survives its file, also where somebody was told `null`.
#[test]
fn a_journal_is_the_same_after_it_was_written_and_read() {
    let script = Script::store("");
    let run = script.run(&plan(vec![
        ask("c1", "s1", read()),
        cut("s1>s2"),
        wait_for("c1"),
        ask("c1", "s1", write(1)),
    ]));
    let text = serde_json::to_string(&run.journal).unwrap();
    assert!(answers(&run)[0].1 == Some(json!(null)));
    assert_eq!(serde_json::from_str::<threeworlds_attack::Journal>(&text).unwrap(), run.journal);
}
