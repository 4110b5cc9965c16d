//! A lab: hosts as network namespaces on one switch, in which links can be cut.
//!
//! What a cut removes is every frame between two hosts, in the direction that is cut, silently. It says
//! nothing about what hosts share beside the network: the processor, the clock and the file system of the
//! machine, save `/dev/shm`, which each host has for itself. And a cut in one direction stops TCP in both,
//! since acknowledgements are lost too.
//!
//! Everything lives in namespaces of its own (user, unless root; process, mount, network, host name and
//! shared memory), held by one process, the *keeper*. The first process of a process namespace takes all
//! others with it when it ends, and the other namespaces end with their last process; the keeper ends when
//! the pipe from whoever made the lab is closed, however that happened. So nothing of a lab is ever seen in
//! the machine's own network, firewall or mounts, and nothing outlives its owner but a [scratch
//! folder](clean), which says whose it is.

mod command;
mod error;
#[cfg(target_os = "linux")]
mod wire;

#[cfg(target_os = "linux")]
mod keeper;
#[cfg(target_os = "linux")]
mod lab;
#[cfg(target_os = "linux")]
mod layout;
#[cfg(target_os = "linux")]
mod scratch;
#[cfg(target_os = "linux")]
mod session;

pub use command::{Command, Ended, LabSignal, Output, User};
pub use error::LabError;

#[cfg(target_os = "linux")]
pub use keeper::keep;
#[cfg(target_os = "linux")]
pub use lab::{Lab, LabOptions, Privileges};
#[cfg(target_os = "linux")]
pub use scratch::{Cleaned, clean};
#[cfg(target_os = "linux")]
pub use session::{LabProcess, LabRun};

/// The file in a lab's folder that is the program which runs the lab, for hosts to run. Where it lies outside may
/// be closed to the user of unprivileged commands.
pub(crate) const OWN_PROGRAM: &str = "threeworlds";

/// How many servers a lab has addresses for.
pub const SERVERS_MAX: u16 = 99;
/// How many clients a lab has addresses for.
pub const CLIENTS_MAX: u16 = 99;
