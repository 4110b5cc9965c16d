//! A page of tables in which every cell opens its evidence: an argument with its worlds, or words. It is one
//! file that opens without a network and runs no script: a cell is a link, and what it leads to is shown
//! because it is the page's target.

use std::fmt::Write;

use threeworlds_certificate::Certificate;

use crate::html::{END, Tone, on_demand, start};
use crate::svg::escape;
use crate::timeline::Sheet;

/// The page.
#[derive(Debug, Clone, Default)]
pub struct Overview<'a> {
    /// Its title.
    pub title: String,
    /// The result in a line.
    pub verdict: String,
    /// What to know before reading it, paragraph by paragraph.
    pub paragraphs: Vec<String>,
    /// What the tables' rows and columns are.
    pub axes: [String; 2],
    /// Under the tables, what their marks mean.
    pub legend: Vec<String>,
    /// The tables, one after the other.
    pub tables: Vec<Table>,
    /// What the cells open; the first is shown as long as none is chosen.
    pub panels: Vec<Panel<'a>>,
    /// The result as JSON text, shown on demand; none if it is empty.
    pub json: String,
}

/// A table of cells.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// What it is about.
    pub heading: String,
    /// More about it, in a line; none if it is empty.
    pub text: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows: a name, and a cell for each column.
    pub rows: Vec<(String, Vec<Cell>)>,
}

/// A cell that opens a panel.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// A smaller line below; none if it is empty.
    pub detail: String,
    /// Whether that is good or bad news; `None` for news of both kinds.
    pub tone: Option<Tone>,
    /// The panel's name: letters, digits and hyphens.
    pub opens: String,
}

/// Evidence that a cell opens.
#[derive(Debug, Clone, Default)]
pub struct Panel<'a> {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub heading: String,
    /// The result in a line.
    pub summary: String,
    /// Names of the columns of its list.
    pub columns: Vec<String>,
    /// Its list: a sign, and the other columns; a last one may be a link to a panel.
    pub rows: Vec<Line>,
    /// What more there is to say, paragraph by paragraph.
    pub sentences: Vec<String>,
    /// Runs, drawn one below the other.
    pub timelines: Vec<Sheet>,
    /// Proofs, drawn with their arguments.
    pub proofs: Vec<PanelProof<'a>>,
}

/// A line of a panel's list.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// Whether it is good or bad news.
    pub tone: Tone,
    /// The columns.
    pub columns: Vec<String>,
    /// A panel with more about it, and what to call that.
    pub link: Option<(String, String)>,
}

/// A proof in a panel.
#[derive(Debug, Clone)]
pub struct PanelProof<'a> {
    /// What it proves.
    pub heading: String,
    /// The argument, a sentence for each step.
    pub sentences: Vec<String>,
    /// The worlds.
    pub certificate: &'a Certificate,
}

/// The overview as one HTML file.
pub fn html(overview: &Overview<'_>) -> String {
    let mut out = start(&overview.title, &overview.verdict, Tone::Unknown)
        .replacen("</style>", &format!("{STYLE}</style>"), 1)
        .replacen(
            "<p class=\"verdict unknown\"><span aria-hidden=\"true\">?</span> ",
            "<p class=\"counts\">",
            1,
        );
    // Writing to a String cannot fail.
    for paragraph in &overview.paragraphs {
        let _ = writeln!(out, "<p>{}</p>", escape(paragraph));
    }
    out.push_str("<div class=\"maps\" id=\"map\">\n");
    for table in &overview.tables {
        draw_table(table, &overview.axes, &mut out);
    }
    out.push_str("</div>\n");
    for line in &overview.legend {
        let _ = writeln!(out, "<p class=\"legend\">{}</p>", escape(line));
    }
    out.push_str("<div class=\"panels\">\n");
    for panel in &overview.panels {
        draw_panel(panel, &mut out);
    }
    out.push_str("</div>\n");
    on_demand("The result as JSON", &overview.json, &mut out);
    out.push_str(END);
    out
}

fn tone_class(tone: Option<Tone>) -> &'static str {
    match tone {
        Some(Tone::Good) => "good",
        Some(Tone::Bad) => "bad",
        Some(Tone::Unknown) => "unknown",
        None => "mixed",
    }
}

fn draw_table(table: &Table, axes: &[String; 2], out: &mut String) {
    let Table { heading, text, columns, rows } = table;
    let _ = writeln!(out, "<section>\n<h2>{}</h2>", escape(heading));
    if !text.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", escape(text));
    }
    let _ = writeln!(
        out,
        "<div class=\"wide\"><table class=\"map\">\n<thead>\n<tr><td></td><th scope=\"colgroup\" colspan=\"{}\">{}</th></tr>",
        columns.len(),
        escape(&axes[1])
    );
    let _ = write!(out, "<tr><th scope=\"col\">{}</th>", escape(&axes[0]));
    for column in columns {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escape(column));
    }
    out.push_str("</tr>\n</thead>\n<tbody>\n");
    for (name, cells) in rows {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(name));
        for cell in cells {
            let detail = if cell.detail.is_empty() {
                String::new()
            } else {
                format!("<small>{}</small>", escape(&cell.detail))
            };
            let _ = write!(
                out,
                "<td><a class=\"{}\" href=\"#{}\"><b>{}</b>{detail}</a></td>",
                tone_class(cell.tone),
                escape(&cell.opens),
                escape(&cell.text)
            );
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn draw_panel(panel: &Panel<'_>, out: &mut String) {
    let _ = writeln!(
        out,
        "<section class=\"panel\" id=\"{}\">\n<h2>{}</h2>\n<p>{} <a href=\"#map\">Back to the map</a></p>",
        escape(&panel.name),
        escape(&panel.heading),
        escape(&panel.summary)
    );
    if !panel.rows.is_empty() {
        out.push_str("<div class=\"wide\"><table>\n<thead><tr>");
        for column in &panel.columns {
            let _ = write!(out, "<th scope=\"col\">{}</th>", escape(column));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for line in &panel.rows {
            let sign = match line.tone {
                Tone::Good => "✓",
                Tone::Bad => "✗",
                Tone::Unknown => "?",
            };
            out.push_str("<tr>");
            for (position, column) in line.columns.iter().enumerate() {
                let sign = if position == 0 {
                    format!(
                        "<span class=\"sign {}\" aria-hidden=\"true\">{sign}</span> ",
                        tone_class(Some(line.tone))
                    )
                } else {
                    String::new()
                };
                let link = match &line.link {
                    Some((to, text)) if position + 1 == line.columns.len() => {
                        format!(" <a href=\"#{}\">{}</a>", escape(to), escape(text))
                    }
                    _ => String::new(),
                };
                let _ = write!(out, "<td>{sign}{}{link}</td>", escape(column));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody>\n</table></div>\n");
    }
    for sentence in &panel.sentences {
        let _ = writeln!(out, "<p>{}</p>", escape(sentence));
    }
    for sheet in &panel.timelines {
        crate::timeline::section(sheet, out);
    }
    for proof in &panel.proofs {
        let _ = writeln!(
            out,
            "<h3>{}</h3>\n{}<ol>",
            escape(&proof.heading),
            crate::worlds::html_figure(proof.certificate)
        );
        for sentence in &proof.sentences {
            let _ = writeln!(out, "<li>{}</li>", escape(sentence));
        }
        out.push_str("</ol>\n");
        on_demand("The certificate", &proof.certificate.text(), out);
    }
    out.push_str("</section>\n");
}

const STYLE: &str = "\
.counts { font-size: 18px; font-weight: bold; }
.maps { display: flex; flex-wrap: wrap; gap: 8px 40px; }
.maps h2 { margin: 20px 0 0; }
table.map { border-collapse: separate; border-spacing: 3px; height: 1px; }
table.map th, table.map td { border: 0; padding: 0 8px 0 0; vertical-align: middle; }
table.map td { padding: 0; height: 100%; }
.panel td:first-child { white-space: nowrap; }
table.map thead th { padding: 2px 8px; width: 122px; white-space: normal; overflow-wrap: normal; vertical-align: bottom; }
table.map thead th:first-child { width: 190px; }
table.map a { display: block; width: 122px; height: 100%; min-height: 46px; padding: 5px 10px; border-left: 5px solid; border-radius: 3px; text-decoration: none; }
table.map a.mixed { border-color: #2f6f9f; background: #e8f1f8; color: #17405f; }
table.map a:hover { outline: 2px solid #1f2933; }
table.map small { display: block; font-size: 12px; line-height: 1.3; }
.legend { font-size: 14px; color: #3e4c59; }
.sign { display: inline-block; min-width: 1.4em; padding: 0 4px; border-left: 4px solid; font-weight: bold; }
.panel { display: none; margin-top: 28px; padding: 4px 24px 20px; border: 1px solid #cbd2d9; border-radius: 8px; }
.panel h2 { margin-top: 16px; }
.panel h3 { font-size: 16px; margin: 28px 0 4px; }
.panel ol { max-width: 46em; }
.panel:target { display: block; }
.panels:not(:has(.panel:target)) .panel:first-child { display: block; }
@media print { .panel { border: 0; padding: 0; } }
";
