use std::collections::BTreeSet;

use crate::protocol::Steps;
use crate::replay::Snapshot;

/// A global state in which the ages are as small as their order allows: 0 stays 0, and the others are 1, 2,
/// and so on. By the promise of [`crate::Protocol::ages_of_state`] it has the same future as the state
/// itself, but for ages: the same messages can be lost, and the same responses come of it.
pub fn least_ages<S: Steps>(
    steps: &S,
    snapshot: &Snapshot<S::State, S::Message>,
) -> Snapshot<S::State, S::Message> {
    let mut ages = BTreeSet::new();
    let mut least = snapshot.clone();
    each_age(steps, &mut least, &mut |age| {
        ages.insert(*age);
    });
    ages.remove(&0);
    let ages: Vec<u32> = ages.into_iter().collect();
    each_age(steps, &mut least, &mut |age| *age = least_age(&ages, *age));
    least
}

/// What becomes of an age, where these are all the ages but 0, in order.
pub fn least_age(ages: &[u32], age: u32) -> u32 {
    if age == 0 {
        return 0;
    }
    let smaller = ages.partition_point(|&other| other < age);
    u32::try_from(smaller + 1).expect("fewer ages than a u32 counts fit in memory")
}

fn each_age<S: Steps>(
    steps: &S,
    snapshot: &mut Snapshot<S::State, S::Message>,
    visit: &mut dyn FnMut(&mut u32),
) {
    for local in snapshot.locals.iter_mut().flatten() {
        steps.ages_of_state(&mut local.state, visit);
        for (_, message) in &mut local.send {
            steps.ages_of_message(message, visit);
        }
    }
}
