//! The way up, and who leads.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Known, POSITIVE, Reader, Result, name};
use crate::namespaces::User;
use crate::subject::entry::{CheckEntry, DeedEntry, On, StepEntry};
use crate::subject::table::{Entry, Table, words};
use crate::subject::template::Template;
use crate::subject::{Servers, Times};

impl Reader<'_, '_> {
    pub(super) fn steps(
        &self,
        known: &Known,
        servers: Servers,
        user: User,
        times: Times,
    ) -> Result<Vec<StepEntry>> {
        let entry = self.root.need("up", "say how it is started, with tables [[up]]: start = [...]")?;
        let mut steps: Vec<StepEntry> = Vec::new();
        const KEYS: [&str; 15] = [
            "name",
            "on",
            "when",
            "user",
            "environment",
            "start",
            "restart",
            "run",
            "until",
            "exit",
            "contains",
            "lacks",
            "within",
            "attempt",
            "pause",
        ];
        for (number, table) in (1..).zip(entry.tables(&KEYS)?) {
            if !self.is_meant(&table)? {
                continue;
            }
            let user = self.user(&table, user)?;
            let environment = self.environment(&table, known)?;
            let kinds = ["start", "run", "until"].map(|key| table.get(key));
            let allowed: &[&str] = match &kinds {
                [Some(_), None, None] => &["restart"],
                [None, Some(_), None] => &["within"],
                [None, None, Some(_)] => &["exit", "contains", "lacks", "within", "attempt", "pause"],
                _ => {
                    return Err(table.error(
                        "",
                        "a step has exactly one of `start`, `run` and `until`",
                        "start = [...] for a daemon, run = [...] for a command that ends, until = [...] for one \
                         that is repeated until it succeeds",
                    ));
                }
            };
            let special = ["restart", "exit", "contains", "lacks", "within", "attempt", "pause"];
            if let Some(key) =
                special.into_iter().find(|key| table.get(key).is_some() && !allowed.contains(key))
            {
                return Err(table.error(
                    key,
                    "this key does not go with that kind of step",
                    format!("here there may be {}", words(allowed)),
                ));
            }
            let within = match table.get("within") {
                Some(entry) => entry.duration(POSITIVE)?,
                None => times.up,
            };
            let mut first = "";
            let deed = match &kinds {
                [Some(start), ..] => {
                    first = "start";
                    let start = self.command(start, known)?;
                    let restart = match table.get("restart") {
                        Some(entry) => self.command(&entry, known)?,
                        None => start.clone(),
                    };
                    DeedEntry::Start { start, restart }
                }
                [_, Some(run), _] => DeedEntry::Run(self.command(run, known)?),
                [_, _, until] => {
                    let until = until.as_ref().expect("one of the three is there");
                    let duration = |key: &str, default: u64| match table.get(key) {
                        Some(entry) => entry.duration(POSITIVE),
                        None => Ok(Duration::from_millis(default)),
                    };
                    DeedEntry::Until {
                        check: self.check(&table, until, known, user, environment.clone())?,
                        attempt: duration("attempt", 10_000)?,
                        pause: duration("pause", 100)?,
                    }
                }
            };
            let name = match table.get("name") {
                Some(entry) => name(&entry)?,
                None if first == "start" => {
                    return Err(table.error(
                        "name",
                        "this key is missing",
                        "name the daemon: its log is NAME.log",
                    ));
                }
                None => format!("step-{number}"),
            };
            let on = self.on(&table, servers, false)?;
            let starts = |step: &&StepEntry| matches!(step.deed, DeedEntry::Start { .. });
            if first == "start"
                && let Some(other) = steps.iter().filter(starts).find(|step| step.name == name)
                && overlap(&other.on, &on, servers)
            {
                return Err(table.error(
                    "name",
                    format!("two daemons are called `{name}` on the same host"),
                    "give each a name of its own, or separate hosts with `on`",
                ));
            }
            steps.push(StepEntry { name, on, user, environment, within, deed });
        }
        match steps.iter().any(|step| matches!(step.deed, DeedEntry::Start { .. })) {
            true => Ok(steps),
            false => Err(entry.error("no step starts anything", "add a step with start = [\"server\", ...]")),
        }
    }

    fn check(
        &self,
        table: &Table<'_>,
        run: &Entry<'_>,
        known: &Known,
        user: User,
        environment: BTreeMap<String, Template>,
    ) -> Result<CheckEntry> {
        Ok(CheckEntry {
            run: self.command(run, known)?,
            exit: match table.get("exit") {
                Some(entry) => entry.whole(0..=255)?.value as i32,
                None => 0,
            },
            contains: self.optional(table, "contains", known)?,
            lacks: self.optional(table, "lacks", known)?,
            user,
            environment,
        })
    }

    pub(super) fn leader(&self, known: &Known, user: User) -> Result<Option<CheckEntry>> {
        let Some(entry) = self.root.get("leader") else { return Ok(None) };
        let table = entry.table(&["run", "exit", "contains", "lacks", "user", "environment"])?;
        let run = table.need("run", "write a command that is run on each server: the leader's succeeds")?;
        let user = self.user(&table, user)?;
        let environment = self.environment(&table, known)?;
        self.check(&table, &run, known, user, environment).map(Some)
    }
}

/// Whether two daemons can meet on a host.
fn overlap(one: &On, other: &On, servers: Servers) -> bool {
    let hosts = |on: &On, count: u16| -> Vec<u16> {
        match on {
            On::First => vec![1],
            On::Others => (2..=count).collect(),
            On::Last => vec![count],
            On::Named(numbers) => numbers.clone(),
            On::All | On::Clients | On::Everywhere => (1..=count).collect(),
        }
    };
    (servers.least..=servers.most).any(|count| {
        let other = hosts(other, count);
        hosts(one, count).iter().any(|host| *host <= count && other.contains(host))
    })
}
