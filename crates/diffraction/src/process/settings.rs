//! How scans become patterns, as data.

use serde::{Deserialize, Serialize};

use super::error::ProcessError;

/// Wavelength of the published patterns, mean Cu Kα, in ångström.
const COPPER: f64 = 1.54184;

/// How a scan becomes a pattern. The defaults suit a laboratory scan that is to be compared with
/// the published patterns: background removed, wavelength converted to mean Cu Kα.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Processing {
    /// Wavelength, ångström, of scans that do not state theirs; `None` makes them an error.
    pub unstated_wavelength: Option<f64>,
    /// Wavelength, ångström, to which angles are converted; `None` leaves them.
    pub wavelength_to: Option<f64>,
    /// Whether intensities are converted with the angles, by the ratio of the Lorentz-polarisation
    /// factors of an unpolarised beam. Right for tubes without monochromator, not for synchrotrons.
    pub lorentz_polarisation: bool,
    /// Smoothing before all else; `None` leaves the noise.
    pub smooth: Option<Smoothing>,
    /// Removal of the background; `None` leaves it.
    pub background: Option<BackgroundRemoval>,
    /// Whether Kα2 is stripped; needs a scan that states both wavelengths.
    pub strip_ka2: bool,
    /// Peaks as sticks in place of the measured profile; `None` keeps the profile.
    pub sticks: Option<PeakSearch>,
}

impl Default for Processing {
    fn default() -> Self {
        Self {
            unstated_wavelength: Some(COPPER),
            wavelength_to: Some(COPPER),
            lorentz_polarisation: false,
            smooth: None,
            background: Some(BackgroundRemoval::default()),
            strip_ka2: false,
            sticks: None,
        }
    }
}

/// Savitzky–Golay smoothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Smoothing {
    /// Points on either side of the one that is smoothed.
    pub half_width: usize,
    /// Degree of the polynomial, at most 5.
    pub degree: usize,
}

impl Default for Smoothing {
    fn default() -> Self {
        Self { half_width: 4, degree: 2 }
    }
}

/// Background by SNIP.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackgroundRemoval {
    /// Half the width, degrees 2θ, of the widest feature that is a peak and not background.
    pub half_width: f64,
}

impl Default for BackgroundRemoval {
    fn default() -> Self {
        Self { half_width: 1.5 }
    }
}

/// What counts as a peak.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeakSearch {
    /// Usual full width of a peak at half its height, degrees 2θ.
    pub width: f64,
    /// Smallest curvature of a peak's top, in standard deviations of its noise.
    pub significance: f64,
    /// Smallest height of a peak, relative to the highest.
    pub relative_height: f64,
}

impl Default for PeakSearch {
    fn default() -> Self {
        Self { width: 0.15, significance: 4.0, relative_height: 0.005 }
    }
}

/// Largest degree of the smoothing polynomial: beyond it the normal equations lose digits.
const MAX_DEGREE: usize = 5;

/// Most points on either side of a smoothed one.
const MAX_HALF_WIDTH: usize = 1000;

impl Processing {
    /// Checks every setting.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn validate(&self) -> Result<(), ProcessError> {
        let check = |setting, found: f64, (low, high): (f64, f64), expected| {
            if (low..=high).contains(&found) {
                Ok(())
            } else {
                Err(ProcessError::Setting { setting, found, expected })
            }
        };
        let wavelengths = (0.01, 20.0);
        if let Some(wavelength) = self.unstated_wavelength {
            check("unstated_wavelength", wavelength, wavelengths, "0.01 to 20 Å")?;
        }
        if let Some(wavelength) = self.wavelength_to {
            check("wavelength_to", wavelength, wavelengths, "0.01 to 20 Å")?;
        }
        if let Some(smooth) = self.smooth {
            let widths = (1.0, MAX_HALF_WIDTH as f64);
            check("smooth.half_width", smooth.half_width as f64, widths, "1 to 1000 points")?;
            let degrees = (0.0, MAX_DEGREE.min(2 * smooth.half_width) as f64);
            let expected = "at most 5, and less than the points of the window";
            check("smooth.degree", smooth.degree as f64, degrees, expected)?;
        }
        if let Some(background) = self.background {
            check("background.half_width", background.half_width, (1e-3, 90.0), "0.001 to 90°")?;
        }
        if let Some(sticks) = self.sticks {
            check("sticks.width", sticks.width, (1e-4, 20.0), "0.0001 to 20°")?;
            check("sticks.significance", sticks.significance, (0.0, 1e6), "0 to 1000000")?;
            check("sticks.relative_height", sticks.relative_height, (0.0, 1.0), "0 to 1")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_json() {
        let settings = Processing { sticks: Some(PeakSearch::default()), ..Processing::default() };
        settings.validate().unwrap();
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Processing>(&text).unwrap(), settings);
        assert_eq!(serde_json::from_str::<Processing>("{}").unwrap(), Processing::default());
        assert!(serde_json::from_str::<Processing>(r#"{"strip_ka3":true}"#).is_err());
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let setting = |settings: Processing| match settings.validate() {
            Err(ProcessError::Setting { setting, .. }) => setting,
            other => panic!("{other:?}"),
        };
        let base = Processing::default;
        assert_eq!(setting(Processing { wavelength_to: Some(0.0), ..base() }), "wavelength_to");
        let nan = Some(f64::NAN);
        assert_eq!(
            setting(Processing { unstated_wavelength: nan, ..base() }),
            "unstated_wavelength"
        );
        let smooth = Some(Smoothing { half_width: 1, degree: 3 });
        assert_eq!(setting(Processing { smooth, ..base() }), "smooth.degree");
        let background = Some(BackgroundRemoval { half_width: -1.0 });
        assert_eq!(setting(Processing { background, ..base() }), "background.half_width");
        let sticks = Some(PeakSearch { width: 0.0, ..PeakSearch::default() });
        assert_eq!(setting(Processing { sticks, ..base() }), "sticks.width");
    }
}
