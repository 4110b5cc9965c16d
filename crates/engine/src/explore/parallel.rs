use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does so many pieces of work with so many threads, each thread with a state of its own. The results come in
/// the order of the pieces, whoever did them.
pub(crate) fn in_order<S, R: Send>(
    threads: usize,
    pieces: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> R + Sync,
) -> Vec<R> {
    if threads <= 1 || pieces <= 1 {
        let mut state = state();
        return (0..pieces).map(|piece| work(&mut state, piece)).collect();
    }
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(pieces));
    let worker = || {
        let mut state = state();
        let mut own = Vec::new();
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                break;
            }
            own.push((piece, work(&mut state, piece)));
        }
        done.lock().expect("nobody panics while holding it").append(&mut own);
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(pieces) {
            scope.spawn(worker);
        }
        worker();
    });
    let mut done = done.into_inner().expect("nobody panics while holding it");
    done.sort_unstable_by_key(|&(piece, _)| piece);
    done.into_iter().map(|(_, result)| result).collect()
}
