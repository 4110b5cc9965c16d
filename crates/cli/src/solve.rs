//! What is known of a question for all protocols at once: a proof that none can do it, or a built-in
//! protocol that does, or neither. The libraries decide; here they are asked in turn.

use std::time::Duration;

use anyhow::{Result, ensure};
use threeworlds_certificate::{Certificate, Claim, Servers, Task, Timing};
use threeworlds_engine::{Judgement, Report, Scope, Searched, check_with, prove};
use threeworlds_model::{FaultClass, FaultModel, Question, QuestionError, Steps, System};
use threeworlds_protocols::{BuiltIn, all};

use crate::limits::{LimitArguments, Watch};
use crate::protocol::{Protocol, WithProtocol};
use crate::question::FaultArguments;

/// A question about all protocols, as it was asked: questions near it are made by changing a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    /// `None` is any number.
    pub(crate) servers: Option<usize>,
    pub(crate) faults: FaultArguments,
    pub(crate) client_links: bool,
    pub(crate) timing: Timing,
    pub(crate) task: Task,
}

/// What is known of a question.
pub(crate) struct Answer {
    pub(crate) claim: Claim,
    pub(crate) searched: Searched,
    pub(crate) finding: Finding,
}

pub(crate) enum Finding {
    Impossible(Box<Certificate>),
    Possible(Box<Possible>),
    /// With what the literature says, and a protocol that says it does this but was not checked to the end.
    Unknown {
        note: Option<&'static str>,
        covering: Option<BuiltIn>,
    },
}

/// A protocol that does it.
pub(crate) struct Possible {
    pub(crate) protocol: BuiltIn,
    /// The check of the question itself, or of the largest smaller one that was checked to the end.
    pub(crate) checked: Report,
    /// Whether `checked` is the question itself.
    pub(crate) exactly: bool,
}

impl Finding {
    pub(crate) fn verdict(&self) -> &'static str {
        match self {
            Finding::Impossible(_) => "impossible",
            Finding::Possible(_) => "possible",
            Finding::Unknown { .. } => "unknown",
        }
    }
}

impl Ask {
    /// The claim that no protocol does it.
    pub(crate) fn claim(&self) -> Result<Claim> {
        let most = Certificate::MOST_PROCESSES;
        // For any number of servers some stand for the groups.
        let servers = self.servers.unwrap_or(Scope::default().groups);
        if servers == 0 {
            return Err(QuestionError::NoServers.into());
        }
        ensure!(servers <= most, "{servers} servers: at most {most} can be asked about");
        let FaultArguments { clients, fault, .. } = &self.faults;
        ensure!(*clients > 0, "a question needs at least one client: with none there is nobody to answer");
        ensure!(*clients <= most, "{clients} clients: at most {most} can be asked about");
        ensure!(
            fault.len() <= Certificate::MOST_RULES,
            "{} fault rules: at most {} can be asked about",
            fault.len(),
            Certificate::MOST_RULES
        );
        let count = |number: usize| u16::try_from(number).expect("looked at above");
        let mut system = System {
            servers: count(servers),
            clients: count(*clients),
            faults: 0,
            client_links: self.client_links,
        };
        let fault_model = if self.servers.is_none() {
            ensure!(
                self.faults.fault.is_empty() && self.faults.faults.is_none(),
                "with --servers any the number of faulty servers is the symbol f: leave out --faults and --fault, \
                 and say with --server-faults and --client-faults what can fail"
            );
            FaultModel::usual(&system, servers, self.faults.server_class(), self.faults.client_class())
        } else {
            self.faults.fault_model(&system)?
        };
        system.faults = count(fault_model.max_faulty_servers(&system));
        let servers = if self.servers.is_none() { Servers::UpToTimesFaults(1) } else { Servers::Exactly };
        Ok(Claim { system, servers, fault_model, timing: self.timing, task: self.task, rounds: None })
    }

    /// The question as `check` asks it, if it can: about protocols in rounds, for what they implement.
    pub(crate) fn question(&self) -> Option<Question> {
        let timing = match self.timing {
            Timing::LockStep => threeworlds_model::Timing::LockStep,
            Timing::PartialSynchrony => threeworlds_model::Timing::PartialSynchrony,
            // What a register's protocol does for any timing is checked where any message can be lost for as
            // long as the adversary likes.
            Timing::Asynchrony if self.task == Task::Register => threeworlds_model::Timing::PartialSynchrony,
            Timing::Asynchrony => return None,
        };
        let task = match self.task {
            Task::WriteOnceRegister => threeworlds_model::Task::WriteOnceRegister,
            Task::Log => threeworlds_model::Task::Log,
            Task::Register => threeworlds_model::Task::Register,
            // Any state machine: the protocol is the same for all, and tried with this one.
            Task::StateMachine => threeworlds_model::Task::KeyValueStore,
        };
        let claim = self.claim().ok().filter(|claim| claim.servers == Servers::Exactly)?;
        // Of any size: a protocol's bound can cover what is too large to explore.
        let mut question = Question::usual(1, 0, 1, FaultClass::None, FaultClass::None).ok()?;
        question.system = claim.system;
        question.timing = timing;
        question.rounds = Some(ROUNDS);
        Some(question.with_task(task).with_fault_model(claim.fault_model))
    }

    /// What is known, within this time for trying protocols.
    pub(crate) fn answer(
        &self,
        scope: Scope,
        limits: &LimitArguments,
        effort: Effort,
        watch: &mut Watch,
    ) -> Result<Answer> {
        let claim = self.claim()?;
        let proof = prove(&claim, scope, watch)?;
        let finding = match proof.certificate {
            Some(certificate) => Finding::Impossible(Box::new(certificate)),
            None => match self.possible(limits, effort, watch)? {
                Tried::Does(possible) => Finding::Possible(possible),
                Tried::NotToTheEnd(protocol) => Finding::Unknown { note: None, covering: Some(protocol) },
                Tried::NoneCovers => Finding::Unknown { note: self.note(&claim), covering: None },
            },
        };
        Ok(Answer { claim, searched: proof.searched, finding })
    }

    /// A built-in protocol that does it: one that was checked here, or whose stated bound covers the question.
    fn possible(&self, limits: &LimitArguments, effort: Effort, watch: &Watch) -> Result<Tried> {
        let Some(question) = self.question() else { return Ok(Tried::NoneCovers) };
        let covering: Vec<BuiltIn> =
            all().iter().map(|one| one.built_in).filter(|one| one.covers(&question)).collect();
        let size = question.system.size();
        let explorable = size <= System::MAX_PROCESSES;
        // Where one could not be checked in time, another with the same bound would take as long.
        let mut too_large: Vec<&str> = Vec::new();
        for &protocol in covering.iter().filter(|_| explorable) {
            let bound = protocol.description().tolerates;
            if too_large.contains(&bound) {
                continue;
            }
            let report = run(&question, protocol, limits, effort.time, watch)?;
            ensure!(
                report.verdict() != Judgement::Fails,
                "internal error: {protocol} is said to cover this question and falls under `check`; please report this"
            );
            if report.verdict() == Judgement::Holds {
                return Ok(Tried::Does(Box::new(Possible { protocol, checked: report, exactly: true })));
            }
            too_large.push(bound);
        }
        for &protocol in &covering {
            if let Some(checked) = self.largest_checked(protocol, limits, effort, watch)? {
                return Ok(Tried::Does(Box::new(Possible { protocol, checked, exactly: false })));
            }
        }
        Ok(covering.first().map_or(Tried::NoneCovers, |&protocol| Tried::NotToTheEnd(protocol)))
    }

    /// The check of the largest smaller question of the same kind that a protocol passes.
    fn largest_checked(
        &self,
        protocol: BuiltIn,
        limits: &LimitArguments,
        effort: Effort,
        watch: &Watch,
    ) -> Result<Option<Report>> {
        let (Some(servers), true) = (self.servers, self.faults.fault.is_empty()) else { return Ok(None) };
        let mut largest = None;
        for clients in (1..=self.faults.clients.min(2)).rev() {
            for smaller in 1..=servers {
                let most = self.faults.faults.unwrap_or(1).min(smaller);
                let question = (1..=most).rev().find_map(|faulty| {
                    let faults = FaultArguments { faults: Some(faulty), clients, ..self.faults.clone() };
                    let ask = Ask { servers: Some(smaller), faults, ..self.clone() };
                    ask.question().filter(|question| protocol.covers(question))
                });
                let Some(question) = question else { continue };
                if question.system.size() > System::MAX_PROCESSES {
                    break;
                }
                if (smaller, clients) == (servers, self.faults.clients) {
                    continue;
                }
                let report = run(&question, protocol, limits, effort.time.min(SMALLER_TIME), watch)?;
                if report.verdict() != Judgement::Holds {
                    break;
                }
                largest = Some(report);
            }
            if largest.is_some() {
                break;
            }
        }
        Ok(largest)
    }

    /// What the literature says where neither a proof nor a protocol is at hand.
    pub(crate) fn note(&self, claim: &Claim) -> Option<&'static str> {
        // The argument needs that everybody may go silent, and two who can be told different things.
        let can_go_silent = |process| {
            claim.fault_model.rules_of(process).any(|rule| {
                let class = claim.fault_model.rules[rule].class;
                !matches!(class, FaultClass::None | FaultClass::ReceiveOmission)
            })
        };
        let all_can_go_silent = claim.system.clients >= 2 && claim.system.processes().all(can_go_silent);
        match (self.timing, self.task) {
            (Timing::Asynchrony, task) if task != Task::Register && all_can_go_silent => Some(
                "no deterministic protocol does it under asynchrony if any one process may crash (Fischer, Lynch and \
                 Paterson 1985), or omit its sends; that argument is not one about static worlds, so there is no certificate here",
            ),
            _ => None,
        }
    }

    /// Questions near this one, each with what is different.
    pub(crate) fn nearest(&self) -> Vec<(String, Ask)> {
        let Some(servers) = self.servers else { return Vec::new() };
        let faults = &self.faults;
        let faulty = faults.faults.unwrap_or(1);
        let usual = faults.fault.is_empty();
        let mut near: Vec<(String, Ask)> = Vec::new();
        let mut add = |what: String, servers: usize, faults: FaultArguments, timing: Timing| {
            let ask = Ask { servers: Some(servers), faults, timing, ..self.clone() };
            // A default that is spelt out is no other question.
            let new = std::iter::once(self)
                .chain(near.iter().map(|(_, ask)| ask))
                .all(|other| matches!((ask.claim(), other.claim()), (Ok(one), Ok(other)) if one != other));
            if new {
                near.push((what, ask));
            }
        };
        add(format!("one more server: --servers {}", servers + 1), servers + 1, faults.clone(), self.timing);
        if usual {
            let witness = FaultArguments { fault: vec!["w: none".to_owned()], ..faults.clone() };
            add("a server that never fails: --fault \"w: none\"".to_owned(), servers, witness, self.timing);
            for class in [FaultClass::Crash, FaultClass::Omission] {
                let with = FaultArguments { server_faults: Some(class), ..faults.clone() };
                add(
                    format!("servers that fail otherwise: --server-faults {class}"),
                    servers,
                    with,
                    self.timing,
                );
            }
            for (what, class) in
                [("that cannot fail", FaultClass::None), ("that fail otherwise", FaultClass::Omission)]
            {
                let with = FaultArguments { client_faults: Some(class), ..faults.clone() };
                add(format!("clients {what}: --client-faults {class}"), servers, with, self.timing);
            }
            if faulty < servers {
                let with = FaultArguments { faults: Some(faulty + 1), ..faults.clone() };
                add(format!("one more faulty server: --faults {}", faulty + 1), servers, with, self.timing);
            }
        }
        for timing in [Timing::LockStep, Timing::PartialSynchrony] {
            add(format!("another timing: --timing {timing}"), servers, faults.clone(), timing);
        }
        near
    }
}

/// What came of the built-in protocols.
enum Tried {
    Does(Box<Possible>),
    /// This one's stated bound covers the question; neither it nor a smaller one was checked to the end.
    NotToTheEnd(BuiltIn),
    NoneCovers,
}

/// How hard to try protocols.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// For each check.
    pub(crate) time: Duration,
}

/// For each check of a smaller question.
const SMALLER_TIME: Duration = Duration::from_secs(5);

/// Rounds after which a protocol whose states grow is given up.
const ROUNDS: u32 = 100;

struct Check<'a> {
    question: &'a Question,
    name: &'static str,
    watch: Watch,
}

impl WithProtocol for Check<'_> {
    type Output = Report;

    fn with<S: Steps>(mut self, steps: S) -> Result<Report> {
        let report = check_with(self.question, self.name, steps, &mut self.watch);
        self.watch.finish();
        Ok(report?)
    }
}

fn run(
    question: &Question,
    protocol: BuiltIn,
    limits: &LimitArguments,
    time: Duration,
    outer: &Watch,
) -> Result<Report> {
    check_within(question, protocol, limits.watch_for(time, outer))
}

/// Checks a built-in protocol until it is done or the watch says that it is enough.
pub(crate) fn check_within(question: &Question, protocol: BuiltIn, watch: Watch) -> Result<Report> {
    let stop = watch.stop_flag();
    Protocol::built_in(protocol).run(question, stop, Check { question, name: protocol.name(), watch })
}
