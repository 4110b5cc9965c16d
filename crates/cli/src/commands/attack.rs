mod table;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, ValueEnum};
#[cfg(target_os = "linux")]
use threeworlds_attack::cluster::{ClusterLimits, ClusterPlayer, Counts, Endurance};
#[cfg(target_os = "linux")]
use threeworlds_attack::namespaces::{LabOptions, clean};
use threeworlds_attack::subject::Subject as Real;
#[cfg(target_os = "linux")]
use threeworlds_attack::subject::install;
use threeworlds_attack::{Brief, Campaign, Derived, Medium, Part, Plan, Report, Roles, Verdict, Workload};
use threeworlds_model::{Question, System, Task};
use threeworlds_protocols::BuiltIn;

use crate::attack::cluster::{Named, named, workload};
use crate::attack::progress::Shown;
#[cfg(target_os = "linux")]
use crate::attack::subject::KEEPER;
use crate::attack::subject::{Settings, Subject};
use crate::attack::{Attack, Runner, shrunk};
use crate::exit::Exit;
use crate::files;
use crate::limits::{LimitArguments, interrupted, stop_on_signal};
use crate::protocol::{note_misplaced_flags, quoted, seconds};
use crate::question::{FaultArguments, number};
use crate::report;
use crate::solve::Ask;
use crate::terminal::{self, TerminalArguments};

/// Does a running program, or a real cluster, survive the network of the question?
///
/// Starts copies of a program that speaks Maelstrom's node protocol, puts itself between them as the network,
/// and plays plans against them: the three worlds where n <= 2f, isolated minorities, one-way cuts, partial
/// partitions, lost types of messages, killed servers. What clients are told is judged. Without a program it
/// attacks `threeworlds node primary-backup`.
///
/// SYSTEM is a real one, such as etcd, or the path of a file that describes your own: its servers run each on
/// a host of its own (a network namespace; on Linux, as root or not), real clients ask them, and the links
/// between hosts are cut. Nothing of it is seen in the machine's own network, and nothing is left behind.
///
/// `attack --all` without a program plays the three worlds on every system that is installed, and prints a
/// table: who is told what, what is left after healing, and the horn that each takes.
///
/// A run can show that a program fails; it never shows that it holds, so the best verdict is `survived`, with
/// what was tried. Deadlines decide: a request that has to be answered and is not within --deadline, twice,
/// is a failure. A request without an answer counts as maybe applied.
///
/// Exit status: 0 survived, 1 fails, 2 the input or the call is wrong, 3 unknown. Of the table: 0, or 3 if a
/// system that is installed was not played or is unknown.
#[derive(Args)]
#[command(override_usage = "threeworlds attack [OPTIONS] -- COMMAND...\n       \
                            threeworlds attack [OPTIONS] [PROTOCOL]\n       \
                            threeworlds attack [OPTIONS] SYSTEM\n       \
                            threeworlds attack --all [OPTIONS]")]
pub(crate) struct AttackArguments {
    /// A built-in protocol, run by `threeworlds node`, or a system: etcd, redis:one-sentinel, ./own.toml
    /// [default: primary-backup]
    #[arg(value_name = "PROTOCOL|SYSTEM", help_heading = "Program", display_order = 1)]
    name: Option<String>,
    /// A program and its arguments, after `--`: one copy is started for each server
    #[arg(last = true, value_name = "COMMAND", help_heading = "Program", display_order = 2)]
    command: Vec<OsString>,
    /// Number of servers, s1, s2, ... [default: 2, or the system's]
    #[arg(long, value_name = "N", value_parser = number, help_heading = "Question")]
    servers: Option<usize>,
    #[command(flatten)]
    faults: FaultArguments,
    /// What the clients ask for: write-once, lin-kv [default: write-once; lin-kv with --duration]
    ///
    /// write-once: each key takes the first value that is proposed. A key is written before the network loses
    /// anything, and a client's proposal is a `cas` from that value, then a `read`. lin-kv: `read` and
    /// `write`, judged by linearizability.
    #[arg(long, value_name = "WORKLOAD", help_heading = "Question", hide_possible_values = true)]
    workload: Option<Asked>,
    /// Play this plan and no other
    #[arg(long, value_name = "FILE", help_heading = "Plans")]
    plan: Option<PathBuf>,
    /// Also play so many random plans
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Plans")]
    random: u64,
    /// The first random plan; the same seed gives the same plans
    #[arg(long, value_name = "SEED", default_value_t = 1, help_heading = "Plans")]
    seed: u64,
    /// Only partial partitions of a system's servers: the bridge, the chain, the star with a stale hub
    ///
    /// They are played whether or not the fault rules allow them, and each says how many servers have to be
    /// faulty for it.
    #[arg(long, help_heading = "Plans", conflicts_with_all = ["plan", "random", "duration"])]
    partial: bool,
    /// One long run of a system instead: clients ask all the time, links are cut and healed in turn
    ///
    /// Safety alone is judged, key by key while it goes on: in its time every server is cut off, so that nobody
    /// has to be answered all the time.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Plans", conflicts_with_all = ["plan", "random"])]
    duration: Option<f64>,
    /// About how many keys a long run asks about at a time
    #[arg(long, value_name = "K", default_value_t = 5, help_heading = "Plans", requires = "duration",
          value_parser = clap::value_parser!(u64).range(1..=1000))]
    keys: u64,
    /// Install the packages of a system that are missing, as root, on Debian and what comes from it; none of their
    /// services is started
    #[arg(long, help_heading = "Program")]
    install: bool,
    /// With a program or a system: go on after a failure, and also play plans beyond what the fault rules allow.
    /// Without: a table of what every system that is installed does in the three worlds
    #[arg(long, help_heading = "Plans")]
    all: bool,
    /// Of --all without a program: only these systems, with commas; a file of your own may be among them
    #[arg(long, value_name = "SYSTEMS", value_delimiter = ',', requires = "all", help_heading = "Plans",
          conflicts_with_all = ["name", "command", "plan"])]
    systems: Vec<String>,
    /// Leave a plan that fails as it is, and look for no smaller one
    #[arg(long, help_heading = "Plans")]
    no_shrink: bool,
    /// Play so many plans at the same time [default: 2; 1 for systems whose servers are large]
    #[arg(long, value_name = "J", help_heading = "Limits",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    /// A request that is not answered within this time is not answered [default: 10, or the system's]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Limits")]
    deadline: Option<f64>,
    /// How long the program is left alone before the network changes, and after it has healed [default: 0.5, or
    /// the system's]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Limits", hide_short_help = true)]
    settle: Option<f64>,
    /// How long a system is left alone after its network has healed [default: the system's]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Limits", hide_short_help = true)]
    heal: Option<f64>,
    /// How long links between the hosts of a system stay cut at least [default: the system's]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Limits", hide_short_help = true)]
    dwell: Option<f64>,
    /// How long each message between programs is under way, in milliseconds [default: 1]
    #[arg(long, value_name = "MS", help_heading = "Limits",
          value_parser = clap::value_parser!(u64).range(0..=60_000))]
    latency: Option<u64>,
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
    pub(crate) fn run(mut self, terminal: &TerminalArguments) -> Result<Exit> {
        if self.wants_table() {
            return self.table(terminal);
        }
        let plan = self.plan.as_deref().map(read_plan).transpose()?;
        let named = self.name.as_deref().map(named).transpose()?;
        if let Some(Named::System(system)) = &named
            && self.faults.fault.is_empty()
        {
            self.faults.faults.get_or_insert(usize::from(system.faults));
        }
        let question = self.question(plan.as_ref(), named.as_ref())?;
        let target = self.target(named, &question.system, plan.as_ref())?;
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
            target.workload(),
            &question,
            &self.limits,
            &stop,
        )?;
        let until = self.limits.max_time().map(|most| started + most);
        let runner = self.runner(&target, until, Arc::clone(&stop))?;
        let brief = self.brief(&question, &target);
        let progress = Shown::new();
        #[cfg(target_os = "linux")]
        let (found, long_run) = match self.duration {
            Some(seconds) => {
                let (found, counts) = self.endure(&brief, &runner, seconds, &progress)?;
                (found, Some(counts))
            }
            None => (self.play(&brief, plan, &runner, self.jobs(&target), &progress)?, None),
        };
        #[cfg(not(target_os = "linux"))]
        let found = self.play(&brief, plan, &runner, self.jobs(&target), &progress)?;
        let smaller = match found.verdict {
            // Each run of a cluster takes too long to try many.
            Verdict::Fails { by } if !self.no_shrink && !interrupted() && !target.is_cluster() => {
                shrunk(&found.tried[by], &brief, &runner, &progress)
            }
            _ => None,
        };
        progress.finish();
        let attack = Attack {
            program: target.label(),
            question,
            workload: target.workload(),
            theorem,
            deadline: self.deadline(&target).as_secs_f64(),
            jobs: self.jobs(&target),
            cluster: runner.facts(),
            #[cfg(target_os = "linux")]
            long_run,
            report: found,
            smaller,
            seconds: started.elapsed().as_secs_f64(),
        };
        self.tell(&attack, terminal)
    }

    fn asked(&self) -> Asked {
        self.workload.unwrap_or(match self.duration {
            Some(_) => Asked::LinKv,
            None => Asked::WriteOnce,
        })
    }

    /// One long run.
    #[cfg(target_os = "linux")]
    fn endure(
        &self,
        brief: &Brief,
        runner: &Runner,
        seconds: f64,
        progress: &Shown,
    ) -> Result<(Report, Counts)> {
        let Runner::Cluster(cluster) = runner else {
            unreachable!("a program was refused");
        };
        let duration = Duration::from_secs_f64(seconds);
        let endurance = Endurance { duration, keys: self.keys, seed: self.seed };
        let observe = |elapsed: Duration, counts: &Counts| progress.enduring(elapsed, duration, counts);
        let endured = cluster.endure(brief, &endurance, &observe).map_err(|why| anyhow!(why))?;
        let verdict = endured.verdict();
        Ok((Report { tried: vec![endured.tried], not_tried: Vec::new(), verdict }, endured.counts))
    }

    /// Plays one plan, or all that the question gives.
    fn play(
        &self,
        brief: &Brief,
        plan: Option<Plan>,
        runner: &Runner,
        jobs: usize,
        progress: &Shown,
    ) -> Result<Report> {
        let stop = || runner.why_stop();
        let observe = |step: &threeworlds_attack::Progress| progress.show(step);
        let campaign = Campaign {
            brief,
            jobs,
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

    fn question(&self, plan: Option<&Plan>, named: Option<&Named>) -> Result<Question> {
        let system = match named {
            Some(Named::System(system)) => Some(system),
            _ => None,
        };
        let servers = match (plan, self.servers) {
            (Some(plan), Some(servers)) if usize::from(plan.servers) != servers => {
                bail!(
                    "the plan has {} servers, so --servers {servers} cannot go with it: leave it out",
                    plan.servers
                )
            }
            (Some(plan), _) => usize::from(plan.servers),
            (None, servers) => {
                servers.unwrap_or_else(|| system.map_or(2, |system| system.servers.default.into()))
            }
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

    fn target(&self, named: Option<Named>, system: &System, plan: Option<&Plan>) -> Result<Target> {
        let mut target = match (named, self.command.as_slice()) {
            (Some(Named::Protocol(_)) | None, _) if self.duration.is_some() => bail!(
                "--duration is for systems, such as: threeworlds attack etcd --duration 60\n  hint: for a program, \
                 --random plays as many plans as you like"
            ),
            (Some(Named::Protocol(_)) | None, _) if self.install => bail!(
                "--install is for systems, such as: threeworlds attack etcd --install\n  hint: leave it out"
            ),
            (Some(Named::Protocol(_)) | None, _) if self.partial => bail!(
                "--partial is for systems, such as: threeworlds attack etcd --servers 3 --partial\n  hint: a \
                 program's partial partitions are among its other plans"
            ),
            (Some(Named::System(_)), []) if self.partial && system.servers < 3 => {
                bail!("a partial partition needs three servers: --servers 3")
            }
            (Some(_), [first, ..]) => bail!(
                "there are two programs, `{}` and after `--` the command `{}`: give one",
                self.name.as_deref().unwrap_or_default(),
                first.to_string_lossy()
            ),
            (None, command @ [_, ..]) => {
                let words: Vec<String> =
                    command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
                note_misplaced_flags(&words, "the program");
                let label = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
                let workload = match self.asked() {
                    Asked::WriteOnce => Workload::WriteOnceKv,
                    Asked::LinKv => Workload::LinKv,
                };
                Target::Program(Subject { label, command: command.to_vec(), workload })
            }
            (None, []) => Target::Program(self.built_in(BuiltIn::PrimaryBackup, system)?),
            (Some(Named::Protocol(protocol)), []) => Target::Program(self.built_in(protocol, system)?),
            (Some(Named::System(subject)), []) => self.cluster(*subject, system, plan)?,
        };
        if let Some(plan) = plan {
            target.set_workload(plan.workload);
        }
        Ok(target)
    }

    /// A system with what was said on the command line about its times.
    fn cluster(&self, mut subject: Real, system: &System, plan: Option<&Plan>) -> Result<Target> {
        subject.supports(system.servers).map_err(|why| anyhow!(why))?;
        ensure!(
            self.random == 0,
            "--random is for programs: what it draws loses messages by type or one way, which cannot be done between \
             hosts"
        );
        ensure!(
            self.latency.is_none(),
            "--latency is for programs: between the hosts of {} messages take no time of their own",
            subject.name()
        );
        let set = |time: &mut Duration, given: Option<f64>| {
            if let Some(seconds) = given {
                *time = Duration::from_secs_f64(seconds);
            }
        };
        set(&mut subject.times.request, self.deadline);
        set(&mut subject.times.settle, self.settle);
        set(&mut subject.times.heal, self.heal);
        set(&mut subject.times.dwell, self.dwell);
        let workload = match plan {
            Some(plan) => {
                plan.suits_hosts().map_err(|why| anyhow!(why))?;
                plan.workload
            }
            None if self.duration.is_some() && self.workload.is_none() => {
                workload(&subject, false).or_else(|_| workload(&subject, true))?
            }
            None => workload(&subject, self.asked() == Asked::WriteOnce)?,
        };
        Ok(Target::Cluster(Box::new(subject), workload))
    }

    /// What plays plans against the target.
    fn runner(&self, target: &Target, until: Option<Instant>, stop: Arc<AtomicBool>) -> Result<Runner> {
        match target {
            Target::Program(program) => {
                let settings = Settings {
                    latency: Duration::from_millis(self.latency.unwrap_or(1)),
                    deadline: self.deadline(target),
                    until,
                };
                Ok(Runner::Copies(Box::new(program.runner(settings, stop)?)))
            }
            #[cfg(target_os = "linux")]
            Target::Cluster(subject, _) => {
                let path = std::env::var("PATH").unwrap_or_default();
                if self.install && !subject.missing_programs(&path).is_empty() {
                    install(&subject.packages)?;
                }
                let itself = std::env::current_exe().context("this program does not find itself")?;
                let itself = itself
                    .to_str()
                    .with_context(|| format!("the path {} of this program is no text", itself.display()))?;
                let keeper = vec![itself.to_owned(), KEEPER.to_owned()];
                // What cannot be removed is in nobody's way, and `clean` says why.
                let left = clean(&std::env::temp_dir()).unwrap_or_default();
                if !left.removed.is_empty() {
                    let number = left.removed.len();
                    terminal::note(&format!("removed what {number} earlier attacks left that were killed."));
                }
                let limits = ClusterLimits { stop, until, keep_failed: self.save.clone() };
                let options = LabOptions::new(keeper);
                Ok(Runner::Cluster(Box::new(ClusterPlayer::new((**subject).clone(), options, limits))))
            }
            #[cfg(not(target_os = "linux"))]
            Target::Cluster(..) => Err(threeworlds_attack::namespaces::LabError::NeedsLinux.into()),
        }
    }

    /// When a request that has to be answered is given up.
    fn deadline(&self, target: &Target) -> Duration {
        match (self.deadline, target) {
            (Some(seconds), _) => Duration::from_secs_f64(seconds),
            (None, Target::Program(_)) => Duration::from_secs(10),
            (None, Target::Cluster(subject, _)) => subject.times.request,
        }
    }

    fn jobs(&self, target: &Target) -> usize {
        /// From how many megabytes on a server is a large one.
        const LARGE: u32 = 40;
        let large = match target {
            Target::Program(_) => false,
            Target::Cluster(subject, _) => subject.memory_megabytes.is_some_and(|size| size >= LARGE),
        };
        usize::from(self.jobs.unwrap_or(if large { 1 } else { 2 }))
    }

    /// This program itself, as a node.
    fn built_in(&self, protocol: BuiltIn, system: &System) -> Result<Subject> {
        let description = protocol.description();
        let workload = match (description.task, self.asked()) {
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
        command.extend(["--round-ms".into(), ROUND_MILLISECONDS.to_string().into()]);
        Ok(Subject { label: format!("threeworlds node {}", description.name), command, workload })
    }

    fn brief<'a>(&self, question: &'a Question, target: &Target) -> Brief<'a> {
        let milliseconds = |time: Duration| {
            let whole = u64::try_from(time.as_millis()).unwrap_or(Plan::LONGEST_MILLISECONDS);
            whole.clamp(1, Plan::LONGEST_MILLISECONDS)
        };
        let workload = target.workload();
        let (settle, roles, medium) = match target {
            Target::Program(_) => {
                let settle = Duration::from_secs_f64(self.settle.unwrap_or(0.5));
                // Nobody is asked for the leader of a register that takes one value.
                let fixed = workload == Workload::WriteOnce;
                (settle, if fixed { Roles::Fixed } else { Roles::LeaderFirst }, Medium::Messages)
            }
            Target::Cluster(subject, _) => {
                let heal_milliseconds = milliseconds(subject.times.heal);
                (
                    subject.times.settle,
                    Roles::LeaderFirst,
                    Medium::Hosts { heal_milliseconds, partial: self.partial },
                )
            }
        };
        Brief {
            question,
            workload,
            roles,
            deadline_milliseconds: milliseconds(self.deadline(target)),
            settle_milliseconds: milliseconds(settle),
            beyond: self.all,
            medium,
        }
    }

    /// The question as `solve` would ask it.
    fn ask(&self, question: &Question) -> Ask {
        Ask {
            servers: Some(usize::from(question.system.servers)),
            faults: FaultArguments { clients: usize::from(question.system.clients), ..self.faults.clone() },
            client_links: false,
            timing: threeworlds_certificate::Timing::LockStep,
            task: match self.asked() {
                Asked::WriteOnce => threeworlds_certificate::Task::WriteOnceRegister,
                Asked::LinKv => threeworlds_certificate::Task::Register,
            },
        }
    }
}

/// What is attacked.
enum Target {
    /// Copies of a program.
    Program(Subject),
    /// A cluster of a real system, and what is asked of it.
    Cluster(Box<Real>, Workload),
}

impl Target {
    /// What it is called in results.
    fn label(&self) -> String {
        match self {
            Target::Program(program) => program.label.clone(),
            Target::Cluster(subject, _) => subject.name(),
        }
    }

    fn workload(&self) -> Workload {
        match self {
            Target::Program(Subject { workload, .. }) | Target::Cluster(_, workload) => *workload,
        }
    }

    fn set_workload(&mut self, new: Workload) {
        match self {
            Target::Program(Subject { workload, .. }) | Target::Cluster(_, workload) => *workload = new,
        }
    }

    fn is_cluster(&self) -> bool {
        matches!(self, Target::Cluster(..))
    }
}

/// How long a built-in protocol's rounds last. What comes later than its round counts as lost, and with
/// shorter rounds a busy machine loses messages that no plan takes.
const ROUND_MILLISECONDS: u64 = 150;

/// Reads a plan; whatever is wrong with it is named with the file.
fn read_plan(file: &std::path::Path) -> Result<Plan> {
    Plan::parse(&files::read(file)?).with_context(|| file.display().to_string())
}
