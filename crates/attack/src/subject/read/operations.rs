//! What clients run, and what its end means.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Known, Reader, Result};
use crate::subject::entry::{AnswerEntry, Means, OperationEntry, OperationName, ValueAt};
use crate::subject::table::{Entry, Table};

impl Reader<'_, '_> {
    pub(super) fn operations(&self, known: &Known) -> Result<BTreeMap<OperationName, OperationEntry>> {
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
