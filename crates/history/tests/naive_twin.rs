//! Linearizability by its definition, all orders one by one, against `Linearizations` event by event, on
//! random histories.

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use threeworlds_history::{
    AppendLog, Linearizations, LogOperation, RegisterOperation, Specification, WriteOnceRegister,
};

const CALLERS: u32 = 3;
const MOST_OPERATIONS: usize = 5;

/// One operation of a history, with the positions of its events.
#[derive(Debug, Clone)]
struct Entry<O, A> {
    caller: u32,
    operation: O,
    invoked: usize,
    /// Position and output.
    responded: Option<(usize, A)>,
}

/// An object for the naive judge, written apart from the crate's own.
trait Object {
    type Operation: Clone + Debug;
    type Output: Clone + PartialEq + Debug;
    type State: Clone + Default;
    fn apply(state: &mut Self::State, operation: &Self::Operation) -> Self::Output;
}

struct NaiveRegister;

impl Object for NaiveRegister {
    type Operation = RegisterOperation<u8>;
    type Output = Option<u8>;
    type State = Option<u8>;

    fn apply(state: &mut Option<u8>, operation: &RegisterOperation<u8>) -> Option<u8> {
        if let (RegisterOperation::Write(value), None) = (operation, &state) {
            *state = Some(*value);
        }
        *state
    }
}

struct NaiveLog;

impl Object for NaiveLog {
    type Operation = LogOperation<u8>;
    type Output = Vec<u8>;
    type State = Vec<u8>;

    fn apply(state: &mut Vec<u8>, operation: &LogOperation<u8>) -> Vec<u8> {
        if let LogOperation::Append(value) = operation {
            state.push(*value);
        }
        state.clone()
    }
}

/// Herlihy and Wing: there is an order of all complete operations and of some of the pending ones, which
/// keeps every operation that was answered before another was invoked before it, and in which the object
/// gives every complete operation its output.
fn linearizable<T: Object>(history: &[Entry<T::Operation, T::Output>]) -> bool {
    let pending: Vec<usize> =
        (0..history.len()).filter(|&position| history[position].responded.is_none()).collect();
    (0u32..1 << pending.len()).any(|subset| {
        let taken = |position: usize| {
            let of = pending.iter().position(|&other| other == position);
            of.is_none_or(|bit| subset >> bit & 1 == 1)
        };
        let mut chosen: Vec<_> = (0..history.len()).filter(|&position| taken(position)).collect();
        let count = chosen.len();
        any_order(&mut chosen, count, &|order| {
            let precedes = |one: usize, two: usize| {
                history[one].responded.as_ref().is_some_and(|(end, _)| *end < history[two].invoked)
            };
            let in_time = (0..order.len())
                .all(|later| (0..later).all(|earlier| !precedes(order[later], order[earlier])));
            let mut state = T::State::default();
            in_time
                && order.iter().all(|&position| {
                    let output = T::apply(&mut state, &history[position].operation);
                    history[position].responded.as_ref().is_none_or(|(_, seen)| *seen == output)
                })
        })
    })
}

/// Heap's algorithm: whether some order of the first `count` passes.
fn any_order(items: &mut Vec<usize>, count: usize, passes: &dyn Fn(&[usize]) -> bool) -> bool {
    if count <= 1 {
        return passes(items);
    }
    for position in 0..count {
        if any_order(items, count - 1, passes) {
            return true;
        }
        let other = if count.is_multiple_of(2) { position } else { 0 };
        items.swap(other, count - 1);
    }
    false
}

/// What a random history is made of: a caller that is idle invokes the operation; a caller that waits is
/// answered, with what the object says now or with an output drawn at random.
#[derive(Debug, Clone)]
struct Move<O, A> {
    caller: u32,
    operation: O,
    /// Whether the object executes the operation at once or when it is answered.
    early: bool,
    lie: Option<A>,
}

fn moves<O: Strategy, A: Strategy>(
    operation: O,
    output: A,
) -> impl Strategy<Value = Vec<Move<O::Value, A::Value>>>
where
    O::Value: Clone,
    A::Value: Clone,
{
    let one = (0..CALLERS, operation, any::<bool>(), prop::option::weighted(0.2, output))
        .prop_map(|(caller, operation, early, lie)| Move { caller, operation, early, lie });
    prop::collection::vec(one, 4..16)
}

/// How often each outcome came up, so that a test in which everything is linearizable does not pass.
#[derive(Debug, Default)]
struct Seen {
    linearizable: u32,
    not: u32,
    /// Histories judged while operations were pending that had effects of their own.
    with_pending: u32,
    /// Histories that break after some answers were right.
    late: u32,
}

fn compare<T, S>(
    specification: &S,
    moves: &[Move<T::Operation, T::Output>],
    seen: &mut Seen,
) -> Result<(), TestCaseError>
where
    T: Object,
    S: Specification<Operation = T::Operation, Output = T::Output>,
{
    let mut history: Vec<Entry<T::Operation, T::Output>> = Vec::new();
    let mut object = T::State::default();
    let mut promised: Vec<Option<T::Output>> = vec![None; CALLERS as usize];
    let mut fast = Linearizations::new(specification);
    let mut answers = 0;
    for (now, one) in moves.iter().enumerate() {
        let slot = one.caller as usize;
        let waiting =
            history.iter().position(|entry| entry.caller == one.caller && entry.responded.is_none());
        match waiting {
            None if history.len() == MOST_OPERATIONS => {}
            None => {
                fast.invoke(specification, one.caller, one.operation.clone()).unwrap();
                if one.early {
                    promised[slot] = Some(T::apply(&mut object, &one.operation));
                }
                history.push(Entry {
                    caller: one.caller,
                    operation: one.operation.clone(),
                    invoked: now,
                    responded: None,
                });
            }
            Some(position) => {
                let truth = promised[slot]
                    .take()
                    .unwrap_or_else(|| T::apply(&mut object, &history[position].operation));
                let output = one.lie.clone().unwrap_or(truth);
                history[position].responded = Some((now, output.clone()));
                let by_definition = linearizable::<T>(&history);
                prop_assert_eq!(
                    fast.respond(one.caller, &output),
                    by_definition,
                    "after event {} of {:?}",
                    now,
                    history
                );
                seen.with_pending += u32::from(history.iter().any(|entry| entry.responded.is_none()));
                if !by_definition {
                    seen.not += 1;
                    seen.late += u32::from(answers >= 2);
                    // Once it is broken it stays so, whatever follows.
                    fast.invoke(specification, one.caller, one.operation.clone()).unwrap();
                    prop_assert!(!fast.respond(one.caller, &output));
                    return Ok(());
                }
                answers += 1;
            }
        }
    }
    seen.linearizable += 1;
    Ok(())
}

fn run<T, S>(specification: &S, moves: impl Strategy<Value = Vec<Move<T::Operation, T::Output>>>)
where
    T: Object,
    S: Specification<Operation = T::Operation, Output = T::Output>,
{
    const CASES: u32 = 10_000;
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let seen = std::cell::RefCell::new(Seen::default());
    let outcome = TestRunner::new(config)
        .run(&moves, |moves| compare::<T, S>(specification, &moves, &mut seen.borrow_mut()));
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let seen = seen.into_inner();
    let enough = [seen.linearizable, seen.not, seen.with_pending, seen.late];
    assert!(enough.iter().all(|&count| count > CASES / 20), "too little was tested: {seen:?}");
}

#[test]
fn a_write_once_register_is_judged_as_by_the_definition() {
    let operation = prop_oneof![
        2 => (1..3u8).prop_map(RegisterOperation::Write),
        1 => Just(RegisterOperation::Read),
    ];
    // 3 is never written.
    let output = prop_oneof![3 => Just(None), 8 => (1..3u8).prop_map(Some), 1 => Just(Some(3))];
    run::<NaiveRegister, _>(&WriteOnceRegister::new(), moves(operation, output));
}

#[test]
fn a_log_is_judged_as_by_the_definition() {
    // Equal values are appended often, by different callers too.
    let operation = prop_oneof![
        2 => (1..3u8).prop_map(LogOperation::Append),
        1 => Just(LogOperation::Read),
    ];
    let output = prop::collection::vec(1..3u8, 0..4);
    run::<NaiveLog, _>(&AppendLog::new(), moves(operation, output));
}

#[test]
fn histories_with_the_same_future_are_equal() {
    // Two reads that overlap a write and both miss it, answered in either order.
    let register = WriteOnceRegister::new();
    let mut first = Linearizations::new(&register);
    first.invoke(&register, 1, RegisterOperation::Write(1)).unwrap();
    first.invoke(&register, 2, RegisterOperation::Read).unwrap();
    first.invoke(&register, 3, RegisterOperation::Read).unwrap();
    let mut second = first.clone();
    assert!(first.respond(2, &None) && first.respond(3, &None));
    assert!(second.respond(3, &None) && second.respond(2, &None));
    assert_eq!(first, second);
    // A read that showed the write has narrowed what can follow.
    let mut third = Linearizations::new(&register);
    third.invoke(&register, 1, RegisterOperation::Write(1)).unwrap();
    third.invoke(&register, 2, RegisterOperation::Read).unwrap();
    let before = third.clone();
    assert!(third.respond(2, &Some(1)));
    assert_ne!(third, before);
    assert_ne!(third, first);
}

#[test]
#[should_panic(expected = "caller 1 invokes an operation while another is pending")]
fn a_caller_that_waits_cannot_invoke() {
    let register = WriteOnceRegister::new();
    let mut history = Linearizations::new(&register);
    history.invoke(&register, 1, RegisterOperation::Write(1)).unwrap();
    history.invoke(&register, 1, RegisterOperation::Read).unwrap();
}

#[test]
fn a_response_that_nobody_waits_for_fits_no_history() {
    let register: WriteOnceRegister<u8> = WriteOnceRegister::new();
    let mut history = Linearizations::new(&register);
    assert!(!history.respond(1, &None));
}
