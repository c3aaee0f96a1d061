//! Numbers of a structure that a pattern should tell.
//!
//! Six, all intensive: logarithms of the volumes for each atom, ion and anion and of the ion's distances
//! to the next ion and to its anions, and its coordination; each with mean 0 and variance 1 over the
//! patterns. That the room around ions decides how easily they move is what descriptors of conductors
//! rest on (Sendek et al., Energy Environ. Sci. 10 (2017) 306).
//!
//! A view whose lattice has grown by a factor s is the pattern of a crystal with volumes s³ and distances s
//! times as large, so that is what it should tell. Encoders that are told the undistorted crystal's
//! numbers learn that lengths do not matter.

use convnet::Matrix;
use diffraction::environment::Environment;

/// Standardised numbers of patterns; NaN where one is not defined.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    /// (patterns, [`Numbers::COUNT`]).
    values: Vec<f64>,
    /// What ln s adds to each.
    growth: [f64; Numbers::COUNT],
    described: usize,
}

/// The power of lengths that each number goes with.
const LENGTHS: [f64; Numbers::COUNT] = [3.0, 3.0, 3.0, 1.0, 1.0, 0.0];

/// Numbers that spread less are the same but for rounding.
const SMALLEST: f64 = 1e-6;

impl Numbers {
    /// Numbers of a pattern.
    pub(super) const COUNT: usize = 6;

    /// Of patterns whose structures have these surroundings.
    pub(super) fn new(environments: &[Option<&Environment>]) -> Self {
        let mut values: Vec<f64> =
            environments.iter().flat_map(|each| each.map_or([f64::NAN; 6], raw)).collect();
        let mut growth = LENGTHS;
        for (number, growth) in growth.iter_mut().enumerate() {
            let scale = standardize(values.iter_mut().skip(number).step_by(Self::COUNT));
            *growth *= scale;
        }
        Self { values, growth, described: environments.iter().flatten().count() }
    }

    /// Patterns with a structure.
    pub(super) fn described(&self) -> usize {
        self.described
    }

    /// 1/B · Σ ½ · (output − number)² over the defined numbers of the patterns at some positions, where
    /// their lattices have grown by these factors; its gradient is written. Up to a constant it is the
    /// negative log-likelihood of numbers spread normally, with variance 1, about the outputs; so it
    /// has the unit of a cross-entropy. The outputs are those from `first` on.
    pub(super) fn loss(
        &self,
        logits: &Matrix,
        (positions, stretches): (&[usize], &[f32]),
        first: usize,
        gradient: &mut Matrix,
    ) -> f64 {
        let of = |position: usize| &self.values[position * Self::COUNT..][..Self::COUNT];
        let (share, mut loss) = (1.0 / positions.len() as f64, 0.0);
        for (row, (&position, &stretch)) in positions.iter().zip(stretches).enumerate() {
            let grown = f64::from(stretch).ln();
            let outputs = logits.row(row)[first..].iter().zip(&mut gradient.row_mut(row)[first..]);
            let targets = of(position).iter().zip(self.growth);
            for ((output, gradient), (value, growth)) in outputs.zip(targets) {
                if value.is_nan() {
                    continue;
                }
                let off = f64::from(*output) - (value + growth * grown);
                loss += share * 0.5 * off * off;
                #[expect(clippy::cast_possible_truncation, reason = "gradients travel as f32")]
                {
                    *gradient = (share * off) as f32;
                }
            }
        }
        loss
    }
}

/// The numbers of one structure as they are; NaN where one is not defined.
fn raw(environment: &Environment) -> [f64; Numbers::COUNT] {
    let log = |number: Option<f64>| number.map(f64::ln);
    [
        log(Some(environment.volume_per_atom)),
        log(environment.volume_per_ion),
        log(environment.volume_per_anion),
        log(environment.ion_distance),
        log(environment.anion_distance),
        environment.coordination,
    ]
    .map(|number| number.filter(|number| number.is_finite()).unwrap_or(f64::NAN))
}

/// Brings the defined values to mean 0 and variance 1, or makes all NaN where they do not differ; gives
/// what they were multiplied by, 0 in that case.
fn standardize<'a>(values: impl Iterator<Item = &'a mut f64>) -> f64 {
    let mut defined: Vec<&mut f64> = values.filter(|value| !value.is_nan()).collect();
    let count = defined.len() as f64;
    let mean = defined.iter().map(|value| **value).sum::<f64>() / count;
    let square = defined.iter().map(|value| (**value - mean).powi(2)).sum::<f64>() / count;
    let deviation = square.sqrt();
    if deviation > SMALLEST {
        defined.iter_mut().for_each(|value| **value = (**value - mean) / deviation);
        return 1.0 / deviation;
    }
    defined.iter_mut().for_each(|value| **value = f64::NAN);
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{a} {b}");
    }

    #[test]
    fn values_get_mean_zero_and_variance_one() {
        let mut found: Vec<f64> = (0..1000).map(|i| f64::from(i * 37 % 1000).sqrt()).collect();
        let raw = found.clone();
        found[7] = f64::NAN;
        let scale = standardize(found.iter_mut());
        let defined = || found.iter().filter(|value| !value.is_nan());
        near(defined().sum::<f64>(), 0.0);
        near(defined().map(|value| value * value).sum::<f64>() / 999.0, 1.0);
        near(found[1] - found[0], (raw[1] - raw[0]) * scale);
        assert!(found[7].is_nan());
    }

    #[test]
    fn numbers_that_do_not_differ_say_nothing() {
        for values in [&[] as &[f64], &[2.0], &[0.1, 0.1, 0.1, f64::NAN], &[f64::NAN; 3]] {
            let mut found = values.to_vec();
            assert_eq!(standardize(found.iter_mut()), 0.0);
            assert!(found.iter().all(|value| value.is_nan()), "{found:?}");
        }
    }

    fn environment(size: f64) -> Environment {
        Environment {
            volume_per_atom: size.powi(3),
            volume_per_ion: Some(2.0 * size.powi(3)),
            volume_per_anion: None,
            ion_distance: Some(size / 10.0),
            anion_distance: Some(f64::INFINITY),
            coordination: Some(4.0),
        }
    }

    #[test]
    fn only_what_is_defined_and_differs_is_learnt() {
        let [small, large] = [environment(10.0), environment(20.0)];
        let numbers = Numbers::new(&[Some(&small), None, Some(&large)]);
        assert_eq!(numbers.described(), 2);
        // Two patterns have ±1 in three columns; the second pattern has none.
        let logits: Vec<f32> = (0..3 * 8).map(|i| (i as f32 * 0.37).sin()).collect();
        let logits = Matrix::from_vec(3, 8, logits);
        let mut gradient = Matrix::zeros(3, 8);
        let loss = numbers.loss(&logits, (&[2, 1, 0], &[1.0; 3]), 2, &mut gradient);
        let (mut expected, mut slopes) = (0.0, vec![0.0; 24]);
        for (row, target) in [(0, 1.0), (2, -1.0)] {
            for column in [2, 3, 5] {
                let off = f64::from(logits.row(row)[column]) - target;
                expected += 0.5 * off * off / 3.0;
                slopes[row * 8 + column] = off / 3.0;
            }
        }
        near(loss, expected);
        for (found, expected) in gradient.as_slice().iter().zip(slopes) {
            assert!((f64::from(*found) - expected).abs() < 1e-6);
        }
        let none = numbers.loss(&logits, (&[1; 3], &[1.0; 3]), 2, &mut Matrix::zeros(3, 8));
        assert_eq!(none, 0.0);
    }

    #[test]
    fn a_grown_lattice_has_the_numbers_of_the_larger_crystal() {
        let crystals = [9.0, 10.0, 12.0].map(environment);
        let of = crystals.each_ref().map(Some);
        let numbers = Numbers::new(&of);
        // The first, grown to the size of the last, is told apart from it by nothing.
        let logits = Matrix::from_vec(1, 6, vec![0.3; 6]);
        let loss = |position: usize, stretch: f32| {
            numbers.loss(&logits, (&[position], &[stretch]), 0, &mut Matrix::zeros(1, 6))
        };
        assert!((loss(0, 12.0 / 9.0) - loss(2, 1.0)).abs() < 1e-6);
        assert!((loss(0, 1.0) - loss(2, 1.0)).abs() > 1e-2);
    }
}
