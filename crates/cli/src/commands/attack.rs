use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use threeworlds_attack::{Brief, Campaign, Derived, Part, Plan, Report, Roles, Verdict, Workload};
use threeworlds_model::{Question, System, Task};
use threeworlds_protocols::BuiltIn;

use crate::attack::progress::Shown;
use crate::attack::subject::{Settings, Subject};
use crate::attack::{Attack, shrunk};
use crate::exit::Exit;
use crate::files;
use crate::limits::{LimitArguments, interrupted, stop_on_signal};
use crate::protocol::{note_misplaced_flags, quoted, seconds};
use crate::question::{FaultArguments, number};
use crate::report;
use crate::solve::Ask;
use crate::terminal::{self, TerminalArguments};

/// Does a running program survive the network of the question?
///
/// Starts copies of a program that speaks Maelstrom's node protocol, puts itself between them as the network,
/// and plays plans against them: the three worlds where n <= 2f, isolated minorities, one-way cuts, partial
/// partitions, lost types of messages, killed servers. What clients are told is judged. Without a program it
/// attacks `threeworlds node primary-backup`.
///
/// A run can show that a program fails; it never shows that it holds, so the best verdict is `survived`, with
/// what was tried. Deadlines decide: a request that has to be answered and is not within --deadline, twice,
/// is a failure. A request without an answer counts as maybe applied.
///
/// Exit status: 0 survived, 1 fails, 2 the input or the call is wrong, 3 unknown.
#[derive(Args)]
#[command(override_usage = "threeworlds attack [OPTIONS] -- COMMAND...\n       \
                            threeworlds attack [OPTIONS] [PROTOCOL]")]
pub(crate) struct AttackArguments {
    /// A built-in protocol, run by `threeworlds node` [default: primary-backup]
    #[arg(value_name = "PROTOCOL", help_heading = "Program", display_order = 1)]
    name: Option<BuiltIn>,
    /// A program and its arguments, after `--`: one copy is started for each server
    #[arg(last = true, value_name = "COMMAND", help_heading = "Program", display_order = 2)]
    command: Vec<OsString>,
    /// Number of servers, s1, s2, ... [default: 2]
    #[arg(long, value_name = "N", value_parser = number, help_heading = "Question")]
    servers: Option<usize>,
    #[command(flatten)]
    faults: FaultArguments,
    /// What the clients ask for: write-once, lin-kv
    ///
    /// write-once: each key takes the first value that is proposed. A key is written before the network loses
    /// anything, and a client's proposal is a `cas` from that value, then a `read`. lin-kv: `read` and
    /// `write`, judged by linearizability.
    #[arg(
        long,
        value_name = "WORKLOAD",
        default_value = "write-once",
        help_heading = "Question",
        hide_possible_values = true
    )]
    workload: Asked,
    /// Play this plan and no other
    #[arg(long, value_name = "FILE", help_heading = "Plans")]
    plan: Option<PathBuf>,
    /// Also play so many random plans
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Plans")]
    random: u64,
    /// The first random plan; the same seed gives the same plans
    #[arg(long, value_name = "SEED", default_value_t = 1, help_heading = "Plans")]
    seed: u64,
    /// Go on after a failure, and also play plans beyond what the fault rules allow
    #[arg(long, help_heading = "Plans")]
    all: bool,
    /// Leave a plan that fails as it is, and look for no smaller one
    #[arg(long, help_heading = "Plans")]
    no_shrink: bool,
    /// Play so many plans at the same time
    #[arg(long, value_name = "J", default_value_t = 2, help_heading = "Limits",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// A request that is not answered within this time is not answered
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds, help_heading = "Limits")]
    deadline: f64,
    /// How long the program is left alone before the network changes, and after it has healed
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5, value_parser = seconds, help_heading = "Limits",
          hide_short_help = true)]
    settle: f64,
    /// How long each message is under way, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1, help_heading = "Limits",
          value_parser = clap::value_parser!(u64).range(0..=60_000))]
    latency: u64,
    #[command(flatten)]
    limits: LimitArguments,
    /// Print the result as one JSON document
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Also write an HTML report, one file that needs no network
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    report: Option<PathBuf>,
    /// Also write into this folder each plan, its journal, its history and its diagram
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    save: Option<PathBuf>,
    /// Exit with 0 if this is the verdict, and with 1 if it is another
    #[arg(long, value_name = "VERDICT", help_heading = "Output")]
    expect: Option<Expected>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Asked {
    WriteOnce,
    LinKv,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Expected {
    Survived,
    Fails,
    Unknown,
}

impl AttackArguments {
    pub(crate) fn run(self, terminal: &TerminalArguments) -> Result<Exit> {
        let plan = self.plan.as_deref().map(read_plan).transpose()?;
        let question = self.question(plan.as_ref())?;
        let subject = self.subject(&question.system, plan.as_ref())?;
        if let Some(file) = &self.report {
            files::must_be_writable(file)?;
        }
        if let Some(folder) = &self.save {
            files::must_be_folder(folder)?;
        }
        let stop = stop_on_signal()?;
        let started = Instant::now();
        let theorem = crate::attack::theorem::word(
            &self.ask(&question),
            subject.workload,
            &question,
            &self.limits,
            &stop,
        )?;
        let settings = Settings {
            latency: Duration::from_millis(self.latency),
            deadline: Duration::from_secs_f64(self.deadline),
            until: self.limits.max_time().map(|most| started + most),
        };
        let runner = subject.runner(settings, Arc::clone(&stop))?;
        let brief = self.brief(&question, subject.workload);
        let progress = Shown::new();
        let found = self.play(&brief, plan, &runner, &progress)?;
        let smaller = match found.verdict {
            Verdict::Fails { by } if !self.no_shrink && !interrupted() => {
                shrunk(&found.tried[by], &brief, &runner, &progress)
            }
            _ => None,
        };
        progress.finish();
        let attack = Attack {
            program: subject.label.clone(),
            question,
            workload: subject.workload,
            theorem,
            deadline: self.deadline,
            jobs: usize::from(self.jobs),
            report: found,
            smaller,
            seconds: started.elapsed().as_secs_f64(),
        };
        self.tell(&attack, terminal)
    }

    /// Plays one plan, or all that the question gives.
    fn play(
        &self,
        brief: &Brief,
        plan: Option<Plan>,
        runner: &crate::attack::subject::Runner,
        progress: &Shown,
    ) -> Result<Report> {
        let stop = || runner.why_stop();
        let observe = |step: &threeworlds_attack::Progress| progress.show(step);
        let campaign = Campaign {
            brief,
            jobs: usize::from(self.jobs),
            all: self.all,
            random: self.random,
            seed: self.seed,
            stop: &stop,
            observe: &observe,
        };
        let report = match plan {
            Some(mut plan) => {
                plan.explain(&brief.question.fault_model);
                campaign.single(runner, Derived { part: Part::Other, plan })
            }
            None => campaign.run(runner),
        };
        match report {
            Ok(report) => Ok(report),
            Err(_) if interrupted() => bail!("interrupted before the first plan was played"),
            Err(why) => bail!("{why}"),
        }
    }

    /// Prints and writes what was asked for.
    fn tell(&self, attack: &Attack, terminal: &TerminalArguments) -> Result<Exit> {
        let json = report::attack::json(attack);
        if let Some(folder) = &self.save {
            report::attack::save(attack, folder)?;
        }
        if let Some(file) = &self.report {
            files::write(file, &report::attack::page(attack, &json))?;
        }
        if self.json {
            terminal::print(&report::json::text(&json))?;
        } else {
            terminal::print(&report::attack::text(attack, self.save.as_deref(), &terminal.options()))?;
        }
        let (verdict, exit) = match attack.report.verdict {
            Verdict::Survived => (Expected::Survived, Exit::Good),
            Verdict::Fails { .. } => (Expected::Fails, Exit::Bad),
            Verdict::Unknown(_) => (Expected::Unknown, Exit::Unknown),
        };
        Ok(match self.expect {
            Some(expected) if expected == verdict => Exit::Good,
            Some(_) => Exit::Bad,
            None => exit,
        })
    }

    fn question(&self, plan: Option<&Plan>) -> Result<Question> {
        let servers = match (plan, self.servers) {
            (Some(plan), Some(servers)) if usize::from(plan.servers) != servers => {
                bail!(
                    "the plan has {} servers, so --servers {servers} cannot go with it: leave it out",
                    plan.servers
                )
            }
            (Some(plan), _) => usize::from(plan.servers),
            (None, servers) => servers.unwrap_or(2),
        };
        let clients = plan.map_or(self.faults.clients, |plan| usize::from(plan.clients));
        ensure!(clients > 0, "an attack needs at least one client: with none there is nobody to answer");
        let system = Question::system(servers, clients, false)?;
        let mut question = Question::usual(
            servers,
            0,
            clients,
            threeworlds_model::FaultClass::None,
            threeworlds_model::FaultClass::None,
        )?;
        question = question.with_fault_model(self.faults.fault_model(&system)?);
        Ok(question)
    }

    fn subject(&self, system: &System, plan: Option<&Plan>) -> Result<Subject> {
        let mut subject = match (&self.name, self.command.as_slice()) {
            (Some(name), [first, ..]) => bail!(
                "there are two programs, the built-in `{}` and after `--` the command `{}`: give one",
                name.description().name,
                first.to_string_lossy()
            ),
            (None, command @ [_, ..]) => {
                let words: Vec<String> =
                    command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
                note_misplaced_flags(&words, "the program");
                let label = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
                let workload = match self.workload {
                    Asked::WriteOnce => Workload::WriteOnceKv,
                    Asked::LinKv => Workload::LinKv,
                };
                Subject { label, command: command.to_vec(), workload }
            }
            (name, []) => self.built_in(name.unwrap_or(BuiltIn::PrimaryBackup), system)?,
        };
        if let Some(plan) = plan {
            subject.workload = plan.workload;
        }
        Ok(subject)
    }

    /// This program itself, as a node.
    fn built_in(&self, protocol: BuiltIn, system: &System) -> Result<Subject> {
        let description = protocol.description();
        let workload = match (description.task, self.workload) {
            (Task::WriteOnceRegister, Asked::WriteOnce) => Workload::WriteOnce,
            (Task::WriteOnceRegister, Asked::LinKv) => bail!(
                "{} makes a write-once register, so --workload lin-kv has nothing to ask of it: leave it out",
                description.name
            ),
            (Task::Log | Task::KeyValueStore, Asked::WriteOnce) => Workload::WriteOnceKv,
            (Task::Log | Task::KeyValueStore, Asked::LinKv) => Workload::LinKv,
            (task, _) => bail!(
                "{} makes a {task}, for which there is no workload: choose a protocol for a write-once register, a \
                 log or a key-value store",
                description.name
            ),
        };
        let itself = std::env::current_exe().context("this program does not find itself")?;
        let faults = system.faults.min(system.servers);
        let mut command: Vec<OsString> = vec![itself.into(), "node".into(), description.name.into()];
        command.extend(["--faults".into(), faults.to_string().into()]);
        Ok(Subject { label: format!("threeworlds node {}", description.name), command, workload })
    }

    fn brief<'a>(&self, question: &'a Question, workload: Workload) -> Brief<'a> {
        let milliseconds = |seconds: f64| Duration::from_secs_f64(seconds).as_millis().max(1);
        let whole = |milliseconds: u128| u64::try_from(milliseconds).unwrap_or(Plan::LONGEST_MILLISECONDS);
        Brief {
            question,
            workload,
            // Nobody is asked for the leader of a register that takes one value.
            roles: if workload == Workload::WriteOnce { Roles::Fixed } else { Roles::LeaderFirst },
            deadline_milliseconds: whole(milliseconds(self.deadline)).min(Plan::LONGEST_MILLISECONDS),
            settle_milliseconds: whole(milliseconds(self.settle)).min(Plan::LONGEST_MILLISECONDS),
            beyond: self.all,
        }
    }

    /// The question as `solve` would ask it.
    fn ask(&self, question: &Question) -> Ask {
        Ask {
            servers: Some(usize::from(question.system.servers)),
            faults: FaultArguments { clients: usize::from(question.system.clients), ..self.faults.clone() },
            client_links: false,
            timing: threeworlds_certificate::Timing::LockStep,
            task: match self.workload {
                Asked::WriteOnce => threeworlds_certificate::Task::WriteOnceRegister,
                Asked::LinKv => threeworlds_certificate::Task::Register,
            },
        }
    }
}

/// Reads a plan; whatever is wrong with it is named with the file.
fn read_plan(file: &std::path::Path) -> Result<Plan> {
    Plan::parse(&files::read(file)?).with_context(|| file.display().to_string())
}
