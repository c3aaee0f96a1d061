//! The steps in their order.

use serde::Serialize;

use super::background::snip;
use super::error::ProcessError;
use super::peaks::{Peak, find_peaks};
use super::profile::Profile;
use super::rebin::{area, rebin};
use super::settings::Processing;
use super::smoothing::savitzky_golay;
use super::wavelength::{Converted, convert_wavelength};
use crate::scan::{Scan, Wavelengths};
use crate::{Grid, Pattern};

/// A scan as a pattern, and what became of it on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Processed {
    /// The pattern; its sum times the step of its grid is the area that was kept.
    pub pattern: Pattern,
    /// The peaks, at the wavelength of the pattern, if sticks were asked for.
    pub peaks: Vec<Peak>,
    /// What was left out and assumed.
    pub report: ProcessingReport,
}

/// What became of a scan on its way to a pattern.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ProcessingReport {
    /// Wavelength of the scan, ångström, if it was needed.
    pub wavelength: Option<f64>,
    /// Whether that wavelength was assumed because the scan states none.
    pub wavelength_assumed: bool,
    /// Points at or below 2θ = 0, left out.
    pub points_below_zero: usize,
    /// Points whose d cannot be seen at the wavelength asked for, left out.
    pub points_beyond_reach: usize,
    /// First and last 2θ of the scan, degrees, at the wavelength of the pattern.
    pub range: (f64, f64),
    /// Area of the background that was subtracted over the area of the scan.
    pub background_share: f64,
    /// Part of the area (of its magnitude) that lies outside the grid.
    pub outside_share: f64,
    /// Area of negative intensities (noise below the background), set to zero, over the area kept.
    pub negative_share: f64,
}

impl ProcessingReport {
    /// What a person should know, in words; empty when all is as expected.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let (true, Some(wavelength)) = (self.wavelength_assumed, self.wavelength) {
            remarks.push(format!("no wavelength stated; taken as {wavelength} Å"));
        }
        if self.points_below_zero > 0 {
            remarks.push(format!("{} points at or below 0° left out", self.points_below_zero));
        }
        if self.points_beyond_reach > 0 {
            let points = self.points_beyond_reach;
            remarks.push(format!("{points} points beyond reach of the new wavelength left out"));
        }
        const WORTH_SAYING: f64 = 1e-3;
        if self.outside_share > WORTH_SAYING {
            let percent = 100.0 * self.outside_share;
            remarks.push(format!("{percent:.1} % of the intensity lies outside the grid"));
        }
        remarks
    }
}

impl Processing {
    /// Turns a scan into a pattern called `name` on a grid.
    ///
    /// # Errors
    /// Settings out of range, a wavelength that is needed and not stated, a scan of which nothing
    /// lies on the grid, and sticks of a scan without peaks.
    pub fn apply(&self, scan: &Scan, name: &str, grid: &Grid) -> Result<Processed, ProcessError> {
        self.validate()?;
        let mut report = ProcessingReport::default();
        let (profile, below) = Profile::above_zero(scan.two_theta(), scan.intensities());
        report.points_below_zero = below;
        let nothing_left =
            |wavelength: f64| ProcessError::NothingLeft { name: name.to_owned(), wavelength };
        if profile.two_theta.len() < 2 {
            return Err(nothing_left(self.wavelength_to.unwrap_or_default()));
        }
        let mut profile = profile.evenly_spaced();
        let measured = profile.intensities.clone();
        if let Some(smooth) = self.smooth {
            profile.intensities =
                savitzky_golay(&profile.intensities, smooth.half_width, smooth.degree);
        }
        self.remove_background(&mut profile, &mut report);
        let lines = scan.metadata().wavelengths;
        if self.strip_ka2 {
            if lines.alpha1.is_none() || (lines.alpha2.is_none() && lines.alpha2_ratio != Some(0.0))
            {
                return Err(ProcessError::NoDoublet { name: name.to_owned() });
            }
            profile = profile.without_alpha2(&lines);
        }
        // At the wavelength of the scan, where noise and widths are as measured.
        let peaks = match &self.sticks {
            Some(search) => find_peaks(&profile.two_theta, &profile.intensities, &measured, search),
            None => Vec::new(),
        };
        let profile = self.converted(profile, &lines, name, &mut report)?;
        if profile.two_theta.len() < 2 {
            return Err(nothing_left(self.wavelength_to.unwrap_or_default()));
        }
        report.range = (profile.two_theta[0], profile.two_theta[profile.two_theta.len() - 1]);
        let half = 0.5 * grid.step();
        if report.range.0 > grid.end() + half || report.range.1 < grid.start() - half {
            return Err(ProcessError::OutsideGrid {
                name: name.to_owned(),
                first: report.range.0,
                last: report.range.1,
                grid_first: grid.start(),
                grid_last: grid.end(),
            });
        }
        let mut intensities = rebin(&profile.two_theta, &profile.intensities, grid);
        report.outside_share = outside_share(&profile, grid);
        let mut sticks = Vec::new();
        if self.sticks.is_some() {
            sticks = self.converted_peaks(&peaks, &report);
            if sticks.is_empty() {
                return Err(ProcessError::NoPeaks { name: name.to_owned() });
            }
            intensities = put_sticks(&sticks, grid);
        }
        report.negative_share = clip_negative(&mut intensities);
        let intensities = intensities.into_iter().map(|value| value as f32).collect();
        let pattern = Pattern::new(name.to_owned(), *grid, intensities)?;
        Ok(Processed { pattern, peaks: sticks, report })
    }

    fn remove_background(&self, profile: &mut Profile, report: &mut ProcessingReport) {
        let Some(removal) = self.background else { return };
        let half_width = (removal.half_width / profile.step()).round().max(1.0) as usize;
        let background = snip(&profile.intensities, half_width);
        let whole = area(&profile.two_theta, &profile.intensities);
        if whole > 0.0 {
            report.background_share = area(&profile.two_theta, &background) / whole;
        }
        for (intensity, background) in profile.intensities.iter_mut().zip(&background) {
            *intensity -= background;
        }
    }

    /// The profile at the wavelength asked for.
    fn converted(
        &self,
        profile: Profile,
        lines: &Wavelengths,
        name: &str,
        report: &mut ProcessingReport,
    ) -> Result<Profile, ProcessError> {
        let Some(to) = self.wavelength_to else { return Ok(profile) };
        let stated = if self.strip_ka2 { lines.alpha1 } else { lines.effective() };
        report.wavelength_assumed = stated.is_none();
        let from = stated
            .or(self.unstated_wavelength)
            .ok_or_else(|| ProcessError::NoWavelength { name: name.to_owned() })?;
        report.wavelength = Some(from);
        let Converted { two_theta, intensities, beyond_reach } = convert_wavelength(
            &profile.two_theta,
            &profile.intensities,
            from,
            to,
            self.lorentz_polarisation,
        );
        report.points_beyond_reach = beyond_reach;
        Ok(Profile { two_theta, intensities })
    }

    /// Peaks at the wavelength of the pattern: areas are kept, or follow the Lorentz-polarisation
    /// factor; heights follow the stretch of angles.
    fn converted_peaks(&self, peaks: &[Peak], report: &ProcessingReport) -> Vec<Peak> {
        let (Some(from), Some(to)) = (report.wavelength, self.wavelength_to) else {
            return peaks.to_vec();
        };
        peaks
            .iter()
            .filter_map(|peak| {
                let convert = |value, lorentz| {
                    let moved = convert_wavelength(&[peak.two_theta], &[value], from, to, lorentz);
                    Some((*moved.two_theta.first()?, *moved.intensities.first()?))
                };
                let (two_theta, height) = convert(peak.height, self.lorentz_polarisation)?;
                let stretched = convert(1.0, false)?.1;
                Some(Peak {
                    two_theta,
                    height,
                    area: peak.area * height / (peak.height * stretched),
                })
            })
            .collect()
    }
}

/// Each area in the bin of its peak, over the step, so that the sum times the step is their sum.
fn put_sticks(peaks: &[Peak], grid: &Grid) -> Vec<f64> {
    let mut sticks = vec![0.0; grid.points()];
    for peak in peaks {
        if let Some(index) = grid.nearest(peak.two_theta) {
            sticks[index] += peak.area / grid.step();
        }
    }
    sticks
}

/// Part of the area, of intensities without their sign, that lies outside the bins of a grid.
fn outside_share(profile: &Profile, grid: &Grid) -> f64 {
    let magnitudes: Vec<f64> = profile.intensities.iter().map(|value| value.abs()).collect();
    let whole = area(&profile.two_theta, &magnitudes);
    let within: f64 =
        rebin(&profile.two_theta, &magnitudes, grid).iter().sum::<f64>() * grid.step();
    if whole > 0.0 { (1.0 - within / whole).max(0.0) } else { 0.0 }
}

/// Sets negative values to zero; returns their magnitude over what is left.
fn clip_negative(intensities: &mut [f64]) -> f64 {
    let mut clipped = 0.0;
    for value in intensities.iter_mut().filter(|value| **value < 0.0) {
        clipped -= *value;
        *value = 0.0;
    }
    let kept: f64 = intensities.iter().sum();
    if kept > 0.0 { clipped / kept } else { 0.0 }
}
