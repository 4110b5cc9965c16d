//! Draws certificates: `cargo run --example worlds -- FOLDER FILE...` writes every kind of drawing of each
//! file into the folder.

use std::path::Path;

use threeworlds_certificate::Certificate;
use threeworlds_diagram::worlds::{self, Proof};
use threeworlds_diagram::{TerminalOptions, Tone};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("a folder, and certificates, are missing")?;
    std::fs::create_dir_all(&folder)?;
    for file in arguments {
        let certificate = Certificate::parse(&std::fs::read_to_string(&file)?)?;
        let name = Path::new(&file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let save =
            |end: &str, text: String| std::fs::write(Path::new(&folder).join(format!("{name}{end}")), text);
        save(".svg", worlds::svg(&certificate))?;
        save(".tex", worlds::tikz(&certificate))?;
        let options = TerminalOptions::default();
        save(".txt", worlds::terminal(&certificate, &options))?;
        save(".ascii.txt", worlds::terminal(&certificate, &TerminalOptions { ascii: true, ..options }))?;
        save(".colour.txt", worlds::terminal(&certificate, &TerminalOptions { colour: true, ..options }))?;
        let proof = Proof {
            title: name.clone(),
            verdict: "drawn, not verified".to_owned(),
            tone: Tone::Unknown,
            rows: Vec::new(),
            paragraphs: Vec::new(),
            sentences: Vec::new(),
            certificate: &certificate,
            json: String::new(),
        };
        save(".html", worlds::html(&proof))?;
    }
    Ok(())
}
