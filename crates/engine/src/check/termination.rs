use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use rustc_hash::FxHashSet;
use threeworlds_model::{Assignment, CrashDelivery, Process, StepError, Steps, System};

use super::waiting::{Ended, Who, waits};
use super::walks::{Trellis, Walks};
use crate::explore::{
    Explored, Graph, HEAD, Meta, NO_REQUEST, Observer, Progress, Rows, Space, Spaces, Stop, StopReason,
    Storage, StorageError, Symmetries, View, each_row, each_width, in_order, view,
};

/// What was found out about Termination.
pub(crate) struct Termination {
    /// The shortest lassos on which a non-faulty client waits for ever, the ones with the fewest removed
    /// messages among them.
    pub(crate) lassos: Vec<Lasso>,
    /// For each kind of request the most rounds that an answer takes, where every one is answered.
    pub(crate) worst_case_rounds: BTreeMap<&'static str, u32>,
}

/// A walk to a state and a cycle through it, along which a request stays unanswered.
#[derive(Debug, Clone)]
pub(crate) struct Lasso {
    pub(crate) client: Process,
    /// The state at which the loop starts and ends.
    pub(crate) state: Vec<u32>,
    /// Rounds to the state, and rounds in the loop.
    pub(crate) stem: usize,
    pub(crate) cycle: usize,
}

/// Why Termination is not judged.
#[derive(Debug)]
pub(crate) enum NotJudged {
    Limit(StopReason),
    Step(StepError),
    Storage(StorageError),
}

impl From<StepError> for NotJudged {
    fn from(error: StepError) -> Self {
        NotJudged::Step(error)
    }
}

impl From<StorageError> for NotJudged {
    fn from(error: StorageError) -> Self {
        NotJudged::Storage(error)
    }
}

impl Lasso {
    pub(crate) fn rounds(&self) -> usize {
        self.stem + self.cycle
    }

    /// The cheapest walks to the state, then the cheapest cycles through it.
    pub(crate) fn trellis<S: Steps>(
        &self,
        graph: &mut Graph<S>,
        rows: &mut Rows,
    ) -> Result<Trellis, StepError> {
        let starts = graph.starts();
        let mut trellis = cheapest(graph, rows, &starts, self.stem, &self.state, None)?;
        trellis.extend(cheapest(
            graph,
            rows,
            std::slice::from_ref(&self.state),
            self.cycle,
            &self.state,
            Some(self.client),
        )?);
        Ok(trellis)
    }
}

/// The cheapest walks of this length to a state, through states in which the client waits if there is one.
fn cheapest<S: Steps>(
    graph: &mut Graph<S>,
    rows: &mut Rows,
    starts: &[Vec<u32>],
    length: usize,
    to: &[u32],
    client: Option<Process>,
) -> Result<Trellis, StepError> {
    let target = rows.insert(to).0;
    let mut walks = Walks::new(graph, rows, starts, length);
    let allowed = |graph: &Graph<S>, row: &[u32]| client.is_none_or(|client| waits_in(graph, client, row));
    walks
        .settle(&allowed, u32::MAX, &mut |_, _, state, cost| if state == target { cost } else { u32::MAX })?;
    walks.trellis(&[target])
}

/// Judges Termination: a violation is a reachable cycle, under faults that spare the client and after GST,
/// along which its request stays unanswered. Every round is a step, so no fairness is assumed. Without
/// such a cycle the worst case is the longest walk along which a request stays unanswered.
pub(crate) fn judge<S: Steps>(
    explored: &mut Explored<'_, S>,
    observer: &mut dyn Observer,
) -> Result<Termination, NotJudged> {
    let system = explored.graph.system;
    let closed = explored.stop == Stop::Closed;
    let spares =
        |assignment: &Assignment, client: Process| assignment.capabilities[system.index(client)].is_none();
    let mut pairs: Vec<(Process, usize)> = Vec::new();
    for client in system.client_ids() {
        let assignments = explored.graph.assignments.iter().enumerate();
        pairs.extend(assignments.filter(|(_, one)| spares(one, client)).map(|(at, _)| (client, at)));
    }
    let waits = Waits {
        view: view(&explored.graph, &explored.heads),
        assignments: &explored.graph.assignments,
        symmetries: &explored.symmetries,
        crash_delivery: explored.graph.crash_delivery,
        expanded: explored.rounds as usize,
        storage: explored.resources.storage,
        threads: explored.resources.threads,
    };
    let waited = each_waits(&explored.spaces, waits, &pairs, observer, &looking(explored))?;
    let mut found: Vec<Found> = Vec::with_capacity(pairs.len());
    for (&(client, assignment), (forever, longest)) in pairs.iter().zip(waited) {
        let row = |(level, coordinates): (usize, Vec<u32>)| {
            let head = explored.heads.row(coordinates[0]);
            let mut locals = coordinates[1..].to_vec();
            locals.extend_from_slice(&head[1..]);
            (level, explored.graph.row(assignment, true, head[0], &locals))
        };
        found.push((client, forever.into_iter().map(row).collect(), longest));
    }
    let mut worst: BTreeMap<&'static str, u32> = BTreeMap::new();
    for (client, _, longest) in &found {
        for &(request, rounds) in longest {
            let kind = explored.graph.requests(*client)[usize::from(request)].kind();
            let entry = worst.entry(kind).or_default();
            *entry = rounds.max(*entry);
        }
    }
    for client in system.client_ids().filter(|&client| pairs.iter().any(|&(spared, _)| spared == client)) {
        // What is always answered in the round in which it is issued is never seen outstanding.
        let issued = explored.graph.environments.most_issued(client);
        for request in &explored.graph.requests(client)[..usize::from(issued)] {
            worst.entry(request.kind()).or_default();
        }
    }
    let unbounded = found.iter().any(|(_, forever, _)| !forever.is_empty());
    let lassos = if unbounded { shortest_lassos(explored, &found, observer)? } else { Vec::new() };
    if unbounded && lassos.is_empty() {
        return Err(StepError::NotFoundWithoutSymmetry.into());
    }
    let worst_case_rounds = if closed && !unbounded { worst } else { BTreeMap::new() };
    Ok(Termination { lassos, worst_case_rounds })
}

/// States with their level.
type Forever = Vec<(usize, Vec<u32>)>;

/// A client, the states in which it can wait for ever under an assignment, and its longest waits.
type Found = (Process, Forever, Vec<(u16, u32)>);

/// With what it is found out how long clients can wait.
#[derive(Clone, Copy)]
struct Waits<'a> {
    view: View<'a>,
    assignments: &'a [Assignment],
    symmetries: &'a Symmetries,
    crash_delivery: CrashDelivery,
    expanded: usize,
    storage: Option<&'a dyn Storage>,
    threads: usize,
}

/// The states in which a client can wait for ever under an assignment that spares it, as coordinates with their
/// level, and its longest waits.
type WaitedRows = (Forever, Vec<(u16, u32)>);

/// How long each client can wait under each assignment that spares it.
fn each_waits(
    spaces: &Spaces,
    waits: Waits<'_>,
    pairs: &[(Process, usize)],
    observer: &mut dyn Observer,
    progress: &Progress,
) -> Result<Vec<WaitedRows>, NotJudged> {
    let look = |pair: usize, interrupted: &dyn Fn() -> bool| each_width!(spaces, space => waited(space, waits, pairs[pair], interrupted));
    let threads = waits.threads.min(pairs.len());
    let mut reason = None;
    let results: Vec<Result<WaitedRows, Ended>> = if threads <= 1 {
        let observer = RefCell::new((&mut *observer, &mut reason));
        let interrupted = || {
            let (observer, reason) = &mut *observer.borrow_mut();
            **reason = reason.or_else(|| observer.observe(progress));
            reason.is_some()
        };
        (0..pairs.len()).map(|pair| look(pair, &interrupted)).collect()
    } else {
        let stop = AtomicBool::new(false);
        let done = (Mutex::new(false), Condvar::new());
        let interrupted = || stop.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                let results = in_order(threads, pairs.len(), || (), |(), pair| look(pair, &interrupted));
                *done.0.lock().expect("nobody panics while holding it") = true;
                done.1.notify_all();
                results
            });
            let mut over = done.0.lock().expect("nobody panics while holding it");
            while !*over && !work.is_finished() {
                reason = reason.or_else(|| observer.observe(progress));
                stop.store(reason.is_some(), Ordering::Relaxed);
                let wait = done.1.wait_timeout(over, LOOK_EVERY);
                over = wait.expect("nobody panics while holding it").0;
            }
            drop(over);
            work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    };
    if let Some(reason) = reason {
        return Err(NotJudged::Limit(reason));
    }
    let all = results.into_iter().collect::<Result<Vec<_>, _>>();
    all.map_err(|ended| match ended {
        Ended::Interrupted => NotJudged::Limit(StopReason::Interrupted),
        Ended::Storage(error) => NotJudged::Storage(error),
    })
}

/// How often the observer is asked while threads are at work.
const LOOK_EVERY: Duration = Duration::from_millis(20);

fn waited<const N: usize>(
    space: &Space<N>,
    how: Waits<'_>,
    (client, assignment): (Process, usize),
    interrupted: &dyn Fn() -> bool,
) -> Result<WaitedRows, Ended> {
    let who = Who {
        assignment,
        capabilities: &how.assignments[assignment],
        crash_delivery: how.crash_delivery,
        client: usize::from(client.number()) - 1,
        group: how.symmetries.group(assignment),
    };
    let waited = waits(space, how.view, who, how.expanded, how.storage, interrupted)?;
    let mut forever = Vec::new();
    for (level, set) in waited.forever.iter().enumerate() {
        each_row(&mut set.cursor(how.storage), &space.layout, space.layout.coordinates(), &mut |row| {
            forever.push((level, row.to_vec()));
        })?;
    }
    Ok((forever, waited.longest))
}

/// Whether the client is non-faulty and waits in this state, which counts for Termination.
fn waits_in<S: Steps>(graph: &Graph<S>, client: Process, row: &[u32]) -> bool {
    let system: &System = &graph.system;
    Meta::of(row).after_gst
        && graph.assignment(row).capabilities[system.index(client)].is_none()
        && graph.facts(row).outstanding[usize::from(client.number()) - 1] != NO_REQUEST
}

fn looking<S: Steps>(explored: &Explored<'_, S>) -> Progress {
    let states = usize::try_from(explored.spaces.states()).unwrap_or(usize::MAX);
    let bytes = explored.graph.bytes() + explored.spaces.bytes();
    Progress { round: explored.rounds, states, frontier: 0, expanded: 0, bytes }
}

/// Of all lassos the shortest, and of these the ones with the fewest removed messages.
fn shortest_lassos<S: Steps>(
    explored: &mut Explored<'_, S>,
    candidates: &[Found],
    observer: &mut dyn Observer,
) -> Result<Vec<Lasso>, NotJudged> {
    let progress = looking(explored);
    let (graph, symmetries) = (&mut explored.graph, &explored.symmetries);
    let mut best = usize::MAX;
    let mut found: Vec<Lasso> = Vec::new();
    for (client, forever, _) in candidates {
        // A cycle leads through states as they are. It is enough to look for it from those that stand for others:
        // from the others there is the same one, renamed.
        let within: FxHashSet<Cow<'_, [u32]>> =
            forever.iter().flat_map(|(_, row)| renamings(symmetries, row)).collect();
        for (stem, state) in forever {
            if stem + 1 > best {
                break;
            }
            if let Some(reason) = observer.observe(&progress) {
                return Err(NotJudged::Limit(reason));
            }
            let Some(cycle) = shortest_cycle(graph, &within, state, best - stem)? else { continue };
            if stem + cycle < best {
                best = stem + cycle;
                found.clear();
            }
            found.push(Lasso { client: *client, state: state.clone(), stem: *stem, cycle });
        }
    }
    cheapest_lassos(graph, found, observer, &progress)
}

/// All states that are one with this one.
fn renamings<'r>(symmetries: &Symmetries, row: &'r [u32]) -> Vec<Cow<'r, [u32]>> {
    let mut all = vec![Cow::Borrowed(row)];
    if let Some(group) = symmetries.group(Meta::of(row).assignment as usize) {
        all.extend((1..group.len()).map(|renaming| {
            let mut renamed = row[..HEAD].to_vec();
            renamed.extend(group.renamed_locals(renaming, &row[HEAD..]));
            Cow::Owned(renamed)
        }));
    }
    all
}

/// Of lassos that are equally long the ones with the fewest removed messages.
fn cheapest_lassos<S: Steps>(
    graph: &mut Graph<S>,
    lassos: Vec<Lasso>,
    observer: &mut dyn Observer,
    progress: &Progress,
) -> Result<Vec<Lasso>, NotJudged> {
    let starts = graph.starts();
    let mut best = u32::MAX;
    let mut costs: Vec<u32> = vec![u32::MAX; lassos.len()];
    let mut stems: Vec<usize> = lassos.iter().map(|lasso| lasso.stem).collect();
    stems.sort_unstable();
    stems.dedup();
    for stem in stems {
        // What the walks to these states cost, all in one go; none is worth more than the best lasso so far.
        let mut rows = Rows::new(graph.width());
        let mut wanted: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (number, lasso) in lassos.iter().enumerate().filter(|(_, lasso)| lasso.stem == stem) {
            wanted.entry(rows.insert(&lasso.state).0).or_default().push(number);
        }
        let mut reached: Vec<(usize, u32)> = Vec::new();
        let mut left = wanted.len();
        Walks::new(graph, &mut rows, &starts, stem).settle(
            &|_, _| true,
            best,
            &mut |_, _, state, cost| {
                if let Some(numbers) = wanted.get(&state) {
                    reached.extend(numbers.iter().map(|&number| (number, cost)));
                    left -= 1;
                }
                if left == 0 { cost } else { u32::MAX }
            },
        )?;
        for (number, so_far) in reached {
            if let Some(reason) = observer.observe(progress) {
                return Err(NotJudged::Limit(reason));
            }
            if so_far > best {
                continue;
            }
            let Lasso { client, ref state, cycle, .. } = lassos[number];
            let mut rows = Rows::new(graph.width());
            let target = rows.insert(state).0;
            let mut walks = Walks::new(graph, &mut rows, std::slice::from_ref(state), cycle);
            let waiting = |graph: &Graph<S>, row: &[u32]| waits_in(graph, client, row);
            let mut cost = None;
            walks.settle(&waiting, best - so_far, &mut |_, _, state, removed| {
                if state != target {
                    return u32::MAX;
                }
                cost = Some(removed);
                removed
            })?;
            if let Some(cost) = cost {
                costs[number] = so_far + cost;
                best = best.min(so_far + cost);
            }
        }
    }
    if best == u32::MAX {
        return Ok(Vec::new());
    }
    let mut costs = costs.into_iter();
    Ok(lassos.into_iter().filter(|_| costs.next() == Some(best)).collect())
}

/// The length of the shortest cycle through a state that stays within these states, if it is at most so
/// long.
fn shortest_cycle<S: Steps>(
    graph: &mut Graph<S>,
    within: &FxHashSet<Cow<'_, [u32]>>,
    state: &[u32],
    most: usize,
) -> Result<Option<usize>, StepError> {
    let mut seen: FxHashSet<Vec<u32>> = FxHashSet::default();
    let mut layer = vec![state.to_vec()];
    for length in 1..=most {
        let mut next_layer: Vec<Vec<u32>> = Vec::new();
        let mut closed = false;
        for from in &layer {
            let mut ways = graph.ways(from);
            while let Some(way) = ways.next(graph, from) {
                graph.successors(from, &way, None, &mut |next, _| {
                    closed |= next == state;
                    if within.contains(next) && !seen.contains(next) {
                        seen.insert(next.to_vec());
                        next_layer.push(next.to_vec());
                    }
                })?;
            }
            if closed {
                return Ok(Some(length));
            }
        }
        if next_layer.is_empty() {
            return Ok(None);
        }
        layer = next_layer;
    }
    Ok(None)
}
