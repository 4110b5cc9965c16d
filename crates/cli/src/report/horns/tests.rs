//! The table, as text, JSON and page, of rows that are made up after measured ones.

use serde_json::{Value, json};
use threeworlds_attack::subject::{Subject, find};
use threeworlds_attack::{Healed, Horn, Horns, InWorld, Stored, Survival, Under, World};
use threeworlds_model::{FaultClass, Process, Question};

use crate::attack::cluster::ClusterFacts;
use crate::attack::horns::{HornTable, Outcome, PlayedWorlds, Row};
use crate::attack::theorem::Word;

/// What a client is told in a world: its number, which value, and after how many seconds.
type Told = (u16, Option<u64>, f64);

/// A world in which these clients write, and what the servers have after healing.
fn world(world: World, told: &[Told], has: [Option<u64>; 2]) -> InWorld {
    let under: Vec<Under> = told
        .iter()
        .map(|&(client, answer, seconds)| Under {
            client: Process::Client(client),
            must_answer: true,
            answer: answer.map(Value::from),
            acknowledged: answer.map(Value::from),
            wanted: Some(client.into()),
            seconds,
        })
        .collect();
    let values = has.map(|value| value.map_or(Value::Null, Value::from));
    let seen = |value: &Value| values.contains(value);
    let acknowledged: Vec<Value> = under.iter().filter_map(|under| under.acknowledged.clone()).collect();
    let healed = Healed {
        servers: (1..)
            .zip(&values)
            .map(|(number, value)| (Process::Server(number), Stored::Value(value.clone())))
            .collect(),
        survival: if values[0] == values[1] { Survival::One(values[0].clone()) } else { Survival::Split },
        lost: acknowledged.iter().filter(|value| !seen(value)).cloned().collect(),
        never_acknowledged: values[..1]
            .iter()
            .filter(|value| !value.is_null() && !acknowledged.contains(value))
            .cloned()
            .collect(),
    };
    InWorld { world, under, healed, wrong: None, doubt: None }
}

fn row(name: &str, outcome: Outcome) -> Row {
    let subject: Subject = find(name).unwrap();
    Row { subject, deadline: 30.0, outcome, seconds: 61.5 }
}

fn played(name: &str, worlds: Vec<InWorld>, horn: Horn) -> Row {
    let facts = ClusterFacts {
        version: "v1".to_owned(),
        times: find(name).unwrap().times,
        up_seconds: vec![0.5, 2.25],
        notes: vec!["this kernel has no tcp_rto_max_ms".to_owned()],
    };
    row(
        name,
        Outcome::Played(Box::new(PlayedWorlds {
            horns: Horns { worlds, horn },
            worlds: if name == "etcd" {
                Vec::new()
            } else {
                vec![(World::B, Err("it does not come up".to_owned()))]
            },
            cluster: Some(facts),
        })),
    )
}

fn table() -> HornTable {
    use World::{A, B, C};
    let question = Question::usual(2, 1, 2, FaultClass::Omission, FaultClass::Omission).unwrap();
    let waits = "c1, which need not be faulty, asks write-once 1 and is not answered within 30.0 s";
    let both = "c1 asks write-once 1 and is told 1, but c2 asks write-once 2 and is told 2";
    let nobody = vec![
        world(A, &[(1, None, 30.0)], [None, None]),
        world(B, &[(2, None, 30.0)], [None, None]),
        world(C, &[(1, None, 30.0), (2, None, 30.0)], [Some(2), Some(2)]),
    ];
    let split = vec![
        world(A, &[(1, Some(1), 0.04)], [Some(1), None]),
        world(B, &[(2, Some(2), 6.31)], [None, Some(2)]),
        world(C, &[(1, Some(1), 0.04), (2, Some(2), 29.96)], [Some(1), Some(2)]),
    ];
    let lost = vec![
        world(A, &[(1, Some(1), 0.1)], [Some(1), Some(1)]),
        world(B, &[(2, Some(2), 9.3)], [Some(2), Some(2)]),
        world(C, &[(1, Some(1), 0.1), (2, Some(2), 9.3)], [Some(2), Some(2)]),
    ];
    let rows = vec![
        played("etcd", nobody, Horn::Liveness { world: A, why: waits.to_owned() }),
        played("redis:one-sentinel", split, Horn::Safety { world: C, why: both.to_owned() }),
        played("postgresql:asynchronous", lost.clone(), Horn::Safety { world: C, why: both.to_owned() }),
        played(
            "rabbitmq:mirrored-pause-minority",
            lost[..1].to_vec(),
            Horn::Unknown("world B, C was not played".to_owned()),
        ),
        row("zookeeper", Outcome::Missing(vec!["java".to_owned()])),
        row("nats", Outcome::NotPlayed("it was interrupted".to_owned())),
    ];
    HornTable { question, theorem: Word::Impossible, rows, seconds: 300.0 }
}

/// The text without colours.
fn text(width: usize) -> String {
    anstream::adapter::strip_str(&super::text(&table(), width)).to_string()
}

#[test]
fn the_table_fits_on_a_terminal_and_says_what_was_seen() {
    let text = text(80);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let has = |line: &str| assert!(text.lines().any(|one| one == line), "`{line}` is not in\n{text}");
    has("system                   A     B     C                after healing   horn");
    has("etcd                     -     -     -, -             C2 unacked      liveness");
    has("redis:one-sentinel       0.04  6.3   C1 0.04, C2 30   split           safety");
    has("postgresql:asynchronous  0.1   9.3   C1 0.1, C2 9.3   C1 lost         safety");
    has("rabbitmq:mirrored-pause-minority");
    has("                         0.1   ?     ?                ?               unknown");
    has("zookeeper                not installed (java is missing): apt-get install");
    has("nats                     not played: it was interrupted");
    has("                         world C: C1 was acknowledged, and no server shows it");
    has("etcd                     v1; up within 2.2 s; a request is given up after 30 s;");
    has("                         world B could not be played: it does not come up.");
    has("Note: this kernel has no tcp_rto_max_ms.");
}

#[test]
fn a_narrow_terminal_is_no_error() {
    assert!(text(40).contains("liveness"));
}

#[test]
fn the_document_has_everything_that_was_seen() {
    let document = super::json(&table());
    assert_eq!(document["complete"], json!(false));
    assert_eq!(document["theorem"], json!("impossible"));
    let systems = document["systems"].as_array().unwrap();
    assert_eq!(systems.len(), 6);
    let redis = &systems[1];
    assert_eq!(
        (&redis["name"], &redis["horn"], &redis["world"]),
        (&json!("redis:one-sentinel"), &json!("safety"), &json!("C"))
    );
    assert_eq!(redis["version"], json!("v1"));
    assert_eq!(redis["notes"], json!(["this kernel has no tcp_rto_max_ms"]));
    let asked = &redis["worlds"][2]["asked"][1];
    assert_eq!(
        (&asked["client"], &asked["acknowledged"], &asked["seconds"]),
        (&json!("c2"), &json!(2), &json!(29.96))
    );
    assert_eq!(redis["worlds"][2]["after_healing"]["survival"], json!("split"));
    assert_eq!(systems[2]["worlds"][2]["after_healing"]["lost"], json!([1]));
    assert_eq!(systems[4]["missing"], json!(["java"]));
    assert_eq!(systems[5]["reason"], json!("it was interrupted"));
    // The keys are all printed.
    let text = crate::report::json::text(&document);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), document);
}

#[test]
fn the_page_opens_a_panel_for_each_system() {
    let table = table();
    let page = super::page(&table, &super::json(&table));
    for row in &table.rows {
        let id = row.subject.name().replace(':', "-");
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
        assert!(page.contains(&format!("href=\"#{id}\"")), "{id}");
    }
    assert!(page.contains("safety 2, liveness 1, unknown 1, not played 2"));
    assert!(page.contains("<b>C1 lost</b>"));
    assert!(page.contains("threeworlds attack redis:one-sentinel --servers 2"));
    assert!(!page.contains("<script"));
}
