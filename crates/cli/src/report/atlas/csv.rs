use threeworlds_engine::Verified;

use super::{Evidence, Made, because, evidence, origin, verified};
use crate::report::json;

/// The map as CSV (RFC 4180, lines end in a newline): a line for each cell, in the order of the range.
pub(crate) fn table(made: &Made<'_>) -> String {
    const COLUMNS: [&str; 16] = [
        "timing",
        "servers",
        "faults",
        "server_faults",
        "client_faults",
        "verdict",
        "basis",
        "from",
        "because",
        "verified",
        "worlds",
        "epochs",
        "protocol",
        "states",
        "searched",
        "known",
    ];
    let mut text = COLUMNS.join(",");
    text.push('\n');
    for entry in &made.atlas.entries {
        let (cell, origin) = (&entry.cell, origin(made.atlas, entry));
        let [mut worlds, mut epochs, mut protocol, mut states, mut searched] = [const { String::new() }; 5];
        match evidence(made.atlas, entry) {
            Evidence::Proof(certificate) => {
                worlds = certificate.worlds.len().to_string();
                epochs = certificate.worlds[0].phases.len().to_string();
            }
            Evidence::Protocol(name, verified) => {
                protocol = name.to_string();
                if let Verified::Exactly(checked) = verified {
                    states = checked.states.to_string();
                }
            }
            Evidence::Nothing(Some(far)) => {
                searched = format!("{} groups {} epochs", far.groups, far.epochs);
                if let Some(reason) = far.stopped {
                    searched += &format!(" ({})", json::reason(reason));
                }
            }
            Evidence::Nothing(None) => {}
        }
        let known = (made.notes)(cell).filter(|_| super::json::is_unknown(entry));
        let fields = [
            cell.timing.to_string(),
            cell.servers.to_string(),
            cell.faults.to_string(),
            cell.server_faults.to_string(),
            cell.client_faults.to_string(),
            entry.verdict.name().to_owned(),
            super::json::basis(entry).to_owned(),
            origin.map(|(from, _)| from.to_string()).unwrap_or_default(),
            origin.map(|(from, how)| because(entry.verdict, cell, from, how)).unwrap_or_default(),
            verified(made.atlas, entry).unwrap_or_default().to_owned(),
            worlds,
            epochs,
            protocol,
            states,
            searched,
            known.unwrap_or_default().to_owned(),
        ];
        text += &fields.map(|field| quoted(&field)).join(",");
        text.push('\n');
    }
    text
}

/// A field, in quotation marks where it needs them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field.to_owned()
}
