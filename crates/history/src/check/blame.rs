//! Which operations contradict each other: sets that cannot be made smaller. Relaxing an operation never
//! makes a legal history illegal, so leaving out one by one ends in a minimal set; leaving out chunks first makes it quick (Zeller and Hildebrandt, Simplifying and
//! isolating failure-inducing input, IEEE TSE 28(2), 2002).

/// What a trial says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trial {
    /// These still contradict each other.
    Contradict,
    /// They do not.
    Fine,
    /// A limit was reached.
    Unknown,
}

/// A minimal subset that still contradicts itself, in the order given, and whether it is known to be
/// minimal. The set given contradicts itself.
pub(crate) fn minimal(mut set: Vec<u32>, mut trial: impl FnMut(&[u32]) -> Trial) -> (Vec<u32>, bool) {
    let mut sure = true;
    let mut chunk = set.len().div_ceil(2);
    while chunk > 0 {
        let mut start = 0;
        while start < set.len() {
            let end = (start + chunk).min(set.len());
            if end - start == set.len() {
                break;
            }
            let rest = [&set[..start], &set[end..]].concat();
            match trial(&rest) {
                Trial::Contradict => {
                    set = rest;
                    continue;
                }
                Trial::Fine => {}
                Trial::Unknown => sure = false,
            }
            start = end;
        }
        if chunk == 1 {
            break;
        }
        chunk = chunk.div_ceil(2);
    }
    (set, sure)
}
