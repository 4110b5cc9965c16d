//! Before a plan begins: who answers writes?

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use threeworlds_model::Process;

use super::{Player, Waited};
use crate::client;
use crate::error::AttackError;
use crate::journal::Outcome;
use crate::plan::{KvRequest, Roles, Workload};
use crate::run::Leader;
use crate::wire::Reply;

/// The search for whoever answers writes.
#[derive(Default)]
pub(super) struct Settling {
    messages: u64,
    /// The number of the first message of this round.
    first: u64,
    answered: BTreeSet<Process>,
    replied: BTreeSet<Process>,
}

/// The key that is written to find who answers writes.
const SETTLE_KEY: u64 = 999_999;
/// How long one round of the search may take, and how long it rests after one in vain.
const SETTLE_ROUND: Duration = Duration::from_millis(1000);
const SETTLE_REST: Duration = Duration::from_millis(50);

impl Player<'_> {
    /// Writes, until somebody answers; then the plan's roles are given out.
    pub(super) async fn settle(&mut self) -> Result<Leader, AttackError> {
        let mut leader = Leader::NotAsked;
        if self.plan.workload != Workload::WriteOnce && !self.options.settle_deadline.is_zero() {
            leader = Leader::None;
            let end = Instant::now() + self.options.settle_deadline;
            while leader == Leader::None && Instant::now() < end {
                self.ask_all();
                let nodes = self.slots.len();
                let round_end = end.min(Instant::now() + SETTLE_ROUND);
                self.pump(round_end, |player| player.settling.replied.len() == nodes).await;
                let answered = std::mem::take(&mut self.settling.answered);
                let mut answered = answered.into_iter();
                leader = match (answered.next(), answered.next()) {
                    (None, _) => Leader::None,
                    (Some(one), None) => Leader::One(one),
                    (Some(one), Some(two)) => {
                        Leader::Several([one, two].into_iter().chain(answered).collect())
                    }
                };
                let pause = if leader == Leader::None { SETTLE_REST } else { self.options.settle_pause };
                if self.pump(Instant::now() + pause, |_| false).await == Waited::Stopped {
                    return Err(AttackError::Stopped);
                }
            }
        }
        if let (Roles::LeaderFirst, &Leader::One(first)) = (self.plan.roles, &leader) {
            self.desk.roles.retain(|&node| node != first);
            self.desk.roles.insert(0, first);
        }
        self.desk.router.start_journal(Instant::now());
        Ok(leader)
    }

    /// Sends a write to every node, from a client that the journal does not know.
    fn ask_all(&mut self) {
        let now = Instant::now();
        let settling = &mut self.settling;
        settling.first = settling.messages + 1;
        settling.replied.clear();
        let asker = Process::Client(self.plan.clients + 1);
        for slot in &self.slots {
            settling.messages += 1;
            let request = KvRequest::Write { key: SETTLE_KEY.into(), value: settling.messages.into() };
            let body = client::body(&request, settling.messages, self.plan.workload);
            self.desk.router.from_client(now, asker, slot.id, &body);
        }
    }

    pub(super) fn take_settling_reply(&mut self, from: Process, body: &RawValue) {
        let Ok(reply) = serde_json::from_str::<Reply>(body.get()) else { return };
        let Some(to) = reply.in_reply_to.as_u64() else { return };
        // A reply that took longer than a round counts too, or on a slow machine nobody would ever answer.
        if to == 0 || to > self.settling.messages {
            return;
        }
        let request = KvRequest::Write { key: SETTLE_KEY.into(), value: to.into() };
        if to >= self.settling.first {
            self.settling.replied.insert(from);
        }
        if matches!(client::outcome(&request, reply, self.plan.workload), Outcome::Ok(_)) {
            self.settling.answered.insert(from);
        }
    }
}
