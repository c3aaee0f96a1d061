//! Rows out of Parquet.
//!
//! A row group is read column by column, its zeros left out, and turned into rows. The sources of
//! a value may be any numeric type; nulls are errors where a number is needed.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::columns::{Header, Role};
use super::error::excerpt;
use super::parquet_write::GRID_KEY;
use super::text_read::refill;
use super::{Columns, Place, Row, TableError};
use crate::Grid;

/// Cells decoded at once.
const BATCH: usize = 4096;

/// The most non-zero values of a row group: 512 MB. A group of 4,096 dense patterns of 4,501
/// points has 18 million.
const MAX_GROUP_VALUES: usize = 1 << 26;

/// Reads a Parquet table row group by row group.
pub(crate) struct ParquetReader {
    path: PathBuf,
    file: SerializedFileReader<File>,
    header: Header,
    grid: Option<Grid>,
    next_group: usize,
    group: Group,
    /// The next row of `group`.
    next: usize,
    rows_before: u64,
}

/// The rows of a row group, by column; of the values only the non-zero ones, by row.
#[derive(Default)]
struct Group {
    rows: usize,
    names: Vec<Cell>,
    ids: Vec<Cell>,
    formulas: Vec<Cell>,
    conductivities: Vec<Cell>,
    labels: Vec<Cell>,
    /// Row `r` has `indices[starts[r]..starts[r + 1]]`.
    starts: Vec<usize>,
    indices: Vec<u16>,
    values: Vec<f32>,
}

/// A cell of whatever type.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(ByteArray),
}

impl ParquetReader {
    pub(crate) fn open(path: &Path, file: File) -> Result<Self, TableError> {
        let file = SerializedFileReader::new(file).map_err(|e| damaged(path, &e))?;
        let schema = file.metadata().file_metadata().schema_descr();
        let mut names = Vec::with_capacity(schema.num_columns());
        for column in schema.columns() {
            if column.max_rep_level() > 0 || column.path().parts().len() > 1 {
                return Err(TableError::ColumnType {
                    path: path.to_path_buf(),
                    column: column.path().string(),
                    found: "a list or a group".into(),
                    expected: "one number or text per row",
                });
            }
            names.push(column.name().to_owned());
        }
        let header = Header::parse(path, &names)?;
        for (column, &role) in schema.columns().iter().zip(&header.roles) {
            check_type(path, column, role)?;
        }
        if file.metadata().file_metadata().num_rows() <= 0 {
            return Err(TableError::NoRows { path: path.to_path_buf() });
        }
        let grid = stored_grid(path, &file, header.columns.points)?;
        let path = path.to_path_buf();
        let group = Group::default();
        Ok(Self { path, file, header, grid, next_group: 0, group, next: 0, rows_before: 0 })
    }

    pub(crate) fn columns(&self) -> Columns {
        self.header.columns
    }

    pub(crate) fn grid(&self) -> Option<Grid> {
        self.grid
    }

    pub(crate) fn read(&mut self, row: &mut Row) -> Result<bool, TableError> {
        while self.next == self.group.rows {
            if self.next_group == self.file.num_row_groups() {
                row.clear();
                return Ok(false);
            }
            self.rows_before += self.group.rows as u64;
            self.read_group()?;
            self.next = 0;
        }
        let place = self.place(self.next);
        self.group.row(self.next, row, place)?;
        self.next += 1;
        Ok(true)
    }

    fn place(&self, row: usize) -> Place {
        let line = self.rows_before + row as u64 + 1;
        Place { path: self.path.clone(), line, is_row: true }
    }

    fn read_group(&mut self) -> Result<(), TableError> {
        let reader =
            self.file.get_row_group(self.next_group).map_err(|e| damaged(&self.path, &e))?;
        self.next_group += 1;
        let rows = usize::try_from(reader.metadata().num_rows())
            .ok()
            .filter(|&rows| u32::try_from(rows).is_ok())
            .ok_or_else(|| TableError::RowGroup {
                path: self.path.clone(),
                group: self.next_group,
                limit: MAX_GROUP_VALUES,
            })?;
        let mut group = Group { rows, ..Group::default() };
        let mut triplets: Vec<(u32, u16, f32)> = Vec::new();
        let schema = self.file.metadata().file_metadata().schema_descr();
        // The names first: every complaint about a value wants to tell one.
        let name_first = |by_name: bool| {
            self.header
                .roles
                .iter()
                .enumerate()
                .filter(move |&(_, &role)| (role == Role::Name) == by_name)
        };
        for (at, &role) in name_first(true).chain(name_first(false)) {
            let descriptor = &schema.columns()[at];
            let column = reader.get_column_reader(at).map_err(|e| damaged(&self.path, &e))?;
            let mut cells = Cells::new(column, descriptor);
            let mut read = 0;
            loop {
                let batch = cells.read().map_err(|e| damaged(&self.path, &e))?;
                if batch.is_empty() {
                    break;
                }
                if let Role::Value(point) = role {
                    for (i, cell) in batch.iter().enumerate() {
                        let value = self.intensity(cell, point, read + i, &group.names)?;
                        if value > 0.0 {
                            triplets.push(((read + i) as u32, point, value));
                        }
                    }
                    if triplets.len() > MAX_GROUP_VALUES {
                        return Err(TableError::RowGroup {
                            path: self.path.clone(),
                            group: self.next_group,
                            limit: MAX_GROUP_VALUES,
                        });
                    }
                } else {
                    group.cells(role).extend_from_slice(batch);
                }
                read += batch.len();
            }
            if read != rows {
                let detail =
                    format!("column `{}` has {read} cells, expected {rows}", descriptor.name());
                return Err(TableError::Damaged { path: self.path.clone(), detail });
            }
        }
        group.sort(&triplets, self.header.values_from.is_none());
        self.group = group;
        Ok(())
    }

    fn intensity(
        &self,
        cell: &Cell,
        point: u16,
        row: usize,
        names: &[Cell],
    ) -> Result<f32, TableError> {
        let value = match *cell {
            Cell::Integer(value) => value as f64,
            Cell::Real(value) => value,
            Cell::Null | Cell::Text(_) => f64::NAN,
        };
        let narrow = value as f32;
        if narrow.is_finite() && narrow >= 0.0 {
            return Ok(narrow);
        }
        let place = self.place(row);
        let sample = names.get(row).and_then(Cell::text).unwrap_or_default();
        let column = format!("v{}", u32::from(point) + 1);
        let found = value.to_string();
        Err(match cell {
            Cell::Null | Cell::Text(_) => TableError::EmptyCell { place, sample, column },
            _ if narrow.is_finite() => TableError::Negative { place, sample, column, found },
            _ => TableError::NotFinite { place, sample, column, found },
        })
    }
}

impl Group {
    fn cells(&mut self, role: Role) -> &mut Vec<Cell> {
        match role {
            Role::Formula => &mut self.formulas,
            Role::Id => &mut self.ids,
            Role::Name => &mut self.names,
            Role::Conductivity => &mut self.conductivities,
            Role::Label => &mut self.labels,
            Role::Value(_) => unreachable!("values are kept sparse"),
        }
    }

    /// Turns values by column into values by row.
    fn sort(&mut self, triplets: &[(u32, u16, f32)], out_of_order: bool) {
        self.starts = vec![0; self.rows + 1];
        for &(row, ..) in triplets {
            self.starts[row as usize + 1] += 1;
        }
        for row in 0..self.rows {
            self.starts[row + 1] += self.starts[row];
        }
        self.indices = vec![0; triplets.len()];
        self.values = vec![0.0; triplets.len()];
        let mut next = self.starts.clone();
        for &(row, point, value) in triplets {
            let at = &mut next[row as usize];
            self.indices[*at] = point;
            self.values[*at] = value;
            *at += 1;
        }
        if out_of_order {
            for bounds in self.starts.windows(2) {
                let span = bounds[0]..bounds[1];
                let (indices, values) = (&mut self.indices[span.clone()], &mut self.values[span]);
                let mut pairs: Vec<(u16, f32)> =
                    indices.iter().copied().zip(values.iter().copied()).collect();
                pairs.sort_unstable_by_key(|&(point, _)| point);
                for (at, (point, value)) in pairs.into_iter().enumerate() {
                    indices[at] = point;
                    values[at] = value;
                }
            }
        }
    }

    fn row(&self, at: usize, row: &mut Row, place: Place) -> Result<(), TableError> {
        row.clear();
        match self.names[at].text() {
            None => return Err(TableError::NotUtf8 { place, column: "name".into() }),
            Some(name) if name.trim().is_empty() => return Err(TableError::NoName { place }),
            Some(name) => row.name.push_str(name.trim()),
        }
        for (cells, slot, column) in
            [(&self.formulas, &mut row.formula, "formula_id"), (&self.ids, &mut row.id, "index")]
        {
            match cells.get(at).map(Cell::text) {
                None => *slot = None,
                Some(Some(text)) => refill(slot, text.trim()),
                Some(None) => return Err(TableError::NotUtf8 { place, column: column.into() }),
            }
        }
        let sample = || row.name.clone();
        let text = |cell: &Cell| cell.text().unwrap_or_default().trim().to_owned();
        if let Some(cell) = self.conductivities.get(at) {
            let column = "condutivity".to_owned();
            let value = match cell {
                Cell::Null => None,
                Cell::Integer(value) => Some(*value as f64),
                Cell::Real(value) => Some(*value),
                Cell::Text(_) if text(cell).is_empty() => None,
                Cell::Text(bytes) => match text(cell).parse() {
                    Ok(value) => Some(value),
                    Err(_) => {
                        let found = excerpt(bytes.data());
                        return Err(TableError::NotANumber {
                            place,
                            sample: sample(),
                            column,
                            found,
                        });
                    }
                },
            };
            if let Some(value) = value {
                let found = value.to_string();
                if !value.is_finite() {
                    return Err(TableError::NotFinite { place, sample: sample(), column, found });
                }
                if value < 0.0 {
                    return Err(TableError::Negative { place, sample: sample(), column, found });
                }
            }
            row.conductivity = value;
        }
        if let Some(cell) = self.labels.get(at) {
            let label = match cell {
                Cell::Null => None,
                Cell::Integer(value) => Some(u8::try_from(*value).ok()),
                Cell::Real(value) => Some(
                    (0.0..=255.0)
                        .contains(value)
                        .then_some(*value as u8)
                        .filter(|&l| f64::from(l) == *value),
                ),
                Cell::Text(_) if text(cell).is_empty() => None,
                Cell::Text(_) => Some(text(cell).parse().ok()),
            };
            row.label = match label {
                Some(None) => {
                    let found = cell.text().unwrap_or_default();
                    return Err(TableError::Label { place, sample: sample(), found });
                }
                Some(label) => label,
                None => None,
            };
        }
        let span = self.starts[at]..self.starts[at + 1];
        row.indices.extend_from_slice(&self.indices[span.clone()]);
        row.values.extend_from_slice(&self.values[span]);
        Ok(())
    }
}

impl Cell {
    /// The cell as text: empty for null, `None` when it is not UTF-8.
    fn text(&self) -> Option<String> {
        match self {
            Self::Null => Some(String::new()),
            Self::Integer(value) => Some(value.to_string()),
            Self::Real(value) => Some(value.to_string()),
            Self::Text(bytes) => std::str::from_utf8(bytes.data()).ok().map(str::to_owned),
        }
    }
}

/// The cells of a column chunk, in batches.
struct Cells {
    column: ColumnReader,
    /// Whether a cell can be null: the definition level of a value is then 1.
    is_optional: bool,
    unsigned: bool,
    half: bool,
    scale: i32,
    levels: Vec<i16>,
    batch: Vec<Cell>,
}

impl Cells {
    fn new(column: ColumnReader, descriptor: &ColumnDescriptor) -> Self {
        let unsigned = matches!(
            descriptor.converted_type(),
            ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64
        );
        let is_decimal = descriptor.converted_type() == ConvertedType::DECIMAL;
        Self {
            column,
            is_optional: descriptor.max_def_level() > 0,
            unsigned,
            half: descriptor.logical_type_ref() == Some(&LogicalType::Float16),
            scale: if is_decimal { descriptor.type_scale() } else { 0 },
            levels: Vec::new(),
            batch: Vec::new(),
        }
    }

    /// The next batch; empty at the end.
    fn read(&mut self) -> Result<&[Cell], ParquetError> {
        self.levels.clear();
        self.batch.clear();
        let (levels, batch, optional) = (&mut self.levels, &mut self.batch, self.is_optional);
        let (unsigned, half, divisor) = (self.unsigned, self.half, 10_f64.powi(self.scale));
        let integer = |value: i64| {
            if divisor == 1.0 { Cell::Integer(value) } else { Cell::Real(value as f64 / divisor) }
        };
        match &mut self.column {
            ColumnReader::BoolColumnReader(c) => {
                fill(c, optional, levels, batch, |v| Cell::Integer(i64::from(v)))
            }
            ColumnReader::Int32ColumnReader(c) => fill(c, optional, levels, batch, |v| {
                integer(if unsigned { i64::from(v as u32) } else { i64::from(v) })
            }),
            ColumnReader::Int64ColumnReader(c) => fill(c, optional, levels, batch, |v| {
                if unsigned && v < 0 { Cell::Real(v as u64 as f64) } else { integer(v) }
            }),
            ColumnReader::FloatColumnReader(c) => {
                fill(c, optional, levels, batch, |v| Cell::Real(f64::from(v)))
            }
            ColumnReader::DoubleColumnReader(c) => fill(c, optional, levels, batch, Cell::Real),
            ColumnReader::ByteArrayColumnReader(c) => fill(c, optional, levels, batch, Cell::Text),
            ColumnReader::FixedLenByteArrayColumnReader(c) => {
                fill(c, optional, levels, batch, |v| match *v.data() {
                    [low, high] if half => Cell::Real(half_to_f64(u16::from_le_bytes([low, high]))),
                    _ => Cell::Null,
                })
            }
            ColumnReader::Int96ColumnReader(c) => fill(c, optional, levels, batch, |_| Cell::Null),
        }?;
        Ok(&self.batch)
    }
}

fn fill<D: DataType>(
    column: &mut ColumnReaderImpl<D>,
    is_optional: bool,
    levels: &mut Vec<i16>,
    batch: &mut Vec<Cell>,
    cell: impl Fn(D::T) -> Cell,
) -> Result<(), ParquetError> {
    let mut values: Vec<D::T> = Vec::with_capacity(BATCH);
    let wanted = is_optional.then_some(&mut *levels);
    let (rows, ..) = column.read_records(BATCH, wanted, None, &mut values)?;
    let mut values = values.into_iter().map(cell);
    if is_optional {
        let null =
            |level: &i16| if *level > 0 { values.next().unwrap_or(Cell::Null) } else { Cell::Null };
        batch.extend(levels.iter().take(rows).map(null));
    } else {
        batch.extend(values.take(rows));
    }
    Ok(())
}

/// IEEE 754 half precision.
fn half_to_f64(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    match exponent {
        0 => sign * fraction * 2_f64.powi(-14),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        _ => sign * (1.0 + fraction) * 2_f64.powi(exponent - 15),
    }
}

fn check_type(path: &Path, column: &ColumnDescriptor, role: Role) -> Result<(), TableError> {
    let physical = column.physical_type();
    let is_half = column.logical_type_ref() == Some(&LogicalType::Float16);
    let is_number = match physical {
        Physical::INT32 | Physical::INT64 | Physical::FLOAT | Physical::DOUBLE => true,
        Physical::FIXED_LEN_BYTE_ARRAY => is_half,
        Physical::BOOLEAN | Physical::BYTE_ARRAY | Physical::INT96 => false,
    };
    let is_text =
        physical == Physical::BYTE_ARRAY && column.converted_type() != ConvertedType::DECIMAL;
    let (fits, expected) = match role {
        Role::Value(_) => (is_number, "a number"),
        Role::Label => (is_number || is_text || physical == Physical::BOOLEAN, "an integer"),
        Role::Conductivity => (is_number || is_text, "a number"),
        Role::Name | Role::Id | Role::Formula => (is_number || is_text, "text"),
    };
    if fits {
        return Ok(());
    }
    let found = match column.logical_type_ref() {
        Some(logical) => format!("{physical} ({logical:?})"),
        None => physical.to_string(),
    };
    Err(TableError::ColumnType {
        path: path.to_path_buf(),
        column: column.name().to_owned(),
        found,
        expected,
    })
}

/// The grid in the file's metadata, if it is there.
fn stored_grid(
    path: &Path,
    file: &SerializedFileReader<File>,
    points: usize,
) -> Result<Option<Grid>, TableError> {
    let pairs = file.metadata().file_metadata().key_value_metadata();
    let Some(text) = pairs
        .and_then(|pairs| pairs.iter().find(|pair| pair.key == GRID_KEY))
        .and_then(|pair| pair.value.as_deref())
    else {
        return Ok(None);
    };
    let numbers: Vec<f64> = text.split(',').map_while(|n| n.trim().parse().ok()).collect();
    match numbers[..] {
        [start, step, stored] if stored == points as f64 => {
            Grid::new(start, step, points).map(Some).map_err(|e| e.to_string())
        }
        _ => Err(format!("its grid reads `{}`", excerpt(text.as_bytes()))),
    }
    .map_err(|detail| TableError::Damaged { path: path.to_path_buf(), detail })
}

fn damaged(path: &Path, error: &ParquetError) -> TableError {
    let path = path.to_path_buf();
    match error {
        ParquetError::EOF(_) => TableError::Truncated { path, container: "Parquet", rows: 0 },
        other => TableError::Damaged { path, detail: other.to_string() },
    }
}
