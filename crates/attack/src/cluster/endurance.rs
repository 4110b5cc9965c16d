//! Long runs: one cluster, clients that ask all the time about several keys, and cuts one after the other with
//! healing between.
//!
//! Only safety is judged. Over the time every server is on the wrong side of some cut, so that no faulty set
//! within the rules explains the run as a whole, and nobody has to be answered in it; how long nobody was is
//! told. What clients ask is drawn by seed, but when things happen is not: two runs differ.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use threeworlds_model::Process;

use super::ClusterPlayer;
use super::books::{Books, Counts};
use super::playing::Playing;
use crate::campaign::{Played, Tried, Verdict};
use crate::derive::{Brief, Derived, Dice, Part, derive};
use crate::journal::Journal;
use crate::judge::{Finding, Judged, only_safety};
use crate::namespaces::Lab;
use crate::plan::{Ask, KvRequest, Link, Plan, Roles, Step, Workload};
use crate::subject::Cluster;

/// How a long run goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Endurance {
    /// How long clients ask.
    pub duration: Duration,
    /// About how many keys at a time, at least 1.
    pub keys: u64,
    /// What clients ask is drawn from it.
    pub seed: u64,
}

/// What came of a long run.
#[derive(Debug, Clone, PartialEq)]
pub struct Endured {
    /// The cuts that were made, what the key of a violation went through (if there is one), and what that
    /// shows.
    pub tried: Tried,
    /// What happened, in numbers.
    pub counts: Counts,
}

/// How long a cut lasts at least, and healing.
const PHASE_MIN: Duration = Duration::from_secs(4);
/// How long a client thinks between two requests, at most.
const THINK: Duration = Duration::from_millis(50);

impl Endured {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        match &self.tried.judged.safe {
            Finding::Violated(_) => Verdict::Fails { by: 0 },
            Finding::Unknown(why) => Verdict::Unknown(why.clone()),
            Finding::Kept => Verdict::Survived,
        }
    }
}

impl ClusterPlayer {
    /// Plays a long run. `observe` is told now and then how long it has been going on, and the numbers so far.
    ///
    /// # Errors
    /// The system does not come up, or the lab fails. A stop ends it with what is known so far.
    pub fn endure(
        &self,
        brief: &Brief,
        endurance: &Endurance,
        observe: &dyn Fn(Duration, &Counts),
    ) -> Result<Endured, String> {
        let system = &brief.question.system;
        let mut plan = Plan {
            name: format!("long run of {} s", endurance.duration.as_secs_f64()),
            servers: system.servers,
            clients: system.clients,
            workload: brief.workload,
            roles: Roles::Fixed,
            faulty: Vec::new(),
            within_budget: false,
            steps: Vec::new(),
        };
        self.subject().supports(plan.servers)?;
        let lab = Lab::new(plan.servers, plan.clients, &self.lab).map_err(|error| error.to_string())?;
        let stop = &self.limits.stop;
        let cluster = Cluster::bring_up(self.subject(), &lab, stop).map_err(|error| error.to_string())?;
        self.learn(&cluster, &lab);
        let no_steps = plan.clone();
        let playing = Playing::new(&no_steps, &lab, cluster, &self.limits);
        let mut run = LongRun {
            playing,
            books: Books::new(brief.workload, endurance.keys.max(1)),
            dice: Dice(endurance.seed),
            values: 0,
            free: vec![Instant::now(); usize::from(plan.clients)],
            last_done: Instant::now(),
        };
        let violation = run.go(&cuts(brief), endurance, observe, &mut plan.steps)?;
        let LongRun { mut books, playing, .. } = run;
        let doubt = playing.doubt;
        let violation = violation.or_else(|| books.close());
        plan.explain(&brief.question.fault_model);
        // What was cut differs from time to time, so that it is no plan within the rules, whoever was cut off.
        plan.within_budget = false;
        let mut judged = judged(brief.workload, violation.as_ref(), &books);
        if let Some(why) = &doubt {
            judged.doubt(why);
        }
        let journal = violation.unwrap_or_else(|| books.with_network(Journal::default()));
        let roles = (1..=plan.servers).map(Process::Server).collect();
        let derived = Derived { part: Part::Other, plan };
        let tried = Tried { derived, played: Played { journal, roles, doubt }, judged, runs: 1 };
        Ok(Endured { tried, counts: books.counts })
    }
}

/// What is cut, one after the other: everything that a plan of the question cuts both ways.
fn cuts(brief: &Brief) -> Vec<Vec<Link>> {
    let all = Brief { beyond: true, ..brief.clone() };
    let mut cuts: Vec<Vec<Link>> = Vec::new();
    for derived in derive(&all, &[]) {
        for step in derived.plan.steps {
            if let Step::Cut(links) = step
                && !links.is_empty()
                && !cuts.contains(&links)
                // Through proxies everything else would be tried through them, too.
                && links.iter().all(|link| links.contains(&Link { from: link.to, to: link.from }))
            {
                cuts.push(links);
            }
        }
    }
    cuts
}

fn judged(workload: Workload, violation: Option<&Journal>, books: &Books) -> Judged {
    let Counts { done, refused, unknown, keys, cuts, longest_silence, undecided, .. } = &books.counts;
    let [cut, healed] = longest_silence;
    let note = format!(
        "{done} operations were done, {refused} refused, and of {unknown} nobody knows, on {keys} keys; links were \
         cut {cuts} times; for {cut:.1} s at most nothing was done while they were, for {healed:.1} s while they \
         were not"
    );
    let (told, mut safe) = match violation {
        Some(journal) => only_safety(workload, journal),
        None => (Vec::new(), Finding::Kept),
    };
    if let (Finding::Kept, Some(why)) = (&safe, &books.counts.why_undecided) {
        safe = Finding::Unknown(format!("{undecided} of {keys} keys could not be judged: {why}"));
    }
    let live = "a long run is judged for safety alone: in its time every server is cut off".to_owned();
    Judged { told, safe, live: Finding::Unknown(live), notes: vec![note] }
}

struct LongRun<'a> {
    playing: Playing<'a>,
    books: Books,
    dice: Dice,
    values: u64,
    /// When each client asks next.
    free: Vec<Instant>,
    last_done: Instant,
}

impl LongRun<'_> {
    /// Goes on until the time is over, somebody stops it, or something is wrong with a key: that key's
    /// journal.
    fn go(
        &mut self,
        cuts: &[Vec<Link>],
        endurance: &Endurance,
        observe: &dyn Fn(Duration, &Counts),
        steps: &mut Vec<Step>,
    ) -> Result<Option<Journal>, String> {
        let times = self.playing.subject().times;
        let begun = Instant::now();
        let end = begun + endurance.duration;
        let (heal, dwell) = (times.heal.max(PHASE_MIN), times.dwell.max(PHASE_MIN));
        let mut next = 0;
        let mut phase_end = begun + times.settle;
        let mut is_cut = false;
        let mut observed = begun;
        while Instant::now() < end && self.playing.why_stop().is_none() {
            if Instant::now() >= phase_end && !cuts.is_empty() {
                is_cut = !is_cut;
                let links = if is_cut { cuts[next % cuts.len()].clone() } else { Vec::new() };
                next += usize::from(is_cut);
                steps.push(Step::Cut(links.clone()));
                self.note_silence(!is_cut);
                self.playing.cut(links.into_iter().collect::<BTreeSet<Link>>())?;
                phase_end = Instant::now() + if is_cut { dwell } else { heal };
                self.drain();
                // What is known of all keys so far, while nothing is cut.
                if let Some(violation) = self.books.judge(!is_cut) {
                    return Ok(Some(violation));
                }
            }
            self.ask()?;
            self.playing.tick()?;
            self.drain();
            if let Some(violation) = self.books.judge(false) {
                return Ok(Some(violation));
            }
            if observed.elapsed() >= Duration::from_secs(1) {
                observed = Instant::now();
                observe(begun.elapsed(), &self.books.counts);
            }
        }
        self.note_silence(is_cut);
        if is_cut {
            steps.push(Step::Cut(Vec::new()));
            self.playing.cut(BTreeSet::new())?;
        }
        // What was acknowledged has to be there in the end: everybody reads everything once more.
        let settled = Instant::now() + if self.playing.why_stop().is_some() { Duration::ZERO } else { heal };
        while Instant::now() < settled && self.playing.why_stop().is_none() {
            self.playing.tick()?;
        }
        self.drain();
        self.last_done = Instant::now();
        self.read_all()?;
        self.playing.give_up();
        self.drain();
        Ok(None)
    }

    /// Each client that is free asks for something.
    fn ask(&mut self) -> Result<(), String> {
        for number in self.playing.idle() {
            if Instant::now() < self.free[number] {
                continue;
            }
            let keys: Vec<u64> = self.books.keys().collect();
            if keys.is_empty() {
                // All have had their share, and the last operations are still under way.
                continue;
            }
            let key = keys[self.dice.below(keys.len())];
            let request = self.request(key);
            self.ask_one(number, request)?;
            let think = u64::try_from(self.dice.below(THINK.as_millis() as usize)).unwrap_or(0);
            self.free[number] = Instant::now() + Duration::from_millis(think);
        }
        Ok(())
    }

    fn request(&mut self, key: u64) -> KvRequest {
        if self.dice.below(2) == 0 {
            return KvRequest::Read { key: key.into() };
        }
        // No value is written twice, so that each read shows which write it saw.
        self.values += 1;
        let value = self.values.into();
        match self.playing.workload() {
            Workload::LinKv => KvRequest::Write { key: key.into(), value },
            Workload::WriteOnceKv | Workload::WriteOnce => KvRequest::WriteOnce { key: key.into(), value },
        }
    }

    /// Asks a server drawn at random, and only that one: what it does not answer, nobody knows.
    fn ask_one(&mut self, client: usize, request: KvRequest) -> Result<(), String> {
        let servers = self.playing.servers();
        let server = Process::Server(1 + u16::try_from(self.dice.below(servers)).unwrap_or(0));
        let operation = self.playing.subject().times.operation;
        let ask = Ask {
            client: Process::Client(u16::try_from(client + 1).expect("there are few clients")),
            request,
            servers: vec![server],
            deadline_milliseconds: u64::try_from(operation.as_millis()).unwrap_or(u64::MAX),
        };
        self.playing.ask(ask)
    }

    fn read_all(&mut self) -> Result<(), String> {
        let mut left: Vec<(usize, u64)> = Vec::new();
        for client in 0..self.free.len() {
            left.extend(self.books.keys().map(|key| (client, key)));
        }
        let end = Instant::now() + self.playing.subject().times.request;
        while Instant::now() < end && self.playing.why_stop().is_none() {
            for client in self.playing.idle() {
                if let Some(position) = left.iter().position(|(who, _)| *who == client) {
                    let (_, key) = left.remove(position);
                    self.ask_one(client, KvRequest::Read { key: key.into() })?;
                }
            }
            if left.is_empty() && self.playing.idle().len() == self.free.len() {
                break;
            }
            self.playing.tick()?;
            self.drain();
        }
        Ok(())
    }

    /// Takes down what happened since.
    fn drain(&mut self) {
        let before = self.books.counts.done;
        for event in self.playing.take_events() {
            self.books.take(event);
        }
        if self.books.counts.done > before {
            self.note_silence(self.playing.is_cut());
            self.last_done = Instant::now();
        }
    }

    fn note_silence(&mut self, while_cut: bool) {
        let silence = self.last_done.elapsed().as_secs_f64();
        let longest = &mut self.books.counts.longest_silence[usize::from(!while_cut)];
        *longest = longest.max(silence);
    }
}
