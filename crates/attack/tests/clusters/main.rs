//! Real servers in labs. Needs Linux, root or user namespaces, and the packages that `./test` installs.

#![cfg(target_os = "linux")]

mod fails;
mod horns;
mod measure;
mod worlds;
