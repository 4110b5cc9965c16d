//! A proof as one page.

use std::fmt::Write;

use threeworlds_certificate::Certificate;

use crate::html::{END, Tone, on_demand, start, table};
use crate::svg::escape;

/// A certificate and what a page says of it.
#[derive(Debug, Clone)]
pub struct Proof<'a> {
    /// The title of the page.
    pub title: String,
    /// The verdict in a line.
    pub verdict: String,
    /// Whether that is good or bad news.
    pub tone: Tone,
    /// The question and the results: what, and its value.
    pub rows: Vec<(String, String)>,
    /// Explanation before the drawing, paragraph by paragraph.
    pub paragraphs: Vec<String>,
    /// The argument, a sentence for each step; they are numbered.
    pub sentences: Vec<String>,
    /// What is drawn, and can be read and saved as JSON.
    pub certificate: &'a Certificate,
    /// The result as JSON text, shown on demand; none if it is empty.
    pub json: String,
}

/// The proof as one HTML file that opens without a network and runs no script: the worlds, the argument,
/// and the certificate to save.
pub fn html(proof: &Proof<'_>) -> String {
    let mut out = start(&proof.title, &proof.verdict, proof.tone);
    // Writing to a String cannot fail.
    for paragraph in &proof.paragraphs {
        let _ = writeln!(out, "<p>{}</p>", escape(paragraph));
    }
    let _ =
        writeln!(out, "<section>\n<h2>The worlds</h2>\n{}</section>", super::html_figure(proof.certificate));
    if !proof.sentences.is_empty() {
        out.push_str("<section>\n<h2>The argument</h2>\n<ol style=\"max-width: 46em\">\n");
        for sentence in &proof.sentences {
            let _ = writeln!(out, "<li>{}</li>", escape(sentence));
        }
        out.push_str("</ol>\n</section>\n");
    }
    table(&proof.rows, &mut out);
    let text = proof.certificate.text();
    let _ = writeln!(
        out,
        "<p><a download=\"certificate.json\" href=\"data:application/json,{}\">Save the certificate</a></p>",
        percent(&text)
    );
    on_demand("The certificate", &text, &mut out);
    on_demand("The result as JSON", &proof.json, &mut out);
    out.push_str(END);
    out
}

/// Text as it may stand in a `data:` address.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
