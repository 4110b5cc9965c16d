//! Texts that are no certificates, or far too large ones: a clear error, and never a panic.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use threeworlds_certificate::{Certificate, verify};

const THEOREM: &str = include_str!("certificates/theorem.json");
const GROUPS: &str = include_str!("certificates/groups.json");
const GENERAL: &str = include_str!("certificates/general.json");

fn document(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

/// The text with another value at this place, or, in an object, a new key.
fn with(text: &str, path: &str, value: Json) -> String {
    let mut document = document(text);
    let (parent, key) = path.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Json::Object(map) => drop(map.insert(key.to_owned(), value)),
        list => list[key.parse::<usize>().unwrap()] = value,
    }
    document.to_string()
}

fn without(text: &str, path: &str) -> String {
    let mut document = document(text);
    let (parent, key) = path.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Json::Object(map) => drop(map.remove(key).unwrap()),
        list => drop(list.as_array_mut().unwrap().remove(key.parse().unwrap())),
    }
    document.to_string()
}

/// Replaces the first occurrence.
fn edited(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

fn parse_error(text: &str) -> String {
    match Certificate::parse(text) {
        Ok(certificate) => panic!("it is read: {}", certificate.text()),
        Err(error) => error.to_string(),
    }
}

fn rejection(text: &str) -> String {
    verify(&Certificate::parse(text).unwrap()).unwrap_err().to_string()
}

#[test]
fn what_is_no_json_or_another_format_is_named() {
    for text in ["", "{", "null x", "{\"format\":\"threeworlds/certificate/1\"", "[1,", "\u{feff}{}", "\0"] {
        let error = parse_error(text);
        assert!(error.starts_with("not JSON: ") && error.contains("line 1 column"), "{error}");
    }
    let deep = "[".repeat(100_000);
    assert!(parse_error(&deep).starts_with("not JSON: recursion limit"), "{}", parse_error(&deep));
    for text in ["null", "[]", "7", "{}", r#"{"format":1}"#, r#"{"format":null}"#] {
        assert!(parse_error(text).starts_with("`format` is missing"), "{}", parse_error(text));
    }
    for version in ["threeworlds/certificate/2", "threeworlds/certificate/", "threeworlds/world/1", ""] {
        let error = parse_error(&with(THEOREM, "/format", version.into()));
        assert_eq!(error, format!("format `{version}` is not known: this reads threeworlds/certificate/1"));
    }
    let error = parse_error(&with(THEOREM, "/worlds/1/format", "threeworlds/world/2".into()));
    assert_eq!(error, "world B: format `threeworlds/world/2` is not known: this reads threeworlds/world/1");
}

/// The pointers of everything in the document.
fn places(value: &Json, path: &str, found: &mut Vec<String>) {
    let mut inside = |key: &str, value: &Json| {
        let path = format!("{path}/{key}");
        places(value, &path, found);
        found.push(path);
    };
    match value {
        Json::Object(map) => map.iter().for_each(|(key, value)| inside(key, value)),
        Json::Array(list) => (0..).zip(list).for_each(|(at, value)| inside(&format!("{at}"), value)),
        _ => {}
    }
}

#[test]
fn every_key_has_to_be_there_and_no_other() {
    let mut required = 0;
    for text in [THEOREM, GROUPS, GENERAL] {
        let mut all = Vec::new();
        places(&document(text), "", &mut all);
        for place in &all {
            let (parent, key) = place.rsplit_once('/').unwrap();
            let document = document(text);
            let is_map = parent.ends_with("/requests") || parent == "/groups";
            if !document.pointer(parent).unwrap().is_object() || is_map {
                continue;
            }
            // Missing. For `rounds` that says what `null` does.
            let missing = Certificate::parse(&without(text, place));
            if key == "rounds" {
                assert_eq!(missing, Certificate::parse(text), "{place}");
            } else {
                let error = missing.unwrap_err().to_string();
                assert!(error.contains(key) || error.contains("`format` is missing"), "{place}: {error}");
                required += 1;
            }
            // One more.
            let error = parse_error(&with(text, &format!("{parent}/colour"), "blue".into()));
            assert!(error.starts_with("unknown field `colour`"), "{place}: {error}");
            // Of another type, wherever it stands.
            for wrong in [json!({ "a": 1 }), json!(1.5), json!(true), json!([[[]]]), json!(-1)] {
                if let Ok(certificate) = Certificate::parse(&with(text, place, wrong.clone())) {
                    assert!(
                        wrong == json!(true) && key == "client_client",
                        "{place} {wrong}: {certificate:?}"
                    );
                }
            }
        }
    }
    assert!(required > 150, "{required}");
}

#[test]
fn no_key_comes_twice() {
    // A reader that takes the last of two and one that takes the first would read two certificates.
    let compact = |text: &str| document(text).to_string();
    for (text, from, to, expected) in [
        (
            THEOREM,
            r#""format":"threeworlds/certificate/1""#,
            r#""format":"threeworlds/certificate/1","format":"threeworlds/certificate/1""#,
            "duplicate field `format`",
        ),
        (THEOREM, r#""clients":2"#, r#""clients":2,"clients":3"#, "duplicate field `clients`"),
        (
            THEOREM,
            r#""client_client":false"#,
            r#""client_client":true,"client_client":false"#,
            "duplicate field `client_client`",
        ),
        (THEOREM, r#""name":"A""#, r#""name":"A","name":"A""#, "duplicate field `name`"),
        (THEOREM, r#""requests":{"#, r#""requests":{},"requests":{"#, "duplicate field `requests`"),
        (
            THEOREM,
            r#""requests":{"c1":{"#,
            r#""requests":{"c1":{"op":"write","value":"C2"},"c1":{"#,
            "the key `c1` comes twice",
        ),
        (THEOREM, r#""value":"C1""#, r#""value":"C1","value":"C2""#, "duplicate field `value`"),
        (THEOREM, r#""op":"write""#, r#""op":"read","op":"write""#, "duplicate field `op`"),
        (
            THEOREM,
            r#""class":"omission""#,
            r#""class":"omission","class":"crash""#,
            "duplicate field `class`",
        ),
        (
            THEOREM,
            r#""step":"forced""#,
            r#""step":"forced","step":"contradiction""#,
            "duplicate field `step`",
        ),
        (
            THEOREM,
            r#""step":"forced","world":"A""#,
            r#""step":"forced","world":"A","world":"B""#,
            "duplicate field `world`",
        ),
        (GROUPS, r#""groups":{"#, r#""groups":{"G1":"s1","#, "the key `G1` comes twice"),
        (
            GENERAL,
            r#""condition":"2 <= n <= 2f""#,
            r#""condition":"2 <= n <= 2f","condition":"2 <= n <= f""#,
            "duplicate field `condition`",
        ),
    ] {
        let error = parse_error(&edited(&compact(text), from, to));
        assert!(error.starts_with(expected), "{to}: {error}");
        assert!(error.contains("line 1 column"), "{error}");
    }
}

#[test]
fn numbers_and_names_that_mean_nothing_are_named() {
    let huge = json!(u64::MAX);
    for (text, path, value, expected) in [
        (THEOREM, "/claim/servers", json!(10_001), "claim: 10001 servers are more than 10000"),
        (THEOREM, "/claim/servers", huge.clone(), "claim: 18446744073709551615 servers are more than 10000"),
        (THEOREM, "/claim/servers", json!(-1), "`servers` is a number, or \"any\""),
        (THEOREM, "/claim/servers", json!(2.0), "`servers` is a number, or \"any\""),
        (THEOREM, "/claim/servers", json!("many"), "claim: `servers` is a number or \"any\", not \"many\""),
        (THEOREM, "/claim/servers", json!("any"), "claim: \"servers\":\"any\" needs a `condition`"),
        (
            THEOREM,
            "/claim/servers",
            json!(9_999),
            "groups: 10001 groups and single processes are more than 256",
        ),
        (THEOREM, "/claim/servers", json!(0), "claim: fault rule: 1 faults among 0 processes"),
        (THEOREM, "/claim/servers", json!(1), "world A: there is no group and no ungrouped process `s2`"),
        (THEOREM, "/claim/clients", json!(65_537), "claim: 65537 clients are more than 10000"),
        (THEOREM, "/claim/clients", json!(-2), "invalid value: integer `-2`"),
        (
            THEOREM,
            "/claim/condition",
            json!("2 <= n <= 2f"),
            "claim: a `condition` goes with \"servers\":\"any\"",
        ),
        (
            THEOREM,
            "/claim/fault_rules/0",
            json!("3 of servers: omission"),
            "claim: fault rule: 3 faults among 2",
        ),
        (THEOREM, "/claim/fault_rules/0", json!("f of servers: omission"), "claim: fault rule: "),
        (THEOREM, "/claim/fault_rules/0", json!("-1 of servers: omission"), "claim: fault rule: "),
        (
            THEOREM,
            "/claim/fault_rules/0",
            json!("99999999999999999999 of servers: omission"),
            "claim: fault rule: `9",
        ),
        (THEOREM, "/claim/fault_rules/0", json!("1 of s7: omission"), "claim: fault rule: there is no s7"),
        (THEOREM, "/claim/fault_rules/0", json!(""), "claim: fault rule: "),
        (THEOREM, "/claim/fault_rules/0", json!("1 of servers: malice"), "claim: fault rule: "),
        (THEOREM, "/claim/timing", json!("soon"), "`soon` is not a timing: use lock-step"),
        (THEOREM, "/claim/task", json!("queue"), "`queue` is not a task: use "),
        (
            THEOREM,
            "/claim/task",
            json!("register"),
            "claim: a register is argued as a register, not as a write",
        ),
        (THEOREM, "/claim/argued_as", json!("log"), "claim: a write-once-register is argued as a write-once"),
        (THEOREM, "/claim/rounds", json!(1), "world A: a world of a claim with `rounds` has `rounds`"),
        (THEOREM, "/claim/rounds", json!(-1), "invalid value: integer `-1`"),
        (THEOREM, "/claim/rounds", huge.clone(), "invalid value: integer `18446744073709551615`"),
        (
            GENERAL,
            "/claim/condition",
            json!("2 <= n <= 3f"),
            "claim: `2 <= n <= 3f` is no condition for 2 groups",
        ),
        (
            GENERAL,
            "/claim/condition",
            json!("1 <= n <= 2f"),
            "claim: `1 <= n <= 2f` is no condition for 2 groups",
        ),
        (GENERAL, "/claim/condition", json!("n <= 2f"), "claim: `n <= 2f` is no condition for 2 groups"),
        (GENERAL, "/claim/condition", json!(""), "claim: `` is no condition for 2 groups"),
        (GENERAL, "/claim/servers", json!(2), "claim: a `condition` goes with \"servers\":\"any\" only"),
        (
            GENERAL,
            "/claim/fault_rules/0",
            json!("1 of servers: omission"),
            "claim: `1 of servers: omission`: for any",
        ),
        (
            GENERAL,
            "/claim/fault_rules/0",
            json!("any of processes: omission"),
            "claim: `any of processes: omission`",
        ),
        (
            GENERAL,
            "/claim/fault_rules/0",
            json!("2f of servers: omission"),
            "claim: fault rule: `2f` is not a number",
        ),
        (GENERAL, "/groups", json!({}), "claim: `2 <= n <= 2f` is no condition for 0 groups"),
        (GROUPS, "/groups/G1", json!("s1-s101"), "groups: G1: there is no s101"),
        (GROUPS, "/groups/G1", json!("s50-s1"), "groups: G1: `s50-s1` is not a range"),
        (GROUPS, "/groups/G1", json!(""), "groups: G1: a process is missing here"),
        (GROUPS, "/groups/G1", json!("s1-s50,c1"), "groups: G1 mixes servers and clients"),
        (GROUPS, "/groups/c1", json!("c1"), "groups: `c1` cannot be the name of a group"),
        (GROUPS, "/groups/s01", json!("s1"), "groups: `s01` cannot be the name of a group"),
        (GROUPS, "/groups/a b", json!("s1"), "groups: `a b` cannot be the name of a group"),
        (THEOREM, "/worlds/1/name", json!("A"), "there are two worlds A"),
        (THEOREM, "/worlds/1/name", json!("\u{1b}"), r"`\u{1b}` cannot be the name of a world"),
        (THEOREM, "/worlds/1/name", json!(""), "`` cannot be the name of a world"),
        (
            THEOREM,
            "/worlds/1/rounds",
            json!([]),
            "world B: a world of this claim has `epochs`, and no `rounds`",
        ),
        (THEOREM, "/worlds/1/epochs", json!([]), "world B: 0 epochs: there can be from 1 to 10000"),
        (
            THEOREM,
            "/worlds/1/faulty/0/who",
            json!("s3"),
            "world B: there is no group and no ungrouped process `s3`",
        ),
        (THEOREM, "/worlds/1/faulty/0/who", json!("c1"), "world B: c1 is faulty twice"),
        (
            THEOREM,
            "/worlds/1/faulty/0/class",
            json!("none"),
            "world B: s1: in one world nobody's class is none",
        ),
        (THEOREM, "/worlds/1/faulty/0/class", json!("crash"), "world B: s1: `from` says, from 1 on, when"),
        (THEOREM, "/worlds/1/faulty/0/from", json!(1), "world B: s1: `from` is for crashes"),
        (THEOREM, "/worlds/1/faulty/0/from", json!(-1), "invalid value: integer `-1`"),
        (THEOREM, "/worlds/1/epochs/0/blocked/0", json!("s1"), "world B: epoch 1: `s1` is no link"),
        (THEOREM, "/worlds/1/epochs/0/blocked/0", json!("s1 -> s3"), "world B: epoch 1: there is no group"),
        (
            THEOREM,
            "/worlds/1/epochs/0/blocked/0",
            json!("s1 -> c1 -> c2"),
            "world B: epoch 1: there is no group",
        ),
        (
            THEOREM,
            "/worlds/1/epochs/0/blocked",
            json!(["s1 -> c1", "s1 -> c1"]),
            "world B: epoch 1: `s1 -> c1` is blocked twice",
        ),
        (
            THEOREM,
            "/worlds/1/epochs/0/requests/c3",
            json!({"op":"read"}),
            "world B: epoch 1: there is no group",
        ),
        (THEOREM, "/worlds/1/epochs/0/requests/c2", json!({"op":"cas"}), "unknown variant `cas`"),
        (THEOREM, "/worlds/1/epochs/0/requests/c2", json!({"op":"write"}), "missing field `value`"),
        (THEOREM, "/argument/4/epoch", json!(-1), "invalid value: integer `-1`"),
        (THEOREM, "/argument/4/epoch", json!(0), "step 5 of the argument: there is no epoch 0"),
        (THEOREM, "/argument/4/epoch", json!(2), "step 5 of the argument: there is no epoch 2"),
        (
            THEOREM,
            "/argument/4/epoch",
            huge,
            "step 5 of the argument: there is no epoch 18446744073709551615",
        ),
        (THEOREM, "/argument/4/worlds/1", json!("D"), "step 5 of the argument: there is no world `D`"),
        (THEOREM, "/argument/4/client", json!("c3"), "step 5 of the argument: there is no group"),
        (THEOREM, "/argument/4/worlds", json!(["A"]), "invalid length 1"),
        (THEOREM, "/argument/4/step", json!("therefore"), "unknown variant `therefore`"),
        (THEOREM, "/worlds", json!([]), "step 1 of the argument: there is no world `A`"),
    ] {
        let error = parse_error(&with(text, path, value.clone()));
        assert!(error.starts_with(expected), "{path} {value}: {error}");
    }
    // In the order of the text an error has its line.
    let error = parse_error(&edited(THEOREM, "lock-step", "soon"));
    assert!(error.contains(" at line "), "{error}");
}

#[test]
fn what_can_be_read_and_proves_nothing_is_rejected_with_its_place() {
    let steps = |text: &str| without(text, "/argument/7");
    let three = with(THEOREM, "/worlds/1/epochs/0/requests/s1", json!({"op":"write","value":"C1"}));
    let longer = document(THEOREM)["worlds"][0]["epochs"][0].clone();
    let error = parse_error(&with(THEOREM, "/worlds/2/epochs", json!([longer, longer])));
    assert_eq!(error, "world C has 2 epochs or rounds, and the first has 1");
    for (text, expected) in [
        (steps(THEOREM), "argument: it does not end in a contradiction"),
        (with(THEOREM, "/argument", json!([])), "argument: it does not end in a contradiction"),
        (with(&with(THEOREM, "/worlds", json!([])), "/argument", json!([])), "argument: it does not end"),
        (three, "world B: s1 is no client, so it asks for nothing"),
        (
            with(THEOREM, "/worlds/0/epochs/0/blocked/0", "s1 -> s1".into()),
            "world A: s1 -> s1 in epoch 1: there is no such link",
        ),
        (
            with(THEOREM, "/worlds/0/epochs/0/blocked/0", "c1 -> c2".into()),
            "world A: c1 -> c2 in epoch 1: there is no such link",
        ),
        (with(GROUPS, "/groups/G1", "s1-s51".into()), "groups: s51 is in two groups"),
        (with(GENERAL, "/groups/H", "s1".into()), "groups: s1 is in two groups"),
        (
            with(GENERAL, "/claim/fault_rules", json!([])),
            "claim: a claim for any number of servers has one rule",
        ),
    ] {
        let rejected = rejection(&text);
        assert!(rejected.starts_with(expected), "{rejected}");
    }
    // No servers, no clients: nothing divides by them.
    for (servers, clients) in [(0, 0), (0, 2), (1, 0)] {
        let mut empty = document(THEOREM);
        empty["claim"]["servers"] = servers.into();
        empty["claim"]["clients"] = clients.into();
        for key in ["fault_rules", "links"] {
            let none = if key == "links" { json!({ "client_client": true }) } else { json!([]) };
            empty["claim"][key] = none;
        }
        for key in ["worlds", "argument"] {
            empty[key] = json!([]);
        }
        let rejected = rejection(&empty.to_string());
        let expected = if servers == 0 { "claim: there are no servers" } else { "argument: " };
        assert!(rejected.starts_with(expected), "{rejected}");
    }
}

/// A certificate with this many groups of one server each, worlds and epochs, in which nothing happens.
fn wide(groups: usize, worlds: usize, epochs: usize) -> String {
    let names: Vec<String> = (1..=groups).map(|number| format!(r#""G{number}":"s{number}""#)).collect();
    let epoch = r#"{"requests":{},"blocked":[]}"#;
    let epochs = vec![epoch; epochs].join(",");
    let mut all = String::new();
    for world in 0..worlds {
        let comma = if world > 0 { "," } else { "" };
        write!(
            all,
            r#"{comma}{{"format":"threeworlds/world/1","name":"W{world}","faulty":[],"epochs":[{epochs}]}}"#
        )
        .unwrap();
    }
    format!(
        r#"{{"format":"threeworlds/certificate/1","claim":{{"servers":{groups},"clients":2,"fault_rules":[],
        "timing":"lock-step","task":"log","argued_as":"write-once-register","links":{{"client_client":false}},
        "rounds":null}},"groups":{{{}}},"worlds":[{all}],"argument":[]}}"#,
        names.join(",")
    )
}

#[test]
fn what_is_too_large_is_turned_away_before_the_work() {
    assert!(verify(&Certificate::parse(&wide(254, 1, 2)).unwrap()).is_err());
    let error = parse_error(&wide(255, 1, 1));
    assert_eq!(error, "groups: 257 groups and single processes are more than 256");
    let error = parse_error(&wide(9_000, 1, 1));
    assert_eq!(error, "groups: 9002 groups and single processes are more than 256");
    let error = parse_error(&wide(10_001, 1, 1));
    assert_eq!(error, "claim: 10001 servers are more than 10000");
    let error = parse_error(&wide(254, 10, 30));
    assert_eq!(error, "10 worlds of 30 epochs with 256 groups and single processes are too many to verify");
    let error = parse_error(&wide(1, 10_001, 1));
    assert_eq!(error, "more than 10000 worlds");
    let error = parse_error(&wide(1, 1, 10_001));
    assert_eq!(error, "world W0: 10001 epochs: there can be from 1 to 10000");
    // Long, and within the limits: one client of one server, who is idle.
    assert!(verify(&Certificate::parse(&wide(1, 1, 10_000)).unwrap()).is_err());
    // Ten thousand servers in two groups are as good as two.
    let mut many = document(GROUPS);
    many["claim"]["servers"] = 10_000.into();
    many["claim"]["fault_rules"][0] = "5000 of servers: omission".into();
    many["groups"] = json!({ "G1": "s1-s5000", "G2": "s5001-s10000" });
    verify(&Certificate::parse(&many.to_string()).unwrap()).unwrap();
    // A name of a megabyte, and an argument of as much.
    let long = "x".repeat(1 << 20);
    assert!(
        parse_error(&with(THEOREM, "/argument/0/world", long.clone().into())).contains("there is no world")
    );
    let mut long = document(THEOREM);
    let forced = long["argument"][0].clone();
    let argument = long["argument"].as_array_mut().unwrap();
    argument.splice(0..0, std::iter::repeat_n(forced, 20_000));
    verify(&Certificate::parse(&long.to_string()).unwrap()).unwrap();
}

/// A generator of numbers that needs no crate (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % bound as u64).unwrap()
    }
}

/// Pieces that mean something in a certificate, which bytes at random seldom make.
const PIECES: [&str; 36] = [
    "s1",
    "s2",
    "c1",
    "c2",
    "G1",
    "G2",
    "servers",
    "any",
    "f of servers: ",
    "omission",
    "crash",
    "none",
    "\"A\"",
    "\"B\"",
    "\"C\"",
    "0",
    "1",
    "2",
    "-1",
    "99999999999",
    "1e9",
    "null",
    "true",
    "[]",
    "{}",
    ",",
    ":",
    "\"",
    "]",
    "}",
    " -> ",
    "\"rounds\"",
    "\"epochs\"",
    "\\u0000",
    "é",
    "register",
];

#[test]
fn random_edits_never_panic() {
    let mut random = Random(1);
    let (mut unreadable, mut rejected, mut valid) = (0, 0, 0);
    for text in [THEOREM, GROUPS, GENERAL].map(|text| document(text).to_string()) {
        for _ in 0..4_000 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..1 + random.below(3) {
                let at = random.below(bytes.len());
                let to = at + random.below(4).min(bytes.len() - at);
                match random.below(8) {
                    0 => bytes[at] = u8::try_from(random.below(256)).unwrap(),
                    1 => drop(bytes.splice(at..to, [])),
                    2 => {
                        let piece = PIECES[random.below(PIECES.len())];
                        drop(bytes.splice(at..to, piece.bytes()));
                    }
                    3 => {
                        // A piece of the text for another one.
                        let length = 1 + random.below(40);
                        let from = random.below(bytes.len().saturating_sub(length).max(1));
                        let piece: Vec<u8> = bytes.iter().skip(from).take(length).copied().collect();
                        let end = (at + length).min(bytes.len());
                        drop(bytes.splice(at..end, piece));
                    }
                    4 => {
                        // The next digit for another one.
                        if let Some(digit) = bytes[at..].iter_mut().find(|byte| byte.is_ascii_digit()) {
                            *digit = b'0' + u8::try_from(random.below(4)).unwrap();
                        }
                    }
                    _ => {
                        // What stands in quotes for something else that does: this can often be read.
                        let quotes: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at] == b'"').collect();
                        let mut quoted = || {
                            let first = 2 * random.below((quotes.len() / 2).max(1));
                            Some(*quotes.get(first)?..*quotes.get(first + 1)?)
                        };
                        if let (Some(place), Some(piece)) = (quoted(), quoted()) {
                            let piece = bytes[piece].to_vec();
                            drop(bytes.splice(place, piece));
                        }
                    }
                }
            }
            match Certificate::parse(&String::from_utf8_lossy(&bytes)) {
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    unreadable += 1;
                }
                Ok(certificate) => match verify(&certificate) {
                    Err(reason) => {
                        assert!(!reason.place.is_empty() && !reason.reason.is_empty());
                        rejected += 1;
                    }
                    Ok(()) => {
                        // What is written of it is read as the same.
                        assert_eq!(Certificate::parse(&certificate.text()), Ok(certificate));
                        valid += 1;
                    }
                },
            }
        }
    }
    println!("{unreadable} unreadable, {rejected} rejected, {valid} valid");
    assert!(unreadable > 5_000 && rejected > 200 && valid > 50, "{unreadable} {rejected} {valid}");
}
