//! Runs of plans against small programs, well behaved and not.
#![cfg(unix)]

mod support;

mod ends;
mod plays;
mod withstands;
