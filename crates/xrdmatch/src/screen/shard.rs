//! A screened part of a file, on its way to the ranked table.
//!
//! | line | contents |
//! | --- | --- |
//! | first | format, models, data, part, settings |
//! | then | one [`Scored`] a line, in blocks, each sorted by rank |
//! | last but one | number of rows, where the blocks begin |
//! | last | the byte at which the line before begins, in twenty digits |
//!
//! All lines are JSON. The file appears whole or not at all.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::{Scored, ScreenError};
use crate::disk::{persist, temporary_beside};
use crate::part::Part;

const FORMAT: u32 = 1;
/// Bytes of the last line, its end included.
const LAST_LINE: u64 = 21;
/// Bytes read of a block at once.
const READ_AT_ONCE: usize = 16 << 10;
/// The longest line that is believed.
const LONGEST_LINE: u64 = 64 << 20;

/// What all shards of one screening have in common, and which this is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: u32,
    /// Identity of the ensemble.
    pub(super) models: String,
    /// Number of members.
    pub(super) members: usize,
    /// The data file, for people.
    pub(super) data: String,
    /// BLAKE3 of its bytes.
    pub(super) fingerprint: String,
    /// Labelled neighbours kept of each row.
    pub(super) neighbours: usize,
    /// Strangeness above which a row is an outlier, and the rate behind it.
    pub(super) outliers: Option<Threshold>,
    pub(super) part: Part,
}

/// Where outliers begin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Threshold {
    pub(super) threshold: f64,
    pub(super) rate: f64,
    pub(super) held_out: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Footer {
    /// Rows in this shard.
    rows: u64,
    /// Of them, outliers.
    outliers: u64,
    /// Where each block begins, and how many rows it has.
    blocks: Vec<(u64, u64)>,
}

/// Writes a shard, block by block.
pub(super) struct ShardWriter {
    out: BufWriter<NamedTempFile>,
    path: PathBuf,
    header: Header,
    at: u64,
    footer: Footer,
}

impl ShardWriter {
    pub(super) fn create(path: &Path, header: Header) -> Result<Self, ScreenError> {
        let file = temporary_beside(path).map_err(ScreenError::io("write", path))?;
        let footer = Footer { rows: 0, outliers: 0, blocks: Vec::new() };
        let (out, path) = (BufWriter::with_capacity(1 << 18, file), path.to_owned());
        let mut writer = Self { out, path, header, at: 0, footer };
        let header = writer.header.clone();
        writer.line(&header)?;
        Ok(writer)
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), ScreenError> {
        let mut line = serde_json::to_vec(value).map_err(|error| ScreenError::Damaged {
            path: self.path.clone(),
            reason: error.to_string(),
        })?;
        line.push(b'\n');
        self.at += line.len() as u64;
        self.out.write_all(&line).map_err(ScreenError::io("write", &self.path))
    }

    /// Sorts and writes a block.
    pub(super) fn write(&mut self, mut block: Vec<Scored>) -> Result<(), ScreenError> {
        if block.is_empty() {
            return Ok(());
        }
        block.sort_by_cached_key(|row| Rank { score: row.score(), row: row.row });
        self.footer.blocks.push((self.at, block.len() as u64));
        self.footer.rows += block.len() as u64;
        let threshold = self.header.outliers.map_or(f64::INFINITY, |outliers| outliers.threshold);
        for row in &block {
            self.footer.outliers += u64::from(row.strangeness.is_some_and(|s| s > threshold));
            self.line(row)?;
        }
        Ok(())
    }

    fn close(mut self) -> Result<(NamedTempFile, PathBuf), ScreenError> {
        let at = self.at;
        let footer = self.footer.clone();
        self.line(&footer)?;
        let failed = ScreenError::io("write", &self.path);
        let write = |mut out: BufWriter<NamedTempFile>| {
            writeln!(out, "{at:020}")?;
            out.into_inner().map_err(std::io::IntoInnerError::into_error)
        };
        Ok((write(self.out).map_err(failed)?, self.path))
    }

    /// Completes the shard under its name.
    pub(super) fn finish(self) -> Result<(), ScreenError> {
        let (file, path) = self.close()?;
        persist(file, &path).map_err(ScreenError::io("write", &path))
    }

    /// Completes the shard as a file without a name, which vanishes with the value.
    pub(super) fn keep_temporary(self) -> Result<Shard, ScreenError> {
        let (file, path) = self.close()?;
        // Opened before the name is gone; systems that do not allow that keep the name until the
        // temporary file is dropped.
        let opened = file.reopen().map_err(ScreenError::io("read", &path))?;
        Shard::read(path, opened, Some(file))
    }
}

/// The order of the ranking as a value.
#[derive(Debug, PartialEq)]
struct Rank {
    score: f64,
    row: u64,
}

impl Eq for Rank {}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

/// A screened part of a file.
#[derive(Debug)]
pub struct Shard {
    path: PathBuf,
    file: Rc<RefCell<File>>,
    pub(super) header: Header,
    footer: Footer,
    /// Keeps a file without a name alive.
    _temporary: Option<NamedTempFile>,
}

impl Shard {
    /// Opens a shard.
    ///
    /// # Errors
    /// [`ScreenError::Damaged`], [`ScreenError::Newer`], or if it cannot be read.
    pub fn open(path: &Path) -> Result<Self, ScreenError> {
        let file = File::open(path).map_err(ScreenError::io("open", path))?;
        Self::read(path.to_owned(), file, None)
    }

    fn read(
        path: PathBuf,
        mut file: File,
        temporary: Option<NamedTempFile>,
    ) -> Result<Self, ScreenError> {
        let damaged = |reason: String| ScreenError::Damaged { path: path.clone(), reason };
        let read = |source| ScreenError::Io { action: "read", path: path.clone(), source };
        let length = file.seek(SeekFrom::End(0)).map_err(read)?;
        if length < LAST_LINE {
            return Err(damaged("it ends early".to_owned()));
        }
        let mut part = |from: u64, to: u64| -> Result<Vec<u8>, ScreenError> {
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(from)).map_err(read)?;
            (&mut file)
                .take((to - from).min(LONGEST_LINE))
                .read_to_end(&mut bytes)
                .map_err(read)?;
            Ok(bytes)
        };
        let end = length - LAST_LINE;
        let last = part(end, length)?;
        let begin = std::str::from_utf8(&last).ok().and_then(|text| text.trim_end().parse().ok());
        let begin: u64 = begin
            .filter(|begin| *begin < end && last.ends_with(b"\n"))
            .ok_or_else(|| damaged("its last line is missing".to_owned()))?;
        let footer: Footer = serde_json::from_slice(&part(begin, end)?)
            .map_err(|error| damaged(format!("its list of blocks: {error}")))?;
        let head = part(0, begin.min(1 << 16))?;
        let head = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let value: serde_json::Value = serde_json::from_slice(head)
            .map_err(|error| damaged(format!("its first line: {error}")))?;
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        let format = format.ok_or_else(|| damaged("its first line has no format".to_owned()))?;
        if format > u64::from(FORMAT) {
            let found = u32::try_from(format).unwrap_or(u32::MAX);
            return Err(ScreenError::Newer { path: path.clone(), found, known: FORMAT });
        }
        let header: Header = serde_json::from_value(value)
            .map_err(|error| damaged(format!("its first line: {error}")))?;
        let sum: u64 = footer.blocks.iter().map(|(_, rows)| rows).sum();
        if sum != footer.rows || footer.blocks.iter().any(|(at, _)| *at >= begin) {
            return Err(damaged("its blocks do not make its rows".to_owned()));
        }
        if Part::new(header.part.number, header.part.of).is_none() {
            return Err(damaged(format!("it says to be part {}", header.part)));
        }
        let file = Rc::new(RefCell::new(file));
        Ok(Self { path, file, header, footer, _temporary: temporary })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which part it is.
    #[must_use]
    pub fn part(&self) -> Part {
        self.header.part
    }

    /// Its number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.footer.rows
    }

    /// Of its rows, the outliers.
    pub(super) fn outliers(&self) -> u64 {
        self.footer.outliers
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        self.footer.blocks.iter().map(|(at, rows)| Block {
            shard: self,
            at: *at,
            left: *rows,
            buffer: Vec::new(),
            from: 0,
        })
    }
}

/// The rows of a block, read as they are needed.
pub(super) struct Block<'a> {
    shard: &'a Shard,
    /// Where the file is read next.
    at: u64,
    left: u64,
    buffer: Vec<u8>,
    /// Where the next line begins in the buffer.
    from: usize,
}

impl Iterator for Block<'_> {
    type Item = Result<Scored, ScreenError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(self.read_row())
    }
}

impl Block<'_> {
    fn read_row(&mut self) -> Result<Scored, ScreenError> {
        let path = &self.shard.path;
        let damaged = |reason: String| ScreenError::Damaged { path: path.clone(), reason };
        loop {
            let rest = &self.buffer[self.from..];
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                let row = serde_json::from_slice::<Scored>(&rest[..length]);
                self.from += length + 1;
                let row =
                    row.map_err(|error| damaged(format!("near byte {}: {error}", self.at)))?;
                let members = self.shard.header.members;
                let numbers = row.probabilities.iter().all(|p| (0.0..=1.0).contains(p));
                if row.probabilities.len() != members || !numbers || row.votes > members {
                    return Err(damaged(format!("row {} has no {members} probabilities", row.row)));
                }
                return Ok(row);
            }
            self.buffer.drain(..self.from);
            self.from = 0;
            if self.buffer.len() as u64 > LONGEST_LINE {
                return Err(damaged(format!("a line near byte {} does not end", self.at)));
            }
            let filled = self.buffer.len();
            self.buffer.resize(filled + READ_AT_ONCE, 0);
            let mut file = self.shard.file.borrow_mut();
            file.seek(SeekFrom::Start(self.at)).map_err(ScreenError::io("read", path))?;
            let read = file.read(&mut self.buffer[filled..]);
            let read = read.map_err(ScreenError::io("read", path))?;
            self.buffer.truncate(filled + read);
            self.at += read as u64;
            if read == 0 {
                return Err(damaged("it ends within a block".to_owned()));
            }
        }
    }
}

impl Header {
    pub(super) const FORMAT: u32 = FORMAT;
}
