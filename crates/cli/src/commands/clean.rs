use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::exit::Exit;
use crate::terminal;

/// Remove what attacks on clusters left behind that were killed without warning
///
/// That is folders named threeworlds-lab-..., and nothing else: processes, networks and mounts of an attack
/// always end with it. A folder is removed only if whoever made it, and all that ran in it, has ended. Each
/// attack on a cluster begins with this.
///
/// Exit status: 0 done, 2 something could not be removed.
#[derive(Args)]
pub(crate) struct CleanArguments {
    /// Where the folders are [default: the folder for temporary files]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl CleanArguments {
    #[cfg(target_os = "linux")]
    pub(crate) fn run(self) -> Result<Exit> {
        use anyhow::Context;

        let folder = self.folder.unwrap_or_else(std::env::temp_dir);
        let cleaned = threeworlds_attack::namespaces::clean(&folder)
            .with_context(|| format!("{} cannot be read", folder.display()))?;
        let mut text = String::new();
        for removed in &cleaned.removed {
            let _ = writeln!(text, "removed {}", removed.display());
        }
        for in_use in &cleaned.in_use {
            let _ = writeln!(text, "in use  {}", in_use.display());
        }
        if text.is_empty() && cleaned.failed.is_empty() {
            let _ = writeln!(text, "nothing was left in {}", folder.display());
        }
        terminal::print(&text)?;
        for (folder, why) in &cleaned.failed {
            terminal::note(&format!("{} cannot be removed: {why}", folder.display()));
        }
        Ok(if cleaned.failed.is_empty() { Exit::Good } else { Exit::BadInput })
    }

    /// Elsewhere no clusters are attacked.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn run(self) -> Result<Exit> {
        let mut text = String::new();
        let _ = writeln!(text, "nothing was left: clusters are attacked on Linux only");
        let _: Option<PathBuf> = self.folder;
        terminal::print(&text)?;
        Ok(Exit::Good)
    }
}
