use std::fmt;
use std::time::Duration;

use threeworlds_launch::LaunchError;
use threeworlds_model::StepError;

/// Why a step program cannot be used. It is never a verdict about the protocol.
///
/// Each error says what was asked (`line`, shortened, as all the text in it is), what came back, and
/// what to do. Inside a [`StepError`] it is found with [`ProgramError::of`].
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// No program was given.
    #[error("no step program is given\n  hint: write its command after --, such as: -- python3 protocol.py")]
    NoCommand,
    /// It could not be started.
    #[error("cannot start the step program: {0}")]
    Start(#[from] LaunchError),
    /// The program ended, or closed its stdout, while answers were due.
    #[error("the step program ended before it answered: {how}\n  line:   {line}\n{output}  hint: {hint}")]
    Ended {
        /// The exit status or the signal.
        how: String,
        /// The first line without an answer.
        line: String,
        /// The last that it wrote.
        output: LastOutput,
        /// What to do.
        hint: &'static str,
    },
    /// No answer within the deadline.
    #[error(
        "the step program gives no answer within {} s\n  line:   {line}\n{output}  hint: {hint}",
        .deadline.as_secs_f64()
    )]
    Silent {
        /// The deadline.
        deadline: Duration,
        /// The first line without an answer.
        line: String,
        /// The last that it wrote.
        output: LastOutput,
        /// What to do.
        hint: &'static str,
    },
    /// An answer that is not a JSON object.
    #[error(
        "the step program answers with something other than a JSON object: {why}\n  line:   {line}\n  \
         answer: {answer}\n  hint: {hint}"
    )]
    NotJson {
        /// What is wrong.
        why: String,
        /// The line that was asked.
        line: String,
        /// The answer.
        answer: String,
        /// What to do.
        hint: &'static str,
    },
    /// An answer with a wrong key, type or name in it.
    #[error(
        "the step program gives a wrong answer: {why}\n  line:   {line}\n  answer: {answer}\n  hint: {hint}"
    )]
    WrongAnswer {
        /// What is wrong.
        why: String,
        /// The line that was asked.
        line: String,
        /// The answer.
        answer: String,
        /// What to do.
        hint: &'static str,
    },
    /// An answer to another line than the one whose turn it is.
    #[error(
        "the step program answers with id {found} where the answer with id {expected} is due: {why}\n  \
         line:   {line}\n  answer: {answer}\n  hint: answer each line with one line, in order, with the id of \
         the line"
    )]
    WrongId {
        /// The id of the line.
        expected: u64,
        /// The id of the answer.
        found: u64,
        /// What the answer seems to be.
        why: &'static str,
        /// The line that was asked.
        line: String,
        /// The answer.
        answer: String,
    },
    /// An answer that is longer than [`Options::line_bytes_max`](crate::Options::line_bytes_max).
    #[error(
        "the step program writes a line of more than {bytes_max} bytes\n  line:   {line}\n  answer: \
         {answer}\n  hint: end each answer with a newline; keep states small, for the engine visits many"
    )]
    TooLong {
        /// The limit.
        bytes_max: usize,
        /// The line that was asked.
        line: String,
        /// How the answer begins.
        answer: String,
    },
    /// A line on stdout that answers nothing.
    #[error(
        "the step program writes a line that nothing asked for\n  line:   {line}\n  answer: {answer}\n  hint: \
         answer each line with one line, and print debug output to stderr"
    )]
    Extra {
        /// The last line that was asked.
        line: String,
        /// The line that is too much.
        answer: String,
    },
    /// Two different answers to the same line.
    #[error(
        "the step program is not deterministic: it gives two different answers to the same line{when}\n  \
         line:   {line}\n  first:  {first}\n  second: {second}\n  hint: an answer may depend on its line \
         alone: keep nothing between lines, and use no clock, no random numbers and no order of a hash table"
    )]
    NotDeterministic {
        /// Under which circumstances; empty when in the same run of the program.
        when: &'static str,
        /// The line that was asked twice.
        line: String,
        /// The first answer, from shortly before the difference.
        first: String,
        /// The second answer, likewise.
        second: String,
    },
    /// A cache has another answer than the program gives now.
    #[error(
        "the step cache has another answer to a line than the step program gives now\n  line:   {line}\n  \
         kept:   {kept}\n  answer: {answer}\n  hint: the program is not deterministic, or it reads what the \
         cache does not know of, such as a package that is installed elsewhere; what {folder} held of it is \
         removed, so run it again"
    )]
    Outdated {
        /// Where the cache is.
        folder: String,
        /// The line.
        line: String,
        /// The answer in the cache, from shortly before the difference.
        kept: String,
        /// The answer of the program, likewise.
        answer: String,
    },
    /// A program whose answers cannot be kept, because nobody could tell when it changes.
    #[error("the step program's answers cannot be kept: {why}\n  hint: {hint}")]
    NotCacheable {
        /// What is wrong.
        why: String,
        /// What to do.
        hint: &'static str,
    },
    /// A folder for answers that cannot be used.
    #[error(
        "answers cannot be kept in {folder}: {why}\n  hint: name another folder, or leave out --step-cache"
    )]
    CacheFolder {
        /// The folder.
        folder: String,
        /// What is wrong.
        why: String,
    },
    /// The stop flag was raised.
    #[error("interrupted while the step program worked")]
    Interrupted,
    /// A use after an earlier error, or after the end.
    #[error("the step program was ended already\n  hint: start it again")]
    Over,
}

impl ProgramError {
    /// The error of a step program in the error of a step, if that is what it is.
    pub fn of(error: &StepError) -> Option<&ProgramError> {
        match error {
            StepError::Source(source) => source.downcast_ref(),
            _ => None,
        }
    }
}

impl From<ProgramError> for StepError {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::Interrupted => StepError::Interrupted,
            error => StepError::Source(Box::new(error)),
        }
    }
}

/// What a program wrote last, for an error; a line each, nothing for what is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastOutput {
    /// The beginning of a line on stdout that was not ended.
    pub unfinished: String,
    /// The last lines on stderr.
    pub stderr: String,
}

impl fmt::Display for LastOutput {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.unfinished.is_empty() {
            writeln!(out, "  stdout: {} (no newline after it)", self.unfinished)?;
        }
        let mut label = "stderr:";
        for line in self.stderr.lines() {
            writeln!(out, "  {label} {line}")?;
            label = "       ";
        }
        Ok(())
    }
}

/// The longest that a text from or for the program may be in an error, in characters.
const SHOWN_CHARACTERS_MAX: usize = 200;

/// The beginning of a text, with nothing in it that could disturb a terminal.
pub(crate) fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS_MAX).map(visible).collect();
    if shown.is_empty() {
        shown.push_str("(an empty line)");
    } else if text.chars().nth(SHOWN_CHARACTERS_MAX).is_some() {
        shown.push_str(&format!("... ({} bytes)", text.len()));
    }
    shown
}

/// Two texts, each from shortly before the place where they begin to differ.
pub(crate) fn shorten_to_difference(first: &str, second: &str) -> (String, String) {
    let same = first.chars().zip(second.chars()).take_while(|(left, right)| left == right).count();
    if same < SHOWN_CHARACTERS_MAX / 2 {
        return (shorten(first), shorten(second));
    }
    let skipped = same - SHOWN_CHARACTERS_MAX / 4;
    let from_there = |text: &str| format!("...{}", shorten(&text.chars().skip(skipped).collect::<String>()));
    (from_there(first), from_there(second))
}

/// The character itself, or a mark for one that is not printed.
pub(crate) fn visible(character: char) -> char {
    if character.is_control() && character != '\t' { char::REPLACEMENT_CHARACTER } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shortened_and_control_characters_replaced() {
        assert_eq!(shorten("a\u{1b}[31m"), "a\u{fffd}[31m");
        assert_eq!(shorten(""), "(an empty line)");
        assert_eq!(shorten(&"x".repeat(200)), "x".repeat(200));
        assert_eq!(shorten(&"x".repeat(201)), format!("{}... (201 bytes)", "x".repeat(200)));
    }

    #[test]
    fn a_late_difference_is_shown() {
        let (first, second) = shorten_to_difference(
            &format!("{}1{}", "x".repeat(1000), "y".repeat(1000)),
            &format!("{}2", "x".repeat(1000)),
        );
        assert!(first.starts_with("...xxx") && first.contains("x1y"), "{first}");
        assert!(second.ends_with("x2"), "{second}");
    }
}
