//! Programs that do what they must not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use threeworlds_attack::{AttackError, Options, Outcome, Program, Remover, Step, Unusable, What, run};

use crate::support::{
    Script, answers, ask, ask_within, guardian, outcomes, plan, read, wait_for, whats, write,
};

#[test]
fn a_node_that_exits_is_noticed() {
    let script = Script::new(
        r#"
for message, body, kind in messages():
    if kind == "write":
        os._exit(3)
    reply(message, type="read_ok", value=None)
"#,
    );
    let script_plan = plan(vec![
        ask_within("c1", "s1", write(1), 300),
        wait_for("c1"),
        ask_within("c2", "s1 s2", read(), 8_000),
    ]);
    let run = script.run(&script_plan);
    let exits: Vec<_> = whats(&run).filter(|what| matches!(what, What::Exited { .. })).collect();
    assert!(
        matches!(exits[..], [What::Exited { server, status }] if server.number() == 1 && status == "exit status: 3"),
        "{exits:?}"
    );
    assert_eq!(answers(&run)[1].1, Some(json!(null)), "the other server goes on");
}

#[test]
fn a_node_that_hangs_holds_nobody_up_for_longer_than_the_deadline() {
    let script = Script::new("for message, body, kind in messages():\n    time.sleep(1000)");
    let run = script.run(&plan(vec![ask_within("c1", "s1 s2", write(1), 400)]));
    assert_eq!(answers(&run), [("c1".to_owned(), None)]);
    assert!(outcomes(&run).iter().all(|outcome| matches!(outcome, Outcome::Unknown { .. })));
}

#[test]
fn lines_that_are_no_messages_are_named_with_their_numbers() {
    let script = Script::new(
        r#"
for message, body, kind in messages():
    if me == "n1":
        print("INFO: got it")
        print("{\"src\": \"n2\", \"dest\": \"c1\", \"body\": {\"type\": \"x\"}}")
        print("{\"src\": \"n1\", \"dest\": \"c1\", \"body\": {}}")
        print("[]")
        sys.stdout.flush()
        sys.stdout.buffer.write(b"\xff\n" + b"x" * 3_000_000 + b"\n")
        sys.stdout.buffer.flush()
    reply(message, type="read_ok", value=1)
"#,
    );
    let run = script.run(&plan(vec![ask("c1", "s1", read())]));
    assert_eq!(answers(&run), [("c1".to_owned(), Some(json!(1)))]);
    let lines: Vec<(u64, &str)> = whats(&run)
        .filter_map(|what| match what {
            What::Malformed { line, why, .. } => Some((*line, why.as_str())),
            _ => None,
        })
        .collect();
    let expected =
        ["no message", "`src` is `n2`", "missing field `type`", "no message", "UTF-8", "longer than"];
    // The first line is the `init_ok`.
    assert_eq!(lines.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
    for ((_, why), expected) in lines.iter().zip(expected) {
        assert!(why.contains(expected), "{why}");
    }
    assert_eq!(run.nodes[0].output.malformed, 6);
}

/// One node writes log lines without end, the other messages; the run goes on and memory is bounded.
#[test]
fn floods_are_bounded() {
    let script = Script::new(
        r#"
for message, body, kind in messages():
    line = "flood\n" if me == "n1" else json.dumps({"src": me, "dest": "n1", "body": {"type": "flood"}}) + "\n"
    for _ in range(30):
        os.write(1, (line * 100).encode())
    reply(message, type="write_ok")
    while True:
        os.write(1, (line * 100).encode())
"#,
    );
    let options = Options { messages_kept_max: 1_000, ..script.options() };
    let run = script
        .try_run(
            &plan(vec![
                ask("c1", "s1", write(1)),
                ask("c2", "s2", write(1)),
                wait_for("c1 c2"),
                Step::Wait { milliseconds: 200 },
            ]),
            &options,
        )
        .unwrap();
    assert!(run.is_usable(), "{:?}", run.unusable);
    assert!(answers(&run).iter().all(|(_, answer)| answer.is_some()), "{:?}", answers(&run));
    assert!(run.nodes[0].output.malformed >= 3_000);
    assert!(run.nodes[1].output.messages >= 3_000);
    assert!(run.journal.not_kept > 0);
    let kept = whats(&run).filter(|what| matches!(what, What::Malformed { .. } | What::Sent { .. })).count();
    assert!(kept <= 1_000 + 2 * 100, "{kept}");
}

/// A node that does not read is sent no more than fits.
#[test]
fn what_waits_for_a_node_that_does_not_read_is_bounded() {
    let script = Script::new(
        r#"
for message, body, kind in messages():
    if me == "n1":
        for _ in range(12):
            send("n2", {"type": "big", "text": "x" * 900_000})
        reply(message, type="read_ok", value=1)
    else:
        wait_for("go")
"#,
    );
    let run =
        script.run(&plan(vec![ask_within("c2", "s2", read(), 100), wait_for("c2"), ask("c1", "s1", read())]));
    assert_eq!(answers(&run)[1].1, Some(json!(1)));
    assert!(whats(&run).any(|what| matches!(what, What::Removed { by: Remover::Backlog, .. })));
}

#[test]
fn replies_to_nobodys_question_are_ignored() {
    let script = Script::new(
        r#"
for message, body, kind in messages():
    send(message["src"], {"type": "read_ok", "in_reply_to": 77, "value": 9})
    send(message["src"], {"type": "read_ok", "value": 9})
    send(message["src"], {"type": "read_ok", "in_reply_to": "1", "value": 9})
    send("c2", {"type": "read_ok", "in_reply_to": body["msg_id"], "value": 9})
    reply(message, type="read_ok", value=1)
    reply(message, type="read_ok", value=9)
"#,
    );
    let run = script.run(&plan(vec![ask("c1", "s1", read()), Step::Wait { milliseconds: 50 }]));
    assert_eq!(answers(&run), [("c1".to_owned(), Some(json!(1)))]);
    let ignored = whats(&run).filter(|what| matches!(what, What::Ignored { .. })).count();
    assert_eq!(ignored, 5);
}

#[test]
fn errors_without_a_known_code_are_never_taken_for_not_applied() {
    let script = Script::new(
        r#"
errors = [{"code": 11}, {}, {"code": "11"}, {"code": 999}, {"code": 13}, {"code": 0}, {"code": 1500}]
replies = [dict(type="error", **error) for error in errors] + [{"type": "cas_ok"}, {"type": "write_ok"}]
for message, body, kind in messages():
    reply(message, **replies.pop(0))
"#,
    );
    let run = script.run(&plan(vec![ask_within("c1", "s1 s1 s1 s1 s1 s1 s1 s1", write(1), 60_000)]));
    let outcomes = outcomes(&run);
    assert!(matches!(outcomes[0], Outcome::Refused { code: 11, .. }));
    assert!(outcomes[1..8].iter().all(|outcome| matches!(outcome, Outcome::Unknown { .. })), "{outcomes:?}");
    assert_eq!(outcomes[8..], [Outcome::Ok(None)]);
}

#[test]
fn messages_to_nobody_are_counted() {
    let script = Script::new(
        r#"
for message, body, kind in messages():
    for name in ["n3", "c9", "s1", "nobody"]:
        send(name, {"type": "hello"})
    reply(message, type="read_ok", value=1)
"#,
    );
    let run = script.run(&plan(vec![ask("c1", "s1", read())]));
    assert_eq!(answers(&run), [("c1".to_owned(), Some(json!(1)))]);
    assert_eq!(run.nodes[0].output.to_nobody, 4);
    let removed =
        whats(&run).filter(|what| matches!(what, What::Removed { by: Remover::Nobody, .. })).count();
    assert_eq!(removed, 2, "the others have no name that a journal could give them");
}

/// A child in the group, one in a session of its own whose parent is gone, and everybody ignores SIGTERM.
const FORKS: &str = r#"
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def fork(session):
    if os.fork() == 0:
        if session:
            os.setsid()
            if os.fork() != 0:
                os._exit(0)
        note_pid()
        mark("forked" + str(os.getpid()))
        while True:
            time.sleep(1000)
"#;

#[test]
fn children_are_ended_with_their_node() {
    let script = Script::new(&format!(
        r#"{FORKS}
for message, body, kind in messages():
    fork(False)
    fork(True)
    while len([name for name in os.listdir(folder) if name.startswith("forked")]) < 2:
        time.sleep(0.005)
    reply(message, type="read_ok", value=1)
while True:
    time.sleep(1000)
"#
    ));
    let run = script.run(&plan(vec![ask("c1", "s1", read())]));
    assert_eq!(answers(&run).len(), 1);
    let pids = std::fs::read_to_string(script.path("pids")).unwrap();
    assert_eq!(pids.lines().count(), 4, "two nodes and the two children of one of them");
}

#[test]
fn a_node_that_never_answers_init_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { init_deadline: Duration::from_secs(4), ..Options::new(guardian(), folder.path().into()) };
    let command = ["sh", "-c", "echo 'I wait' >&2; exec sleep 1000"];
    let program = Program { command: command.map(Into::into).into() };
    let error = run(&plan(vec![]), &program, &options, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(&error, AttackError::NoInit { node, .. } if node.number() == 1), "{error}");
    assert!(error.to_string().contains("I wait"), "{error}");
}

#[test]
fn a_node_that_ends_before_init_is_named() {
    let script = Script::new("sys.exit('no such module')");
    let error = script.try_run(&plan(vec![]), &script.options()).unwrap_err();
    assert!(
        matches!(&error, AttackError::EndedEarly { status, .. } if status == "exit status: 1"),
        "{error}"
    );
    assert!(error.to_string().contains("no such module"), "{error}");
}

#[test]
fn a_command_that_cannot_be_started_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(guardian(), folder.path().join("stderr"));
    let try_run = |command: &[&str], options: &Options| {
        let program = Program { command: command.iter().map(Into::into).collect() };
        run(&plan(vec![]), &program, options, &AtomicBool::new(false)).unwrap_err().to_string()
    };
    let error = try_run(&["threeworlds-no-such-program"], &options);
    assert!(error.contains("is not found\n  hint: is it installed and on the PATH?"), "{error}");
    let error = try_run(&[folder.path().to_str().unwrap()], &options);
    assert!(error.contains("is not executable"), "{error}");
    assert!(try_run(&[], &options).contains("no program is given"));
    let options = Options { guardian: vec!["/threeworlds-no-such-guardian".into()], ..options };
    assert!(try_run(&["true"], &options).contains("the guardian of s1 does not work"));
}

#[test]
fn a_plan_that_names_nobody_is_refused() {
    let script = Script::store("");
    let wrong = plan(vec![Step::Wait { milliseconds: 0 }, ask("c3", "s1", read())]);
    let error = run(&wrong, &script.program(), &script.options(), &AtomicBool::new(false)).unwrap_err();
    assert!(
        error.to_string().contains("step 2 of the plan: there is no c3 among 2 servers and 2 clients"),
        "{error}"
    );
}

#[test]
fn a_stop_ends_the_run_with_what_is_known() {
    let script = Script::new("mark('started')\nfor message, body, kind in messages():\n    mark('asked')");
    let stop = AtomicBool::new(false);
    let run = std::thread::scope(|scope| {
        let plan = plan(vec![ask("c1", "s1", read()), Step::Wait { milliseconds: 3_600_000 }]);
        let running = scope.spawn({
            let (script, stop) = (&script, &stop);
            move || run(&plan, &script.program(), &script.options(), stop)
        });
        let start = Instant::now();
        while !script.path("asked").exists() && start.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        running.join().unwrap()
    });
    let run = run.unwrap();
    script.is_gone();
    assert_eq!(run.unusable, [Unusable::Stopped { step: 2 }]);
    assert_eq!(answers(&run), [("c1".to_owned(), None)]);
}

#[test]
fn what_nodes_write_on_stderr_is_kept_within_bounds() {
    let script = Script::store(
        "for number in range(20_000):\n    print('line', number, file=sys.stderr)\nsys.stderr.flush()\nreply(message, type='write-once_ok', value=1)",
    );
    let once = threeworlds_attack::KvRequest::WriteOnce { key: 1.into(), value: 1.into() };
    let mut plan = plan(vec![ask("c1", "s1", once)]);
    plan.workload = threeworlds_attack::Workload::WriteOnce;
    let options = Options { stderr_bytes_max: 64 << 10, ..script.options() };
    let run = script.try_run(&plan, &options).unwrap();
    assert_eq!(answers(&run), [("c1".to_owned(), Some(json!(1)))]);
    let file = &run.nodes[0].stderr_file;
    let size = |file: &std::path::Path| std::fs::metadata(file).unwrap().len();
    let kept = size(file) + size(&file.with_extension("stderr.old"));
    assert!((32 << 10..=(64 << 10)).contains(&kept), "{kept}");
    assert!(run.nodes[0].stderr.ends_with("line 19999\n"), "{}", run.nodes[0].stderr);
}

/// A node that kills its guardian is out of control: the run counts for nothing, and yet nothing is left.
#[test]
fn a_guardian_that_is_killed_makes_the_run_unusable() {
    let script = Script::new(
        "for message, body, kind in messages():\n    os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(1000)",
    );
    let plan = plan(vec![ask_within("c1", "s1", read(), 300), Step::Wait { milliseconds: 300 }]);
    let run = script.try_run(&plan, &script.options()).unwrap();
    assert!(
        matches!(&run.unusable[..], [Unusable::Guardian { node, .. }] if node.number() == 1),
        "{:?}",
        run.unusable
    );
}
