//! Views of a pattern: plain, weak and strong, as published.
//!
//! Every view starts from the *prepared* pattern (min-max normalised to \[0, 1\], values below
//! [`Preparation::cut`] set to 0), is written into a dense row of a batch, and is min-max normalised
//! again at the end. The order of steps and the meaning of every strength follow Wan et al.,
//! *Energy Environ. Sci.* 2024, 17, 9487, and the PaddleScience example `xrdmatch`; what their code
//! does not do although the text says so (the shift to the left) is done here.

mod physical;
mod views;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use physical::Physical;
pub use views::{Scratch, ViewFamily, Views};

/// How a pattern is prepared before any view of it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preparation {
    /// Normalised intensities below this become 0. In \[0, 1).
    pub cut: f32,
}

impl Default for Preparation {
    fn default() -> Self {
        Self { cut: 0.1 }
    }
}

/// Strengths of both augmentations. Each step happens with probability ½.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Which family of views is drawn; the strengths of the other are not used.
    pub views: ViewFamily,
    /// Weak: largest part of the zero points that receives noise.
    pub weak_noise_part: f32,
    /// Weak: noise is uniform between 0 and this.
    pub weak_noise_height: f32,
    /// Weak: smallest shift in grid points.
    pub weak_shift_min: usize,
    /// Weak: largest shift in grid points (inclusive).
    pub weak_shift_max: usize,
    /// Strong: largest part of the non-zero points that is scaled.
    pub scaling_part: f32,
    /// Strong: a scaled point is multiplied by 1 + this · U(0, 1).
    pub scaling_gain: f32,
    /// Strong: largest part of the non-zero points that is eliminated.
    pub elimination_part: f32,
    /// Strong: smallest gap shift in grid points; at least 1.
    pub gap_shift_min: usize,
    /// Strong: largest gap shift in grid points (inclusive); 0 turns gap shifts off.
    pub gap_shift_max: usize,
    /// Strong: largest part of the zero points that receives noise.
    pub strong_noise_part: f32,
    /// Strong: noise is uniform between 0 and this.
    pub strong_noise_height: f32,
    /// The strengths of physical views.
    pub physical: Physical,
}

impl Default for Augmentation {
    /// The strengths of PaddleScience.
    fn default() -> Self {
        Self {
            views: ViewFamily::Published,
            weak_noise_part: 0.1,
            weak_noise_height: 0.05,
            weak_shift_min: 50,
            weak_shift_max: 100,
            scaling_part: 0.15,
            scaling_gain: 2.0,
            elimination_part: 0.15,
            gap_shift_min: 1,
            gap_shift_max: 200,
            strong_noise_part: 0.2,
            strong_noise_height: 0.1,
            physical: Physical::default(),
        }
    }
}

/// A strength that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AugmentationError {
    /// A part or the cut lies outside \[0, 1\].
    #[error("setting `{setting}` is {found}, but must lie between 0 and 1")]
    Part {
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        found: f32,
    },
    /// A gain is negative or not finite.
    #[error("setting `{setting}` is {found}, but must be finite and not negative")]
    Gain {
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        found: f32,
    },
    /// The smallest value of a range exceeds its largest.
    #[error("setting `{setting}_min` is {min}, above `{setting}_max`, which is {max}")]
    Range {
        /// The common part of the two settings' names.
        setting: &'static str,
        /// The smallest value.
        min: usize,
        /// The largest value.
        max: usize,
    },
    /// A gap shift of no points is no shift.
    #[error("setting `gap_shift_min` is 0, but must be at least 1")]
    GapShiftOfNothing,
    /// A shift would move every peak off the grid.
    #[error("setting `weak_shift_max` is {max}, but the patterns have only {points} points")]
    ShiftBeyondGrid {
        /// The largest shift.
        max: usize,
        /// The number of grid points.
        points: usize,
    },
}

impl Augmentation {
    /// Refuses strengths that make no sense on a grid of `points` points.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(
        &self,
        preparation: Preparation,
        points: usize,
    ) -> Result<(), AugmentationError> {
        self.physical.validate()?;
        let parts = [
            ("cut", preparation.cut),
            ("weak_noise_part", self.weak_noise_part),
            ("weak_noise_height", self.weak_noise_height),
            ("scaling_part", self.scaling_part),
            ("elimination_part", self.elimination_part),
            ("strong_noise_part", self.strong_noise_part),
            ("strong_noise_height", self.strong_noise_height),
        ];
        for (setting, found) in parts {
            if !(0.0..=1.0).contains(&found) || (setting == "cut" && found >= 1.0) {
                return Err(AugmentationError::Part { setting, found });
            }
        }
        if !self.scaling_gain.is_finite() || self.scaling_gain < 0.0 {
            let (setting, found) = ("scaling_gain", self.scaling_gain);
            return Err(AugmentationError::Gain { setting, found });
        }
        if self.weak_shift_min > self.weak_shift_max {
            let (min, max) = (self.weak_shift_min, self.weak_shift_max);
            return Err(AugmentationError::Range { setting: "weak_shift", min, max });
        }
        if self.weak_shift_max >= points {
            return Err(AugmentationError::ShiftBeyondGrid { max: self.weak_shift_max, points });
        }
        if self.gap_shift_max > 0 {
            if self.gap_shift_min == 0 {
                return Err(AugmentationError::GapShiftOfNothing);
            }
            if self.gap_shift_min > self.gap_shift_max {
                let (min, max) = (self.gap_shift_min, self.gap_shift_max);
                return Err(AugmentationError::Range { setting: "gap_shift", min, max });
            }
        }
        Ok(())
    }
}

/// Draws views into rows of a batch. Holds only scratch space: no view depends on the one before,
/// and nothing is allocated once the scratch has grown to the grid's size.
#[derive(Debug, Clone, Default)]
pub struct Augmenter {
    points: Vec<u16>,
}

impl Augmenter {
    /// Writes the plain view: the prepared pattern itself.
    ///
    /// `indices` (ascending) and `values` (in (0, 1]) are the prepared pattern's non-zero points;
    /// `row` has one element per grid point.
    pub fn plain(&mut self, indices: &[u16], values: &[f32], row: &mut [f32]) {
        row.fill(0.0);
        for (&index, &value) in indices.iter().zip(values) {
            row[usize::from(index)] = value;
        }
    }

    /// Writes a weak view: noise on zero points, then a shift of the whole pattern.
    ///
    /// A shift that would leave an empty row (all peaks within the shift of the grid's end) is not
    /// made, since a flat row has no normalised form.
    pub fn weak(
        &mut self,
        strength: &Augmentation,
        indices: &[u16],
        values: &[f32],
        rng: &mut ChaCha8Rng,
        row: &mut [f32],
    ) {
        self.plain(indices, values, row);
        if rng.random_bool(0.5) {
            self.noise(strength.weak_noise_part, strength.weak_noise_height, rng, row);
        }
        if rng.random_bool(0.5) && strength.weak_shift_max > 0 {
            let by = rng.random_range(strength.weak_shift_min..=strength.weak_shift_max);
            let (first, last) = match (indices.first(), indices.last()) {
                (Some(&first), Some(&last)) => (usize::from(first), usize::from(last)),
                _ => return,
            };
            let kept = row.len() - by;
            if rng.random_bool(0.5) {
                if first < kept {
                    row.copy_within(..kept, by);
                    row[..by].fill(0.0);
                }
            } else if last >= by {
                row.copy_within(by.., 0);
                row[kept..].fill(0.0);
            }
        }
        normalize(row);
    }

    /// Writes a strong view: scaling, elimination, gap shift, noise.
    pub fn strong(
        &mut self,
        strength: &Augmentation,
        indices: &[u16],
        values: &[f32],
        cut: f32,
        rng: &mut ChaCha8Rng,
        row: &mut [f32],
    ) {
        self.plain(indices, values, row);
        if rng.random_bool(0.5) {
            self.points.clear();
            self.points.extend_from_slice(indices);
            let count = self.part(strength.scaling_part, rng);
            for position in 0..count {
                let point = self.draw(position, rng);
                row[point] *= 1.0 + strength.scaling_gain * rng.random::<f32>();
            }
        }
        if rng.random_bool(0.5) {
            self.points.clear();
            self.points.extend_from_slice(indices);
            let count = self.part(strength.elimination_part, rng);
            for position in 0..count {
                let point = self.draw(position, rng);
                row[point] = 0.0;
            }
        }
        if rng.random_bool(0.5) && strength.gap_shift_max > 0 {
            self.gap_shift(strength, indices, cut, rng, row);
        }
        if rng.random_bool(0.5) {
            self.noise(strength.strong_noise_part, strength.strong_noise_height, rng, row);
        }
        normalize(row);
    }

    /// Moves the peaks on one side of a random gap rigidly into the gap.
    ///
    /// A gap is a pair of neighbouring peaks further apart than the drawn width; without one the
    /// row stays as it is (but for what lay below the cut).
    fn gap_shift(
        &mut self,
        strength: &Augmentation,
        indices: &[u16],
        cut: f32,
        rng: &mut ChaCha8Rng,
        row: &mut [f32],
    ) {
        let width = rng.random_range(strength.gap_shift_min..=strength.gap_shift_max);
        self.points.clear();
        for &index in indices {
            let value = &mut row[usize::from(index)];
            if *value < cut {
                *value = 0.0;
            }
            if *value > 0.0 {
                self.points.push(index);
            }
        }
        let wide = |pair: &&[u16]| usize::from(pair[1] - pair[0]) > width;
        let gaps = self.points.windows(2).filter(wide).count();
        let to_the_left = rng.random_bool(0.5);
        if gaps == 0 {
            return;
        }
        let chosen = rng.random_range(0..gaps);
        let Some(gap) = self.points.windows(2).filter(wide).nth(chosen) else { return };
        let (left, right) = (usize::from(gap[0]), usize::from(gap[1]));
        if to_the_left {
            row.copy_within(right.., right - width);
            let end = row.len() - width;
            row[end..].fill(0.0);
        } else {
            row.copy_within(..=left, width);
            row[..width].fill(0.0);
        }
    }

    /// Adds uniform noise to a random part of the zero points.
    fn noise(&mut self, part: f32, height: f32, rng: &mut ChaCha8Rng, row: &mut [f32]) {
        if part == 0.0 || height == 0.0 {
            return;
        }
        self.points.clear();
        #[expect(clippy::cast_possible_truncation, reason = "a grid has at most 65,535 points")]
        let zeros =
            row.iter().enumerate().filter(|(_, value)| **value == 0.0).map(|(i, _)| i as u16);
        self.points.extend(zeros);
        let count = self.part(part, rng);
        for position in 0..count {
            let point = self.draw(position, rng);
            row[point] = height * rng.random::<f32>();
        }
    }

    /// How many of the points in the scratch a step touches: ⌊n · part · U(0, 1)⌋.
    fn part(&self, part: f32, rng: &mut ChaCha8Rng) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "at most 65,535 points, exact in f32; rounding down is meant"
        )]
        let count = (self.points.len() as f32 * part * rng.random::<f32>()) as usize;
        count
    }

    /// The `position`-th point of a random choice without replacement (Fisher and Yates).
    fn draw(&mut self, position: usize, rng: &mut ChaCha8Rng) -> usize {
        let other = rng.random_range(position..self.points.len());
        self.points.swap(position, other);
        usize::from(self.points[position])
    }
}

/// Min-max normalises a row to \[0, 1\] in place; a flat row is left as it is.
fn normalize(row: &mut [f32]) {
    let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
    for &value in row.iter() {
        min = min.min(value);
        max = max.max(value);
    }
    if max > min && (min != 0.0 || max != 1.0) {
        let scale = 1.0 / (max - min);
        for value in row.iter_mut() {
            *value = ((*value - min) * scale).clamp(0.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests;
