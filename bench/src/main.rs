//! Threeworlds against its peers. Each measurement is a process of its own, so that its peak memory is its
//! own; user CPU seconds are counted, for the machine may be busy with other things.

mod history;
mod process;

use anyhow::{Result, bail};

const USAGE: &str = "usage: threeworlds-bench history [--seconds N] [--memory-mb N] [--seeds N] [FILTER]
  history   checking histories: threeworlds-history against porcupine-rs";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("history") => history::compare(&arguments[1..]),
        Some("one-history") => history::one(&arguments[1..]),
        _ => bail!("{USAGE}"),
    }
}
