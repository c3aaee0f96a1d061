//! A confusion matrix as data and as SVG.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use xrdmatch::metrics::Confusion;

use super::svg::escape;

/// What was predicted for what is true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// Unique in a view; names the file of the figure.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// What is to be seen, in words and numbers.
    pub caption: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Counts `n[truth][predicted]`; summed over experiments, or of one ensemble.
    pub counts: Vec<Vec<u64>>,
    /// Each row divided by its sum.
    pub shares: Vec<Vec<f64>>,
}

impl Matrix {
    /// The matrix of some counts.
    #[must_use]
    pub fn of(id: &str, title: &str, caption: String, confusion: &Confusion) -> Self {
        let shares = confusion.row_normalised();
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            caption,
            classes: class_names(shares.len()),
            counts: confusion.counts().to_vec(),
            shares,
        }
    }

    /// Draws the matrix.
    #[must_use]
    pub fn svg(&self) -> String {
        const CELL: f64 = 130.0;
        const LEFT: f64 = 150.0;
        const TOP: f64 = 64.0;
        let n = self.classes.len() as f64;
        let (width, height) = (LEFT + n * CELL + 16.0, TOP + n * CELL + 16.0);
        let id = escape(&self.id);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" \
             font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\" \
             font-size=\"13\" fill=\"#1a1a1a\" text-anchor=\"middle\">\
             <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>\
             <text x=\"{:.1}\" y=\"20\" font-size=\"14\">predicted class</text>\
             <text transform=\"translate(20 {:.1}) rotate(-90)\" font-size=\"14\">true class</text>",
            escape(&self.title),
            escape(&self.caption),
            LEFT + 0.5 * n * CELL,
            TOP + 0.5 * n * CELL,
        );
        for (truth, (counts, shares)) in self.counts.iter().zip(&self.shares).enumerate() {
            let y = TOP + truth as f64 * CELL;
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 10.0,
                y + 0.5 * CELL + 4.0,
                escape(&self.classes[truth])
            );
            for (predicted, (count, share)) in counts.iter().zip(shares).enumerate() {
                let x = LEFT + predicted as f64 * CELL;
                if truth == 0 {
                    let _ = write!(
                        svg,
                        "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                        x + 0.5 * CELL,
                        TOP - 12.0,
                        escape(&self.classes[predicted])
                    );
                }
                let ink = if *share > 0.55 { "#ffffff" } else { "#1a1a1a" };
                let _ = write!(
                    svg,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{CELL}\" height=\"{CELL}\" \
                     fill=\"#00527f\" fill-opacity=\"{share:.3}\" stroke=\"#1a1a1a\" stroke-width=\"0.8\"/>\
                     <text x=\"{cx:.1}\" y=\"{:.1}\" font-size=\"20\" fill=\"{ink}\">{:.0} %</text>\
                     <text x=\"{cx:.1}\" y=\"{:.1}\" fill=\"{ink}\">{count}</text>",
                    y + 0.5 * CELL,
                    100.0 * share,
                    y + 0.5 * CELL + 22.0,
                    cx = x + 0.5 * CELL,
                );
            }
        }
        svg.push_str("</svg>");
        svg
    }
}

/// Names of the classes: of two, what they mean in this field.
pub(crate) fn class_names(classes: usize) -> Vec<String> {
    if classes == 2 {
        vec!["superionic".to_owned(), "not superionic".to_owned()]
    } else {
        (0..classes).map(|class| format!("class {class}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_shows_counts_and_shares_of_each_true_class() {
        let confusion = Confusion::of(2, &[0, 0, 0, 0, 1], &[0, 0, 0, 1, 1]);
        let matrix = Matrix::of("m", "m", "c".into(), &confusion);
        assert_eq!(matrix.shares, [[0.75, 0.25], [0.0, 1.0]]);
        let svg = matrix.svg();
        assert!(svg.contains(">75 %<") && svg.contains(">3<") && svg.contains("superionic"));
    }
}
