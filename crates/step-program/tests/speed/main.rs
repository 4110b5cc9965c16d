//! Several copies of a program at a time, and answers that are kept: faster, and nothing else.
#![cfg(unix)]

mod cache;
#[path = "../common/mod.rs"]
mod common;
mod copies;
