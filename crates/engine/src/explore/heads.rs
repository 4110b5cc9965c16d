use rustc_hash::FxHashMap;
use threeworlds_model::EventError;

use super::environments::Environments;
use super::intern::Interner;
use super::local::{Choice, Event, Tables};

/// The heads of states: the environment together with the local states of the clients, which decide together
/// what it does next. Numbered, and what can follow from them.
pub(crate) struct Heads {
    /// The environment's number, then each client's local state.
    rows: Interner<Box<[u32]>>,
    /// For an environment and the choices of each client the number of a list of heads.
    following: FxHashMap<Box<[u32]>, u32>,
    /// Distinct heads that can follow, in order.
    lists: Interner<Box<[u32]>>,
}

impl Heads {
    pub(crate) fn new() -> Self {
        Heads { rows: Interner::new(), following: FxHashMap::default(), lists: Interner::new() }
    }

    /// The number of a head.
    pub(crate) fn intern(&mut self, row: &[u32]) -> u32 {
        self.rows.intern(row.into())
    }

    /// The number of a head that was met before.
    pub(crate) fn find(&self, row: &[u32]) -> Option<u32> {
        self.rows.find(row)
    }

    /// The environment, then each client's local state.
    pub(crate) fn row(&self, head: u32) -> &[u32] {
        self.rows.get(head)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Which heads follow, as a number for [`Heads::list`], if that is known. The key is an environment and the
    /// number of the choices of each client.
    pub(crate) fn following(&self, key: &[u32]) -> Option<u32> {
        self.following.get(key).copied()
    }

    pub(crate) fn list(&self, list: u32) -> &[u32] {
        self.lists.get(list)
    }

    /// Works out which heads follow.
    ///
    /// # Errors
    /// When a client answers what cannot be answered.
    pub(crate) fn resolve<'e>(
        &mut self,
        key: &[u32],
        tables: &Tables,
        environments: &mut Environments,
        event: impl Fn(u32) -> &'e Event + Copy,
    ) -> Result<(), EventError> {
        if self.following.contains_key(key) {
            return Ok(());
        }
        let clients: Vec<&[Choice]> = key[1..].iter().map(|&choices| tables.choices(choices)).collect();
        let mut at = vec![0; clients.len()];
        let mut events = vec![0; clients.len()];
        let mut row = vec![0; key.len()];
        let mut list = Vec::new();
        loop {
            for (client, choices) in clients.iter().enumerate() {
                let choice = choices[at[client]];
                row[client + 1] = choice.next;
                events[client] = choice.event;
            }
            row[0] = environments.advance(key[0], &events, event)?;
            list.push(self.intern(&row));
            let Some(client) = (0..clients.len()).find(|&client| at[client] + 1 < clients[client].len())
            else {
                break;
            };
            at[client] += 1;
            at[..client].fill(0);
        }
        list.sort_unstable();
        list.dedup();
        let list = self.lists.intern(list.into());
        self.following.insert(key.into(), list);
        Ok(())
    }

    /// A rough figure for what the tables take.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.len() * 72 + self.following.len() * 96 + self.lists.len() * 96
    }
}
