//! Results that are kept from call to call, a file for each question. An entry is believed only if it was
//! written by this very build, for exactly this question, and is whole: the name of a file finds it and
//! decides nothing. Whatever is wrong with an entry or with the folder costs time and no verdict.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::files;
use crate::terminal::note;

/// Whether and where results are kept.
#[derive(Args)]
#[command(next_help_heading = "Cache")]
pub(crate) struct CacheArguments {
    /// Decide everything anew, and keep nothing
    #[arg(long)]
    no_cache: bool,
    /// Keep results in this folder [default: threeworlds in the user's cache folder]
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache: Option<PathBuf>,
}

/// Results on disk. Several processes may use the same folder at once: entries appear whole.
pub(crate) struct Cache {
    folder: Option<PathBuf>,
    build: String,
    complained: AtomicBool,
}

const FORMAT: &str = "threeworlds/cache/1";

impl CacheArguments {
    /// Opens the folder; that one which was named cannot be used is an error.
    pub(crate) fn open(&self) -> Result<Cache> {
        let folder = match &self.cache {
            Some(folder) => {
                files::must_be_folder(folder).context("--cache")?;
                Some(folder.clone())
            }
            None => usual_folder().filter(|_| !self.no_cache),
        };
        // Without knowing which build this is nothing can be believed.
        let build = folder.as_ref().and_then(|_| build().ok());
        Ok(Cache {
            folder: folder.filter(|_| build.is_some()),
            build: build.unwrap_or_default(),
            complained: AtomicBool::new(false),
        })
    }
}

impl Cache {
    /// The result that was kept for this question, if `accept` takes it.
    pub(crate) fn get<T>(&self, question: &Value, accept: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let path = self.place(question)?;
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(_) => return self.damaged(&path),
        };
        let Ok(entry) = serde_json::from_str::<Value>(&text) else { return self.damaged(&path) };
        if entry["format"] != FORMAT || entry["build"] != self.build.as_str() {
            return None;
        }
        if entry["check"] != check(question, &entry["result"]) {
            return self.damaged(&path);
        }
        if entry["question"] != *question {
            return None;
        }
        accept(&entry["result"]).or_else(|| self.damaged(&path))
    }

    /// Keeps a result. That it cannot be kept is said once and changes nothing.
    pub(crate) fn put(&self, question: &Value, result: &Value) {
        let Some(path) = self.place(question) else { return };
        let entry = json!({
            "format": FORMAT,
            "build": self.build,
            "question": question,
            "result": result,
            "check": check(question, result),
        });
        let folder = path.parent().expect("it is in the folder");
        let written = std::fs::create_dir_all(folder)
            .map_err(anyhow::Error::from)
            .and_then(|()| files::write(&path, &format!("{entry}\n")));
        if let (Err(error), false) = (written, self.complained.swap(true, Ordering::Relaxed)) {
            note(&format!("results cannot be kept: {error}"));
        }
    }

    fn place(&self, question: &Value) -> Option<PathBuf> {
        let name = hash(&[&self.build, &question.to_string()]);
        Some(self.folder.as_ref()?.join(format!("{name}.json")))
    }

    fn damaged<T>(&self, path: &Path) -> Option<T> {
        note(&format!(
            "{} is damaged, so its question is decided anew and the file written again.",
            path.display()
        ));
        None
    }
}

/// A checksum, against damage and not against malice.
fn check(question: &Value, result: &Value) -> String {
    hash(&[&question.to_string(), &result.to_string()])
}

fn hash(parts: &[&str]) -> String {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What tells this build from every other: the version and all of the program's bytes.
pub(crate) fn build() -> std::io::Result<String> {
    let mut program = File::open(std::env::current_exe()?)?;
    let mut hasher = DefaultHasher::new();
    let mut bytes = vec![0; 1 << 16];
    let mut length: u64 = 0;
    loop {
        let read = program.read(&mut bytes)?;
        if read == 0 {
            break;
        }
        hasher.write(&bytes[..read]);
        length += read as u64;
    }
    Ok(format!("{}-{length}-{:016x}", env!("CARGO_PKG_VERSION"), hasher.finish()))
}

/// Where a user's programs keep what can be made again.
pub(crate) fn usual_folder() -> Option<PathBuf> {
    let variable = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let cache = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else {
        variable("XDG_CACHE_HOME").or_else(|| {
            let usual = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
            Some(variable("HOME")?.join(usual))
        })
    };
    Some(cache?.join("threeworlds"))
}
