//! Every command that the documentation shows with `$` is run, and has to print what stands there. A line
//! `...` stands for any lines. `UPDATE_DOCS=1` writes what is printed now into blocks without such a line.

#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A fenced block that begins with a command.
struct Block {
    /// Lines of the file that the block's inside takes.
    lines: std::ops::Range<usize>,
    /// Commands, each with what it prints.
    commands: Vec<(String, Vec<String>)>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    for folder in ["docs", "docs/formats"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

fn blocks(text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if !lines[at].starts_with("```") {
            at += 1;
            continue;
        }
        let first = at + 1;
        let length = lines[first..].iter().position(|line| line.starts_with("```")).expect("a block ends");
        let inside = &lines[first..first + length];
        if inside.first().is_some_and(|line| line.starts_with("$ ")) {
            let mut commands: Vec<(String, Vec<String>)> = Vec::new();
            for line in inside {
                match line.strip_prefix("$ ") {
                    Some(command) => commands.push((command.to_owned(), Vec::new())),
                    None => commands.last_mut().expect("a command comes first").1.push((*line).to_owned()),
                }
            }
            blocks.push(Block { lines: first..first + length, commands });
        }
        at = first + length + 1;
    }
    blocks
}

/// Whether it can be run here: nothing is built, and nothing is needed that a small system lacks.
fn runs(command: &str) -> bool {
    !command.contains("jq ") && !command.starts_with("cargo test")
}

fn run(command: &str, folder: &Path) -> Vec<String> {
    let command = command.replace("cargo run --release --", "threeworlds");
    let binary = Path::new(env!("CARGO_BIN_EXE_threeworlds")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("PYTHONUNBUFFERED")
        .env("XDG_CACHE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Seconds differ from run to run.
fn without_seconds(line: &str) -> String {
    let mut out = String::new();
    let mut words = line.split(' ').peekable();
    while let Some(word) = words.next() {
        let is_time = words.peek().is_some_and(|next| next.trim_end_matches([';', '.']) == "s");
        let is_number = word.parse::<f64>().is_ok();
        out.push_str(if is_time && is_number { "N" } else { word });
        out.push(' ');
    }
    if let Some(at) = out.find("\"seconds\":") {
        out.truncate(at);
    }
    out.trim_end().to_owned()
}

/// Whether the lines are the expected ones, where `...` stands for any lines.
fn fits(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line.trim() == "..." => {
            (0..=printed.len()).any(|skipped| fits(rest, &printed[skipped..]))
        }
        Some((line, rest)) => printed.split_first().is_some_and(|(first, others)| {
            without_seconds(line) == without_seconds(first) && fits(rest, others)
        }),
    }
}

#[test]
fn what_the_documentation_shows_is_what_is_printed() {
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root().join("examples"), folder.path().join("examples")).unwrap();
        for block in blocks(&text) {
            let mut now = Vec::new();
            let mut exact = true;
            for (command, expected) in &block.commands {
                now.push(format!("$ {command}"));
                if !runs(command) {
                    now.extend(expected.iter().cloned());
                    continue;
                }
                let printed = run(command, folder.path());
                compared += 1;
                exact &= !expected.iter().any(|line| line.trim() == "...");
                // Empty lines at the end are not shown.
                let end =
                    |lines: &[String]| lines.iter().rposition(|line| !line.is_empty()).map_or(0, |at| at + 1);
                let (expected, printed) = (&expected[..end(expected)], &printed[..end(&printed)]);
                if !fits(expected, printed) {
                    let name = page.strip_prefix(root()).unwrap().display();
                    wrong.push(format!(
                        "{name}: $ {command}\n--- expected\n{}\n--- printed\n{}",
                        expected.join("\n"),
                        printed.join("\n")
                    ));
                    now.extend(printed.iter().cloned());
                } else {
                    now.extend(expected.iter().cloned());
                }
            }
            if update && exact && lines[block.lines.clone()] != now {
                // Blocks keep their place in what is compared with them: rewrite from a marker.
                let marker = format!("\u{0}{}", now.join("\n"));
                lines[block.lines.start] = marker;
                for line in &mut lines[block.lines.start + 1..block.lines.end] {
                    *line = "\u{0}".to_owned();
                }
            }
        }
        if update {
            let kept =
                lines.iter().filter(|line| *line != "\u{0}").map(|line| line.trim_start_matches('\u{0}'));
            let mut new = kept.collect::<Vec<_>>().join("\n");
            new.push('\n');
            if new != text {
                fs::write(&page, new).unwrap();
            }
        }
    }
    assert!(compared >= 10, "only {compared} commands were found");
    assert!(
        wrong.is_empty() || update,
        "{} differ; UPDATE_DOCS=1 rewrites them\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn a_difference_is_a_difference() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(fits(&lines("a\n...\nd"), &lines("a\nb\nc\nd")));
    assert!(!fits(&lines("a\n...\nd"), &lines("a\nb\nc")));
    assert!(fits(&lines("12 states; 0.10 s"), &lines("12 states; 0.02 s")));
    assert!(!fits(&lines("12 states; 0.10 s"), &lines("13 states; 0.10 s")));
}
