use std::io;
use std::path::PathBuf;

use threeworlds_model::Process;

/// Why a lab could not be made, or does not do what it was asked for. It is never a verdict about a system.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Namespaces are a thing of Linux.
    #[error(
        "clusters are attacked in network namespaces, which only Linux has\n  hint: run it in a Linux virtual machine or container"
    )]
    NeedsLinux,
    /// A tool is not installed.
    #[error(
        "`{tool}` is not found\n  hint: install it, on Debian and Ubuntu with: apt-get install {package}"
    )]
    MissingTool {
        /// The tool.
        tool: String,
        /// The package that has it.
        package: String,
    },
    /// The kernel, or how it is set up, does not allow something.
    #[error("{what}: {why}\n  hint: {hint}")]
    Kernel {
        /// What was tried.
        what: String,
        /// What the system said.
        why: String,
        /// What to do.
        hint: String,
    },
    /// More hosts than the lab's network has addresses for.
    #[error(
        "a lab has at most {} servers and {} clients: {servers} and {clients} are too many",
        super::SERVERS_MAX,
        super::CLIENTS_MAX
    )]
    TooManyHosts {
        /// Servers asked for.
        servers: u16,
        /// Clients asked for.
        clients: u16,
    },
    /// The scratch folder cannot be used.
    #[error("the scratch folder {} cannot be used: {source}\n  hint: set TMPDIR to a folder that can be written, with free space", .folder.display())]
    Scratch {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The process that holds the lab's namespaces could not be started.
    #[error("the lab's keeper cannot be started: {0}")]
    Keeper(String),
    /// The keeper has ended, and with it all that ran in the lab.
    #[error("the lab is gone: {why}")]
    Gone {
        /// The last that its keeper said.
        why: String,
    },
    /// There is no such host.
    #[error("there is no host {0} in the lab")]
    NoHost(Process),
    /// A command could not be started.
    #[error("`{program}` cannot be started on {host}: {why}")]
    Start {
        /// The program.
        program: String,
        /// Where.
        host: Process,
        /// Why, and what to do.
        why: String,
    },
    /// Something in the lab's network could not be changed.
    #[error("the lab's network cannot be changed: {0}")]
    Network(String),
}
