//! A subject that is brought up in a lab. A step that fails, a daemon that ends by itself on the way up and a
//! deadline that passes are errors, with the last that was said; none of them is a verdict about the system.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use threeworlds_model::Process;

use super::site::{Deed, Host, PlacedFile, Probe, Site};
use super::{Call, Subject};
use crate::journal::Outcome;
use crate::namespaces::{Command, Ended, Lab, LabError, LabProcess, Output};
use crate::plan::KvRequest;

/// The servers of a subject, up and running in a lab.
#[derive(Debug)]
pub struct Cluster<'l> {
    lab: &'l Lab,
    subject: Subject,
    site: Site,
    daemons: Vec<Daemon>,
    /// What the subject's command for it printed first; empty if it has none.
    pub version: String,
    /// How long it took to come up.
    pub took: Duration,
}

#[derive(Debug)]
struct Daemon {
    host: Process,
    name: String,
    process: LabProcess,
}

/// Why a subject did not come up.
#[derive(Debug, thiserror::Error)]
pub enum BringUpError {
    /// Programs are not installed.
    #[error("{subject} needs {}, which cannot be found here\n  hint: {}", quoted(.programs), how_to_install(.packages))]
    Missing {
        /// The subject's name.
        subject: String,
        /// The programs that are not found.
        programs: Vec<String>,
        /// Debian packages that bring them.
        packages: Vec<String>,
    },
    /// It cannot have so many servers.
    #[error("{0}")]
    Servers(String),
    /// The laboratory failed.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A file could not be written.
    #[error("{host}: the file `{path}` cannot be written: {source}")]
    File {
        /// Where.
        host: Process,
        /// Its path in the host's folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A step failed, or what it waits for did not come.
    #[error("{subject}: step `{step}` on {host} {why}{said}")]
    Failed {
        /// The subject's name.
        subject: String,
        /// The step's name.
        step: String,
        /// Where.
        host: Process,
        /// What was run, what was waited for and how it ended.
        why: String,
        /// The last that it said, indented; empty if nothing.
        said: String,
    },
    /// A daemon ended by itself.
    #[error("{subject}: the daemon `{daemon}` on {host} ended during step `{step}`: {how}{said}")]
    Ended {
        /// The subject's name.
        subject: String,
        /// The daemon's name.
        daemon: String,
        /// Where.
        host: Process,
        /// The step's name.
        step: String,
        /// How it ended.
        how: Ended,
        /// The end of its log, indented; empty if nothing.
        said: String,
    },
    /// It was stopped.
    #[error("stopped before the cluster was up")]
    Stopped,
}

/// The hosts of a lab as a subject sees them.
pub fn site(lab: &Lab) -> Site {
    let host =
        |process| Host { ip: lab.ip(process).to_string(), dir: lab.dir(process).display().to_string() };
    let (servers, clients): (Vec<Process>, Vec<Process>) = lab.hosts().partition(|host| !host.is_client());
    Site {
        servers: servers.into_iter().map(host).collect(),
        clients: clients.into_iter().map(host).collect(),
    }
}

impl<'l> Cluster<'l> {
    /// Brings a subject up on all servers of a lab: files, then step by step. `stop` is looked at all the time.
    ///
    /// # Errors
    /// Programs that are missing, a step that fails or takes too long, a daemon that ends. What was started
    /// ends with the lab.
    pub fn bring_up(subject: &Subject, lab: &'l Lab, stop: &AtomicBool) -> Result<Cluster<'l>, BringUpError> {
        let began = Instant::now();
        let programs = subject.missing_programs(&std::env::var("PATH").unwrap_or_default());
        if !programs.is_empty() {
            let packages = subject.packages.clone();
            return Err(BringUpError::Missing { subject: subject.name(), programs, packages });
        }
        let site = site(lab);
        let servers = u16::try_from(site.servers.len()).unwrap_or(u16::MAX);
        subject.supports(servers).map_err(BringUpError::Servers)?;
        for file in subject.files(&site) {
            write(&lab.dir(file.host), &file).map_err(|source| BringUpError::File {
                host: file.host,
                path: file.path.clone(),
                source,
            })?;
        }
        let subject = subject.clone();
        let mut cluster =
            Cluster { lab, subject, site, daemons: Vec::new(), version: String::new(), took: Duration::ZERO };
        cluster.version = cluster.ask_version()?;
        for action in cluster.subject.actions(&cluster.site) {
            let end = Instant::now() + action.within;
            let started = Mutex::new(Vec::new());
            let results: Vec<Result<(), BringUpError>> = std::thread::scope(|scope| {
                let each = action.hosts.iter().map(|(host, deed)| {
                    let step = Step {
                        cluster: &cluster,
                        name: &action.name,
                        host: *host,
                        end,
                        within: action.within,
                    };
                    let started = &started;
                    scope.spawn(move || {
                        let daemon = step.perform(deed, stop)?;
                        started.lock().unwrap_or_else(PoisonError::into_inner).extend(daemon);
                        Ok(())
                    })
                });
                let each: Vec<_> = each.collect();
                each.into_iter().map(|thread| thread.join().expect("a step does not panic")).collect()
            });
            results.into_iter().collect::<Result<(), _>>()?;
            let mut started = started.into_inner().unwrap_or_else(PoisonError::into_inner);
            started.sort_by_key(|daemon| daemon.host);
            cluster.daemons.extend(started);
        }
        cluster.took = began.elapsed();
        Ok(cluster)
    }

    /// What is brought up.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Its hosts.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Who says that it leads, by the subject's own question; nobody if it has none.
    ///
    /// # Errors
    /// The lab failed. A server that does not answer does not lead.
    pub fn leaders(&self) -> Result<Vec<Process>, LabError> {
        let mut asked = Vec::new();
        for server in self.servers() {
            if let Some(probe) = self.subject.leads(&self.site, server) {
                let run = self.lab.begin(server, &probe.command, probe.deadline)?;
                asked.push((server, probe, run));
            }
        }
        let mut leaders = Vec::new();
        for (server, probe, run) in asked {
            if probe.says_yes(&run.wait()?) {
                leaders.push(server);
            }
        }
        Ok(leaders)
    }

    /// Asks a server as a client, and waits for the end.
    ///
    /// # Errors
    /// The subject has no such operation, or the lab failed; the message says which.
    pub fn ask(&self, client: Process, server: Process, request: &KvRequest) -> Result<Outcome, String> {
        let call = self.subject.call(&self.site, client, server, request)?;
        self.perform(client, &call)
    }

    /// What each server has stored under a key, as a client is told; for after healing. A server that does not
    /// say is asked again, until the time of one request is over for all.
    ///
    /// # Errors
    /// As [`Cluster::ask`].
    pub fn stored(
        &self,
        client: Process,
        key: &serde_json::Value,
    ) -> Result<Vec<(Process, Outcome)>, String> {
        let end = Instant::now() + self.subject.times.request;
        let mut stored = Vec::new();
        for server in self.servers() {
            let call = self.subject.stored(&self.site, client, server, key)?;
            let mut outcome = self.perform(client, &call)?;
            while !matches!(outcome, Outcome::Ok(_)) && Instant::now() < end {
                std::thread::sleep(self.subject.times.rest);
                outcome = self.perform(client, &call)?;
            }
            stored.push((server, outcome));
        }
        Ok(stored)
    }

    fn perform(&self, client: Process, call: &Call) -> Result<Outcome, String> {
        match self.lab.run(client, &call.command, call.deadline) {
            Ok(output) => Ok(call.outcome(&output)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The daemons that have ended by themselves: where, which and how.
    pub fn ended(&self) -> Vec<(Process, &str, Ended)> {
        let ended = |daemon: &'_ Daemon| daemon.process.ended().map(|how| (daemon.host, how));
        self.daemons
            .iter()
            .filter_map(|daemon| ended(daemon).map(|(host, how)| (host, daemon.name.as_str(), how)))
            .collect()
    }

    /// Starts the daemons of a server again, after everything on its host was killed.
    ///
    /// # Errors
    /// The lab failed.
    pub fn restart(&mut self, server: Process) -> Result<(), LabError> {
        self.daemons.retain(|daemon| daemon.host != server);
        for (name, command) in self.subject.restarts(&self.site, server) {
            let process = self.lab.spawn(server, &command, &format!("{name}.log"))?;
            self.daemons.push(Daemon { host: server, name, process });
        }
        Ok(())
    }

    fn servers(&self) -> impl Iterator<Item = Process> {
        self.lab.hosts().filter(|host| !host.is_client())
    }

    fn ask_version(&self) -> Result<String, LabError> {
        let Some(command) = self.subject.version(&self.site) else { return Ok(String::new()) };
        let output = self.lab.run(Process::Server(1), &command, Duration::from_secs(20))?;
        let lines = output.stdout.lines().chain(output.stderr.lines());
        Ok(lines.map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned())
    }

    /// A daemon of an earlier step that has ended by itself.
    fn early_end(&self, step: &str) -> Option<BringUpError> {
        let (host, daemon, how) = self.ended().into_iter().next()?;
        let log = fs::read(self.lab.dir(host).join(format!("{daemon}.log"))).unwrap_or_default();
        Some(BringUpError::Ended {
            subject: self.subject.name(),
            daemon: daemon.to_owned(),
            host,
            step: step.to_owned(),
            how,
            said: last_lines(&String::from_utf8_lossy(&log)),
        })
    }
}

/// One host's part of a step.
struct Step<'c, 'l> {
    cluster: &'c Cluster<'l>,
    name: &'c str,
    host: Process,
    end: Instant,
    within: Duration,
}

impl Step<'_, '_> {
    fn perform(&self, deed: &Deed, stop: &AtomicBool) -> Result<Option<Daemon>, BringUpError> {
        let Step { cluster, host, .. } = *self;
        match deed {
            Deed::Start(command) => {
                let process = cluster.lab.spawn(host, command, &format!("{}.log", self.name))?;
                Ok(Some(Daemon { host, name: self.name.to_owned(), process }))
            }
            Deed::Run(command) => {
                let output = self.run(command, self.within, stop)?;
                let why = || format!("failed: `{}`: {}", command.argv.join(" "), how(&output, self.within));
                if output.success() { Ok(None) } else { Err(self.failed(why(), &output)) }
            }
            Deed::Until(probe, pause) => self.wait_for(probe, *pause, stop).map(|()| None),
        }
    }

    fn wait_for(&self, probe: &Probe, pause: Duration, stop: &AtomicBool) -> Result<(), BringUpError> {
        loop {
            let left = self.end.saturating_duration_since(Instant::now());
            let deadline = probe.deadline.min(left).max(Duration::from_millis(100));
            let output = self.run(&probe.command, deadline, stop)?;
            if probe.says_yes(&output) {
                return Ok(());
            }
            if let Some(error) = self.cluster.early_end(self.name) {
                return Err(error);
            }
            if Instant::now() + pause >= self.end {
                let why = format!(
                    "waited {} s for {} of `{}`; the last time: {}",
                    self.within.as_secs_f64(),
                    probe.wants(),
                    probe.command.argv.join(" "),
                    how(&output, deadline)
                );
                return Err(self.failed(why, &output));
            }
            std::thread::sleep(pause);
        }
    }

    fn failed(&self, why: String, output: &Output) -> BringUpError {
        BringUpError::Failed {
            subject: self.cluster.subject.name(),
            step: self.name.to_owned(),
            host: self.host,
            why,
            said: last_lines(&format!("{}\n{}", output.stdout, output.stderr)),
        }
    }

    fn run(&self, command: &Command, deadline: Duration, stop: &AtomicBool) -> Result<Output, BringUpError> {
        let run = self.cluster.lab.begin(self.host, command, deadline)?;
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(output) = run.try_wait()? {
                return Ok(output);
            }
            if stop.load(Ordering::Relaxed) {
                return Err(BringUpError::Stopped);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}

/// Writes a file for whoever owns the host's folder.
fn write(folder: &Path, file: &PlacedFile) -> std::io::Result<()> {
    let owner = fs::metadata(folder)?;
    let own = |path: &Path| chown(path, Some(owner.uid()), Some(owner.gid()));
    let mut within = folder.to_path_buf();
    let (folders, _) = file.path.rsplit_once('/').unwrap_or(("", ""));
    for part in folders.split('/').filter(|part| !part.is_empty()) {
        within.push(part);
        if !within.is_dir() {
            fs::create_dir(&within)?;
            own(&within)?;
        }
    }
    let path = folder.join(&file.path);
    fs::write(&path, &file.content)?;
    fs::set_permissions(&path, Permissions::from_mode(file.mode))?;
    own(&path)
}

fn how(output: &Output, deadline: Duration) -> String {
    match output.ended {
        Some(ended) => ended.to_string(),
        None => format!("killed after {} s", deadline.as_secs_f64()),
    }
}

/// The last lines of a text, indented, on lines of their own.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(8)..].iter().map(|line| format!("\n    {}", line.trim_end())).collect()
}

fn how_to_install(packages: &[String]) -> String {
    match packages.is_empty() {
        true => "install it, or put it on PATH".to_owned(),
        false => format!(
            "on Debian: apt-get install {}; or run this as root with --install, which starts no services",
            packages.join(" ")
        ),
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
