//! The text log of an experiment, in the form of the published logs.

use std::fmt::Write;

use crate::metrics::Evaluation;

/// An evaluation as the published logs put it: confusion matrix normalised by true class, then
/// accuracy and macro averages, each under a time with milliseconds.
pub fn log_entry(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    let now = || jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S,%3f").to_string();
    let mut line = |message: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "[{} INFO] {message}", now());
    };
    line("confusion matrix");
    line(&matrix(&evaluation.confusion_row_normalised));
    line("evaluation metric");
    line(&format!("acc: {:.4}", evaluation.accuracy));
    line(&format!("precision: {:.4}", evaluation.macro_average.precision));
    line(&format!("recall: {:.4}", evaluation.macro_average.recall));
    line(&format!("f1: {:.4}", evaluation.macro_average.f1));
    text
}

/// A matrix as NumPy prints it: eight decimals at most, trailing zeros cut, columns aligned.
fn matrix(rows: &[Vec<f64>]) -> String {
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().copied().map(cell).collect()).collect();
    let width = cells.iter().flatten().map(String::len).max().unwrap_or(0);
    let line = |row: &Vec<String>| {
        let padded: Vec<String> = row.iter().map(|cell| format!("{cell:<width$}")).collect();
        format!("[{}]", padded.join(" "))
    };
    format!("[{}]", cells.iter().map(line).collect::<Vec<_>>().join("\n "))
}

fn cell(value: f64) -> String {
    let text = format!("{value:.8}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_look_as_numpy_prints_them() {
        let published = [vec![4.0 / 9.0, 5.0 / 9.0], vec![0.25, 0.75]];
        assert_eq!(matrix(&published), "[[0.44444444 0.55555556]\n [0.25       0.75      ]]");
        assert_eq!(matrix(&[vec![1.0, 0.0], vec![0.0, 1.0]]), "[[1. 0.]\n [0. 1.]]");
    }
}
