use serde_json::Value;
use threeworlds_attack::{Horn, InWorld, Stored, World};
use threeworlds_diagram::Tone;
use threeworlds_diagram::overview::{Cell, Line, Overview, Panel, Table};
use threeworlds_diagram::timeline::Sheet;

use super::words;
use crate::attack::horns::{HornTable, Outcome, PlayedWorlds, Row};

/// The table as one page that needs no network: every cell opens the worlds of its system.
pub(crate) fn page(table: &HornTable, json: &Value) -> String {
    let columns = ["A", "B", "C", "after healing (C)", "horn"].map(str::to_owned).to_vec();
    let mut notes: Vec<String> = table
        .played()
        .filter_map(|(_, played)| played.cluster.as_ref())
        .flat_map(|cluster| cluster.notes.iter().map(|note| format!("{note}.")))
        .collect();
    notes.sort();
    notes.dedup();
    let legend = [words::LEGEND.to_owned()].into_iter().chain(notes).collect();
    let rows = table.rows.iter().map(|row| (row.subject.name(), cells(row))).collect();
    let panels = table.rows.iter().map(|row| panel(table, row)).collect();
    threeworlds_diagram::overview::html(&Overview {
        title: "Which horn does each system take?".to_owned(),
        verdict: counts(table),
        paragraphs: vec![
            format!("{} {}", words::worlds(table), "Click on a cell for what happened, world by world."),
            "Deadlines decide: a client that was told nothing by then counts as not answered, and with other deadlines \
             the table may be another. No answer does not mean that nothing was done."
                .to_owned(),
        ],
        axes: ["system".to_owned(), words::question(table)],
        legend,
        tables: vec![Table { heading: "Worlds A, B and C".to_owned(), text: String::new(), columns, rows }],
        panels,
        json: crate::report::json::text(json),
    })
}

/// How many systems take which horn, in a line.
fn counts(table: &HornTable) -> String {
    let of = |name: &str| table.played().filter(|(_, played)| played.horns.horn.name() == name).count();
    let counted = [
        (of("safety"), "safety"),
        (of("liveness"), "liveness"),
        (of("neither"), "neither"),
        (of("unknown"), "unknown"),
        (table.rows.len() - table.played().count(), "not played"),
    ];
    let some = counted.iter().filter(|(number, _)| *number > 0);
    let words: Vec<String> = some.map(|(number, what)| format!("{what} {number}")).collect();
    words.join(", ")
}

fn tone(horn: &Horn) -> Tone {
    match horn {
        Horn::Safety { .. } | Horn::Liveness { .. } => Tone::Bad,
        Horn::Neither => Tone::Good,
        Horn::Unknown(_) => Tone::Unknown,
    }
}

fn cells(row: &Row) -> Vec<Cell> {
    let opens = name(row);
    let cell =
        |text: String, tone: Option<Tone>| Cell { text, detail: String::new(), tone, opens: opens.clone() };
    match &row.outcome {
        Outcome::Played(played) => {
            let mut cells: Vec<Cell> =
                [World::A, World::B, World::C].map(|world| cell(words::cell(played, world), None)).to_vec();
            cells.push(cell(words::healed_in(played, World::C), None));
            cells.push(cell(played.horns.horn.name().to_owned(), Some(tone(&played.horns.horn))));
            cells
        }
        Outcome::Missing(_) => vec![cell("not installed".to_owned(), Some(Tone::Unknown))],
        Outcome::NotPlayed(_) => vec![cell("not played".to_owned(), Some(Tone::Unknown))],
    }
}

fn panel<'a>(table: &HornTable, row: &Row) -> Panel<'a> {
    let mut panel = Panel {
        name: name(row),
        heading: row.subject.name(),
        summary: format!("{}. To play it again: {}", row.subject.description, words::again(table, row)),
        ..Panel::default()
    };
    match &row.outcome {
        Outcome::Played(played) => played_panel(row, played, &mut panel),
        _ => {
            panel.summary =
                format!("{}: {}.", row.subject.description, words::not_played(row).unwrap_or_default())
        }
    }
    panel
}

fn played_panel(row: &Row, played: &PlayedWorlds, panel: &mut Panel<'_>) {
    let horn = &played.horns.horn;
    panel.columns =
        ["world", "told while links are cut", "after healing", "server by server", "what is wrong"]
            .map(str::to_owned)
            .to_vec();
    panel.rows = played.horns.worlds.iter().map(|world| line(played, world)).collect();
    panel.sentences = vec![format!("Horn: {}; {}.", horn.name(), words::why(played))];
    let more = words::lost(played).into_iter().chain(words::gaps(played));
    panel.sentences.extend(more.map(|one| format!("{one}.")));
    if let Some(cluster) = &played.cluster {
        panel.sentences.push(format!(
            "{}; a request is given up after {} s; {}.",
            cluster.version,
            row.deadline,
            cluster.waits()
        ));
    }
    panel.timelines = played
        .tried()
        .map(|(_, tried)| {
            Sheet::from(crate::report::attack::timeline::of_run(
                &tried.derived.plan,
                &tried.played,
                &tried.judged,
            ))
        })
        .collect();
}

fn line(played: &PlayedWorlds, world: &InWorld) -> Line {
    let servers = world.healed.servers.iter().map(|(server, stored)| match stored {
        Stored::Value(value) => format!("{server}: {}", words::value(world, value)),
        Stored::Unknown(why) => format!("{server}: ? ({why})"),
    });
    Line {
        tone: match (&world.wrong, &world.doubt) {
            (Some(_), _) => Tone::Bad,
            (None, Some(_)) => Tone::Unknown,
            (None, None) => Tone::Good,
        },
        columns: vec![
            world.world.name().to_owned(),
            words::cell(played, world.world),
            words::healed(world),
            servers.collect::<Vec<_>>().join("; "),
            world.wrong.clone().or_else(|| world.doubt.clone()).unwrap_or_default(),
        ],
        link: None,
    }
}

fn name(row: &Row) -> String {
    row.subject.name().replace(':', "-")
}
