use std::process::ExitCode;

use threeworlds_engine::Judgement;

/// The exit statuses, the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Holds, valid, done.
    Good,
    /// Fails, rejected, not the expected verdict.
    Bad,
    /// The input or the call is wrong.
    BadInput,
    /// A limit was reached before there was a verdict.
    Unknown,
    /// Of `ask` alone: there is no such key.
    NotFound,
    /// Of `ask` alone: the key has another value.
    Another,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Good => 0,
            Exit::Bad => 1,
            Exit::BadInput => 2,
            Exit::Unknown => 3,
            Exit::NotFound => 4,
            Exit::Another => 5,
        })
    }
}

impl From<Judgement> for Exit {
    fn from(verdict: Judgement) -> Exit {
        match verdict {
            Judgement::Holds => Exit::Good,
            Judgement::Fails => Exit::Bad,
            Judgement::Unknown => Exit::Unknown,
        }
    }
}
