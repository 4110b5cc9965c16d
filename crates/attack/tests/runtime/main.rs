//! Runs of plans against small programs, well behaved and not.
#![cfg(unix)]

mod support;

mod ends;
mod examples;
mod network;
mod plays;
mod serves;
mod withstands;
