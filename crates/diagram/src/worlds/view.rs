use threeworlds_certificate::{Certificate, World};

/// All that reaches a client until the end of a phase: for each phase the blocks. `None` if something of it
/// differs in the other world, that is, if the client can tell the two apart.
pub(crate) fn same_view(
    certificate: &Certificate,
    worlds: [&World; 2],
    client: usize,
    end: usize,
) -> Option<Vec<Vec<bool>>> {
    let count = certificate.blocks.len();
    let rounds = certificate.claim.rounds.is_some();
    let opens = |world: &World, phase: usize, from: usize, to: usize| {
        linked(certificate, from, to) && !world.is_blocked(phase, (from, to))
    };
    if worlds.iter().any(|world| world.phases.len() <= end) {
        return None;
    }
    let same_request =
        |phase: usize, block: usize| worlds[0].request(phase, block) == worlds[1].request(phase, block);
    let mut reach = vec![vec![false; count]; end + 1];
    let mut now = vec![false; count];
    now[client] = true;
    for phase in (0..=end).rev() {
        let mut open: Vec<usize> = (0..count).filter(|&block| now[block]).collect();
        let mut before = now.clone();
        if rounds {
            reach[phase].clone_from(&now);
        }
        while let Some(to) = open.pop() {
            if !rounds && !same_request(phase, to) {
                return None;
            }
            for (from, known) in before.iter_mut().enumerate() {
                let hears = opens(worlds[0], phase, from, to);
                if hears != opens(worlds[1], phase, from, to) {
                    return None;
                }
                // A message makes one hop in a round, and any number in an epoch.
                if hears && !std::mem::replace(known, true) && !rounds {
                    open.push(from);
                }
            }
        }
        now = before;
        if !rounds {
            reach[phase].clone_from(&now);
        }
    }
    let asks_alike = !rounds || (0..count).all(|block| !now[block] || same_request(0, block));
    asks_alike.then_some(reach)
}

/// Whether messages can go from the one block to the other at all.
pub(crate) fn linked(certificate: &Certificate, from: usize, to: usize) -> bool {
    let member = |block: usize| certificate.blocks[block].members[0];
    from != to && certificate.claim.system.linked(member(from), member(to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use threeworlds_certificate::Views;

    /// The verifier's numbers for views say the same as the comparison here.
    #[test]
    fn views_are_compared_as_the_verifier_does() {
        for text in [
            include_str!("../../../certificate/tests/certificates/theorem.json"),
            include_str!("../../../certificate/tests/certificates/groups.json"),
            include_str!("../../tests/certificates/late.json"),
            include_str!("../../tests/certificates/rounds.json"),
        ] {
            let certificate = Certificate::parse(text).expect("it is a certificate");
            let Certificate { claim, blocks, worlds, .. } = &certificate;
            let mut views = Views::default();
            let keys: Vec<_> = worlds
                .iter()
                .map(|world| views.of(&claim.system, blocks, world, claim.rounds.is_some()))
                .collect();
            let mut equal = 0;
            for (one, other) in (0..worlds.len()).flat_map(|one| (0..worlds.len()).map(move |two| (one, two)))
            {
                for (end, block) in
                    (0..keys[one].len()).flat_map(|end| (0..blocks.len()).map(move |b| (end, b)))
                {
                    let same = same_view(&certificate, [&worlds[one], &worlds[other]], block, end).is_some();
                    assert_eq!(
                        same,
                        keys[one][end][block] == keys[other][end][block],
                        "{one} {other} {end} {block}"
                    );
                    equal += usize::from(same && one != other);
                }
            }
            assert!(equal > 0, "no two worlds look the same to anybody");
        }
    }
}
