//! How things are printed: width, colour, plain characters, help.

mod support;

use std::process::{Command, Stdio};

use support::{Outcome, folder, repository, threeworlds};

/// Calls with much to draw.
const CALLS: [&[&str]; 7] = [
    &["check", "primary-backup"],
    &["check", "majority"],
    &["check", "unreplicated", "--servers", "4", "--clients", "3", "--faults", "2", "--rounds", "5"],
    &[
        "check",
        "primary-backup",
        "--server-faults",
        "crash",
        "--workload",
        "c1: write(a-rather-long-value), read; c2: read",
    ],
    &["run", "majority", "--servers", "7", "--clients", "4"],
    &["run", "primary-backup", "--crash", "s1@2"],
    &["protocols"],
];

#[track_caller]
fn fits(outcome: Outcome, columns: usize) -> Outcome {
    for line in outcome.stdout.lines() {
        assert!(line.chars().count() <= columns, "`{line}` is wider than {columns}: {}", outcome.report());
    }
    outcome
}

#[test]
fn in_a_pipe_lines_have_80_columns_and_no_colour() {
    for call in CALLS {
        let outcome = fits(threeworlds(call), 80);
        assert!(
            !outcome.stdout.contains('\u{1b}') && !outcome.stderr.contains('\u{1b}'),
            "{}",
            outcome.report()
        );
        assert!(outcome.stdout.lines().all(|line| line.trim_end() == line), "blanks: {}", outcome.report());
    }
}

#[test]
fn verify_and_show_fit_too() {
    let results = folder();
    let saved = results.path().to_str().expect("the path is UTF-8").to_owned();
    threeworlds(["check", "primary-backup", "--save", &saved]).exits(1);
    for name in ["C", "shortest-liveness-violation"] {
        let file = format!("{saved}/{name}.json");
        fits(threeworlds(["verify", &file]).exits(0), 80);
        fits(threeworlds(["verify", &file, "majority"]).exits(1), 80);
        fits(threeworlds(["show", &file]).exits(0), 80);
    }
}

#[test]
fn the_width_can_be_chosen() {
    for call in CALLS {
        let with = |width: &'static str| threeworlds(call.iter().copied().chain(["--width", width]));
        fits(with("60"), 60);
        fits(with("120"), 120);
    }
    let widest = |width| {
        let outcome = threeworlds(["check", "primary-backup", "--width", width]);
        outcome.stdout.lines().map(|line| line.chars().count()).max()
    };
    assert!(widest("120") > Some(80), "{:?}", widest("120"));
}

#[test]
fn colour_comes_when_it_is_asked_for() {
    let red = "\u{1b}[1m\u{1b}[31mFAILS (agreement)\u{1b}[0m";
    let coloured = threeworlds(["check", "primary-backup", "--color", "always"]).exits(1);
    assert!(coloured.stdout.starts_with(red), "{:?}", coloured.stdout.lines().next());
    let plain = threeworlds(["check", "primary-backup", "--color", "never"]).exits(1);
    assert!(plain.stdout.starts_with("FAILS (agreement)  primary-backup\n"));
    let error = threeworlds(["check", "nope", "--color", "always"]).exits(2);
    assert!(error.stderr.starts_with('\u{1b}'), "{:?}", error.stderr);
    // A file has no colour, whatever the terminal has.
    let results = folder();
    let file = results.path().join("run.txt");
    let path = file.to_str().expect("the path is UTF-8");
    threeworlds(["run", "primary-backup", "--color", "always", "-o", path]).exits(0);
    assert!(!std::fs::read_to_string(&file).expect("it is written").contains('\u{1b}'));
}

#[test]
fn plain_characters_are_enough() {
    for call in CALLS {
        let outcome = threeworlds(call.iter().chain(&["--ascii"]));
        let strange = outcome.stdout.chars().find(|character| !character.is_ascii());
        assert_eq!(strange, None, "{}", outcome.report());
    }
}

#[test]
fn help_is_there_for_every_command_and_fits() {
    for command in ["check", "atlas", "run", "show", "verify", "protocols", "completions"] {
        let [short, long] = ["-h", "--help"].map(|flag| fits(threeworlds([command, flag]).exits(0), 80));
        assert!(short.stdout.lines().count() <= 60, "-h is short: {}", short.report());
        assert!(short.stdout.len() < long.stdout.len(), "{}", long.report());
        short.says("Usage: threeworlds");
    }
    fits(threeworlds(["--help"]).exits(0), 80).says("check").says("verify");
    threeworlds(["check", "--help"])
        .exits(0)
        .says("Exit status: 0 holds, 1 fails, 2 the input or the call is wrong, 3 unknown")
        .says("[COUNT of] WHO: CLASS")
        .says("send-or-receive-omission");
    threeworlds(["--version"]).exits(0).says("threeworlds 0");
}

#[test]
fn completions_are_written_for_every_shell() {
    for (shell, part) in
        [("bash", "complete -F"), ("zsh", "#compdef threeworlds"), ("fish", "complete -c threeworlds")]
    {
        threeworlds(["completions", shell]).exits(0).complains_of_nothing().says(part).says("server-faults");
    }
    threeworlds(["completions", "nosh"]).refuses(["'nosh'", "bash"]);
}

#[test]
fn protocols_are_listed_and_described() {
    let all = threeworlds(["protocols"]).exits(0);
    for name in ["unreplicated", "primary-backup", "majority"] {
        assert!(all.stdout.lines().any(|line| line == name), "{}", all.report());
        let one = threeworlds(["protocols", name, "--servers", "0"]).exits(0);
        assert!(one.stdout.starts_with(&format!("{name}\n")) && all.stdout.contains(&one.stdout));
    }
    threeworlds(["protocols", "nope"]).refuses(["no built-in protocol `nope`", "majority"]);
}

/// A reader that goes away, as `head -1` does, is no reason to panic, and none for another verdict.
#[test]
fn a_reader_that_goes_away_changes_nothing() {
    for (call, status) in
        [(&["check", "primary-backup"][..], 1), (&["protocols"], 0), (&["completions", "zsh"], 0)]
    {
        let mut child = Command::new(env!("CARGO_BIN_EXE_threeworlds"))
            .args(call)
            .current_dir(repository())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{call:?}");
        assert_eq!(output.status.code(), Some(status), "{call:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full is there");
    let output = Command::new(env!("CARGO_BIN_EXE_threeworlds")).arg("protocols").stdout(full).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output cannot be written"));
}
