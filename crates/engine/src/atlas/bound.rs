use threeworlds_certificate::Timing;
use threeworlds_model::FaultClass;

use super::{Atlas, Entry, Verdict};

/// A condition on n and f, from the one that most sizes satisfy on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// f < n: one server does not fail.
    One,
    /// f < 2n/3: more than a third do not fail.
    TwoThirds,
    /// f < n/2: a majority does not fail.
    Half,
    /// f < n/3: more than two thirds do not fail.
    Third,
    /// f = 0.
    Zero,
    /// No n and f at all.
    Never,
}

/// How far what is possible reaches, for one timing and one class each of servers and clients.
#[derive(Debug, Clone)]
pub struct Bound<'a, P, C> {
    /// Possible for all n and f that satisfy this.
    pub possible: Limit,
    /// Impossible for all n and f that do not satisfy this.
    pub not_impossible: Limit,
    /// The cells, by n and f.
    pub entries: Vec<&'a Entry<P, C>>,
}

impl Limit {
    const ALL: [Limit; 6] =
        [Limit::One, Limit::TwoThirds, Limit::Half, Limit::Third, Limit::Zero, Limit::Never];
    /// Those that say the same for all n and f of a range are named by the first of these.
    const USUAL: [Limit; 6] =
        [Limit::One, Limit::Half, Limit::Zero, Limit::Never, Limit::TwoThirds, Limit::Third];

    /// Whether n servers and f faults, f < n, satisfy it.
    pub fn holds(self, servers: u16, faults: u16) -> bool {
        match self {
            Limit::One => true,
            Limit::TwoThirds => 3 * faults < 2 * servers,
            Limit::Half => 2 * faults < servers,
            Limit::Third => 3 * faults < servers,
            Limit::Zero => faults == 0,
            Limit::Never => false,
        }
    }

    /// As a formula.
    pub fn name(self) -> &'static str {
        match self {
            Limit::One => "f<n",
            Limit::TwoThirds => "f<2n/3",
            Limit::Half => "f<n/2",
            Limit::Third => "f<n/3",
            Limit::Zero => "f=0",
            Limit::Never => "never",
        }
    }
}

impl<P, C> Bound<'_, P, C> {
    /// Whether every cell is decided, and as the limit says.
    pub fn is_sharp(&self) -> bool {
        self.possible == self.not_impossible
    }

    /// The cells that are unknown.
    pub fn unknown(&self) -> impl Iterator<Item = &Entry<P, C>> {
        self.entries.iter().copied().filter(|entry| entry.verdict == Verdict::Unknown)
    }
}

impl<P, C> Atlas<P, C> {
    /// What is possible for this timing and these classes, in short.
    pub fn bound(
        &self,
        timing: Timing,
        server_faults: FaultClass,
        client_faults: FaultClass,
    ) -> Bound<'_, P, C> {
        let of = |entry: &&Entry<P, C>| {
            let cell = &entry.cell;
            (cell.timing, cell.server_faults, cell.client_faults) == (timing, server_faults, client_faults)
        };
        let entries: Vec<&Entry<P, C>> = self.entries.iter().filter(of).collect();
        let extent = |limit: Limit| -> Vec<bool> {
            entries.iter().map(|entry| limit.holds(entry.cell.servers, entry.cell.faults)).collect()
        };
        let usual = |limit: Limit| {
            let same = |other: &&Limit| extent(**other) == extent(limit);
            *Limit::USUAL.iter().find(same).expect("it is the same as itself")
        };
        let all = |limit: &Limit, inside: bool, verdict| {
            let mut these = entries.iter().zip(extent(*limit)).filter(|(_, holds)| *holds == inside);
            these.all(|(entry, _)| entry.verdict == verdict)
        };
        let mut limits = Limit::ALL.iter();
        let possible =
            limits.find(|limit| all(limit, true, Verdict::Possible)).expect("nothing satisfies the last");
        let mut limits = Limit::ALL.iter().rev();
        let not_impossible =
            limits.find(|limit| all(limit, false, Verdict::Impossible)).expect("all satisfy the first");
        Bound { possible: usual(*possible), not_impossible: usual(*not_impossible), entries }
    }
}
