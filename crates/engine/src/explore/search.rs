use threeworlds_model::{
    Assignment, CrashDelivery, EventError, Question, StepError, Steps, Symmetry, Timing,
};

use super::checkpoint::{Asked, Checkpoints, Fingerprint, Kept, Reading, Writing};
use super::expand::Graph;
use super::heads::Heads;
use super::key::Layout;
use super::level::{Came, Done, Means, World};
use super::scan::{Missing, View};
use super::set::{Storage, StorageError};
use super::space::Space;
use super::symmetry::Symmetries;

/// Everything that was reached: the graph, its states level by level, and whether that is all.
pub(crate) struct Explored<'r, S: Steps> {
    pub(crate) graph: Graph<S>,
    pub(crate) heads: Heads,
    pub(crate) spaces: Spaces,
    pub(crate) symmetries: Symmetries,
    /// What is said of them.
    pub(crate) symmetric: Symmetric,
    pub(crate) resources: Resources<'r>,
    /// How many levels there are; level 0 is before round 1.
    pub(crate) levels: usize,
    /// The first level with a state in which a property is violated. It may be one more than there are, if a
    /// limit cut that one short.
    pub(crate) violated: Option<usize>,
    /// How many rounds were explored to their end.
    pub(crate) rounds: u32,
    /// Why the search ended.
    pub(crate) stop: Stop,
    /// What the protocol was asked since the last level was kept, and which numbers there were then.
    asked: Vec<Asked>,
    kept: Vec<u32>,
}

/// What a search may use.
#[derive(Clone, Copy)]
pub struct Resources<'r> {
    /// Threads, at least one. What is found does not depend on how many there are.
    pub threads: usize,
    /// Where states go that do not fit into memory.
    pub storage: Option<&'r dyn Storage>,
    /// How many bytes of memory to use, about, before states go there.
    pub memory: Option<u64>,
    /// Where each complete level is kept.
    pub levels: Option<Keep<'r>>,
    /// Whether states that differ in the names of servers alone may be explored as one, where the protocol says
    /// that it treats servers alike.
    pub symmetry: bool,
    /// How many words of 64 bits keys have at least. They become wider when they have to; asking for more costs
    /// time, and is for tests.
    pub key_words: usize,
}

/// Where levels are kept, so that a search that was ended can go on.
#[derive(Clone, Copy)]
pub struct Keep<'r> {
    /// The place.
    pub checkpoints: &'r dyn Checkpoints,
    /// What the search is about: what was kept under another name is refused.
    pub identity: &'r str,
    /// Whether to go on with what is there.
    pub resume: bool,
}

impl Default for Resources<'_> {
    /// One thread, and memory alone; symmetry where there is any.
    fn default() -> Self {
        Resources { threads: 1, storage: None, memory: None, levels: None, symmetry: true, key_words: 1 }
    }
}

/// The states of a search, with keys as wide as they have to be.
pub(crate) enum Spaces {
    One(Space<1>),
    Two(Space<2>),
    Four(Space<4>),
    /// Enough for 64 processes with numbers of 32 bits.
    Most(Space<32>),
}

/// Does the same with the states, whatever the width of their keys.
macro_rules! each_width {
    ($spaces:expr, $space:ident => $body:expr) => {
        match $spaces {
            $crate::explore::Spaces::One($space) => $body,
            $crate::explore::Spaces::Two($space) => $body,
            $crate::explore::Spaces::Four($space) => $body,
            $crate::explore::Spaces::Most($space) => $body,
        }
    };
}
pub(crate) use each_width;

impl Spaces {
    fn new(view: View<'_>, start: &[u32], assignments: usize, after_gst: bool, words: usize) -> Spaces {
        let one = || Some(Spaces::One(Space::new(view, start, assignments, after_gst)?));
        let two = || Some(Spaces::Two(Space::new(view, start, assignments, after_gst)?));
        let four = || Some(Spaces::Four(Space::new(view, start, assignments, after_gst)?));
        let most = || Some(Spaces::Most(Space::new(view, start, assignments, after_gst)?));
        let spaces = match words {
            0 | 1 => one().or_else(two).or_else(four).or_else(most),
            2 => two().or_else(four).or_else(most),
            3 | 4 => four().or_else(most),
            _ => most(),
        };
        spaces.expect("64 processes fit into the widest keys")
    }

    /// The same with wider keys.
    fn widened(&self, view: View<'_>, storage: Option<&dyn Storage>) -> Result<Spaces, StorageError> {
        each_width!(self, space => {
            if space.words() < 2 && let Some(space) = space.widened(view, storage)? {
                return Ok(Spaces::Two(space));
            }
            if space.words() < 4 && let Some(space) = space.widened(view, storage)? {
                return Ok(Spaces::Four(space));
            }
            let space = space.widened(view, storage)?;
            Ok(Spaces::Most(space.expect("64 processes fit into the widest keys")))
        })
    }

    /// Gives keys the layout that was kept; the width if there is none of that width.
    fn fit(&mut self, kept: &Kept, storage: Option<&dyn Storage>) -> Result<Result<(), usize>, StorageError> {
        let same = each_width!(&*self, space => space.words() == kept.words && space.layout == kept.layout());
        if !same {
            *self = match kept.words {
                1 => Spaces::One(each_width!(&*self, space => space.with_layout(kept.layout(), storage)?)),
                2 => Spaces::Two(each_width!(&*self, space => space.with_layout(kept.layout(), storage)?)),
                4 => Spaces::Four(each_width!(&*self, space => space.with_layout(kept.layout(), storage)?)),
                32 => Spaces::Most(each_width!(&*self, space => space.with_layout(kept.layout(), storage)?)),
                other => return Ok(Err(other)),
            };
        }
        Ok(Ok(()))
    }

    /// States of all levels.
    pub(crate) fn states(&self) -> u64 {
        each_width!(self, space => space.states())
    }

    /// States of all levels with such a head.
    pub(crate) fn states_under(
        &self,
        wanted: &dyn Fn(u32) -> bool,
        storage: Option<&dyn Storage>,
    ) -> Result<u64, StorageError> {
        each_width!(self, space => space.states_under(wanted, storage))
    }

    /// Combinations of choices, over all states that were looked at.
    pub(crate) fn transitions(&self) -> u64 {
        each_width!(self, space => space.transitions)
    }

    fn level(&mut self, means: Means<'_>, world: &mut dyn World) -> Result<Came, ExploreError> {
        each_width!(self, space => space.level(means, world))
    }

    fn drop_last_level(&mut self) {
        each_width!(self, space => space.drop_last_level());
    }

    /// Whether a violation was seen in the last level.
    fn violated(&self) -> bool {
        each_width!(self, space => space.violated)
    }

    /// The layout of keys, and how many words they have.
    fn layout(&self) -> (&Layout, usize) {
        each_width!(self, space => (&space.layout, space.words()))
    }

    fn save(&self, to: &mut Writing<'_>, storage: Option<&dyn Storage>) -> std::io::Result<()> {
        each_width!(self, space => space.save(to, storage))
    }

    fn load(
        &mut self,
        kept: &Kept,
        from: &mut Reading<'_>,
        storage: Option<&dyn Storage>,
    ) -> std::io::Result<()> {
        each_width!(self, space => {
            space.transitions = kept.transitions;
            space.load(from, storage)
        })
    }

    fn frontier(&self) -> u64 {
        each_width!(self, space => space.frontier())
    }

    pub(crate) fn bytes(&self) -> usize {
        each_width!(self, space => space.bytes())
    }
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// No new state was left: what was explored is all there is, for executions of any length.
    Closed,
    /// A limit cut it short.
    Cut(StopReason),
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The bound on the number of rounds.
    Rounds,
    /// The bound on memory.
    Memory,
    /// The bound on time.
    Time,
    /// Somebody asked it to stop.
    Interrupted,
    /// So many requests are pending at the same time that linearizability cannot be judged.
    Linearizations,
    /// The fault rules allow more faulty sets than can be explored one by one.
    FaultySets,
}

/// Whether states that differ in the names of servers alone were explored as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symmetric {
    /// There is nothing to make use of: the protocol does not say that it treats servers alike, there is one
    /// server, or runs were looked at and not states.
    None,
    /// It does, and no use was made of it, for this reason.
    Off(&'static str),
    /// They were.
    Used {
        /// The most ways to rename servers, the one that changes nothing included: so many states at most
        /// are one.
        renamings: usize,
        /// How many faulty sets were explored, and for how many they stand.
        faulty_sets: (usize, usize),
    },
}

/// What has to be explored, and which states are one.
fn symmetries<S: Steps>(
    question: &Question,
    assignments: Vec<Assignment>,
    steps: &S,
    resources: Resources<'_>,
) -> (Vec<Assignment>, Symmetries, Symmetric) {
    let none = Symmetries::none(assignments.len());
    let why = match steps.symmetry() {
        Symmetry::None => return (assignments, none, Symmetric::None),
        Symmetry::Servers if question.system.servers < 2 => return (assignments, none, Symmetric::None),
        Symmetry::Servers if !resources.symmetry => "it was not wanted",
        Symmetry::Servers if question.crash_delivery == CrashDelivery::Prefix => {
            "with prefix delivery the order counts in which servers are sent to"
        }
        Symmetry::Servers => {
            let (kept, symmetries) = Symmetries::of_servers(&question.system, &assignments);
            let renamings = symmetries.most_renamings();
            if renamings > 1 || kept.len() < assignments.len() {
                let faulty_sets = (kept.len(), assignments.len());
                return (kept, symmetries, Symmetric::Used { renamings, faulty_sets });
            }
            "no two servers can change places"
        }
    };
    (assignments, none, Symmetric::Off(why))
}

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The round that is being explored.
    pub round: u32,
    /// Global states met so far.
    pub states: usize,
    /// States of the last round, and how many of them are done.
    pub frontier: usize,
    /// States of the last round whose successors are known.
    pub expanded: usize,
    /// An estimate of the memory in use, in bytes; it leaves out what a protocol's own states point to.
    pub bytes: usize,
}

/// Is told how a search goes, and can end it.
pub trait Observer {
    /// Called often, many times for each level. A reason ends the search, whose result
    /// then says so.
    fn observe(&mut self, progress: &Progress) -> Option<StopReason>;
}

/// Lets a search go on to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quiet;

impl Observer for Quiet {
    fn observe(&mut self, _: &Progress) -> Option<StopReason> {
        None
    }
}

/// Why a protocol cannot be explored: it broke the rules of its interface, or a disk did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// A step that cannot be used.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A response that cannot be.
    #[error(transparent)]
    Event(#[from] EventError),
    /// States could not be kept outside memory.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl<'r, S: Steps> Explored<'r, S> {
    /// Explores every state for these assignments, level by level, to the fixpoint or a limit.
    pub(crate) fn new(
        question: &Question,
        assignments: Vec<Assignment>,
        merge_rounds: bool,
        steps: S,
        resources: Resources<'r>,
        observer: &mut dyn Observer,
    ) -> Result<Self, ExploreError> {
        let (assignments, symmetries, symmetric) = symmetries(question, assignments, &steps, resources);
        let alike = matches!(symmetric, Symmetric::Used { .. });
        let mut graph = Graph::new(question, assignments, steps, alike);
        let mut heads = Heads::new(usize::from(question.system.clients));
        let locals = graph.start()?;
        let servers = usize::from(question.system.servers);
        let mut head = vec![super::environments::Environments::START];
        head.extend_from_slice(&locals[servers..]);
        let mut start = vec![heads.intern(&head)];
        start.extend_from_slice(&locals[..servers]);
        let after_gst = question.timing == Timing::LockStep;
        let spaces = Spaces::new(
            view(&graph, &heads),
            &start,
            graph.assignments.len(),
            after_gst,
            resources.key_words,
        );
        let mut explored = Explored {
            graph,
            heads,
            spaces,
            symmetries,
            symmetric,
            resources,
            levels: 1,
            violated: None,
            rounds: 0,
            stop: Stop::Closed,
            asked: Vec::new(),
            kept: Vec::new(),
        };
        explored.check_ages()?;
        for assignment in 0..explored.graph.assignments.len() {
            let Explored { graph, heads, symmetries, .. } = &mut explored;
            symmetries.make_least(assignment, &mut start.clone(), heads, &mut graph.locals);
        }
        explored.kept = explored.numbers();
        if let Some(keep) = resources.levels.filter(|keep| keep.resume)
            && let Some(reason) = explored.resume(keep, observer)?
        {
            explored.stop = Stop::Cut(reason);
            return Ok(explored);
        }
        explored.stop = loop {
            if explored.spaces.frontier() == 0 {
                explored.spaces.drop_last_level();
                explored.levels -= 1;
                break Stop::Closed;
            }
            if question.rounds.is_some_and(|most| explored.rounds >= most) {
                break Stop::Cut(StopReason::Rounds);
            }
            let came = explored.level(merge_rounds, observer)?;
            if explored.spaces.violated() && explored.violated.is_none() {
                explored.violated = Some(explored.levels);
            }
            match came {
                Came::Level => {
                    explored.rounds += 1;
                    explored.levels += 1;
                    explored.keep()?;
                }
                Came::Cut(reason) => break Stop::Cut(reason),
                Came::TooNarrow => {
                    let view = view(&explored.graph, &explored.heads);
                    explored.spaces = explored.spaces.widened(view, explored.resources.storage)?;
                }
            }
        };
        Ok(explored)
    }

    fn level(&mut self, merge_rounds: bool, observer: &mut dyn Observer) -> Result<Came, ExploreError> {
        let assignments = self.graph.assignments.clone();
        let Resources { threads, storage, memory, levels, .. } = self.resources;
        let means = Means {
            assignments: &assignments,
            crash_delivery: self.graph.crash_delivery,
            merge_rounds,
            threads: threads.max(1),
            storage,
            memory: memory.and_then(|memory| usize::try_from(memory).ok()),
        };
        let mut world = Protocols {
            graph: &mut self.graph,
            heads: &mut self.heads,
            symmetries: &mut self.symmetries,
            asked: levels.map(|_| &mut self.asked),
            observer,
            progress: Progress { round: self.rounds + 1, states: 0, frontier: 0, expanded: 0, bytes: 0 },
        };
        let came = self.spaces.level(means, &mut world)?;
        self.check_ages()?;
        Ok(came)
    }

    fn check_ages(&self) -> Result<(), StepError> {
        let alike = matches!(self.symmetric, Symmetric::Used { .. });
        if alike && self.graph.locals.has_ages() { Err(StepError::AgesAndSymmetry) } else { Ok(()) }
    }

    /// What the search is about, for who keeps levels: with symmetry they are others.
    fn identity(&self, keep: Keep<'_>) -> String {
        match self.symmetric {
            Symmetric::Used { .. } => format!("{} with symmetry", keep.identity),
            _ => keep.identity.to_owned(),
        }
    }
}

impl<S: Steps> Explored<'_, S> {
    /// Keeps the last level, if levels are kept.
    fn keep(&mut self) -> Result<(), ExploreError> {
        let Some(keep) = self.resources.levels else { return Ok(()) };
        // An empty level says that the one before was the last.
        if self.spaces.frontier() == 0 {
            return Ok(());
        }
        let numbers = self.numbers();
        let fingerprint = Fingerprint { printed: self.graph.locals.printed(&self.kept), numbers };
        let (layout, words) = self.spaces.layout();
        let kept = Kept {
            asked: std::mem::take(&mut self.asked),
            fingerprint,
            transitions: self.spaces.transitions(),
            violated: self.violated == Some(self.levels - 1),
            words,
            bits: layout.bits(),
            last: layout.last(),
        };
        let identity = self.identity(keep);
        keep.checkpoints.save(self.levels - 1, &mut |to| {
            let mut writing = Writing::new(to, &identity)?;
            writing.kept(&kept)?;
            self.spaces.save(&mut writing, self.resources.storage)?;
            writing.finish()
        })?;
        self.kept = kept.fingerprint.numbers;
        Ok(())
    }

    /// Takes the levels that were kept. A reason if that was cut short.
    fn resume(
        &mut self,
        keep: Keep<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Option<StopReason>, ExploreError> {
        let (checkpoints, identity) = (keep.checkpoints, self.identity(keep));
        let storage = self.resources.storage;
        while let Some(mut reading) = Reading::open(checkpoints, self.levels, &identity)? {
            let wrong = |error: std::io::Error| checkpoints.wrong(self.levels, &error.to_string());
            let kept = reading.kept().map_err(wrong)?;
            let mut world = Protocols {
                graph: &mut self.graph,
                heads: &mut self.heads,
                symmetries: &mut self.symmetries,
                asked: None,
                observer,
                progress: Progress { round: self.rounds + 1, states: 0, frontier: 0, expanded: 0, bytes: 0 },
            };
            for asked in kept.asked.clone() {
                match asked {
                    Asked::Missing(situations, heads) => {
                        if let Some(reason) = world.resolve(Missing { situations, heads })? {
                            return Ok(Some(reason));
                        }
                    }
                    Asked::Normal(mut row) => {
                        let (assignment, row) = row.split_first_mut().expect("the assignment comes first");
                        world.normal(*assignment as usize, row);
                    }
                }
            }
            let fingerprint =
                Fingerprint { numbers: self.numbers(), printed: self.graph.locals.printed(&self.kept) };
            if fingerprint != kept.fingerprint {
                let why = "the protocol does something else now: begin anew, in another folder";
                return Err(checkpoints.wrong(self.levels, why).into());
            }
            self.kept = fingerprint.numbers;
            self.spaces.fit(&kept, storage)?.map_err(wrong_width(checkpoints, self.levels))?;
            let wrong = |error: std::io::Error| checkpoints.wrong(self.levels, &error.to_string());
            self.spaces.load(&kept, &mut reading, storage).map_err(wrong)?;
            if kept.violated {
                self.violated = Some(self.levels);
            }
            self.levels += 1;
            self.rounds += 1;
        }
        if self.levels == 1 {
            return Err(checkpoints.wrong(1, "there is nothing to resume: leave out --resume").into());
        }
        Ok(None)
    }

    fn numbers(&self) -> Vec<u32> {
        let mut numbers = self.graph.locals.numbers();
        for length in [self.heads.len(), self.graph.environments.len()] {
            numbers.push(u32::try_from(length).expect("numbers have 32 bits"));
        }
        numbers
    }
}

fn wrong_width(checkpoints: &dyn Checkpoints, level: usize) -> impl FnOnce(usize) -> StorageError {
    move |words| checkpoints.wrong(level, &format!("it has keys of {words} words"))
}

pub(crate) fn view<'a, S: Steps>(graph: &'a Graph<S>, heads: &'a Heads) -> View<'a> {
    View { tables: &graph.locals.tables, heads, environments: &graph.environments }
}

/// The protocol and the environment, as a search asks for them.
struct Protocols<'a, S: Steps> {
    graph: &'a mut Graph<S>,
    heads: &'a mut Heads,
    symmetries: &'a mut Symmetries,
    /// What was asked, if somebody wants to know.
    asked: Option<&'a mut Vec<Asked>>,
    observer: &'a mut dyn Observer,
    progress: Progress,
}

impl<S: Steps> World for Protocols<'_, S> {
    fn view(&self) -> View<'_> {
        view(self.graph, self.heads)
    }

    fn resolve(&mut self, missing: Missing) -> Result<Option<StopReason>, ExploreError> {
        if let Some(asked) = &mut self.asked {
            asked.push(Asked::Missing(missing.situations.clone(), missing.heads.clone()));
        }
        let locals = &mut self.graph.locals;
        locals.ask_unknown(&missing.situations);
        let mut reason = None;
        let mut interrupted = || {
            reason = self.observer.observe(&self.progress);
            reason.is_some()
        };
        match locals.resolve(&mut interrupted) {
            Err(StepError::Interrupted) => return Ok(Some(reason.unwrap_or(StopReason::Interrupted))),
            other => other?,
        }
        let (locals, environments) = (&self.graph.locals, &mut self.graph.environments);
        let mut known = environments.len();
        for key in &missing.heads {
            // An environment can be large: that of linearizability holds every way to explain a history.
            if environments.len() >= known + 16 {
                known = environments.len();
                if let Some(reason) = self.observer.observe(&self.progress) {
                    return Ok(Some(reason));
                }
            }
            match self.heads.resolve(key, &locals.tables, environments, |number| locals.event(number)) {
                Err(EventError::TooManyLinearizations) => return Ok(Some(StopReason::Linearizations)),
                other => other?,
            }
        }
        Ok(None)
    }

    fn merges(&self, assignment: usize) -> bool {
        self.symmetries.merges(assignment) || self.graph.locals.has_ages()
    }

    fn normal(&mut self, assignment: usize, row: &mut [u32]) {
        let before: Option<(_, Vec<u32>)> = self.asked.is_some().then(|| {
            let number = u32::try_from(assignment).expect("assignments are limited in number");
            (self.known(), [&[number], &*row].concat())
        });
        if self.symmetries.merges(assignment) {
            self.symmetries.make_least(assignment, row, self.heads, &mut self.graph.locals);
        } else {
            self.make_ages_least(row);
        }
        if let Some((known, from)) = before
            && known != self.known()
            && let Some(asked) = &mut self.asked
        {
            asked.push(Asked::Normal(from.into()));
        }
    }

    fn observe(&mut self, done: Done) -> Option<StopReason> {
        let Done { states, frontier, expanded, bytes } = done;
        let number = |states: u64| usize::try_from(states).unwrap_or(usize::MAX);
        let tables = self.graph.bytes() + self.heads.bytes() + self.symmetries.bytes();
        self.progress = Progress {
            states: number(states),
            frontier: number(frontier),
            expanded: number(expanded),
            bytes: bytes + tables,
            ..self.progress
        };
        self.observer.observe(&self.progress)
    }
}

impl<S: Steps> Protocols<'_, S> {
    /// Grows with everything that gets a number, and with everything that is looked up later.
    fn known(&self) -> [usize; 4] {
        let locals = &self.graph.locals;
        [locals.distinct_states(), locals.tables.ages.known(), self.heads.len(), self.symmetries.known()]
    }

    fn make_ages_least(&mut self, row: &mut [u32]) {
        let servers = row.len() - 1;
        let clients = self.heads.row(row[0])[1..].iter();
        let locals = (0..).zip(row[1..].iter().chain(clients).copied());
        let Some(all) = self.graph.locals.tables.ages.too_great(locals) else { return };
        for (server, local) in row[1..].iter_mut().enumerate() {
            *local = self.graph.locals.with_least_ages(server, *local, &all);
        }
        let mut head = self.heads.row(row[0]).to_vec();
        for (client, local) in (servers..).zip(&mut head[1..]) {
            *local = self.graph.locals.with_least_ages(client, *local, &all);
        }
        row[0] = self.heads.intern(&head);
    }
}
