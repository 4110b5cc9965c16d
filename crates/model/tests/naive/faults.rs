//! The fault rules by their definition: every capability for every process, and every way to blame rules.

use threeworlds_model::{Capability, FaultClass, FaultModel, FaultRule, Process, System};

/// What can happen to one process: nothing, or one of the four capabilities.
pub(crate) const ALL: [Option<Capability>; 5] = [
    None,
    Some(Capability::Crash),
    Some(Capability::OmitSends),
    Some(Capability::OmitReceives),
    Some(Capability::OmitBoth),
];

/// Whether a process that is faulty in this class can turn out to have this capability. The send-or-receive
/// class picks a side.
pub(crate) fn is_side(class: FaultClass, capability: Capability) -> bool {
    match class {
        FaultClass::None => false,
        FaultClass::Crash => capability == Capability::Crash,
        FaultClass::SendOmission => capability == Capability::OmitSends,
        FaultClass::ReceiveOmission => capability == Capability::OmitReceives,
        FaultClass::SendOrReceiveOmission => {
            capability == Capability::OmitSends || capability == Capability::OmitReceives
        }
        FaultClass::Omission => capability == Capability::OmitBoth,
    }
}

/// Whether the adversary can do with `wide` all that it can do with `narrow`.
pub(crate) fn is_within(narrow: Option<Capability>, wide: Option<Capability>) -> bool {
    match (narrow, wide) {
        (None, _) => true,
        (Some(Capability::OmitSends | Capability::OmitReceives), Some(Capability::OmitBoth)) => true,
        _ => narrow == wide,
    }
}

/// Whether each faulty process can be given a rule that names it and fits it, no rule more often than its
/// number says, and none to whom a rule with `none` speaks.
pub(crate) fn allowed(
    model: &FaultModel,
    faulty: &[(Process, Capability)],
    fits: &dyn Fn(FaultClass, Capability) -> bool,
) -> bool {
    fn give(
        faulty: &[(Process, Capability)],
        left: &mut Vec<(FaultRule, usize)>,
        fits: &dyn Fn(FaultClass, Capability) -> bool,
    ) -> bool {
        let Some((&(process, capability), others)) = faulty.split_first() else { return true };
        (0..left.len()).any(|rule| {
            let (FaultRule { processes, class, .. }, number) = &left[rule];
            if *number == 0 || !processes.contains(&process) || !fits(*class, capability) {
                return false;
            }
            left[rule].1 -= 1;
            let possible = give(others, left, fits);
            left[rule].1 += 1;
            possible
        })
    }
    let exempt = |process: &Process| {
        model.rules.iter().any(|rule| rule.class == FaultClass::None && rule.processes.contains(process))
    };
    let mut left = model.rules.iter().map(|rule| (rule.clone(), rule.at_most)).collect();
    !faulty.iter().any(|(process, _)| exempt(process)) && give(faulty, &mut left, fits)
}

/// All assignments that the rules allow, in order.
#[allow(dead_code, reason = "one of the tests that share this file has no use for it")]
pub(crate) fn assignments(model: &FaultModel, system: &System) -> Vec<Vec<Option<Capability>>> {
    let mut all: Vec<Vec<Option<Capability>>> = vec![Vec::new()];
    for _ in 0..system.size() {
        let longer = |one: Vec<Option<Capability>>| {
            ALL.map(|capability| one.iter().copied().chain([capability]).collect::<Vec<_>>())
        };
        all = all.into_iter().flat_map(longer).collect();
    }
    all.retain(|one| {
        let faulty: Vec<_> = system
            .processes()
            .zip(one)
            .filter_map(|(process, &capability)| Some((process, capability?)))
            .collect();
        allowed(model, &faulty, &is_side)
    });
    all.sort();
    all
}
