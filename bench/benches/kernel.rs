//! The parts of the kernel, each on a system in which it is most of the work: `cargo bench` in this folder.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use threeworlds_bench::explore::{Forgetful, Register, Remembering};
use threeworlds_engine::{Resources, check, count};
use threeworlds_model::{FaultClass, Question, Timing};
use threeworlds_protocols::{LockCommit, Majority};

/// One round from one state under each faulty set: a faulty server hears from seven others, so that it has
/// 128 subsets of them to try, and there is little else to do.
fn local_lists(criterion: &mut Criterion) {
    let protocol = Forgetful(Register::new(7, 1, 1, 1, false));
    let question = protocol.0.question();
    criterion.bench_function("local lists: PB 7,1,1,1", |bench| {
        bench.iter(|| count(black_box(&question), 1, &protocol, Resources::default(), None).unwrap());
    });
}

/// Many states lead to the same few lists.
fn products_that_merge(criterion: &mut Criterion) {
    let protocol = Forgetful(Register::new(3, 2, 1, 3, false));
    let question = protocol.0.question();
    criterion.bench_function("products that merge: PB 3,2,1,3", |bench| {
        bench.iter(|| count(black_box(&question), 3, &protocol, Resources::default(), None).unwrap());
    });
}

/// Hardly two states have the same lists.
fn products_that_do_not(criterion: &mut Criterion) {
    let protocol = Remembering(Register::new(2, 2, 1, 3, true));
    let question = protocol.0.question();
    criterion.bench_function("products that do not merge: remembering 2,2,1,3", |bench| {
        bench.iter(|| count(black_box(&question), 3, &protocol, Resources::default(), None).unwrap());
    });
}

/// Most of the states are clients' requests and the monitor.
fn environments(criterion: &mut Criterion) {
    let question = usual(3, 1, 2, FaultClass::Crash);
    let protocol = Majority::new(&question.system);
    criterion.bench_function("environments: majority 3,2,1, crashes", |bench| {
        bench.iter(|| check(black_box(&question), &protocol).unwrap());
    });
}

/// Loops and worst cases on the graph.
fn termination(criterion: &mut Criterion) {
    let question = Question { timing: Timing::PartialSynchrony, ..usual(3, 1, 1, FaultClass::Crash) };
    let protocol = LockCommit::new(&question.system);
    criterion.bench_function("termination: lock-commit 3,1,1, partial synchrony", |bench| {
        bench.iter(|| check(black_box(&question), &protocol).unwrap());
    });
}

fn usual(servers: usize, faults: usize, clients: usize, class: FaultClass) -> Question {
    Question::usual(servers, faults, clients, class, class).expect("a small system")
}

criterion_group! {
    name = kernel;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(3));
    targets = local_lists, products_that_merge, products_that_do_not, environments, termination
}
criterion_main!(kernel);
