//! Real systems on the command line: which one is meant, how it is asked, and in what kind of laboratory.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use threeworlds_attack::Workload;
use threeworlds_attack::subject::{Subject, Times, find, shipped_names};
use threeworlds_protocols::BuiltIn;

/// What the word after `attack` names.
pub(crate) enum Named {
    /// A protocol of our own, as a program.
    Protocol(BuiltIn),
    /// A system that is brought up as a cluster.
    System(Box<Subject>),
}

/// A path names a subject file, everything else a protocol or a shipped subject; no two have the same name.
pub(crate) fn named(word: &str) -> Result<Named> {
    let file = word.rsplit_once(':').map_or(word, |(file, _)| file);
    let is_path = word.contains('/') || file.ends_with(".toml");
    let is_shipped = shipped_names().contains(&file);
    if is_path || is_shipped {
        return find(word).map(|subject| Named::System(Box::new(subject))).map_err(|why| anyhow!(why));
    }
    BuiltIn::parse(word).map(Named::Protocol).map_err(|error| {
        anyhow!(
            "{error}\n  hint: nor is it a system that comes along ({}); one of your own is given as a path to its \
             file, such as ./{word}.toml, and a program after --, such as: threeworlds attack -- ./{word}",
            shipped_names().join(", ")
        )
    })
}

/// Which workload of a system suits what was asked for.
pub(crate) fn workload(subject: &Subject, write_once: bool) -> Result<Workload> {
    let has = subject.workloads();
    let wanted: &[Workload] = match write_once {
        true => &[Workload::WriteOnce, Workload::WriteOnceKv],
        false => &[Workload::LinKv],
    };
    match wanted.iter().find(|workload| has.contains(workload)) {
        Some(workload) => Ok(*workload),
        None => bail!(
            "{} cannot be asked that\n  hint: {}",
            subject.name(),
            match write_once {
                true => "use --workload lin-kv, or give it a [write-once] in its file",
                false => "use --workload write-once, or give it a [write] in its file",
            }
        ),
    }
}

/// A cluster as results tell of it.
pub(crate) struct ClusterFacts {
    /// What the system calls its version.
    pub(crate) version: String,
    /// How long things may take, and waits.
    pub(crate) times: Times,
    /// How long it took to come up, each time, in seconds.
    pub(crate) up_seconds: Vec<f64>,
    /// What this machine cannot do.
    pub(crate) notes: Vec<String>,
}

impl ClusterFacts {
    /// The waits that decide verdicts, in a sentence without a full stop.
    pub(crate) fn waits(&self) -> String {
        let seconds = |duration: Duration| format!("{} s", duration.as_secs_f64());
        let Times { operation, settle, dwell, heal, .. } = self.times;
        let dwell = match dwell.is_zero() {
            true => "until its requests have ended".to_owned(),
            false => format!("for at least {}", seconds(dwell)),
        };
        format!(
            "an operation is killed after {}; the cluster is left alone for {} before a cut, a cut lasts {dwell}, and \
             what survived is read {} after healing",
            seconds(operation),
            seconds(settle),
            seconds(heal)
        )
    }
}
