use std::fmt::Write;

use anyhow::Result;
use clap::Args;
use threeworlds_protocols::{BuiltIn, Description, all};

use crate::exit::Exit;
use crate::terminal::{HEADING, labelled, print};

/// List the built-in protocols, or describe one
#[derive(Args)]
pub(crate) struct ProtocolsArguments {
    /// The one to describe
    name: Option<String>,
}

impl ProtocolsArguments {
    pub(crate) fn run(self) -> Result<Exit> {
        let chosen: Vec<&Description> = match &self.name {
            Some(name) => vec![BuiltIn::parse(name)?.description()],
            None => all().iter().collect(),
        };
        let mut text = String::new();
        for (position, description) in chosen.into_iter().enumerate() {
            let Description { name, summary, task, tolerates, falls_to, source, .. } = description;
            let gap = if position > 0 { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{HEADING}{name}{HEADING:#}");
            text += &labelled("is", summary, 80);
            text += &labelled("task", task.name(), 80);
            text += &labelled("tolerates", tolerates, 80);
            text += &labelled("falls to", falls_to, 80);
            text += &labelled("source", source, 80);
        }
        print(&text);
        Ok(Exit::Good)
    }
}
