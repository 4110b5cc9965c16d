//! The ways in which an exploration can go about it, with a disk and a folder that are made of memory.

mod tests;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use threeworlds_engine::{
    CheckError, Checkpoints, Keep, Observer, Progress, Quiet, Report, Resources, Stop, StopReason, Storage,
    StorageError, check_within,
};
use threeworlds_model::{AnyProtocol, Question};

/// A disk with room for so many bytes.
pub(crate) struct Disk {
    bytes: Mutex<Vec<u8>>,
    room: usize,
}

impl Disk {
    pub(crate) fn new(room: usize) -> Self {
        Disk { bytes: Mutex::default(), room }
    }

    pub(crate) fn used(&self) -> usize {
        self.bytes.lock().unwrap().len()
    }
}

impl Storage for Disk {
    fn write(&self, bytes: &[u8]) -> Result<u64, StorageError> {
        let mut all = self.bytes.lock().unwrap();
        if all.len() + bytes.len() > self.room {
            return Err(StorageError("the disk is full".to_owned()));
        }
        let offset = all.len() as u64;
        all.extend_from_slice(bytes);
        Ok(offset)
    }

    fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), StorageError> {
        let all = self.bytes.lock().unwrap();
        bytes.copy_from_slice(&all[offset as usize..offset as usize + bytes.len()]);
        Ok(())
    }
}

/// A folder for levels.
#[derive(Default)]
pub(crate) struct Folder {
    pub(crate) levels: Mutex<BTreeMap<usize, Vec<u8>>>,
}

impl Checkpoints for Folder {
    fn save(
        &self,
        level: usize,
        content: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), StorageError> {
        let mut bytes = Vec::new();
        content(&mut bytes).map_err(|error| self.wrong(level, &error.to_string()))?;
        self.levels.lock().unwrap().insert(level, bytes);
        Ok(())
    }

    fn load(&self, level: usize) -> Result<Option<Box<dyn Read + '_>>, StorageError> {
        let bytes = self.levels.lock().unwrap().get(&level).cloned();
        Ok(bytes.map(|bytes| Box::new(io::Cursor::new(bytes)) as Box<dyn Read>))
    }

    fn wrong(&self, level: usize, why: &str) -> StorageError {
        StorageError(format!("level {level}: {why}"))
    }
}

/// Ends a search after so many looks.
pub(crate) struct After(pub(crate) usize);

impl Observer for After {
    fn observe(&mut self, _: &Progress) -> Option<StopReason> {
        let over = self.0 == 0;
        self.0 = self.0.saturating_sub(1);
        over.then_some(StopReason::Interrupted)
    }
}

/// How an exploration goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    /// With so many threads.
    Threads(usize),
    /// With keys of so many words at least.
    Words(usize),
    /// With next to no memory.
    Disk,
    /// Ended after so many looks, and resumed, again and again.
    Resumed(usize),
}

pub(crate) const MODES: [Mode; 9] = [
    Mode::Threads(2),
    Mode::Threads(3),
    Mode::Words(2),
    Mode::Words(4),
    Mode::Words(32),
    Mode::Disk,
    Mode::Resumed(3),
    Mode::Resumed(11),
    Mode::Resumed(40),
];

impl Mode {
    pub(crate) fn check(self, question: &Question, protocol: &AnyProtocol<'_>) -> Result<Report, CheckError> {
        let plain = Resources::default();
        let with = |resources| check_within(question, "protocol", protocol, resources, &mut Quiet);
        match self {
            Mode::Plain => with(plain),
            Mode::Threads(threads) => with(Resources { threads, ..plain }),
            Mode::Words(key_words) => with(Resources { key_words, ..plain }),
            Mode::Disk => {
                let disk = Disk::new(usize::MAX);
                with(Resources { storage: Some(&disk), memory: Some(0), threads: 2, ..plain })
            }
            Mode::Resumed(looks) => {
                let folder = Folder::default();
                // More and more looks, so that it ends.
                let tries = AtomicUsize::new(1);
                loop {
                    let resume = !folder.levels.lock().unwrap().is_empty();
                    let keep = Keep { checkpoints: &folder, identity: "a test", resume };
                    let resources = Resources { levels: Some(keep), ..plain };
                    let mut after = After(looks * tries.fetch_add(1, Ordering::Relaxed));
                    let report = check_within(question, "protocol", protocol, resources, &mut after)?;
                    let whole = report.coverage.judging_cut.is_none()
                        && report.coverage.stop != Stop::Cut(StopReason::Interrupted);
                    if whole {
                        return Ok(report);
                    }
                }
            }
        }
    }
}

/// Everything that a report says.
pub(crate) fn said(report: &Report) -> String {
    let evidence: Vec<String> = report.evidence().into_iter().map(|execution| execution.text()).collect();
    let Report { safe, live, property, coverage, worst_case_rounds, .. } = report;
    format!("{safe:?} {live:?} {property:?} {coverage:?} {worst_case_rounds:?} {evidence:?}")
}
