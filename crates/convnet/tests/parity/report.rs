//! The limits of the comparisons with PyTorch, and their outcome.

use crate::formula;
use crate::golden::Golden;

/// Relative L2 error of logits and losses.
pub(crate) const LOGITS: f64 = 1e-5;
/// Relative L2 error of batch norm's running statistics.
pub(crate) const STATISTICS: f64 = 1e-5;
/// Relative L2 error of gradients; for the bias of a convolution under batch norm, whose true
/// gradient is zero, relative to the gradient of the same layer's weights.
pub(crate) const GRADIENTS: f64 = 1e-4;
/// Relative L2 error of AdamW's second moment after steps: it sums squares of gradients along
/// slightly different ways; another β₂ would show as tens of percent.
pub(crate) const SECOND_MOMENT: f64 = 3e-2;
/// Relative L2 error of weights after steps.
const WEIGHTS: f64 = 1e-4;
/// Relative L2 error of logits and running statistics after steps: along the way an activation may
/// change sign by rounding, and the biases under batch norm, which move by noise, enter both.
pub(crate) const AFTER_STEPS: f64 = 1e-3;
/// Error of the weights after steps, relative to how far they moved: what one changed sign makes of
/// a movement; a wrong factor in the optimizer shows as ten percent and more.
const MOVEMENT: f64 = 3e-2;
/// Below this share of their norm, parameters count as unmoved.
const UNMOVED: f64 = 1e-6;
/// Ten steps at the published rate are chaotic, not a test: PyTorch's own single precision then ends
/// 3e-3 (`vgg11` at 97 points) and 9e-3 (`paper`) of the weights' norm from its double precision,
/// far beyond any limit here, so what an engine misses there tells nothing about it. The runs here
/// are gentler (`golden/README.md`), and there the engine is held to the limits above.
///
/// Where PyTorch's own single precision misses a limit above after steps, because noise in the
/// biases under batch norm drives it apart, ours may be this many times as far from its double
/// precision: roundings fall elsewhere.
const PEER: f64 = 3.0;

/// The runs of steps of a golden file.
pub(crate) const RUNS: [&str; 3] = ["published step", "ten steps", "ten steps, weights decay"];

/// Collects comparisons, so that one run shows every miss and how close the rest came.
pub(crate) struct Report<'a> {
    golden: &'a Golden,
    /// Error over limit, and a line about it.
    lines: Vec<(f64, String)>,
    misses: usize,
}

impl<'a> Report<'a> {
    pub(crate) fn new(golden: &'a Golden) -> Self {
        Self { golden, lines: Vec::new(), misses: 0 }
    }

    /// The record `record` to a relative L2 error of `tolerance`.
    pub(crate) fn compare(&mut self, record: &str, found: &[f64], tolerance: f64) {
        self.compare_to_scale(record, found, tolerance, None);
    }

    /// `scale`: what the error is relative to; the record's own norm when none.
    pub(crate) fn compare_to_scale(
        &mut self,
        record: &str,
        found: &[f64],
        tolerance: f64,
        scale: Option<f64>,
    ) {
        let golden = self.golden.get(record);
        let found_kept = formula::kept(record, found);
        let scale = scale.unwrap_or_else(|| formula::kept_norm(found.len(), golden));
        let error = formula::kept_distance(found.len(), &found_kept, golden) / scale;
        self.judge(record, error, tolerance, self.golden.peer_error(record));
    }

    /// A movement of parameters of the L2 norm `norm`, judged as weights and as a movement.
    pub(crate) fn compare_movement(&mut self, record: &str, moved: &[f64], norm: f64) {
        self.compare_to_scale(record, moved, WEIGHTS, Some(norm));
        let golden = self.golden.get(record);
        let share = formula::kept_norm(moved.len(), golden) / norm;
        if share > UNMOVED {
            let found = formula::kept(record, moved);
            let error = formula::kept_distance(moved.len(), &found, golden) / norm / share;
            let peer = self.golden.peer_error(record) / share;
            self.judge(&format!("{record}, of the movement"), error, MOVEMENT, peer);
        }
    }

    fn judge(&mut self, record: &str, error: f64, tolerance: f64, peer: f64) {
        let after_steps = RUNS.iter().any(|run| record.starts_with(run));
        let limit = if after_steps { tolerance.max(PEER * peer) } else { tolerance };
        // Written so that an error of NaN is a miss.
        let holds = error <= limit;
        self.misses += usize::from(!holds);
        let verdict = if holds { "" } else { "  MISSED" };
        let line = format!(
            "{error:.1e} of {limit:.1e} allowed, PyTorch float32 {peer:.1e}: {record}{verdict}"
        );
        let share = if error.is_nan() { f64::INFINITY } else { error / limit };
        self.lines.push((share, line));
    }

    /// Prints the closest comparisons and all misses.
    pub(crate) fn close(mut self) {
        self.lines.sort_by(|a, b| b.0.total_cmp(&a.0));
        let shown = self.misses.max(25);
        for (_, line) in self.lines.iter().take(shown) {
            println!("{line}");
        }
        let count = self.lines.len();
        assert_eq!(self.misses, 0, "of {count} comparisons with PyTorch were missed");
    }
}
