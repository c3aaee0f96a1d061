//! Predictions as JSON lines: one object per sample,
//! `{"name":"icsd1125","truth":1,"probabilities":[0.2,0.8],"logits":[-0.7,0.7]}`; `truth` and
//! `logits` may be absent or null. Numbers survive a round trip bit by bit.

use std::borrow::Cow;
use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};

use super::{Predictions, ReadPredictionsError, Sample};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    truth: Option<u8>,
    probabilities: Cow<'a, [f64]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logits: Option<Cow<'a, [f32]>>,
}

impl Predictions {
    /// Writes one JSON object per line.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_json_lines(&self, mut writer: impl Write) -> std::io::Result<()> {
        for row in self.iter() {
            let line = Line {
                name: row.name.into(),
                truth: row.truth,
                probabilities: row.probabilities.into(),
                logits: row.logits.map(Cow::from),
            };
            serde_json::to_writer(&mut writer, &line)?;
            writer.write_all(b"\n")?;
        }
        writer.flush()
    }

    /// Reads what [`write_json_lines`](Self::write_json_lines) wrote. Empty lines are passed over;
    /// the first row sets the number of classes, and whether there are logits.
    ///
    /// # Errors
    /// [`ReadPredictionsError`]: line that is no such object, rows of different width, or
    /// predictions that contradict themselves.
    pub fn read_json_lines(reader: impl BufRead) -> Result<Self, ReadPredictionsError> {
        let mut samples = Vec::new();
        let mut probabilities = Vec::new();
        let mut logits: Option<Vec<f32>> = None;
        let mut classes = None;
        for (line, text) in (1..).zip(reader.lines()) {
            let text = text.map_err(|source| ReadPredictionsError::Read { line, source })?;
            if text.trim().is_empty() {
                continue;
            }
            let bad = |reason| ReadPredictionsError::BadRow { line, reason };
            let row: Line<'_> = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
            let first = classes.is_none();
            let expected = *classes.get_or_insert(row.probabilities.len());
            let found = row.probabilities.len();
            if found != expected {
                return Err(bad(format!(
                    "{found} probabilities, where the first row has {expected}"
                )));
            }
            if first && row.logits.is_some() {
                logits = Some(Vec::new());
            }
            match (&mut logits, row.logits) {
                (Some(all), Some(one)) if one.len() == expected => all.extend_from_slice(&one),
                (None, None) => {}
                (Some(_), Some(one)) => {
                    return Err(bad(format!("{} logits for {expected} classes", one.len())));
                }
                _ => return Err(bad("logits in some rows only".to_owned())),
            }
            samples.push(Sample::new(row.name, row.truth));
            probabilities.extend_from_slice(&row.probabilities);
        }
        let predictions = Self::new(classes.unwrap_or(EMPTY_CLASSES), samples, probabilities)?;
        Ok(match logits {
            Some(logits) => predictions.with_logits(logits)?,
            None => predictions,
        })
    }
}

/// The number of classes of a file without rows, which does not say it.
const EMPTY_CLASSES: usize = 2;

#[cfg(test)]
mod tests {
    use super::super::PredictionsError;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_broken_line_is_named() {
        let read = |text: &str| Predictions::read_json_lines(text.as_bytes());
        let good = r#"{"name":"a","probabilities":[0.25,0.75]}"#;
        let err = read(&format!("{good}\n\n{{\"name\":")).unwrap_err();
        assert!(matches!(err, ReadPredictionsError::BadRow { line: 3, .. }), "{err:?}");
        let err = read(&format!("{good}\n{}", r#"{"name":"b","probabilities":[1,0,0]}"#));
        assert!(matches!(err, Err(ReadPredictionsError::BadRow { line: 2, .. })));
        let err =
            read(&format!("{good}\n{}", r#"{"name":"b","probabilities":[1,0],"logits":[1,0]}"#));
        assert!(matches!(err, Err(ReadPredictionsError::BadRow { line: 2, .. })));
        let err = read(&format!("{good}\n{good}"));
        assert!(matches!(
            err,
            Err(ReadPredictionsError::Invalid(PredictionsError::DuplicateName { .. }))
        ));
        assert!(matches!(
            read(r#"{"name":"a","probabilities":[]}"#),
            Err(ReadPredictionsError::Invalid(PredictionsError::Classes { classes: 0 }))
        ));
    }

    proptest! {
        #[test]
        fn both_formats_give_back_what_was_written(
            rows in prop::collection::vec(
                ("[ -~é\"\n,]{0,9}", prop::option::of(0u8..3), prop::array::uniform3(-90f32..90.0)),
                0..9,
            ),
            keep_logits: bool,
        ) {
            let samples = rows.iter().enumerate()
                .map(|(i, (name, truth, _))| Sample::new(format!("{name}{i}"), *truth)).collect();
            let logits = rows.iter().flat_map(|(.., logits)| *logits).collect();
            let mut written = Predictions::from_logits(3, samples, logits).unwrap();
            if !keep_logits {
                written = Predictions::new(3, written.samples().to_vec(), written.probabilities().to_vec()).unwrap();
            }
            let mut text = Vec::new();
            written.write_csv(&mut text).unwrap();
            let read = Predictions::read_csv(&text[..]).unwrap();
            prop_assert_eq!(&read, &written);
            if !written.is_empty() {
                let mut text = Vec::new();
                written.write_json_lines(&mut text).unwrap();
                prop_assert_eq!(&Predictions::read_json_lines(&text[..]).unwrap(), &written);
            }
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in "[\\x00-\\xff{}\\[\\]\",:0-9a-z\n]{0,200}") {
            let _ = Predictions::read_json_lines(text.as_bytes());
            let _ = Predictions::read_csv(text.as_bytes());
            let header = format!("name,truth,p0,p1\n{text}");
            let _ = Predictions::read_csv(header.as_bytes());
        }
    }
}
