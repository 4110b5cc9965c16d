//! Client histories, sequential specifications and linearizability (Herlihy and Wing, ACM TOPLAS 12(3),
//! 1990). Exact for every specification and every history, complete or with operations that are still
//! pending; the price is a set of configurations that can grow exponentially with the number of operations
//! that are pending **at the same time**. Depends on nothing else of Threeworlds.

mod linearize;
mod specification;

pub use linearize::{Linearizations, TooManyConfigurations};
pub use specification::{
    AppendLog, LogOperation, ReadWriteRegister, RegisterOperation, Specification, WriteOnceRegister,
};
