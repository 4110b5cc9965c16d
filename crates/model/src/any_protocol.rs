use std::any::Any;
use std::cmp::Ordering;
use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::process::{Process, System};
use crate::protocol::{Protocol, Step};
use crate::renaming::Renaming;
use crate::request::Request;
use crate::symmetry::Symmetry;

/// A protocol whose type is forgotten, so that code for many protocols is compiled once.
///
/// It takes the same steps as the protocol that it was made of; its states and messages are equal, ordered
/// and printed as that one's are, and must not be given to another. Each comparison costs a call through a
/// table and each new state or message an allocation; whoever takes each step once and keeps numbers for
/// states, as the engine does, does not notice.
pub struct AnyProtocol<'a>(Box<dyn Steppable + 'a>);

/// A state of an [`AnyProtocol`].
#[derive(Clone)]
pub struct AnyState(Arc<dyn Object>);

/// A message of an [`AnyProtocol`].
#[derive(Clone)]
pub struct AnyMessage(Arc<dyn OrderedObject>);

impl<'a> AnyProtocol<'a> {
    /// Forgets the type of a protocol, or of a reference to one.
    pub fn new<P: Protocol + 'a>(protocol: P) -> Self {
        AnyProtocol(Box::new(Forgotten(protocol)))
    }
}

impl Protocol for AnyProtocol<'_> {
    type State = AnyState;
    type Message = AnyMessage;

    fn start(&self, me: Process, system: &System) -> Step<AnyState, AnyMessage> {
        self.0.start(me, system)
    }

    fn step(
        &self,
        me: Process,
        state: &AnyState,
        request: Option<&Request>,
        received: &[(Process, AnyMessage)],
    ) -> Step<AnyState, AnyMessage> {
        self.0.step(me, state, request, received)
    }

    fn describe(&self, message: &AnyMessage) -> String {
        self.0.describe(message)
    }

    fn ages_of_state(&self, state: &mut AnyState, visit: &mut dyn FnMut(&mut u32)) {
        self.0.ages_of_state(state, visit);
    }

    fn ages_of_message(&self, message: &mut AnyMessage, visit: &mut dyn FnMut(&mut u32)) {
        self.0.ages_of_message(message, visit);
    }

    fn terms_of_state(&self, state: &mut AnyState, visit: &mut dyn FnMut(&mut u32)) {
        self.0.terms_of_state(state, visit);
    }

    fn terms_of_message(&self, message: &mut AnyMessage, visit: &mut dyn FnMut(&mut u32)) {
        self.0.terms_of_message(message, visit);
    }

    fn symmetry(&self) -> Symmetry {
        self.0.symmetry()
    }

    fn rename_state(&self, state: &mut AnyState, renaming: &Renaming) {
        self.0.rename_state(state, renaming);
    }

    fn rename_message(&self, message: &mut AnyMessage, renaming: &Renaming) {
        self.0.rename_message(message, renaming);
    }
}

/// What can be done with a protocol of any type.
trait Steppable {
    fn start(&self, me: Process, system: &System) -> Step<AnyState, AnyMessage>;
    fn step(
        &self,
        me: Process,
        state: &AnyState,
        request: Option<&Request>,
        received: &[(Process, AnyMessage)],
    ) -> Step<AnyState, AnyMessage>;
    fn describe(&self, message: &AnyMessage) -> String;
    fn ages_of_state(&self, state: &mut AnyState, visit: &mut dyn FnMut(&mut u32));
    fn ages_of_message(&self, message: &mut AnyMessage, visit: &mut dyn FnMut(&mut u32));
    fn terms_of_state(&self, state: &mut AnyState, visit: &mut dyn FnMut(&mut u32));
    fn terms_of_message(&self, message: &mut AnyMessage, visit: &mut dyn FnMut(&mut u32));
    fn symmetry(&self) -> Symmetry;
    fn rename_state(&self, state: &mut AnyState, renaming: &Renaming);
    fn rename_message(&self, message: &mut AnyMessage, renaming: &Renaming);
}

struct Forgotten<P>(P);

impl<P: Protocol> Steppable for Forgotten<P> {
    fn start(&self, me: Process, system: &System) -> Step<AnyState, AnyMessage> {
        forget(self.0.start(me, system))
    }

    fn step(
        &self,
        me: Process,
        state: &AnyState,
        request: Option<&Request>,
        received: &[(Process, AnyMessage)],
    ) -> Step<AnyState, AnyMessage> {
        let received: Vec<(Process, P::Message)> = received
            .iter()
            .map(|(from, message)| (*from, remember::<P::Message>((*message.0).as_any()).clone()))
            .collect();
        forget(self.0.step(me, remember::<P::State>((*state.0).as_any()), request, &received))
    }

    fn describe(&self, message: &AnyMessage) -> String {
        self.0.describe(remember::<P::Message>((*message.0).as_any()))
    }

    fn ages_of_state(&self, state: &mut AnyState, visit: &mut dyn FnMut(&mut u32)) {
        change_state::<P::State>(state, |state| self.0.ages_of_state(state, visit));
    }

    fn ages_of_message(&self, message: &mut AnyMessage, visit: &mut dyn FnMut(&mut u32)) {
        change_message::<P::Message>(message, |message| self.0.ages_of_message(message, visit));
    }

    fn terms_of_state(&self, state: &mut AnyState, visit: &mut dyn FnMut(&mut u32)) {
        change_state::<P::State>(state, |state| self.0.terms_of_state(state, visit));
    }

    fn terms_of_message(&self, message: &mut AnyMessage, visit: &mut dyn FnMut(&mut u32)) {
        change_message::<P::Message>(message, |message| self.0.terms_of_message(message, visit));
    }

    fn symmetry(&self) -> Symmetry {
        self.0.symmetry()
    }

    fn rename_state(&self, state: &mut AnyState, renaming: &Renaming) {
        change_state::<P::State>(state, |state| self.0.rename_state(state, renaming));
    }

    fn rename_message(&self, message: &mut AnyMessage, renaming: &Renaming) {
        change_message::<P::Message>(message, |message| self.0.rename_message(message, renaming));
    }
}

fn forget<S, M>(step: Step<S, M>) -> Step<AnyState, AnyMessage>
where
    S: Object,
    M: OrderedObject,
{
    let message = |(to, message)| (to, AnyMessage(Arc::new(message)));
    Step {
        state: AnyState(Arc::new(step.state)),
        send: step.send.into_iter().map(message).collect(),
        response: step.response,
    }
}

fn change_state<S: Object + Clone>(state: &mut AnyState, change: impl FnOnce(&mut S)) {
    let mut changed = remember::<S>((*state.0).as_any()).clone();
    change(&mut changed);
    *state = AnyState(Arc::new(changed));
}

fn change_message<M: OrderedObject + Clone>(message: &mut AnyMessage, change: impl FnOnce(&mut M)) {
    let mut changed = remember::<M>((*message.0).as_any()).clone();
    change(&mut changed);
    *message = AnyMessage(Arc::new(changed));
}

fn remember<T: 'static>(object: &dyn Any) -> &T {
    object.downcast_ref().expect("a protocol is given its own states and messages")
}

/// A value of a type that is forgotten.
trait Object: Debug + Send + Sync + 'static {
    fn as_any(&self) -> &dyn Any;
    fn equals(&self, other: &dyn Any) -> bool;
    fn hash_into(&self, hasher: &mut dyn Hasher);
}

impl<T: Eq + Hash + Debug + Send + Sync + 'static> Object for T {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Any) -> bool {
        self == remember::<T>(other)
    }

    fn hash_into(&self, mut hasher: &mut dyn Hasher) {
        self.hash(&mut hasher);
    }
}

trait OrderedObject: Object {
    fn compare(&self, other: &dyn Any) -> Ordering;
}

impl<T: Object + Ord> OrderedObject for T {
    fn compare(&self, other: &dyn Any) -> Ordering {
        self.cmp(remember(other))
    }
}

macro_rules! by_content {
    ($kind:ident) => {
        impl PartialEq for $kind {
            fn eq(&self, other: &Self) -> bool {
                (*self.0).equals((*other.0).as_any())
            }
        }

        impl Eq for $kind {}

        impl Hash for $kind {
            fn hash<H: Hasher>(&self, hasher: &mut H) {
                (*self.0).hash_into(hasher);
            }
        }

        impl Debug for $kind {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                Debug::fmt(&*self.0, out)
            }
        }
    };
}
by_content!(AnyState);
by_content!(AnyMessage);

impl Ord for AnyMessage {
    fn cmp(&self, other: &Self) -> Ordering {
        (*self.0).compare((*other.0).as_any())
    }
}

impl PartialOrd for AnyMessage {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
