//! Reads a subject file. Each variant is read on its own, so that its placeholders are checked against what it
//! defines; the first mistake is the answer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::site::PLACEHOLDERS;
use super::table::{At, Entry, Source, Table, nearest, words};
use super::template::{Template, checked};
use super::{
    AnswerEntry, CheckEntry, Content, DeedEntry, Definition, FileEntry, Means, On, OperationEntry,
    OperationName, SUBJECT_FORMAT, Servers, StepEntry, Subject, SubjectError, SubjectFile, Times, ValueAt,
};
use crate::namespaces::User;

const ROOT: [&str; 22] = [
    "format",
    "name",
    "description",
    "servers",
    "faults",
    "user",
    "packages",
    "programs",
    "version",
    "memory-megabytes",
    "environment",
    "define",
    "times",
    "variant",
    "file",
    "up",
    "leader",
    "read",
    "write-once",
    "write",
    "cas",
    "stored",
];
const VARIANT: [&str; 8] =
    ["name", "description", "servers", "faults", "packages", "programs", "define", "times"];

/// Servers that a lab has room for.
const MOST_SERVERS: i64 = 15;
const POSITIVE: Duration = Duration::from_millis(1);

type Beside<'a> = &'a dyn Fn(&str) -> std::result::Result<Vec<u8>, String>;
type Result<T> = std::result::Result<T, SubjectError>;

pub(super) fn subject_file(source: Source<'_>, beside: Beside<'_>) -> Result<SubjectFile> {
    let parsed = source.parse()?;
    let root = parsed.get_ref();
    // The version first: what is unknown in another version is no mistake.
    let any: Vec<&str> = root.keys().map(|key| key.get_ref().as_ref()).collect();
    let format = Table::root(source, root, &any)?
        .need("format", &format!("begin the file with format = \"{SUBJECT_FORMAT}\""))?;
    let text = format.text()?;
    if text.value != SUBJECT_FORMAT {
        let what = format!("`{}` is another format", text.value);
        return Err(format.error(what, format!("this program reads \"{SUBJECT_FORMAT}\"")));
    }
    let root = Table::root(source, root, &ROOT)?;
    let system = name(&root.need("name", "name the system, such as name = \"etcd\"")?)?;
    let description = root.need("description", "say in one sentence what it is")?.words()?.value;
    let variants = match root.get("variant") {
        Some(entry) => entry.tables(&VARIANT)?,
        None => Vec::new(),
    };
    let mut names: Vec<String> = Vec::new();
    for variant in &variants {
        let entry = variant.need("name", "name the variant, such as name = \"two-sentinels\"")?;
        let name = name(&entry)?;
        if names.contains(&name) {
            return Err(
                entry.error(format!("there are two variants `{name}`"), "give each a name of its own")
            );
        }
        names.push(name);
    }
    let read = |variant| {
        Reader { source, beside, root: &root, variant, names: &names }.subject(&system, &description)
    };
    let variants = match variants.is_empty() {
        true => vec![read(None)?],
        false => variants
            .iter()
            .zip(&names)
            .map(|(table, name)| read(Some((name, table))))
            .collect::<Result<_>>()?,
    };
    Ok(SubjectFile { system, description, variants })
}

/// A name: small letters, digits and hyphens.
fn name(entry: &Entry<'_>) -> Result<String> {
    let text = entry.text()?.value;
    let letters = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
    match text.starts_with(|letter: char| letter.is_ascii_lowercase()) && text.chars().all(letters) {
        true => Ok(text),
        false => Err(entry.error(
            format!("`{text}` is no name"),
            "write small letters, digits and hyphens, a letter first",
        )),
    }
}

/// What every part of one variant needs.
struct Reader<'a, 'b> {
    source: Source<'a>,
    beside: Beside<'b>,
    root: &'b Table<'a>,
    variant: Option<(&'b String, &'b Table<'a>)>,
    names: &'b [String],
}

/// The placeholders that a text may use.
struct Known {
    names: Vec<String>,
    least: u16,
}

impl<'a> Reader<'a, '_> {
    /// A key of the variant, else of the file.
    fn either(&self, key: &str) -> Option<Entry<'a>> {
        self.variant.and_then(|(_, table)| table.get(key)).or_else(|| self.root.get(key))
    }

    /// A list in which the variant's part follows the file's.
    fn both(&self, key: &str) -> Result<Vec<String>> {
        let tables = [Some(self.root), self.variant.map(|(_, table)| table)];
        let mut all = Vec::new();
        for entry in tables.into_iter().flatten().filter_map(|table| table.get(key)) {
            all.extend(entry.texts()?.into_iter().map(|text| text.value));
        }
        Ok(all)
    }

    fn subject(&self, system: &str, description: &str) -> Result<Subject> {
        let servers = self.servers()?;
        let faults = match self.either("faults") {
            Some(entry) => entry.whole(0..=i64::from(servers.most))?.value as u16,
            None => 1,
        };
        let user = self.user(self.root, User::Unprivileged)?;
        let known = self.known(servers.least, &[]);
        let definitions = self.definitions(&known)?;
        let known = self.known(servers.least, &definitions.keys().map(String::as_str).collect::<Vec<_>>());
        let environment = self.environment(self.root, &known)?;
        let memory_megabytes = match self.root.get("memory-megabytes") {
            Some(entry) => Some(entry.whole(1..=1_000_000)?.value as u32),
            None => None,
        };
        let version = match self.root.get("version") {
            Some(entry) => self.command(&entry, &known)?,
            None => Vec::new(),
        };
        let times = self.times()?;
        let description = match self.variant.and_then(|(_, table)| table.get("description")) {
            Some(entry) => entry.words()?.value,
            None => description.to_owned(),
        };
        Ok(Subject {
            file: self.source.name.to_owned(),
            system: system.to_owned(),
            variant: self.variant.map(|(name, _)| name.clone()),
            description,
            packages: self.both("packages")?,
            programs: self.both("programs")?,
            servers,
            faults,
            times,
            memory_megabytes,
            version,
            definitions,
            environment,
            user,
            files: self.files(&known, servers)?,
            steps: self.steps(&known, servers, user, times)?,
            leader: self.leader(&known, user)?,
            operations: self.operations(&known)?,
        })
    }

    fn servers(&self) -> Result<Servers> {
        let hint = "say how many it can have: servers = 3, or servers = { least = 2, most = 5, default = 3 }";
        let entry = match self.either("servers") {
            Some(entry) => entry,
            None => self.root.need("servers", hint)?,
        };
        if !entry.is_table() {
            let number = entry.whole(1..=MOST_SERVERS)?.value as u16;
            return Ok(Servers { least: number, most: number, default: number });
        }
        let table = entry.table(&["least", "most", "default"])?;
        let most_entry = table.need("most", "say how many servers it can have at most")?;
        let most = most_entry.whole(1..=MOST_SERVERS)?.value;
        let least = match table.get("least") {
            Some(least) => least.whole(1..=most)?.value,
            None => 1,
        };
        let default = match table.get("default") {
            Some(default) => default.whole(least..=most)?.value,
            None => 2.clamp(least, most),
        };
        Ok(Servers { least: least as u16, most: most as u16, default: default as u16 })
    }

    fn user(&self, table: &Table<'_>, default: User) -> Result<User> {
        match table.get("user") {
            Some(entry) => entry.one_of(&[("unprivileged", User::Unprivileged), ("root", User::Root)]),
            None => Ok(default),
        }
    }

    fn times(&self) -> Result<Times> {
        let mut times = Times::default();
        let tables = [Some(self.root), self.variant.map(|(_, table)| table)];
        for entry in tables.into_iter().flatten().filter_map(|table| table.get("times")) {
            let table = entry.table(&["operation", "request", "rest", "settle", "dwell", "heal", "up"])?;
            for (key, entry) in table.all() {
                let (place, least) = match key.value.as_str() {
                    "operation" => (&mut times.operation, Duration::from_millis(100)),
                    "request" => (&mut times.request, Duration::from_millis(100)),
                    "rest" => (&mut times.rest, POSITIVE),
                    "settle" => (&mut times.settle, Duration::ZERO),
                    "dwell" => (&mut times.dwell, Duration::ZERO),
                    "heal" => (&mut times.heal, Duration::ZERO),
                    _ => (&mut times.up, POSITIVE),
                };
                *place = entry.duration(least)?;
            }
            if times.operation > times.request {
                return Err(table.error(
                    "operation",
                    format!(
                        "one operation may take {:?}, longer than the whole request ({:?})",
                        times.operation, times.request
                    ),
                    "make `operation` shorter or `request` longer",
                ));
            }
        }
        Ok(times)
    }

    fn known(&self, least: u16, more: &[&str]) -> Known {
        let mut names: Vec<String> = PLACEHOLDERS.iter().chain(more).map(|&name| name.to_owned()).collect();
        names.extend((1..=least).map(|number| format!("s{number}")));
        Known { names, least }
    }

    fn template(&self, text: &At<String>, known: &Known) -> Result<Template> {
        let why_not = |name: &str| {
            if known.names.iter().any(|known| known == name) {
                return None;
            }
            if let Some(number) = name.strip_prefix('s').and_then(|digits| digits.parse::<u16>().ok())
                && number > known.least
            {
                let least = known.least;
                return Some(format!("`{{{name}}}` is not always there: it may run with {least} servers"));
            }
            ["key", "value", "from", "client"].contains(&name).then(|| {
                format!("`{{{name}}}` has no meaning here: only a client's operations have it, each its own")
            })
        };
        checked(self.source, text, &known.names, &why_not)
    }

    fn command(&self, entry: &Entry<'_>, known: &Known) -> Result<Vec<Template>> {
        entry.command()?.iter().map(|text| self.template(text, known)).collect()
    }

    fn optional(&self, table: &Table<'_>, key: &str, known: &Known) -> Result<Option<Template>> {
        match table.get(key) {
            Some(entry) => self.template(&entry.text()?, known).map(Some),
            None => Ok(None),
        }
    }

    fn environment(&self, table: &Table<'_>, known: &Known) -> Result<BTreeMap<String, Template>> {
        let mut environment = BTreeMap::new();
        let Some(entry) = table.get("environment") else { return Ok(environment) };
        for (name, value) in entry.any_table()?.all() {
            environment.insert(name.value, self.template(&value.text()?, known)?);
        }
        Ok(environment)
    }

    fn definitions(&self, known: &Known) -> Result<BTreeMap<String, Definition>> {
        let tables = [Some(self.root), self.variant.map(|(_, table)| table)];
        let mut entries: BTreeMap<String, Entry<'a>> = BTreeMap::new();
        for entry in tables.into_iter().flatten().filter_map(|table| table.get("define")) {
            for (key, value) in entry.any_table()?.all() {
                let reserved = ["key", "value", "from", "client"].contains(&key.value.as_str());
                if reserved || known.names.contains(&key.value) {
                    let what = format!("`{{{}}}` has a meaning already", key.value);
                    return Err(self.source.error(key.at, &key.key, what, "choose another name".to_owned()));
                }
                if Template::parse(&format!("{{{}}}", key.value)).placeholders().count() != 1 {
                    let what = format!("`{}` is no name for a placeholder", key.value);
                    let hint = "write small letters, digits and hyphens, a letter first";
                    return Err(self.source.error(key.at, &key.key, what, hint.to_owned()));
                }
                entries.insert(key.value, value);
            }
        }
        let names: Vec<&str> = entries.keys().map(String::as_str).collect();
        let known = self.known(known.least, &names);
        let mut definitions = BTreeMap::new();
        for (name, entry) in &entries {
            let definition = match entry.is_text() {
                true => Definition::Text(self.template(&entry.text()?, &known)?),
                false => {
                    let table = entry.table(&["each", "join", "of"])?;
                    let each =
                        table.need("each", "write what each server contributes, such as \"{ip}:2379\"")?;
                    let join = table.get("join").map(|entry| entry.text()).transpose()?;
                    let others = match table.get("of") {
                        Some(entry) => entry.one_of(&[("servers", false), ("others", true)])?,
                        None => false,
                    };
                    Definition::Each {
                        each: self.template(&each.text()?, &known)?,
                        join: join.map_or_else(|| ",".to_owned(), |join| join.value),
                        others,
                    }
                }
            };
            definitions.insert(name.clone(), definition);
        }
        no_cycle(&definitions, &entries)?;
        Ok(definitions)
    }

    /// Whether an entry is for this variant.
    fn is_meant(&self, table: &Table<'_>) -> Result<bool> {
        let Some(entry) = table.get("when") else { return Ok(true) };
        let wanted = entry.texts()?;
        if wanted.is_empty() {
            return Err(entry.error("this list is empty", "name variants, or leave `when` out"));
        }
        if let Some(unknown) = wanted.iter().find(|wanted| !self.names.contains(&wanted.value)) {
            let hint = match (self.names, nearest(&unknown.value, self.names)) {
                ([], _) => "the file has no [[variant]]: leave `when` out".to_owned(),
                (_, Some(near)) => format!("did you mean `{near}`? There are {}", words(self.names)),
                (names, None) => format!("there are {}", words(names)),
            };
            let what = format!("there is no variant `{}`", unknown.value);
            return Err(self.source.error(unknown.at, &unknown.key, what, hint));
        }
        Ok(self.variant.is_some_and(|(name, _)| wanted.iter().any(|wanted| wanted.value == *name)))
    }

    fn on(&self, table: &Table<'_>, servers: Servers, clients: bool) -> Result<On> {
        let Some(entry) = table.get("on") else { return Ok(On::All) };
        if !entry.is_list() {
            let all =
                [("all", 0), ("first", 1), ("others", 2), ("last", 3), ("clients", 4), ("everywhere", 5)];
            let choices = if clients { &all[..] } else { &all[..4] };
            return Ok(match entry.one_of(choices)? {
                0 => On::All,
                1 => On::First,
                2 => On::Others,
                3 => On::Last,
                4 => On::Clients,
                _ => On::Everywhere,
            });
        }
        let mut numbers = Vec::new();
        for text in entry.texts()? {
            let number = text.value.strip_prefix('s').and_then(|digits| digits.parse::<u16>().ok());
            match number.filter(|number| (1..=servers.most).contains(number)) {
                Some(number) => numbers.push(number),
                None => {
                    let what = format!("there is no server `{}`", text.value);
                    let hint = format!("name servers from \"s1\" to \"s{}\"", servers.most);
                    return Err(self.source.error(text.at, &text.key, what, hint));
                }
            }
        }
        match numbers.is_empty() {
            true => Err(entry.error("this list is empty", "name servers such as \"s1\", or leave `on` out")),
            false => Ok(On::Named(numbers)),
        }
    }

    fn files(&self, known: &Known, servers: Servers) -> Result<Vec<FileEntry>> {
        let Some(entry) = self.root.get("file") else { return Ok(Vec::new()) };
        let mut files = Vec::new();
        for table in entry.tables(&["path", "on", "when", "mode", "content", "from"])? {
            if !self.is_meant(&table)? {
                continue;
            }
            let path =
                table.need("path", "say where it goes in the host's folder, such as \"server.conf\"")?;
            let content = match (table.get("content"), table.get("from")) {
                (Some(content), None) => Content::Template(self.template(&content.text()?, known)?),
                (None, Some(from)) => {
                    let name = inner_path(&from)?;
                    let bytes = (self.beside)(&name).map_err(|error| {
                        from.error(
                            format!("the file `{name}` cannot be read: {error}"),
                            "name a file that lies next to the subject file",
                        )
                    })?;
                    Content::Verbatim(bytes)
                }
                _ => {
                    let what = "a file has either `content` or `from`";
                    let hint = "write its text into `content`, or name a file next to this one in `from`";
                    return Err(table.error("", what, hint));
                }
            };
            let mode = match table.get("mode") {
                Some(entry) => mode(&entry)?,
                None => 0o644,
            };
            files.push(FileEntry {
                path: inner_path(&path)?,
                on: self.on(&table, servers, true)?,
                mode,
                content,
            });
        }
        Ok(files)
    }

    fn steps(&self, known: &Known, servers: Servers, user: User, times: Times) -> Result<Vec<StepEntry>> {
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

    fn leader(&self, known: &Known, user: User) -> Result<Option<CheckEntry>> {
        let Some(entry) = self.root.get("leader") else { return Ok(None) };
        let table = entry.table(&["run", "exit", "contains", "lacks", "user", "environment"])?;
        let run = table.need("run", "write a command that is run on each server: the leader's succeeds")?;
        let user = self.user(&table, user)?;
        let environment = self.environment(&table, known)?;
        self.check(&table, &run, known, user, environment).map(Some)
    }

    fn operations(&self, known: &Known) -> Result<BTreeMap<OperationName, OperationEntry>> {
        let mut operations = BTreeMap::new();
        for name in OperationName::ALL {
            if let Some(entry) = self.root.get(name.key()) {
                operations.insert(name, self.operation(name, &entry, known)?);
            }
        }
        if !operations.contains_key(&OperationName::Read) {
            let hint =
                "add a table [read] with `run`, the command by which a client reads {key}, and `answers`";
            return Err(self.root.error("read", "there is no read operation", hint));
        }
        let writes = [OperationName::WriteOnce, OperationName::Write];
        if !writes.iter().any(|name| operations.contains_key(name)) {
            let hint = "add a table [write-once] (best for the three worlds) or [write]";
            return Err(self.root.error("write-once", "there is no operation that writes", hint));
        }
        Ok(operations)
    }

    fn operation(&self, name: OperationName, entry: &Entry<'_>, known: &Known) -> Result<OperationEntry> {
        let table = entry.table(&["run", "stdin", "environment", "deadline", "answers"])?;
        let mut names = known.names.clone();
        let own: &[&str] = match name {
            OperationName::Read | OperationName::Stored => &["client", "key"],
            OperationName::Write | OperationName::WriteOnce => &["client", "key", "value"],
            OperationName::Cas => &["client", "key", "value", "from"],
        };
        names.extend(own.iter().map(|&name| name.to_owned()));
        let known = Known { names, least: known.least };
        let run = table
            .need("run", "write the command that a client runs, such as [\"client\", \"{ip}\", \"{key}\"]")?;
        let answers_entry = table.need(
            "answers",
            "say what its output means, such as [{ exit = 0, means = \"value\" }]; what no rule matches is unknown",
        )?;
        let mut answers = Vec::new();
        const ANSWER: [&str; 8] =
            ["exit", "stdout", "contains", "stderr-contains", "means", "after", "pointer", "value"];
        for table in answers_entry.tables(&ANSWER)? {
            answers.push(self.answer(name, &table, &known)?);
        }
        let (wanted, word) = match name {
            OperationName::Read | OperationName::Stored => (Means::Value, "value"),
            _ => (Means::Done, "done"),
        };
        if !answers.iter().any(|answer| answer.means == wanted) {
            return Err(answers_entry.error(
                "no answer counts as a success",
                format!("add a rule such as {{ exit = 0, means = \"{word}\" }}"),
            ));
        }
        Ok(OperationEntry {
            run: self.command(&run, &known)?,
            stdin: self.optional(&table, "stdin", &known)?,
            environment: self.environment(&table, &known)?,
            deadline: match table.get("deadline") {
                Some(entry) => Some(entry.duration(Duration::from_millis(100))?),
                None => None,
            },
            answers,
        })
    }

    fn answer(&self, name: OperationName, table: &Table<'_>, known: &Known) -> Result<AnswerEntry> {
        let all = [
            ("value", Means::Value),
            ("absent", Means::Absent),
            ("done", Means::Done),
            ("taken", Means::Taken),
            ("refused", Means::Refused),
            ("unknown", Means::Unknown),
        ];
        let fits = |means: Means| match name {
            OperationName::Read | OperationName::Stored => !matches!(means, Means::Done | Means::Taken),
            OperationName::WriteOnce => !matches!(means, Means::Value | Means::Absent),
            OperationName::Write => matches!(means, Means::Done | Means::Refused | Means::Unknown),
            OperationName::Cas => means != Means::Value,
        };
        let choices: Vec<_> = all.into_iter().filter(|(_, means)| fits(*means)).collect();
        let means =
            table.need("means", "say what this answer means, such as means = \"done\"")?.one_of(&choices)?;
        let exit = match table.get("exit") {
            Some(entry) if entry.is_list() => {
                return Err(entry.error("a rule has one exit status", "write a rule for each: exit = 1"));
            }
            Some(entry) => Some(entry.whole(0..=255)?.value as i32),
            None if matches!(means, Means::Refused | Means::Unknown) => None,
            None => Some(0),
        };
        let [stdout, contains, stderr_contains] =
            ["stdout", "contains", "stderr-contains"].map(|key| self.optional(table, key, known));
        let (stdout, contains, stderr_contains) = (stdout?, contains?, stderr_contains?);
        if means == Means::Refused
            && exit.is_none()
            && stdout.is_none()
            && contains.is_none()
            && stderr_contains.is_none()
        {
            return Err(table.error(
                "means",
                "everything would be `refused`, which says that it certainly was not done",
                "add a condition: `exit`, `stdout`, `contains` or `stderr-contains`; without a rule it is unknown",
            ));
        }
        let places = ["after", "pointer", "value"].map(|key| table.get(key));
        if places.iter().flatten().count() > 1 {
            return Err(table.error(
                "",
                "a value is read from one place",
                "keep one of `after`, `pointer`, `value`",
            ));
        }
        if let Some(entry) = places.iter().flatten().next()
            && !matches!(means, Means::Value | Means::Taken)
        {
            return Err(
                entry.error("this answer has no value", "only `value` and `taken` have one: leave it out")
            );
        }
        let value = match &places {
            [Some(after), _, _] => ValueAt::After(self.template(&after.text()?, known)?),
            [_, Some(pointer), _] => {
                let text = pointer.text()?.value;
                if !text.starts_with('/') {
                    return Err(pointer.error(
                        format!("`{text}` is no JSON pointer"),
                        "it begins with /, such as \"/kvs/0/value\"",
                    ));
                }
                ValueAt::Pointer(text)
            }
            [_, _, Some(value)] => value.one_of(&[("stdout", ())]).map(|()| ValueAt::Stdout)?,
            _ if means == Means::Value => ValueAt::Stdout,
            _ => ValueAt::Nowhere,
        };
        Ok(AnswerEntry { exit, stdout, contains, stderr_contains, means, value })
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

/// A path that stays in its folder.
fn inner_path(entry: &Entry<'_>) -> Result<String> {
    let path = entry.words()?.value;
    let leaves = path.starts_with('/')
        || path.split('/').any(|part| part.is_empty() || part == "." || part == "..")
        || path.contains(['\0', '\\']);
    match leaves {
        true => Err(entry.error(
            format!("`{path}` leaves the folder"),
            "write a path without a leading /, without `.` and `..`, such as \"conf/server.conf\"",
        )),
        false => Ok(path),
    }
}

fn mode(entry: &Entry<'_>) -> Result<u32> {
    let text =
        entry.text().map_err(|_| entry.error("this is no text", "write it in quotation marks: \"755\""))?;
    match u32::from_str_radix(&text.value, 8) {
        Ok(mode) if (0o400..=0o777).contains(&mode) && text.value.len() == 3 => Ok(mode),
        _ => Err(entry.error(
            format!("`{}` are no permission bits", text.value),
            "write three octal digits, such as \"600\" or \"755\"",
        )),
    }
}

/// Definitions may use each other, but not themselves.
fn no_cycle(definitions: &BTreeMap<String, Definition>, entries: &BTreeMap<String, Entry<'_>>) -> Result<()> {
    fn visit<'d>(
        name: &'d str,
        definitions: &'d BTreeMap<String, Definition>,
        path: &mut Vec<&'d str>,
        done: &mut Vec<&'d str>,
    ) -> Option<Vec<&'d str>> {
        if done.contains(&name) {
            return None;
        }
        if let Some(start) = path.iter().position(|one| *one == name) {
            return Some([&path[start..], &[name]].concat());
        }
        let (Definition::Text(template) | Definition::Each { each: template, .. }) = definitions.get(name)?;
        path.push(name);
        let cycle = template.placeholders().find_map(|next| visit(next, definitions, path, done));
        path.pop();
        done.push(name);
        cycle
    }
    let mut done = Vec::new();
    for name in definitions.keys() {
        if let Some(cycle) = visit(name, definitions, &mut Vec::new(), &mut done) {
            let shown: Vec<String> = cycle.iter().map(|name| format!("{{{name}}}")).collect();
            return Err(entries[cycle[0]].error(
                format!("its text would contain itself: {}", shown.join(" -> ")),
                "let one of them be without the others",
            ));
        }
    }
    Ok(())
}
