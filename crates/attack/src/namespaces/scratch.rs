//! The scratch folder of a lab: the one thing that outlives an owner that is killed without warning.
//!
//! In it is a file `owner`, which the owner and the lab's keeper hold locked as long as they live. The
//! kernel lets go of the lock when the last of them, and with it all that ran in the lab, has ended. A folder
//! is removed only by whoever holds its lock: so no other lab, and nothing else, is ever touched.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};

use super::LabError;

/// What scratch folders are called, before a number.
const PREFIX: &str = "threeworlds-lab-";
/// The first line of the file `owner`.
const FORMAT: &str = "threeworlds/lab/1";

/// A scratch folder that is ours; removed when dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) folder: PathBuf,
    owner: Option<Flock<File>>,
    keep: bool,
}

impl Scratch {
    /// Makes one in this folder.
    pub(super) fn make(base: &Path) -> Result<Scratch, LabError> {
        let problem = |folder: &Path| {
            let folder = folder.to_owned();
            move |source| LabError::Scratch { folder, source }
        };
        let base = base.canonicalize().map_err(problem(base))?;
        for number in 0u32.. {
            let folder = base.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o711).create(&folder) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                made => made.map_err(problem(&folder))?,
            }
            // Whatever the umask: others pass through to what is theirs, and read nothing.
            let private = Permissions::from_mode(0o711);
            match fs::set_permissions(&folder, private).and_then(|()| Scratch::lock_new(&folder)) {
                Ok(owner) => return Ok(Scratch { folder, owner: Some(owner), keep: false }),
                // Somebody who cleans up was faster than the lock: the next number.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(problem(&folder)(error)),
            }
        }
        unreachable!("there are fewer folders than numbers")
    }

    /// Makes the file `owner` of a new folder and locks it; `NotFound` if somebody removed either.
    fn lock_new(folder: &Path) -> io::Result<Flock<File>> {
        let path = folder.join("owner");
        let file = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&path)?;
        let mut owner = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| io::Error::from(ErrorKind::NotFound))?;
        if fs::metadata(&path)?.ino() != owner.metadata()?.ino() {
            return Err(ErrorKind::NotFound.into());
        }
        owner.write_all(format!("{FORMAT}\n{}\n", std::process::id()).as_bytes())?;
        Ok(owner)
    }

    /// The locked file once more: whoever has it holds the lock too, and may write to it why it ends.
    pub(super) fn share(&self) -> io::Result<File> {
        self.owner.as_ref().expect("it is let go of at the end only").try_clone()
    }

    /// Leaves the folder where it is when this is dropped, for somebody to look at; [`clean`] removes it.
    pub(super) fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed now, `clean` names.
            let _ = remove(&self.folder);
        }
        self.owner = None;
    }
}

/// What [`clean`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Scratch folders that were removed.
    pub removed: Vec<PathBuf>,
    /// Those whose owner lives, which were left alone.
    pub in_use: Vec<PathBuf>,
    /// Those that could not be removed, and why.
    pub failed: Vec<(PathBuf, String)>,
}

/// Removes from a folder the scratch folders of labs whose owners are gone, and nothing else: not those of
/// other users, nor anything that only has such a name. Labs are made in [`std::env::temp_dir`] by default.
///
/// # Errors
/// If the folder cannot be read.
pub fn clean(base: &Path) -> io::Result<Cleaned> {
    let mut cleaned = Cleaned::default();
    let me = nix::unistd::geteuid().as_raw();
    let mut folders: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        let named = entry.file_name().to_str().is_some_and(is_ours);
        let Ok(metadata) = entry.path().symlink_metadata() else { continue };
        if named && metadata.is_dir() && metadata.uid() == me {
            folders.push(entry.path());
        }
    }
    folders.sort();
    for folder in folders {
        match clean_one(&folder) {
            Ok(Found::Removed) => cleaned.removed.push(folder),
            Ok(Found::InUse) => cleaned.in_use.push(folder),
            Ok(Found::NotOurs) => {}
            Err(error) => cleaned.failed.push((folder, error.to_string())),
        }
    }
    Ok(cleaned)
}

enum Found {
    Removed,
    InUse,
    NotOurs,
}

/// Whether a folder is called as ours are: the prefix, a process id, a number.
fn is_ours(name: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    numbers.is_some_and(|(process, serial)| number(process) && number(serial))
}

fn clean_one(folder: &Path) -> io::Result<Found> {
    let file = match OpenOptions::new().read(true).open(folder.join("owner")) {
        Ok(file) => file,
        // Killed before it had its file, or about to make it, and then it takes another folder. A folder with
        // anything else in it is not ours.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(fs::remove_dir(folder).map_or(Found::NotOurs, |()| Found::Removed));
        }
        Err(error) => return Err(error),
    };
    let Some(mut owner) = lock(file) else { return Ok(Found::InUse) };
    let mut text = String::new();
    owner.rewind()?;
    owner.read_to_string(&mut text)?;
    // Nothing at all: killed before it wrote.
    if !text.is_empty() && text.lines().next() != Some(FORMAT) {
        return Ok(Found::NotOurs);
    }
    remove(folder)?;
    Ok(Found::Removed)
}

/// How long what an owner that is gone left behind may take to end: the kernel ends a process at a time.
const ENDING: Duration = Duration::from_secs(5);

/// Locks the file `owner` of a folder, unless somebody uses the folder.
fn lock(mut file: File) -> Option<Flock<File>> {
    let end = Instant::now() + ENDING;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(owner) => return Some(owner),
            Err((file, _)) => file,
        };
        // The owner's number says only whether it is worth waiting: it may be somebody else's by now.
        let mut text = String::new();
        let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
        let owner = text.lines().nth(1).filter(|_| read.is_ok()).and_then(|line| line.parse::<u32>().ok());
        let lives = owner.is_none_or(|owner| Path::new("/proc").join(owner.to_string()).exists());
        if lives || Instant::now() >= end {
            return None;
        }
        let _ = file.rewind();
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Removes a folder with all that is in it, also folders that servers made unreadable, the file `owner` last.
fn remove(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == "owner" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            if fs::remove_dir_all(entry.path()).is_err() {
                open_up(&entry.path());
                fs::remove_dir_all(entry.path())?;
            }
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    match fs::remove_file(folder.join("owner")) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::remove_dir(folder)
}

/// Gives the owner all rights on the folders below, without following links.
fn open_up(folder: &Path) {
    let _ = fs::set_permissions(folder, Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}
