//! Threeworlds against its peers. Each measurement is a process of its own, so that its peak memory is its
//! own; user CPU seconds are counted, for the machine may be busy with other things.

pub mod explore;
pub mod history;
mod process;
pub mod steps;
