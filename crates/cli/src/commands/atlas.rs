use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use threeworlds_certificate::Task;
use threeworlds_engine::{Method, Range, Scope, Verdict};

use crate::atlas::{Archive, make};
use crate::cache::CacheArguments;
use crate::exit::Exit;
use crate::files;
use crate::limits::{LimitArguments, stop_on_signal};
use crate::report::atlas::{self, Made};
use crate::terminal::{self, TerminalArguments};

/// Where is the line between possible and impossible?
///
/// Decides every question of a range: n servers for all n up to --servers, every f < n, every class of
/// server and client faults, every timing. A question is impossible with a verified proof, possible with a
/// built-in protocol, or unknown. What is decided for one question is carried over to others that are no
/// harder, or no easier; each says from where. Unknown says nothing.
///
/// Ctrl-C and --max-time end it with what is known by then. Exit status: 0, and 2 if the call is wrong.
#[derive(Args)]
pub(crate) struct AtlasArguments {
    /// The most servers
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "Range",
          value_parser = clap::value_parser!(u16).range(1..=9))]
    servers: u16,
    /// Number of clients, in every question
    #[arg(long, value_name = "M", default_value_t = 2, help_heading = "Range",
          value_parser = clap::value_parser!(u16).range(1..=9))]
    clients: u16,
    /// What the system is for: write-once-register, register, log, state-machine
    #[arg(long, value_name = "TASK", default_value_t = Task::WriteOnceRegister, help_heading = "Range")]
    task: Task,
    /// Search worlds with up to so many groups of servers
    #[arg(long, value_name = "K", default_value_t = Scope::default().groups, help_heading = "Limits",
          value_parser = crate::commands::solve::count)]
    groups: usize,
    /// Search worlds with up to so many epochs
    #[arg(long, value_name = "E", default_value_t = Scope::default().epochs, help_heading = "Limits",
          value_parser = crate::commands::solve::count)]
    epochs: usize,
    /// Check a protocol for at most so many seconds on each question
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, help_heading = "Limits",
          value_parser = crate::protocol::seconds)]
    protocol_time: f64,
    /// Threads to work with [default: one for each processor, at most 2]
    #[arg(long, value_name = "T", help_heading = "Limits", hide_short_help = true,
          value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Option<u16>,
    /// Decide each question for itself, and compare with what would have been carried over
    #[arg(long, help_heading = "Limits", hide_short_help = true)]
    each_for_itself: bool,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    cache: CacheArguments,
    /// Also print every n and f, a table for each number of servers
    #[arg(long, help_heading = "Output")]
    detail: bool,
    /// Print the map as one JSON document
    #[arg(long, help_heading = "Output", conflicts_with = "csv")]
    json: bool,
    /// Print the map as CSV, a line for each question
    #[arg(long, help_heading = "Output", conflicts_with = "detail")]
    csv: bool,
    /// Also write the map as a page on which every cell opens its evidence, one file that needs no network
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    report: Option<PathBuf>,
}

impl AtlasArguments {
    pub(crate) fn run(self, terminal: &TerminalArguments) -> Result<Exit> {
        if let Some(file) = &self.report {
            files::must_be_writable(file)?;
        }
        let processes = usize::from(self.servers + self.clients);
        ensure!(processes <= threeworlds_model::System::MAX_PROCESSES, "{processes} processes are too many");
        let cache = self.cache.open()?;
        let watch = self.limits.watch(stop_on_signal()?);
        watch.finish();
        let range = Range { servers: self.servers, clients: self.clients, task: self.task };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let method = Method {
            scope: Scope { groups: self.groups, epochs: self.epochs },
            threads: self.threads.map_or(processors.min(2), usize::from),
            each_for_itself: self.each_for_itself,
        };
        let archive = Archive::new(range, &cache, &watch, Duration::from_secs_f64(self.protocol_time));
        let atlas = make(range, method, &archive)?;
        let over = watch.is_over();
        let notes = |cell: &_| archive.ask(cell).note(&range.claim(cell));
        let made = Made { atlas: &atlas, notes: &notes, over, seconds: watch.seconds() };
        if let Some(file) = &self.report {
            files::write(file, &atlas::page::page(&made))?;
        }
        let text = if self.json {
            crate::report::json::text(&atlas::json::document(&made))
        } else if self.csv {
            atlas::csv::table(&made)
        } else {
            atlas::text::text(&made, self.detail, &terminal.options())
        };
        terminal::print(&text)?;
        if over {
            let unknown = atlas.count(Verdict::Unknown);
            terminal::note(&format!(
                "a limit ended it early: {unknown} of these questions are unknown so far."
            ));
        }
        Ok(Exit::Good)
    }
}
