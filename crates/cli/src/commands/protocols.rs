use std::fmt::Write;

use anyhow::Result;
use clap::Args;
use threeworlds_protocols::{BuiltIn, Description, all};

use crate::exit::Exit;
use crate::terminal::{HEADING, TerminalArguments, labelled, print};

/// List the built-in protocols, or describe one
#[derive(Args)]
pub(crate) struct ProtocolsArguments {
    /// The one to describe
    name: Option<String>,
}

impl ProtocolsArguments {
    pub(crate) fn run(self, terminal: &TerminalArguments) -> Result<Exit> {
        let width = terminal.options().width;
        let chosen: Vec<&Description> = match &self.name {
            Some(name) => vec![BuiltIn::parse(name)?.description()],
            None => all().iter().collect(),
        };
        let mut text = String::new();
        for (position, description) in chosen.into_iter().enumerate() {
            let Description { name, summary, task, tolerates, falls_to, source, .. } = description;
            let gap = if position > 0 { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{HEADING}{name}{HEADING:#}");
            text += &labelled("is", summary, width);
            text += &labelled("task", task.name(), width);
            text += &labelled("tolerates", tolerates, width);
            text += &labelled("falls to", falls_to, width);
            text += &labelled("source", source, width);
        }
        print(&text)?;
        Ok(Exit::Good)
    }
}
