//! The map: every question of a range, impossible, possible or unknown. A cell is `impossible` only with a
//! verified certificate, its own or that of a question which is no harder; it is `possible` only with a
//! protocol, its own or that of a question which is no easier, and how far that was verified is said. What
//! [`order`](Reduction) does not relate is decided for itself. `unknown` says nothing: the search for
//! worlds is bounded by a [`Scope`], and a protocol may not have been written yet.
//!
//! Pure: which protocols there are, what they promise and what checking them shows comes in through
//! [`Sources`], and with it every limit.

mod bound;
mod cell;
mod order;
mod work;

use threeworlds_certificate::Certificate;

use self::work::{Order, all_of};
use crate::prove::{Proof, Scope, Searched};

pub use bound::{Bound, Limit};
pub use cell::{Cell, Range};
pub use order::{Reduction, Sizes};

/// Where an atlas gets its verdicts. It is asked from several threads.
pub trait Sources: Sync {
    /// A protocol.
    type Protocol: Clone + PartialEq + Send + Sync;
    /// The outcome of a check that went to its end and held.
    type Checked: Clone + Send + Sync;
    /// What can go wrong.
    type Error: Send;

    /// The protocols that promise to do what the cell asks for, the one to prefer first.
    fn promising(&self, cell: &Cell) -> Vec<Self::Protocol>;

    /// Checks a protocol against every adversary of the cell: `None` where a limit ended that. That it
    /// falls is an error, for it was promised.
    fn check(&self, protocol: &Self::Protocol, cell: &Cell) -> Result<Option<Self::Checked>, Self::Error>;

    /// Looks for a proof: [`crate::prove`], within limits.
    fn prove(&self, cell: &Cell, scope: Scope) -> Result<Proof, Self::Error>;

    /// Whether to end: what was not decided by then stays unknown.
    fn stopped(&self) -> bool;

    /// Told how far it is.
    fn progress(&self, decided: usize, cells: usize);
}

/// How to go about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// How far to look for proofs.
    pub scope: Scope,
    /// Threads to work with. They make no difference to the result.
    pub threads: usize,
    /// Decide every cell for itself, and propagate afterwards: much slower, and a test of the propagation.
    pub each_for_itself: bool,
}

/// Every cell of a range, decided or not.
#[derive(Debug, Clone)]
pub struct Atlas<P, C> {
    /// What it is about.
    pub range: Range,
    /// In the order of [`Range::cells`].
    pub entries: Vec<Entry<P, C>>,
}

/// What is known of a cell.
#[derive(Debug, Clone)]
pub struct Entry<P, C> {
    /// Which.
    pub cell: Cell,
    /// The verdict.
    pub verdict: Verdict,
    /// What the verdict rests on.
    pub basis: Basis<P, C>,
}

/// The verdict on a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No protocol does it.
    Impossible,
    /// A protocol does it.
    Possible,
    /// Neither was found.
    Unknown,
}

/// What a verdict rests on.
#[derive(Debug, Clone)]
pub enum Basis<P, C> {
    /// A certificate for this very cell, verified.
    Proof(Box<Certificate>),
    /// A protocol that promises to do this.
    Protocol {
        /// Which.
        protocol: P,
        /// How far that was verified.
        verified: Verified<C>,
    },
    /// The verdict on another cell, which has a basis of its own.
    From {
        /// Its place among the entries.
        entry: usize,
        /// How a protocol for the harder of the two makes one for the easier.
        reduction: Reduction,
    },
    /// Nothing was found: how far proofs were looked for, if they were.
    Nothing(Option<Searched>),
}

/// How far it was verified that a protocol does what it promises.
#[derive(Debug, Clone)]
pub enum Verified<C> {
    /// Against every adversary of this very cell.
    Exactly(C),
    /// Against every adversary of another cell, at this place among the entries, with fewer processes; for
    /// this one it rests on the protocol's stated bound.
    Smaller(usize),
    /// Not at all: it rests on the protocol's stated bound alone.
    Stated,
}

impl Verdict {
    /// `impossible`, `possible` or `unknown`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Impossible => "impossible",
            Verdict::Possible => "possible",
            Verdict::Unknown => "unknown",
        }
    }
}

/// Why there is no atlas.
#[derive(Debug, thiserror::Error)]
pub enum AtlasError<E> {
    /// A possible question that is no easier than an impossible one: this program is wrong somewhere.
    #[error(
        "internal error: two verdicts contradict each other. Possible: {possible}. Impossible, and no harder: \
         {impossible}. One of them is wrong: please report this"
    )]
    Contradiction {
        /// The one that a protocol promises.
        possible: Box<Cell>,
        /// The one with a proof.
        impossible: Box<Cell>,
    },
    /// What the sources report.
    #[error(transparent)]
    Source(E),
}

/// What was found for a cell itself.
#[derive(Debug, Clone)]
enum Own<P, C> {
    Proof(Box<Certificate>),
    Exactly(P, C),
    /// A protocol that promises it and was not checked to the end.
    Promised(P),
    Searched(Searched),
}

/// The atlas that some sources make.
pub type AtlasOf<S> = Atlas<<S as Sources>::Protocol, <S as Sources>::Checked>;

/// What was found for a cell itself, if it was looked at.
type Found<S> = Option<Own<<S as Sources>::Protocol, <S as Sources>::Checked>>;

/// Decides every cell of a range.
///
/// First the cells that a protocol promises to do: those of few servers first, of these the hardest first,
/// and those that follow are left out. For each it looks for a proof of the contrary before it believes
/// anything. Then the others, the easiest first, for proofs. The result does not depend on the number of
/// threads as long as no limit is reached.
pub fn atlas<S: Sources>(
    range: Range,
    method: Method,
    sources: &S,
) -> Result<AtlasOf<S>, AtlasError<S::Error>> {
    let cells = range.cells();
    let order = Order::new(&cells);
    let mut own: Vec<Found<S>> = vec![None; cells.len()];

    let promising: Vec<Vec<S::Protocol>> = cells.iter().map(|cell| sources.promising(cell)).collect();
    let promised: Vec<usize> = (0..cells.len()).filter(|&cell| !promising[cell].is_empty()).collect();
    for servers in 1..=range.servers {
        let of_size = promised.iter().copied().filter(|&cell| cells[cell].servers == servers).collect();
        if sources.stopped() {
            break;
        }
        for level in order.hardest_first(of_size) {
            let follows = |cell: usize| {
                (0..cells.len()).any(|harder| {
                    matches!(own[harder], Some(Own::Exactly(..))) && order.no_harder(cell, harder)
                })
            };
            let todo: Vec<usize> =
                level.into_iter().filter(|&cell| method.each_for_itself || !follows(cell)).collect();
            let hopeless = |protocol: &S::Protocol, cell: usize| {
                (0..cells.len()).any(|other| {
                    matches!(&own[other], Some(Own::Promised(cut)) if cut == protocol)
                        && cells[other].timing == cells[cell].timing
                        && cells[other].servers <= cells[cell].servers
                        && cells[other].faults <= cells[cell].faults
                })
            };
            if todo.is_empty() {
                continue;
            }
            let found = all_of(&todo, method.threads, |&cell| {
                promised_cell(&cells[cell], &promising[cell], method.scope, sources, |protocol| {
                    hopeless(protocol, cell)
                })
            })?;
            todo.into_iter().zip(found).for_each(|(cell, found)| own[cell] = found);
            sources.progress(order.decided(&own), cells.len());
        }
    }

    let is_possible = |own: &[Found<S>], cell: usize| {
        (0..cells.len()).any(|harder| {
            matches!(own[harder], Some(Own::Exactly(..) | Own::Promised(_))) && order.no_harder(cell, harder)
        })
    };
    let rest = (0..cells.len()).filter(|&cell| method.each_for_itself || !is_possible(&own, cell));
    let levels = if sources.stopped() { Vec::new() } else { order.easiest_first(rest.collect()) };
    for level in levels {
        // Of the same classes one proof is enough; for others there may be one that says more.
        let follows = |cell: usize| {
            (0..cells.len()).any(|easier| {
                let (one, other) = (&cells[cell], &cells[easier]);
                matches!(own[easier], Some(Own::Proof(_)))
                    && (one.timing, one.server_faults, one.client_faults)
                        == (other.timing, other.server_faults, other.client_faults)
                    && order.no_harder(easier, cell)
            })
        };
        let todo: Vec<usize> = level
            .into_iter()
            .filter(|&cell| method.each_for_itself || !follows(cell))
            .filter(|&cell| own[cell].is_none() || method.each_for_itself)
            .collect();
        if todo.is_empty() {
            continue;
        }
        let found = all_of(&todo, method.threads, |&cell| {
            if sources.stopped() {
                return Ok(None);
            }
            let Proof { certificate, searched } =
                sources.prove(&cells[cell], method.scope).map_err(AtlasError::Source)?;
            Ok(Some(certificate.map_or(Own::Searched(searched), |proof| Own::Proof(Box::new(proof)))))
        })?;
        for (cell, found) in todo.into_iter().zip(found) {
            match (&own[cell], &found) {
                (Some(Own::Exactly(..) | Own::Promised(_)), Some(Own::Proof(_))) => {
                    return Err(contradiction(&cells[cell], &cells[cell]));
                }
                (Some(_), _) => {}
                (None, _) => own[cell] = found,
            }
        }
        sources.progress(order.decided(&own), cells.len());
    }
    conclude(range, &cells, &order, &own)
}

/// Looks at a cell that protocols promise: for a proof of the contrary, and whether they keep it.
fn promised_cell<S: Sources>(
    cell: &Cell,
    promising: &[S::Protocol],
    scope: Scope,
    sources: &S,
    hopeless: impl Fn(&S::Protocol) -> bool,
) -> Result<Found<S>, AtlasError<S::Error>> {
    if sources.stopped() {
        return Ok(None);
    }
    if sources.prove(cell, scope).map_err(AtlasError::Source)?.certificate.is_some() {
        return Err(contradiction(cell, cell));
    }
    for protocol in promising.iter().filter(|protocol| !hopeless(protocol)) {
        if sources.stopped() {
            return Ok(None);
        }
        if let Some(checked) = sources.check(protocol, cell).map_err(AtlasError::Source)? {
            return Ok(Some(Own::Exactly(protocol.clone(), checked)));
        }
    }
    // Whoever wants it to end did not wait for the check.
    Ok((!sources.stopped()).then(|| Own::Promised(promising[0].clone())))
}

fn contradiction<E>(possible: &Cell, impossible: &Cell) -> AtlasError<E> {
    AtlasError::Contradiction { possible: Box::new(*possible), impossible: Box::new(*impossible) }
}

/// Gives every cell its verdict, and the nearest reason for it.
fn conclude<P: Clone + PartialEq, C: Clone, E>(
    range: Range,
    cells: &[Cell],
    order: &Order,
    own: &[Option<Own<P, C>>],
) -> Result<Atlas<P, C>, AtlasError<E>> {
    let all = 0..cells.len();
    let is_possible = |cell: &usize| matches!(own[*cell], Some(Own::Exactly(..) | Own::Promised(_)));
    let proved: Vec<usize> = all.clone().filter(|&cell| matches!(own[cell], Some(Own::Proof(_)))).collect();
    for possible in all.clone().filter(is_possible) {
        if let Some(&impossible) = proved.iter().find(|&&easier| order.no_harder(easier, possible)) {
            return Err(contradiction(&cells[possible], &cells[impossible]));
        }
    }
    let from = |cell: usize, entry: usize, verdict| {
        let (one, other) = (&cells[cell], &cells[entry]);
        let (easier, harder) = if verdict == Verdict::Possible { (one, other) } else { (other, one) };
        let reduction = Reduction::new(easier, harder).expect("the order says so");
        (verdict, Basis::From { entry, reduction })
    };
    let nearest = |cell: usize, candidates: &mut dyn Iterator<Item = usize>| {
        candidates.min_by_key(|&other| (distance(&cells[cell], &cells[other]), other))
    };
    let entry = |cell: usize| {
        if let Some(Own::Proof(certificate)) = &own[cell] {
            return (Verdict::Impossible, Basis::Proof(certificate.clone()));
        }
        if let Some(Own::Exactly(protocol, checked)) = &own[cell] {
            let verified = Verified::Exactly(checked.clone());
            return (Verdict::Possible, Basis::Protocol { protocol: protocol.clone(), verified });
        }
        let harder = |exactly: bool| {
            all.clone().filter(move |&other| {
                (matches!(own[other], Some(Own::Exactly(..)))
                    || (!exactly && matches!(own[other], Some(Own::Promised(_)))))
                    && order.no_harder(cell, other)
            })
        };
        if let Some(other) = nearest(cell, &mut harder(true)) {
            return from(cell, other, Verdict::Possible);
        }
        if let Some(Own::Promised(protocol)) = &own[cell] {
            let same = |&other: &usize| matches!(&own[other], Some(Own::Exactly(of, _)) if of == protocol);
            let smaller = |&other: &usize| {
                cells[other].timing == cells[cell].timing
                    && (cells[other].servers, cells[other].faults)
                        <= (cells[cell].servers, cells[cell].faults)
            };
            let largest = all.clone().filter(same).filter(smaller).max_by_key(|&other| {
                let Cell { servers, faults, .. } = cells[other];
                (servers, faults, std::cmp::Reverse(distance(&cells[cell], &cells[other])))
            });
            let verified = largest.map_or(Verified::Stated, Verified::Smaller);
            return (Verdict::Possible, Basis::Protocol { protocol: protocol.clone(), verified });
        }
        if let Some(other) = nearest(cell, &mut harder(false)) {
            return from(cell, other, Verdict::Possible);
        }
        let mut easier = proved.iter().copied().filter(|&other| order.no_harder(other, cell));
        if let Some(other) = nearest(cell, &mut easier) {
            return from(cell, other, Verdict::Impossible);
        }
        let searched = match &own[cell] {
            Some(Own::Searched(searched)) => Some(*searched),
            _ => None,
        };
        (Verdict::Unknown, Basis::Nothing(searched))
    };
    let entries = all.clone().map(|cell| {
        let (verdict, basis) = entry(cell);
        Entry { cell: cells[cell], verdict, basis }
    });
    Ok(Atlas { range, entries: entries.collect() })
}

/// How much two cells differ: in how many ways, and then in what a reader has to think about first. Without
/// faulty servers their class is no difference.
fn distance(one: &Cell, other: &Cell) -> (usize, u16, u16, bool) {
    let servers_fail = one.faults.min(other.faults) > 0;
    let differences = [
        one.timing != other.timing,
        servers_fail && one.server_faults != other.server_faults,
        one.client_faults != other.client_faults,
        (one.servers, one.faults) != (other.servers, other.faults),
    ];
    (
        differences.into_iter().filter(|differs| *differs).count(),
        one.servers.abs_diff(other.servers),
        one.faults.abs_diff(other.faults),
        one.timing != other.timing,
    )
}

impl<P: Clone + PartialEq, C> Atlas<P, C> {
    /// The entry that a verdict rests on in the end: the entry itself unless it was propagated.
    pub fn source<'a>(&'a self, entry: &'a Entry<P, C>) -> &'a Entry<P, C> {
        match entry.basis {
            Basis::From { entry, .. } => &self.entries[entry],
            _ => entry,
        }
    }

    /// The entry of this cell, if it is in the range.
    pub fn entry(&self, cell: &Cell) -> Option<&Entry<P, C>> {
        self.entries.iter().find(|entry| entry.cell == *cell)
    }

    /// How many cells have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.entries.iter().filter(|entry| entry.verdict == verdict).count()
    }
}
