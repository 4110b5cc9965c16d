use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use threeworlds_model::Execution;

use crate::exit::Exit;
use crate::files;
use crate::report;
use crate::terminal::{TerminalArguments, print};

/// Draw an execution file, or the worlds of a result
///
/// Reads what `check --save`, `check --json` and `run --json` write. Several files are drawn side by side.
#[derive(Args)]
pub(crate) struct ShowArguments {
    /// Execution files, or results of `check --json`; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    drawing: DrawingArguments,
}

/// Where a drawing goes, and in which form.
#[derive(Args)]
pub(crate) struct DrawingArguments {
    /// The form [default: by the output file's ending, else terminal]
    #[arg(long, value_enum, value_name = "FORM", help_heading = "Output")]
    format: Option<Form>,
    /// Write to this file
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Text for a terminal
    Terminal,
    /// A picture
    Svg,
    /// A page
    Html,
    /// A LaTeX document (one execution)
    Tikz,
    /// A log for ShiViz (one execution)
    Shiviz,
    /// A Mermaid sequence diagram (one execution)
    Mermaid,
    /// The execution format
    Json,
}

impl ShowArguments {
    pub(crate) fn run(self, terminal: &TerminalArguments) -> Result<Exit> {
        let mut executions = Vec::new();
        for file in &self.files {
            executions.extend(read_executions(file)?);
        }
        let title =
            if self.files.len() == 1 { self.files[0].display().to_string() } else { "executions".into() };
        self.drawing.draw(&title, &executions, terminal)?;
        Ok(Exit::Good)
    }
}

/// The execution in a file, or the executions in a result.
pub(crate) fn read_executions(path: &Path) -> Result<Vec<Execution>> {
    let text = files::read(path)?;
    let context = || format!("{} is not an execution", path.display());
    let value: serde_json::Value = serde_json::from_str(&text).with_context(context)?;
    let Some(worlds) = value.get("worlds") else {
        // From the text, so that an error can name the line.
        return Ok(vec![Execution::parse(&text).with_context(context)?]);
    };
    let worlds = worlds.as_array().with_context(|| format!("{}: `worlds` is not a list", path.display()))?;
    ensure!(
        !worlds.is_empty(),
        "{} is a result without executions: there is nothing to show",
        path.display()
    );
    let parse = |(index, world): (usize, &serde_json::Value)| {
        Execution::parse(&world.to_string())
            .with_context(|| format!("{}: entry {index} of `worlds` is not an execution", path.display()))
    };
    worlds.iter().enumerate().map(parse).collect()
}

impl DrawingArguments {
    /// Fails before any work is done if the drawing could not be written in the end.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(output) = &self.output {
            self.form()?;
            files::must_be_writable(output)?;
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
                "this form takes one execution, and there are {}: {}",
                executions.len(),
                executions.iter().map(|execution| execution.name.as_str()).collect::<Vec<_>>().join(", ")
            );
            Ok(&executions[0])
        };
        let mut options = terminal.options();
        options.colour &= self.output.is_none();
        let text = match form {
            Form::Terminal => threeworlds_diagram::terminal(executions, &options),
            Form::Svg => threeworlds_diagram::svg(executions),
            Form::Html => report::html::executions(title, executions),
            Form::Tikz => threeworlds_diagram::tikz(one()?),
            Form::Shiviz => threeworlds_diagram::shiviz(one()?),
            Form::Mermaid => threeworlds_diagram::mermaid(one()?),
            Form::Json => one()?.text(),
        };
        match &self.output {
            Some(output) => files::write(output, &text),
            None => {
                print(&text);
                Ok(())
            }
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
            _ => anyhow::bail!(
                "{}: the ending does not say which form to write (.svg, .html, .tex, .log, .mmd, .json, .txt): \
                 give --format",
                output.display()
            ),
        }
    }
}
