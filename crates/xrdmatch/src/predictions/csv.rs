//! Predictions as a CSV table with the header `name,truth,p0,p1,…[,logit0,logit1,…]`. The cell of
//! an unknown truth is empty. Numbers survive a round trip bit by bit.

use std::io::{Read, Write};

use csv::{ReaderBuilder, StringRecord, WriterBuilder};

use super::{Predictions, ReadPredictionsError, Sample};

impl Predictions {
    /// Writes the table.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_csv(&self, writer: impl Write) -> std::io::Result<()> {
        let mut table = WriterBuilder::new().from_writer(writer);
        let with_logits = self.logits().is_some();
        let mut header = vec!["name".to_owned(), "truth".to_owned()];
        header.extend((0..self.classes()).map(|class| format!("p{class}")));
        if with_logits {
            header.extend((0..self.classes()).map(|class| format!("logit{class}")));
        }
        table.write_record(&header)?;
        for row in self.iter() {
            let truth = row.truth.map(|truth| truth.to_string()).unwrap_or_default();
            let mut cells = vec![row.name.to_owned(), truth];
            cells.extend(row.probabilities.iter().map(|value| format!("{value:?}")));
            cells.extend(row.logits.unwrap_or_default().iter().map(|value| format!("{value:?}")));
            table.write_record(&cells)?;
        }
        table.flush()
    }

    /// Reads a table; columns are found by their names, in any order, and others are passed over.
    ///
    /// # Errors
    /// [`ReadPredictionsError`]: a column or row that is missing or broken, or predictions that
    /// contradict themselves.
    pub fn read_csv(reader: impl Read) -> Result<Self, ReadPredictionsError> {
        let mut table = ReaderBuilder::new().from_reader(reader);
        let columns = Columns::find(table.headers().map_err(refused)?)?;
        let mut samples = Vec::new();
        let mut probabilities = Vec::new();
        let mut logits = columns.logits.as_ref().map(|_| Vec::new());
        let mut record = StringRecord::new();
        while table.read_record(&mut record).map_err(refused)? {
            let truth = match &record[columns.truth] {
                "" => None,
                _ => Some(number(&record, columns.truth, "truth")?),
            };
            samples.push(Sample::new(&record[columns.name], truth));
            for (class, column) in columns.probabilities.iter().enumerate() {
                probabilities.push(number(&record, *column, &format!("p{class}"))?);
            }
            if let (Some(columns), Some(logits)) = (&columns.logits, &mut logits) {
                for (class, column) in columns.iter().enumerate() {
                    logits.push(number(&record, *column, &format!("logit{class}"))?);
                }
            }
        }
        let predictions = Self::new(columns.probabilities.len(), samples, probabilities)?;
        Ok(match logits {
            Some(logits) => predictions.with_logits(logits)?,
            None => predictions,
        })
    }
}

/// Where the columns stand in the table at hand.
struct Columns {
    name: usize,
    truth: usize,
    probabilities: Vec<usize>,
    logits: Option<Vec<usize>>,
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, ReadPredictionsError> {
        let position = |name: &str| header.iter().position(|cell| cell == name);
        let required = |name: &str| {
            position(name)
                .ok_or_else(|| ReadPredictionsError::MissingColumn { column: name.to_owned() })
        };
        let (name, truth) = (required("name")?, required("truth")?);
        let mut probabilities = vec![required("p0")?, required("p1")?];
        while let Some(column) = position(&format!("p{}", probabilities.len())) {
            probabilities.push(column);
        }
        let logits = match position("logit0") {
            None => None,
            Some(_) => Some(
                (0..probabilities.len())
                    .map(|class| required(&format!("logit{class}")))
                    .collect::<Result<_, _>>()?,
            ),
        };
        Ok(Self { name, truth, probabilities, logits })
    }
}

fn number<T: std::str::FromStr>(
    record: &StringRecord,
    column: usize,
    name: &str,
) -> Result<T, ReadPredictionsError> {
    let cell = &record[column];
    cell.trim().parse().map_err(|_| ReadPredictionsError::BadNumber {
        line: record.position().map_or(0, csv::Position::line),
        column: name.to_owned(),
        found: cell.to_owned(),
    })
}

fn refused(error: csv::Error) -> ReadPredictionsError {
    let line = error.position().map_or(1, csv::Position::line);
    let reason = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(source) => ReadPredictionsError::Read { line, source },
        _ => ReadPredictionsError::BadRow { line, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Predictions, ReadPredictionsError> {
        Predictions::read_csv(text.as_bytes())
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let read = read("p1,extra,name,p0,truth\n0.75,x,a,0.25,1\n0,,b,1,\n").unwrap();
        assert_eq!(read.samples(), [Sample::new("a", 1), Sample::new("b", None)]);
        assert_eq!(read.probabilities(), [0.25, 0.75, 1.0, 0.0]);
    }

    #[test]
    fn each_defect_of_a_table_has_its_error() {
        use ReadPredictionsError as E;
        assert!(matches!(read(""), Err(E::MissingColumn { column }) if column == "name"));
        assert!(
            matches!(read("name,truth,p0\na,,1"), Err(E::MissingColumn { column }) if column == "p1")
        );
        assert!(matches!(
            read("name,truth,p0,p1,logit0\n"),
            Err(E::MissingColumn { column }) if column == "logit1"
        ));
        assert!(matches!(
            read("name,truth,p0,p1\na,0,1,0\nb,0,one,0\n"),
            Err(E::BadNumber { line: 3, column, found }) if column == "p0" && found == "one"
        ));
        assert!(matches!(
            read("name,truth,p0,p1\na,300,1,0\n"),
            Err(E::BadNumber { line: 2, column, .. }) if column == "truth"
        ));
        assert!(matches!(read("name,truth,p0,p1\na,0,1\n"), Err(E::BadRow { line: 2, .. })));
        assert!(matches!(read("name,truth,p0,p1\na,0,NaN,0\n"), Err(E::Invalid(_))));
    }
}
