use super::super::network::members;
use super::super::scenarios::NONE;
use super::super::symmetry::Symmetry;
use super::super::views::{NO_VIEW, Views};
use super::{MOST_CHOICES, Walk};
use crate::explore::StopReason;

/// What two clients can see after the last round. Two views occur in one execution if some scenario allows
/// what both show.
pub(crate) struct Meeting<'a> {
    /// By client of the two: what it can see.
    pub(crate) sights: &'a [Sights; 2],
}

/// Views of a client at the end of the last round, in all of which it has to be answered.
#[derive(Debug, Default)]
pub(crate) struct Sights {
    contents: Vec<u32>,
    ends: Vec<usize>,
    /// By view: the scenarios in which it occurs.
    shown: Vec<u32>,
}

impl Sights {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn content(&self, position: usize) -> &[u32] {
        let start = position.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.contents[start..self.ends[position]]
    }

    pub(crate) fn shown(&self, position: usize) -> u32 {
        self.shown[position]
    }

    fn clear(&mut self) {
        self.contents.clear();
        self.ends.clear();
        self.shown.clear();
    }
}

impl<V> Walk<'_, '_, V>
where
    V: FnMut(&mut Views, &mut Symmetry, &Meeting<'_>) -> usize,
{
    /// The last round.
    pub(super) fn last(&mut self, state: &[u32]) -> Result<(), StopReason> {
        let mut sights = std::mem::take(&mut self.sights);
        let mut is_empty = false;
        for (client, sights) in self.pair.into_iter().zip(&mut sights) {
            self.see(client, state, sights)?;
            is_empty |= sights.len() == 0;
        }
        if !is_empty {
            self.visitor_bytes = (self.visit)(self.views, self.symmetry, &Meeting { sights: &sights });
        }
        self.sights = sights;
        Ok(())
    }

    /// What one of the two clients can see after the last round so that it has to be answered.
    fn see(&mut self, client: usize, state: &[u32], sights: &mut Sights) -> Result<(), StopReason> {
        sights.clear();
        let Views { network, scenarios, .. } = &mut *self.views;
        let round = network.rounds - 1;
        let spared = scenarios.spared[client - network.servers];
        let senders = network.senders[client];
        let alive = scenarios.sends(client, round + 1);
        let own = self.views.shown(state[client]);
        let mut open = vec![(0u64, self.views.scenarios.both(own, alive))];
        for from in members(senders) {
            let by_sender = match state[from] {
                NO_VIEW => NONE,
                view => {
                    let shown = self.views.shown(view);
                    let scenarios = &mut self.views.scenarios;
                    scenarios.both(shown, scenarios.sends(from, round))
                }
            };
            let scenarios = &mut self.views.scenarios;
            let lost = scenarios.lost(from, client, round);
            let mut longer = Vec::with_capacity(open.len() + 1);
            for (heard, shown) in open {
                for (heard, by) in [(heard, lost), (heard | 1 << from, by_sender)] {
                    let shown = scenarios.both(shown, by);
                    if scenarios.both(shown, spared) != NONE {
                        longer.push((heard, shown));
                    }
                }
            }
            self.tick(longer.len() as u32, round)?;
            if longer.len() > MOST_CHOICES {
                return Err(StopReason::Memory);
            }
            open = longer;
        }
        for (heard, shown) in open {
            sights.contents.push(state[client]);
            sights.contents.extend(members(heard).map(|from| state[from]));
            sights.ends.push(sights.contents.len());
            sights.shown.push(shown);
        }
        Ok(())
    }
}
