//! Levels kept outside, so that a search that was ended, however that happened, goes on after the last level
//! that was complete.
//!
//! States are numbers, and what a number stands for follows from the protocol: so with each level the questions
//! are kept that were asked of the protocol, in their order, and not its answers. They are asked again, and the
//! numbers come out the same. That they do is checked: how many there are, and a fingerprint of what they stand
//! for. A protocol that changed meanwhile is found out.

use std::io::{self, Read, Write};

use super::key::Layout;
use super::local::{Arrival, UnknownSituation};
use super::set::{Data, Set, Storage, StorageError};

/// A place for levels.
pub trait Checkpoints: Sync {
    /// Keeps what is written, under the number of a level; all of it or nothing.
    ///
    /// # Errors
    /// When it cannot be kept, for example because a disk is full.
    fn save(
        &self,
        level: usize,
        content: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), StorageError>;

    /// What was kept under this number, if anything was.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn load(&self, level: usize) -> Result<Option<Box<dyn Read + '_>>, StorageError>;

    /// An error about what was kept under this number.
    fn wrong(&self, level: usize, why: &str) -> StorageError;
}

/// What a protocol was asked, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// What follows in these situations, and which heads from these choices.
    Missing(Vec<UnknownSituation>, Vec<Box<[u32]>>),
    /// Which state stands for this one; the assignment comes before it.
    Normal(Box<[u32]>),
}

/// What numbers stand for, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// How many numbers of each kind there are.
    pub(crate) numbers: Vec<u32>,
    /// A hash of how the local states are printed.
    pub(crate) printed: u64,
}

/// All that belongs to a level but its sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) asked: Vec<Asked>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) transitions: u64,
    pub(crate) violated: bool,
    /// Words in a key.
    pub(crate) words: usize,
    /// Bits of each coordinate, and which is the last.
    pub(crate) bits: Vec<u32>,
    pub(crate) last: usize,
}

/// What every file starts with.
const FORMAT: &[u8] = b"threeworlds/checkpoint/1\n";

/// Writes numbers, and what they add up to.
pub(crate) struct Writing<'w> {
    to: &'w mut dyn Write,
    sum: u64,
}

impl<'w> Writing<'w> {
    /// Begins with the format and with what the search is about.
    pub(crate) fn new(to: &'w mut dyn Write, identity: &str) -> io::Result<Self> {
        let mut writing = Writing { to, sum: START };
        writing.bytes(FORMAT)?;
        writing.number(identity.len() as u64)?;
        writing.bytes(identity.as_bytes())?;
        Ok(writing)
    }

    pub(crate) fn number(&mut self, number: u64) -> io::Result<()> {
        self.bytes(&number.to_le_bytes())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum = add(self.sum, bytes);
        self.to.write_all(bytes)
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        self.to.write_all(&self.sum.to_le_bytes())
    }

    fn numbers(&mut self, numbers: &[u32]) -> io::Result<()> {
        self.number(numbers.len() as u64)?;
        numbers.iter().try_for_each(|&number| self.bytes(&number.to_le_bytes()))
    }

    pub(crate) fn kept(&mut self, kept: &Kept) -> io::Result<()> {
        self.number(kept.asked.len() as u64)?;
        for asked in &kept.asked {
            match asked {
                Asked::Missing(situations, heads) => {
                    self.number(0)?;
                    self.number(situations.len() as u64)?;
                    for situation in situations {
                        self.bytes(&[situation.process])?;
                        self.bytes(&situation.request.to_le_bytes())?;
                        self.bytes(&situation.local.to_le_bytes())?;
                        self.number(situation.inbox.len() as u64)?;
                        for arrival in &situation.inbox {
                            self.bytes(&[arrival.from, u8::from(arrival.removable)])?;
                            self.bytes(&arrival.message.to_le_bytes())?;
                        }
                    }
                    self.number(heads.len() as u64)?;
                    heads.iter().try_for_each(|head| self.numbers(head))?;
                }
                Asked::Normal(row) => {
                    self.number(1)?;
                    self.numbers(row)?;
                }
            }
        }
        self.numbers(&kept.fingerprint.numbers)?;
        self.number(kept.fingerprint.printed)?;
        self.number(kept.transitions)?;
        self.number(u64::from(kept.violated))?;
        self.number(kept.words as u64)?;
        self.numbers(&kept.bits)?;
        self.number(kept.last as u64)
    }

    /// A set, block by block.
    pub(crate) fn set<const N: usize>(
        &mut self,
        set: &Set<N>,
        storage: Option<&dyn Storage>,
    ) -> io::Result<()> {
        self.number(set.states())?;
        self.number(set.blocks() as u64)?;
        let mut failed = None;
        let read = set.each_block(storage, &mut |first, bytes| {
            let mut write = || {
                first.iter().try_for_each(|&word| self.number(word))?;
                self.number(bytes.len() as u64)?;
                self.bytes(bytes)
            };
            if failed.is_none() {
                failed = write().err();
            }
        });
        read.map_err(io::Error::other)?;
        failed.map_or(Ok(()), Err)
    }
}

/// Reads what [`Writing`] wrote.
pub(crate) struct Reading<'r> {
    from: Box<dyn Read + 'r>,
}

impl<'r> Reading<'r> {
    /// What was kept of a level, if it is whole and of the same search.
    pub(crate) fn open(
        checkpoints: &'r dyn Checkpoints,
        level: usize,
        identity: &str,
    ) -> Result<Option<Reading<'r>>, StorageError> {
        let wrong = |why: &str| checkpoints.wrong(level, why);
        let Some(mut whole) = checkpoints.load(level)? else { return Ok(None) };
        let mut sum = START;
        let mut held: Vec<u8> = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = whole.read(&mut buffer).map_err(|error| wrong(&error.to_string()))?;
            if count == 0 {
                break;
            }
            // The last eight bytes are what the others add up to.
            held.extend_from_slice(&buffer[..count]);
            let known = held.len().saturating_sub(8);
            sum = add(sum, &held[..known]);
            held.drain(..known);
        }
        if held != sum.to_le_bytes() {
            return Err(wrong("it is damaged: take the folder away, and begin anew"));
        }
        let from = checkpoints.load(level)?.ok_or_else(|| wrong("it is gone"))?;
        let mut reading = Reading { from };
        let start = reading.open_with(identity).map_err(|error| wrong(&error.to_string()))?;
        match start {
            None => Err(wrong("it is no checkpoint of this version: take the folder away, and begin anew")),
            Some(false) => Err(wrong(
                "it is of another question, protocol or version of threeworlds: resume with the call that made it",
            )),
            Some(true) => Ok(Some(reading)),
        }
    }

    fn open_with(&mut self, identity: &str) -> io::Result<Option<bool>> {
        let mut format = vec![0; FORMAT.len()];
        self.from.read_exact(&mut format)?;
        if format != FORMAT {
            return Ok(None);
        }
        let length = self.number()?;
        let mut found = Vec::new();
        self.from.by_ref().take(length).read_to_end(&mut found)?;
        Ok(Some(found == identity.as_bytes()))
    }

    pub(crate) fn number(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const LENGTH: usize>(&mut self) -> io::Result<[u8; LENGTH]> {
        let mut bytes = [0; LENGTH];
        self.from.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn length(&mut self) -> io::Result<usize> {
        usize::try_from(self.number()?).map_err(io::Error::other)
    }

    fn numbers(&mut self) -> io::Result<Vec<u32>> {
        let length = self.number()?;
        (0..length).map(|_| self.array().map(u32::from_le_bytes)).collect()
    }

    pub(crate) fn kept(&mut self) -> io::Result<Kept> {
        let mut asked = Vec::new();
        for _ in 0..self.number()? {
            if self.number()? == 1 {
                asked.push(Asked::Normal(self.numbers()?.into()));
                continue;
            }
            let mut situations = Vec::new();
            for _ in 0..self.number()? {
                let [process] = self.array()?;
                let request = u16::from_le_bytes(self.array()?);
                let local = u32::from_le_bytes(self.array()?);
                let mut inbox = Vec::new();
                for _ in 0..self.number()? {
                    let [from, removable] = self.array()?;
                    let message = u32::from_le_bytes(self.array()?);
                    inbox.push(Arrival { from, removable: removable == 1, message });
                }
                situations.push(UnknownSituation { process, request, local, inbox: inbox.into() });
            }
            let heads = self.number()?;
            let heads = (0..heads).map(|_| self.numbers().map(Into::into)).collect::<io::Result<_>>()?;
            asked.push(Asked::Missing(situations, heads));
        }
        let kept = Kept {
            asked,
            fingerprint: Fingerprint { numbers: self.numbers()?, printed: self.number()? },
            transitions: self.number()?,
            violated: self.number()? == 1,
            words: self.length()?,
            bits: self.numbers()?,
            last: self.length()?,
        };
        let fits =
            kept.bits.iter().all(|&bits| bits <= u32::BITS) && (1..kept.bits.len()).contains(&kept.last);
        if !fits || kept.layout().width() as usize > kept.words.saturating_mul(64) {
            return Err(io::Error::other("its keys are none of ours"));
        }
        Ok(kept)
    }

    /// A set, into memory or into a storage.
    pub(crate) fn set<const N: usize>(&mut self, storage: Option<&dyn Storage>) -> io::Result<Set<N>> {
        let states = self.number()?;
        let blocks = self.number()?;
        let mut set = Set::new();
        for _ in 0..blocks {
            let mut first = [0; N];
            for word in &mut first {
                *word = self.number()?;
            }
            let length = self.length()?;
            let mut bytes = Vec::new();
            self.from.by_ref().take(length as u64).read_to_end(&mut bytes)?;
            let data = match storage {
                None => Data::Memory(bytes.into()),
                Some(storage) => {
                    let offset = storage.write(&bytes).map_err(io::Error::other)?;
                    Data::Stored { offset, length: u32::try_from(length).map_err(io::Error::other)? }
                }
            };
            set.push_block(first, data);
        }
        set.count(states);
        Ok(set)
    }
}

impl Kept {
    pub(crate) fn layout(&self) -> Layout {
        Layout::new(&self.bits, self.last)
    }
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

/// A sum in which the order counts (FNV-1a, eight bits at a time): against damage, not against malice.
fn add(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
