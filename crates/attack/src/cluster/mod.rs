//! Plays plans against a cluster: real servers in a [lab](crate::namespaces), brought up from a
//! [subject](crate::subject), cut off from each other by the switch, and asked by real clients.
//!
//! Each operation of a client is a command on the client's own host, killed at its deadline from outside; what
//! it did not say is unknown, never refused. Deadlines decide: a cut lasts at least as long as the subject's
//! `dwell`, counted from when it is made. A packet that is lost one way stops TCP both ways; so for plans that
//! cut a link one way, and for those only, connections go through proxies. A plan with lost types of messages is
//! refused.

mod books;
mod client;
mod endurance;
mod playing;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

pub use books::Counts;
pub use endurance::{Endurance, Endured};

use crate::campaign::{Played, Player};
use crate::namespaces::{Lab, LabOptions};
use crate::plan::Plan;
use crate::subject::{Cluster, Subject};
use playing::Playing;

/// Plays each plan against a cluster of its own, from an empty lab to its end.
#[derive(Debug)]
pub struct ClusterPlayer {
    subject: Subject,
    lab: LabOptions,
    limits: ClusterLimits,
    facts: Mutex<Facts>,
}

/// When a cluster's runs end early.
#[derive(Debug, Clone)]
pub struct ClusterLimits {
    /// Ends everything within a moment when it is set.
    pub stop: Arc<AtomicBool>,
    /// When everything ends at the latest.
    pub until: Option<Instant>,
    /// Where the folder of a lab is left for somebody to look at when a cluster does not come up, if anywhere.
    pub keep_failed: Option<PathBuf>,
}

/// What was learned about a system and this machine on the way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// What the system calls its version.
    pub version: String,
    /// How long it took to come up, each time, in seconds.
    pub up_seconds: Vec<f64>,
    /// What this machine cannot do, and what that means, a sentence each.
    pub notes: Vec<String>,
}

impl ClusterPlayer {
    /// Plays plans against this subject, in labs that are made so.
    pub fn new(subject: Subject, lab: LabOptions, limits: ClusterLimits) -> ClusterPlayer {
        ClusterPlayer { subject, lab, limits, facts: Mutex::default() }
    }

    /// What is attacked.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What was learned so far.
    pub fn facts(&self) -> Facts {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why nothing more is to be played.
    pub fn why_stop(&self) -> Option<String> {
        self.limits.why_stop()
    }

    fn learn(&self, cluster: &Cluster, lab: &Lab) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.version.clone_from(&cluster.version);
        facts.up_seconds.push(cluster.took.as_secs_f64());
        for note in lab.notes() {
            if !facts.notes.contains(note) {
                facts.notes.push(note.clone());
            }
        }
    }
}

impl ClusterLimits {
    /// Why nothing more is to be played.
    pub(crate) fn why_stop(&self) -> Option<String> {
        if self.stop.load(Ordering::SeqCst) {
            return Some("it was interrupted".to_owned());
        }
        let over = self.until.is_some_and(|until| Instant::now() >= until);
        over.then(|| "the bound on time was reached (--max-time)".to_owned())
    }
}

impl Player for ClusterPlayer {
    fn play(&self, plan: &Plan) -> Result<Played, String> {
        plan.validate().map_err(|error| error.to_string())?;
        plan.suits_hosts()?;
        self.subject.supports(plan.servers)?;
        let stopped = |error: String| self.why_stop().unwrap_or(error);
        let options = LabOptions { one_way: plan.cuts_one_way(), ..self.lab.clone() };
        let lab =
            Lab::new(plan.servers, plan.clients, &options).map_err(|error| stopped(error.to_string()))?;
        let cluster = match Cluster::bring_up(&self.subject, &lab, &self.limits.stop) {
            Ok(cluster) => cluster,
            Err(error) => {
                let error = stopped(error.to_string());
                return Err(match &self.limits.keep_failed {
                    Some(folder) => keep(lab, folder, error),
                    None => error,
                });
            }
        };
        self.learn(&cluster, &lab);
        Playing::new(plan, &lab, cluster, &self.limits).play().map_err(stopped)
    }
}

/// Copies what a host's servers said, for somebody to look at.
fn keep(lab: Lab, folder: &std::path::Path, error: String) -> String {
    let mut kept = 0;
    for host in lab.hosts() {
        for entry in std::fs::read_dir(lab.dir(host)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_log = entry.file_type().is_ok_and(|kind| kind.is_file()) && name.ends_with(".log");
            let there = folder.join(format!("{host}-{name}"));
            kept += u32::from(is_log && std::fs::copy(entry.path(), there).is_ok());
        }
    }
    drop(lab);
    match kept {
        0 => error,
        _ => format!("{error}\n  the logs are in {}", folder.display()),
    }
}
