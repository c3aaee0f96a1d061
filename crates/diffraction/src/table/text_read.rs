//! Rows out of delimited text.
//!
//! Two ways lead to the same row. The plain one splits a record into fields, then reads each field
//! by its column's role; it serves quoted fields and columns in any order. The fast one serves what
//! nearly every file is, unquoted with `v1…vN` last: it walks over the record once and skips runs
//! of zeros eight bytes at a time. A test holds them equal.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use memchr::{memchr, memchr_iter};

use super::columns::{Header, Role};
use super::error::excerpt;
use super::records::{MAX_RECORD, Record, RecordError, Records, split_fields};
use super::source::{Container, Source};
use super::{Columns, Place, Row, TableError};

/// Reads a text table record by record.
pub(crate) struct TextReader {
    path: PathBuf,
    container: Container,
    records: Records<Source>,
    header: Header,
    rows: u64,
    /// Contents and ends of the fields of a record on the plain way.
    text: Vec<u8>,
    ends: Vec<usize>,
    /// Values of a row whose columns are out of order.
    unordered: Vec<(u16, f32)>,
}

impl TextReader {
    pub(crate) fn open(path: &Path, file: File, container: Container) -> Result<Self, TableError> {
        let source = Source::new(file, container)
            .map_err(|source| TableError::Unreadable { path: path.to_path_buf(), source })?;
        let mut records = Records::new(source);
        let path_buf = path.to_path_buf();
        let header = match records.next() {
            Ok(Some(record)) => record,
            Ok(None) => return Err(TableError::Empty { path: path_buf }),
            Err(RecordError::TooLong) => {
                let reason = format!("its first line is longer than {MAX_RECORD} bytes");
                return Err(TableError::NotATable { path: path_buf, reason });
            }
            Err(RecordError::OpenQuote { line }) => {
                let place = Place { path: path_buf, line, is_row: false };
                return Err(TableError::Quotes { place });
            }
            Err(RecordError::Io(e)) => return Err(read_error(path, container, 0, e)),
        };
        let bytes = records.bytes(&header);
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        let place = Place { path: path_buf.clone(), line: header.line, is_row: false };
        split_fields(bytes, &mut text, &mut ends).map_err(|_| TableError::Quotes { place })?;
        let mut names = Vec::with_capacity(ends.len());
        let mut start = 0;
        for &end in &ends {
            let Ok(name) = std::str::from_utf8(&text[start..end]) else {
                let reason = "its first line is not text".to_owned();
                return Err(TableError::NotATable { path: path_buf, reason });
            };
            names.push(name);
            start = end;
        }
        let header = Header::parse(path, &names)?;
        let unordered = Vec::new();
        Ok(Self { path: path_buf, container, records, header, rows: 0, text, ends, unordered })
    }

    pub(crate) fn columns(&self) -> Columns {
        self.header.columns
    }

    pub(crate) fn read(&mut self, row: &mut Row) -> Result<bool, TableError> {
        row.clear();
        let record = match self.records.next() {
            Ok(Some(record)) => record,
            Ok(None) if self.rows == 0 => {
                return Err(TableError::NoRows { path: self.path.clone() });
            }
            Ok(None) => return Ok(false),
            Err(RecordError::Io(e)) => {
                return Err(read_error(&self.path, self.container, self.rows, e));
            }
            Err(RecordError::TooLong) => {
                let place = self.place(self.records.next_line());
                return Err(TableError::LongLine { place, limit: MAX_RECORD });
            }
            Err(RecordError::OpenQuote { line }) => {
                return Err(TableError::Quotes { place: self.place(line) });
            }
        };
        match self.header.values_from {
            Some(from) if !record.has_quotes => self.read_fast(&record, from, row)?,
            _ => self.read_plain(&record, row)?,
        }
        self.rows += 1;
        Ok(true)
    }

    fn place(&self, line: u64) -> Place {
        Place { path: self.path.clone(), line, is_row: false }
    }

    fn ragged(&self, line: u64, found: usize) -> TableError {
        let expected = self.header.roles.len();
        TableError::RaggedRow { place: self.place(line), found, expected }
    }

    fn read_plain(&mut self, record: &Record, row: &mut Row) -> Result<(), TableError> {
        let bytes = self.records.bytes(record);
        if split_fields(bytes, &mut self.text, &mut self.ends).is_err() {
            return Err(TableError::Quotes { place: self.place(record.line) });
        }
        let roles = &self.header.roles;
        if self.ends.len() != roles.len() {
            return Err(self.ragged(record.line, self.ends.len()));
        }
        let field = |at: usize| {
            let start = if at == 0 { 0 } else { self.ends[at - 1] };
            self.text[start..self.ends[at]].trim_ascii()
        };
        // The name first: every other error wants to tell it.
        for by_name in [true, false] {
            for (at, &role) in roles.iter().enumerate() {
                if matches!(role, Role::Value(_)) || (role == Role::Name) != by_name {
                    continue;
                }
                Cell { field: field(at), role, line: record.line }.describe(&self.path, row)?;
            }
        }
        self.unordered.clear();
        for (at, &role) in roles.iter().enumerate() {
            let Role::Value(point) = role else { continue };
            let cell = Cell { field: field(at), role, line: record.line };
            let value = cell.intensity(&self.path, &row.name)?;
            if value > 0.0 {
                self.unordered.push((point, value));
            }
        }
        self.unordered.sort_unstable_by_key(|&(point, _)| point);
        row.indices.extend(self.unordered.iter().map(|&(point, _)| point));
        row.values.extend(self.unordered.iter().map(|&(_, value)| value));
        Ok(())
    }

    fn read_fast(&mut self, record: &Record, from: usize, row: &mut Row) -> Result<(), TableError> {
        let bytes = self.records.bytes(record);
        // Looked at first: a wrong number of fields explains every other complaint about the row.
        let found = memchr_iter(b',', bytes).count() + 1;
        if found != self.header.roles.len() {
            return Err(self.ragged(record.line, found));
        }
        walk(bytes, &self.header, from, record.line, &self.path, row)
    }
}

/// Reads an unquoted record that has as many fields as the header, and its values last.
fn walk(
    bytes: &[u8],
    header: &Header,
    from: usize,
    line: u64,
    path: &Path,
    row: &mut Row,
) -> Result<(), TableError> {
    let mut rest = bytes;
    let mut next_field = || {
        let end = memchr(b',', rest).unwrap_or(rest.len());
        let field = rest[..end].trim_ascii();
        rest = rest.get(end + 1..).unwrap_or_default();
        field
    };
    let mut described: [&[u8]; 5] = [b""; 5];
    described[..from].fill_with(&mut next_field);
    for by_name in [true, false] {
        for (&field, &role) in described.iter().zip(&header.roles[..from]) {
            if (role == Role::Name) == by_name {
                Cell { field, role, line }.describe(path, row)?;
            }
        }
    }
    let mut point = 0_usize;
    while point < header.columns.points {
        // Runs of zeros, as `0` and as `0.0`.
        while let Some((b"0,0,0,0,", tail)) = rest.split_first_chunk::<8>() {
            rest = tail;
            point += 4;
        }
        while let Some((b"0.0,0.0,", tail)) = rest.split_first_chunk::<8>() {
            rest = tail;
            point += 2;
        }
        if let [b'0', b',', tail @ ..] = rest {
            rest = tail;
            point += 1;
            continue;
        }
        // The last field has no comma, so the runs above never reach past it.
        let end = memchr(b',', rest).unwrap_or(rest.len());
        let cell = Cell { field: rest[..end].trim_ascii(), role: Role::Value(point as u16), line };
        let value = cell.intensity(path, &row.name)?;
        if value > 0.0 {
            row.indices.push(point as u16);
            row.values.push(value);
        }
        point += 1;
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Ok(())
}

/// A field of a text table with what is needed to complain about it.
struct Cell<'a> {
    field: &'a [u8],
    role: Role,
    line: u64,
}

impl Cell<'_> {
    fn place(&self, path: &Path) -> Place {
        Place { path: path.to_path_buf(), line: self.line, is_row: false }
    }

    fn column(&self) -> String {
        match self.role {
            Role::Formula => "formula_id".into(),
            Role::Id => "index".into(),
            Role::Name => "name".into(),
            Role::Conductivity => "condutivity".into(),
            Role::Label => "label".into(),
            Role::Value(point) => format!("v{}", u32::from(point) + 1),
        }
    }

    fn utf8(&self, path: &Path) -> Result<&str, TableError> {
        std::str::from_utf8(self.field)
            .map_err(|_| TableError::NotUtf8 { place: self.place(path), column: self.column() })
    }

    /// Puts a field that is not an intensity into its place in the row.
    fn describe(&self, path: &Path, row: &mut Row) -> Result<(), TableError> {
        match self.role {
            Role::Name if self.field.is_empty() => {
                return Err(TableError::NoName { place: self.place(path) });
            }
            Role::Name => row.name.push_str(self.utf8(path)?),
            Role::Formula => refill(&mut row.formula, self.utf8(path)?),
            Role::Id => refill(&mut row.id, self.utf8(path)?),
            Role::Conductivity if self.field.is_empty() => {}
            Role::Conductivity => row.conductivity = Some(self.number(path, &row.name)?),
            Role::Label if self.field.is_empty() => {}
            Role::Label => row.label = Some(self.label(path, &row.name)?),
            Role::Value(_) => unreachable!("intensities are read apart"),
        }
        Ok(())
    }

    fn label(&self, path: &Path, sample: &str) -> Result<u8, TableError> {
        // pandas writes `1.0` when a column also has empty cells.
        let digits = self.field.strip_suffix(b".0").unwrap_or(self.field);
        let digits = std::str::from_utf8(digits).ok();
        digits.and_then(|d| d.parse().ok()).ok_or_else(|| TableError::Label {
            place: self.place(path),
            sample: sample.to_owned(),
            found: excerpt(self.field),
        })
    }

    /// A finite number of at least zero.
    fn number(&self, path: &Path, sample: &str) -> Result<f64, TableError> {
        let (place, sample, column) = (|| self.place(path), || sample.to_owned(), || self.column());
        if self.field.is_empty() {
            let (place, sample, column) = (place(), sample(), column());
            return Err(TableError::EmptyCell { place, sample, column });
        }
        let text = std::str::from_utf8(self.field).ok();
        match text.and_then(|t| t.parse::<f64>().ok()) {
            Some(value) if value.is_finite() && value >= 0.0 => Ok(value),
            found => {
                let written = excerpt(self.field);
                let (place, sample, column) = (place(), sample(), column());
                Err(match found {
                    None => TableError::NotANumber { place, sample, column, found: written },
                    Some(v) if v.is_finite() => {
                        TableError::Negative { place, sample, column, found: written }
                    }
                    Some(_) => TableError::NotFinite { place, sample, column, found: written },
                })
            }
        }
    }

    /// A finite intensity of at least zero; 0 for numbers too small for `f32`.
    fn intensity(&self, path: &Path, sample: &str) -> Result<f32, TableError> {
        let text = std::str::from_utf8(self.field).ok();
        match text.and_then(|t| t.parse::<f32>().ok()) {
            Some(value) if value.is_finite() && value >= 0.0 => Ok(value),
            // Says which of the many ways of being wrong it is; also numbers too large for `f32`.
            _ => self.number(path, sample).and_then(|_| {
                let (place, sample) = (self.place(path), sample.to_owned());
                let (column, found) = (self.column(), excerpt(self.field));
                Err(TableError::NotFinite { place, sample, column, found })
            }),
        }
    }
}

/// Sets an optional text, keeping its buffer; an empty text is none.
pub(crate) fn refill(slot: &mut Option<String>, text: &str) {
    if text.is_empty() {
        *slot = None;
        return;
    }
    let buffer = slot.get_or_insert_default();
    buffer.clear();
    buffer.push_str(text);
}

/// Sorts an error of the decoder into its variant.
fn read_error(path: &Path, container: Container, rows: u64, error: io::Error) -> TableError {
    let path = path.to_path_buf();
    if container == Container::Plain {
        return TableError::opening(&path, error);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            TableError::Truncated { path, container: container.name(), rows }
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            TableError::Damaged { path, detail: error.to_string() }
        }
        _ => TableError::Unreadable { path, source: error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads a text the given way, or by choice of the reader.
    fn read(text: &str, plainly: bool) -> Result<Vec<Row>, TableError> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        io::Write::write_all(&mut file, text.as_bytes()).expect("written");
        let (bytes, container) = super::super::source::open(file.path())?;
        let mut reader = TextReader::open(file.path(), bytes, container)?;
        if plainly {
            reader.header.values_from = None;
        }
        let mut rows = Vec::new();
        let mut row = Row::default();
        while reader.read(&mut row)? {
            rows.push(row.clone());
        }
        Ok(rows)
    }

    fn cell() -> impl Strategy<Value = String> {
        prop_oneof![
            8 => Just("0".to_owned()),
            3 => Just("0.0".to_owned()),
            4 => (0.0_f32..1.0).prop_map(|v| format!("{v:.9}")),
            1 => (0.0_f32..1e-4).prop_map(|v| format!("{v:e}")),
            1 => Just(" 1 ".to_owned()),
            1 => prop::sample::select(vec!["", "x", "nan", "-1", "1e99", "1,2"])
                .prop_map(str::to_owned),
        ]
    }

    proptest! {
        #[test]
        fn fast_and_plain_reading_agree(
            rows in prop::collection::vec(prop::collection::vec(cell(), 9), 1..4),
            hostile in 0..3,
        ) {
            let mut text = "index,name,label,v1,v2,v3,v4,v5,v6,v7,v8,v9\n".to_owned();
            for (i, row) in rows.iter().enumerate() {
                let cells: Vec<&str> = row
                    .iter()
                    .map(|c| if hostile == 0 || c.trim().parse::<f32>().is_ok_and(|v| v >= 0.0 && v.is_finite()) { c.as_str() } else { "0" })
                    .collect();
                text += &format!("{i},s{i},{},{}\n", i % 2, cells.join(","));
            }
            match (read(&text, false), read(&text, true)) {
                (Ok(fast), Ok(plain)) => prop_assert_eq!(fast, plain),
                (Err(fast), Err(plain)) => {
                    // Only the name of the temporary file differs.
                    let tail = |e: &TableError| e.to_string().rsplit_once("line").map(|t| t.1.to_owned());
                    prop_assert_eq!(tail(&fast), tail(&plain));
                }
                (fast, plain) => prop_assert!(false, "{:?} but {:?}", fast, plain),
            }
        }
    }
}
