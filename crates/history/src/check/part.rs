use rustc_hash::FxHashMap;

use crate::history::{History, OperationId};
use crate::values::ValueId;

/// The operations on one object: by the locality of linearizability (Herlihy and Wing 1990, Theorem 1) a
/// history is linearizable if that of each object is.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) key: Option<ValueId>,
    /// In the order of their invocations.
    pub(crate) operations: Vec<u32>,
}

/// The parts of a history, in the order in which their keys were first used.
pub(crate) fn parts(history: &History) -> Vec<Part> {
    split((0..history.operations.len() as u32).collect(), |id| history.operations[id].key)
}

/// Operations by something that each of them has.
pub(crate) fn split(operations: Vec<u32>, key_of: impl Fn(OperationId) -> Option<ValueId>) -> Vec<Part> {
    let mut sizes: Vec<(Option<ValueId>, usize)> = Vec::new();
    let mut numbers: FxHashMap<Option<ValueId>, u32> = FxHashMap::default();
    let mut numbered = Vec::with_capacity(operations.len());
    let mut last = (None, u32::MAX);
    for &id in &operations {
        let key = key_of(id as usize);
        if last.1 == u32::MAX || last.0 != key {
            let number = *numbers.entry(key).or_insert_with(|| {
                sizes.push((key, 0));
                sizes.len() as u32 - 1
            });
            last = (key, number);
        }
        sizes[last.1 as usize].1 += 1;
        numbered.push(last.1);
    }
    if sizes.len() == 1 {
        return vec![Part { key: sizes[0].0, operations }];
    }
    let mut parts: Vec<Part> =
        sizes.iter().map(|&(key, size)| Part { key, operations: Vec::with_capacity(size) }).collect();
    for (id, number) in operations.into_iter().zip(numbered) {
        parts[number as usize].operations.push(id);
    }
    parts
}
