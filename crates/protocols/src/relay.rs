//! How clients hear each other through servers that only pass on (`client_relay`, `client_peers`): every
//! client sends a beat to every server in every round, and every server passes on to every client, in the
//! next round, what it received from the others. So a beat takes two rounds, and the beat of a client that
//! does not fail reaches every client that does not fail through any one server that does not.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use threeworlds_model::{Process, Renaming};

/// What processes send.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RelayMessage<B> {
    /// From a client to a server.
    Beat(B),
    /// From a server to a client: the beats of other clients.
    Relay(Vec<(Process, B)>),
}

/// What a server sends after a round in which it received this.
pub(crate) fn pass_on<B: Clone>(
    clients: u16,
    received: &[(Process, RelayMessage<B>)],
) -> Vec<(Process, RelayMessage<B>)> {
    let for_client = |client: Process| {
        let others = received.iter().filter_map(|(from, message)| match message {
            RelayMessage::Beat(beat) if *from != client => Some((*from, beat.clone())),
            _ => None,
        });
        let others: Vec<_> = others.collect();
        (!others.is_empty()).then_some((client, RelayMessage::Relay(others)))
    };
    (1..=clients).map(Process::Client).filter_map(for_client).collect()
}

/// What a server sends in round 1: as if it had heard all clients in a round 0, so that the silence of
/// round 1 proves nothing.
pub(crate) fn pass_on_first<B: Clone>(
    clients: u16,
    beat: impl Fn(Process) -> B,
) -> Vec<(Process, RelayMessage<B>)> {
    let heard = |client| (client, RelayMessage::Beat(beat(client)));
    pass_on(clients, &(1..=clients).map(Process::Client).map(heard).collect::<Vec<_>>())
}

/// The same beat to every server.
pub(crate) fn beats_for<B: Clone>(servers: u16, beat: &B) -> Vec<(Process, RelayMessage<B>)> {
    (1..=servers).map(|number| (Process::Server(number), RelayMessage::Beat(beat.clone()))).collect()
}

/// The beats that some server passed on, by client. If two servers pass on a client's beat it is the same.
pub(crate) fn heard<B>(received: &[(Process, RelayMessage<B>)]) -> BTreeMap<Process, &B> {
    let relayed = received.iter().filter_map(|(_, message)| match message {
        RelayMessage::Relay(beats) => Some(beats),
        RelayMessage::Beat(_) => None,
    });
    relayed.flatten().map(|(client, beat)| (*client, beat)).collect()
}

impl<B> RelayMessage<B> {
    /// Gives the clients that it names their new names.
    pub(crate) fn rename(&mut self, renaming: &Renaming) {
        if let RelayMessage::Relay(beats) = self {
            beats.iter_mut().for_each(|(client, _)| *client = renaming.process(*client));
            beats.sort_by_key(|&(client, _)| client);
        }
    }

    /// A few words for diagrams, given those for a beat.
    pub(crate) fn words(&self, beat_words: impl Fn(&B) -> String) -> String {
        match self {
            RelayMessage::Beat(beat) => beat_words(beat),
            RelayMessage::Relay(beats) => {
                let each = beats.iter().map(|(client, beat)| format!("{client}: {}", beat_words(beat)));
                format!("relay {}", each.collect::<Vec<_>>().join("; "))
            }
        }
    }
}
