//! What a protocol in Python costs next to the same one built in: the first time, a second time with what was
//! kept of the first, and without keeping anything with one copy and with one for each core.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use threeworlds_engine::{Quiet, Report, check_with};
use threeworlds_model::{FaultClass, Question, Steps};
use threeworlds_protocols::{Majority, PrimaryBackup};
use threeworlds_step_program::{CacheOptions, Options, StepProgram};

use crate::process::{Allowance, Ended, again, children_cost, user_seconds};

struct Row {
    name: &'static str,
    program: &'static str,
    /// Servers, clients, faulty servers.
    size: [usize; 3],
    faults: FaultClass,
}

const ROWS: [Row; 4] = [
    Row {
        name: "primary-backup 2,2,1, omission",
        program: "primary_backup.py",
        size: [2, 2, 1],
        faults: FaultClass::Omission,
    },
    Row {
        name: "primary-backup 2,3,1, omission",
        program: "primary_backup.py",
        size: [2, 3, 1],
        faults: FaultClass::Omission,
    },
    Row { name: "majority 3,2,1, crash", program: "majority.py", size: [3, 2, 1], faults: FaultClass::Crash },
    Row {
        name: "majority 3,2,1, omission",
        program: "majority.py",
        size: [3, 2, 1],
        faults: FaultClass::Omission,
    },
];

const SIDES: [(&str, &str); 5] = [
    ("built-in", "built in"),
    ("one", "Python, one copy, nothing kept"),
    ("copies", "Python, a copy for each core, nothing kept"),
    ("keep", "Python, the first time with --step-cache"),
    ("keep", "Python, the second time"),
];

const ALLOWANCE: Allowance = Allowance { cpu_seconds: 600, wall_seconds: 3000, memory_mb: 8000 };

#[derive(Serialize, Deserialize)]
struct Measured {
    states: usize,
    transitions: u64,
    own_seconds: f64,
    program_seconds: f64,
    wall_seconds: f64,
}

impl Row {
    fn question(&self) -> Result<Question> {
        let [servers, clients, faults] = self.size;
        Ok(Question::usual(servers, faults, clients, self.faults, self.faults)?)
    }
}

/// Prints the table.
pub fn compare(arguments: &[String]) -> Result<()> {
    ensure!(arguments.is_empty(), "`bench/run steps` takes no arguments");
    println!("{:<46}{:>10}{:>12}{:>10}", "", "user s", "of Python", "wall s");
    let cache = tempfile_folder()?;
    for (place, row) in ROWS.iter().enumerate() {
        let mut known: Option<(usize, u64)> = None;
        for (side, title) in SIDES {
            let folder = cache.join(place.to_string());
            let call = ["one-steps", side, &place.to_string(), &folder.to_string_lossy()].map(str::to_owned);
            let it: Measured = match again(&call, ALLOWANCE)? {
                Ended::Said(line) => serde_json::from_str(&line)?,
                Ended::TimedOut => bail!("{title}: over 600 s"),
                Ended::Failed(why) => bail!("{title}: {why}"),
            };
            let counts = (it.states, it.transitions);
            if known.is_none() {
                println!("{}: {} states, {} successors", row.name, it.states, it.transitions);
            }
            ensure!(*known.get_or_insert(counts) == counts, "the counts differ: {title}: {counts:?}");
            let Measured { own_seconds, program_seconds, wall_seconds, .. } = it;
            println!(
                "  {title:<44}{:>10.3}{program_seconds:>12.3}{wall_seconds:>10.3}",
                own_seconds + program_seconds
            );
        }
    }
    std::fs::remove_dir_all(cache)?;
    println!(
        "\nuser s is that of threeworlds and of Python together; both times include the second\n\
         run of the program, which is asked a sample of the lines again at the end."
    );
    Ok(())
}

fn tempfile_folder() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("threeworlds-bench-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

/// One measurement: SIDE ROW FOLDER.
pub fn one(arguments: &[String]) -> Result<()> {
    let [side, place, folder] = arguments else { bail!("SIDE ROW FOLDER") };
    let row = ROWS.get(place.parse::<usize>()?).context("there is no such row")?;
    let question = row.question()?;
    let started = Instant::now();
    let report = match (side.as_str(), row.program) {
        ("built-in", "majority.py") => explore(&question, &Majority::new(&question.system))?,
        ("built-in", _) => explore(&question, &PrimaryBackup::new(&question.system)?)?,
        _ => {
            let mut options = Options::default();
            match side.as_str() {
                "one" => options.copies_max = 1,
                "keep" => options.cache = Some(CacheOptions::new(PathBuf::from(folder))),
                _ => {}
            }
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/python").join(row.program);
            let command = ["python3".to_owned(), file.to_string_lossy().into_owned()];
            let mut program = StepProgram::start(&command, options)?;
            let report = explore(&question, &mut program)?;
            program.finish()?;
            report
        }
    };
    let measured = Measured {
        states: report.coverage.states,
        transitions: report.coverage.transitions,
        own_seconds: user_seconds()?,
        program_seconds: children_cost()?.user_seconds,
        wall_seconds: started.elapsed().as_secs_f64(),
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

fn explore<S: Steps>(question: &Question, steps: S) -> Result<Report> {
    Ok(check_with(question, "protocol", steps, &mut Quiet)?)
}
