//! Histories of closed-loop clients on an object that works, optionally with one answer made wrong.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use threeworlds_history::{
    Answer, Call, History, HistoryBuilder, Limits, Model, Object, Outcome, StopReason, ValueId, Verdict,
    check,
};

use crate::process::{Allowance, Ended, again, peak_mb, user_seconds};

/// How a history is drawn.
#[derive(Debug, Clone, Copy)]
struct Shape {
    operations: usize,
    clients: usize,
    keys: usize,
    /// Values are drawn from so many; 0: each is written once.
    values: usize,
    /// Reads, writes and compare-and-sets, or reads and writes only.
    cas: bool,
    pending: usize,
    /// Whether a read late in the history is made stale.
    planted: bool,
}

const fn shape(operations: usize, clients: usize) -> Shape {
    Shape { operations, clients, keys: 1, values: 0, cas: false, pending: 0, planted: false }
}

/// The lines of the table.
fn shapes() -> Vec<(String, Shape)> {
    let mut shapes = Vec::new();
    let mut add = |name: &str, shape: Shape| {
        shapes.push((name.to_owned(), shape));
        shapes.push((format!("{name}, one read stale"), Shape { planted: true, ..shape }));
    };
    for (operations, clients) in
        [(10_000, 5), (10_000, 20), (100_000, 5), (1_000_000, 5), (1_000_000, 20), (1_000_000, 50)]
    {
        add(&format!("register, {} ops, c{clients}", thousands(operations)), shape(operations, clients));
    }
    add("key-value, 1000 keys, 1000k ops, c20", Shape { keys: 1000, ..shape(1_000_000, 20) });
    add("cas-register, 5 values, 10k ops, c5", Shape { values: 5, cas: true, ..shape(10_000, 5) });
    add("cas-register, 5 values, 10k ops, c20", Shape { values: 5, cas: true, ..shape(10_000, 20) });
    add(
        "cas-register, 5 values, 10k ops, c5, 50 pending",
        Shape { values: 5, cas: true, pending: 50, ..shape(10_000, 5) },
    );
    add(
        "cas-register, 5 values, 10k ops, c20, 50 pending",
        Shape { values: 5, cas: true, pending: 50, ..shape(10_000, 20) },
    );
    add("cas-register, unique values, 100k ops, c20", Shape { cas: true, ..shape(100_000, 20) });
    shapes
}

fn thousands(operations: usize) -> String {
    format!("{}k", operations / 1000)
}

/// Prints the table: each shape, checked by each tool.
pub fn compare(arguments: &[String]) -> Result<()> {
    let mut options: HashMap<&str, u64> =
        HashMap::from([("--seconds", 60), ("--memory-mb", 3000), ("--seeds", 1)]);
    let mut filter = String::new();
    let mut left = arguments.iter();
    while let Some(argument) = left.next() {
        match options.get_mut(argument.as_str()) {
            Some(value) => *value = left.next().context("a number is missing")?.parse()?,
            None => filter.clone_from(argument),
        }
    }
    let (seconds, memory_mb) = (options["--seconds"], options["--memory-mb"]);
    let allowance = Allowance { cpu_seconds: seconds + 60, wall_seconds: seconds + 30, memory_mb };
    println!("user CPU seconds of the check, peak memory of the process with its history");
    println!(
        "limits: {seconds} wall-clock seconds, {memory_mb} MB; on a busy machine less CPU fits into that\n"
    );
    println!("{:<58} {:>4}  {:<30} {:<30}", "history", "seed", "threeworlds", "porcupine-rs 0.3");
    for (place, (name, _)) in shapes().iter().enumerate() {
        if !name.contains(&filter) {
            continue;
        }
        for seed in 1..=options["--seeds"] {
            let mut cells = Vec::new();
            for tool in ["threeworlds", "porcupine"] {
                let call = ["one-history", tool, &place.to_string(), &seed.to_string(), &seconds.to_string()];
                let call: Vec<String> = call.iter().map(ToString::to_string).collect();
                cells.push(match again(&call, allowance)? {
                    Ended::Said(line) => line,
                    Ended::TimedOut => format!("over {seconds} s"),
                    Ended::Failed(_) => "out of memory".to_owned(),
                });
            }
            println!("{name:<58} {seed:>4}  {:<30} {:<30}", cells[0], cells[1]);
        }
    }
    Ok(())
}

/// One measurement: TOOL, number of the shape, seed, seconds.
pub fn one(arguments: &[String]) -> Result<()> {
    let [tool, place, seed, seconds] = arguments else { anyhow::bail!("TOOL SHAPE SEED SECONDS") };
    let (_, shape) = shapes()[place.parse::<usize>()?].clone();
    let history = draw(&shape, seed.parse()?);
    let before = user_seconds()?;
    let says = match tool.as_str() {
        "threeworlds" => ours(&history, &shape, seconds.parse()?)?,
        _ => porcupine::check(&history, &shape, Duration::from_secs(seconds.parse()?)),
    };
    println!("{says} {:.2} s {} MB", user_seconds()? - before, peak_mb()?);
    Ok(())
}

fn ours(history: &History, shape: &Shape, seconds: f64) -> Result<String> {
    let object = match (shape.keys > 1, shape.cas) {
        (true, _) => Object::KeyValue,
        (_, true) => Object::CasRegister,
        _ => Object::Register,
    };
    let model = Model::new(object).with_initial(0.into());
    let started = std::time::Instant::now();
    let mut observer = |_: &_| (started.elapsed().as_secs_f64() > seconds).then_some(StopReason::Time);
    let limits = Limits { observer: Some(&mut observer), bytes: Some(1 << 30), ..Limits::default() };
    Ok(match check(history, &model, limits)? {
        Verdict::Legal => "legal".to_owned(),
        Verdict::Illegal(blame) => {
            format!("illegal ({}{})", blame.operations.len(), if blame.minimal { "" } else { "?" })
        }
        Verdict::Unknown(unknown) => format!("unknown {}", unknown.explored.explained),
    })
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as usize % most
    }
}

/// What a client is doing.
#[derive(Clone, Copy)]
enum Client {
    Idle,
    Waiting(usize, usize, Call),
    Applied(usize, Outcome),
}

fn draw(shape: &Shape, seed: u64) -> History {
    let mut random = Random(seed);
    let mut builder = HistoryBuilder::new();
    let zero = builder.integer(0);
    let keys: Vec<ValueId> = (0..shape.keys).map(|key| builder.integer(-1 - key as i64)).collect();
    let mut registers = vec![zero; shape.keys];
    // For each key the values that it had, as far as a stale read needs them.
    let mut earlier: Vec<Vec<ValueId>> = vec![Vec::new(); shape.keys];
    let mut clients = vec![Client::Idle; shape.clients];
    let mut names: Vec<u32> = (0..shape.clients).map(|client| builder.process(&client.to_string())).collect();
    let (mut begun, mut left, mut fresh) = (0, shape.operations, 0);
    let mut planted = !shape.planted;
    let pending_every = shape.operations.checked_div(shape.pending).unwrap_or(usize::MAX);
    let (mut next_pending, mut pending) = (pending_every / 2, 0);
    while left > 0 {
        let client = random.below(shape.clients);
        clients[client] = match clients[client] {
            Client::Idle if begun < shape.operations => {
                begun += 1;
                let key = random.below(shape.keys);
                let mut value = || {
                    if shape.values > 0 {
                        return builder.integer(random.below(shape.values) as i64);
                    }
                    fresh += 1;
                    builder.integer(fresh)
                };
                let value = value();
                let current = registers[key];
                let call = match random.below(if shape.cas { 3 } else { 2 }) {
                    0 => Call::Read,
                    1 => Call::Write(value),
                    _ if shape.values == 0 => Call::CompareAndSet { from: current, to: value },
                    _ => Call::CompareAndSet {
                        from: builder.integer(random.below(shape.values) as i64),
                        to: value,
                    },
                };
                let of = (shape.keys > 1).then(|| keys[key]);
                Client::Waiting(builder.invoke_interned(names[client], of, call, None), key, call)
            }
            Client::Idle => Client::Idle,
            Client::Waiting(number, key, call) => {
                if begun >= next_pending && pending < shape.pending && call != Call::Read {
                    // Half of them took effect.
                    pending += 1;
                    next_pending += pending_every;
                    if random.below(2) == 0 {
                        apply(&mut registers[key], call);
                    }
                    names[client] = builder.process(&(shape.clients + pending).to_string());
                    left -= 1;
                    clients[client] = Client::Idle;
                    continue;
                }
                let before = registers[key];
                let mut answer = apply(&mut registers[key], call);
                if before != registers[key] {
                    earlier[key].push(before);
                }
                let late = begun > shape.operations / 10 * 9;
                if let (Answer::Value(now), false, true) = (answer, planted, late) {
                    let old = earlier[key].iter().rev().skip(2 * shape.clients).find(|&&old| old != now);
                    if let Some(&old) = old {
                        answer = Answer::Value(old);
                        planted = true;
                    }
                }
                Client::Applied(number, Outcome::Ok(answer))
            }
            Client::Applied(number, outcome) => {
                left -= 1;
                builder.complete_interned(number, outcome, None);
                Client::Idle
            }
        };
    }
    builder.finish()
}

fn apply(register: &mut ValueId, call: Call) -> Answer {
    match call {
        Call::Write(value) => {
            *register = value;
            Answer::Done
        }
        Call::CompareAndSet { from, to } if *register == from => {
            *register = to;
            Answer::Yes
        }
        Call::CompareAndSet { .. } => Answer::No,
        _ => Answer::Value(*register),
    }
}

/// The same histories for porcupine-rs.
mod porcupine {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use porcupine_rs::{CheckResult, Operation, check_operations_timeout};
    use threeworlds_history::{Answer, Call, History, Outcome};

    use super::Shape;

    #[derive(Debug, Clone)]
    pub(super) enum Op {
        Read(i64),
        Write(i64),
        Cas(i64, i64, bool),
        /// Without an answer: as one that ends last, and changes the register if it can.
        PendingCas(i64, i64),
    }

    #[derive(Debug, Clone)]
    pub(super) struct Register;

    impl porcupine_rs::Model for Register {
        type State = i64;
        type Op = Op;
        type Metadata = ();

        fn init() -> i64 {
            0
        }

        fn step(state: &i64, op: &Op) -> (bool, i64) {
            match op {
                Op::Read(value) => (value == state, *state),
                Op::Write(value) => (true, *value),
                Op::Cas(from, to, true) => (from == state, *to),
                Op::PendingCas(from, to) => (true, if from == state { *to } else { *state }),
                Op::Cas(from, _, false) => (from != state, *state),
            }
        }
    }

    /// Key by key, as its documentation advises.
    pub(super) fn check(history: &History, _: &Shape, time: Duration) -> String {
        let value = |id| history.values().get(id).as_i64().expect("values are integers");
        let mut parts: BTreeMap<Option<i64>, Vec<Operation<Register>>> = BTreeMap::new();
        for one in history.operations() {
            let op = match (one.call, one.outcome) {
                (Call::Write(written), _) => Op::Write(value(written)),
                (Call::CompareAndSet { from, to }, Outcome::Pending) => {
                    Op::PendingCas(value(from), value(to))
                }
                (Call::CompareAndSet { from, to }, outcome) => {
                    Op::Cas(value(from), value(to), outcome == Outcome::Ok(Answer::Yes))
                }
                (_, Outcome::Ok(Answer::Value(read))) => Op::Read(value(read)),
                _ => continue,
            };
            parts.entry(one.key.map(value)).or_default().push(Operation {
                client_id: Some(one.process),
                call_time: i64::from(one.invoked),
                return_time: i64::from(one.completed), // of pending ones after all others
                op,
                metadata: None,
            });
        }
        for part in parts.values() {
            match check_operations_timeout(part, time) {
                CheckResult::Ok => {}
                CheckResult::Illegal => return "illegal".to_owned(),
                _ => return "unknown".to_owned(),
            }
        }
        "legal".to_owned()
    }
}
