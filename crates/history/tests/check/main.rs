//! `check` against linearizability by its definition.

mod agree;
mod formats;
mod naive;
mod random;
