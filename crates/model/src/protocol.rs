use std::fmt::Debug;
use std::hash::Hash;

use crate::process::{Process, System};
use crate::renaming::Renaming;
use crate::request::{Request, Response};
use crate::symmetry::{Asymmetry, Symmetry};

/// A replication protocol: a pure, deterministic step function, the same for every process, which
/// decides by its own id (`me`) whether it is a server or a client.
///
/// The engine calls `start` once for each process and `step` for every distinct local situation it meets,
/// in any order and as often as it likes. So an implementation must not depend on anything but the
/// arguments and on `self`, which never changes.
///
/// There is no clock. A protocol that counts rounds counts them in its state; keep the states finite where
/// the protocol allows (a view that changes only on evidence, not for ever), for then a verdict holds for
/// executions of any length.
pub trait Protocol {
    /// What a process remembers from one round to the next. Like the messages it goes from thread to thread
    /// and outlives the protocol, for whoever keeps it.
    type State: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// What processes send to each other.
    type Message: Clone + Eq + Ord + Hash + Debug + Send + Sync + 'static;

    /// The state before round 1, and what leaves in round 1. No response yet.
    fn start(&self, me: Process, system: &System) -> Step<Self::State, Self::Message>;

    /// One round: from the state, the request if the environment issues one in this round (clients only,
    /// and never while one is outstanding), and the messages that arrived, sorted by sender, at most one
    /// from each; to the next state, what leaves in the next round, and for a client with an outstanding
    /// request possibly the response to it.
    fn step(
        &self,
        me: Process,
        state: &Self::State,
        request: Option<&Request>,
        received: &[(Process, Self::Message)],
    ) -> Step<Self::State, Self::Message>;

    /// The message as a few words for diagrams and files; different messages need different words.
    fn describe(&self, message: &Self::Message) -> String {
        format!("{message:?}")
    }

    /// Calls `visit` with every *age* in a state: every number that says for how long something has been
    /// so, and that may grow for ever. States that differ only in how far apart ages are, and not in their
    /// order, are explored as one ([`crate::least_ages`]): that lets the exploration of a protocol come to
    /// an end whose ages do not.
    ///
    /// The implementor promises that ages are only compared with each other and with 0, copied, set to 0, and
    /// increased by 1 **in all states and messages of the system at once**, in the rounds in which they are
    /// increased at all: then ages that are further apart make no difference to any step but in the ages
    /// themselves. A protocol without such a common clock has none to show. [`crate::least_ages`] is what
    /// to test the promise with.
    fn ages_of_state(&self, _state: &mut Self::State, _visit: &mut dyn FnMut(&mut u32)) {}

    /// The same for a message.
    fn ages_of_message(&self, _message: &mut Self::Message, _visit: &mut dyn FnMut(&mut u32)) {}

    /// Calls `visit` with every *term* in a state, always in the same order: every number that may grow for
    /// ever, such as a ballot. With them a run that repeats but for higher terms is known to repeat (see
    /// [`crate::recurs`]); without them it goes on until a bound.
    ///
    /// The implementor promises that terms are only compared with each other and with 0, copied, and
    /// increased by 1: then a run in which terms are further apart is the same run. What it may not do is
    /// leave out a term that it compares with one that it shows.
    fn terms_of_state(&self, _state: &mut Self::State, _visit: &mut dyn FnMut(&mut u32)) {}

    /// The same for a message.
    fn terms_of_message(&self, _message: &mut Self::Message, _visit: &mut dyn FnMut(&mut u32)) {}

    /// Which processes the protocol treats alike. States that differ in nothing but the names of such processes
    /// (and of the values that such clients write) are then explored as one, which leaves a part of them, at most one
    /// in as many as there are ways to rename.
    ///
    /// The implementor promises that every step under new names is the step, under new names: of the renamed
    /// process, from the renamed state, with the renamed request, and with what the renamed senders sent renamed, to
    /// the renamed state, sending the renamed messages to the renamed receivers and giving the renamed response; and
    /// likewise for [`Protocol::start`]. It is asked for the renamings that [`crate::Renamings`] has for the
    /// declaration and for what clients ask for, so that in most workloads few clients change places. The order of
    /// sending may be another. The engine tests the promise on a sample of the steps that it takes, and ends with an
    /// error when it is broken. A protocol that goes by the order of its servers (the lowest leads) cannot promise it
    /// for servers, one that goes by the order of its clients (the lowest that writes wins) not for clients that
    /// write, and one with ages for nobody.
    fn symmetry(&self) -> Symmetry {
        Symmetry::NONE
    }

    /// Gives every process that a state names its new name, and every value ([`Renaming::process`],
    /// [`Renaming::value`]). For protocols that treat processes alike.
    fn rename_state(&self, _state: &mut Self::State, _renaming: &Renaming) {}

    /// The same for a message.
    fn rename_message(&self, _message: &mut Self::Message, _renaming: &Renaming) {}
}

impl<P: Protocol> Protocol for &P {
    type State = P::State;
    type Message = P::Message;

    fn start(&self, me: Process, system: &System) -> Step<Self::State, Self::Message> {
        P::start(self, me, system)
    }

    fn step(
        &self,
        me: Process,
        state: &Self::State,
        request: Option<&Request>,
        received: &[(Process, Self::Message)],
    ) -> Step<Self::State, Self::Message> {
        P::step(self, me, state, request, received)
    }

    fn describe(&self, message: &Self::Message) -> String {
        P::describe(self, message)
    }

    fn ages_of_state(&self, state: &mut Self::State, visit: &mut dyn FnMut(&mut u32)) {
        P::ages_of_state(self, state, visit);
    }

    fn ages_of_message(&self, message: &mut Self::Message, visit: &mut dyn FnMut(&mut u32)) {
        P::ages_of_message(self, message, visit);
    }

    fn terms_of_state(&self, state: &mut Self::State, visit: &mut dyn FnMut(&mut u32)) {
        P::terms_of_state(self, state, visit);
    }

    fn terms_of_message(&self, message: &mut Self::Message, visit: &mut dyn FnMut(&mut u32)) {
        P::terms_of_message(self, message, visit);
    }

    fn symmetry(&self) -> Symmetry {
        P::symmetry(self)
    }

    fn rename_state(&self, state: &mut Self::State, renaming: &Renaming) {
        P::rename_state(self, state, renaming);
    }

    fn rename_message(&self, message: &mut Self::Message, renaming: &Renaming) {
        P::rename_message(self, message, renaming);
    }
}

/// What a process does in one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<S, M> {
    /// The next state.
    pub state: S,
    /// What leaves in the next round, in sending order: at most one message to each other process, none to
    /// oneself, and only along links.
    pub send: Vec<(Process, M)>,
    /// The response to the outstanding request.
    pub response: Option<Response>,
}

impl<S, M> Step<S, M> {
    /// A step to this state that sends nothing and answers nothing.
    pub fn quiet(state: S) -> Self {
        Step { state, send: Vec::new(), response: None }
    }
}

/// The arguments of one [`Protocol::step`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<S, M> {
    /// Who takes the step.
    pub process: Process,
    /// Its state.
    pub state: S,
    /// The request that the environment issues to it in this round.
    pub request: Option<Request>,
    /// What it received, sorted by sender.
    pub received: Vec<(Process, M)>,
}

/// A protocol that can fail and that answers many steps at a time: what the engine drives.
///
/// Every [`Protocol`] is one by reference; a step program in another language implements it directly.
pub trait Steps {
    /// See [`Protocol::State`].
    type State: Clone + Eq + Hash + Debug;
    /// See [`Protocol::Message`].
    type Message: Clone + Eq + Ord + Hash + Debug;

    /// See [`Protocol::start`].
    fn start(&mut self, me: Process, system: &System) -> Result<Step<Self::State, Self::Message>, StepError>;

    /// The steps for these calls, in the same order; see [`Protocol::step`]. Each answer depends on its
    /// own call alone.
    #[expect(clippy::type_complexity, reason = "an alias would hide that it is a list of steps")]
    fn steps(
        &mut self,
        calls: &[Call<Self::State, Self::Message>],
    ) -> Result<Vec<Step<Self::State, Self::Message>>, StepError>;

    /// The message as it stands in execution files; different messages give different values.
    fn message_json(&self, message: &Self::Message) -> serde_json::Value;

    /// See [`Protocol::ages_of_state`].
    fn ages_of_state(&self, _state: &mut Self::State, _visit: &mut dyn FnMut(&mut u32)) {}

    /// See [`Protocol::ages_of_message`].
    fn ages_of_message(&self, _message: &mut Self::Message, _visit: &mut dyn FnMut(&mut u32)) {}

    /// See [`Protocol::terms_of_state`].
    fn terms_of_state(&self, _state: &mut Self::State, _visit: &mut dyn FnMut(&mut u32)) {}

    /// See [`Protocol::terms_of_message`].
    fn terms_of_message(&self, _message: &mut Self::Message, _visit: &mut dyn FnMut(&mut u32)) {}

    /// See [`Protocol::symmetry`].
    fn symmetry(&self) -> Symmetry {
        Symmetry::NONE
    }

    /// See [`Protocol::rename_state`].
    fn rename_state(&self, _state: &mut Self::State, _renaming: &Renaming) {}

    /// See [`Protocol::rename_message`].
    fn rename_message(&self, _message: &mut Self::Message, _renaming: &Renaming) {}
}

impl<P: Protocol> Steps for &P {
    type State = P::State;
    type Message = P::Message;

    fn start(&mut self, me: Process, system: &System) -> Result<Step<Self::State, Self::Message>, StepError> {
        Ok(Protocol::start(*self, me, system))
    }

    fn steps(
        &mut self,
        calls: &[Call<Self::State, Self::Message>],
    ) -> Result<Vec<Step<Self::State, Self::Message>>, StepError> {
        let step = |call: &Call<_, _>| {
            Protocol::step(*self, call.process, &call.state, call.request.as_ref(), &call.received)
        };
        Ok(calls.iter().map(step).collect())
    }

    fn message_json(&self, message: &Self::Message) -> serde_json::Value {
        serde_json::Value::String(Protocol::describe(*self, message))
    }

    fn ages_of_state(&self, state: &mut Self::State, visit: &mut dyn FnMut(&mut u32)) {
        Protocol::ages_of_state(*self, state, visit);
    }

    fn ages_of_message(&self, message: &mut Self::Message, visit: &mut dyn FnMut(&mut u32)) {
        Protocol::ages_of_message(*self, message, visit);
    }

    fn terms_of_state(&self, state: &mut Self::State, visit: &mut dyn FnMut(&mut u32)) {
        Protocol::terms_of_state(*self, state, visit);
    }

    fn terms_of_message(&self, message: &mut Self::Message, visit: &mut dyn FnMut(&mut u32)) {
        Protocol::terms_of_message(*self, message, visit);
    }

    fn symmetry(&self) -> Symmetry {
        Protocol::symmetry(*self)
    }

    fn rename_state(&self, state: &mut Self::State, renaming: &Renaming) {
        Protocol::rename_state(*self, state, renaming);
    }

    fn rename_message(&self, message: &mut Self::Message, renaming: &Renaming) {
        Protocol::rename_message(*self, message, renaming);
    }
}

impl<T: Steps> Steps for &mut T {
    type State = T::State;
    type Message = T::Message;

    fn start(&mut self, me: Process, system: &System) -> Result<Step<Self::State, Self::Message>, StepError> {
        Steps::start(*self, me, system)
    }

    fn steps(
        &mut self,
        calls: &[Call<Self::State, Self::Message>],
    ) -> Result<Vec<Step<Self::State, Self::Message>>, StepError> {
        Steps::steps(*self, calls)
    }

    fn message_json(&self, message: &Self::Message) -> serde_json::Value {
        Steps::message_json(&**self, message)
    }

    fn ages_of_state(&self, state: &mut Self::State, visit: &mut dyn FnMut(&mut u32)) {
        Steps::ages_of_state(&**self, state, visit);
    }

    fn ages_of_message(&self, message: &mut Self::Message, visit: &mut dyn FnMut(&mut u32)) {
        Steps::ages_of_message(&**self, message, visit);
    }

    fn terms_of_state(&self, state: &mut Self::State, visit: &mut dyn FnMut(&mut u32)) {
        Steps::terms_of_state(&**self, state, visit);
    }

    fn terms_of_message(&self, message: &mut Self::Message, visit: &mut dyn FnMut(&mut u32)) {
        Steps::terms_of_message(&**self, message, visit);
    }

    fn symmetry(&self) -> Symmetry {
        Steps::symmetry(&**self)
    }

    fn rename_state(&self, state: &mut Self::State, renaming: &Renaming) {
        Steps::rename_state(&**self, state, renaming);
    }

    fn rename_message(&self, message: &mut Self::Message, renaming: &Renaming) {
        Steps::rename_message(&**self, message, renaming);
    }
}

/// Why a step cannot be used. It is the protocol's fault, never a verdict about it.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A message to a process that the system does not have.
    #[error("{from} sends to {to}, but the system has only {servers} servers and {clients} clients")]
    UnknownRecipient {
        /// The sender.
        from: Process,
        /// The recipient.
        to: Process,
        /// Servers in the system.
        servers: u16,
        /// Clients in the system.
        clients: u16,
    },
    /// A message to oneself.
    #[error("{0} sends to itself: a process keeps what it knows in its state")]
    ToItself(Process),
    /// A message from one client to another where there is no such link.
    #[error("{from} sends to {to}, but clients are not linked with each other (--client-links links them)")]
    NoLink {
        /// The sender.
        from: Process,
        /// The recipient.
        to: Process,
    },
    /// Two messages to the same process in one round.
    #[error("{from} sends two messages to {to} in one round: at most one may go to each process")]
    Twice {
        /// The sender.
        from: Process,
        /// The recipient.
        to: Process,
    },
    /// A response before round 1, or from a server.
    #[error("{0} gives a response, but only a client with an outstanding request may give one")]
    UnexpectedResponse(Process),
    /// One of the errors above, with the step that it comes from.
    #[error("{error}\n  step: {step}")]
    InStep {
        /// What is wrong with what the step gave.
        error: Box<StepError>,
        /// What was asked: process, state, request, messages.
        step: String,
    },
    /// A protocol that does not treat processes alike that it says it treats alike.
    #[error(transparent)]
    Asymmetric(#[from] Box<Asymmetry>),
    /// Something that holds with symmetry and not without, which no step in the sample showed.
    #[error(
        "the protocol says that it treats processes alike, but a violation that follows from this is none of its \
         executions: it does not\n  hint: check it with --no-symmetry, or take the declaration out of the protocol"
    )]
    NotFoundWithoutSymmetry,
    /// Ages and symmetry together.
    #[error(
        "the protocol has ages and says that it treats processes alike: states are merged by one of these only\n  \
         hint: check it with --no-symmetry, or take one of the declarations out of the protocol"
    )]
    AgesAndSymmetry,
    /// Somebody asked the source of the steps to stop.
    #[error("interrupted")]
    Interrupted,
    /// The source of the steps failed, for example a step program that died.
    #[error(transparent)]
    Source(Box<dyn std::error::Error + Send + Sync>),
}

/// Checks what a step sends and answers against the rules of [`Step`]; `started` is false for
/// [`Protocol::start`]. That a client's response has a request is for the environment to check.
pub fn check_step<S, M>(
    system: &System,
    me: Process,
    step: &Step<S, M>,
    started: bool,
) -> Result<(), StepError> {
    let mut seen = 0u64;
    for &(to, _) in &step.send {
        if !system.contains(to) {
            return Err(StepError::UnknownRecipient {
                from: me,
                to,
                servers: system.servers,
                clients: system.clients,
            });
        }
        if to == me {
            return Err(StepError::ToItself(me));
        }
        if !system.linked(me, to) {
            return Err(StepError::NoLink { from: me, to });
        }
        let bit = 1u64 << system.index(to);
        if seen & bit != 0 {
            return Err(StepError::Twice { from: me, to });
        }
        seen |= bit;
    }
    if step.response.is_some() && (!started || !me.is_client()) {
        return Err(StepError::UnexpectedResponse(me));
    }
    Ok(())
}
