//! Threeworlds against its peers. Each measurement is a process of its own, so that its peak memory is its
//! own; user CPU seconds are counted, for the machine may be busy with other things.

mod explore;
mod history;
mod process;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: bench/run explore [--quick | --all] [--seconds N] [--memory-mb N] [FAMILY] [NUMBERS]
       bench/run history [--seconds N] [--memory-mb N] [--seeds N] [FILTER]

explore   exploring transition systems, against stateright and Spin. FAMILY is pb,
          remembering or majority, NUMBERS such as 3,2,2,4: servers, clients,
          faulty servers, rounds. --quick: rows of a few seconds; --all: with those
          peers too that take many minutes
history   checking histories, against porcupine-rs";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("explore") => explore::compare(&arguments[1..]),
        Some("one-explore") => explore::one(&arguments[1..]),
        Some("history") => history::compare(&arguments[1..]),
        Some("one-history") => history::one(&arguments[1..]),
        _ => bail!("{USAGE}"),
    }
}
