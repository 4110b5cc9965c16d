use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::history::{Answer, Call, History, ListId, Operation, Outcome};
use crate::values::ValueId;

/// Makes a [`History`], from a live run or from a recording.
///
/// ```
/// use serde_json::json;
/// use threeworlds_history::{Answer, Call, HistoryBuilder, Outcome};
///
/// let mut history = HistoryBuilder::new();
/// let write = history.invoke("c1", Some(&json!("x")), Call::Write(json!(1)), None);
/// let read = history.invoke("c2", Some(&json!("x")), Call::Read, None);
/// history.complete(read, Outcome::Ok(Answer::Value(json!(1))), None);
/// history.complete(write, Outcome::Pending, None);
/// let history = history.finish();
/// assert_eq!(history.operations().len(), 2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct HistoryBuilder {
    history: History,
    processes: FxHashMap<String, u32>,
    /// For each operation the moments of its events.
    moments: Vec<[i64; 2]>,
    now: i64,
    /// Whether some operation was recorded with moments of its own.
    out_of_order: bool,
    some_time: bool,
    some_line: bool,
}

/// A moment of a recording, in any unit: only the order counts. Where a completion and an invocation have
/// the same moment, the two operations count as concurrent.
pub type Moment = i64;

/// What cannot be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The completion lies before the invocation.
    #[error(
        "the operation is completed at {completed}, before it is invoked at {invoked}; exchange the two, or leave the completion out and say that it is pending"
    )]
    Reversed {
        /// The moment of the invocation.
        invoked: Moment,
        /// The moment of the completion.
        completed: Moment,
    },
    /// An operation that is neither pending nor refused needs a completion.
    #[error("the operation has an answer, so the moment of its completion is needed")]
    NoCompletion,
}

/// After every moment of a recording.
const OPEN: i64 = i64::MAX;

impl HistoryBuilder {
    /// A history without operations.
    pub fn new() -> Self {
        HistoryBuilder::default()
    }

    /// A process asks something now: after all events so far. Returns the operation's number in the builder,
    /// for [`HistoryBuilder::complete`]. A process may have several operations open. The time, in
    /// nanoseconds from any fixed moment, is for drawings.
    pub fn invoke(
        &mut self,
        process: &str,
        key: Option<&Value>,
        call: Call<Value>,
        time_ns: Option<i64>,
    ) -> usize {
        let process = self.process(process);
        let key = key.map(|key| self.value(key));
        let call = call.map(|value| self.history.values.intern(&value));
        self.invoke_interned(process, key, call, time_ns)
    }

    /// An operation becomes [`Outcome::Ok`] or [`Outcome::Refused`] now, after all events so far;
    /// [`Outcome::Pending`] leaves it as it is. The last word counts.
    pub fn complete(&mut self, operation: usize, outcome: Outcome<Value, Vec<Value>>, time_ns: Option<i64>) {
        let outcome = self.outcome(outcome);
        self.complete_interned(operation, outcome, time_ns);
    }

    /// Records an operation with moments of its own, in any order. Do not mix this with `invoke` and
    /// `complete`, whose moments count from 0. The moments are kept as times in nanoseconds if `times`.
    pub fn record(
        &mut self,
        process: &str,
        key: Option<&Value>,
        call: Call<Value>,
        outcome: Outcome<Value, Vec<Value>>,
        invoked: Moment,
        completed: Option<Moment>,
    ) -> Result<usize, BuildError> {
        if let Some(completed) = completed.filter(|&completed| completed < invoked) {
            return Err(BuildError::Reversed { invoked, completed });
        }
        let end = match (&outcome, completed) {
            (Outcome::Pending, _) | (Outcome::Refused, None) => OPEN,
            (_, Some(completed)) => completed,
            (Outcome::Ok(_), None) => return Err(BuildError::NoCompletion),
        };
        let outcome = self.outcome(outcome);
        let operation = self.invoke(process, key, call, None);
        self.out_of_order = true;
        self.history.operations[operation].outcome = outcome;
        self.moments[operation] = [invoked, end];
        Ok(operation)
    }

    /// The number of a process.
    pub fn process(&mut self, name: &str) -> u32 {
        if let Some(&known) = self.processes.get(name) {
            return known;
        }
        let number = u32::try_from(self.history.processes.len()).expect("fewer than 2^32 processes");
        self.history.processes.push(name.to_owned());
        self.processes.insert(name.to_owned(), number);
        number
    }

    /// The number of a value.
    pub fn value(&mut self, value: &Value) -> ValueId {
        self.history.values.intern(value)
    }

    /// The number of an integer.
    pub fn integer(&mut self, integer: i64) -> ValueId {
        self.history.values.intern_integer(integer)
    }

    /// The number of a list.
    pub fn list(&mut self, items: impl IntoIterator<Item = ValueId>) -> ListId {
        let number = u32::try_from(self.history.list_ends.len()).expect("fewer than 2^32 lists");
        self.history.items.extend(items);
        self.history.list_ends.push(self.history.items.len());
        ListId(number)
    }

    /// [`HistoryBuilder::invoke`] with numbers of this builder.
    pub fn invoke_interned(
        &mut self,
        process: u32,
        key: Option<ValueId>,
        call: Call,
        time_ns: Option<i64>,
    ) -> usize {
        let number = self.history.operations.len();
        let operation = Operation {
            process,
            key,
            call,
            outcome: Outcome::Pending,
            invoked: 0,
            completed: Operation::NEVER,
        };
        self.history.operations.push(operation);
        self.history.times.push([time_ns, None]);
        self.history.lines.push(0);
        self.some_time |= time_ns.is_some();
        self.moments.push([self.now, OPEN]);
        self.now += 1;
        number
    }

    /// [`HistoryBuilder::complete`] with numbers of this builder.
    pub fn complete_interned(&mut self, operation: usize, outcome: Outcome, time_ns: Option<i64>) {
        self.history.operations[operation].outcome = outcome;
        self.history.times[operation][1] = time_ns;
        self.moments[operation][1] = if outcome == Outcome::Pending { OPEN } else { self.now };
        self.now += 1;
    }

    /// Says from which line of a file an operation came.
    pub fn set_line(&mut self, operation: usize, line: usize) {
        self.history.lines[operation] = u32::try_from(line).unwrap_or(u32::MAX);
        self.some_line = true;
    }

    /// Changes what was asked: some recordings tell it only with the completion.
    pub fn set_call(&mut self, operation: usize, call: Call) {
        self.history.operations[operation].call = call;
    }

    /// What was asked in an operation so far.
    pub fn call(&self, operation: usize) -> Call {
        self.history.operations[operation].call
    }

    /// The history. Operations are put into the order of their invocations.
    pub fn finish(mut self) -> History {
        if !self.some_time {
            self.history.times = Vec::new();
        }
        if !self.some_line {
            self.history.lines = Vec::new();
        }
        let history = &mut self.history;
        if self.out_of_order {
            // At the same moment all invocations come first: operations that touch count as concurrent.
            let mut events: Vec<(i64, bool, u32)> = Vec::with_capacity(2 * self.moments.len());
            for (operation, [invoked, completed]) in self.moments.iter().enumerate() {
                events.push((*invoked, false, operation as u32));
                if *completed != OPEN {
                    events.push((*completed, true, operation as u32));
                }
            }
            events.sort_unstable();
            let mut order = Vec::with_capacity(self.moments.len());
            for (position, &(_, completes, operation)) in events.iter().enumerate() {
                let place = &mut history.operations[operation as usize];
                if completes {
                    place.completed = position as u32;
                } else {
                    place.invoked = position as u32;
                    order.push(operation as usize);
                }
            }
            history.operations = order.iter().map(|&number| history.operations[number]).collect();
            if !history.times.is_empty() {
                history.times = order.iter().map(|&number| history.times[number]).collect();
            }
            if !history.lines.is_empty() {
                history.lines = order.iter().map(|&number| history.lines[number]).collect();
            }
        } else {
            for (operation, [invoked, completed]) in history.operations.iter_mut().zip(&self.moments) {
                operation.invoked = u32::try_from(*invoked).expect("fewer than 2^32 events");
                operation.completed = u32::try_from(*completed).unwrap_or(Operation::NEVER);
            }
        }
        self.history
    }

    fn outcome(&mut self, outcome: Outcome<Value, Vec<Value>>) -> Outcome {
        match outcome {
            Outcome::Refused => Outcome::Refused,
            Outcome::Pending => Outcome::Pending,
            Outcome::Ok(answer) => Outcome::Ok(match answer {
                Answer::Done => Answer::Done,
                Answer::Nothing => Answer::Nothing,
                Answer::Yes => Answer::Yes,
                Answer::No => Answer::No,
                Answer::Value(value) => Answer::Value(self.value(&value)),
                Answer::List(values) => {
                    let items: Vec<ValueId> = values.iter().map(|value| self.value(value)).collect();
                    Answer::List(self.list(items))
                }
            }),
        }
    }
}

impl<V> Call<V> {
    /// The same call with other values.
    pub fn map<W>(self, mut change: impl FnMut(V) -> W) -> Call<W> {
        match self {
            Call::Read => Call::Read,
            Call::Write(value) => Call::Write(change(value)),
            Call::CompareAndSet { from, to } => Call::CompareAndSet { from: change(from), to: change(to) },
            Call::Append(value) => Call::Append(change(value)),
            Call::Add(value) => Call::Add(change(value)),
            Call::Remove(value) => Call::Remove(change(value)),
            Call::Contains(value) => Call::Contains(change(value)),
            Call::Enqueue(value) => Call::Enqueue(change(value)),
            Call::Dequeue => Call::Dequeue,
        }
    }
}
