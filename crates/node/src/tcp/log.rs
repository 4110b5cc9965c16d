use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What happens on the network, on standard error, and the same thing about nobody more than once a second.
#[derive(Debug)]
pub(super) struct Log {
    name: String,
    /// When this was said about somebody last, and how often it was left out since.
    said: Mutex<BTreeMap<Said, (Instant, u64)>>,
}

/// About whom, and what.
type Said = (String, &'static str);

const EVERY: Duration = Duration::from_secs(1);
/// So many are remembered.
const REMEMBERED_MAX: usize = 1_000;

impl Log {
    pub(super) fn new(name: String) -> Log {
        Log { name, said: Mutex::default() }
    }

    /// Says of somebody that this happened. Whether there was room to say it.
    pub(super) fn say(&self, about: &str, what: &'static str, detail: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (about.to_owned(), what);
        if said.len() >= REMEMBERED_MAX && !said.contains_key(&key) {
            said.retain(|_, (at, _)| at.elapsed() < EVERY);
            if said.len() >= REMEMBERED_MAX {
                return false;
            }
        }
        let left_out = match said.get_mut(&key) {
            Some((at, left_out)) if at.elapsed() < EVERY => {
                *left_out += 1;
                return false;
            }
            Some((_, left_out)) => *left_out,
            None => 0,
        };
        said.insert(key, (Instant::now(), 0));
        drop(said);
        let more = if left_out > 0 { format!(" ({left_out} more were left out)") } else { String::new() };
        let line = format!("{}: {about}: {what}{detail}{more}\n", self.name);
        // Nobody has to read it; what is read comes line by line, whoever else writes there.
        let _ = std::io::stderr().write_all(line.as_bytes());
        true
    }
}
