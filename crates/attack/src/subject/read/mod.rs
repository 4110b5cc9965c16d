//! Reads a subject file. Each variant is read on its own, so that its placeholders are checked against what it
//! defines; the first mistake is the answer.

mod definitions;
mod files;
mod operations;
mod steps;

use std::collections::BTreeMap;
use std::time::Duration;

use super::entry::On;
use super::site::PLACEHOLDERS;
use super::table::{At, Entry, Source, Table, nearest, words};
use super::template::{Template, checked};
use super::{SUBJECT_FORMAT, Servers, Subject, SubjectError, SubjectFile, Times};
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
}
