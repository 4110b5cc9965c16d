//! Tables of a subject file, read with their places, so that whatever is wrong is named with file, line and
//! key. It knows TOML and types, and nothing of what a subject is.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::SubjectError;

/// A file that is being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// What it is called in messages.
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl<'a> Source<'a> {
    pub(super) fn error(&self, at: usize, key: &str, what: String, hint: String) -> SubjectError {
        SubjectError { file: self.name.to_owned(), line: self.line(at), key: key.to_owned(), what, hint }
    }

    fn line(&self, at: usize) -> usize {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        before.iter().filter(|&&byte| byte == b'\n').count() + 1
    }

    /// The outermost table.
    pub(super) fn parse(self) -> Result<Spanned<DeTable<'a>>, SubjectError> {
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let what = format!("this is not TOML: {}", error.message());
            self.error(
                at,
                "",
                what,
                "see https://toml.io for how texts, lists and tables are written".to_owned(),
            )
        })
    }
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    /// Where it begins, in bytes.
    pub(super) at: usize,
    /// Its key with all tables that it is in, such as `read.run`.
    pub(super) key: String,
}

/// A table with its place.
#[derive(Debug, Clone)]
pub(super) struct Table<'a> {
    source: Source<'a>,
    key: String,
    at: usize,
    entries: &'a DeTable<'a>,
}

/// A key's value, of whatever type.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    source: Source<'a>,
    key: String,
    at: usize,
    value: &'a DeValue<'a>,
}

impl<'a> Table<'a> {
    /// The outermost table; only its keys `known` are allowed.
    pub(super) fn root(
        source: Source<'a>,
        entries: &'a DeTable<'a>,
        known: &[&str],
    ) -> Result<Self, SubjectError> {
        Table { source, key: String::new(), at: 0, entries }.knows(known)
    }

    fn knows(self, known: &[&str]) -> Result<Self, SubjectError> {
        let unknown = self
            .entries
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        let Some(unknown) = unknown else { return Ok(self) };
        let name = unknown.get_ref().as_ref();
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`? Allowed here: {}", words(known)),
            None => format!("allowed here: {}", words(known)),
        };
        Err(self.source.error(
            unknown.span().start,
            &self.within(name),
            "there is no such key".to_owned(),
            hint,
        ))
    }

    fn within(&self, key: &str) -> String {
        if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) }
    }

    /// The table itself, to say that something is wrong with it.
    pub(super) fn error(&self, key: &str, what: impl Into<String>, hint: impl Into<String>) -> SubjectError {
        let key = if key.is_empty() { self.key.clone() } else { self.within(key) };
        self.source.error(self.at, &key, what.into(), hint.into())
    }

    /// A key that may be left out.
    pub(super) fn get(&self, key: &str) -> Option<Entry<'a>> {
        let value = self.entries.get(key)?;
        Some(Entry {
            source: self.source,
            key: self.within(key),
            at: value.span().start,
            value: value.get_ref(),
        })
    }

    /// A key that must be there; `hint` says what belongs there.
    pub(super) fn need(&self, key: &str, hint: &str) -> Result<Entry<'a>, SubjectError> {
        self.get(key).ok_or_else(|| self.error(key, "this key is missing", hint))
    }

    /// All keys with their values, in the order of the file.
    pub(super) fn all(&self) -> Vec<(At<String>, Entry<'a>)> {
        let mut all: Vec<_> = self
            .entries
            .iter()
            .map(|(key, value)| {
                let name = key.get_ref().to_string();
                let path = self.within(&name);
                let entry = Entry {
                    source: self.source,
                    key: path.clone(),
                    at: value.span().start,
                    value: value.get_ref(),
                };
                (At { value: name, at: key.span().start, key: path }, entry)
            })
            .collect();
        all.sort_by_key(|(key, _)| key.at);
        all
    }
}

impl<'a> Entry<'a> {
    pub(super) fn error(&self, what: impl Into<String>, hint: impl Into<String>) -> SubjectError {
        self.source.error(self.at, &self.key, what.into(), hint.into())
    }

    fn wrong_type(&self, wanted: &str) -> SubjectError {
        let found = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(format!("{found} stands here"), format!("write {wanted}"))
    }

    pub(super) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    fn at<T>(&self, value: T) -> At<T> {
        At { value, at: self.at, key: self.key.clone() }
    }

    /// A text.
    pub(super) fn text(&self) -> Result<At<String>, SubjectError> {
        match self.value.as_str() {
            Some(text) => Ok(self.at(text.to_owned())),
            None => Err(self.wrong_type("a text in quotation marks")),
        }
    }

    /// A text that is not empty.
    pub(super) fn words(&self) -> Result<At<String>, SubjectError> {
        let text = self.text()?;
        match text.value.trim().is_empty() {
            false => Ok(text),
            true => Err(self.error("this text is empty", "write at least a word")),
        }
    }

    fn items(&self, wanted: &str) -> Result<Vec<Entry<'a>>, SubjectError> {
        let array = self.value.as_array().ok_or_else(|| self.wrong_type(wanted))?;
        let item = |(number, value): (usize, &'a Spanned<DeValue<'a>>)| Entry {
            source: self.source,
            key: format!("{}[{number}]", self.key),
            at: value.span().start,
            value: value.get_ref(),
        };
        Ok((1..).zip(array.iter()).map(item).collect())
    }

    /// A list of texts.
    pub(super) fn texts(&self) -> Result<Vec<At<String>>, SubjectError> {
        self.items("a list of texts, such as [\"a\", \"b\"]")?.iter().map(Entry::text).collect()
    }

    /// A program and its arguments.
    pub(super) fn command(&self) -> Result<Vec<At<String>>, SubjectError> {
        if let Some(line) = self.value.as_str() {
            let first = line.split_whitespace().next().unwrap_or("program");
            return Err(self.error(
                "a command is a list: the program, then each argument",
                format!("write [\"{first}\", ...]; for a line of the shell [\"sh\", \"-c\", \"...\"]"),
            ));
        }
        let command =
            self.items("a list: the program, then each argument, such as [\"etcd\", \"--version\"]")?;
        let command = command.iter().map(Entry::text).collect::<Result<Vec<_>, _>>()?;
        match command.first() {
            Some(program) if !program.value.trim().is_empty() => Ok(command),
            _ => Err(self.error("this command names no program", "write [\"program\", \"argument\", ...]")),
        }
    }

    /// A whole number of a range.
    pub(super) fn whole(&self, range: RangeInclusive<i64>) -> Result<At<i64>, SubjectError> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let integer = self.value.as_integer().ok_or_else(|| self.wrong_type(&wanted))?;
        match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if range.contains(&number) => Ok(self.at(number)),
            _ => Err(self.error(format!("{} is out of range", integer.as_str()), format!("write {wanted}"))),
        }
    }

    /// A length of time such as `"500ms"`, `"3s"` or `"2min"`, at most an hour.
    pub(super) fn duration(&self, least: Duration) -> Result<Duration, SubjectError> {
        const HINT: &str =
            "write a number with its unit in quotation marks, such as \"500ms\", \"3s\" or \"2min\"";
        let Some(text) = self.value.as_str() else {
            return Err(self.wrong_type(HINT.strip_prefix("write ").unwrap_or(HINT)));
        };
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let unit = match text[digits..].trim() {
            "ms" => Some(1),
            "s" => Some(1000),
            "min" => Some(60_000),
            _ => None,
        };
        let (Ok(number), Some(unit)) = (text[..digits].parse::<u64>(), unit) else {
            return Err(self.error(format!("`{text}` is no length of time"), HINT));
        };
        let duration = Duration::from_millis(number.saturating_mul(unit));
        match (least..=Duration::from_secs(3600)).contains(&duration) {
            true => Ok(duration),
            false => Err(self.error(
                format!("`{text}` is out of range"),
                format!("write at least {} ms and at most an hour (60min)", least.as_millis()),
            )),
        }
    }

    /// A table with these keys only.
    pub(super) fn table(&self, known: &[&str]) -> Result<Table<'a>, SubjectError> {
        self.any_table()?.knows(known)
    }

    /// A table with any keys.
    pub(super) fn any_table(&self) -> Result<Table<'a>, SubjectError> {
        let entries = self.value.as_table().ok_or_else(|| self.wrong_type("a table"))?;
        Ok(Table { source: self.source, key: self.key.clone(), at: self.at, entries })
    }

    /// A list of tables with these keys only.
    pub(super) fn tables(&self, known: &[&str]) -> Result<Vec<Table<'a>>, SubjectError> {
        let name = self.key.rsplit('.').next().unwrap_or(&self.key);
        let wanted = format!("tables, each under a heading [[{name}]], or as a list [{{ ... }}, {{ ... }}]");
        self.items(&wanted)?.iter().map(|item| item.table(known)).collect()
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, SubjectError> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let text = self.text().map_err(|_| self.wrong_type(&format!("one of {}", quoted(&names))))?;
        match choices.iter().find(|(name, _)| *name == text.value) {
            Some((_, value)) => Ok(*value),
            None => Err(self.error(
                format!("`{}` is not known here", text.value),
                format!("write one of {}", quoted(&names)),
            )),
        }
    }
}

/// `a`, `b` and so on.
pub(super) fn words<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// The name that was probably meant, if one is near.
pub(super) fn nearest<'n, T: AsRef<str>>(name: &str, known: &'n [T]) -> Option<&'n str> {
    let distance = |other: &T| (edits(name, other.as_ref()), other.as_ref().to_owned());
    let near = known.iter().min_by_key(|other| distance(other))?.as_ref();
    (edits(name, near) <= near.chars().count().max(3) / 3).then_some(near)
}

/// How many letters have to be inserted, removed or replaced (Wagner and Fischer 1974).
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in (1..).zip(one.chars()) {
        let mut diagonal = std::mem::replace(&mut row[0], above);
        for (column, &with) in (1..).zip(&other) {
            let replaced = diagonal + usize::from(letter != with);
            diagonal = row[column];
            row[column] = replaced.min(diagonal + 1).min(row[column - 1] + 1);
        }
    }
    row[other.len()]
}
