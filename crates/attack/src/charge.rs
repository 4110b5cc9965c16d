//! Who has to be faulty for a plan to be an execution of the question: every message that it removes is
//! charged to a faulty sender or receiver, as in `model`.
//!
//! Whole links are charged, whether or not the program sends anything along them: what is really removed is
//! a part of that, so an explanation of the plan explains every run of it. A killed server is explained by a
//! crash, or by the omission of everything that it would have sent from then on. A server that is started
//! again has forgotten what it knew, and one that is resumed was late: no fault class is either of them, so
//! such a plan is never within the budget.

use std::collections::{BTreeMap, BTreeSet};

use threeworlds_model::{FaultClass, FaultModel, FaultRule, Happened, Process, System};

use crate::plan::{Link, Plan, ServerEvent, Step};

/// Who is faulty in a plan, and whom it leaves without an excuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// A least set of faulty processes that explains everything that is removed: within the rules if there
    /// is one, sparing clients that ask while something is lost, then with the higher numbers.
    pub faulty: Vec<Process>,
    /// Whether the rules allow that set.
    pub within_budget: bool,
    /// The clients that have to be answered: those that ask and are spared by some set that the rules allow,
    /// not only by `faulty`. In world C that is each of the two, since either side can be the faulty one.
    pub must_answer: Vec<Process>,
}

impl Plan {
    /// Who has to be faulty under these rules, and who has to be answered.
    ///
    /// Cost: exponential in the number of faulty processes, with a bound; beyond it the plan counts as one
    /// that the rules do not allow.
    pub fn explanation(&self, rules: &FaultModel) -> Explanation {
        let removals = self.removals();
        let asking = self.asking();
        let system = self.system();
        if removals.disrupted.is_empty()
            && let Some(faulty) = removals.least(rules, &system, &self.asking_under_faults())
        {
            let spares = |client: &&Process| removals.spared(rules, &system, **client);
            let must_answer = asking.iter().filter(spares).copied().collect();
            return Explanation { faulty, within_budget: true, must_answer };
        }
        let everybody: Vec<Process> = system.processes().collect();
        let anything =
            FaultRule { at_most: everybody.len(), processes: everybody, class: FaultClass::Omission };
        let anything = FaultModel { rules: vec![anything] };
        let mut faulty = removals
            .least(&anything, &system, &self.asking_under_faults())
            .unwrap_or_else(|| removals.links.iter().map(|link| link.from).collect());
        faulty.extend(&removals.disrupted);
        faulty.sort_unstable();
        faulty.dedup();
        let must_answer = asking.into_iter().filter(|client| !faulty.contains(client)).collect();
        Explanation { faulty, within_budget: false, must_answer }
    }

    /// Writes into the plan who is faulty under these rules.
    pub fn explain(&mut self, rules: &FaultModel) {
        let explanation = self.explanation(rules);
        self.faulty = explanation.faulty;
        self.within_budget = explanation.within_budget;
    }

    /// Its servers and clients.
    pub fn system(&self) -> System {
        System { servers: self.servers, clients: self.clients, faults: 0, client_links: false }
    }

    /// The clients that ask for something.
    pub fn asking(&self) -> Vec<Process> {
        asking(&self.steps)
    }

    /// Those that ask while something is lost; if that is nobody, those that ask after the first fault.
    fn asking_under_faults(&self) -> Vec<Process> {
        let (mut cut, mut lossy, mut touched) = (false, false, BTreeSet::new());
        let mut during = Vec::new();
        for step in &self.steps {
            match step {
                Step::Cut(links) => cut = !links.is_empty(),
                Step::Lose(losses) => lossy = !losses.is_empty(),
                Step::Server(server, ServerEvent::Kill | ServerEvent::Pause) => {
                    touched.insert(*server);
                }
                Step::Server(server, ServerEvent::Restart | ServerEvent::Resume) => {
                    touched.remove(server);
                }
                Step::Ask(_) if cut || lossy || !touched.is_empty() => during.push(step.clone()),
                Step::Ask(_) | Step::Await(_) | Step::Wait { .. } => {}
            }
        }
        if during.is_empty() {
            let is_fault = |step: &Step| matches!(step, Step::Cut(_) | Step::Lose(_) | Step::Server(..));
            let first = self.steps.iter().position(is_fault).unwrap_or(0);
            during = self.steps[first..].to_vec();
        }
        asking(&during)
    }

    fn removals(&self) -> Removals {
        let mut removals = Removals::default();
        for step in &self.steps {
            match step {
                Step::Cut(links) => removals.links.extend(links),
                Step::Lose(losses) => removals.links.extend(losses.iter().map(|loss| loss.link)),
                Step::Server(server, ServerEvent::Kill | ServerEvent::Pause) => {
                    removals.stopped.insert(*server);
                }
                Step::Server(server, ServerEvent::Restart | ServerEvent::Resume) => {
                    removals.disrupted.insert(*server);
                }
                Step::Ask(_) | Step::Await(_) | Step::Wait { .. } => {}
            }
        }
        removals
    }
}

fn asking(steps: &[Step]) -> Vec<Process> {
    let asks = steps.iter().filter_map(|step| match step {
        Step::Ask(ask) => Some(ask.client),
        _ => None,
    });
    asks.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What a plan does that somebody has to be blamed for.
#[derive(Debug, Default)]
struct Removals {
    /// Links along which something is removed at some time.
    links: BTreeSet<Link>,
    /// Servers that are killed or suspended.
    stopped: BTreeSet<Process>,
    /// Servers that come back after that.
    disrupted: BTreeSet<Process>,
}

/// The blame so far.
type Blame = BTreeMap<Process, Happened>;

impl Removals {
    /// A least set that the rules allow, if there is one.
    fn least(&self, rules: &FaultModel, system: &System, asking: &[Process]) -> Option<Vec<Process>> {
        let mut visits = 0;
        for most in self.stopped.len()..=system.size() {
            let mut found = BTreeSet::new();
            let mut search = Search { removals: self, rules, most, spare: None, found: &mut found, visits };
            search.charge(&mut self.start(), true);
            visits = search.visits;
            let asks = |set: &Vec<Process>| set.iter().filter(|one| asking.contains(one)).count();
            // The last of those that spare most: the higher numbers, as in world C.
            if let Some(best) = found.into_iter().rev().min_by_key(asks) {
                return Some(best);
            }
            if visits > MOST_VISITS {
                return None;
            }
        }
        None
    }

    /// Whether some set that the rules allow explains everything without this process.
    fn spared(&self, rules: &FaultModel, system: &System, process: Process) -> bool {
        let mut found = BTreeSet::new();
        let mut search = Search {
            removals: self,
            rules,
            most: system.size(),
            spare: Some(process),
            found: &mut found,
            visits: 0,
        };
        search.charge(&mut self.start(), false);
        !found.is_empty()
    }

    fn start(&self) -> Blame {
        self.stopped.iter().map(|&server| (server, Happened::default())).collect()
    }

    /// What can have happened to the processes that are blamed, for the rules to choose from.
    fn alternatives(&self, blame: &Blame) -> Vec<(Process, Vec<Happened>)> {
        let of = |(&process, &happened): (&Process, &Happened)| {
            let mut ways = vec![happened];
            if self.stopped.contains(&process) {
                let omits = Happened { omitted_sends: true, ..happened };
                ways = vec![omits];
                // What it would have sent or received later is lost with it.
                ways.insert(0, Happened { crashed: true, ..Happened::default() });
                if happened != Happened::default() {
                    ways.remove(0);
                }
            }
            (process, ways)
        };
        blame.iter().map(of).collect()
    }
}

/// Charges one link after the other to its sender or its receiver.
struct Search<'a> {
    removals: &'a Removals,
    rules: &'a FaultModel,
    most: usize,
    spare: Option<Process>,
    found: &'a mut BTreeSet<Vec<Process>>,
    visits: usize,
}

/// How many partial charges are looked at for one plan.
const MOST_VISITS: usize = 50_000;

impl Search<'_> {
    fn charge(&mut self, blame: &mut Blame, all: bool) {
        self.visits += 1;
        if self.visits > MOST_VISITS || (!all && !self.found.is_empty()) || blame.len() > self.most {
            return;
        }
        if self.rules.charge(&self.removals.alternatives(blame)).is_none() {
            return;
        }
        let covered = |link: &&Link| {
            blame.get(&link.from).is_some_and(|happened| happened.omitted_sends)
                || blame.get(&link.to).is_some_and(|happened| happened.omitted_receives)
        };
        let Some(&Link { from, to }) = self.removals.links.iter().find(|link| !covered(link)) else {
            self.found.insert(blame.keys().copied().collect());
            return;
        };
        for (process, sends) in [(from, true), (to, false)] {
            if self.spare == Some(process) {
                continue;
            }
            let before = blame.get(&process).copied();
            let happened = blame.entry(process).or_default();
            happened.omitted_sends |= sends;
            happened.omitted_receives |= !sends;
            self.charge(blame, all);
            match before {
                Some(before) => blame.insert(process, before),
                None => blame.remove(&process),
            };
        }
    }
}
