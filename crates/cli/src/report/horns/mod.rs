//! The table of horns, put into words: for a terminal, as JSON, as a page, as files.

mod json;
mod page;
#[cfg(test)]
mod tests;
mod text;
mod words;

use std::path::Path;

use anyhow::{Context, Result};

use crate::attack::horns::HornTable;

pub(crate) use json::json;
pub(crate) use page::page;
pub(crate) use text::text;

/// Writes what was played: a folder for each system, and in it for each world the plan, the journal, the history
/// and the diagram.
pub(crate) fn save(table: &HornTable, folder: &Path) -> Result<()> {
    for (row, played) in table.played() {
        let folder = folder.join(row.subject.name().replace(':', "-"));
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        for (world, tried) in played.tried() {
            let name = format!("world-{}", world.name().to_ascii_lowercase());
            super::attack::save_run(&folder, &name, &tried.derived.plan, &tried.played, &tried.judged)?;
        }
    }
    Ok(())
}
