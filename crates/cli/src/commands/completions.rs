use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::exit::Exit;
use crate::terminal;

/// Print completions for a shell
///
/// For example: threeworlds completions bash > ~/.local/share/bash-completion/completions/threeworlds
#[derive(Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

impl CompletionsArguments {
    pub(crate) fn run(self) -> Result<Exit> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Arguments::command(), "threeworlds", &mut text);
        terminal::print(&String::from_utf8_lossy(&text))?;
        Ok(Exit::Good)
    }
}
