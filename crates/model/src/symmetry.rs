//! Processes that a protocol treats alike: how it says so, and what becomes of calls and steps under other
//! names. That a protocol says so proves nothing; [`asymmetry`] is what to test it with, one call at a time.

use std::fmt;

use crate::process::{Process, System};
use crate::protocol::{Call, Step, StepError, Steps};
use crate::renaming::Renaming;

/// Which processes a protocol treats alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Symmetry {
    /// Whether all servers are alike: with other names for them it does the same, under these names.
    pub servers: bool,
    /// Which clients are.
    pub clients: AlikeClients,
}

/// Which clients a protocol treats alike. Each of these says more than the one before, and is asked for where
/// clients then ask for the same as before ([`crate::Renamings`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlikeClients {
    /// It does not say.
    #[default]
    None,
    /// Clients that only read. That holds for most protocols that choose between writes by the numbers of those
    /// who write.
    Readers,
    /// Clients that ask for the same requests, the values in them included.
    SameRequests,
    /// All clients: with other names for clients and for the values that they write it does the same, under these
    /// names. So it cannot choose between two values that are written at the same time, and no protocol that does
    /// can say it.
    All,
}

impl Symmetry {
    /// It does not say.
    pub const NONE: Symmetry = Symmetry { servers: false, clients: AlikeClients::None };

    /// All servers, and no clients.
    pub const SERVERS: Symmetry = Symmetry { servers: true, clients: AlikeClients::None };

    /// The clients that only read, and no servers.
    pub const READERS: Symmetry = Symmetry { servers: false, clients: AlikeClients::Readers };

    /// All servers, and the clients that only read.
    pub const SERVERS_AND_READERS: Symmetry = Symmetry { servers: true, clients: AlikeClients::Readers };
}

impl fmt::Display for Symmetry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = match self.clients {
            AlikeClients::None => None,
            AlikeClients::Readers => Some("all clients that only read"),
            AlikeClients::SameRequests => Some("all clients that ask for the same"),
            AlikeClients::All => Some("all clients"),
        };
        out.write_str(match (self.servers, clients) {
            (false, None) => "no processes",
            (true, None) => "all servers",
            (false, Some(clients)) => clients,
            (true, Some(clients)) => return write!(out, "all servers and {clients}"),
        })
    }
}

/// A protocol that says that it treats processes alike and does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the protocol says that it treats {symmetry} alike, but {process} does not do as it should when they are renamed \
     ({renaming}): {what}\n  state before renaming: {state}\n  hint: take the declaration out of the protocol \
     (`symmetry`), mend `rename_state` and `rename_message`, or check it with --no-symmetry"
)]
pub struct Asymmetry {
    /// What it says.
    pub symmetry: Symmetry,
    /// Whose step shows it, by its name before renaming.
    pub process: Process,
    /// Its state before renaming.
    pub state: String,
    /// The renaming.
    pub renaming: Renaming,
    /// What is different.
    pub what: String,
}

/// The call in which everybody has the new name.
pub fn renamed_call<S: Steps>(
    steps: &S,
    call: &Call<S::State, S::Message>,
    renaming: &Renaming,
) -> Call<S::State, S::Message> {
    let mut renamed = call.clone();
    renamed.process = renaming.process(call.process);
    renamed.request = call.request.as_ref().map(|request| renaming.request(request));
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
    renamed.response = step.response.as_ref().map(|response| renaming.response(response));
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
    let symmetry = steps.symmetry();
    let wrong = |what: String| {
        let state = format!("{:?}", call.state);
        Asymmetry { symmetry, process: call.process, state, renaming: renaming.clone(), what }
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
    let symmetry = steps.symmetry();
    let wrong = |what| Asymmetry { symmetry, process, state, renaming: renaming.clone(), what };
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
