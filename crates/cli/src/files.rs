//! Files are written whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Reads a text file; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        return std::io::read_to_string(std::io::stdin()).context("standard input cannot be read as text");
    }
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Writes a file next to its place and moves it there, so that nobody ever sees half of it.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let context = || format!("{} cannot be written", path.display());
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut file =
        tempfile::Builder::new().prefix(".threeworlds-").tempfile_in(&folder).with_context(context)?;
    file.write_all(text.as_bytes()).with_context(context)?;
    #[cfg(unix)]
    {
        // A temporary file is private; what is written for people follows what their other files do.
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_or(0o644, |metadata| metadata.permissions().mode());
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).with_context(context)?;
    }
    file.persist(path).with_context(context)?;
    Ok(())
}

/// Fails early where a file could not be written at the end of long work.
pub(crate) fn must_be_writable(path: &Path) -> Result<()> {
    anyhow::ensure!(!path.is_dir(), "{} is a folder: name a file", path.display());
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    tempfile::tempfile_in(folder).map(drop).with_context(|| {
        format!("{} cannot be written: no file can be made in {}", path.display(), folder.display())
    })
}

/// Makes a folder for results, or fails before any work is done.
pub(crate) fn must_be_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("the folder {} cannot be made", path.display()))?;
    tempfile::tempfile_in(path)
        .map(drop)
        .with_context(|| format!("nothing can be written in the folder {}", path.display()))
}
