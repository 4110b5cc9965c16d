//! Why a program that a user named could not be started, as precisely as the files tell, and what to do.
//! It looks at files after the attempt: what changed in between it cannot see.

use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is no such program.
    #[error("`{program}` is not found\n  hint: {hint}")]
    NotFound {
        /// The program, as given.
        program: String,
        /// What to do.
        hint: String,
    },
    /// The file is there, but the interpreter that its first line names is not.
    #[error(
        "`{program}` is there, but its interpreter `{interpreter}` is not found\n  hint: is it installed? \
         Correct the first line of the file, or put the interpreter in front, such as: -- python3 {program}"
    )]
    NoInterpreter {
        /// The program, as given.
        program: String,
        /// What its first line names.
        interpreter: String,
    },
    /// The file is there, but may not be run.
    #[error("`{program}` is not executable\n  hint: {hint}")]
    NotExecutable {
        /// The program, as given.
        program: String,
        /// What to do.
        hint: String,
    },
    /// The system refused to start the program or to watch it.
    #[error("`{program}`: {source}")]
    Start {
        /// The program, as given.
        program: String,
        /// Why.
        source: io::Error,
    },
}

/// Why a program could not be started, from the error of the attempt.
pub fn diagnose(program: &str, source: io::Error) -> LaunchError {
    let program = program.to_owned();
    let file = find(&program);
    match (source.kind(), file) {
        (ErrorKind::NotFound, Some(file)) => match interpreter(&file) {
            Some(interpreter) => LaunchError::NoInterpreter { program, interpreter },
            None => LaunchError::Start { program, source },
        },
        (ErrorKind::NotFound, None) => {
            let hint = if let Some((name, _)) = program.split_once(' ') {
                format!(
                    "give the program and each argument as a word of its own, without quotes: -- {name} ..."
                )
            } else if program.contains(['/', '\\']) {
                "is the path right? It is relative to the folder in which you are".to_owned()
            } else if Path::new(&program).exists() {
                format!(
                    "there is a file of that name here: write ./{program}, or put its interpreter in front"
                )
            } else {
                "is it installed and on the PATH?".to_owned()
            };
            LaunchError::NotFound { program, hint }
        }
        (ErrorKind::PermissionDenied, file) => {
            let hint = if file.is_some_and(|file| file.is_dir()) {
                "it is a folder; give a program in it".to_owned()
            } else {
                format!(
                    "make it so with: chmod +x {program}, or put its interpreter in front, such as: -- python3 \
                     {program}"
                )
            };
            LaunchError::NotExecutable { program, hint }
        }
        _ if is_unknown_format(&source) => {
            let hint = format!(
                "it is neither a program for this machine nor a script that begins with #!; put its \
                 interpreter in front, such as: -- python3 {program}"
            );
            LaunchError::NotExecutable { program, hint }
        }
        _ => LaunchError::Start { program, source },
    }
}

/// The file that the name stands for: a path, or a name to look for on the PATH.
fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') || (cfg!(windows) && program.contains('\\')) {
        return Some(PathBuf::from(program)).filter(|file| file.exists());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// What the first line of a script names after `#!`.
fn interpreter(file: &Path) -> Option<String> {
    let mut beginning = Vec::new();
    std::fs::File::open(file).ok()?.take(256).read_to_end(&mut beginning).ok()?;
    let first_line = beginning.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let text = String::from_utf8_lossy(first_line);
    // A script with Windows line ends asks for `python3\r`, which is what must be shown then.
    let interpreter = text.trim_start().split([' ', '\t']).next()?;
    Some(interpreter.replace('\r', "\\r"))
}

/// `ENOEXEC`, and on Windows "not a valid Win32 application".
fn is_unknown_format(error: &io::Error) -> bool {
    error.raw_os_error() == Some(if cfg!(windows) { 193 } else { 8 })
}
