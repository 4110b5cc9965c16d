//! Which messages are drawn, if there are too many: of each type, link and fate the first and the last in
//! each stretch between two changes of the network, and then as many as there is room for, evenly. Messages
//! of clients come before those between servers.

use std::collections::BTreeMap;

use super::scale::Scale;
use super::scene::ends;
use super::{Fate, Message};

/// So many messages of one type on one link, over more than a tenth of the time, are taken for regular; or
/// fewer, if there are many of the type on other links.
const REGULAR: usize = 10;
const FEWER: usize = 4;
const ON_ALL_LINKS: usize = 24;

/// Takes those messages away that go on all the time. Returns the others, and them.
pub(crate) fn regular(messages: &[Message], all: Vec<usize>, span: (u64, u64)) -> (Vec<usize>, Vec<usize>) {
    // How many, the first and the last.
    let mut kinds: BTreeMap<(usize, usize, &str), (usize, u64, u64)> = BTreeMap::new();
    let mut types: BTreeMap<&str, usize> = BTreeMap::new();
    for &number in &all {
        let message = &messages[number];
        *types.entry(&message.label).or_default() += 1;
        let kind = (message.from, message.to, &message.label[..]);
        let kind = kinds.entry(kind).or_insert((0, u64::MAX, 0));
        *kind = (kind.0 + 1, kind.1.min(message.sent), kind.2.max(message.sent));
    }
    all.into_iter().partition(|&number| {
        let message = &messages[number];
        let (count, first, last) = kinds[&(message.from, message.to, &message.label[..])];
        let most = if types[&message.label[..]] >= ON_ALL_LINKS { FEWER } else { REGULAR };
        count < most || (last - first) < (span.1 - span.0) / 10
    })
}

/// Of messages that go on all the time, those of one type, link and fate at least so far apart, and farther
/// if they are more than `most`; none in a stretch that is cut out.
pub(crate) fn apart(
    messages: &[Message],
    regular: &[usize],
    scale: &Scale,
    apart: f64,
    most: usize,
) -> Vec<usize> {
    let hidden = |time: u64| {
        let next = scale.breaks.partition_point(|one| one.times.1 <= time);
        scale.breaks.get(next).is_some_and(|one| one.times.0 < time)
    };
    let seen = regular.iter().copied().filter(|&number| {
        let message = &messages[number];
        !hidden(message.sent) && !hidden(ends(message))
    });
    let mut seen: Vec<usize> = seen.collect();
    seen.sort_by_key(|&number| (messages[number].sent, number));
    let mut apart = apart.max(1.0);
    loop {
        let mut last: BTreeMap<(usize, usize, &str, bool), f64> = BTreeMap::new();
        let far = seen.iter().copied().filter(|&number| {
            let message = &messages[number];
            let lost = matches!(message.fate, Fate::Lost { .. });
            let place = scale.place(message.sent);
            let kind = (message.from, message.to, &message.label[..], lost);
            let far = last.get(&kind).is_none_or(|last| place - last >= apart);
            if far {
                last.insert(kind, place);
            }
            far
        });
        let mut chosen: Vec<usize> = far.collect();
        if chosen.len() > most && apart > scale.width() {
            // One of each kind is too many: some of all, evenly.
            chosen = (0..most).map(|number| seen[number * seen.len() / most]).collect();
        }
        if chosen.len() <= most {
            chosen.sort_unstable();
            return chosen;
        }
        apart *= 1.5;
    }
}

/// The places of the messages that are drawn, ascending: at most `most` of those asked for.
pub(crate) fn chosen(
    messages: &[Message],
    wanted: &[usize],
    most: usize,
    changes: &[u64],
    of_client: impl Fn(&Message) -> bool,
) -> Vec<usize> {
    if wanted.len() <= most {
        return wanted.to_vec();
    }
    let mut groups: BTreeMap<(usize, usize, &str, u8, usize), Vec<usize>> = BTreeMap::new();
    for &number in wanted {
        let message = &messages[number];
        let fate = match message.fate {
            Fate::Arrived { .. } => 0,
            Fate::Lost { .. } => 1,
            Fate::Open => 2,
        };
        let stretch = changes.partition_point(|&change| change <= message.sent);
        groups.entry((message.from, message.to, &message.label, fate, stretch)).or_default().push(number);
    }
    let mut ranked: Vec<(usize, bool, u64, usize)> = Vec::new();
    for members in groups.values_mut() {
        members.sort_by_key(|&number| (messages[number].sent, number));
        for (rank, &place) in spread(members.len()).iter().enumerate() {
            let message = &messages[members[place]];
            let client = of_client(message);
            let rank = if client { rank / 4 } else { rank };
            ranked.push((rank, !client, message.sent, members[place]));
        }
    }
    ranked.sort_unstable();
    let mut chosen: Vec<usize> = ranked.into_iter().take(most).map(|(.., number)| number).collect();
    chosen.sort_unstable();
    chosen
}

/// The numbers below `count`, those first that together are spread evenly: both ends, the middle, the
/// quarters, and so on.
fn spread(count: usize) -> Vec<usize> {
    let mut order = Vec::with_capacity(count);
    let mut seen = vec![false; count];
    let mut parts = 1;
    while order.len() < count {
        for part in 0..=parts {
            let place = (count - 1) * part / parts;
            if !std::mem::replace(&mut seen[place], true) {
                order.push(place);
            }
        }
        parts *= 2;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_every_number_once() {
        assert_eq!(spread(5), [0, 4, 2, 1, 3]);
        for count in 0..200 {
            let mut all = spread(count);
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<usize>>());
        }
    }
}
