//! Runs of plans against small programs, well behaved and not.
#![cfg(unix)]

mod support;

mod ends;
mod network;
mod plays;
mod serves;
mod withstands;
