//! What a measurement costs: this process again, with a deadline and a limit on its memory.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// How a measurement ended.
pub enum Ended {
    /// With this line on stdout.
    Said(String),
    /// At the deadline.
    TimedOut,
    /// Otherwise, with the first line on stderr, or out of memory.
    Failed(String),
}

/// What a measurement may take.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// CPU time, that of the kernel for it included, of each process.
    pub cpu_seconds: u64,
    pub wall_seconds: u64,
    /// Address space of each process.
    pub memory_mb: u64,
}

/// Runs this program with the arguments.
pub fn again(arguments: &[String], allowance: Allowance) -> Result<Ended> {
    let program = std::env::current_exe()?;
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "ulimit -v {} && ulimit -t {} && exec \"$0\" \"$@\"",
            allowance.memory_mb * 1024,
            allowance.cpu_seconds
        ))
        .arg(program)
        .args(arguments)
        .env_remove("RUST_BACKTRACE")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let deadline = Instant::now() + Duration::from_secs(allowance.wall_seconds);
    loop {
        if let Some(status) = child.try_wait()? {
            let (mut said, mut complaint) = (String::new(), String::new());
            child.stdout.take().context("stdout is a pipe")?.read_to_string(&mut said)?;
            child.stderr.take().context("stderr is a pipe")?.read_to_string(&mut complaint)?;
            // SIGXCPU; SIGKILL where the kernel had to insist.
            let out_of_time = matches!(status.signal(), Some(24 | 9)) && complaint.is_empty();
            return Ok(if status.success() {
                Ended::Said(said.trim().to_owned())
            } else if out_of_time {
                Ended::TimedOut
            } else {
                let first = complaint.lines().next().unwrap_or("out of memory");
                Ended::Failed(first.trim_start_matches("Error: ").to_owned())
            });
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(Ended::TimedOut);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// User CPU seconds of this process so far.
pub fn user_seconds() -> Result<f64> {
    Ok(getrusage(UsageWho::RUSAGE_SELF)?.user_time().num_microseconds() as f64 / 1e6)
}

/// What the children of this process that have ended cost: their user CPU seconds together, and the most
/// memory that one of them had.
pub struct ChildrenCost {
    pub user_seconds: f64,
    pub peak_bytes: u64,
}

pub fn children_cost() -> Result<ChildrenCost> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(ChildrenCost {
        user_seconds: usage.user_time().num_microseconds() as f64 / 1e6,
        peak_bytes: u64::try_from(usage.max_rss())? * 1024,
    })
}

/// The most memory that this process had, in megabytes.
pub fn peak_mb() -> Result<u64> {
    Ok(memory_bytes("VmHWM:")? >> 20)
}

/// A measurement of this process itself: user CPU seconds, and by how many bytes its memory grew at most.
pub struct Meter {
    seconds: f64,
    bytes: u64,
}

impl Meter {
    /// Begins. What the process took before is left out (Linux: the peak can be set back).
    pub fn start() -> Result<Meter> {
        std::fs::write("/proc/self/clear_refs", "5").context("the peak of the memory is set back")?;
        Ok(Meter { seconds: user_seconds()?, bytes: memory_bytes("VmRSS:")? })
    }

    /// Ends.
    pub fn stop(&self) -> Result<(f64, u64)> {
        let seconds = user_seconds()? - self.seconds;
        Ok((seconds, memory_bytes("VmHWM:")?.saturating_sub(self.bytes)))
    }
}

fn memory_bytes(key: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)).context(key.to_owned())?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}
