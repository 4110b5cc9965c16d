use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Lines that wait to be written to a connection. Nobody ever waits to put one in: where there is no room the
/// oldest is lost, as a message is that comes too late.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<String>,
    bytes: usize,
    /// Whether there is a connection; without one everything is lost.
    open: bool,
    /// Whether the connection ends once everything is written.
    last: bool,
}

/// The most lines that wait.
const LINES_MAX: usize = 1_000;
/// The most bytes that wait, beyond one line.
const BYTES_MAX: usize = 8 << 20;

impl Outbox {
    /// There is a connection from now on, or none any more. What waited for the one before is lost.
    pub(super) fn set_open(&self, open: bool) {
        *self.lock() = Queue { open, ..Queue::default() };
    }

    /// The connection ends once everything that waits is written.
    pub(super) fn finish(&self) {
        let mut queue = self.lock();
        (queue.open, queue.last) = (false, true);
        drop(queue);
        self.filled.notify_one();
    }

    /// Puts in a line, without its end.
    pub(super) fn push(&self, line: String) {
        let mut queue = self.lock();
        if !queue.open {
            return;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line);
        while queue.lines.len() > LINES_MAX || (queue.bytes > BYTES_MAX && queue.lines.len() > 1) {
            queue.pop();
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// Takes out the oldest line, and waits until there is one; none if it is finished.
    pub(super) async fn next(&self) -> Option<String> {
        loop {
            let (line, last) = {
                let mut queue = self.lock();
                (queue.pop(), queue.last)
            };
            if line.is_some() || last {
                return line;
            }
            self.filled.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn pop(&mut self) -> Option<String> {
        let line = self.lines.pop_front()?;
        self.bytes -= line.len();
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(outbox: &Outbox) -> (usize, usize, Option<String>) {
        let queue = outbox.lock();
        (queue.lines.len(), queue.bytes, queue.lines.front().cloned())
    }

    #[test]
    fn the_oldest_is_lost_and_never_more_than_needed() {
        let outbox = Outbox::default();
        outbox.push("before there is a connection".to_owned());
        assert_eq!(waiting(&outbox), (0, 0, None));
        outbox.set_open(true);
        for number in 0..LINES_MAX + 7 {
            outbox.push(format!("{number:04}"));
        }
        assert_eq!(waiting(&outbox), (LINES_MAX, 4 * LINES_MAX, Some("0007".to_owned())));
        outbox.push("x".repeat(BYTES_MAX));
        assert_eq!(waiting(&outbox), (1, BYTES_MAX, Some("x".repeat(BYTES_MAX))));
        outbox.set_open(false);
        assert_eq!(waiting(&outbox), (0, 0, None));
    }
}
