//! Why a table of predictions is refused.

use std::path::PathBuf;

/// A set of predictions that cannot be one. Samples are given by their row, from 0, and name.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PredictionsError {
    /// A classifier distinguishes between 2 and 256 classes.
    #[error("hold predictions of {classes} classes; between 2 and 256 are possible")]
    Classes {
        /// The number of classes asked for.
        classes: usize,
    },
    /// The values do not form one row per sample.
    #[error(
        "form rows: {samples} samples of {classes} classes need {expected} {what}, got {found}"
    )]
    Length {
        /// Which table: `probabilities` or `logits`.
        what: &'static str,
        /// Number of samples.
        samples: usize,
        /// Number of classes.
        classes: usize,
        /// `samples · classes`.
        expected: usize,
        /// Number of values given.
        found: usize,
    },
    /// A value outside 0 to 1, or not a number.
    #[error("accept {value} as the probability of class {class} of sample `{sample}` (row {row})")]
    NotAProbability {
        /// Row of the sample, from 0.
        row: usize,
        /// Name of the sample.
        sample: String,
        /// The class.
        class: usize,
        /// The value found.
        value: f64,
    },
    /// The probabilities of one sample do not sum to 1.
    #[error("accept the probabilities of sample `{sample}` (row {row}): they sum to {sum}, not 1")]
    SumNotOne {
        /// Row of the sample, from 0.
        row: usize,
        /// Name of the sample.
        sample: String,
        /// The sum found.
        sum: f64,
    },
    /// A logit that is infinite or not a number.
    #[error("accept {value} as the logit of class {class} of sample `{sample}` (row {row})")]
    NotFinite {
        /// Row of the sample, from 0.
        row: usize,
        /// Name of the sample.
        sample: String,
        /// The class.
        class: usize,
        /// The value found.
        value: f32,
    },
    /// The truth names a class that the classifier does not know.
    #[error(
        "accept class {truth} as the truth of sample `{sample}` (row {row}): there are {classes} classes"
    )]
    UnknownClass {
        /// Row of the sample, from 0.
        row: usize,
        /// Name of the sample.
        sample: String,
        /// The class found.
        truth: u8,
        /// Number of classes.
        classes: usize,
    },
    /// Two rows carry one name.
    #[error("accept the name `{sample}` twice (rows {first} and {second})")]
    DuplicateName {
        /// The name.
        sample: String,
        /// Its first row, from 0.
        first: usize,
        /// Its second row.
        second: usize,
    },
}

/// A file that holds no predictions. Lines are counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum ReadPredictionsError {
    /// The file cannot be opened.
    #[error("open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The ending of the file's name says nothing of its format.
    #[error("tell the format of {}: its name ends neither in .csv nor in .jsonl", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The file stopped being readable.
    #[error("read predictions at line {line}")]
    Read {
        /// The line reached.
        line: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// The table has no such column.
    #[error("find column `{column}` in the table's header")]
    MissingColumn {
        /// The name looked for.
        column: String,
    },
    /// A row is not what the header, or the format, promises.
    #[error("read line {line}: {reason}")]
    BadRow {
        /// The line.
        line: u64,
        /// What is wrong with it, from the parser of the format.
        reason: String,
    },
    /// A cell is not a number of the kind its column holds.
    #[error("read `{found}` as a number (line {line}, column `{column}`)")]
    BadNumber {
        /// The line.
        line: u64,
        /// The column's name.
        column: String,
        /// The cell's text.
        found: String,
    },
    /// The rows are readable and contradict one another or themselves.
    #[error(transparent)]
    Invalid(#[from] PredictionsError),
}
