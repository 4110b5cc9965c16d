use std::fmt::Write;

use anyhow::Result;
use clap::Args;
use threeworlds_protocols::{BuiltIn, Description, all, broken, rafts};

use crate::exit::Exit;
use crate::terminal::{HEADING, TerminalArguments, labelled, paragraph, print};

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
            None => all().iter().chain(rafts()).collect(),
        };
        let mut text = String::new();
        for (position, description) in chosen.into_iter().enumerate() {
            text += if position > 0 { "\n" } else { "" };
            text += &described(description, width);
        }
        if self.name.is_none() {
            let what = "Broken on purpose: each is one of the protocols above with one small change that looks \
                        harmless and is not.";
            let _ = write!(text, "\n{}", paragraph(what, width));
            for one in broken() {
                text.push('\n');
                text += &described(&one.description, width);
            }
        }
        print(&text)?;
        Ok(Exit::Good)
    }
}

fn described(description: &Description, width: usize) -> String {
    let Description { built_in, name, summary, task, tolerates, falls_to, source } = description;
    let mut text = format!("{HEADING}{name}{HEADING:#}\n");
    text += &labelled("is", summary, width);
    text += &labelled("task", task.name(), width);
    text += &labelled("tolerates", tolerates, width);
    text += &labelled("falls to", falls_to, width);
    if let BuiltIn::Broken(broken) = built_in {
        text += &labelled("broken", broken.description().reason, width);
    }
    text += &labelled("source", source, width);
    text
}
