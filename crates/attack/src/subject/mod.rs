//! Subject files: what a replicated system needs to be attacked as a cluster of real servers. How each host
//! is started, when it is ready, who leads, and the client's operations as commands, with how to read what
//! they print. The format is `threeworlds/subject/1`.
//!
//! What an answer means is the file's word: a rule that calls a failure `done`, or a lost request `refused`,
//! makes wrong verdicts. Whatever no rule matches, a command that was killed and one that ran out of time is
//! *unknown*, never *refused*.

mod answer;
#[cfg(target_os = "linux")]
mod cluster;
mod entry;
#[cfg(target_os = "linux")]
mod install;
mod read;
mod shipped;
mod site;
mod table;
mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use answer::Call;
#[cfg(target_os = "linux")]
pub use cluster::{BringUpError, Cluster, site};
use entry::{CheckEntry, Definition, FileEntry, OperationEntry, OperationName, StepEntry};
#[cfg(target_os = "linux")]
pub use install::{InstallError, install};
pub use shipped::{shipped, shipped_names};
pub use site::{Action, Deed, Host, PlacedFile, Probe, Site};
use template::Template;

use crate::namespaces::User;
use crate::plan::Workload;

/// The version of the files that this crate reads.
pub const SUBJECT_FORMAT: &str = "threeworlds/subject/1";

/// A system in one of its variants, ready to be put on a [`Site`].
#[derive(Debug, Clone)]
pub struct Subject {
    /// The file that it came from, as messages name it.
    pub file: String,
    /// The system's name, such as `redis`.
    pub system: String,
    /// Which variant, if the file has several.
    pub variant: Option<String>,
    /// One sentence.
    pub description: String,
    /// Debian packages that bring the programs.
    pub packages: Vec<String>,
    /// Programs that must be there: names that are looked up on `PATH`, or whole paths.
    pub programs: Vec<String>,
    /// How many servers it can have.
    pub servers: Servers,
    /// How many faulty servers to assume if nothing else is asked for.
    pub faults: u16,
    /// Deadlines and waits.
    pub times: Times,
    /// About how much memory a server takes, in megabytes.
    pub memory_megabytes: Option<u32>,
    /// Prints the version on its first line.
    version: Vec<Template>,
    definitions: BTreeMap<String, Definition>,
    environment: BTreeMap<String, Template>,
    user: User,
    files: Vec<FileEntry>,
    steps: Vec<StepEntry>,
    leader: Option<CheckEntry>,
    operations: BTreeMap<OperationName, OperationEntry>,
}

impl Subject {
    /// `redis:one-sentinel`, or `etcd` if there is but one variant.
    pub fn name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}:{variant}", self.system),
            None => self.system.clone(),
        }
    }

    /// What its clients can be asked for, the best for the three worlds first.
    pub fn workloads(&self) -> Vec<Workload> {
        let has = |name| self.operations.contains_key(&name);
        let mut workloads = Vec::new();
        if has(OperationName::WriteOnce) {
            workloads.push(Workload::WriteOnce);
        }
        if has(OperationName::Write) && has(OperationName::Cas) {
            workloads.push(Workload::WriteOnceKv);
        }
        if has(OperationName::Write) {
            workloads.push(Workload::LinKv);
        }
        workloads
    }

    /// Whether it can run with so many servers; if not, why and what to do.
    ///
    /// # Errors
    /// A sentence with a hint.
    pub fn supports(&self, servers: u16) -> Result<(), String> {
        let Servers { least, most, .. } = self.servers;
        match (least..=most).contains(&servers) {
            true => Ok(()),
            false if least == most => Err(format!(
                "{} runs with {least} servers, not with {servers}\n  hint: --servers {least}",
                self.name()
            )),
            false => Err(format!(
                "{} runs with {least} to {most} servers, not with {servers}\n  hint: --servers {}",
                self.name(),
                servers.clamp(least, most)
            )),
        }
    }

    /// The programs that are not there, looked for in the folders of `path` (the text of `PATH`) and where
    /// Debian keeps programs for root.
    pub fn missing_programs(&self, path: &str) -> Vec<String> {
        let folders: Vec<&Path> = path
            .split(':')
            .chain(["/usr/sbin", "/sbin"])
            .filter(|folder| !folder.is_empty())
            .map(Path::new)
            .collect();
        let is_there = |program: &str| match program.contains('/') {
            true => Path::new(program).exists(),
            false => folders.iter().any(|folder| folder.join(program).is_file()),
        };
        self.programs.iter().filter(|program| !is_there(program)).cloned().collect()
    }
}

/// A subject file: one system in one or more variants.
#[derive(Debug, Clone)]
pub struct SubjectFile {
    /// The system's name.
    pub system: String,
    /// One sentence about the system.
    pub description: String,
    /// Its variants, in the order of the file; the first is the default.
    pub variants: Vec<Subject>,
}

impl SubjectFile {
    /// Reads a subject file and the files next to it that it names.
    ///
    /// # Errors
    /// The first mistake, with file, line and key.
    pub fn load(path: &Path) -> Result<SubjectFile, SubjectError> {
        let name = path.display().to_string();
        let whole = |what: String, hint: &str| SubjectError {
            file: name.clone(),
            line: 0,
            key: String::new(),
            what,
            hint: hint.to_owned(),
        };
        let bytes = std::fs::read(path).map_err(|error| {
            whole(format!("cannot be read: {error}"), "give the path of a subject file (TOML)")
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| whole("is not text (UTF-8)".to_owned(), "give the path of a subject file (TOML)"))?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Self::parse(&name, &text, &|file| std::fs::read(folder.join(file)).map_err(|error| error.to_string()))
    }

    /// Reads the text of a subject file; `beside` gives the files that lie next to it.
    ///
    /// # Errors
    /// The first mistake, with file, line and key.
    pub fn parse(
        name: &str,
        text: &str,
        beside: &dyn Fn(&str) -> Result<Vec<u8>, String>,
    ) -> Result<SubjectFile, SubjectError> {
        read::subject_file(table::Source { name, text }, beside)
    }

    /// A variant by its name, the first if none is named.
    ///
    /// # Errors
    /// There is no such variant; the message lists those that there are.
    pub fn variant(&self, name: Option<&str>) -> Result<&Subject, String> {
        let Some(name) = name else { return Ok(&self.variants[0]) };
        let names: Vec<&str> =
            self.variants.iter().filter_map(|variant| variant.variant.as_deref()).collect();
        self.variants.iter().find(|variant| variant.variant.as_deref() == Some(name)).ok_or_else(|| {
            match names.is_empty() {
                true => format!("{0} has no variants\n  hint: write `{0}`", self.system),
                false => {
                    format!(
                        "{} has no variant `{name}`\n  hint: there are {}",
                        self.system,
                        table::words(&names)
                    )
                }
            }
        })
    }
}

/// What is wrong with a subject file, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}\n  hint: {hint}", self.place())]
pub struct SubjectError {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 if it is the file as a whole.
    pub line: usize,
    /// The key with the tables that it is in, such as `read.run`; empty if it is none.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl SubjectError {
    fn place(&self) -> String {
        let SubjectError { file, line, key, what, .. } = self;
        match (line, key.as_str()) {
            (0, _) => format!("{file}: {what}"),
            (_, "") => format!("{file}:{line}: {what}"),
            _ => format!("{file}:{line}: {key}: {what}"),
        }
    }
}

/// How many servers a subject can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Servers {
    /// At least.
    pub least: u16,
    /// At most.
    pub most: u16,
    /// If nothing else is asked for.
    pub default: u16,
}

/// How long things may take, and how long to wait. They decide verdicts, so reports show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// One operation: the client's command is killed when it takes longer.
    pub operation: Duration,
    /// One request, with all its tries.
    pub request: Duration,
    /// How long a client rests before it tries again where all servers refused.
    pub rest: Duration,
    /// From the moment the cluster is up until a plan begins.
    pub settle: Duration,
    /// How long a cut lasts at least, counted from the moment it is made.
    pub dwell: Duration,
    /// From healing until it is read what survived.
    pub heal: Duration,
    /// The whole way up.
    pub up: Duration,
}

impl Default for Times {
    /// 3 s for an operation, 30 s for a request, 300 ms rest, 1 s to settle, no least length of a cut, 8 s to
    /// heal, 2 min up.
    fn default() -> Self {
        Times {
            operation: Duration::from_secs(3),
            request: Duration::from_secs(30),
            rest: Duration::from_millis(300),
            settle: Duration::from_secs(1),
            dwell: Duration::ZERO,
            heal: Duration::from_secs(8),
            up: Duration::from_secs(120),
        }
    }
}

/// Where a system's file is looked for: a path if it names one, otherwise a shipped subject, each with or
/// without `:variant`.
///
/// # Errors
/// A message with a hint: there is no such subject or variant, or its file has a mistake.
pub fn find(name: &str) -> Result<Subject, String> {
    let is_path = |text: &str| text.ends_with(".toml") || text.contains('/');
    let (file, variant) = match name.rsplit_once(':') {
        Some((file, variant)) if !Path::new(name).exists() => (file, Some(variant)),
        _ => (name, None),
    };
    let file = match is_path(file) {
        true => SubjectFile::load(&PathBuf::from(file)).map_err(|error| error.to_string())?,
        false => shipped(file).ok_or_else(|| {
            let names = shipped_names();
            let near = table::nearest(file, &names).map(|near| format!("did you mean `{near}`? "));
            format!(
                "there is no subject `{file}`\n  hint: {}Shipped are {}; a file of your own is given as a path",
                near.unwrap_or_default(),
                table::words(&names)
            )
        })?,
    };
    file.variant(variant).cloned()
}
