use threeworlds_model::EventError;

use super::environments::Environments;
use super::lists::Lists;
use super::local::{Choice, Event, Tables};
use super::rows::Rows;

/// The heads of states: the environment together with the local states of the clients, which decide together
/// what it does next. Numbered, and what can follow from them.
pub(crate) struct Heads {
    /// The environment's number, then each client's local state.
    rows: Rows,
    /// An environment and the choices of each client, for each of which it is known what follows.
    asked: Rows,
    /// By its number the number of a list of heads.
    following: Vec<u32>,
    /// Distinct heads that can follow, in order.
    lists: Lists,
}

impl Heads {
    pub(crate) fn new(clients: usize) -> Self {
        Heads {
            rows: Rows::new(clients + 1),
            asked: Rows::new(clients + 1),
            following: Vec::new(),
            lists: Lists::new(),
        }
    }

    /// The number of a head.
    pub(crate) fn intern(&mut self, row: &[u32]) -> u32 {
        number_of(self.rows.insert(row).0)
    }

    /// The number of a head that was met before.
    pub(crate) fn find(&self, row: &[u32]) -> Option<u32> {
        self.rows.find(row).map(number_of)
    }

    /// The environment, then each client's local state.
    pub(crate) fn row(&self, head: u32) -> &[u32] {
        self.rows.row(head as usize)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Which heads follow, as a number for [`Heads::list`], if that is known. The key is an environment and the
    /// number of the choices of each client.
    pub(crate) fn following(&self, key: &[u32]) -> Option<u32> {
        self.asked.find(key).map(|asked| self.following[asked])
    }

    /// How many lists there are.
    pub(crate) fn lists(&self) -> u32 {
        self.lists.len()
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
        if self.asked.find(key).is_some() {
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
        self.asked.insert(key);
        self.following.push(self.lists.intern(&list));
        Ok(())
    }

    /// What the tables take.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.bytes()
            + self.asked.bytes()
            + self.following.capacity() * size_of::<u32>()
            + self.lists.bytes()
    }
}

fn number_of(row: usize) -> u32 {
    u32::try_from(row).expect("fewer than 2^32 heads fit in memory")
}
