//! Defects to plant in the examples, from `bugs.txt`.

use std::path::PathBuf;

use crate::attack::example;

/// A defect.
pub(crate) struct Bug {
    /// The program, below `examples/nodes`.
    pub(crate) program: String,
    /// What is wrong with it.
    pub(crate) what: String,
    find: String,
    replacement: String,
}

/// A program with a defect, in a folder of its own.
pub(crate) struct Planted {
    folder: tempfile::TempDir,
    name: PathBuf,
}

/// All of them.
pub(crate) fn bugs() -> Vec<Bug> {
    let text: Vec<&str> = include_str!("bugs.txt").lines().filter(|line| !line.starts_with('#')).collect();
    text.split(|line| line.is_empty()).filter(|paragraph| !paragraph.is_empty()).map(Bug::parse).collect()
}

impl Bug {
    fn parse(paragraph: &[&str]) -> Bug {
        let (program, what) = paragraph[0].split_once(": ").expect("a program and what is wrong with it");
        let lines = |sign: char| {
            let lines: Vec<&str> = paragraph.iter().filter_map(|line| line.strip_prefix(sign)).collect();
            lines.join("\n")
        };
        Bug { program: program.to_owned(), what: what.to_owned(), find: lines('-'), replacement: lines('+') }
    }

    /// Copies the program with the plumbing beside it, and plants the defect: the text to take out has to be
    /// there exactly once.
    pub(crate) fn plant(&self) -> Planted {
        let original = example(&self.program);
        let folder = tempfile::tempdir().expect("a folder can be made");
        let beside = original.parent().expect("a file is in a folder");
        for entry in beside.read_dir().expect("it can be read") {
            let entry = entry.expect("it can be read");
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("it can be copied");
        }
        let text = std::fs::read_to_string(&original).expect("it can be read");
        assert_eq!(text.matches(&self.find).count(), 1, "{}: {}", self.program, self.what);
        assert_ne!(self.find, self.replacement, "{}", self.what);
        let name = PathBuf::from(original.file_name().expect("it has a name"));
        std::fs::write(folder.path().join(&name), text.replace(&self.find, &self.replacement))
            .expect("it can be written");
        Planted { folder, name }
    }
}

impl Planted {
    /// The program.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }
}
