use crate::history::History;
use crate::model::{Model, ModelError};
use crate::verdict::{Limits, Progress, StopReason, Unknown, Verdict};

/// Whether a history is linearizable.
///
/// An error if the model has no such operations.
pub fn check(history: &History, _model: &Model, _limits: Limits<'_>) -> Result<Verdict, ModelError> {
    let explored = Progress { operations: history.operations().len(), ..Progress::default() };
    Ok(Verdict::Unknown(Unknown { reason: StopReason::Steps, explored }))
}
