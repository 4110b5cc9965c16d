//! The command `threeworlds`. It reads arguments and files, runs the libraries and prints; what it prints
//! is decided by them. No verdict is made here.

mod atlas;
mod attack;
mod cache;
mod commands;
mod disk;
mod exit;
mod files;
mod limits;
mod protocol;
mod question;
mod report;
mod solve;
mod terminal;

use clap::{Parser, Subcommand};

use crate::exit::Exit;

/// Can a replicated system stay safe and live when messages are lost?
#[derive(Parser)]
#[command(name = "threeworlds", version, propagate_version = true, max_term_width = 80)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    terminal: terminal::TerminalArguments,
}

#[derive(Subcommand)]
enum Command {
    Solve(commands::solve::SolveArguments),
    Check(commands::check::CheckArguments),
    Attack(Box<commands::attack::AttackArguments>),
    Atlas(commands::atlas::AtlasArguments),
    Run(commands::run::RunArguments),
    Show(commands::show::ShowArguments),
    Verify(commands::verify::VerifyArguments),
    Protocols(commands::protocols::ProtocolsArguments),
    Node(commands::node::NodeArguments),
    Ask(commands::ask::AskArguments),
    Clean(commands::clean::CleanArguments),
    Completions(commands::completions::CompletionsArguments),
}

fn main() -> std::process::ExitCode {
    #[cfg(unix)]
    if let Some(guarded) = told_to(attack::subject::GUARDIAN) {
        return threeworlds_attack::guard(&guarded);
    }
    #[cfg(target_os = "linux")]
    if let Some(kept) = told_to(attack::subject::KEEPER) {
        return threeworlds_attack::namespaces::keep(&kept);
    }
    // Clap exits with 2 for a wrong call, as this program does for every wrong input.
    let arguments = Arguments::parse();
    arguments.terminal.apply();
    let outcome = match arguments.command {
        Command::Solve(solve) => solve.run(&arguments.terminal),
        Command::Check(check) => check.run(&arguments.terminal),
        Command::Attack(attack) => attack.run(&arguments.terminal),
        Command::Atlas(atlas) => atlas.run(&arguments.terminal),
        Command::Run(run) => run.run(&arguments.terminal),
        Command::Show(show) => show.run(&arguments.terminal),
        Command::Verify(verify) => verify.run(&arguments.terminal),
        Command::Protocols(protocols) => protocols.run(&arguments.terminal),
        Command::Node(node) => node.run(),
        Command::Ask(ask) => ask.run(),
        Command::Clean(clean) => clean.run(),
        Command::Completions(completions) => completions.run(),
    };
    let exit = outcome.unwrap_or_else(|error| {
        if limits::interrupted() {
            terminal::note("interrupted before there was a result.");
            return Exit::Unknown;
        }
        terminal::error(&error);
        Exit::BadInput
    });
    exit.into()
}

/// What this process is told to be, if this is its first word: `attack` starts itself again as the guardian of
/// each node, and as the keeper of a cluster's network.
#[cfg(unix)]
fn told_to(word: &str) -> Option<Vec<std::ffi::OsString>> {
    let mut arguments = std::env::args_os().skip(1);
    (arguments.next()? == word).then(|| arguments.collect())
}
