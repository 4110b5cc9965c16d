use crate::verdict::{Limits, Progress, StopReason};

/// What is left of the [`Limits`] of a check.
pub(crate) struct Budget<'l, 'o> {
    limits: &'l mut Limits<'o>,
    pub(crate) progress: Progress,
    /// Steps until the observer is asked.
    until_look: u32,
    /// A further limit, of a part of the work.
    pub(crate) most_steps: u64,
    stopped: Option<StopReason>,
}

/// Few enough for an answer within milliseconds.
const LOOK_EVERY: u32 = 2048;

impl<'l, 'o> Budget<'l, 'o> {
    pub(crate) fn new(limits: &'l mut Limits<'o>, operations: usize) -> Self {
        let progress = Progress { operations, ..Progress::default() };
        Budget { limits, progress, until_look: LOOK_EVERY, most_steps: u64::MAX, stopped: None }
    }

    /// A configuration was explored, of about so many bytes of work. Whether to stop.
    pub(crate) fn step(&mut self, bytes: usize) -> Option<StopReason> {
        self.progress.steps += 1;
        self.until_look -= 1;
        if self.until_look > 0 {
            return None;
        }
        self.until_look = LOOK_EVERY;
        self.progress.bytes = bytes;
        self.look()
    }

    /// Whether to stop.
    pub(crate) fn look(&mut self) -> Option<StopReason> {
        if self.stopped.is_some() {
            return self.stopped;
        }
        let progress = self.progress;
        if self.limits.steps.is_some_and(|most| progress.steps >= most) {
            self.stopped = Some(StopReason::Steps);
        } else if self.limits.bytes.is_some_and(|most| progress.bytes >= most) {
            self.stopped = Some(StopReason::Memory);
        } else if let Some(observer) = &mut self.limits.observer {
            self.stopped = observer(&progress);
        }
        // The limit of a part is no end of the whole.
        self.stopped.or((progress.steps >= self.most_steps).then_some(StopReason::Steps))
    }

    /// Whether the whole check has to end.
    pub(crate) fn stopped(&self) -> Option<StopReason> {
        self.stopped
    }
}
