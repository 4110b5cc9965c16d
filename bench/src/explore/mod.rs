//! Exploring: Threeworlds, stateright and Spin on the same transition systems. All of them have to count the
//! same distinct states, or there is no table.

mod peers;
mod register;
mod rounds;
mod spin;
mod tables;

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use threeworlds_engine::{Resources, Stop, check, count};
use threeworlds_model::{FaultClass, Question};
use threeworlds_protocols::Majority;

pub use register::{Forgetful, Register, Remembering};

use crate::process::{Allowance, Ended, Meter, again};
use rounds::Rounds;
use tables::{Interned, Tables};

/// A system.
#[derive(Debug, Clone, Copy)]
struct Row {
    family: &'static str,
    /// Servers, clients, faulty servers, rounds (0: to the fixpoint).
    numbers: [u8; 4],
    /// Who explores it where nobody says `--all`.
    who: Who,
}

/// Who can explore a system in a few minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// Everybody, in seconds.
    Quick,
    Everybody,
    /// All but those that look at each subset.
    Products,
    Ours,
}

const ROWS: &[Row] = &[
    row("pb", [2, 2, 1, 4], Who::Quick),
    row("pb", [3, 2, 1, 3], Who::Quick),
    row("pb", [3, 3, 1, 2], Who::Everybody),
    row("pb", [3, 2, 2, 4], Who::Everybody),
    row("pb", [3, 3, 1, 3], Who::Products),
    row("pb", [3, 4, 1, 4], Who::Ours),
    row("pb", [5, 2, 2, 4], Who::Ours),
    row("remembering", [2, 2, 1, 3], Who::Quick),
    row("remembering", [2, 2, 1, 4], Who::Everybody),
    row("remembering", [3, 1, 1, 3], Who::Everybody),
    row("remembering", [3, 2, 1, 2], Who::Everybody),
    row("remembering", [2, 3, 1, 3], Who::Everybody),
    row("majority", [2, 2, 1, 0], Who::Quick),
    row("majority", [3, 2, 1, 0], Who::Everybody),
];

const fn row(family: &'static str, numbers: [u8; 4], who: Who) -> Row {
    Row { family, numbers, who }
}

impl Row {
    fn numbers(&self) -> String {
        let shown = if self.family == "majority" { &self.numbers[..3] } else { &self.numbers[..] };
        shown.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    fn register(&self) -> Register {
        let [servers, clients, faults, rounds] = self.numbers;
        Register::new(servers.into(), clients.into(), faults.into(), rounds, self.family == "remembering")
    }

    /// What `check` asks about `majority`.
    fn question(&self) -> Result<Question> {
        let [servers, clients, faults, _] = self.numbers.map(usize::from);
        Ok(Question::usual(servers, faults, clients, FaultClass::Omission, FaultClass::Omission)?)
    }
}

/// How a measurement is called, its title, and up to which rows it is made.
const PEERS: [(&str, &str, Who); 3] = [
    ("products", "stateright, the product of next locals", Who::Products),
    ("subsets", "stateright, an action for each subset", Who::Everybody),
    ("spin", "Spin -DSAFETY -O2", Who::Everybody),
];

/// What one exploration found and took.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Measured {
    states: usize,
    /// Where each is an element of a product.
    products: Option<u64>,
    user_seconds: f64,
    peak_bytes: u64,
}

const NOTES: &str = "\
user s   user CPU seconds of the exploration alone, in a process of its own;
         the least of three where it takes under a second (--quick: of one)
times    these seconds as a multiple of those of threeworlds
peak MB  by how much the process grew at most; of Spin the whole verifier
Every count of distinct states is compared with that of threeworlds, and where
both form products, the number of their elements. stateright: one thread,
breadth first; it keeps a 64-bit fingerprint of each state and the way to it,
so it can overlook a state, and counts for stateright are of fingerprints.
Spin: depth first, whole states, its hash table as large as is best.
All sides call the same local functions, or tables of them, and no side of the
PB rows looks for violations. threeworlds on `majority` is the whole `check`:
monitor, shortest counterexamples, Termination and worst case in rounds;
stateright and Spin only visit the same states.";

/// What was asked for on the command line.
struct Options {
    seconds: u64,
    memory_mb: u64,
    quick: bool,
    all: bool,
    families: Vec<String>,
    numbers: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options> {
        let mut options = Options {
            seconds: 300,
            memory_mb: 8000,
            quick: false,
            all: false,
            families: Vec::new(),
            numbers: Vec::new(),
        };
        let mut left = arguments.iter();
        while let Some(argument) = left.next() {
            let mut number = || -> Result<u64> {
                left.next().and_then(|text| text.parse().ok()).with_context(|| format!("{argument} N"))
            };
            match argument.as_str() {
                "--seconds" => options.seconds = number()?,
                "--memory-mb" => options.memory_mb = number()?,
                "--quick" => options.quick = true,
                "--all" => options.all = true,
                flag if flag.starts_with('-') => bail!("there is no {flag}: see `bench/run`"),
                word if ROWS.iter().any(|row| row.family == word) => options.families.push(word.to_owned()),
                word if ROWS.iter().any(|row| row.numbers() == word) => options.numbers.push(word.to_owned()),
                word => {
                    let rows = ROWS.iter().map(|row| format!("  {} {}", row.family, row.numbers()));
                    bail!("there is no row {word}; there are\n{}", rows.collect::<Vec<_>>().join("\n"))
                }
            }
        }
        Ok(options)
    }

    fn choose(&self, row: &Row) -> bool {
        (self.families.is_empty() || self.families.iter().any(|family| family == row.family))
            && (self.numbers.is_empty() || self.numbers.contains(&row.numbers()))
            && (!self.quick || row.who == Who::Quick)
    }
}

/// Prints the table.
pub fn compare(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let rows: Vec<&Row> = ROWS.iter().filter(|row| options.choose(row)).collect();
    ensure!(!rows.is_empty(), "no row is chosen");
    let missing = spin::missing();
    if let Some(program) = missing {
        println!("Spin is left out: `{program}` is not installed (Debian: apt install spin gcc)\n");
    }
    println!("{:<42}{:>10}{:>9}{:>10}{:>9}", "", "user s", "times", "peak MB", "B/state");
    for row in rows {
        let ours = match measure(row, "threeworlds", &options)? {
            Ok(ours) => ours,
            Err(why) => {
                println!("{} {}: threeworlds: {why}", row.family, row.numbers());
                continue;
            }
        };
        let products = ours.products.map_or(String::new(), |all| format!(", {} successors", thousands(all)));
        println!("{} {}: {} states{products}", row.family, row.numbers(), thousands(ours.states as u64));
        print(&ours, &ours, "threeworlds");
        for (side, title, last) in PEERS {
            if (row.who > last && !options.all) || (side == "spin" && missing.is_some()) {
                continue;
            }
            match measure(row, side, &options)? {
                Err(why) => println!("  {title:<40}{why}"),
                Ok(its) => {
                    ensure!(
                        its.states == ours.states
                            && (its.products.is_none() || its.products == ours.products),
                        "the counts differ: {title}: {} states, {:?} successors; threeworlds: {} and {:?}",
                        its.states,
                        its.products,
                        ours.states,
                        ours.products,
                    );
                    print(&its, &ours, title);
                }
            }
        }
    }
    println!("\n{NOTES}");
    Ok(())
}

fn print(measured: &Measured, ours: &Measured, title: &str) {
    println!(
        "  {title:<40}{:>10.3}{:>9.1}{:>10.1}{:>9.1}",
        measured.user_seconds,
        measured.user_seconds / ours.user_seconds,
        measured.peak_bytes as f64 / 1e6,
        measured.peak_bytes as f64 / measured.states as f64,
    );
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
    groups.join(",")
}

/// One exploration in a process of its own, or why there is no figure.
fn measure(row: &Row, side: &str, options: &Options) -> Result<Result<Measured, String>> {
    let (seconds, memory_mb) = (options.seconds, options.memory_mb);
    // A busy machine gives a process a tenth of its time, and then it still ends.
    let allowance = Allowance { cpu_seconds: seconds, wall_seconds: 10 * seconds, memory_mb };
    let call = ["one-explore", side, row.family, &row.numbers()].map(str::to_owned);
    if side == "spin" {
        let compiling = ["one-explore", "spin-compile", row.family, &row.numbers()].map(str::to_owned);
        if let Ended::Failed(why) = again(&compiling, allowance)? {
            return Ok(Err(why));
        }
    }
    let mut least: Option<Measured> = None;
    for _ in 0..3 {
        let line = match again(&call, allowance)? {
            Ended::Said(line) => line,
            Ended::TimedOut => return Ok(Err(format!("over {seconds} CPU s"))),
            Ended::Failed(why) => return Ok(Err(why)),
        };
        let measured: Measured = serde_json::from_str(&line).with_context(|| line.clone())?;
        let more = measured.user_seconds < 1.0 && !options.quick;
        if least.as_ref().is_none_or(|least| measured.user_seconds < least.user_seconds) {
            least = Some(measured);
        }
        if !more {
            break;
        }
    }
    Ok(Ok(least.expect("it was measured at least once")))
}

/// One measurement: SIDE FAMILY NUMBERS.
pub fn one(arguments: &[String]) -> Result<()> {
    let [side, family, numbers] = arguments else { bail!("SIDE FAMILY NUMBERS") };
    let row = ROWS.iter().find(|row| row.family == family && row.numbers() == *numbers);
    let row = row.context("there is no such row")?;
    if side == "threeworlds" {
        return say(&ours(row)?);
    }
    let size = usize::from(row.numbers[0] + row.numbers[1]);
    macro_rules! sized {
        ($run:ident($($argument:expr),*)) => {
            match size {
                4 => $run::<_, 4>($($argument),*),
                5 => $run::<_, 5>($($argument),*),
                6 => $run::<_, 6>($($argument),*),
                7 => $run::<_, 7>($($argument),*),
                _ => bail!("{size} processes are not measured"),
            }
        };
    }
    macro_rules! peer {
        ($rounds:expr) => {
            match side.as_str() {
                "subsets" => sized!(subsets($rounds)),
                "products" => sized!(products($rounds)),
                "spin-compile" => sized!(spin_compile($rounds, row)),
                "spin" => spin_verify(row),
                _ => bail!("SIDE is threeworlds, subsets, products or spin"),
            }
        };
    }
    match row.family {
        "pb" => peer!(Forgetful(row.register())),
        "remembering" => peer!(Remembering(row.register())),
        _ => {
            let question = row.question()?;
            let rules = &question.fault_model;
            let mut assignments = rules.maximal_assignments(&question.system, None)?;
            for client in question.system.client_ids() {
                assignments.extend(rules.maximal_assignments(&question.system, Some(client))?);
            }
            assignments.sort();
            assignments.dedup();
            let interned = Interned::new(Majority::new(&question.system), &question, &assignments);
            let tables = match size {
                4 => Tables::of::<_, 4>(interned),
                5 => Tables::of::<_, 5>(interned),
                _ => bail!("{size} processes of `majority` are not measured"),
            };
            match side.as_str() {
                "spin-compile" => spin::compile(&tables, &folder(row)),
                _ => peer!(tables),
            }
        }
    }
}

fn say(measured: &Measured) -> Result<()> {
    println!("{}", serde_json::to_string(measured)?);
    Ok(())
}

fn ours(row: &Row) -> Result<Measured> {
    let meter = Meter::start()?;
    let (states, transitions) = match row.family {
        "majority" => {
            let question = row.question()?;
            let report = check(&question, &Majority::new(&question.system))?;
            ensure!(report.coverage.stop == Stop::Closed, "`majority` is explored to the end");
            (report.coverage.states, report.coverage.transitions)
        }
        family => {
            let register = row.register();
            let (question, rounds) = (register.question(), u16::from(register.rounds));
            let counted = match family {
                "pb" => count(&question, rounds, &Forgetful(register), Resources::default(), None)?,
                _ => count(&question, rounds, &Remembering(register), Resources::default(), None)?,
            };
            let counted = counted.context("there are few faulty sets")?;
            (counted.states, counted.transitions)
        }
    };
    let (user_seconds, peak_bytes) = meter.stop()?;
    Ok(Measured { states, products: Some(transitions), user_seconds, peak_bytes })
}

fn subsets<R: Rounds, const N: usize>(rounds: R) -> Result<()> {
    let meter = Meter::start()?;
    let (states, _) = peers::subsets::<R, N>(rounds);
    let (user_seconds, peak_bytes) = meter.stop()?;
    say(&Measured { states, products: None, user_seconds, peak_bytes })
}

fn products<R: Rounds, const N: usize>(rounds: R) -> Result<()> {
    let starts = rounds.faulty_sets().len();
    let meter = Meter::start()?;
    let (states, generated) = peers::products::<R, N>(rounds);
    let (user_seconds, peak_bytes) = meter.stop()?;
    say(&Measured { states, products: Some((generated - starts) as u64), user_seconds, peak_bytes })
}

fn spin_compile<R: Rounds, const N: usize>(rounds: R, row: &Row) -> Result<()> {
    spin::compile(&Tables::of::<R, N>(rounds), &folder(row))
}

fn spin_verify(row: &Row) -> Result<()> {
    let states = std::fs::read_to_string(folder(row).join("states"))?.parse()?;
    let spun = spin::verify(&folder(row), states)?;
    say(&Measured {
        states: spun.states,
        products: None,
        user_seconds: spun.user_seconds,
        peak_bytes: spun.peak_bytes,
    })
}

/// Where what is made for Spin stays, for whoever wants to look at it.
fn folder(row: &Row) -> PathBuf {
    let name = format!("{}-{}", row.family, row.numbers().replace(',', "-"));
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/spin").join(name)
}
