//! Wrong calls: each is refused with a message that names the place and says what would be right.

mod support;

use support::{Outcome, threeworlds};

/// `check majority` with these flags.
#[track_caller]
fn check(flags: &[&str]) -> Outcome {
    threeworlds(["check", "majority"].iter().chain(flags))
}

#[test]
fn a_protocol_has_to_be_named() {
    for call in [&["check"][..], &["check", "--"], &["run"], &["check", "--json"]] {
        threeworlds(call).refuses(["no protocol is given", "primary-backup", "-- python3 protocol.py"]);
    }
    threeworlds(["check", "nope"]).refuses(["no built-in protocol `nope`", "unreplicated", "after `--`"]);
    threeworlds(["check", "majority", "--", "python3", "x.py"]).refuses([
        "two protocols",
        "`majority`",
        "`python3`",
        "give one",
    ]);
}

#[test]
fn a_step_program_without_the_dashes_is_told_of_them() {
    for name in ["examples/python/majority.py", "./no/such/file.py", "sh"] {
        threeworlds(["check", name]).refuses([&format!("-- {name}")]);
    }
    threeworlds(["check", "python3", "x.py"]).refuses(["'x.py'", "check [OPTIONS] -- COMMAND..."]);
}

#[test]
fn unknown_commands_and_flags_are_named() {
    threeworlds(["chek"]).refuses(["'chek'", "'check'"]);
    threeworlds(["check", "majority", "--server", "3"]).refuses(["'--server'", "'--servers'"]);
    threeworlds(["check", "majority", "--like", "x"]).refuses(["'--like'"]);
    threeworlds::<&str>([]).exits(2).complains("Usage: threeworlds");
}

#[test]
fn numbers_and_words_are_checked() {
    check(&["--servers", "x"]).refuses(["'x'", "--servers", "write a number"]);
    check(&["--clients", "-1"]).exits(2);
    check(&["--rounds", "0"]).refuses(["'0'", "--rounds"]);
    check(&["--max-time", "0"]).refuses(["--max-time", "greater than 0"]);
    check(&["--max-time", "nan"]).refuses(["--max-time"]);
    check(&["--deadline", "-1"]).exits(2);
    check(&["--max-memory", "8X"]).refuses(["--max-memory", "500M or 8G"]);
    check(&["--max-memory", "0"]).refuses(["--max-memory", "500M or 8G"]);
    check(&["--max-memory", "99999999999999G"]).refuses(["--max-memory"]);
    check(&["--width", "10"]).refuses(["--width", "40..=1000"]);
    check(&["--server-faults", "byzantine"])
        .refuses(["`byzantine` is not a fault class", "send-or-receive-omission"]);
    check(&["--timing", "soon"]).refuses(["`soon` is not a timing", "lock-step, partial-synchrony"]);
    check(&["--task", "queue"]).refuses(["`queue` is not a task", "write-once-register, register, log"]);
    check(&["--consistency", "eventual"]).refuses(["`eventual`", "properties, linearizable"]);
    check(&["--crash-delivery", "some"]).refuses(["`some`", "any-subset, prefix"]);
}

#[test]
fn systems_that_cannot_be_are_refused() {
    check(&["--servers", "0"]).refuses(["at least one server"]);
    check(&["--servers", "2", "--faults", "3"]).refuses(["3 faulty servers among 2"]);
    check(&["--servers", "60", "--clients", "5"]).refuses(["60 servers and 5 clients are 65", "at most 64"]);
    check(&["--servers", "18446744073709551615"]).refuses(["at most 64"]);
    threeworlds(["check", "primary-backup", "--servers", "3"]).refuses(["exactly 2 servers"]);
    check(&["--task", "log"]).refuses(["majority implements the task write-once-register, not log"]);
}

#[test]
fn no_clients_and_64_processes_are_no_error() {
    check(&["--clients", "0"]).exits(0).says("HOLDS").says("2 servers, 0 clients");
    threeworlds(["run", "majority", "--servers", "60", "--clients", "4", "--faults", "0", "--json"]).exits(0);
}

#[test]
fn fault_rules_replace_the_short_flags() {
    for flag in [&["--faults", "1"], &["--server-faults", "crash"], &["--client-faults", "none"]] {
        check(&[&["--fault", "1 of s1: omission"], &flag[..]].concat())
            .refuses(["--fault gives the whole fault model", "--fault \"1 of servers: omission\""]);
    }
    // Whom the rules exempt may be said along with them.
    let exempted = ["--fault", "clients: none", "--server-faults", "crash", "--json"];
    let rules = &check(&exempted).json()["question"]["fault_rules"];
    assert_eq!(rules.as_array().map(Vec::len), Some(3), "{rules}");
}

#[test]
fn a_malformed_fault_rule_is_pointed_at() {
    let fault = |rule: &str| check(&["--fault", rule]).refuses(["--fault: "]);
    let rule = "1 off s1: omission";
    fault(rule).points_at(rule, "off").complains("`of` is missing");
    let rule = "1 of s1; omission";
    fault(rule).points_at(rule, ";").complains("`:` and a fault class are missing");
    let rule = "1 of s9: omission";
    fault(rule).points_at(rule, "s9").complains("there is no s9: the system has 2 servers and 2 clients");
    let rule = "any of s1,é: omission";
    fault(rule).complains("names no process");
    let rule = "s2-s1: omission";
    fault(rule).points_at(rule, "s2-s1").complains("lower number first");
    let rule = "s1: omision";
    fault(rule).points_at(rule, "omision").complains("`omision` is not a fault class");
    let rule = "3 of servers: crash";
    fault(rule).points_at(rule, "3").complains("3 faults among 2");
    let rule = "1 of servers: none";
    fault(rule).points_at(rule, "1").complains("takes no number");
    let rule = "servers: crash, clients: crash";
    fault(rule).points_at(rule, ", clients").complains("a --fault of its own");
    fault("").complains("a process is missing here");
}

#[test]
fn a_malformed_workload_is_pointed_at() {
    let workload = |text: &str| check(&["--workload", text]).refuses(["--workload: "]);
    let text = "c1: wrte(A)";
    workload(text).points_at(text, "wrte").complains("`read`, `write` and `write(VALUE)`, not `wrte`");
    let text = "c1: write(A";
    workload(text).points_at(text, "").complains("`)` is missing");
    let text = "c1: write()";
    workload(text).points_at(text, ")").complains("a value is missing");
    let text = "s1: read";
    workload(text).points_at(text, "s1").complains("only clients issue requests");
    let text = "c1: read; c7: read";
    workload(text).points_at(text, "c7").complains("there is no c7");
    let text = "c1: append(A)";
    workload(text).points_at(text, "append").complains("write-once-register");
    let text = "c1: read read";
    workload(text).points_at(text, "read").complains("`,` and a request");
    workload("").complains("write `none`");
}
