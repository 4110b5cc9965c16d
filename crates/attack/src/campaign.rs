//! The order in which plans are played, and what they say together.
//!
//! The baseline comes first, then the three worlds, then everything else, several at a time. A request that
//! was not answered is believed only when a second run shows it too, for a loaded machine can be late. What
//! was not played, for want of time or because the program ended by itself, makes the verdict `unknown`
//! unless a failure was seen.

use std::collections::BTreeSet;
use std::sync::Mutex;

use threeworlds_model::{FaultModel, Process, Property};

use crate::derive::{Brief, Derived, Part, World, baseline, derive, random};
use crate::journal::{Journal, What};
use crate::judge::{Finding, Judged, judge};
use crate::plan::{Link, Plan, ServerEvent, Step};

/// What plays plans: a program behind the network, or in tests something simpler.
pub trait Player: Sync {
    /// Plays a plan once, from the start of the program to its end. An error says why that was not possible.
    fn play(&self, plan: &Plan) -> Result<Played, String>;
}

/// A plan that was played once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Played {
    /// What happened.
    pub journal: Journal,
    /// The node that played each server of the plan, `s1` first.
    pub roles: Vec<Process>,
    /// What did not work as it has to, beside what the journal shows.
    pub doubt: Option<String>,
}

impl Played {
    /// A run of a plan, told in the names of the plan: the journal of a run names servers as nodes.
    pub fn new(mut journal: Journal, roles: Vec<Process>) -> Played {
        let role = |process: &mut Process| {
            if let Some(position) = roles.iter().position(|node| node == process) {
                *process = Process::Server(u16::try_from(position + 1).expect("servers have 16-bit numbers"));
            }
        };
        let link = |link: &mut Link| {
            role(&mut link.from);
            role(&mut link.to);
        };
        for event in &mut journal.events {
            match &mut event.what {
                What::Sent { from, to, .. } => {
                    role(from);
                    role(to);
                }
                What::Called { server, .. }
                | What::Server { server, .. }
                | What::Exited { server, .. }
                | What::Stored { server, .. }
                | What::Ignored { server, .. }
                | What::Malformed { server, .. } => role(server),
                What::Cut { links } => {
                    links.iter_mut().for_each(link);
                    links.sort_unstable();
                }
                What::Lose { losses } => losses.iter_mut().for_each(|loss| link(&mut loss.link)),
                What::Probed { link: probed, .. } => link(probed),
                What::Delivered { .. }
                | What::Removed { .. }
                | What::Ended { .. }
                | What::Answered { .. } => {}
            }
        }
        Played { journal, roles, doubt: None }
    }
}

impl Played {
    /// What the run shows; see [`judge`].
    pub fn judge(&self, plan: &Plan, rules: &FaultModel) -> Judged {
        let mut judged = judge(plan, rules, &self.journal);
        if let Some(why) = &self.doubt {
            judged.doubt(why);
        }
        judged
    }
}

/// How a campaign goes on.
pub struct Campaign<'a> {
    /// What plans are made for.
    pub brief: &'a Brief<'a>,
    /// How many plans are played at the same time, at least 1.
    pub jobs: usize,
    /// Whether to go on after a failure.
    pub all: bool,
    /// How many random plans are played after the others.
    pub random: u64,
    /// The seed of the first of them; the others have the numbers that follow.
    pub seed: u64,
    /// Asked before each run: a reason ends the campaign.
    pub stop: &'a (dyn Fn() -> Option<String> + Sync),
    /// Told when a plan begins.
    pub observe: &'a (dyn Fn(&Progress) + Sync),
}

/// How far a campaign is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The name of the plan that begins.
    pub plan: String,
    /// Which one it is, from 1.
    pub number: usize,
    /// Of how many; 0 while that is not known.
    pub of: usize,
}

/// What came of a campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The plans that were played, in the order of the campaign.
    pub tried: Vec<Tried>,
    /// Plans that were not, by name.
    pub not_tried: Vec<String>,
    /// What it comes to.
    pub verdict: Verdict,
}

/// A plan that was played.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// The plan.
    pub derived: Derived,
    /// The run that counts: the last one.
    pub played: Played,
    /// What it shows.
    pub judged: Judged,
    /// How often it was played.
    pub runs: usize,
}

/// What a campaign comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Nothing wrong was seen in what was tried.
    Survived,
    /// Something was.
    Fails {
        /// The position in [`Report::tried`] of the plan that shows it.
        by: usize,
    },
    /// It is not known, and why.
    Unknown(String),
}

impl Tried {
    /// Whether what was seen counts against the program: anything within the rules, and beyond them a loss of
    /// safety. What no fault class stands for (servers that come back) is information only.
    pub fn fails(&self) -> bool {
        let back = |step: &Step| matches!(step, Step::Server(_, ServerEvent::Restart | ServerEvent::Resume));
        let plan = &self.derived.plan;
        if plan.within_budget {
            return self.judged.violation().is_some();
        }
        self.judged.safe.violation().is_some() && !plan.steps.iter().any(back)
    }

    /// The horn that it takes, if it takes one: `safety` or `liveness`.
    pub fn horn(&self) -> Option<&'static str> {
        self.judged.violation().map(|violation| match violation.property {
            Property::Termination => "liveness",
            _ => "safety",
        })
    }
}

impl Campaign<'_> {
    /// Plays everything. An error is one of the very first run: then the program is no node, or could not be
    /// started.
    pub fn run(&self, player: &impl Player) -> Result<Report, String> {
        let first = baseline(self.brief);
        (self.observe)(&Progress { plan: first.plan.name.clone(), number: 1, of: 0 });
        let first = self.confirmed(player, first)?;
        let mut types = message_types(&first.played.journal);
        let mut plans = derive(self.brief, &types);
        let random = (0..self.random).map(|number| random(self.brief, self.seed.wrapping_add(number)));
        let names = |plans: &[Derived]| plans.iter().map(|derived| derived.plan.name.clone()).collect();
        if first.fails() || first.judged.unknown().is_some() {
            return Ok(self.report(vec![first], names(&plans), None));
        }
        let mut all = vec![first];
        plans.extend(random);
        loop {
            let known = plans.clone();
            let Done { mut tried, not_tried, stopped } = self.play(player, plans, all.len());
            all.append(&mut tried);
            if stopped.is_some() || !not_tried.is_empty() {
                return Ok(self.report(all, not_tried, stopped));
            }
            // Faults bring out messages that nobody sent without them.
            types.extend(all.iter().flat_map(|one| message_types(&one.played.journal)));
            types.sort_unstable();
            types.dedup();
            plans = derive(self.brief, &types);
            plans.retain(|new| !known.contains(new) && !all.iter().any(|old| old.derived == *new));
            if plans.is_empty() || (!self.all && all.iter().any(Tried::fails)) {
                return Ok(self.report(all, names(&plans), None));
            }
        }
    }

    /// Plays one plan and no other. An error says why it could not be played.
    pub fn single(&self, player: &impl Player, derived: Derived) -> Result<Report, String> {
        (self.observe)(&Progress { plan: derived.plan.name.clone(), number: 1, of: 1 });
        Ok(self.report(vec![self.confirmed(player, derived)?], Vec::new(), None))
    }

    /// Plays these plans, several at a time, until one of them shows a failure.
    fn play(&self, player: &impl Player, plans: Vec<Derived>, before: usize) -> Done {
        let of = plans.len() + before;
        let queue = Mutex::new(Queue { plans: plans.into_iter().enumerate().collect(), until: None });
        let done: Mutex<Vec<Outcome>> = Mutex::new(Vec::new());
        let stopped = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    loop {
                        if let Some(why) = (self.stop)() {
                            lock(&stopped).get_or_insert(why);
                            return;
                        }
                        let Some((position, derived)) = lock(&queue).next() else { return };
                        let name = derived.plan.name.clone();
                        (self.observe)(&Progress { plan: name.clone(), number: position + 1 + before, of });
                        let part = derived.part;
                        let tried = self.confirmed(player, derived);
                        if !self.all && tried.as_ref().is_ok_and(Tried::fails) {
                            lock(&queue).end_after(part);
                        }
                        lock(&done).push((position, tried, name));
                    }
                });
            }
        });
        let mut results = into_inner(done);
        results.sort_by_key(|&(position, ..)| position);
        let mut stopped = into_inner(stopped);
        let (mut tried, mut not_tried) = (Vec::new(), Vec::new());
        for (_, result, name) in results {
            match result {
                Ok(one) => tried.push(one),
                Err(why) => {
                    stopped.get_or_insert(format!("{name} could not be played: {why}"));
                    not_tried.push(name);
                }
            }
        }
        not_tried.extend(into_inner(queue).plans.into_iter().map(|(_, derived)| derived.plan.name));
        Done { tried, not_tried, stopped }
    }

    /// Plays one plan, and again if a client was left without an answer.
    pub fn confirmed(&self, player: &impl Player, derived: Derived) -> Result<Tried, String> {
        let rules = &self.brief.question.fault_model;
        let played = player.play(&derived.plan)?;
        let judged = played.judge(&derived.plan, rules);
        let mut tried = Tried { derived, played, judged, runs: 1 };
        let waits = |tried: &Tried| {
            tried.judged.live.violation().is_some() && tried.judged.safe.violation().is_none()
        };
        if !waits(&tried) || !tried.fails() || (self.stop)().is_some() {
            return Ok(tried);
        }
        let before = tried.judged.live.clone();
        tried.played = player.play(&tried.derived.plan)?;
        tried.judged = tried.played.judge(&tried.derived.plan, rules);
        tried.runs = 2;
        if tried.judged.safe.violation().is_none()
            && tried.judged.live == Finding::Kept
            && let Finding::Violated(violation) = before
        {
            tried.judged.live = Finding::Unknown(format!(
                "two runs differ: in one {}, in the other it is",
                violation.explanation
            ));
        }
        Ok(tried)
    }

    fn report(&self, tried: Vec<Tried>, not_tried: Vec<String>, stopped: Option<String>) -> Report {
        let verdict = verdict(&tried, stopped);
        Report { tried, not_tried, verdict }
    }
}

/// What the plans say together.
fn verdict(tried: &[Tried], stopped: Option<String>) -> Verdict {
    // Of the worlds of one split the one that breaks safety says most, in the order of the properties, then that
    // of the campaign.
    let rank = |(position, one): &(usize, &Tried)| {
        let group = match one.derived.part {
            Part::Baseline => 0,
            Part::World { split, .. } => 1 + split,
            Part::Other => usize::MAX,
        };
        let property = match one.judged.violation().map(|violation| violation.property) {
            Some(Property::Agreement) => 0,
            Some(Property::Validity) => 1,
            Some(Property::Correctness) => 2,
            Some(Property::Linearizability) => 3,
            _ => 4,
        };
        (!one.derived.plan.within_budget, group, property, *position)
    };
    if let Some((by, _)) = tried.iter().enumerate().filter(|(_, one)| one.fails()).min_by_key(rank) {
        return Verdict::Fails { by };
    }
    if let Some(why) = stopped {
        return Verdict::Unknown(why);
    }
    let counts = |one: &&Tried| one.derived.plan.within_budget;
    let unknown: Vec<(&Tried, &str)> =
        tried.iter().filter(counts).filter_map(|one| Some((one, one.judged.unknown()?))).collect();
    if let Some((one, why)) = unknown.first() {
        let more = match unknown.len() {
            1 => String::new(),
            more => format!("; and {} more plans say nothing", more - 1),
        };
        return Verdict::Unknown(format!("{}: {why}{more}", one.derived.plan.name));
    }
    let worlds: BTreeSet<World> = tried
        .iter()
        .filter_map(|one| match one.derived.part {
            Part::World { world, .. } => Some(world),
            _ => None,
        })
        .collect();
    if worlds.contains(&World::C) {
        return Verdict::Unknown(
            "in worlds A, B and C everybody was answered and nothing contradicts itself, which no program can do \
             without messages that the network did not see: something leaked (a shared file, a connection of its own, \
             a clock that says more than it should), or it does not behave alike from run to run"
                .to_owned(),
        );
    }
    Verdict::Survived
}

/// What came of a plan: its position, the result, and its name.
type Outcome = (usize, Result<Tried, String>, String);

/// What came of some plans.
struct Done {
    tried: Vec<Tried>,
    not_tried: Vec<String>,
    stopped: Option<String>,
}

/// The plans that are still to be played.
struct Queue {
    plans: std::collections::VecDeque<(usize, Derived)>,
    /// After a failure: only the worlds of this split are played to the end.
    until: Option<Option<usize>>,
}

impl Queue {
    fn next(&mut self) -> Option<(usize, Derived)> {
        let of_split = |part: Part| match part {
            Part::World { split, .. } => Some(split),
            _ => None,
        };
        match self.until {
            None => self.plans.pop_front(),
            Some(None) => None,
            Some(split) => {
                let place = self.plans.iter().position(|(_, derived)| of_split(derived.part) == split)?;
                self.plans.remove(place)
            }
        }
    }

    /// Somebody failed: what is decided is decided, and the worlds are shown together.
    fn end_after(&mut self, part: Part) {
        let split = match part {
            Part::World { split, .. } => Some(split),
            _ => None,
        };
        self.until.get_or_insert(split);
    }
}

/// The types of the messages that servers sent each other, sorted.
pub fn message_types(journal: &Journal) -> Vec<String> {
    let types = journal.events.iter().filter_map(|event| match &event.what {
        What::Sent { from, to, message_type, .. } if !from.is_client() && !to.is_client() => {
            Some(message_type.clone())
        }
        _ => None,
    });
    types.collect::<BTreeSet<String>>().into_iter().collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}
