//! When to stop: memory, time, Ctrl-C. And the progress that is shown meanwhile.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use threeworlds_engine::{Observer, Progress, StopReason};

/// The limits of long work.
#[derive(Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// Stop when this much memory is in use, such as 500M or 8G; `check` moves states to disk before that [default:
    /// four fifths of what is free]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_memory: Option<u64>,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = crate::protocol::seconds)]
    max_time: Option<f64>,
}

fn size(text: &str) -> Result<u64, String> {
    let error = || "write a size such as 500M or 8G".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| error())?;
    let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return Err(error()),
    };
    number.checked_mul(1 << unit).filter(|&bytes| bytes > 0).ok_or_else(error)
}

/// Set by Ctrl-C and SIGTERM.
static STOP: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// A flag that Ctrl-C and SIGTERM set. The second Ctrl-C ends the program at once.
pub(crate) fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })?;
    Ok(Arc::clone(&STOP))
}

/// Whether the user wants the program to end.
pub(crate) fn interrupted() -> bool {
    STOP.load(Ordering::SeqCst)
}

/// Watches over an exploration.
pub(crate) struct Watch {
    started: Instant,
    max_memory: Option<u64>,
    max_time: Option<Duration>,
    stop: Arc<AtomicBool>,
    bar: Option<ProgressBar>,
    looked: Option<Instant>,
    /// The round that was last seen, and the states of the rounds before: how the number of states grows.
    growth: Option<Growth>,
}

/// How many states rounds have.
struct Growth {
    round: u32,
    states: usize,
    before: usize,
}

/// How often memory is read and progress drawn.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl LimitArguments {
    /// How much memory may be in use.
    pub(crate) fn max_memory(&self) -> Option<u64> {
        self.max_memory.or_else(|| Some(memory::available()? / 5 * 4))
    }

    /// After how long everything is to end.
    pub(crate) fn max_time(&self) -> Option<Duration> {
        self.max_time.map(Duration::from_secs_f64)
    }

    pub(crate) fn watch(&self, stop: Arc<AtomicBool>) -> Watch {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is right");
            ProgressBar::new_spinner().with_style(style)
        });
        Watch {
            started: Instant::now(),
            max_memory: self.max_memory(),
            max_time: self.max_time.map(Duration::from_secs_f64),
            stop,
            bar,
            looked: None,
            growth: None,
        }
    }
}

impl LimitArguments {
    /// Watches over a part of the work that another watch is over: it ends with that one, or earlier.
    pub(crate) fn watch_for(&self, time: Duration, outer: &Watch) -> Watch {
        let mut watch = self.watch(Arc::clone(&outer.stop));
        let left = outer.max_time.map(|most| most.saturating_sub(outer.started.elapsed()));
        watch.max_time = Some(left.map_or(time, |left| left.min(time)));
        watch
    }
}

impl Watch {
    /// Watches over a part of the work, for so long at most, and draws nothing.
    pub(crate) fn part(&self, time: Option<Duration>) -> Watch {
        let left = self.max_time.map(|most| most.saturating_sub(self.started.elapsed()));
        Watch {
            started: Instant::now(),
            max_memory: self.max_memory,
            max_time: [left, time].into_iter().flatten().min(),
            stop: Arc::clone(&self.stop),
            bar: None,
            looked: None,
            growth: None,
        }
    }

    /// Whether a limit has been reached.
    pub(crate) fn is_over(&self) -> bool {
        let over = |most: u64| memory::in_use().is_some_and(|in_use| in_use >= most);
        self.stop.load(Ordering::SeqCst)
            || self.max_time.is_some_and(|most| self.started.elapsed() >= most)
            || self.max_memory.is_some_and(over)
    }

    /// What ends the work when it is set.
    pub(crate) fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Takes the progress off the terminal.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn draw(&mut self, progress: &Progress) {
        if self.bar.is_none() {
            return;
        }
        let trend = self.trend(progress);
        let Some(bar) = &self.bar else { return };
        let Progress { round, states, frontier, expanded, bytes } = *progress;
        let memory = memory::in_use().unwrap_or(bytes as u64);
        if frontier == 0 {
            bar.set_message(format!(
                "searching: {} nodes, {}",
                HumanCount(states as u64),
                HumanBytes(memory)
            ));
            bar.tick();
            return;
        }
        let rate = states as f64 / self.seconds().max(0.001);
        bar.set_message(format!(
            "round {round}: {} states, {} a second, {}% of {}{trend}, {}",
            HumanCount(states as u64),
            HumanCount(rate as u64),
            expanded * 100 / frontier,
            HumanCount(frontier as u64),
            HumanBytes(memory),
        ));
        bar.tick();
    }
}

impl Watch {
    /// How much larger this round is than the one before, and if rounds shrink how many states there will be, should
    /// they go on to shrink like that.
    fn trend(&mut self, progress: &Progress) -> String {
        let &Progress { round, frontier, states, .. } = progress;
        let growth = match &mut self.growth {
            Some(growth) if growth.round == round => growth,
            other => {
                let before = other.as_ref().map_or(0, |growth| growth.states);
                other.insert(Growth { round, states: frontier, before })
            }
        };
        if growth.before == 0 {
            return String::new();
        }
        let factor = frontier as f64 / growth.before as f64;
        let left = frontier as f64 * factor / (1.0 - factor);
        let estimate = match factor < 1.0 {
            true => format!(", about {} in all", HumanCount(states as u64 + left as u64)),
            false => String::new(),
        };
        format!(" (x{factor:.1}{estimate})")
    }
}

impl Observer for Watch {
    fn observe(&mut self, progress: &Progress) -> Option<StopReason> {
        if self.stop.load(Ordering::SeqCst) {
            return Some(StopReason::Interrupted);
        }
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return None;
        }
        self.looked = Some(Instant::now());
        if self.max_time.is_some_and(|most| self.started.elapsed() >= most) {
            return Some(StopReason::Time);
        }
        let in_use = memory::in_use().unwrap_or(progress.bytes as u64);
        if self.max_memory.is_some_and(|most| in_use >= most) {
            return Some(StopReason::Memory);
        }
        self.draw(progress);
        None
    }
}

/// What the operating system says about memory, in bytes; nothing where it is not known how to ask. Then
/// the engine's own estimate counts.
mod memory {
    /// What this process has in memory.
    pub(super) fn in_use() -> Option<u64> {
        let text = std::fs::read_to_string("/proc/self/status").ok()?;
        kilobytes(&text, "VmRSS:")
    }

    /// What it could still get: of the machine, and of its control group if that is less.
    pub(super) fn available() -> Option<u64> {
        let machine = kilobytes(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
        let group = |file: &str| {
            let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?;
            text.trim().parse::<u64>().ok()
        };
        let left = |most: u64| most.saturating_sub(group("memory.current").unwrap_or(0));
        Some(group("memory.max").map_or(machine, |most| left(most).min(machine)))
    }

    fn kilobytes(text: &str, key: &str) -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }
}
