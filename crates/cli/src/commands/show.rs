use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use serde_json::Value;
use threeworlds_certificate::Certificate;
use threeworlds_diagram::worlds;
use threeworlds_model::{Execution, Process};

use crate::exit::Exit;
use crate::files;
use crate::report::{self, json::FORMAT};
use crate::terminal::{TerminalArguments, print};

/// Draw an execution file, a certificate, or the worlds of a result
///
/// Reads what `check --save`, `check --json`, `run --json`, `solve --certificate` and `solve --json` write.
/// Several execution files are drawn side by side. A certificate is drawn as it stands: whether it proves
/// anything is for `verify` to say.
#[derive(Args)]
pub(crate) struct ShowArguments {
    /// Execution files, certificates, or results with --json; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    drawing: DrawingArguments,
}

/// Where a drawing goes, and in which form.
#[derive(Args)]
pub(crate) struct DrawingArguments {
    /// The form of the drawing [default: by the output file's ending, else terminal]
    #[arg(long, value_enum, value_name = "FORM", help_heading = "Output")]
    format: Option<Form>,
    /// Write the drawing to this file
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Text for a terminal
    Terminal,
    /// An SVG picture
    Svg,
    /// An HTML page that needs no network
    Html,
    /// A LaTeX document with TikZ (one execution)
    Tikz,
    /// A log for ShiViz (one execution)
    Shiviz,
    /// A Mermaid sequence diagram (one execution)
    Mermaid,
    /// The execution format (one execution)
    Json,
}

impl ShowArguments {
    pub(crate) fn run(self, terminal: &TerminalArguments) -> Result<Exit> {
        self.drawing.check()?;
        let mut executions = Vec::new();
        for file in &self.files {
            match read_input(file)? {
                Input::Evidence(evidence) => executions.extend(evidence.executions),
                Input::Certificate(certificate) => {
                    ensure!(
                        self.files.len() == 1,
                        "{} is a certificate: it is drawn alone, so name no other file",
                        file.display()
                    );
                    self.drawing.draw_certificate(&certificate, terminal)?;
                    return Ok(Exit::Good);
                }
            }
        }
        let title =
            if self.files.len() == 1 { self.files[0].display().to_string() } else { "executions".into() };
        self.drawing.draw(&title, &executions, terminal)?;
        Ok(Exit::Good)
    }
}

/// What can be read from a file: an execution, or what a result rests on.
pub(crate) struct Evidence {
    /// Never none.
    pub(crate) executions: Vec<Execution>,
    /// Who cannot tell which two of them apart, as a result says.
    pub(crate) indistinguishable: Vec<(Process, [String; 2])>,
}

/// The execution in a file, or the executions in a result; never none.
pub(crate) fn read_executions(path: &Path) -> Result<Vec<Execution>> {
    Ok(read_evidence(path)?.executions)
}

/// What a file holds.
pub(crate) enum Input {
    Certificate(Box<Certificate>),
    Evidence(Evidence),
}

/// The certificate in a file or in a result of `solve`, or else the evidence.
pub(crate) fn read_input(path: &Path) -> Result<Input> {
    parse_input(&file_name(path), &files::read(path)?)
}

/// What a file is called in messages.
pub(crate) fn file_name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".into() } else { path.display().to_string() }
}

/// The certificate in a text, or else the evidence.
pub(crate) fn parse_input(name: &str, text: &str) -> Result<Input> {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return parse_evidence(name, text).map(Input::Evidence);
    };
    let format = value.get("format").and_then(Value::as_str).unwrap_or_default();
    let parse = |text: &str| {
        let parsed = Certificate::parse(text);
        parsed
            .map(|certificate| Input::Certificate(Box::new(certificate)))
            .with_context(|| format!("{name} is no certificate"))
    };
    if format.starts_with("threeworlds/certificate/") {
        return parse(text);
    }
    match value.get("certificate") {
        Some(certificate) if format == FORMAT && !certificate.is_null() => parse(&certificate.to_string()),
        _ => {
            let is_solve = value.get("command").and_then(Value::as_str) == Some("solve");
            ensure!(
                !is_solve,
                "{name} is a result of `solve` without a certificate: only `impossible` comes with one"
            );
            parse_evidence(name, text).map(Input::Evidence)
        }
    }
}

/// The execution in a file, or what a result rests on.
fn read_evidence(path: &Path) -> Result<Evidence> {
    match read_input(path)? {
        Input::Evidence(evidence) => Ok(evidence),
        Input::Certificate(_) => {
            bail!("{} is a certificate, and an execution is needed here", path.display())
        }
    }
}

/// The execution in a text, or what a result rests on.
fn parse_evidence(name: &str, text: &str) -> Result<Evidence> {
    const HINT: &str = "`check --save`, `check --json`, `run --json`, `solve --certificate` and `solve --json` write what can be read here";
    ensure!(!text.trim().is_empty(), "{name} is empty\n  hint: {HINT}");
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) if error.is_eof() => bail!("{name} ends too early, so it is not complete: {error}"),
        Err(error) => bail!("{name} is not JSON: {error}\n  hint: {HINT}"),
    };
    let Some(worlds) = value.get("worlds") else {
        let context = || format!("{name} is not an execution");
        check_format(&value, EXECUTION).with_context(context)?;
        // From the text, so that an error can name the line.
        let executions = vec![Execution::parse(text).with_context(context)?];
        return Ok(Evidence { executions, indistinguishable: Vec::new() });
    };
    check_format(&value, FORMAT).with_context(|| format!("{name} is not a result"))?;
    let worlds = worlds.as_array().with_context(|| format!("{name}: `worlds` is not a list"))?;
    ensure!(!worlds.is_empty(), "{name} is a result without executions, as where a protocol holds");
    let parse = |(number, world): (usize, &Value)| {
        let parsed = match Execution::parse(&world.to_string()) {
            // The place would be one in a text that nobody has seen.
            Err(error) => {
                Err(anyhow::anyhow!(error.0.split(" at line ").next().unwrap_or_default().to_owned()))
            }
            Ok(execution) => Ok(execution),
        };
        check_format(world, EXECUTION)
            .and(parsed)
            .with_context(|| format!("{name}: entry {number} of `worlds` is not an execution"))
    };
    let executions = (1..).zip(worlds).map(parse).collect::<Result<_>>()?;
    let mut indistinguishable = Vec::new();
    let listed = value.pointer("/three_worlds/indistinguishable").and_then(Value::as_array);
    for entry in listed.into_iter().flatten() {
        let process = entry.get("process").and_then(Value::as_str).and_then(|name| name.parse().ok());
        let worlds = entry.get("worlds").cloned().and_then(|worlds| serde_json::from_value(worlds).ok());
        let (Some(process), Some(worlds)) = (process, worlds) else {
            bail!(
                "{name}: `three_worlds.indistinguishable` has an entry that is not a process and two worlds"
            );
        };
        indistinguishable.push((process, worlds));
    }
    Ok(Evidence { executions, indistinguishable })
}

const EXECUTION: &str = "threeworlds/execution/1";

/// The format comes first: what else is wrong with a file of another one says nothing.
fn check_format(value: &Value, wanted: &str) -> Result<()> {
    match value.get("format") {
        Some(format) if format == wanted => Ok(()),
        Some(format) => bail!("its format is {format}, and this program reads \"{wanted}\""),
        None => bail!("it has no key `format`, which would be \"{wanted}\""),
    }
}

/// What is drawn together: the three worlds of a result stand side by side, and apart from its shortest
/// violations, which are other executions of other lengths.
pub(crate) fn groups(executions: &[Execution]) -> impl Iterator<Item = &[Execution]> {
    let is_world = |(execution, name): (&Execution, &str)| execution.name == name;
    let worlds = executions.len() > 3 && executions.iter().zip(["A", "B", "C"]).all(is_world);
    let (together, apart) = executions.split_at(if worlds { 3 } else { executions.len() });
    std::iter::once(together).chain(apart.chunks(1))
}

impl DrawingArguments {
    /// Fails before any work is done if the drawing could not be written in the end.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(output) = &self.output {
            files::must_be_writable(output)?;
            self.form()?;
        }
        Ok(())
    }

    pub(crate) fn draw(
        &self,
        title: &str,
        executions: &[Execution],
        terminal: &TerminalArguments,
    ) -> Result<()> {
        let form = self.form()?;
        let one = || {
            ensure!(
                executions.len() == 1,
                "this form takes one execution, and there are {} ({}): name a file with one, as `check --save` \
                 writes them",
                executions.len(),
                executions.iter().map(|execution| execution.name.as_str()).collect::<Vec<_>>().join(", ")
            );
            Ok(&executions[0])
        };
        let mut options = terminal.options();
        options.colour &= self.output.is_none();
        let text = match form {
            Form::Terminal => {
                let drawn = groups(executions).map(|group| threeworlds_diagram::terminal(group, &options));
                drawn.collect::<Vec<_>>().join("\n")
            }
            Form::Svg => threeworlds_diagram::svg(executions),
            Form::Html => report::html::executions(title, executions),
            Form::Tikz => threeworlds_diagram::tikz(one()?),
            Form::Shiviz => threeworlds_diagram::shiviz(one()?),
            Form::Mermaid => threeworlds_diagram::mermaid(one()?),
            Form::Json => one()?.text(),
        };
        match &self.output {
            Some(output) => files::write(output, &text),
            None => print(&text),
        }
    }

    fn draw_certificate(&self, certificate: &Certificate, terminal: &TerminalArguments) -> Result<()> {
        let mut options = terminal.options();
        options.colour &= self.output.is_none();
        let text = match self.form()? {
            Form::Terminal => worlds::terminal(certificate, &options),
            Form::Svg => worlds::svg(certificate),
            Form::Tikz => worlds::tikz(certificate),
            Form::Html => report::proof::page_of(certificate),
            Form::Json => certificate.text(),
            Form::Shiviz | Form::Mermaid => {
                bail!("this form takes an execution, and the file is a certificate")
            }
        };
        match &self.output {
            Some(output) => files::write(output, &text),
            None => print(&text),
        }
    }

    fn form(&self) -> Result<Form> {
        if let Some(form) = self.format {
            return Ok(form);
        }
        let Some(output) = &self.output else { return Ok(Form::Terminal) };
        match output.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => Ok(Form::Svg),
            Some("html" | "htm") => Ok(Form::Html),
            Some("tex") => Ok(Form::Tikz),
            Some("log") => Ok(Form::Shiviz),
            Some("mmd" | "mermaid") => Ok(Form::Mermaid),
            Some("json") => Ok(Form::Json),
            Some("txt") => Ok(Form::Terminal),
            _ => bail!(
                "{}: the ending does not say which form to write (.svg, .html, .tex, .log, .mmd, .json, .txt): \
                 give --format",
                output.display()
            ),
        }
    }
}
