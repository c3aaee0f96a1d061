//! Evidence from a table of hard predictions, as the publication gives them.
//!
//! The table has the columns `name`, `label` and one per member, `experiment_N`, holding the class
//! (0 or 1) that the member of experiment `N` predicts. What each member trained on, a split file says.

use std::collections::HashMap;
use std::path::Path;

use super::ProtocolError;
use super::evidence::{Evidence, MemberRecord};
use crate::dataset::Dataset;
use crate::predictions::{Predictions, Sample};
use crate::split::SplitFile;

/// Reads the evidence; with `labeled`, names and labels are checked against that file.
///
/// # Errors
/// [`ProtocolError::Table`] with line and column, and errors of the split file.
pub fn published_evidence(
    table: &Path,
    splits: &SplitFile,
    labeled: Option<&Dataset>,
) -> Result<Evidence, ProtocolError> {
    let unreadable = |reason: String| ProtocolError::Unreadable { path: table.to_owned(), reason };
    let mut reader =
        csv::Reader::from_path(table).map_err(|error| unreadable(error.to_string()))?;
    let header = reader.headers().map_err(|error| unreadable(error.to_string()))?.clone();
    let at = |line, column: &str, reason: String| ProtocolError::Table {
        path: table.to_owned(),
        line,
        column: column.to_owned(),
        reason,
    };
    let column = |wanted: &str| {
        let found = header.iter().position(|name| name.trim() == wanted);
        found.ok_or_else(|| at(1, wanted, "there is no such column".to_owned()))
    };
    let (name, label) = (column("name")?, column("label")?);
    let mut members: Vec<(usize, u32)> = Vec::new();
    for (place, title) in header.iter().enumerate().filter(|(at, _)| *at != name && *at != label) {
        let number = title.trim().strip_prefix("experiment_").and_then(|n| n.parse().ok());
        let expected = || "expected `name`, `label` or `experiment_N`".to_owned();
        members.push((place, number.ok_or_else(|| at(1, title, expected()))?));
    }
    if members.is_empty() {
        return Err(at(1, "experiment_N", "there is no such column".to_owned()));
    }
    let known: Option<HashMap<&str, Option<u8>>> = labeled.map(|data| {
        data.samples().iter().map(|sample| (sample.name.as_str(), sample.label)).collect()
    });
    let mut samples = Vec::new();
    let mut said: Vec<Vec<f64>> = vec![Vec::new(); members.len()];
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let class = |place: usize| match record[place].trim() {
            "0" => Ok(0u8),
            "1" => Ok(1),
            other => {
                let reason = format!("`{other}` is neither 0 nor 1");
                Err(at(line, &header[place], reason))
            }
        };
        let (sample, truth) = (&record[name], class(label)?);
        if let Some(known) = &known {
            match known.get(sample) {
                Some(Some(label)) if *label == truth => {}
                Some(_) => {
                    let reason = format!("`{sample}` has another label in the labelled file");
                    return Err(at(line, "label", reason));
                }
                None => {
                    let reason = format!("`{sample}` is no row of the labelled file");
                    return Err(at(line, "name", reason));
                }
            }
        }
        samples.push(Sample::new(sample, truth));
        for ((place, _), said) in members.iter().zip(&mut said) {
            let class = f64::from(class(*place)?);
            said.extend([1.0 - class, class]);
        }
    }
    if samples.is_empty() {
        return Err(unreadable("it has no rows".to_owned()));
    }
    let mut records = Vec::new();
    for ((_, experiment), probabilities) in members.into_iter().zip(said) {
        let names = splits.names(experiment)?;
        let set = |names: &[String]| names.iter().cloned().collect();
        records.push(MemberRecord {
            experiment,
            predictions: Predictions::new(2, samples.clone(), probabilities)?,
            labeled: set(names.labeled),
            validation: set(names.validation),
            evaluation: set(names.evaluation),
            held_out: set(names.held_out),
            best: None,
        });
    }
    records.sort_by_key(|record| record.experiment);
    let evidence = Evidence { members: records, incomplete: Vec::new() };
    evidence.check()?;
    Ok(evidence)
}
