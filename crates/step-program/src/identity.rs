//! What a step program is, as far as a cache has to know it: its command, the folder it runs in, the variables
//! that change what interpreters load, the program itself, its interpreter, and the contents of every file that
//! its command names and of all files beside these and below. What else it reads does not count: packages that
//! are installed elsewhere, hidden files, a version that a launcher such as pyenv's chooses, the network. So a
//! sample of what a cache answers is put to the program at the end of every run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use crate::error::ProgramError;

/// What tells a program from every other: the SHA-256 of all that is said above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(pub(crate) [u8; 32]);

/// Names of variables, or how they begin, that change what an interpreter loads or how it computes.
const VARIABLES: [&str; 17] = [
    "PATH",
    "LD_",
    "DYLD_",
    "LANG",
    "LC_",
    "TZ",
    "PYTHON",
    "PYENV_",
    "VIRTUAL_ENV",
    "NODE_",
    "NVM_",
    "RUBY",
    "GEM_",
    "PERL",
    "JAVA_",
    "CLASSPATH",
    "GO",
];
/// The most files of a program, and the most bytes in them. A folder that holds more is no program's.
const FILES_MAX: usize = 2_000;
const BYTES_MAX: u64 = 64 << 20;

impl Identity {
    /// That of this command, here and now. `cache` is the cache's own folder, which is no part of the program.
    pub(crate) fn of(command: &[String], cache: &Path) -> Result<Identity, ProgramError> {
        let mut parts = Parts {
            cache: std::fs::canonicalize(cache).unwrap_or_else(|_| cache.to_owned()),
            text: Vec::new(),
            files: BTreeMap::new(),
            folders: BTreeSet::new(),
            bytes: 0,
        };
        parts.say(&["threeworlds/step-cache/1", env!("CARGO_PKG_VERSION")]);
        command.iter().for_each(|word| parts.say(&["word", word]));
        let folder = std::env::current_dir().map_err(|error| unreadable(Path::new("."), &error))?;
        parts.say(&["folder", &folder.to_string_lossy()]);
        let variables: BTreeMap<_, _> = std::env::vars_os().collect();
        for (name, value) in variables {
            let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
            if VARIABLES.iter().any(|start| name.starts_with(start)) {
                parts.say(&["variable", &name, &value]);
            }
        }
        let Some((program, arguments)) = command.split_first() else { return Err(ProgramError::NoCommand) };
        let has_folder = program.contains(['/', std::path::MAIN_SEPARATOR]);
        let found = if has_folder { Some(PathBuf::from(program)) } else { on_the_path(program) };
        if let Some(path) = found.filter(|path| path.is_file()) {
            parts.program(&path)?;
            if has_folder && !is_native(&path) {
                parts.beside(&path)?;
            }
        }
        for word in arguments {
            let value = word.split_once('=').map_or(word.as_str(), |(_, value)| value);
            for path in BTreeSet::from([Path::new(word), Path::new(value)]) {
                if path.is_dir() {
                    parts.folder(path)?;
                } else if path.is_file() {
                    parts.file(path)?;
                    parts.beside(path)?;
                }
            }
        }
        if parts.files.is_empty() && !has_folder {
            return Err(ProgramError::NotCacheable {
                why: "its command names no file of the program".to_owned(),
                hint: "name the file, as in `-- python3 protocol.py`, or leave out --step-cache",
            });
        }
        Ok(Identity(parts.digest()))
    }

    /// As the beginning of a file's name.
    pub(crate) fn name(&self) -> String {
        self.0[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

struct Parts {
    cache: PathBuf,
    /// Each part with its length before it.
    text: Vec<u8>,
    files: BTreeMap<PathBuf, [u8; 32]>,
    folders: BTreeSet<PathBuf>,
    bytes: u64,
}

impl Parts {
    fn say(&mut self, words: &[&str]) {
        for word in words {
            write!(self.text, "{}:{word}", word.len()).expect("writing into memory");
        }
    }

    /// An executable: not its contents, which can be large, but what changes with them; and its interpreter.
    fn program(&mut self, path: &Path) -> Result<(), ProgramError> {
        let path = std::fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
        let metadata = std::fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
        self.say(&["program", &path.to_string_lossy(), &stamp(&metadata)]);
        if let Some(interpreter) = interpreter(&path) {
            let interpreter = std::fs::canonicalize(&interpreter).unwrap_or(interpreter);
            if let Ok(metadata) = std::fs::metadata(&interpreter) {
                self.say(&["interpreter", &interpreter.to_string_lossy(), &stamp(&metadata)]);
            }
        }
        Ok(())
    }

    /// All files in the folder of a file, where the name is and where the file is, and below.
    fn beside(&mut self, path: &Path) -> Result<(), ProgramError> {
        let real = std::fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
        for path in [path, &real] {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            self.folder(folder.unwrap_or(Path::new(".")))?;
        }
        Ok(())
    }

    fn folder(&mut self, folder: &Path) -> Result<(), ProgramError> {
        let folder = std::fs::canonicalize(folder).map_err(|error| unreadable(folder, &error))?;
        if folder == self.cache || !self.folders.insert(folder.clone()) {
            return Ok(());
        }
        let entries = std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&folder, &error))?;
            let name = entry.file_name();
            // What interpreters and editors write beside a program.
            if name.to_string_lossy().starts_with('.') || name == "__pycache__" {
                continue;
            }
            let path = entry.path();
            if path.is_dir() {
                self.folder(&path)?;
            } else if path.is_file() {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), ProgramError> {
        let path = std::fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
        if self.files.contains_key(&path) {
            return Ok(());
        }
        let mut file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
        let mut contents = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = file.read(&mut buffer).map_err(|error| unreadable(&path, &error))?;
            if read == 0 {
                break;
            }
            self.bytes += read as u64;
            if self.bytes > BYTES_MAX || self.files.len() >= FILES_MAX {
                let folder = path.parent().unwrap_or(Path::new(".")).display();
                return Err(ProgramError::NotCacheable {
                    why: format!(
                        "what lies beside it, in {folder} and elsewhere, is too much to be the program"
                    ),
                    hint: "put the program into a folder of its own, or leave out --step-cache",
                });
            }
            contents.update(&buffer[..read]);
        }
        self.files.insert(path, contents.finalize().into());
        Ok(())
    }

    fn digest(self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(&self.text);
        for (path, contents) in &self.files {
            let path = path.to_string_lossy();
            digest.update(format!("4:file{}:{path}", path.len()));
            digest.update(contents);
        }
        digest.finalize().into()
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ProgramError {
    ProgramError::NotCacheable {
        why: format!("{} cannot be read: {error}", path.display()),
        hint: "make it readable, move it elsewhere, or leave out --step-cache",
    }
}

/// What changes when a file is written again or another takes its place.
fn stamp(metadata: &Metadata) -> String {
    let time = |time: std::io::Result<std::time::SystemTime>| {
        time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default().as_nanos()
    };
    let mut stamp = format!("{} {}", metadata.len(), time(metadata.modified()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let changed = format!(" {} {}.{}", metadata.ino(), metadata.ctime(), metadata.ctime_nsec());
        stamp.push_str(&changed);
    }
    #[cfg(not(unix))]
    stamp.push('.');
    stamp
}

fn on_the_path(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let names = [program.to_owned(), format!("{program}{}", std::env::consts::EXE_SUFFIX)];
    let mut places =
        std::env::split_paths(&folders).flat_map(|folder| names.clone().map(|name| folder.join(name)));
    places.find(|place| place.is_file())
}

fn beginning(path: &Path) -> Vec<u8> {
    let mut start = Vec::new();
    if let Ok(file) = File::open(path) {
        let _ = file.take(256).read_to_end(&mut start);
    }
    start
}

/// Whether it is machine code, which loads nothing that lies beside it.
fn is_native(path: &Path) -> bool {
    const MAGIC: [&[u8]; 6] = [
        b"\x7fELF",
        b"MZ",
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
    ];
    let start = beginning(path);
    MAGIC.iter().any(|magic| start.starts_with(magic))
}

/// What the first line of a script names, `#!/usr/bin/env python3` looked up on the PATH.
fn interpreter(path: &Path) -> Option<PathBuf> {
    let start = beginning(path);
    let line = start.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split_whitespace();
    let first = PathBuf::from(words.next()?);
    if first.file_name().is_some_and(|name| name == "env") {
        return on_the_path(words.find(|word| !word.starts_with('-') && !word.contains('='))?);
    }
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file is written");
    }

    fn of(words: &[&str], cache: &Path) -> Result<Identity, String> {
        let command: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        Identity::of(&command, cache).map_err(|error| error.to_string())
    }

    #[test]
    fn whatever_belongs_to_the_program_changes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (program, cache) = (folder.path().join("a/p.py"), folder.path().join("a/cache"));
        let program = program.to_str().expect("the path is text");
        write(folder.path(), "a/p.py", "import helper");
        write(folder.path(), "a/helper.py", "1");
        write(folder.path(), "a/package/deep.py", "1");
        write(folder.path(), "a/cache/x.steps", "1");
        write(folder.path(), "b/other.py", "1");
        let words = ["python3", program];
        let first = of(&words, &cache).expect("it is cacheable");
        let mut seen = vec![first];
        for (name, text) in [("a/p.py", "import helper "), ("a/helper.py", "2"), ("a/package/deep.py", "2")] {
            write(folder.path(), name, text);
            let next = of(&words, &cache).expect("it is cacheable");
            assert!(!seen.contains(&next), "{name}");
            seen.push(next);
        }
        for name in ["a/cache/x.steps", "b/other.py", "a/.hidden", "a/__pycache__/p.pyc"] {
            write(folder.path(), name, "3");
            assert_eq!(of(&words, &cache).as_ref(), Ok(&seen[3]), "{name}");
        }
        write(folder.path(), "a/new.py", "");
        assert_ne!(of(&words, &cache), Ok(seen[3]));
        assert_ne!(of(&["python3", "-O", program], &cache), of(&words, &cache));
        assert_ne!(of(&["python3", program, "x"], &cache), of(&words, &cache));
    }

    #[test]
    fn a_program_in_no_file_is_not_cacheable() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = of(&["python3", "-c", "print(1)"], folder.path()).expect_err("there is no file");
        assert!(error.contains("names no file") && error.contains("hint: name the file"), "{error}");
    }

    #[test]
    fn too_much_beside_it_is_not_cacheable() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "p.py", "1");
        for number in 0..FILES_MAX {
            write(folder.path(), &format!("{number}.txt"), "1");
        }
        let program = folder.path().join("p.py");
        let error = of(&["python3", program.to_str().expect("text")], &folder.path().join("cache"));
        let error = error.expect_err("that is too much");
        assert!(error.contains("too much") && error.contains("a folder of its own"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn a_script_is_its_interpreter_too_and_machine_code_is_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "p", "#!/usr/bin/env -S sh -u\n");
        assert_eq!(interpreter(&folder.path().join("p")), on_the_path("sh"));
        write(folder.path(), "q", "#! /bin/sh\n");
        assert_eq!(interpreter(&folder.path().join("q")), Some(PathBuf::from("/bin/sh")));
        let own = std::env::current_exe().expect("a test is a program");
        assert!(is_native(&own) && !is_native(&folder.path().join("p")));
        assert!(of(&[own.to_str().expect("text")], folder.path()).is_ok());
    }
}
