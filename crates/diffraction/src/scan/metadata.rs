//! What a scan file says besides its points.

use serde::{Deserialize, Serialize};

use super::format::ScanFormat;
use super::limits::MAX_TEXT;

/// What the intensities of a scan count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntensityUnit {
    /// Detector counts.
    Counts,
    /// Counts per second.
    CountsPerSecond,
    /// The file does not say.
    #[default]
    Unstated,
}

/// The radiation of a scan, in ångström.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Wavelengths {
    /// Kα1, or the only wavelength of a monochromatic beam.
    pub alpha1: Option<f64>,
    /// Kα2, if the beam holds it.
    pub alpha2: Option<f64>,
    /// Intensity of Kα2 over that of Kα1.
    pub alpha2_ratio: Option<f64>,
    /// Mean Kα as the file states it.
    pub mean: Option<f64>,
    /// Kβ.
    pub beta: Option<f64>,
}

/// Kα2 over Kα1 of a sealed tube when the file states both lines but not their ratio: the ratio
/// of the multiplicities of the 2p₃/₂ and 2p₁/₂ levels.
const USUAL_ALPHA2_RATIO: f64 = 0.5;

/// Wavelengths outside this range, in ångström, are taken as unset fields.
const PLAUSIBLE_WAVELENGTHS: std::ops::RangeInclusive<f64> = 0.01..=20.0;

impl Wavelengths {
    /// A beam of one wavelength, in ångström.
    #[must_use]
    pub fn single(wavelength: f64) -> Self {
        Self { alpha1: plausible(wavelength), ..Self::default() }
    }

    /// A Kα doublet, in ångström; values that cannot be wavelengths count as not stated.
    #[must_use]
    pub fn doublet(alpha1: f64, alpha2: f64, alpha2_ratio: Option<f64>) -> Self {
        Self {
            alpha1: plausible(alpha1),
            alpha2: plausible(alpha2),
            alpha2_ratio: alpha2_ratio.filter(|ratio| (0.0..=1.0).contains(ratio)),
            ..Self::default()
        }
    }

    /// Kα2 over Kα1 in the beam: 0 when there is no Kα2, and ½ when both lines are stated
    /// without a ratio.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        match (self.alpha1, self.alpha2) {
            (Some(first), Some(second)) if second > first => {
                self.alpha2_ratio.unwrap_or(USUAL_ALPHA2_RATIO)
            }
            _ => 0.0,
        }
    }

    /// The wavelength, in ångström, at which an unresolved peak stands: (λ₁ + r λ₂)/(1 + r).
    #[must_use]
    pub fn effective(&self) -> Option<f64> {
        match (self.alpha1, self.alpha2) {
            (Some(first), Some(second)) if self.ratio() > 0.0 => {
                Some((first + self.ratio() * second) / (1.0 + self.ratio()))
            }
            (Some(first), _) => Some(first),
            (None, _) => self.mean,
        }
    }
}

/// The wavelength, if it can be one.
pub(super) fn plausible(wavelength: f64) -> Option<f64> {
    PLAUSIBLE_WAVELENGTHS.contains(&wavelength).then_some(wavelength)
}

/// What a scan file says besides its points; what it does not say is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanMetadata {
    /// Format of the file.
    pub format: ScanFormat,
    /// Which scan of the file this is, counted from 0.
    pub index: usize,
    /// How many scans the file holds.
    pub scans_in_file: usize,
    /// Name of the sample.
    pub sample: Option<String>,
    /// Remark of the operator.
    pub comment: Option<String>,
    /// Start of the measurement as the file writes it.
    pub started: Option<String>,
    /// Diffractometer or program.
    pub instrument: Option<String>,
    /// Anode of the tube, such as `Cu`.
    pub anode: Option<String>,
    /// The radiation.
    pub wavelengths: Wavelengths,
    /// Name of the scan axis as the file writes it.
    pub axis: Option<String>,
    /// Step that the file states, degrees of 2θ.
    pub step: Option<f64>,
    /// Counting time of a point, seconds. Of a detector with many channels: what the file states,
    /// which is the time summed over channels with some programs.
    pub counting_time: Option<f64>,
    /// What the intensities count.
    pub intensity_unit: IntensityUnit,
    /// What the reader changed or left out, in words.
    pub notes: Vec<String>,
}

impl ScanMetadata {
    /// Metadata of a file that says nothing but its format.
    #[must_use]
    pub fn new(format: ScanFormat) -> Self {
        Self {
            format,
            index: 0,
            scans_in_file: 1,
            sample: None,
            comment: None,
            started: None,
            instrument: None,
            anode: None,
            wavelengths: Wavelengths::default(),
            axis: None,
            step: None,
            counting_time: None,
            intensity_unit: IntensityUnit::Unstated,
            notes: Vec::new(),
        }
    }
}

/// Text that says something: trimmed, at most [`MAX_TEXT`] characters, neither empty nor one of the words for "nothing".
pub(super) fn stated(text: &str) -> Option<String> {
    let text = text.trim().trim_matches(['"', '\'']).trim();
    (!text.is_empty() && !matches!(text, "?" | "." | "-"))
        .then(|| text.chars().take(MAX_TEXT).collect())
}

/// A positive finite number, or nothing.
pub(super) fn positive(value: f64) -> Option<f64> {
    (value.is_finite() && value > 0.0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unresolved_doublet_stands_at_the_weighted_mean() {
        let copper = Wavelengths::doublet(1.540598, 1.544426, Some(0.5));
        assert!((copper.effective().unwrap() - 1.541874).abs() < 1e-6);
        let stripped = Wavelengths::doublet(1.540598, 1.544426, Some(0.0));
        assert_eq!(stripped.effective(), Some(1.540598));
        assert_eq!(Wavelengths::single(0.414581).effective(), Some(0.414581));
        assert_eq!(Wavelengths::single(0.0).effective(), None);
    }
}
