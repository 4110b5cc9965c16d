//! A guardian as a program of its own, and after `keep-a-lab` the keeper of a lab, for whoever uses the library
//! without the command `threeworlds`.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    #[cfg(target_os = "linux")]
    if let [first, rest @ ..] = arguments.as_slice()
        && first == "keep-a-lab"
    {
        return threeworlds_attack::namespaces::keep(rest);
    }
    threeworlds_attack::guard(&arguments)
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    ExitCode::from(2)
}
