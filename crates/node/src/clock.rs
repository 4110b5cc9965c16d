use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time of day, read once; after that a clock that nobody sets.
pub(crate) struct Clock {
    started: Instant,
    milliseconds: u64,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { started: Instant::now(), milliseconds: u64::try_from(since.as_millis()).unwrap_or(0) }
    }

    pub(crate) fn now(&self) -> u64 {
        self.milliseconds + u64::try_from(self.started.elapsed().as_millis()).unwrap_or(0)
    }

    pub(crate) fn until(&self, at: u64) -> Duration {
        Duration::from_millis(at.saturating_sub(self.now()))
    }
}

/// Tells one start of a node from another.
pub(crate) fn start_number() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(0) ^ (u64::from(std::process::id()) << 40)
}
