use crate::history::OperationId;
use crate::values::ValueId;

/// Whether a history is linearizable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is: there is an order of the operations that keeps real time and in which the object gives every
    /// answer that was given.
    Legal,
    /// It is not.
    Illegal(Blame),
    /// A limit was reached first.
    Unknown(Unknown),
}

/// Operations that contradict each other.
///
/// They alone are to blame: they are still not linearizable when every other operation is relaxed, which
/// means that it may or may not take effect, at any time, with any answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// The operations, in the order of their invocations; never none.
    pub operations: Vec<OperationId>,
    /// The key whose object they are about, if operations have keys.
    pub key: Option<ValueId>,
    /// Whether no operation can be left out of the set. If not, a limit came before that was known.
    pub minimal: bool,
    /// What they contradict, in a sentence.
    pub why: String,
}

/// Why there is no verdict, and what was done until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown {
    /// The limit.
    pub reason: StopReason,
    /// What was done.
    pub explored: Progress,
}

/// The limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// [`Limits::steps`].
    Steps,
    /// [`Limits::bytes`], or what the observer allows.
    Memory,
    /// The observer's time.
    Time,
    /// The observer was interrupted.
    Interrupted,
}

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Completed operations that were explained, at most: on the way to a verdict some are looked at again.
    pub explained: usize,
    /// Operations of the history.
    pub operations: usize,
    /// Configurations explored, all together.
    pub steps: u64,
    /// Bytes in use for the search, about.
    pub bytes: usize,
}

/// When to stop. By default only a verdict ends a check.
#[derive(Default)]
pub struct Limits<'a> {
    /// At most so many configurations.
    pub steps: Option<u64>,
    /// At most about so many bytes for the search, the history apart.
    pub bytes: Option<usize>,
    /// Asked every so often, at least every few milliseconds of searching; a reason ends the check. This
    /// crate reads no clock, so a time limit is the caller's.
    pub observer: Option<&'a mut Observer<'a>>,
}

/// What watches over a check: it is told how far it is, and may end it.
pub type Observer<'a> = dyn FnMut(&Progress) -> Option<StopReason> + 'a;
