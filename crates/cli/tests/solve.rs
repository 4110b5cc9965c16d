//! `solve` on the command line: proofs and how they read, what makes the difference, certificates that
//! `verify` and `show` take, and calls that cannot be answered.

mod support;

use serde_json::{Value, json};
use support::{Outcome, folder, threeworlds, threeworlds_reading};

fn solve(flags: &[&str]) -> Outcome {
    threeworlds(["solve", "--no-nearest"].iter().chain(flags))
}

fn document(flags: &[&str]) -> Value {
    threeworlds(["solve", "--no-nearest", "--json"].iter().chain(flags)).json()
}

#[test]
fn bare_solve_proves_the_theorem_in_three_worlds() {
    let mut outcome = threeworlds(["solve"]).exits(1).complains_of_nothing();
    for said in [
        "IMPOSSIBLE",
        "3 worlds, 1 epoch; verified",
        "n <= 2f",
        "World A",
        "World B",
        "World C",
        "c1 sees the same in A and C",
        "c2 sees the same in B and C",
        "But C1 and C2 are not the same. No protocol can do it.",
        "Questions near this one",
        "one more server: --servers 3 (majority",
    ] {
        outcome = outcome.says(said);
    }
    let lines = outcome.stdout.lines();
    assert!(lines.map(|line| line.chars().count()).all(|width| width <= 80), "{}", outcome.stdout);
}

#[test]
fn its_json_has_the_worlds_the_certificate_and_the_nearest_questions() {
    let outcome = threeworlds(["solve", "--json"]).exits(1).complains_of_nothing();
    let document = outcome.json();
    assert_eq!(document["command"], "solve");
    assert_eq!(document["verdict"], "impossible");
    let faulty: Vec<Vec<&str>> = document["worlds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|world| {
            world["faulty"].as_array().unwrap().iter().map(|one| one["who"].as_str().unwrap()).collect()
        })
        .collect();
    // In C one faulty server and one faulty client are enough.
    assert_eq!(faulty, [["s2", "c2"], ["s1", "c1"], ["s2", "c2"]]);
    let nearest: Vec<(&Value, &Value)> = document["nearest"]
        .as_array()
        .unwrap()
        .iter()
        .map(|near| (&near["verdict"], &near["protocol"]))
        .collect();
    assert!(nearest.contains(&(&json!("possible"), &json!("majority"))), "{nearest:?}");
    threeworlds_reading(&document.to_string(), ["verify", "-"]).exits(0).says("valid").complains_of_nothing();
}

#[test]
fn any_number_of_servers_and_very_many() {
    let document = document(&["--servers", "any"]);
    assert_eq!(document["certificate"]["claim"]["condition"], "2 <= n <= 2f");
    threeworlds_reading(&document.to_string(), ["verify", "-"]).exits(0).says("2 <= n <= 2f");
    let many = self::document(&["--servers", "1000", "--faults", "500"]);
    assert_eq!(many["certificate"]["groups"], json!({"G1": "s1-s500", "G2": "s501-s1000"}));
    solve(&["--servers", "any", "--server-faults", "crash"]).exits(1).says("n <= f");
    solve(&["--servers", "any", "--faults", "1"]).exits(2).complains("--servers any");
}

#[test]
fn what_is_possible_names_a_protocol_and_what_was_checked() {
    let document = document(&["--server-faults", "crash"]);
    assert_eq!(document["verdict"], "possible");
    assert_eq!(document["protocol"], "primary-backup");
    assert_eq!(document["checked"]["exactly"], true);
    assert_eq!(document["worst_case_rounds"], json!({"read": 4, "write": 5}));
    assert_eq!(document["certificate"], Value::Null);
    // Too large to explore: the bound that the protocol states, and what was explored.
    let large = self::document(&[
        "--servers",
        "30",
        "--faults",
        "29",
        "--server-faults",
        "receive-omission",
        "--protocol-time",
        "1",
    ]);
    assert_eq!(large["verdict"], "possible");
    assert_eq!(large["checked"]["exactly"], false);
    assert_eq!(large["question"]["servers"], 30);
}

#[test]
fn what_is_not_known_is_unknown() {
    let flags = ["--servers", "3", "--timing", "asynchrony", "--task", "log", "--server-faults", "crash"];
    solve(&flags).exits(3).says("UNKNOWN").says("Fischer, Lynch and").says("proves nothing");
    // Where somebody never fails that argument says nothing.
    solve(&["--timing", "asynchrony", "--server-faults", "crash", "--fault", "w: none"])
        .exits(3)
        .does_not_say("Fischer");
    solve(&[
        "--timing",
        "asynchrony",
        "--server-faults",
        "crash",
        "--client-faults",
        "none",
        "--servers",
        "3",
    ])
    .exits(3)
    .does_not_say("Fischer");
    // Nobody to contradict.
    let one = document(&["--clients", "1"]);
    assert_ne!(one["verdict"], "impossible");
    solve(&["--expect", "unknown", "--servers", "3", "--timing", "asynchrony"]).exits(0);
    solve(&["--expect", "possible"]).exits(1);
}

#[test]
fn every_task_and_timing_has_its_proof() {
    for (flags, epochs) in [
        (&["--task", "register"][..], 2),
        (&["--task", "log"], 1),
        (&["--task", "state-machine"], 1),
        (&["--timing", "partial-synchrony", "--server-faults", "crash", "--client-faults", "crash"], 1),
        (&["--timing", "asynchrony", "--task", "register", "--server-faults", "crash"], 2),
        (&["--server-faults", "send-or-receive-omission", "--client-faults", "send-or-receive-omission"], 2),
        (
            &[
                "--fault",
                "1 of s1: omission",
                "--fault",
                "1 of s2: omission",
                "--fault",
                "any of clients: omission",
            ],
            1,
        ),
        (&["--client-links"], 1),
    ] {
        let document = document(flags);
        assert_eq!(document["verdict"], "impossible", "{flags:?}");
        assert_eq!(document["worlds"][0]["epochs"].as_array().unwrap().len(), epochs, "{flags:?}");
        threeworlds_reading(&document.to_string(), ["verify", "-"]).exits(0);
    }
}

#[test]
fn certificates_are_written_verified_drawn_and_rejected() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (proof, page) = (path("proof.json"), path("proof.html"));
    solve(&["--certificate", &proof, "--report", &page]).exits(1);
    threeworlds(["verify", &proof]).exits(0).says("valid").says("no protocol with 2 servers");
    assert_eq!(threeworlds(["verify", &proof, "--json"]).exits(0).json()["verdict"], "valid");
    threeworlds(["verify", &proof, "majority"]).exits(2).complains("leave out `majority`");
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(
        html.contains("<svg")
            && html.contains("by Termination")
            && html.contains("threeworlds/certificate/1")
    );
    for (form, sign) in [
        ("svg", "<svg"),
        ("tikz", "tikzpicture"),
        ("html", "<svg"),
        ("json", "\"argument\""),
        ("terminal", "World C"),
    ] {
        threeworlds(["show", &proof, "--format", form]).exits(0).says(sign).complains_of_nothing();
    }
    threeworlds(["show", &proof, "--format", "mermaid"]).exits(2).complains("certificate");

    let text = std::fs::read_to_string(&proof).unwrap();
    let changed = text.replacen("1 of servers: omission", "1 of servers: crash", 1);
    threeworlds_reading(&changed, ["verify", "-"])
        .exits(1)
        .says("rejected")
        .says("world A")
        .complains_of_nothing();
    let rejected = threeworlds_reading(&changed, ["verify", "-", "--json"]).exits(1).json();
    assert_eq!((&rejected["verdict"], &rejected["place"]), (&json!("rejected"), &json!("world A")));
    for (from, to, reason) in [
        ("certificate/1", "certificate/9", "threeworlds/certificate/9"),
        ("\"forced\"", "\"hoped\"", "hoped"),
        ("\"groups\"", "\"grups\"", "grups"),
        ("s2 -> c1", "s2 to c1", "s2 to c1"),
    ] {
        threeworlds_reading(&text.replacen(from, to, 1), ["verify", "-"]).exits(2).complains(reason);
    }
    solve(&["--server-faults", "crash", "--certificate", &path("none.json")]).exits(0).complains("no proof");
    assert!(!folder.path().join("none.json").exists());
}

#[test]
fn how_many_rounds_it_takes() {
    let least = document(&["--least-rounds", "--server-faults", "crash"]);
    assert_eq!(least["verdict"], "single-shot-possible");
    let rounds = least["least_rounds"].as_u64().unwrap();
    assert!(rounds >= 2, "{least:#}");
    threeworlds_reading(&least.to_string(), ["verify", "-"]).exits(0).says("rounds of messages");
    let fewer = (rounds - 1).to_string();
    solve(&["--rounds", &fewer, "--server-faults", "crash"]).exits(1).says("IMPOSSIBLE").says("Single-shot");
    // What no protocol does at all it does not do in three rounds.
    solve(&["--rounds", "2", "--expect", "impossible"]).exits(0);
    solve(&["--least-rounds"]).exits(1).says("Three worlds").complains("for every number of rounds");
    // No limit takes away a proof for every number of rounds.
    solve(&["--rounds", "20", "--max-time", "0.5"]).exits(1).complains("for every number of rounds");
    solve(&["--rounds", "2", "--timing", "asynchrony"]).exits(2).complains("lock-step only");
    solve(&["--rounds", "2", "--servers", "any"]).exits(2).complains("given number of servers");
    solve(&["--rounds", "0"]).exits(2);
}

#[test]
fn a_limit_makes_it_unknown_and_says_so() {
    let flags = [
        "--servers",
        "7",
        "--faults",
        "3",
        "--clients",
        "3",
        "--timing",
        "partial-synchrony",
        "--server-faults",
        "receive-omission",
        "--groups",
        "7",
        "--epochs",
        "5",
        "--max-time",
        "0.5",
    ];
    solve(&flags).exits(3).says("UNKNOWN").says("stopped there by the limit on time").complains_of_nothing();
}

#[test]
fn calls_that_make_no_question() {
    for (flags, reason) in [
        (&["--servers", "0"][..], "at least one server"),
        (&["--clients", "0"], "at least one client"),
        (&["--servers", "2", "--faults", "3"], "3 faulty servers among 2"),
        (&["--servers", "many"], "`any`"),
        (&["--servers", "20000"], "at most 10000"),
        (&["--fault", "1 of s9: omission"], "there is no s9"),
        (&["--task", "queue"], "queue"),
        (&["--timing", "later"], "later"),
        (&["--groups", "0"], "1 to 12"),
        (&["--certificate", "/nowhere/at/all.json"], "/nowhere/at"),
    ] {
        solve(flags).exits(2).complains(reason);
    }
}

#[test]
fn the_picture_of_the_proof_in_the_readme_is_the_one_that_is_drawn() {
    let folder = folder();
    let proof = folder.path().join("proof.json").to_str().unwrap().to_owned();
    solve(&["--certificate", &proof]).exits(1);
    let drawn = threeworlds(["show", &proof, "--format", "svg"]).exits(0).stdout;
    let shown = std::fs::read_to_string(support::repository().join("docs/images/theorem.svg")).unwrap();
    assert!(drawn == shown, "docs/images/theorem.svg is not what `show` draws now");
}
