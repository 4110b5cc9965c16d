//! Where an exploration puts states that do not fit into memory, and where it keeps its levels.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use clap::Args;
use threeworlds_engine::{Checkpoints, Keep, Resources, Storage, StorageError};
use threeworlds_model::Question;

use crate::cache;
use crate::files;
use crate::limits::LimitArguments;

/// What an exploration may use besides time and memory.
#[derive(Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct DiskArguments {
    /// Use so many threads; the result is the same for any number [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Put what does not fit into --max-memory into a file in this folder [default: the system's for such files]
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    scratch: Option<PathBuf>,
    /// Keep each round that is complete in this folder, for --resume
    ///
    /// Whatever ends the program then loses the round in progress and nothing else.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    checkpoint: Option<PathBuf>,
    /// Go on after the last complete round in the folder of --checkpoint; the rest of the call stays the same,
    /// but for --rounds and for what it may use
    #[arg(long, requires = "checkpoint", hide_short_help = true)]
    resume: bool,
}

/// What an exploration may use, opened.
pub(crate) struct Disk {
    threads: usize,
    memory: Option<u64>,
    scratch: Scratch,
    levels: Option<(Levels, String, bool)>,
}

impl DiskArguments {
    /// Whether levels are kept.
    pub(crate) fn keeps(&self) -> bool {
        self.checkpoint.is_some()
    }

    /// Opens what was named. A folder that cannot be used is an error, and so is one with levels that nobody
    /// asked to go on with.
    pub(crate) fn open(&self, limits: &LimitArguments, question: &Question, protocol: &str) -> Result<Disk> {
        if let Some(folder) = &self.scratch {
            files::must_be_folder(folder).context("--scratch")?;
        }
        let levels = match &self.checkpoint {
            None => None,
            Some(folder) => {
                files::must_be_folder(folder).context("--checkpoint")?;
                let levels = Levels { folder: folder.clone() };
                ensure!(
                    self.resume || !levels.file(1).exists(),
                    "--checkpoint {}: there are rounds of an exploration already: add --resume to go on with it, \
                     or name another folder",
                    folder.display()
                );
                // More rounds may be explored than before.
                let question = Question { rounds: None, ..question.clone() };
                let build = cache::build().context("this build cannot be told from others")?;
                Some((levels, format!("{build} {protocol} {question:?}"), self.resume))
            }
        };
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Disk {
            threads: self.threads.map_or_else(cores, usize::from),
            // What the engine does not count needs room too.
            memory: limits.max_memory().map(|most| most - most / 8),
            scratch: Scratch {
                folder: self.scratch.clone().unwrap_or_else(std::env::temp_dir),
                file: Mutex::new(None),
            },
            levels,
        })
    }
}

impl Disk {
    /// As the engine takes it.
    pub(crate) fn resources(&self) -> Resources<'_> {
        Resources {
            threads: self.threads,
            storage: Some(&self.scratch),
            memory: self.memory,
            levels: self.levels.as_ref().map(|(levels, identity, resume)| Keep {
                checkpoints: levels,
                identity,
                resume: *resume,
            }),
            ..Resources::default()
        }
    }
}

/// A file without a name, so that nothing is left of it whatever happens. Made when it is needed first.
struct Scratch {
    folder: PathBuf,
    file: Mutex<Option<(File, u64)>>,
}

impl Scratch {
    fn failed(&self, what: &str, error: &io::Error) -> StorageError {
        StorageError(format!(
            "a file for states that do not fit into memory cannot be {what} in {}: {error}\n  hint: make room there, \
             name another folder with --scratch, or allow more with --max-memory",
            self.folder.display()
        ))
    }
}

impl Storage for Scratch {
    fn write(&self, bytes: &[u8]) -> Result<u64, StorageError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            let made = tempfile::tempfile_in(&self.folder).map_err(|error| self.failed("made", &error))?;
            *file = Some((made, 0));
        }
        let (file, end) = file.as_mut().expect("it was made");
        let offset = *end;
        let written = file.seek(SeekFrom::Start(offset)).and_then(|_| file.write_all(bytes));
        written.map_err(|error| self.failed("written", &error))?;
        *end += bytes.len() as u64;
        Ok(offset)
    }

    fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), StorageError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, _) = file.as_mut().expect("what is read was written");
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(bytes));
        read.map_err(|error| self.failed("read", &error))
    }
}

/// A file for each round, in a folder.
struct Levels {
    folder: PathBuf,
}

impl Levels {
    fn file(&self, level: usize) -> PathBuf {
        self.folder.join(format!("round-{level:04}"))
    }

    fn failed(&self, path: &Path, what: &str, error: &io::Error) -> StorageError {
        StorageError(format!("--checkpoint: {} cannot be {what}: {error}", path.display()))
    }
}

impl Checkpoints for Levels {
    fn save(
        &self,
        level: usize,
        content: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), StorageError> {
        let path = self.file(level);
        let mut save = || -> io::Result<()> {
            let mut part = tempfile::Builder::new().prefix(".threeworlds-").tempfile_in(&self.folder)?;
            let mut to = BufWriter::with_capacity(1 << 20, part.as_file_mut());
            content(&mut to)?;
            to.flush()?;
            drop(to);
            part.as_file().sync_all()?;
            part.persist(&path)?;
            // Its name has to last, too.
            #[cfg(unix)]
            File::open(&self.folder)?.sync_all()?;
            Ok(())
        };
        save().map_err(|error| self.failed(&path, "written", &error))
    }

    fn load(&self, level: usize) -> Result<Option<Box<dyn Read + '_>>, StorageError> {
        let path = self.file(level);
        match File::open(&path) {
            Ok(file) => Ok(Some(Box::new(BufReader::with_capacity(1 << 20, file)))),
            // A hole is no end: what follows it would be lost without a word.
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.file(level + 1).exists() {
                true => Err(self
                    .wrong(level, "it is gone, and later rounds are there: they are of no use without it")),
                false => Ok(None),
            },
            Err(error) => Err(self.failed(&path, "read", &error)),
        }
    }

    fn wrong(&self, level: usize, why: &str) -> StorageError {
        StorageError(format!("--checkpoint: {}: {why}", self.file(level).display()))
    }
}
