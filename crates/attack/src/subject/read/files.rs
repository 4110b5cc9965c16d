//! What is written to hosts before anything is started.

use super::{Known, Reader, Result};
use crate::subject::Servers;
use crate::subject::entry::{Content, FileEntry};
use crate::subject::table::Entry;

impl Reader<'_, '_> {
    pub(super) fn files(&self, known: &Known, servers: Servers) -> Result<Vec<FileEntry>> {
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
