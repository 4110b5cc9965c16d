use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What happens on the network, on standard error, and about nobody more than a line a second.
#[derive(Debug)]
pub(super) struct Log {
    name: String,
    /// When something was said about somebody last, and how often nothing since.
    said: Mutex<BTreeMap<String, (Instant, u64)>>,
}

const EVERY: Duration = Duration::from_secs(1);
/// So many are remembered.
const REMEMBERED_MAX: usize = 1_000;

impl Log {
    pub(super) fn new(name: String) -> Log {
        Log { name, said: Mutex::default() }
    }

    pub(super) fn say(&self, about: &str, text: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() >= REMEMBERED_MAX && !said.contains_key(about) {
            said.retain(|_, (at, _)| at.elapsed() < EVERY);
            if said.len() >= REMEMBERED_MAX {
                return;
            }
        }
        let left_out = match said.get_mut(about) {
            Some((at, left_out)) if at.elapsed() < EVERY => {
                *left_out += 1;
                return;
            }
            Some((_, left_out)) => *left_out,
            None => 0,
        };
        said.insert(about.to_owned(), (Instant::now(), 0));
        drop(said);
        let more = if left_out > 0 { format!(" ({left_out} more were left out)") } else { String::new() };
        // Nobody has to read it.
        let _ = writeln!(std::io::stderr(), "{}: {about}: {text}{more}", self.name);
    }
}
