use std::collections::{BTreeMap, BTreeSet};

use crate::ages::least_ages;
use crate::execution::{Charge, Execution, Fault};
use crate::fault::{Capability, Happened};
use crate::process::Process;
use crate::protocol::Steps;
use crate::question::{Adversary, CrashDelivery, Question, Timing};
use crate::recurrence::recurs;
use crate::replay::{Replay, ReplayError, Snapshot, replay_moves};
use crate::task::Property;

/// Confirms an execution from the protocol alone, or says what is wrong with it.
///
/// It checks that the adversary did only what the question allows (every removed message is charged to a
/// faulty process of the right class or to time before GST, the faulty set obeys the rules, what arrives
/// of a process that crashes), that the protocol sends and answers exactly what is recorded, and that the
/// claimed property is violated. It knows nothing of the search that found the execution.
pub fn verify<S: Steps>(execution: &Execution, steps: S) -> Result<(), Rejection> {
    check_faults(execution)?;
    let question = &execution.question;
    let mut replay = Replay::new(question, steps).map_err(ReplayError::Step)?;
    let mut snapshots = vec![replay.snapshot().clone()];
    for (number, (recorded, moves)) in (1..).zip(execution.rounds.iter().zip(replay_moves(execution))) {
        for (&client, request) in &recorded.requests {
            let next = replay.next_request(client);
            if next != Some(request) {
                let expected = next.map_or("none".to_owned(), ToString::to_string);
                let what =
                    format!("{client} issues {request}, but the workload's next request is {expected}");
                return Err(Rejection::Differs { round: number, what });
            }
        }
        let round = replay.round(&moves)?;
        if let Some((one, two)) = round.messages.iter().zip(&recorded.messages).find(|(one, two)| one != two)
        {
            let say = |m: &crate::execution::SentMessage| format!("{} to {}: {}", m.from, m.to, m.message);
            let what = format!("the protocol sends {}, the file says {}", say(one), say(two));
            return Err(Rejection::Differs { round: number, what });
        }
        if round.messages.len() != recorded.messages.len() {
            let (sent, said) = (round.messages.len(), recorded.messages.len());
            let what = format!("the protocol sends {sent} messages, the file says {said}");
            return Err(Rejection::Differs { round: number, what });
        }
        if round.responses != recorded.responses {
            let say = |responses: &BTreeMap<Process, crate::Response>| {
                let words: Vec<String> =
                    responses.iter().map(|(client, r)| format!("{client} is told {r}")).collect();
                if words.is_empty() { "nobody is told anything".to_owned() } else { words.join(", ") }
            };
            let (told, said) = (say(&round.responses), say(&recorded.responses));
            let what = format!("by the protocol {told}, by the file {said}");
            return Err(Rejection::Differs { round: number, what });
        }
        snapshots.push(replay.snapshot().clone());
    }

    let last = execution.rounds.len();
    if let Some(first) = execution.loop_from_round
        && let Some(start) = usize::try_from(first).ok().and_then(|first| first.checked_sub(1))
        && snapshots
            .get(start)
            .is_some_and(|start| !repeats(replay.steps(), question, start, &snapshots[last]))
    {
        // Terms may have grown: then the next period shows whether that is all.
        for moves in replay_moves(execution).split_off(start.min(last)) {
            if replay.round(&moves).is_err() {
                return Err(Rejection::NoLoop { first: start + 1 });
            }
            snapshots.push(replay.snapshot().clone());
        }
        if !recurs(replay.steps(), &snapshots[start..], last - start) {
            return Err(Rejection::NoLoop { first: start + 1 });
        }
        snapshots.truncate(last + 1);
    }
    let end = &snapshots[last];
    if let Some(first) = execution.loop_from_round {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        match first.checked_sub(1).and_then(|before| snapshots.get(before)) {
            Some(_) if first <= execution.rounds.len() => {}
            _ => return Err(Rejection::NoLoop { first }),
        }
        if execution.question.timing == Timing::PartialSynchrony
            && !execution.gst.is_some_and(|gst| usize::try_from(gst).is_ok_and(|gst| gst <= first))
        {
            return Err(Rejection::LoopBeforeGst);
        }
    }
    let Some(claim) = &execution.claim else { return Ok(()) };
    let holds = match (claim.property, execution.loop_from_round) {
        (Property::Termination, Some(first)) => {
            let from = usize::try_from(first).unwrap_or(usize::MAX) - 1;
            let waits = |client: &Process| {
                !execution.faulty.contains_key(client)
                    && snapshots[from..].iter().all(|snapshot| snapshot.environment.is_outstanding(*client))
            };
            question.system.client_ids().any(|client| waits(&client))
        }
        (Property::Termination, None) => false,
        (property, _) => end.environment.violation() == Some(property),
    };
    let (claimed, first) = (claim.property, end.environment.violation());
    if holds { Ok(()) } else { Err(Rejection::ClaimFails { claimed, first }) }
}

/// The safety property that the recorded requests and responses violate, by the question's monitor; `None`
/// if none, or if they cannot be.
pub fn violation(execution: &Execution) -> Option<Property> {
    let environment = execution.question.environment();
    let mut state = environment.start();
    for round in &execution.rounds {
        let unlike = |client: Process| {
            let recorded = round.requests.get(&client);
            recorded.is_some() && recorded != environment.next_request(&state, client)
        };
        if execution.question.system.client_ids().any(unlike) {
            return None;
        }
        let event = |client| crate::ClientEvent {
            client,
            issues: round.requests.contains_key(&client),
            response: round.responses.get(&client),
        };
        let events: Vec<_> = execution.question.system.client_ids().map(event).collect();
        state = environment.advance(&state, &events).ok()?;
    }
    state.violation()
}

/// Why an execution is not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The protocol failed, or cannot be run this way.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The adversary did what it may not.
    #[error("round {round}: {what}")]
    NotAdmissible {
        /// The round.
        round: usize,
        /// What it did.
        what: String,
    },
    /// The faulty set is more than the rules allow.
    #[error("the fault rules ({rules}) do not allow this faulty set: {faulty}")]
    FaultySet {
        /// The faulty processes and what happens to them.
        faulty: String,
        /// The rules.
        rules: String,
    },
    /// The protocol does something else than recorded.
    #[error("round {round}: {what}")]
    Differs {
        /// The round.
        round: usize,
        /// How the two differ.
        what: String,
    },
    /// The lasso does not close.
    #[error(
        "the rounds from {first} on do not repeat: the state at their end is not the state at their start"
    )]
    NoLoop {
        /// The first round of the loop.
        first: usize,
    },
    /// The lasso closes before GST, where no property promises anything.
    #[error("the loop starts before GST: Termination speaks of the time after it")]
    LoopBeforeGst,
    /// The claim is wrong, or another property is violated before the claimed one.
    #[error("the claim is wrong: {}", instead(*claimed, *first))]
    ClaimFails {
        /// What is claimed to be violated.
        claimed: Property,
        /// The safety property that is violated first.
        first: Option<Property>,
    },
}

fn instead(claimed: Property, first: Option<Property>) -> String {
    match first {
        Some(first) if claimed != Property::Termination => {
            format!("{first} is violated first, and what would violate {claimed} after that is not judged")
        }
        _ => format!("{claimed} is not violated"),
    }
}

/// From the first round with a loss on, every message on a link that ever loses one is lost; crashes are in
/// that round, and nothing of their last messages arrives.
fn check_static_cuts(execution: &Execution) -> Result<(), Rejection> {
    let rounds = &execution.rounds;
    let loses = |round: &crate::execution::Round| {
        !round.crashes.is_empty() || round.messages.iter().any(|sent| sent.removed.is_some())
    };
    let Some(first) = rounds.iter().position(loses) else { return Ok(()) };
    let removed = rounds.iter().flat_map(|round| &round.messages).filter(|sent| sent.removed.is_some());
    let cut: BTreeSet<(Process, Process)> = removed.map(|sent| (sent.from, sent.to)).collect();
    for (position, round) in rounds.iter().enumerate().skip(first) {
        let not = |what: String| Err(Rejection::NotAdmissible { round: position + 1, what });
        if let (Some(process), true) = (round.crashes.first(), position > first) {
            return not(format!(
                "{process} stops, but the adversary chose what fails in round {}",
                first + 1
            ));
        }
        let arrives = |sent: &&crate::execution::SentMessage| {
            let lost = cut.contains(&(sent.from, sent.to)) || round.crashes.contains(&sent.from);
            lost && sent.removed.is_none()
        };
        if let Some(sent) = round.messages.iter().find(arrives) {
            let (from, to) = (sent.from, sent.to);
            return not(format!("{from} sends to {to} on a link that is cut for ever, and it arrives"));
        }
    }
    Ok(())
}

/// Checks everything about faults and timing that can be told without the protocol.
fn check_faults(execution: &Execution) -> Result<(), Rejection> {
    let question = &execution.question;
    let happened: Vec<_> = execution
        .faulty
        .iter()
        .map(|(&process, &Fault(capability))| (process, Happened::all_of(capability)))
        .collect();
    if !question.fault_model.allow(&happened) {
        let faulty: Vec<String> =
            execution.faulty.iter().map(|(p, fault)| format!("{p} {}", fault.0.name())).collect();
        let rules: Vec<String> =
            question.fault_model.rules.iter().map(|rule| rule.text(&question.system)).collect();
        return Err(Rejection::FaultySet { faulty: faulty.join(", "), rules: rules.join("; ") });
    }
    if question.adversary == Adversary::StaticCuts {
        check_static_cuts(execution)?;
    }
    let capability = |process: Process| execution.faulty.get(&process).map(|fault| fault.0);
    for (number, round) in (1..).zip(&execution.rounds) {
        let not = |what: String| Err(Rejection::NotAdmissible { round: number, what });
        for &process in &round.crashes {
            if capability(process) != Some(Capability::Crash) {
                return not(format!("{process} stops, but its class in this execution is not crash"));
            }
        }
        for sent in &round.messages {
            let Some(charge) = sent.removed else { continue };
            let link = format!("the message from {} to {} is removed", sent.from, sent.to);
            match charge {
                Charge::Timing => {
                    let before_gst =
                        execution.gst.is_none_or(|gst| number < usize::try_from(gst).unwrap_or(usize::MAX));
                    if question.timing != Timing::PartialSynchrony || !before_gst {
                        return not(format!(
                            "{link} and charged to the timing, but every message is on time"
                        ));
                    }
                }
                Charge::Process(process) => {
                    let may = capability(process).is_some_and(|capability| {
                        (process == sent.from && capability.omits_sends())
                            || (process == sent.to && capability.omits_receives())
                            || (process == sent.from && round.crashes.contains(&process))
                    });
                    if !may {
                        return not(format!(
                            "{link} and charged to {process}, which is not faulty in that way"
                        ));
                    }
                }
            }
        }
        if question.crash_delivery == CrashDelivery::Prefix {
            // What is sent to a process that has stopped is read by nobody, so it says nothing.
            let stopped = |process| execution.crash_round(process).is_some_and(|stop| stop <= number);
            for &process in &round.crashes {
                let charged = |removed: &Option<Charge>| *removed == Some(Charge::Process(process));
                let mut own = round.messages.iter().filter(|sent| sent.from == process && !stopped(sent.to));
                let lost = own.by_ref().find(|sent| charged(&sent.removed));
                let late = own.find(|sent| sent.removed.is_none());
                if let (Some(lost), Some(late)) = (lost, late) {
                    let what = "but of a process that stops a prefix of its sending order arrives";
                    return not(format!(
                        "{process} loses what it sends to {} and not what it sends later to {}, {what}",
                        lost.to, late.to
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Whether a state is one before it, or is it but for ages in the same order: then it goes on as that one did.
fn repeats<S: Steps>(
    steps: &S,
    question: &Question,
    start: &Snapshot<S::State, S::Message>,
    end: &Snapshot<S::State, S::Message>,
) -> bool {
    if start == end {
        return true;
    }
    // Only of a prefix of what a process sends the order counts.
    let sorted = |snapshot: &Snapshot<S::State, S::Message>| {
        let mut least = least_ages(steps, snapshot);
        if question.crash_delivery == CrashDelivery::AnySubset {
            for local in least.locals.iter_mut().flatten() {
                local.send.sort();
            }
        }
        least
    };
    sorted(start) == sorted(end)
}
