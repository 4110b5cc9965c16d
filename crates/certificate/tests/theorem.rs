//! The theorem's own certificates, written by hand: for two servers, for a hundred, for any number.

use threeworlds_certificate::{Certificate, verify};

const THEOREM: &str = include_str!("certificates/theorem.json");
const GROUPS: &str = include_str!("certificates/groups.json");
const GENERAL: &str = include_str!("certificates/general.json");

#[test]
fn the_theorem_is_proved_for_two_servers_for_a_hundred_and_for_any_number() {
    for text in [THEOREM, GROUPS, GENERAL] {
        let certificate = Certificate::parse(text).unwrap();
        verify(&certificate).unwrap();
        assert_eq!(Certificate::parse(&certificate.text()), Ok(certificate));
    }
}

/// Replaces the one occurrence of a text.
fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

#[test]
fn what_does_not_follow_is_rejected_with_the_place_and_the_reason() {
    let last = r#""epochs":[1,1]},"#;
    for (text, from, to, expected) in [
        (
            THEOREM,
            r#""servers":2"#,
            r#""servers":3"#,
            "step 5 (indistinguishable): c1 does not see the same in A and C",
        ),
        (THEOREM, "1 of servers: omission", "1 of servers: crash", "world A: the fault rules do not allow"),
        (THEOREM, "any of clients: omission", "clients: none", "world A: the fault rules do not allow"),
        (
            THEOREM,
            r#"{"step":"forced","world":"B","client":"c2","epoch":1},"#,
            "",
            "step 3 (values): no step before this says that c2 is answered in B",
        ),
        (
            THEOREM,
            last,
            &format!("{last}\n{{\"step\":\"forced\",\"world\":\"C\",\"client\":\"c2\",\"epoch\":1}},"),
            "step 8 (forced): c2 is faulty in C",
        ),
        (
            THEOREM,
            r#""values":["C1"]"#,
            r#""values":["C2"]"#,
            "step 2 (values): the response can be one of C1, not of C2",
        ),
        (GROUPS, "50 of servers", "49 of servers", "world A: the fault rules do not allow"),
        (
            GENERAL,
            "2 <= n <= 2f",
            "2 <= n <= f",
            "claim: its servers are 2 sets of at most f, so n <= 2f follows",
        ),
    ] {
        let changed = edited(text, from, to);
        let rejected = verify(&Certificate::parse(&changed).unwrap()).unwrap_err().to_string();
        assert!(rejected.starts_with(expected), "{rejected}");
    }
}
