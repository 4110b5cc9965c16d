use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value as Json;
use threeworlds_node::{Answer, Asking, Question, ask};

use super::node::address;
use crate::exit::Exit;
use crate::protocol::seconds;
use crate::terminal;

/// Asks servers that `threeworlds node --listen` started: a client for scripts.
///
/// The value that was read is printed on standard output, and nothing else. Servers are tried in their order
/// until one answers. A write or a cas that a server has got is not sent to another one, for it would be done
/// twice; so when its answer does not come, nobody knows whether it was done, now or later.
///
/// Exit status: 0 answered; 1 refused, certainly not done; 2 the call is wrong; 3 unknown, maybe done; 4 there is
/// no such key; 5 the key has another value (of cas).
#[derive(Args)]
pub(crate) struct AskArguments {
    /// A server; several are tried in this order
    #[arg(long = "server", value_name = "IP:PORT", value_parser = address, required = true)]
    servers: Vec<SocketAddr>,
    /// When to give up; it never takes longer
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    deadline: f64,
    #[command(subcommand)]
    question: Asked,
}

/// Keys and values are texts.
#[derive(Subcommand)]
enum Asked {
    /// Prints the value of a key
    Read { key: String },
    /// Gives a key a value
    Write { key: String, value: String },
    /// Gives a key another value, if it has this one
    Cas { key: String, from: String, to: String },
    /// Gives a key a value if it has none, and prints the one that it has now
    WriteOnce { key: String, value: String },
}

impl AskArguments {
    pub(crate) fn run(self) -> Result<Exit> {
        let text = Json::String;
        let question = match self.question {
            Asked::Read { key } => Question::Read { key: text(key) },
            Asked::Write { key, value } => Question::Write { key: text(key), value: text(value) },
            Asked::Cas { key, from, to } => Question::Cas { key: text(key), from: text(from), to: text(to) },
            Asked::WriteOnce { key, value } => Question::WriteOnce { key: text(key), value: text(value) },
        };
        let asking = Asking { servers: self.servers, deadline: Duration::from_secs_f64(self.deadline) };
        Ok(match ask(&question, &asking) {
            Answer::Done(value) => {
                match value {
                    Some(Json::String(value)) => terminal::print_exactly(&format!("{value}\n"))?,
                    Some(value) => terminal::print_exactly(&format!("{value}\n"))?,
                    None => {}
                }
                Exit::Good
            }
            Answer::NotFound => said("there is no such key", Exit::NotFound),
            Answer::Another(text) => said(&text, Exit::Another),
            Answer::Refused(why) => said(&format!("refused, and not done: {why}"), Exit::Bad),
            Answer::Unknown(why) => said(&format!("unknown whether it was done: {why}"), Exit::Unknown),
        })
    }
}

fn said(text: &str, exit: Exit) -> Exit {
    terminal::note(text);
    exit
}
