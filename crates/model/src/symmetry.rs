//! Processes that a protocol treats alike: how it says so, and what becomes of calls and steps under other
//! names. That a protocol says so proves nothing; [`asymmetry`] is what to test it with, one call at a time.

use std::fmt;

use crate::process::{Process, System};
use crate::protocol::{Call, Step, StepError, Steps};

/// Which processes a protocol treats alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symmetry {
    /// It does not say.
    #[default]
    None,
    /// All servers: with other names for them it does the same, under these names.
    Servers,
}

/// Other names for the servers of a system: a permutation of them. Clients keep theirs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Renaming {
    /// The new number of `s1`, of `s2`, and so on.
    servers: Vec<u16>,
}

impl Renaming {
    /// The renaming in which everybody keeps the name.
    pub fn identity(servers: u16) -> Renaming {
        Renaming { servers: (1..=servers).collect() }
    }

    /// The renaming with this number: 0 is the identity, and as many numbers as there are permutations
    /// ([`Renaming::count`]) give each of them once, in lexicographic order; then they come again.
    pub fn numbered(servers: u16, number: u64) -> Renaming {
        let mut left: Vec<u16> = (1..=servers).collect();
        let mut rest = number % Renaming::count(servers);
        let mut renaming = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let behind =
                Renaming::count(u16::try_from(left.len() - 1).expect("there are at most as many servers"));
            let at = usize::try_from(rest / behind).expect("a position in a list");
            renaming.push(left.remove(at.min(left.len() - 1)));
            rest %= behind;
        }
        Renaming { servers: renaming }
    }

    /// How many renamings of so many servers there are, as far as 64 bits can count.
    pub fn count(servers: u16) -> u64 {
        (1..=u64::from(servers)).fold(1, u64::saturating_mul)
    }

    /// The renaming in which the server at each position (from 0) gets the number of the server at that
    /// position of the list; `None` if that is no permutation.
    pub fn of_positions(positions: &[usize]) -> Option<Renaming> {
        let mut sorted = positions.to_vec();
        sorted.sort_unstable();
        let permutes = sorted.iter().enumerate().all(|(at, &position)| at == position);
        let servers = positions.iter().map(|&position| u16::try_from(position + 1).ok());
        permutes.then(|| servers.collect::<Option<_>>()).flatten().map(|servers| Renaming { servers })
    }

    /// The new name of a process.
    pub fn process(&self, process: Process) -> Process {
        match process {
            Process::Server(number) => match self.servers.get(usize::from(number).wrapping_sub(1)) {
                Some(&new) => Process::Server(new),
                None => process,
            },
            Process::Client(_) => process,
        }
    }

    /// The renaming that does the other one first and then this one.
    #[must_use]
    pub fn after(&self, first: &Renaming) -> Renaming {
        let server = |&number: &u16| self.process(Process::Server(number)).number();
        Renaming { servers: first.servers.iter().map(server).collect() }
    }
}

impl fmt::Display for Renaming {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = (1u16..).zip(&self.servers).filter(|(old, new)| old != *new);
        let words: Vec<String> = changed.map(|(old, new)| format!("s{old} called s{new}")).collect();
        out.write_str(&if words.is_empty() {
            "every server called as before".to_owned()
        } else {
            words.join(", ")
        })
    }
}

/// A protocol that says that it treats servers alike and does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the protocol says that it treats all servers alike, but {process} does not do as it should when the servers are \
     renamed ({renaming}): {what}\n  state before renaming: {state}\n  hint: take the declaration out of the \
     protocol (`symmetry`), mend `rename_state` and `rename_message`, or check it with --no-symmetry"
)]
pub struct Asymmetry {
    /// Whose step shows it, by its name before renaming.
    pub process: Process,
    /// Its state before renaming.
    pub state: String,
    /// The renaming.
    pub renaming: Renaming,
    /// What is different.
    pub what: String,
}

/// The call in which everybody has the new name. Needs [`Steps::symmetry`] to be true.
pub fn renamed_call<S: Steps>(
    steps: &S,
    call: &Call<S::State, S::Message>,
    renaming: &Renaming,
) -> Call<S::State, S::Message> {
    let mut renamed = call.clone();
    renamed.process = renaming.process(call.process);
    steps.rename_state(&mut renamed.state, renaming);
    for (from, message) in &mut renamed.received {
        *from = renaming.process(*from);
        steps.rename_message(message, renaming);
    }
    renamed.received.sort_by_key(|&(from, _)| from);
    renamed
}

/// The step in which everybody has the new name, with what it sends sorted by receiver: under new names the
/// order of sending is another one, so it can mean nothing.
pub fn renamed_step<S: Steps>(
    steps: &S,
    step: &Step<S::State, S::Message>,
    renaming: &Renaming,
) -> Step<S::State, S::Message> {
    let mut renamed = step.clone();
    steps.rename_state(&mut renamed.state, renaming);
    for (to, message) in &mut renamed.send {
        *to = renaming.process(*to);
        steps.rename_message(message, renaming);
    }
    renamed.send.sort_by_key(|&(to, _)| to);
    renamed
}

/// Looks whether a step is the same under other names, and whether names can be changed one after the other:
/// the step under the renaming, and this renaming after the `other`. `Err` inside says what is wrong.
///
/// # Errors
/// When the renamed step cannot be taken.
pub fn asymmetry<S: Steps>(
    steps: &mut S,
    call: &Call<S::State, S::Message>,
    step: &Step<S::State, S::Message>,
    renaming: &Renaming,
    other: &Renaming,
) -> Result<Result<(), Asymmetry>, StepError> {
    let wrong = |what: String| {
        let state = format!("{:?}", call.state);
        Asymmetry { process: call.process, state, renaming: renaming.clone(), what }
    };
    let expected = renamed_step(steps, step, renaming);
    let twice = renamed_step(steps, &renamed_step(steps, step, other), renaming);
    if twice != renamed_step(steps, step, &renaming.after(other)) {
        return Ok(Err(wrong(format!(
            "renaming its next state and its messages after having renamed them ({other}) is not the same as \
             renaming them once"
        ))));
    }
    let renamed = renamed_call(steps, call, renaming);
    let mut taken = steps.steps(std::slice::from_ref(&renamed))?;
    let Some(mut taken) = taken.pop() else { return Ok(Ok(())) };
    taken.send.sort_by_key(|&(to, _)| to);
    Ok(difference(steps, renamed.process, &expected, &taken).map_err(wrong))
}

/// The same for what processes start with.
///
/// # Errors
/// When the protocol cannot be started.
pub fn asymmetry_of_start<S: Steps>(
    steps: &mut S,
    process: Process,
    system: &System,
    renaming: &Renaming,
) -> Result<Result<(), Asymmetry>, StepError> {
    let start = steps.start(process, system)?;
    let expected = renamed_step(steps, &start, renaming);
    let mut taken = steps.start(renaming.process(process), system)?;
    taken.send.sort_by_key(|&(to, _)| to);
    let state = format!("{:?}", start.state);
    let wrong = |what| Asymmetry { process, state, renaming: renaming.clone(), what };
    Ok(difference(steps, renaming.process(process), &expected, &taken).map_err(wrong))
}

fn difference<S: Steps>(
    steps: &S,
    process: Process,
    expected: &Step<S::State, S::Message>,
    taken: &Step<S::State, S::Message>,
) -> Result<(), String> {
    if expected.state != taken.state {
        return Err(format!(
            "{process} should come to the state {:?} and comes to {:?}",
            expected.state, taken.state
        ));
    }
    if expected.response != taken.response {
        let words = |step: &Step<S::State, S::Message>| {
            step.response.as_ref().map_or("nothing".to_owned(), ToString::to_string)
        };
        return Err(format!("{process} should answer {} and answers {}", words(expected), words(taken)));
    }
    if expected.send != taken.send {
        let words = |step: &Step<S::State, S::Message>| {
            let message =
                |(to, message): &(Process, S::Message)| format!("{} to {to}", steps.message_json(message));
            let all: Vec<String> = step.send.iter().map(message).collect();
            if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
        };
        return Err(format!("{process} should send {} and sends {}", words(expected), words(taken)));
    }
    Ok(())
}
