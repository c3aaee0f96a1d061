//! Structures out of files, whatever their format.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::Structure;
use super::json_lines::{JsonLineError, read_json_line};
use super::poscar::{PoscarError, read_poscar};
use crate::cif::{self, CifError};
use crate::table::TableError;
use crate::table::source::{self, Source};

/// The largest CIF or POSCAR, decompressed, and the longest line of JSON: 64 MB.
const MAX_BYTES: u64 = 64 << 20;

/// Why a file gave no structure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StructureFileError {
    /// The file is missing, unreadable, empty or in no container that is known.
    #[error(transparent)]
    File(#[from] TableError),
    /// The file cannot be read to its end; a compressed one may be truncated.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system or the decoder says.
        source: io::Error,
    },
    /// The file is far larger than a structure is.
    #[error("{} is larger than {MAX_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Neither CIF nor POSCAR nor lines of JSON.
    #[error("{} is no structure file: neither CIF nor POSCAR nor lines of JSON", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// A faulty CIF.
    #[error("{}: {source}", path.display())]
    Cif {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: CifError,
    },
    /// A faulty POSCAR.
    #[error("{}: {source}", path.display())]
    Poscar {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: PoscarError,
    },
    /// A faulty line of JSON.
    #[error("{}, line {line}: {source}", path.display())]
    JsonLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong.
        source: JsonLineError,
    },
}

/// The structures of a file, one after another; lines of JSON are streamed.
///
/// The file may be compressed by gzip or zstd; the format is told by the content. After an error in
/// a line the next line is tried; any other error ends the file.
pub struct StructureReader {
    path: PathBuf,
    pending: VecDeque<Structure>,
    lines: Option<Lines>,
}

struct Lines {
    source: BufReader<Source>,
    number: u64,
    text: Vec<u8>,
}

impl StructureReader {
    /// Opens a file; a CIF or POSCAR is read whole.
    ///
    /// # Errors
    /// When the file cannot be read or is none of the formats.
    pub fn open(path: &Path) -> Result<Self, StructureFileError> {
        if let Some(lines) = Self::open_lines(path)? {
            return Ok(lines);
        }
        let path_buf = path.to_path_buf();
        let read_error = |source| StructureFileError::Read { path: path_buf.clone(), source };
        let (file, container) = source::open(path)?;
        let source = Source::new(file, container).map_err(read_error)?;
        let mut bytes = Vec::new();
        source.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(read_error)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(StructureFileError::TooLarge { path: path_buf });
        }
        let pending = read_whole(&path_buf, &bytes)?.into();
        Ok(Self { path: path_buf, pending, lines: None })
    }

    /// Opens a file if it holds lines of JSON, which are streamed; `None` if it holds another format.
    pub(crate) fn open_lines(path: &Path) -> Result<Option<Self>, StructureFileError> {
        let path_buf = path.to_path_buf();
        let read_error = |source| StructureFileError::Read { path: path_buf.clone(), source };
        let (file, container) = source::open(path)?;
        let mut source = BufReader::new(Source::new(file, container).map_err(read_error)?);
        let head = source.fill_buf().map_err(read_error)?;
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        if !head.trim_ascii_start().starts_with(b"{") {
            return Ok(None);
        }
        let lines = Some(Lines { source, number: 0, text: Vec::new() });
        Ok(Some(Self { path: path_buf, pending: VecDeque::new(), lines }))
    }

    fn next_line(&mut self) -> Option<Result<Structure, StructureFileError>> {
        loop {
            let lines = self.lines.as_mut()?;
            lines.text.clear();
            lines.number += 1;
            let read = (&mut lines.source).take(MAX_BYTES + 1).read_until(b'\n', &mut lines.text);
            match read {
                Ok(0) => {
                    self.lines = None;
                    return None;
                }
                Ok(n) if n as u64 > MAX_BYTES => {
                    self.lines = None;
                    return Some(Err(StructureFileError::TooLarge { path: self.path.clone() }));
                }
                Ok(_) => {}
                Err(source) => {
                    self.lines = None;
                    return Some(Err(StructureFileError::Read { path: self.path.clone(), source }));
                }
            }
            let text = String::from_utf8_lossy(&lines.text);
            let text = text.trim_start_matches('\u{feff}').trim();
            if text.is_empty() {
                continue;
            }
            let line = lines.number;
            return Some(read_json_line(text).map_err(|source| StructureFileError::JsonLine {
                path: self.path.clone(),
                line,
                source,
            }));
        }
    }
}

impl Iterator for StructureReader {
    type Item = Result<Structure, StructureFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.pending.pop_front() {
            Some(structure) => Some(Ok(structure)),
            None => self.next_line(),
        }
    }
}

fn read_whole(path: &Path, bytes: &[u8]) -> Result<Vec<Structure>, StructureFileError> {
    let cif_error = |source| StructureFileError::Cif { path: path.to_path_buf(), source };
    let text = cif::decode(bytes).map_err(cif_error)?;
    let is_cif = text.lines().any(|line| {
        let line = line.trim_start();
        line.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("data_"))
    });
    if is_cif {
        return cif::read(bytes).map_err(cif_error);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let named_poscar =
        ["poscar", "contcar"].iter().any(|known| name.contains(known)) || name.ends_with(".vasp");
    match read_poscar(&text) {
        Ok(structure) => Ok(vec![structure]),
        Err(source) if named_poscar => {
            Err(StructureFileError::Poscar { path: path.to_path_buf(), source })
        }
        Err(_) if name.ends_with(".cif") => Err(cif_error(CifError::Empty)),
        Err(_) => Err(StructureFileError::Unknown { path: path.to_path_buf() }),
    }
}
