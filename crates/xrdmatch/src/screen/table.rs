//! A table of any length as CSV, JSON lines or Parquet; the file appears whole or not at all.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use tempfile::NamedTempFile;

use super::ScreenError;
use crate::disk::{persist, temporary_beside};

/// Rows of a Parquet row group.
const GROUP: usize = 16_384;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Real,
    Flag,
}

/// A value, of its column's kind or missing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Missing,
    Text(String),
    Integer(u64),
    Real(f64),
    Flag(bool),
}

/// Writes a table row by row.
pub(super) struct TableOut {
    path: PathBuf,
    columns: Vec<(String, Kind)>,
    form: Form,
}

enum Form {
    Csv(Box<csv::Writer<BufWriter<NamedTempFile>>>),
    JsonLines(BufWriter<NamedTempFile>),
    Parquet(Box<SerializedFileWriter<NamedTempFile>>, Vec<Vec<Cell>>),
}

impl TableOut {
    /// Begins a table; its form follows the extension.
    pub(super) fn create(path: &Path, columns: Vec<(String, Kind)>) -> Result<Self, ScreenError> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let extension = extension.unwrap_or_default().to_ascii_lowercase();
        if !["csv", "jsonl", "ndjson", "parquet"].contains(&extension.as_str()) {
            return Err(ScreenError::Extension { path: path.to_owned() });
        }
        let file = temporary_beside(path).map_err(ScreenError::io("write", path))?;
        let form = match extension.as_str() {
            "csv" => Form::Csv(Box::new(csv::Writer::from_writer(BufWriter::new(file)))),
            "parquet" => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let writer = schema(&columns)
                    .and_then(|schema| {
                        SerializedFileWriter::new(file, schema, Arc::new(properties))
                    })
                    .map_err(|error| parquet_failed(path, &error))?;
                Form::Parquet(Box::new(writer), Vec::new())
            }
            _ => Form::JsonLines(BufWriter::new(file)),
        };
        let mut table = Self { path: path.to_owned(), columns, form };
        if let Form::Csv(out) = &mut table.form {
            let header = out.write_record(table.columns.iter().map(|(name, _)| name));
            header.map_err(|error| csv_failed(&table.path, error))?;
        }
        Ok(table)
    }

    /// Writes a row.
    ///
    /// # Panics
    /// If its cells do not go with the columns: our own bug.
    pub(super) fn write(&mut self, row: Vec<Cell>) -> Result<(), ScreenError> {
        assert_eq!(row.len(), self.columns.len(), "one cell per column");
        let path = &self.path;
        match &mut self.form {
            Form::Csv(out) => {
                out.write_record(row.iter().map(text)).map_err(|error| csv_failed(path, error))
            }
            Form::JsonLines(out) => {
                let mut object = serde_json::Map::new();
                for ((name, _), cell) in self.columns.iter().zip(row) {
                    object.insert(name.clone(), json(cell));
                }
                serde_json::to_writer(&mut *out, &object)
                    .map_err(std::io::Error::from)
                    .and_then(|()| out.write_all(b"\n"))
                    .map_err(ScreenError::io("write", path))
            }
            Form::Parquet(out, rows) => {
                rows.push(row);
                if rows.len() < GROUP {
                    return Ok(());
                }
                write_group(out, &self.columns, &std::mem::take(rows))
                    .map_err(|error| parquet_failed(path, &error))
            }
        }
    }

    /// Completes the file: sync, rename.
    pub(super) fn finish(self) -> Result<(), ScreenError> {
        let path = self.path;
        let failed = |error: std::io::Error| ScreenError::io("write", &path)(error);
        let file = match self.form {
            Form::Csv(out) => {
                let out = out.into_inner().map_err(|error| failed(error.into_error()))?;
                out.into_inner().map_err(|error| failed(error.into_error()))?
            }
            Form::JsonLines(out) => out.into_inner().map_err(|error| failed(error.into_error()))?,
            Form::Parquet(mut out, rows) => {
                let written = if rows.is_empty() {
                    Ok(())
                } else {
                    write_group(&mut out, &self.columns, &rows)
                };
                written
                    .and_then(|()| out.into_inner())
                    .map_err(|error| parquet_failed(&path, &error))?
            }
        };
        persist(file, &path).map_err(failed)
    }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Missing => String::new(),
        Cell::Text(text) => text.clone(),
        Cell::Integer(value) => value.to_string(),
        Cell::Real(value) => value.to_string(),
        Cell::Flag(value) => value.to_string(),
    }
}

fn json(cell: Cell) -> serde_json::Value {
    match cell {
        Cell::Missing => serde_json::Value::Null,
        Cell::Text(text) => text.into(),
        Cell::Integer(value) => value.into(),
        Cell::Real(value) => value.into(),
        Cell::Flag(value) => value.into(),
    }
}

fn csv_failed(path: &Path, error: csv::Error) -> ScreenError {
    ScreenError::io("write", path)(error.into())
}

fn parquet_failed(path: &Path, error: &parquet::errors::ParquetError) -> ScreenError {
    ScreenError::Parquet { path: path.to_owned(), reason: error.to_string() }
}

fn schema(columns: &[(String, Kind)]) -> parquet::errors::Result<Arc<Type>> {
    let mut fields = Vec::new();
    for (name, kind) in columns {
        let (physical, logical) = match kind {
            Kind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Integer => (PhysicalType::INT64, None),
            Kind::Real => (PhysicalType::DOUBLE, None),
            Kind::Flag => (PhysicalType::BOOLEAN, None),
        };
        let column = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()?;
        fields.push(Arc::new(column));
    }
    Ok(Arc::new(Type::group_type_builder("screening").with_fields(fields).build()?))
}

fn write_group(
    out: &mut SerializedFileWriter<NamedTempFile>,
    columns: &[(String, Kind)],
    rows: &[Vec<Cell>],
) -> parquet::errors::Result<()> {
    let mut group = out.next_row_group()?;
    for (place, (_, kind)) in columns.iter().enumerate() {
        let Some(mut column) = group.next_column()? else { break };
        let cells = || rows.iter().map(|row| &row[place]);
        let levels: Vec<i16> =
            cells().map(|cell| i16::from(!matches!(cell, Cell::Missing))).collect();
        let levels = Some(&levels[..]);
        match kind {
            Kind::Text => {
                let values: Vec<ByteArray> = cells()
                    .filter_map(|cell| match cell {
                        Cell::Text(text) => Some(ByteArray::from(text.as_str())),
                        _ => None,
                    })
                    .collect();
                column.typed::<ByteArrayType>().write_batch(&values, levels, None)?;
            }
            Kind::Integer => {
                let values: Vec<i64> = cells()
                    .filter_map(|cell| match cell {
                        Cell::Integer(value) => Some(value.cast_signed()),
                        _ => None,
                    })
                    .collect();
                column.typed::<Int64Type>().write_batch(&values, levels, None)?;
            }
            Kind::Real => {
                let values: Vec<f64> = cells()
                    .filter_map(|cell| match cell {
                        Cell::Real(value) => Some(*value),
                        _ => None,
                    })
                    .collect();
                column.typed::<DoubleType>().write_batch(&values, levels, None)?;
            }
            Kind::Flag => {
                let values: Vec<bool> = cells()
                    .filter_map(|cell| match cell {
                        Cell::Flag(value) => Some(*value),
                        _ => None,
                    })
                    .collect();
                column.typed::<BoolType>().write_batch(&values, levels, None)?;
            }
        }
        column.close()?;
    }
    group.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    fn written(name: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join(name);
        let columns =
            [("a", Kind::Text), ("b", Kind::Integer), ("c", Kind::Real), ("d", Kind::Flag)];
        let columns = columns.map(|(name, kind)| (name.to_owned(), kind)).to_vec();
        let mut table = TableOut::create(&path, columns).expect("a table");
        let full = vec![
            Cell::Text("x, \"y\"".to_owned()),
            Cell::Integer(7),
            Cell::Real(0.1),
            Cell::Flag(true),
        ];
        table.write(full).expect("written");
        table.write(vec![Cell::Missing; 4]).expect("written");
        assert!(!path.exists(), "a file appears only when it is complete");
        table.finish().expect("finished");
        (directory, path)
    }

    #[test]
    fn every_form_holds_what_was_written_and_what_is_missing() {
        let (_directory, path) = written("t.csv");
        let text = std::fs::read_to_string(path).expect("the file");
        assert_eq!(text, "a,b,c,d\n\"x, \"\"y\"\"\",7,0.1,true\n,,,\n");
        let (_directory, path) = written("t.jsonl");
        let text = std::fs::read_to_string(path).expect("the file");
        assert_eq!(
            text,
            "{\"a\":\"x, \\\"y\\\"\",\"b\":7,\"c\":0.1,\"d\":true}\n\
             {\"a\":null,\"b\":null,\"c\":null,\"d\":null}\n"
        );
        let (_directory, path) = written("t.parquet");
        let file = std::fs::File::open(path).expect("the file");
        let reader = SerializedFileReader::new(file).expect("Parquet");
        let rows: Vec<_> =
            reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row")).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get_string(0).expect("text"), "x, \"y\"");
        assert_eq!(rows[0].get_long(1).expect("an integer"), 7);
        assert_eq!(rows[0].get_double(2).expect("a number"), 0.1);
        assert!(rows[0].get_bool(3).expect("a flag") && rows[1].get_bool(3).is_err());
    }

    #[test]
    fn an_unknown_extension_is_refused_before_anything_is_written() {
        let found = TableOut::create(Path::new("table.xls"), Vec::new());
        assert!(matches!(found, Err(ScreenError::Extension { .. })));
    }
}
