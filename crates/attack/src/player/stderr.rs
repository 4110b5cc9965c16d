//! What a node wrote on stderr last.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::wire;

/// How much of stderr is quoted.
const STDERR_TAIL_BYTES: u64 = 4096;

/// The last lines of a file, or nothing.
pub(super) fn tail(file: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(file)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(STDERR_TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(STDERR_TAIL_BYTES).read_to_end(&mut bytes)?;
        if length > STDERR_TAIL_BYTES
            && let Some(end) = bytes.iter().position(|&byte| byte == b'\n')
        {
            bytes.drain(..=end);
        }
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    text.lines().map(|line| wire::shorten(line, 400) + "\n").collect()
}

/// What a node wrote on stderr, as a part of an error message.
pub(super) fn quoted(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().collect();
    let last = &lines[lines.len().saturating_sub(10)..];
    if last.is_empty() {
        return String::new();
    }
    let lines: String = last.iter().map(|line| format!("    {line}\n")).collect();
    format!("  its stderr:\n{lines}")
}
