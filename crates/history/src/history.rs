use crate::values::{ValueId, Values};

/// What clients asked of an object, what they were told, and in which real-time order.
///
/// Built by a [`HistoryBuilder`](crate::HistoryBuilder). Operations are in the order of their invocations.
/// Values are kept once and named by number, so that an operation has a fixed, small size.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub(crate) operations: Vec<Operation>,
    pub(crate) values: Values,
    /// Where each list ends in `items`.
    pub(crate) list_ends: Vec<usize>,
    pub(crate) items: Vec<ValueId>,
    pub(crate) processes: Vec<String>,
    /// For each operation when it was invoked and completed, or nothing if no time is known.
    pub(crate) times: Vec<[Option<i64>; 2]>,
    /// For each operation the line of the file that it came from, or nothing.
    pub(crate) lines: Vec<u32>,
}

/// The index of an operation in [`History::operations`].
pub type OperationId = usize;

/// A call with what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Who called; the name is [`History::process`].
    pub process: u32,
    /// Which of several objects, such as the key of a key-value store.
    pub key: Option<ValueId>,
    /// What was asked.
    pub call: Call,
    /// What became of it.
    pub outcome: Outcome,
    /// The position of the invocation among all events of the history. No two events share one.
    pub invoked: u32,
    /// The position of the completion, greater than `invoked`; [`Operation::NEVER`] if the outcome is
    /// pending, for it may still take effect at any time.
    pub completed: u32,
}

impl Operation {
    /// Later than every position.
    pub const NEVER: u32 = u32::MAX;

    /// Whether this one was over before the other was invoked.
    pub fn precedes(&self, other: &Operation) -> bool {
        self.completed < other.invoked
    }
}

/// What a client asks. `V` is how a value is written: a number of a [`History`], or JSON in a builder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call<V = ValueId> {
    /// The value of a register; the whole of a log or a set.
    Read,
    /// Give a register this value. A write-once register that has one keeps it.
    Write(V),
    /// Give a register another value if it has this one.
    CompareAndSet {
        /// The value that it has to have.
        from: V,
        /// The value that it gets.
        to: V,
    },
    /// Append to a log.
    Append(V),
    /// Put into a set.
    Add(V),
    /// Take out of a set.
    Remove(V),
    /// Ask a set for one element.
    Contains(V),
    /// Put at the end of a queue.
    Enqueue(V),
    /// Take from the front of a queue.
    Dequeue,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome<V = ValueId, L = ListId> {
    /// It took effect, and this was the answer.
    Ok(Answer<V, L>),
    /// It certainly did not take effect, and why says nothing about the object: no connection, for example.
    /// A compare-and-set that found another value is **not** refused: its answer is [`Answer::No`].
    Refused,
    /// Nobody knows: a time-out, an indefinite error. It may have taken effect, or may do so at any later
    /// time.
    Pending,
}

/// What a client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer<V = ValueId, L = ListId> {
    /// It is done; nothing else was said. For a compare-and-set the same as [`Answer::Yes`].
    Done,
    /// Read, dequeue: this value. Write to a write-once register: the value that it has now.
    Value(V),
    /// Read, compare-and-set: there is no value (in a key-value store: not found). Dequeue: empty.
    Nothing,
    /// Compare-and-set: the register had the value, and now has the other. Add, remove: the set changed.
    /// Contains: it does. Write to a write-once register: this one won.
    Yes,
    /// Compare-and-set: the register had another value (precondition failed). Add, remove: the set was so
    /// already. Contains: it does not. Write to a write-once register: it had a value already.
    No,
    /// The whole log or set. An append may answer the log that ends in its own entry.
    List(L),
}

/// The number of a list of values within one [`History`]; look it up with [`History::list`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListId(pub(crate) u32);

impl History {
    /// The operations, in the order of their invocations.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The values that operations name.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The name of a process.
    pub fn process(&self, number: u32) -> &str {
        &self.processes[number as usize]
    }

    /// The names of all processes; an operation's `process` is an index.
    pub fn processes(&self) -> &[String] {
        &self.processes
    }

    /// The values of a list.
    pub fn list(&self, id: ListId) -> &[ValueId] {
        let number = id.0 as usize;
        let start = if number == 0 { 0 } else { self.list_ends[number - 1] };
        &self.items[start..self.list_ends[number]]
    }

    /// A value as JSON, shortened if it is long.
    pub fn show(&self, value: ValueId) -> String {
        shortened(self.values.get(value).to_string())
    }

    /// What happened in an operation, in a few words: `c1 wrote 3 (line 7)`.
    pub fn describe(&self, operation: OperationId) -> String {
        let Operation { process, call, outcome, .. } = self.operations[operation];
        let who = self.process(process);
        let show = |value| self.show(value);
        let answer = match outcome {
            Outcome::Ok(answer) => Some(answer),
            Outcome::Refused | Outcome::Pending => None,
        };
        let told = match answer {
            Some(Answer::Value(value)) => format!(" and was told {}", show(value)),
            Some(Answer::List(id)) => format!(" and was told {}", self.show_list(id)),
            Some(Answer::No) => " and was told no".to_owned(),
            Some(Answer::Yes) => " and was told yes".to_owned(),
            Some(Answer::Nothing) => " and was told that there is nothing".to_owned(),
            _ => String::new(),
        };
        let (did, asked) = match call {
            Call::Read => {
                let did = match answer {
                    Some(Answer::Value(value)) => format!("read {}", show(value)),
                    Some(Answer::List(id)) => format!("read {}", self.show_list(id)),
                    _ => "found nothing".to_owned(),
                };
                (did, "to read".to_owned())
            }
            Call::Write(value) => {
                (format!("wrote {}{told}", show(value)), format!("to write {}", show(value)))
            }
            Call::CompareAndSet { from, to } => {
                let (from, to) = (show(from), show(to));
                let did = match answer {
                    Some(Answer::No) => format!("found another value than {from} (cas to {to})"),
                    Some(Answer::Nothing) => format!("found no value (cas from {from} to {to})"),
                    _ => format!("changed {from} to {to}"),
                };
                (did, format!("to change {from} to {to}"))
            }
            Call::Append(value) => {
                (format!("appended {}{told}", show(value)), format!("to append {}", show(value)))
            }
            Call::Add(value) => (format!("added {}{told}", show(value)), format!("to add {}", show(value))),
            Call::Remove(value) => {
                (format!("removed {}{told}", show(value)), format!("to remove {}", show(value)))
            }
            Call::Contains(value) => {
                (format!("asked for {}{told}", show(value)), format!("to ask for {}", show(value)))
            }
            Call::Enqueue(value) => {
                (format!("enqueued {}", show(value)), format!("to enqueue {}", show(value)))
            }
            Call::Dequeue => {
                let did = match answer {
                    Some(Answer::Value(value)) => format!("dequeued {}", show(value)),
                    _ => "found the queue empty".to_owned(),
                };
                (did, "to dequeue".to_owned())
            }
        };
        let line = self.line(operation).map(|line| format!(" (line {line})")).unwrap_or_default();
        match outcome {
            Outcome::Ok(_) => format!("{who} {did}{line}"),
            Outcome::Pending => format!("{who} asked {asked} and nobody knows whether it was done{line}"),
            Outcome::Refused => format!("{who} asked {asked} and was refused{line}"),
        }
    }

    fn show_list(&self, id: ListId) -> String {
        let list = self.list(id);
        let mut text = String::from("[");
        for (place, &value) in list.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            if text.len() > LONGEST {
                text += &format!("... {} in all", list.len());
                break;
            }
            text += &self.show(value);
        }
        text + "]"
    }

    /// When an operation was invoked and completed, in nanoseconds from a moment of the recorder's choice,
    /// where that is known. Only [`Operation::invoked`] and [`Operation::completed`] count for the verdict.
    pub fn times_ns(&self, operation: OperationId) -> [Option<i64>; 2] {
        self.times.get(operation).copied().unwrap_or_default()
    }

    /// The line of the file in which an operation was invoked, if it came from one.
    pub fn line(&self, operation: OperationId) -> Option<usize> {
        self.lines.get(operation).map(|&line| line as usize).filter(|&line| line > 0)
    }
}

/// The longest text of a value in a sentence.
const LONGEST: usize = 60;

fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
