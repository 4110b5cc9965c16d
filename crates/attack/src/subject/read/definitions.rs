//! Names for texts, which may use each other but not themselves.

use std::collections::BTreeMap;

use super::{Known, Reader, Result};
use crate::subject::entry::Definition;
use crate::subject::table::Entry;
use crate::subject::template::Template;

impl<'a> Reader<'a, '_> {
    pub(super) fn definitions(&self, known: &Known) -> Result<BTreeMap<String, Definition>> {
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
