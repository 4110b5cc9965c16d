//! `bench/run`.

use anyhow::{Result, bail};
use threeworlds_bench::{explore, history, steps};

const USAGE: &str = "\
usage: bench/run explore [--quick | --all] [--seconds N] [--memory-mb N] [FAMILY] [NUMBERS]
       bench/run steps
       bench/run history [--seconds N] [--memory-mb N] [--seeds N] [FILTER]

explore   exploring transition systems, against stateright and Spin. FAMILY is pb,
          remembering or majority, NUMBERS such as 3,2,2,4: servers, clients,
          faulty servers, rounds. --quick: rows of a few seconds; --all: with those
          peers too that take many minutes
steps     protocols in Python, against the same ones built in
history   checking histories, against porcupine-rs";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("explore") => explore::compare(&arguments[1..]),
        Some("one-explore") => explore::one(&arguments[1..]),
        Some("steps") => steps::compare(&arguments[1..]),
        Some("one-steps") => steps::one(&arguments[1..]),
        Some("history") => history::compare(&arguments[1..]),
        Some("one-history") => history::one(&arguments[1..]),
        _ => bail!("{USAGE}"),
    }
}
