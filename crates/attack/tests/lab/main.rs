//! Labs of network namespaces: real ones. These tests need Linux, `ip` and `nft`, and either root or user
//! namespaces; without them they fail and say what is missing.
#![cfg(target_os = "linux")]

mod ends;
mod network;
mod plays;
mod runs;
mod support;
