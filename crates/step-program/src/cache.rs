//! Answers that are kept from call to call, so that a program is asked each line once in its life.
//!
//! An answer counts only for the very same line of the very same program (`identity` says what that is and
//! what it cannot know). Files have checksums, against damage and not against malice: whoever can write into
//! the folder can change verdicts, as whoever can write the program can. Whatever is wrong with a file or with
//! the disk costs time and no verdict.
//!
//! A file is written by one process and only ever appended to, a block of answers at a time. A reader takes the
//! blocks that are whole. So processes need not wait for each other, and one that is killed leaves what it
//! wrote before.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use sha2::{Digest, Sha256};

use crate::error::ProgramError;
use crate::exchange::Answer;
use crate::identity::Identity;
use crate::record::{decode, encode};

/// Where answers are kept, and how much of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheOptions {
    /// The folder. It is made if it is not there.
    pub folder: PathBuf,
    /// The most bytes in it, those of all programs together; one program gets a quarter of that. What was
    /// used longest ago goes first.
    pub bytes_max: u64,
}

impl CacheOptions {
    /// This folder, with a gibibyte.
    pub fn new(folder: PathBuf) -> Self {
        CacheOptions { folder, bytes_max: 1 << 30 }
    }
}

/// The answers of one program.
#[derive(Debug)]
pub(crate) struct StepCache {
    options: CacheOptions,
    command: Vec<String>,
    identity: Identity,
    /// The payloads of all blocks.
    kept: Vec<u8>,
    index: HashTable<Place>,
    /// What is to be written next.
    block: Vec<u8>,
    file: Option<File>,
    /// Bytes of this program on disk.
    bytes: u64,
    /// No more is written.
    closed: bool,
    notes: Vec<String>,
}

/// Where in `kept` a line is, and its answer after it.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    line: usize,
    answer: usize,
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// None of ours, or none that can be read.
    Nothing,
    /// Answers of this program.
    Answers,
    /// Answers of this program, and behind them something else.
    Damaged,
}

const MAGIC: &[u8] = b"threeworlds/step-cache/1\n";
/// Length and checksum.
const BLOCK_HEAD: usize = 4 + 16;
/// How much is written at a time.
const BLOCK_BYTES: usize = 64 << 10;
/// From so many files on they become one.
const FILES_MAX: usize = 8;
const ENDING: &str = "steps";

impl StepCache {
    /// Reads what is kept of this program.
    pub(crate) fn open(command: &[String], options: &CacheOptions) -> Result<Self, ProgramError> {
        let cannot = |error: std::io::Error| ProgramError::CacheFolder {
            folder: options.folder.display().to_string(),
            why: error.to_string(),
        };
        std::fs::create_dir_all(&options.folder).map_err(cannot)?;
        let identity = Identity::of(command, &options.folder)?;
        let mut cache = StepCache {
            options: options.clone(),
            command: command.to_vec(),
            identity,
            kept: Vec::new(),
            index: HashTable::new(),
            block: Vec::new(),
            file: None,
            bytes: 0,
            closed: false,
            notes: Vec::new(),
        };
        let files = cache.files().map_err(cannot)?;
        let read: Vec<(Found, PathBuf)> = files.into_iter().map(|path| (cache.read(&path), path)).collect();
        let is_damaged = read.iter().any(|(found, _)| *found == Found::Damaged);
        let own: Vec<PathBuf> =
            read.into_iter().filter(|(found, _)| *found != Found::Nothing).map(|(_, path)| path).collect();
        if own.len() >= FILES_MAX || is_damaged {
            cache.make_one(&own);
        }
        Ok(cache)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// What the program answered to this line (without its id).
    pub(crate) fn get(&self, line: &str) -> Option<Answer> {
        let place = self.find(line.as_bytes())?;
        let answer = &self.kept[place.start + place.line..][..place.answer];
        Some(decode(answer).expect("it was decoded when it was read"))
    }

    /// Keeps an answer.
    pub(crate) fn keep(&mut self, line: &str, answer: &Answer) {
        if self.closed {
            return;
        }
        let start = self.block.len();
        self.block.extend_from_slice(&[0; 8]);
        self.block.extend_from_slice(line.as_bytes());
        encode(answer, &mut self.block);
        let whole = self.block.len() - start - 8;
        let (Ok(line), Ok(answer)) = (u32::try_from(line.len()), u32::try_from(whole - line.len())) else {
            self.block.truncate(start);
            return;
        };
        self.block[start..start + 4].copy_from_slice(&line.to_le_bytes());
        self.block[start + 4..start + 8].copy_from_slice(&answer.to_le_bytes());
        if self.block.len() >= BLOCK_BYTES {
            self.write();
        }
    }

    /// Writes what is not yet written, if the program is still what it was.
    pub(crate) fn finish(&mut self) {
        if self.closed {
            return;
        }
        if Identity::of(&self.command, &self.options.folder).is_ok_and(|now| now == self.identity) {
            self.write();
        } else {
            self.discard();
            self.note(
                "the step program's files changed meanwhile, so none of its answers are kept".to_owned(),
            );
        }
    }

    /// Forgets all of this program, for it is not what it was or not deterministic.
    pub(crate) fn discard(&mut self) {
        self.closed = true;
        self.block.clear();
        self.file = None;
        self.index.clear();
        for path in self.files().unwrap_or_default() {
            let _ = std::fs::remove_file(path);
        }
    }

    /// What a user should know; each is said once.
    pub(crate) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    fn find(&self, line: &[u8]) -> Option<Place> {
        let same = |place: &Place| &self.kept[place.start..][..place.line] == line;
        self.index.find(hash(line), same).copied()
    }

    /// The files of this program, in order.
    fn files(&self) -> std::io::Result<Vec<PathBuf>> {
        let start = self.identity.name();
        let mut files: Vec<PathBuf> =
            step_files(&self.options.folder)?.into_iter().map(|(path, ..)| path).collect();
        files.retain(|path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&start))
        });
        files.sort();
        Ok(files)
    }

    /// Takes the whole blocks of a file.
    fn read(&mut self, path: &Path) -> Found {
        let mut bytes = Vec::new();
        match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Ok(_) => {}
            // Another process made one of several.
            Err(error) if error.kind() == ErrorKind::NotFound => return Found::Nothing,
            Err(error) => {
                self.note(format!("{} cannot be read: {error}", path.display()));
                return Found::Nothing;
            }
        }
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&self.identity.0);
        if !bytes.starts_with(&head) {
            // One that was just begun is no stranger.
            if !head.starts_with(&bytes) {
                self.note(format!(
                    "{} is no cache of this step program's answers, and is left alone",
                    path.display()
                ));
            }
            return Found::Nothing;
        }
        self.bytes += bytes.len() as u64;
        let mut at = head.len();
        // What is shorter than it says is being written, or its writer was killed.
        while let Some(block) = bytes.get(at..at + BLOCK_HEAD) {
            let length = u32::from_le_bytes(block[..4].try_into().expect("four bytes")) as usize;
            let Some(payload) = bytes.get(at + BLOCK_HEAD..at + BLOCK_HEAD + length) else { break };
            if block[4..] != self.checksum(payload) || self.take(payload).is_none() {
                self.note(format!(
                    "{} is damaged from byte {at} on: what it held there is asked again, and the file made anew",
                    path.display()
                ));
                return Found::Damaged;
            }
            at += BLOCK_HEAD + length;
        }
        // It was used now; that this cannot be written down matters to its age alone.
        let file = OpenOptions::new().append(true).open(path);
        let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
        Found::Answers
    }

    /// Takes the answers of a block; `None` if it is not made of whole ones.
    fn take(&mut self, payload: &[u8]) -> Option<()> {
        let offset = self.kept.len();
        let mut places = Vec::new();
        let mut at = 0;
        while at < payload.len() {
            let length =
                |at: usize| Some(u32::from_le_bytes(payload.get(at..at + 4)?.try_into().ok()?) as usize);
            let (line, answer) = (length(at)?, length(at + 4)?);
            let text = payload.get(at + 8..at + 8 + line + answer)?;
            decode(&text[line..])?;
            places.push(Place { start: offset + at + 8, line, answer });
            at += 8 + line + answer;
        }
        self.kept.extend_from_slice(payload);
        for place in places {
            let line = &self.kept[place.start..][..place.line];
            if self.find(line).is_none() {
                let kept = &self.kept;
                let rehash = |place: &Place| hash(&kept[place.start..][..place.line]);
                self.index.insert_unique(hash(line), place, rehash);
            }
        }
        Some(())
    }

    fn checksum(&self, payload: &[u8]) -> [u8; 16] {
        let mut checksum = Sha256::new();
        checksum.update(self.identity.0);
        checksum.update(payload);
        checksum.finalize()[..16].try_into().expect("sixteen of them")
    }

    /// Writes the block. Where that is not possible nothing more is kept, which is said once.
    fn write(&mut self) {
        let payload = std::mem::take(&mut self.block);
        if payload.is_empty() || self.closed {
            return;
        }
        let length = u32::try_from(payload.len()).expect("a block is a little more than what makes it full");
        let mut block = length.to_le_bytes().to_vec();
        block.extend_from_slice(&self.checksum(&payload));
        block.extend_from_slice(&payload);
        let folder = self.options.folder.display().to_string();
        match self.write_block(&block) {
            Ok(true) => {}
            Ok(false) => {
                self.closed = true;
                self.note(format!(
                    "the step cache in {folder} is full: the answers from here on are not kept"
                ));
            }
            Err(error) => {
                self.closed = true;
                self.note(format!("answers cannot be kept in {folder}: {error}"));
            }
        }
    }

    /// Whether there was room for it.
    fn write_block(&mut self, block: &[u8]) -> std::io::Result<bool> {
        let length = block.len() as u64;
        if self.bytes + length > self.options.bytes_max / 4 || !self.make_room(length)? {
            return Ok(false);
        }
        if self.file.is_none() {
            let (mut file, _) = self.new_file()?;
            file.write_all(MAGIC)?;
            file.write_all(&self.identity.0)?;
            self.file = Some(file);
        }
        self.file.as_mut().expect("it was just opened").write_all(block)?;
        self.bytes += length;
        Ok(true)
    }

    fn new_file(&self) -> std::io::Result<(File, PathBuf)> {
        let name = self.identity.name();
        for number in 0u64.. {
            let path = self.options.folder.join(format!("{name}-{number:06}.{ENDING}"));
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                opened => return opened.map(|file| (file, path)),
            }
        }
        unreachable!("there are not so many files");
    }

    /// Removes files of other programs until so many more bytes fit; whether they do.
    fn make_room(&self, bytes: u64) -> std::io::Result<bool> {
        let mut files = step_files(&self.options.folder)?;
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        files.sort_by_key(|(_, _, used)| *used);
        let own = self.identity.name();
        for (path, length, _) in files {
            if total + bytes <= self.options.bytes_max {
                break;
            }
            let is_own = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&own));
            if !is_own && std::fs::remove_file(&path).is_ok() {
                total -= length;
            }
        }
        Ok(total + bytes <= self.options.bytes_max)
    }

    /// Writes all that was read into a new file, and removes the old ones. Somebody who still appends to one of
    /// these loses what comes.
    fn make_one(&mut self, files: &[PathBuf]) {
        let Ok((mut file, path)) = self.new_file() else { return };
        let mut places: Vec<Place> = self.index.iter().copied().collect();
        places.sort_unstable_by_key(|place| place.start);
        let mut written = file.write_all(MAGIC).and_then(|()| file.write_all(&self.identity.0));
        let mut length = (MAGIC.len() + 32) as u64;
        let mut block = Vec::new();
        for (number, place) in places.iter().enumerate() {
            block.extend_from_slice(&self.kept[place.start - 8..][..8 + place.line + place.answer]);
            if block.len() >= BLOCK_BYTES || number + 1 == places.len() {
                let mut bytes = (block.len() as u32).to_le_bytes().to_vec();
                bytes.extend_from_slice(&self.checksum(&block));
                bytes.append(&mut block);
                length += bytes.len() as u64;
                written = written.and_then(|()| file.write_all(&bytes));
            }
        }
        if written.and_then(|()| file.sync_all()).is_err() {
            let _ = std::fs::remove_file(path);
            return;
        }
        files.iter().for_each(|path| drop(std::fs::remove_file(path)));
        self.bytes = length;
        self.file = Some(file);
    }
}

impl Drop for StepCache {
    fn drop(&mut self) {
        if !self.block.is_empty() {
            self.finish();
        }
    }
}

fn hash(line: &[u8]) -> u64 {
    use std::hash::BuildHasher;
    FxBuildHasher.hash_one(line)
}

/// The files of all programs in a folder, with their lengths and when they were used.
fn step_files(folder: &Path) -> std::io::Result<Vec<(PathBuf, u64, SystemTime)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != ENDING) {
            continue;
        }
        // One that went meanwhile is none.
        if let Ok(metadata) = std::fs::metadata(&path)
            && metadata.is_file()
        {
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            files.push((path, metadata.len(), used));
        }
    }
    Ok(files)
}
