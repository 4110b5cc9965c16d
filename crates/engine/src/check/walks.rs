use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use threeworlds_model::{StepError, Steps};

use crate::explore::{Graph, Rows, Way};

/// States and the steps between them that lie on best walks, layer by layer: for each state of a layer the
/// states of the next layer that follow it, each with the fewest messages removed on the way. States are
/// numbers in a [`Rows`].
pub(crate) type Trellis = Vec<BTreeMap<usize, BTreeMap<usize, u32>>>;

/// Walks of a certain length, with as few removed messages as possible.
///
/// It knows nothing of what a search explored, which keeps no parents. It settles states in the order of what
/// they cost (Dial, CACM 12(11), 1969: a bucket for each number of messages), and few have to be removed for a
/// shortest violation: so it looks at few states.
pub(crate) struct Walks<'a, S: Steps> {
    graph: &'a mut Graph<S>,
    rows: &'a mut Rows,
    layers: Vec<Layer>,
    /// The ways that a round can go from a state, by its number.
    ways: FxHashMap<usize, Vec<Way>>,
}

/// The states that walks of a certain length lead to, with what the cheapest costs.
#[derive(Default)]
struct Layer {
    costs: FxHashMap<usize, u32>,
    /// The same in the order in which they were found.
    found: Vec<(usize, u32)>,
}

/// Is told of a state at the end of walks, and what the cheapest costs; says up to which cost to go on.
pub(crate) type Reached<'f, S> = dyn FnMut(&Graph<S>, &Rows, usize, u32) -> u32 + 'f;

/// Whether walks may lead through a state.
pub(crate) type Allowed<'f, S> = dyn Fn(&Graph<S>, &[u32]) -> bool + 'f;

impl<'a, S: Steps> Walks<'a, S> {
    /// Walks of this length from these states.
    pub(crate) fn new(
        graph: &'a mut Graph<S>,
        rows: &'a mut Rows,
        starts: &[Vec<u32>],
        length: usize,
    ) -> Self {
        let mut layers: Vec<Layer> = (0..=length).map(|_| Layer::default()).collect();
        for start in starts {
            layers[0].settle(rows.insert(start).0, 0);
        }
        Walks { graph, rows, layers, ways: FxHashMap::default() }
    }

    /// Calls `reached` with each state at the end of a walk and what the cheapest walk to it costs, the cheapest
    /// first. It returns up to which cost to go on. Walks lead through allowed states alone, the last one
    /// included.
    ///
    /// # Errors
    /// When a step fails that the search had not taken.
    pub(crate) fn settle(
        &mut self,
        allowed: &Allowed<'_, S>,
        mut most: u32,
        reached: &mut Reached<'_, S>,
    ) -> Result<(), StepError> {
        let length = self.layers.len() - 1;
        // No walk removes more messages than there are.
        let links = self.graph.system.size() * (self.graph.system.size() - 1);
        most = most.min(u32::try_from(length * links).unwrap_or(u32::MAX));
        let mut cost = 0;
        while cost <= most {
            for layer in 0..length {
                let mut at = 0;
                while let Some(&(state, so_far)) = self.layers[layer].found.get(at) {
                    at += 1;
                    for next in self.successors(state, cost - so_far)? {
                        if !self.layers[layer + 1].costs.contains_key(&next)
                            && allowed(self.graph, self.rows.row(next))
                        {
                            self.layers[layer + 1].settle(next, cost);
                        }
                    }
                }
            }
            for &(state, total) in &self.layers[length].found {
                if total == cost {
                    most = most.min(reached(self.graph, self.rows, state, cost));
                }
            }
            cost += 1;
        }
        Ok(())
    }

    /// All cheapest walks to these states, which were reached and cost the same.
    ///
    /// # Errors
    /// Like [`Walks::settle`].
    pub(crate) fn trellis(&mut self, targets: &[usize]) -> Result<Trellis, StepError> {
        let length = self.layers.len() - 1;
        let mut wanted: BTreeMap<usize, u32> =
            targets.iter().map(|&target| (target, self.layers[length].costs[&target])).collect();
        let mut trellis = vec![BTreeMap::new(); length];
        for layer in (0..length).rev() {
            let most = wanted.values().copied().max().unwrap_or(0);
            let mut found: BTreeMap<usize, BTreeMap<usize, u32>> = BTreeMap::new();
            let mut costs = BTreeMap::new();
            for (state, so_far) in self.layers[layer].found.clone() {
                for removed in 0..=most.saturating_sub(so_far) {
                    for next in self.successors(state, removed)? {
                        if so_far <= most && wanted.get(&next) == Some(&(so_far + removed)) {
                            found.entry(state).or_default().insert(next, removed);
                            costs.insert(state, so_far);
                        }
                    }
                }
            }
            trellis[layer] = found;
            wanted = costs;
        }
        Ok(trellis)
    }

    /// The states that follow with exactly so many messages removed.
    fn successors(&mut self, state: usize, removed: u32) -> Result<Vec<usize>, StepError> {
        let row = self.rows.row(state).to_vec();
        if !self.ways.contains_key(&state) {
            let mut all = Vec::new();
            let mut ways = self.graph.ways(&row);
            while let Some(way) = ways.next(self.graph, &row) {
                all.push(way);
            }
            self.ways.insert(state, all);
        }
        let mut found = Vec::new();
        for way in &self.ways[&state] {
            let rows = &mut *self.rows;
            self.graph
                .successors(&row, way, Some(removed), &mut |next, _| found.push(rows.insert(next).0))?;
        }
        Ok(found)
    }
}

impl Layer {
    fn settle(&mut self, state: usize, cost: u32) {
        self.costs.insert(state, cost);
        self.found.push((state, cost));
    }
}
