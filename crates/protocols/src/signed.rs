//! Any protocol, with messages that carry an unforgeable tag of their sender, from a setup made in advance: a
//! key for each process and a directory of all keys. It tolerates what the protocol inside tolerates, stops
//! being right where that one does, and shows that setup does not move the bounds for lost messages: a lost
//! message is lost with its tag. The tags are *symbolic*: that nobody makes one without the key is a property
//! of this file, not of numbers, as in Dolev and Yao, "On the security of public key protocols", IEEE Trans.
//! Information Theory 29(2), 1983. Source of the setup: Dolev and Strong, "Authenticated algorithms for
//! Byzantine agreement", SIAM J. Computing 12(4), 1983, where tags do help: against processes that lie.
//!
//! # How it goes
//! Each process holds the key that the setup gave it, and signs all that it sends, for its receiver. A
//! receiver looks its sender's key up and ignores what does not carry the right tag. As nobody lies here, no
//! tag is ever wrong.

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, Protocol, Renaming, Request, Step, Symmetry, System};

/// A protocol whose messages are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<P> {
    protocol: P,
    setup: Setup,
}

/// What is arranged before round 1 and then known to all: whose signatures are made with which key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setup {
    directory: Vec<(Process, KeyNumber)>,
}

/// Stands for a pair of keys, the one that signs and the one that checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct KeyNumber(u16);

/// The key that signs, which only its owner is given. It cannot be copied or made elsewhere.
struct SigningKey(KeyNumber);

/// A message with the tag of its sender.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SignedMessage<M> {
    message: M,
    tag: Tag<M>,
}

/// What stands for a signature: the key that made it, and all that was signed with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Tag<M> {
    key: KeyNumber,
    receiver: Process,
    message: M,
}

impl Setup {
    fn new(system: &System) -> Setup {
        Setup { directory: system.processes().zip((1..).map(KeyNumber)).collect() }
    }

    /// The key of a process; it is handed to that process alone.
    fn signing_key(&self, owner: Process) -> SigningKey {
        SigningKey(self.checking_key(owner).expect("every process has a key"))
    }

    fn checking_key(&self, of: Process) -> Option<KeyNumber> {
        self.directory.iter().find(|(owner, _)| *owner == of).map(|(_, key)| *key)
    }

    /// The message, if the tag is that of the sender on this message to this receiver.
    fn check<M: PartialEq + Clone>(
        &self,
        sender: Process,
        receiver: Process,
        signed: &SignedMessage<M>,
    ) -> Option<M> {
        let SignedMessage { message, tag } = signed;
        let right =
            self.checking_key(sender) == Some(tag.key) && tag.receiver == receiver && tag.message == *message;
        right.then(|| message.clone())
    }
}

impl SigningKey {
    fn sign<M: Clone>(&self, receiver: Process, message: M) -> SignedMessage<M> {
        let tag = Tag { key: self.0, receiver, message: message.clone() };
        SignedMessage { message, tag }
    }
}

impl<M> SignedMessage<M> {
    /// The same under other names, signed by the process that has its signer's name.
    fn rename(&mut self, setup: &Setup, renaming: &Renaming, rename: impl Fn(&mut M)) {
        rename(&mut self.message);
        rename(&mut self.tag.message);
        self.tag.receiver = renaming.process(self.tag.receiver);
        let signer = setup.directory.iter().find(|(_, key)| *key == self.tag.key);
        if let Some(key) = signer.and_then(|(signer, _)| setup.checking_key(renaming.process(*signer))) {
            self.tag.key = key;
        }
    }
}

impl<P: Protocol> Signed<P> {
    /// The protocol with a setup for this system.
    pub fn new(protocol: P, system: &System) -> Self {
        Signed { protocol, setup: Setup::new(system) }
    }

    fn signed(
        &self,
        me: Process,
        step: Step<P::State, P::Message>,
    ) -> Step<P::State, SignedMessage<P::Message>> {
        let key = self.setup.signing_key(me);
        let send = step.send.into_iter().map(|(to, message)| (to, key.sign(to, message))).collect();
        Step { state: step.state, send, response: step.response }
    }
}

impl<P: Protocol> Protocol for Signed<P> {
    type State = P::State;
    type Message = SignedMessage<P::Message>;

    fn start(&self, me: Process, system: &System) -> Step<Self::State, Self::Message> {
        self.signed(me, self.protocol.start(me, system))
    }

    fn step(
        &self,
        me: Process,
        state: &Self::State,
        request: Option<&Request>,
        received: &[(Process, Self::Message)],
    ) -> Step<Self::State, Self::Message> {
        let checked = received
            .iter()
            .filter_map(|(from, signed)| Some((*from, self.setup.check(*from, me, signed)?)))
            .collect::<Vec<_>>();
        self.signed(me, self.protocol.step(me, state, request, &checked))
    }

    fn describe(&self, signed: &Self::Message) -> String {
        let SignedMessage { message, tag } = signed;
        let words = self.protocol.describe(message);
        let signer = self.setup.directory.iter().find(|(_, key)| *key == tag.key);
        match signer {
            Some((signer, _)) if tag.message == *message => {
                format!("{words} [{signer} for {}]", tag.receiver)
            }
            _ => format!("{words} [wrong tag: {tag:?}]"),
        }
    }

    fn symmetry(&self) -> Symmetry {
        self.protocol.symmetry()
    }

    fn rename_state(&self, state: &mut Self::State, renaming: &Renaming) {
        self.protocol.rename_state(state, renaming);
    }

    fn rename_message(&self, signed: &mut Self::Message, renaming: &Renaming) {
        signed.rename(&self.setup, renaming, |message| self.protocol.rename_message(message, renaming));
    }
}

#[cfg(test)]
mod tests {
    use threeworlds_model::Question;

    use super::*;
    use crate::PrimaryBackup;

    use Process::Server;

    /// What the backup makes of the primary's first beat after something was done to it.
    fn backup_leads_after(tamper: impl Fn(&Setup, &mut SignedMessage<crate::PrimaryBackupMessage>)) -> bool {
        let system = Question::system(2, 2, false).unwrap();
        let signed = Signed::new(PrimaryBackup::new(&system).unwrap(), &system);
        let mut beat = signed.start(Server(1), &system).send[0].1.clone();
        tamper(&signed.setup, &mut beat);
        let backup = signed.start(Server(2), &system).state;
        let next = signed.step(Server(2), &backup, None, &[(Server(1), beat)]).state;
        matches!(next, crate::PrimaryBackupState::Server(replica) if replica.leads)
    }

    #[test]
    fn a_right_tag_is_accepted() {
        assert!(!backup_leads_after(|_, _| {}));
    }

    /// A beat with a wrong tag is as good as none: the backup takes the primary for crashed.
    #[test]
    fn a_wrong_tag_is_ignored() {
        let value = Some(threeworlds_model::Value::new("C1"));
        let forged = crate::PrimaryBackupMessage::Beat(value);
        assert!(backup_leads_after(|_, beat| beat.message = forged.clone()), "another message");
        assert!(backup_leads_after(|_, beat| beat.tag.receiver = Server(1)), "for another receiver");
        let others = |setup: &Setup| setup.checking_key(Server(2)).unwrap();
        assert!(backup_leads_after(|setup, beat| beat.tag.key = others(setup)), "another's key");
    }
}
