use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does so many pieces of work with so many threads, each thread with a state of its own. The results come in
/// the order of the pieces, whoever did them.
pub(crate) fn in_order<S: Send, R: Send>(
    threads: usize,
    pieces: usize,
    state: impl Fn() -> S,
    work: impl Fn(&mut S, usize) -> R + Sync,
) -> Vec<R> {
    let mut workers: Vec<S> = (0..threads.min(pieces).max(1)).map(|_| state()).collect();
    in_order_with(&mut workers, pieces, |piece| piece, work)
}

/// The same with a thread for each of these states, of which there is at least one. A thread does the pieces of its
/// own first, those that have its position or that and a multiple of the number of threads as their owner.
pub(crate) fn in_order_with<S: Send, R: Send>(
    workers: &mut [S],
    pieces: usize,
    owner: impl Fn(usize) -> usize,
    work: impl Fn(&mut S, usize) -> R + Sync,
) -> Vec<R> {
    let wanted = workers.len().min(pieces.max(1));
    let (first, others) = workers[..wanted].split_first_mut().expect("there is a worker");
    if others.is_empty() {
        return (0..pieces).map(|piece| work(first, piece)).collect();
    }
    let mut queues: Vec<(AtomicUsize, Vec<usize>)> = (0..wanted).map(|_| Default::default()).collect();
    for piece in 0..pieces {
        queues[owner(piece) % wanted].1.push(piece);
    }
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(pieces));
    let worker = |number: usize, state: &mut S| {
        let mut own = Vec::new();
        for (next, queue) in queues[number..].iter().chain(&queues[..number]) {
            while let Some(&piece) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                own.push((piece, work(state, piece)));
            }
        }
        done.lock().expect("nobody panics while holding it").append(&mut own);
    };
    std::thread::scope(|scope| {
        for (number, other) in (1..).zip(others) {
            let worker = &worker;
            scope.spawn(move || worker(number, other));
        }
        worker(0, first);
    });
    let mut done = done.into_inner().expect("nobody panics while holding it");
    done.sort_unstable_by_key(|&(piece, _)| piece);
    done.into_iter().map(|(_, result)| result).collect()
}
