use std::collections::BTreeSet;

use crate::grammar::{GrammarError, Scanner, name_processes, processes};
use crate::named_enum;
use crate::process::{Process, System};

named_enum! {
    /// What the adversary may do to a faulty process.
    FaultClass, "fault class" {
        /// Nothing: the processes of the rule never fail, whatever other rules say.
        None = "none",
        /// Stop it for good; of the messages that it sends in that round only some arrive.
        Crash = "crash",
        /// Remove any messages that it sends.
        SendOmission = "send-omission",
        /// Remove any messages that it should receive.
        ReceiveOmission = "receive-omission",
        /// Either of the two for the whole execution, never both.
        SendOrReceiveOmission = "send-or-receive-omission",
        /// Remove any messages that it sends or should receive (general omission).
        Omission = "omission",
    }
}

impl FaultClass {
    /// What a process of this class can turn out to be able to do, one entry for each way.
    pub fn capabilities(self) -> &'static [Capability] {
        match self {
            FaultClass::None => &[],
            FaultClass::Crash => &[Capability::Crash],
            FaultClass::SendOmission => &[Capability::OmitSends],
            FaultClass::ReceiveOmission => &[Capability::OmitReceives],
            FaultClass::SendOrReceiveOmission => &[Capability::OmitSends, Capability::OmitReceives],
            FaultClass::Omission => &[Capability::OmitBoth],
        }
    }
}

/// What the adversary may do to one faulty process in one execution: a fault class with its side chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Stop it for good.
    Crash,
    /// Remove what it sends.
    OmitSends,
    /// Remove what it should receive.
    OmitReceives,
    /// Remove what it sends and what it should receive.
    OmitBoth,
}

impl Capability {
    /// Whether messages that the process sends may be removed at any time.
    pub fn omits_sends(self) -> bool {
        matches!(self, Capability::OmitSends | Capability::OmitBoth)
    }

    /// Whether messages that the process should receive may be removed at any time.
    pub fn omits_receives(self) -> bool {
        matches!(self, Capability::OmitReceives | Capability::OmitBoth)
    }

    /// Whether every execution with `self` is also one with `other`.
    pub fn within(self, other: Capability) -> bool {
        self == other || (other == Capability::OmitBoth && self != Capability::Crash)
    }

    /// The fault class's name.
    pub fn name(self) -> &'static str {
        match self {
            Capability::Crash => "crash",
            Capability::OmitSends => "send-omission",
            Capability::OmitReceives => "receive-omission",
            Capability::OmitBoth => "omission",
        }
    }
}

/// At most so many of some processes are faulty in one class.
///
/// Grammar: `[COUNT of] WHO: CLASS`. `COUNT` is a number or `any` (the default). `WHO` names processes,
/// separated by commas: `servers`, `clients`, `processes`, `s1`, `s1-s3`, `c2`, and `w`, the witness, which
/// is the last server. `CLASS` is a [`FaultClass`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// The processes that the rule speaks of, sorted, none twice.
    pub processes: Vec<Process>,
    /// What may happen to them.
    pub class: FaultClass,
    /// To how many of them at most.
    pub at_most: usize,
}

impl FaultRule {
    /// Reads a rule.
    pub fn parse(text: &str, system: &System) -> Result<FaultRule, GrammarError> {
        let mut scanner = Scanner::new(text);
        let start = scanner.here();
        let first = scanner.word();
        let is_count = first == "any" || first.starts_with(|c: char| c.is_ascii_digit());
        let count = if is_count {
            let count = match first {
                "any" => None,
                digits => Some(digits.parse::<usize>().map_err(|_| {
                    scanner.error_at(start, format!("`{digits}` is not a number of processes"))
                })?),
            };
            let at = scanner.here();
            if scanner.word() != "of" {
                return Err(scanner.error_at(at, "`of` is missing here, as in `1 of servers: omission`"));
            }
            count
        } else {
            scanner.go_back(start);
            None
        };
        let processes = processes(&mut scanner, system)?;
        if !scanner.take(':') {
            return Err(
                scanner.error("`:` and a fault class are missing here, as in `1 of servers: omission`")
            );
        }
        let at = scanner.here();
        let class = scanner.word().parse().map_err(|message: String| scanner.error_at(at, message))?;
        if !scanner.at_end() {
            return Err(
                scanner.error("nothing may follow the fault class: give each rule a --fault of its own")
            );
        }
        let at_most = count.unwrap_or(processes.len());
        if at_most > processes.len() {
            let message =
                format!("{at_most} faults among {} processes: there are not so many", processes.len());
            return Err(scanner.error_at(start, message));
        }
        if class == FaultClass::None && count.is_some() {
            return Err(
                scanner.error_at(start, "a rule with `none` takes no number: it says who never fails")
            );
        }
        Ok(FaultRule { processes, class, at_most })
    }

    /// The rule in its grammar, in normal form.
    pub fn text(&self, system: &System) -> String {
        let who = name_processes(&self.processes, system);
        match self.class {
            FaultClass::None => format!("{who}: none"),
            class if self.at_most >= self.processes.len() => format!("any of {who}: {class}"),
            class => format!("{} of {who}: {class}", self.at_most),
        }
    }
}

/// Which faults the adversary may choose from, as rules that hold together: a process can be faulty by any
/// one rule that names it, unless a rule with [`FaultClass::None`] names it too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FaultModel {
    /// The rules.
    pub rules: Vec<FaultRule>,
}

/// What the adversary may do to each process of the system in one execution; `None` for those that it has
/// to leave alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Assignment {
    /// By the process's index in the system.
    pub capabilities: Vec<Option<Capability>>,
}

impl Assignment {
    /// Whether every execution with `self` is also one with `other`.
    fn within(&self, other: &Assignment) -> bool {
        self.capabilities.iter().zip(&other.capabilities).all(|pair| match pair {
            (None, _) => true,
            (Some(mine), Some(others)) => mine.within(*others),
            (Some(_), None) => false,
        })
    }
}

/// The rules leave the adversary more choices than can be explored one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the fault rules allow more than {} different faulty sets", TooManyAssignments::LIMIT)]
pub struct TooManyAssignments;

impl TooManyAssignments {
    /// How many are enumerated at most.
    pub const LIMIT: usize = 100_000;
    /// Up to this many are compared with each other to leave out those that others contain. Beyond it some
    /// may be redundant, which costs time and changes no verdict.
    const PAIRWISE: usize = 1_024;
}

impl FaultModel {
    /// The usual question: at most `faults` servers in one class and any clients in one class.
    pub fn usual(system: &System, faults: usize, servers: FaultClass, clients: FaultClass) -> FaultModel {
        let rule = |processes: Vec<Process>, class, at_most| match class {
            FaultClass::None => FaultRule { at_most: processes.len(), processes, class },
            _ => FaultRule { processes, class, at_most },
        };
        let mut rules = vec![
            rule(system.server_ids().collect(), servers, faults),
            rule(system.client_ids().collect(), clients, usize::from(system.clients)),
        ];
        rules.retain(|rule| !rule.processes.is_empty());
        FaultModel { rules }
    }

    /// Every assignment that the rules allow, sorted: all of them, the empty one included.
    pub fn assignments(&self, system: &System) -> Result<Vec<Assignment>, TooManyAssignments> {
        self.enumerate(system, None, false)
    }

    /// Those assignments, among the ones that leave `excluding` alone, that no other contains, sorted.
    /// Every execution that the rules allow (and in which `excluding` is non-faulty) is one of them.
    pub fn maximal_assignments(
        &self,
        system: &System,
        excluding: Option<Process>,
    ) -> Result<Vec<Assignment>, TooManyAssignments> {
        self.enumerate(system, excluding, true)
    }

    /// The most servers that can be faulty in one execution.
    pub fn max_faulty_servers(&self, system: &System) -> usize {
        let mut servers: Vec<Process> = system.server_ids().collect();
        servers.retain(|&server| self.rules_of(server).next().is_some());
        self.match_rules(&servers, |_, _| true).iter().flatten().count()
    }

    /// Whether the rules allow all of these at once: each process with what happened to it.
    pub fn allow(&self, happened: &[(Process, Happened)]) -> bool {
        let happened: Vec<_> = happened.iter().map(|&(process, one)| (process, vec![one])).collect();
        self.charge(&happened).is_some()
    }

    /// Makes all of these processes faulty at once, each so that one of its alternatives can happen to it:
    /// the capability of each, in the same order; `None` if the rules do not allow that.
    pub fn charge(&self, alternatives: &[(Process, Vec<Happened>)]) -> Option<Vec<Capability>> {
        let processes: Vec<Process> = alternatives.iter().map(|&(process, _)| process).collect();
        let fitting = |position: usize, rule: &FaultRule| {
            let (_, happened) = &alternatives[position];
            let mut capabilities = rule.class.capabilities().iter();
            capabilities.find(|&&capability| happened.iter().any(|one| one.within(capability))).copied()
        };
        let rules = self.match_rules(&processes, |position, rule| fitting(position, rule).is_some());
        let capability = |(position, rule): (usize, &Option<usize>)| fitting(position, &self.rules[(*rule)?]);
        rules.iter().enumerate().map(capability).collect()
    }

    /// The rules by which a process may be faulty, by position.
    pub fn rules_of(&self, process: Process) -> impl Iterator<Item = usize> {
        // Sorted: a rule can name thousands.
        let names = move |rule: &FaultRule| rule.processes.binary_search(&process).is_ok();
        let exempt = self.rules.iter().any(|rule| rule.class == FaultClass::None && names(rule));
        let of = move |(position, rule): (usize, &FaultRule)| {
            let applies = !exempt && rule.class != FaultClass::None && rule.at_most > 0 && names(rule);
            applies.then_some(position)
        };
        self.rules.iter().enumerate().filter_map(of)
    }

    /// Gives a rule each to as many of the processes as possible, within the rules' numbers, where `fits`
    /// says which rules suit the process at a position. Kuhn's augmenting paths, with capacities.
    fn match_rules(
        &self,
        processes: &[Process],
        fits: impl Fn(usize, &FaultRule) -> bool,
    ) -> Vec<Option<usize>> {
        let mut holders: Vec<Vec<usize>> = vec![Vec::new(); self.rules.len()];
        let suits = |position: usize, rule: usize| {
            fits(position, &self.rules[rule]) && self.rules_of(processes[position]).any(|of| of == rule)
        };
        fn give(
            position: usize,
            rules: &[FaultRule],
            suits: &dyn Fn(usize, usize) -> bool,
            holders: &mut Vec<Vec<usize>>,
            visited: &mut Vec<bool>,
        ) -> bool {
            for rule in 0..rules.len() {
                if visited[rule] || !suits(position, rule) {
                    continue;
                }
                visited[rule] = true;
                if holders[rule].len() < rules[rule].at_most {
                    holders[rule].push(position);
                    return true;
                }
                for slot in 0..holders[rule].len() {
                    let other = holders[rule][slot];
                    if give(other, rules, suits, holders, visited) {
                        holders[rule][slot] = position;
                        return true;
                    }
                }
            }
            false
        }
        for position in 0..processes.len() {
            let mut visited = vec![false; self.rules.len()];
            give(position, &self.rules, &suits, &mut holders, &mut visited);
        }
        let mut given = vec![None; processes.len()];
        for (rule, positions) in holders.iter().enumerate() {
            positions.iter().for_each(|&position| given[position] = Some(rule));
        }
        given
    }

    fn enumerate(
        &self,
        system: &System,
        excluding: Option<Process>,
        maximal: bool,
    ) -> Result<Vec<Assignment>, TooManyAssignments> {
        let ways = |rule: usize| self.rules[rule].class.capabilities().iter().map(move |&way| (rule, way));
        let of = |process| self.rules_of(process).filter(move |_| Some(process) != excluding);
        let mut choices: Vec<Vec<(usize, Capability)>> =
            system.processes().map(|process| of(process).flat_map(ways).collect()).collect();
        let named =
            |rule: usize| system.processes().filter(|&process| of(process).any(|one| one == rule)).count();
        let unlimited: Vec<bool> =
            self.rules.iter().enumerate().map(|(position, rule)| rule.at_most >= named(position)).collect();
        // No rule is spent on what an unlimited one allows too.
        for own in &mut choices {
            let all = own.clone();
            let needless = |rule: usize, way: Capability| {
                all.iter().any(|&(other, wider)| {
                    let covers = way == wider || (maximal && way.within(wider));
                    let tie = unlimited[rule] && way == wider;
                    unlimited[other] && other != rule && covers && (!tie || other < rule)
                })
            };
            own.retain(|&(rule, way)| !needless(rule, way));
        }
        let mut search = Enumeration {
            choices,
            unlimited,
            left: self.rules.iter().map(|rule| rule.at_most).collect(),
            maximal,
            current: Vec::with_capacity(system.size()),
            found: BTreeSet::new(),
            visited: 0,
        };
        search.process(0)?;
        let mut found: Vec<Assignment> = search.found.into_iter().collect();
        if maximal && found.len() <= TooManyAssignments::PAIRWISE {
            let all = found.clone();
            found.retain(|one| !all.iter().any(|other| other != one && one.within(other)));
        }
        Ok(found)
    }
}

/// The search for assignments, process by process.
struct Enumeration {
    /// For each process the ways in which it may be faulty, each with its rule.
    choices: Vec<Vec<(usize, Capability)>>,
    /// Whether a rule may hit all the processes that can be faulty by it.
    unlimited: Vec<bool>,
    /// How many more each rule may hit.
    left: Vec<usize>,
    maximal: bool,
    current: Vec<Option<Capability>>,
    found: BTreeSet<Assignment>,
    /// Complete assignments seen, the ones left out included.
    visited: usize,
}

impl Enumeration {
    fn process(&mut self, index: usize) -> Result<(), TooManyAssignments> {
        if index == self.choices.len() {
            self.visited += 1;
            if self.visited > TooManyAssignments::LIMIT {
                return Err(TooManyAssignments);
            }
            if !(self.maximal && self.one_more_fits()) {
                self.found.insert(Assignment { capabilities: self.current.clone() });
            }
            return Ok(());
        }
        let choices = self.choices[index].clone();
        for &(rule, capability) in &choices {
            if self.left[rule] == 0 {
                continue;
            }
            self.left[rule] -= 1;
            self.current.push(Some(capability));
            self.process(index + 1)?;
            self.current.pop();
            self.left[rule] += 1;
        }
        // Whoever an unlimited rule may hit is hit in every maximal assignment.
        if !(self.maximal && choices.iter().any(|&(rule, _)| self.unlimited[rule])) {
            self.current.push(None);
            self.process(index + 1)?;
            self.current.pop();
        }
        Ok(())
    }

    /// Whether a process that was left alone could still be faulty: then a larger assignment is found too.
    fn one_more_fits(&self) -> bool {
        self.current.iter().zip(&self.choices).any(|(capability, choices)| {
            capability.is_none() && choices.iter().any(|&(rule, _)| self.left[rule] > 0)
        })
    }
}

/// What happened to a process in an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Happened {
    /// It stopped.
    pub crashed: bool,
    /// A message that it sent was removed and charged to it, other than in the round of its crash.
    pub omitted_sends: bool,
    /// A message that it should have received was removed and charged to it.
    pub omitted_receives: bool,
}

impl Happened {
    /// Everything that a process of this capability can do.
    pub fn all_of(capability: Capability) -> Happened {
        Happened {
            crashed: capability == Capability::Crash,
            omitted_sends: capability.omits_sends(),
            omitted_receives: capability.omits_receives(),
        }
    }

    fn within(self, capability: Capability) -> bool {
        match capability {
            Capability::Crash => !self.omitted_sends && !self.omitted_receives,
            _ => {
                !self.crashed
                    && (!self.omitted_sends || capability.omits_sends())
                    && (!self.omitted_receives || capability.omits_receives())
            }
        }
    }
}
