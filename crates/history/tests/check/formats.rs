//! What is read, and what is said of what cannot be read.

use serde_json::json;
use threeworlds_history::format::{Format, ParseError, write};
use threeworlds_history::{History, Limits, Model, Object, Outcome, Verdict, check};

use crate::random::{Random, Shape, history};

fn read(text: &str, object: Object) -> Result<History, ParseError> {
    Format::of(text).expect("it looks like a history").parse(text, object).map(|parsed| parsed.history)
}

#[track_caller]
fn fails(text: &str, expected: &[(usize, &str)]) {
    let error = read(text, Object::CasRegister).expect_err("it cannot be read");
    assert_eq!(error.lines.len(), expected.len(), "{error}");
    for ((line, what), (expected_line, part)) in error.lines.iter().zip(expected) {
        assert_eq!(line, expected_line, "{error}");
        assert!(what.contains(part), "{error}");
    }
}

fn described(history: &History) -> Vec<String> {
    (0..history.operations().len())
        .map(|id| {
            let operation = history.operations()[id];
            format!(
                "{:?} {} {}",
                operation.key.map(|key| history.show(key)),
                history.describe(id),
                operation.completed as i32
            )
        })
        .collect()
}

#[test]
fn log_lines_with_tabs_or_blanks() {
    let text = "INFO  jepsen.util - 3\t:invoke\t:write\t4\n\
                some other line of a log\n\
                INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n\
                INFO jepsen.util - 3 :ok :write 4\n\
                2024-01-01 INFO [jepsen worker 1] jepsen.util: 1 :invoke :cas [4 5]\n\
                2024-01-01 INFO [jepsen worker 1] jepsen.util: 1 :info :cas [4 5] :timed-out\n\
                INFO jepsen.util - 2 :invoke :read nil\n\
                INFO jepsen.util - 2 :ok :read nil\r\n\
                INFO jepsen.util - 4 :invoke :write 9\n\
                INFO jepsen.util - 4 :fail :write 9\n";
    let history = read(text, Object::CasRegister).unwrap();
    assert_eq!(
        described(&history),
        [
            "None process 3 wrote 4 (line 1) 1",
            "None process 1 asked to change 4 to 5 and nobody knows whether it was done (line 5) -1",
            "None process 2 found nothing (line 7) 5",
            "None process 4 asked to write 9 and was refused (line 9) 7",
        ]
    );
}

#[test]
fn edn_with_and_without_keys() {
    let lines = "{:type :invoke, :f :write, :value [\"x\" 1], :process 0, :time 10, :index 0}\n\
                 {:type :ok, :f :write, :value [\"x\" 1], :process 0, :time 20, :index 1}\n\
                 {:type :info, :f :start, :value [:isolated {\"n1\" #{\"n2\"}}], :process :nemesis, :time 21}\n\
                 {:process 1, :type :invoke, :f :read, :value [\"x\" nil], :time 30, :error #_skipped [:a \"\\\"\"]}\n\
                 #jepsen.history.Op{:process 1, :type :ok, :f :read, :value [\"x\" 1], :time 40}\n";
    let history = read(lines, Object::KeyValue).unwrap();
    let expected = [
        "Some(\"\\\"x\\\"\") process 0 wrote 1 (line 1) 1",
        "Some(\"\\\"x\\\"\") process 1 read 1 (line 4) 3",
    ];
    assert_eq!(described(&history), expected);
    assert_eq!(history.times_ns(1), [Some(30), Some(40)]);
    let vector = format!("[{lines}]");
    assert_eq!(described(&read(&vector, Object::KeyValue).unwrap()), expected);

    let plain = "{:type :invoke, :f :append, :value 1, :process 0}\n{:type :ok, :f :append, :value 1, :process 0}\n\
                 {:type :invoke, :f :read, :value nil, :process 0}\n{:type :ok, :f :read, :value [1 2], :process 0}\n";
    let log = described(&read(plain, Object::AppendLog).unwrap());
    assert_eq!(log[1], "None process 0 read [1,2] (line 3) 3");
}

#[test]
fn each_malformed_line_is_named() {
    fails(
        "INFO jepsen.util - 3 :invoke\nINFO jepsen.util - x :invoke :read nil\nINFO jepsen.util - 1 :invoke :cas 4\n",
        &[(1, "operation is missing"), (2, "no number of a process"), (3, "as a pair")],
    );
    fails(
        "INFO jepsen.util - 3 :invoke :read nil\nINFO jepsen.util - 3 :invoke :read nil\n",
        &[(2, "that of line 1 is open")],
    );
    fails("INFO jepsen.util - 3 :ok :read 1\n", &[(1, "did not invoke")]);
    fails("INFO jepsen.util - 3 :invoke :txn [[:r 1 nil]]\n", &[(1, "unknown operation \"txn\"")]);
    fails(
        "{:type :invoke :f :read :process 1 :time 9}\n{:type :ok :f :read :value 1 :process 1 :time 8}\n",
        &[(2, "is before 9")],
    );
    fails(
        "{:type :invoke :f :read :process 1}\n{:type :ok :f}\n{:type :maybe :f :read :process 1}\n",
        &[(2, "without a value"), (3, "none of :invoke")],
    );
    fails("[{:type :invoke :f :read :process 1}\n", &[(2, "not complete")]);
    fails("{\"format\":\"threeworlds/history/2\"}", &[(1, "threeworlds/history/1")]);
    let header = "{\"format\":\"threeworlds/history/1\"}\n";
    let good = "{\"process\":1,\"op\":\"read\",\"outcome\":\"ok\",\"answer\":{\"value\":1},\"invoked\":4,\"completed\":5}\n";
    let lines = [
        good.replace("\"completed\":5", "\"completed\":3"),
        good.replace("process", "proces"),
        good.replace("read", "swap"),
        good.replace("}\n", ",\"x\":1}\n"),
        "{\"process\":\n".to_owned(),
        good.to_owned(),
    ];
    fails(
        &format!("{header}{}", lines.concat()),
        &[
            (2, "before it is invoked"),
            (3, "\"process\" is missing"),
            (4, "unknown operation \"swap\""),
            (5, "unknown key \"x\""),
            (6, "no JSON"),
        ],
    );
}

#[test]
fn what_is_written_is_read_again() {
    let mut random = Random(5);
    for case in 0..300 {
        let object = Object::ALL[case % Object::ALL.len()];
        let shape = Shape {
            object,
            operations: 8,
            processes: 3,
            values: 3,
            pending: 4,
            initial: true,
            grows: false,
            changes: 1,
        };
        let (history, start) = history(&shape, &mut random);
        let model = Model::new(object).with_initial(json!(start));
        let text = write(&history, &model);
        let again = Format::of(&text).unwrap().parse(&text, object).unwrap();
        assert_eq!((again.object, again.initial), (Some(object), Some(json!(start))));
        let strip = |history: &History| -> Vec<String> {
            described(history).iter().map(|text| text.split(" (line").next().unwrap().to_owned()).collect()
        };
        let plain: Vec<String> = strip(&history)
            .iter()
            .map(|text| text.rsplit_once(' ').map_or(text.clone(), |(text, _)| text.to_owned()))
            .collect();
        let read: Vec<String> = strip(&again.history);
        assert_eq!(plain, read, "{text}");
    }
}

#[test]
fn a_limit_is_unknown_and_says_what_was_done() {
    let mut builder = threeworlds_history::HistoryBuilder::new();
    let writes: Vec<usize> = (0..12)
        .map(|value| builder.invoke("c", None, threeworlds_history::Call::Enqueue(json!(value)), None))
        .collect();
    for write in writes {
        builder.complete(write, Outcome::Ok(threeworlds_history::Answer::Done), None);
    }
    let limits = Limits { steps: Some(1000), ..Limits::default() };
    let Verdict::Unknown(unknown) = check(&builder.finish(), &Model::new(Object::Queue), limits).unwrap()
    else {
        panic!("a thousand configurations do not suffice");
    };
    assert_eq!(unknown.explored.operations, 12);
    assert!(unknown.explored.steps >= 1000);
}
