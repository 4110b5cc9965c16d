//! Claims for any number of servers: the groups must exist, within the budget, for every n that is claimed.

use threeworlds_certificate::{Certificate, verify};

const THEOREM: &str = include_str!("certificates/theorem.json");

/// Worlds A, B and C for any n <= 2f, with `one` groups on the side of c1 and `two` on that of c2.
fn theorem(one: usize, two: usize) -> String {
    let groups: Vec<String> = (1..=one + two).map(|number| format!("G{number}")).collect();
    let sides = (0..).zip(&groups).map(|(position, name)| (name.as_str(), position >= one));
    let processes: Vec<(&str, bool)> = sides.chain([("c1", false), ("c2", true)]).collect();
    let mut blocked = Vec::new();
    for (from, side) in &processes {
        for (to, other) in &processes {
            if side != other && !(from.starts_with('c') && to.starts_with('c')) {
                blocked.push(format!(r#""{from} -> {to}""#));
            }
        }
    }
    let blocked = blocked.join(",");
    let world = |name: &str, faulty_side: bool, asking: &[&str]| {
        let faulty = processes.iter().filter(|(_, side)| *side == faulty_side);
        let faulty: Vec<String> =
            faulty.map(|(who, _)| format!(r#"{{"who":"{who}","class":"omission"}}"#)).collect();
        let requests: Vec<String> = asking
            .iter()
            .map(|client| format!(r#""{client}":{{"op":"write","value":"{}"}}"#, client.to_uppercase()))
            .collect();
        let (faulty, requests) = (faulty.join(","), requests.join(","));
        format!(
            r#"{{"format":"threeworlds/world/1","name":"{name}","faulty":[{faulty}],
            "epochs":[{{"requests":{{{requests}}},"blocked":[{blocked}]}}]}}"#
        )
    };
    let worlds =
        [world("A", true, &["c1"]), world("B", false, &["c2"]), world("C", true, &["c1", "c2"])].join(",");
    let groups: Vec<String> = groups.iter().map(|name| format!(r#""{name}":"servers""#)).collect();
    let groups = groups.join(",");
    let (_, argument) = THEOREM.split_once(r#""argument":"#).unwrap();
    format!(
        r#"{{"format":"threeworlds/certificate/1","claim":{{"servers":"any","condition":"{} <= n <= 2f","clients":2,
        "fault_rules":["f of servers: omission","any of clients: omission"],"timing":"lock-step",
        "task":"write-once-register","argued_as":"write-once-register","links":{{"client_client":false}},
        "rounds":null}},"groups":{{{groups}}},"worlds":[{worlds}],"argument":{argument}"#,
        one + two
    )
}

/// Whether for every n and f with groups <= n <= 2f (f up to 12) both sides get a server for each of their
/// groups and no side more than f.
fn sizes_exist(one: usize, two: usize) -> bool {
    (1..=12).all(|f| {
        let fits = |n: usize| (one..=f).any(|size| n >= size + two && n - size <= f);
        (one + two..=2 * f).all(fits)
    })
}

/// n = 4, f = 2 is within n <= 2f; with 1 + 3 groups three servers are faulty in A and in C.
#[test]
fn a_claim_for_any_number_is_accepted_where_its_groups_always_exist_and_nowhere_else() {
    for one in 1..=4 {
        for two in 1..=4 {
            let certificate = Certificate::parse(&theorem(one, two)).unwrap();
            let accepted = verify(&certificate);
            assert_eq!(accepted.is_ok(), sizes_exist(one, two), "{one} + {two} groups: {accepted:?}");
        }
    }
}
