use std::collections::BTreeMap;

use crate::execution::{Charge, Execution, Fault, SentMessage};
use crate::fault::{Capability, Happened};
use crate::process::Process;

/// Charges every removed message to the fewest processes that explain all of them and that the question's
/// rules allow; to the senders if there are none. Before GST the timing is charged. The faulty set follows.
///
/// Cost: exponential in the number of processes that lose messages, of which the first 16 are looked at.
pub fn charge_fewest(execution: &mut Execution) {
    let gst = execution.gst.map_or(0, |gst| gst as usize);
    for (_, round) in (1..).zip(&mut execution.rounds).filter(|&(number, _)| number < gst) {
        round.messages.iter_mut().filter_map(|sent| sent.removed.as_mut()).for_each(|c| *c = Charge::Timing);
    }
    let crashed: Vec<Process> = execution.rounds.iter().flat_map(|round| round.crashes.clone()).collect();
    let mut suspects = crashed.clone();
    for round in &execution.rounds {
        let removed = round.messages.iter().filter(|sent| matches!(sent.removed, Some(Charge::Process(_))));
        for sent in removed.filter(|sent| !round.crashes.contains(&sent.from)) {
            suspects.extend([sent.from, sent.to]);
        }
    }
    suspects.sort_unstable();
    suspects.dedup();
    let mut sets: Vec<u32> = (0..1u32 << suspects.len().min(SUSPECTS_MAX)).collect();
    sets.sort_by_key(|bits| bits.count_ones());
    for bits in sets {
        let of = |&(index, _): &(usize, &Process)| index >= SUSPECTS_MAX || bits >> index & 1 == 1;
        let blamed: Vec<Process> =
            suspects.iter().enumerate().filter(of).map(|(_, &process)| process).collect();
        if !crashed.iter().all(|process| blamed.contains(process)) {
            continue;
        }
        for sender_first in [true, false] {
            if try_charge(execution, &blamed, &crashed, sender_first) {
                return;
            }
        }
    }
    for process in suspects {
        let capability = if crashed.contains(&process) { Capability::Crash } else { Capability::OmitSends };
        let charged = |sent: &SentMessage| sent.removed == Some(Charge::Process(process));
        let is_charged = execution.rounds.iter().flat_map(|round| &round.messages).any(charged);
        if is_charged || crashed.contains(&process) {
            execution.faulty.insert(process, Fault(capability));
        }
    }
}

fn try_charge(
    execution: &mut Execution,
    blamed: &[Process],
    crashed: &[Process],
    sender_first: bool,
) -> bool {
    let mut happened: BTreeMap<Process, Happened> = blamed
        .iter()
        .map(|&process| (process, Happened { crashed: crashed.contains(&process), ..Happened::default() }))
        .collect();
    let mut rounds = execution.rounds.clone();
    for round in &mut rounds {
        for sent in &mut round.messages {
            let Some(Charge::Process(_)) = sent.removed else { continue };
            if round.crashes.contains(&sent.from) {
                sent.removed = Some(Charge::Process(sent.from));
                continue;
            }
            let may = |process: &Process| blamed.contains(process) && !crashed.contains(process);
            let charged = match (may(&sent.from), may(&sent.to)) {
                (true, false) => sent.from,
                (false, true) => sent.to,
                (true, true) if sender_first => sent.from,
                (true, true) => sent.to,
                (false, false) => return false,
            };
            if let Some(happened) = happened.get_mut(&charged) {
                happened.omitted_sends |= charged == sent.from;
                happened.omitted_receives |= charged == sent.to;
            }
            sent.removed = Some(Charge::Process(charged));
        }
    }
    let alternatives: Vec<_> =
        happened.into_iter().map(|(process, happened)| (process, vec![happened])).collect();
    let Some(capabilities) = execution.question.fault_model.charge(&alternatives) else { return false };
    execution.rounds = rounds;
    execution.faulty =
        alternatives.iter().map(|&(process, _)| process).zip(capabilities.into_iter().map(Fault)).collect();
    true
}

/// The most processes among which a smallest faulty set is looked for.
const SUSPECTS_MAX: usize = 16;
