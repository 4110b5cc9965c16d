//! The order of the cells as a table, and work on many of them at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Cell, Own, Reduction};

/// For each two cells whether one is no harder than the other.
pub(super) struct Order {
    cells: usize,
    no_harder: Vec<bool>,
}

impl Order {
    pub(super) fn new(cells: &[Cell]) -> Order {
        let row = |easier| cells.iter().map(move |harder| Reduction::new(easier, harder).is_some());
        Order { cells: cells.len(), no_harder: cells.iter().flat_map(row).collect() }
    }

    /// Whether a protocol for `harder` makes one for `easier`.
    pub(super) fn no_harder(&self, easier: usize, harder: usize) -> bool {
        self.no_harder[easier * self.cells + harder]
    }

    /// Cells in levels: each after all that are harder, and of those that are as hard after the first.
    pub(super) fn hardest_first(&self, cells: Vec<usize>) -> Vec<Vec<usize>> {
        levels(cells, |earlier, later| self.no_harder(later, earlier))
    }

    /// Cells in levels: each after all that are easier, and of those that are as easy after the first.
    pub(super) fn easiest_first(&self, cells: Vec<usize>) -> Vec<Vec<usize>> {
        levels(cells, |earlier, later| self.no_harder(earlier, later))
    }

    /// How many cells have been looked at or follow from those that have.
    pub(super) fn decided<P, C>(&self, own: &[Option<Own<P, C>>]) -> usize {
        let follows = |cell: usize, other: usize| match own[other] {
            Some(Own::Proof(_)) => self.no_harder(other, cell),
            Some(Own::Exactly(..) | Own::Promised(_)) => self.no_harder(cell, other),
            Some(Own::Searched(_)) | None => false,
        };
        let is = |cell: &usize| own[*cell].is_some() || (0..self.cells).any(|other| follows(*cell, other));
        (0..self.cells).filter(is).count()
    }
}

/// Sorted by the longest chain of cells that come before. `before` is a preorder; of equals the first comes
/// first.
fn levels(cells: Vec<usize>, before: impl Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
    let is_before =
        |one: usize, other: usize| one != other && before(one, other) && (!before(other, one) || one < other);
    let counted = |&cell: &usize| cells.iter().filter(|&&other| is_before(other, cell)).count();
    let mut sorted: Vec<usize> = cells.clone();
    sorted.sort_by_cached_key(|cell| (counted(cell), *cell));
    let mut levels: Vec<Vec<usize>> = Vec::new();
    let mut level_of: Vec<(usize, usize)> = Vec::new();
    for cell in sorted {
        let chain = level_of.iter().filter(|(other, _)| is_before(*other, cell));
        let level = chain.map(|(_, level)| level + 1).max().unwrap_or(0);
        if level == levels.len() {
            levels.push(Vec::new());
        }
        levels[level].push(cell);
        level_of.push((cell, level));
    }
    levels
}

/// Does the work for each item on so many threads; the results in the items' order, or the first error.
pub(super) fn all_of<T: Sync, R: Send, E: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<R, E>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let run = || {
        loop {
            let position = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(position) else { break };
            *results[position].lock().expect("no worker panics while it holds a result") = Some(work(item));
        }
    };
    std::thread::scope(|scope| {
        (1..threads.min(items.len())).for_each(|_| drop(scope.spawn(run)));
        run();
    });
    let inside = |result: Mutex<Option<_>>| result.into_inner().ok().flatten().expect("all items were taken");
    results.into_iter().map(inside).collect()
}
