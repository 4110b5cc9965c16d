//! `check` against linearizability by its definition.

mod agree;
mod naive;
mod random;
