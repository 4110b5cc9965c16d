//! A guardian as a program of its own, for whoever uses the library without the command `threeworlds`.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    threeworlds_attack::guard(&arguments)
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    ExitCode::from(2)
}
