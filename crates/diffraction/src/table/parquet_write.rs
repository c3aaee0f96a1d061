//! Rows into Parquet: one column per grid point, zstd, the grid in the file's metadata.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use super::{Columns, Row};
use crate::Grid;

/// The metadata key under which the grid stands, as `start,step,points`.
pub(crate) const GRID_KEY: &str = "diffraction.grid";

/// A row group ends after this many rows …
const GROUP_ROWS: usize = 4096;

/// … or this many non-zero values, whichever comes first: 24 MB of buffers.
const GROUP_VALUES: usize = 4 << 20;

/// Writes a Parquet table.
pub(crate) struct ParquetWriter {
    writer: SerializedFileWriter<File>,
    columns: Columns,
    names: Vec<ByteArray>,
    ids: Vec<Option<ByteArray>>,
    formulas: Vec<Option<ByteArray>>,
    conductivities: Vec<Option<f64>>,
    labels: Vec<Option<i32>>,
    /// Non-zero values of the group: row, point, value, in the order of rows.
    values: Vec<(u16, u16, f32)>,
}

impl ParquetWriter {
    pub(crate) fn new(file: File, columns: Columns, grid: Option<Grid>) -> io::Result<Self> {
        let zstd = ZstdLevel::try_new(3).map_err(to_io)?;
        let grid = grid.map(|g| format!("{},{},{}", g.start(), g.step(), g.points()));
        let metadata = grid.map(|g| vec![KeyValue::new(GRID_KEY.to_owned(), g)]);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(zstd))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .set_key_value_metadata(metadata)
            .build();
        let schema = schema(columns).map_err(to_io)?;
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties));
        Ok(Self {
            writer: writer.map_err(to_io)?,
            columns,
            names: Vec::new(),
            ids: Vec::new(),
            formulas: Vec::new(),
            conductivities: Vec::new(),
            labels: Vec::new(),
            values: Vec::new(),
        })
    }

    pub(crate) fn write(&mut self, row: &Row) -> io::Result<()> {
        let text = |t: &Option<String>| t.as_deref().map(ByteArray::from);
        let number = self.names.len() as u16;
        self.names.push(ByteArray::from(row.name.as_str()));
        self.ids.push(text(&row.id));
        self.formulas.push(text(&row.formula));
        self.conductivities.push(row.conductivity);
        self.labels.push(row.label.map(i32::from));
        let pairs = row.indices.iter().zip(&row.values);
        self.values.extend(pairs.map(|(&point, &value)| (number, point, value)));
        if self.names.len() >= GROUP_ROWS || self.values.len() >= GROUP_VALUES {
            self.flush().map_err(to_io)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<File> {
        if !self.names.is_empty() {
            self.flush().map_err(to_io)?;
        }
        self.writer.into_inner().map_err(to_io)
    }

    /// Writes the buffered rows as a row group, column by column.
    fn flush(&mut self) -> Result<(), ParquetError> {
        let rows = self.names.len();
        let mut group = self.writer.next_row_group()?;
        if self.columns.has_formula {
            write_optional::<ByteArrayType>(&mut group, &self.formulas)?;
        }
        if self.columns.has_id {
            write_optional::<ByteArrayType>(&mut group, &self.ids)?;
        }
        write_column(&mut group, |column| {
            column.typed::<ByteArrayType>().write_batch(&self.names, None, None)
        })?;
        if self.columns.has_conductivity {
            write_optional::<DoubleType>(&mut group, &self.conductivities)?;
        }
        if self.columns.has_label {
            write_optional::<Int32Type>(&mut group, &self.labels)?;
        }
        self.values.sort_unstable_by_key(|&(row, point, _)| (point, row));
        let mut dense = vec![0.0_f32; rows];
        let mut left = self.values.as_slice();
        for point in 0..self.columns.points {
            let (here, after) =
                left.split_at(left.partition_point(|&(_, p, _)| usize::from(p) <= point));
            left = after;
            for &(row, _, value) in here {
                dense[usize::from(row)] = value;
            }
            write_column(&mut group, |column| {
                column.typed::<FloatType>().write_batch(&dense, None, None)
            })?;
            for &(row, _, _) in here {
                dense[usize::from(row)] = 0.0;
            }
        }
        group.close()?;
        self.names.clear();
        self.ids.clear();
        self.formulas.clear();
        self.conductivities.clear();
        self.labels.clear();
        self.values.clear();
        Ok(())
    }
}

fn schema(columns: Columns) -> Result<Type, ParquetError> {
    let mut fields = Vec::with_capacity(columns.points + 5);
    for name in columns.names() {
        let (physical, logical, repetition) = match name.as_str() {
            "name" => (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::REQUIRED),
            "formula_id" | "index" => {
                (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::OPTIONAL)
            }
            "condutivity" => (Physical::DOUBLE, None, Repetition::OPTIONAL),
            "label" => (Physical::INT32, None, Repetition::OPTIONAL),
            _ => (Physical::FLOAT, None, Repetition::REQUIRED),
        };
        let field = Type::primitive_type_builder(&name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build()?;
        fields.push(Arc::new(field));
    }
    Type::group_type_builder("patterns").with_fields(fields).build()
}

fn write_column(
    group: &mut SerializedRowGroupWriter<'_, File>,
    write: impl FnOnce(
        &mut parquet::file::writer::SerializedColumnWriter<'_>,
    ) -> Result<usize, ParquetError>,
) -> Result<(), ParquetError> {
    let column = group.next_column()?;
    let mut column = column.ok_or_else(|| ParquetError::General("no column left".into()))?;
    write(&mut column)?;
    column.close()
}

fn write_optional<D: parquet::data_type::DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    cells: &[Option<D::T>],
) -> Result<(), ParquetError> {
    let values: Vec<D::T> = cells.iter().flatten().cloned().collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    write_column(group, |column| column.typed::<D>().write_batch(&values, Some(&levels), None))
}

/// Keeps an operating-system error what it is.
fn to_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(io) => *io,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
