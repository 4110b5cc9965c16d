//! Mutants of certificates, and a second opinion on what they prove.

pub(crate) mod edits;
pub(crate) mod naive;
