//! What a measurement costs: this process again, with a deadline and a limit on its memory.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How a measurement ended.
pub enum Ended {
    /// With this line on stdout.
    Said(String),
    /// At the deadline.
    TimedOut,
    /// Otherwise: out of memory, as a rule.
    Failed,
}

/// Runs this program with the arguments. The memory limit is that of `ulimit -v`.
pub fn again(arguments: &[String], seconds: u64, memory_mb: u64) -> Result<Ended> {
    let program = std::env::current_exe()?;
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -v {}; exec \"$0\" \"$@\"", memory_mb * 1024))
        .arg(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(status) = child.try_wait()? {
            let mut said = String::new();
            child.stdout.take().context("stdout is a pipe")?.read_to_string(&mut said)?;
            return Ok(if status.success() { Ended::Said(said.trim().to_owned()) } else { Ended::Failed });
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(Ended::TimedOut);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// User CPU seconds of this process so far (Linux; ticks are hundredths of a second).
pub fn user_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').context("/proc/self/stat has a name in brackets")?.1;
    let ticks: f64 = after_name.split_whitespace().nth(11).context("utime is the 14th field")?.parse()?;
    Ok(ticks / 100.0)
}

/// The most memory that this process had, in megabytes.
pub fn peak_mb() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? / 1024)
}
