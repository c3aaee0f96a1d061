//! The profile of a single line.

use std::f64::consts::{LN_2, PI};

/// The instrument's full width at half maximum: FWHM² = U tan²θ + V tan θ + W, in degrees²
/// (Caglioti, Paoletti, Ricci, Nucl. Instrum. 3 (1958) 223).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Caglioti {
    /// Degrees².
    pub u: f64,
    /// Degrees²; usually negative.
    pub v: f64,
    /// Degrees².
    pub w: f64,
}

impl Caglioti {
    /// The same width at all angles, degrees.
    #[must_use]
    pub fn constant(fwhm: f64) -> Self {
        Self { u: 0.0, v: 0.0, w: fwhm * fwhm }
    }

    /// FWHM², degrees², at tan θ; not positive where the coefficients make no width.
    #[must_use]
    pub fn fwhm_squared(&self, tan_theta: f64) -> f64 {
        (self.u * tan_theta + self.v) * tan_theta + self.w
    }
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Gaussian; the sample's width adds in squares.
    Gaussian,
    /// Lorentzian; the sample's width adds.
    Lorentzian,
    /// mixing · Lorentzian + (1 − mixing) · Gaussian of one width; the sample's width adds.
    PseudoVoigt {
        /// The share of the Lorentzian, 0 to 1.
        mixing: f64,
    },
    /// Gaussian instrument and Lorentzian sample, convolved: the pseudo-Voigt of Thompson, Cox and
    /// Hastings, J. Appl. Cryst. 20 (1987) 79.
    ThompsonCoxHastings,
}

/// A line of unit area about zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    fwhm: f64,
    mixing: f64,
}

/// Lines are drawn out to where they have fallen to this share of their height.
const TAIL: f64 = 2e-4;

impl Line {
    /// The line of an instrument's and a sample's width, degrees.
    pub(super) fn new(shape: Shape, instrument: f64, sample: f64) -> Self {
        match shape {
            Shape::Gaussian => Self { fwhm: instrument.hypot(sample), mixing: 0.0 },
            Shape::Lorentzian => Self { fwhm: instrument + sample, mixing: 1.0 },
            Shape::PseudoVoigt { mixing } => Self { fwhm: instrument + sample, mixing },
            Shape::ThompsonCoxHastings => {
                let (g, l) = (instrument, sample);
                let fifth = g.powi(5)
                    + 2.69269 * g.powi(4) * l
                    + 2.42843 * g.powi(3) * l.powi(2)
                    + 4.47163 * g.powi(2) * l.powi(3)
                    + 0.07842 * g * l.powi(4)
                    + l.powi(5);
                let fwhm = fifth.powf(0.2);
                let q = l / fwhm;
                Self { fwhm, mixing: q * (1.36603 + q * (-0.47719 + q * 0.11116)) }
            }
        }
    }

    /// The height at a distance from the centre, per degree.
    pub(super) fn at(&self, distance: f64) -> f64 {
        let x = 2.0 * distance / self.fwhm;
        let gaussian = (4.0 * LN_2 / PI).sqrt() / self.fwhm * (-LN_2 * x * x).exp();
        let lorentzian = 2.0 / (PI * self.fwhm) / (1.0 + x * x);
        self.mixing * lorentzian + (1.0 - self.mixing) * gaussian
    }

    /// How far from the centre the line is drawn, degrees.
    pub(super) fn reach(&self) -> f64 {
        let gaussian = (-TAIL.ln() / LN_2).sqrt();
        let lorentzian = (self.mixing / TAIL).sqrt();
        self.fwhm / 2.0 * f64::max(gaussian, lorentzian)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shapes() -> [Shape; 4] {
        [
            Shape::Gaussian,
            Shape::Lorentzian,
            Shape::PseudoVoigt { mixing: 0.4 },
            Shape::ThompsonCoxHastings,
        ]
    }

    proptest! {
        #[test]
        fn lines_have_unit_area_and_their_width(instrument in 0.01_f64..0.5, sample in 0.001_f64..0.5) {
            for shape in shapes() {
                let line = Line::new(shape, instrument, sample);
                let step = line.fwhm / 100.0;
                let area: f64 = (-200_000..=200_000).map(|i| line.at(f64::from(i) * step) * step).sum();
                // A Lorentzian keeps 0.03 % of its area beyond 1000 widths.
                prop_assert!((area - 1.0).abs() < 1e-3, "{shape:?}: {area}");
                let half = line.at(line.fwhm / 2.0) / line.at(0.0);
                prop_assert!((half - 0.5).abs() < 1e-9);
                prop_assert!(line.at(line.reach()) <= 1.01 * TAIL * line.at(0.0));
            }
        }
    }

    #[test]
    fn the_convolved_line_is_gaussian_or_lorentzian_in_its_limits() {
        let gaussian = Line::new(Shape::ThompsonCoxHastings, 0.1, 0.0);
        assert!(gaussian.mixing == 0.0 && (gaussian.fwhm - 0.1).abs() < 1e-12);
        let lorentzian = Line::new(Shape::ThompsonCoxHastings, 1e-9, 0.1);
        assert!((lorentzian.mixing - 1.0).abs() < 1e-4 && (lorentzian.fwhm - 0.1).abs() < 1e-6);
    }

    #[test]
    fn the_convolved_line_follows_a_numerical_convolution() {
        // Voigt by quadrature against its approximation: 1.2 % of the height, as published.
        let (g, l) = (0.08, 0.06);
        let line = Line::new(Shape::ThompsonCoxHastings, g, l);
        let (gaussian, lorentzian) =
            (Line::new(Shape::Gaussian, g, 0.0), Line::new(Shape::Lorentzian, 0.0, l));
        for at in [0.0, 0.02, 0.05, 0.1, 0.3] {
            let step = 5e-4;
            let voigt: f64 = (-2000..=2000)
                .map(|i| f64::from(i) * step)
                .map(|x| gaussian.at(x) * lorentzian.at(at - x) * step)
                .sum();
            assert!((voigt - line.at(at)).abs() < 0.012 * line.at(0.0), "at {at}");
        }
    }
}
