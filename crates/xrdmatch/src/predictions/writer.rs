//! Predictions written part by part, for tables of any length: CSV, JSON lines or Parquet.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use tempfile::NamedTempFile;

use super::Predictions;
use crate::disk::{persist, temporary_beside};

/// Writes predictions part by part into a file that appears, whole, with [`Self::finish`].
///
/// The form follows the file's extension: `.csv`, `.jsonl` (or `.ndjson`), `.parquet`. The columns
/// are `name`, `truth`, `p0`, `p1`, … and `logit0`, `logit1`, ….
#[derive(Debug)]
pub struct PredictionWriter {
    path: PathBuf,
    classes: usize,
    out: Form,
}

#[derive(Debug)]
enum Form {
    Csv { out: BufWriter<NamedTempFile>, begun: bool },
    JsonLines(BufWriter<NamedTempFile>),
    Parquet(Box<SerializedFileWriter<NamedTempFile>>),
}

/// Why predictions could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WritePredictionsError {
    /// The extension is none of the known ones.
    #[error("{path} ends in none of .csv, .jsonl and .parquet")]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The Parquet library refused.
    #[error("write {path}: {reason}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
}

impl PredictionWriter {
    /// Begins a file of predictions with logits over `classes` classes.
    ///
    /// # Errors
    /// If the extension is unknown or the directory cannot be written to.
    pub fn create(path: &Path, classes: usize) -> Result<Self, WritePredictionsError> {
        let owned = || path.to_owned();
        let temporary = || {
            temporary_beside(path)
                .map_err(|source| WritePredictionsError::Write { path: owned(), source })
        };
        let extension =
            path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let out = match extension.to_ascii_lowercase().as_str() {
            "csv" => Form::Csv { out: BufWriter::new(temporary()?), begun: false },
            "jsonl" | "ndjson" => Form::JsonLines(BufWriter::new(temporary()?)),
            "parquet" => {
                let writer = SerializedFileWriter::new(temporary()?, schema(classes), properties());
                let failed = |reason: parquet::errors::ParquetError| {
                    WritePredictionsError::Parquet { path: owned(), reason: reason.to_string() }
                };
                Form::Parquet(Box::new(writer.map_err(failed)?))
            }
            _ => return Err(WritePredictionsError::Extension { path: owned() }),
        };
        Ok(Self { path: owned(), classes, out })
    }

    /// Writes some more predictions.
    ///
    /// # Errors
    /// If the system refuses.
    ///
    /// # Panics
    /// If the number of classes is another, or the logits are missing: our own bug.
    pub fn write(&mut self, predictions: &Predictions) -> Result<(), WritePredictionsError> {
        assert_eq!(predictions.classes(), self.classes);
        assert!(predictions.logits().is_some(), "predictions of a network have logits");
        let failed = |source| WritePredictionsError::Write { path: self.path.clone(), source };
        match &mut self.out {
            Form::Csv { out, begun } => {
                let mut text = Vec::new();
                predictions.write_csv(&mut text).map_err(failed)?;
                let header = text.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
                let from = if *begun { header } else { 0 };
                *begun = true;
                out.write_all(&text[from..]).map_err(failed)
            }
            Form::JsonLines(out) => predictions.write_json_lines(out).map_err(failed),
            Form::Parquet(out) => {
                write_group(out, predictions).map_err(|error| WritePredictionsError::Parquet {
                    path: self.path.clone(),
                    reason: error.to_string(),
                })
            }
        }
    }

    /// Completes the file: sync, rename.
    ///
    /// # Errors
    /// If the system refuses; no file appears then.
    pub fn finish(self) -> Result<(), WritePredictionsError> {
        let path = self.path;
        let failed = |source| WritePredictionsError::Write { path: path.clone(), source };
        let file = match self.out {
            Form::Csv { out, .. } | Form::JsonLines(out) => {
                out.into_inner().map_err(|error| failed(error.into_error()))?
            }
            Form::Parquet(out) => out.into_inner().map_err(|error| {
                WritePredictionsError::Parquet { path: path.clone(), reason: error.to_string() }
            })?,
        };
        persist(file, &path).map_err(failed)
    }
}

fn properties() -> Arc<WriterProperties> {
    Arc::new(
        WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build(),
    )
}

#[expect(clippy::expect_used, reason = "a schema without user input, covered by a test")]
fn schema(classes: usize) -> Arc<Type> {
    let column = |name: &str, kind, repetition| {
        let text = (kind == PhysicalType::BYTE_ARRAY).then_some(LogicalType::String);
        let column = Type::primitive_type_builder(name, kind)
            .with_repetition(repetition)
            .with_logical_type(text)
            .build();
        Arc::new(column.expect("a valid column"))
    };
    let mut fields = vec![
        column("name", PhysicalType::BYTE_ARRAY, Repetition::REQUIRED),
        column("truth", PhysicalType::INT32, Repetition::OPTIONAL),
    ];
    for class in 0..classes {
        fields.push(column(&format!("p{class}"), PhysicalType::DOUBLE, Repetition::REQUIRED));
    }
    for class in 0..classes {
        fields.push(column(&format!("logit{class}"), PhysicalType::FLOAT, Repetition::REQUIRED));
    }
    let schema = Type::group_type_builder("predictions").with_fields(fields).build();
    Arc::new(schema.expect("a valid schema"))
}

/// Writes one row group.
fn write_group(
    out: &mut SerializedFileWriter<NamedTempFile>,
    predictions: &Predictions,
) -> parquet::errors::Result<()> {
    let classes = predictions.classes();
    let mut group = out.next_row_group()?;
    let mut place = 0;
    while let Some(mut column) = group.next_column()? {
        match place {
            0 => {
                let names: Vec<ByteArray> = predictions
                    .samples()
                    .iter()
                    .map(|sample| ByteArray::from(sample.name.as_str()))
                    .collect();
                column.typed::<ByteArrayType>().write_batch(&names, None, None)?;
            }
            1 => {
                let truths: Vec<Option<u8>> =
                    predictions.samples().iter().map(|sample| sample.truth).collect();
                let known: Vec<i32> =
                    truths.iter().flatten().map(|&truth| i32::from(truth)).collect();
                let levels: Vec<i16> =
                    truths.iter().map(|truth| i16::from(truth.is_some())).collect();
                column.typed::<Int32Type>().write_batch(&known, Some(&levels), None)?;
            }
            place if place < 2 + classes => {
                let class = place - 2;
                let values: Vec<f64> =
                    predictions.iter().map(|row| row.probabilities[class]).collect();
                column.typed::<DoubleType>().write_batch(&values, None, None)?;
            }
            place => {
                let class = place - 2 - classes;
                let values: Vec<f32> = predictions
                    .iter()
                    .map(|row| row.logits.map_or(f32::NAN, |logits| logits[class]))
                    .collect();
                column.typed::<FloatType>().write_batch(&values, None, None)?;
            }
        }
        column.close()?;
        place += 1;
    }
    group.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictions::Sample;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    fn parts() -> [Predictions; 2] {
        let part =
            |samples, logits| Predictions::from_logits(2, samples, logits).expect("predictions");
        [
            part(vec![Sample::new("a", 0), Sample::new("b, c", None)], vec![0.5, -1.0, 2.0, 3.0]),
            part(vec![Sample::new("d", 1)], vec![0.0, 0.0]),
        ]
    }

    fn written(name: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join(name);
        let mut writer = PredictionWriter::create(&path, 2).expect("a writer");
        for part in &parts() {
            writer.write(part).expect("written");
            assert!(!path.exists(), "a file appears only when it is complete");
        }
        writer.finish().expect("finished");
        (directory, path)
    }

    #[test]
    fn parts_make_one_table() {
        for name in ["p.csv", "p.jsonl"] {
            let (_directory, path) = written(name);
            let back = Predictions::load(&path).expect("read back");
            assert_eq!(back.len(), 3);
            assert_eq!(back.row(1).name, "b, c");
            assert_eq!(back.row(2).probabilities, [0.5, 0.5]);
            assert_eq!(back.row(0).logits, Some(&[0.5f32, -1.0][..]));
        }
    }

    #[test]
    fn parquet_holds_every_column() {
        let (_directory, path) = written("p.parquet");
        let reader = SerializedFileReader::new(std::fs::File::open(&path).expect("the file"))
            .expect("Parquet");
        let rows: Vec<_> =
            reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row")).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1].get_string(0).expect("a name"), "b, c");
        assert!(rows[1].get_int(1).is_err(), "an unknown truth is null");
        assert_eq!(rows[2].get_int(1).expect("a truth"), 1);
        assert_eq!(rows[2].get_double(3).expect("a probability"), 0.5);
        assert_eq!(rows[0].get_float(5).expect("a logit"), -1.0);
    }

    #[test]
    fn an_unknown_extension_is_refused_before_anything_is_written() {
        let path = Path::new("predictions.xls");
        assert!(matches!(
            PredictionWriter::create(path, 2),
            Err(WritePredictionsError::Extension { .. })
        ));
    }
}
