//! Rows into delimited text.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use flate2::write::GzEncoder;

use super::{Columns, Row};
use crate::simulate::value_text;

/// zstd's level: smaller than gzip's best at many times its speed.
const ZSTD_LEVEL: i32 = 6;

/// Writes a text table, plain or compressed.
pub(crate) struct TextWriter {
    sink: Sink,
    columns: Columns,
    line: Vec<u8>,
}

enum Sink {
    Plain(BufWriter<File>),
    Gzip(BufWriter<GzEncoder<File>>),
    Zstd(BufWriter<zstd::stream::write::Encoder<'static, File>>),
}

impl TextWriter {
    pub(crate) fn plain(file: File, columns: Columns) -> io::Result<Self> {
        Self::begin(Sink::Plain(BufWriter::with_capacity(1 << 18, file)), columns)
    }

    pub(crate) fn gzip(file: File, columns: Columns) -> io::Result<Self> {
        let encoder = GzEncoder::new(file, flate2::Compression::default());
        Self::begin(Sink::Gzip(BufWriter::with_capacity(1 << 18, encoder)), columns)
    }

    pub(crate) fn zstd(file: File, columns: Columns) -> io::Result<Self> {
        let mut encoder = zstd::stream::write::Encoder::new(file, ZSTD_LEVEL)?;
        encoder.include_checksum(true)?;
        Self::begin(Sink::Zstd(BufWriter::with_capacity(1 << 18, encoder)), columns)
    }

    fn begin(mut sink: Sink, columns: Columns) -> io::Result<Self> {
        let mut line = Vec::new();
        for name in columns.names() {
            line.extend_from_slice(name.as_bytes());
            line.push(b',');
        }
        if let Some(last) = line.last_mut() {
            *last = b'\n';
        }
        sink.write_all(&line)?;
        Ok(Self { sink, columns, line })
    }

    pub(crate) fn write(&mut self, row: &Row) -> io::Result<()> {
        let line = &mut self.line;
        line.clear();
        if self.columns.has_formula {
            quote(row.formula.as_deref().unwrap_or_default(), line);
        }
        if self.columns.has_id {
            quote(row.id.as_deref().unwrap_or_default(), line);
        }
        quote(&row.name, line);
        if self.columns.has_conductivity {
            if let Some(conductivity) = row.conductivity {
                write!(line, "{conductivity:e}")?;
            }
            line.push(b',');
        }
        if self.columns.has_label {
            if let Some(label) = row.label {
                write!(line, "{label}")?;
            }
            line.push(b',');
        }
        let mut next = 0;
        for (at, (&index, &value)) in row.indices.iter().zip(&row.values).enumerate() {
            zeros(usize::from(index) - next, line);
            match row.exact.get(at) {
                Some(&exact) => {
                    line.extend_from_slice(value_text(exact).as_bytes());
                    line.push(b',');
                }
                None => number(value, line)?,
            }
            next = usize::from(index) + 1;
        }
        zeros(self.columns.points - next, line);
        line.pop();
        line.push(b'\n');
        self.sink.write_all(line)
    }

    /// Writes what is buffered and returns the file.
    pub(crate) fn finish(self) -> io::Result<File> {
        match self.sink {
            Sink::Plain(writer) => writer.into_inner().map_err(io::IntoInnerError::into_error),
            Sink::Gzip(writer) => {
                writer.into_inner().map_err(io::IntoInnerError::into_error)?.finish()
            }
            Sink::Zstd(writer) => {
                writer.into_inner().map_err(io::IntoInnerError::into_error)?.finish()
            }
        }
    }
}

impl Sink {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(writer) => writer.write_all(bytes),
            Self::Gzip(writer) => writer.write_all(bytes),
            Self::Zstd(writer) => writer.write_all(bytes),
        }
    }
}

fn zeros(count: usize, line: &mut Vec<u8>) {
    line.extend(std::iter::repeat_n(*b"0,", count).flatten());
}

/// The shortest decimal that reads back as the same `f32`.
fn number(value: f32, line: &mut Vec<u8>) -> io::Result<()> {
    if value != 0.0 && !(1e-4..1e7).contains(&value) {
        write!(line, "{value:e},")
    } else {
        write!(line, "{value},")
    }
}

/// A text field, in quotation marks where it needs them.
fn quote(text: &str, line: &mut Vec<u8>) {
    if text.contains(['"', ',', '\n', '\r']) || text != text.trim() {
        line.push(b'"');
        for byte in text.bytes() {
            if byte == b'"' {
                line.push(b'"');
            }
            line.push(byte);
        }
        line.push(b'"');
    } else {
        line.extend_from_slice(text.as_bytes());
    }
    line.push(b',');
}
