use std::fmt::Debug;

/// An object as it behaves when operations come one at a time.
pub trait Specification {
    /// The object's state.
    type State: Clone + Ord + Debug;
    /// What can be asked of it.
    type Operation: Clone + Ord + Debug;
    /// What it answers.
    type Output: Clone + Ord + Debug;

    /// The state before the first operation.
    fn start(&self) -> Self::State;

    /// The state after an operation, and the answer to it.
    fn apply(&self, state: &Self::State, operation: &Self::Operation) -> (Self::State, Self::Output);
}

/// An operation on a [`WriteOnceRegister`] or a [`ReadWriteRegister`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegisterOperation<V> {
    /// Write this value; on a write-once register, unless another is there.
    Write(V),
    /// Read.
    Read,
}

/// A register that keeps the first value written; a write answers the value that the register has after
/// it, a read the value or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteOnceRegister<V>(std::marker::PhantomData<V>);

impl<V> WriteOnceRegister<V> {
    /// The specification.
    pub fn new() -> Self {
        WriteOnceRegister(std::marker::PhantomData)
    }
}

impl<V: Clone + Ord + Debug> Specification for WriteOnceRegister<V> {
    type State = Option<V>;
    type Operation = RegisterOperation<V>;
    type Output = Option<V>;

    fn start(&self) -> Option<V> {
        None
    }

    fn apply(&self, state: &Option<V>, operation: &RegisterOperation<V>) -> (Option<V>, Option<V>) {
        let after = match (state, operation) {
            (None, RegisterOperation::Write(value)) => Some(value.clone()),
            _ => state.clone(),
        };
        (after.clone(), after)
    }
}

/// A register that holds the value written last; a read answers it, or nothing before the first write, and
/// a write answers its own value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadWriteRegister<V>(std::marker::PhantomData<V>);

impl<V> ReadWriteRegister<V> {
    /// The specification.
    pub fn new() -> Self {
        ReadWriteRegister(std::marker::PhantomData)
    }
}

impl<V: Clone + Ord + Debug> Specification for ReadWriteRegister<V> {
    type State = Option<V>;
    type Operation = RegisterOperation<V>;
    type Output = Option<V>;

    fn start(&self) -> Option<V> {
        None
    }

    fn apply(&self, state: &Option<V>, operation: &RegisterOperation<V>) -> (Option<V>, Option<V>) {
        let after = match operation {
            RegisterOperation::Write(value) => Some(value.clone()),
            RegisterOperation::Read => state.clone(),
        };
        (after.clone(), after)
    }
}

/// An operation on an [`AppendLog`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogOperation<V> {
    /// Append this value.
    Append(V),
    /// Read the whole log.
    Read,
}

/// A log; an append answers the log that ends in its own entry, a read the whole log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AppendLog<V>(std::marker::PhantomData<V>);

impl<V> AppendLog<V> {
    /// The specification.
    pub fn new() -> Self {
        AppendLog(std::marker::PhantomData)
    }
}

impl<V: Clone + Ord + Debug> Specification for AppendLog<V> {
    type State = Vec<V>;
    type Operation = LogOperation<V>;
    type Output = Vec<V>;

    fn start(&self) -> Vec<V> {
        Vec::new()
    }

    fn apply(&self, state: &Vec<V>, operation: &LogOperation<V>) -> (Vec<V>, Vec<V>) {
        let mut after = state.clone();
        if let LogOperation::Append(value) = operation {
            after.push(value.clone());
        }
        (after.clone(), after)
    }
}
