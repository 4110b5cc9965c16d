use std::collections::BTreeMap;

use crate::protocol::Steps;
use crate::replay::Snapshot;

/// Whether a run repeats for ever: `snapshots` are its global states, from the start of a period on, at least
/// one period long, while the adversary does the same in every period. If the state at the end of the first
/// period is the one at its start, that is all. Else the terms may have grown, and then the second period is
/// needed too: it has to be the first one, state by state, with other terms.
///
/// It is sound for protocols that keep the promise of [`crate::Protocol::terms_of_state`], and not complete: a
/// run that repeats in another way is not recognised.
///
/// # Why it is sound
/// Let `V` be the terms of the first period, with 0, and `up` what becomes of each of them one period later.
/// It is asked that `up(x) - x` does not fall as `x` grows, is the same for `x` and `x + 1`, and is the same
/// for `x` and `up(x)`; each where all of them are in `V`; and `up(0) = 0`. So `up` keeps the order of terms
/// and who is whose successor, and no comparison in a step comes out differently: the second period is the
/// image of the first, which is also checked. The terms of the second period are `up(V)`, and
/// `up(x) + (up(x) - x)` is what becomes of `up(x)`: for terms of the states at the ends of periods by the
/// last condition. It has all these properties again, so the third period is the image of the second, and so
/// on.
pub fn recurs<S: Steps>(steps: &S, snapshots: &[Snapshot<S::State, S::Message>], period: usize) -> bool {
    let (Some(start), Some(end)) = (snapshots.first(), snapshots.get(period)) else { return false };
    if period == 0 {
        return false;
    }
    if start == end {
        return true;
    }
    if snapshots.len() <= 2 * period {
        return false;
    }
    let mut up = BTreeMap::from([(0, 0)]);
    for (now, later) in snapshots[..=period].iter().zip(&snapshots[period..]) {
        let (now_erased, now) = without_terms(steps, now);
        let (later_erased, later) = without_terms(steps, later);
        if now_erased != later_erased || now.len() != later.len() {
            return false;
        }
        for (now, later) in now.into_iter().zip(later) {
            if later < now || *up.entry(now).or_insert(later) != later {
                return false;
            }
        }
    }
    let growth = |term: &u32| up.get(term).map(|later| later - term);
    let pairs = up.iter().zip(up.iter().skip(1));
    let mut apart = pairs.map(|((low, low_up), (high, high_up))| (high - low, low_up - low, high_up - high));
    let no_closer = apart.all(|(gap, low, high)| if gap == 1 { low == high } else { low <= high });
    let steady = up.iter().all(|(term, later)| growth(later).is_none_or(|again| again == later - term));
    no_closer && steady
}

/// A global state with 0 for every term, and the terms in their order.
pub fn without_terms<S: Steps>(
    steps: &S,
    snapshot: &Snapshot<S::State, S::Message>,
) -> (Snapshot<S::State, S::Message>, Vec<u32>) {
    let mut erased = snapshot.clone();
    let mut terms = Vec::new();
    let mut erase = |term: &mut u32| terms.push(std::mem::take(term));
    for local in erased.locals.iter_mut().flatten() {
        steps.terms_of_state(&mut local.state, &mut erase);
        for (_, message) in &mut local.send {
            steps.terms_of_message(message, &mut erase);
        }
    }
    (erased, terms)
}
