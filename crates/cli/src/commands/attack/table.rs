//! `attack --all` without a program: every system that comes along and is installed, in the three worlds.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Result, anyhow, bail, ensure};
use threeworlds_attack::subject::{Subject, SubjectFile, find, shipped, shipped_names};
use threeworlds_attack::{Horns, play_horns};
use threeworlds_model::Question;

use super::AttackArguments;
use crate::attack::horns::{HornTable, Outcome, PlayedWorlds, Row};
use crate::attack::progress::Shown;
use crate::attack::theorem::{self, Word};
use crate::exit::Exit;
use crate::files;
use crate::limits::stop_on_signal;
use crate::report;
use crate::terminal::{self, TerminalArguments};

impl AttackArguments {
    /// Whether the table is asked for: all, and of nothing in particular.
    pub(super) fn wants_table(&self) -> bool {
        self.all && self.name.is_none() && self.command.is_empty() && self.plan.is_none()
    }

    /// Plays the worlds on every system, and tells of it.
    pub(super) fn table(&self, terminal: &TerminalArguments) -> Result<Exit> {
        for (given, flag) in [
            (self.expect.is_some(), "--expect"),
            (self.random > 0, "--random"),
            (self.duration.is_some(), "--duration"),
        ] {
            ensure!(
                !given,
                "{flag} is about one program, and `attack --all` without one attacks every system"
            );
        }
        let question = self.question(None, None)?;
        ensure!(
            question.system.servers >= 2 && question.system.clients >= 2,
            "the three worlds need two servers and two clients at least"
        );
        let subjects = subjects(question.system.servers, &self.systems)?;
        if let Some(file) = &self.report {
            files::must_be_writable(file)?;
        }
        if let Some(folder) = &self.save {
            files::must_be_folder(folder)?;
        }
        let stop = stop_on_signal()?;
        let started = Instant::now();
        let workload = threeworlds_attack::Workload::WriteOnce;
        let theorem = theorem::word(&self.ask(&question), workload, &question, &self.limits, &stop)?;
        let until = self.limits.max_time().map(|most| started + most);
        let progress = Shown::new();
        let mut rows = Vec::new();
        for subject in subjects {
            rows.push(self.row(subject, &question, &theorem, until, &stop, &progress)?);
        }
        progress.finish();
        let table = HornTable { question, theorem, rows, seconds: started.elapsed().as_secs_f64() };
        let json = report::horns::json(&table);
        if let Some(folder) = &self.save {
            report::horns::save(&table, folder)?;
        }
        if let Some(file) = &self.report {
            files::write(file, &report::horns::page(&table, &json))?;
        }
        if self.json {
            terminal::print(&report::json::text(&json))?;
        } else {
            terminal::print(&report::horns::text(&table, terminal.options().width))?;
        }
        Ok(if table.is_known() { Exit::Good } else { Exit::Unknown })
    }

    fn row(
        &self,
        subject: Subject,
        question: &Question,
        theorem: &Word,
        until: Option<Instant>,
        stop: &Arc<AtomicBool>,
        progress: &Shown,
    ) -> Result<Row> {
        let started = Instant::now();
        let target = self.cluster(subject.clone(), &question.system, None)?;
        let deadline = self.deadline(&target).as_secs_f64();
        let row = |outcome| Row { subject: subject.clone(), deadline, outcome, seconds: 0.0 };
        let missing = subject.missing_programs(&std::env::var("PATH").unwrap_or_default());
        if !missing.is_empty() && !self.install {
            return Ok(row(Outcome::Missing(missing)));
        }
        // What cannot be installed leaves the others as they are.
        let runner = match self.runner(&target, until, Arc::clone(stop)) {
            Ok(runner) => runner,
            Err(error) => return Ok(row(Outcome::NotPlayed(error.to_string()))),
        };
        if let Some(why) = runner.why_stop() {
            return Ok(row(Outcome::NotPlayed(why)));
        }
        let brief = self.brief(question, &target);
        let name = subject.name();
        let observe = |world: threeworlds_attack::World| progress.world(&name, world.name());
        // All three at the same time, unless that is too much for the machine.
        let jobs = match (self.jobs, self.jobs(&target)) {
            (None, 2..) => 3,
            (_, jobs) => jobs,
        };
        let worlds = play_horns(&brief, &runner, jobs, &|| runner.why_stop(), &observe);
        let outcome = match worlds.iter().find_map(|(_, tried)| tried.as_ref().err()) {
            Some(why) if worlds.iter().all(|(_, tried)| tried.is_err()) => Outcome::NotPlayed(why.clone()),
            _ => {
                let impossible = matches!(theorem, Word::Impossible);
                let horns = Horns::of(&worlds, &question.fault_model, impossible);
                Outcome::Played(Box::new(PlayedWorlds { horns, worlds, cluster: runner.facts() }))
            }
        };
        Ok(Row { seconds: started.elapsed().as_secs_f64(), ..row(outcome) })
    }
}

/// Every variant of every system that can have so many servers; of those that are named, if any are.
fn subjects(servers: u16, named: &[String]) -> Result<Vec<Subject>> {
    if named.is_empty() {
        let all = shipped_names().into_iter().filter_map(shipped).flat_map(|file| file.variants);
        return Ok(all.filter(|subject| subject.supports(servers).is_ok()).collect());
    }
    let mut subjects = Vec::new();
    for name in named {
        // A name alone stands for all variants.
        let variants = match shipped(name) {
            Some(file) => file.variants,
            None if name.ends_with(".toml") => SubjectFile::load(Path::new(name))?.variants,
            None => vec![find(name).map_err(|why| anyhow!(why))?],
        };
        let before = subjects.len();
        let why = variants.first().and_then(|first| first.supports(servers).err());
        subjects.extend(variants.into_iter().filter(|subject| subject.supports(servers).is_ok()));
        if let (Some(why), true) = (why, subjects.len() == before) {
            bail!(why);
        }
    }
    Ok(subjects)
}
