//! Files are written whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// Reads a text file; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        return std::io::read_to_string(std::io::stdin()).context("standard input cannot be read as text");
    }
    ensure!(!path.is_dir(), "{} is a folder: name a file in it", path.display());
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Writes a file next to its place and moves it there, so that nobody ever sees half of it.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let place = place(path);
    let context = || format!("{} cannot be written", path.display());
    if is_special(&place) {
        return std::fs::write(&place, text).with_context(context);
    }
    let mut file =
        tempfile::Builder::new().prefix(".threeworlds-").tempfile_in(folder(&place)).with_context(context)?;
    file.write_all(text.as_bytes()).with_context(context)?;
    #[cfg(unix)]
    {
        // A temporary file is private; what is written for people follows what their other files do.
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&place).map_or(0o644, |metadata| metadata.permissions().mode());
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).with_context(context)?;
    }
    file.persist(&place).with_context(context)?;
    Ok(())
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

/// Fails early where a file could not be written at the end of long work.
pub(crate) fn must_be_writable(path: &Path) -> Result<()> {
    ensure!(!path.is_dir(), "{} is a folder: name a file in it", path.display());
    let place = place(path);
    if !is_special(&place) {
        can_be_written_in(&folder(&place))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// Makes a folder for results, or fails before any work is done.
pub(crate) fn must_be_folder(path: &Path) -> Result<()> {
    ensure!(!path.exists() || path.is_dir(), "{} is a file: name a folder", path.display());
    std::fs::create_dir_all(path).with_context(|| format!("the folder {} cannot be made", path.display()))?;
    can_be_written_in(path)
}

/// Where the text goes: what a symbolic link points at, and not the link. Those in `/dev` are for the
/// system to follow.
fn place(path: &Path) -> PathBuf {
    if path.starts_with("/dev") {
        return path.to_owned();
    }
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Whether it is there and is no file on a disk, such as `/dev/stdout`, which nothing may replace.
fn is_special(place: &Path) -> bool {
    place.starts_with("/dev") || std::fs::metadata(place).is_ok_and(|metadata| !metadata.is_file())
}

fn folder(place: &Path) -> PathBuf {
    match place.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn can_be_written_in(folder: &Path) -> Result<()> {
    if !folder.exists() {
        bail!("there is no folder {}", folder.display());
    }
    ensure!(folder.is_dir(), "{} is not a folder", folder.display());
    // The error itself names the temporary file, which nobody knows of.
    let made = tempfile::tempfile_in(folder).map_err(|error| error.kind());
    match made {
        Ok(_) => Ok(()),
        Err(why) => bail!("no file can be made in the folder {} ({why})", folder.display()),
    }
}
