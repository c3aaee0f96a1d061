//! The opinion on every sample by those members that never trained on it, and files of them.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde::{Deserialize, Serialize};

use super::{Evidence, ProtocolError, ProtocolSettings};
use crate::calibrate::{CalibrationMethod, cross_fit};
use crate::disk::{persist, temporary_beside, write_atomically};
use crate::ensemble::{Combined, Opinions};
use crate::predictions::{Predictions, Sample};

/// What the members that never trained on a sample say about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleOpinion {
    /// Its name.
    pub name: String,
    /// Its true class.
    pub truth: Option<u8>,
    /// Members that may judge it.
    pub judges: usize,
    /// Of them, those that call it positive.
    pub votes: usize,
    /// Mean over them of the probability of the positive class.
    pub mean: f64,
    /// Its standard deviation over them; 0 for one.
    pub sd: f64,
    /// Its smallest.
    pub minimum: f64,
    /// Its largest.
    pub maximum: f64,
    /// By the stack whose weights other samples gave.
    pub stacked: Option<f64>,
    /// The mean, calibrated (Platt) by other samples.
    pub calibrated: Option<f64>,
}

/// The opinions on all samples that any member may judge, in the order of the labelled file.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfBag {
    samples: Vec<SampleOpinion>,
}

impl OutOfBag {
    pub(super) fn of(
        evidence: &Evidence,
        mean: &Combined,
        stacked: Option<Combined>,
        settings: &ProtocolSettings,
    ) -> Result<Self, ProtocolError> {
        let panel = evidence.panel()?.out_of_bag();
        let method = CalibrationMethod::Platt;
        let calibrated = cross_fit(&mean.predictions, method, settings.folds(), settings.seed).ok();
        let stacked: Option<Vec<f64>> = stacked.map(|all| all.predictions.scores().collect());
        let opinions = panel.opinions();
        let judged = panel.samples().iter().zip(opinions).filter_map(|(s, o)| Some((s, o?)));
        let opinion = |(row, (sample, opinions)): (usize, (&Sample, Opinions))| {
            let Opinions { probability, votes } = opinions;
            SampleOpinion {
                name: sample.name.clone(),
                truth: sample.truth,
                judges: probability.count,
                votes,
                mean: probability.mean,
                sd: probability.sd,
                minimum: probability.minimum,
                maximum: probability.maximum,
                stacked: stacked.as_ref().and_then(|all| all.get(row)).copied(),
                calibrated: calibrated.as_ref().map(|all| all.row(row).score()),
            }
        };
        Ok(Self { samples: judged.enumerate().map(opinion).collect() })
    }

    /// The opinions.
    #[must_use]
    pub fn samples(&self) -> &[SampleOpinion] {
        &self.samples
    }

    /// The means as predictions.
    ///
    /// # Errors
    /// [`ProtocolError::Invalid`], never of a report's own opinions.
    pub fn mean(&self) -> Result<Predictions, ProtocolError> {
        let sample = |s: &SampleOpinion| Sample::new(s.name.clone(), s.truth);
        let samples = self.samples.iter().map(sample).collect();
        let probabilities = self.samples.iter().flat_map(|s| [s.mean, 1.0 - s.mean]).collect();
        Ok(Predictions::new(2, samples, probabilities)?)
    }

    /// Writes them as a table whose form follows the file's extension: `.csv`, `.jsonl`, `.parquet`.
    /// Columns: `name`, `truth`, `judges`, `votes`, `mean`, `sd`, `minimum`, `maximum`, `stacked`,
    /// `calibrated`; all probabilities are those of class 0.
    ///
    /// # Errors
    /// [`ProtocolError::Write`]; no file appears then.
    pub fn write(&self, path: &Path) -> Result<(), ProtocolError> {
        let failed = |reason: String| ProtocolError::Write { path: path.to_owned(), reason };
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let text = match extension.to_ascii_lowercase().as_str() {
            "csv" => self.csv().map_err(|error| failed(error.to_string()))?,
            "jsonl" | "ndjson" => self.json_lines().map_err(|error| failed(error.to_string()))?,
            "parquet" => return self.parquet(path).map_err(failed),
            _ => {
                return Err(failed(
                    "its name ends in none of .csv, .jsonl and .parquet".to_owned(),
                ));
            }
        };
        write_atomically(path, &text).map_err(|error| failed(error.to_string()))
    }

    fn csv(&self) -> std::io::Result<Vec<u8>> {
        let mut table = csv::Writer::from_writer(Vec::new());
        table.write_record(COLUMNS)?;
        for sample in &self.samples {
            let optional = |value: Option<f64>| value.map(|v| format!("{v:?}")).unwrap_or_default();
            let mut cells = vec![
                sample.name.clone(),
                sample.truth.map(|truth| truth.to_string()).unwrap_or_default(),
                sample.judges.to_string(),
                sample.votes.to_string(),
            ];
            cells.extend(sample.numbers().map(optional));
            table.write_record(&cells)?;
        }
        table.into_inner().map_err(csv::IntoInnerError::into_error)
    }

    fn json_lines(&self) -> serde_json::Result<Vec<u8>> {
        let mut text = Vec::new();
        for sample in &self.samples {
            serde_json::to_writer(&mut text, sample)?;
            text.push(b'\n');
        }
        Ok(text)
    }

    fn parquet(&self, path: &Path) -> Result<(), String> {
        let refused = |error: parquet::errors::ParquetError| error.to_string();
        let file = temporary_beside(path).map_err(|error| error.to_string())?;
        let mut writer =
            SerializedFileWriter::new(file, schema(), Default::default()).map_err(refused)?;
        let mut group = writer.next_row_group().map_err(refused)?;
        let mut place = 0;
        while let Some(mut column) = group.next_column().map_err(refused)? {
            let written = match place {
                0 => {
                    let names: Vec<ByteArray> =
                        self.samples.iter().map(|s| ByteArray::from(s.name.as_str())).collect();
                    column.typed::<ByteArrayType>().write_batch(&names, None, None)
                }
                1..=3 => {
                    let count = |count: usize| i32::try_from(count).ok();
                    let value = |s: &SampleOpinion| match place {
                        1 => s.truth.map(i32::from),
                        2 => count(s.judges),
                        _ => count(s.votes),
                    };
                    let (known, levels) = present(self.samples.iter().map(value));
                    column.typed::<Int32Type>().write_batch(&known, Some(&levels), None)
                }
                _ => {
                    let value = |s: &SampleOpinion| s.numbers()[place - 4];
                    let (known, levels) = present(self.samples.iter().map(value));
                    column.typed::<DoubleType>().write_batch(&known, Some(&levels), None)
                }
            };
            written.map_err(refused)?;
            column.close().map_err(refused)?;
            place += 1;
        }
        group.close().map_err(refused)?;
        let mut file = writer.into_inner().map_err(refused)?;
        file.flush().and_then(|()| persist(file, path)).map_err(|error| error.to_string())
    }
}

const COLUMNS: [&str; 10] = [
    "name",
    "truth",
    "judges",
    "votes",
    "mean",
    "sd",
    "minimum",
    "maximum",
    "stacked",
    "calibrated",
];

impl SampleOpinion {
    fn numbers(&self) -> [Option<f64>; 6] {
        let Self { mean, sd, minimum, maximum, stacked, calibrated, .. } = *self;
        [Some(mean), Some(sd), Some(minimum), Some(maximum), stacked, calibrated]
    }
}

/// The values that are there, and for each row whether its is.
fn present<T>(values: impl Iterator<Item = Option<T>>) -> (Vec<T>, Vec<i16>) {
    let mut levels = Vec::new();
    let known = values.inspect(|value| levels.push(i16::from(value.is_some()))).flatten().collect();
    (known, levels)
}

#[expect(clippy::expect_used, reason = "a schema without user input, covered by a test")]
fn schema() -> Arc<Type> {
    let column = |(place, name): (usize, &&str)| {
        let (kind, repetition) = match place {
            0 => (PhysicalType::BYTE_ARRAY, Repetition::REQUIRED),
            1..=3 => (PhysicalType::INT32, Repetition::OPTIONAL),
            _ => (PhysicalType::DOUBLE, Repetition::OPTIONAL),
        };
        let column = Type::primitive_type_builder(name, kind)
            .with_repetition(repetition)
            .with_logical_type((place == 0).then_some(LogicalType::String))
            .build();
        Arc::new(column.expect("a valid column"))
    };
    let fields = COLUMNS.iter().enumerate().map(column).collect();
    let schema = Type::group_type_builder("out_of_bag").with_fields(fields).build();
    Arc::new(schema.expect("a valid schema"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    fn two() -> OutOfBag {
        let opinion = |name: &str, truth, stacked| SampleOpinion {
            name: name.to_owned(),
            truth,
            judges: 3,
            votes: 2,
            mean: 0.625,
            sd: 0.125,
            minimum: 0.5,
            maximum: 0.75,
            stacked,
            calibrated: Some(0.1),
        };
        OutOfBag { samples: vec![opinion("a, b", Some(0), Some(0.5)), opinion("c", None, None)] }
    }

    #[test]
    fn every_form_holds_every_column() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| directory.path().join(name);
        for name in ["o.csv", "o.jsonl", "o.parquet"] {
            two().write(&path(name)).expect("written");
        }
        let text = std::fs::read_to_string(path("o.csv")).expect("the table");
        let expected = "name,truth,judges,votes,mean,sd,minimum,maximum,stacked,calibrated\n\
            \"a, b\",0,3,2,0.625,0.125,0.5,0.75,0.5,0.1\nc,,3,2,0.625,0.125,0.5,0.75,,0.1\n";
        assert_eq!(text, expected);
        let text = std::fs::read_to_string(path("o.jsonl")).expect("the lines");
        let back: Vec<SampleOpinion> =
            text.lines().map(|line| serde_json::from_str(line).expect("an opinion")).collect();
        assert_eq!(back, two().samples);
        let file = std::fs::File::open(path("o.parquet")).expect("the file");
        let reader = SerializedFileReader::new(file).expect("Parquet");
        let rows: Vec<_> =
            reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row")).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get_string(0).expect("a name"), "a, b");
        assert_eq!(rows[0].get_int(3).expect("votes"), 2);
        assert_eq!(rows[0].get_double(9).expect("calibrated"), 0.1);
        assert!(rows[1].get_double(8).is_err(), "no stacked value is null");
        assert!(two().write(&path("o.xls")).is_err());
        assert!(two().write(&path("absent/o.csv")).is_err());
    }
}
